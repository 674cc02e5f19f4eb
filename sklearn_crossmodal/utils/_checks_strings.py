"""Checks of transformers of strings, of what other estimators have not."""

import warnings

import numpy as np
from sklearn.decomposition import PCA
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from ._checks_composition import fit_chosen, grid_for
from ._checks_containers import in_pandas
from ._checks_helpers import (
    FIT_ERRORS,
    N_SAMPLES,
    fitted,
    has_parameter,
    must,
    must_be_close,
    must_be_equal,
    must_embed_alike,
    must_raise_each,
    unfitted,
)

# Of no alphabet that anybody gives.
_STRANGE = "\N{SNOWMAN}\N{CYRILLIC SMALL LETTER ZHE}"


def check_string_tags(name, estimator_orig, make_data):
    """Check that tags say that strings come in, one view of them and no arrays."""
    tags = get_tags(estimator_orig)
    must(tags.input_tags.string, f"{name}: input_tags.string must be True.")
    must(
        not tags.input_tags.two_d_array,
        f"{name}: input_tags.two_d_array must be False, as it takes no numbers.",
    )
    must(not tags.target_tags.required, f"{name}: target_tags.required must be False.")
    must(tags.transformer_tags is not None, f"{name} must have transformer_tags.")


def check_y_ignored(name, estimator_orig, make_data):
    """Check that every method but `transform` takes a `y`, and does without."""
    estimator, strings = fitted(estimator_orig, make_data)
    y = np.arange(len(strings)) % 2
    must_embed_alike(
        unfitted(estimator_orig).fit(strings, y),
        estimator,
        (strings,),
        f"{name}.fit must ignore y",
    )
    must_be_equal(
        unfitted(estimator_orig).fit_transform(strings, y),
        estimator.transform(strings),
        f"{name}.fit_transform must ignore y",
    )


def check_empty_string(name, estimator_orig, make_data):
    """Check that the empty string has a finite vector, in training and after it."""
    estimator, strings = fitted(estimator_orig, make_data)
    with_empty = ["", *strings[1:]]
    for how, fit in {
        "as in training": unfitted(estimator_orig).fit(with_empty),
        "that training did not see": estimator,
    }.items():
        together, alone = fit.transform(with_empty), fit.transform([""])
        must(
            np.isfinite(together).all() and np.isfinite(alone).all(),
            f"{name}: an empty string {how} must have a finite vector.",
        )
        must_be_close(
            alone[0],
            together[0],
            f"{name}: an empty string {how} must have the same vector on its own",
        )


def check_unknown_characters(name, estimator_orig, make_data):
    """Check that characters of no alphabet give finite vectors, and one warning.

    None of them may be taken for a character of the alphabet. An estimator without the
    parameter `alphabet` need not warn.
    """
    estimator, strings = fitted(estimator_orig, make_data)
    strange = [_STRANGE, _STRANGE[0], strings[0] + _STRANGE, _STRANGE + strings[1]]
    embedded, n_warnings = _count_warnings(estimator, [*strange, *strings])
    must(
        np.isfinite(embedded).all(),
        f"{name}: unknown characters must give finite vectors.",
    )
    must_be_close(
        embedded[len(strange) :],
        estimator.transform(strings),
        f"{name}: unknown characters must not change the vectors of other strings",
    )
    if not has_parameter(estimator, "alphabet"):
        return
    must(
        n_warnings == 1,
        f"{name}.transform must warn once of unknown characters, however many strings "
        f"have them; it warned {n_warnings} times.",
    )
    must(
        _count_warnings(estimator, strings)[1] == 0,
        f"{name}.transform must not warn where all characters are known.",
    )
    characters = sorted(set("".join(strings)))
    for known, row in zip(characters, estimator.transform(characters), strict=True):
        must(
            not np.allclose(row, embedded[1]),
            f"{name} takes an unknown character for {known!r} of the alphabet.",
        )


def _count_warnings(estimator, strings):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        return estimator.transform(strings), len(caught)


def check_no_list(name, estimator_orig, make_data):
    """Check that one str, None, a number and a table of strings are refused."""
    estimator, strings = fitted(estimator_orig, make_data)
    table = np.array(strings).reshape(-1, 2)
    for what in ("word", None, 3, table):
        calls = {
            "fit": lambda given=what: unfitted(estimator_orig).fit(given),
            "transform": lambda given=what: estimator.transform(given),
        }
        shown = f"an array of shape {table.shape}" if what is table else repr(what)
        message = f"{name} must refuse {shown}, which is no list of strings,"
        must_raise_each(FIT_ERRORS, message, calls)


def check_string_pipeline(name, estimator_orig, make_data):
    """Check that later steps of a Pipeline, a scaler and PCA, take the vectors."""
    estimator, strings = fitted(estimator_orig, make_data)
    expected = estimator.transform(strings)
    for step in (StandardScaler(), PCA(2, random_state=0)):
        expected = step.fit(expected).transform(expected)
    pipe = make_pipeline(
        unfitted(estimator_orig), StandardScaler(), PCA(2, random_state=0)
    )
    must_be_close(
        pipe.fit(strings).transform(strings),
        expected,
        f"{name} in a Pipeline must give the later steps its vectors",
        atol=1e-4,
    )


def check_string_score(name, estimator_orig, make_data):
    """Check that `score` is one finite number, and the same for the same strings."""
    estimator, strings = fitted(estimator_orig, make_data)
    score = estimator.score(strings)
    must(
        np.ndim(score) == 0 and np.isfinite(score),
        f"{name}.score must be one finite number; got {score!r}.",
    )
    for how, again in {
        "once more": estimator.score(strings),
        "with a y": estimator.score(strings, np.arange(len(strings))),
    }.items():
        must_be_equal(again, score, f"{name}.score of the same strings {how}")


def check_string_search(name, estimator_orig, make_data):
    """Check that `GridSearchCV` splits strings, and searches by the own `score`.

    It does so for a list as for a Series, and with ``n_jobs=2`` as with 1.
    """
    (strings,) = make_data(N_SAMPLES, 0)
    series = in_pandas(strings)
    ways = {"a list": (strings, 1), "two jobs": (strings, 2)}
    if series is not None:
        ways["a Series"] = (series, 1)
    searches = {
        how: GridSearchCV(
            unfitted(estimator_orig),
            grid_for(estimator_orig),
            cv=2,
            n_jobs=n_jobs,
            error_score="raise",
        ).fit(given)
        for how, (given, n_jobs) in ways.items()
    }
    expected = searches["a list"].cv_results_["mean_test_score"]
    for how, search in searches.items():
        must_be_close(
            search.cv_results_["mean_test_score"],
            expected,
            f"{name} in GridSearchCV: the scores with {how} must be those with a list",
            atol=0.02,  # a worker's number of threads may change the last bits
        )
    search = searches["a list"]
    best = fit_chosen(name, estimator_orig, search, strings)
    must_be_equal(
        search.transform(strings),
        best.transform(strings),
        f"{name} in GridSearchCV must embed as the best one",
    )
    must_be_equal(
        search.score(strings),
        best.score(strings),
        f"{name} in GridSearchCV must score as the best one",
    )
