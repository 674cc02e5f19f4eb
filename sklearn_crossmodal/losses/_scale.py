"""The learned temperature of the softmax losses."""

import math

import torch
from torch import nn

_MAX_LOG_SCALE = math.log(100)


def log_scale_parameter(temperature):
    r"""Return the parameter :math:`\log(1/\tau)` of an initial temperature."""
    return nn.Parameter(torch.tensor(-math.log(temperature)))


def capped_scale(log_scale):
    r"""Return :math:`1/\tau`, at most 100 (Radford et al. 2021, section 2.5)."""
    with torch.no_grad():  # in place: a clamped value would have no gradient
        log_scale.clamp_(max=_MAX_LOG_SCALE)
    return log_scale.exp()
