"""The report by category against scikit-learn, query by query."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline

from sklearn_crossmodal.base import TwoViewEmbedder
from sklearn_crossmodal.metrics import (
    category_report,
    mean_average_precision,
    retrieval_report,
)

DIRECTIONS = ("x_to_y", "y_to_x")


def views(n=60, d=5, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.choice(["art", "music", "sport"], n, p=[0.5, 0.3, 0.2])
    centres = {name: rng.normal(size=d) for name in ("art", "music", "sport")}
    means = np.array([centres[label] for label in labels])
    return means + rng.normal(size=(n, d)), means + rng.normal(size=(n, d)), labels


def slow(scores, of_query, of_gallery):
    """Mean average precision of each category's queries, and of all."""
    values = np.array(
        [
            average_precision_score(of_gallery == label, row)
            for label, row in zip(of_query, scores, strict=True)
        ]
    )
    by_category = {c: values[of_query == c].mean() for c in np.unique(of_query)}
    return by_category, values.mean()


class Identity(TwoViewEmbedder):
    similarity = "dot"
    fitted_ = True

    def fit(self, X, y, groups=None):
        return self

    def transform(self, X):
        return np.asarray(X, dtype=np.float64)

    transform_y = transform


class Texts(Identity):
    """Texts that are their own coordinates, as "1 2"."""

    def transform_y(self, y):
        return np.array([list(map(float, text.split())) for text in y])


def test_categories_match_scikit_learn_query_by_query():
    X, y, labels = views()
    report = category_report(None, X, y, labels, similarity="dot")
    for key, scores in zip(DIRECTIONS, (X @ y.T, y @ X.T), strict=True):
        by_category, mean = slow(scores, labels, labels)
        assert report.scores[key] == pytest.approx(by_category, abs=1e-12)
        assert report.map[key] == pytest.approx(mean, abs=1e-12)
    assert report.map["both"] == (report.map["x_to_y"] + report.map["y_to_x"]) / 2


def test_the_last_row_is_what_the_metrics_say_of_all_queries():
    X, y, labels = views(seed=1)
    report = category_report(None, X, y, labels)
    expected = mean_average_precision(X, y, labels=labels)
    assert report.map["both"] == pytest.approx(expected, abs=1e-12)
    whole = retrieval_report(None, X, y, labels=labels, metrics=["map"])
    for key in DIRECTIONS:
        assert report.map_chance[key] == pytest.approx(whole.chance[key]["map"])
        weights = list(report.n_queries[key].values())
        weighted = np.average(list(report.scores[key].values()), weights=weights)
        assert report.map[key] == pytest.approx(weighted)


def test_constant_embeddings_are_at_chance():
    _, _, labels = views()
    constant = np.ones((60, 3))
    report = category_report(None, constant, constant, labels)
    for key in DIRECTIONS:
        assert report.scores[key] == pytest.approx(report.chance[key], abs=1e-12)
        assert report.map[key] == pytest.approx(report.map_chance[key], abs=1e-12)
    r, n = np.count_nonzero(labels == "art"), 60
    share = np.sum(1 / np.arange(1, n + 1)) / n
    expected = share + (r - 1) / (n - 1) * (1 - share)
    assert report.chance["x_to_y"]["art"] == pytest.approx(expected, abs=1e-12)


def test_pessimistic_is_below_expected_is_below_optimistic():
    X = np.random.default_rng(0).integers(0, 2, (40, 2))
    labels = np.arange(40) % 3
    low, middle, high = (
        category_report(None, X, X, labels, ties=ties).map["both"]
        for ties in ("pessimistic", "expected", "optimistic")
    )
    assert low < middle < high


def test_the_divergence_is_of_the_second_view_whichever_searches():
    rng = np.random.default_rng(0)
    X, y = rng.dirichlet(np.ones(4), 50), rng.dirichlet(np.ones(4), 50)
    labels = rng.integers(3, size=50)
    scores = -(y * np.log(y / X[:, None])).sum(axis=2)
    report = category_report(None, X, y, labels, similarity="kl")
    assert report.map["x_to_y"] == pytest.approx(slow(scores, labels, labels)[1])
    assert report.map["y_to_x"] == pytest.approx(slow(scores.T, labels, labels)[1])


def test_the_estimator_says_how_and_a_pipeline_is_seen_through():
    X, y, labels = views(seed=2)
    report = category_report(Identity(), X, y, labels)
    expected = category_report(None, X, y, labels, similarity="dot")
    assert report.scores == expected.scores
    pipe = make_pipeline(Identity(), PCA(2, random_state=0)).fit(X, y)
    pca = pipe[-1]
    expected = category_report(
        None, pca.transform(X), pca.transform(y), labels, similarity="dot"
    )
    assert category_report(pipe, X, y, labels).map == pytest.approx(expected.map)


def test_several_texts_of_a_row_are_entries_of_its_category():
    X, labels = np.eye(2)[[0, 1, 1]], ["a", "b", "b"]
    y = [["1 0", "2 1"], ["0 1"], ["1 1", "0 2", "3 0"]]
    report = category_report(Texts(), X, y, labels)
    assert report.n_queries == {"x_to_y": {"a": 1, "b": 2}, "y_to_x": {"a": 2, "b": 4}}
    assert report.n_gallery == {"x_to_y": 6, "y_to_x": 3}
    rows = np.array([[1, 0], [2, 1], [0, 1], [1, 1], [0, 2], [3, 0]])
    for key in DIRECTIONS:
        expected = mean_average_precision(
            X, rows, labels=labels, y_labels=list("aabbbb"), similarity="dot",
            direction=key,
        )  # fmt: skip
        assert report.map[key] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", [list, np.array, pd.Series])
def test_labels_in_any_container_are_in_sorted_order(kind):
    X, y, labels = views(n=12)
    report = category_report(None, X, y, kind(list(labels)))
    assert list(report.scores["x_to_y"]) == sorted(set(labels))


def test_labels_of_several_kinds_stay_apart_in_the_order_they_came():
    report = category_report(None, np.eye(4), np.eye(4), ["1", 1, "1", 1])
    assert list(report.scores["x_to_y"]) == ["1", 1]


def test_nan_ranks_last_and_warns():
    X, y, labels = np.eye(4), np.eye(4), [0, 0, 1, 1]
    y[0] = np.nan
    with pytest.warns(UserWarning, match="NaN and rank last"):
        report = category_report(None, X, y, labels)
    assert report.scores["x_to_y"][1] > report.scores["x_to_y"][0]


def test_a_category_whose_items_are_all_left_out_has_no_value():
    class Drops(Texts):
        empty_bags = "drop"

    X, y = np.eye(3), [["1 0 0"], ["0 1 0"], []]
    with pytest.warns(UndefinedMetricWarning, match=r"1 of 3 queries \(X -> y\)"):
        report = category_report(Drops(), X, y, ["a", "b", "c"])
    assert np.isnan(report.scores["x_to_y"]["c"])
    assert report.n_queries["x_to_y"] == {"a": 1, "b": 1, "c": 0}
    assert report.map == {"x_to_y": 1, "y_to_x": 1, "both": 1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ["a"] * 3}, "labels has 3 entries and X has 4 rows"),
        ({"labels": None}, "expected a 1-D array"),
        ({"labels": ["a", None, "b", "b"]}, "1 missing values, the first in row 1"),
        ({"y": np.eye(3)}, r"inconsistent numbers of samples: \[4, 3\]"),
        ({"y": np.ones((4, 2))}, "X has 4 columns and Y has 2"),
        ({"ties": "random"}, "ties is 'random'"),
        ({"similarity": "l2"}, "similarity is 'l2'"),
        ({"block_size": 0}, "block_size is 0"),
        ({"level": "caption"}, "level must be"),
    ],
)
def test_bad_input_says_what_is_wrong(change, message):
    given = {"X": np.eye(4), "y": np.eye(4), "labels": list("aabb")} | change
    with pytest.raises(ValueError, match=message):
        category_report(None, **given)


def test_the_table_names_directions_and_categories():
    X, y, labels = views()
    text = str(category_report(None, X, y, labels, names=("image", "text")))
    lines = text.splitlines()
    assert lines[0].split() == [
        "queries", "image", "chance", "queries", "text", "chance", "mean",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines[1:]] == ["art", "music", "sport", "all"]
