"""What the three text vectorizers share: documents, words, unknown ones, state."""

import os
import pickle
import subprocess
import sys
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_crossmodal.preprocessing import (
    Doc2VecVectorizer,
    LDAVectorizer,
    WordMeanVectorizer,
)
from sklearn_crossmodal.preprocessing._documents import (
    check_documents,
    count_words,
    text_seed,
)

VECTORIZERS = {
    "lda": LDAVectorizer(n_components=3, max_iter=2, random_state=0),
    "lda-gensim": LDAVectorizer(3, engine="gensim", max_iter=2, random_state=0),
    "word2vec": WordMeanVectorizer(4, epochs=2, random_state=0),
    "cbow": WordMeanVectorizer(4, sg=False, epochs=2, random_state=0),
    "fasttext": WordMeanVectorizer(
        4, model="fasttext", n_buckets=50, epochs=2, random_state=0
    ),
    "dbow": Doc2VecVectorizer(4, epochs=2, random_state=0),
    "dm": Doc2VecVectorizer(4, dm=True, epochs=2, random_state=0),
}
DOCUMENTS = [
    "A dog runs on the beach.",
    "Two dogs play with a ball",
    "a man climbs the rock",
    "The woman climbs a wall, the wall is high",
    "children play ball on the beach",
    "dog, dog and dog",
]


@pytest.fixture(params=VECTORIZERS.values(), ids=VECTORIZERS.keys())
def vectorizer(request):
    return clone(request.param)


def quiet(function, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return function(*args)


# --- Documents ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "convert",
    [
        list,
        tuple,
        np.array,
        lambda texts: np.array(texts, dtype=object),
        pd.Series,
        lambda texts: pd.Series(texts, index=range(7, 7 + len(texts)), dtype="string"),
        lambda texts: [np.str_(text) for text in texts],
    ],
    ids=["list", "tuple", "array", "object", "Series", "string Series", "np.str_"],
)
def test_containers_of_documents_are_alike(vectorizer, convert):
    expected = vectorizer.fit_transform(DOCUMENTS)
    found = clone(vectorizer).fit(convert(DOCUMENTS)).transform(convert(DOCUMENTS))
    np.testing.assert_array_equal(found, expected)


def test_lists_of_words_give_what_their_texts_give(vectorizer):
    analyze = CountVectorizer(stop_words=vectorizer.stop_words).build_analyzer()
    lists = list(map(analyze, DOCUMENTS))
    expected = vectorizer.fit_transform(DOCUMENTS)
    for words in (lists, list(map(tuple, lists)), list(map(np.array, lists))):
        found = clone(vectorizer).fit(words).transform(words)
        np.testing.assert_array_equal(found, expected)
    # What was fitted on the one takes the other.
    np.testing.assert_array_equal(vectorizer.transform(lists), expected)


def test_lists_of_words_are_not_tokenized():
    words = [["New York", "THE", "x"], ["the", "x", "New York"]]
    lda = LDAVectorizer(2, random_state=0).fit(words)
    assert lda.vocabulary_ == {"New York": 0, "THE": 1, "x": 2}  # "the" is a stop word


@pytest.mark.parametrize(
    "documents, message",
    [
        (["a dog", b"a cat"], r"Document 1 is b'a cat' \(bytes\).*decode it first"),
        (["a dog", 3], r"Document 1 is 3 \(int\); expected str, as document 0 is"),
        (["a dog", "b", None], r"Document 2 is None \(NoneType\).*leave it out"),
        (["a dog", float("nan")], r"Document 1 is nan \(float\).*leave it out"),
        (pd.Series(["a", None], dtype="string"), r"Document 1 is .*leave it out"),
        ([pd.NA, "a dog"], r"Document 0 is <NA> \(NAType\).*leave it out"),
        ([["dog"], "cat"], r"Document 1 is 'cat' \(str\); expected a list of words"),
        (["cat", ["dog"]], r"Document 1 is \['dog'\] \(list\); expected str"),
        ([["dog"], ["a", 3]], r"Document 1 must be a list of str.*holds 3 \(int\)"),
        ([["dog", b"a"]], r"Document 0 must be a list of str.*holds b'a'"),
        ([1, 2], r"Document 0 is 1 \(int\); expected str or a list of words"),
        ([{"dog"}], r"Document 0 is \{'dog'\} \(set\)"),
        ([None, "a dog"], r"Document 0 is None"),
        ("a dog", r"got 'a dog' \(str\). Put a single document in a list"),
        (b"a dog", r"got b'a dog' \(bytes\). Put a single"),
        (np.array([["a dog"], ["a cat"]]), r"one dimension.*shape \(2, 1\).*column"),
        (pd.DataFrame({"text": ["a", "b"]}), r"got DataFrame of shape \(2, 1\)"),
        (np.array("a dog"), r"one dimension.*shape \(\)"),
        (csr_array(np.eye(3)), r"one dimension.*csr_array of shape \(3, 3\)"),
        (np.eye(3), r"one dimension.*shape \(3, 3\)"),
        (np.arange(3.0), r"Document 0 is .*0\.0.* \(float64\)"),
        ((text for text in DOCUMENTS), "one-shot generator"),
        ({"a": "dog"}, "got dict"),
        (7, "got int"),
        (None, "got NoneType"),
    ],
)
def test_what_is_no_document_is_named(vectorizer, documents, message):
    with pytest.raises(TypeError, match=message):
        vectorizer.fit(documents)
    assert not [name for name in vars(vectorizer) if name.endswith("_")]
    vectorizer.fit(DOCUMENTS)
    with pytest.raises(TypeError, match=message):
        vectorizer.transform(documents)


@pytest.mark.parametrize("nothing", [[], np.array([], dtype=str), pd.Series(dtype=str)])
def test_no_documents(vectorizer, nothing):
    with pytest.raises(ValueError, match="at least one document; got none"):
        vectorizer.fit(nothing)
    with pytest.raises(ValueError, match="at least one document; got none"):
        vectorizer.fit(DOCUMENTS).transform(nothing)


def test_words_are_those_of_count_vectorizer(vectorizer):
    texts = [*DOCUMENTS, "Émile's naïve café, x2 don't", "", "  ", "ÅÅ 日本語 テ"]
    options = {"token_pattern": r"[^\W\d]+", "lowercase": False}
    for stop_words in (None, "english", ["dog"], {"dog"}, ("dog",)):
        vectorizer.set_params(stop_words=stop_words, **options)
        # Of CountVectorizer, a set must be a list.
        as_list = stop_words if stop_words in (None, "english") else list(stop_words)
        counter = CountVectorizer(stop_words=as_list, **options)
        assert vectorizer._words(texts) == list(map(counter.build_analyzer(), texts))


@given(
    words=st.lists(st.lists(st.sampled_from("abcde"), max_size=6), min_size=1),
    known=st.sets(st.sampled_from("abcde"), min_size=1),
)
def test_counts(words, known):
    vocabulary = {word: i for i, word in enumerate(sorted(known))}
    expected = [[Counter(row)[word] for word in vocabulary] for row in words]
    found = count_words(words, vocabulary)
    np.testing.assert_array_equal(found.toarray(), expected)
    assert (found.data > 0).all() and found.has_canonical_format


def test_check_documents_returns_plain_words():
    documents, are_words = check_documents([np.array(["a", "b"]), ("c",), []])
    assert documents == [["a", "b"], ["c"], []] and are_words
    assert {type(word) for words in documents for word in words} == {str}
    assert check_documents(["a", ""]) == (["a", ""], False)


def test_the_seed_of_a_text_knows_where_words_end():
    assert len({text_seed(words) for words in (["ab"], ["a", "b"], ["b", "a"])}) == 3
    assert 0 <= text_seed(["\ud800"]) < 2**32  # no valid UTF-8


# --- Unknown words ------------------------------------------------------------------


def unknown_of(vectorizer):
    """Return three documents without a known word."""
    if getattr(vectorizer, "model", None) == "fasttext":
        return ["", "?!", " \n"]
    return ["", "?!", "zebra zebras"]


def unknown_row(vectorizer):
    return 1 / 3 if isinstance(vectorizer, LDAVectorizer) else 0.0


def test_documents_without_a_known_word_warn_once_with_their_number(vectorizer):
    mixed = [*unknown_of(vectorizer), *DOCUMENTS]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vectorizer.fit(mixed[:2] + DOCUMENTS)
    with pytest.warns(UserWarning) as caught:
        vectors = vectorizer.transform(mixed)
    assert len(caught) == 1
    assert str(caught[0].message).startswith("3 of 9 documents have no known word; ")
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(vectors[:3], np.float32(unknown_row(vectorizer)))
    assert (vectors[3:] != np.float32(unknown_row(vectorizer))).any(axis=1).all()


def test_fit_transform_warns_once_too(vectorizer):
    with pytest.warns(UserWarning, match="^1 of 7 documents") as caught:
        vectorizer.fit_transform(["", *DOCUMENTS])
    assert len(caught) == 1


def test_all_documents_unknown_in_transform_only_warn(vectorizer):
    vectorizer.fit(DOCUMENTS)
    with pytest.warns(UserWarning, match="^3 of 3 documents"):
        vectors = vectorizer.transform(unknown_of(vectorizer))
    np.testing.assert_array_equal(vectors, np.float32(unknown_row(vectorizer)))
    assert np.isfinite(vectors).all()


# FastText has vectors for them: see test_word_mean.py.
@pytest.mark.parametrize("name", sorted(VECTORIZERS.keys() - {"fasttext"}))
def test_unknown_words_in_a_document_are_left_out(name):
    vectorizer = clone(VECTORIZERS[name]).fit(DOCUMENTS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = vectorizer.transform([["zebras", "dog", "DOG", "runs", "?"]])
    np.testing.assert_array_equal(found, vectorizer.transform([["dog", "runs"]]))


@pytest.mark.parametrize("texts", [["", " "], ["?!", "a b c"], [[], []]])
def test_documents_without_words_cannot_be_fitted(vectorizer, texts):
    with pytest.raises(ValueError, match="None of the 2 documents has a word: they"):
        vectorizer.fit(texts)
    assert not [name for name in vars(vectorizer) if name.endswith("_")]


def test_a_failed_fit_leaves_the_fitted_state(vectorizer):
    before = vectorizer.fit(DOCUMENTS).transform(DOCUMENTS)
    with pytest.raises(ValueError, match="None of the 1 documents has a word"):
        vectorizer.fit([""])
    np.testing.assert_array_equal(vectorizer.transform(DOCUMENTS), before)


# --- Rows ---------------------------------------------------------------------------


def test_rows_are_float32_with_a_name_for_each_column(vectorizer):
    vectors = vectorizer.fit_transform(DOCUMENTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (6, vectorizer.n_components)
    prefix = type(vectorizer).__name__.lower()
    names = [f"{prefix}{i}" for i in range(vectorizer.n_components)]
    assert vectorizer.get_feature_names_out().tolist() == names
    frame = vectorizer.set_output(transform="pandas").transform(DOCUMENTS)
    assert list(frame.columns) == names
    np.testing.assert_array_equal(frame.to_numpy(), vectors)


def test_a_row_depends_on_its_document_alone(vectorizer):
    vectorizer.fit(DOCUMENTS)
    texts = [*DOCUMENTS, "a ball on a rock", "", "high dogs play", "zebra"]
    together = quiet(vectorizer.transform, texts)
    alone = [quiet(vectorizer.transform, [text])[0] for text in texts]
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(quiet(vectorizer.transform, texts[::-1])[::-1], alone)
    np.testing.assert_array_equal(quiet(vectorizer.transform, texts * 3)[10:20], alone)


def test_fit_transform_is_fit_and_transform(vectorizer):
    np.testing.assert_array_equal(
        clone(vectorizer).fit_transform(DOCUMENTS),
        vectorizer.fit(DOCUMENTS).transform(DOCUMENTS),
    )


def test_threads_do_not_mix(vectorizer):
    vectorizer.fit(DOCUMENTS)
    expected = vectorizer.transform(DOCUMENTS)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(vectorizer.transform, [DOCUMENTS] * 100):
            np.testing.assert_array_equal(found, expected)


# --- Seeds --------------------------------------------------------------------------


def test_an_int_seed_repeats_and_touches_no_global_state(vectorizer):
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    first = vectorizer.fit_transform(DOCUMENTS)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    np.random.seed(4)
    np.testing.assert_array_equal(vectorizer.fit_transform(DOCUMENTS), first)
    other = clone(vectorizer).set_params(random_state=1).fit_transform(DOCUMENTS)
    assert (other != first).any()


def test_without_a_seed_numpy_decides(vectorizer):
    vectorizer.set_params(random_state=None)
    runs = []
    for seed in (5, 5, 6):
        np.random.seed(seed)
        runs.append(clone(vectorizer).fit_transform(DOCUMENTS))
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any()


IN_ANOTHER_PROCESS = """
import pickle, sys
vectorizers, documents = pickle.load(sys.stdin.buffer)
rows = [v.fit_transform(documents).tobytes() for v in vectorizers]
sys.stdout.buffer.write(pickle.dumps(rows))
"""


def test_results_do_not_depend_on_the_hash_seed_of_the_process():
    given_ = list(map(clone, VECTORIZERS.values())), DOCUMENTS
    done = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS],
        input=pickle.dumps(given_),
        env={
            **os.environ,
            "PYTHONHASHSEED": "12345",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
        capture_output=True,
        check=True,
    )
    expected = [v.fit_transform(DOCUMENTS).tobytes() for v in given_[0]]
    assert pickle.loads(done.stdout) == expected


# --- As an estimator ----------------------------------------------------------------


def test_not_fitted(vectorizer):
    for call in (
        lambda: vectorizer.transform(DOCUMENTS),
        vectorizer.get_feature_names_out,
    ):
        with pytest.raises(NotFittedError):
            call()


def test_pickle_and_clone(vectorizer):
    expected = vectorizer.fit_transform(DOCUMENTS)
    back = pickle.loads(pickle.dumps(vectorizer))
    np.testing.assert_array_equal(back.transform(DOCUMENTS), expected)
    assert back.get_params() == vectorizer.get_params()
    copy = clone(vectorizer)
    assert copy.get_params() == vectorizer.get_params()
    with pytest.raises(NotFittedError):
        copy.transform(DOCUMENTS)
    np.testing.assert_array_equal(copy.fit_transform(DOCUMENTS), expected)


def test_search_over_the_dimension(vectorizer):
    pipe = make_pipeline(vectorizer, LogisticRegression())
    name = pipe.steps[0][0]
    search = GridSearchCV(pipe, {f"{name}__n_components": [2, 5]}, cv=2)
    y = [0, 0, 1, 1, 0, 0] * 2
    search.fit(pd.Series(DOCUMENTS * 2), y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.predict(DOCUMENTS).shape == (6,)


@pytest.mark.parametrize(
    "params",
    [
        {"n_components": 0},
        {"n_components": 2.5},
        {"lowercase": "yes"},
        {"stop_words": "french"},
        {"token_pattern": None},
        {"random_state": "seed"},
    ],
    ids=str,
)
def test_wrong_parameters(vectorizer, params):
    (name,) = params
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter of"):
        vectorizer.set_params(**params).fit(DOCUMENTS)


def test_stop_words_of_lists():
    words = [[word, "dog"] for word in sorted(ENGLISH_STOP_WORDS)[:5]]
    mean = WordMeanVectorizer(2, stop_words="english", random_state=0).fit(words)
    assert mean.word_vectors_.index_to_key == ["dog"]
