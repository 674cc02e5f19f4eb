"""Words drawn with fonts, as a scanner might have seen them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage
from sklearn.utils import Bunch, check_random_state

from ..utils._strings import check_strings
from ._base import check_integer

# Those of matplotlib's own fonts that look like print, and whose letters are letters.
FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "cmr10",
    "cmss10",
    "cmtt10",
)
_DPI = 72
_MARGIN = 4


def make_word_images(
    words: Sequence[str],
    n_samples: int = 1000,
    *,
    fonts: Sequence[str] = FONTS,
    font_size: tuple[int, int] = (20, 32),
    distortion: float = 1.0,
    random_state: int | np.random.RandomState | None = None,
) -> Any:
    """Draw word images: dark ink on light paper, in many fonts and sizes.

    Each is a word in a font and a size, both drawn at random, slanted, rotated and
    shifted a little, with the paper's grain and the scanner's blur. Needs matplotlib,
    whose fonts it uses.

    Parameters
    ----------
    words : list of str
        What to draw from. Every word is drawn once before any is drawn again.
    n_samples : int, default=1000
        Number of images.
    fonts : list of str, default=FONTS
        Names of fonts that matplotlib ships, or paths of TrueType files.
    font_size : tuple of int, default=(20, 32)
        Smallest and largest size, in pixels.
    distortion : float, default=1.0
        Strength of slant, rotation, grain and blur; 0 for clean print.
    random_state : int, RandomState instance or None, default=None
        Draws the images.

    Returns
    -------
    samples : :class:`~sklearn.utils.Bunch`
        With one entry for each image:

        images : list of ndarray of shape (height, width), dtype uint8
            The images, of different sizes.
        strings : list of str
            What they say.
        fonts : ndarray of str
            In which font.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If there is no word, one has nothing to draw, a font is not there, or a number
        is out of range.

    Examples
    --------
    >>> from sklearn_crossmodal.datasets import make_word_images
    >>> drawn = make_word_images(["orders", "letters"], n_samples=4, random_state=0)
    >>> drawn.strings
    ['letters', 'orders', 'orders', 'letters']
    >>> drawn.images[0].ndim, drawn.images[0].dtype
    (2, dtype('uint8'))
    """
    words = check_strings(words, "words")
    check_integer("n_samples", n_samples, 1)
    sizes = tuple(np.atleast_1d(font_size))
    if len(sizes) != 2 or not 4 <= sizes[0] <= sizes[1]:
        raise ValueError(
            f"font_size must be two sizes of at least 4, in order; got {font_size!r}."
        )
    if not distortion >= 0:
        raise ValueError(f"distortion must be at least 0; got {distortion!r}.")
    paths = [_find_font(font) for font in fonts]
    if not paths:
        raise ValueError("fonts is empty; expected at least one.")
    rng = check_random_state(random_state)
    rounds = -(-n_samples // len(words))
    order = np.concatenate([rng.permutation(len(words)) for _ in range(rounds)])
    strings = [words[i] for i in order[:n_samples]]
    chosen = rng.randint(len(paths), size=n_samples)
    sizes = rng.randint(sizes[0], sizes[1] + 1, size=n_samples)
    images = [
        _scan(_draw(word, paths[font], int(size)), distortion, rng)
        for word, font, size in zip(strings, chosen, sizes, strict=True)
    ]
    return Bunch(images=images, strings=strings, fonts=np.array(fonts)[chosen])


def _find_font(font):
    import matplotlib

    shipped = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
    for path in (shipped, Path(font)):
        if path.is_file():
            return str(path)
    raise ValueError(
        f"Font {font!r} is neither one that matplotlib ships nor a TrueType file."
    )


def _draw(word, path, size):
    """Return the ink of a word, from 0 to 1, with a margin around it."""
    from matplotlib.font_manager import get_font

    font = get_font(path)
    font.clear()
    font.set_size(size, _DPI)
    font.set_text(word, 0.0)
    font.draw_glyphs_to_bitmap(antialiased=True)
    ink = np.asarray(font.get_image(), dtype=np.float32) / 255
    if not ink.any():
        raise ValueError(f"The word {word!r} leaves no ink in {Path(path).stem}.")
    return np.pad(ink, _MARGIN)


def _scan(ink, distortion, rng):
    """Return the ink on paper, slanted, rotated, blurred and grained."""
    slant, rotation = distortion * rng.uniform(-1, 1, 2) * (0.3, 0.03)
    tone, paper = rng.uniform(0.6, 1.0), rng.uniform(200, 250)
    height, width = ink.shape
    room = int(np.ceil(abs(slant) * height / 2 + abs(rotation) * height / 2))
    ink = np.pad(ink, ((int(np.ceil(abs(rotation) * width / 2)),) * 2, (room,) * 2))
    backward = np.array([[1, rotation], [slant, 1]])
    centre = (np.array(ink.shape) - 1) / 2
    ink = ndimage.affine_transform(ink, backward, centre - backward @ centre, order=1)
    if distortion:
        ink = ndimage.gaussian_filter(ink, distortion * rng.uniform(0.2, 0.7))
    grain = distortion * 8 * rng.standard_normal(ink.shape)
    return np.clip(paper * (1 - tone * ink) + grain, 0, 255).astype(np.uint8)
