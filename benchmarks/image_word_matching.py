"""Photos among word vectors: Im2VecProjector and ImageEnhancedSkipGram, measured.

    python benchmarks/image_word_matching.py [--data-home DIR] [--word2vec MODEL]
        [--seeds 0 1 2] [--splits 5] [--methods NAME ...] [--jobs 2] [--quick]

`DIR` holds `caltech101/`, `enwiki_17m/` and `wordsim/`. Skip-gram is trained once by
gensim (100 components, 5 epochs) on both texts, or a saved `Word2Vec` is read; every
method starts from it.

- Seen words: photos are split at random, an eighth to test with, for each of the seeds.
  Matching both ways among 100 candidates and among the label words. With the first
  seed also P@1 by term frequency, types of errors, word similarity and analogies before
  and after, and arithmetic with photos.
- Held-out words: 20 label words that no photo was shown of, ranked among themselves and
  among all label words; then with a penalty for words that training knew, which is
  chosen on 15 of the training words.

Figures are in per cent, means over seeds or splits, with the standard deviation of the
first. `--quick` takes the short text, one seed, one split and four methods. Text is
trained on by `--jobs` threads; results repeat exactly with one only.
"""

import argparse
import copy
import csv
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from gensim.models import Word2Vec
from gensim.models.word2vec import PathLineSentences
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_crossmodal import Im2VecProjector, ImageEnhancedSkipGram
from sklearn_crossmodal.base import TwoViewEmbedder, get_two_view_estimator
from sklearn_crossmodal.metrics import (
    analogy_accuracy,
    matching_error_report,
    word_matching_report,
    word_similarity,
)

DATA_HOME = Path(__file__).parents[2] / "shared" / "data"
TEXTS = ["enwiki_17m.txt.xz", "enwiki_extra_caltech_words.txt.xz"]
N_UNSEEN, N_INNER = 20, 15
WAYS = {
    "image_to_word": "image -> word",
    "image_to_label_word": "image -> label word",
    "word_to_image": "word -> image",
}
SEEN_TARGETS = [
    ("published: squared error", "28.8 55.4 69.3", "", "28.3 46.6 56.9"),
    ("published: IESG = target", "62.9 80.1 85.8", "", "31.0 52.3 62.5"),
]
QUESTIONS = [
    ("laptop", "computer", "phone"),
    ("buddha", "buddhism", "christianity"),
    ("schooner", "sail", "engine"),
    ("saxophone", "jazz", "orchestra"),
]
UNSEEN_TARGETS = [
    ("target, best method", "25 62", ""),
    ("known: ridge regression", "17.8 53.9", "0.8 13.3 25.8"),
    ("chance", "5 25", ""),
]


# --------------------------------------------------------------------------- the data


def load_photos(data_home):
    """Return CNN features of photos, and the word that names each."""
    folder = data_home / "caltech101"
    with open(folder / "label_word.tsv", encoding="utf-8") as file:
        words = {r["label"]: r["word"] for r in csv.DictReader(file, delimiter="\t")}
    with np.load(folder / "caltech101_mobilenet075.npz") as data:
        return data["features"].astype(np.float32), [words[i] for i in data["label"]]


def train_skip_gram(source, n_jobs):
    """Return what all methods start from, trained on a file or all of a folder."""
    sentences, start = PathLineSentences(str(source)), time.perf_counter()
    model = Word2Vec(sentences, vector_size=100, sg=1, epochs=5, workers=n_jobs, seed=0)
    print(f"skip-gram trained by gensim, {time.perf_counter() - start:.0f} s")
    return model


def split_photos(n, seed):
    """Return the rows to train on and an eighth to test with."""
    order = np.random.default_rng(seed).permutation(n)
    return order[n // 8 :], order[: n // 8]


# ------------------------------------------------------------------------ the methods


class RidgeToWords(TwoViewEmbedder):
    """The outside alternative: scikit-learn's Ridge onto centred unit word vectors."""

    def __init__(self, word_vectors, alpha=1.0):
        self.word_vectors = word_vectors
        self.alpha = alpha

    def fit(self, X, y, groups=None):
        unit = self.word_vectors.get_normed_vectors()
        named = [self.word_vectors.key_to_index[word] for word in set(y)]
        self.word_vectors_ = copy.copy(self.word_vectors)  # with the counts of words
        self.word_vectors_.vectors = unit - unit[named].mean(axis=0)
        self.ridge_ = Ridge(self.alpha).fit(X, self.transform_y(y))
        return self

    def transform(self, X):
        return self.ridge_.predict(X)

    def transform_y(self, y):
        return self.word_vectors_[list(y)]


def standardised(estimator):
    """Return a pipeline in which features are square-rooted and standardised."""
    return make_pipeline(FunctionTransformer(np.sqrt), StandardScaler(), estimator)


def make_methods(model, corpus, n_jobs, seed):
    """Return all unfitted methods by name; those with a corpus train words too.

    Projections through the origin take the features as the network gave them: their
    root mean square is 1, and centring would cost them accuracy.
    """
    start = {"word_vectors": model, "random_state": seed}
    text = {**start, "corpus": corpus, "n_jobs": n_jobs, "max_epochs": 2}
    plain = {"balance": 0, "weight_decay": 0, "fit_intercept": False}
    as_they_are = {"center": False, "add_outputs": False, **plain, **start}
    sampling = {"loss": "negative_sampling"}
    momentum = {"optimizer": "sgd", "net_params": {"optimizer__momentum": 0.9}}
    schedule = {"lr": 0.01, "lr_schedule": "constant", "batch_size": 16}
    hinge = {"loss": "hinge", "word_loss": "hinge", **momentum, **schedule, **text}
    return {
        "squared error": Im2VecProjector(
            loss="squared_error", lr=1e-3, max_epochs=30, **as_they_are
        ),
        "ridge": standardised(RidgeToWords(model.wv)),
        "Im2Vec, paper": Im2VecProjector(**sampling, **as_they_are),
        "Im2Vec": standardised(Im2VecProjector(**start)),
        "Im2Vec, sigmoid": standardised(Im2VecProjector(loss="sigmoid", **start)),
        "Im2Vec, joint": standardised(Im2VecProjector(joint=True, **text)),
        "Im2Vec, joint, paper": Im2VecProjector(
            joint=True, targets="outputs", **sampling, **plain, **text
        ),
        "IESG": ImageEnhancedSkipGram(**text),
        "IESG, paper": ImageEnhancedSkipGram(
            positive_weight=5, positive_weight_mode="printed", **hinge
        ),
        "IESG, paper, no weight": ImageEnhancedSkipGram(**hinge),
    }


QUICK = ["squared error", "ridge", "Im2Vec", "IESG"]


def trains_words(estimator):
    """Whether word vectors change in training."""
    return getattr(get_two_view_estimator(estimator)[0], "corpus", None) is not None


def fit(estimator, X, y):
    """Return the fitted estimator and the seconds it took; tell of warnings."""
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        estimator.fit(X, y)
    for warning in caught:
        print(f"{warning.category.__name__}: {warning.message}")
    seconds = time.perf_counter() - start
    step = type(get_two_view_estimator(estimator)[0]).__name__
    print(f"{step} fitted in {seconds:.0f} s", file=sys.stderr)
    return estimator, seconds


# ------------------------------------------------------------------- (a) words seen


def seen_words(X, y, setup, seeds):
    """Match photos of all words; return the methods fitted with the first seed."""
    scores, seconds, first = {}, {}, {}
    for seed in seeds:
        train, test = split_photos(len(X), seed)
        for name, estimator in setup(seed).items():
            fitted, spent = fit(estimator, X[train], y[train])
            report = word_matching_report(fitted, X[test], y[test], random_state=seed)
            found = [list(report.scores[way].values()) for way in WAYS]
            scores.setdefault(name, []).append(found)
            seconds.setdefault(name, []).append(spent)
            first.setdefault(name, fitted)
        sizes = {way: p.n_candidates[1] for way, p in report.directions.items()}
    print(f"\nSEEN WORDS: P@1, 5, 10; {len(seeds)} seeds, {len(test)} test photos each")
    titles = [f"{title} ({sizes[way]})" for way, title in WAYS.items()]
    rows = [("", *titles, "s"), *((*row, "") for row in SEEN_TARGETS)]
    for name, values in scores.items():
        cells = [summary(v) for v in np.swapaxes(values, 0, 1)]
        rows.append((name, *cells, f"{np.mean(seconds[name]):.0f}"))
    print_table(rows)
    print("Published: other data (1,000 photos of ImageNet, ResNet, 100 candidates).")
    if {"IESG", "squared error"} <= set(scores):
        gain = np.mean(scores["IESG"], axis=0) - np.mean(scores["squared error"], 0)
        cells = [f"{100 * value:+.1f}" for value in gain[:, 0]]
        print("IESG - squared error, P@1:", ", ".join(cells), "(target: +5, none < 0)")
    return first


def details(name, fitted, X, y, model):
    """Print how results go with term frequency, and why matches are wrong."""
    print(f"\n{name}, P@1 by how often the word occurs in the text:")
    edges = [0, 30, 100, 300, 1000, np.inf]
    print(word_matching_report(fitted, X, y).by_frequency(edges))
    print(f"\n{name}, types of errors (published: sparsity .383 of image -> word):")
    print(matching_error_report(fitted, X, y, text_vectors=model.wv))


def word_space(methods, model, data_home):
    """Print what the word vectors are worth before and after."""
    tests = {"similarity": "WS-353-SIM", "relatedness": "WS-353-REL"}
    tests["SimLex"] = "SIMLEX-999"
    files = [data_home / "wordsim" / f"EN-{name}.txt" for name in tests.values()]
    spaces = {"skip-gram": model.wv}
    for name, fitted in methods.items():
        if trains_words(fitted):
            spaces[name] = get_two_view_estimator(fitted)[0].word_vectors_
    rows = [
        ("", *tests, "analogies", "mean cosine"),
        ("published: skip-gram", ".702", ".604", "", "", ""),
        ("published: IESG", ".680", ".593", "", "", ""),
    ]
    before = [word_similarity(model.wv, file) for file in files]
    for name, vectors in spaces.items():
        after = [word_similarity(vectors, file).spearman for file in files]
        cells = [
            f"{new:.3f} ({new - old.spearman:+.3f})"
            for old, new in zip(before, after, strict=True)
        ]
        analogies = analogy_accuracy(vectors, restrict_vocab=30_000)
        cosine = np.square(vectors.get_normed_vectors()[:2000].mean(axis=0)).sum()
        rows.append((name, *cells, f"{analogies.accuracy:.3f}", f"{cosine:.2f}"))
    print("\nWORD VECTORS: Spearman (target after IESG: -.015 at most), analogies")
    print_table(rows)
    left_out = [f"{found.n_oov} of {found.n_oov + found.n_pairs}" for found in before]
    print(f"out of vocabulary: {', '.join(left_out)} pairs; analogies: of the 30,000")
    print(f"most frequent words, {sum(analogies.n_questions.values())} questions")


def arithmetic(name, fitted, X, y):
    """Print the words nearest to sums and differences of words and held-out photos."""
    projector, steps_before = get_two_view_estimator(fitted)[0], fitted[:-1]
    print(f"\nARITHMETIC with held-out photos, {name}: the last does not work")
    for word, minus, plus in QUESTIONS:
        rows = np.flatnonzero(y == word)
        if not (len(rows) and {minus, plus} <= set(projector.vocabulary_)):
            continue
        photo = steps_before.transform(X[rows[:1]])[0]
        for title, positive, negative in (
            (f"photo of a {word}", [photo], []),
            (f"photo of a {word} - {minus} + {plus}", [photo, plus], [minus]),
            (f'"{word}" - {minus} + {plus}', [word, plus], [minus]),
        ):
            found = projector.most_similar(positive, negative, topn=5)
            print(f"{title}:", ", ".join(f"{w} {score:.2f}" for w, score in found))


# ------------------------------------------------------------- (b) words never seen


def unseen_words(y, seed):
    """Return the held-out words of a split, and those to train with."""
    words = np.unique(y)
    order = np.random.default_rng(seed).permutation(len(words))
    return words[order[:N_UNSEEN]], words[order[N_UNSEEN:]]


def precision(fitted, X, y, words, **options):
    """Return P@1, 5, 10 of photos among these words, each word weighing the same."""
    report = word_matching_report(
        fitted, X, y, words=words, average="words", n_draws=1, **options
    )
    return list(report.scores["image_to_label_word"].values())


def held_out_words(X, y, setup, n_splits):
    """Rank words that no photo was shown of."""
    scores = {}
    for split in range(n_splits):
        unseen, known = unseen_words(y, split)
        test = np.isin(y, unseen)
        for name, estimator in setup(split).items():
            fitted, _ = fit(estimator, X[~test], y[~test])
            among = [unseen, np.concatenate([unseen, known])]
            found = [precision(fitted, X[test], y[test], words) for words in among]
            scores.setdefault(name, []).append(found)
    print(f"\nHELD-OUT WORDS: image -> word, mean over words and {n_splits} splits")
    rows = [("", f"among {N_UNSEEN}: P@1, 5", f"among {len(np.unique(y))}: P@1, 5, 10")]
    rows += UNSEEN_TARGETS
    for name, values in scores.items():
        alone, all_words = np.swapaxes(values, 0, 1)
        rows.append((name, summary(alone[:, :2]), summary(all_words)))
    print_table(rows)


def seen_and_unseen(fitted, X, y, rows, words, known, penalty):
    """Return P@1, 5, 10 of photos of known words, and of photos of the others."""
    return [
        precision(fitted, X[r], y[r], words, seen_words=known, seen_penalty=penalty)
        for r in rows
    ]


def choose_penalty(estimator, X, y, known, seed):
    """Return the penalty with the best harmonic mean of P@1, seen and unseen words."""
    inner = np.random.default_rng(seed).permutation(known)
    pretended, rest = inner[:N_INNER], inner[N_INNER:]
    of_rest = np.flatnonzero(np.isin(y, rest))
    train, test = (of_rest[part] for part in split_photos(len(of_rest), seed))
    fitted, _ = fit(estimator, X[train], y[train])
    rows = test, np.flatnonzero(np.isin(y, pretended))

    def harmonic_mean(penalty):
        found = seen_and_unseen(fitted, X, y, rows, known, rest, penalty)
        seen, unseen = found[0][0], found[1][0]
        return 2 * seen * unseen / max(seen + unseen, 1e-9)

    return max(np.arange(0, 0.8, 0.02), key=harmonic_mean)


def calibrated(X, y, setup, n_splits):
    """Rank all label words, with a penalty for those that training knew."""
    scores = {}
    for split in range(n_splits):
        unseen, known = unseen_words(y, split)
        of_known = np.flatnonzero(np.isin(y, known))
        train, test = (of_known[part] for part in split_photos(len(of_known), split))
        rows = test, np.flatnonzero(np.isin(y, unseen))
        words = np.concatenate([unseen, known])
        for name, estimator in setup(split).items():
            if trains_words(estimator):
                continue
            inner = X[of_known], y[of_known], known, split
            penalty = choose_penalty(setup(split)[name], *inner)
            fitted, _ = fit(estimator, X[train], y[train])
            found = [
                seen_and_unseen(fitted, X, y, rows, words, known, p)
                for p in (0, penalty)
            ]
            scores.setdefault(name, []).append((penalty, np.array(found)))
    print(f"\nCALIBRATED: P@1, 5, 10 among all {len(words)} words, without and with a")
    print("penalty for words that training knew; an eighth of their photos to test")
    rows = [("", "penalty", *("seen", "unseen") * 2)]
    for name, found in scores.items():
        penalties, values = zip(*found, strict=True)
        cells = np.reshape(values, (n_splits, 4, 3)).swapaxes(0, 1)
        rows.append((name, f"{np.mean(penalties):.2f}", *map(summary, cells)))
    print_table(rows)


# -------------------------------------------------------------------------- printing


def summary(values):
    """Return the means of columns in per cent, and how the first one varies."""
    values = 100 * np.asarray(values)
    first, *others = (f"{mean:.1f}" for mean in values.mean(axis=0))
    spread = [f"±{values[:, 0].std():.1f}"] if len(values) > 1 else []
    return " ".join([first, *spread, *others])


def print_table(rows):
    """Print rows of cells below one another."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (f"{cell:<{n}}" for cell, n in zip(row, widths, strict=True))
        print(" | ".join(cells).rstrip())


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data-home", type=Path, default=DATA_HOME)
    parser.add_argument("--word2vec", help="a gensim Word2Vec, saved")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--methods", nargs="+")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.seeds, options.splits = options.seeds[:1], 1
        options.methods = options.methods or QUICK
    begin = time.perf_counter()

    texts = TEXTS[1:] if options.quick else TEXTS
    corpus = [options.data_home / "enwiki_17m" / name for name in texts]
    if options.word2vec:
        model = Word2Vec.load(options.word2vec)
    else:
        source = corpus[0] if options.quick else corpus[0].parent
        model = train_skip_gram(source, options.jobs)
    X, y = load_photos(options.data_home)
    known = np.array([word in model.wv for word in y])
    without = sorted({word for word in y if word not in model.wv})
    X, y = X[known], np.array(y)[known]
    print(f"{model}; {len(X)} photos, {len(set(y))} label words")
    print(f"without a vector: {', '.join(without) or 'none'}, {sum(~known)} photos")

    def setup(seed):
        methods = make_methods(model, corpus, options.jobs, seed)
        return {name: methods[name] for name in options.methods or methods}

    fitted = seen_words(X, y, setup, options.seeds)
    _, test = split_photos(len(X), options.seeds[0])
    word_space(fitted, model, options.data_home)
    if "IESG" in fitted:
        details("IESG", fitted["IESG"], X[test], y[test], model)
    if "Im2Vec" in fitted:
        arithmetic("Im2Vec", fitted["Im2Vec"], X[test], y[test])
    del fitted
    held_out_words(X, y, setup, options.splits)
    calibrated(X, y, setup, options.splits)
    print(f"\n{time.perf_counter() - begin:.0f} s in all")


if __name__ == "__main__":
    main()
