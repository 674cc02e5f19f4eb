"""Matching among candidates: against loops over all draws and orders, and by hand."""

import subprocess
import sys
import warnings
from itertools import combinations, permutations
from math import fsum

import numpy as np
import pytest
from gensim.models import KeyedVectors
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_crossmodal.base import TwoViewEmbedder
from sklearn_crossmodal.metrics import matching_precision, word_matching_report
from sklearn_crossmodal.metrics._matching_task import wrong_candidates


def close(values):
    return pytest.approx(values, abs=1e-10, nan_ok=True)


def mean(values):
    values = list(values)
    return fsum(values) / len(values)


def keyed(words, vectors, counts=None):
    vectors = np.asarray(vectors, dtype=np.float32)
    result = KeyedVectors(vectors.shape[1])
    result.add_vectors(list(words), vectors)
    for word, count in zip(words, () if counts is None else counts, strict=False):
        result.set_vecattr(word, "count", int(count))
    return result


class Projector(TwoViewEmbedder):
    """A two-view estimator whose second view is words of a vocabulary."""

    def __init__(self, word_vectors, matrix=None):
        self.word_vectors_ = word_vectors
        self.matrix = matrix

    def fit(self, X, y, groups=None):
        return self

    def transform(self, X):
        X = np.asarray(X, dtype=np.float32)
        return X if self.matrix is None else X @ self.matrix

    def transform_y(self, y):
        return np.array([self.word_vectors_.get_vector(w, norm=True) for w in y])


# --- An independent reference: all draws of candidates, all orders of ties -----------


def hit_at(k, right, wrong):
    """Return the share of orders of ties with the right answer among the first k."""
    above = sum(score > right for score in wrong)
    tied = sum(score == right for score in wrong)
    orders = list(permutations(["right"] + ["wrong"] * tied))
    return mean(above + order.index("right") < k for order in orders)


def expected(scores, x_ids, y_ids, n_candidates, k):
    """Return the value of each pair, the mean over all draws of candidates."""
    values = {}
    for q, row in enumerate(scores):
        shares = [bool(set(x_ids[q]) & set(ids)) for ids in y_ids]
        wrong = [g for g, share in enumerate(shares) if not share]
        n_drawn = min(len(wrong), n_candidates - 1)
        for a in np.flatnonzero(shares):
            draws = combinations([row[g] for g in wrong], n_drawn)
            values[q, int(a)] = mean(hit_at(k, row[a], draw) for draw in draws)
    return values


def averaged(values, average):
    if average == "pairs":
        return mean(values.values())
    place = 0 if average == "queries" else 1
    groups = {key[place] for key in values}
    return mean(mean(v for key, v in values.items() if key[place] == g) for g in groups)


ID_SETS = st.lists(st.sampled_from("abcd"), max_size=3)


@st.composite
def collections(draw, max_size=5):
    """Draw embeddings and id sets with a pair and a wrong answer in them."""
    n_x, n_y = draw(st.integers(1, max_size)), draw(st.integers(2, max_size + 1))
    small = st.integers(-1, 1)
    X = draw(arrays(np.float32, (n_x, 2), elements=small))
    Y = draw(arrays(np.float32, (n_y, 2), elements=small))
    x_ids = [["a"], *(draw(ID_SETS) for _ in range(n_x - 1))]
    y_ids = [["a", *draw(ID_SETS)], ["e"], *(draw(ID_SETS) for _ in range(n_y - 2))]
    return X, Y, x_ids, y_ids


@settings(max_examples=50)
@given(collections(), st.sampled_from(["pairs", "queries", "answers"]))
def test_all_candidates(case, average):
    X, Y, x_ids, y_ids = case
    found = matching_precision(
        *case, ks=[1, 2, 4], average=average, similarity="dot", n_draws=2
    )
    for k in (1, 2, 4):
        values = expected(X @ Y.T, x_ids, y_ids, 100, k)
        assert found.scores[f"P@{k}"] == close(averaged(values, average))
        assert found.per_pair[f"P@{k}"].tolist() == close(list(values.values()))
        constant = expected(0 * (X @ Y.T), x_ids, y_ids, 100, k)
        assert found.chance[f"P@{k}"] == close(averaged(constant, average))
    pairs = zip(found.queries.tolist(), found.answers.tolist(), strict=True)
    assert list(pairs) == list(values)


@pytest.mark.parametrize("n_candidates", [2, 3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_draws_have_the_expectation_of_all_draws(n_candidates, seed):
    rng = np.random.default_rng(seed)
    X, Y = rng.integers(-1, 2, size=(3, 2)), rng.integers(-1, 2, size=(8, 2))
    x_ids, y_ids = [["a"], ["b", "c"], ["d"]], list("aabbcdde")
    n_draws = 2000
    found = matching_precision(
        X,
        Y,
        x_ids,
        y_ids,
        n_candidates=n_candidates,
        ks=[1, 2],
        n_draws=n_draws,
        similarity="dot",
        random_state=seed,
    )
    assert found.n_candidates == (n_candidates, n_candidates)
    for k in (1, 2):
        exact = expected(X @ Y.T, x_ids, y_ids, n_candidates, k)
        draws = found.draws[f"P@{k}"]
        assert len(draws) == n_draws
        error = draws.std(ddof=1) / n_draws**0.5
        # Five standard errors: one in two million by chance, and the seed is fixed.
        assert (
            abs(found.scores[f"P@{k}"] - averaged(exact, "pairs")) <= 5 * error + 1e-9
        )


@settings(max_examples=60)
@given(
    st.integers(2, 20),
    st.integers(1, 12),
    st.integers(0, 2**31 - 1),
    st.sampled_from(["pairs", "queries", "answers"]),
)
def test_constants_are_at_chance(n_candidates, k, seed, average):
    rng = np.random.default_rng(seed)
    ids = rng.integers(4, size=80).tolist()
    found = matching_precision(
        np.ones((80, 3)),
        np.ones((80, 3)),
        ids,
        ids,
        n_candidates=n_candidates,
        ks=[k],
        average=average,
        random_state=seed,
    )
    value = min(1, k / n_candidates)
    assert found.scores[f"P@{k}"] == close(value)
    assert found.chance[f"P@{k}"] == close(value)
    assert found.interval[f"P@{k}"] == close(0)


def test_right_answers_do_not_stand_in_each_others_way():
    # The query's other answers score higher than the one that is looked for.
    X = [[1.0, 0]]
    Y = [[3.0, 0], [2, 0], [1, 0], [0, 0], [-1, 0]]
    found = matching_precision(
        X, Y, [["a"]], ["a", "a", "a", "b", "c"], ks=[1], similarity="dot"
    )
    assert found.scores == {"P@1": 1}
    assert found.n_candidates == (3, 3)


@settings(max_examples=100)
@given(st.data())
def test_drawn_candidates_are_wrong_and_distinct(data):
    n = data.draw(st.integers(1, 40))
    right = data.draw(st.sets(st.integers(0, n - 1)).map(sorted))
    n_candidates = data.draw(st.integers(2, 45))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    drawn = wrong_candidates(n, np.array(right, dtype=int), n_candidates, rng).tolist()
    assert not set(drawn) & set(right)
    assert len(set(drawn)) == len(drawn) == min(n_candidates - 1, n - len(right))


def test_every_wrong_candidate_is_drawn_as_often():
    rng = np.random.default_rng(0)
    drawn = [wrong_candidates(12, np.array([0, 5]), 4, rng) for _ in range(2000)]
    counts = np.bincount(np.concatenate(drawn), minlength=12)
    assert counts[[0, 5]].tolist() == [0, 0]
    assert stats.chisquare(np.delete(counts, [0, 5])).pvalue > 1e-4


# --- The confidence interval ---------------------------------------------------------


def noisy(n=60, n_words=20, seed=0):
    rng = np.random.default_rng(seed)
    Y = rng.normal(size=(n_words, 4))
    names = np.r_[np.arange(n_words), rng.integers(n_words, size=n - n_words)]
    return Y[names] + rng.normal(size=(n, 4)), Y, names.tolist(), list(range(n_words))


@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_interval_is_students_of_the_mean_over_draws(confidence):
    found = matching_precision(
        *noisy(), n_candidates=8, ks=[1, 3], n_draws=7, confidence=confidence
    )
    for name, draws in found.draws.items():
        low, high = stats.t.interval(
            confidence, 6, loc=np.mean(draws), scale=stats.sem(draws)
        )
        assert found.scores[name] == close(np.mean(draws))
        assert found.scores[name] - found.interval[name] == close(low)
        assert found.scores[name] + found.interval[name] == close(high)


def test_interval_covers_the_expectation_as_often_as_it_says():
    X, Y, names, ids = noisy()
    full = matching_precision(X, Y, names, ids, ks=[3], n_candidates=20)
    # The expected P@3 among 8 of 20 candidates, in closed form from the ranks.
    cosine = (X @ Y.T) / np.linalg.norm(Y, axis=1)
    above = (cosine > cosine[np.arange(60), names][:, None]).sum(axis=1)
    exact = stats.hypergeom(19, above, 7).cdf(2).mean()
    assert full.scores["P@3"] == close(np.mean(above < 3))
    n_covered = 0
    for seed in range(200):
        found = matching_precision(
            X, Y, names, ids, ks=[3], n_candidates=8, n_draws=5, random_state=seed
        )
        n_covered += abs(found.scores["P@3"] - exact) <= found.interval["P@3"]
    low, high = stats.binom(200, 0.95).ppf([1e-4, 1 - 1e-4])
    assert low <= n_covered <= high


def test_one_draw_has_no_interval():
    found = matching_precision(*noisy(), n_candidates=8, n_draws=1)
    assert np.isnan(list(found.interval.values())).all()


# --- Invariances ---------------------------------------------------------------------


def rotation(n, seed=0):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


def test_rotation_and_seed():
    X, Y, names, ids = noisy()
    options = {"n_candidates": 8, "random_state": 3}
    found = matching_precision(X, Y, names, ids, **options)
    R = rotation(4)
    assert (
        matching_precision(X @ R, Y @ R, names, ids, **options).scores == found.scores
    )
    again = matching_precision(X, Y, names, ids, **options)
    assert again.draws["P@1"].tolist() == found.draws["P@1"].tolist()
    other = matching_precision(X, Y, names, ids, n_candidates=8, random_state=4)
    assert other.draws["P@1"].tolist() != found.draws["P@1"].tolist()
    state = np.random.RandomState(3)
    assert matching_precision(
        X, Y, names, ids, n_candidates=8, random_state=state
    ).scores == close(found.scores)


@settings(max_examples=40)
@given(collections(), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(case, random):
    X, Y, x_ids, y_ids = case
    found = matching_precision(X, Y, x_ids, y_ids, ks=[1, 2])
    x_order, y_order = list(range(len(X))), list(range(len(Y)))
    random.shuffle(x_order)
    random.shuffle(y_order)
    again = matching_precision(
        X[x_order],
        Y[y_order],
        [x_ids[i] for i in x_order],
        [set(y_ids[i]) for i in y_order],
        ks=[1, 2],
    )
    assert again.scores == close(found.scores)
    assert again.chance == close(found.chance)
    assert again.n_candidates == found.n_candidates


@settings(max_examples=30)
@given(collections(), st.integers(1, 3))
def test_blocks_do_not_matter(case, block_size):
    found = matching_precision(*case, n_candidates=3)
    again = matching_precision(*case, n_candidates=3, block_size=block_size)
    assert again.draws["P@1"].tolist() == found.draws["P@1"].tolist()


# --- Hostile input to matching_precision ---------------------------------------------


def test_cuts_beyond_the_candidates_always_hit():
    found = matching_precision(*noisy(), n_candidates=4, ks=[4, 50])
    assert found.scores == found.chance == {"P@4": 1, "P@50": 1}


def test_nan_ranks_last_and_warns():
    X, Y, names, ids = noisy()
    X[5] = np.nan
    with pytest.warns(UserWarning, match="20 scores are NaN"):
        found = matching_precision(X, Y, names, ids, ks=[1])
    assert found.per_pair["P@1"][5] == close(1 / 20)
    Y[names[0]] = np.nan
    with pytest.warns(UserWarning, match="NaN"):
        found = matching_precision(X, Y, names, ids, ks=[19, 20])
    assert found.per_pair["P@19"][0] == 0
    assert found.per_pair["P@20"][0] == 1


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"n_candidates": 1}, ValueError, "n_candidates is 1"),
        ({"n_candidates": 2.5}, ValueError, "n_candidates is 2.5"),
        ({"n_draws": 0}, ValueError, "n_draws is 0"),
        ({"ks": [0]}, ValueError, "An entry of ks is 0"),
        ({"ks": []}, ValueError, "ks is empty"),
        ({"ks": 5}, TypeError, "ks is 5"),
        ({"confidence": 1}, ValueError, "confidence is 1"),
        ({"average": "words"}, ValueError, "average is 'words'"),
        ({"similarity": "manhattan"}, ValueError, "similarity is"),
        ({"block_size": 0}, ValueError, "block_size is 0"),
        ({"x_ids": [0]}, ValueError, "x_ids has 1 entries and X has 60"),
        ({"x_ids": [99] * 60}, ValueError, "No row of X shares an id"),
        ({"x_ids": "a"}, TypeError, "x_ids is 'a'"),
        ({"y_ids": [0, None] * 10}, ValueError, "y_ids holds None in row 1"),
        ({"y_ids": [float("nan")] * 20}, ValueError, "y_ids holds nan in row 0"),
        ({"y_ids": [list(range(20))] * 20}, ValueError, "shares an id with all rows"),
        ({"X": np.ones((60, 3))}, ValueError, "columns"),
        ({"X": []}, ValueError, "shape"),
    ],
)
def test_errors(change, error, match):
    arguments = dict(zip(["X", "Y", "x_ids", "y_ids"], noisy(), strict=True)) | change
    with pytest.raises(error, match=match):
        matching_precision(**arguments)


# --- Images and words, both ways -----------------------------------------------------


def world(n_vocabulary=300, n_labels=20, n_images=120, noise=1.0, seed=0):
    """Return images, their words, and a vocabulary with counts."""
    rng = np.random.default_rng(seed)
    words = [f"w{i}" for i in range(n_vocabulary)]
    counts = (1e5 / np.arange(1, n_vocabulary + 1)).astype(int)
    vectors = keyed(words, rng.normal(size=(n_vocabulary, 8)), counts)
    labels = rng.choice(words, size=n_labels, replace=False)
    y = np.r_[labels, rng.choice(labels, size=n_images - n_labels)].tolist()
    X = vectors[y] + noise * rng.normal(size=(n_images, 8)).astype(np.float32)
    return X, y, vectors


def slow_report(X, y, vectors, words, fill, n_candidates, k, seen=(), penalty=0.0):
    """Value of each pair among words with fill words, among words, and expected."""

    def unit(v):
        return np.asarray(v, dtype=float) / np.linalg.norm(v)

    def score(image, word):
        return float(unit(image) @ unit(vectors[word])) - penalty * (word in seen)

    values = {"image_to_word": [], "image_to_label_word": [], "word_to_image": []}
    for image, own in zip(X, y, strict=True):
        for word in sorted(set(own) & set(words), key=words.index):
            right = score(image, word)
            wrong = [score(image, w) for w in words if w not in own]
            values["image_to_label_word"].append(hit_at(k, right, wrong))
            n_fill = max(0, n_candidates - 1 - len(wrong))
            per_draw = []
            for some in fill:
                extra = [score(image, w) for w in some[:n_fill]]
                per_draw.append(hit_at(k, right, wrong + extra))
            values["image_to_word"].append(mean(per_draw))
            others = [
                score(i, word) for i, o in zip(X, y, strict=True) if word not in o
            ]
            above = sum(s > right for s in others)
            n_drawn = min(len(others), n_candidates - 1)
            chance = stats.hypergeom(len(others), above, n_drawn).cdf(k - 1)
            values["word_to_image"].append(float(chance))
    return values


@pytest.mark.parametrize("seed", range(3))
def test_report_against_a_slow_reference(seed):
    X, y, vectors = world(n_vocabulary=60, n_labels=8, n_images=30, seed=seed)
    y = [[word, y[i - 1]] if i % 3 == 0 else [word] for i, word in enumerate(y)]
    report = word_matching_report(
        Projector(vectors), X, y, n_candidates=12, ks=[1, 3], n_draws=400
    )
    for k in (1, 3):
        values = slow_report(X, y, vectors, report.words, report.fill_words, 12, k)
        for name in ("image_to_word", "image_to_label_word"):
            found = report.directions[name].per_pair[f"P@{k}"]
            assert found.tolist() == close(values[name])
            assert report.scores[name][f"P@{k}"] == close(mean(values[name]))
        images = report.directions["word_to_image"]
        error = images.draws[f"P@{k}"].std(ddof=1) / 20
        difference = images.scores[f"P@{k}"] - mean(values["word_to_image"])
        assert abs(difference) <= 5 * error


def test_pairs_of_all_directions_are_the_same():
    X, y, vectors = world()
    y = [[word, y[i - 1]] for i, word in enumerate(y)]
    report = word_matching_report(None, X, y, word_vectors=vectors, n_candidates=500)
    images, words = report.pairs
    for image, word in zip(images, words, strict=True):
        assert report.words[word] in y[report.rows[image]]
    assert len(images) == sum(len(set(row)) for row in y)
    # All candidates, no draws: each pair by itself, whatever the direction.
    cosine = X @ vectors[report.words].T / np.linalg.norm(vectors[report.words], axis=1)
    has = np.array([[w in row for w in report.words] for row in y])
    by_hand = [
        np.mean(
            np.sum(
                cosine[~has[:, w], w] / np.linalg.norm(X[~has[:, w]], axis=1)
                > cosine[i, w] / np.linalg.norm(X[i])
            )
            < 1
        )
        for i, w in zip(images, words, strict=True)
    ]
    found = report.directions["word_to_image"]
    assert found.per_pair["P@1"].tolist() == close(by_hand)
    assert found.queries.tolist() == words.tolist()
    assert found.answers.tolist() == images.tolist()


@pytest.mark.parametrize("n_labels", [5, 150])
def test_perfect_embeddings(n_labels):
    X, y, vectors = world(n_labels=n_labels, n_images=200, noise=0)
    report = word_matching_report(Projector(vectors), X, y)
    assert report.directions["image_to_word"].n_candidates == (100, 100)
    assert report.directions["image_to_label_word"].n_candidates == (n_labels,) * 2
    for scores in report.scores.values():
        assert scores == {"P@1": 1, "P@5": 1, "P@10": 1}


@pytest.mark.parametrize("n_labels", [5, 100, 150])
@pytest.mark.parametrize("average", ["pairs", "words"])
def test_constants_match_at_chance(n_labels, average):
    _, y, vectors = world(n_labels=n_labels, n_images=300)
    vectors.vectors[:] = 1
    report = word_matching_report(
        Projector(vectors), np.ones((300, 8)), y, average=average
    )
    for name in ("image_to_word", "word_to_image"):
        assert report.scores[name] == close({"P@1": 0.01, "P@5": 0.05, "P@10": 0.1})
    label = report.scores["image_to_label_word"]
    assert label["P@1"] == close(1 / n_labels)
    assert report.scores == {name: close(v) for name, v in report.chance.items()}


def test_label_words_alone_when_there_are_more_than_candidates():
    X, y, vectors = world(n_labels=50)
    report = word_matching_report(Projector(vectors), X, y, n_candidates=10, n_draws=50)
    assert report.fill_words == [[]] * 50
    assert report.directions["image_to_word"].n_candidates == (10, 10)
    # Ten of the label words, not all of them: easier.
    assert (
        report.scores["image_to_word"]["P@1"]
        > report.scores["image_to_label_word"]["P@1"]
    )


def test_fewer_images_than_candidates():
    X, y, vectors = world(n_labels=6, n_images=40)
    found = word_matching_report(Projector(vectors), X, y).directions["word_to_image"]
    n_wrong = [sum(w != word for w in y) for word in set(y)]
    assert found.n_candidates == (min(n_wrong) + 1, max(n_wrong) + 1)
    chance = mean(1 / (sum(w != word for w in y) + 1) for word in y)
    assert found.chance["P@1"] == close(chance)


def test_small_vocabulary_gives_fewer_candidates():
    X, y, vectors = world(n_vocabulary=30, n_labels=20)
    report = word_matching_report(Projector(vectors), X, y)
    assert all(len(set(words)) == 10 for words in report.fill_words)
    assert report.directions["image_to_word"].n_candidates == (30, 30)


def test_mean_over_words():
    X, y, vectors = world(n_labels=4, n_images=50)
    report = word_matching_report(Projector(vectors), X, y, average="words")
    for name, found in report.directions.items():
        of_word = [
            found.per_pair["P@1"][[w == word for w in y]].mean()
            for word in report.words
        ]
        assert report.scores[name]["P@1"] == close(mean(of_word))


# --- Fill words ----------------------------------------------------------------------


@pytest.mark.parametrize("with_counts", [True, False])
def test_fill_words_are_about_as_frequent(with_counts):
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(5000)]
    counts = (1e6 / np.arange(1, 5001)).astype(int) if with_counts else None
    vectors = keyed(words, rng.normal(size=(5000, 4)), counts)
    labels = ["w100", "w101", "w2000", "w4990"]
    y = [*labels * 10, "w3000"]
    report = word_matching_report(
        None, rng.normal(size=(41, 4)), y, word_vectors=vectors, words=labels
    )
    for fill in report.fill_words:
        assert len(fill) == len(set(fill)) == 96
        assert not set(fill) & {*labels, "w3000"}
        ranks = np.array([int(word[1:]) for word in fill])
        # Each label brings 24 words, from the 50 nearest that are left.
        far = abs(ranks[:, None] - [100, 101, 2000, 4990])
        assert far.min(axis=1).max() <= 100
        assert (abs(ranks - 2000) <= 100).sum() == 24
        assert (abs(ranks - 4990) <= 100).sum() == 24
    assert len({tuple(fill) for fill in report.fill_words}) == 10


def test_fill_words_go_by_counts_not_by_the_order_of_the_vocabulary():
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(2000)]
    counts = rng.permutation(np.arange(1, 2001))
    vectors = keyed(words, rng.normal(size=(2000, 4)), counts)
    count = dict(zip(words, counts.tolist(), strict=True))
    labels = sorted(words, key=lambda w: abs(count[w] - 700))[:2]
    report = word_matching_report(
        None,
        rng.normal(size=(20, 4)),
        labels * 10,
        word_vectors=vectors,
        n_candidates=9,
    )
    for fill in report.fill_words:
        assert len(fill) == 7
        assert max(abs(count[word] - 700) for word in fill) <= 40


def test_seed_of_the_report():
    X, y, vectors = world()
    reports = [
        word_matching_report(Projector(vectors), X, y, random_state=seed)
        for seed in (0, 0, 1)
    ]
    assert reports[0].fill_words == reports[1].fill_words != reports[2].fill_words
    draws = [r.directions["word_to_image"].draws["P@1"].tolist() for r in reports]
    assert draws[0] == draws[1] != draws[2]


# --- Restrictions, calibration, words without a vector -------------------------------


def test_words_out_of_vocabulary_are_left_out_and_counted():
    X, y, vectors = world(n_images=60)
    rows = [[word] for word in y]
    rows[3], rows[4] = ["unheard"], ["unheard", *rows[4]]
    rows[5] = []
    report = word_matching_report(Projector(vectors), X, rows, n_candidates=500)
    kept = [i for i in range(60) if i not in (3, 5)]
    assert report.rows.tolist() == kept
    assert report.oov == {"unheard": 2}
    assert "1 words out of vocabulary are left out, 2 pairs: 'unheard'" in str(report)
    clean = word_matching_report(
        Projector(vectors), X[kept], [y[i] for i in kept], n_candidates=500
    )
    for name in ("image_to_label_word", "word_to_image"):
        assert report.scores[name] == close(clean.scores[name])


def test_restriction_to_words():
    X, y, vectors = world()
    words = sorted(set(y))[:6]
    report = word_matching_report(Projector(vectors), X, y, words=words)
    inside = [i for i, word in enumerate(y) if word in words]
    assert report.rows.tolist() == inside
    assert report.n_unlisted == len(y) - len(inside)
    assert "pairs are left out" in str(report)
    assert report.directions["image_to_label_word"].n_candidates == (6, 6)
    # Words that were left out are no fill words either.
    assert not {w for fill in report.fill_words for w in fill} & set(y)
    of_all = word_matching_report(
        Projector(vectors), X[inside], [y[i] for i in inside], words=set(y)
    )
    assert of_all.directions["image_to_label_word"].n_candidates == (20, 20)
    for k in ("P@1", "P@5"):
        assert (
            of_all.scores["image_to_label_word"][k]
            <= report.scores["image_to_label_word"][k]
        )


def test_white_space_separates_words():
    X, y, vectors = world(n_images=40)
    pairs = [[word, y[i - 1]] for i, word in enumerate(y)]
    texts = [" ".join(row) for row in pairs]
    report, again = (
        word_matching_report(Projector(vectors), X, rows) for rows in (pairs, texts)
    )
    assert report.scores == again.scores


@pytest.mark.parametrize("penalty", [0.3, -0.2])
def test_seen_words_are_penalised(penalty):
    X, y, vectors = world(n_images=40)
    seen = sorted(set(y))[::2]
    report = word_matching_report(
        Projector(vectors), X, y, seen_words=seen, seen_penalty=penalty
    )
    plain = word_matching_report(Projector(vectors), X, y)
    values = slow_report(
        X,
        [[w] for w in y],
        vectors,
        report.words,
        report.fill_words,
        100,
        1,
        seen,
        penalty,
    )
    for name in ("image_to_word", "image_to_label_word"):
        found = report.directions[name].per_pair["P@1"]
        assert found.tolist() == close(values[name])
    assert report.scores["word_to_image"] == plain.scores["word_to_image"]
    assert report.scores["image_to_word"] != plain.scores["image_to_word"]


def test_a_great_penalty_leaves_unseen_words_alone():
    X, y, vectors = world()
    words = sorted(set(y))
    unseen = words[:6]
    rows = [i for i, word in enumerate(y) if word in unseen]
    only, all_words = (
        word_matching_report(
            Projector(vectors), X[rows], [y[i] for i in rows], **options
        ).scores["image_to_label_word"]
        for options in (
            {},
            {"words": words, "seen_words": words[6:], "seen_penalty": 9.0},
        )
    )
    assert all_words == close(only)


# --- Estimators ----------------------------------------------------------------------


def test_estimator_pipeline_and_given_embeddings_agree():
    X, y, vectors = world()
    R = rotation(8).astype(np.float32)
    estimator = Projector(vectors, R.T)
    raw = X @ R
    report = word_matching_report(estimator, raw, y)
    pipeline = make_pipeline(FunctionTransformer(), estimator)
    given_ = word_matching_report(
        None, X, y, word_vectors={w: vectors[w] for w in vectors.index_to_key}
    )
    assert word_matching_report(pipeline, raw, y).scores == close_all(report.scores)
    # Counts decrease along the vocabulary: without them fill words are the same.
    assert given_.fill_words == report.fill_words
    assert given_.scores == close_all(report.scores)
    assert given_.counts is None


def close_all(scores):
    return {name: close(values) for name, values in scores.items()}


def test_vectors_of_unit_length_are_not_needed():
    X, y, vectors = world()
    report = word_matching_report(None, X, y, word_vectors=vectors)
    scaled = word_matching_report(None, 7 * X, y, word_vectors=vectors)
    assert scaled.scores == close_all(report.scores)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"y": ["w1"]}, ValueError, "X has 120 rows and y has 1"),
        ({"y": []}, ValueError, "y is empty"),
        ({"y": [1] * 120}, TypeError, "y holds no words"),
        ({"y": [["w1"]] * 119 + [[b"w1"]]}, TypeError, "Row 119 of y"),
        ({"y": ["unheard"] * 120}, ValueError, "0 images .* 'unheard'"),
        ({"y": ["w1"] * 120}, ValueError, "two words or more"),
        ({"words": "w1"}, TypeError, "words is one str"),
        ({"words": []}, ValueError, "among 0"),
        ({"words": ["w1", "w2", 3]}, TypeError, "Entry 2 of words"),
        ({"average": "queries"}, ValueError, "average is 'queries'"),
        ({"seen_penalty": np.nan}, ValueError, "seen_penalty is nan"),
        ({"seen_penalty": "0"}, ValueError, "seen_penalty is '0'"),
        ({"seen_words": "w1"}, TypeError, "seen_words is one str"),
        ({"n_candidates": 0}, ValueError, "n_candidates is 0"),
        ({"similarity": "l2"}, ValueError, "similarity is 'l2'"),
        ({"estimator": None}, TypeError, "word_vectors is missing"),
        ({"estimator": object()}, TypeError, "estimator is object"),
        ({"word_vectors": 3}, TypeError, "word_vectors is int"),
        ({"estimator": None, "word_vectors": {"w1": 1.0}}, ValueError, "1-D vectors"),
        ({"estimator": None, "word_vectors": {1: [1.0]}}, TypeError, "word_vectors"),
    ],
)
def test_errors_of_the_report(change, error, match):
    X, y, vectors = world()
    arguments = {"estimator": Projector(vectors), "X": X, "y": y} | change
    with pytest.raises(error, match=match):
        word_matching_report(**arguments)


def test_nan_of_an_image_and_of_a_word():
    X, y, vectors = world(n_images=40)
    X[7] = np.nan
    with pytest.warns(UserWarning, match="NaN"):
        report = word_matching_report(Projector(vectors), X, y, n_candidates=500)
    found = report.directions
    assert found["image_to_label_word"].per_pair["P@1"][7] == close(1 / 20)
    others = [i for i in range(40) if i != 7]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clean = word_matching_report(
            Projector(vectors), X[others], [y[i] for i in others], n_candidates=500
        )
    # A NaN ranks last: it takes no other image's place.
    assert found["word_to_image"].per_pair["P@1"][others].tolist() == close(
        clean.directions["word_to_image"].per_pair["P@1"].tolist()
    )


# --- By term frequency ---------------------------------------------------------------


def test_by_frequency():
    words = ["a", "b", "c", "d"]
    vectors = keyed(words, np.eye(4), [5, 10, 99, 100])
    X = np.eye(4)[[0, 1, 1, 2, 0, 3]]
    y = ["a", "b", "b", "c", "d", "d"]
    report = word_matching_report(Projector(vectors), X, y)
    table = report.by_frequency()
    assert table.edges.tolist() == [1, 10, 100, 1000]
    assert table.n_pairs.tolist() == [1, 3, 2]
    assert table.metric == "P@1"
    # The fifth image shows an a and is called d.
    assert table.precision["image_to_label_word"].tolist() == [1, 1, 0.5]
    # a finds its image and the fifth, which tie; d finds its other image.
    assert table.precision["word_to_image"].tolist()[0] == 0.5
    own = report.by_frequency(edges=[10, 50, 60, 100], metric="P@5")
    assert own.n_pairs.tolist() == [2, 0, 1]
    assert own.precision["word_to_image"].tolist() == close([1, np.nan, 1])
    assert "1 to 10" in str(table)


def test_frequency_bins_cover_all_pairs():
    for low, high in [(1, 1), (1, 9), (9, 10), (10, 10), (0, 1000), (37, 123456)]:
        vectors = keyed(["a", "b"], np.eye(2), [low, high])
        report = word_matching_report(Projector(vectors), np.eye(2), ["a", "b"])
        table = report.by_frequency()
        assert table.n_pairs.sum() == 2
        assert table.edges[0] <= low
        assert high < table.edges[-1]
        assert table.n_pairs[0] and table.n_pairs[-1]


def test_errors_of_frequency_bins():
    X, y, vectors = world()
    report = word_matching_report(Projector(vectors), X, y)
    for edges in ([3], [3, 2], [1, np.nan], "ab", [[1, 2]]):
        with pytest.raises(ValueError, match="edges is"):
            report.by_frequency(edges=edges)
    with pytest.raises(ValueError, match="metric is 'P@7'"):
        report.by_frequency(metric="P@7")
    given_ = word_matching_report(
        None, X, y, word_vectors={w: vectors[w] for w in vectors.index_to_key}
    )
    with pytest.raises(ValueError, match="how often words occur"):
        given_.by_frequency()


def test_importing_metrics_does_not_import_torch_or_gensim():
    code = (
        "import sys, sklearn_crossmodal.metrics;"
        "assert not {'torch', 'gensim'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
