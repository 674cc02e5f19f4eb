"""The two-view contract: what every estimator of the package keeps, and how to use it.

``fit(X, y)`` pairs row ``i`` of ``X`` with row ``i`` of ``y``, the second view;
``transform(X)`` and ``transform_y(y)`` place either view in one space, each alone.
Nothing here needs torch.
"""

from contextlib import contextmanager

import numpy as np
from scipy import sparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.callback import CallbackSupportMixin
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import assert_all_finite, check_is_fitted, validate_data

from .utils._bags import repeat_rows
from .utils._containers import (
    as_rows,
    flatten_items,
    holds_text,
    read_bags,
    refuse_empty,
    unflatten_items,
)
from .utils._ids import check_ids
from .utils._sklearn import clone_parametrized, num_samples, wrap_output

__all__ = [
    "TwoViewEmbedder",
    "embed_pairs",
    "embed_y",
    "flatten_items",
    "get_two_view_estimator",
    "unflatten_items",
]

# 4 MB of float32 at a time: validation and training never hold a large X twice.
_BLOCK_VALUES = 1 << 20


class SharedParametersMixin:
    """Let `clone` share the parameters that hold corpora or word vectors."""

    _shared_parameters: tuple[str, ...] = ()

    def __sklearn_clone__(self):
        shared = {name: getattr(self, name) for name in self._shared_parameters}
        bare = object.__new__(type(self))
        bare.__dict__.update(vars(self), **dict.fromkeys(shared))
        cloned = clone_parametrized(bare)
        vars(cloned).update(shared)
        return cloned


class TwoViewEmbedder(
    CallbackSupportMixin,
    SharedParametersMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Base class of estimators that embed two views of the same things in one space.

    Subclasses provide ``fit(X, y, groups=None)``, ``transform(X)``, ``transform_y(y)``
    and the property ``_n_features_out``. Their ``similarity`` (a parameter or a class
    attribute: ``"cosine"``, ``"dot"`` or ``"euclidean"``) says how the vectors of the
    two views are compared; scorers and reports use it.

    Examples
    --------
    A method with nothing to learn but the second view's mean direction:

    >>> import numpy as np
    >>> from sklearn_crossmodal.base import TwoViewEmbedder
    >>> class Identity(TwoViewEmbedder):
    ...     def fit(self, X, y, groups=None):
    ...         self._n_features_out = np.shape(X)[1]
    ...         self.fitted_ = True
    ...         return self
    ...     def transform(self, X):
    ...         return np.asarray(X, dtype=np.float32)
    ...     transform_y = transform
    >>> X = np.eye(4)
    >>> Identity().fit(X, X).score(X, X)
    1.0
    """

    similarity = "cosine"

    # With metadata routing, Pipeline.score passes its sample_weight on, None too.
    __metadata_request__score = {"sample_weight": None}

    # Whether rows of `X` may be arrays of more than one dimension.
    _takes_images = False

    def score(self, X, y, groups=None):
        """Return the mean reciprocal rank, the mean of both directions.

        Each row of `X` searches the items of `y`, and each item the rows of `X`.
        Ties count as their expected value under random tie-breaking, so that a
        constant embedding scores at chance level.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            First view.
        y : array-like or list of length n_samples
            Second view, in any container that `fit` takes.
        groups : array-like of shape (n_samples,), default=None
            Rows of one group are the same item: each is a right answer for the others.

        Returns
        -------
        score : float
            Between 0 and 1; higher is better.
        """
        from .metrics import mean_reciprocal_rank

        X_embedded, y_embedded, rows = embed_pairs(self, X, y)
        groups = self._groups_of(y) if groups is None else groups
        ids = check_ids(groups, len(X_embedded), "groups")
        return mean_reciprocal_rank(
            X_embedded,
            y_embedded,
            groups=ids,
            y_groups=ids[rows],
            similarity=compared_by(self),
        )

    def _groups_of(self, y):
        """Return the groups of rows where none are given; None: each is its own."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _check_X(self, X, *, reset):
        """Validate `X` without converting it: a memmap stays on disk, float16 too."""
        X = validate_data(
            self,
            X,
            reset=reset,
            accept_sparse="csr",
            dtype="numeric",
            allow_nd=self._takes_images,
            ensure_all_finite=False,
            ensure_min_samples=2 if reset else 1,
        )
        check_finite(X, "X", type(self).__name__, as_float32=True)
        return X

    def _check_rows(self, X, y, groups):
        """Return `y` and `groups`, one entry for each row of `X`, or say why not."""
        name = type(self).__name__
        if y is None:
            raise ValueError(
                f"{name} requires y to be passed, but the target y is None. Pass the "
                "second view, one entry for each row of X."
            )
        y = as_rows(y)
        if num_samples(y) != num_samples(X):
            raise ValueError(
                "Found input variables with inconsistent numbers of samples: "
                f"{[num_samples(X), num_samples(y)]}. {name} pairs row i of X with row "
                f"i of y: X has {num_samples(X)} rows and y has {num_samples(y)}. "
                "When a row has several items, give y a list for each row."
            )
        return y, check_ids(groups, num_samples(X), "groups")

    def _wrap_like(self, y, embedded):
        """Follow `set_output` for the second view too."""
        return wrap_output("transform", embedded, y, self)


def compared_by(two_view):
    """Return how embeddings are compared: what `fit` resolved, if it had a choice."""
    return getattr(two_view, "similarity_", None) or two_view.similarity


@contextmanager
def rollback_on_error(estimator):
    """Leave an estimator's fitted attributes as they were when the block fails."""
    before = {k: v for k, v in vars(estimator).items() if k.endswith("_")}
    try:
        yield
    except BaseException:
        for name in [name for name in vars(estimator) if name.endswith("_")]:
            delattr(estimator, name)
        vars(estimator).update(before)
        raise


def check_finite(X, name, estimator_name, *, as_float32):
    """Raise ValueError if a value is NaN or infinite, or would be in float32."""
    values = X.data.reshape(-1, 1) if sparse.issparse(X) else X
    for block in row_blocks(values):
        if as_float32 and block.dtype.kind == "f" and block.dtype.itemsize > 4:
            with np.errstate(over="ignore"):  # told of below
                block = block.astype(np.float32)
        assert_all_finite(block, input_name=name, estimator_name=estimator_name)


def row_blocks(X):
    """Yield consecutive row blocks of `X`, each of bounded size."""
    width = int(np.prod(X.shape[1:], dtype=np.int64))
    step = max(1, _BLOCK_VALUES // max(1, width))
    for start in range(0, X.shape[0], step):
        yield X[start : start + step]


def get_two_view_estimator(estimator):
    """Find the two-view estimator inside a Pipeline, a search or the like.

    Parameters
    ----------
    estimator : estimator
        Fitted: a two-view estimator, a Pipeline with one, a search over either.

    Returns
    -------
    two_view : estimator
        The one that has `transform_y`.
    later_steps : list of estimators
        The Pipeline's steps behind it, in order; they apply to both views.

    Raises
    ------
    TypeError
        If there is none, or more than one in a Pipeline.

    Examples
    --------
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_crossmodal import CaptionRanker
    >>> from sklearn_crossmodal.base import get_two_view_estimator
    >>> pipe = make_pipeline(StandardScaler(), CaptionRanker(), PCA(8))
    >>> two_view, later_steps = get_two_view_estimator(pipe)
    >>> two_view, later_steps
    (CaptionRanker(), [PCA(n_components=8)])
    """
    _, two_view, later_steps = unwrap(estimator)
    return two_view, later_steps


def unwrap(estimator):
    """Return the steps before a two-view estimator, itself, and the steps behind it."""
    if isinstance(estimator, Pipeline):
        return _unwrap_pipeline(estimator)
    if hasattr(estimator, "transform_y"):
        return [], estimator, []
    if hasattr(estimator, "estimator"):
        check_is_fitted(estimator)
        for name in ("best_estimator_", "estimator_", "estimator"):
            if hasattr(estimator, name):
                return unwrap(getattr(estimator, name))
    raise TypeError(
        f"{type(estimator).__name__} has no second view: expected an estimator with "
        "transform_y, such as CaptionRanker, or a Pipeline or search around one."
    )


def _unwrap_pipeline(pipeline):
    steps = [step for step in pipeline.named_steps.values() if step not in _NO_STEP]
    found = [i for i, step in enumerate(steps) if _is_two_view(step)]
    if len(found) != 1:
        names = [type(step).__name__ for step in steps]
        raise TypeError(
            f"A Pipeline needs exactly one two-view step; {names} has {len(found)}."
        )
    place = found[0]
    earlier, two_view, later = unwrap(steps[place])
    return steps[:place] + earlier, two_view, later + steps[place + 1 :]


_NO_STEP = (None, "passthrough")


def _is_two_view(step):
    try:
        get_two_view_estimator(step)
    except TypeError:
        return False
    return True


def embed_y(estimator, y):
    """Embed the second view with an estimator, also inside a Pipeline or a search.

    Parameters
    ----------
    estimator : estimator
        Fitted two-view estimator, or a Pipeline, GridSearchCV and the like around one.
    y : array-like or list
        Second view, in any container that `fit` takes.

    Returns
    -------
    embedded : ndarray of shape (n_samples, n_components), dtype float32
        One row for each row of `y`, in the space of `estimator.transform(X)`: a
        Pipeline's later steps are applied to it too.

    Raises
    ------
    TypeError
        If there is no two-view estimator inside, or more than one in a Pipeline.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_crossmodal import CaptionRanker, embed_y
    >>> X, y = [[0.0], [1.0], [2.0]], ["zero", "one", "two"]
    >>> pipe = make_pipeline(StandardScaler(), CaptionRanker(max_epochs=1)).fit(X, y)
    >>> embed_y(pipe, ["two", "one"]).shape == pipe.transform(X[:2]).shape
    True
    """
    two_view, later_steps = get_two_view_estimator(estimator)
    embedded = two_view.transform_y(y)
    for step in later_steps:
        embedded = step.transform(embedded)
    return embedded


def embed_pairs(estimator, X, y, *, level="auto"):
    """Embed both views for a retrieval evaluation.

    Parameters
    ----------
    estimator : estimator
        Fitted two-view estimator, or a Pipeline or search around one.
    X : array-like of shape (n_samples, n_features)
        First view.
    y : array-like or list of length n_samples
        Second view.
    level : {"auto", "item", "row"}, default="auto"
        Whether every item of a row of `y` becomes an entry of its own. `"auto"`: texts
        are items, bags of vectors stay rows. A row without items has no entry then,
        where the estimator takes such rows (``empty_bags="drop"``).

    Returns
    -------
    X_embedded : ndarray of shape (n_samples, n_components)
        First view.
    y_embedded : ndarray of shape (n_items, n_components)
        Second view.
    rows : ndarray of shape (n_items,)
        The row of each entry of `y_embedded`.

    Examples
    --------
    >>> from sklearn_crossmodal import CaptionRanker
    >>> from sklearn_crossmodal.base import embed_pairs
    >>> X, y = [[0.0], [1.0]], [["zero", "nought"], ["one"]]
    >>> ranker = CaptionRanker(n_components=8, max_epochs=1).fit(X, y)
    >>> X_embedded, y_embedded, rows = embed_pairs(ranker, X, y)
    >>> X_embedded.shape, y_embedded.shape, rows
    ((2, 8), (3, 8), array([0, 0, 1]))
    """
    if level not in ("auto", "item", "row"):
        raise ValueError(f"level must be 'auto', 'item' or 'row'; got {level!r}.")
    y = as_rows(y)
    if num_samples(X) != num_samples(y):
        raise ValueError(
            "Found input variables with inconsistent numbers of samples: "
            f"{[num_samples(X), num_samples(y)]}."
        )
    if level == "item" or (level == "auto" and holds_text(y)):
        bags = read_bags(y)
        two_view, _ = get_two_view_estimator(estimator)
        if getattr(two_view, "empty_bags", "error") == "error":
            refuse_empty(bags.counts, "y")
        items, rows = bags.items, repeat_rows(bags.counts)
    else:
        items, rows = y, repeat_rows([1] * num_samples(y))
    X_embedded = np.asarray(estimator.transform(X))
    return X_embedded, np.asarray(embed_y(estimator, items)), rows
