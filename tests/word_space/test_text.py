"""The word loss of text: its gradients, what it draws, and what it learns."""

import itertools
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_crossmodal.word_space import _text
from sklearn_crossmodal.word_space._text import (
    TextTrainer,
    WordLoss,
    keep_probabilities,
)

SIZE = 8  # one for all tests: compiled code is made for a size
LOSSES = [
    ("logistic", "none"),
    ("hinge", "none"),
    ("hinge", "scale"),
    ("hinge", "printed"),
]


@pytest.fixture(params=["numba", "torch"])
def kernel(request):
    if request.param == "numba":
        pytest.importorskip("numba")
    return request.param


def make_tables(n_words=SIZE, seed=0, scale=0.5):
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        scale * torch.randn(n_words, SIZE, generator=generator) for _ in range(2)
    )


def make_trainer(
    tables, kernel, *, keep=1.0, noise=None, n_threads=1, frozen=None, **p
):
    n_words = len(tables[0])
    return TextTrainer(
        *tables,
        np.full(n_words, keep) if np.isscalar(keep) else keep,
        np.ones(n_words) if noise is None else noise,
        word_loss=WordLoss(**p),
        kernel=kernel,
        n_threads=n_threads,
        frozen=frozen,
    )


def only(word, n_words=SIZE):
    """Noise that is always this word."""
    return np.arange(n_words) == word


def windows_of(ids):
    """The word and its neighbours, for windows of one word on each side."""
    ids = [-1, *ids, -1]
    for left, word, right in zip(ids, ids[1:], ids[2:], strict=False):
        contexts = [other for other in (left, right) if other >= 0]
        if word >= 0 and contexts:
            yield word, contexts


def slow_loss(words, outputs, ids, negative, n_negatives, p):
    """Sum of the losses of all pairs, each by the formula, with one noise word."""
    cosine = torch.nn.functional.cosine_similarity
    energy = torch.dot if p.energy == "dot" else lambda a, b: cosine(a, b, dim=0)
    weight, terms = p.positive_weight, [torch.zeros(())]
    for word, contexts in windows_of(ids):
        drawn = [] if negative in contexts else [negative] * n_negatives
        for context in contexts:
            up = energy(words[word], outputs[context])
            if p.loss == "logistic":
                terms.append(-torch.log(torch.sigmoid(up)))
            for other in drawn:
                down = energy(words[word], outputs[other])
                if p.loss == "logistic":
                    terms.append(-torch.log(torch.sigmoid(-down)))
                elif p.positive_weight_mode == "printed":
                    terms.append((p.margin - weight * up + down).relu() / n_negatives)
                else:
                    scale = weight if p.positive_weight_mode == "scale" else 1
                    hinge = (p.margin - up + down).relu()
                    terms.append(scale * hinge / n_negatives)
    return torch.stack(terms).sum()


TEXT = [0, 1, 2, -1, 3, 4, -1, 5, -1, -1, 2, 6, 4, 7, 0, -1]


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("energy", ["dot", "cosine"])
@pytest.mark.parametrize(("loss", "mode"), LOSSES)
def test_a_small_step_follows_the_gradient(kernel, loss, mode, energy, share):
    p = {
        "loss": loss,
        "energy": energy,
        "margin": 0.6,
        "positive_weight": 2.5,
        "positive_weight_mode": mode,
        "n_negatives": 3,
        "window": 1,
        "share_negatives": share,
    }
    negative, lr, n_pairs = 7, 1e-4, 14  # the noise word is in two of the windows
    start = [table.double().requires_grad_() for table in make_tables()]
    expected = slow_loss(*start, TEXT, negative, 3, WordLoss(**p))
    expected.backward()
    tables = make_tables()
    trainer = make_trainer(tables, kernel, noise=only(negative), **p)
    n_kept, loss = trainer.train(np.array(TEXT), lr, 0)
    assert n_kept == 11
    assert loss * n_pairs == pytest.approx(expected.item(), rel=1e-3)
    for table, before in zip(tables, start, strict=True):
        assert before.grad.abs().max() > 0.1
        step = (before.detach() - table.double()) / lr
        # To a hundredth of the steepest slope: steps follow one another, in float32.
        atol = 0.01 * before.grad.abs().max().item()
        torch.testing.assert_close(step, before.grad, rtol=0, atol=atol)


@pytest.mark.parametrize(("loss", "mode"), LOSSES)
def test_without_a_step_the_loss_is_measured_and_nothing_changes(kernel, loss, mode):
    p = {"loss": loss, "positive_weight_mode": mode, "positive_weight": 2.0}
    tables = make_tables()
    trainer = make_trainer(tables, kernel, noise=only(7), window=1, **p)
    expected = slow_loss(*make_tables(), TEXT, 7, 5, WordLoss(**p)).item() / 14
    for seed in range(2):
        assert trainer.train(np.array(TEXT), 0, seed)[1] == pytest.approx(expected)
    for table, before in zip(tables, make_tables(), strict=True):
        assert torch.equal(table, before)


def test_the_printed_hinge_is_zero_where_all_vectors_are_alike(kernel):
    # Inner product m / (lambda - 1) = 1 / 4: the collapse.
    p = {"loss": "hinge", "positive_weight": 5.0, "positive_weight_mode": "printed"}
    for length, collapsed in ((0.501, True), (0.499, False)):
        row = torch.nn.functional.normalize(torch.ones(1, SIZE)) * length
        tables = row.repeat(SIZE, 1), row.repeat(SIZE, 1)
        loss = make_trainer(tables, kernel, **p).train(np.array(TEXT), 0.1, 0)[1]
        assert (loss == 0) == collapsed
        assert all(torch.equal(t, row.repeat(SIZE, 1)) for t in tables) == collapsed


def count_pairs(kernel, ids, seed=0, **p):
    """How often (context, word) was a positive pair, read from what it changed.

    With unit vectors as words and a margin that is always violated, the row of a
    context collects the words around it.
    """
    lr = 1e-6
    tables = torch.eye(SIZE), torch.zeros(SIZE, SIZE)
    p = {"loss": "hinge", "margin": 1e3, "n_negatives": 1, **p}
    make_trainer(tables, kernel, noise=only(7), **p).train(np.array(ids), lr, seed)
    return (tables[1] / lr).round().numpy().astype(int)


@pytest.mark.parametrize("share", [True, False])
def test_windows_end_at_sentences_and_are_reduced(kernel, share):
    n = 2000
    pairs = count_pairs(
        kernel, [0, 1, 2, 3, -1, 4, 5, -1] * n, window=4, share_negatives=share
    )
    assert not pairs[:4, 4:].any() and not pairs[4:7, :4].any()
    assert not pairs.diagonal()[:6].any()
    assert pairs[4, 5] == pairs[5, 4] == n  # the next word is always in the window
    # Windows are 1 to 4 wide with equal chance: so a distance of d is in 5 - d of four.
    for a, b in itertools.permutations(range(4), 2):
        share_of_windows = (5 - abs(a - b)) / 4
        spread = np.sqrt(n * share_of_windows * (1 - share_of_windows))
        assert abs(pairs[a, b] - n * share_of_windows) <= 5 * spread
    assert (pairs[7] <= 0).all()  # the noise word was pushed away only


def test_any_slice_of_a_stream_is_text(kernel, tmp_path):
    ids = np.array([-1, -1, 0, 1, 2, -1, 3, 4, 5, -1, 6], dtype=np.int32)
    ids.tofile(tmp_path / "ids")
    stream = np.memmap(tmp_path / "ids", dtype=np.int32, mode="r")
    tables = make_tables()
    trainer = make_trainer(tables, kernel)
    for start, stop in itertools.combinations(range(len(ids) + 1), 2):
        part = stream[start:stop]
        n_kept, loss = trainer.train(part, 0.01, 0)
        assert n_kept == (part >= 0).sum()
        has_pair = ((part[1:] >= 0) & (part[:-1] >= 0)).any()
        assert (loss > 0) == has_pair
    assert all(torch.isfinite(table).all() for table in tables)
    np.testing.assert_array_equal(stream, ids)


@pytest.mark.parametrize("ids", [[], [-1], [-1, -1, -1], [3], [-1, 3, -1, 4]])
def test_text_without_a_pair_changes_nothing(kernel, ids):
    tables = make_tables()
    n_kept, loss = make_trainer(tables, kernel).train(np.array(ids), 0.1, 0)
    assert n_kept == sum(i >= 0 for i in ids)
    assert loss == 0.0
    assert all(map(torch.equal, tables, make_tables()))


@pytest.mark.parametrize("energy", ["dot", "cosine"])
@pytest.mark.parametrize("share", [True, False])
def test_frozen_words_keep_their_bits(kernel, energy, share):
    frozen = np.arange(SIZE) % 2 == 0
    tables = make_tables()
    trainer = make_trainer(
        tables, kernel, frozen=frozen, energy=energy, share_negatives=share
    )
    for seed in range(5):
        trainer.train(np.array(TEXT * 5), 0.1, seed)
    for table, before in zip(tables, make_tables(), strict=True):
        changed = (table != before).any(dim=1).numpy()
        np.testing.assert_array_equal(changed[:5], ~frozen[:5])
        assert not changed[frozen].any()


def test_frozen_words_pull_others_as_if_they_were_free(kernel):
    # What a small step makes of the free words is the same whatever the others do.
    rows, lr = [], 1e-4
    for frozen in (None, np.arange(SIZE) != 0):
        tables = make_tables()
        make_trainer(tables, kernel, frozen=frozen, window=1, noise=only(7)).train(
            np.array(TEXT), lr, 0
        )
        rows.append((tables[0][0] - make_tables()[0][0]) / lr)
    assert rows[0].abs().max() > 0.1
    torch.testing.assert_close(*rows, rtol=0, atol=0.01 * rows[0].abs().max().item())


@pytest.mark.parametrize("share", [True, False])
def test_a_seed_gives_the_same_bits_however_a_run_is_interrupted(kernel, share):
    rng = np.random.default_rng(0)
    pieces = [rng.integers(-1, SIZE, 300) for _ in range(4)]
    results = []
    for restart in (False, True):
        tables = make_tables()
        trainer = make_trainer(tables, kernel, keep=0.7, share_negatives=share)
        losses = []
        for seed, piece in enumerate(pieces):
            if restart:
                tables = pickle.loads(pickle.dumps(tables))
                trainer = make_trainer(tables, kernel, keep=0.7, share_negatives=share)
            losses.append(trainer.train(piece, 0.05, seed))
        results.append((tables, losses))
    (tables, losses), (resumed, same_losses) = results
    assert all(map(torch.equal, tables, resumed))
    assert losses == same_losses
    other = make_tables()
    make_trainer(other, kernel, keep=0.7).train(pieces[0], 0.05, 1)
    one = make_tables()
    make_trainer(one, kernel, keep=0.7).train(pieces[0], 0.05, 0)
    assert not torch.equal(one[0], other[0])


def test_the_global_random_state_is_left_alone(kernel):
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    make_trainer(make_tables(), kernel).train(np.array(TEXT), 0.1, 0)
    assert torch.equal(torch.get_rng_state(), torch_state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)


def test_words_are_kept_with_their_probability(kernel):
    keep = np.array([0.0, 1.0, 0.3, 1.0, 1.0, 1.0, 1.0, 1.0])
    tables = make_tables()
    trainer = make_trainer(tables, kernel, keep=keep)
    n = 20_000
    assert trainer.train(np.zeros(n, dtype=int), 0.1, 0) == (0, 0.0)
    assert all(map(torch.equal, tables, make_tables()))
    assert trainer.train(np.ones(n, dtype=int), 0, 0)[0] == n
    n_kept = trainer.train(np.full(n, 2), 0, 0)[0]
    assert abs(n_kept - 0.3 * n) < 5 * np.sqrt(n * 0.3 * 0.7)


def test_what_is_dropped_leaves_no_gap(kernel):
    # The words around a dropped one become neighbours, as in word2vec.
    keep = np.ones(SIZE)
    keep[1] = 0
    tables = torch.eye(SIZE), torch.zeros(SIZE, SIZE)
    trainer = make_trainer(tables, kernel, keep=keep, noise=only(7), window=1)
    trainer.train(np.array([0, 1, 2]), 0.1, 0)
    assert tables[1][2, 0] > 0 and tables[1][0, 2] > 0
    assert not tables[1][1].any()


@pytest.mark.parametrize("share", [True, False])
def test_noise_follows_its_weights(kernel, share):
    # A margin that is always violated: each draw takes the same step off its row.
    n_words, lr, n, n_negatives = 40, 2.0**-20, 6000, 4
    weights = np.concatenate([[0, 0], np.arange(38) ** 0.75])
    words = torch.zeros(n_words, SIZE)
    words[:2] = 1.0
    tables = words, torch.zeros(n_words, SIZE)
    trainer = make_trainer(
        tables,
        kernel,
        noise=weights,
        loss="hinge",
        margin=1e3,
        n_negatives=n_negatives,
        share_negatives=share,
        frozen=np.arange(n_words) < 2,
    )
    trainer.train(np.array([0, 1, -1] * n), lr, 0)
    drawn = (-tables[1][:, 0] * n_negatives / lr).numpy()
    n_drawn = 2 * n * n_negatives  # two pairs in a sentence
    expected = n_drawn * weights / weights.sum()
    assert drawn.sum() == n_drawn
    assert not drawn[weights == 0].any()
    possible = weights > 0
    chi2 = ((drawn - expected)[possible] ** 2 / expected[possible]).sum()
    degrees = possible.sum() - 1
    assert abs(chi2 - degrees) < 5 * np.sqrt(2 * degrees)


def test_words_of_the_window_are_no_negatives(kernel):
    tables = torch.eye(SIZE), torch.zeros(SIZE, SIZE)
    trainer = make_trainer(tables, kernel, window=1, n_negatives=4)
    trainer.train(np.array([0, 1, -1] * 50), 0.01, 0)
    assert tables[1][1, 0] > 0 and tables[1][0, 1] > 0  # pairs: never pushed away
    assert (tables[1][2:, :2] < 0).all()
    # A noise word that is always in the window leaves the positive term alone.
    tables = make_tables()
    trainer = make_trainer(tables, kernel, noise=only(1), loss="hinge", window=1)
    assert trainer.train(np.array([0, 1]), 0.1, 0) == (
        2,
        pytest.approx(slow_loss(*make_tables(), [0, 1], 1, 5, WordLoss("hinge")) / 2),
    )


@pytest.mark.parametrize("loss", ["logistic", "hinge"])
def test_zero_vectors_are_finite_under_the_cosine_and_can_leave_zero(kernel, loss):
    tables = torch.zeros(SIZE, SIZE), torch.zeros(SIZE, SIZE)
    tables[0][:3] = make_tables()[0][:3]
    trainer = make_trainer(tables, kernel, loss=loss, energy="cosine")
    for seed in range(10):
        assert np.isfinite(trainer.train(np.array(TEXT), 0.1, seed)[1])
    for table in tables:
        assert torch.isfinite(table).all()
        assert (table != 0).any(dim=1)[[0, 1, 2, 3, 4, 6, 7]].all()  # 5 is in no pair


def test_what_is_not_finite_is_seen_in_the_loss(kernel):
    for loss in ("logistic", "hinge"):
        tables = make_tables()
        tables[0][1] = torch.nan
        trainer = make_trainer(tables, kernel, loss=loss)
        assert np.isnan(trainer.train(np.array(TEXT), 0.1, 0)[1])


def topics(n_sentences, seed):
    """Sentences of two topics, of five words each, with words of both among them."""
    rng = np.random.default_rng(seed)
    topic = rng.integers(2, size=(n_sentences, 1))
    text = np.full((n_sentences, 9), -1)
    text[:, :8] = rng.integers(5, size=(n_sentences, 8)) + 5 * topic
    common = rng.random((n_sentences, 8)) < 0.3
    text[:, :8][common] = rng.integers(10, 13, size=common.sum())
    return text.ravel()


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("energy", ["dot", "cosine"])
@pytest.mark.parametrize(("loss", "mode"), LOSSES[:3])
def test_words_of_a_topic_end_near_each_other(kernel, loss, mode, energy, share):
    text, held_out = topics(200, 0), topics(100, 1)
    tables = make_tables(13, scale=0.1)
    trainer = make_trainer(
        tables,
        kernel,
        noise=np.bincount(text[text >= 0]) ** 0.75,
        loss=loss,
        energy=energy,
        positive_weight_mode=mode,
        positive_weight=2.0,
        share_negatives=share,
    )
    before = trainer.train(held_out, 0, 0)[1]
    for seed in range(6):
        trainer.train(text, 0.05, seed)
    assert trainer.train(held_out, 0, 0)[1] < 0.95 * before
    unit = torch.nn.functional.normalize(tables[0][:10])
    cosines = (unit @ unit.T).numpy()
    same = np.kron(np.eye(2), np.ones((5, 5))).astype(bool) & ~np.eye(10, dtype=bool)
    apart = np.kron(1 - np.eye(2), np.ones((5, 5))).astype(bool)
    assert cosines[same].mean() > cosines[apart].mean() + 0.3


def test_both_kernels_learn_as_much():
    pytest.importorskip("numba")
    text, held_out, losses = topics(300, 0), topics(100, 1), []
    for kernel in ("numba", "torch"):
        tables = make_tables(13, scale=0.1)
        trainer = make_trainer(tables, kernel, noise=np.ones(13))
        for seed in range(10):
            trainer.train(text, 0.02, seed)
        losses.append(trainer.train(held_out, 0, 0)[1])
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_threads_learn_as_much_and_keep_the_same_words():
    pytest.importorskip("numba")
    text, held_out, results = topics(300, 0), topics(100, 1), []
    for n_threads in (1, 3):
        tables = make_tables(13, scale=0.1)
        trainer = make_trainer(tables, "numba", keep=0.8, n_threads=n_threads)
        n_kept = [trainer.train(text, 0.02, seed)[0] for seed in range(10)]
        results.append((n_kept, trainer.train(held_out, 0, 0)[1]))
    assert results[0][0] == results[1][0]
    assert results[0][1] == pytest.approx(results[1][1], rel=0.05)


def test_threads_cut_no_window():
    # Seven words in a row and five threads: each word still meets both neighbours.
    pytest.importorskip("numba")
    tables = torch.eye(SIZE), torch.zeros(SIZE, SIZE)
    trainer = make_trainer(tables, "numba", n_threads=5, noise=only(7), window=1)
    trainer.train(np.arange(7), 0.01, 0)
    met = tables[1] > 0
    expected = torch.eye(SIZE).roll(1, 0) + torch.eye(SIZE).roll(-1, 0)
    expected[7], expected[:, 7] = 0, 0
    assert torch.equal(met.float(), expected)


def test_a_small_vocabulary_does_not_diverge(kernel):
    # Blocks of the torch path hold each of three words hundreds of times.
    tables = tuple(table[:3].contiguous() for table in make_tables(scale=0.1))
    trainer = make_trainer(tables, kernel)
    text = np.random.default_rng(0).integers(-1, 3, 2000)
    first = trainer.train(text, 0, 0)[1]
    for seed in range(5):
        trainer.train(text, 0.1, seed)
    assert trainer.train(text, 0, 0)[1] < 1.5 * first  # there is nothing to learn


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.floats(0, 1e9), min_size=1, max_size=60).filter(any),
    st.floats(0.1, 1),
)
def test_the_alias_table_holds_the_distribution(weights, power):
    weights = np.array(weights) ** power
    table = _text._alias_table(weights)
    own = table[:, 0] / 2**32
    drawn = own.copy()
    np.add.at(drawn, table[:, 1], 1 - own)
    np.testing.assert_allclose(
        drawn / len(weights), weights / weights.sum(), rtol=1e-6, atol=1e-9
    )
    never = weights == 0
    assert (
        not own[never].any() and not np.isin(table[:, 1], np.flatnonzero(never)).any()
    )


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(1, 10**6), min_size=2, max_size=20))
def test_words_are_kept_as_gensim_keeps_them(counts):
    from gensim.models import Word2Vec

    model = Word2Vec(vector_size=1, min_count=1, sample=1e-3)
    names = [f"w{i}" for i in range(len(counts))]
    model.build_vocab_from_freq(dict(zip(names, counts, strict=True)))
    theirs = [model.wv.get_vecattr(name, "sample_int") / 2**32 for name in names]
    np.testing.assert_allclose(keep_probabilities(counts, 1e-3), theirs, rtol=1e-5)


def test_zero_as_sample_keeps_every_word():
    np.testing.assert_array_equal(keep_probabilities([5, 0, 10**9], 0), 1)


def test_word_loss_survives_pickling():
    word_loss = WordLoss("hinge", "cosine", margin=0.3, n_negatives=7)
    assert pickle.loads(pickle.dumps(word_loss)) == word_loss


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("loss", "softmax"),
        ("energy", "euclidean"),
        ("positive_weight_mode", "inside"),
        ("margin", 0),
        ("margin", float("nan")),
        ("positive_weight", -1.0),
        ("positive_weight", float("inf")),
        ("window", 0),
        ("window", 2.5),
        ("window", 501),
        ("n_negatives", 0),
        ("n_negatives", 1001),
    ],
)
def test_bad_settings_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be .* got"):
        WordLoss(**{name: value})


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"words": np.zeros((4, 2), np.float32)}, TypeError, "words must be a tensor"),
        (
            {"words": torch.zeros(4, 2).double()},
            TypeError,
            "float32, got torch.float64",
        ),
        ({"outputs": torch.zeros(2, 4).T}, ValueError, "outputs must be contiguous"),
        ({"outputs": torch.zeros(4, 3)}, ValueError, r"\(4, 2\) on cpu and \(4, 3\)"),
        ({"keep": [1.0] * 3}, ValueError, r"keep must have the shape \(4,\).*\(3,\)"),
        ({"noise": [1.0] * 5}, ValueError, r"noise must have the shape \(4,\)"),
        ({"noise": [1, 1, -2, 1]}, ValueError, r"noise\[2\] is -2"),
        ({"noise": [1, np.nan, 1, 1]}, ValueError, r"noise\[1\] is nan"),
        ({"noise": [0] * 4}, ValueError, "noise is zero for all words"),
        ({"frozen": [True]}, ValueError, r"frozen must have the shape \(4,\)"),
        ({"kernel": "cuda"}, ValueError, "kernel must be 'auto', 'numba' or 'torch'"),
        ({"n_threads": 0}, ValueError, "n_threads must be at least 1, got 0"),
    ],
)
def test_tables_and_arrays_that_do_not_fit_are_refused(change, error, message):
    good = {
        "words": torch.zeros(4, 2),
        "outputs": torch.zeros(4, 2),
        "keep": [1.0] * 4,
        "noise": [1.0] * 4,
    }
    with pytest.raises(error, match=message):
        TextTrainer(**(good | change))


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([0, 1, 8, 2], r"from 0 to 7, or -1 .* ids\[2\] is 8"),
        ([0, -2], r"ids\[1\] is -2"),
        ([0.0, 1.0], "one-dimensional array of integers, got .* float64"),
        ([[0, 1]], r"got shape \(1, 2\)"),
    ],
)
def test_text_that_is_no_rows_is_refused(kernel, ids, message):
    tables = make_tables()
    with pytest.raises(ValueError, match=message):
        make_trainer(tables, kernel).train(np.array(ids), 0.1, 0)
    assert all(map(torch.equal, tables, make_tables()))


@pytest.mark.parametrize("lr", [-0.1, float("nan"), float("inf")])
def test_a_step_size_that_is_none_is_refused(lr):
    with pytest.raises(ValueError, match="lr must be finite and at least 0"):
        make_trainer(make_tables(), "torch").train(np.array(TEXT), lr, 0)


def test_without_numba_the_error_names_the_extra_and_auto_takes_torch(monkeypatch):
    monkeypatch.setattr(_text, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"sklearn-crossmodal\[fast\]"):
        make_trainer(make_tables(), "numba")
    trained = []
    for kernel in ("auto", "torch"):
        tables = make_tables()
        make_trainer(tables, kernel).train(np.array(TEXT), 0.1, 0)
        trained.append(tables)
    assert all(map(torch.equal, *trained))


def test_parameters_of_a_module_are_trained_in_place(kernel):
    embedding = torch.nn.Embedding(SIZE, SIZE)
    outputs = torch.nn.Parameter(make_tables()[1])
    before = embedding.weight.detach().clone()
    make_trainer((embedding.weight, outputs), kernel).train(np.array(TEXT), 0.1, 0)
    assert not torch.equal(embedding.weight, before)
    assert embedding.weight.requires_grad and embedding.weight.grad is None


def test_code_is_compiled_where_none_can_be_kept():
    # A function without a file stands for folders that can't be written.
    kernels = pytest.importorskip("sklearn_crossmodal.word_space._kernels")
    namespace: dict = {}
    exec("def double(x):\n    return 2 * x", namespace)
    assert kernels._compile()(namespace["double"])(21) == 42


def test_long_windows_and_many_negatives_are_finite(kernel):
    tables = torch.zeros(SIZE, SIZE), torch.zeros(SIZE, SIZE)
    text = np.zeros(1001, dtype=int)
    trainer = make_trainer(tables, kernel, noise=only(7), window=500, n_negatives=1000)
    # Without any vector, each pair and each random word costs log 2.
    assert trainer.train(text, 0, 0)[1] == pytest.approx(1001 * np.log(2))
