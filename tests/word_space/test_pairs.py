"""Batches of images and words, noise words, and contexts, against loops."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from sklearn_crossmodal.training._pairs import BatchIterator
from sklearn_crossmodal.word_space._corpus import EncodedCorpus
from sklearn_crossmodal.word_space._pairs import (
    PAD,
    ContextSampler,
    NoiseSampler,
    WordPairs,
)

N_WORDS, N_FEATURES = 9, 3
seeds = st.integers(0, 2**16)


def padded(texts):
    width = max(map(len, texts))
    return np.array([[*text, *[PAD] * (width - len(text))] for text in texts])


def draw_texts(rng, n_rows):
    """Draw some texts for each row, of few words, so that much coincides."""
    rows = np.repeat(np.arange(n_rows), rng.integers(1, 4, size=n_rows))
    texts = [rng.integers(0, 6, size=rng.integers(1, 4)).tolist() for _ in rows]
    return texts, rows


def make_pairs(rng, n_rows, *, n_noise=7, n_passes=1, as_type=np.asarray, groups=None):
    texts, rows = draw_texts(rng, n_rows)
    X = rng.normal(size=(n_rows, N_FEATURES)).astype(np.float32)
    if groups is None:
        groups = np.arange(n_rows)
    counts = rng.integers(1, 20, size=N_WORDS)
    pairs = WordPairs(
        as_type(X),
        padded(texts),
        rows,
        groups,
        noise=NoiseSampler(counts, 0.75),
        n_noise=n_noise,
        n_passes=n_passes,
    )
    return pairs, X, texts


# --- Batches ------------------------------------------------------------------------


@settings(max_examples=50)
@given(
    seed=seeds,
    n_rows=st.integers(2, 7),
    n_groups=st.integers(1, 7),
    n_noise=st.integers(0, 8),
    as_type=st.sampled_from([np.asarray, sparse.csr_array]),
)
def test_batches_equal_loops(seed, n_rows, n_groups, n_noise, as_type):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, n_groups, size=n_rows) * 3
    pairs, X, texts = make_pairs(
        rng, n_rows, n_noise=n_noise, as_type=as_type, groups=groups
    )
    index = rng.permutation(len(texts))[: rng.integers(1, len(texts) + 1)]
    batch = pairs[index]
    views, targets = batch
    assert len(batch) == len(index)
    np.testing.assert_array_equal(views["x"].numpy(), X[pairs.rows[index]])
    chosen = [texts[i] for i in index]
    np.testing.assert_array_equal(views["y"].numpy(), padded(chosen))
    noise = views["noise"].tolist()
    assert len(noise) == n_noise
    assert set(noise) <= set(range(N_WORDS))
    words_of = slow_own(groups[pairs.rows], texts)
    expected = [
        [
            set(text) <= words_of[groups[row]] or groups[row] == groups[other]
            for other, text in zip(pairs.rows[index], chosen, strict=True)
        ]
        for row in pairs.rows[index]
    ]
    assert targets["same"].tolist() == expected
    assert targets["noise_is_true"].tolist() == [
        [word in words_of[groups[row]] for word in noise] for row in pairs.rows[index]
    ]


def slow_own(groups, texts):
    """Return the words of each group, of all items of its rows."""
    words = {}
    for group, text in zip(groups.tolist(), texts, strict=True):
        words.setdefault(group, set()).update(text)
    return words


def test_other_tags_of_an_image_are_its_own_though_not_in_the_batch():
    items, rows = np.array([[0], [1], [2], [1]]), np.array([0, 0, 1, 1])
    pairs = WordPairs(
        np.eye(2), items, rows, np.arange(2),
        noise=NoiseSampler([0, 1, 0], 1.0), n_noise=3, n_passes=1,
    )  # fmt: skip
    _, targets = pairs[np.array([0, 2])]  # all noise is word 1, which both rows have
    assert targets["noise_is_true"].all()
    assert targets["same"].tolist() == [[True, False], [False, True]]
    _, targets = pairs[np.array([0, 3])]  # now word 1 is the text of the other row
    assert targets["same"].tolist() == [[True, True], [False, True]]


def test_words_of_the_same_thing_are_no_noise():
    pairs = WordPairs(
        np.eye(3), np.array([[0], [1], [2]]), np.arange(3), np.array([0, 0, 1]),
        noise=NoiseSampler([0, 1, 0], 1.0), n_noise=3, n_passes=1,
    )  # fmt: skip
    _, targets = pairs[np.arange(3)]  # all noise is word 1, of the second row
    assert targets["noise_is_true"].all(dim=1).tolist() == [True, True, False]


def test_noise_words_that_name_no_image_are_true_of_none():
    pairs = WordPairs(
        np.eye(2), np.array([[1], [2]]), np.arange(2), np.arange(2),
        noise=NoiseSampler([0, 0, 0, 1], 1.0), n_noise=4, n_passes=1,
    )  # fmt: skip
    views, targets = pairs[np.arange(2)]
    assert views["noise"].tolist() == [3] * 4
    assert not targets["noise_is_true"].any()


def test_views_are_what_was_given():
    pairs, X, texts = make_pairs(np.random.default_rng(0), 5)
    np.testing.assert_array_equal(pairs.views[0], X)
    np.testing.assert_array_equal(pairs.views[1], padded(texts))


@settings(max_examples=30)
@given(seeds, st.integers(2, 6), st.integers(1, 4), st.integers(1, 9))
def test_an_epoch_has_each_pair_once_a_pass(seed, n_rows, n_passes, batch_size):
    pairs, _, texts = make_pairs(np.random.default_rng(seed), n_rows, n_passes=n_passes)
    torch.manual_seed(seed)
    order = pairs.order()
    n = len(texts)
    assert len(order) == len(pairs) == n * n_passes
    for start in range(0, len(order), n):
        assert sorted(order[start : start + n]) == list(range(n))
    sizes = list(map(len, BatchIterator(pairs, batch_size)))
    assert sum(sizes) == len(pairs)
    assert len(sizes) == len(BatchIterator(pairs, batch_size))


def test_passes_differ_and_torch_seeds_them():
    pairs, _, texts = make_pairs(np.random.default_rng(0), 30, n_passes=2)
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        order = pairs.order()
        batch = pairs[order[:5]]
        draws.append((order.tolist(), batch._parts[0]["noise"].tolist()))
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]
    first, second = np.split(np.array(draws[0][0]), 2)
    assert (first != second).any()
    assert len(first) == len(texts)


def make_balanced(balance, counts, n_passes):
    items = np.repeat(np.arange(len(counts)), counts)[:, None]
    rows = np.arange(len(items))
    return WordPairs(
        np.zeros((len(items), 1)), items, rows, rows,
        noise=NoiseSampler(np.ones(N_WORDS), 1.0), n_noise=1,
        n_passes=n_passes, balance=balance,
    )  # fmt: skip


@pytest.mark.parametrize("balance", [0.5, 1, 1.0])
def test_balance_draws_frequent_texts_less_often(balance):
    counts = np.array([1, 4, 16, 64])
    pairs = make_balanced(balance, counts, 200)
    torch.manual_seed(0)
    order = pairs.order()
    n = len(order)
    assert n == len(pairs) == 85 * 200
    found = np.bincount(pairs.items[order, 0], minlength=4)
    p = counts ** (1 - balance) / (counts ** (1 - balance)).sum()
    assert (np.abs(found - n * p) <= 5 * np.sqrt(n * p * (1 - p))).all()
    # Images of one text are equally likely.
    of_last = np.bincount(order, minlength=85)[-64:]
    mean = of_last.mean()
    assert np.abs(of_last - mean).max() <= 5 * np.sqrt(mean)


def test_without_balance_each_pair_comes_once_a_pass():
    pairs = make_balanced(0.0, [1, 4, 16], 3)
    assert np.bincount(pairs.order()).tolist() == [3] * 21


# --- Noise --------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    st.lists(st.integers(0, 1000), min_size=1, max_size=8).filter(any),
    st.sampled_from([0.0, 0.5, 0.75, 1.0]),
)
def test_frequencies_follow_the_counts_to_a_power(counts, power):
    n = 4000
    evenly = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    sampler = NoiseSampler(np.array(counts), power)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch, "rand", lambda *args, **kwargs: evenly)
        drawn = sampler.draw(n)
    weights = [float(count) ** power for count in counts]
    expected = np.array(weights) / sum(weights)
    found = np.bincount(drawn, minlength=len(counts)) / n
    assert np.abs(found - expected).max() <= 1.5 / n


def test_random_frequencies_follow_the_counts_to_a_power():
    counts, n = np.array([1, 0, 10, 100, 1000]), 50_000
    torch.manual_seed(0)
    found = np.bincount(NoiseSampler(counts, 0.75).draw(n), minlength=5)
    p = counts**0.75 / (counts**0.75).sum()
    assert found[1] == 0
    assert (np.abs(found - n * p) <= 5 * np.sqrt(n * p * (1 - p))).all()


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-53])
def test_words_that_do_not_occur_are_never_drawn(monkeypatch, uniform):
    draw = torch.full((3,), uniform, dtype=torch.float64)
    monkeypatch.setattr(torch, "rand", lambda *args, **kwargs: draw)
    sampler = NoiseSampler([0, 0, 5, 3, 7, 0, 0], 0.75)
    assert set(sampler.draw(3)) == {2 if uniform == 0 else 4}


# --- Contexts -----------------------------------------------------------------------


def make_contexts(sentences, n_words, window, keep=None, most=100):
    text = EncodedCorpus(
        [[str(word) for word in sentence] for sentence in sentences],
        {str(word): word for word in range(n_words)},
    )
    places = text.occurrences(np.arange(n_words), most, np.random.default_rng(0))
    keep = np.ones(n_words) if keep is None else np.asarray(keep)
    return ContextSampler(text, places, window, keep)


def slow_contexts(sentences, word, window):
    """Return all contexts that a word may have: of each occurrence and each reach."""
    found = set()
    for sentence in sentences:
        for place, other in enumerate(sentence):
            if other == word:
                for reach in range(1, window + 1):
                    before = sentence[max(0, place - reach) : place]
                    after = sentence[place + 1 : place + 1 + reach]
                    found.add(tuple(sorted(before + after)))
    return found or {()}


def contexts_of(sampler, items, seed=0):
    """Return the contexts drawn for items, without the padding."""
    torch.manual_seed(seed)
    drawn = sampler.draw(items)
    assert drawn.dtype == torch.int64
    assert drawn.shape == (len(items), 2 * sampler.window)
    return [tuple(sorted(id_ for id_ in row if id_ != PAD)) for row in drawn.tolist()]


corpora = st.lists(
    st.lists(st.integers(0, 5), min_size=1, max_size=7), min_size=1, max_size=5
)


@settings(max_examples=60)
@given(corpora, st.integers(1, 4), seeds)
def test_contexts_are_those_of_loops_and_no_others(sentences, window, seed):
    sampler = make_contexts(sentences, 6, window)
    items = np.repeat(np.arange(6), 40)[:, None]
    drawn = contexts_of(sampler, items, seed)
    for word in range(6):
        mine = drawn[40 * word : 40 * (word + 1)]
        assert set(mine) <= slow_contexts(sentences, word, window)


@pytest.mark.parametrize("window", [1, 2, 3, 5])
def test_every_context_is_drawn(window):
    sentences = [[0, 1, 2, 3, 0], [3], [2, 2, 1], [0, 0, 3, 1, 0, 2]]
    sampler = make_contexts(sentences, 5, window)
    drawn = contexts_of(sampler, np.repeat(np.arange(5), 600)[:, None])
    for word in range(5):
        mine = drawn[600 * word : 600 * (word + 1)]
        assert set(mine) == slow_contexts(sentences, word, window)


def test_a_word_is_not_in_its_own_context():
    # Each occurs once: were it in a context of its own, that would be its own place.
    sentences = np.random.default_rng(0).permutation(40).reshape(4, 10).tolist()
    items = np.tile(np.arange(40), 30)
    drawn = contexts_of(make_contexts(sentences, 40, 4), items[:, None])
    sentence_of = {word: set(sentence) for sentence in sentences for word in sentence}
    for word, context in zip(items.tolist(), drawn, strict=True):
        assert context
        assert word not in context
        assert set(context) < sentence_of[word]


def test_nearer_words_come_more_often():
    # As in skip-gram: a reach from 1 to the window is drawn, each as likely.
    window, n = 4, 6000
    sentence = list(range(2 * window + 3))  # one more on each side than is reached
    middle = window + 1
    sampler = make_contexts([sentence], len(sentence), window)
    drawn = Counter()
    for context in contexts_of(sampler, np.full((n, 1), middle)):
        drawn.update(context)
    for word in sentence:
        distance = abs(word - middle)
        share = (window + 1 - distance) / window if 0 < distance <= window else 0
        deviation = np.sqrt(n * share * (1 - share))
        assert abs(drawn[word] - n * share) <= 5 * deviation


def test_occurrences_are_equally_likely():
    n = 6000
    sampler = make_contexts([[0, i] for i in range(1, 5)], 5, 1)
    drawn = Counter(contexts_of(sampler, np.zeros((n, 1), dtype=np.int64)))
    assert set(drawn) == {(1,), (2,), (3,), (4,)}
    deviation = np.sqrt(n * 0.25 * 0.75)
    assert max(abs(count - n / 4) for count in drawn.values()) <= 5 * deviation


def test_the_words_of_an_item_and_their_occurrences_are_equally_likely():
    n = 9000
    sentences = [[word, 3 + 3 * i + word] for word in range(3) for i in range(3)]
    sampler = make_contexts(sentences, 12, 1)
    drawn = Counter(contexts_of(sampler, np.array([[0, 1, 2, PAD]] * n)))
    assert set(drawn) == {(context,) for context in range(3, 12)}
    deviation = np.sqrt(n * 8 / 81)
    assert max(abs(count - n / 9) for count in drawn.values()) <= 5 * deviation


def test_frequent_words_are_thinned_out():
    n, keep = 6000, [1.0, 0.0, 0.3, 1.0]
    sampler = make_contexts([[1, 0, 2], [3]], 4, 1, keep)
    drawn = Counter()
    for context in contexts_of(sampler, np.zeros((n, 1), dtype=np.int64)):
        drawn.update(context)
    assert set(drawn) == {2}
    assert abs(drawn[2] - 0.3 * n) <= 5 * np.sqrt(n * 0.3 * 0.7)


def test_thinning_brings_no_word_nearer():
    # A word that is left out leaves its place empty: nothing from farther off fills it.
    sampler = make_contexts([[0, 1, 2]], 3, 1, [1.0, 0.0, 1.0])
    assert set(contexts_of(sampler, np.zeros((50, 1), dtype=np.int64))) == {()}


@settings(max_examples=30)
@given(corpora, seeds)
def test_words_without_occurrences_have_no_context(sentences, seed):
    sampler = make_contexts(sentences, 9, 3)
    items = np.array([[6], [8], [0], [7]])
    drawn = contexts_of(sampler, items, seed)
    assert drawn[0] == drawn[1] == drawn[3] == ()
    empty = make_contexts([], 9, 3)
    assert contexts_of(empty, items, seed) == [()] * 4


def test_an_item_of_padding_has_no_context():
    sampler = make_contexts([[0, 1, 2]] * 3, 3, 2)
    assert contexts_of(sampler, np.array([[PAD, PAD], [2, PAD]] * 20))[::2] == [()] * 20


def test_a_sample_of_the_places_is_enough():
    sentences = [[0, i] for i in range(1, 30)]
    sampler = make_contexts(sentences, 30, 1, most=3)
    drawn = contexts_of(sampler, np.zeros((500, 1), dtype=np.int64))
    assert len(set(drawn)) == 3


def test_torch_seeds_the_contexts():
    sampler = make_contexts([list(range(8))] * 3, 8, 3)
    items = np.arange(8)[:, None]
    same = [contexts_of(sampler, items, seed) for seed in (1, 1, 2)]
    assert same[0] == same[1]
    assert same[0] != same[2]


def test_batches_have_the_contexts_of_their_words():
    sentences = [[word, word + 3] for word in range(3)]
    pairs = WordPairs(
        np.eye(3), np.arange(3)[:, None], np.arange(3), np.arange(3),
        noise=NoiseSampler(np.ones(6), 1.0), n_noise=2, n_passes=1,
    )  # fmt: skip
    assert "contexts" not in pairs[np.arange(3)]._parts[0]
    pairs.contexts = make_contexts(sentences, 6, 2)
    for index in map(list, product(range(3), repeat=2)):
        views, _ = pairs[np.array(index)]
        drawn = [sorted(set(row) - {PAD}) for row in views["contexts"].tolist()]
        assert drawn == [[i + 3] for i in index]
