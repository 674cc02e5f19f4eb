"""Similarity "kl": the divergence of the second view from the first."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import rel_entr

from sklearn_crossmodal import make_retrieval_scorer, retrieval_report
from sklearn_crossmodal.base import TwoViewEmbedder
from sklearn_crossmodal.metrics import (
    mean_average_precision,
    mean_rank,
    median_rank,
    recall_at_k,
    retrieval_metrics,
)
from sklearn_crossmodal.metrics._embed import similarity_of
from sklearn_crossmodal.metrics._similarity import divergence_views
from sklearn_crossmodal.utils._top_k import top_k


def slow_scores(X, Y):
    """-KL(y || x) of every row of X (rows) and of Y (columns), entry by entry."""
    X = np.asarray(X, float) / np.sum(X, axis=1, keepdims=True)
    Y = np.asarray(Y, float) / np.sum(Y, axis=1, keepdims=True)
    X = np.maximum(X, 1e-12)
    return -np.array([[rel_entr(y, x).sum() for y in Y] for x in X])


def slow_mean_rank(scores):
    own = scores.diagonal()[:, None]
    return ((scores > own).sum(axis=1) + ((scores == own).sum(axis=1) + 1) / 2).mean()


def topics(n, d, seed, dtype=np.float64):
    return np.random.default_rng(seed).dirichlet([0.3] * d, n).astype(dtype)


weights = hnp.arrays(np.float64, (5, 4), elements=st.integers(0, 8).map(float))
rows_of_weights = weights.filter(lambda rows: (rows.sum(axis=1) > 0).all())


@given(rows_of_weights, rows_of_weights)
def test_inner_products_of_the_lifted_views_are_the_divergence(X, Y):
    x, y = divergence_views(X, Y)
    np.testing.assert_allclose(x @ y.T, slow_scores(X, Y), atol=1e-9)


def test_closed_form():
    X, Y = np.array([[0.5, 0.5], [0.25, 0.75]]), np.array([[1.0, 0.0], [0.25, 0.75]])
    x, y = divergence_views(X, Y)
    first = [-np.log(2), -(0.25 * np.log(0.5) + 0.75 * np.log(1.5))]
    np.testing.assert_allclose(x @ y.T, [first, [-np.log(4), 0]], atol=1e-15)


def test_an_event_without_probability_costs_its_share_of_the_least_one():
    x, y = divergence_views(np.array([[1.0, 0.0]]), np.array([[0.5, 0.5], [1.0, 0.0]]))
    costs = [0.5 * np.log(0.5) + 0.5 * np.log(0.5 / 1e-12), 0]
    np.testing.assert_allclose(x @ y.T, [np.negative(costs)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_directions_rank_by_the_divergence_of_y_from_x(dtype):
    X, Y = topics(60, 7, 0, dtype), topics(60, 7, 1, dtype)
    scores = slow_scores(X, Y)
    for direction, expected in [
        ("x_to_y", slow_mean_rank(scores)),
        ("y_to_x", slow_mean_rank(scores.T)),
    ]:
        rank = mean_rank(X, Y, similarity="kl", direction=direction)
        assert rank == pytest.approx(expected, abs=1e-12)
    # It is not symmetric: exchanging the views is another question.
    exchanged = mean_rank(Y, X, similarity="kl", direction="y_to_x")
    assert exchanged != mean_rank(X, Y, similarity="kl", direction="x_to_y")


@given(rows_of_weights, rows_of_weights, st.sampled_from([2.0**-40, 8.0, 2.0**500]))
def test_the_scale_of_rows_makes_no_difference(X, Y, factor):
    for lifted, scaled in zip(
        divergence_views(X, Y), divergence_views(X * factor, Y * factor), strict=True
    ):
        np.testing.assert_array_equal(lifted, scaled)


def test_the_dtype_of_each_view_is_kept():
    x, y = divergence_views(topics(3, 4, 0, np.float32), topics(3, 4, 1))
    assert (x.dtype, y.dtype) == (np.float32, np.float64)


def test_equal_rows_are_at_chance():
    X = np.tile(topics(1, 9, 0, np.float32), (200, 1))
    assert recall_at_k(X, X, similarity="kl") == pytest.approx(0.05, abs=1e-12)
    assert median_rank(X, topics(200, 9, 1), similarity="kl", direction="y_to_x") == (
        100.5
    )


def test_search_finds_what_the_metric_counts():
    X, Y = topics(40, 6, 0, np.float32), topics(40, 6, 1, np.float32)
    x, y = divergence_views(X, Y)
    found, _ = top_k(x, y, 5)
    hits = (found == np.arange(40)[:, None]).any(axis=1).mean()
    value = recall_at_k(X, Y, 5, similarity="kl", direction="x_to_y")
    assert value == pytest.approx(hits)


@pytest.mark.parametrize("view", ["X", "Y"])
@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([0.5, -0.25, 0.5], r"Row 2 of {} has the negative entry -0\.25"),
        ([0.0, 0.0, 0.0], "Row 2 of {} is all zeros"),
        ([-1.0, np.nan, 0.0], "Row 2 of {} has the negative entry"),
    ],
)
def test_what_is_no_distribution_is_an_error_that_names_the_row(view, row, message):
    views = {"X": topics(4, 3, 0), "Y": topics(4, 3, 1)}
    views[view][2] = row
    with pytest.raises(ValueError, match=message.format(view)):
        retrieval_metrics(**views, similarity="kl")
    views[view][2] = np.abs(row) + [1, 0, 0]
    if np.isfinite(views[view]).all():
        retrieval_metrics(**views, similarity="kl")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_that_are_not_finite_rank_last(bad):
    X, Y = topics(6, 3, 0), topics(6, 3, 0)
    Y[2, 1] = bad
    with pytest.warns(UserWarning, match="6 scores are NaN and rank last"):
        rank = mean_rank(X, Y, similarity="kl", direction="x_to_y")
    assert rank == (5 * 1 + 6) / 6


def test_an_unknown_similarity_names_kl_among_the_others():
    with pytest.raises(ValueError, match=r"'cosine', 'dot', 'euclidean', 'kl'\."):
        retrieval_metrics(np.eye(2), np.eye(2), similarity="kullback")


class Given(TwoViewEmbedder):
    """Views that are in one space already; `fit` settles how they are compared."""

    similarity = "auto"

    def fit(self, X, y, groups=None):
        self.similarity_ = "kl"
        return self

    def transform(self, X):
        return np.asarray(X)

    transform_y = transform


def test_reports_and_scorers_compare_as_the_fitted_estimator_does():
    X, Y = topics(50, 6, 0), topics(50, 6, 1)
    estimator = Given().fit(X, Y)
    assert similarity_of(estimator) == "kl"
    expected = retrieval_metrics(X, Y, ["map", "mean_rank"], similarity="kl")
    assert expected != retrieval_metrics(X, Y, ["map", "mean_rank"])
    scorer = make_retrieval_scorer("map")
    assert scorer(estimator, X, Y) == expected["map"]
    report = retrieval_report(estimator, X, Y, metrics=["map", "mean_rank"])
    both = report.scores["x_to_y"]["map"] + report.scores["y_to_x"]["map"]
    assert both / 2 == pytest.approx(expected["map"], abs=1e-15)
    by_name = retrieval_report(None, X, Y, metrics=["map"], similarity="kl")
    assert by_name.scores["x_to_y"]["map"] == report.scores["x_to_y"]["map"]
    assert scorer.set_params(similarity="dot")(
        estimator, X, Y
    ) == mean_average_precision(X, Y, similarity="dot")


def test_an_estimator_that_settles_nothing_compares_by_its_parameter():
    class Plain(Given):
        similarity = "dot"

        def fit(self, X, y, groups=None):
            return self

    assert similarity_of(Plain().fit(np.eye(2), np.eye(2))) == "dot"
    assert similarity_of(None) == "cosine"
