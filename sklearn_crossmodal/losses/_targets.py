r"""Losses between what a net says of an image and the vector of its text.

``z`` is the output for an image, of as many numbers as ``t``, the vector of the text.
"""

from torch import nn
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    log_softmax,
    normalize,
)


class _TargetLoss(nn.Module):
    """Return the mean over the pairs of a batch of what a subclass makes of each."""

    def __init__(self):  # that of torch takes anything
        super().__init__()

    def forward(self, views, ids):
        """Return the loss of a batch.

        Parameters
        ----------
        views : tuple of two tensors of shape (n_pairs, n_components)
            Outputs for the images, and what they should be.
        ids : tensor of shape (n_pairs,)
            Which pairs are the same item. Not used: nothing is compared with others.

        Returns
        -------
        loss : tensor, a scalar
        """
        return self._losses(*views).mean()

    def _losses(self, z, t):
        """Return one loss for each pair."""
        raise NotImplementedError


class SigmoidCrossEntropy(_TargetLoss):
    r"""Cross-entropy of each number by itself, for targets from 0 to 1.

    .. math:: -\sum_k t_k \log\sigma(z_k) + (1 - t_k)\log(1 - \sigma(z_k))

    TextTopicNet's (Gomez et al. 2017). Its minimum is not 0 but the sum of the binary
    entropies of the targets.

    Examples
    --------
    >>> import torch
    >>> from sklearn_crossmodal.losses import SigmoidCrossEntropy
    >>> z, t = torch.zeros(2, 4), torch.tensor([[0, 1, 0.5, 0.2]] * 2)
    >>> loss = SigmoidCrossEntropy()((z, t), torch.arange(2))
    >>> print(f"{loss.item():.4f}")  # 4 log 2
    2.7726
    """

    def _losses(self, z, t):
        return binary_cross_entropy_with_logits(z, t, reduction="none").sum(dim=1)


class SoftmaxCrossEntropy(_TargetLoss):
    r"""Cross-entropy of a distribution.

    .. math:: -\sum_k t_k \log\frac{e^{z_k}}{\sum_j e^{z_j}}

    The Kullback-Leibler divergence of the text from the image, plus the entropy of the
    text, which is constant.

    Examples
    --------
    >>> import torch
    >>> from sklearn_crossmodal.losses import SoftmaxCrossEntropy
    >>> z, t = torch.zeros(2, 4), torch.tensor([[0, 0.5, 0.5, 0]] * 2)
    >>> loss = SoftmaxCrossEntropy()((z, t), torch.arange(2))
    >>> print(f"{loss.item():.4f}")  # log 4
    1.3863
    """

    def _losses(self, z, t):
        return -(t * log_softmax(z, dim=1)).sum(dim=1)


class VectorSquaredError(_TargetLoss):
    r"""Squared Euclidean distance: :math:`\lVert z - t \rVert^2`."""

    def _losses(self, z, t):
        return (z - t).square().sum(dim=1)


class VectorCosineError(_TargetLoss):
    r"""One minus the cosine: :math:`1 - \cos(z, t)`; 1 where a vector is zero."""

    def _losses(self, z, t):
        return 1 - (normalize(z, dim=1) * normalize(t, dim=1)).sum(dim=1)


TARGET_LOSSES = {
    "sigmoid_cross_entropy": SigmoidCrossEntropy,
    "softmax_cross_entropy": SoftmaxCrossEntropy,
    "squared_error": VectorSquaredError,
    "cosine": VectorCosineError,
}
