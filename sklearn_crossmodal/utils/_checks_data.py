"""Data for the conformance suites: small, and where there are two views, learnable.

Each row of two views is one of 48 things, "a small red circle" for instance. The first
view is its features or a bag of them, the second tells the same thing as words, word
ids, a vector or a bag. Images of words are pixels first, and strings second.
"""

import importlib
import sys
from functools import partial
from string import ascii_lowercase, digits

import numpy as np

WORDS = (
    ("small", "big", "huge"),
    ("red", "blue", "green", "black"),
    ("circle", "square", "star", "ring"),
)
TEMPLATES = ("a {} {} {}", "{} {} {}", "this is a {} {} {}")
# Of few letters and pairs of letters, so that sixty words have them all.
SYLLABLES = ("ba", "bo", "da", "do", "bra", "dro")
N_FEATURES = 13
N_VECTOR = 9
# One for each letter.
_PATTERNS = np.random.RandomState(0).randint(2, size=(32, 7, 5))


def make_two_views(kind, n_samples, random_state):
    """Draw paired rows of both views; see `check_two_view_estimator` for the kinds."""
    rng = np.random.RandomState(random_state)
    if kind == "word_images":
        words = [
            "".join(rng.choice(SYLLABLES, 1 + rng.randint(3))) for _ in range(n_samples)
        ]
        return [draw_word(word, rng) for word in words], words
    chosen = np.column_stack(
        [rng.randint(len(words), size=n_samples) for words in WORDS]
    )
    hot = np.hstack([np.eye(len(words))[chosen[:, i]] for i, words in enumerate(WORDS)])
    first_view = _noisy_bags if kind == "bag_pairs" else _noisy
    X = first_view(hot @ _mixing(N_FEATURES, 1), rng)
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


def _tags(chosen, hot, rng):
    """Return one to three of the words, in any order."""
    rows = []
    for row in chosen:
        words = [WORDS[i][j] for i, j in enumerate(row)]
        rows.append([words[i] for i in rng.permutation(3)[: 1 + rng.randint(3)]])
    return rows


def _tokens(chosen, hot, rng):
    """Ids from 2, as 0 is padding and 1 unknown; the last column is often padding."""
    starts = 2 + np.cumsum([0, *map(len, WORDS[:-1])])
    filler = (starts[-1] + len(WORDS[-1])) * rng.randint(2, size=(len(chosen), 1))
    return np.hstack([chosen + starts, filler])


def _vectors(chosen, hot, rng):
    return _noisy(hot @ _mixing(N_VECTOR, 2), rng)


def _bags(chosen, hot, rng):
    return _noisy_bags(hot @ _mixing(N_VECTOR, 2), rng)


def _noisy(centres, rng):
    return centres + 0.1 * rng.standard_normal(centres.shape)


def _noisy_bags(centres, rng):
    """Return one to four vectors around each centre."""
    return [
        c + 0.1 * rng.standard_normal((1 + rng.randint(4), len(c))) for c in centres
    ]


_SECOND_VIEWS = {
    "texts": _texts,
    "several_texts": _several_texts,
    "tags": _tags,
    "tokens": _tokens,
    "vectors": _vectors,
    "bags": _bags,
    "bag_pairs": _bags,
}
_KINDS = (*_SECOND_VIEWS, "word_images")


def draw_word(word, rng):
    """Draw a word, dark on light: a pattern of its own for each letter.

    Letters are one to three times as high and as wide as their pattern, and there is
    noise and a margin.
    """
    letters = [np.pad(_PATTERNS[ord(letter) % 32], ((0, 0), (0, 1))) for letter in word]
    ink = np.kron(np.hstack(letters), np.ones(rng.randint(1, 4, size=2), dtype=int))
    ink = np.pad(ink, rng.randint(3, size=(2, 2)))
    return (220 - 180 * ink + rng.randint(-20, 21, size=ink.shape)).astype(np.uint8)


def make_words(n_samples, random_state):
    """Draw distinct strings of one to ten letters and digits."""
    rng = np.random.RandomState(random_state)
    characters = list(ascii_lowercase + digits)
    words = {}
    while len(words) < n_samples:
        words["".join(rng.choice(characters, 1 + rng.randint(10)))] = None
    return list(words)


def as_make_data(make_data):
    """Return a callable ``make_data(n_samples, random_state)`` and its name."""
    kinds = {kind: partial(make_two_views, kind) for kind in _KINDS}
    return _named_or_callable(make_data, kinds)


def as_make_strings(make_data):
    """Return a callable that returns a tuple of one view, strings, and its name."""
    make_strings, name = _named_or_callable(make_data, {"words": make_words})
    return lambda *arguments: (make_strings(*arguments),), name


def _named_or_callable(make_data, kinds):
    if callable(make_data):
        return make_data, getattr(make_data, "__name__", type(make_data).__name__)
    if make_data not in kinds:
        raise ValueError(
            f"make_data must be callable or one of {sorted(kinds)}; got {make_data!r}."
        )
    return kinds[make_data], make_data


def optional_module(name):
    """Return a module if it can be imported, else None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def loaded_torch():
    """Return torch if somebody has imported it: without it there is no state of it."""
    return sys.modules.get("torch")
