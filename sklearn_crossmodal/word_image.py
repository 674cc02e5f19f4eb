"""WordImageEmbedder: images of words in the space of their strings."""

import warnings
from contextlib import contextmanager
from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from .base import check_finite
from .levenshtein import LevenshteinStringEmbedder
from .losses._word_images import REGRESSIONS, JointEditError, WordImageRegression
from .preprocessing import PHOC
from .training import NetEmbedder
from .training._images import computes_bfloat16
from .training._net import resolve_device
from .training._pairs import take_features, take_tokens
from .training._seeding import seed_nested
from .training._towers import check_layer_sizes
from .training._trainer import Stage
from .training._word_images import WordImagePairs, WordImageTowers
from .utils._bags import Bags
from .utils._edit_distance import EditDistance
from .utils._ids import encode_ids
from .utils._images import check_image_size, normalize_images, read_images
from .utils._nearest import nearest
from .utils._sklearn import HasMethods, Interval, StrOptions, fit_context
from .utils._strings import check_strings, fold

_JOINT = "joint"

# Distractors come from so many strings of the lexicon: more cost memory and add little.
_MAX_POOL = 20_000


class WordImageEmbedder(NetEmbedder):
    r"""Embed word images among strings, so that a scan is searched by typing.

    A string embedder comes first (`y_transformer`, given or fitted here); then a
    convolutional net learns to place an image where its string is; then, with
    `fine_tune_epochs`, both are trained together so that all distances, of images and
    of strings, are edit distances [1]_. What is typed need not have been seen in
    training, and what is found wrongly is spelt alike. The defaults are what measures
    best; the paper's recipe is reached by parameters, see Notes.

    Parameters
    ----------
    y_transformer : transformer of strings, default=None
        Makes vectors of strings. None means `LevenshteinStringEmbedder()`; `PHOC` and
        `DCToW` are what the paper compares with. It is fitted on the transcriptions and
        the `lexicon`; a fitted one is used as it is when wrapped in scikit-learn's
        `FrozenEstimator`.
    lexicon : list of str, default=None
        More strings to fit `y_transformer` on, and to tell images from. They need no
        images.
    similarity : {"euclidean", "cosine"}, default="euclidean"
        How embeddings are compared. ``"cosine"`` suits PHOC and DCToW.
    image_size : tuple of int, default=(32, 128)
        Height and width that images are stretched to; their proportions are not kept.
    ink : {"dark", "light"}, default="dark"
        Whether what is written is darker or lighter than what it is written on.
    loss : {"squared_error", "cross_entropy", "cosine"}, default="squared_error"
        How an image is brought to its string. ``"cross_entropy"`` is for vectors
        between 0 and 1, such as PHOC's.
    loss_weight : float, default=1.0
        Weight of that.
    softmax_weight : float, default=1.0
        Weight of a softmax over the strings of the batch and distractors: an image has
        to be nearer to its own string than to those.
    n_distractors : int, default=1000
        Strings drawn from the transcriptions and the lexicon for each batch.
    attributes : {"phoc"} or transformer, default="phoc"
        Attributes of strings, between 0 and 1, that the net is to predict beside, which
        teaches it letters; they are not used afterwards. ``"phoc"`` means `PHOC` with
        the alphabet of `y_transformer`, and none where that is PHOC itself.
    attribute_weight : float, default=0.5
        Weight of their cross-entropy.
    fine_tune_epochs : int, default=5
        Further epochs that train images and strings together, on the edit distances of
        all pairs and on the softmax. For a `LevenshteinStringEmbedder`; other strings
        don't move.
    fine_tune_lr : float, default=3e-4
        Their learning rate.
    edit_weight : float, default=5.0
        Weight of their edit distances.
    channels : tuple of four int, default=(32, 48, 96, 128)
        Channels of the convolutions: of the first two, and of two stages of two.
    columns : tuple of int, default=(16, 8, 4, 2, 1)
        Columns that the width is cut into, finer and coarser, behind them.
    hidden_layer_sizes : tuple of int, default=(512,)
        Hidden layers behind these.
    dropout : float, default=0.1
        Share of the inputs of each of these layers that training drops.
    augmentation : float, default=1.0
        How much images are slanted, rotated, stretched, shifted, faded and grained in
        training; 0 is not at all.
    balance : float, default=0.5
        An image is drawn with a probability proportional to how often its word occurs,
        to the power of minus this: 0 draws images alike, 1 draws words alike.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        What training convolves in. ``"auto"`` is bfloat16 where the processor computes
        in it, which is about twice as fast. Embedding is in float32.
    optimizer : {"adamw", "adam", "sgd", "adadelta"} or type, default="adamw"
        Optimizer, by name or as a `torch.optim.Optimizer` class.
    lr : float, default=2e-3
        Learning rate.
    lr_schedule : {"constant", "cosine", "one_cycle"}, default="one_cycle"
        How the learning rate goes over the epochs of each stage.
    weight_decay : float, default=0.01
        Weight decay, of weights only.
    max_grad_norm : float, default=10.0
        Longer gradients are scaled down to this norm.
    batch_size : int, default=32
        Images in a batch.
    max_epochs : int, default=40
        Passes over as many images as there are.
    early_stopping : bool, default=False
        Whether to hold out words, stop when their mean reciprocal rank no longer
        improves, and restore the best weights. `fine_tune_epochs` start from the best
        of the first stage, and what they change is kept only if it is better.
    validation_fraction : float, default=0.1
        Share of the words (of the groups) held out by `early_stopping`.
    n_iter_no_change : int, default=10
        Epochs without improvement after which `early_stopping` stops.
    warm_start : bool, default=False
        Whether `fit` goes on with the trained net instead of starting afresh.
    callbacks : list of skorch callbacks, default=None
        Used as they are; copied at `fit`.
    net_params : dict, default=None
        Further arguments of `skorch.NeuralNet`.
    device : str or torch.device, default="auto"
        Where to train. ``"auto"`` takes CUDA when there is one.
    random_state : int, RandomState instance or None, default=None
        Seed of initial weights, batches, augmentation and dropout, and of the default
        `y_transformer`. The same integer gives the same bits on one machine's CPU.
    verbose : int, default=0
        Above 0, prints a line for each epoch.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        Trained net; ``net_.module_`` holds the tower of images and that of strings.
    y_transformer_ : transformer
        Fitted on the strings. Its own net stays as it was; `transform_y` uses that of
        ``net_``.
    attributes_ : transformer or None
        Fitted on the transcriptions.
    history_ : list of dict
        What was recorded in each epoch: ``train_loss``, ``dur``, ``valid_score``, ...
    n_iter_ : int
        Number of epochs trained.
    seed_ : int
        The seed drawn from `random_state`.

    See Also
    --------
    LevenshteinStringEmbedder : The space of the strings.
    sklearn_crossmodal.metrics.word_spotting_report : The paper's evaluation.
    sklearn_crossmodal.datasets.make_word_images : Words drawn with fonts.

    Notes
    -----
    Rows of one string are right answers for each other, in `score`, scorers and reports
    as in training, unless other `groups` or labels are given.

    The slides [1]_ tell three stages and two losses, Euclidean and cross-entropy. Their
    network and its training are not told. As far as it goes::

        WordImageEmbedder(
            LevenshteinStringEmbedder(...),  # its recipe is in its Notes
            loss_weight=1.0, softmax_weight=0.0, attributes=None, fine_tune_epochs=10)

    and what it is compared with, PHOCNet [2]_ and its like, ::

        WordImageEmbedder(
            PHOC(), loss="cross_entropy", loss_weight=1.0, softmax_weight=0.0,
            similarity="cosine")

    References
    ----------
    .. [1] M. Rusiñol, L. Gomez, "Self-supervised multimodal embeddings", slides, 2019;
       L. Gomez, M. Rusiñol, D. Karatzas, "LSDE: Levenshtein space deep embedding for
       query-by-string word spotting", ICDAR 2017.
    .. [2] S. Sudholt, G. A. Fink, "PHOCNet: a deep convolutional neural network for
       word spotting in handwritten documents", ICFHR 2016.
    .. [3] T. Wilkinson, A. Brun, "Semantic and verbatim word spotting using deep neural
       networks", ICFHR 2016.

    Examples
    --------
    >>> from sklearn_crossmodal import LevenshteinStringEmbedder, WordImageEmbedder
    >>> from sklearn_crossmodal.datasets import make_word_images
    >>> words = ["orders", "letters", "captain", "company", "instructions"]
    >>> drawn = make_word_images(words, n_samples=60, random_state=0)
    >>> strings = LevenshteinStringEmbedder(max_epochs=1, random_state=0)
    >>> spotter = WordImageEmbedder(strings, max_epochs=2, random_state=0)
    >>> spotter = spotter.fit(drawn.images, drawn.strings)
    >>> spotter.transform(drawn.images[:3]).shape
    (3, 128)
    >>> found, _ = spotter.search(["order"], drawn.images, n=3)
    >>> found.shape
    (1, 3)
    """

    _parameter_constraints: dict = {
        **NetEmbedder._parameter_constraints,
        "lexicon": ["array-like", None],
        "similarity": [StrOptions({"euclidean", "cosine"})],
        "image_size": [list, tuple],
        "ink": [StrOptions({"dark", "light"})],
        "loss": [StrOptions(set(REGRESSIONS))],
        "loss_weight": [Interval(Real, 0, None, closed="left")],
        "softmax_weight": [Interval(Real, 0, None, closed="left")],
        "n_distractors": [Interval(Integral, 0, None, closed="left")],
        "attributes": [HasMethods(["fit", "transform"]), StrOptions({"phoc"}), None],
        "attribute_weight": [Interval(Real, 0, None, closed="left")],
        "fine_tune_epochs": [Interval(Integral, 0, None, closed="left")],
        "fine_tune_lr": [Interval(Real, 0, None, closed="neither")],
        "edit_weight": [Interval(Real, 0, None, closed="left")],
        "channels": [list, tuple],
        "columns": [list, tuple],
        "hidden_layer_sizes": [list, tuple],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "augmentation": [Interval(Real, 0, None, closed="left")],
        "balance": [Interval(Real, 0, None, closed="left")],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
    }

    _module_class = WordImageTowers
    _losses: dict[str, type] = {
        **dict.fromkeys(REGRESSIONS, WordImageRegression),
        _JOINT: JointEditError,
    }
    _shared_parameters = ("lexicon",)

    def __init__(
        self,
        y_transformer=None,
        *,
        lexicon=None,
        similarity="euclidean",
        image_size=(32, 128),
        ink="dark",
        loss="squared_error",
        loss_weight=1.0,
        softmax_weight=1.0,
        n_distractors=1000,
        attributes="phoc",
        attribute_weight=0.5,
        fine_tune_epochs=5,
        fine_tune_lr=3e-4,
        edit_weight=5.0,
        channels=(32, 48, 96, 128),
        columns=(16, 8, 4, 2, 1),
        hidden_layer_sizes=(512,),
        dropout=0.1,
        augmentation=1.0,
        balance=0.5,
        precision="auto",
        optimizer="adamw",
        lr=2e-3,
        lr_schedule="one_cycle",
        weight_decay=0.01,
        max_grad_norm=10.0,
        batch_size=32,
        max_epochs=40,
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
        self.y_transformer = y_transformer
        self.lexicon = lexicon
        self.similarity = similarity
        self.image_size = image_size
        self.ink = ink
        self.loss = loss
        self.loss_weight = loss_weight
        self.softmax_weight = softmax_weight
        self.n_distractors = n_distractors
        self.attributes = attributes
        self.attribute_weight = attribute_weight
        self.fine_tune_epochs = fine_tune_epochs
        self.fine_tune_lr = fine_tune_lr
        self.edit_weight = edit_weight
        self.channels = channels
        self.columns = columns
        self.hidden_layer_sizes = hidden_layer_sizes
        self.dropout = dropout
        self.augmentation = augmentation
        self.balance = balance
        self.precision = precision
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.target_tags.two_d_labels = False
        tags.no_validation = True
        return tags

    # ------------------------------------------------------------------------ fitting

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, groups=None):
        """Train on word images and what they say.

        Parameters
        ----------
        X : list of arrays, or array of shape (n_images, height, width)
            Grey images of any size, 2-D arrays of any real dtype: their contrast is
            stretched. Colour images, of shape (height, width, 3 or 4), become grey.
        y : list, 1-D array or Series of str of length n_images
            What each image says.
        groups : array-like of shape (n_images,), default=None
            Rows of one group are right answers for each other, and kept together by the
            validation split of early stopping. None: images of one string are a group.

        Returns
        -------
        self : WordImageEmbedder
            Fitted estimator.

        Warns
        -----
        UserWarning
            If strings have characters outside the alphabet of `y_transformer`, or are
            cut.

        Raises
        ------
        TypeError
            If an entry of `y` is not a str, or one of `X` is no array of numbers; it is
            named.
        ValueError
            If an image is empty (it is named), all are of one word, `X` and `y` do not
            match, a parameter is out of range, or the loss stops being finite (the
            estimator then keeps the state after the last complete epoch).
        KeyboardInterrupt
            On Ctrl-C, after the state of the last complete epoch was kept (with
            `early_stopping`, of the best).
        """
        return self._fit(X, y, groups=groups)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, groups=None):
        """Train the first stage one more pass over these images, at the constant `lr`.

        The `y_transformer` is fitted on the first call only, and strings stay where
        they are.

        Parameters
        ----------
        X : list of arrays, or array of shape (n_images, height, width)
            Images, as in `fit`.
        y : list, 1-D array or Series of str of length n_images
            What each image says.
        groups : array-like of shape (n_images,), default=None
            As in `fit`.

        Returns
        -------
        self : WordImageEmbedder
            Fitted estimator.

        Raises
        ------
        ValueError
            If `early_stopping` is set: one pass has nothing to stop early.
        """
        return self._partial_fit(X, y, groups=groups)

    # ----------------------------------------------------------------- what comes in

    def _check_X(self, X, *, reset):
        """Return images of one size and one contrast."""
        images = read_images(X)
        if reset and len(images) < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least 2 images to fit; got "
                f"{len(images)} sample."
            )
        height, width = check_image_size(self.image_size, "image_size")
        return normalize_images(images, height, width, self.ink)

    def _read_y(self, y):
        bags = super()._read_y(y)
        if not isinstance(bags.items, list):
            raise TypeError(
                f"{type(self).__name__} reads strings, the transcriptions of the "
                f"images, and y holds numbers: items of dtype {bags.items.dtype}."
            )
        return Bags(check_strings(bags.items, "y"), bags.counts)

    def _groups_of(self, y):
        """Images of one word are right answers for each other."""
        bags = self._read_y(y)
        if (bags.counts != 1).any():
            return None
        return encode_ids(self._fold(bags.items), {})

    def _fold(self, strings):
        """Return strings as the string embedder tells them apart."""
        embedder = self.y_transformer
        embedder = LevenshteinStringEmbedder() if embedder is None else embedder
        parameters = _thawed(embedder).get_params(deep=False)
        return fold(
            strings,
            lowercase=parameters.get("lowercase", False),
            strip_accents=parameters.get("strip_accents"),
        )

    # ------------------------------------------------------------------ string side

    @property
    def _string_embedder(self):
        """The embedder whose net reads the strings; None where they are vectors."""
        embedder = _thawed(self.y_transformer_)
        return embedder if _reads_strings(embedder) else None

    @property
    def _take_items(self):
        return take_features if self._string_embedder is None else take_tokens

    def _default_y_transformer(self, items):
        return LevenshteinStringEmbedder(device=self.device, random_state=self.seed_)

    def _fit_y_transformer(self, items):
        if self.loss == "cross_entropy" and _reads_strings(self.y_transformer):
            raise ValueError(
                "loss='cross_entropy' takes strings whose vectors are between 0 and 1, "
                "as those of PHOC; those of LevenshteinStringEmbedder are not bounded. "
                "Use loss='squared_error'."
            )
        super()._fit_y_transformer([*items, *self._lexicon()])
        if self._string_embedder is not None:
            check_is_fitted(self._string_embedder)  # a frozen one may not be
        if isinstance(self.y_transformer_, FrozenEstimator):
            self._tell_of_odd_strings([*items, *self._lexicon()])
        with _told_elsewhere():
            distinct = list(dict.fromkeys(self._as_read(items)))
        if len(distinct) < 2:
            raise ValueError(
                f"All images are of one word, {distinct[0]!r:.60}: there is nothing to "
                "tell apart."
            )
        attributes = self.attributes
        if attributes == "phoc":
            attributes = self._default_attributes()
        self.attributes_ = None if attributes is None else clone(attributes)
        if not (attributes is None or isinstance(attributes, FrozenEstimator)):
            seed_nested(self.attributes_, self.seed_)
            with _told_elsewhere():
                self.attributes_.fit(items)

    def _default_attributes(self):
        embedder = _thawed(self.y_transformer_)
        if isinstance(embedder, PHOC):
            return None  # they would be predicted twice
        parameters = embedder.get_params(deep=False)
        names = "lowercase", "strip_accents"
        folding = {k: parameters[k] for k in names if k in parameters}
        alphabet = getattr(embedder, "alphabet_", None)
        return PHOC(**({} if alphabet is None else {"alphabet": alphabet}), **folding)

    def _lexicon(self):
        return [] if self.lexicon is None else check_strings(self.lexicon, "lexicon")

    def _as_read(self, strings, name="y"):
        """Return strings as the string embedder reads them: folded, and cut."""
        embedder = self._string_embedder
        if embedder is None:
            return self._fold(strings)
        return embedder._read(strings, reset=False, name=name) if strings else []

    def _tell_of_odd_strings(self, strings):
        """Warn once of what `y_transformer_` was not fitted on, as fitting does."""
        if self._string_embedder is not None:
            self._as_read(strings)

    def _make_pairs(self, X, y, metadata, rows, resume):
        if resume:
            self._tell_of_odd_strings([*y.items, *self._lexicon()])
        return super()._make_pairs(X, y, metadata, rows, resume)

    def _transform_items(self, items):
        embedder = self._string_embedder
        if embedder is None:
            return super()._transform_items(items)
        return embedder._ids(self._as_read(items)).numpy()

    def _check_items(self, items):
        items = items.toarray() if sparse.issparse(items) else np.asarray(items)
        if items.ndim != 2 or items.dtype.kind not in "biuf":
            raise TypeError(
                "y_transformer must make one vector of real numbers of each string; "
                f"got shape {items.shape} of dtype {items.dtype}."
            )
        check_finite(items, "y", type(self).__name__, as_float32=True)
        if self.loss == "cross_entropy" and (items.min() < 0 or items.max() > 1):
            raise ValueError(
                "loss='cross_entropy' takes strings whose vectors are between 0 and 1, "
                f"as those of PHOC; {type(_thawed(self.y_transformer_)).__name__} "
                f"gives values from {items.min():.3g} to {items.max():.3g}. Use "
                "loss='squared_error'."
            )
        return items.astype(np.float32, copy=False)

    # ----------------------------------------------------------- what the engine asks

    def _stages(self):
        stages = super()._stages()
        resume = self.warm_start and hasattr(self, "net_")
        embedder = self.y_transformer_ if resume else self.y_transformer
        if self.fine_tune_epochs and _reads_strings(embedder):
            stages.append(Stage(_JOINT, self.fine_tune_epochs, self.fine_tune_lr))
        return stages

    def _pairs(self, X, items, rows, groups):
        embedder = self._string_embedder
        with _told_elsewhere():
            strings = self._as_read(items)
            pool = list(dict.fromkeys(strings))
            pool += self._some_of(self._as_read(self._lexicon(), "lexicon"))
        if embedder is None:
            both = self._transform_items([*items, *pool])
            edit_distance = EditDistance()
        else:
            both = embedder._ids([*strings, *pool]).numpy()
            edit_distance = embedder.edit_distance()
        attributes = np.empty((len(items), 0), dtype=np.float32)
        if self.attributes_ is not None:
            attributes = self._predicted(items)
        return WordImagePairs(
            X,
            both[: len(items)],
            rows,
            groups,
            self._take_items,
            strings=strings,
            attributes=attributes,
            pool=pool,
            pool_items=both[len(items) :],
            n_distractors=self.n_distractors if self.softmax_weight else 0,
            cdist=edit_distance.cdist,
            balance=self.balance,
        )

    def _some_of(self, strings):
        if len(strings) <= _MAX_POOL:
            return strings
        chosen = np.random.RandomState(self.seed_).permutation(len(strings))[:_MAX_POOL]
        return [strings[i] for i in chosen]

    def _predicted(self, items):
        """Return the attributes of strings, or say what is wrong with them."""
        with _told_elsewhere():
            attributes = self.attributes_.transform(items)
        if sparse.issparse(attributes):
            attributes = attributes.toarray()
        attributes = np.asarray(attributes, dtype=np.float32)
        if attributes.ndim != 2 or len(attributes) != len(items):
            raise ValueError(
                f"attributes must give each of {len(items)} strings a vector; "
                f"{type(self.attributes_).__name__} gave shape {attributes.shape}."
            )
        # The other way round, NaN would pass.
        if not ((attributes >= 0) & (attributes <= 1)).all():
            raise ValueError(
                "attributes must be numbers between 0 and 1; "
                f"{type(self.attributes_).__name__} gave numbers from "
                f"{attributes.min():.3g} to {attributes.max():.3g}."
            )
        return attributes

    def _module_settings(self, X, items, attributes):
        embedder = self._string_embedder
        strings = None if embedder is None else embedder._settings_["module"]
        precision = self.precision
        if precision == "auto":
            native = computes_bfloat16(resolve_device(self.device))
            precision = "bfloat16" if native else "float32"
        return {
            "n_components": strings["n_components"] if strings else items.shape[1],
            "n_attributes": attributes.shape[1],
            "strings": strings,
            "bounded": self.loss == "cross_entropy",
            "similarity": self.similarity,
            "channels": self._check_channels(),
            "columns": self._check_columns(),
            "hidden_layer_sizes": check_layer_sizes(
                self.hidden_layer_sizes, "hidden_layer_sizes"
            ),
            "dropout": self.dropout,
            "augmentation": self.augmentation,
            "bfloat16": precision == "bfloat16",
        }

    def _check_channels(self):
        channels = check_layer_sizes(self.channels, "channels")
        if len(channels) != 4:
            raise ValueError(f"channels must hold 4 integers; got {self.channels!r}.")
        return channels

    def _check_columns(self):
        columns = check_layer_sizes(self.columns, "columns")
        if not columns:
            raise ValueError("columns is empty; expected at least one integer.")
        return columns

    def _check_same_towers(self, before, dataset):
        super()._check_same_towers(before, dataset)
        if before["bounded"] != (self.loss == "cross_entropy"):
            raise ValueError(
                "loss changed to or from 'cross_entropy' since the towers were built, "
                "whose output is bounded with that loss only. Put the value back, or "
                "fit with warm_start=False."
            )

    def _initialize_module(self, module, X, items, attributes):
        if self._string_embedder is not None:
            learned = self._string_embedder.net_.module_.state_dict()
            module.strings.load_state_dict(learned)

    def _loss_settings(self, loss):
        if loss == _JOINT:
            embedder = self._string_embedder
            return {
                "loss": embedder.loss,
                "distance": embedder.distance,
                "edit_weight": self.edit_weight,
                "softmax_weight": self.softmax_weight,
                "similarity": self.similarity,
            }
        return {
            "regression": loss,
            "regression_weight": self.loss_weight,
            "softmax_weight": self.softmax_weight,
            "attribute_weight": self.attribute_weight,
            "similarity": self.similarity,
        }

    # ------------------------------------------------- embedding and retrieval

    def transform(self, X):
        """Embed images.

        Parameters
        ----------
        X : list of arrays, or array of shape (n_images, height, width)
            Images, as in `fit`.

        Returns
        -------
        embedded : ndarray of shape (n_images, n_components), dtype float32
            One row for each image.
        """
        return super().transform(X)

    def transform_y(self, y):
        """Embed strings, which need not have been seen in training.

        Parameters
        ----------
        y : list, 1-D array or Series of str
            Strings.

        Returns
        -------
        embedded : ndarray of shape (n_strings, n_components), dtype float32
            One row for each string.
        """
        return super().transform_y(y)

    def search(self, strings, X, n=10):
        """Return the images that say what is typed, with their similarities.

        Parameters
        ----------
        strings : list of str
            What to look for; it need not have been seen in training.
        X : list of arrays, or array of shape (n_images, height, width)
            Images to search.
        n : int, default=10
            How many to return; all, when there are fewer.

        Returns
        -------
        indices : ndarray of shape (n_strings, n), dtype int64
            Which images, best first.
        similarities : ndarray of shape (n_strings, n), dtype float32
            Cosines, or minus the distances.
        """
        strings = check_strings(strings)
        return nearest(self.transform_y(strings), self.transform(X), self.similarity, n)

    def rank(self, X, strings, n=10):
        """Return the strings that images may say, with their similarities.

        Parameters
        ----------
        X : list of arrays, or array of shape (n_images, height, width)
            Images to read.
        strings : list of str
            Strings to choose from: a lexicon.
        n : int, default=10
            How many to return; all, when there are fewer.

        Returns
        -------
        ranked : list of lists of str
            For each image the strings, best first.
        similarities : ndarray of shape (n_images, n), dtype float32
            Cosines, or minus the distances.
        """
        strings = check_strings(strings)
        found, similarities = nearest(
            self.transform(X), self.transform_y(strings), self.similarity, n
        )
        return [[strings[i] for i in row] for row in found], similarities


@contextmanager
def _told_elsewhere():
    """Keep quiet of odd strings, of which a fit tells once."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(outside the alphabet|are cut)")
        yield


def _reads_strings(embedder):
    """Whether an embedder has a net that can be trained on, as the default has."""
    embedder = _thawed(embedder)
    return embedder is None or isinstance(embedder, LevenshteinStringEmbedder)


def _thawed(embedder):
    """Return what a FrozenEstimator holds."""
    frozen = isinstance(embedder, FrozenEstimator)
    return embedder.estimator if frozen else embedder
