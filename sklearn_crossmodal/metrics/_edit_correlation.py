"""Whether strings that differ much are far apart: distance against edit distance."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import check_random_state
from sklearn.utils.random import sample_without_replacement

from ..base import embed_y, get_two_view_estimator
from ..utils._edit_distance import EditDistance
from ..utils._strings import check_strings
from ._embed import DistinctStrings, embed_items
from ._report import format_table
from ._retrieval import check_option, check_positive_int
from ._similarity import check_embedding

# So many pairs tell a correlation to three digits.
MAX_PAIRS = 2_000_000
# A fractional edit distance may have as many values as there are pairs.
_MAX_LINES = 40
_QUANTILES = {"min": 0.0, "q1": 0.25, "median": 0.5, "q3": 0.75, "max": 1.0}
# Values of a block of pairs: what stays in the processor's cache.
_BLOCK_VALUES = 1 << 17


@dataclass(frozen=True, eq=False)
class EditDistanceCorrelation:
    """How the distance of embedded strings goes with their edit distance.

    Parameters
    ----------
    spearman : float
        Correlation of ranks. NaN if all distances, of either kind, are equal.
    pearson : float
        Correlation of values. NaN in the same case.
    n_strings : int
        The number of distinct strings.
    n_pairs : int
        The number of pairs of them that were compared.
    metric : str
        The distance of embeddings.
    edit_distances : ndarray of shape (n_edit_distances,)
        The edit distances that occur, ascending.
    n_pairs_at : ndarray of shape (n_edit_distances,), dtype int64
        The number of pairs at each of them.
    quartiles : ndarray of shape (n_edit_distances, 5)
        The least, first quartile, median, third quartile and largest distance of
        embeddings among these pairs.
    """

    spearman: float
    pearson: float
    n_strings: int
    n_pairs: int
    metric: str
    edit_distances: np.ndarray
    n_pairs_at: np.ndarray
    quartiles: np.ndarray

    def boxplot_stats(self):
        """Return what matplotlib's ``Axes.bxp`` draws: a box for each edit distance.

        Returns
        -------
        stats : list of dict
            Whiskers reach to the least and the largest distance. Call
            ``ax.bxp(stats, showfliers=False)``.
        """
        names = ("whislo", "q1", "med", "q3", "whishi")
        return [
            {"label": f"{edits:g}", **dict(zip(names, map(float, row), strict=True))}
            for edits, row in zip(self.edit_distances, self.quartiles, strict=True)
        ]

    def __str__(self):
        """Return the table as text."""
        rows = [["edit distance", "pairs", *_QUANTILES]]
        boxes = zip(self.edit_distances, self.n_pairs_at, self.quartiles, strict=True)
        for edits, n_pairs, quartiles in islice(boxes, _MAX_LINES):
            numbers = [f"{value:.3f}" for value in quartiles]
            rows.append([f"{edits:g}", str(n_pairs), *numbers])
        if len(self.edit_distances) > _MAX_LINES:
            rows.append(["...", *[""] * (1 + len(_QUANTILES))])
        return (
            f"{self.metric} distance of {self.n_pairs} pairs of {self.n_strings}"
            f" strings: Spearman {self.spearman:.3f}, Pearson {self.pearson:.3f}\n"
            + format_table(rows)
        )

    __repr__ = __str__


def edit_distance_correlation(
    strings: Any,
    embedder: Any,
    *,
    metric: str = "euclidean",
    edit_metric: Any = "levenshtein",
    edit_metric_params: dict | None = None,
    n_pairs: int | None = None,
    random_state: Any = 0,
) -> EditDistanceCorrelation:
    """Correlate the distance of embedded strings with their edit distance.

    Over all pairs of distinct strings, or a random sample of pairs where there are
    many. With the quartiles of the embedding distance at each edit distance, for the
    box plot of [1]_.

    Parameters
    ----------
    strings : list of str of length n_strings
        Strings. Repeated ones count once.
    embedder : estimator or array-like of shape (n_strings, n_components)
        Fitted: a transformer of strings, a two-view estimator whose second view is
        strings, or a Pipeline or search around one. Or the embedding of each string;
        equal strings have equal rows.
    metric : {"euclidean", "sqeuclidean", "cosine", "braycurtis"}, default="euclidean"
        Distance of embeddings, as in `scipy.spatial.distance`. For a row of zeros the
        cosine distance is 1, and the Bray-Curtis distance of two of them 0.
    edit_metric : str or callable, default="levenshtein"
        Edit distance: the name of one of rapidfuzz, such as ``"damerau_levenshtein"``
        or ``"indel"``, or a function of two strings.
    edit_metric_params : dict, default=None
        Its parameters, such as ``{"weights": (1, 1, 2)}`` for ``"levenshtein"``.
    n_pairs : int, default=None
        The number of pairs to draw, without repetition; all pairs if there are no
        more. None: 2,000,000, which are all pairs of up to 2000 strings.
    random_state : int, RandomState instance or None, default=0
        Draws the pairs.

    Returns
    -------
    report : EditDistanceCorrelation
        Prints as a table.

    Raises
    ------
    TypeError
        If `embedder` is neither, or an entry of `strings` is not a str (it is named).
    ValueError
        If there are fewer than two distinct strings, if an embedding is not finite (its
        string is named) or there is not one for each string, if equal strings have
        different ones, if the edit distance is not symmetric, or if an option is
        invalid.

    Warns
    -----
    UndefinedMetricWarning
        If all pairs have the same distance, or the same edit distance: a correlation
        is not defined then, and NaN.

    See Also
    --------
    word_spotting_report : How far from what was typed search results are.

    Notes
    -----
    Spearman's correlation is that of ranks, with the mean rank among ties.

    Over all pairs it tells mostly whether the length of strings is known: the edit
    distance of strings with little in common is about the length of the longer one.
    Among the 1,124 words of the George Washington collection that length alone
    correlates .902 (Spearman) with the edit distance, PHOC .872 by Euclidean distance
    but .077 by cosine, which divides lengths out: short words without a common
    character are few edits but the whole cosine distance, 1, apart, as are a third of
    all pairs. With the edit distance divided by that length (a function as
    `edit_metric`) the order is the reverse, .19 and .86. Near strings show in the boxes
    of small edit distances.

    References
    ----------
    .. [1] L. Gomez, M. Rusiñol and D. Karatzas, "LSDE: Levenshtein space deep embedding
       for query-by-string word spotting", ICDAR 2017.

    Examples
    --------
    Strings as counts of their letters:

    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn_crossmodal.metrics import edit_distance_correlation
    >>> strings = ["great", "greater", "letter", "later", "deliver"]
    >>> letters = CountVectorizer(analyzer="char").fit(strings)
    >>> edit_distance_correlation(strings, letters, metric="sqeuclidean")
    sqeuclidean distance of 10 pairs of 5 strings: Spearman 0.588, Pearson 0.629
    edit distance  pairs    min     q1  median     q3    max
    2                  2  2.000  2.250   2.500  2.750  3.000
    3                  2  4.000  4.250   4.500  4.750  5.000
    4                  2  6.000  6.250   6.500  6.750  7.000
    5                  3  2.000  3.500   5.000  6.500  8.000
    7                  1  8.000  8.000   8.000  8.000  8.000
    """
    check_option("metric", metric, tuple(_DISTANCES))
    if n_pairs is not None:
        check_positive_int("n_pairs", n_pairs)
    edit_distance = EditDistance(edit_metric, edit_metric_params).require_symmetric()
    distinct = DistinctStrings.of(check_strings(strings))
    words = distinct.words
    if len(words) < 2:
        raise ValueError(
            f"strings has one distinct string, {words[0]!r:.60}, expected two or more:"
            " their distances are compared."
        )
    embedded = _embed(embedder, distinct)
    left, right = _pairs(len(words), n_pairs or MAX_PAIRS, random_state)
    edits = edit_distance.pairs([words[i] for i in left], [words[i] for i in right])
    distances = _distances(embedded, left, right, _DISTANCES[metric])
    levels, counts, quartiles = _boxes(edits, distances)
    return EditDistanceCorrelation(
        *_correlations(edits, distances),
        n_strings=len(words),
        n_pairs=len(left),
        metric=metric,
        edit_distances=levels,
        n_pairs_at=counts,
        quartiles=quartiles,
    )


def _embed(embedder: Any, distinct: DistinctStrings) -> np.ndarray:
    """Return the embedding of each distinct string, checked."""
    if hasattr(embedder, "transform") and not isinstance(embedder, type):
        embed, name = _transform_of(embedder)
        embedded = check_embedding(embed_items(embed, distinct.words, name), name)
    elif isinstance(embedder, str | type) or np.ndim(embedder) == 0:
        raise TypeError(
            f"embedder is {embedder!r:.60}, expected a fitted transformer of strings"
            " or an array with the embedding of each string."
        )
    else:
        name = "embedder"
        embedded = distinct.embeddings(check_embedding(embedder, name), name)
    for i in np.flatnonzero(~np.isfinite(embedded).all(axis=1)):
        raise ValueError(
            f"The embedding of {distinct.words[i]!r:.60}, entry {distinct.first[i]} of"
            " strings, holds NaN or infinity, expected finite numbers."
        )
    return embedded


def _transform_of(embedder: Any) -> tuple[Callable, str]:
    """Return how strings are embedded: as the second view where there are two."""
    try:
        get_two_view_estimator(embedder)
    except TypeError:
        return embedder.transform, "transform"
    return partial(embed_y, embedder), "transform_y"


def _pairs(
    n_strings: int, n_pairs: int, random_state: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return the two strings of each pair: all pairs, or so many of them.

    Pair p is (i, j), i < j, for p = j (j - 1) / 2 + i.
    """
    n_all = n_strings * (n_strings - 1) // 2
    if n_pairs < n_all:
        rng = check_random_state(random_state)
        p = sample_without_replacement(n_all, n_pairs, random_state=rng)
        p = np.sort(p.astype(np.int64))
    else:
        p = np.arange(n_all)
    j = ((1 + np.sqrt(1 + 8.0 * p)) / 2).astype(np.int64)
    j -= j * (j - 1) // 2 > p  # the square root may round up
    return p - j * (j - 1) // 2, j


def _distances(
    embedded: np.ndarray, left: np.ndarray, right: np.ndarray, distance: Callable
) -> np.ndarray:
    """Return the distances of pairs of rows, from float64 copies of a few at a time."""
    distances = np.empty(len(left))
    step = max(1, _BLOCK_VALUES // embedded.shape[1])
    for start in range(0, len(left), step):
        block = slice(start, start + step)
        rows, others = (
            embedded[side[block]].astype(np.float64) for side in (left, right)
        )
        distances[block] = distance(rows, others)
    return distances


def _sqeuclidean(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    rows -= others
    return np.einsum("ij,ij->i", rows, rows)


def _euclidean(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    return np.sqrt(_sqeuclidean(rows, others))


def _cosine(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    norms *= np.sqrt(np.einsum("ij,ij->i", others, others))
    cosine = np.einsum("ij,ij->i", rows, others) / np.where(norms > 0, norms, 1)
    return 1 - np.round(cosine, 12)  # equal angles are ties, whatever the norms


def _braycurtis(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    total = np.abs(rows + others).sum(axis=1)
    return np.abs(rows - others).sum(axis=1) / np.where(total > 0, total, 1)


_DISTANCES: dict[str, Callable] = {
    "euclidean": _euclidean,
    "sqeuclidean": _sqeuclidean,
    "cosine": _cosine,
    "braycurtis": _braycurtis,
}


def _correlations(edits: np.ndarray, distances: np.ndarray) -> tuple[float, float]:
    """Return Spearman's and Pearson's correlation."""
    for name, values in (("edit distance", edits), ("distance", distances)):
        if values.min() == values.max():
            warnings.warn(
                f"All {len(values)} pairs have the same {name}, {values[0]:g}: the"
                " correlation is not defined, and NaN.",
                UndefinedMetricWarning,
                stacklevel=3,
            )
            return np.nan, np.nan
    ranks = np.corrcoef(rankdata(edits), rankdata(distances))
    return float(ranks[0, 1]), float(np.corrcoef(edits, distances)[0, 1])


def _boxes(
    edits: np.ndarray, distances: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the edit distances, how many pairs have each, and their quartiles."""
    order = np.argsort(edits, kind="stable")
    levels, counts = np.unique(edits, return_counts=True)
    at_level = np.split(distances[order], np.cumsum(counts)[:-1])
    quantiles = list(_QUANTILES.values())
    return levels, counts, np.array([np.quantile(d, quantiles) for d in at_level])
