"""The spaces that images are taught: what they learn of texts, against numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from scipy.special import expit, softmax
from scipy.stats import entropy

from sklearn_crossmodal import base
from sklearn_crossmodal.training import _text_space
from sklearn_crossmodal.training._text_space import (
    RowScaledSpace,
    ScaledSpace,
    TextSpace,
    TopicSpace,
    are_distributions,
    check_can_whiten,
    first_negative,
)

N, D = 40, 4
_rng = np.random.default_rng(0)
VECTORS = _rng.normal(size=(N, D)) @ _rng.normal(size=(D, D)) + [5, 0, -3, 1]
VECTORS[[3, 17]] = 0  # they say nothing
VECTORS = VECTORS.astype(np.float32).astype(float)  # as blocks of rows come
TOPICS = _rng.dirichlet([0.3] * D, size=N)
TOPICS[5] = 0
OUTPUTS = 2 * _rng.normal(size=(N, D))
KNOWN = VECTORS.any(axis=1)
POWERS = [0, 0.5, 1]


def learned(space, items):
    space = space.double()
    with torch.no_grad():
        space.learn(items)
    return space


def tensor(rows):
    return torch.tensor(np.asarray(rows, dtype=float))


def apply(method, *rows):
    with torch.no_grad():
        result = method(*map(tensor, rows))
    if isinstance(result, tuple):
        return tuple(part.numpy() for part in result)
    return result.numpy()


def unit(rows):
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1)


def slow_axes(known, power):
    """The inverse root of the covariance, shrunk by a hundredth, to a power."""
    if not power:
        return np.eye(known.shape[1])
    variances, directions = np.linalg.eigh(np.cov(known.T, bias=True))
    floor = 0.01 * variances.mean()
    return directions @ np.diag((variances + floor) ** (-power / 2)) @ directions.T


def slow_coordinates(items, center, power):
    """The coordinates of all rows, by numpy."""
    known = items[items.any(axis=1)]
    origin = known.mean(axis=0) if center else np.zeros(items.shape[1])
    placed = (items - origin) @ slow_axes(known, power)
    return np.where(items.any(axis=1)[:, None], placed, 0)


def close(a, b, **options):
    np.testing.assert_allclose(a, b, **{"rtol": 1e-4, "atol": 1e-5, **options})


# --- Vectors ------------------------------------------------------------------------


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("power", POWERS)
def test_texts_are_centred_and_whitened(center, power):
    space = learned(TextSpace(D, "dot", center, power), VECTORS)
    expected = slow_coordinates(VECTORS, center, power)
    close(apply(space.text, VECTORS), expected)
    length = np.sqrt((expected[KNOWN] ** 2).sum(axis=1).mean())
    assert space.length.item() == pytest.approx(length, rel=1e-4)
    if center:
        close(apply(space.text, VECTORS)[KNOWN].mean(axis=0), 0)


def test_texts_that_say_nothing_are_no_part_of_what_is_learned():
    some = learned(TextSpace(D, "dot", True, 0.5), VECTORS)
    without = learned(TextSpace(D, "dot", True, 0.5), VECTORS[KNOWN])
    for name, value in some.state_dict().items():
        close(value, without.state_dict()[name])
    assert not apply(some.text, VECTORS)[~KNOWN].any()


def test_whitening_evens_out_variances():
    spreads = []
    for power in POWERS:
        space = learned(TextSpace(D, "dot", True, power), VECTORS)
        covariance = np.cov(apply(space.text, VECTORS)[KNOWN].T, bias=True)
        spreads.append(np.linalg.cond(covariance))
        variances = np.linalg.eigvalsh(np.cov(VECTORS[KNOWN].T, bias=True))
        floor = 0.01 * variances.mean()
        kept = np.sort(variances * (variances + floor) ** -power)
        close(np.linalg.eigvalsh(covariance), kept)
    given = np.linalg.cond(np.cov(VECTORS[KNOWN].T, bias=True))
    assert spreads[0] == pytest.approx(given, rel=1e-3)
    assert spreads[0] > 3 * spreads[1] > 3 * spreads[2]
    # The last is the identity where variances are not beside the hundredth added.
    even = np.random.default_rng(1).normal(size=(200, D)) @ np.diag([1, 2, 3, 4])
    space = learned(TextSpace(D, "dot", True, 1), even)
    close(np.cov(apply(space.text, even).T, bias=True), np.eye(D), atol=0.1)


def test_whitened_axes_stay_what_they_were():
    even = np.random.default_rng(1).normal(size=(200, D)) @ np.diag([1, 2, 3, 4])
    space = learned(TextSpace(D, "dot", True, 1), even)
    coordinates = apply(space.text, even)
    for column, before in zip(coordinates.T, even.T, strict=True):
        assert np.corrcoef(column, before)[0, 1] > 0.95


@pytest.mark.parametrize("items", [np.zeros((6, D)), np.ones((6, D)), VECTORS[:1]])
@pytest.mark.parametrize("make", [TextSpace, ScaledSpace, RowScaledSpace])
def test_texts_without_any_variance(make, items):
    space = learned(make(D, "cosine", True, 0.5), items)
    assert all(value.isfinite().all() for value in space.state_dict().values())
    z, t = apply(space.compared, OUTPUTS[: len(items)], items)
    for rows in (z, t, apply(space.text, items), apply(space.image, z)):
        assert np.isfinite(rows).all()


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csr_array])
@pytest.mark.parametrize("space", ["text", "column", "row", "topics"])
def test_sparse_rows_in_small_blocks_teach_what_dense_ones_do(monkeypatch, make, space):
    items = np.abs(VECTORS)
    build = {
        "text": lambda: TextSpace(D, "cosine", True, 0.5),
        "column": lambda: ScaledSpace(D, "cosine", True, 0.5),
        "row": lambda: RowScaledSpace(D, "cosine", True, 0.5),
        "topics": lambda: TopicSpace(D, "cosine", True, 0.5, "softmax"),
    }[space]
    whole = learned(build(), items).state_dict()
    of_sparse = learned(build(), make(items)).state_dict()
    monkeypatch.setattr(base, "_BLOCK_VALUES", 3 * D)
    assert len(list(base.row_blocks(items))) == -(-N // 3)
    in_blocks = learned(build(), items).state_dict()
    both = learned(build(), make(items)).state_dict()
    for name, value in whole.items():
        for other in (of_sparse, in_blocks, both):
            close(other[name], value)


def test_directions_are_compared_as_such_and_vectors_by_deviation():
    text = slow_coordinates(VECTORS, True, 0.5)
    z, t = apply(
        learned(TextSpace(D, "cosine", True, 0.5, unit=True), VECTORS).compared,
        OUTPUTS,
        VECTORS,
    )
    close(z, unit(OUTPUTS))
    close(t, unit(text))
    z, t = apply(
        learned(TextSpace(D, "cosine", True, 0.5), VECTORS).compared, OUTPUTS, VECTORS
    )
    close(z, OUTPUTS)
    # A coordinate deviates by 1, which is what outputs of a net are of the order of,
    # whatever the unit and the dimension of the vectors.
    assert (t[KNOWN] ** 2).mean() == pytest.approx(1, rel=1e-4)
    close(unit(t), unit(text))


@pytest.mark.parametrize("unit_length", [True, False])
def test_outputs_that_are_right_stand_for_the_text(unit_length):
    space = learned(TextSpace(D, "dot", True, 0.5, unit=unit_length), VECTORS)
    _, t = apply(space.compared, OUTPUTS, VECTORS)
    image, text = apply(space.image, t), apply(space.text, VECTORS)
    if unit_length:  # lengths are not learned
        image, text = unit(image), unit(text)
    close(image, text)


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_only_what_is_compared_by_cosine_is_of_unit_length(similarity):
    space = learned(TextSpace(D, similarity, True, 0.5), VECTORS)
    coordinates = apply(space.text, VECTORS)
    expected = unit(coordinates) if similarity == "cosine" else coordinates
    close(apply(space.embed_y, coordinates), expected)
    close(apply(space.embed_x, coordinates), expected)


# --- Scaled from 0 to 1 -------------------------------------------------------------


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("power", POWERS)
def test_columns_are_scaled_and_scaled_back(center, power):
    space = learned(ScaledSpace(D, "cosine", center, power), VECTORS)
    z, t = apply(space.compared, OUTPUTS, VECTORS)
    np.testing.assert_array_equal(z, OUTPUTS)
    expected = slow_coordinates(VECTORS, center, power)
    low, high = expected.min(axis=0), expected.max(axis=0)
    close(t, (expected - low) / (high - low))
    assert t.min() == 0
    assert t.max() == 1
    with np.errstate(divide="ignore"):
        outputs = np.log(t) - np.log1p(-t)
    close(apply(space.image, outputs), apply(space.text, VECTORS))


def test_texts_beyond_the_training_texts_are_cut_to_their_range():
    space = learned(ScaledSpace(D, "cosine", False, 0), VECTORS)
    _, t = apply(space.compared, OUTPUTS[:2], [[1e3] * D, [-1e3] * D])
    np.testing.assert_array_equal(t, [[1] * D, [0] * D])


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("seed", range(4))
def test_a_column_that_never_varies_is_half(power, seed):
    rng = np.random.default_rng(seed)
    items = rng.normal(size=(N, D)) @ rng.normal(size=(D, D))
    items[:, 1] = -0.6
    space = ScaledSpace(D, "cosine", True, power)
    with torch.no_grad():
        space.learn(items)
        given = torch.tensor(items, dtype=torch.float32)
        _, t = space.compared(torch.zeros_like(given), given)
        image = space.image(torch.tensor(OUTPUTS, dtype=torch.float32))
    # What rounding leaves of a variance is no range to scale by.
    np.testing.assert_array_equal(t[:, 1], 0.5)
    assert t[:, 0].min() == 0
    close(image[:, 1], 0)


def test_rows_are_scaled_each_by_itself():
    items = VECTORS.copy()
    items[7] = 2.5  # all alike: it has no scale
    scales = KNOWN & (np.arange(N) != 7)
    space = learned(RowScaledSpace(D, "dot", False, 0), items)
    z, t = apply(space.compared, OUTPUTS, items)
    np.testing.assert_array_equal(z, OUTPUTS)
    low = items.min(axis=1, keepdims=True)
    width = items.max(axis=1, keepdims=True) - low
    expected = (items - low)[scales] / width[scales]
    close(t[scales], expected)
    close(t[~scales], [expected.mean(axis=0)] * 3)
    text = apply(space.embed_y, apply(space.text, items))
    np.testing.assert_array_equal(text[scales].min(axis=1), 0)
    np.testing.assert_array_equal(text[scales].max(axis=1), 1)
    np.testing.assert_array_equal(text[~scales], 0)
    image = apply(space.embed_x, apply(space.image, OUTPUTS))
    close(image, expit(OUTPUTS) / expit(OUTPUTS).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("power", POWERS)
def test_scaled_rows_are_centred_and_whitened_too(power):
    space = learned(RowScaledSpace(D, "cosine", True, power), VECTORS)
    low = VECTORS[KNOWN].min(axis=1, keepdims=True)
    scaled = (VECTORS[KNOWN] - low) / np.ptp(VECTORS[KNOWN], axis=1)[:, None]
    axes = slow_axes(scaled, power)
    expected = (scaled - scaled.mean(axis=0)) @ axes
    close(apply(space.text, VECTORS)[KNOWN], expected)
    image = (expit(OUTPUTS) - scaled.mean(axis=0)) @ axes
    close(apply(space.embed_x, apply(space.image, OUTPUTS)), unit(image))


# --- Distributions ------------------------------------------------------------------


def topic_space(similarity, link="softmax", items=TOPICS, power=0.5):
    return learned(TopicSpace(D, similarity, True, power, link), items)


@pytest.mark.parametrize("similarity", ["log_ratio", "kl", "cosine"])
@pytest.mark.parametrize("link", ["softmax", "sigmoid"])
def test_outputs_become_distributions(similarity, link):
    space = topic_space(similarity, link)
    shares = apply(space.topics_of_image, OUTPUTS)
    expected = softmax(OUTPUTS, axis=1)
    if link == "sigmoid":
        expected = expit(OUTPUTS) / expit(OUTPUTS).sum(axis=1, keepdims=True)
    close(shares, expected)
    z, t = apply(space.compared, OUTPUTS, TOPICS)
    np.testing.assert_array_equal(z, OUTPUTS)
    close(t.sum(axis=1), 1)


@pytest.mark.parametrize("similarity", ["log_ratio", "kl", "euclidean"])
@pytest.mark.parametrize("factor", [1, 7])
def test_counts_are_divided_by_their_sum_and_none_are_the_mean(similarity, factor):
    # A long text weighs as much as a short one.
    items = TOPICS * factor ** (np.arange(N) % 5)[:, None]
    space = topic_space(similarity, items=items)
    known = TOPICS.any(axis=1)
    _, t = apply(space.compared, OUTPUTS, items)
    close(t[known], TOPICS[known])
    close(t[~known], [TOPICS[known].mean(axis=0)])
    if similarity != "euclidean":
        close(apply(space.embed_y, apply(space.text, items)), t)


def test_the_divergence_is_that_of_scipy():
    from sklearn_crossmodal.metrics._similarity import divergence_views

    space = topic_space("kl")
    image = apply(space.embed_x, apply(space.image, OUTPUTS))
    text = apply(space.embed_y, apply(space.text, TOPICS))
    left, right = divergence_views(image, text)
    for i, j in [(0, 1), (2, 5), (7, 3)]:
        divergence = entropy(text[j], image[i])
        assert left[i] @ right[j] == pytest.approx(-divergence, abs=1e-6)


@pytest.mark.parametrize("link", ["softmax", "sigmoid"])
def test_the_product_is_how_much_better_than_the_mean_an_image_explains_a_text(link):
    space = topic_space("log_ratio", link)
    image = apply(space.embed_x, apply(space.image, OUTPUTS))
    text = apply(space.embed_y, apply(space.text, TOPICS))
    shares = apply(space.topics_of_image, OUTPUTS)
    mean = TOPICS[TOPICS.any(axis=1)].mean(axis=0)
    for i, j in np.ndindex(6, 6):
        gain = entropy(text[j], mean) - entropy(text[j], shares[i])
        assert image[i] @ text[j] == pytest.approx(gain, abs=1e-5)


def test_a_topic_that_no_text_has_is_finite():
    items = TOPICS.copy()
    items[:, 2] = 0
    outputs = OUTPUTS.copy()
    outputs[:, 2] = -1e4
    for link in ("softmax", "sigmoid"):
        space = topic_space("log_ratio", link, items)
        image = apply(space.embed_x, apply(space.image, outputs))
        assert np.isfinite(image).all()
        assert np.abs(image[:, 2]).max() < 1e-5  # nor does any image


def test_differences_of_distributions_become_distributions():
    space = topic_space("kl")
    close(apply(space.embed_y, [[0.5, -0.2, 0.3, 0.2]]), [[0.5, 0, 0.3, 0.2]])
    close(apply(space.embed_y, [[1, -1, 0.5, 0.5]]), [[0.5, 0, 0.25, 0.25]])
    close(apply(space.embed_y, [[-1, -1, 0, 0]]), [[0, 0, 0, 0]])


@pytest.mark.parametrize("power", POWERS)
def test_distributions_compared_as_vectors_are_centred_and_whitened(power):
    space = topic_space("cosine", power=power)
    known = TOPICS.any(axis=1)
    mean = TOPICS[known].mean(axis=0)
    axes = slow_axes(TOPICS[known], power)
    text = apply(space.embed_y, apply(space.text, TOPICS))
    close(text[known], unit((TOPICS[known] - mean) @ axes), atol=1e-4)
    image = apply(space.embed_x, apply(space.image, OUTPUTS))
    expected = (softmax(OUTPUTS, axis=1) - mean) @ axes
    close(image, unit(expected), atol=1e-4)


@pytest.mark.parametrize("similarity", ["log_ratio", "kl"])
def test_divergences_have_no_origin(similarity):
    space = topic_space(similarity)
    assert not space.center
    assert not space.whitening
    close(apply(space.text, TOPICS)[0], TOPICS[0])


def test_nothing_but_texts_that_say_nothing():
    space = topic_space("log_ratio", items=np.zeros((5, D)))
    close(apply(space.text, np.zeros((2, D))), np.full((2, D), 1 / D))
    assert np.isfinite(apply(space.embed_x, apply(space.image, OUTPUTS))).all()


# --- What rows are ------------------------------------------------------------------


containers = pytest.mark.parametrize(
    "container", [np.array, np.float32, sparse.csr_matrix, sparse.csr_array]
)


@containers
@pytest.mark.parametrize(
    "items, expected",
    [
        (TOPICS, True),
        (TOPICS[:, :1] * 0 + 1, False),  # of one topic
        (np.zeros((3, D)), False),
        (2 * TOPICS, False),
        (np.vstack([TOPICS, [[1.5, -0.5, 0, 0]]]), False),
        (np.vstack([TOPICS, [[0.5, 0.6, 0, 0]]]), False),
        (np.eye(D), True),
    ],
)
def test_which_rows_are_distributions(container, items, expected):
    assert are_distributions(container(items)) is expected


@containers
@given(seed=st.integers(0, 1000), n_blocks=st.sampled_from([1, 3]))
def test_the_first_negative_row_is_named(container, seed, n_blocks):
    rng = np.random.default_rng(seed)
    items = rng.random((11, 3)) * (rng.random((11, 3)) < 0.5)
    bad = np.flatnonzero(rng.random(11) < 0.1)
    items[bad, rng.integers(3)] = -1e-3
    with pytest.MonkeyPatch.context() as patch:
        if n_blocks > 1:
            patch.setattr(base, "_BLOCK_VALUES", 3 * 4)
        found = first_negative(container(items))
    assert found == (bad[0] if len(bad) else None)


@given(hnp.arrays(float, (6, 3), elements=st.floats(-5, 5)))
def test_coordinates_of_any_rows_are_finite(items):
    items = items.astype(np.float32)
    for make in (TextSpace, ScaledSpace, RowScaledSpace):
        space = learned(make(3, "cosine", True, 0.5), items)
        _, t = apply(space.compared, OUTPUTS[:6, :3], items)
        assert np.isfinite(t).all()
        assert np.isfinite(apply(space.text, items)).all()
        if make is not TextSpace:
            assert (0 <= t).all()
            assert (t <= 1).all()


def test_covariances_of_many_dimensions_are_refused():
    most = _text_space._MOST_WHITENED
    check_can_whiten(most)
    with pytest.raises(
        ValueError, match=rf"they have {most + 1} dimensions.*TruncatedSVD"
    ):
        check_can_whiten(most + 1)
