"""The edit-distance losses, against loops over their formulas and closed forms."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from sklearn_crossmodal.losses import (
    EDIT_DISTANCE_LOSSES,
    PoissonEditError,
    RelativeEditError,
    SquaredEditError,
)
from sklearn_crossmodal.losses._strings import _EPSILON, pairwise_distances

DISTANCES = ["euclidean", "sqeuclidean"]
# Under the root and the logarithm; nowhere does it move a Euclidean distance by more.
BLUR = math.sqrt(_EPSILON)

by_loss = pytest.mark.parametrize("name", list(EDIT_DISTANCE_LOSSES))
by_distance = pytest.mark.parametrize("distance", DISTANCES)
quick = settings(max_examples=40)
seeds = st.integers(0, 2**16)
sizes = st.integers(2, 8)


def batch(seed, n=6, n_others=4, d=3):
    """Draw float64 embeddings of two sets, and edit distances from 0 to 6."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(scale=3, size=(n, d)), rng.normal(scale=3, size=(n_others, d))
    own = np.triu(rng.integers(7, size=(n, n)), 1)
    return x, y, own + own.T, rng.integers(7, size=(n, n_others))


def compute(name, distance, embeddings, targets):
    """Return the loss of numpy inputs as a float, in the precision given."""
    as_tensor = lambda array: torch.from_numpy(np.array(array))  # noqa: E731
    if isinstance(embeddings, tuple):
        embeddings = tuple(map(as_tensor, embeddings))
    else:
        embeddings = as_tensor(embeddings)
    return EDIT_DISTANCE_LOSSES[name](distance)(embeddings, as_tensor(targets)).item()


# --- Slow references ----------------------------------------------------------------


def slow_distance(a, b, distance):
    squared = sum((p - q) ** 2 for p, q in zip(a, b, strict=True))
    return squared if distance == "sqeuclidean" else math.sqrt(squared + _EPSILON)


def slow_loss(name, d, t):
    if name == "squared_error":
        return (d - t) ** 2
    if name == "relative_error":
        return abs(d - t) / max(t, 1)
    return d - t * math.log(d + _EPSILON)


@by_loss
@by_distance
@pytest.mark.parametrize("seed", range(5))
def test_losses_equal_loops_over_their_formula(name, distance, seed):
    x, y, own, across = batch(seed)
    one_set = [
        slow_loss(name, slow_distance(x[i], x[j], distance), own[i, j])
        for i in range(len(x))
        for j in range(len(x))
        if i != j
    ]
    two_sets = [
        slow_loss(name, slow_distance(a, b, distance), across[i, j])
        for i, a in enumerate(x)
        for j, b in enumerate(y)
    ]
    for embeddings, targets, losses in ((x, own, one_set), ((x, y), across, two_sets)):
        np.testing.assert_allclose(
            compute(name, distance, embeddings, targets), np.mean(losses), rtol=1e-11
        )


@by_distance
@quick
@given(seed=seeds, n=sizes, m=sizes, offset=st.floats(-50, 50))
def test_distances_are_those_of_scipy(distance, seed, n, m, offset):
    x, y, *_ = batch(seed, n, m)
    x, y = x + offset, y + offset
    x[0] = y[0]  # they may coincide
    d = pairwise_distances(torch.from_numpy(x), torch.from_numpy(y), distance).numpy()
    blur = BLUR if distance == "euclidean" else 0
    np.testing.assert_allclose(d, cdist(x, y, distance), rtol=1e-9, atol=1e-9 + blur)


# --- Closed forms -------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss, value",
    [
        (SquaredEditError(), (3 - 5) ** 2),
        (SquaredEditError("sqeuclidean"), (9 - 5) ** 2),
        (RelativeEditError(), 2 / 5),
        (RelativeEditError("sqeuclidean"), 4 / 5),
        (PoissonEditError(), 3 - 5 * math.log(3)),
        (PoissonEditError("sqeuclidean"), 9 - 5 * math.log(9)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_pair_3_apart_that_should_be_5_apart(loss, value):
    z = torch.tensor([[0.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
    t = torch.tensor([[0, 5], [5, 0]])
    assert loss(z, t).item() == pytest.approx(value, abs=1e-3)
    assert loss((z[:1], z[1:]), t[:1, 1:]).item() == pytest.approx(value, abs=1e-3)


@by_loss
@by_distance
@pytest.mark.parametrize("t", [0, 1, 2, 7])
def test_the_best_distance_is_the_edit_distance(name, distance, t):
    candidates = np.arange(1000) / 100
    root = np.sqrt(candidates) if distance == "sqeuclidean" else candidates
    losses = [compute(name, distance, ([[0.0]], [[far]]), [[t]]) for far in root]
    best = candidates[int(np.argmin(losses))]
    assert best == pytest.approx(t, abs=0.011)  # a step of the candidates


@pytest.mark.parametrize("name", ["squared_error", "relative_error"])
@pytest.mark.parametrize("distance, power", [("euclidean", 1), ("sqeuclidean", 2)])
def test_an_embedding_without_errors_costs_nothing(name, distance, power):
    line = np.array([[0.0], [1.0], [4.0], [6.0]])
    targets = np.abs(line - line.T) ** power
    assert compute(name, distance, line, targets) == pytest.approx(0, abs=1e-4)
    assert compute(name, distance, line, targets + 1) > 0.01


def test_small_edit_distances_weigh_most_in_the_relative_error():
    # One edit too many, at edit distance 1, 2 and 4; below 1 nothing is divided by.
    for t, expected in ((1, 1), (2, 1 / 2), (4, 1 / 4), (0, 1), (0.5, 1)):
        error = compute("relative_error", "euclidean", ([[0.0]], [[t + 1.0]]), [[t]])
        assert error == pytest.approx(expected, abs=1e-3)


# --- Which pairs count --------------------------------------------------------------


@by_loss
@by_distance
def test_an_item_is_not_paired_with_itself(name, distance):
    x, _, own, _ = batch(0)
    other = own + np.diag(np.arange(1, len(x) + 1))
    value = compute(name, distance, x, own)
    assert compute(name, distance, x, other) == pytest.approx(value, rel=1e-12)
    # Where two sets are given, all pairs count.
    n = len(x)
    zero = slow_distance(x[0], x[0], distance)
    diagonal = sum(slow_loss(name, zero, t) for t in np.diag(other))
    expected = (n * (n - 1) * value + diagonal) / n**2
    assert compute(name, distance, (x, x), other) == pytest.approx(expected, rel=1e-9)


@by_loss
@by_distance
def test_a_batch_of_one_costs_nothing(name, distance):
    z = torch.ones(1, 3, requires_grad=True)
    loss = EDIT_DISTANCE_LOSSES[name](distance)(z, torch.zeros(1, 1))
    loss.backward()
    assert loss.item() == 0
    assert not z.grad.any()


@by_loss
@by_distance
@quick
@given(seed=seeds, n=sizes, m=sizes)
def test_the_order_of_a_batch_does_not_matter(name, distance, seed, n, m):
    x, y, own, across = batch(seed, n, m)
    rng = np.random.default_rng(seed)
    p, q = rng.permutation(n), rng.permutation(m)
    np.testing.assert_allclose(
        compute(name, distance, x[p], own[p][:, p]),
        compute(name, distance, x, own),
        rtol=1e-9,
    )
    np.testing.assert_allclose(
        compute(name, distance, (x[p], y[q]), across[p][:, q]),
        compute(name, distance, (x, y), across),
        rtol=1e-9,
    )
    np.testing.assert_allclose(
        compute(name, distance, (y, x), across.T),
        compute(name, distance, (x, y), across),
        rtol=1e-9,
    )


@by_loss
@by_distance
@quick
@given(seed=seeds, n=sizes)
def test_a_set_twice_has_the_loss_of_the_set_and_of_its_copies(name, distance, seed, n):
    x, _, own, _ = batch(seed, n)
    twice = compute(name, distance, np.vstack([x, x]), np.tile(own, (2, 2)))
    copies = n * slow_loss(name, slow_distance(x[0], x[0], distance), 0)
    n_pairs = n * (n - 1)
    expected = (4 * n_pairs * compute(name, distance, x, own) + 2 * copies) / (
        2 * n * (2 * n - 1)
    )
    np.testing.assert_allclose(twice, expected, rtol=1e-7, atol=1e-9)


@by_loss
@by_distance
@quick
@given(seed=seeds)
def test_only_distances_count(name, distance, seed):
    x, y, own, across = batch(seed)
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    shift = rng.normal(scale=10, size=3)
    for embeddings, targets in ((x, own), ((x, y), across)):
        moved = (
            tuple(z @ turn + shift for z in embeddings)
            if isinstance(embeddings, tuple)
            else embeddings @ turn + shift
        )
        np.testing.assert_allclose(
            compute(name, distance, moved, targets),
            compute(name, distance, embeddings, targets),
            rtol=1e-8,
        )


@by_loss
@by_distance
@pytest.mark.parametrize("n_sets", [1, 2])
def test_what_all_embeddings_share_costs_no_digits(name, distance, n_sets):
    x, y, own, across = batch(0)
    far = [(z + 4096).astype(np.float32) for z in (x, y)]
    exact = [z.astype(np.float64) for z in far]
    if n_sets == 1:
        of_far, of_exact, targets = far[0], exact[0], own
    else:
        of_far, of_exact, targets = tuple(far), tuple(exact), across
    np.testing.assert_allclose(
        compute(name, distance, of_far, targets),
        compute(name, distance, of_exact, targets),
        rtol=1e-4,
    )


@by_loss
@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.float32])
def test_targets_of_any_dtype(name, dtype):
    x, _, own, _ = batch(0)
    assert compute(name, "euclidean", x, own.astype(dtype)) == compute(
        name, "euclidean", x, own.astype(np.float64)
    )


@pytest.mark.parametrize("scale", [2.0, 10.0])
def test_the_relative_error_knows_no_unit(scale):
    x, y, _, across = batch(0)
    across = across + 1
    for distance, power in (("euclidean", 1), ("sqeuclidean", 2)):
        assert compute(
            "relative_error", distance, (scale * x, scale * y), scale**power * across
        ) == pytest.approx(
            compute("relative_error", distance, (x, y), across), rel=1e-4
        )


# --- Gradients ----------------------------------------------------------------------


@by_loss
@by_distance
def test_gradients(name, distance):
    x, y, own, across = batch(3)
    loss = EDIT_DISTANCE_LOSSES[name](distance)
    x, y = (torch.tensor(z, requires_grad=True) for z in (x, y))
    own, across = map(torch.from_numpy, (own, across))
    assert torch.autograd.gradcheck(lambda x: loss(x, own), (x,))
    assert torch.autograd.gradcheck(lambda x, y: loss((x, y), across), (x, y))


@by_loss
@by_distance
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("t", [0, 1, 30])
def test_coinciding_vectors_have_finite_gradients(name, distance, dtype, t):
    loss = EDIT_DISTANCE_LOSSES[name](distance)
    for z in (torch.zeros(4, 3), torch.ones(4, 3), torch.full((4, 3), 1e3)):
        z = z.to(dtype).requires_grad_()
        targets = t * (1 - torch.eye(4))
        for value in (loss(z, targets), loss((z, z.detach()), targets)):
            (gradient,) = torch.autograd.grad(value, z)
            assert value.isfinite()
            assert gradient.isfinite().all()


@by_loss
@by_distance
@pytest.mark.parametrize("apart", [1e-3, 1e-5])
def test_different_strings_that_collide_come_apart(name, distance, apart):
    z = torch.tensor([[0.0, 0.0], [apart, 0.0]], requires_grad=True)
    loss = EDIT_DISTANCE_LOSSES[name](distance)(z, 2.0 * (1 - torch.eye(2)))
    (gradient,) = torch.autograd.grad(loss, z)
    # Downhill is away from each other, and no step of a sane rate is lost or endless.
    assert gradient[0, 0] > 0 > gradient[1, 0]
    assert 0.1 * apart < gradient[0, 0] < 1e4


@by_distance
def test_strings_that_should_collide_stay_where_they_are(distance):
    z = torch.tensor([[1.0, 2.0], [1.0, 2.0]], requires_grad=True)
    for loss in EDIT_DISTANCE_LOSSES.values():
        value = loss(distance)(z, torch.zeros(2, 2))
        (gradient,) = torch.autograd.grad(value, z)
        assert not gradient.any()
        assert abs(value.item()) <= BLUR
