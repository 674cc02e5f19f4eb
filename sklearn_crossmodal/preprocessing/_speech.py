"""Waveforms to stacked log-mel frames."""

import os
import warnings
from functools import partial
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..utils._containers import as_rows, name_rows
from ..utils._sklearn import Interval, StrOptions, fit_context

# In float32, a smaller floor would be zero and its logarithm minus infinity.
_TINY = float(np.finfo(np.float32).tiny)
# Beyond any sample; the square of louder ones would overflow in float32.
_LOUDEST = 1e12
_INSTALL = "pip install sklearn-crossmodal[speech]"


class LogMelStacker(TransformerMixin, BaseEstimator):
    r"""Turn waveforms into rows of stacked log-mel frames around their middle.

    Frame :math:`t`, with the Hann window :math:`w`, becomes the logarithm of its energy
    in each of the triangular filters :math:`M` of the mel scale,

    .. math:: E_{tm} = \sum_k M_{mk} \Big| \sum_n w_n x_{n + th}
        e^{-2 \pi i k n / N} \Big|^2, \qquad
        F_{tm} = \log \max(E_{tm} / L, f)

    with the hop :math:`h`, the FFT length :math:`N`, the floor :math:`f` and the level
    :math:`L`, see `normalize`. The frames are centred on the middle of the clip. Before
    and after a clip there is silence: a frame that hears nothing of it is at the floor,
    :math:`\log f`, as a silent clip is throughout.

    Parameters
    ----------
    sample_rate : float, default=None
        Samples per second (Hz) of the clips. It must be given.
    target_sample_rate : float, default=None
        Resample to this many samples per second (Hz) first, with soxr. None: no
        resampling.
    n_mels : int, default=40
        Number of mel filters.
    n_frames : int, default=71
        Number of frames.
    window : float, default=0.025
        Length of a frame in seconds, rounded to samples.
    hop : float, default=0.01
        Time from frame to frame in seconds, rounded to samples.
    n_fft : int, default=None
        Length of the FFT in samples; frames are filled with zeros to it. None: the
        smallest power of two that holds a frame and leaves no mel filter empty.
    fmin : float, default=0.0
        Lowest frequency of the filters in Hz.
    fmax : float, default=None
        Highest frequency of the filters in Hz. None: half the sample rate.
    center : {"clip", "energy"}, default="clip"
        The middle: of the clip, or of its energy, the mean time weighted by squared
        samples. Where clips have more silence on one side than on the other,
        ``"energy"`` still puts like sounds at like frames.
    pre_emphasis : float, default=0.0
        The part of each sample that is subtracted from the next, 0 to 1.
    floor : float, default=1e-7
        Smaller energies are raised to this: 70 dB below the loudest with
        ``normalize="level"``.
    normalize : {"level"} or None, default="level"
        With ``"level"``, energies are relative to the largest of the clip, so that its
        volume makes no difference, and values go from ``log(floor)`` to 0. None keeps
        them as they are, relative to samples from -1 to 1: :math:`L = 1`.
    chunk_size : int, default=8
        Clips computed at a time. Memory beyond the output is of one chunk.

    Attributes
    ----------
    filterbank_ : ndarray of shape (n_mels, n_fft_ // 2 + 1), float32
        The mel filters: what `librosa.filters.mel` gives by default.
    n_fft_ : int
        The FFT length in samples.

    See Also
    --------
    sklearn_crossmodal.datasets.fetch_fsdd : Recordings of spoken digits.

    Notes
    -----
    The layout is that of [1]_: 71 frames of 40 filters, 10 ms apart, are 2,840 values.
    The paper's own features come near with ``pre_emphasis=0.97``, ``n_fft=1024``,
    ``normalize=None``. Spectra are computed in float64, as quiet filters beside a loud
    tone need, and equal those of `librosa.feature.melspectrogram`.

    The filters need librosa, and resampling soxr, which comes with it:
    ``pip install sklearn-crossmodal[speech]``.

    References
    ----------
    .. [1] G. Synnaeve, M. Versteegh and E. Dupoux (2014). "Learning words from images
       and speech". Section 2.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_crossmodal.preprocessing import LogMelStacker
    >>> time = np.arange(8000) / 8000
    >>> clips = [np.sin(2 * np.pi * 440 * time), np.zeros(3000)]
    >>> stacker = LogMelStacker(sample_rate=8000)
    >>> features = stacker.fit_transform(clips)
    >>> features.shape, features.dtype
    ((2, 2840), dtype('float32'))
    >>> names = stacker.get_feature_names_out()
    >>> names[features[0].argmax()], names[-1]
    ('frame0_mel7', 'frame70_mel39')
    """

    _parameter_constraints: dict = {
        "sample_rate": [Interval(Real, 0, None, closed="neither"), None],
        "target_sample_rate": [Interval(Real, 0, None, closed="neither"), None],
        "n_mels": [Interval(Integral, 1, None, closed="left")],
        "n_frames": [Interval(Integral, 1, None, closed="left")],
        "window": [Interval(Real, 0, None, closed="neither")],
        "hop": [Interval(Real, 0, None, closed="neither")],
        "n_fft": [Interval(Integral, 1, None, closed="left"), None],
        "fmin": [Interval(Real, 0, None, closed="left")],
        "fmax": [Interval(Real, 0, None, closed="neither"), None],
        "center": [StrOptions({"clip", "energy"})],
        "pre_emphasis": [Interval(Real, 0, 1, closed="both")],
        "floor": [Interval(Real, _TINY, None, closed="left")],
        "normalize": [StrOptions({"level"}), None],
        "chunk_size": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        *,
        sample_rate=None,
        target_sample_rate=None,
        n_mels=40,
        n_frames=71,
        window=0.025,
        hop=0.01,
        n_fft=None,
        fmin=0.0,
        fmax=None,
        center="clip",
        pre_emphasis=0.0,
        floor=1e-7,
        normalize="level",
        chunk_size=8,
    ):
        self.sample_rate = sample_rate
        self.target_sample_rate = target_sample_rate
        self.n_mels = n_mels
        self.n_frames = n_frames
        self.window = window
        self.hop = hop
        self.n_fft = n_fft
        self.fmin = fmin
        self.fmax = fmax
        self.center = center
        self.pre_emphasis = pre_emphasis
        self.floor = floor
        self.normalize = normalize
        self.chunk_size = chunk_size

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Build the mel filters, and check the clips. Nothing is learned from them.

        Parameters
        ----------
        X : list of 1-D arrays, or array of shape (n_clips, n_times)
            Waveforms of one channel, real numbers usually from -1 to 1.
        y : ignored
            For use in pipelines.

        Returns
        -------
        self : LogMelStacker
            Fitted transformer.

        Raises
        ------
        ImportError
            If librosa is not installed.
        TypeError
            If the clips are not arrays of real numbers.
        ValueError
            If `sample_rate` is missing, a frame or hop has no sample, the filters do
            not fit between `fmin`, `fmax` and the FFT, or there is no clip. If clips
            have several channels, are integers, shorter than a frame, NaN or infinite;
            the first or all such rows are named.
        """
        self._check_times()
        self._check_clips(X)
        self.n_fft_, self.filterbank_ = self._build_filters()
        return self

    def transform(self, X):
        """Compute the log-mel frames of clips.

        Parameters
        ----------
        X : list of 1-D arrays, or array of shape (n_clips, n_times)
            Waveforms of one channel, real numbers usually from -1 to 1.

        Returns
        -------
        features : ndarray of shape (n_clips, n_frames * n_mels), float32
            The filters of the first frame, then those of the next.

        Raises
        ------
        TypeError
            If the clips are not arrays of real numbers.
        ValueError
            If there is no clip. If clips have several channels, are integers, shorter
            than a frame, NaN or infinite; the first or all such rows are named.
        """
        check_is_fitted(self)
        clips = self._check_clips(X)
        features = np.empty((len(clips), self.n_frames * self.n_mels), np.float32)
        for start in range(0, len(clips), self.chunk_size):
            chunk = slice(start, start + self.chunk_size)
            features[chunk] = self._log_mel(self._cut_out(clips[chunk]))
        return features

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns.

        Parameters
        ----------
        input_features : ignored
            Clips have no feature names.

        Returns
        -------
        names : ndarray of str of shape (n_frames * n_mels,)
            ``frame0_mel0``, ``frame0_mel1`` and so on.
        """
        check_is_fitted(self)
        frames, mels = range(self.n_frames), range(self.n_mels)
        return np.array([f"frame{t}_mel{m}" for t in frames for m in mels], object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # The columns of a 2-D array are times here, of any number: not features.
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    @property
    def _rate(self):
        """Samples per second of what the frames are taken from."""
        return self.target_sample_rate or self.sample_rate

    def _check_times(self):
        if self.sample_rate is None:
            raise ValueError(
                "sample_rate=None, but clips don't tell how many samples a second "
                "has: give it, as in LogMelStacker(sample_rate=16000)."
            )
        for name in ("window", "hop"):
            if _to_samples(getattr(self, name), self._rate) == 0:
                raise ValueError(
                    f"{name}={getattr(self, name)} is no sample at {self._rate} Hz: it "
                    "is in seconds, as in 0.01 for 10 ms."
                )

    def _check_clips(self, X):
        """Return clips as a sequence of 1-D arrays, or say what is wrong with which."""
        clips = [_check_clip(clip, row) for row, clip in enumerate(_as_sequence(X))]
        shortest = max(_to_samples(self.window, self.sample_rate), 1)
        short = [row for row, clip in enumerate(clips) if len(clip) < shortest]
        if short:
            raise ValueError(
                f"{name_rows(short)} of X: shorter than a frame, {shortest} samples "
                f"({self.window} s at {self.sample_rate} Hz). The first of these has "
                f"{len(clips[short[0]])}. Drop such clips, fill them with zeros or "
                "lower `window`."
            )
        # A NaN is the largest, and not below anything.
        bad = [
            row
            for row, clip in enumerate(clips)
            if not max(float(clip.max()), -float(clip.min())) < _LOUDEST
        ]
        if bad:
            raise ValueError(
                f"{name_rows(bad)} of X: NaN, infinity or values beyond {_LOUDEST:g}. "
                "Samples must be finite, usually from -1 to 1; drop or repair such "
                "clips."
            )
        return clips

    def _build_filters(self):
        """Return the FFT length and filters, none of which is empty."""
        highest = self._rate / 2
        fmax = highest if self.fmax is None else self.fmax
        if not self.fmin < fmax <= highest:
            raise ValueError(
                f"Filters from fmin={self.fmin} to fmax={self.fmax} Hz: expected fmin "
                f"below fmax, and fmax up to {highest:g}, half the sample rate."
            )
        width = _to_samples(self.window, self._rate)
        if self.n_fft is not None and self.n_fft < width:
            raise ValueError(
                f"n_fft={self.n_fft} does not hold a frame of {width} samples "
                f"(window={self.window} s at {self._rate} Hz); n_fft=None finds one."
            )
        build = partial(_mel_filters, self._rate, self.n_mels, self.fmin, fmax)
        n_fft = self.n_fft or 1 << (width - 1).bit_length()
        filters = build(n_fft)
        while _n_empty(filters) and self.n_fft is None and n_fft < self._rate:
            n_fft *= 2
            filters = build(n_fft)
        if _n_empty(filters):
            raise ValueError(
                f"{_n_empty(filters)} of {self.n_mels} mel filters would be empty with "
                f"n_fft={n_fft} at {self._rate} Hz: they are narrower than the steps "
                "between the FFT's frequencies. Raise n_fft, or lower n_mels."
            )
        return n_fft, filters

    def _layout(self):
        """Return a frame's length, the hop, and where the frame starts in its FFT."""
        width, hop = (_to_samples(t, self._rate) for t in (self.window, self.hop))
        return width, hop, (self.n_fft_ - width) // 2

    def _cut_out(self, clips):
        """Return what lies under the frames of each clip, float64 (n_clips, n_times).

        Longer clips are cut, shorter ones stand between zeros.
        """
        width, hop, margin = self._layout()
        span = (self.n_frames - 1) * hop
        rows = np.zeros((len(clips), 1 + self.n_fft_ + span))
        for row, clip in zip(rows, map(self._resample, clips), strict=True):
            # One sample more than the frames need, for the pre-emphasis of the first.
            start = (self._twice_middle(clip) - (width + span)) // 2 - margin - 1
            first, last = max(start, 0), min(start + len(row), len(clip))
            row[first - start : last - start] = clip[first:last]
        if self.pre_emphasis:
            rows[:, 1:] -= self.pre_emphasis * rows[:, :-1]
        return rows[:, 1:]

    def _twice_middle(self, clip):
        """Return the sum of the times around the middle of a clip, in samples."""
        if self.center == "clip" or not clip.any():
            return len(clip)
        peak = max(clip.max(), -clip.min())  # the squares of tiny samples are zero
        power = np.square(clip / np.float64(peak))
        # No matrix product: numpy's and torch's threads would fight.
        return round((2 * power * np.arange(len(clip))).sum() / power.sum()) + 1

    def _resample(self, clip):
        if self._rate == self.sample_rate:
            return clip
        import soxr

        clip = np.ascontiguousarray(clip, dtype=np.float64)
        return soxr.resample(clip, self.sample_rate, self._rate)

    def _log_mel(self, rows):
        """Return the log-mel frames of what `_cut_out` gives."""
        import torch  # here, so that importing the package does not

        width, hop, margin = self._layout()
        window = torch.zeros(self.n_fft_, dtype=torch.float64)
        window[margin : margin + width] = torch.hann_window(width, dtype=torch.float64)
        frames = torch.from_numpy(rows).unfold(1, self.n_fft_, hop) * window
        spectrum = torch.fft.rfft(frames)
        power = spectrum.real.square().add_(spectrum.imag.square()).float()
        energies = (power @ torch.from_numpy(self.filterbank_).T).flatten(1)
        if self.normalize == "level":
            energies /= energies.amax(dim=1, keepdim=True).clamp_(min=_TINY)
        return energies.clamp_(min=self.floor).log_().numpy()


def _to_samples(seconds, rate):
    return round(seconds * rate)


def _mel_filters(rate, n_mels, fmin, fmax, n_fft):
    try:
        from librosa.filters import mel
    except ImportError as error:
        raise ImportError(
            f"LogMelStacker takes its mel filters from librosa: {_INSTALL}"
        ) from error
    with warnings.catch_warnings():
        # The caller finds a longer FFT, or raises an error that has the numbers.
        warnings.filterwarnings("ignore", message="Empty filters")
        return mel(sr=rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)


def _n_empty(filters):
    return np.count_nonzero(~filters.any(axis=1))


def _as_sequence(X):
    """Return clips as a sequence, or say what was given instead."""
    if hasattr(X, "__array__"):
        X = as_rows(X)
    elif not isinstance(X, list | tuple):
        raise TypeError(
            "Expected a list of clips, each a 1-D array of samples, or a 2-D array; "
            f"got {type(X).__name__}."
        )
    if getattr(X, "ndim", 1) == 0:
        raise ValueError("Expected a list of clips; got a single number.")
    if len(X) == 0:
        raise ValueError("Expected at least one clip; got none.")
    if isinstance(X[0], Real):
        raise ValueError(
            f"Expected a list of clips; got {len(X)} numbers. If they are the samples "
            "of one clip, wrap it in a list: [clip]."
        )
    return X


def _check_clip(clip, row):
    """Return a clip as a 1-D array of real numbers, or say what is wrong."""
    if isinstance(clip, str | bytes | os.PathLike):
        raise TypeError(
            f"Row {row} of X is {clip!r:.60}: expected samples, not a text or the name "
            "of a file. Read it first, as with scipy.io.wavfile.read."
        )
    try:
        array = np.asarray(clip)
    except ValueError as error:  # nested lists of several lengths
        raise ValueError(f"Row {row} of X is not a 1-D array: {error}") from error
    if array.ndim == 0 or array.dtype.kind not in "fiub":
        raise TypeError(
            f"Row {row} of X must be a 1-D array of real numbers; got {clip!r:.60} "
            f"({type(clip).__name__}, dtype {array.dtype})."
        )
    if array.ndim != 1:
        channels = int(np.argmin(array.shape))  # there are fewer of them than of times
        raise ValueError(
            f"Row {row} of X has shape {array.shape}: expected one channel, a 1-D "
            f"array. Mix channels down with clip.mean(axis={channels})."
        )
    if array.dtype.kind != "f":
        raise ValueError(
            f"Row {row} of X has integers ({array.dtype}): expected real numbers from "
            f"-1 to 1. Divide them by full scale: {_conversion(array.dtype)}."
        )
    return array


def _conversion(dtype):
    if dtype == np.uint8:
        return "(clip - 128.0) / 128 for 8-bit PCM"
    bits = 32 if dtype == np.int32 else 16
    return f"clip / {2 ** (bits - 1)} for {bits}-bit PCM"
