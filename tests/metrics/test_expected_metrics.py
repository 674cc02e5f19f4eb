"""The closed forms, against an enumeration of every order of the ties."""

import math
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sklearn_crossmodal.metrics import chance_level, retrieval_metrics
from sklearn_crossmodal.metrics._relevance import Relevance
from sklearn_crossmodal.metrics._retrieval import metrics_from_scores

NAMES = (
    "recall@1",
    "recall@2",
    "recall@4",
    "recall@50",
    "precision@1",
    "precision@3",
    "precision@50",
    "map",
    "map@1",
    "map@3",
    "map@50",
    "mrr",
    "ndcg",
    "ndcg@2",
    "ndcg@50",
    "mean_rank",
    "neg_mean_rank",
    "median_rank",
    "neg_median_rank",
)


# --- The slow reference: textbook definitions on one order at a time ---------------


def metric_of_order(name, relevant):
    """Compute a metric from the list of 0/1 relevance in ranked order."""
    base, _, k = name.partition("@")
    n = int(k) if k else len(relevant)
    top, n_relevant = relevant[:n], sum(relevant)
    if base == "recall":
        return float(any(top))
    if base == "precision":
        return sum(top) / n
    if base == "map":
        hits = [sum(top[: i + 1]) / (i + 1) for i, r in enumerate(top) if r]
        return sum(hits) / min(n, n_relevant)
    if base == "ndcg":
        gain = sum(r / math.log2(i + 2) for i, r in enumerate(top))
        return gain / sum(1 / math.log2(i + 2) for i in range(min(n, n_relevant)))
    first = relevant.index(1) + 1
    return 1 / first if base == "mrr" else first


def orders(scores, relevant, ties):
    """Yield every order of the entries by descending score, or the one asked for."""
    runs = [
        [relevant[i] for i in np.flatnonzero(scores == value)]
        for value in sorted(set(scores.tolist()), reverse=True)
    ]
    if ties == "expected":
        choices = [list(permutations(run)) for run in runs]
    else:
        choices = [[sorted(run, reverse=ties == "optimistic")] for run in runs]
    for order in product(*choices):
        yield [r for run in order for r in run]


def slow_metric(name, scores, mask, ties):
    queries = []
    for row, relevant in zip(scores, mask.astype(int).tolist(), strict=True):
        if any(relevant):
            values = [metric_of_order(name, o) for o in orders(row, relevant, ties)]
            queries.append(math.fsum(values) / len(values))
    summary = np.median(queries) if "median" in name else np.mean(queries)
    return -summary if name.startswith("neg_") else summary


def slow_pairwise(scores, mask, ties):
    tie = {"expected": 0.5, "optimistic": 1.0, "pessimistic": 0.0}[ties]
    queries = []
    for row, relevant in zip(scores, mask, strict=True):
        pairs = list(product(row[relevant], row[~relevant]))
        if pairs:
            queries.append(np.mean([tie if p == n else p > n for p, n in pairs]))
    return np.mean(queries)


def score_matrix(max_gallery, values=3):
    shapes = st.tuples(st.integers(1, 4), st.integers(2, max_gallery))
    return shapes.flatmap(
        lambda shape: st.tuples(
            arrays(np.float32, shape, elements=st.integers(0, values)),
            arrays(bool, shape).map(_with_relevant),
        )
    )


def _with_relevant(mask):
    mask[0, 0] = True
    return mask


@pytest.mark.filterwarnings("ignore:.*left out")
@pytest.mark.parametrize("ties", ["expected", "optimistic", "pessimistic"])
@settings(max_examples=60)
@given(score_matrix(max_gallery=6))
def test_metrics_are_means_over_every_order_of_the_ties(ties, case):
    scores, mask = case
    values = metrics_from_scores(scores, Relevance.from_mask(mask), NAMES, ties=ties)
    for name in NAMES:
        assert values[name] == pytest.approx(
            slow_metric(name, scores, mask, ties), abs=1e-12
        ), name


@pytest.mark.filterwarnings("ignore:.*left out")
@pytest.mark.parametrize("ties", ["expected", "optimistic", "pessimistic"])
@settings(max_examples=60)
@given(score_matrix(max_gallery=12))
def test_pairwise_accuracy_counts_pairs(ties, case):
    scores, mask = case
    if mask[0].all():
        mask[0, 1] = False
    name = "pairwise_accuracy"
    value = metrics_from_scores(scores, Relevance.from_mask(mask), name, ties=ties)
    assert value[name] == pytest.approx(slow_pairwise(scores, mask, ties), abs=1e-12)


@pytest.mark.parametrize("n_relevant", [1, 5, 150])
def test_few_and_many_relevant_items_without_ties(n_relevant):
    # Up to sizes where candidates are compared in one case and sorted in the other.
    rng = np.random.default_rng(n_relevant)
    scores = rng.permuted(np.arange(12 * 700).reshape(12, 700), axis=1).astype(float)
    mask = np.zeros(scores.shape, dtype=bool)
    mask[:, :n_relevant] = True
    values = metrics_from_scores(scores, Relevance.from_mask(mask), NAMES)
    for name in NAMES:
        # "optimistic" spares the enumeration; there are no ties to break.
        slow = slow_metric(name, scores, mask, "optimistic")
        assert values[name] == pytest.approx(slow, abs=1e-12), name


@settings(max_examples=60)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(2, 30), st.just(2)),
        elements=st.integers(-2, 2),
    ),
    st.data(),
)
def test_many_ties_with_many_relevant_match_averages_of_runs(X, data):
    """Runs too long to enumerate: precision and rank from each run's own mean."""
    labels = data.draw(arrays(int, len(X), elements=st.integers(0, 2)))
    scores, mask = X @ X.T, labels[:, None] == labels
    values = metrics_from_scores(
        scores, Relevance.from_mask(mask), ["precision@7", "mean_rank"]
    )
    precision, rank = [], []
    for row, relevant in zip(scores, mask, strict=True):
        # The expected relevance of a place is that of the run which it is in.
        ranked = -np.sort(-row)
        place = np.array([relevant[row == value].mean() for value in ranked])
        precision.append(place[:7].sum() / 7)
        best = row[relevant].max()
        run = row == best
        rank.append((row > best).sum() + (run.sum() + 1) / ((run & relevant).sum() + 1))
    assert values["precision@7"] == pytest.approx(np.mean(precision), abs=1e-12)
    assert values["mean_rank"] == pytest.approx(np.mean(rank), abs=1e-12)


@settings(max_examples=60)
@given(score_matrix(max_gallery=15))
@pytest.mark.filterwarnings("ignore:.*left out")
def test_optimistic_is_no_worse_than_expected_nor_that_than_pessimistic(case):
    scores, mask = case
    if mask[0].all():
        mask[0, 1] = False
    names = (*NAMES, "pairwise_accuracy")
    best, mean, worst = (
        metrics_from_scores(scores, Relevance.from_mask(mask), names, ties=ties)
        for ties in ("optimistic", "expected", "pessimistic")
    )
    for name in names:
        sign = -1 if name in ("mean_rank", "median_rank") else 1
        assert sign * best[name] >= sign * mean[name] - 1e-12, name
        assert sign * mean[name] >= sign * worst[name] - 1e-12, name


# --- Chance level ------------------------------------------------------------------


@pytest.mark.parametrize("n_relevant", [1, 2, 5, 6])
def test_chance_level_is_the_mean_over_every_order(n_relevant):
    values = chance_level(6, n_relevant, NAMES)
    mask = np.arange(6)[None] < n_relevant
    for name in NAMES:
        slow = slow_metric(name, np.zeros((1, 6)), mask, "expected")
        assert values[name] == pytest.approx(slow, abs=1e-12), name


def test_chance_level_has_the_known_closed_forms():
    values = chance_level(2000, 20, ["mean_rank", "pairwise_accuracy", "precision@7"])
    assert values["mean_rank"] == 2001 / 21
    assert values["pairwise_accuracy"] == 0.5
    assert values["precision@7"] == pytest.approx(0.01, abs=1e-12)
    assert chance_level(200, metrics="recall@10") == {"recall@10": 0.05}
    hit = 1 - math.comb(1980, 10) / math.comb(2000, 10)
    assert chance_level(2000, 20)["recall@10"] == pytest.approx(hit, abs=1e-12)


def test_chance_level_averages_queries_and_leaves_out_those_without_relevant():
    one, four = (chance_level(9, n) for n in (1, 4))
    mixed = chance_level(9, [4, 0, 1, 1])
    for name in ("recall@5", "map", "mrr"):
        assert mixed[name] == pytest.approx((2 * one[name] + four[name]) / 3, abs=1e-12)
    assert mixed["median_rank"] == 5


@settings(max_examples=40)
@given(
    st.integers(1, 40), st.floats(-1e3, 1e3, width=32), st.floats(-10, 10), st.data()
)
def test_constant_embeddings_are_exactly_at_chance(n, x, y, data):
    groups = data.draw(arrays(int, n, elements=st.integers(0, 3)))
    for similarity in ("cosine", "dot", "euclidean"):
        values = retrieval_metrics(
            np.full((n, 7), x), np.full((n, 7), y), groups=groups, similarity=similarity
        )
        n_relevant = (groups[:, None] == groups).sum(axis=1)
        for name, chance in chance_level(n, n_relevant).items():
            assert values[name] == pytest.approx(chance, abs=1e-12)


@pytest.mark.parametrize(
    ("n_gallery", "n_relevant", "message"),
    [
        (0, 1, "n_gallery is 0, expected a positive integer"),
        (2.5, 1, "n_gallery is 2.5, expected a positive integer"),
        (5, 6, "expected integers from 0 to n_gallery = 5"),
        (5, [1, -1], "expected integers from 0 to n_gallery = 5"),
        (5, 0.5, "expected integers from 0 to n_gallery = 5"),
        (5, [], "expected integers from 0 to n_gallery = 5"),
        (5, [0, 0], "n_relevant is 0 for every query"),
        (5, np.array([], int), "n_relevant is 0 for every query"),
    ],
)
def test_chance_level_says_what_is_wrong(n_gallery, n_relevant, message):
    with pytest.raises(ValueError, match=message):
        chance_level(n_gallery, n_relevant)
