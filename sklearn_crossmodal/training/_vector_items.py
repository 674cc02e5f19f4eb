"""Second views whose items are vectors, or become vectors by a `y_transformer`."""

import numpy as np
from scipy import sparse

from ..base import check_finite
from ..utils._containers import holds_text


class VectorItemsMixin:
    """Check the items of `y` before they are transformed, and the vectors after."""

    # The setting of the towers that is the width of the vectors.
    _width_setting = "n_components"

    def _fit_y_transformer(self, items):
        self._check_given_items(items)
        super()._fit_y_transformer(items)

    def _transform_items(self, items):
        self._check_given_items(items)
        if not holds_text(items):  # the transformer would say that X has them
            self._check_width(
                items, getattr(self.y_transformer_, "n_features_in_", None)
            )
        elif self.y_transformer_ is None:
            raise TypeError(
                f"{type(self).__name__} was fitted on vectors, and y holds text."
            )
        return super()._transform_items(items)

    def _check_given_items(self, items):
        """Refuse what a scaler would take, or refuse without naming `y`."""
        if not holds_text(items):
            check_finite(items, "y", type(self).__name__, as_float32=False)
        elif self.y_transformer is None and self._default_y_transformer(items) is None:
            raise TypeError(
                f"{type(self).__name__} reads vectors, and y holds text. Give a "
                "y_transformer that makes vectors of it, TfidfVectorizer() for "
                "instance."
            )

    def _check_items(self, items):
        if not (isinstance(items, np.ndarray) or sparse.issparse(items)):
            items = np.asarray(items)
        if items.ndim != 2 or items.dtype.kind not in "biuf":
            raise TypeError(
                "y_transformer must make one vector of real numbers of each item; got "
                f"shape {items.shape} of dtype {items.dtype}."
            )
        items = items.tocsr() if sparse.issparse(items) else items
        check_finite(items, "y", type(self).__name__, as_float32=True)
        self._check_width(items, self._y_width())
        return items

    def _check_width(self, items, n_features):
        if n_features not in (None, items.shape[1]):
            raise ValueError(
                f"y has {items.shape[1]} features, but {type(self).__name__} was "
                f"fitted with {n_features}."
            )

    def _y_width(self):
        if not hasattr(self, "net_"):
            return None
        return self._settings_["module"][self._width_setting]
