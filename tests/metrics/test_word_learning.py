"""The word learning report against loops, closed forms and simulations."""

import subprocess
import sys
from itertools import permutations
from math import comb

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_crossmodal.base import TwoViewEmbedder
from sklearn_crossmodal.metrics import make_retrieval_scorer, word_learning_report
from sklearn_crossmodal.metrics._word_learning import METRICS, TASKS, uniform_metrics

CUTS = (1, 5, 10, 25)
SMALL = st.integers(-2, 2)


def close(values):
    return pytest.approx(values, abs=1e-10)


# --- An independent reference --------------------------------------------------------


def first_hit(scores, relevant):
    """Expected rank and hit probabilities; scores and relevant by gallery entry."""
    hits = [scores[g] for g in relevant]
    if not hits:
        return [len(scores), *(0 for _ in CUTS)]
    above = sum(s > max(hits) for s in scores.values())
    tied = sum(s == max(hits) for s in scores.values())
    right = sum(s == max(hits) for s in hits)

    def later(n):  # than the first n places of the run of ties
        return comb(tied - right, n) / comb(tied, n)

    rank = above + sum(later(n) for n in range(tied - right + 1))
    return [rank, *(1 - later(min(max(k - above, 0), tied)) for k in CUTS)]


def reference(X, y, types, tokens):
    """All four tasks by the inner product, with loops, sets and dicts."""
    vectors, images, words = {}, {}, {}
    for image, bag in enumerate(y):
        for place, vector in enumerate(bag):
            token = tokens[image][place]
            vectors.setdefault(token, vector)
            images.setdefault(token, set()).add(image)
            words[token] = types[image][place]
    fragments = [(i, f) for i, bag in enumerate(X) for f in bag]
    results = {task: [] for task in TASKS}
    for token, vector in vectors.items():
        others = {t: vector @ v for t, v in vectors.items() if t != token}
        right = [t for t in others if images[t] & images[token]]
        results["word_similarity"].append(first_hit(others, right))
        scores = {i: vector @ f for i, (_, f) in enumerate(fragments)}
        right = [i for i, (image, _) in enumerate(fragments) if image in images[token]]
        results["image_token_by_word"].append(first_hit(scores, right))
    for image, fragment in fragments:
        scores = {t: fragment @ v for t, v in vectors.items()}
        right = [t for t in vectors if image in images[t]]
        results["word_token_by_image"].append(first_hit(scores, right))
        right = [t for t in vectors if words[t] in types[image]]
        results["word_type_by_image"].append(first_hit(scores, right))
    values = {}
    for task, rows in results.items():
        columns = np.array(rows, dtype=float).T
        numbers = [np.median(columns[0]), *columns.mean(axis=1)]
        values[task] = dict(zip(METRICS, numbers, strict=True))
    return values


@st.composite
def corpora(draw, shared=True):
    """Draw bags of small integers, and the type and token of each item of y."""
    n_images = draw(st.integers(1, 5))
    store = draw(arrays(np.float32, (8, 3), elements=SMALL))
    words = draw(st.lists(st.sampled_from("abc"), min_size=8, max_size=8))
    X, y, types, tokens, n = [], [], [], [], 0
    for _ in range(n_images):
        n_fragments = draw(st.integers(1, 3))
        X.append(draw(arrays(np.float32, (n_fragments, 3), elements=SMALL)))
        some = draw(st.lists(st.integers(0, 7), min_size=1, max_size=4))
        y.append(store[some])
        types.append([words[i] for i in some])
        tokens.append(some if shared else list(range(n, n + len(some))))
        n += len(some)
    if len({token for bag in tokens for token in bag}) < 2:
        X.append(X[0])
        y.append(store[:3])
        types.append(words[:3])
        tokens.append([0, 1, 2] if shared else [n, n + 1, n + 2])
    return X, y, {"types": types, "tokens": tokens}


@settings(max_examples=80)
@given(corpora(), st.sampled_from([1, 3, 256]))
def test_tasks_agree_with_loops(corpus, block_size):
    X, y, ids = corpus
    report = word_learning_report(
        None, X, y, similarity="dot", block_size=block_size, **ids
    )
    expected = reference(X, y, **ids)
    assert set(report.scores) == set(TASKS)
    for task, values in expected.items():
        assert list(report.scores[task]) == list(METRICS)
        assert report.scores[task] == close(values)


@settings(max_examples=40)
@given(corpora(shared=False))
def test_every_item_is_a_token_by_default(corpus):
    X, y, ids = corpus
    report = word_learning_report(None, X, y, types=ids["types"], similarity="dot")
    expected = reference(X, y, **ids)
    assert report.scores == {task: close(v) for task, v in expected.items()}
    n_items = sum(map(len, y))
    assert report.n_gallery["word_token_by_image"] == n_items
    assert report.n_queries["word_similarity"] == n_items


@settings(max_examples=30)
@given(corpora(), st.randoms(use_true_random=False))
def test_the_order_of_rows_and_items_does_not_matter(corpus, random):
    X, y, ids = corpus
    report = word_learning_report(None, X, y, similarity="dot", **ids)
    rows = list(range(len(X)))
    random.shuffle(rows)
    places = [random.sample(range(len(y[i])), len(y[i])) for i in rows]

    def pick(bags):
        pairs = zip(rows, places, strict=True)
        return [[bags[i][p] for p in order] for i, order in pairs]

    again = word_learning_report(
        None,
        [X[i][::-1] for i in rows],
        [np.array(bag) for bag in pick(y)],
        similarity="dot",
        **{name: pick(bags) for name, bags in ids.items()},
    )
    assert again.scores == {task: close(v) for task, v in report.scores.items()}
    assert again.uniform == {task: close(v) for task, v in report.uniform.items()}
    assert again.n_without_answer == report.n_without_answer


@settings(max_examples=30)
@given(corpora())
def test_a_type_is_found_no_later_than_a_token(corpus):
    X, y, ids = corpus
    scores = word_learning_report(None, X, y, similarity="dot", **ids).scores
    token, word = scores["word_token_by_image"], scores["word_type_by_image"]
    assert word["mean_rank"] <= token["mean_rank"] + 1e-10
    assert word["recall@1"] >= token["recall@1"] - 1e-10


@settings(max_examples=30)
@given(corpora())
def test_constant_embeddings_rank_uniformly(corpus):
    X, y, ids = corpus
    X, y = ([np.ones_like(bag) for bag in bags] for bags in (X, y))
    report = word_learning_report(None, X, y, **ids)
    for task, values in report.scores.items():
        for name in METRICS[1:]:
            assert report.uniform[task][name] == close(values[name])


# --- By hand -------------------------------------------------------------------------


def test_perfect_embeddings():
    X = np.repeat(np.eye(12), 3, axis=0).reshape(12, 3, 12)
    y = np.repeat(np.eye(12), 2, axis=0).reshape(12, 2, 12)
    report = word_learning_report(None, X, y, types=[[i, i] for i in range(12)])
    for values in report.scores.values():
        assert values == close(dict.fromkeys(METRICS, 1))
    assert report.n_gallery == {
        "word_similarity": 23,
        "word_token_by_image": 24,
        "word_type_by_image": 24,
        "image_token_by_word": 36,
    }
    assert report.n_queries["word_token_by_image"] == 36
    assert set(report.n_without_answer.values()) == {0}


def test_a_token_is_excluded_by_index_and_its_duplicates_are_not():
    # Tokens 0, 1 and 2 are equal vectors: 1 is of the same image, 2 of another.
    y = [np.array([[1.0, 0], [1, 0]]), np.array([[1.0, 0], [0, 1]])]
    X = np.ones((2, 2))
    scores = word_learning_report(None, X, y).scores["word_similarity"]
    # 0 and 1: two others tie, one right. 2: its own comes after both. 3: all tie.
    assert scores["mean_rank"] == close(np.mean([1.5, 1.5, 3, 2]))
    assert scores["recall@1"] == close(np.mean([1 / 2, 1 / 2, 0, 1 / 3]))


def test_a_shared_token_links_its_images():
    vectors = np.eye(3)
    X = np.eye(3)[:, None]
    y = [vectors[[0, 1]], vectors[[0, 2]], vectors[[2]]]
    tokens = [["a", "b"], ["a", "c"], ["c"]]
    report = word_learning_report(None, X, y, tokens=tokens)
    assert report.n_gallery["word_token_by_image"] == 3
    assert report.n_queries["image_token_by_word"] == 3
    # a shares an image with b and one with c; these share none with each other.
    uniform = report.uniform["word_similarity"]
    assert uniform["mean_rank"] == close(np.mean([1, 3 / 2, 3 / 2]))
    # The fragment of image 1 is nearest to b, which image 1 lacks.
    scores = report.scores["word_token_by_image"]
    assert scores["mean_rank"] == close(np.mean([1, 2, 1]))


def test_queries_without_an_answer_have_the_worst_rank_and_miss():
    X = np.eye(4)
    y = [np.eye(4)[[0, 0]], np.eye(4)[[1]], np.eye(4)[[2]]]
    report = word_learning_report(None, X[:3], y)
    scores = report.scores["word_similarity"]
    assert report.n_without_answer["word_similarity"] == 2
    assert scores["mean_rank"] == close(np.mean([1, 1, 3, 3]))
    # Even where the cut is beyond the end of the gallery.
    assert scores["recall@25"] == close(1 / 2)
    assert report.uniform["word_similarity"]["recall@25"] == close(1 / 2)
    assert report.uniform["word_similarity"]["mean_rank"] == close((2 + 2 + 3 + 3) / 4)
    assert "word similarity: 2 queries have no right answer" in str(report)


def test_no_query_with_an_answer_is_no_error():
    report = word_learning_report(None, np.eye(3), np.eye(3))
    assert report.n_without_answer["word_similarity"] == 3
    values = {"median_rank": 2, "mean_rank": 2} | {f"recall@{k}": 0 for k in CUTS}
    assert report.scores["word_similarity"] == values
    assert report.uniform["word_similarity"] == values


def test_cosine_by_default_and_other_similarities():
    # The fragment of image 0 has its own token nearest in angle only.
    X = np.array([[1.0, 0], [0, 1]])
    y = np.array([[1.0, 0.1], [9, 9]])
    ranks = {
        similarity: word_learning_report(None, X, y, similarity=similarity).scores[
            "word_token_by_image"
        ]["mean_rank"]
        for similarity in (None, "cosine", "dot", "euclidean")
    }
    assert ranks == {None: 1, "cosine": 1, "dot": 1.5, "euclidean": 1.5}


# --- The uniform order ---------------------------------------------------------------


def test_uniform_order_of_the_paper_s_sizes():
    values = uniform_metrics(2000, np.full(7, 20))
    assert values["mean_rank"] == close(2001 / 21)
    assert round(values["mean_rank"], 1) == 95.3
    assert values["median_rank"] == 68
    for k in CUTS:
        expected = 1 - comb(1980, k) / comb(2000, k)
        assert values[f"recall@{k}"] == close(expected)


@settings(max_examples=60)
@given(st.data())
def test_uniform_median_is_the_smallest_rank_that_half_of_queries_reach(data):
    n = data.draw(st.integers(1, 60))
    relevant = data.draw(st.lists(st.integers(0, n), min_size=1, max_size=6))

    def share(k):
        return np.mean([k >= n if m == 0 else 1 - later(m, k) for m in relevant])

    def later(m, k):
        return comb(n - m, k) / comb(n, k)

    expected = next(k for k in range(1, n + 1) if share(k) >= 0.5 - 1e-12)
    assert uniform_metrics(n, relevant)["median_rank"] == expected


def test_uniform_order_is_the_mean_over_all_orders():
    n, relevant = 6, [1, 2, 4, 0]
    ranks = [
        min(order[:m], default=n - 1) + 1
        for m in relevant
        for order in permutations(range(n))
    ]
    values = uniform_metrics(n, relevant)
    assert values["mean_rank"] == close(np.mean(ranks))
    assert values["median_rank"] == np.median(ranks)
    assert values["recall@1"] == close(np.mean(np.equal(ranks, 1)))


def test_random_embeddings_rank_as_the_uniform_order():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 8, 50)), rng.normal(size=(60, 9, 50))
    types = rng.integers(0, 90, (60, 9))
    report = word_learning_report(None, X, y, types=types)
    for task, values in report.scores.items():
        uniform = report.uniform[task]
        assert values["mean_rank"] == pytest.approx(uniform["mean_rank"], rel=0.1)
        assert values["median_rank"] == pytest.approx(uniform["median_rank"], rel=0.15)
        assert values["recall@25"] == pytest.approx(uniform["recall@25"], abs=0.06)


def test_uniform_order_of_large_galleries():
    values = uniform_metrics(10**6, np.repeat([1, 500_000], [1, 2]))
    assert values["median_rank"] == 2
    assert uniform_metrics(10**6, [1])["median_rank"] == 500_000
    assert uniform_metrics(10**6, [1, 0, 0])["median_rank"] == 10**6


# --- Estimators and random projections -----------------------------------------------


class Halves(TwoViewEmbedder):
    """Embed by the first columns, times a factor; count the items seen."""

    def __init__(self, n_components=3, similarity="cosine"):
        self.n_components = n_components
        self.similarity = similarity

    def fit(self, X, y, groups=None):
        self.fitted_ = True
        return self

    @property
    def _n_features_out(self):
        return self.n_components

    def transform(self, X):
        return np.asarray(X, dtype=np.float32)[:, : self.n_components]

    def transform_y(self, y):
        assert np.ndim(y) == 2  # items
        return self.transform(y)


def bags(seed=0, n_images=8, width=5):
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=(rng.integers(1, 5), width)) for _ in range(n_images)]
    y = [rng.normal(size=(rng.integers(1, 5), width)) for _ in range(n_images)]
    return X, y


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_an_estimator_is_as_good_as_its_embeddings(similarity):
    X, y = bags()
    types = [[i % 3 for i in range(len(bag))] for bag in y]
    half = Halves(similarity=similarity).fit(X, y)
    report = word_learning_report(half, X, y, types=types)
    cut = ([np.float32(bag[:, :3]) for bag in view] for view in (X, y))
    given = word_learning_report(None, *cut, types=types, similarity=similarity)
    assert report.scores == {task: close(v) for task, v in given.scores.items()}
    assert report.uniform == given.uniform
    assert given.random_projection == {}


def test_pipelines_and_searches_around_an_estimator():
    X, y = bags()
    expected = word_learning_report(Halves().fit(X, y), X, y)
    flat = np.random.default_rng(1).normal(size=(6, 5))
    pipe = make_pipeline(FunctionTransformer(), Halves(), FunctionTransformer())
    search = GridSearchCV(
        pipe, {"halves__n_components": [3]}, scoring=make_retrieval_scorer(), cv=2
    )
    for estimator in (pipe.fit(flat, flat), search.fit(flat, flat)):
        report = word_learning_report(estimator, X, y)
        assert report == expected


def test_projections_are_reproducible_means_of_independent_draws():
    X, y = bags()
    half = Halves().fit(X, y)
    state = np.random.get_state()[1].copy()
    first, again, other = (
        word_learning_report(half, X, y, random_state=seed).random_projection
        for seed in (0, 0, 1)
    )
    assert first == again != other
    assert (np.random.get_state()[1] == state).all()
    assert set(first) == set(TASKS) - {"word_type_by_image"}
    rng = np.random.RandomState(3)
    singles = [
        word_learning_report(half, X, y, n_projections=1, random_state=rng)
        for _ in range(4)
    ]
    mean = word_learning_report(half, X, y, n_projections=4, random_state=3)
    for task, values in mean.random_projection.items():
        for name, value in values.items():
            drawn = [single.random_projection[task][name] for single in singles]
            assert value == close(np.mean(drawn))


def test_a_projection_keeps_what_the_raw_items_of_one_view_say():
    # Tokens of one image are near each other, whatever the projection.
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(10, 1, 400))
    y = centres + 0.01 * rng.normal(size=(10, 4, 400))
    report = word_learning_report(Halves(50).fit(y, y), y, y)
    values = report.random_projection
    assert values["word_similarity"]["recall@1"] == 1
    # But the views are projected by matrices that know nothing of each other.
    assert values["word_token_by_image"]["recall@1"] < 0.5


def test_no_projections():
    X, y = bags()
    report = word_learning_report(Halves().fit(X, y), X, y, n_projections=0)
    assert report.random_projection == {}
    assert "random projection" not in str(report)


def test_sparse_items_and_data_frames():
    X, y = bags(width=3)
    expected = word_learning_report(Halves().fit(X, y), X, y)

    class Densify(Halves):
        def transform(self, X):
            return super().transform(X.toarray() if sparse.issparse(X) else X)

        def transform_y(self, y):
            return self.transform(y)

    as_sparse = [[sparse.csr_array(bag) for bag in view] for view in (X, y)]
    report = word_learning_report(Densify().fit(X, y), *as_sparse)
    assert report.scores == expected.scores
    for task, values in report.random_projection.items():
        assert values == pytest.approx(expected.random_projection[task], rel=1e-6)
    flat = np.arange(12.0).reshape(6, 2)
    frame = pd.DataFrame(flat, columns=["a", "b"])
    half = Halves().fit(flat, flat)
    report = word_learning_report(half, frame, frame)
    assert report == word_learning_report(half, flat, flat)


def test_a_data_frame_of_fragments_keeps_its_names():
    class Named(Halves):
        def transform(self, X):
            return super().transform(X[["a", "b"]])

        def transform_y(self, y):
            return np.asarray(y)

    flat = np.arange(12.0).reshape(6, 2)
    frame = pd.DataFrame(flat, columns=["a", "b"])
    report = word_learning_report(Named().fit(frame, flat), frame, flat)
    assert report.scores == word_learning_report(None, flat, flat).scores


def test_words_may_be_texts_without_projections():
    class Lengths(Halves):
        def transform(self, X):
            return np.asarray(X)

        def transform_y(self, y):
            return np.array([[len(text), 1.0] for text in y])

    X = np.array([[1.0, 1], [3, 1]])
    y = [["a"], ["dog", "cat"]]
    lengths = Lengths().fit(X, y)
    report = word_learning_report(lengths, X, y, n_projections=0, tokens=y)
    assert report.scores["word_token_by_image"]["mean_rank"] == 1
    with pytest.raises(ValueError, match="y does not hold numbers.*n_projections=0"):
        word_learning_report(lengths, X, y)


# --- Containers of ids, and errors ---------------------------------------------------


def test_ids_are_flat_or_in_bags():
    X, y = bags()
    nested = [[f"w{i % 3}" for i in range(len(bag))] for bag in y]
    flat = [word for bag in nested for word in bag]
    expected = word_learning_report(None, X, y, types=nested)
    for types in (flat, np.array(flat), pd.Series(flat), pd.Series(nested)):
        assert word_learning_report(None, X, y, types=types) == expected
    arrays = [np.array(bag) for bag in nested]
    assert word_learning_report(None, X, y, types=arrays) == expected


def test_ids_of_two_dimensions():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(4, 2, 3)), rng.normal(size=(4, 3, 3))
    types = rng.integers(0, 5, (4, 3))
    expected = word_learning_report(None, X, y, types=types.ravel())
    for ids in (types, pd.DataFrame(types), types.tolist()):
        assert word_learning_report(None, X, y, types=ids) == expected
    one = word_learning_report(None, X[:, 0], y[:, 0], types=types[:, 0])
    assert one == word_learning_report(None, X[:, :1], y[:, :1], types=types[:, :1])


X2, Y2 = np.eye(2)[:, None], np.eye(4)[:, :2].reshape(2, 2, 2)
RAGGED = [np.eye(2), np.eye(2)[:1]]


@pytest.mark.parametrize(
    ("X", "y", "options", "message"),
    [
        (X2[:1], Y2, {}, "X has 1 rows and y has 2.*row i of X"),
        (X2, [np.eye(2), np.empty((0, 2))], {}, "Row 1 of y has no item"),
        ([np.empty((0, 2)), np.eye(2)], Y2, {}, "Row 0 of X has no item"),
        ([np.eye(2), np.eye(3)], Y2, {}, "Every bag of X .* row 1 has shape"),
        ([[1.0], [1.0, 2.0]], Y2, {}, "rows of X differ in length"),
        (X2, np.eye(3)[:2], {}, "X has 2 columns and Y has 3"),
        (X2[:1], np.eye(2)[:1], {}, r"too few tokens \(1\)"),
        ([], [], {}, r"too few tokens \(0\)"),
        (X2, RAGGED, {"types": [["a", "b"]]}, "types has 1 lists and y has 2 rows"),
        (
            X2,
            RAGGED,
            {"types": [["a"], ["b"]]},
            "Row 0 of types has 1 entries.*2 items",
        ),
        (X2, RAGGED, {"types": [["a", "b"], "c"]}, "Row 1 of types has 'c'"),
        (X2, RAGGED, {"types": ["a", "b"]}, "types has 2 entries and y has 3 items"),
        (X2, RAGGED, {"tokens": [["a", None], ["b"]]}, "tokens has a missing.*row 0"),
        (X2, RAGGED, {"types": [0, 1, np.nan]}, "types has a missing.*row 1"),
        (X2, RAGGED, {"types": [["a", ["b"]], ["c"]]}, r"types holds \['b'\] in row 0"),
        (X2, RAGGED, {"types": [{"a"}, {"b"}, {"c"}]}, "types holds {'a'} in row 0"),
        (
            X2,
            RAGGED,
            {"tokens": [["a", "b"], ["b"]]},
            "row 1 of y has the same id in tokens as one in row 0.*vectors differ",
        ),
        (
            X2,
            RAGGED,
            {"tokens": [["a", "b"], ["a"]], "types": [["w", "v"], ["u"]]},
            "row 1 of y has the same id in tokens as one in row 0.*types differ",
        ),
        (X2, Y2, {"similarity": "manhattan"}, "similarity is 'manhattan'.*'cosine'"),
        (X2, Y2, {"n_projections": -1}, "n_projections is -1"),
        (X2, Y2, {"n_projections": True}, "n_projections is True"),
        (X2, Y2, {"block_size": 0}, "block_size is 0"),
    ],
)
def test_errors_say_what_is_wrong(X, y, options, message):
    with pytest.raises(ValueError, match=message):
        word_learning_report(None, X, y, **options)


@pytest.mark.parametrize("types", ["ab", 3])
def test_ids_must_be_a_container(types):
    with pytest.raises(TypeError, match="types is .* expected a list"):
        word_learning_report(None, X2, RAGGED, types=types)


def test_an_estimator_without_second_view_or_with_rows_for_items():
    with pytest.raises(TypeError, match="no second view"):
        word_learning_report(BaseEstimator(), X2, Y2)

    class Pooling(Halves):
        def transform_y(self, y):
            return super().transform_y(y)[:1]

    with pytest.raises(ValueError, match="transform_y returned 1 rows for 4 items"):
        word_learning_report(Pooling().fit(X2, Y2), X2, Y2)


def test_equal_recordings_may_differ_by_rounding():
    y = np.array([[[1.0, 2.0], [3, 4]], [[1, 2 + 1e-6], [0, 1]]])
    tokens = [["a", "b"], ["a", "c"]]
    report = word_learning_report(None, X2, y, tokens=tokens)
    assert report.n_gallery["word_token_by_image"] == 3


@pytest.mark.parametrize("view", ["X", "y"])
def test_nan_embeddings_warn_and_rank_last(view):
    X = np.repeat(np.eye(4), 2, axis=0).reshape(4, 2, 4)
    views = {"X": X, "y": X.copy()}
    views[view] = X.copy()
    views[view][0, 0] = np.nan
    with pytest.warns(UserWarning, match="scores are NaN and rank last") as caught:
        report = word_learning_report(None, **views)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    searching, searched = "image_token_by_word", "word_token_by_image"
    if view == "X":
        searching, searched = searched, searching
    # As a query it finds 2 of 8 in random order; others find its image's other item.
    assert report.scores[searching]["mean_rank"] == close((7 * 1 + 9 / 3) / 8)
    assert report.scores[searched]["mean_rank"] == close(1)


def test_all_nan_is_the_uniform_order():
    X, y = np.full((3, 2, 4), np.nan), np.full((3, 3, 4), np.nan)
    with pytest.warns(UserWarning, match="NaN"):
        report = word_learning_report(None, X, y)
    for task, values in report.scores.items():
        for name in METRICS[1:]:
            assert values[name] == close(report.uniform[task][name])


def test_inputs_are_left_alone():
    X, y = np.ones((3, 2, 4)), np.ones((3, 2, 4))
    word_learning_report(Halves().fit(X, y), X, y)
    assert (X == 1).all()
    assert (y == 1).all()


def test_the_table_has_three_lines_for_a_task():
    X, y = bags()
    types = [[i % 3 for i in range(len(bag))] for bag in y]
    report = word_learning_report(Halves().fit(X, y), X, y, types=types)
    lines = str(report).split("\n")
    lines = [line for line in lines if "no right answer" not in line]
    assert len(lines) == 1 + 3 * len(TASKS)
    assert lines[0].split() == [
        *("queries", "gallery", "median", "mean"),
        *(f"R@{k}" for k in CUTS),
    ]
    assert [line.strip().split("  ")[0] for line in lines[1:4]] == [
        "word similarity",
        "random projection",
        "uniform",
    ]
    assert max(map(len, lines)) <= 88


def test_importing_the_report_does_not_import_torch():
    code = (
        "import sys; from sklearn_crossmodal.metrics import word_learning_report;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
