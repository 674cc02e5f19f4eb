"""The data home, and what happens to files that are missing, wrong or not there yet."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from sklearn_crossmodal.datasets import (
    _base,
    clear_data_home,
    fetch_wikipedia,
    get_data_home,
)
from sklearn_crossmodal.datasets._registry import REGISTRY, RemoteFile

ROOT = Path(__file__).resolve().parents[2]
NAME = "wikipedia_xmodal/categories.list"
CONTENT = b"art\nbiology\n"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def snapshot(folder):
    """Everything below a folder, with the times that writing would change."""
    return {
        (str(path), path.stat().st_mtime_ns, path.stat().st_size)
        for path in [folder, *folder.rglob("*")]
    }


@pytest.fixture
def remote(origin, monkeypatch):
    """One registered file that the local server has."""
    folder, address, requests = origin
    (folder / "categories.list").write_bytes(CONTENT)
    entry = RemoteFile(sha256(CONTENT), f"{address}/categories.list")
    monkeypatch.setitem(REGISTRY, NAME, entry)
    return requests


def test_data_home_comes_from_argument_environment_or_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SKLEARN_CROSSMODAL_DATA", raising=False)
    assert get_data_home() == str(tmp_path / "sklearn_crossmodal_data")
    monkeypatch.setenv("SKLEARN_CROSSMODAL_DATA", str(tmp_path / "from_environment"))
    assert get_data_home() == str(tmp_path / "from_environment")
    assert get_data_home(tmp_path / "a" / "b") == str(tmp_path / "a" / "b")
    assert get_data_home("~/mine") == str(tmp_path / "mine")
    assert all((tmp_path / name).is_dir() for name in ["mine", "from_environment"])


def test_data_home_of_a_wrong_type():
    with pytest.raises(TypeError):
        get_data_home(3)


def test_download_once_then_read_the_copy(tmp_path, remote):
    home = tmp_path / "home"
    path = _base.fetch_file(NAME, home)
    assert path == home / NAME
    assert path.read_bytes() == CONTENT
    before = snapshot(home)
    assert _base.fetch_file(NAME, home, download_if_missing=False) == path
    assert len(remote) == 1
    assert snapshot(home) == before


def test_download_with_a_wrong_hash_leaves_nothing(tmp_path, remote, monkeypatch):
    url = REGISTRY[NAME].url
    monkeypatch.setitem(REGISTRY, NAME, RemoteFile(sha256(b"other"), url))
    with pytest.raises(OSError, match="hash") as caught:
        _base.fetch_file(NAME, tmp_path / "home")
    assert url in str(caught.value)
    assert not [path for path in (tmp_path / "home").rglob("*") if path.is_file()]


def test_download_that_fails_says_what_to_do(tmp_path, remote, monkeypatch):
    url = REGISTRY[NAME].url + ".moved"
    monkeypatch.setitem(REGISTRY, NAME, RemoteFile(sha256(CONTENT), url))
    with pytest.raises(OSError, match="404") as caught:
        _base.fetch_file(NAME, tmp_path / "home")
    assert url in str(caught.value)
    assert str(tmp_path / "home" / NAME) in str(caught.value)


def test_missing_and_no_download(tmp_path, remote):
    home = tmp_path / "home"
    with pytest.raises(OSError, match="download_if_missing=True") as caught:
        _base.fetch_file(NAME, home, download_if_missing=False)
    assert str(home / NAME) in str(caught.value)
    assert REGISTRY[NAME].url in str(caught.value)
    assert not home.exists()
    assert not remote


def test_a_wrong_local_file_is_refused_and_kept(tmp_path, remote):
    path = tmp_path / NAME
    path.parent.mkdir()
    path.write_bytes(b"the user's own")
    with pytest.raises(OSError, match="not the expected file") as caught:
        _base.fetch_file(NAME, tmp_path)
    assert sha256(b"the user's own") in str(caught.value)
    assert sha256(CONTENT) in str(caught.value)
    assert path.read_bytes() == b"the user's own"
    assert not remote


def test_a_place_that_cannot_be_written(tmp_path, remote):
    (tmp_path / "home").write_text("a file, so no folder can be made below it")
    with pytest.raises(OSError, match="Could not download"):
        _base.fetch_file(NAME, tmp_path / "home")


def test_a_read_only_home_is_read_in_place(tmp_path, remote):
    path = tmp_path / "home" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    folders = [path.parent, path.parent.parent]
    path.chmod(0o400)
    for folder in folders:
        folder.chmod(0o500)
    try:
        before = snapshot(tmp_path / "home")
        assert _base.fetch_file(NAME, tmp_path / "home") == path
        assert snapshot(tmp_path / "home") == before
    finally:
        for folder in reversed(folders):
            folder.chmod(0o700)


def test_clear_data_home_deletes_only_what_can_be_downloaded(tmp_path):
    keep = [tmp_path / "flickr8k/flickr8k_mobilenet075.npz", tmp_path / "mine.txt"]
    for path in [*keep, *(tmp_path / name for name in REGISTRY)]:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    clear_data_home(tmp_path)
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == sorted(keep)
    assert not (tmp_path / "wikipedia_xmodal").exists()


def test_clear_data_home_of_downloads_alone_or_nothing(tmp_path):
    home = tmp_path / "home"
    clear_data_home(home)
    assert not home.exists()
    (home / NAME).parent.mkdir(parents=True)
    (home / NAME).write_bytes(CONTENT)
    clear_data_home(home)
    assert not home.exists()


def test_registry_is_well_formed():
    for name, remote in REGISTRY.items():
        assert len(remote.sha256) == 64
        assert int(remote.sha256, 16)
        if remote.url is not None:
            assert remote.url.startswith("https://")
            assert " " not in remote.url
            assert remote.url.endswith(name.rpartition("/")[2])


def test_fetchers_are_keyword_only():
    with pytest.raises(TypeError):
        fetch_wikipedia("home")


def test_import_loads_neither_torch_nor_pooch():
    code = (
        "import sys, sklearn_crossmodal.datasets;"
        "print([m for m in ('torch', 'pooch', 'requests') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "[]"
