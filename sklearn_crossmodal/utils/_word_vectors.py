"""Starting values for a table of word embeddings."""

import logging
import warnings

import numpy as np


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
        Unit variance over the words that were seen; zero for the others.
    """
    from gensim.models import Word2Vec

    texts = [[str(id_) for id_ in sequence] for sequence in sequences]
    with _QuietGensim():
        model = Word2Vec(
            texts, vector_size=size, sg=1, min_count=1, epochs=10, workers=1, seed=seed
        )
    vectors = {int(word): model.wv[word] for word in model.wv.key_to_index}
    return vector_table(vectors, range(n_tokens), size, scale=True)


def vector_table(vectors, words, size, *, scale=False):
    """Arrange word vectors in a table; words without a vector are zero.

    Parameters
    ----------
    vectors : mapping or gensim KeyedVectors
        ``vectors[word]`` is the vector of a word.
    words : iterable
        Word of each row; None for a row without.
    size : int
        Width that the vectors must have.
    scale : bool, default=False
        Whether to scale the table to unit variance over the words that have a vector.

    Returns
    -------
    table : ndarray of shape (n_words, size), dtype float32
    """
    words = list(words)
    known = [i for i, word in enumerate(words) if word is not None and word in vectors]
    table = np.zeros((len(words), size), dtype=np.float32)
    for i in known:
        table[i] = vectors[words[i]]
    if scale and known:
        table /= max(float(table[known].std()), np.finfo(np.float32).tiny)
    return table


class _QuietGensim(warnings.catch_warnings):
    """Silence gensim's remarks on corpora of one-word captions: they are expected."""

    def __enter__(self):
        self._level = logging.getLogger("gensim").level
        logging.getLogger("gensim").setLevel(logging.ERROR)
        return super().__enter__()

    def __exit__(self, *error):
        logging.getLogger("gensim").setLevel(self._level)
        super().__exit__(*error)
