"""Documents to means of word vectors."""

from itertools import chain, compress
from numbers import Integral, Real

import numpy as np

from ..base import SharedParametersMixin
from ..utils._sklearn import Interval, StrOptions, fit_context
from ..utils._word_vectors import quiet_gensim
from ..word_space._corpus import Sentences, check_corpus
from ..word_space._vectors import DEFAULT_SIZE, keyed_vectors, read_word_vectors
from ._documents import (
    TOKEN_PATTERN,
    DocumentVectorizer,
    count_words,
    has_words,
    refuse_unknown,
)


class WordMeanVectorizer(SharedParametersMixin, DocumentVectorizer):
    r"""Turn documents into weighted means of word vectors.

    .. math:: \frac{\sum_w n_{dw} u_w v_w}{\sum_w n_{dw} u_w}

    with :math:`n_{dw}` the count of a word in the document and :math:`v_w` its vector,
    by Word2Vec [1]_, FastText [2]_ or given. The weight :math:`u_w` is 1, or the
    inverse document frequency :math:`\log((1 + n) / (1 + n_w)) + 1` as scikit-learn has
    it, for a word that :math:`n_w` of :math:`n` documents have. Words without a vector
    are left out. Images can be taught to predict such means, as in [3]_.

    Parameters
    ----------
    n_components : int, default=None
        Dimension. None: that of `word_vectors`, or 100 where they are trained.
    model : {"word2vec", "fasttext"}, default="word2vec"
        What is trained. With FastText, words that were not seen have vectors too, those
        of their n-grams of letters. Not used with `word_vectors`.
    sg : bool, default=True
        Train skip-gram. If False, the continuous bag of words as in [3]_.
    word_vectors : gensim KeyedVectors, Word2Vec or FastText, or path, default=None
        Vectors trained before; a file is in the format of word2vec, text or binary, or
        of GloVe, possibly compressed. `sg` and what follows `token_pattern` is not used
        then. `clone` shares them.
    corpus : path, list of paths, or iterable of lists of str, default=None
        Text to train on instead of the documents of `fit`: files, possibly compressed,
        of a sentence a line and words separated by white space, or lists of words.
        `clone` shares it.
    weighting : {"tfidf", "mean"}, default="tfidf"
        Inverse document frequency in the documents of `fit`, or all words alike.
    lowercase : bool, default=True
        Whether to lower-case text first. Lists of words are taken as they are.
    stop_words : {"english"}, list, tuple or set of str, or None, default=None
        Words that are left out, also of lists of words; ``"english"`` is
        scikit-learn's list.
    token_pattern : str, default=r"(?u)\b\w\w+\b"
        Regular expression of a word: by default two letters or digits or more.
    window : int, default=5
        Reach of the context, in words.
    min_count : int, default=1
        Rarer words have no vector.
    epochs : int, default=10
        Passes over the text.
    lr : float, default=0.05
        Learning rate at the start; it goes down to 0.0001. Twice that of gensim, since
        captions are a small text.
    n_negatives : int, default=5
        Noise words for each context word.
    sample : float, default=1e-3
        Words more frequent than this share of the text are thinned out.
    min_n, max_n : int, default=3 and 6
        Lengths of FastText's n-grams.
    n_buckets : int, default=50000
        Number of vectors that FastText's n-grams share. They are part of the fitted
        estimator: of 100 dimensions, 20 MB.
    random_state : int, RandomState instance or None, default=None
        Seed. With an int, results are the same in every process.

    Attributes
    ----------
    word_vectors_ : gensim KeyedVectors
        The vectors; FastText's come with those of n-grams.
    idf_ : ndarray of shape (n_words,), dtype float64
        Inverse document frequency of each, in the order of
        ``word_vectors_.index_to_key``.
    n_documents_ : int
        Number of documents of `fit`.

    See Also
    --------
    LDAVectorizer : Topics.
    Doc2VecVectorizer : Paragraph vectors.

    References
    ----------
    .. [1] T. Mikolov, I. Sutskever, K. Chen, G. Corrado and J. Dean, "Distributed
       representations of words and phrases and their compositionality", NeurIPS 2013.
    .. [2] P. Bojanowski, E. Grave, A. Joulin and T. Mikolov, "Enriching word vectors
       with subword information", TACL 5, 2017.
    .. [3] R. Gomez, L. Gomez, J. Gibert and D. Karatzas, "Learning to learn from web
       data through deep semantic embeddings", ECCV workshops 2018.

    Examples
    --------
    >>> from gensim.models import KeyedVectors
    >>> from sklearn_crossmodal.preprocessing import WordMeanVectorizer
    >>> given = KeyedVectors(2)
    >>> given.add_vectors(["dog", "runs"], [[1.0, 0.0], [0.0, 1.0]])
    >>> means = WordMeanVectorizer(word_vectors=given, weighting="mean")
    >>> means.fit_transform(["The dog runs.", "dog"])
    array([[0.5, 0.5],
           [1. , 0. ]], dtype=float32)
    """

    _parameter_constraints: dict = {
        **DocumentVectorizer._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "model": [StrOptions({"word2vec", "fasttext"})],
        "sg": ["boolean"],
        "word_vectors": "no_validation",
        "corpus": "no_validation",
        "weighting": [StrOptions({"tfidf", "mean"})],
        "window": [Interval(Integral, 1, None, closed="left")],
        "min_count": [Interval(Integral, 1, None, closed="left")],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "n_negatives": [Interval(Integral, 1, None, closed="left")],
        "sample": [Interval(Real, 0, 1, closed="both")],
        "min_n": [Interval(Integral, 1, None, closed="left")],
        "max_n": [Interval(Integral, 1, None, closed="left")],
        "n_buckets": [Interval(Integral, 1, None, closed="left")],
    }

    _shared_parameters = ("word_vectors", "corpus")

    def __init__(
        self,
        n_components=None,
        *,
        model="word2vec",
        sg=True,
        word_vectors=None,
        corpus=None,
        weighting="tfidf",
        lowercase=True,
        stop_words=None,
        token_pattern=TOKEN_PATTERN,
        window=5,
        min_count=1,
        epochs=10,
        lr=0.05,
        n_negatives=5,
        sample=1e-3,
        min_n=3,
        max_n=6,
        n_buckets=50_000,
        random_state=None,
    ):
        self.n_components = n_components
        self.model = model
        self.sg = sg
        self.word_vectors = word_vectors
        self.corpus = corpus
        self.weighting = weighting
        self.lowercase = lowercase
        self.stop_words = stop_words
        self.token_pattern = token_pattern
        self.window = window
        self.min_count = min_count
        self.epochs = epochs
        self.lr = lr
        self.n_negatives = n_negatives
        self.sample = sample
        self.min_n = min_n
        self.max_n = max_n
        self.n_buckets = n_buckets
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn, or take, word vectors, and count documents.

        Parameters
        ----------
        X : list, 1-D array or Series of length n_documents
            Documents: str, or lists of words, which are taken as they are.
        y : ignored
            For use in pipelines.

        Returns
        -------
        self : WordMeanVectorizer
            Fitted transformer.

        Raises
        ------
        TypeError
            If an entry is neither str nor a list of str; it is named.
        ValueError
            If there is no document, or none has a word with a vector; if no word
            occurs `min_count` times; if the vectors are not of `n_components`
            dimensions; if `word_vectors` and `corpus` are both given.
        FileNotFoundError
            If `word_vectors` or `corpus` names a file that is missing.
        """
        if self.word_vectors is not None and self.corpus is not None:
            raise ValueError(
                "word_vectors and corpus are both given: word vectors that are trained "
                "already, or text to train them on. Give one of them."
            )
        if self.min_n > self.max_n:
            raise ValueError(f"min_n={self.min_n} is above max_n={self.max_n}.")
        words = self._words(X)
        if not any(words):
            refuse_unknown(words)
        keyed = self._trained(words) if self.word_vectors is None else self._given()
        known, _ = _look_up(words, keyed)
        if not known:
            refuse_unknown(
                words,
                "one that the word vectors have",
                "Are both in lower case, or neither?",
            )
        counts = count_words(words, keyed.key_to_index)
        document_counts = np.bincount(counts.indices, minlength=counts.shape[1])
        self.word_vectors_ = keyed
        self.idf_ = _idf(document_counts, len(words))
        self.n_documents_ = len(words)
        return self

    @property
    def _n_features_out(self):
        return self.word_vectors_.vector_size

    def _vectors(self, words):
        known, table = _look_up(words, self.word_vectors_)
        weights = count_words(words, {word: i for i, word in enumerate(known)})
        has_known = has_words(weights)
        if self.weighting == "tfidf":
            weights.data *= self._idf_of(known)[weights.indices]
        totals = np.where(has_known, weights.sum(axis=1), 1.0)
        return ((weights @ table) / totals[:, None]).astype(np.float32), has_known

    def _idf_of(self, words):
        """Return the weight of words, those without an entry as if never seen."""
        column, last = self.word_vectors_.key_to_index.get, len(self.idf_)
        idf = np.append(self.idf_, _idf(0, self.n_documents_))
        return idf[[column(word, last) for word in words]]

    def _given(self):
        """Return the given word vectors."""
        given = read_word_vectors(self.word_vectors, self.n_components)
        keyed = getattr(self.word_vectors, "wv", self.word_vectors)
        if _has_ngrams(keyed):
            return keyed
        return keyed_vectors(given.words, given.counts, given.vectors)

    def _trained(self, words):
        """Return word vectors trained on the corpus, or on the documents."""
        from gensim.models import FastText, Word2Vec

        given = self.corpus is not None
        sentences = check_corpus(self.corpus) if given else Sentences(words)
        options = {
            "vector_size": self.n_components or DEFAULT_SIZE,
            "sg": int(self.sg),
            "window": self.window,
            "min_count": self.min_count,
            "negative": self.n_negatives,
            "sample": self.sample,
            "epochs": self.epochs,
            "alpha": self.lr,
            "workers": 1,  # more of them are not reproducible
            "seed": self._draw_seed(),
        }
        if self.model == "word2vec":
            model = Word2Vec(**options)
        else:
            sizes = {"min_n": self.min_n, "max_n": self.max_n, "bucket": self.n_buckets}
            model = FastText(**options, **sizes)
        with quiet_gensim():
            model.build_vocab(sentences)
            if not len(model.wv):
                source = "corpus" if given else "documents"
                raise ValueError(
                    f"No word of the {source} occurs min_count={self.min_count} times: "
                    "there is nothing to train word vectors on. Give more text, or a "
                    "smaller min_count."
                )
            model.train(
                sentences, total_examples=model.corpus_count, epochs=model.epochs
            )
        return model.wv


def _has_ngrams(keyed):
    """Whether words outside the vocabulary have vectors, those of their n-grams."""
    return getattr(keyed, "bucket", 0) > 0


def _look_up(words, keyed):
    """Return the distinct words of documents that have a vector, and their vectors.

    In the order of the alphabet, so that sums do not depend on the other documents.
    """
    distinct = sorted(set(chain.from_iterable(words)))
    if _has_ngrams(keyed):
        with quiet_gensim():  # it tells of words that are too short for an n-gram
            rows = [keyed.get_vector(word) for word in distinct]
        table = np.reshape(rows, (len(distinct), keyed.vector_size))
        known = table.any(axis=1)
        return list(compress(distinct, known)), table[known]
    names = [word for word in distinct if word in keyed.key_to_index]
    return names, keyed.vectors[[keyed.key_to_index[word] for word in names]]


def _idf(document_counts, n_documents):
    """Return inverse document frequencies as scikit-learn has them, smoothed."""
    return np.log((1 + n_documents) / (1 + np.asarray(document_counts))) + 1
