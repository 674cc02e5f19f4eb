"""Training time of an epoch: `fit` against a tight PyTorch loop, for each method.

    python benchmarks/training_epoch.py

The loop is what one would write by hand for the same mathematics: tensors in memory,
`index_select` for a batch, the same towers, loss and fused optimizer. Both run in one
process in turn; an epoch of `fit` lasts from its first batch to the first of the next,
so that everything `fit` does between epochs counts. Ratios of medians.
"""

import argparse
import time

import numpy as np
import torch
from skorch.callbacks import Callback

from sklearn_crossmodal import CaptionRanker, CosCosEmbedder
from sklearn_crossmodal.caption_ranker import CaptionTowers
from sklearn_crossmodal.coscos import CosCosTowers
from sklearn_crossmodal.losses import CosCos2, InfoNCE


class EpochClock(Callback):
    """Note when each epoch begins."""

    times: list = []

    def on_epoch_begin(self, net, **kwargs):
        EpochClock.times.append(time.perf_counter())


class Captions:
    """The caption ranker on features and word ids."""

    towers, loss, schedule = CaptionTowers, InfoNCE, "cosine"

    def __init__(self, n_features, n_words, **params):
        self.sizes = n_features, n_words
        self.estimator = CaptionRanker(
            **params, word_vectors=None, store_captions=False, random_state=0
        )

    def make_data(self, n_pairs, rng):
        """Features, and captions with the lengths and the Zipf law of real ones."""
        n_features, n_words = self.sizes
        X = rng.standard_normal((n_pairs, n_features), dtype=np.float32)
        lengths = rng.normal(11, 3, n_pairs).clip(4, 20).astype(int)
        words = (n_words ** rng.random((n_pairs, 20))).astype(int) + 1
        return X, np.where(np.arange(20) < lengths[:, None], words, 0)

    @staticmethod
    def prepare(X, tokens):
        """Return tensors, and what makes the loss's arguments of a batch."""
        X, tokens, ids = (
            torch.from_numpy(X),
            torch.from_numpy(tokens),
            torch.arange(len(X)),
        )

        def batch(index):
            y = tokens.index_select(0, index)
            y = y[:, : int((y != 0).any(dim=0).nonzero().max()) + 1]
            return X.index_select(0, index), y, ids[index]

        return batch


class Vectors:
    """The two-tower embedder on vectors."""

    towers, loss, schedule = CosCosTowers, CosCos2, "one_cycle"

    def __init__(self, n_x, n_y, **params):
        self.sizes = n_x, n_y
        self.estimator = CosCosEmbedder(**params, random_state=0)

    def make_data(self, n_pairs, rng):
        return tuple(
            rng.standard_normal((n_pairs, n), dtype=np.float32) for n in self.sizes
        )

    @staticmethod
    def prepare(X, y):
        y = (y - y.mean(axis=0)) / y.std(axis=0)  # as the embedder does by default
        X, y = torch.from_numpy(X), torch.from_numpy(y)

        def batch(index):
            same = torch.eye(len(index), dtype=torch.bool)
            pairs = {"same": same, "different": ~same}
            return X.index_select(0, index), y.index_select(0, index), pairs

        return batch


MODELS = {
    "default ranker, batch 256": Captions(768, 3000, batch_size=256),
    "default ranker, batch 64": Captions(768, 3000, batch_size=64),
    "tiny ranker, batch 64": Captions(
        64, 50, batch_size=64, n_components=32, word_size=8, gru_size=8
    ),
    "default CosCos, 4096 and 2840": Vectors(4096, 2840),
    "the same, batch 64": Vectors(4096, 2840, batch_size=64),
    "default CosCos, 128 and 10": Vectors(128, 10),
    "tiny CosCos, 64 and 32, batch 64": Vectors(
        64,
        32,
        batch_size=64,
        n_components=32,
        x_hidden_layer_sizes=(),
        y_hidden_layer_sizes=(),
    ),
}


def ours(model, X, y, epochs):
    EpochClock.times = []
    estimator = model.estimator.set_params(
        max_epochs=epochs + 1, callbacks=[EpochClock()]
    )
    estimator.fit(X, y)
    return np.diff(EpochClock.times), estimator


def tight_loop(model, X, y, fitted, epochs):
    """Train the same towers by hand; return the seconds of each epoch."""
    settings = fitted._settings_
    torch.manual_seed(0)
    towers, loss = model.towers(**settings["module"]), model.loss()
    named = [*towers.named_parameters(), *loss.named_parameters()]
    plain = [p for name, p in named if "bias" in name or name == "log_scale"]
    decayed = [p for name, p in named if not ("bias" in name or name == "log_scale")]
    optimizer = torch.optim.AdamW(
        [{"params": decayed}, {"params": plain, "weight_decay": 0.0}],
        lr=settings["lr"],
        weight_decay=0.01,
        fused=True,
    )
    batch = model.prepare(X, y)
    size, seconds = settings["batch_size"], []
    n_steps, step = epochs * -(-len(X) // size), 0
    towers.train()
    for _ in range(epochs):
        start = time.perf_counter()
        for index in torch.randperm(len(X)).split(size):
            progress = step / n_steps
            if model.schedule == "one_cycle" and progress < 0.1:
                rate = settings["lr"] * progress / 0.1
            else:
                rate = settings["lr"] * (1 + np.cos(np.pi * progress)) / 2
            for group in optimizer.param_groups:
                group["lr"] = rate
            x_batch, y_batch, target = batch(index)
            optimizer.zero_grad()
            batch_loss = loss(towers(x_batch, y_batch), target)
            batch_loss.backward()
            optimizer.step()
            batch_loss.item()
            step += 1
        seconds.append(time.perf_counter() - start)
    return np.array(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=9000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="models with this in their name")
    args = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"{args.pairs} pairs; seconds for an epoch, medians of {args.rounds} rounds")
    print(f"{'':<34}{'fit':>8}{'loop':>8}{'ratio':>8}{'range of ratios':>20}")
    for name, model in MODELS.items():
        if args.only not in name:
            continue
        X, y = model.make_data(args.pairs, np.random.default_rng(0))
        rounds = []
        for _ in range(args.rounds):
            fit, fitted = ours(model, X, y, args.epochs)
            loop = tight_loop(model, X, y, fitted, args.epochs)
            rounds.append((np.median(fit), np.median(loop)))
        fit, loop = np.median(rounds, axis=0)
        ratios = np.divide(*np.transpose(rounds))
        print(
            f"{name:<34}{fit:8.3f}{loop:8.3f}{fit / loop:8.2f}"
            f"{ratios.min():12.2f} - {ratios.max():.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
