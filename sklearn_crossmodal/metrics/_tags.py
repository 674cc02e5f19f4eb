"""Tags predicted for images: precision, recall and F1 of the first k."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse

from ..utils._sklearn import num_samples
from ._counts import nan_to_last
from ._embed import similarity_of
from ._matching import check_cuts
from ._report import format_table
from ._retrieval import check_option, check_positive_int, warn_of_nan
from ._similarity import SIMILARITIES
from ._vocabulary import NamedImages, ordered_words
from ._word_views import WordImageViews, check_penalty, vocabulary_of

AVERAGES = {"macro": "macro, {} tags", "micro": "micro", "images": "mean of {} images"}
METRICS = ("precision", "recall", "f1", "f1_of_means")
_BLOCK_VALUES = 1 << 20


@dataclass(frozen=True, eq=False)
class TagReport:
    """Precision, recall and F1 of the first k tags of each image.

    Averages are ``"macro"``, ``"micro"`` and ``"images"``, metrics ``"precision@k"``,
    ``"recall@k"``, ``"f1@k"`` and ``"f1_of_means@k"`` with a number for k.

    Parameters
    ----------
    scores : dict of str to dict of str to float
        ``scores["macro"]["f1@5"]``, and so on.
    chance : dict of str to dict of str to float
        The same for constant scores.
    ks : list of int
        Numbers of tags predicted.
    n_images : int
        The number of images.
    n_tags : int
        The number of tags to choose from.
    n_macro : int
        The number of tags that an image has: those of the macro average.
    notes : list of str
        What is printed under the table.
    """

    scores: dict
    chance: dict
    ks: list
    n_images: int
    n_tags: int
    n_macro: int
    notes: list

    def __str__(self):
        """Return the table as text."""
        sizes = {"macro": self.n_macro, "images": self.n_images}
        rows = [["", "k", *(name.replace("_", " ") for name in METRICS)]]
        for average, title in AVERAGES.items():
            for k in self.ks:
                name = title.format(sizes.get(average))
                rows.append([name, str(k), *_cells(self.scores[average], k)])
                rows.append(["  chance", "", *_cells(self.chance[average], k)])
        return "\n".join([format_table(rows), *self.notes])

    __repr__ = __str__


def _cells(values: dict, k: int) -> list[str]:
    return [f"{values[f'{name}@{k}']:.3f}" for name in METRICS]


def tag_metrics(
    scores: ArrayLike, y: Any, tags: Any = None, *, ks: Iterable[int] = (1, 3, 5)
) -> TagReport:
    """Precision, recall and F1 of the k tags with the highest scores.

    Parameters
    ----------
    scores : array-like of shape (n_images, n_tags)
        Score of each tag for each image; higher is better.
    y : list of lists, or indicator matrix of shape (n_images, n_tags)
        The true tags of each image, from `tags`, or columns of `scores` if that is
        None; or an array or sparse matrix that is not 0 where a tag is true. Each
        image has one at least.
    tags : list of str of length n_tags, default=None
        What the columns of `scores` are called.
    ks : iterable of int, default=(1, 3, 5)
        Numbers of tags that are predicted.

    Returns
    -------
    report : TagReport
        Prints as a table with the chance level.

    Raises
    ------
    TypeError
        If `scores` is sparse, or an entry of `tags` is not a str.
    ValueError
        If shapes do not match, if a true tag is unknown or an image has none (the row
        is named), or if a k is beyond the number of tags.

    Warns
    -----
    UserWarning
        If scores are NaN. They rank last.

    See Also
    --------
    tag_report : The same for an estimator.

    Notes
    -----
    With p(i, t) = 1 where tag t is among the first k of image i, and r(i, t) = 1 where
    it is true, precision is ``sum(p r) / sum(p)``, recall ``sum(p r) / sum(r)`` and
    F1 ``2 sum(p r) / (sum(p) + sum(r))``, where sums are

    - *macro*: over images, and the three averaged over tags that an image has. A tag
      that is never predicted has precision 0;
    - *micro*: over images and tags;
    - *images*: over tags, and the three averaged over images.

    "F1 of means" is the harmonic mean of the precision and the recall beside it, which
    [1]_ prints for macro averages: not the mean of the tags' F1.

    Where tags tie at place k, p(i, t) is the probability that t is among the first k
    in a random order of ties. For macro averages the ratio is that of expectations.

    References
    ----------
    .. [1] Lab41, "Attalos", software, 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_crossmodal.metrics import tag_metrics
    >>> scores = np.array([[0.9, 0.5, 0.1], [0.2, 0.8, 0.3], [0.7, 0.1, 0.6]])
    >>> y = [["sky"], ["sea", "sand"], ["sand"]]
    >>> tag_metrics(scores, y, tags=["sky", "sea", "sand"], ks=[1])
                      k  precision  recall     f1  f1 of means
    macro, 3 tags     1      0.500   0.667  0.556        0.571
      chance                 0.444   0.333  0.370        0.381
    micro             1      0.667   0.500  0.571        0.571
      chance                 0.444   0.333  0.381        0.381
    mean of 3 images  1      0.667   0.500  0.556        0.571
      chance                 0.444   0.333  0.370        0.381
    """
    cuts = check_cuts(ks)
    scores = _check_scores(scores)
    relevant = _relevant(y, tags, scores.shape)
    tally = _Tally(relevant, _check_within(cuts, scores.shape[1]))
    tally.add(0, scores)
    warn_of_nan(tally.n_nan, "scores")
    return tally.report()


def tag_report(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    ks: Iterable[int] = (1, 3, 5),
    tags: Any = None,
    seen_tags: Any = None,
    seen_penalty: float = 0.0,
    word_vectors: Any = None,
    similarity: str | None = None,
    block_size: int = 256,
) -> TagReport:
    """Report how well the words nearest to images are their tags.

    Parameters
    ----------
    estimator : estimator or None
        Fitted two-view estimator whose second view is words, or a Pipeline or search
        around one. None: `X` holds embeddings already, from any encoder, and
        `word_vectors` those of the words.
    X : array-like of shape (n_samples, n_features)
        Images, as the estimator's `transform` takes them. With ``estimator=None``,
        embeddings of shape (n_samples, n_components).
    y : list of length n_samples
        The true tags of each image: a str, split at white space, or a list of str.
    ks : iterable of int, default=(1, 3, 5)
        Numbers of tags that are predicted.
    tags : list or set of str, default=None
        The tags to choose from. None: all of `y` that have a vector.
    seen_tags : list or set of str, default=None
        Tags that images were seen of in training.
    seen_penalty : float, default=0.0
        What is subtracted from the similarity of `seen_tags`, see
        `word_matching_report`.
    word_vectors : gensim KeyedVectors or dict of str to ndarray, default=None
        The vocabulary. None: the estimator's `word_vectors_`. With
        ``estimator=None``, also the embeddings of words.
    similarity : {"cosine", "dot", "euclidean"}, default=None
        How embeddings are compared. None is the estimator's own, cosine without one.
    block_size : int, default=256
        The number of images that are scored at a time.

    Returns
    -------
    report : TagReport
        Prints as a table with the chance level. True tags that cannot be predicted,
        for want of a vector or of an entry in `tags`, are left out and counted, and so
        are images without any other.

    Raises
    ------
    TypeError
        If there is no two-view estimator in `estimator`, if there are no word vectors,
        or if a row of `y` is no text (it is named).
    ValueError
        If `X` and `y` differ in length, if fewer than two tags or no images are left,
        if a k is beyond the number of tags, or if an option is invalid.

    Warns
    -----
    UserWarning
        If scores are NaN. They rank last.

    See Also
    --------
    tag_metrics : The same for a matrix of scores, and what is averaged.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_crossmodal.metrics import tag_report
    >>> rng = np.random.default_rng(0)
    >>> names = ["sky", "sea", "sand", "tree", "snow"]
    >>> vectors = dict(zip(names, rng.normal(size=(5, 4))))
    >>> y = [rng.choice(names, size=2, replace=False).tolist() for _ in range(50)]
    >>> X = [vectors[a] + vectors[b] + rng.normal(size=4) / 2 for a, b in y]
    >>> tag_report(None, X, y, word_vectors=vectors, ks=[2])
                       k  precision  recall     f1  f1 of means
    macro, 5 tags      2      0.684   0.652  0.630        0.668
      chance                  0.400   0.400  0.394        0.400
    micro              2      0.680   0.680  0.680        0.680
      chance                  0.400   0.400  0.400        0.400
    mean of 50 images  2      0.680   0.680  0.680        0.680
      chance                  0.400   0.400  0.400        0.400
    """
    check_positive_int("block_size", block_size)
    cuts = check_cuts(ks)
    keyed = vocabulary_of(estimator, word_vectors)
    named = NamedImages.of(y, keyed, tags, num_samples(X), "tags")
    similarity = similarity_of(estimator) if similarity is None else similarity
    check_option("similarity", similarity, SIMILARITIES)
    penalty, seen = check_penalty(seen_penalty), ordered_words(seen_tags, "seen_tags")
    tally = _Tally(named.relevant, _check_within(cuts, len(named.words)))
    views = WordImageViews(estimator, keyed, similarity, block_size)
    images = views.images(X, named.rows)
    for start, _, block in views.score_words(images, named.words, seen, penalty):
        tally.add(start, block)
    warn_of_nan(views.n_nan, "the embedding of X or of the words")
    return tally.report(named.notes())


class _Tally:
    """Sums over images and over tags, for each k, of predictions and of hits.

    `n_nan` counts the scores met so far that were NaN.
    """

    def __init__(self, relevant: Any, ks: list[int]) -> None:
        self.relevant = relevant.astype(np.float64)
        self.ks = ks
        n_images, n_tags = relevant.shape
        self.n_nan = 0
        self.predicted = np.zeros((len(ks), n_tags))
        self.hits = np.zeros((len(ks), n_tags))
        self.hits_of_image = np.zeros((len(ks), n_images))

    def add(self, start: int, scores: np.ndarray) -> None:
        """Add the images from `start` on, some at a time."""
        step = max(1, _BLOCK_VALUES // scores.shape[1])
        for first in range(0, len(scores), step):
            some = scores[first : first + step]
            self._add(slice(start + first, start + first + len(some)), some)

    def _add(self, rows: slice, scores: np.ndarray) -> None:
        self.n_nan += nan_to_last(scores)
        true = self.relevant[rows]
        for i, k in enumerate(self.ks):
            predicted = _first_k(scores, k)
            hits = true.multiply(predicted)
            self.predicted[i] += predicted.sum(axis=0)
            self.hits[i] += hits.sum(axis=0)
            self.hits_of_image[i, rows] = hits.sum(axis=1)

    def report(self, notes: Iterable[str] = ()) -> TagReport:
        """Average the sums."""
        n_images, n_tags = self.relevant.shape
        of_tag, of_image = self.relevant.sum(axis=0), self.relevant.sum(axis=1)
        scores: dict = {name: {} for name in AVERAGES}
        chance: dict = {name: {} for name in AVERAGES}
        for i, k in enumerate(self.ks):
            share = k / n_tags
            found = _Sums(self.hits[i], self.predicted[i], self.hits_of_image[i])
            constant = _Sums(
                of_tag * share, np.full(n_tags, n_images * share), of_image * share
            )
            for values, sums in ((scores, found), (chance, constant)):
                for name, numbers in sums.averages(of_tag, of_image, k).items():
                    values[name] |= _by_metric(*numbers, k)
        n_macro = int(np.count_nonzero(of_tag))
        return TagReport(scores, chance, self.ks, n_images, n_tags, n_macro, [*notes])


def _first_k(scores: np.ndarray, k: int) -> np.ndarray:
    """Return the probability that each entry of a row is among the k largest."""
    last = -np.partition(-scores, k - 1, axis=1)[:, k - 1 : k]
    above, tied = scores > last, scores == last
    n_above = above.sum(axis=1, keepdims=True)
    return above + tied * ((k - n_above) / tied.sum(axis=1, keepdims=True))


@dataclass(frozen=True)
class _Sums:
    """Hits and predictions of each tag, and hits of each image."""

    hits: np.ndarray
    predicted: np.ndarray
    hits_of_image: np.ndarray

    def averages(
        self, of_tag: np.ndarray, of_image: np.ndarray, k: int
    ) -> dict[str, tuple[float, float, float]]:
        """Return precision, recall and F1 of each average."""
        some = of_tag > 0
        sums = [np.atleast_1d(v.sum()) for v in (self.hits, self.predicted, of_tag)]
        n_predicted = np.full(len(of_image), float(k))
        return {
            "macro": _mean(self.hits[some], self.predicted[some], of_tag[some]),
            "micro": _mean(*sums),
            "images": _mean(self.hits_of_image, n_predicted, of_image),
        }


def _mean(
    hits: np.ndarray, predicted: np.ndarray, true: np.ndarray
) -> tuple[float, float, float]:
    precision = hits / np.where(predicted > 0, predicted, 1)
    f1 = 2 * hits / (predicted + true)
    return float(precision.mean()), float((hits / true).mean()), float(f1.mean())


def _by_metric(precision: float, recall: float, f1: float, k: int) -> dict:
    total = precision + recall
    of_means = 2 * precision * recall / total if total else 0.0
    values = zip(METRICS, (precision, recall, f1, of_means), strict=True)
    return {f"{name}@{k}": value for name, value in values}


def _check_scores(scores: Any) -> np.ndarray:
    if sparse.issparse(scores):
        raise TypeError("scores is sparse, expected a dense array: call toarray().")
    try:
        values = np.array(scores, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"scores is no array of numbers of shape (n_images, n_tags): {error}"
        ) from error
    if values.ndim != 2 or not values.size:
        raise ValueError(
            f"scores has shape {values.shape}, expected (n_images, n_tags) with one of"
            " each at least."
        )
    return values


def _check_within(ks: list[int], n_tags: int) -> list[int]:
    if max(ks) > n_tags:
        raise ValueError(
            f"ks has {max(ks)}, but there are {n_tags} tags: expected no more than"
            " there are."
        )
    return ks


def _relevant(y: Any, tags: Any, shape: tuple[int, int]) -> Any:
    """Return the true tags of images as a CSR of shape (n_images, n_tags)."""
    n_images, n_tags = shape
    if _is_indicator(y, shape):
        relevant = sparse.csr_array(y).astype(bool)
        relevant.eliminate_zeros()
    else:
        columns = _columns(tags, n_tags)
        rows = _tag_rows(y, columns, n_images)
        relevant = sparse.lil_array(shape, dtype=bool)
        for i, true in enumerate(rows):
            for column in true:
                relevant[i, column] = True
        relevant = relevant.tocsr()
    for row in np.flatnonzero(np.diff(relevant.indptr) == 0):
        raise ValueError(
            f"Row {row} of y has no tag, expected one at least: drop such images."
        )
    return relevant


def _is_indicator(y: Any, shape: tuple[int, int]) -> bool:
    numbers = getattr(getattr(y, "dtype", None), "kind", "O") in "biuf"
    return numbers and y.shape == shape


def _columns(tags: Any, n_tags: int) -> dict:
    names = range(n_tags) if tags is None else ordered_words(tags, "tags")
    columns = {name: column for column, name in enumerate(names)}
    if len(columns) != n_tags or len(names) != n_tags:
        raise ValueError(
            f"tags has {len(columns)} different entries and scores has {n_tags}"
            " columns, expected a name for each."
        )
    return columns


def _tag_rows(y: Any, columns: dict, n_images: int) -> list[list[int]]:
    if num_samples(y) != n_images:
        raise ValueError(
            f"scores has {n_images} rows and y has {num_samples(y)} entries, expected"
            " as many: y[i] holds the true tags of image i."
        )
    rows = [[row] if isinstance(row, str) else row for row in y]
    for i, row in enumerate(rows):
        if not isinstance(row, Iterable):
            raise ValueError(f"Row {i} of y is {row!r:.60}, expected a list of tags.")
        for tag in row:
            if tag not in columns:
                raise ValueError(
                    f"Row {i} of y has the tag {tag!r:.60}, which no column of scores"
                    " is for: expected an entry of tags."
                )
    return [[columns[tag] for tag in row] for row in rows]
