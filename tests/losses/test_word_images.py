"""The losses of word images, against loops over their formulas in numpy."""

import math

import numpy as np
import pytest
import torch

from sklearn_crossmodal.losses import EDIT_DISTANCE_LOSSES
from sklearn_crossmodal.losses._word_images import (
    REGRESSIONS,
    JointEditError,
    StringSoftmax,
    WordImageRegression,
)

N, N_DISTRACTORS, D, N_ATTRIBUTES = 5, 4, 3, 6
by_regression = pytest.mark.parametrize("regression", list(REGRESSIONS))
by_similarity = pytest.mark.parametrize("similarity", ["euclidean", "cosine"])
by_seed = pytest.mark.parametrize("seed", range(4))


def batch(seed, edits=None):
    """Draw a batch in float64: two of its strings are one, and so is a distractor."""
    rng = np.random.default_rng(seed)
    n_strings = N + N_DISTRACTORS
    strings = rng.permutation(n_strings)
    strings[3] = strings[0]
    strings[N + 1] = strings[2]
    if edits is None:
        edits = np.abs(strings[:N, None] - strings)
    return (
        {
            "x": rng.normal(size=(N, D)),
            "y": rng.random((n_strings, D)),
            "attributes": rng.normal(size=(N, N_ATTRIBUTES)),
        },
        {"edits": edits, "attributes": rng.random((N, N_ATTRIBUTES))},
    )


def tensors(views, *, grad=False):
    return {
        name: torch.from_numpy(np.array(value, dtype=float)).requires_grad_(grad)
        for name, value in views.items()
    }


def compute(loss, embedded, targets):
    return loss.double()(tensors(embedded), as_targets(targets)).item()


def as_targets(targets):
    """Return tensors, the same strings being those without an edit between them."""
    made = tensors(targets)
    return {**made, "same": made["edits"] == 0}


# --- Slow references ----------------------------------------------------------------


def sigmoid(a):
    return 1 / (1 + math.exp(-a))


def entropy(logits, targets):
    return -sum(
        t * math.log(sigmoid(a)) + (1 - t) * math.log(1 - sigmoid(a))
        for a, t in zip(logits, targets, strict=True)
    )


def cosine(a, b):
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


SLOW_REGRESSIONS = {
    "squared_error": lambda x, y: sum((x - y) ** 2),
    "cross_entropy": entropy,
    "cosine": lambda x, y: 1 - cosine(x, y),
}


def slow_softmax(x, y, edits, similarity, temperature, bounded):
    """Return how surprising a right string is, for each image."""
    terms = []
    for i, row in enumerate(x):
        row = np.array([sigmoid(a) for a in row]) if bounded else row
        scores = [
            cosine(row, other) if similarity == "cosine" else -sum((row - other) ** 2)
            for other in y
        ]
        odds = [math.exp(score / temperature) for score in scores]
        right = sum(odd for odd, t in zip(odds, edits[i], strict=True) if t == 0)
        terms.append(-math.log(right / sum(odds)))
    return np.mean(terms)


# --- Values -------------------------------------------------------------------------


@by_seed
@by_regression
@by_similarity
def test_the_loss_equals_loops_over_its_formula(seed, regression, similarity):
    embedded, targets = batch(seed)
    x, y = embedded["x"], embedded["y"]
    loss = WordImageRegression(
        regression, regression_weight=0.3, softmax_weight=0.7, attribute_weight=0.9,
        similarity=similarity,
    )  # fmt: skip
    bounded = regression == "cross_entropy"
    slow = SLOW_REGRESSIONS[regression]
    expected = (
        0.3 * np.mean([slow(a, b) for a, b in zip(x, y, strict=False)])
        + 0.7 * slow_softmax(x, y, targets["edits"], similarity, 1.0, bounded)
        + 0.9 * np.mean(list(map(entropy, embedded["attributes"],
                                 targets["attributes"])))
    )  # fmt: skip
    assert compute(loss, embedded, targets) == pytest.approx(expected, rel=1e-9)


@by_seed
@by_similarity
@pytest.mark.parametrize("temperature", [1.0, 0.3, 0.1])
def test_the_softmax_equals_loops_over_its_formula(seed, similarity, temperature):
    embedded, targets = batch(seed)
    x, y, edits = embedded["x"], embedded["y"], targets["edits"]
    loss = StringSoftmax(similarity, temperature).double()
    value = loss(*map(torch.from_numpy, (x, y, edits == 0))).item()
    expected = slow_softmax(x, y, edits, similarity, temperature, bounded=False)
    # The temperature is a float32 parameter.
    assert value == pytest.approx(expected, rel=1e-5)


@by_regression
def test_each_regression_is_the_mean_over_the_rows(regression):
    embedded, targets = batch(0)
    slow = SLOW_REGRESSIONS[regression]
    rows = zip(embedded["x"], embedded["y"], strict=False)
    only = WordImageRegression(regression, softmax_weight=0.0, attribute_weight=0.0)
    expected = np.mean([slow(a, b) for a, b in rows])
    assert compute(only, embedded, targets) == pytest.approx(expected, rel=1e-9)


def test_closed_forms():
    # Two images, each twice as near to a distractor as to its own string.
    embedded = {"x": [[0.0], [0.0]], "y": [[2.0], [2.0], [1.0]], "attributes": [[]] * 2}
    targets = {"edits": [[0, 5, 1], [5, 0, 1]], "attributes": np.empty((2, 0))}
    e4, e1 = math.exp(-4), math.exp(-1)
    softmax = -math.log(e4 / (2 * e4 + e1))
    assert compute(WordImageRegression(), embedded, targets) == pytest.approx(
        4 + softmax, rel=1e-6
    )
    same = {**targets, "edits": [[0, 0, 1], [0, 0, 1]]}  # now both strings are right
    softmax = -math.log(2 * e4 / (2 * e4 + e1))
    assert compute(WordImageRegression(), embedded, same) == pytest.approx(
        4 + softmax, rel=1e-6
    )


@by_similarity
@by_regression
def test_nothing_is_to_be_told_apart_where_all_strings_are_equal(
    similarity, regression
):
    embedded, targets = batch(0, edits=np.zeros((N, N + N_DISTRACTORS)))
    loss = WordImageRegression(
        regression, regression_weight=0.0, similarity=similarity, attribute_weight=0.0
    ).double()
    embedded = tensors(embedded, grad=True)
    value = loss(embedded, as_targets(targets))
    assert value.item() == pytest.approx(0, abs=1e-12)
    value.backward()
    assert embedded["x"].grad.abs().max() < 1e-12


def test_far_embeddings_stay_finite():
    embedded, targets = batch(0)
    for scale in (1e3, 1e12):
        far = {**embedded, "x": scale * embedded["x"]}
        for regression in REGRESSIONS:
            loss = WordImageRegression(regression)
            inputs = tensors(far, grad=True)
            value = loss.double()(inputs, as_targets(targets))
            value.backward()
            assert value.isfinite()
            assert inputs["x"].grad.isfinite().all()


@pytest.mark.parametrize("regression", ["squared_error", "cosine"])
def test_images_and_strings_of_zeros_have_finite_gradients(regression):
    embedded, targets = batch(0)
    for view in ("x", "y"):
        zeros = tensors({**embedded, view: 0 * embedded[view]}, grad=True)
        loss = WordImageRegression(regression, similarity="cosine").double()
        loss(zeros, as_targets(targets)).backward()
        assert zeros["x"].grad.isfinite().all()


# --- Terms --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "term, changed",
    [("regression_weight", None), ("softmax_weight", "edits"),
     ("attribute_weight", "attributes")],
)  # fmt: skip
def test_a_weight_of_zero_switches_a_term_off(term, changed):
    embedded, targets = batch(0)
    weights = dict.fromkeys(
        ["regression_weight", "softmax_weight", "attribute_weight"], 1.0
    )
    full = compute(WordImageRegression(**weights), embedded, targets)
    alone = {name: float(name == term) for name in weights}
    rest = {**weights, term: 0.0}
    losses = [WordImageRegression(**some) for some in (alone, rest)]
    parts = [compute(loss, embedded, targets) for loss in losses]
    assert sum(parts) == pytest.approx(full, rel=1e-9)
    assert min(parts) > 0
    if changed is not None:
        other = {**targets, changed: 1 - targets[changed]}
        assert compute(WordImageRegression(**rest), embedded, other) == parts[1]


def test_no_attributes_are_no_term():
    embedded, targets = batch(0)
    none = np.empty((N, 0))
    without = compute(
        WordImageRegression(),
        {**embedded, "attributes": none},
        {**targets, "attributes": none},
    )
    off = compute(WordImageRegression(attribute_weight=0.0), embedded, targets)
    assert without == off


def test_distractors_count_in_the_softmax_only():
    embedded, targets = batch(0)
    fewer = {**embedded, "y": embedded["y"][:N]}, {
        **targets, "edits": targets["edits"][:, :N]
    }  # fmt: skip
    off = WordImageRegression(softmax_weight=0.0)
    assert compute(off, embedded, targets) == compute(off, *fewer)
    # A right one among them lowers the softmax term, wrong ones raise it.
    wrong = {**targets, "edits": targets["edits"] + 1}
    np.fill_diagonal(wrong["edits"], 0)
    alone = wrong["edits"][:, :N]
    on = WordImageRegression()
    assert compute(on, embedded, wrong) > compute(
        on, fewer[0], {**targets, "edits": alone}
    )


# --- Gradients ----------------------------------------------------------------------


@by_regression
@by_similarity
def test_the_string_stays(regression, similarity):
    embedded, targets = batch(0)
    inputs = tensors(embedded, grad=True)
    loss = WordImageRegression(regression, similarity=similarity)
    loss.double()(inputs, as_targets(targets)).backward()
    assert inputs["y"].grad is None
    assert (inputs["x"].grad.abs() > 0).all()
    assert (inputs["attributes"].grad.abs() > 0).all()
    assert loss.softmax.log_scale.grad.abs() > 0


@by_regression
@by_similarity
def test_gradients_equal_differences(regression, similarity):
    embedded, targets = batch(1)
    embedded, targets = tensors(embedded), as_targets(targets)
    loss = WordImageRegression(regression, similarity=similarity).double()

    def value(x, attributes):
        return loss({"x": x, "attributes": attributes, "y": embedded["y"]}, targets)

    inputs = [embedded[k].requires_grad_() for k in ("x", "attributes")]
    assert torch.autograd.gradcheck(value, inputs)


@pytest.mark.parametrize("name", list(EDIT_DISTANCE_LOSSES))
@pytest.mark.parametrize("distance", ["euclidean", "sqeuclidean"])
def test_gradients_of_the_joint_loss_equal_differences(name, distance):
    embedded, targets = batch(1)
    embedded, targets = tensors(embedded), as_targets(targets)
    loss = JointEditError(name, distance).double()
    inputs = [embedded[k].requires_grad_() for k in ("x", "y")]
    assert torch.autograd.gradcheck(
        lambda x, y: loss({"x": x, "y": y}, targets), inputs
    )


@by_similarity
def test_the_temperature_is_capped(similarity):
    embedded, targets = batch(0)
    x, y, _ = map(torch.from_numpy, embedded.values())
    same = torch.from_numpy(targets["edits"] == 0)
    capped, at_cap = (StringSoftmax(similarity, t).double() for t in (1e-6, 0.01))
    value = capped(x, y, same)
    assert value.item() == pytest.approx(at_cap(x, y, same).item(), rel=1e-5)
    assert math.exp(capped.log_scale.item()) == pytest.approx(100, rel=1e-5)
    # And it can come back from the cap.
    value.backward()
    assert capped.log_scale.grad.abs() > 0


# --- The joint loss -----------------------------------------------------------------


@by_seed
@pytest.mark.parametrize("name", list(EDIT_DISTANCE_LOSSES))
@pytest.mark.parametrize("distance", ["euclidean", "sqeuclidean"])
def test_the_joint_loss_equals_loops_over_its_formula(seed, name, distance):
    embedded, targets = batch(seed)
    x, y, edits = embedded["x"], embedded["y"], targets["edits"]
    slow = {
        "squared_error": lambda d, t: (d - t) ** 2,
        "relative_error": lambda d, t: abs(d - t) / max(t, 1),
        "poisson": lambda d, t: d - t * math.log(d + 1e-4),
    }[name]

    def mean(a, b, skip=False):
        pairs = [(i, j) for i in range(len(a)) for j in range(len(b))
                 if not (skip and i == j)]  # fmt: skip
        squared = {(i, j): sum((a[i] - b[j]) ** 2) for i, j in pairs}
        # The root has 1e-4 under it, so that it has a gradient at 0.
        d = {p: s if distance == "sqeuclidean" else math.sqrt(s + 1e-4)
             for p, s in squared.items()}  # fmt: skip
        return np.mean([slow(d[p], edits[p]) for p in pairs])

    edit = (mean(x, x, skip=True) + mean(y[:N], y) + mean(x, y)) / 3
    only = JointEditError(name, distance, softmax_weight=0.0)
    assert compute(only, embedded, targets) == pytest.approx(edit, rel=1e-9)
    for similarity in ("euclidean", "cosine"):
        softmax = slow_softmax(x, y, edits, similarity, 1.0, bounded=False)
        loss = JointEditError(
            name, distance, edit_weight=0.3, softmax_weight=0.7, similarity=similarity
        )
        expected = 0.3 * edit + 0.7 * softmax
        assert compute(loss, embedded, targets) == pytest.approx(expected, rel=1e-9)


def test_the_joint_loss_moves_images_and_strings():
    embedded, targets = batch(0)
    inputs = tensors(embedded, grad=True)
    JointEditError(softmax_weight=0.0)(inputs, as_targets(targets)).backward()
    for view in ("x", "y"):  # distractors too
        assert (inputs[view].grad.abs().sum(dim=1) > 0).all()


def test_the_joint_loss_vanishes_where_distances_are_edit_distances():
    places = np.array([0.0, 3.0, 4.0])
    strings = np.append(places, 10.0)  # and a distractor
    embedded = {"x": places[:, None], "y": strings[:, None]}
    targets = {"edits": np.abs(places[:, None] - strings)}
    for name in ("squared_error", "relative_error"):
        # Under the root is 1e-4, at a distance of 0 a hundredth, and less elsewhere.
        loss = JointEditError(name, softmax_weight=0.0)
        assert compute(loss, embedded, targets) <= 0.01
        roots = {"x": [[0, 0], [3, 0], [3, 1]], "y": [[0, 0], [3, 0], [3, 1], [0, 1]]}
        edits = [[0, 9, 10, 1], [9, 0, 1, 10], [10, 1, 0, 9]]
        squared = JointEditError(name, "sqeuclidean", softmax_weight=0.0)
        assert compute(squared, roots, {"edits": edits}) == pytest.approx(0, abs=1e-12)


def test_a_joint_loss_of_equal_strings_is_finite():
    embedded = {"x": np.ones((3, 2)), "y": np.ones((4, 2))}
    for name in EDIT_DISTANCE_LOSSES:
        inputs = tensors(embedded, grad=True)
        value = JointEditError(name)(inputs, as_targets({"edits": np.zeros((3, 4))}))
        value.backward()
        assert value.isfinite()
        assert all(inputs[view].grad.isfinite().all() for view in ("x", "y"))
