"""A task that trains in a hundredth of a second, and comparisons to the last bit."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sklearn_crossmodal import CaptionRanker
from sklearn_crossmodal.preprocessing import CaptionTokenizer

WORDS = "zero one two three four five".split()
PARAMS = {
    "n_components": 8,
    "y_transformer": CaptionTokenizer(),
    "word_size": 5,
    "word_vectors": None,
    "gru_size": 6,
    "dropout": 0.2,
    "lr": 1e-2,
    "lr_schedule": "constant",
    "batch_size": 8,
    "max_epochs": 3,
    "device": "cpu",
    "random_state": 0,
}


def draw(n_samples, seed):
    """Return images of two one-hot digits with noise, and their captions."""
    rng = np.random.default_rng(seed)
    digits = rng.integers(6, size=(n_samples, 2))
    X = np.concatenate([np.eye(6)[digits[:, 0]], np.eye(6)[digits[:, 1]]], axis=1)
    X += 0.1 * rng.standard_normal(X.shape)
    y = [f"{WORDS[left]} then {WORDS[right]}" for left, right in digits]
    return X.astype(np.float32), y


@pytest.fixture
def X():
    return draw(24, 0)[0]


@pytest.fixture
def y():
    return draw(24, 0)[1]


@pytest.fixture(scope="session")
def more():
    """Draw other pairs: ``more(n_samples, seed=1)``."""
    return lambda n_samples, seed=1: draw(n_samples, seed)


@pytest.fixture(scope="session")
def tiny():
    """Make a small CaptionRanker: ``tiny(**params)``."""
    return lambda **params: CaptionRanker(**{**PARAMS, **params})


def learned(ranker):
    """Return everything that training changes, as a flat dict of numpy arrays."""
    net = ranker.net_
    parts = {"module": net.module_.state_dict(), "loss": net.criterion_.state_dict()}
    state = {
        f"{part} {name}": value
        for part, values in parts.items()
        for name, value in values.items()
    }
    optimizer = net.optimizer_.state_dict()
    for index, values in optimizer["state"].items():
        state.update({f"optimizer {index} {k}": v for k, v in values.items()})
    for index, group in enumerate(optimizer["param_groups"]):
        state.update({f"group {index} {k}": repr(v) for k, v in group.items()})
    return {
        name: value.detach().cpu().numpy() if torch.is_tensor(value) else value
        for name, value in state.items()
    }


@pytest.fixture(scope="session")
def assert_same():
    """Compare the weights, optimizer and history of two rankers, bit for bit."""

    def compare(one, other):
        np.testing.assert_equal(learned(one), learned(other))
        assert _untimed(one.history_) == _untimed(other.history_)
        assert one.n_iter_ == other.n_iter_ == len(one.net_.history)
        assert len(other.net_.history) == other.n_iter_

    return compare


@pytest.fixture(scope="session")
def snapshot():
    """Copy what a ranker has learned: ``snapshot(ranker)``, a dict of arrays."""
    return lambda ranker: {k: np.array(v) for k, v in learned(ranker).items()}


def _untimed(history):
    """Leave out durations, and what was best so far: each fit counts that anew."""
    return [
        {k: v for k, v in row.items() if k != "dur" and not k.endswith("_best")}
        for row in history
    ]


class _At(Callback):
    def __init__(self, epoch, action, hook):
        self.epoch = epoch
        self.action = action
        self.hook = hook

    def _maybe(self, hook, net):
        if hook == self.hook and len(net.history) == self.epoch:
            self.action(net)

    def on_epoch_begin(self, net, **kwargs):
        self._maybe("on_epoch_begin", net)

    def on_batch_begin(self, net, **kwargs):
        self._maybe("on_batch_begin", net)

    def on_grad_computed(self, net, **kwargs):
        self._maybe("on_grad_computed", net)

    def on_batch_end(self, net, **kwargs):
        self._maybe("on_batch_end", net)

    def on_epoch_end(self, net, **kwargs):
        self._maybe("on_epoch_end", net)


@pytest.fixture(scope="session")
def at():
    """Make a skorch callback: ``at(epoch, action, hook)`` calls ``action(net)``."""
    return lambda epoch, action, hook="on_batch_end": _At(epoch, action, hook)


class _Batches(Callback):
    """Note what is in each batch; functions are what deepcopy shares."""

    def __init__(self, note):
        self.note = note

    def on_batch_begin(self, net, batch, training=False, **kwargs):
        (views, ids) = batch
        self.note(len(net.history), ids.numpy().copy(), views)


@pytest.fixture
def seen():
    """Give a list of (epoch, ids, views) and the callback that fills it."""
    batches = []
    return batches, _Batches(lambda *batch: batches.append(batch))
