"""Memory of training on features that stay on disk: float32 and float16 memmaps.

    python benchmarks/memmap_features.py --gigabytes 4

Writes a file of features, trains one epoch on it in a fresh process, and reports by how
much the anonymous memory of that process (RssAnon: what is really its own, without the
pages of the file that the system caches) grew beyond what a fit on a small array took.
The alternative beside it is what `validate_data(X, dtype="float32")` would do: load the
whole as float32. Linux only.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

N_FEATURES = 2048


def rss_anon():
    """Return the process's anonymous resident memory in MB."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    raise OSError("This system does not report RssAnon.")


class Peak:
    """Watch the highest RssAnon while a block runs."""

    def __enter__(self):
        self.before = self.highest = rss_anon()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def _watch(self):
        while not self._done.wait(0.02):
            self.highest = max(self.highest, rss_anon())

    def __exit__(self, *error):
        self._done.set()
        self._thread.join()

    @property
    def growth(self):
        return self.highest - self.before


def make_file(path, dtype, gigabytes):
    n_rows = int(gigabytes * 2**30 / N_FEATURES / np.dtype(dtype).itemsize)
    rng = np.random.default_rng(0)
    X = np.memmap(path, dtype=dtype, mode="w+", shape=(n_rows, N_FEATURES))
    for start in range(0, n_rows, 4096):
        block = rng.standard_normal((min(4096, n_rows - start), N_FEATURES), np.float32)
        X[start : start + len(block)] = block
    X.flush()
    return n_rows


def child(path, dtype, n_rows):
    """Train on the file; print the growth of memory and the seconds."""
    from sklearn_crossmodal import CaptionRanker

    X = np.memmap(path, dtype=dtype, mode="r", shape=(n_rows, N_FEATURES))
    tokens = (np.arange(n_rows)[:, None] // 50 ** np.arange(3)) % 50 + 1
    ranker = CaptionRanker(
        n_components=64,
        word_size=16,
        gru_size=16,
        word_vectors=None,
        batch_size=512,
        max_epochs=1,
        store_captions=False,
    )
    ranker.fit(X[:2000], tokens[:2000])  # what torch needs once, whatever the data
    with Peak() as peak:
        start = time.perf_counter()
        ranker.fit(X, tokens)
        ranker.transform(X[: n_rows // 10])
        seconds = time.perf_counter() - start
    print(f"{peak.growth:.0f} {seconds:.0f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=4.0)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        return child(args.child[0], args.child[1], int(args.child[2]))
    print(f"{'features':<24}{'rows':>9}{'RssAnon growth':>18}{'as float32':>14}{'':>8}")
    for dtype in ("float32", "float16"):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "features"
            n_rows = make_file(path, dtype, args.gigabytes)
            command = [sys.executable, __file__, "--child", path, dtype, str(n_rows)]
            result = subprocess.run(command, check=True, capture_output=True, text=True)
            growth, seconds = result.stdout.split()
            whole = n_rows * N_FEATURES * 4 / 2**20
            print(
                f"{args.gigabytes:g} GB {dtype:<17}{n_rows:>9}{growth:>15} MB"
                f"{whole:>11.0f} MB{seconds:>6} s",
                flush=True,
            )
    return None


if __name__ == "__main__":
    main()
