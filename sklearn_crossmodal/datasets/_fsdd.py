"""The Free Spoken Digit Dataset: recordings of the ten digits."""

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from ._base import DataHome, check_option
from ._folders import fetch_folder
from ._registry import FSDD_SPEAKERS

_FOLDER = "fsdd/recordings"
_SAMPLE_RATE = 8000
_FULL_SCALE = 32768  # of 16-bit samples
_TAKES = {"train": range(5, 50), "test": range(5)}
_DIGITS = "zero one two three four five six seven eight nine".split()

_DESCR = """\
Free Spoken Digit Dataset
=========================

3,000 recordings of the English digits, zero to nine, by six speakers: 50 takes of each
digit by each of them. Two are native speakers of American English (jackson, theo), the
others have a Belgian French (nicolas), German (lucas, yweweler) or Greek (george)
accent. Mono, 16 bits, 8 kHz, cut close to the word: .14 to 2.3 seconds, .42 in the
median. The official test set is takes 0 to 4 of each speaker and digit, 300 recordings;
the other 2,700 are for training. All speakers are in both.

Licence: Creative Commons Attribution-ShareAlike 4.0 International.

Z. Jackson, C. Souza, J. Flaks, Y. Pan, H. Nicolas and A. Thite (2018).
Jakobovski/free-spoken-digit-dataset: v1.0.8. Zenodo. doi:10.5281/zenodo.1342401
"""


def fetch_fsdd(
    *,
    data_home: DataHome = None,
    download_if_missing: bool = True,
    subset: str = "all",
    return_X_y: bool = False,
) -> Any:
    """Load the Free Spoken Digit Dataset [1]_: 3,000 recordings of ten digits.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder, found as in :func:`get_data_home`, that has or gets the folder
        ``fsdd/recordings``. Nothing is written to it when the recordings are there.
    download_if_missing : bool, default=True
        If False, raise an OSError if the folder is not there instead of downloading it.
    subset : {"all", "train", "test"}, default="all"
        The official split to load. Test are takes 0 to 4 of each speaker and digit.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    bunch : :class:`~sklearn.utils.Bunch`
        With one row for each recording, by digit, speaker and take:

        data : list of ndarray of shape (n_times,), float32
            The waveforms, each of its own length, from -1 up to 1.
        sample_rate : int
            8000, in Hz.
        target : ndarray of shape (n_samples,), int
            The digits, 0 to 9.
        target_names : list of str
            Their names, "zero" to "nine".
        speaker : ndarray of shape (n_samples,), str
            Who speaks.
        index : ndarray of shape (n_samples,), int
            The number of the take, 0 to 49.
        split : ndarray of shape (n_samples,), str
            "train" or "test".
        DESCR : str
            The description, with licence and citation.

    (data, target) : tuple if `return_X_y`
        The same two.

    Raises
    ------
    OSError
        If the recordings are missing and can't be downloaded, or are not the expected
        ones.
    ValueError
        If `subset` is unknown.

    References
    ----------
    .. [1] Z. Jackson, C. Souza, J. Flaks, Y. Pan, H. Nicolas and A. Thite (2018).
       "Jakobovski/free-spoken-digit-dataset: v1.0.8". Zenodo.
       https://doi.org/10.5281/zenodo.1342401

    Examples
    --------
    >>> from sklearn_crossmodal.datasets import fetch_fsdd
    >>> fsdd = fetch_fsdd(subset="test")  # doctest: +SKIP
    >>> len(fsdd.data), fsdd.sample_rate  # doctest: +SKIP
    (300, 8000)
    >>> fsdd.target_names[fsdd.target[0]], fsdd.speaker[0]  # doctest: +SKIP
    ('zero', 'george')
    """
    check_option("subset", subset, ("all", *_TAKES))
    folder = fetch_folder(_FOLDER, data_home, download_if_missing)
    takes = range(50) if subset == "all" else _TAKES[subset]
    rows = [(d, s, t) for d in range(10) for s in FSDD_SPEAKERS for t in takes]
    data = [_read(folder / f"{d}_{s}_{t}.wav") for d, s, t in rows]
    digit, speaker, take = (np.array(column) for column in zip(*rows, strict=True))
    if return_X_y:
        return data, digit
    return Bunch(
        data=data,
        sample_rate=_SAMPLE_RATE,
        target=digit,
        target_names=list(_DIGITS),
        speaker=speaker,
        index=take,
        split=np.where(take < _TAKES["test"].stop, "test", "train"),
        DESCR=_DESCR,
    )


def _read(path: Path) -> np.ndarray:
    from scipy.io import wavfile

    _, samples = wavfile.read(path)
    return samples.astype(np.float32) / _FULL_SCALE
