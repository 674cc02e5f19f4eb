"""Correlation with edit distance against scipy, loops and figures of real data."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from scipy.fft import dct
from scipy.spatial.distance import pdist
from scipy.stats import pearsonr, spearmanr
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_crossmodal.base import TwoViewEmbedder
from sklearn_crossmodal.metrics import edit_distance_correlation
from sklearn_crossmodal.metrics._edit_correlation import _pairs

DATA = Path(__file__).parents[2].parent / "shared" / "data"
METRICS = ("euclidean", "sqeuclidean", "cosine", "braycurtis")
TEXT = st.text("ab", max_size=5)


def close(value):
    return pytest.approx(value, abs=1e-9, nan_ok=True)


def levenshtein(a, b):
    if not a or not b:
        return len(a) + len(b)
    if a[0] == b[0]:
        return levenshtein(a[1:], b[1:])
    return 1 + min(
        levenshtein(a[1:], b), levenshtein(a, b[1:]), levenshtein(a[1:], b[1:])
    )


@st.composite
def embedded_strings(draw, min_size=2):
    strings = draw(st.lists(TEXT, min_size=min_size, max_size=8, unique=True))
    positive = st.integers(1, 5)
    return strings, draw(arrays(np.float32, (len(strings), 3), elements=positive))


# --- Against an independent reference ------------------------------------------------


@pytest.mark.filterwarnings("ignore:All .* pairs have the same")
@pytest.mark.filterwarnings("ignore:An input array is constant")
@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=40)
@given(embedded_strings())
def test_agrees_with_scipy_and_loops(metric, case):
    strings, X = case
    report = edit_distance_correlation(strings, X, metric=metric)
    edits = [levenshtein(a, b) for i, a in enumerate(strings) for b in strings[i + 1 :]]
    # Rounded, as scipy's cosine distances of equal angles differ in the last digits.
    distances = pdist(X.astype(np.float64), metric).round(10)
    assert report.n_pairs == len(edits)
    assert report.edit_distances.tolist() == sorted(set(edits))
    for edit, n, row in zip(
        report.edit_distances, report.n_pairs_at, report.quartiles, strict=True
    ):
        at = [d for d, e in zip(distances, edits, strict=True) if e == edit]
        assert n == len(at)
        assert row.tolist() == close(np.percentile(at, [0, 25, 50, 75, 100]).tolist())
    if len(set(edits)) > 1 and len(set(distances)) > 1:
        assert report.spearman == close(spearmanr(edits, distances).statistic)
        # That rounding moves distances near zero by a share of 1e-8.
        expected = pearsonr(edits, distances).statistic
        assert report.pearson == pytest.approx(expected, abs=1e-7)
    else:
        assert np.isnan([report.spearman, report.pearson]).all()


@settings(max_examples=60)
@given(st.integers(2, 300), st.data())
def test_every_pair_is_drawn_at_most_once(n, data):
    n_all = n * (n - 1) // 2
    n_pairs = data.draw(st.integers(1, n_all + 5))
    left, right = _pairs(n, n_pairs, data.draw(st.integers(0, 9)))
    assert (left >= 0).all() and (left < right).all() and (right < n).all()
    drawn = set(zip(left.tolist(), right.tolist(), strict=True))
    assert len(drawn) == len(left) == min(n_pairs, n_all)


def test_pairs_of_very_many_strings():
    n = 3_000_000
    left, right = _pairs(n, 100_000, 0)
    assert (left >= 0).all() and (left < right).all() and (right < n).all()
    # A pair's larger string has the density 2 i / n^2, the smaller the other half.
    assert right.mean() / n == pytest.approx(2 / 3, abs=0.005)
    assert left.mean() / n == pytest.approx(1 / 3, abs=0.005)


# --- Invariants ----------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:All .* pairs have the same")
@pytest.mark.parametrize("metric", METRICS)
@settings(max_examples=20)
@given(embedded_strings(), st.randoms(use_true_random=False))
def test_order_and_repetitions_of_strings_do_not_matter(metric, case, random):
    strings, X = case
    report = edit_distance_correlation(strings, X, metric=metric)
    order = [*range(len(strings)), 0, 1]
    random.shuffle(order)
    again = edit_distance_correlation(
        [strings[i] for i in order], X[order], metric=metric
    )
    assert again.n_strings == len(strings)
    assert again.spearman == close(report.spearman)
    assert again.pearson == close(report.pearson)
    assert again.quartiles.ravel().tolist() == close(report.quartiles.ravel().tolist())


def test_distances_that_are_edit_distances():
    strings = ["", "a", "aaa", "aaaaaa"]
    report = edit_distance_correlation(strings, [[0], [1], [3], [6]])
    assert report.spearman == close(1)
    assert report.pearson == close(1)
    assert report.edit_distances.tolist() == [1, 2, 3, 5, 6]
    assert report.n_pairs_at.tolist() == [1, 1, 2, 1, 1]
    assert (report.quartiles == report.edit_distances[:, None]).all()
    squared = edit_distance_correlation(
        strings, [[0], [1], [3], [6]], metric="sqeuclidean"
    )
    assert squared.spearman == close(1)
    assert squared.pearson == close(
        pearsonr([1, 2, 3, 3, 5, 6], [1, 4, 9, 9, 25, 36])[0]
    )


def test_equal_angles_tie():
    # The cosine is 1 / sqrt(2) for both pairs with "b", whatever the lengths are.
    X = np.array([[1, 0], [3, 3], [0, 7]]) * 0.1
    report = edit_distance_correlation(["a", "b", "ccc"], X, metric="cosine")
    # Edits 1, 3, 3 and distances s, s, 1.
    assert report.spearman == close(spearmanr([1, 3, 3], [0, 1, 0]).statistic)


@pytest.mark.parametrize("metric, expected", [("cosine", [1, 1, 1]), ("braycurtis", 0)])
def test_rows_of_zeros(metric, expected):
    strings = ["a", "bb", "ccc"]
    X = np.array([[0.0, 0], [0, 0], [1, 2]])
    if metric == "cosine":
        with pytest.warns(UndefinedMetricWarning, match="same distance, 1:"):
            report = edit_distance_correlation(strings, X, metric=metric)
        assert (report.quartiles == 1).all()
    else:
        report = edit_distance_correlation(strings, X, metric=metric)
        assert report.quartiles[0].tolist() == [0] * 5
        assert report.quartiles[1].tolist() == [1] * 5


@pytest.mark.parametrize("metric", METRICS)
def test_constant_embeddings_have_no_correlation(metric):
    X = np.full((4, 7), 0.1, dtype=np.float32)
    with pytest.warns(UndefinedMetricWarning, match="6 pairs have the same distance"):
        report = edit_distance_correlation(["a", "b", "cc", "ddd"], X, metric=metric)
    assert np.isnan(report.spearman) and np.isnan(report.pearson)
    assert np.abs(report.quartiles).max() <= 1e-12


def test_equal_edit_distances_have_no_correlation():
    with pytest.warns(UndefinedMetricWarning, match="have the same edit distance, 1:"):
        report = edit_distance_correlation(["a", "b", "c"], [[0], [1], [3]])
    assert np.isnan(report.spearman)


def test_a_sample_of_pairs():
    rng = np.random.default_rng(0)
    strings = ["".join(rng.choice(list("abc"), rng.integers(1, 9))) for _ in range(300)]
    strings = list(dict.fromkeys(strings))
    letters = CountVectorizer(analyzer="char").fit(strings)
    whole = edit_distance_correlation(strings, letters)
    sample = edit_distance_correlation(strings, letters, n_pairs=5000)
    assert sample.n_pairs == 5000 == sample.n_pairs_at.sum() < whole.n_pairs
    # Its standard error is about 1 / sqrt(5000).
    assert sample.spearman == pytest.approx(whole.spearman, abs=5 / 5000**0.5)
    again = edit_distance_correlation(strings, letters, n_pairs=5000)
    other = edit_distance_correlation(strings, letters, n_pairs=5000, random_state=1)
    assert again.spearman == sample.spearman != other.spearman
    large = edit_distance_correlation(strings, letters, n_pairs=10**9)
    assert large.spearman == whole.spearman


# --- What embeds ---------------------------------------------------------------------


class Lengths(TwoViewEmbedder):
    """Embed strings, the second view, by their length."""

    def fit(self, X, y, groups=None):
        return self

    def transform(self, X):
        raise AssertionError("strings are the second view")

    def transform_y(self, y):
        return np.array([[len(text), 0] for text in y], dtype=np.float32)


def test_embedders_and_embeddings():
    strings = ["great", "greater", "letter", "later", "deliver", "great"]
    letters = CountVectorizer(analyzer="char").fit(strings)
    X = letters.transform(strings).toarray()
    report = edit_distance_correlation(strings, X)
    pipe = make_pipeline(letters, FunctionTransformer(lambda X: X.toarray()))
    for embedder in (letters, pipe, X.astype(np.float32), X.tolist()):
        again = edit_distance_correlation(np.array(strings), embedder)
        assert again.spearman == close(report.spearman)
        assert str(again) == str(report)
    lengths = [[len(text)] for text in strings]
    two_view = edit_distance_correlation(strings, Lengths())
    assert two_view.spearman == edit_distance_correlation(strings, lengths).spearman
    with pytest.raises(TypeError, match=r"call embedder.toarray\(\)"):
        edit_distance_correlation(strings, sparse.csr_array(X))


def test_other_edit_distances():
    strings = ["ab", "ba", "abc"]
    lengths = [[0], [2], [7]]
    edits = edit_distance_correlation(strings, lengths, edit_metric="osa")
    assert edits.edit_distances.tolist() == [1, 2]
    weights = {"weights": (2, 2, 3)}
    edits = edit_distance_correlation(strings, lengths, edit_metric_params=weights)
    assert edits.edit_distances.tolist() == [2, 4, 5]
    halves = edit_distance_correlation(
        strings, lengths, edit_metric=lambda a, b: abs(len(a) - len(b)) / 2
    )
    assert halves.edit_distances.tolist() == [0, 0.5]
    assert halves.n_pairs_at.tolist() == [1, 2]


def test_a_table_and_boxes():
    report = edit_distance_correlation(["", "a", "aaa"], [[0], [1.5], [3]])
    lines = str(report).splitlines()
    assert lines[0] == (
        "euclidean distance of 3 pairs of 3 strings: Spearman 0.866, Pearson 0.866"
    )
    assert lines[2].split() == ["1", "1", *["1.500"] * 5]
    assert len(lines) == 5
    boxes = report.boxplot_stats()
    assert [box["label"] for box in boxes] == ["1", "2", "3"]
    assert boxes[2]["med"] == boxes[2]["whishi"] == 3
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure, ax = pyplot.subplots()
    drawn = ax.bxp(boxes, showfliers=False)
    assert [line.get_ydata()[0] for line in drawn["medians"]] == [1.5, 1.5, 3]
    pyplot.close(figure)


def test_a_table_of_very_many_distances_is_cut():
    rng = np.random.default_rng(0)
    strings = [str(i) for i in range(12)]
    report = edit_distance_correlation(
        strings,
        rng.normal(size=(12, 2)),
        edit_metric=lambda a, b: abs(int(a) - int(b)) + int(a) / 100,
    )
    lines = str(report).splitlines()
    assert len(report.edit_distances) == 66
    assert len(lines) == 43
    assert lines[-1] == "..."


# --- Bad input -----------------------------------------------------------------------

AB = ["a", "bb"]


@pytest.mark.parametrize(
    "strings, embedder, options, error, message",
    [
        (["a"], [[1]], {}, ValueError, "strings has one distinct string, 'a', expect"),
        (["a", "a"], [[1], [1]], {}, ValueError, "one distinct string, 'a'"),
        ([], [[1]], {}, ValueError, "strings is empty"),
        (["a", None], [[1], [2]], {}, TypeError, "Entry 1 of strings is None"),
        (AB, [[1]], {}, ValueError, "embedder has 1 rows and strings has 2 entries"),
        (AB, [1, 2], {}, ValueError, r"embedder has shape \(2,\), expected a 2-D"),
        (AB, [["a"], ["b"]], {}, ValueError, "embedder has dtype <U1, expected real"),
        (AB, "phoc", {}, TypeError, "embedder is 'phoc', expected a fitted transfor"),
        (AB, CountVectorizer, {}, TypeError, "embedder is <class .*, expected a fitt"),
        (["a", "b", "a"], [[1], [2], [3]], {}, ValueError, "Rows 0 and 2 of embedder"),
        (
            ["a", "a", "b"],
            [[1], [1], [np.nan]],
            {},
            ValueError,
            "embedding of 'b', entry 2 of strings, holds NaN",
        ),
        (AB, [[1], [2]], {"metric": "l2"}, ValueError, "metric is 'l2', expected one"),
        (AB, [[1], [2]], {"edit_metric": "l2"}, ValueError, "metric is 'l2'; expected"),
        (
            AB,
            [[1], [2]],
            {"edit_metric_params": {"weights": (1, 2, 1)}},
            ValueError,
            "Expected a symmetric distance",
        ),
        (AB, [[1], [2]], {"n_pairs": 0}, ValueError, "n_pairs is 0, expected a posit"),
        (AB, [[1], [2]], {"n_pairs": 1.5}, ValueError, "n_pairs is 1.5, expected a"),
    ],
)
def test_errors_say_what_is_wrong(strings, embedder, options, error, message):
    with pytest.raises(error, match=message):
        edit_distance_correlation(strings, embedder, **options)


def test_a_transformer_that_drops_strings_is_told():
    drops = FunctionTransformer(lambda texts: np.ones((len(texts) - 1, 2)))
    with pytest.raises(ValueError, match="transform returned 1 rows for 2 items"):
        edit_distance_correlation(AB, drops)


# --- Real data -----------------------------------------------------------------------

CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def phoc(word):
    """Mark the characters that lie in a region of a level with half of their width."""
    n, bits = len(word), []
    for level in (2, 3, 4, 5):
        for region in range(level):
            row = np.zeros(36)
            for k, character in enumerate(word):
                # In units of 1 / (n level), where a character is `level` wide.
                end = min((k + 1) * level, (region + 1) * n)
                if 2 * (end - max(k * level, region * n)) >= level:
                    row[CHARACTERS.index(character)] = 1
            bits.append(row)
    return np.concatenate(bits)


def dctow(word):
    """Three coefficients of each character's row; short words are padded first."""
    rows = np.zeros((36, max(3, len(word))))
    for k, character in enumerate(word):
        rows[CHARACTERS.index(character), k] = 1
    return dct(rows, axis=1)[:, :3].ravel()


def test_phoc_and_dctow_of_the_george_washington_words():
    path = DATA / "gw_words" / "gw_words_half.npz"
    if not path.exists():
        pytest.skip(f"needs {path.name} in ../shared/data")
    with np.load(path) as data:
        words = sorted(set(data["word"].tolist()))
    assert len(words) == 1124
    embeddings = {
        "phoc": np.array([phoc(word) for word in words]),
        "dctow": np.array([dctow(word) for word in words]),
    }
    spearman = {
        (name, metric): round(
            edit_distance_correlation(words, embeddings[name], metric=metric).spearman,
            3,
        )
        for name, metric in [
            ("phoc", "cosine"),
            ("phoc", "braycurtis"),
            ("phoc", "euclidean"),
            ("dctow", "cosine"),
            ("dctow", "euclidean"),
        ]
    }
    assert spearman == {
        ("phoc", "cosine"): 0.077,
        ("phoc", "braycurtis"): 0.085,
        ("phoc", "euclidean"): 0.872,
        ("dctow", "cosine"): 0.038,
        ("dctow", "euclidean"): 0.885,
    }
