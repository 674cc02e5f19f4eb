"""ImageEnhancedSkipGram: words and images that train in turn; what it refuses."""

import copy
import gzip
import io
import lzma
import pickle
import warnings
from functools import cache

import joblib
import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors, Word2Vec
from scipy import sparse
from scipy.stats import spearmanr
from sklearn import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback

from sklearn_crossmodal import ImageEnhancedSkipGram, make_retrieval_scorer

D = 8  # one for all tests: compiled code is made for a size
IMAGE_LOSSES = ["sigmoid", "softmax", "negative_sampling", "squared_error", "cosine"]
CONTEXT_LOSSES = ["logistic", "hinge"]

# Two topics; images of two words of each.
TOPICS = [["cat", "dog", "purr", "bark"], ["car", "van", "road", "drive"]]
WORDS = [*TOPICS[0], *TOPICS[1]]
SHOWN = ["cat", "dog", "car", "van"]
_rng = np.random.default_rng(0)
TEXT = [list(map(str, _rng.permutation(TOPICS[i % 2]))) for i in range(100)]
Y = [SHOWN[i % 4] for i in range(40)]
X = np.eye(4)[np.arange(40) % 4] + 0.1 * _rng.normal(size=(40, 4))
X = X.astype(np.float32)
PARAMS = {
    "corpus": TEXT,
    "sample": 0,
    "pretrain_epochs": 2,
    "n_components": D,
    "image_passes": 1,
    "max_epochs": 2,
    "batch_size": 20,
    "lr": 0.01,
    "lr_schedule": "constant",
    "kernel": "torch",
    "device": "cpu",
    "random_state": 0,
}


def make(**params):
    return ImageEnhancedSkipGram(**{**PARAMS, **params})


@pytest.fixture(params=["numba", "torch"])
def kernel(request):
    if request.param == "numba":
        pytest.importorskip("numba")
    return request.param


def keyed(words, vectors):
    """Return gensim's KeyedVectors, without counts."""
    result = KeyedVectors(np.shape(vectors)[1])
    result.add_vectors(list(words), np.asarray(vectors, dtype=np.float32))
    return result


@pytest.fixture(scope="module")
def word2vec():
    """A trained model, with context vectors: don't change it."""
    return Word2Vec(
        TEXT, vector_size=D, sg=1, min_count=1, epochs=20, seed=1, workers=1, sample=0
    )


@pytest.fixture(scope="module")
def model():
    """A trained one: don't change it."""
    return make(max_epochs=8, lr=0.03, pretrain_epochs=20).fit(X, Y)


def learned(model):
    """Return the weights, both tables and what was recorded, but how long it took."""
    state = {**model.net_.module_.state_dict(), **model.net_.criterion_.state_dict()}
    state = {name: value.numpy().copy() for name, value in state.items()}
    assert {"words", "outputs"} < state.keys()
    history = [
        {k: v for k, v in row.items() if k != "dur" and not k.endswith("_best")}
        for row in model.history_
    ]
    return {"state": state, "history": history, "scale": model.projection_scale_}


def assert_same_bits(one, other):
    np.testing.assert_equal(learned(one), learned(other))
    assert one.vocabulary_ == other.vocabulary_


def tables(model):
    return model.net_.module_.words.numpy(), model.net_.module_.outputs.numpy()


def rows_of(model, words):
    return [model.vocabulary_[word] for word in words]


def slow_cosine(u, v):
    u, v = np.asarray(u, dtype=float), np.asarray(v, dtype=float)
    return (u @ v) / np.sqrt((u @ u) * (v @ v))


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


# --- It learns ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss, kernel",
    [*((loss, "auto") for loss in [*IMAGE_LOSSES, *CONTEXT_LOSSES]),
     ("sigmoid", "torch"), ("hinge", "torch")],
)  # fmt: skip
def test_images_find_their_words(loss, kernel):
    model = make(
        loss=loss, kernel=kernel, max_epochs=10, lr=0.05, pretrain_epochs=40,
        image_passes=5, word_lr=0.01,
    ).fit(X, Y)  # fmt: skip
    losses = [row["train_loss"] for row in model.history_]
    assert losses[-1] < losses[0]
    assert (model.predict(X, words=SHOWN) == Y).mean() > 0.9
    if loss in CONTEXT_LOSSES:  # an image that stands for a word is of its topic
        cosines = model.transform(X) @ model.transform_y(WORDS).T
        of_animal = np.isin(Y, TOPICS[0])
        nearer = cosines[:, :4].mean(axis=1) > cosines[:, 4:].mean(axis=1)
        np.testing.assert_array_equal(nearer, of_animal)


@pytest.mark.parametrize("energy", ["dot", "cosine"])
@pytest.mark.parametrize("word_loss", ["logistic", "hinge"])
def test_words_are_learned_from_the_text(word_loss, energy, kernel):
    # From nothing, and with images that don't move them.
    start = np.random.default_rng(0).normal(size=(8, D)) * 0.1
    model = make(
        word_vectors=keyed(WORDS, start), word_loss=word_loss, energy=energy,
        kernel=kernel, word_lr=0.1, image_word_lr=0, max_epochs=10,
    ).fit(X, Y)  # fmt: skip
    losses = [row["word_loss"] for row in model.history_]
    assert losses[-1] < losses[0]
    # Words are like those of their topic, and found beside them.
    words, outputs = (table[rows_of(model, WORDS)] for table in tables(model))
    same = np.arange(8)[:, None] // 4 == np.arange(8) // 4
    for other in (words, outputs):
        cosines = np.array([[slow_cosine(u, v) for v in other] for u in words])
        cosines[np.eye(8, dtype=bool)] = np.nan
        within = np.nanmean(np.where(same, cosines, np.nan), axis=1)
        across = np.nanmean(np.where(same, np.nan, cosines), axis=1)
        assert (within > across).all()


def test_images_alone_teach_words_nothing_of_those_never_shown(word2vec):
    model = make(
        word_vectors=word2vec, corpus=TEXT, word_lr=0, image_word_lr=0.05,
        loss="squared_error",
    ).fit(X, Y)  # fmt: skip
    words, outputs = tables(model)
    shown = np.isin(list(model.vocabulary_), SHOWN)
    assert (words[shown] != word2vec.wv.vectors[shown]).any(axis=1).all()
    np.testing.assert_array_equal(words[~shown], word2vec.wv.vectors[~shown])
    np.testing.assert_array_equal(outputs, word2vec.syn1neg)


@pytest.mark.parametrize("loss", CONTEXT_LOSSES)
def test_context_losses_move_the_context_vectors_alone(word2vec, loss):
    model = make(
        word_vectors=word2vec, word_lr=0, image_word_lr=0.05, loss=loss, margin=20.0
    )
    words, outputs = tables(model.fit(X, Y))
    np.testing.assert_array_equal(words, word2vec.wv.vectors)
    assert (outputs != word2vec.syn1neg).any(axis=1).all()


@pytest.mark.parametrize("word_loss", ["logistic", "hinge"])
@pytest.mark.parametrize("loss", ["sigmoid", "hinge"])
def test_without_a_rate_words_stay_to_the_bit(word2vec, kernel, loss, word_loss):
    model = make(
        word_vectors=word2vec, word_lr=0, image_word_lr=0, kernel=kernel, loss=loss,
        word_loss=word_loss, max_epochs=4,
    ).fit(X, Y)  # fmt: skip
    words, outputs = tables(model)
    np.testing.assert_array_equal(words, word2vec.wv.vectors)
    np.testing.assert_array_equal(outputs, word2vec.syn1neg)
    # The loss on text is measured all the same, each time with other noise words,
    # and images learn.
    assert all(row["word_loss"] > 0 for row in model.history_)
    assert len({row["word_loss"] for row in model.history_}) == 4
    losses = [row["train_loss"] for row in model.history_]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("loss", ["sigmoid", "logistic", "hinge"])
def test_anchored_words_stay_to_the_bit(word2vec, kernel, loss):
    anchored = ["cat", "road"]
    model = make(
        word_vectors=word2vec, anchored_words=anchored, loss=loss, kernel=kernel,
        word_lr=0.025, margin=20.0,
    )  # fmt: skip
    model.fit(X, Y).partial_fit(X, Y)
    fixed = np.isin(list(model.vocabulary_), anchored)
    for table, before in zip(
        tables(model), (word2vec.wv.vectors, word2vec.syn1neg), strict=True
    ):
        np.testing.assert_array_equal(table[fixed], before[fixed])
        assert (table[~fixed] != before[~fixed]).any(axis=1).all()


def test_a_positive_weight_of_one_makes_the_modes_one():
    one, *others = (
        make(loss="hinge", word_loss="hinge", positive_weight=1,
             positive_weight_mode=mode).fit(X, Y)
        for mode in ("none", "scale", "printed")
    )  # fmt: skip
    for other in others:
        np.testing.assert_allclose(other.transform(X), one.transform(X), atol=1e-6)
        np.testing.assert_allclose(tables(other), tables(one), atol=1e-6)
    five = make(loss="hinge", word_loss="hinge", positive_weight_mode="scale")
    assert (tables(five.fit(X, Y))[0] != tables(one)[0]).any()
    assert five.history_[0]["word_loss"] > 3 * one.history_[0]["word_loss"]


def test_threads_learn_too():
    pytest.importorskip("numba")
    model = make(
        kernel="numba", n_jobs=2, max_epochs=8, lr=0.03, pretrain_epochs=20
    ).fit(X, Y)
    assert (model.predict(X, words=SHOWN) == Y).all()
    losses = [row["word_loss"] for row in model.history_]
    assert losses[-1] < losses[0]


# --- The collapse -------------------------------------------------------------------


@pytest.fixture(scope="module")
def noisy():
    """A text in which half of the words have nothing to do with the topic."""
    rng = np.random.default_rng(0)
    names = [f"w{i:02d}" for i in range(24)]
    text = []
    for i in range(120):
        topic = rng.choice(names[6 * (i % 4) : 6 * (i % 4) + 6], 3)
        text.append(
            [str(word) for word in rng.permutation([*topic, *rng.choice(names, 3)])]
        )
    y = np.array(names[::6], dtype=object)[rng.integers(4, size=64)]
    X = (y[:, None] == names[::6]) + 0.1 * rng.normal(size=(64, 4))
    return text, keyed(names, 0.05 * rng.normal(size=(24, D))), X, y


def hinges(noisy, mode, **params):
    text, start, _, _ = noisy
    return make(
        corpus=text, word_vectors=start, loss="hinge", word_loss="hinge", margin=1.0,
        positive_weight=5.0, positive_weight_mode=mode, word_lr=0.025,
        image_word_lr=0.025, image_passes=10, batch_size=128, **params,
    )  # fmt: skip


def mean_cosine(vectors):
    """Return the mean cosine of two different rows, pair by pair."""
    n = len(vectors)
    return np.mean([
        slow_cosine(vectors[i], vectors[j]) for i in range(n) for j in range(i)
    ])  # fmt: skip


def test_the_printed_hinge_collapses_and_says_so(noisy, kernel):
    _, _, X, y = noisy
    with pytest.warns(
        ConvergenceWarning, match=r"have collapsed.* is (0\.9|1\.0)"
    ) as caught:
        model = hinges(noisy, "printed", kernel=kernel, max_epochs=15).fit(X, y)
    last = model.history_[-1]
    # All words alike cost nothing, from an inner product of m / (lambda - 1) on,
    # and so nothing moves any more.
    words, outputs = tables(model)
    assert last["word_loss"] == last["train_loss"] == 0
    assert mean_cosine(words) > 0.9
    assert (words @ outputs.T).min() > 1 / (5 - 1)
    assert last["word_cosine"] == pytest.approx(mean_cosine(words), abs=1e-5)
    again = copy.copy(model)
    with pytest.warns(ConvergenceWarning, match="collapsed"):
        again.partial_fit(X, y)
    np.testing.assert_array_equal(tables(again), (words, outputs))
    # It is told once, where it happened.
    assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("mode", ["none", "scale"])
def test_the_other_hinges_do_not_collapse(noisy, mode, kernel):
    _, _, X, y = noisy
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = hinges(noisy, mode, kernel=kernel, max_epochs=8).fit(X, y)
    assert abs(mean_cosine(tables(model)[0])) < 0.3
    if mode == "none":
        assert (model.predict(X, words=np.unique(y).tolist()) == y).mean() > 0.9


def test_words_that_were_alike_before_are_no_collapse():
    alike = 5 + 0.1 * np.random.default_rng(0).normal(size=(8, D))
    model = make(word_vectors=keyed(WORDS, alike), word_lr=1e-4, image_word_lr=1e-4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, Y)
    assert model.history_[-1]["word_cosine"] > 0.9


# --- The word vectors are gensim's --------------------------------------------------


def test_gensim_takes_the_words_as_its_own(model, tmp_path):
    words = model.word_vectors_
    assert isinstance(words, KeyedVectors)
    assert words.index_to_key == list(model.vocabulary_)
    np.testing.assert_array_equal(words.vectors, tables(model)[0])
    vectors = {word: words[word] for word in WORDS}
    for word in WORDS:
        others = {k: v for k, v in vectors.items() if k != word}
        expected, cosines = slow_nearest(vectors[word], others, 7)
        for found in (
            words.most_similar(word, topn=7), model.most_similar(word, topn=7)
        ):  # fmt: skip
            assert [name for name, _ in found] == expected
            np.testing.assert_allclose([c for _, c in found], cosines, atol=1e-5)

    pairs = [
        ("cat", "dog", 9), ("cat", "van", 1), ("car", "road", 7),
        ("bark", "drive", 2), ("purr", "cat", 8.5), ("dog", "tree", 3),
    ]  # fmt: skip
    path = tmp_path / "pairs.tsv"
    path.write_text("".join("\t".join(map(str, pair)) + "\n" for pair in pairs))
    _, (rho, _), unknown = words.evaluate_word_pairs(path)
    known = pairs[:-1]
    cosines = [slow_cosine(vectors[a], vectors[b]) for a, b, _ in known]
    assert rho == pytest.approx(spearmanr(cosines, [s for *_, s in known]).statistic)
    assert unknown == pytest.approx(100 / 6)

    words.save_word2vec_format(tmp_path / "words.bin", binary=True)
    back = make(word_vectors=tmp_path / "words.bin", word_lr=0, image_word_lr=0)
    np.testing.assert_array_equal(back.fit(X, Y).word_vectors_.vectors, words.vectors)


def test_counts_of_words_are_those_of_the_text(model):
    for word, row in model.vocabulary_.items():
        count = sum(sentence.count(word) for sentence in TEXT)
        assert model.word_counts_[row] == count
        assert model.word_vectors_.get_vecattr(word, "count") == count


def test_counts_of_given_vectors_are_those_of_the_text_too():
    # Files of vectors say nothing of it, and noise words are drawn by it.
    text = [*TEXT, *[["cat", "dog"]] * 30]
    model = make(word_vectors=keyed([*WORDS, "tree"], np.eye(9, D)), corpus=text)
    model.fit(X, Y)
    for word in WORDS:
        count = sum(sentence.count(word) for sentence in text)
        assert model.word_counts_[model.vocabulary_[word]] == count


def test_words_are_embedded_and_searched_by_cosine(model):
    projections = model.net_.module_.image(torch.from_numpy(X)).detach().numpy()
    vectors = {word: model.word_vectors_[word] for word in model.vocabulary_}
    for word in WORDS:
        expected = vectors[word] / np.linalg.norm(vectors[word])
        np.testing.assert_allclose(model.transform_y([word])[0], expected, atol=1e-6)
    ranked, scores = model.rank(X[:8], n=3)
    for row, found, cosines in zip(projections, ranked, scores, strict=False):
        expected, expected_cosines = slow_nearest(row, vectors, 3)
        assert found == expected
        np.testing.assert_allclose(cosines, expected_cosines, atol=1e-5)
    indices, scores = model.search(["road", ["cat", "dog"]], X, n=4)
    units = [v / np.linalg.norm(v) for v in (vectors["cat"], vectors["dog"])]
    means = [vectors["road"], sum(units)]
    for mean, found, cosines in zip(means, indices, scores, strict=True):
        expected, expected_cosines = slow_nearest(mean, dict(enumerate(projections)), 4)
        assert found.tolist() == expected
        np.testing.assert_allclose(cosines, expected_cosines, atol=1e-5)


def test_sums_of_words_and_images_equal_loops(model):
    projected = model.net_.module_.image(torch.from_numpy(X[:1])).detach().numpy()[0]
    vectors = {word: model.word_vectors_[word] for word in model.vocabulary_}
    query = projected.astype(float) * model.projection_scale_
    query = query + vectors["road"] - vectors["van"]
    others = {k: v for k, v in vectors.items() if k not in ("road", "van")}
    expected, cosines = slow_nearest(query, others, 4)
    found = model.most_similar([X[0], "road"], "van", topn=4)
    assert [word for word, _ in found] == expected
    np.testing.assert_allclose([cosine for _, cosine in found], cosines, atol=1e-5)


def test_the_recorded_cosine_is_that_of_two_words(word2vec):
    model = make(word_vectors=word2vec, max_epochs=3).fit(X, Y)
    last = model.history_[-1]["word_cosine"]
    assert last == pytest.approx(mean_cosine(tables(model)[0]), abs=1e-5)


# --- Where words come from ----------------------------------------------------------


def test_training_starts_from_gensims_both_tables():
    model = make(word_lr=0, image_word_lr=0).fit(X, Y)
    expected = Word2Vec(
        TEXT, vector_size=D, sg=1, min_count=5, epochs=2, workers=1, sample=0,
        seed=model.seed_,
    )  # fmt: skip
    words, outputs = tables(model)
    assert list(model.vocabulary_) == expected.wv.index_to_key
    np.testing.assert_array_equal(words, expected.wv.vectors)
    np.testing.assert_array_equal(outputs, expected.syn1neg)


def test_context_vectors_of_given_vectors_start_at_zero(word2vec):
    model = make(word_vectors=word2vec.wv, word_lr=0, image_word_lr=0).fit(X, Y)
    words, outputs = tables(model)
    np.testing.assert_array_equal(words, word2vec.wv.vectors)
    assert not outputs.any()


@pytest.mark.parametrize("kind", ["model", "vectors"])
def test_given_vectors_are_not_changed(word2vec, kind, kernel):
    given = copy.deepcopy(word2vec if kind == "model" else word2vec.wv)
    model = make(word_vectors=given, kernel=kernel, word_lr=0.025).fit(X, Y)
    model.partial_fit(X, Y)
    model.word_vectors_.most_similar("cat")
    keyed_ = getattr(given, "wv", given)
    np.testing.assert_array_equal(keyed_.vectors, word2vec.wv.vectors)
    assert (tables(model)[0] != keyed_.vectors).any()
    if kind == "model":
        np.testing.assert_array_equal(given.syn1neg, word2vec.syn1neg)


@pytest.fixture
def torch_always_warns():
    """Tell of each array that torch may not write to, not only of the first."""
    before = torch.is_warn_always_enabled()
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(before)


@pytest.mark.usefixtures("torch_always_warns")
def test_vectors_may_be_read_only(word2vec):
    given = keyed(WORDS, word2vec.wv[WORDS])
    expected = make(word_vectors=copy.deepcopy(given)).fit(X, Y)
    given.vectors.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = make(word_vectors=given).fit(X, Y)
    assert_same_bits(model, expected)


class Stories:
    """Sentences that can be read again and again, and must not be copied."""

    def __init__(self, sentences):
        self.sentences = sentences

    def __iter__(self):
        yield from self.sentences

    def __copy__(self):
        raise AssertionError("copied")

    __deepcopy__ = __copy__


@pytest.mark.parametrize("kind", [".txt", ".txt.gz", ".txt.xz", "paths", "object"])
def test_a_corpus_of_any_kind_is_the_same_text(tmp_path, kind):
    expected = make().fit(X, Y)
    content = "".join(" ".join(words) + "\n" for words in TEXT).encode()
    if kind == "object":
        corpus = Stories(TEXT)
    elif kind == "paths":
        corpus = [tmp_path / "one.txt", tmp_path / "two.txt"]
        cut = content.index(b"\n", len(content) // 2) + 1
        corpus[0].write_bytes(content[:cut])
        corpus[1].write_bytes(content[cut:])
    else:
        compress = {".gz": gzip.compress, ".xz": lzma.compress}
        corpus = tmp_path / f"text{kind}"
        corpus.write_bytes(compress.get(corpus.suffix, bytes)(content))
    assert_same_bits(make(corpus=corpus).fit(X, Y), expected)


def test_without_a_corpus_the_rows_of_y_are_the_text():
    y = [["cat", "dog"], "car van", ["purr"], "van"] * 10
    sentences = [["cat", "dog"], ["car", "van"], ["purr"], ["van"]] * 10
    model = make(corpus=None).fit(X, y)
    given = make(corpus=sentences, min_count=1).fit(X, y)
    assert model.vocabulary_ == given.vocabulary_
    assert_same_bits(model, given)


def test_clones_share_the_corpus_and_the_vectors(word2vec):
    corpus = Stories(TEXT)
    model = make(corpus=corpus, word_vectors=word2vec).fit(X, Y)
    cloned = clone(model)
    assert cloned.corpus is corpus
    assert cloned.word_vectors is word2vec
    with joblib.parallel_config("threading"):
        search = GridSearchCV(
            make(corpus=corpus), {"lr": [1e-3, 1e-2]}, cv=2, n_jobs=2,
            error_score="raise",
        ).fit(X, Y)  # fmt: skip
    assert search.best_estimator_.corpus is corpus
    assert_same_bits(search.best_estimator_, make(**search.best_params_).fit(X, Y))


# --- More text ----------------------------------------------------------------------


def test_more_text_trains_the_words_that_are_known():
    model = make(image_word_lr=0, word_lr=0.025).fit(X, Y)
    vocabulary, counts = dict(model.vocabulary_), model.word_counts_.copy()
    before = [table.copy() for table in tables(model)]
    model.partial_fit(X, Y, corpus=[["cat", "unheard", "van", "of"]] * 20)
    assert model.vocabulary_ == vocabulary
    np.testing.assert_array_equal(model.word_counts_, counts)
    words, outputs = tables(model)
    moved = (words != before[0]).any(axis=1)
    assert {word for word in WORDS if moved[vocabulary[word]]} == {"cat", "van"}
    # As noise for them, others have moved in their context vectors.
    assert (outputs != before[1]).any(axis=1).sum() > 2
    # "cat" was seen beside "van", and is more like the context of it now.
    cat, van = rows_of(model, ["cat", "van"])
    assert words[cat] @ outputs[van] > before[0][cat] @ before[1][van]


@pytest.mark.parametrize("loss", ["sigmoid", "hinge"])
def test_the_text_of_a_pass_is_for_that_pass_alone(word2vec, loss, tmp_path):
    other = [[*words, "cat"] for words in TEXT[::2]]
    path = tmp_path / "other.txt"
    path.write_text("".join(" ".join(words) + "\n" for words in other))
    params = {"word_vectors": word2vec, "loss": loss}
    one = make(**params)
    one.partial_fit(X, Y).partial_fit(X, Y, corpus=path).partial_fit(X, Y)
    two = make(**params, corpus=Stories(other))
    two.partial_fit(X, Y, corpus=TEXT).partial_fit(X, Y).partial_fit(X, Y, corpus=TEXT)
    assert_same_bits(one, two)
    same = make(**params)
    for _ in range(3):
        same.partial_fit(X, Y)
    assert (tables(same)[0] != tables(one)[0]).any()
    assert one.corpus is TEXT


def test_the_first_pass_chooses_the_words():
    model = make(corpus=None, min_count=1).partial_fit(X, Y, corpus=TEXT[:2])
    assert set(model.vocabulary_) == set(WORDS)
    assert_same_bits(model, make(corpus=TEXT[:2], min_count=1).partial_fit(X, Y))


# --- Unknown words ------------------------------------------------------------------


def caught(fit):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        result = fit()
    return result, [str(warning.message) for warning in found]


@pytest.mark.parametrize("loss", ["sigmoid", "hinge"])
@pytest.mark.parametrize("from_vectors", [False, True])
def test_images_of_unknown_words_are_left_out(word2vec, loss, from_vectors):
    params = {"loss": loss, "word_vectors": word2vec if from_vectors else None}
    y = [[word] for word in Y]
    y[0] = ["cat", "nonsense"]
    y[5] = ["nonsense", "what is it"]
    y[6] = ["Cat"]
    model, messages = caught(lambda: make(**params).fit(X, y))
    assert len(messages) == 1
    assert "4 of 42 texts of y" in messages[0]
    assert "2 rows are left out" in messages[0]
    assert "1 of them have one in lower case" in messages[0]
    y[0] = ["cat"]
    kept = [i for i in range(40) if i not in (5, 6)]
    assert_same_bits(model, make(**params).fit(X[kept], [y[i] for i in kept]))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_warnings_of_unknown_words_point_to_the_caller(method):
    model, y = make(), [*Y[:39], "nonsense"]
    with pytest.warns(UserWarning, match="no word with a vector") as found:
        getattr(model, method)(X, y)
    assert [warning.filename for warning in found] == [__file__]


def test_later_passes_warn_of_unknown_words_too():
    model = make().fit(X, Y)
    kept = [i for i in range(40) if i != 3]
    expected = copy.deepcopy(model).partial_fit(X[kept], [Y[i] for i in kept])
    y = [word if i != 3 else "nonsense" for i, word in enumerate(Y)]
    _, messages = caught(lambda: model.partial_fit(X, y))
    assert len(messages) == 1
    assert "1 of 40 texts of y have no word with a vector ('nonsense')" in messages[0]
    assert_same_bits(model, expected)


# --- Bad input ----------------------------------------------------------------------


@cache
def fitted_one():
    """Return one that is fitted, and what it knows: nothing may change it."""
    fitted = make().fit(X, Y)
    return fitted, learned(fitted), fitted.transform(X), fitted.transform_y(Y)


def check_refused(params, error, match, X_bad=X, y_bad=Y, *, partial=None):
    """A fresh one stays unfitted; a fitted one stays what it was, however it is fed."""
    bare = make(**params)
    with pytest.raises(error, match=match):
        bare.fit(X_bad, y_bad)
    assert vars(bare).keys() == bare.get_params(deep=False).keys()

    fitted, *before = fitted_one()
    fitted = copy.copy(fitted)
    attributes = {k: v for k, v in vars(fitted).items() if k.endswith("_")}
    given = fitted.get_params(deep=False)
    feeds = [lambda: fitted.fit(X_bad, y_bad)]
    if partial is not None:
        feeds.append(lambda: fitted.partial_fit(X_bad, y_bad, **partial))
    for feed in feeds:
        fitted.set_params(**params)
        with pytest.raises(error, match=match):
            feed()
        now = {k: v for k, v in vars(fitted).items() if k.endswith("_")}
        assert now.keys() == attributes.keys()
        assert all(now[name] is value for name, value in attributes.items())
        fitted.set_params(**{name: given[name] for name in params})
        np.testing.assert_equal(learned(fitted), before[0])
        np.testing.assert_array_equal(fitted.transform(X), before[1])
        np.testing.assert_array_equal(fitted.transform_y(Y), before[2])


def changed(row, value):
    return [*Y[:row], value, *Y[row + 1 :]]


NAN = X.copy()
NAN[4, 1] = np.nan
BAD_DATA = {
    "all unknown": (X, ["nonsense"] * 40, ValueError, "40 of 40 texts of y have no wo"),
    "one known": (X, ["cat", *["x"] * 39], ValueError, "leaves 1.* 2 are needed"),
    "NaN in X": (NAN, Y, ValueError, "X contains NaN"),
    "NaN in y": (X, [1.0] * 39 + [np.nan], ValueError, "y contains NaN"),
    "vectors": (X, np.ones((40, 3)), TypeError, "reads words.*vectors of 3 numbers"),
    "empty list": (X, changed(7, []), ValueError, "Row 7 of y has no item"),
    "None": (X, changed(4, None), TypeError, r"Row 4 of y .* got None"),
    "bytes": (X, changed(21, b"cat"), TypeError, r"Row 21 of y .*bytes.*Decode it"),
    "no y": (X, None, ValueError, "target y is None"),
    "features": (X[:, :0], Y, ValueError, "0 feature"),
}


def test_training_goes_on_after_what_was_refused():
    model = make().fit(X, Y)
    with pytest.raises(ValueError, match="40 of 40 texts"):
        model.fit(X, ["nonsense"] * 40)
    with pytest.raises(ValueError, match="none of the words"):
        model.partial_fit(X, Y, corpus=[["x", "y"]])
    with pytest.raises(TypeError, match="only once"):
        model.set_params(corpus=iter(TEXT)).partial_fit(X, Y)
    model.set_params(corpus=TEXT).partial_fit(X, Y)
    assert_same_bits(model, make(max_epochs=3).fit(X, Y))


@pytest.mark.parametrize("name", BAD_DATA)
def test_bad_data(name):
    X_bad, y_bad, error, match = BAD_DATA[name]
    check_refused({}, error, match, X_bad, y_bad, partial={})


EYE = keyed(WORDS, np.eye(8))
BAD_PARAMS = {
    "other dimension": (
        {"n_components": 5, "word_vectors": EYE}, ValueError, "8 dimensions, but"
    ),
    "NaN vector": (
        {"word_vectors": keyed(WORDS, np.eye(8) * [np.nan, *[1] * 7])}, ValueError,
        "vector of 'cat' .* NaN",
    ),
    "dict": ({"word_vectors": {"cat": np.ones(D)}}, TypeError, "must be .*; got dict"),
    "no file": ({"word_vectors": "none.txt"}, FileNotFoundError, "no file: 'none.txt'"),
    "anchored": (
        {"anchored_words": ["cat", "emperor"]}, ValueError,
        "anchored_words have no vector to keep: 'emperor'",
    ),
    "min_count": ({"min_count": 1000}, ValueError, "occurs min_count=1000 times"),
    "no known word": (
        {"word_vectors": EYE, "corpus": [["x", "y"]] * 9}, ValueError,
        "corpus has none of the words that have a vector",
    ),
    "loss": ({"loss": "l2"}, ValueError, "'loss' parameter of ImageEnhancedSkipGram"),
    "word_loss": ({"word_loss": "softmax"}, ValueError, "'word_loss' parameter"),
    "energy": ({"energy": "euclidean"}, ValueError, "'energy' parameter"),
    "margin": ({"margin": 0}, ValueError, "'margin' parameter"),
    "weight": ({"positive_weight": -1}, ValueError, "'positive_weight' parameter"),
    "mode": ({"positive_weight_mode": "paper"}, ValueError, "'positive_weight_mode'"),
    "word_lr": ({"word_lr": -0.1}, ValueError, "'word_lr' parameter"),
    "early stopping": (
        {"early_stopping": True, "validation_fraction": 0.02}, ValueError,
        "early_stopping=True needs images of 2 words",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_PARAMS)
def test_bad_parameters(name):
    check_refused(*BAD_PARAMS[name])


BAD_CORPORA = {
    "no file": ("none.txt", FileNotFoundError, "what is no file: 'none.txt'"),
    "folder": (lambda tmp_path: tmp_path, FileNotFoundError, "what is no file"),
    "empty list": ([], ValueError, "corpus (is empty|has none of the words)"),
    "generator": (
        lambda tmp_path: (words for words in TEXT), TypeError, "read only once"
    ),
    "sentences that are generators": (
        lambda tmp_path: [map(str.lower, words) for words in TEXT], TypeError,
        "Sentence 0 of corpus .*(list of str|once)",
    ),
    "texts": ([*TEXT, "the cat"], TypeError, "Sentence 100 of corpus .*'the cat'"),
    "None in it": ([*TEXT, ["cat", None]], TypeError, "Sentence 100 of corpus .*None"),
    "bytes": (b"cat", TypeError, "corpus must be a path, .*; got bytes"),
    "number": (7, TypeError, "corpus must be a path, .*; got int"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_CORPORA)
@pytest.mark.parametrize("from_vectors", [False, True])
def test_bad_corpora(name, from_vectors, tmp_path):
    corpus, error, match = BAD_CORPORA[name]
    corpus = corpus(tmp_path) if callable(corpus) else corpus
    given = {"word_vectors": EYE} if from_vectors else {}
    check_refused({**given, "corpus": corpus}, error, match)


@pytest.mark.parametrize("name", [*BAD_CORPORA, "no known word"])
def test_bad_text_of_a_later_pass(name, tmp_path):
    corpus, error, match = BAD_CORPORA.get(
        name, ([["x", "y"]] * 9, ValueError, "corpus has none of the words")
    )
    corpus = corpus(tmp_path) if callable(corpus) else corpus
    model = make().fit(X, Y)
    before, attributes = learned(model), dict(vars(model))
    with pytest.raises(error, match=match):
        model.partial_fit(X, Y, corpus=corpus)
    assert vars(model) == attributes
    np.testing.assert_equal(learned(model), before)


def test_a_later_pass_refuses_early_stopping():
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping"):
        make(early_stopping=True).partial_fit(X, Y)


# --- Training that goes on, or is cut short -----------------------------------------

RECIPES = {
    "default": {},
    "contexts": {"loss": "logistic", "balance": 0.5},
    "paper": {
        "loss": "hinge", "word_loss": "hinge", "optimizer": "sgd",
        "net_params": {"optimizer__momentum": 0.9}, "anchored_words": ["cat"],
    },
}  # fmt: skip
by_recipe = pytest.mark.parametrize("recipe", RECIPES)


@by_recipe
def test_two_epochs_and_two_more_are_four(recipe, kernel):
    params = {**RECIPES[recipe], "kernel": kernel}
    four = make(**params, max_epochs=4).fit(X, Y)
    assert len(four.history_) == 4
    assert_same_bits(make(**params, warm_start=True).fit(X, Y).fit(X, Y), four)
    partial = make(**params).fit(X, Y)
    assert_same_bits(partial.partial_fit(X, Y).partial_fit(X, Y), four)


@by_recipe
def test_the_same_seed_gives_the_same_bits(recipe, kernel):
    one, other = (make(**RECIPES[recipe], kernel=kernel).fit(X, Y) for _ in range(2))
    assert_same_bits(one, other)
    third = make(**RECIPES[recipe], kernel=kernel, random_state=1).fit(X, Y)
    assert (tables(third)[0] != tables(one)[0]).any()


def interrupt(net):
    raise KeyboardInterrupt


@by_recipe
@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_batch_end"])
def test_ctrl_c_keeps_the_last_complete_epoch(recipe, hook, kernel):
    params = {**RECIPES[recipe], "kernel": kernel}
    model = make(**params, max_epochs=5, callbacks=[At(2, interrupt, hook)])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    one = make(**params, max_epochs=1).fit(X, Y)
    assert_same_bits(model, one)
    np.testing.assert_array_equal(model.transform(X), one.transform(X))
    model.set_params(callbacks=None)
    assert_same_bits(model.partial_fit(X, Y), make(**params).fit(X, Y))


def test_ctrl_c_in_the_first_epoch_leaves_nothing():
    model = make(callbacks=[At(1, interrupt)])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y)
    assert vars(model).keys() == model.get_params(deep=False).keys()


def test_ctrl_c_in_a_later_fit_leaves_what_was_there():
    model = make().fit(X, Y)
    before = learned(model)
    for params in ({}, {"warm_start": True}):
        first = 1 if not params else 3
        model.set_params(**params, callbacks=[At(first, interrupt)])
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, Y)
        np.testing.assert_equal(learned(model), before)


def spoil(net):
    """Turn the projection around, and the words half around."""
    with torch.no_grad():
        for parameter in net.module_.image.parameters():
            parameter.mul_(-1)
        net.module_.words[::2] *= -1


@pytest.mark.parametrize("loss", ["sigmoid", "logistic"])
def test_early_stopping_restores_the_best_weights_and_tables(loss, kernel):
    states = []

    class Note(Callback):
        def on_epoch_end(self, net, **kwargs):
            state = net.module_.state_dict()
            states.append({k: v.numpy().copy() for k, v in state.items()})

    model = make(
        loss=loss, kernel=kernel, early_stopping=True, validation_fraction=0.3,
        n_iter_no_change=2, max_epochs=30, pretrain_epochs=20,
        callbacks=[At(4, spoil, "on_epoch_begin"), Note()],
    ).fit(X, Y)  # fmt: skip
    scores = [row["valid_score"] for row in model.history_]
    best = int(np.argmax(scores))
    assert len(scores) == best + 3 == len(states)
    now = learned(model)["state"]
    assert states[best].keys() > {"words", "outputs"}
    for name, value in states[best].items():
        np.testing.assert_array_equal(now[name], value)
        assert (states[-1][name] != value).any()


def test_early_stopping_holds_out_images_not_words():
    batches = []

    class Note(Callback):
        def on_batch_begin(self, net, batch, training=False, **kwargs):
            if training:
                batches.append(batch)

        def __deepcopy__(self, memo):
            return self

    def held_out(groups=None):
        batches.clear()
        make(early_stopping=True, validation_fraction=0.3, callbacks=[Note()]).fit(
            X, Y, groups=groups
        )
        seen = {row.numpy().tobytes() for (views, _) in batches for row in views["x"]}
        return np.array([row.tobytes() not in seen for row in X])

    out = held_out()
    assert out.sum() == 12
    for word in SHOWN:
        assert 0 < out[np.array(Y) == word].sum() < 10
    groups = np.arange(40) // 8
    out = held_out(groups)
    assert [set(out[groups == group]) for group in range(5)].count({True}) == 2
    assert out.sum() == 16


# --- Copies -------------------------------------------------------------------------


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


def by_skops(model):
    skops = pytest.importorskip("skops.io")
    dumped = skops.dumps(model)
    own = {"sklearn_crossmodal.skip_gram.ImageEnhancedSkipGram"}
    assert set(skops.get_untrusted_types(data=dumped)) == own
    return skops.loads(dumped, trusted=sorted(own))


ROUTES = {
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
    "joblib": by_joblib,
    "skops": by_skops,
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}


@pytest.mark.parametrize(
    "recipe, route",
    [(recipe, route) for recipe in RECIPES for route in ROUTES
     if route != "skops" or recipe == "paper"],
)  # fmt: skip
def test_what_comes_back_is_the_same_and_trains_on(recipe, route):
    model = make(**RECIPES[recipe], warm_start=True).fit(X, Y)
    back = ROUTES[route](model)
    assert_same_bits(back, model)
    np.testing.assert_array_equal(back.transform(X), model.transform(X))
    np.testing.assert_array_equal(back.transform_y(Y), model.transform_y(Y))
    assert back.predict(X).tolist() == model.predict(X).tolist()
    sums = [X[0], "road"], ["van"]
    assert back.most_similar(*sums) == model.most_similar(*sums)
    before = learned(model)
    back.fit(X, Y)
    np.testing.assert_equal(learned(model), before)  # it did not train along
    assert_same_bits(back, model.fit(X, Y))


@by_recipe
def test_pickles_hold_no_torch_objects(recipe):
    model = make(**RECIPES[recipe], kernel="auto").fit(X, Y)
    assert b"torch" not in pickle.dumps(model)


def test_nothing_of_the_text_is_kept():
    short, long = (
        make(corpus=TEXT * n, pretrain_epochs=1, max_epochs=1, loss="logistic")
        .fit(X, Y).set_params(corpus=None) for n in (1, 20)
    )  # fmt: skip
    assert abs(len(pickle.dumps(long)) - len(pickle.dumps(short))) < 500


# --- Images, and how they are evaluated ---------------------------------------------


@pytest.mark.parametrize("loss", ["sigmoid", "hinge"])
def test_images_in_any_container(loss, tmp_path):
    expected = make(loss=loss).fit(X, Y)
    on_disk = np.memmap(tmp_path / "X", dtype=np.float32, mode="w+", shape=X.shape)
    on_disk[:] = X
    on_disk.flush()
    on_disk = np.memmap(tmp_path / "X", dtype=np.float32, mode="r", shape=X.shape)
    for images in (on_disk, sparse.csr_array(X), X.astype(np.float64)):
        model = make(loss=loss).fit(images, Y)
        assert_same_bits(model, expected)
        np.testing.assert_array_equal(model.transform(images), expected.transform(X))
    half = X.astype(np.float16)
    assert_same_bits(
        make(loss=loss).fit(half, Y), make(loss=loss).fit(half.astype(np.float32), Y)
    )


def test_images_of_one_word_are_right_answers_for_each_other(model):
    rows = np.arange(40)
    assert model.score(X, Y) == model.score(X, Y, groups=Y) == 1
    assert model.score(X, Y, groups=rows) < 0.5
    for metric in ("recall@1", "mrr", "map"):
        scorer = make_retrieval_scorer(metric, ties="pessimistic")
        assert scorer(model, X, Y) == scorer(model, X, Y, groups=Y) == 1
        assert scorer(model, X, Y, groups=rows) < 0.5


def test_numbers_are_labels_and_come_back_as_numbers():
    labels = np.arange(40) % 4 + 10
    params = {"max_epochs": 10, "lr": 0.05, "image_passes": 10, "batch_size": 40}
    model = make(corpus=None, **params)
    found = model.fit(X, labels).predict(X)
    assert found.dtype == labels.dtype
    np.testing.assert_array_equal(found, labels)
    text = [[str(label), str(label + 10)] for label in range(10, 14)] * 20
    model = make(corpus=text, **params)
    found = model.fit(X, labels).predict(X, words=["10", "11", "12", "13"])
    assert found.tolist() == list(map(str, labels))  # words of a text, by their digits
