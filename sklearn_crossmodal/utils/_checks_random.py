"""Checks of seeds, and of the random states that belong to the caller."""

import pickle
import random
from contextlib import contextmanager

import numpy as np

from ._checks_data import loaded_torch
from ._checks_helpers import (
    N_SAMPLES,
    calls_of,
    embed,
    must,
    must_embed_alike,
    unfitted,
)


def check_same_seed(name, estimator_orig, make_data):
    """Check that one seed gives the same bits, as an integer or a `RandomState`."""
    views = make_data(N_SAMPLES, 0)
    for make_seed in (int, np.random.RandomState):
        first, second = (
            unfitted(estimator_orig, random_state=make_seed(7)).fit(*views)
            for _ in range(2)
        )
        must_embed_alike(
            first,
            second,
            views,
            f"{name}: the same random_state must give the same bits",
        )


def check_different_seeds(name, estimator_orig, make_data):
    """Check that `random_state` is used: another seed gives another model."""
    views = make_data(N_SAMPLES, 0)
    fits = [unfitted(estimator_orig, random_state=seed).fit(*views) for seed in (1, 2)]
    embedded = [np.hstack(embed(estimator, *views)) for estimator in fits]
    must(
        not np.array_equal(*embedded),
        f"{name}: another random_state must give another model.",
    )


def check_global_random_state(name, estimator_orig, make_data):
    """Check that the caller's random states change only where None asks for it.

    Python's and torch's are never touched. numpy's is left alone for an integer seed
    and for a `RandomState`, which moves on itself; None draws from numpy's.
    """
    views = make_data(N_SAMPLES, 0)
    with _unusual_random_states():
        own = np.random.RandomState(0)
        for random_state in (0, own):
            before = _random_states()
            estimator = unfitted(estimator_orig).set_params(random_state=random_state)
            estimator.fit(*views)
            for run in calls_of(estimator, *views).values():
                run()
            changed = _changed(before)
            must(
                not changed,
                f"{name} with random_state={random_state!r} must leave the global "
                f"random states alone; it changed {changed}.",
            )
        must(
            _bits(own) != _bits(np.random.RandomState(0)),
            f"{name}.fit must draw from the RandomState that it is given.",
        )
        _check_none_draws_from_numpy(name, estimator_orig, views)


def _check_none_draws_from_numpy(name, estimator_orig, views):
    fits = []
    for _ in range(2):
        np.random.seed(_UNUSUAL)
        before = _random_states()
        estimator = unfitted(estimator_orig).set_params(random_state=None)
        fits.append(estimator.fit(*views))
        changed = _changed(before)
        must(
            changed == ["numpy"],
            f"{name} with random_state=None must draw from numpy's global state "
            f"and no other; it changed {changed}.",
        )
    must_embed_alike(
        *fits, views, f"{name} with random_state=None must follow np.random.seed"
    )


_UNUSUAL = 20_249_711


@contextmanager
def _unusual_random_states():
    """Seed what the caller has with a number that no estimator seeds it with."""
    torch = loaded_torch()
    kept = np.random.get_state(), random.getstate(), torch and torch.get_rng_state()
    np.random.seed(_UNUSUAL)
    random.seed(_UNUSUAL)
    if torch is not None:
        torch.set_rng_state(torch.Generator().manual_seed(_UNUSUAL).get_state())
    try:
        yield
    finally:
        np.random.set_state(kept[0])
        random.setstate(kept[1])
        if torch is not None:
            torch.set_rng_state(kept[2])


def _bits(random_state):
    return pickle.dumps(random_state.get_state())


def _random_states():
    torch = loaded_torch()
    states = {"numpy": _bits(np.random), "random": pickle.dumps(random.getstate())}
    if torch is not None:
        states["torch"] = torch.get_rng_state().numpy().tobytes()
    return states


def _changed(before):
    after = _random_states()
    return [name for name, state in before.items() if after[name] != state]
