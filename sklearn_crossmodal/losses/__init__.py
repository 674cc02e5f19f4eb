"""Losses, each with its formula and source; torch modules, for use outside too."""

from ._contrastive import (
    CONTRASTIVE_LOSSES,
    HardestNegative,
    InfoNCE,
    PairwiseSigmoid,
    RandomNegative,
    SemiHardNegative,
    SumOfViolations,
)

__all__ = [
    "CONTRASTIVE_LOSSES",
    "HardestNegative",
    "InfoNCE",
    "PairwiseSigmoid",
    "RandomNegative",
    "SemiHardNegative",
    "SumOfViolations",
]
