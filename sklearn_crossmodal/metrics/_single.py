"""One function for each retrieval metric."""

from typing import Any

from numpy.typing import ArrayLike

from ._docs import with_common_parameters
from ._retrieval import check_positive_int, retrieval_metrics


@with_common_parameters
def recall_at_k(
    X: ArrayLike,
    Y: ArrayLike,
    k: int = 10,
    *,
    direction: str = "both",
    groups: ArrayLike | None = None,
    y_groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    y_labels: ArrayLike | None = None,
    ties: str = "expected",
    similarity: str = "cosine",
    block_size: int = 256,
) -> float:
    """Compute the share of queries with a relevant item among the first k.

    With one relevant item for each query this is recall; with several it is what
    information retrieval calls the hit rate.

    Parameters
    ----------
    %(embeddings)s
    k : int, default=10
        The number of places to look at.
    %(common)s

    Returns
    -------
    value : float
        The share of queries, from 0 to 1.

    Raises
    ------
    %(raises)s

    Warns
    -----
    %(warns)s

    See Also
    --------
    retrieval_metrics : Several metrics from one pass.
    chance_level : The value for embeddings that say nothing.

    Notes
    -----
    A query whose best relevant item ties with t entries, r of them relevant, below a
    others, has a relevant item among the first k with probability
    1 - C(t - r, s) / C(t, s), where s = min(max(k - a, 0), t) [1]_. For r = 1 that is
    s / t.

    References
    ----------
    .. [1] F. McSherry and M. Najork, "Computing information retrieval performance
       measures efficiently in the presence of tied scores", ECIR 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_crossmodal.metrics import recall_at_k
    >>> X = np.array([[1, 0], [0, 1], [1, 1]])
    >>> Y = np.array([[2, 1], [0, 3], [3, 1]])
    >>> value = recall_at_k(X, Y, k=1, direction="x_to_y")
    >>> round(value, 4)
    0.3333
    """
    return _value(
        _cut("recall", k),
        X,
        Y,
        direction=direction,
        groups=groups,
        y_groups=y_groups,
        labels=labels,
        y_labels=y_labels,
        ties=ties,
        similarity=similarity,
        block_size=block_size,
    )


@with_common_parameters
def precision_at_k(
    X: ArrayLike,
    Y: ArrayLike,
    k: int = 10,
    *,
    direction: str = "both",
    groups: ArrayLike | None = None,
    y_groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    y_labels: ArrayLike | None = None,
    ties: str = "expected",
    similarity: str = "cosine",
    block_size: int = 256,
) -> float:
    """Compute the mean share of relevant items among the first k.

    Parameters
    ----------
    %(embeddings)s
    k : int, default=10
        The number of places to look at. The sum is divided by k even where the gallery
        is smaller.
    %(common)s

    Returns
    -------
    value : float
        The mean over queries, from 0 to 1.

    Raises
    ------
    %(raises)s

    Warns
    -----
    %(warns)s

    See Also
    --------
    retrieval_metrics : Several metrics from one pass.
    chance_level : The value for embeddings that say nothing.

    Notes
    -----
    Each relevant item that ties with t entries below a others counts with the
    probability min(max(k - a, 0), t) / t that it is among the first k [1]_.

    References
    ----------
    .. [1] F. McSherry and M. Najork, "Computing information retrieval performance
       measures efficiently in the presence of tied scores", ECIR 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_crossmodal.metrics import precision_at_k
    >>> X = np.array([[1, 0], [0, 1], [1, 1]])
    >>> Y = np.array([[2, 1], [0, 3], [3, 1]])
    >>> precision_at_k(X, Y, k=2, direction="x_to_y")
    0.5
    """
    return _value(
        _cut("precision", k),
        X,
        Y,
        direction=direction,
        groups=groups,
        y_groups=y_groups,
        labels=labels,
        y_labels=y_labels,
        ties=ties,
        similarity=similarity,
        block_size=block_size,
    )


@with_common_parameters
def mean_average_precision(
    X: ArrayLike,
    Y: ArrayLike,
    k: int | None = None,
    *,
    direction: str = "both",
    groups: ArrayLike | None = None,
    y_groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    y_labels: ArrayLike | None = None,
    ties: str = "expected",
    similarity: str = "cosine",
    block_size: int = 256,
) -> float:
    """Compute the mean over queries of average precision (mAP).

    Parameters
    ----------
    %(embeddings)s
    k : int, default=None
        The number of places to look at. By default the whole gallery.
    %(common)s

    Returns
    -------
    value : float
        The mean over queries, from 0 to 1.

    Raises
    ------
    %(raises)s

    Warns
    -----
    %(warns)s

    See Also
    --------
    retrieval_metrics : Several metrics from one pass.
    chance_level : The value for embeddings that say nothing.

    Notes
    -----
    Average precision is the sum, over ranks i <= k of relevant items, of the share of
    relevant items among the first i, divided by min(k, number of relevant items), so
    that the best order has 1 for every k. Its expectation over random orders of ties
    is in closed form [1]_.

    References
    ----------
    .. [1] F. McSherry and M. Najork, "Computing information retrieval performance
       measures efficiently in the presence of tied scores", ECIR 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_crossmodal.metrics import mean_average_precision
    >>> X = np.array([[1, 0], [0, 1], [1, 1]])
    >>> Y = np.array([[2, 1], [0, 3], [3, 1]])
    >>> value = mean_average_precision(X, Y, direction="x_to_y")
    >>> round(value, 4)
    0.6667
    """
    return _value(
        _cut("map", k),
        X,
        Y,
        direction=direction,
        groups=groups,
        y_groups=y_groups,
        labels=labels,
        y_labels=y_labels,
        ties=ties,
        similarity=similarity,
        block_size=block_size,
    )


@with_common_parameters
def mean_reciprocal_rank(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    direction: str = "both",
    groups: ArrayLike | None = None,
    y_groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    y_labels: ArrayLike | None = None,
    ties: str = "expected",
    similarity: str = "cosine",
    block_size: int = 256,
) -> float:
    """Compute the mean over queries of 1 / rank of the first relevant item (MRR).

    Parameters
    ----------
    %(embeddings)s
    %(common)s

    Returns
    -------
    value : float
        The mean over queries, from 0 to 1.

    Raises
    ------
    %(raises)s

    Warns
    -----
    %(warns)s

    See Also
    --------
    retrieval_metrics : Several metrics from one pass.
    chance_level : The value for embeddings that say nothing.

    Notes
    -----
    If the first relevant item ties with t entries, r of them relevant, below a others,
    the expectation is the sum over i of C(t - i, r - 1) / C(t, r) / (a + i) [1]_.

    References
    ----------
    .. [1] F. McSherry and M. Najork, "Computing information retrieval performance
       measures efficiently in the presence of tied scores", ECIR 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_crossmodal.metrics import mean_reciprocal_rank
    >>> X = np.array([[1, 0], [0, 1], [1, 1]])
    >>> Y = np.array([[2, 1], [0, 3], [3, 1]])
    >>> value = mean_reciprocal_rank(X, Y, direction="x_to_y")
    >>> round(value, 4)
    0.6667
    """
    return _value(
        "mrr",
        X,
        Y,
        direction=direction,
        groups=groups,
        y_groups=y_groups,
        labels=labels,
        y_labels=y_labels,
        ties=ties,
        similarity=similarity,
        block_size=block_size,
    )


@with_common_parameters
def ndcg(
    X: ArrayLike,
    Y: ArrayLike,
    k: int | None = None,
    *,
    direction: str = "both",
    groups: ArrayLike | None = None,
    y_groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    y_labels: ArrayLike | None = None,
    ties: str = "expected",
    similarity: str = "cosine",
    block_size: int = 256,
) -> float:
    """Compute the normalised discounted cumulative gain with binary relevance.

    Parameters
    ----------
    %(embeddings)s
    k : int, default=None
        The number of places to look at. By default the whole gallery.
    %(common)s

    Returns
    -------
    value : float
        The mean over queries, from 0 to 1.

    Raises
    ------
    %(raises)s

    Warns
    -----
    %(warns)s

    See Also
    --------
    retrieval_metrics : Several metrics from one pass.
    chance_level : The value for embeddings that say nothing.

    Notes
    -----
    The gain of a query is the sum of 1 / log2(1 + i) over the ranks i <= k of relevant
    items, divided by that of an order with all relevant items first. An item that ties
    with t entries below a others has the mean discount of ranks a + 1 to a + t [1]_.

    References
    ----------
    .. [1] F. McSherry and M. Najork, "Computing information retrieval performance
       measures efficiently in the presence of tied scores", ECIR 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_crossmodal.metrics import ndcg
    >>> X = np.array([[1, 0], [0, 1], [1, 1]])
    >>> Y = np.array([[2, 1], [0, 3], [3, 1]])
    >>> value = ndcg(X, Y, direction="x_to_y")
    >>> round(value, 4)
    0.754
    """
    return _value(
        _cut("ndcg", k),
        X,
        Y,
        direction=direction,
        groups=groups,
        y_groups=y_groups,
        labels=labels,
        y_labels=y_labels,
        ties=ties,
        similarity=similarity,
        block_size=block_size,
    )


@with_common_parameters
def median_rank(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    direction: str = "both",
    groups: ArrayLike | None = None,
    y_groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    y_labels: ArrayLike | None = None,
    ties: str = "expected",
    similarity: str = "cosine",
    block_size: int = 256,
) -> float:
    """Compute the median over queries of the rank of the first relevant item.

    Parameters
    ----------
    %(embeddings)s
    %(common)s

    Returns
    -------
    value : float
        The median over queries, at least 1. Lower is better.

    Raises
    ------
    %(raises)s

    Warns
    -----
    %(warns)s

    See Also
    --------
    retrieval_metrics : Several metrics from one pass.
    chance_level : The value for embeddings that say nothing.

    Notes
    -----
    If the first relevant item ties with t entries, r of them relevant, below a others,
    its expected rank is a + (t + 1) / (r + 1); the median is that of expected ranks.
    "both" is the mean of the two directions' medians.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_crossmodal.metrics import median_rank
    >>> X = np.array([[1, 0], [0, 1], [1, 1]])
    >>> Y = np.array([[2, 1], [0, 3], [3, 1]])
    >>> median_rank(X, Y, direction="x_to_y")
    2.0
    """
    return _value(
        "median_rank",
        X,
        Y,
        direction=direction,
        groups=groups,
        y_groups=y_groups,
        labels=labels,
        y_labels=y_labels,
        ties=ties,
        similarity=similarity,
        block_size=block_size,
    )


@with_common_parameters
def mean_rank(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    direction: str = "both",
    groups: ArrayLike | None = None,
    y_groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    y_labels: ArrayLike | None = None,
    ties: str = "expected",
    similarity: str = "cosine",
    block_size: int = 256,
) -> float:
    """Compute the mean over queries of the rank of the first relevant item.

    Parameters
    ----------
    %(embeddings)s
    %(common)s

    Returns
    -------
    value : float
        The mean over queries, at least 1. Lower is better.

    Raises
    ------
    %(raises)s

    Warns
    -----
    %(warns)s

    See Also
    --------
    retrieval_metrics : Several metrics from one pass.
    chance_level : The value for embeddings that say nothing.

    Notes
    -----
    If the first relevant item ties with t entries, r of them relevant, below a others,
    its expected rank is a + (t + 1) / (r + 1).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_crossmodal.metrics import mean_rank
    >>> X = np.array([[1, 0], [0, 1], [1, 1]])
    >>> Y = np.array([[2, 1], [0, 3], [3, 1]])
    >>> value = mean_rank(X, Y, direction="x_to_y")
    >>> round(value, 4)
    1.6667
    """
    return _value(
        "mean_rank",
        X,
        Y,
        direction=direction,
        groups=groups,
        y_groups=y_groups,
        labels=labels,
        y_labels=y_labels,
        ties=ties,
        similarity=similarity,
        block_size=block_size,
    )


@with_common_parameters
def pairwise_accuracy(
    X: ArrayLike,
    Y: ArrayLike,
    *,
    direction: str = "both",
    groups: ArrayLike | None = None,
    y_groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    y_labels: ArrayLike | None = None,
    ties: str = "expected",
    similarity: str = "cosine",
    block_size: int = 256,
) -> float:
    """Compute the share of (relevant, irrelevant) pairs that are in the right order.

    The area under the ROC curve of each query, averaged over queries.

    Parameters
    ----------
    %(embeddings)s
    %(common)s

    Returns
    -------
    value : float
        The mean over queries, from 0 to 1.

    Raises
    ------
    %(raises)s

    Warns
    -----
    %(warns)s

    See Also
    --------
    retrieval_metrics : Several metrics from one pass.
    chance_level : The value for embeddings that say nothing.

    Notes
    -----
    A query's value is the share of pairs of a relevant and an irrelevant gallery entry
    in which the relevant one has the higher score; a tie counts 1/2 (1 if "optimistic",
    0 if "pessimistic"). Queries with relevant items only have no pair: they are left
    out with a warning.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_crossmodal.metrics import pairwise_accuracy
    >>> X = np.array([[1, 0], [0, 1], [1, 1]])
    >>> Y = np.array([[2, 1], [0, 3], [3, 1]])
    >>> value = pairwise_accuracy(X, Y, direction="x_to_y")
    >>> round(value, 4)
    0.6667
    """
    return _value(
        "pairwise_accuracy",
        X,
        Y,
        direction=direction,
        groups=groups,
        y_groups=y_groups,
        labels=labels,
        y_labels=y_labels,
        ties=ties,
        similarity=similarity,
        block_size=block_size,
    )


def _cut(name: str, k: int | None) -> str:
    """Return the name of a metric of the first k places (None: of all)."""
    if k is None and name in ("map", "ndcg"):
        return name
    check_positive_int("k", k)
    return f"{name}@{k}"


def _value(name: str, X: ArrayLike, Y: ArrayLike, **options: Any) -> float:
    return retrieval_metrics(X, Y, name, **options)[name]
