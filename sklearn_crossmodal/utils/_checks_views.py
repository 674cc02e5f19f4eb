"""What the checks of the conformance suite do to a view, of whatever kind it is.

A view is told by its values: texts, numbers (a 2-D array) or bags (a list of them). The
first view is never texts.
"""

import numpy as np
from sklearn.preprocessing import StandardScaler

from ..preprocessing import BagTransformer
from ._containers import holds_text, is_bag_list, read_bags


def kind_of(view):
    """Tell a view's kind from its values: the suite takes any `make_data`."""
    if holds_text(view):
        several = not all(isinstance(row, str) for row in view)
        return "several_texts" if several else "texts"
    return "bags" if is_bag_list(view) else "numbers"


def take(view, rows):
    """Return some rows of an array or a list, in any order."""
    return view[rows] if isinstance(view, np.ndarray) else [view[i] for i in rows]


# ------------------------------------------------------------------- the same changed


def arrays_of(view):
    """Return the 2-D arrays that a view is made of: itself, or its bags."""
    return list(view) if kind_of(view) == "bags" else [view]


def map_arrays(function, view):
    """Apply a function of 2-D arrays to a view, or to each of its bags."""
    changed = [function(array) for array in arrays_of(view)]
    return changed if kind_of(view) == "bags" else changed[0]


def width(view):
    """Return the number of features."""
    return arrays_of(view)[0].shape[1]


def narrower(view, by=1):
    """Return the view without its last features."""
    return map_arrays(lambda array: array[:, :-by], view)


def wider(view):
    """Return the view with its first feature once more, at the end."""
    return map_arrays(lambda array: np.hstack([array, array[:, :1]]), view)


def with_zeros(view):
    """Return the view with zeros in it, for what has to do with sparse arrays."""
    return map_arrays(lambda array: np.where(np.abs(array) < 0.5, 0, array), view)


def with_bad_number(view, bad):
    """Return the view with one bad number; None if it holds texts."""
    if "texts" in kind_of(view):
        return None
    changed = map_arrays(lambda array: array.astype(np.float64), view)
    if kind_of(view) == "bags":
        changed[3][-1, 1] = bad
    else:
        changed[3, 1] = bad
    return changed


def with_bad_row(view):
    """Yield ``(description, view)`` where row 3 is no item, or has none."""
    for bad in _BAD_ROWS[kind_of(view)](view[3]):
        rows = list(view)
        rows[3] = bad
        yield f"a row that is {bad!r:.40}", rows


def with_bad_bag(view):
    """Yield what `with_bad_row` does if the view holds bags, else nothing."""
    return with_bad_row(view) if kind_of(view) == "bags" else iter(())


def _bad_texts(row):
    return [None, b"a dog", 3.5, [], ["a dog", None]]


_BAD_ROWS = {
    "texts": _bad_texts,
    "several_texts": _bad_texts,
    "numbers": lambda row: [row[:-1]],
    "bags": lambda bag: [bag[:0], bag[:, :-1]],
}


def scaler_for(view):
    """Return a transformer to put in front: of vectors, or of those in bags."""
    scaler = StandardScaler()
    return BagTransformer(scaler) if kind_of(view) == "bags" else scaler


# ------------------------------------------------------------------------- their rows


def first_items(view):
    """Return one vector for each row: itself, or the first of its bag."""
    if kind_of(view) == "bags":
        return np.array([bag[0] for bag in view])
    return np.asarray(view)


def fullest_row(view):
    """Return the row that has the most items; the first of several such."""
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
