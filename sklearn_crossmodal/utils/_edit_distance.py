"""Edit distances between strings: the one place that knows rapidfuzz."""

from itertools import product
from numbers import Integral, Real

import numpy as np
from joblib import effective_n_jobs
from rapidfuzz import distance as rf
from rapidfuzz import process

_METRICS = {
    "levenshtein": rf.Levenshtein,
    "damerau_levenshtein": rf.DamerauLevenshtein,
    "osa": rf.OSA,
    "indel": rf.Indel,
    "lcsseq": rf.LCSseq,
    "hamming": rf.Hamming,
    "prefix": rf.Prefix,
    "postfix": rf.Postfix,
    "jaro": rf.Jaro,
    "jaro_winkler": rf.JaroWinkler,
}
METRIC_NAMES = frozenset(_METRICS)
_FRACTIONAL = {"jaro", "jaro_winkler"}
_PARAMS = {"levenshtein": {"weights"}, "jaro_winkler": {"prefix_weight"}}
# Threads cost more than they save below this many pairs.
_MIN_PAIRS_FOR_THREADS = 100_000


class EditDistance:
    """An edit distance by name, for matrices and for pairs.

    Parameters
    ----------
    metric : str or callable, default="levenshtein"
        A distance of `rapidfuzz.distance`: ``"levenshtein"``,
        ``"damerau_levenshtein"``, ``"osa"`` (adjacent transpositions, each place
        edited once), ``"indel"`` (no substitutions), ``"lcsseq"``, ``"hamming"``
        (shorter strings count as different where they end), ``"prefix"``,
        ``"postfix"``, ``"jaro"``, ``"jaro_winkler"``; or a function of two strings
        that returns a number, which is slow.
    metric_params : dict, default=None
        Further arguments: ``weights`` of ``"levenshtein"`` (insertion, deletion,
        substitution; default (1, 1, 1)), ``prefix_weight`` of ``"jaro_winkler"``, any
        of a callable.

    Raises
    ------
    TypeError, ValueError
        If the metric or a parameter is not one of these.
    """

    def __init__(self, metric="levenshtein", metric_params=None):
        self.metric = metric
        self.metric_params = metric_params
        self._params = _check_params(metric, metric_params)

    def cdist(self, a, b, *, workers=-1):
        """Return the distance of every string of one list to every one of another.

        Parameters
        ----------
        a, b : list of str
            Checked strings.
        workers : int, default=-1
            Number of threads, as joblib's ``n_jobs``.

        Returns
        -------
        distances : ndarray of shape (len(a), len(b))
            From `a` to `b`; uint8 where no distance can exceed 255, else int32 (int64
            for giant weights); float32 for fractional metrics and callables.
            Column-major where `a` is the shorter list.
        """
        if len(a) == 0 or len(b) == 0:
            return np.zeros((len(a), len(b)), dtype=self.dtype(a, b))
        if callable(self.metric):
            values = self._call(product(a, b), len(a) * len(b))
            return values.reshape(len(a), len(b))
        params = dict(self._params)
        swap = len(a) < len(b)  # rapidfuzz is faster with the longer list first
        queries, choices = (b, a) if swap else (a, b)
        if swap and "weights" in params:
            insertion, deletion, substitution = params["weights"]
            params["weights"] = (deletion, insertion, substitution)
        distances = process.cdist(
            queries,
            choices,
            scorer=_METRICS[self.metric].distance,
            dtype=self.dtype(a, b),
            workers=_n_workers(workers, len(a) * len(b)),
            scorer_kwargs=params,
        )
        return distances.T if swap else distances

    def pairs(self, a, b, *, workers=-1):
        """Return the distance of each string of one list to its fellow of another.

        Parameters
        ----------
        a, b : list of str of one length
            Checked strings.
        workers : int, default=-1
            Number of threads, as joblib's ``n_jobs``.

        Returns
        -------
        distances : ndarray of shape (len(a),)
            Of the same dtype as `cdist`'s.

        Raises
        ------
        ValueError
            If the lists differ in length.
        """
        if len(a) != len(b):
            raise ValueError(
                f"Pairs need two lists of one length; got {len(a)} and {len(b)} "
                "strings."
            )
        if len(a) == 0:
            return np.zeros(0, dtype=self.dtype(a, b))
        if callable(self.metric):
            return self._call(zip(a, b, strict=True), len(a))
        return process.cpdist(
            a,
            b,
            scorer=_METRICS[self.metric].distance,
            dtype=self.dtype(a, b),
            workers=_n_workers(workers, len(a)),
            scorer_kwargs=self._params,
        )

    def dtype(self, a, b):
        """Return the dtype of the distances between the strings of two lists.

        Parameters
        ----------
        a, b : list of str
            Checked strings.

        Returns
        -------
        dtype : numpy.dtype
            That of `cdist` and `pairs`.
        """
        if callable(self.metric) or self.metric in _FRACTIONAL:
            return np.dtype(np.float32)
        longest_a = max(map(len, a), default=0)
        longest_b = max(map(len, b), default=0)
        bound = max(longest_a, longest_b)
        if self.metric == "indel" or "weights" in self._params:
            bound = max(self._params.get("weights", (1,))) * (longest_a + longest_b)
        if bound <= np.iinfo(np.uint8).max:
            return np.dtype(np.uint8)
        return np.dtype(np.int32 if bound <= np.iinfo(np.int32).max else np.int64)

    def require_symmetric(self):
        """Raise ValueError if the distance has a direction.

        Returns
        -------
        self : EditDistance
            The same.

        Raises
        ------
        ValueError
            If insertions and deletions have different weights.
        """
        insertion, deletion, *_ = self._params.get("weights", (1, 1, 1))
        if not callable(self.metric) and insertion != deletion:
            raise ValueError(
                f"metric_params has weights {self._params['weights']}: an insertion "
                f"costs {insertion} and a deletion {deletion}, so that the distance "
                "depends on the direction. Expected a symmetric distance: give both "
                "the same weight."
            )
        return self

    def _call(self, pairs, n_pairs):
        """Return what a callable gives for each pair."""
        values = np.empty(n_pairs, dtype=np.float32)
        for index, (a, b) in enumerate(pairs):
            value = self.metric(a, b, **self._params)
            if not isinstance(value, Real) or not value >= 0:
                raise ValueError(
                    f"metric({a!r:.40}, {b!r:.40}) returned {value!r:.40}; expected a "
                    "non-negative number."
                )
            values[index] = value
        return values


def _check_params(metric, params):
    """Return the metric's checked parameters."""
    if not callable(metric) and not (isinstance(metric, str) and metric in _METRICS):
        error = ValueError if isinstance(metric, str) else TypeError
        raise error(
            f"metric is {metric!r:.60}; expected one of {', '.join(_METRICS)}, or a "
            "function of two strings that returns a number."
        )
    params = {} if params is None else params
    if not isinstance(params, dict):
        raise TypeError(
            f"metric_params is {params!r:.60} ({type(params).__name__}); expected a "
            "dict or None."
        )
    if callable(metric):
        return dict(params)
    allowed = _PARAMS.get(metric, set())
    unexpected = [name for name in params if name not in allowed]
    if unexpected:
        takes = f"takes {', '.join(allowed)}" if allowed else "takes no parameters"
        raise ValueError(f"metric_params has {unexpected[0]!r}; {metric!r} {takes}.")
    params = dict(params)
    if "weights" in params:
        params["weights"] = _check_weights(params["weights"])
    weight = params.get("prefix_weight", 0.1)
    if not isinstance(weight, Real) or not 0 <= weight <= 0.25:
        raise ValueError(
            f"prefix_weight is {weight!r:.40}; expected a number from 0 to 0.25."
        )
    return params


def _check_weights(weights):
    try:
        values = tuple(weights)
    except TypeError:
        values = ()
    is_count = [isinstance(w, Integral) and not isinstance(w, bool) for w in values]
    if len(values) != 3 or not all(is_count) or min(values) < 0:
        raise ValueError(
            f"weights is {weights!r:.60}; expected three non-negative integers: the "
            "costs of an insertion, a deletion and a substitution. Scale fractions up."
        )
    return tuple(map(int, values))


def _n_workers(workers, n_pairs):
    return 1 if n_pairs < _MIN_PAIRS_FOR_THREADS else effective_n_jobs(workers)
