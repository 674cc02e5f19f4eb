"""The suite of string transformers accepts what keeps its contract, and nothing else.

The reference counts characters and keeps the leading directions of the counts. Each
broken transformer is the reference with one rule broken.
"""

import string
import warnings
from functools import partial

import joblib
import numpy as np
import pytest
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from sklearn_crossmodal.utils._checks_data import make_words
from sklearn_crossmodal.utils._strings import check_strings
from sklearn_crossmodal.utils.estimator_checks import (
    check_string_transformer,
    parametrize_with_string_checks,
    string_checks_generator,
)

ALPHABET = string.ascii_lowercase + string.digits


class Counts(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Count characters; there is nothing to learn."""

    def __init__(self, alphabet=ALPHABET):
        self.alphabet = alphabet

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.requires_fit = False
        return tags

    def fit(self, strings, y=None):
        self._count(strings)
        return self

    def transform(self, strings):
        return self._count(strings).astype(np.float32)

    def _read(self, strings):
        return check_strings(strings)

    def _count(self, strings):
        strings = self._read(strings)
        unknown = set("".join(strings)) - set(self.alphabet)
        if unknown:
            self._warn(unknown, strings)
        counts = [[text.count(c) for c in self.alphabet] for text in strings]
        return np.array(counts, dtype=np.float64)

    def _warn(self, unknown, strings):
        warnings.warn(f"{len(unknown)} unknown characters.", stacklevel=4)

    @property
    def _n_features_out(self):
        return len(self.alphabet)


class Directions(Counts):
    """Keep the leading directions of the counts."""

    def __init__(
        self,
        n_components=4,
        *,
        alphabet=ALPHABET,
        max_epochs=3,
        warm_start=False,
        random_state=None,
    ):
        super().__init__(alphabet)
        self.n_components = n_components
        self.max_epochs = max_epochs
        self.warm_start = warm_start
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags

    def fit(self, strings, y=None):
        resume = self.warm_start and hasattr(self, "n_iter_")
        return self._train(strings, self.max_epochs, resume)

    def partial_fit(self, strings, y=None):
        return self._train(strings, 1, hasattr(self, "n_iter_"))

    def _train(self, strings, epochs, resume):
        counts = self._count(strings)
        if not resume:
            self._start()
        for _ in range(epochs):
            step = counts.T @ (counts @ self.directions_)
            self.directions_ = np.linalg.qr(step)[0]
        self.n_iter_ += epochs
        return self

    def _start(self):
        rng = check_random_state(self.random_state)
        self.directions_ = rng.standard_normal((len(self.alphabet), self.n_components))
        self.n_iter_ = 0

    def transform(self, strings):
        check_is_fitted(self)
        return (self._count(strings) @ self.directions_).astype(np.float32)

    def score(self, strings, y=None):
        check_is_fitted(self)
        counts = self._count(strings)
        kept = counts @ self.directions_
        return float((kept**2).sum() / (counts**2).sum())

    @property
    def _n_features_out(self):
        return self.directions_.shape[1]


def names(n_samples, random_state):
    """Other people's strings."""
    rng = np.random.RandomState(random_state)
    return [f"name{number}" for number in rng.permutation(10_000)[:n_samples]]


@parametrize_with_string_checks([Counts(), Directions(), (Directions(), names)])
def test_reference_keeps_the_contract(estimator, check):
    # Workers cannot import a test module, threads need not.
    with joblib.parallel_config(backend="threading"):
        check(estimator)


# ------------------------------------------------------- one broken rule in each


class DeniesStrings(Directions):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = False
        return tags


class ClaimsArrays(Directions):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


class NeedsY(Directions):
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


class ChangesParameter(Directions):
    def fit(self, strings, y=None):
        self.alphabet = "".join(sorted(self.alphabet))
        return super().fit(strings)


class ClonesFitted(Directions):
    def __sklearn_clone__(self):
        cloned = type(self)(**self.get_params())
        vars(cloned).update(vars(self))
        return cloned


class EmbedsUnfitted(Directions):
    def transform(self, strings):
        if not hasattr(self, "n_iter_"):
            return np.zeros((len(strings), self.n_components), dtype=np.float32)
        return super().transform(strings)


class ScoresUnfitted(Directions):
    def score(self, strings, y=None):
        return super().score(strings) if hasattr(self, "n_iter_") else 0.0


class SaysItNeedsNoFit(Counts):
    def fit(self, strings, y=None):
        self.mean_ = self._count(strings).mean(axis=0)
        return self

    def transform(self, strings):
        return (self._count(strings) - getattr(self, "mean_", 0)).astype(np.float32)


class ReturnsFloat64(Directions):
    def transform(self, strings):
        return super().transform(strings).astype(np.float64)


class ReturnsNaN(Directions):
    def transform(self, strings):
        return super().transform(strings) * np.float32(np.nan)


class NamesFewer(Directions):
    def get_feature_names_out(self, input_features=None):
        return super().get_feature_names_out()[:-1]


class TransformsDifferentlyInFit(Directions):
    def fit_transform(self, strings, y=None):
        return -self.fit(strings).transform(strings)


class CentresBatch(Directions):
    def transform(self, strings):
        embedded = super().transform(strings)
        return embedded - embedded.mean(axis=0)


class PadsToLongest(Directions):
    """What padding does to a net that does not mask it."""

    def transform(self, strings):
        embedded = super().transform(strings)
        return embedded * np.float32(max(map(len, strings)))


class SortsRows(Directions):
    def transform(self, strings):
        return super().transform(sorted(self._read(strings)))


class GoesByIndex(Directions):
    def _read(self, strings):
        if hasattr(strings, "sort_index"):
            strings = strings.sort_index()
        return super()._read(strings)


class NeedsList(Directions):
    def _read(self, strings):
        if isinstance(strings, tuple):
            raise TypeError("Expected a list.")
        return super()._read(strings)


class LosesIndex(Directions):
    def transform(self, strings):
        return super().transform(list(strings))


class CallsStr(Directions):
    def _read(self, strings):
        return super()._read([str(entry) for entry in strings])


class DropsMissing(Directions):
    def _read(self, strings):
        if isinstance(strings, list):
            strings = ["" if entry is None else entry for entry in strings]
        return super()._read(strings)


class HidesBadEntry(Directions):
    def _read(self, strings):
        try:
            return super()._read(strings)
        except TypeError as error:
            raise TypeError("Some entry is no str.") from error


class EmbedsNothing(Directions):
    def transform(self, strings):
        if len(strings) == 0:
            return np.zeros((0, self.n_components), dtype=np.float32)
        return super().transform(strings)


class SplitsOneString(Directions):
    def _read(self, strings):
        return super()._read(list(strings) if isinstance(strings, str) else strings)


class FlattensTable(Directions):
    def _read(self, strings):
        return super()._read(strings.ravel() if np.ndim(strings) == 2 else strings)


class LeavesHalfFitted(Directions):
    def fit(self, strings, y=None):
        self.n_strings_ = len(strings)
        return super().fit(strings)


class LosesFitOnError(Directions):
    def _train(self, strings, epochs, resume):
        if not resume:
            vars(self).pop("directions_", None)
        return super()._train(strings, epochs, resume)


class LowersInPlace(Directions):
    def _read(self, strings):
        if isinstance(strings, list):
            strings.sort()
        return super()._read(strings)


class PicklesRounded(Directions):
    def __getstate__(self):
        state = dict(super().__getstate__())
        if "directions_" in state:
            state["directions_"] = state["directions_"].astype(np.float16)
        return state


class AlwaysResumes(Directions):
    def fit(self, strings, y=None):
        return self._train(strings, self.max_epochs, hasattr(self, "n_iter_"))


class KeepsStrings(Directions):
    def fit(self, strings, y=None):
        super().fit(strings)
        self.lexicon_ = set(strings)
        return self


class KeepsOneLongString(Directions):
    def fit(self, strings, y=None):
        super().fit(strings)
        self.text_ = " ".join(strings)
        return self


class IgnoresSeed(Directions):
    def _start(self):
        super()._start()
        self.directions_ += np.random.default_rng().normal(size=self.directions_.shape)


class HasOneSeed(Directions):
    def _start(self):
        super()._start()
        rng = np.random.RandomState(0)
        self.directions_ = rng.standard_normal(self.directions_.shape)


class SeedsNumpy(Directions):
    def _start(self):
        super()._start()
        np.random.seed(0)


class DrawsToScore(Directions):
    def score(self, strings, y=None):
        return super().score(strings) + 0 * np.random.uniform()


class StartsCold(Directions):
    def fit(self, strings, y=None):
        return self._train(strings, self.max_epochs, False)


class CountsRefusedEpochs(Directions):
    def _train(self, strings, epochs, resume):
        if resume:
            self.n_iter_ += epochs
            super()._train(strings, epochs, resume)
            self.n_iter_ -= epochs
            return self
        return super()._train(strings, epochs, resume)


class UsesY(Directions):
    def fit(self, strings, y=None):
        super().fit(strings)
        if y is not None:
            self.directions_ = self.directions_ + np.mean(y)
        return self


class FitsStringsOnly(Directions):
    def fit(self, strings):
        return super().fit(strings)


class DividesByLength(Directions):
    def transform(self, strings):
        lengths = np.array([len(text) for text in strings], dtype=np.float32)
        with np.errstate(invalid="ignore"):
            return super().transform(strings) / lengths[:, np.newaxis]


class RefusesEmptyString(Directions):
    def _read(self, strings):
        strings = super()._read(strings)
        if "" in strings:
            raise ValueError("Entry 0 is empty.")
        return strings


class SaysNothing(Directions):
    def _warn(self, unknown, strings):
        pass


class WarnsOfEach(Directions):
    def _warn(self, unknown, strings):
        for text in strings:
            if unknown & set(text):
                warnings.warn(f"{text} has unknown characters.", stacklevel=2)


class WarnsAlways(Directions):
    def transform(self, strings):
        warnings.warn("Unknown characters do not count.", stacklevel=2)
        return super().transform(strings)


class TakesLastForUnknown(Directions):
    """What an index of -1 does."""

    def _count(self, strings):
        counts = super()._count(strings)
        known = set(self.alphabet)
        counts[:, -1] += [sum(c not in known for c in text) for text in strings]
        return counts


class FailsOnUnknown(Directions):
    def _warn(self, unknown, strings):
        raise KeyError(unknown.pop())


class ReturnsLists(Directions):
    def fit_transform(self, strings, y=None):
        return list(map(tuple, self.fit(strings).transform(strings)[:-1]))


class ScoresEach(Directions):
    def score(self, strings, y=None):
        return [super(ScoresEach, self).score([text]) for text in strings]


class ScoresAtRandom(Directions):
    def score(self, strings, y=None):
        return super().score(strings) * np.random.default_rng().uniform()


class ScoresWithoutY(Directions):
    def score(self, strings):
        return super().score(strings)


class IgnoresGrid(Directions):
    def set_params(self, **params):
        params.pop("n_components", None)
        return super().set_params(**params)


class LooksUpLabels(Directions):
    def fit(self, strings, y=None):
        if hasattr(strings, "iloc"):
            strings.loc[range(len(strings))]
        return super().fit(strings)


BROKEN = [
    ("check_string_tags", DeniesStrings),
    ("check_string_tags", ClaimsArrays),
    ("check_string_tags", NeedsY),
    ("check_output", ReturnsFloat64),
    ("check_output", ReturnsNaN),
    ("check_output", NamesFewer),
    ("check_params", ChangesParameter),
    ("check_clone", ClonesFitted),
    ("check_unfitted", EmbedsUnfitted),
    ("check_unfitted", ScoresUnfitted),
    ("check_unfitted", SaysItNeedsNoFit),
    ("check_fit_transform", TransformsDifferentlyInFit),
    ("check_rows_are_independent", CentresBatch),
    ("check_rows_are_independent", PadsToLongest),
    ("check_rows_are_independent", SortsRows),
    ("check_x_containers", GoesByIndex),
    ("check_x_containers", NeedsList),
    ("check_set_output_pandas", LosesIndex),
    ("check_bad_items", CallsStr),
    ("check_bad_items", DropsMissing),
    ("check_bad_items", HidesBadEntry),
    ("check_empty_input", EmbedsNothing),
    ("check_failed_fit", LeavesHalfFitted),
    ("check_failed_fit", LosesFitOnError),
    ("check_input_unchanged", LowersInPlace),
    ("check_pickle", PicklesRounded),
    ("check_refit_forgets", AlwaysResumes),
    ("check_training_data_released", KeepsStrings),
    ("check_pickle_size", KeepsOneLongString),
    ("check_same_seed", IgnoresSeed),
    ("check_different_seeds", HasOneSeed),
    ("check_global_random_state", SeedsNumpy),
    ("check_global_random_state", DrawsToScore),
    ("check_warm_start", StartsCold),
    ("check_warm_start", CountsRefusedEpochs),
    ("check_partial_fit", CountsRefusedEpochs),
    ("check_y_ignored", UsesY),
    ("check_y_ignored", FitsStringsOnly),
    ("check_empty_string", DividesByLength),
    ("check_empty_string", RefusesEmptyString),
    ("check_unknown_characters", SaysNothing),
    ("check_unknown_characters", WarnsOfEach),
    ("check_unknown_characters", WarnsAlways),
    ("check_unknown_characters", TakesLastForUnknown),
    ("check_unknown_characters", FailsOnUnknown),
    ("check_no_list", SplitsOneString),
    ("check_no_list", FlattensTable),
    ("check_string_pipeline", ReturnsLists),
    ("check_string_score", ScoresEach),
    ("check_string_score", ScoresAtRandom),
    ("check_string_score", ScoresWithoutY),
    ("check_string_search", IgnoresGrid),
    ("check_string_search", LooksUpLabels),
]

# They break where the contract says that they work; the others fail an assertion.
THEIR_OWN_ERRORS = {
    NeedsList: TypeError,
    FitsStringsOnly: TypeError,
    RefusesEmptyString: ValueError,
    FailsOnUnknown: KeyError,
    ScoresWithoutY: TypeError,
    LooksUpLabels: KeyError,
}


def checks_of(estimator):
    return {
        check.func.__name__: partial(check, estimator)
        for _, check in string_checks_generator(estimator)
    }


@pytest.mark.filterwarnings("ignore:.*nknown characters")
@pytest.mark.parametrize(
    "check_name, broken",
    BROKEN,
    ids=[f"{broken.__name__}-{check}" for check, broken in BROKEN],
)
def test_broken_transformer_is_caught(check_name, broken):
    error = THEIR_OWN_ERRORS.get(broken, AssertionError)
    with joblib.parallel_config(backend="threading"), pytest.raises(error):
        checks_of(broken())[check_name]()


def test_every_check_has_a_transformer_that_fails_it():
    assert {check for check, _ in BROKEN} == set(checks_of(Directions()))


@pytest.mark.parametrize(
    "check_name, broken, message",
    [
        ("check_string_tags", DeniesStrings, "input_tags.string must be True"),
        ("check_rows_are_independent", PadsToLongest, "must be the rows of the embedd"),
        ("check_x_containers", GoesByIndex, "with X as a Series must equal"),
        ("check_bad_items", DropsMissing, "refuse a row that is None of X at fit"),
        ("check_bad_items", HidesBadEntry, r"its message must mention .*3"),
        ("check_unknown_characters", WarnsOfEach, "once .* it warned 4 times"),
        ("check_unknown_characters", TakesLastForUnknown, "for '9' of the alphabet"),
        ("check_no_list", SplitsOneString, "refuse 'word', which is no list"),
    ],
)
def test_failures_explain_the_contract(check_name, broken, message):
    with pytest.raises(AssertionError, match=message) as failure:
        checks_of(broken())[check_name]()
    assert str(failure.value).startswith(broken.__name__)


# ------------------------------------------------------------- the public functions


def test_words_are_distinct_and_the_same_for_the_same_seed():
    words = make_words(240, 0)
    assert len(set(words)) == 240
    assert words == make_words(240, 0) != make_words(240, 1)


def test_names_of_the_checks_that_ran_are_returned():
    with joblib.parallel_config(backend="threading"):
        ran = check_string_transformer(Directions())
    assert ran == list(checks_of(Directions()))
    assert len(ran) == 29


def test_checks_that_do_not_apply_are_left_out():
    assert set(checks_of(Directions())) - set(checks_of(Counts())) == {
        "check_same_seed",
        "check_different_seeds",
        "check_global_random_state",
        "check_warm_start",
        "check_partial_fit",
        "check_string_score",
        "check_string_search",
    }


def test_strings_need_not_be_warned_of_without_an_alphabet():
    class AnyCharacter(SaysNothing):
        def __init__(self, n_components=4):
            super().__init__(n_components)

    checks_of(AnyCharacter())["check_unknown_characters"]()


def test_class_and_unknown_kind_are_refused():
    with pytest.raises(TypeError, match="instance"):
        list(string_checks_generator(Directions))
    with pytest.raises(ValueError, match=r"one of \['words'\]"):
        check_string_transformer(Directions(), "sentences")


def test_parametrization_names_estimator_kind_and_check():
    mark = parametrize_with_string_checks([(Directions(), names)])
    ids = [parameters.id for parameters in mark.args[1]]
    assert ids[0] == "Directions-names-check_string_tags"
    assert len(ids) == len(set(ids)) == 29
