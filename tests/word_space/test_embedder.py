"""What both estimators of a word space do at the edges of their input."""

import warnings

import numpy as np
import pytest
import torch
from gensim.models import KeyedVectors
from sklearn.exceptions import ConvergenceWarning
from skorch.callbacks import Callback

from sklearn_crossmodal import Im2VecProjector, ImageEnhancedSkipGram

WORDS = [f"w{i}" for i in range(12)]
N_IMAGES = 60
rng = np.random.default_rng(0)
X = rng.normal(size=(N_IMAGES, 5)).astype(np.float32)
Y = [WORDS[i] for i in rng.integers(6, size=N_IMAGES)]
CORPUS = [[WORDS[i] for i in rng.integers(12, size=8)] for _ in range(40)]


def make_words():
    words = KeyedVectors(4)
    vectors = np.random.default_rng(1).normal(size=(len(WORDS), 4))
    words.add_vectors(WORDS, vectors.astype(np.float32))
    return words


def projector(**params):
    defaults = {"word_vectors": make_words(), "max_epochs": 2, "random_state": 0}
    return Im2VecProjector(**{**defaults, **params})


def skip_gram(**params):
    defaults = {"word_vectors": make_words(), "corpus": CORPUS, "random_state": 0}
    return ImageEnhancedSkipGram(**{**defaults, **params})


# --- Labels that are numbers --------------------------------------------------------


@pytest.mark.parametrize("of", [lambda y: y, lambda y: y > 0, lambda y: y + 0.5])
def test_numbers_of_any_kind_are_predicted(of):
    y = of(rng.integers(2, size=N_IMAGES))
    images = np.where(y[:, None] == y.max(), 1, -1) + X / 10
    model = Im2VecProjector(
        4, lr=0.05, max_epochs=60, loss="sigmoid", center=False, random_state=0
    )
    predicted = model.fit(images, y).predict(images)
    assert predicted.dtype == y.dtype
    np.testing.assert_array_equal(predicted, y)


def test_numbers_to_choose_from_are_given_as_numbers_or_words():
    model = Im2VecProjector(4, random_state=0).fit(X, rng.integers(5, size=N_IMAGES))
    predicted = model.predict(X, words=[3, 1])
    assert set(predicted) <= {1, 3}
    np.testing.assert_array_equal(predicted, model.predict(X, words=["3", "1"]))


# --- Words to choose from -----------------------------------------------------------


def test_a_word_without_a_vector_is_never_the_nearest():
    model = projector().fit(X, Y)
    with pytest.warns(UserWarning, match="1 of 3.*'zebra': they are left out") as told:
        predicted = model.predict(X, words=["w1", "zebra", "w2"])
    assert told[0].filename == __file__
    np.testing.assert_array_equal(predicted, model.predict(X, words=["w1", "w2"]))
    with pytest.raises(ValueError, match="no word with a vector"):
        model.predict(X, words=["zebra"])
    with pytest.raises(ValueError, match="words is empty"):
        model.rank(X, words=[])


def test_choosing_from_all_words_given_is_choosing_from_the_vocabulary():
    model = projector(center=False).fit(X, Y)
    ranked, cosines = model.rank(X, n=4)
    expected, scores = model.rank(X, words=WORDS, n=4)
    assert ranked == expected
    np.testing.assert_allclose(cosines, scores, atol=1e-6)


def test_one_word_alone_keeps_its_vector():
    with pytest.warns(UserWarning, match="left out"):
        model = projector(lr=0.1, max_epochs=100, loss="cosine").fit(
            X, ["w1"] * 30 + ["zebra"] * 30
        )
    assert model.word_vectors_.similarity("w1", "w1") == pytest.approx(1, abs=1e-6)
    images = np.ones((N_IMAGES, 5)) + X / 10
    model = projector(lr=0.1, max_epochs=100, loss="cosine").fit(images, ["w1"] * 60)
    assert set(model.predict(images)) == {"w1"}


# --- Warnings -----------------------------------------------------------------------


@pytest.mark.parametrize("early_stopping", [False, True])
def test_words_without_a_vector_are_told_of_once_where_fit_was_called(early_stopping):
    y = ["zebra"] * 20 + Y[20:]
    with pytest.warns(UserWarning, match="20 of 60 texts.*20 rows") as told:
        projector(early_stopping=early_stopping).fit(X, y)
    assert len(told) == 1
    assert told[0].filename == __file__


def test_a_collapse_is_told_of_where_fit_was_called():
    model = skip_gram(
        n_components=4, word_vectors=None, min_count=1,
        loss="hinge", word_loss="hinge", positive_weight_mode="printed",
        word_lr=0.05, image_word_lr=0.05, max_epochs=60, lr_schedule="constant",
    )  # fmt: skip
    with pytest.warns(ConvergenceWarning, match="collapsed") as told:
        model.fit(X, Y)
    assert told[0].filename == __file__


@pytest.mark.parametrize("joint", [False, True])
def test_read_only_vectors_are_taken_as_they_are(joint):
    words = make_words()
    before = words.vectors.copy()
    words.vectors.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        projector(word_vectors=words, joint=joint, center=False).fit(X, Y)
    np.testing.assert_array_equal(words.vectors, before)


def test_rows_of_a_table_with_names_are_asked_for_without_a_warning():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=list("abcde"))
    model = projector().fit(table, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = model.most_similar([table.iloc[0], "w1"], ["w2"])
    assert found == projector().fit(X, Y).most_similar([X[0], "w1"], ["w2"])


# --- Training that diverges ---------------------------------------------------------


@pytest.mark.parametrize("kernel", ["torch", "numba"])
def test_text_that_makes_words_infinite_is_told_of(kernel):
    if kernel == "numba":
        pytest.importorskip("numba")
    model = skip_gram(word_lr=1e4, kernel=kernel)
    with pytest.raises(ValueError, match="word loss became (nan|inf).*word_lr"):
        model.fit(X, Y)


def test_words_that_the_last_step_of_an_epoch_spoils_are_not_kept():
    class SpoilWords(Callback):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2:
                net.module_.words[3] = torch.nan

    model = skip_gram(callbacks=[SpoilWords()], max_epochs=3)
    with pytest.raises(ValueError, match="end of epoch 2"):
        model.fit(X, Y)
    assert model.n_iter_ == 1  # as after the last complete epoch
    assert np.isfinite(model.word_vectors_.vectors).all()
