"""CosCosEmbedder: words from images and speech, and any other two views of vectors."""

import copy
import warnings
from numbers import Real

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from torch import nn

from .losses import PAIR_LOSSES, CosCos2
from .losses._pairs import unit_length
from .training import BagEmbedder
from .training._callbacks import MaxNorm
from .training._towers import (
    ACTIVATIONS,
    INITS,
    check_layer_sizes,
    feed_forward,
    initialize,
)
from .utils._sklearn import Interval, StrOptions

# The loss of a constant cosine of 1/4: as good as it gets without looking at the input.
_COLLAPSED = 7 / 32

_VIEWS = {"x": "X", "y": "y"}

# Training items that are looked at for collapse and zeros when training is over.
_N_INSPECTED = 2048


class CosCosTowers(nn.Module):
    """Two feed-forward towers that end in the same space."""

    def __init__(
        self,
        n_x_features,
        n_y_features,
        n_components,
        *,
        x_hidden_layer_sizes,
        x_activation,
        x_output_activation,
        x_dropout,
        y_hidden_layer_sizes,
        y_activation,
        y_output_activation,
        y_dropout,
        init,
    ):
        super().__init__()
        self.x_tower = feed_forward(
            [n_x_features, *x_hidden_layer_sizes, n_components],
            x_activation,
            x_dropout,
            x_output_activation,
        )
        self.y_tower = feed_forward(
            [n_y_features, *y_hidden_layer_sizes, n_components],
            y_activation,
            y_dropout,
            y_output_activation,
        )
        if init != "torch":
            initialize(self, init)

    def forward(self, x, y):
        """Return the outputs for a batch of both views; the loss takes cosines."""
        return self.x_tower(x), self.y_tower(y)

    def embed_x(self, x):
        """Embed vectors of shape (n, n_x_features)."""
        return unit_length(self.x_tower(x))

    def embed_y(self, y):
        """Embed vectors of shape (n, n_y_features)."""
        return unit_length(self.y_tower(y))


class CosCosEmbedder(BagEmbedder):
    r"""Two feed-forward towers, trained on same and different pairs.

    Learns from co-occurrence: every item of a row of `X` is *same* with every item of
    that row of `y`, and *different* from those of other rows. Rows are vectors, or bags
    of them: the fragments of an image with the spoken words of its caption, in no
    order. Which fragment goes with which word, rows tell only together.

    The method of [1]_: its cosine / squared-cosine loss, with other losses, towers and
    pairs beside those of the paper. The defaults are what measures best; the paper's
    recipe is reached by parameters, see Notes.

    Parameters
    ----------
    n_components : int, default=128
        Dimension of the common space.
    y_transformer : transformer, default=None
        Applied to the items of the second view; it is fitted on those of the training
        rows. None means ``StandardScaler()`` (which does not centre sparse items);
        ``FunctionTransformer()`` leaves them as they are.
    loss : {"coscos2", "cosine_margin", "mil_nce", "info_nce"}, default="coscos2"
        `losses.CosCos2`, `losses.CosineMargin`, `losses.MILNCE` over bags, or
        `losses.PairInfoNCE`.
    margin : float, default=0.5
        Margin of ``"cosine_margin"``.
    temperature : float, default=0.07
        Initial temperature of ``"mil_nce"`` and ``"info_nce"``, learned from there.
    reduction : {"mean", "sum"}, default="mean"
        How the losses of a batch are put together.
    negatives : {"in_batch", "sampled"}, default="in_batch"
        The different pairs: all pairs of a batch that are not same, or as many as same
        ones, drawn: the same item of `X` with an item of `y` from any training row (for
        ``"coscos2"`` and ``"cosine_margin"``). Drawn items are embedded beside those of
        the batch, which makes large batches of bags slow.
    labels_as : {"mask", "positive"}, default="mask"
        What pairs of one label are, when `fit` is given labels: not different, or same.
    empty_bags : {"error", "drop"}, default="error"
        What is done with rows that have no item in one view. ``"drop"``: `fit` leaves
        them out, with a warning, and `transform` makes them zero.
    x_hidden_layer_sizes, y_hidden_layer_sizes : tuple of int, default=(256,)
        Hidden layers of each tower.
    x_activation, y_activation : {"relu", "tanh", "gelu"}, default="relu"
        Activation of the hidden layers.
    x_output_activation, y_output_activation : {"relu", "tanh", "gelu"}, default=None
        Activation at the end of each tower. None leaves it linear.
    x_dropout, y_dropout : float, default=0.5 and 0.4
        Share of the inputs of each layer that training drops.
    init : {"torch", "he", "glorot_x4"}, default="torch"
        How the weights start: torch's own way, that of He et al. (2015), or four times
        that of Glorot and Bengio (2010), as in the code of the paper's authors. Biases
        start at zero with the latter two.
    optimizer : {"adamw", "adam", "sgd", "adadelta"} or type, default="adamw"
        Optimizer, by name or as a `torch.optim.Optimizer` class.
    lr : float, default=3e-3
        Learning rate.
    lr_schedule : {"constant", "cosine", "one_cycle"}, default="one_cycle"
        How the learning rate changes over the epochs.
    weight_decay : float, default=0.01
        Weight decay, of weights only.
    max_norm : float, default=None
        Bound on the norm of the incoming weights of each unit, kept after each update.
    max_grad_norm : float, default=None
        Longer gradients are scaled down to this norm.
    batch_size : int, default=128
        Rows in a batch, each with all its items.
    max_epochs : int, default=100
        Passes over the rows.
    early_stopping : bool, default=False
        Whether to hold out rows, stop when their mean reciprocal rank no longer
        improves, and restore the best weights.
    validation_fraction : float, default=0.1
        Share of the rows (of the groups) held out by `early_stopping`.
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
        Seed of initial weights, batches, drawn pairs and dropout. The same integer
        gives the same bits on one machine's CPU.
    verbose : int, default=0
        Above 0, prints a line for each epoch.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        Trained net; ``net_.module_`` holds the towers.
    y_transformer_ : transformer
        Fitted on the training items of `y`.
    zero_fraction_ : dict
        ``"x"`` and ``"y"``: the share of items whose embedding is zero everywhere,
        among training rows of up to 2,048 items in all. ReLU outputs can die so.
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

    Warns
    -----
    ConvergenceWarning
        If the loss ``"coscos2"`` sits at 7/32, where constant embeddings are, or more
        than half of the embeddings of a view are zero.

    See Also
    --------
    sklearn_crossmodal.preprocessing.LogMelStacker : Spoken words as vectors.
    sklearn_crossmodal.preprocessing.BagTransformer : Transform the items of bags.
    sklearn_crossmodal.metrics.word_learning_report : The paper's evaluation.

    Notes
    -----
    The paper's recipe [1]_::

        CosCosEmbedder(
            n_components=200, loss="coscos2", negatives="sampled", reduction="sum",
            x_hidden_layer_sizes=(), x_output_activation="relu", x_dropout=0.0,
            y_hidden_layer_sizes=(1024, 1024, 1024), y_output_activation="relu",
            y_dropout=0.0, init="glorot_x4", optimizer="adadelta", lr=1.0,
            lr_schedule="constant",
            net_params={"optimizer__rho": 0.95}, weight_decay=2e-4, max_norm=6.0,
            batch_size=1, max_epochs=500, early_stopping=True)

    Adadelta's :math:`\epsilon = 10^{-6}` is torch's own. The paper adds
    :math:`10^{-4}\lVert\theta\rVert^2`, whose gradient is that of a torch
    `weight_decay` of twice as much; here biases are left out of it. The paper does not
    give the sizes of the layers; these are of the authors' code. What differs: early
    stopping watches the mean reciprocal rank, with a patience (the authors' never ran
    out: ``n_iter_no_change=500``); rows are shuffled; `y` is standardised
    (``y_transformer=FunctionTransformer()`` leaves it as it is); *different* spoken
    words are drawn from training rows only, and, given `labels`, never of a type that
    the row has.

    References
    ----------
    .. [1] G. Synnaeve, M. Versteegh, E. Dupoux, "Learning words from images and
       speech", 2014.
    .. [2] A. Miech, J.-B. Alayrac, L. Smaira, I. Laptev, J. Sivic, A. Zisserman,
       "End-to-end learning of visual representations from uncurated instructional
       videos", CVPR 2020.

    Examples
    --------
    Scenes of three shapes and their names, in no order:

    >>> import numpy as np
    >>> from sklearn_crossmodal import CosCosEmbedder
    >>> rng = np.random.default_rng(0)
    >>> shapes, names = rng.normal(size=(10, 8)), rng.normal(size=(10, 6))
    >>> scenes = [rng.choice(10, size=3, replace=False) for _ in range(600)]
    >>> X = [shapes[scene] for scene in scenes]
    >>> y = [names[rng.permutation(scene)] for scene in scenes]
    >>> embedder = CosCosEmbedder(random_state=0).fit(X, y)

    Each shape finds its name, though no scene said which it was:

    >>> similarity = embedder.transform(shapes) @ embedder.transform_y(names).T
    >>> similarity.argmax(axis=1)
    array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """

    _parameter_constraints: dict = {
        **BagEmbedder._parameter_constraints,
        "loss": [StrOptions(set(PAIR_LOSSES))],
        "margin": [Interval(Real, -1, 1, closed="both")],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "reduction": [StrOptions({"mean", "sum"})],
        **{
            f"{view}_{name}": constraint
            for view in "xy"
            for name, constraint in {
                "hidden_layer_sizes": [list, tuple],
                "activation": [StrOptions(set(ACTIVATIONS))],
                "output_activation": [StrOptions(set(ACTIVATIONS)), None],
                "dropout": [Interval(Real, 0, 1, closed="left")],
            }.items()
        },
        "init": [StrOptions({"torch", *INITS})],
        "max_norm": [Interval(Real, 0, None, closed="neither"), None],
    }

    _module_class = CosCosTowers
    _losses = PAIR_LOSSES
    _losses_of_drawn_pairs = ("coscos2", "cosine_margin")

    def __init__(
        self,
        n_components=128,
        *,
        y_transformer=None,
        loss="coscos2",
        margin=0.5,
        temperature=0.07,
        reduction="mean",
        negatives="in_batch",
        labels_as="mask",
        empty_bags="error",
        x_hidden_layer_sizes=(256,),
        y_hidden_layer_sizes=(256,),
        x_activation="relu",
        y_activation="relu",
        x_output_activation=None,
        y_output_activation=None,
        x_dropout=0.5,
        y_dropout=0.4,
        init="torch",
        optimizer="adamw",
        lr=3e-3,
        lr_schedule="one_cycle",
        weight_decay=0.01,
        max_norm=None,
        max_grad_norm=None,
        batch_size=128,
        max_epochs=100,
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
        self.y_transformer = y_transformer
        self.loss = loss
        self.margin = margin
        self.temperature = temperature
        self.reduction = reduction
        self.negatives = negatives
        self.labels_as = labels_as
        self.empty_bags = empty_bags
        self.x_hidden_layer_sizes = x_hidden_layer_sizes
        self.x_activation = x_activation
        self.x_output_activation = x_output_activation
        self.x_dropout = x_dropout
        self.y_hidden_layer_sizes = y_hidden_layer_sizes
        self.y_activation = y_activation
        self.y_output_activation = y_output_activation
        self.y_dropout = y_dropout
        self.init = init
        self.optimizer = optimizer
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.weight_decay = weight_decay
        self.max_norm = max_norm
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

    def _module_settings(self, X, items):
        settings = {
            "n_x_features": X.items.shape[1],
            "n_y_features": items.shape[1],
            "n_components": self.n_components,
            "init": self.init,
        }
        for view in "xy":
            name = f"{view}_hidden_layer_sizes"
            settings[name] = check_layer_sizes(getattr(self, name), name)
            for what in ("activation", "output_activation", "dropout"):
                settings[f"{view}_{what}"] = getattr(self, f"{view}_{what}")
        return settings

    def _own_callbacks(self, dataset):
        return [] if self.max_norm is None else [MaxNorm(self.max_norm)]

    def _conclude(self, items, pairs):
        """Look at some training rows: embeddings may be zero, or constant."""
        x, y, masks = self._embed_some(pairs)
        self.zero_fraction_ = {
            "x": (x == 0).all(dim=1).float().mean().item(),
            "y": (y == 0).all(dim=1).float().mean().item(),
        }
        dead = {k: v for k, v in self.zero_fraction_.items() if v > 0.5}
        for view, fraction in dead.items():
            self._warn(
                f"{fraction:.0%} of the embeddings of {_VIEWS[view]} are zero "
                "everywhere: their units have died. Use linear outputs "
                f"({view}_output_activation=None), or a lower lr."
            )
        if self.loss == "coscos2" and not dead and _is_collapsed(x, y, masks):
            self._warn(
                "The loss sits at 7/32 = 0.21875, where embeddings are that do not "
                "depend on the input: nothing was learned. Scale the features, change "
                "lr, or train longer."
            )

    def _embed_some(self, pairs):
        pairs = copy.copy(pairs)
        pairs.negatives = "in_batch"
        n_rows = len(pairs)
        per_row = (pairs.X.counts[pairs.rows].sum() + pairs.y.counts.sum()) / n_rows
        n_inspected = int(np.clip(_N_INSPECTED / per_row, 2, n_rows))
        index = np.linspace(0, n_rows - 1, n_inspected).astype(int)
        views, masks = pairs[index]
        module = self.net_.module_.eval()
        with torch.inference_mode():
            x = module.embed_x(views["x"].to(self.net_.device)).cpu()
            y = module.embed_y(views["y"].to(self.net_.device)).cpu()
        return x, y, masks

    def _warn(self, message):
        warnings.warn(message, ConvergenceWarning, stacklevel=7)


def _is_collapsed(x, y, masks):
    """Whether the loss is that of constant embeddings, and same pairs like others."""
    s = x @ y.T
    loss = CosCos2()((x, y), masks).item()
    gap = s[masks["same"]].mean() - s[masks["different"]].mean()
    return abs(loss - _COLLAPSED) < 1e-3 and abs(gap.item()) < 0.02
