"""Checks of parameters, seeds, copies and of what stays behind after `fit`."""

import copy
import gc
import inspect
import io
import pickle
import random
import weakref
from types import BuiltinFunctionType, FunctionType, ModuleType

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.utils import estimator_html_repr, get_tags

from ._checks_data import loaded_torch, optional_module
from ._checks_helpers import (
    N_SAMPLES,
    both,
    fitted,
    fitted_attributes,
    has_parameter,
    must,
    must_be_equal,
    must_embed_alike,
    must_raise,
    unfitted,
)


def check_tags(name, estimator_orig, make_data):
    """Tags say that y is required and float32 comes out, and silence no checks.

    An estimator that takes 2-D arrays must not deny it, or scikit-learn's
    `check_estimator` runs one check and looks green.
    """
    tags = get_tags(estimator_orig)
    must(tags.target_tags.required, f"{name}: target_tags.required must be True.")
    must(
        tags.transformer_tags is not None
        and list(tags.transformer_tags.preserves_dtype) == ["float32"],
        f"{name}: transformer_tags.preserves_dtype must be ['float32'].",
    )
    X, _ = make_data(N_SAMPLES, 0)
    takes_arrays = isinstance(X, np.ndarray) and X.ndim == 2
    silent = not tags.input_tags.two_d_array or tags.no_validation or tags._skip_test
    must(
        not (takes_arrays and silent),
        f"{name} takes 2-D arrays, but its tags silence scikit-learn's check_estimator.",
    )


def check_params(name, estimator_orig, make_data):
    """Parameters are stored as given; `get_params` and `set_params` round-trip.

    `fit` changes none of them, and the estimator can be shown, fitted or not.
    """
    estimator = unfitted(estimator_orig)
    params = estimator.get_params(deep=False)
    signature = inspect.signature(type(estimator).__init__).parameters
    must(
        set(params) == set(signature) - {"self"},
        f"{name}.get_params must have the parameters of __init__.",
    )
    rebuilt = type(estimator)(**params)
    must(
        all(rebuilt.get_params(deep=False)[key] is params[key] for key in params),
        f"{name}.__init__ must store parameters as they are given.",
    )
    must(
        estimator.set_params(**params) is estimator,
        f"{name}.set_params must return self.",
    )
    with must_raise(ValueError, f"{name}.set_params must refuse an unknown name"):
        estimator.set_params(no_such_parameter=1)
    X, y = make_data(N_SAMPLES, 0)
    copies = copy.deepcopy(params)
    estimator.fit(X, y)
    for key, value in estimator.get_params(deep=False).items():
        must(
            value is params[key] and _alike(value, copies[key]),
            f"{name}.fit must not change the parameter {key}.",
        )
    for shown in (unfitted(estimator_orig), estimator):
        must(
            type(shown).__name__ in repr(shown)
            and type(shown).__name__ in estimator_html_repr(shown),
            f"{name} must have a repr and an HTML repr with its name.",
        )


def _alike(a, b):
    """Whether a parameter is like its copy: equal, or of one type and repr."""
    return type(a) is type(b) and (repr(a) == repr(b) or bool(np.all(a == b)))


def check_clone(name, estimator_orig, make_data):
    """A clone has the same parameters, is unfitted, and fits to the same bits."""
    estimator, X, y = fitted(estimator_orig, make_data)
    cloned = clone(estimator)
    params, cloned_params = (e.get_params(deep=False) for e in (estimator, cloned))
    for key, value in params.items():
        must(
            key in cloned_params and _alike(value, cloned_params[key]),
            f"{name}: the parameter {key} of a clone must equal the original's.",
        )
    left = fitted_attributes(cloned)
    must(not left, f"{name}: a clone must be unfitted; it has {left}.")
    must_embed_alike(
        cloned.fit(X, y),
        estimator,
        X,
        y,
        f"{name}: a clone must fit to the same bits as the original",
    )


def check_y_transformer(name, estimator_orig, make_data):
    """`y_transformer` is cloned into `y_transformer_`; the parameter stays unfitted."""
    estimator, X, y = fitted(estimator_orig, make_data)
    must(
        hasattr(estimator, "y_transformer_"),
        f"{name} must keep the fitted y_transformer as y_transformer_.",
    )
    if estimator.y_transformer_ is None:
        return
    given = clone(estimator.y_transformer_)
    again = unfitted(estimator_orig, y_transformer=given).fit(X, y)
    must(
        again.y_transformer is given and again.y_transformer_ is not given,
        f"{name}.fit must clone y_transformer, not use the parameter itself.",
    )
    must(
        not fitted_attributes(given), f"{name}.fit must leave y_transformer unfitted."
    )
    must_embed_alike(
        again, estimator, X, y, f"{name}: the same y_transformer must give the same bits"
    )


def check_pickle(name, estimator_orig, make_data):
    """Pickles and deep copies, before and after `fit`, embed as the original does."""
    estimator, X, y = fitted(estimator_orig, make_data)
    for how, duplicate in _duplications():
        same = duplicate(unfitted(estimator_orig))
        must(
            not fitted_attributes(same), f"{name}: {how} before fit must be unfitted."
        )
        must_embed_alike(
            same.fit(X, y),
            estimator,
            X,
            y,
            f"{name}: {how} before fit must fit to the same bits",
        )
        again = duplicate(estimator)
        must(
            fitted_attributes(again) == fitted_attributes(estimator),
            f"{name}: {how} must keep the fitted attributes.",
        )
        must_embed_alike(
            again, estimator, X, y, f"{name}: {how} must embed to the same bits"
        )


def _duplications():
    yield "pickle", lambda estimator: pickle.loads(pickle.dumps(estimator))
    yield "copy.deepcopy", copy.deepcopy
    yield "joblib.dump", _through_joblib
    cloudpickle = optional_module("cloudpickle")
    if cloudpickle is not None:
        yield "cloudpickle", lambda e: pickle.loads(cloudpickle.dumps(e))


def _through_joblib(estimator):
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


def check_refit_forgets(name, estimator_orig, make_data):
    """Fitted on A and then on B, an estimator is as one fitted on B only."""
    estimator, X, y = fitted(estimator_orig, make_data)
    X_b, y_b = make_data(N_SAMPLES // 2, 1)
    X_b, y_b = X_b[:, :-2], y_b[::-1]
    expected = unfitted(estimator_orig).fit(X_b, y_b)
    estimator.fit(X_b, y_b)
    must_embed_alike(
        estimator,
        expected,
        X_b,
        y_b,
        f"{name}: a second fit must forget the first",
    )
    must(
        fitted_attributes(estimator) == fitted_attributes(expected),
        f"{name}: a second fit must leave the attributes that a first one does.",
    )


# ------------------------------------------------------------------------- randomness


def check_same_seed(name, estimator_orig, make_data):
    """The same seed gives the same bits, as an integer or as a `RandomState`."""
    X, y = make_data(N_SAMPLES, 0)
    for make_seed in (int, np.random.RandomState):
        first, second = (
            unfitted(estimator_orig, random_state=make_seed(7)).fit(X, y)
            for _ in range(2)
        )
        must_embed_alike(
            first, second, X, y, f"{name}: the same random_state must give the same bits"
        )


def check_different_seeds(name, estimator_orig, make_data):
    """Another seed gives another model: `random_state` is used."""
    X, y = make_data(N_SAMPLES, 0)
    embedded = [
        np.hstack(both(unfitted(estimator_orig, random_state=seed).fit(X, y), X, y))
        for seed in (1, 2)
    ]
    must(
        not np.array_equal(*embedded),
        f"{name}: another random_state must give another model.",
    )


def check_global_random_state(name, estimator_orig, make_data):
    """The caller's random states stay as they are, but for what None asks for.

    Python's and torch's are never touched. numpy's is left alone for an integer seed
    and for a `RandomState`, which moves on itself; None draws from numpy's.
    """
    X, y = make_data(N_SAMPLES, 0)
    own = np.random.RandomState(0)
    for random_state in (0, own):
        before = _random_states()
        estimator = unfitted(estimator_orig).set_params(random_state=random_state)
        estimator.fit(X, y)
        both(estimator, X, y)
        estimator.score(X, y)
        changed = _changed(before)
        must(
            not changed,
            f"{name} with random_state={random_state!r} must leave the global random "
            f"states alone; it changed {changed}.",
        )
    must(
        _bits(own) != _bits(np.random.RandomState(0)),
        f"{name}.fit must draw from the RandomState that it is given.",
    )
    _check_none_draws_from_numpy(name, estimator_orig, X, y)


def _check_none_draws_from_numpy(name, estimator_orig, X, y):
    kept = np.random.get_state()
    try:
        fits = []
        for _ in range(2):
            np.random.seed(0)
            before = _random_states()
            estimator = unfitted(estimator_orig).set_params(random_state=None)
            fits.append(estimator.fit(X, y))
            changed = _changed(before)
            must(
                changed == ["numpy"],
                f"{name} with random_state=None must draw from numpy's global state and "
                f"no other; it changed {changed}.",
            )
        must_embed_alike(
            *fits, X, y, f"{name} with random_state=None must follow np.random.seed"
        )
    finally:
        np.random.set_state(kept)


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


# ------------------------------------------------------------------- what stays behind


def check_training_data_released(name, estimator_orig, make_data, light_params=None):
    """Nothing fitted keeps the training data alive, or a copy of it.

    X may never stay. Without what `light_params` switch off, nothing may that has an
    entry for each row.
    """
    n_samples = 53  # no usual size, so that what has it comes from the data
    for params in ({}, light_params or {}):
        X, y = make_data(n_samples, 0)
        alive = weakref.ref(X)
        size = X.size
        estimator = unfitted(estimator_orig, **params).fit(X, y)
        del X, y
        gc.collect()
        must(alive() is None, f"{name}.fit must not keep X, nor a view of it.")
        for thing in _reachable(estimator):
            must(
                _n_values(thing) != size,
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
    """The pickle does not grow with the training data, given `light_params`."""
    data = {n_samples: make_data(n_samples, 0) for n_samples in (60, 240)}
    sizes = {
        n_samples: len(
            pickle.dumps(unfitted(estimator_orig, **(light_params or {})).fit(X, y))
        )
        for n_samples, (X, y) in data.items()
    }
    added = data[240][0].nbytes - data[60][0].nbytes
    must(
        sizes[240] - sizes[60] < added / 20,
        f"{name} with {light_params} pickles to {sizes[60]} bytes after 60 rows and to "
        f"{sizes[240]} after 240: something fitted grows with the training data.",
    )


# ------------------------------------------------------------------------ more training


def check_warm_start(name, estimator_orig, make_data):
    """With `warm_start`, `fit` trains on from where it was: `n_iter_` adds up."""
    estimator, X, y = fitted(estimator_orig, make_data, warm_start=True)
    n_iter, once = estimator.n_iter_, both(estimator, X, y)
    estimator.fit(X, y)
    must(
        estimator.n_iter_ == 2 * n_iter,
        f"{name}: a second fit with warm_start=True must make n_iter_ {2 * n_iter}; got "
        f"{estimator.n_iter_}.",
    )
    must(
        not np.array_equal(both(estimator, X, y)[0], once[0]),
        f"{name}: a second fit with warm_start=True must train further.",
    )
    with must_raise(
        ValueError, f"{name}: a warm start with other features must be refused"
    ):
        estimator.fit(X[:, :-1], y)
    must(
        estimator.n_iter_ == 2 * n_iter,
        f"{name}: a refused warm start must leave n_iter_ as it was.",
    )


def check_partial_fit(name, estimator_orig, make_data):
    """`partial_fit` adds one pass, to nothing or to what was fitted."""
    estimator, X, y = fitted(estimator_orig, make_data)
    n_iter, before = estimator.n_iter_, both(estimator, X, y)
    must(
        estimator.partial_fit(X, y) is estimator and estimator.n_iter_ == n_iter + 1,
        f"{name}.partial_fit must return self and add one to n_iter_.",
    )
    must(
        not np.array_equal(both(estimator, X, y)[0], before[0]),
        f"{name}.partial_fit must train further.",
    )
    twice = [unfitted(estimator_orig).partial_fit(X, y) for _ in range(2)]
    must(twice[0].n_iter_ == 1, f"{name}.partial_fit must also start from nothing.")
    must_embed_alike(
        *twice, X, y, f"{name}.partial_fit with the same seed must give the same bits"
    )
    with must_raise(ValueError, f"{name}.partial_fit must refuse other features"):
        estimator.partial_fit(X[:, :-1], y)
    must_be_equal(
        estimator.n_iter_,
        n_iter + 1,
        f"{name}: a refused partial_fit must leave n_iter_ as it was",
    )
