"""Retrieval scorers for GridSearchCV, cross_validate and friends."""

from sklearn.base import BaseEstimator

from ..base import embed_pairs, get_two_view_estimator
from ..utils._ids import check_ids
from ._embed import similarity_of
from ._names import parse_metrics
from ._retrieval import retrieval_metrics


class RetrievalScorer(BaseEstimator):
    """Score a two-view estimator by retrieval; made by `make_retrieval_scorer`.

    Parameters
    ----------
    metrics : str or list of str
        Names of metrics; see `make_retrieval_scorer`.
    direction : {"both", "x_to_y", "y_to_x"}, default="both"
        Which view searches the other.
    ties : {"expected", "optimistic", "pessimistic"}, default="expected"
        How equal scores count.
    similarity : {"cosine", "dot", "euclidean", "kl"}, default=None
        How embeddings are compared. None is the estimator's own.
    level : {"auto", "item", "row"}, default="auto"
        Whether each item of a row of `y` is an entry of its own.
    """

    def __init__(
        self,
        metrics,
        *,
        direction="both",
        ties="expected",
        similarity=None,
        level="auto",
    ):
        self.metrics = metrics
        self.direction = direction
        self.ties = ties
        self.similarity = similarity
        self.level = level

    def __call__(self, estimator, X, y, groups=None, labels=None):
        """Score a fitted estimator; the same as `score`."""
        return self.score(estimator, X, y, groups=groups, labels=labels)

    def score(self, estimator, X, y, groups=None, labels=None):
        """Score a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            Fitted two-view estimator, or a Pipeline or search around one.
        X : array-like of shape (n_samples, n_features)
            First view.
        y : array-like or list of length n_samples
            Second view.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group are the same item: right answers for each other.
        labels : array-like of shape (n_samples,), default=None
            Class of each row; given, a right answer is one of the same class.

        Returns
        -------
        score : float or dict of str to float
            A float for one metric given as a str, else a dict.
        """
        single = isinstance(self.metrics, str)
        values = retrieval_metrics(
            **evaluation_arguments(
                estimator, X, y, groups, labels, self.similarity, self.level
            ),
            metrics=[self.metrics] if single else self.metrics,
            direction=self.direction,
            ties=self.ties,
        )
        return values[self.metrics] if single else values


def evaluation_arguments(estimator, X, y, groups, labels, similarity, level):
    """Embed both views; return the keyword arguments that `retrieval_metrics` takes."""
    X_embedded, y_embedded, rows = embed_pairs(estimator, X, y, level=level)
    two_view, _ = get_two_view_estimator(estimator)
    if similarity is None:
        similarity = similarity_of(estimator)
    if groups is None and labels is None and hasattr(two_view, "_groups_of"):
        groups = two_view._groups_of(y)
    name = "groups" if labels is None else "labels"
    ids = groups if labels is None else labels
    ids = check_ids(ids, len(X_embedded), name)
    return {
        "X": X_embedded,
        "Y": y_embedded,
        name: ids,
        f"y_{name}": ids[rows],
        "similarity": similarity,
    }


def make_retrieval_scorer(
    metrics="mrr", *, direction="both", ties="expected", similarity=None, level="auto"
):
    """Make a scorer of retrieval between the two views.

    Parameters
    ----------
    metrics : str or list of str, default="mrr"
        ``"recall@K"``, ``"precision@K"``, ``"map"``, ``"map@K"``, ``"mrr"``,
        ``"ndcg"``, ``"ndcg@K"``, ``"neg_median_rank"``, ``"neg_mean_rank"`` or
        ``"pairwise_accuracy"``. A str gives a scorer that returns a float, a list one
        that returns a dict, from one pass over the similarities of each direction.
    direction : {"both", "x_to_y", "y_to_x"}, default="both"
        Which view searches the other; ``"both"`` is the mean of the two.
    ties : {"expected", "optimistic", "pessimistic"}, default="expected"
        How equal scores count; by default as expected under random tie-breaking.
    similarity : {"cosine", "dot", "euclidean", "kl"}, default=None
        How embeddings are compared, as in `retrieval_metrics`. None is the estimator's
        own: what it resolved in `fit` (`similarity_`), or its `similarity`.
    level : {"auto", "item", "row"}, default="auto"
        Whether every item of a row of `y` is a gallery entry of its own. ``"auto"``:
        texts are, bags of vectors are not.

    Returns
    -------
    scorer : RetrievalScorer
        Callable as ``scorer(estimator, X, y)``, and a metadata consumer: with metadata
        routing enabled, ``scorer.set_score_request(groups=True)`` has a search pass
        `groups` on to it. With routing disabled scikit-learn gives `groups` to the
        splitter only; rows with several captions need no groups.

    Raises
    ------
    ValueError
        If a metric is unknown; the message lists what there is. ``"median_rank"`` and
        ``"mean_rank"`` are errors here: a scorer's higher must be better.

    Examples
    --------
    >>> from sklearn.model_selection import cross_validate
    >>> from sklearn_crossmodal import CaptionRanker, make_retrieval_scorer
    >>> from sklearn_crossmodal.datasets import load_digit_captions
    >>> data = load_digit_captions(n_samples=60, random_state=0)
    >>> scorer = make_retrieval_scorer(["recall@10", "mrr"])
    >>> ranker = CaptionRanker(max_epochs=1, random_state=0)
    >>> result = cross_validate(ranker, data.data, data.captions, scoring=scorer, cv=2)
    >>> sorted(result)
    ['fit_time', 'score_time', 'test_mrr', 'test_recall@10']
    """
    metrics = metrics if isinstance(metrics, str) else list(metrics)
    names = [metric.name for metric in parse_metrics(metrics)]
    lower_is_better = [name for name in names if name in ("median_rank", "mean_rank")]
    if lower_is_better:
        raise ValueError(
            f"{lower_is_better[0]} is better when lower; use neg_{lower_is_better[0]}."
        )
    return RetrievalScorer(
        metrics, direction=direction, ties=ties, similarity=similarity, level=level
    )
