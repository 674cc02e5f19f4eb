"""Which gallery entries are relevant to which query."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..utils._ids import encode_ids, id_list


@dataclass(frozen=True)
class Relevance:
    """The relevant gallery columns of each query that has any.

    Queries with equal ids share one run of ``columns``, so that the memory doesn't
    grow with queries x gallery.
    """

    queries: np.ndarray
    """Indices of the queries that have a relevant item."""
    start: np.ndarray
    """Where the relevant columns of each of these queries start in ``columns``."""
    n_relevant: np.ndarray
    """How many there are, for each of these queries."""
    columns: np.ndarray
    n_gallery: int
    n_queries: int
    """The number of queries, those without a relevant item included."""
    excludes_self: bool = False
    """Whether query i is gallery entry i, and no answer to itself."""

    @classmethod
    def from_ids(cls, query_ids: ArrayLike, gallery_ids: ArrayLike) -> "Relevance":
        """Relevant means equal ids (integer codes, see :func:`encode_ids`)."""
        query_ids, gallery_ids = np.asarray(query_ids), np.asarray(gallery_ids)
        columns = np.argsort(gallery_ids, kind="stable")
        ordered = gallery_ids[columns]
        start = ordered.searchsorted(query_ids, "left")
        n_relevant = ordered.searchsorted(query_ids, "right") - start
        return cls._keep(start, n_relevant, columns, len(gallery_ids))

    @classmethod
    def among(cls, ids: ArrayLike) -> "Relevance":
        """Relevant means equal ids among the others: each entry is a query."""
        full = cls.from_ids(ids, ids)
        others = full.n_relevant - 1
        kept = others.nonzero()[0]
        return replace(
            full,
            queries=kept,
            start=full.start[kept],
            n_relevant=others[kept],
            excludes_self=True,
        )

    @classmethod
    def from_mask(cls, mask: ArrayLike) -> "Relevance":
        """Relevant means True in a (queries, gallery) matrix."""
        mask = np.asarray(mask, dtype=bool)
        n_relevant = mask.sum(axis=1)
        start = np.cumsum(n_relevant) - n_relevant
        return cls._keep(start, n_relevant, mask.nonzero()[1], mask.shape[1])

    @classmethod
    def _keep(
        cls,
        start: np.ndarray,
        n_relevant: np.ndarray,
        columns: np.ndarray,
        n_gallery: int,
    ) -> "Relevance":
        kept = n_relevant.nonzero()[0]
        return cls(
            kept, start[kept], n_relevant[kept], columns, n_gallery, len(n_relevant)
        )

    def block(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the columns of queries start..stop, concatenated, and their numbers.

        Queries are counted among those that have a relevant item.
        """
        n_relevant = self.n_relevant[start:stop]
        length = n_relevant + self.excludes_self
        ends = np.cumsum(length)
        shift = np.repeat(self.start[start:stop] - (ends - length), length)
        columns = self.columns[shift + np.arange(len(shift))]
        if self.excludes_self:
            columns = columns[columns != np.repeat(self.queries[start:stop], length)]
        return columns, n_relevant

    def keep(self, mask: np.ndarray) -> "Relevance":
        """Return the relevance of some of these queries; the mask has one entry each.

        Queries are counted among those that have a relevant item.
        """
        return replace(
            self,
            queries=self.queries[mask],
            start=self.start[mask],
            n_relevant=self.n_relevant[mask],
        )


@dataclass(frozen=True)
class LinkedRelevance:
    """Relevant means something in common: an image, a word type.

    The pairs are many-to-many and found for a block of queries at a time, so that the
    memory doesn't grow with queries x gallery.
    """

    queries: Any
    """Sparse array (n_queries, n_links): what each query is linked to."""
    gallery: Any
    """Sparse array (n_links, n_gallery): what is linked to each gallery entry."""
    excludes_self: bool = False
    """Whether query i is gallery entry i, and no answer to itself."""

    def block(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the columns of queries start..stop, concatenated, and their numbers.

        Unlike in `Relevance`, a query may have none.
        """
        linked = self.queries[start:stop] @ self.gallery
        n_relevant = np.diff(linked.indptr)
        if not self.excludes_self:
            return linked.indices, n_relevant
        rows = np.repeat(np.arange(stop - start), n_relevant)
        others = linked.indices != rows + start
        return linked.indices[others], np.bincount(rows[others], minlength=stop - start)


def relevance_ids(
    n_x: int,
    n_y: int,
    groups: ArrayLike | None = None,
    y_groups: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    y_labels: ArrayLike | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return one integer code per row of X and of Y; equal codes are relevant."""
    by_group = groups is not None or y_groups is not None
    by_label = labels is not None or y_labels is not None
    if by_group and by_label:
        raise ValueError(
            "Both groups and labels were given, expected one of them: relevant is"
            " either the same item (groups) or the same class (labels)."
        )
    if by_label:
        return _encode_pair(n_x, n_y, labels, y_labels, "labels")
    if by_group:
        return _encode_pair(n_x, n_y, groups, y_groups, "groups")
    if n_x != n_y:
        raise ValueError(
            f"X has {n_x} rows and Y has {n_y}, expected as many: row i of X is paired"
            " with row i of Y unless groups and y_groups (or labels and y_labels) say"
            " which rows belong together."
        )
    return np.arange(n_x), np.arange(n_y)


def _encode_pair(
    n_x: int, n_y: int, x_ids: Any, y_ids: Any, name: str
) -> tuple[np.ndarray, np.ndarray]:
    if x_ids is None:
        raise ValueError(f"y_{name} was given without {name}: give both.")
    if y_ids is None and n_x != n_y:
        raise ValueError(
            f"X has {n_x} rows and Y has {n_y}, and only {name} was given: give"
            f" y_{name} too, one id for each row of Y."
        )
    x_list = id_list(x_ids, n_x, name, "X")
    y_list = x_list if y_ids is None else id_list(y_ids, n_y, f"y_{name}", "Y")
    codes: dict[Any, int] = {}
    return encode_ids(x_list, codes), encode_ids(y_list, codes)
