"""Ids of rows, `groups` and `labels`, as integer codes."""

from collections.abc import Hashable, Iterable, Mapping, Set
from typing import Any

import numpy as np


def check_ids(ids: Any, n_rows: int, name: str) -> np.ndarray:
    """Return one integer code for each row of X; None makes every row its own."""
    if ids is None:
        return np.arange(n_rows)
    return encode_ids(id_list(ids, n_rows, name, "X"), {})


def id_list(ids: Any, n_rows: int, name: str, view: str) -> list:
    """Return one id for each row of a view, or say what is wrong with them."""
    # As objects: numpy would make strings of 1 and NaN beside "1".
    ids = ids if hasattr(ids, "dtype") else np.asarray(ids, dtype=object)
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
    for row, value in enumerate(values):
        if not isinstance(value, Hashable):
            raise ValueError(
                f"{name} holds {value!r:.60} in row {row}, expected one id, such as a"
                f" str or an int, for each row of {view}."
            )
    missing = [row for row, value in enumerate(values) if _is_missing(value)]
    if missing:
        raise ValueError(
            f"{name} has {len(missing)} missing values, the first in row {missing[0]},"
            " expected an id for each row: drop these rows or give them ids of their"
            " own."
        )
    return values


def ids_of_items(
    ids: Any, n_items: np.ndarray, name: str, *, by_row: bool = False
) -> list:
    """Return one id for each item of ``y``, from ids that are flat or in its shape.

    ``n_items`` is the number of items of each row. With ``by_row``, as many ids as rows
    are those of the rows.
    """
    rows = np.repeat(np.arange(len(n_items)), n_items)
    ids = ids.to_numpy() if hasattr(ids, "to_numpy") else ids
    in_rows = not isinstance(ids, str | bytes | Mapping | Set)  # a set has no order
    if not in_rows or not isinstance(ids, Iterable):
        raise TypeError(
            f"{name} is {ids!r:.60}, expected a list with a list for each row of y, or"
            " one entry for each item of flatten_items(y)."
        )
    entries = list(ids)
    if any(map(_is_bag, entries)):
        entries = _flatten_ids(entries, n_items, name)
    elif by_row and len(entries) == len(n_items):
        entries = [entries[row] for row in rows]
    elif len(entries) != len(rows):
        raise ValueError(
            f"{name} has {len(entries)} entries and y has {len(rows)} items in"
            f" {len(n_items)} rows, expected one for each item: give a list for each"
            " row, or one entry for each item of flatten_items(y)."
        )
    for row, value in zip(rows, entries, strict=True):
        if _is_bag(value) or not isinstance(value, Hashable):
            raise ValueError(
                f"{name} holds {value!r:.60} in row {row}, expected one id, such as a"
                " str or an int, for each item."
            )
        if _is_missing(value):
            raise ValueError(f"{name} has a missing value ({value}) in row {row}.")
    return entries


def _flatten_ids(entries: list, n_items: np.ndarray, name: str) -> list:
    if len(entries) != len(n_items):
        raise ValueError(
            f"{name} has {len(entries)} lists and y has {len(n_items)} rows, expected"
            " one for each row."
        )
    for row, (entry, n) in enumerate(zip(entries, n_items, strict=True)):
        if not _is_bag(entry) or len(entry) != n:
            given = f"{len(entry)} entries" if _is_bag(entry) else f"{entry!r:.60}"
            raise ValueError(
                f"Row {row} of {name} has {given} and row {row} of y has {n} items,"
                " expected one entry for each."
            )
    return [value for entry in entries for value in entry]


def _is_bag(entry: Any) -> bool:
    if isinstance(entry, np.ndarray):
        return entry.ndim > 0
    return isinstance(entry, list | tuple) or hasattr(entry, "to_numpy")


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
