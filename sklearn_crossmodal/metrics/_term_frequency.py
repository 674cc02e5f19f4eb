"""Precision by how often a word occurs in the text."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ._report import format_table


@dataclass(frozen=True, eq=False)
class TermFrequencyReport:
    """Precision of pairs by how often their word occurs in the text.

    Parameters
    ----------
    metric : str
        The metric, such as ``"P@1"``.
    edges : ndarray of shape (n_bins + 1,)
        Bounds of the bins: a bin holds its lower bound but not the upper one.
    n_pairs : ndarray of shape (n_bins,), dtype int64
        The number of pairs in each bin.
    precision : dict of str to ndarray of shape (n_bins,)
        The mean of each direction over the pairs of each bin. NaN where there is none.
    titles : dict of str to str
        What the directions are called when printed.
    """

    metric: str
    edges: np.ndarray
    n_pairs: np.ndarray
    precision: dict
    titles: dict

    def __str__(self):
        """Return the table as text."""
        rows = [["occurrences", "pairs", *(self.titles[d] for d in self.precision)]]
        bounds = zip(self.edges[:-1], self.edges[1:], strict=True)
        for i, (low, high) in enumerate(bounds):
            values = [f"{v[i]:.3f}" for v in self.precision.values()]
            rows.append([f"{low:g} to {high:g}", str(self.n_pairs[i]), *values])
        return f"{self.metric} by occurrences of the word\n{format_table(rows)}"

    __repr__ = __str__


def term_frequency_report(
    values: dict[str, np.ndarray],
    counts: np.ndarray,
    edges: Any,
    metric: str,
    titles: dict[str, str],
) -> TermFrequencyReport:
    """Average the values of pairs whose words occur so often."""
    edges = _powers_of_ten(counts) if edges is None else _check_edges(edges)
    bins = np.searchsorted(edges, counts, side="right") - 1
    inside = (bins >= 0) & (bins < len(edges) - 1)
    n_bins = len(edges) - 1
    n_pairs = np.bincount(bins[inside], minlength=n_bins)
    means = {}
    for name, of_pairs in values.items():
        sums = np.bincount(bins[inside], of_pairs[inside], minlength=n_bins)
        with np.errstate(invalid="ignore"):
            means[name] = sums / n_pairs
    return TermFrequencyReport(metric, edges, n_pairs, means, titles)


def _powers_of_ten(counts: np.ndarray) -> np.ndarray:
    """Return powers of 10, the first not above and the last above all counts."""
    edges = 10.0 ** np.arange(len(str(int(counts.max()))) + 1)
    edges = edges[len(str(max(1, int(counts.min())))) - 1 :]
    return np.r_[0, edges] if counts.min() < 1 else edges


def _check_edges(edges: Any) -> np.ndarray:
    try:
        values = np.asarray(edges, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.ndim != 1 or len(values) < 2 or not (np.diff(values) > 0).all():
        raise ValueError(
            f"edges is {edges!r:.60}, expected two or more increasing numbers."
        )
    return values
