"""The word loss of text, compiled by numba: imported only where it is asked for.

Threads write to the same two tables without locks (Recht et al. 2011, "Hogwild"): two
rarely change the same row at once, and then one small step is lost.
"""

from functools import lru_cache

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from ._text import SHORT

# Sums may be reordered, so that they run in vector registers; what is not finite must
# stay so, to be noticed.
_FASTMATH = {"reassoc", "contract", "nsz", "arcp"}
_LINE = 16  # float32 values of a cache line

_SHORT = np.float32(SHORT)

_inline = njit(fastmath=_FASTMATH, forceinline=True, error_model="numpy")


def _compile(**options):
    """Return numba's decorator; the machine code is kept on disk where that works."""

    def decorate(function):
        try:
            return njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:  # no folder of numba's choice can be written
            return njit(nogil=True, **options)(function)

    return decorate


@intrinsic
def _prefetch(typing_context, table, row, column):
    """Ask the memory for one value of a table before it is needed."""

    def generate(context, builder, signature, arguments):
        array = make_array(signature.args[0])(context, builder, arguments[0])
        width = builder.extract_value(array.shape, 1)
        offset = builder.add(builder.mul(arguments[1], width), arguments[2])
        address = builder.bitcast(builder.gep(array.data, [offset]), cgutils.voidptr_t)
        int32 = ir.IntType(32)
        function = builder.module.declare_intrinsic(
            "llvm.prefetch",
            (address.type,),
            ir.FunctionType(ir.VoidType(), [address.type, int32, int32, int32]),
        )
        write, near, data = int32(1), int32(3), int32(1)
        builder.call(function, [address, write, near, data])
        return context.get_dummy_value()

    return types.void(table, types.intp, types.intp), generate


@njit
def _random(state):
    """Return 64 random bits: SplitMix64 (Steele, Lea and Flood 2014)."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit
def _below(bits, n):
    """Return a number from 0 to n - 1 out of the upper half of random bits."""
    return np.intp(((bits >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32))


@njit
def _draw_noise(noise, state):
    """Draw a word: a column of the alias table, and one of the two words in it."""
    bits = _random(state)
    column = _below(bits, noise.shape[0])
    if (bits & np.uint64(0xFFFFFFFF)) < np.uint64(noise[column, 0]):
        return column
    return np.intp(noise[column, 1])


@njit
def _draw_all(drawn, noise, state):
    """Fill an array with words drawn."""
    for n in range(len(drawn)):
        drawn[n] = _draw_noise(noise, state)


@njit
def _find_contexts(ids, i, reach, contexts):
    """Write the words around position `i` of its sentence; return how many."""
    n = 0
    j = i - 1
    while j >= 0 and j >= i - reach and ids[j] >= 0:
        contexts[n] = ids[j]
        n += 1
        j -= 1
    j = i + 1
    while j < ids.shape[0] and j <= i + reach and ids[j] >= 0:
        contexts[n] = ids[j]
        n += 1
        j += 1
    return n


@njit
def _append_negatives(drawn, contexts, n_contexts, targets, n_targets):
    """Append the words drawn that are not in the window; return the new length."""
    for word in drawn:
        outside = True
        for c in range(n_contexts):
            if contexts[c] == word:
                outside = False
        if outside:
            targets[n_targets] = word
            n_targets += 1
    return n_targets


@njit
def _hinge(energies, n_positives, n, margin, inside, outer, slopes):
    """Write minus the slopes of the hinge in each energy; return the loss."""
    loss = np.float32(0)
    for t in range(n):
        slopes[t] = 0
    for p in range(n_positives):
        bound = margin - inside * energies[p]
        for t in range(n_positives, n):
            violation = bound + energies[t]
            if not violation <= 0:  # so that NaN spreads
                loss += outer * violation
                slopes[p] += outer * inside
                slopes[t] -= outer
    return loss


@njit
def _logistic(energies, n_positives, n, slopes):
    """Write minus the slopes of the logistic loss; return the loss."""
    # 1 + exp(-|E|) is at most 2: one logarithm of a product does for all of them.
    positive_product, negative_product = 1.0, 1.0
    positive_sum, negative_sum = np.float32(0), np.float32(0)
    for t in range(n_positives):
        z = np.exp(-abs(energies[t]))
        positive_product *= 1 + z
        positive_sum += max(-energies[t], np.float32(0))
        slopes[t] = (z if energies[t] > 0 else np.float32(1)) / (1 + z)
    for t in range(n_positives, n):
        z = np.exp(-abs(energies[t]))
        negative_product *= 1 + z
        negative_sum += max(energies[t], np.float32(0))
        slopes[t] = -n_positives * (np.float32(1) if energies[t] > 0 else z) / (1 + z)
    return (
        positive_sum
        + np.log(positive_product)
        + n_positives * (negative_sum + np.log(negative_product))
    )


@_compile()
def keep_words(ids, keep, seed):
    """Drop words at random, in place.

    Parameters
    ----------
    ids : ndarray of shape (n,), dtype int32
        Words; below zero between sentences. Changed.
    keep : ndarray of shape (n_words,), dtype float32
        Probability of keeping each word.
    seed : uint64
        Seed.

    Returns
    -------
    n : int
        Entries of `ids` that are left, at its beginning, separators too.
    n_kept : int
        Words among them.
    """
    state = np.empty(1, dtype=np.uint64)
    state[0] = seed
    unit = np.float32(2.0**-24)  # as many bits as float32 has
    n, n_kept = 0, 0
    for word in ids:
        if word >= 0:
            if np.float32(_random(state) >> np.uint64(40)) * unit >= keep[word]:
                continue
            n_kept += 1
        ids[n] = word
        n += 1
    return n, n_kept


@_inline
def _prefetch_row(table, row, size):
    """Ask the memory for a row before it is needed."""
    for column in range(0, size, _LINE):
        _prefetch(table, row, column)


@_inline
def _prefetch_ahead(ids, i, window, words, outputs, size):
    """Ask for what the centres after position `i` read for the first time."""
    if i + 2 < ids.shape[0] and ids[i + 2] >= 0:
        _prefetch_row(words, np.intp(ids[i + 2]), size)
    i += 2 + window
    if i < ids.shape[0] and ids[i] >= 0:
        _prefetch_row(outputs, np.intp(ids[i]), size)


@_inline
def _inverse_norm(squared):
    """Return one over the norm of a row; rows next to zero count as unit vectors."""
    norm = np.sqrt(squared)
    return np.float32(1) if norm < _SHORT else np.float32(1) / norm


@_inline
def _dots(centre, size, outputs, targets, n, energies):
    """Write the inner products of a vector and rows."""
    for t in range(n):
        row = targets[t]
        energy = np.float32(0)
        for k in range(size):
            energy += centre[k] * outputs[row, k]
        energies[t] = energy


@_inline
def _cosines(centre, size, outputs, targets, n, energies, scales):
    """Write cosines and the rows' inverse norms; return that of the vector."""
    norm = np.float32(0)
    for k in range(size):
        norm += centre[k] * centre[k]
    scale = _inverse_norm(norm)
    for t in range(n):
        row = targets[t]
        energy, norm = np.float32(0), np.float32(0)
        for k in range(size):
            energy += centre[k] * outputs[row, k]
            norm += outputs[row, k] * outputs[row, k]
        scales[t] = _inverse_norm(norm)
        energies[t] = energy * scale * scales[t]
    return scale


@_inline
def _pull_centre(step, size, along, row, outputs):
    """Add to a centre's step what a row that stays as it is asks for."""
    for k in range(size):
        step[k] += along * outputs[row, k]


@_inline
def _pull_both(centre, step, size, along, shrink, row, outputs):
    """Add to a centre's step what a row asks for, and move the row."""
    for k in range(size):
        value = outputs[row, k]
        step[k] += along * value
        outputs[row, k] = shrink * value + along * centre[k]


@_inline
def _move(
    targets,
    n,
    outputs,
    centre,
    step,
    size,
    cosine,
    freeze,
    frozen,
    lr,
    scale,
    scales,
    energies,
    slopes,
):
    """Move rows, and add to a centre's step; return what of itself it has to lose."""
    own = np.float32(0)
    for t in range(n):
        along, shrink = lr * slopes[t], np.float32(1)
        if along == 0:
            continue
        if cosine:
            radial = along * energies[t]
            along *= scale * scales[t]
            shrink -= radial * scales[t] * scales[t]
            own += radial * scale * scale
        if freeze:
            if frozen[targets[t]]:
                _pull_centre(step, size, along, targets[t], outputs)
                continue
        _pull_both(centre, step, size, along, shrink, targets[t], outputs)
    return own


@lru_cache
def compile_skip_gram(size, cosine, freeze):
    """Return the compiled word loss for rows of `size` values.

    What is given here is part of the machine code: loops of known length make rows of
    100 values a third faster.

    Parameters
    ----------
    size : int
        Columns of the tables.
    cosine : bool
        Whether energies are cosines instead of inner products.
    freeze : bool
        Whether some words are frozen.

    Returns
    -------
    skip_gram : callable
        ``skip_gram(ids, start, stop, tables, noise, frozen, settings, lr, seed) ->
        (loss, n_pairs)`` trains on the centres at `start` to `stop` of `ids`. `tables`
        are the words and the outputs; `settings` are ``(window, n_negatives, share,
        hinge, margin, inside, outer)``.
    """

    @_compile(fastmath=_FASTMATH, error_model="numpy")
    def skip_gram(ids, start, stop, tables, noise, frozen, settings, lr, seed):
        words, outputs = tables
        window, n_negatives, share, hinge, margin, inside, outer = settings
        state = np.array([seed], dtype=np.uint64)
        contexts = np.empty(2 * window, dtype=np.intp)
        drawn = np.empty(n_negatives, dtype=np.intp)
        targets = np.empty(2 * window + n_negatives, dtype=np.intp)
        energies = np.empty(len(targets), dtype=np.float32)
        scales, slopes = np.empty_like(energies), np.empty_like(energies)
        centre = np.empty(size, dtype=np.float32)
        step = np.empty_like(centre)
        loss, n_pairs, scale = 0.0, 0, np.float32(1)
        _draw_all(drawn, noise, state)
        for i in range(start, stop):
            word = np.intp(ids[i])
            if word < 0:
                continue
            _prefetch_ahead(ids, i, window, words, outputs, size)
            reach = 1 + _below(_random(state), window)
            n_contexts = _find_contexts(ids, i, reach, contexts)
            if n_contexts == 0:
                continue
            n_pairs += n_contexts
            own = np.float32(0)
            for k in range(size):
                centre[k] = words[word, k]
                step[k] = 0
            n_positives = n_contexts if share else 1
            for first in range(0, n_contexts, n_positives):
                for p in range(n_positives):
                    targets[p] = contexts[first + p]
                n = _append_negatives(drawn, contexts, n_contexts, targets, n_positives)
                _draw_all(drawn, noise, state)  # for the next time: near by then
                for row in drawn:
                    _prefetch_row(outputs, row, size)
                if cosine:
                    scale = _cosines(
                        centre, size, outputs, targets, n, energies, scales
                    )
                else:
                    _dots(centre, size, outputs, targets, n, energies)
                if hinge:
                    loss += _hinge(
                        energies, n_positives, n, margin, inside, outer, slopes
                    )
                else:
                    loss += _logistic(energies, n_positives, n, slopes)
                own += _move(
                    targets,
                    n,
                    outputs,
                    centre,
                    step,
                    size,
                    cosine,
                    freeze,
                    frozen,
                    lr,
                    scale,
                    scales,
                    energies,
                    slopes,
                )
            moves = lr > 0
            if freeze:
                moves = moves and not frozen[word]
            if moves:
                for k in range(size):
                    words[word, k] += step[k] - own * centre[k]
        return loss, n_pairs

    return skip_gram
