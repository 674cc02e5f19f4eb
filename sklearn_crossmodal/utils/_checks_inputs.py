"""Checks of what a two-view estimator does with its input, good and bad."""

import copy

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags

from ._checks_containers import readonly_maps, x_families
from ._checks_helpers import (
    FIT_ERRORS,
    N_SAMPLES,
    bad_fits,
    calls_of,
    embed,
    fitted,
    fitted_attributes,
    must,
    must_be_close,
    must_be_equal,
    must_embed_alike,
    must_fit_alike,
    must_raise,
    must_raise_each,
    needs_fit,
    unfitted,
)
from ._checks_views import (
    fullest_row,
    kind_of,
    narrower,
    take,
    wider,
    width,
    with_bad_entry,
    with_bad_number,
    with_bad_row,
)


def check_unfitted(name, estimator_orig, make_data):
    """Check that embedding and scoring raise `NotFittedError` before `fit`.

    What needs no fit, by its tags, does before as it does after.
    """
    estimator = unfitted(estimator_orig)
    views = make_data(N_SAMPLES, 0)
    if not needs_fit(estimator):
        fitted_too = unfitted(estimator_orig).fit(*views)
        message = f"{name} needs no fit by its tags, so it must do the same without"
        must_embed_alike(estimator, fitted_too, views, message)
        return
    calls = calls_of(estimator, *views)
    for call, run in calls.items():
        with must_raise(
            NotFittedError, f"{name}.{call} must raise NotFittedError before fit"
        ):
            run()


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
    """Check that NaN and infinity, in X and in a numeric y, are errors.

    Where X is images, the error names the image.
    """
    estimator, X, y = fitted(estimator_orig, make_data)
    match = r"\b3\b" if kind_of(X) == "images" else None
    for bad in (np.nan, np.inf, -np.inf):
        calls = _calls_with_x(estimator_orig, estimator, with_bad_number(X, bad), y)
        must_raise_each(ValueError, f"{name} must refuse {bad} in X", calls, match)
        y_bad = with_bad_number(y, bad)
        if y_bad is not None:
            calls = _calls_with_y(estimator_orig, estimator, X, y_bad)
            must_raise_each(ValueError, f"{name} must refuse {bad} in y", calls)


def _calls_with_x(estimator_orig, estimator, X_bad, *second):
    return {
        "fit": lambda: unfitted(estimator_orig).fit(X_bad, *second),
        "transform": lambda: estimator.transform(X_bad),
    }


def _calls_with_y(estimator_orig, estimator, X, y_bad):
    return {
        "fit": lambda: unfitted(estimator_orig).fit(X, y_bad),
        "transform_y": lambda: estimator.transform_y(y_bad),
    }


def check_bad_items(name, estimator_orig, make_data):
    """Check that a row that is no item, or has none, is an error that names the row.

    Texts: None, NaN, bytes, a number, a list. Bags: an empty one, one of another width.
    Images: one with a side of zero, of one or three dimensions, of texts. Numbers of y:
    rows of different lengths.
    """
    estimator, X, *second = fitted(estimator_orig, make_data)
    for what, X_bad in with_bad_entry(X):
        calls = _calls_with_x(estimator_orig, estimator, X_bad, *second)
        must_raise_each(FIT_ERRORS, f"{name} must refuse {what} of X", calls, r"\b3\b")
    for y in second:
        match = None if kind_of(y) == "numbers" else r"\b3\b"
        for what, y_bad in with_bad_row(y):
            calls = _calls_with_y(estimator_orig, estimator, X, y_bad)
            must_raise_each(FIT_ERRORS, f"{name} must refuse {what} of y", calls, match)


def check_empty_input(name, estimator_orig, make_data):
    """Check that no rows at all is an error in every method."""
    estimator, *views = fitted(estimator_orig, make_data)
    nothing = [view[:0] for view in views]
    calls = {
        "fit": lambda: unfitted(estimator_orig).fit(*nothing),
        **calls_of(estimator, *nothing),
    }
    if len(views) == 2:
        calls["transform_y of a list"] = lambda: estimator.transform_y([])
    for call, on_nothing in calls.items():
        with must_raise(ValueError, f"{name}.{call} must refuse an empty input"):
            on_nothing()


def check_one_sample(name, estimator_orig, make_data):
    """Check that one pair cannot be fitted, while one row can be embedded.

    One row is one pair, however many items it has.
    """
    estimator, X, y = fitted(estimator_orig, make_data)
    row = [fullest_row(X)]
    X, y = take(X, row), take(y, row)
    fresh = unfitted(estimator_orig)
    with must_raise(
        ValueError, f"{name}.fit must refuse one pair: it has nothing to tell apart"
    ):
        fresh.fit(X, y)
    must(
        not fitted_attributes(fresh),
        f"{name} is half-fitted after it refused one pair: {fitted_attributes(fresh)}.",
    )
    for view, embedded in zip("Xy", embed(estimator, X, y), strict=True):
        must(
            embedded.shape[0] == 1 and embedded.ndim == 2,
            f"{name} must embed one row of {view} as one row; got {embedded.shape}.",
        )
    must_be_close(estimator.score(X, y), 1.0, f"{name}.score of one pair must be 1")


def check_n_features(name, estimator_orig, make_data):
    """Check that `transform` refuses another number of features than in `fit`."""
    estimator, X, _ = fitted(estimator_orig, make_data)
    must(
        estimator.n_features_in_ == width(X),
        f"{name}.n_features_in_ must be {width(X)}.",
    )
    for other in (narrower(X), wider(X)):
        with must_raise(
            ValueError,
            f"{name}.transform must refuse {width(other)} features",
            match=str(width(X)),
        ):
            estimator.transform(other)


def check_failed_fit(name, estimator_orig, make_data):
    """Check that a `fit` that fails leaves the estimator as it was, fitted or not."""
    before, *views = fitted(estimator_orig, make_data)
    estimator, fresh = copy.deepcopy(before), unfitted(estimator_orig)
    for what, arguments in bad_fits(*views):
        with must_raise(FIT_ERRORS, f"{name}.fit must refuse {what}"):
            fresh.fit(*arguments)
        left = fitted_attributes(fresh)
        must(not left, f"{name} is half-fitted after it refused {what}: it has {left}.")
        if needs_fit(fresh):
            with must_raise(
                NotFittedError, f"{name} must still be unfitted after it refused {what}"
            ):
                fresh.transform(views[0])
        with must_raise(FIT_ERRORS, f"{name}.fit must refuse {what}"):
            estimator.fit(*arguments)
        must(
            fitted_attributes(estimator) == fitted_attributes(before),
            f"{name}: a fitted estimator that refused {what} must keep its attributes.",
        )
        must_embed_alike(
            estimator,
            before,
            views,
            f"{name}: a fitted estimator that refused {what} must embed as before",
        )


def check_input_unchanged(name, estimator_orig, make_data):
    """Check that no method changes its views, nor groups."""
    views = make_data(N_SAMPLES, 0)
    groups = {"groups": np.arange(N_SAMPLES) // 2} if len(views) == 2 else {}
    before = copy.deepcopy((*views, *groups.values()))
    estimator = unfitted(estimator_orig)
    calls = {
        "fit": lambda: estimator.fit(*views, **groups),
        **calls_of(estimator, *views, **groups),
    }
    for call, run in calls.items():
        run()
        for given, kept in zip((*views, *groups.values()), before, strict=True):
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
    with readonly_maps(X) as X_map, readonly_maps(y) as y_map:
        estimator = unfitted(estimator_orig).fit(X_map, y_map)
        for view, actual, reference in zip(
            "Xy", embed(estimator, X_map, y_map), embed(expected, X, y), strict=True
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


def check_x_containers(name, estimator_orig, make_data):
    """Check that X may be a list or a DataFrame, and sparse where the tags say so.

    Bags may come in a tuple, an object array or a Series (by position, whatever its
    index), those of one size in a 3-D array, and those of one vector in a 2-D array.
    So may images; those in colour are as good as grey ones. Strings too may come in a
    tuple, an array or a Series.
    """
    X, *second = make_data(N_SAMPLES, 0)
    takes_sparse = get_tags(estimator_orig).input_tags.sparse
    for family in x_families(X, takes_sparse=takes_sparse):
        same = [(f"X as {container}", same_X, *second) for container, same_X in family]
        must_fit_alike(name, estimator_orig, same)
