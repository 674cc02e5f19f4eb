"""Metrics of retrieval between two views in one embedding space."""

from ._edit_correlation import EditDistanceCorrelation, edit_distance_correlation
from ._report import RetrievalReport, retrieval_report
from ._retrieval import chance_level, retrieval_metrics
from ._scorer import RetrievalScorer, make_retrieval_scorer
from ._single import (
    mean_average_precision,
    mean_rank,
    mean_reciprocal_rank,
    median_rank,
    ndcg,
    pairwise_accuracy,
    precision_at_k,
    recall_at_k,
)
from ._word_learning import WordLearningReport, word_learning_report
from ._word_spotting import WordSpottingReport, word_spotting_report

__all__ = [
    "EditDistanceCorrelation",
    "RetrievalReport",
    "RetrievalScorer",
    "WordLearningReport",
    "WordSpottingReport",
    "chance_level",
    "edit_distance_correlation",
    "make_retrieval_scorer",
    "mean_average_precision",
    "mean_rank",
    "mean_reciprocal_rank",
    "median_rank",
    "ndcg",
    "pairwise_accuracy",
    "precision_at_k",
    "recall_at_k",
    "retrieval_metrics",
    "retrieval_report",
    "word_learning_report",
    "word_spotting_report",
]
