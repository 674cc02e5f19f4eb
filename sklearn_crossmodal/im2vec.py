"""Im2VecProjector: images among the vectors of words."""

from .losses._word_space import IMAGE_WORD_LOSSES
from .utils._sklearn import StrOptions
from .utils._unit_rows import unit_rows
from .word_space._embedder import WordSpaceEmbedder, ids_of


class Im2VecProjector(WordSpaceEmbedder):
    r"""Project images into a space of word vectors.

    Word vectors are read, or trained on text by gensim; then a linear map is trained
    that takes the features of an image near to the words that name it. Words that no
    image was ever shown with have a vector too, and can be found.

    The method of [1]_, with other objectives beside its own. The defaults are what
    measures best, with words that were seen and words that were not; the paper's recipe
    is reached by parameters, see Notes.

    Parameters
    ----------
    n_components : int, default=None
        Dimension of the word space. None: that of `word_vectors`, or 100.
    word_vectors : gensim KeyedVectors or Word2Vec, or path, default=None
        The word space: vectors, a trained model (with its context vectors), or a file
        in the format of word2vec, text or binary, or of GloVe, possibly compressed.
        None: skip-gram is trained at `fit`.
    corpus : path, list of paths, or iterable of lists of str, default=None
        Text to train word vectors on: files of one sentence or paragraph a line, its
        words separated by white space, possibly compressed (``.gz``, ``.bz2``,
        ``.xz``), or sentences. It is read several times. None: the words of `y`, each
        row a sentence.
    y_transformer : transformer, default=None
        Applied to the texts of `y` before their words are looked up; it must return
        str. None leaves them as they are.
    loss : {"softmax", "sigmoid", "negative_sampling", "squared_error", "cosine"}, \
            default="softmax"
        What is minimised, with `x` the projection and `y` the vector of the word:

        - ``"softmax"``: cross-entropy of inner products among the words of a batch and
          noise words; best with words that were not seen;
        - ``"sigmoid"``: log-sigmoid of all cosines with them, learned scale and bias;
          best with words that were;
        - ``"negative_sampling"``: log-sigmoid of the inner products with the image's
          words and with noise words, the paper's;
        - ``"squared_error"``, ``"cosine"``: distance to the word alone.
    temperature : float, default=0.1
        Initial temperature of ``"sigmoid"``.
    n_negatives : int, default=5
        Weight of the noise words in ``"negative_sampling"``; in the training of word
        vectors, their number for a pair.
    noise_power : float, default=0.75
        Noise words are drawn by how often they occur in the text, to this power.
    balance : float, default=0.5
        An image is drawn with a probability proportional to how often its text occurs
        in `y`, to the power of minus this. 0: each image once an epoch.
    center : bool, default=True
        Whether the word space is of unit vectors from which the mean of the words of
        the training images, of two or more, was taken, scaled to unit length again.
        False leaves word vectors as they are. Not with `joint`.
    add_outputs : bool, default=True
        Whether the context vectors of words are added to their vectors, where they are
        known, which a `Word2Vec` has and `KeyedVectors` have not: words that occur
        together come nearer (Levy et al. 2015, section 3.3). Text of less than millions
        of words is better without. Not with `joint`.
    joint : bool, default=False
        Whether word vectors and context vectors are trained too: on images by the loss,
        and between batches of images on text by skip-gram with negative sampling.
    targets : {"words", "outputs"}, default="words"
        What projections are compared with when `joint`: word vectors, or context
        vectors as printed in the paper, by which an image comes near to words that
        occur where its own do.
    anchored_words : list of str, default=None
        Words whose vectors stay as they are when `joint`.
    word_lr, image_word_lr : float, default=0.0025
        Learning rates of the vectors when `joint`, for a pair of words of the text and
        for an image. 0.025 is the rate of word2vec, which starts from nothing.
    image_passes : int, default=10
        Passes over the images in an epoch when `joint`: an epoch is one pass over the
        text.
    min_count : int, default=None
        Rarer words of the text get no vector. None: 5 in a `corpus`, 1 in `y`.
    window : int, default=5
        Farthest word that counts as context.
    sample : float, default=1e-3
        Words more frequent than this share of the text are thinned out.
    pretrain_epochs : int, default=5
        Passes over the text that train word vectors.
    kernel : {"auto", "numba", "torch"}, default="auto"
        What trains on text when `joint`. ``"auto"`` takes numba (extra ``fast``) where
        it is installed and training is on the CPU: it is many times as fast.
    n_jobs : int, default=None
        Threads that train on text; -1 takes all cores. More than one (None) are not
        reproducible.
    hidden_layer_sizes : tuple of int, default=()
        Hidden layers of the projection; none makes it linear.
    activation : {"relu", "tanh", "gelu"}, default="relu"
        Activation of the hidden layers.
    dropout : float, default=0.0
        Share of the inputs of each layer that training drops.
    fit_intercept : bool, default=True
        Whether the layers have biases.
    optimizer : {"adamw", "adam", "sgd", "adadelta"} or type, default="adam"
        Optimizer of the projection, by name or as a `torch.optim.Optimizer` class.
    lr : float, default=3e-3
        Its learning rate.
    lr_schedule : {"constant", "cosine", "one_cycle"}, default="cosine"
        How the learning rates change over the epochs.
    weight_decay : float, default=0.06
        Weight decay of the projection. With ``optimizer="adam"`` it is an L2 penalty of
        half of this, which suits standardised features; that of ``"adamw"`` does not
        help with unseen words.
    max_grad_norm : float, default=None
        Longer gradients are scaled down to this norm.
    batch_size : int, default=128
        Images in a batch.
    max_epochs : int, default=20
        Passes over the images; when `joint`, over the text, of which 2 are enough.
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
        The word space, as images see it.
    vocabulary_ : dict of str to int
        Its words, and the row of each.
    word_counts_ : ndarray of shape (n_words,), dtype int64
        How often each occurs in the text, where that is known; else 1.
    word_table_ : ndarray of shape (n_words, n_components), dtype float32
        Their vectors, unless `joint`.
    projection_scale_ : float
        What brings projections to the mean length of the words that they are of.
    label_dtype_ : str
        Type of what `predict` returns, as numpy writes it.
    net_ : skorch.NeuralNet
        Trained net; ``net_.module_`` holds the projection and the word vectors.
    y_transformer_ : transformer or None
        Fitted on the training texts.
    history_ : list of dict
        What was recorded in each epoch: ``train_loss``, ``dur``, ``valid_score``;
        when `joint`, ``word_loss`` and ``word_cosine``, the mean cosine of two words.
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
    UserWarning
        If texts of `y` have no word with a vector: their images are left out.

    See Also
    --------
    ImageEnhancedSkipGram : Word vectors and projection trained together.
    sklearn_crossmodal.metrics.word_matching_report : The papers' evaluation.

    Notes
    -----
    A str of `y` is a word of the vocabulary, or words separated by white space, of
    which the mean counts; a list of str holds tags, each for itself. Numbers are
    labels, and words by their digits.

    The paper's objective [1]_, on word vectors that were trained before::

        Im2VecProjector(
            n_components=200, loss="negative_sampling", center=False,
            add_outputs=False, balance=0, fit_intercept=False, weight_decay=0)

    and all together, with ``joint=True, targets="outputs"``. The slides sum the image's
    term over pairs of words, which weighs images by the length of their text; here each
    image counts once. They print the gradient with a transposed vector, call it noise
    contrastive estimation, and turn the sign of the analogy: queen is king - man +
    woman.

    References
    ----------
    .. [1] "Im2Vec: Joint semantic and image spaces", Lawrence Livermore National
       Laboratory, LLNL-PRES-657343, 2015.
    .. [2] O. Levy, Y. Goldberg, I. Dagan, "Improving distributional similarity with
       lessons learned from word embeddings", TACL 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from gensim.models import KeyedVectors
    >>> from sklearn_crossmodal import Im2VecProjector
    >>> words = KeyedVectors(3)
    >>> words.add_vectors(
    ...     ["cat", "dog", "car", "van"],
    ...     np.array([[3, 0, 1], [3, 0, -1], [-3, 1, 1], [-3, 1, -1.0]]),
    ... )
    >>> rng = np.random.default_rng(0)
    >>> animal, big = rng.choice([-1, 1], size=(2, 200))
    >>> X = np.column_stack([animal, big]) + 0.1 * rng.normal(size=(200, 2))
    >>> y = np.where(
    ...     animal > 0, np.where(big > 0, "dog", "cat"), np.where(big > 0, "van", "car")
    ... )

    No image of a van is shown, and still it is found:

    >>> seen = y != "van"
    >>> projector = Im2VecProjector(
    ...     word_vectors=words, center=False, lr=0.03, max_epochs=200, random_state=0
    ... )
    >>> projector.fit(X[seen], y[seen]).predict([[1, -1], [-1, 1]])
    array(['cat', 'van'], dtype=object)
    """

    _parameter_constraints: dict = {
        **WordSpaceEmbedder._parameter_constraints,
        "loss": [StrOptions(set(IMAGE_WORD_LOSSES))],
        "center": ["boolean"],
        "add_outputs": ["boolean"],
        "joint": ["boolean"],
        "targets": [StrOptions({"words", "outputs"})],
    }

    _losses = IMAGE_WORD_LOSSES

    def __init__(
        self,
        n_components=None,
        *,
        word_vectors=None,
        corpus=None,
        y_transformer=None,
        loss="softmax",
        temperature=0.1,
        n_negatives=5,
        noise_power=0.75,
        balance=0.5,
        center=True,
        add_outputs=True,
        joint=False,
        targets="words",
        anchored_words=None,
        word_lr=0.0025,
        image_word_lr=0.0025,
        image_passes=10,
        min_count=None,
        window=5,
        sample=1e-3,
        pretrain_epochs=5,
        kernel="auto",
        n_jobs=None,
        hidden_layer_sizes=(),
        activation="relu",
        dropout=0.0,
        fit_intercept=True,
        optimizer="adam",
        lr=3e-3,
        lr_schedule="cosine",
        weight_decay=0.06,
        max_grad_norm=None,
        batch_size=128,
        max_epochs=20,
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
        self.word_vectors = word_vectors
        self.corpus = corpus
        self.y_transformer = y_transformer
        self.loss = loss
        self.temperature = temperature
        self.n_negatives = n_negatives
        self.noise_power = noise_power
        self.balance = balance
        self.center = center
        self.add_outputs = add_outputs
        self.joint = joint
        self.targets = targets
        self.anchored_words = anchored_words
        self.word_lr = word_lr
        self.image_word_lr = image_word_lr
        self.image_passes = image_passes
        self.min_count = min_count
        self.window = window
        self.sample = sample
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

    # ----------------------------------------------------------- what the engine asks

    def _check_pairs(self, X, y, metadata, *, reset):
        if not (self.joint or self.corpus is None or self.word_vectors is None):
            raise ValueError(
                "Im2VecProjector has word_vectors, and a corpus that it would not read."
                " Give one of them, or joint=True to train the vectors on."
            )
        return super()._check_pairs(X, y, metadata, reset=reset)

    @property
    def _trains_words(self):
        return self.joint

    @property
    def _image_passes(self):
        return self.image_passes if self.joint else 1

    @property
    def _targets(self):
        return self.targets if self.joint else "words"

    def _prepare(self, space, texts):
        """Return the vectors that images are projected among."""
        vectors = space.vectors
        if self.joint:
            return vectors
        if self.add_outputs and space.outputs is not None:
            vectors = vectors + space.outputs
        if self.center:
            named = {i for text in set(texts) for i in ids_of(text, self.vocabulary_)}
            vectors = unit_rows(vectors)
            if len(named) > 1:  # the mean of one would take its direction from it
                vectors -= vectors[sorted(named)].mean(axis=0)
                vectors = unit_rows(vectors)
        return vectors
