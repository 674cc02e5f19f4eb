"""The best entries of one view for those of the other, against sorting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy

from sklearn_crossmodal.utils._nearest import nearest


def unit(v):
    return v / np.linalg.norm(v)


SIMILARITIES = {
    "cosine": lambda x, y: unit(x) @ unit(y),
    "dot": lambda x, y: x @ y,
    "euclidean": lambda x, y: -np.sqrt(((x - y) ** 2).sum()),
    "kl": lambda x, y: -entropy(y, x),
}
by_similarity = pytest.mark.parametrize("similarity", SIMILARITIES)


def draw(similarity, n, seed):
    rng = np.random.default_rng(seed)
    rows = (
        rng.dirichlet(np.ones(5), n) if similarity == "kl" else rng.normal(size=(n, 5))
    )
    return rows.astype(np.float32)


@by_similarity
@given(seed=st.integers(0, 1000), n=st.integers(1, 12), gallery_is_y=st.booleans())
def test_what_is_found_is_what_sorting_finds(similarity, seed, n, gallery_is_y):
    queries, gallery = draw(similarity, 4, seed), draw(similarity, 9, seed + 1)
    found, scores = nearest(queries, gallery, similarity, n, gallery_is_y=gallery_is_y)
    assert found.shape == scores.shape == (4, min(n, 9))
    assert scores.dtype == np.float32
    between = SIMILARITIES[similarity]
    for query, row, similarities in zip(queries, found, scores, strict=True):
        of_all = [
            between(query, entry) if gallery_is_y else between(entry, query)
            for entry in gallery.astype(float)
        ]
        best = np.sort(of_all)[::-1][: len(row)]
        # Compared by what they score: entries that almost tie may change places.
        np.testing.assert_allclose(similarities, best, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(np.array(of_all)[row], best, rtol=1e-4, atol=1e-5)
        assert len(set(row)) == len(row)


def test_a_divergence_is_of_the_second_view_from_the_first():
    # Nothing of what y has may be missing in x; what x has beside does not matter.
    wide, narrow = [[0.5, 0.5]], [[0.5, 0.5], [0.99, 0.01]]
    found, _ = nearest([[0.9, 0.1]], narrow, "kl", 2)
    assert found.tolist() == [[1, 0]]
    _, of_y = nearest(wide, [[0.99, 0.01]], "kl", 1)
    _, of_x = nearest(wide, [[0.99, 0.01]], "kl", 1, gallery_is_y=False)
    assert of_y[0, 0] == pytest.approx(-entropy([0.99, 0.01], [0.5, 0.5]), abs=1e-6)
    assert of_x[0, 0] == pytest.approx(-entropy([0.5, 0.5], [0.99, 0.01]), abs=1e-6)


def test_distances_far_from_the_origin_are_exact():
    gallery = np.array([[1e4, 1e4], [1e4 + 1, 1e4], [1e4 + 3, 1e4]], dtype=np.float32)
    found, scores = nearest(gallery[:1] + [[1, 0]], gallery, "euclidean", 3)
    assert found[0, 0] == 1
    np.testing.assert_array_equal(scores, [[0, -1, -2]])


@pytest.mark.parametrize("n", [0, -1, 1.5, None])
@by_similarity
def test_how_many_has_to_be_a_number(similarity, n):
    rows = draw(similarity, 3, 0)
    with pytest.raises(ValueError, match="n must be an integer of at least 1"):
        nearest(rows, rows, similarity, n)
