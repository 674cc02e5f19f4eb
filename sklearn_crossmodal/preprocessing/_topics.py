"""What the components of a text transformer say about words."""

from collections import Counter
from itertools import chain

import numpy as np
from scipy import sparse
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ._lda import LDAVectorizer


def topic_words(transformer):
    r"""Return :math:`P(word \mid component)` of a fitted text transformer.

    Parameters
    ----------
    transformer : estimator
        Fitted: an `LDAVectorizer`; a Pipeline whose last step has non-negative
        `components_` of the words that the steps before it name, such as
        `LatentDirichletAllocation` and `NMF` after a `CountVectorizer`; or a
        `CountVectorizer` or `TfidfVectorizer`, whose components are the words
        themselves. Of any Pipeline, the last step counts.

    Returns
    -------
    words : ndarray of shape (n_words,), dtype object
        The words, as str.
    probabilities : ndarray or sparse csr_array of shape (n_components, n_words)
        Rows sum to 1. A component of zeros has all words alike.

    Raises
    ------
    TypeError
        If the transformer is none of these.
    ValueError
        If its `components_` have negative values.
    NotFittedError
        If it is not fitted.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn_crossmodal.preprocessing._topics import topic_words
    >>> words, probabilities = topic_words(CountVectorizer().fit(["dogs run"]))
    >>> words.tolist(), probabilities.toarray().tolist()
    (['dogs', 'run'], [[1.0, 0.0], [0.0, 1.0]])
    """
    steps = _steps(transformer)
    last = steps[-1] if steps else None
    if isinstance(last, LDAVectorizer):
        check_is_fitted(last)
        return _as_array(last.vocabulary_), last.topic_word_
    words = _columns(steps)
    if words is not None and hasattr(last, "components_"):
        return words, _distributions(last)
    if words is not None:
        return words, sparse.eye_array(len(words), format="csr")
    raise TypeError(
        f"{_describe(steps)} has no words of its components. Expected LDAVectorizer, "
        "CountVectorizer, TfidfVectorizer, or a Pipeline such as "
        "make_pipeline(CountVectorizer(), LatentDirichletAllocation()), whose last "
        "step has non-negative components_ of the words that a step before it counts."
    )


def topic_masses(transformer):
    """Return by what the output of a text transformer is to be weighted, or None.

    Parameters
    ----------
    transformer : estimator
        As for `topic_words`.

    Returns
    -------
    masses : ndarray of shape (n_components,), or None
        The sums of the `components_` of a factorisation, NMF for instance, whose scale
        says nothing by itself. None: the output is shares, or counts.
    """
    last = _steps(transformer)[-1]
    if isinstance(last, LatentDirichletAllocation) or not hasattr(last, "components_"):
        return None
    return np.asarray(last.components_).sum(axis=1)


def word_counts(transformer, documents, words):
    """Count words in documents, as a text transformer reads them.

    Parameters
    ----------
    transformer : estimator
        As for `topic_words`.
    documents : list of str, or list of lists of str
        Texts.
    words : array-like of str of shape (n_words,)
        What to count.

    Returns
    -------
    counts : ndarray of shape (n_words,), dtype int64
    """
    readers = [s for s in _steps(transformer) if hasattr(s, "token_pattern")]
    last = readers[-1]
    if isinstance(last, LDAVectorizer):
        found = last._words(documents)
    else:
        found = map(last.build_analyzer(), documents)
    count = Counter(chain.from_iterable(found))
    return np.array([count[word] for word in words], dtype=np.int64)


def _steps(transformer):
    """Return the estimators of a Pipeline, those inside others too, in order."""
    if isinstance(transformer, FrozenEstimator):
        return _steps(transformer.estimator)
    if not isinstance(transformer, Pipeline):
        return [transformer]
    steps = [step for _, step in transformer.steps if step not in (None, "passthrough")]
    return [inner for step in steps for inner in _steps(step)]


def _columns(steps):
    """Return the words that name the columns of the last step, or None."""
    counters = [i for i, s in enumerate(steps) if isinstance(s, CountVectorizer)]
    if not counters:
        return None
    counter, *others = steps[counters[-1] :]
    words = names = counter.get_feature_names_out()
    for step in others:
        check_is_fitted(step)
        if step is steps[-1] and hasattr(step, "components_"):
            break
        if not hasattr(step, "get_feature_names_out"):
            return None
        names = step.get_feature_names_out(names)
    # Columns may be left out, or weighted, but must be words still.
    return _as_array(names) if set(names) <= set(words) else None


def _distributions(step):
    """Return the components of a step as rows that sum to 1."""
    components = np.asarray(step.components_, dtype=np.float64)
    if (components < 0).any():
        raise ValueError(
            f"The components_ of {type(step).__name__} have negative values, so that "
            "they are no distributions of words. Use LatentDirichletAllocation or NMF."
        )
    totals = components.sum(axis=1, keepdims=True)
    alike = np.full_like(components, 1 / components.shape[1])
    return np.where(totals > 0, components / np.where(totals > 0, totals, 1), alike)


def _as_array(words):
    return np.array(list(words), dtype=object)


def _describe(steps):
    return " > ".join(type(step).__name__ for step in steps) or "An empty Pipeline"
