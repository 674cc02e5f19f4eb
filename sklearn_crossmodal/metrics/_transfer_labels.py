"""Class labels as one binary task for each class, and the rows to validate each on."""

from collections import Counter
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_random_state

from ..utils._ids import id_list
from ..utils._sklearn import num_samples
from ..utils._strings import check_strings


@dataclass(frozen=True)
class BinaryTasks:
    """What each row is in each class: 1 positive, 0 negative, -1 difficult."""

    train: np.ndarray
    """Array of shape (n_train, n_classes), int8."""
    test: np.ndarray
    """Array of shape (n_test, n_classes), int8."""
    names: list[str]

    @classmethod
    def of(cls, y_train: Any, y_test: Any, names: Any) -> "BinaryTasks":
        """Read the labels of both parts; each class needs rows to be trained on."""
        if _is_indicator(y_train):
            train, test = _indicator(y_train, "y_train"), _indicator(y_test, "y_test")
            if train.shape[1] != test.shape[1]:
                raise ValueError(
                    f"y_train has {train.shape[1]} columns and y_test has"
                    f" {test.shape[1]}, expected as many: one for each class."
                )
            own = list(map(str, range(train.shape[1])))
        else:
            train, test, own = _one_of_each(y_train, y_test)
        tasks = cls(train, test, _check_names(names, own))
        tasks._check_trainable()
        return tasks

    def _check_trainable(self) -> None:
        for value, kind in ((1, "positive"), (0, "negative")):
            lacking = np.flatnonzero(~(self.train == value).any(axis=0))
            if len(lacking):
                raise ValueError(
                    f"Class {self.names[lacking[0]]!r} has no {kind} row in y_train,"
                    " expected some of both: drop the class, or add rows."
                )

    def drawn_parts(self, fraction: float, random_state: Any) -> np.ndarray:
        """Draw the rows to validate each class on: (n_classes, n_train), bool."""
        if not isinstance(fraction, Real) or not 0 < fraction < 1:
            raise ValueError(
                f"validation_fraction is {fraction!r}, expected a number between 0 and"
                " 1."
            )
        rng = check_random_state(random_state)
        held_out = np.zeros(self.train.T.shape, dtype=bool)
        for task, mask, name in zip(self.train.T, held_out, self.names, strict=True):
            for value, kind in ((1, "positive"), (0, "negative")):
                rows = np.flatnonzero(task == value)
                if len(rows) < 2:
                    raise ValueError(
                        f"Class {name!r} has one {kind} row in y_train, expected two or"
                        " more to choose C: drop the class, or give a single C."
                    )
                n_held_out = np.clip(round(fraction * len(rows)), 1, len(rows) - 1)
                mask[rng.permutation(rows)[:n_held_out]] = True
        return held_out

    def given_parts(self, validation: Any) -> np.ndarray:
        """Return the rows to validate each class on, the same ones for all."""
        mask = np.asarray(validation)
        if mask.dtype != bool or mask.shape != (len(self.train),):
            raise ValueError(
                f"validation has shape {mask.shape} and dtype {mask.dtype}, expected a"
                f" bool for each of {len(self.train)} training rows: True where it is"
                " held out."
            )
        for part, name in ((mask, "held out"), (~mask, "left to fit")):
            for value, kind in ((1, "positive"), (0, "negative")):
                lacking = np.flatnonzero(~(self.train[part] == value).any(axis=0))
                if len(lacking):
                    raise ValueError(
                        f"No {kind} row of class {self.names[lacking[0]]!r} is {name}"
                        " by validation, expected some of both in either part."
                    )
        return np.tile(mask, (self.train.shape[1], 1))


def _is_indicator(y: Any) -> bool:
    return np.ndim(y) == 2 or sparse.issparse(y)


def _indicator(y: Any, name: str) -> np.ndarray:
    values = np.asarray(y.toarray() if sparse.issparse(y) else y)
    if values.ndim != 2 or not values.size or values.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} has shape {values.shape} and dtype {values.dtype}, expected"
            " (n_samples, n_classes) of 1, 0 and -1, as y_train has."
        )
    odd = np.argwhere(~np.isin(values, (1, 0, -1)))
    if len(odd):
        row, column = odd[0]
        raise ValueError(
            f"{name} has {values[row, column]} in row {row}, column {column}, expected"
            " 1 for a row of the class, 0 for another, and -1 where that is difficult."
        )
    return values.astype(np.int8)


def _one_of_each(y_train: Any, y_test: Any) -> tuple[np.ndarray, np.ndarray, list[str]]:
    train = id_list(y_train, num_samples(y_train), "y_train", "X_train")
    test = id_list(y_test, num_samples(y_test), "y_test", "X_test")
    classes = list(dict.fromkeys(train))
    try:
        classes.sort()
    except TypeError:  # of several kinds: as they came
        pass
    column = {label: i for i, label in enumerate(classes)}
    for row, label in enumerate(test):
        if label not in column:
            raise ValueError(
                f"y_test has {label!r:.60} in row {row}, which y_train has not,"
                " expected a class to be trained on."
            )
    coded = [[column[label] for label in labels] for labels in (train, test)]
    one_hot = np.eye(len(classes), dtype=np.int8)
    return one_hot[coded[0]], one_hot[coded[1]], list(map(str, classes))


def _check_names(names: Any, own: list[str]) -> list[str]:
    if names is None:
        return own
    names = check_strings(names, "class_names")
    twice = [name for name, n in Counter(names).items() if n > 1]
    if len(names) != len(own) or twice:
        raise ValueError(
            f"class_names has {len(names) - len(twice)} different entries and there are"
            f" {len(own)} classes, expected a name for each."
        )
    return names
