"""Photos: files, arrays or PIL images of any size to RGB pixels of one size."""

import math
import os
import threading
from pathlib import Path

import numpy as np

from ..utils._containers import as_rows, name_rows

INSTALL = "pip install sklearn-crossmodal[images]"
INTERPOLATIONS = {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"}

# The tag of Exif that tells how the camera was held.
_ORIENTATION = 0x0112

# A JPEG is decoded at no less than this many times the size that is needed.
_DRAFT_GAP = 2

# Resampling filters overshoot: so much beyond [0, 1] is rounded away, not refused.
_HALF_LEVEL = 0.5 / 255

# A PIL image reads its file when first used, which two threads must not do at once.
_LOADING = threading.Lock()


def prepare_pillow():
    """Import Pillow so that threads can use it, or say how to install it."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(f"Pillow reads and resizes images: {INSTALL}") from error
    # Rare formats are otherwise registered by the first thread that meets one, and
    # another that comes at the same time would not know them.
    Image.init()


def check_rows(X):
    """Return images as a sequence, none of which has been read yet.

    Parameters
    ----------
    X : list, array or Series
        Paths, arrays and PIL images, in any mixture.

    Returns
    -------
    rows : sequence
        Indexed by integers; of a length of at least 1.

    Raises
    ------
    TypeError
        If it is no collection, or an entry is no path, array or PIL image.
    ValueError
        If there is none, or if it is one image that is not in a list.
    FileNotFoundError
        If paths lead to no file; their rows are named.
    """
    rows = _as_sequence(X)
    if len(rows) == 0:
        raise ValueError("Expected at least one image; got none.")
    if isinstance(rows, np.ndarray) and rows.dtype.kind not in "OSU":
        return rows
    for index, row in enumerate(rows):
        _check_type(row, index)
    _check_files(rows)
    return rows


def read_pixels(row, index, size, *, resize, interpolation, draft):
    """Return one image as RGB pixels of one size.

    Parameters
    ----------
    row : path, array or PIL image
        The image.
    index : int
        Its row, for errors.
    size : tuple of int
        Height and width to return.
    resize : int or None
        The short side that the image is brought to before the middle is cut out of it.
        None stretches the whole image to `size`.
    interpolation : str
        One of `INTERPOLATIONS`.
    draft : bool
        Whether large JPEG files may be decoded at a fraction of their size.

    Returns
    -------
    pixels : ndarray of shape (height, width, 3), uint8
        Pixels.

    Raises
    ------
    ValueError
        If the image can't be read, or has no pixels; the row is named.
    """
    from PIL import Image

    where = f"Row {index} of X"
    needed = _DRAFT_GAP * (resize or max(size)) if draft else None
    if isinstance(row, str | os.PathLike):
        photo = _read_file(row, f"{where}, {os.fspath(row)!r}", needed)
    elif isinstance(row, Image.Image):
        photo = _read_pil(row, where)
    else:
        photo = Image.fromarray(_read_array(row, where))
    filter_ = Image.Resampling[interpolation.upper()]
    box = _find_box(photo.size, size, resize)
    photo = photo.resize(size[::-1], filter_, box=box)
    return np.asarray(photo.convert("RGB"))


# ------------------------------------------------------------------------ collections


def _as_sequence(X):
    if isinstance(X, str | os.PathLike):
        raise TypeError(
            f"Expected a list of images; got the path {os.fspath(X)!r:.80}. Wrap it in "
            "a list; the files of a folder are sorted(Path(folder).glob('*.jpg'))."
        )
    if hasattr(X, "getexif"):
        raise TypeError("Expected a list of images; got one image: wrap it in a list.")
    if not hasattr(X, "__len__") or isinstance(X, bytes | dict | set):
        raise TypeError(
            "Expected a list of paths, arrays or PIL images, or an array of shape "
            f"(n_images, height, width, 3); got {type(X).__name__}."
        )
    rows = as_rows(X)
    if isinstance(rows, np.ndarray):
        _check_array(rows)
    return rows if hasattr(rows, "__getitem__") else list(rows)


def _check_array(array):
    """Refuse arrays that are one image, or a table."""
    if array.dtype.kind in "OSU":
        if array.ndim != 1:
            raise ValueError(
                f"Expected images or paths; got a table of shape {array.shape}. Pass "
                "the column that holds the paths."
            )
        return
    if array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise ValueError(
            f"Expected images; got one array of shape {array.shape}. If it is a single "
            "image, wrap it in a list: [image]."
        )
    if array.ndim not in (3, 4):
        raise ValueError(
            "Expected an array of shape (n_images, height, width, 3), or (n_images, "
            f"height, width) if grey; got shape {array.shape}."
        )


def _check_type(row, index):
    # Asked of the type: a PIL image would convert its pixels to answer.
    known = isinstance(row, str | os.PathLike) or any(
        hasattr(type(row), name) for name in ("__array__", "__array_interface__")
    )
    if isinstance(row, bytes) or not known:
        hint = ""
        if isinstance(row, bytes):
            hint = " Encoded images are opened with PIL.Image.open(io.BytesIO(data))."
        raise TypeError(
            f"Row {index} of X must be a path, an array or a PIL image; got "
            f"{row!r:.60} ({type(row).__name__}).{hint}"
        )


def _check_files(rows):
    paths = {i: p for i, p in enumerate(rows) if isinstance(p, str | os.PathLike)}
    missing = [index for index, path in paths.items() if not os.path.isfile(path)]
    if missing:
        first = os.fspath(paths[missing[0]])
        under = "" if os.path.isabs(first) else f" in {os.fspath(Path.cwd())!r}"
        raise FileNotFoundError(
            f"{name_rows(missing)} of X: no such file{under}. The first is {first!r}."
        )


# ------------------------------------------------------------------------- one image


def _read_file(path, where, needed):
    from PIL import Image

    try:
        with Image.open(path) as photo:
            if needed is not None:
                photo.draft(None, (needed, needed))
            photo.load()
            return _to_rgb(_turn_upright(photo))
    except PermissionError as error:
        raise PermissionError(f"{where}: may not be read.") from error
    except Exception as error:  # whatever a decoder says about a broken file
        raise ValueError(
            f"{where}: can't be read as an image ({type(error).__name__}: {error}). "
            "Repair the file, or leave its row out."
        ) from error


def _read_pil(photo, where):
    try:
        with _LOADING:
            photo.load()
        return _to_rgb(_turn_upright(photo))
    except Exception as error:  # it may be a file that was opened and not yet read
        raise ValueError(
            f"{where}: can't be read as an image ({type(error).__name__}: {error})."
        ) from error


def _turn_upright(photo):
    from PIL import ImageOps

    try:
        orientation = photo.getexif().get(_ORIENTATION, 1)
    except Exception:  # a broken tag spoils no photo
        return photo
    if orientation not in range(2, 9):
        return photo
    return ImageOps.exif_transpose(photo)


def _to_rgb(photo):
    """Return an image of mode RGB or L: alpha left out, 8 bits a channel."""
    from PIL import Image

    if 0 in photo.size:
        raise ValueError(f"no pixels, size {photo.size}")
    if photo.mode.startswith("I;16"):
        return Image.fromarray(_to_bytes(np.asarray(photo), ""))
    if photo.mode in ("I", "F"):
        raise ValueError(
            f"mode {photo.mode!r} doesn't tell which values are black and white; "
            "convert it to 8 bits, as with an array from 0 to 1"
        )
    return photo if photo.mode in ("RGB", "L") else photo.convert("RGB")


def _read_array(image, where):
    """Return an array as contiguous uint8, (height, width) or (height, width, 3)."""
    try:
        pixels = np.asarray(image)
    except Exception as error:  # a tensor on a GPU, say
        raise TypeError(f"{where} can't be made an array: {error}") from error
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    elif pixels.ndim == 3 and pixels.shape[2] == 4:
        pixels = pixels[:, :, :3]
    if pixels.ndim != 2 and (pixels.ndim != 3 or pixels.shape[2] != 3):
        hint = ""
        if pixels.ndim == 3 and pixels.shape[0] in (1, 3, 4):
            hint = " Channels come last: image.transpose(1, 2, 0)."
        raise ValueError(
            f"{where} must have shape (height, width), or (height, width, 1, 3 or 4); "
            f"got shape {pixels.shape}.{hint}"
        )
    if not pixels.size:
        raise ValueError(f"{where} has no pixels: shape {pixels.shape}. Leave it out.")
    return np.ascontiguousarray(_to_bytes(pixels, where))


def _to_bytes(pixels, where):
    if pixels.dtype == np.uint8:
        return pixels
    if pixels.dtype.kind == "u" and pixels.itemsize == 2:
        return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if pixels.dtype == bool:
        return pixels * np.uint8(255)
    if pixels.dtype.kind != "f":
        raise TypeError(
            f"{where} has dtype {pixels.dtype}: expected uint8 from 0 to 255, uint16 "
            "from 0 to 65535, bool, or real numbers from 0 to 1. Values from 0 to 255 "
            "are converted by image.astype(np.uint8)."
        )
    low, high = float(pixels.min()), float(pixels.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{where} has pixels that are NaN or infinity.")
    if low < -_HALF_LEVEL or high > 1 + _HALF_LEVEL:
        raise ValueError(
            f"{where} has real numbers from {low:g} to {high:g}: expected 0 to 1. "
            "Divide values from 0 to 255 by 255, or convert them to uint8; values "
            "that were normalized for a net have to be taken back."
        )
    return np.rint(np.clip(pixels, 0, 1) * np.float32(255)).astype(np.uint8)


def _find_box(photo_size, size, resize):
    """Return the part of the photo that is to become the crop: left, top, right, low.

    As when the photo was resized, to whole pixels, and the crop cut out of that at
    whole pixels; but only what is seen is computed.
    """
    width, height = photo_size
    if resize is None:
        return (0, 0, width, height)
    short = min(width, height)
    edges = []
    for side, crop in ((width, size[1]), (height, size[0])):
        long = max(resize * side // short, crop)
        start = round((long - crop) / 2)
        edges.append((start * side / long, min((start + crop) * side / long, side)))
    (left, right), (top, low) = edges
    return (left, top, right, low)
