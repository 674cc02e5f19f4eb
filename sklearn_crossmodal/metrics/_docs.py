"""The parts that the docstrings of retrieval metrics have in common."""

from collections.abc import Callable
from inspect import cleandoc
from typing import TypeVar

F = TypeVar("F", bound=Callable)

_EMBEDDINGS = """
X : array-like of shape (n_x, n_components)
    Embeddings of the first view. Computed in float64 if either view is float64, else
    in float32.
Y : array-like of shape (n_y, n_components)
    Embeddings of the second view, in the same space.
"""
_COMMON = """
direction : {"both", "x_to_y", "y_to_x"}, default="both"
    "x_to_y" takes rows of `X` as queries and `Y` as the gallery, "y_to_x" the reverse,
    "both" is the mean of the two values.
groups : array-like of shape (n_x,), default=None
    The item that each row of `X` shows; an item's rows in the other view are relevant.
    By default row i of `X` and row i of `Y` are one item, which takes as many rows.
y_groups : array-like of shape (n_y,), default=None
    The item of each row of `Y`. By default `groups`, if there are as many rows.
labels : array-like of shape (n_x,), default=None
    The class of each row of `X`, in place of `groups`: all rows of the class in the
    other view are relevant. Giving both is an error.
y_labels : array-like of shape (n_y,), default=None
    The class of each row of `Y`. By default `labels`, if there are as many rows.
ties : {"expected", "optimistic", "pessimistic"}, default="expected"
    What equal scores are worth: the expectation over random orders of equal scores
    (constant embeddings are at chance level), relevant items first, or relevant items
    last.
similarity : {"cosine", "dot", "euclidean", "kl"}, default="cosine"
    What the gallery is ranked by: cosine (0 for a row of zeros), inner product,
    ascending Euclidean distance, or ascending Kullback-Leibler divergence KL(y || x) =
    sum y log(y / x) of a row y of `Y` from a row x of `X`, whichever view searches.
    "kl" takes non-negative rows, divides them by their sums, and takes entries of x
    below 1e-12 as 1e-12.
block_size : int, default=256
    The number of queries that are scored at a time, at least two where there are two;
    the memory needed is about `block_size` times the gallery.
"""
_RAISES = """
ValueError
    If an argument is invalid, shapes don't match, ids are missing, or no query has a
    relevant item; with "kl", if a row is negative somewhere or all zeros.
"""
_WARNS = """
UserWarning
    If scores are NaN. They rank last.
UndefinedMetricWarning
    If queries have no relevant item in the gallery. They are left out.
"""
_PARTS = {
    "embeddings": _EMBEDDINGS,
    "common": _COMMON,
    "raises": _RAISES,
    "warns": _WARNS,
}


def with_common_parameters(function: F) -> F:
    """Replace %(embeddings)s, %(common)s, %(raises)s and %(warns)s by their texts."""
    if function.__doc__ is not None:  # python -OO has none
        parts = {key: cleandoc(text) for key, text in _PARTS.items()}
        function.__doc__ = cleandoc(function.__doc__) % parts
    return function
