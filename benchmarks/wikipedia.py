"""CosCosEmbedder on Wikipedia articles: mAP by class, beside what scikit-learn has.

    python benchmarks/wikipedia.py --data-home DIR

`DIR` holds `wikipedia_xmodal/`. Each of the 693 test images searches the test texts and
the other way round; relevant is what is of the same of ten classes. All methods get
the square root of the features, standardised. `CosCosEmbedder()` is as it is, trained
on the pairs alone, and on the classes too (`labels_as="positive"`). The published rows
are quoted from the literature (Rasiwasia et al. 2010).
"""

import argparse
import time

import numpy as np
from sklearn.cross_decomposition import CCA, PLSCanonical
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_crossmodal import CosCosEmbedder, embed_y
from sklearn_crossmodal.datasets import fetch_wikipedia
from sklearn_crossmodal.metrics import mean_average_precision

PUBLISHED = {
    "CM (published)": (0.249, 0.196),
    "SM (published, classes)": (0.225, 0.223),
    "SCM (published, classes)": (0.277, 0.226),
}


def features():
    """Return a square root (differences of rare bins count) and a scaler."""
    return make_pipeline(FunctionTransformer(np.sqrt), StandardScaler())


def mean_average_precisions(X, Y, target):
    """Return mAP of image queries, and of text queries."""
    return [
        mean_average_precision(X, Y, labels=target, direction=direction)
        for direction in ("x_to_y", "y_to_x")
    ]


def coscos(train, test, seed, **params):
    classes = train.target if params.get("labels_as") == "positive" else None
    pipe = features()
    pipe.steps.append(
        (
            "embedder",
            CosCosEmbedder(y_transformer=features(), random_state=seed, **params),
        )
    )
    pipe.fit(train.data, train.text, embedder__labels=classes)
    X, Y = pipe.transform(test.data), embed_y(pipe, test.text)
    return mean_average_precisions(X, Y, test.target)


def linear(model, train, test, preprocess):
    """CCA or PLS: cosine of the projections, which are centred by training data."""
    x, y = preprocess(), preprocess()
    model.fit(x.fit_transform(train.data), y.fit_transform(train.text))
    X, Y = model.transform(x.transform(test.data), y.transform(test.text))
    return mean_average_precisions(X, Y, test.target)


def logistic(train, test):
    """Class posteriors of either view, centred: the space is the classes."""
    views = []
    for name in ("data", "text"):
        model = make_pipeline(features(), LogisticRegression(max_iter=1000))
        model.fit(train[name], train.target)
        posteriors = model.predict_proba(test[name])
        views.append(posteriors - model.predict_proba(train[name]).mean(axis=0))
    return mean_average_precisions(*views, test.target)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-home")
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    train, test = (
        fetch_wikipedia(data_home=args.data_home, subset=subset)
        for subset in ("train", "test")
    )
    print(f"{'':<34}{'image query':>16}{'text query':>16}{'s':>6}")

    def line(name, values, seconds=None):
        mean, deviation = np.mean(values, axis=0), np.std(values, axis=0)
        cells = [
            f"{m:.3f}" + (f" +- {d:.3f}" if len(values) > 1 else "")
            for m, d in zip(mean, deviation, strict=True)
        ]
        time_cell = "" if seconds is None else f"{seconds:6.1f}"
        print(f"{name:<34}{cells[0]:>16}{cells[1]:>16}{time_cell}", flush=True)

    rng = np.random.default_rng(0)
    random = [rng.normal(size=(2, len(test.target), 64)) for _ in range(args.seeds)]
    line("random", [mean_average_precisions(*r, test.target) for r in random])
    for model in (CCA(7, max_iter=2000), PLSCanonical(5)):
        name = f"{type(model).__name__}({model.n_components})"
        line(name, [linear(model, train, test, features)])
        line("  without the square root", [linear(model, train, test, StandardScaler)])
    for name, params in {
        "CosCosEmbedder, pairs": {},
        "CosCosEmbedder, classes positive": {"labels_as": "positive"},
    }.items():
        start = time.perf_counter()
        runs = [coscos(train, test, seed, **params) for seed in range(args.seeds)]
        line(name, runs, (time.perf_counter() - start) / args.seeds)
        if not params:
            line("logistic regressions (classes)", [logistic(train, test)])
    for name, values in PUBLISHED.items():
        line(name, [values])


if __name__ == "__main__":
    main()
