"""The matching of images and words: candidates of both, and words of like frequency."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from ._matching import DrawOptions, Extra, MatchingPrecision, Standing, draw_hits
from ._vocabulary import NamedImages
from ._word_views import WordImageViews

# Fill words are drawn from so many whose rank of frequency is nearest.
N_LIKE = 50


@dataclass(frozen=True)
class MatchingTask:
    """Images and words to match, both ways."""

    named: NamedImages
    options: DrawOptions
    average: str
    views: WordImageViews
    images: np.ndarray

    def image_to_words(
        self,
        fill: list[list[str]],
        seen: list[str],
        penalty: float,
        rng: np.random.Generator,
    ) -> dict[str, MatchingPrecision]:
        """Search the label words and the fill words of each draw, and the former."""
        named, options, n_labels = self.named, self.options, len(self.named.words)
        words = [*named.words, *dict.fromkeys(word for draw in fill for word in draw)]
        column = {word: i for i, word in enumerate(words)}
        columns = np.array([[column[w] for w in draw] for draw in fill], dtype=np.int64)
        n_fill = self._n_fill(columns.shape[1])
        standings, extras = [], []
        for start, stop, block in self.views.score_words(
            self.images, words, seen, penalty
        ):
            relevant = named.relevant[start:stop]
            standings.append(Standing.of_block(block[:, :n_labels], relevant))
            extras.append(_count_fill(block, relevant, columns, n_fill[start:stop]))
        standing = Standing.concatenate(standings)
        extra = Extra(*(np.concatenate(part, axis=-1) for part in zip(*extras)))  # noqa: B905
        hits = draw_hits(standing, options, rng, extra)
        labels = replace(options, n_candidates=n_labels)
        return {
            "image_to_word": self._summarise(options, hits, standing, extra.n),
            "image_to_label_word": self._summarise(
                labels, draw_hits(standing, labels, rng), standing
            ),
        }

    def word_to_image(self, rng: np.random.Generator) -> MatchingPrecision:
        """Search the images by each word."""
        matrix = self.named.relevant
        shape, numbers = matrix.shape, np.arange(matrix.nnz)
        pairs = sparse.csr_array((numbers, matrix.indices, matrix.indptr), shape=shape)
        by_word = pairs.T.tocsr()
        blocks = self.views.score_images(self.named.words, self.images)
        standing = Standing.concatenate(
            [Standing.of_block(scores, by_word[a:b]) for a, b, scores in blocks]
        ).take(np.argsort(by_word.data))
        hits = draw_hits(standing, self.options, rng)
        return self._summarise(self.options, hits, standing, flip=True)

    def _n_fill(self, n_available: int) -> np.ndarray:
        """Return how many fill words each image searches."""
        n_wrong = len(self.named.words) - np.diff(self.named.relevant.indptr)
        n_missing = self.options.n_candidates - 1 - self.options.n_drawn(n_wrong)
        return np.minimum(n_missing, n_available)

    def _summarise(
        self,
        options: DrawOptions,
        hits: np.ndarray,
        standing: Standing,
        n_extra: Any = 0,
        *,
        flip: bool = False,
    ) -> MatchingPrecision:
        images, words = self.named.pairs
        groups = words if self.average == "words" else None
        pairs = (words, images) if flip else (images, words)
        return options.summarise(hits, standing, pairs, groups, n_extra)


def _count_fill(
    scores: np.ndarray, relevant: Any, columns: np.ndarray, n_fill: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count the first `n_fill` fill words of each draw above, and tied with, a pair."""
    images = np.repeat(np.arange(len(scores)), np.diff(relevant.indptr))
    right = scores[images, relevant.indices][:, None]
    n = n_fill[images]
    taken = np.arange(columns.shape[1]) < n[:, None]
    above = np.empty((len(columns), len(images)), dtype=np.int64)
    tied = np.empty_like(above)
    for draw, some in enumerate(columns):
        wrong = scores[:, some][images]
        above[draw] = ((wrong > right) & taken).sum(axis=1)
        tied[draw] = ((wrong == right) & taken).sum(axis=1)
    return above, tied, n


def fill_words(
    named: NamedImages, keyed: Any, options: DrawOptions, rng: np.random.Generator
) -> list[list[str]]:
    """Draw the words that fill the label words up to the number of candidates.

    Returns a list for each draw, as long as the images with most words need, or as
    the vocabulary allows.
    """
    most_right = int(np.diff(named.relevant.indptr).max())
    n_missing = options.n_candidates - 1 - (len(named.words) - most_right)
    if n_missing <= 0:
        return [[] for _ in range(options.n_draws)]
    order = _by_frequency(keyed)
    barred = {
        keyed.key_to_index[word]
        for word in (*named.words, *named.other)
        if word in keyed.key_to_index
    }
    allowed = ~np.isin(order, list(barred))
    pool = order[allowed]
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.cumsum(allowed)  # how many of the pool are more frequent
    places = place[[keyed.key_to_index[word] for word in named.words]]
    drawn = [
        _draw_like(places, len(pool), n_missing, rng) for _ in range(options.n_draws)
    ]
    return [[keyed.index_to_key[pool[i]] for i in some] for some in drawn]


def _by_frequency(keyed: Any) -> np.ndarray:
    """Return the vocabulary, most frequent first; as it is ordered among equals."""
    counts = keyed.expandos.get("count", np.zeros(len(keyed.index_to_key)))
    return np.argsort(-np.asarray(counts, dtype=np.float64), kind="stable")


def _draw_like(
    places: np.ndarray, n_pool: int, n: int, rng: np.random.Generator
) -> list[int]:
    """Draw distinct places of a pool, each near one of `places`, taken in turns."""
    turns = rng.permutation(places)
    drawn: list[int] = []
    for i in range(min(n, n_pool)):
        place = turns[i % len(turns)]
        reach = N_LIKE + len(drawn)
        near = np.arange(max(0, place - reach), min(n_pool, place + reach))
        near = near[~np.isin(near, drawn)]
        middle = int(near.searchsorted(place))
        low = max(0, min(middle - N_LIKE // 2, len(near) - N_LIKE))
        drawn.append(int(rng.choice(near[low : low + N_LIKE])))
    return drawn


def wrong_candidates(
    n_gallery: int, right: np.ndarray, n_candidates: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw the wrong ones of `n_candidates` gallery entries, none of them right."""
    wrong = np.delete(np.arange(n_gallery), right)
    if len(wrong) < n_candidates:
        return wrong
    return rng.choice(wrong, n_candidates - 1, replace=False)
