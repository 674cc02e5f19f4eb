"""The bound on the incoming weights of a unit."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_crossmodal import CosCosEmbedder
from sklearn_crossmodal.training._callbacks import MaxNorm

# What is learned does not matter here.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = [RNG.standard_normal((1 + row % 3, 4)) for row in range(16)]
Y = [RNG.standard_normal((1 + row % 2, 5)) for row in range(16)]


def make(**params):
    return CosCosEmbedder(**{
        "n_components": 6, "x_hidden_layer_sizes": (7,), "batch_size": 4, "lr": 0.1,
        "y_hidden_layer_sizes": (8, 5), "max_epochs": 2, "weight_decay": 0.0,
        "device": "cpu", "random_state": 0, **params,
    })  # fmt: skip


def parameters(embedder):
    state = embedder.net_.module_.named_parameters()
    return {name: value.detach().numpy().copy() for name, value in state}


class Net:
    """As much of a net as the callback looks at."""

    def __init__(self, module):
        self.module_ = module


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**16),
    bound=st.floats(0.01, 10),
    n_in=st.integers(1, 6),
    n_out=st.integers(1, 6),
)
def test_units_beyond_the_bound_are_scaled_down_to_it_and_others_stay(
    seed, bound, n_in, n_out
):
    rng = np.random.default_rng(seed)
    layer = torch.nn.Linear(n_in, n_out)
    weight = rng.normal(scale=3, size=(n_out, n_in)).astype(np.float32)
    weight[0] = 0
    layer.weight.data[:] = torch.from_numpy(weight)
    layer.bias.data[:] = 100.0
    MaxNorm(bound).on_batch_end(Net(layer), training=True)
    for unit, after in zip(weight, layer.weight.detach().numpy(), strict=True):
        norm = np.sqrt((unit.astype(float) ** 2).sum())
        expected = unit * min(1.0, bound / norm) if norm else unit
        np.testing.assert_allclose(after, expected, rtol=1e-5)
    assert (layer.bias == 100).all()


def test_scoring_a_batch_changes_nothing():
    layer = torch.nn.Linear(3, 2)
    before = layer.weight.detach().clone()
    MaxNorm(1e-3).on_batch_end(Net(layer), training=False)
    assert torch.equal(layer.weight, before)


@pytest.mark.parametrize("optimizer", ["adamw", "adadelta", "sgd"])
@pytest.mark.parametrize("how", ["fit", "early stopping", "partial_fit", "warm start"])
def test_no_unit_is_beyond_the_bound_after_training(optimizer, how):
    params = {"optimizer": optimizer, "lr": 1.0 if optimizer == "adadelta" else 0.1}
    free, bound = make(**params).fit(X, Y), 0.3
    bounded = make(**params, max_norm=bound)
    if how == "early stopping":
        bounded.set_params(early_stopping=True, validation_fraction=0.25)
    if how == "warm start":
        bounded.set_params(warm_start=True, max_norm=None).fit(X, Y)
        bounded.set_params(max_norm=bound)
    (bounded.partial_fit if how == "partial_fit" else bounded.fit)(X, Y)
    at_bound = 0
    for name, value in parameters(bounded).items():
        if name.endswith("weight"):
            norms = np.linalg.norm(value, axis=1)
            assert (norms <= bound * (1 + 1e-5)).all(), name
            at_bound += (norms > bound * 0.999).sum()
    assert at_bound > 0
    # Without it they are beyond.
    assert max(np.linalg.norm(value, axis=1).max()
               for name, value in parameters(free).items()
               if name.endswith("weight")) > bound  # fmt: skip


def test_biases_go_beyond_the_bound():
    bounded = make(max_norm=0.05, lr=0.5, optimizer="adam").fit(X, Y)
    biases = {name: value for name, value in parameters(bounded).items()
              if name.endswith("bias")}  # fmt: skip
    assert len(biases) == 5
    assert all(np.linalg.norm(value) > 0.05 for value in biases.values())


@pytest.mark.parametrize("loss", ["mil_nce", "coscos2"])
def test_a_bound_that_is_never_reached_changes_no_bit(loss):
    free, bounded = (make(loss=loss, max_norm=value).fit(X, Y) for value in (None, 1e6))
    np.testing.assert_equal(parameters(bounded), parameters(free))
    assert bounded.history_[-1]["train_loss"] == free.history_[-1]["train_loss"]


def test_the_scale_of_a_loss_is_no_weight():
    bounded = make(loss="info_nce", max_norm=0.01).fit(X, Y)
    assert bounded.net_.criterion_.log_scale.item() > 1


def test_nothing_of_it_stays_in_the_net():
    bounded = make(max_norm=0.3).fit(X, Y)
    assert not [cb for _, cb in bounded.net_.callbacks_ if isinstance(cb, MaxNorm)]
