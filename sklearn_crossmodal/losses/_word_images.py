r"""Losses that teach word images the space of their strings.

``x[i]`` is the embedding of an image, ``y[i]`` that of its string, and behind those of
the batch `y` may have more strings, which are there to be told from.
"""

import torch
from torch import nn
from torch.nn import functional

from ._scale import capped_scale, log_scale_parameter
from ._strings import EDIT_DISTANCE_LOSSES, pairwise_distances


def squared_error(x, y):
    r"""Return :math:`\sum_k (x_{ik} - y_{ik})^2` of each row."""
    return ((x - y) ** 2).sum(dim=1)


def cross_entropy(x, y):
    r"""Return :math:`-\sum_k y_{ik} \log \sigma(x_{ik}) + \ldots` of each row."""
    entropies = functional.binary_cross_entropy_with_logits(x, y, reduction="none")
    return entropies.sum(dim=1)


def cosine_distance(x, y):
    r"""Return :math:`1 - \cos(x_i, y_i)` of each row."""
    return 1 - functional.cosine_similarity(x, y)


REGRESSIONS = {
    "squared_error": squared_error,
    "cross_entropy": cross_entropy,
    "cosine": cosine_distance,
}


class StringSoftmax(nn.Module):
    r"""Cross-entropy of an image's own string among all strings of a batch.

    .. math:: -\operatorname{mean}_i \log
              \frac{\sum_{j \in S_i} e^{s_{ij}/\tau}}{\sum_j e^{s_{ij}/\tau}}

    where :math:`S_i` are the same strings, and those of the same group.

    Parameters
    ----------
    similarity : {"euclidean", "cosine"}, default="euclidean"
        What is compared: minus the squared distance, or the cosine.
    temperature : float, default=1.0
        Initial temperature; learned, with :math:`1/\tau` capped at 100.
    """

    def __init__(self, similarity="euclidean", temperature=1.0):
        super().__init__()
        self.similarity = similarity
        self.log_scale = log_scale_parameter(temperature)

    def forward(self, x, y, same):
        """Return the loss of embeddings, given which strings are those of an image."""
        if self.similarity == "cosine":
            s = functional.normalize(x, dim=1) @ functional.normalize(y, dim=1).T
        else:
            s = -pairwise_distances(x, y, "sqeuclidean")
        s = s * capped_scale(self.log_scale)
        right = s.masked_fill(~same, -torch.inf)
        return (s.logsumexp(dim=1) - right.logsumexp(dim=1)).mean()


class WordImageRegression(nn.Module):
    r"""Bring an image's embedding to that of its string, which stays.

    .. math:: \operatorname{mean}_i\; w_r\, r(x_i, y_i) + w_a\, b(a_i, \hat a_i)
              + w_s\, \mathrm{softmax}

    with the regression :math:`r` of Rusiñol and Gomez 2019, Euclidean or cross-entropy,
    the cross-entropy :math:`b` of attributes :math:`a`, such as those of PHOC, which
    the net predicts beside, and `StringSoftmax`. The last two are not the paper's.

    Parameters
    ----------
    regression : {"squared_error", "cross_entropy", "cosine"}, default="squared_error"
        Summed over the components; ``"cross_entropy"`` for strings whose embeddings are
        between 0 and 1.
    regression_weight, softmax_weight, attribute_weight : float, default=1.0
        Weights of the three terms.
    similarity : {"euclidean", "cosine"}, default="euclidean"
        What the softmax compares.
    """

    def __init__(
        self,
        regression="squared_error",
        *,
        regression_weight=1.0,
        softmax_weight=1.0,
        attribute_weight=1.0,
        similarity="euclidean",
    ):
        super().__init__()
        self.regression = REGRESSIONS[regression]
        self.bounded = regression == "cross_entropy"
        self.weights = regression_weight, softmax_weight, attribute_weight
        self.softmax = StringSoftmax(similarity)

    def forward(self, embedded, targets):
        """Return the loss of a batch.

        Parameters
        ----------
        embedded : dict of tensors
            ``"x"`` of shape (n, n_components), ``"y"`` of shape
            (n + n_distractors, n_components), and ``"attributes"`` of shape
            (n, n_attributes), logits.
        targets : dict of tensors
            ``"edits"`` of shape (n, n + n_distractors), edit distances of the strings,
            ``"same"`` of that shape, whether they are the same, and ``"attributes"`` of
            shape (n, n_attributes), between 0 and 1.

        Returns
        -------
        loss : tensor, a scalar
        """
        x, y = embedded["x"], embedded["y"].detach()
        regression, softmax, attributes = self.weights
        loss = regression * self.regression(x, y[: len(x)]).mean()
        if attributes and targets["attributes"].shape[1]:
            entropy = cross_entropy(embedded["attributes"], targets["attributes"])
            loss = loss + attributes * entropy.mean()
        if softmax:
            x = x.sigmoid() if self.bounded else x
            loss = loss + softmax * self.softmax(x, y, targets["same"])
        return loss


class JointEditError(nn.Module):
    r"""Make all distances edit distances: of images, of strings, and across.

    The mean of an edit-distance loss over the pairs image-image, image-string and
    string-string, where both embeddings move (Rusiñol and Gomez 2019, the combined
    loss), and `StringSoftmax`, which is not the paper's.

    Parameters
    ----------
    loss : {"relative_error", "squared_error", "poisson"}, default="relative_error"
        The edit-distance loss.
    distance : {"euclidean", "sqeuclidean"}, default="euclidean"
        Of the embeddings.
    edit_weight, softmax_weight : float, default=1.0
        Weights of the two terms.
    similarity : {"euclidean", "cosine"}, default="euclidean"
        What the softmax compares.
    """

    def __init__(
        self,
        loss="relative_error",
        distance="euclidean",
        *,
        edit_weight=1.0,
        softmax_weight=1.0,
        similarity="euclidean",
    ):
        super().__init__()
        self.loss = EDIT_DISTANCE_LOSSES[loss](distance)
        self.weights = edit_weight, softmax_weight
        self.softmax = StringSoftmax(similarity)

    def forward(self, embedded, targets):
        """Return the loss of a batch; see `WordImageRegression` for the arguments."""
        x, y, edits = embedded["x"], embedded["y"], targets["edits"]
        n = len(x)
        among_images = self.loss(x, edits[:, :n])
        among_strings = self.loss((y[:n], y), edits)
        across = self.loss((x, y), edits)
        edit, softmax = self.weights
        loss = edit * (among_images + among_strings + across) / 3
        if softmax:
            loss = loss + softmax * self.softmax(x, y, targets["same"])
        return loss
