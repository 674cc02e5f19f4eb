"""SemanticProjector on Flickr8k: text spaces, objectives, pairs of concepts, sums.

    python benchmarks/text_spaces.py --data-home DIR [--word-vectors FILE] [--ranker]
        [--spaces NAME ...] [--objectives NAME ...] [--seed 0] [--jobs 1] [--quick]

`DIR` holds `flickr8k/`, and `enwiki_17m/` where no word vectors are given: gensim then
trains skip-gram on it (200 components, 10 epochs, `--jobs` threads; results repeat
exactly with one only). `FILE` is a saved gensim `Word2Vec`, or text as of word2vec or
GloVe.

Each text space is fitted once, on the 30,000 training captions, and every objective
gets the same one: `make_pipeline(StandardScaler(), SemanticProjector(space))`, all else
at its default. Tested on 1,000 photos and their 5,000 captions: retrieval both ways,
and photos for two words at once, right where a photo's captions hold both. Then
photo - word + word, with the model of the first row: what the first photos show.
`--quick` takes two spaces and 2 epochs.
"""

import argparse
import re
import time
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import torch
from flickr8k import METRICS, caption_ranker, cca
from gensim.models import Word2Vec
from gensim.models.word2vec import LineSentence
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_crossmodal import SemanticProjector, compose_query, retrieval_report
from sklearn_crossmodal.base import flatten_items
from sklearn_crossmodal.datasets import fetch_flickr8k
from sklearn_crossmodal.metrics import WEB_CONCEPTS, concept_report
from sklearn_crossmodal.preprocessing import (
    Doc2VecVectorizer,
    LDAVectorizer,
    WordMeanVectorizer,
)

DATA_HOME = Path(__file__).parents[2] / "shared" / "data"
FEWEST_RIGHT, MOST_PHOTOS = 5, 60
MORE_PAIRS = """
    dog beach, dog snow, dog water, dog ball, dog frisbee, dog grass, dog pool, man dog,
    boy dog, girl dog, boy beach, girl beach, man beach, boy pool, girl pool, boy ball,
    man mountain, man rock, man bike, man snow, red car, man car, girl swing, woman dog,
    child water, dog stick, dog fence, dog field, boy grass, woman street,
    people street, man street, black dog, brown dog, white dog, man bicycle,
    boy skateboard, man camera, people beach, man hat, girl dress, snow mountain,
    man bench, boy swing, boy water, girl water, red shirt, football player,
    child grass, child beach, dog toy, dog sand, man water, man wave, boy slide
"""
SWAPS = """
    beach snow, grass water, dog boy, man woman, snow grass, boy girl, bike skateboard,
    street beach, ball frisbee, water street
"""
OBJECTIVES = {
    "InfoNCE": {},
    "squared error": {"loss": "squared_error", "whitening": 1},
    "cosine": {"loss": "cosine", "whitening": 1},
    "sigmoid, by column": {"loss": "sigmoid_cross_entropy"},
    "sigmoid, by row (papers)": {
        "loss": "sigmoid_cross_entropy",
        "target_scaling": "row",
        "center": False,
        "whitening": 0,
        "similarity": "dot",
    },
}
# Topics are distributions: there is nothing to scale, and they have divergences.
OF_TOPICS = {
    **{name: OBJECTIVES[name] for name in ("InfoNCE", "squared error", "cosine")},
    "softmax, log ratio": {"loss": "softmax_cross_entropy"},
    "softmax, KL": {"loss": "softmax_cross_entropy", "similarity": "kl"},
    "sigmoid, log ratio": {"loss": "sigmoid_cross_entropy"},
    "sigmoid, KL (papers)": {"loss": "sigmoid_cross_entropy", "similarity": "kl"},
}


def text_spaces(word_vectors, seed):
    """Return unfitted text spaces by name."""
    word2vec = {"n_components": 300, "random_state": seed}
    return {
        "Word2Vec": WordMeanVectorizer(**word2vec),
        "Word2Vec, CBOW (papers)": WordMeanVectorizer(sg=False, window=8, **word2vec),
        "FastText": WordMeanVectorizer(model="fasttext", **word2vec),
        "pre-trained": WordMeanVectorizer(word_vectors=word_vectors),
        "Doc2Vec": Doc2VecVectorizer(300, random_state=seed),
        "LDA": LDAVectorizer(100, doc_topic_prior=0.3, random_state=seed),
        "tf-idf SVD": make_pipeline(
            TfidfVectorizer(sublinear_tf=True, min_df=3),
            TruncatedSVD(500, random_state=seed),
        ),
    }


def read_vectors(file, data_home, n_jobs):
    """Return saved word vectors, or train some on Wikipedia."""
    if file is None:
        start = time.perf_counter()
        sentences = LineSentence(str(data_home / "enwiki_17m/enwiki_17m.txt.xz"))
        options = {"vector_size": 200, "sg": 1, "epochs": 10, "sample": 1e-4}
        model = Word2Vec(sentences, workers=n_jobs, seed=0, **options)
        print(f"skip-gram on Wikipedia, {time.perf_counter() - start:.0f} s")
        return model
    try:
        return Word2Vec.load(file)
    except Exception:  # no pickle: text, which the vectorizer reads
        return file


# ------------------------------------------------------------------ pairs of concepts


@cache
def pattern(word):
    """Return what finds a word, or its plain plural, in a caption."""
    return re.compile(rf"(?<!\w){word.replace('-', '[- ]')}(?:e?s)?(?!\w)", re.I)


def holds(captions, word):
    """Whether one of the captions has the word."""
    return any(map(pattern(word).search, captions))


def pairs_of(text):
    """Return pairs of words, which are separated by commas."""
    return [tuple(pair.split()) for pair in text.split(",")]


def choose_concepts(captions):
    """Return the pairs that enough photos show, by the papers and more."""

    def n_right(pair):
        return sum(all(holds(row, word) for word in pair) for row in captions)

    papers = {pair: n_right(pair) for pair in WEB_CONCEPTS}
    kept = [pair for pair, n in papers.items() if n >= FEWEST_RIGHT]
    left = [f"{' '.join(p)} {n}" for p, n in papers.items() if p not in kept]
    print(f"\nPairs of the paper, with right photos: {', '.join(map(' '.join, kept))}")
    print(f"left out, fewer than {FEWEST_RIGHT} photos show them: {', '.join(left)}")
    more = [p for p in pairs_of(MORE_PAIRS) if n_right(p) >= FEWEST_RIGHT]
    print(f"{len(more)} more pairs: {', '.join(map(' '.join, more))}")
    return {"papers": kept, "all": [*kept, *more]}


def concept_cells(model, test, concepts):
    """Return P@5 of pairs as one text and as a sum, beside luck, in per cent."""
    cells = []
    for pairs in concepts.values():
        text, total = (
            concept_report(
                model, test.data, test.captions, pairs, query=query, holds=holds
            )
            for query in ("text", "sum")
        )
        scores = [text.scores["precision"], total.scores["precision"]]
        scores += [text.scores["reranked"], text.scores["chance"]]
        cells += [f"{100 * value:.1f}" for value in scores]
    return cells


# -------------------------------------------------------------------- sums of photos


class Arithmetic:
    """Queries that are a photo without one word and with another.

    Judged by what captions hold: the word that is put in, and another that at least two
    captions of the photo have.
    """

    def __init__(self, model, test):
        self.model = model
        self.test = test
        self.gallery = np.asarray(model.transform(test.data))
        self.analyze = CountVectorizer(stop_words="english").build_analyzer()
        self.words = [set(self.analyze(" ".join(c))) for c in test.captions]

    def first(self, query, row, n=5):
        """Return the first images of a query; the photo of the query is left out."""
        scores = self.gallery @ query
        scores[row] = -np.inf
        return np.argsort(-scores, kind="stable")[:n]

    def queries(self, row, old, new):
        """Return the query, and what to compare with, by name."""
        photo = self.test.data[row]

        def sum_of(*args, **options):
            return compose_query(self.model, *args, **options)

        return {
            "the photo alone": sum_of([photo]),
            "the new word alone": sum_of([new]),
            "photo + new": sum_of([photo, new]),
            "photo - old + new": sum_of([photo, new], [old]),
            "words weigh half": sum_of([photo, new], [old], weights=[1, 0.5, 0.5]),
            "words weigh double": sum_of([photo, new], [old], weights=[1, 2, 2]),
        }

    def others(self, row, old, new):
        """Return what else a photo shows: the words that two captions of it have."""
        words = [set(self.analyze(caption)) for caption in self.test.captions[row]]
        shared = {
            w
            for i, some in enumerate(words)
            for w in some & set().union(*words[:i], *words[i + 1 :])
        }
        return {
            w
            for w in shared
            if not (pattern(old).fullmatch(w) or pattern(new).fullmatch(w))
        }

    def judge(self, found, others, old, new):
        """Return shares of images with the new word, others, both and the old word."""
        captions = [self.test.captions[i] for i in found]
        has_new = np.array([holds(row, new) for row in captions])
        has_old = np.array([holds(row, old) for row in captions])
        keeps = np.array([bool(self.words[i] & others) for i in found])
        return [v.mean() for v in (has_new, keeps, has_new & keeps, has_old)]

    def photos(self, old, new):
        """Return the photos that show the old word, not the new, and something else."""
        captions = self.test.captions
        return [
            row
            for row in range(len(captions))
            if holds(captions[row], old)
            and not holds(captions[row], new)
            and self.others(row, old, new)
        ]

    def table(self, swaps):
        """Print the shares over the first photos of each swap, weighing swaps alike."""
        shares, n_photos = {}, 0
        for old, new in swaps:
            rows = self.photos(old, new)[:MOST_PHOTOS]
            of_swap, n_photos = {}, n_photos + len(rows)
            for row in rows:
                others = self.others(row, old, new)
                for name, query in self.queries(row, old, new).items():
                    value = self.judge(self.first(query, row), others, old, new)
                    of_swap.setdefault(name, []).append(value)
            for name, values in of_swap.items():
                shares.setdefault(name, []).append(np.mean(values, axis=0))
        print(
            f"\nPHOTO - OLD + NEW: {n_photos} queries of {len(swaps)} swaps; shares of"
        )
        print("the first 5 photos, %: with the new word, with another word of the")
        print("photo, with both, with the old word")
        for name, values in shares.items():
            cells = "  ".join(f"{100 * v:5.1f}" for v in np.mean(values, axis=0))
            print(f"{name:<22}{cells}")
        for (old, new), values in zip(swaps, shares["photo - old + new"], strict=True):
            cells = "  ".join(f"{100 * v:5.1f}" for v in values)
            print(f"  {f'-{old} +{new}':<20}{cells}")

    def examples(self, swaps):
        """Print the first photo of each swap that three captions say the word of."""
        captions = self.test.captions
        for old, new in swaps:
            rows = (
                row
                for row in self.photos(old, new)
                if sum(holds([caption], old) for caption in captions[row]) >= 3
            )
            row = next(rows, None)
            if row is None:
                continue
            print(f"\nphoto of: {' | '.join(captions[row][:3])}\n- {old} + {new}:")
            query = self.queries(row, old, new)["photo - old + new"]
            for i in self.first(query, row, n=3):
                print(f"    {captions[i][0]}")


# --------------------------------------------------------------------------- the table


def retrieval_cells(model, test):
    """Return R@1/5/10 and median rank of both directions."""
    report = retrieval_report(model, test.data, test.captions, metrics=METRICS)
    return [_cells([report.scores[way][m] for m in METRICS]) for way in report.scores]


def _cells(values):
    *recalls, median = values
    return " / ".join(f"{100 * v:.1f}" for v in recalls) + f", {median:g}"


def print_row(*cells):
    print(" | ".join(map(str, cells)), flush=True)


def reference_rows(train, test, with_ranker):
    """Print the rows of what learns both views."""

    def row(name, values, seconds):
        ways = np.reshape(values, (2, 4)) / [100, 100, 100, 1]
        print_row(name, "", *map(_cells, ways), *[""] * 8, f"{seconds:.0f}")

    row("CCA(300)", *cca(train, test))
    if with_ranker:
        row("CaptionRanker", *caption_ranker(train, test, seed=0))


def table(train, test, spaces, concepts, options):
    """Print a row for each text space and objective; return the first model."""
    captions, _ = flatten_items(train.captions)
    quick = {"max_epochs": 2} if options.quick else {}
    first = None
    print("\nimage -> text and text -> image: R@1 / 5 / 10 in %, median rank; P@5 of")
    print("pairs in %: as a text, as a sum, one word's first 50 at random, chance;")
    print("seconds: fitting the space, making vectors, training with that")
    print_row(
        "space",
        "objective",
        "image -> text",
        "text -> image",
        *("text", "sum", "random", "chance") * 2,
        "s",
    )
    reference_rows(train, test, options.ranker)
    for name, space in spaces.items():
        start = time.perf_counter()
        space.fit(captions)
        fitted = time.perf_counter()
        vectors = space.transform(captions)
        seconds = [fitted - start, time.perf_counter() - fitted]
        print_row(
            name,
            f"{vectors.shape[1]} components",
            "{:.0f} s to fit, {:.0f} s to transform".format(*seconds),
        )
        objectives = OF_TOPICS if name == "LDA" else OBJECTIVES
        objectives = {
            objective: params
            for objective, params in objectives.items()
            if objective in (options.objectives or objectives)
        }
        for objective, params in objectives.items():
            projector = SemanticProjector(
                FrozenEstimator(space), random_state=options.seed, **params, **quick
            )
            start = time.perf_counter()
            model = make_pipeline(StandardScaler(), projector)
            model.fit(train.data, train.captions)
            seconds = time.perf_counter() - start
            cells = retrieval_cells(model, test) + concept_cells(model, test, concepts)
            print_row(name, objective, *cells, f"{seconds:.0f}")
            first = model if first is None else first
    return first


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-home", type=Path, default=DATA_HOME)
    parser.add_argument("--word-vectors", metavar="FILE")
    parser.add_argument("--ranker", action="store_true")
    parser.add_argument("--spaces", nargs="+", metavar="NAME")
    parser.add_argument("--objectives", nargs="+", metavar="NAME")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    begin = time.perf_counter()
    train, test = (
        fetch_flickr8k(data_home=options.data_home, subset=subset)
        for subset in ("train", "test")
    )
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    vectors = None
    if not options.quick and "pre-trained" in (options.spaces or ["pre-trained"]):
        vectors = read_vectors(options.word_vectors, options.data_home, options.jobs)
    spaces = text_spaces(vectors, options.seed)
    names = ["tf-idf SVD", "LDA"] if options.quick else list(spaces)
    spaces = {name: spaces[name] for name in options.spaces or names}
    concepts = choose_concepts(test.captions)
    with warnings.catch_warnings():  # a caption or two without a known word
        warnings.filterwarnings("ignore", category=UserWarning)
        model = table(train, test, spaces, concepts, options)
        arithmetic = Arithmetic(model, test)
        arithmetic.table(pairs_of(SWAPS))
        arithmetic.examples(pairs_of(SWAPS))
    print(f"\n{time.perf_counter() - begin:.0f} s in all")


if __name__ == "__main__":
    main()
