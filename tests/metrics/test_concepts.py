"""The concept report against loops over all orders, and words in captions."""

from itertools import permutations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_crossmodal.base import TwoViewEmbedder
from sklearn_crossmodal.metrics import WEB_CONCEPTS, concept_report

WORDS = ("red", "car", "dog")
N_IMAGES = 6


class Table(TwoViewEmbedder):
    """Texts with a vector each; images are given as embeddings."""

    similarity = "dot"

    def __init__(self, table):
        self.table = table

    def fit(self, X, y, groups=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def transform(self, X):
        return np.asarray(X, dtype=np.float64)

    def transform_y(self, y):
        return np.array([self.table[text] for text in y], dtype=np.float64)


def expected_precision(scores, right, n):
    """Mean over all orders of ties of the share of right images among the first n."""
    runs = [np.flatnonzero(scores == v) for v in sorted(set(scores), reverse=True)]
    orders = product(*(permutations(run) for run in runs))
    shares = [np.mean([i in right for i in sum(o, ())[:n]]) for o in orders]
    return np.mean(shares)


def expected_reranked(scores, right, k, pool):
    """The same of the first k, after the first `pool` are put in random order."""
    runs = [np.flatnonzero(scores == v) for v in sorted(set(scores), reverse=True)]
    values = []
    for order in product(*(permutations(run) for run in runs)):
        first = sum(order, ())[:pool]
        again = permutations(first, k)
        values.append(np.mean([np.mean([i in right for i in some]) for some in again]))
    return np.mean(values)


small = st.integers(-1, 1).map(float)


@settings(max_examples=20)
@given(
    arrays(np.float64, (N_IMAGES, 2), elements=small),
    arrays(np.float64, (5, 2), elements=small),
    arrays(bool, (N_IMAGES, 3)).filter(lambda m: m[:, :2].all(1).any()),
    st.integers(1, 3),
)
def test_precisions_match_all_orders(X, vectors, shown, k):
    texts = ("red car", "car dog", *WORDS)
    estimator = Table(dict(zip(texts, vectors, strict=True)))
    captions = [[w for w, s in zip(WORDS, row, strict=True) if s] for row in shown]
    # Nothing shows "car dog" sometimes: that is tested apart.
    concepts = [("red", "car"), ("car", "dog")]
    concepts = concepts[: 1 + shown[:, 1:].all(axis=1).any()]
    report = concept_report(estimator, X, captions, concepts, k=k, pool=4)
    for i, words in enumerate(concepts):
        columns = [WORDS.index(word) for word in words]
        right = set(np.flatnonzero(shown[:, columns].all(axis=1)))
        scores = X @ estimator.table[" ".join(words)]
        value = expected_precision(scores, right, k)
        assert report.precision[i] == pytest.approx(value, abs=1e-12)
        by_word = [X @ estimator.table[word] for word in words]
        value = np.mean([expected_precision(s, right, k) for s in by_word])
        assert report.single_word[i] == pytest.approx(value, abs=1e-12)
        value = np.mean([expected_reranked(s, right, k, 4) for s in by_word])
        assert report.reranked[i] == pytest.approx(value, abs=1e-12)
        assert report.n_right[i] == len(right)
        assert report.chance[i] == len(right) / N_IMAGES


def random_task(n=30, seed=0):
    rng = np.random.default_rng(seed)
    texts = ("red car", "red dog", *WORDS)
    estimator = Table({text: rng.normal(size=4) for text in texts})
    shown = rng.random((n, 3)) < 0.5
    captions = [[w for w, s in zip(WORDS, row, strict=True) if s] for row in shown]
    return estimator, rng.normal(size=(n, 4)), captions


def test_constant_embeddings_are_at_chance_in_every_column():
    estimator, X, captions = random_task()
    report = concept_report(estimator, np.ones_like(X), captions, ["red car"])
    for column in (report.precision, report.single_word, report.reranked):
        np.testing.assert_allclose(column, report.chance)


def test_scores_are_means_over_concepts():
    estimator, X, captions = random_task()
    report = concept_report(estimator, X, captions, ["red car", "red dog"])
    assert report.scores == {
        name: pytest.approx(np.mean(getattr(report, name)))
        for name in ("chance", "precision", "single_word", "reranked")
    }


def test_a_concept_of_one_word_is_that_word():
    estimator, X, captions = random_task()
    report = concept_report(estimator, X, captions, [("red",)])
    np.testing.assert_array_equal(report.precision, report.single_word)


def test_a_pool_beyond_the_images_is_chance():
    estimator, X, captions = random_task()
    report = concept_report(estimator, X, captions, ["red car"], pool=1000)
    np.testing.assert_allclose(report.reranked, report.chance)
    assert report.pool == 30


def test_the_sum_of_words_is_asked_for_by_compose_query(monkeypatch):
    estimator, X, captions = random_task()
    asked = []

    def compose_query(estimator, positive):
        asked.append(list(positive))
        return sum(estimator.table[word] for word in positive)

    monkeypatch.setattr("sklearn_crossmodal.composition.compose_query", compose_query)
    report = concept_report(estimator, X, captions, ["red car"], query="sum")
    assert sorted(asked) == [["car"], ["red"], ["red", "car"]]
    summed = dict(estimator.table)
    summed["red car"] = summed["red"] + summed["car"]
    by_text = concept_report(Table(summed), X, captions, ["red car"])
    np.testing.assert_array_equal(report.precision, by_text.precision)


def test_the_sum_is_in_the_space_of_images():
    estimator, X, captions = random_task()
    vectors = estimator.table
    vectors["red car"] = (vectors["red"] + vectors["car"]) / 2
    by_text = concept_report(estimator, X, captions, ["red car"])
    by_sum = concept_report(estimator, X, captions, ["red car"], query="sum")
    np.testing.assert_array_equal(by_sum.precision, by_text.precision)


def test_the_divergence_is_of_the_query_from_the_image():
    rng = np.random.default_rng(17)
    X, query = rng.dirichlet(np.ones(3), 8), rng.dirichlet(np.ones(3))
    estimator = Table({"red": query})
    best = np.argmin((query * np.log(query / X)).sum(axis=1))
    captions = ["red" if i == best else "blue" for i in range(8)]
    report = concept_report(estimator, X, captions, ["red"], k=1, similarity="kl")
    assert report.precision[0] == 1
    # The other way round, and by products, the best image is another one.
    other = np.argmin((X * np.log(X / query)).sum(axis=1))
    assert best not in (other, np.argmax(X @ query))


@pytest.mark.parametrize(
    ("word", "caption", "shown"),
    [
        ("car", "A yellow car.", True),
        ("car", "CARS everywhere", True),
        ("car", "a carpet", False),
        ("car", "a scar", False),
        ("car", "the car's wheel", True),
        ("Car", "two cars", True),
        ("bus", "buses", True),
        ("bus", "busy", False),
        ("glass", "glasses", True),
        ("woman", "women", False),
        ("ice-cream", "an ice cream cone", True),
        ("ice-cream", "ice-creams", True),
        ("ice-cream", "icecream", False),
        ("c++", "c++ code", True),
        ("a.b", "axb", False),
        ("café", "two cafés", True),
    ],
)
def test_a_caption_holds_a_word_or_its_plain_plural(word, caption, shown):
    X = np.ones((2, 1))
    estimator = Table({word: [1.0], "sentinel": [1.0]})
    captions = ["sentinel", ["nothing", caption]]
    concepts = [("sentinel",), (word,)]
    if shown:
        report = concept_report(estimator, X, captions, concepts, k=1)
        assert report.n_right.tolist() == [1, 1]
    else:
        with pytest.warns(UndefinedMetricWarning, match="shown by no image"):
            report = concept_report(estimator, X, captions, concepts, k=1)
        assert report.left_out == [(word,)]


def test_words_may_be_in_different_captions_of_an_image():
    X, captions = np.ones((3, 1)), [["red", "a car"], ["red"], ["a car"]]
    estimator = Table(dict.fromkeys(("red car", "red", "car"), [1.0]))
    report = concept_report(estimator, X, captions, ["red car"], k=1)
    assert report.n_right.tolist() == [1]


def test_holds_may_be_anything():
    X, captions = np.ones((3, 1)), [["auto", "rot"], ["auto"], []]
    estimator = Table(dict.fromkeys(("red car", "red", "car"), [1.0]))
    german = {"red": "rot", "car": "auto"}
    report = concept_report(
        estimator, X, captions, ["red car", "car"], k=1,
        holds=lambda captions, word: german[word] in captions,
    )  # fmt: skip
    assert report.n_right.tolist() == [1, 2]


def test_concepts_without_images_are_named_and_left_out():
    estimator, X, captions = random_task()
    concepts = ["red car", ("red", "whale"), "red dog"]
    with pytest.warns(UndefinedMetricWarning, match="1 of 3 .* left out: red whale"):
        report = concept_report(estimator, X, captions, concepts)
    assert report.concepts == [("red", "car"), ("red", "dog")]
    assert "left out: red whale" in str(report)
    with pytest.raises(ValueError, match=r"No image shows any of the 1 concepts"):
        concept_report(estimator, X, captions, ["blue whale"])


def test_a_pipeline_is_seen_through():
    estimator, X, captions = random_task()
    expected = concept_report(estimator, 2 * X + 1, captions, ["red car"])
    pipe = make_pipeline(FunctionTransformer(lambda X: 2 * X + 1), estimator)
    report = concept_report(pipe, X, captions, ["red car"])
    np.testing.assert_array_equal(report.precision, expected.precision)


def test_captions_of_one_text_each_may_be_a_series():
    estimator, X, captions = random_task()
    texts = [" ".join(words) for words in captions]
    expected = concept_report(estimator, X, captions, ["red car"])
    for given_ in (texts, np.array(texts), pd.Series(texts)):
        report = concept_report(estimator, X, given_, ["red car"])
        np.testing.assert_array_equal(report.n_right, expected.n_right)


def test_nan_ranks_last_and_warns():
    estimator, X, captions = random_task()
    right = concept_report(estimator, X, captions, ["red car"]).n_right[0]
    shown = [i for i, row in enumerate(captions) if {"red", "car"} <= set(row)]
    X[shown] = np.nan
    with pytest.warns(UserWarning, match=f"{3 * right} scores are NaN and rank last"):
        report = concept_report(estimator, X, captions, ["red car"])
    assert report.precision[0] == 0


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"captions": ["red car"]}, ValueError, "X has 30 rows and captions has 1"),
        ({"captions": np.ones((30, 2))}, TypeError, "captions holds no text"),
        ({"captions": ["a"] * 29 + [3]}, TypeError, "Row 29 of captions"),
        ({"concepts": "red car"}, TypeError, "concepts is 'red car'"),
        ({"concepts": []}, ValueError, "concepts is empty"),
        ({"concepts": ["red", 7]}, TypeError, "Entry 1 of concepts is 7"),
        ({"concepts": [("red", 7)]}, TypeError, "Entry 0 of concepts"),
        ({"concepts": ["red", " "]}, ValueError, "Entry 1 of concepts is ' '"),
        ({"concepts": [("red", "")]}, ValueError, "Entry 0 of concepts"),
        ({"k": 0}, ValueError, "k is 0"),
        ({"k": 31}, ValueError, "k is 31, expected at most 30"),
        ({"k": 5, "pool": 4}, ValueError, "pool is 4, expected at least k = 5"),
        ({"query": "product"}, ValueError, "query is 'product'"),
        ({"similarity": "l2"}, ValueError, "similarity is 'l2'"),
        ({"holds": "regex"}, TypeError, "holds is 'regex'"),
        ({"estimator": object()}, TypeError, "object has no second view"),
    ],
)
def test_bad_input_says_what_is_wrong(change, error, message):
    names = ("estimator", "X", "captions")
    given_ = dict(zip(names, random_task(), strict=True)) | {"concepts": ["red car"]}
    with pytest.raises(error, match=message):
        concept_report(**given_ | change)


def test_the_papers_concepts_are_pairs():
    assert len(set(WEB_CONCEPTS)) == 12
    assert {len(words) for words in WEB_CONCEPTS} == {2}


def test_the_table_has_a_row_for_each_concept_and_the_mean():
    estimator, X, captions = random_task()
    report = concept_report(estimator, X, captions, ["red car", "red dog"])
    lines = str(report).splitlines()
    assert lines[0].split() == "right chance P@5 one word P@5 pool of 30".split()
    assert [line[:7] for line in lines[1:4]] == ["red car", "red dog", "mean   "]
    assert lines[4] == "30 images are searched"


def test_a_sum_of_words_that_has_no_direction_is_named():
    table = Table({"red": [1.0, 0.0], "dog": [0.0, 0.0], "car": [0.0, 0.0]})
    X = np.eye(2)[[0, 1, 0]]
    with pytest.raises(ValueError, match="'dog' can't be embedded as a sum: None"):
        concept_report(
            table, X, ["red dog car"] * 3, ["red dog", "dog car"], k=1, query="sum"
        )
