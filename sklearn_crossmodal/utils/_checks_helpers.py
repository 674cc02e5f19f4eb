"""What the checks of the conformance suite have in common."""

import re
from contextlib import contextmanager

import numpy as np
from sklearn.base import clone

from ._checks_views import with_bad_bag, with_bad_number

N_SAMPLES = 40
FIT_ERRORS = (ValueError, TypeError)


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
    """Return a fitted clone and the data that it was fitted on."""
    X, y = make_data(N_SAMPLES, 0)
    return unfitted(estimator_orig, **params).fit(X, y), X, y


def has_parameter(estimator, name):
    """Whether the constructor has this parameter."""
    return name in estimator.get_params(deep=False)


def both(estimator, X, y):
    """Embed both views."""
    return np.asarray(estimator.transform(X)), np.asarray(estimator.transform_y(y))


def must_embed_alike(estimator, other, X, y, message):
    """Fail unless two estimators give the same bits for both views."""
    views = zip(both(estimator, X, y), both(other, X, y), strict=True)
    for view, (actual, expected) in zip(("X", "y"), views, strict=True):
        must_be_equal(actual, expected, f"{message} ({view})")


def must_fit_alike(name, estimator_orig, family):
    """Fail unless what says the same in several containers has one result.

    `family` is a list of ``(description, X, y)``; the first is the reference.
    """
    kept = None
    for container, X, y in family:
        estimator = unfitted(estimator_orig).fit(X, y)
        result = *both(estimator, X, y), estimator.score(X, y)
        kept = kept or result
        calls = ("fit(X, y).transform(X)", "transform_y(y)", "score(X, y)")
        for call, actual, expected in zip(calls, result, kept, strict=True):
            must_be_close(
                actual,
                expected,
                f"{name}.{call} with {container} must equal that with {family[0][0]}",
            )


def must_raise_each(errors, why, calls, match=None):
    """Fail unless each of the named `calls` raises."""
    for where, call in calls.items():
        with must_raise(errors, f"{why} at {where}", match=match):
            call()


def fitted_attributes(estimator):
    """Return the names of the attributes that `fit` has set."""
    return {
        name
        for name in vars(estimator)
        if name.endswith("_") and not name.startswith("__")
    }


def bad_fits(X, y):
    """Yield ``(description, arguments)`` of calls of `fit` that must be refused."""
    yield "X and y of different lengths", (X, y[:-1])
    yield "y=None", (X, None)
    yield "NaN in X", (with_bad_number(X, np.nan), y)
    yield "infinity in X", (with_bad_number(X, np.inf), y)
    for what, X_bad in with_bad_bag(X):
        yield f"{what} of X", (X_bad, y)
    yield "no rows", (X[:0], y[:0])
    yield "one row", (X[:1], y[:1])
    yield "groups of another length", (X, y, np.arange(len(X) - 1))
