"""Batches of strings with mutated copies, soft positions, and the tower behind."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein
from scipy import stats
from scipy.spatial.distance import pdist

from sklearn_crossmodal.training._pairs import BatchIterator
from sklearn_crossmodal.training._strings import (
    _GAIN,
    StringBatches,
    StringTower,
    mutate,
    soft_positions,
)
from sklearn_crossmodal.utils._edit_distance import EditDistance
from sklearn_crossmodal.utils._strings import encode

quick = settings(max_examples=50)
LETTERS = "abcdefghijklmnopqrstuvwxyz"
alphabets = st.sampled_from(["a", "ab", LETTERS, "αβγ", "😀é\0"])
seeds = st.integers(0, 2**16)


def chi_square(counts, n_kinds):
    """Return the probability of counts as uneven as these if all kinds are alike."""
    return stats.chisquare([counts[kind] for kind in range(n_kinds)]).pvalue


# --- Mutations ----------------------------------------------------------------------


@quick
@given(data=st.data(), alphabet=alphabets, max_edits=st.integers(1, 5), seed=seeds)
def test_a_copy_is_at_most_so_many_edits_away(data, alphabet, max_edits, seed):
    texts = data.draw(st.lists(st.text(max_size=8), max_size=6))
    given_texts = list(texts)
    copies = mutate(texts, max_edits, alphabet, np.random.default_rng(seed))
    assert texts == given_texts
    assert len(copies) == len(texts)
    for text, copy in zip(texts, copies, strict=True):
        assert Levenshtein.distance(text, copy) <= max_edits
        assert not Counter(copy) - Counter(text) - Counter(max_edits * alphabet)
    again = mutate(texts, max_edits, alphabet, np.random.default_rng(seed))
    assert again == copies


def test_every_single_edit_is_made():
    # All neighbours of a string, and itself: a letter may be replaced by the same one.
    copies = mutate(["ab"] * 2000, 1, "abc", np.random.default_rng(0))
    expected = {
        *("ab"[:i] + c + "ab"[i:] for i in range(3) for c in "abc"),
        *("ab"[:i] + c + "ab"[i + 1 :] for i in range(2) for c in "abc"),
        *("a", "b"),
    }
    assert set(copies) == expected


def test_insertions_replacements_and_deletions_come_equally_often_and_anywhere():
    text, n = LETTERS, 6000
    copies = mutate([text] * n, 1, "αβγδ", np.random.default_rng(0))
    changes = Counter(len(copy) - len(text) for copy in copies)
    assert chi_square({0: changes[-1], 1: changes[0], 2: changes[1]}, 3) > 1e-3
    inserted = [copy for copy in copies if len(copy) > len(text)]
    places = Counter(
        next(i for i, c in enumerate(copy) if c in "αβγδ") for copy in inserted
    )
    assert chi_square(places, len(text) + 1) > 1e-3
    drawn = Counter("αβγδ".index(c) for copy in inserted for c in copy if c > "z")
    assert chi_square(drawn, 4) > 1e-3
    replaced = [copy for copy in copies if len(copy) == len(text)]
    places = Counter(
        next(i for i, c in enumerate(copy) if c != text[i]) for copy in replaced
    )
    assert chi_square(places, len(text)) > 1e-3
    deleted = Counter(
        LETTERS.index((set(text) - set(copy)).pop())
        for copy in copies
        if len(copy) < len(text)
    )
    assert chi_square(deleted, len(text)) > 1e-3


@pytest.mark.parametrize("max_edits", [1, 2, 4])
def test_there_are_from_one_edit_to_as_many_as_allowed(max_edits):
    # In a long string of other characters, hardly two edits meet or cancel.
    text = "".join(np.random.default_rng(0).choice(list("0123456789"), 500))
    copies = mutate([text] * 900, max_edits, LETTERS, np.random.default_rng(1))
    edits = Counter(Levenshtein.distance(text, copy) - 1 for copy in copies)
    assert set(edits) == set(range(max_edits))
    # A share that is off by a third is not chance.
    assert min(edits.values()) > 900 / max_edits * 2 / 3


def test_the_empty_string_grows():
    copies = mutate([""] * 300, 1, "xyz", np.random.default_rng(0))
    assert set(copies) == {"x", "y", "z"}


# --- Batches ------------------------------------------------------------------------

WORDS = ["deliver", "great", "honour", "a", "recruits", "", "order", "orders", "zzz"]


def batches_of(strings=WORDS, n_draws=9, **params):
    settings = {
        "alphabet": LETTERS,
        "n_mutations": 2,
        "n_neighbors": 0,
        "max_edits": 3,
        "max_len": None,
        "cdist": EditDistance().cdist,
        "read": lambda texts: texts,
    }
    return StringBatches(strings, n_draws, **{**settings, **params})


def test_neighbours_are_next_in_alphabetical_order_read_either_way():
    words = sorted(
        {"".join(p) for n in (1, 2, 3) for p in itertools.product("abc", repeat=n)}
    )
    batches = batches_of(words, n_draws=len(words), n_mutations=0, n_neighbors=3)
    torch.manual_seed(0)
    index = batches.order()
    inputs, edits = batches[index]
    strings = inputs["ids"]
    drawn, near = strings[: len(words)], strings[len(words) :]
    assert len(near) == 3 * len(words)
    orders = [sorted(words), sorted(words, key=lambda w: w[::-1])]
    found = set()
    for i, neighbour in enumerate(near):
        steps = [
            order.index(neighbour) - order.index(drawn[i // 3]) for order in orders
        ]
        assert min(map(abs, steps)) <= 2
        found |= {which for which, step in enumerate(steps) if 0 < abs(step) <= 2}
    assert found == {0, 1}
    assert edits.shape == (4 * len(words), 4 * len(words))


@pytest.mark.parametrize("n_draws", [2, 9, 14, 40])
def test_each_string_is_drawn_once_before_any_is_drawn_twice(n_draws):
    torch.manual_seed(0)
    batches = batches_of(n_draws=n_draws)
    assert len(batches) == n_draws
    orders = [batches.order().tolist() for _ in range(2)]
    assert orders[0] != orders[1]
    for order in orders:
        assert len(order) == n_draws
        for start in range(0, n_draws, len(WORDS)):
            part = order[start : start + len(WORDS)]
            assert len(set(part)) == len(part)


@pytest.mark.parametrize("n_mutations", [0, 1, 3])
def test_a_batch_has_strings_their_copies_and_all_their_distances(n_mutations):
    torch.manual_seed(0)
    batches = batches_of(n_mutations=n_mutations, max_edits=2)
    order = batches.order()
    batch = batches[order[:4]]
    assert len(batch) == 4
    views, distances = batch
    texts = views["ids"]
    assert texts[:4] == [WORDS[i] for i in order[:4]]
    assert len(texts) == 4 * (1 + n_mutations)
    for i, copy in enumerate(texts[4:]):
        assert Levenshtein.distance(texts[i // n_mutations], copy) <= 2
    expected = [[Levenshtein.distance(a, b) for b in texts] for a in texts]
    assert distances.dtype == torch.float32
    assert distances.tolist() == expected


def test_copies_are_cut_before_their_distance_is_taken():
    torch.manual_seed(0)
    batches = batches_of(["abc", "xyz"], n_draws=40, max_len=3)
    views, distances = batches[batches.order()]
    texts = views["ids"]
    assert max(map(len, texts)) == 3
    expected = [[Levenshtein.distance(a, b) for b in texts] for a in texts]
    assert distances.tolist() == expected


def test_torchs_seed_draws_strings_and_copies():
    def epoch():
        batches = BatchIterator(batches_of(), 4)
        return [views["ids"] for views, _ in batches]

    torch.manual_seed(3)
    first, second = epoch(), epoch()
    assert first != second
    torch.manual_seed(3)
    assert [epoch(), epoch()] == [first, second]


def test_copies_are_others_in_each_epoch():
    batches = batches_of(["deliver"], n_draws=8)  # the draw is always the same
    copies = [batches[batches.order()] for _ in range(2)]
    first, second = (views["ids"] for views, _ in copies)
    assert first[:8] == second[:8] and first[8:] != second[8:]


@pytest.mark.parametrize("n_draws, sizes", [(8, [4, 4]), (9, [4, 5]), (10, [4, 4, 2])])
def test_a_remainder_of_one_joins_the_last_batch(n_draws, sizes):
    assert [len(batch) for batch in BatchIterator(batches_of(n_draws=n_draws), 4)] == (
        sizes
    )


# --- Soft positions -----------------------------------------------------------------


def slow_positions(length, width, n_positions):
    weights = np.zeros((n_positions, width))
    for part in range(n_positions):
        centre = part / (n_positions - 1)
        for place in range(length):
            relative = (place + 0.5) / length
            weights[part, place] = math.exp(
                -(((relative - centre) * (n_positions - 1)) ** 2) / 2
            )
    return weights


def positions(length, n_positions, width=None):
    """Return the weights of one string in float64."""
    width = length if width is None else width
    weights = soft_positions(torch.tensor([length]), width, n_positions)
    return weights[0].double().numpy()


lengths = st.integers(0, 40)
counts = st.integers(2, 12)


@quick
@given(st.lists(lengths, min_size=1, max_size=5), counts, st.integers(0, 5))
def test_soft_positions_are_gaussians_over_the_string(some, n_positions, more):
    width = max(some) + more
    weights = soft_positions(torch.tensor(some), width, n_positions)
    assert weights.shape == (len(some), n_positions, width)
    for row, length in zip(weights, some, strict=True):
        np.testing.assert_allclose(
            row, slow_positions(length, width, n_positions), rtol=1e-4, atol=1e-6
        )
        assert not row[:, length:].any()


@quick
@given(lengths, counts)
def test_the_parts_of_a_reversed_string_are_reversed(length, n_positions):
    weights = positions(length, n_positions)
    np.testing.assert_allclose(weights, weights[::-1, ::-1], rtol=1e-3, atol=1e-6)


@quick
@given(lengths, counts, st.integers(0, 50))
def test_padding_changes_no_weight(length, n_positions, more):
    np.testing.assert_array_equal(
        positions(length, n_positions, length + more)[:, :length],
        positions(length, n_positions),
    )


@quick
@given(st.integers(1, 20), st.sampled_from([3, 5, 25]), counts)
def test_the_same_place_has_the_same_weights_in_a_longer_string(
    length, factor, n_positions
):
    # The middle one of the `factor` characters that one becomes.
    longer = positions(factor * length, n_positions)[:, factor // 2 :: factor]
    np.testing.assert_allclose(
        longer, positions(length, n_positions), rtol=1e-3, atol=1e-6
    )


@quick
@given(st.integers(1, 40), counts)
def test_every_character_belongs_most_to_the_nearest_part(length, n_positions):
    weights = positions(length, n_positions)
    relative = (np.arange(length) + 0.5) / length * (n_positions - 1)
    nearest = weights[np.round(relative).astype(int), np.arange(length)]
    np.testing.assert_allclose(nearest, weights.max(axis=0), rtol=1e-4)
    # Half the distance of two parts, at most.
    assert (nearest > math.exp(-1 / 8) - 1e-4).all()


# --- The tower ----------------------------------------------------------------------

ALPHABET = "abcd"
SHAPES = [
    {"pooling": pooling, "n_filters": n_filters, "filter_size": size}
    for pooling in ("soft_positions", "flatten")
    for n_filters, size in ((None, 3), (8, 3), (8, 2), (8, 1))
]
by_shape = pytest.mark.parametrize(
    "shape", SHAPES, ids=lambda shape: "-".join(map(str, shape.values()))
)
words = st.text("abcdé", max_size=9)


def tower(hidden=(7,), seed=0, **params):
    torch.manual_seed(seed)
    settings = {
        "n_filters": None,
        "filter_size": 3,
        "pooling": "soft_positions",
        "n_positions": 9,
        "hidden_layer_sizes": list(hidden),
    }
    return StringTower(2 + len(ALPHABET), 5, **{**settings, **params}).eval()


def read(texts, width=None):
    """Return ids, 0 for padding, 1 for what is outside the alphabet."""
    width = max([1, *map(len, texts)]) if width is None else width
    return torch.from_numpy(encode(texts, ALPHABET, width)[0].astype(np.int64))


def embed(module, texts, width=None):
    with torch.inference_mode():
        return module(read(texts, width)).double().numpy()


def slow_characters(weights, text, width, n_filters, filter_size):
    """Return a row for each column: one-hot characters, or what filters make of it."""
    ids = [1 + (ALPHABET.find(c) + 1) for c in text] + [0] * (width - len(text))
    one_hot = np.eye(2 + len(ALPHABET))
    if n_filters is None:
        return one_hot[ids][:, 1:]
    left = (filter_size - 1) // 2
    ids = [0] * left + ids + [0] * (filter_size - 1 - left)
    kernels, bias = weights["convolution.weight"], weights["convolution.bias"]
    rows = []
    for place in range(width):
        seen = one_hot[ids[place : place + filter_size]]
        rows.append([max(0, (kernel.T * seen).sum() + b) for kernel, b in
                     zip(kernels, bias, strict=True)])  # fmt: skip
    return np.array(rows)


def slow_tower(module, text, *, pooling, n_filters, filter_size, n_positions=9):
    weights = {k: v.double().numpy() for k, v in module.state_dict().items()}
    width = max(1, len(text)) if pooling == "soft_positions" else n_positions
    inputs = slow_characters(weights, text, width, n_filters, filter_size)
    if pooling == "soft_positions":
        inputs = slow_positions(len(text), width, n_positions) @ inputs
        sizes = [len(text) / 10, math.log(1 + len(text))]
        inputs = np.concatenate([inputs.ravel(), sizes])
    inputs = _GAIN * inputs.ravel()
    layers = sorted({int(name.split(".")[1]) for name in weights if "head" in name})
    outputs = inputs
    for layer in layers:
        outputs = weights[f"head.{layer}.weight"] @ outputs
        outputs = outputs + weights[f"head.{layer}.bias"]
        if layer != layers[-1]:
            outputs = outputs * stats.norm.cdf(outputs)
    if "bypass.weight" in weights:
        outputs = outputs + weights["bypass.weight"] @ inputs
    return weights["scale"] * outputs


@by_shape
@pytest.mark.parametrize("hidden", [(), (7,), (6, 4)])
def test_towers_equal_loops_over_characters(shape, hidden):
    module = tower(hidden, **shape)
    module.scale.fill_(2.5)
    texts = ["", "a", "dcba", "aébb", "abcdabcda"]
    expected = [slow_tower(module, text, **shape) for text in texts]
    np.testing.assert_allclose(embed(module, texts), expected, rtol=1e-3, atol=1e-4)


@by_shape
@quick
@given(st.lists(words, min_size=2, max_size=6), st.integers(0, 20))
def test_neighbours_and_padding_do_not_matter(shape, texts, more):
    module = tower(**shape)
    together = embed(module, texts)
    alone = np.vstack([embed(module, [text]) for text in texts])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-5)
    padded = embed(module, texts, width=9 + more)
    np.testing.assert_allclose(padded, alone, rtol=1e-4, atol=1e-5)


@by_shape
def test_what_differs_differs_in_a_fresh_tower(shape):
    texts = ["", "a", "b", "é", "ab", "ba", "aé", "aa", "aaaaaaaa", "aaaaaaaaa", "abab"]
    embedded = embed(tower(**shape), texts)
    assert pdist(embedded).min() > 1e-3
    # All characters outside the alphabet are one.
    unknown = embed(tower(**shape), ["aéb", "a😀b"])
    np.testing.assert_allclose(*unknown, rtol=1e-4, atol=1e-5)


@by_shape
@pytest.mark.parametrize("distance", ["euclidean", "sqeuclidean"])
@pytest.mark.parametrize("mean", [0.5, 6.0, 300.0])
def test_calibration_gives_the_mean_distance(shape, distance, mean):
    texts = ["", "a", "ab", "dcba", "aébb", "abcdabcda", "bbbb", "cdc"]
    module = tower(**shape)
    for _ in range(2):  # again, from another scale
        module.calibrate(read(texts), mean, distance)
        # Of equal rows, a distance of 0.01 is taken, which the mean has 8 of.
        assert pdist(embed(module, texts), distance).mean() == pytest.approx(
            mean, rel=0.01
        )
    assert "scale" in module.state_dict()
    assert "scale" not in dict(module.named_parameters())


@by_shape
def test_all_weights_learn(shape):
    module = tower(**shape).train()
    module(read(["abcd", "aébb", "", "dcbadcbad"])).square().sum().backward()
    for name, parameter in module.named_parameters():
        assert parameter.grad.any(), name
