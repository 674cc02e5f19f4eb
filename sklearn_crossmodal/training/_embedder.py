"""The estimator side of the engine: fit, resume, embed and persist a pair of towers."""

from abc import abstractmethod
from functools import partial

import numpy as np
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupShuffleSplit
from sklearn.utils.validation import check_is_fitted

from ..base import TwoViewEmbedder, compared_by, rollback_on_error
from ..utils._bags import pool_rows, repeat_rows
from ..utils._containers import as_rows, read_bags, refuse_empty
from ..utils._sklearn import (
    HasMethods,
    fit_context,
    num_samples,
)
from ._pairs import Pairs
from ._seeding import seed_nested
from ._trainer import NetTrainer, Stage


class NetEmbedder(NetTrainer, TwoViewEmbedder):
    """Base class of two-view estimators that train a pair of towers with skorch.

    A subclass names its towers (`_module_class`, a `torch.nn.Module` with `embed_x`,
    `embed_y` and ``forward(x, y)`` that returns both), its losses (`_losses`), the
    settings of both, and the default `y_transformer`. The rest is shared: validation,
    seeding, the epoch loop, early stopping, resuming, callbacks and persistence.
    """

    _parameter_constraints: dict = {
        **NetTrainer._parameter_constraints,
        "y_transformer": [HasMethods(["fit", "transform"]), None],
    }

    # ------------------------------------------------------------ what a method says

    @abstractmethod
    def _default_y_transformer(self, items):
        """Return what ``y_transformer=None`` means for these items; None for none."""

    def _check_items(self, items):
        """Validate the transformed items and return them as training takes them."""
        return items

    def _check_training_rows(self, rows, **metadata):
        """Refuse rows that training would learn nothing from."""

    def _conclude(self, items, pairs):
        """Keep what prediction needs of the training items and pairs; look at them."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # ------------------------------------------------------------------------ fitting

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, groups=None):
        """Train the two towers on pairs.

        Parameters
        ----------
        X : {array-like, sparse matrix, memmap} of shape (n_samples, n_features)
            First view, real numbers in any dtype. A `numpy.memmap` is read batch by
            batch and never copied whole.
        y : array-like or list of length n_samples
            Second view; row ``i`` pairs with row ``i`` of `X`.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group are the same item: never negatives of each other, and kept
            together by the validation split of early stopping.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        ValueError
            If rows of `X` and `y` do not match, there are fewer than two, `X` holds NaN
            or infinity, a parameter is out of range, or the loss stops being finite
            (the estimator then keeps the state after the last complete epoch).
        KeyboardInterrupt
            On Ctrl-C, after the state of the last complete epoch was kept (with
            `early_stopping`, of the best).
        """
        return self._fit(X, y, groups=groups)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, groups=None):
        """Train one more pass over these pairs, at the constant rate `lr`.

        The `y_transformer` is fitted on the first call only.

        Parameters
        ----------
        X : {array-like, sparse matrix, memmap} of shape (n_samples, n_features)
            First view.
        y : array-like or list of length n_samples
            Second view.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group are never negatives of each other.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        ValueError
            If `early_stopping` is set: one pass has nothing to stop early.
        """
        return self._partial_fit(X, y, groups=groups)

    def _fit(self, X, y, **metadata):
        resume = self.warm_start and hasattr(self, "net_")
        return self._train(X, y, metadata, self._stages(), self.lr_schedule, resume)

    def _partial_fit(self, X, y, **metadata):
        self._refuse_early_stopping()
        stages = [Stage(self.loss, 1, self.lr)]
        resume = hasattr(self, "net_")
        return self._train(X, y, metadata, stages, "constant", resume)

    def _train(self, X, y, metadata, stages, schedule, resume):
        with rollback_on_error(self):
            hook_data = {"estimator": self, "X": X, "y": y}
            given = {k: value for k, value in metadata.items() if value is not None}
            if given:
                hook_data["metadata"] = given
            if not resume:
                vars(self).pop("net_", None)  # an earlier fit is of no concern
            X, y, metadata, rows = self._check_pairs(X, y, metadata, reset=not resume)
            device = self._prepare_training(resume)
            pairs, validation, texts = self._make_pairs(X, y, metadata, rows, resume)
            stopped_by = self._train_net(
                pairs,
                hook_data,
                device,
                stages=stages,
                schedule=schedule,
                resume=resume,
                validation_score=validation and partial(self._mrr, pairs=validation),
            )
        self._conclude(texts, pairs)
        if stopped_by is not None:
            raise stopped_by
        return self

    def _check_pairs(self, X, y, metadata, *, reset):
        """Validate what `fit` was given; also return the rows that can be used."""
        X = self._check_X(X, reset=reset)
        groups = metadata["groups"]
        if groups is None and y is not None:
            groups = self._groups_of(y)
        y, groups = self._check_rows(X, y, groups)
        return (
            X,
            self._read_y(y),
            {**metadata, "groups": groups},
            np.arange(len(groups)),
        )

    def _read_y(self, y):
        """Return the rows of the second view as `Bags`."""
        bags = read_bags(y)
        refuse_empty(bags.counts, "y")
        return bags

    def _make_pairs(self, X, y, metadata, rows, resume):
        """Return training pairs, validation pairs (or None) and the training items."""
        training, validation = rows, None
        if self.early_stopping:
            training, validation = self._split(rows, metadata)
        self._check_training_rows(training, **metadata)
        texts, places = y.gather(training)
        if not resume:
            self._fit_items(texts, training[places])
        pairs = self._pairs(X, texts, training[places], **metadata)
        if validation is None:
            return pairs, None, texts
        items, places = y.gather(validation)
        return pairs, self._pairs(X, items, validation[places], **metadata), texts

    def _pairs(self, X, items, rows, groups):
        """Return the dataset of items and the row of each."""
        return Pairs(X, self._transform_items(items), rows, groups, self._take_items)

    def _split(self, rows, metadata):
        """Split rows, groups together, into training and validation."""
        groups = metadata["groups"][rows]
        if len(np.unique(groups)) < 2:
            raise ValueError(
                "early_stopping=True holds out whole groups, but all rows are of one "
                "group. Give more groups, or early_stopping=False."
            )
        splitter = GroupShuffleSplit(
            1, test_size=self.validation_fraction, random_state=self.seed_
        )
        training, validation = next(splitter.split(groups, groups=groups))
        # Rows of one group alone have nothing to tell apart: any ranking is perfect.
        n_groups = [len(np.unique(groups[part])) for part in (training, validation)]
        if min(n_groups) < 2:
            raise ValueError(
                f"early_stopping=True leaves {n_groups[0]} rows (or groups of them) "
                f"for training and {n_groups[1]} for validation; each needs 2. Give "
                "more samples or another validation_fraction."
            )
        return rows[training], rows[validation]

    def _fit_items(self, items, rows):
        """Learn from the training items, and the row of each, how to read any."""
        self._fit_y_transformer(items)

    def _fit_y_transformer(self, items):
        transformer = self.y_transformer
        if transformer is None:
            transformer = self._default_y_transformer(items)
        self.y_transformer_ = None if transformer is None else clone(transformer)
        if not (transformer is None or isinstance(transformer, FrozenEstimator)):
            seed_nested(self.y_transformer_, self.seed_)
            self.y_transformer_.fit(items)

    def _transform_items(self, items):
        if self.y_transformer_ is not None:
            n_items = num_samples(items)
            items = as_rows(self.y_transformer_.transform(items))
            if num_samples(items) != n_items:
                raise ValueError(
                    f"y_transformer returned {num_samples(items)} rows for {n_items} "
                    "items, expected one for each."
                )
        return self._check_items(items)

    # -------------------------------------------------------------------- embedding

    def transform(self, X):
        """Embed the first view.

        Parameters
        ----------
        X : {array-like, sparse matrix, memmap} of shape (n_samples, n_features)
            First view.

        Returns
        -------
        embedded : ndarray of shape (n_samples, n_components), dtype float32
            One row for each row of `X`; of unit length when `similarity` is
            ``"cosine"``.
        """
        check_is_fitted(self)
        return self._embed_X(self.net_, self._check_X(X, reset=False))

    def transform_y(self, y):
        """Embed the second view.

        Parameters
        ----------
        y : array-like or list
            Second view, in any container that `fit` takes.

        Returns
        -------
        embedded : ndarray of shape (n_samples, n_components), dtype float32
            One row for each row of `y`: the (normalised) mean of its items.
        """
        check_is_fitted(self)
        if y is None or num_samples(y) == 0:
            raise ValueError("transform_y needs at least 1 row of y; got none.")
        bags = self._read_y(y)
        if not bags.n_items:
            embedded = np.empty((0, self._n_features_out), dtype=np.float32)
        else:
            embedded = self._embed_items(self._transform_items(bags.items))
        pooled = pool_rows(
            embedded,
            repeat_rows(bags.counts),
            n_rows=len(bags),
            normalize=compared_by(self) == "cosine",
        )
        return self._wrap_like(y, pooled)

    def _mrr(self, net, pairs):
        """Return the mean reciprocal rank of `pairs`, as `score` would."""
        from ..metrics import mean_reciprocal_rank

        X_embedded, y_embedded, rows, y_rows = self._embed_pairs(net, pairs)
        return mean_reciprocal_rank(
            X_embedded,
            y_embedded,
            groups=pairs.groups[rows],
            y_groups=pairs.groups[y_rows],
            similarity=compared_by(self),
        )

    def _embed_pairs(self, net, pairs):
        """Embed both views of `pairs`, as entries of an evaluation, with their rows."""
        rows = np.unique(pairs.rows)
        X_embedded = self._embed_X(net, pairs.X, rows)
        return X_embedded, self._embed_items(pairs.items, net), rows, pairs.rows
