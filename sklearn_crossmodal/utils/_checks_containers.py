"""The containers in which the checks of the conformance suite give a view.

A *family* is a list of ``(description, view)`` that all say the same. Views of another
family have other values: each is compared within itself.
"""

import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from scipy import sparse

from ._checks_data import optional_module
from ._checks_views import kind_of, with_zeros
from ._containers import is_bag_list


def x_families(X, *, takes_sparse):
    """Yield the families of containers that a first view may come in."""
    kind = kind_of(X)
    if kind == "texts":
        yield [("a list", X), *_string_containers(X)]
    elif kind == "images":
        yield [("a list of 2-D arrays", X), *_image_containers(X)]
        yield from _image_shapes(X)
    elif kind == "bags":
        yield [("a list of 2-D arrays", X), *_bag_containers(X)]
        yield from _bag_shapes(X)
    else:
        X = with_zeros(X)
        yield [("an array", X), *_x_containers(X, takes_sparse)]


def y_families(y):
    """Yield the families of containers that a second view may come in.

    One column may come 1-D, and bags of one size as an array.
    """
    yield [("a list or array", y), *y_containers(y)]
    kind = kind_of(y)
    if kind == "numbers":
        yield _column_shapes(y[:, 0].copy())
    if kind == "bags":
        yield from _bag_shapes(y)


def y_containers(y):
    """Yield ``(description, y)`` in every other container that says the same."""
    yield from _Y_CONTAINERS[kind_of(y)](y)


def _x_containers(X, takes_sparse):
    yield "a list of lists", X.tolist()
    frame = in_pandas(X, _shuffled_index(X))
    if frame is not None:
        yield "a DataFrame", frame.add_prefix("feature ")
    if takes_sparse:
        for container in (sparse.csr_matrix, sparse.csr_array, sparse.csc_array):
            yield f"a {container.__name__}", container(X)


def _string_containers(strings):
    yield "a tuple of str", tuple(strings)
    yield "a str array", np.array(strings)
    yield "an object array", _object_array(strings)
    yield from _series(strings)


def _text_containers(y):
    yield from _string_containers(y)
    yield "a column of str", np.array(y, dtype=object).reshape(-1, 1)
    yield "a list of lists of one str", [[text] for text in y]


def _several_text_containers(y):
    yield "a tuple of tuples", tuple(map(tuple, y))
    yield "a list of str arrays", [np.array(row) for row in y]
    yield "an object array of lists", _object_array(y)
    yield from _series(y)


def _number_containers(y):
    yield "a list of lists", y.tolist()
    yield "a tuple of arrays", tuple(y)
    yield "a column-major array", np.asfortranarray(y)
    yield "a float64 array", y.astype(np.float64)
    frame = in_pandas(y, _shuffled_index(y))
    if frame is not None:
        yield "a DataFrame", frame


def _bag_containers(bags):
    yield "a tuple of arrays", tuple(bags)
    yield "column-major arrays", [np.asfortranarray(bag) for bag in bags]
    yield "an object array of arrays", _object_array(bags)
    yield from _series(bags)


_Y_CONTAINERS = {
    "texts": _text_containers,
    "several_texts": _several_text_containers,
    "numbers": _number_containers,
    "bags": _bag_containers,
}


def _column_shapes(column):
    return [
        ("a column", column.reshape(-1, 1)),
        ("a 1-D array", column),
        ("a 1-D list", column.tolist()),
        *_series(column),
    ]


def _bag_shapes(bags):
    """Yield bags of two vectors, and of one, as lists and as arrays."""
    pairs = [np.vstack([bag[0], bag[-1]]) for bag in bags]
    yield [("a list of 2-D arrays", pairs), ("a 3-D array", np.stack(pairs))]
    single = np.array([bag[0] for bag in bags])
    yield [
        ("a list of 2-D arrays of one row", [row.reshape(1, -1) for row in single]),
        ("a 2-D array", single),
        ("a 3-D array", single[:, np.newaxis]),
    ]


def _image_containers(images):
    yield from _bag_containers(images)
    yield "float64 arrays", [image.astype(np.float64) for image in images]
    yield "views of larger arrays", [np.pad(image, 1)[1:-1, 1:-1] for image in images]


def _image_shapes(images):
    """Yield images of one size as a list and an array, and black ones in colour."""
    height, width = np.min([image.shape for image in images], axis=0)
    equal = [image[:height, :width] for image in images]
    yield [("a list of 2-D arrays", equal), ("a 3-D array", np.stack(equal))]
    # Black, white and nothing between: no conversion to grey has to round.
    binary = [np.uint8(255) * (image > image.mean()) for image in equal]
    rgb = [np.stack([image] * 3, axis=2) for image in binary]
    opaque = [np.full_like(image[:, :, :1], 255) for image in rgb]
    rgba = [np.concatenate(parts, axis=2) for parts in zip(rgb, opaque, strict=True)]
    yield [
        ("a list of 2-D arrays", binary),
        ("a list of RGB images", rgb),
        ("a list of RGBA images", rgba),
        ("a 4-D array of RGB images", np.stack(rgb)),
        ("a list of grey and RGB images", [*binary[:5], *rgb[5:]]),
    ]


def in_pandas(view, index=None):
    """Return a DataFrame of numbers, a Series of all else; None without pandas."""
    pandas = optional_module("pandas")
    if pandas is None:
        return None
    if kind_of(view) == "numbers":
        return pandas.DataFrame(view, index=index)
    return _as_series(pandas, view, index)


def with_feature_names(view):
    """Return a DataFrame with column names, a Series of all but numbers.

    As is without pandas.
    """
    frame = in_pandas(view)
    if frame is None:
        return view
    return frame.add_prefix("feature ") if frame.ndim == 2 else frame


def _series(rows):
    """Yield a Series whose index is not in order: only positions may count."""
    pandas = optional_module("pandas")
    if pandas is not None:
        yield "a Series", _as_series(pandas, rows, _shuffled_index(rows))


def _as_series(pandas, rows, index):
    # pandas would try to stack bags; a column of numbers stays one.
    rows = _object_array(rows) if is_bag_list(rows) else list(rows)
    return pandas.Series(rows, index=index)


def _shuffled_index(rows):
    return np.random.RandomState(0).permutation(len(rows))


def _object_array(rows):
    """Return a 1-D object array, also of rows of one length or shape."""
    array = np.empty(len(rows), dtype=object)
    for i, row in enumerate(rows):
        array[i] = row
    return array


@contextmanager
def readonly_maps(view):
    """Give the view as a read-only memory map, or bags or images as parts of one.

    Texts, and objects of any kind, are given as they are.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "view.npy"
        if kind_of(view) == "bags":
            ends = np.cumsum([len(bag) for bag in view])
            yield np.split(_readonly_map(np.vstack(view), path), ends[:-1])
        elif kind_of(view) == "images":
            pixels = np.concatenate([image.ravel() for image in view])
            ends = np.cumsum([image.size for image in view])
            parts = np.split(_readonly_map(pixels, path), ends[:-1])
            shapes = [image.shape for image in view]
            yield [p.reshape(s) for p, s in zip(parts, shapes, strict=True)]
        elif isinstance(view, np.ndarray) and not view.dtype.hasobject:
            yield _readonly_map(view, path)
        else:
            yield view


def _readonly_map(array, path):
    np.save(path, array)
    return np.load(path, mmap_mode="r")
