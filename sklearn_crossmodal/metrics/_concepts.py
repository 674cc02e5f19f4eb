"""Retrieval of images by a pair of words: an image is right when it shows both."""

import re
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from ..base import embed_y
from ..utils._containers import as_rows, holds_text, read_bags, unflatten_items
from ..utils._sklearn import num_samples
from ._embed import embed_items, similarity_of
from ._expected import precision
from ._relevance import Relevance
from ._report import format_table
from ._retrieval import (
    Ranking,
    check_option,
    check_positive_int,
    compared_views,
    warn_of_nan,
)
from ._similarity import VIEW_SIMILARITIES

WEB_CONCEPTS = (
    ("yellow", "car"),
    ("skyline", "night"),
    ("bike", "park"),
    ("sunrise", "beach"),
    ("snow", "ski"),
    ("rain", "umbrella"),
    ("ice-cream", "beach"),
    ("chocolate", "cake"),
    ("pizza", "wine"),
    ("woman", "bag"),
    ("man", "boat"),
    ("kid", "dog"),
)
"""The pairs that semantic retrieval from web data was judged by."""

MEAN = "mean"
_QUERIES = ("text", "sum")
_BLOCK = 256  # queries at a time


@dataclass(frozen=True, eq=False)
class ConceptReport:
    """Precision of the first k images of concepts, each of several words.

    Parameters
    ----------
    concepts : list of tuple of str
        The concepts that at least one image shows: the rows of the table.
    n_right : ndarray of shape (n_concepts,), dtype int64
        The number of right images of each.
    chance : ndarray of shape (n_concepts,)
        Their share, which constant embeddings have as precision.
    precision : ndarray of shape (n_concepts,)
        Precision at k of the query by the whole concept.
    single_word : ndarray of shape (n_concepts,)
        Precision at k of a query by one of its words, the mean over the words.
    reranked : ndarray of shape (n_concepts,)
        The same after the first `pool` images of that query are put in random order.
    k : int
        The number of images that are judged.
    pool : int
        The number of images that are put in random order.
    n_images : int
        The number of images searched.
    left_out : list of tuple of str
        The concepts that no image shows.
    """

    concepts: list
    n_right: np.ndarray
    chance: np.ndarray
    precision: np.ndarray
    single_word: np.ndarray
    reranked: np.ndarray
    k: int
    pool: int
    n_images: int
    left_out: list

    @property
    def scores(self):
        """The mean of each column of precisions over the concepts, by name."""
        names = ("chance", "precision", "single_word", "reranked")
        return {name: float(np.mean(getattr(self, name))) for name in names}

    def __str__(self):
        """Return the table as text."""
        at_k = f"P@{self.k}"
        header = [
            "",
            "right",
            "chance",
            at_k,
            f"one word {at_k}",
            f"pool of {self.pool}",
        ]
        columns = (self.chance, self.precision, self.single_word, self.reranked)
        rows = [header]
        for i, words in enumerate(self.concepts):
            values = _cells([column[i] for column in columns])
            rows.append([" ".join(words), str(self.n_right[i]), *values])
        means = _cells(list(self.scores.values()))
        rows.append([MEAN, f"{self.n_right.mean():.1f}", *means])
        lines = [format_table(rows), f"{self.n_images} images are searched"]
        if self.left_out:
            lines.append(f"shown by no image and left out: {_names(self.left_out)}")
        return "\n".join(lines)

    __repr__ = __str__


def _cells(values: list[float]) -> list[str]:
    chance, *others = values
    return [f"{chance:.4f}", *(f"{value:.3f}" for value in others)]


def concept_report(
    estimator: Any,
    X: Any,
    captions: Any,
    concepts: Iterable,
    *,
    k: int = 5,
    pool: int = 50,
    query: str = "text",
    holds: Callable[[list[str], str], bool] | None = None,
    similarity: str | None = None,
) -> ConceptReport:
    """Report how well images are found by several words at once.

    The evaluation of [1]_, without people: instead of being judged, an image is right
    when its captions together hold all words of the concept.

    Parameters
    ----------
    estimator : estimator
        Fitted two-view estimator whose second view is text, or a Pipeline or search
        around one.
    X : array-like of shape (n_images, n_features)
        The images that are searched, as the estimator's `transform` takes them.
    captions : list of str or list of lists of str, of length n_images
        What is said of each image. Only for judging: the estimator is not shown them.
    concepts : iterable of tuple of str, or of str
        The words of each concept; a str is split at white space. `WEB_CONCEPTS` are
        those of [1]_.
    k : int, default=5
        The number of first images that are judged.
    pool : int, default=50
        The number of first images of a single word that are put in random order, at
        least `k`. More than there are means all.
    query : {"text", "sum"}, default="text"
        Whether the words are embedded as one text, ``"yellow car"``, or each by itself
        and added up, by `compose_query`.
    holds : callable, default=None
        ``holds(captions, word)`` says whether an image with these captions, a list of
        str, shows the word. None: a caption holds the word or its plain plural, with
        "s" or "es" behind it, as a whole word in any case. A hyphen in the word stands
        for a space too.
    similarity : {"cosine", "dot", "euclidean", "kl"}, default=None
        How embeddings are compared, as in `retrieval_metrics`. None is the estimator's
        own.

    Returns
    -------
    report : ConceptReport
        Prints as a table, a row for each concept and their mean. The columns are the
        number of right images; their share, which is chance; the precision of the
        first `k` images of the concept; that of one of its words alone; and that of one
        word after its first `pool` images are put in random order.

    Raises
    ------
    TypeError
        If there is no two-view estimator in `estimator`, if captions or concepts are
        no text (the entry is named), or if `holds` is not callable.
    ValueError
        If `X` and `captions` differ in length, if a concept has no word, if no image
        shows any concept, if there are fewer than `k` images, or if an option is
        invalid.

    Warns
    -----
    UndefinedMetricWarning
        If no image shows a concept. It is named and left out.
    UserWarning
        If scores are NaN. They rank last.

    See Also
    --------
    tag_report : Words as answers to images.
    sklearn_crossmodal.compose_query : The sum of words as a query.

    Notes
    -----
    The last two columns are means over the words of a concept. What is found by one
    word has the other by luck: a model that uses both is above both columns. The
    precision of a random order of the first n images is the precision at n.

    Ties count as their expectation over random orders.

    References
    ----------
    .. [1] R. Gomez, L. Gomez, J. Gibert and D. Karatzas, "Learning to learn from web
       data through deep semantic embeddings", ECCV Workshops 2018.

    Examples
    --------
    Images that are counts of words, and some noise:

    >>> import numpy as np
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn_crossmodal.base import TwoViewEmbedder
    >>> from sklearn_crossmodal.metrics import concept_report
    >>> things = ["car", "taxi", "bird", "rose"]
    >>> captions = [f"A {c} {t}." for c in ["yellow", "red", "blue"] for t in things]
    >>> counts = CountVectorizer().fit(captions)
    >>> class Counts(TwoViewEmbedder):
    ...     def transform(self, X):
    ...         return np.asarray(X)
    ...     def transform_y(self, y):
    ...         return counts.transform(y).toarray()
    >>> rng = np.random.default_rng(0)
    >>> X = counts.transform(captions).toarray() + rng.normal(size=(12, 7)) / 4
    >>> concepts = ["yellow car", "red rose", "bird"]
    >>> concept_report(Counts(), X, captions, concepts, k=1, pool=3)
                right  chance    P@1  one word P@1  pool of 3
    yellow car      1  0.0833  1.000         0.500      0.333
    red rose        1  0.0833  1.000         0.000      0.333
    bird            3  0.2500  1.000         1.000      1.000
    mean          1.7  0.1389  1.000         0.500      0.556
    12 images are searched
    """
    check_positive_int("k", k)
    check_positive_int("pool", pool)
    check_option("query", query, _QUERIES)
    similarity = similarity_of(estimator) if similarity is None else similarity
    check_option("similarity", similarity, VIEW_SIMILARITIES)
    concepts = _check_concepts(concepts)
    texts = _check_captions(captions, num_samples(X))
    pool = _check_cuts(k, pool, len(texts))

    right = _right_images(concepts, texts, _Holds() if holds is None else holds)
    shown = [i for i, images in enumerate(right) if len(images)]
    left_out = [concepts[i] for i in range(len(concepts)) if i not in set(shown)]
    _check_shown(concepts, left_out)
    concepts, right = [concepts[i] for i in shown], [right[i] for i in shown]
    images = embed_items(estimator.transform, X, "transform")
    queries = _embed_queries(estimator, concepts, query)
    names = "The embedding of X", "The embedding of concepts"
    gallery, queries, similarity = compared_views(images, queries, similarity, names)
    relevance = _relevance(concepts, right, len(texts))
    ranking = Ranking(queries, gallery, relevance, similarity, _BLOCK)
    found = [(precision(c, k), precision(c, pool)) for c in ranking]
    warn_of_nan(ranking.n_nan, "the embedding of X or of concepts")
    at_k, at_pool = (np.concatenate(part) for part in zip(*found, strict=True))
    starts = np.cumsum([0, *(1 + len(words) for words in concepts)])[:-1]
    n_right = np.array([len(images) for images in right])
    return ConceptReport(
        concepts=concepts,
        n_right=n_right,
        chance=n_right / len(texts),
        precision=at_k[starts],
        single_word=_mean_of_words(at_k, starts),
        reranked=_mean_of_words(at_pool, starts),
        k=k,
        pool=pool,
        n_images=len(texts),
        left_out=left_out,
    )


class _Holds:
    """Whether a text holds a word, as a whole word in any case, or its plural."""

    def __init__(self) -> None:
        self.patterns: dict[str, re.Pattern] = {}

    def __call__(self, captions: list[str], word: str) -> bool:
        """Say whether one of the captions does."""
        if word not in self.patterns:
            parts = r"[-\s]".join(map(re.escape, word.split("-")))
            pattern = rf"(?<!\w){parts}(?:e?s)?(?!\w)"
            self.patterns[word] = re.compile(pattern, re.IGNORECASE)
        return any(map(self.patterns[word].search, captions))


def _check_concepts(concepts: Any) -> list[tuple[str, ...]]:
    if isinstance(concepts, str | bytes) or not isinstance(concepts, Iterable):
        raise TypeError(
            f"concepts is {concepts!r:.60}, expected a list with the words of each"
            " concept: a tuple of str, or a str that is split at white space."
        )
    checked = []
    for i, concept in enumerate(concepts):
        words = concept.split() if isinstance(concept, str) else concept
        if not isinstance(words, list | tuple | np.ndarray) or not all(
            isinstance(word, str) for word in words
        ):
            raise TypeError(
                f"Entry {i} of concepts is {concept!r:.60}, expected a tuple of str, or"
                " a str that is split at white space."
            )
        if not len(words) or not all(map(str.strip, words)):
            raise ValueError(
                f"Entry {i} of concepts is {concept!r:.60}, expected at least one word"
                " and no empty one: drop it."
            )
        checked.append(tuple(map(str, words)))
    if not checked:
        raise ValueError("concepts is empty, expected at least one concept.")
    return checked


def _check_captions(captions: Any, n_images: int) -> list[list[str]]:
    rows = as_rows(captions)
    if num_samples(rows) != n_images:
        raise ValueError(
            f"X has {n_images} rows and captions has {num_samples(rows)}, expected as"
            " many: captions[i] is what is said of image i, a str or a list of str."
        )
    if not holds_text(rows):
        raise TypeError(
            "captions holds no text, expected a str or a list of str for each image."
        )
    bags = read_bags(rows, "captions")
    of_row = np.repeat(np.arange(n_images), bags.counts)
    return unflatten_items(bags.items, of_row, n_images)


def _check_cuts(k: int, pool: int, n_images: int) -> int:
    """Return `pool`, at most the number of images."""
    if k > n_images:
        raise ValueError(
            f"k is {k}, expected at most {n_images}, the images there are."
        )
    if pool < k:
        raise ValueError(
            f"pool is {pool}, expected at least k = {k}: the first k of the pool in"
            " random order are judged."
        )
    return min(pool, n_images)


def _right_images(
    concepts: list[tuple[str, ...]], texts: list[list[str]], holds: Any
) -> list[np.ndarray]:
    """Return the rows of the images that show all words of each concept."""
    if not callable(holds):
        raise TypeError(
            f"holds is {holds!r:.60}, expected a function of an image's captions and a"
            " word."
        )
    distinct = dict.fromkeys(word for words in concepts for word in words)
    shows = {
        word: np.array([bool(holds(captions, word)) for captions in texts])
        for word in distinct
    }
    return [
        np.flatnonzero(np.logical_and.reduce([shows[word] for word in words]))
        for words in concepts
    ]


def _check_shown(concepts: list, left_out: list) -> None:
    """Warn the caller's caller of concepts that no image shows; some must be."""
    if len(left_out) == len(concepts):
        raise ValueError(
            f"No image shows any of the {len(concepts)} concepts"
            f" ({_names(left_out)}): none has captions with all words of one. Give"
            " concepts of the captions' own words, or another holds."
        )
    if left_out:
        warnings.warn(
            f"{len(left_out)} of {len(concepts)} concepts are shown by no image and"
            f" left out: {_names(left_out)}.",
            UndefinedMetricWarning,
            stacklevel=3,
        )


def _names(concepts: list[tuple[str, ...]]) -> str:
    return ", ".join(" ".join(words) for words in concepts)


def _embed_queries(
    estimator: Any, concepts: list[tuple[str, ...]], query: str
) -> np.ndarray:
    """Return a row for each concept, followed by one for each of its words."""
    asked = [some for words in concepts for some in (words, *zip(words, strict=True))]
    distinct = list(dict.fromkeys(asked))
    if query == "text":
        rows = np.asarray(embed_y(estimator, [" ".join(words) for words in distinct]))
    else:
        rows = np.array([_sum_of_words(estimator, words) for words in distinct])
    place = {words: row for row, words in enumerate(distinct)}
    return rows[[place[words] for words in asked]]


def _sum_of_words(estimator: Any, words: tuple[str, ...]) -> np.ndarray:
    from ..composition import compose_query

    try:
        return compose_query(estimator, positive=list(words))
    except ValueError as error:
        raise ValueError(
            f"{' '.join(words)!r} can't be embedded as a sum: {error}"
        ) from error


def _relevance(
    concepts: list[tuple[str, ...]], right: list[np.ndarray], n_images: int
) -> Relevance:
    """Return the right images of the rows of `_embed_queries`."""
    n_queries = [1 + len(words) for words in concepts]
    n_right = np.array([len(images) for images in right])
    return Relevance(
        queries=np.arange(sum(n_queries)),
        start=np.repeat(np.cumsum(n_right) - n_right, n_queries),
        n_relevant=np.repeat(n_right, n_queries),
        columns=np.concatenate(right),
        n_gallery=n_images,
        n_queries=sum(n_queries),
    )


def _mean_of_words(values: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Return the mean over the words of each concept; the concept itself is first."""
    n_words = np.diff(starts, append=len(values)) - 1
    return (np.add.reduceat(values, starts) - values[starts]) / n_words
