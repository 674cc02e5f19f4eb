"""ImageEnhancedSkipGram: word vectors that text and images train in turn."""

import warnings
from numbers import Real

import torch
from sklearn.exceptions import ConvergenceWarning

from .losses._word_space import CONTEXT_LOSSES, IMAGE_WORD_LOSSES
from .utils._sklearn import Interval, StrOptions, fit_context
from .word_space._embedder import WordSpaceEmbedder
from .word_space._text import WordLoss
from .word_space._tower import mean_cosine

# From this mean cosine on, words or images tell hardly anything apart.
_COLLAPSED, _N_LOOKED_AT = 0.9, 2000


class ImageEnhancedSkipGram(WordSpaceEmbedder):
    r"""Train word vectors and a projection of images among them, in turn.

    Skip-gram is trained on text by gensim. Then batches of images, which train the
    projection and the vectors of the words that name them, alternate with pieces of the
    text, which train all words on. Images and words search each other, and the word
    vectors remain good word vectors, with gensim's whole ecosystem for them:
    `word_vectors_`.

    The method of [1]_, with other losses beside its own. The defaults are what measures
    best; the paper's recipe is reached by parameters, see Notes.

    Parameters
    ----------
    n_components : int, default=None
        Dimension of the word space. None: that of `word_vectors`, or 100.
    corpus : path, list of paths, or iterable of lists of str, default=None
        The text: files of one sentence or paragraph a line, its words separated by
        white space, possibly compressed (``.gz``, ``.bz2``, ``.xz``), or sentences. It
        is read several times; training reads it from a temporary file of 4 bytes a
        word, not from memory. None: the words of `y`, each row a sentence.
    word_vectors : gensim Word2Vec or KeyedVectors, or path, default=None
        What to start from: a trained model, or vectors (whose context vectors then
        start at zero), or a file in the format of word2vec, text or binary, or of
        GloVe, possibly compressed. None: skip-gram is trained at `fit`.
    y_transformer : transformer, default=None
        Applied to the texts of `y` before their words are looked up; it must return
        str. None leaves them as they are.
    loss : {"sigmoid", "softmax", "negative_sampling", "squared_error", "cosine", \
            "logistic", "hinge"}, default="sigmoid"
        The image loss. The first compare an image with its word: see
        `Im2VecProjector`. The others compare it with words around an occurrence of its
        word in the text, as if the image stood there:

        - ``"logistic"``: log-sigmoid of the inner products with the context and with
          noise words;
        - ``"hinge"``: by a margin more like the context than like noise, the paper's.
    word_loss : {"logistic", "hinge"}, default="logistic"
        The word loss: negative sampling, as skip-gram itself, or the paper's hinge.
    energy : {"dot", "cosine"}, default="dot"
        What the word loss and the hinges compare by.
    margin : float, default=1.0
        Margin :math:`m` of the hinges.
    positive_weight : float, default=5.0
        Weight :math:`\lambda` of the hinges, if `positive_weight_mode` has one.
    positive_weight_mode : {"none", "scale", "printed"}, default="none"
        What :math:`\lambda` does in the hinges, of a context word of energy
        :math:`E_c` and a noise word of :math:`E_n`:

        - ``"none"``: nothing, :math:`\max(0, m - E_c + E_n)`;
        - ``"scale"``: :math:`\lambda \max(0, m - E_c + E_n)`;
        - ``"printed"``: :math:`\max(0, m - \lambda E_c + E_n)`, as in the paper. All
          vectors alike, with an inner product of :math:`m/(\lambda - 1)`, have no loss
          then: embeddings collapse, which is warned about.
    temperature : float, default=0.1
        Initial temperature of ``"sigmoid"``.
    n_negatives : int, default=5
        Noise words for a pair of words, and their weight beside an image.
    noise_power : float, default=0.75
        Noise words are drawn by how often they occur in the text, to this power.
    window : int, default=5
        Farthest word that counts as context.
    sample : float, default=1e-3
        Words more frequent than this share of the text are thinned out.
    balance : float, default=0.0
        An image is drawn with a probability proportional to how often its text occurs
        in `y`, to the power of minus this. 0: each image once a pass.
    anchored_words : list of str, default=None
        Words whose vectors stay as they are.
    word_lr, image_word_lr : float, default=0.0025
        Learning rates of the vectors, for a pair of words of the text and for an image.
        0.025, the rate of word2vec, which starts from nothing, makes trained vectors
        worse. Few words with many images each, ten say, need a smaller `image_word_lr`:
        2e-4 keeps them among other words.
    image_passes : int, default=10
        Passes over the images in an epoch, which is one pass over the text.
    min_count : int, default=None
        Rarer words of the text get no vector. None: 5 in a `corpus`, 1 in `y`.
    pretrain_epochs : int, default=5
        Passes over the text that train skip-gram before.
    kernel : {"auto", "numba", "torch"}, default="auto"
        What trains on text. ``"auto"`` takes numba (extra ``fast``) where it is
        installed and training is on the CPU: it is many times as fast.
    n_jobs : int, default=None
        Threads that train on text; -1 takes all cores. More than one (None) are not
        reproducible.
    hidden_layer_sizes : tuple of int, default=()
        Hidden layers of the projection; none makes it linear.
    activation : {"relu", "tanh", "gelu"}, default="relu"
        Activation of the hidden layers.
    dropout : float, default=0.0
        Share of the inputs of each layer that training drops.
    fit_intercept : bool, default=False
        Whether the layers have biases.
    optimizer : {"adamw", "adam", "sgd", "adadelta"} or type, default="adamw"
        Optimizer of the projection, by name or as a `torch.optim.Optimizer` class.
    lr : float, default=1e-3
        Its learning rate.
    lr_schedule : {"constant", "cosine", "one_cycle"}, default="cosine"
        How the learning rates change over the epochs.
    weight_decay : float, default=0.0
        Weight decay of the projection.
    max_grad_norm : float, default=None
        Longer gradients are scaled down to this norm.
    batch_size : int, default=128
        Images in a batch.
    max_epochs : int, default=2
        Passes over the text.
    early_stopping : bool, default=False
        Whether to hold out images, stop when their mean reciprocal rank no longer
        improves, and restore the best weights. Images are held out at random; with
        `groups`, whole groups.
    validation_fraction : float, default=0.1
        Share of the images (of the groups) held out by `early_stopping`.
    n_iter_no_change : int, default=10
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
        Seed of word vectors, initial weights, batches and noise. The same integer gives
        the same bits on one machine's CPU.
    verbose : int, default=0
        Above 0, prints a line for each epoch.

    Attributes
    ----------
    word_vectors_ : gensim.models.KeyedVectors
        The word vectors.
    vocabulary_ : dict of str to int
        The words, and the row of each.
    word_counts_ : ndarray of shape (n_words,), dtype int64
        How often each occurs in the text, where that is known; else 1.
    projection_scale_ : float
        What brings projections to the mean length of the words that they are of.
    label_dtype_ : str
        Type of what `predict` returns, as numpy writes it.
    net_ : skorch.NeuralNet
        Trained net; ``net_.module_`` holds the projection, and the vectors and context
        vectors of the words.
    y_transformer_ : transformer or None
        Fitted on the training texts.
    history_ : list of dict
        What was recorded in each epoch: ``train_loss`` of images, ``word_loss``,
        ``word_cosine`` (the mean cosine of two words), ``dur``, ``valid_score``, ...
    n_iter_ : int
        Number of epochs trained.
    seed_ : int
        The seed drawn from `random_state`.
    n_features_in_ : int
        Number of features of `X`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, when `X` has string column names.

    Warns
    -----
    ConvergenceWarning
        If with ``positive_weight_mode="printed"`` the mean cosine of two words, or of
        two images, is above 0.9 in the end: they have collapsed.
    UserWarning
        If texts of `y` have no word with a vector: their images are left out.

    See Also
    --------
    Im2VecProjector : Project images among words that stay as they are.
    sklearn_crossmodal.metrics.word_matching_report : The paper's evaluation.
    sklearn_crossmodal.metrics.word_similarity : Agreement with human judgements.

    Notes
    -----
    A str of `y` is a word of the vocabulary, or words separated by white space, of
    which the mean counts; a list of str holds tags, each for itself. Numbers are
    labels, and words by their digits. Features are best as a net gives them, all of one
    scale; centring them costs accuracy with a projection through the origin.

    The paper's recipe [1]_::

        ImageEnhancedSkipGram(
            loss="hinge", word_loss="hinge", positive_weight=5,
            positive_weight_mode="printed", balance=0, optimizer="sgd", lr=0.01,
            lr_schedule="constant", net_params={"optimizer__momentum": 0.9},
            word_lr=0.01, image_word_lr=0.01, batch_size=16)

    On real text it collapses. With ``positive_weight_mode="none"`` it does not. The
    paper does not give the margin, the dimension, the number of epochs or of noise
    words; its images are drawn with the occurrences of their words, here each once a
    pass.

    References
    ----------
    .. [1] R. Luo, "Exploration on grounded word embedding: Matching words and images
       with image-enhanced skip-gram model", 2018.

    Examples
    --------
    Six words of two topics, in sentences, and images of four of them:

    >>> import numpy as np
    >>> from sklearn_crossmodal import ImageEnhancedSkipGram
    >>> rng = np.random.default_rng(0)
    >>> topics = [["cat", "dog", "purr", "bark"], ["car", "van", "road", "drive"]]
    >>> corpus = [list(rng.permutation(topics[i % 2])) for i in range(400)]
    >>> y = rng.choice(["cat", "dog", "car", "van"], size=200)
    >>> hot = y[:, None] == ["cat", "dog", "car", "van"]
    >>> X = hot + 0.1 * rng.normal(size=(200, 4))
    >>> model = ImageEnhancedSkipGram(
    ...     16, corpus=corpus, sample=0, pretrain_epochs=30, lr=0.01, random_state=0
    ... )
    >>> model.fit(X, y).predict(np.eye(4))
    array(['cat', 'dog', 'car', 'van'], dtype=object)
    >>> sorted(word for word, _ in model.word_vectors_.most_similar("road", topn=3))
    ['car', 'drive', 'van']
    """

    _parameter_constraints: dict = {
        **WordSpaceEmbedder._parameter_constraints,
        "loss": [StrOptions(set(IMAGE_WORD_LOSSES) | set(CONTEXT_LOSSES))],
        "word_loss": [StrOptions({"logistic", "hinge"})],
        "energy": [StrOptions({"dot", "cosine"})],
        "margin": [Interval(Real, 0, None, closed="neither")],
        "positive_weight": [Interval(Real, 0, None, closed="neither")],
        "positive_weight_mode": [StrOptions({"none", "scale", "printed"})],
    }

    _losses = {**IMAGE_WORD_LOSSES, **CONTEXT_LOSSES}
    _trains_words = True

    def __init__(
        self,
        n_components=None,
        *,
        corpus=None,
        word_vectors=None,
        y_transformer=None,
        loss="sigmoid",
        word_loss="logistic",
        energy="dot",
        margin=1.0,
        positive_weight=5.0,
        positive_weight_mode="none",
        temperature=0.1,
        n_negatives=5,
        noise_power=0.75,
        window=5,
        sample=1e-3,
        balance=0.0,
        anchored_words=None,
        word_lr=0.0025,
        image_word_lr=0.0025,
        image_passes=10,
        min_count=None,
        pretrain_epochs=5,
        kernel="auto",
        n_jobs=None,
        hidden_layer_sizes=(),
        activation="relu",
        dropout=0.0,
        fit_intercept=False,
        optimizer="adamw",
        lr=1e-3,
        lr_schedule="cosine",
        weight_decay=0.0,
        max_grad_norm=None,
        batch_size=128,
        max_epochs=2,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=10,
        warm_start=False,
        callbacks=None,
        net_params=None,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.corpus = corpus
        self.word_vectors = word_vectors
        self.y_transformer = y_transformer
        self.loss = loss
        self.word_loss = word_loss
        self.energy = energy
        self.margin = margin
        self.positive_weight = positive_weight
        self.positive_weight_mode = positive_weight_mode
        self.temperature = temperature
        self.n_negatives = n_negatives
        self.noise_power = noise_power
        self.window = window
        self.sample = sample
        self.balance = balance
        self.anchored_words = anchored_words
        self.word_lr = word_lr
        self.image_word_lr = image_word_lr
        self.image_passes = image_passes
        self.min_count = min_count
        self.pretrain_epochs = pretrain_epochs
        self.kernel = kernel
        self.n_jobs = n_jobs
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.fit_intercept = fit_intercept
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

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, groups=None, corpus=None):
        """Train one more pass over a text and these images, at the constant rates.

        The vocabulary is that of the first call: words that are new to it are left out.

        Parameters
        ----------
        X : {array-like, sparse matrix, memmap} of shape (n_samples, n_features)
            Image features.
        y : list of str or list of lists of str, of length n_samples
            The words that name each image.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group are never negatives of each other.
        corpus : path, list of paths, or iterable of lists of str, default=None
            The text of this pass. None: that of the parameter `corpus`.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        ValueError
            If `early_stopping` is set, or the text has no word of the vocabulary.
        """
        return self._partial_fit(X, y, groups=groups, corpus=corpus)

    # ----------------------------------------------------------- what the engine asks

    @property
    def _image_passes(self):
        return self.image_passes

    def _word_loss(self):
        return WordLoss(
            self.word_loss,
            self.energy,
            margin=self.margin,
            positive_weight=self.positive_weight,
            positive_weight_mode=self.positive_weight_mode,
            window=self.window,
            n_negatives=self.n_negatives,
        )

    def _conclude(self, items, pairs):
        super()._conclude(items, pairs)
        images = torch.from_numpy(self._project(pairs.X, pairs.rows[:_N_LOOKED_AT]))
        cosine = max(self.history_[-1]["word_cosine"], mean_cosine(images))
        if cosine > _COLLAPSED and self.positive_weight_mode == "printed":
            warnings.warn(
                "Embeddings have collapsed: the mean cosine of two words, or of two "
                f"images, is {cosine:.2f}. positive_weight_mode='printed' has no loss "
                "where all vectors are one: use 'none' or 'scale'.",
                ConvergenceWarning,
                stacklevel=6,
            )
