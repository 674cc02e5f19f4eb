"""Documents to topics."""

from numbers import Integral, Real

import numpy as np
from scipy.special import psi
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils.validation import check_is_fitted

from ..utils._sklearn import Interval, StrOptions, fit_context
from ..utils._word_vectors import quiet_gensim
from ._documents import (
    TOKEN_PATTERN,
    DocumentVectorizer,
    count_words,
    has_words,
    most_probable,
    refuse_unknown,
)

# How fast steps of batches become smaller: (offset + number of the step) ** -decay.
_DECAY, _OFFSET = 0.5, 1.0


class LDAVectorizer(DocumentVectorizer):
    r"""Turn documents into distributions over topics, by latent Dirichlet allocation.

    A topic is a distribution over words, and each word of a document has been drawn
    from one of its topics [1]_. Row :math:`d` is the mean of the variational posterior
    of the document's topics,

    .. math::
        \theta_{dt} = \gamma_{dt} / \sum_s \gamma_{ds}, \quad
        \gamma_{dt} = \alpha + \sum_w n_{dw} \phi_{dwt}, \quad
        \phi_{dwt} \propto \exp(E[\log \theta_{dt}] + E[\log \beta_{tw}])

    with :math:`\alpha` the prior, :math:`n` the counts of words and :math:`\beta` the
    topics. Rows are never cut off: they are positive and sum to 1. Images can be taught
    to predict them, as in [2]_.

    Parameters
    ----------
    n_components : int, default=40
        Number of topics; 40 as in [2]_.
    engine : {"sklearn", "gensim"}, default="sklearn"
        Whose variational Bayes learns the topics: scikit-learn's
        `LatentDirichletAllocation` or gensim's `LdaModel`. Either way, the topics of
        documents are inferred by scikit-learn's, which is the faster.
    lowercase : bool, default=True
        Whether to lower-case text first. Lists of words are taken as they are.
    stop_words : {"english"}, list, tuple or set of str, or None, default="english"
        Words that are left out, also of lists of words; ``"english"`` is
        scikit-learn's list.
    token_pattern : str, default=r"(?u)\b\w\w+\b"
        Regular expression of a word: by default two letters or digits or more.
    min_df, max_df : int or float, default=1 and 1.0
        Words in fewer or in more documents are left out; a float is a share of the
        documents.
    max_features : int, default=None
        Keep this many of the most frequent words. None keeps all.
    doc_topic_prior : float, default=None
        :math:`\alpha`, that of the topics of a document, at most 1. None:
        ``1 / n_components``. Short texts want more: captions of ten words about 0.3.
    topic_word_prior : float, default=None
        That of the words of a topic, at most 1. None: ``1 / n_components``.
    max_iter : int, default=10
        Passes over the documents.
    batch_size : int, default=None
        Documents of a step of online learning [3]_. None: all documents, where each
        pass is a step of batch learning.
    n_jobs : int, default=None
        Processes of scikit-learn's engine, also in `transform`. None means 1. Which
        topics are found depends on their number.
    random_state : int, RandomState instance or None, default=None
        Seed. With an int, results are the same in every process.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        The column of each word in `topic_word_`, in the order of the alphabet.
    topic_word_ : ndarray of shape (n_components, n_words), dtype float64
        Probability of each word in each topic; rows sum to 1.
    lda_ : LatentDirichletAllocation
        What infers the topics of counts of words.

    See Also
    --------
    WordMeanVectorizer : Means of word vectors.
    Doc2VecVectorizer : Paragraph vectors.

    References
    ----------
    .. [1] D. M. Blei, A. Y. Ng and M. I. Jordan, "Latent Dirichlet allocation", JMLR 3,
       2003.
    .. [2] L. Gomez, Y. Patel, M. Rusinol, D. Karatzas and C. V. Jawahar,
       "Self-supervised learning of visual features through embedding images into text
       topic spaces", CVPR 2017.
    .. [3] M. D. Hoffman, D. M. Blei and F. Bach, "Online learning for latent Dirichlet
       allocation", NeurIPS 2010.

    Examples
    --------
    >>> from sklearn_crossmodal.preprocessing import LDAVectorizer
    >>> texts = ["dogs chase cats", "cats and dogs", "boats sail", "sail the boats"]
    >>> lda = LDAVectorizer(n_components=2, random_state=0).fit(texts * 10)
    >>> sorted(sorted(word for word, _ in topic) for topic in lda.get_topics(2))
    [['boats', 'sail'], ['cats', 'dogs']]
    >>> lda.transform(["dogs", "boats"]).sum(axis=1)
    array([1., 1.], dtype=float32)
    """

    _parameter_constraints: dict = {
        **DocumentVectorizer._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "engine": [StrOptions({"sklearn", "gensim"})],
        # More is checked by CountVectorizer.
        "min_df": [Interval(Real, 0, None, closed="left")],
        "max_df": [Interval(Real, 0, None, closed="left")],
        "max_features": [Interval(Integral, 1, None, closed="left"), None],
        "doc_topic_prior": [Interval(Real, 0, 1, closed="right"), None],
        "topic_word_prior": [Interval(Real, 0, 1, closed="right"), None],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "n_jobs": [Integral, None],
    }

    _unknown_rows = "uniform, the mean of the prior"

    def __init__(
        self,
        n_components=40,
        *,
        engine="sklearn",
        lowercase=True,
        stop_words="english",
        token_pattern=TOKEN_PATTERN,
        min_df=1,
        max_df=1.0,
        max_features=None,
        doc_topic_prior=None,
        topic_word_prior=None,
        max_iter=10,
        batch_size=None,
        n_jobs=None,
        random_state=None,
    ):
        self.n_components = n_components
        self.engine = engine
        self.lowercase = lowercase
        self.stop_words = stop_words
        self.token_pattern = token_pattern
        self.min_df = min_df
        self.max_df = max_df
        self.max_features = max_features
        self.doc_topic_prior = doc_topic_prior
        self.topic_word_prior = topic_word_prior
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.random_state = random_state

    # CountVectorizer validates min_df and max_df.
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Learn the topics.

        Parameters
        ----------
        X : list, 1-D array or Series of length n_documents
            Documents: str, or lists of words, which are taken as they are.
        y : ignored
            For use in pipelines.

        Returns
        -------
        self : LDAVectorizer
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
        vocabulary, counts = self._count(words)
        seed = self._draw_seed()
        # In random order: neighbours are often alike, as captions of one photo are.
        order = np.random.default_rng(seed).permutation(
            np.flatnonzero(has_words(counts))
        )
        fit_topics = self._fit_sklearn if self.engine == "sklearn" else self._fit_gensim
        lda = fit_topics(counts[order], seed)
        self.vocabulary_ = vocabulary
        self.lda_ = lda
        self.topic_word_ = lda.components_ / lda.components_.sum(axis=1, keepdims=True)
        return self

    def get_topics(self, n_words=10):
        """Return the most probable words of each topic.

        Parameters
        ----------
        n_words : int, default=10
            How many of each; all, where there are fewer.

        Returns
        -------
        topics : list of lists of (str, float)
            For each topic, words and their probabilities, most probable first.

        Raises
        ------
        ValueError
            If `n_words` is not 1 at least.
        """
        check_is_fitted(self)
        return most_probable(list(self.vocabulary_), self.topic_word_, n_words)

    @property
    def _n_features_out(self):
        return self.topic_word_.shape[0]

    def _vectors(self, words):
        counts = count_words(words, self.vocabulary_)
        return self.lda_.transform(counts).astype(np.float32), has_words(counts)

    def _count(self, words):
        """Return the vocabulary of documents, and their counts."""
        counter = CountVectorizer(
            analyzer=list,
            min_df=self.min_df,
            max_df=self.max_df,
            max_features=self.max_features,
            dtype=np.float64,
        )
        if not any(words):
            refuse_unknown(words)
        try:
            counts = counter.fit_transform(words)
        except ValueError as error:
            if "no terms remain" not in str(error):
                raise
            refuse_unknown(
                words,
                f"one in min_df={self.min_df} documents at least and max_df="
                f"{self.max_df} at most",
                "Lower min_df, or raise max_df.",
            )
        names = counter.get_feature_names_out()
        return {word: i for i, word in enumerate(names.tolist())}, counts.tocsr()

    def _model(self, n_documents, seed):
        """Return scikit-learn's estimator, not fitted."""
        in_batches = self.batch_size is not None
        return LatentDirichletAllocation(
            self.n_components,
            doc_topic_prior=self.doc_topic_prior,
            topic_word_prior=self.topic_word_prior,
            batch_size=self.batch_size if in_batches else n_documents,
            learning_decay=_DECAY if in_batches else 0.0,  # 0: each step anew
            learning_offset=_OFFSET,
            total_samples=n_documents,
            n_jobs=self.n_jobs,
            random_state=seed,
        )

    def _fit_sklearn(self, counts, seed):
        lda = self._model(counts.shape[0], seed)
        for _ in range(self.max_iter):  # its fit would compute a bound, slowly
            lda.partial_fit(counts)
        return lda

    def _fit_gensim(self, counts, seed):
        from gensim.matutils import Sparse2Corpus
        from gensim.models import LdaModel

        lda = self._model(counts.shape[0], seed)
        prior = self.doc_topic_prior
        with quiet_gensim():
            model = LdaModel(
                Sparse2Corpus(counts, documents_columns=False),
                num_topics=self.n_components,
                id2word={i: str(i) for i in range(counts.shape[1])},
                alpha="symmetric" if prior is None else prior,
                eta=self.topic_word_prior,
                passes=self.max_iter,
                chunksize=lda.batch_size,
                decay=lda.learning_decay,
                offset=lda.learning_offset,
                eval_every=None,
                random_state=seed,
            )
        lda.partial_fit(counts[:1])  # for what its transform needs beside the topics
        lda.components_ = model.state.get_lambda().astype(np.float64)
        totals = lda.components_.sum(axis=1, keepdims=True)
        lda.exp_dirichlet_component_ = np.exp(psi(lda.components_) - psi(totals))
        return lda
