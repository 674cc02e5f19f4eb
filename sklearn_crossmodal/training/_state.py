"""What a skorch net has learned, taken out of it and put back."""

import copy

import numpy as np
import torch

_PARTS = ("module_", "criterion_", "optimizer_")


def capture(net):
    """Return a copy of the net's weights, optimizer state and number of epochs."""
    state = {part: copy.deepcopy(getattr(net, part).state_dict()) for part in _PARTS}
    return {**state, "n_epochs": len(net.history)}


def restore(net, state, parts=None):
    """Put a captured state back, and drop the history rows that came after it."""
    for part in parts or _PARTS:
        getattr(net, part).load_state_dict(copy.deepcopy(state[part]))
    _lay_out_moments(net.optimizer_)
    del net.history[state["n_epochs"] :]


def _lay_out_moments(optimizer):
    """Give moments the memory format of their weights, by which fused steps go."""
    for weight, moments in optimizer.state.items():
        for name, moment in moments.items():
            if torch.is_tensor(moment) and moment.shape == weight.shape:
                laid_out = torch.empty_like(weight, dtype=moment.dtype)
                moments[name] = laid_out.copy_(moment)


def to_numpy(value):
    """Replace the tensors in nested dicts, lists and tuples by numpy arrays."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    return _map(to_numpy, value)


def to_torch(value):
    """Undo `to_numpy`."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.array(value))
    return _map(to_torch, value)


def _map(function, value):
    if isinstance(value, dict):
        return {key: function(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(function(item) for item in value)
    return value


def plain_history(net):
    """Return the history as a list of dicts of plain values, one for each epoch."""
    return [
        {key: _plain(value) for key, value in row.items() if key != "batches"}
        for row in net.history
    ]


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value
