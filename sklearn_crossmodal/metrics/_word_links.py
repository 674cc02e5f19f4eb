"""Bags of image fragments beside bags of spoken words: their items, what links them."""

from typing import Any

import numpy as np
from scipy import sparse

from ..utils._containers import as_rows, flatten_items
from ..utils._ids import encode_ids, ids_of_items
from ..utils._sklearn import num_samples
from ._relevance import LinkedRelevance


def link_words(
    X: Any, y: Any, types: Any, tokens: Any
) -> tuple[Any, Any, dict[str, LinkedRelevance]]:
    """Return all fragments, each token once, and what is relevant to what."""
    fragments, image_of_fragment, n_images = _flatten(X, "X")
    items, image_of_item, n_rows = _flatten(y, "y")
    if n_images != n_rows:
        raise ValueError(
            f"X has {n_images} rows and y has {n_rows}, expected as many: row i of X"
            " holds the fragments of image i and row i of y its spoken words."
        )
    token_of_item = np.arange(len(image_of_item))
    if tokens is not None:
        ids = ids_of_items(tokens, np.bincount(image_of_item), "tokens")
        token_of_item = encode_ids(ids, {})
    first = np.unique(token_of_item, return_index=True)[1]
    if len(first) < 2:
        raise ValueError(
            f"y has too few tokens ({len(first)}), expected two or more: each is"
            " compared with the others."
        )
    if len(first) < len(token_of_item):
        _check_copies(items, image_of_item, first[token_of_item], "vectors")
        items = _take(items, first)
    type_of_item = None
    if types is not None:
        type_of_item = encode_ids(
            ids_of_items(types, np.bincount(image_of_item), "types"), {}
        )
        _check_copies(type_of_item, image_of_item, first[token_of_item], "types")
    links = _link(image_of_fragment, image_of_item, token_of_item, type_of_item)
    return fragments, items, links


def _flatten(view: Any, name: str) -> tuple[Any, np.ndarray, int]:
    """Return the items of all rows of a view, the row of each, and how many rows."""
    if name == "X" and hasattr(view, "columns"):  # estimators may want the names
        return view, np.arange(len(view)), len(view)
    view = as_rows(view)
    return *flatten_items(view, name=name), num_samples(view)


def _check_copies(
    items: Any, rows: np.ndarray, original: np.ndarray, what: str, block: int = 1024
) -> None:
    """Raise ValueError if an item differs from the first one of its token."""
    copies = np.flatnonzero(original != np.arange(len(rows)))
    for start in range(0, len(copies), block):
        some = copies[start : start + block]
        for i in some[_differ(_take(items, some), _take(items, original[some]))]:
            raise ValueError(
                f"A token in row {rows[i]} of y has the same id in tokens as one in row"
                f" {rows[original[i]]}, but their {what} differ: expected one recording"
                " for each id."
            )


def _differ(items: Any, others: Any) -> np.ndarray:
    """Whether items differ by more than what two embeddings of one item may."""
    if isinstance(items, list):
        pairs = zip(items, others, strict=True)
        return np.array([item != other for item, other in pairs], dtype=bool)
    if sparse.issparse(items):
        items, others = items.toarray(), others.toarray()
    if items.ndim == 1:
        return items != others
    items, others = items.astype(np.float64), others.astype(np.float64)
    with np.errstate(invalid="ignore"):
        tolerance = 1e-4 * np.abs(others).max(axis=1)
        return np.abs(items - others).max(axis=1) > tolerance


def _take(items: Any, indices: np.ndarray) -> Any:
    if isinstance(items, list):
        return [items[i] for i in indices]
    return items[indices]


def _link(
    image_of_fragment: np.ndarray,
    image_of_item: np.ndarray,
    token_of_item: np.ndarray,
    type_of_item: np.ndarray | None,
) -> dict[str, LinkedRelevance]:
    fragments = _incidence(np.arange(len(image_of_fragment)), image_of_fragment)
    tokens = _incidence(token_of_item, image_of_item)
    image_tokens, image_fragments = tokens.T.tocsr(), fragments.T.tocsr()
    links = {
        "word_similarity": LinkedRelevance(tokens, image_tokens, excludes_self=True),
        "word_token_by_image": LinkedRelevance(fragments, image_tokens),
    }
    if type_of_item is not None:
        links["word_type_by_image"] = LinkedRelevance(
            fragments @ _incidence(image_of_item, type_of_item),
            _incidence(type_of_item, token_of_item),
        )
    links["image_token_by_word"] = LinkedRelevance(tokens, image_fragments)
    return links


def _incidence(rows: np.ndarray, columns: np.ndarray) -> Any:
    """Return a sparse matrix with True where a row meets a column."""
    return sparse.csr_array((np.ones(len(rows), dtype=bool), (rows, columns)))
