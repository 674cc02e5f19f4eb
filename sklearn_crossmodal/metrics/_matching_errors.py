"""Why images and words are matched wrongly: four types of errors, by rules."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..utils._sklearn import num_samples
from ._embed import similarity_of
from ._error_rules import TYPES, ErrorRules, check_thresholds
from ._matching import check_n_candidates, generator
from ._matching_task import wrong_candidates
from ._report import format_table
from ._retrieval import check_option, check_positive_int, warn_of_nan
from ._similarity import SIMILARITIES, check_embedding
from ._vocabulary import NamedImages, keyed_vectors, ordered_words
from ._word_views import WordImageViews, check_penalty, vocabulary_of

DIRECTIONS = {"image_to_word": "image -> word", "word_to_image": "word -> image"}


class MatchingError(NamedTuple):
    """A word and an image that were not matched.

    Parameters
    ----------
    row : int
        The image, as a row of `X`.
    word : str
        Its word.
    found : tuple of str
        What was found in its place: a word, or the words of another image.
    type : str
        The first type whose rule holds.
    """

    row: int
    word: str
    found: tuple
    type: str


@dataclass(frozen=True, eq=False)
class MatchingErrorReport:
    """Types of the errors of matching, as shares of all errors.

    Directions are ``"image_to_word"`` and ``"word_to_image"``, types ``"sparsity"``,
    ``"synonym"``, ``"confusion"`` and ``"other"``.

    Parameters
    ----------
    shares : dict of str to dict of str to float
        Of each direction, the share of errors whose first rule that holds is this one.
        They add up to 1. NaN without errors.
    any_shares : dict of str to dict of str to float
        The share of errors for which the rule holds, whichever else does.
    n_errors : dict of str to int
        The number of errors.
    n_pairs : int
        The number of pairs matched in each direction.
    thresholds : dict of str to float
        What each rule compares with.
    errors : dict of str to list of MatchingError
        All errors.
    notes : list of str
        What is printed under the table.
    """

    shares: dict
    any_shares: dict
    n_errors: dict
    n_pairs: int
    thresholds: dict
    errors: dict
    notes: list

    def __str__(self):
        """Return the table as text."""
        rows = [["", "pairs", "errors", *TYPES]]
        for direction, title in DIRECTIONS.items():
            sizes = str(self.n_pairs), str(self.n_errors[direction])
            rows.append([title, *sizes, *_cells(self.shares[direction])])
            rows.append(["  rule holds", "", "", *_cells(self.any_shares[direction])])
        rules = (
            f"sparsity: the word occurs less than {self.thresholds['sparsity']:g} times"
            f"\nsynonym: cosine of word vectors from {self.thresholds['synonym']:.3f}"
            f"\nconfusion: cosine of image features from"
            f" {self.thresholds['confusion']:.3f}"
        )
        return "\n".join([format_table(rows), rules, *self.notes])

    __repr__ = __str__


def _cells(shares: dict) -> list[str]:
    return [f"{shares[name]:.3f}" for name in TYPES]


def matching_error_report(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    n_candidates: int = 100,
    words: Any = None,
    seen_words: Any = None,
    seen_penalty: float = 0.0,
    sparsity: float | None = None,
    synonym: float | None = None,
    confusion: float | None = None,
    text_vectors: Any = None,
    image_features: ArrayLike | None = None,
    word_vectors: Any = None,
    similarity: str | None = None,
    random_state: Any = 0,
    block_size: int = 256,
) -> MatchingErrorReport:
    """Report why images and words are matched wrongly.

    Each pair of an image and one of its words is matched once both ways: among the
    label words, and among images. An error is one of four types, after [1]_,
    where people judged them; here it is the first whose rule holds:

    - *sparsity*: the word occurs less than `sparsity` times in the text;
    - *synonym*: the cosine of the vectors of the word and the one found, in
      `text_vectors`, is `synonym` or more;
    - *confusion*: the cosine of the mean features of the images of the word, and of the
      one found, is `confusion` or more;
    - *other*: none of these.

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
        The words of each image: a str, split at white space, or a list of str.
    n_candidates : int, default=100
        The number of candidates, the right one included, in either direction. Where
        there are fewer, all are candidates. There are no fill words.
    words : list or set of str, default=None
        The label words. None: all words of `y` that have a vector.
    seen_words : list or set of str, default=None
        Words that images were seen of in training.
    seen_penalty : float, default=0.0
        What is subtracted from the similarity of `seen_words`, see
        `word_matching_report`.
    sparsity : float, default=None
        Threshold of the rule. None: the first quartile of the counts of label words.
    synonym : float, default=None
        Threshold of the rule, a cosine. None: that of the nearest 5 % of all pairs of
        label words.
    confusion : float, default=None
        The same for image features.
    text_vectors : gensim KeyedVectors or dict of str to ndarray, default=None
        Word vectors that know text alone, such as those that training started from.
        Words without one are no synonyms. None: the vocabulary's, which images may have
        moved.
    image_features : array-like of shape (n_samples, n_features), default=None
        Features of the images. None: `X`.
    word_vectors : gensim KeyedVectors or dict of str to ndarray, default=None
        The vocabulary. None: the estimator's `word_vectors_`. With
        ``estimator=None``, also the embeddings of words.
    similarity : {"cosine", "dot", "euclidean"}, default=None
        How embeddings are compared. None is the estimator's own, cosine without one.
    random_state : int, RandomState instance or None, default=0
        Draws the candidates, and the order of ties.
    block_size : int, default=256
        The number of queries that are scored at a time.

    Returns
    -------
    report : MatchingErrorReport
        Prints as a table with the thresholds.

    Raises
    ------
    TypeError
        If there is no two-view estimator in `estimator`, if there are no word vectors,
        or if a row of `y` is no text (it is named).
    ValueError
        If `X` and `y` differ in length, if fewer than two words or no images are left
        to match, if the word vectors don't tell how often words occur, or if an option
        is invalid.

    Warns
    -----
    UserWarning
        If scores are NaN. They rank last.

    See Also
    --------
    word_matching_report : How often matches are right.

    Notes
    -----
    An image that was found has several words where `y` gives it several: the rules of
    synonym and confusion hold if they do for one of them.

    References
    ----------
    .. [1] R. Luo, "Exploration on grounded word embedding: matching words and images
       with image-enhanced skip-gram model", 2018.

    Examples
    --------
    Images of 30 words whose vectors are known, and how often they occur:

    >>> import numpy as np
    >>> from gensim.models import KeyedVectors
    >>> from sklearn_crossmodal.metrics import matching_error_report
    >>> rng = np.random.default_rng(0)
    >>> words = [f"word{i}" for i in range(30)]
    >>> vectors = KeyedVectors(6)
    >>> vectors.add_vectors(words, rng.normal(size=(30, 6)))
    >>> for i, word in enumerate(words):
    ...     vectors.set_vecattr(word, "count", 1000 // (i + 1))
    >>> y = rng.choice(words, size=200).tolist()
    >>> X = vectors[y] + rng.normal(size=(200, 6))
    >>> matching_error_report(None, X, y, word_vectors=vectors)
                   pairs  errors  sparsity  synonym  confusion  other
    image -> word    200     119     0.218    0.261      0.059  0.462
      rule holds                     0.218    0.303      0.261  0.462
    word -> image    200     155     0.258    0.258      0.084  0.400
      rule holds                     0.258    0.323      0.284  0.400
    sparsity: the word occurs less than 43.5 times
    synonym: cosine of word vectors from 0.716
    confusion: cosine of image features from 0.705
    """
    check_positive_int("block_size", block_size)
    check_n_candidates(n_candidates)
    given = {"sparsity": sparsity, "synonym": synonym, "confusion": confusion}
    check_thresholds(given)
    keyed = vocabulary_of(estimator, word_vectors)
    named = NamedImages.of(y, keyed, words, num_samples(X))
    similarity = similarity_of(estimator) if similarity is None else similarity
    check_option("similarity", similarity, SIMILARITIES)
    penalty, seen = check_penalty(seen_penalty), ordered_words(seen_words)
    text = (
        keyed if text_vectors is None else keyed_vectors(text_vectors, "text_vectors")
    )
    rules = ErrorRules.of(
        named, keyed, text, _features(X, image_features, named), given
    )

    views = WordImageViews(estimator, keyed, similarity, block_size)
    images, rng = views.images(X, named.rows), generator(random_state)
    by_image = views.score_words(images, named.words, seen, penalty)
    by_word = views.score_images(named.words, images)
    relevant = named.relevant
    wrong_words = _errors(by_image, relevant, n_candidates, rng)
    wrong_images = _errors(by_word, relevant.T.tocsr(), n_candidates, rng)
    errors = {
        "image_to_word": [(i, w, np.array([found])) for i, w, found in wrong_words],
        "word_to_image": [
            (
                i,
                w,
                relevant.indices[relevant.indptr[found] : relevant.indptr[found + 1]],
            )
            for w, i, found in wrong_images
        ],
    }
    warn_of_nan(views.n_nan, "the embedding of X or of the words")
    return _report(errors, named, rules)


def _errors(
    blocks: Iterator, relevant: Any, n_candidates: int, rng: np.random.Generator
) -> Iterator[tuple[int, int, int]]:
    """Yield (query, right answer, what was found in its place) of each wrong match."""
    for start, _, block in blocks:
        for query, row in enumerate(block, start):
            right = relevant.indices[
                relevant.indptr[query] : relevant.indptr[query + 1]
            ]
            for answer in right:
                candidates = wrong_candidates(len(row), right, n_candidates, rng)
                # In random order: the first of those that tie is a random one.
                candidates = rng.permutation(np.append(candidates, answer))
                found = candidates[np.argmax(row[candidates])]
                if found != answer:
                    yield query, int(answer), int(found)


def _report(
    errors: dict[str, list[tuple[int, int, np.ndarray]]],
    named: NamedImages,
    rules: ErrorRules,
) -> MatchingErrorReport:
    """Judge all errors, given as an image, its word, and the words found instead."""
    listed, shares, any_shares = {}, {}, {}
    for direction, some in errors.items():
        held = [rules.hold(word, found) for _, word, found in some]
        table = np.array(held, dtype=float).reshape(-1, len(TYPES))
        first = table * (np.cumsum(table, axis=1) == 1)
        shares[direction], any_shares[direction] = _means(first), _means(table)
        listed[direction] = [
            MatchingError(
                int(named.rows[image]),
                named.words[word],
                tuple(named.words[i] for i in found),
                TYPES[kind],
            )
            for (image, word, found), kind in zip(
                some, first.argmax(axis=1), strict=True
            )
        ]
    return MatchingErrorReport(
        shares,
        any_shares,
        {direction: len(some) for direction, some in listed.items()},
        named.relevant.nnz,
        rules.thresholds,
        listed,
        named.notes(),
    )


def _means(table: np.ndarray) -> dict[str, float]:
    values = table.mean(axis=0) if len(table) else [np.nan] * len(TYPES)
    return dict(zip(TYPES, map(float, values), strict=True))


def _features(X: Any, image_features: Any, named: NamedImages) -> np.ndarray:
    """Return numbers that say what the images look like."""
    name = "X" if image_features is None else "image_features"
    features = check_embedding(X if image_features is None else image_features, name)
    if len(features) != num_samples(X):
        raise ValueError(
            f"image_features has {len(features)} rows and X has {num_samples(X)},"
            " expected as many."
        )
    return features[named.rows].astype(np.float64)
