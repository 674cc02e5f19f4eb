"""Documents to paragraph vectors."""

import copy
from numbers import Integral, Real

import numpy as np

from ..utils._sklearn import Interval, fit_context
from ..utils._word_vectors import quiet_gensim
from ._documents import TOKEN_PATTERN, DocumentVectorizer, refuse_unknown, text_seed

# gensim's own bound: it would leave out the words beyond.
_LONGEST_DOCUMENT = 10_000


class Doc2VecVectorizer(DocumentVectorizer):
    r"""Turn documents into paragraph vectors.

    The vector of a document is learnt, by steps of gradient descent, so as to predict
    its words: alone, or together with those around each word [1]_. In `transform` the
    words' vectors are kept as `fit` learnt them, and the same document always has the
    same vector, also the documents of `fit`.

    Parameters
    ----------
    n_components : int, default=100
        Dimension.
    dm : bool, default=False
        False: the distributed bag of words, which predicts words from the document
        alone. True: distributed memory, from the document and the words around.
    lowercase : bool, default=True
        Whether to lower-case text first. Lists of words are taken as they are.
    stop_words : {"english"}, list, tuple or set of str, or None, default=None
        Words that are left out, also of lists of words; ``"english"`` is
        scikit-learn's list.
    token_pattern : str, default=r"(?u)\b\w\w+\b"
        Regular expression of a word: by default two letters or digits or more.
    window : int, default=5
        Reach of the context of distributed memory, in words.
    min_count : int, default=1
        Rarer words are left out.
    epochs : int, default=20
        Passes over the documents.
    lr : float, default=0.1
        Learning rate at the start, also in `transform`; it goes down to 0.0001. Four
        times that of gensim, since captions are short.
    n_negatives : int, default=5
        Noise words for each word.
    sample : float, default=1e-3
        Words more frequent than this share of the text are thinned out.
    infer_epochs : int, default=None
        Passes over a document in `transform`. None: `epochs`.
    random_state : int, RandomState instance or None, default=None
        Seed. With an int, results are the same in every process.

    Attributes
    ----------
    model_ : gensim.models.Doc2Vec
        The trained model, without vectors of the documents of `fit`.
    seed_ : int
        What starting vectors of documents depend on, beside their words.

    See Also
    --------
    LDAVectorizer : Topics.
    WordMeanVectorizer : Means of word vectors.

    References
    ----------
    .. [1] Q. Le and T. Mikolov, "Distributed representations of sentences and
       documents", ICML 2014.

    Examples
    --------
    >>> from sklearn_crossmodal.preprocessing import Doc2VecVectorizer
    >>> texts = ["a dog runs", "a cat sleeps", "two dogs"]
    >>> doc2vec = Doc2VecVectorizer(n_components=8, random_state=0).fit(texts)
    >>> vectors = doc2vec.transform(texts)
    >>> vectors.shape
    (3, 8)
    >>> bool((doc2vec.transform(["two dogs"]) == vectors[2]).all())
    True
    """

    _parameter_constraints: dict = {
        **DocumentVectorizer._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "dm": ["boolean"],
        "window": [Interval(Integral, 1, None, closed="left")],
        "min_count": [Interval(Integral, 1, None, closed="left")],
        "epochs": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "n_negatives": [Interval(Integral, 1, None, closed="left")],
        "sample": [Interval(Real, 0, 1, closed="both")],
        "infer_epochs": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        n_components=100,
        *,
        dm=False,
        lowercase=True,
        stop_words=None,
        token_pattern=TOKEN_PATTERN,
        window=5,
        min_count=1,
        epochs=20,
        lr=0.1,
        n_negatives=5,
        sample=1e-3,
        infer_epochs=None,
        random_state=None,
    ):
        self.n_components = n_components
        self.dm = dm
        self.lowercase = lowercase
        self.stop_words = stop_words
        self.token_pattern = token_pattern
        self.window = window
        self.min_count = min_count
        self.epochs = epochs
        self.lr = lr
        self.n_negatives = n_negatives
        self.sample = sample
        self.infer_epochs = infer_epochs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Train the model.

        Parameters
        ----------
        X : list, 1-D array or Series of length n_documents
            Documents: str, or lists of words, which are taken as they are.
        y : ignored
            For use in pipelines.

        Returns
        -------
        self : Doc2VecVectorizer
            Fitted transformer.

        Raises
        ------
        TypeError
            If an entry is neither str nor a list of str; it is named.
        ValueError
            If there is no document, or none has a word that is kept:
            it says what to change.
        """
        words = self._words(X)
        if not any(words):
            refuse_unknown(words)
        seed = self._draw_seed()
        self.model_ = self._trained(words, seed)
        self.seed_ = seed
        return self

    @property
    def _n_features_out(self):
        return self.model_.vector_size

    def _trained(self, words, seed):
        from gensim.models import Doc2Vec, KeyedVectors
        from gensim.models.doc2vec import TaggedDocument

        model = Doc2Vec(
            vector_size=self.n_components,
            dm=int(self.dm),
            window=self.window,
            min_count=self.min_count,
            epochs=self.epochs,
            alpha=self.lr,
            negative=self.n_negatives,
            sample=self.sample,
            workers=1,  # more of them are not reproducible
            seed=seed,
        )
        documents = [
            TaggedDocument(part, [i]) for i, d in enumerate(words) for part in _parts(d)
        ]
        with quiet_gensim():
            model.build_vocab(documents)
            if not len(model.wv):
                refuse_unknown(
                    words,
                    f"one that occurs min_count={self.min_count} times",
                    "Give more text, or a smaller min_count.",
                )
            model.train(
                documents, total_examples=model.corpus_count, epochs=model.epochs
            )
        # The vectors of the documents themselves are not needed any more.
        model.dv = KeyedVectors(model.vector_size)
        return model

    def _vectors(self, words):
        known = self.model_.wv.key_to_index
        words = [[word for word in document if word in known] for document in words]
        vectors = np.zeros((len(words), self._n_features_out), dtype=np.float32)
        # Inference draws from the model's generator: it gets one of its own, so that
        # the fitted model stays as it is, and threads do not mix.
        model = copy.copy(self.model_)
        model.random = np.random.RandomState(0)
        for vector, document in zip(vectors, words, strict=True):
            if document:
                self._infer(model, document, vector[None])
        return vectors, np.array(list(map(bool, words)))

    def _infer(self, model, words, vector):
        """Train the vector of one document, in place.

        gensim's own loop starts from Python's hash of the words, which is another in
        each process.
        """
        from gensim.models.doc2vec import train_document_dbow, train_document_dm

        train = train_document_dm if self.dm else train_document_dbow
        # What gensim would allocate, it would free before it writes to it.
        buffers = {
            name: np.zeros(model.layer1_size, dtype=np.float32)
            for name in (("work", "neu1") if self.dm else ("work",))
        }
        model.random.seed(text_seed(words) ^ self.seed_)
        n_components = vector.shape[1]
        vector[0] = (model.random.random_sample(n_components) - 0.5) / n_components
        n_epochs = self.infer_epochs or self.epochs
        lock = np.ones(1, dtype=np.float32)
        for alpha in np.linspace(model.alpha, model.min_alpha, n_epochs):
            for part in _parts(words):
                train(
                    model,
                    part,
                    [0],
                    alpha,
                    learn_words=False,
                    learn_hidden=False,
                    doctag_vectors=vector,
                    doctags_lockf=lock,
                    **buffers,
                )


def _parts(words):
    """Return the parts of a document that gensim takes at once."""
    starts = range(0, max(1, len(words)), _LONGEST_DOCUMENT)
    return [words[start : start + _LONGEST_DOCUMENT] for start in starts]
