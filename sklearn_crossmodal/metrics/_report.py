"""A table of retrieval metrics, beside what chance would give."""

from dataclasses import dataclass

from ..utils._bags import pool_rows
from ..utils._containers import flatten_items
from ._names import DEFAULT_METRICS
from ._retrieval import chance_of_task, retrieval_metrics
from ._scorer import evaluation_arguments

_DIRECTIONS = {"x_to_y": "X -> y", "y_to_x": "y -> X"}


@dataclass(frozen=True)
class RetrievalReport:
    """Retrieval metrics of both directions, and the chance level of each.

    Parameters
    ----------
    scores : dict of str to dict of str to float
        ``scores["x_to_y"]["recall@10"]``, and so on.
    chance : dict of str to dict of str to float
        The same for constant embeddings.
    n_queries, n_gallery : dict of str to int
        Sizes for each direction.
    names : dict of str to str
        What the directions are called when printed.
    """

    scores: dict
    chance: dict
    n_queries: dict
    n_gallery: dict
    names: dict

    def __str__(self):
        """Return the table as text."""
        metrics = list(next(iter(self.scores.values())))
        header = ["", "queries", "gallery", *metrics]
        rows = [header]
        for key, name in self.names.items():
            sizes = [str(self.n_queries[key]), str(self.n_gallery[key])]
            rows.append([name, *sizes, *format_cells(self.scores[key], metrics)])
            rows.append(["  chance", "", "", *format_cells(self.chance[key], metrics)])
        return format_table(rows)

    __repr__ = __str__


def format_table(rows):
    """Return rows of cells as lines of text, the first column aligned to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)


def format_cells(values, metrics):
    """Return the values of these metrics as cells of a table."""
    return [
        f"{values[name]:.1f}" if name.endswith("rank") else f"{values[name]:.3f}"
        for name in metrics
    ]


def retrieval_report(
    estimator,
    X,
    y,
    *,
    groups=None,
    labels=None,
    metrics=DEFAULT_METRICS,
    ties="expected",
    similarity=None,
    level="auto",
    names=("X -> y", "y -> X"),
):
    """Report how well either view finds the other.

    Parameters
    ----------
    estimator : estimator or None
        Fitted two-view estimator, or a Pipeline or search around one. None: `X` and `y`
        are embeddings already, from any encoders.
    X : array-like of shape (n_samples, n_features)
        First view.
    y : array-like or list of length n_samples
        Second view. With ``estimator=None``, embeddings of shape
        (n_samples, n_components), or a list of 2-D arrays, one for each row of `X`,
        when a row has several items.
    groups : array-like of shape (n_samples,), default=None
        Rows of one group are the same item: right answers for each other.
    labels : array-like of shape (n_samples,), default=None
        Class of each row; given, a right answer is one of the same class.
    metrics : list of str, default=("recall@1", "recall@5", "recall@10", "map", "mrr", \
            "median_rank")
        Names of metrics, as for `retrieval_metrics`.
    ties : {"expected", "optimistic", "pessimistic"}, default="expected"
        How equal scores count.
    similarity : {"cosine", "dot", "euclidean", "kl"}, default=None
        How embeddings are compared, as in `retrieval_metrics`. None is the estimator's
        own, cosine without one.
    level : {"auto", "item", "row"}, default="auto"
        Whether every item of a row of `y` is a gallery entry of its own. ``"auto"``:
        texts are, and so are the rows of given embeddings; bags of vectors are not.
    names : tuple of two str, default=("X -> y", "y -> X")
        What the directions are called in the table.

    Returns
    -------
    report : RetrievalReport
        Prints as a table with the size of the gallery and the chance level, without
        which recall@k says little.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_crossmodal import retrieval_report
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(100, 8))
    >>> y = X + rng.normal(size=(100, 8))
    >>> retrieval_report(None, X, y, metrics=["recall@1", "median_rank"])
              queries  gallery  recall@1  median_rank
    X -> y        100      100     0.460          2.0
      chance                       0.010         50.5
    y -> X        100      100     0.370          2.0
      chance                       0.010         50.5
    """
    if estimator is None:
        estimator, level = GivenEmbeddings(), "item" if level == "auto" else level
    arguments = evaluation_arguments(estimator, X, y, groups, labels, similarity, level)
    embeddings = {name: arguments.pop(name) for name in ("X", "Y")}
    sizes = {name: len(embedding) for name, embedding in embeddings.items()}
    relevance = {k: v for k, v in arguments.items() if k != "similarity"}
    metrics = metrics if isinstance(metrics, str) else list(metrics)
    scores, chance = {}, {}
    for direction in _DIRECTIONS:
        scores[direction] = retrieval_metrics(
            **embeddings, **arguments, metrics=metrics, ties=ties, direction=direction
        )
        chance[direction] = chance_of_task(
            sizes["X"], sizes["Y"], metrics, direction=direction, **relevance
        )
    return RetrievalReport(
        scores,
        chance,
        n_queries={"x_to_y": sizes["X"], "y_to_x": sizes["Y"]},
        n_gallery={"x_to_y": sizes["Y"], "y_to_x": sizes["X"]},
        names=dict(zip(_DIRECTIONS, names, strict=True)),
    )


class GivenEmbeddings:
    """Stand in for an estimator when both views are embedded already."""

    similarity = "cosine"

    def transform(self, X):
        """Return `X`."""
        return X

    def transform_y(self, y):
        """Return `y`; of rows with several embeddings, their mean."""
        items, rows = flatten_items(y)
        return pool_rows(items, rows, normalize=False)
