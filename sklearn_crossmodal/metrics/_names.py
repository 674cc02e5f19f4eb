"""The names of the metrics, and what each of them computes."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from . import _expected
from ._counts import RankCounts

DEFAULT_METRICS = ("recall@1", "recall@5", "recall@10", "map", "mrr", "median_rank")


@dataclass(frozen=True)
class Metric:
    """A named metric: a value for each query, and how queries are summarised."""

    name: str
    per_query: Callable[[RankCounts], np.ndarray]
    average: Callable[[np.ndarray], np.floating] = np.mean
    sign: int = 1

    def summarise(self, values: np.ndarray) -> float:
        """Return the metric from the values of all queries."""
        return self.sign * float(self.average(values))


_WITH_CUT: dict[str, Callable[..., np.ndarray]] = {
    "recall": _expected.recall,
    "precision": _expected.precision,
    "map": _expected.average_precision,
    "ndcg": _expected.ndcg,
}
_WHOLE = {
    metric.name: metric
    for metric in (
        Metric("map", _expected.average_precision),
        Metric("mrr", _expected.reciprocal_rank),
        Metric("ndcg", _expected.ndcg),
        Metric("median_rank", _expected.first_rank, np.median),
        Metric("mean_rank", _expected.first_rank),
        Metric("neg_median_rank", _expected.first_rank, np.median, sign=-1),
        Metric("neg_mean_rank", _expected.first_rank, sign=-1),
        Metric("pairwise_accuracy", _expected.pairwise_accuracy),
    )
}
VALID_NAMES = (*(f"{base}@K" for base in _WITH_CUT), *_WHOLE)


def parse_metric(name: str) -> Metric:
    """Return the metric of a name, for example ``"recall@10"`` or ``"mrr"``."""
    if isinstance(name, str) and name in _WHOLE:
        return _WHOLE[name]
    match = re.fullmatch(r"(\w+)@([1-9][0-9]*)", str(name))
    if match is None or match[1] not in _WITH_CUT:
        raise ValueError(
            f"Unknown metric {name!r}, expected one of {', '.join(VALID_NAMES)}, with a"
            " positive integer for K, as in 'recall@10'."
        )
    per_query, k = _WITH_CUT[match[1]], int(match[2])
    return Metric(name, lambda counts: per_query(counts, k))


def parse_metrics(names: str | Iterable[str]) -> list[Metric]:
    """Return the metrics of one name or of several."""
    names = (names,) if isinstance(names, str) else tuple(names)
    if not names:
        raise ValueError(
            f"metrics is empty, expected at least one of {', '.join(VALID_NAMES)}."
        )
    return [parse_metric(name) for name in names]
