"""Metrics of retrieval between two views in one embedding space."""

from ._edit_correlation import EditDistanceCorrelation, edit_distance_correlation
from ._matching import MatchingPrecision, matching_precision
from ._matching_errors import (
    MatchingError,
    MatchingErrorReport,
    matching_error_report,
)
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
from ._tags import TagReport, tag_metrics, tag_report
from ._term_frequency import TermFrequencyReport
from ._word_learning import WordLearningReport, word_learning_report
from ._word_matching import WordMatchingReport, word_matching_report
from ._word_space import (
    AnalogyAccuracy,
    WordSimilarity,
    analogy_accuracy,
    word_similarity,
)
from ._word_spotting import WordSpottingReport, word_spotting_report

__all__ = [
    "AnalogyAccuracy",
    "EditDistanceCorrelation",
    "MatchingError",
    "MatchingErrorReport",
    "MatchingPrecision",
    "RetrievalReport",
    "RetrievalScorer",
    "TagReport",
    "TermFrequencyReport",
    "WordLearningReport",
    "WordMatchingReport",
    "WordSimilarity",
    "WordSpottingReport",
    "analogy_accuracy",
    "chance_level",
    "edit_distance_correlation",
    "make_retrieval_scorer",
    "matching_error_report",
    "matching_precision",
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
    "tag_metrics",
    "tag_report",
    "word_learning_report",
    "word_matching_report",
    "word_similarity",
    "word_spotting_report",
]
