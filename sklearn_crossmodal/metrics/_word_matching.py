"""Images and words matched among a hundred candidates, both ways."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..utils._sklearn import num_samples
from ._embed import similarity_of
from ._matching import DrawOptions, generator
from ._matching_task import MatchingTask, fill_words
from ._report import format_table
from ._retrieval import check_option, check_positive_int, warn_of_nan
from ._similarity import SIMILARITIES
from ._term_frequency import term_frequency_report
from ._vocabulary import NamedImages, counts_of, ordered_words
from ._word_views import WordImageViews, check_penalty, vocabulary_of

TITLES = {
    "image_to_word": "image -> word",
    "image_to_label_word": "image -> label word",
    "word_to_image": "word -> image",
}


@dataclass(frozen=True, eq=False)
class WordMatchingReport:
    """How well images find their words, and words their images.

    Parameters
    ----------
    directions : dict of str to MatchingPrecision
        What was found by ``"image_to_word"``, ``"image_to_label_word"`` and
        ``"word_to_image"``, with the value of each draw and of each pair. The pairs
        of all three are the same; their images and words are indices into `rows` and
        `words`.
    words : list of str
        The label words: those that images are matched with.
    counts : ndarray of shape (n_words,), dtype int64, or None
        How often each occurs in the text, where the word vectors tell.
    rows : ndarray of shape (n_images,), dtype int64
        The row of `X` of each image that has a label word.
    pairs : tuple of two ndarrays of shape (n_pairs,)
        The image and the word of each pair.
    fill_words : list of list of str
        The words of like frequency that each draw adds to the label words.
    oov : dict of str to int
        Words out of vocabulary, and how many images have each.
    n_unlisted : int
        The number of pairs left out because their word is not among those given.
    average : str
        What has the same weight, ``"pairs"`` or ``"words"``.
    notes : list of str
        What is printed under the table.
    """

    directions: dict
    words: list
    counts: np.ndarray | None
    rows: np.ndarray
    pairs: tuple
    fill_words: list
    oov: dict
    n_unlisted: int
    average: str
    notes: list

    @property
    def scores(self):
        """``scores["image_to_word"]["P@1"]``, and so on: the mean over draws."""
        return {name: p.scores for name, p in self.directions.items()}

    @property
    def interval(self):
        """The same for half the width of the confidence interval of that mean."""
        return {name: p.interval for name, p in self.directions.items()}

    @property
    def chance(self):
        """The same for constant embeddings."""
        return {name: p.chance for name, p in self.directions.items()}

    def by_frequency(self, edges=None, metric=None):
        """Return the precision of pairs by how often their word occurs in the text.

        Parameters
        ----------
        edges : array-like of float of shape (n_bins + 1,), default=None
            Bounds of the bins, increasing: a bin holds the lower but not the upper one.
            None: the powers of 10 around all counts.
        metric : str, default=None
            Which metric; the first by default, P@1.

        Returns
        -------
        report : TermFrequencyReport
            Prints as a table with the number of pairs in each bin. All pairs weigh
            the same.
        """
        if self.counts is None:
            raise ValueError(
                "The word vectors don't tell how often words occur, expected a 'count'"
                " of each: see set_vecattr of gensim's KeyedVectors."
            )
        names = list(next(iter(self.scores.values())))
        metric = names[0] if metric is None else metric
        check_option("metric", metric, names)
        values = {name: p.per_pair[metric] for name, p in self.directions.items()}
        return term_frequency_report(
            values, self.counts[self.pairs[1]], edges, metric, TITLES
        )

    def __str__(self):
        """Return the table as text."""
        rows = [["", "pairs", "candidates", *next(iter(self.scores.values()))]]
        for name, precision in self.directions.items():
            rows += precision.rows(TITLES[name])
        return "\n".join([format_table(rows), *self.notes])

    __repr__ = __str__


def word_matching_report(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    n_candidates: int = 100,
    ks: Iterable[int] = (1, 5, 10),
    n_draws: int = 10,
    average: str = "pairs",
    words: Any = None,
    seen_words: Any = None,
    seen_penalty: float = 0.0,
    word_vectors: Any = None,
    similarity: str | None = None,
    confidence: float = 0.95,
    random_state: Any = 0,
    block_size: int = 256,
) -> WordMatchingReport:
    """Report how well images and words are matched among a hundred candidates.

    The evaluation of [1]_. Each pair of an image and one of its words is a task: the
    right answer stands among wrong ones.

    - *image -> word*: wrong are all other label words that the image does not have,
      filled up to `n_candidates` with words of the vocabulary that are about as
      frequent as the label words. Where there are more label words, some are drawn.
    - *image -> label word*: among the label words alone, all of them.
    - *word -> image*: wrong are drawn from the images that do not have the word.

    P@k is the share of tasks whose right answer is among the first k.

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
        The number of candidates, the right one included. Where there are fewer, all
        are candidates: the report says how many.
    ks : iterable of int, default=(1, 5, 10)
        Cuts. One beyond the number of candidates always hits.
    n_draws : int, default=10
        How many times all candidates are drawn.
    average : {"pairs", "words"}, default="pairs"
        Whether each pair weighs the same, or each word: the mean over words of the
        mean over their pairs.
    words : list or set of str, default=None
        The label words. None: all words of `y` that have a vector. Pairs with another
        word are left out.
    seen_words : list or set of str, default=None
        Words that images were seen of in training.
    seen_penalty : float, default=0.0
        What is subtracted from the similarity of `seen_words` where words are ranked:
        the calibrated stacking of [2]_, against the pull of images towards words
        that training knew.
    word_vectors : gensim KeyedVectors or dict of str to ndarray, default=None
        The vocabulary. None: the estimator's `word_vectors_`. With
        ``estimator=None``, also the embeddings of words.
    similarity : {"cosine", "dot", "euclidean"}, default=None
        How embeddings are compared. None is the estimator's own, cosine without one.
    confidence : float, default=0.95
        Level of the confidence interval, between 0 and 1.
    random_state : int, RandomState instance or None, default=0
        Draws the candidates.
    block_size : int, default=256
        The number of queries that are scored at a time.

    Returns
    -------
    report : WordMatchingReport
        Prints as a table with the number of candidates and the chance level.

    Raises
    ------
    TypeError
        If there is no two-view estimator in `estimator`, if there are no word vectors,
        or if a row of `y` is no text (it is named).
    ValueError
        If `X` and `y` differ in length, if fewer than two words or no images are left
        to match, if all images have all words, or if an option is invalid.

    Warns
    -----
    UserWarning
        If scores are NaN. They rank last.

    See Also
    --------
    matching_precision : The same for any embeddings and ids, one way.
    matching_error_report : Why matches are wrong.

    Notes
    -----
    Words of `y` without a vector are left out and counted, and so are images without
    any other.

    *Fill words* are neither label words nor words of `y`. They are drawn anew for each
    draw, and the same for all images: label words take turns, in random order, and
    each brings one of the 50 fill words left whose rank of frequency is nearest its
    own. Without counts the order of the vocabulary stands for frequency, as gensim
    sorts it.

    Ties count as their expectation over random orders, so that constant embeddings are
    at chance, ``k / n_candidates``. The confidence interval is Student's, of the mean
    over draws: it tells what other candidates would have given for the same pairs, not
    what other images would have.

    In [1]_, on other data (1,000 images of ImageNet), P@1/5/10 in percent: image to
    word 62.9/80.1/85.8 and word to image 31.0/52.3/62.5, a map fitted by squared error
    28.8/55.4/69.3 and 28.3/46.6/56.9.

    References
    ----------
    .. [1] R. Luo, "Exploration on grounded word embedding: matching words and images
       with image-enhanced skip-gram model", 2018.
    .. [2] W.-L. Chao, S. Changpinyo, B. Gong and F. Sha, "An empirical study and
       analysis of generalized zero-shot learning for object recognition in the wild",
       ECCV 2016.

    Examples
    --------
    Images of 30 words out of a vocabulary of 300; the embeddings are given:

    >>> import numpy as np
    >>> from sklearn_crossmodal.metrics import word_matching_report
    >>> rng = np.random.default_rng(0)
    >>> vectors = {f"word{i}": rng.normal(size=8) for i in range(300)}
    >>> y = [f"word{i}" for i in rng.integers(30, size=150)]
    >>> X = np.array([vectors[word] for word in y]) + rng.normal(size=(150, 8))
    >>> word_matching_report(None, X, y, word_vectors=vectors, ks=[1, 5])
                         pairs  candidates     P@1     P@5
    image -> word          150         100   0.353   0.725
      95 % interval                         ±0.012  ±0.007
      chance                                 0.010   0.050
    image -> label word    150          30   0.587   0.907
      95 % interval                         ±0.000  ±0.000
      chance                                 0.033   0.167
    word -> image          150         100   0.403   0.753
      95 % interval                         ±0.011  ±0.009
      chance                                 0.010   0.050

    With an estimator: ``word_matching_report(projector, X, y)``.
    """
    check_option("average", average, ("pairs", "words"))
    check_positive_int("block_size", block_size)
    options = DrawOptions.of(n_candidates, ks, n_draws, confidence)
    keyed = vocabulary_of(estimator, word_vectors)
    named = NamedImages.of(y, keyed, words, num_samples(X))
    similarity = similarity_of(estimator) if similarity is None else similarity
    check_option("similarity", similarity, SIMILARITIES)
    penalty = check_penalty(seen_penalty)

    rngs = generator(random_state).spawn(3)
    fill = fill_words(named, keyed, options, rngs[0])
    views = WordImageViews(estimator, keyed, similarity, block_size)
    task = MatchingTask(named, options, average, views, views.images(X, named.rows))
    found = task.image_to_words(fill, ordered_words(seen_words), penalty, rngs[1])
    found["word_to_image"] = task.word_to_image(rngs[2])
    warn_of_nan(views.n_nan, "the embedding of X or of the words")
    return WordMatchingReport(
        directions=found,
        words=named.words,
        counts=counts_of(keyed, named.words),
        rows=named.rows,
        pairs=named.pairs,
        fill_words=fill,
        oov=named.oov,
        n_unlisted=named.n_unlisted,
        average=average,
        notes=named.notes(),
    )
