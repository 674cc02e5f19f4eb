"""Images and the words that name them, as batches with noise words and contexts."""

import numpy as np
import torch
from scipy import sparse

from ..training._pairs import Batch, Pairs, take_features
from ._corpus import SENTENCE_END

PAD = -1


class WordPairs(Pairs):
    """Images paired with items: a word, or several that are one text.

    Parameters
    ----------
    X, rows, groups
        As in `Pairs`.
    items : ndarray of shape (n_items, width), dtype int64
        Ids of the words of each item, padded by -1.
    noise : NoiseSampler
        Draws words that images are told apart from.
    n_noise : int
        How many are drawn for a batch.
    n_passes : int
        Passes over the pairs in an epoch.
    balance : float
        0: each pair is drawn once a pass. Else pairs are drawn with a probability
        proportional to how often their text occurs, to the power of minus this.
    """

    def __init__(
        self, X, items, rows, groups, *, noise, n_noise, n_passes=1, balance=0.0
    ):
        super().__init__(X, items, rows, groups, take_words)
        self.n_passes = n_passes
        self.balance = balance
        self.noise = noise
        self.n_noise = n_noise
        self.text = None
        self.contexts = None
        # Few words name images: which of them are a group's own is kept for those only.
        known = items != PAD
        self.words, codes = np.unique(items[known], return_inverse=True)
        self._code = np.full(noise.n_words, PAD)
        self._code[self.words] = np.arange(len(self.words))
        of_word = np.broadcast_to(groups[rows][:, None], items.shape)[known]
        self._words_of_groups = _membership(
            of_word, codes.ravel(), groups.max(initial=-1) + 1
        )
        of_item = np.broadcast_to(np.arange(len(items))[:, None], items.shape)[known]
        self._words_of_items = _membership(of_item, codes.ravel(), len(items))

    def __len__(self):
        """Return the number of pairs in an epoch."""
        return len(self.rows) * self.n_passes

    def order(self):
        """Draw the pairs of one epoch: each once a pass, or balanced."""
        n = len(self.rows)
        if self.balance:
            _, texts, counts = np.unique(
                self.items, axis=0, return_inverse=True, return_counts=True
            )
            counts = counts[texts.ravel()]
            weights = torch.from_numpy(counts ** -float(self.balance))
            return torch.multinomial(weights, len(self), replacement=True).numpy()
        return torch.cat([torch.randperm(n) for _ in range(self.n_passes)]).numpy()

    def __getitem__(self, index):
        """Return the `Batch` of these pairs.

        Beside the pairs there are the noise words, or those of a context of each
        image's word, and what of both is true of an image.
        """
        rows = self.rows[index]
        noise = self.noise.draw(self.n_noise)
        views = {
            "x": take_features(self.X, rows),
            "y": take_words(self.items, index),
            "noise": torch.from_numpy(noise),
        }
        if self.contexts is not None:
            views["contexts"] = self.contexts.draw(self.items[index])
        groups = self.groups[rows]
        same = self._are_texts_true(index, groups) | (groups[:, None] == groups)
        targets = {
            "same": torch.from_numpy(same),
            "noise_is_true": torch.from_numpy(self._are_true(noise, groups)),
        }
        return Batch(views, targets, len(index))

    def _are_texts_true(self, index, groups):
        """Return which items have only words that are each group's own."""
        of_items = self._words_of_items[index]
        shared = (self._words_of_groups[groups] @ of_items.T).toarray()
        return shared == of_items.sum(axis=1)

    def _are_true(self, words, groups):
        """Return which of these words are each group's own."""
        codes = self._code[words]
        named = np.flatnonzero(codes != PAD)
        true = np.zeros((len(groups), len(words)), dtype=bool)
        true[:, named] = self._words_of_groups[groups][:, codes[named]].toarray() > 0
        return true


def _membership(rows, codes, n_rows):
    """Return a sparse matrix that says which codes each row has."""
    shape = n_rows, codes.max(initial=-1) + 1
    member = sparse.csr_array(
        (np.ones(len(rows), dtype=np.int32), (rows, codes)), shape
    )
    member.sum_duplicates()
    member.data[:] = 1
    return member


def take_words(view, index):
    """Return rows `index` of padded word ids, cut to the longest of them."""
    block = view[index]
    width = max(1, int((block != PAD).sum(axis=1).max(initial=0)))
    return torch.from_numpy(np.ascontiguousarray(block[:, :width]))


class NoiseSampler:
    """Draw words by how often they occur, to a power.

    Parameters
    ----------
    counts : ndarray of shape (n_words,)
        How often each word occurs.
    power : float
        1 is the unigram distribution, 0 the uniform one.
    """

    def __init__(self, counts, power):
        weights = np.asarray(counts, dtype=np.float64) ** power
        self.n_words = len(weights)
        self._cumulative = np.cumsum(weights / weights.sum())

    def draw(self, size):
        """Return `size` word ids, by torch's generator, which the epoch seeds."""
        drawn = torch.rand(size, dtype=torch.float64).numpy()
        ids = np.searchsorted(self._cumulative, drawn, side="right")
        return np.minimum(ids, self.n_words - 1)


class ContextSampler:
    """Draw the words around a random occurrence of a word in a text.

    Parameters
    ----------
    text : EncodedCorpus
        The text.
    places : dict of int to ndarray
        Where each word occurs; see `EncodedCorpus.occurrences`.
    window : int
        Farthest word that counts; as in skip-gram, a random shorter reach is drawn.
    keep : ndarray of shape (n_words,)
        Probability that a word of the context is kept, frequent ones being thinned out.
    """

    def __init__(self, text, places, window, keep):
        words = sorted(word for word, found in places.items() if len(found))
        self.window = window
        self.keep = keep
        self._ids = text.ids
        self._counts = np.zeros(len(keep), dtype=np.int64)
        self._counts[words] = [len(places[word]) for word in words]
        self._starts = np.cumsum(self._counts) - self._counts
        self._places = np.concatenate(
            [np.empty(0, dtype=np.int64), *(places[word] for word in words)]
        )

    def draw(self, items):
        """Return the context of one occurrence of a word of each item.

        Parameters
        ----------
        items : ndarray of shape (n_items, width), dtype int64
            Word ids, padded by -1.

        Returns
        -------
        contexts : tensor of shape (n_items, 2 * window), dtype int64
            Word ids, -1 where there is none.
        """
        n_items, width = items.shape
        uniform = torch.rand(n_items, 3, dtype=torch.float64).numpy()
        known = (items != PAD).sum(axis=1)
        words = items[np.arange(n_items), (uniform[:, 0] * known).astype(np.int64)]
        counts = np.where(known > 0, self._counts[words], 0)
        chosen = self._starts[words] + (uniform[:, 1] * counts).astype(np.int64)
        if not len(self._places):
            return torch.full((n_items, 2 * self.window), PAD)
        places = self._places[np.minimum(chosen, len(self._places) - 1)]
        reach = 1 + (uniform[:, 2] * self.window).astype(np.int64)
        contexts = self._around(places, np.where(counts > 0, reach, 0))
        kept = torch.rand(contexts.shape).numpy() < self.keep[contexts]
        return torch.from_numpy(np.where(kept, contexts, PAD))

    def _around(self, places, reach):
        """Return the words within `reach` of each place, in its sentence."""
        sides = []
        for sign in (-1, 1):
            distance = np.arange(1, self.window + 1)
            at = places[:, None] + sign * distance
            inside = (at >= 0) & (at < len(self._ids))
            ids = np.where(
                inside, self._ids[np.where(inside, at, 0)], SENTENCE_END
            ).astype(np.int64)
            in_sentence = np.logical_and.accumulate(ids != SENTENCE_END, axis=1)
            sides.append(np.where(in_sentence & (distance <= reach[:, None]), ids, PAD))
        return np.hstack(sides)
