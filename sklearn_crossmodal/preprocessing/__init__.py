"""Transformers that turn the items of a view into what the towers take."""

from ._captions import CaptionTokenizer

__all__ = ["CaptionTokenizer"]
