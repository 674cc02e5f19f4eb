"""Edit distances of a ranking's results: how far from the query they are.

Among equal scores every entry stands for the mean of its run: the expectation over
random orders, as everything computed from these values is linear in them.
"""

from collections.abc import Sequence

import numpy as np

from ._expected import log_discount


class EditDistancesByRank:
    """Edit distances by rank, averaged over queries, and the nDCG of each query.

    A result at edit distance d has the gain ``relevance[d]``, 0 beyond its end, and
    counts 1 / log2(1 + rank) times that.
    """

    def __init__(self, n_gallery: int, relevance: Sequence[float], ties: str) -> None:
        self.gains = np.array([*relevance, 0.0])
        self.ranks = np.arange(1, n_gallery + 1)
        self.discounts = log_discount(self.ranks)
        self.ties = ties
        self.n_queries = 0
        self.totals = np.zeros((2, n_gallery))
        self.ndcg: list[float] = []
        self.ndcg_chance: list[float] = []

    def add(self, scores: np.ndarray, distances: np.ndarray) -> None:
        """Add one query, from what the gallery entries score and how far they are."""
        best = np.sort(distances)
        gains, best_gains = self._gain(distances), self._gain(best)
        values = np.stack([distances.astype(np.float64), gains])
        ranked = values_by_rank(scores, values, self.ties)
        self.totals += ranked[0], best
        ideal = best_gains @ self.discounts
        self.ndcg.append(ranked[1] @ self.discounts / ideal)
        self.ndcg_chance.append(gains.mean() * self.discounts.sum() / ideal)
        self.n_queries += 1

    def _gain(self, distances: np.ndarray) -> np.ndarray:
        """Gain of each distance; one between whole numbers counts as the larger."""
        whole = np.minimum(np.ceil(distances), len(self.gains) - 1)
        return self.gains[whole.astype(np.int64)]

    def curves(self) -> np.ndarray:
        """Mean distance of the first k, for each k: of the ranking, of the best one."""
        return np.cumsum(self.totals, axis=1) / self.ranks / self.n_queries


def values_by_rank(scores: np.ndarray, values: np.ndarray, ties: str) -> np.ndarray:
    """Order values (n_values, n_gallery) by descending score, the best rank first.

    Ties go by the first row of values, ascending ("optimistic") or descending
    ("pessimistic"), or all have the mean of their run ("expected").
    """
    if ties != "expected":
        sign = 1 if ties == "optimistic" else -1
        return values[:, np.lexsort((sign * values[0], -scores))]
    order = np.argsort(-scores)
    ranked, scores = values[:, order], scores[order]
    starts = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])
    if len(starts) == len(scores):
        return ranked
    lengths = np.diff(starts, append=len(scores))
    means = np.add.reduceat(ranked, starts, axis=1) / lengths
    return np.repeat(means, lengths, axis=1)
