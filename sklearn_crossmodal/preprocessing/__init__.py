"""Transformers that turn the items of a view into what the towers take."""

from ._bags import BagTransformer
from ._captions import CaptionTokenizer
from ._dctow import DCToW
from ._doc2vec import Doc2VecVectorizer
from ._lda import LDAVectorizer
from ._onnx import OnnxImageFeatures
from ._phoc import PHOC
from ._speech import LogMelStacker
from ._word_mean import WordMeanVectorizer

__all__ = [
    "PHOC",
    "BagTransformer",
    "CaptionTokenizer",
    "DCToW",
    "Doc2VecVectorizer",
    "LDAVectorizer",
    "LogMelStacker",
    "OnnxImageFeatures",
    "WordMeanVectorizer",
]
