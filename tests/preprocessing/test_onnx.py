"""OnnxImageFeatures: onnxruntime by hand, photos in every form, hostile input."""

import io
import os
import pickle
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_sample_images
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_crossmodal.preprocessing import OnnxImageFeatures
from sklearn_crossmodal.preprocessing._onnx_network import OnnxNetwork

ort = pytest.importorskip("onnxruntime")
Image = pytest.importorskip("PIL.Image")

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
MOBILENET = DATA / "mobilenet_v1_075_224" / "mobilenet_v1_0.75_224.onnx"
CALTECH = DATA / "caltech101"
needs_data = pytest.mark.skipif(
    not (MOBILENET.is_file() and CALTECH.is_dir()),
    reason="no ../shared/data/mobilenet_v1_075_224, ../shared/data/caltech101",
)
RNG = np.random.default_rng(0)


# --- Networks of a line or two, written as the messages of the ONNX format -----------


def varint(number):
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def field(number, value):
    """Encode one field of a protocol buffer: an integer, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(name, shape, kind=1):
    """Encode a ValueInfoProto: kind 1 is float32, 10 float16; a str is a free side."""
    sides = b"".join(
        field(1, field(1 if isinstance(side, int) else 2, side)) for side in shape
    )
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, sides)))


def node(kind, given, found, **attributes):
    """Encode a NodeProto: an attribute is an integer (2) or several (7)."""
    encoded = field(4, kind) + b"".join(field(1, name) for name in given)
    encoded += field(2, found)
    for name, value in attributes.items():
        if isinstance(value, int):
            attribute = field(1, name) + field(3, value) + field(20, 2)
        else:
            numbers = b"".join(field(8, number) for number in value)
            attribute = field(1, name) + numbers + field(20, 7)
        encoded += field(5, attribute)
    return encoded


def network(nodes, inputs, outputs):
    """Encode a ModelProto: IR version 8, operator set 13."""
    graph = b"".join(field(1, each) for each in nodes) + field(2, "test")
    graph += b"".join(field(11, each) for each in inputs)
    graph += b"".join(field(12, each) for each in outputs)
    return field(1, 8) + field(8, field(2, 13)) + field(7, graph)


def look(shape=("n", 3, 6, 8), kind=1):
    """Return a network whose outputs are what it is given, and means of the colours."""
    axes = (2, 3) if shape[1] == 3 else (1, 2)
    return network(
        [
            node("Flatten", ["x"], "pixels", axis=1),
            node("ReduceMean", ["x"], "mean", axes=axes, keepdims=0),
        ],
        [tensor("x", shape, kind)],
        [tensor("pixels", (shape[0], "m"), kind), tensor("mean", (shape[0], 3), kind)],
    )


MODEL = look()


def seen(X, model=MODEL, **params):
    """Return what the network is given, colours first; images as they are."""
    params = {"resize": None, "mean": 0, "std": 1 / 255, **params}
    found = OnnxImageFeatures(model, **params).transform(X)
    height, width = params.get("crop") or (6, 8)
    if params.get("layout") == "NHWC":
        return found.reshape(len(X), height, width, 3).transpose(0, 3, 1, 2)
    return found.reshape(len(X), 3, height, width)


def draw(height, width, *colours, dtype=np.uint8):
    return RNG.integers(0, 256, (height, width, *colours)).astype(dtype)


PHOTOS = [draw(6, 8, 3) for _ in range(7)]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Return files of photos of different sizes, some large, two kinds of format."""
    folder = tmp_path_factory.mktemp("photos")
    paths = []
    for index, whole in enumerate(load_sample_images().images):
        for size in ((31, 40), (40, 31), (9, 9), (97, 60)):
            kind = "jpg" if size[0] % 2 else "png"
            paths.append(folder / f"{index}_{size[0]}_{size[1]}.{kind}")
            Image.fromarray(whole).resize(size).save(paths[-1])
    return paths


def decode(path):
    with Image.open(path) as photo:
        return np.asarray(photo.convert("RGB"))


# --- What the network is given -------------------------------------------------------


def test_pixels_enter_as_the_formula_says():
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = ((np.array(PHOTOS) / 255 - mean) / std).astype(np.float32)
    expected = expected.transpose(0, 3, 1, 2)
    params = {"mean": mean, "std": std.tolist()}
    np.testing.assert_array_equal(seen(PHOTOS, **params), expected)
    np.testing.assert_array_equal(
        seen(PHOTOS, channels="BGR", **params), expected[:, ::-1]
    )
    last = look(("n", 6, 8, 3))
    found = OnnxImageFeatures(last, resize=None, **params).transform(PHOTOS)
    np.testing.assert_array_equal(found, expected.transpose(0, 2, 3, 1).reshape(7, -1))
    ends = seen([np.zeros((6, 8)), np.ones((6, 8))], mean=0.5, std=0.5)
    assert (ends[0] == -1).all() and (ends[1] == 1).all()


def test_means_of_the_colours():
    extractor = OnnxImageFeatures(MODEL, output="mean", resize=None, mean=0, std=1)
    expected = np.mean(PHOTOS, axis=(1, 2)) / 255
    found = extractor.fit_transform(PHOTOS)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert found.dtype == np.float32 and extractor.n_features_out_ == 3


@pytest.mark.parametrize("shape", [("n", 3, 6, 8), ("n", 6, 8, 3)])
@pytest.mark.parametrize("kind", [1, 10, 11])
def test_equal_to_onnxruntime_by_hand(shape, kind):
    model = look(shape, kind)
    dtype = {1: np.float32, 10: np.float16, 11: np.float64}[kind]
    batch = ((np.array(PHOTOS) / 255 - 0.5) / 0.5).astype(dtype)
    batch = batch if shape[3] == 3 else batch.transpose(0, 3, 1, 2)
    for output in ("pixels", "mean"):
        (expected,) = ort.InferenceSession(model).run([output], {"x": batch})
        extractor = OnnxImageFeatures(model, output=output, resize=None)
        np.testing.assert_array_equal(
            extractor.transform(PHOTOS), expected.astype(np.float32)
        )


@needs_data
def test_equal_to_onnxruntime_by_hand_on_a_real_network():
    pixels = load_sample_images().images[0][100:324, 200:424]
    batch = (pixels.transpose(2, 0, 1)[None] / 255 - 0.5) / 0.5
    session = ort.InferenceSession(MOBILENET, providers=["CPUExecutionProvider"])
    for output in ("features", "logits", "probs"):
        (expected,) = session.run([output], {"input": batch.astype(np.float32)})
        extractor = OnnxImageFeatures(MOBILENET, output=output, resize=224)
        np.testing.assert_array_equal(extractor.transform([pixels]), expected)
    assert expected.sum() == pytest.approx(1)


# --- Resizing ------------------------------------------------------------------------


def resize_and_cut(pixels, short, crop, interpolation):
    """Two steps, as networks are usually trained: torchvision's Resize, CenterCrop."""
    height, width = pixels.shape[:2]
    longer = int(short * max(height, width) / min(height, width))
    size = (longer, short) if width > height else (short, longer)
    photo = Image.fromarray(pixels).resize(
        size, getattr(Image.Resampling, interpolation.upper())
    )
    left, top = (round((side - crop) / 2) for side in photo.size)
    return np.asarray(photo.crop((left, top, left + crop, top + crop)))


@pytest.mark.parametrize("interpolation", ["bilinear", "hamming", "bicubic", "lanczos"])
@pytest.mark.parametrize("short, crop", [(20, 16), (16, 16), (60, 41)])
def test_the_middle_of_a_resized_image(photos, interpolation, short, crop):
    images = [decode(path) for path in photos]
    found = seen(
        images,
        look(("n", 3, crop, crop)),
        resize=short,
        crop=(crop, crop),
        interpolation=interpolation,
    )
    for image, pixels in zip(images, found, strict=True):
        expected = resize_and_cut(image, short, crop, interpolation)
        difference = np.abs(pixels.transpose(1, 2, 0) - expected)
        # Where a value lies between two levels, the rounding of weights decides.
        assert difference.max() <= 1


def test_an_image_of_the_right_size_is_only_cut():
    image = draw(16, 21, 3)
    found = seen([image], look(("n", 3, 11, 8)), resize=16, crop=(11, 8))
    np.testing.assert_array_equal(found[0], image[2:13, 6:14].transpose(2, 0, 1))


def test_stretched_to_the_crop():
    image = np.repeat(np.repeat(PHOTOS[0], 5, axis=0), 3, axis=1)
    for interpolation in ("box", "nearest"):
        found = seen([image], interpolation=interpolation)
        np.testing.assert_array_equal(found[0], PHOTOS[0].transpose(2, 0, 1))


@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    grey=st.integers(0, 255),
    short=st.integers(6, 40),
)
def test_any_size_of_an_even_image(height, width, grey, short):
    image = np.full((height, width, 3), grey, np.uint8)
    found = seen([image], look(("n", 3, 6, 5)), resize=short, crop=(6, 5))
    np.testing.assert_array_equal(found, grey)


def test_very_long_images_cost_no_more():
    # Resized as a whole, this would be 10 million pixels a row.
    image = np.full((1, 200_000, 3), 7, np.uint8)
    np.testing.assert_array_equal(seen([image], resize=50), 7)
    np.testing.assert_array_equal(seen([image.transpose(1, 0, 2)], resize=50), 7)


def test_large_jpegs_are_drafts_or_not(tmp_path):
    whole = load_sample_images().images[0]
    path = tmp_path / "large.jpg"
    Image.fromarray(whole).save(path, quality=95)
    params = {"model": look(("n", 3, 40, 40)), "resize": 50, "crop": (40, 40)}
    exact = seen([decode(path)], **params)
    np.testing.assert_array_equal(seen([path], draft=False, **params), exact)
    with Image.open(path) as photo:
        photo.draft(None, (100, 100))
        assert photo.size == (160, 107)
        expected = seen([np.asarray(photo)], **params)
    np.testing.assert_array_equal(seen([path], **params), expected)
    assert (expected != exact).any()
    # Below four times the short side it is decoded in full.
    params["resize"] = 110
    np.testing.assert_array_equal(
        seen([path], **params), seen([decode(path)], **params)
    )


# --- Forms of images -----------------------------------------------------------------


def test_paths_arrays_and_pil_images_are_the_same(photos):
    params = {"model": look(("n", 3, 9, 9)), "resize": 10, "crop": (9, 9)}
    params["draft"] = False
    arrays = [decode(path) for path in photos]
    expected = seen(arrays, **params)
    pil = [Image.open(path) for path in photos]
    mixed = [str(photos[0]), photos[1], arrays[2], pil[3], *photos[4:]]
    holder = np.empty(len(mixed), object)
    holder[:] = mixed
    for X in (
        photos,
        [str(path) for path in photos],
        pil,
        mixed,
        tuple(mixed),
        holder,
        pd.Series(mixed),
        pd.Series([str(path) for path in photos], dtype="str"),
        np.array([str(path) for path in photos]),
    ):
        np.testing.assert_array_equal(seen(X, **params), expected)


def test_four_dimensions():
    stack = np.array(PHOTOS)
    expected = seen(PHOTOS)
    np.testing.assert_array_equal(seen(stack), expected)
    grey = np.concatenate([stack[..., :1]] * 3, axis=3)
    for X in (stack[..., 0], stack[..., :1], list(stack[..., 0]), grey):
        np.testing.assert_array_equal(seen(X), seen(grey))
    with_alpha = np.concatenate([stack, draw(7, 6, 8, 1)[:, :, :, 0, None]], axis=3)
    np.testing.assert_array_equal(seen(with_alpha), expected)
    np.testing.assert_array_equal(seen(stack[:, ::-1, ::-1]), expected[..., ::-1, ::-1])


def test_types_of_numbers():
    image = PHOTOS[0]
    expected = seen([image])
    wide = image.astype(np.uint16) * 257
    for form in (
        image / 255,
        (image / 255).astype(np.float32),
        wide,
        wide.astype(">u2"),
    ):
        np.testing.assert_array_equal(seen([form]), expected)
    ink = image > 127
    np.testing.assert_array_equal(seen([ink]), seen([ink.astype(float)]))
    np.testing.assert_array_equal(seen([ink]), seen([ink * np.uint8(255)]))
    half = seen([(image / 255).astype(np.float16)])
    assert np.abs(half - expected).max() <= 1
    assert seen([np.full((6, 8), 1.001)]).max() == 255  # what a filter overshoots


def png_of(photo, **options):
    file = io.BytesIO()
    photo.save(file, "png", **options)
    return file.getvalue()


def test_modes_of_files(tmp_path):
    rgb = Image.fromarray(PHOTOS[0])
    grey = rgb.convert("L")
    wide = np.asarray(grey).astype(np.uint16) * 257
    alpha = Image.fromarray(draw(6, 8))
    clear = rgb.copy()
    clear.putalpha(alpha)
    faint = grey.copy()
    faint.putalpha(alpha)
    few = rgb.convert("P")
    forms = {
        "rgb": (rgb, rgb),
        "alpha": (clear, rgb),
        "grey": (grey, grey),
        "grey, alpha": (faint, grey),
        "16 bits": (Image.fromarray(wide), grey),
        "palette": (few, few),
        "ink": (grey.convert("1"), grey.convert("1")),
    }
    for name, (form, same) in forms.items():
        path = tmp_path / f"{name}.png"
        form.save(path)
        expected = np.asarray(same.convert("RGB"))
        for X in ([path], [form]):
            np.testing.assert_array_equal(seen(X), seen([expected]), err_msg=name)
    printed = tmp_path / "cmyk.jpg"
    Image.new("CMYK", (8, 6), (0, 255, 255, 0)).save(printed)
    red, green, blue = seen([printed])[0]
    assert red.min() > 240 and max(green.max(), blue.max()) < 15


def test_the_first_frame(tmp_path):
    frames = [Image.new("RGB", (8, 6), (value,) * 3) for value in (10, 200)]
    for kind in ("gif", "tiff"):
        path = tmp_path / f"frames.{kind}"
        frames[0].save(path, save_all=True, append_images=frames[1:])
        np.testing.assert_array_equal(seen([path]), 10)


TURNS = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a.transpose(1, 0, 2), 2),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", TURNS)
def test_photos_are_turned_upright(tmp_path, orientation):
    stored = draw(8, 6, 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "turned.png"
    Image.fromarray(stored).save(path, exif=exif)
    upright = np.ascontiguousarray(TURNS[orientation](stored))
    expected = seen([upright])
    with Image.open(path) as photo:
        for X in ([path], [photo], [photo]):
            np.testing.assert_array_equal(seen(X), expected)
    # A JPEG that is read as a draft is turned as well.
    large = np.zeros((80, 60, 3), np.uint8)
    large[:40, :30] = 255
    path = tmp_path / "turned.jpg"
    Image.fromarray(large).save(path, exif=exif)
    corners = [seen([path]), seen([np.ascontiguousarray(TURNS[orientation](large))])]
    assert np.abs(corners[0] - corners[1]).mean() < 10


def test_a_broken_exif_tag_spoils_no_photo(tmp_path):
    path = tmp_path / "broken.jpg"
    Image.fromarray(np.full((6, 8), 90, np.uint8)).save(path, exif=b"Exif\0\0MM\0*\1")
    np.testing.assert_array_equal(seen([path]), 90)


def test_the_given_images_are_left_alone(photos):
    image = PHOTOS[0] / 255
    before = image.copy()
    photo = Image.open(photos[0])
    seen([image, photo])
    np.testing.assert_array_equal(image, before)
    assert photo.size == decode(photos[0]).shape[1::-1]


# --- Batches and threads -------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [None, 2, 3])
@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_rows_keep_their_order(n_jobs, batch_size):
    X = [np.full((2 + i % 3, 2 + i % 5), i, np.uint8) for i in range(41)]
    found = seen(X, n_jobs=n_jobs, batch_size=batch_size)
    np.testing.assert_array_equal(found[:, 0, 0, 0], np.arange(41))


@needs_data
def test_batches_and_threads_change_nothing(photos):
    one = OnnxImageFeatures(MOBILENET, batch_size=1).transform(photos)
    for batch_size, n_jobs in ((32, 1), (32, 2), (3, 2)):
        extractor = OnnxImageFeatures(MOBILENET, batch_size=batch_size, n_jobs=n_jobs)
        np.testing.assert_allclose(
            extractor.transform(photos), one, rtol=1e-5, atol=1e-5
        )


@pytest.mark.parametrize("n_images", [1, 2, 5, 6, 7, 13])
@pytest.mark.parametrize("batch_size, n_jobs", [(1, 1), (3, 1), (3, 2), (100, 3)])
def test_threads_share_the_images_evenly(monkeypatch, n_images, batch_size, n_jobs):
    sizes = []
    run = OnnxNetwork.run

    def spy(self, batch):
        sizes.append(len(batch))
        return run(self, batch)

    monkeypatch.setattr(OnnxNetwork, "run", spy)
    seen(np.zeros((n_images, 2, 2)), batch_size=batch_size, n_jobs=n_jobs)
    assert sum(sizes) == n_images and max(sizes) <= batch_size
    # As few rounds as the size of batches allows, and none longer than it need be.
    rounds = -(-n_images // (batch_size * n_jobs))
    assert max(sizes) == -(-n_images // (rounds * n_jobs))
    assert len(sizes) <= rounds * n_jobs


@pytest.mark.parametrize("size", [1, 3, 7, 10])
def test_a_network_for_batches_of_one_size(size):
    model = look((size, 3, 6, 8))
    for n_jobs in (1, 2):
        found = seen(PHOTOS, model, n_jobs=n_jobs)
        np.testing.assert_array_equal(found, seen(PHOTOS))


def test_threads_of_a_joblib_context(monkeypatch):
    names = set()
    read = OnnxImageFeatures._read

    def spy(self, *arguments):
        names.add(threading.get_ident())
        read(self, *arguments)

    monkeypatch.setattr(OnnxImageFeatures, "_read", spy)
    seen(PHOTOS)
    assert names == {threading.get_ident()}
    with joblib.parallel_config("loky", n_jobs=2):
        np.testing.assert_array_equal(seen(PHOTOS * 10)[:7], seen(PHOTOS))
    assert len(names) > 1


def test_one_pil_image_in_many_rows(photos):
    X = [Image.open(photos[0])] * 30
    found = seen(X, n_jobs=4, batch_size=1)
    np.testing.assert_array_equal(found, np.repeat(seen([photos[0]]), 30, axis=0))


# --- As a scikit-learn transformer ---------------------------------------------------


def test_fit_is_not_needed_and_checks_the_network():
    extractor = OnnxImageFeatures(MODEL, output="mean", resize=None)
    expected = clone(extractor).fit(PHOTOS).transform(PHOTOS)
    np.testing.assert_array_equal(extractor.transform(PHOTOS), expected)
    names = [f"onnximagefeatures{i}" for i in range(3)]
    assert clone(extractor).get_feature_names_out().tolist() == names
    assert clone(extractor).fit().n_features_out_ == 3


def test_parameters_are_those_of_now():
    extractor = OnnxImageFeatures(MODEL, resize=None).fit()
    expected = extractor.transform(PHOTOS)
    extractor.set_params(output="mean")
    assert extractor.transform(PHOTOS).shape == (7, 3)
    assert len(extractor.get_feature_names_out()) == 3
    extractor.set_params(output="pixels", mean=0.0, std=1.0)
    np.testing.assert_allclose(
        extractor.transform(PHOTOS), (expected + 1) / 2, atol=1e-6
    )
    extractor.set_params(resize=7)
    with pytest.raises(ValueError, match="short side of resize=7"):
        extractor.transform(PHOTOS)
    extractor.set_params(resize=None, std=0.0)
    with pytest.raises(ValueError, match="std must be positive"):
        extractor.transform(PHOTOS)


@pytest.mark.parametrize("as_path", [False, True])
def test_pickle_and_clone(tmp_path, as_path):
    path = tmp_path / "network.onnx"
    path.write_bytes(MODEL)
    extractor = OnnxImageFeatures(path if as_path else MODEL, resize=None).fit()
    expected = extractor.transform(PHOTOS)
    data = pickle.dumps(extractor)
    assert (MODEL in data) is not as_path
    np.testing.assert_array_equal(pickle.loads(data).transform(PHOTOS), expected)
    np.testing.assert_array_equal(clone(extractor).transform(PHOTOS), expected)
    np.testing.assert_array_equal(extractor.transform(PHOTOS), expected)
    path.unlink()
    moved = pickle.loads(data)
    if as_path:
        with pytest.raises(FileNotFoundError, match="network.onnx.*no such file"):
            moved.transform(PHOTOS)
        assert moved.n_features_out_ == 144
    else:
        np.testing.assert_array_equal(moved.transform(PHOTOS), expected)


def test_pandas_output_and_names():
    extractor = OnnxImageFeatures(MODEL, output="mean", resize=None)
    X = pd.Series(PHOTOS, index=list("abcdefg"))
    table = extractor.set_output(transform="pandas").fit_transform(X)
    assert table.columns.tolist() == extractor.get_feature_names_out().tolist()
    assert table.index.tolist() == list("abcdefg")
    assert (table.dtypes == np.float32).all()


def test_grid_search_in_processes(tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(16) % 2
    X = []
    for index, label in enumerate(y):
        pixels = rng.integers(0, 120, (9, 12, 3)) + 60 * label * np.array([1, 0, 0])
        X.append(str(tmp_path / f"{index}.png"))
        Image.fromarray(pixels.astype(np.uint8)).save(X[-1])
    model = make_pipeline(
        OnnxImageFeatures(MODEL, resize=None), LogisticRegression(max_iter=1000)
    )
    outputs = {"onnximagefeatures__output": ["pixels", "mean"]}
    search = GridSearchCV(model, outputs, cv=2, n_jobs=2).fit(X, y)
    assert search.best_score_ > 0.9
    assert search.predict(X).shape == (16,)
    alone = GridSearchCV(model, outputs, cv=2).fit(X, y)
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


def test_importing_preprocessing_imports_neither_pillow_nor_onnxruntime():
    code = (
        "import sys, sklearn_crossmodal.preprocessing;"
        "print([m for m in ('torch', 'onnxruntime', 'PIL') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "[]"


@pytest.mark.parametrize("missing", ["onnxruntime", "PIL"])
def test_without_the_extra(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=r"pip install sklearn-crossmodal\[images\]"):
        OnnxImageFeatures(MODEL, resize=None).fit()


@needs_data
def test_the_stored_features_of_caltech101(tmp_path):
    stored = np.load(CALTECH / "caltech101_mobilenet075.npz")
    row_of = {name: row for row, name in enumerate(stored["names"])}
    with tarfile.open(CALTECH / "caltech101_first20_128px.tar") as archive:
        names = [name.removeprefix("./") for name in archive.getnames()]
        kept = [name for name in names if name in row_of][::40]
        archive.extractall(tmp_path, filter="data")
    found = OnnxImageFeatures(MOBILENET).transform([tmp_path / name for name in kept])
    true = stored["features"][[row_of[name] for name in kept]].astype(np.float32)
    cosine = (found * true).sum(axis=1) / np.linalg.norm(found, axis=1)
    assert np.median(cosine / np.linalg.norm(true, axis=1)) >= 0.94


# --- Bad input -----------------------------------------------------------------------

GOOD = PHOTOS[0]
CLOSED = Image.fromarray(GOOD)
CLOSED.close()
BAD_ROWS = {
    "empty": ([], ValueError, "at least one image; got none"),
    "empty array": (np.zeros((0, 6, 8, 3)), ValueError, "at least one image"),
    "one image": (GOOD, ValueError, r"\(6, 8, 3\).*\[image\]"),
    "one grey image": (GOOD[..., 0], ValueError, r"\(6, 8\).*\[image\]"),
    "one PIL image": (Image.fromarray(GOOD), TypeError, "wrap it in a list"),
    "one path": ("photos", TypeError, "got the path 'photos'.*glob"),
    "one Path": (Path("photos"), TypeError, "got the path 'photos'"),
    "bytes": (b"photos", TypeError, "got bytes"),
    "None": ([GOOD, None], TypeError, r"Row 1 .*got None \(NoneType\)"),
    "a number": (3, TypeError, "got int"),
    "numbers": ([GOOD, 3], TypeError, r"Row 1 .*got 3 \(int\)"),
    "array of numbers": (np.zeros(3), ValueError, r"\(n_images, height, width, 3\)"),
    "five dimensions": (np.zeros((1,) * 5), ValueError, "got shape"),
    "generator": ((p for p in PHOTOS), TypeError, "got generator"),
    "dict": ({"a": GOOD}, TypeError, "got dict"),
    "encoded": ([GOOD, png_of(Image.fromarray(GOOD))], TypeError, "Row 1 .*BytesIO"),
    "encoded array": (np.array([b"png"]), TypeError, "Row 0 .*BytesIO"),
    "table": (pd.DataFrame({"path": ["a"]}), ValueError, r"table .*\(1, 1\).*column"),
    "nested lists": ([GOOD.tolist()], TypeError, r"Row 0 .*\(list\)"),
    "missing": (
        ["no.jpg", GOOD, "nor.jpg"],
        FileNotFoundError,
        "Rows 0 and 2 of X: no such file in .*first is 'no.jpg'",
    ),
    "a folder": ([GOOD, ROOT], FileNotFoundError, "Row 1 of X: no such file"),
}
BAD_IMAGES = {
    "no pixels": (np.zeros((0, 8, 3), np.uint8), ValueError, r"no pixels.*\(0, 8, 3\)"),
    "no pixels, grey": (np.zeros((6, 0)), ValueError, r"no pixels.*\(6, 0\)"),
    "no pixels, PIL": (Image.new("RGB", (0, 4)), ValueError, "no pixels"),
    "two channels": (np.zeros((6, 8, 2)), ValueError, r"3 or 4\); got .*\(6, 8, 2\)"),
    "colours first": (np.zeros((3, 6, 8)), ValueError, r"image.transpose\(1, 2, 0\)"),
    "one dimension": (np.zeros(6), ValueError, r"got shape \(6,\)"),
    "NaN": (np.full((6, 8), np.nan), ValueError, "NaN or infinity"),
    "infinity": (np.where(GOOD > 9, np.inf, 0), ValueError, "NaN or infinity"),
    "floats to 255": (GOOD.astype(float), ValueError, "from 0 to 25.* by 255"),
    "normalized": (GOOD / 127.5 - 1, ValueError, "from -1 to .*expected 0 to 1"),
    "int64": (GOOD.astype(int), TypeError, r"dtype int64.*astype\(np.uint8\)"),
    "complex": (GOOD + 1j, TypeError, "dtype complex128"),
    "text": (np.array([["a"]]), TypeError, "dtype <U1"),
    "objects": (np.full((6, 8), None), TypeError, "dtype object"),
    "closed": (CLOSED, ValueError, "can't be read as an image"),
    "mode F": (Image.new("F", (8, 6)), ValueError, "mode 'F' doesn't tell"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_rows(name):
    X, error, match = BAD_ROWS[name]
    extractor = OnnxImageFeatures(MODEL, resize=None)
    with pytest.raises(error, match=match):
        extractor.fit(X)
    assert not [each for each in vars(extractor) if each.endswith("_")]
    with pytest.raises(error, match=match):
        extractor.transform(X)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("name", BAD_IMAGES)
def test_bad_images(name, n_jobs):
    bad, error, match = BAD_IMAGES[name]
    extractor = OnnxImageFeatures(MODEL, resize=None, batch_size=2, n_jobs=n_jobs)
    with pytest.raises(error, match="Row 3 of X.*" + match):
        extractor.transform([*PHOTOS[:3], bad, *PHOTOS])
    assert extractor.transform(PHOTOS).shape == (7, 144)


def test_rows_without_pixels_of_one_array():
    with pytest.raises(ValueError, match="Row 0 of X has no pixels"):
        seen(np.zeros((2, 0, 8, 3)))
    with pytest.raises(ValueError, match=r"Row 0 .*\(3, 6, 8\).*transpose"):
        seen(np.zeros((2, 3, 6, 8)))


PNG = png_of(Image.fromarray(draw(60, 80, 3)))
JPEG = io.BytesIO()
Image.fromarray(draw(60, 80, 3)).save(JPEG, "jpeg")
BROKEN = {
    "empty.jpg": b"",
    "text.jpg": b"not an image",
    "cut.png": PNG[: len(PNG) // 2],
    "cut.jpg": JPEG.getvalue()[: len(JPEG.getvalue()) // 2],
    "start.jpg": JPEG.getvalue()[:30],
    "noise.png": PNG[:200] + bytes(200) + PNG[400:],
    "network.png": MODEL,
}


@pytest.mark.parametrize("name", BROKEN)
def test_files_that_are_no_images(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(BROKEN[name])
    for given_path in (path, str(path)):
        with pytest.raises(ValueError, match=f"Row 2 of X, '.*{name}'.*be read"):
            seen([GOOD, GOOD, given_path])


@pytest.mark.skipif(os.name == "nt", reason="needs Unix permissions")
def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = tmp_path / "mine.png"
    path.write_bytes(PNG)

    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Image, "open", refuse)
    with pytest.raises(PermissionError, match=r"Row 1 of X, '.*mine.png'.*not be read"):
        seen([GOOD, path])


def test_a_file_that_is_far_too_large(tmp_path, monkeypatch):
    path = tmp_path / "large.png"
    path.write_bytes(PNG)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60 * 80 // 3)
    with pytest.raises(ValueError, match="Row 0 of X, '.*large.png'.*Decompression"):
        seen([path])


# --- Bad networks --------------------------------------------------------------------

X4 = tensor("x", ("n", 3, 6, 8))
FLAT = node("Flatten", ["x"], "y", axis=1)
BAD_NETWORKS = {
    "no network": (b"not a network", "13 bytes, is no ONNX network"),
    "empty": (b"", "0 bytes, is no ONNX network"),
    "cut": (MODEL[:100], "is no ONNX network"),
    "unknown operator": (
        network([node("Fly", ["x"], "y")], [X4], [tensor("y", ("n", 3, 6, 8))]),
        "is no ONNX network that onnxruntime .*Fly",
    ),
    "two inputs": (
        network(
            [node("Add", ["x", "z"], "y")],
            [X4, tensor("z", ("n", 3, 6, 8))],
            [tensor("y", ("n", 3, 6, 8))],
        ),
        "one input.*x tensor.float.*, z tensor.float.",
    ),
    "a table": (
        network(
            [node("Relu", ["x"], "y")],
            [tensor("x", ("n", 8))],
            [tensor("y", ("n", 8))],
        ),
        r"four dimensions.*x tensor\(float\) \['n', 8\]",
    ),
    "integers": (
        network([FLAT], [tensor("x", ("n", 3, 6, 8), 7)], [tensor("y", ("n", 144), 7)]),
        r"real numbers.*x tensor\(int64\)",
    ),
    "grey": (look(("n", 1, 6, 8)), "1, 6, 8.*expected 3 colours"),
    "layout": (look(("n", 3, 6, 3)), "layout='NCHW' or layout='NHWC'"),
    "free size": (look(("n", 3, "h", "w")), r"any size.*'h', 'w'.*crop=224"),
    "no rows": (
        network([node("ReduceMean", ["x"], "y", keepdims=0)], [X4], [tensor("y", ())]),
        r"'y' must be numbers, with a row for each image; for 2 images got shape \(\)",
    ),
    "one row": (
        network(
            [node("ReduceMean", ["x"], "y", axes=(0,), keepdims=1)],
            [X4],
            [tensor("y", (1, 3, 6, 8))],
        ),
        r"for 2 images got shape \(1, 3, 6, 8\)",
    ),
}


@pytest.mark.parametrize("name", BAD_NETWORKS)
def test_bad_networks(name, capfd):
    model, match = BAD_NETWORKS[name]
    extractor = OnnxImageFeatures(model, resize=None)
    with pytest.raises(ValueError, match=match):
        extractor.fit()
    assert capfd.readouterr() == ("", "")
    assert not [each for each in vars(extractor) if each.endswith("_")]


def test_files_of_networks(tmp_path):
    path = tmp_path / "text.onnx"
    with pytest.raises(FileNotFoundError, match="model='.*text.onnx': no such file"):
        OnnxImageFeatures(path).fit()
    path.write_text("not a network")
    with pytest.raises(ValueError, match="The model, '.*text.onnx', is no ONNX"):
        OnnxImageFeatures(str(path)).fit()


@pytest.mark.parametrize(
    "params, match",
    [
        ({"output": "y"}, "output='y' is none of the network's outputs: pixels, mean"),
        ({"resize": 7}, "crop of 6 x 8 pixels can't be cut out .*resize=7"),
        ({"crop": 8}, r"crop=\(8, 8\), but the network takes 6 x 8"),
        ({"crop": (6, 8, 3)}, r"crop must be .*got \(6, 8, 3\)"),
        ({"crop": (6.0, 8)}, r"crop must be .*got \(6.0, 8\)"),
        ({"crop": [0, 8]}, r"crop must be .*got \[0, 8\]"),
        ({"layout": "NHWC"}, "layout='NHWC'.*3 colours there, not 8"),
        ({"mean": [0.5, 0.5]}, r"mean must be a number, or three .*\[0.5, 0.5\]"),
        ({"mean": np.nan}, "mean must be a number, or three"),
        ({"mean": ["a", "b", "c"]}, "mean must be a number, or three"),
        ({"std": 0}, "std must be positive"),
        ({"std": [1, 1, -1]}, "std must be positive"),
        ({"providers": ["FastProvider"]}, "FastProvider.*CPUExecutionProvider"),
    ],
)
def test_parameters_that_do_not_fit(params, match):
    extractor = OnnxImageFeatures(MODEL, **{"resize": None, **params})
    with pytest.raises(ValueError, match=match):
        extractor.fit()
    with pytest.raises(ValueError, match=match):
        extractor.transform(PHOTOS)


def test_a_network_of_any_size():
    free = look(("n", 3, "h", "w"))
    np.testing.assert_array_equal(seen(PHOTOS, free, crop=(6, 8)), seen(PHOTOS))
    bare = network(
        [node("Flatten", ["x"], "pixels", axis=1)],
        [tensor("x", ("n", "a", "b", "c"))],
        [tensor("pixels", ("n", "m"))],
    )
    for layout in ("NCHW", "NHWC"):
        found = seen(PHOTOS, bare, crop=(6, 8), layout=layout)
        np.testing.assert_array_equal(found, seen(PHOTOS))


@pytest.mark.parametrize(
    "params",
    [
        {"model": 3},
        {"output": 0},
        {"resize": 0},
        {"resize": 256.0},
        {"crop": 0},
        {"crop": "middle"},
        {"mean": "imagenet"},
        {"channels": "rgb"},
        {"layout": "CHW"},
        {"interpolation": "cubic"},
        {"draft": "yes"},
        {"batch_size": 0},
        {"n_jobs": 1.5},
        {"providers": "CPUExecutionProvider"},
    ],
)
def test_bad_parameters(params):
    with pytest.raises(InvalidParameterError, match=f"The '{next(iter(params))}'"):
        OnnxImageFeatures(**{"model": MODEL, **params}).fit()
