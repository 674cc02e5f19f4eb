"""Datasets of paired views: embedded (``load_*``) and downloaded once (``fetch_*``)."""

from ._base import clear_data_home, get_data_home
from ._digit_captions import load_digit_captions
from ._flickr8k import fetch_flickr8k
from ._wikipedia import fetch_wikipedia

__all__ = [
    "clear_data_home",
    "fetch_flickr8k",
    "fetch_wikipedia",
    "get_data_home",
    "load_digit_captions",
]
