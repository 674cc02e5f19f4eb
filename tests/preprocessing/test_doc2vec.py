"""Doc2VecVectorizer: what its vectors know, and that inference is of one document."""

import pickle

import numpy as np
import pytest
from gensim.models import Doc2Vec
from gensim.models.doc2vec import TaggedDocument
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_crossmodal.preprocessing import Doc2VecVectorizer

WORLDS = ["boat sail wave harbour anchor".split(), "cow barn field sheep hay".split()]


@pytest.fixture(scope="module")
def two_worlds():
    """Return documents of two vocabularies, and which each is of."""
    rng = np.random.default_rng(0)
    worlds = rng.integers(2, size=400)
    return [list(rng.choice(WORLDS[w], size=8)) for w in worlds], worlds


def make(**params):
    settings = {"n_components": 8, "epochs": 10, "sample": 0, "random_state": 0}
    return Doc2VecVectorizer(**{**settings, **params})


def test_documents_of_two_vocabularies_can_be_told_apart(two_worlds):
    documents, worlds = two_worlds
    doc2vec = make(epochs=30).fit(documents[:300])
    rows = doc2vec.transform(documents)
    model = LogisticRegression(C=1e4).fit(rows[:300], worlds[:300])
    assert model.score(rows[300:], worlds[300:]) == 1


@pytest.mark.parametrize("dm", [False, True])
def test_the_model_is_that_of_gensim(dm, two_worlds):
    documents, _ = two_worlds
    found = (
        make(dm=dm, window=3, min_count=2, n_negatives=4, lr=0.03).fit(documents).model_
    )
    seed = int(np.random.RandomState(0).randint(np.iinfo(np.int32).max))
    expected = Doc2Vec(
        [TaggedDocument(words, [i]) for i, words in enumerate(documents)],
        vector_size=8, dm=int(dm), window=3, min_count=2, epochs=10, negative=4,
        alpha=0.03, sample=0, seed=seed, workers=1,
    )  # fmt: skip
    assert found.wv.index_to_key == expected.wv.index_to_key
    np.testing.assert_array_equal(found.syn1neg, expected.syn1neg)
    np.testing.assert_array_equal(found.wv.vectors, expected.wv.vectors)


@pytest.mark.parametrize("dm", [False, True])
def test_inference_goes_where_that_of_gensim_goes(dm, two_worlds):
    """The same steps from another start: near the same vector after many of them."""
    documents, _ = two_worlds
    doc2vec = make(dm=dm, infer_epochs=400).fit(documents)
    texts = [documents[0] * 5, documents[1] * 5, documents[2] * 5]
    rows = doc2vec.transform(texts)
    expected = [doc2vec.model_.infer_vector(words, epochs=400) for words in texts]
    for row, vector in zip(rows, expected, strict=True):
        cosine = row @ vector / np.linalg.norm(row) / np.linalg.norm(vector)
        assert cosine > 0.97
        assert np.linalg.norm(row) == pytest.approx(np.linalg.norm(vector), rel=0.1)


@pytest.mark.parametrize("dm", [False, True])
def test_inference_leaves_the_model_as_it_is(dm, two_worlds):
    documents, _ = two_worlds
    doc2vec = make(dm=dm).fit(documents)
    model = doc2vec.model_
    before = pickle.dumps([model.syn1neg, model.wv.vectors, model.random.get_state()])
    doc2vec.transform(documents[:20])
    after = pickle.dumps([model.syn1neg, model.wv.vectors, model.random.get_state()])
    assert before == after


def test_the_vector_knows_the_known_words_alone(two_worlds):
    doc2vec = make().fit(two_worlds[0])
    rows = doc2vec.transform(
        [["boat", "sail"], ["zebra", "boat", "sail"], ["boat", "xx", "sail", "yy"]]
    )
    np.testing.assert_array_equal(rows[1:], rows[[0, 0]])


def test_the_seed_of_the_estimator_is_in_the_start(two_worlds):
    documents, _ = two_worlds
    doc2vec = make(infer_epochs=1).fit(documents)
    first = doc2vec.transform(documents[:5])
    doc2vec.seed_ += 1
    assert (doc2vec.transform(documents[:5]) != first).all()


def test_more_epochs_of_inference_move_further(two_worlds):
    documents, _ = two_worlds
    doc2vec = make().fit(documents)
    norms = [
        np.linalg.norm(doc2vec.set_params(infer_epochs=n).transform(documents), axis=1)
        for n in (1, 10, 100)
    ]
    assert norms[0].mean() < norms[1].mean() < norms[2].mean()
    default = clone(doc2vec).set_params(infer_epochs=None, epochs=10).fit(documents)
    np.testing.assert_array_equal(
        default.transform(documents),
        doc2vec.set_params(infer_epochs=10).transform(documents),
    )


def test_the_vectors_of_training_are_let_go(two_worlds):
    documents, _ = two_worlds
    sizes = [len(pickle.dumps(make().fit(documents * n))) for n in (1, 3)]
    assert sizes[1] < sizes[0] * 1.05


def test_long_documents_are_read_to_the_end():
    """gensim alone leaves out what is behind the 10,000th word."""
    long = ["boat"] * 10_000 + ["cow"] * 2_000
    doc2vec = make(epochs=1).fit([long, ["boat"], ["cow"]])
    rows = doc2vec.transform([long, ["boat"] * 10_000 + ["sheep"] * 2_000])
    assert doc2vec.model_.wv.get_vecattr("cow", "count") == 2_001
    # From other starts, but one goes on to learn of cows.
    scores = rows @ doc2vec.model_.syn1neg[doc2vec.model_.wv.key_to_index["cow"]]
    assert scores[0] != scores[1]


def test_no_word_is_frequent_enough():
    message = (
        r"None of the 2 documents has a known word, which is one that occurs "
        r"min_count=5 times. The documents have 3 distinct words \('boat', 'cow', "
        r"'sail'\). Give more text, or a smaller min_count."
    )
    with pytest.raises(ValueError, match=message):
        make(min_count=5).fit(["boat sail", "cow"])


@pytest.mark.parametrize(
    "params",
    [
        {"dm": "yes"},
        {"window": 0},
        {"min_count": 0},
        {"epochs": 0},
        {"lr": 0},
        {"n_negatives": 0},
        {"sample": -1},
        {"infer_epochs": 0},
    ],
    ids=str,
)
def test_wrong_parameters(params):
    (name,) = params
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter of"):
        make(**params).fit(["boat", "cow"])
