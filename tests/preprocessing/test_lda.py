"""LDAVectorizer: distributions, topics, priors, engines; words of components."""

import warnings

import numpy as np
import pandas as pd
import pytest
from gensim.models import LdaModel
from hypothesis import given
from hypothesis import strategies as st
from joblib import parallel_config
from scipy import sparse
from scipy.special import psi
from sklearn.base import clone
from sklearn.decomposition import NMF, LatentDirichletAllocation, TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.feature_selection import SelectKBest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_crossmodal.preprocessing import LDAVectorizer, WordMeanVectorizer
from sklearn_crossmodal.preprocessing._topics import topic_words

ENGINES = ["sklearn", "gensim"]
SEA = ["boat", "sail", "harbour", "wave", "anchor"]
FARM = ["cow", "barn", "tractor", "field", "sheep"]


@pytest.fixture(scope="module")
def two_worlds():
    """Return texts of two vocabularies, and which each is of."""
    rng = np.random.default_rng(0)
    worlds = rng.integers(2, size=200)
    return [" ".join(rng.choice((SEA, FARM)[w], size=6)) for w in worlds], worlds


@pytest.fixture(scope="module", params=ENGINES)
def fitted(request, two_worlds):
    lda = LDAVectorizer(2, engine=request.param, batch_size=50, random_state=0)
    return lda.fit(two_worlds[0])


def quiet(function, *args):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return function(*args)


# --- Topics -------------------------------------------------------------------------


def test_two_disjoint_vocabularies_are_two_topics(fitted, two_worlds):
    found = [{word for word, _ in topic} for topic in fitted.get_topics(5)]
    assert found in ([set(SEA), set(FARM)], [set(FARM), set(SEA)])
    texts, worlds = two_worlds
    sea = 0 if found[0] == set(SEA) else 1
    rows = fitted.transform(texts)
    np.testing.assert_array_equal(rows.argmax(axis=1) == sea, worlds == 0)
    # Half the words of each: half of each topic.
    mixed = fitted.transform(["boat sail wave cow barn field"])
    np.testing.assert_allclose(mixed, 0.5, atol=0.05)


def test_topics_are_distributions_of_words(fitted):
    assert fitted.topic_word_.shape == (2, 10)
    np.testing.assert_allclose(fitted.topic_word_.sum(axis=1), 1, rtol=1e-12)
    assert (fitted.topic_word_ > 0).all()
    assert list(fitted.vocabulary_) == sorted(SEA + FARM)
    assert list(fitted.vocabulary_.values()) == list(range(10))


@pytest.mark.parametrize("n_words", [1, 4, 10, 99])
def test_get_topics(fitted, n_words):
    topics = fitted.get_topics(n_words)
    for row, topic in zip(fitted.topic_word_, topics, strict=True):
        values = [probability for _, probability in topic]
        assert values == sorted(row, reverse=True)[:n_words]
        assert [row[fitted.vocabulary_[word]] for word, _ in topic] == values
        assert {type(word) for word, _ in topic} == {str}
        assert {type(value) for value in values} == {float}


@pytest.mark.parametrize("n_words", [0, -1, 2.5, "all", None])
def test_get_topics_of_no_words(fitted, n_words):
    with pytest.raises(ValueError, match="n must be an integer of at least 1; got"):
        fitted.get_topics(n_words)


def test_get_topics_needs_fit():
    with pytest.raises(NotFittedError):
        LDAVectorizer().get_topics()


# --- Rows ---------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_are_distributions_without_a_cut_off(engine, two_worlds):
    lda = LDAVectorizer(60, engine=engine, max_iter=2, random_state=0)
    rows = lda.fit_transform(two_worlds[0])
    np.testing.assert_allclose(rows.sum(axis=1, dtype=float), 1, rtol=1e-6)
    assert (rows > 0).all()
    # 60 topics for 6 words: most are below 0.01, where gensim cuts by default.
    assert ((rows > 0) & (rows < 0.01)).sum(axis=1).min() > 40


@given(texts=st.lists(st.text("abow ltcs", max_size=30), min_size=1, max_size=5))
def test_rows_of_any_texts_are_distributions(texts):
    rows = quiet(LDA_OF_LETTERS.transform, texts)
    assert (rows > 0).all()
    np.testing.assert_allclose(rows.sum(axis=1, dtype=float), 1, rtol=1e-6)


LDA_OF_LETTERS = LDAVectorizer(
    4, token_pattern=r"\w", stop_words=None, max_iter=2, random_state=0
).fit(["a b o w", "l t c s", "a l o t"])


def slow_topics(lda, text, prior, n_iter=2000):
    """Coordinate ascent on the mean-field bound, word by word, to the fixed point."""
    words = [lda.vocabulary_[word] for word in text.split()]
    beta = np.exp(psi(lda.lda_.components_) - psi(lda.lda_.components_.sum(1))[:, None])
    gamma = np.ones(len(beta))
    for _ in range(n_iter):
        phi = np.exp(psi(gamma))[:, None] * beta[:, words]
        gamma = prior + (phi / phi.sum(axis=0)).sum(axis=1)
    return gamma / gamma.sum()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("prior", [None, 0.5])
def test_rows_are_the_fixed_point_of_the_posterior(engine, prior, two_worlds):
    lda = LDAVectorizer(
        3, engine=engine, doc_topic_prior=prior, max_iter=3, random_state=0
    ).fit(two_worlds[0])
    texts = ["boat cow", "sail sail sheep barn wave", "anchor"]
    expected = [slow_topics(lda, text, prior or 1 / 3) for text in texts]
    # scikit-learn stops when gamma changes by less than 0.001 in the mean.
    np.testing.assert_allclose(lda.transform(texts), expected, atol=0.02)


def test_gensim_itself_infers_the_same_topics(two_worlds):
    """The model that gensim trains, asked by its own means."""
    texts, _ = two_worlds
    lda = LDAVectorizer(2, engine="gensim", max_iter=3, batch_size=50, random_state=0)
    rows = lda.fit(texts).transform(texts)
    bags = [
        sorted((lda.vocabulary_[w], text.split().count(w)) for w in set(text.split()))
        for text in texts
    ]
    model = LdaModel(num_topics=2, id2word=dict(enumerate(lda.vocabulary_)))
    model.state.sstats[...] = lda.lda_.components_ - model.eta
    model.sync_state()
    found = [
        [p for _, p in model.get_document_topics(bag, minimum_probability=0)]
        for bag in bags
    ]
    np.testing.assert_allclose(rows, found, atol=0.01)


@pytest.mark.parametrize("engine", ENGINES)
def test_documents_without_a_known_word_have_the_mean_of_the_prior(engine):
    lda = LDAVectorizer(8, engine=engine, random_state=0).fit(["boat sail", "cow barn"])
    with pytest.warns(UserWarning, match="2 of 3 .* uniform, the mean of the prior"):
        rows = lda.transform(["", "boat", "zebra"])
    np.testing.assert_array_equal(rows[[0, 2]], 0.125)
    assert rows[1].max() > 0.5


# --- Words and parameters -----------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"min_df": 2},
        {"min_df": 0.5},
        {"max_df": 2},
        {"max_df": 0.6, "stop_words": None},
        {"max_features": 2},
        {"lowercase": False},
        {"token_pattern": r"\w", "stop_words": None},
    ],
    ids=str,
)
def test_the_vocabulary_is_that_of_count_vectorizer(engine, params):
    texts = ["The cow, the barn", "A Cow and a boat", "the cow sails a boat", "barn"]
    counter = CountVectorizer(**{"stop_words": "english", **params}).fit(texts)
    lda = LDAVectorizer(2, engine=engine, max_iter=1, random_state=0, **params)
    assert lda.fit(texts).vocabulary_ == counter.vocabulary_


def test_nothing_left_of_the_vocabulary():
    message = (
        r"None of the 2 documents has a known word, which is one in min_df=2 documents "
        r"at least and max_df=1.0 at most. The documents have 4 distinct words \('barn'"
        r", 'boat', 'cow', \.\.\.\). Lower min_df, or raise max_df."
    )
    with pytest.raises(ValueError, match=message):
        LDAVectorizer(min_df=2).fit(["boat sail", "cow barn"])
    with pytest.raises(ValueError, match="a word: .*stop_words and token_pattern"):
        LDAVectorizer().fit(["the", "and"])
    with pytest.raises(ValueError, match="max_df corresponds to < documents than"):
        LDAVectorizer(min_df=2, max_df=1).fit(["boat", "boat"])


@pytest.mark.parametrize(
    "params",
    [
        {"engine": "torch"},
        {"min_df": -1},
        {"min_df": 1.5},
        {"max_df": "all"},
        {"max_features": 0},
        {"doc_topic_prior": 0},
        {"doc_topic_prior": 1.5},
        {"topic_word_prior": -0.1},
        {"max_iter": 0},
        {"batch_size": 0},
    ],
    ids=str,
)
def test_wrong_parameters(params):
    (name,) = params
    with pytest.raises(InvalidParameterError, match=f"'{name}' parameter of"):
        LDAVectorizer(**params).fit(["boat", "cow"])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_larger_prior_draws_rows_to_uniform(engine, two_worlds):
    texts, _ = two_worlds
    settings = {"engine": engine, "max_iter": 2, "random_state": 0}
    entropies = []
    for prior in (0.01, 0.1, 1.0):
        rows = LDAVectorizer(2, doc_topic_prior=prior, **settings).fit_transform(texts)
        entropies.append(-(rows * np.log(rows)).sum(axis=1).mean())
    assert entropies == sorted(entropies)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_larger_prior_draws_topics_to_uniform(engine, two_worlds):
    texts, _ = two_worlds
    settings = {"engine": engine, "max_iter": 2, "random_state": 0}
    entropies = []
    for prior in (0.001, 0.1, 1.0):
        lda = LDAVectorizer(2, topic_word_prior=prior, **settings).fit(texts)
        entropies.append(-(lda.topic_word_ * np.log(lda.topic_word_)).sum())
    assert entropies == sorted(entropies)


def test_empty_documents_teach_nothing(two_worlds):
    texts, _ = two_worlds
    lda = LDAVectorizer(2, batch_size=500, random_state=0)
    expected = clone(lda).fit(texts).topic_word_
    found = lda.fit(["", *texts, ""]).topic_word_
    # The batch has another order: equal up to rounding.
    assert np.abs(np.sort(found, axis=0) - np.sort(expected, axis=0)).max() < 0.05


def test_workers_give_what_one_gives(two_worlds):
    texts = two_worlds[0][:20]
    lda = LDAVectorizer(2, max_iter=1, n_jobs=2, random_state=0)
    with parallel_config("threading"):
        expected = lda.fit(texts).transform(texts)
    lda.lda_.set_params(n_jobs=1)
    np.testing.assert_array_equal(lda.transform(texts), expected)


@pytest.mark.parametrize("batch_size", [None, 200, 64])
@pytest.mark.parametrize("engine", ENGINES)
def test_batches_of_any_size(engine, batch_size, two_worlds):
    """Of all documents, of as many, and with a rest."""
    lda = LDAVectorizer(2, engine=engine, batch_size=batch_size, random_state=0)
    found = [{w for w, _ in t} for t in lda.fit(two_worlds[0]).get_topics(5)]
    assert found in ([set(SEA), set(FARM)], [set(FARM), set(SEA)])


def test_without_batches_it_is_batch_learning(two_worlds):
    texts, _ = two_worlds
    lda = LDAVectorizer(2, max_iter=3, random_state=0).fit(texts)
    counts = CountVectorizer().fit_transform(texts)
    order = np.random.default_rng(lda.lda_.random_state).permutation(len(texts))
    expected = LatentDirichletAllocation(
        2, max_iter=3, learning_method="batch", random_state=lda.lda_.random_state
    ).fit(counts[order])
    np.testing.assert_allclose(lda.lda_.components_, expected.components_)


# --- Words of components ------------------------------------------------------------

TEXTS = ["boat sail wave", "cow barn field", "boat wave", "cow field", "sheep"]


def test_topic_words_of_lda(fitted):
    for transformer in (fitted, make_pipeline(FunctionTransformer(), fitted)):
        words, probabilities = topic_words(transformer)
        assert words.tolist() == list(fitted.vocabulary_)
        np.testing.assert_array_equal(probabilities, fitted.topic_word_)


@pytest.mark.parametrize(
    "last", [LatentDirichletAllocation(2, random_state=0), NMF(2, random_state=0)]
)
@pytest.mark.parametrize(
    "before",
    [
        [CountVectorizer()],
        [TfidfVectorizer()],
        [CountVectorizer(), TfidfTransformer()],
        [FunctionTransformer(), CountVectorizer()],
        [make_pipeline(CountVectorizer(), TfidfTransformer())],
        [CountVectorizer(), "passthrough"],
    ],
    ids=str,
)
def test_topic_words_of_a_pipeline(before, last):
    pipe = make_pipeline(*map(clone_step, before), clone(last)).fit(TEXTS)
    words, probabilities = topic_words(pipe)
    expected = sorted(set(" ".join(TEXTS).split()))
    assert words.tolist() == expected and {type(w) for w in words} == {str}
    components = pipe[-1].components_
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(
        probabilities * components.sum(axis=1, keepdims=True), components
    )


def clone_step(step):
    return step if isinstance(step, str) else clone(step)


def test_topic_words_behind_a_selection_of_words():
    def first_three(X, y):
        return -np.arange(X.shape[1])

    pipe = make_pipeline(
        CountVectorizer(), SelectKBest(first_three, k=3), NMF(2, random_state=0)
    ).fit(TEXTS, range(5))
    words, probabilities = topic_words(pipe)
    assert words.tolist() == ["barn", "boat", "cow"] and probabilities.shape == (2, 3)


@pytest.mark.parametrize(
    "transformer",
    [
        CountVectorizer(),
        TfidfVectorizer(),
        make_pipeline(CountVectorizer(), TfidfTransformer()),
        make_pipeline(FunctionTransformer(), TfidfVectorizer()),
    ],
    ids=str,
)
def test_words_that_are_components_themselves(transformer):
    words, probabilities = topic_words(transformer.fit(TEXTS))
    assert words.tolist() == sorted(set(" ".join(TEXTS).split()))
    assert sparse.issparse(probabilities)
    np.testing.assert_array_equal(probabilities.toarray(), np.eye(len(words)))


def test_a_component_of_zeros_has_all_words_alike():
    pipe = make_pipeline(CountVectorizer(), NMF(2, random_state=0)).fit(TEXTS)
    pipe[-1].components_[1] = 0
    np.testing.assert_allclose(topic_words(pipe)[1][1], 1 / 7)


def test_components_that_are_no_distributions():
    pipe = make_pipeline(CountVectorizer(), TruncatedSVD(2)).fit(TEXTS)
    with pytest.raises(ValueError, match="TruncatedSVD have negative values"):
        topic_words(pipe)


@pytest.mark.parametrize(
    "transformer",
    [
        None,
        StandardScaler(),
        WordMeanVectorizer(2, random_state=0),
        HashingVectorizer(n_features=4),
        make_pipeline(HashingVectorizer(n_features=4, norm=None), NMF(2)),
        make_pipeline(CountVectorizer(), TruncatedSVD(2), NMF(2)),
        make_pipeline(CountVectorizer(), NMF(2), FunctionTransformer()),
        make_pipeline(CountVectorizer(), NMF(2), StandardScaler()),
        make_pipeline(LDAVectorizer(2), NMF(2)),
        make_pipeline("passthrough"),
    ],
    ids=lambda t: str(t)[:60],
)
def test_what_has_no_words(transformer):
    try:
        quiet(transformer.fit, TEXTS)
    except (ValueError, AttributeError):
        pass  # that it cannot be fitted is no matter here
    with pytest.raises((TypeError, NotFittedError), match=r"words|not fitted"):
        topic_words(transformer)


def test_no_words_names_the_steps():
    pipe = make_pipeline(CountVectorizer(), NMF(2), StandardScaler()).fit(TEXTS)
    message = "CountVectorizer > NMF > StandardScaler has no words .* make_pipeline"
    with pytest.raises(TypeError, match=message):
        topic_words(pipe)


@pytest.mark.parametrize(
    "transformer",
    [
        LDAVectorizer(),
        CountVectorizer(),
        make_pipeline(CountVectorizer(), NMF(2)),
        make_pipeline(CountVectorizer().fit(TEXTS), NMF(2)),
    ],
    ids=str,
)
def test_topic_words_needs_fit(transformer):
    with pytest.raises(NotFittedError):
        topic_words(transformer)


def test_series_of_texts(two_worlds):
    texts, _ = two_worlds
    lda = LDAVectorizer(2, max_iter=1, random_state=0)
    np.testing.assert_array_equal(
        lda.fit_transform(pd.Series(texts)), lda.fit_transform(texts)
    )
