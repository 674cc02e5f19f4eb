r"""Losses that make the distance of embeddings an edit distance.

``d[i, j]`` is the distance of two embeddings of a batch, Euclidean or squared, and
``t[i, j]`` the edit distance of what they stand for.
"""

from torch import nn

# Below the smallest edit distance by far. At 0 the root has no gradient, and its
# logarithm is infinite: two strings that collide would never come apart again.
_EPSILON = 1e-4


def pairwise_distances(a, b, distance):
    """Return the distances of rows, of shape (n_a, n_b), with finite gradients.

    Parameters
    ----------
    a, b : tensors of shape (n_a, n_components), (n_b, n_components)
        Embeddings.
    distance : {"euclidean", "sqeuclidean"}
        Which.

    Returns
    -------
    distances : tensor of shape (n_a, n_b)
    """
    origin = b.detach().mean(dim=0)  # digits that all rows share would be lost
    a, b = a - origin, b - origin
    squared = (a * a).sum(1)[:, None] - 2 * (a @ b.T) + (b * b).sum(1)
    squared = squared.clamp(min=0)
    return squared if distance == "sqeuclidean" else (squared + _EPSILON).sqrt()


class _EditDistanceLoss(nn.Module):
    """Compare the distances of a batch with edit distances.

    Parameters
    ----------
    distance : {"euclidean", "sqeuclidean"}, default="euclidean"
        Of the embeddings.
    """

    def __init__(self, distance="euclidean"):
        super().__init__()
        self.distance = distance

    def forward(self, embeddings, targets):
        """Return the mean loss over the pairs of a batch.

        Parameters
        ----------
        embeddings : tensor of shape (n, n_components), or tuple of two
            Items of a batch: all pairs of two different ones count. Of a tuple
            ``(x, y)``, every ``x`` with every ``y``.
        targets : tensor of shape (n, n), or (n_x, n_y)
            Edit distances.

        Returns
        -------
        loss : tensor, a scalar
        """
        if isinstance(embeddings, tuple):
            d = pairwise_distances(*embeddings, self.distance)
            return self._losses(d, targets.to(d.dtype)).mean()
        d = pairwise_distances(embeddings, embeddings, self.distance)
        losses = self._losses(d, targets.to(d.dtype))
        n = len(losses)
        return (losses.sum() - losses.diagonal().sum()) / max(1, n * (n - 1))

    def _losses(self, d, t):
        raise NotImplementedError


class SquaredEditError(_EditDistanceLoss):
    r"""The squared error of a distance.

    .. math:: \operatorname{mean}_{i \ne j} (d_{ij} - t_{ij})^2

    With the squared distance, the loss of the string embedding as printed by Gomez,
    Rusiñol and Karatzas 2017 ("LSDE: Levenshtein space deep embedding"), with the minus
    sign that the slides of 2019 lost.

    Parameters
    ----------
    distance : {"euclidean", "sqeuclidean"}, default="euclidean"
        Of the embeddings.

    Examples
    --------
    >>> import torch
    >>> from sklearn_crossmodal.losses import SquaredEditError
    >>> z = torch.tensor([[0.0], [2.0]])
    >>> lev = torch.tensor([[0.0, 3.0], [3.0, 0.0]])
    >>> SquaredEditError("sqeuclidean")(z, lev).item()  # (2 ** 2 - 3) ** 2
    1.0
    """

    def _losses(self, d, t):
        return (d - t) ** 2


class RelativeEditError(_EditDistanceLoss):
    r"""The relative error of a distance.

    .. math:: \operatorname{mean}_{i \ne j} \frac{|d_{ij} - t_{ij}|}{\max(t_{ij}, 1)}

    One edit more or less matters most between near neighbours: those are what a search
    has to tell apart.

    Parameters
    ----------
    distance : {"euclidean", "sqeuclidean"}, default="euclidean"
        Of the embeddings.
    """

    def _losses(self, d, t):
        return (d - t).abs() / t.clamp(min=1)


class PoissonEditError(_EditDistanceLoss):
    r"""The negative log-likelihood of an edit distance that is Poisson distributed.

    .. math:: \operatorname{mean}_{i \ne j} d_{ij} - t_{ij} \log d_{ij}

    up to a constant, with the rate :math:`d_{ij}` (PNLL: Guo et al., "Deep squared
    Euclidean approximation to the Levenshtein distance for DNA storage", ICML 2022,
    where the distance is squared).

    Parameters
    ----------
    distance : {"euclidean", "sqeuclidean"}, default="euclidean"
        Of the embeddings.
    """

    def _losses(self, d, t):
        return d - t * (d + _EPSILON).log()


EDIT_DISTANCE_LOSSES: dict[str, type] = {
    "squared_error": SquaredEditError,
    "relative_error": RelativeEditError,
    "poisson": PoissonEditError,
}
