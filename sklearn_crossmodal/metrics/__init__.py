"""Metrics of retrieval between two views in one embedding space."""

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

__all__ = [
    "RetrievalReport",
    "RetrievalScorer",
    "WordLearningReport",
    "chance_level",
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
]
