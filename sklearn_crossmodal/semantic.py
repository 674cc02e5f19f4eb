"""SemanticProjector: images taught by the texts around them."""

import copy
from contextlib import contextmanager
from numbers import Real

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import nn

from .losses import CONTRASTIVE_LOSSES, TARGET_LOSSES
from .metrics._similarity import VIEW_SIMILARITIES
from .preprocessing import WordMeanVectorizer
from .preprocessing._documents import most_probable
from .preprocessing._topics import topic_words
from .training import NetEmbedder
from .training._engine import embed
from .training._pairs import take_features
from .training._text_space import (
    RowScaledSpace,
    ScaledSpace,
    TextSpace,
    TopicSpace,
    are_distributions,
    check_can_whiten,
    first_negative,
)
from .training._towers import ACTIVATIONS, check_layer_sizes, feed_forward
from .training._vector_items import VectorItemsMixin
from .utils._bags import pool_rows, repeat_rows
from .utils._containers import flatten_items, holds_text
from .utils._nearest import nearest
from .utils._sklearn import Interval, StrOptions, num_samples
from .utils._top_k import check_n, top_k
from .utils._warn import unknown_texts_told_once

SEMANTIC_LOSSES = {
    **TARGET_LOSSES,
    # "sigmoid" is a cross-entropy of targets here, not one of pairs.
    **{name: loss for name, loss in CONTRASTIVE_LOSSES.items() if name != "sigmoid"},
    "pairwise_sigmoid": CONTRASTIVE_LOSSES["sigmoid"],
}

_SPACES = {
    "directions": TextSpace,
    "vectors": TextSpace,
    "column": ScaledSpace,
    "row": RowScaledSpace,
    "topics": TopicSpace,
}


class SemanticTowers(nn.Module):
    """A net from images to text vectors, and the space that those are in."""

    def __init__(
        self,
        n_inputs,
        n_components,
        *,
        image_module,
        hidden_layer_sizes,
        activation,
        dropout,
        space,
        space_settings,
    ):
        super().__init__()
        given = image_module is not None  # which may be of no length
        self.backbone = copy.deepcopy(image_module) if given else nn.Identity()
        self.head = feed_forward(
            [n_inputs, *hidden_layer_sizes, n_components], activation, dropout
        )
        self.space = _SPACES[space](n_components, **space_settings)

    def train(self, mode=True):
        """Set the mode, but for parts of the backbone that are frozen.

        Those stay as they came: batch statistics would change what they compute.
        """
        super().train(mode)
        for part in self.backbone.modules():
            parameters = list(part.parameters())
            if parameters and not any(p.requires_grad for p in parameters):
                part.eval()
        return self

    def forward(self, x, y):
        """Return outputs for a batch of images, and what they should be."""
        return self.space.compared(self.outputs(x), y)

    def inputs(self, x):
        """Return what the head is given: features, or those of the backbone."""
        return _features_of(self.backbone(x)).flatten(1)

    def outputs(self, x):
        """Return the outputs for images."""
        return self.head(self.inputs(x))

    def hidden(self, x):
        """Return the activations before the last layer and its dropout."""
        return self.head[:-2](self.inputs(x))

    def image(self, x):
        """Return the coordinates of images in the space of texts."""
        return self.space.image(self.outputs(x))

    def text(self, y):
        """Return the coordinates of texts, given by their vectors."""
        return self.space.text(y)

    def topics_of_image(self, x):
        """Return the distributions over topics that images are said to have."""
        return self.space.topics_of_image(self.outputs(x))

    def topics_of_text(self, y):
        """Return the distributions over topics of texts."""
        return self.space.read(y)

    def embed_x(self, x):
        """Embed images."""
        return self.space.embed_x(self.image(x))

    def embed_y(self, y):
        """Embed texts, given by their vectors."""
        return self.space.embed_y(self.text(y))


class SemanticProjector(VectorItemsMixin, NetEmbedder):
    r"""Project images into a space of texts.

    `y_transformer` makes vectors of texts: topics, means of word vectors, paragraph
    vectors, or anything that scikit-learn can. A net learns to predict the vector of
    the text that an image came with, so that texts find images and images find texts,
    and learns features of images by it. Texts stay where they are: only images are
    taught.

    The method is TextTopicNet's [1]_, [2]_, with topics for texts, and that of semantic
    retrieval from web data [3]_, with other text models. The defaults are what measures
    best; the papers' recipes are reached by parameters, see Notes.

    Parameters
    ----------
    y_transformer : transformer, default=None
        What makes a vector of each text: `LDAVectorizer`, `WordMeanVectorizer`,
        `Doc2VecVectorizer`, or any of scikit-learn's, Pipelines too. None means
        ``WordMeanVectorizer(300)`` for texts; a `y` of vectors is taken as it is.
    loss : str, default="info_nce"
        What is minimised, with ``z`` the output of the net and ``t`` the text vector:

        - ``"sigmoid_cross_entropy"``: of targets from 0 to 1, see `target_scaling`; the
          papers';
        - ``"softmax_cross_entropy"``: of distributions, as topics are; other rows of
          numbers that are not negative, as counts, are divided by their sum;
        - ``"squared_error"``, ``"cosine"``: distance to the text vector;
        - ``"info_nce"``, ``"pairwise_sigmoid"``, ``"random_negative"``,
          ``"sum_of_violations"``, ``"hardest_negative"``, ``"semi_hard_negative"``:
          the text among the others of the batch; see `sklearn_crossmodal.losses`.
    similarity : {"auto", "cosine", "dot", "euclidean", "log_ratio", "kl"}, \
            default="auto"
        How an image is compared with a text. For distributions `t` of a text, `p` of an
        image and their mean `m` over the training texts:

        - ``"kl"``: :math:`-\mathrm{KL}(t \,\|\, p)`, the papers', in whichever
          direction. Texts of many topics are then near to all images;
        - ``"log_ratio"``: :math:`\sum_k t_k \log (p_k / m_k)`, which is
          :math:`\mathrm{KL}(t \,\|\, m) - \mathrm{KL}(t \,\|\, p)`: how much better the
          image explains the text than the mean does. Texts find the same images in the
          same order, and images find better texts.

        ``"auto"`` takes ``"log_ratio"`` where a cross-entropy learns distributions, and
        the cosine otherwise.
    center : bool, default=True
        Whether the mean of the training texts is the origin of the space. Without it,
        all texts point the same way. Divergences have no origin.
    whitening : float, default=0.5
        How far the variances of the training texts, which word vectors and topics have
        most of where it matters least, are evened out: from 0, as they are, to 1, all
        directions of the space alike, to which the losses that compare a text with none
        but its image owe most. Divergences do without.
    target_scaling : {"column", "row"}, default="column"
        How ``"sigmoid_cross_entropy"`` brings vectors, that are no distributions, to
        [0, 1]: each number by its range over the training texts, or each text by its
        own smallest and largest number, as the papers do.
    margin : float, default=0.2
        Margin of the losses that have one.
    temperature : float, default=0.07
        Initial temperature of ``"info_nce"`` and ``"pairwise_sigmoid"``.
    image_module : torch.nn.Module, default=None
        Backbone: a net that makes features of raw images, one of torchvision, timm or
        transformers for instance, without its classifier. It gets the rows of `X` as
        float32, is trained too where its parameters require gradients, and its output
        (its ``pooler_output``, if that is no tensor) is flattened. Parts without any
        such parameter are frozen, the statistics of their batch normalisation too.
        `fit` trains a copy. None: `X` holds features.
    hidden_layer_sizes : tuple of int, default=(1024,)
        Hidden layers between features and the text space.
    activation : {"relu", "tanh", "gelu"}, default="relu"
        Activation of the hidden layers.
    dropout : float, default=0.5
        Share of the inputs of each layer that training drops.
    optimizer : {"adamw", "adam", "sgd", "adadelta"} or type, default="adamw"
        Optimizer, by name or as a `torch.optim.Optimizer` class.
    lr : float, default=3e-3
        Learning rate.
    lr_schedule : {"constant", "cosine", "one_cycle"}, default="cosine"
        How the learning rate goes down over the epochs.
    weight_decay : float, default=0.01
        Weight decay, of weights only.
    max_grad_norm : float, default=None
        Longer gradients are scaled down to this norm.
    batch_size : int, default=512
        Texts in a batch, each with its image.
    max_epochs : int, default=10
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
        Seed of initial weights, batches and dropout, and of a `y_transformer` that has
        none. The same integer gives the same bits on one machine's CPU.
    verbose : int, default=0
        Above 0, prints a line for each epoch.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        Trained net; ``net_.module_`` holds backbone, head and text space.
    y_transformer_ : transformer or None
        Fitted on the training texts.
    similarity_ : {"cosine", "dot", "euclidean", "kl"}
        How embeddings are compared. That of ``"log_ratio"`` is ``"dot"``: `transform`
        returns the logarithms, and `transform_y` the distributions.
    history_ : list of dict
        What was recorded in each epoch: ``train_loss``, ``dur``, ``valid_score``, ...
    n_iter_ : int
        Number of epochs trained.
    seed_ : int
        The seed drawn from `random_state`.
    n_features_in_ : int
        Number of features of `X`; of raw images, the length of their first axis.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, when `X` has string column names.

    See Also
    --------
    DynamicLexicon : The words that are likely in an image.
    compose_query : Sums and differences of images and texts.
    sklearn_crossmodal.metrics.concept_report : Retrieval of pairs of concepts.
    sklearn_crossmodal.metrics.transfer_report : What learned features are good for.

    Notes
    -----
    Few topics, in which many texts are alike, are learned better by a cross-entropy
    than against the other texts of a batch.

    A text that says nothing, because it is empty or has no known word, has a vector of
    zeros. It stands at the mean of the training texts: without a direction, or with the
    mean distribution. Topic models give it the mean of their prior instead: all topics
    alike.

    TextTopicNet [1]_ with `X` the pixels of images and `convolutions` those of an
    AlexNet that is trained from scratch; [2]_ ranks by the divergence::

        SemanticProjector(
            LDAVectorizer(40, engine="gensim"),
            loss="sigmoid_cross_entropy", similarity="kl",
            image_module=convolutions, hidden_layer_sizes=(4096, 4096),
            optimizer="sgd", lr=1e-3, lr_schedule="constant", weight_decay=5e-4,
            batch_size=64, net_params={"optimizer__momentum": 0.9})

    Topics of gensim leave out small shares there; here they are proper distributions.
    The systems of [3]_, with `trunk` a GoogLeNet that is trained on from ImageNet::

        SemanticProjector(
            vectorizer, loss="sigmoid_cross_entropy", target_scaling="row",
            center=False, whitening=0, similarity="dot",
            image_module=trunk, hidden_layer_sizes=(), optimizer="sgd", lr=1e-3,
            lr_schedule="constant", batch_size=120,
            net_params={"optimizer__momentum": 0.9})

    with one of these for `vectorizer`, or a `WordMeanVectorizer` of
    ``model="fasttext"``, or of ``word_vectors="glove.txt"``::

        WordMeanVectorizer(
            400, sg=False, window=8, min_count=5, epochs=25, lr=0.025)
        Doc2VecVectorizer(
            400, dm=True, window=8, min_count=10, epochs=50, lr=0.025)

    Outputs are then divided by their sum, and texts scaled each by itself, which is not
    linear: sums and differences of such texts are distorted. With
    ``target_scaling="column"`` they are not. Topics are targets as they are, whatever
    `target_scaling`; [3]_ scales those of its ``LDAVectorizer(400, engine="gensim",
    max_iter=1, batch_size=5000)`` too.

    Learning rates of [1]_ and [3]_ go down to a tenth every so many batches; here
    ``lr_schedule="cosine"`` comes nearest.

    References
    ----------
    .. [1] L. Gomez, Y. Patel, M. Rusiñol, D. Karatzas, C. V. Jawahar, "Self-supervised
       learning of visual features through embedding images into text topic spaces",
       CVPR 2017.
    .. [2] Y. Patel, L. Gomez, M. Rusiñol, D. Karatzas, C. V. Jawahar, "Self-supervised
       visual representations for cross-modal retrieval", ICMR 2019.
    .. [3] R. Gomez, L. Gomez, J. Gibert, D. Karatzas, "Learning to learn from web data
       through deep semantic embeddings", ECCV workshops 2018.

    Examples
    --------
    >>> from sklearn_crossmodal import SemanticProjector
    >>> from sklearn_crossmodal.datasets import load_digit_captions
    >>> from sklearn_crossmodal.preprocessing import WordMeanVectorizer
    >>> train = load_digit_captions(subset="train", n_samples=300, random_state=0)
    >>> texts = WordMeanVectorizer(50, token_pattern=r"\w+")  # "a 7" has two words
    >>> projector = SemanticProjector(texts, max_epochs=2, random_state=0)
    >>> projector = projector.fit(train.data, train.captions, groups=train.groups)
    >>> projector.transform(train.data[:2]).shape
    (2, 50)
    >>> found, scores = projector.search(["a seven"], train.data, n=3)
    >>> found.shape
    (1, 3)
    """

    _parameter_constraints: dict = {
        **NetEmbedder._parameter_constraints,
        "loss": [StrOptions(set(SEMANTIC_LOSSES))],
        "similarity": [StrOptions({"auto", "log_ratio", *VIEW_SIMILARITIES})],
        "center": ["boolean"],
        "whitening": [Interval(Real, 0, 1, closed="both")],
        "target_scaling": [StrOptions({"column", "row"})],
        "margin": [Interval(Real, 0, None, closed="left")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "image_module": [nn.Module, None],
        "hidden_layer_sizes": [list, tuple],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
    }

    _module_class = SemanticTowers
    _losses = SEMANTIC_LOSSES
    _shared_parameters: tuple[str, ...] = ("image_module",)

    def __init__(
        self,
        y_transformer=None,
        *,
        loss="info_nce",
        similarity="auto",
        center=True,
        whitening=0.5,
        target_scaling="column",
        margin=0.2,
        temperature=0.07,
        image_module=None,
        hidden_layer_sizes=(1024,),
        activation="relu",
        dropout=0.5,
        optimizer="adamw",
        lr=3e-3,
        lr_schedule="cosine",
        weight_decay=0.01,
        max_grad_norm=None,
        batch_size=512,
        max_epochs=10,
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
        self.loss = loss
        self.similarity = similarity
        self.center = center
        self.whitening = whitening
        self.target_scaling = target_scaling
        self.margin = margin
        self.temperature = temperature
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

    @property
    def similarity_(self):
        """How embeddings are compared."""
        check_is_fitted(self)
        chosen = self._settings_["module"]["space_settings"]["similarity"]
        # Of logarithms of ratios with distributions, as `transform` returns them.
        return "dot" if chosen == "log_ratio" else chosen

    # ------------------------------------------------------------------- prediction

    def rank(self, X, texts, n=10):
        """Return the best texts for each image, with their similarities.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Images.
        texts : list of str, or other items that `y_transformer` takes
            What to choose from.
        n : int, default=10
            How many to return; all, when there are fewer.

        Returns
        -------
        ranked : list of lists
            For each image the texts, best first.
        scores : ndarray of shape (n_samples, n), dtype float32
            Their similarities.
        """
        X_embedded = np.asarray(self.transform(X))
        texts, _ = flatten_items(_check_list(texts), name="texts")
        best, scores = nearest(X_embedded, self.transform_y(texts), self.similarity_, n)
        return [[texts[i] for i in row] for row in best], scores

    def search(self, texts, X, n=10):
        """Return the best images for each text, with their similarities.

        Parameters
        ----------
        texts : list of str, or of other rows that `fit` takes
            What to look for.
        X : array-like of shape (n_samples, n_features)
            The images to search.
        n : int, default=10
            How many to return; all, when there are fewer.

        Returns
        -------
        indices : ndarray of shape (n_texts, n), dtype int64
            Rows of `X`, best first.
        scores : ndarray of shape (n_texts, n), dtype float32
            Their similarities.
        """
        return nearest(
            self.transform_y(_check_list(texts)),
            self.transform(X),
            self.similarity_,
            n,
            gallery_is_y=False,
        )

    # ------------------------------------------------------------------- inspection

    def get_topics(self, n_words=10):
        """Return the most probable words of each topic.

        Parameters
        ----------
        n_words : int, default=10
            How many of each.

        Returns
        -------
        topics : list of lists of tuples (str, float)
            For each topic its words, and their probabilities in it, highest first.

        Raises
        ------
        TypeError
            If `y_transformer_` has no topics: their words are known of
            `LDAVectorizer`, and of Pipelines of scikit-learn that end in
            `LatentDirichletAllocation` or `NMF`.
        """
        check_is_fitted(self)
        return most_probable(*topic_words(self.y_transformer_), n_words)

    def top_images(self, X, n=6):
        """Return the images with the most of each topic.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Images.
        n : int, default=6
            How many of each topic; all, when there are fewer.

        Returns
        -------
        indices : ndarray of shape (n_components, n), dtype int64
            Rows of `X`, best first, for each topic; or for each dimension of the text
            space, where it is none of topics.
        shares : ndarray of shape (n_components, n), dtype float32
            Their values there.
        """
        check_is_fitted(self)
        is_topics = self._space_name() == "topics"
        values = self.topic_proba(X) if is_topics else np.asarray(self.transform(X))
        return top_k(np.eye(values.shape[1]), values, check_n(n))

    def topic_proba(self, X):
        """Return the probability of each topic, given the image.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Images.

        Returns
        -------
        shares : ndarray of shape (n_samples, n_topics), dtype float32
            Rows sum to 1.

        Raises
        ------
        ValueError
            If `loss` did not learn distributions.
        """
        self._check_topics()
        return self._read_images(X, self.net_.module_.topics_of_image)

    def topic_proba_y(self, y):
        """Return the probability of each topic, given the text.

        Parameters
        ----------
        y : list of str, or of other rows that `fit` takes
            Texts; of several in a row, the mean.

        Returns
        -------
        shares : ndarray of shape (n_samples, n_topics), dtype float32
            Rows sum to 1. A text without a known word has all topics alike.

        Raises
        ------
        ValueError
            If `loss` did not learn distributions.
        """
        self._check_topics()
        return self._pooled(y, self.net_.module_.topics_of_text)

    def _check_topics(self):
        check_is_fitted(self)
        if self._space_name() != "topics":
            raise ValueError(
                "There are no topics: the net did not learn distributions. Fit with "
                "loss='softmax_cross_entropy' and a y_transformer that returns them, "
                "LDAVectorizer() for instance."
            )

    def _space_name(self):
        return self._settings_["module"]["space"]

    def hidden_features(self, X):
        """Return what images have become before the last layer.

        These are the features that images were taught, for use elsewhere: the
        activations of the last hidden layer, or where there is none, the features that
        `image_module` makes.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Images.

        Returns
        -------
        features : ndarray of shape (n_samples, n_hidden), dtype float32
            One row for each image.

        Raises
        ------
        ValueError
            If there is neither a hidden layer nor an `image_module`: nothing stands
            between `X` and the text space.
        """
        check_is_fitted(self)
        settings = self._settings_["module"]
        if not settings["hidden_layer_sizes"] and settings["image_module"] is None:
            raise ValueError(
                "There are no hidden features: SemanticProjector was fitted without "
                "hidden layers and without image_module. Give hidden_layer_sizes=(512,)"
                ", say."
            )
        return self._read_images(X, self.net_.module_.hidden)

    # -------------------------------------------------------- sums and differences

    def _coordinates_x(self, X):
        return self._read_images(X, self.net_.module_.image)

    def _coordinates_y(self, y):
        return self._pooled(y, self.net_.module_.text)

    def _read_images(self, X, read):
        """Return what is read of each image."""
        X = self._check_X(X, reset=False)
        with self._told_of_images(X):
            return embed(self.net_, read, X, take_features)

    def _embed_X(self, net, X, rows=None):
        with self._told_of_images(X):
            return super()._embed_X(net, X, rows)

    def _pooled(self, y, read):
        """Return the mean of what is read of each row's texts."""
        if y is None or num_samples(y) == 0:
            raise ValueError(
                f"{type(self).__name__} needs at least 1 row of y; got none."
            )
        bags = self._read_y(y)
        items = self._transform_items(bags.items)
        read_items = embed(self.net_, read, items, take_features)
        return pool_rows(read_items, repeat_rows(bags.counts), normalize=False)

    def _embed_coordinates(self, coordinates):
        space = self.net_.module_.space
        with torch.inference_mode():
            coordinates = torch.from_numpy(coordinates).to(space.mean)
            return space.embed_y(coordinates).cpu().numpy()

    # ----------------------------------------------------------- what the engine asks

    @property
    def _takes_images(self):
        return self.image_module is not None

    def _default_y_transformer(self, items):
        return WordMeanVectorizer(300) if holds_text(items) else None

    def _module_settings(self, X, items):
        hidden = check_layer_sizes(self.hidden_layer_sizes, "hidden_layer_sizes")
        space, settings = self._space(items)
        return {
            "n_inputs": self._n_inputs(X),
            "n_components": items.shape[1],
            "image_module": self.image_module,
            "hidden_layer_sizes": hidden,
            "activation": self.activation,
            "dropout": self.dropout,
            "space": space,
            "space_settings": settings,
        }

    def _make_pairs(self, X, y, metadata, rows, resume):
        with unknown_texts_told_once():  # of training and validation
            return super()._make_pairs(X, y, metadata, rows, resume)

    def _pairs(self, X, items, rows, groups):
        pairs = super()._pairs(X, items, rows, groups)
        if self._learns_topics(pairs.items):
            _refuse_negative(pairs.items, rows)
        return pairs

    def _n_inputs(self, X):
        """Return how many features the head is given."""
        if self.image_module is None:
            return X.shape[1]
        backbone = copy.deepcopy(self.image_module).cpu().eval()
        with torch.no_grad(), self._told_of_images(X):
            some = take_features(X, slice(_N_TRIED))
            features = _features_of(backbone(some))
        if (
            not isinstance(features, torch.Tensor)
            or features.ndim < 2
            or len(features) != len(some)
        ):
            shape = getattr(features, "shape", None)
            described = "" if shape is None else f" of shape {tuple(shape)}"
            raise ValueError(
                "image_module must return a tensor with a row of features for each of "
                f"{len(some)} images; got {type(features).__name__}{described}."
            )
        return features[0].numel()

    @contextmanager
    def _told_of_images(self, X):
        """Say so where the backbone cannot read images, not what torch says."""
        try:
            yield
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            if self.image_module is None:
                raise
            raise ValueError(
                "image_module cannot read the rows of X, of shape "
                f"{X.shape[1:]}: {error}"
            ) from error

    def _check_items(self, items):
        items = super()._check_items(items)
        if hasattr(self, "net_") and self._space_name() == "topics":
            _refuse_negative(items)
        return items

    def _learns_topics(self, items):
        """Whether texts are distributions to the loss: the first texts decide."""
        if self.loss != "sigmoid_cross_entropy":
            return self.loss == "softmax_cross_entropy"
        if hasattr(self, "net_"):
            return self._space_name() == "topics"
        return are_distributions(items)

    def _space(self, items):
        """Return which space the loss and the texts ask for, and its settings."""
        similarity = self.similarity
        settings = {"center": self.center, "whitening": self.whitening}
        if self._learns_topics(items):
            softmax = self.loss == "softmax_cross_entropy"
            space, settings["link"] = "topics", "softmax" if softmax else "sigmoid"
            similarity = "log_ratio" if similarity == "auto" else similarity
        else:
            space = _SPACE_OF_LOSS.get(self.loss, "directions") or self.target_scaling
            settings |= {"unit": True} if space == "directions" else {}
            similarity = "cosine" if similarity == "auto" else similarity
            self._refuse_divergence(similarity)
        settings["similarity"] = similarity
        if self.whitening and similarity not in _DIVERGENCES:
            check_can_whiten(items.shape[1])
        return space, settings

    def _refuse_divergence(self, similarity):
        if similarity in _DIVERGENCES:
            raise ValueError(
                f"similarity={similarity!r} compares distributions, which loss="
                f"{self.loss!r} does not learn of this y. Take "
                "loss='softmax_cross_entropy' and a y_transformer that returns "
                "distributions, LDAVectorizer() for instance; or another similarity."
            )

    def _check_same_towers(self, before, dataset):
        super()._check_same_towers(before, dataset)
        space, settings = self._space(dataset.items)
        if (before["space"], before["space_settings"]) != (space, settings):
            raise ValueError(
                "loss, similarity, center, whitening or target_scaling changed what "
                "outputs of the net mean, and training goes on with the net. Put them "
                "back, or fit with warm_start=False."
            )

    def _initialize_module(self, module, X, items):
        module.space.learn(items)


# Which space vectors are in, where not directions alone count; None: by the scaling.
_SPACE_OF_LOSS = {"squared_error": "vectors", "sigmoid_cross_entropy": None}

# Images that a backbone is tried with: not as many as images have channels, which it
# would take one image without a batch for.
_N_TRIED = 5

# Similarities of distributions.
_DIVERGENCES = ("log_ratio", "kl")


def _features_of(output):
    """Return the tensor of a backbone's output: models of transformers name theirs."""
    if isinstance(output, torch.Tensor):
        return output
    return getattr(output, "pooler_output", output)


def _refuse_negative(items, rows=None):
    """Refuse negative numbers; `rows` are those of `y`, if items are some of them."""
    row = first_negative(items)
    if row is not None:
        row = row if rows is None else rows[row]
        raise ValueError(
            "Distributions are learned, and the vector of text "
            f"{row} of y has negative numbers. Give a y_transformer that returns "
            "topics or counts, LDAVectorizer() for instance; or another loss."
        )


def _check_list(texts):
    if isinstance(texts, str):
        raise TypeError("texts must be a list of str; got str. Wrap it in a list.")
    return texts
