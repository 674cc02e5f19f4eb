"""CaptionRanker: images and captions in one space, either searched with the other."""

from numbers import Integral, Real

import numpy as np
import torch
from torch import nn

from .base import flatten_items
from .losses import CONTRASTIVE_LOSSES
from .preprocessing import CaptionTokenizer
from .preprocessing._captions import UNKNOWN
from .training import NetEmbedder
from .training._pairs import take_tokens
from .training._towers import ACTIVATIONS, check_layer_sizes, feed_forward
from .utils._sklearn import HasMethods, Interval, StrOptions
from .utils._top_k import check_n, top_k
from .utils._word_vectors import skip_gram_table, vector_table

# Shorter batches would leave the GRU's matrix products too small to be worth cutting.
_MIN_CHUNK, _MAX_CHUNKS = 64, 4


class CaptionTowers(nn.Module):
    """An image tower and a caption tower that end in the same space."""

    def __init__(
        self,
        n_features,
        n_tokens,
        n_components,
        *,
        hidden_layer_sizes,
        activation,
        output_activation,
        dropout,
        word_size,
        word_dropout,
        gru_size,
        pooling,
        similarity,
    ):
        super().__init__()
        self.pooling = pooling
        self.similarity = similarity
        self.image = feed_forward(
            [n_features, *hidden_layer_sizes, n_components],
            activation,
            dropout,
            output_activation,
        )
        self.words = nn.Embedding(n_tokens, word_size)
        self.word_dropout = nn.Dropout(word_dropout)
        self.gru = nn.GRU(word_size, gru_size or n_components, batch_first=True)
        self.caption = (
            nn.Identity() if gru_size is None else nn.Linear(gru_size, n_components)
        )

    def forward(self, x, y):
        """Embed a batch of both views."""
        return self.embed_x(x), self.embed_y(y)

    def embed_x(self, x):
        """Embed image features of shape (n, n_features)."""
        return self._scaled(self.image(x))

    def embed_y(self, tokens):
        """Embed captions given as word ids of shape (n, width), padded by 0."""
        tokens = tokens.where(tokens < self.words.num_embeddings, UNKNOWN)
        steps = torch.arange(1, tokens.shape[1] + 1, device=tokens.device)
        lengths = ((tokens != 0) * steps).amax(dim=1).clamp(min=1)
        # Captions of like length go through the GRU together, cut to the longest.
        order = lengths.argsort()
        chunks = order.split(max(_MIN_CHUNK, -(-len(order) // _MAX_CHUNKS)))
        pooled = torch.cat([self._read(tokens[i], lengths[i]) for i in chunks])
        return self._scaled(self.caption(pooled[order.argsort()]))

    def _read(self, tokens, lengths):
        tokens = tokens[:, : int(lengths[-1])]
        states, _ = self.gru(self.word_dropout(self.words(tokens)))
        return _pool(states, lengths, self.pooling)

    def _scaled(self, z):
        return nn.functional.normalize(z, dim=1) if self.similarity == "cosine" else z


def _pool(states, lengths, how):
    """Reduce the states of each caption's true steps to one; padding comes after."""
    if how == "last":
        return states[torch.arange(len(states), device=states.device), lengths - 1]
    steps = torch.arange(states.shape[1], device=states.device)
    used = (steps < lengths[:, None])[:, :, None]
    if how == "max":
        return states.masked_fill(~used, -torch.inf).amax(dim=1)
    return (states * used).sum(dim=1) / lengths[:, None]


class CaptionRanker(NetEmbedder):
    r"""Rank captions for images and images for captions.

    An image tower (dropout and a linear map of given features) and a caption tower
    (word embeddings, a GRU over the words) are trained so that an image and its
    captions are close and others are far. The defaults are what measures best on
    Flickr8k; the recipe of the tutorial that the method comes from [1]_ is reached by
    parameters, see Notes.

    Parameters
    ----------
    n_components : int, default=512
        Dimension of the common space.
    y_transformer : transformer, default=None
        Turns captions into rows of word ids. None means ``CaptionTokenizer()``.
    similarity : {"cosine", "dot"}, default="cosine"
        How the views are compared. With ``"cosine"`` embeddings have unit length.
    loss : {"info_nce", "sigmoid", "random_negative", "sum_of_violations", \
            "hardest_negative", "semi_hard_negative"}, default="info_nce"
        See `sklearn_crossmodal.losses`. Captions of the same image, and of images of
        one group, are never negatives of each other.
    margin : float, default=0.2
        Margin of the losses that have one.
    temperature : float, default=0.07
        Initial temperature of ``"info_nce"`` and ``"sigmoid"``, learned from there.
    reduction : {"mean", "sum"}, default="mean"
        How the losses of a batch are put together.
    hidden_layer_sizes : tuple of int, default=()
        Hidden layers of the image tower.
    activation : {"relu", "tanh", "gelu"}, default="relu"
        Activation of the hidden layers.
    output_activation : {"relu", "tanh", "gelu"}, default=None
        Activation at the end of the image tower.
    dropout : float, default=0.6
        Share of the inputs of each layer of the image tower that training drops.
    word_size : int, default=200
        Dimension of the word embeddings.
    word_vectors : {"skip_gram"}, mapping or gensim KeyedVectors, default="skip_gram"
        Where word embeddings start; they are trained from there. ``"skip_gram"`` trains
        skip-gram vectors on the captions first; a mapping gives vectors of `word_size`
        (words without one start at zero); None is random.
    word_dropout : float, default=0.4
        Share of the values of word embeddings that is dropped in training.
    gru_size : int, default=256
        Units of the GRU. None makes it `n_components` with no linear map behind it.
    pooling : {"last", "mean", "max"}, default="last"
        Which of the GRU's states over the words stand for the caption.
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
        Captions in a batch.
    max_epochs : int, default=10
        Passes over the captions.
    early_stopping : bool, default=False
        Whether to hold out rows, stop when their mean reciprocal rank no longer
        improves, and restore the best weights.
    validation_fraction : float, default=0.1
        Share of the rows (of the groups) held out by `early_stopping`.
    n_iter_no_change : int, default=3
        Epochs without improvement after which `early_stopping` stops.
    warm_start : bool, default=False
        Whether `fit` trains `max_epochs` more instead of starting afresh.
    store_captions : bool, default=True
        Whether to keep the training captions and their embeddings, for `predict` and
        `rank`.
    callbacks : list of skorch callbacks, default=None
        Used as they are; copied at `fit`.
    net_params : dict, default=None
        Further arguments of `skorch.NeuralNet`.
    device : str or torch.device, default="auto"
        Where to train. ``"auto"`` takes CUDA when there is one.
    random_state : int, RandomState instance or None, default=None
        Seed of initial weights, batches and dropout. The same integer gives the same
        bits on one machine's CPU.
    verbose : int, default=0
        Above 0, prints a line for each epoch.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        Trained net; ``net_.module_`` holds the towers.
    y_transformer_ : transformer
        Fitted on the training captions.
    captions_ : list of str or ndarray
        Training captions, when `store_captions`; after `partial_fit` those of the last
        call.
    caption_embeddings_ : ndarray of shape (n_captions, n_components)
        Their embeddings.
    history_ : list of dict
        What was recorded in each epoch: ``train_loss``, ``dur``, ``valid_score``, ...
    n_iter_ : int
        Number of epochs trained.
    seed_ : int
        The seed drawn from `random_state`.
    n_features_in_ : int
        Number of image features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, when `X` has string column names.

    See Also
    --------
    make_retrieval_scorer : Score retrieval in `GridSearchCV`.
    retrieval_report : A table of retrieval metrics beside chance.

    Notes
    -----
    The tutorial's recipe [1]_: a dot product, tanh, 256 dimensions, margin 1, one
    random negative, rows of 16 word ids with padding and truncation on the left that
    the GRU reads like words::

        CaptionRanker(
            n_components=256, similarity="dot", output_activation="tanh",
            loss="random_negative", margin=1.0, reduction="sum",
            y_transformer=CaptionTokenizer(
                max_len=16, padding="left", truncation="left"),
            word_size=100, word_vectors=glove, gru_size=None,
            dropout=0.0, word_dropout=0.0, optimizer="adam", lr=1e-3,
            lr_schedule="constant", weight_decay=0.0, batch_size=64, max_epochs=10)

    Two differences remain: the negative is drawn from the batch, not from one
    permutation of all captions (either is a uniform draw), and torch's GRU applies its
    reset gate after the matrix product where Keras 1 did so before.

    References
    ----------
    .. [1] B. Favre, "Deep learning for NLP: joint text and image representations",
       tutorial, 2017.
    .. [2] F. Faghri, D. J. Fleet, J. R. Kiros, S. Fidler, "VSE++: Improving
       visual-semantic embeddings with hard negatives", BMVC 2018.
    .. [3] A. Radford et al., "Learning transferable visual models from natural language
       supervision", ICML 2021.

    Examples
    --------
    >>> from sklearn_crossmodal import CaptionRanker
    >>> from sklearn_crossmodal.datasets import load_digit_captions
    >>> train = load_digit_captions(subset="train", n_samples=300, random_state=0)
    >>> ranker = CaptionRanker(max_epochs=2, random_state=0)
    >>> ranker = ranker.fit(train.data, train.captions, groups=train.groups)
    >>> ranker.transform(train.data[:2]).shape
    (2, 512)
    >>> found, scores = ranker.search(["a seven"], train.data, n=3)
    >>> found.shape
    (1, 3)
    """

    _parameter_constraints: dict = {
        **NetEmbedder._parameter_constraints,
        "similarity": [StrOptions({"cosine", "dot"})],
        "loss": [StrOptions(set(CONTRASTIVE_LOSSES))],
        "margin": [Interval(Real, 0, None, closed="left")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "reduction": [StrOptions({"mean", "sum"})],
        "hidden_layer_sizes": [list, tuple],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "output_activation": [StrOptions(set(ACTIVATIONS)), None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "word_size": [Interval(Integral, 1, None, closed="left")],
        "word_vectors": [
            StrOptions({"skip_gram"}),
            HasMethods(["__getitem__", "keys"]),
            HasMethods("get_vector"),
            None,
        ],
        "word_dropout": [Interval(Real, 0, 1, closed="left")],
        "gru_size": [Interval(Integral, 1, None, closed="left"), None],
        "pooling": [StrOptions({"last", "mean", "max"})],
        "store_captions": ["boolean"],
    }

    _module_class = CaptionTowers
    _losses = CONTRASTIVE_LOSSES
    _take_items = staticmethod(take_tokens)
    _shared_parameters = ("word_vectors",)

    def __init__(
        self,
        n_components=512,
        *,
        y_transformer=None,
        similarity="cosine",
        loss="info_nce",
        margin=0.2,
        temperature=0.07,
        reduction="mean",
        hidden_layer_sizes=(),
        activation="relu",
        output_activation=None,
        dropout=0.6,
        word_size=200,
        word_vectors="skip_gram",
        word_dropout=0.4,
        gru_size=256,
        pooling="last",
        optimizer="adamw",
        lr=2e-3,
        lr_schedule="cosine",
        weight_decay=0.01,
        max_grad_norm=None,
        batch_size=256,
        max_epochs=10,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=3,
        warm_start=False,
        store_captions=True,
        callbacks=None,
        net_params=None,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.y_transformer = y_transformer
        self.similarity = similarity
        self.loss = loss
        self.margin = margin
        self.temperature = temperature
        self.reduction = reduction
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.output_activation = output_activation
        self.dropout = dropout
        self.word_size = word_size
        self.word_vectors = word_vectors
        self.word_dropout = word_dropout
        self.gru_size = gru_size
        self.pooling = pooling
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
        self.store_captions = store_captions
        self.callbacks = callbacks
        self.net_params = net_params
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    # ------------------------------------------------------------------- prediction

    def predict(self, X):
        """Return the best training caption for each image.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Image features.

        Returns
        -------
        captions : ndarray of shape (n_samples,), dtype object
            The stored caption that is most similar. Token ids, 1-D or in rows, when the
            training captions were.
        """
        X_embedded = np.asarray(self.transform(X))
        gallery, embeddings = self._stored_captions()
        best, _ = top_k(X_embedded, embeddings, 1)
        if isinstance(gallery, np.ndarray):
            return gallery[best[:, 0]]
        return np.array([gallery[i] for i in best[:, 0]], dtype=object)

    def rank(self, X, captions=None, n=10):
        """Return the best captions for each image, with their scores.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Image features.
        captions : list of str, default=None
            Captions to choose from; the stored training captions by default.
        n : int, default=10
            How many to return; all, when there are fewer.

        Returns
        -------
        ranked : list of lists
            For each image the captions, best first.
        scores : ndarray of shape (n_samples, n), dtype float32
            Their similarities.
        """
        X_embedded = np.asarray(self.transform(X))
        if captions is None:
            captions, embeddings = self._stored_captions()
        else:
            captions, _ = flatten_items(_check_captions(captions))
            embeddings = np.asarray(self.transform_y(captions))
        best, scores = top_k(X_embedded, embeddings, check_n(n))
        return [[captions[i] for i in row] for row in best], scores

    def search(self, captions, X, n=10):
        """Return the best images for each caption, with their scores.

        Parameters
        ----------
        captions : list of str
            What to look for.
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Features of the images to search.
        n : int, default=10
            How many to return; all, when there are fewer.

        Returns
        -------
        indices : ndarray of shape (n_captions, n), dtype int64
            Rows of `X`, best first.
        scores : ndarray of shape (n_captions, n), dtype float32
            Their similarities.
        """
        queries = np.asarray(self.transform_y(_check_captions(captions)))
        return top_k(queries, np.asarray(self.transform(X)), check_n(n))

    def _stored_captions(self):
        if not hasattr(self, "captions_"):
            raise ValueError(
                "No captions are stored: fit with store_captions=True, and to its end, "
                "or pass captions to rank."
            )
        return self.captions_, self.caption_embeddings_

    # ----------------------------------------------------------- what the engine asks

    def _default_y_transformer(self, items):
        return CaptionTokenizer()

    def _check_items(self, items):
        if not isinstance(items, np.ndarray) or items.dtype.kind not in "iu":
            raise TypeError(
                "CaptionRanker reads captions as rows of word ids: y_transformer must "
                "return a 2-D integer array, as CaptionTokenizer does; got "
                f"{type(items).__name__} of {getattr(items, 'dtype', 'no dtype')}."
            )
        if items.ndim != 2 or items.size == 0 or items.min() < 0:
            raise ValueError(
                "y_transformer must return a 2-D array of word ids of at least 0; got "
                f"shape {items.shape}"
                + (f" and a smallest id of {items.min()}." if items.size else ".")
            )
        return items

    def _module_settings(self, X, items):
        hidden = check_layer_sizes(self.hidden_layer_sizes, "hidden_layer_sizes")
        n_tokens = getattr(self.y_transformer_, "n_tokens_", None)
        return {
            "n_features": X.shape[1],
            "n_tokens": n_tokens or max(int(items.max()), UNKNOWN) + 1,
            "n_components": self.n_components,
            "hidden_layer_sizes": hidden,
            "activation": self.activation,
            "output_activation": self.output_activation,
            "dropout": self.dropout,
            "word_size": self.word_size,
            "word_dropout": self.word_dropout,
            "gru_size": self.gru_size,
            "pooling": self.pooling,
            "similarity": self.similarity,
        }

    def _initialize_module(self, module, X, items):
        if self.word_vectors is None:
            return
        n_tokens, size = module.words.weight.shape
        if isinstance(self.word_vectors, str):
            sequences = [row[row != 0] for row in items]
            table = skip_gram_table(sequences, n_tokens, size, self.seed_)
        else:
            vocabulary = getattr(self.y_transformer_, "vocabulary_", None)
            if vocabulary is None:
                raise ValueError(
                    "word_vectors go to words by the vocabulary_ of y_transformer, and "
                    f"{type(self.y_transformer_).__name__} has none. Give "
                    "CaptionTokenizer, or word_vectors='skip_gram' or None."
                )
            words = {id_: word for word, id_ in vocabulary.items()}
            table = vector_table(
                self.word_vectors, [words.get(i) for i in range(n_tokens)], size
            )
        module.words.weight.copy_(torch.from_numpy(table))

    def _conclude(self, items, pairs):
        for name in ("captions_", "caption_embeddings_"):
            vars(self).pop(name, None)
        if self.store_captions:
            if isinstance(items, np.ndarray):
                # One id a caption came as a 1-D y, and predictions go back as such.
                items = items[:, 0].copy() if items.shape[1] == 1 else items.copy()
            self.caption_embeddings_ = self._embed_items(pairs.items)
            self.captions_ = items


def _check_captions(captions):
    if isinstance(captions, str):
        raise TypeError("captions must be a list of str; got str. Wrap it in a list.")
    return captions
