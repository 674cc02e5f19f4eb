"""Checks of tags, parameters and copies, and of what a second `fit` forgets."""

import copy
import inspect
import io
import pickle

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.utils import estimator_html_repr, get_tags

from ._checks_containers import with_feature_names
from ._checks_data import optional_module
from ._checks_helpers import (
    N_SAMPLES,
    fitted,
    fitted_attributes,
    must,
    must_embed_alike,
    must_raise,
    unfitted,
)
from ._checks_views import first_items, kind_of, narrower


def check_tags(name, estimator_orig, make_data):
    """Check that tags say what the contract says, and silence no checks.

    `y` is required and float32 comes out. An estimator that takes 2-D arrays must not
    deny it, or scikit-learn's `check_estimator` runs one check and looks green. One
    that takes bags or images in X takes 3-D arrays; a 2-D array is no images.
    """
    tags = get_tags(estimator_orig)
    must(tags.target_tags.required, f"{name}: target_tags.required must be True.")
    must(
        tags.transformer_tags is not None
        and list(tags.transformer_tags.preserves_dtype) == ["float32"],
        f"{name}: transformer_tags.preserves_dtype must be ['float32'].",
    )
    X, _ = make_data(N_SAMPLES, 0)
    takes_arrays = isinstance(X, np.ndarray) and X.ndim == 2
    silent = not tags.input_tags.two_d_array or tags.no_validation or tags._skip_test
    must(
        not (takes_arrays and silent),
        f"{name} takes 2-D arrays, but its tags silence check_estimator.",
    )
    must(
        isinstance(X, np.ndarray) or tags.input_tags.three_d_array,
        f"{name} takes {kind_of(X)} in X: input_tags.three_d_array must be True.",
    )
    must(
        kind_of(X) != "images" or not tags.input_tags.two_d_array,
        f"{name} takes images in X: input_tags.two_d_array must be False.",
    )


def check_params(name, estimator_orig, make_data):
    """Check that parameters are stored as given and that getting and setting agree.

    `fit` changes none of them, and the estimator can be shown, fitted or not.
    """
    estimator = unfitted(estimator_orig)
    params = estimator.get_params(deep=False)
    signature = inspect.signature(type(estimator).__init__).parameters
    must(
        set(params) == set(signature) - {"self"},
        f"{name}.get_params must have the parameters of __init__.",
    )
    rebuilt = type(estimator)(**params)
    must(
        all(rebuilt.get_params(deep=False)[key] is params[key] for key in params),
        f"{name}.__init__ must store parameters as they are given.",
    )
    must(
        estimator.set_params(**params) is estimator,
        f"{name}.set_params must return self.",
    )
    with must_raise(ValueError, f"{name}.set_params must refuse an unknown name"):
        estimator.set_params(no_such_parameter=1)
    copies = copy.deepcopy(params)
    estimator.fit(*make_data(N_SAMPLES, 0))
    for key, value in estimator.get_params(deep=False).items():
        must(
            value is params[key] and _alike(value, copies[key]),
            f"{name}.fit must not change the parameter {key}.",
        )
    for shown in (unfitted(estimator_orig), estimator):
        must(
            type(shown).__name__ in repr(shown)
            and type(shown).__name__ in estimator_html_repr(shown),
            f"{name} must have a repr and an HTML repr with its name.",
        )


def _alike(a, b):
    """Whether a parameter is like its copy: equal, or of one type and repr."""
    return type(a) is type(b) and (repr(a) == repr(b) or bool(np.all(a == b)))


def check_clone(name, estimator_orig, make_data):
    """Check that a clone is unfitted, has equal parameters and fits alike."""
    estimator, *views = fitted(estimator_orig, make_data)
    cloned = clone(estimator)
    params, cloned_params = (e.get_params(deep=False) for e in (estimator, cloned))
    for key, value in params.items():
        must(
            key in cloned_params and _alike(value, cloned_params[key]),
            f"{name}: the parameter {key} of a clone must equal the original's.",
        )
    left = fitted_attributes(cloned)
    must(not left, f"{name}: a clone must be unfitted; it has {left}.")
    must_embed_alike(
        cloned.fit(*views),
        estimator,
        views,
        f"{name}: a clone must fit to the same bits as the original",
    )


def check_y_transformer(name, estimator_orig, make_data):
    """Check that `y_transformer` is cloned into `y_transformer_` and stays unfitted."""
    estimator, X, y = fitted(estimator_orig, make_data)
    must(
        hasattr(estimator, "y_transformer_"),
        f"{name} must keep the fitted y_transformer as y_transformer_.",
    )
    if estimator.y_transformer_ is None:
        return
    given = clone(estimator.y_transformer_)
    again = unfitted(estimator_orig, y_transformer=given).fit(X, y)
    must(
        again.y_transformer is given and again.y_transformer_ is not given,
        f"{name}.fit must clone y_transformer, not use the parameter itself.",
    )
    must(not fitted_attributes(given), f"{name}.fit must leave y_transformer unfitted.")
    must_embed_alike(
        again,
        estimator,
        (X, y),
        f"{name}: the same y_transformer must give the same bits",
    )


def check_pickle(name, estimator_orig, make_data):
    """Check that pickles and deep copies, before and after `fit`, embed alike."""
    estimator, *views = fitted(estimator_orig, make_data)
    for how, duplicate in _duplications():
        same = duplicate(unfitted(estimator_orig))
        must(not fitted_attributes(same), f"{name}: {how} before fit must be unfitted.")
        must_embed_alike(
            same.fit(*views),
            estimator,
            views,
            f"{name}: {how} before fit must fit to the same bits",
        )
        again = duplicate(estimator)
        must(
            fitted_attributes(again) == fitted_attributes(estimator),
            f"{name}: {how} must keep the fitted attributes.",
        )
        must_embed_alike(
            again, estimator, views, f"{name}: {how} must embed to the same bits"
        )


def _duplications():
    yield "pickle", lambda estimator: pickle.loads(pickle.dumps(estimator))
    yield "copy.deepcopy", copy.deepcopy
    yield "joblib.dump", _through_joblib
    cloudpickle = optional_module("cloudpickle")
    if cloudpickle is not None:
        yield "cloudpickle", lambda e: pickle.loads(cloudpickle.dumps(e))


def _through_joblib(estimator):
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


def check_refit_forgets(name, estimator_orig, make_data):
    """Check that fitting on A and then on B equals fitting on B only.

    A has feature names, which B has not.
    """
    estimator, X, *rest = fitted(estimator_orig, make_data)
    estimator.fit(with_feature_names(first_items(X)), *rest)
    X_b, *rest_b = make_data(N_SAMPLES // 2, 1)
    views = narrower(X_b, by=2), *(narrower(view[::-1]) for view in rest_b)
    expected = unfitted(estimator_orig).fit(*views)
    estimator.fit(*views)
    must_embed_alike(
        estimator,
        expected,
        views,
        f"{name}: a second fit must forget the first",
    )
    must(
        fitted_attributes(estimator) == fitted_attributes(expected),
        f"{name}: a second fit must leave the attributes that a first one does.",
    )
