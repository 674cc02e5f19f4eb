"""Images to the features that a pretrained network of the ONNX format gives."""

import os
from numbers import Integral, Real

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)

from ..utils._sklearn import Interval, StrOptions, fit_context
from ._onnx_network import OnnxNetwork
from ._photos import INTERPOLATIONS, check_rows, prepare_pillow, read_pixels


class OnnxImageFeatures(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    r"""Describe images by what a pretrained ONNX network says about them.

    Images of any size are brought to a short side of `resize`, the middle is cut out,
    and each value :math:`v` from 0 to 255 of colour :math:`c` enters the network as

    .. math:: x_c = \frac{v / 255 - \mathrm{mean}_c}{\mathrm{std}_c}

    which has to be what the network was trained with. The rows are its outputs, made
    flat. onnxruntime runs it, Pillow reads and resizes.

    Parameters
    ----------
    model : str, path-like or bytes
        The network: an ONNX file, or what such a file holds. Its one input is images,
        its outputs have a row for each.
    output : str, default=None
        Name of the output to take. None: the first.
    resize : int or None, default=256
        Short side, in pixels, that images are brought to; proportions are kept. None
        stretches the whole image to `crop`.
    crop : int or tuple of int, default=None
        Side, or height and width, of the middle that is cut out. None: what the network
        takes.
    mean : float or array-like of shape (3,), default=0.5
        Subtracted from red, green and blue, which go from 0 to 1.
    std : float or array-like of shape (3,), default=0.5
        What they are divided by then. With the defaults the network is given values
        from -1 to 1.
    channels : {"RGB", "BGR"}, default="RGB"
        Order of the colours that the network takes. `mean` and `std` are those of red,
        green and blue in any case.
    layout : {"NCHW", "NHWC"}, default=None
        Whether colours come before or after height and width. None: as the shape of the
        network's input tells.
    interpolation : {"bilinear", "bicubic", "lanczos", "hamming", "box", "nearest"}, \
            default="bilinear"
        Filter for resizing. All but ``"nearest"`` average where images become smaller.
    draft : bool, default=True
        Whether JPEG files that are large, at least four times `resize`, are decoded at
        a half, a quarter or an eighth of their size, yet at least twice `resize`. It
        takes a fraction of the time and changes pixels a little.
    batch_size : int, default=32
        Most images given to the network at a time. A network that is made for batches
        of one size is given those.
    n_jobs : int, default=None
        Number of threads. Each reads its own images and runs the network on them. None
        means 1 unless in a :obj:`joblib.parallel_config` context; -1 means all
        processors.
    providers : list, default=None
        What onnxruntime runs the network on, first choice first, as in
        ``["CUDAExecutionProvider", "CPUExecutionProvider"]``. None: the CPU.

    Attributes
    ----------
    n_features_out_ : int
        Number of features. Set by `fit`.

    See Also
    --------
    BagTransformer : Any transformer for the items of bags.

    Notes
    -----
    Nothing is learned from images, so that `transform` works without `fit`. What is
    pickled is `model` as it was given, a path or the bytes; the network is loaded anew
    where it is next used. Rows are the same for any number of threads up to the
    rounding of floats.

    Networks trained with torchvision on ImageNet take
    ``mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)``; those that take values
    from 0 to 255, ``mean=0, std=1 / 255``. Resizing and cutting equal torchvision's
    ``Resize(resize), CenterCrop(crop)`` of PIL images, in one step.

    Grey images become RGB and a fourth channel, alpha, is left out. Photos are turned
    upright as their Exif orientation says. Of files with several frames the first is
    taken.

    onnxruntime and Pillow come with ``pip install sklearn-crossmodal[images]``.

    Examples
    --------
    >>> from pathlib import Path
    >>> from sklearn_crossmodal.preprocessing import OnnxImageFeatures
    >>> extractor = OnnxImageFeatures("mobilenet.onnx", output="features", n_jobs=2)
    >>> photos = sorted(Path("photos").glob("*.jpg"))
    >>> X = extractor.fit_transform(photos)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (2020, 768)

    As the first step of a model that is then given photos:

    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> model = make_pipeline(extractor, StandardScaler(), LogisticRegression())
    >>> model[0].output
    'features'
    """

    _parameter_constraints: dict = {
        "model": [str, os.PathLike, bytes],
        "output": [str, None],
        "resize": [Interval(Integral, 1, None, closed="left"), None],
        "crop": [Interval(Integral, 1, None, closed="left"), list, tuple, None],
        "mean": [Real, "array-like"],
        "std": [Real, "array-like"],
        "channels": [StrOptions({"RGB", "BGR"})],
        "layout": [StrOptions({"NCHW", "NHWC"}), None],
        "interpolation": [StrOptions(INTERPOLATIONS)],
        "draft": ["boolean"],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "providers": [list, tuple, None],
    }

    def __init__(
        self,
        model,
        *,
        output=None,
        resize=256,
        crop=None,
        mean=0.5,
        std=0.5,
        channels="RGB",
        layout=None,
        interpolation="bilinear",
        draft=True,
        batch_size=32,
        n_jobs=None,
        providers=None,
    ):
        self.model = model
        self.output = output
        self.resize = resize
        self.crop = crop
        self.mean = mean
        self.std = std
        self.channels = channels
        self.layout = layout
        self.interpolation = interpolation
        self.draft = draft
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.providers = providers

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X=None, y=None):
        """Load the network and try it. Nothing is learned from images.

        Parameters
        ----------
        X : list of paths, arrays and PIL images, or array, default=None
            As in `transform`. If given, it is checked that they are such, and that the
            files exist; they are not read.
        y : ignored
            For use in pipelines.

        Returns
        -------
        self : OnnxImageFeatures
            The transformer.

        Raises
        ------
        FileNotFoundError
            If the network's file, or one of `X`, does not exist.
        ImportError
            If onnxruntime or Pillow is not installed.
        TypeError
            If `X` holds something else; its row is named.
        ValueError
            If the file is no ONNX network that takes images and gives rows, has no
            such output, or does not take images of that size. If a parameter does not
            fit the network or another one.
        """
        prepare_pillow()
        if X is not None:
            check_rows(X)
        self._make_table(np.float64)
        key = self._key()
        network = OnnxNetwork(*key[:-1])
        if self.resize is not None and max(network.size) > self.resize:
            raise ValueError(
                f"A crop of {network.size[0]} x {network.size[1]} pixels can't be cut "
                f"out of images with a short side of resize={self.resize}. Raise "
                "`resize`, or pass None to stretch images to the crop."
            )
        self._network, self._network_key = network, key
        self.n_features_out_ = network.n_features
        return self

    def transform(self, X):
        """Compute the features of images.

        Parameters
        ----------
        X : list of paths, arrays and PIL images, or array
            Images of any size, and any mixture of: paths (str or path-like) of what
            Pillow can read; PIL images; arrays of shape (height, width) or
            (height, width, 1, 3 or 4), of uint8 from 0 to 255, uint16 from 0 to
            65,535, bool, or real numbers from 0 to 1, which are rounded to 256 levels.
            Or one array of shape (n_images, height, width, 1, 3 or 4), or, of grey
            images, (n_images, height, width).

        Returns
        -------
        features : ndarray of shape (n_images, n_features_out_), float32
            What the network says, one row for each image.

        Raises
        ------
        FileNotFoundError
            If a file does not exist; all such rows are named.
        TypeError
            If a row is no path, array or PIL image, or holds integers other than
            uint8 and uint16; it is named.
        ValueError
            If there is no image. If one can't be read, has no pixels, other dimensions,
            or values that are not finite or not between 0 and 1; its row and path are
            named. If `fit` was not called, as there.
        """
        network = self._load()
        rows = check_rows(X)
        table = self._make_table(network.dtype)
        n_threads = effective_n_jobs(self.n_jobs)
        length = network.batch_size or _share_out(len(rows), self.batch_size, n_threads)
        features = np.empty((len(rows), network.n_features), np.float32)

        def fill(start):
            chunk = range(start, min(start + length, len(rows)))
            batch, planes = network.allocate(network.batch_size or len(chunk))
            for index, image in zip(chunk, planes, strict=False):
                self._read(rows[index], index, network.size, table, image)
            features[start : chunk.stop] = network.run(batch)[: len(chunk)]

        Parallel(n_jobs=n_threads, require="sharedmem")(
            delayed(fill)(start) for start in range(0, len(rows), length)
        )
        return features

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        # Rows are images, and the axes of an array no features.
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.no_validation = True
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def __getstate__(self):
        # What onnxruntime has loaded can't be pickled; it is loaded again when needed.
        state = super().__getstate__()
        loaded = ("_network", "_network_key")
        return {name: value for name, value in state.items() if name not in loaded}

    @property
    def _n_features_out(self):
        return self._load().n_features

    def _key(self):
        """Return the parameters that the network depends on."""
        crop = _check_crop(self.crop)
        return self.model, self.output, self.layout, crop, self.providers, self.resize

    def _load(self):
        """Return the network of the present parameters, loaded if it is not."""
        if not hasattr(self, "_network") or self._network_key != self._key():
            self.fit()
        return self._network

    def _make_table(self, dtype):
        """Return what the network is given for each colour and value, (3, 256)."""
        mean = _check_colours(self.mean, "mean")
        std = _check_colours(self.std, "std")
        if not (std > 0).all():
            raise ValueError(f"std must be positive; got {self.std!r}.")
        values = np.arange(256) / 255
        return ((values - mean[:, None]) / std[:, None]).astype(dtype)

    def _read(self, row, index, size, table, image):
        """Write an image where the network takes it, colours first."""
        pixels = read_pixels(
            row,
            index,
            size,
            resize=self.resize,
            interpolation=self.interpolation,
            draft=self.draft,
        )
        order = (0, 1, 2) if self.channels == "RGB" else (2, 1, 0)
        for plane, colour in zip(image, order, strict=True):
            # Values of a byte are never out of range, and need no check for that.
            plane[:] = np.take(table[colour], pixels[:, :, colour], mode="clip")


def _share_out(n_images, batch_size, n_threads):
    """Return a length of batches that gives each thread as many."""
    n_rounds = -(-n_images // (batch_size * n_threads))
    return -(-n_images // (n_rounds * n_threads))


def _check_crop(crop):
    """Return a height and a width, or None."""
    if crop is None:
        return None
    sides = tuple(crop) if isinstance(crop, list | tuple) else (crop, crop)
    if len(sides) != 2 or not all(isinstance(s, Integral) and s > 0 for s in sides):
        raise ValueError(
            f"crop must be a side, or a height and a width, in pixels; got {crop!r}."
        )
    return int(sides[0]), int(sides[1])


def _check_colours(values, name):
    """Return numbers of red, green and blue."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.full(1, np.nan)
    if array.shape not in ((), (3,)) or not np.isfinite(array).all():
        raise ValueError(
            f"{name} must be a number, or three for red, green and blue; got "
            f"{values!r}."
        )
    return np.broadcast_to(array, 3)
