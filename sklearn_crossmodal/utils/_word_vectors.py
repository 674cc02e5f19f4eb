"""Starting values for a table of word embeddings."""

import logging
from contextlib import contextmanager

import numpy as np

# Standard deviation of the table; from 0.2 to 2, best on Flickr8k's development split.
_SCALE = 0.3


def skip_gram_table(sequences, n_tokens, size, seed):
    """Train skip-gram vectors on sequences of word ids.

    Parameters
    ----------
    sequences : list of ndarray
        Word ids of each caption, without padding.
    n_tokens : int
        Rows of the table.
    size : int
        Width of the table.
    seed : int
        Seed; one worker makes it deterministic.

    Returns
    -------
    table : ndarray of shape (n_tokens, size), dtype float32
        Zero for words that were not seen.
    """
    from gensim.models import Word2Vec

    texts = [[str(id_) for id_ in sequence] for sequence in sequences]
    if not any(texts):
        return np.zeros((n_tokens, size), dtype=np.float32)
    with quiet_gensim():
        model = Word2Vec(
            texts, vector_size=size, sg=1, min_count=1, epochs=10, workers=1, seed=seed
        )
    vectors = {int(word): model.wv[word] for word in model.wv.key_to_index}
    return vector_table(vectors, range(n_tokens), size, scale=_SCALE)


def vector_table(vectors, words, size, *, scale=None):
    """Arrange word vectors in a table; words without a vector are zero.

    Parameters
    ----------
    vectors : mapping or gensim KeyedVectors
        ``vectors[word]`` is the vector of a word.
    words : iterable
        Word of each row; None for a row without.
    size : int
        Width that the vectors must have.
    scale : float, default=None
        Standard deviation that the values are scaled to. None leaves them.

    Returns
    -------
    table : ndarray of shape (n_words, size), dtype float32
    """
    words = list(words)
    known = [i for i, word in enumerate(words) if word is not None and word in vectors]
    if not known:
        raise ValueError(
            "word_vectors has no vector for any word of the captions. Captions must be "
            "text, tokenized into words as the vectors name them."
        )
    table = np.zeros((len(words), size), dtype=np.float32)
    for i in known:
        vector = np.asarray(vectors[words[i]])
        if vector.shape != (size,):
            raise ValueError(
                f"The vector of {words[i]!r} in word_vectors has shape {vector.shape}, "
                f"but word_size={size}: make them the same."
            )
        table[i] = vector
    if scale is not None:
        table *= scale / max(float(table[known].std()), np.finfo(np.float32).tiny)
    return table


@contextmanager
def quiet_gensim():
    """Keep gensim from logging that one-word captions teach it little: it is known."""
    logger = logging.getLogger("gensim")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
