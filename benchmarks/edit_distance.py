"""Edit distance: what embeddings of strings keep of it, and search through them.

    python benchmarks/edit_distance.py --data-home DIR
        [--part correlation|search|speed] [--paper EPOCHS] [--quick]

`DIR` holds `gw_words/` and `enwiki_17m/`; words of Wikipedia are those that occur three
times or more.

correlation: distance of embeddings against edit distance, over all pairs of the 1,124
George Washington words. `LevenshteinStringEmbedder` is trained on the words of
Wikipedia without these, with every distance and loss; PHOC and DCToW need no training,
and two functions of the words' lengths show what these alone would reach.
`--paper 4` adds the paper's network, trained for so many epochs.

search: the ten nearest of about 94,000 words of Wikipedia, for 500 others and for 500
misspellings of 1 or 2 edits: exactly, through shortlists of 100 that exact distances
rank, and with symspellpy, whose answer is all that lies within a radius. Seconds for
1,000 queries are medians of interleaved rounds. Queries are embedded in that time, the
lexicon before (`build s`, without training). `faster` is against rapidfuzz's `cdist`
and `torch.topk`. Recall counts ties: it is the share of ten places with a word no
farther than the true tenth. `answered` is the share of queries that find any word.

speed: strings embedded in a second, ids of a million strings, pairs in a second.
OMP_NUM_THREADS=1 in the environment keeps all of it, rapidfuzz too, on one thread.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from itertools import combinations, product

import numpy as np
import torch
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein
from scipy.stats import pearsonr, spearmanr
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.random_projection import SparseRandomProjection
from word_spotting import load_lexicon, load_words

from sklearn_crossmodal import LevenshteinStringEmbedder, StringNeighbors
from sklearn_crossmodal.metrics import edit_distance_correlation
from sklearn_crossmodal.preprocessing import PHOC, DCToW
from sklearn_crossmodal.utils._strings import ALPHANUMERIC, encode

QUICK = {"max_epochs": 1, "epoch_size": 1280}
K = 10

DISTANCES = "euclidean", "sqeuclidean"
LOSSES = "relative_error", "squared_error", "poisson"
PAPER = {
    "n_components": 4096,
    "n_filters": 256,
    "pooling": "flatten",
    "max_len": 20,
    "too_long": "truncate",
    "hidden_layer_sizes": (),
    "distance": "sqeuclidean",
    "loss": "squared_error",
    "n_mutations": 0,
}


def timed(function, *args):
    """Return what a function returns, and its seconds: on the clock, and of CPU."""
    start = time.perf_counter(), time.process_time()
    result = function(*args)
    return result, (time.perf_counter() - start[0], time.process_time() - start[1])


# ---------------------------------------------------------------------- correlation


def lengths_alone(words):
    """Yield name and correlations of what is told by the lengths of two words."""
    pairs = list(combinations(words, 2))
    edits = process.cpdist(*zip(*pairs, strict=True), scorer=Levenshtein.distance)
    lengths = np.array([(len(a), len(b)) for a, b in pairs])
    for name, values in {
        "length of the longer word": lengths.max(axis=1),
        "difference of lengths": abs(lengths[:, 0] - lengths[:, 1]),
    }.items():
        yield (
            name,
            spearmanr(values, edits).statistic,
            pearsonr(values, edits).statistic,
        )


def correlation(options):
    words = sorted(set(load_words(options.data_home)[1].tolist()))
    training = [word for word in options.lexicon if word not in set(words)]
    print(f"\nall pairs of {len(words)} words; trained on {len(training)} others")
    print(f"{'':<36}{'Spearman':>9}{'Pearson':>9}{'s':>7}{'CPU s':>7}")

    def line(name, spearman, pearson, seconds=()):
        cells = "".join(f"{value:7.0f}" for value in seconds)
        print(f"{name:<36}{spearman:9.4f}{pearson:9.4f}{cells}", flush=True)

    def learned(name, **params):
        embedder = LevenshteinStringEmbedder(random_state=options.seed, **params)
        _, seconds = timed(embedder.fit, training)
        report = edit_distance_correlation(words, embedder, metric=embedder.distance)
        line(name, report.spearman, report.pearson, seconds)

    for name, spearman, pearson in lengths_alone(words):
        line(name, spearman, pearson)
    for features, metrics in (
        (PHOC(), ("euclidean", "cosine", "braycurtis")),
        (DCToW(), ("euclidean", "cosine")),
    ):
        embedded = features.fit(training).transform(words)
        for metric in metrics:
            report = edit_distance_correlation(words, embedded, metric=metric)
            name = f"{type(features).__name__}, {metric}"
            line(name, report.spearman, report.pearson)
    defaults = LevenshteinStringEmbedder().get_params()
    for distance, loss in product(DISTANCES, LOSSES):
        is_default = (distance, loss) == (defaults["distance"], defaults["loss"])
        name = f"{distance}, {loss}" + (" (default)" if is_default else "")
        learned(name, distance=distance, loss=loss, **options.training)
    if options.paper:
        name = f"paper, {options.paper} epochs"
        learned(name, **PAPER, **options.training | {"max_epochs": options.paper})


# --------------------------------------------------------------------------- search


def misspell(word, rng):
    """Insert, replace or delete a character, once or twice."""
    for _ in range(rng.integers(1, 3)):
        kind = ("insert", "replace", "delete")[rng.integers(3)]
        i = rng.integers(len(word) + (kind == "insert"))
        rest = word[i:] if kind == "insert" else word[i + 1 :]
        letter = "" if kind == "delete" else ALPHANUMERIC[rng.integers(26)]
        word = word[:i] + letter + rest
    return word


def search_task(words, n, rng):
    """Return the lexicon, n words that it has not, and n misspelt ones that it has."""
    order = rng.permutation(len(words))
    held_out = [words[i] for i in order[:n]]
    lexicon = [words[i] for i in order[n:]]
    long_enough = [word for word in lexicon[: 4 * n] if len(word) > 2]
    return lexicon, held_out, [misspell(word, rng) for word in long_enough[:n]]


def cdist(a, b):
    return process.cdist(
        a,
        b,
        scorer=Levenshtein.distance,
        dtype=np.uint8,
        workers=torch.get_num_threads(),
    )


@dataclass
class Method:
    """A way to search: `build(lexicon)` returns ``search(queries)``."""

    label: str
    build: Callable
    n_queries: int | None = None
    """How many queries it runs on (None: all)."""
    search: Callable = lambda queries: None
    build_seconds: float = 0.0
    times: list = field(default_factory=list)
    found: list | None = None

    def sample(self, queries):
        step = len(queries) // min(self.n_queries or len(queries), len(queries))
        return queries[::step]


def neighbors(**params):
    def build(lexicon):
        n_jobs = torch.get_num_threads()
        fitted = StringNeighbors(K, n_jobs=n_jobs, **params).fit(lexicon)
        return lambda queries: fitted.kneighbors(queries)[1]

    return build


def shortlist(embedder):
    return neighbors(algorithm="embedding", embedder=embedder)


def whole_matrix(*, lexicon_first=False, ranked=True):
    def build(lexicon):
        def search(queries):
            pair = (lexicon, queries) if lexicon_first else (queries, lexicon)
            distances = torch.from_numpy(cdist(*pair))
            if not ranked:
                return None
            dim = 0 if lexicon_first else 1
            nearest = distances.topk(K, dim=dim, largest=False).indices.numpy()
            return nearest.T if lexicon_first else nearest

        return search

    return build


def extract(lexicon):
    def search(queries):
        return [
            [
                index
                for _, _, index in process.extract(
                    query, lexicon, scorer=Levenshtein.distance, limit=K
                )
            ]
            for query in queries
        ]

    return search


def symspell(radius, verbosity):
    def build(lexicon):
        from symspellpy import SymSpell, Verbosity
        from symspellpy.editdistance import DistanceAlgorithm, EditDistance

        distance = EditDistance(DistanceAlgorithm.LEVENSHTEIN_FAST)
        index = SymSpell(
            max_dictionary_edit_distance=radius, distance_comparer=distance
        )
        for word in lexicon:
            index.create_dictionary_entry(word, 1)
        wanted = Verbosity[verbosity]
        return lambda queries: [
            [item.term for item in index.lookup(query, wanted, radius)]
            for query in queries
        ]

    return build


def untrained(seed):
    """Return the default embedder with weights as they were drawn."""
    return LevenshteinStringEmbedder(
        lr=1e-12, max_epochs=1, epoch_size=2, batch_size=2, random_state=seed
    )


def methods(embedder, seed):
    ngrams = CountVectorizer(analyzer="char_wb", ngram_range=(1, 2), dtype=np.float32)
    projection = SparseRandomProjection(256, dense_output=True, random_state=seed)
    found = [
        Method("cdist + topk", whole_matrix()),
        Method("cdist alone", whole_matrix(ranked=False)),
        Method("cdist + topk, lexicon first", whole_matrix(lexicon_first=True)),
        Method(
            "cdist alone, lexicon first",
            whole_matrix(lexicon_first=True, ranked=False),
        ),
        Method("process.extract", extract, n_queries=50),
        Method("StringNeighbors, exact", neighbors(algorithm="exact")),
        Method("StringNeighbors, embedding", shortlist(embedder)),
        Method("  untrained", shortlist(untrained(seed))),
        Method("  n-grams, projected", shortlist(make_pipeline(ngrams, projection))),
        Method("  PHOC", shortlist(PHOC())),
        Method("  DCToW", shortlist(DCToW())),
    ]
    if find_spec("symspellpy") is None or find_spec("editdistpy") is None:
        print("skipped: symspellpy[editdistpy] is missing")
        return found
    return found + [
        Method(f"symspellpy, radius {radius}, {verbosity}", symspell(radius, verbosity))
        for radius in (1, 2)
        for verbosity in ("ALL", "CLOSEST")
    ]


def run_rounds(found, queries, n_rounds):
    """Let all methods take turns."""
    for method in found:
        method.search(queries[:16])  # thread pools, caches
    for _ in range(n_rounds):
        for method in found:
            part = method.sample(queries)
            method.found, (seconds, _) = timed(method.search, part)
            method.times.append(seconds * 1000 / len(part))


def recalls(rows, distances, position):
    """Return the share of ten places that hold one of the nearest, for each query."""
    tenth = np.partition(distances, K - 1, axis=1)[:, K - 1]
    shares = []
    for row, to_all, farthest in zip(rows, distances, tenth, strict=True):
        places = [position[item] if isinstance(item, str) else item for item in row]
        shares.append(np.count_nonzero(to_all[places[:K]] <= farthest) / K)
    return np.array(shares)


def report_search(found, queries, lexicon):
    truth = cdist(queries, lexicon)
    position = {word: i for i, word in enumerate(lexicon)}
    reference = statistics.median(found[0].times)
    header = f"{'':<30}{'s':>8}{'min - max':>16}{'faster':>8}"
    print(
        header
        + f"{'recall@10':>11}{'words':>7}{'typos':>7}{'answered':>9}{'build s':>9}"
    )
    for method in found:
        seconds = statistics.median(method.times)
        spread = f"{min(method.times):.3f} - {max(method.times):.3f}"
        cells = f"{seconds:8.3f}{spread:>16}{reference / seconds:8.2f}"
        quality = " " * 34
        if method.found is not None:
            rows = method.sample(np.arange(len(queries)))
            shares = recalls(method.found, truth[rows], position)
            is_word = rows < len(queries) // 2
            values = shares.mean(), shares[is_word].mean(), shares[~is_word].mean()
            answered = np.mean([len(row) > 0 for row in method.found])
            quality = "{:11.4f}{:7.3f}{:7.3f}{:9.3f}".format(*values, answered)
        print(f"{method.label:<30}{cells}{quality}{method.build_seconds:9.2f}")


def search(options):
    rng = np.random.default_rng(options.seed)
    n = 50 if options.quick else 500
    lexicon, held_out, misspelt = search_task(options.lexicon, n, rng)
    embedder = LevenshteinStringEmbedder(random_state=options.seed, **options.training)
    _, (seconds, cpu_seconds) = timed(embedder.fit, lexicon)
    print(
        f"\n{len(lexicon)} words; {n} others and {n} misspellings sought; "
        f"{torch.get_num_threads()} threads; embedder trained in {seconds:.0f} s "
        f"({cpu_seconds:.0f} s of CPU)"
    )
    found = methods(embedder, options.seed)
    for method in found:
        method.search, (method.build_seconds, _) = timed(method.build, lexicon)
    queries = held_out + misspelt
    run_rounds(found, queries, options.rounds)
    report_search(found, queries, lexicon)


# ---------------------------------------------------------------------------- speed


def speed_tasks(options):
    """Yield name, amount of work, its unit, and the work, for a number of threads."""
    rng = np.random.default_rng(options.seed)
    shrink = 20 if options.quick else 1
    lexicon, held_out, misspelt = search_task(options.lexicon, 500 // shrink, rng)
    words = lexicon[: 50_000 // shrink]  # in random order
    # What the weights are makes no difference.
    embedder = untrained(options.seed).fit(words)
    for transformer in (embedder, PHOC().fit(words), DCToW().fit(words)):
        name = f"{type(transformer).__name__}.transform"
        yield name, len(words), "strings", partial(transformer.transform, words)
    # From an array: new objects in memory, as of a file that was read.
    million = rng.choice(lexicon, 1_000_000 // shrink).tolist()
    ids = partial(encode, million, ALPHANUMERIC, width=24)
    yield "ids, 24 columns", len(million), "strings", ids
    queries = held_out + misspelt
    n_pairs = len(queries) * len(lexicon)
    yield "cdist, queries first", n_pairs, "pairs", partial(cdist, queries, lexicon)
    yield "cdist, lexicon first", n_pairs, "pairs", partial(cdist, lexicon, queries)


def speed(options):
    tasks = list(speed_tasks(options))
    threads = sorted({1, torch.get_num_threads()}, reverse=True)
    times: dict = {(name, n): [] for name, *_ in tasks for n in threads}
    for _ in range(1 + options.rounds):
        for n in threads:
            torch.set_num_threads(n)
            for name, _, _, work in tasks:
                times[name, n].append(timed(work)[1][0])
    torch.set_num_threads(threads[0])
    print(f"\n{'':<40}{'threads':>8}{'s':>8}{'min - max':>16}{'in a second':>22}")
    for name, amount, unit, _ in tasks:
        for n in threads:
            rounds = times[name, n][1:]  # the first wakes caches and thread pools
            seconds = statistics.median(rounds)
            spread = f"{min(rounds):.3f} - {max(rounds):.3f}"
            rate = f"{amount / seconds:,.0f} {unit}"
            print(f"{name:<40}{n:>8}{seconds:8.3f}{spread:>16}{rate:>22}")


PARTS = {"correlation": correlation, "search": search, "speed": speed}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-home", required=True)
    parser.add_argument("--part", choices=PARTS, help="one of the three; default: all")
    parser.add_argument(
        "--paper",
        type=int,
        default=0,
        metavar="EPOCHS",
        help="half a minute of CPU each",
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a trial run, no figures")
    options = parser.parse_args()
    options.lexicon = load_lexicon(options.data_home)
    options.training = {}
    if options.quick:
        options.lexicon, options.training = options.lexicon[:5000], QUICK
        options.rounds = 1
    for part in [options.part] if options.part else PARTS:
        PARTS[part](options)


if __name__ == "__main__":
    main()
