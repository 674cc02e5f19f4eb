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
from ._pairs import MILNCE, PAIR_LOSSES, CosCos2, CosineMargin, PairInfoNCE
from ._strings import (
    EDIT_DISTANCE_LOSSES,
    PoissonEditError,
    RelativeEditError,
    SquaredEditError,
)

__all__ = [
    "CONTRASTIVE_LOSSES",
    "EDIT_DISTANCE_LOSSES",
    "MILNCE",
    "PAIR_LOSSES",
    "CosCos2",
    "CosineMargin",
    "HardestNegative",
    "InfoNCE",
    "PairInfoNCE",
    "PairwiseSigmoid",
    "PoissonEditError",
    "RandomNegative",
    "RelativeEditError",
    "SemiHardNegative",
    "SquaredEditError",
    "SumOfViolations",
]
