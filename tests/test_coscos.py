"""CosCosEmbedder: what it learns from bags, what it refuses, what it leaves alone."""

import copy
import inspect
import io
import pickle
import re
import textwrap
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn import clone, config_context
from sklearn.exceptions import (
    ConvergenceWarning,
    NotFittedError,
    UndefinedMetricWarning,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skorch.callbacks import Callback

from sklearn_crossmodal import CosCosEmbedder, embed_y, make_retrieval_scorer
from sklearn_crossmodal.base import embed_pairs
from sklearn_crossmodal.metrics import mean_reciprocal_rank

N = 12
PARAMS = {
    "n_components": 4,
    "x_hidden_layer_sizes": (5,),
    "y_hidden_layer_sizes": (),
    "batch_size": 4,
    "max_epochs": 2,
    "lr_schedule": "constant",
    "lr": 1e-2,
    "device": "cpu",
    "random_state": 0,
}


def make(**params):
    return CosCosEmbedder(**{**PARAMS, **params})


def draw_bags(counts, width, seed):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((count, width)) for count in counts]


X_COUNTS = [1 + row % 3 for row in range(N)]
Y_COUNTS = [1 + (row + 1) % 4 for row in range(N)]
X_BAGS = draw_bags(X_COUNTS, 3, seed=0)
Y_BAGS = draw_bags(Y_COUNTS, 5, seed=1)
X = np.array([bag[0] for bag in X_BAGS])
Y = np.array([bag[0] for bag in Y_BAGS])
EMPTY_X, EMPTY_Y = np.empty((0, 3)), np.empty((0, 5))


def changed(rows, **by_row):
    """Return the list with other entries: ``changed(rows, row_3=...)``."""
    rows = list(rows)
    for name, value in by_row.items():
        rows[int(name.removeprefix("row_"))] = value
    return rows


def learned(embedder):
    """Return the weights and what was recorded, but how long it took."""
    state = embedder.net_.module_.state_dict() | embedder.net_.criterion_.state_dict()
    weights = {name: value.numpy().copy() for name, value in state.items()}
    history = [
        {k: v for k, v in row.items() if k != "dur" and not k.endswith("_best")}
        for row in embedder.history_
    ]
    return {"weights": weights, "history": history, "zero": embedder.zero_fraction_}


def assert_same_bits(one, other):
    np.testing.assert_equal(learned(one), learned(other))


def differ(one, other):
    weights = [learned(embedder)["weights"] for embedder in (one, other)]
    return any((weights[0][name] != weights[1][name]).any() for name in weights[0])


class Start(Callback):
    """Give the net to a function before the first epoch."""

    def __init__(self, look):
        self.look = look

    def on_train_begin(self, net, **kwargs):
        self.look(net)


class Batches(Callback):
    """Give each batch to a function."""

    def __init__(self, note):
        self.note = note

    def on_batch_begin(self, net, batch, training=False, **kwargs):
        views, pairs = batch
        self.note({k: v.numpy().copy() for k, v in {**views, **pairs}.items()})


def set_parameters(**values):
    """Return a callback that sets parameters of the towers by name."""

    def look(net):
        for name, parameter in net.module_.named_parameters():
            if name in values:
                value = torch.as_tensor(np.asarray(values[name], dtype=np.float32))
                parameter.data[:] = value

    return Start(look)


@pytest.fixture(scope="module")
def embedder():
    """One fitted on bags: don't change it."""
    return make().fit(X_BAGS, Y_BAGS)


@pytest.fixture(scope="module")
def flat():
    """One fitted on vectors: don't change it."""
    return make().fit(X, Y)


# --- It learns ----------------------------------------------------------------------

N_TYPES = 6


def draw_scenes(n_scenes=120, seed=0):
    """Return shapes, their names, and scenes of two of each in no order."""
    rng = np.random.default_rng(seed)
    shapes, names = rng.normal(size=(N_TYPES, 8)), rng.normal(size=(N_TYPES, 6))
    types = [rng.choice(N_TYPES, size=2, replace=False) for _ in range(n_scenes)]
    spoken = [rng.permutation(scene) for scene in types]
    return shapes, names, types, spoken


def learner(**params):
    return CosCosEmbedder(**{
        "n_components": 16, "x_hidden_layer_sizes": (32,),
        "y_hidden_layer_sizes": (32,), "x_dropout": 0.0, "y_dropout": 0.0, "lr": 1e-2,
        "lr_schedule": "constant", "batch_size": 20, "max_epochs": 10,
        "device": "cpu", "random_state": 0,
        **params,
    })  # fmt: skip


@pytest.mark.parametrize(
    "params",
    [
        {"loss": "coscos2"},
        {"loss": "coscos2", "negatives": "sampled"},
        {"negatives": "sampled", "batch_size": 1, "lr": 3e-3, "max_epochs": 3},
        {"loss": "coscos2", "reduction": "sum", "x_activation": "tanh"},
        {"loss": "cosine_margin"},
        {"loss": "cosine_margin", "negatives": "sampled", "margin": 0.2},
        {"loss": "mil_nce", "temperature": 1.0},
        {"loss": "info_nce"},
    ],
    ids=lambda params: "-".join(map(str, params.values())),
)
def test_scenes_tell_together_which_name_is_of_which_shape(params):
    shapes, names, types, spoken = draw_scenes()
    X, y = [shapes[scene] for scene in types], [names[scene] for scene in spoken]
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        embedder = learner(**params).fit(X, y)
    losses = [row["train_loss"] for row in embedder.history_]
    assert losses[-1] < losses[0]
    assert embedder.zero_fraction_ == {"x": 0, "y": 0}
    # Guessing finds one of six; a scene alone tells no more than one of two.
    similarity = embedder.transform(shapes) @ embedder.transform_y(names).T
    assert similarity.argmax(axis=1).tolist() == list(range(N_TYPES))
    assert similarity.argmax(axis=0).tolist() == list(range(N_TYPES))


def test_classes_as_positives_bring_the_items_of_a_class_together():
    # Two kinds of shape and of name; which instance goes with which tells nothing.
    rng = np.random.default_rng(0)
    classes = rng.integers(3, size=90)
    centres_x, centres_y = rng.normal(size=(3, 6)), rng.normal(size=(3, 5))
    X = centres_x[classes] + 0.3 * rng.normal(size=(90, 6))
    y = centres_y[classes] + 0.3 * rng.normal(size=(90, 5))
    train, test = np.arange(60), np.arange(60, 90)
    embedder = learner(labels_as="positive").fit(
        X[train], y[train], labels=classes[train]
    )
    similarity = embedder.transform(X[test]) @ embedder.transform_y(y[test]).T
    alike = classes[test][:, None] == classes[test]
    # All of a class are nearer than any of another, up to a fluke: chance is 1/3.
    assert alike[np.arange(30), similarity.argmax(axis=1)].all()
    assert similarity[alike].mean() > similarity[~alike].mean() + 0.5


# --- Against a slow loop ------------------------------------------------------------


def slow_towers(weights, view, values):
    """Apply one tower: hidden layers and output, all linear or with ReLU between."""
    layers = sorted({name.split(".")[1] for name in weights if name.startswith(view)},
                    key=int)  # fmt: skip
    for i, layer in enumerate(layers):
        weight, bias = (weights[f"{view}_tower.{layer}.{kind}"]
                        for kind in ("weight", "bias"))  # fmt: skip
        values = values @ weight.T + bias
        values = values.clamp(min=0) if i < len(layers) - 1 else values
    return values


def slow_coscos2(x, y, pairs):
    """Return the sum over the same pairs and as many different ones, pair by pair."""
    sums, n_same, n_different = [0.0, 0.0], 0, 0
    for i, u in enumerate(x):
        for j, v in enumerate(y):
            c = (u @ v) / (u.norm() * v.norm())
            sums[0] = sums[0] + float(pairs["same"][i, j]) * (1 - c) / 2
            sums[1] = sums[1] + float(pairs["different"][i, j]) * c**2
            n_same += int(pairs["same"][i, j])
            n_different += int(pairs["different"][i, j])
    return sums[0] + sums[1] * n_same / max(1, n_different)


@pytest.mark.parametrize("negatives", ["in_batch", "sampled"])
def test_training_equals_a_loop_over_pairs(negatives):
    start, batches = {}, []

    def look(net):
        for name, parameter in net.module_.named_parameters():
            start[name] = parameter.detach().double().requires_grad_()

    trained = make(
        optimizer="sgd", lr=0.05, weight_decay=0.3, max_norm=0.7, reduction="sum",
        x_dropout=0.0, y_dropout=0.0, y_transformer=FunctionTransformer(),
        negatives=negatives, callbacks=[Start(look), Batches(batches.append)],
    ).fit(X_BAGS, Y_BAGS)  # fmt: skip
    assert len(batches) == 6
    for pairs in batches:
        views = [slow_towers(start, view, torch.from_numpy(pairs[view]).double())
                 for view in "xy"]  # fmt: skip
        loss = slow_coscos2(*views, pairs)
        names = list(start)
        for name, grad in zip(names, torch.autograd.grad(loss, start.values()),
                              strict=True):  # fmt: skip
            value = start[name].detach()
            if name.endswith("weight"):
                value = value - 0.05 * (grad + 0.3 * value)
                for unit in value:  # its incoming weights
                    unit *= min(1.0, 0.7 / unit.norm().item())
            else:
                value = value - 0.05 * grad
            start[name] = value.requires_grad_()
    weights = trained.net_.module_.state_dict()
    assert weights.keys() == start.keys()
    for name, value in start.items():
        np.testing.assert_allclose(
            weights[name].numpy(), value.detach().numpy(), rtol=1e-3, atol=1e-5
        )


@pytest.mark.parametrize("hidden", [(), (4,), [6, 4]])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("output", [None, "relu", "tanh"])
def test_items_go_through_the_layers_asked_for(hidden, activation, output):
    embedder = make(
        max_epochs=1, y_transformer=FunctionTransformer(),
        **{f"{view}_{name}": value for view in "xy" for name, value in {
            "hidden_layer_sizes": hidden, "activation": activation,
            "output_activation": output}.items()},
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        embedder.fit(X, Y)
    state = embedder.net_.module_.state_dict()
    functions = {"relu": lambda a: np.maximum(a, 0), "tanh": np.tanh}
    functions[None] = lambda a: a
    for view, z, transform in (
        ("x", X, embedder.transform), ("y", Y, embedder.transform_y)
    ):  # fmt: skip
        weights = {k: v.numpy().astype(float) for k, v in state.items()
                   if k.startswith(view)}  # fmt: skip
        matrices = [weights[k] for k in weights if k.endswith("weight")]
        biases = [weights[k] for k in weights if k.endswith("bias")]
        sizes = [z.shape[1], *hidden, 4]
        assert [m.shape for m in matrices] == list(zip(sizes[1:], sizes, strict=False))
        expected = z
        for i, (matrix, bias) in enumerate(zip(matrices, biases, strict=True)):
            last = i == len(matrices) - 1
            expected = functions[output if last else activation](
                expected @ matrix.T + bias
            )
        norms = np.linalg.norm(expected, axis=1, keepdims=True)
        expected = expected / np.where(norms > 0, norms, 1)
        np.testing.assert_allclose(transform(z), expected, atol=1e-5)


# --- Rows and bags ------------------------------------------------------------------


@pytest.mark.parametrize("negatives", ["in_batch", "sampled"])
@pytest.mark.parametrize("early_stopping", [False, True])
def test_bags_of_one_vector_are_rows_to_the_bit(negatives, early_stopping):
    params = {
        "negatives": negatives,
        "early_stopping": early_stopping,
        "validation_fraction": 0.3,
    }
    rows = make(**params).fit(X, Y)
    X_ones, Y_ones = [x[None] for x in X], [y[None] for y in Y]
    for X_same, Y_same in (
        (X_ones, Y_ones), (X, Y_ones), (X_ones, Y), (X[:, None], Y[:, None]),
        (tuple(X_ones), pd.Series(Y_ones)), (pd.Series(X_ones), tuple(Y_ones)),
    ):  # fmt: skip
        bags = make(**params).fit(X_same, Y_same)
        assert_same_bits(bags, rows)
        np.testing.assert_array_equal(bags.transform(X_same), rows.transform(X))
        np.testing.assert_array_equal(bags.transform_y(Y_same), rows.transform_y(Y))
        np.testing.assert_array_equal(bags.transform(X), rows.transform(X))
        np.testing.assert_array_equal(bags.transform_y(Y), rows.transform_y(Y))
        assert bags.n_features_in_ == rows.n_features_in_ == 3


def test_bags_of_one_size_are_a_cube_to_the_bit():
    rng = np.random.default_rng(0)
    X_cube, y_cube = rng.normal(size=(N, 2, 3)), rng.normal(size=(N, 3, 5))
    cube, bags = make().fit(X_cube, y_cube), make().fit(list(X_cube), list(y_cube))
    assert_same_bits(cube, bags)
    np.testing.assert_array_equal(cube.transform(X_cube), bags.transform(list(X_cube)))
    np.testing.assert_array_equal(
        cube.transform_y(y_cube), bags.transform_y(list(y_cube))
    )


def test_a_bag_is_embedded_as_the_normalised_mean_of_its_items(embedder):
    for bags, transform in (
        (X_BAGS, embedder.transform), (Y_BAGS, embedder.transform_y)
    ):  # fmt: skip
        items = transform(np.concatenate(bags))
        np.testing.assert_allclose(np.linalg.norm(items, axis=1), 1, atol=1e-6)
        ends = np.cumsum([len(bag) for bag in bags])[:-1]
        means = [part.astype(float).mean(axis=0) for part in np.split(items, ends)]
        expected = [mean / np.linalg.norm(mean) for mean in means]
        embedded = transform(bags)
        assert embedded.dtype == np.float32
        np.testing.assert_allclose(embedded, expected, atol=1e-6)


def test_the_company_and_the_order_of_items_do_not_matter(embedder):
    for bags, transform in (
        (X_BAGS, embedder.transform), (Y_BAGS, embedder.transform_y)
    ):  # fmt: skip
        embedded = transform(bags)
        alone = np.concatenate([transform([bag]) for bag in bags])
        np.testing.assert_allclose(alone, embedded, atol=1e-6)
        turned = transform([bag[::-1] for bag in bags])
        np.testing.assert_allclose(turned, embedded, atol=1e-6)
        twice = transform([np.concatenate([bag, bag]) for bag in bags])
        np.testing.assert_allclose(twice, embedded, atol=1e-6)


@pytest.mark.parametrize("convert", [sparse.csr_array, sparse.csr_matrix,
                                     sparse.csc_array, sparse.coo_array,
                                     sparse.coo_matrix, sparse.dok_array,
                                     sparse.lil_matrix])  # fmt: skip
@pytest.mark.parametrize("bags", [False, True])
@pytest.mark.parametrize("transformer", [None, "identity"])
def test_sparse_views_give_the_bits_of_dense_ones(convert, bags, transformer):
    def view(items, counts):
        items = np.where(np.abs(items) < 0.5, 0, items)
        if not bags:
            return items, convert(items[: len(counts)])
        parts = np.split(items, np.cumsum(counts)[:-1])
        return parts, [convert(part) for part in parts]

    X_dense, X_sparse = view(np.concatenate(X_BAGS), X_COUNTS)
    y_dense, y_sparse = view(np.concatenate(Y_BAGS), Y_COUNTS)
    if not bags:
        X_dense, y_dense = X_dense[:N], y_dense[:N]
    not_centred = StandardScaler(with_mean=False)
    given = FunctionTransformer() if transformer else None
    dense = make(y_transformer=given or not_centred, early_stopping=True,
                 validation_fraction=0.3).fit(X_dense, y_dense)  # fmt: skip
    of_sparse = make(y_transformer=given, early_stopping=True,
                     validation_fraction=0.3).fit(X_sparse, y_sparse)  # fmt: skip
    for name, value in learned(dense)["weights"].items():
        other = learned(of_sparse)["weights"][name]
        np.testing.assert_allclose(value, other, rtol=1e-5, atol=1e-6)
    if not transformer:
        assert of_sparse.y_transformer_.with_mean is False
        assert dense.y_transformer_.mean_ is not None
    for z in (X_sparse, X_dense):
        np.testing.assert_allclose(
            of_sparse.transform(z), dense.transform(X_dense), atol=1e-5
        )
    np.testing.assert_allclose(
        of_sparse.transform_y(y_sparse), dense.transform_y(y_dense), atol=1e-5
    )


def test_one_number_a_row_is_a_second_view():
    y = np.arange(N) ** 2
    as_list, as_column = make().fit(X, y.tolist()), make().fit(X, y[:, None])
    for one in (make().fit(X, y), make().fit(X, pd.Series(y, index=range(N)[::-1]))):
        assert_same_bits(one, as_column)
        np.testing.assert_array_equal(one.transform_y(y), as_column.transform_y(y))
    assert_same_bits(as_list, as_column)


TEXTS = [f"w{row} {'abc'[row % 3]}" for row in range(N)]
LISTS = [[text, *["z y"] * (row % 2)] for row, text in enumerate(TEXTS)]


@pytest.mark.parametrize("texts", [TEXTS, LISTS], ids=["texts", "lists"])
@pytest.mark.parametrize("container", [list, pd.Series, tuple])
def test_texts_take_a_transformer_and_train_as_their_vectors(texts, container):
    vectorizer = TfidfVectorizer(token_pattern=r"\S+", dtype=np.float32)
    of_texts = make(y_transformer=vectorizer).fit(X, container(texts))
    items = [text for row in texts for text in (
        [row] if isinstance(row, str) else row)]  # fmt: skip
    vectors = vectorizer.fit_transform(items).toarray()
    counts = [1 if isinstance(row, str) else len(row) for row in texts]
    bags = np.split(vectors, np.cumsum(counts)[:-1])
    of_vectors = make(y_transformer=FunctionTransformer()).fit(X, bags)
    assert_same_bits(of_texts, of_vectors)
    np.testing.assert_array_equal(
        of_texts.transform_y(texts), of_vectors.transform_y(bags)
    )
    # An inner list is several texts, one text an item.
    embedded = of_texts.transform_y([["w1 b", "w2 c"]])
    mean = of_texts.transform_y(["w1 b", "w2 c"]).mean(axis=0)
    np.testing.assert_allclose(embedded[0], mean / np.linalg.norm(mean), atol=1e-6)
    assert 0 < of_texts.score(X, texts) <= 1


def test_a_frame_has_names_and_bags_have_none():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    named = make().fit(frame, Y)
    assert named.feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(ValueError, match="feature names"):
        named.transform(frame[["b", "a", "c"]])
    assert not hasattr(make().fit(X_BAGS, Y_BAGS), "feature_names_in_")


def test_set_output_names_the_columns_of_embedded_bags():
    plain = make().fit(X_BAGS, Y_BAGS)
    framed = make().set_output(transform="pandas").fit(X_BAGS, Y_BAGS)
    columns = [f"coscosembedder{i}" for i in range(4)]
    assert framed.get_feature_names_out().tolist() == columns
    for bags, method in ((X_BAGS, "transform"), (Y_BAGS, "transform_y")):
        for container in (list, pd.Series):
            frame = getattr(framed, method)(container(bags))
            assert isinstance(frame, pd.DataFrame)
            assert frame.columns.tolist() == columns
            np.testing.assert_array_equal(frame, getattr(plain, method)(bags))
    frame = make().set_output(transform="pandas").fit_transform(X_BAGS, Y_BAGS)
    np.testing.assert_array_equal(frame, plain.transform(X_BAGS))


# --- Labels -------------------------------------------------------------------------

ITEM_LABELS = [[f"{row} {k}" for k in range(count)] for row, count in
               enumerate(Y_COUNTS)]  # fmt: skip
ROW_LABELS = [row % 3 for row in range(N)]
label_kinds = pytest.mark.parametrize("labels_as", ["mask", "positive"])
negative_kinds = pytest.mark.parametrize("negatives", ["in_batch", "sampled"])


@label_kinds
@negative_kinds
def test_labels_change_nothing_where_none_repeats_in_another_row(labels_as, negatives):
    params = {"labels_as": labels_as, "negatives": negatives}
    without = make(**params).fit(X_BAGS, Y_BAGS)
    of_rows = [[row] * count for row, count in enumerate(Y_COUNTS)]
    for labels in (ITEM_LABELS, of_rows, list(range(N)), [f"row {i}" for i in range(N)],
                   [np.array(row) for row in ITEM_LABELS]):  # fmt: skip
        assert_same_bits(make(**params).fit(X_BAGS, Y_BAGS, labels=labels), without)


@label_kinds
@negative_kinds
def test_labels_that_repeat_change_what_is_learned(labels_as, negatives):
    params = {"labels_as": labels_as, "negatives": negatives}
    without = make(**params).fit(X_BAGS, Y_BAGS)
    assert differ(make(**params).fit(X_BAGS, Y_BAGS, labels=ROW_LABELS), without)


@pytest.mark.parametrize("labels_as, is_same", [("mask", False), ("positive", True)])
def test_labels_say_what_the_pairs_of_a_batch_are(labels_as, is_same):
    batches = []
    y = [np.full((count, 1), row) for row, count in enumerate(Y_COUNTS)]
    x = [np.full((count, 1), row) for row, count in enumerate(X_COUNTS)]
    make(
        labels_as=labels_as, y_transformer=FunctionTransformer(),
        callbacks=[Batches(batches.append)],
    ).fit(x, y, labels=ROW_LABELS)  # fmt: skip
    assert len(batches) == 6
    for batch in batches:
        of_x, of_y = batch["x"][:, :1].astype(int), batch["y"][:, 0].astype(int)
        own, alike = of_x == of_y, of_x % 3 == of_y % 3
        np.testing.assert_array_equal(batch["same"], alike if is_same else own)
        np.testing.assert_array_equal(batch["different"], ~alike)


@label_kinds
@negative_kinds
def test_a_label_of_a_row_is_that_of_each_of_its_items(labels_as, negatives):
    params = {"labels_as": labels_as, "negatives": negatives}
    nested = [[label] * count for label, count in
              zip(ROW_LABELS, Y_COUNTS, strict=True)]  # fmt: skip
    of_rows = make(**params).fit(X_BAGS, Y_BAGS, labels=ROW_LABELS)
    for labels in (nested, [tuple(row) for row in nested], pd.Series(nested),
                   np.array(ROW_LABELS), pd.Series(ROW_LABELS, index=range(N, 0, -1)),
                   [label for row in nested for label in row],
                   [f"class {label}" for label in ROW_LABELS]):  # fmt: skip
        assert_same_bits(make(**params).fit(X_BAGS, Y_BAGS, labels=labels), of_rows)
    # And rows of one item each may have either.
    one = make(**params).fit(X, Y, labels=ROW_LABELS)
    for labels in ([[label] for label in ROW_LABELS], np.array(ROW_LABELS)[:, None]):
        assert_same_bits(make(**params).fit(X, Y, labels=labels), one)


@negative_kinds
def test_groups_are_what_labels_of_rows_as_positives_are(negatives):
    params = {"negatives": negatives}
    groups = make(**params).fit(X_BAGS, Y_BAGS, groups=ROW_LABELS)
    labels = make(**params, labels_as="positive").fit(X_BAGS, Y_BAGS, labels=ROW_LABELS)
    assert_same_bits(labels, groups)
    assert differ(groups, make(**params).fit(X_BAGS, Y_BAGS))


@pytest.mark.parametrize("name", ["labels", "groups"])
def test_ids_of_mixed_types_are_not_made_strings(name):
    mixed = [(1, "1")[row % 2] for row in range(N)]
    renamed = [("one", "text")[row % 2] for row in range(N)]
    assert_same_bits(
        make().fit(X, Y, **{name: mixed}), make().fit(X, Y, **{name: renamed})
    )


def test_partial_fit_takes_labels_and_groups():
    given = {"labels": ROW_LABELS, "groups": [row // 2 for row in range(N)]}
    passes = make()
    for _ in range(2):
        passes.partial_fit(X_BAGS, Y_BAGS, **given)
    assert_same_bits(passes, make(max_epochs=2).fit(X_BAGS, Y_BAGS, **given))
    without = make().partial_fit(X_BAGS, Y_BAGS).partial_fit(X_BAGS, Y_BAGS)
    assert differ(passes, without)
    # The next rows may have other labels, and another number of them.
    passes.partial_fit(X_BAGS[:5], Y_BAGS[:5], labels=["new", "new", "a", "b", "c"])
    assert passes.n_iter_ == 3


def test_labels_go_to_the_step_of_a_pipeline():
    scaled = StandardScaler().fit_transform(X)
    direct = make().fit(scaled, Y, labels=ROW_LABELS)
    pipe = make_pipeline(StandardScaler(), make())
    pipe.fit(X, Y, coscosembedder__labels=ROW_LABELS)
    assert_same_bits(pipe[-1], direct)
    np.testing.assert_array_equal(pipe.transform(X), direct.transform(scaled))
    np.testing.assert_array_equal(embed_y(pipe, Y), direct.transform_y(Y))


@pytest.mark.parametrize("labels", [ROW_LABELS, ITEM_LABELS], ids=["rows", "items"])
def test_metadata_routing_brings_labels_to_each_fold(labels):
    if labels is ITEM_LABELS:
        labels = [["a", *row[1:]] for row in ITEM_LABELS]
    groups = [row // 2 for row in range(N)]
    seen = {}

    class Spy(CosCosEmbedder):
        def fit(self, X, y, groups=None, labels=None):
            seen[len(seen)] = (X, labels)
            return super().fit(X, y, groups=groups, labels=labels)

    with config_context(enable_metadata_routing=True):
        estimator = Spy(**PARAMS).set_fit_request(labels=True, groups=True)
        estimator.set_score_request(groups=True)
        search = GridSearchCV(
            make_pipeline(FunctionTransformer(), estimator),
            {"spy__lr": [1e-3, 1e-2]}, cv=GroupKFold(2), error_score="raise",
        ).fit(X_BAGS, Y_BAGS, labels=labels, groups=groups)  # fmt: skip
    assert len(seen) == 5  # two folds of two candidates, and the refit
    row_of = {id(bag): row for row, bag in enumerate(X_BAGS)}
    for X_fold, of_fold in seen.values():
        assert [labels[row_of[id(bag)]] for bag in X_fold] == list(of_fold)
    scores = []
    for train, test in GroupKFold(2).split(X_BAGS, groups=groups):
        one = make(lr=1e-2).fit(
            *([view[row] for row in train] for view in (X_BAGS, Y_BAGS, groups)),
            labels=[labels[row] for row in train],
        )
        scores.append(one.score(*([view[row] for row in test]
                                  for view in (X_BAGS, Y_BAGS, groups))))  # fmt: skip
    found = [search.cv_results_[f"split{fold}_test_score"][1] for fold in range(2)]
    assert found == scores


# --- Bad labels ---------------------------------------------------------------------

BAD_LABELS = {
    "too few": (ROW_LABELS[:5], "labels has 5 entries and y has 30 items in 12 rows"),
    "too many": (
        [*ROW_LABELS, 1],
        "labels has 13 entries and y has 30 items in 12 rows",
    ),
    "too few lists": (ITEM_LABELS[:5], "labels has 5 lists and y has 12 rows"),
    "a label too few": (
        changed(ITEM_LABELS, row_5=["a"]),
        "Row 5 of labels has 1 entries and row 5 of y has 3 items",
    ),
    "a label too many": (
        changed(ITEM_LABELS, row_3=["a", "b"]),
        "Row 3 of labels has 2 entries and row 3 of y has 1 items",
    ),
    "labels of some items": (
        changed(ITEM_LABELS, row_4="a"),
        "Row 4 of labels has 'a' and row 4 of y has 2 items",
    ),
    "None": (changed(ROW_LABELS, row_7=None), "labels has a missing value .* in row 7"),
    "NaN": (
        changed(ROW_LABELS, row_7=np.nan),
        "labels has a missing value .* in row 7",
    ),
    "NaN among texts": (
        changed([f"class {k}" for k in ROW_LABELS], row_7=np.nan),
        "labels has a missing value .* in row 7",
    ),
    "NaN in a Series of texts": (
        pd.Series(changed([f"class {k}" for k in ROW_LABELS], row_7=np.nan)),
        "labels has a missing value .* in row 7",
    ),
    "None of an item": (
        changed(ITEM_LABELS, row_6=["a", None, "b", "c"]),
        "labels has a missing value .* in row 6",
    ),
    "one class": (["a"] * N, "All items of y are of one label"),
    "one class of items": ([["a"] * count for count in Y_COUNTS], "of one label"),
    "a list as a label": (
        changed(ITEM_LABELS, row_1=["a", ["b"], "c"]),
        "labels holds .* in row 1",
    ),
    "a number": (3, "labels is 3"),
    "a set": (set(range(N)), "labels is {0, 1,"),
    "a dict": (dict.fromkeys(range(N), "a"), "labels is {0: 'a',"),
    "one text": ("a" * N, "labels is 'aaa"),
}


@pytest.mark.parametrize("name", list(BAD_LABELS))
def test_bad_labels(name):
    labels, match = BAD_LABELS[name]
    for embedder in (make(), make(early_stopping=True, validation_fraction=0.3)):
        with pytest.raises((ValueError, TypeError), match=match):
            embedder.fit(X_BAGS, Y_BAGS, labels=labels)
        assert not [name for name in vars(embedder) if name.endswith("_")]


def test_one_class_left_by_early_stopping_is_an_error():
    """The only row of another class is held out for some seed, and trained on else."""
    refused = 0
    for seed in range(8):
        embedder = make(early_stopping=True, validation_fraction=0.5, random_state=seed)
        seen = []
        note = Batches(lambda batch, seen=seen: seen.append(batch["different"].any()))
        embedder.set_params(callbacks=[note])
        try:
            embedder.fit(X, Y, labels=["b"] + ["a"] * (N - 1))
        except ValueError as error:
            assert "of one label" in str(error)
            assert not hasattr(embedder, "net_")
            refused += 1
        else:
            assert any(seen)
    assert 0 < refused < 8


def test_one_class_among_the_rows_that_are_left_is_an_error():
    # The only row of the other class is dropped: nothing is different.
    labels = changed(["a"] * N, row_3="b")
    embedder = make(empty_bags="drop")
    with (
        pytest.raises(ValueError, match="of one label"),
        warnings.catch_warnings(action="ignore", category=UserWarning),
    ):
        embedder.fit(changed(X_BAGS, row_3=EMPTY_X), Y_BAGS, labels=labels)


def test_drawing_names_the_row_that_nothing_differs_from():
    # Row 7 has an item of every class.
    y = changed(Y_BAGS, row_7=draw_bags([3], 5, seed=2)[0])
    labels = [[row % 3] * len(bag) for row, bag in enumerate(y)]
    labels[7] = [0, 1, 2]
    sampled = make(negatives="sampled")
    with pytest.raises(ValueError, match="Nothing is different from row 7: "):
        sampled.fit(X_BAGS, y, labels=labels)
    assert not hasattr(sampled, "net_")
    make().fit(X_BAGS, y, labels=labels)


def test_drawing_names_that_row_by_its_number_in_what_was_given():
    y = changed(Y_BAGS, row_2=EMPTY_Y, row_7=draw_bags([3], 5, seed=2)[0])
    labels = [[row % 3] * len(bag) for row, bag in enumerate(y)]
    labels[7] = [0, 1, 2]
    sampled = make(negatives="sampled", empty_bags="drop")
    with (
        pytest.raises(ValueError, match="Nothing is different from row 7: "),
        warnings.catch_warnings(action="ignore", category=UserWarning),
    ):
        sampled.fit(X_BAGS, y, labels=labels)


# --- The paper's recipe -------------------------------------------------------------


def recipe():
    """Return the estimator that the Notes print, as they print it."""
    notes = inspect.getdoc(CosCosEmbedder).split("The paper's recipe")[1]
    printed = re.search(r"::\n\n(    CosCosEmbedder\(.*?\))\n\n", notes, re.S)[1]
    return eval(textwrap.dedent(printed), {"CosCosEmbedder": CosCosEmbedder})


def test_the_recipe_says_what_the_paper_says():
    params = recipe().get_params()
    expected = {
        "loss": "coscos2", "negatives": "sampled", "reduction": "sum",
        "x_output_activation": "relu", "y_output_activation": "relu",
        "x_dropout": 0, "y_dropout": 0, "optimizer": "adadelta", "lr": 1,
        "max_norm": 6, "batch_size": 1, "max_epochs": 500, "early_stopping": True,
        "x_hidden_layer_sizes": (), "n_components": 200,
        "weight_decay": 2 * 1e-4,  # of theta squared, whose gradient is twice theta
    }  # fmt: skip
    assert {name: params[name] for name in expected} == expected


def test_the_recipe_trains_as_printed():
    shapes, names, types, spoken = draw_scenes(100)
    X, y = [shapes[scene] for scene in types], [names[scene] for scene in spoken]
    paper = recipe().set_params(
        max_epochs=4, n_components=24, y_hidden_layer_sizes=(16, 16, 16), device="cpu",
        random_state=0,
    )  # fmt: skip
    paper.fit(X, y)
    losses = [row["train_loss"] for row in paper.history_]
    assert losses[-1] < losses[0]
    optimizer = paper.net_.optimizer_
    assert isinstance(optimizer, torch.optim.Adadelta)
    for group in optimizer.param_groups:
        assert (group["rho"], group["eps"], group["lr"]) == (0.95, 1e-6, 1.0)
        decayed = group["weight_decay"] == 2e-4
        assert decayed or group["weight_decay"] == 0
        assert {value.ndim for value in group["params"]} <= ({2} if decayed else {1})
    for embedded in (paper.transform(X), paper.transform_y(y)):
        assert np.isfinite(embedded).all()
        assert (embedded >= 0).all()
    similarity = paper.transform(shapes) @ paper.transform_y(names).T
    # Chance is 1/6: few epochs, and outputs that may die.
    assert (similarity.argmax(axis=1) == np.arange(N_TYPES)).mean() >= 0.5


# --- Zeros and collapse -------------------------------------------------------------


def test_zero_fraction_counts_the_items_that_are_zero_everywhere():
    # One weight of one, no bias: an item is zero where its number is negative.
    one = {"x_tower.1.weight": [[1.0]], "x_tower.1.bias": [0.0],
           "y_tower.1.weight": [[1.0]], "y_tower.1.bias": [0.0]}  # fmt: skip
    x = [np.array([[-1.0], [2.0], [-0.5]]), np.array([[3.0]])] * 5
    y = [np.array([[1.0]]), np.array([[-2.0], [1.0], [5.0]])] * 5
    embedder = make(
        n_components=1, x_hidden_layer_sizes=(), x_output_activation="relu",
        y_output_activation="relu", lr=1e-9, weight_decay=0.0, x_dropout=0.0,
        y_dropout=0.0, y_transformer=FunctionTransformer(),
        callbacks=[set_parameters(**one)],
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)  # half is not more than half
        embedder.fit(x, y)
    assert embedder.zero_fraction_ == {"x": 0.5, "y": 0.25}
    assert embedder.transform([[-1.0], [2.0], [-0.5]]).ravel().tolist() == [0, 1, 0]
    # A row whose items are all zero is zero; those of others do not turn the mean.
    rows = embedder.transform([np.array([[-1.0], [-2.0]]), np.array([[-1.0], [2.0]])])
    assert rows.ravel().tolist() == [0, 1]


@pytest.mark.parametrize("view, name", [("x", "X"), ("y", "y")])
def test_dead_outputs_are_told_of_and_never_nan(view, name):
    sizes = {"x": 3, "y": 1}  # of the last layer in the tower: hidden ones, and none
    bias = {f"{view}_tower.{3 * sizes[view] - 5 if view == 'x' else 1}.bias": -1e3}
    embedder = make(
        **{f"{view}_output_activation": "relu"}, negatives="sampled", batch_size=1,
        callbacks=[set_parameters(**bias)],
    )  # fmt: skip
    match = f"100% of the embeddings of {name} are zero.*{view}_output_activation=None"
    with pytest.warns(ConvergenceWarning, match=match) as caught:
        embedder.fit(X_BAGS, Y_BAGS)
    assert len(caught) == 1
    other = {"x": "y", "y": "x"}[view]
    assert embedder.zero_fraction_ == {view: 1.0, other: 0.0}
    embedded = {"x": embedder.transform(X_BAGS), "y": embedder.transform_y(Y_BAGS)}
    assert not embedded[view].any()
    np.testing.assert_allclose(np.linalg.norm(embedded[other], axis=1), 1, atol=1e-6)
    # All is tied: the score is what a constant has.
    constant = np.ones_like(embedded["x"])
    expected = mean_reciprocal_rank(constant, constant)
    assert embedder.score(X_BAGS, Y_BAGS) == pytest.approx(expected)
    assert all(np.isfinite(row["train_loss"]) for row in embedder.history_)


@pytest.mark.parametrize("n_rows", [2, 3000])
def test_zeros_are_counted_among_some_of_many_items(n_rows):
    # More than are looked at; every third is dead.
    x = np.where(np.arange(n_rows) % 3 == 0, -1.0, 1.0)[:, None]
    embedder = make(
        n_components=1, x_hidden_layer_sizes=(), x_output_activation="relu", lr=1e-9,
        weight_decay=0.0, x_dropout=0.0, max_epochs=1, batch_size=500,
        callbacks=[set_parameters(**{"x_tower.1.weight": 1.0, "x_tower.1.bias": 0.0})],
    ).fit(x, np.arange(n_rows)[:, None])  # fmt: skip
    expected = {2: 1 / 2, 3000: 1 / 3}[n_rows]
    # 1,024 of 3,000 rows, evenly: a standard deviation of random ones is 0.015.
    assert embedder.zero_fraction_["x"] == pytest.approx(expected, abs=0.03)


def collapse_prone(**params):
    return learner(**{"max_epochs": 8, "lr": 0.03, "batch_size": 30, **params})


@pytest.mark.parametrize("view", ["x", "y"])
@negative_kinds
def test_a_view_that_tells_nothing_is_told_of(view, negatives):
    rng = np.random.default_rng(0)
    views = {"x": rng.normal(size=(90, 4)), "y": rng.normal(size=(90, 4))}
    views[view] = np.ones((90, 4))
    embedder = collapse_prone(negatives=negatives, lr=1e-2, max_epochs=40)
    embedder.set_params(lr_schedule="cosine", y_transformer=FunctionTransformer())
    with pytest.warns(ConvergenceWarning, match="loss sits at 7/32") as caught:
        embedder.fit(views["x"], views["y"])
    assert len(caught) == 1


@pytest.mark.parametrize("loss", ["cosine_margin", "mil_nce", "info_nce"])
def test_other_losses_do_not_speak_of_seven_thirty_seconds(loss):
    X = np.ones((30, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        collapse_prone(loss=loss).fit(X, np.arange(30))


def test_a_scatter_that_has_learned_nothing_yet_is_not_called_collapsed():
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        learner(max_epochs=1, lr=1e-6).fit(rng.normal(size=(60, 20)),
                                           rng.normal(size=(60, 20)))  # fmt: skip


# --- Empty bags ---------------------------------------------------------------------

X_HOLES = changed(X_BAGS, row_2=EMPTY_X, row_7=EMPTY_X)
Y_HOLES = changed(Y_BAGS, row_2=EMPTY_Y, row_9=EMPTY_Y)
KEPT = [row for row in range(N) if row not in (2, 7, 9)]


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize(
    "X_bad, y_bad, match",
    [
        (X_HOLES, Y_BAGS, "Rows 2 and 7 of X have no item"),
        (X_BAGS, Y_HOLES, "Rows 2 and 9 of y have no item"),
        (X_HOLES, Y_HOLES, "Rows 2 and 7 of X have no item"),
        (changed(X_BAGS, row_0=EMPTY_X), Y_BAGS, "Row 0 of X has no item"),
        (X_BAGS, changed(Y_BAGS, row_11=EMPTY_Y), "Row 11 of y has no item"),
        (X_BAGS, changed(Y_BAGS, row_11=[]), "Row 11 of y has no item"),
        (X_BAGS, changed(Y_BAGS, row_0=np.empty(0)), "Row 0 of y has no item"),
        ([EMPTY_X] * N, Y_BAGS, "Rows 0, 1, .*2 more of X have no item"),
        (np.empty((N, 0, 3)), Y_BAGS, "of X have no item"),
        (X_BAGS, np.empty((N, 0, 5)), "of y have no item"),
    ],
)
def test_empty_bags_are_an_error_that_names_the_rows(
    early_stopping, X_bad, y_bad, match
):
    embedder = make(early_stopping=early_stopping, validation_fraction=0.3)
    with pytest.raises(ValueError, match=f"{match}.*empty_bags='drop'"):
        embedder.fit(X_bad, y_bad)
    assert not [name for name in vars(embedder) if name.endswith("_")]


def test_empty_bags_are_an_error_at_transform_too(embedder):
    with pytest.raises(ValueError, match="Rows 2 and 7 of X have no item"):
        embedder.transform(X_HOLES)
    with pytest.raises(ValueError, match="Rows 2 and 9 of y"):
        embedder.transform_y(Y_HOLES)


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("labels", [None, ROW_LABELS, ITEM_LABELS],
                         ids=["no labels", "of rows", "of items"])  # fmt: skip
@negative_kinds
def test_dropping_rows_is_fitting_without_them(early_stopping, labels, negatives):
    groups = [row // 2 for row in range(N)]
    params = {"early_stopping": early_stopping, "validation_fraction": 0.3,
              "negatives": negatives}  # fmt: skip
    if labels is ITEM_LABELS:
        labels = [["a", *row[1:]][: len(bag)] for row, bag in
                  zip(ITEM_LABELS, Y_HOLES, strict=True)]  # fmt: skip
    dropping = make(empty_bags="drop", **params)
    with pytest.warns(UserWarning, match="Rows 2, 7 and 9 left out") as caught:
        dropping.fit(X_HOLES, Y_HOLES, groups=groups, labels=labels)
    assert len(caught) == 1
    without = make(**params).fit(
        *([view[row] for row in KEPT] for view in (X_HOLES, Y_HOLES, groups)),
        labels=labels and [labels[row] for row in KEPT],
    )
    assert_same_bits(dropping, without)


def test_warnings_point_at_the_call():
    dead = set_parameters(**{"y_tower.1.bias": -1e3})
    embedder = make(
        empty_bags="drop", y_output_activation="relu", callbacks=[dead], lr=1e-9
    )
    for method in (embedder.fit, embedder.partial_fit):
        with pytest.warns(UserWarning) as caught:
            method(X_HOLES, Y_HOLES)
        left_out, died = caught
        assert "left out" in str(left_out.message)
        assert "units have died" in str(died.message)
        assert {left_out.filename, died.filename} == {__file__}


def test_empty_bags_become_zero_rows_and_change_no_other():
    dropping = make(empty_bags="drop").fit(X_BAGS, Y_BAGS)
    for bags, holes, transform, empty in (
        (X_BAGS, X_HOLES, dropping.transform, [2, 7]),
        (Y_BAGS, Y_HOLES, dropping.transform_y, [2, 9]),
        (X_BAGS, changed(X_BAGS, row_0=EMPTY_X), dropping.transform, [0]),
        (Y_BAGS, changed(Y_BAGS, row_11=[]), dropping.transform_y, [11]),
    ):
        full = [row for row in range(N) if row not in empty]
        embedded = transform(holes)
        assert embedded.shape == (N, 4) and embedded.dtype == np.float32
        assert not embedded[empty].any()
        np.testing.assert_allclose(embedded[full], transform(bags)[full], atol=1e-6)
    # No row is empty: dropping is no different.
    np.testing.assert_array_equal(
        dropping.transform(X_BAGS), make().fit(X_BAGS, Y_BAGS).transform(X_BAGS)
    )


def test_transforming_nothing_but_empty_bags_gives_zeros():
    dropping = make(empty_bags="drop").fit(X_BAGS, Y_BAGS)
    assert dropping.transform([EMPTY_X, EMPTY_X]).tolist() == [[0] * 4] * 2
    assert dropping.transform_y([EMPTY_Y]).tolist() == [[0] * 4]


def test_rows_without_texts_are_dropped_and_become_zero_too():
    texts = changed(LISTS, row_3=[])
    dropping = make(empty_bags="drop", y_transformer=TfidfVectorizer())
    with pytest.warns(UserWarning, match="Row 3 left out"):
        dropping.fit(X, texts)
    assert not dropping.transform_y(texts)[3].any()


@pytest.mark.parametrize("y, level", [(LISTS, "auto"), (Y_BAGS, "item")],
                         ids=["texts", "bags"])  # fmt: skip
def test_rows_without_items_have_no_entry_among_items(y, level):
    transformer = TfidfVectorizer() if y is LISTS else None
    embedder = make(empty_bags="drop", y_transformer=transformer).fit(X, y)
    with_empty = changed(y, row_3=[] if y is LISTS else EMPTY_Y)
    X_embedded, y_embedded, rows = embed_pairs(embedder, X, with_empty, level=level)
    every = embed_pairs(embedder, X, y, level=level)
    np.testing.assert_array_equal(X_embedded, every[0])
    np.testing.assert_allclose(y_embedded, every[1][every[2] != 3], atol=1e-6)
    np.testing.assert_array_equal(rows, every[2][every[2] != 3])
    scorer = make_retrieval_scorer("mrr", level=level)
    with pytest.warns(UndefinedMetricWarning, match="no relevant"):
        assert 0 < scorer(embedder, X, with_empty) <= 1
    with pytest.raises(ValueError, match="Row 3 of y has no item"):
        scorer(embedder.set_params(empty_bags="error"), X, with_empty)


def test_rows_that_drop_leaves_alone_must_be_two():
    X_bad = [EMPTY_X] * (N - 1) + [X_BAGS[-1]]
    with pytest.raises(ValueError, match="Rows 0, 1, .* leaves 1 of 12 rows"):
        make(empty_bags="drop").fit(X_bad, Y_BAGS)


@pytest.mark.parametrize("X_bad, y_bad", [([EMPTY_X] * N, Y_BAGS),
                                          (X_BAGS, [EMPTY_Y] * N)])  # fmt: skip
def test_dropping_everything_is_an_error(X_bad, y_bad):
    with pytest.raises(ValueError, match="Rows 0, 1, .* no item"):
        make(empty_bags="drop").fit(X_bad, y_bad)


# --- Bad input ----------------------------------------------------------------------

NAN_X, NAN_Y = (changed(bags, row_3=np.full((2, bags[0].shape[1]), np.nan))
                for bags in (X_BAGS, Y_BAGS))  # fmt: skip
WIDE_X, WIDE_Y = (changed(bags, row_7=np.ones((2, 9))) for bags in (X_BAGS, Y_BAGS))

# X, y, parameters, metadata, error, message
BAD = {
    "X of two widths": (WIDE_X, Y_BAGS, {}, {}, ValueError, r"X .*row 7 .*\(2, 9\)"),
    "y of two widths": (X_BAGS, WIDE_Y, {}, {}, ValueError, r"y .*row 7 .*\(2, 9\)"),
    "X of two widths, stopping": (
        WIDE_X, Y_BAGS, {"early_stopping": True, "validation_fraction": 0.3}, {},
        ValueError, r"X .*row 7 .*\(2, 9\)",
    ),
    "y of two widths, stopping": (
        X_BAGS, WIDE_Y, {"early_stopping": True, "validation_fraction": 0.3}, {},
        ValueError, r"y .*row 7 .*\(2, 9\)",
    ),
    "a vector in X": (changed(X_BAGS, row_7=np.ones(3)), Y_BAGS, {}, {}, ValueError,
                      r"X .*row 7 .*\(3,\)"),
    "a vector in y": (X_BAGS, changed(Y_BAGS, row_7=np.ones(5)), {}, {}, ValueError,
                      r"y .*row 7 .*\(5,\)"),
    "a vector first in X": (changed(X_BAGS, row_0=np.ones(3)), Y_BAGS, {}, {},
                            ValueError, r"bag of X must be a 2-D array"),
    "None in X": (changed(X_BAGS, row_7=None), Y_BAGS, {}, {}, ValueError,
                  r"X .*row 7 .*\(\)"),
    "None in y": (X_BAGS, changed(Y_BAGS, row_7=None), {}, {},
                  (ValueError, TypeError), r"(?i)\by\b.*row 7|row 7 of y"),
    "None first in X": (changed(X_BAGS, row_0=None), Y_BAGS, {}, {},
                        (ValueError, TypeError), r"row 0"),
    "None first in y": (X_BAGS, changed(Y_BAGS, row_0=None), {}, {},
                        (ValueError, TypeError), r"row 0"),
    "NaN in a bag of X": (NAN_X, Y_BAGS, {}, {}, ValueError, "X contains NaN"),
    "NaN in a bag of y": (X_BAGS, NAN_Y, {}, {}, ValueError, "y contains NaN"),
    "NaN in y": (X, np.where(Y > 1, np.nan, Y), {}, {}, ValueError, "y contains NaN"),
    "infinity in y": (X, np.where(Y > 1, np.inf, Y), {}, {}, ValueError,
                      "y contains infinity"),
    "NaN in sparse y": (X, sparse.csr_array(np.where(Y > 1, np.nan, 0)), {}, {},
                        ValueError, "y contains NaN"),
    "NaN in a cube": (np.full((N, 2, 3), np.nan), Y_BAGS, {}, {}, ValueError,
                      "X contains NaN"),
    "a cube of width 0": (np.ones((N, 2, 0)), Y_BAGS, {}, {}, ValueError,
                          r"X\b.*(0 feature|width)|0 feature"),
    "a cube of y of width 0": (X_BAGS, np.ones((N, 2, 0)), {}, {}, ValueError,
                               r"y\b.*(0 feature|width)"),
    "complex bags": ([1j * bag for bag in X_BAGS], Y_BAGS, {}, {}, ValueError,
                     "Complex data not supported"),
    "fewer rows of y": (X_BAGS, Y_BAGS[:5], {}, {}, ValueError,
                        "X has 12 rows and y has 5"),
    "items for rows": (X_BAGS, np.concatenate(Y_BAGS), {}, {}, ValueError,
                       f"X has 12 rows and y has {sum(Y_COUNTS)}"),
    "no y": (X_BAGS, None, {}, {}, ValueError, "y is None"),
    "one row": (X_BAGS[:1], Y_BAGS[:1], {}, {}, ValueError, "at least 2 rows of X"),
    "batches of one": (X_BAGS, Y_BAGS, {"batch_size": 1}, {}, ValueError,
                       "batch_size=1.*negatives='sampled'"),
    "drawn for mil_nce": (X_BAGS, Y_BAGS, {"negatives": "sampled", "loss": "mil_nce"},
                          {}, ValueError, "negatives='sampled' goes with.*'mil_nce'"),
    "drawn for info_nce": (X_BAGS, Y_BAGS, {"negatives": "sampled", "loss": "info_nce"},
                           {}, ValueError, "coscos2, cosine_margin"),
    "one group": (X_BAGS, Y_BAGS, {}, {"groups": ["a"] * N}, ValueError,
                  "All rows are of one group"),
    "one group, drawn": (X_BAGS, Y_BAGS, {"negatives": "sampled"},
                         {"groups": ["a"] * N}, ValueError, "rows are of one group"),
    "few groups": (X_BAGS, Y_BAGS, {}, {"groups": [1, 2]}, ValueError,
                   "groups has 2 entries"),
    "NaN among groups of texts": (
        X_BAGS, Y_BAGS, {}, {"groups": changed(TEXTS, row_7=np.nan)}, ValueError,
        "groups has 1 missing values, the first in row 7",
    ),
    "few labels": (X_BAGS, Y_BAGS, {}, {"labels": [1, 2]}, ValueError,
                   "labels has 2 entries"),
    "texts": (X, TEXTS, {}, {}, TypeError, "y holds text.*y_transformer"),
    "lists of texts": (X, LISTS, {}, {}, TypeError, "y holds text.*y_transformer"),
    "a transformer that makes texts": (
        X, TEXTS, {"y_transformer": FunctionTransformer()}, {}, TypeError,
        "y_transformer must make one vector",
    ),
    "hidden layers": (X, Y, {"x_hidden_layer_sizes": (0,)}, {}, ValueError,
                      "x_hidden_layer_sizes must hold integers"),
    "loss": (X, Y, {"loss": "triplet"}, {}, ValueError, "'loss' parameter"),
    "margin": (X, Y, {"margin": 1.5}, {}, ValueError, "'margin'"),
    "temperature": (X, Y, {"temperature": 0}, {}, ValueError, "'temperature'"),
    "reduction": (X, Y, {"reduction": "max"}, {}, ValueError, "'reduction'"),
    "negatives": (X, Y, {"negatives": "hard"}, {}, ValueError, "'negatives'"),
    "labels_as": (X, Y, {"labels_as": "negative"}, {}, ValueError, "'labels_as'"),
    "empty_bags": (X, Y, {"empty_bags": "zero"}, {}, ValueError, "'empty_bags'"),
    "max_norm": (X, Y, {"max_norm": 0}, {}, ValueError, "'max_norm'"),
    "dropout": (X, Y, {"y_dropout": 1.0}, {}, ValueError, "'y_dropout'"),
    "output": (X, Y, {"x_output_activation": "selu"}, {}, ValueError,
               "'x_output_activation'"),
    "batch_size": (X, Y, {"batch_size": 0}, {}, ValueError, "'batch_size'"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(BAD))
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_a_failed_fit_says_why_and_leaves_no_trace(name, embedder):
    X_bad, y_bad, params, metadata, error, match = BAD[name]
    bare = make(**params)
    with pytest.raises(error, match=match):
        bare.fit(X_bad, y_bad, **metadata)
    assert vars(bare).keys() == bare.get_params(deep=False).keys()
    fitted = make().fit(X_BAGS, Y_BAGS)
    attributes = dict(vars(fitted))
    fitted.set_params(**params)
    with pytest.raises(error, match=match):
        fitted.fit(X_bad, y_bad, **metadata)
    fitted.set_params(**make().get_params())
    assert vars(fitted).keys() == attributes.keys()
    assert all(vars(fitted)[key] is value for key, value in attributes.items()
               if key.endswith("_"))  # fmt: skip
    assert_same_bits(fitted, embedder)
    np.testing.assert_array_equal(fitted.transform(X_BAGS), embedder.transform(X_BAGS))


def test_a_loss_that_is_not_finite_keeps_the_epochs_before(embedder):
    X_huge = [1e18 * bag for bag in X_BAGS]
    fitted = make(warm_start=True, optimizer="sgd").fit(X_BAGS, Y_BAGS)
    before = fitted.transform(X_BAGS)
    fitted.set_params(lr=1e30)
    with pytest.raises(ValueError, match="NaN|nan|infinite"):
        fitted.fit(X_huge, Y_BAGS)
    assert np.isfinite(fitted.transform(X_BAGS)).all()
    if fitted.n_iter_ == 2:  # no epoch was complete
        np.testing.assert_array_equal(fitted.transform(X_BAGS), before)


@pytest.mark.parametrize(
    "method, bad, error, match",
    [
        ("transform", X[:, :2], ValueError, "X has 2 features.*expecting 3 features"),
        ("transform", [b[:, :2] for b in X_BAGS], ValueError, "X has 2 features"),
        ("transform", np.ones((4, 2, 2)), ValueError, "X has 2 features"),
        ("transform", NAN_X, ValueError, "X contains NaN"),
        ("transform", WIDE_X, ValueError, "X .*row 7"),
        ("transform", [], ValueError, "."),
        ("transform", np.ones((0, 2, 3)), ValueError, "at least 1 row of X"),
        ("transform", 1e39 * abs(X), ValueError,
         "X contains infinity or a value too large"),
        ("transform", X[0], ValueError, "Expected 2D array"),
        ("transform_y", Y[:, :2], ValueError, "y has 2 features.* fitted with 5"),
        ("transform_y", [b[:, :2] for b in Y_BAGS], ValueError, "y has 2 features"),
        ("transform_y", np.ones((4, 2, 2)), ValueError, "y has 2 features"),
        ("transform_y", 1e39 * abs(Y), ValueError,
         "y contains infinity or a value too large"),
        ("transform_y", NAN_Y, ValueError, "y contains NaN"),
        ("transform_y", WIDE_Y, ValueError, "y .*row 7"),
        ("transform_y", TEXTS, TypeError, "y holds text"),
        ("transform_y", [], ValueError, "at least 1 row of y"),
        ("transform_y", None, ValueError, "at least 1 row of y"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("transformer", [None, FunctionTransformer()],
                         ids=["scaled", "as given"])  # fmt: skip
def test_transform_refuses_what_fit_refuses(method, bad, error, match, transformer):
    embedder = make(y_transformer=transformer).fit(X_BAGS, Y_BAGS)
    if transformer is not None and bad is TEXTS:
        error, match = TypeError, "y_transformer must make one vector"
    with pytest.raises(error, match=match):
        getattr(embedder, method)(bad)


def test_not_fitted():
    for method, bags in (("transform", X_BAGS), ("transform_y", Y_BAGS)):
        with pytest.raises(NotFittedError):
            getattr(make(), method)(bags)


@pytest.mark.parametrize("transformer", [None, FunctionTransformer()],
                         ids=["scaled", "as given"])  # fmt: skip
def test_fitting_again_may_change_the_widths_of_both_views(transformer):
    again = make(y_transformer=transformer).fit(X_BAGS, Y_BAGS)
    again.fit(X[:, :2], Y[:, :3])
    assert_same_bits(again, make(y_transformer=transformer).fit(X[:, :2], Y[:, :3]))


# --- Resuming, searching and saving -------------------------------------------------


def test_fitting_twice_and_a_clone_give_the_same_bits(embedder):
    again = make().fit(X, Y).fit(X_BAGS, Y_BAGS)
    assert_same_bits(again, embedder)
    assert_same_bits(clone(embedder).fit(X_BAGS, Y_BAGS), embedder)
    assert not hasattr(clone(embedder), "net_")


@pytest.mark.parametrize("params", [{}, {"negatives": "sampled", "max_norm": 0.5}])
def test_a_warm_start_goes_on(params):
    halves = make(warm_start=True, **params)
    halves.fit(X_BAGS, Y_BAGS, labels=ROW_LABELS)
    halves.fit(X_BAGS, Y_BAGS, labels=ROW_LABELS)
    whole = make(max_epochs=4, **params).fit(X_BAGS, Y_BAGS, labels=ROW_LABELS)
    assert_same_bits(halves, whole)


@pytest.mark.parametrize(
    "name, value",
    [
        ("n_components", 5),
        ("x_hidden_layer_sizes", (6,)),
        ("y_hidden_layer_sizes", (5,)),
        ("x_activation", "tanh"),
        ("y_activation", "tanh"),
        ("x_output_activation", "relu"),
        ("y_output_activation", "tanh"),
        ("x_dropout", 0.1),
        ("y_dropout", 0.0),
    ],
)
def test_a_warm_start_refuses_other_towers(name, value):
    warm = make(warm_start=True).fit(X_BAGS, Y_BAGS)
    before = learned(warm)
    warm.set_params(**{name: value})
    with pytest.raises(ValueError, match=f"^{name} changed since the towers were"):
        warm.fit(X_BAGS, Y_BAGS)
    with pytest.raises(ValueError, match=f"^{name} changed since the towers were"):
        warm.partial_fit(X_BAGS, Y_BAGS)
    np.testing.assert_equal(learned(warm), before)
    warm.set_params(warm_start=False).fit(X_BAGS, Y_BAGS)


@pytest.mark.parametrize(
    "params", [{"loss": "mil_nce"}, {"negatives": "sampled"}, {"lr": 1e-3},
               {"reduction": "sum"}, {"max_norm": 0.1}, {"optimizer": "sgd"}]
)  # fmt: skip
def test_a_warm_start_takes_another_loss_and_other_pairs(params):
    warm = make(warm_start=True).fit(X_BAGS, Y_BAGS).set_params(**params)
    warm.fit(X_BAGS, Y_BAGS)
    assert warm.n_iter_ == 4
    assert differ(warm, make(max_epochs=4).fit(X_BAGS, Y_BAGS))


def by_joblib(embedder):
    file = io.BytesIO()
    joblib.dump(embedder, file)
    file.seek(0)
    return joblib.load(file)


def by_skops(embedder):
    skops = pytest.importorskip("skops.io")
    dumped = skops.dumps(embedder)
    own = {"sklearn_crossmodal.coscos.CosCosEmbedder"}
    assert set(skops.get_untrusted_types(data=dumped)) == own
    return skops.loads(dumped, trusted=sorted(own))


@pytest.mark.parametrize(
    "route",
    [lambda embedder: pickle.loads(pickle.dumps(embedder)), by_joblib, by_skops,
     copy.deepcopy],
    ids=["pickle", "joblib", "skops", "deepcopy"],
)  # fmt: skip
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"loss": "mil_nce"},
        {"negatives": "sampled", "max_norm": 0.5, "optimizer": "adadelta", "lr": 1.0,
         "net_params": {"optimizer__rho": 0.95}},
    ],
    ids=["default", "mil_nce", "sampled"],
)  # fmt: skip
def test_what_comes_back_is_the_same_and_trains_on(route, params):
    embedder = make(warm_start=True, **params).fit(X_BAGS, Y_BAGS, labels=ROW_LABELS)
    back = route(embedder)
    assert_same_bits(back, embedder)
    np.testing.assert_array_equal(back.transform(X_BAGS), embedder.transform(X_BAGS))
    np.testing.assert_array_equal(
        back.transform_y(Y_BAGS), embedder.transform_y(Y_BAGS)
    )
    back.fit(X_BAGS, Y_BAGS, labels=ROW_LABELS)
    assert embedder.n_iter_ == 2
    assert_same_bits(back, embedder.fit(X_BAGS, Y_BAGS, labels=ROW_LABELS))


@pytest.mark.parametrize("n_jobs", [1, 2])
@negative_kinds
def test_grid_search_over_bags(n_jobs, negatives):
    # In threads, which share torch's generator: each fit has its own bits all the same.
    given = make(negatives=negatives)
    with joblib.parallel_config("threading"):
        search = GridSearchCV(
            given, {"loss": ["coscos2", "cosine_margin"], "n_components": [2, 4]},
            cv=KFold(2), n_jobs=n_jobs, error_score="raise",
        ).fit(X_BAGS, Y_BAGS)  # fmt: skip
    results = search.cv_results_
    for candidate, params in enumerate(results["params"]):
        for fold, (train, test) in enumerate(KFold(2).split(X_BAGS)):
            one = clone(given).set_params(**params)
            one.fit(*([view[row] for row in train] for view in (X_BAGS, Y_BAGS)))
            score = one.score(*([view[row] for row in test]
                                for view in (X_BAGS, Y_BAGS)))  # fmt: skip
            assert results[f"split{fold}_test_score"][candidate] == score
    best = clone(given).set_params(**search.best_params_).fit(X_BAGS, Y_BAGS)
    np.testing.assert_array_equal(search.transform(X_BAGS), best.transform(X_BAGS))
    np.testing.assert_array_equal(embed_y(search, Y_BAGS), best.transform_y(Y_BAGS))


@pytest.mark.parametrize("level", ["item", "row"])
def test_cross_validate_scores_items_or_rows_of_bags(level):
    scorer = make_retrieval_scorer(["mrr", "recall@2"], level=level)
    result = cross_validate(make(), X_BAGS, Y_BAGS, scoring=scorer, cv=KFold(3),
                            return_estimator=True)  # fmt: skip
    for fold, (_, test) in enumerate(KFold(3).split(X_BAGS)):
        one = result["estimator"][fold]
        x = one.transform([X_BAGS[row] for row in test])
        y = [Y_BAGS[row] for row in test]
        rows = np.arange(len(test))
        if level == "item":
            rows = np.repeat(rows, [len(bag) for bag in y])
            y = np.concatenate(y)
        # Reciprocal ranks of the first right answer, item by item and row by row.
        s = x @ one.transform_y(y).T
        right = np.arange(len(test))[:, None] == rows
        of_x = [1 / (1 + (row > row[hits].max()).sum())
                for row, hits in zip(s, right, strict=True)]  # fmt: skip
        of_y = [1 / (1 + (column > column[hits].max()).sum())
                for column, hits in zip(s.T, right.T, strict=True)]  # fmt: skip
        expected = (np.mean(of_x) + np.mean(of_y)) / 2
        assert result["test_mrr"][fold] == pytest.approx(expected)


@pytest.mark.parametrize("grouped", [False, True])
def test_early_stopping_restores_the_epoch_of_the_best_score(grouped):
    shapes, names, types, spoken = draw_scenes(40)
    X, y = [shapes[scene] for scene in types], [names[scene] for scene in spoken]
    groups = [row // 2 for row in range(40)] if grouped else None
    params = {"max_epochs": 15, "validation_fraction": 0.3, "x_dropout": 0.3}
    stopped = learner(early_stopping=True, n_iter_no_change=4, **params)
    stopped.fit(X, y, groups=groups)
    scores = [row["valid_score"] for row in stopped.history_]
    best = int(np.argmax(scores))
    assert 0 < best < len(scores) - 1  # else there is nothing to restore
    assert len(scores) == min(15, best + 1 + 4)
    ids = np.arange(40) if groups is None else groups
    splitter = GroupShuffleSplit(1, test_size=0.3, random_state=stopped.seed_)
    train, held_out = next(splitter.split(ids, groups=ids))
    X_val, y_val = ([view[row] for row in held_out] for view in (X, y))
    given = {} if groups is None else {"groups": [ids[row] for row in held_out]}
    assert stopped.score(X_val, y_val, **given) == pytest.approx(scores[best], rel=1e-6)
    # So many epochs on the training rows alone end in the same place.
    params["max_epochs"] = best + 1
    alone = learner(**params).fit(
        *([view[row] for row in train] for view in (X, y, ids))
    )
    np.testing.assert_array_equal(stopped.transform(shapes), alone.transform(shapes))


# --- Seeds --------------------------------------------------------------------------


@negative_kinds
@pytest.mark.parametrize("early_stopping", [False, True])
def test_one_seed_gives_the_same_bits_and_leaves_global_states_alone(
    negatives, early_stopping
):
    def fitted(seed):
        return make(
            negatives=negatives, early_stopping=early_stopping, random_state=seed,
            validation_fraction=0.3,
        ).fit(X_BAGS, Y_BAGS)  # fmt: skip

    torch.manual_seed(1)
    np.random.seed(1)
    states = torch.get_rng_state(), np.random.get_state()
    one = fitted(0)
    one.transform(X_BAGS)
    one.transform_y(Y_BAGS)
    assert torch.equal(torch.get_rng_state(), states[0])
    np.testing.assert_equal(np.random.get_state(), states[1])
    torch.manual_seed(2)
    np.random.seed(2)
    assert_same_bits(fitted(0), one)
    assert differ(fitted(1), one)


def test_drawn_pairs_are_drawn_anew_in_each_epoch():
    batches = []
    make(
        negatives="sampled", batch_size=N, max_epochs=3, callbacks=[
            Batches(lambda batch: batches.append(batch["y"][len(batch["same"]):]))],
        y_transformer=FunctionTransformer(),
    ).fit(X, Y)  # fmt: skip
    drawn = [frozenset(map(tuple, batch)) for batch in batches]
    assert len(drawn) == 3
    assert len(set(drawn)) > 1


@settings(max_examples=10)
@given(st.data())
def test_inputs_are_left_as_they_are(data):
    negatives = data.draw(st.sampled_from(["in_batch", "sampled"]))
    X_given, y_given = copy.deepcopy(X_BAGS), copy.deepcopy(Y_BAGS)
    labels, groups = list(ROW_LABELS), list(range(N))
    for bag in (*X_given, *y_given):
        bag.flags.writeable = False
    fitted = make(negatives=negatives, max_epochs=1)
    fitted.fit(X_given, y_given, labels=labels, groups=groups)
    fitted.transform(X_given), fitted.transform_y(y_given)
    np.testing.assert_equal(X_given, X_BAGS)
    np.testing.assert_equal(y_given, Y_BAGS)
    assert labels == ROW_LABELS
