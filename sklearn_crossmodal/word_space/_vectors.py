"""Word vectors: read through gensim, or trained by it."""

import os
from dataclasses import dataclass

import numpy as np

from ..base import row_blocks
from ..utils._word_vectors import quiet_gensim

DEFAULT_SIZE = 100
_LONGEST_LINE = 1 << 22


@dataclass
class WordVectors:
    """The words of a space, most frequent first where that is known.

    Attributes
    ----------
    words : list of str
        The vocabulary.
    counts : ndarray of shape (n_words,), dtype int64
        How often each occurs in the text; 1 where it is not known.
    vectors : ndarray of shape (n_words, n_components), dtype float32
        Input vectors: the word space.
    outputs : ndarray of shape (n_words, n_components), dtype float32, or None
        Context vectors, where they are known.
    """

    words: list
    counts: np.ndarray
    vectors: np.ndarray
    outputs: np.ndarray | None = None


def read_word_vectors(source, n_components):
    """Return given word vectors.

    Parameters
    ----------
    source : gensim KeyedVectors or Word2Vec, or path
        A file is in the format of word2vec, text or binary, or of GloVe, possibly
        compressed.
    n_components : int or None
        The dimension they must have; None takes any.

    Returns
    -------
    word_vectors : WordVectors
        Of a `Word2Vec` trained with negative sampling, with its context vectors.

    Raises
    ------
    FileNotFoundError, TypeError, ValueError
        If there is no such file, if it or the object holds no word vectors, or if their
        dimension is another.
    """
    if isinstance(source, str | os.PathLike):
        source = _load(os.fspath(source))
    keyed = getattr(source, "wv", source)
    if not (hasattr(keyed, "index_to_key") and hasattr(keyed, "vectors")):
        raise TypeError(
            "word_vectors must be gensim KeyedVectors, a gensim Word2Vec or a path to "
            f"vectors in the format of word2vec or GloVe; got {type(source).__name__}."
        )
    # gensim leaves empty places where a file has a word twice.
    places = [i for i, word in enumerate(keyed.index_to_key) if word is not None]
    words = [keyed.index_to_key[i] for i in places]
    vectors = np.asarray(keyed.vectors, dtype=np.float32)
    counts, outputs = _counts(keyed), getattr(source, "syn1neg", None)
    if len(places) < len(vectors):
        vectors, counts = vectors[places], counts[places]
    _check_words(words, vectors, n_components)
    return WordVectors(words, counts, vectors, outputs)


def _check_words(words, vectors, n_components):
    if not words:
        raise ValueError("word_vectors holds no words.")
    other = [word for word in words if not isinstance(word, str)]
    if other:
        raise TypeError(
            f"The keys of word_vectors must be str; {other[0]!r} is "
            f"{type(other[0]).__name__}."
        )
    if n_components not in (None, vectors.shape[1]):
        raise ValueError(
            f"word_vectors have {vectors.shape[1]} dimensions, but n_components="
            f"{n_components}. Make them the same, or leave n_components=None."
        )
    if not all(np.isfinite(block).all() for block in row_blocks(vectors)):
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0]
        raise ValueError(
            f"The vector of {words[bad]!r} in word_vectors holds NaN or infinity."
        )


def _counts(keyed):
    if "count" not in getattr(keyed, "expandos", {}):
        return np.ones(len(keyed.key_to_index), dtype=np.int64)
    return np.maximum(keyed.expandos["count"], 1).astype(np.int64)


def _load(path):
    """Read vectors in the format that the file's first lines show."""
    from gensim.models import KeyedVectors

    if not os.path.isfile(path):
        raise FileNotFoundError(f"word_vectors names what is no file: {path!r:.200}.")
    try:
        with quiet_gensim():
            binary, has_header = _find_format(path)
            keyed = KeyedVectors.load_word2vec_format(
                path, binary=binary, no_header=not has_header
            )
    except (ValueError, EOFError) as error:  # also what cannot be decoded
        raise ValueError(
            f"Cannot read word vectors of {path!r:.200}: {error}"
        ) from error
    # What gensim says of words of a file: their number, counted down.
    keyed.expandos.pop("count", None)
    return keyed


def _find_format(path):
    """Return whether a file is binary, and whether it tells its size at the top."""
    from gensim.utils import open as open_file

    with open_file(path, "rb") as file:
        header = file.readline(_LONGEST_LINE)
        start = file.readline(_LONGEST_LINE)
    if header.startswith(b"\x80"):
        raise ValueError(
            "it is in gensim's own format, which may run code when it is read. If you "
            "trust it, give word_vectors=KeyedVectors.load(path)."
        )
    sizes = header.split()
    has_header = len(sizes) == 2 and all(size.isdigit() for size in sizes)
    size = int(sizes[1]) if has_header else len(sizes) - 1
    if size < 1:
        raise ValueError(
            f"its first line, {header[:60]!r}, has neither a vector nor sizes: the "
            "format is not word2vec's nor that of GloVe."
        )
    if has_header and not _is_text_row(start, size):
        return True, True
    _check_lengths(path, size, has_header)
    return False, has_header


def _check_lengths(path, size, has_header):
    """Refuse rows that are too short: gensim would fill them up."""
    from gensim.utils import open as open_file

    with open_file(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            n_values = len(line.split()) - 1
            if n_values < size and not (has_header and number == 1):
                raise ValueError(
                    f"line {number} has {n_values} values, expected {size}: "
                    f"{line[:60]!r}."
                )


def _is_text_row(line, size):
    """Whether a line is a word and `size` numbers."""
    fields = line.split()
    try:
        values = np.array(fields[-size:], dtype=float) if size else np.empty(0)
    except ValueError:
        return False
    return len(fields) > size > 0 and len(values) == size


def train_word_vectors(
    sentences,
    *,
    n_components,
    window,
    n_negatives,
    min_count,
    sample,
    epochs,
    n_workers,
    seed,
):
    """Train skip-gram with negative sampling, by gensim.

    Parameters
    ----------
    sentences : iterable of lists of str
        Read once for the vocabulary and once for each epoch.
    n_components, window, n_negatives, min_count : int
        Dimension; reach of the context; noise words for a pair; rarer words are left
        out.
    sample : float
        Words more frequent than this share of the text are thinned out.
    epochs, n_workers, seed : int
        Passes; threads (one alone is reproducible); seed.

    Returns
    -------
    word_vectors : WordVectors

    Raises
    ------
    ValueError
        If no word occurs `min_count` times.
    """
    from gensim.models import Word2Vec

    model = Word2Vec(
        vector_size=n_components,
        sg=1,
        window=window,
        negative=n_negatives,
        min_count=min_count,
        sample=sample,
        epochs=epochs,
        workers=n_workers,
        seed=seed,
    )
    with quiet_gensim():
        model.build_vocab(sentences)
        if not len(model.wv):
            _refuse_empty_vocabulary(model, min_count)
        model.train(sentences, total_examples=model.corpus_count, epochs=model.epochs)
    return read_word_vectors(model, n_components)


def _refuse_empty_vocabulary(model, min_count):
    if not model.corpus_total_words:
        raise ValueError("corpus is empty: it has no words to learn from.")
    raise ValueError(
        f"No word of the {model.corpus_total_words} in the corpus occurs min_count="
        f"{min_count} times. Give more text, or a smaller min_count."
    )


def keyed_vectors(words, counts, vectors):
    """Return gensim `KeyedVectors` on these arrays, which are shared, not copied.

    Parameters
    ----------
    words : list of str
        The vocabulary.
    counts : ndarray of shape (n_words,)
        How often each occurs.
    vectors : ndarray of shape (n_words, n_components)
        Their vectors.

    Returns
    -------
    keyed : gensim.models.KeyedVectors
    """
    from gensim.models import KeyedVectors

    keyed = KeyedVectors(vectors.shape[1])
    keyed.index_to_key = list(words)
    keyed.key_to_index = {word: i for i, word in enumerate(words)}
    keyed.vectors = vectors
    keyed.expandos["count"] = np.asarray(counts)
    return keyed
