"""Training time of an epoch: `CaptionRanker.fit` against a tight PyTorch loop.

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

from sklearn_crossmodal import CaptionRanker
from sklearn_crossmodal.caption_ranker import CaptionTowers
from sklearn_crossmodal.losses import InfoNCE

# name: number of features, of words, parameters
MODELS = {
    "default ranker, batch 256": (768, 3000, {"batch_size": 256}),
    "default ranker, batch 64": (768, 3000, {"batch_size": 64}),
    "tiny ranker, batch 64": (
        64,
        50,
        {"batch_size": 64, "n_components": 32, "word_size": 8, "gru_size": 8},
    ),
}


class EpochClock(Callback):
    """Note when each epoch begins."""

    times: list = []

    def on_epoch_begin(self, net, **kwargs):
        EpochClock.times.append(time.perf_counter())


def make_data(n_pairs, n_features, n_words, rng):
    """Features, and captions with the lengths and the Zipf law of real ones."""
    X = rng.standard_normal((n_pairs, n_features), dtype=np.float32)
    lengths = rng.normal(11, 3, n_pairs).clip(4, 20).astype(int)
    words = (n_words ** rng.random((n_pairs, 20))).astype(int) + 1
    return X, np.where(np.arange(20) < lengths[:, None], words, 0)


def ours(X, tokens, params, epochs):
    EpochClock.times = []
    ranker = CaptionRanker(
        **params,
        word_vectors=None,
        max_epochs=epochs + 1,
        store_captions=False,
        callbacks=[EpochClock()],
        random_state=0,
    )
    ranker.fit(X, tokens)
    return np.diff(EpochClock.times), ranker


def tight_loop(X, tokens, fitted, epochs):
    """Train the same towers by hand; return the seconds of each epoch."""
    settings, ids = fitted._settings_, torch.arange(len(X))
    torch.manual_seed(0)
    towers, loss = CaptionTowers(**settings["module"]), InfoNCE()
    named = [*towers.named_parameters(), *loss.named_parameters()]
    plain = [p for name, p in named if "bias" in name or name == "log_scale"]
    decayed = [p for name, p in named if not ("bias" in name or name == "log_scale")]
    optimizer = torch.optim.AdamW(
        [{"params": decayed}, {"params": plain, "weight_decay": 0.0}],
        lr=2e-3,
        weight_decay=0.01,
        fused=True,
    )
    X, tokens = torch.from_numpy(X), torch.from_numpy(tokens)
    size, seconds = settings["batch_size"], []
    n_steps, step = epochs * -(-len(X) // size), 0
    towers.train()
    for _ in range(epochs):
        start = time.perf_counter()
        for index in torch.randperm(len(X)).split(size):
            rate = 1e-3 * (1 + np.cos(np.pi * step / n_steps))
            for group in optimizer.param_groups:
                group["lr"] = rate
            y = tokens.index_select(0, index)
            y = y[:, : int((y != 0).any(dim=0).nonzero().max()) + 1]
            optimizer.zero_grad()
            batch_loss = loss(towers(X.index_select(0, index), y), ids[index])
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
    args = parser.parse_args()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"{args.pairs} pairs; seconds for an epoch, medians of {args.rounds} rounds")
    print(f"{'':<28}{'fit':>8}{'loop':>8}{'ratio':>8}{'range of ratios':>20}")
    for name, (n_features, n_words, params) in MODELS.items():
        rng = np.random.default_rng(0)
        X, tokens = make_data(args.pairs, n_features, n_words, rng)
        rounds = []
        for _ in range(args.rounds):
            fit, fitted = ours(X, tokens, params, args.epochs)
            loop = tight_loop(X, tokens, fitted, args.epochs)
            rounds.append((np.median(fit), np.median(loop)))
        fit, loop = np.median(rounds, axis=0)
        ratios = np.divide(*np.transpose(rounds))
        print(
            f"{name:<28}{fit:8.3f}{loop:8.3f}{fit / loop:8.2f}"
            f"{ratios.min():12.2f} - {ratios.max():.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
