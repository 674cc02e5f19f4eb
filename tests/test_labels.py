"""Numeric labels as words and back."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from sklearn_crossmodal.utils._containers import read_bags
from sklearn_crossmodal.utils._labels import as_labels, label_dtype, name_labels

LABELS = [
    np.array([3, -1, 0]),
    np.array([3, 200], dtype=np.uint8),
    np.array([0.5, -2, 1e30, 0.1]),
    np.array([0.5, 0.1], dtype=np.float32),
    np.array([True, False, True]),
]


@pytest.mark.parametrize("labels", LABELS, ids=lambda labels: labels.dtype.name)
@pytest.mark.parametrize("container", [np.asarray, pd.Series, lambda a: a[:, None]])
def test_labels_come_back(labels, container):
    given_labels = container(labels)
    words = name_labels(read_bags(given_labels).items, "Some")
    assert all(type(word) is str for word in words)
    assert len(set(words)) == len(set(labels.tolist()))
    back = as_labels(words, label_dtype(given_labels))
    assert back.dtype == labels.dtype
    np.testing.assert_array_equal(back, labels)


@given(
    hnp.arrays(
        st.sampled_from([np.int8, np.int64, np.uint64, np.float32, np.float64, bool]),
        st.integers(1, 8),
        elements={"allow_nan": False, "allow_infinity": False},
    )
)
def test_any_labels_come_back(labels):
    words = name_labels(read_bags(labels).items, "Some")
    back = as_labels(words, label_dtype(labels))
    assert back.dtype == labels.dtype
    np.testing.assert_array_equal(back, labels)


def test_lists_of_numbers_are_labels_too():
    assert name_labels(read_bags([3, 1]).items, "Some") == ["3", "1"]
    assert as_labels(["3"], label_dtype([3, 1])).tolist() == [3]


@pytest.mark.parametrize("y", [["a", "b"], [["a"], ["b", "c"]], np.array(["a"]), None])
def test_words_stay_words(y):
    assert label_dtype(y) == "|O"
    words = as_labels(["a", "b"], label_dtype(y))
    assert words.dtype == object
    assert words.tolist() == ["a", "b"]


@pytest.mark.parametrize("vectors", [np.ones((4, 3)), sparse.eye_array(3).tocsr()])
def test_vectors_are_no_labels(vectors):
    with pytest.raises(TypeError, match="Some reads words.*got vectors of 3 numbers"):
        name_labels(vectors, "Some")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_labels_are_finite(bad):
    with pytest.raises(ValueError, match=r"y contains (NaN|infinity)"):
        name_labels(np.array([[1.0], [bad]]), "Some")
