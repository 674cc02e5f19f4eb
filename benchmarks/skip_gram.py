"""The word loss of text: tokens in a second beside gensim, and what they teach.

    python benchmarks/skip_gram.py [--text FILE] [--tokens N] [--sizes 100 300]
        [--threads 2] [--rounds 3]

`FILE` has a sentence a line, plain or compressed. Each method makes one pass over its
first `N` tokens, with the same vocabulary (5 occurrences or more), window 5, 5 random
words, subsampling at 1e-3 and a linear fall of the step size from 0.025, from the same
starting vectors: gensim's random words, outputs zero. Tokens are those of the raw
text. Methods take turns in random order; seconds are medians of the rounds, by the
clock, and by the processor's time of all threads, which tells more where others use the
machine. gensim runs with its corpus in a file and as lists: the ratio is to the faster.
Counting words, and encoding the text for our kernels, are timed apart; gensim's
vocabulary is built before as well. Code is compiled before the clock starts.

The last rows are the whole image-enhanced stage of `ImageEnhancedSkipGram`: it encodes
the text, and alternates the word loss with images, of which there are as many for a
token as in `image_word_matching.py`, seen ten times in a pass.

Held-out text says that speed is not bought with quality: of pairs of words at most five
apart there, both kept by subsampling, the share of random words that score below the
true one (P), and the mean logistic loss of the pair (NLL, which a hinge does not aim
at). The torch path sees fewer tokens, and its quality is not comparable.
"""

import argparse
import collections
import itertools
import os
import random
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from gensim.models import Word2Vec

from sklearn_crossmodal import ImageEnhancedSkipGram
from sklearn_crossmodal.word_space._corpus import EncodedCorpus, check_corpus
from sklearn_crossmodal.word_space._text import (
    TextTrainer,
    WordLoss,
    keep_probabilities,
)
from sklearn_crossmodal.word_space._vectors import keyed_vectors

DEFAULT_TEXT = (
    Path(__file__).parents[2] / "shared" / "data" / "enwiki_17m" / "enwiki_17m.txt.xz"
)
WINDOW, N_NEGATIVES, SAMPLE, POWER, LR = 5, 5, 1e-3, 0.75, 0.025
N_HELD_OUT, N_PARTS = 200_000, 50
# Photos of Caltech101, tokens of the text that goes with them, and features of a photo.
N_IMAGES, N_TOKENS, N_FEATURES = 7_400, 17_700_000, 768


class Text:
    """Sentences to train on and held-out ones, with the vocabulary of the former."""

    def __init__(self, path, n_tokens, min_count=5):
        self.sentences, held_out = [], []
        self.n_tokens = n_held_out = 0
        for sentence in check_corpus(path):
            if self.n_tokens < n_tokens:
                self.sentences.append(sentence)
                self.n_tokens += len(sentence)
            elif n_held_out < N_HELD_OUT:
                held_out.append(sentence)
                n_held_out += len(sentence)
            else:
                break
        start = time.perf_counter()
        counts = collections.Counter(itertools.chain.from_iterable(self.sentences))
        kept = [(word, n) for word, n in counts.most_common() if n >= min_count]
        self.vocabulary = {word: i for i, (word, _) in enumerate(kept)}
        self.counts = np.array([n for _, n in kept])
        counted = time.perf_counter()
        self.corpus = EncodedCorpus(self.sentences, self.vocabulary)
        encoded = time.perf_counter()
        self.seconds = counted - start, encoded - counted
        self.held_out = np.array(EncodedCorpus(held_out, self.vocabulary).ids)
        self.keep = keep_probabilities(self.counts, SAMPLE)
        self.noise = self.counts**POWER

    def quality(self, words, outputs, n_pairs=60_000):
        """Return P and NLL on held-out pairs."""
        rng = np.random.default_rng(0)
        ids = self.held_out
        at = rng.integers(WINDOW, len(ids) - WINDOW, n_pairs)
        apart = rng.integers(1, WINDOW + 1, n_pairs) * rng.choice([-1, 1], n_pairs)
        pairs = np.stack([ids[at], ids[at + apart]])
        kept = (pairs >= 0).all(0) & (rng.random(pairs.shape) < self.keep[pairs]).all(0)
        a, b = pairs[:, kept]
        p = self.noise / self.noise.sum()
        noise = rng.choice(len(p), (len(a), N_NEGATIVES), p=p)
        true = (words[a] * outputs[b]).sum(1)
        other = np.einsum("nd,nkd->nk", words[a], outputs[noise])
        nll = np.logaddexp(0, -true).mean() + np.logaddexp(0, other).sum(1).mean()
        return (true[:, None] > other).mean(), nll


class Gensim:
    """gensim's Word2Vec; its tables are filled anew for each run."""

    def __init__(self, text, size, workers, from_file):
        self.text, self.from_file = text, from_file
        self.model = Word2Vec(
            vector_size=size,
            sg=1,
            window=WINDOW,
            negative=N_NEGATIVES,
            sample=SAMPLE,
            alpha=LR,
            min_count=1,
            workers=workers,
            seed=0,
        )
        counts = dict(zip(text.vocabulary, text.counts.tolist(), strict=True))
        self.model.build_vocab_from_freq(counts, corpus_count=len(text.sentences))
        self.rows = [self.model.wv.key_to_index[word] for word in text.vocabulary]
        self.source = {"corpus_iterable": text.sentences}
        if from_file:
            self.file = tempfile.NamedTemporaryFile("w", suffix=".txt")
            self.file.writelines(" ".join(s) + "\n" for s in text.sentences)
            self.file.flush()
            self.source = {"corpus_file": self.file.name, "total_words": text.n_tokens}

    def prepare(self, words, outputs):
        self.model.wv.vectors[self.rows] = words
        self.model.syn1neg[self.rows] = outputs

    def run(self):
        self.model.train(
            total_examples=len(self.text.sentences), epochs=1, **self.source
        )
        return self.text.n_tokens

    def tables(self):
        return self.model.wv.vectors[self.rows], self.model.syn1neg[self.rows]


class Ours:
    """`TextTrainer` on the encoded text, in parts as an estimator feeds it."""

    def __init__(self, text, kernel, n_threads, n_tokens=None, **loss):
        self.text, self.options = text, {"kernel": kernel, "n_threads": n_threads}
        self.loss = WordLoss(window=WINDOW, n_negatives=N_NEGATIVES, **loss)
        self.n_parts = N_PARTS
        if n_tokens is not None:
            self.n_parts = max(1, N_PARTS * n_tokens // text.n_tokens)

    def prepare(self, words, outputs):
        self.words = torch.tensor(words), torch.tensor(outputs)
        self.trainer = TextTrainer(
            *self.words,
            self.text.keep,
            self.text.noise,
            word_loss=self.loss,
            **self.options,
        )
        self.trainer.train(np.array([0, 1]), 0.0, 0)  # compiles

    def run(self):
        for i in range(self.n_parts):
            lr = LR * max(1 - i / self.n_parts, 1e-2)
            self.trainer.train(self.text.corpus.part(i, N_PARTS), lr, i)
        return self.text.n_tokens * self.n_parts // N_PARTS

    def tables(self):
        return tuple(table.numpy() for table in self.words)


class Enhanced:
    """The image-enhanced stage of the estimator, with the encoding of the text."""

    def __init__(self, text, n_threads, **settings):
        self.text = text
        rng = np.random.default_rng(0)
        n_images = N_IMAGES * text.n_tokens // N_TOKENS
        self.X = rng.random((n_images, N_FEATURES), dtype=np.float32)
        self.y = rng.choice(list(text.vocabulary)[1000:1100], n_images)
        self.settings = {
            "n_jobs": n_threads,
            "max_epochs": 1,
            "word_lr": LR,
            **settings,
        }

    def prepare(self, words, outputs):
        vectors = keyed_vectors(self.text.vocabulary, self.text.counts, words)
        model = ImageEnhancedSkipGram(
            word_vectors=vectors, window=WINDOW, n_negatives=N_NEGATIVES,
            sample=SAMPLE, noise_power=POWER, random_state=0, **self.settings,
        )  # fmt: skip
        model.set_params(corpus=self.text.sentences[:10]).fit(
            self.X, self.y
        )  # compiles
        self.model = model.set_params(corpus=self.text.sentences)

    def run(self):
        self.model.fit(self.X, self.y)
        return self.text.n_tokens

    def tables(self):
        module = self.model.net_.module_
        return module.words.numpy(), module.outputs.numpy()


def contenders(text, size, threads, torch_tokens):
    """Return each method by its name; gensim's come first."""
    methods = {
        f"gensim, {source}, {threads} workers": Gensim(
            text, size, threads, source == "file"
        )
        for source in ("file", "lists")
    }
    for loss, share in itertools.product(("hinge", "logistic"), (True, False)):
        for n in sorted({1, threads}):
            how = "shared" if share else "own"
            methods[f"numba {loss}, {how} negatives, {n} threads"] = Ours(
                text, "numba", n, loss=loss, share_negatives=share
            )
    for loss in ("hinge", "logistic"):
        methods[f"torch {loss}, shared negatives, 1 threads"] = Ours(
            text, "torch", 1, torch_tokens, loss=loss
        )
    for loss in ("hinge", "logistic"):
        name = f"with images, {loss}, {threads} threads"
        methods[name] = Enhanced(text, threads, word_loss=loss)
    return methods


def measure(methods, text, size, rounds):
    """Return tokens a second by clock and by processor, and quality, of each run."""
    rng = np.random.default_rng(0)
    words = rng.random((len(text.counts), size), dtype=np.float32) - 0.5
    start = words / size, np.zeros_like(words)
    results = collections.defaultdict(list)
    for _ in range(rounds):
        for name in random.sample(list(methods), len(methods)):
            method = methods[name]
            method.prepare(*start)
            clock, processor = time.perf_counter(), time.process_time()
            n_tokens = method.run()
            clock, processor = (
                time.perf_counter() - clock,
                time.process_time() - processor,
            )
            quality = text.quality(*method.tables())
            results[name].append((n_tokens / clock, n_tokens / processor, *quality))
    return {name: np.median(results[name], axis=0) for name in methods}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", default=DEFAULT_TEXT)
    parser.add_argument("--tokens", type=int, default=2_000_000)
    parser.add_argument("--torch-tokens", type=int, default=100_000)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 300])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)  # more fight for cores where others use the machine
    random.seed(0)
    text = Text(args.text, args.tokens)
    print(
        f"{text.n_tokens:,} tokens, {len(text.counts):,} words of the vocabulary; "
        f"counted in {text.seconds[0]:.2f} s, encoded in {text.seconds[1]:.2f} s "
        f"({text.n_tokens / text.seconds[1] / 1e6:.1f} M tokens/s)"
    )
    for size in args.sizes:
        methods = contenders(text, size, args.threads, args.torch_tokens)
        load = os.getloadavg()[0]
        results = measure(methods, text, size, args.rounds)
        gensim = [rates for name, rates in results.items() if name.startswith("gensim")]
        clock, processor = np.max(gensim, axis=0)[:2]
        print(
            f"\nsize {size}; {args.rounds} rounds; load of the machine {load:.1f} "
            f"before, {os.getloadavg()[0]:.1f} after\n"
            f"{'':<44}{'k tokens/s':>11}{'ratio':>7}{'by processor':>14}{'ratio':>7}"
            f"{'P':>8}{'NLL':>7}"
        )
        for name, (by_clock, by_processor, p, nll) in results.items():
            print(
                f"{name:<44}{by_clock / 1e3:11.0f}{by_clock / clock:7.2f}"
                f"{by_processor / 1e3:14.0f}{by_processor / processor:7.2f}"
                f"{p:8.3f}{nll:7.2f}"
            )


if __name__ == "__main__":
    main()
