"""Train the net of an estimator: seeds, epochs, early stopping, interrupts."""

import copy
import inspect
from abc import ABCMeta, abstractmethod
from functools import partial
from numbers import Integral, Real
from typing import NamedTuple

import torch

from ..utils._sklearn import Interval, StrOptions
from ._callbacks import SCHEDULES
from ._engine import Training
from ._holder import NetHolderMixin
from ._net import OPTIMIZERS, resolve_device
from ._seeding import draw_seed
from ._state import plain_history


class Stage(NamedTuple):
    """A part of training: with which loss, for how long, at which learning rate."""

    loss: str
    epochs: int
    lr: float


class NetTrainer(NetHolderMixin, metaclass=ABCMeta):
    """Mixin of estimators that train a net, of one view or two.

    A subclass names its `torch.nn.Module` (`_module_class`), its losses (`_losses`) and
    the settings of both; its dataset cuts batches, and has the `views` that the
    settings are read from.
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "optimizer": [StrOptions(set(OPTIMIZERS)), type],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "lr_schedule": [StrOptions({"constant", *SCHEDULES})],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "max_grad_norm": [Interval(Real, 0, None, closed="neither"), None],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "callbacks": [list, tuple, None],
        "net_params": [dict, None],
        "device": [str, torch.device],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # ------------------------------------------------------------ what a method says

    @abstractmethod
    def _module_settings(self, *views):
        """Return the keyword arguments of `_module_class`, plain values only."""

    def _loss_settings(self, loss):
        """Return the keyword arguments of this loss: those of our parameters it has."""
        names = inspect.signature(self._losses[loss]).parameters
        return {name: getattr(self, name) for name in names if hasattr(self, name)}

    def _initialize_module(self, module, *views):
        """Change a fresh module's weights, to start from given vectors for instance."""

    def _own_callbacks(self, dataset):
        """Return the skorch callbacks of the method, for training on this dataset."""
        return []

    def _stages(self):
        """Return the stages of `fit`, one after the other."""
        return [Stage(self.loss, self.max_epochs, self.lr)]

    # ----------------------------------------------------------------------- training

    def _prepare_training(self, resume):
        """Return the device to train on; a fresh fit draws its seed."""
        device = resolve_device(self.device)
        if not resume:
            self.seed_ = draw_seed(self.random_state)
        return device

    def _train_net(
        self, dataset, hook_data, device, *, stages, schedule, resume, validation_score
    ):
        """Train, keep the net, and return what cut training short, if anything."""
        root = self._init_callback_context(
            max_subtasks=sum(stage.epochs for stage in stages)
        )
        root.call_on_fit_task_begin(**hook_data)
        callbacks = copy.deepcopy(list(self.callbacks or ()))
        for i, stage in enumerate(stages):
            make_net = self._resumed_net if resume else self._new_net
            training = Training(
                make_net(dataset, device, stage),
                dataset,
                stage.epochs,
                seed=self.seed_,
                schedule=schedule,
                lr=stage.lr,
                max_grad_norm=self.max_grad_norm,
                own_callbacks=self._own_callbacks(dataset),
                callbacks=callbacks,
                validation_score=validation_score,
                patience=self.n_iter_no_change,
                later_stage=i > 0,
            )
            told_to_stop = self._run(training, root, hook_data)
            self._keep(training.net)
            if told_to_stop or training.stopped_by is not None:
                break
            resume = True
        attributes = partial(self._attributes, training.net)
        root.call_on_fit_task_end(**hook_data, reconstruction_attributes=attributes)
        return training.stopped_by

    def _refuse_early_stopping(self):
        if self.early_stopping:
            raise ValueError(
                "partial_fit does not support early_stopping=True. Set "
                "early_stopping=False, or use fit with warm_start=True."
            )

    def _run(self, training, root, hook_data):
        """Train, with each epoch a task of scikit-learn's callback protocol.

        Return whether a callback of that protocol said to stop: it sees epochs, of
        whichever stage.
        """
        attributes = partial(self._attributes, training.net)
        told_to_stop = False
        with training:
            while not training.stop:
                epoch = root.subcontext(task_name="epoch")
                epoch.call_on_fit_task_begin(**hook_data)
                training.run_epoch()
                told_to_stop = epoch.call_on_fit_task_end(
                    **hook_data, reconstruction_attributes=attributes
                )
                training.stop |= told_to_stop
        return told_to_stop

    def _attributes(self, net):
        history = plain_history(net)
        return {"net_": net, "history_": history, "n_iter_": len(history)}

    def _keep(self, net):
        for name, value in self._attributes(net).items():
            setattr(self, name, value)
