"""LogMelStacker: closed forms, librosa, a slow reference, hostile input."""

import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

from sklearn_crossmodal.datasets import fetch_fsdd
from sklearn_crossmodal.preprocessing import LogMelStacker

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
needs_data = pytest.mark.skipif(
    not (SHARED / "fsdd").is_dir(), reason="no ../shared/data/fsdd"
)
RATE = 8000
FLOOR = np.log(np.float32(1e-7))


def noise(n_times, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, n_times)


def sine(hertz, n_times=8000, rate=RATE):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(n_times) / rate)


def sweep(n_times=8000):
    time = np.arange(n_times) / RATE
    return 0.5 * np.sin(2 * np.pi * (100 * time + 1500 * time**2))


CLIPS = [noise(9000), noise(3001), noise(200), sine(440), sweep(), np.zeros(4000)]


def frames(clips, **params):
    """Return (n_clips, n_frames, n_mels)."""
    stacker = LogMelStacker(**{"sample_rate": RATE, **params})
    return stacker.fit_transform(clips).reshape(
        len(clips), stacker.n_frames, stacker.n_mels
    )


def centred(clip, length):
    """The middle of a clip, between zeros where the clip is shorter."""
    clip = np.asarray(clip, dtype=np.float64)
    start = (len(clip) - length) // 2
    padded = np.pad(clip, length)
    return padded[start + length : start + 2 * length]


def slow_log_mel(clip, mels, n_fft, *, floor=1e-10, window=200, hop=80, n_frames=71):
    """Frame by frame, frequency by frequency, by the definition."""
    samples = centred(clip, window + (n_frames - 1) * hop)
    n = np.arange(window)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / window)
    waves = np.exp(-2j * np.pi * np.outer(np.arange(n_fft // 2 + 1), n) / n_fft)
    rows = []
    for t in range(n_frames):
        spectrum = (waves * (hann * samples[t * hop : t * hop + window])).sum(axis=1)
        energies = (mels * np.abs(spectrum) ** 2).sum(axis=1)
        rows.append(np.log(np.maximum(energies, floor)))
    return np.array(rows)


def librosa_log_mel(clip, rate, n_fft, *, floor=1e-10, n_frames=71, n_mels=40, **mel):
    from librosa.feature import melspectrogram

    window, hop = round(0.025 * rate), round(0.01 * rate)
    samples = centred(clip, window + (n_frames - 1) * hop)
    margin = n_fft - window  # librosa puts the window in the middle of the FFT
    energies = melspectrogram(
        y=np.pad(samples, (margin // 2, margin - margin // 2)).astype(np.float32),
        sr=rate,
        n_fft=n_fft,
        win_length=window,
        hop_length=hop,
        center=False,
        n_mels=n_mels,
        **mel,
    )
    return np.log(np.maximum(energies.T, floor))


# --- What it computes ---------------------------------------------------------------


def test_shape_and_names():
    stacker = LogMelStacker(sample_rate=RATE, n_frames=3, n_mels=2).fit(CLIPS)
    assert stacker.transform(CLIPS).shape == (len(CLIPS), 6)
    assert stacker.get_feature_names_out().tolist() == [
        "frame0_mel0",
        "frame0_mel1",
        "frame1_mel0",
        "frame1_mel1",
        "frame2_mel0",
        "frame2_mel1",
    ]
    defaults = LogMelStacker(sample_rate=RATE).fit_transform(CLIPS)
    assert defaults.shape == (len(CLIPS), 2840) and defaults.dtype == np.float32


@pytest.mark.parametrize("hertz", [150, 440, 1000, 2500, 3700])
def test_a_tone_is_loudest_where_its_filter_is_widest_open(hertz):
    stacker = LogMelStacker(sample_rate=RATE, normalize=None).fit(CLIPS)
    found = stacker.transform([sine(hertz)]).reshape(71, 40)
    weights = stacker.filterbank_[:, round(hertz * stacker.n_fft_ / RATE)]
    assert (found.argmax(axis=1) == weights.argmax()).all()
    # A steady tone: all frames alike, and hardly anything far away from it.
    np.testing.assert_allclose(found.max(axis=1), found.max(), atol=0.05)
    far = np.abs(np.arange(40) - weights.argmax()) > 10
    assert found[:, far].max() < found.max() - 8


def test_energy_of_a_tone_on_a_frequency_of_the_fft():
    # |sum_n w_n a sin|^2 = (a N / 4)^2 there, a quarter of it beside, 0 elsewhere.
    stacker = LogMelStacker(
        sample_rate=RATE, window=0.032, n_fft=256, normalize=None, floor=1e-9
    )
    found = stacker.fit_transform([sine(40 * RATE / 256)]).reshape(71, 40)
    power = np.zeros(129)
    power[[39, 40, 41]] = (0.5 * 256 / 4) ** 2 * np.array([0.25, 1, 0.25])
    expected = np.log(np.maximum(stacker.filterbank_ @ power, 1e-9))
    np.testing.assert_allclose(found, np.tile(expected, (71, 1)), atol=1e-5)


@pytest.mark.parametrize("factor", [0.01, 0.5, 3.0])
def test_volume(factor):
    louder = [factor * clip for clip in CLIPS]
    found = frames(CLIPS, normalize=None, floor=1e-30)
    scaled = frames(louder, normalize=None, floor=1e-30)
    heard = found > np.log(1e-20)
    expected = found + 2 * np.log(factor)
    np.testing.assert_allclose(scaled[heard], expected[heard], atol=1e-4)
    np.testing.assert_allclose(frames(louder), frames(CLIPS), atol=1e-4)


def test_level_is_relative_to_the_loudest():
    found = frames(CLIPS)
    raw = frames(CLIPS, normalize=None, floor=1e-30)
    expected = np.maximum(raw - raw.max(axis=(1, 2), keepdims=True), FLOOR)
    np.testing.assert_allclose(found[:-1], expected[:-1], atol=1e-5)
    np.testing.assert_allclose(found[:-1].max(axis=(1, 2)), 0, atol=1e-6)


def test_shift_by_hops_moves_frames():
    signal = noise(20000)
    first, second = frames([signal[:12000], signal[160:12160]], normalize=None)
    np.testing.assert_allclose(first[2:], second[:-2], atol=1e-5)


def test_silence_on_both_sides_changes_nothing():
    for clip in (noise(3000), noise(3001), noise(9000)):
        padded = np.pad(clip, 400)
        np.testing.assert_allclose(*frames([clip, padded]), atol=1e-5)


def test_frames_are_centred():
    clip = np.zeros(9000)
    clip[4500] = 1  # a click in the middle
    found = frames([clip], n_frames=5, normalize=None)[0]
    np.testing.assert_allclose(found, found[::-1], atol=1e-4)
    assert found[2].mean() == found.mean(axis=1).max()
    assert (found[[0, 4]] == FLOOR).all()  # 20 ms away: 10 ms outside these windows


@pytest.mark.parametrize("normalize", ["level", None])
def test_what_is_silent_is_at_the_floor(normalize):
    found = frames(CLIPS, normalize=normalize)
    assert (found[-1] == FLOOR).all()
    # 200 samples in the middle: heard by frames 33 to 37, whose windows reach them.
    heard = (found[2] > FLOOR).any(axis=1)
    assert np.flatnonzero(heard).tolist() == [33, 34, 35, 36, 37]
    assert np.isfinite(found).all()


def test_pre_emphasis_is_a_filter_of_the_clip():
    for clip in CLIPS[:3]:
        clip = np.pad(clip, 2)
        filtered = np.r_[clip[0], clip[1:] - 0.97 * clip[:-1]]
        found = frames([clip], pre_emphasis=0.97)
        np.testing.assert_allclose(found, frames([filtered]), atol=1e-5)


def test_resampling():
    clip = noise(16000)
    found = frames([clip], sample_rate=16000, target_sample_rate=8000)
    import soxr

    np.testing.assert_allclose(found, frames([soxr.resample(clip, 16000, 8000)]))
    tones = [sine(500, 8000, 8000), sine(500, 11025, 11025)]
    ours = frames(tones[:1], normalize=None)
    theirs = frames(
        tones[1:], sample_rate=11025, target_sample_rate=8000, normalize=None
    )
    loud = ours > ours.max() - 10
    np.testing.assert_allclose(theirs[loud], ours[loud], atol=0.02)
    same = frames([clip], target_sample_rate=RATE)
    np.testing.assert_array_equal(same, frames([clip]))


# --- Against other implementations --------------------------------------------------


@pytest.mark.parametrize("n_fft", [None, 200, 256, 1024])
def test_slow_reference(n_fft):
    stacker = LogMelStacker(
        sample_rate=RATE, n_fft=n_fft, normalize=None, floor=1e-10, n_mels=20
    )
    found = stacker.fit_transform(CLIPS).reshape(-1, 71, 20)
    for ours, clip in zip(found, CLIPS, strict=True):
        slow = slow_log_mel(clip, stacker.filterbank_, stacker.n_fft_)
        np.testing.assert_allclose(ours, slow, atol=1e-4)


@pytest.mark.parametrize(
    "rate, params",
    [
        (8000, {}),
        (16000, {}),
        (16000, {"n_fft": 1024, "n_mels": 80}),
        (22050, {"fmin": 60.0, "fmax": 7600.0}),
        (44100, {"n_frames": 5, "n_fft": 4096}),
    ],
)
def test_librosa(rate, params):
    # Of float32 values, as librosa computes in float64 only from there on.
    clips = [clip.astype(np.float32) for clip in [*CLIPS, noise(2 * rate)]]
    stacker = LogMelStacker(sample_rate=rate, normalize=None, floor=1e-10, **params)
    clips = [clip for clip in clips if len(clip) >= 0.025 * rate]
    found = stacker.fit_transform(clips)
    found = found.reshape(len(clips), stacker.n_frames, stacker.n_mels)
    for ours, clip in zip(found, clips, strict=True):
        theirs = librosa_log_mel(clip, rate, **{**params, "n_fft": stacker.n_fft_})
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


@needs_data
def test_librosa_on_real_recordings():
    fsdd = fetch_fsdd(data_home=SHARED, subset="test")
    found = frames(fsdd.data[::5], normalize=None, floor=1e-10)
    for ours, clip in zip(found, fsdd.data[::5], strict=True):
        np.testing.assert_allclose(ours, librosa_log_mel(clip, RATE, 256), atol=1e-4)


@needs_data
def test_real_digits_are_told_apart():
    train = fetch_fsdd(data_home=SHARED, subset="train")
    test = fetch_fsdd(data_home=SHARED, subset="test")
    model = make_pipeline(
        LogMelStacker(sample_rate=RATE), StandardScaler(), RidgeClassifier(1000)
    )
    model.fit(train.data[::3], train.target[::3])
    assert model.score(test.data, test.target) > 0.85


# --- Lengths, chunks, containers ----------------------------------------------------


@settings(max_examples=30)
@given(
    lengths=st.lists(st.integers(200, 12000), min_size=1, max_size=5),
    chunk_size=st.integers(1, 6),
    n_frames=st.integers(1, 80),
    pre_emphasis=st.sampled_from([0.0, 0.97]),
)
def test_any_length_and_chunk(lengths, chunk_size, n_frames, pre_emphasis):
    clips = [noise(n, seed) for seed, n in enumerate(lengths)]
    params = {"n_frames": n_frames, "pre_emphasis": pre_emphasis}
    found = frames(clips, chunk_size=chunk_size, **params)
    assert np.isfinite(found).all()
    assert (found >= FLOOR).all() and (found <= 1e-6).all()
    for row, clip in zip(found, clips, strict=True):
        np.testing.assert_allclose(row, frames([clip], **params)[0], atol=1e-5)
        # What lies outside of all frames makes no difference.
        middle = centred(clip, 2 * (200 + 80 * n_frames) + len(clip) % 2)
        np.testing.assert_allclose(row, frames([middle], **params)[0], atol=1e-5)


@settings(max_examples=30)
@given(
    n_mels=st.integers(1, 128),
    rate=st.sampled_from([8000, 11025, 16000, 44100]),
    window=st.floats(0.002, 0.06),
)
def test_by_default_no_filter_is_empty(n_mels, rate, window):
    stacker = LogMelStacker(sample_rate=rate, n_mels=n_mels, window=window)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        stacker.fit([noise(rate)])
    assert stacker.filterbank_.shape == (n_mels, stacker.n_fft_ // 2 + 1)
    assert stacker.filterbank_.any(axis=1).all()
    assert stacker.n_fft_ >= round(window * rate)


def test_the_default_fft_is_the_next_power_of_two_where_that_does():
    sizes = {8000: 256, 16000: 512, 22050: 1024, 44100: 2048}
    for rate, n_fft in sizes.items():
        assert LogMelStacker(sample_rate=rate).fit([noise(rate)]).n_fft_ == n_fft
    many = LogMelStacker(sample_rate=8000, n_mels=200).fit(CLIPS)
    assert many.n_fft_ == 512


@pytest.mark.parametrize(
    "convert",
    [
        list,
        tuple,
        pd.DataFrame,
        lambda X: X.astype(np.float32),
        lambda X: X.tolist(),
        lambda X: [row.astype(np.float32) for row in X],
        lambda X: pd.Series(list(X)),
        lambda X: np.asfortranarray(X),
    ],
)
def test_containers(convert):
    X = np.array([noise(3000, 0), noise(3000, 1)])
    np.testing.assert_allclose(frames(convert(X)), frames(X), atol=1e-5)


def test_float16():
    found = frames([noise(3000).astype(np.float16)])
    np.testing.assert_allclose(found, frames([noise(3000)]), atol=0.05)


def test_input_is_left_as_it_is():
    clips = [clip.copy() for clip in CLIPS]
    frames(clips, pre_emphasis=0.97)
    for clip, before in zip(clips, CLIPS, strict=True):
        np.testing.assert_array_equal(clip, before)


# --- Manners ------------------------------------------------------------------------


def test_fit_transform_is_fit_and_transform_with_other_clips():
    stacker = LogMelStacker(sample_rate=RATE).fit([noise(500)])
    np.testing.assert_array_equal(
        stacker.transform(CLIPS).reshape(len(CLIPS), 71, 40), frames(CLIPS)
    )


def test_pickle_and_clone():
    stacker = LogMelStacker(sample_rate=RATE, n_mels=20).fit(CLIPS)
    stacker.transform(CLIPS)
    dumped = pickle.dumps(stacker)
    np.testing.assert_array_equal(
        pickle.loads(dumped).transform(CLIPS), stacker.transform(CLIPS)
    )
    with pytest.raises(NotFittedError):
        clone(stacker).transform(CLIPS)
    with pytest.raises(NotFittedError):
        clone(stacker).get_feature_names_out()
    assert clone(stacker).get_params() == stacker.get_params()


def test_set_output():
    stacker = LogMelStacker(sample_rate=RATE).set_output(transform="pandas")
    table = stacker.fit_transform(CLIPS)
    assert table.columns.tolist() == stacker.get_feature_names_out().tolist()
    assert len(table) == len(CLIPS)


def test_cross_validation_and_grid_search():
    rng = np.random.default_rng(0)
    y = np.arange(24) % 2
    clips = [
        sine(400 + 800 * label, n) + 0.1 * noise(n, seed)
        for seed, (label, n) in enumerate(
            zip(y, rng.integers(300, 4000, 24), strict=True)
        )
    ]
    model = make_pipeline(LogMelStacker(sample_rate=RATE, n_mels=8), RidgeClassifier())
    assert cross_val_score(model, clips, y, cv=3).mean() == 1
    search = GridSearchCV(model, {"logmelstacker__n_mels": [4, 8]}, cv=2)
    assert search.fit(clips, y).best_score_ > 0.9


def test_importing_preprocessing_imports_neither_torch_nor_librosa():
    code = (
        "import sys, sklearn_crossmodal.preprocessing;"
        "print([m for m in ('torch', 'librosa', 'soxr') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == "[]"


def test_without_librosa(monkeypatch):
    monkeypatch.setitem(sys.modules, "librosa.filters", None)
    with pytest.raises(ImportError, match=r"pip install sklearn-crossmodal\[speech\]"):
        LogMelStacker(sample_rate=RATE).fit(CLIPS)


# --- Bad input ----------------------------------------------------------------------

GOOD = noise(1000)
PCM = (GOOD * 32768).astype(np.int16)
BAD = {
    "empty": ([], ValueError, "at least one clip; got none"),
    "empty array": (np.zeros((0, 300)), ValueError, "at least one clip"),
    "one clip": (GOOD, ValueError, r"got 1000 numbers.*\[clip\]"),
    "list of floats": (GOOD.tolist(), ValueError, r"got 1000 numbers.*\[clip\]"),
    "a Series of floats": (pd.Series(GOOD), ValueError, r"\[clip\]"),
    "a number": (np.array(3.0), ValueError, "single number"),
    "None": (None, TypeError, "list of clips.*got NoneType"),
    "str": ("a.wav", TypeError, "list of clips.*got str"),
    "generator": ((clip for clip in CLIPS), TypeError, "got generator"),
    "dict": ({"a": GOOD}, TypeError, "got dict"),
    "file names": ([GOOD, "a.wav"], TypeError, "Row 1 .*'a.wav'.*wavfile.read"),
    "paths": ([Path("a.wav")], TypeError, "Row 0 .*wavfile.read"),
    "array of str": (np.array(["a.wav"]), TypeError, "Row 0 .*wavfile.read"),
    "int16": ([GOOD, PCM], ValueError, r"Row 1 .*\(int16\).*clip / 32768 for 16"),
    "int16 array": (PCM[None], ValueError, "Row 0 .*clip / 32768"),
    "int32": ([PCM.astype(np.int32)], ValueError, "clip / 2147483648 for 32-bit"),
    "uint8": ([PCM.astype(np.uint8)], ValueError, r"\(clip - 128.0\) / 128 for 8"),
    "bool": ([PCM > 0], ValueError, r"integers \(bool\)"),
    "stereo": ([GOOD, np.c_[GOOD, GOOD]], ValueError, r"Row 1 .*clip.mean\(axis=1\)"),
    "stereo, first": ([np.array([GOOD, GOOD])], ValueError, r"clip.mean\(axis=0\)"),
    "three dimensions": (np.zeros((2, 500, 2)), ValueError, r"Row 0 .*axis=1"),
    "short": (
        [GOOD, GOOD[:199], GOOD, []],
        ValueError,
        r"Rows 1 and 3 of X: shorter than a frame, 200 samples \(0.025 s at 8000 Hz\)",
    ),
    "short array": (np.zeros((2, 50)), ValueError, "Rows 0 and 1 of X: shorter"),
    "NaN": ([GOOD, np.r_[GOOD, np.nan]], ValueError, "Row 1 of X: NaN, infinity"),
    "NaN first": ([np.r_[np.nan, GOOD], GOOD], ValueError, "Row 0 of X: NaN"),
    "infinity": ([-np.inf * np.abs(GOOD), GOOD], ValueError, "Row 0 of X: NaN, inf"),
    "huge": ([GOOD, 1e200 * GOOD], ValueError, "Row 1 of X: .*beyond 1e"),
    "complex": ([GOOD + 1j], TypeError, "Row 0 .*real numbers.*complex128"),
    "nothing": ([GOOD, None], TypeError, r"Row 1 .*got None \(NoneType"),
    "objects": ([np.array([1.0, None])], TypeError, "Row 0 .*dtype object"),
    "nested": ([[[1.0, 2.0], [1.0]]], ValueError, "Row 0 of X is not a 1-D array"),
    "a number among clips": ([GOOD, 0.5], TypeError, "Row 1 .*1-D array"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_clips(name):
    bad, error, match = BAD[name]
    stacker = LogMelStacker(sample_rate=RATE)
    with pytest.raises(error, match=match):
        stacker.fit(bad)
    assert not [attribute for attribute in vars(stacker) if attribute.endswith("_")]
    stacker.fit(CLIPS)
    with pytest.raises(error, match=match):
        stacker.transform(bad)


@pytest.mark.parametrize(
    "params, match",
    [
        ({"sample_rate": None}, r"sample_rate=None.*LogMelStacker\(sample_rate=16000"),
        ({"window": 1e-5}, "window=1e-05 is no sample at 8000 Hz: it is in seconds"),
        ({"hop": 1e-5}, "hop=1e-05 is no sample"),
        ({"n_fft": 128}, "n_fft=128 does not hold a frame of 200 samples"),
        ({"n_fft": 200, "n_mels": 128}, "of 128 mel filters would be empty .*n_fft"),
        ({"n_mels": 5000}, "of 5000 mel filters would be empty"),
        ({"fmin": 5000.0}, "fmin=5000.0 to fmax=None Hz: .*fmax up to 4000"),
        ({"fmax": 8000.0}, "fmax=8000.0 Hz.*up to 4000, half the sample rate"),
        ({"fmin": 500.0, "fmax": 100.0}, "fmin below fmax"),
    ],
)
def test_parameters_that_do_not_fit_the_clips(params, match):
    stacker = LogMelStacker(**{"sample_rate": RATE, **params})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ValueError, match=match):
            stacker.fit(CLIPS)


@pytest.mark.parametrize(
    "params",
    [
        {"sample_rate": 0},
        {"sample_rate": "8000"},
        {"target_sample_rate": -1},
        {"n_mels": 0},
        {"n_mels": 40.0},
        {"n_frames": 0},
        {"window": 0.0},
        {"hop": -0.01},
        {"n_fft": 0},
        {"fmin": -1.0},
        {"fmax": 0},
        {"pre_emphasis": 1.1},
        {"floor": 0.0},
        {"floor": 1e-50},
        {"normalize": "mean"},
        {"chunk_size": 0},
    ],
)
def test_bad_parameters(params):
    with pytest.raises(InvalidParameterError, match=f"The '{next(iter(params))}'"):
        LogMelStacker(**{"sample_rate": RATE, **params}).fit(CLIPS)


@pytest.mark.parametrize("before, after", [(0, 3000), (3000, 0), (500, 1700)])
def test_the_middle_of_the_energy_does_not_move_with_silence_around(before, after):
    rng = np.random.default_rng(0)
    word = rng.normal(size=4001) * np.hanning(4001)
    padded = np.concatenate([np.zeros(before), word, np.zeros(after)])
    stacker = LogMelStacker(sample_rate=8000, center="energy").fit([word])
    np.testing.assert_allclose(
        stacker.transform([padded]), stacker.transform([word]), atol=1e-5
    )
    by_clip = stacker.set_params(center="clip")
    assert not np.allclose(by_clip.transform([padded]), by_clip.transform([word]))


def test_the_middle_of_the_energy_of_a_clip_whose_squares_are_zero():
    stacker = LogMelStacker(sample_rate=8000, center="energy")
    assert (stacker.fit_transform([1e-170 * noise(3000)]) == FLOOR).all()


def test_the_middle_of_a_symmetric_clip_is_that_of_its_energy():
    word = np.sin(np.arange(3000)) * np.hanning(3000)
    clips = [word + word[::-1], np.zeros(2000)]
    by_energy, by_clip = (
        LogMelStacker(sample_rate=8000, center=center).fit_transform(clips)
        for center in ("energy", "clip")
    )
    np.testing.assert_array_equal(by_energy, by_clip)
