"""fetch_fsdd: a small stand-in through a local server, and the real recordings."""

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from sklearn_crossmodal.datasets import clear_data_home, fetch_fsdd
from sklearn_crossmodal.datasets._registry import FOLDERS

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(
    not (SHARED / "fsdd").is_dir(), reason="no ../shared/data/fsdd"
)
NAME = "fsdd/recordings"
NAMES = FOLDERS[NAME].names
PREFIX = "free-spoken-digit-dataset-26eb9aa"


def samples_of(name):
    """What the stand-in of a recording says: its digit, take and speaker, and a rest.

    No two are alike or equally long.
    """
    digit, speaker, take = name.removesuffix(".wav").split("_")
    return [int(digit), int(take), ord(speaker[0]), *[-32768] * int(take)]


def wav_of(name):
    file = io.BytesIO()
    wavfile.write(file, 8000, np.array(samples_of(name), dtype=np.int16))
    return file.getvalue()


CONTENTS = {name: wav_of(name) for name in NAMES}
HASH = hashlib.sha256(
    "".join(
        f"{hashlib.sha256(CONTENTS[name]).hexdigest()}  {name}\n" for name in NAMES
    ).encode()
).hexdigest()


def write_archive(path, members):
    """Write a .tar.gz of names and contents; a content of None is a link outside."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if content is None:
                member.type, member.linkname = tarfile.SYMTYPE, "/etc/hostname"
            else:
                member.size = len(content)
            archive.addfile(member, io.BytesIO(content or b""))


def members():
    return [
        (f"{PREFIX}/README.md", b"read me"),
        (f"{PREFIX}/recordings/notes.txt", b"not a recording"),
        (f"{PREFIX}/other/0_george_0.wav", b"of another folder"),
        ("../../recordings/evil.wav", b"not below the folder"),
        *[(f"{PREFIX}/recordings/{name}", CONTENTS[name]) for name in NAMES],
        ("0_george_1.wav", b"of no folder"),
    ]


@pytest.fixture
def small(tmp_path, origin, monkeypatch):
    """Have a local server offer tiny files; gives a data home that isn't there yet."""
    folder, address, _ = origin
    write_archive(folder / "archive.tar.gz", members())
    remote = FOLDERS[NAME]._replace(sha256=HASH, url=f"{address}/archive.tar.gz")
    monkeypatch.setitem(FOLDERS, NAME, remote)
    return tmp_path / "home"


def files_of(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_download_then_read_without(small, origin):
    downloaded = fetch_fsdd(data_home=small)
    assert files_of(small) == [small / NAME / name for name in sorted(NAMES)]
    assert [path.name for path in (small / "fsdd").iterdir()] == ["recordings"]
    cached = fetch_fsdd(data_home=small, download_if_missing=False)
    assert len(origin[2]) == 1
    for bunch in (downloaded, cached):
        assert len(bunch.data) == 3000
        rows = zip(
            bunch.data, bunch.target, bunch.speaker, bunch.index, bunch.split,
            strict=True,
        )  # fmt: skip
        for clip, digit, speaker, take, split in rows:
            assert clip.dtype == np.float32
            name = f"{digit}_{speaker}_{take}.wav"
            np.testing.assert_array_equal(clip * 32768, samples_of(name))
            assert split == ("test" if take < 5 else "train")
        assert bunch.sample_rate == 8000
        assert bunch.target_names[7] == "seven"
        assert "CC BY-SA" in bunch.DESCR or "ShareAlike" in bunch.DESCR


def test_order_and_subsets(small):
    everything = fetch_fsdd(data_home=small)
    keys = list(
        zip(everything.target, everything.speaker, everything.index, strict=True)
    )
    assert keys == sorted(keys)
    assert len(set(keys)) == 3000
    for subset, n_rows in (("train", 2700), ("test", 300)):
        rows = np.flatnonzero(everything.split == subset)
        bunch = fetch_fsdd(data_home=small, subset=subset)
        assert len(rows) == len(bunch.data) == n_rows
        for key in ("target", "speaker", "index", "split"):
            assert bunch[key].tolist() == everything[key][rows].tolist()
        for clip, row in zip(bunch.data, rows, strict=True):
            np.testing.assert_array_equal(clip, everything.data[row])


def test_return_X_y(small):
    X, y = fetch_fsdd(data_home=small, subset="test", return_X_y=True)
    assert len(X) == len(y) == 300
    assert y.tolist() == np.repeat(np.arange(10), 30).tolist()


def test_missing_without_download(tmp_path):
    with pytest.raises(OSError, match="download_if_missing=True") as caught:
        fetch_fsdd(data_home=tmp_path, download_if_missing=False)
    assert str(tmp_path / NAME) in str(caught.value)
    assert FOLDERS[NAME].url in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_wrong_local_copy_is_refused_and_kept(small, origin):
    folder = small / NAME
    folder.mkdir(parents=True)
    for name in NAMES[1:]:
        (folder / name).write_bytes(CONTENTS[name])
    with pytest.raises(OSError, match=f"lacks 1 of 3000 .*{NAMES[0]}.*Move it away"):
        fetch_fsdd(data_home=small)
    (folder / NAMES[0]).write_bytes(b"the user's own")
    with pytest.raises(OSError, match=f"not have the expected contents.*{HASH}"):
        fetch_fsdd(data_home=small)
    assert (folder / NAMES[0]).read_bytes() == b"the user's own"
    assert not origin[2]
    (folder / NAMES[0]).write_bytes(CONTENTS[NAMES[0]])
    (folder / "more.wav").write_bytes(b"is no matter")
    assert len(fetch_fsdd(data_home=small).data) == 3000


@pytest.mark.parametrize(
    "wrong, match",
    [
        (lambda given: given[:-9], "lacks 8 of 3000 expected files"),
        (
            lambda given: [
                (name, content if content != CONTENTS[NAMES[7]] else b"changed")
                for name, content in given
            ],
            "does not have the expected contents",
        ),
        (
            lambda given: [
                (name, content if content != CONTENTS[NAMES[7]] else None)
                for name, content in given
            ],
            "lacks 1 of 3000 expected files",  # links are not followed
        ),
    ],
    ids=["truncated", "changed", "link"],
)
def test_an_archive_with_wrong_contents_leaves_nothing(small, origin, wrong, match):
    write_archive(origin[0] / "archive.tar.gz", wrong(members()))
    with pytest.raises(OSError, match=match) as caught:
        fetch_fsdd(data_home=small)
    assert FOLDERS[NAME].url in str(caught.value)
    assert not files_of(small)


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x1f\x8b\x08broken"])
def test_what_is_no_archive(small, origin, content):
    (origin[0] / "archive.tar.gz").write_bytes(content)
    with pytest.raises(OSError, match="Could not download"):
        fetch_fsdd(data_home=small)
    assert not files_of(small)


def test_a_broken_archive(small, origin):
    path = origin[0] / "archive.tar.gz"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(OSError, match="Could not download"):
        fetch_fsdd(data_home=small)
    assert not files_of(small)


def test_download_that_fails_says_what_to_do(small, origin):
    (origin[0] / "archive.tar.gz").unlink()
    with pytest.raises(OSError, match="404") as caught:
        fetch_fsdd(data_home=small)
    assert str(small / NAME) in str(caught.value)


def test_nothing_is_written_outside(small, tmp_path):
    fetch_fsdd(data_home=small)
    assert not list(tmp_path.rglob("evil.wav"))


def test_clear_data_home(small):
    fetch_fsdd(data_home=small)
    (small / NAME / "mine.wav").write_bytes(b"kept")
    clear_data_home(small)
    assert files_of(small) == [small / NAME / "mine.wav"]
    (small / NAME / "mine.wav").unlink()
    clear_data_home(small)
    assert not small.exists()


@pytest.mark.parametrize("subset", ["dev", None, 3, ""])
def test_bad_subset(tmp_path, subset):
    with pytest.raises(ValueError, match="must be one of 'all', 'train', 'test'"):
        fetch_fsdd(data_home=tmp_path, subset=subset)


def test_the_origin_is_one_commit():
    remote = FOLDERS[NAME]
    assert remote.url.startswith("https://")
    assert "26eb9aaf76e81b692f806f9140c2d2777410d7a1" in remote.url
    assert len(remote.sha256) == 64 and len(remote.names) == 3000
    assert list(remote.names) == sorted(remote.names)


@needs_data
def test_the_real_files_are_read_in_place():
    folder = SHARED / NAME
    before = {(path, path.stat().st_mtime_ns) for path in [folder, *folder.iterdir()]}
    bunch = fetch_fsdd(data_home=SHARED, download_if_missing=False)
    after = {(path, path.stat().st_mtime_ns) for path in [folder, *folder.iterdir()]}
    assert before == after
    assert len(bunch.data) == 3000
    assert {clip.ndim for clip in bunch.data} == {1}
    assert -1 <= min(clip.min() for clip in bunch.data)
    assert 0.5 < max(clip.max() for clip in bunch.data) < 1
    assert np.bincount(bunch.target).tolist() == [300] * 10
    assert len(set(bunch.speaker)) == 6
    assert (bunch.split == "test").sum() == 300
