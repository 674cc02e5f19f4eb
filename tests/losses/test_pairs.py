"""The losses on same and different pairs, against loops and closed forms."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from sklearn_crossmodal.losses import (
    MILNCE,
    PAIR_LOSSES,
    CosCos2,
    CosineMargin,
    InfoNCE,
    PairInfoNCE,
)

MARGIN, TAU = 0.2, 0.3
BALANCED = ["coscos2", "cosine_margin"]
SOFTMAX = ["info_nce", "mil_nce"]

by_name = pytest.mark.parametrize("name", list(PAIR_LOSSES))
quick = settings(max_examples=25)
SEEDS = st.integers(0, 2**16)


def make(name, reduction="mean", temperature=TAU):
    """Return a float64 loss, its scale without float32's rounding."""
    given = {"cosine_margin": {"margin": MARGIN}} | dict.fromkeys(
        SOFTMAX, {"temperature": temperature}
    )
    loss = PAIR_LOSSES[name](**given.get(name, {}), reduction=reduction).double()
    if name in SOFTMAX:
        loss.log_scale.data.fill_(-math.log(temperature))
    return loss


def tensors(pairs):
    return {name: torch.from_numpy(np.array(value)) for name, value in pairs.items()}


def compute(loss, x, y, pairs):
    """Return the loss of numpy inputs as a float."""
    views = torch.from_numpy(np.array(x)), torch.from_numpy(np.array(y))
    return loss(views, tensors(pairs)).item()


def whole_batch(x_counts, y_counts):
    """Return the pairs of rows with these many items: all that is not same differs."""
    x_rows = np.repeat(np.arange(len(x_counts)), x_counts)
    y_rows = np.repeat(np.arange(len(y_counts)), y_counts)
    same = x_rows[:, None] == y_rows
    return {"same": same, "different": ~same, "x_rows": x_rows, "y_rows": y_rows}


def batch(seed, kind="bool", n_rows=4, d=3):
    """Draw rows of 1 to 3 items on either side, and which of their pairs are what.

    Some pairs of other rows are same, as with groups, and some are neither.
    """
    rng = np.random.default_rng(seed)
    pairs = whole_batch(*rng.integers(1, 4, size=(2, n_rows)))
    other = pairs["different"]
    fate = rng.integers(4, size=other.shape)
    pairs["same"] = pairs["same"] | (other & (fate == 0))
    pairs["different"] = other & (fate > 1)
    if kind == "count":
        for name in ("same", "different"):
            times = rng.integers(1, 4, size=other.shape)
            pairs[name] = (pairs[name] * times).astype(np.float32)
    x = rng.standard_normal((len(pairs["x_rows"]), d))
    y = rng.standard_normal((len(pairs["y_rows"]), d))
    return x, y, pairs


# --- Slow references: one loop for each sum of the formula --------------------------


def slow_cosines(x, y):
    def length(v):
        return math.sqrt(sum(a * a for a in v)) or 1.0

    return [
        [sum(a * b for a, b in zip(u, v, strict=True)) / length(u) / length(v)
         for v in y] for u in x
    ]  # fmt: skip


def slow_balanced(name, s, pairs):
    """Return the sum and the mean: each same pair, and as many different ones."""
    totals, counts = {"same": 0.0, "different": 0.0}, {"same": 0, "different": 0}
    for kind in totals:
        for i, row in enumerate(s):
            for j, c in enumerate(row):
                if name == "coscos2":
                    cost = (1 - c) / 2 if kind == "same" else c**2
                else:
                    cost = 1 - c if kind == "same" else max(0.0, c - MARGIN)
                totals[kind] += float(pairs[kind][i][j]) * cost
                counts[kind] += int(pairs[kind][i][j])
    means = [totals[kind] / counts[kind] for kind in totals if counts[kind]]
    return counts["same"] * sum(means), sum(means) / 2


def slow_info_nce(s, pairs):
    n_x, n_y = len(s), len(s[0])
    losses = []
    for i in range(n_x):
        for j in range(n_y):
            if pairs["same"][i][j]:
                e = math.exp(s[i][j] / TAU)
                row = sum(math.exp(s[i][k] / TAU) for k in range(n_y)
                          if pairs["different"][i][k])  # fmt: skip
                column = sum(math.exp(s[k][j] / TAU) for k in range(n_x)
                             if pairs["different"][k][j])  # fmt: skip
                losses.append(-(math.log(e / (e + row)) + math.log(e / (e + column))))
    return [loss / 2 for loss in losses]


def slow_mil_nce(s, pairs):
    losses = []
    for b in range(max(pairs["x_rows"]) + 1):
        of_row = {
            (i, j)
            for i, x_row in enumerate(pairs["x_rows"])
            for j, y_row in enumerate(pairs["y_rows"])
            if b in (x_row, y_row)
        }
        sums = [
            math.fsum(math.exp(s[i][j] / TAU) for i, j in of_row if pairs[kind][i][j])
            for kind in ("same", "different")
        ]
        losses.append(-math.log(sums[0] / (sums[0] + sums[1])))
    return losses


def slow(name, x, y, pairs):
    """Return the sum and the mean of a batch."""
    s = slow_cosines(x, y)
    if name in BALANCED:
        return slow_balanced(name, s, pairs)
    losses = (slow_info_nce if name == "info_nce" else slow_mil_nce)(s, pairs)
    return sum(losses), sum(losses) / len(losses)


@by_name
@pytest.mark.parametrize("kind", ["bool", "count"])
@quick
@given(seed=SEEDS, n_rows=st.integers(1, 5), d=st.integers(1, 4))
def test_losses_equal_loops_over_their_formula(name, kind, seed, n_rows, d):
    x, y, pairs = batch(seed, kind, n_rows, d)
    total, mean = slow(name, x, y, pairs)
    for reduction, expected in (("sum", total), ("mean", mean)):
        actual = compute(make(name, reduction), x, y, pairs)
        np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)


def test_a_pair_inside_a_row_that_differs_counts_once():
    # Both of its items are of the row: it is one pair, and not one from either side.
    x, y, pairs = batch(3)
    own = pairs["x_rows"][:, None] == pairs["y_rows"]
    first = tuple(np.argwhere(own)[0])
    pairs["same"][first], pairs["different"][first] = False, True
    assert (pairs["same"] & own)[pairs["x_rows"] == 0].any()
    expected = slow("mil_nce", x, y, pairs)[1]
    np.testing.assert_allclose(compute(make("mil_nce"), x, y, pairs), expected)


@pytest.mark.parametrize("name", BALANCED)
@quick
@given(seed=SEEDS)
def test_drawn_pairs_are_a_plain_mean_over_pairs(name, seed):
    # As the paper has it: a list of pairs, as many different as same ones.
    x, y, pairs = batch(seed)
    rng = np.random.default_rng(seed)
    i_same, j_same = np.nonzero(pairs["same"])
    j_drawn = rng.integers(len(y), size=len(i_same))
    pairs["different"] = np.zeros(pairs["same"].shape, dtype=np.float32)
    np.add.at(pairs["different"], (i_same, j_drawn), 1)
    s = slow_cosines(x, y)
    costs = []
    for i, j, k in zip(i_same, j_same, j_drawn, strict=True):
        if name == "coscos2":
            costs += [(1 - s[i][j]) / 2, s[i][k] ** 2]
        else:
            costs += [1 - s[i][j], max(0.0, s[i][k] - MARGIN)]
    for reduction, expected in (("sum", sum(costs)), ("mean", np.mean(costs))):
        actual = compute(make(name, reduction), x, y, pairs)
        np.testing.assert_allclose(actual, expected, rtol=1e-10)


# --- Closed forms -------------------------------------------------------------------


def constant_cosine(c, n_x, n_y):
    """Return items of two views, of which any two have this cosine."""
    x = np.tile([2.0, 0.0], (n_x, 1))
    return x, np.tile([c, math.sqrt(max(0.0, 1 - c * c))], (n_y, 1))


@quick
@given(c=st.floats(-1, 1), seed=SEEDS, kind=st.sampled_from(["bool", "count"]))
def test_coscos2_of_a_constant_cosine(c, seed, kind):
    _, _, pairs = batch(seed, kind)
    pairs["different"][0, -1] = 1  # one at least
    x, y = constant_cosine(c, *pairs["same"].shape)
    expected = (1 - c) / 4 + c**2 / 2
    actual = compute(make("coscos2"), x, y, pairs)
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)
    assert actual >= 7 / 32 - 1e-12


def test_coscos2_of_constant_embeddings_is_least_at_a_quarter():
    pairs = whole_batch([2, 1, 3], [1, 4, 2])
    loss = make("coscos2")

    def cost(c):
        return compute(loss, *constant_cosine(c, 6, 7), pairs)

    found = minimize_scalar(cost, bounds=(-1, 1), method="bounded")
    assert found.x == pytest.approx(1 / 4, abs=1e-4)
    assert found.fun == pytest.approx(7 / 32, abs=1e-8)
    assert cost(0.25) == pytest.approx(7 / 32, rel=1e-14)


def test_one_constant_view_cannot_get_below_seven_thirty_seconds():
    # However the other view is turned: x tells nothing, and 7/32 is the minimum.
    pairs = tensors(whole_batch([1] * 6, [1] * 6))
    x = torch.ones(6, 3, dtype=torch.float64)
    rng = np.random.default_rng(0)
    y = torch.tensor(rng.standard_normal((6, 3)), requires_grad=True)
    loss, optimizer = make("coscos2"), torch.optim.LBFGS([y], max_iter=200)

    def closure():
        optimizer.zero_grad()
        value = loss((x, y), pairs)
        value.backward()
        return value

    optimizer.step(closure)
    assert closure().item() == pytest.approx(7 / 32, abs=1e-7)


@pytest.mark.parametrize("name", BALANCED)
def test_collinear_same_and_orthogonal_different_pairs_cost_nothing(name):
    pairs = whole_batch([2, 1, 3], [1, 2, 2])
    x, y = np.eye(3)[pairs["x_rows"]], 5 * np.eye(3)[pairs["y_rows"]]
    assert compute(make(name), x, y, pairs) == 0
    assert compute(make(name, "sum"), x, y, pairs) == 0


@pytest.mark.parametrize(
    "margin, cosine, expected",
    [(0.5, 0.5, 0.25), (0.5, 0.6, 0.25), (0.5, 0.0, 0.5), (-1.0, 0.0, 1.0),
     (1.0, 1.0, 0.0), (0.0, -0.5, 0.75)],
)  # fmt: skip
def test_cosine_margin_of_a_constant_cosine(margin, cosine, expected):
    pairs = whole_batch([1, 2], [2, 1])
    loss = CosineMargin(margin=margin).double()
    actual = compute(loss, *constant_cosine(cosine, 3, 3), pairs)
    assert actual == pytest.approx(expected, abs=1e-12)


@quick
@given(
    counts=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1),
    temperature=st.floats(0.05, 2),
)
def test_softmax_losses_of_constant_embeddings_count_pairs(counts, temperature):
    x_counts, y_counts = np.array(counts).T
    pairs = whole_batch(x_counts, y_counts)
    n_x, n_y = pairs["same"].shape
    x, y = constant_cosine(0.7, n_x, n_y)
    n_same = x_counts * y_counts
    n_different = x_counts * (n_y - y_counts) + y_counts * (n_x - x_counts)
    np.testing.assert_allclose(
        compute(make("mil_nce", "sum", temperature), x, y, pairs),
        np.log((n_same + n_different) / n_same).sum(),
        rtol=1e-9,
        atol=1e-12,
    )
    of_pair = (np.log(1 + n_y - y_counts) + np.log(1 + n_x - x_counts)) / 2
    np.testing.assert_allclose(
        compute(make("info_nce", "sum", temperature), x, y, pairs),
        (n_same * of_pair).sum(),
        rtol=1e-9,
        atol=1e-12,
    )


# --- Beside the contrastive losses --------------------------------------------------


@quick
@given(seed=SEEDS, n=st.integers(1, 8))
def test_one_item_a_row_makes_pair_info_nce_info_nce(seed, n):
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, n, 3))
    of_batch = InfoNCE(temperature=TAU).double()
    of_batch.log_scale.data.fill_(-math.log(TAU))
    units = [torch.from_numpy(v / np.linalg.norm(v, axis=1, keepdims=True))
             for v in (x, y)]  # fmt: skip
    expected = of_batch(units, torch.arange(n)).item()
    actual = compute(make("info_nce"), x, y, whole_batch([1] * n, [1] * n))
    np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)


@quick
@given(seed=SEEDS, n=st.integers(1, 8))
def test_one_item_a_row_puts_both_directions_of_mil_nce_in_one_softmax(seed, n):
    # exp(loss) - 1 is the sum over negatives over the positive, of both directions.
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, n, 3))
    units = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (x, y)]
    logits = torch.from_numpy(units[0] @ units[1].T / TAU)
    target = torch.arange(n)
    odds = [
        torch.nn.functional.cross_entropy(part, target, reduction="none").expm1()
        for part in (logits, logits.T)
    ]
    expected = torch.log1p(odds[0] + odds[1]).mean().item()
    pairs = whole_batch([1] * n, [1] * n)
    actual = compute(make("mil_nce"), x, y, pairs)
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-12)
    info_nce = compute(make("info_nce"), x, y, pairs)
    assert info_nce - 1e-12 <= actual <= 2 * info_nce + 1e-12


def test_one_good_pair_is_enough_for_mil_nce_alone():
    # Two rows of two; in each, one fragment goes with one word and the rest with none.
    x = np.eye(8)[[0, 1, 2, 3]]
    y = np.eye(8)[[0, 4, 2, 5]]
    pairs = whole_batch([2, 2], [2, 2])
    assert compute(make("mil_nce", temperature=0.05), x, y, pairs) < 1e-6
    # Three of four same pairs are as far apart as the two different ones of either.
    actual = compute(make("info_nce", temperature=0.05), x, y, pairs)
    assert actual == pytest.approx(3 / 4 * math.log(3), rel=1e-6)


# --- Temperature --------------------------------------------------------------------


@pytest.mark.parametrize("kind", [PairInfoNCE, MILNCE])
def test_scale_starts_at_the_temperature_and_is_capped_at_100(kind):
    assert kind(temperature=0.25).log_scale.exp().item() == pytest.approx(4.0)
    x, y, pairs = batch(0)
    capped = compute(kind(temperature=0.01).double(), x, y, pairs)
    beyond = kind(temperature=0.0001).double()
    np.testing.assert_allclose(compute(beyond, x, y, pairs), capped, rtol=1e-6)
    below = compute(kind(temperature=0.02).double(), x, y, pairs)
    assert abs(below - capped) > 1e-3
    # The parameter itself is at the cap, so that one step brings it back.
    assert beyond.log_scale.exp().item() == pytest.approx(100)


@pytest.mark.parametrize("name", SOFTMAX)
def test_at_the_cap_the_scale_still_has_its_gradient(name):
    x, y, pairs = batch(1)
    gradients = []
    for log_scale in (math.log(100), math.log(1e6)):
        loss = make(name)
        loss.log_scale.data.fill_(log_scale)
        views = torch.from_numpy(x), torch.from_numpy(y)
        loss(views, tensors(pairs)).backward()
        gradients.append(loss.log_scale.grad.item())
    assert gradients[0] != 0
    assert gradients[1] == pytest.approx(gradients[0], rel=1e-12)


# --- Gradients, degenerate batches and invariances ----------------------------------


@by_name
@pytest.mark.parametrize("kind", ["bool", "count"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_gradients(name, kind, reduction):
    loss = make(name, reduction)
    x, y, pairs = batch(5, kind, n_rows=3)
    x, y = (torch.tensor(view, requires_grad=True) for view in (x, y))
    parameters = tuple(loss.parameters())
    assert len(parameters) == (name in SOFTMAX)
    pairs = tensors(pairs)

    def value(x, y, *_):
        return loss((x, y), pairs)

    value(x, y).backward()
    assert x.grad.abs().sum() > 0 and y.grad.abs().sum() > 0
    assert all(parameter.grad.abs() > 0 for parameter in parameters)
    assert torch.autograd.gradcheck(value, (x, y, *parameters))


def finite_with_gradients(loss, x, y, pairs):
    """Return the loss, having checked that it and its gradients are finite."""
    views = [torch.tensor(view, requires_grad=True) for view in (x, y)]
    value = loss(views, tensors(pairs))
    assert math.isfinite(value.item())
    value.backward()
    for tensor in (*views, *loss.parameters()):
        assert tensor.grad is None or torch.isfinite(tensor.grad).all()
    return value.item()


@by_name
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("where", ["one of x", "one of y", "x", "y", "x and y"])
def test_zero_vectors_have_a_loss_and_a_gradient(name, dtype, where):
    x, y, pairs = batch(2)
    if where.startswith("one"):
        (x if "x" in where else y)[1] = 0
    else:
        x, y = x * ("x" not in where), y * ("y" not in where)
    loss = make(name).to(getattr(torch, np.dtype(dtype).name))
    value = finite_with_gradients(loss, x.astype(dtype), y.astype(dtype), pairs)
    np.testing.assert_allclose(value, slow(name, x, y, pairs)[1], rtol=1e-5)


@by_name
def test_vectors_of_any_length_stay_finite_in_float32(name):
    x, y, pairs = batch(0)
    x[0] *= 1e12
    y[1] *= 1e-12
    x, y = x.astype(np.float32), y.astype(np.float32)
    finite_with_gradients(make(name).float(), x, y, pairs)


@by_name
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_batch_without_a_different_pair_is_finite(name, reduction):
    x, y, pairs = batch(4)
    pairs["different"] = np.zeros_like(pairs["different"])
    actual = finite_with_gradients(make(name, reduction), x, y, pairs)
    expected = slow(name, x, y, pairs)[reduction == "mean"]
    np.testing.assert_allclose(actual, expected, atol=1e-12)
    if name in SOFTMAX:
        assert actual == 0


@by_name
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_batch_without_a_same_pair_is_finite(name, reduction):
    x, y, pairs = batch(4)
    pairs["same"] = np.zeros_like(pairs["same"])
    finite_with_gradients(make(name, reduction), x, y, pairs)


@by_name
@quick
@given(seed=SEEDS)
def test_lengths_do_not_matter(name, seed):
    x, y, pairs = batch(seed)
    rng = np.random.default_rng(seed)
    lengths = [np.exp(rng.uniform(-4, 4, size=(len(v), 1))) for v in (x, y)]
    np.testing.assert_allclose(
        compute(make(name), x * lengths[0], y * lengths[1], pairs),
        compute(make(name), x, y, pairs),
        rtol=1e-9,
        atol=1e-12,
    )


@by_name
@pytest.mark.parametrize("kind", ["bool", "count"])
@quick
@given(seed=SEEDS)
def test_the_order_of_items_and_of_rows_does_not_matter(name, kind, seed):
    x, y, pairs = batch(seed, kind)
    rng = np.random.default_rng(seed)
    i, j = rng.permutation(len(x)), rng.permutation(len(y))
    renamed = rng.permutation(pairs["x_rows"].max() + 1)
    mixed = {
        "same": pairs["same"][i][:, j],
        "different": pairs["different"][i][:, j],
        "x_rows": renamed[pairs["x_rows"][i]],
        "y_rows": renamed[pairs["y_rows"][j]],
    }
    np.testing.assert_allclose(
        compute(make(name), x[i], y[j], mixed),
        compute(make(name), x, y, pairs),
        rtol=1e-9,
        atol=1e-12,
    )


@by_name
@quick
@given(seed=SEEDS)
def test_the_views_may_be_exchanged(name, seed):
    x, y, pairs = batch(seed)
    exchanged = {
        "same": pairs["same"].T,
        "different": pairs["different"].T,
        "x_rows": pairs["y_rows"],
        "y_rows": pairs["x_rows"],
    }
    np.testing.assert_allclose(
        compute(make(name, "sum"), y, x, exchanged),
        compute(make(name, "sum"), x, y, pairs),
        rtol=1e-9,
        atol=1e-12,
    )


@pytest.mark.parametrize("name", BALANCED)
@quick
@given(seed=SEEDS, times=st.integers(2, 5))
def test_weights_of_different_pairs_are_relative(name, seed, times):
    x, y, pairs = batch(seed, "count")
    often = {**pairs, "different": times * pairs["different"]}
    for reduction in ("mean", "sum"):
        loss = make(name, reduction)
        np.testing.assert_allclose(
            compute(loss, x, y, often), compute(loss, x, y, pairs), rtol=1e-6
        )


@pytest.mark.parametrize("name", SOFTMAX)
@quick
@given(seed=SEEDS)
def test_softmax_losses_take_a_pair_once_however_often_it_counts(name, seed):
    x, y, pairs = batch(seed, "count")
    once = {**pairs, **{k: pairs[k] > 0 for k in ("same", "different")}}
    loss = make(name)
    assert compute(loss, x, y, pairs) == compute(loss, x, y, once)


def test_losses_are_registered_by_the_names_that_an_estimator_takes():
    assert PAIR_LOSSES == {
        "coscos2": CosCos2,
        "cosine_margin": CosineMargin,
        "mil_nce": MILNCE,
        "info_nce": PairInfoNCE,
    }
