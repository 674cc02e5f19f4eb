"""Sums and differences of words and images, and the words nearest to them."""

from numbers import Number

import numpy as np

from ..utils._top_k import top_k
from ..utils._unit_rows import unit_rows

_BLOCK_ROWS = 1 << 16


def mix(positive, negative, table, vocabulary, project):
    """Return a sum and difference of vectors, and the ids of the words in it.

    Parameters
    ----------
    positive, negative : str, array-like of shape (n_features,), or list of them
        Words and rows of image features.
    table : ndarray of shape (n_words, n_components)
        Word vectors, as they are.
    vocabulary : dict of str to int
        Row of each word.
    project : callable
        ``project(X)`` returns the vectors of rows of features.

    Returns
    -------
    query : ndarray of shape (n_components,)
    given : list of int
    """
    query, given = np.zeros(table.shape[1]), []
    terms = [(entry, 1) for entry in _entries(positive, "positive")]
    terms += [(entry, -1) for entry in _entries(negative, "negative")]
    if not terms:
        raise ValueError("most_similar needs a word or an image in positive.")
    for entry, sign in terms:
        if isinstance(entry, str):
            if entry not in vocabulary:
                raise KeyError(f"{entry!r} has no vector: it is not in the vocabulary.")
            given.append(vocabulary[entry])
            query += sign * table[given[-1]].astype(np.float64)
        else:
            query += sign * project(entry)[0].astype(np.float64)
    return query, given


def _entries(entries, name):
    """Return words as they are and images as arrays of one row each."""
    if isinstance(entries, str):
        entries = [entries]
    elif hasattr(entries, "__array__"):
        entries = np.asarray(entries)
        if entries.ndim == 1 and entries.dtype.kind in "biuf":
            entries = entries[None] if len(entries) else []  # one row, bare
    elif not isinstance(entries, list | tuple):
        entries = [entries]
    elif entries and all(isinstance(value, Number) for value in entries):
        entries = [entries]
    rows = []
    for i, entry in enumerate(entries):
        if not isinstance(entry, str):
            row = np.asarray(entry)
            if row.ndim != 1 or row.dtype.kind not in "biuf":
                raise TypeError(
                    f"Entry {i} of {name} must be a word or a row of image features; "
                    f"got {entry!r:.60}."
                )
            entry = row[None]
        rows.append(entry)
    return rows


def nearest_words(query, table, vocabulary, given, n):
    """Return the words of the highest cosine with a vector, but for those given.

    Parameters
    ----------
    query : ndarray of shape (n_components,)
        What to look for.
    table : ndarray of shape (n_words, n_components)
        Word vectors.
    vocabulary : dict of str to int
        Row of each word, in order.
    given : list of int
        Words that are no answer.
    n : int
        How many to return.

    Returns
    -------
    nearest : list of tuples (str, float)

    Raises
    ------
    ValueError
        If the query is zero, which has no direction.
    """
    norm, largest = np.linalg.norm(query), max(table.max(), -table.min())
    if not norm > 1e-6 * max(1e-30, largest):
        raise ValueError("What is asked for cancels to zero, which is near to nothing.")
    unit = (query / norm).astype(np.float32)[None]
    words = list(vocabulary)
    best, scores = nearest_rows(unit, table, n + len(set(given)))
    found = [
        (words[i], float(score))
        for i, score in zip(best[0], scores[0], strict=True)
        if i not in given
    ]
    return found[:n]


def nearest_rows(queries, table, n):
    """Return the rows of a table that have the highest cosine with each query.

    Block by block: a table of unit vectors would be a second one in memory.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, n_components)
        Vectors of unit length.
    table : ndarray of shape (n_rows, n_components)
        Vectors of any length.
    n : int
        How many to return; at most the number of rows.

    Returns
    -------
    indices : ndarray of shape (n_queries, n), dtype int64
        Rows of `table`, nearest first.
    cosines : ndarray of shape (n_queries, n), dtype float32
    """
    indices, cosines = [], []
    for start in range(0, len(table), _BLOCK_ROWS):
        block = unit_rows(table[start : start + _BLOCK_ROWS])
        best, scores = top_k(queries, block, n)
        indices.append(start + best)
        cosines.append(scores)
    indices, cosines = np.hstack(indices), np.hstack(cosines)
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :n]
    return tuple(np.take_along_axis(a, order, axis=1) for a in (indices, cosines))
