"""Checks of what a two-view estimator returns."""

from unittest import SkipTest

import numpy as np

from ..metrics import make_retrieval_scorer, mean_reciprocal_rank
from ._checks_containers import in_pandas, y_families
from ._checks_data import optional_module
from ._checks_helpers import (
    EMBED,
    N_SAMPLES,
    calls_of,
    compares_by,
    embed,
    fitted,
    has_parameter,
    must,
    must_be_close,
    must_be_equal,
    must_embed_alike,
    must_fit_alike,
    unfitted,
)
from ._checks_views import kind_of, several_items, take
from ._containers import flatten_items


def check_output(name, estimator_orig, make_data):
    """Check that a view becomes a finite 2-D float32 array, two views of one width.

    The width is `n_components` where there is such a parameter, and
    `get_feature_names_out` has one name for each column.
    """
    estimator, *views = fitted(estimator_orig, make_data)
    calls = calls_of(estimator, *views)
    outputs = {call: calls[call]() for call in EMBED if call in calls}
    for call, embedded in outputs.items():
        must(
            isinstance(embedded, np.ndarray) and embedded.ndim == 2,
            f"{name}.{call} must return one 2-D array, never a tuple: a pipeline's "
            f"next step takes an array. Got {type(embedded).__name__}.",
        )
        must(
            embedded.dtype == np.float32,
            f"{name}.{call} must be float32; got {embedded.dtype}.",
        )
        must(
            len(embedded) == len(views[0]),
            f"{name}.{call} must have one row for each of {len(views[0])} rows; got "
            f"{len(embedded)}.",
        )
        must(np.isfinite(embedded).all(), f"{name}.{call} holds NaN or infinity.")
    widths = {call: embedded.shape[1] for call, embedded in outputs.items()}
    names = estimator.get_feature_names_out()
    widths["get_feature_names_out()"] = len(names)
    if has_parameter(estimator, "n_components"):
        widths["n_components"] = estimator.n_components
    must(
        len(set(widths.values())) == 1,
        f"{name}: all views live in one space, with one feature name for each of its "
        f"dimensions; got the widths {widths}.",
    )
    must(
        len(set(names)) == len(names) and all(isinstance(n, str) for n in names),
        f"{name}.get_feature_names_out must return distinct str; got {names}.",
    )


def check_fit_transform(name, estimator_orig, make_data):
    """Check that `fit_transform` equals `fit` and then `transform`."""
    views = make_data(N_SAMPLES, 0)
    estimator = unfitted(estimator_orig)
    must(estimator.fit(*views) is estimator, f"{name}.fit must return self.")
    must_be_equal(
        unfitted(estimator_orig).fit_transform(*views),
        estimator.transform(views[0]),
        f"{name}.fit_transform must equal fit and then transform",
    )


def check_either_view_alone(name, estimator_orig, make_data):
    """Check that either view, new rows too, is embedded without the other."""
    X_new, y_new = make_data(N_SAMPLES // 4, 1)
    y_new = y_new[:-2]
    only_x, X, _ = fitted(estimator_orig, make_data)
    only_y = fitted(estimator_orig, make_data)[0]
    X_embedded, y_embedded = only_x.transform(X_new), only_y.transform_y(y_new)
    only_y.transform(X)
    must_be_equal(
        only_y.transform_y(y_new),
        y_embedded,
        f"{name}.transform_y must not depend on an earlier transform",
    )
    must_be_equal(
        only_y.transform(X_new),
        X_embedded,
        f"{name}.transform must not depend on an earlier transform_y",
    )


def check_rows_are_independent(name, estimator_orig, make_data):
    """Check that a row's embedding does not depend on its order or on other rows."""
    estimator, *views = fitted(estimator_orig, make_data)
    embedded = embed(estimator, *views)
    order = np.random.RandomState(0).permutation(len(views[0]))
    for how, rows in {"permuted": order, "a few": order[:3], "one": order[:1]}.items():
        parts = embed(estimator, *(take(view, rows) for view in views))
        for call, part, whole in zip(EMBED, parts, embedded, strict=False):
            must_be_close(
                part,
                whole[rows],
                f"{name}.{call} of {how} rows must be the rows of the embeddings of "
                "all",
            )


def check_pairs_stay_paired(name, estimator_orig, make_data, strong_params=None):
    """Check that row i of X is trained with row i of y, in whatever order they come.

    Trained on true pairs, in order or with both views permuted together, each view
    finds the other far above chance; trained on pairs that were torn apart, it does
    not. `strong_params` are parameters with which the estimator learns 40 pairs.
    """
    X, y = make_data(N_SAMPLES, 0)
    rng = np.random.RandomState(0)
    order, torn = rng.permutation(len(X)), rng.permutation(len(X))
    fits = {
        "paired": (X, y),
        "permuted together": (take(X, order), take(y, order)),
        "torn apart": (X, take(y, torn)),
    }
    scores = {
        how: unfitted(estimator_orig, **(strong_params or {}))
        .fit(*data)
        .score(X, y, groups=np.arange(len(X)))
        for how, data in fits.items()
    }
    chance = _chance(y)
    for how in ("paired", "permuted together"):
        must(
            scores[how] > 2 * chance,
            f"{name} fitted on 40 rows {how} scores {scores[how]:.3f} on them, hardly "
            f"above chance ({chance:.3f}). Either pairs get mixed up, or the estimator "
            "needs strong_params to learn them.",
        )
    bound = (chance + scores["paired"]) / 2
    must(
        scores["torn apart"] < bound,
        f"{name} fitted on mispaired rows scores {scores['torn apart']:.3f} on the "
        f"true pairs, nearly as much as when fitted on those "
        f"({scores['paired']:.3f}): it does not learn from the pairs.",
    )


def _chance(y):
    items, rows = flatten_items(y) if "texts" in kind_of(y) else (y, np.arange(len(y)))
    return mean_reciprocal_rank(
        np.ones((len(y), 1)),
        np.ones((len(items), 1)),
        groups=np.arange(len(y)),
        y_groups=rows,
    )


def check_y_containers(name, estimator_orig, make_data):
    """Check that the container of the second view makes no difference, in any method.

    A list, a tuple, arrays, a Series (by position, whatever its index), one text or a
    list of one; a 1-D array and a column; bags in a list or a 3-D array, those of one
    vector in a 2-D array.
    """
    X, y = make_data(N_SAMPLES, 0)
    for family in y_families(y):
        must_fit_alike(
            name,
            estimator_orig,
            [(f"y as {container}", X, same_y) for container, same_y in family],
        )


def check_several_items(name, estimator_orig, make_data):
    """Check that a row of several items is their mean, of unit length for cosine.

    There is one output row for each row, however many items it has; a row of one item
    is that item. So it is for both views, if both have several.
    """
    estimator, X, y = fitted(estimator_orig, make_data)
    for method, view in (("transform", X), ("transform_y", y)):
        if kind_of(view) != "numbers":
            _must_give_means(name, estimator, method, view)


def _must_give_means(name, estimator, method, view):
    embed = getattr(estimator, method)
    items, rows, chunks = several_items(view)
    embedded = embed(items).astype(np.float64)
    expected = np.array([embedded[chunk].mean(axis=0) for chunk in chunks])
    if compares_by(estimator) == "cosine":
        several = np.array([len(chunk) > 1 for chunk in chunks])
        expected[several] /= np.linalg.norm(expected[several], axis=1, keepdims=True)
    must_be_close(
        embed(rows),
        expected,
        f"{name}.{method} must give each row the (normalised) mean of its items",
    )


def check_score(name, estimator_orig, make_data):
    """Check that `score` is the mean reciprocal rank of both directions.

    It equals ``make_retrieval_scorer("mrr")``, does not depend on the order of the
    pairs, and `groups` says which rows are right answers for each other. Where none are
    given, every row is its own, or those of the same text are a group.
    """
    estimator, X, y = fitted(estimator_orig, make_data)
    score = estimator.score(X, y)
    must(
        np.ndim(score) == 0 and 0 <= score <= 1,
        f"{name}.score must be one number in [0, 1]; got {score!r}.",
    )
    must_be_close(
        score,
        make_retrieval_scorer("mrr")(estimator, X, y),
        f"{name}.score must equal make_retrieval_scorer('mrr')",
    )
    order = np.random.RandomState(0).permutation(len(X))
    must_be_close(
        estimator.score(take(X, order), take(y, order)),
        score,
        f"{name}.score must not depend on the order of the pairs",
    )
    by_default = [estimator.score(X, y, groups=ids) for ids in _default_groups(X, y)]
    must(
        np.isclose(by_default, score, atol=1e-5).any(),
        f"{name}.score with every row its own group must equal that without groups; "
        f"got {by_default[0]} and {score}.",
    )
    must_be_close(
        estimator.score(X, y, groups=np.zeros(len(X))),
        1.0,
        f"{name}.score must count rows of one group as right answers: with one group "
        "for all it is 1",
    )


def _default_groups(X, y):
    """Yield the groups that may be meant where none are given."""
    yield np.arange(len(X))
    if "texts" in kind_of(y):
        texts = [row if isinstance(row, str) else "\n".join(row) for row in y]
        yield np.unique(texts, return_inverse=True)[1]


def check_groups(name, estimator_orig, make_data):
    """Check that `fit` takes groups of any labels in any container."""
    X, y = make_data(N_SAMPLES, 0)
    pandas = optional_module("pandas")
    numbers = np.arange(len(X)) // 2
    same = {
        "an array": numbers,
        "a list": numbers.tolist(),
        "str": np.array([f"item {number:02d}" for number in numbers]),
    }
    if pandas is not None:
        same["a Series"] = pandas.Series(numbers, index=numbers[::-1])
    expected = unfitted(estimator_orig).fit(X, y, groups=numbers)
    for container, groups in same.items():
        must_embed_alike(
            unfitted(estimator_orig).fit(X, y, groups=groups),
            expected,
            (X, y),
            f"{name}.fit with groups as {container} must equal that with an array",
        )
    plain = embed(unfitted(estimator_orig).fit(X, y), X, y)
    by_default = [
        embed(unfitted(estimator_orig).fit(X, y, groups=ids), X, y)
        for ids in _default_groups(X, y)
    ]
    must(
        any(all(map(np.array_equal, views, plain)) for views in by_default),
        f"{name}.fit with every row its own group must equal that without groups.",
    )


def check_set_output_pandas(name, estimator_orig, make_data):
    """Check that `set_output` makes DataFrames of each view, with index and names."""
    pandas = optional_module("pandas")
    if pandas is None:
        raise SkipTest("pandas is not installed: not checking set_output.")
    estimator, *views = fitted(estimator_orig, make_data)
    plain = embed(estimator, *views)
    index = [f"row {i}" for i in range(len(views[0]))]
    estimator.set_output(transform="pandas")
    calls = calls_of(estimator, *(in_pandas(view, index) for view in views))
    for call, expected in zip(EMBED, plain, strict=False):
        frame = calls[call]()
        must(
            isinstance(frame, pandas.DataFrame),
            f"{name}.{call} must be a DataFrame after set_output(transform='pandas'); "
            f"got {type(frame).__name__}.",
        )
        must(list(frame.index) == index, f"{name}.{call} must keep the index.")
        must(
            list(frame.columns) == list(estimator.get_feature_names_out()),
            f"{name}.{call} must have the columns of get_feature_names_out.",
        )
        must_be_close(frame, expected, f"{name}.{call} must equal the plain array")
    must(
        isinstance(
            estimator.set_output(transform="default").transform(views[0]), np.ndarray
        ),
        f"{name}.transform must be an array after set_output(transform='default').",
    )
