r"""Losses on the similarities of a batch of pairs, with the batch as negatives.

``s[i, j]`` is the similarity of row ``i`` of the first view and ``j`` of the second,
``p`` the diagonal. Entries whose ids agree are never negatives of each other.
"""

import torch
from torch import nn
from torch.nn.functional import cross_entropy, logsigmoid

from ._scale import capped_scale, log_scale_parameter


class _BatchLoss(nn.Module):
    """Compute the similarities of a batch, and which entries are the same item."""

    def __init__(self, reduction="mean"):
        super().__init__()
        self.reduction = reduction

    def forward(self, embeddings, ids):
        """Return the loss of a batch.

        Parameters
        ----------
        embeddings : tuple of two tensors of shape (n_pairs, n_components)
            Both views; row ``i`` of one pairs with row ``i`` of the other.
        ids : tensor of shape (n_pairs,)
            Integer id of each pair; equal ids are the same item.

        Returns
        -------
        loss : tensor, a scalar
        """
        x, y = embeddings
        losses = self._losses(x @ y.T, ids[:, None] == ids[None, :])
        return losses.mean() if self.reduction == "mean" else losses.sum()

    def _losses(self, s, same):
        """Return one loss for each pair, given similarities and the same-item mask."""
        raise NotImplementedError


class InfoNCE(_BatchLoss):
    r"""Symmetric softmax cross-entropy with a learned temperature.

    .. math:: \tfrac12\left[-\log\frac{e^{s_{ii}/\tau}}{\sum_j e^{s_{ij}/\tau}}
              -\log\frac{e^{s_{ii}/\tau}}{\sum_j e^{s_{ji}/\tau}}\right]

    with the other entries of the same item left out of the sums (van den Oord et al.
    2018; symmetric with a learned temperature: Radford et al. 2021). The scale
    :math:`1/\tau` is capped at 100.

    Parameters
    ----------
    temperature : float, default=0.07
        Initial temperature.
    reduction : {"mean", "sum"}, default="mean"
        Over the pairs of a batch.

    Examples
    --------
    >>> import torch
    >>> from sklearn_crossmodal.losses import InfoNCE
    >>> loss = InfoNCE(temperature=1.0)
    >>> x = torch.ones(4, 2)  # constant embeddings: log of the batch size
    >>> print(f"{loss((x, x), torch.arange(4)).item():.4f}")
    1.3863
    """

    def __init__(self, temperature=0.07, reduction="mean"):
        super().__init__(reduction)
        self.log_scale = log_scale_parameter(temperature)

    def _losses(self, s, same):
        """Return one loss for each pair."""
        logits = s * capped_scale(self.log_scale)
        others = same & ~torch.eye(len(s), dtype=torch.bool, device=s.device)
        logits = logits.masked_fill(others, -torch.inf)
        target = torch.arange(len(s), device=s.device)
        x_to_y = cross_entropy(logits, target, reduction="none")
        y_to_x = cross_entropy(logits.T, target, reduction="none")
        return (x_to_y + y_to_x) / 2


class PairwiseSigmoid(_BatchLoss):
    r"""Sigmoid loss over all pairs of the batch, with learned scale and bias.

    .. math:: -\sum_j \log\sigma\left(z_{ij}\,(t\,s_{ij} + b)\right)

    where :math:`z_{ij}` is 1 for the same item, which may occur several times, and -1
    otherwise (SigLIP: Zhai et al. 2023).

    Parameters
    ----------
    temperature : float, default=0.1
        Initial ``1 / t``.
    bias : float, default=-10.0
        Initial bias ``b``: at the start most pairs are negatives.
    reduction : {"mean", "sum"}, default="mean"
        Over the rows of a batch.
    """

    def __init__(self, temperature=0.1, bias=-10.0, reduction="mean"):
        super().__init__(reduction)
        self.log_scale = log_scale_parameter(temperature)
        self.bias = nn.Parameter(torch.tensor(float(bias)))

    def _losses(self, s, same):
        """Return one loss for each row of the batch."""
        logits = s * self.log_scale.exp() + self.bias
        return -logsigmoid(torch.where(same, logits, -logits)).sum(dim=1)


class _MarginLoss(_BatchLoss):
    """Hinge on how far a negative stays below the positive."""

    def __init__(self, margin=0.2, reduction="mean"):
        super().__init__(reduction)
        self.margin = margin

    def _hinge(self, positive, negative):
        """Return ``max(0, margin - positive + negative)``."""
        return (self.margin - positive + negative).clamp(min=0)


class RandomNegative(_MarginLoss):
    r"""Max margin with one random negative of the second view for each pair.

    .. math:: \max(0,\; m - s_{ii} + s_{ij}), \quad j \text{ drawn from the batch}

    (Favre 2017, section 5, where ``m = 1`` and the similarity is the dot product). The
    batch is a random draw, so that each negative is uniform over the other items.

    Parameters
    ----------
    margin : float, default=0.2
        Margin ``m``.
    reduction : {"mean", "sum"}, default="mean"
        Over the pairs of a batch; the paper sums.
    """

    def _losses(self, s, same):
        """Return one loss for each pair; 0 where the batch has no negative."""
        draw = torch.rand_like(s).masked_fill(same, -1.0).argmax(dim=1, keepdim=True)
        loss = self._hinge(s.diagonal(), s.gather(1, draw)[:, 0])
        return loss.masked_fill(same.all(dim=1), 0.0)


class SumOfViolations(_MarginLoss):
    r"""Max margin summed over all negatives of the batch, in both directions.

    .. math:: \sum_{j} \max(0, m - s_{ii} + s_{ij}) + \max(0, m - s_{ii} + s_{ji})

    (Kiros et al. 2014; VSE0 in Faghri et al. 2018).

    Parameters
    ----------
    margin : float, default=0.2
        Margin ``m``.
    reduction : {"mean", "sum"}, default="mean"
        Over the pairs of a batch.
    """

    def _losses(self, s, same):
        """Return one loss for each pair."""
        p = s.diagonal()
        x_to_y = self._hinge(p[:, None], s).masked_fill(same, 0.0).sum(dim=1)
        y_to_x = self._hinge(p[None, :], s).masked_fill(same, 0.0).sum(dim=0)
        return x_to_y + y_to_x


class HardestNegative(_MarginLoss):
    r"""Max margin with the hardest negative of the batch, in both directions.

    .. math:: \max_j \max(0, m - s_{ii} + s_{ij}) + \max_j \max(0, m - s_{ii} + s_{ji})

    (VSE++: Faghri et al. 2018). It can collapse in the first epochs: train some with
    `SumOfViolations` first.

    Parameters
    ----------
    margin : float, default=0.2
        Margin ``m``.
    reduction : {"mean", "sum"}, default="mean"
        Over the pairs of a batch.
    """

    def _losses(self, s, same):
        """Return one loss for each pair."""
        p, blocked = s.diagonal(), self._not_negatives(s, same)
        x_to_y = s.masked_fill(blocked[0], -torch.inf).amax(dim=1)
        y_to_x = s.masked_fill(blocked[1], -torch.inf).amax(dim=0)
        return self._hinge(p, x_to_y) + self._hinge(p, y_to_x)

    def _not_negatives(self, s, same):
        """Return the masks of what is no candidate, for either direction."""
        return same, same


class SemiHardNegative(HardestNegative):
    """Max margin with the hardest negative that scores below the positive.

    The negative lies between the positive and the margin below it (Schroff et al.
    2015), which keeps `HardestNegative` from collapsing.

    Parameters
    ----------
    margin : float, default=0.2
        Margin ``m``.
    reduction : {"mean", "sum"}, default="mean"
        Over the pairs of a batch.
    """

    def _not_negatives(self, s, same):
        """Return the masks of what is no candidate, for either direction."""
        p = s.diagonal()
        return same | (s >= p[:, None]), same | (s >= p[None, :])


CONTRASTIVE_LOSSES = {
    "info_nce": InfoNCE,
    "sigmoid": PairwiseSigmoid,
    "random_negative": RandomNegative,
    "sum_of_violations": SumOfViolations,
    "hardest_negative": HardestNegative,
    "semi_hard_negative": SemiHardNegative,
}
