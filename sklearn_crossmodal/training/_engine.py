"""The epoch loop around a skorch net: what is complete is kept, whatever happens."""

import math

import numpy as np
import torch
from skorch.callbacks import GradientNormClipping

from ._callbacks import (
    LearningRateSchedule,
    NonFiniteLossError,
    StopOnNonFiniteLoss,
    ValidationScore,
    check_finite_weights,
    stopped_by_skorch,
)
from ._seeding import torch_stream
from ._state import capture, restore

_EMBED_ROWS = 512
_EMBED_VALUES = 1 << 24


class Training:
    """Train a net for up to `epochs` more epochs, one `run_epoch` at a time.

    The loop is out here, and not inside skorch, so that early stopping, interrupts and
    scikit-learn's callbacks see complete epochs, and none of them is left in the net.

    Parameters
    ----------
    net : skorch.NeuralNet
        Initialized. Changed in place.
    pairs : Pairs
        Training pairs.
    epochs : int
        Upper bound on the number of epochs.
    seed : int
        Seed of the fit; each epoch derives its own.
    schedule : str
        Shape of the learning rate over the fit.
    lr : float
        Learning rate.
    max_grad_norm : float or None
        Longer gradients are scaled down to this norm.
    own_callbacks : list
        The method's skorch callbacks, taken out of the net after training.
    callbacks : list
        The user's, which stay.
    validation_score : callable or None
        ``validation_score(net)``; when given, training stops once it has not improved
        for `patience` epochs, and the best state is restored.
    patience : int
        See `validation_score`.
    later_stage : bool, default=False
        Whether this fit has trained the net before, and what it learned is to be kept
        even when no epoch gets done here.

    Attributes
    ----------
    stopped_by : BaseException or None
        What cut training short: Ctrl-C, or a loss that is not finite. The net is then
        as after its last complete epoch.
    """

    def __init__(
        self,
        net,
        pairs,
        epochs,
        *,
        seed,
        schedule,
        lr,
        max_grad_norm,
        own_callbacks,
        callbacks,
        validation_score,
        patience,
        later_stage=False,
    ):
        self.net = net
        self.pairs = pairs
        self.epochs = epochs
        self.seed = seed
        self.stop = False
        self.stopped_by = None
        self._later_stage = later_stage
        self._first = len(net.history)
        self._validation = None
        if validation_score is not None:
            self._validation = ValidationScore(validation_score, patience)
        self._own = self._own_callbacks(schedule, lr, max_grad_norm) + own_callbacks
        net.set_params(callbacks=self._own + callbacks)
        net.initialize_callbacks()

    def _own_callbacks(self, schedule, lr, max_grad_norm):
        callbacks = [StopOnNonFiniteLoss()]
        if schedule != "constant":
            n_batches = len(self.net.get_iterator(self.pairs, training=True))
            total = n_batches * self.epochs
            callbacks.append(LearningRateSchedule(schedule, lr, total))
        if max_grad_norm is not None:
            callbacks.append(GradientNormClipping(max_grad_norm))
        if self._validation is not None:
            callbacks.append(self._validation)
        return callbacks

    @property
    def n_done(self):
        """Complete epochs of this fit."""
        return self._completed["n_epochs"] - self._first

    def __enter__(self):
        """Begin training."""
        self._completed = capture(self.net)
        self.net.notify("on_train_begin", X=self.pairs, y=None)
        if self._validation is not None and self._later_stage:
            self._validation.start_from(self.net, self._completed)
        return self

    def __exit__(self, kind, error, traceback):
        """End training; swallow what stopped it when there are complete epochs."""
        if error is not None:
            if not isinstance(error, KeyboardInterrupt | NonFiniteLossError):
                return False
            restore(self.net, self._completed)
        if self.n_done > 0:  # else there is no epoch that its callbacks could look at
            self.net.notify("on_train_end", X=self.pairs, y=None)
        if self._validation is not None:
            self._validation.restore_best(self.net)
        self._leave_no_trace()
        self.stopped_by = error
        return self.n_done > 0 or self._later_stage

    def run_epoch(self):
        """Run one epoch; set `stop` when it should be the last."""
        epoch = 1 + len(self.net.history)
        with torch_stream(self.seed, epoch, torch.device(self.net.device)):
            try:
                self.net.fit_loop(self.pairs, epochs=1)
            except KeyboardInterrupt:
                if not stopped_by_skorch(self.net):
                    raise
                self.stop = True
        check_finite_weights(self.net)
        self._completed = capture(self.net)
        if self._validation is not None:
            self._validation.accept(self.net, self._completed)
        exhausted = self._validation is not None and self._validation.exhausted
        self.stop |= exhausted or self.n_done >= self.epochs

    def _leave_no_trace(self):
        """Take our callbacks out of the net: they refer to the training data."""
        net = self.net
        net.callbacks = [cb for cb in net.callbacks if cb not in self._own]
        net.callbacks_ = [(n, cb) for n, cb in net.callbacks_ if cb not in self._own]


def embed(net, encode, view, take, rows=None):
    """Encode one view batch by batch, without gradients.

    Parameters
    ----------
    net : skorch.NeuralNet
        Trained.
    encode : callable
        The tower: a tensor of inputs to a tensor of embeddings.
    view : array, memmap or sparse array with one row for each input
        Inputs.
    take : callable
        ``take(view, index)`` returns the tensor of those inputs.
    rows : ndarray, default=None
        Rows of `view` to embed; all by default.

    Returns
    -------
    embedded : ndarray of shape (n_inputs, n_components), dtype float32
    """
    net.module_.eval()
    n_inputs = view.shape[0] if rows is None else len(rows)
    width = math.prod(view.shape[1:])
    step = max(1, min(_EMBED_ROWS, _EMBED_VALUES // max(1, width)))
    blocks = []
    with torch.inference_mode():
        for start in range(0, n_inputs, step):
            part = slice(start, start + step)
            inputs = take(view, part if rows is None else rows[part])
            blocks.append(encode(inputs.to(net.device)).cpu().numpy())
    return np.concatenate(blocks)
