"""DynamicLexicon: probabilities of words by hand, and what ranks them well."""

import pickle
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import clone
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_crossmodal import DynamicLexicon, SemanticProjector
from sklearn_crossmodal.preprocessing import LDAVectorizer

PARAMS = {
    "loss": "softmax_cross_entropy",
    "background": None,
    "background_weight": 0.1,
    "hidden_layer_sizes": (),
    "dropout": 0.0,
    "optimizer": "adamw",
    "lr": 0.05,
    "lr_schedule": "constant",
    "weight_decay": 0.0,
    "batch_size": 16,
    "max_epochs": 3,
    "device": "cpu",
    "random_state": 0,
}
TOPICS = [
    ["bus", "taxi", "street", "stop", "tower"],
    ["surf", "sand", "wave", "sea", "shell"],
    ["tree", "moss", "owl", "fern", "path"],
]
OTHERS = ["unicorn", "photograph"]  # no topic knows them


def draw(n, seed):
    """Draw images of a scene, and words of it."""
    rng = np.random.default_rng(seed)
    topics = np.arange(n) % 3
    X = np.eye(3)[topics] @ np.random.default_rng(42).normal(size=(3, 4))
    X = (X + 0.05 * rng.normal(size=(n, 4))).astype(np.float32)
    return X, [" ".join(rng.choice(TOPICS[topic], 6)) for topic in topics], topics


X, TEXTS, TOPIC_OF = draw(45, 0)


def lda(**params):
    return LDAVectorizer(3, doc_topic_prior=0.1, max_iter=5, **params)


def make(y_transformer=None, **params):
    y_transformer = lda() if y_transformer is None else y_transformer
    return DynamicLexicon(y_transformer, **{**PARAMS, **params})


VECTORIZERS = {
    "lda": lda,
    "pipeline": lambda: make_pipeline(
        CountVectorizer(), LatentDirichletAllocation(3, max_iter=5)
    ),
    "words": CountVectorizer,
}


@pytest.fixture(scope="module", params=VECTORIZERS)
def any_kind(request):
    """One for each kind of topics: don't change it."""
    return make(VECTORIZERS[request.param]()).fit(X, TEXTS)


@pytest.fixture(scope="module")
def lexicon():
    """One that has learned: don't change it."""
    return make(max_epochs=40).fit(X, TEXTS)


def close(a, b, **options):
    np.testing.assert_allclose(a, b, **{"rtol": 1e-4, "atol": 1e-6, **options})


def words_of_topics(one):
    """Return P(word | topic) of a fitted transformer as a list of dicts, by hand."""
    fitted = one.y_transformer_
    if isinstance(fitted, LDAVectorizer):
        words, table = list(fitted.vocabulary_), fitted.lda_.components_
    elif isinstance(fitted, CountVectorizer):
        words = fitted.get_feature_names_out().tolist()
        table = np.eye(len(words))
    else:
        words = fitted[0].get_feature_names_out().tolist()
        table = fitted[1].components_
    return [dict(zip(words, row / row.sum(), strict=True)) for row in table]


def slow_probabilities(one, shares, words):
    """Return the probability of each word, by the formula, and counts of the texts."""
    counts = Counter(" ".join(TEXTS).split())
    n_words = len(one.vocabulary_)
    total = sum(counts.values()) + n_words
    topics = words_of_topics(one)
    weight = one.background_weight
    return np.array([
        [
            (1 - weight) * sum(
                share * topic.get(word, 0)
                for share, topic in zip(row, topics, strict=True)
            ) + weight * (counts[word] + 1) / total
            for word in words
        ]
        for row in shares.astype(float)
    ])  # fmt: skip


# --- Probabilities --------------------------------------------------------------------


def test_probabilities_are_those_of_the_formula(any_kind):
    vocabulary = list(any_kind.vocabulary_)
    assert vocabulary == sorted({word for topic in TOPICS for word in topic})
    for words in (None, ["owl", "unicorn", "taxi", "photograph"], ["owl", "owl"]):
        asked = vocabulary if words is None else words
        found = any_kind.word_proba(X, words)
        assert found.dtype == np.float32
        expected = slow_probabilities(any_kind, any_kind.topic_proba(X), asked)
        close(found, expected)
        found = any_kind.word_proba_y(TEXTS, words)
        expected = slow_probabilities(any_kind, any_kind.topic_proba_y(TEXTS), asked)
        close(found, expected)


@pytest.mark.parametrize("weight", [0, 0.3, 1])
def test_probabilities_sum_to_one(weight):
    for vectorizer in VECTORIZERS.values():
        one = make(vectorizer(), background_weight=weight, max_epochs=1).fit(X, TEXTS)
        close(one.word_proba(X).sum(axis=1), 1, atol=1e-5)
        close(one.word_proba_y(TEXTS).sum(axis=1), 1, atol=1e-5)
        assert one.background_proba().sum() == pytest.approx(1)
        assert (one.word_proba(X) >= 0).all()


def test_words_that_no_topic_knows_have_the_background_alone(any_kind):
    found = any_kind.word_proba(X, OTHERS)
    close(found, np.broadcast_to(0.1 * any_kind.background_proba(OTHERS), (45, 2)))
    counts = Counter(" ".join(TEXTS).split())
    total = sum(counts.values()) + 15
    close(
        any_kind.background_proba(["owl", *OTHERS]),
        [(counts["owl"] + 1) / total, *[1 / total] * 2],
    )
    one = make(background_weight=0, max_epochs=1).fit(X, TEXTS)
    np.testing.assert_array_equal(one.word_proba(X, OTHERS), 0)


def test_the_words_are_those_of_the_texts_and_counted_as_they_are_read():
    texts = ["The Owl, the owl!", "owl fern"] * 20 + [
        "" if i else "sea" for i in range(5)
    ]
    with pytest.warns(UserWarning, match="no known word"):
        one = make(LDAVectorizer(2, max_iter=2), max_epochs=1).fit(X, texts)
    assert list(one.vocabulary_) == ["fern", "owl", "sea"]
    np.testing.assert_array_equal(one.word_counts_, [20, 60, 1])
    counted = make(CountVectorizer(stop_words=["sea"], lowercase=True), max_epochs=1)
    counted.fit(X, [text or "owl" for text in texts])
    assert list(counted.vocabulary_) == ["fern", "owl", "the"]
    np.testing.assert_array_equal(counted.word_counts_, [20, 64, 40])


def test_all_texts_of_an_image_count():
    several = [[text, "owl"] for text in TEXTS]
    one = make(max_epochs=1).fit(X, several)
    flat = make(max_epochs=1).fit(np.repeat(X, 2, axis=0), np.ravel(several).tolist())
    np.testing.assert_array_equal(one.word_counts_, flat.word_counts_)
    of_text, of_owl = one.word_proba_y([TEXTS[0], "owl"])
    close(one.word_proba_y([[TEXTS[0], "owl"]]), [(of_text + of_owl) / 2])


# --- The background -------------------------------------------------------------------


def test_a_background_is_looked_up():
    background = {"owl": 5.5, "unicorn": 3, "elsewhere": 100}
    one = make(background=background, max_epochs=1).fit(X, TEXTS)
    total = 108.5 + len(one.vocabulary_) + 2
    expected = np.array([6.5, 4, 1, 1]) / total
    close(one.background_proba(["owl", "unicorn", "taxi", "never"]), expected)
    everything = [*one.vocabulary_, "unicorn", "elsewhere"]
    assert one.background_proba(everything).sum() == pytest.approx(1)
    close(one.word_proba(X, everything).sum(axis=1), np.ones(45))
    index = list(one.vocabulary_).index("owl")
    assert one.background_proba()[index] == pytest.approx(6.5 / total)
    full = Counter(" ".join(TEXTS).split())
    of_texts = make(max_epochs=1).fit(X, TEXTS)
    of_counter = make(background=full, max_epochs=1).fit(X, TEXTS)
    np.testing.assert_array_equal(of_counter.word_proba(X), of_texts.word_proba(X))


@pytest.mark.parametrize("word", ["unicorn", "owl"])
def test_nothing_is_more_probable_than_certain(word):
    # However often a word occurs that no topic knows.
    one = make(background={"taxi": 1, word: 1000}, max_epochs=1).fit(X, TEXTS)
    assert 0.5 < one.background_proba([word])[0] <= 1
    assert one.word_proba(X, [word]).max() <= 1


def test_the_background_is_that_of_the_fit():
    one = make(background={"taxi": 1, "unicorn": 3}, max_epochs=1).fit(X, TEXTS)
    words = ["taxi", "unicorn"]
    expected = one.background_proba(words)
    one.set_params(background={"unicorn": 9, "taxi": 9})
    np.testing.assert_array_equal(one.background_proba(words), expected)


def test_an_empty_background_has_all_words_alike():
    one = make(background={}, max_epochs=1).fit(X, TEXTS)
    close(one.background_proba(["owl", "unicorn"]), [1 / 15, 1 / 15])


@pytest.mark.parametrize("bad", [-1, -0.5, np.nan, np.inf, None, "three", "3", [1]])
@pytest.mark.parametrize("word", ["owl", "unicorn"])
def test_what_is_no_count_is_refused(bad, word):
    # A word that no topic knows is asked for later, and must be a count as well.
    one = make(background={"taxi": 1, word: bad})
    with pytest.raises((ValueError, TypeError), match=f"background.*{word}"):
        one.fit(X, TEXTS)
    assert not hasattr(one, "net_")


@pytest.mark.parametrize("bad", [["owl"], "owl", 3, pd.Series({"owl": 3})])
def test_what_is_no_mapping_is_refused(bad):
    with pytest.raises(ValueError, match="'background' parameter"):
        make(background=bad).fit(X, TEXTS)


@pytest.mark.parametrize("weight", [-0.1, 1.1, "much"])
def test_weights_are_between_zero_and_one(weight):
    with pytest.raises(ValueError, match="'background_weight' parameter"):
        make(background_weight=weight).fit(X, TEXTS)


def test_a_background_is_shared_by_clones():
    background = {"owl": 3}
    one = clone(make(background=background))
    assert one.background is background


# --- Ranking --------------------------------------------------------------------------


@given(
    words=st.lists(
        st.sampled_from([word for topic in TOPICS for word in topic] + OTHERS),
        min_size=1, max_size=9,
    ),
    n=st.one_of(st.none(), st.integers(1, 12)),
)  # fmt: skip
def test_ranks_are_those_of_sorting(lexicon, words, n):
    table = lexicon.word_proba(X[:4], words)
    ranked, scores = lexicon.rank(X[:4], words, n)
    expected = min(len(words), len(words) if n is None else n)
    assert scores.shape == (4, expected)
    for row, found, probabilities in zip(table, ranked, scores, strict=True):
        # Ties in the order that words were given in.
        order = sorted(range(len(words)), key=lambda i: -row[i])[:expected]
        assert found == [words[i] for i in order]
        np.testing.assert_array_equal(probabilities, row[order])


def test_ties_keep_the_order_that_words_were_given_in(lexicon):
    for words in (["b2", "a1", "c3"], ["c3", "b2", "a1"]):
        ranked, _ = lexicon.rank(X[:2], [*words, "owl"])
        for row in ranked:
            assert row == ["owl", *words]


def test_top_is_the_ranking_of_all_words(lexicon):
    ranked, scores = lexicon.rank(X)
    assert all(sorted(row) == sorted(lexicon.vocabulary_) for row in ranked)
    for n in (1, 4, 15, 99):
        words, probabilities = lexicon.top(X, n)
        assert words == [row[:n] for row in ranked]
        np.testing.assert_array_equal(probabilities, scores[:, :n])
    assert lexicon.predict(X).tolist() == [row[0] for row in ranked]
    assert lexicon.predict(X).dtype == object


def test_what_is_seen_beats_how_frequent_words_are(lexicon):
    X_new, _, topics = draw(30, 5)
    words, _ = lexicon.top(X_new, 5)
    right = [
        set(row) == set(TOPICS[topic]) for row, topic in zip(words, topics, strict=True)
    ]
    assert np.mean(right) > 0.9
    of_words = lexicon.word_proba(X_new)
    background = lexicon.background_proba()
    own = np.array(
        [[word in TOPICS[t] for word in lexicon.vocabulary_] for t in topics]
    )
    likelihood = np.log(of_words)[own].mean()
    assert likelihood > np.log(np.broadcast_to(background, own.shape))[own].mean() + 0.5
    # What images could tell at best is what their texts tell.
    texts = [" ".join(TOPICS[topic]) for topic in topics]
    assert np.log(lexicon.word_proba_y(texts))[own].mean() > likelihood - 0.05


@pytest.mark.parametrize(
    "vectorizer, loss",
    [("lda", "softmax_cross_entropy"), ("lda", "sigmoid_cross_entropy"),
     ("pipeline", "sigmoid_cross_entropy"), ("words", "softmax_cross_entropy")],
)  # fmt: skip
def test_words_of_the_scene_come_first(vectorizer, loss):
    one = make(VECTORIZERS[vectorizer](), loss=loss, max_epochs=40).fit(X, TEXTS)
    X_new, _, topics = draw(30, 5)
    words, _ = one.top(X_new, 3)
    right = [
        set(row) <= set(TOPICS[topic]) for row, topic in zip(words, topics, strict=True)
    ]
    assert np.mean(right) > 0.9


@pytest.mark.parametrize(
    "words, error, match",
    [
        ("owl", TypeError, "words"),
        (["owl", 3], TypeError, "Entry 1 of words is 3"),
        (["owl", None], TypeError, "Entry 1 of words is None"),
        ([], ValueError, "words is empty"),
        ({"owl"}, TypeError, "words"),
    ],
)
def test_a_lexicon_that_is_none(lexicon, words, error, match):
    for call in (
        lambda: lexicon.rank(X, words), lambda: lexicon.word_proba(X, words),
        lambda: lexicon.word_proba_y(TEXTS, words),
        lambda: lexicon.background_proba(words),
    ):  # fmt: skip
        with pytest.raises(error, match=match):
            call()


def test_words_in_other_containers(lexicon):
    words = ["owl", "unicorn", "taxi"]
    expected, scores = lexicon.rank(X, words)
    for given_words in (tuple(words), np.array(words), pd.Series(words)):
        ranked, found = lexicon.rank(X, given_words)
        assert ranked == expected
        np.testing.assert_array_equal(found, scores)


@pytest.mark.parametrize("n", [0, -1, 2.5, "all"])
def test_how_many_must_be_a_number(lexicon, n):
    for call in (lambda: lexicon.rank(X, n=n), lambda: lexicon.top(X, n)):
        with pytest.raises(ValueError, match="n must be an integer of at least 1"):
            call()


@pytest.mark.parametrize(
    "method, args",
    [("rank", (X,)), ("top", (X,)), ("predict", (X,)), ("word_proba", (X,)),
     ("word_proba_y", (TEXTS,)), ("background_proba", ())],
)  # fmt: skip
def test_nothing_is_known_before_fit(method, args):
    with pytest.raises(NotFittedError):
        getattr(make(), method)(*args)


# --- Labels ---------------------------------------------------------------------------

LABELS = {"max_epochs": 40, "background_weight": 0}


@pytest.mark.parametrize(
    "labels",
    [TOPIC_OF, TOPIC_OF.astype(np.uint8), TOPIC_OF - 1, TOPIC_OF / 2, TOPIC_OF == 0,
     (TOPIC_OF / 4).astype(np.float32), TOPIC_OF + 10**12],
    ids=["int", "uint8", "negative", "float", "bool", "float32", "large"],
)  # fmt: skip
@pytest.mark.parametrize(
    "vectorizer",
    [
        lambda: lda(stop_words=None),
        lambda: CountVectorizer(analyzer=list),
    ],
    ids=["lda", "lists"],
)
def test_numbers_are_labels_and_come_back_as_numbers(labels, vectorizer):
    one = make(vectorizer(), **LABELS).fit(X, labels)
    found = one.predict(X)
    assert found.dtype == labels.dtype
    np.testing.assert_array_equal(found, labels)
    assert set(one.vocabulary_) == set(map(str, labels.tolist()))


def test_labels_of_the_default_transformer_come_back():
    one = DynamicLexicon(**PARAMS, whitening=0.5).fit(X, TOPIC_OF)
    assert set(one.vocabulary_) == {"0", "1", "2"}
    assert one.predict(X).dtype == TOPIC_OF.dtype


def test_labels_may_be_given_as_a_column_and_used_again():
    one = make(**LABELS).fit(X, pd.Series(TOPIC_OF))
    other = make(**LABELS).fit(X, TOPIC_OF[:, None])
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
    assert 0 < one.score(X, TOPIC_OF) <= 1


def test_vectors_are_no_words():
    with pytest.raises(TypeError, match="DynamicLexicon reads words.*vectors of 4"):
        make().fit(X, X)


def test_labels_are_finite():
    with pytest.raises(ValueError, match="y contains NaN"):
        make().fit(X, np.where(np.arange(45) == 3, np.nan, 1.0))


# --- scikit-learn ---------------------------------------------------------------------


@pytest.mark.parametrize("background", [None, {"owl": 2, "unicorn": 9}])
def test_what_is_saved_comes_back(background):
    one = make(background=background).fit(X, TEXTS)
    back = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(back.word_proba(X), one.word_proba(X))
    np.testing.assert_array_equal(back.word_proba(X, OTHERS), one.word_proba(X, OTHERS))
    assert back.top(X, 3)[0] == one.top(X, 3)[0]


def test_parameters_are_those_of_its_own():
    params = make().get_params(deep=False)
    assert {"margin", "temperature", "target_scaling"}.isdisjoint(params)
    shared = set(SemanticProjector().get_params(deep=False)) - set(params)
    assert shared == {"margin", "temperature", "target_scaling"}
    assert (
        make(background_weight=0.5).set_params(background_weight=0.2).background_weight
        == 0.2
    )


@pytest.mark.parametrize("loss", ["info_nce", "cosine", "squared_error"])
def test_losses_of_no_distribution_are_refused(loss):
    with pytest.raises(ValueError, match="'loss' parameter of DynamicLexicon"):
        make(loss=loss).fit(X, TEXTS)


def test_rows_that_are_no_distributions_are_refused():
    one = make(CountVectorizer(), loss="sigmoid_cross_entropy")
    with pytest.raises(ValueError, match="learns distributions over topics"):
        one.fit(X, TEXTS)
    assert not hasattr(one, "net_")


def test_a_transformer_without_words_is_refused():
    lengths = FunctionTransformer(lambda texts: np.array([[len(t), 1] for t in texts]))
    with pytest.raises(TypeError, match="has no words of its components"):
        make(lengths).fit(X, TEXTS)


def test_a_frozen_transformer_is_used_as_it_is():
    fitted = lda(random_state=0).fit(TEXTS)
    one = make(FrozenEstimator(fitted), max_epochs=1).fit(X, TEXTS)
    np.testing.assert_array_equal(one.topic_word_, fitted.topic_word_)


def test_grid_search_over_topics_and_the_background():
    search = GridSearchCV(
        make(), {"y_transformer__n_components": [2, 3], "background_weight": [0, 0.5]},
        cv=2,
    ).fit(X, TEXTS)  # fmt: skip
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_early_stopping_and_going_on():
    one = make(early_stopping=True, validation_fraction=0.4, max_epochs=5).fit(X, TEXTS)
    assert "valid_score" in one.history_[0]
    close(one.word_proba(X).sum(axis=1), 1, atol=1e-5)
    going_on = make(warm_start=True).fit(X, TEXTS)
    counts = going_on.word_counts_.copy()
    before = going_on.word_proba(X)
    going_on.fit(X, TEXTS)
    np.testing.assert_array_equal(going_on.word_counts_, counts)
    assert going_on.n_iter_ == 6
    assert (going_on.word_proba(X) != before).any()


def test_it_is_a_projector_too(lexicon):
    found, _ = lexicon.search(["taxi bus", "sea"], X, n=15)
    assert (TOPIC_OF[found[0]] == 0).all()
    assert (TOPIC_OF[found[1]] == 1).all()
    assert lexicon.similarity_ == "dot"
    names = [{word for word, _ in topic} for topic in lexicon.get_topics(5)]
    assert sorted(map(sorted, names)) == sorted(map(sorted, TOPICS))
