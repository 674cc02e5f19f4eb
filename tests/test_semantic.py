"""SemanticProjector: images find texts by any text space; what it refuses."""

import copy
import io
import pickle
import warnings
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from gensim.models import KeyedVectors
from scipy import sparse
from scipy.stats import entropy
from sklearn import clone
from sklearn.decomposition import NMF, LatentDirichletAllocation, TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn

from sklearn_crossmodal import SemanticProjector, make_retrieval_scorer
from sklearn_crossmodal.metrics import (
    mean_reciprocal_rank,
    retrieval_metrics,
    retrieval_report,
)
from sklearn_crossmodal.preprocessing import LDAVectorizer, WordMeanVectorizer
from sklearn_crossmodal.semantic import SEMANTIC_LOSSES

PARAMS = {
    "center": True,
    "whitening": 0.5,
    "target_scaling": "column",
    "hidden_layer_sizes": (),
    "dropout": 0.0,
    "optimizer": "adamw",
    "lr": 0.05,
    "lr_schedule": "constant",
    "weight_decay": 0.0,
    "batch_size": 16,
    "max_epochs": 2,
    "device": "cpu",
    "random_state": 0,
}
LOSSES = sorted(SEMANTIC_LOSSES)
SOFTMAX = {"loss": "softmax_cross_entropy"}
# The papers' of semantic retrieval, but for how long and how.
RECIPE = {
    "loss": "sigmoid_cross_entropy", "target_scaling": "row", "center": False,
    "whitening": 0, "similarity": "dot",
}  # fmt: skip


def make(y_transformer=None, **params):
    return SemanticProjector(y_transformer, **{**PARAMS, **params})


# --- Vectors that images and texts have in common ------------------------------------


def draw_vectors(n, seed):
    """Draw two views of the same five traits; that of texts is far from the origin."""
    rng = np.random.default_rng(seed)
    traits = rng.normal(size=(n, 5))
    maps = np.random.default_rng(42)
    X = traits @ maps.normal(size=(5, 7)) + 0.1 * rng.normal(size=(n, 7))
    Y = traits @ maps.normal(size=(5, 6)) + 0.1 * rng.normal(size=(n, 6)) + 3
    return X.astype(np.float32), Y.astype(np.float32)


X, Y = draw_vectors(24, 0)
POSITIVE = np.abs(Y) + 0.1
SHARES = POSITIVE / POSITIVE.sum(axis=1, keepdims=True)

# --- Texts of topics ------------------------------------------------------------------

TOPICS = {
    "city": ["bus", "taxi", "street", "stop", "tower"],
    "beach": ["surf", "sand", "wave", "sea", "shell"],
    "forest": ["tree", "moss", "owl", "fern", "path"],
}
_words = np.array(list(TOPICS.values()))


def draw_texts(n, seed):
    rng = np.random.default_rng(seed)
    topics = np.arange(n) % 3
    X = np.eye(3)[topics] @ np.random.default_rng(42).normal(size=(3, 4))
    X = (X + 0.05 * rng.normal(size=(n, 4))).astype(np.float32)
    return X, [" ".join(rng.choice(_words[topic], 8)) for topic in topics], topics


X_TEXT, TEXTS, TOPIC_OF = draw_texts(45, 0)
# Three documents of the first topic have no word.
WITH_EMPTY = ["" if i in (0, 3, 6) else text for i, text in enumerate(TEXTS)]

VECTORIZERS = {
    "lda": lambda: LDAVectorizer(3, doc_topic_prior=0.1, max_iter=5),
    "pipeline of lda": lambda: make_pipeline(
        CountVectorizer(),
        LatentDirichletAllocation(3, doc_topic_prior=0.1, max_iter=5),
    ),
}
by_vectorizer = pytest.mark.parametrize("vectorizer", VECTORIZERS)


def given_vectors():
    """Return word vectors of which those of a topic are near each other."""
    rng = np.random.default_rng(0)
    words = [word for topic in _words for word in topic]
    centers = np.repeat(rng.normal(size=(3, 6)), 5, axis=0)
    keyed = KeyedVectors(6)
    keyed.add_vectors(words, (centers + 0.3 * rng.normal(size=(15, 6))).astype("f4"))
    return keyed


def word_means():
    return WordMeanVectorizer(word_vectors=given_vectors())


def unit(rows):
    rows = np.asarray(rows, dtype=float)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1)


def close(a, b, **options):
    np.testing.assert_allclose(a, b, **{"rtol": 1e-4, "atol": 1e-5, **options})


def learned(projector):
    module, criterion = projector.net_.module_, projector.net_.criterion_
    state = {**module.state_dict(), **criterion.state_dict()}
    return {name: value.numpy().copy() for name, value in state.items()}


def assert_same_bits(one, other):
    np.testing.assert_equal(learned(one), learned(other))
    losses = [[row["train_loss"] for row in p.history_] for p in (one, other)]
    assert losses[0] == losses[1]


def only_warning(caught):
    assert len(caught) == 1, [str(warning.message) for warning in caught]
    return str(caught[0].message)


@pytest.fixture(scope="module")
def vectors():
    """One fitted on vectors: don't change it."""
    return make(loss="cosine", max_epochs=20).fit(X, Y)


@pytest.fixture(scope="module")
def topics():
    """One fitted on topics: don't change it."""
    return make(VECTORIZERS["lda"](), **SOFTMAX, max_epochs=40).fit(X_TEXT, TEXTS)


@pytest.fixture(scope="module")
def means():
    """One fitted on means of word vectors: don't change it."""
    return make(word_means(), loss="info_nce", max_epochs=20).fit(X_TEXT, TEXTS)


# --- It learns ------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_images_never_seen_find_their_vectors(loss):
    X, Y = draw_vectors(150, 1)
    Y = np.exp(Y / 3) if loss == "softmax_cross_entropy" else Y
    projector = make(loss=loss, max_epochs=50, batch_size=50).fit(X[:100], Y[:100])
    losses = [row["train_loss"] for row in projector.history_]
    assert losses[-1] < losses[0]
    assert projector.score(X[100:], Y[100:]) > 0.5  # chance is 0.09


@by_vectorizer
@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "sigmoid_cross_entropy"])
@pytest.mark.parametrize("similarity", ["kl", "log_ratio", "cosine", "euclidean"])
def test_images_tell_topics(vectorizer, loss, similarity):
    projector = make(
        VECTORIZERS[vectorizer](), loss=loss, similarity=similarity, max_epochs=40
    ).fit(X_TEXT, TEXTS)
    X_new, texts_new, topic_of = draw_texts(30, 7)
    found = projector.topic_proba(X_new).argmax(axis=1)
    of_texts = projector.topic_proba_y(texts_new).argmax(axis=1)
    np.testing.assert_array_equal(found, of_texts)
    assert len(set(of_texts)) == 3
    indices, _ = projector.search(["taxi", "owl", "sea sand"], X_new, n=10)
    assert (topic_of[indices] == np.array([[0], [2], [1]])).all()
    ranked, _ = projector.rank(X_new, ["taxi bus", "wave surf", "fern moss"], n=1)
    best = [["taxi bus", "wave surf", "fern moss"].index(row[0]) for row in ranked]
    np.testing.assert_array_equal(best, topic_of)


@pytest.mark.parametrize("vectorizer", [word_means, TfidfVectorizer])
def test_images_find_texts_of_their_topic(vectorizer):
    projector = make(vectorizer(), loss="cosine", max_epochs=30).fit(X_TEXT, TEXTS)
    X_new, texts_new, topic_of = draw_texts(30, 7)
    indices, _ = projector.search(texts_new, X_new, n=10)
    assert (topic_of[indices] == topic_of[:, None]).mean() > 0.95


def test_hidden_layers_find_what_no_linear_map_does():
    rng = np.random.default_rng(0)
    X = rng.choice([-1.0, 1.0], size=(80, 2))
    Y = np.column_stack([X[:, 0] * X[:, 1], np.zeros(80)])
    params = {"loss": "squared_error", "whitening": 0, "max_epochs": 40}
    linear = make(**params).fit(X, Y)
    deep = make(hidden_layer_sizes=(16,), **params).fit(X, Y)
    assert deep.history_[-1]["train_loss"] < 0.05
    assert linear.history_[-1]["train_loss"] > 0.5


def test_squared_error_reaches_the_least_squares_solution():
    X_even = np.linalg.qr(X)[0]  # which gradients descend in few steps
    projector = make(
        loss="squared_error", similarity="dot", center=True, whitening=0,
        max_epochs=300, batch_size=24, lr_schedule="cosine", lr=0.1,
    ).fit(X_even, Y)  # fmt: skip
    inputs = np.column_stack([X_even, np.ones(len(X))]).astype(float)
    targets = Y - Y.mean(axis=0)
    solution = np.linalg.lstsq(inputs, targets, rcond=None)[0]
    residual = ((inputs @ solution - targets) ** 2).sum()
    reached = ((projector.transform(X_even) - targets) ** 2).sum()
    assert residual <= reached + 1e-6
    assert reached < 1.01 * residual


# --- The space -----------------------------------------------------------------------


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("loss", ["cosine", "squared_error", "sigmoid_cross_entropy"])
def test_texts_stand_where_their_vectors_are(loss, center):
    for similarity in ("cosine", "dot", "euclidean"):
        projector = make(loss=loss, similarity=similarity, center=center, whitening=0)
        embedded = projector.fit(X, Y).transform_y(Y)
        expected = Y - Y.mean(axis=0) * center
        close(embedded, unit(expected) if similarity == "cosine" else expected)
        assert projector.similarity_ == similarity


def test_texts_never_move():
    first, last = (
        make(loss="info_nce", max_epochs=n).fit(X, Y).transform_y(Y) for n in (1, 9)
    )
    np.testing.assert_array_equal(first, last)


def test_the_papers_scale_each_text_and_divide_outputs_by_their_sum():
    projector = make(**RECIPE).fit(X, Y)
    text, image = projector.transform_y(Y), projector.transform(X)
    np.testing.assert_array_equal(text.min(axis=1), 0)
    np.testing.assert_array_equal(text.max(axis=1), 1)
    close(text, (Y - Y.min(axis=1)[:, None]) / np.ptp(Y, axis=1)[:, None])
    close(image.sum(axis=1), 1)
    with torch.no_grad():
        outputs = torch.sigmoid(projector.net_.module_.outputs(torch.tensor(X))).numpy()
    close(image, outputs / outputs.sum(axis=1, keepdims=True))
    assert projector.similarity_ == "dot"


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", ["vectors", "positive", "shares"])
def test_how_embeddings_are_compared_is_found_out(loss, kind):
    y = {"vectors": Y, "positive": POSITIVE, "shares": SHARES}[kind]
    if loss == "softmax_cross_entropy" and kind == "vectors":
        y = POSITIVE  # negative numbers are refused
    is_topics = loss == "softmax_cross_entropy" or (
        loss == "sigmoid_cross_entropy" and kind == "shares"
    )
    projector = make(loss=loss, similarity="auto", max_epochs=1).fit(X, y)
    assert projector.similarity_ == ("dot" if is_topics else "cosine")
    if is_topics:
        close(projector.transform_y(y).sum(axis=1), 1)
        close(projector.topic_proba(X).sum(axis=1), 1)
        mean = SHARES.mean(axis=0)
        close(projector.transform(X), np.log(projector.topic_proba(X) / mean))
    else:
        close(np.linalg.norm(projector.transform(X), axis=1), 1)
        close(np.linalg.norm(projector.transform_y(y), axis=1), 1)


def test_counts_are_learned_as_distributions():
    factors = np.arange(1, 25)[:, None]
    of_counts = make(**SOFTMAX).fit(X, factors * SHARES)
    of_shares = make(**SOFTMAX).fit(X, SHARES)
    close(of_counts.transform(X), of_shares.transform(X))
    close(of_counts.topic_proba_y(factors * SHARES), SHARES)


@pytest.mark.parametrize("loss", sorted({*LOSSES} - {"softmax_cross_entropy"}))
@pytest.mark.parametrize("similarity", ["kl", "log_ratio"])
def test_vectors_are_no_distributions_to_diverge(loss, similarity):
    match = rf"similarity='{similarity}' compares distributions.*loss='{loss}'"
    projector = make(loss=loss, similarity=similarity)
    with pytest.raises(ValueError, match=match):
        projector.fit(X, POSITIVE)
    assert not hasattr(projector, "net_")


def test_negative_numbers_are_no_distribution_and_the_row_is_named():
    y = POSITIVE.copy()
    y[[7, 11], 2] = -0.1
    for given in (y, sparse.csr_matrix(y)):
        with pytest.raises(ValueError, match="vector of text 7 of y has negative"):
            make(**SOFTMAX).fit(X, given)
    for seed in range(3):  # of rows that are shuffled first, and some held out
        with pytest.raises(ValueError, match="text (7|11) of y has negative"):
            make(**SOFTMAX, early_stopping=True, random_state=seed).fit(X, y)


@pytest.mark.parametrize(
    "params, match",
    [
        ({"loss": "sigmoid"}, "'loss' parameter"),
        ({"loss": "hinge"}, "'loss' parameter"),
        ({"similarity": "manhattan"}, "'similarity' parameter"),
        ({"whitening": 1.5}, "'whitening' parameter"),
        ({"whitening": -0.1}, "'whitening' parameter"),
        ({"target_scaling": "none"}, "'target_scaling' parameter"),
        ({"image_module": "resnet"}, "'image_module' parameter"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes must hold integers"),
        ({"hidden_layer_sizes": (2.5,)}, "hidden_layer_sizes must hold integers"),
        ({"dropout": 1.0}, "'dropout' parameter"),
        ({"temperature": 0}, "'temperature' parameter"),
        ({"y_transformer": 3}, "'y_transformer' parameter"),
    ],
)
def test_parameters_out_of_range(params, match):
    projector = make(**params)
    with pytest.raises(ValueError, match=match):
        projector.fit(X, Y)
    assert not hasattr(projector, "net_")


def test_many_dimensions_are_not_whitened():
    y = sparse.random_array((24, 5000), density=0.01, format="csr", rng=0)
    with pytest.raises(ValueError, match="whitening takes the covariance.*5000"):
        make(loss="cosine").fit(X, y)
    projector = make(loss="cosine", whitening=0, max_epochs=1).fit(X, y)
    assert projector.transform(X).shape == (24, 5000)
    # Divergences do without.
    make(**SOFTMAX, max_epochs=1).fit(X, y)


# --- Texts that say nothing -----------------------------------------------------------

SPEECHLESS = {
    "means": (word_means, {"loss": "cosine"}),
    "scaled": (word_means, {"loss": "sigmoid_cross_entropy"}),
    "contrastive": (word_means, {"loss": "info_nce"}),
}


@pytest.mark.parametrize("name", SPEECHLESS)
def test_texts_that_say_nothing_have_no_direction(name):
    vectorizer, params = SPEECHLESS[name]
    with pytest.warns(UserWarning, match="3 of 45 documents have no known word"):
        projector = make(vectorizer(), **params).fit(X_TEXT, WITH_EMPTY)
    assert all(np.isfinite(row["train_loss"]) for row in projector.history_)
    with pytest.warns(UserWarning, match="2 of 3 documents"):
        embedded = projector.transform_y(["", "unheard", "taxi"])
    np.testing.assert_array_equal(embedded[:2], 0)
    assert np.linalg.norm(embedded[2]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("similarity", ["kl", "log_ratio"])
def test_vectors_of_zeros_are_the_mean_distribution(similarity):
    y = SHARES.copy()
    y[[2, 9]] = 0
    projector = make(**SOFTMAX, similarity=similarity).fit(X, y)
    mean = SHARES[y.any(axis=1)].mean(axis=0)
    for embedded in (projector.transform_y(y), projector.topic_proba_y(y)):
        close(embedded[[2, 9]], [mean, mean])
        close(embedded[0], SHARES[0])


@by_vectorizer
@pytest.mark.filterwarnings("ignore:.*no known word")
def test_documents_that_say_nothing_have_the_mean_distribution(vectorizer):
    # Twice as many of one topic, so that the mean is not the uniform distribution.
    rows = np.r_[np.arange(45), np.flatnonzero(TOPIC_OF == 0)]
    texts = [TEXTS[i] for i in rows]
    projector = make(VECTORIZERS[vectorizer](), **SOFTMAX).fit(X_TEXT[rows], texts)
    mean = projector.topic_proba_y(texts).mean(axis=0)
    assert mean.max() > 0.45
    # Topic models say themselves what they know of such texts: their prior.
    expected = np.full(3, 1 / 3) if "lda" in vectorizer else mean
    close(projector.topic_proba_y([""]), [expected], atol=1e-3)
    close(projector.transform_y(["", "unheard"]), [expected] * 2, atol=1e-3)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize(
    "vectorizer, params",
    [(word_means, {"loss": "cosine"}), (VECTORIZERS["lda"], SOFTMAX)],
)
def test_texts_that_say_nothing_are_told_of_once(vectorizer, params, early_stopping):
    # So many that training and validation both have some.
    texts = ["" if i % 3 == 0 else text for i, text in enumerate(TEXTS)]
    projector = make(
        vectorizer(), **params, early_stopping=early_stopping, validation_fraction=0.4
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        projector.fit(X_TEXT, texts)
    assert "15 of 45 documents have no known word" in only_warning(caught)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        projector.transform_y(texts)
    assert "15 of 45 documents have no known word" in only_warning(caught)


@pytest.mark.parametrize(
    "vectorizer, params",
    [(word_means, {"loss": "cosine"}), (VECTORIZERS["lda"], SOFTMAX)],
)
@pytest.mark.parametrize("text", ["", "a !"])
def test_nothing_but_texts_that_say_nothing(vectorizer, params, text):
    projector = make(vectorizer(), **params)
    with pytest.raises(ValueError, match="None of the 45 documents has a word"):
        projector.fit(X_TEXT, [text] * 45)
    assert not hasattr(projector, "net_")


@pytest.mark.parametrize("loss", LOSSES)
def test_texts_all_alike_are_learned_without_nan(loss):
    projector = make(loss=loss).fit(X, np.ones((24, 3)))
    for embedded in (projector.transform(X), projector.transform_y(np.ones((2, 3)))):
        assert np.isfinite(embedded).all()


def test_a_text_of_one_number_has_no_scale():
    y = Y.copy()
    y[4] = 2.5
    projector = make(**RECIPE).fit(X, y)
    assert np.isfinite(projector.history_[-1]["train_loss"])
    np.testing.assert_array_equal(projector.transform_y(y[4:5]), 0)


# --- Containers -----------------------------------------------------------------------


def test_sparse_views_and_memory_maps_give_the_bits_of_dense_ones(tmp_path):
    expected = make(loss="cosine").fit(X, Y)
    np.save(tmp_path / "X.npy", X)
    x_views = [X, sparse.csr_matrix(X), sparse.csr_array(X), X.astype(np.float64),
               pd.DataFrame(X), np.load(tmp_path / "X.npy", mmap_mode="r")]  # fmt: skip
    y_views = [
        Y,
        sparse.csr_matrix(Y),
        sparse.csc_array(Y),
        Y.tolist(),
        pd.DataFrame(Y),
    ]
    for x_view in x_views:
        assert_same_bits(make(loss="cosine").fit(x_view, Y), expected)
        # Columns one after the other, as in a frame, are multiplied in another order.
        close(expected.transform(x_view), expected.transform(X), atol=1e-6)
    for y_view in y_views:
        assert_same_bits(make(loss="cosine").fit(X, y_view), expected)
        close(expected.transform_y(y_view), expected.transform_y(Y), atol=1e-6)


def test_texts_come_in_any_container():
    expected = make(TfidfVectorizer(), loss="cosine").fit(X_TEXT, TEXTS)
    for y in (np.array(TEXTS), pd.Series(TEXTS), tuple(TEXTS), [[t] for t in TEXTS]):
        assert_same_bits(
            make(TfidfVectorizer(), loss="cosine").fit(X_TEXT, y), expected
        )


@pytest.mark.parametrize("params", [{"loss": "cosine"}, {"loss": "info_nce"}])
def test_several_texts_of_an_image_are_rows_of_one_group(params):
    several = [[TEXTS[i], TEXTS[(i + 3) % 45]] for i in range(45)]
    of_lists = make(word_means(), **params).fit(X_TEXT, several)
    groups = np.repeat(np.arange(45), 2)
    of_rows = make(word_means(), **params).fit(
        np.repeat(X_TEXT, 2, axis=0), [t for row in several for t in row], groups=groups
    )
    assert_same_bits(of_lists, of_rows)
    flat = of_lists.transform_y([t for row in several for t in row])
    means = unit(flat.reshape(45, 2, -1).mean(axis=1))
    close(of_lists.transform_y(several), means)


def test_topics_of_several_texts_are_their_mean(topics):
    one, other = topics.topic_proba_y(["taxi bus taxi", "sea sand"])
    for both in (topics.topic_proba_y, topics.transform_y):
        close(both([["taxi bus taxi", "sea sand"]]), [(one + other) / 2])


def test_rows_of_one_group_are_not_negatives():
    groups = np.arange(24) // 2
    some = make(loss="info_nce").fit(X, Y, groups=groups)
    others = make(loss="info_nce").fit(X, Y)
    all_one = make(loss="info_nce").fit(X, Y, groups=np.zeros(24))
    losses = [p.history_[0]["train_loss"] for p in (others, some, all_one)]
    assert losses[0] > losses[1] > losses[2]
    assert losses[2] == pytest.approx(0, abs=1e-6)
    # Of losses that compare no pairs with others, groups change nothing.
    assert_same_bits(
        make(loss="cosine").fit(X, Y, groups=groups), make(loss="cosine").fit(X, Y)
    )


@pytest.mark.parametrize(
    "x, y, error, match",
    [
        (X[:-1], Y, ValueError, r"inconsistent numbers of samples: \[23, 24\]"),
        (X, None, ValueError, "requires y"),
        (X, [], ValueError, "inconsistent numbers"),
        (X[:1], Y[:1], ValueError, "minimum of 2 is required"),
        (X * [np.nan] + [0] * 7, Y, ValueError, "Input X contains NaN"),
        (X, np.where(np.eye(24, 6) > 0, np.inf, Y), ValueError, "y contains infinity"),
        (X, [["a"]] * 23 + [[]], ValueError, "Row 23 of y has no item"),
        (X, ["a b"] * 23 + [None], TypeError, "Row 23 of y must be a str"),
        (X[:, None], Y, ValueError, "Found array with dim 3"),
        (X, list(Y[:-1]) + [Y[0, :2]], ValueError, "rows of y differ in length"),
    ],
)
def test_what_is_no_pair_of_views(x, y, error, match):
    projector = make(loss="cosine")
    with pytest.raises(error, match=match):
        projector.fit(x, y)
    assert not hasattr(projector, "net_")


@pytest.mark.parametrize("method", ["transform_y", "topic_proba_y"])
def test_texts_of_another_width(method):
    projector = make(**SOFTMAX).fit(X, SHARES)
    with pytest.raises(ValueError, match="y has 4 features.* fitted with 6"):
        getattr(projector, method)(SHARES[:, :4])


@pytest.mark.parametrize("method", ["transform_y", "topic_proba_y"])
@pytest.mark.parametrize("similarity", ["kl", "log_ratio"])
def test_negative_numbers_are_no_distribution_later_either(method, similarity):
    projector = make(**SOFTMAX, similarity=similarity).fit(X, SHARES)
    y = SHARES.copy()
    y[3, 1] = -0.5
    with pytest.raises(ValueError, match="text 3 of y has negative"):
        getattr(projector, method)(y)


@pytest.mark.parametrize("method", ["transform_y", "topic_proba_y"])
@pytest.mark.parametrize("y", [[], None])
def test_no_texts_at_all(method, y):
    projector = make(**SOFTMAX).fit(X, SHARES)
    with pytest.raises(ValueError, match="needs at least 1 row of y; got none"):
        getattr(projector, method)(y)


def test_texts_for_a_model_of_vectors_are_told_to_be_texts(vectors):
    for call in (
        lambda: vectors.transform_y(["a dog"]), lambda: vectors.search(["a dog"], X),
        lambda: vectors.rank(X, ["a dog"]),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="y holds text"):
            call()


def test_vectors_for_a_model_of_texts(means):
    with pytest.raises((TypeError, ValueError), match="[Dd]ocument"):
        means.transform_y(Y)


def test_a_transformer_that_makes_no_vectors():
    with pytest.raises(TypeError, match="y_transformer must make one vector"):
        make(FunctionTransformer(lambda texts: texts)).fit(X_TEXT, TEXTS)
    with pytest.raises(ValueError, match="y_transformer returned 1 rows for 45 items"):
        make(FunctionTransformer(lambda texts: np.ones((1, 3)))).fit(X_TEXT, TEXTS)


def test_the_default_for_texts_is_means_of_word_vectors_and_for_vectors_none():
    projector = make(loss="cosine", max_epochs=1).fit(X_TEXT, TEXTS)
    assert isinstance(projector.y_transformer_, WordMeanVectorizer)
    assert make(loss="cosine", max_epochs=1).fit(X, Y).y_transformer_ is None


@pytest.mark.parametrize(
    "method, args",
    [("transform", (X,)), ("transform_y", (Y,)), ("topic_proba", (X,)),
     ("topic_proba_y", (Y,)), ("hidden_features", (X,)), ("get_topics", ()),
     ("top_images", (X,)), ("rank", (X, Y)), ("search", (Y, X)), ("score", (X, Y))],
)  # fmt: skip
def test_nothing_is_known_before_fit(method, args):
    with pytest.raises(NotFittedError):
        getattr(make(), method)(*args)


# --- scikit-learn ---------------------------------------------------------------------


def test_parameters_are_kept_and_cloned():
    module = nn.Linear(7, 3)
    projector = make(TfidfVectorizer(), image_module=module, loss="cosine")
    params = projector.get_params()
    assert params["image_module"] is module
    assert params["y_transformer__max_df"] == 1.0
    cloned = clone(projector)
    assert cloned.get_params(deep=False)["image_module"] is module  # shared
    assert cloned.y_transformer is not projector.y_transformer
    projector.set_params(y_transformer__max_df=0.5, loss="info_nce")
    assert projector.y_transformer.max_df == 0.5


def test_grid_search_over_the_texts_and_the_loss():
    search = GridSearchCV(
        make(make_pipeline(TfidfVectorizer(), TruncatedSVD(random_state=0))),
        {"y_transformer__truncatedsvd__n_components": [2, 4],
         "loss": ["cosine", "info_nce"]}, cv=2,
    ).fit(X_TEXT, TEXTS)  # fmt: skip
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    best = search.best_estimator_
    n_components = search.best_params_["y_transformer__truncatedsvd__n_components"]
    assert best.transform(X_TEXT).shape == (45, n_components)
    assert best.score(X_TEXT, TEXTS) == search.score(X_TEXT, TEXTS)


def test_grid_search_over_the_number_of_topics():
    lda = LDAVectorizer(2, max_iter=2)
    search = GridSearchCV(
        make(lda, **SOFTMAX), {"y_transformer__n_components": [2, 3]}, cv=2,
        scoring=make_retrieval_scorer("recall@5"),
    ).fit(X_TEXT, TEXTS)  # fmt: skip
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    n_topics = search.best_params_["y_transformer__n_components"]
    assert len(search.best_estimator_.get_topics()) == n_topics


def by_joblib(projector):
    file = io.BytesIO()
    joblib.dump(projector, file)
    file.seek(0)
    return joblib.load(file)


def by_skops(projector):
    skops = pytest.importorskip("skops.io")
    dumped = skops.dumps(projector)
    return skops.loads(dumped, trusted=skops.get_untrusted_types(data=dumped))


ROUTES = {
    "pickle": lambda projector: pickle.loads(pickle.dumps(projector)),
    "joblib": by_joblib,
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "skops": by_skops,
}
SAVED = {
    "vectors": lambda: make(loss="cosine").fit(X, Y),
    "row scaling": lambda: make(**RECIPE).fit(X, Y),
    "shares": lambda: make(**SOFTMAX).fit(X, SHARES),
    "texts": lambda: make(TfidfVectorizer(), hidden_layer_sizes=(5,)).fit(
        X, TEXTS[:24]
    ),
    "topics": lambda: make(LDAVectorizer(2), **SOFTMAX).fit(X, TEXTS[:24]),
}


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("name", SAVED)
def test_what_is_saved_comes_back_and_trains_on(route, name):
    projector = SAVED[name]()
    y = {"shares": SHARES, "texts": TEXTS[:24], "topics": TEXTS[:24]}.get(name, Y)
    back = ROUTES[route](projector)
    assert_same_bits(back, projector)
    np.testing.assert_array_equal(back.transform(X), projector.transform(X))
    np.testing.assert_array_equal(back.transform_y(y), projector.transform_y(y))
    assert back.similarity_ == projector.similarity_
    again = [p.set_params(warm_start=True).fit(X, y) for p in (back, projector)]
    assert_same_bits(*again)


@pytest.mark.parametrize(
    "optimizer", [{}, {"optimizer": "sgd", "net_params": {"optimizer__momentum": 0.9}}]
)
def test_two_epochs_and_two_more_are_four_to_the_bit(optimizer):
    four = make(loss="info_nce", max_epochs=4, **optimizer).fit(X, Y)
    two = make(loss="info_nce", warm_start=True, **optimizer).fit(X, Y)
    assert_same_bits(two.fit(X, Y), four)
    one_by_one = make(loss="info_nce", **optimizer)
    for _ in range(4):
        one_by_one.partial_fit(X, Y)
    assert_same_bits(one_by_one, four)


def test_a_warm_start_takes_another_loss_of_the_same_space():
    projector = make(loss="cosine", warm_start=True, max_epochs=3).fit(X, Y)
    before = learned(projector)
    projector.set_params(loss="info_nce").fit(X, Y)
    assert projector.n_iter_ == 6
    fresh = make(loss="info_nce", max_epochs=3).fit(X, Y)
    assert (learned(projector)["head.1.weight"] != before["head.1.weight"]).any()
    assert (
        learned(projector)["head.1.weight"] != learned(fresh)["head.1.weight"]
    ).any()


@pytest.mark.parametrize(
    "first, then",
    [
        ({"loss": "cosine"}, {"loss": "squared_error"}),
        ({"loss": "cosine"}, {"loss": "sigmoid_cross_entropy"}),
        ({"loss": "cosine"}, {"loss": "softmax_cross_entropy"}),
        (SOFTMAX, {"loss": "sigmoid_cross_entropy"}),
        (SOFTMAX, {"similarity": "kl"}),
        ({"loss": "cosine"}, {"similarity": "dot"}),
        ({"loss": "cosine"}, {"center": False}),
        ({"loss": "cosine"}, {"whitening": 0}),
        ({"loss": "sigmoid_cross_entropy"}, {"target_scaling": "row"}),
        ({"loss": "cosine"}, {"hidden_layer_sizes": (3,)}),
    ],
)
def test_a_warm_start_refuses_another_space(first, then):
    y = SHARES if first is SOFTMAX else POSITIVE
    projector = make(**first, warm_start=True).fit(X, y)
    before = learned(projector)
    projector.set_params(**then)
    with pytest.raises(ValueError, match="changed.*warm_start=False"):
        projector.fit(X, y)
    np.testing.assert_equal(learned(projector), before)
    projector.set_params(warm_start=False).fit(X, y)


def test_a_warm_start_refuses_another_image_module():
    projector = make(image_module=nn.Linear(7, 3), warm_start=True).fit(X, Y)
    projector.set_params(image_module=nn.Linear(7, 3))
    with pytest.raises(ValueError, match="image_module changed"):
        projector.fit(X, Y)


@pytest.mark.parametrize(
    "first, then",
    [
        (SHARES, np.zeros((24, 6))),  # nothing but texts that say nothing
        (POSITIVE, SHARES),  # which by chance sum to 1
    ],
    ids=["zeros", "shares"],
)
@pytest.mark.parametrize("how", ["partial_fit", "warm_start"])
def test_the_space_is_that_of_the_first_texts(first, then, how):
    # Nothing was changed by the caller, so that there is nothing to put back.
    projector = make(loss="sigmoid_cross_entropy", warm_start=True, max_epochs=1)
    train = projector.partial_fit if how == "partial_fit" else projector.fit
    train(X, first)
    similarity = projector.similarity_
    train(X, then)
    assert projector.similarity_ == similarity
    assert projector.n_iter_ == 2


def test_later_texts_do_not_move_the_space():
    projector = make(loss="cosine").partial_fit(X, Y)
    embedded = projector.transform_y(Y)
    projector.partial_fit(X, 10 * Y + 5)
    np.testing.assert_array_equal(projector.transform_y(Y), embedded)


@pytest.mark.parametrize("params", [{"loss": "cosine"}, SOFTMAX])
def test_early_stopping_restores_the_best(params):
    projector = make(
        **params, max_epochs=30, early_stopping=True, validation_fraction=0.4,
        n_iter_no_change=2, lr=0.3,
    ).fit(X, POSITIVE)  # fmt: skip
    scores = [row["valid_score"] for row in projector.history_]
    assert len(scores) == projector.n_iter_ < 30
    best = int(np.argmax(scores))
    shorter = make(
        **params, max_epochs=best + 1, early_stopping=True, validation_fraction=0.4,
        n_iter_no_change=99, lr=0.3,
    ).fit(X, POSITIVE)  # fmt: skip
    np.testing.assert_array_equal(projector.transform(X), shorter.transform(X))


def test_one_seed_gives_the_same_bits():
    params = {"y_transformer": LDAVectorizer(3), "dropout": 0.3, **SOFTMAX}
    one, other = (make(**params).fit(X_TEXT, TEXTS) for _ in range(2))
    assert_same_bits(one, other)
    third = make(**{**params, "random_state": 1}).fit(X_TEXT, TEXTS)
    assert (third.transform(X_TEXT) != one.transform(X_TEXT)).any()


def test_a_frozen_transformer_is_used_as_it_is():
    tfidf = TfidfVectorizer().fit([*TEXTS, "unicorn"])
    projector = make(FrozenEstimator(tfidf), loss="cosine").fit(X_TEXT, TEXTS)
    assert projector.transform(X_TEXT).shape[1] == 16
    assert projector.y_transformer_.estimator is tfidf


def test_set_output_and_names():
    projector = make(loss="cosine").fit(pd.DataFrame(X, columns=list("abcdefg")), Y)
    names = [f"semanticprojector{i}" for i in range(6)]
    assert projector.get_feature_names_out().tolist() == names
    assert projector.feature_names_in_.tolist() == list("abcdefg")
    assert projector.n_features_in_ == 7
    expected = projector.transform(pd.DataFrame(X, columns=list("abcdefg")))
    projector.set_output(transform="pandas")
    frame = pd.DataFrame(X, columns=list("abcdefg"), index=np.arange(24) + 7)
    embedded = projector.transform(frame)
    assert embedded.columns.tolist() == names
    assert embedded.index.tolist() == frame.index.tolist()
    np.testing.assert_array_equal(embedded.to_numpy(), expected)
    assert projector.transform_y(Y).columns.tolist() == names
    found, _ = projector.search(Y[:2], frame, n=3)
    assert found.shape == (2, 3)


# --- Raw images -----------------------------------------------------------------------


class Normalized(nn.Sequential):
    """A small net, with statistics and a layer that is not trained."""

    def __init__(self):
        generator = torch.Generator().manual_seed(0)
        super().__init__(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(),
            nn.Conv2d(4, 5, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(2),
        )  # fmt: skip
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.rand(parameter.shape, generator=generator) - 0.4)
        self[0].requires_grad_(False)


def draw_images(n, seed):
    """Draw images of one bright corner of four, and which it is."""
    rng = np.random.default_rng(seed)
    corner = np.arange(n) % 4
    images = rng.random((n, 1, 8, 8)).astype(np.float32)
    for image, c in zip(images, corner, strict=True):
        image[0, c // 2 * 4 : c // 2 * 4 + 4, c % 2 * 4 : c % 2 * 4 + 4] += 2
    return images, np.eye(4)[corner] + 0.05 * rng.random((n, 4)), corner


IMAGES, CORNERS, _ = draw_images(40, 0)


def fit_images(**params):
    module = params.pop("image_module", None) or Normalized()
    given = {"loss": "cosine", "lr": 0.02, "max_epochs": 15, **params}
    return make(image_module=module, **given).fit(IMAGES, CORNERS)


@pytest.fixture(scope="module")
def seeing():
    """One of raw images: don't change it."""
    return fit_images(hidden_layer_sizes=(6,), max_epochs=2)


def test_a_backbone_is_trained_but_for_what_is_frozen_and_the_given_one_is_not():
    module = Normalized()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    projector = fit_images(image_module=module)
    X_new, _, corner = draw_images(40, 3)
    found, _ = projector.search(np.eye(4), X_new, n=10)
    assert (corner[found] == np.arange(4)[:, None]).mean() > 0.9
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(parameter.grad is None for parameter in module.parameters())
    backbone = projector.net_.module_.backbone.state_dict()
    for name, value in before.items():
        frozen = name.startswith("0.")
        assert torch.equal(backbone[name], value) is frozen, name


def test_frozen_parts_of_a_backbone_compute_what_they_did():
    # Batch statistics and dropout would change features that are not to be trained.
    frozen = nn.Sequential(Normalized(), nn.Dropout(0.5)).requires_grad_(False)
    frozen(torch.tensor(IMAGES))  # statistics of its own
    projector = fit_images(
        image_module=nn.Sequential(frozen, nn.Flatten(), nn.BatchNorm1d(20))
    )
    backbone = projector.net_.module_.backbone
    for name, value in frozen.state_dict().items():
        assert torch.equal(backbone[0].state_dict()[name], value), name
    assert backbone[2].running_mean.any()  # that of a part that is trained
    projector = fit_images(image_module=frozen)
    with torch.no_grad():
        expected = frozen.eval()(torch.tensor(IMAGES)).flatten(1).numpy()
    np.testing.assert_allclose(projector.hidden_features(IMAGES), expected, rtol=1e-5)
    module = projector.net_.module_.train()
    assert module.training and module.head.training and not module.backbone.training


@pytest.mark.parametrize("hidden", [(), (6,), (6, 3)])
@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_hidden_features_are_what_the_last_layer_is_given(hidden, activation):
    projector = fit_images(
        hidden_layer_sizes=hidden, activation=activation, dropout=0.5, max_epochs=1
    )
    module = projector.net_.module_.eval()
    with torch.no_grad():
        features = module.backbone(torch.tensor(IMAGES)).flatten(1)
        linear = [layer for layer in module.head if isinstance(layer, nn.Linear)]
        function = {"relu": torch.relu, "tanh": torch.tanh, "gelu": nn.GELU()}[
            activation
        ]
        for layer in linear[:-1]:
            features = function(layer(features))
        outputs = linear[-1](features)
    found = projector.hidden_features(IMAGES)
    assert found.dtype == np.float32
    close(found, features.numpy())
    close(projector.transform(IMAGES), unit(outputs.numpy()), atol=1e-4)


def test_hidden_features_of_given_features():
    projector = make(loss="cosine", hidden_layer_sizes=(5,)).fit(X, Y)
    weight, bias = (
        p.detach().numpy() for p in list(projector.net_.module_.parameters())[:2]
    )
    close(projector.hidden_features(X), np.maximum(X @ weight.T + bias, 0))


def test_without_a_hidden_layer_there_are_no_hidden_features(vectors):
    with pytest.raises(ValueError, match="no hidden features.*hidden_layer_sizes"):
        vectors.hidden_features(X)


@pytest.mark.parametrize("route", ["pickle", "joblib", "deepcopy", "copy"])
def test_a_backbone_is_saved_with_its_weights(seeing, route):
    back = ROUTES[route](seeing)
    np.testing.assert_array_equal(back.transform(IMAGES), seeing.transform(IMAGES))
    np.testing.assert_array_equal(
        back.hidden_features(IMAGES), seeing.hidden_features(IMAGES)
    )
    if route != "copy":  # which would train the fixture
        back.set_params(warm_start=True).fit(IMAGES, CORNERS)
        assert back.n_iter_ == seeing.n_iter_ + 2


def test_an_image_is_embedded_alike_in_any_company(seeing):
    alone = np.concatenate([seeing.transform(IMAGES[i : i + 1]) for i in range(8)])
    close(alone, seeing.transform(IMAGES)[:8], atol=1e-6)


def test_images_in_other_containers(seeing, tmp_path):
    np.save(tmp_path / "images.npy", IMAGES)
    on_disk = np.load(tmp_path / "images.npy", mmap_mode="r")
    expected = seeing.transform(IMAGES)
    for images in (on_disk, IMAGES.astype(np.float64), list(IMAGES)):
        np.testing.assert_array_equal(seeing.transform(images), expected)
    projector = make(
        image_module=Normalized(), loss="cosine", hidden_layer_sizes=(6,), lr=0.02
    )
    assert_same_bits(projector.fit(on_disk, CORNERS), seeing)


def test_hostile_images(seeing):
    with pytest.raises(ValueError, match="contains NaN"):
        fit_images(image_module=nn.Flatten()).transform(np.full((1, 1, 8, 8), np.nan))
    with pytest.raises(ValueError, match="X has 3 features"):
        seeing.transform(np.ones((2, 3, 8, 8)))


def test_images_too_small_to_be_read_are_told_of_as_in_fit(seeing):
    with pytest.raises(ValueError, match=r"rows of X, of shape \(1, 2, 2\)"):
        seeing.transform(IMAGES[:, :, :2, :2])


class Empty(nn.Linear):
    """A net that is false, as containers without an entry are."""

    def __len__(self):
        return 0


def test_a_module_is_used_whatever_its_length():
    projector = make(image_module=Empty(7, 3), loss="cosine").fit(X, Y)
    assert projector.transform(X).shape == (24, 6)
    assert isinstance(projector.net_.module_.backbone, Empty)
    embedded = make(image_module=nn.Sequential(), loss="cosine").fit(X, Y).transform(X)
    np.testing.assert_array_equal(
        embedded, make(image_module=nn.Identity(), loss="cosine").fit(X, Y).transform(X)
    )


class Returns(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return self.function(self.weight * x)


def test_a_module_may_name_its_features_as_those_of_transformers_do():
    named = Returns(lambda x: SimpleNamespace(pooler_output=2 * x, last_hidden=None))
    bare = Returns(lambda x: 2 * x)
    embedded = [
        make(image_module=module, loss="cosine").fit(X, Y).transform(X)
        for module in (named, bare)
    ]
    np.testing.assert_array_equal(*embedded)


@pytest.mark.parametrize(
    "module, x, match",
    [
        (
            nn.Conv2d(3, 2, 3),
            IMAGES,
            r"cannot read the rows of X, of shape \(1, 8, 8\)",
        ),
        (nn.Linear(9, 2), X, r"cannot read the rows of X, of shape \(7,\)"),
        (nn.BatchNorm2d(1), X, r"cannot read the rows of X, of shape \(7,\)"),
        (Returns(lambda x: (x, x)), X, "must return a tensor.*got tuple"),
        (Returns(lambda x: None), X, "must return a tensor.*got NoneType"),
        (Returns(lambda x: x.sum(dim=1)), X, "must return a tensor.*row of features"),
        (Returns(lambda x: x.mean(0, keepdim=True)), X, "row of features for each"),
        (nn.Conv2d(2, 2, 3), IMAGES[:, 0], r"row of features|cannot read"),
    ],
    ids=[
        "channels",
        "width",
        "batch norm",
        "tuple",
        "none",
        "numbers",
        "mean",
        "no batch",
    ],
)
def test_modules_that_make_no_features(module, x, match):
    projector = make(image_module=module, loss="squared_error")
    with pytest.raises(ValueError, match=match):
        projector.fit(x, np.random.default_rng(0).normal(size=(len(x), 3)))
    assert not hasattr(projector, "net_")


def test_grid_search_over_images():
    search = GridSearchCV(
        make(image_module=Normalized(), loss="cosine"),
        {"hidden_layer_sizes": [(), (4,)]}, cv=2,
    ).fit(IMAGES, CORNERS)  # fmt: skip
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# --- Search ---------------------------------------------------------------------------

COMPARED = {
    "cosine": ({"loss": "cosine"}, lambda x, y: x @ y),
    "dot": ({"loss": "squared_error", "similarity": "dot"}, lambda x, y: x @ y),
    "euclidean": (
        {"loss": "squared_error", "similarity": "euclidean"},
        lambda x, y: -np.sqrt(((x - y) ** 2).sum()),
    ),
    "kl": ({**SOFTMAX, "similarity": "kl"}, lambda x, y: -entropy(y, x)),
    "log_ratio": ({**SOFTMAX, "similarity": "log_ratio"}, lambda x, y: x @ y),
}


@pytest.mark.parametrize("similarity", COMPARED)
@pytest.mark.parametrize("n", [1, 3, 99])
def test_search_and_rank_equal_brute_force(similarity, n):
    params, between = COMPARED[similarity]
    projector = make(**params).fit(X, SHARES)
    images = projector.transform(X[:9]).astype(float)
    texts = projector.transform_y(SHARES[:12]).astype(float)
    table = np.array([[between(x, y) for y in texts] for x in images])
    indices, scores = projector.search(SHARES[:12], X[:9], n=n)
    assert indices.shape == scores.shape == (12, min(n, 9))
    for j in range(12):
        best = np.sort(table[:, j])[::-1][:n]
        close(scores[j], best)
        close(table[indices[j], j], best)
    ranked, scores = projector.rank(X[:9], SHARES[:12], n=n)
    for i in range(9):
        best = np.sort(table[i])[::-1][:n]
        close(scores[i], best)
        rows = [
            int(np.flatnonzero((SHARES == row).all(axis=1))[0]) for row in ranked[i]
        ]
        close(table[i, rows], best)


def test_kl_and_log_ratio_find_the_same_images_for_a_text():
    found = [
        make(**SOFTMAX, similarity=similarity, max_epochs=5).fit(X, SHARES)
        .search(SHARES, X, n=24)[0] for similarity in ("kl", "log_ratio")
    ]  # fmt: skip
    assert (found[0] == found[1]).mean() > 0.99  # but for rounding


def test_rank_returns_the_texts(means):
    lexicon = [" ".join(words) for words in TOPICS.values()]
    ranked, scores = means.rank(X_TEXT[:3], lexicon, n=99)
    assert [row[0] for row in ranked] == lexicon
    assert all(sorted(row) == sorted(lexicon) for row in ranked)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert means.rank(X_TEXT[:3], pd.Series(lexicon), n=99)[0] == ranked


@pytest.mark.parametrize("n", [0, -1, 2.5, "all", None])
def test_how_many_must_be_a_number(means, topics, n):
    for call in (
        lambda: means.rank(X_TEXT, ["taxi"], n=n),
        lambda: means.search(["taxi"], X_TEXT, n=n),
        lambda: topics.top_images(X_TEXT, n=n), lambda: topics.get_topics(n),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="n must be an integer of at least 1"):
            call()


def test_what_is_searched_for_is_a_list(means):
    for call in (
        lambda: means.rank(X_TEXT, "taxi"), lambda: means.search("taxi", X_TEXT)
    ):  # fmt: skip
        with pytest.raises(TypeError, match="texts must be a list of str; got str"):
            call()
    for call in (
        lambda: means.rank(X_TEXT, []), lambda: means.search([], X_TEXT)
    ):  # fmt: skip
        with pytest.raises(ValueError):
            call()


# --- Topics ---------------------------------------------------------------------------


def test_topics_are_told_by_their_words(topics):
    table = topics.y_transformer_.topic_word_
    words = list(topics.y_transformer_.vocabulary_)
    for row, topic in zip(table, topics.get_topics(99), strict=True):
        assert sorted(word for word, _ in topic) == sorted(words)
        shares = [share for _, share in topic]
        assert shares == sorted(shares, reverse=True)
        assert sum(shares) == pytest.approx(1)
        for word, share in topic:
            assert share == pytest.approx(row[words.index(word)])
    best = [{word for word, _ in topic} for topic in topics.get_topics(5)]
    assert sorted(map(sorted, best)) == sorted(map(sorted, TOPICS.values()))


@pytest.mark.parametrize(
    "vectorizer",
    [
        VECTORIZERS["pipeline of lda"],
        lambda: make_pipeline(TfidfVectorizer(), NMF(3, max_iter=500)),
    ],
)
def test_topics_of_pipelines_have_the_shares_of_their_components(vectorizer):
    projector = make(vectorizer(), **SOFTMAX, max_epochs=1).fit(X_TEXT, TEXTS)
    steps = projector.y_transformer_
    shares = steps[-1].components_ / steps[-1].components_.sum(axis=1, keepdims=True)
    words = steps[0].get_feature_names_out()
    for row, topic in zip(shares, projector.get_topics(4), strict=True):
        best = np.argsort(-row, kind="stable")[:4]
        assert [word for word, _ in topic] == words[best].tolist()
        close([share for _, share in topic], row[best])
        assert all(type(word) is str and type(share) is float for word, share in topic)


def test_words_are_topics_of_counts():
    projector = make(CountVectorizer(), **SOFTMAX, max_epochs=1).fit(X_TEXT, TEXTS)
    words = projector.y_transformer_.get_feature_names_out()
    for word, topic in zip(words, projector.get_topics(2), strict=True):
        assert topic[0] == (word, 1.0)
        assert topic[1][1] == 0


def test_topics_of_a_frozen_transformer():
    lda = LDAVectorizer(3, random_state=0).fit(TEXTS)
    projector = make(FrozenEstimator(lda), **SOFTMAX, max_epochs=1).fit(X_TEXT, TEXTS)
    assert projector.get_topics(3) == lda.get_topics(3)


def test_vectors_have_no_topics(vectors, means):
    for projector in (vectors, means):
        with pytest.raises(TypeError, match="has no words of its components"):
            projector.get_topics()
    svd = make_pipeline(TfidfVectorizer(), TruncatedSVD(2, random_state=0))
    with pytest.raises(ValueError, match="components_ of TruncatedSVD have negative"):
        make(svd, loss="cosine", max_epochs=1).fit(X_TEXT, TEXTS).get_topics()


def test_vectors_are_no_distribution_over_topics(vectors):
    for call in (lambda: vectors.topic_proba(X), lambda: vectors.topic_proba_y(Y)):
        with pytest.raises(ValueError, match="There are no topics"):
            call()


def test_shares_of_topics_sum_to_one(topics):
    for shares in (topics.topic_proba(X_TEXT), topics.topic_proba_y(TEXTS)):
        assert shares.dtype == np.float32
        assert (shares >= 0).all()
        close(shares.sum(axis=1), 1)
    close(topics.topic_proba_y(TEXTS), topics.y_transformer_.transform(TEXTS))


def test_top_images_are_those_of_the_largest_values(topics, vectors):
    for projector, images, values in (
        (topics, X_TEXT, topics.topic_proba(X_TEXT)),
        (vectors, X, vectors.transform(X)),
    ):
        for n in (1, 5, 99):
            found, shares = projector.top_images(images, n=n)
            assert found.shape == (values.shape[1], min(n, len(images)))
            for row, best, column in zip(found, shares, values.T, strict=True):
                close(best, np.sort(column)[::-1][:n])
                close(column[row], best)


# --- Scores ---------------------------------------------------------------------------


@pytest.mark.parametrize("similarity", COMPARED)
def test_scores_and_reports_are_those_of_the_embeddings(similarity):
    params, _ = COMPARED[similarity]
    projector = make(**params).fit(X, SHARES)
    views = projector.transform(X), projector.transform_y(SHARES)
    compared_by = "dot" if similarity == "log_ratio" else similarity
    assert projector.similarity_ == compared_by
    expected = mean_reciprocal_rank(*views, similarity=compared_by)
    assert projector.score(X, SHARES) == pytest.approx(expected)
    metrics = ["mrr", "recall@1", "recall@5"]
    scorer = make_retrieval_scorer(metrics, level="row")
    for name, value in retrieval_metrics(
        *views, similarity=compared_by, metrics=metrics
    ).items():
        assert scorer(projector, X, SHARES)[name] == pytest.approx(value)
    report = retrieval_report(projector, X, SHARES)
    assert str(report) == str(retrieval_report(None, *views, similarity=compared_by))


def test_kl_is_the_divergence_of_texts_from_images():
    projector = make(**SOFTMAX, similarity="kl", max_epochs=5).fit(X, SHARES)
    images, texts = projector.transform(X), projector.transform_y(SHARES)
    table = np.array([[-entropy(t, p) for t in texts] for p in images])
    own = np.diag(table)
    ranks = [(table >= own[:, None]).sum(axis=1), (table >= own).sum(axis=0)]
    assert projector.score(X, SHARES) == pytest.approx(np.mean([1 / r for r in ranks]))


def test_texts_all_alike_score_at_chance():
    projector = make(loss="cosine").fit(X, np.ones((24, 3)))
    chance = np.mean(1 / np.arange(1, 25))
    assert projector.score(X, np.ones((24, 3))) == pytest.approx(chance)
