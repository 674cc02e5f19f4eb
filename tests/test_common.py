"""Every public estimator under scikit-learn's conformance suite and under ours.

The numbers of checks are asserted: a tag can silence a suite and leave it green.
"""

import inspect
import unittest

import pytest
from sklearn.base import BaseEstimator
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    estimator_checks_generator,
    parametrize_with_checks,
)

import sklearn_crossmodal
from sklearn_crossmodal import (
    CaptionRanker,
    CosCosEmbedder,
    DynamicLexicon,
    Im2VecProjector,
    ImageEnhancedSkipGram,
    LevenshteinStringEmbedder,
    SemanticProjector,
    StringNeighbors,
    WordImageEmbedder,
    preprocessing,
)
from sklearn_crossmodal.preprocessing import (
    PHOC,
    BagTransformer,
    CaptionTokenizer,
    DCToW,
    Doc2VecVectorizer,
    LDAVectorizer,
    LogMelStacker,
    OnnxImageFeatures,
    WordMeanVectorizer,
)
from sklearn_crossmodal.utils.estimator_checks import (
    parametrize_with_string_checks,
    parametrize_with_two_view_checks,
    string_checks_generator,
    two_view_checks_generator,
)

SMALL_RANKER = CaptionRanker(
    n_components=8, word_size=8, gru_size=8, max_epochs=2, random_state=0
)
RANKER_OPTIONS = {
    "light_params": {"store_captions": False},
    # Two epochs learn nothing: what it takes to know 40 captions by heart.
    "strong_params": {
        "max_epochs": 30,
        "lr": 0.02,
        "batch_size": 8,
        "dropout": 0.0,
        "word_dropout": 0.0,
    },
}
SMALL_EMBEDDER = CosCosEmbedder(
    n_components=8,
    x_hidden_layer_sizes=(16,),
    y_hidden_layer_sizes=(16,),
    max_epochs=2,
    random_state=0,
)
EMBEDDER_OPTIONS = {
    "strong_params": {
        "max_epochs": 60,
        "lr": 0.01,
        "batch_size": 20,
        "x_dropout": 0.0,
        "y_dropout": 0.0,
    },
}
SMALL_STRINGS = LevenshteinStringEmbedder(
    n_components=8,
    n_filters=16,
    hidden_layer_sizes=(16,),
    epoch_size=64,
    batch_size=32,
    max_epochs=2,
    random_state=0,
)
SMALL_IMAGES = WordImageEmbedder(
    SMALL_STRINGS,
    image_size=(16, 32),
    channels=(4, 4, 8, 8),
    columns=(4, 2, 1),
    hidden_layer_sizes=(16,),
    n_distractors=10,
    fine_tune_epochs=0,
    max_epochs=2,
    random_state=0,
)
IMAGE_OPTIONS = {
    "strong_params": {
        "max_epochs": 60,
        "lr": 5e-3,
        "batch_size": 8,
        "dropout": 0.0,
        "augmentation": 0.0,
    },
}
# Word vectors of a few sentences: what is checked is the contract, not they.
SMALL_WORD_SPACE = {
    "n_components": 8,
    "pretrain_epochs": 1,
    "max_epochs": 2,
    "random_state": 0,
}
SMALL_PROJECTOR = Im2VecProjector(**SMALL_WORD_SPACE)
SMALL_JOINT_PROJECTOR = Im2VecProjector(**SMALL_WORD_SPACE, joint=True)
SMALL_SKIP_GRAM = ImageEnhancedSkipGram(**SMALL_WORD_SPACE)
WORD_SPACE_OPTIONS = {
    "strong_params": {
        "pretrain_epochs": 10,
        "max_epochs": 30,
        "lr": 0.02,
        "batch_size": 8,
    },
}

# Text spaces of a few documents, and of vectors as they are.
SMALL_SEMANTIC = {"hidden_layer_sizes": (16,), "max_epochs": 2, "random_state": 0}
SMALL_SEMANTIC_PROJECTOR = SemanticProjector(
    WordMeanVectorizer(8, epochs=1), **SMALL_SEMANTIC
)
SMALL_VECTOR_PROJECTOR = SemanticProjector(**SMALL_SEMANTIC)
SMALL_TOPIC_PROJECTOR = SemanticProjector(
    LDAVectorizer(4, max_iter=2), loss="softmax_cross_entropy", **SMALL_SEMANTIC
)
SMALL_LEXICON = DynamicLexicon(LDAVectorizer(4, max_iter=2), **SMALL_SEMANTIC)
SEMANTIC_OPTIONS = {
    "strong_params": {"max_epochs": 60, "lr": 0.02, "batch_size": 8, "dropout": 0.0},
}

# scikit-learn tries array API namespaces only if SCIPY_ARRAY_API=1 was in the
# environment before scipy was first imported; the check passes if it was.
MAY_SKIP = {"check_array_api_input"}

# Each public estimator, and how many of scikit-learn's checks must pass and may skip.
# Those that take texts say so in their tags: scikit-learn, which has no texts to give,
# then runs the one check that needs no data.
SKLEARN_CHECKS = [
    (SMALL_RANKER, 47, 1),
    (SMALL_EMBEDDER, 47, 1),
    (SMALL_PROJECTOR, 47, 1),
    (SMALL_JOINT_PROJECTOR, 47, 1),
    (SMALL_SKIP_GRAM, 47, 1),
    (SMALL_VECTOR_PROJECTOR, 47, 1),
    (SMALL_LEXICON, 47, 1),
    (LDAVectorizer(), 1, 0),
    (WordMeanVectorizer(), 1, 0),
    (Doc2VecVectorizer(), 1, 0),
    (OnnxImageFeatures("network.onnx"), 1, 0),
    (CaptionTokenizer(), 1, 0),
    (PHOC(), 1, 0),
    (DCToW(), 1, 0),
    (StringNeighbors(), 1, 0),
    (LogMelStacker(sample_rate=8000), 1, 0),
    (BagTransformer(StandardScaler()), 45, 1),
    (SMALL_STRINGS, 1, 0),
    (SMALL_IMAGES, 1, 0),
]

# ... and how many of ours, for each kind of second view. Rows of several items are no
# matter for token ids, which are one caption a row.
TWO_VIEW_CHECKS = [
    ((SMALL_RANKER, "texts", RANKER_OPTIONS), 42),
    ((SMALL_RANKER, "several_texts", RANKER_OPTIONS), 42),
    ((SMALL_RANKER, "tokens", RANKER_OPTIONS), 41),
    ((SMALL_EMBEDDER, "vectors", EMBEDDER_OPTIONS), 41),
    ((SMALL_EMBEDDER, "bags", EMBEDDER_OPTIONS), 42),
    ((SMALL_EMBEDDER, "bag_pairs", EMBEDDER_OPTIONS), 42),
    ((SMALL_IMAGES, "word_images", IMAGE_OPTIONS), 39),
    ((SMALL_PROJECTOR, "texts", WORD_SPACE_OPTIONS), 42),
    ((SMALL_PROJECTOR, "tags", WORD_SPACE_OPTIONS), 42),
    ((SMALL_JOINT_PROJECTOR, "tags", WORD_SPACE_OPTIONS), 42),
    ((SMALL_SKIP_GRAM, "texts", WORD_SPACE_OPTIONS), 42),
    ((SMALL_SKIP_GRAM, "tags", WORD_SPACE_OPTIONS), 42),
    ((SMALL_SEMANTIC_PROJECTOR, "texts", SEMANTIC_OPTIONS), 42),
    ((SMALL_SEMANTIC_PROJECTOR, "several_texts", SEMANTIC_OPTIONS), 42),
    ((SMALL_VECTOR_PROJECTOR, "vectors", SEMANTIC_OPTIONS), 41),
    ((SMALL_TOPIC_PROJECTOR, "texts", SEMANTIC_OPTIONS), 42),
    ((SMALL_LEXICON, "texts", SEMANTIC_OPTIONS), 42),
    ((SMALL_LEXICON, "several_texts", SEMANTIC_OPTIONS), 42),
]

# ... and of ours for transformers of strings.
STRING_CHECKS = [(SMALL_STRINGS, 29), (PHOC(), 22), (DCToW(), 22)]


@parametrize_with_checks([estimator for estimator, *_ in SKLEARN_CHECKS])
def test_sklearn_contract(estimator, check):
    try:
        check(estimator)
    except unittest.SkipTest as skip:
        assert check.func.__name__ in MAY_SKIP, f"must run, but was skipped: {skip}"
        raise


# A fold may lack a word that only its test rows have.
@pytest.mark.filterwarnings("ignore:.*no word with a vector")
@parametrize_with_two_view_checks([entry for entry, _ in TWO_VIEW_CHECKS])
def test_two_view_contract(estimator, check):
    try:
        check(estimator)
    except unittest.SkipTest as skip:
        pytest.fail(f"must run, but was skipped: {skip}")


@parametrize_with_string_checks([estimator for estimator, _ in STRING_CHECKS])
def test_string_contract(estimator, check):
    try:
        check(estimator)
    except unittest.SkipTest as skip:
        pytest.fail(f"must run, but was skipped: {skip}")


@pytest.mark.parametrize("estimator, n_checks", STRING_CHECKS)
def test_number_of_string_checks(estimator, n_checks):
    checks = list(string_checks_generator(estimator))
    assert len({check.func.__name__ for _, check in checks}) == len(checks) == n_checks


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.parametrize("estimator, n_pass, n_skip", SKLEARN_CHECKS)
def test_number_of_sklearn_checks(estimator, n_pass, n_skip):
    names = [check.func.__name__ for _, check in estimator_checks_generator(estimator)]
    skippable = [name for name in names if name in MAY_SKIP]
    assert len(skippable) == n_skip
    assert len(names) - len(skippable) == n_pass


@pytest.mark.parametrize("entry, n_checks", TWO_VIEW_CHECKS)
def test_number_of_two_view_checks(entry, n_checks):
    estimator, kind, options = entry
    checks = list(two_view_checks_generator(estimator, kind, **options))
    assert len({check.func.__name__ for _, check in checks}) == len(checks) == n_checks


def public_estimators():
    return {
        name
        for module in (sklearn_crossmodal, preprocessing)
        for name in module.__all__
        if inspect.isclass(getattr(module, name))
        and issubclass(getattr(module, name), BaseEstimator)
    }


def test_no_public_estimator_is_left_out():
    listed = {type(estimator).__name__ for estimator, *_ in SKLEARN_CHECKS}
    assert public_estimators() == listed


def test_no_two_view_estimator_is_left_out():
    listed = {type(entry[0]).__name__ for entry, _ in TWO_VIEW_CHECKS}
    homes = (sklearn_crossmodal, preprocessing)
    two_view = {
        name
        for name in public_estimators()
        if any(hasattr(getattr(home, name, None), "transform_y") for home in homes)
    }
    assert two_view == listed
