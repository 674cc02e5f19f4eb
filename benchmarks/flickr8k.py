"""CaptionRanker on Flickr8k: the test table, beside CCA and the published rows.

    python benchmarks/flickr8k.py --data-home DIR

`DIR` holds `flickr8k/`, with the captions, the splits and the features of the photos.
The pipeline is a StandardScaler and `CaptionRanker()` as it is; CCA gets the square
root of the features too, which suits it. `--recipe tutorial` trains the
tutorial's recipe and reports its pairwise accuracy on the development split.
"""

import argparse
import time

import numpy as np
import torch
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_crossmodal import CaptionRanker, make_retrieval_scorer
from sklearn_crossmodal.base import flatten_items
from sklearn_crossmodal.datasets import fetch_flickr8k
from sklearn_crossmodal.metrics import retrieval_metrics
from sklearn_crossmodal.preprocessing import CaptionTokenizer

METRICS = ["recall@1", "recall@5", "recall@10", "median_rank"]
PUBLISHED = {
    "VSE, VGG-19 (Kiros 2014)": [18.0, 40.9, 55.0, 8, 12.5, 37.0, 51.5, 10],
    "the same, released code": [22.3, 48.7, 59.8, 6, 14.9, 38.3, 51.6, 10],
}


def evaluate(X_embedded, y_embedded, rows):
    """Return R@1/5/10 and median rank, images to captions, then captions to images."""
    row = []
    for direction in ("x_to_y", "y_to_x"):
        values = retrieval_metrics(
            X_embedded,
            y_embedded,
            METRICS,
            direction=direction,
            groups=np.arange(len(X_embedded)),
            y_groups=rows,
        )
        row += [100 * values[name] for name in METRICS[:3]] + [values["median_rank"]]
    return row


def caption_ranker(train, test, seed, **params):
    pipe = make_pipeline(StandardScaler(), CaptionRanker(random_state=seed, **params))
    start = time.perf_counter()
    pipe.fit(train.data, train.captions)
    seconds = time.perf_counter() - start
    captions, rows = flatten_items(test.captions)
    embedded = pipe[-1].transform_y(captions)
    return evaluate(pipe.transform(test.data), embedded, rows), seconds


def cca(train, test, n_components=300, n_words=500, x_ridge=0.5, y_ridge=0.1):
    """Regularised CCA of the features with an SVD of tf-idf, in closed form.

    The ridges, relative to the mean variance, are the best of a grid on the
    development split.
    """
    start = time.perf_counter()
    images = make_pipeline(FunctionTransformer(np.sqrt), StandardScaler(with_std=False))
    texts = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, min_df=3),
        TruncatedSVD(n_words, random_state=0),
        StandardScaler(with_std=False),
    )
    captions, rows = flatten_items(train.captions)
    Y = texts.fit_transform(captions)
    X = images.fit_transform(train.data.astype(np.float64))[rows]
    x_root, y_root = covariance_root(X, x_ridge), covariance_root(Y, y_ridge)
    coherence = np.linalg.solve(x_root, X.T @ Y / len(X)) @ np.linalg.inv(y_root).T
    U, s, Vt = np.linalg.svd(coherence)
    x_weights = np.linalg.solve(x_root.T, U[:, :n_components] * s[:n_components])
    y_weights = np.linalg.solve(y_root.T, Vt[:n_components].T * s[:n_components])
    seconds = time.perf_counter() - start
    captions, rows = flatten_items(test.captions)
    X_embedded = images.transform(test.data.astype(np.float64)) @ x_weights
    y_embedded = texts.transform(captions) @ y_weights
    return evaluate(X_embedded, y_embedded, rows), seconds


def covariance_root(X, ridge):
    covariance = X.T @ X / len(X)
    mean_variance = np.trace(covariance) / len(covariance)
    return np.linalg.cholesky(covariance + ridge * mean_variance * np.eye(X.shape[1]))


def print_row(name, row, note=""):
    cells = "  ".join(f"{value:5.1f}" for value in row)
    print(f"{name:<34}{cells}  {note}", flush=True)


def table(train, test, n_seeds):
    print(f"{len(test.data)} images, 5 captions each; R@1 R@5 R@10 median rank, %")
    print(f"{'':<34}{'image -> text':<28}text -> image")
    for name, row in PUBLISHED.items():
        print_row(name, row, "published")
    row, seconds = cca(train, test)
    print_row("CCA(300), tf-idf SVD(500)", row, f"{seconds:.0f} s")
    rows = []
    for seed in range(n_seeds):
        row, seconds = caption_ranker(train, test, seed)
        print_row(f"CaptionRanker, seed {seed}", row, f"{seconds:.0f} s")
        rows.append(row)
    print_row(f"CaptionRanker, mean of {n_seeds}", np.mean(rows, axis=0))


def tutorial(train, dev, epochs):
    """Train on one caption for each image, as in the tutorial, or on all five."""
    recipe = CaptionRanker(
        n_components=256,
        similarity="dot",
        output_activation="tanh",
        loss="random_negative",
        margin=1.0,
        reduction="sum",
        y_transformer=CaptionTokenizer(max_len=16, padding="left", truncation="left"),
        word_size=100,
        gru_size=None,
        dropout=0.0,
        word_dropout=0.0,
        optimizer="adam",
        lr=1e-3,
        lr_schedule="constant",
        weight_decay=0.0,
        batch_size=64,
        max_epochs=1,
        warm_start=True,
        store_captions=False,
        random_state=0,
    )
    scorer = make_retrieval_scorer("pairwise_accuracy", direction="x_to_y")
    scaler = StandardScaler().fit(train.data)
    first = [captions[0] for captions in train.captions]
    for name, captions in (("one caption", first), ("five", train.captions)):
        ranker = clone(recipe)
        for epoch in range(1, epochs + 1):
            ranker.fit(scaler.transform(train.data), captions)
            score = scorer(ranker, scaler.transform(dev.data), dev.captions)
            print(f"tutorial, {name}, epoch {epoch}: pairwise accuracy {score:.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-home", default=None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--recipe", choices=["default", "tutorial"], default="default")
    parser.add_argument("--epochs", type=int, default=5, help="of the tutorial recipe")
    args = parser.parse_args()
    train, dev, test = (
        fetch_flickr8k(data_home=args.data_home, subset=subset)
        for subset in ("train", "dev", "test")
    )
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    if args.recipe == "tutorial":
        tutorial(train, dev, args.epochs)
    else:
        table(train, test, args.seeds)


if __name__ == "__main__":
    main()
