"""Where held-out words are in a lexicon ranked by the image, beside what needs none."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing

from ..base import unwrap
from ..utils._containers import as_rows, holds_text, read_bags
from ..utils._sklearn import num_samples
from ..utils._strings import check_strings
from ._counts import count_ranks, nan_to_last
from ._report import format_table
from ._retrieval import warn_of_nan

_TITLES = {"frequency": "frequency", "image": "image", "caption": "caption (oracle)"}
_CUTS = (10, 100, 1000)
_PERCENTS = (1, 10)
_BLOCK_VALUES = 1 << 22


@dataclass(frozen=True, eq=False)
class LexiconReport:
    """The ranks of held-out words in a lexicon.

    Rankings are ``"frequency"``, ``"image"`` and, where captions were given,
    ``"caption"``: the oracle.

    Parameters
    ----------
    scores : dict of str to dict of str to float
        ``scores["image"]["median_rank"]``; also ``"rank<=10"``, ``"rank<=100"`` and
        ``"rank<=1000"``, and ``"top 1 %"`` and ``"top 10 %"``, which are shares of
        the instances.
    chance : dict of str to float
        The same for constant scores.
    ranks : dict of str to ndarray of shape (n_instances,)
        The rank of each held-out word, 1 is first; the expected one under ties.
    rows : ndarray of shape (n_instances,), dtype int64
        The row of `X` that each was held out of.
    words : list of str
        The held-out words that are in the lexicon, one for each instance.
    n_words : int
        The number of words that are ranked.
    oov : dict of str to int
        The held-out words that are not, and how many times each was held out.
    """

    scores: dict
    chance: dict
    ranks: dict
    rows: np.ndarray
    words: list
    n_words: int
    oov: dict

    def __str__(self):
        """Return the table as text."""
        names = list(self.chance)
        header = [n.replace("_", " ").replace("rank<=", "<= ") for n in names]
        rows = [["", *header]]
        rows += [[_TITLES[key], *_cells(v)] for key, v in self.scores.items()]
        rows.append(["chance", *_cells(self.chance)])
        lines = [
            format_table(rows),
            f"{len(self.words)} instances of {len(set(self.words))} words, ranked among"
            f" {self.n_words}",
        ]
        if self.oov:
            some = ", ".join(map(repr, list(self.oov)[:5]))
            more = ", ..." if len(self.oov) > 5 else ""
            lines.append(
                f"{sum(self.oov.values())} instances are left out, their word is not in"
                f" the lexicon: {some}{more}"
            )
        return "\n".join(lines)

    __repr__ = __str__


def _cells(values: dict) -> list[str]:
    return [f"{v:.1f}" if k == "median_rank" else f"{v:.3f}" for k, v in values.items()]


def lexicon_report(
    lexicon: Any,
    X: Any,
    y: Any,
    words: Any,
    *,
    lexicon_words: Any = None,
) -> LexiconReport:
    """Report where words that were held out are in a lexicon ranked for each image.

    The evaluation of [1]_: a word that is to be read in an image is among the first of
    the lexicon if what is seen tells of it. The ranking by the image stands between
    two others: by the frequency of words, the same for all images, and by a caption of
    the image, from which topics need not be guessed.

    Parameters
    ----------
    lexicon : estimator
        Fitted `DynamicLexicon`, or a Pipeline or search around one.
    X : array-like of shape (n_samples, n_features)
        Images.
    y : list of str, list of lists of str, or None
        Captions of each image, without the held-out words, as the lexicon's
        `word_proba_y` takes them. None leaves out the ranking by captions.
    words : list of length n_samples
        The held-out words of each image: a list of str, which may be empty, or a str
        that is split at white space. As the lexicon writes them: in lower case, if its
        words are.
    lexicon_words : list of str, default=None
        The words that are ranked. None: the whole dictionary of the lexicon.

    Returns
    -------
    report : LexiconReport
        Prints as a table, a row for each ranking and one for chance. The ranks are in
        ``report.ranks``.

    Raises
    ------
    TypeError
        If there is no lexicon in `lexicon`, or if a row of `words` is no text (it is
        named).
    ValueError
        If `X`, `y` and `words` differ in length, if `lexicon_words` has a word twice,
        or if no held-out word is in the lexicon.

    Warns
    -----
    UserWarning
        If probabilities are NaN. They rank last.

    See Also
    --------
    tag_report : Words as answers to images, those of an image all together.

    Notes
    -----
    Every instance weighs the same: a word held out of two images counts twice, and
    twice if it is held out of one image twice. Words that are not in the lexicon have
    no rank and are counted apart.

    Ranks start at 1. A word that ties with t words, itself among them, below a others
    has the expected rank a + (t + 1) / 2, and is among the first k with probability
    min(max(k - a, 0), t) / t. Without that, the many words that no topic knows would
    have the ranks that sorting happens to give them.

    In [1]_ and its code, on words in photos of COCO with a lexicon of 88,036 words:
    median rank 4129 by frequency, 2518 by the image, 2242 by captions.

    Images are ranked in blocks; the whole table of images and words is never held.

    References
    ----------
    .. [1] Y. Patel, L. Gomez, M. Rusiñol and D. Karatzas, "Dynamic lexicon generation
       for natural scene images", ECCV Workshops 2016.

    Examples
    --------
    A lexicon that is given, not learned: 5 topics of 500 words. An image is a guess of
    its topics, a caption tells the first of them, and a word is held out of each image:

    >>> import numpy as np
    >>> from sklearn_crossmodal.base import TwoViewEmbedder
    >>> from sklearn_crossmodal.metrics import lexicon_report
    >>> rng = np.random.default_rng(0)
    >>> class Lexicon(TwoViewEmbedder):
    ...     vocabulary_ = [f"word{i}" for i in range(500)]
    ...     topics = rng.dirichlet(np.full(500, 0.1), size=5)
    ...     def transform_y(self, y):
    ...         return np.eye(5)[[int(text[-1]) for text in y]]
    ...     def word_proba(self, X, words=None):
    ...         return np.asarray(X) @ self.topics
    ...     def word_proba_y(self, y, words=None):
    ...         return self.transform_y(y) @ self.topics
    ...     def background_proba(self, words=None):
    ...         return self.topics.mean(axis=0)
    >>> lexicon, of_image = Lexicon(), rng.integers(5, size=200)
    >>> X = (np.eye(5)[of_image] + rng.dirichlet(np.ones(5), size=200)) / 2
    >>> captions = [f"a photo of {topic}" for topic in of_image]
    >>> words = [[f"word{rng.choice(500, p=lexicon.topics[t])}"] for t in of_image]
    >>> words[0].append("unheard")
    >>> lexicon_report(lexicon, X, captions, words)
                        <= 10  <= 100  <= 1000  top 1 %  top 10 %  median rank
    frequency           0.160   0.705    1.000    0.095     0.470         57.0
    image               0.350   0.895    1.000    0.235     0.750         21.0
    caption (oracle)    0.375   0.950    1.000    0.265     0.830         16.0
    chance              0.020   0.200    1.000    0.010     0.100        250.5
    200 instances of 117 words, ranked among 500
    1 instances are left out, their word is not in the lexicon: 'unheard'
    """
    earlier, inner = _inner_lexicon(lexicon)
    ranked = _ranked_words(inner, lexicon_words)
    held_out = _HeldOut.of(words, ranked, num_samples(X))
    asked = None if lexicon_words is None else ranked
    count = _RankCounter(held_out, len(ranked), asked)
    ranks = {"frequency": count.same_for_all(inner.background_proba)}

    def by_image(images: Any, **options: Any) -> np.ndarray:
        for step in earlier:
            images = step.transform(images)
        return inner.word_proba(images, **options)

    ranks["image"] = count.by_row(by_image, X)
    if y is not None:
        captions = _check_length(y, num_samples(X), "y", "the captions of image i")
        ranks["caption"] = count.by_row(inner.word_proba_y, captions)
    warn_of_nan(count.n_nan, "what the lexicon returned")
    chance = _Ranks(np.zeros(1), np.full(1, len(ranked)), len(ranked))
    return LexiconReport(
        scores={name: of_source.scores() for name, of_source in ranks.items()},
        chance=chance.scores(),
        ranks={name: of_source.expected for name, of_source in ranks.items()},
        rows=held_out.of_instance,
        words=[ranked[column] for column in held_out.columns],
        n_words=len(ranked),
        oov=held_out.oov,
    )


@dataclass(frozen=True)
class _HeldOut:
    """The held-out words that are in the lexicon, row by row."""

    rows: np.ndarray
    """The rows that have any."""
    n_of_row: np.ndarray
    """How many each of these rows has."""
    columns: np.ndarray
    """The place of each in the lexicon."""
    oov: dict[str, int]

    @classmethod
    def of(cls, words: Any, ranked: list[str], n_rows: int) -> "_HeldOut":
        """Find the held-out words of each row of X in the lexicon."""
        place = {word: column for column, word in enumerate(ranked)}
        of_row = _words_of_rows(words, n_rows)
        known = [[place[w] for w in row if w in place] for row in of_row]
        oov = Counter(w for row in of_row for w in row if w not in place)
        n_known = np.array(list(map(len, known)))
        if not n_known.any():
            raise ValueError(
                f"None of the {oov.total()} held-out words is among the"
                f" {len(ranked)} of the lexicon, expected at least one, written as"
                " there: is the case the same?"
            )
        columns = np.array([column for row in known for column in row])
        rows = np.flatnonzero(n_known)
        return cls(rows, n_known[rows], columns, dict(oov.most_common()))

    @property
    def of_instance(self) -> np.ndarray:
        """The row of each instance."""
        return np.repeat(self.rows, self.n_of_row)


@dataclass(frozen=True)
class _Ranks:
    """How many words are above each instance, and tie with it, itself included."""

    above: np.ndarray
    tied: np.ndarray
    n_words: int

    @property
    def expected(self) -> np.ndarray:
        """The mean rank over all orders of ties."""
        return self.above + (self.tied + 1) / 2

    def within(self, k: int) -> float:
        """Return the expected share of instances among the first k."""
        drawn = np.clip(k - self.above, 0, self.tied)
        return float(np.mean(drawn / self.tied))

    def scores(self) -> dict[str, float]:
        """Return the values of a row of the table."""
        values = {f"rank<={k}": self.within(k) for k in _CUTS}
        for percent in _PERCENTS:
            values[f"top {percent} %"] = self.within(self.n_words * percent // 100)
        return values | {"median_rank": float(np.median(self.expected))}


class _RankCounter:
    """Counts ranks of held-out words, block by block; `n_nan` is the NaN met so far."""

    def __init__(self, held_out: _HeldOut, n_words: int, words: Any) -> None:
        self.held_out = held_out
        self.n_words = n_words
        self.words = words
        self.n_nan = 0

    def same_for_all(self, proba: Callable) -> _Ranks:
        """Rank by one probability of each word."""
        columns = self.held_out.columns
        above, tied = self._count(
            np.reshape(proba(words=self.words), (1, -1)), columns, [len(columns)]
        )
        return _Ranks(above, tied, self.n_words)

    def by_row(self, proba: Callable, view: Any) -> _Ranks:
        """Rank by the probabilities of the words in each row of a view."""
        rows, n_of_row = self.held_out.rows, self.held_out.n_of_row
        step = max(1, _BLOCK_VALUES // self.n_words)
        parts, first = [], 0
        for start in range(0, len(rows), step):
            some, n_some = rows[start : start + step], n_of_row[start : start + step]
            scores = proba(_safe_indexing(view, some), words=self.words)
            last = first + int(n_some.sum())
            columns = self.held_out.columns[first:last]
            parts.append(self._count(scores, columns, n_some))
            first = last
        above, tied = map(np.concatenate, zip(*parts, strict=True))
        return _Ranks(above, tied, self.n_words)

    def _count(
        self, scores: Any, columns: np.ndarray, n_of_row: Any
    ) -> tuple[np.ndarray, np.ndarray]:
        scores, n_of_row = np.array(scores), np.asarray(n_of_row)
        if scores.shape != (len(n_of_row), self.n_words):
            raise ValueError(
                f"The lexicon returned shape {scores.shape}, expected a row for each of"
                f" {len(n_of_row)} samples and a column for each of {self.n_words}"
                " words."
            )
        self.n_nan += nan_to_last(scores)
        counts = count_ranks(scores, columns, n_of_row)
        row = np.repeat(np.arange(len(n_of_row)), n_of_row)
        # `count_ranks` has the words of a row in descending order of score.
        order = np.lexsort((-scores[row, columns], row))
        above, tied = np.empty_like(counts.above), np.empty_like(counts.tied)
        above[order], tied[order] = counts.above, counts.tied
        return above, tied


def _inner_lexicon(estimator: Any) -> tuple[list, Any]:
    """Return the Pipeline's steps in front of the lexicon, and the lexicon."""
    earlier, inner, _ = unwrap(estimator)
    needed = ("word_proba", "word_proba_y", "background_proba", "vocabulary_")
    missing = [name for name in needed if not hasattr(inner, name)]
    if missing:
        raise TypeError(
            f"{type(inner).__name__} has no {missing[0]}, expected a fitted lexicon,"
            " such as DynamicLexicon."
        )
    return earlier, inner


def _ranked_words(lexicon: Any, words: Any) -> list[str]:
    """Return the words of the lexicon's columns."""
    if words is None:
        words = lexicon.vocabulary_
        if isinstance(words, Mapping):
            words = sorted(words, key=words.__getitem__)
        return list(words)
    words = check_strings(words, "lexicon_words")
    twice = [word for word, n in Counter(words).items() if n > 1]
    if twice:
        raise ValueError(
            f"lexicon_words has {twice[0]!r} more than once, expected distinct words:"
            " list(dict.fromkeys(lexicon_words))."
        )
    return words


def _words_of_rows(words: Any, n_rows: int) -> list[list[str]]:
    rows = _check_length(words, n_rows, "words", "the held-out words of image i")
    if not holds_text(rows):
        raise TypeError(
            "words holds no text, expected a str or a list of str for each image."
        )
    read_bags(rows, "words")  # names the row that is no text
    return [row.split() if isinstance(row, str) else list(row) for row in rows]


def _check_length(view: Any, n_rows: int, name: str, meaning: str) -> Any:
    rows = as_rows(view)
    if num_samples(rows) != n_rows:
        raise ValueError(
            f"X has {n_rows} rows and {name} has {num_samples(rows)}, expected as many:"
            f" {name}[i] holds {meaning}."
        )
    return rows
