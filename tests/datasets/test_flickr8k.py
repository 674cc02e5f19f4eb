"""fetch_flickr8k: a small stand-in for each rule, and the real files where they are."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from sklearn_crossmodal.datasets import fetch_flickr8k
from sklearn_crossmodal.datasets._registry import REGISTRY, RemoteFile

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(
    not (SHARED / "flickr8k").is_dir(), reason="no ../shared/data/flickr8k"
)
SPLIT_OF = {"b.jpg": "test", "a.jpg": "train", "d.jpg": "train", "c.jpg": "dev"}
ALL = ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]  # e.jpg is of no split


def write_files(folder):
    """Write tiny files in the layout of the real ones, deliberately out of order."""
    names = ["d.jpg", "b.jpg", "2258277193_586949ec62.jpg.1", "e.jpg", "a.jpg", "c.jpg"]
    lines = [
        f"{name}#{k}\t{name[0]} , caption {k} ." for name in names for k in range(5)
    ]
    (folder / "Flickr8k.token.txt").write_text("\n".join(lines) + "\n")
    for split in ("train", "dev", "test"):
        listed = [name for name, of in SPLIT_OF.items() if of == split]
        (folder / f"Flickr_8k.{split}Images.txt").write_text("\n".join(listed) + "\n")
    photos = ["e.jpg", "c.jpg", "a.jpg", "d.jpg", "b.jpg"]
    features = np.array([[ord(name[0])] * 3 for name in photos], dtype=np.float16)
    np.savez(folder / "flickr8k_mobilenet075.npz", names=photos, features=features)


@pytest.fixture
def small(tmp_path, monkeypatch):
    folder = tmp_path / "flickr8k"
    folder.mkdir()
    write_files(folder)
    for path in folder.iterdir():
        name = f"flickr8k/{path.name}"
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        url = None if path.suffix == ".npz" else f"http://127.0.0.1:9/{path.name}"
        monkeypatch.setitem(REGISTRY, name, RemoteFile(digest, url))
    return tmp_path


@pytest.mark.parametrize("subset", ["all", "train", "dev", "test"])
def test_rows_are_ordered_by_name_and_aligned(small, subset):
    bunch = fetch_flickr8k(data_home=small, subset=subset)
    names = [name for name in ALL if subset in ("all", SPLIT_OF.get(name))]
    assert bunch.image_names.tolist() == names
    assert bunch.split.tolist() == [SPLIT_OF.get(name, "none") for name in names]
    assert bunch.data.dtype == np.float32
    assert bunch.data.tolist() == [[ord(name[0])] * 3 for name in names]
    for name, captions in zip(names, bunch.captions, strict=True):
        assert captions == [f"{name[0]} , caption {k} ." for k in range(5)]
    assert bunch.feature_names == [f"mobilenet075_{i}" for i in range(3)]
    assert "Hodosh" in bunch.DESCR


def test_return_X_y(small):
    X, y = fetch_flickr8k(data_home=small, subset="train", return_X_y=True)
    assert X.shape == (2, 3)
    assert [row[0] for row in y] == ["a , caption 0 .", "d , caption 0 ."]


def test_without_features_no_features_are_needed(small):
    (small / "flickr8k" / "flickr8k_mobilenet075.npz").unlink()
    bunch = fetch_flickr8k(data_home=small, features=None)
    assert bunch.data is None
    assert bunch.feature_names is None
    assert bunch.image_names.tolist() == ALL


@pytest.mark.parametrize("download", [True, False])
def test_missing_features_say_so_and_name_the_way_out(small, download):
    path = small / "flickr8k" / "flickr8k_mobilenet075.npz"
    path.unlink()
    with pytest.raises(OSError, match="features=None") as caught:
        fetch_flickr8k(data_home=small, download_if_missing=download)
    assert str(path) in str(caught.value)
    assert "no public origin" in str(caught.value)


def test_missing_captions_without_download(small):
    (small / "flickr8k" / "Flickr8k.token.txt").unlink()
    with pytest.raises(OSError, match="Flickr8k.token.txt not found"):
        fetch_flickr8k(data_home=small, download_if_missing=False)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"subset": "val"}, "subset must be one of 'all', 'train', 'dev', 'test'"),
        ({"subset": None}, "got None"),
        ({"features": "vgg19"}, "features must be one of 'mobilenet075', None"),
        ({"features": None, "return_X_y": True}, "needs features"),
    ],
)
def test_bad_options_fail_before_any_file_is_looked_for(tmp_path, parameters, message):
    with pytest.raises(ValueError, match=message):
        fetch_flickr8k(data_home=tmp_path / "nowhere", **parameters)
    assert not (tmp_path / "nowhere").exists()


@needs_data
def test_the_real_files_are_read_in_place():
    before = {(path, path.stat().st_mtime_ns) for path in SHARED.rglob("flickr8k*")}
    bunch = fetch_flickr8k(data_home=SHARED, download_if_missing=False)
    after = {(path, path.stat().st_mtime_ns) for path in SHARED.rglob("flickr8k*")}
    assert before == after
    assert bunch.data.shape == (8091, 768)
    assert {len(row) for row in bunch.captions} == {5}
    counts = dict(zip(*np.unique(bunch.split, return_counts=True), strict=True))
    assert counts == {"train": 6000, "dev": 1000, "test": 1000, "none": 91}
    assert "2258277193_586949ec62.jpg.1" not in bunch.image_names
    with np.load(SHARED / "flickr8k" / "flickr8k_mobilenet075.npz") as arrays:
        assert arrays["names"].tolist() == bunch.image_names.tolist()
        assert arrays["split"].tolist() == bunch.split.tolist()
        assert np.array_equal(arrays["features"].astype(np.float32), bunch.data)


@needs_data
def test_a_real_subset():
    bunch = fetch_flickr8k(data_home=SHARED, subset="test")
    listed = (SHARED / "flickr8k" / "Flickr_8k.testImages.txt").read_text().split()
    assert bunch.image_names.tolist() == sorted(listed)
    assert bunch.data.shape == (1000, 768)
    assert (bunch.data >= 0).all()
