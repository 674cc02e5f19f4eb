"""What the checks of the conformance suite have in common."""

import re
from contextlib import contextmanager
from functools import partial

import numpy as np
from sklearn.base import clone
from sklearn.utils import get_tags

from ..base import compared_by
from ._checks_views import with_bad_entry, with_bad_number

N_SAMPLES = 40
FIT_ERRORS = (ValueError, TypeError)
# The methods that embed an estimator's views, the first and the second.
EMBED = ("transform", "transform_y")


def must(condition, message):
    """Fail with a message that says what the contract is; also under ``python -O``."""
    if not condition:
        raise AssertionError(message)


@contextmanager
def must_raise(errors, why, match=None):
    """Fail unless the block raises one of `errors` with a message that has `match`."""
    try:
        yield
    except errors as error:
        if match and not re.search(match, str(error)):
            raise AssertionError(
                f"{why}, and its message must mention {match!r}; got: {error}"
            ) from error
        return
    except Exception as error:
        raise AssertionError(
            f"{why}; got {type(error).__name__} instead: {error}"
        ) from error
    raise AssertionError(f"{why}; nothing was raised.")


def must_be_equal(actual, expected, message):
    """Fail unless two arrays have the same bits."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        raise AssertionError(f"{message}: {actual.shape} against {expected.shape}.")
    if not np.array_equal(actual, expected):
        raise AssertionError(f"{message}: they differ{_by(actual, expected)}.")


def must_be_close(actual, expected, message, atol=1e-5):
    """Fail unless two arrays are equal up to float32 rounding."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    if actual.shape != expected.shape:
        raise AssertionError(f"{message}: {actual.shape} against {expected.shape}.")
    if not np.allclose(actual, expected, rtol=1e-4, atol=atol):
        raise AssertionError(f"{message}: they differ{_by(actual, expected)}.")


def _by(actual, expected):
    return f" by up to {np.abs(actual - expected).max():.3g}"


def unfitted(estimator_orig, **params):
    """Return a clone, seeded if it can be, with other parameters set."""
    estimator = clone(estimator_orig)
    if has_parameter(estimator, "random_state"):
        estimator.set_params(random_state=0)
    return estimator.set_params(**params)


def fitted(estimator_orig, make_data, **params):
    """Return a fitted clone and the view, or two views, that it was fitted on."""
    views = make_data(N_SAMPLES, 0)
    return unfitted(estimator_orig, **params).fit(*views), *views


def has_parameter(estimator, name):
    """Whether the constructor has this parameter."""
    return name in estimator.get_params(deep=False)


def compares_by(estimator):
    """Return how a fitted estimator's embeddings are compared, of one view too."""
    return compared_by(estimator) if hasattr(estimator, "similarity") else "cosine"


def calls_of(estimator, *views, **metadata):
    """Return by name the calls of a fitted estimator, to be made without arguments.

    They embed each view; `score`, where there is one, takes all, and `metadata`.
    """
    methods = zip(EMBED, views, strict=False)
    calls = {name: partial(getattr(estimator, name), view) for name, view in methods}
    if hasattr(estimator, "score"):
        calls["score"] = partial(estimator.score, *views, **metadata)
    return calls


def embed(estimator, *views):
    """Embed one view, or two."""
    calls = calls_of(estimator, *views)
    return [np.asarray(calls[name]()) for name in EMBED if name in calls]


def must_embed_alike(estimator, other, views, message):
    """Fail unless two estimators give the same bits for each view."""
    pairs = zip(embed(estimator, *views), embed(other, *views), strict=True)
    for name, (actual, expected) in zip(EMBED, pairs, strict=False):
        must_be_equal(actual, expected, f"{message} ({name})")


def must_fit_alike(name, estimator_orig, family):
    """Fail unless what says the same in several containers has one result.

    `family` is a list of ``(description, *views)``; the first is the reference.
    """
    kept = None
    for container, *views in family:
        estimator = unfitted(estimator_orig).fit(*views)
        result = {call: run() for call, run in calls_of(estimator, *views).items()}
        kept = kept or result
        for call, actual in result.items():
            must_be_close(
                actual,
                kept[call],
                f"{name}.fit and {call} with {container} must equal those with "
                f"{family[0][0]}",
            )


def must_raise_each(errors, why, calls, match=None):
    """Fail unless each of the named `calls` raises."""
    for where, call in calls.items():
        with must_raise(errors, f"{why} at {where}", match=match):
            call()


def needs_fit(estimator):
    """Whether the estimator learns anything, by its tags."""
    return get_tags(estimator).requires_fit


def fitted_attributes(estimator):
    """Return the names of the attributes that `fit` has set."""
    return {
        name
        for name in vars(estimator)
        if name.endswith("_") and not name.startswith("__")
    }


def bad_fits(X, *second):
    """Yield ``(description, arguments)`` of calls of `fit` that must be refused."""
    for bad in (np.nan, np.inf):
        X_bad = with_bad_number(X, bad)
        if X_bad is not None:
            yield f"{bad} in X", (X_bad, *second)
    for what, X_bad in with_bad_entry(X):
        yield f"{what} of X", (X_bad, *second)
    yield "no rows", (X[:0], *(y[:0] for y in second))
    for y in second:
        yield "X and y of different lengths", (X, y[:-1])
        yield "y=None", (X, None)
        yield "one row", (X[:1], y[:1])
        yield "groups of another length", (X, y, np.arange(len(X) - 1))
