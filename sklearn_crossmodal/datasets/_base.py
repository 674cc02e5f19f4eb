"""Where data lie, and how a file gets there: verified, and never overwritten."""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from numbers import Integral
from pathlib import Path

from ._registry import FOLDERS, REGISTRY, RemoteFile

_ENVIRONMENT_VARIABLE = "SKLEARN_CROSSMODAL_DATA"
_DEFAULT_HOME = "~/sklearn_crossmodal_data"

DataHome = str | os.PathLike[str] | None


def _data_home_path(data_home: DataHome) -> Path:
    """Resolve `data_home` without creating it: it may be read-only."""
    if data_home is None:
        data_home = os.environ.get(_ENVIRONMENT_VARIABLE) or _DEFAULT_HOME
    return Path(data_home).expanduser().absolute()


def get_data_home(data_home: DataHome = None) -> str:
    """Return the folder that holds the downloaded datasets, and create it.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder. If None, the environment variable ``SKLEARN_CROSSMODAL_DATA``,
        or ``~/sklearn_crossmodal_data`` where that is not set. ``~`` is expanded.

    Returns
    -------
    data_home : str
        The absolute path of the folder, which now exists.

    Raises
    ------
    OSError
        If the folder can't be created.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn_crossmodal.datasets import get_data_home
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     os.path.isdir(get_data_home(os.path.join(folder, "mine")))
    True
    """
    path = _data_home_path(data_home)
    path.mkdir(parents=True, exist_ok=True)
    return str(path)


def clear_data_home(data_home: DataHome = None) -> None:
    """Delete what the fetchers can download again.

    Unlike :func:`sklearn.datasets.clear_data_home`, this leaves every other file
    where it is, since `data_home` may well be a folder of the user's own data, and
    features that have no public origin would be lost.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder, found as in :func:`get_data_home`. It goes too, if that leaves
        it empty.

    Raises
    ------
    OSError
        If a file can't be deleted.

    Examples
    --------
    >>> from sklearn_crossmodal.datasets import clear_data_home
    >>> clear_data_home()  # doctest: +SKIP
    """
    home = _data_home_path(data_home)
    names = [name for name, remote in REGISTRY.items() if remote.url is not None]
    for name, archive in FOLDERS.items():
        names += [f"{name}/{file}" for file in archive.names]
    folders = {home}
    for name in names:
        (home / name).unlink(missing_ok=True)
        folders.update((home / name).parents[: name.count("/")])
    for folder in sorted(folders, reverse=True):
        with suppress(OSError):  # not empty, or not there
            folder.rmdir()


def fetch_file(
    name: str,
    data_home: DataHome = None,
    download_if_missing: bool = True,
    hint: str = "",
) -> Path:
    """Return the verified local path of a registered file, downloading it if needed.

    Parameters
    ----------
    name : str
        The key in ``REGISTRY``, which is the path below `data_home`.
    data_home : str or path-like, default=None
        The folder, found as in :func:`get_data_home`. Nothing is written to it when
        the file is there.
    download_if_missing : bool, default=True
        Whether a missing file may be downloaded.
    hint : str, default=""
        One more way out, added to the message when the file is missing.

    Returns
    -------
    path : Path
        Where the file lies.

    Raises
    ------
    OSError
        If the file is missing and can't or mustn't be downloaded, or if a file is
        there that isn't the expected one.
    """
    remote = REGISTRY[name]
    path = _data_home_path(data_home) / name
    if path.exists():
        _verify(path, remote)
    elif remote.url is None:
        raise OSError(
            f"{path.name} not found: looked for it at {path}. It has no public "
            f"origin to download it from; put a copy there, or pass the `data_home` "
            f"that holds {name}{hint}."
        )
    elif not download_if_missing:
        raise OSError(
            f"{path.name} not found: looked for it at {path}, and "
            f"download_if_missing=False. Pass download_if_missing=True, or put a copy "
            f"of {remote.url} there{hint}."
        )
    else:
        _download(path, remote.url, remote.sha256)
    return path


def _verify(path: Path, remote: RemoteFile) -> None:
    """Refuse a wrong file rather than replace it: it may be the user's own."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != remote.sha256:
        remedy = "Move it away" + (
            " to have it downloaded again." if remote.url else " or put the right one."
        )
        raise OSError(
            f"{path} is not the expected file: its SHA-256 is {found}, expected "
            f"{remote.sha256}. {remedy}"
        )


def _download(path: Path, url: str, sha256: str) -> None:
    import pooch

    try:
        # pooch moves the file into place only after its hash was found right.
        pooch.retrieve(url, f"sha256:{sha256}", fname=path.name, path=path.parent)
    except (OSError, ValueError) as error:
        response = getattr(error, "response", None)
        if response is not None:  # pooch leaves the connection of a 404 open
            response.close()
        raise OSError(
            f"Could not download {url} to {path}: {error} "
            f"Try again, pass another `data_home`, or put the file there by hand."
        ) from error


def check_option(name: str, value: object, options: Sequence[str | None]) -> None:
    """Raise ValueError unless `value` is one of `options`."""
    if value not in options:
        expected = ", ".join(map(repr, options))
        raise ValueError(f"{name} must be one of {expected}; got {value!r}.")


def check_integer(name: str, value: object, low: int, high: int | None = None) -> int:
    """Return `value` as an int, or raise TypeError or ValueError."""
    expected = f"an int of at least {low}" + (f" and at most {high}" if high else "")
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(
            f"{name} must be {expected}; got {value!r} of type {type(value).__name__}."
        )
    number = int(value)
    if number < low or (high is not None and number > high):
        raise ValueError(f"{name} must be {expected}; got {value!r}.")
    return number
