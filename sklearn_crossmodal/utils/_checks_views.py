"""What the checks of the conformance suite do to a view, of whatever kind it is.

A view is told by its values: texts, numbers (a 2-D array), bags (a list of 2-D arrays
of one width) or images (of different widths).
"""

import numpy as np
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from ..preprocessing import BagTransformer
from ._containers import holds_text, is_bag_list, read_bags


def kind_of(view):
    """Tell a view's kind from its values: the suite takes any `make_data`."""
    if holds_text(view):
        several = not all(isinstance(row, str) for row in view)
        return "several_texts" if several else "texts"
    if not is_bag_list(view):
        return "numbers"
    return "bags" if len({array.shape[1] for array in view}) == 1 else "images"


def take(view, rows):
    """Return some rows of an array or a list, in any order."""
    return view[rows] if isinstance(view, np.ndarray) else [view[i] for i in rows]


# ------------------------------------------------------------------- the same changed


def arrays_of(view):
    """Return the 2-D arrays that a view is made of; texts have none."""
    if "texts" in kind_of(view):
        return []
    return list(view) if is_bag_list(view) else [view]


def map_arrays(function, view):
    """Apply a function of 2-D arrays to a view, or to each of its bags or images."""
    changed = [function(array) for array in arrays_of(view)]
    return changed if is_bag_list(view) else changed[0]


def has_features(view):
    """Whether training fixes the width that later rows must have."""
    return kind_of(view) in ("numbers", "bags")


def width(view):
    """Return the number of features."""
    return arrays_of(view)[0].shape[1]


def narrower(view, by=1):
    """Return the view without its last features, or columns; texts as they are."""
    if "texts" in kind_of(view):
        return view
    return map_arrays(lambda array: array[:, :-by], view)


def unlike_in_training(view):
    """Return the view as training cannot go on with it.

    With other features, or where the view has none, with a row that is no item.
    """
    if has_features(view):
        return narrower(view)
    return next(with_bad_row(view))[1]


def wider(view):
    """Return the view with its first feature once more, at the end."""
    return map_arrays(lambda array: np.hstack([array, array[:, :1]]), view)


def with_zeros(view):
    """Return the view with zeros in it, for what has to do with sparse arrays."""
    return map_arrays(lambda array: np.where(np.abs(array) < 0.5, 0, array), view)


def with_bad_number(view, bad):
    """Return the view with one bad number, in row 3; None if it holds texts."""
    if "texts" in kind_of(view):
        return None
    changed = map_arrays(lambda array: array.astype(np.float64), view)
    if is_bag_list(view):
        changed[3][-1, 1] = bad
    else:
        changed[3, 1] = bad
    return changed


def with_bad_row(view):
    """Yield ``(description, view)`` where row 3 is no item, or has none."""
    for bad in _BAD_ROWS[kind_of(view)](view[3]):
        rows = list(view)
        rows[3] = bad
        yield f"a row that is {_show(bad)}", rows


def with_bad_entry(view):
    """Yield what `with_bad_row` does for a list; an array has no odd entries."""
    return with_bad_row(view) if isinstance(view, list) else iter(())


def _show(bad):
    if isinstance(bad, np.ndarray):
        return f"an array of shape {bad.shape}, dtype {bad.dtype}"
    return repr(bad)


def _bad_texts(row):
    return [None, np.nan, b"a dog", 3.5, [], ["a dog", None]]


def _bad_images(image):
    flat, planes = image[0], np.stack([image, image], axis=2)
    return [None, image[:0], image[:, :0], flat, planes, image.astype(str)]


_BAD_ROWS = {
    "texts": _bad_texts,
    "several_texts": _bad_texts,
    "numbers": lambda row: [row[:-1]],
    "bags": lambda bag: [bag[:0], bag[:, :-1]],
    "images": _bad_images,
}


def transformer_for(view):
    """Return a transformer to put in front, which changes what it is given."""
    kind = kind_of(view)
    if kind == "images":
        return FunctionTransformer(_mirror)
    return BagTransformer(StandardScaler()) if kind == "bags" else StandardScaler()


def _mirror(images):
    return [np.ascontiguousarray(image[:, ::-1]) for image in images]


# ------------------------------------------------------------------------- their rows


def first_items(view):
    """Return each row as it is, or the first vector of its bag."""
    return np.array([bag[0] for bag in view]) if kind_of(view) == "bags" else view


def row_keys(view):
    """Return for each row what is equal for equal rows only."""
    rows = map(np.asarray, view)
    return [(row.shape, row.dtype.str, row.tobytes()) for row in rows]


def fullest_row(view):
    """Return the row that has the most items; the first of several such."""
    if kind_of(view) == "images":
        return 0
    return int(np.argmax(read_bags(view).counts))


def several_items(y):
    """Return the items of `y` on their own, and rows of one to three of them.

    Rows are ``[0], [1, 2], [3, 4, 5], [6], ...``: their lengths differ.
    """
    items = _flat_items(y)
    chunks, start = [], 0
    while start < len(items):
        stop = min(len(items), start + 1 + len(chunks) % 3)
        chunks.append(list(range(start, stop)))
        start = stop
    return items, [take(items, chunk) for chunk in chunks], chunks


def _flat_items(y):
    kind = kind_of(y)
    if kind == "bags":
        return np.vstack(y)
    return [text for row in y for text in row] if kind == "several_texts" else y
