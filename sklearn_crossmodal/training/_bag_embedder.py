"""Two-view estimators whose rows are vectors or bags of vectors, on either side."""

import warnings
from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from ..utils._bags import Bags, pool_rows, repeat_rows
from ..utils._containers import (
    as_rows,
    holds_bags,
    holds_text,
    name_rows,
    read_bags,
    refuse_empty,
)
from ..utils._ids import encode_ids, ids_of_items
from ..utils._sklearn import Interval, StrOptions, fit_context
from ._bags import BagPairs
from ._embedder import NetEmbedder
from ._vector_items import VectorItemsMixin


class BagEmbedder(VectorItemsMixin, NetEmbedder):
    """Base class of estimators that train on same and different pairs of items.

    Every item of a row of `X` is same with every item of that row of `y`. `fit` also
    takes labels. A subclass has the parameters `negatives`, `labels_as` and
    `empty_bags`, and losses that take what `BagPairs` gives.
    """

    _parameter_constraints: dict = {
        **NetEmbedder._parameter_constraints,
        "negatives": [StrOptions({"in_batch", "sampled"})],
        "labels_as": [StrOptions({"mask", "positive"})],
        "empty_bags": [StrOptions({"error", "drop"})],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
    }

    _width_setting = "n_y_features"

    # Those that make sense when the different pairs are drawn one by one.
    _losses_of_drawn_pairs: tuple[str, ...] = ()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    # ------------------------------------------------------------------------ fitting

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, groups=None, labels=None):
        """Train the two towers on rows of vectors or of bags.

        Parameters
        ----------
        X : {array-like, sparse matrix, memmap} of shape (n_samples, n_features), \
                list of 2-D arrays, or 3-D array
            First view: one vector for each row, or a bag of them. A `numpy.memmap` is
            read batch by batch and never copied whole.
        y : array-like or list of length n_samples
            Second view: vectors or bags, or whatever `y_transformer` makes vectors of.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group are the same thing: their items are same, and they are
            kept together by the validation split of early stopping.
        labels : array-like of shape (n_samples,) or list of lists, default=None
            Class of each row, or of each item of `y` (the type of each spoken word), in
            lists or one after the other: see `labels_as`. As many as there are rows are
            those of the rows. Never used for splitting.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        ValueError
            If rows of `X` and `y` do not match, there are fewer than two, bags are of
            different widths or (see `empty_bags`) empty, a view holds NaN or infinity,
            nothing is different, a parameter is out of range, or the loss stops being
            finite (the estimator then keeps the state after the last complete epoch).
        TypeError
            If `y` is text and `y_transformer` does not make vectors of it.
        KeyboardInterrupt
            On Ctrl-C, after the state of the last complete epoch was kept (with
            `early_stopping`, of the best).
        """
        return self._fit(X, y, groups=groups, labels=labels)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, groups=None, labels=None):
        """Train one more pass over these rows, at the constant rate `lr`.

        The `y_transformer` is fitted on the first call only.

        Parameters
        ----------
        X : {array-like, sparse matrix, memmap} of shape (n_samples, n_features), \
                list of 2-D arrays, or 3-D array
            First view.
        y : array-like or list of length n_samples
            Second view.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group are the same thing.
        labels : array-like of shape (n_samples,) or list of lists, default=None
            Class of each row, or of each item of `y`.

        Returns
        -------
        self : object
            Fitted estimator.

        Raises
        ------
        ValueError
            If `early_stopping` is set: one pass has nothing to stop early.
        """
        return self._partial_fit(X, y, groups=groups, labels=labels)

    # ----------------------------------------------------------------- what comes in

    def _check_X(self, X, *, reset):
        """Return the rows of `X` as bags, of one item each when they are vectors."""
        if getattr(X, "ndim", 0) == 1:  # a Series or object array may hold bags
            X = as_rows(X)
        if not holds_bags(X):
            X = super()._check_X(X, reset=reset)
            return Bags(X, np.ones(X.shape[0], dtype=np.int64))
        if not len(X):
            raise ValueError(f"{type(self).__name__} needs at least 1 row of X.")
        if reset and len(X) < 2:
            raise ValueError(
                f"{type(self).__name__} needs at least 2 rows of X, as one has nothing "
                f"that is different; got {len(X)}."
            )
        bags = read_bags(X, "X")
        self._refuse_empty(bags, "X", all_of_them=reset)
        if bags.n_items:
            bags.items = super()._check_X(bags.items, reset=reset)
        return bags

    def _read_y(self, y):
        bags = read_bags(y)
        self._refuse_empty(bags, "y")
        return bags

    def _refuse_empty(self, bags, name, all_of_them=False):
        """Refuse empty bags, unless they are dropped; and in fit, nothing else."""
        if self.empty_bags == "error" or (all_of_them and not bags.n_items):
            remedy = "drop such rows from X and y, or set empty_bags='drop'"
            refuse_empty(bags.counts, name, remedy)

    def _check_pairs(self, X, y, metadata, *, reset):
        if self.negatives == "in_batch" and self.batch_size < 2:
            raise ValueError(
                "negatives='in_batch' takes what is different from the other rows of a "
                f"batch, and batch_size={self.batch_size}. Give at least 2, or "
                "negatives='sampled'."
            )
        if self.negatives == "sampled" and self.loss not in self._losses_of_drawn_pairs:
            raise ValueError(
                f"negatives='sampled' goes with the losses "
                f"{', '.join(self._losses_of_drawn_pairs)}; loss={self.loss!r} takes "
                "all pairs of a batch."
            )
        X, y, metadata, _ = super()._check_pairs(X, y, metadata, reset=reset)
        rows = self._rows_with_items(X, y)
        labels = _check_labels(metadata["labels"], y.counts)
        return X, y, {**metadata, "labels": labels}, rows

    def _check_training_rows(self, rows, groups, labels):
        if len(np.unique(groups[rows])) < 2:
            raise ValueError("All rows are of one group: nothing is different.")
        if labels is not None and len(np.unique(labels.gather(rows)[0])) < 2:
            raise ValueError(
                "All items of y are of one label (of the rows that early stopping "
                "leaves, if set): nothing is different."
            )

    def _rows_with_items(self, X, y):
        """Return the rows with items in both views; warn of the others."""
        empty = (X.counts == 0) | (y.counts == 0)
        rows = np.flatnonzero(~empty)
        if len(rows) < len(X):
            names = name_rows(np.flatnonzero(empty))
            if len(rows) < 2:
                raise ValueError(
                    f"{names} have no item in X or in y, which leaves {len(rows)} of "
                    f"{len(X)} rows, and 2 are needed."
                )
            warnings.warn(
                f"{names} left out: no item in X or in y.", UserWarning, stacklevel=7
            )
        return rows

    def _pairs(self, X, items, rows, groups, labels):
        rows, counts = np.unique(rows, return_counts=True)
        return BagPairs(
            X,
            Bags(self._transform_items(items), counts),
            rows,
            groups,
            labels and labels.gather(rows)[0],
            labels_as=self.labels_as,
            negatives=self.negatives,
        )

    def _default_y_transformer(self, items):
        if holds_text(items):  # scikit-learn has many ways to make vectors of it
            return None
        return StandardScaler(with_mean=not sparse.issparse(items))

    # -------------------------------------------------------------------- embedding

    def _embed_X(self, net, X, rows=None):
        rows = np.arange(len(X)) if rows is None else rows
        index, places = X.take(rows)
        if not len(index):
            return np.zeros((len(rows), self._n_features_out), dtype=np.float32)
        whole = len(index) == X.items.shape[0]
        embedded = super()._embed_X(net, X.items, None if whole else index)
        return pool_rows(embedded, places, n_rows=len(rows), normalize=True)

    def _embed_pairs(self, net, pairs):
        embedded = self._embed_items(pairs.items, net)
        places = repeat_rows(pairs.y.counts)
        y_embedded = pool_rows(embedded, places, normalize=True)
        X_embedded = self._embed_X(net, pairs.X, pairs.rows)
        return X_embedded, y_embedded, pairs.rows, pairs.rows


def _check_labels(labels, counts):
    """Return the labels of the items of `y` as bags of integer codes."""
    if labels is None:
        return None
    labels = ids_of_items(labels, counts, "labels", by_row=True)
    return Bags(encode_ids(labels, {}), counts)
