"""Vectors of unit length."""

import numpy as np


def unit_rows(table):
    """Return vectors of unit length; zero stays zero."""
    norms = np.linalg.norm(table, axis=1, keepdims=True)
    return np.divide(table, norms, where=norms > 0, out=np.zeros_like(table))
