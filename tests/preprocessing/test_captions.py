"""CaptionTokenizer: vocabulary, padding, token ids, hostile input."""

import json
import pickle
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_crossmodal.preprocessing import CaptionTokenizer

PAD, UNKNOWN = 0, 1
CAPTIONS = ["the dog sees the cat", "the cat runs", "a dog"]

words = st.text("abcdefgh", min_size=1, max_size=3)
captions = st.lists(words, min_size=1, max_size=6).map(" ".join)
corpora = st.lists(captions, min_size=1, max_size=8)


# --- Vocabulary ---------------------------------------------------------------------


def test_words_are_numbered_from_2_by_count_and_then_by_first_occurrence():
    tokenizer = CaptionTokenizer().fit(CAPTIONS)
    assert list(tokenizer.vocabulary_.items()) == [
        ("the", 2),  # three times
        ("dog", 3),  # twice, and before cat
        ("cat", 4),
        ("sees", 5),  # once
        ("runs", 6),
        ("a", 7),
    ]
    assert tokenizer.n_tokens_ == 8


@pytest.mark.parametrize(
    "params, kept",
    [
        ({"min_count": 2}, ["the", "dog", "cat"]),
        ({"min_count": 3}, ["the"]),
        ({"min_count": 4}, []),
        ({"max_words": 1}, ["the"]),
        ({"max_words": 4}, ["the", "dog", "cat", "sees"]),
        ({"max_words": 100}, ["the", "dog", "cat", "sees", "runs", "a"]),
        ({"max_words": 4, "min_count": 2}, ["the", "dog", "cat"]),
        ({"token_pattern": r"\w\w\w\w"}, ["sees", "runs"]),
    ],
)
def test_what_is_kept(params, kept):
    tokenizer = CaptionTokenizer(**params).fit(CAPTIONS)
    assert list(tokenizer.vocabulary_) == kept
    assert tokenizer.n_tokens_ == len(kept) + 2


def test_case_and_punctuation():
    texts = ["A dog, a DOG!", "dog."]
    assert list(CaptionTokenizer().fit(texts).vocabulary_) == ["dog", "a"]
    cased = CaptionTokenizer(lowercase=False).fit(texts)
    assert list(cased.vocabulary_) == ["dog", "A", "a", "DOG"]


@given(texts=corpora)
def test_vocabulary_does_not_depend_on_how_counts_are_spread(texts):
    joined = CaptionTokenizer().fit([" ".join(texts)])
    assert CaptionTokenizer().fit(texts).vocabulary_ == joined.vocabulary_


def test_refit_forgets():
    tokenizer = CaptionTokenizer().fit(CAPTIONS).fit(["zebra"])
    assert tokenizer.vocabulary_ == {"zebra": 2} and tokenizer.n_tokens_ == 3


# --- Rows of ids --------------------------------------------------------------------

# In Keras, pad_sequences pads and truncates on the left ("pre") by default.
FIVE = ["a b c d e", "a b"]


@pytest.mark.parametrize(
    "params, expected",
    [
        ({}, [[2, 3, 4, 5, 6], [2, 3, 0, 0, 0]]),
        ({"max_len": 3}, [[2, 3, 4], [2, 3, 0]]),
        ({"max_len": 3, "truncation": "left"}, [[4, 5, 6], [2, 3, 0]]),
        ({"max_len": 3, "padding": "left"}, [[2, 3, 4], [0, 2, 3]]),
        (
            {"max_len": 3, "padding": "left", "truncation": "left"},
            [[4, 5, 6], [0, 2, 3]],
        ),
        (
            {"max_len": 7, "padding": "left", "truncation": "left"},
            [[0, 0, 2, 3, 4, 5, 6], [0, 0, 0, 0, 0, 2, 3]],
        ),
        # Right padding goes to the longest caption, not to max_len.
        ({"max_len": 7}, [[2, 3, 4, 5, 6], [2, 3, 0, 0, 0]]),
        ({"max_len": 1, "truncation": "left"}, [[6], [3]]),
    ],
)
def test_padding_and_truncation(params, expected):
    tokens = CaptionTokenizer(**params).fit(FIVE).transform(FIVE)
    assert tokens.dtype == np.int64
    np.testing.assert_array_equal(tokens, expected)


def test_left_padding_has_one_width_whatever_the_captions():
    tokenizer = CaptionTokenizer(max_len=4, padding="left").fit(FIVE)
    np.testing.assert_array_equal(tokenizer.transform(["b"]), [[0, 0, 0, 3]])


def test_left_padding_needs_a_width():
    with pytest.raises(ValueError, match="padding='left' needs max_len"):
        CaptionTokenizer(padding="left").fit(FIVE)


def test_words_outside_the_vocabulary_are_id_1():
    tokenizer = CaptionTokenizer().fit(["a dog"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tokens = tokenizer.transform(["a cat and a dog"])
    np.testing.assert_array_equal(tokens, [[2, 1, 1, 2, 3]])


def test_captions_without_a_known_word_warn_with_their_number():
    tokenizer = CaptionTokenizer().fit(["a dog"])
    with pytest.warns(UserWarning, match="^3 of 4 captions have no word"):
        tokens = tokenizer.transform(["zebra crossing", "a zebra", "", "?!"])
    # Each is unknown, never empty: a caption has at least one word.
    np.testing.assert_array_equal(tokens, [[1, 1], [2, 1], [1, 0], [1, 0]])


@given(texts=corpora, max_len=st.none() | st.integers(1, 4), data=st.data())
def test_a_row_depends_on_its_caption_only(texts, max_len, data):
    side = data.draw(st.sampled_from(["left", "right"]))
    tokenizer = CaptionTokenizer(max_len=max_len, truncation=side).fit(texts)
    together = tokenizer.transform(texts)
    for row, text in zip(together, texts, strict=True):
        alone = tokenizer.transform([text])[0]
        np.testing.assert_array_equal(row[: len(alone)], alone)
        assert not row[len(alone) :].any()


# --- And back -----------------------------------------------------------------------


@given(texts=corpora, left=st.booleans())
def test_inverse_transform_gives_the_captions_back(texts, left):
    params = {"max_len": 6, "padding": "left"} if left else {}
    tokenizer = CaptionTokenizer(**params).fit(texts)
    assert tokenizer.inverse_transform(tokenizer.transform(texts)) == texts


@given(seen=corpora, texts=corpora, min_count=st.integers(1, 3))
def test_inverse_transform_marks_what_is_unknown(seen, texts, min_count):
    tokenizer = CaptionTokenizer(min_count=min_count).fit(seen)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        back = tokenizer.inverse_transform(tokenizer.transform(texts))
    known = tokenizer.vocabulary_
    assert back == [
        " ".join(word if word in known else "<unk>" for word in text.split())
        for text in texts
    ]


def test_inverse_transform_takes_lists_and_skips_padding_anywhere():
    tokenizer = CaptionTokenizer().fit(["a dog runs"])
    rows = [[0, 2, 0, 3], [0, 0, 0, 0], [99, 1, 4, 0]]
    assert tokenizer.inverse_transform(rows) == ["a dog", "", "<unk> <unk> runs"]


# --- Token ids ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "convert",
    [
        np.array,
        list,
        pd.DataFrame,
        lambda ids: np.array(ids, dtype=np.float32),
        lambda ids: np.array(ids, dtype=np.uint8),
        pytest.param(
            lambda ids: np.array(ids, dtype=object),
        ),
    ],
    ids=["int", "list", "frame", "float32", "uint8", "object"],
)
def test_token_ids_pass_through(convert):
    ids = [[4, 3, 0], [9, 0, 0]]
    tokenizer = CaptionTokenizer().fit(convert(ids))
    assert tokenizer.vocabulary_ == {} and tokenizer.n_tokens_ == 10
    tokens = tokenizer.transform(convert(ids))
    assert tokens.dtype == np.int64
    np.testing.assert_array_equal(tokens, ids)


def test_one_dimensional_ids_are_captions_of_one_word():
    tokenizer = CaptionTokenizer().fit([3, 1, 2])
    np.testing.assert_array_equal(tokenizer.transform([3, 2]), [[3], [2]])


def test_token_ids_that_were_not_seen_are_unknown():
    tokenizer = CaptionTokenizer().fit([[2, 5], [3, 0]])
    # 4 was not seen but lies below the largest id, so that it has an embedding.
    tokens = tokenizer.transform([[6, 4], [1000, 0]])
    np.testing.assert_array_equal(tokens, [[UNKNOWN, 4], [UNKNOWN, PAD]])


@pytest.mark.parametrize("side, kept", [("right", [[2, 3]]), ("left", [[4, 5]])])
def test_max_len_cuts_token_ids(side, kept):
    tokenizer = CaptionTokenizer(max_len=2, truncation=side)
    ids = [[2, 3, 4, 5]]
    np.testing.assert_array_equal(tokenizer.fit(ids).transform(ids), kept)


def test_token_ids_on_a_tokenizer_of_texts():
    tokenizer = CaptionTokenizer().fit(["a dog"])
    np.testing.assert_array_equal(tokenizer.transform([[2, 3, 4]]), [[2, 3, UNKNOWN]])


def test_texts_on_a_tokenizer_of_ids_is_an_error():
    tokenizer = CaptionTokenizer().fit([[2, 3]])
    with pytest.raises(TypeError, match="fitted on token ids and has no vocabulary"):
        tokenizer.transform(["a dog"])


# --- State --------------------------------------------------------------------------


@given(texts=corpora, others=corpora, max_len=st.none() | st.integers(1, 4))
def test_the_state_survives_json(texts, others, max_len):
    tokenizer = CaptionTokenizer(max_len=max_len, truncation="left").fit(texts)
    state = json.loads(json.dumps(tokenizer.to_dict()))
    back = CaptionTokenizer.from_dict(state)
    assert back.get_params() == tokenizer.get_params()
    assert back.vocabulary_ == tokenizer.vocabulary_
    assert back.n_tokens_ == tokenizer.n_tokens_
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = tokenizer.transform(others)
        np.testing.assert_array_equal(back.transform(others), expected)


def test_the_state_of_a_tokenizer_of_ids_survives_json():
    tokenizer = CaptionTokenizer().fit(np.array([[2, 7]], dtype=np.int32))
    back = CaptionTokenizer.from_dict(json.loads(json.dumps(tokenizer.to_dict())))
    np.testing.assert_array_equal(back.transform([[7, 8]]), [[7, UNKNOWN]])


def test_numpy_integers_in_the_parameters_are_json_able():
    # They come from searches over np.arange, say.
    tokenizer = CaptionTokenizer(min_count=np.int64(1), max_len=np.int32(4))
    state = json.loads(json.dumps(tokenizer.fit(CAPTIONS).to_dict()))
    assert state["params"]["max_len"] == 4


def test_the_state_is_a_copy():
    tokenizer = CaptionTokenizer().fit(["a dog"])
    state = tokenizer.to_dict()
    state["vocabulary"]["cat"] = 9
    assert tokenizer.vocabulary_ == {"a": 2, "dog": 3}


def test_it_is_a_transformer_like_any_other():
    tokenizer = CaptionTokenizer(min_count=2, max_len=3)
    assert clone(tokenizer).get_params() == tokenizer.get_params()
    with pytest.raises(NotFittedError):
        tokenizer.transform(["a dog"])
    with pytest.raises(NotFittedError):
        tokenizer.to_dict()
    tokens = tokenizer.fit_transform(CAPTIONS)
    np.testing.assert_array_equal(tokens, tokenizer.transform(CAPTIONS))
    loaded = pickle.loads(pickle.dumps(tokenizer))
    np.testing.assert_array_equal(loaded.transform(CAPTIONS), tokens)


@pytest.mark.parametrize(
    "params",
    [
        {"min_count": 0},
        {"min_count": 1.5},
        {"max_words": 0},
        {"max_len": 0},
        {"padding": "pre"},
        {"truncation": None},
        {"token_pattern": None},
        {"lowercase": "yes"},
    ],
)
def test_parameters_out_of_range(params):
    (name,) = params
    tokenizer = CaptionTokenizer(**params)
    with pytest.raises(InvalidParameterError, match=f"The '{name}' parameter"):
        tokenizer.fit(CAPTIONS)
    assert not hasattr(tokenizer, "vocabulary_")


# --- Containers ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "convert",
    [list, tuple, np.array, lambda texts: np.array(texts, dtype=object), pd.Series,
     lambda texts: pd.Series(texts, index=[7, 3, 1]),
     lambda texts: pd.Series(texts, dtype="string")],
)  # fmt: skip
def test_texts_in_any_container(convert):
    tokenizer = CaptionTokenizer().fit(convert(CAPTIONS))
    expected = CaptionTokenizer().fit(CAPTIONS)
    assert tokenizer.vocabulary_ == expected.vocabulary_
    np.testing.assert_array_equal(
        tokenizer.transform(convert(CAPTIONS)), expected.transform(CAPTIONS)
    )


@pytest.mark.parametrize(
    "texts, vocabulary",
    [
        (["Ein süßer Hund", "SÜSSER"], ["ein", "süßer", "hund", "süsser"]),
        (["собака бежит", "Собака"], ["собака", "бежит"]),
        (["犬 が 走る"], ["犬", "が", "走る"]),
        (["κύων", "ΚΎΩΝ"], ["κύων"]),
        (["a \U0001f436 b"], ["a", "b"]),
        (["x\u00a0y\u2003z\n"], ["x", "y", "z"]),
        (["a\0b"], ["a", "b"]),
    ],
)
def test_unicode(texts, vocabulary):
    tokenizer = CaptionTokenizer().fit(texts)
    assert list(tokenizer.vocabulary_) == vocabulary
    state = json.loads(json.dumps(tokenizer.to_dict()))
    assert CaptionTokenizer.from_dict(state).vocabulary_ == tokenizer.vocabulary_


@given(texts=st.lists(st.text(max_size=12), min_size=1, max_size=5))
def test_any_text_is_taken(texts):
    tokenizer = CaptionTokenizer().fit(texts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tokens = tokenizer.transform(texts)
    assert len(tokens) == len(texts)
    assert ((tokens >= 0) & (tokens < tokenizer.n_tokens_)).all()
    assert (tokens[:, 0] != PAD).all()


# --- Hostile input ------------------------------------------------------------------

BAD = {
    "none": (None, TypeError, "NoneType"),
    "one text": ("a dog", TypeError, "got str"),
    "one bytes": (b"a dog", TypeError, "got bytes"),
    "number": (3, TypeError, "got int"),
    "generator": ((text for text in CAPTIONS), TypeError, r"one-shot generator.*list"),
    "empty list": ([], ValueError, "at least one caption"),
    "empty array": (np.empty(0), ValueError, "at least one caption"),
    "a None": (["a", None], TypeError, r"Caption 1 must be a str; got None"),
    "all None": ([None, None], TypeError, r"Caption 0 must be a str; got None"),
    "a bytes": (["a", b"b"], TypeError, r"Caption 1 must be a str; got b'b' \(bytes\)"),
    "bytes array": (np.array([b"a"]), TypeError, "Caption 0 must be a str"),
    "a number": (["a", 3], TypeError, r"Caption 1 must be a str; got 3 \(int\)"),
    "a NaN": (["a", np.nan], TypeError, "Caption 1 must be a str; got nan"),
    "several": ([["a", "b"], ["c"]], TypeError, "Caption 0 .* flatten_items"),
    "fractions": ([[2, 3], [2.5, 3]], ValueError, "non-negative integers; row 1"),
    "decimals": ([Decimal("2.5")], ValueError, "non-negative integers; row 0"),
    "negative": ([[2, 3], [2, 3], [-1, 3]], ValueError, "non-negative.* row 2"),
    "nan": (np.array([[1.0], [np.nan]]), ValueError, "non-negative.* row 1"),
    "inf": (np.array([np.inf, 1.0]), ValueError, "non-negative.* row 0"),
    "too large": (np.array([2**63], np.uint64), ValueError, "non-negative.* row 0"),
    "complex": (np.array([[1j]]), ValueError, "Complex data not supported"),
    "three dimensions": (np.ones((2, 2, 2), int), ValueError, "1 or 2 dimensions"),
    "ragged": ([[2, 3], [4]], ValueError, "one length; pad them with 0"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_bad_captions(name):
    bad, error, match = BAD[name]
    tokenizer = CaptionTokenizer()
    with pytest.raises(error, match=match):
        tokenizer.fit(bad)
    assert not [attribute for attribute in vars(tokenizer) if attribute.endswith("_")]
    tokenizer.fit(CAPTIONS)
    bad = (text for text in CAPTIONS) if name == "generator" else bad
    with pytest.raises(error, match=match):
        tokenizer.transform(bad)


def test_rows_without_an_id_are_an_error_that_says_so():
    with pytest.raises(ValueError, match="at least one id"):
        CaptionTokenizer().fit(np.zeros((3, 0), dtype=int))


def test_a_row_of_no_captions_is_an_error_that_names_it():
    with pytest.raises(TypeError, match=r"Caption 0 must be a str; got \[\]"):
        CaptionTokenizer().fit([[], []])
