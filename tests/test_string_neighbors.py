"""StringNeighbors: against sorted tables, ties, shortlists, hostile input."""

import pickle
import unicodedata
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_crossmodal import StringNeighbors, string_neighbors
from sklearn_crossmodal.preprocessing import PHOC, DCToW
from sklearn_crossmodal.utils import _top_k
from sklearn_crossmodal.utils._top_k import smallest_k

LEXICON = ["deliver", "great", "honour", "great", "recruit", "", "relieved"]

# Short words over two letters: most distances are tied.
words = st.text("ab", max_size=4)
lexicons = st.lists(words, min_size=2, max_size=25)
queries = st.lists(words, min_size=1, max_size=6)
METRICS = {
    "levenshtein": {},
    "weighted": {"metric": "levenshtein", "metric_params": {"weights": (1, 3, 2)}},
    "damerau": {"metric": "damerau_levenshtein"},
}


def edit_distance(a, b, *, weights=(1, 1, 1), transpositions=False):
    """Return the cost of turning `a` into `b`, cell by cell."""
    insertion, deletion, substitution = weights
    cost = np.zeros((len(a) + 1, len(b) + 1), dtype=int)
    cost[:, 0] = deletion * np.arange(len(a) + 1)
    cost[0] = insertion * np.arange(len(b) + 1)
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            ways = [
                cost[i - 1, j] + deletion,
                cost[i, j - 1] + insertion,
                cost[i - 1, j - 1] + (a[i - 1] != b[j - 1]) * substitution,
            ]
            if transpositions:
                ways += transposed(cost, a, b, i, j)
            cost[i, j] = min(ways)
    return cost[-1, -1]


def transposed(cost, a, b, i, j):
    """Yield costs of swapping two letters and editing what lies between them."""
    for k in range(1, i):
        for m in range(1, j):
            if a[k - 1] == b[j - 1] and a[i - 1] == b[m - 1]:
                yield cost[k - 1, m - 1] + (i - k - 1) + 1 + (j - m - 1)


def reference(metric):
    if metric == "weighted":
        return lambda a, b: edit_distance(a, b, weights=(1, 3, 2))
    return lambda a, b: edit_distance(a, b, transpositions=metric == "damerau")


def sorted_by(distance, query, lexicon, k, own=None):
    """Return distances and places of the nearest; ties by place."""
    ranked = sorted(
        (distance(query, entry), place)
        for place, entry in enumerate(lexicon)
        if place != own
    )
    return ranked[:k]


def pairs(distances, indices):
    return [
        list(zip(d.tolist(), i.tolist(), strict=True))
        for d, i in zip(distances, indices, strict=True)
    ]


# --- Exact search -------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
@given(lexicon=lexicons, strings=queries, data=st.data())
def test_exact_neighbours_equal_a_sorted_table(metric, lexicon, strings, data):
    k = data.draw(st.integers(1, len(lexicon)))
    neighbors = StringNeighbors(k, algorithm="exact", **METRICS[metric]).fit(lexicon)
    found = neighbors.kneighbors(strings)
    expected = [sorted_by(reference(metric), s, lexicon, k) for s in strings]
    assert pairs(*found) == expected
    np.testing.assert_array_equal(
        neighbors.kneighbors(strings, return_distance=False), found[1]
    )


@pytest.mark.parametrize("algorithm", ["exact", "embedding"])
@given(lexicon=lexicons, data=st.data())
def test_no_entry_is_its_own_neighbour_but_its_copies_are(algorithm, lexicon, data):
    k = data.draw(st.integers(1, len(lexicon) - 1))
    neighbors = StringNeighbors(
        k, algorithm=algorithm, embedder=DCToW(), n_candidates=len(lexicon)
    ).fit(lexicon)
    expected = [
        sorted_by(reference("levenshtein"), entry, lexicon, k, own=place)
        for place, entry in enumerate(lexicon)
    ]
    assert pairs(*neighbors.kneighbors()) == expected


@given(lexicon=lexicons, strings=queries)
def test_blocks_and_chunks_do_not_change_the_neighbours(lexicon, strings):
    neighbors = StringNeighbors(2, algorithm="exact").fit(lexicon)
    whole = pairs(*neighbors.kneighbors(strings))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(string_neighbors, "_FIRST", 1)
        patch.setattr(string_neighbors, "_CHUNK", 3)
        patch.setattr(string_neighbors, "_BLOCK", 2)
        assert pairs(*neighbors.kneighbors(strings)) == whole


def test_ties_come_in_the_order_of_the_lexicon():
    neighbors = StringNeighbors(3).fit(["bat", "cat", "hat", "cat", "dog"])
    distances, indices = neighbors.kneighbors(["cat", "at", "zzz"])
    assert indices.tolist() == [[1, 3, 0], [0, 1, 2], [0, 1, 2]]
    assert distances.tolist() == [[0, 0, 1], [1, 1, 1], [3, 3, 3]]


@pytest.mark.parametrize("longest, dtype", [(255, np.uint8), (256, np.int32)])
def test_long_strings_have_room_for_their_distances(longest, dtype):
    lexicon = ["b" * longest, "", "a" * longest]
    distances, indices = StringNeighbors(3).fit(lexicon).kneighbors(["", "a" * longest])
    assert distances.dtype == dtype
    assert distances.tolist() == [[0, longest, longest]] * 2
    # The second query is as far from all-b as from the empty string.
    assert indices.tolist() == [[1, 0, 2], [2, 0, 1]]


def test_a_function_as_metric():
    def length_difference(a, b):
        return abs(len(a) - len(b)) / 2

    neighbors = StringNeighbors(2, metric=length_difference).fit(["a", "abc", "ab"])
    distances, indices = neighbors.kneighbors(["xyz", "x"])
    assert distances.dtype == np.float32
    assert distances.tolist() == [[0, 0.5], [0, 0.5]]
    assert indices.tolist() == [[1, 2], [0, 2]]


def test_directions_of_weighted_distances():
    # To the lexicon: deletions are dear, insertions free.
    neighbors = StringNeighbors(2, metric_params={"weights": (0, 5, 5)})
    distances, indices = neighbors.fit(["a", "abc"]).kneighbors(["ab"])
    assert distances.tolist() == [[0, 5]] and indices.tolist() == [[1, 0]]


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32])
@given(seed=st.integers(0, 2**32 - 1), order=st.sampled_from("CF"), data=st.data())
def test_smallest_k_is_a_stable_sort(dtype, seed, order, data):
    rng = np.random.default_rng(seed)
    n_rows, n_columns = rng.integers(1, 5), rng.integers(1, 60)
    # Ties, padding's value among them.
    values = [0, 1, 2, 3, 255] if dtype == np.uint8 else [-1, 0, 7, 10**6]
    matrix = rng.choice(values, (n_rows, n_columns)).astype(dtype, order=order)
    k = data.draw(st.integers(1, int(n_columns)))
    ends = data.draw(st.sets(st.integers(1, int(n_columns))))
    chunks = np.split(matrix, sorted(ends), axis=1)
    indices, found = smallest_k((c for c in chunks if c.shape[1]), k)
    expected = np.argsort(matrix, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(indices, expected)
    np.testing.assert_array_equal(found, np.take_along_axis(matrix, expected, axis=1))


def test_top_k_does_not_depend_on_its_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    # Small integers: products are exact, and all 50 of a query are different.
    gallery = np.column_stack([np.arange(50), rng.integers(-3, 4, (50, 2))])
    queries = np.column_stack([[100, -100, 100], rng.integers(-3, 4, (3, 2))])
    products = queries @ gallery.T
    expected = np.argsort(-products, axis=1)[:, :7]
    for size in (2**25, 150, 1):
        monkeypatch.setattr(_top_k, "_BUFFER", size)
        indices, scores = _top_k.top_k(queries, gallery, 7)
        np.testing.assert_array_equal(indices, expected)
        np.testing.assert_array_equal(
            scores, np.take_along_axis(products, expected, axis=1)
        )


# --- Shortlists ---------------------------------------------------------------------


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("embedder", [DCToW(alphabet="ab"), PHOC(alphabet="ab")])
@given(lexicon=lexicons, strings=queries)
def test_a_shortlist_of_everything_is_exact(metric, embedder, lexicon, strings):
    params = {"n_neighbors": 2, **METRICS[metric]}
    exact = StringNeighbors(algorithm="exact", **params).fit(lexicon)
    near = StringNeighbors(
        algorithm="embedding", embedder=embedder, n_candidates=len(lexicon), **params
    ).fit(lexicon)
    assert pairs(*near.kneighbors(strings)) == pairs(*exact.kneighbors(strings))


class Places(BaseEstimator):
    """Embeds strings at given places on a line."""

    def __init__(self, places=None, shift=0.0):
        self.places = places
        self.shift = shift

    def fit(self, strings, y=None):
        self.fitted_ = list(strings)
        return self

    def transform(self, strings):
        return np.array(
            [[self.places[text] + self.shift, self.shift] for text in strings]
        )


@pytest.mark.parametrize("shift", [0.0, 1000.0])
def test_the_shortlist_is_what_lies_nearest_in_the_embedding(shift):
    places = {"aa": 0, "aaaa": 1, "ab": 5, "aaa": 9, "query": 0.4, "bbbbb": -20}
    neighbors = StringNeighbors(
        2, algorithm="embedding", embedder=Places(places, shift), n_candidates=3
    ).fit(["bbbbb", "aaa", "ab", "aaaa", "aa"])
    # Listed: aa, aaaa and ab; all three are five edits from the query.
    assert neighbors.search(["query"]) == [["ab", "aaaa"]]
    assert neighbors.search(["aa"]) == [["aa", "ab"]]
    # aaa is one edit from aa but off the list.
    assert neighbors.search(["aa"], n=3) == [["aa", "ab", "aaaa"]]
    # More neighbours than candidates: the list grows.
    assert neighbors.search(["aa"], n=4) == [["aa", "aaa", "ab", "aaaa"]]


def test_distances_are_exact_though_neighbours_may_be_missed():
    rng = np.random.default_rng(0)
    lexicon = ["".join(rng.choice(list("abcdef"), 8)) for _ in range(300)]
    strings = [word[:3] + word[4:] for word in lexicon[::10]]
    near = StringNeighbors(
        5, algorithm="embedding", embedder=DCToW(), n_candidates=30
    ).fit(lexicon)
    distances, indices = near.kneighbors(strings)
    for string, row, found in zip(strings, distances, indices, strict=True):
        assert row.tolist() == [edit_distance(string, lexicon[i]) for i in found]
    best, _ = StringNeighbors(5, algorithm="exact").fit(lexicon).kneighbors(strings)
    assert (distances >= best).all() and (distances > best).any()


def test_a_fitted_embedder_is_used_as_it_is():
    fitted = PHOC(alphabet=None).fit(["the", "training", "strings"])
    neighbors = StringNeighbors(1, algorithm="embedding", embedder=fitted)
    neighbors.fit(["string", "train"])
    assert neighbors.embedder_ is fitted
    assert neighbors.search(["strings"]) == [["string"]]


def test_of_one_that_is_not_a_clone_is_fitted_on_the_lexicon():
    embedder = Places({"a": 0, "b": 1})
    neighbors = StringNeighbors(1, algorithm="embedding", embedder=embedder)
    neighbors.fit(["a", "b"])
    assert not hasattr(embedder, "fitted_")
    assert neighbors.embedder_.fitted_ == ["a", "b"]


def test_frozen_embedders_survive_cloning():
    fitted = DCToW(alphabet=None).fit(["ab"])
    neighbors = StringNeighbors(
        1, algorithm="embedding", embedder=FrozenEstimator(fitted)
    )
    again = clone(neighbors).fit(["a", "b"])
    assert again.embedder_.alphabet_ == "ab"


def test_pipelines_embed():
    embedder = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(1, 2)),
        TruncatedSVD(3, random_state=0),
    )
    neighbors = StringNeighbors(1, algorithm="embedding", embedder=embedder)
    neighbors.fit(["deliver", "great", "honour", "recruit"])
    assert neighbors.search(["honor", "grate"]) == [["honour"], ["great"]]


def test_embedders_may_return_frames():
    embedder = DCToW().set_output(transform="pandas")
    neighbors = StringNeighbors(1, algorithm="embedding", embedder=embedder)
    assert neighbors.fit(["honour", "great"]).search(["grate"]) == [["great"]]


def test_auto_embeds_only_large_lexicons(monkeypatch):
    monkeypatch.setattr(string_neighbors, "_MAX_EXACT", 4)
    four, five = ["a", "b", "c", "d"], ["a", "b", "c", "d", "e"]
    assert StringNeighbors(embedder=DCToW()).fit(four).algorithm_ == "exact"
    assert StringNeighbors(embedder=DCToW()).fit(five).algorithm_ == "embedding"
    assert StringNeighbors().fit(five).algorithm_ == "exact"
    refitted = StringNeighbors(embedder=DCToW()).fit(five).fit(four)
    assert not hasattr(refitted, "embedder_")


# --- Folding ------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["exact", "embedding"])
def test_folding_is_for_comparing_only(algorithm):
    params = {"algorithm": algorithm, "embedder": DCToW()}
    lexicon = ["CAFÉ", "cafes", "face"]
    folding = StringNeighbors(2, lowercase=True, strip_accents="unicode", **params)
    distances, _ = folding.fit(lexicon).kneighbors(["Café"])
    assert distances.tolist() == [[0, 1]]
    assert folding.search(["Café"]) == [["CAFÉ", "cafes"]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exact = StringNeighbors(2, **params).fit(lexicon)
        assert exact.kneighbors(["Café"])[0].tolist() == [[3, 3]]


def test_strings_are_compared_by_code_points():
    composed, decomposed = (unicodedata.normalize(f, "é") for f in ("NFC", "NFD"))
    neighbors = StringNeighbors(1).fit([composed])
    assert neighbors.kneighbors([decomposed])[0].item() == 2


# --- search -------------------------------------------------------------------------


def test_search_returns_entries_as_given():
    neighbors = StringNeighbors(2).fit(LEXICON)
    assert neighbors.search(["grate", "x"]) == [["great", "great"], ["", "great"]]
    assert neighbors.search(pd.Series(["reliever"]), n=1) == [["relieved"]]
    assert sorted(neighbors.search([""], n=100)[0]) == sorted(LEXICON)


@pytest.mark.parametrize("convert", [tuple, np.array, pd.Series])
def test_containers(convert):
    neighbors = StringNeighbors(1).fit(convert(LEXICON))
    assert neighbors.lexicon_ == LEXICON and neighbors.n_samples_fit_ == 7
    assert neighbors.kneighbors(convert(["grate"]))[1].tolist() == [[1]]


# --- State --------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["exact", "embedding"])
def test_pickling_and_cloning(algorithm):
    neighbors = StringNeighbors(3, algorithm=algorithm, embedder=DCToW(), n_jobs=1)
    found = neighbors.fit(LEXICON).kneighbors(["grate", "honor"])
    again = pickle.loads(pickle.dumps(neighbors))
    assert pairs(*again.kneighbors(["grate", "honor"])) == pairs(*found)
    fresh = clone(neighbors)
    with pytest.raises(NotFittedError):
        fresh.kneighbors(["grate"])
    with pytest.raises(NotFittedError):
        fresh.search(["grate"])


def test_later_changes_of_the_list_do_not_matter():
    lexicon = ["great", "honour"]
    neighbors = StringNeighbors(1).fit(lexicon)
    lexicon[0] = "zebra"
    assert neighbors.search(["grate"]) == [["great"]]


# --- Hostile input ------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad, error, match",
    [
        (["a", None], TypeError, "Entry 1 of {} is None"),
        (["a", "b", np.nan], TypeError, "Entry 2 of {} is nan"),
        ([b"a"], TypeError, "Entry 0 of {} .*Decode it"),
        ([["a", "b"]], TypeError, "Entry 0 of {} .*Flatten"),
        ([1, 2], TypeError, "Entry 0 of {} is 1"),
        ([], ValueError, "{} is empty"),
        ("great", TypeError, "{} is one str"),
        ({"great"}, TypeError, "{} is a set"),
    ],
)
def test_bad_strings(bad, error, match):
    with pytest.raises(error, match=match.format("lexicon")):
        StringNeighbors().fit(bad)
    neighbors = StringNeighbors(1).fit(LEXICON)
    for method in (neighbors.kneighbors, neighbors.search):
        with pytest.raises(error, match=match.format("strings")):
            method(bad)


@pytest.mark.parametrize(
    "params, error, match",
    [
        ({"n_neighbors": 0}, InvalidParameterError, "'n_neighbors'"),
        ({"algorithm": "kd_tree"}, InvalidParameterError, "'algorithm'"),
        ({"algorithm": "embedding"}, ValueError, "needs an embedder"),
        ({"embedder": "phoc"}, InvalidParameterError, "'embedder'"),
        ({"metric": "cosine"}, InvalidParameterError, "'metric'"),
        ({"metric_params": {"weight": 1}}, ValueError, "takes weights"),
        ({"metric_params": {"weights": (1, 1)}}, ValueError, "three non-negative"),
        ({"n_candidates": 0}, InvalidParameterError, "'n_candidates'"),
        ({"strip_accents": True}, InvalidParameterError, "'strip_accents'"),
        ({"n_jobs": 1.5}, InvalidParameterError, "'n_jobs'"),
    ],
)
def test_bad_parameters(params, error, match):
    with pytest.raises(error, match=match):
        StringNeighbors(**params).fit(LEXICON)


@pytest.mark.parametrize("k", [0, -1, 2.5, "3", None])
def test_bad_numbers_of_neighbours(k):
    neighbors = StringNeighbors(1).fit(LEXICON)
    if k is None:
        assert neighbors.kneighbors(["a"], n_neighbors=k)[1].shape == (1, 1)
        return
    with pytest.raises(ValueError, match="n_neighbors is .*integer of at least 1"):
        neighbors.kneighbors(["a"], n_neighbors=k)
    with pytest.raises(ValueError, match="n is .*integer of at least 1"):
        neighbors.search(["a"], n=k)


def test_more_neighbours_than_entries():
    neighbors = StringNeighbors(3).fit(["a", "b", "c"])
    assert neighbors.kneighbors(["a"])[1].tolist() == [[0, 1, 2]]
    with pytest.raises(ValueError, match="n_neighbors is 3, but there are 2 strings"):
        neighbors.kneighbors()
    with pytest.raises(ValueError, match="n_neighbors is 4, but there are 3 strings"):
        neighbors.kneighbors(["a"], 4)


class Returns(Places):
    """Embeds whatever by what it is told."""

    def transform(self, strings):
        return self.places(len(strings))


@pytest.mark.parametrize(
    "returned, error, match",
    [
        (lambda n: np.ones(n), ValueError, r"shape \(3,\) for 3 strings"),
        (lambda n: np.ones((n + 1, 2)), ValueError, r"shape \(4, 2\) for 3 strings"),
        (lambda n: sparse.eye_array(n, 9), TypeError, "9 columns.*TruncatedSVD"),
        (
            lambda n: np.array([[0.0], [np.nan], [np.inf]]),
            ValueError,
            r"NaN or infinity for 2 strings, the first of them 'b' \(entry 1\)",
        ),
    ],
)
def test_bad_embedders(returned, error, match):
    neighbors = StringNeighbors(algorithm="embedding", embedder=Returns(returned))
    with pytest.raises(error, match=match):
        neighbors.fit(["a", "b", "c"])


def test_a_fit_that_fails_leaves_no_trace():
    neighbors = StringNeighbors(1, algorithm="embedding", embedder=PHOC())
    bad = Returns(lambda n: sparse.eye_array(n, 9))
    unfitted = StringNeighbors(algorithm="embedding", embedder=bad)
    with pytest.raises(TypeError):
        unfitted.fit(["a", "b"])
    with pytest.raises(NotFittedError):
        unfitted.search(["a"])
    neighbors.fit(["great", "later"])
    with pytest.raises(TypeError):
        neighbors.set_params(embedder=bad).fit(["a", "b"])
    assert neighbors.search(["grate"]) == [["great"]]
