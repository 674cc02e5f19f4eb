"""A network of the ONNX format that takes images and gives rows."""

import os

import numpy as np

from ._photos import INSTALL

_COLOUR_AXIS = {"NCHW": 1, "NHWC": 3}
_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
}
# Errors are raised here; onnxruntime would print them too.
_LOG_NOTHING_ELSE = 4


class OnnxNetwork:
    """A network that onnxruntime has loaded, and what is known of it.

    Parameters
    ----------
    model : str, path-like or bytes
        The file, or what it holds.
    output : str or None
        Name of the output to take. None: the first.
    layout : {"NCHW", "NHWC"} or None
        Where the colours are. None: as the shape of the input tells.
    crop : tuple of int or None
        Height and width of images. None: what the network takes.
    providers : list or None
        What it runs on. None: the CPU.

    Attributes
    ----------
    layout : {"NCHW", "NHWC"}
        Where the colours are.
    size : tuple of int
        Height and width of images.
    batch_size : int or None
        The size of batches, if there is only one that the network takes.
    dtype : type
        Of the numbers that the network takes.
    n_features : int
        Number of features.

    Raises
    ------
    FileNotFoundError, ImportError, ValueError
        As `OnnxImageFeatures.fit` raises them.
    """

    def __init__(self, model, output, layout, crop, providers):
        self._session = _open_session(model, providers)
        taken = _find_input(self._session.get_inputs())
        outputs = [each.name for each in self._session.get_outputs()]
        self._input, self._output = taken.name, _find_output(outputs, output)
        self.dtype = _DTYPES[taken.type]
        self.layout = _find_layout(taken.shape, layout)
        self.size = _find_size(taken.shape, self.layout, crop)
        self.batch_size = taken.shape[0] if isinstance(taken.shape[0], int) else None
        self.n_features = self._try_out()

    def allocate(self, n_images):
        """Return an array for a batch, and a view of it whose colours come first."""
        if self.layout == "NCHW":
            batch = np.zeros((n_images, 3, *self.size), self.dtype)
            return batch, batch
        batch = np.zeros((n_images, *self.size, 3), self.dtype)
        return batch, batch.transpose(0, 3, 1, 2)

    def run(self, batch):
        """Return the features of a batch, two-dimensional."""
        (found,) = self._session.run([self._output], {self._input: batch})
        return found.reshape(len(batch), -1)

    def _try_out(self):
        """Run the network on black images; return its number of features."""
        batch, _ = self.allocate(self.batch_size or 2)
        height, width = self.size
        try:
            (found,) = self._session.run([self._output], {self._input: batch})
        except Exception as error:  # onnxruntime has several, none of them public
            raise ValueError(
                f"The network does not run on {len(batch)} images of {height} x "
                f"{width} pixels. Is it made for another `crop`? {error}"
            ) from error
        shape = getattr(found, "shape", None)
        if not shape or shape[0] != len(batch) or found.dtype.kind not in "fiub":
            got = type(found).__name__ if shape is None else f"shape {shape}"
            raise ValueError(
                f"Output {self._output!r} must be numbers, with a row for each image; "
                f"for {len(batch)} images got {got}."
            )
        return found[0].size


def _open_session(model, providers):
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(f"onnxruntime runs ONNX networks: {INSTALL}") from error
    if not isinstance(model, bytes):
        model = os.fspath(model)
        if not os.path.isfile(model):
            raise FileNotFoundError(f"model={model!r}: no such file.")
    providers = ["CPUExecutionProvider"] if providers is None else providers
    names = [each if isinstance(each, str) else each[0] for each in providers]
    available = onnxruntime.get_available_providers()
    if not set(names) <= set(available):
        raise ValueError(f"providers={names}, but onnxruntime has {available} here.")
    options = onnxruntime.SessionOptions()
    # Batches run in threads side by side, which is faster than threads inside each.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _LOG_NOTHING_ELSE
    try:
        return onnxruntime.InferenceSession(model, options, providers=providers)
    except Exception as error:  # onnxruntime has several, none of them public
        what = f"{len(model)} bytes" if isinstance(model, bytes) else repr(model)
        raise ValueError(
            f"The model, {what}, is no ONNX network that onnxruntime "
            f"{onnxruntime.__version__} can load: {error}"
        ) from error


def _find_input(inputs):
    if (
        len(inputs) == 1
        and inputs[0].type in _DTYPES
        and len(inputs[0].shape or ()) == 4
    ):
        return inputs[0]
    told = ", ".join(f"{each.name} {each.type} {each.shape}" for each in inputs)
    raise ValueError(
        "Expected a network with one input of real numbers in four dimensions: images, "
        f"colours, height and width. This one takes: {told or 'nothing'}."
    )


def _find_output(names, name):
    if name is not None and name not in names:
        raise ValueError(
            f"output={name!r} is none of the network's outputs: {', '.join(names)}."
        )
    return names[0] if name is None else name


def _find_layout(shape, layout):
    told = [name for name, axis in _COLOUR_AXIS.items() if shape[axis] == 3]
    if layout is None and len(told) == 1:
        return told[0]
    if layout is None:
        raise ValueError(
            f"The network takes shape {shape}: expected 3 colours, as the second "
            "number or as the last. If it takes them, tell which by layout='NCHW' or "
            "layout='NHWC'."
        )
    colours = shape[_COLOUR_AXIS[layout]]
    if isinstance(colours, int) and colours != 3:
        raise ValueError(
            f"layout={layout!r}, but the network takes shape {shape}: expected 3 "
            f"colours there, not {colours}."
        )
    return layout


def _find_size(shape, layout, crop):
    sides = shape[2:] if layout == "NCHW" else shape[1:3]
    fixed = tuple(side if isinstance(side, int) else None for side in sides)
    if crop is None and None in fixed:
        raise ValueError(
            f"The network takes images of any size, shape {shape}: give the size it "
            "was trained with, as in crop=224."
        )
    size = fixed if crop is None else crop
    if any(side not in (None, given) for side, given in zip(fixed, size, strict=True)):
        raise ValueError(
            f"crop={crop}, but the network takes {fixed[0]} x {fixed[1]} pixels, shape "
            f"{shape}. crop=None takes that."
        )
    return size
