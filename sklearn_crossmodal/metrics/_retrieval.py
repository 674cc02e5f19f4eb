"""Several retrieval metrics from one pass over the similarities of each direction."""

import warnings
from collections.abc import Collection, Iterable, Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import UndefinedMetricWarning

from ._counts import TIES, RankCounts, count_ranks, counts_from_scores
from ._docs import with_common_parameters
from ._names import DEFAULT_METRICS, Metric, parse_metrics
from ._relevance import Relevance, relevance_ids
from ._similarity import (
    VIEW_SIMILARITIES,
    RankingScores,
    check_embeddings,
    divergence_views,
)

DIRECTIONS = ("both", "x_to_y", "y_to_x")


@with_common_parameters
def retrieval_metrics(
    X: ArrayLike,
    Y: ArrayLike,
    metrics: str | Iterable[str] = DEFAULT_METRICS,
    *,
    direction: str = "both",
    groups: ArrayLike | None = None,
    y_groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    y_labels: ArrayLike | None = None,
    ties: str = "expected",
    similarity: str = "cosine",
    block_size: int = 256,
) -> dict[str, float]:
    """Compute several retrieval metrics from one similarity pass per direction.

    Each row of one view is a query, ranked against all rows of the other view, the
    gallery. The metrics are those of a search by decreasing similarity; ranks start at
    1. Scores are computed for a block of queries at a time, and the ranks of relevant
    items are counted, not sorted: memory doesn't grow with queries x gallery.

    Parameters
    ----------
    %(embeddings)s
    metrics : str or iterable of str, default=("recall@1", "recall@5", "recall@10", \
"map", "mrr", "median_rank")
        Names of metrics: "recall@K", "precision@K", "map", "map@K", "mrr", "ndcg",
        "ndcg@K", "median_rank", "mean_rank", "neg_median_rank", "neg_mean_rank" and
        "pairwise_accuracy", with a positive integer for K.
    %(common)s

    Returns
    -------
    values : dict of str to float
        The value of each metric, in the order given.

    Raises
    ------
    %(raises)s

    Warns
    -----
    %(warns)s

    See Also
    --------
    chance_level : The same metrics for embeddings that say nothing.

    Notes
    -----
    The closed forms of metrics with ties are those of [1]_.

    References
    ----------
    .. [1] F. McSherry and M. Najork, "Computing information retrieval performance
       measures efficiently in the presence of tied scores", ECIR 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_crossmodal.metrics import retrieval_metrics
    >>> X = np.array([[1, 0], [0, 1], [1, 1]])
    >>> Y = np.array([[2, 1], [0, 3], [3, 1]])
    >>> retrieval_metrics(X, Y, ["recall@1", "median_rank"], direction="x_to_y")
    {'recall@1': 0.3333333333333333, 'median_rank': 2.0}
    """
    parsed = parse_metrics(metrics)
    check_option("ties", ties, TIES)
    check_positive_int("block_size", block_size)
    X, Y, similarity = compared_views(X, Y, similarity)
    ids = relevance_ids(len(X), len(Y), groups, y_groups, labels, y_labels)
    results, n_nan = [], 0
    for name, relevance in relevance_by_direction(*ids, direction):
        queries, gallery = (X, Y) if name == "x_to_y" else (Y, X)
        check_relevant(relevance, name)
        ranking = Ranking(queries, gallery, relevance, similarity, block_size)
        results.append(_evaluate(parsed, ranking, ties))
        n_nan += ranking.n_nan
    warn_of_nan(n_nan, "X or Y")
    return _mean_of_dicts(results)


def chance_level(
    n_gallery: int,
    n_relevant: int | ArrayLike = 1,
    metrics: str | Iterable[str] = DEFAULT_METRICS,
) -> dict[str, float]:
    """Compute the metrics of constant embeddings, which rank in random order.

    The expectation over all orders of the gallery, in closed form, by the code that
    takes care of ties.

    Parameters
    ----------
    n_gallery : int
        The number of items that are searched.
    n_relevant : int or array-like of int of shape (n_queries,), default=1
        The number of relevant items of each query, or of every query. Queries with
        none are left out.
    metrics : str or iterable of str, default=("recall@1", "recall@5", "recall@10", \
"map", "mrr", "median_rank")
        Names of metrics, as in :func:`retrieval_metrics`.

    Returns
    -------
    values : dict of str to float
        The chance level of each metric. "median_rank" is the median over queries of
        the expected rank, (n_gallery + 1) / (n_relevant + 1).

    Raises
    ------
    ValueError
        If a name is unknown, if a number is out of range, or if no query has a
        relevant item.

    See Also
    --------
    retrieval_metrics : The metrics of given embeddings.

    Examples
    --------
    >>> from sklearn_crossmodal.metrics import chance_level
    >>> chance_level(200, metrics=["recall@10", "median_rank"])
    {'recall@10': 0.05, 'median_rank': 100.5}
    """
    check_positive_int("n_gallery", n_gallery)
    numbers = np.atleast_1d(np.asarray(n_relevant))
    if numbers.dtype.kind not in "iu" or ((numbers < 0) | (numbers > n_gallery)).any():
        raise ValueError(
            f"n_relevant is {n_relevant!r}, expected integers from 0 to n_gallery ="
            f" {n_gallery}."
        )
    distinct, inverse = np.unique(numbers[numbers > 0], return_inverse=True)
    if not distinct.size:
        raise ValueError("n_relevant is 0 for every query: there is nothing to find.")
    counts = RankCounts.all_tied(distinct.astype(np.int64), int(n_gallery))
    return {
        metric.name: _summarise(metric, metric.per_query(counts)[inverse])
        for metric in parse_metrics(metrics)
    }


def chance_of_task(
    n_x: int,
    n_y: int,
    metrics: str | Iterable[str] = DEFAULT_METRICS,
    *,
    direction: str = "both",
    **relevance: Any,
) -> dict[str, float]:
    """Chance level of :func:`retrieval_metrics` for views of these numbers of rows.

    ``relevance`` are its ``groups``, ``y_groups``, ``labels`` and ``y_labels``.
    """
    names = [metric.name for metric in parse_metrics(metrics)]
    directions = relevance_by_direction(
        *relevance_ids(n_x, n_y, **relevance), direction
    )
    return _mean_of_dicts(
        [chance_level(r.n_gallery, r.n_relevant, names) for _, r in directions]
    )


def metrics_from_scores(
    scores: ArrayLike,
    relevance: Relevance,
    metrics: str | Iterable[str] = DEFAULT_METRICS,
    *,
    ties: str = "expected",
) -> dict[str, float]:
    """Metrics of a given score matrix (n_queries, n_gallery), counted as one block."""
    check_option("ties", ties, TIES)
    check_relevant(relevance, "scores")
    counts = counts_from_scores(np.asarray(scores), relevance).resolve(ties)
    return {
        metric.name: _summarise(metric, metric.per_query(counts))
        for metric in parse_metrics(metrics)
    }


class Ranking:
    """The rank counts of all queries, block by block, and the NaN met on the way."""

    def __init__(
        self,
        queries: np.ndarray,
        gallery: np.ndarray,
        relevance: Relevance,
        similarity: str,
        block_size: int,
    ) -> None:
        if len(relevance.queries) < len(queries):
            queries = queries[relevance.queries]
        self.scores = RankingScores(queries, gallery, similarity, block_size)
        self.relevance = relevance

    @property
    def n_nan(self) -> int:
        """The number of scores that were NaN so far."""
        return self.scores.n_nan

    def __iter__(self) -> Iterator[RankCounts]:
        for block in self.scores:
            yield self.count(*block)

    def count(self, start: int, stop: int, scores: np.ndarray) -> RankCounts:
        """Count the ranks of one block of `scores`."""
        excludes_self = self.relevance.excludes_self
        return count_ranks(
            scores,
            *self.relevance.block(start, stop),
            excluded=self.relevance.queries[start:stop] if excludes_self else None,
        )


def _evaluate(
    metrics: list[Metric], ranking: Iterable[RankCounts], ties: str
) -> dict[str, float]:
    """Keep only the metrics of each query: there may be many relevant items."""
    values: dict[str, list[np.ndarray]] = {metric.name: [] for metric in metrics}
    for counts in ranking:
        resolved = counts.resolve(ties)
        for metric in metrics:
            values[metric.name].append(metric.per_query(resolved))
    return {m.name: _summarise(m, np.concatenate(values[m.name])) for m in metrics}


def _summarise(metric: Metric, values: np.ndarray) -> float:
    """Summarise the queries for which the metric is defined."""
    undefined = np.isnan(values)
    if undefined.all():
        raise ValueError(
            f"{metric.name} is not defined: every query has a gallery of relevant items"
            " only. Give a gallery with something else in it."
        )
    if undefined.any():
        warnings.warn(
            f"{undefined.sum()} of {len(values)} queries have relevant items only and"
            f" are left out of {metric.name}.",
            UndefinedMetricWarning,
            stacklevel=4,
        )
    return metric.summarise(values[~undefined])


def _mean_of_dicts(results: list[dict[str, float]]) -> dict[str, float]:
    return {
        name: sum(result[name] for result in results) / len(results)
        for name in results[0]
    }


def compared_views(
    X: ArrayLike, Y: ArrayLike, similarity: str, names: tuple[str, str] = ("X", "Y")
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return both views, checked, and how either searches the other.

    What is not symmetric is made so, here where the views are told apart.
    """
    check_option("similarity", similarity, VIEW_SIMILARITIES)
    X, Y = check_embeddings(X, Y, names)
    if similarity == "kl":
        return *divergence_views(X, Y, names), "dot"
    return X, Y, similarity


def relevance_by_direction(
    x_ids: np.ndarray, y_ids: np.ndarray, direction: str
) -> list[tuple[str, Relevance]]:
    """Return what is relevant to whom, of the directions asked for, by name."""
    check_option("direction", direction, DIRECTIONS)
    ids = {"x_to_y": (x_ids, y_ids), "y_to_x": (y_ids, x_ids)}
    names = ids if direction == "both" else (direction,)
    return [(name, Relevance.from_ids(*ids[name])) for name in names]


def check_relevant(relevance: Relevance, name: str) -> None:
    """Warn the caller's caller of queries without a relevant item; some must have."""
    n_queries, n_kept = relevance.n_queries, len(relevance.queries)
    if not n_kept:
        raise ValueError(
            f"None of the {n_queries} queries ({name}) has a relevant item in the"
            " gallery: X and Y need ids (groups or labels) in common."
        )
    if n_kept < n_queries:
        warnings.warn(
            f"{n_queries - n_kept} of {n_queries} queries ({name}) have no relevant"
            " item in the gallery and are left out.",
            UndefinedMetricWarning,
            stacklevel=3,
        )


def warn_of_nan(n_nan: int, culprit: str) -> None:
    """Warn the caller's caller that so many scores are NaN, if any are."""
    if n_nan:
        warnings.warn(
            f"{n_nan} scores are NaN and rank last, because {culprit} holds NaN or"
            " infinite or very large numbers: check the embeddings, for example with"
            " np.isfinite.",
            stacklevel=3,
        )


def check_option(name: str, value: object, allowed: Collection[str]) -> None:
    """Raise ValueError unless the value is one of the allowed strings."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(
            f"{name} is {value!r}, expected one of {', '.join(map(repr, allowed))}."
        )


def check_positive_int(name: str, value: object) -> None:
    """Raise ValueError unless the value is an integer of at least 1."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} is {value!r}, expected a positive integer.")
