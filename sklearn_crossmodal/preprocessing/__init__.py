"""Transformers that turn the items of a view into what the towers take."""

from ._bags import BagTransformer
from ._captions import CaptionTokenizer
from ._dctow import DCToW
from ._phoc import PHOC
from ._speech import LogMelStacker

__all__ = ["PHOC", "BagTransformer", "CaptionTokenizer", "DCToW", "LogMelStacker"]
