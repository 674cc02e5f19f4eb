"""Log-mel features of spoken words: `LogMelStacker` against librosa.

    python benchmarks/log_mel.py

Clips of generated noise, .3 to 1.5 s, become 71 frames of 40 log-mel energies each, cut
out of the middle of the clip or filled with zeros: for librosa by the same lines of
numpy. All take turns in one process; microseconds for a clip, medians of the rounds.
Memory is the growth of a process of its own beyond the output, after a small warm-up.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

import librosa
import numpy as np
import torch
from threadpoolctl import threadpool_limits

from sklearn_crossmodal.preprocessing import LogMelStacker

N_FRAMES, N_MELS, FLOOR = 71, 40, 1e-10


def make_clips(n_clips, rate):
    rng = np.random.default_rng(0)
    lengths = (rate * rng.uniform(0.3, 1.5, n_clips)).astype(int)
    return [0.1 * rng.standard_normal(n, dtype=np.float32) for n in lengths]


def ours(clips, rate, **params):
    stacker = LogMelStacker(sample_rate=rate, normalize=None, floor=FLOOR, **params)
    return stacker.fit(clips[:1]).transform(clips)


def cut_out(clip, length):
    start = (len(clip) - length) // 2
    if start >= 0:
        return clip[start : start + length]
    return np.pad(clip, (-start, length - len(clip) + start))


def of_librosa(windows, rate, n_fft):
    """Give one window or several to librosa: its energies, as stacked logarithms."""
    energies = librosa.feature.melspectrogram(
        y=windows,
        sr=rate,
        n_fft=n_fft,
        win_length=round(0.025 * rate),
        hop_length=round(0.01 * rate),
        center=False,
        n_mels=N_MELS,
    )
    stacked = np.swapaxes(energies, -1, -2).reshape(*energies.shape[:-2], -1)
    return np.log(np.maximum(stacked, FLOOR))


def librosa_by(size):
    """Return what gives librosa this many windows at a time (0: one, not a batch)."""

    def run(clips, rate):
        n_fft = 1 << (round(0.025 * rate) - 1).bit_length()
        length = n_fft + (N_FRAMES - 1) * round(0.01 * rate)
        rows = []
        for start in range(0, len(clips), size or 1):
            cut = [cut_out(clip, length) for clip in clips[start : start + (size or 1)]]
            windows = np.stack(cut) if size else cut[0]
            rows.append(of_librosa(windows, rate, n_fft))
        return np.concatenate(rows) if size else np.stack(rows)

    return run


METHODS = {
    "LogMelStacker": ours,
    "librosa, clip by clip": librosa_by(0),
    "librosa, 16 at a time": librosa_by(16),
    "librosa, all at once": librosa_by(1 << 30),
}


def read_status(field):
    """Return a field of /proc/self/status in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(field + ":"))
    return int(line.split()[1]) / 1024


def own_peak(n_clips, rate, chunk_size):
    """Return the peak of memory in this process beyond the output, in MB."""
    clips = make_clips(n_clips, rate)
    ours(clips[:2], rate, chunk_size=chunk_size)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    before = read_status("VmRSS")
    output = ours(clips, rate, chunk_size=chunk_size)
    return read_status("VmHWM") - before - output.nbytes / 2**20


def peak_of(*arguments):
    """Measure in a process of its own (None: not Linux)."""
    if not Path("/proc/self/clear_refs").exists():
        return None
    command = [sys.executable, __file__, "--peak-of", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return round(float(done.stdout))


def measure_times(clips, rate, rounds):
    times = {name: [] for name in METHODS}
    for run in METHODS.values():
        run(clips[:32], rate)  # imports, thread pools
    for _ in range(rounds):
        for name, run in METHODS.items():
            start = time.perf_counter()
            run(clips, rate)
            times[name].append((time.perf_counter() - start) / len(clips) * 1e6)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=960)
    parser.add_argument("--rates", type=int, nargs="+", default=[8000, 16000])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--peak-of", type=int, nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peak_of:
        print(own_peak(*args.peak_of))
        return
    versions = f"torch {torch.__version__}, librosa {librosa.__version__}"
    print(f"{versions}, {torch.get_num_threads()} threads, {args.clips} clips")
    for rate in args.rates:
        clips = make_clips(args.clips, rate)
        for chunk_size in (8, 64):
            sizes = (args.clips, 4 * args.clips)
            peaks = [peak_of(n, rate, chunk_size) for n in sizes]
            print(
                f"{rate} Hz, {chunk_size} clips at a time: {peaks} MB beyond the "
                f"output of {sizes} clips"
            )
        difference = np.abs(ours(clips, rate) - librosa_by(16)(clips, rate)).max()
        times = measure_times(clips, rate, args.rounds)
        own = statistics.median(times["LogMelStacker"])
        print(f"{rate} Hz: largest difference from librosa {difference:.1e}")
        print(f"{'':<24}{'us':>8}{'ratio':>8}{'range of us':>16}")
        for name, values in times.items():
            median, spread = statistics.median(values), f"{min(values):.0f}"
            spread += f" - {max(values):.0f}"
            print(f"{name:<24}{median:8.0f}{median / own:8.1f}{spread:>16}", flush=True)


if __name__ == "__main__":
    # numpy's BLAS threads and torch's spin in each other's way where they take turns.
    with threadpool_limits(1, user_api="blas"):
        main()
