"""Retrieval metrics of each query in expectation over random orders of its ties.

The closed forms of McSherry and Najork, "Computing information retrieval performance
measures efficiently in the presence of tied scores", ECIR 2008. Without ties they are
the usual definitions. Notation of the comments: a relevant item is in a run of t tied
entries, r of them relevant; a entries score above, b of them relevant.
"""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ._counts import RankCounts


def recall(counts: RankCounts, k: int) -> np.ndarray:
    """Return the probability that a relevant item is among the first k.

    One minus the chance that s = k - a draws from the run of the best relevant item
    miss all r: C(t - r, s) / C(t, s), a product over the smaller of r and s.
    """
    best = counts.first
    tied, relevant = counts.tied[best], counts.relevant_tied[best]
    drawn = np.clip(k - counts.above[best], 0, tied)
    factors, other = np.minimum(drawn, relevant), np.maximum(drawn, relevant)
    hit = np.zeros(len(best))
    for i in range(factors.max()):
        more = i < factors
        hit[more] += (1 - hit[more]) * other[more] / (tied[more] - i)
    return hit


def precision(counts: RankCounts, k: int) -> np.ndarray:
    """Return the expected share of relevant items among the first k places."""
    drawn = np.clip(k - counts.above, 0, counts.tied)
    return counts.sum_by_query(drawn / counts.tied) / k


def average_precision(counts: RankCounts, k: int | None = None) -> np.ndarray:
    """Return the expected mean of the precision at each relevant item's rank.

    The i-th entry of a run is relevant with probability r / t and has then, before it
    in the run, (i - 1) c relevant entries with c = (r - 1) / (t - 1). The precision
    there is (b + 1 + (i - 1) c) / (a + i), which splits into a part in 1 / rank and
    the constant c.
    """
    k = counts.n_gallery if k is None else min(k, counts.n_gallery)
    drawn = np.clip(k - counts.above, 0, counts.tied)
    c = (counts.relevant_tied - 1) / np.maximum(counts.tied - 1, 1)
    numerator = counts.relevant_above + 1 - c * (counts.above + 1)
    weight = _sum_over_ranks(_harmonic, counts, drawn)
    total = counts.sum_by_query((numerator * weight + c * drawn) / counts.tied)
    return total / np.minimum(counts.n_relevant, k)


def ndcg(counts: RankCounts, k: int | None = None) -> np.ndarray:
    """Return the expected sum of 1 / log2(1 + rank), as a share of the best order's."""
    k = counts.n_gallery if k is None else min(k, counts.n_gallery)
    drawn = np.clip(k - counts.above, 0, counts.tied)
    weight = _sum_over_ranks(log_discount, counts, drawn)
    ideal = _cumulative(log_discount, counts.n_gallery)
    gain = counts.sum_by_query(weight / counts.tied)
    return gain / ideal[np.minimum(counts.n_relevant, k)]


def reciprocal_rank(counts: RankCounts) -> np.ndarray:
    """Return the expected 1 / rank of the best relevant item."""
    best = counts.first
    runs = np.stack(
        [counts.above[best], counts.tied[best], counts.relevant_tied[best]], axis=1
    )
    # Long runs come from collapsed embeddings and are then the same for many queries.
    distinct, inverse = np.unique(runs, axis=0, return_inverse=True)
    values = 1 / (distinct[:, 0] + 1.0)
    for i in np.flatnonzero(distinct[:, 1] > distinct[:, 2]):
        values[i] = _tied_reciprocal_rank(*distinct[i])
    return values[inverse.reshape(-1)]


def _tied_reciprocal_rank(above: int, tied: int, relevant: int) -> float:
    """Sum 1 / (a + i) times the probability that the run's first relevant is i-th.

    That is C(t - i, r - 1) / C(t, r): r / t for i = 1, and (t - i - r + 1) / (t - i)
    times as much for each next i.
    """
    i = np.arange(1, tied - relevant + 1)
    ratios = np.concatenate([[relevant / tied], (tied - i - relevant + 1) / (tied - i)])
    return float(np.sum(np.cumprod(ratios) / (above + np.arange(1, len(ratios) + 1))))


def first_rank(counts: RankCounts) -> np.ndarray:
    """Return the expected rank of the best relevant item, a + (t + 1) / (r + 1)."""
    best = counts.first
    tied, relevant = counts.tied[best], counts.relevant_tied[best]
    return counts.above[best] + (tied + 1) / (relevant + 1)


def pairwise_accuracy(counts: RankCounts) -> np.ndarray:
    """Share of (relevant, irrelevant) pairs in order, a tie counting one half.

    NaN for a query whose gallery is all relevant: it has no such pair.
    """
    above = counts.above - counts.relevant_above
    tied = counts.tied - counts.relevant_tied
    wrong = counts.sum_by_query(above + tied / 2)
    n_pairs = counts.n_relevant * (counts.n_gallery - counts.n_relevant)
    return np.where(n_pairs > 0, 1 - wrong / np.maximum(n_pairs, 1), np.nan)


def _harmonic(ranks: np.ndarray) -> np.ndarray:
    return 1 / ranks


def log_discount(ranks: np.ndarray) -> np.ndarray:
    return 1 / np.log2(1 + ranks)


@lru_cache(maxsize=4)
def _cumulative(
    discount: Callable[[np.ndarray], np.ndarray], n_gallery: int
) -> np.ndarray:
    """Return the sums of the discounts of ranks 1 to n, for n = 0 to n_gallery."""
    return np.concatenate([[0.0], np.cumsum(discount(np.arange(1.0, n_gallery + 1)))])


def _sum_over_ranks(
    discount: Callable[[np.ndarray], np.ndarray],
    counts: RankCounts,
    drawn: np.ndarray,
) -> np.ndarray:
    """Sum the discounts of the first ``drawn`` ranks of each item's run of ties."""
    sums = _cumulative(discount, counts.n_gallery)
    return sums[counts.above + drawn] - sums[counts.above]
