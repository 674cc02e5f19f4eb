"""The training engine: skorch by composition, shared by every method."""

from ._embedder import NetEmbedder

__all__ = ["NetEmbedder"]
