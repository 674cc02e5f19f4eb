"""Cross-modal embedding and retrieval with the manners of scikit-learn.

The public names are loaded when they are first used, so that the metrics can be had
without torch.
"""

import importlib

__version__ = "0.1.0.dev0"

_HOMES = {
    "CaptionRanker": ".caption_ranker",
    "CosCosEmbedder": ".coscos",
    "DynamicLexicon": ".dynamic_lexicon",
    "Im2VecProjector": ".im2vec",
    "ImageEnhancedSkipGram": ".skip_gram",
    "LevenshteinStringEmbedder": ".levenshtein",
    "SemanticProjector": ".semantic",
    "StringNeighbors": ".string_neighbors",
    "WordImageEmbedder": ".word_image",
    "compose_query": ".composition",
    "embed_y": ".base",
    "flatten_items": ".base",
    "make_retrieval_scorer": ".metrics",
    "retrieval_report": ".metrics",
    "unflatten_items": ".base",
    "word_matching_report": ".metrics",
    "word_spotting_report": ".metrics",
}
_SUBPACKAGES = ("datasets", "losses", "metrics", "preprocessing", "utils")

__all__ = ["__version__", *sorted(_HOMES), *_SUBPACKAGES]


def __getattr__(name):
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name], __name__), name)
    if name in _SUBPACKAGES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
