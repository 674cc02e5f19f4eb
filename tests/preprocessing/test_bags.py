"""BagTransformer: items of all bags as one table, and bags again."""

import pickle

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_crossmodal.base import TwoViewEmbedder, flatten_items
from sklearn_crossmodal.preprocessing import BagTransformer

RNG = np.random.default_rng(0)
BAGS = [RNG.normal(3, 2, (n, 4)) for n in (3, 1, 5, 2)]
STACK = np.concatenate(BAGS)


def assert_same_bags(found, expected):
    assert isinstance(found, list) and len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other)


def test_fitted_on_the_items_of_all_bags():
    scaler = BagTransformer(StandardScaler()).fit(BAGS)
    np.testing.assert_allclose(scaler.transformer_.mean_, STACK.mean(axis=0))
    expected = [(bag - STACK.mean(axis=0)) / STACK.std(axis=0) for bag in BAGS]
    assert_same_bags(scaler.transform(BAGS), expected)
    assert_same_bags(scaler.fit_transform(BAGS), expected)


@given(counts=st.lists(st.integers(0, 4), min_size=1, max_size=6), data=st.data())
def test_bags_are_what_their_items_are(counts, data):
    bags = [RNG.normal(size=(n, 4)) for n in counts]
    scaler = BagTransformer(PCA(2)).fit(BAGS)
    found = scaler.transform(bags)
    assert [bag.shape for bag in found] == [(n, 2) for n in counts]
    for bag, transformed in zip(bags, found, strict=True):
        for item, row in zip(bag, transformed, strict=True):
            np.testing.assert_allclose(
                scaler.transformer_.transform([item])[0], row, atol=1e-12
            )


def test_three_dimensions_and_two():
    X = RNG.normal(size=(6, 3, 4))
    reducer = BagTransformer(PCA(2)).fit(X)
    found = reducer.transform(X)
    assert found.shape == (6, 3, 2)
    assert_same_bags(reducer.transform(list(X)), list(found))
    np.testing.assert_allclose(
        reducer.transform(X.reshape(18, 4)), found.reshape(18, 2)
    )
    assert_same_bags(BagTransformer(PCA(2)).fit_transform(list(X)), list(found))
    flat = BagTransformer(PCA(2)).fit(X.reshape(18, 4))
    np.testing.assert_allclose(flat.transform(X), found)


def test_no_bags_and_bags_without_items():
    reducer = BagTransformer(PCA(2)).fit(BAGS)
    empty = np.empty((0, 4))
    found = reducer.transform([empty, BAGS[0], empty])
    assert [bag.shape for bag in found] == [(0, 2), (3, 2), (0, 2)]
    found = reducer.transform([empty, np.empty((0, 0))])
    assert [bag.shape for bag in found] == [(0, 2), (0, 2)]
    assert reducer.transform(np.empty((5, 0, 4))).shape == (5, 0, 2)
    assert reducer.transform(np.empty((0, 3, 4))).shape == (0, 3, 2)
    with_empty = BagTransformer(PCA(2)).fit([empty, *BAGS])
    assert_same_bags(with_empty.transform(BAGS), reducer.transform(BAGS))


def test_categories():
    bags = [np.array([["a"], ["b"]]), np.array([["b"]])]
    found = BagTransformer(OneHotEncoder(sparse_output=False)).fit(bags)
    assert_same_bags(found.transform(bags), [[[1, 0], [0, 1]], [[0, 1]]])
    assert found.transform([np.empty((0, 1))])[0].shape == (0, 2)


@pytest.mark.parametrize(
    "form", [sparse.csr_array, sparse.coo_array, sparse.csr_matrix]
)
def test_sparse_bags(form):
    bags = [form(np.maximum(bag - 3, 0)) for bag in BAGS]
    dense = [bag.toarray() for bag in bags]
    found = BagTransformer(MaxAbsScaler()).fit_transform(bags)
    assert all(sparse.issparse(bag) for bag in found)
    expected = BagTransformer(MaxAbsScaler()).fit_transform(dense)
    assert_same_bags([bag.toarray() for bag in found], expected)
    reduced = BagTransformer(TruncatedSVD(2, random_state=0)).fit_transform(bags)
    assert [bag.shape for bag in reduced] == [(3, 2), (1, 2), (5, 2), (2, 2)]
    table = BagTransformer(MaxAbsScaler()).fit(sparse.vstack(bags).tocoo())
    assert table.transform([form((0, 4))])[0].shape == (0, 4)


def test_sparse_output_of_three_dimensions_is_a_list():
    X = np.abs(RNG.normal(size=(2, 3, 4)))
    found = BagTransformer(TfidfTransformer()).fit_transform(X)
    assert [bag.shape for bag in found] == [(3, 4), (3, 4)]
    assert all(sparse.issparse(bag) for bag in found)


def test_a_series_of_bags_and_bags_that_are_tables():
    expected = BagTransformer(StandardScaler()).fit_transform(BAGS)
    for bags in (pd.Series(BAGS), tuple(BAGS), [pd.DataFrame(bag) for bag in BAGS]):
        found = BagTransformer(StandardScaler()).fit_transform(bags)
        assert_same_bags(found, expected)


def test_the_parameter_is_left_alone_and_searchable():
    reducer = BagTransformer(PCA(2))
    reducer.fit(BAGS)
    assert not hasattr(reducer.transformer, "components_")
    assert reducer.get_params()["transformer__n_components"] == 2
    reducer.set_params(transformer__n_components=3).fit(BAGS)
    assert reducer.transform(BAGS)[0].shape == (3, 3)
    with pytest.raises(NotFittedError):
        clone(reducer).transform(BAGS)
    assert_same_bags(
        pickle.loads(pickle.dumps(reducer)).transform(BAGS), reducer.transform(BAGS)
    )


def test_names_of_features():
    table = pd.DataFrame(STACK, columns=list("abcd"))
    scaler = BagTransformer(StandardScaler()).fit(table)
    assert scaler.get_feature_names_out().tolist() == list("abcd")
    assert scaler.feature_names_in_.tolist() == list("abcd")
    assert scaler.n_features_in_ == 4
    reducer = BagTransformer(PCA(2)).fit(BAGS)
    assert reducer.get_feature_names_out().tolist() == ["pca0", "pca1"]
    assert not hasattr(reducer, "feature_names_in_")
    with pytest.raises(NotFittedError):
        BagTransformer(PCA()).get_feature_names_out()


def test_set_output_is_for_tables():
    scaler = BagTransformer(StandardScaler()).fit(BAGS).set_output(transform="pandas")
    assert isinstance(scaler.transform(STACK), pd.DataFrame)
    assert isinstance(scaler.transform(BAGS)[0], np.ndarray)
    assert isinstance(clone(scaler).fit_transform(STACK), pd.DataFrame)
    with sklearn.config_context(transform_output="pandas"):
        other = BagTransformer(StandardScaler()).fit(BAGS)
        assert_same_bags(other.transform(BAGS), scaler.transform(BAGS))
        assert isinstance(other.transform(STACK), pd.DataFrame)
    pipe = make_pipeline(BagTransformer(StandardScaler()), BagTransformer(PCA(2)))
    pipe.set_output(transform="pandas").fit(BAGS)
    assert isinstance(pipe.transform(BAGS)[0], np.ndarray)


class MeanOfItems(TwoViewEmbedder):
    """The mean item of a bag, in either view."""

    def fit(self, X, y, groups=None):
        self._n_features_out = X[0].shape[1]
        self.fitted_ = True
        return self

    def transform(self, X):
        return np.array([bag.mean(axis=0) for bag in X], dtype=np.float32)

    def transform_y(self, y):
        return self.transform([bag[:, : self._n_features_out] for bag in y])


def test_in_front_of_a_two_view_estimator():
    bags = [RNG.normal(size=(n, 3)) + 5 * np.eye(3)[n % 3] for n in range(1, 13)]
    pipe = make_pipeline(BagTransformer(StandardScaler()), MeanOfItems())
    assert pipe.fit(bags, bags).transform(bags).shape == (12, 3)
    assert pipe.score(bags, bags) > 0.5
    params = {"bagtransformer__transformer__with_std": [True, False]}
    search = GridSearchCV(pipe, params, cv=3).fit(bags, bags)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


# --- Bad input ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad, match",
    [
        ([BAGS[0], np.ones((2, 3))], r"X must be .* 4 columns.*row 1 has shape \(2, 3"),
        ([BAGS[0], np.ones(4)], r"row 1 has shape \(4,\)"),
        ([BAGS[0], np.ones((2, 2, 4))], r"row 1 has shape \(2, 2, 4\)"),
        ([BAGS[0], None], "row 1 has shape"),
        ([np.full((2, 4), np.nan)], "NaN"),
        (np.ones(4), "Expected 2D array"),
        (np.empty((0, 4)), "0 sample"),
    ],
)
def test_bad_bags(bad, match):
    reducer = BagTransformer(PCA(1))
    with pytest.raises(ValueError, match=match):
        reducer.fit(bad)
    assert not hasattr(reducer, "transformer_")
    reducer.fit(BAGS)
    with pytest.raises(ValueError, match=match):
        reducer.transform(bad)


@pytest.mark.parametrize(
    "bad", [[np.empty((0, 4)), np.empty((0, 4))], np.empty((3, 0, 4))]
)
def test_fit_needs_an_item(bad):
    with pytest.raises(ValueError, match=r"none of the \d bags of X has any"):
        BagTransformer(PCA(1)).fit(bad)


def test_other_width_than_in_fit():
    reducer = BagTransformer(PCA(1)).fit(BAGS)
    with pytest.raises(ValueError, match="3 features"):
        reducer.transform([bag[:, :3] for bag in BAGS])


@pytest.mark.parametrize("transformer", [None, "pca", 3, object()])
def test_what_is_no_transformer(transformer):
    with pytest.raises(InvalidParameterError, match="'transformer' parameter"):
        BagTransformer(transformer).fit(BAGS)


def test_round_trip_with_flatten_items():
    items, rows = flatten_items(BAGS)
    found = BagTransformer(StandardScaler()).fit(items).transform(BAGS)
    assert [len(bag) for bag in found] == np.bincount(rows).tolist()
