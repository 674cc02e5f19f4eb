"""The image tower beside the tables of word vectors, and how both are trained."""

import math

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import nn

from ..losses._pairs import unit_length
from ..training._callbacks import NonFiniteLossError
from ..training._towers import feed_forward
from ._pairs import PAD

# Words of the text in memory at a time, however few batches of images there are.
_MOST_TOKENS = 1 << 20


class WordSpaceTowers(nn.Module):
    """A tower that projects images among words, which are a table of vectors.

    Parameters
    ----------
    n_features, n_words, n_components : int
        Sizes.
    hidden_layer_sizes : tuple of int
        Hidden layers of the image tower; none makes it linear.
    activation : str
        Between them.
    dropout : float
        Share of each layer's inputs that training drops.
    fit_intercept : bool
        Whether the layers have biases.
    trains_words : bool
        Whether the tables are trained too, and so are part of the state.
    targets : {"words", "outputs"}
        The table that projections are compared with.
    """

    def __init__(
        self,
        n_features,
        n_words,
        n_components,
        *,
        hidden_layer_sizes,
        activation,
        dropout,
        fit_intercept,
        trains_words,
        targets,
    ):
        super().__init__()
        self.trains_words = trains_words
        self.targets = targets
        self.image = feed_forward(
            [n_features, *hidden_layer_sizes, n_components],
            activation,
            dropout,
            bias=fit_intercept,
        )
        for name in ("words", "outputs"):
            # Words that are not trained come from outside and are no part of the state.
            table = torch.zeros(n_words if trains_words else 0, n_components)
            self.register_buffer(name, table, persistent=trains_words)
        self.taken = []

    def forward(self, x, y, noise, contexts=None):
        """Return projections, and the vectors that losses compare them with."""
        known = (y != PAD)[..., None]
        words = self.take(self.targets, y)
        batch = {
            "x": self.image(x),
            "y": _mean(words, known),
            "words": words,
            "is_word": known[..., 0],
            "noise": self.take(self.targets, noise),
        }
        if contexts is not None:
            batch["contexts"] = self.take("outputs", contexts)
            batch["is_context"] = contexts != PAD
            batch["context_noise"] = self.take("outputs", noise)
        return batch

    def take(self, name, ids):
        """Return rows of a table; those of padding are of no concern."""
        rows = getattr(self, name)[ids.clamp(min=0)]
        if self.trains_words and torch.is_grad_enabled():
            rows.requires_grad_()
            self.taken.append((name, ids, rows))
        return rows

    def embed_x(self, x):
        """Project images of shape (n, n_features) to unit length."""
        return unit_length(self.image(x))

    def embed_y(self, ids):
        """Return the mean of the words of each item, of unit length; zero for none."""
        return unit_length(_mean(self.words[ids.clamp(min=0)], (ids != PAD)[..., None]))


def _mean(vectors, known):
    return (vectors * known).sum(dim=1) / known.sum(dim=1).clamp(min=1)


class TableUpdate(Callback):
    """Update the rows of the tables that a batch used, and no others.

    Plain stochastic gradient descent, a step for each image as skip-gram makes one for
    each pair of words, whatever the loss of the batch is divided by. An optimizer over
    the tables would touch every word in every batch.

    Parameters
    ----------
    lr : float
        Learning rate of the tables, at the full rate of the optimizer.
    optimizer_lr : float
        Full rate of the optimizer, whose schedule both follow.
    frozen : tensor of shape (n_words,), dtype bool
        Words that stay as they are.
    """

    def __init__(self, lr, optimizer_lr, frozen):
        self.lr = lr
        self.optimizer_lr = optimizer_lr
        self.frozen = frozen

    def on_batch_end(self, net, *, batch, training=False, **kwargs):
        """Make the step."""
        module = net.module_
        if training:
            step = self.lr * len(batch) * schedule_factor(net, self.optimizer_lr)
            for name, ids, rows in module.taken:
                if rows.grad is not None:
                    self.frozen = self.frozen.to(ids.device)
                    free = (ids != PAD) & ~self.frozen[ids.clamp(min=0)]
                    table = getattr(module, name)
                    table.index_add_(0, ids[free], rows.grad[free], alpha=-step)
        module.taken.clear()


class TextPass(Callback):
    """Train the words on the next piece of the text after each batch of images.

    Parameters
    ----------
    text : EncodedCorpus
        The text; each epoch is one pass.
    make_trainer : callable
        ``make_trainer(words, outputs)`` returns the `TextTrainer` of these tables.
    lr : float
        Learning rate of the words, at the full rate of the optimizer.
    optimizer_lr : float
        Full rate of the optimizer, whose schedule both follow.
    n_batches : int
        Batches of images in an epoch.
    seed : int
        Seed of the fit.
    """

    def __init__(self, text, make_trainer, lr, optimizer_lr, n_batches, seed):
        self.text = text
        self.make_trainer = make_trainer
        self.lr = lr
        self.optimizer_lr = optimizer_lr
        self.n_batches = n_batches
        self.seed = seed

    def on_train_begin(self, net, **kwargs):
        """Take hold of the tables."""
        self.trainer_ = self.make_trainer(net.module_.words, net.module_.outputs)

    def on_epoch_begin(self, net, **kwargs):
        """Start at the beginning of the text."""
        self.batch_, self.losses_ = 0, []

    def on_batch_end(self, net, *, training=False, **kwargs):
        """Train on one piece; stop if its loss is not a number."""
        if not training:
            return
        lr = self.lr * schedule_factor(net, self.optimizer_lr)
        piece = self.text.part(self.batch_, self.n_batches)
        for start in range(0, len(piece), _MOST_TOKENS):
            n_words, loss = self.trainer_.train(
                piece[start : start + _MOST_TOKENS],
                lr,
                seed=[self.seed, len(net.history), self.batch_, start],
            )
            if not math.isfinite(loss):
                raise NonFiniteLossError(
                    f"The word loss became {loss} in epoch {len(net.history)}, at a "
                    f"word_lr of {lr:.3g}. Lower word_lr or image_word_lr."
                )
            self.losses_.append((n_words, loss))
        self.batch_ += 1

    def on_epoch_end(self, net, **kwargs):
        """Record the word loss, and how alike words have become."""
        n_words, losses = np.transpose(self.losses_)
        mean = np.sum(n_words * losses) / max(1, n_words.sum())
        net.history.record("word_loss", float(mean))
        net.history.record("word_cosine", mean_cosine(net.module_.words))


def mean_cosine(table, most=2000):
    """Return the mean cosine of two of the first rows of a table.

    It is near 1 when vectors have collapsed into one.
    """
    unit = unit_length(table[:most])
    n = len(unit)
    total = unit.sum(dim=0).square().sum() - unit.square().sum()
    return float(total / max(1, n * (n - 1)))


def schedule_factor(net, lr):
    """Return the present learning rate as a share of the full one."""
    return net.optimizer_.param_groups[0]["lr"] / lr
