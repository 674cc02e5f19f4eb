"""The Wikipedia articles of Rasiwasia et al.: an image and a text of each."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from ._base import DataHome, check_option, fetch_file

_FEATURES = "wikipedia_xmodal/raw_features.mat"
_CATEGORIES = "wikipedia_xmodal/categories.list"
_LISTS = {
    "train": "wikipedia_xmodal/trainset_txt_img_cat.list",
    "test": "wikipedia_xmodal/testset_txt_img_cat.list",
}
_SUFFIXES = {"train": "tr", "test": "te"}  # of the variables in the features' file

_DESCR = """\
Wikipedia articles: image and text features
===========================================

2,866 sections of Wikipedia's featured articles, each with its image and one of ten
categories; 2,173 for training and 693 for testing. Images are histograms of 128
quantised SIFT descriptors, texts are the proportions of 10 topics of a latent
Dirichlet allocation: in both views each row sums to one. The usual test protocol ranks
the 693 test items of one view for each of the other, items of the same category being
relevant, and reports mean average precision.

Licence: the files come from a repository with the ISC licence; the text of Wikipedia is
CC BY-SA. Cite both papers.

N. Rasiwasia, J. Costa Pereira, E. Coviello, G. Doyle, G. Lanckriet, R. Levy and
N. Vasconcelos (2010). A new approach to cross-modal multimedia retrieval. ACM
Multimedia, 251-260.

J. Costa Pereira, E. Coviello, G. Doyle, N. Rasiwasia, G. Lanckriet, R. Levy and
N. Vasconcelos (2014). On the role of correlation and abstraction in cross-modal
multimedia retrieval. IEEE Transactions on Pattern Analysis and Machine Intelligence
36(3), 521-535.
"""


def fetch_wikipedia(
    *,
    data_home: DataHome = None,
    download_if_missing: bool = True,
    subset: str = "all",
    return_X_y: bool = False,
) -> Any:
    """Load image and text features of 2,866 Wikipedia articles [1]_ in 10 classes.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder, found as in :func:`get_data_home`, that has or gets the folder
        ``wikipedia_xmodal``. Nothing is written to it when the files are there.
    download_if_missing : bool, default=True
        If False, raise an OSError if a file is not there instead of downloading it.
    subset : {"all", "train", "test"}, default="all"
        The official split to load; ``"all"`` has the training rows first.
    return_X_y : bool, default=False
        If True, return ``(data, text)`` instead of a Bunch.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With one row for each article, in the order of the official lists:

        data : ndarray of shape (n_samples, 128), float32
            The images: histograms of SIFT descriptors.
        text : ndarray of shape (n_samples, 10), float32
            The texts: proportions of topics.
        target : ndarray of shape (n_samples,), int
            The classes, 0 to 9.
        target_names : list of str
            The names of the classes.
        split : ndarray of shape (n_samples,), str
            "train" or "test".
        text_names, image_names : ndarray of shape (n_samples,), str
            What the lists call the text and the image.
        feature_names, text_feature_names : list of str
            The names of the columns of `data` and of `text`.
        DESCR : str
            The description, with licence and citations.

    (data, text) : tuple if `return_X_y`
        The same two.

    Raises
    ------
    OSError
        If a file is missing and can't be downloaded, or is not the expected one.
    ValueError
        If `subset` is unknown.

    References
    ----------
    .. [1] N. Rasiwasia, J. Costa Pereira, E. Coviello, G. Doyle, G. Lanckriet, R. Levy
       and N. Vasconcelos (2010). "A new approach to cross-modal multimedia
       retrieval". ACM Multimedia, 251-260.

    Examples
    --------
    >>> from sklearn_crossmodal.datasets import fetch_wikipedia
    >>> wikipedia = fetch_wikipedia(subset="train")  # doctest: +SKIP
    >>> wikipedia.data.shape, wikipedia.text.shape  # doctest: +SKIP
    ((2173, 128), (2173, 10))
    >>> wikipedia.target_names[wikipedia.target[0]]  # doctest: +SKIP
    'media'
    """
    check_option("subset", subset, ("all", *_LISTS))
    splits = tuple(_LISTS) if subset == "all" else (subset,)

    def fetch(name: str) -> Path:
        return fetch_file(name, data_home, download_if_missing)

    image, text = _read_views(fetch(_FEATURES), splits)
    if return_X_y:
        return image, text
    lists = [_read_list(fetch(_LISTS[split])) for split in splits]
    text_names, image_names, category = np.concatenate(lists).T
    return Bunch(
        data=image,
        text=text,
        target=category.astype(np.int64) - 1,
        target_names=fetch(_CATEGORIES).read_text(encoding="utf-8").split(),
        split=np.repeat(splits, [len(rows) for rows in lists]),
        text_names=text_names,
        image_names=image_names,
        feature_names=[f"sift_{i}" for i in range(image.shape[1])],
        text_feature_names=[f"topic_{i}" for i in range(text.shape[1])],
        DESCR=_DESCR,
    )


def _read_views(path: Path, splits: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    from scipy.io import loadmat

    names = [f"{view}_{_SUFFIXES[split]}" for view in "IT" for split in splits]
    arrays = loadmat(path, variable_names=names)
    image, text = (
        np.concatenate([arrays[f"{view}_{_SUFFIXES[split]}"] for split in splits])
        for view in "IT"
    )
    return image.astype(np.float32), text.astype(np.float32)


def _read_list(path: Path) -> np.ndarray:
    """Read lines of ``text TAB image TAB class``, one row each."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return np.array([line.split("\t") for line in lines])
