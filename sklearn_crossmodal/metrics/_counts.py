"""What is counted for each query and each of its relevant items.

All metrics are functions of four counts: how many gallery entries score above a
relevant item and how many tie with it (itself included), and how many of those are
relevant. Nothing is sorted that need not be: most gallery entries are only compared.
"""

from dataclasses import dataclass, replace

import numpy as np

from ._relevance import Relevance

TIES = ("expected", "optimistic", "pessimistic")

# Sorting one candidate costs about as much as this many pairs of comparisons (2.6 GHz
# x86-64 with AVX-512, float32, 25,000 entries); the choice changes only the time.
SORT_COST = 128


@dataclass(frozen=True)
class RankCounts:
    """Counts for each relevant item, the items of a query next to each other.

    Items of one query are in descending order of score. ``n_relevant`` has one entry
    for each query, the other arrays one for each relevant item of each query.
    """

    above: np.ndarray
    tied: np.ndarray
    relevant_above: np.ndarray
    relevant_tied: np.ndarray
    n_relevant: np.ndarray
    n_gallery: int

    @property
    def first(self) -> np.ndarray:
        """Where the best relevant item of each query is."""
        return np.cumsum(self.n_relevant) - self.n_relevant

    def sum_by_query(self, values: np.ndarray) -> np.ndarray:
        """Sum values of relevant items over each query."""
        return np.add.reduceat(values, self.first)

    def resolve(self, ties: str) -> "RankCounts":
        """Break ties for or against relevant items; "expected" leaves them.

        Afterwards relevant items tie only with each other, and the expected metric is
        the metric of that one order.
        """
        if ties == "optimistic":
            return replace(self, tied=self.relevant_tied)
        if ties == "pessimistic":
            above = self.above + self.tied - self.relevant_tied
            return replace(self, above=above, tied=self.relevant_tied)
        return self

    @classmethod
    def all_tied(cls, n_relevant: np.ndarray, n_gallery: int) -> "RankCounts":
        """Return the counts of constant scores, for these numbers of relevant items."""
        each = np.repeat(n_relevant, n_relevant)
        zero = np.zeros_like(each)
        tied = np.full_like(each, n_gallery)
        return cls(zero, tied, zero, each, n_relevant, n_gallery)

    @classmethod
    def first_hits(
        cls,
        above: np.ndarray,
        tied: np.ndarray,
        relevant_tied: np.ndarray,
        n_gallery: int,
    ) -> "RankCounts":
        """Return counts of the best relevant item of each query alone.

        They are enough for the metrics of the first hit: recall and the first rank.
        """
        return cls(
            above,
            tied,
            np.zeros_like(above),
            relevant_tied,
            np.ones_like(above),
            n_gallery,
        )


def counts_from_scores(scores: np.ndarray, relevance: Relevance) -> RankCounts:
    """Count a whole score matrix (n_queries, n_gallery); NaN ranks last."""
    scores = np.array(scores)[relevance.queries]
    nan_to_last(scores)
    return count_ranks(scores, *relevance.block(0, len(scores)))


def nan_to_last(scores: np.ndarray) -> int:
    """Make NaN the lowest score, in place, and return how many there were."""
    is_nan = np.isnan(scores)
    n_nan = int(np.count_nonzero(is_nan))
    if n_nan:
        # An honest -inf becomes the lowest finite number: still above NaN.
        np.maximum(scores, np.finfo(scores.dtype).min, out=scores)
        scores[is_nan] = -np.inf
    return n_nan


def count_ranks(
    scores: np.ndarray,
    columns: np.ndarray,
    n_relevant: np.ndarray,
    excluded: np.ndarray | None = None,
) -> RankCounts:
    """Count the ranks of the relevant columns (concatenated) of each row of scores.

    The relevant items' own scores are read from ``scores``, never computed another
    way: two products of the same vectors may round differently. ``excluded`` is one
    column for each row that is no part of its gallery.
    """
    n_queries, n_gallery = scores.shape
    positives = _sorted_positives(scores, columns, n_relevant)
    above = np.empty(len(positives), dtype=np.int64)
    at_or_above = np.empty_like(above)
    mask = np.empty(n_gallery, dtype=bool)
    ends = np.cumsum(n_relevant)
    for row, start, end in zip(scores, ends - n_relevant, ends, strict=True):
        own = slice(start, end)
        _count_row(row, positives[own], above[own], at_or_above[own], mask)
    if excluded is not None:
        own_scores = np.repeat(scores[np.arange(n_queries), excluded], n_relevant)
        above -= own_scores > positives
        at_or_above -= own_scores >= positives
        n_gallery -= 1
    relevant_above, relevant_tied = _count_relevant(positives, n_relevant)
    return RankCounts(
        above, at_or_above - above, relevant_above, relevant_tied, n_relevant, n_gallery
    )


def count_first_hits(
    scores: np.ndarray,
    columns: np.ndarray,
    n_relevant: np.ndarray,
    excluded: np.ndarray | None = None,
) -> RankCounts:
    """Count as `count_ranks` does, for the best relevant column of each row only.

    Rows without a relevant column are left out. ``excluded`` is one column for each
    row that is no part of its gallery.
    """
    rows = n_relevant.nonzero()[0]
    n_relevant = n_relevant[rows]
    starts = np.cumsum(n_relevant) - n_relevant
    positives = scores[np.repeat(rows, n_relevant), columns]
    best = np.maximum.reduceat(positives, starts)
    at_best = positives == np.repeat(best, n_relevant)
    relevant_tied = np.add.reduceat(at_best, starts, dtype=np.int64)
    above, tied = np.empty_like(relevant_tied), np.empty_like(relevant_tied)
    mask = np.empty(scores.shape[1], dtype=bool)
    for i, row in enumerate(rows):
        above[i] = np.count_nonzero(np.greater(scores[row], best[i], out=mask))
        tied[i] = np.count_nonzero(np.equal(scores[row], best[i], out=mask))
    n_gallery = scores.shape[1]
    if excluded is not None:
        own = scores[rows, excluded[rows]]
        above -= own > best
        tied -= own == best
        n_gallery -= 1
    return RankCounts.first_hits(above, tied, relevant_tied, n_gallery)


def _sorted_positives(
    scores: np.ndarray, columns: np.ndarray, n_relevant: np.ndarray
) -> np.ndarray:
    """Return the relevant items' scores, concatenated, descending in each query."""
    filled = np.arange(n_relevant.max()) < n_relevant[:, None]
    rows = np.repeat(np.arange(len(scores)), n_relevant)
    padded = np.full(filled.shape, np.inf, dtype=scores.dtype)
    padded[filled] = -scores[rows, columns]
    padded.sort(axis=1)
    return -padded[filled]


def _count_row(
    row: np.ndarray,
    positives: np.ndarray,
    above: np.ndarray,
    at_or_above: np.ndarray,
    mask: np.ndarray,
) -> None:
    """Count one query's gallery scores above, and not below, each of its positives."""
    # Only candidates, the entries not below the lowest positive, matter. They are
    # sorted where they are few for the comparisons that this saves.
    np.greater_equal(row, positives[-1], out=mask)
    n_candidates = np.count_nonzero(mask)
    if n_candidates * SORT_COST <= row.size * (len(positives) - 1):
        candidates = np.sort(row[mask])
        above[:] = n_candidates - candidates.searchsorted(positives, "right")
        at_or_above[:] = n_candidates - candidates.searchsorted(positives, "left")
        return
    for i, positive in enumerate(positives):
        above[i] = np.count_nonzero(np.greater(row, positive, out=mask))
    for i, positive in enumerate(positives[:-1]):
        at_or_above[i] = np.count_nonzero(np.greater_equal(row, positive, out=mask))
    at_or_above[-1] = n_candidates


def _count_relevant(
    positives: np.ndarray, n_relevant: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Count, for each positive, its own query's positives above it and tied with it."""
    first = np.cumsum(n_relevant) - n_relevant
    opens_run = np.empty(len(positives), dtype=bool)
    opens_run[1:] = positives[1:] != positives[:-1]
    opens_run[first] = True
    starts = opens_run.nonzero()[0]
    lengths = np.diff(starts, append=len(positives))
    return np.repeat(starts, lengths) - np.repeat(first, n_relevant), np.repeat(
        lengths, lengths
    )
