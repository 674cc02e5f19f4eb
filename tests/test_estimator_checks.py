"""The suite accepts an estimator that keeps the contract and catches those that do not.

The reference has nothing of CaptionRanker's engine: power iteration on the covariance
of the two views, in numpy. Each broken estimator is the reference with one rule broken.
"""

import copy
import random
from functools import partial
from string import ascii_lowercase

import joblib
import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import assert_all_finite, check_is_fitted

from sklearn_crossmodal.base import TwoViewEmbedder, flatten_items
from sklearn_crossmodal.utils._bags import pool_rows
from sklearn_crossmodal.utils._checks_data import draw_word, make_two_views
from sklearn_crossmodal.utils._containers import as_rows, holds_bags
from sklearn_crossmodal.utils.estimator_checks import (
    check_two_view_estimator,
    parametrize_with_two_view_checks,
    two_view_checks_generator,
)


class PowerIteration(TwoViewEmbedder):
    """Keep the leading directions of the covariance between the two views."""

    def __init__(
        self,
        n_components=6,
        *,
        similarity="cosine",
        y_transformer=None,
        max_epochs=5,
        warm_start=False,
        random_state=None,
    ):
        self.n_components = n_components
        self.similarity = similarity
        self.y_transformer = y_transformer
        self.max_epochs = max_epochs
        self.warm_start = warm_start
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X, y, groups=None):
        resume = self.warm_start and hasattr(self, "n_iter_")
        return self._train(X, y, groups, self.max_epochs, resume)

    def partial_fit(self, X, y, groups=None):
        return self._train(X, y, groups, 1, hasattr(self, "n_iter_"))

    def _train(self, X, y, groups, epochs, resume):
        before = dict(vars(self))
        try:
            self._iterate(X, y, groups, epochs, resume)
        except Exception:
            vars(self).clear()
            vars(self).update(before)
            raise
        return self

    def _iterate(self, X, y, groups, epochs, resume):
        X = _dense(self._check_X(X, reset=not resume))
        y, _ = self._check_rows(X, y, groups)
        items, rows = flatten_items(y)
        if not resume:
            self._start(X, items)
        covariance = (X[rows] - self.x_mean_).T @ self._centred_items(items) / len(rows)
        for _ in range(epochs):
            step = covariance @ (covariance.T @ self.x_directions_)
            self.x_directions_ = np.linalg.qr(step)[0]
        self.y_directions_ = covariance.T @ self.x_directions_
        self.n_iter_ += epochs

    def _start(self, X, items):
        rng = check_random_state(self.random_state)
        transformer = StandardScaler() if self.y_transformer is None else None
        self.y_transformer_ = clone(transformer or self.y_transformer).fit(items)
        self.x_mean_, self.y_mean_ = X.mean(axis=0), 0
        self.y_mean_ = self._centred_items(items).mean(axis=0)
        self.x_directions_ = rng.standard_normal((X.shape[1], self.n_components))
        self.n_iter_ = 0

    def _centred_items(self, items):
        if isinstance(items, np.ndarray):
            assert_all_finite(items, input_name="y")
        return _dense(self.y_transformer_.transform(items)) - self.y_mean_

    def _finish(self, embedded):
        if self.similarity == "cosine":
            norms = np.linalg.norm(embedded, axis=1, keepdims=True)
            embedded = embedded / np.maximum(norms, 1e-12)
        return embedded.astype(np.float32)

    def transform(self, X):
        check_is_fitted(self)
        X = _dense(self._check_X(X, reset=False))
        return self._finish((X - self.x_mean_) @ self.x_directions_)

    def transform_y(self, y):
        check_is_fitted(self)
        if y is None or len(y) == 0:
            raise ValueError("y must have at least 1 row.")
        items, rows = flatten_items(y)
        embedded = self._finish(self._centred_items(items) @ self.y_directions_)
        return self._wrap_like(y, self._pool(embedded, rows))

    def _pool(self, embedded, rows):
        return pool_rows(embedded, rows, normalize=self.similarity == "cosine")

    @property
    def _n_features_out(self):
        return self.x_directions_.shape[1]


class BagIteration(PowerIteration):
    """The reference for bags in X too: it learns from the mean of each."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def _x_items(self, X, *, reset):
        X = as_rows(X) if getattr(X, "ndim", 0) == 1 else X
        if not holds_bags(X):
            items = super()._check_X(X, reset=reset)
            return items, np.arange(items.shape[0])
        if reset and len(X) < 2:
            raise ValueError("X must have at least 2 rows.")
        items, rows = flatten_items(X)
        return super()._check_X(items, reset=reset), rows

    def _check_X(self, X, *, reset):
        items, rows = self._x_items(X, reset=reset)
        return pool_rows(items, rows, normalize=False)

    def transform(self, X):
        check_is_fitted(self)
        items, rows = self._x_items(X, reset=False)
        embedded = (_dense(items) - self.x_mean_) @ self.x_directions_
        return self._pool_x(self._finish(embedded), rows)

    def _pool_x(self, embedded, rows):
        return self._pool(embedded, rows)


class ImageIteration(PowerIteration):
    """The reference for images in X: it learns from 8 by 24 of their pixels."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags

    def _check_X(self, X, *, reset):
        X = self._read(as_rows(X))
        if len(X) < (2 if reset else 1):
            raise ValueError(f"Too few images: {len(X)}.")
        pixels = np.array([self._sample(image, i) for i, image in enumerate(X)])
        return super()._check_X(pixels, reset=reset)

    def _read(self, X):
        return X

    def _sample(self, image, index):
        image = np.asarray(image)
        if image.dtype.kind not in "uif":
            raise TypeError(f"Image {index} has pixels of dtype {image.dtype}.")
        image = self._grey(image)
        if image.ndim != 2 or not image.size or not np.isfinite(image).all():
            raise ValueError(f"Image {index} is none: shape {image.shape}, or NaN.")
        rows, columns = (
            np.linspace(0, n - 1, size).astype(int)
            for n, size in zip(image.shape, (8, 24), strict=True)
        )
        return image[rows][:, columns].ravel().astype(np.float64)

    def _grey(self, image):
        if image.ndim == 3 and image.shape[2] in (3, 4):
            return image[:, :, :3].mean(axis=2)
        return image


class WordIteration(ImageIteration):
    """The reference where images of one word are right answers for each other."""

    def _groups_of(self, y):
        return flatten_items(y)[0]


def _dense(array):
    array = array.toarray() if sparse.issparse(array) else np.asarray(array)
    return array.astype(np.float64)


def count_words():
    return PowerIteration(y_transformer=CountVectorizer())


def count_characters():
    return WordIteration(y_transformer=CountVectorizer(analyzer="char"))


def encode_ids():
    return PowerIteration(y_transformer=OneHotEncoder(handle_unknown="ignore"))


def pairs_of_bags_and_numbers(n_samples, random_state):
    """Other people's data: bags of one or two vectors that are X plus noise."""
    rng = np.random.RandomState(random_state)
    X = rng.standard_normal((n_samples, 10))
    y = [x + 0.1 * rng.standard_normal((1 + i % 2, 10)) for i, x in enumerate(X)]
    return X, y


def bags_and_vectors(n_samples, random_state):
    """Bags in X only: two or three vectors that are y plus noise."""
    rng = np.random.RandomState(random_state)
    y = rng.standard_normal((n_samples, 10))
    return [v + 0.1 * rng.standard_normal((2 + i % 2, 10)) for i, v in enumerate(y)], y


def bags_and_texts(n_samples, random_state):
    """Bags in X, of one vector each for words that are told in y."""
    rng = np.random.RandomState(random_state)
    words = np.array([f"word{i}" for i in range(12)])
    chosen = [rng.choice(12, size=1 + i % 3, replace=False) for i in range(n_samples)]
    vectors = np.random.RandomState(0).standard_normal((12, 10))
    X = [vectors[row] + 0.1 * rng.standard_normal((len(row), 10)) for row in chosen]
    return X, [" ".join(words[row]) for row in chosen]


def pages(n_samples, random_state):
    """Other people's images, of floats: a bar for each letter that is told in y."""
    rng = np.random.RandomState(random_state)
    counts = 1 + rng.randint(8, size=(n_samples, 2))
    pages = [rng.random_sample((8, 24 + i % 5)) for i in range(n_samples)]
    for page, (a, b) in zip(pages, counts, strict=True):
        page[:4, : 3 * a] += 10
        page[4:, : 3 * b] += 10
    return pages, ["a" * a + "b" * b for a, b in counts]


@parametrize_with_two_view_checks(
    [
        PowerIteration(),
        BagIteration(),
        (BagIteration(), "bags"),
        (BagIteration(), "bag_pairs"),
        (BagIteration(similarity="dot"), "bag_pairs"),
        (BagIteration(), bags_and_vectors),
        (BagIteration(y_transformer=CountVectorizer()), bags_and_texts),
        (PowerIteration(similarity="dot"), "vectors"),
        (PowerIteration(), "bags"),
        (PowerIteration(), pairs_of_bags_and_numbers),
        (count_words(), "texts"),
        (count_words(), "several_texts", {"strong_params": {"max_epochs": 50}}),
        (encode_ids(), "tokens"),
        (count_characters(), "word_images"),
        (ImageIteration(y_transformer=CountVectorizer(analyzer="char")), pages),
    ]
)
def test_reference_keeps_the_contract(estimator, check):
    # Workers cannot import a test module, threads need not.
    with joblib.parallel_config(backend="threading"):
        check(estimator)


# ------------------------------------------------------- one broken rule in each


class DeniesArrays(PowerIteration):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags


class NeedsNoY(PowerIteration):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags


class ChangesParameter(PowerIteration):
    def fit(self, X, y, groups=None):
        super().fit(X, y, groups)
        self.max_epochs = self.n_iter_ + 1
        return self


class ClonesFitted(PowerIteration):
    def __sklearn_clone__(self):
        return copy.deepcopy(self)


class EmbedsUnfitted(PowerIteration):
    def transform(self, X):
        if not hasattr(self, "n_iter_"):
            return np.zeros((len(X), self.n_components), dtype=np.float32)
        return super().transform(X)


class ReturnsFloat64(PowerIteration):
    def transform_y(self, y):
        return super().transform_y(y).astype(np.float64)


class ReturnsTuple(PowerIteration):
    def transform(self, X):
        return super().transform(X), None


class TransformsDifferentlyInFit(PowerIteration):
    def fit_transform(self, X, y, groups=None):
        return -self.fit(X, y, groups).transform(X)


class RemembersX(PowerIteration):
    def transform(self, X):
        self.shift_ = np.float32(np.mean(X))
        return super().transform(X)

    def transform_y(self, y):
        return super().transform_y(y) + getattr(self, "shift_", np.float32(0))


class CentresBatch(PowerIteration):
    def transform(self, X):
        embedded = super().transform(X)
        return embedded - embedded.mean(axis=0)


class MixesPairs(PowerIteration):
    def _check_rows(self, X, y, groups):
        y, groups = super()._check_rows(X, y, groups)
        return y[::-1], groups


class LearnsNothing(PowerIteration):
    def _finish(self, embedded):
        return np.ones(embedded.shape, dtype=np.float32)


class IgnoresPairs(PowerIteration):
    """Scores well whatever it was trained with."""

    def score(self, X, y, groups=None):
        super().score(X, y, groups)
        return 0.9


class GoesByIndex(PowerIteration):
    def transform_y(self, y):
        return super().transform_y(y.sort_index() if hasattr(y, "sort_index") else y)


class RefusesOneDimension(PowerIteration):
    def fit(self, X, y, groups=None):
        if np.ndim(y) == 1:
            raise ValueError("Expected a column.")
        return super().fit(X, y, groups)


class SortsColumns(PowerIteration):
    def _check_X(self, X, *, reset):
        if hasattr(X, "iloc"):
            X = X[sorted(X.columns)]
        return super()._check_X(X, reset=reset)


class ReadsSparseData(PowerIteration):
    def _check_X(self, X, *, reset):
        X = super()._check_X(X, reset=reset)
        return abs(X) if sparse.issparse(X) else X


class ScoresPercent(PowerIteration):
    def score(self, X, y, groups=None):
        return 100 * super().score(X, y, groups)


class ScoresOneDirection(PowerIteration):
    def score(self, X, y, groups=None):
        from sklearn_crossmodal import make_retrieval_scorer

        scorer = make_retrieval_scorer("mrr", direction="x_to_y")
        return scorer(self, X, y, groups=groups)


class ScoresWithoutGroups(PowerIteration):
    def score(self, X, y, groups=None):
        return super().score(X, y)


class NeedsIntegerGroups(PowerIteration):
    def fit(self, X, y, groups=None):
        groups = None if groups is None else np.asarray(groups).astype(int)
        return super().fit(X, y, groups)


class ForgetsDataFrames(PowerIteration):
    def _wrap_like(self, y, embedded):
        return embedded


class CutsToShorter(PowerIteration):
    def fit(self, X, y, groups=None):
        n = len(X) if y is None else min(len(X), len(y))
        return super().fit(X[:n], y[:n], groups if groups is None else groups[:n])


class TakesXForY(PowerIteration):
    def fit(self, X, y=None, groups=None):
        return super().fit(X, X if y is None else y, groups)


class FillsNaN(PowerIteration):
    def _check_X(self, X, *, reset):
        if isinstance(X, np.ndarray):
            X = np.nan_to_num(X)
        return super()._check_X(X, reset=reset)


class FillsNaNInY(PowerIteration):
    def _centred_items(self, items):
        return super()._centred_items(np.nan_to_num(items))


class CallsStr(PowerIteration):
    def transform_y(self, y):
        return super().transform_y([str(row) for row in y])


class EmbedsNothing(PowerIteration):
    def transform_y(self, y):
        if len(y) == 0:
            return np.zeros((0, self.n_components), dtype=np.float32)
        return super().transform_y(y)


class FitsOneSample(PowerIteration):
    def fit(self, X, y, groups=None):
        if len(X) == 1:
            X, y = np.repeat(X, 2, axis=0), np.repeat(y, 2, axis=0)
        return super().fit(X, y, groups)


class CutsFeatures(PowerIteration):
    def transform(self, X):
        if isinstance(X, np.ndarray) and hasattr(self, "n_features_in_"):
            X = np.resize(X, (len(X), self.n_features_in_))
        return super().transform(X)


class LeavesHalfFitted(PowerIteration):
    def _train(self, X, y, groups, epochs, resume):
        self._iterate(X, y, groups, epochs, resume)
        return self


class LosesFitOnError(PowerIteration):
    def _train(self, X, y, groups, epochs, resume):
        try:
            return super()._train(X, y, groups, epochs, resume)
        except Exception:
            for name in [name for name in vars(self) if name.endswith("_")]:
                delattr(self, name)
            raise


class CentresInPlace(PowerIteration):
    def fit(self, X, y, groups=None):
        super().fit(X, y, groups)
        if isinstance(X, np.ndarray):
            X -= X.mean(axis=0)
        return self


class WritesToInput(PowerIteration):
    def transform(self, X):
        if isinstance(X, np.ndarray):
            X += 0
        return super().transform(X)


class PicklesRounded(PowerIteration):
    def __getstate__(self):
        state = dict(super().__getstate__())
        if "x_directions_" in state:
            state["x_directions_"] = state["x_directions_"].astype(np.float16)
        return state


class AlwaysResumes(PowerIteration):
    def _start(self, X, items):
        start = getattr(self, "x_directions_", None)
        super()._start(X, items)
        if start is not None:
            self.x_directions_[: len(start)] = start[: len(self.x_directions_)]


class KeepsFeatureNames(PowerIteration):
    def fit(self, X, y, groups=None):
        super().fit(X, y, groups)
        if hasattr(X, "columns"):
            self.columns_ = list(X.columns)
        return self


class NeedsGroupsToScore(PowerIteration):
    def score(self, X, y, groups):
        return super().score(X, y, groups)


class SwitchesToTuple(PowerIteration):
    def fit_transform(self, X, y, groups=None):
        self.fit(X, y, groups)
        return self.transform(X), self.transform_y(y)


class CannotBeStacked(PowerIteration):
    def fit(self, X, y, groups=None):
        if np.shape(X)[1] < 10:
            raise ValueError("Too few features.")
        return super().fit(X, y, groups)


class IgnoresGrid(PowerIteration):
    def set_params(self, **params):
        params.pop("n_components", None)
        return super().set_params(**params)


class LooksUpLabels(PowerIteration):
    def fit(self, X, y, groups=None):
        if hasattr(y, "iloc"):
            y.loc[range(len(y))]
        return super().fit(X, y, groups)


class RequestsNothing(PowerIteration):
    __metadata_request__fit = {"groups": UNUSED}


class LosesRequest(PowerIteration):
    def set_fit_request(self, **requests):
        return self


class InsistsOnGroups(PowerIteration):
    def fit(self, X, y, groups=None):
        if groups is None:
            raise ValueError("Give me groups.")
        return super().fit(X, y, groups)


class KeepsX(PowerIteration):
    def fit(self, X, y, groups=None):
        super().fit(X, y, groups)
        self.first_rows_ = X[:2]
        return self


class KeepsCopyInClosure(PowerIteration):
    def fit(self, X, y, groups=None):
        super().fit(X, y, groups)
        kept = np.array(X, dtype=np.float32)
        self.distance_ = lambda other: np.linalg.norm(kept - other)
        return self


class KeepsRowTensor(PowerIteration):
    def fit(self, X, y, groups=None):
        super().fit(X, y, groups)
        self.rows_ = {"weights": torch.ones(len(X))}
        return self


class GrowsWithRows(PowerIteration):
    def fit(self, X, y, groups=None):
        super().fit(X, y, groups)
        self.log_ = "row\n" * len(X)
        return self


class TakesFirstItem(PowerIteration):
    def _pool(self, embedded, rows):
        return embedded[np.flatnonzero(np.diff(rows, prepend=-1))]


class SumsItems(PowerIteration):
    def _pool(self, embedded, rows):
        return np.add.reduceat(embedded, np.flatnonzero(np.diff(rows, prepend=-1)))


class IgnoresSeed(PowerIteration):
    def _start(self, X, items):
        super()._start(X, items)
        self.x_directions_ += np.random.default_rng().normal(
            size=self.x_directions_.shape
        )


class HasOneSeed(PowerIteration):
    def _start(self, X, items):
        super()._start(X, items)
        rng = np.random.RandomState(0)
        self.x_directions_ = rng.standard_normal(self.x_directions_.shape)


class SeedsNumpy(PowerIteration):
    def _start(self, X, items):
        super()._start(X, items)
        np.random.seed(0)


class DrawsFromTorch(PowerIteration):
    def transform(self, X):
        torch.rand(1)
        return super().transform(X)


class DrawsFromPython(PowerIteration):
    def _start(self, X, items):
        super()._start(X, items)
        if self.random_state is None:
            random.random()


class CopiesRandomState(PowerIteration):
    def _start(self, X, items):
        given, self.random_state = self.random_state, copy.copy(self.random_state)
        if isinstance(given, np.random.RandomState):
            self.random_state = copy.deepcopy(given)
        super()._start(X, items)
        self.random_state = given


class FitsParameter(PowerIteration):
    def _start(self, X, items):
        super()._start(X, items)
        if self.y_transformer is not None:
            self.y_transformer_ = self.y_transformer.fit(items)


class StartsCold(PowerIteration):
    def fit(self, X, y, groups=None):
        return self._train(X, y, groups, self.max_epochs, False)


class RestartsAtPartialFit(PowerIteration):
    def partial_fit(self, X, y, groups=None):
        return self._train(X, y, groups, 1, False)


# ------------------------------------------- one broken rule about bags in X in each


class DeniesBags(BagIteration):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = False
        return tags


class TakesItemsForRows(BagIteration):
    def _check_X(self, X, *, reset):
        items, _ = self._x_items(X, reset=reset)
        return items[: len(X)]


class TakesFirstItemOfX(BagIteration):
    def _pool_x(self, embedded, rows):
        return embedded[np.flatnonzero(np.diff(rows, prepend=-1))]


class LeavesMeansShort(BagIteration):
    def _pool_x(self, embedded, rows):
        return pool_rows(embedded, rows, normalize=False)


class EmbedsMeans(BagIteration):
    """Mean first, embedding second."""

    transform = PowerIteration.transform


class ReadsMemoryOrder(BagIteration):
    def _x_items(self, X, *, reset):
        if isinstance(X, list):
            X = [np.asarray(row).ravel("K").reshape(np.shape(row)) for row in X]
        return super()._x_items(X, reset=reset)


class TakesFirstOfArray(BagIteration):
    def _x_items(self, X, *, reset):
        return super()._x_items(
            X[:, 0] if getattr(X, "ndim", 0) == 3 else X, reset=reset
        )


class NeedsSeveralItems(BagIteration):
    def _x_items(self, X, *, reset):
        items, rows = super()._x_items(X, reset=reset)
        if isinstance(X, list) and len(items) == len(X):
            raise ValueError("Bags of one vector are no bags.")
        return items, rows


class NeedsListOfBags(BagIteration):
    def _x_items(self, X, *, reset):
        if isinstance(X, tuple):
            raise ValueError("Expected a list.")
        return super()._x_items(X, reset=reset)


class GoesByIndexOfX(BagIteration):
    def _x_items(self, X, *, reset):
        X = X.sort_index() if hasattr(X, "sort_index") else X
        return super()._x_items(X, reset=reset)


class LooksUpBags(BagIteration):
    def fit(self, X, y, groups=None):
        if hasattr(X, "iloc"):
            X.loc[range(len(X))]
        return super().fit(X, y, groups)


class LosesIndexOfBags(BagIteration):
    def transform(self, X):
        return super().transform(list(X) if hasattr(X, "iloc") else X)


class CutsBagsToShorter(BagIteration):
    def fit(self, X, y, groups=None):
        n = len(X) if y is None else min(len(X), len(y))
        return super().fit(X[:n], y[:n], groups)


class FillsNaNInBags(BagIteration):
    def _x_items(self, X, *, reset):
        if isinstance(X, list):
            X = [np.nan_to_num(bag) for bag in X]
        return super()._x_items(X, reset=reset)


class FillsEmptyBags(BagIteration):
    def _x_items(self, X, *, reset):
        if isinstance(X, list):
            X = [bag if len(bag) else np.zeros((1, bag.shape[1])) for bag in X]
        return super()._x_items(X, reset=reset)


class PadsNarrowBags(BagIteration):
    def _x_items(self, X, *, reset):
        if isinstance(X, list) and len(X) > 3:
            width = X[0].shape[1]
            X = [np.pad(bag, ((0, 0), (0, width - bag.shape[1]))) for bag in X]
        return super()._x_items(X, reset=reset)


class HidesBadBag(BagIteration):
    def _x_items(self, X, *, reset):
        try:
            return super()._x_items(X, reset=reset)
        except ValueError as error:
            raise ValueError("Some bag of X is no good.") from error


class EmbedsNoBags(BagIteration):
    def transform(self, X):
        if len(X) == 0:
            return np.zeros((0, self.n_components), dtype=np.float32)
        return super().transform(X)


class CountsItems(BagIteration):
    def fit(self, X, y, groups=None):
        if len(X) == 1 and len(X[0]) > 1:
            X, y = [item[np.newaxis] for item in X[0]], list(y) * len(X[0])
        return super().fit(X, y, groups)


class CutsBags(BagIteration):
    def transform(self, X):
        if isinstance(X, list) and hasattr(self, "n_features_in_"):
            X = [np.resize(bag, (len(bag), self.n_features_in_)) for bag in X]
        return super().transform(X)


class MeasuresFirstBag(BagIteration):
    def fit(self, X, y, groups=None):
        if len(X):
            self.n_features_in_ = X[0].shape[1]
        return super().fit(X, y, groups)


class CentresBagsInPlace(BagIteration):
    def fit(self, X, y, groups=None):
        super().fit(X, y, groups)
        for bag in X:
            bag -= bag.mean(axis=0)
        return self


class WritesToBags(BagIteration):
    def transform(self, X):
        for bag in X:
            bag += 0
        return super().transform(X)


class KeepsNamesOfVectors(KeepsFeatureNames, BagIteration):
    pass


class KeepsBag(BagIteration):
    def fit(self, X, y, groups=None):
        super().fit(X, y, groups)
        self.first_bag_ = X[0]
        return self


class KeepsItems(BagIteration):
    def fit(self, X, y, groups=None):
        super().fit(X, y, groups)
        self.items_ = self._x_items(X, reset=False)[0].astype(np.float32)
        return self


class StartsOverWhenNarrower(BagIteration):
    def _train(self, X, y, groups, epochs, resume):
        resume = resume and X[0].shape[1] == self.n_features_in_
        return super()._train(X, y, groups, epochs, resume)


# ------------------------------------------------- one broken rule about images in each


class DeniesImages(ImageIteration):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = False
        return tags


class ClaimsTables(ImageIteration):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


class ReadsMemoryOrderOfImages(ImageIteration):
    def _sample(self, image, index):
        image = np.asarray(image)
        return super()._sample(image.ravel("K").reshape(image.shape), index)


class ReadsBuffer(ImageIteration):
    """Takes a part of an array for the array it is a part of."""

    def _sample(self, image, index):
        base = image.base
        return super()._sample(image if base is None else base, index)


class ClipsFloats(ImageIteration):
    """Takes it that floats go from 0 to 1."""

    def _grey(self, image):
        grey = super()._grey(image)
        return np.clip(grey, 0, 1) if image.dtype.kind == "f" else grey


class RefusesArrays(ImageIteration):
    def _read(self, X):
        if isinstance(X, np.ndarray):
            raise TypeError("Expected a list.")
        return X


class TransposesArrays(ImageIteration):
    def _read(self, X):
        return X.swapaxes(1, 2) if getattr(X, "ndim", 0) == 3 else X


class TakesLastChannel(ImageIteration):
    def _grey(self, image):
        return image[:, :, -1] if image.ndim == 3 else image


class TakesSomeChannels(ImageIteration):
    """Any last side of a few pixels is colour."""

    def _grey(self, image):
        return image[:, :, :3].mean(axis=2) if image.ndim == 3 else image


class SumsChannels(ImageIteration):
    def _grey(self, image):
        grey = super()._grey(image)
        return grey if grey is image else 3 * grey


class FillsNaNInImages(ImageIteration):
    def _grey(self, image):
        return np.nan_to_num(super()._grey(image))


class FillsEmptyImages(ImageIteration):
    def _grey(self, image):
        return image if image.size else np.zeros((1, 1))


class FillsFlatImages(ImageIteration):
    def _grey(self, image):
        return np.atleast_2d(super()._grey(image))


class ReadsNumbersInTexts(ImageIteration):
    def _sample(self, image, index):
        image = np.asarray(image)
        return super()._sample(
            image.astype(float) if image.dtype.kind == "U" else image, index
        )


class HidesBadImage(ImageIteration):
    def _sample(self, image, index):
        try:
            return super()._sample(image, index)
        except (TypeError, ValueError) as error:
            raise ValueError("Some image is no good.") from error


class HidesBadPixel(ImageIteration):
    def _sample(self, image, index):
        if image.dtype.kind == "f":
            assert_all_finite(image, input_name="X")
        return super()._sample(image, index)


class MeasuresFirstImage(ImageIteration):
    def fit(self, X, y, groups=None):
        if len(X):
            self.height_ = len(X[0])
        return super().fit(X, y, groups)


class InvertsInPlace(ImageIteration):
    def fit(self, X, y, groups=None):
        super().fit(X, y, groups)
        for image in X:
            np.subtract(255, image, out=image)
        return self


class WritesToImages(ImageIteration):
    def transform(self, X):
        for image in X:
            image += 0
        return super().transform(X)


class KeepsImage(ImageIteration):
    def fit(self, X, y, groups=None):
        super().fit(X, y, groups)
        self.first_image_ = X[0]
        return self


class KeepsPixels(ImageIteration):
    def fit(self, X, y, groups=None):
        super().fit(X, y, groups)
        self.pixels_ = self._check_X(X, reset=False).astype(np.uint8)
        return self


class LooksUpImages(ImageIteration):
    def fit(self, X, y, groups=None):
        if hasattr(X, "iloc"):
            X.loc[range(len(X))]
        return super().fit(X, y, groups)


class LosesIndexOfImages(ImageIteration):
    def transform(self, X):
        return super().transform(list(X) if hasattr(X, "iloc") else X)


class EmbedsNoImages(ImageIteration):
    def transform(self, X):
        if len(X) == 0:
            return np.zeros((0, self.n_components), dtype=np.float32)
        return super().transform(X)


class PadsToWidestImage(ImageIteration):
    def _read(self, X):
        X = [np.asarray(image) for image in X]
        if not all(image.ndim == 2 for image in X):
            return X
        width = max(image.shape[1] for image in X)
        return [np.pad(i, ((0, 0), (0, width - i.shape[1]))) for i in X]


class KnowsFirstImages(ImageIteration):
    """Looks a new image up among those of the first fit."""

    def fit(self, X, y, groups=None):
        super().fit(X, y, groups)
        self.height_ = getattr(self, "height_", len(X[0]))
        return self

    def transform(self, X):
        return super().transform(X) * np.float32(self.height_)


class GroupsByLength(ImageIteration):
    def _groups_of(self, y):
        return [len(text) for text in flatten_items(y)[0]]


class FitsByGroup(ImageIteration):
    """Learns something else as soon as there are groups."""

    def fit(self, X, y, groups=None):
        super().fit(X, y, groups)
        if groups is not None:
            self.x_directions_ = -self.x_directions_
        return self


class CountsRefusedEpochs(ImageIteration):
    def _train(self, X, y, groups, epochs, resume):
        if resume:
            self.n_iter_ += 1
        super()._train(X, y, groups, epochs, resume)
        self.n_iter_ -= resume
        return self


# The kinds are those that the rule needs; vectors do for most.
BROKEN = [
    ("check_tags", DeniesArrays, "vectors"),
    ("check_tags", NeedsNoY, "vectors"),
    ("check_params", ChangesParameter, "vectors"),
    ("check_clone", ClonesFitted, "vectors"),
    ("check_unfitted", EmbedsUnfitted, "vectors"),
    ("check_output", ReturnsFloat64, "vectors"),
    ("check_output", ReturnsTuple, "bags"),
    ("check_fit_transform", TransformsDifferentlyInFit, "vectors"),
    ("check_either_view_alone", RemembersX, "vectors"),
    ("check_rows_are_independent", CentresBatch, "vectors"),
    ("check_pairs_stay_paired", MixesPairs, "vectors"),
    ("check_pairs_stay_paired", LearnsNothing, "bags"),
    ("check_pairs_stay_paired", IgnoresPairs, "vectors"),
    ("check_y_containers", GoesByIndex, "vectors"),
    ("check_y_containers", RefusesOneDimension, "vectors"),
    ("check_x_containers", SortsColumns, "vectors"),
    ("check_x_containers", ReadsSparseData, "vectors"),
    ("check_score", ScoresPercent, "vectors"),
    ("check_score", ScoresOneDirection, "vectors"),
    ("check_score", ScoresWithoutGroups, "vectors"),
    ("check_groups", NeedsIntegerGroups, "vectors"),
    ("check_set_output_pandas", ForgetsDataFrames, "vectors"),
    ("check_wrong_lengths", CutsToShorter, "vectors"),
    ("check_y_none", TakesXForY, "vectors"),
    ("check_nonfinite", FillsNaN, "vectors"),
    ("check_nonfinite", FillsNaNInY, "bags"),
    ("check_bad_items", CallsStr, "texts"),
    ("check_empty_input", EmbedsNothing, "bags"),
    ("check_one_sample", FitsOneSample, "vectors"),
    ("check_n_features", CutsFeatures, "vectors"),
    ("check_failed_fit", LeavesHalfFitted, "vectors"),
    ("check_failed_fit", LosesFitOnError, "vectors"),
    ("check_input_unchanged", CentresInPlace, "vectors"),
    ("check_readonly_memmap", WritesToInput, "vectors"),
    ("check_pickle", PicklesRounded, "vectors"),
    ("check_refit_forgets", AlwaysResumes, "vectors"),
    ("check_refit_forgets", KeepsFeatureNames, "vectors"),
    ("check_pipeline_last_step", NeedsGroupsToScore, "vectors"),
    ("check_pipeline_first_step", SwitchesToTuple, "vectors"),
    ("check_two_two_view_steps", CannotBeStacked, "vectors"),
    ("check_grid_search", IgnoresGrid, "vectors"),
    ("check_cross_validate", LooksUpLabels, "vectors"),
    ("check_routing_on", RequestsNothing, "vectors"),
    ("check_routing_on", LosesRequest, "vectors"),
    ("check_routing_off", InsistsOnGroups, "vectors"),
    ("check_training_data_released", KeepsX, "vectors"),
    ("check_training_data_released", KeepsCopyInClosure, "vectors"),
    ("check_training_data_released", KeepsRowTensor, "vectors"),
    ("check_pickle_size", GrowsWithRows, "vectors"),
    ("check_several_items", TakesFirstItem, "bags"),
    ("check_several_items", SumsItems, "several_texts"),
    ("check_same_seed", IgnoresSeed, "vectors"),
    ("check_different_seeds", HasOneSeed, "vectors"),
    ("check_global_random_state", SeedsNumpy, "vectors"),
    ("check_global_random_state", DrawsFromTorch, "vectors"),
    ("check_global_random_state", DrawsFromPython, "vectors"),
    ("check_global_random_state", CopiesRandomState, "vectors"),
    ("check_y_transformer", FitsParameter, "vectors"),
    ("check_warm_start", StartsCold, "vectors"),
    ("check_partial_fit", RestartsAtPartialFit, "vectors"),
    ("check_tags", DeniesBags, "bag_pairs"),
    ("check_pairs_stay_paired", TakesItemsForRows, "bag_pairs"),
    ("check_several_items", TakesFirstItemOfX, "bag_pairs"),
    ("check_several_items", LeavesMeansShort, "bag_pairs"),
    ("check_several_items", EmbedsMeans, bags_and_vectors),
    ("check_x_containers", ReadsMemoryOrder, "bag_pairs"),
    ("check_x_containers", TakesFirstOfArray, "bag_pairs"),
    ("check_x_containers", NeedsSeveralItems, "bag_pairs"),
    ("check_x_containers", NeedsListOfBags, "bag_pairs"),
    ("check_x_containers", GoesByIndexOfX, "bag_pairs"),
    ("check_cross_validate", LooksUpBags, "bag_pairs"),
    ("check_set_output_pandas", LosesIndexOfBags, "bag_pairs"),
    ("check_wrong_lengths", CutsBagsToShorter, "bag_pairs"),
    ("check_nonfinite", FillsNaNInBags, "bag_pairs"),
    ("check_bad_items", FillsEmptyBags, "bag_pairs"),
    ("check_bad_items", PadsNarrowBags, "bag_pairs"),
    ("check_bad_items", HidesBadBag, "bag_pairs"),
    ("check_empty_input", EmbedsNoBags, "bag_pairs"),
    ("check_one_sample", CountsItems, "bag_pairs"),
    ("check_n_features", CutsBags, "bag_pairs"),
    ("check_failed_fit", MeasuresFirstBag, "bag_pairs"),
    ("check_input_unchanged", CentresBagsInPlace, "bag_pairs"),
    ("check_readonly_memmap", WritesToBags, "bag_pairs"),
    ("check_refit_forgets", KeepsNamesOfVectors, "bag_pairs"),
    ("check_training_data_released", KeepsBag, "bag_pairs"),
    ("check_training_data_released", KeepsItems, "bag_pairs"),
    ("check_warm_start", StartsOverWhenNarrower, "bag_pairs"),
    ("check_partial_fit", StartsOverWhenNarrower, "bag_pairs"),
    ("check_tags", DeniesImages, "word_images"),
    ("check_tags", ClaimsTables, "word_images"),
    ("check_x_containers", ReadsMemoryOrderOfImages, "word_images"),
    ("check_x_containers", ReadsBuffer, "word_images"),
    ("check_x_containers", ClipsFloats, "word_images"),
    ("check_x_containers", RefusesArrays, "word_images"),
    ("check_x_containers", TransposesArrays, "word_images"),
    ("check_x_containers", TakesLastChannel, "word_images"),
    ("check_x_containers", SumsChannels, "word_images"),
    ("check_cross_validate", LooksUpImages, "word_images"),
    ("check_set_output_pandas", LosesIndexOfImages, "word_images"),
    ("check_rows_are_independent", PadsToWidestImage, "word_images"),
    ("check_score", GroupsByLength, "word_images"),
    ("check_groups", FitsByGroup, "word_images"),
    ("check_nonfinite", FillsNaNInImages, "word_images"),
    ("check_nonfinite", HidesBadPixel, "word_images"),
    ("check_bad_items", FillsEmptyImages, "word_images"),
    ("check_bad_items", FillsFlatImages, "word_images"),
    ("check_bad_items", TakesSomeChannels, "word_images"),
    ("check_bad_items", ReadsNumbersInTexts, "word_images"),
    ("check_bad_items", HidesBadImage, "word_images"),
    ("check_empty_input", EmbedsNoImages, "word_images"),
    ("check_failed_fit", MeasuresFirstImage, "word_images"),
    ("check_input_unchanged", InvertsInPlace, "word_images"),
    ("check_readonly_memmap", WritesToImages, "word_images"),
    ("check_refit_forgets", KnowsFirstImages, "word_images"),
    ("check_training_data_released", KeepsImage, "word_images"),
    ("check_training_data_released", KeepsPixels, "word_images"),
    ("check_warm_start", CountsRefusedEpochs, "word_images"),
    ("check_partial_fit", CountsRefusedEpochs, "word_images"),
]


# They break where the contract says that they work; the others fail an assertion.
THEIR_OWN_ERRORS = {
    RefusesOneDimension: ValueError,
    NeedsIntegerGroups: ValueError,
    WritesToInput: ValueError,
    NeedsGroupsToScore: TypeError,
    SwitchesToTuple: ValueError,
    CannotBeStacked: ValueError,
    LooksUpLabels: KeyError,
    RequestsNothing: TypeError,
    LosesRequest: UnsetMetadataPassedError,
    InsistsOnGroups: ValueError,
    NeedsSeveralItems: ValueError,
    NeedsListOfBags: ValueError,
    LooksUpBags: KeyError,
    RefusesArrays: TypeError,
    LooksUpImages: KeyError,
    WritesToImages: ValueError,
    WritesToBags: ValueError,
}


def checks_of(estimator, kind):
    return {
        check.func.__name__: partial(check, estimator)
        for _, check in two_view_checks_generator(estimator, kind)
    }


@pytest.mark.parametrize(
    "check_name, broken, kind",
    BROKEN,
    ids=[f"{broken.__name__}-{check}" for check, broken, _ in BROKEN],
)
def test_broken_estimator_is_caught(check_name, broken, kind):
    vectorizers = {
        "texts": CountVectorizer(),
        "several_texts": CountVectorizer(),
        "word_images": CountVectorizer(analyzer="char"),
    }
    estimator = broken(y_transformer=vectorizers.get(kind))
    error = THEIR_OWN_ERRORS.get(broken, AssertionError)
    with joblib.parallel_config(backend="threading"), pytest.raises(error):
        checks_of(estimator, kind)[check_name]()


def test_every_check_has_an_estimator_that_fails_it():
    names = set(checks_of(count_words(), "texts")) | set(
        checks_of(PowerIteration(), "vectors")
    )
    assert {check for check, *_ in BROKEN} == names


@pytest.mark.parametrize(
    "check_name, broken, message",
    [
        ("check_output", ReturnsTuple, "never a tuple"),
        ("check_wrong_lengths", CutsToShorter, "must refuse 40 rows of X with 39 of y"),
        ("check_training_data_released", KeepsX, "must not keep X, nor a view of it"),
        ("check_pairs_stay_paired", IgnoresPairs, "does not learn from the pairs"),
        ("check_global_random_state", SeedsNumpy, r"it changed \['numpy'\]"),
        ("check_refit_forgets", AlwaysResumes, "a second fit must forget the first"),
    ],
)
def test_failures_explain_the_contract(check_name, broken, message):
    with pytest.raises(AssertionError, match=message) as failure:
        checks_of(broken(), "vectors")[check_name]()
    assert str(failure.value).startswith(broken.__name__)


@pytest.mark.parametrize(
    "check_name, broken, message",
    [
        ("check_tags", DeniesBags, "takes bags in X: input_tags.three_d_array"),
        ("check_several_items", LeavesMeansShort, "transform must give each row"),
        ("check_x_containers", TakesFirstOfArray, "with X as a 3-D array must equal"),
        ("check_bad_items", FillsEmptyBags, r"refuse a row that is .* of X at fit"),
        ("check_bad_items", HidesBadBag, r"its message must mention .*3"),
        ("check_training_data_released", KeepsBag, "must not keep X, nor a view of it"),
        ("check_training_data_released", KeepsItems, "keeps a copy of X"),
    ],
)
def test_failures_explain_the_contract_of_bags(check_name, broken, message):
    with pytest.raises(AssertionError, match=message) as failure:
        checks_of(broken(), "bag_pairs")[check_name]()
    assert str(failure.value).startswith(broken.__name__)


@pytest.mark.parametrize(
    "check_name, broken, message",
    [
        ("check_tags", ClaimsTables, "images in X: input_tags.two_d_array must be Fal"),
        ("check_x_containers", TakesLastChannel, "X as a list of RGBA images must equ"),
        ("check_bad_items", FillsEmptyImages, r"an array of shape \(0, .* of X at fit"),
        (
            "check_bad_items",
            TakesSomeChannels,
            r"array of shape .* 2\), dtype uint8 of X",
        ),
        ("check_bad_items", HidesBadImage, r"its message must mention .*3"),
        ("check_training_data_released", KeepsImage, "must not keep X, nor a view of"),
        ("check_partial_fit", CountsRefusedEpochs, "refused partial_fit must leave n_"),
    ],
)
def test_failures_explain_the_contract_of_images(check_name, broken, message):
    estimator = broken(y_transformer=CountVectorizer(analyzer="char"))
    with pytest.raises(AssertionError, match=message) as failure:
        checks_of(estimator, "word_images")[check_name]()
    assert str(failure.value).startswith(broken.__name__)


# ------------------------------------------------------------------------- the data


def test_images_differ_in_size_and_words_come_again():
    images, words = make_two_views("word_images", 200, 0)
    assert all(image.dtype == np.uint8 and image.ndim == 2 for image in images)
    assert len({image.shape for image in images}) > 100
    assert len(set(words)) < 150


def test_each_letter_has_a_pattern_of_its_own_dark_on_light():
    letters = [
        draw_word(letter, np.random.RandomState(0)) for letter in ascii_lowercase
    ]
    assert len({(image < 128).tobytes() for image in letters}) == 26
    for image in letters:
        assert set(np.unique(image // 64)) == {0, 3}


def test_bag_pairs_have_one_to_four_vectors_in_each_bag_of_both_views():
    views = make_two_views("bag_pairs", 40, 0)
    for bags, n_features in zip(views, (13, 9), strict=True):
        assert isinstance(bags, list) and len(bags) == 40
        assert {len(bag) for bag in bags} == {1, 2, 3, 4}
        assert {bag.shape[1:] for bag in bags} == {(n_features,)}
    sizes = np.array([[len(bag) for bag in bags] for bags in views])
    assert (sizes[0] != sizes[1]).any()


# ------------------------------------------------------------- the public functions


def test_names_of_the_checks_that_ran_are_returned():
    with joblib.parallel_config(backend="threading"):
        names = check_two_view_estimator(PowerIteration(), "vectors")
    assert names == list(checks_of(PowerIteration(), "vectors"))
    assert len(names) == 41


def test_bags_in_x_run_as_many_checks_as_bags_in_y():
    counts = {
        kind: len(checks_of(BagIteration(), kind))
        for kind in ("vectors", "bags", "bag_pairs", bags_and_vectors)
    }
    assert list(counts.values()) == [41, 42, 42, 42]


def test_images_have_no_features_and_no_several_items():
    left_out = set(checks_of(PowerIteration(), "bags")) - set(
        checks_of(ImageIteration(), "word_images")
    )
    assert left_out == {
        "check_n_features",
        "check_two_two_view_steps",
        "check_several_items",
    }
    assert len(checks_of(ImageIteration(), "word_images")) == 39


def test_checks_that_do_not_apply_are_left_out():
    class Plain(PowerIteration):
        partial_fit = property()

        def __init__(self, n_components=6):
            super().__init__(n_components)

    dropped = set(checks_of(PowerIteration(), "bags")) - set(checks_of(Plain(), "bags"))
    assert dropped == {
        "check_same_seed",
        "check_different_seeds",
        "check_global_random_state",
        "check_y_transformer",
        "check_warm_start",
        "check_partial_fit",
    }
    assert "check_several_items" not in checks_of(PowerIteration(), "vectors")


def test_estimator_itself_is_never_fitted():
    estimator = PowerIteration()
    before = copy.deepcopy(vars(estimator))
    with joblib.parallel_config(backend="threading"):
        check_two_view_estimator(estimator)
    assert vars(estimator) == before


def test_class_is_refused():
    with pytest.raises(TypeError, match="instance"):
        list(two_view_checks_generator(PowerIteration))


def test_unknown_kind_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"'bags', 'several_texts', 'tags', 'texts'"):
        check_two_view_estimator(PowerIteration(), "images")


def test_parametrization_names_estimator_kind_and_check():
    mark = parametrize_with_two_view_checks([(PowerIteration(), "bags")])
    ids = [parameters.id for parameters in mark.args[1]]
    assert ids[0] == "PowerIteration-bags-check_tags"
    assert len(ids) == len(set(ids)) == 42
