"""The best entries of one view for those of the other, by any similarity."""

import numpy as np

from ..metrics._similarity import divergence_views, prepare
from ._top_k import check_n, top_k


def nearest(queries, gallery, similarity, n, *, gallery_is_y=True):
    """Return the entries of a gallery that are most similar to each query.

    Parameters
    ----------
    queries : array-like of shape (n_queries, n_components)
        Embeddings of one view.
    gallery : array-like of shape (n_gallery, n_components)
        Embeddings of the other.
    similarity : {"cosine", "dot", "euclidean", "kl"}
        How they are compared.
    n : int
        How many to return; at most the size of the gallery.
    gallery_is_y : bool, default=True
        Whether the gallery is the second view: a divergence is of that from the first.

    Returns
    -------
    indices : ndarray of shape (n_queries, n), dtype int64
        Rows of `gallery`, best first.
    similarities : ndarray of shape (n_queries, n), dtype float32
        Cosines, products, or minus the distances or divergences.
    """
    n = check_n(n)
    queries, gallery = np.asarray(queries), np.asarray(gallery)
    if similarity == "kl":
        if gallery_is_y:
            return top_k(*divergence_views(queries, gallery), n)
        gallery, queries = divergence_views(gallery, queries)
        return top_k(queries, gallery, n)
    found, products = top_k(*prepare(queries, gallery, similarity), n)
    if similarity != "euclidean":
        return found, products
    similarities = np.empty(found.shape, dtype=np.float32)
    for query, entries, row in zip(queries, found, similarities, strict=True):
        differences = query - gallery[entries]
        row[:] = -np.sqrt(np.einsum("ij,ij->i", differences, differences))
    return found, similarities
