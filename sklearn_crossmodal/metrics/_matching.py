"""Matching among a few candidates: one right answer, and wrong ones that are drawn."""

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.utils import check_random_state

from ._report import format_table
from ._retrieval import check_option, check_positive_int, warn_of_nan
from ._similarity import SIMILARITIES, RankingScores, check_embeddings
from ._vocabulary import shared_ids

AVERAGES = ("pairs", "queries", "answers")


@dataclass(frozen=True, eq=False)
class MatchingPrecision:
    """How often the right answer is among the first k of a few candidates.

    Metrics are ``"P@1"`` and so on for each k.

    Parameters
    ----------
    scores : dict of str to float
        The mean over draws of candidates.
    interval : dict of str to float
        Half the width of the confidence interval of that mean. NaN with one draw.
    chance : dict of str to float
        The same as `scores` for constant embeddings.
    draws : dict of str to ndarray of shape (n_draws,)
        The value of each draw.
    per_pair : dict of str to ndarray of shape (n_pairs,)
        The value of each pair, the mean over draws.
    queries, answers : ndarray of shape (n_pairs,), dtype int64
        The query and the right answer of each pair, as rows of `X` and of `Y`.
    n_candidates : tuple of two int
        The least and the largest number of candidates of a query: what was asked for,
        or all there are.
    confidence : float
        Level of the confidence interval.
    """

    scores: dict
    interval: dict
    chance: dict
    draws: dict
    per_pair: dict
    queries: np.ndarray
    answers: np.ndarray
    n_candidates: tuple
    confidence: float

    def rows(self, name):
        """Return the lines of a table, as lists of cells.

        Parameters
        ----------
        name : str
            What the first line is called.

        Returns
        -------
        rows : list of lists of str
            Scores, the confidence interval, and chance.
        """
        low, high = self.n_candidates
        size = str(low) if low == high else f"{low}-{high}"
        level = f"  {100 * self.confidence:g} % interval"
        plus_minus = [f"±{value:.3f}" for value in self.interval.values()]
        return [
            [name, str(len(self.queries)), size, *_cells(self.scores)],
            [level, "", "", *plus_minus],
            ["  chance", "", "", *_cells(self.chance)],
        ]

    def __str__(self):
        """Return the table as text."""
        header = ["", "pairs", "candidates", *self.scores]
        return format_table([header, *self.rows("X -> Y")])

    __repr__ = __str__


def _cells(values: dict) -> list[str]:
    return [f"{value:.3f}" for value in values.values()]


def matching_precision(
    X: ArrayLike,
    Y: ArrayLike,
    x_ids: Any,
    y_ids: Any,
    *,
    n_candidates: int = 100,
    ks: Iterable[int] = (1, 5, 10),
    n_draws: int = 10,
    average: str = "pairs",
    similarity: str = "cosine",
    confidence: float = 0.95,
    random_state: Any = 0,
    block_size: int = 256,
) -> MatchingPrecision:
    """Match queries among few candidates: the right one, and wrong ones drawn anew.

    Each row of `X` is a query, and the rows of `Y` that share an id with it are its
    right answers. Each pair of a query and a right answer is a task of its own: that
    answer stands among ``n_candidates - 1`` rows of `Y` that share no id with the
    query, drawn at random without replacement. P@k is the share of tasks whose right
    answer is among the first k, as in [1]_.

    Parameters
    ----------
    X : array-like of shape (n_x, n_components)
        Embeddings of the queries, from any encoder.
    Y : array-like of shape (n_y, n_components)
        Embeddings of what is searched, in the same space.
    x_ids : list of length n_x
        The id of each row of `X`, such as a word, or a list or set of ids. A row
        without any is no query.
    y_ids : list of length n_y
        The same for the rows of `Y`. A row without any is always wrong.
    n_candidates : int, default=100
        The number of candidates, the right one included. Where there are fewer wrong
        rows, all of them are candidates: the report says how many.
    ks : iterable of int, default=(1, 5, 10)
        Cuts. One beyond the number of candidates always hits.
    n_draws : int, default=10
        How many times all candidates are drawn.
    average : {"pairs", "queries", "answers"}, default="pairs"
        What has the same weight: each pair, each row of `X`, or each row of `Y`.
    similarity : {"cosine", "dot", "euclidean"}, default="cosine"
        What candidates are ranked by: cosine (0 for a row of zeros), inner product, or
        ascending Euclidean distance.
    confidence : float, default=0.95
        Level of the confidence interval, between 0 and 1.
    random_state : int, RandomState instance or None, default=0
        Draws the candidates.
    block_size : int, default=256
        The number of queries that are scored at a time.

    Returns
    -------
    precision : MatchingPrecision
        Prints as a table with the chance level.

    Raises
    ------
    TypeError
        If ids are no list.
    ValueError
        If lengths or widths do not match, if no two rows share an id, if every query
        shares an id with all of `Y`, or if an option is invalid.

    Warns
    -----
    UserWarning
        If scores are NaN. They rank last.

    See Also
    --------
    word_matching_report : Images and words, both ways, from an estimator.

    Notes
    -----
    With `a` of a task's candidates above the right one and `t` wrong ones that tie with
    it, P@k is its expectation over random orders of ties,
    ``min(max(k - a, 0), t + 1) / (t + 1)``. Constant embeddings have a P@k of
    exactly ``k / n_candidates``.

    No candidate need be drawn: of N wrong rows, A above and T tied, the numbers among
    n drawn without replacement have hypergeometric distributions, from which they are
    drawn.

    The confidence interval is Student's, of the mean over draws. It tells what
    other candidates would have given for the same queries, not what other queries
    would have.

    References
    ----------
    .. [1] R. Luo, "Exploration on grounded word embedding: matching words and images
       with image-enhanced skip-gram model", 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_crossmodal.metrics import matching_precision
    >>> rng = np.random.default_rng(0)
    >>> words = rng.normal(size=(40, 8))
    >>> names = rng.integers(40, size=150)
    >>> images = words[names] + rng.normal(size=(150, 8))
    >>> matching_precision(images, words, names, range(40), n_candidates=20, ks=[1, 5])
                     pairs  candidates     P@1     P@5
    X -> Y             150          20   0.705   0.973
      95 % interval                     ±0.009  ±0.004
      chance                             0.050   0.250
    """
    check_option("average", average, AVERAGES)
    check_option("similarity", similarity, SIMILARITIES)
    check_positive_int("block_size", block_size)
    options = DrawOptions.of(n_candidates, ks, n_draws, confidence)
    X, Y = check_embeddings(X, Y)
    relevant = shared_ids(x_ids, y_ids, ("x_ids", "y_ids"))
    _check_ids(relevant, len(X), len(Y))
    queries = np.flatnonzero(np.diff(relevant.indptr))
    scores = RankingScores(X[queries], Y, similarity, block_size)
    standing = Standing.of(scores, relevant[queries])
    warn_of_nan(scores.n_nan, "X or Y")
    _check_wrong(standing)
    pairs = np.repeat(queries, np.diff(relevant.indptr)[queries]), relevant.indices
    groups = {"pairs": None, "queries": pairs[0], "answers": pairs[1]}[average]
    hits = draw_hits(standing, options, generator(random_state))
    return options.summarise(hits, standing, pairs, groups)


@dataclass(frozen=True)
class Standing:
    """How many wrong answers are above each right one, and tied with it."""

    above: np.ndarray
    tied: np.ndarray
    n_wrong: np.ndarray

    @classmethod
    def of(cls, scores: RankingScores, relevant: Any) -> "Standing":
        """Count all pairs of a CSR matrix (queries, gallery), in its order."""
        blocks = [
            cls.of_block(block, relevant[start:stop]) for start, stop, block in scores
        ]
        return cls.concatenate(blocks)

    @classmethod
    def of_block(cls, scores: np.ndarray, relevant: Any) -> "Standing":
        """Count the pairs of some queries."""
        above = np.empty(relevant.nnz, dtype=np.int64)
        not_below = np.empty_like(above)
        n_right = np.diff(relevant.indptr)
        bounds = zip(relevant.indptr[:-1], relevant.indptr[1:], strict=True)
        for row, (start, stop) in zip(scores, bounds, strict=True):
            columns = relevant.indices[start:stop]
            wrong = np.sort(np.delete(row, columns))
            above[start:stop] = wrong.size - wrong.searchsorted(row[columns], "right")
            not_below[start:stop] = wrong.size - wrong.searchsorted(row[columns])
        n_wrong = np.repeat(scores.shape[1] - n_right, n_right).astype(np.int64)
        return cls(above, not_below - above, n_wrong)

    def take(self, order: np.ndarray) -> "Standing":
        """Return these pairs, in this order."""
        return Standing(self.above[order], self.tied[order], self.n_wrong[order])

    @classmethod
    def concatenate(cls, standings: list["Standing"]) -> "Standing":
        """Put blocks of queries together."""
        names = ("above", "tied", "n_wrong")
        return cls(*(np.concatenate([getattr(s, n) for s in standings]) for n in names))


@dataclass(frozen=True)
class Extra:
    """Further wrong answers in each draw: how many are above, tied, and in all.

    `above` and `tied` have shape (n_draws, n_pairs), `n` is one number for each pair.
    """

    above: np.ndarray
    tied: np.ndarray
    n: np.ndarray


@dataclass(frozen=True)
class DrawOptions:
    """How candidates are drawn, and what is made of them."""

    n_candidates: int
    ks: list[int]
    n_draws: int
    confidence: float

    @classmethod
    def of(
        cls, n_candidates: Any, ks: Any, n_draws: Any, confidence: Any
    ) -> "DrawOptions":
        """Check the options."""
        check_positive_int("n_draws", n_draws)
        check_n_candidates(n_candidates)
        if not isinstance(confidence, Real) or not 0 < float(confidence) < 1:
            raise ValueError(
                f"confidence is {confidence!r}, expected a number between 0 and 1."
            )
        return cls(int(n_candidates), check_cuts(ks), int(n_draws), float(confidence))

    def hits(self, above: np.ndarray, tied: np.ndarray) -> np.ndarray:
        """Return the chance that ties let the right answer be among the first k.

        The last axis is k.
        """
        above, tied = above[..., None], tied[..., None]
        return np.clip(np.array(self.ks) - above, 0, tied + 1) / (tied + 1)

    def n_drawn(self, n_wrong: np.ndarray) -> np.ndarray:
        """Return how many of these wrong answers are candidates."""
        return np.minimum(n_wrong, self.n_candidates - 1)

    def summarise(
        self,
        hits: np.ndarray,
        standing: Standing,
        pairs: tuple[np.ndarray, np.ndarray],
        groups: np.ndarray | None,
        n_extra: Any = 0,
    ) -> MatchingPrecision:
        """Average hits of shape (n_draws, n_pairs, n_ks)."""
        drawn = self.n_drawn(standing.n_wrong) + n_extra
        chance = _mean(self.hits(np.zeros_like(drawn), drawn), groups)
        values = _mean(hits, groups)  # (n_draws, n_ks)
        return MatchingPrecision(
            scores=self._by_name(values.mean(axis=0), float),
            interval=self._by_name(self._half_widths(values), float),
            chance=self._by_name(chance, float),
            draws=self._by_name(values.T),
            per_pair=self._by_name(hits.mean(axis=0).T),
            queries=pairs[0],
            answers=pairs[1],
            n_candidates=(int(drawn.min()) + 1, int(drawn.max()) + 1),
            confidence=self.confidence,
        )

    def _half_widths(self, values: np.ndarray) -> np.ndarray:
        if self.n_draws == 1:
            return np.full(values.shape[1], np.nan)
        quantile = stats.t.ppf((1 + self.confidence) / 2, self.n_draws - 1)
        return quantile * values.std(axis=0, ddof=1) / self.n_draws**0.5

    def _by_name(self, values: Iterable, convert: Any = np.asarray) -> dict:
        return {f"P@{k}": convert(v) for k, v in zip(self.ks, values, strict=True)}


def draw_hits(
    standing: Standing,
    options: DrawOptions,
    rng: np.random.Generator,
    extra: Extra | None = None,
) -> np.ndarray:
    """Return hits of shape (n_draws, n_pairs, n_ks), of wrong answers drawn anew.

    How many of the drawn are above, and then how many of the others tie, is
    hypergeometric: which ones they are does not matter.
    """
    above, tied, n_wrong = standing.above, standing.tied, standing.n_wrong
    n_drawn = options.n_drawn(n_wrong)
    hits = np.empty((options.n_draws, len(above), len(options.ks)))
    for draw in range(options.n_draws):
        n_above = rng.hypergeometric(above, n_wrong - above, n_drawn)
        n_tied = rng.hypergeometric(tied, n_wrong - above - tied, n_drawn - n_above)
        if extra is not None:
            n_above, n_tied = n_above + extra.above[draw], n_tied + extra.tied[draw]
        hits[draw] = options.hits(n_above, n_tied)
    return hits


def generator(random_state: Any) -> np.random.Generator:
    """Return a numpy Generator for scikit-learn's random_state."""
    seed = check_random_state(random_state).randint(np.iinfo(np.int32).max)
    return np.random.default_rng(seed)


def _mean(hits: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Average over pairs, the last axis but one; given groups weigh the same."""
    if groups is not None:
        order = np.argsort(groups, kind="stable")
        _, starts, sizes = np.unique(
            groups[order], return_index=True, return_counts=True
        )
        sums = np.add.reduceat(hits[..., order, :], starts, axis=-2)
        hits = sums / sizes[:, None]
    return hits.mean(axis=-2)


def check_n_candidates(n_candidates: Any) -> None:
    """Raise ValueError unless there is room for a right and a wrong answer."""
    check_positive_int("n_candidates", n_candidates)
    if n_candidates < 2:
        raise ValueError(
            "n_candidates is 1, expected two or more: the right answer and a wrong one."
        )


def check_cuts(ks: Any) -> list[int]:
    """Return distinct positive integers in the order given."""
    if not isinstance(ks, Iterable) or isinstance(ks, str):
        raise TypeError(f"ks is {ks!r:.60}, expected a list of positive integers.")
    cuts = list(dict.fromkeys(ks))
    for k in cuts:
        check_positive_int("An entry of ks", k)
    if not cuts:
        raise ValueError("ks is empty, expected at least one positive integer.")
    return [int(k) for k in cuts]


def _check_ids(relevant: Any, n_x: int, n_y: int) -> None:
    for name, view, n_ids, n_rows in (
        ("x_ids", "X", relevant.shape[0], n_x),
        ("y_ids", "Y", relevant.shape[1], n_y),
    ):
        if n_ids != n_rows:
            raise ValueError(
                f"{name} has {n_ids} entries and {view} has {n_rows} rows, expected one"
                " entry for each row."
            )
    if not relevant.nnz:
        raise ValueError(
            "No row of X shares an id with a row of Y: x_ids and y_ids need ids in"
            " common."
        )


def _check_wrong(standing: Standing) -> None:
    if not standing.n_wrong.any():
        raise ValueError(
            "Every query shares an id with all rows of Y, expected wrong answers too:"
            " there is nothing to choose from."
        )
