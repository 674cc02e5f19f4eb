"""Words drawn with fonts: what is drawn, how it is distorted, hostile input."""

import numpy as np
import pytest

from sklearn_crossmodal.datasets import make_word_images
from sklearn_crossmodal.datasets._word_images import FONTS

pytest.importorskip("matplotlib")

WORDS = ["orders", "letters", "to", "instructions"]


def test_every_word_is_drawn_once_before_any_is_drawn_again():
    strings = make_word_images(WORDS, n_samples=14, random_state=0).strings
    for start in (0, 4, 8):
        assert sorted(strings[start : start + 4]) == sorted(WORDS)
    assert len(set(strings[12:])) == 2
    assert strings[:4] != strings[4:8]


def test_fewer_images_than_words():
    drawn = make_word_images(WORDS, n_samples=1, random_state=0)
    assert drawn.strings[0] in WORDS
    assert len(drawn.images) == len(drawn.strings) == len(drawn.fonts) == 1


def test_ink_is_dark_and_paper_is_light():
    drawn = make_word_images(WORDS, n_samples=30, random_state=0)
    for image in drawn.images:
        assert image.ndim == 2
        assert image.dtype == np.uint8
        border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        assert np.median(border) > 180
        assert image.min() < 120
        # A word is mostly paper.
        assert np.median(image) > 180


def test_longer_words_are_wider():
    widths = {"in": [], "instruct": [], "instructions": []}
    drawn = make_word_images(list(widths), n_samples=60, random_state=0)
    for image, word in zip(drawn.images, drawn.strings, strict=True):
        widths[word].append(image.shape[1])
    means = [np.mean(sizes) for sizes in widths.values()]
    assert means == sorted(means)
    assert all(len(set(sizes)) > 1 for sizes in widths.values())


def test_sizes_of_fonts():
    def heights(size):
        drawn = make_word_images(
            WORDS, 20, font_size=(size, size), distortion=0, random_state=0
        )
        return np.mean([image.shape[0] for image in drawn.images])

    assert heights(40) > 1.5 * heights(20) > 1.5 * heights(10)


def test_the_same_seed_draws_the_same():
    same = [make_word_images(WORDS, n_samples=9, random_state=3) for _ in range(2)]
    same.append(make_word_images(WORDS, 9, random_state=np.random.RandomState(3)))
    for other in same[1:]:
        assert other.strings == same[0].strings
        np.testing.assert_array_equal(other.fonts, same[0].fonts)
        for a, b in zip(same[0].images, other.images, strict=True):
            np.testing.assert_array_equal(a, b)
    state = np.random.get_state()[1].copy()
    different = make_word_images(WORDS, n_samples=9, random_state=4)
    pairs = zip(same[0].images, different.images, strict=True)
    assert not all(map(np.array_equal, *zip(*pairs, strict=True)))
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_without_distortion_a_word_of_one_font_and_size_has_one_shape():
    clean = make_word_images(
        ["captain"], 5, fonts=["cmr10"], font_size=(24, 24), distortion=0,
        random_state=0,
    )  # fmt: skip
    tones = [(int(image.min()), int(image.max())) for image in clean.images]
    assert len(set(tones)) == 5
    inks = [
        (image - float(high)) / (low - high)
        for image, (low, high) in zip(clean.images, tones, strict=True)
    ]
    for ink in inks:
        np.testing.assert_allclose(ink, inks[0], atol=0.02)  # of integers
        assert not ink[0].any()


def test_distortion_makes_every_image_another():
    many = make_word_images(
        ["captain"], 5, fonts=["cmr10"], font_size=(24, 24), random_state=0
    )
    assert all(len(np.unique(image[0])) > 1 for image in many.images)  # grain
    assert len({image.shape for image in many.images}) > 1  # slant, rotation


def test_ink_stays_inside_however_distorted():
    drawn = make_word_images(WORDS, 40, distortion=3.0, random_state=0)
    for image in drawn.images:
        border = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        assert np.mean(border < 100) < 0.02  # a speck of grain at most


def test_fonts():
    drawn = make_word_images(WORDS, n_samples=200, random_state=0)
    assert set(drawn.fonts) == set(FONTS)
    two = make_word_images(WORDS, 20, fonts=["cmtt10", "DejaVuSans"], random_state=0)
    assert set(two.fonts) == {"cmtt10", "DejaVuSans"}


def test_a_font_by_its_path():
    from matplotlib import font_manager

    path = font_manager.findfont("DejaVu Sans")
    by_path, by_name = (
        make_word_images(WORDS, 4, fonts=[font], random_state=0)
        for font in (path, "DejaVuSans")
    )
    for a, b in zip(by_path.images, by_name.images, strict=True):
        np.testing.assert_array_equal(a, b)


def test_letters_beyond_ascii():
    greek = ["λόγος", "ναός"]
    drawn = make_word_images(greek, 4, fonts=["DejaVuSans"], random_state=0)
    assert sorted(set(drawn.strings)) == sorted(greek)


# --- Hostile input ------------------------------------------------------------------


@pytest.mark.parametrize(
    "words, error, match",
    [([], ValueError, "words is empty"), ("order", TypeError, "words is one str"),
     (["order", 3], TypeError, "Entry 1 of words is 3"),
     (["order", None], TypeError, "Entry 1 of words is None"),
     (["order", b"s"], TypeError, "Entry 1 of words is b's'"),
     (["order", ""], ValueError, "The word '' leaves no ink"),
     (["  "], ValueError, "The word '  ' leaves no ink")],
)  # fmt: skip
def test_words_that_are_none(words, error, match):
    with pytest.raises(error, match=match):
        make_word_images(words, 4, random_state=0)


@pytest.mark.parametrize(
    "parameters, match",
    [({"n_samples": 0}, "n_samples"), ({"n_samples": -3}, "n_samples"),
     ({"font_size": (3, 20)}, "font_size must be two sizes of at least 4, in order"),
     ({"font_size": (30, 20)}, "font_size must be two sizes of at least 4, in order"),
     ({"distortion": -1}, "distortion must be at least 0; got -1"),
     ({"distortion": float("nan")}, "distortion must be at least 0; got nan"),
     ({"fonts": []}, "fonts is empty"),
     ({"fonts": ["cmr10", "Comic Sans"]}, "Font 'Comic Sans' is neither one that"),
     ({"fonts": [__file__ + ".ttf"]}, "is neither one that matplotlib ships")],
)  # fmt: skip
def test_parameters_out_of_range(parameters, match):
    with pytest.raises(ValueError, match=match):
        make_word_images(WORDS, **{"n_samples": 4, **parameters})
