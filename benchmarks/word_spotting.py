"""George Washington's letters, searched by typing: LSDE, PHOC and DCToW targets.

    python benchmarks/word_spotting.py --data-home DIR [--targets lsde phoc dctow]
        [--folds 1 2 3 4] [--epochs 40] [--results word_spotting.json]

`DIR` holds `gw_words/` and `enwiki_17m/`. One image network is trained for each target
and fold (the folds of Almazan et al.: 3,645 words to train, 1,215 to test), and every
result goes to a file at once: what is there is not computed again, so that one fold at
a time can be run. The table at the end is of all that the file holds: query by string,
apart for words that training has not seen, query by example, nDCG and the average edit
distance of the first 5, 10 and 20 images, beside the best possible and published
figures.
"""

import argparse
import json
import lzma
import platform
import time
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from sklearn_crossmodal import LevenshteinStringEmbedder, WordImageEmbedder
from sklearn_crossmodal.metrics import word_spotting_report
from sklearn_crossmodal.preprocessing import PHOC, DCToW

PUBLISHED = """\
published mAP                    QbS     QbE
Almazan et al. 2014             91.29
PHOCNet (Sudholt 2016)          92.64   96.94 (fold 1)
PHOC CNN (Wilkinson 2016)       92.7    97.8
DCToW CNN (Wilkinson 2016)      94.1    97.3
LSDE (slides 2019)              91.31"""


def load_words(data_home):
    """Return the images, words and test folds."""
    with np.load(Path(data_home) / "gw_words" / "gw_words_half.npz") as data:
        starts, pixels = data["offsets"], data["pixels"]
        images = [
            pixels[starts[i] : starts[i + 1]].reshape(shape)
            for i, shape in enumerate(data["shapes"])
        ]
        return images, data["word"].astype(str), data["test_fold"]


def load_lexicon(data_home, min_count=3):
    """Return the words of Wikipedia that occur so often."""
    with lzma.open(Path(data_home) / "enwiki_17m" / "enwiki_17m.txt.xz", "rt") as text:
        counts = Counter(word for line in text for word in line.split())
    return [word for word, count in counts.items() if count >= min_count]


def spotter(target, lexicon, epochs, seed):
    """Return the unfitted embedder of a target."""
    settings = {"max_epochs": epochs, "random_state": seed}
    if target == "lsde":
        strings = LevenshteinStringEmbedder(random_state=seed)
        return WordImageEmbedder(strings, lexicon=lexicon, **settings)
    if target == "phoc":
        return WordImageEmbedder(
            PHOC(),
            loss="cross_entropy",
            loss_weight=1.0,
            softmax_weight=0.0,
            similarity="cosine",
            **settings,
        )
    return WordImageEmbedder(DCToW(), similarity="cosine", **settings)


def run(target, fold, data, lexicon, epochs, seed):
    """Train on three folds and report on the fourth."""
    images, words, folds = data
    test = folds == fold
    train_images, test_images = (
        [image for image, chosen in zip(images, rows, strict=True) if chosen]
        for rows in (~test, test)
    )
    # Words that only the test images have are left out, lest anything know of them.
    hidden = set(words[test]) - set(words[~test])
    lexicon = [word for word in lexicon if word not in hidden]
    start = time.perf_counter(), time.process_time()
    embedder = spotter(target, lexicon, epochs, seed)
    embedder.fit(train_images, list(words[~test]))
    seconds = time.perf_counter() - start[0]
    cpu_seconds = time.process_time() - start[1]
    report = word_spotting_report(
        embedder, test_images, list(words[test]), known=list(words[~test])
    )
    print(
        f"\n{target}, fold {fold}, {epochs} epochs, {seconds:.0f} s\n{report}",
        flush=True,
    )
    return {
        "target": target,
        "fold": fold,
        "epochs": epochs,
        "seed": seed,
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads"
        + (", CUDA" if torch.cuda.is_available() else ""),
        "scores": report.scores,
        "oracle": report.oracle,
        "chance": report.chance,
    }


def print_table(results):
    """Print the mean over folds of every target."""
    names = ["qbs_map", "qbs_map_unseen", "qbe_map", "qbs_ndcg"]
    names += [f"qbs_edit_distance@{k}" for k in (5, 10, 20)]
    print("\n" + " | ".join(["target", "epochs", "folds", *names, "s", "CPU s"]))
    for target, epochs in sorted({(r["target"], r["epochs"]) for r in results}):
        rows = [r for r in results if (r["target"], r["epochs"]) == (target, epochs)]
        means = [np.mean([r["scores"][name] for r in rows]) for name in names]
        folds = ",".join(str(r["fold"]) for r in rows)
        cells = [f"{value:.4f}" for value in means]
        times = [
            np.mean([r[name] for r in rows]) for name in ("seconds", "cpu_seconds")
        ]
        cells += [f"{value:.0f}" for value in times]
        print(" | ".join([target, str(epochs), folds, *cells]))
    oracle = [np.mean([r["oracle"][name] for r in results]) for name in names]
    print(" | ".join(["best possible", "", "", *(f"{v:.4f}" for v in oracle)]))
    print(f"\n{PUBLISHED}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-home", required=True)
    parser.add_argument("--targets", nargs="+", default=["lsde", "phoc", "dctow"])
    parser.add_argument("--folds", nargs="+", type=int, default=[1, 2, 3, 4])
    # A GPU takes seconds for an epoch: time is no reason to stop early there.
    default_epochs = 200 if torch.cuda.is_available() else 40
    parser.add_argument("--epochs", type=int, default=default_epochs)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, default=Path("word_spotting.json"))
    options = parser.parse_args()
    results = (
        json.loads(options.results.read_text()) if options.results.exists() else []
    )
    options.results.write_text(json.dumps(results, indent=1))  # better fail now
    done = {(r["target"], r["fold"], r["epochs"], r["seed"]) for r in results}
    data, lexicon = load_words(options.data_home), load_lexicon(options.data_home)
    for fold in options.folds:
        for target in options.targets:
            if (target, fold, options.epochs, options.seed) in done:
                continue
            results.append(
                run(target, fold, data, lexicon, options.epochs, options.seed)
            )
            options.results.write_text(json.dumps(results, indent=1))
    print_table(results)


if __name__ == "__main__":
    main()
