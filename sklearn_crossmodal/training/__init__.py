"""The training engine: skorch by composition, shared by every method."""

from ._bag_embedder import BagEmbedder
from ._embedder import NetEmbedder

__all__ = ["BagEmbedder", "NetEmbedder"]
