"""Checks of training that goes on: warm starts and `partial_fit`."""

import numpy as np

from ._checks_helpers import (
    FIT_ERRORS,
    fitted,
    must,
    must_be_equal,
    must_embed_alike,
    must_raise,
    unfitted,
)
from ._checks_views import unlike_in_training


def check_warm_start(name, estimator_orig, make_data):
    """Check that with `warm_start` a second `fit` trains on: `n_iter_` adds up.

    What it cannot go on with, other features or a row that is no item, is refused and
    counts for nothing.
    """
    estimator, X, *rest = fitted(estimator_orig, make_data, warm_start=True)
    n_iter, once = estimator.n_iter_, estimator.transform(X)
    estimator.fit(X, *rest)
    must(
        estimator.n_iter_ == 2 * n_iter,
        f"{name}: a second fit with warm_start=True must make n_iter_ {2 * n_iter}; "
        f"got {estimator.n_iter_}.",
    )
    must(
        not np.array_equal(estimator.transform(X), once),
        f"{name}: a second fit with warm_start=True must train further.",
    )
    with must_raise(
        FIT_ERRORS, f"{name}: a warm start with other features must be refused"
    ):
        estimator.fit(unlike_in_training(X), *rest)
    must(
        estimator.n_iter_ == 2 * n_iter,
        f"{name}: a refused warm start must leave n_iter_ as it was.",
    )


def check_partial_fit(name, estimator_orig, make_data):
    """Check that `partial_fit` adds one pass, to nothing or to what was fitted."""
    estimator, X, *rest = fitted(estimator_orig, make_data)
    n_iter, before = estimator.n_iter_, estimator.transform(X)
    must(
        estimator.partial_fit(X, *rest) is estimator
        and estimator.n_iter_ == n_iter + 1,
        f"{name}.partial_fit must return self and add one to n_iter_.",
    )
    must(
        not np.array_equal(estimator.transform(X), before),
        f"{name}.partial_fit must train further.",
    )
    twice = [unfitted(estimator_orig).partial_fit(X, *rest) for _ in range(2)]
    must(twice[0].n_iter_ == 1, f"{name}.partial_fit must also start from nothing.")
    must_embed_alike(
        *twice,
        (X, *rest),
        f"{name}.partial_fit with the same seed must give the same bits",
    )
    with must_raise(FIT_ERRORS, f"{name}.partial_fit must refuse other features"):
        estimator.partial_fit(unlike_in_training(X), *rest)
    must_be_equal(
        estimator.n_iter_,
        n_iter + 1,
        f"{name}: a refused partial_fit must leave n_iter_ as it was",
    )
