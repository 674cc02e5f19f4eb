"""Continue the training of word vectors on text: the word loss of skip-gram."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import torch
from torch.nn.functional import softplus

_CHOICES = {
    "loss": ("logistic", "hinge"),
    "energy": ("dot", "cosine"),
    "positive_weight_mode": ("none", "scale", "printed"),
}
# A product of a thousand factors of at most 2 is finite: see `_kernels.py`.
_MOST = {"window": 500, "n_negatives": 1000}
# A block of the torch path: pairs of a word and a context, and how often its most
# frequent word may occur, times the step size. More steps at once from the same point
# overshoot, which a small vocabulary would turn into divergence.
_PAIRS, _MAX_STEPS = 2048, 0.5
SHORT = 1e-3  # norms below it count as 1 in cosines


@dataclass(frozen=True)
class WordLoss:
    r"""What makes words near the words around them, and far from random ones.

    A word :math:`w` of the text and each word :math:`c` of the window around it make a
    pair, which is compared with random words :math:`n`. Words have two vectors: the
    energy, a similarity, is that of ``words[w]`` and ``outputs[c]``. The loss of a pair
    is

    ================ ==============================================================
    ``"logistic"``   :math:`-\log \sigma(E_{wc}) - \sum_n \log \sigma(-E_{wn})`
    ``"hinge"``      :math:`\frac{1}{k} \sum_n \max(0, m - E_{wc} + E_{wn})`
    its ``"scale"``  :math:`\frac{\lambda}{k} \sum_n \max(0, m - E_{wc} + E_{wn})`
    ``"printed"``    :math:`\frac{1}{k} \sum_n \max(0, m - \lambda E_{wc} + E_{wn})`
    ================ ==============================================================

    with :math:`k` random words. The logistic loss is that of word2vec [1]_. The hinge
    with :math:`\lambda` inside is printed in [2]_ for a single random word; of several,
    the mean makes steps of the same length in a steadier direction. There, with
    :math:`\lambda > 1`, all vectors alike with the inner product
    :math:`m / (\lambda - 1)` bring the loss to zero.

    Parameters
    ----------
    loss : {"logistic", "hinge"}, default="logistic"
        Which.
    energy : {"dot", "cosine"}, default="dot"
        Inner product, or the cosine. A vector shorter than 0.001 counts as a unit
        vector in the cosine: what has no direction has energy zero, and can move.
    margin : float, default=1.0
        :math:`m` of the hinge, above 0.
    positive_weight : float, default=1.0
        :math:`\lambda` of the hinge, above 0.
    positive_weight_mode : {"none", "scale", "printed"}, default="none"
        Where :math:`\lambda` stands in the hinge; with ``"none"`` it is 1.
    window : int, default=5
        Words on each side at most, from 1 to 500. As in word2vec, each word of the text
        draws the width of its own window, from 1 to this.
    n_negatives : int, default=5
        Random words, from 1 to 1000. Those that are around the word, in its window,
        are left out; the word itself is not, since it seldom follows itself.
    share_negatives : bool, default=True
        Whether all pairs of a window are compared with the same random words, which
        takes a third of the time. The expected gradient is the same.

    Raises
    ------
    ValueError
        If a parameter is not one of these.

    References
    ----------
    .. [1] T. Mikolov, I. Sutskever, K. Chen, G. Corrado and J. Dean, "Distributed
       representations of words and phrases and their compositionality", NeurIPS 2013.
    .. [2] R. Luo et al., "Exploration on grounded word embedding: matching words and
       images with image-enhanced skip-gram model", 2018.

    Examples
    --------
    >>> from sklearn_crossmodal.word_space._text import WordLoss
    >>> WordLoss("hinge", margin=0.5).share_negatives
    True
    """

    loss: str = "logistic"
    energy: str = "dot"
    margin: float = 1.0
    positive_weight: float = 1.0
    positive_weight_mode: str = "none"
    window: int = 5
    n_negatives: int = 5
    share_negatives: bool = True

    def __post_init__(self):
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"{name} must be one of {', '.join(map(repr, choices))}, "
                    f"got {getattr(self, name)!r}."
                )
        for name in ("margin", "positive_weight"):
            value = getattr(self, name)
            if not 0 < value < np.inf:
                raise ValueError(f"{name} must be above 0 and finite, got {value!r}.")
        for name, most in _MOST.items():
            value = getattr(self, name)
            if not 1 <= value <= most or value != int(value):
                raise ValueError(
                    f"{name} must be an integer from 1 to {most}, got {value!r}."
                )

    @property
    def hinge_weights(self):
        """Return the weight of the positive energy and that of each hinge."""
        weight, mode = self.positive_weight, self.positive_weight_mode
        inside = weight if mode == "printed" else 1.0
        outside = weight if mode == "scale" else 1.0
        return inside, outside / self.n_negatives


def keep_probabilities(counts, sample=1e-3):
    r"""Return how often words are kept, so that frequent ones don't take all the time.

    .. math:: \min\left(1, \sqrt{s / f_w} + s / f_w\right)

    where :math:`f_w` is the word's share of the text: the rule of word2vec's program
    and of gensim.

    Parameters
    ----------
    counts : array-like of shape (n_words,)
        How often each word occurs in the text.
    sample : float, default=1e-3
        :math:`s`, from 0 (keep every word) to 1.

    Returns
    -------
    keep : ndarray of shape (n_words,), dtype float32

    Raises
    ------
    ValueError
        If `counts` are not non-negative numbers, or `sample` is out of range.

    Examples
    --------
    >>> from sklearn_crossmodal.word_space._text import keep_probabilities
    >>> keep_probabilities([400, 100, 0], sample=0.05)
    array([0.3125, 0.75  , 1.    ], dtype=float32)
    """
    counts = _check_weights("counts", counts)
    if not 0 <= sample <= 1:
        raise ValueError(f"sample must be from 0 to 1, got {sample!r}.")
    if sample == 0:
        return np.ones(len(counts), dtype=np.float32)
    ratio = np.full(len(counts), np.inf)
    np.divide(sample * counts.sum(), counts, out=ratio, where=counts > 0)
    return np.minimum(1, np.sqrt(ratio) + ratio).astype(np.float32)


def _alias_table(weights):
    """Return a table that words are drawn from in constant time, whatever their number.

    The alias method (Walker 1977; Vose 1991): a column for each word, all equally
    likely, and in each column one or two words. It is exact to 2 ** -32 and small
    enough to stay in the processor's cache.

    Parameters
    ----------
    weights : ndarray of shape (n_words,)
        Words are drawn in proportion to them; not all zero.

    Returns
    -------
    table : ndarray of shape (n_words, 2), dtype uint32
        Of each column: how likely its own word is, times 2 ** 32, and the other word.
    """
    shares = (weights / weights.sum() * len(weights)).tolist()
    other = np.arange(len(shares))
    # The rarest first: a word that is never drawn has to find another one before
    # rounding leaves columns over.
    by_share = np.argsort(weights, kind="stable")[::-1].tolist()
    small = deque(i for i in by_share if shares[i] < 1)
    large = [i for i in by_share if shares[i] >= 1]
    while small and large:
        i = small.pop()
        other[i] = large[-1]
        shares[large[-1]] -= 1 - shares[i]
        if shares[large[-1]] < 1:
            small.appendleft(large.pop())
    own = np.asarray(shares)
    own[list(small) + large] = 1
    own = np.minimum(own * 2.0**32, 2**32 - 1)
    return np.column_stack([own, other]).astype(np.uint32)


def _check_weights(name, weights):
    weights = np.asarray(weights, dtype=float)
    if weights.ndim != 1:
        raise ValueError(
            f"{name} must have the shape (n_words,), got the shape {weights.shape}."
        )
    bad = np.flatnonzero(~((weights >= 0) & np.isfinite(weights)))
    if len(bad):
        raise ValueError(
            f"{name} must be finite and at least 0, but {name}[{bad[0]}] is "
            f"{weights[bad[0]]}."
        )
    return weights


class TextTrainer:
    """Train two tables of word vectors on text, in place.

    Frequent words are dropped at random, each word of a sentence draws its window, and
    gradient descent takes a step for each window (numba) or for some hundreds of them
    (torch): plain steps, as in word2vec, `lr` times the gradient of the sum of the
    pairs' losses. A hinge that is zero changes nothing and takes no time.

    Parameters
    ----------
    words : tensor of shape (n_words, n_components), dtype float32
        Vectors of the words, contiguous. Changed by :meth:`train`.
    outputs : tensor of shape (n_words, n_components), dtype float32
        Their vectors as contexts, on the same device. Changed by :meth:`train`.
    keep : array-like of shape (n_words,)
        Probability of keeping each word (:func:`keep_probabilities`).
    noise : array-like of shape (n_words,)
        Random words are drawn in proportion to it: the counts of the words to a power,
        0.75 in word2vec. Not all zero.
    word_loss : WordLoss, default=WordLoss()
        The loss.
    frozen : array-like of bool of shape (n_words,), default=None
        Words whose rows in both tables stay as they are. None: no word.
    kernel : {"auto", "numba", "torch"}, default="auto"
        What computes it. numba, an optional package, is many times as fast, on the CPU
        only; torch works on any device. ``"auto"`` takes numba where it is installed
        and the tables are on the CPU.
    n_threads : int, default=1
        Threads of the numba kernel. With one, the same seed gives the same bits; more
        write to the tables without waiting for each other. torch has its own setting.

    Raises
    ------
    ImportError
        If `kernel` is ``"numba"`` and numba is not installed.
    TypeError, ValueError
        If tables are not float32 tensors of one shape and device, or another argument
        does not fit them.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_crossmodal.word_space._text import TextTrainer, keep_probabilities
    >>> ids = np.array([0, 1, -1, 2, 3, -1] * 50)  # two words a sentence
    >>> counts = np.bincount(ids[ids >= 0])
    >>> generator = torch.Generator().manual_seed(0)
    >>> words = torch.rand(4, 8, generator=generator) - 0.5
    >>> outputs = torch.zeros(4, 8)
    >>> trainer = TextTrainer(
    ...     words, outputs, keep_probabilities(counts, 0), counts**0.75, kernel="torch"
    ... )
    >>> for seed in range(50):
    ...     n_words, loss = trainer.train(ids, lr=0.1, seed=seed)
    >>> n_words
    200
    >>> (words @ outputs.T).argmax(dim=1)  # the word that each is found beside
    tensor([1, 0, 3, 2])
    """

    def __init__(
        self,
        words,
        outputs,
        keep,
        noise,
        *,
        word_loss=None,
        frozen=None,
        kernel="auto",
        n_threads=1,
    ):
        words, outputs = _check_tables(words, outputs)
        self.n_words = len(words)
        keep = self._check_rows("keep", keep, np.float32)
        noise = _check_weights("noise", self._check_rows("noise", noise, np.float64))
        if not noise.any():
            raise ValueError("noise is zero for all words: there is none to draw.")
        noise = _alias_table(noise)
        if frozen is not None:
            frozen = self._check_rows("frozen", frozen, np.bool_)
            frozen = frozen if frozen.any() else None
        if n_threads < 1:
            raise ValueError(f"n_threads must be at least 1, got {n_threads!r}.")
        word_loss = WordLoss() if word_loss is None else word_loss
        if _choose_kernel(kernel, words.device) == "numba":
            self._kernel = _NumbaKernel(
                words, outputs, keep, noise, frozen, word_loss, n_threads
            )
        else:
            self._kernel = _TorchKernel(words, outputs, keep, noise, frozen, word_loss)

    def train(self, ids, lr, seed):
        """Take one pass over a piece of text.

        Parameters
        ----------
        ids : ndarray of shape (n,), integers
            Rows of the words of the text in its order, -1 between sentences. Windows
            end at sentences' ends, and at those of `ids`. It is not changed.
        lr : float
            Step size, at least 0. With 0, nothing changes: that measures the loss.
        seed : int, or list of int
            Seed; all that is random follows from it alone.

        Returns
        -------
        n_kept : int
            Words of the text that were kept.
        loss : float
            Mean over the pairs of a word and a context, before each step; 0.0 when
            there is none.

        Raises
        ------
        ValueError
            If `ids` has another shape or a value out of range, or `lr` is negative.
        """
        if not 0 <= lr < np.inf:
            raise ValueError(f"lr must be finite and at least 0, got {lr!r}.")
        ids = self._check_ids(ids)
        n_kept, loss, n_pairs = self._kernel.train(
            ids, lr, np.random.SeedSequence(seed)
        )
        return n_kept, loss / n_pairs if n_pairs else 0.0

    def _check_ids(self, ids):
        """Return a copy of the right type; compiled code would not notice bad rows."""
        ids = np.asarray(ids)
        if ids.ndim != 1 or (ids.dtype.kind not in "iu" and len(ids)):
            raise ValueError(
                "ids must be a one-dimensional array of integers, got shape "
                f"{ids.shape} and dtype {ids.dtype}."
            )
        if len(ids) and not (-1 <= ids.min() and ids.max() < self.n_words):
            bad = np.flatnonzero((ids < -1) | (ids >= self.n_words))[0]
            raise ValueError(
                f"ids must be rows of the tables, from 0 to {self.n_words - 1}, or -1 "
                f"between sentences, but ids[{bad}] is {ids[bad]}."
            )
        return ids.astype(np.int32)

    def _check_rows(self, name, values, dtype):
        values = np.array(values, dtype=dtype)
        if values.shape != (self.n_words,):
            raise ValueError(
                f"{name} must have the shape {(self.n_words,)}, a value for each word, "
                f"got {values.shape}."
            )
        return values


def _check_tables(words, outputs):
    for name, table in (("words", words), ("outputs", outputs)):
        if not isinstance(table, torch.Tensor) or table.dtype != torch.float32:
            kind = getattr(table, "dtype", type(table).__name__)
            raise TypeError(f"{name} must be a tensor of dtype float32, got {kind}.")
        if table.ndim != 2 or not table.is_contiguous():
            raise ValueError(
                f"{name} must be contiguous with the shape (n_words, n_components), "
                f"got the shape {tuple(table.shape)} and strides {table.stride()}."
            )
    if words.shape != outputs.shape or words.device != outputs.device:
        raise ValueError(
            "words and outputs must have the same shape and device, got "
            f"{tuple(words.shape)} on {words.device} and {tuple(outputs.shape)} on "
            f"{outputs.device}."
        )
    return words.detach(), outputs.detach()


def _choose_kernel(kernel, device):
    if kernel not in ("auto", "numba", "torch"):
        raise ValueError(f"kernel must be 'auto', 'numba' or 'torch', got {kernel!r}.")
    installed = find_spec("numba") is not None
    if kernel == "auto":
        return "numba" if installed and device.type == "cpu" else "torch"
    if kernel == "numba" and not installed:
        raise ImportError(
            "kernel='numba' needs numba: pip install 'sklearn-crossmodal[fast]', or "
            "use kernel='torch'."
        )
    if kernel == "numba" and device.type != "cpu":
        raise ValueError(
            f"kernel='numba' works on the CPU, but the tables are on {device}: use "
            "kernel='torch'."
        )
    return kernel


class _NumbaKernel:
    """Compiled code that changes the tables' memory, in threads of its own."""

    def __init__(self, words, outputs, keep, noise, frozen, word_loss, n_threads):
        from . import _kernels

        self.tables = words.numpy(), outputs.numpy()
        self.keep, self.noise = keep, noise
        self.frozen = np.zeros(0, dtype=np.bool_) if frozen is None else frozen
        self.n_threads = n_threads
        self.settings = (
            int(word_loss.window),
            int(word_loss.n_negatives),
            bool(word_loss.share_negatives),
            word_loss.loss == "hinge",
            np.float32(word_loss.margin),
            *map(np.float32, word_loss.hinge_weights),
        )
        self.keep_words = _kernels.keep_words
        self.skip_gram = _kernels.compile_skip_gram(
            words.shape[1], word_loss.energy == "cosine", frozen is not None
        )

    def train(self, ids, lr, seeds):
        """Return how many words were kept, the sum of losses and their number."""
        seed, *seeds = seeds.generate_state(1 + self.n_threads, np.uint64)
        n, n_kept = self.keep_words(ids, self.keep, seed)
        # Threads share the centres, not the text: no window ends where a part does.
        ends = [n * i // self.n_threads for i in range(self.n_threads + 1)]

        def train_part(start, stop, seed):
            return self.skip_gram(
                ids[:n],
                start,
                stop,
                self.tables,
                self.noise,
                self.frozen,
                self.settings,
                np.float32(lr),
                seed,
            )

        if self.n_threads == 1:
            return n_kept, *train_part(0, n, *seeds)
        with ThreadPoolExecutor(self.n_threads) as pool:
            parts = list(pool.map(train_part, ends, ends[1:], seeds))
        loss, n_pairs = map(sum, zip(*parts, strict=True))
        return n_kept, loss, n_pairs


class _TorchKernel:
    """The same in blocks of windows, on any device, with gradients written out."""

    def __init__(self, words, outputs, keep, noise, frozen, word_loss):
        device = words.device
        self.words, self.outputs, self.word_loss = words, outputs, word_loss
        self.keep = torch.from_numpy(keep).to(device)
        own, other = torch.from_numpy(noise.astype(np.int64)).to(device).unbind(1)
        self.own, self.other = own, other
        self.free = None if frozen is None else ~torch.from_numpy(frozen).to(device)
        reach = torch.arange(1, word_loss.window + 1, device=device)
        self.offsets = torch.cat([-reach, reach])

    @torch.no_grad()
    def train(self, ids, lr, seeds):
        """Return how many words were kept, the sum of losses and their number."""
        device = self.words.device
        generator = torch.Generator(device)
        generator.manual_seed(
            int(seeds.generate_state(1, np.uint64)[0] >> np.uint64(1))
        )
        ids = torch.from_numpy(ids).to(device, torch.int64)
        draws = torch.rand(len(ids), generator=generator, device=device)
        ids = ids[(ids < 0) | (draws < self.keep[ids.clamp(min=0)])]
        positions = (ids >= 0).nonzero()[:, 0]
        loss = torch.zeros((), dtype=torch.float64, device=device)
        n_pairs, sentences = 0, (ids < 0).cumsum(0)
        for block in positions.split(self._n_windows(ids[positions], lr)):
            contexts, valid = self._windows(ids, sentences, block, generator)
            if valid.any():
                loss += self._step(ids[block], contexts, valid, lr, generator)
                n_pairs += int(valid.sum())
        return len(positions), float(loss), n_pairs

    def _n_windows(self, words, lr):
        """Return how many windows a block has."""
        n_pairs = _PAIRS
        if lr > 0 and len(words):
            share = int(words.bincount().max()) / len(words)
            n_pairs = min(n_pairs, _MAX_STEPS / (lr * share))
        return max(1, int(n_pairs / (self.word_loss.window + 1)))

    def _windows(self, ids, sentences, block, generator):
        """Return the words around positions, and which are in the window."""
        reach = torch.randint(
            1,
            self.word_loss.window + 1,
            (len(block), 1),
            generator=generator,
            device=ids.device,
        )
        at = block[:, None] + self.offsets
        valid = (self.offsets.abs() <= reach) & (at >= 0) & (at < len(ids))
        at = at.clamp(0, max(0, len(ids) - 1))
        contexts = ids[at]
        valid &= (contexts >= 0) & (sentences[at] == sentences[block][:, None])
        return contexts, valid

    def _draw(self, n, generator):
        """Draw `n` times `n_negatives` random words."""
        shape, device = (n, self.word_loss.n_negatives), self.own.device
        options = {"generator": generator, "device": device}
        columns = torch.randint(len(self.own), shape, **options)
        own = torch.randint(2**32, shape, **options) < self.own[columns]
        return torch.where(own, columns, self.other[columns])

    def _step(self, centres, contexts, valid, lr, generator):
        """Take a step for the windows of a block; return the sum of the losses."""
        rows, columns = valid.nonzero(as_tuple=True)
        positives = contexts[rows, columns]
        # Pairs of a group have the same negatives: those of a window, or one pair.
        share = self.word_loss.share_negatives
        groups = rows if share else torch.arange(len(rows), device=rows.device)
        owners = torch.arange(len(centres), device=rows.device) if share else rows
        negatives = self._draw(len(owners), generator)
        window = torch.where(valid, contexts, -1)[owners]
        outside = (negatives[:, :, None] != window[:, None, :]).all(dim=2)

        targets = torch.cat([positives, negatives.flatten()])
        rows = torch.cat([rows, owners.repeat_interleave(negatives.shape[1])])
        h, o = self.words[centres], self.outputs[targets]
        energies = (h[rows] * o).sum(dim=1)
        scales = None
        if self.word_loss.energy == "cosine":
            scales = _inverse_norms(h)[rows], _inverse_norms(o)
            energies *= scales[0] * scales[1]
        loss, slopes = self._slopes(energies, groups, outside)
        if lr > 0:
            self._move(centres, targets, rows, h, o, energies, scales, lr * slopes)
        return loss

    def _slopes(self, energies, groups, outside):
        """Return the sum of the losses, and minus its slope in each energy."""
        positive = energies[: len(groups)]
        negative = energies[len(groups) :].view(outside.shape)
        if self.word_loss.loss == "hinge":
            inside, outer = self.word_loss.hinge_weights
            violations = self.word_loss.margin - inside * positive[:, None]
            violations = (violations + negative[groups]).clamp(min=0) * outside[groups]
            violated = (violations > 0).to(energies.dtype)
            loss = outer * violations.sum()
            up = outer * inside * violated.sum(dim=1)
            down = torch.zeros_like(negative).index_add_(0, groups, violated)
            down *= outer
        else:
            n_pairs = groups.bincount(minlength=len(outside))[:, None]
            weights = outside * n_pairs
            loss = softplus(-positive).sum() + (weights * softplus(negative)).sum()
            up, down = (-positive).sigmoid(), weights * negative.sigmoid()
        return loss, torch.cat([up, -down.flatten()])

    def _move(self, centres, targets, rows, h, o, energies, scales, steps):
        """Move both tables along the gradients of the energies."""
        live = steps.nonzero()[:, 0]
        rows, targets, o, steps = rows[live], targets[live], o[live], steps[live]
        along, own = steps[:, None], h[rows]
        move_centres, move_targets = along * o, along * own
        if scales is not None:
            h_scales, o_scales = (scale[live][:, None] for scale in scales)
            radial = along * energies[live][:, None]
            move_centres *= h_scales * o_scales
            move_centres -= radial * h_scales**2 * own
            move_targets *= h_scales * o_scales
            move_targets -= radial * o_scales**2 * o
        total = torch.zeros_like(h).index_add_(0, rows, move_centres)
        if self.free is not None:
            free = self.free[targets]
            targets, move_targets = targets[free], move_targets[free]
            free = self.free[centres]
            centres, total = centres[free], total[free]
        self.outputs.index_add_(0, targets, move_targets)
        self.words.index_add_(0, centres, total)


def _inverse_norms(rows):
    norms = rows.norm(dim=1)
    return torch.where(norms < SHORT, 1.0, 1.0 / norms)
