"""Numeric labels as the words that they are called by, and back."""

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite

from ._containers import as_rows, holds_text, read_bags


def name_labels(labels, estimator_name):
    """Return numeric labels as words: 3 is "3".

    Parameters
    ----------
    labels : ndarray or sparse array of shape (n_items, n_columns)
        Items of `y`, as `read_bags` returns numbers.
    estimator_name : str
        What errors call the estimator.

    Returns
    -------
    words : list of str

    Raises
    ------
    TypeError
        If items are vectors.
    ValueError
        If they hold NaN or infinity.
    """
    if sparse.issparse(labels) or labels.shape[1] != 1:
        raise TypeError(
            f"{estimator_name} reads words: for each row of y a str, a list of str or a"
            f" label that is one number; got vectors of {labels.shape[1]} numbers."
        )
    assert_all_finite(labels, input_name="y", estimator_name=estimator_name)
    return list(map(str, labels[:, 0].tolist()))


def label_dtype(y):
    """Return the type of the numbers that the words of `y` stand for, as numpy says it.

    Parameters
    ----------
    y : array-like or list
        Second view, as `fit` is given it.

    Returns
    -------
    dtype : str
        That of an object, where they are words.
    """
    if y is None or holds_text(as_rows(y)):
        return np.dtype(object).str
    return np.asarray(read_bags(y).items).dtype.str


def as_labels(words, dtype):
    """Return words as an array of the labels that they stand for.

    Parameters
    ----------
    words : list of str
        Words.
    dtype : str
        As from `label_dtype`.

    Returns
    -------
    labels : ndarray of shape (n_words,)
    """
    words = np.array(words, dtype=object)
    if dtype == "|b1":  # any text is true to numpy
        return words == "True"
    return words.astype(dtype)
