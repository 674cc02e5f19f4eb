"""Edit distances: values, directions, dtypes, hostile input."""

import pickle
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_crossmodal.utils._edit_distance import METRIC_NAMES, EditDistance

words = st.text("abc", max_size=6)
lists = st.lists(words, min_size=1, max_size=6)
weightings = st.tuples(*[st.integers(0, 4)] * 3)
SYMMETRIC = sorted(METRIC_NAMES)

# The qualitative results of Gomez, Rusinol and Karatzas: each query, the transcriptions
# of the images found for it, and the edit distances printed below them.
PRINTED = {
    "great": (
        ["great", "great", "greater", "greatly", "greatly", "least", "gene"],
        [0, 0, 2, 2, 2, 3, 3],
    ),
    "recruits": (
        [
            "Recruits",
            "Recruits",
            "Recru-",
            "recruit",
            "Review,",
            "recruiting",
            "circum",
        ],
        [0, 0, 3, 1, 5, 3, 7],
    ),
    "honour": (
        ["Honour", "Honour", "Honours", "Honor", "Honour", "honoured", "court-"],
        [0, 0, 1, 1, 0, 2, 4],
    ),
    "deliver": (
        ["deliver", "deliver", "delivered", "relieved", "secure", "believe", "else"],
        [0, 0, 2, 3, 5, 3, 4],
    ),
}


def plain(word):
    return word.lower().strip(string.punctuation)


def weighted_levenshtein(a, b, weights=(1, 1, 1)):
    """Return the cost of turning `a` into `b`, cell by cell."""
    insertion, deletion, substitution = weights
    cost = {(0, 0): 0}
    for i in range(len(a) + 1):
        for j in range(len(b) + 1):
            ways = []
            if i:
                ways.append(cost[i - 1, j] + deletion)
            if j:
                ways.append(cost[i, j - 1] + insertion)
            if i and j:
                same = a[i - 1] == b[j - 1]
                ways.append(cost[i - 1, j - 1] + (0 if same else substitution))
            if ways:
                cost[i, j] = min(ways)
    return cost[len(a), len(b)]


# --- Values -------------------------------------------------------------------------


@pytest.mark.parametrize("query", PRINTED)
def test_the_slides_printed_distances(query):
    found, printed = PRINTED[query]
    distances = EditDistance().cdist([query], list(map(plain, found)))
    assert distances.tolist() == [printed]


@given(a=lists, b=lists, weights=weightings)
def test_levenshtein_equals_a_table(a, b, weights):
    distance = EditDistance(metric_params={"weights": weights})
    expected = [[weighted_levenshtein(x, y, weights) for y in b] for x in a]
    np.testing.assert_array_equal(distance.cdist(a, b), expected)


@given(a=lists, b=lists)
def test_the_default_is_unweighted(a, b):
    expected = [[weighted_levenshtein(x, y) for y in b] for x in a]
    np.testing.assert_array_equal(EditDistance().cdist(a, b), expected)


@pytest.mark.parametrize(
    "metric, expected",
    [
        # From "ca" to "abc", the textbook case that tells the three apart.
        ("levenshtein", 3),
        ("osa", 3),
        ("damerau_levenshtein", 2),
        ("indel", 3),  # keep "a": delete c, insert b and c
        ("lcsseq", 2),  # 3 - 1
        ("hamming", 3),  # no place agrees
        ("prefix", 3),
        ("postfix", 3),
        ("jaro", 1),  # letters match up to max(2, 3) // 2 - 1 = 0 places apart
    ],
)
def test_metrics_by_hand(metric, expected):
    assert EditDistance(metric).pairs(["ca"], ["abc"]) == pytest.approx(expected)


def test_jaro_winkler_favours_common_prefixes():
    # The classic pair: Jaro 0.944..., three common letters at the start.
    jaro = (1 + 1 + 5 / 6) / 3
    a, b = ["martha"], ["marhta"]
    assert EditDistance("jaro").pairs(a, b) == pytest.approx(1 - jaro, rel=1e-6)
    for weight in (0.1, 0.25):
        distance = EditDistance("jaro_winkler", {"prefix_weight": weight})
        expected = 1 - (jaro + 3 * weight * (1 - jaro))
        assert distance.pairs(a, b) == pytest.approx(expected, rel=1e-6)


# --- Matrices and pairs agree, in either direction ----------------------------------


@pytest.mark.parametrize("metric", SYMMETRIC)
@given(a=lists, b=lists)
def test_the_transpose_is_the_way_back(metric, a, b):
    distance = EditDistance(metric)
    there, back = distance.cdist(a, b), distance.cdist(b, a)
    assert there.shape == (len(a), len(b))
    np.testing.assert_array_equal(there, back.T)
    assert there.dtype == back.dtype == distance.dtype(a, b)


@pytest.mark.parametrize("metric", [*SYMMETRIC, weighted_levenshtein])
@given(a=lists, b=lists)
def test_pairs_are_entries_of_the_matrix(metric, a, b):
    distance = EditDistance(metric)
    matrix = distance.cdist(a, b)
    x = [text for text in a for _ in b]
    pairs = distance.pairs(x, b * len(a))
    assert pairs.dtype == matrix.dtype
    np.testing.assert_array_equal(pairs, matrix.ravel())


@given(a=lists, b=lists, weights=weightings)
def test_weighted_pairs_keep_their_direction(a, b, weights):
    distance = EditDistance("levenshtein", {"weights": weights})
    x = [text for text in a for _ in b]
    np.testing.assert_array_equal(
        distance.pairs(x, b * len(a)), distance.cdist(a, b).ravel()
    )


def test_threads_change_nothing():
    rng = np.random.default_rng(0)
    strings = ["".join(rng.choice(list("abcd"), rng.integers(9))) for _ in range(700)]
    distance = EditDistance()
    one = distance.cdist(strings, strings[:300], workers=1)
    np.testing.assert_array_equal(distance.cdist(strings, strings[:300]), one)
    np.testing.assert_array_equal(
        distance.cdist(strings[:300], strings, workers=2), one.T
    )


def test_empty_lists():
    for metric in ("levenshtein", weighted_levenshtein):
        distance = EditDistance(metric)
        assert distance.cdist([], ["a"]).shape == (0, 1)
        assert distance.cdist(["a", "b"], []).shape == (2, 0)
        assert distance.pairs([], []).shape == (0,)


# --- dtypes -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "metric, params, longest, dtype",
    [
        ("levenshtein", None, 255, np.uint8),
        ("levenshtein", None, 256, np.int32),
        ("damerau_levenshtein", None, 255, np.uint8),
        ("indel", None, 127, np.uint8),
        ("indel", None, 128, np.int32),
        ("levenshtein", {"weights": (2, 2, 3)}, 42, np.uint8),
        ("levenshtein", {"weights": (2, 2, 3)}, 43, np.int32),
        ("levenshtein", {"weights": (2**30, 1, 1)}, 2, np.int64),
        ("jaro", None, 5, np.float32),
    ],
)
def test_dtypes_hold_the_largest_distance(metric, params, longest, dtype):
    distance = EditDistance(metric, params)
    a, b = ["a" * longest], ["b" * longest, ""]
    found = distance.cdist(a, b)
    assert found.dtype == distance.pairs(a, b[:1]).dtype == dtype
    if metric != "jaro":
        wide = EditDistance(metric, params)
        wide.dtype = lambda a, b: np.dtype(np.int64)
        np.testing.assert_array_equal(found, wide.cdist(a, b))


# --- Callables ----------------------------------------------------------------------


def length_difference(a, b, scale=1.0):
    return scale * abs(len(a) - len(b))


def test_a_function_is_a_metric():
    distance = EditDistance(length_difference, {"scale": 0.5})
    matrix = distance.cdist(["a", "abc"], ["", "ab", "abcd"])
    assert matrix.dtype == np.float32
    assert matrix.tolist() == [[0.5, 0.5, 1.5], [1.5, 0.5, 0.5]]


@pytest.mark.parametrize("value", [np.nan, -1, None, "3", 1j])
def test_what_a_function_must_not_return(value):
    distance = EditDistance(lambda a, b: value)
    with pytest.raises(ValueError, match=r"metric\('a', 'b'\) returned .*non-negative"):
        distance.cdist(["a"], ["b"])
    with pytest.raises(ValueError, match=r"metric\('a', 'b'\) returned"):
        distance.pairs(["a"], ["b"])


# --- Symmetry -----------------------------------------------------------------------


@given(weights=weightings)
def test_only_different_weights_of_insertion_and_deletion_are_asymmetric(weights):
    distance = EditDistance(metric_params={"weights": weights})
    if weights[0] == weights[1]:
        assert distance.require_symmetric() is distance
        return
    with pytest.raises(ValueError, match="depends on the direction.*the same weight"):
        distance.require_symmetric()


@pytest.mark.parametrize("metric", [*SYMMETRIC, length_difference])
def test_the_others_are_symmetric(metric):
    distance = EditDistance(metric)
    assert distance.require_symmetric() is distance


# --- Hostile input ------------------------------------------------------------------


@pytest.mark.parametrize(
    "metric, params, error, match",
    [
        ("levenstein", None, ValueError, "'levenstein'; expected one of levenshtein,"),
        (3, None, TypeError, "metric is 3; expected one of"),
        (["osa"], None, TypeError, "expected one of"),
        ("osa", {"weights": (1, 1, 1)}, ValueError, "'osa' takes no parameters"),
        ("levenshtein", {"weight": 1}, ValueError, "takes weights"),
        ("levenshtein", [("weights", 1)], TypeError, r"\(list\); expected a dict"),
        ("levenshtein", {"weights": (1, 1)}, ValueError, "three non-negative integers"),
        ("levenshtein", {"weights": 2}, ValueError, "three non-negative integers"),
        ("levenshtein", {"weights": (1, 1, -1)}, ValueError, "three non-negative"),
        ("levenshtein", {"weights": (1, 1, 1.5)}, ValueError, "Scale fractions up"),
        ("levenshtein", {"weights": (True, 1, 1)}, ValueError, "three non-negative"),
        ("jaro_winkler", {"prefix_weight": 0.3}, ValueError, r"from 0 to 0\.25"),
        ("jaro_winkler", {"prefix_weight": "x"}, ValueError, r"from 0 to 0\.25"),
    ],
)
def test_bad_metrics(metric, params, error, match):
    with pytest.raises(error, match=match):
        EditDistance(metric, params)


def test_numpy_integers_are_weights():
    distance = EditDistance(metric_params={"weights": np.array([1, 1, 2])})
    assert distance.cdist(["a"], ["b"]).tolist() == [[2]]


def test_pairs_of_lists_of_two_lengths():
    with pytest.raises(ValueError, match="one length; got 2 and 1"):
        EditDistance().pairs(["a", "b"], ["c"])


def test_pickling():
    distance = EditDistance("levenshtein", {"weights": (1, 3, 2)})
    again = pickle.loads(pickle.dumps(distance))
    assert again.cdist(["ab"], ["a"]).tolist() == [[3]]
    assert again.cdist(["a"], ["ab"]).tolist() == [[1]]
