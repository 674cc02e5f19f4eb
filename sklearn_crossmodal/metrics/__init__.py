"""Metrics of retrieval between two views in one embedding space."""

from ._categories import CategoryReport, category_report
from ._concepts import WEB_CONCEPTS, ConceptReport, concept_report
from ._edit_correlation import EditDistanceCorrelation, edit_distance_correlation
from ._lexicon import LexiconReport, lexicon_report
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
from ._transfer import TransferReport, transfer_report
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
    "WEB_CONCEPTS",
    "AnalogyAccuracy",
    "CategoryReport",
    "ConceptReport",
    "EditDistanceCorrelation",
    "LexiconReport",
    "MatchingError",
    "MatchingErrorReport",
    "MatchingPrecision",
    "RetrievalReport",
    "RetrievalScorer",
    "TagReport",
    "TermFrequencyReport",
    "TransferReport",
    "WordLearningReport",
    "WordMatchingReport",
    "WordSimilarity",
    "WordSpottingReport",
    "analogy_accuracy",
    "category_report",
    "chance_level",
    "concept_report",
    "edit_distance_correlation",
    "lexicon_report",
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
    "transfer_report",
    "word_learning_report",
    "word_matching_report",
    "word_similarity",
    "word_spotting_report",
]
