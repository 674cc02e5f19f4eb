"""Sums and differences of words and images, and what is nearest to them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_crossmodal.word_space import _search
from sklearn_crossmodal.word_space._search import (
    mix,
    nearest_rows,
    nearest_words,
    unit_rows,
)

# Directions: royal, male, female, fruit, and one that distractors share with each.
ROYAL, MALE, FEMALE, FRUIT = np.eye(4)
SPACE = {
    "king": ROYAL + MALE,
    "man": MALE,
    "woman": FEMALE,
    "queen": ROYAL + FEMALE,
    "prince": 3 * ROYAL + 2 * MALE,
    "girl": 4 * FEMALE + MALE / 2,
    "apple": FRUIT,
    "pear": 2 * FRUIT + FEMALE / 4,
}
W = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 1, 0, 0]])


def table_of(space):
    table = np.array(list(space.values()), dtype=np.float32)
    return table, {word: i for i, word in enumerate(space)}


TABLE, VOCABULARY = table_of(SPACE)


def project(X):
    X = np.asarray(X)
    assert X.shape == (1, 5)
    return (X @ W).astype(np.float32)


def ask(positive=(), negative=(), n=3, space=SPACE):
    table, vocabulary = table_of(space)
    query, given_ = mix(positive, negative, table, vocabulary, project)
    return nearest_words(query, table, vocabulary, given_, n)


def names(found):
    return [word for word, _ in found]


def cosine(a, b):
    return a @ b / np.sqrt((a @ a) * (b @ b))


# --- Analogies ----------------------------------------------------------------------


def test_king_without_man_and_with_woman_is_queen():
    for positive in (["king", "woman"], ["woman", "king"], ("king", "woman")):
        (word, score), *_ = ask(positive, ["man"])
        assert word == "queen"
        assert score == pytest.approx(1, abs=1e-6)


def test_the_sign_matters():
    assert ask(["queen", "man"], "woman")[0][0] != "queen"
    assert ask(["man", "woman"], ["king"], n=1)[0][0] != "queen"
    # man - king + woman points away from what is royal.
    query, _ = mix(["man", "woman"], ["king"], TABLE, VOCABULARY, project)
    np.testing.assert_allclose(query, FEMALE - ROYAL)


def test_an_image_takes_the_place_of_a_word():
    king = [0, 0, 0, 0, 1]  # projected to royal and male
    (word, score), *_ = ask([king, "woman"], ["man"])
    assert word == "queen"
    assert score == pytest.approx(1, abs=1e-6)
    # An image is no word: the nearest word itself is an answer.
    assert names(ask([king]))[0] == "king"


def test_differences_are_taken_before_anything_is_normalised():
    space = {
        "a": np.array([10.0, 0, 0]),
        "b": np.array([0.0, 1, 0]),
        "long": np.array([9.0, 1, 0]),
        "short": np.array([1.0, 1, 0]),
    }
    # Of unit vectors the sum would be nearest to "short".
    assert names(ask(["a", "b"], n=1, space=space)) == ["long"]
    assert names(ask(["long"], ["a"], n=1, space=space)) == ["b"]
    unit = {word: v / np.linalg.norm(v) for word, v in space.items()}
    assert names(ask(["a", "b"], n=1, space=unit)) == ["short"]


# --- Against loops ------------------------------------------------------------------

N_WORDS, SIZE = 12, 5


def slow(positive, negative, table, n):
    query = sum(table[i] for i in positive) - sum(
        (table[i] for i in negative), np.zeros(SIZE)
    )
    cosines = {
        f"w{i}": cosine(query, row)
        for i, row in enumerate(table)
        if i not in positive and i not in negative
    }
    return sorted(cosines.items(), key=lambda item: -item[1])[:n]


@settings(max_examples=60)
@given(
    seed=st.integers(0, 2**16),
    ids=st.permutations(range(N_WORDS)),
    n_positive=st.integers(1, 4),
    n_negative=st.integers(0, 3),
    n=st.integers(1, N_WORDS + 3),
)
def test_answers_equal_loops(seed, ids, n_positive, n_negative, n):
    table = np.random.default_rng(seed).normal(size=(N_WORDS, SIZE)) * 3
    table = table.astype(np.float32)
    positive = ids[:n_positive]
    negative = ids[n_positive : n_positive + n_negative]
    found = ask(
        [f"w{i}" for i in positive],
        [f"w{i}" for i in negative],
        n,
        {f"w{i}": row for i, row in enumerate(table)},
    )
    expected = slow(positive, negative, table.astype(float), n)
    assert len(found) == len(expected)
    np.testing.assert_allclose(
        [score for _, score in found], [score for _, score in expected], atol=1e-5
    )
    assert dict(found).keys() == dict(expected).keys() or n < N_WORDS
    cosines = dict(slow(positive, negative, table.astype(float), N_WORDS))
    for word, score in found:
        assert score == pytest.approx(cosines[word], abs=1e-5)


@settings(max_examples=40)
@given(st.lists(st.sampled_from(list(SPACE)), min_size=1, max_size=5))
def test_what_was_given_is_no_answer(words):
    assert set(names(ask(words, n=100))) == set(SPACE) - set(words)
    others = [word for word in words if word != "king"]
    found = names(ask("king", others, n=100))
    assert set(found) == set(SPACE) - {"king", *others}


def test_fewer_answers_than_words_and_none_more():
    for n in range(1, 10):
        assert len(ask("king", n=n)) == min(n, len(SPACE) - 1)


def test_scores_are_cosines_that_descend():
    found = ask(["king", [0, 0, 0, 2, 0]], "woman", n=100)
    query = SPACE["king"] + 2 * FRUIT - SPACE["woman"]
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)
    for word, score in found:
        assert isinstance(score, float)
        assert score == pytest.approx(cosine(query, SPACE[word]), abs=1e-6)


def test_a_word_twice_counts_twice():
    query, _ = mix(["king", "king"], ["apple"] * 3, TABLE, VOCABULARY, project)
    np.testing.assert_allclose(query, 2 * SPACE["king"] - 3 * SPACE["apple"])


# --- How words and images are given -------------------------------------------------

ROW_A, ROW_B = np.array([1.0, 0, 2, 0, 0]), np.array([0.0, 0, 0, 3, 1])
A, B = ROW_A @ W, ROW_B @ W
ENTRIES = {
    "a word": ("king", SPACE["king"]),
    "a numpy word": (np.str_("king"), SPACE["king"]),
    "words": (["king", "man"], SPACE["king"] + SPACE["man"]),
    "an array of words": (np.array(["king", "man"]), SPACE["king"] + SPACE["man"]),
    "a row": (ROW_A, A),
    "a row in a list": ([ROW_A], A),
    "a list of numbers": (ROW_A.tolist(), A),
    "a row of float32": (ROW_A.astype(np.float32), A),
    "a row of integers": (ROW_A.astype(int), A),
    "rows": ([ROW_A, ROW_B], A + B),
    "rows as lists": ([ROW_A.tolist(), ROW_B.tolist()], A + B),
    "a matrix": (np.array([ROW_A, ROW_B]), A + B),
    "a word and a row": (["king", ROW_A], SPACE["king"] + A),
    "a row and a word": ([ROW_A, "king"], SPACE["king"] + A),
    "a word and a list of numbers": (["king", ROW_A.tolist()], SPACE["king"] + A),
    "a tuple of all": ((ROW_B, "king", ROW_A, "man"),
                       SPACE["king"] + SPACE["man"] + A + B),
}  # fmt: skip


@pytest.mark.parametrize("name", ENTRIES)
def test_words_and_rows_are_given_in_any_mixture(name):
    entry, expected = ENTRIES[name]
    query, given_ = mix(entry, (), TABLE, VOCABULARY, project)
    np.testing.assert_allclose(query, expected, rtol=1e-6)
    assert {list(SPACE)[i] for i in given_} <= {"king", "man"}
    negated, _ = mix("apple", entry, TABLE, VOCABULARY, project)
    np.testing.assert_allclose(negated, SPACE["apple"] - expected, rtol=1e-6)


def test_nothing_is_changed_in_place():
    table, row = TABLE.copy(), ROW_A.copy()
    query, given_ = mix(["king"], [row], table, VOCABULARY, project)
    nearest_words(query, table, VOCABULARY, given_, 3)
    np.testing.assert_array_equal(table, TABLE)
    np.testing.assert_array_equal(row, ROW_A)


# --- What is refused ----------------------------------------------------------------


@pytest.mark.parametrize("sign", ["positive", "negative"])
def test_an_unknown_word_is_named(sign):
    terms = {"positive": ["king"], "negative": []}
    terms[sign] = [*terms[sign], "emperor"]
    with pytest.raises(KeyError, match=r"'emperor'.*not in the vocabulary"):
        ask(**terms)


@pytest.mark.parametrize("nothing", [(), [], np.empty(0), np.empty((0, 5))])
def test_nothing_is_refused(nothing):
    with pytest.raises(ValueError, match="needs a word or an image"):
        ask(nothing, nothing)


def test_what_cancels_is_refused():
    for positive, negative in [
        ("king", "king"),
        (["king", "woman"], ["woman", "king"]),
        ([ROW_A], [ROW_A]),
        (["king", "woman"], ["queen", "man"]),
    ]:
        with pytest.raises(ValueError, match="cancels to zero"):
            ask(positive, negative)


@settings(max_examples=40)
@given(st.integers(0, 2**16), st.permutations(range(6)), st.floats(-30, 30))
def test_any_words_cancel_with_themselves(seed, order, exponent):
    # The largest word decides what is small.
    table = np.random.default_rng(seed).normal(size=(6, 4)) * 10**exponent
    words = [f"w{i}" for i in range(6)]
    space = dict(zip(words, table.astype(np.float32), strict=True))
    with pytest.raises(ValueError, match="cancels to zero"):
        ask(words, [words[i] for i in order], space=space)


def test_a_word_without_length_is_no_direction():
    with pytest.raises(ValueError, match="zero"):
        ask("void", space={**SPACE, "void": np.zeros(4)})


@pytest.mark.parametrize(
    "bad", [None, {"king"}, ["king", 3.0], [["king"], "man"], np.zeros((1, 2, 5)),
            ["king", None], [ROW_A, ROW_A.astype(object)]]
)  # fmt: skip
@pytest.mark.parametrize("name", ["positive", "negative"])
def test_what_is_neither_word_nor_row_is_named(bad, name):
    with pytest.raises(TypeError, match=rf"Entry [01] of {name} must be a word or a"):
        ask(**{"positive": "queen", name: bad})


# --- Unit rows ----------------------------------------------------------------------


@settings(max_examples=40)
@given(st.integers(0, 2**16), st.floats(-15, 15))
def test_rows_have_unit_length_and_their_direction_or_are_zero(seed, exponent):
    rng = np.random.default_rng(seed)
    table = (rng.normal(size=(6, 4)) * 10**exponent).astype(np.float32)
    table[2] = 0
    before = table.copy()
    unit = unit_rows(table)
    np.testing.assert_array_equal(table, before)
    assert unit.dtype == np.float32
    np.testing.assert_array_equal(unit[2], 0)
    rest = [0, 1, 3, 4, 5]
    exact = table[rest] / np.linalg.norm(table[rest].astype(float), axis=1)[:, None]
    np.testing.assert_allclose(unit[rest], exact, rtol=1e-5)


@settings(max_examples=25)
@given(st.integers(0, 2**16), st.integers(1, 12), st.integers(1, 20))
def test_nearest_rows_are_found_in_blocks_as_in_one(seed, n_rows, n):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n_rows, 3)).astype(np.float32) * rng.integers(1, 9)
    queries = unit_rows(rng.normal(size=(4, 3)).astype(np.float32))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_search, "_BLOCK_ROWS", 3)
        indices, cosines = nearest_rows(queries, table, n)
    expected = queries @ unit_rows(table).T
    order = np.argsort(-expected, axis=1)[:, :n]
    np.testing.assert_array_equal(indices, order)
    np.testing.assert_allclose(
        cosines, np.take_along_axis(expected, order, axis=1), atol=1e-6
    )
