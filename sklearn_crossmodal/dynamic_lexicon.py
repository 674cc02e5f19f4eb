"""DynamicLexicon: the words that are likely in an image, ranked from what is seen."""

from collections.abc import Mapping
from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from .preprocessing import LDAVectorizer
from .preprocessing._topics import topic_masses, topic_words, word_counts
from .semantic import SemanticProjector
from .utils._bags import Bags
from .utils._containers import as_rows, holds_text
from .utils._labels import as_labels, label_dtype, name_labels
from .utils._sklearn import Interval, StrOptions
from .utils._strings import check_strings
from .utils._top_k import check_n


class DynamicLexicon(SemanticProjector):
    r"""Rank the words of a lexicon for each image, by what is seen in it.

    Topics are found in the texts of images, and a net learns to predict the topics of
    an image. A word is then as probable as its topics are:

    .. math:: P(w \mid x) = (1 - \lambda) \sum_t P(w \mid t)\, P(t \mid x)
              + \lambda P(w)

    which tells a reader of text in images what to expect there, and a captioner which
    words to choose from. The method is that of [1]_.

    Parameters
    ----------
    y_transformer : transformer, default=None
        What finds the topics of a text: `LDAVectorizer`; a Pipeline of scikit-learn
        that counts words and ends in `LatentDirichletAllocation` or `NMF`; or
        `CountVectorizer`, which makes each word a topic, so that the net predicts words
        themselves. None means ``LDAVectorizer(100)``.
    background : mapping of str to number, default=None
        How often words occur in general, for :math:`P(w)`, a count for each. None
        counts them in the training texts.
    background_weight : float, default=0.1
        The weight :math:`\lambda` of :math:`P(w)`.
    loss : {"softmax_cross_entropy", "sigmoid_cross_entropy"}, \
            default="softmax_cross_entropy"
        Of the distribution over topics; see `SemanticProjector`.
    similarity : {"auto", "cosine", "dot", "euclidean", "log_ratio", "kl"}, \
            default="auto"
        How an image is compared with a text, see `SemanticProjector`; ``"auto"`` is
        ``"log_ratio"``. Words are ranked without it.
    center : bool, default=True
        Whether topics compared as vectors have the mean of the training texts for
        their origin.
    whitening : float, default=0.5
        How far their variances are evened out, see `SemanticProjector`.
    image_module : torch.nn.Module, default=None
        Backbone for raw images, see `SemanticProjector`.
    hidden_layer_sizes : tuple of int, default=(512,)
        Hidden layers between features and topics.
    activation : {"relu", "tanh", "gelu"}, default="relu"
        Activation of the hidden layers.
    dropout : float, default=0.5
        Share of the inputs of each layer that training drops.
    optimizer : {"adamw", "adam", "sgd", "adadelta"} or type, default="adamw"
        Optimizer, by name or as a `torch.optim.Optimizer` class.
    lr : float, default=2e-3
        Learning rate.
    lr_schedule : {"constant", "cosine", "one_cycle"}, default="cosine"
        How the learning rate goes down over the epochs.
    weight_decay : float, default=0.01
        Weight decay, of weights only.
    max_grad_norm : float, default=None
        Longer gradients are scaled down to this norm.
    batch_size : int, default=256
        Texts in a batch, each with its image.
    max_epochs : int, default=20
        Passes over the texts.
    early_stopping : bool, default=False
        Whether to hold out rows, stop when their mean reciprocal rank no longer
        improves, and restore the best weights.
    validation_fraction : float, default=0.1
        Share of the rows (of the groups) held out by `early_stopping`.
    n_iter_no_change : int, default=3
        Epochs without improvement after which `early_stopping` stops.
    warm_start : bool, default=False
        Whether `fit` trains `max_epochs` more instead of starting afresh.
    callbacks : list of skorch callbacks, default=None
        Used as they are; copied at `fit`.
    net_params : dict, default=None
        Further arguments of `skorch.NeuralNet`.
    device : str or torch.device, default="auto"
        Where to train. ``"auto"`` takes CUDA when there is one.
    random_state : int, RandomState instance or None, default=None
        Seed of topics, initial weights, batches and dropout. The same integer gives the
        same bits on one machine's CPU.
    verbose : int, default=0
        Above 0, prints a line for each epoch.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        The words of the topics, and the column of each.
    topic_word_ : {ndarray, sparse array} of shape (n_topics, n_words)
        The probability of each word in each topic; rows sum to 1.
    word_counts_ : ndarray of shape (n_words,), dtype float64
        How often each occurs: in the training texts, or in `background`.
    other_counts_ : dict of str to float
        How often other words occur in `background`.
    label_dtype_ : str
        Type of what `predict` returns, as numpy writes it.
    net_ : skorch.NeuralNet
        Trained net; ``net_.module_`` holds backbone, head and text space.
    y_transformer_ : transformer
        Fitted on the training texts.
    similarity_ : {"cosine", "dot", "euclidean", "kl"}
        How embeddings are compared.
    history_ : list of dict
        What was recorded in each epoch: ``train_loss``, ``dur``, ``valid_score``, ...
    n_iter_ : int
        Number of epochs trained.
    seed_ : int
        The seed drawn from `random_state`.
    n_features_in_ : int
        Number of features of `X`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, when `X` has string column names.

    See Also
    --------
    SemanticProjector : The same net, with any text space.
    sklearn_crossmodal.metrics.lexicon_report : Ranks of held-out words, beside the
        frequency of words and an oracle.

    Notes
    -----
    Several texts of a row are several documents. Topics are found better in the texts
    of an image joined into one, and fewer of them in short documents.

    A `y` of numbers holds labels: each is a text of one word, written in digits. It is
    given as a list of words, which `LDAVectorizer` takes, and
    ``CountVectorizer(analyzer=list)``.

    In [1]_ texts are the captions of an image and the words seen in it; topics were
    found by gensim, 30 of them, and the last layer of an Inception net was trained to
    predict them, on features `X` of the layer before::

        DynamicLexicon(
            LDAVectorizer(30, engine="gensim"), background_weight=0,
            hidden_layer_sizes=(), dropout=0, optimizer="sgd", lr=0.01,
            lr_schedule="constant", weight_decay=0, batch_size=100)

    Words that no topic knows then all have a probability of 0, and tie.

    References
    ----------
    .. [1] Y. Patel, L. Gomez, M. Rusiñol, D. Karatzas, "Dynamic lexicon generation for
       natural scene images", ECCV workshops 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_crossmodal import DynamicLexicon
    >>> from sklearn_crossmodal.preprocessing import LDAVectorizer
    >>> rng = np.random.default_rng(0)
    >>> is_street = rng.random(200) < 0.5
    >>> X = np.column_stack([is_street, ~is_street]) + 0.1 * rng.normal(size=(200, 2))
    >>> streets, beaches = ["bus", "taxi", "stop"], ["surf", "sand", "wave"]
    >>> y = [" ".join(rng.choice(streets if s else beaches, 5)) for s in is_street]
    >>> lexicon = DynamicLexicon(LDAVectorizer(2), lr=0.05, random_state=0).fit(X, y)
    >>> ranked, _ = lexicon.rank([[1, 0]], ["wave", "taxi"])
    >>> ranked
    [['taxi', 'wave']]
    >>> words, _ = lexicon.top([[0, 1]], n=3)
    >>> sorted(words[0])
    ['sand', 'surf', 'wave']
    """

    _parameter_constraints: dict = {
        **SemanticProjector._parameter_constraints,
        "loss": [StrOptions({"softmax_cross_entropy", "sigmoid_cross_entropy"})],
        "background": [Mapping, None],
        "background_weight": [Interval(Real, 0, 1, closed="both")],
    }

    _shared_parameters = ("image_module", "background")

    # A parameter of SemanticProjector that topics have no use for.
    target_scaling = "column"

    def __init__(
        self,
        y_transformer=None,
        *,
        background=None,
        background_weight=0.1,
        loss="softmax_cross_entropy",
        similarity="auto",
        center=True,
        whitening=0.5,
        image_module=None,
        hidden_layer_sizes=(512,),
        activation="relu",
        dropout=0.5,
        optimizer="adamw",
        lr=2e-3,
        lr_schedule="cosine",
        weight_decay=0.01,
        max_grad_norm=None,
        batch_size=256,
        max_epochs=20,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=3,
        warm_start=False,
        callbacks=None,
        net_params=None,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        self.y_transformer = y_transformer
        self.background = background
        self.background_weight = background_weight
        self.loss = loss
        self.similarity = similarity
        self.center = center
        self.whitening = whitening
        self.image_module = image_module
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.optimizer = optimizer
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.weight_decay = weight_decay
        self.max_grad_norm = max_grad_norm
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.net_params = net_params
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    # ------------------------------------------------------------------- prediction

    def predict(self, X):
        """Return the most probable word for each image.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Images.

        Returns
        -------
        words : ndarray of shape (n_samples,)
            As objects; numbers, if `y` was of numbers.
        """
        words, _ = self.top(X, n=1)
        return as_labels([row[0] for row in words], self.label_dtype_)

    def top(self, X, n=10):
        """Return the most probable words for each image.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Images.
        n : int, default=10
            How many to return; all, when there are fewer.

        Returns
        -------
        words : list of lists of str
            For each image, most probable first.
        probabilities : ndarray of shape (n_samples, n), dtype float32
            Of these words.
        """
        return self.rank(X, n=n)

    def rank(self, X, words=None, n=None):
        """Rank words for each image.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Images.
        words : list of str, default=None
            The lexicon, which may have words that no topic knows: what is left for
            those is how often they occur, see `background`. The words of the topics by
            default.
        n : int, default=None
            How many to return; all by default.

        Returns
        -------
        ranked : list of lists of str
            For each image the words, most probable first.
        probabilities : ndarray of shape (n_samples, n), dtype float32
            Of these words.
        """
        probabilities = self.word_proba(X, words)
        words = list(self.vocabulary_) if words is None else list(words)
        n = len(words) if n is None else min(check_n(n), len(words))
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :n]
        ranked = [[words[i] for i in row] for row in order]
        return ranked, np.take_along_axis(probabilities, order, axis=1)

    def word_proba(self, X, words=None):
        """Return the probability of each word, given the image.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Images.
        words : list of str, default=None
            The lexicon; the words of the topics by default.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_words), dtype float32
            Over the words of the topics, and those of `background`, rows sum to 1.

        Raises
        ------
        TypeError
            If `words` holds something that is not a str.
        ValueError
            If `words` is empty.
        """
        return self._word_proba(self.topic_proba(X), words)

    def word_proba_y(self, y, words=None):
        """Return the probability of each word, given a text instead of the image.

        The topics are those of the text: what images could tell at best.

        Parameters
        ----------
        y : list of str or list of lists of str
            Texts; several of a row count as their mean.
        words : list of str, default=None
            The lexicon; the words of the topics by default.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_words), dtype float32
            One row for each row of `y`.
        """
        return self._word_proba(self.topic_proba_y(y), words)

    def background_proba(self, words=None):
        """Return how probable each word is in general.

        Parameters
        ----------
        words : list of str, default=None
            The lexicon; the words of the topics by default.

        Returns
        -------
        probabilities : ndarray of shape (n_words,), dtype float64
            Each word counts once more than it occurs, so that none is impossible.
        """
        check_is_fitted(self)
        n_words = len(self.vocabulary_) + len(self.other_counts_)
        total = self.word_counts_.sum() + sum(self.other_counts_.values()) + n_words
        if words is None:
            return (self.word_counts_ + 1) / total
        counts = [self._count_of(word) for word in check_strings(words, "words")]
        return (np.array(counts, dtype=np.float64) + 1) / total

    def _count_of(self, word):
        if word in self.vocabulary_:
            return self.word_counts_[self.vocabulary_[word]]
        return self.other_counts_.get(word, 0)

    def _word_proba(self, shares, words):
        background = self.background_proba(words)
        topic_word = self.topic_word_
        if words is not None:
            columns = [self.vocabulary_.get(word, -1) for word in words]
            topic_word = _take_columns(topic_word, np.array(columns))
        known = shares @ topic_word
        weight = self.background_weight
        return ((1 - weight) * known + weight * background).astype(np.float32)

    # --------------------------------------------------------------- what comes in

    def _default_y_transformer(self, items):
        return LDAVectorizer(100)

    def _check_pairs(self, X, y, metadata, *, reset):
        _check_background(self.background)
        if reset:
            self.label_dtype_ = label_dtype(y)
        return super()._check_pairs(X, y, metadata, reset=reset)

    def _read_y(self, y):
        bags = super()._read_y(y)
        if holds_text(as_rows(y)):
            return bags
        labels = name_labels(bags.items, type(self).__name__)
        return Bags([[label] for label in labels], bags.counts)

    def _fit_items(self, items, rows):
        super()._fit_items(items, rows)
        words, self.topic_word_ = topic_words(self.y_transformer_)
        self.vocabulary_ = {word: i for i, word in enumerate(words.tolist())}
        given = self.background
        if given is None:
            counts = word_counts(self.y_transformer_, items, words)
        else:
            counts = [given.get(word, 0) for word in words]
        self.word_counts_ = np.asarray(counts, dtype=np.float64)
        self.other_counts_ = {
            word: float(count)
            for word, count in (given or {}).items()
            if word not in self.vocabulary_
        }

    def _check_items(self, items):
        items = super()._check_items(items)
        masses = topic_masses(self.y_transformer_)
        return items if masses is None else items * masses

    def _space(self, items):
        space, settings = super()._space(items)
        if space != "topics":
            raise ValueError(
                "DynamicLexicon learns distributions over topics, and y_transformer "
                "returns rows that are none. Take loss='softmax_cross_entropy', which "
                "divides rows by their sum."
            )
        return space, settings


def _check_background(background):
    for word, count in (background or {}).items():
        if not (isinstance(count, Real) and 0 <= count < np.inf):
            raise ValueError(
                "background must map words to counts, numbers that are finite and not "
                f"negative; that of {word!r:.60} is {count!r:.60}."
            )


def _take_columns(topic_word, columns):
    """Return columns of a matrix; -1 is a column of zeros."""
    taken = topic_word[:, columns]
    taken = taken.toarray() if issparse(taken) else taken
    return np.where(columns >= 0, taken, 0)
