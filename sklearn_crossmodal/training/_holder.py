"""The net of an estimator: built from plain settings, resumed, and rebuilt."""

import torch

from ._engine import embed
from ._net import build_net, loadable_device
from ._pairs import take_features
from ._seeding import torch_stream
from ._state import capture, restore, to_numpy, to_torch


class NetHolderMixin:
    """Hold a skorch net that can be rebuilt from the estimator's own plain state.

    What is kept beside `net_` is `_settings_`, the plain values that built it. Pickles
    hold weights and optimizer state as numpy arrays, and no torch object.
    """

    _module_class: type
    _losses: dict[str, type]
    _take_items = staticmethod(take_features)

    def _settings(self, module_settings, stage):
        return {
            "module": module_settings,
            "loss": stage.loss,
            "criterion": self._loss_settings(stage.loss),
            "optimizer": self.optimizer,
            "lr": stage.lr,
            "weight_decay": self.weight_decay,
            "batch_size": self.batch_size,
            "net_params": self.net_params,
        }

    def _new_net(self, dataset, device, stage):
        module_settings = self._module_settings(*dataset.views)
        self._settings_ = self._settings(module_settings, stage)
        net = self._build_net(device, self.seed_)
        with torch.no_grad():
            self._initialize_module(net.module_, *dataset.views)
        return net

    def _resumed_net(self, dataset, device, stage):
        """Return a net that starts where the fitted one stands; that one stays as is.

        Another loss or optimizer starts afresh on the trained towers.
        """
        before = self._settings_
        self._check_same_towers(before["module"], dataset)
        self._settings_ = self._settings(before["module"], stage)
        net = self._build_net(device, self.seed_)
        same = all(before[key] == self._settings_[key] for key in ("loss", "optimizer"))
        settings = [_without_weights(group) for group in net.optimizer_.param_groups]
        restore(net, capture(self.net_), parts=None if same else ["module_"])
        for group, now in zip(net.optimizer_.param_groups, settings, strict=True):
            group.update(now)
        net.history.extend(self.net_.history)
        return net

    def _check_same_towers(self, before, dataset):
        now = self._module_settings(*dataset.views)
        parameters = self.get_params(deep=False)
        changed = [k for k in before if k in parameters and before[k] != now[k]]
        if changed:
            raise ValueError(
                f"{', '.join(changed)} changed since the towers were built, and "
                "training goes on with those. Put the value back, or fit with "
                "warm_start=False."
            )

    def _build_net(self, device, seed):
        net = build_net(
            self._module_class,
            self._losses[self._settings_["loss"]],
            self._settings_,
            device=device,
            verbose=self.verbose,
        )
        with torch_stream(seed, 0, device):
            return net.initialize()

    def _embed_X(self, net, X, rows=None):
        return embed(net, net.module_.embed_x, X, take_features, rows)

    def _embed_items(self, items, net=None):
        net = self.net_ if net is None else net
        return embed(net, net.module_.embed_y, items, self._take_items)

    @property
    def _n_features_out(self):
        return self._settings_["module"]["n_components"]

    def __copy__(self):
        copied = object.__new__(type(self))
        copied.__dict__.update(vars(self))
        return copied

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "net_" in state:
            learned = to_numpy(capture(self.net_))
            state["net_"] = {"learned": learned, "device": self.net_.device}
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        if isinstance(state.get("net_"), dict):
            saved = state["net_"]
            self.net_ = self._build_net(loadable_device(saved["device"]), 0)
            restore(self.net_, to_torch(saved["learned"]))
            self.net_.history.extend({**row, "batches": []} for row in self.history_)


def _without_weights(group):
    return {name: value for name, value in group.items() if name != "params"}
