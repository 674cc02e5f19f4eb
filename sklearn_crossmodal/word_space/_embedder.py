"""What estimators share that place images among words."""

import warnings
from abc import abstractmethod
from functools import partial
from itertools import pairwise
from numbers import Integral, Real

import numpy as np
import torch
from sklearn.model_selection import ShuffleSplit

from ..losses._word_space import CONTEXT_LOSSES
from ..training._pairs import BatchIterator
from ..training._towers import ACTIVATIONS, check_layer_sizes
from ..utils._bags import Bags
from ..utils._containers import (
    as_rows,
    holds_text,
    read_bags,
    refuse_empty,
)
from ..utils._ids import encode_ids
from ..utils._labels import label_dtype, name_labels
from ..utils._sklearn import Interval, StrOptions
from ..utils._strings import check_strings
from ._corpus import EncodedCorpus, check_corpus
from ._pairs import PAD, ContextSampler, NoiseSampler, WordPairs, take_words
from ._searcher import WordSearcher
from ._text import TextTrainer, WordLoss, keep_probabilities
from ._tower import TableUpdate, TextPass, WordSpaceTowers
from ._vectors import (
    DEFAULT_SIZE,
    read_word_vectors,
    train_word_vectors,
)

# Noise words drawn for a batch, and training pairs looked at when it is done.
N_NOISE, N_INSPECTED = 50, 2048
# Places in the text that contexts of a word are drawn from.
MAX_OCCURRENCES = 10_000


class WordSpaceEmbedder(WordSearcher):
    """Base class of estimators that project images among the vectors of words.

    A subclass says with what losses, and whether the words are trained beside
    (`_trains_words`).
    """

    _parameter_constraints: dict = {
        **WordSearcher._parameter_constraints,
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "word_vectors": "no_validation",
        "corpus": "no_validation",
        "min_count": [Interval(Integral, 1, None, closed="left"), None],
        "window": [Interval(Integral, 1, None, closed="left")],
        "sample": [Interval(Real, 0, 1, closed="both")],
        "pretrain_epochs": [Interval(Integral, 1, None, closed="left")],
        "n_negatives": [Interval(Integral, 1, None, closed="left")],
        "noise_power": [Interval(Real, 0, None, closed="left")],
        "hidden_layer_sizes": [list, tuple],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "fit_intercept": ["boolean"],
        "n_jobs": [Integral, None],
        "temperature": [Interval(Real, 0, None, closed="neither")],
        "balance": [Interval(Real, 0, None, closed="left")],
        "anchored_words": [list, tuple, set, None],
        "word_lr": [Interval(Real, 0, None, closed="left")],
        "image_word_lr": [Interval(Real, 0, None, closed="left")],
        "image_passes": [Interval(Integral, 1, None, closed="left")],
        "kernel": [StrOptions({"auto", "numba", "torch"})],
    }

    _module_class = WordSpaceTowers
    _take_items = staticmethod(take_words)
    _shared_parameters = ("corpus", "word_vectors")

    # --------------------------------------------------------------- what comes in

    def _default_y_transformer(self, items):
        return None

    def _read_y(self, y):
        bags = read_bags(y)
        refuse_empty(bags.counts, "y")
        if not holds_text(as_rows(y)):
            return Bags(name_labels(bags.items, type(self).__name__), bags.counts)
        return Bags(check_strings(bags.items, "y"), bags.counts)

    def _groups_of(self, y):
        """Images of the same words are right answers for each other."""
        bags = self._read_y(y)
        rows = np.split(np.array(bags.items, dtype=object), bags.starts[1:])
        return encode_ids([frozenset(row) for row in rows], {})

    def _check_pairs(self, X, y, metadata, *, reset):
        together = metadata["groups"] is not None
        corpus = metadata.pop("corpus", None)
        self._text_source_ = self.corpus if corpus is None else corpus
        if reset:
            are_words = self.word_vectors is not None or self._text_source_ is not None
            self.label_dtype_ = np.dtype(object).str if are_words else label_dtype(y)
        X, y, metadata, rows = super()._check_pairs(X, y, metadata, reset=reset)
        return X, y, {**metadata, "together": together}, rows

    def _split(self, rows, metadata):
        """Hold out images, not all those of a word, unless groups were given."""
        if metadata["together"]:
            return super()._split(rows, metadata)
        splitter = ShuffleSplit(
            1, test_size=self.validation_fraction, random_state=self.seed_
        )
        parts = [rows[part] for part in next(splitter.split(rows))]
        if min(len(np.unique(metadata["groups"][part])) for part in parts) < 2:
            raise ValueError(
                "early_stopping=True needs images of 2 words at least to train on, and "
                "as many to validate. Give more samples or another validation_fraction."
            )
        return parts

    # ------------------------------------------------------------------------ words

    def _fit_items(self, items, rows):
        super()._fit_items(items, rows)
        if self.y_transformer_ is not None:
            items = check_strings(as_rows(self.y_transformer_.transform(items)), "y")
        space = self._word_space(items, rows)
        self.vocabulary_ = {word: i for i, word in enumerate(space.words)}
        self.word_counts_ = space.counts
        self.word_table_ = self._prepare(space, items)
        self.output_table_ = space.outputs

    def _word_space(self, items, rows):
        """Return the word vectors to start from."""
        if self.word_vectors is not None:
            return read_word_vectors(self.word_vectors, self.n_components)
        given = self._text_source_ is not None
        return train_word_vectors(
            check_corpus(self._text_source_) if given else _sentences(items, rows),
            n_components=self.n_components or DEFAULT_SIZE,
            window=self.window,
            n_negatives=self.n_negatives,
            min_count=self.min_count or (5 if given else 1),
            sample=self.sample,
            epochs=self.pretrain_epochs,
            n_workers=n_threads(self.n_jobs),
            seed=self.seed_,
        )

    def _check_items(self, items):
        """Return the word ids of each text, padded by -1."""
        texts = check_strings(as_rows(items), "y")
        ids = [ids_of(text, self.vocabulary_) for text in texts]
        width = max(1, max(map(len, ids)))
        padded = np.full((len(ids), width), PAD, dtype=np.int64)
        for row, words in zip(padded, ids, strict=True):
            row[: len(words)] = words
        return padded

    def _pairs(self, X, items, rows, groups, together):
        ids = self._transform_items(items)
        known = (ids != PAD).any(axis=1)
        left = rows[known]
        unknown = [items[i] for i in np.flatnonzero(~known)]
        if len(np.unique(left)) < 2:
            raise ValueError(
                f"{len(unknown)} of {len(items)} texts of y have no word with a vector "
                f"({_examples(unknown, self.vocabulary_)}). Of rows that leaves "
                f"{len(np.unique(left))}, and 2 are needed. Words rarer in the corpus "
                "than min_count have no vector either."
            )
        pairs = WordPairs(
            X,
            ids[known],
            left,
            groups,
            noise=NoiseSampler(self.word_counts_, self.noise_power),
            n_noise=N_NOISE,
            n_passes=self._image_passes,
            balance=self.balance,
        )
        pairs.unknown = unknown
        pairs.n_rows_left_out = len(np.unique(rows)) - len(np.unique(left))
        return pairs

    def _make_pairs(self, X, y, metadata, rows, resume):
        pairs, validation, texts = super()._make_pairs(X, y, metadata, rows, resume)
        self._tell_unknown([pairs] + [validation] * (validation is not None))
        if self._trains_words:
            self._add_text(pairs)
        return pairs, validation, texts

    def _tell_unknown(self, parts):
        """Warn once of texts that no word vector is known for."""
        unknown = [text for part in parts for text in part.unknown]
        if unknown:
            n_texts = len(unknown) + sum(len(part.rows) for part in parts)
            n_rows = sum(part.n_rows_left_out for part in parts)
            warnings.warn(
                f"{len(unknown)} of {n_texts} texts of y have no word with a vector ("
                f"{_examples(unknown, self.vocabulary_)}): {n_rows} rows are left out.",
                UserWarning,
                stacklevel=7,
            )

    def _add_text(self, pairs):
        """Give the text to the pairs, from which words are trained beside them."""
        if self._text_source_ is not None:
            sentences = check_corpus(self._text_source_)
        else:
            words = list(self.vocabulary_)
            starts = np.flatnonzero(np.diff(pairs.rows)) + 1
            sentences = [
                [words[i] for i in row[row != PAD]]
                for row in map(np.ravel, np.split(pairs.items, starts))
            ]
        pairs.text = text = EncodedCorpus(sentences, self.vocabulary_)
        if not text.counts.any():
            raise ValueError(
                "corpus has none of the words that have a vector. Are both in lower "
                "case, or neither?"
            )
        if (self.word_counts_ == 1).all():  # vectors came without counts
            self.word_counts_ = np.maximum(text.counts, 1)
            pairs.noise = NoiseSampler(self.word_counts_, self.noise_power)
        if self.loss in CONTEXT_LOSSES:
            rng = np.random.default_rng(self.seed_)
            pairs.contexts = ContextSampler(
                text,
                text.occurrences(pairs.words, MAX_OCCURRENCES, rng),
                self.window,
                keep_probabilities(text.counts, self.sample),
            )

    def _own_callbacks(self, dataset):
        if dataset.text is None:
            return []
        frozen = torch.zeros(len(self.vocabulary_), dtype=torch.bool)
        frozen[self._anchored()] = True
        n_batches = len(BatchIterator(dataset, self.batch_size))
        trainer = partial(
            TextTrainer,
            keep=keep_probabilities(dataset.text.counts, self.sample),
            noise=self.word_counts_.astype(float) ** self.noise_power,
            word_loss=self._word_loss(),
            frozen=frozen.numpy() if self.anchored_words else None,
            kernel=self.kernel,
            n_threads=n_threads(self.n_jobs),
        )
        return [
            TableUpdate(self.image_word_lr, self.lr, frozen),
            TextPass(
                dataset.text, trainer, self.word_lr, self.lr, n_batches, self.seed_
            ),
        ]

    def _word_loss(self):
        """Return what is trained on the text."""
        return WordLoss(window=self.window, n_negatives=self.n_negatives)

    def _anchored(self):
        unknown = [w for w in self.anchored_words or () if w not in self.vocabulary_]
        if unknown:
            raise ValueError(
                f"anchored_words have no vector to keep: {_examples(unknown, {})}."
            )
        return [self.vocabulary_[word] for word in self.anchored_words or ()]

    # ----------------------------------------------------------- what the engine asks

    # Which vectors projections are compared with, where a loss is of words.
    _targets = "words"

    @property
    @abstractmethod
    def _trains_words(self):
        """Whether words are trained beside the projection."""

    @property
    def _image_passes(self):
        """Passes over the images in an epoch."""
        return 1

    def _prepare(self, space, texts):
        """Return the word space of these vectors that training starts from."""
        return space.vectors

    def _module_settings(self, X, items):
        resumed = hasattr(self, "net_")
        table = self.net_.module_.words if resumed else self.word_table_
        n_words, size = table.shape
        return {
            "n_features": X.shape[1],
            "n_words": n_words,
            "n_components": size,
            "hidden_layer_sizes": check_layer_sizes(
                self.hidden_layer_sizes, "hidden_layer_sizes"
            ),
            "activation": self.activation,
            "dropout": self.dropout,
            "fit_intercept": self.fit_intercept,
            "trains_words": self._trains_words,
            "targets": self._targets,
        }

    def _check_same_towers(self, before, dataset):
        if before["trains_words"] != self._trains_words:
            raise ValueError(
                "joint changed since the towers were built, and training goes on with "
                "those. Put the value back, or fit with warm_start=False."
            )
        super()._check_same_towers(before, dataset)

    def _initialize_module(self, module, X, items):
        if module.trains_words:
            module.words.copy_(_tensor_on(self.word_table_))
            if self.output_table_ is not None:
                module.outputs.copy_(_tensor_on(self.output_table_))

    def _build_net(self, device, seed):
        net = super()._build_net(device, seed)
        if not net.module_.trains_words:
            net.module_.words = _tensor_on(self.word_table_).to(device)
        return net

    def _conclude(self, items, pairs):
        if self._trains_words:
            # From here on they are the net's own.
            vars(self).pop("word_table_", None)
        for name in ("output_table_", "_text_source_"):
            vars(self).pop(name, None)
        some = np.linspace(0, len(pairs.rows) - 1, min(len(pairs.rows), N_INSPECTED))
        some = some.astype(int)
        images = np.linalg.norm(self._project(pairs.X, pairs.rows[some]), axis=1)
        words = pairs.items[some]
        lengths = np.linalg.norm(self._table()[words[words != PAD]], axis=1)
        self.projection_scale_ = float(lengths.mean() / max(images.mean(), 1e-12))


def _tensor_on(table):
    """Return a tensor on an array that may be read-only, and is never written to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writ")
        return torch.from_numpy(table)


def ids_of(text, vocabulary):
    """Return the ids of a text's known words, of which it may be one itself."""
    if text in vocabulary:
        return [vocabulary[text]]
    return [vocabulary[word] for word in text.split() if word in vocabulary]


def _sentences(texts, rows):
    """Return the words of each row, as a sentence to learn word vectors from."""
    starts = np.flatnonzero(np.diff(rows)) + 1
    bounds = [0, *starts, len(rows)]
    sentences = []
    for start, stop in pairwise(bounds):
        row = texts[start:stop]
        # One text is split into words; several are tags, each a word.
        sentences.append(row if len(row) > 1 else row[0].split())
    return sentences


def _examples(texts, vocabulary, most=5):
    """Show some texts without a vector; tell if lower case would help."""
    distinct = list(dict.fromkeys(texts))
    shown = ", ".join(f"{text!r:.40}" for text in distinct[:most])
    more = f" and {len(distinct) - most} more" if len(distinct) > most else ""
    lower = sum(bool(ids_of(text.lower(), vocabulary)) for text in distinct)
    hint = f"; {lower} of them have one in lower case" if lower else ""
    return shown + more + hint


def n_threads(n_jobs):
    """Return how many threads `n_jobs` means."""
    from joblib import effective_n_jobs

    return 1 if n_jobs is None else effective_n_jobs(n_jobs)
