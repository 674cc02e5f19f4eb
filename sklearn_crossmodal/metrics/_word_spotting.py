"""The evaluation of word spotting: searching word images by typing, or by example."""

from collections.abc import Callable, Iterable, Sequence, Set, Sized
from dataclasses import dataclass, fields
from functools import partial
from math import isfinite
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..base import embed_y
from ..utils._edit_distance import EditDistance
from ..utils._sklearn import num_samples
from ..utils._strings import check_strings, fold
from ._counts import TIES, RankCounts
from ._embed import DistinctStrings, embed_items, similarity_of
from ._expected import average_precision
from ._graded import EditDistancesByRank
from ._relevance import Relevance
from ._report import format_table
from ._retrieval import (
    Ranking,
    chance_level,
    check_option,
    check_positive_int,
    warn_of_nan,
)
from ._similarity import SIMILARITIES, check_embeddings

_TITLES = {
    "qbs_map": "QbS mAP",
    "qbs_map_seen": "QbS mAP, seen words",
    "qbs_map_unseen": "QbS mAP, unseen words",
    "qbs_ndcg": "QbS nDCG",
    "qbe_map": "QbE mAP",
}
_NO_QUERY = {
    "qbs_map_seen": "no query is among the known words",
    "qbs_map_unseen": "every query is among the known words",
    "qbe_map": "no query's word occurs on another image",
}


@dataclass(frozen=True, eq=False)
class WordSpottingReport:
    """How well word images are found by a string, and by another image.

    Names of scores are ``"qbs_map"``, ``"qbs_map_seen"`` and ``"qbs_map_unseen"``
    (where the known words were given), ``"qbs_ndcg"``, ``"qbs_edit_distance@5"`` and so
    on for each cut, and ``"qbe_map"``: qbs is query by string, qbe query by example.

    Parameters
    ----------
    scores : dict of str to float
        The value of each. NaN where there is no query.
    chance : dict of str to float
        The same for constant embeddings.
    oracle : dict of str to float
        The same for the best possible order of the gallery.
    n_queries : dict of str to int
        The number of queries behind each.
    n_gallery : dict of str to int
        The number of images that each query searches.
    edit_distance_curve : ndarray of shape (n_images,)
        Average edit distance between a string and its first k images, the mean over
        queries, for k = 1 to all images.
    oracle_curve : ndarray of shape (n_images,)
        The same for the best possible order of the images.
    """

    scores: dict
    chance: dict
    oracle: dict
    n_queries: dict
    n_gallery: dict
    edit_distance_curve: np.ndarray
    oracle_curve: np.ndarray

    def __str__(self):
        """Return the table as text."""
        rows = [["", "queries", "gallery", "score", "chance", "oracle"]]
        for name in self.scores:
            sizes = [str(self.n_queries[name]), str(self.n_gallery[name])]
            values = [v[name] for v in (self.scores, self.chance, self.oracle)]
            rows.append([_title(name), *sizes, *(f"{value:.4f}" for value in values)])
        notes = [
            f"{_title(name)}: {reason}"
            for name, reason in _NO_QUERY.items()
            if self.n_queries.get(name) == 0
        ]
        return "\n".join([format_table(rows), *notes])

    __repr__ = __str__


def _title(name: str) -> str:
    return _TITLES.get(name) or f"QbS edit distance, top {name.partition('@')[2]}"


def word_spotting_report(
    estimator: Any,
    images: Any,
    strings: Any,
    *,
    string_embeddings: ArrayLike | None = None,
    known: Any = None,
    stop_words: Any = None,
    lowercase: bool = True,
    strip_accents: str | None = None,
    cuts: Iterable[int] = (5, 10, 20),
    relevance: Sequence[float] = (20, 15, 10, 5, 3),
    edit_metric: Any = "levenshtein",
    edit_metric_params: dict | None = None,
    similarity: str | None = None,
    ties: str = "expected",
    block_size: int = 256,
) -> WordSpottingReport:
    """Report how well words are spotted in a collection of word images.

    The evaluation of [1]_ and [2]_. All images are the gallery; right answers are the
    images of the query's word.

    - *Query by string* (QbS): each distinct string searches the images.
    - *Query by example* (QbE): each image whose word occurs again searches the other
      images. It is left out of its own gallery by its place, so that an equal image
      stays in. Images without a right answer are no queries.

    Beside the mean average precision (mAP), query by string is measured by how far the
    results are from what was typed: the average edit distance of the first k images
    (``cuts``), and the nDCG with relevance by edit distance.

    Parameters
    ----------
    estimator : estimator or None
        Fitted two-view estimator, or a Pipeline or search around one. None: `images`
        and `string_embeddings` are embeddings already, from any encoders.
    images : list of 2-D arrays, or array-like of length n_images
        Word images, as the estimator's `transform` takes them. With
        ``estimator=None``, embeddings of shape (n_images, n_components).
    strings : list of str of length n_images
        What each image says, its transcription.
    string_embeddings : array-like of shape (n_images, n_components), default=None
        Embedding of each of `strings`, when ``estimator=None``; equal strings have
        equal rows.
    known : list or set of str, default=None
        The strings that the estimator was trained on. Given, query by string is also
        reported for words among these (seen) and others (unseen) apart.
    stop_words : list or set of str, default=None
        Words that are no queries but stay in the gallery.
    lowercase : bool, default=True
        Whether case makes no difference between words; queries are lower-case then.
    strip_accents : {"ascii", "unicode"}, default=None
        Whether accents make no difference either, and how they are removed: as
        scikit-learn's `CountVectorizer` does.
    cuts : iterable of int, default=(5, 10, 20)
        Numbers of first results whose average edit distance is reported. One beyond
        the size of the gallery means all of it.
    relevance : sequence of float, default=(20, 15, 10, 5, 3)
        Relevance for nDCG of images at edit distance 0, 1, 2, ...; further ones have
        none. Positive at first, and never increasing.
    edit_metric : str or callable, default="levenshtein"
        Edit distance from query to transcription: the name of one of rapidfuzz, such
        as ``"damerau_levenshtein"`` or ``"indel"``, or a function of two strings.
    edit_metric_params : dict, default=None
        Its parameters, such as ``{"weights": (1, 1, 2)}`` for ``"levenshtein"``.
    similarity : {"cosine", "dot", "euclidean"}, default=None
        How embeddings are compared. None is the estimator's own, cosine without one.
    ties : {"expected", "optimistic", "pessimistic"}, default="expected"
        What equal scores are worth: the expectation over random orders of equal scores
        (constant embeddings are at chance level), right or nearer words first, or last.
    block_size : int, default=256
        The number of queries that are scored at a time; the memory needed beside the
        embeddings is a few times `block_size` times the gallery.

    Returns
    -------
    report : WordSpottingReport
        Prints as a table; the values are in dicts by name.

    Raises
    ------
    TypeError
        If there is no two-view estimator in `estimator`, or if an entry of `strings`
        is not a str; the entry is named.
    ValueError
        If `images` and `strings` differ in length, if equal strings have different
        embeddings, if `stop_words` leave no query, or if an option is invalid.

    Warns
    -----
    UserWarning
        If scores are NaN. They rank last.

    See Also
    --------
    edit_distance_correlation : Whether embeddings of strings keep their distances.
    retrieval_report : The report of a search between rows.

    Notes
    -----
    With d(q, g) the edit distance from query to the transcription of image g, r(d) its
    `relevance` and g_1, g_2, ... the images by decreasing similarity,

    - average edit distance of the top k: the mean of d(q, g_1), ..., d(q, g_k);
    - nDCG: the sum over all ranks i of r(d(q, g_i)) / log2(1 + i), as a share of the
      same sum for the gallery sorted by edit distance. The gain is linear (r, not
      2^r - 1) and the list is not cut, as in [3]_.

    Both are averaged over queries, one for each distinct string. A distance between
    whole numbers has the relevance of the larger.

    Values of several folds are combined by their means:
    ``pandas.DataFrame([report.scores for report in reports]).mean()``. Galleries of
    different folds may differ in size; ``report.edit_distance_curve[:20]`` is the curve
    up to k = 20.

    Published for the four folds of the George Washington collection, mAP in percent
    (QbS): 91.29 [2]_, 91.31 [1]_.

    References
    ----------
    .. [1] L. Gomez, M. Rusiñol and D. Karatzas, "LSDE: Levenshtein space deep embedding
       for query-by-string word spotting", ICDAR 2017.
    .. [2] J. Almazán, A. Gordo, A. Fornés and E. Valveny, "Word spotting and
       recognition with embedded attributes", IEEE TPAMI 36 (12), 2014.
    .. [3] P. Riba, A. Molina, L. Gomez, O. Ramos-Terrades and J. Lladós, "Learning to
       rank words: optimizing ranking metrics for word spotting", ICDAR 2021.

    Examples
    --------
    Six images of four words; the embeddings are given:

    >>> import numpy as np
    >>> from sklearn_crossmodal.metrics import word_spotting_report
    >>> strings = ["great", "greater", "great", "letter", "later", "letter"]
    >>> rng = np.random.default_rng(0)
    >>> codes = {word: rng.normal(size=8) for word in sorted(set(strings))}
    >>> string_embeddings = np.array([codes[word] for word in strings])
    >>> images = string_embeddings + rng.normal(size=(6, 8))
    >>> word_spotting_report(None, images, strings, cuts=[1, 2], known=["great"],
    ...                      string_embeddings=string_embeddings)
                              queries  gallery   score  chance  oracle
    QbS mAP                         4        6  1.0000  0.4675  1.0000
    QbS mAP, seen words             1        6  1.0000  0.5267  1.0000
    QbS mAP, unseen words           3        6  1.0000  0.4478  1.0000
    QbS nDCG                        4        6  0.9597  0.7623  1.0000
    QbS edit distance, top 1        4        6  0.0000  2.5833  0.0000
    QbS edit distance, top 2        4        6  0.7500  2.5833  0.5000
    QbE mAP                         4        5  0.4583  0.4567  1.0000

    With an estimator: ``word_spotting_report(embedder, images, strings)``.
    """
    check_option("ties", ties, TIES)
    check_positive_int("block_size", block_size)
    similarity = similarity_of(estimator) if similarity is None else similarity
    check_option("similarity", similarity, SIMILARITIES)
    cuts, relevance = _check_cuts(cuts), _check_relevance(relevance)
    edit_distance = EditDistance(edit_metric, edit_metric_params)
    folding = partial(fold, lowercase=lowercase, strip_accents=strip_accents)
    words = DistinctStrings.of(folding(check_strings(strings)))
    queries = _queries(words, _word_set(stop_words, "stop_words", folding))
    images, typed = _embeddings(estimator, images, words, string_embeddings)

    search = _Search(words, queries, similarity, ties, block_size)
    by_rank = EditDistancesByRank(len(images), relevance, ties)
    by_string = search.by_string(typed, images, edit_distance, by_rank)
    by_example = search.by_example(images)
    warn_of_nan(by_string.n_nan + by_example.n_nan, "the embedding of images or words")
    rows = {"qbs_map": by_string.row()}
    if known is not None:
        known = _word_set(known, "known", folding)
        seen = np.array([words.words[query] in known for query in queries])
        rows["qbs_map_seen"] = by_string.row(seen)
        rows["qbs_map_unseen"] = by_string.row(~seen)
    rows |= _rows_of_distances(by_rank, cuts)
    rows["qbe_map"] = by_example.row()
    return _report(rows, by_rank)


@dataclass(frozen=True)
class _Row:
    """A row of the table."""

    scores: float
    chance: float
    oracle: float
    n_queries: int
    n_gallery: int


@dataclass(frozen=True)
class _Precision:
    """The average precision of each query of one kind."""

    values: np.ndarray
    n_relevant: np.ndarray
    n_gallery: int
    n_nan: int = 0

    def row(self, some: Any = slice(None)) -> _Row:
        """Return the mean over some of the queries."""
        values, n_relevant = self.values[some], self.n_relevant[some]
        if not len(values):
            return _Row(np.nan, np.nan, np.nan, 0, self.n_gallery)
        chance = chance_level(self.n_gallery, n_relevant, "map")["map"]
        return _Row(float(values.mean()), chance, 1.0, len(values), self.n_gallery)


@dataclass(frozen=True)
class _Search:
    """Some words as queries, and the images of all words as the gallery."""

    words: DistinctStrings
    queries: np.ndarray
    similarity: str
    ties: str
    block_size: int

    def by_string(
        self,
        typed: np.ndarray,
        images: np.ndarray,
        edit_distance: EditDistance,
        by_rank: EditDistancesByRank,
    ) -> _Precision:
        """Search by the embeddings of all words; add each query to `by_rank`."""
        codes, words = self.words.codes, self.words.words
        relevance = Relevance.from_ids(self.queries, codes)
        ranking = self._ranking(typed[self.queries], images, relevance)
        values = []
        for start, stop, scores in ranking.scores:
            values.append(self._precision(ranking.count(start, stop, scores)))
            asked = [words[query] for query in self.queries[start:stop]]
            distances = edit_distance.cdist(asked, words)
            for row, of_word in zip(scores, distances, strict=True):
                by_rank.add(row, of_word[codes])
        return _Precision(
            np.concatenate(values), relevance.n_relevant, len(codes), ranking.n_nan
        )

    def by_example(self, images: np.ndarray) -> _Precision:
        """Search by each image of a query's word, among the others."""
        relevance = Relevance.among(self.words.codes)
        word = self.words.codes[relevance.queries]
        relevance = relevance.keep(np.isin(word, self.queries))
        n_others = len(images) - 1
        if not len(relevance.queries):
            return _Precision(np.empty(0), relevance.n_relevant, n_others)
        ranking = self._ranking(images, images, relevance)
        values = np.concatenate([self._precision(counts) for counts in ranking])
        return _Precision(values, relevance.n_relevant, n_others, ranking.n_nan)

    def _ranking(
        self, queries: np.ndarray, gallery: np.ndarray, relevance: Relevance
    ) -> Ranking:
        return Ranking(queries, gallery, relevance, self.similarity, self.block_size)

    def _precision(self, counts: RankCounts) -> np.ndarray:
        return average_precision(counts.resolve(self.ties))


def _rows_of_distances(
    by_rank: EditDistancesByRank, cuts: list[int]
) -> dict[str, _Row]:
    sizes = by_rank.n_queries, len(by_rank.ranks)
    ndcg = float(np.mean(by_rank.ndcg)), float(np.mean(by_rank.ndcg_chance)), 1.0
    rows = {"qbs_ndcg": _Row(*ndcg, *sizes)}
    curve, oracle = by_rank.curves()
    for k in cuts:
        last = min(k, sizes[1]) - 1
        values = float(curve[last]), float(curve[-1]), float(oracle[last])
        rows[f"qbs_edit_distance@{k}"] = _Row(*values, *sizes)
    return rows


def _report(rows: dict[str, _Row], by_rank: EditDistancesByRank) -> WordSpottingReport:
    columns = {
        field.name: {name: getattr(row, field.name) for name, row in rows.items()}
        for field in fields(_Row)
    }
    curve, oracle = by_rank.curves()
    return WordSpottingReport(**columns, edit_distance_curve=curve, oracle_curve=oracle)


def _word_set(words: Any, name: str, folding: Callable) -> set[str]:
    """Return folded words; None and empty collections have none."""
    words = sorted(words, key=repr) if isinstance(words, Set) else words
    if words is None or (isinstance(words, Sized) and not len(words)):
        return set()
    return set(folding(check_strings(words, name)))


def _queries(words: DistinctStrings, stop_words: set[str]) -> np.ndarray:
    """Return which words are queries."""
    queries = [code for code, word in enumerate(words.words) if word not in stop_words]
    if not queries:
        raise ValueError(
            f"All {len(words.words)} words of strings are among stop_words, expected at"
            " least one that is not: there is no query."
        )
    return np.array(queries)


def _embeddings(
    estimator: Any, images: Any, words: DistinctStrings, string_embeddings: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Return the embeddings of all images, and of each of the words."""
    n_images, n_strings = num_samples(images), len(words.codes)
    if n_images != n_strings:
        raise ValueError(
            f"images has {n_images} entries and strings has {n_strings}, expected as"
            " many: string i is what image i says."
        )
    if estimator is None:
        if string_embeddings is None:
            raise ValueError(
                "estimator is None and string_embeddings is missing: give a fitted"
                " estimator, or the embeddings of both images and strings."
            )
        names = "images", "string_embeddings"
        images, typed = check_embeddings(images, string_embeddings, names)
        return images, words.embeddings(typed, "string_embeddings")
    if string_embeddings is not None:
        raise ValueError(
            "Both estimator and string_embeddings were given, expected one of them:"
            " given embeddings go with estimator=None."
        )
    return check_embeddings(
        embed_items(estimator.transform, images, "transform"),
        embed_items(partial(embed_y, estimator), words.words, "transform_y"),
    )


def _check_cuts(cuts: Any) -> list[int]:
    if not isinstance(cuts, Iterable):
        raise TypeError(f"cuts is {cuts!r:.60}, expected a list of positive integers.")
    cuts = list(cuts)
    for k in cuts:
        check_positive_int("An entry of cuts", k)
    return [int(k) for k in cuts]


def _check_relevance(relevance: Any) -> list[float]:
    values = [*relevance, 0] if isinstance(relevance, Iterable) else [0]
    numbers = all(isinstance(v, Real) and isfinite(v) for v in values)
    if not numbers or not values[0] > 0 or values != sorted(values, reverse=True):
        raise ValueError(
            f"relevance is {relevance!r:.60}, expected finite numbers for edit"
            " distances 0, 1, 2, ..., the first positive, none negative or larger than"
            " the one before."
        )
    return [float(v) for v in values[:-1]]
