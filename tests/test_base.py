"""The two-view contract: items and rows, and estimators inside other estimators."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from sklearn import clone, config_context
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    RandomizedSearchCV,
    cross_validate,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from sklearn_crossmodal import (
    CaptionRanker,
    embed_y,
    flatten_items,
    make_retrieval_scorer,
    unflatten_items,
)
from sklearn_crossmodal.base import (
    TwoViewEmbedder,
    embed_pairs,
    get_two_view_estimator,
)
from sklearn_crossmodal.utils._bags import pool_rows

COLOURS = np.array(["red", "blue", "green", "black"])
SHAPES = np.array(["circle", "square", "star", "ring"])


def make_images(n=48, seed=0):
    """Return features and captions of coloured shapes; both words can be read off."""
    rng = np.random.default_rng(seed)
    colour, shape = rng.integers(4, size=(2, n))
    features = np.hstack([np.eye(4)[colour], np.eye(4)[shape]])
    captions = [
        f"a {c} {s}" for c, s in zip(COLOURS[colour], SHAPES[shape], strict=True)
    ]
    return features + 0.1 * rng.standard_normal(features.shape), captions


def small_ranker(**params):
    settings_ = {
        "n_components": 8,
        "word_size": 8,
        "gru_size": 8,
        "word_vectors": None,
        "max_epochs": 2,
        "random_state": 0,
    }
    return CaptionRanker(**settings_ | params)


X, CAPTIONS = make_images()
SEVERAL = [
    [text, text.replace("a ", "this is one "), "look"][: 1 + i % 3]
    for i, text in enumerate(CAPTIONS)
]


# ---------------------------------------------------- embed_y through other estimators


@pytest.fixture(scope="module")
def fitted():
    """Return a ranker that was fitted on scaled images, and the scaler."""
    scaler = StandardScaler().fit(X)
    return small_ranker().fit(scaler.transform(X), CAPTIONS), scaler


WRAPPERS = {
    "pipeline": lambda pipe: pipe,
    "pipeline in a pipeline": lambda pipe: make_pipeline(FunctionTransformer(), pipe),
    "passthrough steps": lambda pipe: Pipeline(
        [("no", "passthrough"), ("none", None), ("pipe", pipe)]
    ),
    "grid search": lambda pipe: GridSearchCV(pipe, {}, cv=2),
    "randomized search": lambda pipe: RandomizedSearchCV(
        pipe, {"captionranker__lr": [2e-3]}, n_iter=1, cv=2
    ),
    "search in a pipeline": lambda pipe: make_pipeline(
        FunctionTransformer(), GridSearchCV(pipe, {}, cv=2)
    ),
}


@pytest.mark.parametrize("wrapper", WRAPPERS.values(), ids=WRAPPERS)
def test_embed_y_finds_the_estimator(wrapper, fitted):
    ranker, scaler = fitted
    outer = wrapper(make_pipeline(StandardScaler(), small_ranker())).fit(X, CAPTIONS)
    found, later_steps = get_two_view_estimator(outer)
    assert isinstance(found, CaptionRanker)
    assert later_steps == []
    np.testing.assert_array_equal(
        embed_y(outer, CAPTIONS), ranker.transform_y(CAPTIONS)
    )
    np.testing.assert_array_equal(
        outer.transform(X), ranker.transform(scaler.transform(X))
    )
    score = make_retrieval_scorer("mrr")(outer, X, CAPTIONS)
    assert score == pytest.approx(ranker.score(scaler.transform(X), CAPTIONS))


def test_frozen_estimator_is_looked_into(fitted):
    ranker, scaler = fitted
    frozen = FrozenEstimator(ranker)
    expected = ranker.transform_y(CAPTIONS)
    np.testing.assert_array_equal(embed_y(frozen, CAPTIONS), expected)
    # Fitting the Pipeline trains the scaler only.
    pipe = make_pipeline(StandardScaler(), frozen).fit(X, CAPTIONS)
    np.testing.assert_array_equal(embed_y(pipe, CAPTIONS), expected)
    np.testing.assert_array_equal(
        pipe.transform(X), ranker.transform(scaler.transform(X))
    )


def test_later_steps_apply_to_both_views_in_order():
    inner = make_pipeline(small_ranker(), MinMaxScaler())
    pipe = make_pipeline(inner, FunctionTransformer(np.negative)).fit(X, CAPTIONS)
    ranker = small_ranker().fit(X, CAPTIONS)
    rescale = MinMaxScaler().fit(ranker.transform(X))
    for actual, embedded in (
        (pipe.transform(X), ranker.transform(X)),
        (embed_y(pipe, CAPTIONS), ranker.transform_y(CAPTIONS)),
    ):
        np.testing.assert_allclose(actual, -rescale.transform(embedded), rtol=1e-5)
    _, later_steps = get_two_view_estimator(pipe)
    assert [type(step) for step in later_steps] == [MinMaxScaler, FunctionTransformer]


def test_later_steps_get_the_frames_of_set_output():
    pipe = make_pipeline(small_ranker(), StandardScaler()).set_output(
        transform="pandas"
    )
    pipe.fit(X, CAPTIONS)
    captions = pd.Series(CAPTIONS, index=[f"image {i}" for i in range(len(X))])
    embedded = embed_y(pipe, captions)
    assert list(embedded.index) == list(captions.index)
    assert list(embedded.columns) == list(pipe.get_feature_names_out())


@pytest.mark.parametrize(
    "estimator",
    [
        LinearRegression(),
        make_pipeline(StandardScaler(), LinearRegression()),
        GridSearchCV(LinearRegression(), {}, cv=2),
        make_pipeline(small_ranker(), small_ranker()),
        make_pipeline(GridSearchCV(small_ranker(), {}, cv=2), small_ranker()),
    ],
    ids=["none", "none in pipeline", "none in search", "two", "two, one in a search"],
)
def test_exactly_one_two_view_estimator_is_needed(estimator):
    two_view = "Ranker" in str(estimator)
    estimator.fit(X, CAPTIONS if two_view else X[:, 0])
    with pytest.raises(TypeError, match="two-view|second view"):
        embed_y(estimator, CAPTIONS)


def test_unfitted_search_says_that_it_is_unfitted():
    with pytest.raises(NotFittedError):
        embed_y(GridSearchCV(small_ranker(), {}), CAPTIONS)


@pytest.mark.filterwarnings("ignore:.*no word of the vocabulary")
def test_embed_pairs_takes_texts_or_rows(fitted):
    ranker, scaler = fitted
    images = scaler.transform(X)
    for level, n_items in (("auto", sum(map(len, SEVERAL))), ("row", len(X))):
        X_embedded, y_embedded, rows = embed_pairs(ranker, images, SEVERAL, level=level)
        assert len(y_embedded) == len(rows) == n_items
        np.testing.assert_array_equal(X_embedded, ranker.transform(images))
    flat, row_ids = flatten_items(SEVERAL)
    _, y_embedded, rows = embed_pairs(ranker, images, SEVERAL)
    np.testing.assert_array_equal(rows, row_ids)
    np.testing.assert_array_equal(y_embedded, ranker.transform_y(flat))


def test_embed_pairs_refuses_bad_arguments(fitted):
    ranker, scaler = fitted
    with pytest.raises(ValueError, match=r"\[48, 47\]"):
        embed_pairs(ranker, scaler.transform(X), CAPTIONS[:-1])
    with pytest.raises(ValueError, match="'items'"):
        embed_pairs(ranker, scaler.transform(X), CAPTIONS, level="items")


# --------------------------------------------------------------------- the base class


class Given(TwoViewEmbedder):
    """Take both views as they are."""

    def fit(self, X, y, groups=None):
        self._check_X(X, reset=True)
        self._check_rows(X, y, groups)
        return self

    def transform(self, X):
        return np.asarray(X, dtype=np.float32)

    transform_y = transform


def test_constant_embeddings_score_at_chance():
    constant = np.ones((4, 2))
    chance = (1 + 1 / 2 + 1 / 3 + 1 / 4) / 4
    assert Given().score(constant, constant) == pytest.approx(chance)


def test_score_counts_both_directions_and_groups():
    # Row 1 of X is nearest to y 0, and y 1 as near to X 0 as to X 1.
    X = np.array([[1.0, 0], [1, 0], [0, 1]])
    y = np.array([[1.0, 0], [0, 1], [0, 1]])
    x_to_y = np.mean([1, (1 / 2 + 1 / 3) / 2, (1 + 1 / 2) / 2])
    y_to_x = np.mean([(1 + 1 / 2) / 2, (1 / 2 + 1 / 3) / 2, 1])
    assert Given().score(X, y) == pytest.approx((x_to_y + y_to_x) / 2)
    grouped = Given().score(X, y, groups=["a", "a", "b"])
    # Both X of group a find y 0 first; X 2 ties with y 1; y 1 finds X 2 before a.
    x_to_y = np.mean([1, 1, (1 + 1 / 2) / 2])
    y_to_x = np.mean([1, 1 / 2, 1])
    assert grouped == pytest.approx((x_to_y + y_to_x) / 2)


@pytest.mark.parametrize("size", [2, 4])
def test_groups_of_another_length_are_refused(size):
    X = np.eye(3)
    calls = (
        Given().fit,
        Given().score,
        lambda X, y, groups: make_retrieval_scorer("mrr")(Given(), X, y, groups=groups),
        lambda X, y, groups: make_retrieval_scorer("map")(Given(), X, y, labels=groups),
    )
    for call in calls:
        with pytest.raises(ValueError, match=f"has {size} entries and X has 3 rows"):
            call(X, X, groups=np.arange(size))


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
def test_a_missing_group_is_an_error_that_names_its_row(missing):
    groups = pd.Series(["a", "b", missing], dtype=object)
    for call in (Given().fit, Given().score):
        with pytest.raises(ValueError, match="1 missing values, the first in row 2"):
            call(np.eye(3), np.eye(3), groups=groups)


def test_clone_shares_word_vectors_and_copies_the_rest():
    vectors = {"red": np.ones(8), "blue": np.zeros(8)}
    transformer = FunctionTransformer()
    ranker = small_ranker(word_vectors=vectors, y_transformer=transformer)
    for cloned in (
        clone(ranker),
        clone(make_pipeline(StandardScaler(), ranker))[-1],
        clone(GridSearchCV(ranker, {})).estimator,
    ):
        assert cloned.word_vectors is vectors
        assert cloned.y_transformer is not transformer
        assert type(cloned.y_transformer) is FunctionTransformer
    assert ranker.word_vectors is vectors


def test_clone_shares_vectors_that_cannot_be_copied():
    class Huge(dict):
        def __deepcopy__(self, memo):
            raise MemoryError

    vectors = Huge(red=np.ones(8))
    ranker = small_ranker(word_vectors=vectors).fit(X, CAPTIONS)
    search = GridSearchCV(ranker, {"lr": [1e-3, 2e-3]}, cv=2).fit(X, CAPTIONS)
    assert search.best_estimator_.word_vectors is vectors
    assert not hasattr(clone(ranker), "net_")


# ------------------------------------------------------------- the job in section 1


SNIPPETS = {
    "as it stands": (X, CAPTIONS, None),
    "n_jobs=2": (X, CAPTIONS, 2),
    "DataFrame and Series": (
        pd.DataFrame(X, index=range(100, 148)).add_prefix("f"),
        pd.Series(CAPTIONS, index=range(47, -1, -1)),
        None,
    ),
    "several captions, n_jobs=2": (X, SEVERAL, 2),
}


@pytest.mark.parametrize(
    "image_features, captions, n_jobs", SNIPPETS.values(), ids=SNIPPETS
)
def test_grid_search_of_a_pipeline(image_features, captions, n_jobs):
    pipe = make_pipeline(StandardScaler(), CaptionRanker())
    search = GridSearchCV(
        pipe,
        {"captionranker__n_components": [128, 256]},
        scoring=make_retrieval_scorer("recall@10"),
        cv=3,
        n_jobs=n_jobs,
    )
    search.fit(image_features, captions)

    assert search.best_score_ > 0.9  # chance is 10 of 16
    width = search.best_params_["captionranker__n_components"]
    for embedded in (search.transform(image_features), embed_y(search, captions)):
        assert embedded.shape == (len(X), width)
    scorer = make_retrieval_scorer("recall@10")
    assert scorer(search, image_features, captions) == search.score(
        image_features, captions
    )


@pytest.mark.parametrize("captions", [CAPTIONS, SEVERAL], ids=["one", "several"])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_cross_validate_with_several_metrics(captions, n_jobs):
    metrics = ["recall@1", "recall@5", "mrr", "neg_median_rank"]
    pipe = make_pipeline(StandardScaler(), small_ranker(max_epochs=20, lr=0.01))
    result = cross_validate(
        pipe,
        pd.DataFrame(X).add_prefix("f"),
        captions,
        scoring=make_retrieval_scorer(metrics),
        cv=3,
        n_jobs=n_jobs,
        return_estimator=True,
        error_score="raise",
    )
    assert {f"test_{metric}" for metric in metrics} < set(result)
    assert (result["test_recall@1"] <= result["test_mrr"]).all()
    assert (result["test_recall@1"] <= result["test_recall@5"]).all()
    assert (result["test_neg_median_rank"] <= -1).all()
    for estimator in result["estimator"]:
        np.testing.assert_allclose(
            np.linalg.norm(embed_y(estimator, captions), axis=1), 1, rtol=1e-5
        )


def test_pipeline_scores_with_metadata_routing():
    groups = np.arange(len(X)) // 2
    ranker = small_ranker()
    with config_context(enable_metadata_routing=True):
        ranker.set_fit_request(groups=True).set_score_request(groups=True)
        pipe = make_pipeline(StandardScaler(), ranker).fit(X, CAPTIONS, groups=groups)
        scaled = pipe[0].transform(X)
        for given in ({}, {"groups": groups}):
            assert pipe.score(X, CAPTIONS, **given) == ranker.score(
                scaled, CAPTIONS, **given
            )
        search = GridSearchCV(pipe, {}, cv=GroupKFold(2), error_score="raise")
        search.fit(X, CAPTIONS, groups=groups)
    assert 0 < search.best_score_ < 1


# ---------------------------------------------------------------------- rows and items

# numpy drops zeros at the end of a str.
TEXT = st.text(st.characters(exclude_characters="\0"), max_size=8)
ROWS_OF_TEXT = st.lists(st.lists(TEXT, min_size=1, max_size=4), min_size=1, max_size=8)
SMALL = st.integers(-8, 8).map(float)
quick = settings(max_examples=50)


def regroup(items, rows):
    return [
        [item for item, owner in zip(items, rows, strict=True) if owner == row]
        for row in range(rows[-1] + 1)
    ]


@quick
@given(ROWS_OF_TEXT)
def test_texts_go_apart_and_together(y):
    items, rows = flatten_items(y)
    assert regroup(items, rows) == y
    assert (np.diff(rows) >= 0).all()


@quick
@given(ROWS_OF_TEXT, st.sampled_from([tuple, np.array, list]))
def test_container_of_a_row_makes_no_difference(y, container):
    expected, expected_rows = flatten_items(y)
    items, rows = flatten_items([container(row) for row in y])
    assert items == expected
    np.testing.assert_array_equal(rows, expected_rows)


@quick
@given(st.lists(TEXT, min_size=1, max_size=8))
def test_one_text_equals_a_list_of_one(y):
    flat, rows = flatten_items(y)
    nested, nested_rows = flatten_items([[text] for text in y])
    assert flat == nested == y
    np.testing.assert_array_equal(rows, nested_rows)
    np.testing.assert_array_equal(rows, np.arange(len(y)))


@quick
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=8),
    st.integers(1, 5),
    st.sampled_from(["float32", "float64", "int64"]),
)
def test_bags_go_apart_and_together(sizes, width, dtype):
    n_items = sum(sizes)
    values = np.arange(n_items * width, dtype=dtype).reshape(n_items, width)
    bags = np.split(values, np.cumsum(sizes)[:-1])
    items, rows = flatten_items(bags)
    np.testing.assert_array_equal(items, values)
    assert items.dtype == dtype
    np.testing.assert_array_equal(np.bincount(rows), sizes)


@quick
@given(arrays(np.float64, (3, 2, 4), elements=SMALL))
def test_cube_equals_a_list_of_its_slices(cube):
    for one, other in zip(flatten_items(cube), flatten_items(list(cube)), strict=True):
        np.testing.assert_array_equal(one, other)


@quick
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=8),
    st.sampled_from([sparse.csr_array, sparse.csr_matrix, sparse.csc_array,
                     sparse.coo_array, sparse.coo_matrix]),
    st.booleans(),
)  # fmt: skip
def test_sparse_bags_go_apart_as_dense_ones_do(sizes, convert, mixed):
    values = np.arange(sum(sizes) * 3).reshape(-1, 3) % 4 * 1.0
    bags = np.split(values, np.cumsum(sizes)[:-1])
    as_given = [bag if mixed and i % 2 else convert(bag) for i, bag in enumerate(bags)]
    items, rows = flatten_items(as_given)
    assert sparse.issparse(items)
    np.testing.assert_array_equal(items.toarray(), values)
    np.testing.assert_array_equal(rows, flatten_items(bags)[1])


def test_a_sparse_view_is_its_items():
    y = sparse.csr_array(np.eye(3))
    items, rows = flatten_items(y)
    assert items is y
    np.testing.assert_array_equal(rows, [0, 1, 2])


# ... and back

SIZES = st.lists(st.integers(0, 4), min_size=1, max_size=8)


@quick
@given(ROWS_OF_TEXT)
def test_texts_that_went_apart_come_together(y):
    assert unflatten_items(*flatten_items(y)) == y


@quick
@given(
    SIZES,
    st.integers(1, 4),
    st.sampled_from([np.asarray, np.asfortranarray, pd.DataFrame, sparse.csr_array,
                     sparse.csr_matrix]),
    st.sampled_from([np.int64, np.int32, np.uint8, list]),
)  # fmt: skip
def test_items_come_together_into_rows_that_may_be_empty(sizes, width, convert, kind):
    values = np.arange(sum(sizes) * width, dtype=float).reshape(-1, width)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    rows = rows.tolist() if kind is list else rows.astype(kind)
    bags = unflatten_items(convert(values), rows, n_rows=len(sizes))
    assert [bag.shape for bag in bags] == [(size, width) for size in sizes]
    for bag, expected in zip(
        bags, np.split(values, np.cumsum(sizes)[:-1]), strict=True
    ):
        assert type(bag) is type(convert(values))
        dense = bag.toarray() if sparse.issparse(bag) else bag
        np.testing.assert_array_equal(dense, expected)


@quick
@given(SIZES)
def test_rows_are_counted_up_to_the_last_that_has_an_item(sizes):
    items = [f"item {i}" for i in range(sum(sizes))]
    rows = np.repeat(np.arange(len(sizes)), sizes)
    bags = unflatten_items(items, rows)
    last = max((row for row, size in enumerate(sizes) if size), default=-1)
    assert [len(bag) for bag in bags] == sizes[: last + 1]
    assert [item for bag in bags for item in bag] == items


@pytest.mark.parametrize("rows", [[], np.array([]), np.array([], dtype=int), ()])
def test_no_items_are_rows_without_any(rows):
    assert unflatten_items([], rows) == []
    assert unflatten_items([], rows, n_rows=0) == []
    assert unflatten_items([], rows, n_rows=3) == [[], [], []]
    bags = unflatten_items(np.empty((0, 2)), rows, n_rows=2)
    assert [bag.shape for bag in bags] == [(0, 2), (0, 2)]


@pytest.mark.parametrize(
    "rows, n_rows, message",
    [
        ([0, 1], None, r"rows has shape \(2,\).*each of 3 items"),
        ([0, 1, 2, 3], None, r"rows has shape \(4,\).*each of 3 items"),
        ([[0], [1], [2]], None, r"rows has shape \(3, 1\)"),
        (0, None, r"rows has shape \(\)"),
        ([0.0, 1.0, 2.0], None, "dtype float64.*one integer"),
        (["0", "1", "2"], None, "one integer"),
        ([True, True, True], None, "dtype bool"),
        ([0, 2, 1], None, "non-decreasing"),
        ([1, 1, 0], None, "non-decreasing"),
        (np.array([1, 1, 0], dtype=np.uint8), None, "non-decreasing"),
        (np.array([0, 2, 1], dtype=np.uint64), 3, "non-decreasing"),
        ([-1, 0, 1], None, "non-decreasing, from 0"),
        ([-2, -1, -1], None, "non-decreasing, from 0"),
        ([0, 1, 2], 2, "from 0 to n_rows - 1 = 1"),
        ([0, 1, 2], 0, "n_rows"),
    ],
)
def test_rows_that_do_not_fit_are_refused(rows, n_rows, message):
    with pytest.raises(ValueError, match=message):
        unflatten_items(["a", "b", "c"], rows, n_rows=n_rows)


def test_numbers_become_columns_or_stay_rows():
    items, rows = flatten_items([3, 1, 2])
    np.testing.assert_array_equal(items, [[3], [1], [2]])
    np.testing.assert_array_equal(rows, [0, 1, 2])
    table = np.arange(6).reshape(3, 2)
    assert flatten_items(table)[0] is table


def test_columns_of_captions_are_items():
    frame = pd.DataFrame({"first": ["a", "b"], "second": ["c", "d"]}, index=[1, 0])
    items, rows = flatten_items(frame)
    assert items == ["a", "c", "b", "d"]
    np.testing.assert_array_equal(rows, [0, 0, 1, 1])


@quick
@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=6),
    st.booleans(),
    st.integers(0, 1000),
)
def test_pooled_rows_are_means(sizes, normalize, seed):
    rng = np.random.default_rng(seed)
    embeddings = rng.integers(-8, 9, size=(sum(sizes), 3)).astype(np.float32)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    before = embeddings.copy()
    pooled = pool_rows(embeddings, rows, normalize=normalize)
    assert pooled.dtype == np.float32
    for row, size in enumerate(sizes):
        mean = before[rows == row].astype(float).mean(axis=0)
        if size > 1 and normalize and mean.any():
            mean /= np.linalg.norm(mean)
        np.testing.assert_allclose(pooled[row], mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(embeddings, before)


def test_row_of_one_item_is_that_item_to_the_bit():
    embeddings = np.array([[0.3, 0.4], [3, 4], [1, 1]], dtype=np.float32)
    pooled = pool_rows(embeddings, np.array([0, 1, 1]), normalize=True)
    np.testing.assert_array_equal(pooled[0], embeddings[0])


def test_items_that_cancel_stay_zero():
    embeddings = np.array([[1, 2], [-1, -2]], dtype=np.float32)
    pooled = pool_rows(embeddings, np.array([0, 0]), normalize=True)
    np.testing.assert_array_equal(pooled, [[0, 0]])


HOSTILE = {
    "None": (None, TypeError, "NoneType"),
    "one str": ("a dog", TypeError, "got str"),
    "bytes": (b"a dog", TypeError, "got bytes"),
    "generator": ((text for text in "ab"), TypeError, r"list\(\.\.\.\)"),
    "dict": ({"image": ["a dog"]}, TypeError, "got dict"),
    "set": ({"a dog", "a cat"}, TypeError, "got set"),
    "row of None": (["a", None], TypeError, "Row 1 .*NoneType"),
    "rows of bytes": ([b"a", b"b"], TypeError, "Row 0 .*Decode"),
    "array of bytes": (np.array([b"a"]), TypeError, "Row 0 .*Decode"),
    "text and number": (["a", "b", 3], TypeError, "Row 2 .*3"),
    "number and text": ([3, "a"], TypeError, "Row 0 .*3"),
    "missing in a Series": (pd.Series(["a", None]), TypeError, "Row 1"),
    "number in a row": ([["a"], ["b", 1.5]], TypeError, "Row 1 .*1.5"),
    "tokenised rows": ([[["a", "dog"]], [["cat"]]], TypeError, "Row 0 .*list"),
    "empty row": ([["a"], []], ValueError, "Row 1 .*empty"),
    "empty first row": ([[], ["a"]], ValueError, "Row 0 .*empty"),
    "empty rows only": ([[], []], ValueError, "Rows 0 and 1 .*empty"),
    "empty array row": ([np.array(["a"]), np.array([])], ValueError, "Row 1"),
    "ragged numbers": ([[1, 2], [3]], ValueError, "list of 2-D arrays"),
    "complex": (np.ones((2, 2), dtype=complex), ValueError, "[Cc]omplex"),
    "four dimensions": (np.ones((1, 1, 1, 1)), ValueError, r"\(1, 1, 1, 1\)"),
    "scalar": (np.array(1.0), ValueError, r"shape \(\)"),
    "dates": (np.array(["2020-01-01"], dtype="datetime64[D]"), TypeError, "Row 0"),
    "bags of two widths": ([np.ones((1, 2)), np.ones((1, 3))], ValueError, "row 1"),
    "bag and vector": ([np.ones((1, 2)), np.ones(2)], ValueError, "row 1"),
    "empty bag and vector": ([np.ones((0, 2)), np.ones(2)], ValueError, "row 1"),
    "bag and None": ([np.ones((1, 2)), None], ValueError, "row 1"),
    "empty bag": ([np.ones((1, 2)), np.ones((0, 2))], ValueError, "Row 1 .*empty"),
    "empty list for a bag": ([np.ones((1, 2)), []], ValueError, "Row 1 .* no item"),
    "empty first bag": ([[], np.ones((1, 2))], ValueError, "Row 0 of y has no item"),
    "empty bags": (
        [np.ones((0, 2)), np.ones((1, 2)), np.empty(0)],
        ValueError,
        "Rows 0 and 2 of y have no item",
    ),
    "empty bags only": ([np.ones((0, 2))] * 12, ValueError, "Rows 0, 1.* 2 more of y"),
    "empty sparse bag": (
        [sparse.csr_array((1, 2)), sparse.csr_array((0, 2))],
        ValueError,
        "Row 1 of y has no item",
    ),
    "sparse bags of two widths": (
        [sparse.csr_array((1, 2)), sparse.csr_array((1, 3))],
        ValueError,
        "row 1",
    ),
    "None and bag": ([None, np.ones((1, 2))], ValueError, "row 0"),
    "number and bag": ([1.5, np.ones((1, 2))], ValueError, "row 0"),
    "vector and bag": ([np.ones(2), np.ones((1, 2))], ValueError, "row 0"),
    "cube of empty bags": (np.ones((2, 0, 3)), ValueError, "Rows 0 and 1 .*empty"),
}


@pytest.mark.parametrize("y, error, message", HOSTILE.values(), ids=HOSTILE)
def test_hostile_input_is_named(y, error, message):
    with pytest.raises(error, match=message):
        flatten_items(y)


@pytest.mark.parametrize(
    "y",
    [None, {"image": ["a dog"]}, [[]] * len(X), [b"a dog"] * len(X), "a dog"],
    ids=["None", "dict", "empty rows", "bytes", "one str"],
)
def test_hostile_input_leaves_nothing_fitted(y):
    ranker = small_ranker()
    with pytest.raises((TypeError, ValueError), match=r"\by\b"):
        ranker.fit(X, y)
    assert not [name for name in vars(ranker) if name.endswith("_")]
