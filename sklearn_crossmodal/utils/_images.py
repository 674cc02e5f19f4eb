"""Images of any size to grey arrays of one size."""

from numbers import Integral

import numpy as np

# ITU-R BT.601, the luma of photographs and scans.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)

# The towers bring each side to an eighth.
_MIN_SIDE = 8

# Share of the pixels on either side that is taken for specks and holes.
_SPECKS = 2


def read_images(images, name="X"):
    """Return images as a list of 2-D arrays of real numbers.

    Parameters
    ----------
    images : list of arrays, or array of shape (n_images, height, width[, channels])
        Grey images of shape (height, width), or colour images of shape
        (height, width, 3 or 4), which become grey; a fourth channel is left out.
    name : str, default="X"
        What errors call them.

    Returns
    -------
    images : list of 2-D arrays

    Raises
    ------
    TypeError
        If it is no collection of images, or an entry is no array of numbers.
    ValueError
        If there is none, or one has no pixels, another number of dimensions, or pixels
        that are not finite; the index is named.
    """
    if (
        isinstance(images, str | bytes | dict | set)
        or not hasattr(images, "__len__")
        or getattr(images, "ndim", 1) == 0
    ):
        raise TypeError(
            f"{name} must be a list of images, or an array of shape (n_images, height, "
            f"width); got {type(images).__name__}."
        )
    if getattr(images, "ndim", 3) == 2:
        raise ValueError(
            f"{name} must be a list of 2-D arrays, or an array of shape (n_images, "
            f"height, width); got one array of shape {images.shape}. Wrap a single "
            "image in a list."
        )
    if not len(images):
        raise ValueError(f"{name} has no image.")
    return [_read_image(image, i, name) for i, image in enumerate(images)]


def _read_image(image, index, name):
    where = f"Image {index} of {name}"
    try:
        pixels = np.asarray(image)
    except ValueError as error:
        raise ValueError(f"{where} is not a rectangular array: {error}") from None
    if pixels.dtype.kind not in "biuf":
        raise TypeError(
            f"{where} must be an array of real numbers; got {type(image).__name__} of "
            f"dtype {pixels.dtype}."
        )
    if pixels.ndim == 3 and pixels.shape[2] in (3, 4):
        pixels = pixels[:, :, :3] @ _LUMA
    if pixels.ndim != 2:
        raise ValueError(
            f"{where} must have shape (height, width), or (height, width, 3 or 4) in "
            f"colour; got shape {pixels.shape}."
        )
    if not pixels.size:
        raise ValueError(
            f"{where} is empty: shape {pixels.shape}. Leave it out of both views."
        )
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        raise ValueError(f"{where} has pixels that are NaN or infinity.")
    return pixels


def check_image_size(size, name):
    """Return a height and a width, or say what is wrong with them."""
    sides = tuple(size)
    if len(sides) != 2 or not all(
        isinstance(side, Integral) and side >= _MIN_SIDE for side in sides
    ):
        raise ValueError(
            f"{name} must be two integers of at least {_MIN_SIDE}, height and width; "
            f"got {size!r}."
        )
    return int(sides[0]), int(sides[1])


def normalize_images(images, height, width, ink="dark"):
    """Bring images to one size and one contrast.

    Each is stretched to the size, and its pixels so that the 2nd and 98th percentile
    become the darkest and the brightest value.

    Parameters
    ----------
    images : list of 2-D arrays
        As from `read_images`.
    height, width : int
        Size to return.
    ink : {"dark", "light"}, default="dark"
        Which side of the contrast is written. Ink comes out as 255, paper as 0.

    Returns
    -------
    normalized : ndarray of shape (n_images, height, width), dtype uint8
        An image of a single value comes out as zeros.
    """
    normalized = np.empty((len(images), height, width), dtype=np.uint8)
    for row, image in zip(normalized, images, strict=True):
        row[:] = _resize(_stretch(image, ink), height, width)
    return normalized


def _stretch(image, ink):
    # Half: the range of int8 fits no int8, and that of floats may be infinite.
    image = image * np.float64(0.5)
    low, high = np.percentile(image, (_SPECKS, 100 - _SPECKS))
    if not high > low:
        low, high = image.min(), image.max()
    if not high > low:
        return np.zeros(image.shape, dtype=np.float32)
    ranged = np.clip((image - low) / (high - low), 0, 1).astype(np.float32)
    return 1 - ranged if ink == "dark" else ranged


def _resize(image, height, width):
    import torch  # here, so that whoever imports the checks need not import torch

    resized = torch.nn.functional.interpolate(
        torch.from_numpy(image)[None, None],
        size=(height, width),
        mode="bilinear",
        antialias=True,
        align_corners=False,
    )
    return (resized[0, 0].clamp(0, 1) * 255).round().to(torch.uint8).numpy()
