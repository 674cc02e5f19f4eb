"""The engine: seeds, resuming, batches, rates, early stopping, what is kept."""

import gc
import math
import pickle
import weakref

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.utils._param_validation import InvalidParameterError
from skorch.callbacks import Callback

from sklearn_crossmodal.preprocessing import CaptionTokenizer

# --- Seeds --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"word_vectors": "skip_gram", "word_dropout": 0.5},
        {"loss": "random_negative", "optimizer": "sgd"},
        {"early_stopping": True, "validation_fraction": 0.3},
    ],
)
def test_same_seed_same_bits(tiny, X, y, assert_same, params):
    one, other = (tiny(**params).fit(X, y) for _ in range(2))
    assert_same(one, other)
    np.testing.assert_array_equal(one.transform(X), other.transform(X))
    np.testing.assert_array_equal(one.transform_y(y), other.transform_y(y))
    assert not np.array_equal(
        one.transform(X), tiny(**params, random_state=1).fit(X, y).transform(X)
    )


def test_refit_forgets(tiny, X, y, more, assert_same):
    ranker = tiny().fit(*more(30)).fit(X, y)
    assert_same(ranker, tiny().fit(X, y))


@pytest.mark.parametrize("params", [{}, {"word_vectors": "skip_gram"}])
def test_global_random_states_are_neither_used_nor_changed(
    tiny, X, y, assert_same, params
):
    rankers = []
    for seed in (1, 2):
        np.random.seed(seed)
        torch.manual_seed(seed)
        before = np.random.get_state(), torch.get_rng_state()
        ranker = tiny(**params).fit(X, y)
        ranker.partial_fit(X, y).score(X, y)
        rankers.append(ranker)
        np.testing.assert_equal(np.random.get_state(), before[0])
        assert torch.equal(torch.get_rng_state(), before[1])
    assert_same(*rankers)


def test_a_failed_fit_leaves_the_random_states_alone(tiny, X, y, at):
    def fail(net):
        raise RuntimeError("mine")

    before = np.random.get_state(), torch.get_rng_state()
    with pytest.raises(RuntimeError, match="^mine$"):
        tiny(callbacks=[at(2, fail)]).fit(X, y)
    np.testing.assert_equal(np.random.get_state(), before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


def test_without_a_seed_one_is_drawn_as_in_scikit_learn(tiny, X, y, assert_same):
    torch_before = torch.get_rng_state()
    np.random.seed(5)
    one = tiny(random_state=None).fit(X, y)
    after = np.random.randint(1 << 30)
    assert torch.equal(torch.get_rng_state(), torch_before)
    np.random.seed(5)
    assert one.seed_ == np.random.randint(np.iinfo(np.int32).max)
    assert after == np.random.randint(1 << 30)  # one draw, no more
    assert tiny(random_state=None).fit(X, y).seed_ != one.seed_
    np.random.seed(5)
    assert_same(tiny(random_state=None).fit(X, y), one)


def test_a_random_state_instance_moves_on(tiny, X, y):
    rng = np.random.RandomState(0)
    first, second = (tiny(random_state=rng).fit(X, y) for _ in range(2))
    assert first.seed_ != second.seed_
    rng = np.random.RandomState(0)
    assert tiny(random_state=rng).fit(X, y).seed_ == first.seed_


def test_fits_in_threads_give_the_bits_of_serial_fits(tiny, X, y, assert_same):
    rankers = [
        tiny(word_vectors="skip_gram", max_epochs=8, random_state=seed)
        for seed in range(6)
    ]
    serial = [clone(ranker).fit(X, y) for ranker in rankers]
    threaded = Parallel(n_jobs=3, backend="threading")(
        delayed(ranker.fit)(X, y) for ranker in rankers
    )
    for one, other in zip(serial, threaded, strict=True):
        assert_same(one, other)


# --- Resuming -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"optimizer": "adam", "loss": "sigmoid"},
        {"optimizer": "sgd", "net_params": {"optimizer__momentum": 0.9}},
        {"optimizer": "adadelta", "lr": 1.0},
        {"optimizer": torch.optim.RMSprop, "loss": "random_negative"},
    ],
)
def test_three_epochs_and_three_more_are_six(tiny, X, y, assert_same, params):
    resumed = tiny(warm_start=True, **params).fit(X, y).fit(X, y)
    assert_same(resumed, tiny(max_epochs=6, **params).fit(X, y))
    assert [row["epoch"] for row in resumed.history_] == [1, 2, 3, 4, 5, 6]


def test_a_partial_fit_is_one_more_epoch(tiny, X, y, assert_same):
    whole = tiny(max_epochs=3).fit(X, y)
    partial = tiny(max_epochs=99)
    for _ in range(3):
        assert partial.partial_fit(X, y) is partial
    assert_same(partial, whole)
    assert_same(tiny(max_epochs=2).fit(X, y).partial_fit(X, y), whole)
    # fit starts afresh after partial_fit, unless it is told to go on.
    assert_same(partial.set_params(max_epochs=3).fit(X, y), whole)


def test_partial_fit_goes_on_at_the_constant_rate(tiny, X, y):
    ranker = tiny(lr_schedule="cosine").fit(X, y)
    ranker.partial_fit(X, y)
    rates = {group["lr"] for group in ranker.net_.optimizer_.param_groups}
    assert rates == {1e-2}
    assert "lr" in ranker.history_[2] and "lr" not in ranker.history_[3]


def test_the_y_transformer_is_fitted_by_the_first_partial_fit_only(tiny, X, y):
    mine = CaptionTokenizer()
    ranker = tiny(y_transformer=mine).partial_fit(X, y)
    assert ranker.y_transformer is mine and not hasattr(mine, "vocabulary_")
    fitted = ranker.y_transformer_
    vocabulary = dict(fitted.vocabulary_)
    ranker.partial_fit(X, [f"{text} unheard" for text in y])
    assert ranker.y_transformer_ is fitted
    assert fitted.vocabulary_ == vocabulary and "unheard" not in vocabulary
    ranker.fit(X, [f"{text} unheard" for text in y])
    assert ranker.y_transformer_ is not fitted
    assert "unheard" in ranker.y_transformer_.vocabulary_


def test_partial_fit_takes_other_rows_each_time(tiny, more):
    ranker = tiny()
    for seed in range(3):
        X, y = more(10 + seed, seed)
        ranker.partial_fit(X, y)
    assert ranker.n_iter_ == 3 and ranker.captions_ == y
    with pytest.raises(ValueError, match="expecting 12 features"):
        ranker.partial_fit(X[:, :5], y)
    assert ranker.n_iter_ == 3 and ranker.n_features_in_ == 12


def test_partial_fit_and_early_stopping_exclude_each_other(tiny, X, y):
    ranker = tiny(early_stopping=True)
    with pytest.raises(ValueError, match="does not support early_stopping=True"):
        ranker.partial_fit(X, y)
    assert not hasattr(ranker, "net_")


def test_resuming_keeps_the_net_that_was_there(tiny, X, y, snapshot):
    # Others may hold it: a copy, a callback's record.
    ranker = tiny(warm_start=True).fit(X, y)
    earlier = ranker.net_
    before = snapshot(ranker)
    ranker.fit(X, y)
    assert ranker.net_ is not earlier and len(earlier.history) == 3
    ranker.net_ = earlier
    np.testing.assert_equal(snapshot(ranker), before)


def test_another_loss_goes_on_from_the_same_towers(tiny, X, y, at):
    params = {"margin": 0.2, "warm_start": True}
    ranker = tiny(loss="sum_of_violations", **params).fit(X, y)
    trained = {k: v.clone() for k, v in ranker.net_.module_.state_dict().items()}
    starts = []

    def note(net):
        starts.append({k: v.clone() for k, v in net.module_.state_dict().items()})
        starts.append(type(net.criterion_).__name__)
        starts.append(len(net.optimizer_.state))

    ranker.set_params(
        loss="hardest_negative", callbacks=[at(4, note, "on_epoch_begin")]
    )
    ranker.fit(X, y)
    start, criterion, n_states = starts
    assert all(torch.equal(start[name], trained[name]) for name in trained)
    assert criterion == "HardestNegative" and n_states == 0
    assert ranker.n_iter_ == 6
    assert not torch.equal(
        ranker.net_.module_.state_dict()["words.weight"], trained["words.weight"]
    )


def test_another_learning_rate_is_taken_by_a_warm_start(tiny, X, y):
    ranker = tiny(warm_start=True).fit(X, y).set_params(lr=3e-4).fit(X, y)
    assert {g["lr"] for g in ranker.net_.optimizer_.param_groups} == {3e-4}


@pytest.mark.parametrize("weight_decay", [0.5, 0.0])
def test_another_weight_decay_is_taken_by_a_warm_start(tiny, X, y, weight_decay):
    ranker = tiny(optimizer="adam", warm_start=True).fit(X, y)
    ranker.set_params(weight_decay=weight_decay).fit(X, y)
    groups = ranker.net_.optimizer_.param_groups
    assert max(group["weight_decay"] for group in groups) == weight_decay
    assert ranker.n_iter_ == 6


# --- Batches ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "n_samples, sizes",
    [
        (24, [8, 8, 8]),
        (25, [8, 8, 9]),  # a pair alone has no negative
        (26, [8, 8, 8, 2]),
        (9, [9]),
        (8, [8]),
        (5, [5]),
        (2, [2]),
    ],
)
def test_a_remainder_of_one_joins_the_last_batch(tiny, more, seen, n_samples, sizes):
    batches, callback = seen
    tiny(callbacks=[callback], max_epochs=1).fit(*more(n_samples))
    assert [len(ids) for _, ids, _ in batches] == sizes


def test_each_epoch_has_each_pair_once_in_another_order(tiny, X, y, seen):
    batches, callback = seen
    captions = [[text, f"{text} indeed"] for text in y]
    tiny(callbacks=[callback]).fit(X, captions)
    orders = [
        np.concatenate([ids for e, ids, _ in batches if e == epoch])
        for epoch in (1, 2, 3)
    ]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.repeat(np.arange(24), 2))
    assert not np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[1], orders[2])


def test_views_of_a_batch_belong_together_and_ids_are_the_groups(tiny, X, y, seen):
    batches, callback = seen
    groups = np.array([f"group {i % 5}" for i in range(24)])
    ranker = tiny(callbacks=[callback], max_epochs=2).fit(X, y, groups=groups)
    back = {row.tobytes(): i for i, row in enumerate(X)}
    of_group = {}
    for _, ids, views in batches:
        texts = ranker.y_transformer_.inverse_transform(views["y"].numpy())
        for row, text, id_ in zip(views["x"].numpy(), texts, ids, strict=True):
            i = back[row.tobytes()]
            assert text == y[i]
            assert of_group.setdefault(groups[i], id_) == id_
    assert len(set(of_group.values())) == 5


@pytest.mark.parametrize(
    "batch_size, message", [(1, r"range \[2, inf\)"), (2.5, "must be an int")]
)
def test_a_batch_needs_two(tiny, X, y, batch_size, message):
    with pytest.raises(InvalidParameterError, match=message):
        tiny(batch_size=batch_size).fit(X, y)


# --- Rates, optimizers, gradients ---------------------------------------------------


def cosine(progress):
    return (1 + math.cos(math.pi * progress)) / 2


def one_cycle(progress):
    """Ramp up linearly for a tenth of the batches, then go down as a cosine."""
    if progress < 0.1:
        return (progress + 0.001) / 0.101
    return cosine((progress - 0.1) / 0.9)


class Rates(Callback):
    """Note the rate of each update."""

    def __init__(self, note):
        self.note = note

    def on_grad_computed(self, net, **kwargs):
        self.note(net.optimizer_.param_groups[0]["lr"])


@pytest.mark.parametrize("name, factor", [("cosine", cosine), ("one_cycle", one_cycle)])
@pytest.mark.parametrize("epochs", [1, 5])
def test_rates_follow_the_schedule_and_warm_starts_repeat_it(
    tiny, X, y, name, factor, epochs
):
    rates = []
    ranker = tiny(
        lr_schedule=name,
        max_epochs=epochs,
        batch_size=4,
        warm_start=True,
        callbacks=[Rates(rates.append)],
    ).fit(X, y)
    n_batches = 6 * epochs
    expected = [1e-2 * factor(i / n_batches) for i in range(n_batches)]
    np.testing.assert_allclose(rates, expected, rtol=1e-12)
    np.testing.assert_allclose(
        [row["lr"] for row in ranker.history_], expected[5::6], rtol=1e-12
    )
    ranker.fit(X, y)
    np.testing.assert_allclose(rates[n_batches:], expected, rtol=1e-12)


def test_the_constant_rate_is_constant(tiny, X, y):
    rates = []
    tiny(callbacks=[Rates(rates.append)]).fit(X, y)
    assert set(rates) == {1e-2}


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_optimizers_are_fused(tiny, X, y, name):
    ranker = tiny(optimizer=name).fit(X, y)
    assert all(group["fused"] for group in ranker.net_.optimizer_.param_groups)
    plain = tiny(optimizer=name, net_params={"optimizer__fused": False}).fit(X, y)
    assert not any(group["fused"] for group in plain.net_.optimizer_.param_groups)
    np.testing.assert_allclose(
        ranker.transform(X), plain.transform(X), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("loss", ["info_nce", "sigmoid", "hardest_negative"])
def test_weight_decay_is_for_weights(tiny, X, y, loss):
    ranker = tiny(loss=loss, weight_decay=0.3, hidden_layer_sizes=(4,)).fit(X, y)
    net = ranker.net_
    decays = {
        id(parameter): group["weight_decay"]
        for group in net.optimizer_.param_groups
        for parameter in group["params"]
    }
    named = [*net.module_.named_parameters(), *net.criterion_.named_parameters()]
    assert len(decays) == len(named)
    for name, parameter in named:
        weight = "bias" not in name and name != "log_scale"
        assert decays[id(parameter)] == (0.3 if weight else 0.0), name


@pytest.mark.parametrize(
    "optimizer",
    [
        "adam",
        "sgd",
        "adadelta",
        pytest.param(
            "adamw",
        ),
    ],
)
def test_no_weight_decay_is_none(tiny, X, y, optimizer):
    ranker = tiny(optimizer=optimizer, weight_decay=0.0).fit(X, y)
    groups = ranker.net_.optimizer_.param_groups
    assert {group["weight_decay"] for group in groups} == {0.0}


def test_max_grad_norm_bounds_the_step(tiny, X, y, at):
    starts = []

    def note(net):
        starts.append([p.detach().clone() for p in net.module_.parameters()])

    def step(max_grad_norm):
        ranker = tiny(
            optimizer="sgd",
            lr=1.0,
            weight_decay=0.0,
            loss="sum_of_violations",
            batch_size=24,
            max_epochs=1,
            max_grad_norm=max_grad_norm,
            callbacks=[at(1, note, "on_epoch_begin")],
        ).fit(X, y)
        after = ranker.net_.module_.parameters()
        moves = [b.detach() - a for a, b in zip(starts[-1], after, strict=True)]
        return math.sqrt(sum(float(move.square().sum()) for move in moves))

    free = step(None)
    assert free > 0.05
    assert step(0.01) == pytest.approx(0.01, rel=1e-3)
    assert step(10 * free) == pytest.approx(free, rel=1e-3)


def test_dropout_is_for_training_only(tiny, X, y):
    ranker = tiny(dropout=0.9, word_dropout=0.9).fit(X, y)
    np.testing.assert_array_equal(ranker.transform(X), ranker.transform(X))
    np.testing.assert_array_equal(ranker.transform_y(y), ranker.transform_y(y))


def test_verbose_prints_a_line_for_each_epoch(tiny, X, y, capsys):
    tiny().fit(X, y)
    assert capsys.readouterr().out == ""
    ranker = tiny(verbose=1, warm_start=True).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert "train_loss" in lines[0]
    assert [line.split()[0] for line in lines[2:]] == ["1", "2", "3"]
    ranker.fit(X, y).transform(X)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[-3:]] == ["4", "5", "6"]


# --- Early stopping -----------------------------------------------------------------


def fit_early_stopping(tiny, seen, X, y, groups=None, **params):
    """Fit, and return the ranker and the rows that it never trained on."""
    batches, callback = seen
    ranker = tiny(
        early_stopping=True, max_epochs=40, callbacks=[callback], **params
    ).fit(X, y, groups)
    back = {row.tobytes(): i for i, row in enumerate(X)}
    trained = {back[row.tobytes()] for *_, v in batches for row in v["x"].numpy()}
    return ranker, np.array(sorted(set(range(len(X))) - trained))


@pytest.mark.parametrize("seed", range(3))
def test_early_stopping_restores_the_best_weights(tiny, more, seen, seed):
    X, y = more(60, seed)
    ranker, held_out = fit_early_stopping(
        tiny, seen, X, y, validation_fraction=0.3, random_state=seed, lr=0.03
    )
    assert len(held_out) == 18
    scores = [row["valid_score"] for row in ranker.history_]
    assert 3 < ranker.n_iter_ < 40
    best = int(np.argmax(scores))
    assert best == ranker.n_iter_ - 1 - ranker.n_iter_no_change
    score = ranker.score(X[held_out], [y[i] for i in held_out])
    assert score == pytest.approx(max(scores), rel=1e-12)
    assert [row["valid_score_best"] for row in ranker.history_][-3:] == [False] * 3


def test_early_stopping_does_not_stop_while_it_improves(tiny, more):
    X, y = more(60, 0)
    ranker = tiny(early_stopping=True, validation_fraction=0.3, n_iter_no_change=50)
    assert ranker.set_params(max_epochs=12).fit(X, y).n_iter_ == 12


def test_the_split_keeps_groups_together(tiny, more, seen):
    X, y = more(60, 0)
    groups = np.repeat(np.arange(12), 5)
    ranker, held_out = fit_early_stopping(
        tiny, seen, X, y, groups, validation_fraction=0.25, n_iter_no_change=1
    )
    held_groups = set(groups[held_out])
    assert len(held_groups) == 3 and len(held_out) == 15
    scores = [row["valid_score"] for row in ranker.history_]
    held_y = [y[i] for i in held_out]
    score = ranker.score(X[held_out], held_y, groups=groups[held_out])
    assert score == pytest.approx(max(scores), rel=1e-12)


def test_early_stopping_has_nothing_to_hold_out_of_one_group(tiny, X, y):
    with pytest.raises(ValueError, match="all rows are of one group"):
        tiny(early_stopping=True).fit(X, y, groups=np.zeros(len(X)))


def test_stored_captions_are_those_trained_on(tiny, more, seen):
    X, y = more(30, 0)
    captions = [[f"{text} {i}"] * 2 for i, text in enumerate(y)]
    ranker, held_out = fit_early_stopping(
        tiny, seen, X, captions, validation_fraction=0.2, n_iter_no_change=1
    )
    kept = [text for i, c in enumerate(captions) if i not in held_out for text in c]
    assert ranker.captions_ == kept and len(held_out) == 6
    known = ranker.y_transformer_.vocabulary_
    assert not {str(i) for i in held_out} & set(known)


def test_a_split_that_leaves_too_few_rows_is_an_error(tiny, X, y):
    with pytest.raises(ValueError, match=r"leaves 23 rows .* and 1 for validation"):
        tiny(early_stopping=True, validation_fraction=0.01).fit(X, y)
    with pytest.raises(ValueError, match="each needs 2"):
        tiny(early_stopping=True).fit(X, y, groups=[0] * 23 + [1])


@pytest.mark.parametrize("fraction", [0.2, 0.8], ids=["held out", "trained on"])
def test_a_split_that_leaves_one_group_is_an_error(tiny, X, y, fraction):
    # Of one group, anything is right: its score would be perfect from the start.
    groups = np.arange(len(X)) % 5
    with pytest.raises(ValueError, match="each needs 2"):
        tiny(early_stopping=True, validation_fraction=fraction).fit(X, y, groups=groups)


# --- What is kept -------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"early_stopping": True, "validation_fraction": 0.3},
        {"lr_schedule": "cosine", "max_grad_norm": 1.0, "word_vectors": "skip_gram"},
    ],
)
def test_nothing_fitted_keeps_the_training_data(tiny, more, params):
    X, y = more(24)
    captions = np.array(y, dtype=object)
    ranker = tiny(**params).fit(X, captions)
    ranker.score(X, captions)
    references = weakref.ref(X), weakref.ref(captions)
    del X, captions
    gc.collect()
    assert [reference() for reference in references] == [None, None]


def test_the_pickle_does_not_grow_with_the_data(tiny, more):
    sizes = []
    for n_samples in (200, 2000):
        X, y = more(n_samples)
        ranker = tiny(store_captions=False, batch_size=100).fit(X, y)
        sizes.append(len(pickle.dumps(ranker)))
    assert abs(sizes[1] - sizes[0]) < 100


def test_callbacks_are_copied(tiny, X, y):
    class Counts(Callback):
        def initialize(self):
            self.calls = []
            return self

        def on_epoch_end(self, net, **kwargs):
            self.calls.append(len(net.history))

    mine = [Counts()]
    ranker = tiny(callbacks=mine).fit(X, y)
    assert ranker.callbacks is mine and len(mine) == 1
    assert vars(mine[0]) == {}
    (copied,) = [c for _, c in ranker.net_.callbacks_ if isinstance(c, Counts)]
    assert copied is not mine[0] and copied.calls == [1, 2, 3]


def test_our_callbacks_do_not_stay_in_the_net(tiny, X, y):
    ranker = tiny(early_stopping=True, lr_schedule="cosine", max_grad_norm=1.0)
    ranker.set_params(validation_fraction=0.3).fit(X, y)
    modules = {type(c).__module__ for _, c in ranker.net_.callbacks_}
    assert not any(module.startswith("sklearn_crossmodal") for module in modules)


def test_the_history_is_plain(tiny, X, y):
    ranker = tiny(early_stopping=True, validation_fraction=0.3, lr_schedule="cosine")
    for row in ranker.fit(X, y).history_:
        assert {type(value) for value in row.values()} <= {int, float, bool}
    assert ranker.n_iter_ == len(ranker.history_) == 3


def test_history_records_the_mean_loss_of_the_pairs(tiny, X, y, seen):
    ranker = tiny(max_epochs=1, callbacks=[seen[1]]).fit(X[:18], y[:18])
    batches = ranker.net_.history[0]["batches"]
    sizes = [batch["train_batch_size"] for batch in batches]
    losses = [batch["train_loss"] for batch in batches]
    assert sizes == [len(ids) for _, ids, _ in seen[0]] == [8, 8, 2]
    mean = np.average(losses, weights=sizes)
    assert ranker.history_[0]["train_loss"] == pytest.approx(mean, rel=1e-12)
