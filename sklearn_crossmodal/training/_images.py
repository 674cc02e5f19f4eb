"""Word images for a net: the tower that reads them, and how training varies them."""

import torch
from torch import nn
from torch.nn import functional

from ._towers import feed_forward

_STEM_SIZE = 5


class WordImageTower(nn.Module):
    """A convolutional net over word images of one size.

    The first convolution and two poolings bring each side to an eighth; what is left is
    summed up over the height, and over the width in finer and coarser columns, so that
    it says what is where in the word (a spatial pyramid, as in PHOCNet).

    Parameters
    ----------
    n_components : int
        Size of the output.
    channels : list of int
        Channels of the first two convolutions, one each, and of the two stages behind,
        with two convolutions each.
    columns : list of int
        Numbers of columns that the pyramid cuts the width into.
    hidden_layer_sizes : list of int
        Hidden layers behind the pyramid.
    dropout : float
        Share of the inputs of each of these layers that training drops.
    augmentation : float
        Strength of `vary`, which images go through in training.
    bfloat16 : bool
        Whether training convolves in bfloat16.
    """

    def __init__(
        self,
        n_components,
        *,
        channels,
        columns,
        hidden_layer_sizes,
        dropout,
        augmentation,
        bfloat16,
    ):
        super().__init__()
        self.columns = columns
        self.augmentation = augmentation
        self.bfloat16 = bfloat16
        stem, second, third, last = channels
        self.convolutions = nn.Sequential(
            _convolution(1, stem, _STEM_SIZE, stride=2),
            _convolution(stem, second),
            nn.MaxPool2d(2),
            _convolution(second, third),
            _convolution(third, third),
            nn.MaxPool2d(2),
            _convolution(third, last),
            _convolution(last, last),
        ).to(memory_format=torch.channels_last)
        sizes = [last * sum(columns), *hidden_layer_sizes, n_components]
        self.head = feed_forward(sizes, "relu", dropout, batch_norm=True)

    def forward(self, images):
        """Embed images of shape (n, height, width), with ink as 255."""
        images = images[:, None] / 255
        if self.training and self.augmentation:
            images = vary(images, self.augmentation)
        images = images.contiguous(memory_format=torch.channels_last)
        low = self.training and self.bfloat16
        with torch.autocast(images.device.type, torch.bfloat16, enabled=low):
            maps = self.convolutions(images)
        maps = maps.float().amax(dim=2)
        pyramid = [functional.adaptive_max_pool1d(maps, n) for n in self.columns]
        return self.head(torch.cat([level.flatten(1) for level in pyramid], dim=1))


def _convolution(n_in, n_out, size=3, stride=1):
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, size, stride, size // 2, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )


def vary(images, strength):
    """Slant, rotate, stretch, shift, fade and grain images, each in its own way.

    Parameters
    ----------
    images : tensor of shape (n, 1, height, width)
        Ink on zeros.
    strength : float
        1 for what suits handwriting; 0 changes nothing.

    Returns
    -------
    varied : tensor of the same shape
        Drawn with torch's generator.
    """
    n, _, height, width = images.shape

    def draw(largest):
        drawn = torch.rand(n, device=images.device)
        return (2 * drawn - 1) * (largest * strength)

    aspect = height / width
    maps = images.new_zeros(n, 2, 3)
    maps[:, 0, 0] = 1 + draw(_STRETCH_X)
    maps[:, 0, 1] = draw(_SLANT) * aspect
    maps[:, 0, 2] = draw(_SHIFT_X)
    maps[:, 1, 0] = draw(_ROTATION) / aspect
    maps[:, 1, 1] = 1 + draw(_STRETCH_Y)
    maps[:, 1, 2] = draw(_SHIFT_Y)
    grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
    varied = functional.grid_sample(images, grid, align_corners=False)
    varied = varied * (1 + draw(_FADE))[:, None, None, None]
    return varied + _GRAIN * strength * torch.randn_like(varied)


# The largest of each, in shares of a side; slant and rotation are tangents.
_STRETCH_X, _STRETCH_Y = 0.12, 0.15
_SHIFT_X, _SHIFT_Y = 0.06, 0.12
_SLANT, _ROTATION = 0.35, 0.03
_FADE, _GRAIN = 0.2, 0.05


def computes_bfloat16(device):
    """Whether this device computes in bfloat16 by itself, and not by emulation."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Not there before torch 2.6.
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return device.type == "cpu" and native()
