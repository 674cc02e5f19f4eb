"""Every private scikit-learn name that the package uses, in one place.

Each is unnecessary from the scikit-learn version that makes its public; until then a
rename breaks this file only.
"""

from sklearn.base import _clone_parametrized as clone_parametrized
from sklearn.base import _fit_context as fit_context
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
)
from sklearn.utils._set_output import _wrap_data_with_container as wrap_output
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "HasMethods",
    "Interval",
    "StrOptions",
    "clone_parametrized",
    "fit_context",
    "num_samples",
    "wrap_output",
]
