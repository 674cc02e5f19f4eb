"""The tower among the tables of words, and how the tables are updated."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_crossmodal.losses._word_space import (
    ContextHinge,
    ContextNegativeSampling,
    CosineError,
    NegativeSampling,
    SquaredError,
    WordSigmoid,
    WordSoftmax,
)
from sklearn_crossmodal.training._callbacks import NonFiniteLossError
from sklearn_crossmodal.training._pairs import Batch
from sklearn_crossmodal.word_space import _tower
from sklearn_crossmodal.word_space._corpus import EncodedCorpus
from sklearn_crossmodal.word_space._pairs import PAD
from sklearn_crossmodal.word_space._tower import (
    TableUpdate,
    TextPass,
    WordSpaceTowers,
    mean_cosine,
)

N_WORDS, D, N_FEATURES = 8, 3, 4
LOSSES = [
    NegativeSampling(),
    SquaredError(),
    CosineError(),
    WordSigmoid(bias=-1.0),
    WordSoftmax(),
    ContextNegativeSampling(),
    ContextHinge(margin=2.0),
    ContextHinge(positive_weight=2.0, positive_weight_mode="printed", energy="cosine"),
]
by_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
seeds = st.integers(0, 2**16)


def make_towers(seed=0, *, trains_words=True, **params):
    torch.manual_seed(seed)
    towers = WordSpaceTowers(
        N_FEATURES, N_WORDS, D,
        **{"hidden_layer_sizes": (), "activation": "relu", "dropout": 0.0,
           "fit_intercept": False, "targets": "words", "trains_words": trains_words,
           **params},
    )  # fmt: skip
    # Tables that are not trained come from outside, and have no rows until then.
    towers.words = torch.randn(N_WORDS, D)
    towers.outputs = torch.randn(N_WORDS, D)
    return towers


def make_batch(seed, n=5, first_word=0):
    """Draw a batch with padding and with words that occur several times."""
    rng = np.random.default_rng(seed)

    def draw(*shape):
        return torch.from_numpy(rng.integers(first_word, N_WORDS, size=shape))

    y, contexts, noise = draw(n, 2), draw(n, 4), draw(6)
    y[::2, 1] = PAD
    contexts[:, 3] = contexts[1, 2] = contexts[2, 0] = PAD
    views = {
        "x": torch.from_numpy(rng.normal(size=(n, N_FEATURES)).astype(np.float32)),
        "y": y, "noise": noise, "contexts": contexts,
    }  # fmt: skip
    targets = {
        "same": torch.eye(n, dtype=torch.bool),
        "noise_is_true": (noise[None, :, None] == y[:, None]).any(dim=2),
    }
    return Batch(views, targets, n)


def make_net(towers, lr=0.1):
    optimizer = SimpleNamespace(param_groups=[{"lr": lr}])
    return SimpleNamespace(module_=towers, optimizer_=optimizer, history=[])


def tables(towers):
    return towers.words.clone(), towers.outputs.clone()


def train_on(towers, batch, loss, update, *, lr=0.1):
    """Make one step on the tables, as the training loop does."""
    views, targets = batch
    loss(towers(**views), targets).backward()
    update.on_batch_end(make_net(towers, lr), batch=batch, training=True)


def no_word():
    return torch.zeros(N_WORDS, dtype=torch.bool)


# --- Words as items -----------------------------------------------------------------


@settings(max_examples=40)
@given(
    seeds,
    st.lists(st.lists(st.integers(0, N_WORDS - 1), max_size=3), min_size=1, max_size=5),
)
def test_an_item_is_the_mean_of_its_words_at_unit_length(seed, texts):
    towers = make_towers(seed)
    ids = torch.tensor([text + [PAD] * (3 - len(text)) for text in texts])
    words = towers.words.numpy().astype(float)
    expected = np.zeros((len(texts), D))
    for row, text in zip(expected, texts, strict=True):
        if text:
            mean = sum(words[word] for word in text) / len(text)
            row[:] = mean / np.sqrt(mean @ mean)
    np.testing.assert_allclose(towers.embed_y(ids).numpy(), expected, atol=1e-5)


def test_items_lie_among_the_words_whatever_images_are_compared_with():
    ids = torch.arange(N_WORDS)[:, None]
    by_targets = [
        make_towers(targets=name).embed_y(ids) for name in ("words", "outputs")
    ]
    assert torch.equal(*by_targets)


def test_an_item_of_padding_only_is_zero():
    embedded = make_towers().embed_y(torch.tensor([[PAD, PAD], [0, PAD]]))
    assert embedded[0].tolist() == [0] * D
    assert embedded[1].norm().item() == pytest.approx(1, abs=1e-6)


def test_an_image_is_its_linear_projection_at_unit_length():
    towers = make_towers()
    (weight,) = towers.image.parameters()
    x = torch.randn(6, N_FEATURES)
    projected = x.numpy().astype(float) @ weight.detach().numpy().astype(float).T
    expected = projected / np.linalg.norm(projected, axis=1, keepdims=True)
    found = towers.embed_x(x).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    zero = towers.embed_x(torch.zeros(1, N_FEATURES))
    assert zero.tolist() == [[0] * D]


@pytest.mark.parametrize("trains_words", [True, False])
@pytest.mark.parametrize("targets", ["words", "outputs"])
def test_the_forward_pass_looks_words_up_where_they_belong(trains_words, targets):
    towers = make_towers(trains_words=trains_words, targets=targets)
    views, _ = make_batch(0)
    batch = {name: value.detach() for name, value in towers(**views).items()}
    words, outputs = getattr(towers, targets), towers.outputs
    np.testing.assert_array_equal(batch["x"], towers.image(views["x"]).detach())
    np.testing.assert_array_equal(batch["noise"], words[views["noise"]])
    np.testing.assert_array_equal(batch["context_noise"], outputs[views["noise"]])
    for i, text in enumerate(views["y"].tolist()):
        known = [word for word in text if word != PAD]
        mean = words[known].numpy().mean(axis=0)
        np.testing.assert_allclose(batch["y"][i], mean, rtol=1e-5, atol=1e-6)
        assert batch["is_word"][i].tolist() == [word != PAD for word in text]
        np.testing.assert_array_equal(batch["words"][i][: len(known)], words[known])
    mask = views["contexts"] != PAD
    assert batch["is_context"].tolist() == mask.tolist()
    np.testing.assert_array_equal(
        batch["contexts"][mask], outputs[views["contexts"][mask]]
    )
    without = towers(**{k: v for k, v in views.items() if k != "contexts"})
    assert "contexts" not in without


def test_tables_are_part_of_the_state_where_they_are_trained():
    for trains_words in (True, False):
        names = set(make_towers(trains_words=trains_words).state_dict())
        assert ({"words", "outputs"} <= names) == trains_words
        # Never are they the optimizer's, whose weight decay would touch every word.
        parameters = make_towers(trains_words=trains_words).named_parameters()
        assert {name for name, _ in parameters} == {"image.1.weight"}


# --- Updates of the tables ----------------------------------------------------------


def expected_tables(towers, batch, loss, step, frozen):
    """Return the tables after a step along the gradient of whole tables."""
    whole = [table.double().requires_grad_() for table in tables(towers)]
    views, targets = batch
    y, noise, contexts = (views[name] for name in ("y", "noise", "contexts"))
    vectors, is_word, is_context = whole[0][y], y != PAD, contexts != PAD
    means = [vectors[i, mask].mean(dim=0) for i, mask in enumerate(is_word)]
    value = loss(
        {
            "x": towers.image(views["x"]).detach().double(),
            "y": torch.stack(means),
            "words": vectors,
            "is_word": is_word,
            "noise": whole[0][noise],
            "contexts": whole[1][contexts],
            "is_context": is_context,
            "context_noise": whole[1][noise],
        },
        targets,
    )
    gradients = torch.autograd.grad(value, whole, allow_unused=True)
    moved = []
    for table, gradient in zip(whole, gradients, strict=True):
        table = table.detach().numpy().copy()
        if gradient is not None:
            free = ~frozen.numpy()
            table[free] -= step * gradient.numpy()[free]
        moved.append(table)
    return moved


@by_loss
@pytest.mark.parametrize("seed", range(3))
def test_a_step_is_the_gradient_of_the_whole_tables(loss, seed):
    frozen = no_word()
    frozen[[2, 5]] = True
    towers, batch = make_towers(seed), make_batch(seed)
    # The rate of the tables times the images of the batch, at half the full rate.
    expected = expected_tables(towers, batch, loss, 0.3 * 5 * 0.5, frozen)
    before = tables(towers)
    train_on(towers, batch, loss, TableUpdate(0.3, 0.2, frozen), lr=0.1)
    for old, new, table in zip(before, tables(towers), expected, strict=True):
        np.testing.assert_allclose(new.numpy(), table, rtol=1e-4, atol=1e-5)
        assert torch.equal(old[frozen], new[frozen])
    assert any(not torch.equal(*pair) for pair in zip(before, tables(towers),
                                                      strict=True))  # fmt: skip


def test_a_word_that_occurs_several_times_moves_by_all_of_it():
    towers, batch = make_towers(), make_batch(0)
    views = {**batch._parts[0], "y": torch.full((5, 2), 3)}
    before = tables(towers)[0]
    towers(**views)["words"].sum().backward()
    update = TableUpdate(0.1, 1.0, no_word())
    update.on_batch_end(make_net(towers, 1.0), batch=batch, training=True)
    moved = towers.words - before
    # Ten occurrences with a gradient of one, five images, a rate of 0.1.
    np.testing.assert_allclose(moved[3].numpy(), -10 * 5 * 0.1, rtol=1e-5)
    moved[3] = 0
    assert not moved.any()


@settings(max_examples=25)
@given(seeds)
def test_padding_updates_no_row(seed):
    # Row 0 is nobody's here, and a loss that minds no masks sends it gradients.
    towers, batch = make_towers(seed), make_batch(seed, first_word=1)
    before = tables(towers)
    made = towers(**batch._parts[0])
    sum(value.sum() for value in made.values() if value.is_floating_point()).backward()
    update = TableUpdate(1.0, 1.0, no_word())
    update.on_batch_end(make_net(towers, 1.0), batch=batch, training=True)
    for old, new in zip(before, tables(towers), strict=True):
        assert torch.equal(old[0], new[0])
        assert not torch.equal(old, new)


def test_only_the_table_that_images_are_compared_with_moves():
    for targets, moves in [("words", [True, False]), ("outputs", [False, True])]:
        towers = make_towers(targets=targets)
        before = tables(towers)
        update = TableUpdate(0.5, 1.0, no_word())
        train_on(towers, make_batch(0), NegativeSampling(), update)
        pairs = zip(before, tables(towers), strict=True)
        assert [not torch.equal(old, new) for old, new in pairs] == moves


@settings(max_examples=25)
@given(seeds, st.sets(st.integers(0, N_WORDS - 1)))
def test_frozen_rows_and_those_of_no_use_stay_bit_for_bit(seed, anchored):
    frozen = no_word()
    frozen[sorted(anchored)] = True
    towers = make_towers(seed)
    before = tables(towers)
    update = TableUpdate(0.5, 1.0, frozen)
    used = torch.zeros(N_WORDS, dtype=torch.bool)
    for step in range(3):
        batch = make_batch([seed, step], n=3, first_word=3)
        views = batch._parts[0]
        for ids in (views["y"], views["noise"], views["contexts"]):
            used[ids[ids != PAD]] = True
        train_on(towers, batch, NegativeSampling(), update)
        train_on(towers, batch, ContextNegativeSampling(), update)
    stay = frozen | ~used
    for old, new in zip(before, tables(towers), strict=True):
        assert torch.equal(old[stay], new[stay])


def test_scoring_leaves_no_trace():
    towers, batch = make_towers(), make_batch(0)
    update, loss = TableUpdate(0.5, 1.0, no_word()), NegativeSampling()
    before = tables(towers)
    with torch.no_grad():
        loss(towers(**batch._parts[0]), batch._parts[1])
    assert towers.taken == []
    update.on_batch_end(make_net(towers), batch=batch, training=False)
    # Even where gradients were taken by somebody.
    loss(towers(**batch._parts[0]), batch._parts[1]).backward()
    update.on_batch_end(make_net(towers), batch=batch, training=False)
    assert all(map(torch.equal, before, tables(towers)))
    other = make_towers()
    for some in (towers, other):
        train_on(some, make_batch(1), loss, update)
    assert all(map(torch.equal, tables(towers), tables(other)))


def test_each_batch_is_used_once():
    towers, update = make_towers(), TableUpdate(0.5, 1.0, no_word())
    for seed in range(3):
        batch = make_batch(seed)
        expected = expected_tables(towers, batch, NegativeSampling(), 0.25, no_word())
        train_on(towers, batch, NegativeSampling(), update)
        np.testing.assert_allclose(towers.words.numpy(), expected[0], atol=1e-5)


def test_tables_that_are_not_trained_stay():
    towers, batch = make_towers(trains_words=False), make_batch(0)
    before = tables(towers)
    train_on(towers, batch, NegativeSampling(), TableUpdate(0.5, 1.0, no_word()))
    assert all(map(torch.equal, before, tables(towers)))
    assert all(p.grad.abs().sum() > 0 for p in towers.image.parameters())


def test_a_rate_of_zero_changes_nothing():
    towers = make_towers()
    before = tables(towers)
    train_on(towers, make_batch(0), ContextHinge(), TableUpdate(0.0, 1.0, no_word()))
    assert all(map(torch.equal, before, tables(towers)))


# --- Text beside the images ---------------------------------------------------------


class Recorder:
    """Stands for what trains on text: notes what it is given."""

    def __init__(self, words, outputs):
        self.tables = words, outputs
        self.calls = []

    def train(self, ids, lr, seed):
        self.calls.append((ids.tolist(), lr, tuple(seed)))
        return len(ids), float(len(self.calls))


def slow_mean_cosine(table):
    table = table.double().numpy()
    pairs = [(a, b) for i, a in enumerate(table) for b in table[:i]]
    return np.mean([a @ b / np.sqrt((a @ a) * (b @ b)) for a, b in pairs])


class History(list):
    def record(self, name, value):
        self[-1][name] = value


def run_text(n_epochs=2, n_batches=4, seed=0, scored=False):
    towers = make_towers()
    net = make_net(towers)
    net.history = History()
    text = EncodedCorpus([["a", "b", "c"]] * 5, {"a": 0, "b": 1, "c": 2})
    text_pass = TextPass(text, Recorder, 0.5, 0.2, n_batches, seed)
    text_pass.on_train_begin(net)
    for _ in range(n_epochs):
        net.history.append({})
        text_pass.on_epoch_begin(net)
        for _ in range(n_batches):
            text_pass.on_batch_end(net, training=True)
            if scored:
                text_pass.on_batch_end(net, training=False)
        text_pass.on_epoch_end(net)
    return text, towers, text_pass.trainer_, net.history


def test_an_epoch_is_one_pass_over_the_text():
    text, towers, trainer, _ = run_text(n_epochs=2, n_batches=4)
    assert trainer.tables[0] is towers.words
    assert trainer.tables[1] is towers.outputs
    assert len(trainer.calls) == 8
    for epoch in (trainer.calls[:4], trainer.calls[4:]):
        assert sum((ids for ids, _, _ in epoch), []) == text.ids.tolist()
    # At half the full rate of the optimizer.
    assert {lr for _, lr, _ in trainer.calls} == {0.25}


def test_pieces_of_text_have_seeds_of_their_own():
    seeds_of = [[s for _, _, s in run_text(seed=seed)[2].calls] for seed in (0, 0, 1)]
    assert seeds_of[0] == seeds_of[1]
    assert not set(seeds_of[0]) & set(seeds_of[2])
    assert len(set(seeds_of[0])) == 8


def test_a_long_piece_is_trained_on_bit_by_bit(monkeypatch):
    monkeypatch.setattr(_tower, "_MOST_TOKENS", 3)
    text, _, trainer, _ = run_text(n_epochs=1, n_batches=2)
    ids, _, seeds_of = zip(*trainer.calls, strict=True)
    assert max(map(len, ids)) == 3
    assert sum(ids, []) == text.ids.tolist()
    assert len(set(seeds_of)) == len(ids)


@pytest.mark.parametrize("loss", [np.nan, np.inf])
def test_a_word_loss_that_is_no_number_stops_training(monkeypatch, loss):
    monkeypatch.setattr(Recorder, "train", lambda self, ids, lr, seed: (1, loss))
    with pytest.raises(NonFiniteLossError, match="epoch 1.*Lower word_lr"):
        run_text()


def test_text_is_not_trained_on_while_scoring():
    assert run_text(scored=True)[2].calls == run_text()[2].calls


def test_the_word_loss_is_the_mean_over_words():
    _, _, trainer, history = run_text(n_epochs=1, n_batches=3)
    lengths = [len(ids) for ids, _, _ in trainer.calls]
    expected = sum(n * (i + 1) for i, n in enumerate(lengths)) / sum(lengths)
    assert history[0]["word_loss"] == pytest.approx(expected)
    assert history[0]["word_cosine"] == pytest.approx(
        slow_mean_cosine(make_towers().words), abs=1e-6
    )


@settings(max_examples=25)
@given(seeds, st.integers(2, 9), st.integers(2, 9))
def test_the_mean_cosine_is_that_of_all_pairs_of_the_first_words(seed, n, most):
    table = torch.from_numpy(np.random.default_rng(seed).normal(size=(n, D))) + 0.5
    expected = slow_mean_cosine(table[:most])
    assert mean_cosine(table, most) == pytest.approx(expected, abs=1e-6)


def test_the_mean_cosine_of_what_collapsed_is_one():
    line = torch.tensor([[1.0, 2, 2]]) * torch.tensor([[1.0], [5], [0.1]])
    assert mean_cosine(line) == pytest.approx(1, abs=1e-6)
    assert mean_cosine(torch.eye(3)) == pytest.approx(0, abs=1e-6)
    assert mean_cosine(torch.ones(1, 3)) == 0
