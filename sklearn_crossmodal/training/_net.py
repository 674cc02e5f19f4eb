"""Build skorch nets from plain settings, so that a fitted one can be rebuilt."""

import inspect

import torch
from skorch import NeuralNet

from ._pairs import BatchIterator

OPTIMIZERS = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "sgd": torch.optim.SGD,
    "adadelta": torch.optim.Adadelta,
}


def resolve_device(device):
    """Return a `torch.device`; ``"auto"`` takes CUDA when there is one.

    Raises
    ------
    ValueError
        If CUDA is asked for and there is none.
    """
    has_cuda = torch.cuda.is_available()
    if device == "auto":
        return torch.device("cuda" if has_cuda else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device={device!r} is not a torch device: {error}") from None
    if resolved.type == "cuda" and not has_cuda:
        raise ValueError(
            f"device={device!r} but torch finds no CUDA device. Use device='auto' to "
            "take a GPU only when there is one, or device='cpu'."
        )
    return resolved


def loadable_device(device):
    """Return where a saved net goes: its device, or the CPU where that is absent."""
    on_cuda = torch.device(device).type == "cuda"
    return torch.device(device if torch.cuda.is_available() or not on_cuda else "cpu")


def build_net(module, criterion, settings, *, device, verbose=0):
    """Return an uninitialized skorch net.

    Parameters
    ----------
    module, criterion : type
        `torch.nn.Module` classes: the towers and the loss.
    settings : dict
        Plain values: ``module`` and ``criterion`` (keyword arguments), ``optimizer``,
        ``lr``, ``weight_decay``, ``batch_size`` and ``net_params``.
    device : torch.device
        Where to train.
    verbose : int, default=0
        Above 0, skorch prints a line for each epoch.

    Returns
    -------
    net : skorch.NeuralNet
    """
    net_params = settings["net_params"] or {}
    taken = sorted(_OWN_PARAMETERS & set(net_params))
    if taken:
        raise ValueError(
            f"net_params has {', '.join(taken)}: give them as the estimator's own "
            "parameters."
        )
    return NeuralNet(
        module,
        criterion=criterion,
        **_prefixed("module", settings["module"]),
        **_prefixed("criterion", settings["criterion"]),
        **{
            "lr": settings["lr"],
            "batch_size": settings["batch_size"],
            **_optimizer_arguments(settings),
            "iterator_train": BatchIterator,
            "iterator_valid": BatchIterator,
            "train_split": None,
            "device": str(device),
            "verbose": verbose,
            **net_params,
        },
    )


def _prefixed(prefix, arguments):
    return {f"{prefix}__{name}": value for name, value in arguments.items()}


def _optimizer_arguments(settings):
    optimizer = OPTIMIZERS.get(settings["optimizer"], settings["optimizer"])
    if not issubclass(optimizer, torch.optim.Optimizer):
        raise ValueError(
            f"optimizer must be one of {sorted(OPTIMIZERS)} or a subclass of "
            f"torch.optim.Optimizer; got {optimizer!r}."
        )
    arguments = {"optimizer": optimizer}
    # A decay pulls weights towards zero; biases and a loss's scale have no reason to.
    # Also where it is 0: AdamW's own default is not.
    if "weight_decay" in inspect.signature(optimizer).parameters:
        arguments["optimizer__weight_decay"] = settings["weight_decay"]
        arguments["optimizer__param_groups"] = [
            (pattern, {"weight_decay": 0.0}) for pattern in _UNDECAYED
        ]
    if optimizer in OPTIMIZERS.values() and _has_fused(optimizer):
        arguments["optimizer__fused"] = True
    return arguments


# What the engine sets by itself, and would set over what stands in net_params.
_OWN_PARAMETERS = {"batch_size", "callbacks", "device", "lr", "max_epochs", "optimizer"}

_UNDECAYED = ("*bias*", "log_scale")


def _has_fused(optimizer):
    return "fused" in inspect.signature(optimizer).parameters
