"""compose_query: sums and differences in closed form, of rows of any kind."""

import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from gensim.models import KeyedVectors
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from torch import nn

from sklearn_crossmodal import (
    CaptionRanker,
    CosCosEmbedder,
    DynamicLexicon,
    Im2VecProjector,
    ImageEnhancedSkipGram,
    LevenshteinStringEmbedder,
    SemanticProjector,
    WordImageEmbedder,
    compose_query,
)
from sklearn_crossmodal.base import TwoViewEmbedder, embed_y
from sklearn_crossmodal.preprocessing import LDAVectorizer

PARAMS = {
    "lr": 0.05, "lr_schedule": "constant", "batch_size": 16, "max_epochs": 2,
    "device": "cpu", "random_state": 0,
}  # fmt: skip
TOWERS = {**PARAMS, "hidden_layer_sizes": (), "dropout": 0.0}
WORDS = {"dog": [1, 0, 0], "cat": [0, 2, 0], "sea": [0, 0, 3], "blind": [0, 0, 0]}


class Both(TwoViewEmbedder):
    """Images are twice their numbers, and texts the sum of their words' vectors."""

    def __init__(self, similarity="dot"):
        self.similarity = similarity

    def fit(self, X, y, groups=None):
        self._n_features_out = 3
        self.fitted_ = True
        return self

    def transform(self, X):
        X = self._check_X(X, reset=False) if hasattr(self, "n_features_in_") else X
        X = X.toarray() if sparse.issparse(X) else X
        return 2 * np.asarray(X, dtype=np.float32)

    def transform_y(self, y):
        rows = [[text] if isinstance(text, str) else text for text in y]
        rows = [
            np.sum([WORDS[w] for t in row for w in t.split()], axis=0)
            if all(isinstance(t, str) for t in row) else np.asarray(row)
            for row in rows
        ]  # fmt: skip
        return np.array(rows, dtype=np.float32)


BOTH = Both().fit(None, None)
DIRECTIONS = Both("cosine").fit(None, None)
DOG, CAT, SEA = (np.array(WORDS[name], dtype=float) for name in ("dog", "cat", "sea"))
IMAGE = np.array([0.5, -1, 0.25])
_rng = np.random.default_rng(0)
X = _rng.normal(size=(24, 5)).astype(np.float32)
Y = (X @ _rng.normal(size=(5, 4)) + 3).astype(np.float32)
SHARES = np.abs(Y) / np.abs(Y).sum(axis=1, keepdims=True)


def close(a, b, **options):
    np.testing.assert_allclose(a, b, **{"rtol": 1e-4, "atol": 1e-5, **options})


def unit(rows):
    rows = np.asarray(rows, dtype=float)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


# --- Closed forms ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "positive, negative, weights, expected",
    [
        (["dog"], [], None, DOG),
        (["dog", "cat"], [], None, (DOG + CAT) / 2),
        ([IMAGE], [], None, 2 * IMAGE),
        ([IMAGE, "sea"], [], None, (2 * IMAGE + SEA) / 2),
        (["dog", "cat"], ["sea"], None, DOG + CAT - SEA),
        (["dog", "cat"], ["sea"], [3, 1, 2], (3 * DOG + CAT - 2 * SEA) / 2),
        (["dog", "cat"], [], [3, 0], DOG),
        # Nothing to divide by: directions are summed, whatever their lengths.
        (["cat"], ["dog"], None, [-1, 1, 0]),
        (["cat"], ["sea"], [5, 5], [0, 5, -5]),
        ([IMAGE], ["sea"], None, unit(IMAGE) - [0, 0, 1]),
        # Nor where more is taken away than added.
        (["dog"], ["cat", "sea"], None, [1, -1, -1]),
        (["dog"], ["cat"], [1, 3], [1, -3, 0]),
        ([], ["cat"], None, [0, -1, 0]),
        ([], ["cat", IMAGE], [2, 1], -2 * unit(CAT) - unit(IMAGE)),
    ],
)
def test_a_query_is_the_weighted_mean_of_rows(positive, negative, weights, expected):
    query = compose_query(BOTH, positive, negative, weights)
    assert query.dtype == np.float32
    assert query.shape == (3,)
    close(query, expected)
    close(compose_query(DIRECTIONS, positive, negative, weights), unit(expected))


def test_a_row_without_direction_adds_nothing_where_directions_are_summed():
    close(compose_query(BOTH, ["cat"], ["blind"]), [0, 1, 0])
    close(compose_query(BOTH, ["cat", "blind"], ["dog", "sea"]), [-1, 1, -1])


@pytest.mark.parametrize("estimator", [BOTH, DIRECTIONS])
@pytest.mark.parametrize(
    "positive, negative",
    [
        (["dog"], ["dog"]),
        (["dog", "cat"], ["dog", "cat"]),
        ([IMAGE, -IMAGE], []),
        (["dog"], [DOG / 2]),
        ([1e-3 * DOG, "sea"], [1e-3 * DOG, "sea"]),
    ],
)
def test_what_cancels_has_no_direction(estimator, positive, negative):
    with pytest.raises(ValueError, match="cancels to zero"):
        compose_query(estimator, positive, negative)


@pytest.mark.parametrize("negative", [[], ["blind"]])
def test_what_has_no_direction_does_not_cancel(negative):
    with pytest.raises(ValueError, match="None of the rows has a direction"):
        compose_query(DIRECTIONS, ["blind"], negative)


rows = hnp.arrays(float, (4, 3), elements=st.floats(-5, 5).map(lambda v: round(v, 2)))
weights = hnp.arrays(float, 4, elements=st.floats(0.1, 3))


@given(
    rows=rows, weights=weights, n_negative=st.integers(0, 3), seed=st.integers(0, 99)
)
def test_the_order_of_rows_does_not_matter(rows, weights, n_negative, seed):
    rows[:, 0] += 10 * np.arange(1, 5)  # so that they do not cancel
    n = 4 - n_negative
    signs = np.r_[np.ones(n), -np.ones(n_negative)]
    rng = np.random.default_rng(seed)
    order = np.r_[rng.permutation(n), n + rng.permutation(n_negative)]
    try:
        query = compose_query(BOTH, list(rows[:n]), list(rows[n:]), weights)
    except ValueError as error:
        assert "cancels" in str(error)
        return
    again = compose_query(
        BOTH, list(rows[order[:n]]), list(rows[order[n:]]), weights[order]
    )
    close(again, query, rtol=1e-3, atol=1e-3)
    total = signs @ weights
    if total > 0.1:
        close(query, 2 * (signs * weights) @ rows / total, rtol=1e-3, atol=1e-3)
        # Weights are relative.
        more = compose_query(BOTH, list(rows[:n]), list(rows[n:]), 7 * weights)
        close(more, query, rtol=1e-3, atol=1e-3)


# --- Kinds of rows --------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        IMAGE, IMAGE.tolist(), tuple(IMAGE.tolist()), IMAGE.astype(np.float32),
        pd.Series(IMAGE, index=list("abc")), sparse.csr_matrix(IMAGE[None]),
        sparse.csr_array(IMAGE[None]), sparse.csr_array(IMAGE[None])[0], ("x", IMAGE),
        ("x", IMAGE.tolist()), ("y", 2 * IMAGE),
    ],
    ids=["array", "list", "tuple", "float32", "series", "matrix", "sparse array",
         "sparse row", "x", "x list", "y"],
)  # fmt: skip
def test_rows_of_images(row):
    estimator = Both().fit(None, None)
    estimator.n_features_in_ = 3  # X is checked
    close(compose_query(estimator, [row]), 2 * IMAGE)
    close(compose_query(estimator, [row, "dog"], [row]), DOG)


@pytest.mark.parametrize(
    "row", [["dog", "sea"], ("dog", "sea"), "dog sea", ("y", "dog sea")]
)
def test_rows_of_texts(row):
    close(compose_query(BOTH, [row]), DOG + SEA)


def test_rows_in_other_containers():
    frame = pd.DataFrame([IMAGE, DOG], columns=list("abc"))
    expected = IMAGE + DOG
    close(compose_query(BOTH, [row for _, row in frame.iterrows()]), expected)
    close(compose_query(BOTH, tuple(frame.to_numpy())), expected)
    close(compose_query(BOTH, frame.to_numpy()), expected)
    close(compose_query(BOTH, np.array(["dog", "sea"])), (DOG + SEA) / 2)


@pytest.mark.parametrize("name", ["positive", "negative"])
@pytest.mark.parametrize(
    "bad",
    [
        "dog", 3, None, {"dog": 1}, {"dog"}, iter(["dog"]), IMAGE,
        sparse.csr_matrix(np.eye(3)), IMAGE.tolist(), pd.DataFrame({"dog": IMAGE}),
    ],
    ids=["str", "number", "none", "dict", "set", "iterator", "row", "sparse", "numbers",
         "frame"],
)  # fmt: skip
def test_what_is_no_list_of_rows(name, bad):
    # A frame, as a list, is one of the names of its columns.
    with pytest.raises(TypeError, match=f"{name} must be a list of rows"):
        compose_query(BOTH, **{"positive": ["sea"], name: bad})


@pytest.mark.parametrize(
    "row",
    [None, sparse.csr_matrix(np.eye(5)[:2]), np.eye(5)[:2], (X[0], X[1]), ("z", X[0]),
     object()],
    ids=["none", "sparse rows", "rows", "two rows", "third view", "object"],
)  # fmt: skip
def test_what_is_no_row_is_named(row):
    model = SemanticProjector(**TOWERS).fit(X, X)
    with pytest.raises((TypeError, ValueError), match="(?i)(entry|row) 1 of positive"):
        compose_query(model, [X[0], row])


@pytest.mark.parametrize(
    "weights, match",
    [
        ([1], r"weights has shape \(1,\).* 2 rows of positive and 1 of negative"),
        ([1, 2, 3, 4], r"weights has shape \(4,\)"),
        ([[1, 2, 3]], r"weights has shape \(1, 3\)"),
        (2, r"weights has shape \(\)"),
        ([1, 2, -1], "not negative"),
        ([1, 2, np.nan], "finite"),
        ([1, 2, np.inf], "finite"),
        ([0, 0, 0], "not all zero"),
    ],
)
def test_weights_that_are_none(weights, match):
    with pytest.raises(ValueError, match=match):
        compose_query(BOTH, ["dog", "cat"], ["sea"], weights)


def test_a_query_needs_a_row():
    with pytest.raises(ValueError, match="needs a row in positive or negative"):
        compose_query(BOTH)
    with pytest.raises(ValueError, match="needs a row in positive or negative"):
        compose_query(BOTH, [], [], [])


def test_what_has_no_two_views():
    with pytest.raises(TypeError, match="CountVectorizer has no second view"):
        compose_query(CountVectorizer(), ["dog"])
    with pytest.raises(TypeError, match="exactly one two-view step"):
        compose_query(make_pipeline(StandardScaler(), PCA()), ["dog"])


@pytest.mark.parametrize(
    "wrap", [lambda e: e, lambda e: make_pipeline(StandardScaler(), e)]
)
def test_what_is_not_fitted(wrap):
    with pytest.raises(NotFittedError):
        compose_query(wrap(SemanticProjector()), [[1.0, 2.0]])


# --- SemanticProjector ----------------------------------------------------------------

MODELS = {
    "cosine": {"loss": "cosine", "center": True, "whitening": 0.5},
    "as they are": {"loss": "cosine", "center": False, "whitening": 0},
    "dot": {"loss": "squared_error", "similarity": "dot"},
    "euclidean": {"loss": "squared_error", "similarity": "euclidean"},
    "column": {"loss": "sigmoid_cross_entropy", "target_scaling": "column"},
    "row": {"loss": "sigmoid_cross_entropy", "target_scaling": "row", "center": False,
            "whitening": 0, "similarity": "dot"},
    "kl": {"loss": "softmax_cross_entropy", "similarity": "kl"},
    "log_ratio": {"loss": "softmax_cross_entropy", "similarity": "log_ratio"},
    "topics as vectors": {"loss": "softmax_cross_entropy", "similarity": "cosine"},
}  # fmt: skip
by_model = pytest.mark.parametrize("name", MODELS)
OF_SHARES = ("kl", "log_ratio", "topics as vectors")


def semantic(name):
    y = SHARES if name in OF_SHARES else Y
    return SemanticProjector(**{**TOWERS, **MODELS[name]}).fit(X, y), y


@by_model
def test_a_query_of_one_row_is_its_embedding(name):
    model, y = semantic(name)
    for i in (0, 7):
        close(compose_query(model, [("y", y[i])]), model.transform_y(y[i : i + 1])[0])
        close(compose_query(model, [("y", y[i])] * 3), model.transform_y(y[[i]])[0])
        # Images too, but where what is searched is not what searches.
        query = compose_query(model, [X[i]])
        if name == "log_ratio":
            close(query, model.topic_proba(X[i : i + 1])[0])
        elif name == "row":
            image = torch.tensor(X[i : i + 1])
            with torch.no_grad():
                outputs = model.net_.module_.outputs(image).sigmoid().numpy()
            close(query, outputs[0])
        else:
            close(query, model.transform(X[i : i + 1])[0])


@by_model
def test_taking_away_what_was_added_leaves_the_rest(name):
    model, y = semantic(name)
    a, b = ("y", y[3]), ("y", y[9])
    close(compose_query(model, [a, b], [b]), compose_query(model, [a]), atol=1e-4)
    close(compose_query(model, [a, X[2]], [X[2]]), compose_query(model, [a]), atol=1e-4)
    with pytest.raises(ValueError, match="cancels to zero"):
        compose_query(model, [a, X[2]], [X[2], a])


@pytest.mark.parametrize("center", [True, False])
def test_sums_are_of_the_vectors_of_the_text_model(center):
    model = SemanticProjector(loss="cosine", center=center, whitening=0, **TOWERS).fit(
        X, Y
    )
    origin = Y.mean(axis=0) * center
    query = compose_query(model, [("y", Y[0]), ("y", Y[1])], [("y", Y[2])])
    close(query, unit(Y[0] + Y[1] - Y[2] - origin))
    query = compose_query(model, [("y", Y[0])], [("y", Y[2])])
    close(query, unit(unit(Y[0] - origin) - unit(Y[2] - origin)))
    scores = model.transform(X) @ compose_query(model, [("y", Y[0]), ("y", Y[1])])
    found, similarities = model.search((Y[:1] + Y[1:2]) / 2, X, n=24)
    close(scores[found[0]], similarities[0], atol=1e-5)


@pytest.mark.parametrize("name", ["kl", "log_ratio"])
def test_queries_of_distributions_are_distributions(name):
    model, y = semantic(name)
    for positive, negative in (
        ([("y", y[0]), X[1]], []), ([("y", y[0]), X[1]], [("y", y[2])]),
        ([X[0]], [("y", y[1])]), ([X[0], ("y", y[3])], [X[2]]),
    ):  # fmt: skip
        query = compose_query(model, positive, negative)
        assert (query >= 0).all()
        assert query.sum() == pytest.approx(1, abs=1e-5)
    mean = compose_query(model, [("y", y[0]), ("y", y[1])], weights=[3, 1])
    close(mean, (3 * y[0] + y[1]) / 4)
    left = np.maximum(y[0] + y[1] - y[2], 0)
    close(
        compose_query(model, [("y", y[0]), ("y", y[1])], [("y", y[2])]),
        left / left.sum(),
    )
    with pytest.raises(ValueError, match="taken away leaves nothing"):
        compose_query(model, [], [X[3], ("y", y[4])])


def test_what_is_taken_away_is_found_less():
    scenes = np.eye(3)[np.arange(30) % 3]
    both = np.clip(
        scenes + np.roll(scenes, 1, axis=1) * (np.arange(30) % 2)[:, None], 0, 1
    )
    model = SemanticProjector(
        loss="cosine", whitening=0, center=True, **{**TOWERS, "max_epochs": 30}
    ).fit(both, both)
    query = compose_query(
        model, [("y", [1.0, 1, 0]), ("y", [1.0, 0, 0])], [("y", [0, 1.0, 0])]
    )
    scores = model.transform(np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0]])) @ query
    assert scores[0] > scores[1] > scores[2]


def test_texts_and_features_in_one_query():
    texts = ["dog runs", "cat sleeps", "dog sleeps", "cat runs"] * 6
    model = SemanticProjector(TfidfVectorizer(), loss="cosine", **TOWERS).fit(X, texts)
    query = compose_query(model, [X[0], "dog"], ["cat sleeps"])
    rows = [
        model._coordinates_x(X[:1])[0],
        *model._coordinates_y(["dog", "cat sleeps"]),
    ]
    close(query, unit(rows[0] + rows[1] - rows[2]), atol=1e-4)
    of_several = compose_query(model, [["dog", "cat"]])
    close(
        of_several, unit(model._coordinates_y(["dog", "cat"]).mean(axis=0)), atol=1e-4
    )
    with pytest.raises(ValueError, match="None of the rows has a direction"):
        compose_query(model, ["unicorn"])


def test_images_of_two_dimensions():
    images = np.random.default_rng(0).random((24, 4, 6)).astype(np.float32)
    model = SemanticProjector(
        loss="cosine", image_module=nn.Linear(6, 2), **TOWERS
    ).fit(images, Y)
    expected = model.transform(images[:2])
    close(compose_query(model, [images[0]]), expected[0])
    close(compose_query(model, [("x", images[0].tolist())]), expected[0])
    cubes = images[:, None]
    model = SemanticProjector(
        loss="cosine", image_module=nn.Conv2d(1, 2, 3), **TOWERS
    ).fit(cubes, Y)
    close(compose_query(model, [cubes[1]]), model.transform(cubes[1:2])[0])


def test_images_of_words(tmp_path):
    images = np.random.default_rng(0).integers(256, size=(12, 20, 30)).astype(np.uint8)
    strings = [f"w{'abcdefghijkl'[i]}" for i in range(12)]
    small = LevenshteinStringEmbedder(
        n_components=4, n_filters=4, hidden_layer_sizes=(4,), epoch_size=16,
        batch_size=16, max_epochs=1, random_state=0,
    )  # fmt: skip
    model = WordImageEmbedder(
        small, image_size=(16, 32), channels=(4, 4, 8, 8), columns=(4, 2, 1),
        hidden_layer_sizes=(8,), n_distractors=2, fine_tune_epochs=0, max_epochs=1,
        random_state=0, similarity="cosine", device="cpu",
    ).fit(list(images), strings)  # fmt: skip
    expected = unit(model.transform([images[0]])[0] + model.transform_y(["wa"])[0])
    close(compose_query(model, [images[0], "wa"]), expected)


# --- Inside other estimators ----------------------------------------------------------


@pytest.mark.parametrize(
    "later", [[], [PCA(2)], [FunctionTransformer(np.negative), PCA(3)]]
)
def test_the_steps_of_a_pipeline_before_and_after(later):
    model = SemanticProjector(loss="cosine", **TOWERS)
    pipe = make_pipeline(StandardScaler(), MinMaxScaler(), model, *later).fit(X, Y)
    query = compose_query(pipe, [X[4]])
    close(query, pipe.transform(X[4:5])[0])
    close(compose_query(pipe, [("y", Y[4])]), embed_y(pipe, Y[4:5])[0])
    inner = pipe["semanticprojector"]
    scaled = pipe[:2].transform(X)
    mixed = compose_query(inner, [scaled[4], ("y", Y[1])], [scaled[2]])
    if later:
        mixed = pipe[-len(later) :].transform(mixed[None])[0]
    close(compose_query(pipe, [X[4], ("y", Y[1])], [X[2]]), mixed)


def test_names_of_columns_are_no_matter():
    frame = pd.DataFrame(X, columns=list("abcde"))
    for output in ("default", "pandas"):
        pipe = make_pipeline(
            StandardScaler(), SemanticProjector(loss="cosine", **TOWERS), PCA(2)
        ).set_output(transform=output)
        pipe.fit(frame, Y)
        expected = np.asarray(pipe.transform(frame[3:4]))[0]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            close(compose_query(pipe, [frame.iloc[3]]), expected)
            close(compose_query(pipe, [X[3]]), expected)


def test_inside_a_search():
    search = GridSearchCV(
        make_pipeline(StandardScaler(), SemanticProjector(loss="cosine", **TOWERS)),
        {"semanticprojector__center": [True, False]}, cv=2,
    ).fit(X, Y)  # fmt: skip
    close(compose_query(search, [X[0]]), search.transform(X[:1])[0])
    outer = make_pipeline(MinMaxScaler(), search.best_estimator_)
    outer[0].fit(X)
    close(compose_query(outer, [X[0]]), outer.transform(X[:1])[0])


# --- Other estimators -----------------------------------------------------------------

NAMES = ["man", "boy", "woman", "girl", "king", "queen"]
VECTORS = (
    np.random.default_rng(3).normal(size=(6, 4)) * np.arange(1, 7)[:, None]
).astype("f4")
LABELS = [NAMES[i % 6] for i in range(24)]


def keyed():
    words = KeyedVectors(4)
    words.add_vectors(NAMES, VECTORS)
    return words


def test_words_and_images_are_mixed_as_most_similar_does():
    model = Im2VecProjector(
        word_vectors=keyed(), center=False, **PARAMS
    ).fit(X, LABELS)  # fmt: skip
    for positive, negative in (
        (["king", "woman"], ["man"]), (["king", X[0]], []), (["queen"], []),
        ([X[0], X[1], "boy"], ["girl"]),
    ):  # fmt: skip
        query = compose_query(model, positive, negative)
        assert np.linalg.norm(query) == pytest.approx(1, abs=1e-5)
        expected = dict(model.most_similar(positive, negative, topn=6))
        cosines = dict(zip(NAMES, unit(VECTORS) @ query, strict=True))
        for word, cosine in expected.items():
            assert cosines[word] == pytest.approx(cosine, abs=1e-4)
    query = compose_query(model, ["king", "woman"], ["man"])
    close(query, unit(VECTORS[4] + VECTORS[2] - VECTORS[0]))
    with pytest.raises(ValueError, match="'unicorn' has no word with a vector"):
        compose_query(model, ["unicorn"])


def test_words_that_are_trained_too():
    model = ImageEnhancedSkipGram(
        n_components=4, pretrain_epochs=1, max_epochs=1, random_state=0, device="cpu"
    ).fit(X, LABELS)
    query = compose_query(model, ["king", X[0]])
    expected = dict(model.most_similar(["king", X[0]], topn=6))
    cosines = model.transform_y(NAMES) @ query
    for word, cosine in expected.items():
        assert cosines[NAMES.index(word)] == pytest.approx(cosine, abs=1e-4)


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_embeddings_of_other_estimators_are_added(similarity):
    texts = ["dog runs", "cat sleeps", "dog sleeps", "cat runs"] * 6
    model = CaptionRanker(
        n_components=4, word_size=4, gru_size=4, max_epochs=1, random_state=0,
        device="cpu", similarity=similarity,
    ).fit(X, texts)  # fmt: skip
    rows = np.vstack(
        [model.transform(X[:1]), model.transform_y(["cat runs", "dog runs"])]
    )
    expected = rows.astype(float).sum(axis=0) - 2 * rows[2]
    query = compose_query(model, [X[0], "cat runs"], ["dog runs"])
    close(query, unit(expected) if similarity == "cosine" else expected)
    close(compose_query(model, ["dog runs"]), rows[2])


class Own(BaseEstimator):
    """A two-view estimator of a user's, which shares nothing with those here."""

    def __init__(self, similarity="cosine"):
        self.similarity = similarity

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def transform(self, X):
        return np.asarray(X, dtype=np.float32)

    def transform_y(self, y):
        return np.array([WORDS[text] for text in y], dtype=np.float32)


def test_estimators_of_a_class_of_ones_own():
    query = compose_query(Own("dot").fit(None, None), ["dog", IMAGE], ["sea"])
    close(query, DOG + IMAGE - SEA)
    query = compose_query(Own().fit(None, None), ["dog", IMAGE], ["sea"])
    close(query, unit(DOG + IMAGE - SEA))


def test_two_views_of_vectors():
    model = CosCosEmbedder(
        n_components=3, x_hidden_layer_sizes=(4,), y_hidden_layer_sizes=(4,),
        max_epochs=1, random_state=0, device="cpu",
    ).fit(X, Y)  # fmt: skip
    expected = unit(model.transform(X[:1])[0] + model.transform_y(Y[2:3])[0])
    close(compose_query(model, [X[0], ("y", Y[2])]), expected)
    close(compose_query(model, [X[0], ("y", pd.Series(Y[2]))]), expected)
    close(compose_query(model, [pd.Series(X[0]), ("y", Y[2].tolist())]), expected)


def test_lexicons_of_topics():
    texts = ["taxi bus stop", "sea sand wave"] * 12
    model = DynamicLexicon(
        LDAVectorizer(2, max_iter=3), **{**TOWERS, "max_epochs": 20}
    ).fit(np.eye(2)[np.arange(24) % 2], texts)
    query = compose_query(model, ["taxi", [1.0, 0.0]], ["sea"], [1, 1, 0.5])
    assert query.sum() == pytest.approx(1, abs=1e-5)
    scores = model.transform(np.eye(2)) @ query
    assert scores[0] > scores[1]
