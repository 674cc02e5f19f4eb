"""Words that name images: which of them have a vector, and how frequent they are."""

from collections.abc import Iterable, Mapping, Set, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from ..base import get_two_view_estimator
from ..utils._containers import as_rows, holds_text, read_bags
from ..utils._ids import encode_ids
from ..utils._sklearn import num_samples
from ..utils._strings import check_strings


def keyed_vectors(vectors: Any, name: str = "vectors") -> Any:
    """Return the gensim KeyedVectors that an object is, or has.

    `vectors` are KeyedVectors, a gensim model with `wv`, a mapping of words to vectors,
    or a fitted two-view estimator (or a Pipeline or search around one) with
    `word_vectors_`.
    """
    if isinstance(vectors, Mapping):
        return _from_mapping(vectors, name)
    keyed = getattr(vectors, "wv", vectors)
    if hasattr(keyed, "key_to_index") and hasattr(keyed, "vectors"):
        return keyed
    try:
        return get_two_view_estimator(vectors)[0].word_vectors_
    except (TypeError, AttributeError) as error:
        raise TypeError(
            f"{name} is {type(vectors).__name__}, expected gensim KeyedVectors, a dict"
            " of words to vectors, or a fitted estimator with word_vectors_."
        ) from error


def _from_mapping(vectors: Mapping, name: str) -> Any:
    from gensim.models import KeyedVectors

    words = check_strings(list(vectors), name)
    table = np.asarray([np.asarray(vectors[word]) for word in words])
    if table.ndim != 2:
        raise ValueError(
            f"{name} has vectors of shape {table.shape[1:]}, expected 1-D vectors."
        )
    keyed = KeyedVectors(table.shape[1], dtype=table.dtype.type)
    keyed.add_vectors(words, table)
    return keyed


def counts_of(keyed: Any, words: Iterable[str]) -> np.ndarray | None:
    """Return how often words occur in the text; None if the vectors don't tell."""
    if "count" not in getattr(keyed, "expandos", {}):
        return None
    return np.array([int(keyed.get_vecattr(word, "count")) for word in words])


def words_of_rows(y: Any) -> list[list[str]]:
    """Return the distinct words of each row: of a str, what white space separates."""
    rows = as_rows(y)
    if not num_samples(rows):
        raise ValueError("y is empty, expected the words of each image.")
    if not holds_text(rows):
        raise TypeError(
            "y holds no words, expected a str or a list of str for each image."
        )
    read_bags(rows)  # names the row that is no text
    split = [row.split() if isinstance(row, str) else list(row) for row in rows]
    return [list(dict.fromkeys(words)) for words in split]


@dataclass(frozen=True)
class NamedImages:
    """Images and their words, among those that can be ranked."""

    words: list[str]
    """The words that are ranked."""
    rows: np.ndarray
    """The rows of X that have a word among them: the images."""
    relevant: Any
    """CSR of shape (n_images, n_words): which words an image has."""
    other: frozenset[str]
    """Words of y that are not ranked."""
    oov: dict[str, int]
    """How many images have each word that has no vector."""
    n_unlisted: int
    """How many pairs have a word that has a vector but was not to be ranked."""

    @classmethod
    def of(
        cls, y: Any, keyed: Any, words: Any, n_rows: int, name: str = "words"
    ) -> "NamedImages":
        """Read the words of images; rank `words`, or if None all that are in y."""
        rows = words_of_rows(y)
        if len(rows) != n_rows:
            raise ValueError(
                f"X has {n_rows} rows and y has {len(rows)}, expected as many: y[i]"
                " holds the words of image i."
            )
        in_y = [word for row in rows for word in row]
        wanted = in_y if words is None else ordered_words(words, name)
        oov: dict[str, int] = {w: 0 for w in wanted if w not in keyed.key_to_index}
        ranked = list(dict.fromkeys(word for word in wanted if word not in oov))
        columns = {word: column for column, word in enumerate(ranked)}
        n_unlisted = 0
        for word in in_y:
            if word not in keyed.key_to_index:
                oov[word] = oov.get(word, 0) + 1
            elif word not in columns:
                n_unlisted += 1
        relevant = _incidence([[columns.get(w) for w in r] for r in rows], len(ranked))
        kept = np.flatnonzero(np.diff(relevant.indptr))
        _check_enough(ranked, kept, oov, n_unlisted)
        other = frozenset(in_y) - frozenset(ranked)
        return cls(ranked, kept, relevant[kept], other, oov, n_unlisted)

    @property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """The image and the word of each pair, by image."""
        images = np.repeat(np.arange(len(self.rows)), np.diff(self.relevant.indptr))
        return images, self.relevant.indices

    def notes(self) -> list[str]:
        """Say what was left out."""
        notes = []
        if self.oov:
            some = ", ".join(map(repr, list(self.oov)[:5]))
            more = ", ..." if len(self.oov) > 5 else ""
            notes.append(
                f"{len(self.oov)} words out of vocabulary are left out,"
                f" {sum(self.oov.values())} pairs: {some}{more}"
            )
        if self.n_unlisted:
            notes.append(
                f"{self.n_unlisted} pairs are left out: their word is not among the"
                " given ones"
            )
        return notes


def ordered_words(words: Any, name: str = "seen_words") -> list[str]:
    """Return words in a fixed order; None and empty collections have none."""
    if isinstance(words, Set):
        words = sorted(words, key=repr)
    if words is None or (isinstance(words, Sized) and not len(words)):
        return []
    return check_strings(words, name)


def _incidence(columns: list[list[int | None]], n_columns: int) -> Any:
    """Return a boolean CSR with True where a row names a column; None is nowhere."""
    kept = [sorted(c for c in row if c is not None) for row in columns]
    indptr = np.cumsum([0, *map(len, kept)])
    indices = np.array([c for row in kept for c in row], dtype=np.int64)
    data = np.ones(len(indices), dtype=bool)
    return sparse.csr_array((data, indices, indptr), shape=(len(kept), n_columns))


def _check_enough(
    ranked: list[str], kept: np.ndarray, oov: dict[str, int], n_unlisted: int
) -> None:
    if len(ranked) > 1 and len(kept):
        return
    left_out = ", ".join(map(repr, list(oov)[:5])) or "none"
    raise ValueError(
        f"{len(kept)} images have a word to rank among {len(ranked)}, expected an image"
        f" and two words or more. Words without a vector: {left_out} (of {len(oov)});"
        f" pairs whose word is not among the given ones: {n_unlisted}."
    )


def shared_ids(x_ids: Any, y_ids: Any, names: tuple[str, str]) -> Any:
    """Return a CSR that says which entries of two lists of ids or id sets share one."""
    codes: dict[Any, int] = {}
    coded = [
        [encode_ids(dict.fromkeys(entry), codes).tolist() for entry in _id_sets(ids, n)]
        for ids, n in zip((x_ids, y_ids), names, strict=True)
    ]
    left, right = (_incidence(c, len(codes)).astype(np.int64) for c in coded)
    shared = (left @ right.T).astype(bool)
    shared.sort_indices()
    return shared


def _id_sets(ids: Any, name: str) -> list[list]:
    if isinstance(ids, str | bytes | Mapping) or not isinstance(ids, Iterable):
        raise TypeError(
            f"{name} is {ids!r:.60}, expected a list with an id, or a list or set of"
            " ids, for each row."
        )
    inner = list | tuple | set | frozenset | np.ndarray
    entries = ids.tolist() if isinstance(ids, np.ndarray) else list(ids)
    sets = [list(e) if isinstance(e, inner) else [e] for e in entries]
    for row, entry in enumerate(sets):
        for value in entry:
            if value is None or not _is_id(value):
                raise ValueError(
                    f"{name} holds {value!r:.60} in row {row}, expected ids such as str"
                    " or int; an entry without any is an empty list."
                )
    return sets


def _is_id(value: Any) -> bool:
    try:
        hash(value)
        return bool(value == value)
    except TypeError:
        return False
