"""Rows of real handwritten digits, and English captions that read them."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.utils import Bunch, check_random_state

from ._base import check_integer, check_option

_WORDS = "zero one two three four five six seven eight nine".split()
_SIZE = 8  # pixels of a digit, each way
_JITTER = 1  # rows by which a digit may sit lower
_N_TRAIN_DIGITS = 1347  # the first three quarters of scikit-learn's 1,797
_DEFAULT_N_SAMPLES = {"train": 2000, "test": 500, "all": 2500}
_MAX_CAPTIONS = 12  # there are at least so many ways to say each sequence

_DESCR = """\
Digit captions
==============

Each image is a row of one or more real handwritten digits, placed left to right on a
canvas of 9 x 8 * max_digits pixels, with captions such as "a three, then two sevens" or
"7 to the right of 3": order and count matter. The digits are those of
:func:`sklearn.datasets.load_digits` (8 x 8 pixels); each sits at one of two heights,
chosen at random. A row has k digits with a probability proportional to k, since there
are more of the longer sequences. Captions use words or numerals, never both.

Training images are made of the first 1,347 of the 1,797 digits and test images of the
other 450, whatever the seed, so no handwritten digit is in both. That is harder than
a random split (a logistic regression recognises .93 of the single digits rather than
.98), since the file isn't shuffled. Sequences may be in both subsets; by default about
a quarter of the test sequences are in no training image. On the composed images a
logistic regression for each place (a digit or none) is right in .84, .88 and .91 of the
test images, and in all three places in .67.

The same sequence of digits is the same item: `groups` is the sequence's digits after a
leading 1 (137 for a three and a seven), in every subset.

E. Alpaydin and C. Kaynak (1998). Optical Recognition of Handwritten Digits. UCI Machine
Learning Repository, CC BY 4.0. https://doi.org/10.24432/C50P49
"""


def load_digit_captions(
    *,
    subset: str = "train",
    n_samples: int | None = None,
    n_captions: int = 5,
    max_digits: int = 3,
    random_state: int | np.random.RandomState | None = 0,
    return_X_y: bool = False,
) -> Any:
    """Compose images of real handwritten digits with English captions.

    A small image-caption dataset that needs no download: each image has 1 to
    `max_digits` of scikit-learn's digits [1]_ from left to right, and each caption says
    which, in which order. Training and test images share no handwritten digit.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The images to compose; ``"all"`` has the training rows first, and they are the
        rows that ``"train"`` would give.
    n_samples : int, default=None
        The number of images. None means 2,000 for training and 500 for testing. One
        in five images of ``"all"`` is a test image (rounded down).
    n_captions : int, default=5
        The number of captions of each image, all different; at most 12.
    max_digits : int, default=3
        The largest number of digits in an image, 1 to 9.
    random_state : int, RandomState instance or None, default=0
        Draws the digits, their heights and the captions. An int gives the same data
        each time and leaves numpy's global state alone; None draws a seed from that
        state, as in scikit-learn. Which digits are for training doesn't depend on it.
    return_X_y : bool, default=False
        If True, return ``(data, captions)`` instead of a Bunch.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With one row for each image:

        data : ndarray of shape (n_samples, 72 * max_digits), float32
            The images' pixels row by row, from 0 to 1.
        images : ndarray of shape (n_samples, 9, 8 * max_digits), float32
            The same as images.
        captions : list of list of str
            The `n_captions` captions of each image.
        groups : ndarray of shape (n_samples,), int
            The item: equal where the sequences of digits are equal, in every subset.
        digits : list of tuple of int
            The digits of each image from left to right.
        source_digits : ndarray of shape (n_samples, max_digits), int
            The index in :func:`sklearn.datasets.load_digits` of each digit; -1 where
            there is none.
        offsets : ndarray of shape (n_samples, max_digits), int
            How many pixels below the upper edge each digit sits.
        split : ndarray of shape (n_samples,), str
            "train" or "test".
        feature_names : list of str
            The names of the columns of `data`.
        DESCR : str
            The description.

    (data, captions) : tuple if `return_X_y`
        The same two.

    Raises
    ------
    TypeError
        If a number is not an int.
    ValueError
        If `subset` is unknown or a number is out of its range.

    References
    ----------
    .. [1] E. Alpaydin and C. Kaynak (1998). "Optical Recognition of Handwritten
       Digits". UCI Machine Learning Repository. https://doi.org/10.24432/C50P49

    Examples
    --------
    >>> from sklearn_crossmodal.datasets import load_digit_captions
    >>> bunch = load_digit_captions(subset="test", n_samples=100)
    >>> bunch.data.shape
    (100, 216)
    >>> bunch.digits[0]
    (4, 8)
    >>> bunch.captions[0][0]
    '4 followed by 8'
    """
    check_option("subset", subset, tuple(_DEFAULT_N_SAMPLES))
    if n_samples is None:
        n_samples = _DEFAULT_N_SAMPLES[subset]
    n_samples = check_integer("n_samples", n_samples, 1)
    n_captions = check_integer("n_captions", n_captions, 1, _MAX_CAPTIONS)
    max_digits = check_integer("max_digits", max_digits, 1, 9)
    n_test = {"train": 0, "test": n_samples, "all": n_samples // 5}[subset]
    sizes = (n_samples - n_test, n_test)

    pixels, target = load_digits(return_X_y=True)
    pools = np.split(np.arange(len(target)), [_N_TRAIN_DIGITS])
    seed = check_random_state(random_state).randint(2**31 - 1)
    # A stream for each part, so that "all" repeats the rows of "train"; the legacy
    # generator, since numpy promises that its numbers never change.
    rngs = [np.random.RandomState([seed, part]) for part in range(2)]
    draws = [
        _draw_digits(pool, size, max_digits, rng)
        for pool, size, rng in zip(pools, sizes, rngs, strict=True)
    ]
    source, offsets = (np.concatenate(arrays) for arrays in zip(*draws, strict=True))
    digits = [tuple(target[row[row >= 0]].tolist()) for row in source]
    parts = np.repeat([0, 1], sizes)
    captions = [
        _draw_captions(row, n_captions, rngs[part])
        for row, part in zip(digits, parts, strict=True)
    ]
    images = _compose(pixels, source, offsets)
    data = images.reshape(n_samples, -1)
    if return_X_y:
        return data, captions
    return Bunch(
        data=data,
        images=images,
        captions=captions,
        groups=np.array([int("1" + "".join(map(str, row))) for row in digits]),
        digits=digits,
        source_digits=source,
        offsets=offsets,
        split=np.array(["train", "test"])[parts],
        feature_names=[f"pixel_{i}_{j}" for i, j in np.ndindex(images.shape[1:])],
        DESCR=_DESCR,
    )


def _draw_digits(
    pool: np.ndarray, n_samples: int, max_digits: int, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Draw indices of digits, -1 after the last one of a row, and their heights."""
    counts = np.arange(1, max_digits + 1)
    n_digits = rng.choice(counts, size=n_samples, p=counts / counts.sum())
    source = rng.choice(pool, size=(n_samples, max_digits))
    source[counts > n_digits[:, None]] = -1
    offsets = rng.randint(_JITTER + 1, size=source.shape)
    return source, offsets


def _compose(pixels: np.ndarray, source: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Place the digits on their canvases."""
    n_samples, max_digits = source.shape
    shape = (n_samples, _SIZE + _JITTER, max_digits, _SIZE)
    images = np.zeros(shape, dtype=np.float32)
    squares = (pixels / pixels.max()).astype(np.float32).reshape(-1, _SIZE, _SIZE)
    for offset in range(_JITTER + 1):
        row, slot = np.nonzero((source >= 0) & (offsets == offset))
        images[row, offset : offset + _SIZE, slot] = squares[source[row, slot]]
    return images.reshape(n_samples, shape[1], -1)


def _draw_captions(
    digits: Sequence[int], n_captions: int, rng: np.random.RandomState
) -> list[str]:
    """Draw different captions of one sequence, in words or numerals."""
    phrases = [*_phrases(digits, _WORDS.__getitem__), *_phrases(digits, str)]
    return [phrases[i] for i in rng.permutation(len(phrases))[:n_captions]]


def _phrases(digits: Sequence[int], name: Callable[[int], str]) -> list[str]:
    """Say a sequence of digits in every way."""
    each = [_several(digit, 1, name) for digit in digits]
    if len(digits) == 1:
        return [
            each[0],
            f"only {each[0]}",
            f"one digit: {each[0]}",
            f"{each[0]} and nothing else",
            f"the digit {name(digits[0])}",
            f"a single {name(digits[0])}",
        ]
    runs = [_several(digit, len(list(run)), name) for digit, run in groupby(digits)]
    count = _WORDS[len(digits)]
    enumeration = f"{', '.join(each[:-1])} and {each[-1]}"
    phrases = [
        ", then ".join(runs),
        " followed by ".join(name(digit) for digit in digits),
        f"from left to right: {', '.join(name(digit) for digit in digits)}",
        f"{count} digits: {enumeration}",
        " to the left of ".join(each),
        " to the right of ".join(reversed(each)),
    ]
    if len(digits) == 2:
        phrases.append(f"{count} digits: {each[0]} and {each[1]} on its right")
    return phrases


def _several(digit: int, count: int, name: Callable[[int], str]) -> str:
    """Say "a three", "an 8" or "two sixes"."""
    noun = name(digit)
    if count == 1:
        return f"{'an' if digit == 8 else 'a'} {noun}"
    return f"{_WORDS[count]} {noun}{'es' if noun == 'six' else 's'}"
