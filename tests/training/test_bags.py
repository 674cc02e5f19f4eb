"""Rows of any number of items: which pairs are same, different, and drawn."""

import tracemalloc
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import Callback

from sklearn_crossmodal import CosCosEmbedder
from sklearn_crossmodal.training import _bags
from sklearn_crossmodal.training._bags import BagPairs
from sklearn_crossmodal.utils._bags import Bags

quick = settings(max_examples=50)
SEEDS = st.integers(0, 2**16)
COUNTS = st.lists(st.integers(0, 4), min_size=1, max_size=8)


# --- Bags ---------------------------------------------------------------------------


def slow_take(counts, rows):
    """Return what `Bags.take` returns, from lists of lists."""
    items, n_items = [], 0
    for count in counts:
        items.append(list(range(n_items, n_items + count)))
        n_items += count
    index = [item for row in rows for item in items[row]]
    places = [place for place, row in enumerate(rows) for _ in items[row]]
    return index, places


@st.composite
def counts_and_rows(draw):
    """Draw counts, and row numbers into them (and then into those)."""
    counts = draw(COUNTS)
    rows = draw(st.lists(st.integers(0, len(counts) - 1), min_size=1, max_size=10))
    return np.array(counts), np.array(rows)


@quick
@given(counts_and_rows())
def test_take_equals_lists_of_lists(drawn):
    counts, rows = drawn
    bags = Bags(np.arange(counts.sum()), counts)
    for part, expected in zip(bags.take(rows), slow_take(counts, rows), strict=True):
        assert part.tolist() == expected


@quick
@given(counts_and_rows())
def test_gathered_items_are_those_of_the_rows(drawn):
    counts, rows = drawn
    items = [f"item {i}" for i in range(counts.sum())]
    gathered, places = Bags(items, counts).gather(rows)
    index, expected_places = slow_take(counts, rows)
    assert gathered == [items[i] for i in index]
    assert places.tolist() == expected_places


def test_all_rows_in_order_are_gathered_without_a_copy():
    items = np.arange(6.0).reshape(3, 2)
    assert Bags(items, [1, 2]).gather(np.arange(2))[0] is items


# --- Which pairs are same -----------------------------------------------------------


class Scenes:
    """Rows with groups, labels and items that tell which they are, drawn by a seed."""

    def __init__(self, seed, n_rows=7, n_groups=5, n_labels=4):
        self.rng = np.random.default_rng(seed)
        self.groups = self.rng.integers(n_groups, size=n_rows)
        n_training = int(self.rng.integers(1, n_rows + 1))
        self.rows = np.sort(self.rng.choice(n_rows, n_training, replace=False))
        self.x_counts = self.rng.integers(1, 4, size=n_rows)
        self.y_counts = self.rng.integers(1, 4, size=n_training)
        self.x_items = [(row, k) for row in range(n_rows)
                        for k in range(self.x_counts[row])]  # fmt: skip
        self.y_items = [(row, k) for place, row in enumerate(self.rows)
                        for k in range(self.y_counts[place])]  # fmt: skip
        self.labels = self.rng.integers(n_labels, size=len(self.y_items))

    def pairs(self, *, labelled=True, labels_as="mask", negatives="in_batch"):
        return BagPairs(
            Bags(np.arange(len(self.x_items))[:, None], self.x_counts),
            Bags(np.arange(len(self.y_items))[:, None], self.y_counts),
            self.rows,
            self.groups,
            self.labels if labelled else None,
            labels_as=labels_as,
            negatives=negatives,
        )

    def index(self):
        """Return some training rows, in any order."""
        size = int(self.rng.integers(1, len(self.rows) + 1))
        return self.rng.permutation(len(self.rows))[:size]

    def fate(self, x, y, labelled, labels_as):
        """Return whether items number `x` and `y` are same, and whether different."""
        row, other = self.x_items[x][0], self.y_items[y][0]
        if self.groups[row] == self.groups[other]:
            return True, False
        classes = {
            label
            for label, (owner, _) in zip(self.labels, self.y_items, strict=True)
            if owner == row
        }
        if labelled and self.labels[y] in classes:
            return labels_as == "positive", False
        return False, True


def opened(batch):
    """Return the items' numbers and the pairs of a batch, as numpy arrays."""
    views, pairs = batch
    x, y = (views[name].numpy()[:, 0].astype(int) for name in "xy")
    return x, y, {name: value.numpy() for name, value in pairs.items()}


labellings = pytest.mark.parametrize(
    "labelled, labels_as", [(False, "mask"), (True, "mask"), (True, "positive")]
)


@labellings
@quick
@given(seed=SEEDS)
def test_pairs_of_a_batch_are_what_rows_groups_and_labels_say(
    labelled, labels_as, seed
):
    scenes = Scenes(seed)
    pairs = scenes.pairs(labelled=labelled, labels_as=labels_as)
    index = scenes.index()
    batch = pairs[index]
    assert len(batch) == len(index)
    assert len(pairs) == len(scenes.rows)
    x, y, masks = opened(batch)
    in_batch = scenes.rows[index]
    assert [scenes.x_items[i][0] for i in x] == [
        row for row in in_batch for _ in range(scenes.x_counts[row])
    ]
    assert sorted(x) == [i for i, item in enumerate(scenes.x_items)
                         if item[0] in in_batch]  # fmt: skip
    assert sorted(y) == [j for j, item in enumerate(scenes.y_items)
                         if item[0] in in_batch]  # fmt: skip
    for a, i in enumerate(x):
        assert in_batch[masks["x_rows"][a]] == scenes.x_items[i][0]
        for b, j in enumerate(y):
            assert in_batch[masks["y_rows"][b]] == scenes.y_items[j][0]
            fate = scenes.fate(i, j, labelled, labels_as)
            assert (masks["same"][a, b], masks["different"][a, b]) == fate


def test_a_row_is_of_every_class_of_its_items():
    # Row 0 has the classes 0 and 1, row 1 the classes 1 and 2, row 2 the class 3.
    for labels_as, same in (("mask", False), ("positive", True)):
        pairs = BagPairs(
            Bags(np.zeros((3, 1)), np.array([1, 1, 1])),
            Bags(np.zeros((5, 1)), np.array([2, 2, 1])),
            np.arange(3),
            np.arange(3),
            np.array([0, 1, 1, 2, 3]),
            labels_as=labels_as,
            negatives="in_batch",
        )
        _, _, masks = opened(pairs[np.arange(3)])
        assert masks["different"].tolist() == [
            [False, False, False, True, True],
            [True, False, False, False, True],
            [True, True, True, True, False],
        ]
        assert masks["same"].tolist() == [
            [True, True, same, False, False],
            [False, same, True, True, False],
            [False, False, False, False, True],
        ]


# --- Drawn pairs --------------------------------------------------------------------


@labellings
@pytest.mark.parametrize("redraws", [50, 1, 0])
@quick
@given(seed=SEEDS)
def test_drawn_pairs_are_as_many_as_same_and_never_alike(
    labelled, labels_as, redraws, seed
):
    # Few draws leave it to the search for what differs, where hardly anything does.
    scenes = Scenes(seed, n_labels=8)
    options = {"labelled": labelled, "labels_as": labels_as}
    pairs, index = scenes.pairs(negatives="sampled", **options), scenes.index()
    torch.manual_seed(seed)
    lonely = [
        row for row in scenes.rows[index]
        if not any(scenes.fate(scenes.x_items.index((row, 0)), j, labelled,
                               labels_as)[1] for j in range(len(scenes.y_items)))
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_bags, "_MAX_REDRAWS", redraws)
        if lonely:
            with pytest.raises(ValueError, match="Nothing is different from row") as e:
                pairs[index]
            assert int(str(e.value).split("row ")[1].split(":")[0]) in lonely
            return
        batch = pairs[index]
    assert len(batch) == len(index)
    x, y, masks = opened(batch)
    _, own, in_batch = opened(scenes.pairs(**options)[index])
    n_own = len(own)
    assert y[:n_own].tolist() == own.tolist()
    np.testing.assert_array_equal(masks["same"][:, :n_own], in_batch["same"])
    assert not masks["same"][:, n_own:].any()
    # Each item of X is in as many drawn pairs as in same ones.
    different = masks["different"]
    assert different.sum() == masks["same"].sum()
    np.testing.assert_array_equal(different.sum(axis=1), masks["same"].sum(axis=1))
    assert not different[:, :n_own].any()
    for a, i in enumerate(x):
        for b, j in enumerate(y):
            if different[a, b]:
                assert scenes.fate(i, j, labelled, labels_as) == (False, True)


@pytest.mark.parametrize("redraws", [50, 1, 0])
def test_drawn_items_are_uniform_over_what_is_different(monkeypatch, redraws):
    # Row 0 has two items of X and one of y: of group 0 with row 1, of class 0 with the
    # first item of row 2. The other seven items are different.
    monkeypatch.setattr(_bags, "_MAX_REDRAWS", redraws)
    pairs = BagPairs(
        Bags(np.arange(6)[:, None], np.array([2, 1, 1, 1, 1])),
        Bags(np.arange(11)[:, None], np.array([1, 2, 3, 4, 1])),
        np.arange(5),
        np.array([0, 0, 1, 2, 3]),
        np.array([0, 5, 6, 0, 1, 2, 1, 2, 3, 4, 3]),
        labels_as="mask",
        negatives="sampled",
    )
    drawn = []
    torch.manual_seed(0)
    for _ in range(2000):
        x, y, masks = opened(pairs[np.array([0])])
        drawn.append([y[np.flatnonzero(row)[0]] for row in masks["different"]])
    allowed = [4, 5, 6, 7, 8, 9, 10]
    drawn = np.array(drawn)
    for column in drawn.T:
        counts = Counter(column.tolist())
        assert set(counts) == set(allowed)
        assert stats.chisquare([counts[j] for j in allowed]).pvalue > 1e-3
    # And the two items of X draw each for itself.
    together = Counter(map(tuple, drawn.tolist()))
    observed = [together[i, j] for i in allowed for j in allowed]
    assert stats.chisquare(observed).pvalue > 1e-3


def test_draws_follow_torchs_seed():
    pairs = Scenes(1, n_rows=20, n_groups=20).pairs(negatives="sampled")
    results = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        results.append(opened(pairs[np.arange(len(pairs))]))
    np.testing.assert_equal(results[0], results[1])
    drawn = [result[1].tolist() for result in results]
    assert drawn[0] != drawn[2]


@pytest.mark.parametrize("n_items", [3000])
def test_the_one_item_that_differs_is_found(n_items):
    # Drawing would take thousands of rounds: all but one are of the group.
    pairs = BagPairs(
        Bags(np.zeros((3, 1)), np.array([1, 1, 1])),
        Bags(np.arange(n_items)[:, None], np.array([2, n_items - 3, 1])),
        np.arange(3),
        np.array([0, 0, 1]),
        None,
        labels_as="mask",
        negatives="sampled",
    )
    torch.manual_seed(0)
    _, y, masks = opened(pairs[np.array([0, 1])])
    assert y[-1] == n_items - 1
    assert masks["different"][:, -1].tolist() == [n_items - 1, n_items - 1]
    assert masks["different"].sum() == masks["same"].sum() == 2 * (n_items - 1)


def test_a_row_that_nothing_differs_from_is_named():
    # Training rows 4, 9 and 11; row 9 is of all classes, whatever else it is.
    pairs = BagPairs(
        Bags(np.zeros((12, 1)), np.ones(12, dtype=int)),
        Bags(np.zeros((4, 1)), np.array([1, 2, 1])),
        np.array([4, 9, 11]),
        np.arange(12),
        np.array([0, 0, 1, 1]),
        labels_as="mask",
        negatives="sampled",
    )
    with pytest.raises(ValueError, match="Nothing is different from row 9: "):
        pairs[np.array([2, 1, 0])]
    assert len(pairs[np.array([2, 0])]) == 2


# --- Items and memory ---------------------------------------------------------------


@pytest.mark.parametrize("convert", [sparse.csr_array, sparse.csr_matrix])
@pytest.mark.parametrize("negatives", ["in_batch", "sampled"])
def test_sparse_items_give_the_batches_of_dense_ones(convert, negatives):
    rng = np.random.default_rng(0)
    x_counts, y_counts = rng.integers(1, 4, size=(2, 6))
    x = rng.integers(0, 2, size=(x_counts.sum(), 5)) * rng.random((x_counts.sum(), 5))
    y = rng.integers(0, 2, size=(y_counts.sum(), 4)) * rng.random((y_counts.sum(), 4))
    batches = []
    for form in (np.asarray, convert):
        pairs = BagPairs(
            Bags(form(x), x_counts), Bags(form(y), y_counts), np.arange(6),
            np.arange(6), None, labels_as="mask", negatives=negatives,
        )  # fmt: skip
        torch.manual_seed(0)
        views, masks = pairs[np.array([4, 0, 3])]
        batches.append({**views, **masks})
        assert views["x"].dtype == torch.float32
    for name, value in batches[0].items():
        assert torch.equal(value, batches[1][name]), name


class Batches(Callback):
    """Note the batches; functions are what deepcopy shares."""

    def __init__(self, note):
        self.note = note

    def on_batch_begin(self, net, batch, training=False, **kwargs):
        self.note(batch)


def small(**params):
    return CosCosEmbedder(**{
        "n_components": 3, "x_hidden_layer_sizes": (), "y_hidden_layer_sizes": (),
        "batch_size": 4, "max_epochs": 3, "device": "cpu", "random_state": 0, **params,
    })  # fmt: skip


@pytest.mark.parametrize("negatives", ["in_batch", "sampled"])
@pytest.mark.parametrize("grouped", [False, True])
def test_nothing_of_the_validation_rows_is_ever_in_a_batch(negatives, grouped):
    # The first feature of each item is the number of its row.
    rng = np.random.default_rng(0)
    X = [np.full((1 + row % 3, 2), row) for row in range(30)]
    y = [np.c_[np.full(1 + row % 4, row), rng.random((1 + row % 4, 2))]
         for row in range(30)]  # fmt: skip
    groups = np.arange(30) // 2 if grouped else None
    rows = {"x": set(), "y": set()}

    def note(batch):
        views, _ = batch
        for name, view in views.items():
            rows[name].update(view[:, 0].int().tolist())

    small(
        negatives=negatives, early_stopping=True, validation_fraction=0.3, max_epochs=8,
        y_transformer=FunctionTransformer(), callbacks=[Batches(note)], batch_size=5,
    ).fit(X, y, groups=groups)  # fmt: skip
    assert rows["y"] == rows["x"]
    assert 10 < len(rows["x"]) < 25
    if grouped:
        halves = [{row // 2 for row in part} for part in
                  (rows["x"], set(range(30)) - rows["x"])]  # fmt: skip
        assert not halves[0] & halves[1]


def test_the_transformer_of_y_is_fitted_on_training_items_alone():
    X = [np.full((1, 2), row) for row in range(30)]
    y = [np.full((1 + row % 3, 1), 2.0**row) for row in range(30)]
    rows = set()
    embedder = small(
        early_stopping=True, validation_fraction=0.3,
        callbacks=[Batches(lambda batch: rows.update(
            next(iter(batch))["x"][:, 0].int().tolist()))],
    ).fit(X, y)  # fmt: skip
    expected = np.concatenate([y[row] for row in sorted(rows)]).mean()
    np.testing.assert_allclose(embedder.y_transformer_.mean_, [expected], rtol=1e-12)


def test_the_length_of_a_batch_is_its_number_of_rows():
    X = [np.ones((1 + row % 3, 2)) * row for row in range(11)]
    y = [np.ones((1 + row % 4, 2)) * row for row in range(11)]
    losses = []
    embedder = small(callbacks=[Batches(lambda batch: losses.append(len(batch)))])
    embedder.fit(X, y)
    assert losses == [4, 4, 3] * 3
    # So that the mean over an epoch weighs each batch by its rows.
    for epoch in embedder.net_.history:
        sizes = [batch["train_batch_size"] for batch in epoch["batches"]]
        each = [batch["train_loss"] for batch in epoch["batches"]]
        assert sizes == [4, 4, 3]
        assert epoch["train_loss"] == pytest.approx(np.average(each, weights=sizes))


@pytest.mark.parametrize("shape", [(5, 500), (500,)], ids=["bags", "rows"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_memmap_is_never_copied_whole(tmp_path, shape, early_stopping):
    peaks, sizes = [], []
    scale = 1 if len(shape) == 2 else 5  # the same bytes
    for n_rows in (20, 500 * scale, 1000 * scale):
        path = tmp_path / str(n_rows)
        X = np.memmap(path, dtype=np.float32, mode="w+", shape=(n_rows, *shape))
        X[:] = np.random.default_rng(0).random(X.shape, dtype=np.float32)
        X.flush()
        X = np.memmap(path, dtype=np.float32, mode="r", shape=X.shape)
        y = np.random.default_rng(1).random((n_rows, 2))
        embedder = small(
            max_epochs=1, batch_size=20, early_stopping=early_stopping,
            validation_fraction=0.1,
        )  # fmt: skip
        tracemalloc.start()
        try:
            embedder.fit(X, y)
            embedder.transform(X)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        sizes.append(X.nbytes)
    assert peaks[2] - peaks[1] < (sizes[2] - sizes[1]) / 10
