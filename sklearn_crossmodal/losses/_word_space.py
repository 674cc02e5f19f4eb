r"""Losses that place the projections of images among the vectors of words.

``x`` is the projection of an image, ``y`` the vector of its word (or the mean of those
of its text), ``n`` the vectors of noise words, drawn for the batch.
"""

import torch
from torch import nn
from torch.nn.functional import cross_entropy, logsigmoid, normalize, relu

from ._pairs import unit_length
from ._scale import log_scale_parameter


class _ImageLoss(nn.Module):
    """Return the mean over the images of a batch of what a subclass makes of each."""

    def __init__(self):  # that of torch takes anything
        super().__init__()

    def forward(self, batch, targets):
        """Return the loss of a batch.

        Parameters
        ----------
        batch : dict of tensors
            Projections of images, ``"x"`` of shape (n, d). Of words, ``"y"`` (n, d),
            ``"words"`` (n, w, d) with ``"is_word"`` (n, w), and ``"noise"`` (k, d);
            or of contexts, ``"contexts"`` (n, c, d) with ``"is_context"`` (n, c), and
            ``"context_noise"`` (k, d).
        targets : dict of tensors
            Which texts of the batch are true of each image, ``"same"`` (n, n), and
            which noise words, ``"noise_is_true"`` (n, k).

        Returns
        -------
        loss : tensor
            A scalar.
        """
        return self._losses(batch, targets).mean()

    def _losses(self, batch, targets):
        """Return one loss for each image."""
        raise NotImplementedError


class NegativeSampling(_ImageLoss):
    r"""Skip-gram's objective with the image for its centre.

    .. math:: -\frac1{|P|}\sum_{p \in P} \log\sigma(v_p^\top x)
              - k\,\mathbb{E}_n \log\sigma(-v_n^\top x)

    where :math:`P` are the words of the image (Im2Vec, section "Positive association
    with negative sampling regularization"). The expectation is the mean over the noise
    words of the batch that are not the image's own.

    Parameters
    ----------
    n_negatives : int, default=5
        The weight :math:`k` of the noise.
    """

    def __init__(self, n_negatives=5):
        super().__init__()
        self.n_negatives = n_negatives

    def _losses(self, batch, targets):
        return negative_sampling(
            batch["x"],
            batch["words"],
            batch["is_word"],
            batch["noise"],
            targets["noise_is_true"],
            self.n_negatives,
        )


def negative_sampling(x, positives, is_positive, noise, excluded, n_negatives):
    """Return the negative-sampling loss of rows with several positives each."""
    toward = _masked_mean(logsigmoid((positives @ x[:, :, None])[..., 0]), is_positive)
    away = _masked_mean(logsigmoid(-x @ noise.T), ~excluded)
    return -(toward + n_negatives * away * is_positive.any(dim=1))


def _masked_mean(values, mask):
    return (values * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)


class SquaredError(_ImageLoss):
    r"""Squared Euclidean distance to the vector of the word.

    .. math:: \lVert x - y \rVert^2

    The baseline of Luo (2018), section 3.2.
    """

    def _losses(self, batch, targets):
        return (batch["x"] - batch["y"]).square().sum(dim=1)


class CosineError(_ImageLoss):
    r"""One minus the cosine with the vector of the word: :math:`1 - \cos(x, y)`."""

    def _losses(self, batch, targets):
        x, y = unit_length(batch["x"]), unit_length(batch["y"])
        return 1 - (x * y).sum(dim=1)


class WordSigmoid(_ImageLoss):
    r"""Sigmoid loss over all pairs of the batch, and of its images with noise words.

    .. math:: -\sum_j \log\sigma\left(z_{ij}\,(t\,\cos(x_i, y_j) + b)\right)

    where :math:`z_{ij}` is 1 for words of the image and -1 for others, with learned
    scale and bias (SigLIP: Zhai et al. 2023).

    Parameters
    ----------
    temperature : float, default=0.1
        Initial ``1 / t``.
    bias : float, default=-5.0
        Initial bias ``b``: at the start most pairs are negatives.
    """

    def __init__(self, temperature=0.1, bias=-5.0):
        super().__init__()
        self.log_scale = log_scale_parameter(temperature)
        self.bias = nn.Parameter(torch.tensor(float(bias)))

    def _losses(self, batch, targets):
        words = unit_length(torch.cat([batch["y"], batch["noise"]]))
        logits = unit_length(batch["x"]) @ words.T * self.log_scale.exp() + self.bias
        signed = torch.where(_are_true(targets), logits, -logits)
        return -logsigmoid(signed).sum(dim=1)


class WordSoftmax(_ImageLoss):
    r"""Softmax cross-entropy among the words of the batch and noise words.

    .. math:: -\log\frac{e^{x_i^\top y_i}}{\sum_j e^{x_i^\top y_j}}

    where other words that are the image's own are left out of the sum: multinomial
    logistic regression with the vectors of words for the weights of classes. Inner
    products, not cosines: a weight decay of the projection then bounds how much it
    trusts its features.
    """

    def _losses(self, batch, targets):
        logits = batch["x"] @ torch.cat([batch["y"], batch["noise"]]).T
        others = _are_true(targets)
        own = torch.arange(len(logits), device=logits.device)
        others[own, own] = False
        logits = logits.masked_fill(others, -torch.inf)
        return cross_entropy(logits, own, reduction="none")


def _are_true(targets):
    """Return which words of the batch, and which of the noise, are true of images."""
    return torch.cat([targets["same"], targets["noise_is_true"]], dim=1)


class ContextNegativeSampling(_ImageLoss):
    r"""Negative sampling of the words around the image's word in a text.

    The image is one more centre word: see `NegativeSampling`, with :math:`P` the
    context of one occurrence of its word, and output vectors.

    Parameters
    ----------
    n_negatives : int, default=5
        The weight of the noise.
    """

    def __init__(self, n_negatives=5):
        super().__init__()
        self.n_negatives = n_negatives

    def _losses(self, batch, targets):
        excluded = torch.zeros(
            len(batch["x"]),
            len(batch["context_noise"]),
            dtype=torch.bool,
            device=batch["x"].device,
        )
        return negative_sampling(
            batch["x"],
            batch["contexts"],
            batch["is_context"],
            batch["context_noise"],
            excluded,
            self.n_negatives,
        )


class ContextHinge(_ImageLoss):
    r"""Margin loss between context words and noise.

    .. math:: \max(0, m - \lambda E(x, c) + E(x, n))

    in the mean over the context words :math:`c` of one occurrence of the image's word,
    and over noise words :math:`n`, with the inner product or the cosine for :math:`E`
    (Luo 2018, equation 2).

    Parameters
    ----------
    margin : float, default=1.0
        The margin :math:`m`.
    positive_weight : float, default=1.0
        The weight :math:`\lambda`.
    positive_weight_mode : {"none", "scale", "printed"}, default="none"
        ``"printed"`` is the formula above. With :math:`\lambda > 1` it is zero where
        all vectors are one, of a squared length from :math:`m/(\lambda - 1)`:
        embeddings collapse. ``"scale"`` multiplies the ordinary hinge by the weight;
        ``"none"`` is the ordinary hinge.
    energy : {"dot", "cosine"}, default="dot"
        The similarity :math:`E`.
    """

    def __init__(
        self,
        margin=1.0,
        positive_weight=1.0,
        positive_weight_mode="none",
        energy="dot",
    ):
        super().__init__()
        self.margin = margin
        self.inside = positive_weight if positive_weight_mode == "printed" else 1.0
        self.outside = positive_weight if positive_weight_mode == "scale" else 1.0
        self.energy = energy

    def _losses(self, batch, targets):
        x, contexts, noise = batch["x"], batch["contexts"], batch["context_noise"]
        if self.energy == "cosine":
            x, noise = unit_length(x), unit_length(noise)
            contexts = normalize(contexts, dim=2, eps=1e-6)
        positive = (contexts @ x[:, :, None])[..., 0]
        violations = relu(
            self.margin - self.inside * positive[..., None] + (x @ noise.T)[:, None]
        )
        losses = _masked_mean(violations.mean(dim=2), batch["is_context"])
        return self.outside * losses


# Of an image and its word ...
IMAGE_WORD_LOSSES = {
    "negative_sampling": NegativeSampling,
    "squared_error": SquaredError,
    "cosine": CosineError,
    "sigmoid": WordSigmoid,
    "softmax": WordSoftmax,
}

# ... and of an image and the context of its word.
CONTEXT_LOSSES = {"logistic": ContextNegativeSampling, "hinge": ContextHinge}
