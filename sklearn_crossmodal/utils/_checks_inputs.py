"""Checks of what a two-view estimator does with its input, good and bad."""

import copy
import tempfile
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

from ._checks_data import kind_of, optional_module
from ._checks_helpers import (
    FIT_ERRORS,
    N_SAMPLES,
    bad_fits,
    both,
    fitted,
    fitted_attributes,
    must,
    must_be_close,
    must_be_equal,
    must_embed_alike,
    must_raise,
    unfitted,
)


def check_unfitted(name, estimator_orig, make_data):
    """Check that embedding and scoring raise `NotFittedError` before `fit`."""
    X, y = make_data(N_SAMPLES, 0)
    estimator = unfitted(estimator_orig)
    calls = {
        "transform": lambda: estimator.transform(X),
        "transform_y": lambda: estimator.transform_y(y),
        "score": lambda: estimator.score(X, y),
    }
    for call, embed in calls.items():
        with must_raise(
            NotFittedError, f"{name}.{call} must raise NotFittedError before fit"
        ):
            embed()


def check_wrong_lengths(name, estimator_orig, make_data):
    """Check that views, or groups, of different lengths are an error that says so."""
    estimator, X, y = fitted(estimator_orig, make_data)
    n = len(X)
    for call in (unfitted(estimator_orig).fit, estimator.score):
        where = f"{name}.{call.__name__}"
        for X_part, y_part in ((X, y[:-1]), (X[:-1], y)):
            sizes = f"{len(X_part)}.*{len(y_part)}|{len(y_part)}.*{len(X_part)}"
            with must_raise(
                ValueError,
                f"{where} must refuse {len(X_part)} rows of X with {len(y_part)} of y",
                match=rf"(?s){sizes}",
            ):
                call(X_part, y_part)
        for size in (n - 1, n + 1):
            with must_raise(
                ValueError, f"{where} must refuse {size} groups for {n} rows"
            ):
                call(X, y, groups=np.arange(size))


def check_y_none(name, estimator_orig, make_data):
    """Check that ``y=None`` is an error that says that the second view is required."""
    estimator, X, _ = fitted(estimator_orig, make_data)
    fit = unfitted(estimator_orig).fit
    for call in (lambda: fit(X, None), lambda: estimator.transform_y(None)):
        with must_raise(FIT_ERRORS, f"{name} must refuse y=None", match=r"\by\b"):
            call()


def check_nonfinite(name, estimator_orig, make_data):
    """Check that NaN and infinity, in X and in a numeric y, are errors."""
    estimator, X, y = fitted(estimator_orig, make_data)
    for bad in (np.nan, np.inf, -np.inf):
        X_bad = X.copy()
        X_bad[3, 1] = bad
        why = f"{name} must refuse {bad} in X"
        with must_raise(ValueError, f"{why} at fit"):
            unfitted(estimator_orig).fit(X_bad, y)
        with must_raise(ValueError, f"{why} at transform"):
            estimator.transform(X_bad)
        y_bad = _with_bad_number(y, bad)
        if y_bad is None:
            continue
        why = f"{name} must refuse {bad} in y"
        with must_raise(ValueError, f"{why} at fit"):
            unfitted(estimator_orig).fit(X, y_bad)
        with must_raise(ValueError, f"{why} at transform_y"):
            estimator.transform_y(y_bad)


def _with_bad_number(y, bad):
    """Return `y` with one bad number; None if it holds texts."""
    if kind_of(y) == "bags":
        bags = [bag.copy() for bag in y]
        bags[3][0, 1] = bad
        return bags
    if kind_of(y) == "numbers":
        y = y.astype(np.float64)
        y[3, 1] = bad
        return y
    return None


def check_bad_items(name, estimator_orig, make_data):
    """Check that a row that is no item, or has none, is an error that names the row.

    Texts: None, bytes, a number, an empty list. Bags: an empty one, one of another
    width. Numbers: rows of different lengths.
    """
    estimator, X, y = fitted(estimator_orig, make_data)
    for bad in _bad_rows(y):
        y_bad = list(y)
        y_bad[3] = bad
        why = f"{name} must refuse a row of y that is {bad!r:.40}"
        match = None if kind_of(y) == "numbers" else r"\b3\b"
        with must_raise(FIT_ERRORS, f"{why} at fit", match=match):
            unfitted(estimator_orig).fit(X, y_bad)
        with must_raise(FIT_ERRORS, f"{why} at transform_y", match=match):
            estimator.transform_y(y_bad)


def _bad_rows(y):
    if kind_of(y) == "bags":
        return [y[3][:0], y[3][:, :-1]]
    if kind_of(y) == "numbers":
        return [y[3, :-1]]
    return [None, b"a dog", 3.5, [], ["a dog", None]]


def check_empty_input(name, estimator_orig, make_data):
    """Check that no rows at all is an error in every method."""
    estimator, X, y = fitted(estimator_orig, make_data)
    fit = unfitted(estimator_orig).fit
    calls = {
        "fit": lambda: fit(X[:0], y[:0]),
        "transform": lambda: estimator.transform(X[:0]),
        "transform_y": lambda: estimator.transform_y(y[:0]),
        "transform_y of a list": lambda: estimator.transform_y([]),
        "score": lambda: estimator.score(X[:0], y[:0]),
    }
    for call, on_nothing in calls.items():
        with must_raise(ValueError, f"{name}.{call} must refuse an empty input"):
            on_nothing()


def check_one_sample(name, estimator_orig, make_data):
    """Check that one pair cannot be fitted, while one row can be embedded."""
    estimator, X, y = fitted(estimator_orig, make_data)
    fresh = unfitted(estimator_orig)
    with must_raise(
        ValueError, f"{name}.fit must refuse one pair: it has nothing to tell apart"
    ):
        fresh.fit(X[:1], y[:1])
    must(
        not fitted_attributes(fresh),
        f"{name} is half-fitted after it refused one pair: {fitted_attributes(fresh)}.",
    )
    for view, embedded in zip("Xy", both(estimator, X[:1], y[:1]), strict=True):
        must(
            embedded.shape[0] == 1 and embedded.ndim == 2,
            f"{name} must embed one row of {view} as one row; got {embedded.shape}.",
        )
    must_be_close(
        estimator.score(X[:1], y[:1]), 1.0, f"{name}.score of one pair must be 1"
    )


def check_n_features(name, estimator_orig, make_data):
    """Check that `transform` refuses another number of features than in `fit`."""
    estimator, X, _ = fitted(estimator_orig, make_data)
    must(
        estimator.n_features_in_ == X.shape[1],
        f"{name}.n_features_in_ must be {X.shape[1]}.",
    )
    for other in (X[:, :-1], np.hstack([X, X[:, :1]])):
        with must_raise(
            ValueError,
            f"{name}.transform must refuse {other.shape[1]} features",
            match=str(X.shape[1]),
        ):
            estimator.transform(other)


def check_failed_fit(name, estimator_orig, make_data):
    """Check that a `fit` that fails leaves the estimator as it was, fitted or not."""
    before, X, y = fitted(estimator_orig, make_data)
    estimator, fresh = copy.deepcopy(before), unfitted(estimator_orig)
    for what, arguments in bad_fits(X, y):
        with must_raise(FIT_ERRORS, f"{name}.fit must refuse {what}"):
            fresh.fit(*arguments)
        left = fitted_attributes(fresh)
        must(not left, f"{name} is half-fitted after it refused {what}: it has {left}.")
        with must_raise(
            NotFittedError, f"{name} must still be unfitted after it refused {what}"
        ):
            fresh.transform(X)
        with must_raise(FIT_ERRORS, f"{name}.fit must refuse {what}"):
            estimator.fit(*arguments)
        must(
            fitted_attributes(estimator) == fitted_attributes(before),
            f"{name}: a fitted estimator that refused {what} must keep its attributes.",
        )
        must_embed_alike(
            estimator,
            before,
            X,
            y,
            f"{name}: a fitted estimator that refused {what} must embed as before",
        )


def check_input_unchanged(name, estimator_orig, make_data):
    """Check that no method changes X, y or groups."""
    X, y = make_data(N_SAMPLES, 0)
    groups = np.arange(len(X)) // 2
    before = copy.deepcopy((X, y, groups))
    estimator = unfitted(estimator_orig)
    calls = {
        "fit": lambda: estimator.fit(X, y, groups=groups),
        "transform": lambda: estimator.transform(X),
        "transform_y": lambda: estimator.transform_y(y),
        "score": lambda: estimator.score(X, y, groups=groups),
    }
    for call, run in calls.items():
        run()
        for given, kept in zip((X, y, groups), before, strict=True):
            must(_same(given, kept), f"{name}.{call} must not change its input.")


def _same(a, b):
    if isinstance(a, np.ndarray):
        return np.array_equal(a, b)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return a == b


def check_readonly_memmap(name, estimator_orig, make_data):
    """Check that read-only memory maps, also of a numeric y, do as well as arrays."""
    X, y = make_data(N_SAMPLES, 0)
    expected = unfitted(estimator_orig).fit(X, y)
    with tempfile.TemporaryDirectory() as folder:
        X_map = _readonly_map(X, Path(folder) / "X.npy")
        y_map = y
        if isinstance(y, np.ndarray) and not y.dtype.hasobject:
            y_map = _readonly_map(y, Path(folder) / "y.npy")
        elif kind_of(y) == "bags":
            y_map = [_readonly(bag.copy()) for bag in y]
        estimator = unfitted(estimator_orig).fit(X_map, y_map)
        for view, actual, reference in zip(
            "Xy", both(estimator, X_map, y_map), both(expected, X, y), strict=True
        ):
            must_be_equal(
                actual,
                reference,
                f"{name}: embeddings of {view} from read-only memory maps must equal "
                "those from arrays",
            )
        score = estimator.score(X_map, y_map)
        must_be_equal(score, expected.score(X, y), f"{name}.score must be equal too")
        del X_map, y_map


def _readonly_map(array, path):
    np.save(path, array)
    return np.load(path, mmap_mode="r")


def _readonly(array):
    array.flags.writeable = False
    return array


def check_x_containers(name, estimator_orig, make_data):
    """Check that X may be a list or a DataFrame, and sparse where the tags say so."""
    X, y = make_data(N_SAMPLES, 0)
    X[np.abs(X) < 0.5] = 0
    expected = unfitted(estimator_orig).fit(X, y)
    for container, same_X in _x_containers(X, estimator_orig):
        estimator = unfitted(estimator_orig).fit(same_X, y)
        results = zip(both(estimator, same_X, y), both(expected, X, y), strict=True)
        for view, (actual, reference) in zip("Xy", results, strict=True):
            must_be_close(
                actual,
                reference,
                f"{name}: embeddings of {view} with X as {container} must equal those "
                "with an array",
            )
        must_be_close(
            estimator.score(same_X, y),
            expected.score(X, y),
            f"{name}.score with X as {container} must equal that with an array",
        )


def _x_containers(X, estimator):
    yield "a list of lists", X.tolist()
    pandas = optional_module("pandas")
    if pandas is not None:
        columns = [f"feature {i}" for i in range(X.shape[1])]
        index = np.random.RandomState(0).permutation(len(X))
        yield "a DataFrame", pandas.DataFrame(X, columns=columns, index=index)
    if get_tags(estimator).input_tags.sparse:
        for container in (sparse.csr_matrix, sparse.csr_array, sparse.csc_array):
            yield f"a {container.__name__}", container(X)
