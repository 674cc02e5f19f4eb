"""Im2VecProjector: images find words, by words given or trained; what it refuses."""

import bz2
import copy
import gzip
import io
import itertools
import lzma
import pickle
import warnings
from functools import cache

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from gensim.models import KeyedVectors, Word2Vec
from scipy import sparse
from sklearn import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch.callbacks import Callback

from sklearn_crossmodal import Im2VecProjector, make_retrieval_scorer

D = 8  # one for all tests: compiled code is made for a size
LOSSES = ["softmax", "sigmoid", "negative_sampling", "squared_error", "cosine"]
PARAMS = {
    "max_epochs": 2,
    "batch_size": 8,
    "lr": 1e-2,
    "lr_schedule": "constant",
    "device": "cpu",
    "random_state": 0,
}
# Word vectors that stay as they are, and those that are trained too.
KINDS = {"fixed": {}, "joint": {"joint": True, "image_passes": 2}}
by_kind = pytest.mark.parametrize("kind", KINDS)


def keyed(words, vectors):
    """Return gensim's KeyedVectors, without counts."""
    result = KeyedVectors(np.shape(vectors)[1])
    result.add_vectors(list(words), np.asarray(vectors, dtype=np.float32))
    return result


# --- A space of three traits, and images that show them -----------------------------

# Royal, female, young: eight words, of which each pair that differs in one trait is
# apart by the same vector.
TRAITS = np.array(list(itertools.product([-1.0, 1.0], repeat=3)))
NAMES = ["man", "boy", "woman", "girl", "king", "prince", "queen", "princess"]
_AXES = np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))[0][:4]
VECTORS = 2 * np.column_stack([np.full(8, 0.5), TRAITS]) @ _AXES
UNSEEN = ["queen", "boy"]


def draw_images(n=120, seed=0):
    rng = np.random.default_rng(seed)
    which = rng.integers(8, size=n)
    camera = np.random.default_rng(1).normal(size=(3, 6))
    X = TRAITS[which] @ camera + 0.1 * rng.normal(size=(n, 6))
    return X.astype(np.float32), np.array(NAMES, dtype=object)[which]


def learner(**params):
    return Im2VecProjector(**{
        **PARAMS, "word_vectors": keyed(NAMES, VECTORS), "center": False, "lr": 0.03,
        "max_epochs": 30, "batch_size": 32, "weight_decay": 0, **params,
    })  # fmt: skip


@pytest.fixture(scope="module")
def trained():
    """One that never saw an image of UNSEEN words: don't change it."""
    X, y = draw_images()
    seen = ~np.isin(y, UNSEEN)
    return learner(loss="squared_error").fit(X[seen], y[seen])


# --- A small case, for all that is no matter of learning ----------------------------

WORDS = [f"w{i}" for i in range(6)]
_rng = np.random.default_rng(3)
SPACE = _rng.normal(size=(6, D)).astype(np.float32)
Y = [WORDS[i % 4] for i in range(22)]
X = (np.eye(4)[np.arange(22) % 4] + 0.1 * _rng.normal(size=(22, 4))).astype(np.float32)
TEXT = [list(_rng.permutation(WORDS)[: 2 + i % 4].astype(object)) for i in range(60)]


def make(kind="fixed", **params):
    given = {"word_vectors": keyed(WORDS, SPACE), **PARAMS, **KINDS[kind], **params}
    return Im2VecProjector(**given)


def learned(projector):
    """Return the weights, the tables and what was recorded, but how long it took."""
    module = projector.net_.module_
    state = {**module.state_dict(), **projector.net_.criterion_.state_dict()}
    state = {name: value.numpy().copy() for name, value in state.items()}
    state["table"] = projector.word_vectors_.vectors.copy()
    history = [
        {k: v for k, v in row.items() if k != "dur" and not k.endswith("_best")}
        for row in projector.history_
    ]
    return {"state": state, "history": history, "scale": projector.projection_scale_}


def assert_same_bits(one, other):
    np.testing.assert_equal(learned(one), learned(other))
    assert list(one.vocabulary_) == list(other.vocabulary_)


def slow_projections(projector, X):
    """Apply the linear layer, in double precision."""
    weight, bias = (p.detach().numpy().astype(float)
                    for p in projector.net_.module_.image.parameters())  # fmt: skip
    return np.array([[sum(x * row) + b for row, b in zip(weight, bias, strict=True)]
                     for x in np.asarray(X, dtype=float)])  # fmt: skip


def slow_cosine(u, v):
    u, v = np.asarray(u, dtype=float), np.asarray(v, dtype=float)
    return (u @ v) / np.sqrt((u @ u) * (v @ v))


def unit(v):
    v = np.asarray(v, dtype=float)
    return v / np.sqrt((v * v).sum(axis=-1, keepdims=True))


def slow_nearest(vector, table, n):
    """Rank the entries of a dict of vectors by cosine; return names and cosines."""
    cosines = {name: slow_cosine(vector, entry) for name, entry in table.items()}
    ranked = sorted(cosines, key=lambda name: -cosines[name])[:n]
    return ranked, [cosines[name] for name in ranked]


class At(Callback):
    """Call a function of the net at a hook of one epoch."""

    def __init__(self, epoch, action, hook="on_batch_end"):
        self.epoch = epoch
        self.action = action
        self.hook = hook

    def _maybe(self, hook, net):
        if hook == self.hook and len(net.history) == self.epoch:
            self.action(net)

    def on_epoch_begin(self, net, **kwargs):
        self._maybe("on_epoch_begin", net)

    def on_batch_end(self, net, training=False, **kwargs):
        if training:
            self._maybe("on_batch_end", net)


class Batches(Callback):
    """Give each training batch to a function."""

    def __init__(self, note):
        self.note = note

    def on_batch_begin(self, net, batch, training=False, **kwargs):
        if training:
            views, _ = batch
            self.note({name: value.numpy().copy() for name, value in views.items()})


# --- It learns ----------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("center", [False, True])
def test_images_find_their_words_and_those_never_seen(loss, center):
    X, y = draw_images()
    seen = ~np.isin(y, UNSEEN)
    projector = learner(loss=loss, center=center).fit(X[seen], y[seen])
    losses = [row["train_loss"] for row in projector.history_]
    assert losses[-1] < losses[0]
    X, y = draw_images(seed=5)
    right = projector.predict(X) == y
    seen = ~np.isin(y, UNSEEN)
    assert right[seen].mean() > 0.95
    # No image taught the map where to put them: chance is 1 in 8.
    assert right[~seen].mean() > 0.8


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("targets", ["words", "outputs"])
def test_images_come_near_to_words_that_are_trained_too(loss, targets):
    projector = make(
        "joint", word_vectors=word2vec(), loss=loss, targets=targets, max_epochs=6,
        image_passes=10, image_word_lr=0.02, lr=0.05,
    ).fit(X, Y)  # fmt: skip
    losses = [row["train_loss"] for row in projector.history_]
    assert losses[-1] < losses[0]
    table = getattr(projector.net_.module_, targets).numpy()
    shown = WORDS[:4]
    candidates = {word: table[projector.vocabulary_[word]] for word in shown}
    if loss == "negative_sampling":  # it is of inner products, not of cosines
        scores = slow_projections(projector, X) @ np.transpose(
            list(candidates.values())
        )
        found = [shown[i] for i in scores.argmax(axis=1)]
    else:
        rows = slow_projections(projector, X)
        found = [slow_nearest(row, candidates, 1)[0][0] for row in rows]
    assert np.mean([a == b for a, b in zip(found, Y, strict=True)]) > 0.9
    assert all(np.isfinite(row["word_loss"]) for row in projector.history_)


def test_all_tags_of_an_image_are_near_it():
    X, y = draw_images()
    # Each image has its word and the one that differs in youth alone.
    tags = [[NAMES[NAMES.index(name) & ~1], NAMES[NAMES.index(name) | 1]] for name in y]
    projector = learner(loss="softmax").fit(X, tags)
    ranked, _ = projector.rank(X, n=2)
    right = [set(row) == set(own) for row, own in zip(ranked, tags, strict=True)]
    assert np.mean(right) > 0.95


@pytest.mark.parametrize("loss", ["squared_error", "cosine"])
def test_tags_train_like_rows_of_their_own(loss):
    tags = [[Y[i], WORDS[(i + 1) % 6]] for i in range(22)]
    of_tags = make(loss=loss).fit(X, tags)
    flat = [tag for row in tags for tag in row]
    of_rows = make(loss=loss).fit(np.repeat(X, 2, axis=0), flat)
    assert_same_bits(of_tags, of_rows)


@pytest.mark.parametrize("balance", [0.0, 0.5])
def test_a_text_of_several_words_is_trained_as_their_mean(balance):
    together = keyed([*WORDS, "both"], [*SPACE, (SPACE[0] + SPACE[1]) / 2])
    params = {"word_vectors": together, "loss": "squared_error", "center": False,
              "balance": balance, "max_epochs": 4}  # fmt: skip
    of_text = make(**params).fit(X, ["w0 w1" if word == "w0" else word for word in Y])
    of_mean = make(**params).fit(X, ["both" if word == "w0" else word for word in Y])
    np.testing.assert_allclose(of_text.transform(X), of_mean.transform(X), atol=1e-5)
    for one, other in zip(of_text.history_, of_mean.history_, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-5)


def test_squared_error_reaches_the_least_squares_solution():
    images, y = draw_images(60)
    projector = learner(
        loss="squared_error", max_epochs=400, batch_size=60, balance=0, lr=0.1,
        lr_schedule="cosine",
    ).fit(images, y)  # fmt: skip
    targets = np.array([VECTORS[NAMES.index(name)] for name in y])
    inputs = np.column_stack([images, np.ones(len(images))]).astype(float)
    solution = np.linalg.lstsq(inputs, targets, rcond=None)[0]
    residual = ((inputs @ solution - targets) ** 2).sum(axis=1).mean()
    reached = ((slow_projections(projector, images) - targets) ** 2).sum(axis=1).mean()
    assert residual <= reached + 1e-9
    assert reached < 1.05 * residual


def test_hidden_layers_find_what_no_linear_map_does():
    rng = np.random.default_rng(0)
    X = rng.choice([-1.0, 1.0], size=(200, 2))
    y = np.where(X[:, 0] * X[:, 1] > 0, "same", "other").astype(object)
    vectors = keyed(["same", "other", "else"], np.eye(3, D))
    params = {"word_vectors": vectors, "loss": "squared_error", "max_epochs": 30}
    linear = learner(**params).fit(X, y)
    deep = learner(hidden_layer_sizes=(8,), **params).fit(X, y)
    assert (deep.predict(X) == y).all()
    assert (linear.predict(X) == y).mean() < 0.9


# --- Numbers as labels --------------------------------------------------------------


LABELS = {"max_epochs": 40, "lr": 0.05, "batch_size": 22}


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float32, np.float64])
def test_numbers_are_labels_and_come_back_as_numbers(dtype):
    labels = (np.arange(22) % 4).astype(dtype)
    labels = labels / 2 if np.dtype(dtype).kind == "f" else labels
    projector = make(word_vectors=None, n_components=D, **LABELS)
    projector.fit(X, labels)
    found = projector.predict(X)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, labels)


def test_truth_values_are_labels_and_come_back_as_such():
    labels = np.arange(22) % 2 == 0
    projector = make(word_vectors=None, n_components=D, **LABELS)
    found = projector.fit(X, labels).predict(X)
    assert found.dtype == bool
    np.testing.assert_array_equal(found, labels)


def test_numbers_are_looked_up_by_their_digits_in_given_vectors():
    images, y = draw_images()
    y = np.array([NAMES.index(name) for name in y])
    digits = keyed(map(str, range(8)), VECTORS)
    seen = y != 6
    projector = learner(word_vectors=digits).fit(images[seen], y[seen])
    found = projector.predict(images)
    assert found.dtype == object
    assert found[seen].tolist() == list(map(str, y[seen]))
    assert set(found[~seen]) == {"6"}  # never seen
    np.testing.assert_array_equal(
        projector.transform_y(y), projector.transform_y(list(map(str, y)))
    )


def test_numbers_to_choose_from_are_given_as_numbers():
    labels = np.arange(22) % 4
    projector = make(word_vectors=None, n_components=D, **LABELS)
    projector.fit(X, labels)
    as_str = projector.predict(X, words=["1", "2"])
    as_int = projector.predict(X, words=[1, 2])
    assert as_int.dtype == as_str.dtype == labels.dtype
    np.testing.assert_array_equal(as_int, as_str)
    np.testing.assert_array_equal(as_int[labels == 1], 1)
    np.testing.assert_array_equal(projector.search([1], X)[0],
                                  projector.search(["1"], X)[0])  # fmt: skip


# --- Prediction against slow loops --------------------------------------------------


def test_embeddings_are_projections_and_words_of_unit_length(trained):
    images, _ = draw_images(seed=7)
    embedded = trained.transform(images)
    expected = unit(slow_projections(trained, images))
    np.testing.assert_allclose(embedded, expected, atol=1e-5)
    np.testing.assert_allclose(trained.transform_y(NAMES), unit(VECTORS), atol=1e-6)
    np.testing.assert_array_equal(
        trained.word_vectors_.vectors, VECTORS.astype(np.float32)
    )
    assert embedded.dtype == trained.transform_y(NAMES).dtype == np.float32


def test_rank_and_predict_equal_loops(trained):
    images, _ = draw_images(20, seed=7)
    table = dict(zip(NAMES, VECTORS, strict=True))
    some = {name: table[name] for name in ["girl", "queen", "man"]}
    projections = slow_projections(trained, images)
    for words, candidates in (None, table), (list(some), some):
        for n in (1, 3, 50):
            ranked, scores = trained.rank(images, words, n=n)
            assert scores.dtype == np.float32
            for row, found, cosines in zip(projections, ranked, scores, strict=True):
                expected, expected_cosines = slow_nearest(row, candidates, n)
                assert found == expected
                np.testing.assert_allclose(cosines, expected_cosines, atol=1e-5)
        first, _ = trained.rank(images, words, n=1)
        assert trained.predict(images, words).tolist() == [row[0] for row in first]


def test_search_equals_loops(trained):
    images, _ = draw_images(20, seed=7)
    projections = dict(enumerate(slow_projections(trained, images)))
    vector = dict(zip(NAMES, VECTORS, strict=True))
    queries = ["queen", ["king", "girl"], "man boy"]
    means = [
        vector["queen"],
        unit(vector["king"]) + unit(vector["girl"]),  # tags count alike
        vector["man"] + vector["boy"],  # words of one text as they are
    ]
    indices, scores = trained.search(queries, images, n=5)
    for mean, found, cosines in zip(means, indices, scores, strict=True):
        expected, expected_cosines = slow_nearest(mean, projections, 5)
        assert found.tolist() == expected
        np.testing.assert_allclose(cosines, expected_cosines, atol=1e-5)


def test_gensim_finds_what_the_projector_finds(trained):
    images, _ = draw_images(10, seed=7)
    ranked, scores = trained.rank(images, n=3)
    for x, words, cosines in zip(
        trained.transform(images), ranked, scores, strict=True
    ):
        found = trained.word_vectors_.similar_by_vector(x, topn=3)
        assert [word for word, _ in found] == words
        np.testing.assert_allclose([c for _, c in found], cosines, atol=1e-5)


@pytest.mark.parametrize("n", [0, -1, 2.5, "all", None])
def test_how_many_must_be_a_number(trained, n):
    images, _ = draw_images(4)
    for call in (
        lambda: trained.rank(images, n=n), lambda: trained.search(["man"], images, n=n),
        lambda: trained.most_similar(["man"], topn=n),
    ):  # fmt: skip
        with pytest.raises(ValueError, match="n must be an integer of at least 1"):
            call()


def test_a_phrase_of_the_vocabulary_is_one_word():
    vectors = keyed(["new", "york", "new york"], 3 * np.eye(3, D))
    projector = make(word_vectors=vectors, center=False)
    projector.fit(X, ["new york", "new"] * 11)
    np.testing.assert_allclose(
        projector.transform_y(["new york", "york new", "\tnew  york "]),
        [np.eye(3, D)[2], *[np.r_[1, 1, np.zeros(6)] / np.sqrt(2)] * 2], atol=1e-6,
    )  # fmt: skip


# --- Sums of words and images -------------------------------------------------------


def image_of(name):
    """Return the features of an image without noise."""
    camera = np.random.default_rng(1).normal(size=(3, 6))
    return TRAITS[NAMES.index(name)] @ camera


ANALOGIES = {
    "image - word + word": ([image_of("king"), "woman"], ["man"]),
    "word - image + word": (["king", "woman"], [image_of("man")]),
    "word - word + image": (["king", image_of("woman")], ["man"]),
    "images": ([image_of("king"), image_of("woman")], [image_of("man")]),
    "words": (["king", "woman"], ["man"]),
    "one array": (np.array([image_of("king"), image_of("woman")]), "man"),
}


@pytest.mark.parametrize("name", ANALOGIES)
@pytest.mark.parametrize("loss", ["squared_error", "cosine"])
def test_king_is_to_man_as_queen_is_to_woman(name, loss, trained):
    projector = trained
    if loss == "cosine":  # which leaves the length of projections to chance
        images, y = draw_images()
        seen = ~np.isin(y, UNSEEN)
        projector = learner(loss=loss).fit(images[seen], y[seen])
    positive, negative = ANALOGIES[name]
    found = projector.most_similar(positive, negative, topn=8)
    given = {word for word in [*positive, negative, *negative] if isinstance(word, str)}
    given &= set(NAMES)
    # Not even an image of the queen was seen; and what was given is no answer.
    assert found[0][0] == "queen"
    assert sorted(word for word, _ in found) == sorted(set(NAMES) - given)
    cosines = [cosine for _, cosine in found]
    assert cosines == sorted(cosines, reverse=True)


def test_what_is_given_second_is_taken_away(trained):
    # king + man - woman, the sign of the slides, leads away from the queen.
    names = "king", "man", "woman", "queen"
    king, man, woman, queen = (VECTORS[NAMES.index(name)] for name in names)
    found = dict(trained.most_similar(["king", "man"], ["woman"], topn=8))
    assert found["queen"] == pytest.approx(
        slow_cosine(king + man - woman, queen), abs=1e-5
    )
    assert found["queen"] < 0.5
    right = dict(trained.most_similar(["king", "woman"], ["man"], topn=8))
    assert right["queen"] == pytest.approx(1, abs=1e-5)


def test_sums_equal_loops(trained):
    image = image_of("prince")
    projected = slow_projections(trained, [image])[0] * trained.projection_scale_
    vector = dict(zip(NAMES, VECTORS, strict=True))
    query = projected + vector["woman"] + vector["woman"] - vector["girl"]
    table = {k: v for k, v in vector.items() if k not in ("woman", "girl")}
    expected, cosines = slow_nearest(query, table, 4)
    found = trained.most_similar([image, "woman", "woman"], "girl", topn=4)
    assert [word for word, _ in found] == expected
    np.testing.assert_allclose([cosine for _, cosine in found], cosines, atol=1e-5)


def test_a_projection_counts_as_much_as_a_word_on_the_average():
    images, y = draw_images()
    scales = []
    for length in (1.0, 50.0):
        vectors = keyed(NAMES, length * VECTORS)
        projector = learner(word_vectors=vectors, loss="cosine", balance=0)
        projector.fit(images, y)
        lengths = np.linalg.norm(slow_projections(projector, images), axis=1)
        of_words = [np.linalg.norm(vectors[name]) for name in y]
        assert projector.projection_scale_ * lengths.mean() == pytest.approx(
            np.mean(of_words), rel=1e-4
        )
        scales.append(projector.projection_scale_)
        # The loss knows nothing of lengths, and neither does the answer.
        found = projector.most_similar([image_of("king"), "woman"], ["man"], topn=1)
        assert found[0][0] == "queen"
    assert scales[1] == pytest.approx(50 * scales[0], rel=1e-3)


@pytest.mark.parametrize(
    "positive, negative, error, match",
    [
        ([], [], ValueError, "needs a word or an image"),
        (["man", "emperor"], [], KeyError, "'emperor' has no vector"),
        ([image_of("man")], ["emperor"], KeyError, "'emperor' has no vector"),
        (["man"], ["man"], ValueError, "cancels to zero"),
        ([np.ones(5)], [], ValueError, "X has 5 features.*expecting 6"),
        ([np.full(6, np.nan)], [], ValueError, "NaN"),
        (["man", None], [], TypeError, "Entry 1 of positive"),
        (["man"], [np.ones((2, 6))], TypeError, "Entry 0 of negative"),
        ([b"man"], [], TypeError, "Entry 0 of positive"),
    ],
)
def test_sums_of_what_is_not_there(trained, positive, negative, error, match):
    with pytest.raises(error, match=match):
        trained.most_similar(positive, negative)


def test_rows_of_a_frame_are_images():
    frame = pd.DataFrame(X, columns=list("abcd"))
    projector = make().fit(frame, Y)
    expected = make().fit(X, Y).most_similar([X[0], "w3"], ["w1"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert projector.most_similar([frame.iloc[0], "w3"], ["w1"]) == expected


# --- The space of the words ---------------------------------------------------------


def word2vec(**params):
    """Return a trained model, with context vectors."""
    model = Word2Vec(
        TEXT, vector_size=D, sg=1, min_count=1, epochs=30, seed=1, workers=1, sample=0,
        **params,
    )  # fmt: skip
    assert np.abs(model.syn1neg).max() > 0.1
    return model


TEXTS_OF_IMAGES = [
    *([word] for word in Y[:18]), ["w0 w3"], ["w2 nonsense"], ["w1", "w4"], ["w4"],
]  # fmt: skip


@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("add_outputs", [False, True])
def test_words_are_centred_where_images_are_and_joined_by_their_contexts(
    center, add_outputs
):
    model = word2vec()
    projector = make(word_vectors=model, center=center, add_outputs=add_outputs)
    projector.fit(X, TEXTS_OF_IMAGES)
    expected = model.wv.vectors.astype(float)
    if add_outputs:
        expected = expected + model.syn1neg
    if center:
        expected = unit(expected)
        named = [model.wv.key_to_index[f"w{i}"] for i in range(5)]  # w5 is not named
        expected = unit(expected - expected[named].mean(axis=0))
    space = projector.word_vectors_
    assert space.index_to_key == model.wv.index_to_key
    np.testing.assert_allclose(space.vectors, expected, atol=1e-5)
    np.testing.assert_array_equal(projector.word_table_, space.vectors)
    np.testing.assert_allclose(
        projector.transform_y(space.index_to_key), unit(expected), atol=1e-5
    )
    for word, count in zip(space.index_to_key, projector.word_counts_, strict=True):
        assert count == sum(sentence.count(word) for sentence in TEXT)


def test_words_of_zero_length_stay_zero_when_centred():
    vectors = np.vstack([SPACE[:5], np.zeros(D)])
    projector = make(word_vectors=keyed(WORDS, vectors)).fit(X, Y)
    assert np.isfinite(projector.transform(X)).all()
    assert np.isfinite(projector.word_vectors_.vectors).all()


def test_centring_does_not_apply_to_joint_training():
    model = word2vec()
    params = {"word_vectors": model, "word_lr": 0, "image_word_lr": 0}
    projector = make("joint", **params).fit(X, Y)
    np.testing.assert_array_equal(projector.word_vectors_.vectors, model.wv.vectors)
    np.testing.assert_array_equal(projector.net_.module_.outputs, model.syn1neg)


@by_kind
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.parametrize("kernel", ["torch", "numba"])
def test_given_vectors_are_not_changed(kind, center, kernel):
    if kernel == "numba":
        pytest.importorskip("numba")
    model = word2vec()
    before = model.wv.vectors.copy(), model.syn1neg.copy(), list(model.wv.index_to_key)
    projector = make(
        kind, word_vectors=model, center=center, add_outputs=False, kernel=kernel,
        corpus=None if kind == "fixed" else TEXT, word_lr=0.025,
    )  # fmt: skip
    projector.fit(X, Y).partial_fit(X, Y)
    projector.most_similar([X[0], "w1"])
    projector.word_vectors_.most_similar("w1")
    np.testing.assert_array_equal(model.wv.vectors, before[0])
    np.testing.assert_array_equal(model.syn1neg, before[1])
    assert model.wv.index_to_key == before[2]
    if kind == "joint":
        assert (projector.word_vectors_.vectors != before[0]).any()


@pytest.fixture
def torch_always_warns():
    """Tell of each array that torch may not write to, not only of the first."""
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(before)


@by_kind
@pytest.mark.parametrize("center", [False, True])
@pytest.mark.usefixtures("torch_always_warns")
def test_vectors_may_be_read_only(kind, center):
    vectors = keyed(WORDS, SPACE)
    vectors.vectors.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        projector = make(kind, word_vectors=vectors, center=center).fit(X, Y)
        projector.predict(X)
        projector.partial_fit(X, Y)
        pickle.loads(pickle.dumps(projector)).predict(X)
    assert_same_bits(projector, make(kind, center=center).fit(X, Y).partial_fit(X, Y))


# --- Where words come from ----------------------------------------------------------


def as_text(header=True):
    lines = [f"{len(WORDS)} {D}"] if header else []
    for word, vector in zip(WORDS, SPACE, strict=True):
        lines.append(" ".join([word, *map(str, vector)]))
    return ("\n".join(lines) + "\n").encode()


@pytest.mark.parametrize(
    "name, content",
    [
        ("words.txt", as_text()),
        ("words.txt.gz", gzip.compress(as_text())),
        ("words.bin", f"6 {D}\n".encode() + b"".join(
            word.encode() + b" " + v.tobytes() for word, v in zip(WORDS, SPACE,
                                                                   strict=True))),
        ("glove.txt", as_text(header=False)),
    ],
)  # fmt: skip
@by_kind
@pytest.mark.parametrize("as_type", [str, None])
def test_vectors_of_a_file(tmp_path, name, content, kind, as_type):
    path = tmp_path / name
    path.write_bytes(content)
    path = path if as_type is None else as_type(path)
    projector = make(kind, word_vectors=path).fit(X, Y)
    assert_same_bits(projector, make(kind).fit(X, Y))
    assert projector.word_vectors is path


@by_kind
def test_vectors_of_a_model_come_with_their_counts(kind):
    model = word2vec()
    projector = make(kind, word_vectors=model, add_outputs=False).fit(X, Y)
    of_vectors = make(kind, word_vectors=model.wv, add_outputs=False).fit(X, Y)
    counts = [sum(s.count(word) for s in TEXT) for word in projector.vocabulary_]
    assert projector.word_counts_.tolist() == of_vectors.word_counts_.tolist() == counts
    if kind == "fixed":
        assert_same_bits(projector, of_vectors)
    else:  # where context vectors start from is another matter
        np.testing.assert_array_equal(
            of_vectors.net_.module_.words.shape, projector.net_.module_.words.shape
        )
        assert (of_vectors.net_.module_.outputs != projector.net_.module_.outputs).any()


TRAINED = {"word_vectors": None, "n_components": D, "min_count": 1, "sample": 0}


def write_text(path, sentences):
    content = "".join(" ".join(words) + "\n" for words in sentences).encode()
    openers = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
    with openers.get(path.suffix, open)(path, "wb") as file:
        file.write(content)
    return path


class Stories:
    """Sentences that can be read again and again, and must not be copied."""

    __module__ = "__main__"  # other processes get it by value: no test is importable

    def __init__(self, sentences):
        self.sentences = sentences
        self.n_readings = 0

    def __iter__(self):
        self.n_readings += 1
        yield from self.sentences

    def __copy__(self):
        raise AssertionError("copied")

    __deepcopy__ = __copy__


@by_kind
@pytest.mark.parametrize(
    "name", [".txt", ".txt.gz", ".txt.bz2", ".txt.xz", "str", "paths", "tuples",
             "object", "arrays"],
)  # fmt: skip
def test_a_corpus_of_any_kind_is_the_same_text(tmp_path, kind, name):
    if name.startswith("."):
        corpus = write_text(tmp_path / f"text{name}", TEXT)
    elif name == "str":
        corpus = str(write_text(tmp_path / "text.txt", TEXT))
    elif name == "paths":
        corpus = [
            write_text(tmp_path / "one.txt", TEXT[:20]),
            str(write_text(tmp_path / "two.txt.gz", TEXT[20:])),
        ]
    elif name == "object":
        corpus = Stories(TEXT)
    elif name == "tuples":
        corpus = tuple(map(tuple, TEXT))
    else:
        corpus = [np.array(words) for words in TEXT]
    projector = make(kind, **TRAINED, corpus=corpus).fit(X, Y)
    assert_same_bits(projector, make(kind, **TRAINED, corpus=TEXT).fit(X, Y))
    assert projector.corpus is corpus


def test_words_are_those_that_gensim_trains():
    params = {"window": 2, "n_negatives": 3, "sample": 1e-2, "pretrain_epochs": 7}
    projector = make(**{**TRAINED, **params}, corpus=TEXT, center=False)
    projector.fit(X, Y)
    model = Word2Vec(
        TEXT, vector_size=D, sg=1, window=2, negative=3, sample=1e-2, epochs=7,
        min_count=1, workers=1, seed=projector.seed_,
    )  # fmt: skip
    assert projector.word_vectors_.index_to_key == model.wv.index_to_key
    np.testing.assert_array_equal(
        projector.word_vectors_.vectors, model.wv.vectors + model.syn1neg
    )


def test_rare_words_have_no_vector():
    corpus = [*TEXT, ["rare", "w0"], ["rare", "w1"]]
    projector = make(**{**TRAINED, "min_count": 3}, corpus=corpus).fit(X, Y)
    assert set(projector.vocabulary_) == set(WORDS)
    default = make(**{**TRAINED, "min_count": None}, corpus=corpus).fit(X, Y)
    assert set(default.vocabulary_) == set(WORDS)  # 5, of a corpus


@by_kind
def test_without_a_corpus_each_row_of_y_is_a_sentence(kind):
    y = ["a dog", ["cat", "mat"], "dog", ["a", "hot dog"], "cat", ["a dog"]] * 3
    sentences = [["a", "dog"], ["cat", "mat"], ["dog"], ["a", "hot dog"], ["cat"],
                 ["a", "dog"]] * 3  # fmt: skip
    params = {**TRAINED, "min_count": None}
    projector = make(kind, **params).fit(X[:18], y)
    given = make(kind, **{**TRAINED, "min_count": 1}, corpus=sentences).fit(X[:18], y)
    assert set(projector.vocabulary_) == {"a", "dog", "cat", "mat", "hot dog"}
    assert projector.vocabulary_ == given.vocabulary_
    assert projector.word_counts_.tolist() == given.word_counts_.tolist()
    if kind == "fixed":
        assert_same_bits(projector, given)


def test_texts_are_looked_up_as_they_are_transformed():
    lower = FunctionTransformer(lambda texts: [text.lower() for text in texts])
    projector = make(y_transformer=lower).fit(X, [word.upper() for word in Y])
    assert_same_bits(projector, make().fit(X, Y))
    np.testing.assert_array_equal(
        projector.transform_y(["W1", "w1"]), make().fit(X, Y).transform_y(["w1", "w1"])
    )


# --- Corpora and vectors are shared -------------------------------------------------


class Precious(KeyedVectors):
    """Word vectors too large to be copied."""

    def __copy__(self):
        raise AssertionError("copied")

    __deepcopy__ = __copy__


def test_clones_share_the_corpus_and_the_vectors():
    vectors = Precious(D)
    vectors.add_vectors(WORDS, SPACE)
    corpus = Stories(TEXT)
    bare = make("joint", word_vectors=vectors, corpus=corpus, anchored_words=["w0"])
    for estimator in (bare, copy.copy(bare), bare.fit(X, Y)):
        cloned = clone(estimator)
        assert cloned.corpus is corpus
        assert cloned.word_vectors is vectors
        assert cloned.anchored_words is not bare.anchored_words
        assert not hasattr(cloned, "net_")
    pipe = clone(make_pipeline(StandardScaler(), bare))
    assert pipe[-1].corpus is corpus
    search = GridSearchCV(pipe, {"im2vecprojector__lr": [1e-3, 1e-2]}, cv=2)
    best = search.fit(X, Y).best_estimator_[-1]
    assert best.corpus is corpus
    assert best.word_vectors is vectors


def test_a_search_in_two_processes_reads_a_corpus_of_ones_own():
    projector = make("joint", **TRAINED, corpus=Stories(TEXT))
    grid = {"lr": [1e-3, 3e-2]}
    searches = [
        GridSearchCV(projector, grid, cv=2, n_jobs=n_jobs, error_score="raise")
        for n_jobs in (None, 2)
    ]
    one, two = (search.fit(X, Y).cv_results_ for search in searches)
    for name in ("split0_test_score", "split1_test_score"):
        np.testing.assert_allclose(one[name], two[name], rtol=1e-5)
    assert_same_bits(*(search.best_estimator_ for search in searches))


# --- Balance ------------------------------------------------------------------------


def note_words(notes):
    return Batches(lambda views: notes.append(views["y"]))


@pytest.mark.parametrize("balance, share", [(0.0, 0.9), (0.5, 0.75), (1.0, 0.5)])
def test_balance_draws_rare_words_more_often(balance, share):
    # Nine to one; the square root of it is three to one.
    rng = np.random.default_rng(0)
    images, y = rng.normal(size=(100, 4)), ["w0"] * 90 + ["w1"] * 10
    notes = []
    make(balance=balance, max_epochs=40, batch_size=100,
         callbacks=[note_words(notes)]).fit(images, y)  # fmt: skip
    drawn = np.concatenate(notes).ravel()
    assert len(drawn) == 4000  # as many as images, an epoch
    assert set(drawn) == {0, 1}
    deviation = np.sqrt(share * (1 - share) / 4000)
    assert abs((drawn == 0).mean() - share) < (5 * deviation if balance else 1e-12)


@pytest.mark.parametrize("joint", [False, True])
def test_without_balance_an_epoch_has_each_image_once_a_pass(joint):
    seen = []
    projector = make(
        balance=0, joint=joint, image_passes=3,
        callbacks=[Batches(lambda views: seen.append(views["x"]))],
    ).fit(X, Y)  # fmt: skip
    passes = 3 if joint else 1
    rows, counts = np.unique(np.concatenate(seen), axis=0, return_counts=True)
    np.testing.assert_array_equal(rows, np.unique(X, axis=0))
    assert set(counts) == {passes * projector.n_iter_}


# --- Words that are trained too -----------------------------------------------------


@pytest.mark.parametrize("kernel", ["torch", "numba"])
@pytest.mark.parametrize("targets", ["words", "outputs"])
@pytest.mark.parametrize("corpus", [None, TEXT], ids=["y", "corpus"])
def test_joint_training_moves_words_but_those_anchored(kernel, targets, corpus):
    if kernel == "numba":
        pytest.importorskip("numba")
    model = word2vec()
    anchored = ["w1", "w4"]
    y = [[Y[i], WORDS[(i + 1) % 6]] for i in range(22)]  # each row also a sentence
    projector = make(
        "joint", word_vectors=model, corpus=corpus, anchored_words=anchored,
        kernel=kernel, targets=targets, sample=0, word_lr=0.025, image_word_lr=0.025,
    ).fit(X, y)  # fmt: skip
    projector.partial_fit(X, y)
    module = projector.net_.module_
    fixed = np.isin(model.wv.index_to_key, anchored)
    for table, before in (
        (module.words.numpy(), model.wv.vectors),
        (module.outputs.numpy(), model.syn1neg),
    ):
        np.testing.assert_array_equal(table[fixed], before[fixed])
        assert (table[~fixed] != before[~fixed]).any(axis=1).all()
    np.testing.assert_array_equal(projector.word_vectors_.vectors, module.words)
    np.testing.assert_array_equal(projector.word_vectors_["w1"], model.wv["w1"])


@pytest.mark.parametrize("targets", ["words", "outputs"])
def test_images_move_the_table_that_they_are_compared_with(targets):
    model = word2vec()
    projector = make(
        "joint", word_vectors=model, targets=targets, word_lr=0, image_word_lr=0.05,
        loss="squared_error",
    ).fit(X, Y)  # fmt: skip
    module = projector.net_.module_
    tables = {"words": (module.words.numpy(), model.wv.vectors),
              "outputs": (module.outputs.numpy(), model.syn1neg)}  # fmt: skip
    named = np.isin(model.wv.index_to_key, Y)
    now, before = tables.pop(targets)
    assert (now[named] != before[named]).any(axis=1).all()
    np.testing.assert_array_equal(now[~named], before[~named])
    ((now, before),) = tables.values()
    np.testing.assert_array_equal(now, before)


def test_a_step_on_the_words_is_that_of_the_squared_error():
    # One batch, one word an image: each word goes a step towards each of its images.
    model = word2vec()
    start = {}
    look = At(1, lambda net: start.update(
        {k: v.numpy().copy() for k, v in net.module_.image.state_dict().items()}
    ), "on_epoch_begin")  # fmt: skip
    projector = make(
        "joint", word_vectors=model, loss="squared_error", image_passes=1, balance=0,
        word_lr=0, image_word_lr=0.01, batch_size=50, max_epochs=1, callbacks=[look],
    ).fit(X, Y)  # fmt: skip
    weight, bias = (value.astype(float) for value in start.values())
    expected = {word: model.wv[word].astype(float) for word in model.wv.index_to_key}
    for x, word in zip(X.astype(float), Y, strict=True):
        expected[word] += 0.01 * 2 * (weight @ x + bias - model.wv[word])
    for word, vector in expected.items():
        np.testing.assert_allclose(projector.word_vectors_[word], vector, atol=1e-5)


def test_anchored_words_without_a_vector():
    check_refused(
        "joint", {"anchored_words": ["w0", "emperor"]}, ValueError,
        "anchored_words have no vector to keep: 'emperor'",
    )  # fmt: skip


# --- Unknown words ------------------------------------------------------------------


def caught(fit):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        result = fit()
    return result, [str(warning.message) for warning in found]


@by_kind
@pytest.mark.parametrize("corpus", [None, TEXT], ids=["y", "corpus"])
def test_images_of_unknown_words_are_left_out(kind, corpus):
    if kind == "fixed" and corpus is not None:
        given = {**TRAINED, "corpus": corpus}
    else:
        given = {"corpus": corpus}
    y = [[word] for word in Y]
    y[0] = ["w0", "nonsense"]  # one text less, and the row stays
    y[5] = ["nonsense", "what is it"]
    y[6] = ["W1"]
    projector, messages = caught(lambda: make(kind, **given).fit(X, y))
    assert len(messages) == 1
    assert "4 of 24 texts of y" in messages[0]
    assert "2 rows are left out" in messages[0]
    assert "'nonsense', 'what is it', 'W1'" in messages[0]
    assert "1 of them have one in lower case" in messages[0]
    y[0] = ["w0"]
    kept = [i for i in range(22) if i not in (5, 6)]
    without = make(kind, **given).fit(X[kept], [y[i] for i in kept])
    assert_same_bits(projector, without)


def test_a_text_with_one_known_word_is_known():
    _, messages = caught(lambda: make().fit(X, ["nonsense w0", *Y[1:]]))
    assert messages == []


@by_kind
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_warnings_of_unknown_words_point_to_the_caller(kind, method):
    projector, y = make(kind), [*Y[:21], "nonsense"]
    with pytest.warns(UserWarning, match="no word with a vector") as found:
        getattr(projector, method)(X, y)
    assert [warning.filename for warning in found] == [__file__]


@pytest.mark.parametrize("method", ["transform_y", "search", "rank"])
def test_warnings_of_what_is_looked_for_point_to_the_caller(method):
    projector = make().fit(X, Y)
    arguments = {"transform_y": [["nonsense"]], "search": [["nonsense"], X],
                 "rank": [X, ["w1", "nonsense"]]}[method]  # fmt: skip
    with pytest.warns(UserWarning, match="no word with a vector") as found:
        getattr(projector, method)(*arguments)
    assert [warning.filename for warning in found] == [__file__]


@by_kind
def test_early_stopping_warns_of_unknown_words_once(kind):
    y = ["nonsense" if i in (3, 8, 9, 14, 20) else word for i, word in enumerate(Y)]
    stopping = {"early_stopping": True, "validation_fraction": 0.4}
    _, messages = caught(lambda: make(kind, **stopping).fit(X, y))
    assert len(messages) == 1
    assert "5 of 22 texts" in messages[0]


def test_unknown_words_have_no_place(trained):
    with pytest.warns(UserWarning, match="2 of 3 rows of y .* the first is row 1"):
        embedded = trained.transform_y(["man", "emperor", ["emperor", "empress"]])
    assert embedded[0].any()
    assert not embedded[1:].any()
    known = trained.transform_y(["man"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        part = trained.transform_y([["man", "emperor"], "emperor man"])
    np.testing.assert_allclose(part, np.vstack([known, known]), atol=1e-6)


# --- Bad input ----------------------------------------------------------------------


@cache
def fitted_one(kind):
    """Return one that is fitted, and what it knows: nothing may change it."""
    fitted = make(kind).fit(X, Y)
    return fitted, learned(fitted), fitted.transform(X), fitted.transform_y(Y)


def check_refused(kind, params, error, match, X_bad=X, y_bad=Y, *, partial=False):
    """A fresh one stays unfitted; a fitted one stays what it was, however it is fed."""
    bare = make(kind, **params)
    with pytest.raises(error, match=match):
        bare.fit(X_bad, y_bad)
    assert vars(bare).keys() == bare.get_params(deep=False).keys()

    fitted, *before = fitted_one(kind)
    fitted = copy.copy(fitted)
    attributes = {k: v for k, v in vars(fitted).items() if k.endswith("_")}
    given = fitted.get_params(deep=False)
    feeds = [fitted.fit, *([fitted.partial_fit] if partial else [])]
    for feed in feeds:
        fitted.set_params(**params)
        with pytest.raises(error, match=match):
            feed(X_bad, y_bad)
        now = {k: v for k, v in vars(fitted).items() if k.endswith("_")}
        assert now.keys() == attributes.keys()
        assert all(now[name] is value for name, value in attributes.items())
        fitted.set_params(**{name: given[name] for name in params})
        np.testing.assert_equal(learned(fitted), before[0])
        np.testing.assert_array_equal(fitted.transform(X), before[1])
        np.testing.assert_array_equal(fitted.transform_y(Y), before[2])


def with_nan(array):
    array = np.array(array, dtype=float)
    array.flat[5] = np.nan
    return array


def changed(row, value):
    return [*Y[:row], value, *Y[row + 1 :]]


BAD_DATA = {
    "all unknown": (X, ["nonsense"] * 22, ValueError, "22 of 22 texts of y have no w"),
    "one known": (X, ["w0", *["x"] * 21], ValueError, "leaves 1.* 2 are needed"),
    "NaN in X": (with_nan(X), Y, ValueError, "X contains NaN"),
    "NaN in y": (X, with_nan(np.arange(22)), ValueError, "y contains NaN"),
    "vectors": (X, np.ones((22, 3)), TypeError, "reads words.*vectors of 3 numbers"),
    "sparse y": (X, sparse.eye_array(22, format="csr"), TypeError, "reads words"),
    "bags": (X, [np.ones((2, 3))] * 22, TypeError, "reads words.*vectors of 3 numbers"),
    "empty list": (X, changed(7, []), ValueError, "Row 7 of y has no item"),
    "empty lists": (X, [[]] * 22, ValueError, "Rows 0, 1, .* of y have no item"),
    "None": (X, changed(4, None), TypeError, r"Row 4 of y .* got None \(NoneType\)"),
    "None in a list": (X, changed(4, ["w0", None]), TypeError, "Row 4 of y.*None"),
    "bytes": (X, changed(21, b"w0"), TypeError, r"Row 21 of y .*bytes.*Decode it"),
    "mixed": (X, changed(9, 3), TypeError, "Row 9 of y .*all text or all numbers"),
    "no y": (X, None, ValueError, "target y is None"),
    "one str": (X, "w0", TypeError, "one entry for each row of X; got str"),
    "fewer": (X, Y[:5], ValueError, "X has 22 rows and y has 5"),
    "blank": (X, [" "] * 22, ValueError, "22 of 22 texts of y have no word"),
}  # fmt: skip


@by_kind
def test_training_goes_on_after_what_was_refused(kind):
    projector = make(kind).fit(X, Y)
    with pytest.raises(ValueError, match="22 of 22 texts"):
        projector.fit(X, ["nonsense"] * 22)
    with pytest.raises(ValueError, match="X contains NaN"):
        projector.partial_fit(with_nan(X), Y)
    with pytest.raises(ValueError, match="dimensions"):
        projector.set_params(n_components=5).fit(X, Y)
    projector.set_params(n_components=None).partial_fit(X, Y)
    assert_same_bits(projector, make(kind, max_epochs=3).fit(X, Y))


@by_kind
@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data(kind, name):
    X_bad, y_bad, error, match = BAD_DATA[name]
    check_refused(kind, {}, error, match, X_bad, y_bad, partial=True)


def bad_vectors(**entries):
    """Return vectors of which some words have others: NaN, for instance."""
    vectors = keyed(WORDS, SPACE)
    for word, value in entries.items():
        vectors.vectors[vectors.key_to_index[word]] = value
    return vectors


BAD_PARAMS = {
    "other dimension": (
        {"n_components": 5}, ValueError, "8 dimensions, but n_components=5"
    ),
    "NaN vector": (
        {"word_vectors": bad_vectors(w2=np.nan)}, ValueError, "vector of 'w2' .* NaN"
    ),
    "infinite vector": (
        {"word_vectors": bad_vectors(w5=np.inf)}, ValueError, "vector of 'w5'"
    ),
    "no words": ({"word_vectors": KeyedVectors(D)}, ValueError, "holds no words"),
    "keys": (
        {"word_vectors": keyed([1, 2], np.eye(2, D))}, TypeError, "keys .* must be str"
    ),
    "dict": (
        {"word_vectors": dict(zip(WORDS, SPACE, strict=True))}, TypeError,
        "word_vectors must be .*KeyedVectors.*; got dict",
    ),
    "array": ({"word_vectors": SPACE}, TypeError, "word_vectors must .*; got ndarray"),
    "number": ({"word_vectors": 300}, TypeError, "word_vectors must .*; got int"),
    "no file": (
        {"word_vectors": "there/is/none.txt"}, FileNotFoundError,
        "word_vectors names what is no file: 'there/is/none.txt'",
    ),
    "no words with a vector": (
        {"word_vectors": keyed(["a", "b"], np.eye(2, D))}, ValueError,
        "22 of 22 texts of y have no word",
    ),
    "loss": ({"loss": "hinge"}, ValueError, "'loss' parameter of Im2VecProjector"),
    "targets": ({"targets": "images"}, ValueError, "'targets' parameter"),
    "n_components": ({"n_components": 0}, ValueError, "'n_components' parameter"),
    "anchored_words": ({"anchored_words": "w0"}, ValueError, "'anchored_words'"),
    "window": ({"window": 0}, ValueError, "'window' parameter"),
    "balance": ({"balance": -1}, ValueError, "'balance' parameter"),
    "kernel": ({"kernel": "cython"}, ValueError, "'kernel' parameter"),
    "hidden": ({"hidden_layer_sizes": (0,)}, ValueError, "hidden_layer_sizes"),
}  # fmt: skip


@by_kind
@pytest.mark.parametrize("name", BAD_PARAMS)
def test_bad_parameters(kind, name):
    check_refused(kind, *BAD_PARAMS[name])


def not_utf8(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes("w0 café\n".encode("latin-1"))
    return path


def empty(tmp_path):
    path = tmp_path / "empty.txt"
    path.write_bytes(b"\n\n")
    return path


BAD_CORPORA = {
    "no file": (
        "there/is/none.txt", FileNotFoundError, "what is no file: 'there/is/none.txt'"
    ),
    "one of them": (
        [__file__, "none.txt"], FileNotFoundError, "what is no file: 'none.txt'"
    ),
    "folder": (lambda tmp_path: tmp_path, FileNotFoundError, "what is no file"),
    "empty file": (empty, ValueError, "corpus (is empty|has none of the words)"),
    "empty list": ([], ValueError, "corpus (is empty|has none of the words)"),
    "empty sentences": ([[], []], ValueError, "corpus (is empty|has none of the word)"),
    "generator": (
        lambda tmp_path: (words for words in TEXT), TypeError,
        "corpus is a generator, which can be read only once",
    ),
    "iterator": (
        lambda tmp_path: map(list, TEXT), TypeError, "a map, .* read only once"
    ),
    "sentences that are generators": (
        lambda tmp_path: [map(str.lower, words) for words in TEXT], TypeError,
        "Sentence 0 of corpus .*(list of str|once)",
    ),
    "texts": ([*TEXT, "the cat"], TypeError, "Sentence 60 of corpus .*'the cat'"),
    "words that are no str": (
        [*TEXT, ["w0", 3]], TypeError, "Sentence 60 of corpus .* 3 .int"
    ),
    "bytes": (b"w0 w1", TypeError, "corpus must be a path, .*; got bytes"),
    "number": (7, TypeError, "corpus must be a path, .*; got int"),
    "not UTF-8": (not_utf8, ValueError, "(?s)latin.txt"),
}  # fmt: skip


@by_kind
@pytest.mark.parametrize("name", BAD_CORPORA)
def test_bad_corpora(kind, name, tmp_path):
    corpus, error, match = BAD_CORPORA[name]
    corpus = corpus(tmp_path) if callable(corpus) else corpus
    # Vectors that stay as they are need a text only where they are trained on it.
    given = {} if kind == "joint" else {**TRAINED, "min_count": 1}
    check_refused(kind, {**given, "corpus": corpus}, error, match)


@by_kind
def test_words_rarer_than_min_count(kind):
    params = {**TRAINED, "corpus": TEXT, "min_count": 1000}
    match = r"No word of the \d+ in the corpus occurs min_count=1000 times"
    check_refused(kind, params, ValueError, match)


def test_vectors_and_a_corpus_that_nothing_would_read():
    check_refused(
        "fixed", {"corpus": TEXT}, ValueError, "a corpus that it would not read"
    )


def test_a_corpus_without_any_known_word():
    match = "corpus has none of the words that have a vector"
    check_refused("joint", {"corpus": [["x", "y"]] * 9}, ValueError, match)


@pytest.mark.parametrize("before, after", [("fixed", "joint"), ("joint", "fixed")])
def test_warm_starts_do_not_change_whether_words_are_trained(before, after):
    given = keyed(WORDS, SPACE)
    projector = make(before, word_vectors=given, center=False, warm_start=True)
    projector.fit(X, Y)
    with pytest.raises(ValueError, match="joint changed"):
        projector.set_params(joint=after == "joint").fit(X, Y)
    np.testing.assert_array_equal(given.vectors, SPACE)


# --- Evaluation ---------------------------------------------------------------------


def test_images_of_one_word_are_right_answers_for_each_other(trained):
    images, y = draw_images(seed=11)
    seen = ~np.isin(y, UNSEEN)
    images, y = images[seen], y[seen].tolist()
    rows = np.arange(len(y))
    assert trained.score(images, y) == 1
    assert trained.score(images, y, groups=y) == 1
    assert trained.score(images, y, groups=rows) < 0.5
    for metric in ("recall@1", "mrr", "map"):
        scorer = make_retrieval_scorer(metric, ties="pessimistic")
        assert scorer(trained, images, y, groups=y) == scorer(trained, images, y)
        assert scorer(trained, images, y, groups=rows) < scorer(trained, images, y)
        assert scorer(trained, images, y) == 1


def test_tags_in_any_order_are_one_group():
    images, _ = draw_images(6)
    y = [["man", "boy"], ["boy", "man"], ["man"], "man", ["girl"], ["girl", "girl"]]
    projector = learner(max_epochs=1).fit(images, y)
    for groups in ([0, 0, 1, 1, 2, 2],):
        assert projector.score(images, y) == projector.score(images, y, groups=groups)


# --- Early stopping -----------------------------------------------------------------


def note_rows(notes):
    return Batches(lambda views: notes.append(views["x"]))


def held_out(images, notes):
    """Return which rows no training batch had."""
    trained_on = {row.tobytes() for row in np.concatenate(notes)}
    return np.array([row.tobytes() not in trained_on for row in images])


@by_kind
def test_early_stopping_holds_out_images_not_words(kind):
    images, y = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32), Y * 3
    y = y[:60]
    notes = []
    projector = make(
        kind, early_stopping=True, validation_fraction=0.3, balance=0,
        callbacks=[note_rows(notes)],
    ).fit(images, y)  # fmt: skip
    out = held_out(images, notes)
    assert out.sum() == 18
    left = dict.fromkeys(y, 0)
    for word, is_out in zip(y, out, strict=True):
        left[word] += is_out
    n_images = {word: y.count(word) for word in left}
    assert all(0 < left[word] < n_images[word] for word in left)
    assert all("valid_score" in row for row in projector.history_)


@by_kind
def test_early_stopping_holds_out_whole_groups_where_they_are_given(kind):
    images = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    groups = np.arange(60) // 6
    notes = []
    make(
        kind, early_stopping=True, validation_fraction=0.3, balance=0,
        callbacks=[note_rows(notes)],
    ).fit(images, (Y * 3)[:60], groups=groups)  # fmt: skip
    out = held_out(images, notes)
    by_group = [set(out[groups == group]) for group in range(10)]
    assert by_group.count({True}) == 3
    assert by_group.count({False}) == 7


def spoil(net):
    """Turn the projection around."""
    with torch.no_grad():
        for parameter in net.module_.image.parameters():
            parameter.mul_(-1)


@by_kind
def test_early_stopping_restores_the_best_weights_and_tables(kind):
    images, y = draw_images(64)
    states = []

    class Note(Callback):
        def on_epoch_end(self, net, **kwargs):
            state = net.module_.state_dict()
            states.append({k: v.numpy().copy() for k, v in state.items()})

    projector = learner(
        **KINDS[kind], early_stopping=True, validation_fraction=0.3, n_iter_no_change=2,
        corpus=[NAMES, NAMES[::-1]] if kind == "joint" else None, max_epochs=30,
        lr=3e-3, word_lr=0.01, image_word_lr=0.01, sample=0,
        callbacks=[At(4, spoil, "on_epoch_begin"), Note()],
    ).fit(images, y)  # fmt: skip
    scores = [row["valid_score"] for row in projector.history_]
    best = int(np.argmax(scores))
    assert len(scores) == best + 3 == len(states)
    now = projector.net_.module_.state_dict()
    assert ("words" in now) == (kind == "joint")
    for name, value in states[best].items():
        np.testing.assert_array_equal(now[name].numpy(), value)
        if projector.joint or not name.startswith("words"):
            assert (states[-1][name] != value).any()


@by_kind
def test_early_stopping_needs_two_words_on_either_side(kind):
    check_refused(
        kind, {"early_stopping": True, "validation_fraction": 0.04}, ValueError,
        "early_stopping=True needs images of 2 words",
    )  # fmt: skip
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping"):
        make(kind, early_stopping=True).partial_fit(X, Y)


# --- Training that goes on, or is cut short -----------------------------------------


@by_kind
@pytest.mark.parametrize("balance", [0.0, 0.5])
def test_two_epochs_and_two_more_are_four(kind, balance):
    params = {"balance": balance}
    if kind == "joint":
        params |= {"corpus": TEXT, "kernel": "torch"}
    four = make(kind, **params, max_epochs=4).fit(X, Y)
    warm = make(kind, **params, warm_start=True).fit(X, Y).fit(X, Y)
    assert_same_bits(warm, four)
    partial = make(kind, **params)
    for _ in range(4):
        partial.partial_fit(X, Y)
    assert_same_bits(partial, four)
    assert len(four.history_) == 4


@by_kind
def test_the_same_seed_gives_the_same_bits(kind):
    one, other = (make(kind, **TRAINED, corpus=TEXT).fit(X, Y) for _ in range(2))
    assert_same_bits(one, other)
    third = make(kind, **TRAINED, corpus=TEXT, random_state=1).fit(X, Y)
    assert (third.transform(X) != one.transform(X)).any()


def interrupt(net):
    raise KeyboardInterrupt


@by_kind
@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_batch_end"])
def test_ctrl_c_keeps_the_last_complete_epoch(kind, hook):
    projector = make(kind, max_epochs=5, callbacks=[At(2, interrupt, hook)])
    with pytest.raises(KeyboardInterrupt):
        projector.fit(X, Y)
    one = make(kind, max_epochs=1).fit(X, Y)
    assert_same_bits(projector, one)
    np.testing.assert_array_equal(projector.predict(X), one.predict(X))
    projector.set_params(callbacks=None)
    assert_same_bits(projector.partial_fit(X, Y), make(kind).fit(X, Y))


@by_kind
def test_ctrl_c_in_the_first_epoch_leaves_nothing(kind):
    projector = make(kind, callbacks=[At(1, interrupt)])
    with pytest.raises(KeyboardInterrupt):
        projector.fit(X, Y)
    assert vars(projector).keys() == projector.get_params(deep=False).keys()


# --- Copies -------------------------------------------------------------------------


def by_joblib(projector):
    file = io.BytesIO()
    joblib.dump(projector, file)
    file.seek(0)
    return joblib.load(file)


def by_skops(projector):
    skops = pytest.importorskip("skops.io")
    dumped = skops.dumps(projector)
    own = {f"sklearn_crossmodal.im2vec.{type(projector).__name__}"}
    # What is a parameter is the user's to trust.
    own |= {"gensim.models.keyedvectors.KeyedVectors"} & set(
        skops.get_untrusted_types(data=dumped)
    )
    assert set(skops.get_untrusted_types(data=dumped)) == own
    return skops.loads(dumped, trusted=sorted(own))


ROUTES = {
    "pickle": lambda projector: pickle.loads(pickle.dumps(projector)),
    "joblib": by_joblib,
    "skops": by_skops,
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}
ORIGINS = {"vectors": {}, "text": {**TRAINED, "corpus": TEXT}}


@pytest.mark.parametrize(
    "kind, route, origin",
    [(kind, route, origin) for kind in KINDS for route in ROUTES for origin in ORIGINS
     if route != "skops" or origin == ("text" if kind == "joint" else "vectors")],
)  # fmt: skip
def test_what_comes_back_is_the_same_and_trains_on(kind, route, origin):
    projector = make(kind, **ORIGINS[origin], warm_start=True).fit(X, Y)
    back = ROUTES[route](projector)
    assert_same_bits(back, projector)
    np.testing.assert_array_equal(back.transform(X), projector.transform(X))
    np.testing.assert_array_equal(back.transform_y(Y), projector.transform_y(Y))
    assert back.predict(X).tolist() == projector.predict(X).tolist()
    sums = [X[0], "w1"], ["w2"]
    assert back.most_similar(*sums) == projector.most_similar(*sums)
    back.fit(X, Y)
    assert projector.n_iter_ == 2  # it did not train along
    assert_same_bits(back, projector.fit(X, Y))


@by_kind
def test_copies_share_no_memory_that_training_writes_to(kind):
    projector = make(kind, warm_start=True).fit(X, Y)
    before = learned(projector)
    for name in ("pickle", "deepcopy", "copy"):
        ROUTES[name](projector).fit(X, Y)
        np.testing.assert_equal(learned(projector), before)


@by_kind
@pytest.mark.parametrize("origin", ORIGINS)
def test_pickles_hold_no_torch_objects(kind, origin):
    projector = make(kind, **ORIGINS[origin]).fit(X, Y)
    assert b"torch" not in pickle.dumps(projector)


@by_kind
def test_nothing_of_the_training_is_kept(kind):
    # The text, the images and the pairs are gone; a table is there once.
    words = [f"word{i}" for i in range(2000)]
    vectors = np.random.default_rng(0).normal(size=(2000, D))
    small, large = (
        make(kind, word_vectors=keyed(words, vectors), corpus=corpus).fit(
            np.tile(X, (n, 1)), (words[:22]) * n
        )
        for n, corpus in (
            (1, None if kind == "fixed" else [words[:20]]),
            (40, None if kind == "fixed" else [words[:20]] * 500),
        )
    )
    for projector in (small, large):
        projector.set_params(corpus=None, word_vectors=None)
    small, large = (len(pickle.dumps(projector)) for projector in (small, large))
    assert abs(large - small) < 2000
    n_tables = 1 if kind == "fixed" else 2
    assert small < n_tables * 2000 * D * 4 + 100_000


# --- Images in any container --------------------------------------------------------


@by_kind
@pytest.mark.usefixtures("torch_always_warns")
def test_output_as_frames_changes_no_answer(kind):
    expected = make(kind).fit(X, Y)
    projector = make(kind).set_output(transform="pandas").fit(X, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for words in (None, ["w1", "w3"]):
            ranked, scores = projector.rank(X, words)
            same, same_scores = expected.rank(X, words)
            assert ranked == same
            np.testing.assert_array_equal(scores, same_scores)
        np.testing.assert_array_equal(
            projector.search(["w0", ["w1", "w2"]], X),
            expected.search(["w0", ["w1", "w2"]], X),
        )
        assert projector.predict(X).tolist() == expected.predict(X).tolist()
        assert projector.score(X, Y) == expected.score(X, Y)
    assert isinstance(projector.transform_y(["w1"]), pd.DataFrame)


@by_kind
def test_sparse_images_and_those_on_disk_are_the_same_to_the_bit(kind, tmp_path):
    expected = make(kind).fit(X, Y)
    on_disk = np.memmap(tmp_path / "X", dtype=np.float32, mode="w+", shape=X.shape)
    on_disk[:] = X
    on_disk.flush()
    on_disk = np.memmap(tmp_path / "X", dtype=np.float32, mode="r", shape=X.shape)
    for images in (on_disk, sparse.csr_array(X), sparse.csc_matrix(X), X.tolist()):
        projector = make(kind).fit(images, Y)
        assert_same_bits(projector, expected)
        np.testing.assert_array_equal(projector.predict(images), expected.predict(X))
        np.testing.assert_array_equal(
            projector.search(["w1"], images)[0], expected.search(["w1"], X)[0]
        )


@by_kind
def test_images_of_half_precision(kind):
    half = X.astype(np.float16)
    projector = make(kind).fit(half, Y)
    assert_same_bits(projector, make(kind).fit(half.astype(np.float32), Y))
    np.testing.assert_array_equal(
        projector.transform(half), projector.transform(half.astype(np.float64))
    )
