"""The best entries of a gallery for each query, without the full score matrix."""

import numpy as np

_BLOCK = 256


def top_k(queries, gallery, k):
    """Return the indices and scores of the `k` highest inner products of each query.

    Parameters
    ----------
    queries : ndarray of shape (n_queries, n_components)
        Query vectors.
    gallery : ndarray of shape (n_gallery, n_components)
        Vectors to search.
    k : int
        How many to return; at most the size of the gallery.

    Returns
    -------
    indices : ndarray of shape (n_queries, k), dtype int64
        Rows of `gallery`, best first.
    scores : ndarray of shape (n_queries, k), dtype float32
        Their inner products.
    """
    import torch

    k = min(k, len(gallery))
    by_column = torch.from_numpy(np.asarray(gallery, dtype=np.float32)).T
    queries = torch.from_numpy(np.asarray(queries, dtype=np.float32))
    best = [(block @ by_column).topk(k, dim=1) for block in queries.split(_BLOCK)]
    return tuple(
        torch.cat(parts).numpy()
        for parts in ([b.indices for b in best], [b.values for b in best])
    )
