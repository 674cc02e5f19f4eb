"""Images and words in one space, by an estimator or as given."""

from collections.abc import Iterator
from functools import partial
from math import isfinite
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing

from ..base import embed_y
from ._embed import embed_items
from ._similarity import RankingScores, check_embedding, check_embeddings
from ._vocabulary import keyed_vectors


def vocabulary_of(estimator: Any, word_vectors: Any) -> Any:
    """Return the KeyedVectors that were given, or else the estimator's."""
    if word_vectors is not None:
        return keyed_vectors(word_vectors, "word_vectors")
    if estimator is None:
        raise TypeError(
            "estimator is None and word_vectors is missing, expected a fitted"
            " estimator, or embeddings of images as X and word_vectors."
        )
    return keyed_vectors(estimator, "estimator")


def check_penalty(penalty: Any) -> float:
    """Return a finite number."""
    if not isinstance(penalty, Real) or not isfinite(penalty):
        raise ValueError(f"seen_penalty is {penalty!r}, expected a finite number.")
    return float(penalty)


class WordImageViews:
    """The embeddings of images and words, and how they are compared.

    `n_nan` counts the scores met so far that were NaN.
    """

    def __init__(
        self, estimator: Any, keyed: Any, similarity: str, block_size: int
    ) -> None:
        self.estimator = estimator
        self.keyed = keyed
        self.similarity = similarity
        self.block_size = block_size
        self.n_nan = 0

    def images(self, X: Any, rows: np.ndarray) -> np.ndarray:
        """Embed some rows of X."""
        if self.estimator is None:
            return check_embedding(X, "X")[rows]
        some = _safe_indexing(X, rows)
        return embed_items(self.estimator.transform, some, "transform")

    def words(self, words: list[str]) -> np.ndarray:
        """Embed words that have a vector."""
        if self.estimator is None:
            return self.keyed.vectors[[self.keyed.key_to_index[w] for w in words]]
        return embed_items(partial(embed_y, self.estimator), words, "transform_y")

    def score_words(
        self,
        images: np.ndarray,
        words: list[str],
        seen: list[str] | None = None,
        penalty: float = 0.0,
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yield blocks of scores (images, words); the next overwrites the last."""
        lowered = np.isin(words, seen or [])
        for start, stop, block in self._blocks(images, self.words(words), flip=False):
            if penalty:
                block[:, lowered] -= block.dtype.type(penalty)
            yield start, stop, block

    def score_images(
        self, words: list[str], images: np.ndarray
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yield blocks of scores (words, images); the next overwrites the last."""
        yield from self._blocks(images, self.words(words), flip=True)

    def _blocks(
        self, images: np.ndarray, words: np.ndarray, *, flip: bool
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        names = "the embedding of X", "the embedding of words"
        images, words = check_embeddings(images, words, names)
        queries, gallery = (words, images) if flip else (images, words)
        scores = RankingScores(queries, gallery, self.similarity, self.block_size)
        yield from scores
        self.n_nan += scores.n_nan
