"""Two views for the conformance suite: small, paired and learnable.

Each row is one of 48 things, "a small red circle" for instance. The first view is its
features, the second tells the same thing as words, word ids, a vector or a bag.
"""

import importlib
import sys
from functools import partial

import numpy as np

from ._containers import holds_text, is_bag_list

WORDS = (
    ("small", "big", "huge"),
    ("red", "blue", "green", "black"),
    ("circle", "square", "star", "ring"),
)
TEMPLATES = ("a {} {} {}", "{} {} {}", "this is a {} {} {}")
N_FEATURES = 13
N_VECTOR = 9


def make_two_views(kind, n_samples, random_state):
    """Draw paired rows of two views; see `check_two_view_estimator` for the kinds."""
    rng = np.random.RandomState(random_state)
    chosen = np.column_stack(
        [rng.randint(len(words), size=n_samples) for words in WORDS]
    )
    hot = np.hstack([np.eye(len(words))[chosen[:, i]] for i, words in enumerate(WORDS)])
    X = hot @ _mixing(N_FEATURES, 1) + 0.1 * rng.standard_normal(
        (n_samples, N_FEATURES)
    )
    return X, _SECOND_VIEWS[kind](chosen, hot, rng)


def _mixing(width, seed):
    """Return the same map for every draw, so that two draws speak one language."""
    n_words = sum(map(len, WORDS))
    return np.random.RandomState(seed).standard_normal((n_words, width))


def _texts(chosen, hot, rng):
    return [texts[0] for texts in _several_texts(chosen, hot, rng)]


def _several_texts(chosen, hot, rng):
    rows = []
    for row in chosen:
        words = [WORDS[i][j] for i, j in enumerate(row)]
        n_texts = 1 + rng.randint(len(TEMPLATES))
        rows.append([template.format(*words) for template in TEMPLATES[:n_texts]])
    return rows


def _tokens(chosen, hot, rng):
    """Ids from 2, as 0 is padding and 1 unknown; the last column is often padding."""
    starts = 2 + np.cumsum([0, *map(len, WORDS[:-1])])
    filler = (starts[-1] + len(WORDS[-1])) * rng.randint(2, size=(len(chosen), 1))
    return np.hstack([chosen + starts, filler])


def _vectors(chosen, hot, rng):
    noise = 0.1 * rng.standard_normal((len(hot), N_VECTOR))
    return hot @ _mixing(N_VECTOR, 2) + noise


def _bags(chosen, hot, rng):
    centres = hot @ _mixing(N_VECTOR, 2)
    return [
        c + 0.1 * rng.standard_normal((1 + rng.randint(4), N_VECTOR)) for c in centres
    ]


_SECOND_VIEWS = {
    "texts": _texts,
    "several_texts": _several_texts,
    "tokens": _tokens,
    "vectors": _vectors,
    "bags": _bags,
}


def as_make_data(make_data):
    """Return a callable ``make_data(n_samples, random_state)`` and its name."""
    if callable(make_data):
        return make_data, getattr(make_data, "__name__", type(make_data).__name__)
    if make_data not in _SECOND_VIEWS:
        raise ValueError(
            f"make_data must be callable or one of {sorted(_SECOND_VIEWS)}; "
            f"got {make_data!r}."
        )
    return partial(make_two_views, make_data), make_data


def kind_of(y):
    """Tell a second view's kind from its values: the suite takes any `make_data`."""
    if holds_text(y):
        return "texts" if all(isinstance(row, str) for row in y) else "several_texts"
    return "bags" if is_bag_list(y) else "numbers"


def take(view, rows):
    """Return some rows of an array or a list, in any order."""
    return view[rows] if isinstance(view, np.ndarray) else [view[i] for i in rows]


def optional_module(name):
    """Return a module if it can be imported, else None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def loaded_torch():
    """Return torch if somebody has imported it: without it there is no state of it."""
    return sys.modules.get("torch")


def y_containers(y):
    """Yield ``(description, y)`` in every other container that says the same."""
    yield from _CONTAINERS[kind_of(y)](y)


def object_array(rows):
    """Return a 1-D object array, also of rows of one length."""
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


def _series(rows):
    """Yield a Series whose index is not in order: only positions may count."""
    pandas = optional_module("pandas")
    if pandas is not None:
        yield "a Series", pandas.Series(list(rows), index=_shuffled_index(rows))


def _shuffled_index(rows):
    return np.random.RandomState(0).permutation(len(rows))


def _text_containers(y):
    yield "a tuple of str", tuple(y)
    yield "a str array", np.array(y)
    yield "an object array", object_array(y)
    yield "a column of str", np.array(y, dtype=object).reshape(-1, 1)
    yield "a list of lists of one str", [[text] for text in y]
    yield from _series(y)


def _several_text_containers(y):
    yield "a tuple of tuples", tuple(map(tuple, y))
    yield "a list of str arrays", [np.array(row) for row in y]
    yield "an object array of lists", object_array(y)
    yield from _series(y)


def _number_containers(y):
    yield "a list of lists", y.tolist()
    yield "a tuple of arrays", tuple(y)
    yield "a column-major array", np.asfortranarray(y)
    yield "a float64 array", y.astype(np.float64)
    pandas = optional_module("pandas")
    if pandas is not None:
        yield "a DataFrame", pandas.DataFrame(y, index=_shuffled_index(y))


def _bag_containers(y):
    yield "a tuple of arrays", tuple(y)
    yield "column-major arrays", [np.asfortranarray(bag) for bag in y]


_CONTAINERS = {
    "texts": _text_containers,
    "several_texts": _several_text_containers,
    "numbers": _number_containers,
    "bags": _bag_containers,
}


def narrow_containers(y):
    """Yield families of ``(description, y)`` that tell the same in two shapes.

    One column may come 1-D, and bags of one size as a 3-D array. Each family has its
    own values, so that it is compared within itself.
    """
    kind = kind_of(y)
    if kind == "numbers":
        first = y[:, 0].copy()
        yield [
            ("a column", first.reshape(-1, 1)),
            ("a 1-D array", first),
            ("a 1-D list", first.tolist()),
            *_series(first),
        ]
    if kind == "bags":
        pairs = [np.vstack([bag[0], bag[-1]]) for bag in y]
        yield [("a list of 2-D arrays", pairs), ("a 3-D array", np.stack(pairs))]


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
