"""The best entries of a gallery for each query, without the full score matrix."""

from numbers import Integral

import numpy as np

_BLOCK = 256  # queries at a time, fewer where the buffer would be larger than
# Columns of a group, and how many times `k` groups there must be to be worth it.
_GROUP, _MIN_GROUPS = 64, 4
_BUFFER = 2**25  # scores: 128 MiB


def check_n(n):
    """Return how many answers are wanted, or say that it is no number of them."""
    if not isinstance(n, Integral) or n < 1:
        raise ValueError(f"n must be an integer of at least 1; got {n!r}.")
    return int(n)


def top_k(queries, gallery, k):
    """Return the indices and scores of the `k` highest inner products of each query.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, n_components)
        Query vectors.
    gallery : ndarray of shape (n_gallery, n_components)
        Vectors to search.
    k : int
        How many to return; at most the size of the gallery.

    Returns
    -------
    indices : ndarray of shape (n_queries, k), dtype int64
        Rows of `gallery`, best first.
    scores : ndarray of shape (n_queries, k), dtype float32
        Their inner products.
    """
    import torch

    k = min(k, len(gallery))
    by_column, queries = (
        # torch warns of what cannot be written to, as the values of a frame
        torch.from_numpy(np.require(array, dtype=np.float32, requirements="W"))
        for array in (gallery, queries)
    )
    by_column = by_column.T
    n_rows = max(2, min(_BLOCK, _BUFFER // max(1, len(gallery)), len(queries)))
    # One buffer for all blocks: fresh memory costs as much as the products.
    buffer = torch.empty(n_rows, len(gallery))
    best = [
        _largest(torch.mm(block, by_column, out=buffer[: len(block)]), k)
        for block in queries.split(n_rows)
    ]
    return tuple(torch.cat(parts).numpy() for parts in zip(*best, strict=True))


def _largest(scores, k):
    """Return where the `k` largest of each row are, and the values, largest first.

    They are in the `k` groups of columns whose largest are largest: those are found in
    one pass, and few columns are left.
    """
    import torch

    n_columns = scores.shape[1]
    n_grouped = n_columns // _GROUP * _GROUP
    if n_grouped < _MIN_GROUPS * k * _GROUP:
        best = scores.topk(k, dim=1)
        return best.indices, best.values
    groups = scores[:, :n_grouped].unflatten(1, (-1, _GROUP)).amax(dim=2)
    found = groups.topk(k, dim=1).indices
    columns = (found[:, :, None] * _GROUP + torch.arange(_GROUP)).flatten(1)
    rest = torch.arange(n_grouped, n_columns).expand(len(scores), -1)
    columns = torch.cat([columns, rest], dim=1)
    best = scores.gather(1, columns).topk(k, dim=1)
    return columns.gather(1, best.indices), best.values


def smallest_k(chunks, k):
    """Return where the `k` smallest entries of each row are, and the entries.

    Parameters
    ----------
    chunks : iterable of ndarray of shape (n_rows, width)
        The columns of a matrix, in order; a chunk may be overwritten by the next.
    k : int
        How many; not more than there are columns.

    Returns
    -------
    indices : ndarray of shape (n_rows, k), dtype int64
        Columns, the smallest entry first, the first of equal ones first.
    values : ndarray of shape (n_rows, k)
        Their entries.
    """
    indices = values = None
    start = 0
    for chunk in chunks:
        if values is None:
            values = np.empty((len(chunk), 0), dtype=chunk.dtype)
            indices = np.empty((len(chunk), 0), dtype=np.int64)
        rows, columns = _improvements(chunk, values, k)
        if len(rows):
            found = start + columns, chunk[rows, columns]
            indices, values = _merge(indices, values, rows, *found, k)
        start += chunk.shape[1]
    return indices, values


def _improvements(chunk, values, k):
    """Return row and column of entries that may be among the `k` smallest so far."""
    n_rows, width = chunk.shape
    if values.shape[1] == k:
        # Of equal entries the earlier wins: only smaller ones matter.
        better = chunk < values[:, -1:]
    else:
        better = np.ones_like(chunk, dtype=bool)
    if width > k and np.count_nonzero(better) > 8 * k * n_rows:
        better &= chunk <= np.partition(chunk, k - 1, axis=1)[:, k - 1 : k]
    if better.flags.c_contiguous:
        return divmod(np.flatnonzero(better), width)
    columns, rows = divmod(np.flatnonzero(better.T), n_rows)
    by_row = np.argsort(rows, kind="stable")
    return rows[by_row], columns[by_row]


def _merge(indices, values, rows, new_indices, new_values, k):
    """Return the `k` smallest of those so far and of new ones, sorted by row."""
    counts = np.bincount(rows, minlength=len(values))
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    n_old, n_new = values.shape[1], counts.max()
    is_float = values.dtype.kind == "f"
    largest = np.inf if is_float else np.iinfo(values.dtype).max
    padding = np.full((len(values), n_new), largest, dtype=values.dtype)
    values = np.hstack([values, padding])
    indices = np.hstack([indices, np.zeros(padding.shape, dtype=np.int64)])
    values[rows, n_old + place] = new_values
    indices[rows, n_old + place] = new_indices
    # Stable: what was there first, and then lower columns, win among equals.
    order = np.argsort(values, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(indices, order, 1), np.take_along_axis(values, order, 1)
