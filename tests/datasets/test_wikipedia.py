"""fetch_wikipedia: a small stand-in through a local server, and the real files."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from sklearn.linear_model import LogisticRegression

from sklearn_crossmodal.datasets import fetch_wikipedia
from sklearn_crossmodal.datasets._registry import REGISTRY, RemoteFile

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(
    not (SHARED / "wikipedia_xmodal").is_dir(),
    reason="no ../shared/data/wikipedia_xmodal",
)


def write_files(folder):
    arrays = {
        "I_tr": np.arange(6.0).reshape(3, 2),
        "I_te": np.arange(10.0, 14.0).reshape(2, 2),
        "T_tr": -np.arange(3.0).reshape(3, 1),
        "T_te": -np.arange(10.0, 12.0).reshape(2, 1),
    }
    savemat(folder / "raw_features.mat", arrays)
    (folder / "categories.list").write_text("art\nbiology\n")
    (folder / "trainset_txt_img_cat.list").write_text(
        "text-1\timage-1\t2\ntext-2\timage-2\t1\ntext-3\timage-3\t2\n"
    )
    (folder / "testset_txt_img_cat.list").write_text(
        "text-4\timage-4\t1\ntext-5\timage-5\t2\n"
    )


@pytest.fixture
def small(tmp_path, origin, monkeypatch):
    """Have a local server offer tiny files; gives a data home that isn't there yet."""
    folder, address, _ = origin
    write_files(folder)
    for path in folder.iterdir():
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        name = f"wikipedia_xmodal/{path.name}"
        remote = RemoteFile(digest, f"{address}/{path.name}")
        monkeypatch.setitem(REGISTRY, name, remote)
    return tmp_path / "home"


def test_download_then_read_without(small):
    downloaded = fetch_wikipedia(data_home=small)
    assert sorted(path.name for path in (small / "wikipedia_xmodal").iterdir()) == [
        "categories.list",
        "raw_features.mat",
        "testset_txt_img_cat.list",
        "trainset_txt_img_cat.list",
    ]
    cached = fetch_wikipedia(data_home=small, download_if_missing=False)
    for bunch in (downloaded, cached):
        assert bunch.data.tolist() == [[0, 1], [2, 3], [4, 5], [10, 11], [12, 13]]
        assert bunch.text.ravel().tolist() == [0, -1, -2, -10, -11]
        assert bunch.target.tolist() == [1, 0, 1, 0, 1]
        assert bunch.target_names == ["art", "biology"]
        assert bunch.split.tolist() == ["train"] * 3 + ["test"] * 2
        assert bunch.text_names.tolist() == [f"text-{i}" for i in range(1, 6)]
        assert bunch.image_names.tolist() == [f"image-{i}" for i in range(1, 6)]


@pytest.mark.parametrize(("subset", "rows"), [("train", [0, 1, 2]), ("test", [3, 4])])
def test_subsets_are_rows_of_all(small, subset, rows):
    everything = fetch_wikipedia(data_home=small)
    bunch = fetch_wikipedia(data_home=small, subset=subset)
    for key in ["data", "text", "target", "split", "text_names", "image_names"]:
        assert bunch[key].tolist() == everything[key][rows].tolist()


def test_return_X_y(small):
    X, y = fetch_wikipedia(data_home=small, subset="test", return_X_y=True)
    assert X.dtype == y.dtype == np.float32
    assert X.tolist() == [[10, 11], [12, 13]]
    assert y.tolist() == [[-10], [-11]]


def test_missing_without_download(tmp_path):
    with pytest.raises(OSError, match="raw_features.mat not found") as caught:
        fetch_wikipedia(data_home=tmp_path, download_if_missing=False)
    assert str(tmp_path / "wikipedia_xmodal" / "raw_features.mat") in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("subset", ["dev", None, 3, ""])
def test_bad_subset(tmp_path, subset):
    with pytest.raises(ValueError, match="must be one of 'all', 'train', 'test'"):
        fetch_wikipedia(data_home=tmp_path, subset=subset)


@needs_data
def test_the_real_files_are_read_in_place():
    folder = SHARED / "wikipedia_xmodal"
    before = {(path, path.stat().st_mtime_ns) for path in [folder, *folder.iterdir()]}
    bunch = fetch_wikipedia(data_home=SHARED, download_if_missing=False)
    after = {(path, path.stat().st_mtime_ns) for path in [folder, *folder.iterdir()]}
    assert before == after
    assert bunch.data.shape == (2866, 128)
    assert bunch.text.shape == (2866, 10)
    assert bunch.data.dtype == bunch.text.dtype == np.float32
    assert bunch.split.tolist() == ["train"] * 2173 + ["test"] * 693
    assert np.unique(bunch.target).tolist() == list(range(10))
    assert bunch.target_names[0] == "art"
    assert len(bunch.target_names) == 10
    for view in (bunch.data, bunch.text):
        np.testing.assert_allclose(view.sum(axis=1), 1, atol=1e-5)
    assert len(set(bunch.text_names)) == 2866


@needs_data
def test_the_real_views_and_classes_belong_together():
    """Topics tell the class of the same row far better than chance."""
    train = fetch_wikipedia(data_home=SHARED, subset="train")
    test = fetch_wikipedia(data_home=SHARED, subset="test")
    model = LogisticRegression(C=100, max_iter=500).fit(train.text, train.target)
    assert model.score(test.text, test.target) > 0.5
