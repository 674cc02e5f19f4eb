"""The nearest strings of a lexicon."""

from numbers import Integral

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from .base import rollback_on_error
from .utils._edit_distance import METRIC_NAMES, EditDistance
from .utils._sklearn import HasMethods, Interval, StrOptions, fit_context
from .utils._strings import check_strings, fold
from .utils._top_k import smallest_k, top_k

# The two searches are equally fast at about 20,000 strings. Up to this many, embedding
# saves less than a third of the time, and misses neighbours.
_MAX_EXACT = 50_000
# Strings of the lexicon for each call of rapidfuzz: the first call bounds what can be a
# neighbour, and the results of the others stay in the cache.
_FIRST, _CHUNK = 2**10, 2**13
# Share of the variance that shortlists are made by: the rest takes half the time, and
# hardly changes them.
_VARIANCE = 0.9
_BLOCK = 512  # queries at a time, fewer where so many neighbours would be more than
_MOST_FOUND = 2**21


class StringNeighbors(BaseEstimator):
    """Find the nearest strings of a lexicon by edit distance.

    The exact search takes every distance from the query to the lexicon. For a large
    lexicon, a search through an embedding is faster: the entries whose vectors are
    nearest to the query's by Euclidean distance are a shortlist, and the exact edit
    distances rank it. The distances returned are exact either way; with the embedding
    a neighbour can be missed.

    Parameters
    ----------
    n_neighbors : int, default=10
        How many neighbours to return.
    embedder : transformer, default=None
        Turns strings into vectors, such as `LevenshteinStringEmbedder`. A fitted one is
        used as it is; of one that is not, a clone is fitted on the lexicon. As `clone`
        drops what is fitted, wrap it in scikit-learn's `FrozenEstimator` for a search
        over parameters.
    algorithm : {"auto", "exact", "embedding"}, default="auto"
        How to search. ``"auto"`` is ``"embedding"`` where there is an `embedder` and
        the lexicon has more than 50,000 strings; below, it saves little time.
    n_candidates : int, default=100
        Length of the shortlist; `n_neighbors` where that is larger.
    metric : str or callable, default="levenshtein"
        The edit distance from the query to an entry: ``"levenshtein"``,
        ``"damerau_levenshtein"``, ``"osa"`` (adjacent transpositions, no place edited
        twice), ``"indel"`` (no substitutions), ``"lcsseq"``, ``"hamming"``,
        ``"prefix"``, ``"postfix"``, ``"jaro"`` or ``"jaro_winkler"``, as in
        `rapidfuzz.distance`; or a function of two strings, which is slow.
    metric_params : dict, default=None
        Further arguments of the metric, such as ``{"weights": (1, 1, 2)}``: what an
        insertion, a deletion and a substitution cost with ``"levenshtein"``.
    lowercase : bool, default=False
        Whether to compare lower-case forms.
    strip_accents : {"ascii", "unicode"}, default=None
        Whether to compare forms without accents, as in `CountVectorizer`.
    n_jobs : int, default=-1
        Number of threads for edit distances; -1 uses all cores.

    Attributes
    ----------
    lexicon_ : list of str
        The strings to search, as given; one that is there twice is two entries.
    algorithm_ : {"exact", "embedding"}
        How it searches.
    embedder_ : transformer
        The fitted embedder, if it is used.
    n_samples_fit_ : int
        Number of strings in the lexicon.

    See Also
    --------
    LevenshteinStringEmbedder : Vectors whose distance is edit distance.
    sklearn_crossmodal.preprocessing.DCToW : A description of strings without training.

    Notes
    -----
    Neighbours at the same distance come in the order of the lexicon.

    Examples
    --------
    >>> from sklearn_crossmodal import StringNeighbors
    >>> lexicon = ["deliver", "great", "honour", "recruit", "relieved"]
    >>> neighbors = StringNeighbors(n_neighbors=2).fit(lexicon)
    >>> neighbors.search(["grate", "honor"])
    [['great', 'deliver'], ['honour', 'great']]
    >>> distances, indices = neighbors.kneighbors(["grate", "honor"])
    >>> distances
    array([[2, 6],
           [1, 5]], dtype=uint8)
    >>> indices
    array([[1, 0],
           [2, 1]])
    """

    _parameter_constraints: dict = {
        "n_neighbors": [Interval(Integral, 1, None, closed="left")],
        "embedder": [HasMethods(["fit", "transform"]), None],
        "algorithm": [StrOptions({"auto", "exact", "embedding"})],
        "n_candidates": [Interval(Integral, 1, None, closed="left")],
        "metric": [StrOptions(set(METRIC_NAMES)), callable],
        "metric_params": [dict, None],
        "lowercase": ["boolean"],
        "strip_accents": [StrOptions({"ascii", "unicode"}), None],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        n_neighbors=10,
        *,
        embedder=None,
        algorithm="auto",
        n_candidates=100,
        metric="levenshtein",
        metric_params=None,
        lowercase=False,
        strip_accents=None,
        n_jobs=-1,
    ):
        self.n_neighbors = n_neighbors
        self.embedder = embedder
        self.algorithm = algorithm
        self.n_candidates = n_candidates
        self.metric = metric
        self.metric_params = metric_params
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, lexicon, y=None):
        """Store the strings to search, and embed them if that is how.

        Parameters
        ----------
        lexicon : list, 1-D array or Series of str of length n_samples_fit
            The strings to search.
        y : ignored
            As in scikit-learn's neighbours.

        Returns
        -------
        self : StringNeighbors
            Fitted.

        Raises
        ------
        TypeError
            If an entry is not a str; it is named.
        ValueError
            If there is no string, a parameter is not valid, or the embedder does not
            return one finite vector for each string.
        """
        if self.algorithm == "embedding" and self.embedder is None:
            raise ValueError(
                "algorithm='embedding' needs an embedder, a transformer from strings "
                "to vectors; got embedder=None. Give one or use algorithm='exact'."
            )
        with rollback_on_error(self):
            self._fit(lexicon)
        return self

    def kneighbors(self, strings=None, n_neighbors=None, return_distance=True):
        """Return the nearest entries of the lexicon for each string.

        Parameters
        ----------
        strings : list, 1-D array or Series of str, default=None
            What to look for. None: the lexicon itself, where no entry is its own
            neighbour.
        n_neighbors : int, default=None
            How many to return. None: the parameter of that name.
        return_distance : bool, default=True
            Whether to return the distances too.

        Returns
        -------
        distances : ndarray of shape (n_strings, n_neighbors)
            Edit distances from each string, smallest first: uint8 where they cannot
            exceed 255, else int32; float32 for fractional metrics and callables. Only
            if `return_distance`.
        indices : ndarray of shape (n_strings, n_neighbors), dtype int64
            Where the neighbours are in the lexicon.

        Raises
        ------
        TypeError
            If an entry is not a str; it is named.
        ValueError
            If there is no string, or not that many neighbours.
        """
        check_is_fitted(self)
        k = self.n_neighbors if n_neighbors is None else n_neighbors
        if strings is None:
            queries, own = self._folded_, np.arange(self.n_samples_fit_)
        else:
            queries = self._fold(check_strings(strings))
            own = np.full(len(queries), -1)
        _check_k(k, self.n_samples_fit_ - (strings is None), "n_neighbors")
        search = self._search_all if self.algorithm_ == "exact" else self._search_near
        distances, indices = search(queries, own, k)
        return (distances, indices) if return_distance else indices

    def search(self, strings, n=None):
        """Return the nearest strings of the lexicon for each string.

        Parameters
        ----------
        strings : list, 1-D array or Series of str
            What to look for.
        n : int, default=None
            How many to return; all, when there are fewer. None: `n_neighbors`.

        Returns
        -------
        neighbors : list of lists of str
            Entries of the lexicon as given, nearest first.

        Raises
        ------
        TypeError
            If an entry is not a str; it is named.
        ValueError
            If there is no string, or `n` is not positive.
        """
        check_is_fitted(self)
        n = self.n_neighbors if n is None else n
        _check_k(n, None, "n")
        n = min(n, self.n_samples_fit_)
        indices = self.kneighbors(strings, n, return_distance=False)
        return [[self.lexicon_[i] for i in row] for row in indices]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.no_validation = True
        return tags

    def _fold(self, strings):
        return fold(strings, lowercase=self.lowercase, strip_accents=self.strip_accents)

    def _fit(self, lexicon):
        self._distance_ = EditDistance(self.metric, self.metric_params)
        self.lexicon_ = check_strings(lexicon, "lexicon")
        self.n_samples_fit_ = len(self.lexicon_)
        self._folded_ = self._fold(self.lexicon_)
        self.algorithm_ = self.algorithm
        if self.algorithm == "auto":
            embed = self.embedder is not None and self.n_samples_fit_ > _MAX_EXACT
            self.algorithm_ = "embedding" if embed else "exact"
        for name in ("embedder_", "_center_", "_basis_", "_gallery_"):
            vars(self).pop(name, None)
        if self.algorithm_ == "embedding":
            self._embed_lexicon()

    # -------------------------------------------------------------------- exact

    def _search_all(self, queries, own, k):
        """Rank the whole lexicon for each query."""
        m = k + (own[0] >= 0)
        n_rows = max(1, min(_BLOCK, _MOST_FOUND // m))
        dtype = self._distance_.dtype(queries, self._folded_)
        distances = np.empty((len(queries), m), dtype=dtype)
        indices = np.empty((len(queries), m), dtype=np.int64)
        for start in range(0, len(queries), n_rows):
            rows = slice(start, start + n_rows)
            chunks = self._distances_to_all(queries[rows], dtype)
            indices[rows], distances[rows] = smallest_k(chunks, m)
        return _without(own, distances, indices, k)

    def _distances_to_all(self, queries, dtype):
        """Yield the distances to the lexicon, chunk by chunk."""
        start, end = 0, _FIRST
        while start < self.n_samples_fit_:
            chunk = self._folded_[start:end]
            distances = self._distance_.cdist(queries, chunk, workers=self.n_jobs)
            yield distances.astype(dtype, copy=False)
            start, end = end, end + _CHUNK

    # ---------------------------------------------------------------- embedding

    def _embed_lexicon(self):
        self.embedder_ = self.embedder
        if not _is_fitted(self.embedder):
            self.embedder_ = clone(self.embedder).fit(self._folded_)
        vectors = self._embed(self._folded_)
        self._center_ = vectors.mean(axis=0)
        self._basis_ = _leading_components(vectors - self._center_)
        vectors = self._reduce(vectors)
        # The largest product with (v, 1) has the smallest Euclidean distance to v.
        norms = -0.5 * np.einsum("ij,ij->i", vectors, vectors)
        self._gallery_ = np.column_stack([vectors, norms])

    def _embed(self, strings):
        """Return a fresh float32 array with one vector for each string."""
        vectors = self.embedder_.transform(strings)
        if sparse.issparse(vectors):
            raise TypeError(
                f"embedder returns a sparse matrix with {vectors.shape[1]} columns; "
                "expected a dense array. Follow it with TruncatedSVD in a Pipeline."
            )
        vectors = np.array(vectors, dtype=np.float32)
        if vectors.ndim != 2 or len(vectors) != len(strings):
            raise ValueError(
                f"embedder returns an array of shape {vectors.shape} for "
                f"{len(strings)} strings; expected one vector for each."
            )
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        if len(bad):
            raise ValueError(
                f"embedder returns NaN or infinity for {len(bad)} strings, the first "
                f"of them {strings[bad[0]]!r:.60} (entry {bad[0]}); expected finite "
                "vectors."
            )
        return vectors

    def _reduce(self, vectors):
        """Return the leading components of vectors.

        With torch, as the products behind are: numpy's threads would be in their way.
        """
        import torch

        centred, basis = map(torch.from_numpy, (vectors - self._center_, self._basis_))
        return torch.mm(centred, basis).numpy()

    def _search_near(self, queries, own, k):
        """Rank a shortlist for each query."""
        vectors = self._reduce(self._embed(queries))
        vectors = np.column_stack([vectors, np.ones(len(vectors), dtype=np.float32)])
        n_listed = max(self.n_candidates, k) + (own[0] >= 0)
        listed = np.sort(top_k(vectors, self._gallery_, n_listed)[0], axis=1)
        dtype = self._distance_.dtype(queries, self._folded_)
        distances = np.empty(listed.shape, dtype=dtype)
        for start in range(0, len(queries), _BLOCK):
            rows = listed[start : start + _BLOCK]
            strings = [self._folded_[i] for i in rows.ravel().tolist()]
            repeated = [q for q in queries[start : start + _BLOCK] for _ in rows[0]]
            found = self._distance_.pairs(repeated, strings, workers=self.n_jobs)
            distances[start : start + _BLOCK] = found.reshape(rows.shape)
        return _without(own, distances, listed, k)


def _leading_components(vectors):
    """Return the principal components that hold nearly all of the variance."""
    variances, basis = np.linalg.eigh(vectors.T @ vectors)
    held = np.cumsum(variances[::-1])
    n_kept = 1 + int(np.searchsorted(held, _VARIANCE * held[-1]))
    return np.ascontiguousarray(basis[:, ::-1][:, :n_kept])


def _check_k(k, most, name):
    if not isinstance(k, Integral) or k < 1:
        raise ValueError(f"{name} is {k!r:.40}; expected an integer of at least 1.")
    if most is not None and k > most:
        raise ValueError(
            f"{name} is {k}, but there are {most} strings to choose from. Ask for "
            "fewer, or fit a larger lexicon."
        )


def _is_fitted(embedder):
    try:
        check_is_fitted(embedder)
    except NotFittedError:
        return False
    return True


def _without(own, distances, indices, k):
    """Return the k nearest of each row, its own entry aside; ties go by place."""
    is_own = indices == own[:, None]
    order = np.lexsort((indices, distances, is_own), axis=1)[:, :k]
    return (
        np.take_along_axis(distances, order, axis=1),
        np.take_along_axis(indices, order, axis=1),
    )
