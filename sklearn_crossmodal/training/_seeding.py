"""Seeds: one drawn per fit, one stream per epoch, the caller's state untouched."""

import threading
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.utils import check_random_state

# torch's generators are global, so that seeded work in two threads would mix.
_GENERATORS = threading.RLock()


def draw_seed(random_state):
    """Draw one integer seed as scikit-learn does; an int leaves no trace."""
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


def seed_nested(estimator, seed):
    """Seed what inside an estimator would draw from numpy's global state."""
    unseeded = {
        name: seed
        for name, value in estimator.get_params().items()
        if value is None and name.rpartition("__")[2] == "random_state"
    }
    if unseeded:  # a transformer of one's own may have no set_params
        estimator.set_params(**unseeded)


def stream(seed, step):
    """Return numpy's generator for step `step` of the fit seeded with `seed`."""
    return np.random.default_rng([seed, step])


@contextmanager
def torch_stream(seed, step, device):
    """Seed torch for step `step` inside the block; its global state is put back.

    Each epoch has a stream of its own, so that training three epochs and then three
    more gives the same bits as training six.
    """
    value = int(stream(seed, step).integers(2**63 - 1))
    cuda = [device.index or 0] if device.type == "cuda" else []
    with _GENERATORS, torch.random.fork_rng(devices=cuda):
        torch.random.default_generator.manual_seed(value)
        for index in cuda:
            torch.cuda.default_generators[index].manual_seed(value)
        yield
