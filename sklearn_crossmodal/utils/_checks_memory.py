"""Checks of what stays behind after `fit`."""

import gc
import pickle
import weakref
from types import BuiltinFunctionType, FunctionType, ModuleType

import numpy as np

from ._checks_data import loaded_torch
from ._checks_helpers import must, unfitted
from ._checks_views import arrays_of


def check_training_data_released(name, estimator_orig, make_data, light_params=None):
    """Check that nothing fitted keeps the training data alive, or a copy of it.

    Arrays of X may never stay. Without what `light_params` switch off, nothing may that
    has an entry for each row.
    """
    n_samples = 53  # no usual size, so that what has it comes from the data
    for params in ({}, light_params or {}):
        views = make_data(n_samples, 0)
        alive = [weakref.ref(array) for array in arrays_of(views[0])]
        size = sum(array.size for array in arrays_of(views[0]))
        estimator = unfitted(estimator_orig, **params).fit(*views)
        del views
        gc.collect()
        must(
            not any(array() is not None for array in alive),
            f"{name}.fit must not keep X, nor a view of it.",
        )
        for thing in _reachable(estimator):
            must(
                not size or _n_values(thing) != size,
                f"{name} keeps a copy of X: {_describe(thing)}.",
            )
    for thing in _reachable(estimator):
        must(
            n_samples not in _lengths(thing),
            f"{name} with {light_params} keeps something with an entry for each "
            f"training row: {_describe(thing)}. If it is documented, name the "
            "parameters that switch it off as light_params.",
        )


_SHARED = (type, ModuleType, BuiltinFunctionType, str, bytes, int, float)


def _reachable(root):
    """Yield every object that can be reached from `root`, code and classes left out."""
    seen, stack = {}, [root]
    while stack:
        thing = stack.pop()
        if id(thing) in seen or isinstance(thing, _SHARED):
            continue
        seen[id(thing)] = thing
        yield thing
        stack.extend(_referents(thing))


def _referents(thing):
    if isinstance(thing, FunctionType):  # not its __globals__
        return [thing.__closure__, thing.__defaults__, thing.__kwdefaults__]
    if isinstance(thing, np.ndarray):
        return [thing.base, *(thing.flat if thing.dtype.hasobject else ())]
    return gc.get_referents(thing)


def _n_values(thing):
    return int(np.prod(_shape(thing)))


def _lengths(thing):
    if isinstance(thing, list | tuple | set | dict):
        return (len(thing),)
    return _shape(thing)


def _shape(thing):
    """Return the shape of an array or tensor, () of anything else."""
    torch = loaded_torch()
    if isinstance(thing, np.ndarray) or (torch and isinstance(thing, torch.Tensor)):
        return tuple(thing.shape)
    return ()


def _describe(thing):
    return f"a {type(thing).__name__} of shape {_lengths(thing)}"


def check_pickle_size(name, estimator_orig, make_data, light_params=None):
    """Check that a pickle does not grow with the training data, with `light_params`."""
    sizes = {}
    for n_samples in (60, 240):
        estimator = unfitted(estimator_orig, **(light_params or {}))
        estimator.fit(*make_data(n_samples, 0))
        sizes[n_samples] = len(pickle.dumps(estimator))
    must(
        sizes[240] - sizes[60] < 240 - 60,  # less than one byte for a row
        f"{name} with {light_params} pickles to {sizes[60]} bytes after 60 rows and to "
        f"{sizes[240]} after 240: something fitted grows with the training data.",
    )
