"""Pairs of rows and items, and the iterators that cut them into whole batches.

skorch's default takes a batch apart into single samples and collates them again; here
one fancy index makes the batch, which is what keeps the loop as fast as a hand-written
one.
"""

import numpy as np
import torch
from scipy import sparse
from torch.utils.data import Dataset


class BatchDataset(Dataset):
    """What `BatchIterator` cuts: ``dataset[index]`` is the batch of these samples.

    Its `views` are what the settings of the net are read from.
    """

    def order(self):
        """Draw the samples of one epoch, with torch's generator, which it seeds."""
        return torch.randperm(len(self)).numpy()


class Batch:
    """What unpacks to ``(views, pairs)``, with the number of rows for its length.

    skorch takes the length of a batch that is a tuple from its tensors, and here the
    views have as many items as they have.
    """

    def __init__(self, views, pairs, n_rows):
        self._parts = views, pairs
        self._n_rows = n_rows

    def __iter__(self):
        """Yield the inputs of the towers, then those of the loss."""
        return iter(self._parts)

    def __len__(self):
        """Return the number of rows."""
        return self._n_rows


class Pairs(BatchDataset):
    """Training pairs: item ``j`` of the second view belongs to row ``rows[j]``.

    Parameters
    ----------
    X : ndarray, memmap or sparse array of shape (n_rows, n_features)
        First view, in any real dtype; batches are cast to float32 one by one.
    items : ndarray or sparse array of shape (n_items, width)
        Second view.
    rows : ndarray of shape (n_items,)
        The row of `X` that each item belongs to.
    groups : ndarray of shape (n_rows,)
        Integer id of each row; pairs with one id are never negatives of each other.
    take_items : callable, default=take_features
        ``take_items(items, index)`` returns the tensor of those items.
    """

    def __init__(self, X, items, rows, groups, take_items=None):
        self.X = X
        self.items = items
        self.rows = rows
        self.groups = groups
        self.take_items = take_items or take_features

    @property
    def views(self):
        """Both views."""
        return self.X, self.items

    def __len__(self):
        """Return the number of pairs."""
        return len(self.rows)

    def __getitem__(self, index):
        """Return ``({"x": ..., "y": ...}, ids)`` of the pairs in `index`."""
        rows = self.rows[index]
        views = {
            "x": take_features(self.X, rows),
            "y": self.take_items(self.items, index),
        }
        return views, torch.from_numpy(self.groups[rows])


def take_features(view, index):
    """Return rows `index` (an array or a slice) of a view as a float32 tensor."""
    block = view[index]
    if sparse.issparse(block):
        block = block.toarray()
    # torch refuses negative strides and warns of read-only memory, as of a memmap.
    shared = isinstance(index, slice)
    return torch.from_numpy(np.array(block, dtype=np.float32, copy=shared or None))


def take_tokens(view, index):
    """Return token rows `index` as int64, cut to the longest of them."""
    block = np.asarray(view[index])
    used = np.flatnonzero(block.any(axis=0))
    width = used[-1] + 1 if len(used) else 1
    return torch.from_numpy(block[:, :width].astype(np.int64))


class BatchIterator:
    """Iterate over whole batches of a dataset, in the order that it draws.

    Parameters
    ----------
    dataset : BatchDataset
        What to cut into batches.
    batch_size : int
        Samples in a batch. A last batch of one has nothing to be compared with: it
        joins the one before.
    """

    def __init__(self, dataset, batch_size):
        self.dataset = dataset
        self.batch_size = batch_size

    def __len__(self):
        """Return the number of batches."""
        n_full, rest = divmod(len(self.dataset), self.batch_size)
        return max(1, n_full + (rest > 1))

    def __iter__(self):
        """Yield the batches of one epoch."""
        order = self.dataset.order()
        last = len(self) - 1
        for batch in range(last + 1):
            start = batch * self.batch_size
            stop = None if batch == last else start + self.batch_size
            yield self.dataset[order[start:stop]]
