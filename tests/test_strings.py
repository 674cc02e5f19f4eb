"""Lists of strings and rows of character ids."""

import enum
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from sklearn_crossmodal.utils import _strings
from sklearn_crossmodal.utils._strings import (
    ALPHANUMERIC,
    check_alphabet,
    check_strings,
    encode,
    fold,
    learn_alphabet,
    resolve_alphabet,
    warn_unknown,
)

# Beside plain letters: what numpy pads with, a lone surrogate, another plane, the last.
CHARACTERS = "abcz\0é\ud800\U0001f436\U0010ffff"
texts = st.lists(st.text(CHARACTERS, max_size=6), min_size=1, max_size=8)
alphabets = st.permutations(CHARACTERS).flatmap(
    lambda order: st.integers(1, len(order)).map(lambda n: "".join(order[:n]))
)


# --- Collections --------------------------------------------------------------------


# Unlike a StrEnum's, the str() of its members is not their value.
class Colour(str, enum.Enum):  # noqa: UP042
    RED = "red"


@pytest.mark.parametrize(
    "strings",
    [
        ["red", ""],
        ("red", ""),
        np.array(["red", ""]),
        np.array(["red", ""], dtype=object),
        np.array(["red", ""], dtype=np.dtypes.StringDType()),
        pd.Series(["red", ""], index=[7, 3]),
        pd.Series(["red", ""], dtype="string"),
        pd.Series(["red", ""], dtype="category"),
        pd.Index(["red", ""]),
        [np.str_("red"), np.str_("")],
        [Colour.RED, ""],
    ],
    ids=lambda strings: f"{type(strings).__name__}-{getattr(strings, 'dtype', '')}",
)
def test_any_ordered_collection_becomes_a_list_of_plain_strings(strings):
    checked = check_strings(strings)
    assert checked == ["red", ""]
    assert [type(text) for text in checked] == [str, str]


def test_polars_series():
    pl = pytest.importorskip("polars")
    assert check_strings(pl.Series(["red", ""])) == ["red", ""]
    with pytest.raises(TypeError, match="Entry 1 of strings is None"):
        check_strings(pl.Series(["red", None]))


def test_the_list_is_a_copy():
    strings = ["red"]
    assert check_strings(strings) is not strings


BAD = {
    "one text": ("red", TypeError, r"words is one str, 'red'.*Wrap it: \[words\]"),
    "one bytes": (b"red", TypeError, r"words is one bytes, b'red'"),
    "none": (None, TypeError, "words is a NoneType"),
    "number": (3, TypeError, "words is a int"),
    "set": ({"red"}, TypeError, "words is a set.*whose order is fixed"),
    "dict": ({"red": 1}, TypeError, "words is a dict"),
    "generator": ((t for t in "ab"), TypeError, "one-shot generator.*list"),
    "map": (map(str, [1]), TypeError, "one-shot map"),
    "empty list": ([], ValueError, "words is empty; expected at least one str"),
    "empty series": (pd.Series([], dtype=str), ValueError, "words is empty"),
    "table": (np.array([["a"], ["b"]]), TypeError, r"shape \(2, 1\).*one dimension"),
    "frame": (pd.DataFrame({"a": ["b"]}), TypeError, r"shape \(1, 1\)"),
    "scalar": (np.array("a"), TypeError, r"shape \(\)"),
    "a None": (["a", None], TypeError, r"Entry 1 of words is None .*missing entries"),
    "a NaN": (["a", np.nan], TypeError, r"Entry 1 .* nan \(float\).*missing entries"),
    "an NA": (["a", pd.NA], TypeError, "Entry 1 .*NA.*missing entries"),
    "a NaT": (["a", "b", pd.NaT], TypeError, "Entry 2 .*NaT.*missing entries"),
    "masked": (
        np.ma.masked_array(["a", "b"], mask=[False, True]),
        TypeError,
        "Entry 1 of words is None",
    ),
    "a bytes": (["a", "b", b"c"], TypeError, r"Entry 2 .* b'c' \(bytes\).*Decode it"),
    "bytes array": (np.array([b"a"]), TypeError, r"Entry 0 .* b'a'.*Decode it"),
    "a number": (["a", 3], TypeError, r"Entry 1 .* 3 \(int\).*str\(\.\.\.\)"),
    "numbers": (np.arange(3.0), TypeError, r"Entry 0 .* 0\.0 \(float\)"),
    "lists": ([["a", "b"], ["c"]], TypeError, r"Entry 0 .*\(list\).*Flatten words"),
    "a tuple": (["a", ("b",)], TypeError, r"Entry 1 .*\(tuple\).*Flatten words"),
    "an array": (["a", np.array(["b"])], TypeError, "Entry 1 .*Flatten words"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_collections(name):
    bad, error, match = BAD[name]
    with pytest.raises(error, match=match):
        check_strings(bad, "words")


def test_long_entries_are_cut_in_the_message():
    with pytest.raises(TypeError) as info:
        check_strings([list(range(100_000))])
    assert len(str(info.value)) < 300


# --- Folding ------------------------------------------------------------------------


@given(
    strings=st.lists(st.text(max_size=8), min_size=1, max_size=5),
    lowercase=st.booleans(),
    strip_accents=st.sampled_from([None, "ascii", "unicode"]),
)
def test_folding_is_that_of_count_vectorizer(strings, lowercase, strip_accents):
    vectorizer = CountVectorizer(lowercase=lowercase, strip_accents=strip_accents)
    expected = list(map(vectorizer.build_preprocessor(), strings))
    assert fold(strings, lowercase=lowercase, strip_accents=strip_accents) == expected


# --- Alphabets ----------------------------------------------------------------------


def test_learned_alphabets_are_sorted_and_distinct():
    assert learn_alphabet(["banana", "", "\U0001f436é"]) == "abné\U0001f436"
    assert learn_alphabet([""]) == ""


@pytest.mark.parametrize(
    "alphabet, error, match",
    [
        ("", ValueError, "at least one character"),
        ("abca", ValueError, "'a' more than once"),
        (list("abc"), TypeError, r"list.*join"),
        (None, TypeError, "NoneType"),
        (b"abc", TypeError, "bytes"),
        (3, TypeError, "int"),
    ],
)
def test_bad_alphabets(alphabet, error, match):
    with pytest.raises(error, match=match):
        check_alphabet(alphabet)


def test_the_default_alphabet():
    assert check_alphabet(ALPHANUMERIC) == ALPHANUMERIC
    assert len(ALPHANUMERIC) == 36
    assert learn_alphabet([ALPHANUMERIC]) == "".join(sorted(ALPHANUMERIC))


# --- Ids ----------------------------------------------------------------------------


def ids_character_by_character(strings, alphabet, width):
    number = {character: i for i, character in enumerate(alphabet, 2)}
    width = max(map(len, strings)) if width is None else width
    rows = np.zeros((len(strings), width), dtype=int)
    for row, text in zip(rows, strings, strict=True):
        for place, character in enumerate(text[:width]):
            row[place] = number.get(character, 1)
    return rows


@given(strings=texts, alphabet=alphabets, width=st.none() | st.integers(0, 8))
def test_ids_equal_those_of_a_loop(strings, alphabet, width):
    ids, n_unknown = encode(strings, alphabet, width)
    expected = ids_character_by_character(strings, alphabet, width)
    np.testing.assert_array_equal(ids, expected)
    assert ids.dtype == np.uint8
    assert n_unknown == np.count_nonzero(expected == 1)


@given(strings=st.lists(st.text(max_size=8), min_size=1, max_size=5))
def test_a_learned_alphabet_leaves_nothing_unknown_and_loses_nothing(strings):
    alphabet = learn_alphabet(strings)
    ids, n_unknown = encode(strings, alphabet)
    assert n_unknown == 0
    back = ["".join(alphabet[i - 2] for i in row if i) for row in ids]
    assert back == strings


def test_blocks_do_not_change_the_ids(monkeypatch):
    strings = ["abc", "", "b\0", "zzz", "\0", "c"] * 5
    whole = encode(strings, "cb\0")
    monkeypatch.setattr(_strings, "_BLOCK_CHARACTERS", 7)
    ids, n_unknown = encode(strings, "cb\0")
    np.testing.assert_array_equal(ids, whole[0])
    assert n_unknown == whole[1]


@pytest.mark.parametrize(
    "n_characters, dtype",
    [
        (254, np.uint8),
        (255, np.uint16),
        (2**16 - 2, np.uint16),
        (2**16 - 1, np.int32),
    ],
)
def test_ids_of_large_alphabets(n_characters, dtype):
    alphabet = "".join(map(chr, range(1, n_characters + 1)))
    ids, n_unknown = encode([alphabet[0] + alphabet[-1] + chr(0x10FFFF)], alphabet)
    assert ids.dtype == dtype
    assert ids.tolist() == [[2, n_characters + 1, 1]]
    assert n_unknown == 1


def test_a_width_bounds_the_memory_whatever_the_longest_string(monkeypatch):
    seen = []
    array = np.array
    monkeypatch.setattr(
        _strings.np,
        "array",
        lambda *args, **kwargs: seen.append(array(*args, **kwargs)) or seen[-1],
    )
    ids, _ = encode(["a" * 10_000_000, "b"], "ab", 4)
    assert ids.tolist() == [[2, 2, 2, 2], [3, 0, 0, 0]]
    assert max(made.nbytes for made in seen) <= 64


# --- The warning --------------------------------------------------------------------


def test_the_warning_counts_characters_and_strings():
    strings = ["café", "a?b", "ab", "éé"]
    with pytest.warns(UserWarning) as caught:
        warn_unknown(strings, "abcf")
    assert len(caught) == 1
    message = str(caught[0].message)
    assert message.startswith(
        "4 characters are outside the alphabet in 3 of 4 strings, e.g. 'é' (3), "
        "'?' (1); they share the row of unknown characters."
    )


def test_the_warning_speaks_of_one_character():
    with pytest.warns(UserWarning, match="^1 character is outside .* in 1 of 2 str"):
        warn_unknown(["a", "?"], "a", meaning="skipped")


@given(strings=texts, alphabet=alphabets, width=st.none() | st.integers(0, 4))
def test_the_warning_comes_if_and_only_if_characters_are_unknown(
    strings, alphabet, width
):
    _, n_unknown = encode(strings, alphabet, width)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_unknown(strings, alphabet, width)
    counts = [int(str(w.message).split()[0]) for w in caught]
    assert counts == ([n_unknown] if n_unknown else [])


@pytest.mark.parametrize(
    "alphabet, lowercase, strip_accents, lost",
    [
        ("aB", True, None, "B"),
        ("aé", False, "unicode", "é"),
        ("aé", True, "ascii", "é"),
    ],
)
def test_an_alphabet_holds_no_character_that_folding_takes_away(
    alphabet, lowercase, strip_accents, lost
):
    folding = {"lowercase": lowercase, "strip_accents": strip_accents}
    with pytest.raises(ValueError, match=f"alphabet has '{lost}', which no string"):
        resolve_alphabet(alphabet, ["a"], **folding)
    kept = resolve_alphabet(alphabet, ["a"], lowercase=False, strip_accents=None)
    assert kept == alphabet
    assert resolve_alphabet(None, ["ba", "c"], **folding) == "abc"
