"""Strings for a net: batches of near and far ones, and the tower that reads them."""

import itertools

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..losses._strings import pairwise_distances
from ._pairs import Batch, BatchDataset
from ._towers import feed_forward

# Width of a soft position, in distances between two of them.
_SPREAD = 1.0

# torch starts a layer of many inputs with small weights, and here few are not zero.
_GAIN = 5.0

_MAX_SEED = 2**62


class StringBatches(BatchDataset):
    """Strings with mutated copies of each, and their edit distances.

    Two strings drawn at random are about as far from each other as any other two; what
    is near has to be made.

    Parameters
    ----------
    strings : list of str
        Distinct strings to draw from.
    n_draws : int
        How many are drawn in an epoch; each comes once before any comes twice.
    alphabet : str
        What mutations insert.
    n_mutations : int
        Mutated copies of each drawn string.
    n_neighbors : int
        Strings like each drawn one: near it in alphabetical order, read forwards or
        backwards.
    max_edits : int
        Edits of a copy, at most; it has from 1 to so many.
    max_len : int or None
        Where copies are cut: what the tower does not see must not count as far.
    cdist : callable
        ``cdist(a, b)`` returns the edit distances of two lists.
    read : callable
        ``read(strings)`` returns their ids, as a tensor.
    """

    def __init__(
        self,
        strings,
        n_draws,
        *,
        alphabet,
        n_mutations,
        n_neighbors,
        max_edits,
        max_len,
        cdist,
        read,
    ):
        self.strings = strings
        self.n_draws = n_draws
        self.alphabet = alphabet
        self.n_mutations = n_mutations
        self.n_neighbors = n_neighbors
        if n_neighbors:
            backwards = [string[::-1] for string in strings]
            self._orders = np.array([_order(strings), _order(backwards)])
            self._ranks = self._orders.argsort(axis=1)
        self.max_edits = max_edits
        self.max_len = max_len
        self.cdist = cdist
        self.read = read

    @property
    def views(self):
        """The strings."""
        return (self.strings,)

    def __len__(self):
        """Return how many strings an epoch draws."""
        return self.n_draws

    def order(self):
        """Draw the strings of one epoch, and the seed of its mutations."""
        n_strings = len(self.strings)
        self._rng = np.random.default_rng(int(torch.randint(_MAX_SEED, ())))
        rounds = -(-self.n_draws // n_strings)
        drawn = torch.cat([torch.randperm(n_strings) for _ in range(rounds)])
        return drawn[: self.n_draws].numpy()

    def __getitem__(self, index):
        """Return the `Batch` of some strings, their mutated copies and neighbours.

        Ids, and the matrix of edit distances.
        """
        drawn = [self.strings[i] for i in index]
        copies = [s for s in drawn for _ in range(self.n_mutations)]
        copies = mutate(copies, self.max_edits, self.alphabet, self._rng)
        strings = drawn + [copy[: self.max_len] for copy in copies]
        if self.n_neighbors:
            strings += [self.strings[i] for i in self._near(index)]
        distances = np.ascontiguousarray(self.cdist(strings, strings))
        distances = torch.from_numpy(distances.astype(np.float32))
        return Batch({"ids": self.read(strings)}, distances, len(index))

    def _near(self, index):
        """Draw strings one or two places from each of some, in either order."""
        index = np.repeat(index, self.n_neighbors)
        which = self._rng.integers(2, size=len(index))
        steps = self._rng.choice([-2, -1, 1, 2], size=len(index))
        places = self._ranks[which, index] + steps
        return self._orders[which, places.clip(0, len(self.strings) - 1)]


def _order(strings):
    return sorted(range(len(strings)), key=strings.__getitem__)


def mutate(strings, max_edits, alphabet, rng):
    """Insert, replace or delete from 1 to `max_edits` characters of each string."""
    n_edits = rng.integers(1, max_edits + 1, len(strings))
    kinds, places, characters = rng.random((3, int(n_edits.sum()))).tolist()
    edits = zip(kinds, places, characters, strict=True)
    return [
        _edit(string, itertools.islice(edits, int(n)), alphabet)
        for string, n in zip(strings, n_edits, strict=True)
    ]


def _edit(string, edits, alphabet):
    text = list(string)
    for kind, place, character in edits:
        drawn = alphabet[int(character * len(alphabet))]
        if kind < 1 / 3 or not text:
            text.insert(int(place * (len(text) + 1)), drawn)
        elif kind < 2 / 3:
            text[int(place * len(text))] = drawn
        else:
            del text[int(place * len(text))]
    return "".join(text)


class StringTower(nn.Module):
    """Read rows of character ids, padded by 0.

    Parameters
    ----------
    n_ids : int
        Number of ids, that of padding included.
    n_components : int
        Size of the output.
    n_filters : int or None
        Filters of a convolution over the characters. None: characters as they are.
    filter_size : int
        Characters that a filter sees.
    pooling : {"soft_positions", "flatten"}
        What becomes of the positions: sums over parts of the string, or as they are.
    n_positions : int
        Soft positions, or with ``pooling="flatten"`` the length of a string.
    hidden_layer_sizes : list of int
        Hidden layers behind; a linear map goes past them.
    """

    def __init__(
        self,
        n_ids,
        n_components,
        *,
        n_filters,
        filter_size,
        pooling,
        n_positions,
        hidden_layer_sizes,
    ):
        super().__init__()
        self.n_ids = n_ids
        self.pooling = pooling
        self.n_positions = n_positions
        self.convolution = None
        if n_filters is not None:
            self.convolution = nn.Conv1d(n_ids, n_filters, filter_size)
        # Ids of padding, not zeros: what follows a string is the same in any batch.
        self.margin = (filter_size - 1) // 2, filter_size // 2
        n_lengths = 2 if pooling == "soft_positions" else 0
        n_inputs = (n_filters or n_ids - 1) * n_positions + n_lengths
        sizes = [n_inputs, *hidden_layer_sizes, n_components]
        self.head = feed_forward(sizes, "gelu", 0.0)
        self.bypass = None
        if hidden_layer_sizes:
            self.bypass = nn.Linear(n_inputs, n_components, bias=False)
        # Distances of a fresh net are brought to those of strings: see `calibrate`.
        self.register_buffer("scale", torch.ones(()))

    def forward(self, ids):
        """Embed strings given as ids of shape (n, width)."""
        inputs = _GAIN * self._inputs(ids)
        outputs = self.head(inputs)
        if self.bypass is not None:
            outputs = outputs + self.bypass(inputs)
        return self.scale * outputs

    def _inputs(self, ids):
        if self.pooling == "flatten":
            ids = functional.pad(ids, (0, self.n_positions - ids.shape[1]))
            return self._characters(ids).flatten(1)
        lengths = (ids != 0).sum(1)
        parts = soft_positions(lengths, ids.shape[1], self.n_positions)
        pooled = torch.bmm(parts, self._characters(ids)).flatten(1)
        sizes = torch.stack([lengths / 10, lengths.log1p()], dim=1)
        return torch.cat([pooled, sizes], dim=1)

    def _characters(self, ids):
        """Return what is known of each character: which it is, or filters' outputs."""
        if self.convolution is None:
            return functional.one_hot(ids, self.n_ids)[:, :, 1:].float()
        padded = functional.pad(ids, self.margin)
        one_hot = functional.one_hot(padded, self.n_ids).float().transpose(1, 2)
        return self.convolution(one_hot).transpose(1, 2).relu()

    @torch.no_grad()
    def calibrate(self, ids, mean_distance, distance):
        """Scale the output so that strings are this far apart on average.

        Parameters
        ----------
        ids : tensor of shape (n, width)
            Distinct strings.
        mean_distance : float
            Their mean edit distance.
        distance : {"euclidean", "sqeuclidean"}
            Of embeddings.
        """
        embedded = self(ids)
        far = pairwise_distances(embedded, embedded, distance)
        n = len(far)
        factor = mean_distance / (far.sum() / (n * (n - 1)))
        self.scale *= factor if distance == "euclidean" else factor.sqrt()


def soft_positions(lengths, width, n_positions):
    """Return how much each character belongs to each part of its string.

    The parts are Gaussians over the string, from its first character to its last,
    whatever its length.

    Parameters
    ----------
    lengths : tensor of int of shape (n,)
        Lengths of the strings.
    width : int
        Number of columns they are padded to.
    n_positions : int
        Number of parts.

    Returns
    -------
    weights : tensor of shape (n, n_positions, width)
        Zero for padding.
    """
    places = torch.arange(width, device=lengths.device)
    relative = (places + 0.5) / lengths.clamp(min=1)[:, None]
    centres = torch.linspace(0, 1, n_positions, device=lengths.device)
    if n_positions == 1:
        centres = centres + 0.5
    spread = _SPREAD / max(1, n_positions - 1)
    distances = (relative[:, None, :] - centres[:, None]) / spread
    used = places < lengths[:, None]
    return torch.exp(-0.5 * distances**2) * used[:, None, :]
