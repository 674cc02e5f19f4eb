"""The contrastive losses, against loops over their formulas and closed forms."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sklearn_crossmodal.losses import (
    CONTRASTIVE_LOSSES,
    HardestNegative,
    InfoNCE,
    PairwiseSigmoid,
    RandomNegative,
    SemiHardNegative,
    SumOfViolations,
)

MARGIN = 0.3
DETERMINISTIC = [
    InfoNCE(temperature=0.2),
    PairwiseSigmoid(temperature=0.5, bias=-1.5),
    SumOfViolations(MARGIN),
    HardestNegative(MARGIN),
    SemiHardNegative(MARGIN),
]
MARGIN_LOSSES = [RandomNegative, SumOfViolations, HardestNegative, SemiHardNegative]

by_name = pytest.mark.parametrize(
    "loss", DETERMINISTIC, ids=lambda loss: type(loss).__name__
)


def make(loss, reduction):
    """Return a float64 copy of a loss with another reduction."""
    settings_of = {
        InfoNCE: {"temperature": 0.2},
        PairwiseSigmoid: {"temperature": 0.5, "bias": -1.5},
    }.get(type(loss), {"margin": MARGIN})
    return in_float64(type(loss)(**settings_of, reduction=reduction))


def in_float64(loss):
    """Return the loss in double precision, its scale without float32's rounding."""
    if hasattr(loss, "log_scale"):
        temperature = round(
            math.exp(-loss.log_scale.item()), 6
        )  # the temperature given
        loss.double().log_scale.data.fill_(-math.log(temperature))
    return loss.double()


def batch(seed, n=7, d=4, n_ids=None):
    """Draw two float64 views, and ids of which some repeat."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(n_ids or n, size=n)
    return rng.standard_normal((n, d)), rng.standard_normal((n, d)), ids


def compute(loss, x, y, ids):
    """Return the loss of numpy inputs as a float."""
    views = torch.from_numpy(np.array(x)), torch.from_numpy(np.array(y))
    return loss(views, torch.from_numpy(np.array(ids))).item()


# --- Slow references: one loop for each sum of the formula --------------------------


def slow_losses(loss, x, y, ids):
    """Return the list of losses, one for each pair."""
    n = len(ids)
    s = [[sum(a * b for a, b in zip(x[i], y[j], strict=True)) for j in range(n)]
         for i in range(n)]  # fmt: skip
    return [slow_loss(loss, s, list(ids), i) for i in range(n)]


def slow_loss(loss, s, ids, i):
    n, p = len(ids), s[i][i]
    negatives = [j for j in range(n) if ids[j] != ids[i]]
    if isinstance(loss, InfoNCE):
        tau = 0.2
        rows = sum(math.exp(s[i][j] / tau) for j in [i, *negatives])
        columns = sum(math.exp(s[j][i] / tau) for j in [i, *negatives])
        return (math.log(rows) + math.log(columns)) / 2 - p / tau
    if isinstance(loss, PairwiseSigmoid):
        total = 0.0
        for j in range(n):
            z = 1 if ids[j] == ids[i] else -1
            total += math.log1p(math.exp(-z * (s[i][j] / 0.5 - 1.5)))
        return total
    total = 0.0
    for others in ([s[i][j] for j in negatives], [s[j][i] for j in negatives]):
        if isinstance(loss, SemiHardNegative):
            others = [q for q in others if q < p]
        hinges = [max(0.0, MARGIN - p + q) for q in others]
        if isinstance(loss, SumOfViolations):
            total += sum(hinges)
        else:
            total += max(hinges, default=0.0)
    return total


@by_name
@pytest.mark.parametrize("n_ids", [2, 4, 100])
def test_losses_equal_loops_over_their_formula(loss, n_ids):
    for seed in range(10):
        x, y, ids = batch(seed, n_ids=n_ids)
        expected = slow_losses(loss, x, y, ids)
        total = compute(make(loss, "sum"), x, y, ids)
        mean = compute(make(loss, "mean"), x, y, ids)
        np.testing.assert_allclose(total, sum(expected), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(mean, np.mean(expected), rtol=1e-12, atol=1e-12)


def test_random_negative_equals_the_hinge_of_the_drawn_entries():
    # s[i, j] is a distinct power of two, so that the sum tells which were drawn.
    n, ids = 4, np.array([0, 1, 1, 2])
    s = torch.tensor([[2.0 ** (n * i + j) for j in range(n)] for i in range(n)])
    same = torch.from_numpy(ids[:, None] == ids)
    loss = RandomNegative(margin=1e6)
    torch.manual_seed(0)
    for _ in range(20):
        losses = loss._losses(s, same)
        for i, value in enumerate(losses.tolist()):
            drawn = math.log2(value - 1e6 + s[i, i].item()) - n * i
            assert drawn == round(drawn)
            assert ids[int(drawn)] != ids[i]


# --- Closed forms -------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 5, 64])
@pytest.mark.parametrize("temperature", [0.05, 1.0])
def test_info_nce_of_constant_embeddings_is_log_n(n, temperature):
    constant = np.full((n, 3), 0.7)
    loss = InfoNCE(temperature=temperature).double()
    value = compute(loss, constant, constant, np.arange(n))
    np.testing.assert_allclose(value, math.log(n), rtol=1e-12)


def test_info_nce_of_constant_embeddings_counts_the_negatives_only():
    # Three ids twice: each pair has itself and four negatives.
    constant = np.ones((6, 2))
    value = compute(InfoNCE().double(), constant, constant, [0, 0, 1, 1, 2, 2])
    np.testing.assert_allclose(value, math.log(5), rtol=1e-12)


def test_info_nce_scale_starts_at_the_temperature_and_is_capped_at_100():
    assert InfoNCE(temperature=0.25).log_scale.exp().item() == pytest.approx(4.0)
    x, y, ids = batch(0)
    x, y = x / 10, y / 10
    capped = compute(InfoNCE(temperature=0.01).double(), x, y, ids)
    beyond = compute(InfoNCE(temperature=0.0001).double(), x, y, ids)
    np.testing.assert_allclose(beyond, capped, rtol=1e-6)
    below = compute(InfoNCE(temperature=0.02).double(), x, y, ids)
    assert abs(below - capped) > 1e-3


@pytest.mark.parametrize("n", [2, 5])
def test_sigmoid_of_constant_embeddings(n):
    # Every logit is 2 * 3 - 4 = 2: one positive and n - 1 negatives in each row.
    constant = np.ones((n, 3))
    loss = in_float64(PairwiseSigmoid(temperature=0.5, bias=-4.0, reduction="sum"))
    expected = n * (math.log1p(math.exp(-2)) + (n - 1) * math.log1p(math.exp(2)))
    np.testing.assert_allclose(
        compute(loss, constant, constant, np.arange(n)), expected, rtol=1e-12
    )


def test_sigmoid_takes_the_same_item_as_positives():
    constant = np.ones((3, 3))
    loss = in_float64(PairwiseSigmoid(temperature=0.5, bias=-4.0))
    expected = 3 * math.log1p(math.exp(-2))
    np.testing.assert_allclose(
        compute(loss, constant, constant, [7, 7, 7]), expected, rtol=1e-12
    )


@pytest.mark.parametrize(
    "kind, per_pair",
    [
        (RandomNegative, 1),  # one hinge
        (SumOfViolations, 2 * 4),  # both directions, four negatives
        (HardestNegative, 2),  # both directions, one negative
        (SemiHardNegative, 0),  # no negative is below the positive
    ],
)
def test_hinge_of_constant_embeddings_is_the_margin_for_each_negative(kind, per_pair):
    constant = np.full((5, 2), 3.0)
    loss = kind(margin=0.25).double()
    assert compute(loss, constant, constant, np.arange(5)) == per_pair * 0.25


@pytest.mark.parametrize("kind", MARGIN_LOSSES)
def test_pairs_beyond_the_margin_cost_nothing(kind):
    x = 2 * np.eye(4)  # positives 4, negatives 0
    assert compute(kind(margin=3.9).double(), x, x, np.arange(4)) == 0
    if kind is not SemiHardNegative:
        assert compute(kind(margin=4.5).double(), x, x, np.arange(4)) > 0


def test_semi_hard_takes_the_hardest_below_the_positive():
    # Row 0: positive 1, negatives 1 (a tie: not below), 2 (harder), 0.9 and 0.8.
    s = torch.full((5, 5), -9.0, dtype=torch.float64)
    s.fill_diagonal_(1.0)
    s[0] = torch.tensor([1.0, 1.0, 2.0, 0.9, 0.8], dtype=torch.float64)
    same = torch.eye(5, dtype=torch.bool)
    losses = SemiHardNegative(margin=0.5)._losses(s, same)
    # Column 3 meets the 0.9 too; columns 1 and 2 have it at or above their positive.
    expected = [0.4, 0.0, 0.0, 0.4, 0.3]
    np.testing.assert_allclose(losses.numpy(), expected, atol=1e-12)
    hardest = HardestNegative(margin=0.5)._losses(s, same)
    np.testing.assert_allclose(hardest.numpy(), [1.5, 0.5, 1.5, 0.4, 0.3], atol=1e-12)


def test_same_ids_are_never_negatives():
    # The harder negative has the id of the positive: it must not count.
    s = torch.tensor([[0.5, 5.0, 0.4], [5.0, 0.5, 0.1], [0.2, 0.2, 0.5]]).double()
    same = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    hardest = HardestNegative(margin=0.2)._losses(s, same)
    np.testing.assert_allclose(hardest.numpy(), [0.1, 0.0, 0.1], atol=1e-12)
    total = SumOfViolations(margin=0.2)._losses(s, same)
    np.testing.assert_allclose(total.numpy(), [0.1, 0.0, 0.1], atol=1e-12)


# --- The random draw ----------------------------------------------------------------


def test_random_negative_is_uniform_over_the_other_items():
    ids = np.array([0, 0, 1, 2, 3, 3])
    same = torch.from_numpy(ids[:, None] == ids)
    # The column is read off the loss: s = column, so that the hinge is 10 + column.
    s = torch.arange(6.0).repeat(6, 1)
    s.fill_diagonal_(0.0)
    loss, n_draws = RandomNegative(margin=10.0), 3000
    torch.manual_seed(0)
    drawn = torch.stack([loss._losses(s, same) for _ in range(n_draws)]).numpy() - 10
    for i in range(6):
        counts = Counter(drawn[:, i].astype(int))
        negatives = np.flatnonzero(ids != ids[i])
        assert set(counts) == set(negatives)
        assert stats.chisquare([counts[j] for j in negatives]).pvalue > 1e-3


def test_random_negative_draws_the_rows_independently():
    n, n_draws = 3, 3000
    s = torch.arange(float(n)).repeat(n, 1)
    s.fill_diagonal_(0.0)
    loss = RandomNegative(margin=10.0)
    torch.manual_seed(1)
    same = torch.eye(n, dtype=torch.bool)
    drawn = torch.stack([loss._losses(s, same) for _ in range(n_draws)]).numpy()
    counts = Counter(map(tuple, drawn.astype(int)))
    assert len(counts) == 2**n
    assert stats.chisquare(list(counts.values())).pvalue > 1e-3


def test_random_negative_follows_torchs_seed():
    x, y, ids = batch(0)
    loss = RandomNegative(margin=5.0).double()
    torch.manual_seed(3)
    first = compute(loss, x, y, ids)
    assert compute(loss, x, y, ids) != first
    torch.manual_seed(3)
    assert compute(loss, x, y, ids) == first


# --- Gradients, degenerate batches and invariances ----------------------------------


@pytest.mark.parametrize("name", CONTRASTIVE_LOSSES)
@pytest.mark.parametrize("n_ids", [3, 100])
def test_gradients(name, n_ids):
    loss = CONTRASTIVE_LOSSES[name]().double()
    x, y, ids = batch(11, n=5, d=3, n_ids=n_ids)
    x, y = (torch.tensor(view / 2, requires_grad=True) for view in (x, y))
    ids = torch.from_numpy(ids)
    parameters = tuple(loss.parameters())

    def value(x, y, *_):
        torch.manual_seed(0)  # the same negatives each time
        return loss((x, y), ids)

    value(x, y).backward()
    assert x.grad.abs().sum() > 0
    assert all(parameter.grad.abs() > 0 for parameter in parameters)
    assert torch.autograd.gradcheck(value, (x, y, *parameters))


@pytest.mark.parametrize("name", CONTRASTIVE_LOSSES)
@pytest.mark.parametrize("n", [1, 4])
def test_a_batch_of_one_item_is_finite_and_so_is_its_gradient(name, n):
    loss = CONTRASTIVE_LOSSES[name]().double()
    rng = np.random.default_rng(0)
    x, y = (torch.tensor(rng.standard_normal((n, 3)), requires_grad=True)
            for _ in range(2))  # fmt: skip
    value = loss((x, y), torch.zeros(n, dtype=torch.int64))
    value.backward()
    assert torch.isfinite(x.grad).all() and torch.isfinite(y.grad).all()
    if name == "sigmoid":  # all are positives
        assert 0 < value.item() < math.inf
    else:
        assert value.item() == 0
        assert not x.grad.any() and not y.grad.any()


@pytest.mark.parametrize("name", CONTRASTIVE_LOSSES)
def test_large_similarities_stay_finite(name):
    x, y, ids = batch(0)
    loss = CONTRASTIVE_LOSSES[name]()
    views = [torch.tensor(1e3 * view, dtype=torch.float32) for view in (x, y)]
    assert math.isfinite(loss(views, torch.from_numpy(ids)).item())


@by_name
@settings(max_examples=40)
@given(seed=st.integers(0, 2**16), n=st.integers(2, 8), n_ids=st.integers(1, 8))
def test_the_order_of_the_batch_does_not_matter(loss, seed, n, n_ids):
    x, y, ids = batch(seed, n=n, n_ids=n_ids)
    order = np.random.default_rng(seed + 1).permutation(n)
    loss = make(loss, "mean")
    np.testing.assert_allclose(
        compute(loss, x[order], y[order], ids[order]),
        compute(loss, x, y, ids),
        rtol=1e-10,
        atol=1e-12,
    )


@by_name
@settings(max_examples=40)
@given(seed=st.integers(0, 2**16), n=st.integers(2, 8))
def test_renaming_the_ids_does_not_matter(loss, seed, n):
    x, y, ids = batch(seed, n=n, n_ids=3)
    loss = make(loss, "sum")
    assert compute(loss, x, y, 17 - 5 * ids) == compute(loss, x, y, ids)


@pytest.mark.parametrize("name", CONTRASTIVE_LOSSES)
@settings(max_examples=40)
@given(seed=st.integers(0, 2**16), n=st.integers(2, 8), n_ids=st.integers(1, 8))
def test_sum_is_n_times_mean(name, seed, n, n_ids):
    x, y, ids = batch(seed, n=n, n_ids=n_ids)
    values = []
    for reduction in ("mean", "sum"):
        torch.manual_seed(seed)
        loss = CONTRASTIVE_LOSSES[name](reduction=reduction).double()
        values.append(compute(loss, x, y, ids))
    mean, total = values
    np.testing.assert_allclose(total, n * mean, rtol=1e-12)


@pytest.mark.parametrize(
    "loss",
    [loss for loss in DETERMINISTIC if not isinstance(loss, PairwiseSigmoid)],
    ids=lambda loss: type(loss).__name__,
)
@settings(max_examples=40)
@given(seed=st.integers(0, 2**16))
def test_the_views_may_be_exchanged(loss, seed):
    x, y, ids = batch(seed, n_ids=4)
    loss = make(loss, "sum")
    np.testing.assert_allclose(
        compute(loss, y, x, ids), compute(loss, x, y, ids), rtol=1e-10, atol=1e-12
    )


def test_captions_of_one_image_make_the_loss_smaller_than_as_negatives():
    x, y, _ = batch(5)
    for loss in DETERMINISTIC:
        if not isinstance(loss, PairwiseSigmoid | SemiHardNegative):
            loss = make(loss, "sum")
            grouped = compute(loss, x, y, [0, 0, 1, 1, 2, 2, 3])
            assert grouped < compute(loss, x, y, np.arange(7))
