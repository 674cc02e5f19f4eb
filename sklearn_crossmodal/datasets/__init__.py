"""Datasets of paired views: embedded, made of given items, and downloaded once."""

from ._base import clear_data_home, get_data_home
from ._digit_captions import load_digit_captions
from ._flickr8k import fetch_flickr8k
from ._fsdd import fetch_fsdd
from ._scenes import make_scenes
from ._wikipedia import fetch_wikipedia
from ._word_images import make_word_images

__all__ = [
    "clear_data_home",
    "fetch_flickr8k",
    "fetch_fsdd",
    "fetch_wikipedia",
    "get_data_home",
    "load_digit_captions",
    "make_scenes",
    "make_word_images",
]
