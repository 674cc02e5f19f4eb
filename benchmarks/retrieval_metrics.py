"""Time and memory of retrieval metrics, beside what a user would pick instead.

Six metrics (recall@1, @5, @10, mAP, MRR, median rank) of one direction, on generated
embeddings with several relevant items for each query::

    python benchmarks/retrieval_metrics.py
    python benchmarks/retrieval_metrics.py --queries 1000 --gallery 5000 --rounds 3

"GEMM bound" is the blocked matrix product alone: no exact method is faster. Times are
medians of rounds in which the methods take turns. Methods marked with a number of
queries ran on these only, and their time is scaled up. Peak memory is that beyond the
embeddings, measured in a process of its own for each method, after a small warm-up.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

BLOCK = 256
CUTS = (1, 5, 10)
Values = dict[str, float]


@dataclass
class Task:
    """Unit vectors; gallery rows i * m to (i + 1) * m - 1 are relevant to query i."""

    queries: np.ndarray
    gallery: np.ndarray
    n_positives: int

    def first(self, n_queries: int) -> "Task":
        """Return the task of the first queries, with the whole gallery."""
        return Task(self.queries[:n_queries], self.gallery, self.n_positives)

    def relevant(self) -> np.ndarray:
        """Return the relevant columns of each query, (n_queries, n_positives)."""
        n, m = len(self.queries), self.n_positives
        return np.arange(n * m).reshape(n, m)


def make_task(
    n_queries: int, n_gallery: int, dim: int, n_positives: int, noise: float
) -> Task:
    """Generate two noisy views of a common latent vector for each query."""
    rng = np.random.default_rng(0)
    shape = (max(n_queries, -(-n_gallery // n_positives)), 48)
    latent = rng.standard_normal(shape, dtype=np.float32)
    weights = rng.standard_normal((48, dim), dtype=np.float32) / 7
    captions = np.repeat(latent, n_positives, axis=0)[:n_gallery]
    captions += noise * rng.standard_normal(captions.shape, dtype=np.float32)
    queries, gallery = (np.tanh(view @ weights) for view in (latent, captions))
    for view in (queries, gallery):
        view /= np.linalg.norm(view, axis=1)[:, None]
    return Task(queries[:n_queries], gallery, n_positives)


def gemm_bound(task: Task) -> Values:
    """Compute the scores, block by block into one buffer, and nothing else."""
    import torch

    left, right = torch.from_numpy(task.queries), torch.from_numpy(task.gallery).T
    buffer = torch.empty(BLOCK, len(task.gallery))
    for start in range(0, len(left), BLOCK):
        block = left[start : start + BLOCK]
        torch.mm(block, right, out=buffer[: len(block)])
    return {}


def ours(task: Task) -> Values:
    """Run this library."""
    from sklearn_crossmodal.metrics import retrieval_metrics

    items = np.arange(len(task.gallery)) // task.n_positives
    return retrieval_metrics(
        task.queries,
        task.gallery,
        direction="x_to_y",
        groups=np.arange(len(task.queries)),
        y_groups=items,
        block_size=BLOCK,
    )


def numpy_argsort(task: Task) -> Values:
    """Sort every row of the full score matrix; ties in gallery order."""
    import torch

    scores = (torch.from_numpy(task.queries) @ torch.from_numpy(task.gallery).T).numpy()
    order = np.argsort(-scores, axis=1)
    ranks = np.empty_like(order)
    np.put_along_axis(ranks, order, np.arange(1, order.shape[1] + 1)[None], axis=1)
    ranks = np.sort(np.take_along_axis(ranks, task.relevant(), axis=1), axis=1)
    first = ranks[:, 0]
    return {
        **{f"recall@{k}": float(np.mean(first <= k)) for k in CUTS},
        "map": float(np.mean(np.arange(1, task.n_positives + 1) / ranks)),
        "mrr": float(np.mean(1 / first)),
        "median_rank": float(np.median(first)),
    }


def torchmetrics(task: Task) -> Values:
    """Give the flat scores to torchmetrics (it has no median rank)."""
    import torch
    from torchmetrics import retrieval

    scores = torch.from_numpy(task.queries) @ torch.from_numpy(task.gallery).T
    target = torch.zeros(scores.shape, dtype=torch.bool)
    target.scatter_(1, torch.from_numpy(task.relevant()), True)
    index = torch.arange(len(scores))[:, None].expand(scores.shape).reshape(-1)
    metrics: dict = {f"recall@{k}": retrieval.RetrievalHitRate(top_k=k) for k in CUTS}
    metrics["map"] = retrieval.RetrievalMAP()
    metrics["mrr"] = retrieval.RetrievalMRR()
    flat = scores.reshape(-1), target.reshape(-1)
    return {n: float(metric(*flat, indexes=index)) for n, metric in metrics.items()}


def ranx(task: Task, depth: int = 1000) -> Values:
    """Give the first 1000 places to ranx (it has no median rank)."""
    import torch
    from ranx import Qrels, Run, evaluate

    scores = torch.from_numpy(task.queries) @ torch.from_numpy(task.gallery).T
    top, columns = scores.topk(min(depth, scores.shape[1]), dim=1)
    names = [str(column) for column in range(scores.shape[1])]
    run = {
        f"q{i}": {names[c]: s for c, s in zip(cs, ss, strict=True)}
        for i, (cs, ss) in enumerate(zip(columns.tolist(), top.tolist(), strict=True))
    }
    qrels = {f"q{i}": {names[c]: 1 for c in cs} for i, cs in enumerate(task.relevant())}
    theirs = {f"recall@{k}": f"hit_rate@{k}" for k in CUTS}
    theirs |= {"map": "map", "mrr": "mrr"}
    values = evaluate(Qrels(qrels), Run(run), list(theirs.values()))
    return {name: float(values[their]) for name, their in theirs.items()}


@dataclass(frozen=True)
class Method:
    """A way to compute the metrics, and what it can be asked to do."""

    label: str
    run: Callable[[Task], Values]
    package: str = "torch"
    n_queries: int | None = None
    """How many queries it runs on (None: all)."""
    max_rounds: int = 99


METHODS = {
    "gemm": Method("GEMM bound (torch)", gemm_bound),
    "ours": Method("sklearn_crossmodal", ours),
    "argsort": Method("numpy full argsort", numpy_argsort, max_rounds=2),
    "torchmetrics": Method("torchmetrics", torchmetrics, "torchmetrics", 100, 2),
    "ranx": Method("ranx, first 1000", ranx, "ranx", 500, 3),
}


def sample(method: Method, task: Task) -> tuple[Task, float]:
    """Return what the method runs on, and by how much its time is to be scaled."""
    n = min(method.n_queries or len(task.queries), len(task.queries))
    return task.first(n), len(task.queries) / n


def time_all(keys: list[str], task: Task, rounds: int) -> tuple[dict, dict]:
    """Return the times of each method, scaled, and the values that it found."""
    times: dict[str, list[float]] = {key: [] for key in keys}
    values = {}
    for key in keys:
        METHODS[key].run(task.first(16))  # imports, compilation, thread pools
    for i in range(rounds):
        for key in keys:
            if i >= METHODS[key].max_rounds:
                continue
            part, scale = sample(METHODS[key], task)
            start = time.perf_counter()
            values[key] = METHODS[key].run(part)
            times[key].append((time.perf_counter() - start) * scale)
    return times, values


def read_status(field: str) -> float:
    """Return a field of /proc/self/status in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(field + ":"))
    return int(line.split()[1]) / 1024


def own_peak(method: Method, task: Task) -> float:
    """Run the method here, and return the peak of memory above that before, in MB."""
    small = np.arange(min(500, len(task.gallery)))
    method.run(Task(task.queries[:20], task.gallery[small], task.n_positives))
    part, _ = sample(method, task)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    before = read_status("VmRSS")
    method.run(part)
    return read_status("VmHWM") - before


def peak_of(key: str, arguments: list[str]) -> float | None:
    """Measure the peak of a method in a process of its own (None: not Linux)."""
    if not Path("/proc/self/clear_refs").exists():
        return None
    command = [sys.executable, __file__, *arguments, "--peak-of", key]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def report(keys: list[str], times: dict, values: dict, peaks: dict, task: Task) -> None:
    """Print one line for each method."""
    bound = statistics.median(times["gemm"])
    print(f"{'method':<28}{'s':>9}{'x bound':>9}{'min-max':>16}{'MB':>7}  values")
    for key in keys:
        method, t = METHODS[key], times[key]
        n = sample(method, task)[0].queries.shape[0]
        label = method.label + (f" ({n} q.)" if n < len(task.queries) else "")
        median = statistics.median(t)
        spread = f"{min(t):.2f}-{max(t):.2f}"
        peak = "-" if peaks[key] is None else f"{peaks[key]:.0f}"
        found = " ".join(f"{name} {value:.4f}" for name, value in values[key].items())
        print(
            f"{label:<28}{median:>9.2f}{median / bound:>9.2f}{spread:>16}{peak:>7}"
            f"  {found}"
        )


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=int, default=5000)
    parser.add_argument("--gallery", type=int, default=25000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--positives", type=int, default=5)
    parser.add_argument("--noise", type=float, default=3.0, help="0: perfect retrieval")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--peak-of", choices=METHODS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.gallery < options.queries * options.positives:
        parser.error("--gallery must be at least --queries x --positives")
    return options


def main() -> None:
    """Run the benchmark, or one measurement of memory for it."""
    options = parse_arguments()
    task = make_task(
        options.queries,
        options.gallery,
        options.dim,
        options.positives,
        options.noise,
    )
    if options.peak_of:
        print(own_peak(METHODS[options.peak_of], task))
        return
    keys = ["gemm", *(key for key in options.only if key != "gemm")]
    for key in list(keys):
        if find_spec(METHODS[key].package) is None:
            print(f"skipped: {METHODS[key].label} ({METHODS[key].package} missing)")
            keys.remove(key)
    print(
        f"{options.queries} queries x {options.gallery} gallery, d={options.dim},"
        f" {options.positives} positives, noise {options.noise}"
    )
    times, values = time_all(keys, task, options.rounds)
    peaks = {key: peak_of(key, sys.argv[1:]) for key in keys}
    report(keys, times, values, peaks, task)


if __name__ == "__main__":
    main()
