"""The word spotting report against loops over all orders, and by hand."""

import pickle
import subprocess
import sys
from itertools import permutations, product
from math import fsum, log2
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.decomposition import PCA
from sklearn.metrics import ndcg_score
from sklearn.pipeline import make_pipeline

from sklearn_crossmodal.base import TwoViewEmbedder
from sklearn_crossmodal.metrics import word_spotting_report

DATA = Path(__file__).parents[2].parent / "shared" / "data"
RELEVANCE = (20, 15, 10, 5, 3)


def close(values):
    return pytest.approx(values, abs=1e-10, nan_ok=True)


def mean(values):
    values = list(values)
    return fsum(values) / len(values) if values else float("nan")


# --- An independent reference: textbook definitions on one order at a time -----------


def levenshtein(a, b):
    if not a or not b:
        return len(a) + len(b)
    if a[0] == b[0]:
        return levenshtein(a[1:], b[1:])
    return 1 + min(
        levenshtein(a[1:], b), levenshtein(a, b[1:]), levenshtein(a[1:], b[1:])
    )


def orders(scores, ties, badness):
    """Yield the orders of the gallery by descending score that `ties` stands for."""
    runs = [
        [g for g in scores if scores[g] == value]
        for value in sorted(set(scores.values()), reverse=True)
    ]
    if ties == "expected":
        choices = [list(permutations(run)) for run in runs]
    else:
        sign = 1 if ties == "optimistic" else -1
        choices = [[sorted(run, key=lambda g: sign * badness[g])] for run in runs]
    for order in product(*choices):
        yield [g for run in order for g in run]


def average_precision(order, right):
    ranks = [rank for rank, g in enumerate(order, 1) if g in right]
    return sum(n / rank for n, rank in enumerate(ranks, 1)) / len(right)


def dcg(distances):
    gains = [RELEVANCE[d] if d < len(RELEVANCE) else 0 for d in distances]
    return sum(gain / log2(1 + rank) for rank, gain in enumerate(gains, 1))


def query_by_string(vector, word, images, strings, ties, cuts):
    far = [levenshtein(word, other) for other in strings]
    scores = {g: float(vector @ image) for g, image in enumerate(images)}
    right = {g for g, other in enumerate(strings) if other == word}
    values = []
    for order in orders(scores, ties, far):
        top = [far[g] for g in order]
        values.append(
            [
                average_precision(order, right),
                dcg(top) / dcg(sorted(far)),
                *(mean(top[:k]) for k in cuts),
            ]
        )
    return np.mean(values, axis=0)


def query_by_example(i, images, strings, ties):
    scores = {g: float(images[i] @ v) for g, v in enumerate(images) if g != i}
    right = {g for g in scores if strings[g] == strings[i]}
    badness = {g: g not in right for g in scores}
    return mean(average_precision(o, right) for o in orders(scores, ties, badness))


def reference(images, typed, strings, ties, cuts, known, stop_words):
    words = [w for w in dict.fromkeys(strings) if w not in stop_words]
    of_word = {
        w: query_by_string(typed[strings.index(w)], w, images, strings, ties, cuts)
        for w in words
    }
    examples = [
        query_by_example(i, images, strings, ties)
        for i, word in enumerate(strings)
        if word not in stop_words and strings.count(word) > 1
    ]
    return {
        "qbs_map": mean(v[0] for v in of_word.values()),
        "qbs_map_seen": mean(v[0] for w, v in of_word.items() if w in known),
        "qbs_map_unseen": mean(v[0] for w, v in of_word.items() if w not in known),
        "qbs_ndcg": mean(v[1] for v in of_word.values()),
        **{
            f"qbs_edit_distance@{k}": mean(v[2 + n] for v in of_word.values())
            for n, k in enumerate(cuts)
        },
        "qbe_map": mean(examples),
    }


WORDS = ["", "a", "abba", "abbey", "great", "greater", "letters"]


@st.composite
def collections(draw, max_size=6):
    """Draw strings, the vectors of their images, and the vector of each word."""
    strings = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=max_size))
    small = st.integers(-1, 1)
    images = draw(arrays(np.float32, (len(strings), 2), elements=small))
    of_word = draw(arrays(np.float32, (len(WORDS), 2), elements=small))
    return images, of_word[[WORDS.index(word) for word in strings]], strings


def report_of(images, typed, strings, **options):
    options = {"similarity": "dot", "cuts": [1, 3]} | options
    return word_spotting_report(
        None, images, strings, string_embeddings=typed, **options
    )


@pytest.mark.parametrize("ties", ["expected", "optimistic", "pessimistic"])
@settings(max_examples=60)
@given(
    collections(),
    st.sets(st.sampled_from(WORDS)),
    st.sets(st.sampled_from(WORDS), max_size=2),
    st.sampled_from([1, 2, 256]),
)
def test_scores_are_means_over_every_order(ties, case, known, stop_words, block_size):
    *_, strings = case
    stop_words -= {strings[0]}
    report = report_of(
        *case, ties=ties, known=known, stop_words=stop_words, block_size=block_size
    )
    expected = reference(*case, ties, [1, 3], known, stop_words)
    assert list(report.scores) == list(expected)
    assert report.scores == close(expected)


@settings(max_examples=60)
@given(collections(max_size=20).filter(lambda case: len(case[2]) > 1))
def test_ndcg_is_that_of_scikit_learn(case):
    images, typed, strings = case
    words = list(dict.fromkeys(strings))
    far = np.array([[levenshtein(w, other) for other in strings] for w in words])
    gains = np.array([*RELEVANCE, 0])[np.minimum(far, 5)]
    scores = typed[[strings.index(word) for word in words]] @ images.T
    assert report_of(*case).scores["qbs_ndcg"] == close(ndcg_score(gains, scores))


@settings(max_examples=60)
@given(collections(max_size=12))
def test_curves(case):
    _, _, strings = case
    report = report_of(*case)
    n = len(strings)
    curve, oracle = report.edit_distance_curve, report.oracle_curve
    assert curve.shape == oracle.shape == (n,)
    assert (oracle <= curve + 1e-10).all()
    assert (np.diff(oracle) >= -1e-10).all()
    words = list(dict.fromkeys(strings))
    far = [sorted(levenshtein(w, other) for other in strings) for w in words]
    expected = [mean(mean(row[:k]) for row in far) for k in range(1, n + 1)]
    assert oracle.tolist() == close(expected)
    assert curve[-1] == close(oracle[-1])
    for k in (1, 3):
        name, last = f"qbs_edit_distance@{k}", min(k, n) - 1
        assert report.scores[name] == curve[last]
        assert report.oracle[name] == oracle[last]


@settings(max_examples=60)
@given(collections(max_size=12), st.sets(st.sampled_from(WORDS)))
def test_constant_embeddings_are_at_chance(case, known):
    images, typed, strings = case
    constant = report_of(
        np.ones_like(images), np.ones_like(typed), strings, known=known
    )
    assert constant.scores == close(constant.chance)
    assert report_of(*case, known=known).chance == close(constant.chance)


def test_chance_is_the_mean_over_all_orders():
    strings = ["a", "abba", "a", "letters", "abbey"]
    typed = np.zeros((5, 1))
    values = []
    for order in permutations(range(5)):
        images = -np.array(order, dtype=float)[:, None]
        scores = report_of(images, np.ones_like(typed), strings).scores
        values.append([v for name, v in scores.items() if name != "qbe_map"])
    chance = report_of(typed, typed, strings).chance
    assert list(chance.values())[:-1] == close(np.mean(values, axis=0).tolist())


@settings(max_examples=40)
@given(collections(max_size=12))
def test_ranking_by_edit_distance_is_the_oracle(case):
    *_, strings = case
    words = list(dict.fromkeys(strings))
    far = np.array([[levenshtein(w, other) for w in words] for other in strings])
    one_hot = np.eye(len(words))[[words.index(word) for word in strings]]
    report = report_of(-far, one_hot, strings)
    assert report.edit_distance_curve.tolist() == close(report.oracle_curve.tolist())
    for name, value in report.oracle.items():
        assert name == "qbe_map" or report.scores[name] == close(value)


@settings(max_examples=40)
@given(collections(max_size=10), st.randoms(use_true_random=False))
def test_the_order_of_images_does_not_matter(case, random):
    report = report_of(*case, known=["a", "great"])
    order = list(range(len(case[2])))
    random.shuffle(order)
    images, typed, strings = case
    again = report_of(
        images[order],
        typed[order],
        [strings[i] for i in order],
        known=["great", "a"],
    )
    assert again.scores == close(report.scores)
    assert again.chance == close(report.chance)
    assert again.n_queries == report.n_queries
    curve = report.edit_distance_curve.tolist()
    assert again.edit_distance_curve.tolist() == close(curve)


@settings(max_examples=40)
@given(collections(max_size=10), st.sets(st.sampled_from(WORDS)))
def test_seen_and_unseen_words_make_up_all(case, known):
    report = report_of(*case, known=known)
    parts = ("qbs_map_seen", "qbs_map_unseen")
    sizes = [report.n_queries[name] for name in parts]
    words = set(case[2])
    assert sizes == [len(words & known), len(words - known)]
    total = sum(report.scores[p] * n for p, n in zip(parts, sizes, strict=True) if n)
    assert total == close(report.scores["qbs_map"] * sum(sizes))


# --- By hand -------------------------------------------------------------------------


def test_four_images():
    strings = ["car", "cart", "car", "dog"]
    typed = np.array([[1.0, 0], [0, 1], [1, 0], [-1, -1]])
    images = np.array([[3.0, 0], [2, 4], [1, 1], [-1, 0]])
    report = report_of(images, typed, strings, known={"car"}, cuts=[1, 2, 99])
    # car: car, cart, car, dog; cart: cart, car, then a car and the dog; dog: the dog.
    assert report.scores["qbs_map"] == close(mean([(1 + 2 / 3) / 2, 1, 1]))
    assert report.scores["qbs_map_seen"] == close((1 + 2 / 3) / 2)
    assert report.scores["qbs_map_unseen"] == 1
    assert report.scores["qbs_edit_distance@1"] == 0
    # The dog's next is a car (score -2), three edits away.
    assert report.scores["qbs_edit_distance@2"] == close(mean([1 / 2, 1 / 2, 3 / 2]))
    assert report.scores["qbs_edit_distance@99"] == close(
        mean([mean([0, 1, 0, 3]), mean([1, 0, 1, 4]), mean([3, 4, 3, 0])])
    )
    assert report.oracle["qbs_edit_distance@2"] == close(mean([0, 1 / 2, 3 / 2]))
    ideal = 20 + 20 / log2(3) + 15 / 2 + 5 / log2(5)
    car = (20 + 15 / log2(3) + 20 / 2 + 5 / log2(5)) / ideal
    dog = 20 + 5 / log2(3) + 5 / 2 + 3 / log2(5)
    # Its cart comes last, and is four edits away: in the ideal order too.
    assert report.scores["qbs_ndcg"] == close(mean([car, cart_ndcg(), dog / dog]))
    # Image 0 finds cart (6), car (3); image 2 finds cart (6) before car (3).
    assert report.scores["qbe_map"] == close(1 / 2)
    assert report.n_queries["qbe_map"] == 2
    assert report.n_gallery["qbe_map"] == 3
    assert report.n_gallery["qbs_map"] == 4


def cart_ndcg():
    """Compute nDCG of cart, car, then car and dog, which tie."""
    tail = (15 / 2 + 3 / log2(5) + 3 / 2 + 15 / log2(5)) / 2
    return (20 + 15 / log2(3) + tail) / (20 + 15 / log2(3) + 15 / 2 + 3 / log2(5))


def test_an_example_is_excluded_by_index_and_its_duplicates_are_not():
    # All vectors are equal: each image has one right answer among two that tie.
    report = report_of(np.ones((3, 2)), np.ones((3, 2)), ["a", "a", "b"])
    assert report.n_queries["qbe_map"] == 2
    assert report.scores["qbe_map"] == close((1 + 1 / 2) / 2)
    # An equal image of another word ranks before the right one.
    images = np.array([[1.0, 0], [0.5, 0.5], [1, 0]])
    report = report_of(images, np.ones((3, 2)), ["a", "a", "b"])
    assert report.scores["qbe_map"] == close(mean([1 / 2, mean([1, 1 / 2])]))


def test_an_example_that_is_not_its_own_best_answer():
    # By the inner product image 1 would be the first answer to image 0 anyway.
    images = np.array([[1.0], [5], [3], [-9]])
    report = report_of(images, np.ones((4, 1)), ["a", "a", "b", "b"])
    # 0: a(1); 1: b(2), a(0); 2: a, a, b(3); 3: a(0), b(2), a(1).
    assert report.scores["qbe_map"] == close(mean([1, 1 / 2, 1 / 3, 1 / 2]))


def test_words_that_occur_once_are_no_examples():
    report = report_of(np.eye(3), np.eye(3), ["a", "b", "c"])
    assert np.isnan(report.scores["qbe_map"])
    assert np.isnan(report.chance["qbe_map"])
    assert report.n_queries["qbe_map"] == 0
    assert report.scores["qbs_map"] == 1
    assert "QbE mAP: no query's word occurs on another image" in str(report)
    assert "known" not in str(report)


def test_one_image():
    report = report_of([[1.0]], [[1.0]], ["a"], known=["a"])
    assert report.scores["qbs_map"] == report.scores["qbs_map_seen"] == 1
    assert np.isnan(report.scores["qbs_map_unseen"])
    assert "QbS mAP, unseen words: every query is among the known" in str(report)
    assert report.edit_distance_curve.tolist() == [0]


def test_stop_words_stay_in_the_gallery():
    images = np.array([[2.0], [1], [1.5], [3]])
    strings = ["the", "car", "car", "the"]
    report = report_of(images, np.ones((4, 1)), strings, stop_words={"The"})
    assert report.n_queries["qbs_map"] == 1
    assert report.n_queries["qbe_map"] == 2
    assert report.n_gallery["qbe_map"] == 3
    assert report.scores["qbs_map"] == close((1 / 3 + 2 / 4) / 2)
    assert report.scores["qbe_map"] == close(1 / 3)


def test_case_and_accents():
    images = np.array([[1.0, 0], [1, 0], [0, 1]])
    typed = np.array([[1.0, 0], [1, 0], [0, 1]])
    strings = ["Café", "café", "cafe"]
    assert report_of(images, typed, strings).n_queries["qbs_map"] == 2
    sensitive = report_of(images, typed, strings, lowercase=False, known=["café"])
    assert sensitive.n_queries["qbs_map"] == 3
    assert sensitive.n_queries["qbs_map_seen"] == 1
    folded = report_of(
        images, typed[[0, 0, 0]], strings, strip_accents="unicode", known=["CAFÉ"]
    )
    assert folded.n_queries["qbs_map"] == folded.n_queries["qbs_map_seen"] == 1
    assert folded.edit_distance_curve.tolist() == [0, 0, 0]


def test_edit_distance_goes_from_query_to_transcription():
    strings = ["a", "aa"]
    report = report_of(
        np.eye(2),
        np.eye(2),
        strings,
        edit_metric_params={"weights": (1, 5, 1)},
    )
    assert report.edit_distance_curve.tolist() == [0, mean([1 / 2, 5 / 2])]
    shorter = report_of(
        np.eye(2), np.eye(2), strings, edit_metric=lambda a, b: max(len(a) - len(b), 0)
    )
    assert shorter.edit_distance_curve.tolist() == [0, 1 / 4]


def test_relevance_of_fractional_distances_is_that_of_the_next_whole_number():
    # Two words 0.5 apart; ndcg at the reverse of the right order.
    report = report_of(
        np.eye(2)[::-1],
        np.eye(2),
        ["a", "b"],
        edit_metric=lambda a, b: 0.5 * (a != b),
        relevance=[4, 1],
    )
    expected = (1 + 4 / log2(3)) / (4 + 1 / log2(3))
    assert report.scores["qbs_ndcg"] == close(expected)


def test_nan_ranks_last_and_warns():
    images = np.array([[np.nan, 1], [-1, 0], [-2, 0]])
    # One of the query's scores, and five of the nine between images.
    with pytest.warns(UserWarning, match="6 scores are NaN and rank last"):
        report = report_of(images, np.array([[1.0, 0]] * 3), ["a", "a", "b"])
    assert report.scores["qbs_map"] == close(mean([(1 + 2 / 3) / 2, 1 / 2]))
    # To image 0 the others tie; to image 1 the right answer is last.
    assert report.scores["qbe_map"] == close(mean([mean([1, 1 / 2]), 1 / 2]))
    with pytest.warns(UserWarning, match="NaN"):
        report = report_of(
            images, np.array([[1.0, 0], [2, 0], [2, 0]]), ["a", "b", "b"]
        )
    # a is the last of three; b and b are first.
    assert report.scores["qbs_map"] == close(mean([1 / 3, 1]))


def test_cosine_by_default_and_other_similarities():
    images = np.array([[1.0, 0.1], [9, 9]])
    typed = np.array([[1.0, 0], [1, 1]])
    precision = {
        s: report_of(images, typed, ["a", "b"], similarity=s).scores["qbs_map"]
        for s in (None, "cosine", "dot", "euclidean")
    }
    assert precision == {None: 1, "cosine": 1, "dot": 0.75, "euclidean": 0.75}


# --- Estimators ----------------------------------------------------------------------


class Ink(TwoViewEmbedder):
    """Embed images by the sum of their ink, strings by their length."""

    similarity = "euclidean"
    asked = ()

    def fit(self, X, y, groups=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        assert isinstance(X, list)
        ink = [float(image.sum()) for image in X]
        return np.array([[x, x] for x in ink], dtype=np.float32)

    def transform_y(self, y):
        self.asked = list(y)
        return np.array([[len(text)] * 2 for text in y], dtype=np.float32)


def drawn(strings):
    rng = np.random.default_rng(0)
    images = []
    for text in strings:
        image = np.zeros(rng.integers(8, 20, size=2), dtype=np.uint8)
        image.flat[: len(text)] = 1
        images.append(image)
    return images


def test_images_of_any_size_and_distinct_strings():
    strings = ["great", "a", "Great", "letters", "a"]
    embedder = Ink().fit(None, None)
    report = word_spotting_report(embedder, drawn(strings), strings)
    assert embedder.asked == ["great", "a", "letters"]
    assert report.scores["qbs_map"] == report.scores["qbe_map"] == 1
    given = word_spotting_report(
        None,
        [[len(text)] for text in strings],
        pd.Series(strings, index=list("vwxyz")),
        string_embeddings=[[len(text)] for text in strings],
        similarity="euclidean",
    )
    assert given.scores == report.scores
    assert str(given) == str(report)


def test_a_pipeline_s_later_steps_apply_to_both_views():
    strings = ["great", "a", "great", "letters", "a"]
    images = drawn(strings)
    pipe = make_pipeline(Ink(), PCA(1)).fit(images, strings)
    report = word_spotting_report(pipe, images, np.array(strings))
    assert report.scores["qbs_map"] == 1


def test_means_over_folds_are_one_line():
    reports = [
        report_of(np.eye(3), np.eye(3)[order], ["a", "b", "a"], cuts=[2])
        for order in ([0, 1, 0], [1, 0, 1])
    ]
    means = pd.DataFrame([report.scores for report in reports]).mean()
    values = [report.scores["qbs_map"] for report in reports]
    assert means["qbs_map"] == mean(values)
    assert values[0] > values[1]


def test_the_report_is_a_table_and_pickles():
    strings = ["great", "a", "great"]
    report = report_of(np.eye(3), np.eye(3)[[0, 1, 0]], strings, known=[], cuts=[2])
    lines = str(report).splitlines()
    assert lines[0].split() == ["queries", "gallery", "score", "chance", "oracle"]
    assert [line[:28].strip() for line in lines[1:8]] == [
        "QbS mAP",
        "QbS mAP, seen words",
        "QbS mAP, unseen words",
        "QbS nDCG",
        "QbS edit distance, top 2",
        "QbE mAP",
        "QbS mAP, seen words: no quer",
    ]
    again = pickle.loads(pickle.dumps(report))
    assert str(again) == str(report) == repr(report)


# --- Bad input -----------------------------------------------------------------------

EYE = np.eye(3)
ABA = ["a", "b", "a"]


@pytest.mark.parametrize(
    "images, strings, options, error, message",
    [
        (EYE, ABA[:2], {}, ValueError, "images has 3 entries and strings has 2"),
        (EYE[:2], ABA, {}, ValueError, "images has 2 entries and strings has 3"),
        (EYE, ["a", None, "b"], {}, TypeError, "Entry 1 of strings is None"),
        (EYE, ["a", "b", b"c"], {}, TypeError, "Entry 2 of strings is b'c' .*Decode"),
        (EYE, "aba", {}, TypeError, "strings is one str"),
        (EYE, [], {}, ValueError, "strings is empty"),
        (EYE, ABA, {"string_embeddings": None}, ValueError, "string_embeddings is mis"),
        (EYE, ABA, {"string_embeddings": EYE}, ValueError, "Rows 0 and 2 of string_em"),
        (
            EYE,
            ABA,
            {"string_embeddings": EYE[:2]},
            ValueError,
            "string_embeddings has 2 rows and strings has 3",
        ),
        (
            EYE,
            ABA,
            {"string_embeddings": np.ones((3, 2))},
            ValueError,
            "images has 3 columns and string_embeddings has 2",
        ),
        (EYE[0], ABA, {}, ValueError, r"images has shape \(3,\), expected a 2-D"),
        (EYE, ABA, {"stop_words": ABA}, ValueError, "All 2 words of strings are among"),
        (EYE, ABA, {"stop_words": "ab"}, TypeError, "stop_words is one str"),
        (EYE, ABA, {"known": ["a", 3]}, TypeError, "Entry 1 of known is 3"),
        (EYE, ABA, {"known": {"a", None}}, TypeError, "of known is None"),
        (EYE, ABA, {"cuts": [5, 0]}, ValueError, "An entry of cuts is 0, expected a p"),
        (EYE, ABA, {"cuts": 5}, TypeError, "cuts is 5, expected a list of positive"),
        (EYE, ABA, {"relevance": []}, ValueError, r"relevance is \[\], expected"),
        (EYE, ABA, {"relevance": [1, 2]}, ValueError, "none negative or larger"),
        (EYE, ABA, {"relevance": [1, -1]}, ValueError, "none negative or larger"),
        (EYE, ABA, {"relevance": [0, 0]}, ValueError, "the first positive"),
        (EYE, ABA, {"relevance": "54"}, ValueError, "expected finite numbers"),
        (EYE, ABA, {"relevance": [np.nan]}, ValueError, "expected finite numbers"),
        (EYE, ABA, {"relevance": 3}, ValueError, "expected finite numbers"),
        (EYE, ABA, {"edit_metric": "edits"}, ValueError, "metric is 'edits'"),
        (EYE, ABA, {"similarity": "l2"}, ValueError, "similarity is 'l2', expected"),
        (EYE, ABA, {"ties": "random"}, ValueError, "ties is 'random', expected one"),
        (EYE, ABA, {"block_size": 0}, ValueError, "block_size is 0, expected a pos"),
    ],
)
def test_errors_say_what_is_wrong(images, strings, options, error, message):
    options = {"string_embeddings": np.ones((len(strings), 3))} | options
    with pytest.raises(error, match=message):
        word_spotting_report(None, images, strings, **options)


def test_embeddings_go_without_an_estimator():
    embedder = Ink().fit(None, None)
    with pytest.raises(ValueError, match="Both estimator and string_embeddings"):
        word_spotting_report(embedder, drawn(ABA), ABA, string_embeddings=EYE)
    with pytest.raises(TypeError, match="PCA has no second view"):
        word_spotting_report(PCA(), EYE, ABA)


def test_an_estimator_that_drops_images_is_told():
    embedder = Ink().fit(None, None)
    embedder.transform = lambda X: np.ones((len(X) - 1, 2))
    with pytest.raises(ValueError, match="transform returned 2 rows for 3 items"):
        word_spotting_report(embedder, drawn(ABA), ABA)


def test_importing_the_reports_does_not_import_torch():
    code = (
        "import sys; from sklearn_crossmodal.metrics import word_spotting_report;"
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- Real data -----------------------------------------------------------------------


def test_queries_of_the_george_washington_folds():
    path = DATA / "gw_words" / "gw_words_half.npz"
    if not path.exists():
        pytest.skip(f"needs {path.name} in ../shared/data")
    with np.load(path) as data:
        words, folds = data["word"], data["test_fold"]
    counts = []
    for fold in (1, 2, 3, 4):
        strings = words[folds == fold]
        blank = np.zeros((len(strings), 1))
        report = word_spotting_report(
            None,
            blank,
            strings,
            string_embeddings=blank,
            known=set(words[folds != fold].tolist()),
        )
        assert report.scores == close(report.chance)
        n = report.n_queries
        assert n["qbs_map_seen"] + n["qbs_map_unseen"] == n["qbs_map"]
        counts.append((n["qbs_map"], n["qbe_map"]))
    assert counts == [(471, 910), (488, 888), (481, 910), (471, 913)]


def test_what_is_infinitely_far_has_no_relevance():
    words = ["great", "later", "great"]
    embedded = np.eye(2)[[0, 1, 0]]
    report = word_spotting_report(
        None,
        embedded,
        words,
        string_embeddings=embedded,
        edit_metric=lambda a, b: 0.0 if a == b else np.inf,
    )
    assert report.scores["qbs_ndcg"] == 1
    assert report.edit_distance_curve.tolist()[1:] == [np.inf, np.inf]
