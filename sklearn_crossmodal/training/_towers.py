"""Feed-forward towers on given features."""

from functools import partial
from numbers import Integral

from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}

INITS = {
    "he": partial(nn.init.kaiming_normal_, nonlinearity="relu"),
    "glorot_x4": partial(nn.init.xavier_uniform_, gain=4.0),
}


def feed_forward(
    sizes,
    activation,
    dropout,
    output_activation=None,
    *,
    batch_norm=False,
    bias=True,
):
    """Return linear layers of these sizes, each behind a dropout.

    Parameters
    ----------
    sizes : list of int
        Number of inputs, of the units of each hidden layer, and of outputs.
    activation : {"relu", "tanh", "gelu"}
        Between the layers.
    dropout : float
        Share of each layer's inputs that is dropped in training.
    output_activation : {"relu", "tanh", "gelu"}, default=None
        Behind the last layer; None leaves it linear.
    batch_norm : bool, default=False
        Whether hidden layers are normalised over the batch.
    bias : bool, default=True
        Whether layers have biases.

    Returns
    -------
    tower : torch.nn.Sequential
    """
    layers = []
    for n_in, n_out in zip(sizes, sizes[1:-1], strict=False):
        layers += [nn.Dropout(dropout), nn.Linear(n_in, n_out, bias)]
        layers += [nn.BatchNorm1d(n_out)] if batch_norm else []
        layers.append(ACTIVATIONS[activation]())
    tower = nn.Sequential(*layers, nn.Dropout(dropout), nn.Linear(*sizes[-2:], bias))
    if output_activation is not None:
        tower.append(ACTIVATIONS[output_activation]())
    return tower


def initialize(module, init):
    """Draw the weights of all linear layers anew, and set their biases to zero."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            INITS[init](layer.weight)
            nn.init.zeros_(layer.bias)


def check_layer_sizes(sizes, name):
    """Return the sizes of hidden layers as a list, or say what is wrong with them."""
    if not all(isinstance(size, Integral) and size >= 1 for size in sizes):
        raise ValueError(f"{name} must hold integers of at least 1; got {sizes!r}.")
    return list(sizes)
