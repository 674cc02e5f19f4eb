"""WordMeanVectorizer: means and weights, word vectors trained, given, from a corpus."""

import pickle
import warnings
from collections import Counter

import numpy as np
import pytest
from gensim.models import FastText, KeyedVectors, Word2Vec
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_crossmodal.preprocessing import WordMeanVectorizer

DOCUMENTS = [
    "a dog runs on the beach",
    "two dogs play with the ball",
    "the man climbs the rock",
    "the woman climbs a wall and the wall is high",
    "children play ball on the beach",
]


def make_keyed(words=("dog", "runs", "beach", "ball", "the"), size=3):
    keyed = KeyedVectors(size)
    rng = np.random.default_rng(0)
    keyed.add_vectors(
        list(words), rng.normal(size=(len(words), size)).astype(np.float32)
    )
    return keyed


def slow_mean(documents, vector_of, idf_of=lambda word: 1.0):
    """Return sum w v / sum w for each document, word by word."""
    rows = []
    for words in documents:
        pairs = [(idf_of(w), vector_of(w)) for w in words if vector_of(w) is not None]
        total = sum(weight for weight, _ in pairs)
        rows.append(sum(weight * np.asarray(v, float) for weight, v in pairs) / total)
    return np.array(rows)


def lookup(keyed):
    return lambda w: keyed[w] if w in keyed.key_to_index else None


# --- Means --------------------------------------------------------------------------


def test_a_mean_by_hand():
    keyed = KeyedVectors(2)
    keyed.add_vectors(["dog", "runs"], [[1.0, 0.0], [0.0, 1.0]])
    mean = WordMeanVectorizer(word_vectors=keyed, weighting="mean")
    rows = mean.fit_transform(["Dog, dog runs: zebras!", "runs"])
    np.testing.assert_allclose(rows, [[2 / 3, 1 / 3], [0, 1]], rtol=1e-6)
    # idf: dog in 1 of 2 documents, runs in both.
    dog, runs = np.log(3 / 2) + 1, 1.0
    weighted = mean.set_params(weighting="tfidf").fit(
        ["Dog, dog runs: zebras!", "runs"]
    )
    np.testing.assert_allclose(weighted.idf_, [dog, runs])
    expected = np.array([2 * dog, runs]) / (2 * dog + runs)
    np.testing.assert_allclose(weighted.transform(["dog dog runs"]), [expected])


@pytest.mark.parametrize("weighting", ["tfidf", "mean"])
@pytest.mark.parametrize("params", [{}, {"sg": False}, {"min_count": 2}], ids=str)
def test_means_are_those_of_a_slow_loop(weighting, params):
    mean = WordMeanVectorizer(
        8, weighting=weighting, epochs=2, random_state=0, **params
    ).fit(DOCUMENTS)
    keyed = mean.word_vectors_
    analyze = TfidfVectorizer().build_analyzer()
    documents = [*map(analyze, DOCUMENTS), ["the", "zebra", "beach", "the"]]
    tfidf = TfidfVectorizer(vocabulary=keyed.key_to_index).fit(DOCUMENTS)
    np.testing.assert_allclose(mean.idf_, tfidf.idf_)
    idf_of = lambda word: tfidf.idf_[tfidf.vocabulary_[word]]  # noqa: E731
    weights = [idf_of] if weighting == "tfidf" else []
    expected = slow_mean(documents, lookup(keyed), *weights)
    np.testing.assert_allclose(mean.transform(documents), expected, rtol=1e-5)


def test_weights_are_those_of_tfidf_vectorizer():
    """Of unit word vectors in all directions, the mean is the weights themselves."""
    words = sorted({w for text in DOCUMENTS for w in text.split() if len(w) > 1})
    keyed = KeyedVectors(len(words))
    keyed.add_vectors(words, np.eye(len(words), dtype=np.float32))
    found = WordMeanVectorizer(word_vectors=keyed).fit_transform(DOCUMENTS)
    expected = TfidfVectorizer(norm="l1").fit_transform(DOCUMENTS)
    np.testing.assert_allclose(found, expected.toarray(), rtol=1e-6)


VECTORS = make_keyed(list("abcde"))
MEAN = WordMeanVectorizer(word_vectors=VECTORS, weighting="mean").fit([["a"]])
letters = st.lists(st.sampled_from("abcdexyz"), min_size=1, max_size=12)


@given(words=letters, data=st.data())
def test_means_lie_within_the_vectors_and_ignore_order(words, data):
    shuffled = data.draw(st.permutations(words))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (row,), (again,) = MEAN.transform([words]), MEAN.transform([shuffled])
        (twice,) = MEAN.transform([words * 2])
    np.testing.assert_array_equal(row, again)
    np.testing.assert_allclose(row, twice, rtol=1e-6)
    known = [VECTORS[word] for word in words if word in VECTORS] or [np.zeros(3)]
    assert (row <= np.max(known, axis=0) + 1e-6).all()
    assert (row >= np.min(known, axis=0) - 1e-6).all()
    np.testing.assert_allclose(row, np.mean(known, axis=0), atol=1e-6)


def test_words_of_the_vectors_that_fit_did_not_see_are_rare_ones():
    mean = WordMeanVectorizer(word_vectors=make_keyed()).fit(["dog runs", "dog"])
    idf = dict(zip(mean.word_vectors_.index_to_key, mean.idf_, strict=True))
    assert idf["ball"] == idf["beach"] == pytest.approx(np.log(3 / 1) + 1)
    assert idf["dog"] == pytest.approx(1) and idf["runs"] == pytest.approx(
        np.log(3 / 2) + 1
    )
    expected = slow_mean([["dog", "ball"]], lookup(mean.word_vectors_), idf.get)
    np.testing.assert_allclose(mean.transform(["dog ball"]), expected, rtol=1e-6)


# --- Training -----------------------------------------------------------------------


def test_words_in_like_contexts_have_like_vectors():
    rng = np.random.default_rng(0)
    worlds = ["boat sail wave harbour".split(), "cow barn field sheep".split()]
    texts = [list(rng.choice(worlds[i % 2], size=6)) for i in range(400)]
    mean = WordMeanVectorizer(16, epochs=20, sample=0, random_state=0).fit(texts)
    keyed = mean.word_vectors_
    assert keyed.similarity("boat", "sail") > keyed.similarity("boat", "cow") + 0.3
    a, b, c = mean.transform([["boat", "wave"], ["sail", "harbour"], ["cow", "barn"]])
    cosine = lambda u, v: u @ v / np.linalg.norm(u) / np.linalg.norm(v)  # noqa: E731
    assert cosine(a, b) > cosine(a, c) + 0.3


@pytest.mark.parametrize(
    "model, kind", [("word2vec", Word2Vec), ("fasttext", FastText)]
)
def test_the_parameters_are_those_of_gensim(model, kind):
    buckets = {} if model == "word2vec" else {"min_n": 2, "max_n": 4}
    own = {**buckets, "n_buckets": 40} if buckets else {}
    mean = WordMeanVectorizer(
        6, model=model, sg=False, window=2, min_count=2, epochs=3, n_negatives=4,
        lr=0.03, sample=0.01, random_state=0, **own,
    )  # fmt: skip
    seed = int(np.random.RandomState(0).randint(np.iinfo(np.int32).max))
    analyze = TfidfVectorizer().build_analyzer()
    expected = kind(
        [analyze(text) for text in DOCUMENTS], vector_size=6, sg=0, window=2,
        min_count=2, epochs=3, negative=4, alpha=0.03, sample=0.01, seed=seed,
        workers=1, **buckets,
        **({"bucket": 40} if buckets else {}),
    ).wv  # fmt: skip
    found = mean.fit(DOCUMENTS).word_vectors_
    assert found.index_to_key == expected.index_to_key
    np.testing.assert_array_equal(found.vectors, expected.vectors)


def test_a_corpus_is_trained_on_instead(tmp_path):
    corpus = [["zebra", "runs", "far"], ["zebra", "dog", "runs"]] * 3
    mean = WordMeanVectorizer(4, corpus=corpus, epochs=2, random_state=0)
    rows = mean.fit_transform(["a dog runs", "the zebra"])
    assert set(mean.word_vectors_.index_to_key) == {"zebra", "runs", "far", "dog"}
    idf = dict(zip(mean.word_vectors_.index_to_key, mean.idf_, strict=True))
    # The weights are those of the documents, which do not have "far".
    assert idf["far"] > idf["dog"] == idf["runs"] == idf["zebra"]
    path = tmp_path / "text.txt"
    path.write_text("".join(" ".join(words) + "\n" for words in corpus))
    again = (
        clone(mean).set_params(corpus=path).fit_transform(["a dog runs", "the zebra"])
    )
    np.testing.assert_array_equal(again, rows)


def test_long_documents_are_read_to_the_end():
    """gensim alone leaves out what is behind the 10,000th word."""
    text = ["dog"] * 12_000 + ["zebra"] * 10
    mean = WordMeanVectorizer(4, epochs=1, random_state=0).fit([text])
    untrained = WordMeanVectorizer(4, epochs=1, random_state=0).fit(
        [["dog"] * 12_010, ["zebra"] * 10]
    )
    assert mean.word_vectors_.key_to_index.keys() == {"dog", "zebra"}
    first = untrained.word_vectors_["zebra"]
    assert not np.array_equal(mean.word_vectors_["zebra"], first)


# --- FastText -----------------------------------------------------------------------


def make_fasttext(**params):
    settings = {"n_buckets": 200, "epochs": 2, "random_state": 0, **params}
    return WordMeanVectorizer(6, model="fasttext", **settings)


@pytest.mark.parametrize("weighting", ["tfidf", "mean"])
def test_words_that_were_not_seen_have_those_of_their_ngrams(weighting):
    mean = make_fasttext(weighting=weighting).fit(DOCUMENTS)
    keyed = mean.word_vectors_
    documents = [["dogged"], ["dog", "runner", "dog"], ["zebra"]]
    idf = dict(zip(keyed.index_to_key, mean.idf_, strict=True))
    # An unseen word weighs as one that no document of fit had.
    unseen = np.log(1 + len(DOCUMENTS)) + 1
    weights = [lambda word: idf.get(word, unseen)] if weighting == "tfidf" else []
    expected = slow_mean(documents, keyed.get_vector, *weights)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = mean.transform(documents)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert np.abs(found).min() > 0


def test_words_too_short_for_an_ngram_are_unknown():
    mean = make_fasttext(min_n=5).fit(DOCUMENTS)
    with pytest.warns(UserWarning, match="^1 of 3 documents have no known word"):
        rows = mean.transform([["xy"], ["xyzzy"], ["xy", "dog"]])  # <xy> has 4 letters
    assert not rows[0].any() and rows[1].any()
    np.testing.assert_allclose(rows[2], mean.transform([["dog"]])[0], rtol=1e-6)


def test_fasttext_buckets_bound_the_pickle():
    sizes = {
        n_buckets: len(pickle.dumps(make_fasttext(n_buckets=n_buckets).fit(DOCUMENTS)))
        for n_buckets in (100, 10_100)
    }
    grown = sizes[10_100] - sizes[100]
    assert 0.9 < grown / (10_000 * 6 * 4) < 1.1


def test_a_fasttext_model_that_is_given_keeps_its_ngrams():
    model = FastText(
        [text.split() for text in DOCUMENTS], vector_size=4, bucket=50, min_count=1
    )
    for given_ in (model, model.wv):
        mean = WordMeanVectorizer(word_vectors=given_, weighting="mean").fit(DOCUMENTS)
        assert mean.word_vectors_ is model.wv
        found = mean.transform([["dogged", "dog"]])
        expected = (model.wv["dogged"] + model.wv["dog"]) / 2
        np.testing.assert_allclose(found, [expected], rtol=1e-5)


def test_max_n_below_min_n():
    with pytest.raises(ValueError, match="min_n=5 is above max_n=4"):
        make_fasttext(min_n=5, max_n=4).fit(DOCUMENTS)


# --- Given word vectors -------------------------------------------------------------


@pytest.mark.parametrize("form", ["keyed", "model", "text", "binary", "glove"])
def test_word_vectors_of_any_form(form, tmp_path):
    model = Word2Vec(
        [text.split() for text in DOCUMENTS], vector_size=4, min_count=1, workers=1
    )
    path = str(tmp_path / "vectors")
    if form in ("text", "binary"):
        model.wv.save_word2vec_format(path, binary=form == "binary")
    elif form == "glove":
        model.wv.save_word2vec_format(path, write_header=False)
    source = {"keyed": model.wv, "model": model}.get(form, path)
    mean = WordMeanVectorizer(word_vectors=source, weighting="mean")
    found = mean.fit_transform(DOCUMENTS)
    analyze = TfidfVectorizer().build_analyzer()
    expected = slow_mean(list(map(analyze, DOCUMENTS)), lookup(model.wv))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert mean.get_feature_names_out().tolist()[-1] == "wordmeanvectorizer3"
    # Pre-trained vectors have none of words they do not know.
    with pytest.warns(UserWarning, match="1 of 1 documents"):
        assert not mean.transform([["dogged"]]).any()


def test_given_vectors_stay_as_they_are():
    keyed = make_keyed()
    before = keyed.vectors.copy()
    mean = WordMeanVectorizer(word_vectors=keyed).fit(["dog runs"])
    mean.transform(["the ball"])
    np.testing.assert_array_equal(keyed.vectors, before)
    assert mean.word_vectors_.index_to_key == keyed.index_to_key
    assert np.shares_memory(mean.word_vectors_.vectors, keyed.vectors)


def test_clone_shares_corpus_and_word_vectors():
    for name, value in {"word_vectors": make_keyed(), "corpus": [["dog"]] * 5}.items():
        mean = WordMeanVectorizer(**{name: value}, stop_words=["the"])
        copy = clone(mean)
        assert getattr(copy, name) is value
        assert copy.stop_words == ["the"] and copy.stop_words is not mean.stop_words
        assert type(copy) is WordMeanVectorizer


@pytest.mark.parametrize(
    "params, error, message",
    [
        ({"word_vectors": make_keyed(), "n_components": 5}, ValueError,
         "word_vectors have 3 dimensions, but n_components=5"),
        ({"word_vectors": {"dog": [1.0]}}, TypeError, "must be gensim KeyedVectors"),
        ({"word_vectors": "missing.txt"}, FileNotFoundError, "missing.txt"),
        ({"corpus": "missing.txt"}, FileNotFoundError, "missing.txt"),
        ({"corpus": (w for w in [["a"]])}, TypeError, "can be read only once"),
        ({"corpus": [["dog"], "a dog"]}, TypeError, "Sentence 1 of corpus"),
        ({"corpus": [[]]}, ValueError,
         "No word of the corpus occurs min_count=1 times"),
        ({"min_count": 9}, ValueError,
         "No word of the documents occurs min_count=9 times.* smaller min_count"),
        ({"corpus": [["dog"]], "word_vectors": make_keyed()}, ValueError,
         "word_vectors and corpus are both given"),
        ({"corpus": [["DOG", "RUNS"]]}, ValueError,
         r"None of the 5 documents has a known word, which is one that the word "
         r"vectors have. The documents have 19 distinct words \('and', 'ball', 'beach',"
         r" \.\.\.\). Are both in lower case"),
        ({"word_vectors": make_keyed(["DOG"])}, ValueError, "has a known word"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_what_cannot_be_fitted(params, error, message):
    mean = WordMeanVectorizer(random_state=0, **params)
    with pytest.raises(error, match=message):
        mean.fit(DOCUMENTS)
    assert not [name for name in vars(mean) if name.endswith("_")]


@pytest.mark.parametrize(
    "params",
    [
        {"model": "glove"},
        {"weighting": "idf"},
        {"sg": "yes"},
        {"window": 0},
        {"min_count": 0},
        {"epochs": 0},
        {"lr": 0},
        {"n_negatives": 0},
        {"sample": 2},
        {"min_n": 0},
        {"n_buckets": 0},
    ],
    ids=str,
)
def test_wrong_parameters(params):
    (name,) = params
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter of"):
        WordMeanVectorizer(**params).fit(DOCUMENTS)


def test_refit_forgets():
    mean = WordMeanVectorizer(4, epochs=1, random_state=0)
    expected = clone(mean).fit(["cow barn"]).transform(["cow"])
    mean.fit(DOCUMENTS).fit(["cow barn"])
    assert set(mean.word_vectors_.index_to_key) == {"cow", "barn"}
    np.testing.assert_array_equal(mean.transform(["cow"]), expected)


def test_document_counts_are_of_documents_not_of_words():
    mean = WordMeanVectorizer(word_vectors=make_keyed()).fit(
        ["dog dog dog", "ball the"]
    )
    idf = dict(zip(mean.word_vectors_.index_to_key, mean.idf_, strict=True))
    assert idf["dog"] == idf["ball"]
    assert Counter(np.round(mean.idf_, 9)) == {
        round(np.log(3 / 2) + 1, 9): 3,
        round(np.log(3) + 1, 9): 2,
    }
