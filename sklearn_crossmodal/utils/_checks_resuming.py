"""Checks of training that goes on: warm starts and `partial_fit`."""

import numpy as np

from ._checks_helpers import (
    both,
    fitted,
    must,
    must_be_equal,
    must_embed_alike,
    must_raise,
    unfitted,
)
from ._checks_views import narrower


def check_warm_start(name, estimator_orig, make_data):
    """Check that with `warm_start` a second `fit` trains on: `n_iter_` adds up."""
    estimator, X, y = fitted(estimator_orig, make_data, warm_start=True)
    n_iter, once = estimator.n_iter_, both(estimator, X, y)
    estimator.fit(X, y)
    must(
        estimator.n_iter_ == 2 * n_iter,
        f"{name}: a second fit with warm_start=True must make n_iter_ {2 * n_iter}; "
        f"got {estimator.n_iter_}.",
    )
    must(
        not np.array_equal(both(estimator, X, y)[0], once[0]),
        f"{name}: a second fit with warm_start=True must train further.",
    )
    with must_raise(
        ValueError, f"{name}: a warm start with other features must be refused"
    ):
        estimator.fit(narrower(X), y)
    must(
        estimator.n_iter_ == 2 * n_iter,
        f"{name}: a refused warm start must leave n_iter_ as it was.",
    )


def check_partial_fit(name, estimator_orig, make_data):
    """Check that `partial_fit` adds one pass, to nothing or to what was fitted."""
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
        estimator.partial_fit(narrower(X), y)
    must_be_equal(
        estimator.n_iter_,
        n_iter + 1,
        f"{name}: a refused partial_fit must leave n_iter_ as it was",
    )
