r"""Losses on *same* and *different* pairs, of any number of items on either side.

``s[i, j]`` is the cosine of item ``i`` of the first view and ``j`` of the second. What
is same and what is different is given: with bags, an item has several partners.
"""

import torch
from torch import nn
from torch.nn.functional import normalize, softplus

from ._scale import capped_scale, log_scale_parameter

# What masked similarities become: exp gives 0, and unlike -inf its gradient is no NaN.
_NOTHING = -1e4


def unit_length(z):
    """Scale rows to unit length; a row of zeros stays zero and has a gradient."""
    return normalize(z, dim=1, eps=1e-6)


class _PairLoss(nn.Module):
    """Compute the cosines of a batch, and put together what a subclass makes of them.

    Parameters
    ----------
    reduction : {"mean", "sum"}, default="mean"
        Of the pairs of a batch.
    """

    def __init__(self, reduction="mean"):
        super().__init__()
        self.reduction = reduction

    def forward(self, embeddings, pairs):
        """Return the loss of a batch.

        Parameters
        ----------
        embeddings : tuple of tensors of shape (n_x, n_components), (n_y, n_components)
            Items of both views, of any length.
        pairs : dict of tensors
            ``"same"`` and ``"different"``, of shape (n_x, n_y): how often each pair
            counts as such, or booleans (which the softmax losses make of any number).
            ``"x_rows"`` (n_x,) and ``"y_rows"`` (n_y,): the row of each item, from 0;
            only `MILNCE` needs them.

        Returns
        -------
        loss : tensor, a scalar
        """
        x, y = embeddings
        return self._loss(unit_length(x) @ unit_length(y).T, pairs)

    def _loss(self, s, pairs):
        raise NotImplementedError


class _BalancedLoss(_PairLoss):
    """One term for same pairs, one for different ones, with equal weight."""

    def _loss(self, s, pairs):
        same, different = self._terms(s)
        n_same = pairs["same"].sum()
        mean = (
            _weighted_mean(same, pairs["same"], n_same)
            + _weighted_mean(different, pairs["different"], pairs["different"].sum())
        ) / 2
        return mean if self.reduction == "mean" else mean * (2 * n_same)

    def _terms(self, s):
        """Return the loss of each pair if it is same, and if it is different."""
        raise NotImplementedError


def _weighted_mean(values, weights, total):
    return (values * weights).sum() / total.clamp(min=1)


class CosCos2(_BalancedLoss):
    r"""The cosine / squared-cosine loss.

    .. math:: \tfrac12\left[\operatorname{mean}_{same}\frac{1 - s_{ij}}{2}
              + \operatorname{mean}_{different} s_{ij}^2\right]

    (:math:`\mathrm{COSCOS}^2`: Synnaeve, Versteegh and Dupoux 2014, section 2). Same
    pairs become collinear, different ones orthogonal. Both kinds weigh the same, as
    where as many of one are drawn as of the other. A constant cosine ``c`` costs
    :math:`(1 - c)/4 + c^2/2`, with a minimum of 7/32 at ``c = 1/4``: a loss that stays
    there has learned nothing.

    Parameters
    ----------
    reduction : {"mean", "sum"}, default="mean"
        ``"sum"``: over the same pairs and as many different ones.

    Examples
    --------
    >>> import torch
    >>> from sklearn_crossmodal.losses import CosCos2
    >>> x = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    >>> same = torch.eye(2)
    >>> loss = CosCos2()
    >>> loss((x, x), {"same": same, "different": 1 - same}).item()
    0.0
    >>> loss((x, x.flip(0)), {"same": same, "different": 1 - same}).item()
    0.75
    """

    def _terms(self, s):
        """Return the loss of each pair if it is same, and if it is different."""
        return (1 - s) / 2, s * s


class CosineMargin(_BalancedLoss):
    r"""The cosine loss with a margin for different pairs.

    .. math:: \tfrac12\left[\operatorname{mean}_{same} (1 - s_{ij})
              + \operatorname{mean}_{different} \max(0, s_{ij} - m)\right]

    (the authors' later practice with the same networks: abnet3, where ``m = 0.5``).

    Parameters
    ----------
    margin : float, default=0.5
        Margin ``m``: different pairs below it cost nothing.
    reduction : {"mean", "sum"}, default="mean"
        ``"sum"``: over the same pairs and as many different ones.
    """

    def __init__(self, margin=0.5, reduction="mean"):
        super().__init__(reduction)
        self.margin = margin

    def _terms(self, s):
        """Return the loss of each pair if it is same, and if it is different."""
        return 1 - s, (s - self.margin).clamp(min=0)


class _SoftmaxLoss(_PairLoss):
    """A loss on similarities over a learned temperature.

    Parameters
    ----------
    temperature : float, default=0.07
        Initial temperature.
    reduction : {"mean", "sum"}, default="mean"
        Of the losses of a batch.
    """

    def __init__(self, temperature=0.07, reduction="mean"):
        super().__init__(reduction)
        self.log_scale = log_scale_parameter(temperature)

    def _loss(self, s, pairs):
        same, different = pairs["same"] > 0, pairs["different"] > 0
        losses = self._losses(s * capped_scale(self.log_scale), same, different, pairs)
        total = losses.sum()  # of nothing, 0: its mean would be no number
        return total / max(1, len(losses)) if self.reduction == "mean" else total


class PairInfoNCE(_SoftmaxLoss):
    r"""Softmax cross-entropy of every same pair against the different ones.

    .. math:: -\tfrac12\left[
              \log\frac{e^{s_{ij}/\tau}}{e^{s_{ij}/\tau} + \sum_k e^{s_{ik}/\tau}}
              + \log\frac{e^{s_{ij}/\tau}}{e^{s_{ij}/\tau} + \sum_k e^{s_{kj}/\tau}}
              \right]

    for each same pair :math:`(i, j)`, where the sums go over what is different from
    :math:`i`, and from :math:`j`. With one item in a row it is `InfoNCE`.

    Parameters
    ----------
    temperature : float, default=0.07
        Initial temperature; learned, with :math:`1/\tau` capped at 100.
    reduction : {"mean", "sum"}, default="mean"
        Over the same pairs of a batch.
    """

    def _losses(self, s, same, different, pairs):
        """Return one loss for each same pair."""
        negatives = s.masked_fill(~different, _NOTHING)
        x_to_y = softplus(negatives.logsumexp(dim=1, keepdim=True) - s)
        y_to_x = softplus(negatives.logsumexp(dim=0, keepdim=True) - s)
        return ((x_to_y + y_to_x) / 2)[same]


class MILNCE(_SoftmaxLoss):
    r"""Softmax cross-entropy of whole bags: some pair of a row must be right.

    .. math:: -\log\frac{\sum_{P_b} e^{s_{ij}/\tau}}
              {\sum_{P_b} e^{s_{ij}/\tau} + \sum_{N_b} e^{s_{ij}/\tau}}

    for each row :math:`b`, where :math:`P_b` are the same and :math:`N_b` the different
    pairs with an item of that row on either side (multiple-instance learning with
    noise-contrastive estimation: Miech et al. 2020, equation 1). Not every fragment has
    to match every word of its row: one that does is enough.

    Parameters
    ----------
    temperature : float, default=0.07
        Initial temperature; learned, with :math:`1/\tau` capped at 100.
    reduction : {"mean", "sum"}, default="mean"
        Over the rows of a batch.
    """

    def _losses(self, s, same, different, pairs):
        """Return one loss for each row."""
        x_rows, y_rows = pairs["x_rows"], pairs["y_rows"]
        own = x_rows[:, None] == y_rows[None, :]  # must not count from both sides

        def log_sum_exp(from_x, from_y):
            by_item = (
                s.masked_fill(~from_x, _NOTHING).logsumexp(dim=1),
                s.masked_fill(~from_y, _NOTHING).logsumexp(dim=0),
            )
            return _segment_logsumexp(torch.cat(by_item), torch.cat((x_rows, y_rows)))

        positives = log_sum_exp(same, same & ~own)
        return softplus(log_sum_exp(different, different & ~own) - positives)


def _segment_logsumexp(values, segments):
    """Return the log-sum-exp of the values of each segment, numbered from 0."""
    n_segments = int(segments.max()) + 1
    largest = values.detach().new_full((n_segments,), _NOTHING)
    largest = largest.scatter_reduce(0, segments, values.detach(), "amax")
    exp = (values - largest[segments]).exp()
    return torch.zeros_like(largest).scatter_add(0, segments, exp).log() + largest


PAIR_LOSSES = {
    "coscos2": CosCos2,
    "cosine_margin": CosineMargin,
    "mil_nce": MILNCE,
    "info_nce": PairInfoNCE,
}
