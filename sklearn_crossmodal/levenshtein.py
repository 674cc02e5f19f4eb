"""LevenshteinStringEmbedder: strings in a space where distance is edit distance."""

import warnings
from numbers import Integral

import numpy as np
import torch
from scipy.spatial.distance import pdist
from scipy.stats import spearmanr
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.validation import check_is_fitted

from .base import rollback_on_error
from .losses import EDIT_DISTANCE_LOSSES
from .training._strings import StringBatches, StringTower
from .training._towers import check_layer_sizes
from .training._trainer import NetTrainer, Stage
from .utils._edit_distance import METRIC_NAMES, EditDistance
from .utils._sklearn import Interval, StrOptions, fit_context
from .utils._strings import (
    ALPHANUMERIC,
    N_SPECIAL,
    check_strings,
    encode,
    fold,
    resolve_alphabet,
    warn_unknown,
)

# Strings that a score looks at: half a million pairs, where more add nothing.
_MAX_SCORED = 1000

_BLOCK_CHARACTERS = 1 << 15
_MAX_BLOCK = 512


class LevenshteinStringEmbedder(
    NetTrainer,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    r"""Embed strings so that the distance of two vectors is their edit distance.

    The characters are summed over soft parts of the string, and a feed-forward net
    behind is trained on pairs of strings and their true edit distance [1]_. Vectors
    then answer what otherwise takes a dynamic program for every pair: nearest
    neighbours, clusters, or a space for images of words (`WordImageEmbedder`). The
    defaults are what measures best; the paper's recipe is reached by parameters, see
    Notes.

    Parameters
    ----------
    n_components : int, default=128
        Dimension of the space.
    alphabet : str, default="abcdefghijklmnopqrstuvwxyz0123456789"
        Characters that are told apart, distinct. All others share one row, with one
        warning. None: those of the training strings.
    lowercase : bool, default=True
        Whether to lower-case first. Distances are then those of the lower-cased
        strings.
    strip_accents : {"ascii", "unicode"}, default=None
        Whether to take accents off first, as in scikit-learn's `CountVectorizer`.
    max_len : int, default=None
        Length of the longest string that is taken. None: any, or with
        ``pooling="flatten"`` that of the longest training string.
    too_long : {"error", "truncate"}, default="error"
        What becomes of longer strings: an error, or they are cut, with a warning.
    metric : str or callable, default="levenshtein"
        The edit distance to learn: ``"levenshtein"``, ``"damerau_levenshtein"``,
        ``"osa"``, ``"indel"`` and the other distances of rapidfuzz, or a function of
        two strings, which is slow.
    metric_params : dict, default=None
        Further arguments of the metric, such as ``{"weights": (1, 1, 2)}``: the costs
        of an insertion, a deletion (which must be equal) and a substitution.
    distance : {"sqeuclidean", "euclidean"}, default="sqeuclidean"
        The distance of vectors that becomes the edit distance.
    loss : {"relative_error", "squared_error", "poisson"}, default="relative_error"
        `losses.RelativeEditError`, `losses.SquaredEditError` or
        `losses.PoissonEditError`.
    n_filters : int, default=None
        Filters of a convolution over the characters. None: none, characters are summed
        as they are.
    filter_size : int, default=3
        Characters that a filter sees.
    pooling : {"soft_positions", "flatten"}, default="soft_positions"
        Whether characters are summed over soft parts of the string, which suits
        strings of any length, or kept each in its place.
    n_positions : int, default=8
        Number of soft parts: Gaussians over the string, of whatever length.
    hidden_layer_sizes : tuple of int, default=(1024,)
        Hidden layers behind; a linear map goes past them.
    n_mutations : int, default=1
        Mutated copies of each drawn string, which make near pairs.
    n_neighbors : int, default=0
        Training strings like each drawn one that join it: next to it in the order of
        the alphabet, read forwards or backwards. Larger batches do as much.
    max_edits : int, default=4
        Edits of a mutated copy, at most.
    optimizer : {"adamw", "adam", "sgd", "adadelta"} or type, default="adamw"
        Optimizer, by name or as a `torch.optim.Optimizer` class.
    lr : float, default=2e-3
        Learning rate.
    lr_schedule : {"constant", "cosine", "one_cycle"}, default="one_cycle"
        How the learning rate goes over the epochs.
    weight_decay : float, default=0.0
        Weight decay, of weights only.
    max_grad_norm : float, default=None
        Longer gradients are scaled down to this norm.
    batch_size : int, default=128
        Strings drawn for a batch. With their copies, all pairs of it are learnt from.
    epoch_size : int, default=12800
        Strings drawn for an epoch, so that training takes as long for a short list as
        for a long one.
    max_epochs : int, default=20
        Number of epochs.
    early_stopping : bool, default=False
        Whether to hold out strings, stop when the correlation of their distances no
        longer improves, and restore the best weights.
    validation_fraction : float, default=0.1
        Share of the strings held out by `early_stopping`.
    n_iter_no_change : int, default=5
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
        Seed of initial weights, of the strings drawn and of their mutations. The same
        integer gives the same bits on one machine's CPU.
    verbose : int, default=0
        Above 0, prints a line for each epoch.

    Attributes
    ----------
    net_ : skorch.NeuralNet
        Trained net.
    alphabet_ : str
        Characters that are told apart.
    max_len_ : int or None
        Length of the longest string that is taken.
    history_ : list of dict
        What was recorded in each epoch: ``train_loss``, ``dur``, ``valid_score``, ...
    n_iter_ : int
        Number of epochs trained.
    seed_ : int
        The seed drawn from `random_state`.

    See Also
    --------
    WordImageEmbedder : Word images in the same space.
    StringNeighbors : Nearest strings of a large lexicon.
    sklearn_crossmodal.preprocessing.PHOC : String features without training.

    Notes
    -----
    The slides [1]_ tell the network (one-hot characters, 256 filters that see three of
    them, 4096 outputs), the loss (the squared distance regressed on the edit distance)
    and arbitrary pairs. The rest is not told; this is the recipe as far as it goes::

        LevenshteinStringEmbedder(
            n_components=4096, n_filters=256, pooling="flatten", max_len=20,
            hidden_layer_sizes=(), distance="sqeuclidean", loss="squared_error",
            n_mutations=0)

    A fresh net is scaled so that its mean distance is the mean edit distance; without
    that, 4096 outputs start some thousandfold too far apart, and the loss diverges.

    References
    ----------
    .. [1] M. Rusiñol, L. Gomez, "Self-supervised multimodal embeddings", slides, 2019;
       L. Gomez, M. Rusiñol, D. Karatzas, "LSDE: Levenshtein space deep embedding for
       query-by-string word spotting", ICDAR 2017.
    .. [2] X. Dai et al., "Convolutional embedding for edit distance", SIGIR 2020.
    .. [3] A. J. X. Guo et al., "Deep squared Euclidean approximation to the Levenshtein
       distance for DNA storage", ICML 2022.

    Examples
    --------
    >>> from sklearn_crossmodal import LevenshteinStringEmbedder
    >>> words = ["letter", "letters", "later", "order", "orders", "border", "captain"]
    >>> embedder = LevenshteinStringEmbedder(max_epochs=1, random_state=0).fit(words)
    >>> embedder.transform(["orders", "ordres"]).shape
    (2, 128)
    >>> near, far = embedder.predict_distance(["order"] * 2, ["orders", "captain"])
    >>> bool(near < far)
    True
    """

    _parameter_constraints: dict = {
        **NetTrainer._parameter_constraints,
        "alphabet": [str, None],
        "lowercase": ["boolean"],
        "strip_accents": [StrOptions({"ascii", "unicode"}), None],
        "max_len": [Interval(Integral, 1, None, closed="left"), None],
        "too_long": [StrOptions({"error", "truncate"})],
        "metric": [StrOptions(set(METRIC_NAMES)), callable],
        "metric_params": [dict, None],
        "distance": [StrOptions({"euclidean", "sqeuclidean"})],
        "loss": [StrOptions(set(EDIT_DISTANCE_LOSSES))],
        "n_filters": [Interval(Integral, 1, None, closed="left"), None],
        "filter_size": [Interval(Integral, 1, None, closed="left")],
        "pooling": [StrOptions({"soft_positions", "flatten"})],
        "n_positions": [Interval(Integral, 1, None, closed="left")],
        "hidden_layer_sizes": [list, tuple],
        "n_mutations": [Interval(Integral, 0, None, closed="left")],
        "n_neighbors": [Interval(Integral, 0, None, closed="left")],
        "max_edits": [Interval(Integral, 1, None, closed="left")],
        "epoch_size": [Interval(Integral, 2, None, closed="left")],
    }

    _module_class = StringTower
    _losses: dict[str, type] = EDIT_DISTANCE_LOSSES

    def __init__(
        self,
        n_components=128,
        *,
        alphabet=ALPHANUMERIC,
        lowercase=True,
        strip_accents=None,
        max_len=None,
        too_long="error",
        metric="levenshtein",
        metric_params=None,
        distance="sqeuclidean",
        loss="relative_error",
        n_filters=None,
        filter_size=3,
        pooling="soft_positions",
        n_positions=8,
        hidden_layer_sizes=(1024,),
        n_mutations=1,
        n_neighbors=0,
        max_edits=4,
        optimizer="adamw",
        lr=2e-3,
        lr_schedule="one_cycle",
        weight_decay=0.0,
        max_grad_norm=None,
        batch_size=128,
        epoch_size=12800,
        max_epochs=20,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        warm_start=False,
        callbacks=None,
        net_params=None,
        device="auto",
        random_state=None,
        verbose=0,
    ):
        self.n_components = n_components
        self.alphabet = alphabet
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.max_len = max_len
        self.too_long = too_long
        self.metric = metric
        self.metric_params = metric_params
        self.distance = distance
        self.loss = loss
        self.n_filters = n_filters
        self.filter_size = filter_size
        self.pooling = pooling
        self.n_positions = n_positions
        self.hidden_layer_sizes = hidden_layer_sizes
        self.n_mutations = n_mutations
        self.n_neighbors = n_neighbors
        self.max_edits = max_edits
        self.optimizer = optimizer
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.weight_decay = weight_decay
        self.max_grad_norm = max_grad_norm
        self.batch_size = batch_size
        self.epoch_size = epoch_size
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
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    # ------------------------------------------------------------------------ fitting

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, strings, y=None):
        """Learn the distances of strings like these.

        Parameters
        ----------
        strings : list, tuple, 1-D array or Series of str
            Strings; copies count once.
        y : ignored
            For use in pipelines.

        Returns
        -------
        self : LevenshteinStringEmbedder
            Fitted transformer.

        Warns
        -----
        UserWarning
            If strings have characters outside the alphabet, or are cut.

        Raises
        ------
        TypeError
            If an entry is not a str; it is named.
        ValueError
            If all strings are equal, or look so; if one is too long, the metric depends
            on the direction, a parameter is out of range, or the loss stops being
            finite (the estimator then keeps the state after the last complete epoch).
        KeyboardInterrupt
            On Ctrl-C, after the state of the last complete epoch was kept (with
            `early_stopping`, of the best).
        """
        resume = self.warm_start and hasattr(self, "net_")
        return self._train(strings, y, self._stages(), self.lr_schedule, resume)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, strings, y=None):
        """Train one more epoch on these strings, at the constant rate `lr`.

        The alphabet is that of the first call.

        Parameters
        ----------
        strings : list, tuple, 1-D array or Series of str
            Strings.
        y : ignored
            For use in pipelines.

        Returns
        -------
        self : LevenshteinStringEmbedder
            Fitted transformer.

        Raises
        ------
        ValueError
            If `early_stopping` is set: one pass has nothing to stop early.
        """
        self._refuse_early_stopping()
        stages = [Stage(self.loss, 1, self.lr)]
        resume = hasattr(self, "net_")
        return self._train(strings, y, stages, "constant", resume)

    def _train(self, strings, y, stages, schedule, resume):
        with rollback_on_error(self):
            hook_data = {"estimator": self, "X": strings, "y": y}
            edit_distance = self.edit_distance()
            if resume:
                self._check_same_reading()
            else:
                vars(self).pop("net_", None)
            read = self._read(strings, reset=not resume)
            distinct = list(dict.fromkeys(read))
            device = self._prepare_training(resume)
            training, held_out = self._split(distinct)
            stopped_by = self._train_net(
                self._batches(training, edit_distance),
                hook_data,
                device,
                stages=stages,
                schedule=schedule,
                resume=resume,
                validation_score=held_out
                and (lambda net: self._correlation(net, held_out)),
            )
        if stopped_by is not None:
            raise stopped_by
        return self

    def edit_distance(self):
        """Return the edit distance that is learnt, for exact results.

        Returns
        -------
        distance : EditDistance
            With ``cdist(a, b)``, a matrix, and ``pairs(a, b)`` of lists of strings.

        Raises
        ------
        ValueError
            If it depends on the direction, or the metric is none.
        """
        return EditDistance(self.metric, self.metric_params).require_symmetric()

    def _batches(self, strings, edit_distance):
        return StringBatches(
            strings,
            self.epoch_size,
            alphabet=self.alphabet_,
            n_mutations=self.n_mutations,
            n_neighbors=self.n_neighbors,
            max_edits=self.max_edits,
            max_len=self.max_len_,
            cdist=edit_distance.cdist,
            read=self._ids,
        )

    def _split(self, strings):
        """Return training strings and, for early stopping, those held out."""
        if len(strings) < 2:
            raise ValueError(
                f"All strings are equal: {strings[0]!r:.60}. Distances are learnt from "
                "at least 2 different ones."
            )
        if not self.early_stopping:
            return strings, None
        n_held_out = round(self.validation_fraction * len(strings))
        if n_held_out < 3 or len(strings) - n_held_out < 2:
            raise ValueError(
                f"early_stopping=True holds out {n_held_out} of {len(strings)} "
                "different strings; validation needs 3 and training 2. Give more "
                "strings or another validation_fraction."
            )
        order = np.random.RandomState(self.seed_).permutation(len(strings))
        shuffled = [strings[i] for i in order]
        return shuffled[n_held_out:], shuffled[:n_held_out]

    def _module_settings(self, strings):
        flat = self.pooling == "flatten"
        return {
            "n_ids": N_SPECIAL + len(self.alphabet_),
            "n_components": self.n_components,
            "n_filters": self.n_filters,
            "filter_size": self.filter_size,
            "pooling": self.pooling,
            "n_positions": self.max_len_ if flat else self.n_positions,
            "hidden_layer_sizes": check_layer_sizes(
                self.hidden_layer_sizes, "hidden_layer_sizes"
            ),
        }

    def _initialize_module(self, module, strings):
        # What differs in unknown characters only has no distance to be scaled.
        readings: dict[bytes, str] = {}
        for string, row in zip(strings, self._ids(strings).numpy(), strict=True):
            readings.setdefault(row.tobytes(), string)
        if len(readings) < 2:
            self._refuse(
                strings,
                "differ only in characters outside the alphabet. Add those, or learn "
                "an alphabet with alphabet=None.",
            )
        some = list(readings.values())[:_MAX_BLOCK]
        n_pairs = len(some) * (len(some) - 1)
        mean = self.edit_distance().cdist(some, some).sum() / n_pairs
        if mean == 0:
            self._refuse(some, "are all at distance 0. Give another metric.")
        device = next(module.parameters()).device
        module.calibrate(self._ids(some).to(device), float(mean), self.distance)

    def _refuse(self, strings, reason):
        raise ValueError(
            f"There are no distances to learn: {len(strings)} training strings, such "
            f"as {strings[0]!r:.60} and {strings[1]!r:.60}, {reason}"
        )

    # ----------------------------------------------------------------- what comes in

    def _read(self, strings, *, reset, name="strings"):
        """Return folded strings, cut to `max_len_`; warn of what is not told apart."""
        folding = {"lowercase": self.lowercase, "strip_accents": self.strip_accents}
        strings = fold(check_strings(strings, name), **folding)
        if reset:
            self.max_len_ = self.max_len
            if self.pooling == "flatten" and self.max_len is None:
                self.max_len_ = max(1, *map(len, strings))
        strings = self._cut(strings, name)
        if reset:
            self.alphabet_ = resolve_alphabet(self.alphabet, strings, **folding)
        if not set(self.alphabet_).issuperset("".join(strings)):
            warn_unknown(strings, self.alphabet_, stacklevel=4)
        return strings

    def _check_same_reading(self):
        """Refuse another alphabet or length than the net was built for."""
        changed = []
        if self.alphabet not in (None, self.alphabet_):
            changed.append("alphabet")
        if self.max_len not in (None, self.max_len_):
            changed.append("max_len")
        if changed:
            raise ValueError(
                f"{', '.join(changed)} changed since the net was built, and training "
                "goes on with that. Put the value back, or fit with warm_start=False."
            )

    def _cut(self, strings, name):
        if self.max_len_ is None:
            return strings
        longer = [i for i, string in enumerate(strings) if len(string) > self.max_len_]
        if not longer:
            return strings
        first = longer[0]
        found = (
            f"{len(longer)} of {len(strings)} strings are longer than "
            f"max_len={self.max_len_}; the first is entry {first} of {name}, with "
            f"{len(strings[first])} characters: {strings[first]!r:.60}"
        )
        if self.too_long == "error":
            raise ValueError(
                f"{found}. Give a larger max_len, or set too_long='truncate'."
            )
        warnings.warn(f"{found}. They are cut.", UserWarning, stacklevel=5)
        return [string[: self.max_len_] for string in strings]

    def _ids(self, strings):
        """Return checked strings as a tensor of ids, at least one column wide."""
        width = max(1, max(map(len, strings)))
        ids, _ = encode(strings, self.alphabet_, width)
        return torch.from_numpy(ids.astype(np.int64))

    # -------------------------------------------------------------------- embedding

    def transform(self, strings):
        """Embed strings.

        Parameters
        ----------
        strings : list, tuple, 1-D array or Series of str
            Strings; the empty one has a vector too.

        Returns
        -------
        embedded : ndarray of shape (n_strings, n_components), dtype float32
            One row for each string.

        Warns
        -----
        UserWarning
            If strings have characters outside the alphabet, or are cut.
        """
        check_is_fitted(self)
        return self._embed(self.net_, self._read(strings, reset=False))

    def _embed(self, net, strings):
        """Embed checked strings, those of like length together."""
        lengths = np.fromiter(map(len, strings), np.int64, len(strings))
        order = np.argsort(lengths, kind="stable")
        embedded = np.empty((len(strings), self._n_features_out), dtype=np.float32)
        net.module_.eval()
        with torch.inference_mode():
            for rows in _blocks(order, lengths):
                ids = self._ids([strings[i] for i in rows]).to(net.device)
                embedded[rows] = net.module_(ids).cpu().numpy()
        return embedded

    def predict_distance(self, a, b):
        """Estimate the edit distance of each string of `a` to its fellow of `b`.

        Parameters
        ----------
        a, b : list, tuple, 1-D array or Series of str
            As many in one as in the other.

        Returns
        -------
        distances : ndarray of shape (n_strings,), dtype float32
            Estimates of the edit distances: distances of the vectors.

        Raises
        ------
        ValueError
            If `a` and `b` differ in length.
        """
        check_is_fitted(self)
        a = self._read(a, reset=False, name="a")
        b = self._read(b, reset=False, name="b")
        if len(a) != len(b):
            raise ValueError(
                f"predict_distance takes two lists of one length; got {len(a)} and "
                f"{len(b)} strings. For all pairs, use the distances of "
                "transform(a) and transform(b)."
            )
        difference = self._embed(self.net_, a) - self._embed(self.net_, b)
        squared = np.einsum("ij,ij->i", difference, difference)
        return squared if self.distance == "sqeuclidean" else np.sqrt(squared)

    def score(self, strings, y=None):
        """Return the rank correlation of the vectors' distance and the edit distance.

        Parameters
        ----------
        strings : list, tuple, 1-D array or Series of str
            Strings, best others than those of `fit`. All pairs of different ones count;
            of more than 1,000, those of a sample of 1,000, always the same.
        y : ignored
            For use in pipelines.

        Returns
        -------
        correlation : float
            Spearman's, 1 at best.

        Raises
        ------
        ValueError
            If there are fewer than three different strings, or all their distances are
            equal.
        """
        check_is_fitted(self)
        distinct = list(dict.fromkeys(self._read(strings, reset=False)))
        if len(distinct) < 3:
            raise ValueError(
                "score needs at least 3 different strings, whose pairs are to be "
                f"ranked; got {len(distinct)}."
            )
        return self._correlation(self.net_, distinct)

    def _correlation(self, net, strings):
        """Return the rank correlation over the pairs of some distinct strings."""
        if len(strings) > _MAX_SCORED:
            chosen = np.random.RandomState(0).permutation(len(strings))[:_MAX_SCORED]
            strings = [strings[i] for i in chosen]
        embedded = self._embed(net, strings)
        pairs = np.triu_indices(len(strings), 1)
        edits = self.edit_distance().cdist(strings, strings)[pairs]
        if edits.min() == edits.max():
            raise ValueError(
                f"All pairs of these {len(strings)} strings, such as "
                f"{strings[0]!r:.60} and {strings[1]!r:.60}, have edit distance "
                f"{edits[0]:g}: there is no order to correlate with. Give score more "
                "strings, or fit a larger validation_fraction."
            )
        return float(spearmanr(pdist(embedded), edits).statistic)


def _blocks(order, lengths):
    """Cut strings, in order of length, into blocks of bounded size."""
    start = 0
    while start < len(order):
        block = order[start : start + _MAX_BLOCK]
        # The longest of a block is its last.
        sizes = np.arange(1, len(block) + 1) * np.maximum(lengths[block], 1)
        n_fitting = int(np.searchsorted(sizes, _BLOCK_CHARACTERS, side="right"))
        yield block[: max(1, n_fitting)]
        start += max(1, n_fitting)
