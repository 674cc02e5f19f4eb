"""Scores: exact ties of duplicates, the three similarities, and NaN."""

import numpy as np
import pytest

from sklearn_crossmodal.metrics import mean_rank, recall_at_k, retrieval_metrics
from sklearn_crossmodal.metrics._counts import counts_from_scores
from sklearn_crossmodal.metrics._relevance import Relevance
from sklearn_crossmodal.metrics._similarity import prepare, score_blocks, unique_rows

SIMILARITIES = ("cosine", "dot", "euclidean")


@pytest.fixture(params=[1, 2], ids="threads={}".format)
def threads(request):
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_200_equal_rows_have_recall_at_10_of_one_in_twenty(seed, similarity, dtype):
    rng = np.random.default_rng(seed)
    d = (3, 7, 64, 100, 300)[seed]
    X, Y = (np.tile(rng.standard_normal(d).astype(dtype), (200, 1)) for _ in "xy")
    assert recall_at_k(X, Y, similarity=similarity) == pytest.approx(0.05, abs=1e-12)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("d", [1, 2, 3, 7, 64, 100, 256, 300])
def test_equal_rows_tie_exactly_in_any_column(similarity, d):
    """Torch's own product rounds equal columns differently in edge tiles."""
    rng = np.random.default_rng(d)
    for n in (2, 3, 5, 6, 7, 17, 31, 64, 65, 129, 257, 600):
        X = np.tile(rng.standard_normal(d).astype(np.float32), (n, 1))
        Y = np.tile(rng.standard_normal(d).astype(np.float32), (n, 1))
        for block_size in (2, 7, 256) if n < 66 else (64, 256):
            rank = mean_rank(X, Y, similarity=similarity, block_size=block_size)
            assert rank == (n + 1) / 2, (n, block_size)


@pytest.mark.parametrize("similarity", ["cosine", "euclidean"])
@pytest.mark.parametrize("copies", [2, 5])
def test_duplicates_have_the_exact_expected_metrics(similarity, copies):
    # Each item t times in both views: every query ties t ways in the first places.
    rng = np.random.default_rng(0)
    items = rng.standard_normal((50, 64)).astype(np.float32)
    order = rng.permutation(np.repeat(np.arange(50), copies))
    values = retrieval_metrics(items[order], items[order], similarity=similarity)
    harmonic = np.mean(1 / np.arange(1, copies + 1))
    expected = {
        "recall@1": 1 / copies,
        "recall@5": 1.0,
        "recall@10": 1.0,
        "map": harmonic,
        "mrr": harmonic,
        "median_rank": (copies + 1) / 2,
    }
    assert values == pytest.approx(expected, abs=1e-12)


def test_proportional_rows_tie_exactly_under_cosine():
    v = np.array([3.0, -1.0, 7.0, 5.0], dtype=np.float32)
    Y = np.outer([1, 3, 7, 11, 100, 2**-100], v).astype(np.float32)
    assert mean_rank(Y, Y, similarity="cosine") == 3.5


def test_rows_that_differ_in_the_sign_of_zero_tie_exactly():
    rng = np.random.default_rng(0)
    Y = np.tile(rng.standard_normal(27).astype(np.float32), (61, 1))
    Y[:, :10] = rng.choice(np.array([0.0, -0.0], dtype=np.float32), (61, 10))
    X = rng.standard_normal(Y.shape).astype(np.float32)
    for similarity in SIMILARITIES:
        assert mean_rank(X, Y, similarity=similarity, direction="x_to_y") == 31
        assert len(unique_rows(prepare(X, Y, similarity)[1])[0]) == 1


def test_unique_rows_give_back_all_rows():
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        rows = rng.integers(0, 3, (100, 3)).astype(dtype)
        unique, inverse = unique_rows(rows)
        assert len(unique) == len(np.unique(rows, axis=0)) < 100
        np.testing.assert_array_equal(unique[inverse], rows)
    # Equal checksums, but no duplicates: every row has the same entries.
    one_hot = np.eye(5, dtype=np.float32)
    assert unique_rows(one_hot)[1] is None


def test_blocks_cover_the_queries_with_two_rows_or_more():
    queries = np.arange(70, dtype=np.float32)[:, None]
    gallery = np.array([[1.0], [2.0]], dtype=np.float32)
    for n in (1, 2, 3, 5, 64, 65, 70):
        for block_size in (1, 2, 3, 64, 100):
            blocks = [
                (start, stop, scores.copy())
                for start, stop, scores in score_blocks(
                    queries[:n], gallery, block_size
                )
            ]
            heights = [stop - start for start, stop, _ in blocks]
            assert min(heights) >= min(n, 2)
            assert max(heights) <= max(block_size, 3)
            whole = np.concatenate([scores for *_, scores in blocks])
            np.testing.assert_array_equal(whole, queries[:n] * [[1, 2]])


def test_similarities_rank_by_their_definitions():
    rng = np.random.default_rng(0)
    X, Y = rng.standard_normal((40, 5)), 3 * rng.standard_normal((40, 5)) + 1
    distances = np.linalg.norm(X[:, None] - Y, axis=2)
    cosines = (X @ Y.T) / np.outer(*(np.linalg.norm(V, axis=1) for V in (X, Y)))
    for name, scores in [
        ("cosine", cosines),
        ("dot", X @ Y.T),
        ("euclidean", -distances),
    ]:
        ranks = (scores >= scores.diagonal()[:, None]).sum(axis=1)
        rank = mean_rank(X, Y, direction="x_to_y", similarity=name)
        assert rank == ranks.mean(), name


def test_euclidean_ranks_survive_a_large_common_offset():
    rng = np.random.default_rng(0)
    X = np.round(rng.standard_normal((50, 8)) * 64) / 64
    Y = X + np.round(rng.standard_normal((50, 8)) * 16) / 64
    near = retrieval_metrics(X, Y, similarity="euclidean")
    far = retrieval_metrics(
        (X + 4096).astype(np.float32),
        (Y + 4096).astype(np.float32),
        similarity="euclidean",
    )
    assert far == near


@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1e30, 3e38])
def test_cosine_does_not_depend_on_the_scale(scale):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (30, 6)).astype(np.float32)
    values = retrieval_metrics(X, np.roll(X, 1, axis=1))
    scaled = retrieval_metrics(X * np.float32(scale), np.roll(X, 1, axis=1))
    assert scaled == values


def test_a_row_of_zeros_has_cosine_zero_with_all():
    X = np.array([[0, 0], [1, 0]])
    Y = np.array([[1, 0], [-1, 0]])
    assert mean_rank(X, Y, direction="x_to_y") == (1.5 + 2) / 2
    assert np.array_equal(prepare(X * 1.0, Y * 1.0, "cosine")[0], X)


def test_close_scores_are_told_apart_in_float64_only():
    X, Y = np.array([[1.0, 0.0]]), np.array([[1 + 1e-12, 0.0], [1.0, 1.0]])
    options = {"groups": [1], "y_groups": [1, 0], "direction": "x_to_y"}
    assert mean_rank(X, Y, similarity="dot", **options) == 1
    single = (X.astype(np.float32), Y.astype(np.float32))
    assert mean_rank(*single, similarity="dot", **options) == 1.5


def test_inputs_are_left_alone_whatever_their_layout():
    rng = np.random.default_rng(0)
    X, Y = rng.integers(-3, 3, (2, 30, 4)).astype(np.float32)
    X.flags.writeable = Y.flags.writeable = False
    for similarity in SIMILARITIES:
        values = retrieval_metrics(X, Y, similarity=similarity)
        for layout in (np.asfortranarray, lambda a: np.repeat(a, 2, axis=1)[:, ::2]):
            assert values == retrieval_metrics(
                layout(X), layout(Y), similarity=similarity
            )


# --- NaN ---------------------------------------------------------------------------


@pytest.mark.parametrize("similarity", SIMILARITIES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_scores_rank_last_and_warn_once(similarity, bad):
    X = np.eye(6, dtype=np.float32)
    Y = X.copy()
    Y[2, 2] = bad
    Y[4, 0] = np.nan
    with pytest.warns(UserWarning, match="scores are NaN and rank last") as caught:
        ranks = mean_rank(X, Y, similarity=similarity)
    assert len(caught) == 1
    if np.isnan(bad) or similarity == "cosine":
        # The two NaN entries tie at 5.5; a query of NaN ties with all six.
        forward, backward = (4 * 1 + 2 * 5.5) / 6, (4 * 1 + 2 * 3.5) / 6
        assert ranks == pytest.approx((forward + backward) / 2, abs=1e-12)


def test_all_nan_is_chance_level_with_a_warning():
    X = np.full((20, 3), np.nan)
    with pytest.warns(UserWarning, match="800 scores are NaN"):
        assert recall_at_k(X, X, k=5) == 0.25


def test_overflow_of_finite_embeddings_is_noticed():
    X = np.array([[1e30, 1e30], [1.0, 1.0]], dtype=np.float32)
    Y = np.array([[1e30, -1e30], [1e30, 1e30]], dtype=np.float32)
    with pytest.warns(UserWarning, match="1 scores are NaN"):
        rank = mean_rank(X, Y, similarity="dot", direction="x_to_y")
    assert rank == (2 + 1) / 2


def test_nan_ranks_below_minus_infinity_in_a_given_matrix():
    scores = np.array([[np.nan, -np.inf, np.nan, 1.0]])
    counts = counts_from_scores(
        scores, Relevance.from_mask([[True, True, False, False]])
    )
    assert counts.above.tolist() == [1, 2]
    assert counts.tied.tolist() == [1, 2]
    assert np.isnan(scores[0, 0])
