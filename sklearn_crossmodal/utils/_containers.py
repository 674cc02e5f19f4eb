"""The containers that a second view may come in, and their items.

A *row* is what pairs with one row of ``X``; an *item* is one thing inside it: a
caption, a tag, a vector of a bag. Here rows are taken apart into items and put together
again.
"""

import numbers
from collections.abc import Iterable, Mapping, Set

import numpy as np
from scipy import sparse

from ._bags import Bags, repeat_rows
from ._sklearn import num_samples


def is_bag_list(y):
    """Whether ``y`` is a sequence of 2-D arrays, one bag of vectors for each row."""
    return isinstance(y, list | tuple) and any(
        getattr(bag, "ndim", 0) == 2 for bag in y
    )


def holds_bags(view):
    """Whether the rows of a view are bags of vectors: 2-D arrays, or a 3-D array."""
    return is_bag_list(view) or getattr(view, "ndim", 0) == 3


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


def _row_texts(row, index, name):
    """Return the texts of one row, or say what it holds instead."""
    if isinstance(row, str):
        return [row]
    if isinstance(row, list | tuple | np.ndarray):
        texts = list(row)
        if all(isinstance(text, str) for text in texts):
            return texts
        row = next(text for text in texts if not isinstance(text, str))
    hint = " Decode it first." if isinstance(row, bytes) else ""
    if _is_numeric(row):
        hint = f" Other rows are not numbers: {name} must be all text or all numbers."
    raise TypeError(
        f"Row {index} of {name} must be a str or a list of str; got {row!r:.60} "
        f"({type(row).__name__}).{hint}"
    )


def flatten_items(y, *, name="y"):
    """Take the rows of a view apart into items.

    Parameters
    ----------
    y : list of str, list of lists of str, list of 2-D arrays, array, Series or sparse
        A view, one entry for each row. An inner list of str is *several texts*, never
        one tokenised text. A list of 2-D arrays, and a 3-D array, are bags of vectors.
    name : str, default="y"
        What errors call the view.

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

    See Also
    --------
    unflatten_items : The way back.

    Examples
    --------
    >>> from sklearn_crossmodal import flatten_items
    >>> flatten_items([["a dog", "a brown dog"], ["a cat"]])
    (['a dog', 'a brown dog', 'a cat'], array([0, 0, 1]))
    """
    bags = read_bags(y, name)
    refuse_empty(bags.counts, name)
    return bags.items, repeat_rows(bags.counts)


def read_bags(view, name="y"):
    """Return the items of any view's rows; a row may have none."""
    view = as_rows(view)
    if holds_text(view):
        texts = [_row_texts(row, i, name) for i, row in enumerate(view)]
        return Bags([t for row in texts for t in row], [len(row) for row in texts])
    if is_bag_list(view):
        return _stack_bags(view, name)
    if sparse.issparse(view):
        view = view.tocsr()
    else:
        view = _numeric_array(view, name)
        if view.ndim == 3:
            n_rows, n_items, width = view.shape
            items = view.reshape(n_rows * n_items, width)
            return Bags(items, np.full(n_rows, n_items))
        view = view.reshape(-1, 1) if view.ndim == 1 else view
    return Bags(view, np.ones(view.shape[0], dtype=np.int64))


def refuse_empty(counts, name, remedy="drop such rows from X and y"):
    """Raise ValueError, naming the rows, if some have no item."""
    empty = np.flatnonzero(counts == 0)
    if len(empty):
        raise ValueError(
            f"{name_rows(empty)} of {name} {'has' if len(empty) == 1 else 'have'} no "
            f"item: an empty list or bag. Give it at least one, or {remedy}."
        )


def _numeric_array(y, name):
    try:
        array = np.asarray(y)
        array = array.astype(np.float64) if array.dtype == object else array
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"The rows of {name} differ in length. Pass texts, vectors of one width, "
            "or a list of 2-D arrays when a row holds several vectors."
        ) from error
    if array.ndim > 1 and len(array) and array.shape[-1] == 0:
        raise ValueError(
            f"The items of {name} have a width of 0: got shape {array.shape}."
        )
    if array.ndim not in (1, 2, 3) or array.dtype.kind == "c":
        raise ValueError(
            f"{name} must be a real array with 1, 2 or 3 dimensions; got shape "
            f"{array.shape}, dtype {array.dtype}. Complex data not supported."
        )
    return array


def _stack_bags(bags, name):
    """Return the items of a list of 2-D arrays, some of which may be empty."""
    full = [i for i, bag in enumerate(bags) if np.size(bag) or sparse.issparse(bag)]
    first = next(i for i in [*full, *range(len(bags))] if np.ndim(bags[i]) == 2)
    model = bags[first]
    for index in full:
        shape = np.shape(bags[index])
        if len(shape) != 2 or shape[1] != model.shape[1]:
            raise ValueError(
                f"Every bag of {name} must be a 2-D array with {model.shape[1]} "
                f"columns, as row {first} has; row {index} has shape {shape}."
            )
    counts = np.zeros(len(bags), dtype=np.int64)
    counts[full] = [bags[i].shape[0] for i in full]
    stacked = [bags[i] for i in full] or [model]
    if any(sparse.issparse(bag) for bag in stacked):
        return Bags(sparse.vstack(stacked, format="csr"), counts)
    return Bags(np.concatenate(stacked), counts)


def name_rows(rows, most=10):
    """Return ``"Rows 3, 7 and 9"`` for an error message."""
    names = [str(row) for row in rows[:most]]
    if len(rows) > most:
        return f"Rows {', '.join(names)} and {len(rows) - most} more"
    if len(names) == 1:
        return f"Row {names[0]}"
    return f"Rows {', '.join(names[:-1])} and {names[-1]}"


def unflatten_items(items, rows, n_rows=None):
    """Put items together into rows again: the way back from `flatten_items`.

    Parameters
    ----------
    items : list, ndarray or sparse array with one entry for each item
        Items of all rows, in order.
    rows : array-like of int of shape (n_items,)
        The row of each item, non-decreasing.
    n_rows : int, default=None
        Number of rows. None: up to the last row that has an item.

    Returns
    -------
    bags : list of length n_rows
        The items of each row: a list of them when `items` is a list, else an array
        with one row for each. A row that `rows` leaves out is empty.

    Raises
    ------
    ValueError
        If there is not one row number for each item, or they decrease, or one is
        negative or not below `n_rows`.

    Examples
    --------
    >>> from sklearn_crossmodal import flatten_items, unflatten_items
    >>> items, rows = flatten_items([["a dog", "a brown dog"], ["a cat"]])
    >>> unflatten_items([text.upper() for text in items], rows)
    [['A DOG', 'A BROWN DOG'], ['A CAT']]
    """
    n_items, rows = num_samples(items), np.asarray(rows)
    if rows.shape != (n_items,) or (n_items and rows.dtype.kind not in "iu"):
        raise ValueError(
            f"rows has shape {rows.shape} and dtype {rows.dtype}, expected one integer "
            f"for each of {n_items} items."
        )
    rows = rows.astype(np.int64)
    if n_rows is None:
        n_rows = int(rows[-1]) + 1 if n_items else 0
    if n_items and (rows[0] < 0 or rows[-1] >= n_rows or (np.diff(rows) < 0).any()):
        raise ValueError(
            f"rows must be non-decreasing, from 0 to n_rows - 1 = {n_rows - 1}, as "
            "flatten_items returns them; sort the items by row first."
        )
    ends = np.cumsum(np.bincount(rows, minlength=n_rows))
    starts = np.r_[0, ends][:-1]
    return [items[start:end] for start, end in zip(starts, ends, strict=True)]
