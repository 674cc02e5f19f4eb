"""One scikit-learn transformer for all the items of bags."""

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from ..utils._bags import repeat_rows
from ..utils._containers import as_rows, holds_bags, read_bags, unflatten_items
from ..utils._sklearn import HasMethods, fit_context


class BagTransformer(  # type: ignore[call-arg]
    TransformerMixin, BaseEstimator, auto_wrap_output_keys=None
):
    """Apply a transformer to the items of bags.

    A bag is a 2-D array, one row for each item: the fragments of an image, the spoken
    words of a sentence. scikit-learn's transformers take one table; here a transformer
    is fitted on the items of all bags as one table, and its output is put together into
    bags again. A table of items, without bags, is transformed as it is.

    Parameters
    ----------
    transformer : estimator
        What to apply: any transformer of tables, a Pipeline too. It is cloned in `fit`.

    Attributes
    ----------
    transformer_ : estimator
        The fitted clone.
    n_features_in_ : int
        Width of the items seen in `fit`.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Names of the columns, where `fit` saw a table that has them.

    See Also
    --------
    sklearn_crossmodal.flatten_items : Take bags apart into items.
    sklearn_crossmodal.unflatten_items : Put items together into bags.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.preprocessing import MinMaxScaler
    >>> from sklearn_crossmodal.preprocessing import BagTransformer
    >>> bags = [np.array([[0.0], [4.0]]), np.array([[1.0]])]
    >>> BagTransformer(MinMaxScaler()).fit_transform(bags)
    [array([[0.],
           [1.]]), array([[0.25]])]
    """

    _parameter_constraints: dict = {
        "transformer": [HasMethods(["fit", "transform"])],
    }

    def __init__(self, transformer):
        self.transformer = transformer

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Fit the transformer on the items of all bags.

        Parameters
        ----------
        X : list of 2-D arrays, 3-D array or 2-D array
            Bags, each with one row for each item and dense or sparse; or items, one by
            one. A bag may be empty.
        y : ignored
            For use in pipelines.

        Returns
        -------
        self : BagTransformer
            Fitted transformer.

        Raises
        ------
        ValueError
            If the bags differ in width (the row is named), or have no item at all.
        """
        items, counts = _take_apart(X)
        if counts is not None and not counts.any():
            raise ValueError(
                f"Expected bags with at least one item; none of the {len(counts)} bags "
                "of X has any."
            )
        transformer = clone(self.transformer).fit(items)
        # What bags without any item become: scikit-learn transforms no empty table.
        self._no_items = transformer.transform(_first(items))[:0]
        self.transformer_ = transformer
        return self

    def transform(self, X):
        """Transform the items of bags.

        Parameters
        ----------
        X : list of 2-D arrays, 3-D array or 2-D array
            Bags, each with one row for each item and dense or sparse; or items, one by
            one. A bag may be empty.

        Returns
        -------
        bags : list of 2-D arrays, 3-D array or 2-D array
            A list of bags for a list, each as long as before, a 3-D array for a 3-D
            array, and for items what the transformer returns. Bags are sparse where the
            transformer's output is, and always in a list then.

        Raises
        ------
        ValueError
            If the bags differ in width (the row is named), or have another width than
            in `fit`.
        """
        check_is_fitted(self)
        items, counts = _take_apart(X)
        if counts is None:
            return self.transformer_.transform(items)
        found = self.transformer_.transform(items) if counts.any() else self._no_items
        found = found.tocsr() if sparse.issparse(found) else np.asarray(found)
        if getattr(X, "ndim", 1) == 3 and not sparse.issparse(found):
            return found.reshape(*X.shape[:2], found.shape[1])
        return unflatten_items(found, repeat_rows(counts), len(counts))

    def get_feature_names_out(self, input_features=None):
        """Return the names of an output item's columns, which the transformer gives.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the columns of the items.

        Returns
        -------
        names : ndarray of str
            One for each column.
        """
        check_is_fitted(self)
        return self.transformer_.get_feature_names_out(input_features)

    def set_output(self, *, transform=None):
        """Set the container that items, one by one, are returned in.

        Bags are arrays whatever is set.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            The container; None leaves it as it is.

        Returns
        -------
        self : BagTransformer
            This transformer.
        """
        for transformer in (self.transformer, getattr(self, "transformer_", None)):
            if transformer is not None:
                transformer.set_output(transform=transform)
        return self

    @property
    def n_features_in_(self):
        """Width of the items seen in `fit`."""
        return self.transformer_.n_features_in_

    @property
    def feature_names_in_(self):
        """Names of the columns seen in `fit`."""
        return self.transformer_.feature_names_in_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        inner = get_tags(self.transformer)
        tags.input_tags = inner.input_tags
        tags.input_tags.three_d_array = True
        tags.transformer_tags = inner.transformer_tags
        tags.non_deterministic = inner.non_deterministic
        tags.no_validation = inner.no_validation
        return tags

    def __sklearn_is_fitted__(self):
        return hasattr(self, "transformer_")


def _take_apart(X):
    """Return the items of all bags and each bag's number of them, None for a table."""
    X = as_rows(X) if getattr(X, "ndim", 1) == 1 else X  # a Series of bags, say
    if not holds_bags(X):
        return X, None
    bags = read_bags(X, "X")
    return bags.items, bags.counts


def _first(items):
    """Return a table of the first item."""
    return (items.tocsr() if sparse.issparse(items) else items)[:1]
