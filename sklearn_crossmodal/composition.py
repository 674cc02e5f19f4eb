"""Queries that are sums and differences of rows of either view."""

import warnings
from numbers import Number
from os import PathLike

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from .base import compared_by, unwrap
from .utils._unit_rows import unit_rows

# A sum that is as small as this, beside its terms, is what rounding leaves of zero.
_ROUNDING = 1e-6


def compose_query(estimator, positive=(), negative=(), weights=None):
    r"""Return a query that is a sum and difference of rows of either view.

    .. math:: q = \frac{\sum_i w_i v_i}{\sum_i w_i}

    of what the rows are before anything is normalised, with a minus for `negative`;
    then `q` is normalised as embeddings are. Where the weights cancel or their sum is
    negative, there is nothing to divide by: then `q` is the sum of the vectors scaled
    to unit length. "An image like this, with an animal and without a wedding" is
    ``compose_query(model, positive=[image, "animal"], negative=["wedding"])``.

    Parameters
    ----------
    estimator : estimator
        Fitted two-view estimator, or a Pipeline, GridSearchCV and the like around one.
    positive, negative : list, default=()
        Rows to add, and to take away, in any mixture. A str, or a list of str, is a row
        of `y`; anything else is a row of `X`. ``("x", row)`` and ``("y", row)`` say so
        where that is not what is meant: of two views of vectors, or of images by paths.
    weights : array-like of shape (n_positive + n_negative,), default=None
        How much each counts, those of `positive` first; all non-negative. None: each 1.

    Returns
    -------
    query : ndarray of shape (n_components,), dtype float32
        A row of the second view in the space of ``estimator.transform``: the images
        that it finds have the highest ``estimator.transform(X) @ query``, for
        embeddings compared by cosine or by products.

    Raises
    ------
    ValueError
        If there are no rows, weights are negative, not finite or of another number, no
        row has a direction, or the rows cancel to zero, which has none either.
    TypeError
        If `positive` or `negative` is no list of rows, or no two-view estimator is
        inside `estimator`.

    See Also
    --------
    sklearn_crossmodal.ImageEnhancedSkipGram.most_similar : Sums of words and images,
        and the words nearest to them.

    Notes
    -----
    The queries of Gomez et al. (2018), who scale each vector by its own smallest and
    largest number first, which is not linear: what is taken away is then not what was
    added.

    What a row adds is its embedding; for estimators that know more than a direction,
    the vector before it is scaled to unit length: of `SemanticProjector` that of the
    text model, and of `Im2VecProjector` and `ImageEnhancedSkipGram` the word vector and
    the projection of an image, brought to the length of words.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_crossmodal import SemanticProjector, compose_query
    >>> y = np.eye(4)[[0, 1, 2, 3] * 10]
    >>> model = SemanticProjector(max_epochs=40, dropout=0, lr=0.01, random_state=0)
    >>> model = model.fit(y, y)
    >>> query = compose_query(model, [("y", y[0]), ("y", y[1])], [("x", y[0])])
    >>> int((model.transform(np.eye(4)) @ query).argmax())
    1
    """
    earlier_steps, two_view, later_steps = unwrap(estimator)
    check_is_fitted(two_view)
    entries = [*_entries(positive, "positive"), *_entries(negative, "negative")]
    if not entries:
        raise ValueError("A query needs a row in positive or negative; both are empty.")
    weights = _signed_weights(weights, len(positive), len(negative))
    with warnings.catch_warnings():  # rows of a frame come without names
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        rows = [_coordinates(two_view, earlier_steps, *entry) for entry in entries]
    rows = np.vstack(rows).astype(np.float64)
    query = _sum(rows, weights)
    embedded = _embed_coordinates(two_view, query.astype(np.float32)[None])
    if not embedded.any():
        if not rows.any():
            raise ValueError(
                "None of the rows has a direction: a text without a known word has "
                "none. Give another row."
            )
        raise ValueError(
            "What is taken away leaves nothing: the query cancels to zero, or, of "
            "distributions, to less. Change rows or weights."
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        for step in later_steps:
            embedded = step.transform(embedded)
    return np.asarray(embedded, dtype=np.float32)[0]


def _sum(rows, weights):
    """Return the weighted mean of rows; where weights cancel, a sum of directions."""
    total = weights.sum()
    if total > _ROUNDING * np.abs(weights).sum():
        query = weights @ rows / total
    else:
        rows = unit_rows(rows)
        query = weights @ rows
    largest = np.abs(weights[:, None] * rows).max()
    if not np.abs(query).max() > _ROUNDING * largest:
        return np.zeros_like(query)
    return query


def _entries(rows, name):
    """Return rows with the view of each."""
    several = isinstance(rows, list | tuple) or (
        isinstance(rows, np.ndarray) and (rows.ndim > 1 or rows.dtype.kind in "OU")
    )
    if not several or (len(rows) and all(isinstance(v, Number) for v in rows)):
        raise TypeError(
            f"{name} must be a list of rows; got {type(rows).__name__}. Wrap a single "
            "row in a list."
        )
    return [_entry(row, f"Row {i} of {name}") for i, row in enumerate(rows)]


def _entry(row, where):
    if isinstance(row, tuple) and len(row) == 2 and isinstance(row[0], str):
        if row[0] in ("x", "y"):
            return *row, where
        if not isinstance(row[1], str):
            raise TypeError(
                f"{where} must be a row, or ('x', row) or ('y', row); got a tuple that "
                f"starts with {row[0]!r:.60}."
            )
    several = isinstance(row, list | tuple) and len(row) > 0
    is_text = isinstance(row, str) or (
        several and all(isinstance(text, str) for text in row)
    )
    return ("y" if is_text else "x"), row, where


def _signed_weights(weights, n_positive, n_negative):
    signs = np.r_[np.ones(n_positive), -np.ones(n_negative)]
    if weights is None:
        return signs
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != signs.shape:
        raise ValueError(
            f"weights has shape {weights.shape}, expected one for each of {n_positive} "
            f"rows of positive and {n_negative} of negative, in this order."
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        raise ValueError(
            "weights must be finite, not negative and not all zero: what is taken away "
            f"goes into negative. Got {weights.tolist()}."
        )
    return signs * weights


def _coordinates(two_view, earlier, view, row, where):
    """Return the coordinates of one row, as a matrix of one row."""
    if view == "y":
        # A Series is one row of numbers, not several texts.
        row = row.to_numpy() if hasattr(row, "to_numpy") else row
        return _method(two_view, "_coordinates_y", "transform_y")([row])
    X = _as_view(row, where)
    try:
        for step in earlier:
            X = step.transform(X)
        coordinates = _method(two_view, "_coordinates_x", "transform")(X)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{where} is no row of X: {error}") from error
    if len(coordinates) != 1:
        raise ValueError(f"{where} must be one row; got {len(coordinates)}.")
    return coordinates


def _method(two_view, name, otherwise):
    """Return what gives coordinates: those of most estimators are their embeddings."""
    return getattr(two_view, name, None) or getattr(two_view, otherwise)


def _embed_coordinates(two_view, coordinates):
    """Return the embeddings of sums, in the place of rows of `y`."""
    if hasattr(two_view, "_embed_coordinates"):
        return two_view._embed_coordinates(coordinates)
    return unit_rows(coordinates) if compared_by(two_view) == "cosine" else coordinates


def _as_view(row, where):
    """Return a view of one row."""
    if issparse(row):
        return row.reshape(1, -1) if row.ndim == 1 else row
    if isinstance(row, str | bytes | PathLike):  # an image by its path
        return [row]
    values = np.asarray(row)
    if values.dtype.kind not in "biuf" or values.ndim == 0:
        raise TypeError(
            f"{where} must be a text, or a row of numbers; got {row!r:.60} "
            f"({type(row).__name__})."
        )
    return values[None] if values.ndim == 1 else [values]
