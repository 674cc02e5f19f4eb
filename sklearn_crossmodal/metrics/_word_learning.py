"""The evaluation of word learning by Synnaeve, Versteegh and Dupoux (2014)."""

from dataclasses import dataclass
from functools import partial
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from ..base import embed_y, row_blocks
from ..utils._containers import as_rows
from ._counts import RankCounts, count_first_hits
from ._embed import embed_items, similarity_of
from ._expected import first_rank, recall
from ._relevance import LinkedRelevance
from ._report import format_cells, format_table
from ._retrieval import check_option, check_positive_int, warn_of_nan
from ._similarity import SIMILARITIES, RankingScores, check_embeddings
from ._word_links import link_words

CUTS = (1, 5, 10, 25)
METRICS = ("median_rank", "mean_rank", *(f"recall@{k}" for k in CUTS))
TASKS = {
    "word_similarity": "word similarity",
    "word_token_by_image": "word token by image",
    "word_type_by_image": "word type by image",
    "image_token_by_word": "image token by word",
}
# What searches what, and the tasks that read these similarities.
_PASSES = (
    ("tokens", "tokens", ("word_similarity",)),
    ("fragments", "tokens", ("word_token_by_image", "word_type_by_image")),
    ("tokens", "fragments", ("image_token_by_word",)),
)


@dataclass(frozen=True)
class WordLearningReport:
    """Ranks and recall of the word learning tasks, beside two baselines.

    Tasks are ``"word_similarity"``, ``"word_token_by_image"``,
    ``"word_type_by_image"`` (where there are types) and ``"image_token_by_word"``;
    metrics are ``"median_rank"``, ``"mean_rank"``, ``"recall@1"``, ``"recall@5"``,
    ``"recall@10"`` and ``"recall@25"``, all of a query's first right answer.

    Parameters
    ----------
    scores : dict of str to dict of str to float
        ``scores["word_similarity"]["median_rank"]``, and so on.
    random_projection : dict of str to dict of str to float
        The same for Gaussian projections of the raw items, the mean over projections.
        Empty without any.
    uniform : dict of str to dict of str to float
        The same for an order drawn at random, in closed form.
    n_queries, n_gallery : dict of str to int
        Sizes for each task.
    n_without_answer : dict of str to int
        The number of queries without a right answer: their rank is the size of the
        gallery, and they miss at every cut.
    """

    scores: dict
    random_projection: dict
    uniform: dict
    n_queries: dict
    n_gallery: dict
    n_without_answer: dict

    def __str__(self):
        """Return the table as text."""
        short = [name.replace("_rank", "").replace("recall", "R") for name in METRICS]
        rows = [["", "queries", "gallery", *short]]
        for task, scores in self.scores.items():
            sizes = [str(self.n_queries[task]), str(self.n_gallery[task])]
            rows.append([TASKS[task], *sizes, *format_cells(scores, METRICS)])
            for name in ("random_projection", "uniform"):
                values = getattr(self, name).get(task)
                if values is not None:
                    label = "  " + name.replace("_", " ")
                    rows.append([label, "", "", *format_cells(values, METRICS)])
        return "\n".join([format_table(rows), *self._missing()])

    __repr__ = __str__

    def _missing(self):
        return [
            f"{TASKS[task]}: {n} queries have no right answer and get the worst rank"
            for task, n in self.n_without_answer.items()
            if n
        ]


def word_learning_report(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    types: Any = None,
    tokens: Any = None,
    n_projections: int = 10,
    random_state: Any = 0,
    similarity: str | None = None,
    block_size: int = 256,
) -> WordLearningReport:
    """Report how well words were learnt from images and speech.

    The evaluation of [1]_. An image is a bag of fragments, and comes with a bag of
    spoken words, the tokens; every fragment and every token is embedded by itself:

    - *word similarity*: a token searches the other tokens; right is one that shares
      an image with it.
    - *word token by image*: a fragment searches the tokens; right is a token of the
      fragment's image.
    - *word type by image*: the same, and right is any token of a word (a type) that
      is spoken for the image.
    - *image token by word*: a token searches the fragments; right is a fragment of an
      image that has the token.

    Parameters
    ----------
    estimator : estimator or None
        Fitted two-view estimator, or a Pipeline or search around one. Its `transform`
        gets the fragments of all images as rows of one array, its `transform_y` the
        tokens. None: `X` and `y` hold embeddings already, from any encoders.
    X : list of 2-D arrays, or array of shape (n_images, n_fragments, n_features)
        The fragments of each image. A 2-D array is one fragment for each image.
    y : list of 2-D arrays, or array of shape (n_images, n_tokens, n_features)
        The tokens of each image. A 2-D array is one token for each image.
    types : list of lists, or array-like of shape (n_items,), default=None
        The word of each token, in the shape of `y` or one for each item of
        ``flatten_items(y)``. None leaves out the task that needs it.
    tokens : list of lists, or array-like of shape (n_items,), default=None
        An id of each token, in the same shapes, for recordings that come with several
        images: items of one id are one token of all these images, and one entry of
        the gallery, with the vector of the first. None: every item is a token.
    n_projections : int, default=10
        The number of random projections that are averaged; 0 leaves them out. With
        ``estimator=None`` there are none, since the raw items are not known.
    random_state : int, RandomState instance or None, default=0
        Draws the projections.
    similarity : {"cosine", "dot", "euclidean"}, default=None
        How embeddings are compared. None is the estimator's own, cosine without one.
    block_size : int, default=256
        The number of queries that are scored at a time; the memory needed beside the
        embeddings is a few times `block_size` times the gallery.

    Returns
    -------
    report : WordLearningReport
        Prints as a table; the values are in dicts by task and metric.

    Raises
    ------
    TypeError
        If there is no two-view estimator in `estimator`, or if a container is not one
        of those above.
    ValueError
        If `X` and `y` differ in length, if a bag is empty, if `types` or `tokens`
        don't match the bags, if one token has several words or vectors, if an option
        is unknown, or if there is only one token.

    Warns
    -----
    UserWarning
        If scores are NaN. They rank last.

    See Also
    --------
    retrieval_report : The report of a search between rows.

    Notes
    -----
    Ranks start at 1 and are those of the first right answer. Among ties, of which
    ``r`` of ``t`` are right and ``g`` entries score above, that is the expected rank
    under random tie-breaking, ``g + (t + 1) / (r + 1)``, and recall@k is the
    probability of a right answer among the first k. A token is no answer to itself,
    but another recording, even an equal one, is. A query without a right answer gets
    the last rank of its gallery.

    The *random projection* is a product of the raw items, as given, with a Gaussian
    matrix for each view, to as many components as the embedding has. Projections of
    features that are not centred have hubs, and rank worse than the *uniform* order:
    with N entries in the gallery and m right answers for a query, the latter has

    - mean rank: the mean over queries of ``(N + 1) / (m + 1)``,
    - recall@k: the mean over queries of ``1 - C(N - m, k) / C(N, k)``,
    - median rank: the smallest k with a recall@k of 1/2 or more. (The scores of
      constant embeddings have the same mean rank and recall; their median is that of
      expected ranks, and larger.)

    [1]_ prints, for "Random" and the model, median (mean) ranks of 4 (22.96) and
    5 (11.53) for word similarity, 93 (293.39) and 40 (72.52) for word token by image,
    19 (293.40) and 15 (30.11) for word type by image, and 117 (178.44) and
    81 (141.29) for image token by word. The model's recalls by image are multiples of
    1/2000: the queries are the 2000 fragments of the 100 test images.

    References
    ----------
    .. [1] G. Synnaeve, M. Versteegh and E. Dupoux, "Learning words from images and
       speech", 2014.

    Examples
    --------
    Three images of two fragments, each with two words; the embeddings are given:

    >>> import numpy as np
    >>> from sklearn_crossmodal.metrics import word_learning_report
    >>> rng = np.random.default_rng(0)
    >>> X = np.repeat(np.eye(3), 2, axis=0).reshape(3, 2, 3)
    >>> y = X + rng.normal(size=X.shape)
    >>> types = [["dog", "grass"], ["cat", "grass"], ["car", "street"]]
    >>> report = word_learning_report(None, X, y, types=types)
    >>> report
                         queries  gallery  median  mean    R@1    R@5   R@10   R@25
    word similarity            6        5     1.5   1.8  0.500  1.000  1.000  1.000
      uniform                                 3.0   3.0  0.200  1.000  1.000  1.000
    word token by image        6        6     1.0   1.0  1.000  1.000  1.000  1.000
      uniform                                 2.0   2.3  0.333  1.000  1.000  1.000
    word type by image         6        6     1.0   1.0  1.000  1.000  1.000  1.000
      uniform                                 2.0   1.9  0.444  1.000  1.000  1.000
    image token by word        6        6     1.0   1.3  0.833  1.000  1.000  1.000
      uniform                                 2.0   2.3  0.333  1.000  1.000  1.000
    """
    check_positive_int("block_size", block_size)
    _check_number_of_projections(n_projections)
    if similarity is None:
        similarity = similarity_of(estimator)
    check_option("similarity", similarity, SIMILARITIES)
    fragments, spoken, links = link_words(X, y, types, tokens)
    raw = fragments, spoken
    if estimator is None:
        n_projections = 0
    else:
        _check_projectable(raw, n_projections)
        fragments = embed_items(estimator.transform, fragments, "transform")
        spoken = embed_items(partial(embed_y, estimator), spoken, "transform_y")
    fragments, spoken = check_embeddings(fragments, spoken)
    evaluation = _Evaluation(links, similarity, block_size)
    scores = evaluation.scores(fragments, spoken)
    warn_of_nan(evaluation.n_nan, "the embedding of X or y")
    rng = check_random_state(random_state)
    projections = [
        evaluation.scores(*_project(raw, fragments.shape[1], rng))
        for _ in range(n_projections)
    ]
    if projections:
        warn_of_nan(evaluation.n_nan, "a random projection of X or y")
    return WordLearningReport(
        scores,
        _mean_of_scores(projections),
        evaluation.uniform(),
        n_queries={task: len(n) for task, n in evaluation.n_relevant.items()},
        n_gallery=evaluation.n_gallery,
        n_without_answer={
            task: int(np.count_nonzero(n == 0))
            for task, n in evaluation.n_relevant.items()
        },
    )


class _Evaluation:
    """The tasks of one data set, for one embedding after another.

    `n_nan` counts the scores of the last one that were NaN.
    """

    def __init__(
        self, links: dict[str, LinkedRelevance], similarity: str, block_size: int
    ) -> None:
        self.links = links
        self.similarity = similarity
        self.block_size = block_size
        self.n_gallery = {
            task: link.gallery.shape[1] - link.excludes_self
            for task, link in links.items()
        }
        self.n_relevant: dict[str, np.ndarray] = {}
        self.n_nan = 0

    def scores(
        self, fragments: np.ndarray, tokens: np.ndarray
    ) -> dict[str, dict[str, float]]:
        """Return the metrics of each task."""
        views = {"fragments": fragments, "tokens": tokens}
        values: dict[str, list[np.ndarray]] = {task: [] for task in self.links}
        numbers: dict[str, list[np.ndarray]] = {task: [] for task in self.links}
        self.n_nan = 0
        for queries, gallery, tasks in _PASSES:
            blocks = RankingScores(
                views[queries], views[gallery], self.similarity, self.block_size
            )
            for block in blocks:
                for task in tasks:
                    if task not in self.links:
                        continue
                    ranks, n_relevant = self._first_hits(task, *block)
                    values[task].append(ranks)
                    numbers[task].append(n_relevant)
            self.n_nan += blocks.n_nan
        self.n_relevant = {task: np.concatenate(n) for task, n in numbers.items()}
        return {task: _summarise(np.hstack(v)) for task, v in values.items()}

    def _first_hits(
        self, task: str, start: int, stop: int, block: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        link = self.links[task]
        columns, n_relevant = link.block(start, stop)
        own = np.arange(start, stop) if link.excludes_self else None
        counts = count_first_hits(block, columns, n_relevant, excluded=own)
        return _rank_and_recalls(counts, n_relevant), n_relevant

    def uniform(self) -> dict[str, dict[str, float]]:
        """Return the metrics of an order drawn at random for each query."""
        return {
            task: uniform_metrics(self.n_gallery[task], n_relevant)
            for task, n_relevant in self.n_relevant.items()
        }


def uniform_metrics(n_gallery: int, n_relevant: ArrayLike) -> dict[str, float]:
    """Metrics of the first hit in a random order, for queries with these answers."""
    n_relevant = np.asarray(n_relevant)
    counts = _one_run(n_gallery, n_relevant[n_relevant > 0])
    values = _summarise(_rank_and_recalls(counts, n_relevant))
    return values | {"median_rank": _uniform_median(n_gallery, n_relevant)}


def _uniform_median(n_gallery: int, n_relevant: np.ndarray) -> float:
    """Return the smallest k with a first hit at rank k or before for half of queries.

    The steps double before they halve: a recall takes as many steps as k.
    """
    distinct, n_queries = np.unique(n_relevant[n_relevant > 0], return_counts=True)
    counts = _one_run(n_gallery, distinct)
    half = len(n_relevant) / 2 * (1 - 1e-12)

    def enough(k: int) -> bool:
        # A query without an answer has rank n_gallery.
        return k >= n_gallery or bool(recall(counts, k) @ n_queries >= half)

    if not distinct.size:
        return float(n_gallery)
    low, high = 0, 1
    while not enough(high):
        low, high = high, min(2 * high, n_gallery)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return float(high)


def _one_run(n_gallery: int, n_relevant: np.ndarray) -> RankCounts:
    """Return the counts of queries for which the whole gallery ties."""
    tied = np.full_like(n_relevant, n_gallery)
    return RankCounts.first_hits(np.zeros_like(tied), tied, n_relevant, n_gallery)


def _rank_and_recalls(counts: RankCounts, n_relevant: np.ndarray) -> np.ndarray:
    """Return the rank of the first hit, and the recall at each cut, of each query."""
    values = np.zeros((1 + len(CUTS), len(n_relevant)))
    values[0] = counts.n_gallery
    answered = n_relevant > 0
    if answered.any():
        values[0, answered] = first_rank(counts)
        for row, k in zip(values[1:], CUTS, strict=True):
            row[answered] = recall(counts, k)
    return values


def _summarise(values: np.ndarray) -> dict[str, float]:
    ranks, *recalls = values
    numbers = [np.median(ranks), ranks.mean(), *(hits.mean() for hits in recalls)]
    return dict(zip(METRICS, map(float, numbers), strict=True))


def _mean_of_scores(
    scores: list[dict[str, dict[str, float]]],
) -> dict[str, dict[str, float]]:
    return {
        task: {
            name: float(np.mean([values[task][name] for values in scores]))
            for name in METRICS
        }
        for task in (scores[0] if scores else ())
    }


def _check_number_of_projections(n_projections: object) -> None:
    integer = isinstance(n_projections, Integral) and not isinstance(
        n_projections, bool
    )
    if not integer or n_projections < 0:  # type: ignore[operator]
        raise ValueError(
            f"n_projections is {n_projections!r}, expected a non-negative integer."
        )


def _check_projectable(views: tuple[Any, Any], n_projections: int) -> None:
    for name, items in zip("Xy", views, strict=True):
        kind = getattr(as_rows(items), "dtype", np.dtype(object)).kind
        if n_projections and kind not in "biuf":
            raise ValueError(
                f"{name} does not hold numbers, which a random projection needs: pass"
                " n_projections=0."
            )


def _project(
    views: tuple[Any, Any], n_components: int, rng: np.random.RandomState
) -> tuple[np.ndarray, np.ndarray]:
    """Project either view by a Gaussian matrix of its own."""
    X, y = (_project_items(as_rows(items), n_components, rng) for items in views)
    return check_embeddings(X, y)


def _project_items(
    items: Any, n_components: int, rng: np.random.RandomState
) -> np.ndarray:
    matrix = rng.standard_normal((items.shape[1], n_components)) / n_components**0.5
    matrix = matrix.astype(np.float32)
    return np.concatenate([block @ matrix for block in row_blocks(items)])
