"""Flickr8k: photos and five captions of each."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from ._base import DataHome, check_option, fetch_file

_CAPTIONS = "flickr8k/Flickr8k.token.txt"
_FEATURES = "flickr8k/flickr8k_mobilenet075.npz"
_SPLITS = {
    "train": "flickr8k/Flickr_8k.trainImages.txt",
    "dev": "flickr8k/Flickr_8k.devImages.txt",
    "test": "flickr8k/Flickr_8k.testImages.txt",
}
_NO_PHOTO = "2258277193_586949ec62.jpg.1"  # captions of a photo that was left out

_DESCR = """\
Flickr8k
========

8,091 photos, with five English captions each by different people. The official
splits are 6,000 photos for training, 1,000 for development and 1,000 for testing; the
remaining 91 belong to none of them. The usual test protocol ranks the 1,000 test
photos against their 5,000 captions, both ways.

The photos are not included. The features ("mobilenet075") are the pooled last layer
of a MobileNet v1 (width .75, input 224 x 224) trained on ImageNet: 768 non-negative
values for each photo. A square root and centring help linear methods.

Licence: the captions are for research; cite the paper.

M. Hodosh, P. Young and J. Hockenmaier (2013). Framing image description as a ranking
task: data, models and evaluation metrics. Journal of Artificial Intelligence Research
47, 853-899.
"""


def fetch_flickr8k(
    *,
    data_home: DataHome = None,
    download_if_missing: bool = True,
    subset: str = "all",
    features: str | None = "mobilenet075",
    return_X_y: bool = False,
) -> Any:
    """Load Flickr8k [1]_: features of photos, and five captions of each.

    The captions and splits are downloaded once. The features have no public origin:
    they are read from ``flickr8k/flickr8k_mobilenet075.npz`` below `data_home`.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder, found as in :func:`get_data_home`, that has or gets the folder
        ``flickr8k``. Nothing is written to it when the files are there.
    download_if_missing : bool, default=True
        If False, raise an OSError if a file is not there instead of downloading it.
    subset : {"all", "train", "dev", "test"}, default="all"
        The official split to load. ``"all"`` has 91 more photos, of no split.
    features : {"mobilenet075"} or None, default="mobilenet075"
        The features in `data`; None loads the captions alone.
    return_X_y : bool, default=False
        If True, return ``(data, captions)`` instead of a Bunch.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With one row for each photo, in the order of their names:

        data : ndarray of shape (n_samples, 768), float32, or None
            The features.
        captions : list of list of str
            The five captions of each photo.
        image_names : ndarray of shape (n_samples,), str
            The photos' file names, ascending.
        split : ndarray of shape (n_samples,), str
            "train", "dev", "test" or "none".
        feature_names : list of str, or None
            The names of the columns of `data`.
        DESCR : str
            The description, with licence and citation.

    (data, captions) : tuple if `return_X_y`
        The same two.

    Raises
    ------
    OSError
        If a file is missing and can't be downloaded, or is not the expected one.
    ValueError
        If an option is unknown, or `return_X_y` is asked for without features.

    References
    ----------
    .. [1] M. Hodosh, P. Young and J. Hockenmaier (2013). "Framing image description
       as a ranking task: data, models and evaluation metrics". Journal of Artificial
       Intelligence Research 47, 853-899.

    Examples
    --------
    >>> from sklearn_crossmodal.datasets import fetch_flickr8k
    >>> flickr = fetch_flickr8k(subset="test")  # doctest: +SKIP
    >>> flickr.data.shape, len(flickr.captions)  # doctest: +SKIP
    ((1000, 768), 1000)
    >>> flickr.captions[0][0]  # doctest: +SKIP
    'A blond woman in a blue shirt appears to wait for a ride .'
    """
    check_option("subset", subset, ("all", *_SPLITS))
    check_option("features", features, ("mobilenet075", None))
    if return_X_y and features is None:
        raise ValueError(
            "return_X_y=True needs features, but features=None; "
            "use the Bunch's `captions`, or features='mobilenet075'."
        )
    features_path = None
    if features is not None:  # first, since it is the file that can't be downloaded
        hint = ", or pass features=None for the captions alone"
        features_path = fetch_file(_FEATURES, data_home, download_if_missing, hint)
    captions = _read_captions(fetch_file(_CAPTIONS, data_home, download_if_missing))
    split_of = {
        name: split
        for split, list_name in _SPLITS.items()
        for name in fetch_file(list_name, data_home, download_if_missing)
        .read_text(encoding="utf-8")
        .split()
    }
    names = sorted(
        name for name in captions if subset in ("all", split_of.get(name, "none"))
    )
    texts = [captions[name] for name in names]
    data = None if features_path is None else _read_features(features_path, names)
    if return_X_y:
        return data, texts
    return Bunch(
        data=data,
        captions=texts,
        image_names=np.array(names),
        split=np.array([split_of.get(name, "none") for name in names]),
        feature_names=None
        if data is None
        else [f"{features}_{i}" for i in range(data.shape[1])],
        DESCR=_DESCR,
    )


def _read_captions(path: Path) -> dict[str, list[str]]:
    """Read lines of ``name#number TAB caption``."""
    captions: dict[str, list[str]] = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            key, caption = line.rstrip("\n").split("\t")
            captions.setdefault(key.rpartition("#")[0], []).append(caption)
    captions.pop(_NO_PHOTO, None)
    return captions


def _read_features(path: Path, names: list[str]) -> np.ndarray:
    with np.load(path) as arrays:
        row_of = {name: row for row, name in enumerate(arrays["names"].tolist())}
        rows = [row_of[name] for name in names]
        return arrays["features"][rows].astype(np.float32)
