"""The containers that a second view may come in, and their items.

A *row* is what pairs with one row of ``X``; an *item* is one thing inside it: a
caption, a tag, a vector of a bag. Here rows are taken apart into items and put together
again.
"""

import numbers
from collections.abc import Iterable, Mapping, Set

import numpy as np
from scipy import sparse
from sklearn.utils import _safe_indexing

from ._sklearn import num_samples


def _first(values):
    return next(iter(values), None)


def is_bag_list(y):
    """Whether ``y`` is a sequence of 2-D arrays, one bag of vectors for each row."""
    return isinstance(y, list | tuple) and getattr(_first(y), "ndim", 0) == 2


def as_rows(y):
    """Return ``y`` as a sequence whose ``len`` is its number of rows.

    pandas and polars containers become arrays, a text column a list.
    """
    if sparse.issparse(y) or isinstance(y, list | tuple):
        return y
    if hasattr(y, "to_numpy"):
        y = y.to_numpy()
    if hasattr(y, "__array__"):
        y = np.asarray(y)
        # What numpy cannot stack: a bag of vectors for each row, say.
        return y.tolist() if y.dtype == object and y.ndim == 1 else y
    if isinstance(y, str | bytes | Mapping | Set) or not isinstance(y, Iterable):
        raise TypeError(
            f"y must hold one entry for each row of X; got {type(y).__name__}. "
            "Pass a list, an array or a Series."
        )
    if not hasattr(y, "__len__"):
        raise TypeError(
            f"y must have a length; got a one-shot {type(y).__name__}. "
            "Wrap it in list(...)."
        )
    return y


def holds_text(y):
    """Whether the rows of ``y`` are texts, or lists of texts, rather than numbers."""
    if sparse.issparse(y):
        return False
    if isinstance(y, np.ndarray) and y.dtype.kind in "biufc":
        return False
    if isinstance(y, np.ndarray) and y.dtype.kind in "US":
        return True
    if is_bag_list(y):
        return False
    return not all(_is_numeric(row) for row in y)


def _is_numeric(row):
    if isinstance(row, numbers.Number):
        return True
    if isinstance(row, np.ndarray) and row.dtype != object:
        return row.dtype.kind in "biufc"
    inner = row.flat if isinstance(row, np.ndarray) else row
    return (
        isinstance(row, np.ndarray | list | tuple)
        and len(row) > 0
        and all(map(_is_numeric, inner))
    )


def _row_texts(row, index):
    """Return the texts of one row, or say what it holds instead."""
    if isinstance(row, str):
        return [row]
    if isinstance(row, list | tuple | np.ndarray):
        texts = list(row)
        if not texts:
            raise ValueError(
                f"Row {index} of y has no text: got an empty list. "
                "Give it at least one, or drop the row from X and y."
            )
        if all(isinstance(text, str) for text in texts):
            return texts
        row = next(text for text in texts if not isinstance(text, str))
    hint = " Decode it first." if isinstance(row, bytes) else ""
    if _is_numeric(row):
        hint = " Other rows are not numbers: y must be all text or all numbers."
    raise TypeError(
        f"Row {index} of y must be a str or a list of str; got {row!r:.60} "
        f"({type(row).__name__}).{hint}"
    )


def flatten_items(y):
    """Take the rows of a view apart into items.

    Parameters
    ----------
    y : list of str, list of lists of str, list of 2-D arrays, array, Series or sparse
        A view, one entry for each row. An inner list of str is *several texts*, never
        one tokenised text. A list of 2-D arrays, and a 3-D array, are bags of vectors.

    Returns
    -------
    items : list of str, ndarray or sparse array
        The items of all rows, in order. Numbers come back as a 2-D array.
    rows : ndarray of shape (n_items,), dtype int64
        The row that each item came from.

    Raises
    ------
    TypeError
        If an entry is neither text nor numbers.
    ValueError
        If a row has no item, or bags differ in width; the row is named.

    Examples
    --------
    >>> from sklearn_crossmodal import flatten_items
    >>> flatten_items([["a dog", "a brown dog"], ["a cat"]])
    (['a dog', 'a brown dog', 'a cat'], array([0, 0, 1]))
    """
    y = as_rows(y)
    if holds_text(y):
        texts = [_row_texts(row, i) for i, row in enumerate(y)]
        counts = [len(row) for row in texts]
        return [text for row in texts for text in row], repeat_rows(counts)
    if is_bag_list(y):
        return _stack_bags(y)
    if not sparse.issparse(y):
        y = _numeric_array(y)
        if y.ndim == 3:
            return y.reshape(-1, y.shape[2]), repeat_rows([y.shape[1]] * len(y))
        y = y.reshape(-1, 1) if y.ndim == 1 else y
    return y, np.arange(y.shape[0])


def select_rows(y, rows):
    """Return rows `rows` of a view, in the same kind of container."""
    if np.array_equal(rows, np.arange(num_samples(y))):
        return y
    return _safe_indexing(y, rows)


def repeat_rows(counts):
    """Return row ids where row ``i`` appears ``counts[i]`` times."""
    return np.repeat(np.arange(len(counts)), counts)


def _numeric_array(y):
    try:
        array = np.asarray(y)
        array = array.astype(np.float64) if array.dtype == object else array
    except (TypeError, ValueError) as error:
        raise ValueError(
            "The rows of y differ in length. Pass texts, vectors of one width, or a "
            "list of 2-D arrays when a row holds several vectors."
        ) from error
    if array.ndim and len(array) and array.size == 0:
        raise ValueError(
            "Row 0 of y has nothing in it: got an empty list or bag, or a width of 0. "
            "Give it at least one item, or drop the row from X and y."
        )
    if array.ndim not in (1, 2, 3) or array.dtype.kind == "c":
        raise ValueError(
            "y must be a real array with 1, 2 or 3 dimensions; got shape "
            f"{array.shape}, dtype {array.dtype}. Complex data not supported."
        )
    return array


def _stack_bags(y):
    width = y[0].shape[1]
    for index, bag in enumerate(y):
        shape = np.shape(bag)
        if len(shape) != 2 or shape[1] != width:
            raise ValueError(
                f"Every bag must be a 2-D array with {width} columns like the first; "
                f"row {index} has shape {shape}."
            )
        if shape[0] == 0:
            raise ValueError(f"Row {index} is an empty bag; drop it from X and y.")
    return np.concatenate(y), repeat_rows([len(bag) for bag in y])


def pool_rows(embeddings, rows, *, normalize):
    """Put items together into rows: the mean of each row's items.

    Parameters
    ----------
    embeddings : ndarray of shape (n_items, n_components)
        One vector for each item.
    rows : ndarray of shape (n_items,)
        The row of each item, non-decreasing, each row at least once.
    normalize : bool
        Whether a mean of several is scaled to unit length (zero stays zero).

    Returns
    -------
    pooled : ndarray of shape (n_rows, n_components)
        One vector for each row; a row of one item is that item.
    """
    starts = np.flatnonzero(np.r_[True, rows[1:] != rows[:-1]])
    if len(starts) == len(rows):
        return embeddings
    counts = np.diff(np.r_[starts, len(rows)])[:, None]
    pooled = np.add.reduceat(embeddings, starts, axis=0) / counts.astype(np.float32)
    if normalize:
        norms = np.linalg.norm(pooled, axis=1, keepdims=True)
        several = (counts > 1) & (norms > 0)
        pooled = np.divide(pooled, norms, where=several, out=pooled)
    return pooled
