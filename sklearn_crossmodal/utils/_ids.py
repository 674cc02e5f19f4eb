"""Ids of rows, `groups` and `labels`, as integer codes."""

from collections.abc import Iterable
from typing import Any

import numpy as np


def check_ids(ids: Any, n_rows: int, name: str) -> np.ndarray:
    """Return one integer code for each row of X; None makes every row its own."""
    if ids is None:
        return np.arange(n_rows)
    return encode_ids(id_list(ids, n_rows, name, "X"), {})


def id_list(ids: Any, n_rows: int, name: str, view: str) -> list:
    """Return one id for each row of a view, or say what is wrong with them."""
    ids = np.asarray(ids)
    if ids.ndim != 1:
        raise ValueError(
            f"{name} has shape {ids.shape}, expected a 1-D array: one id for each row"
            f" of {view}."
        )
    if len(ids) != n_rows:
        raise ValueError(
            f"{name} has {len(ids)} entries and {view} has {n_rows} rows, expected one"
            " id for each row."
        )
    values = ids.tolist()
    missing = [row for row, value in enumerate(values) if _is_missing(value)]
    if missing:
        raise ValueError(
            f"{name} has {len(missing)} missing values, the first in row {missing[0]},"
            " expected an id for each row: drop these rows or give them ids of their"
            " own."
        )
    return values


def _is_missing(value: Any) -> bool:
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA has no truth value
        return True


def encode_ids(values: Iterable, codes: dict[Any, int]) -> np.ndarray:
    """Return the values' numbers in order of first appearance, extending ``codes``.

    A dict, not a sort: 1 and "1" stay different, and mixed types need no order.
    """
    return np.array([codes.setdefault(value, len(codes)) for value in values])
