"""Text as a stream of sentences: checked, counted once, and encoded to a file."""

import bz2
import gzip
import lzma
import os
import tempfile
from collections.abc import Iterable, Iterator

import numpy as np

# Sentences written at once: 4 MB of ids.
_BLOCK_TOKENS = 1 << 20
SENTENCE_END = -1
# gensim's own bound: it would leave out the words beyond.
_LONGEST_SENTENCE = 10_000
_OPENERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}


def check_corpus(corpus):
    """Return a corpus as something that yields its sentences again and again.

    Parameters
    ----------
    corpus : path, list of paths, or re-iterable of lists of str
        Text files, possibly compressed (``.gz``, ``.bz2``, ``.xz``), one sentence or
        paragraph a line and words separated by white space; or token lists.

    Returns
    -------
    sentences : iterable of lists of str

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    TypeError
        If the corpus can be read only once, or is no corpus.
    """
    if isinstance(corpus, str | os.PathLike):
        return TextFiles([corpus])
    if isinstance(corpus, Iterable) and iter(corpus) is iter(corpus):
        raise TypeError(
            f"corpus is a {type(corpus).__name__}, which can be read only once, and "
            "training reads it several times. Give a list, a path, or an object whose "
            "__iter__ starts anew."
        )
    if not isinstance(corpus, Iterable) or isinstance(corpus, bytes):
        raise TypeError(
            "corpus must be a path, a list of paths or an iterable of lists of str; "
            f"got {type(corpus).__name__}."
        )
    if isinstance(corpus, list | tuple) and corpus and all(map(_is_path, corpus)):
        return TextFiles(corpus)
    return Sentences(corpus)


def _is_path(entry):
    return isinstance(entry, str | os.PathLike)


class TextFiles:
    """The lines of text files, one after the other, as lists of words.

    Parameters
    ----------
    paths : list of str or PathLike
        Files, possibly compressed.
    """

    def __init__(self, paths):
        self.paths = list(map(os.fspath, paths))
        for path in self.paths:
            if not os.path.isfile(path):
                raise FileNotFoundError(
                    f"corpus names what is no file: {path!r:.200}. Sentences themselves"
                    " are given as lists of words."
                )

    def __iter__(self):
        """Yield the sentences of all files."""
        from gensim.models.word2vec import LineSentence

        for path in self.paths:
            try:
                with _OPENERS.get(os.path.splitext(path)[1], open)(path, "rb") as file:
                    yield from LineSentence(file, _LONGEST_SENTENCE)
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"The corpus file {path!r:.200} is not UTF-8: {error}."
                ) from error


class Sentences:
    """Given sentences, checked on the way.

    Parameters
    ----------
    sentences : iterable of lists of str
        Read anew in each iteration.
    """

    def __init__(self, sentences):
        self.sentences = sentences

    def __iter__(self):
        """Yield the sentences, as lists of str."""
        for i, sentence in enumerate(self.sentences):
            if isinstance(sentence, str | bytes | Iterator) or not isinstance(
                sentence, Iterable
            ):
                raise TypeError(
                    f"Sentence {i} of corpus must be a list of str; got "
                    f"{sentence!r:.60} ({type(sentence).__name__}). Split it into "
                    "words first."
                )
            words = list(sentence)
            if not set(map(type, words)) <= {str}:
                words = [_as_str(word, i) for word in words]
            for start in range(0, len(words), _LONGEST_SENTENCE):
                yield words[start : start + _LONGEST_SENTENCE]


def _as_str(word, i):
    """Return a plain str of what may be numpy's."""
    if not isinstance(word, str):
        raise TypeError(
            f"Sentence {i} of corpus must be a list of str; it holds {word!r:.60} "
            f"({type(word).__name__})."
        )
    return str.__str__(word)


class EncodedCorpus:
    """A corpus as word ids in a temporary file, which goes when it is let go.

    What does not fit into memory is read from the disk as it is used. Words without an
    id are left out, as skip-gram does; sentences end with -1.

    Parameters
    ----------
    sentences : iterable of lists of str
        The corpus.
    vocabulary : dict of str to int
        Id of each word.

    Attributes
    ----------
    ids : memmap of shape (n_tokens + n_sentences,), dtype int32
        The stream.
    counts : ndarray of shape (n_words,), dtype int64
        How often each word of the vocabulary occurs in it.
    """

    def __init__(self, sentences, vocabulary):
        self.counts = np.zeros(len(vocabulary), dtype=np.int64)
        self.ids = np.empty(0, dtype=np.int32)
        size = 0
        with tempfile.TemporaryFile() as file:
            for block in _encode(sentences, vocabulary):
                block.tofile(file)
                size += len(block)
                words = block[block != SENTENCE_END]
                self.counts += np.bincount(words, minlength=len(vocabulary))
            file.flush()
            if size:  # the mapping stays when the file is closed
                self.ids = np.memmap(file, dtype=np.int32, mode="r", shape=(size,))

    def part(self, i, n):
        """Return part `i` of `n` parts of like length."""
        edges = len(self.ids) * np.array([i, i + 1]) // n
        return self.ids[edges[0] : edges[1]]

    def occurrences(self, words, most, rng):
        """Return where words occur, a random `most` of the places of each.

        Parameters
        ----------
        words : ndarray of int
            Distinct word ids.
        most : int
            Bound on the places of a word, so that memory does not grow with the corpus.
        rng : numpy.random.Generator
            Draws the places of more frequent words.

        Returns
        -------
        places : dict of int to ndarray of int64
            Indices into `ids` for each word, in order; none for words that do not
            occur.
        """
        wanted = np.sort(np.asarray(words))
        found = {int(word): _Reservoir(most, rng) for word in wanted}
        for start in range(0, len(self.ids), _BLOCK_TOKENS):
            block = np.asarray(self.ids[start : start + _BLOCK_TOKENS])
            places = np.flatnonzero(np.isin(block, wanted))
            order = places[np.argsort(block[places], kind="stable")]
            values, firsts = np.unique(block[order], return_index=True)
            for word, some in zip(values, np.split(order, firsts[1:]), strict=False):
                found[int(word)].add(some + start)
        return {word: np.sort(kept.places) for word, kept in found.items()}


class _Reservoir:
    """A uniform sample of a stream of places, of bounded size."""

    def __init__(self, most, rng):
        self.places = np.empty(0, dtype=np.int64)
        self._keys = np.empty(0)
        self._most = most
        self._rng = rng

    def add(self, places):
        """Keep those whose random keys are the smallest of all that came."""
        keys = np.concatenate([self._keys, self._rng.random(len(places))])
        places = np.concatenate([self.places, places])
        if len(keys) > self._most:
            kept = np.argpartition(keys, self._most)[: self._most]
            keys, places = keys[kept], places[kept]
        self._keys, self.places = keys, places


def _encode(sentences, vocabulary) -> Iterator[np.ndarray]:
    """Yield blocks of word ids."""
    ids: list[int] = []
    for sentence in sentences:
        ids.extend([vocabulary[word] for word in sentence if word in vocabulary])
        ids.append(SENTENCE_END)
        if len(ids) >= _BLOCK_TOKENS:
            yield np.array(ids, dtype=np.int32)
            ids = []
    yield np.array(ids, dtype=np.int32)
