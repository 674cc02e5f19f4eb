"""The lexicon report against ranks counted one by one."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sklearn_crossmodal.base import TwoViewEmbedder
from sklearn_crossmodal.metrics import _lexicon, lexicon_report

WORDS = ["bus", "taxi", "sand", "surf", "stop"]


class Lexicon(TwoViewEmbedder):
    """Images and captions are given as the scores of words."""

    def __init__(self, words=WORDS, background=(5, 4, 3, 2, 1), index=False):
        self.words = words
        self.background = background
        self.index = index

    def fit(self, X, y, groups=None):
        return self

    def __sklearn_is_fitted__(self):
        return True

    @property
    def vocabulary_(self):
        if not self.index:
            return self.words
        # A dict of columns, in another order.
        return {word: i for i, word in reversed(list(enumerate(self.words)))}

    def transform(self, X):
        return np.asarray(X)

    def transform_y(self, y):
        return np.array([list(map(float, text.split())) for text in y])

    def score(self, X, y):
        return 0.0

    def _columns(self, words):
        words = self.words if words is None else words
        return [self.words.index(word) for word in words]

    def word_proba(self, X, words=None):
        X = X.toarray() if sparse.issparse(X) else np.asarray(X)
        return X[:, self._columns(words)]

    def word_proba_y(self, y, words=None):
        return self.transform_y(y)[:, self._columns(words)]

    def background_proba(self, words=None):
        return np.array(self.background, dtype=float)[self._columns(words)]


def as_texts(scores):
    return [" ".join(map(str, row)) for row in scores]


def slow_ranks(scores, column):
    """The rank in every order of words that descends, ties in all ways."""
    return [
        order.index(column) + 1
        for order in permutations(range(len(scores)))
        if all(scores[a] >= scores[b] for a, b in zip(order, order[1:], strict=False))
    ]


@given(
    arrays(float, (4, 5), elements=st.integers(0, 3).map(float)),
    arrays(float, (4, 5), elements=st.integers(0, 3).map(float)),
    st.lists(st.lists(st.sampled_from(WORDS), max_size=3), min_size=4, max_size=4),
    st.sampled_from([1, 5, 10**6]),
)
def test_ranks_match_all_orders(X, topics, words, block_values):
    words[2] = [*words[2], "taxi"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_lexicon, "_BLOCK_VALUES", block_values)
        patch.setattr(_lexicon, "_CUTS", (1, 3))
        patch.setattr(_lexicon, "_PERCENTS", (20, 50))
        report = lexicon_report(Lexicon(), X, as_texts(topics), words)
    rows = [i for i, row in enumerate(words) for _ in row]
    columns = [WORDS.index(word) for row in words for word in row]
    assert report.rows.tolist() == rows
    assert report.words == [WORDS[column] for column in columns]
    tables = {
        "frequency": np.tile([5, 4, 3, 2, 1], (4, 1)),
        "image": X,
        "caption": topics,
    }
    for name, table in tables.items():
        ranks = [slow_ranks(table[i], c) for i, c in zip(rows, columns, strict=True)]
        expected = [np.mean(r) for r in ranks]
        assert report.ranks[name] == pytest.approx(expected, abs=1e-12)
        cuts = {"rank<=1": 1, "rank<=3": 3, "top 20 %": 1, "top 50 %": 2}
        for key, k in cuts.items():
            share = np.mean([np.mean(np.array(r) <= k) for r in ranks])
            assert report.scores[name][key] == pytest.approx(share, abs=1e-12)
        assert report.scores[name]["median_rank"] == pytest.approx(np.median(expected))


def big_lexicon(n=2000):
    words = [f"w{i}" for i in range(n)]
    return Lexicon(words, background=np.arange(n, 0, -1))


def test_constant_scores_are_at_chance():
    lexicon = big_lexicon()
    lexicon.background = np.ones(2000)
    X = np.ones((3, 2000))
    words = [["w0"], ["w1999", "w7"], []]
    report = lexicon_report(lexicon, X, as_texts(X), words)
    assert report.chance == {
        "rank<=10": 0.005,
        "rank<=100": 0.05,
        "rank<=1000": 0.5,
        "top 1 %": 0.01,
        "top 10 %": 0.1,
        "median_rank": 1000.5,
    }
    for values in report.scores.values():
        assert values == pytest.approx(report.chance)


def test_ranks_start_at_one_and_shares_count_the_last_place():
    lexicon = big_lexicon()
    X = np.tile(np.arange(2000, 0, -1.0), (3, 1))
    words = [["w0", "w9"], ["w10", "w19"], ["w20"]]
    report = lexicon_report(lexicon, X, None, words)
    assert report.ranks["image"].tolist() == [1, 10, 11, 20, 21]
    assert report.scores["image"]["rank<=10"] == pytest.approx(2 / 5)
    assert report.scores["image"]["top 1 %"] == pytest.approx(4 / 5)
    assert report.scores["image"]["median_rank"] == 11
    np.testing.assert_array_equal(report.ranks["frequency"], report.ranks["image"])


def test_a_lexicon_smaller_than_a_cut_is_all_within_it():
    report = lexicon_report(Lexicon(), np.eye(5), None, [[w] for w in WORDS])
    assert report.chance["rank<=10"] == report.scores["image"]["rank<=10"] == 1
    assert report.scores["image"]["top 10 %"] == 0


def test_instances_weigh_the_same():
    X = np.tile([5.0, 4, 3, 2, 1], (2, 1))
    report = lexicon_report(Lexicon(), X, None, [["stop", "stop"], ["bus", "stop"]])
    assert report.ranks["image"].tolist() == [5, 5, 1, 5]


def test_without_captions_there_is_no_oracle():
    report = lexicon_report(Lexicon(), np.eye(5), None, WORDS)
    assert list(report.scores) == list(report.ranks) == ["frequency", "image"]
    assert "oracle" not in str(report)


def test_words_of_a_row_may_be_a_text():
    X = np.eye(5)[:2]
    as_text = lexicon_report(Lexicon(), X, None, ["bus stop", "sand"])
    as_list = lexicon_report(Lexicon(), X, None, [["bus", "stop"], ["sand"]])
    assert as_text.words == as_list.words
    np.testing.assert_array_equal(as_text.ranks["image"], as_list.ranks["image"])


def test_words_out_of_the_lexicon_are_counted():
    words = [["bus", "exit"], ["exit", "Taxi"], ["sand"]]
    report = lexicon_report(Lexicon(), np.eye(5)[:3], None, words)
    assert report.oov == {"exit": 2, "Taxi": 1}
    assert report.words == ["bus", "sand"]
    assert report.rows.tolist() == [0, 2]
    assert str(report).splitlines()[-1] == (
        "3 instances are left out, their word is not in the lexicon: 'exit', 'Taxi'"
    )


def test_the_words_that_are_ranked_may_be_given():
    X = np.array([[5.0, 4, 3, 2, 1]])
    some = ["stop", "surf", "taxi"]
    for words in (some, pd.Series(some)):
        report = lexicon_report(
            Lexicon(), X, as_texts(X), [["taxi", "stop", "bus"]], lexicon_words=words
        )
        assert report.n_words == 3
        for ranks in report.ranks.values():
            assert ranks.tolist() == [1, 3]
        assert report.oov == {"bus": 1}


def test_a_vocabulary_of_columns_is_read_by_column():
    X = np.array([[5.0, 4, 3, 2, 1]])
    report = lexicon_report(Lexicon(index=True), X, None, [["taxi", "stop"]])
    assert report.ranks["image"].tolist() == [2, 5]


@pytest.mark.parametrize("searched", [False, True])
def test_steps_in_front_of_the_lexicon_transform_images(searched):
    X = np.random.default_rng(0).normal(size=(6, 5))
    words = [WORDS[:2], WORDS[3:]] * 3
    pipe = make_pipeline(FunctionTransformer(np.negative), "passthrough", Lexicon())
    if searched:
        grid = {"lexicon__index": [True]}
        pipe = GridSearchCV(pipe, grid, cv=2, error_score="raise")
    pipe.fit(X, as_texts(X))
    report = lexicon_report(pipe, X, as_texts(X), words)
    expected = lexicon_report(Lexicon(), -X, as_texts(X), words)
    for name, ranks in expected.ranks.items():
        np.testing.assert_array_equal(report.ranks[name], ranks)


@pytest.mark.parametrize("kind", [pd.DataFrame, sparse.csr_array, np.ndarray.tolist])
def test_images_in_any_container(kind):
    X = np.random.default_rng(0).normal(size=(4, 5))
    words = [["bus"], [], ["surf", "sand"], ["stop"]]
    report = lexicon_report(Lexicon(), kind(X), None, words)
    expected = lexicon_report(Lexicon(), X, None, words)
    np.testing.assert_array_equal(report.ranks["image"], expected.ranks["image"])


def test_images_are_asked_for_in_blocks_that_leave_out_rows_without_words(monkeypatch):
    sizes = []

    class Watched(Lexicon):
        def word_proba(self, X, words=None):
            sizes.append(len(X))
            return super().word_proba(X, words)

    monkeypatch.setattr(_lexicon, "_BLOCK_VALUES", 15)
    words = [["bus"], [], *[["sand"]] * 7]
    lexicon_report(Watched(), np.eye(9)[:, :5], None, words)
    assert sizes == [3, 3, 2]


def test_nan_ranks_last_and_warns():
    X = np.array([[np.nan, 1, 2, 3, 4], [1, 2, 3, 4, 5]])
    with pytest.warns(UserWarning, match="1 scores are NaN and rank last"):
        report = lexicon_report(Lexicon(), X, None, [["bus", "stop"], ["bus"]])
    assert report.ranks["image"].tolist() == [5, 1, 5]
    assert np.isnan(X[0, 0])  # what the lexicon returned is not written to


class NoLexicon(Lexicon):
    @property
    def background_proba(self):
        raise AttributeError


class Narrow(Lexicon):
    def word_proba(self, X, words=None):
        return super().word_proba(X, words)[:, :3]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"words": [["bus"]]}, ValueError, "X has 5 rows and words has 1"),
        ({"y": ["1 2 3 4 5"]}, ValueError, "X has 5 rows and y has 1"),
        ({"words": np.eye(5)}, TypeError, "words holds no text"),
        ({"words": ["bus"] * 4 + [3]}, TypeError, "Row 4 of words"),
        ({"words": ["BUS"] * 5}, ValueError, "None of the 5 held-out words"),
        ({"words": [[]] * 5}, ValueError, "None of the 0 held-out words"),
        ({"lexicon_words": ["bus", "bus"]}, ValueError, "'bus' more than once"),
        ({"lexicon_words": []}, ValueError, "lexicon_words is empty"),
        ({"lexicon_words": [1]}, TypeError, "Entry 0 of lexicon_words"),
        ({"lexicon": NoLexicon()}, TypeError, "NoLexicon has no background_proba"),
        ({"lexicon": object()}, TypeError, "object has no second view"),
        ({"lexicon": Narrow()}, ValueError, r"returned shape \(5, 3\), expected .* 5"),
    ],
)
def test_bad_input_says_what_is_wrong(change, error, message):
    given_ = {"lexicon": Lexicon(), "X": np.eye(5), "y": None, "words": WORDS}
    with pytest.raises(error, match=message):
        lexicon_report(**given_ | change)


def test_a_real_lexicon_is_between_frequency_and_captions():
    from sklearn_crossmodal import DynamicLexicon
    from sklearn_crossmodal.preprocessing import LDAVectorizer

    rng = np.random.default_rng(0)
    topics = [[f"t{t}w{i}" for i in range(30)] for t in range(4)]
    of_image = rng.integers(4, size=400)
    said = [list(rng.choice(topics[t], 8)) for t in of_image]
    X = np.eye(4)[of_image] + rng.normal(scale=0.7, size=(400, 4))
    captions = [" ".join(words[:-1]) for words in said]
    held_out = [words[-1:] for words in said]
    topics = LDAVectorizer(4, random_state=0)
    lexicon = DynamicLexicon(topics, lr=0.05, random_state=0)
    lexicon.fit(X[:300], captions[:300])
    report = lexicon_report(lexicon, X[300:], captions[300:], held_out[300:])
    frequency, image, caption = (
        report.scores[name]["median_rank"] for name in ("frequency", "image", "caption")
    )
    assert caption <= image < frequency
