"""Images to topics: TextTopicNet's protocol on Wikipedia, and words held out.

    python benchmarks/topics.py --data-home DIR [--seeds 5] [--only PART] [--quick]

`DIR` holds `wikipedia_xmodal/` and `flickr8k/`.

- Wikipedia: a net learns to predict the 10 topics that come with the text of an image.
  mAP of the 693 test items of either view among those of the other, relevant being the
  same of ten classes, which no row learns from. All rows get the square root of the
  image features, standardised; CCA and PLS also that of the topics. The defaults of
  `SemanticProjector` are for captions; here it is a smaller net, see `NET`, that was
  chosen on splits of the training rows.
- Lexicon of Flickr8k: topics of the five captions of a photo, joined to one document; a
  net predicts them, and ranks all words of the training captions for each test photo.
  Looked for are the content words of the fifth caption; the oracle has the other four.

`--quick` takes one seed, two lexicons and 2 epochs for these; `--only wikipedia` or
`lexicon` takes one of the two.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.cross_decomposition import CCA, PLSCanonical
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from wikipedia import PUBLISHED, features, linear

from sklearn_crossmodal import DynamicLexicon, SemanticProjector
from sklearn_crossmodal.datasets import fetch_flickr8k, fetch_wikipedia
from sklearn_crossmodal.metrics import category_report, lexicon_report
from sklearn_crossmodal.preprocessing import LDAVectorizer

DATA_HOME = Path(__file__).parents[2] / "shared" / "data"
NET = {
    "hidden_layer_sizes": (256,),
    "dropout": 0.3,
    "lr": 1e-3,
    "batch_size": 128,
    "max_epochs": 60,
}
SOFTMAX, SIGMOID = (
    {"loss": f"{name}_cross_entropy", **NET} for name in ("softmax", "sigmoid")
)
WITHOUT_WHITENING = {"similarity": "cosine", "whitening": 0}
PROJECTORS = {
    "softmax, log ratio (auto)": SOFTMAX,
    "softmax, KL": {"similarity": "kl", **SOFTMAX},
    "softmax, cosine": {**WITHOUT_WHITENING, **SOFTMAX},
    "softmax, cosine, whitened": {"similarity": "cosine", **SOFTMAX},
    "sigmoid, log ratio (auto)": SIGMOID,
    "sigmoid, KL (papers)": {"similarity": "kl", **SIGMOID},
    "squared error, cosine": {"loss": "squared_error", **WITHOUT_WHITENING, **NET},
    "InfoNCE, cosine": {"loss": "info_nce", **NET},
    "SemanticProjector()": {},
}


# --------------------------------------------------------------------------- Wikipedia


def wikipedia_line(name, values, seconds=None):
    """Print mAP both ways, mean and deviation over seeds."""
    means, deviations = np.mean(values, axis=0), np.std(values, axis=0)
    cells = [
        f"{m:.3f}" + (f" ± {d:.3f}" if len(values) > 1 else "")
        for m, d in zip(means, deviations, strict=True)
    ]
    seconds = "" if seconds is None else f"{seconds:.1f}"
    print(f"{name:<34}{cells[0]:>15}{cells[1]:>15}{seconds:>7}", flush=True)


def wikipedia(train, test, seeds):
    """Print mAP of all rows, then that of the best one by category."""
    print(f"{'WIKIPEDIA, mAP':<34}{'image query':>15}{'text query':>15}{'s':>7}")
    names, best = ("image query", "text query"), {}
    wikipedia_line("published: CM", [PUBLISHED["CM (published)"]])
    for model in (CCA(7, max_iter=2000), PLSCanonical(5)):
        name = f"{type(model).__name__}({model.n_components})"
        plain = linear(model, train, test, StandardScaler)
        wikipedia_line(name, [plain])
        wikipedia_line("  with square roots", [linear(model, train, test, features)])
    for name, params in PROJECTORS.items():
        values, start, spent = [], time.perf_counter(), 0
        for seed in seeds:
            start = time.perf_counter()
            model = features()
            projector = SemanticProjector(random_state=seed, **params)
            model.steps.append(("projector", projector))
            model.fit(train.data, train.text)
            spent += time.perf_counter() - start
            report = category_report(
                model,
                test.data,
                test.text,
                np.array(test.target_names)[test.target],
                names=names,
            )
            values.append([report.map["x_to_y"], report.map["y_to_x"]])
            best.setdefault(name, report)
        wikipedia_line(name, values, spent / len(seeds))
    chance = [report.map_chance[way] for way in ("x_to_y", "y_to_x")]
    wikipedia_line("chance", [chance])
    first = next(iter(PROJECTORS))
    print(f"\n{first}, seed {seeds[0]}, by category\n{best[first]}")


# ----------------------------------------------------------------------------- lexicon


def make_lexicons():
    """Return lexicons by name, each with the background weights that are tried."""
    counts = CountVectorizer(stop_words="english")
    return {
        "default (100 topics)": (DynamicLexicon(), (0.1, 0)),
        "words themselves": (DynamicLexicon(counts), (0.3, 0)),
        "30 topics": (DynamicLexicon(LDAVectorizer(30)), (0.1,)),
        "200 topics": (DynamicLexicon(LDAVectorizer(200)), (0.1,)),
        "30 topics by gensim (paper)": (
            DynamicLexicon(LDAVectorizer(30, engine="gensim")),
            (0, 0.1),
        ),
    }


def lexicons(train, test, quick):
    """Print where held-out words are, then topics with words and photos."""
    analyze = CountVectorizer(stop_words="english").build_analyzer()
    documents = [" ".join(captions) for captions in train.captions]
    oracle = [" ".join(captions[:4]) for captions in test.captions]
    held_out = [analyze(captions[4]) for captions in test.captions]
    first = None
    for name, (lexicon, weights) in list(make_lexicons().items())[: 2 if quick else 9]:
        lexicon.set_params(random_state=0, **({"max_epochs": 2} if quick else {}))
        start = time.perf_counter()
        model = make_pipeline(StandardScaler(), lexicon).fit(train.data, documents)
        seconds = time.perf_counter() - start
        for weight in weights:  # which training has no use for
            lexicon.set_params(background_weight=weight)
            report = lexicon_report(model, test.data, oracle, held_out)
            means = [f"{key} {r.mean():.0f}" for key, r in report.ranks.items()]
            print(f"\nLEXICON, {name}, background_weight={weight}, {seconds:.0f} s")
            print(f"{report}\nmean rank: {', '.join(means)}", flush=True)
        first = model if first is None else first
    topics(first, test)


def topics(model, test, n_topics=8):
    """Print the words of the topics most seen, and the photos with the most of each."""
    images = model[:-1].transform(test.data)
    lexicon = model[-1]
    shares = lexicon.topic_proba(images).mean(axis=0)
    words, (found, of_image) = lexicon.get_topics(8), lexicon.top_images(images, 3)
    print(
        "\nTOPICS most seen in test photos, their words, and the first photos of each"
    )
    for topic in np.argsort(-shares)[:n_topics]:
        print(f"{topic} ({shares[topic]:.3f}): {', '.join(w for w, _ in words[topic])}")
        for row, share in zip(found[topic], of_image[topic], strict=True):
            print(f"    {share:.2f} {test.captions[row][0]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-home", type=Path, default=DATA_HOME)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", choices=["wikipedia", "lexicon"])
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    begin = time.perf_counter()
    home, parts = options.data_home, ("train", "test")
    with warnings.catch_warnings():  # a caption or two without a known word
        warnings.filterwarnings("ignore", category=UserWarning)
        seeds = range(1 if options.quick else options.seeds)
        if options.only != "lexicon":
            pair = (fetch_wikipedia(data_home=home, subset=part) for part in parts)
            wikipedia(*pair, seeds)
        if options.only != "wikipedia":
            pair = (fetch_flickr8k(data_home=home, subset=part) for part in parts)
            lexicons(*pair, options.quick)
    print(f"\n{time.perf_counter() - begin:.0f} s in all")


if __name__ == "__main__":
    main()
