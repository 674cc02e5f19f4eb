"""Similarity scores of queries and gallery, one block of queries at a time.

Higher is closer. Every similarity is one inner product of two prepared matrices, so
one blocked matrix product serves all of them. The divergence of distributions is not
symmetric: its views are prepared by `divergence_views`, whichever of them searches.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from scipy.special import entr

from ._counts import nan_to_last

SIMILARITIES = ("cosine", "dot", "euclidean")
VIEW_SIMILARITIES = (*SIMILARITIES, "kl")
"""With those that know which of two views is which."""

# What a probability of the first view is at least before its logarithm is taken.
_LEAST_PROBABILITY = 1e-12


def check_embeddings(
    X: ArrayLike, Y: ArrayLike, names: tuple[str, str] = ("X", "Y")
) -> tuple[np.ndarray, np.ndarray]:
    """Return both views as 2-D arrays of one width and one floating dtype.

    The dtype is float64 when either view holds float64, else float32.
    """
    X, Y = _as_matrices([X, Y], names)
    if X.shape[1] != Y.shape[1]:
        raise ValueError(
            f"{names[0]} has {X.shape[1]} columns and {names[1]} has {Y.shape[1]},"
            " expected the same number: embed both views in one space first, for"
            " example with transform(X) and transform_y(y)."
        )
    return X, Y


def check_embedding(X: ArrayLike, name: str) -> np.ndarray:
    """Return one view as a 2-D array, float64 if it is and float32 else."""
    return _as_matrices([X], [name])[0]


def _as_matrices(arrays: Sequence[Any], names: Sequence[str]) -> list[np.ndarray]:
    pairs = zip(arrays, names, strict=True)
    matrices = [_as_matrix(array, name) for array, name in pairs]
    wide = any(m.dtype.kind == "f" and m.itemsize >= 8 for m in matrices)
    dtype = np.float64 if wide else np.float32
    return [
        _as_float(matrix, dtype, name)
        for matrix, name in zip(matrices, names, strict=True)
    ]


def _as_matrix(array: Any, name: str) -> np.ndarray:
    if issparse(array):
        raise TypeError(
            f"{name} is a sparse matrix, expected a dense array: call {name}.toarray()."
        )
    try:
        array = np.asarray(array)
    except ValueError as error:
        raise ValueError(
            f"{name} is not a rectangular array, expected one row of equal length for"
            f" each item: {error}"
        ) from error
    if array.ndim != 2:
        raise ValueError(
            f"{name} has shape {array.shape}, expected a 2-D array (n_samples,"
            f" n_components): use {name}.reshape(-1, 1) for one component or"
            f" {name}.reshape(1, -1) for one sample."
        )
    if array.size == 0:
        raise ValueError(
            f"{name} has shape {array.shape}, expected at least one row and one"
            " column: there is nothing to rank."
        )
    return array


def _as_float(array: np.ndarray, dtype: Any, name: str) -> np.ndarray:
    if array.dtype.kind not in "fiubO":
        raise ValueError(
            f"{name} has dtype {array.dtype}, expected real numbers: embed the items"
            " first, or convert with astype(float)."
        )
    try:
        return array.astype(dtype, copy=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} has dtype {array.dtype} and holds something that is not a number,"
            f" expected real numbers: embed the items first ({error})."
        ) from error


def divergence_views(
    X: np.ndarray, Y: np.ndarray, names: tuple[str, str] = ("X", "Y")
) -> tuple[np.ndarray, np.ndarray]:
    """Return matrices whose inner products are -KL(y || x) of the rows x and y.

    Rows are divided by their sums first, and entries of x below 1e-12 are taken as
    1e-12: the similarity is finite, sum y log x - sum y log y with 0 log 0 = 0. It is
    the divergence of `Y` from `X` whichever view searches, so the two are lifted here,
    while they are told apart, to [log x, 1] and [y, -sum y log y].

    Parameters
    ----------
    X : ndarray of shape (n_x, n_components)
        Distributions of the first view, up to a factor: the prediction.
    Y : ndarray of shape (n_y, n_components)
        Distributions of the second view, up to a factor: the target.
    names : tuple of two str, default=("X", "Y")
        What errors call the views.

    Returns
    -------
    X_lifted : ndarray of shape (n_x, n_components + 1)
        float64 if `X` is, else float32.
    Y_lifted : ndarray of shape (n_y, n_components + 1)
        float64 if `Y` is, else float32.

    Raises
    ------
    ValueError
        If an entry is negative or a row sums to 0; the row is named.
    """
    x, y = (_distributions(V, name) for V, name in zip((X, Y), names, strict=True))
    log_x = np.log(np.maximum(x, _LEAST_PROBABILITY))
    X_lifted = np.hstack([log_x, np.ones((len(x), 1))])
    Y_lifted = np.hstack([y, entr(y).sum(axis=1, keepdims=True)])
    return _in_dtype_of(X, X_lifted), _in_dtype_of(Y, Y_lifted)


def _distributions(rows: np.ndarray, name: str) -> np.ndarray:
    """Return rows in float64 divided by their sums; a row with NaN or inf is NaN."""
    rows = np.asarray(rows, dtype=np.float64)
    negative = np.flatnonzero((rows < 0).any(axis=1))
    if len(negative):
        i = negative[0]
        raise ValueError(
            f"Row {i} of {name} has the negative entry {rows[i].min():.6g}, expected"
            " distributions for similarity 'kl': give non-negative rows, or compare"
            " with 'cosine', 'dot' or 'euclidean'."
        )
    empty = np.flatnonzero((rows == 0).all(axis=1))
    if len(empty):
        raise ValueError(
            f"Row {empty[0]} of {name} is all zeros, expected distributions for"
            " similarity 'kl': drop the row, or give it equal entries where nothing is"
            " known of it."
        )
    with np.errstate(invalid="ignore"):
        # By the largest first: sums of huge or tiny entries stay in range.
        rows = rows / rows.max(axis=1, keepdims=True)
        rows /= rows.sum(axis=1, keepdims=True)
    return np.where(np.isfinite(rows).all(axis=1, keepdims=True), rows, np.nan)


def _in_dtype_of(rows: np.ndarray, lifted: np.ndarray) -> np.ndarray:
    wide = rows.dtype.kind == "f" and rows.dtype.itemsize >= 8
    return lifted if wide else lifted.astype(np.float32)


def prepare(
    queries: np.ndarray, gallery: np.ndarray, similarity: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return fresh matrices whose inner products rank as the similarity does."""
    if similarity == "cosine":
        queries, gallery = _unit_rows(queries), _unit_rows(gallery)
    elif similarity == "euclidean":
        queries, gallery = _euclidean(queries, gallery)
    else:
        queries, gallery = queries.copy("C"), gallery.copy("C")
    gallery += 0  # -0.0 becomes 0.0, so that equal rows have equal bytes
    return queries, gallery


def _unit_rows(rows: np.ndarray) -> np.ndarray:
    """Divide each row by its norm; a row of zeros stays, and scores 0 with all.

    Dividing by the largest entry first keeps squares in range, and makes proportional
    rows equal to the last bit wherever their entries are exactly proportional.
    """
    with np.errstate(invalid="ignore"):
        largest = np.maximum(rows.max(axis=1), -rows.min(axis=1))[:, None]
        largest[largest == 0] = 1
        unit = np.divide(rows, largest, order="C")
        norms = np.sqrt(np.einsum("ij,ij->i", unit, unit))[:, None]
        norms[norms == 0] = 1
        unit /= norms
    return unit


def _euclidean(
    queries: np.ndarray, gallery: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rank by ascending distance, as q.g - |g|^2 / 2 = (|q|^2 - |q - g|^2) / 2.

    Both views are moved to a row of the gallery: distances don't change, a large
    common offset no longer swallows their digits, and integers stay exact.
    """
    finite = np.isfinite(gallery).all(axis=1)
    origin = gallery[finite.argmax()] if finite.any() else 0
    with np.errstate(invalid="ignore", over="ignore"):
        queries, gallery = queries - origin, gallery - origin
        bias = np.einsum("ij,ij->i", gallery, gallery)[:, None] / -2
        ones = np.ones((len(queries), 1), queries.dtype)
        return np.hstack([queries, ones]), np.hstack([gallery, bias])


def may_be_nan(queries: np.ndarray, gallery: np.ndarray) -> bool:
    """Whether an inner product may be NaN: a row is not finite, or a sum overflows."""
    with np.errstate(all="ignore"):
        bound = float(queries.shape[1])
        for rows in (queries, gallery):
            bound *= float(np.maximum(rows.max(), -rows.min()))
        return not bound < np.finfo(gallery.dtype).max


def unique_rows(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the distinct rows, and for each row its index among them (None: all).

    A matrix product may round the same row differently in different columns (the edge
    tiles of the kernel). Scoring each distinct row once makes duplicates tie exactly,
    on any machine.
    """
    # Most galleries have no duplicates: equal checksums say so without a copy of rows.
    bits = rows.view(np.uint32 if rows.itemsize == 4 else np.uint64)
    checksums = bits.sum(axis=1, dtype=np.uint64)
    if np.unique(checksums).size == len(rows):
        return rows, None
    seen: dict[bytes, int] = {}
    inverse = np.array([seen.setdefault(r.tobytes(), len(seen)) for r in rows])
    if len(seen) == len(rows):
        return rows, None
    first = np.unique(inverse, return_index=True)[1]
    return rows[first], inverse


class RankingScores:
    """Blocks of scores of raw embeddings, for ranking: NaN is the lowest score.

    `n_nan` counts the NaN met so far.
    """

    def __init__(
        self, queries: np.ndarray, gallery: np.ndarray, similarity: str, block_size: int
    ) -> None:
        self.queries, self.gallery = prepare(queries, gallery, similarity)
        self.block_size = block_size
        self.n_nan = 0

    def __iter__(self) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yield what `score_blocks` does."""
        look_for_nan = may_be_nan(self.queries, self.gallery)
        for start, stop, scores in score_blocks(
            self.queries, self.gallery, self.block_size
        ):
            if look_for_nan:
                self.n_nan += nan_to_last(scores)
            yield start, stop, scores


def score_blocks(
    queries: np.ndarray, gallery: np.ndarray, block_size: int
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yield (start, stop, scores of these queries); the next block overwrites scores.

    Blocks have at least two rows wherever there are two queries: a product of one row
    takes another, slower kernel.
    """
    import torch  # here, so that importing the metrics doesn't import torch

    gallery, inverse = unique_rows(gallery)
    n_blocks = max(1, min(-(-len(queries) // block_size), len(queries) // 2))
    bounds = np.linspace(0, len(queries), n_blocks + 1).astype(int)
    height = int(np.diff(bounds).max())
    left, right = torch.from_numpy(queries), torch.from_numpy(gallery).T
    product = torch.empty((height, len(gallery)), dtype=left.dtype)
    scores = product.numpy()
    if inverse is not None:
        scores = np.empty((height, len(inverse)), gallery.dtype)
    for start, stop in zip(bounds[:-1], bounds[1:], strict=True):
        block = product[: stop - start]
        torch.mm(left[start:stop], right, out=block)
        out = scores[: stop - start]
        if inverse is not None:
            # mode="clip" lets numpy write to out directly, without a buffer.
            np.take(block.numpy(), inverse, axis=1, out=out, mode="clip")
        yield int(start), int(stop), out
