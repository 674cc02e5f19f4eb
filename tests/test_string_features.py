"""PHOC and DCToW against their definitions, character by character."""

import pickle
import warnings
from collections import Counter
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.fft import dct
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_crossmodal.preprocessing import PHOC, DCToW, _string_features

ALPHANUMERIC = "abcdefghijklmnopqrstuvwxyz0123456789"
# Every pair of neighbours among them is one of 50 bigrams and more.
WORDS = ["thequickbrownfoxjumps", "overthelazydog1234567890", "packmyboxwithfivedozen"]

# Letters inside and outside of the alphabet "abc", and what numpy pads with.
words = st.text("abcdé\0\U0001f436", max_size=9)
corpora = st.lists(words, min_size=1, max_size=6)
levels = st.lists(st.integers(1, 6), min_size=1, max_size=3, unique=True)


def quietly(transformer, strings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return transformer.transform(strings)


# --- PHOC ---------------------------------------------------------------------------


def half_inside(start, end, region, level):
    """Whether at least half of what lies from start to end is in a region."""
    low, high = Fraction(region, level), Fraction(region + 1, level)
    overlap = min(end, high) - max(start, low)
    return overlap / (end - start) >= Fraction(1, 2)


def phoc_by_definition(word, levels, alphabet, bigram_levels, bigrams):
    n = len(word)
    bits = []
    for symbols, pyramid, span in ((alphabet, levels, 1), (bigrams, bigram_levels, 2)):
        for level in pyramid:
            for region in range(level):
                present = {
                    word[k : k + span]
                    for k in range(n - span + 1)
                    if half_inside(Fraction(k, n), Fraction(k + span, n), region, level)
                }
                bits += [float(symbol in present) for symbol in symbols]
    return bits


def bigrams_by_definition(words, alphabet, n_bigrams):
    counts = Counter(
        a + b
        for word in words
        for a, b in zip(word, word[1:], strict=False)
        if a in alphabet and b in alphabet
    )
    return sorted(counts, key=lambda bigram: (-counts[bigram], bigram))[:n_bigrams]


@given(
    train=corpora,
    test=corpora,
    levels=levels,
    bigram_levels=levels,
    n_bigrams=st.integers(0, 12),
)
def test_phoc_equals_its_definition(train, test, levels, bigram_levels, n_bigrams):
    phoc = PHOC(
        levels=levels,
        alphabet="cab",
        n_bigrams=n_bigrams,
        bigram_levels=bigram_levels,
    ).fit(train)
    assert phoc.bigrams_ == bigrams_by_definition(train, "cab", n_bigrams)
    expected = [
        phoc_by_definition(word, levels, "cab", bigram_levels, phoc.bigrams_)
        for word in test
    ]
    np.testing.assert_array_equal(quietly(phoc, test), expected)


def test_phoc_has_604_columns():
    phoc = PHOC().fit(WORDS)
    assert phoc.transform(WORDS).shape == (3, 604)
    assert len(phoc.bigrams_) == 50
    assert PHOC(n_bigrams=0).fit(WORDS).transform(WORDS).shape == (3, 504)
    expected = [
        phoc_by_definition(word, (2, 3, 4, 5), ALPHANUMERIC, (2,), phoc.bigrams_)
        for word in WORDS
    ]
    np.testing.assert_array_equal(phoc.transform(WORDS), expected)


@pytest.mark.parametrize("word", ["aba", "ccbcc", "aaaabaaaa"])
def test_the_middle_letter_of_an_odd_word_is_in_both_halves(word):
    phoc = PHOC(levels=(2,), n_bigrams=0).fit([word])
    bits = phoc.set_output(transform="pandas").transform([word])
    assert bits["b_1/2"].item() == bits["b_2/2"].item() == 1


def test_phoc_by_hand():
    phoc = PHOC(levels=(1, 2, 3), alphabet="ab", n_bigrams=2).fit(["abab"])
    assert phoc.bigrams_ == ["ab", "ba"]  # twice and once
    names = phoc.get_feature_names_out()

    def set_bits(word):
        return set(names[phoc.transform([word])[0] == 1])

    # Bigrams span two letters: each is half in either half of a word of three.
    assert set_bits("aba") == {
        *("a_1/1", "b_1/1", "a_1/2", "b_1/2", "a_2/2", "b_2/2"),
        *("a_1/3", "b_2/3", "a_3/3", "ab_1/2", "ba_2/2"),
    }
    # A single letter is more than half in no third.
    assert set_bits("b") == {"b_1/1", "b_1/2", "b_2/2"}
    # The bigram of a word of two is half in each half.
    assert {"ab_1/2", "ab_2/2"} <= set_bits("ab")


def test_bigram_levels_have_columns_of_their_own():
    phoc = PHOC(levels=(1,), alphabet="ab", bigram_levels=(1, 2)).fit(["ab"])
    names = ["a_1/1", "b_1/1", "ab_1/1", "ab_1/2", "ab_2/2"]
    assert list(phoc.get_feature_names_out()) == names
    np.testing.assert_array_equal(
        phoc.transform(["abbbbb", "bbbbab", "bbb"]),
        [[1, 1, 1, 1, 0], [1, 1, 1, 0, 1], [0, 1, 0, 0, 0]],
    )


def test_bigrams_are_those_of_the_training_strings():
    phoc = PHOC(n_bigrams=3).fit(["xyxy", "xyz", "ab"])
    # xy three times; yx, yz and ab once: by the alphabet.
    assert phoc.bigrams_ == ["xy", "ab", "yx"]
    assert PHOC(n_bigrams=3).fit(["ab", "xyz", "xyxy"]).bigrams_ == phoc.bigrams_
    assert PHOC().fit(["a"]).bigrams_ == []
    assert PHOC().fit(["a"]).transform(["ab"]).shape == (1, 504)


def test_unknown_characters_have_no_bits_but_take_their_place():
    phoc = PHOC(levels=(2,), alphabet="ab", n_bigrams=1).fit(["ab"])
    # In a word of four, "b" is in the second half; it would be in the first of two.
    with pytest.warns(UserWarning, match="^2 characters .* they are skipped"):
        bits = phoc.transform(["a??b"])
    np.testing.assert_array_equal(bits, [[1, 0, 0, 1, 0, 0]])


# --- DCToW --------------------------------------------------------------------------


def dctow_by_definition(word, alphabet, n_coefficients):
    rows = np.zeros((len(alphabet), n_coefficients))
    for row, character in zip(rows, alphabet, strict=True):
        places = [float(other == character) for other in word]
        if places:
            kept = dct(places, type=2)[:n_coefficients]
            row[: len(kept)] = kept
    return rows.ravel()


@given(test=corpora, n_coefficients=st.integers(1, 6))
def test_dctow_equals_its_definition(test, n_coefficients):
    dctow = DCToW(n_coefficients=n_coefficients, alphabet="cab").fit(["a"])
    expected = [dctow_by_definition(word, "cab", n_coefficients) for word in test]
    # Sums of up to nine numbers of at most 2: beyond that, the rounding to float32.
    np.testing.assert_allclose(quietly(dctow, test), expected, rtol=1e-6, atol=1e-14)


def test_dctow_has_108_columns():
    dctow = DCToW().fit(WORDS)
    expected = [dctow_by_definition(word, ALPHANUMERIC, 3) for word in WORDS]
    found = dctow.transform(WORDS)
    assert found.shape == (3, 108)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-14)


def test_short_strings_are_padded_with_zero_coefficients():
    found = DCToW(alphabet="ab").fit(["a"]).transform(["a", "ab"])
    np.testing.assert_allclose(
        found,
        [[2, 0, 0, 0, 0, 0], [2, np.sqrt(2), 0, 2, -np.sqrt(2), 0]],
        rtol=1e-6,
    )


def test_unknown_characters_are_never_another_characters():
    dctow = DCToW().fit(["a"])
    names = dctow.get_feature_names_out()
    with pytest.warns(UserWarning, match="^3 characters .* in 2 of 3 strings"):
        found = dctow.transform(["a-é", "ab", "\U0001f436"])
    used = {name[0] for name, column in zip(names, found.T, strict=True) if any(column)}
    assert used == {"a", "b"}
    np.testing.assert_allclose(
        found[0], dctow_by_definition("a-é", ALPHANUMERIC, 3), rtol=1e-6
    )


# --- Both ---------------------------------------------------------------------------

BOTH = pytest.mark.parametrize("kind", [PHOC, DCToW])


@BOTH
def test_empty_strings_are_zero(kind):
    transformer = kind().fit(WORDS)
    found = transformer.transform(["", "fox", ""])
    assert not found[[0, 2]].any() and found[1].any()
    assert found.dtype == np.float32
    assert kind().fit([""]).transform([""]).sum() == 0


@BOTH
@given(strings=corpora)
def test_a_row_depends_on_its_string_only(kind, strings):
    transformer = kind().fit(WORDS)
    together = quietly(transformer, strings)
    alone = np.vstack([quietly(transformer, [text]) for text in strings])
    np.testing.assert_array_equal(together, alone)


@BOTH
def test_blocks_do_not_change_the_rows(kind, monkeypatch):
    strings = [word[i:j] for word in WORDS for i in range(9) for j in range(i, 20)]
    transformer = kind().fit(strings)
    whole = transformer.transform(strings)
    monkeypatch.setattr(_string_features, "_BLOCK_ROWS", 3)
    monkeypatch.setattr(_string_features, "_BLOCK_CHARACTERS", 20)
    np.testing.assert_array_equal(transformer.transform(strings), whole)
    again = kind().fit(strings)
    np.testing.assert_array_equal(again.transform(strings), whole)


@BOTH
def test_case_and_accents(kind):
    strings, folded = ["Café", "ÀB"], ["cafe", "ab"]
    for form in ("ascii", "unicode"):
        transformer = kind(strip_accents=form).fit(strings)
        found = transformer.transform(strings)
        np.testing.assert_array_equal(found, transformer.transform(folded))
    cased = kind(lowercase=False, alphabet="abAB").fit(WORDS)
    assert (cased.transform(["ab"]) != cased.transform(["AB"])).any()


@BOTH
@given(strings=st.lists(st.text(max_size=8), min_size=1, max_size=5))
def test_alphabets_are_learned(kind, strings):
    transformer = kind(alphabet=None, lowercase=False)
    if not any(strings):
        with pytest.raises(ValueError, match="all strings are empty"):
            transformer.fit(strings)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = transformer.fit(strings).transform(strings)
    assert transformer.alphabet_ == "".join(sorted(set("".join(strings))))
    assert found.shape == (len(strings), len(transformer.get_feature_names_out()))
    assert [bool(row.any()) for row in found] == [bool(text) for text in strings]


@BOTH
@pytest.mark.parametrize("params", [{}, {"alphabet": "xyz"}, {"alphabet": None}])
def test_names_are_distinct_and_one_for_each_column(kind, params):
    transformer = kind(**params).fit(WORDS)
    names = transformer.get_feature_names_out()
    assert len(set(names)) == len(names) == quietly(transformer, WORDS).shape[1]


@BOTH
def test_set_output(kind):
    transformer = kind().set_output(transform="pandas")
    frame = transformer.fit(WORDS).transform(pd.Series(WORDS))
    assert list(frame.columns) == list(transformer.get_feature_names_out())
    np.testing.assert_array_equal(frame, kind().fit(WORDS).transform(WORDS))


@BOTH
def test_it_is_a_transformer_like_any_other(kind):
    transformer = kind(alphabet="abc", strip_accents="ascii")
    assert clone(transformer).get_params() == transformer.get_params()
    with pytest.raises(NotFittedError):
        transformer.transform(["a"])
    with pytest.raises(NotFittedError):
        transformer.get_feature_names_out()
    found = quietly(transformer.fit(WORDS), WORDS)
    again = quietly(pickle.loads(pickle.dumps(transformer)), WORDS)
    np.testing.assert_array_equal(again, found)
    pipeline = make_pipeline(clone(transformer)).fit(np.array(WORDS))
    np.testing.assert_array_equal(quietly(pipeline, np.array(WORDS)), found)


@BOTH
def test_ignoring_unknown_characters(kind):
    ignoring = kind(handle_unknown="ignore").fit(WORDS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ignoring.transform(["a?"])
    np.testing.assert_array_equal(found, quietly(kind().fit(WORDS), ["a?"]))


@BOTH
def test_unknown_characters_can_be_an_error(kind):
    strict = kind(handle_unknown="error").fit(["a?"])
    with pytest.raises(ValueError, match=r"Entry 1 of strings is 'b\?', whose '\?'"):
        strict.transform(["a", "b?", "!"])
    assert strict.transform(["b"]).any()


@BOTH
def test_the_warning_points_at_the_caller(kind):
    for transformer in (kind(), kind().set_output(transform="pandas")):
        with pytest.warns(UserWarning) as caught:
            transformer.fit(WORDS).transform(["?"])
        assert [warning.filename for warning in caught] == [__file__]


@BOTH
@pytest.mark.parametrize(
    "bad, error, match",
    [
        (["a", None], TypeError, "Entry 1 of strings is None"),
        (["a", "b", np.nan], TypeError, "Entry 2 of strings is nan"),
        ([b"a"], TypeError, "Entry 0 .*Decode it"),
        ([["a", "b"]], TypeError, "Entry 0 .*Flatten"),
        ([], ValueError, "strings is empty"),
        ("a", TypeError, "strings is one str"),
        (np.ones((2, 2)), TypeError, r"shape \(2, 2\)"),
    ],
)
def test_bad_strings(kind, bad, error, match):
    with pytest.raises(error, match=match):
        kind().fit(bad)
    with pytest.raises(error, match=match):
        kind().fit(WORDS).transform(bad)


@pytest.mark.parametrize(
    "transformer, error, match",
    [
        (PHOC(levels=()), ValueError, "levels is .*distinct integers"),
        (PHOC(levels=(2, 2)), ValueError, "levels is .*distinct integers"),
        (PHOC(levels=(0, 2)), ValueError, "levels is .*at least 1"),
        (PHOC(levels=(2.5,)), ValueError, "levels is .*distinct integers"),
        (PHOC(bigram_levels=(-1,)), ValueError, "bigram_levels is .*at least 1"),
        (PHOC(levels=2), InvalidParameterError, "'levels'"),
        (PHOC(n_bigrams=-1), InvalidParameterError, "'n_bigrams'"),
        (DCToW(n_coefficients=0), InvalidParameterError, "'n_coefficients'"),
        (PHOC(alphabet=""), ValueError, "alphabet is empty"),
        (DCToW(alphabet="aa"), ValueError, "'a' more than once"),
        (DCToW(alphabet=["a"]), InvalidParameterError, "'alphabet'"),
        (PHOC(strip_accents="yes"), InvalidParameterError, "'strip_accents'"),
        (DCToW(handle_unknown="skip"), InvalidParameterError, "'handle_unknown'"),
    ],
)
def test_bad_parameters(transformer, error, match):
    with pytest.raises(error, match=match):
        transformer.fit(WORDS)


def test_a_very_long_string_costs_its_length():
    # Padded to it, the short ones would need 10 GB.
    strings = ["a" * 100_000, *["b"] * 100_000]
    for transformer in (PHOC(alphabet="ab"), DCToW(alphabet="ab")):
        found = transformer.fit(strings).transform(strings)
        assert found[0].any() and (found[1:] == found[1]).all()


def test_folding_is_that_of_count_vectorizer():
    # The dotted capital becomes two characters, the final sigma its own.
    strings = ["İΟΔΟΣ"]
    expected = CountVectorizer(analyzer="char").fit(strings).get_feature_names_out()
    assert list(DCToW(alphabet=None).fit(strings).alphabet_) == list(expected)
