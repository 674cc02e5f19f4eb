"""load_digit_captions: real digits, captions that read them, nothing shared."""

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier

from sklearn_crossmodal.datasets import load_digit_captions

ROOT = Path(__file__).resolve().parents[2]
WORDS = "zero one two three four five six seven eight nine".split()


def read_back(caption):
    """Read the digits off a caption, without a look at how it was made."""
    caption = re.sub(r"^\w+ digits?: ", "", caption)
    caption = re.sub(r"\b(only|single|nothing else)\b", " ", caption)
    digits = []
    count = 1
    for token in re.findall(r"\w+", caption):
        plural = token not in WORDS and token.endswith("s")
        singular = re.sub("(?<=six)es$|s$", "", token) if plural else token
        value = WORDS.index(singular) if singular in WORDS else None
        if singular.isdigit():
            value = int(singular)
        if value is None:
            continue
        # "two threes": a number right before a plural counts it
        if plural:
            count = digits.pop()
        digits += [value] * count
        count = 1
    return tuple(digits[::-1] if "to the right of" in caption else digits)


@pytest.fixture(scope="module")
def train():
    return load_digit_captions()


@pytest.fixture(scope="module")
def test():
    return load_digit_captions(subset="test")


def test_defaults_are_aligned_and_in_range(train, test):
    for bunch, n_samples in [(train, 2000), (test, 500)]:
        assert bunch.data.shape == (n_samples, len(bunch.feature_names))
        assert bunch.data.dtype == np.float32
        assert bunch.data.min() == 0
        assert bunch.data.max() == 1
        assert np.array_equal(bunch.images.reshape(n_samples, -1), bunch.data)
        rows = [bunch.captions, bunch.digits, bunch.groups, bunch.source_digits]
        assert {len(row) for row in [*rows, bunch.split]} == {n_samples}
    assert set(train.split) == {"train"}
    assert set(test.split) == {"test"}
    assert "Alpaydin" in train.DESCR


def test_feature_names_name_the_pixels(train):
    row, column = 5, 17
    index = train.feature_names.index(f"pixel_{row}_{column}")
    assert np.array_equal(train.data[:, index], train.images[:, row, column])


@pytest.mark.parametrize("seeds", [(0, 0), (0, 1), (3, 2)])
def test_train_and_test_share_no_handwritten_digit(seeds):
    used = [
        np.unique(load_digit_captions(subset=subset, random_state=seed).source_digits)
        for subset, seed in zip(["train", "test"], seeds, strict=True)
    ]
    assert set(np.intersect1d(*used)) <= {-1}
    # nor the same pixels under another index
    pixels = load_digits().data
    first, second = ({pixels[i].tobytes() for i in part[part >= 0]} for part in used)
    assert not first & second


def test_images_show_the_source_digits_in_order(train):
    pixels = load_digits().images / 16
    target = load_digits().target
    for row in range(200):
        sources = train.source_digits[row]
        rebuilt = np.zeros((9, 24))
        for slot, source in enumerate(sources[sources >= 0]):
            top = train.offsets[row, slot]
            rebuilt[top : top + 8, 8 * slot : 8 * slot + 8] = pixels[source]
        np.testing.assert_array_equal(train.images[row], rebuilt)
        assert train.digits[row] == tuple(target[sources[sources >= 0]])


def test_empty_places_come_last_and_all_lengths_occur(train):
    empty = train.source_digits == -1
    assert not empty[:, 0].any()
    assert (np.diff(empty.astype(int), axis=1) >= 0).all()
    lengths = np.bincount([len(row) for row in train.digits])
    assert len(lengths) == 4
    assert lengths[1] < lengths[2] < lengths[3]
    assert lengths[1] > 200
    assert set(train.offsets.ravel()) == {0, 1}


def test_captions_say_the_digits_in_order(train, test):
    for bunch in (train, test):
        for digits, captions in zip(bunch.digits, bunch.captions, strict=True):
            assert {read_back(caption) for caption in captions} == {digits}, captions
            assert len(set(captions)) == len(captions) == 5


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    max_digits=st.integers(1, 9),
    n_captions=st.integers(1, 12),
)
def test_captions_of_any_length_can_be_read_back(seed, max_digits, n_captions):
    bunch = load_digit_captions(
        n_samples=20, random_state=seed, max_digits=max_digits, n_captions=n_captions
    )
    assert bunch.data.shape == (20, 72 * max_digits)
    for digits, captions in zip(bunch.digits, bunch.captions, strict=True):
        assert 1 <= len(digits) <= max_digits
        assert len(set(captions)) == n_captions
        assert {read_back(caption) for caption in captions} == {digits}


def test_captions_vary(train):
    captions = [caption for row in train.captions for caption in row]
    text = "\n".join(captions)
    for phrase in [
        "followed by",
        "to the right of",
        "to the left of",
        ", then ",
        "from left to right",
        "on its right",
        "only",
        "an eight",
        "an 8",
    ]:
        assert phrase in text
    assert re.search(r"^two \w+s$", text, re.MULTILINE)
    assert not re.search(r"\ba (8|eight)\b", text)
    in_numerals = np.mean([any(c.isdigit() for c in caption) for caption in captions])
    assert 0.4 < in_numerals < 0.6


def test_groups_mean_the_same_everywhere(train, test):
    other = load_digit_captions(max_digits=2, random_state=7)
    meaning = {}
    for bunch in (train, test, other):
        for group, digits in zip(bunch.groups.tolist(), bunch.digits, strict=True):
            assert meaning.setdefault(group, digits) == digits
    assert len(set(meaning.values())) == len(meaning)
    assert meaning[137] == (3, 7)
    assert {(0,), (0, 0)} <= set(meaning.values())  # leading zeros are kept apart


def test_all_is_train_then_test():
    both = load_digit_captions(subset="all", n_samples=101)
    parts = [
        load_digit_captions(subset="train", n_samples=81),
        load_digit_captions(subset="test", n_samples=20),
    ]
    assert np.array_equal(both.data, np.concatenate([part.data for part in parts]))
    assert both.captions == parts[0].captions + parts[1].captions
    assert both.split.tolist() == ["train"] * 81 + ["test"] * 20
    assert len(load_digit_captions(subset="all").data) == 2500
    assert load_digit_captions(subset="all", n_samples=1).split.tolist() == ["train"]


def test_same_seed_same_data_other_seed_other_data(train):
    again = load_digit_captions(random_state=np.random.RandomState(0))
    assert np.array_equal(train.data, again.data)
    assert train.captions == again.captions
    other = load_digit_captions(random_state=1)
    assert not np.array_equal(train.data, other.data)
    assert train.digits != other.digits


def test_data_are_the_same_in_another_process(train):
    code = (
        "from sklearn_crossmodal.datasets import load_digit_captions as load;"
        "import hashlib; b = load();"
        "print(hashlib.sha256(b.data.tobytes() + repr(b.captions).encode())"
        ".hexdigest())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONHASHSEED": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    here = hashlib.sha256(train.data.tobytes() + repr(train.captions).encode())
    assert result.stdout.strip() == here.hexdigest()


def test_frozen_first_row():
    """The numbers drawn from a seed are part of the interface."""
    bunch = load_digit_captions(subset="test", n_samples=100)
    assert bunch.digits[:3] == [(4, 8), (8, 8, 4), (4, 0, 9)]
    assert bunch.captions[0][0] == "4 followed by 8"


def test_global_numpy_state_is_untouched():
    before = np.random.get_state()
    load_digit_captions(n_samples=10, random_state=3)
    after = np.random.get_state()
    assert np.array_equal(before[1], after[1])
    assert before[2:] == after[2:]


def test_return_X_y(train):
    X, y = load_digit_captions(return_X_y=True)
    assert np.array_equal(X, train.data)
    assert y == train.captions


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"subset": "dev"}, ValueError, "subset must be one of 'train', 'test', 'all'"),
        ({"subset": None}, ValueError, "got None"),
        ({"subset": ["train"]}, ValueError, "got"),
        ({"n_samples": 0}, ValueError, "n_samples must be an int of at least 1; got 0"),
        ({"n_samples": -3}, ValueError, "n_samples"),
        ({"n_samples": 2.5}, TypeError, "n_samples .* got 2.5 of type float"),
        ({"n_samples": True}, TypeError, "of type bool"),
        ({"n_samples": "10"}, TypeError, "of type str"),
        ({"n_captions": 0}, ValueError, "n_captions"),
        ({"n_captions": 13}, ValueError, "at least 1 and at most 12; got 13"),
        ({"max_digits": 0}, ValueError, "max_digits"),
        ({"max_digits": 10}, ValueError, "at most 9"),
        ({"random_state": "seed"}, ValueError, "seed"),
        ({"random_state": -1}, ValueError, "[Ss]eed"),
    ],
)
def test_hostile_parameters(parameters, error, message):
    with pytest.raises(error, match=message):
        load_digit_captions(**parameters)


def test_numpy_integers_are_integers():
    bunch = load_digit_captions(n_samples=np.int64(4), max_digits=np.int8(2))
    assert bunch.data.shape == (4, 144)


def test_a_linear_probe_reads_each_place(train, test):
    """Learnable by a linear image tower, on digits it hasn't seen."""
    labels = [
        np.array([(*row, *[10] * (3 - len(row))) for row in bunch.digits])
        for bunch in (train, test)
    ]
    for slot, floor in enumerate([0.72, 0.78, 0.85]):
        probe = RidgeClassifier(alpha=10).fit(train.data, labels[0][:, slot])
        assert probe.score(test.data, labels[1][:, slot]) > floor
