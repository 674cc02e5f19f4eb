"""Lists of strings, and their characters as rows of ids."""

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from itertools import repeat
from numbers import Number

import numpy as np
from sklearn.feature_extraction.text import strip_accents_ascii, strip_accents_unicode

ALPHANUMERIC = "abcdefghijklmnopqrstuvwxyz0123456789"
PAD, UNKNOWN = 0, 1
N_SPECIAL = 2

_STRIP_ACCENTS = {"ascii": strip_accents_ascii, "unicode": strip_accents_unicode}
# Four bytes each in numpy: a block stays in the cache.
_BLOCK_CHARACTERS = 2**18


def check_strings(strings, name="strings"):
    """Return a collection of strings as a list of str.

    Parameters
    ----------
    strings : list, tuple, 1-D array or Series of str
        The collection.
    name : str, default="strings"
        What errors call it.

    Returns
    -------
    strings : list of str
        Its entries, in order.

    Raises
    ------
    TypeError
        If it is no ordered collection, or an entry is not a str: the entry is named.
    ValueError
        If it is empty.
    """
    entries = _entries(strings, name)
    if not entries:
        raise ValueError(f"{name} is empty; expected at least one str.")
    types = set(map(type, entries))
    if types == {str}:
        return entries
    for index, entry in enumerate(entries):
        if not isinstance(entry, str):
            raise TypeError(
                f"Entry {index} of {name} is {entry!r:.60} ({type(entry).__name__}); "
                f"expected a str. {_remedy(entry, name)}"
            )
    return [str.__str__(entry) for entry in entries]  # np.str_ and the like


def _entries(strings, name):
    """Return the entries of an ordered collection as a list."""
    if isinstance(strings, list | tuple):
        return list(strings)
    if hasattr(strings, "to_numpy"):  # pandas, polars
        strings = strings.to_numpy()
    if isinstance(strings, np.ndarray):
        if strings.ndim != 1:
            raise TypeError(
                f"{name} has shape {strings.shape}; expected one dimension: one str "
                "for each entry. Pass one column, or flatten it with ravel()."
            )
        return strings.tolist()
    if isinstance(strings, str | bytes | bytearray):
        raise TypeError(
            f"{name} is one {type(strings).__name__}, {strings!r:.60}; expected a list "
            f"of str. Wrap it: [{name}]."
        )
    if isinstance(strings, Mapping | Set) or not isinstance(strings, Iterable):
        raise TypeError(
            f"{name} is a {type(strings).__name__}; expected a list, array or Series "
            "of str, whose order is fixed."
        )
    if not hasattr(strings, "__len__"):
        raise TypeError(
            f"{name} is a one-shot {type(strings).__name__}; expected a list, array or "
            "Series of str. Wrap it in list(...)."
        )
    return list(strings)


def _remedy(entry, name):
    if isinstance(entry, bytes | bytearray):
        return "Decode it first."
    if isinstance(entry, list | tuple | np.ndarray | Set | Mapping):
        return f"Flatten {name} first: one str for each entry."
    if isinstance(entry, Number) and entry == entry:
        return "Convert it with str(...) if it is meant as text."
    return "Drop or fill missing entries first."


def fold(strings, *, lowercase=False, strip_accents=None):
    """Fold case and accents away, as scikit-learn's `CountVectorizer` does.

    Parameters
    ----------
    strings : list of str
        Checked strings.
    lowercase : bool, default=False
        Whether to lower-case.
    strip_accents : {"ascii", "unicode"}, default=None
        Whether to take accents off after that, and how: ``"ascii"`` also drops
        characters that have no ASCII form, ``"unicode"`` keeps them.

    Returns
    -------
    strings : list of str
        The folded strings.
    """
    if lowercase:
        strings = list(map(str.lower, strings))
    if strip_accents is not None and not all(map(str.isascii, strings)):
        strip = _STRIP_ACCENTS[strip_accents]
        strings = [text if text.isascii() else strip(text) for text in strings]
    return strings


def check_alphabet(alphabet, name="alphabet"):
    """Return an alphabet, or say what is wrong with it.

    Parameters
    ----------
    alphabet : str
        Distinct characters.
    name : str, default="alphabet"
        What errors call it.

    Returns
    -------
    alphabet : str
        The same.

    Raises
    ------
    TypeError
        If it is not a str.
    ValueError
        If it has no character, or one more than once.
    """
    if not isinstance(alphabet, str):
        raise TypeError(
            f"{name} is {alphabet!r:.60} ({type(alphabet).__name__}); expected one str "
            'of distinct characters. Join characters with "".join(...).'
        )
    if not alphabet:
        raise ValueError(f"{name} is empty; expected at least one character.")
    twice = [character for character, n in Counter(alphabet).items() if n > 1]
    if twice:
        raise ValueError(
            f"{name} has {twice[0]!r} more than once; expected distinct characters. "
            f'Drop repeated ones: "".join(dict.fromkeys({name})).'
        )
    return str.__str__(alphabet)


def learn_alphabet(strings):
    """Return the distinct characters of some strings, sorted, as one str.

    Parameters
    ----------
    strings : list of str
        Checked strings.

    Returns
    -------
    alphabet : str
        Empty if all strings are.
    """
    return "".join(sorted(set("".join(strings))))


def resolve_alphabet(alphabet, strings, *, lowercase, strip_accents):
    """Return a given alphabet, checked, or that of folded strings.

    Parameters
    ----------
    alphabet : str or None
        Distinct characters. None: those of the strings.
    strings : list of str
        Checked, folded strings.
    lowercase, strip_accents
        How they were folded, as in `fold`.

    Returns
    -------
    alphabet : str

    Raises
    ------
    TypeError
        If it is not a str.
    ValueError
        If it is empty, has a character twice or one that folding takes away, or there
        is no character to learn.
    """
    if alphabet is None:
        learned = learn_alphabet(strings)
        if not learned:
            raise ValueError(
                "alphabet=None learns the characters of the strings, and all strings "
                "are empty. Give an alphabet."
            )
        return learned
    alphabet = check_alphabet(alphabet)
    folding = {"lowercase": lowercase, "strip_accents": strip_accents}
    lost = [c for c in alphabet if fold([c], **folding) != [c]]
    if lost:
        raise ValueError(
            f"alphabet has {lost[0]!r}, which no string has once it is folded "
            f"(lowercase={lowercase}, strip_accents={strip_accents!r}). Fold the "
            "alphabet too, or switch the folding off."
        )
    return alphabet


def encode(strings, alphabet, width=None):
    """Turn strings into rows of character ids.

    Id 0 is padding on the right, id 1 a character outside the alphabet; the alphabet's
    characters are numbered from 2 in their order.

    Parameters
    ----------
    strings : list of str
        Checked strings.
    alphabet : str
        Distinct characters.
    width : int, default=None
        Number of columns; longer strings are cut. None: the longest string's length.

    Returns
    -------
    ids : ndarray of shape (n_strings, width)
        Of the smallest of uint8, uint16 and int32 that holds every id.
    n_unknown : int
        How many characters, cut ones aside, are outside the alphabet.
    """
    if width is None:
        width = max(map(len, strings), default=0)
    table = _table(alphabet)
    ids = np.zeros((len(strings), width), dtype=table.dtype)
    if width == 0:
        return ids, 0
    step = max(1, _BLOCK_CHARACTERS // width)
    for start in range(0, len(strings), step):
        block = strings[start : start + step]
        codes = np.array(block, dtype=f"U{width}").view(np.uint32)
        codes = codes.reshape(len(block), width)
        np.take(table, codes, mode="clip", out=ids[start : start + step])
        if "\0" in "".join(block):
            _mark_nulls(ids[start : start + step], block, alphabet)
    return ids, int(np.count_nonzero(ids == UNKNOWN))


def _table(alphabet):
    """Return the id of every code point up to the first above the alphabet's."""
    n_ids = len(alphabet) + N_SPECIAL
    dtype = np.uint8 if n_ids <= 2**8 else np.uint16 if n_ids <= 2**16 else np.int32
    codes = np.array(list(map(ord, alphabet)), dtype=np.int64)
    # Larger code points are clipped to the last entry, which is never the alphabet's.
    table = np.full(codes.max(initial=0) + 2, UNKNOWN, dtype=dtype)
    table[codes] = np.arange(N_SPECIAL, n_ids)
    table[0] = PAD
    return table


def _mark_nulls(ids, strings, alphabet):
    r"""Tell the character ``"\0"`` from numpy's padding, which has the same code."""
    null = alphabet.find("\0") + N_SPECIAL if "\0" in alphabet else UNKNOWN
    for row, text in zip(ids, strings, strict=True):
        if "\0" in text:
            characters = row[: len(text)]
            characters[characters == PAD] = null


def warn_unknown(strings, alphabet, width=None, *, meaning=None, stacklevel=3):
    """Warn once of the characters outside the alphabet, with their counts.

    Parameters
    ----------
    strings : list of str
        Checked, folded strings, some of them with unknown characters.
    alphabet : str
        Distinct characters.
    width : int, default=None
        Where strings are cut.
    meaning : str, default=None
        What becomes of such characters. None: they share the row of unknown ones.
    stacklevel : int, default=3
        As in `warnings.warn`, counted from this function.
    """
    if width is not None:
        strings = list(map(str.__getitem__, strings, repeat(slice(width))))
    known = set(alphabet)
    counts = Counter("".join(strings))
    unknown = Counter({c: n for c, n in counts.items() if c not in known})
    if not unknown:
        return
    n = unknown.total()
    n_strings = sum(not known.issuperset(text) for text in strings)
    what = "character is" if n == 1 else "characters are"
    examples = ", ".join(f"{c!r} ({count})" for c, count in unknown.most_common(5))
    meaning = meaning or "they share the row of unknown characters"
    warnings.warn(
        f"{n} {what} outside the alphabet in {n_strings} of {len(strings)} strings, "
        f"e.g. {examples}; {meaning}. Add them to alphabet, learn one with "
        "alphabet=None, or fold them with lowercase and strip_accents.",
        stacklevel=stacklevel,
    )
