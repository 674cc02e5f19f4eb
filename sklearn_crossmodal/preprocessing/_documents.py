"""What the text vectorizers share: from documents to words, and counts of them."""

from itertools import chain
from zlib import crc32

import numpy as np
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..utils._containers import as_rows
from ..utils._sklearn import StrOptions
from ..utils._top_k import check_n
from ..utils._warn import UnknownTextWarning, warn_caller

# scikit-learn's: words of two letters or more.
TOKEN_PATTERN = r"(?u)\b\w\w+\b"


class DocumentVectorizer(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Base of transformers of documents: text, or lists of words.

    A subclass has the parameters named below, `_n_features_out`, `_vectors`, which
    returns the rows of documents given as lists of words and which of them have a known
    word, and `_unknown_rows`, what rows of others are.
    """

    _parameter_constraints: dict = {
        "lowercase": ["boolean"],
        "stop_words": [StrOptions({"english"}), list, tuple, set, frozenset, None],
        "token_pattern": [str],
        "random_state": ["random_state"],
    }

    _unknown_rows = "zero"

    def transform(self, X):
        """Turn documents into vectors.

        Parameters
        ----------
        X : list, 1-D array or Series of length n_documents
            Documents: str, or lists of words, which are taken as they are.

        Returns
        -------
        vectors : ndarray of shape (n_documents, n_features_out), dtype float32
            One row for each document. It depends on that document alone.

        Raises
        ------
        TypeError
            If an entry is neither; it is named.
        ValueError
            If there is no document.

        Warns
        -----
        UserWarning
            Once, with their number, if documents have no known word.
        """
        check_is_fitted(self)
        words = self._words(X)
        vectors, known = self._vectors(words)
        n_unknown = len(words) - np.count_nonzero(known)
        if n_unknown:
            consequence = f"the rows of such documents are {self._unknown_rows}"
            warn_caller(UnknownTextWarning(n_unknown, len(words), consequence))
        return vectors

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _words(self, X):
        """Return the words of each document, without stop words."""
        reader = CountVectorizer(
            lowercase=self.lowercase,
            stop_words=self.stop_words,
            token_pattern=self.token_pattern,
        )
        documents, are_words = check_documents(X)
        if not are_words:
            return list(map(reader.build_analyzer(), documents))
        left_out = reader.get_stop_words() or frozenset()
        return [[w for w in words if w not in left_out] for words in documents]

    def _draw_seed(self):
        """Draw one integer seed as scikit-learn does; an int leaves no trace."""
        random_state = check_random_state(self.random_state)
        return int(random_state.randint(np.iinfo(np.int32).max))


def check_documents(X):
    """Return documents as a list, and whether they are lists of words.

    Parameters
    ----------
    X : list, 1-D array or Series
        Documents, all str or all lists of str.

    Returns
    -------
    documents : list of str, or list of lists of str
    are_words : bool

    Raises
    ------
    TypeError
        If an entry is neither, or of the other kind than the first; it is named.
    ValueError
        If there is no document.
    """
    X = _as_list(X)
    if not X:
        raise ValueError("Expected at least one document; got none.")
    if all(isinstance(document, str) for document in X):
        return X, False
    are_words = isinstance(X[0], list | tuple | np.ndarray)
    for i, document in enumerate(X):
        if isinstance(document, str) == are_words or not isinstance(
            document, str | list | tuple | np.ndarray
        ):
            raise TypeError(
                f"Document {i} is {document!r:.60} ({type(document).__name__}); "
                f"expected {_expected(X[0])}{_remedy(document)}"
            )
    return [_check_words(words, i) for i, words in enumerate(X)], True


def _as_list(X):
    if isinstance(X, str | bytes):
        raise TypeError(
            f"Expected documents, a list of str or of lists of str; got {X!r:.60} "
            f"({type(X).__name__}). Put a single document in a list."
        )
    rows = as_rows(X)
    if sparse.issparse(rows) or getattr(rows, "ndim", 1) != 1:
        raise TypeError(
            "Expected documents in one dimension, a list of str or of lists of str; "
            f"got {type(X).__name__} of shape {rows.shape}. Of a table, give the "
            "column that holds the text."
        )
    return list(rows)


def _expected(first):
    if isinstance(first, str):
        return "str, as document 0 is"
    if isinstance(first, list | tuple | np.ndarray):
        return "a list of words, as document 0 is"
    return "str or a list of words"


def _remedy(document):
    if isinstance(document, bytes):
        return ": decode it first."
    missing = document is None or type(document).__name__ == "NAType"  # pandas'
    if missing or (isinstance(document, float) and np.isnan(document)):
        return ": leave it out, or make it '' for an empty document."
    return "."


def _check_words(words, i):
    """Return a list of plain str, or say which document holds something else."""
    other = [word for word in words if not isinstance(word, str)]
    if other:
        raise TypeError(
            f"Document {i} must be a list of str, its words; it holds "
            f"{other[0]!r:.60} ({type(other[0]).__name__})."
        )
    return [word if type(word) is str else str(word) for word in words]


def count_words(words, vocabulary):
    """Count words of a vocabulary in documents; others are left out.

    Parameters
    ----------
    words : list of lists of str
        Documents.
    vocabulary : dict of str to int
        The column of each word.

    Returns
    -------
    counts : sparse csr_array of shape (n_documents, n_words), dtype float64
    """
    column, missing = vocabulary.get, -1
    columns = np.array(
        [column(word, missing) for word in chain.from_iterable(words)], dtype=np.int64
    )
    rows = np.repeat(np.arange(len(words)), list(map(len, words)))
    known = columns != missing
    entries = np.ones(np.count_nonzero(known)), (rows[known], columns[known])
    return sparse.csr_array(entries, shape=(len(words), len(vocabulary)))


def has_words(counts):
    """Whether each document has a word, of counts that hold no zeros."""
    return np.diff(counts.indptr) > 0


def refuse_unknown(words, what="", remedy=""):
    """Raise the error of documents that have no known word at all.

    Parameters
    ----------
    words : list of lists of str
        The words that were found in the documents.
    what : str
        What a known word is.
    remedy : str
        What to do about it, where there are words.
    """
    found = sorted(set(chain.from_iterable(words)))
    if not found:
        raise ValueError(
            f"None of the {len(words)} documents has a word: they are empty, or "
            "stop_words and token_pattern leave nothing of them."
        )
    examples = ", ".join(map(repr, found[:3])) + ", ..." * (len(found) > 3)
    raise ValueError(
        f"None of the {len(words)} documents has a known word, which is {what}. The "
        f"documents have {len(found)} distinct words ({examples}). {remedy}"
    )


def most_probable(words, topic_word, n):
    """Return the most probable words of each topic.

    Parameters
    ----------
    words : list of str
        The word of each column.
    topic_word : {ndarray, sparse array} of shape (n_topics, n_words)
        Probabilities.
    n : int
        How many of each; all, where there are fewer.

    Returns
    -------
    topics : list of lists of tuples (str, float)
        Most probable first; of equal ones, the first.

    Raises
    ------
    ValueError
        If `n` is not 1 at least.
    """
    n, topics = check_n(n), []
    for shares in topic_word:
        shares = shares.toarray().ravel() if sparse.issparse(shares) else shares
        best = np.argsort(-shares, kind="stable")[:n]
        topics.append([(str(words[i]), float(shares[i])) for i in best])
    return topics


def text_seed(words):
    """Return a number of 32 bits that depends on the words of one document alone.

    Python's own hash of text differs from process to process.
    """
    return crc32("\0".join(words).encode("utf-8", "surrogatepass"))
