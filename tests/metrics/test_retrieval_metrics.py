"""Queries, galleries, relevance, names and errors of the public functions."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.exceptions import UndefinedMetricWarning

from sklearn_crossmodal import metrics
from sklearn_crossmodal.metrics import chance_level, retrieval_metrics
from sklearn_crossmodal.metrics._names import VALID_NAMES
from sklearn_crossmodal.metrics._relevance import Relevance
from sklearn_crossmodal.metrics._retrieval import chance_of_task, metrics_from_scores

ALL = tuple(name.replace("K", "3") for name in VALID_NAMES)
# Every score is an integer below 2**24: exact in float32, in any order of summation.
SMALL = st.integers(-2, 2)


@st.composite
def tasks(draw, max_rows=12):
    """Draw two views of small integers, with the item of each row."""
    n_x, n_y = (draw(st.integers(2, max_rows)) for _ in "xy")
    X, Y = (draw(arrays(np.float32, (n, 3), elements=SMALL)) for n in (n_x, n_y))
    items = st.integers(0, 3)
    groups, y_groups = (draw(arrays(int, n, elements=items)) for n in (n_x, n_y))
    # An item in both views, and another: every metric is defined.
    groups[:2], y_groups[:2] = [0, 1], [0, 1]
    return X, Y, {"groups": groups, "y_groups": y_groups}


pytestmark = pytest.mark.filterwarnings("ignore:.*left out of pairwise")
ignore_left_out = pytest.mark.filterwarnings("ignore:.*left out")


def close(values):
    return pytest.approx(values, abs=1e-12)


@ignore_left_out
@pytest.mark.parametrize("ties", ["expected", "optimistic", "pessimistic"])
@settings(max_examples=40)
@given(tasks())
def test_blocks_agree_with_the_whole_score_matrix(ties, task):
    X, Y, ids = task
    mask = ids["groups"][:, None] == ids["y_groups"]
    matrix = {
        "dot": X @ Y.T,
        "euclidean": -np.square(X[:, None] - Y).sum(axis=2),
    }
    for similarity, scores in matrix.items():
        relevance = Relevance.from_mask(mask)
        expected = metrics_from_scores(scores, relevance, ALL, ties=ties)
        values = retrieval_metrics(
            X, Y, ALL, direction="x_to_y", similarity=similarity, ties=ties, **ids
        )
        assert values == close(expected)


@ignore_left_out
@settings(max_examples=40)
@given(tasks(), st.randoms(use_true_random=False))
def test_the_order_of_queries_and_gallery_does_not_matter(task, random):
    X, Y, ids = task
    p, q = np.arange(len(X)), np.arange(len(Y))
    random.shuffle(p)
    random.shuffle(q)
    shuffled = {"groups": ids["groups"][p], "y_groups": ids["y_groups"][q]}
    values = retrieval_metrics(X, Y, ALL, similarity="dot", **ids)
    again = retrieval_metrics(X[p], Y[q], ALL, similarity="dot", **shuffled)
    assert again == close(values)


@ignore_left_out
@settings(max_examples=40)
@given(tasks(max_rows=20), st.integers(1, 21))
def test_the_block_size_does_not_matter(task, block_size):
    X, Y, ids = task
    values = retrieval_metrics(X, Y, ALL, similarity="dot", **ids)
    again = retrieval_metrics(X, Y, ALL, similarity="dot", block_size=block_size, **ids)
    assert again == close(values)


@ignore_left_out
@settings(max_examples=20)
@given(tasks())
def test_both_is_the_mean_of_the_directions_and_they_mirror_each_other(task):
    X, Y, ids = task
    mirror = {"groups": ids["y_groups"], "y_groups": ids["groups"]}
    forward, backward, both = (
        retrieval_metrics(X, Y, ALL, direction=direction, similarity="dot", **ids)
        for direction in ("x_to_y", "y_to_x", "both")
    )
    assert both == close({name: (forward[name] + backward[name]) / 2 for name in ALL})
    swapped = retrieval_metrics(
        Y, X, ALL, direction="x_to_y", similarity="dot", **mirror
    )
    assert swapped == close(backward)


@ignore_left_out
@settings(max_examples=20)
@given(tasks())
def test_chance_of_a_task_is_that_of_constant_embeddings(task):
    X, Y, ids = task
    for direction in ("x_to_y", "y_to_x", "both"):
        constant = retrieval_metrics(X * 0, Y * 0, ALL, direction=direction, **ids)
        chance = chance_of_task(len(X), len(Y), ALL, direction=direction, **ids)
        assert chance == close(constant)


@pytest.mark.parametrize("n_queries", [1, 2, 257, 513])
def test_last_blocks_of_one_query(n_queries):
    rng = np.random.default_rng(0)
    X = rng.integers(-9, 9, (n_queries, 5))
    Y = np.vstack([X, rng.integers(-9, 9, (9, 5))])
    ids = {"groups": np.arange(n_queries), "y_groups": np.arange(n_queries + 9)}
    values = retrieval_metrics(X, Y, similarity="dot", direction="x_to_y", **ids)
    mask = np.eye(n_queries, n_queries + 9, dtype=bool)
    assert values == close(
        metrics_from_scores(X @ Y.T * 1.0, Relevance.from_mask(mask))
    )


# --- Relevance ---------------------------------------------------------------------

# The similarity to one query at 0 degrees falls with the angle of a gallery entry.
ANGLES = np.radians([10, 20, 30, 40, 50])
GALLERY = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)
QUERY = np.array([[1.0, 0.0]])


def one_query(metric, y_groups, groups=("a",)):
    return retrieval_metrics(
        QUERY, GALLERY, metric, direction="x_to_y", groups=groups, y_groups=y_groups
    )[metric]


def test_every_metric_of_one_query_by_hand():
    y_groups = ["b", "a", "b", "a", "b"]  # relevant items at ranks 2 and 4
    expected = {
        "recall@1": 0,
        "recall@2": 1,
        "precision@1": 0,
        "precision@4": 2 / 4,
        "precision@10": 2 / 10,
        "map": (1 / 2 + 2 / 4) / 2,
        "map@2": (1 / 2) / 2,
        "mrr": 1 / 2,
        "ndcg": (1 / np.log2(3) + 1 / np.log2(5)) / (1 + 1 / np.log2(3)),
        "ndcg@1": 0,
        "median_rank": 2,
        "mean_rank": 2,
        "neg_median_rank": -2,
        "neg_mean_rank": -2,
        "pairwise_accuracy": (2 + 1) / 6,
    }
    for name, value in expected.items():
        assert one_query(name, y_groups) == close(value), name


def test_a_cut_normalises_by_what_fits_in_it():
    # Three relevant items, the first in place: the first place could not be better.
    assert one_query("map@1", ["a", "b", "a", "a", "b"]) == 1
    assert one_query("ndcg@1", ["a", "b", "a", "a", "b"]) == 1


def test_median_and_mean_of_several_queries():
    X = np.repeat(QUERY, 4, axis=0)
    ids = {"groups": [0, 1, 2, 4], "y_groups": range(5), "direction": "x_to_y"}
    names = ["median_rank", "mean_rank", "mrr"]
    values = retrieval_metrics(X, GALLERY, names, **ids)
    assert values == close(
        {
            "median_rank": 2.5,
            "mean_rank": (1 + 2 + 3 + 5) / 4,
            "mrr": (1 + 1 / 2 + 1 / 3 + 1 / 5) / 4,
        }
    )


def test_rows_are_relevant_to_each_other_by_default():
    X = GALLERY[[0, 1, 2, 3, 4]]
    assert retrieval_metrics(X, X, "mrr") == {"mrr": 1}
    assert retrieval_metrics(X, X[::-1], "mean_rank")["mean_rank"] > 1


@pytest.mark.parametrize("name", ["groups", "labels"])
def test_one_array_of_ids_serves_both_views(name):
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((2, 12, 4))
    ids = rng.integers(0, 3, 12)
    once = retrieval_metrics(X, Y, ALL, **{name: ids})
    twice = retrieval_metrics(X, Y, ALL, **{name: ids, f"y_{name}": ids})
    assert once == twice
    assert once != retrieval_metrics(X, Y, ALL)


def test_labels_and_groups_of_the_same_ids_are_the_same_relevance():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((2, 300, 4))
    ids = rng.integers(0, 2, 300)  # many relevant items: candidates are sorted
    by_label = retrieval_metrics(X, Y, ALL, labels=ids)
    assert by_label == retrieval_metrics(X, Y, ALL, groups=ids)
    mask = ids[:, None] == ids
    unit_X, unit_Y = (V / np.linalg.norm(V, axis=1)[:, None] for V in (X, Y))
    scores = unit_X @ unit_Y.T
    forward = metrics_from_scores(scores, Relevance.from_mask(mask), ALL)
    backward = metrics_from_scores(scores.T, Relevance.from_mask(mask.T), ALL)
    assert by_label == close({n: (forward[n] + backward[n]) / 2 for n in ALL})


def test_ids_are_compared_by_value_not_by_their_text():
    y_groups = np.array(["1", "1", "1", "1", 1], dtype=object)
    assert one_query("mean_rank", y_groups, groups=[1]) == 5
    assert one_query("mean_rank", np.array([2.0, 1.0, 3.0, 4.0, 5.0]), groups=[1]) == 2
    days = np.arange("2020-01-01", "2020-01-06", dtype="datetime64[D]")
    assert one_query("mean_rank", days, groups=days[3:4]) == 4


def test_queries_without_a_relevant_item_are_left_out_with_a_warning():
    X = np.repeat(QUERY, 3, axis=0)
    ids = {"groups": ["x", "b", "x"], "y_groups": list("abcde")}
    with pytest.warns(UndefinedMetricWarning, match=r"2 of 3 queries \(x_to_y\)"):
        values = retrieval_metrics(X, GALLERY, "mean_rank", direction="x_to_y", **ids)
    assert values == {"mean_rank": 2}


def test_queries_with_relevant_items_only_have_no_pairs():
    ids = {"groups": ["a", "a"], "y_groups": ["a", "a"]}
    with pytest.raises(ValueError, match="pairwise_accuracy is not defined"):
        metrics.pairwise_accuracy(GALLERY[:2], GALLERY[:2], **ids)
    assert metrics.mean_rank(GALLERY[:2], GALLERY[:2], **ids) == 1


@pytest.mark.filterwarnings("default:.*left out of pairwise")
def test_pairwise_accuracy_leaves_out_queries_with_relevant_items_only():
    mask = np.array([[True, True], [True, False]])
    with pytest.warns(UndefinedMetricWarning, match="1 of 2 queries have relevant"):
        values = metrics_from_scores(
            np.array([[2.0, 1.0], [1.0, 2.0]]),
            Relevance.from_mask(mask),
            "pairwise_accuracy",
        )
    assert values == {"pairwise_accuracy": 0}


# --- Names and single metrics ------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "options", "name"),
    [
        ("recall_at_k", {}, "recall@10"),
        ("recall_at_k", {"k": 2}, "recall@2"),
        ("precision_at_k", {}, "precision@10"),
        ("precision_at_k", {"k": np.int64(3)}, "precision@3"),
        ("mean_average_precision", {}, "map"),
        ("mean_average_precision", {"k": 4}, "map@4"),
        ("mean_reciprocal_rank", {}, "mrr"),
        ("ndcg", {}, "ndcg"),
        ("ndcg", {"k": 5}, "ndcg@5"),
        ("median_rank", {}, "median_rank"),
        ("mean_rank", {}, "mean_rank"),
        ("pairwise_accuracy", {}, "pairwise_accuracy"),
    ],
)
def test_single_metrics_are_those_of_the_dict(function, options, name):
    rng = np.random.default_rng(0)
    X, Y = rng.integers(-1, 2, (30, 3)), rng.integers(-1, 2, (24, 3))
    common = {
        "labels": np.arange(30) % 4,
        "y_labels": np.arange(24) % 4,
        "direction": "y_to_x",
        "ties": "pessimistic",
        "similarity": "euclidean",
        "block_size": 7,
    }
    value = getattr(metrics, function)(X, Y, **options, **common)
    assert type(value) is float
    assert value == retrieval_metrics(X, Y, [name], **common)[name]


def test_values_come_in_the_order_of_the_names():
    names = ["mrr", "recall@3", "map@2"]
    assert list(retrieval_metrics(GALLERY, GALLERY, iter(names))) == names
    assert list(chance_level(5, metrics=iter(names))) == names


def test_equal_metrics_of_different_spelling_agree():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((2, 20, 3))
    names = ["map", "map@20", "map@999", "ndcg", "ndcg@20", "ndcg@999", "mrr"]
    values = retrieval_metrics(X, Y, names)
    assert values["map"] == values["map@20"] == values["map@999"]
    assert values["ndcg"] == values["ndcg@20"] == values["ndcg@999"]
    # With one relevant item each, average precision is the reciprocal rank.
    assert values["map"] == close(values["mrr"])


def test_data_frames_series_lists_and_integers_are_fine():
    rng = np.random.default_rng(0)
    X, Y = rng.integers(-3, 3, (2, 10, 3))
    ids = rng.integers(0, 4, 10)
    values = retrieval_metrics(X, Y, ALL, groups=ids)
    frames = pd.DataFrame(X, index=range(5, 15)), pd.DataFrame(Y)
    series = pd.Series(ids, index=range(7, 17), dtype="category")
    assert retrieval_metrics(*frames, ALL, groups=series) == values
    assert retrieval_metrics(X.tolist(), Y.tolist(), ALL, groups=ids.tolist()) == values
    half = X.astype(np.float16), Y.astype(np.float64)
    assert retrieval_metrics(*half, ALL, groups=ids) == close(values)


# --- Errors ------------------------------------------------------------------------

X5 = np.ones((5, 2))


@pytest.mark.parametrize(
    ("X", "Y", "options", "message"),
    [
        (np.ones(5), X5, {}, r"X has shape \(5,\), expected a 2-D array"),
        (X5, np.ones((5, 2, 1)), {}, r"Y has shape \(5, 2, 1\), expected a 2-D"),
        (X5, np.ones((5, 3)), {}, "X has 2 columns and Y has 3"),
        (np.ones((0, 2)), X5, {}, "at least one row"),
        (X5, np.ones((5, 0)), {}, "at least one row and one column"),
        ([[1, 2], [3]], X5, {}, "X is not a rectangular array"),
        (X5, [["a", "b"]] * 5, {}, "Y has dtype <U1, expected real numbers"),
        (X5, np.array([["a", 1]] * 5, object), {}, "holds something that is not a num"),
        (X5 * 1j, X5, {}, "X has dtype complex128, expected real numbers"),
        (X5, X5[:4], {}, "X has 5 rows and Y has 4, expected as many"),
        (X5, X5[:4], {"groups": range(5)}, "give y_groups too"),
        (X5, X5, {"y_groups": range(5)}, "y_groups was given without groups"),
        (X5, X5, {"y_labels": range(5)}, "y_labels was given without labels"),
        (X5, X5, {"groups": range(4)}, "groups has 4 entries and X has 5 rows"),
        (
            X5,
            X5[:4],
            {"labels": range(5), "y_labels": range(5)},
            "y_labels has 5 entries and Y has 4 rows",
        ),
        (X5, X5, {"groups": X5}, r"groups has shape \(5, 2\), expected a 1-D"),
        (X5, X5, {"labels": [1, 2, np.nan, 4, 5]}, "labels has 1 missing values"),
        (X5, X5, {"labels": [None, "a", None, "b", "c"]}, "labels has 2 missing"),
        (X5, X5, {"labels": pd.array([1, None, 3, 4, 5])}, "labels has 1 missing"),
        (X5, X5, {"groups": range(5), "labels": range(5)}, "Both groups and labels"),
        (
            X5,
            X5,
            {"groups": range(5), "y_groups": range(5, 10)},
            r"None of the 5 queries \(x_to_y\) has a relevant item",
        ),
        (X5, X5, {"direction": "xy"}, "direction is 'xy', expected one of 'both'"),
        (X5, X5, {"ties": "random"}, "ties is 'random', expected one of 'expected'"),
        (X5, X5, {"similarity": None}, "similarity is None, expected one of 'cosine'"),
        (X5, X5, {"block_size": 0}, "block_size is 0, expected a positive integer"),
        (X5, X5, {"metrics": []}, "metrics is empty"),
    ],
)
def test_errors_say_what_is_wrong(X, Y, options, message):
    with pytest.raises(ValueError, match=message):
        retrieval_metrics(X, Y, **options)


def test_a_sparse_matrix_is_refused_with_the_remedy():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"call X.toarray\(\)"):
        retrieval_metrics(sparse.csr_array(X5), X5)


@pytest.mark.parametrize(
    "name",
    ["recal@1", "recall", "recall@", "recall@0", "recall@-1", "mrr@5", "", 3, "map@x"],
)
def test_unknown_names_list_the_valid_ones(name):
    for compute in (
        lambda names: retrieval_metrics(X5, X5, names),
        lambda names: chance_level(5, metrics=names),
    ):
        with pytest.raises(
            ValueError, match="recall@K, precision@K, map@K, .*mrr"
        ) as e:
            compute([name])
        assert repr(name) in str(e.value)


@pytest.mark.parametrize("k", [0, -1, 2.5, "3", True, None])
def test_k_must_be_a_positive_integer(k):
    with pytest.raises(ValueError, match=f"k is {k!r}, expected a positive integer"):
        metrics.recall_at_k(X5, X5, k=k)


def test_importing_the_metrics_does_not_import_torch():
    code = (
        "import sys, sklearn_crossmodal.metrics;"
        "print([m for m in ('torch', 'skorch', 'gensim') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
