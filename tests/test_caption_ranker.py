"""CaptionRanker: what it learns, finds, refuses, and how its towers compute."""

import inspect
import re

import numpy as np
import pandas as pd
import pytest
from gensim.models import KeyedVectors
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder
from skorch.callbacks import Callback

from sklearn_crossmodal import CaptionRanker, retrieval_report
from sklearn_crossmodal.datasets import load_digit_captions
from sklearn_crossmodal.metrics import mean_reciprocal_rank, recall_at_k
from sklearn_crossmodal.preprocessing import CaptionTokenizer

X = np.array(
    [[0.0, 1.0, 2.0], [1.0, 0.0, 0.5], [2.0, 2.0, 0.0], [0.3, 0.9, 1.5],
     [1.5, 0.1, 0.2], [1.1, 2.2, 3.3]]
)  # fmt: skip
Y = [
    "a dog runs",
    "two cats",
    "a man and a woman on a bench",
    "the dog",
    "cats sleep on a bench",
    "a",
]
PARAMS = {
    "n_components": 5,
    "y_transformer": CaptionTokenizer(),
    "word_size": 4,
    "word_vectors": None,
    "gru_size": 3,
    "batch_size": 3,
    "max_epochs": 2,
    "lr": 1e-2,
    "device": "cpu",
    "random_state": 0,
}


def make(**params):
    return CaptionRanker(**{**PARAMS, **params})


@pytest.fixture(scope="module")
def ranker():
    """A fitted one: don't change it."""
    return make().fit(X, Y)


class Start(Callback):
    """Give the net to a function before the first epoch."""

    def __init__(self, look):
        self.look = look

    def on_train_begin(self, net, **kwargs):
        self.look(net)


def starting_words(ranker, X=X, y=Y):
    """Return the table of word embeddings that training starts from, and the words."""
    tables = []
    look = Start(lambda net: tables.append(net.module_.words.weight.detach().clone()))
    ranker = ranker.set_params(callbacks=[look]).fit(X, y)
    return tables[0].numpy(), ranker.y_transformer_.vocabulary_


# --- It learns ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits():
    train = load_digit_captions(subset="train", n_samples=300, max_digits=2)
    test = load_digit_captions(subset="test", n_samples=100, max_digits=2)
    return train, test


@pytest.mark.parametrize(
    "params",
    [
        {"loss": "info_nce"},
        {"loss": "sum_of_violations", "pooling": "max"},
        {"loss": "semi_hard_negative", "pooling": "mean"},
        {"loss": "random_negative"},
        {"loss": "sigmoid", "batch_size": 30, "word_vectors": None},
    ],
    ids=lambda params: params["loss"],
)
def test_it_learns_to_read_digits(digits, params):
    train, test = digits
    ranker = CaptionRanker(
        n_components=64, word_size=32, gru_size=64, lr=1e-2, dropout=0.1,
        word_dropout=0.1, batch_size=100, max_epochs=16, temperature=0.05,
        random_state=0,
    ).set_params(**params)  # fmt: skip
    ranker.fit(train.data, train.captions, groups=train.groups)
    losses = [row["train_loss"] for row in ranker.history_]
    assert losses[-1] < losses[0]
    captions = [text for texts in test.captions for text in texts]
    groups = {"groups": test.groups, "y_groups": np.repeat(test.groups, 5)}
    embedded = ranker.transform(test.data), ranker.transform_y(captions)
    constant = [np.ones_like(part) for part in embedded]
    for direction in ("x_to_y", "y_to_x"):
        options = {"k": 10, "direction": direction, **groups}
        assert recall_at_k(*embedded, **options) > 2 * recall_at_k(*constant, **options)
    score = ranker.score(test.data, test.captions, groups=test.groups)
    assert score > 3 * mean_reciprocal_rank(*constant, **groups)


# --- Finding ------------------------------------------------------------------------


def brute_force(queries, gallery, n):
    scores = np.asarray(queries, dtype=np.float64) @ np.asarray(gallery).T
    order = np.argsort(-scores, axis=1, kind="stable")[:, :n]
    return order, np.take_along_axis(scores, order, axis=1)


@pytest.fixture(scope="module", params=["cosine", "dot"])
def found_in(request):
    """A ranker trained on 300 distinct captions, more than a block of queries."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 6))
    y = [f"{i // 100} {i // 10 % 10} {i % 10} x{i}" for i in range(300)]
    ranker = make(similarity=request.param, batch_size=50).fit(X, y)
    return ranker, X, y


@pytest.mark.parametrize("n", [1, 10, 300])
def test_search_and_rank_agree_with_sorting_all_scores(found_in, n):
    ranker, X, y = found_in
    images, captions = ranker.transform(X), ranker.transform_y(y)

    order, expected = brute_force(captions, images, n)
    indices, scores = ranker.search(y, X, n=n)
    assert indices.dtype == np.int64 and scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    np.testing.assert_array_equal(indices[:, 0], order[:, 0])
    assert (np.sort(indices) == np.sort(order)).mean() > 0.99

    order, expected = brute_force(images, captions, n)
    for gallery in (None, y, np.array(y), pd.Series(y)):
        ranked, scores = ranker.rank(X, gallery, n=n)
        np.testing.assert_allclose(scores, expected, atol=1e-5)
        assert [row[0] for row in ranked] == [y[row[0]] for row in order]
        assert all(len(row) == n for row in ranked)


def test_predict_is_the_first_of_rank(found_in):
    ranker, X, y = found_in
    predicted = ranker.predict(X)
    assert predicted.dtype == object and predicted.shape == (300,)
    assert predicted.tolist() == [row[0] for row in ranker.rank(X, n=1)[0]]
    images, captions = ranker.transform(X), ranker.transform_y(y)
    order, _ = brute_force(images, captions, 1)
    assert predicted.tolist() == [y[i] for i in order[:, 0]]


def test_more_than_the_gallery_gives_all_of_it(ranker):
    ranked, scores = ranker.rank(X, n=100)
    assert scores.shape == (6, 6)
    assert all(sorted(row) == sorted(Y) for row in ranked)
    ranked, scores = ranker.rank(X[:1], ["a dog", "a man"])
    assert scores.shape == (1, 2) and sorted(ranked[0]) == ["a dog", "a man"]
    indices, scores = ranker.search(Y[:2], X[:4])
    assert scores.shape == (2, 4)
    assert np.sort(indices).tolist() == [[0, 1, 2, 3]] * 2


def test_rank_takes_lists_of_captions_apart(ranker):
    together, scores = ranker.rank(X, ["a dog", "a man", "two cats"], n=3)
    apart, nested_scores = ranker.rank(X, [["a dog"], ["a man", "two cats"]], n=3)
    assert together == apart
    np.testing.assert_array_equal(scores, nested_scores)


def test_search_takes_a_list_of_captions_as_one_query(ranker):
    _, scores = ranker.search([["a dog", "the dog"]], X, n=6)
    query = ranker.transform_y([["a dog", "the dog"]])
    _, expected = brute_force(query, ranker.transform(X), 6)
    np.testing.assert_allclose(scores, expected, atol=1e-6)


@pytest.mark.parametrize("n", [0, -1, 1.5, None, "3"])
def test_n_must_be_a_count(ranker, n):
    with pytest.raises(ValueError, match="n must be an integer of at least 1; got"):
        ranker.rank(X, n=n)
    with pytest.raises(ValueError, match="n must be an integer of at least 1; got"):
        ranker.search(Y, X, n=n)


def test_without_stored_captions(ranker):
    bare = make(store_captions=False).fit(X, Y)
    assert not hasattr(bare, "captions_") and not hasattr(bare, "caption_embeddings_")
    for call in (bare.predict, bare.rank):
        with pytest.raises(ValueError, match="fit with store_captions=True"):
            call(X)
    ranked, scores = bare.rank(X, Y, n=3)
    expected, expected_scores = ranker.rank(X, n=3)
    assert ranked == expected
    np.testing.assert_allclose(scores, expected_scores, atol=1e-6)
    # A refit without them forgets those of before.
    again = make().fit(X, Y).set_params(store_captions=False).fit(X, Y)
    assert not hasattr(again, "captions_")


def test_stored_captions_are_those_of_fit_with_their_embeddings():
    captions = [[text, f"{text} indeed"] for text in Y]
    ranker = make().fit(X, captions)
    assert ranker.captions_ == [text for texts in captions for text in texts]
    np.testing.assert_array_equal(
        ranker.caption_embeddings_, ranker.transform_y(ranker.captions_)
    )
    assert ranker.caption_embeddings_.shape == (12, 5)


def test_the_list_of_captions_is_not_the_callers():
    captions = list(Y)
    ranker = make().fit(X, captions)
    captions[0] = "changed"
    assert ranker.captions_ == Y


@pytest.mark.parametrize("method", ["predict", "rank", "transform"])
def test_not_fitted(method):
    with pytest.raises(NotFittedError):
        getattr(make(), method)(X)
    with pytest.raises(NotFittedError):
        make().search(Y, X)


# --- Towers against slow references -------------------------------------------------


def weights(ranker):
    state = ranker.net_.module_.state_dict()
    return {name: value.numpy().astype(np.float64) for name, value in state.items()}


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def slow_gru(vectors, w):
    """Return the states of a GRU as torch defines it, one step after the other."""
    size = w["gru.weight_hh_l0"].shape[1]
    h, states = np.zeros(size), []
    for x in vectors:
        of_x = w["gru.weight_ih_l0"] @ x + w["gru.bias_ih_l0"]
        of_h = w["gru.weight_hh_l0"] @ h + w["gru.bias_hh_l0"]
        r = sigmoid(of_x[:size] + of_h[:size])
        z = sigmoid(of_x[size : 2 * size] + of_h[size : 2 * size])
        n = np.tanh(of_x[2 * size :] + r * of_h[2 * size :])
        h = (1 - z) * n + z * h
        states.append(h)
    return np.array(states)


POOL = {
    "last": lambda states: states[-1],
    "mean": lambda states: states.mean(axis=0),
    "max": lambda states: states.max(axis=0),
}


def slow_caption(ranker, ids):
    w = weights(ranker)
    z = POOL[ranker.pooling](slow_gru(w["words.weight"][ids], w))
    if ranker.gru_size is not None:
        z = w["caption.weight"] @ z + w["caption.bias"]
    return z / np.linalg.norm(z) if ranker.similarity == "cosine" else z


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
@pytest.mark.parametrize("gru_size", [3, None])
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_captions_are_embedded_by_their_own_words(pooling, gru_size, similarity):
    ranker = make(pooling=pooling, gru_size=gru_size, similarity=similarity).fit(X, Y)
    known = ranker.y_transformer_.vocabulary_
    queries = [*Y, "zebra", "a zebra", "dog " * 30]
    with pytest.warns(UserWarning, match="1 of 9 captions"):
        embedded = ranker.transform_y(queries)
    expected = [
        slow_caption(ranker, [known.get(word, 1) for word in text.split()])
        for text in queries
    ]
    np.testing.assert_allclose(embedded, expected, atol=1e-6)
    # The company that a caption is in, and so its padding, doesn't matter.
    alone = np.concatenate([ranker.transform_y([text]) for text in Y])
    np.testing.assert_allclose(alone, embedded[: len(Y)], atol=1e-6)
    # Nor do columns of padding in token ids.
    tokens = ranker.y_transformer_.transform(Y)
    padded = np.pad(tokens, [(0, 0), (0, 7)])
    np.testing.assert_allclose(ranker.transform_y(padded), alone, atol=1e-6)


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_many_captions_of_many_lengths(pooling):
    # More than go through the GRU together, in an order of lengths that is no order.
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(20)]
    texts = [" ".join(rng.choice(words, rng.integers(1, 15))) for _ in range(300)]
    X = rng.standard_normal((300, 3))
    ranker = make(pooling=pooling, batch_size=150).fit(X, texts)
    known = ranker.y_transformer_.vocabulary_
    expected = [slow_caption(ranker, [known[w] for w in t.split()]) for t in texts]
    np.testing.assert_allclose(ranker.transform_y(texts), expected, atol=1e-6)


def test_training_does_not_see_the_padding_either():
    tokens = CaptionTokenizer().fit(Y).transform(Y)
    params = {"word_dropout": 0.0, "dropout": 0.0, "batch_size": 6, "pooling": "max"}
    narrow = make(**params).fit(X, tokens)
    wide = make(**params).fit(X, np.pad(tokens, [(0, 0), (0, 5)]))
    np.testing.assert_array_equal(narrow.transform(X), wide.transform(X))


@pytest.mark.parametrize("hidden", [(), (4,), [6, 4]])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("output", [None, "relu", "tanh"])
def test_images_go_through_the_layers_asked_for(hidden, activation, output):
    ranker = make(
        hidden_layer_sizes=hidden, activation=activation, output_activation=output,
        similarity="dot",
    ).fit(X, Y)  # fmt: skip
    w = weights(ranker)
    matrices = [w[k] for k in w if re.fullmatch(r"image\.\d+\.weight", k)]
    biases = [w[k] for k in w if re.fullmatch(r"image\.\d+\.bias", k)]
    sizes = [3, *hidden, 5]
    assert [m.shape for m in matrices] == list(zip(sizes[1:], sizes, strict=False))
    functions = {"relu": lambda a: np.maximum(a, 0), "tanh": np.tanh}
    functions[None] = lambda a: a
    z = X
    for i, (matrix, bias) in enumerate(zip(matrices, biases, strict=True)):
        last = i == len(matrices) - 1
        z = functions[output if last else activation](z @ matrix.T + bias)
    np.testing.assert_allclose(ranker.transform(X), z, atol=1e-5)


def test_cosine_embeddings_have_unit_length(ranker):
    for embedded in (ranker.transform(X), ranker.transform_y(Y)):
        assert embedded.shape == (6, 5) and embedded.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(embedded, axis=1), 1, atol=1e-6)


def test_a_row_of_several_captions_is_their_normalised_mean(ranker):
    row = ranker.transform_y([Y[:3], [Y[3]], Y[4:]])
    items = ranker.transform_y(Y)
    means = [items[:3].mean(axis=0), items[3], items[4:].mean(axis=0)]
    expected = [mean / np.linalg.norm(mean) for mean in means]
    np.testing.assert_allclose(row, expected, atol=1e-6)


# --- Negatives ----------------------------------------------------------------------


class Losses(Callback):
    def __init__(self, note):
        self.note = note

    def on_batch_end(self, net, batch, training, loss, y_pred, **kwargs):
        texts = batch[0]["y"].numpy()
        self.note(texts, [z.detach().numpy() for z in y_pred], loss.item())


@pytest.mark.parametrize("groups", [None, [0, 0, 1, 2, 2, 2]])
def test_captions_of_one_image_are_never_negatives(groups):
    batches = []
    captions = [[f"w{i}", f"w{i} v{i}", f"w{i} v{i} u{i}"] for i in range(6)]
    ranker = make(
        loss="sum_of_violations", margin=3.0, reduction="sum", batch_size=9,
        callbacks=[Losses(lambda *batch: batches.append(batch))],
    ).fit(X, captions, groups=groups)  # fmt: skip
    of_image = range(6) if groups is None else groups
    texts_of = ranker.y_transformer_.inverse_transform
    n_negatives = []
    for tokens, (images, texts), loss in batches:
        ids = [of_image[int(text[1])] for text in texts_of(tokens)]
        expected, count = 0.0, 0
        s = images.astype(np.float64) @ texts.T
        for i in range(len(ids)):
            for j in range(len(ids)):
                if ids[i] != ids[j]:
                    count += 1
                    expected += max(0.0, 3.0 - s[i, i] + s[i, j])
                    expected += max(0.0, 3.0 - s[i, i] + s[j, i])
        n_negatives.append(count)
        np.testing.assert_allclose(loss, expected, rtol=1e-5)
    assert len(batches) == 4 and min(n_negatives) > 0
    assert max(n_negatives) < 9 * 8  # some captions of one image did meet


@pytest.mark.parametrize(
    "loss",
    ["random_negative", "sum_of_violations", "hardest_negative", "semi_hard_negative"],
)
def test_without_a_negative_there_is_nothing_to_learn(loss):
    starts = []
    look = Start(
        lambda net: starts.append(net.module_.state_dict()["words.weight"] + 0)
    )
    ranker = make(loss=loss, weight_decay=0.0, optimizer="sgd", callbacks=[look])
    ranker.fit(X, Y, groups=["same"] * 6)
    assert [row["train_loss"] for row in ranker.history_] == [0.0, 0.0]
    np.testing.assert_array_equal(weights(ranker)["words.weight"], starts[0])


# --- Word vectors -------------------------------------------------------------------

VECTORS = {
    "dog": np.array([1.0, 2.0, 3.0, 4.0]),
    "cats": np.array([-1.0, 0.5, 0.25, 0.0]),
    "elsewhere": np.ones(4),
}


def as_keyed_vectors(vectors):
    keyed = KeyedVectors(4)
    keyed.add_vectors(list(vectors), np.array(list(vectors.values()), np.float32))
    return keyed


@pytest.mark.parametrize(
    "convert",
    [dict, as_keyed_vectors, lambda v: {k: list(x) for k, x in v.items()}, pd.Series],
    ids=["dict", "gensim", "lists", "series"],
)
def test_embeddings_start_from_given_vectors(convert):
    table, vocabulary = starting_words(make(word_vectors=convert(VECTORS)))
    expected = np.zeros((len(vocabulary) + 2, 4))
    expected[vocabulary["dog"]] = VECTORS["dog"]
    expected[vocabulary["cats"]] = VECTORS["cats"]
    np.testing.assert_array_equal(table, expected)


def test_given_vectors_are_trained_but_not_changed():
    vectors = {word: vector.copy() for word, vector in VECTORS.items()}
    ranker = make(word_vectors=vectors).fit(X, Y)
    trained = weights(ranker)["words.weight"][ranker.y_transformer_.vocabulary_["dog"]]
    assert not np.array_equal(trained, VECTORS["dog"])
    np.testing.assert_equal(vectors, VECTORS)
    assert clone(ranker).word_vectors is vectors
    refit = clone(ranker).fit(X, Y)
    np.testing.assert_array_equal(refit.transform_y(Y), ranker.transform_y(Y))


@pytest.mark.parametrize("width", [3, 1, 8])
def test_vectors_of_another_width_are_an_error_that_names_both(width):
    ranker = make(word_vectors={"dog": np.ones(width)})
    with pytest.raises(ValueError, match=rf"word_size.*4.*{width}|{width}.*word_size"):
        ranker.fit(X, Y)


def test_vectors_of_another_width_fit_nothing():
    ranker = make(word_vectors={"dog": np.ones(3)})
    with pytest.raises(ValueError):
        ranker.fit(X, Y)
    assert not [name for name in vars(ranker) if name.endswith("_")]


def test_random_embeddings_depend_on_the_seed_only():
    table, _ = starting_words(make(word_vectors=None))
    again, _ = starting_words(make(word_vectors=None, lr=0.5), X[::-1])
    other, _ = starting_words(make(word_vectors=None, random_state=1))
    np.testing.assert_array_equal(table, again)
    assert not np.array_equal(table, other)
    assert np.abs(table).min() > 0


def test_skip_gram_embeddings_are_deterministic_and_of_one_scale():
    rng = np.random.default_rng(0)
    words = ["red", "green", "blue", "circle", "square"]
    y = [" ".join(rng.choice(words, 4)) for _ in range(50)]
    X = rng.standard_normal((50, 3))
    params = {"word_vectors": "skip_gram", "y_transformer": CaptionTokenizer()}
    table, _ = starting_words(make(**params), X, y)
    again, _ = starting_words(make(**params), X, y)
    other, _ = starting_words(make(**params, random_state=1), X, y)
    np.testing.assert_array_equal(table, again)
    assert not np.array_equal(table, other)
    assert not table[:2].any()  # padding and the unknown word, which never occurs
    assert table[2:].std() == pytest.approx(other[2:].std(), rel=1e-5)
    assert len(np.unique(table[2:], axis=0)) == 5


def test_skip_gram_places_words_of_one_context_together():
    rng = np.random.default_rng(0)
    animals, vehicles = ["cat", "dog", "cow"], ["car", "bus", "van"]
    y = [" ".join(rng.choice(kind, 6)) for kind in [animals, vehicles] * 150]
    ranker = make(word_vectors="skip_gram", word_size=8, max_epochs=1)
    table, vocabulary = starting_words(ranker, np.ones((300, 2)), y)
    unit = table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9)
    cos = unit @ unit.T
    ids = [[vocabulary[word] for word in kind] for kind in (animals, vehicles)]
    within = np.mean([cos[a, b] for kind in ids for a in kind for b in kind if a != b])
    between = np.mean([cos[a, b] for a in ids[0] for b in ids[1]])
    assert within > between


def test_skip_gram_works_on_captions_of_one_word():
    ranker = make(word_vectors="skip_gram").fit(X, list("abcdef"))
    assert np.isfinite(ranker.transform_y(list("abc"))).all()


# --- The tutorial's recipe ----------------------------------------------------------


@pytest.fixture(scope="module")
def recipe():
    """The call in the Notes of the docstring, evaluated, and fitted."""
    doc = inspect.getdoc(CaptionRanker)
    (call,) = re.findall(
        r"^    (CaptionRanker\(\n.*?max_epochs=10\))$", doc, re.M | re.S
    )
    rng = np.random.default_rng(0)
    glove = {word: rng.standard_normal(100) for word in ("dog", "cats", "bench")}
    names = {"CaptionRanker": CaptionRanker, "CaptionTokenizer": CaptionTokenizer}
    ranker = eval(call, {**names, "glove": glove})
    starts = []
    look = Start(lambda net: starts.append(net.module_.words.weight.detach().clone()))
    ranker.set_params(random_state=0, device="cpu", callbacks=[look])
    return ranker.fit(X, Y), starts[0].numpy(), glove


def test_the_recipe_is_the_tutorials(recipe):
    ranker, start, glove = recipe
    assert ranker.n_iter_ == 10
    assert ranker.transform(X).shape == ranker.transform_y(Y).shape == (6, 256)
    module, criterion = ranker.net_.module_, ranker.net_.criterion_
    assert type(criterion).__name__ == "RandomNegative"
    assert criterion.margin == 1.0 and criterion.reduction == "sum"
    assert type(ranker.net_.optimizer_).__name__ == "Adam"
    for group in ranker.net_.optimizer_.param_groups:
        assert group["lr"] == 1e-3 and group["weight_decay"] == 0
    assert module.gru.hidden_size == 256 and module.words.weight.shape[1] == 100
    vocabulary = ranker.y_transformer_.vocabulary_
    for word, id_ in vocabulary.items():
        expected = glove.get(word, np.zeros(100))
        np.testing.assert_array_equal(start[id_], expected.astype(np.float32))


def test_the_recipes_embeddings_are_bounded_by_tanh_and_not_normalised(recipe):
    ranker, _, _ = recipe
    for embedded in (ranker.transform(X), ranker.transform_y(Y)):
        assert np.abs(embedded).max() <= 1
        assert np.abs(np.linalg.norm(embedded, axis=1) - 1).max() > 0.1
    w = weights(ranker)
    expected = np.tanh(X @ w["image.1.weight"].T + w["image.1.bias"])
    np.testing.assert_allclose(ranker.transform(X), expected, atol=1e-5)


def test_the_recipes_gru_reads_the_padding_on_the_left(recipe):
    ranker, start, _ = recipe
    vocabulary = ranker.y_transformer_.vocabulary_
    long = "a man and a woman on a bench " * 3  # 24 words: the last 16 stay
    for text in (*Y, long):
        ids = [vocabulary[word] for word in text.split()][-16:]
        rows = [0] * (16 - len(ids)) + ids
        embedded = ranker.transform_y([text])[0]
        np.testing.assert_allclose(embedded, slow_caption(ranker, rows), atol=1e-5)
        if len(ids) < 16:
            assert np.abs(embedded - slow_caption(ranker, ids)).max() > 1e-4
    # Its vector starts at zero and is trained.
    assert not start[0].any() and weights(ranker)["words.weight"][0].any()


def test_the_recipes_scores_are_dot_products(recipe):
    ranker, _, _ = recipe
    _, scores = ranker.rank(X, n=6)
    _, expected = brute_force(ranker.transform(X), ranker.transform_y(Y), 6)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-4)


# --- Containers ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "convert",
    [tuple, np.array, lambda y: np.array(y, dtype=object), pd.Series,
     lambda y: pd.Series(y, index=list("fedcba")), lambda y: [[text] for text in y],
     lambda y: [(text,) for text in y], lambda y: np.array(y)[:, None]],
)  # fmt: skip
def test_captions_in_any_container(ranker, convert):
    other = make().fit(X, convert(Y))
    np.testing.assert_array_equal(other.transform(X), ranker.transform(X))
    np.testing.assert_array_equal(other.transform_y(convert(Y)), ranker.transform_y(Y))
    assert list(other.captions_) == Y


TOKENS = np.array([[2, 3, 4], [5, 6, 0], [2, 0, 0], [7, 3, 0], [6, 4, 2], [2, 5, 0]])


@pytest.mark.parametrize(
    "convert",
    [np.array, list, lambda ids: ids.astype(np.float64),
     lambda ids: ids.astype(np.uint8), pd.DataFrame],
)  # fmt: skip
def test_token_ids(convert):
    ranker = make().fit(X, convert(TOKENS))
    expected = [slow_caption(ranker, row[row != 0]) for row in TOKENS]
    embedded = ranker.transform_y(convert(TOKENS))
    np.testing.assert_allclose(embedded, expected, atol=1e-6)
    np.testing.assert_array_equal(ranker.captions_, TOKENS)
    predicted = ranker.predict(X)
    order, _ = brute_force(ranker.transform(X), embedded, 1)
    np.testing.assert_array_equal(predicted, TOKENS[order[:, 0]])
    ranked, _ = ranker.rank(X[:2], n=3)
    np.testing.assert_array_equal([row[0] for row in ranked], predicted[:2])
    indices, _ = ranker.search(convert(TOKENS), X, n=2)
    assert indices.shape == (6, 2)


def test_token_ids_train_like_the_captions_they_stand_for(ranker):
    tokens = CaptionTokenizer().fit(Y).transform(Y)
    of_ids = make().fit(X, tokens)
    np.testing.assert_array_equal(of_ids.transform(X), ranker.transform(X))
    np.testing.assert_array_equal(of_ids.transform_y(tokens), ranker.transform_y(Y))


def test_one_id_a_row():
    ranker = make().fit(X, [3, 1, 2, 3, 1, 2])
    assert ranker.captions_.tolist() == [3, 1, 2, 3, 1, 2]
    assert set(ranker.predict(X)) <= {1, 2, 3}


def test_token_ids_as_objects():
    as_objects = make().fit(X, TOKENS.astype(object))
    expected = make().fit(X, TOKENS)
    np.testing.assert_array_equal(as_objects.transform(X), expected.transform(X))


def test_a_transformer_of_ones_own():
    class Hashes:
        """Not even a scikit-learn estimator: fit and transform will do."""

        def get_params(self, deep=False):
            return {}

        def fit(self, texts):
            return self

        def transform(self, texts):
            return np.array([[1 + len(text) % 7, 1] for text in texts])

    ranker = make(y_transformer=Hashes()).fit(X, Y)
    assert ranker.transform_y(Y).shape == (6, 5)

    class Vectors(Hashes):
        def transform(self, texts):
            return np.ones((len(texts), 2))

    with pytest.raises(TypeError, match="2-D integer array.*got ndarray of float64"):
        make(y_transformer=Vectors()).fit(X, Y)


@pytest.mark.parametrize(
    "ids, message",
    [
        (np.ones((6, 2, 2), int), r"2-D array of word ids .*shape \(6, 2, 2\)"),
        (np.ones(6, int), r"2-D array of word ids .*shape \(6,\)"),
        (np.ones((6, 0), int), r"2-D array of word ids .*shape \(6, 0\)"),
        (np.full((6, 2), -1), "at least 0; .*smallest id of -1"),
        (np.ones((4, 2), int), "returned 4 rows for 6 items"),
    ],
)
def test_what_a_tokenizer_of_ones_own_returns_is_checked(ids, message):
    with pytest.raises(ValueError, match=message):
        make(y_transformer=FunctionTransformer(lambda texts: ids)).fit(X, Y)


def test_a_tokenizer_of_ones_own_may_return_a_dataframe():
    ids = np.arange(12).reshape(6, 2)
    encoder = OrdinalEncoder(dtype=int)
    expected = make(y_transformer=encoder).fit(X, ids).transform_y(ids)
    encoder = clone(encoder).set_output(transform="pandas")
    framed = make(y_transformer=encoder).fit(X, ids).transform_y(ids)
    np.testing.assert_array_equal(framed, expected)


def test_word_vectors_need_the_words_of_the_ids():
    pipe = make_pipeline(FunctionTransformer(), CaptionTokenizer())
    ranker = make(y_transformer=pipe, word_vectors={"a": np.ones(4)})
    with pytest.raises(ValueError, match="vocabulary_ .* Pipeline has none"):
        ranker.fit(X, Y)


def test_retrieval_report_takes_it(ranker):
    assert "recall" in str(retrieval_report(ranker, X, Y))


# --- Bad input ----------------------------------------------------------------------

NAN = X.copy()
NAN[4, 1] = np.nan
INF = X.copy()
INF[4, 1] = np.inf

BAD_DATA = {
    "fewer captions": (X, Y[:5], ValueError, r"X has 6 rows and y has 5"),
    "more captions": (X[:4], Y, ValueError, r"X has 4 rows and y has 6"),
    "flat captions": (X, Y * 2, ValueError, "give y a list for each row"),
    "no y": (X, None, ValueError, "y is None"),
    "one text": (X, "a dog", TypeError, "one entry for each row of X; got str"),
    "generator": (X, (text for text in Y), TypeError, r"Wrap it in list"),
    "a number": (X, 3, TypeError, "got int"),
    "fractions": (X, [0.5] * 6, ValueError, "non-negative integers; row 0"),
    "negative": (X, [1, 2, 3, -1, 2, 1], ValueError, "non-negative integers; row 3"),
    "nan ids": (X, [1, 2, np.nan, 1, 2, 1], ValueError, "non-negative.*row 2"),
    "complex": (X, np.ones(6) * 1j, ValueError, "Complex data not supported"),
    "ragged ids": (X, [[1, 2]] * 5 + [[1]], ValueError, "differ in length"),
    "a None": (X, [*Y[:5], None], TypeError, r"Row 5 .* got None \(NoneType\)"),
    "all None": (X, [None] * 6, TypeError, r"Row 0 .* got None"),
    "bytes": (X, [*Y[:5], b"a"], TypeError, r"Row 5 .* \(bytes\).*Decode"),
    "mixed": (X, [*Y[:5], 3], TypeError, r"Row 5 .* got 3 \(int\)"),
    "NaN caption": (X, [*Y[:5], np.nan], TypeError, r"Row 5 .* got nan"),
    "None in a list": (X, [[t] for t in Y[:5]] + [["a", None]], TypeError, "Row 5"),
    "nested too deep": (X, [[["a"]]] * 6, TypeError, "Row 0 .* list of str"),
    "no caption": (X, [[t] for t in Y[:5]] + [[]], ValueError, "Row 5 .* empty list"),
    "no first": (X, [[]] + [[t] for t in Y[:5]], ValueError, "Row 0 .* empty list"),
    "nothing": (X[:0], [], ValueError, "0 sample"),
    "one sample": (X[:1], Y[:1], ValueError, "1 sample.*minimum of 2"),
    "NaN": (NAN, Y, ValueError, "X contains NaN"),
    "inf": (INF, Y, ValueError, "X contains infinity"),
    "text features": (np.array([["a", "b"]] * 6), Y, ValueError, "numeric|convert"),
    "1-D features": (X[:, 0], Y, ValueError, "Expected 2D array"),
    "no feature": (X[:, :0], Y, ValueError, "0 feature"),
    "complex features": (X * 1j, Y, ValueError, "Complex data not supported"),
    "groups": (X, Y, ValueError, "groups has 2 entries and X has 6 rows"),
}

BAD_PARAMS = {
    "loss": ("triplet", "'loss' parameter of CaptionRanker must be a str among"),
    "n_components": (0, r"'n_components' .* \[1, inf\)"),
    "batch_size": (1, r"'batch_size' .* \[2, inf\)"),
    "max_epochs": (0, "'max_epochs'"),
    "lr": (0.0, "'lr'"),
    "margin": (-0.1, "'margin'"),
    "temperature": (0, "'temperature'"),
    "reduction": ("max", "'reduction'"),
    "similarity": ("euclidean", "'similarity'"),
    "optimizer": ("adagrad", "'optimizer'"),
    "lr_schedule": ("step", "'lr_schedule'"),
    "pooling": ("first", "'pooling'"),
    "dropout": (1.0, "'dropout'"),
    "word_dropout": (-0.1, "'word_dropout'"),
    "word_size": (0, "'word_size'"),
    "word_vectors": ("glove", "'word_vectors'"),
    "gru_size": (0, "'gru_size'"),
    "activation": ("selu", "'activation'"),
    "y_transformer": ("tokens", "'y_transformer'"),
    "validation_fraction": (1.0, "'validation_fraction'"),
    "early_stopping": ("yes", "'early_stopping'"),
    "device": (0, "'device'"),
    "random_state": ("seed", "'random_state'"),
}


def check_no_trace(ranker, params, error, match, X_bad, y_bad, groups=None):
    """A fresh one stays unfitted; a fitted one stays what it was, however it is fed."""
    bare = make(**params)
    with pytest.raises(error, match=match):
        bare.fit(X_bad, y_bad, groups=groups)
    assert vars(bare).keys() == bare.get_params(deep=False).keys()

    fitted = make().fit(X, Y)
    attributes = dict(vars(fitted))
    for warm_start in (False, True):
        fitted.set_params(**params, warm_start=warm_start)
        with pytest.raises(error, match=match):
            fitted.fit(X_bad, y_bad, groups=groups)
        fitted.set_params(**{name: PARAMS.get(name, getattr(make(), name))
                             for name in [*params, "warm_start"]})  # fmt: skip
        assert vars(fitted).keys() == attributes.keys()
        assert all(
            vars(fitted)[name] is value
            for name, value in attributes.items()
            if name.endswith("_")
        )
        np.testing.assert_array_equal(fitted.transform(X), ranker.transform(X))
        np.testing.assert_array_equal(fitted.transform_y(Y), ranker.transform_y(Y))
        assert fitted.predict(X).tolist() == ranker.predict(X).tolist()


@pytest.mark.parametrize("name", [name for name in BAD_DATA if name != "generator"])
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_bad_data(ranker, name):
    X_bad, y_bad, error, match = BAD_DATA[name]
    groups = [0, 1] if name == "groups" else None
    if name in ("one sample", "nothing"):  # a warm start may see few, but pairs
        bare = make()
        with pytest.raises(error, match=match):
            bare.fit(X_bad, y_bad)
        assert vars(bare).keys() == bare.get_params(deep=False).keys()
        return
    check_no_trace(ranker, {}, error, match, X_bad, y_bad, groups)


def test_a_generator_of_captions():
    ranker = make()
    with pytest.raises(TypeError, match=r"one-shot generator.*Wrap it in list"):
        ranker.fit(X, (text for text in Y))
    assert not hasattr(ranker, "net_")


@pytest.mark.parametrize("name", list(BAD_PARAMS))
def test_bad_parameters(ranker, name):
    value, match = BAD_PARAMS[name]
    check_no_trace(ranker, {name: value}, ValueError, match, X, Y)


def test_an_unknown_loss_lists_the_valid_ones():
    with pytest.raises(ValueError) as caught:
        make(loss="contrastive").fit(X, Y)
    for name in ("info_nce", "sigmoid", "random_negative", "sum_of_violations",
                 "hardest_negative", "semi_hard_negative"):  # fmt: skip
        assert repr(name) in str(caught.value)


def test_rows_that_are_all_empty_lists():
    with pytest.raises(ValueError, match=r"Rows 0, 1, .*empty list"):
        make().fit(X, [[]] * 6)


@pytest.mark.parametrize("sizes", [(0,), (-3,), (2.5,), ("a",)])
@pytest.mark.filterwarnings("ignore:Initializing zero-element")
def test_hidden_layers_must_be_sizes(sizes):
    with pytest.raises(ValueError, match="hidden_layer_sizes"):
        make(hidden_layer_sizes=sizes).fit(X, Y)


def test_another_number_of_features(ranker):
    for method in (ranker.transform, ranker.predict, ranker.rank):
        with pytest.raises(ValueError, match="X has 2 features.*expecting 3 features"):
            method(X[:, :2])
    with pytest.raises(ValueError, match="X has 2 features.*expecting 3 features"):
        ranker.search(Y, X[:, :2])
    warm = make(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="X has 2 features.*expecting 3 features"):
        warm.fit(X[:, :2], Y)
    np.testing.assert_array_equal(warm.transform(X), ranker.transform(X))


def test_cuda_without_cuda(ranker, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    check_no_trace(ranker, {"device": "cuda"}, ValueError, "finds no CUDA device", X, Y)


def test_captions_without_a_known_word_are_allowed_with_a_warning(ranker):
    with pytest.warns(UserWarning, match="2 of 3 captions have no word"):
        embedded = ranker.transform_y(["", "a dog", "zebra"])
    np.testing.assert_array_equal(embedded[0], embedded[2])
    rare = make(y_transformer=CaptionTokenizer(min_count=2))
    with pytest.warns(UserWarning, match="1 of 6 captions have no word"):
        rare.fit(X, [*Y[:5], "zebra crossing"])
    assert rare.captions_[5] == "zebra crossing"
    assert np.isfinite(rare.transform_y(Y)).all()


@pytest.mark.parametrize("bad", [None, []])
def test_transform_y_of_nothing(ranker, bad):
    with pytest.raises(ValueError, match="at least 1 row of y; got none"):
        ranker.transform_y(bad)


@pytest.mark.parametrize(
    "bad, error, match",
    [
        ("a dog", TypeError, "got str"),
        ([None], TypeError, "Row 0"),
        ([b"a"], TypeError, "Row 0"),
        (["a", 3], TypeError, "Row 1"),
        ([["a"], []], ValueError, "Row 1"),
        ([1.5], ValueError, "row 0"),
    ],
)
def test_transform_y_and_search_refuse_what_fit_refuses(ranker, bad, error, match):
    with pytest.raises(error, match=match):
        ranker.transform_y(bad)
    with pytest.raises(error, match=match):
        ranker.search(bad, X)


def test_texts_on_a_ranker_of_token_ids():
    ranker = make().fit(X, TOKENS)
    with pytest.raises(TypeError, match="fitted on token ids and has no vocabulary"):
        ranker.search(["a dog"], X)


def test_one_caption_that_is_not_in_a_list_is_named(ranker):
    for call in (lambda: ranker.search("a dog", X), lambda: ranker.rank(X, "a dog")):
        with pytest.raises(TypeError, match=r"captions must be a list.*Wrap it"):
            call()


def test_ids_that_training_did_not_have_are_read_as_unknown():
    from sklearn.preprocessing import OrdinalEncoder

    ordinal = OrdinalEncoder(
        dtype=int, handle_unknown="use_encoded_value", unknown_value=99
    )
    tokens = np.arange(12).reshape(6, 2)
    ranker = make(y_transformer=ordinal).fit(X, tokens)
    beyond, unknown = ranker.transform_y([[77, 1]]), [[1, 0]]
    np.testing.assert_array_equal(beyond, ranker._embed_items(np.array(unknown)))


@pytest.mark.parametrize("name", ["lr", "callbacks", "batch_size"])
def test_net_params_may_not_hold_what_the_estimator_has(name):
    with pytest.raises(ValueError, match=rf"net_params has {name}"):
        make(net_params={name: 1}).fit(X, Y)


def test_an_optimizer_that_is_none():
    with pytest.raises(ValueError, match="optimizer must be one of .*adamw"):
        make(optimizer=int).fit(X, Y)


def test_text_and_numbers_mixed():
    with pytest.raises(TypeError, match="all text or all numbers"):
        make().fit(X, [1.0] * 5 + [None])
