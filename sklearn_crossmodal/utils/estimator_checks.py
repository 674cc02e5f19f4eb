"""The conformance suites of our contracts, for our estimators and for yours.

scikit-learn's `check_estimator` knows one view, and no strings. The checks here are
what an estimator with ``fit(X, y)``, ``transform(X)`` and ``transform_y(y)`` promises
besides, and what a transformer of strings does. Each check is a function whose
docstring is one clause of the contract, and which fails with a message that explains
it.
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
from ._checks_data import as_make_data, as_make_strings
from ._checks_helpers import N_SAMPLES, has_parameter
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
from ._checks_strings import (
    check_empty_string,
    check_no_list,
    check_string_pipeline,
    check_string_score,
    check_string_search,
    check_string_tags,
    check_unknown_characters,
    check_y_ignored,
)
from ._checks_views import kind_of

__all__ = [
    "check_string_transformer",
    "check_two_view_estimator",
    "parametrize_with_string_checks",
    "parametrize_with_two_view_checks",
    "string_checks_generator",
    "two_view_checks_generator",
]

# Of an estimator of one view or of two ...
_CHECKS = (
    check_output,  # first: the others take it for granted
    check_params,
    check_clone,
    check_unfitted,
    # what comes out
    check_fit_transform,
    check_rows_are_independent,
    check_x_containers,
    check_set_output_pandas,
    # what goes in
    check_bad_items,
    check_empty_input,
    check_failed_fit,
    check_input_unchanged,
    # what stays
    check_pickle,
    check_refit_forgets,
)

# ... and of one with two views only.
_TWO_VIEW_CHECKS = (
    # what comes out
    check_either_view_alone,
    check_y_containers,
    check_score,
    check_groups,
    # what goes in
    check_wrong_lengths,
    check_y_none,
    check_nonfinite,
    check_one_sample,
    check_readonly_memmap,
    # where it is used
    check_pipeline_last_step,
    check_pipeline_first_step,
    check_grid_search,
    check_cross_validate,
    check_routing_on,
    check_routing_off,
)

# ... and of a transformer of strings.
_STRING_CHECKS = (
    check_y_ignored,
    check_empty_string,
    check_unknown_characters,
    check_no_list,
    check_string_pipeline,
)


def _shared_checks(estimator, light_params):
    """Yield the checks that apply to this estimator, of however many views."""
    yield from _CHECKS
    yield partial(check_training_data_released, light_params=light_params)
    yield partial(check_pickle_size, light_params=light_params)
    if has_parameter(estimator, "random_state"):
        yield check_same_seed
        yield check_different_seeds
        yield check_global_random_state
    if has_parameter(estimator, "warm_start"):
        yield check_warm_start
    if hasattr(estimator, "partial_fit"):
        yield check_partial_fit


def _two_view_checks(estimator, make_data, light_params, strong_params):
    """Yield the checks that apply to this estimator with views of these kinds."""
    yield check_tags
    yield from _shared_checks(estimator, light_params)
    yield from _TWO_VIEW_CHECKS
    yield partial(check_pairs_stay_paired, strong_params=strong_params)
    if has_parameter(estimator, "y_transformer"):
        yield check_y_transformer
    kinds = set(map(kind_of, make_data(N_SAMPLES, 0)))
    if "images" in kinds:  # one a row, of any size, and never what comes out
        return
    yield check_n_features
    yield check_two_two_view_steps
    if kinds != {"numbers"}:
        yield check_several_items


def _string_checks(estimator, light_params):
    """Yield the checks that apply to this transformer of strings."""
    yield check_string_tags
    yield from _shared_checks(estimator, light_params)
    yield from _STRING_CHECKS
    if hasattr(estimator, "score"):
        yield check_string_score
        yield check_string_search


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
    _refuse_class(estimator)
    make_data, _ = as_make_data(make_data)
    checks = _two_view_checks(estimator, make_data, light_params, strong_params)
    yield from _bind(checks, estimator, make_data)


def string_checks_generator(estimator, make_data="words", *, light_params=None):
    """Yield the checks that apply to a transformer of strings, to be run one by one.

    Parameters
    ----------
    estimator : estimator instance
        Unfitted; it is cloned and never changed.
    make_data : str or callable, default="words"
        The kind of strings; see `check_string_transformer`.
    light_params : dict, default=None
        See `check_string_transformer`.

    Yields
    ------
    estimator : estimator instance
        As given.
    check : functools.partial
        ``check(estimator)`` runs the check.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn_crossmodal.utils.estimator_checks import string_checks_generator
    >>> checks = string_checks_generator(CountVectorizer(analyzer="char"))
    >>> [check.func.__name__ for _, check in checks][:3]
    ['check_string_tags', 'check_output', 'check_params']
    """
    _refuse_class(estimator)
    make_data, _ = as_make_strings(make_data)
    yield from _bind(_string_checks(estimator, light_params), estimator, make_data)


def _refuse_class(estimator):
    if isinstance(estimator, type):
        raise TypeError(
            f"Pass an instance instead of the class: {estimator.__name__}(...)."
        )


def _bind(checks, estimator, make_data):
    name = type(estimator).__name__
    for check in checks:
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
    make_data : {"vectors", "tokens", "texts", "several_texts", "tags", "bags", \
            "bag_pairs", "word_images"} or callable, default="vectors"
        The kind of second view that the estimator takes, with a first view `X` that is
        a 2-D array of floats:

        - ``"vectors"``: 2-D array of floats;
        - ``"tokens"``: 2-D array of non-negative integers, 0 being padding;
        - ``"texts"``: list of str;
        - ``"several_texts"``: list of lists of str of different lengths;
        - ``"tags"``: the same, of few distinct words;
        - ``"bags"``: list of 2-D arrays of different lengths.

        ``"bag_pairs"`` has bags in both views: `X` too is a list of 2-D arrays. A row
        of one vector may then come as a row of a 2-D array. ``"word_images"`` has grey
        images in `X`, a list of 2-D arrays of different heights and widths, and in `y`
        a list of str: the word that is drawn on each.

        A callable ``make_data(n_samples, random_state)`` returns `X`, a 2-D array of
        floats, a list of them (bags), or a list of 2-D arrays of different widths
        (images), and `y`, of one of these kinds: paired rows that can be learned, from
        the same distribution for every `random_state`.
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
    return _run(
        two_view_checks_generator(
            estimator, make_data, light_params=light_params, strong_params=strong_params
        )
    )


def check_string_transformer(estimator, make_data="words", *, light_params=None):
    """Check that a transformer of strings keeps its contract.

    scikit-learn has no strings to give to an estimator whose tags say that it takes
    them, and runs next to nothing. Here such a transformer, with ``fit(strings)`` and
    ``transform(strings)``, is held to what scikit-learn expects of others, and to more.

    Parameters
    ----------
    estimator : estimator instance
        Unfitted; it is cloned and never changed. If it is trained, give it a small
        model: it is fitted some hundred times. An `n_components` must be at least 3.
    make_data : {"words"} or callable, default="words"
        What it is fitted on: distinct strings of lower-case letters and digits, or what
        ``make_data(n_samples, random_state)`` returns, a list of that many distinct
        str. Their characters must be of the estimator's alphabet.
    light_params : dict, default=None
        Parameters with which the fitted transformer keeps nothing that grows with the
        training strings, when by default it documents that it does.

    Returns
    -------
    names : list of str
        The checks that ran and passed. Those that do not apply, such as that of seeds
        for a transformer without ``random_state``, are left out.

    Raises
    ------
    AssertionError
        If the transformer breaks a clause of the contract; the message says which.
        Other exceptions are those that it raises where it should not.

    See Also
    --------
    parametrize_with_string_checks : The same as tests of pytest.
    check_two_view_estimator : Of estimators with two views.

    Examples
    --------
    scikit-learn's vectorizers take texts, but their contract is another:

    >>> from sklearn.feature_extraction.text import HashingVectorizer
    >>> from sklearn_crossmodal.utils.estimator_checks import check_string_transformer
    >>> check_string_transformer(HashingVectorizer(analyzer="char", n_features=32))
    Traceback (most recent call last):
    AssertionError: HashingVectorizer.transform must return one 2-D array...
    """
    return _run(
        string_checks_generator(estimator, make_data, light_params=light_params)
    )


def _run(checks):
    names = []
    for estimator, check in checks:
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
    return _parametrize(estimators, "vectors", as_make_data, two_view_checks_generator)


def parametrize_with_string_checks(estimators):
    """Decorate a test so that pytest runs it for each check of each transformer.

    Parameters
    ----------
    estimators : list
        Each entry is a transformer of strings (checked with ``"words"``), or a tuple
        ``(estimator, make_data)``, or ``(estimator, make_data, options)`` with the
        keyword arguments of `check_string_transformer` as a dict.

    Returns
    -------
    decorator : pytest.mark.parametrize
        Of the arguments ``estimator`` and ``check``.

    See Also
    --------
    check_string_transformer : The same without pytest.

    Examples
    --------
    >>> from sklearn.feature_extraction.text import CountVectorizer
    >>> from sklearn_crossmodal.utils.estimator_checks import (
    ...     parametrize_with_string_checks,
    ... )
    >>> @parametrize_with_string_checks([CountVectorizer(analyzer="char")])
    ... def test_string_contract(estimator, check):
    ...     check(estimator)
    """
    return _parametrize(estimators, "words", as_make_strings, string_checks_generator)


def _parametrize(entries, default_kind, find_kind, generate_checks):
    import pytest

    parameters = []
    for entry in entries:
        estimator, make_data, options = _unpack(entry, default_kind)
        _, kind = find_kind(make_data)
        for _, check in generate_checks(estimator, make_data, **options):
            id_ = f"{type(estimator).__name__}-{kind}-{_name_of(check)}"
            parameters.append(pytest.param(estimator, check, id=id_))
    return pytest.mark.parametrize("estimator, check", parameters)


def _unpack(entry, default_kind):
    estimator, make_data, options = entry, default_kind, {}
    if isinstance(entry, tuple):
        estimator, *rest = entry
        make_data = rest[0] if rest else make_data
        options = rest[1] if len(rest) > 1 else options
    return estimator, make_data, options


def _name_of(check):
    return check.func.__name__
