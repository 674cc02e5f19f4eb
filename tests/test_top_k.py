"""The best entries of a gallery, found by groups of columns."""

import numpy as np
import pytest

from sklearn_crossmodal.utils._top_k import _GROUP, _MIN_GROUPS, top_k


@pytest.mark.parametrize("k", [1, 3, 10])
@pytest.mark.parametrize("beyond", [-1, 0, 1, 37])
def test_the_best_are_those_of_a_full_sort(k, beyond):
    # Around the size where columns are grouped, and with columns beyond the last group.
    n_gallery = _MIN_GROUPS * k * _GROUP + beyond
    rng = np.random.default_rng(k)
    queries = rng.normal(size=(7, 5)).astype(np.float32)
    gallery = rng.normal(size=(n_gallery, 5)).astype(np.float32)
    gallery[-1] = 100 * queries[0]  # the best of the first query is the last entry
    found, scores = top_k(queries, gallery, k)
    products = queries.astype(float) @ gallery.astype(float).T
    expected = np.argsort(-products, axis=1)[:, :k]
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_allclose(
        scores, np.take_along_axis(products, expected, 1), rtol=1e-4, atol=1e-4
    )
    assert found[0, 0] == n_gallery - 1


def test_best_ones_of_one_group_are_all_found():
    gallery = np.zeros((10_000, 1), dtype=np.float32)
    gallery[640:650, 0] = np.arange(10, 0, -1)  # ten in a row
    found, scores = top_k(np.ones((2, 1), dtype=np.float32), gallery, 10)
    np.testing.assert_array_equal(found, [np.arange(640, 650)] * 2)
    np.testing.assert_array_equal(scores, [np.arange(10, 0, -1)] * 2)
