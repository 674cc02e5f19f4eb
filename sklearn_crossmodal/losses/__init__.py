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
from ._targets import (
    TARGET_LOSSES,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    VectorCosineError,
    VectorSquaredError,
)
from ._word_space import (
    CONTEXT_LOSSES,
    IMAGE_WORD_LOSSES,
    ContextHinge,
    ContextNegativeSampling,
    CosineError,
    NegativeSampling,
    SquaredError,
    WordSigmoid,
    WordSoftmax,
)

__all__ = [
    "CONTEXT_LOSSES",
    "CONTRASTIVE_LOSSES",
    "EDIT_DISTANCE_LOSSES",
    "IMAGE_WORD_LOSSES",
    "MILNCE",
    "PAIR_LOSSES",
    "TARGET_LOSSES",
    "ContextHinge",
    "ContextNegativeSampling",
    "CosCos2",
    "CosineError",
    "CosineMargin",
    "HardestNegative",
    "InfoNCE",
    "NegativeSampling",
    "PairInfoNCE",
    "PairwiseSigmoid",
    "PoissonEditError",
    "RandomNegative",
    "RelativeEditError",
    "SemiHardNegative",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "SquaredEditError",
    "SquaredError",
    "SumOfViolations",
    "VectorCosineError",
    "VectorSquaredError",
    "WordSigmoid",
    "WordSoftmax",
]
