"""Features of photos: `OnnxImageFeatures` against a plain loop, and what filters do.

    python benchmarks/onnx_features.py --data-home DIR

DIR has `caltech101` (2,020 small photos of 128 pixels, and stored features of the same
photos at their full size) and `mobilenet_v1_075_224`. The plain loop reads, resizes and
runs one image at a time, by Pillow and onnxruntime as they come, with a thread of
onnxruntime on each core. All take turns in one process: images a second, medians of the
rounds; processor time for an image tells more where others use the machine.
"""

import argparse
import os
import statistics
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from PIL import Image
from sklearn.datasets import load_sample_images

from sklearn_crossmodal.preprocessing import OnnxImageFeatures

SHORT, CROP = 256, 224


def read_stored(home, folder):
    """Unpack the photos; return their paths and stored features."""
    with np.load(home / "caltech101_mobilenet075.npz") as stored:
        row_of = {name: row for row, name in enumerate(stored["names"])}
        features = stored["features"].astype(np.float32)
    with tarfile.open(home / "caltech101_first20_128px.tar") as archive:
        archive.extractall(folder, filter="data")
    paths = sorted(Path(folder).glob("*/*.jpg"))
    rows = [row_of[path.relative_to(folder).as_posix()] for path in paths]
    return paths, features[rows]


def cosines(found, true):
    """Return the cosine of each row with its row."""
    lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(true, axis=1)
    return (found * true).sum(axis=1) / lengths


def prepare(path):
    """Return one photo as the network takes it, step by step."""
    photo = Image.open(path).convert("RGB")
    width, height = photo.size
    longer = int(SHORT * max(photo.size) / min(photo.size))
    size = (longer, SHORT) if width > height else (SHORT, longer)
    photo = photo.resize(size, Image.Resampling.BILINEAR)
    left, top = (round((side - CROP) / 2) for side in size)
    pixels = np.asarray(photo.crop((left, top, left + CROP, top + CROP)))
    batch = (pixels.transpose(2, 0, 1)[None] / 255 - 0.5) / 0.5
    return batch.astype(np.float32)


def plain_loop(model):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(paths):
        rows = [session.run(["features"], {name: prepare(p)})[0] for p in paths]
        return np.concatenate(rows)

    return run


def ours(model, **params):
    return OnnxImageFeatures(model, output="features", **params).fit().transform


def compare_speed(methods, paths, rounds):
    """Return the features of each method; print how fast they came."""
    times = {name: [] for name in methods}
    features = {}
    for run in methods.values():
        run(paths[:32])  # thread pools, files in the cache
    for _ in range(rounds):
        for name, run in methods.items():
            start, used = time.perf_counter(), time.process_time()
            features[name] = run(paths)
            took = time.perf_counter() - start, time.process_time() - used
            times[name].append(np.array(took) / len(paths))
    rates = {n: [1 / wall for wall, _ in took] for n, took in times.items()}
    base = statistics.median(next(iter(rates.values())))
    print(f"{'':<34}{'images/s':>9}{'ratio':>7}{'range':>12}{'CPU ms/image':>14}")
    for name, each in rates.items():
        median, spread = statistics.median(each), f"{min(each):.0f} - {max(each):.0f}"
        used = 1e3 * statistics.median(cpu for _, cpu in times[name])
        print(f"{name:<34}{median:9.0f}{median / base:7.2f}{spread:>12}{used:14.1f}")
    return features


def resize_by_torch(path, mode, antialias):
    """Return the crop of a photo that torch resized, as an array."""
    pixels = torch.from_numpy(np.array(Image.open(path).convert("RGB")))
    height, width = pixels.shape[:2]
    longer = int(SHORT * max(height, width) / min(height, width))
    size = (SHORT, longer) if width > height else (longer, SHORT)
    resized = torch.nn.functional.interpolate(
        pixels.permute(2, 0, 1)[None].float(),
        size=size,
        mode=mode,
        antialias=antialias,
    )
    top, left = (round((side - CROP) / 2) for side in size)
    crop = resized[0, :, top : top + CROP, left : left + CROP].clamp(0, 255).round()
    return crop.permute(1, 2, 0).to(torch.uint8).numpy()


def compare_filters(model, paths, true, threads):
    def show(name, X, **params):
        each = cosines(ours(model, n_jobs=threads, **params)(X), true)
        low, median = np.percentile(each, [5, 50])
        print(f"{name:<44}{median:8.4f}{each.mean():8.4f}{low:8.4f}", flush=True)

    print(f"{'cosine with the stored features':<44}{'median':>8}{'mean':>8}{'5 %':>8}")
    for interpolation in ("bilinear", "hamming", "bicubic", "lanczos", "box"):
        show(interpolation, paths, interpolation=interpolation)
    for mode in ("bilinear", "bicubic"):
        for antialias in (False, True):
            crops = [resize_by_torch(path, mode, antialias) for path in paths]
            show(f"torch, {mode}, antialias={antialias}", crops, resize=CROP)
    show("bilinear, short side 224", paths, resize=CROP)
    show("bilinear, the whole photo stretched to 224", paths, resize=None)


def compare_drafts(model, folder, n_files=24):
    """Time photos of 2,560 x 1,708 pixels, decoded in full and as drafts."""
    files = []
    for index, pixels in enumerate(load_sample_images().images):
        photo = Image.fromarray(pixels).resize((2560, 1708), Image.Resampling.LANCZOS)
        files.append(Path(folder) / f"large{index}.jpg")
        photo.save(files[-1], quality=90)
    paths = files * (n_files // len(files))
    methods = {
        f"draft={draft}, photos of 2560 x 1708": ours(model, draft=draft)
        for draft in (False, True)
    }
    full, draft = compare_speed(methods, paths, rounds=3).values()
    print("smallest cosine of the two:", cosines(full, draft).min())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-home", type=Path, required=True)
    parser.add_argument("--images", type=int, default=2020, help="for the times")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    model = args.data_home / "mobilenet_v1_075_224" / "mobilenet_v1_0.75_224.onnx"
    versions = f"onnxruntime {onnxruntime.__version__}, Pillow {Image.__version__}"
    load = ", ".join(f"{each:.2f}" for each in os.getloadavg())
    print(f"{versions}, {os.cpu_count()} cores, load before {load}")
    methods = {
        "plain loop, one image at a time": plain_loop(model),
        "OnnxImageFeatures, 1 thread": ours(model),
        f"OnnxImageFeatures, {args.threads} threads": ours(model, n_jobs=args.threads),
        "  batches of 8": ours(model, n_jobs=args.threads, batch_size=8),
        "  batches of 1": ours(model, n_jobs=args.threads, batch_size=1),
    }
    with tempfile.TemporaryDirectory() as folder:
        paths, true = read_stored(args.data_home / "caltech101", folder)
        print(f"{len(paths[: args.images])} photos of 128 pixels")
        features = compare_speed(methods, paths[: args.images], args.rounds)
        plain, found = (features[name] for name in list(methods)[:2])
        print(f"smallest cosine with the loop: {cosines(found, plain).min():.6f}")
        batch = prepare(paths[0])
        pixels = np.rint((batch[0].transpose(1, 2, 0) + 1) * 127.5).astype(np.uint8)
        by_hand = onnxruntime.InferenceSession(model).run(
            ["features"], {"input": batch}
        )
        same = np.array_equal(ours(model, resize=CROP)([pixels]), by_hand[0])
        print(f"one prepared array: {'equal to' if same else 'NOT'} onnxruntime's")
        compare_filters(model, paths, true, args.threads)
        compare_drafts(model, folder)


if __name__ == "__main__":
    main()
