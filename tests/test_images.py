"""Images read and normalised: containers, colours, sizes, contrast, hostile input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sklearn_crossmodal.utils._images import (
    check_image_size,
    normalize_images,
    read_images,
)

GREYS = np.random.default_rng(0).integers(0, 256, size=(20, 30)).astype(np.uint8)
quick = settings(max_examples=50, deadline=None)

small_images = hnp.arrays(
    np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)
)


def normalize(image, size=(8, 8), ink="dark"):
    """Return one image, read and normalised, as signed integers."""
    (read,) = read_images([image])
    return normalize_images([read], *size, ink)[0].astype(int)


class Picture:
    """What has an array to show, as an image of PIL has."""

    def __init__(self, pixels):
        self.__array_interface__ = pixels.__array_interface__
        self._pixels = pixels


# --- Containers ---------------------------------------------------------------------


def as_objects(images):
    """Return a 1-D object array."""
    objects = np.empty(len(images), dtype=object)
    objects[:] = images
    return objects


def as_memmap(images, tmp_path):
    path = tmp_path / "images.npy"
    np.save(path, np.stack(images))
    return np.load(path, mmap_mode="r")


def test_every_container_gives_the_same_images(tmp_path):
    rng = np.random.default_rng(1)
    images = list(rng.integers(0, 256, size=(3, 4, 5)).astype(np.uint8))
    for container in (
        images, tuple(images), np.stack(images), as_memmap(images, tmp_path),
        [image.tolist() for image in images], np.stack(images).tolist(),
        list(map(Picture, images)),
    ):  # fmt: skip
        np.testing.assert_array_equal(read_images(container), images)


def test_images_of_many_sizes_in_an_object_array_or_a_series():
    pd = pytest.importorskip("pandas")
    images = [np.ones((2, 3)), np.ones((4, 1)), np.ones((1, 1))]
    for container in (as_objects(images), pd.Series(images, index=[5, 5, 7])):
        read = read_images(container)
        assert [image.shape for image in read] == [(2, 3), (4, 1), (1, 1)]


def test_an_image_of_pillow():
    pil = pytest.importorskip("PIL.Image")
    picture = pil.fromarray(GREYS)
    np.testing.assert_array_equal(read_images([picture])[0], GREYS)
    bilevel = picture.convert("1")  # its pixels are of dtype bool
    np.testing.assert_array_equal(
        normalize(bilevel), normalize(np.asarray(bilevel).astype(np.uint8))
    )


def test_an_array_of_three_dimensions_holds_grey_images_whatever_their_width():
    images = np.arange(2 * 5 * 3).reshape(2, 5, 3)  # not two colours, three columns
    np.testing.assert_array_equal(read_images(images), images)


# --- Colours ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_colours_become_their_luma(dtype):
    black_white = [[0, 0, 0], [255, 255, 255]]
    primaries = [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    image = np.array([[*black_white, *primaries]], dtype=dtype)
    expected = [[0, 255, 0.299 * 255, 0.587 * 255, 0.114 * 255]]
    np.testing.assert_allclose(read_images([image])[0], expected, rtol=1e-6)


def test_a_fourth_channel_is_left_out_even_where_it_is_nan():
    rng = np.random.default_rng(2)
    colours = rng.random((6, 7, 3))
    alpha = rng.choice([0.0, 0.5, np.nan], size=(6, 7, 1))
    np.testing.assert_array_equal(
        read_images([np.concatenate([colours, alpha], axis=2)])[0],
        read_images([colours])[0],
    )


def test_colour_images_come_in_a_list_beside_grey_ones_or_in_one_array():
    colours = np.repeat(GREYS[None, :, :, None], 3, axis=3)
    (as_array,) = read_images(colours)
    as_list = read_images([GREYS, colours[0]])
    np.testing.assert_array_equal(as_array, as_list[1])
    np.testing.assert_allclose(as_array, GREYS, rtol=1e-6)
    # Equal channels are a grey image, up to the rounding of the luma.
    assert abs(normalize(colours[0]) - normalize(GREYS)).max() <= 1


def test_colours_of_bool_are_black_and_white():
    image = np.zeros((2, 2, 3), dtype=bool)
    image[0] = True
    np.testing.assert_allclose(read_images([image])[0], [[1, 1], [0, 0]], rtol=1e-6)


# --- Hostile input ------------------------------------------------------------------

PLAIN = np.zeros((2, 2))


@pytest.mark.parametrize(
    "images",
    [None, 5, "images", b"images", {0: PLAIN}, {1, 2}, np.array(5.0), iter([PLAIN])],
    ids=lambda images: type(images).__name__,
)
def test_no_collection_of_images(images):
    with pytest.raises(TypeError, match="^scans must be a list of images, or an array"):
        read_images(images, "scans")


@pytest.mark.parametrize("images", [[], (), np.empty((0, 4, 4))])
def test_no_image(images):
    with pytest.raises(ValueError, match="scans has no image"):
        read_images(images, "scans")


def test_one_bare_image_has_to_be_wrapped():
    with pytest.raises(ValueError, match=r"shape \(20, 30\). Wrap a single image in"):
        read_images(GREYS)
    with pytest.raises(ValueError, match=r"Image 0 of X must have shape .*shape \(2,"):
        read_images(PLAIN.tolist())


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 0), (0, 5, 3), (5, 0, 4)])
def test_an_empty_image_is_named(shape):
    with pytest.raises(ValueError, match="Image 2 of X is empty: shape .* Leave it"):
        read_images([PLAIN, PLAIN, np.zeros(shape)])


@pytest.mark.parametrize("shape", [(), (4,), (4, 4, 1), (4, 4, 2), (1, 4, 4, 3)])
def test_another_number_of_dimensions_is_named(shape):
    with pytest.raises(ValueError, match="Image 1 of X must have shape .height, width"):
        read_images([PLAIN, np.zeros(shape)])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n_channels", [None, 3, 4])
def test_pixels_that_are_not_finite_are_named(value, dtype, n_channels):
    image = np.zeros((3, 4) if n_channels is None else (3, 4, n_channels), dtype)
    image.flat[1] = value  # of four channels, not the last
    with pytest.raises(ValueError, match="Image 1 of X has pixels that are NaN or inf"):
        read_images([PLAIN, image])


@pytest.mark.parametrize(
    "entry, kind",
    [(None, "NoneType"), ("word.png", "str"), (b"pixels", "bytes"), ({}, "dict"),
     (PLAIN * 1j, "ndarray of dtype complex128"), (PLAIN.astype("M8[s]"), "ndarray"),
     (PLAIN.astype(object), "ndarray of dtype object"), ([["1", "2"]], "list")],
    ids=str,
)  # fmt: skip
def test_an_entry_that_is_no_array_of_numbers_is_named(entry, kind):
    match = f"Image 1 of X must be an array of real numbers; got {kind}"
    with pytest.raises(TypeError, match=match):
        read_images([PLAIN, entry])


def test_a_ragged_image_is_named():
    with pytest.raises(ValueError, match="Image 1 of X is not a rectangular array"):
        read_images([PLAIN, [[1, 2], [3]]])


@pytest.mark.parametrize(
    "size", [(32,), (32, 128, 1), (32.0, 128), ("32", 128), (0, 32), (-32, 32), (32, 7),
             (True, True), ()],
)  # fmt: skip
def test_sizes_that_are_none(size):
    match = "^image_size must be two integers of at least 8, height and width; got "
    with pytest.raises(ValueError, match=match):
        check_image_size(size, "image_size")


def test_sizes():
    for size in ((8, 9), [8, 9], (np.int64(8), np.int32(9))):
        assert check_image_size(size, "image_size") == (8, 9)


# --- Contrast -----------------------------------------------------------------------


@quick
@given(image=small_images, factor=st.floats(1e-3, 1e3), shift=st.floats(-1e3, 1e3))
def test_brightness_and_contrast_do_not_matter(image, factor, shift):
    changed = factor * image.astype(float) + shift
    # A difference in the last digit may round to the next integer.
    assert abs(normalize(changed) - normalize(image)).max() <= 1


@quick
@given(image=hnp.arrays(np.int8, (5, 7)))
def test_dtypes_do_not_matter(image):
    expected = normalize(image.astype(np.float64))
    for dtype in (np.int8, np.int16, np.int64, np.float16, np.float32, np.longdouble):
        np.testing.assert_array_equal(normalize(image.astype(dtype)), expected)
    shifted = image.astype(int) + 128
    for dtype in (np.uint8, np.uint16, np.uint64):
        np.testing.assert_array_equal(normalize(shifted.astype(dtype)), expected)


@quick
@given(image=hnp.arrays(bool, (5, 7)))
def test_bool_is_black_and_white(image):
    np.testing.assert_array_equal(normalize(image), normalize(255 * image))


@quick
@given(image=small_images)
def test_light_ink_is_dark_ink_on_the_negative(image):
    negative = 255 - image
    difference = normalize(negative, ink="light") - normalize(image, ink="dark")
    assert abs(difference).max() <= 1


def test_dark_ink_comes_out_bright():
    image = np.full((8, 8), 200)
    image[2:6, 2:6] = 30
    expected = np.zeros((8, 8), dtype=int)
    expected[2:6, 2:6] = 255
    np.testing.assert_array_equal(normalize(image), expected)
    np.testing.assert_array_equal(normalize(image, ink="light"), 255 - expected)


def test_specks_and_holes_do_not_set_the_contrast():
    image = np.repeat(np.linspace(100, 200, 10), 100).reshape(10, 100)
    specked = image.copy()
    specked[0, 0], specked[9, 99] = -1e6, 1e6  # one pixel in a thousand, either way
    np.testing.assert_array_equal(
        normalize(specked, (10, 100))[1:9], normalize(image, (10, 100))[1:9]
    )


def test_a_word_of_few_pixels_is_no_speck():
    image = np.full((20, 20), 9.0)
    image[10, 10] = 1  # a quarter of a percent: both percentiles are paper
    assert normalize(image, (20, 20))[10, 10] == 255
    assert normalize(image, (20, 20)).sum() == 255


@pytest.mark.parametrize("value", [0, 255, -3.5, 1e300, np.float32(0.1)])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (30, 40)])
@pytest.mark.parametrize("ink", ["dark", "light"])
def test_an_image_of_a_single_value_has_no_ink(value, shape, ink):
    assert not normalize(np.full(shape, value), ink=ink).any()


@pytest.mark.parametrize(
    "scale", [1e-300, 1e300, 1.7e308 / 255], ids=["tiny", "huge", "largest"]
)
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_extreme_floats(scale):
    assert abs(normalize(GREYS * scale) - normalize(GREYS)).max() <= 1
    # Twice as far apart as the largest float, at the largest scale.
    spread = 2 * GREYS.astype(float) - 255
    assert abs(normalize(spread * scale) - normalize(GREYS)).max() <= 1


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_extreme_integers_and_half_floats():
    for dtype in (np.int8, np.int64, np.uint64):
        bounds = np.iinfo(dtype)
        image = np.array([[bounds.min, bounds.max]] * 2, dtype=dtype)
        np.testing.assert_array_equal(normalize(image), normalize([[0, 1], [0, 1]]))
    half = np.array([[-65504, 65504]], dtype=np.float16)
    np.testing.assert_array_equal(normalize(half), normalize([[0, 1]]))


def test_what_is_read_stays_as_it_was():
    image = GREYS.astype(float)
    image.flags.writeable = False
    normalize(image)
    np.testing.assert_array_equal(image, GREYS)


# --- Size ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 50_000), (50_000, 1), (3, 2000), (300, 7), (8, 8)]
)
def test_any_size_becomes_the_one_asked_for(shape):
    image = np.random.default_rng(3).random(shape)
    normalized = normalize_images([image], 16, 40, "dark")
    assert normalized.shape == (1, 16, 40)
    assert normalized.dtype == np.uint8


@pytest.mark.parametrize("shape", [(6, 15), (40, 100), (160, 400), (7, 333)])
def test_a_stretched_image_keeps_its_share_of_ink(shape):
    # A half of ink: above, to the left, and in the corners.
    rows, columns = np.indices(shape) / np.reshape(shape, (2, 1, 1))
    for ink in (rows < 0.5, columns < 0.5, (rows < 0.5) == (columns < 0.5)):
        image = np.where(ink, 20, 220)
        share = normalize(image, (32, 96)).mean() / 255
        assert share == pytest.approx(ink.mean(), abs=0.02)


def test_places_stay():
    image = np.full((60, 90), 255)
    image[:20, :30] = 0  # the first ninth
    normalized = normalize(image, (30, 30))
    assert normalized[:9, :9].min() == 255
    assert normalized[11:].max() == normalized[:, 11:].max() == 0


def test_views_and_orders_of_memory_do_not_matter():
    for view in (GREYS[::-1], GREYS[:, ::-1], GREYS.T, GREYS[::2, ::3]):
        for image in (view, view.astype(np.float32)):
            np.testing.assert_array_equal(normalize(image), normalize(image.copy("C")))


def test_an_image_does_not_depend_on_its_company():
    rng = np.random.default_rng(4)
    images = [rng.random((5 + i, 30 - i)) for i in range(6)]
    together = normalize_images(images, 16, 16)
    for image, row in zip(images, together, strict=True):
        np.testing.assert_array_equal(normalize_images([image], 16, 16)[0], row)
