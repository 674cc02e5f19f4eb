"""What image features learned from texts are worth to a linear SVM.

    python benchmarks/transfer.py --data-home DIR [--splits 2] [--jobs 2] [--quick]

`DIR` holds `flickr8k/`, `caltech101/` and `wikipedia_xmodal/`.

- Caltech101: features are learned on the photos and captions of Flickr8k, and judged on
  photos of other things: 5 or 30 of each of 101 classes to train on, the others to test
  with. Beside them what the net got, projections of that at random, as many, and
  principal components of Flickr8k's.
- Wikipedia: features are learned from 2,173 images and the topics of their texts,
  without classes; then 5, 20 or all of each of ten classes are labelled. Tested on 693
  other images.

mAP over classes, one SVM for each, C chosen on a fifth of the training rows; means over
`--splits` draws of 5 photos, half as many of 30, twice as many of Wikipedia's, and
their standard deviation. `--quick` takes one split, few training photos and 2 epochs.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_crossmodal import SemanticProjector
from sklearn_crossmodal.datasets import fetch_flickr8k, fetch_wikipedia
from sklearn_crossmodal.metrics import transfer_report
from sklearn_crossmodal.preprocessing import LDAVectorizer

DATA_HOME = Path(__file__).parents[2] / "shared" / "data"
# Large C take minutes where there are many features.
C_CALTECH101 = [2.0**i for i in (-13, -11, -9)]
C_WIKIPEDIA = [2.0**i for i in (-14, -11, -8, -5, -2)]
N_HIDDEN = 1024


class RandomUnits:
    """A hidden layer as it is before training: random projections, rectified."""

    def __init__(self, n_features, n_units):
        weights = np.random.default_rng(0).normal(size=(n_features, n_units))
        self.weights = weights / np.sqrt(n_features)

    def transform(self, X):
        return np.maximum(X @ self.weights, 0)


def hidden_features(model, X):
    """Return what a pipeline's projector makes of images before its last layer."""
    return model[-1].hidden_features(model[:-1].transform(X))


def compare(features, labels, splits, grid, n_jobs):
    """Return the mAP of all kinds of features on each split."""
    values = {}
    for seed, (train, test) in enumerate(splits):
        report = transfer_report(
            {name: X[train] for name, X in features.items()},
            labels[train],
            {name: X[test] for name, X in features.items()},
            labels[test],
            C=grid,
            n_jobs=n_jobs,
            random_state=seed,
        )
        for name, value in report.map.items():
            values.setdefault(name, []).append(value)
        values.setdefault("chance", []).append(report.chance.mean())
    return values


def draw(labels, candidates, n, seed):
    """Return n rows of each class, drawn from the candidates; None takes all."""
    rng = np.random.default_rng(seed)
    return np.concatenate(
        [
            rng.permutation(candidates[labels[candidates] == label])[:n]
            for label in np.unique(labels)
        ]
    )


def print_table(title, columns, sizes):
    """Print a row for each kind of features, a column for each number of labels."""
    print(f"\n{title}\n{'mAP in %':<40}features" + "".join(f"{c:>16}" for c in columns))
    for name in next(iter(columns.values())):
        cells = ""
        for values in columns.values():
            of_name = 100 * np.array(values[name])
            spread = f" ± {of_name.std():.1f}" if len(of_name) > 1 else ""
            cells += f"{of_name.mean():.1f}{spread}".rjust(16)
        print(f"{name:<40}{sizes.get(name, ''):>8}{cells}")


# -------------------------------------------------------------------------- Caltech101


def learn_on_flickr8k(data_home, params):
    """Return what was learned of Flickr8k, by name."""
    train = fetch_flickr8k(data_home=data_home, subset="train")
    lda = LDAVectorizer(100, doc_topic_prior=0.3)
    learned = {
        "learned from Word2Vec, InfoNCE": SemanticProjector(),
        "learned from LDA, softmax": SemanticProjector(
            lda, loss="softmax_cross_entropy"
        ),
    }
    for name, projector in learned.items():
        start = time.perf_counter()
        projector.set_params(random_state=0, hidden_layer_sizes=(N_HIDDEN,), **params)
        learned[name] = make_pipeline(StandardScaler(), projector)
        learned[name].fit(train.data, train.captions)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    return train, learned


def caltech101(options):
    """Judge features of Flickr8k on photos of things."""
    with np.load(
        options.data_home / "caltech101" / "caltech101_mobilenet075.npz"
    ) as data:
        X, labels = data["features"].astype(np.float32), data["label"]
    quick = {"max_epochs": 2} if options.quick else {}
    train, learned = learn_on_flickr8k(options.data_home, quick)
    scaler = StandardScaler().fit(train.data)
    features = {"raw": X}
    for name, model in learned.items():
        features[name] = hidden_features(model, X)
    scaled = scaler.transform(X)
    features["random, rectified"] = RandomUnits(X.shape[1], N_HIDDEN).transform(scaled)
    pca = PCA(256, random_state=0).fit(scaler.transform(train.data))
    features["PCA of Flickr8k"] = pca.transform(scaled)

    everything = np.arange(len(X))
    columns = {}
    for n, n_splits in ((5, options.splits), (30, (options.splits + 1) // 2)):
        if options.quick and n > 5:
            continue
        start = time.perf_counter()
        rows = [draw(labels, everything, n, seed) for seed in range(n_splits)]
        splits = [(some, np.setdiff1d(everything, some)) for some in rows]
        columns[f"{n} a class"] = compare(
            features, labels, splits, C_CALTECH101, options.jobs
        )
        print(f"{n} a class: {time.perf_counter() - start:.0f} s", flush=True)
    sizes = {name: values.shape[1] for name, values in features.items()}
    print_table(f"CALTECH101, {len(X)} photos", columns, sizes)


# --------------------------------------------------------------------------- Wikipedia


def wikipedia(options):
    """Judge features that were learned from pairs, with few labels of the same kind."""
    train, test = (
        fetch_wikipedia(data_home=options.data_home, subset=subset)
        for subset in ("train", "test")
    )
    model = make_pipeline(
        FunctionTransformer(np.sqrt),
        StandardScaler(),
        SemanticProjector(
            loss="softmax_cross_entropy",
            hidden_layer_sizes=(256,),
            dropout=0.3,
            lr=1e-3,
            batch_size=128,
            max_epochs=2 if options.quick else 60,
            random_state=0,
        ),
    ).fit(train.data, train.text)
    X = np.vstack([train.data, test.data])
    labels = np.concatenate([train.target, test.target])
    scaled = model[:-1].transform(X)
    pca = PCA(64, random_state=0).fit(scaled[: len(train.data)])
    features = {
        "raw": X,
        "square roots": np.sqrt(X),
        "learned, hidden layer": hidden_features(model, X),
        "learned, topics (logarithms)": model.transform(X),
        "random, rectified": RandomUnits(X.shape[1], 256).transform(scaled),
        "PCA": pca.transform(scaled),
    }
    candidates = np.arange(len(train.data))
    tested = np.arange(len(train.data), len(X))
    columns = {}
    for n in (5,) if options.quick else (5, 20, None):
        n_draws = 1 if n is None else 2 * options.splits
        rows = [draw(labels, candidates, n, seed) for seed in range(n_draws)]
        name = "all" if n is None else f"{n} a class"
        splits = [(some, tested) for some in rows]
        columns[name] = compare(features, labels, splits, C_WIKIPEDIA, options.jobs)
    sizes = {name: values.shape[1] for name, values in features.items()}
    print_table(f"WIKIPEDIA, {len(tested)} test images", columns, sizes)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-home", type=Path, default=DATA_HOME)
    parser.add_argument("--splits", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    options.splits = 1 if options.quick else options.splits
    begin = time.perf_counter()
    with warnings.catch_warnings():  # a caption or two without a known word
        warnings.filterwarnings("ignore", category=UserWarning)
        wikipedia(options)
        caltech101(options)
    print(f"\n{time.perf_counter() - begin:.0f} s in all")


if __name__ == "__main__":
    main()
