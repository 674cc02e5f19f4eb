"""How well features serve to classify: linear support vector machines on them."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning, UndefinedMetricWarning
from sklearn.metrics import average_precision_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils import check_array, check_random_state
from sklearn.utils.parallel import Parallel, delayed

from ._report import format_table
from ._retrieval import check_option, check_positive_int
from ._transfer_labels import BinaryTasks

_DEFAULT_C = tuple(2.0**exponent for exponent in range(-18, -5, 2))


@dataclass(frozen=True, eq=False)
class TransferReport:
    """Average precision of linear classifiers on one or more kinds of features.

    Parameters
    ----------
    average_precision : dict of str to ndarray of shape (n_classes,)
        Of each class on the test rows, for each kind of features. NaN for a class
        without a positive test row.
    map : dict of str to float
        The mean over the classes that have one.
    C : dict of str to ndarray of shape (n_classes,)
        The C chosen for each class.
    chance : ndarray of shape (n_classes,)
        The average precision of constant scores: the share of positive test rows.
    n_positive : ndarray of shape (n_classes,), dtype int64
        The number of positive test rows of each class.
    classes : list of str
        What the classes are called.
    n_features : dict of str to int
        The number of features of each kind.
    n_train, n_test : int
        Numbers of rows.
    n_difficult : tuple of two int
        Labels left out as difficult, of training and test rows.
    """

    average_precision: dict
    map: dict
    C: dict
    chance: np.ndarray
    n_positive: np.ndarray
    classes: list
    n_features: dict
    n_train: int
    n_test: int
    n_difficult: tuple

    def __str__(self):
        """Return the table as text: a row for each kind of features."""
        rows = [["", "features", "mAP", "lowest AP", "highest AP", "C"]]
        for name, values in self.average_precision.items():
            ends = np.nanmin(values), np.nanmax(values)
            numbers = (f"{value:.3f}" for value in (self.map[name], *ends))
            rows.append(
                [name, str(self.n_features[name]), *numbers, _range(self.C[name])]
            )
        chance = self.chance[self.n_positive > 0]
        numbers = (f"{v:.3f}" for v in (chance.mean(), chance.min(), chance.max()))
        rows.append(["chance", "", *numbers, ""])
        lines = [
            format_table(rows),
            f"{len(self.classes)} classes, {self.n_train} training rows,"
            f" {self.n_test} test rows",
        ]
        if any(self.n_difficult):
            train, test = self.n_difficult
            lines.append(
                f"left out as difficult: {train} training labels, {test} test labels"
            )
        return "\n".join(lines)

    __repr__ = __str__

    def by_class(self):
        """Return a table of the average precision of each class.

        Returns
        -------
        table : str
            A row for each class and one for the mean, a column for each kind of
            features.
        """
        kinds = list(self.average_precision)
        rows = [["", "positive", *kinds, "chance"]]
        for i, name in enumerate(self.classes):
            values = [self.average_precision[kind][i] for kind in kinds]
            numbers = (f"{value:.3f}" for value in (*values, self.chance[i]))
            rows.append([name, str(self.n_positive[i]), *numbers])
        means = [*self.map.values(), self.chance[self.n_positive > 0].mean()]
        total = str(self.n_positive.sum())
        rows.append(["mean", total, *(f"{value:.3f}" for value in means)])
        return format_table(rows)


def _range(values: np.ndarray) -> str:
    low, high = f"{values.min():.2g}", f"{values.max():.2g}"
    return low if low == high else f"{low}..{high}"


def transfer_report(
    X_train: Any,
    y_train: Any,
    X_test: Any,
    y_test: Any,
    *,
    C: Iterable[float] = _DEFAULT_C,  # noqa: N803
    validation_fraction: float = 0.2,
    validation: Any = None,
    average: str = "area",
    class_names: Any = None,
    max_iter: int = 10_000,
    n_jobs: int | None = None,
    random_state: Any = 0,
) -> TransferReport:
    """Report how well linear classifiers do on features that were learned elsewhere.

    The evaluation of [1]_. One linear support vector machine for each class tells it
    from all others. Its C is the one with the highest average precision (AP) on a
    validation part of the training rows; it is then fitted to all of them. mAP is the
    mean over classes of the AP on the test rows.

    Parameters
    ----------
    X_train : array-like of shape (n_train, n_features), or dict of str to such
        Features. A dict has several kinds of features of the same rows by their names,
        for instance the learned ones beside the raw ones: each gets a row of the table.
    y_train : array-like of shape (n_train,) or (n_train, n_classes)
        The class of each row; or, where a row may have several, 1 where it is of a
        class, 0 where it is not, and -1 where that is difficult to say. (The files of
        PASCAL VOC have -1 and 0 the other way round.)
    X_test : array-like of shape (n_test, n_features), or dict of str to such
        Features of the test rows; a dict with the names of `X_train`.
    y_test : array-like of shape (n_test,) or (n_test, n_classes)
        Their classes, as in `y_train`.
    C : iterable of float, default=(2**-18, 2**-16, ..., 2**-6)
        What is tried for each class. Of equally good ones the middle one is taken, the
        lower of two: few positive rows to validate on leave many with an AP of 1. A
        single one needs no validation. Large ones take long.
    validation_fraction : float, default=0.2
        The share of the training rows that is held out to choose C: of each class's
        positive rows, and of its negative ones, drawn for each class anew.
    validation : array-like of bool of shape (n_train,), default=None
        Which training rows are held out, in place of drawing them.
    average : {"area", "voc07"}, default="area"
        What average precision is: scikit-learn's `average_precision_score`; or the mean
        of the highest precision at a recall of at least 0, 0.1, ..., 1, as PASCAL VOC
        had it up to 2009.
    class_names : list of str, default=None
        What the classes are called, in sorted order of labels or in order of columns.
    max_iter : int, default=10000
        Limit to the iterations of the solver.
    n_jobs : int, default=None
        How many processes fit classes side by side.
    random_state : int, RandomState instance or None, default=0
        Draws the validation rows, and the order in which the solver goes through rows.

    Returns
    -------
    report : TransferReport
        Prints as a table; ``report.by_class()`` is one of the classes.

    Raises
    ------
    TypeError
        If features are sparse.
    ValueError
        If shapes do not match, if features are not finite, if a label is unknown, if a
        class lacks positive or negative rows to be trained and validated on (it is
        named), if no class has a positive test row, or if an option is invalid.

    Warns
    -----
    UndefinedMetricWarning
        If a class has no positive test row. It is left out of the mean.
    ConvergenceWarning
        If the final classifier of a class did not converge within `max_iter`.

    See Also
    --------
    sklearn.svm.LinearSVC : The classifier, as it is by default but for C.

    Notes
    -----
    Features are standardised by means and deviations of the rows that a classifier is
    fitted to: never of validation or test rows.

    Difficult labels are left out of the class's training, validation and test, as the
    official evaluation of PASCAL VOC does. Taking them for negative, as is often done,
    gives lower values.

    Classifiers that score all rows alike have the share of positive rows as AP, by
    either definition.

    References
    ----------
    .. [1] L. Gomez, Y. Patel, M. Rusiñol, D. Karatzas and C. V. Jawahar,
       "Self-supervised learning of visual features through embedding images into text
       topic spaces", CVPR 2017.
    .. [2] M. Everingham, L. Van Gool, C. K. I. Williams, J. Winn and A. Zisserman,
       "The PASCAL visual object classes (VOC) challenge", IJCV 88 (2), 2010.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.random_projection import GaussianRandomProjection
    >>> from sklearn_crossmodal.metrics import transfer_report
    >>> X, y = load_digits(return_X_y=True)
    >>> projected = GaussianRandomProjection(16, random_state=0).fit_transform(X)
    >>> features = {"pixels": X, "random projection": projected}
    >>> train = {name: values[:600] for name, values in features.items()}
    >>> test = {name: values[600:] for name, values in features.items()}
    >>> report = transfer_report(train, y[:600], test, y[600:], C=[1e-4, 1e-2])
    >>> report
                       features    mAP  lowest AP  highest AP             C
    pixels                   64  0.893      0.735       0.984  0.0001..0.01
    random projection        16  0.785      0.511       0.943          0.01
    chance                       0.100      0.096       0.104
    10 classes, 600 training rows, 1197 test rows
    """
    check_option("average", average, tuple(_AVERAGES))
    check_positive_int("max_iter", max_iter)
    grid = _check_grid(C)
    tasks = BinaryTasks.of(y_train, y_test, class_names)
    features = _check_features(X_train, X_test, tasks)
    rng = check_random_state(random_state)
    held_out = None
    if validation is not None:
        held_out = tasks.given_parts(validation)
    elif len(grid) > 1:
        held_out = tasks.drawn_parts(validation_fraction, rng)
    n_positive = _check_test(tasks)
    classify = _Classifier(grid, max_iter, average, int(rng.randint(2**31 - 1)))
    found = {
        name: classify.all_classes(*views, tasks, held_out, n_jobs)
        for name, views in features.items()
    }
    _warn_of_convergence({name: columns[2] for name, columns in found.items()})
    precisions = {name: columns[0] for name, columns in found.items()}
    return TransferReport(
        average_precision=precisions,
        map={name: float(np.nanmean(ap)) for name, ap in precisions.items()},
        C={name: columns[1] for name, columns in found.items()},
        chance=_chance(tasks, n_positive),
        n_positive=n_positive,
        classes=tasks.names,
        n_features={name: views[0].shape[1] for name, views in features.items()},
        n_train=len(tasks.train),
        n_test=len(tasks.test),
        n_difficult=tuple(int((y < 0).sum()) for y in (tasks.train, tasks.test)),
    )


@dataclass(frozen=True)
class _Classifier:
    """Chooses C and fits, one class at a time."""

    grid: list[float]
    max_iter: int
    average: str
    seed: int

    def all_classes(
        self,
        X_train: np.ndarray,
        X_test: np.ndarray,
        tasks: BinaryTasks,
        held_out: np.ndarray | None,
        n_jobs: int | None,
    ) -> list[np.ndarray]:
        """Return the AP on test rows, the C and whether it converged, of each class."""
        rows = Parallel(n_jobs=n_jobs)(
            delayed(self.one_class)(
                X_train,
                X_test,
                tasks.train[:, i],
                tasks.test[:, i],
                None if held_out is None else held_out[i],
            )
            for i in range(len(tasks.names))
        )
        return [np.array(column) for column in zip(*rows, strict=True)]

    def one_class(
        self,
        X_train: np.ndarray,
        X_test: np.ndarray,
        train: np.ndarray,
        test: np.ndarray,
        held_out: np.ndarray | None,
    ) -> tuple[float, float, bool]:
        """Return the AP on test rows, the C chosen and whether it converged."""
        sure, best = train >= 0, self.grid[0]
        if held_out is not None and len(self.grid) > 1:
            fitted, tried = sure & ~held_out, sure & held_out
            scaler = StandardScaler().fit(X_train[fitted])
            rows, others = map(scaler.transform, (X_train[fitted], X_train[tried]))
            values = [
                self.precision(self.fit(rows, train[fitted], c), others, train[tried])
                for c in self.grid
            ]
            equally_good = np.flatnonzero(np.equal(values, max(values)))
            best = self.grid[equally_good[(len(equally_good) - 1) // 2]]
        scaler = StandardScaler().fit(X_train[sure])
        model = self.fit(scaler.transform(X_train[sure]), train[sure], best)
        judged = test >= 0
        if not (test == 1).any():
            return np.nan, best, True
        value = self.precision(model, scaler.transform(X_test[judged]), test[judged])
        return value, best, model.n_iter_ < self.max_iter

    def fit(self, X: np.ndarray, y: np.ndarray, penalty: float) -> LinearSVC:
        """Fit one classifier; whether it converged is told of later."""
        model = LinearSVC(
            C=penalty, dual="auto", max_iter=self.max_iter, random_state=self.seed
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return model.fit(X, y)

    def precision(self, model: LinearSVC, X: np.ndarray, y: np.ndarray) -> float:
        """Return the average precision of a classifier."""
        return float(_AVERAGES[self.average](y, model.decision_function(X)))


def _eleven_points(y: np.ndarray, scores: np.ndarray) -> float:
    """Return the mean of the highest precision at a recall of at least 0, .1, ..., 1.

    Rows with equal scores are found together.
    """
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(y) - 1)
    n_right = np.cumsum(y[order] == 1)[last]
    precision = n_right / (last + 1)
    # In tenths, as integers: a recall of 3 / 10 is not below 0.3.
    points = [precision[10 * n_right >= tenths * n_right[-1]] for tenths in range(11)]
    return float(np.mean([part.max() for part in points]))


_AVERAGES = {"area": average_precision_score, "voc07": _eleven_points}


def _check_grid(grid: Any) -> list[float]:
    values = list(grid) if isinstance(grid, Iterable) else [grid]
    for value in values:
        if not isinstance(value, Real) or not 0 < float(value) < np.inf:
            raise ValueError(f"C has {value!r:.60}, expected positive numbers.")
    if not values:
        raise ValueError("C is empty, expected at least one positive number.")
    return sorted(map(float, values))


def _check_features(
    X_train: Any, X_test: Any, tasks: BinaryTasks
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return training and test rows of each kind of features."""
    named = [
        dict(X) if isinstance(X, Mapping) else {"features": X}
        for X in (X_train, X_test)
    ]
    if set(named[0]) != set(named[1]) or not named[0]:
        raise ValueError(
            f"X_train has the features {list(named[0])} and X_test has"
            f" {list(named[1])}, expected the same names, one at least."
        )
    features = {}
    for name, X in named[0].items():
        train = _check_rows(X, len(tasks.train), name, "train")
        test = _check_rows(named[1][name], len(tasks.test), name, "test")
        if train.shape[1] != test.shape[1]:
            raise ValueError(
                f"{name!r} has {train.shape[1]} columns in X_train and {test.shape[1]}"
                " in X_test, expected as many."
            )
        features[str(name)] = train, test
    return features


def _check_rows(X: Any, n_rows: int, name: str, part: str) -> np.ndarray:
    X = check_array(X, dtype=[np.float64, np.float32], input_name=f"X_{part} ({name})")
    if len(X) != n_rows:
        raise ValueError(
            f"{name!r} has {len(X)} rows in X_{part} and y_{part} has {n_rows},"
            " expected a label for each row."
        )
    return X


def _check_test(tasks: BinaryTasks) -> np.ndarray:
    """Return the number of positive test rows of each class; some must have one."""
    n_positive = np.count_nonzero(tasks.test == 1, axis=0)
    lacking = [tasks.names[i] for i in np.flatnonzero(n_positive == 0)]
    if len(lacking) == len(tasks.names):
        raise ValueError("y_test has no positive row of any class: nothing to find.")
    if lacking:
        some = ", ".join(map(repr, lacking[:5])) + ", ..." * (len(lacking) > 5)
        warnings.warn(
            f"{len(lacking)} of {len(tasks.names)} classes have no positive row in"
            f" y_test and are left out of the mean: {some}.",
            UndefinedMetricWarning,
            stacklevel=3,
        )
    return n_positive


def _chance(tasks: BinaryTasks, n_positive: np.ndarray) -> np.ndarray:
    """Return the share of positive rows among those judged; NaN where there is none."""
    n_judged = np.count_nonzero(tasks.test >= 0, axis=0)
    return np.where(n_positive > 0, n_positive / np.maximum(n_judged, 1), np.nan)


def _warn_of_convergence(converged: dict[str, np.ndarray]) -> None:
    n_failed = {name: int((~done).sum()) for name, done in converged.items()}
    if any(n_failed.values()):
        cases = ", ".join(f"{n} on {name!r}" for name, n in n_failed.items() if n)
        warnings.warn(
            f"Classifiers did not converge: {cases}. Raise max_iter, or try smaller C.",
            ConvergenceWarning,
            stacklevel=3,
        )
