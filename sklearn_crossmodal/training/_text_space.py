"""The space of text vectors that images are taught: what each objective makes of it.

A space reads the vectors of texts, says what the outputs of a net should be for them,
and what text vector an output stands for. Its *coordinates* are what sums and
differences are taken of; embeddings are made of them last.
"""

import torch
from torch import nn
from torch.nn.functional import normalize

from ..base import row_blocks
from ._pairs import take_features

# Rows whose sum is as near to 1 as this are taken for distributions.
_ROUNDING = 1e-3
_ROUNDING_OF_WIDTH = 1e-6
# The logarithm of a smaller share would say more than is known.
_LEAST_SHARE = 1e-12
# Added to the variances, as a share of their mean, so that the smallest say little.
_SHRINKAGE = 0.01
# Beyond, whitening takes minutes and gigabytes.
_MOST_WHITENED = 4096


class TextSpace(nn.Module):
    """Vectors, centred and whitened.

    Parameters
    ----------
    n_components : int
        Dimension of the text vectors.
    similarity : {"cosine", "dot", "euclidean"}
        How embeddings are compared.
    center : bool
        Whether the mean of the training texts is the origin.
    whitening : float
        From 0, vectors as they are, to 1, all directions of one variance.
    unit : bool, default=False
        Whether the loss compares directions alone.
    """

    def __init__(self, n_components, similarity, center, whitening, unit=False):
        super().__init__()
        self.similarity = similarity
        self.center = center
        self.whitening = whitening
        self.unit = unit
        self.register_buffer("mean", torch.zeros(n_components))
        self.register_buffer("length", torch.ones(()))
        if whitening:
            self.register_buffer("axes", torch.eye(n_components))

    def learn(self, items):
        """Learn mean, covariance and mean length of the training texts."""
        mean, n_rows = self._mean(items)
        if not n_rows:
            return
        if self.center:
            self.mean.copy_(mean)
        if self.whitening:
            centred = ((rows - mean).double() for rows in self._known(items))
            covariance = sum(block.T @ block for block in centred) / n_rows
            self.axes.copy_(_whitening(covariance, self.whitening))
        placed = map(self.place, self._known(items))
        squares = sum(rows.double().square().sum() for rows in placed)
        if squares > 0:
            self.length.copy_((squares / n_rows).sqrt())

    def _mean(self, items):
        """Return the mean of the texts that have a vector, and how many have."""
        n_rows, total = 0, 0
        for rows in self._known(items):
            n_rows, total = n_rows + len(rows), total + rows.double().sum(dim=0)
        return total / max(1, n_rows), n_rows

    def _known(self, items):
        """Yield blocks of the vectors of texts that have one."""
        for y in self._blocks(items):
            yield self.read(y[self.says_something(y)])

    def _blocks(self, items):
        return (y.to(self.mean.device) for y in _blocks(items))

    def says_something(self, y):
        """Whether texts have a vector: without a known word it is zero."""
        return y.any(dim=1)

    def read(self, y):
        """Return the vectors of texts as this space has them."""
        return y

    def place(self, vectors):
        """Return the coordinates of vectors."""
        centred = vectors - self.mean
        return centred @ self.axes if self.whitening else centred

    def text(self, y):
        """Return the coordinates of texts; one that says nothing is the origin."""
        return self.place(self.read(y)).where(self.says_something(y)[:, None], 0)

    def image(self, z):
        """Return the coordinates that outputs stand for."""
        return self.length * normalize(z, dim=1) if self.unit else self._spread * z

    def compared(self, z, y):
        """Return outputs, and what they should be, as the loss compares them."""
        if self.unit:
            return normalize(z, dim=1), normalize(self.text(y), dim=1)
        return z, self.text(y) / self._spread

    @property
    def _spread(self):
        """Mean deviation of a coordinate: outputs of a net are of the order of 1."""
        return self.length / len(self.mean) ** 0.5

    def embed_x(self, coordinates):
        """Return the embeddings of images, of which coordinates are normalised last."""
        if self.similarity == "cosine":
            return normalize(coordinates, dim=1)
        return coordinates

    def embed_y(self, coordinates):
        """Return the embeddings of texts, and of what takes their place."""
        return self.embed_x(coordinates)


class ScaledSpace(TextSpace):
    """Vectors whose numbers are scaled from 0 to 1, for the sigmoid cross-entropy.

    The coordinates are scaled by their range over the training texts, which is a map
    that can be undone.
    """

    def __init__(self, n_components, similarity, center, whitening):
        super().__init__(n_components, similarity, center, whitening)
        self.register_buffer("low", torch.zeros(n_components))
        self.register_buffer("width", torch.ones(n_components))

    def learn(self, items):
        """Learn the ranges too."""
        super().learn(items)
        placed = map(self.text, self._blocks(items))
        ends = [(rows.amin(dim=0), rows.amax(dim=0)) for rows in placed]
        low, high = map(torch.stack, zip(*ends, strict=True))
        self.low.copy_(low.amin(dim=0))
        width = high.amax(dim=0) - self.low
        # What whitening leaves of a column that never varies is rounding.
        self.width.copy_(width.where(width > _ROUNDING_OF_WIDTH * width.max(), 0))

    def image(self, z):
        """Return the coordinates that outputs stand for."""
        return self.low + z.sigmoid() * self.width

    def compared(self, z, y):
        """Return outputs, and targets from 0 to 1; 0.5 of what never varies."""
        return z, _divide(self.text(y) - self.low, self.width, empty=0.5).clamp(0, 1)


class RowScaledSpace(TextSpace):
    """Vectors scaled from 0 to 1 each by its own least and greatest number.

    The papers' way. It is not linear and cannot be undone: texts stay scaled.
    """

    def __init__(self, n_components, similarity, center, whitening):
        super().__init__(n_components, similarity, center, whitening)
        self.register_buffer("mean_target", torch.full((n_components,), 0.5))

    def learn(self, items):
        """Learn the mean target too, which is that of texts that say nothing."""
        super().learn(items)
        mean, n_rows = self._mean(items)
        if n_rows:
            self.mean_target.copy_(mean)

    def says_something(self, y):
        """Whether texts have a scale: a constant row has none."""
        return y.amax(dim=1) > y.amin(dim=1)

    def read(self, y):
        """Return scaled vectors."""
        low = y.amin(dim=1, keepdim=True)
        return _divide(y - low, y.amax(dim=1, keepdim=True) - low)

    def image(self, z):
        """Return the coordinates that outputs stand for."""
        return self.place(z.sigmoid())

    def compared(self, z, y):
        """Return outputs, and targets from 0 to 1."""
        return z, self.read(y).where(self.says_something(y)[:, None], self.mean_target)

    def embed_x(self, coordinates):
        """Return embeddings; for products, of outputs that sum to 1, as the papers."""
        if self.similarity == "dot" and not (self.center or self.whitening):
            return _shares(coordinates)
        return super().embed_x(coordinates)

    def embed_y(self, coordinates):
        """Return the embeddings of texts."""
        return super().embed_x(coordinates)


class TopicSpace(TextSpace):
    """Distributions over topics, or over words.

    Parameters
    ----------
    n_components, center, whitening
        See `TextSpace`; only where distributions are compared as vectors.
    similarity : {"log_ratio", "kl", "cosine", "dot", "euclidean"}
        How embeddings are compared.
    link : {"softmax", "sigmoid"}
        What makes a distribution of outputs; sigmoids are divided by their sum.
    """

    def __init__(self, n_components, similarity, center, whitening, link):
        self.are_vectors = similarity not in ("log_ratio", "kl")
        super().__init__(
            n_components,
            similarity,
            center and self.are_vectors,
            whitening * self.are_vectors,
        )
        self.link = link
        self.register_buffer("prior", torch.full((n_components,), 1 / n_components))

    def learn(self, items):
        """Learn the mean distribution too, which stands for texts that say nothing."""
        totals = sum(_shares(y).double().sum(dim=0) for y in self._blocks(items))
        if totals.any():
            self.prior.copy_(totals / totals.sum())
        super().learn(items)

    def topics_of_image(self, z):
        """Return the distributions that outputs stand for."""
        return z.softmax(dim=1) if self.link == "softmax" else _shares(z.sigmoid())

    def read(self, y):
        """Return distributions, whose sum is 1."""
        return _shares(y).where(self.says_something(y)[:, None], self.prior)

    def text(self, y):
        """Return the coordinates of texts; one that says nothing is the mean."""
        return self.place(self.read(y))

    def image(self, z):
        """Return the coordinates that outputs stand for."""
        return self.place(self.topics_of_image(z))

    def compared(self, z, y):
        """Return outputs, and the distributions that they should make."""
        return z, self.read(y)

    def embed_x(self, coordinates):
        """Return the embeddings of images."""
        if self.are_vectors:
            return super().embed_x(coordinates)
        shares = self.embed_y(coordinates)
        if self.similarity == "kl":
            return shares
        prior = self.prior.clamp(min=_LEAST_SHARE)
        return shares.clamp(min=_LEAST_SHARE).log() - prior.log()

    def embed_y(self, coordinates):
        """Return the embeddings of texts: distributions, where they are compared."""
        if self.are_vectors:
            return super().embed_x(coordinates)
        return _shares(coordinates.clamp(min=0))  # differences may leave the simplex


def are_distributions(items):
    """Whether rows are non-negative and sum to 1, but for rows of zeros.

    Parameters
    ----------
    items : ndarray or sparse array of shape (n_items, n_components)
        Vectors of texts.

    Returns
    -------
    answer : bool
        No, where there is one column or nothing but zeros.
    """
    if items.shape[1] < 2 or first_negative(items) is not None:
        return False
    totals = torch.cat([y.sum(dim=1) for y in _blocks(items)])
    totals = totals[totals > 0]
    return bool(len(totals) and ((totals - 1).abs() < _ROUNDING).all())


def first_negative(items):
    """Return the first row with a negative number, or None.

    Parameters
    ----------
    items : ndarray or sparse array of shape (n_items, n_components)
        Vectors of texts.

    Returns
    -------
    row : int or None
    """
    start = 0
    for y in _blocks(items):
        negative = (y < 0).any(dim=1)
        if negative.any():
            return start + int(negative.int().argmax())
        start += len(y)
    return None


def check_can_whiten(n_components):
    """Refuse a covariance that is too large to be worth it."""
    if n_components > _MOST_WHITENED:
        raise ValueError(
            f"whitening takes the covariance of text vectors, and they have "
            f"{n_components} dimensions; {_MOST_WHITENED} are the most. Reduce them in "
            "y_transformer, by TruncatedSVD for instance, or give whitening=0."
        )


def _whitening(covariance, power):
    """Return the symmetric inverse root, shrunk towards the mean variance, to a power.

    Symmetric, so that the axes stay what they were, as far as they can.
    """
    variances, directions = torch.linalg.eigh(covariance)
    floor = _SHRINKAGE * variances.mean()
    if not floor > 0:
        return torch.eye(len(variances), dtype=covariance.dtype)
    scales = (variances.clamp(min=0) + floor) ** (-power / 2)
    return (directions * scales) @ directions.T


def _blocks(items):
    """Yield blocks of rows as float32 tensors."""
    for block in row_blocks(items):
        yield take_features(block, slice(None))


def _shares(y):
    """Divide rows by their sum."""
    return _divide(y, y.sum(dim=1, keepdim=True))


def _divide(a, b, empty=0.0):
    """Return ``a / b``, and `empty` where `b` is zero."""
    return torch.where(b > 0, a / b.where(b > 0, 1), empty)
