"""Rows with any number of items on either side, and which of their pairs are same.

A batch is some rows with all their items. Same are the items of one row; different is
what is left of the batch, or drawn from all training items.
"""

import numpy as np
import torch

from ._pairs import Batch, BatchDataset, take_features

# Rounds of drawing anew what turned out not to be different, before looking for it.
_MAX_REDRAWS = 50


class BagPairs(BatchDataset):
    """Training rows whose items are paired, all with all.

    Parameters
    ----------
    X : Bags
        First view, of all rows.
    y : Bags
        Second view, of the training rows.
    rows : ndarray of int of shape (n_training_rows,)
        Which rows of `X` and `groups` those of `y` are.
    groups : ndarray of int of shape (n_rows,)
        Items of rows with one id are same.
    labels : ndarray of int of shape (n_y_items,) or None
        Class of each item of `y`. A row is of the classes of its items.
    labels_as : {"mask", "positive"}
        Whether an item of a class that the row has is not different, or even same.
    negatives : {"in_batch", "sampled"}
        Whether the different pairs are all of the batch, or as many as same ones, made
        of the same items of `X` and others of `y`, drawn from all training rows.
    """

    def __init__(self, X, y, rows, groups, labels, *, labels_as, negatives):
        self.X = X
        self.y = y
        self.rows = rows
        self.groups = groups
        self.labels = labels
        self.labels_as = labels_as
        self.negatives = negatives
        self._item_groups = np.repeat(groups[rows], y.counts)
        self._n_labels = 0 if labels is None else int(labels.max()) + 1

    @property
    def items(self):
        """Items of the second view."""
        return self.y.items

    @property
    def views(self):
        """Both views."""
        return self.X, self.items

    def __len__(self):
        """Return the number of rows."""
        return len(self.rows)

    def __getitem__(self, index):
        """Return the `Batch` of the rows in `index`.

        ``{"x": ..., "y": ...}`` and what the losses in `losses._pairs` take.
        """
        x_items, x_rows = self.X.take(self.rows[index])
        y_items, y_rows = self.y.take(index)
        batch = _Rows(self, index, y_items, y_rows)
        alike = batch.of_one_group(y_items)
        if self.labels is None:
            same, different = alike, ~alike
        elif self.labels_as == "positive":
            same = alike | batch.of_one_class(y_items)
            different = ~same
        else:
            same, different = alike, ~(alike | batch.of_one_class(y_items))
        same, different = same[x_rows], different[x_rows]
        if self.negatives == "sampled":
            y_items, same, different = self._add_drawn(batch, x_rows, y_items, same)
        views = {
            "x": take_features(self.X.items, x_items),
            "y": take_features(self.y.items, y_items),
        }
        masks = {"same": same, "different": different}
        places = {"x_rows": x_rows, "y_rows": y_rows}
        pairs = {name: torch.from_numpy(v) for name, v in {**masks, **places}.items()}
        return Batch(views, pairs, len(index))

    def _add_drawn(self, batch, x_rows, y_items, same):
        """Add a drawn item of `y` for each same pair, and count the pairs it is in."""
        in_pairs = np.nonzero(same)[0]
        drawn, columns = np.unique(
            self._draw(batch, x_rows[in_pairs]), return_inverse=1
        )
        n_own = len(y_items)
        different = np.zeros((len(x_rows), n_own + len(drawn)), dtype=np.float32)
        np.add.at(different, (in_pairs, n_own + columns), 1)
        same = np.pad(same, ((0, 0), (0, len(drawn))))
        return np.r_[y_items, drawn], same, different

    def _draw(self, batch, rows):
        """Draw an item of `y` that is different from each of these rows of a batch."""
        n_items = len(self._item_groups)
        drawn, wrong = np.empty(len(rows), dtype=np.int64), np.arange(len(rows))
        for _ in range(_MAX_REDRAWS):
            drawn[wrong] = _random_integers(n_items, len(wrong))
            wrong = wrong[~batch.differ(rows[wrong], drawn[wrong])]
            if not len(wrong):
                return drawn
        for row in np.unique(rows[wrong]):  # hardly anything differs from these
            candidates = np.flatnonzero(batch.differ(row, np.arange(n_items)))
            if not len(candidates):
                raise ValueError(
                    f"Nothing is different from row {self.rows[batch.index[row]]}: all "
                    "items of y are of its group or of its labels. Give "
                    "negatives='in_batch', or finer groups and labels."
                )
            of_row = wrong[rows[wrong] == row]
            drawn[of_row] = candidates[_random_integers(len(candidates), len(of_row))]
        return drawn


class _Rows:
    """The rows of a batch, and which items of `y` are the same thing."""

    def __init__(self, pairs, index, y_items, y_rows):
        self.index = index
        self._pairs = pairs
        self._groups = pairs.groups[pairs.rows[index]]
        if pairs.labels is not None:
            self._has_label = np.zeros((len(index), pairs._n_labels), dtype=bool)
            self._has_label[y_rows, pairs.labels[y_items]] = True

    def of_one_group(self, items):
        """Return (n_rows, n_items) booleans."""
        return self._groups[:, None] == self._pairs._item_groups[items]

    def of_one_class(self, items):
        """Return (n_rows, n_items) booleans."""
        return self._has_label[:, self._pairs.labels[items]]

    def differ(self, rows, items):
        """Whether rows and items, side by side, are of other groups and classes."""
        differ = self._groups[rows] != self._pairs._item_groups[items]
        if self._pairs.labels is not None:
            differ &= ~self._has_label[rows, self._pairs.labels[items]]
        return differ


def _random_integers(high, size):
    """Draw from torch's generator: the one that an epoch seeds."""
    return torch.randint(high, (size,)).numpy()
