"""Rules that say of which type an error of matching is."""

from dataclasses import dataclass
from math import isfinite
from numbers import Real
from typing import Any

import numpy as np

from ._vocabulary import NamedImages, counts_of

TYPES = ("sparsity", "synonym", "confusion", "other")
# Where a threshold is not given, what share of words or of their pairs is below it.
QUANTILES = {"sparsity": 0.25, "synonym": 0.95, "confusion": 0.95}


def check_thresholds(given: dict[str, Any]) -> None:
    """Raise ValueError unless each is a finite number, or None."""
    for name, value in given.items():
        if value is None:
            continue
        if (
            isinstance(value, bool)
            or not isinstance(value, Real)
            or not isfinite(value)
        ):
            raise ValueError(f"{name} is {value!r}, expected a finite number or None.")


@dataclass(frozen=True)
class ErrorRules:
    """What says which type an error is of, for each label word and pair of them."""

    counts: np.ndarray
    synonym: np.ndarray
    """Cosines of word vectors."""
    confusion: np.ndarray
    """Cosines of the mean features of words' images."""
    thresholds: dict[str, float]

    @classmethod
    def of(
        cls,
        named: NamedImages,
        keyed: Any,
        text: Any,
        features: np.ndarray,
        given: dict[str, float | None],
    ) -> "ErrorRules":
        """Compare all label words; thresholds that are not given come from these."""
        counts = counts_of(keyed, named.words)
        if counts is None:
            raise ValueError(
                "The word vectors don't tell how often words occur, expected a 'count'"
                " of each: see set_vecattr of gensim's KeyedVectors."
            )
        synonym = _cosines(_text_table(named.words, text))
        confusion = _cosines(_mean_features(named, features))
        above_diagonal = np.triu_indices(len(named.words), 1)
        values = {
            "sparsity": counts,
            "synonym": synonym[above_diagonal],
            "confusion": confusion[above_diagonal],
        }
        thresholds = {}
        for name, quantile in QUANTILES.items():
            limit = given[name]
            thresholds[name] = (
                _quantile(values[name], quantile) if limit is None else float(limit)
            )
        return cls(counts, synonym, confusion, thresholds)

    def hold(self, word: int, found: np.ndarray) -> tuple[bool, ...]:
        """Say of each type whether its rule holds, for words found in place of one."""
        limits = self.thresholds
        rules = (
            bool(self.counts[word] < limits["sparsity"]),
            # NaN, of a word without a vector or an image, compares as False.
            bool((self.synonym[word, found] >= limits["synonym"]).any()),
            bool((self.confusion[word, found] >= limits["confusion"]).any()),
        )
        return (*rules, not any(rules))


def _text_table(words: list[str], text: Any) -> np.ndarray:
    """Return the vectors of words, NaN where there is none."""
    table = np.full((len(words), text.vectors.shape[1]), np.nan)
    for row, word in enumerate(words):
        if word in text.key_to_index:
            table[row] = text[word]
    return table


def _mean_features(named: NamedImages, features: np.ndarray) -> np.ndarray:
    """Return the mean features of the images of each word, NaN where there is none."""
    by_word = named.relevant.T.astype(np.float64)
    n_images = by_word.sum(axis=1)[:, None]
    with np.errstate(invalid="ignore"):
        return (by_word @ features) / np.where(n_images > 0, n_images, np.nan)


def _cosines(table: np.ndarray) -> np.ndarray:
    """Return the cosines of all pairs of rows; NaN with a row of zeros or of NaN."""
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    unit = table / np.where(norms > 0, norms, np.nan)
    return unit @ unit.T


def _quantile(values: np.ndarray, quantile: float) -> float:
    finite = values[np.isfinite(values)]
    return float(np.quantile(finite, quantile)) if len(finite) else float("nan")
