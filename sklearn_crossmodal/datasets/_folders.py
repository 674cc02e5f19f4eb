"""Folders of small files: downloaded as one archive, verified by their contents."""

import hashlib
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path, PurePosixPath

from ._base import DataHome, _data_home_path
from ._registry import FOLDERS, RemoteFolder


def fetch_folder(
    name: str, data_home: DataHome = None, download_if_missing: bool = True
) -> Path:
    """Return the verified local path of a registered folder, downloading it if needed.

    Parameters
    ----------
    name : str
        The key in ``FOLDERS``, which is the path below `data_home`.
    data_home : str or path-like, default=None
        The folder, found as in :func:`get_data_home`. Nothing is written to it when
        the folder `name` is there.
    download_if_missing : bool, default=True
        Whether a missing folder may be downloaded.

    Returns
    -------
    path : Path
        Where the folder lies. It may have other files too.

    Raises
    ------
    OSError
        If the folder is missing and can't or mustn't be downloaded, or if its files
        aren't the expected ones.
    """
    remote = FOLDERS[name]
    path = _data_home_path(data_home) / name
    if path.exists():
        _verify(path, remote, "Move it away to have it downloaded again.")
    elif not download_if_missing:
        raise OSError(
            f"The folder {name} was not found: looked for it at {path}, and "
            "download_if_missing=False. Pass download_if_missing=True, pass the "
            f"`data_home` that holds {name}, or put a copy from {remote.url} there."
        )
    else:
        _download(path, remote)
    return path


def _verify(path: Path, remote: RemoteFolder, remedy: str) -> None:
    """Refuse wrong files rather than replace them: they may be the user's own."""
    missing = [name for name in remote.names if not (path / name).is_file()]
    if missing:
        raise OSError(
            f"{path} lacks {len(missing)} of {len(remote.names)} expected files, "
            f"{missing[0]} among them. {remedy}"
        )
    lines = [
        f"{hashlib.sha256((path / name).read_bytes()).hexdigest()}  {name}\n"
        for name in remote.names
    ]
    found = hashlib.sha256("".join(lines).encode()).hexdigest()
    if found != remote.sha256:
        raise OSError(
            f"{path} does not have the expected contents: the SHA-256 of its "
            f"{len(lines)} files together is {found}, expected {remote.sha256}. "
            f"{remedy}"
        )


def _download(path: Path, remote: RemoteFolder) -> None:
    import pooch

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
            archive, unpacked = Path(scratch) / "archive", Path(scratch) / path.name
            pooch.HTTPDownloader()(remote.url, str(archive), None)
            _unpack(archive, unpacked, remote.names)
            _verify(unpacked, remote, "The origin has changed, or the download broke.")
            # In one step, so that whatever is in place was found right.
            unpacked.rename(path)
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        response = getattr(error, "response", None)
        if response is not None:  # pooch leaves the connection of a 404 open
            response.close()
        raise OSError(
            f"Could not download {remote.url} to {path}: {error} "
            "Try again, pass another `data_home`, or put the files there by hand."
        ) from error


def _unpack(archive: Path, folder: Path, names: tuple[str, ...]) -> None:
    """Write the regular files ``*/<name of the folder>/<name>`` to the folder.

    Paths are made of the expected names alone, never of what the archive says.
    """
    folder.mkdir()
    expected = set(names)
    with tarfile.open(archive, "r:gz") as members:
        for member in members:
            *_, parent, name = ("", "", *PurePosixPath(member.name).parts)
            content = members.extractfile(member) if member.isfile() else None
            if content is not None and parent == folder.name and name in expected:
                with (folder / name).open("wb") as file:
                    shutil.copyfileobj(content, file)
