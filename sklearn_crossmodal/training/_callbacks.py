"""Small skorch callbacks of the engine, each with one job."""

import math

import torch
from skorch.callbacks import Callback, EarlyStopping

from ._state import restore


class NonFiniteLossError(ValueError):
    """The loss, or the weights, became NaN or infinite."""


class StopOnNonFiniteLoss(Callback):
    """Stop at the first batch whose loss is not a number."""

    def on_batch_end(self, net, *, loss, training=False, **kwargs):
        """Raise `NonFiniteLossError` if the loss of a training batch is not finite."""
        if training and not math.isfinite(loss.item()):
            raise NonFiniteLossError(
                f"The loss became {loss.item()} in epoch {len(net.history)}, batch "
                f"{len(net.history[-1]['batches'])}. Lower lr (now "
                f"{net.optimizer_.param_groups[0]['lr']:.3g}), set max_grad_norm, or "
                "scale the features, with StandardScaler for instance."
            )


def check_finite_weights(net):
    """Raise `NonFiniteLossError` if the last update of an epoch spoilt the weights."""
    state = net.module_.state_dict().values()  # tables of words are no parameters
    # Extremes tell of NaN too, and need no copy.
    extremes = [torch.stack(w.aminmax()) for w in state if w.numel()]
    if not all(pair.isfinite().all() for pair in extremes):
        raise NonFiniteLossError(
            f"The weights became NaN or infinite at the end of epoch "
            f"{len(net.history)}. Lower lr, set max_grad_norm, or scale the features, "
            "with StandardScaler for instance."
        )


class MaxNorm(Callback):
    """Scale down the incoming weights of a unit whose norm exceeds a bound.

    After each update, for every weight matrix, not for biases (Srivastava et al. 2014,
    appendix A.2).

    Parameters
    ----------
    max_norm : float
        The bound.
    """

    def __init__(self, max_norm):
        self.max_norm = max_norm

    def on_batch_end(self, net, *, training=False, **kwargs):
        """Project the weights."""
        if training:
            for weight in net.module_.parameters():
                if weight.ndim == 2:
                    weight.data.renorm_(2, 0, self.max_norm)


class LearningRateSchedule(Callback):
    """Set the learning rate of each batch, a factor of the first.

    Parameters
    ----------
    schedule : {"cosine", "one_cycle"}
        Shape of the factor over the fit.
    lr : float
        Learning rate at factor 1.
    n_batches : int
        Batches in the whole fit.
    """

    def __init__(self, schedule, lr, n_batches):
        self.schedule = schedule
        self.lr = lr
        self.n_batches = n_batches

    def on_train_begin(self, net, **kwargs):
        """Start at the first batch."""
        self.batch_ = 0

    def on_batch_begin(self, net, training=False, **kwargs):
        """Set the rate of every parameter group."""
        if training:
            factor = SCHEDULES[self.schedule](self.batch_ / self.n_batches)
            for group in net.optimizer_.param_groups:
                group["lr"] = self.lr * factor
            self.batch_ += 1

    def on_epoch_end(self, net, **kwargs):
        """Record the last rate of the epoch."""
        net.history.record("lr", net.optimizer_.param_groups[0]["lr"])


def _one_cycle(progress, warm_up=0.1):
    if progress < warm_up:
        return (progress + 1e-3) / (warm_up + 1e-3)
    return _cosine((progress - warm_up) / (1 - warm_up))


def _cosine(progress):
    return 0.5 * (1 + math.cos(math.pi * progress))


SCHEDULES = {"cosine": _cosine, "one_cycle": _one_cycle}


class ValidationScore(Callback):
    """Score the validation pairs after each epoch and remember the best state.

    Parameters
    ----------
    score : callable
        ``score(net)`` returns the number to maximise.
    patience : int
        Epochs without improvement after which `exhausted` is True.
    """

    def __init__(self, score, patience):
        self.score = score
        self.patience = patience

    def on_train_begin(self, net, **kwargs):
        """Forget what came before."""
        self.best_score_ = -math.inf
        self.best_state_ = None
        self.misses_ = 0

    def start_from(self, net, state):
        """Take what an earlier stage reached for the best so far."""
        self.best_score_, self.best_state_ = self.score(net), state

    def on_epoch_end(self, net, **kwargs):
        """Score and record; the epoch may still be interrupted."""
        score = self.score(net)
        net.history.record("valid_score", score)
        net.history.record("valid_score_best", score > self.best_score_)

    def accept(self, net, state):
        """Take a complete epoch's state, and keep it when it is the best so far."""
        score = net.history[-1, "valid_score"]
        if score > self.best_score_:
            self.best_score_, self.misses_ = score, 0
            self.best_state_ = state
        else:
            self.misses_ += 1

    @property
    def exhausted(self):
        """Whether patience has run out."""
        return self.misses_ >= self.patience

    def restore_best(self, net):
        """Put the best weights back; the history keeps every epoch."""
        if self.best_state_ is not None:
            restore(net, {**self.best_state_, "n_epochs": len(net.history)})


def stopped_by_skorch(net):
    """Whether skorch's EarlyStopping asked to stop: it raises what Ctrl-C does."""
    return any(
        isinstance(callback, EarlyStopping) and callback.misses_ >= callback.patience
        for _, callback in net.callbacks_
    )
