"""Word images and their strings as batches, and the towers that read both."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ._images import WordImageTower
from ._pairs import Batch, Pairs, take_features
from ._strings import StringTower


class WordImagePairs(Pairs):
    """Images paired with strings, drawn by how rare their word is.

    Parameters
    ----------
    X : ndarray of shape (n_images, height, width), dtype uint8
        Images.
    items : ndarray of shape (n_items, width)
        Strings as the towers take them: ids, or vectors.
    rows, groups, take_items
        As in `Pairs`.
    strings : list of str
        The strings of the items.
    attributes : ndarray of shape (n_items, n_attributes)
        What else is to be predicted; it may have no column.
    pool : list of str
        Strings to draw distractors from.
    pool_items : ndarray of shape (n_pool, width)
        Those as the towers take them.
    n_distractors : int
        How many are drawn for a batch.
    cdist : callable
        ``cdist(a, b)`` returns the edit distances of two lists.
    balance : float
        An image is drawn with a probability proportional to how often its string
        occurs, to the power of minus this.
    """

    def __init__(
        self,
        X,
        items,
        rows,
        groups,
        take_items,
        *,
        strings,
        attributes,
        pool,
        pool_items,
        n_distractors,
        cdist,
        balance,
    ):
        super().__init__(X, items, rows, groups, take_items)
        self.strings = strings
        self.attributes = attributes
        self.pool = pool
        self.pool_items = pool_items
        self.n_distractors = n_distractors
        self.cdist = cdist
        _, codes, counts = np.unique(strings, return_inverse=True, return_counts=True)
        self._weights = torch.from_numpy(counts[codes] ** -float(balance))

    @property
    def views(self):
        """Images, strings, and what else is to be predicted."""
        return self.X, self.items, self.attributes

    def order(self):
        """Draw the pairs of one epoch, rare words more often than they occur."""
        return torch.multinomial(self._weights, len(self), replacement=True).numpy()

    def __getitem__(self, index):
        """Return the `Batch` of these pairs, with distractors among the strings."""
        drawn = torch.randint(len(self.pool), (self.n_distractors,)).numpy()
        batch = [self.strings[i] for i in index]
        edits = self.cdist(batch, batch + [self.pool[i] for i in drawn])
        groups = self.groups[self.rows[index]]
        same = edits == 0
        same[:, : len(index)] |= groups[:, None] == groups
        views = {
            "x": take_features(self.X, self.rows[index]),
            "y": self.take_items(
                np.concatenate([self.items[index], self.pool_items[drawn]]), slice(None)
            ),
        }
        targets = {
            "edits": torch.from_numpy(np.array(edits, dtype=np.float32)),
            "same": torch.from_numpy(np.ascontiguousarray(same)),
            "attributes": take_features(self.attributes, index),
        }
        return Batch(views, targets, len(index))


class WordImageTowers(nn.Module):
    """A tower for images beside that of strings, if strings have one.

    Parameters
    ----------
    n_components : int
        Size of the common space.
    n_attributes : int
        What else is predicted of an image.
    strings : dict or None
        Settings of a `StringTower`. None: strings come as vectors.
    bounded : bool
        Whether embeddings of images go through a sigmoid.
    similarity : {"euclidean", "cosine"}
        With ``"cosine"`` embeddings are scaled to unit length.
    **image
        Settings of the `WordImageTower`.
    """

    def __init__(
        self, n_components, *, n_attributes, strings, bounded, similarity, **image
    ):
        super().__init__()
        self.n_components = n_components
        self.bounded = bounded
        self.similarity = similarity
        self.image = WordImageTower(n_components + n_attributes, **image)
        self.strings = nn.Identity() if strings is None else StringTower(**strings)

    def forward(self, x, y):
        """Return what the losses of word images take."""
        outputs = self.image(x)
        return {
            "x": outputs[:, : self.n_components],
            "attributes": outputs[:, self.n_components :],
            "y": self.strings(y),
        }

    def embed_x(self, x):
        """Embed images of shape (n, height, width)."""
        embedded = self.image(x)[:, : self.n_components]
        return self._scaled(embedded.sigmoid() if self.bounded else embedded)

    def embed_y(self, y):
        """Embed strings given as ids, or pass on vectors."""
        return self._scaled(self.strings(y))

    def _scaled(self, z):
        return functional.normalize(z, dim=1) if self.similarity == "cosine" else z
