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

__all__ = [
    "RetrievalReport",
    "RetrievalScorer",
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
]
