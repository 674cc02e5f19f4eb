"""Rows of items: any number in each."""

import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing


class Bags:
    """Items of rows: those of row ``i`` are ``counts[i]`` of them from ``starts[i]``.

    Parameters
    ----------
    items : list, array, memmap or sparse array with one entry for each item
        Items of all rows, in order.
    counts : array-like of int of shape (n_rows,)
        How many each row has.
    """

    def __init__(self, items, counts):
        self.items = items
        self.counts = np.asarray(counts, dtype=np.int64)
        self.starts = np.cumsum(self.counts) - self.counts

    def __len__(self):
        """Return the number of rows."""
        return len(self.counts)

    @property
    def n_items(self):
        """Number of items in all rows."""
        return int(self.counts.sum())

    def take(self, rows):
        """Return the indices of these rows' items, and each one's place in `rows`."""
        counts = self.counts[rows]
        places = repeat_rows(counts)
        shift = self.starts[rows] - (np.cumsum(counts) - counts)
        return shift[places] + np.arange(len(places)), places

    def gather(self, rows):
        """Return the items of these rows, and each one's place in `rows`.

        The items of all rows in order are the same object, not a copy.
        """
        index, places = self.take(rows)
        if np.array_equal(index, np.arange(self.n_items)):
            return self.items, places
        items = self.items.tocsr() if sparse.issparse(self.items) else self.items
        return _safe_indexing(items, index), places


def repeat_rows(counts):
    """Return row ids where row ``i`` appears ``counts[i]`` times."""
    return np.repeat(np.arange(len(counts)), counts)


def pool_rows(embeddings, rows, *, n_rows=None, normalize):
    """Put items together into rows: the mean of each row's items.

    Parameters
    ----------
    embeddings : ndarray of shape (n_items, n_components)
        One vector for each item.
    rows : ndarray of shape (n_items,)
        The row of each item, non-decreasing.
    n_rows : int, default=None
        Number of rows, where some may have no item: they become zero. None: each has
        one at least.
    normalize : bool
        Whether a mean of several is scaled to unit length (zero stays zero).

    Returns
    -------
    pooled : ndarray of shape (n_rows, n_components)
        One vector for each row; a row of one item is that item.
    """
    starts = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])[: len(rows)]
    if len(starts) < len(rows):
        embeddings = _mean_rows(embeddings, starts, normalize)
    if n_rows in (None, len(starts)):
        return embeddings
    pooled = np.zeros((n_rows, embeddings.shape[1]), dtype=embeddings.dtype)
    pooled[rows[starts]] = embeddings
    return pooled


def _mean_rows(embeddings, starts, normalize):
    counts = np.diff(np.r_[starts, len(embeddings)])[:, None]
    pooled = np.add.reduceat(embeddings, starts, axis=0) / counts.astype(np.float32)
    if normalize:
        norms = np.linalg.norm(pooled, axis=1, keepdims=True)
        several = (counts > 1) & (norms > 0)
        pooled = np.divide(pooled, norms, where=several, out=pooled)
    return pooled
