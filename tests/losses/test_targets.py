"""The losses of vectors of texts, against their formulas in numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit, log_softmax, logit, rel_entr, xlogy
from scipy.stats import entropy

from sklearn_crossmodal import losses

N, D = 5, 4


def zero_safe_cosine(z, t):
    product = np.linalg.norm(z) * np.linalg.norm(t)
    return 1 - (z @ t / product if product > 0 else 0)


# The loss of one pair, of rows in float64.
REFERENCES = {
    "sigmoid_cross_entropy": lambda z, t: (
        -np.sum(t * np.log(expit(z)) + (1 - t) * np.log(1 - expit(z)))
    ),
    "softmax_cross_entropy": lambda z, t: -np.sum(t * log_softmax(z)),
    "squared_error": lambda z, t: np.sum((z - t) ** 2),
    "cosine": zero_safe_cosine,
}
by_name = pytest.mark.parametrize("name", REFERENCES)


def draw(seed, name):
    """Return outputs, and targets that the loss is meant for."""
    rng = np.random.default_rng(seed)
    z = 3 * rng.normal(size=(N, D))
    if name == "sigmoid_cross_entropy":
        t = rng.random((N, D))
        t[0], t[1] = 0, 1
    elif name == "softmax_cross_entropy":
        t = rng.dirichlet(np.ones(D), size=N)
        t[0] = np.eye(D)[2]
    else:
        t = rng.normal(size=(N, D))
    return z, t


def compute(name, z, t):
    """Return the loss, and its gradient at the outputs."""
    z = torch.tensor(z, dtype=torch.float64, requires_grad=True)
    loss = losses.TARGET_LOSSES[name]()
    value = loss((z, torch.tensor(t, dtype=torch.float64)), torch.arange(len(z)))
    value.backward()
    return value.item(), z.grad.numpy()


def test_all_losses_are_here():
    assert set(losses.TARGET_LOSSES) == set(REFERENCES)


@by_name
@pytest.mark.parametrize("seed", range(4))
def test_a_loss_is_the_mean_of_its_formula(name, seed):
    z, t = draw(seed, name)
    expected = np.mean([REFERENCES[name](*pair) for pair in zip(z, t, strict=True)])
    assert compute(name, z, t)[0] == pytest.approx(expected, rel=1e-12)


@by_name
def test_gradients_are_those_of_small_steps(name):
    z, t = draw(1, name)
    _, gradient = compute(name, z, t)
    step = 1e-6
    for i, k in np.ndindex(z.shape):
        moved = np.zeros_like(z)
        moved[i, k] = step
        rise = compute(name, z + moved, t)[0] - compute(name, z - moved, t)[0]
        assert gradient[i, k] == pytest.approx(rise / (2 * step), abs=1e-8)


@by_name
def test_pairs_are_not_compared_with_others(name):
    z, t = draw(2, name)
    value, _ = compute(name, z, t)
    alone = [compute(name, z[i : i + 1], t[i : i + 1])[0] for i in range(N)]
    assert value == pytest.approx(np.mean(alone), rel=1e-12)
    loss = losses.TARGET_LOSSES[name]()
    views = torch.tensor(z), torch.tensor(t)
    of_one_group = loss(views, torch.zeros(N, dtype=torch.int64))
    assert of_one_group == loss(views, torch.arange(N))


@by_name
@pytest.mark.parametrize("zero", ["outputs", "targets", "both"])
def test_rows_of_zeros_have_finite_losses_and_gradients(name, zero):
    z, t = draw(3, name)
    if zero != "targets":
        z[1] = 0
    if zero != "outputs":
        t[1] = 0
    value, gradient = compute(name, z, t)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


@by_name
def test_large_outputs_have_finite_losses_and_gradients(name):
    z, t = draw(3, name)
    z[0], z[1] = 1e4, -1e4
    z[2] = np.linspace(-1e4, 1e4, D)
    value, gradient = compute(name, z, t)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


units = hnp.arrays(float, (3, D), elements=st.floats(0.01, 0.99))
outputs = hnp.arrays(float, (3, D), elements=st.floats(-8, 8))


@given(outputs, units)
def test_the_least_sigmoid_cross_entropy_is_the_entropy_of_the_targets(z, t):
    entropies = -(xlogy(t, t) + xlogy(1 - t, 1 - t)).sum(axis=1).mean()
    least, gradient = compute("sigmoid_cross_entropy", logit(t), t)
    assert least == pytest.approx(entropies, rel=1e-9)
    np.testing.assert_allclose(gradient, 0, atol=1e-12)
    assert compute("sigmoid_cross_entropy", z, t)[0] >= entropies - 1e-9


@given(outputs, units)
def test_softmax_cross_entropy_is_a_divergence_and_an_entropy(z, t):
    t = t / t.sum(axis=1, keepdims=True)
    image = np.exp(log_softmax(z, axis=1))
    divergence = rel_entr(t, image).sum(axis=1)
    expected = np.mean(divergence + entropy(t, axis=1))
    assert compute("softmax_cross_entropy", z, t)[0] == pytest.approx(expected)


@given(outputs, st.floats(0.1, 10))
def test_cosine_does_not_know_lengths_and_squared_error_does(z, factor):
    t = np.linspace(-1, 2, 3 * D).reshape(3, D)
    assert compute("cosine", factor * t, t)[0] == pytest.approx(0, abs=1e-12)
    assert compute("cosine", -factor * t, t)[0] == pytest.approx(2)
    scaled = compute("cosine", factor * z, t)[0]
    norms = np.linalg.norm(z, axis=1)
    if (norms > 1e-3).all():  # nearer to zero, a direction means nothing
        assert scaled == pytest.approx(compute("cosine", z, t)[0])
    expected = ((factor - 1) ** 2 * t**2).sum(axis=1).mean()
    assert compute("squared_error", factor * t, t)[0] == pytest.approx(expected)
