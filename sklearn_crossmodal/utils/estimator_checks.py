"""The conformance suite of the two-view contract, for our estimators and for yours.

scikit-learn's `check_estimator` knows one view. The checks here are what an estimator
with ``fit(X, y)``, ``transform(X)`` and ``transform_y(y)`` promises besides: each check
is a function whose docstring is one clause of the contract, and which fails with a
message that explains it.
"""

from functools import partial

from ._checks_composition import (
    check_cross_validate,
    check_grid_search,
    check_pipeline_first_step,
    check_pipeline_last_step,
    check_routing_off,
    check_routing_on,
    check_two_two_view_steps,
)
from ._checks_data import as_make_data
from ._checks_helpers import has_parameter
from ._checks_inputs import (
    check_bad_items,
    check_empty_input,
    check_failed_fit,
    check_input_unchanged,
    check_n_features,
    check_nonfinite,
    check_one_sample,
    check_readonly_memmap,
    check_unfitted,
    check_wrong_lengths,
    check_x_containers,
    check_y_none,
)
from ._checks_memory import check_pickle_size, check_training_data_released
from ._checks_outputs import (
    check_either_view_alone,
    check_fit_transform,
    check_groups,
    check_output,
    check_pairs_stay_paired,
    check_rows_are_independent,
    check_score,
    check_set_output_pandas,
    check_several_items,
    check_y_containers,
)
from ._checks_random import (
    check_different_seeds,
    check_global_random_state,
    check_same_seed,
)
from ._checks_resuming import check_partial_fit, check_warm_start
from ._checks_state import (
    check_clone,
    check_params,
    check_pickle,
    check_refit_forgets,
    check_tags,
    check_y_transformer,
)
from ._checks_views import kind_of

__all__ = [
    "check_two_view_estimator",
    "parametrize_with_two_view_checks",
    "two_view_checks_generator",
]

_CHECKS = (
    check_tags,
    check_params,
    check_clone,
    check_unfitted,
    # what comes out
    check_output,
    check_fit_transform,
    check_either_view_alone,
    check_rows_are_independent,
    check_y_containers,
    check_x_containers,
    check_score,
    check_groups,
    check_set_output_pandas,
    # what goes in
    check_wrong_lengths,
    check_y_none,
    check_nonfinite,
    check_bad_items,
    check_empty_input,
    check_one_sample,
    check_n_features,
    check_failed_fit,
    check_input_unchanged,
    check_readonly_memmap,
    # what stays
    check_pickle,
    check_refit_forgets,
    # where it is used
    check_pipeline_last_step,
    check_pipeline_first_step,
    check_two_two_view_steps,
    check_grid_search,
    check_cross_validate,
    check_routing_on,
    check_routing_off,
)


def _yield_checks(estimator, views, light_params, strong_params):
    """Yield the checks that apply to this estimator with views of these kinds."""
    yield from _CHECKS
    yield partial(check_pairs_stay_paired, strong_params=strong_params)
    yield partial(check_training_data_released, light_params=light_params)
    yield partial(check_pickle_size, light_params=light_params)
    if any(kind_of(view) != "numbers" for view in views):
        yield check_several_items
    if has_parameter(estimator, "random_state"):
        yield check_same_seed
        yield check_different_seeds
        yield check_global_random_state
    if has_parameter(estimator, "y_transformer"):
        yield check_y_transformer
    if has_parameter(estimator, "warm_start"):
        yield check_warm_start
    if hasattr(estimator, "partial_fit"):
        yield check_partial_fit


def two_view_checks_generator(
    estimator, make_data="vectors", *, light_params=None, strong_params=None
):
    """Yield the checks that apply to an estimator, to be run one by one.

    Parameters
    ----------
    estimator : estimator instance
        Unfitted; it is cloned and never changed.
    make_data : str or callable, default="vectors"
        The kind of data; see `check_two_view_estimator`.
    light_params, strong_params : dict, default=None
        See `check_two_view_estimator`.

    Yields
    ------
    estimator : estimator instance
        As given.
    check : functools.partial
        ``check(estimator)`` runs the check.

    Examples
    --------
    >>> from sklearn_crossmodal import CaptionRanker
    >>> from sklearn_crossmodal.utils.estimator_checks import two_view_checks_generator
    >>> estimator, check = next(two_view_checks_generator(CaptionRanker(), "texts"))
    >>> check.func.__name__
    'check_tags'
    >>> check(estimator)
    """
    if isinstance(estimator, type):
        raise TypeError(
            f"Pass an instance instead of the class: {estimator.__name__}(...)."
        )
    make_data, _ = as_make_data(make_data)
    name = type(estimator).__name__
    views = make_data(2, 0)
    for check in _yield_checks(estimator, views, light_params, strong_params):
        yield estimator, partial(check, name, make_data=make_data)


def check_two_view_estimator(
    estimator, make_data="vectors", *, light_params=None, strong_params=None
):
    """Check that an estimator keeps the two-view contract.

    To be run beside scikit-learn's `check_estimator`, which an estimator that takes 2-D
    arrays passes too.

    Parameters
    ----------
    estimator : estimator instance
        Unfitted; it is cloned and never changed. Give it a small model: it is fitted
        some hundred times, mostly on 40 rows. `n_components` must be at least 3.
    make_data : {"vectors", "tokens", "texts", "several_texts", "bags", "bag_pairs"} \
            or callable, default="vectors"
        The kind of second view that the estimator takes, with a first view `X` that is
        a 2-D array of floats:

        - ``"vectors"``: 2-D array of floats;
        - ``"tokens"``: 2-D array of non-negative integers, 0 being padding;
        - ``"texts"``: list of str;
        - ``"several_texts"``: list of lists of str of different lengths;
        - ``"bags"``: list of 2-D arrays of different lengths.

        ``"bag_pairs"`` has bags in both views: `X` too is a list of 2-D arrays. A row
        of one vector may then come as a row of a 2-D array.

        A callable ``make_data(n_samples, random_state)`` returns `X`, a 2-D array of
        floats or a list of them, and `y`, of one of these kinds: paired rows that can
        be learned, from the same distribution for every `random_state`.
    light_params : dict, default=None
        Parameters with which the fitted estimator keeps nothing that grows with the
        training data, when by default it documents that it does:
        ``{"store_captions": False}``.
    strong_params : dict, default=None
        Parameters with which the estimator learns 40 pairs well, when `estimator` is
        trained for a moment only: ``{"max_epochs": 50}``.

    Returns
    -------
    names : list of str
        The checks that ran and passed. Those that do not apply, such as that of
        `partial_fit` for an estimator without it, are left out.

    Raises
    ------
    AssertionError
        If the estimator breaks a clause of the contract; the message says which. Other
        exceptions are those that the estimator raises where it should not.

    See Also
    --------
    parametrize_with_two_view_checks : The same as tests of pytest.

    Examples
    --------
    scikit-learn's CCA has two views, but another contract:

    >>> from sklearn.cross_decomposition import CCA
    >>> from sklearn_crossmodal.utils.estimator_checks import check_two_view_estimator
    >>> check_two_view_estimator(CCA(n_components=3), "vectors")
    Traceback (most recent call last):
    AssertionError: CCA: target_tags.required must be True.
    """
    checks = two_view_checks_generator(
        estimator, make_data, light_params=light_params, strong_params=strong_params
    )
    names = []
    for _, check in checks:
        check(estimator)
        names.append(_name_of(check))
    return names


def parametrize_with_two_view_checks(estimators):
    """Decorate a test so that pytest runs it for each check of each estimator.

    Parameters
    ----------
    estimators : list
        Each entry is an estimator instance (checked with ``"vectors"``), or a tuple
        ``(estimator, make_data)``, or ``(estimator, make_data, options)`` with the
        keyword arguments of `check_two_view_estimator` as a dict.

    Returns
    -------
    decorator : pytest.mark.parametrize
        Of the arguments ``estimator`` and ``check``.

    See Also
    --------
    check_two_view_estimator : The same without pytest.

    Examples
    --------
    >>> from sklearn_crossmodal import CaptionRanker
    >>> from sklearn_crossmodal.utils.estimator_checks import (
    ...     parametrize_with_two_view_checks,
    ... )
    >>> ranker = CaptionRanker(n_components=8, word_size=8, gru_size=8, max_epochs=2)
    >>> options = {"light_params": {"store_captions": False}}
    >>> @parametrize_with_two_view_checks([(ranker, "texts", options)])
    ... def test_two_view_contract(estimator, check):
    ...     check(estimator)
    """
    import pytest

    parameters = []
    for entry in estimators:
        estimator, make_data, options = _unpack(entry)
        _, kind = as_make_data(make_data)
        for _, check in two_view_checks_generator(estimator, make_data, **options):
            id_ = f"{type(estimator).__name__}-{kind}-{_name_of(check)}"
            parameters.append(pytest.param(estimator, check, id=id_))
    return pytest.mark.parametrize("estimator, check", parameters)


def _unpack(entry):
    estimator, make_data, options = entry, "vectors", {}
    if isinstance(entry, tuple):
        estimator, *rest = entry
        make_data = rest[0] if rest else make_data
        options = rest[1] if len(rest) > 1 else options
    return estimator, make_data, options


def _name_of(check):
    return check.func.__name__
