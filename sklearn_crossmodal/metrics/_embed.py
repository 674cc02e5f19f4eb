"""What reports need of the estimator, and of the strings, that they are about."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import issparse

from ..base import compared_by, get_two_view_estimator
from ..utils._ids import encode_ids
from ..utils._sklearn import num_samples


def similarity_of(estimator: Any) -> str:
    """Return how a two-view estimator's embeddings are compared; cosine for None."""
    if estimator is None:
        return "cosine"
    return compared_by(get_two_view_estimator(estimator)[0])


def embed_items(embed: Callable, items: Any, name: str) -> np.ndarray:
    """Return the embeddings of items, one row for each, as a dense array."""
    embedded, n_items = embed(items), num_samples(items)
    embedded = embedded.toarray() if issparse(embedded) else np.asarray(embedded)
    if len(embedded) != n_items:
        raise ValueError(
            f"{name} returned {len(embedded)} rows for {n_items} items, expected one"
            " for each."
        )
    return embedded


@dataclass(frozen=True)
class DistinctStrings:
    """The different strings of a list, in order of first appearance."""

    words: list[str]
    codes: np.ndarray
    """Which of `words` each string of the list is."""
    first: np.ndarray
    """Where each of `words` is first in the list."""

    @classmethod
    def of(cls, strings: list[str]) -> "DistinctStrings":
        """Find the different strings of a list."""
        numbers: dict[str, int] = {}
        codes = encode_ids(strings, numbers)
        return cls(list(numbers), codes, np.unique(codes, return_index=True)[1])

    def embeddings(self, rows: np.ndarray, name: str) -> np.ndarray:
        """Return a row for each of `words`, from embeddings of the whole list."""
        if len(rows) != len(self.codes):
            raise ValueError(
                f"{name} has {len(rows)} rows and strings has {len(self.codes)}"
                " entries, expected one row for each."
            )
        for i in np.flatnonzero(self.first[self.codes] != np.arange(len(rows))):
            original = self.first[self.codes[i]]
            if not _almost_equal(rows[i], rows[original]):
                raise ValueError(
                    f"Rows {original} and {i} of {name} differ, but both are of the"
                    f" string {self.words[self.codes[i]]!r}, expected one embedding"
                    " for each string."
                )
        return rows[self.first]


def _almost_equal(row: np.ndarray, other: np.ndarray) -> bool:
    """Whether rows differ by no more than what two embeddings of one string may."""
    row, other = row.astype(np.float64), other.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return not np.abs(row - other).max() > 1e-4 * np.abs(other).max()
