"""Batches of word images, how training varies images, and the towers that read them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch.nn import functional

from sklearn_crossmodal.training._images import (
    WordImageTower,
    computes_bfloat16,
    vary,
)
from sklearn_crossmodal.training._pairs import take_features, take_tokens
from sklearn_crossmodal.training._word_images import WordImagePairs, WordImageTowers
from sklearn_crossmodal.utils._edit_distance import EditDistance
from sklearn_crossmodal.utils._strings import encode

ALPHABET = "abcdefgh"
# "ab" four times, "abc" twice, the others once.
STRINGS = ["ab", "abc", "ab", "hg", "ab", "abc", "ab", "", "cab"]
POOL = ["ab", "abc", "hg", "", "cab", "habc", "gg"]


def as_ids(strings):
    return encode(strings, ALPHABET, 6)[0]


def make_pairs(**changed):
    """Return pairs whose images and attributes are their own number."""
    n = len(STRINGS)
    numbers = np.arange(n, dtype=np.uint8)
    arguments = {
        "X": np.broadcast_to(numbers[:, None, None], (n, 2, 3)),
        "items": as_ids(STRINGS),
        "rows": np.arange(n),
        "groups": np.arange(n),
        "take_items": take_tokens,
        "strings": STRINGS,
        "attributes": numbers[:, None] / 10,
        "pool": POOL,
        "pool_items": as_ids(POOL),
        "n_distractors": 5,
        "cdist": EditDistance().cdist,
        "balance": 0.5,
        **changed,
    }
    return WordImagePairs(**arguments)


def read_back(ids):
    return ["".join(ALPHABET[i - 2] for i in row if i) for row in ids.tolist()]


# --- What is drawn ------------------------------------------------------------------


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0, 2.0])
def test_images_are_drawn_by_how_rare_their_string_is(balance):
    pairs = make_pairs(balance=balance)
    torch.manual_seed(0)
    n_epochs = 600
    drawn = np.concatenate([pairs.order() for _ in range(n_epochs)])
    assert len(drawn) == n_epochs * len(STRINGS)
    counts = np.array([STRINGS.count(string) for string in STRINGS])
    expected = counts**-balance
    expected *= len(drawn) / expected.sum()
    observed = np.bincount(drawn, minlength=len(STRINGS))
    # A draw as unlikely as one in a thousand, and the seed is fixed.
    assert stats.chisquare(observed, expected).pvalue > 1e-3


def test_a_balance_of_one_draws_strings_alike():
    pairs = make_pairs(balance=1.0)
    torch.manual_seed(0)
    drawn = np.concatenate([pairs.order() for _ in range(600)])
    _, observed = np.unique([STRINGS[i] for i in drawn], return_counts=True)
    assert stats.chisquare(observed).pvalue > 1e-3


def test_draws_follow_the_generator_of_torch():
    def draw(seed):
        pairs = make_pairs()
        torch.manual_seed(seed)
        order = pairs.order()
        return order, pairs[order[:4]]

    (order, batch), (same_order, same_batch) = draw(0), draw(0)
    np.testing.assert_array_equal(order, same_order)
    for part, same in zip(batch, same_batch, strict=True):
        for name in part:
            assert torch.equal(part[name], same[name])
    assert not np.array_equal(order, draw(1)[0])


@settings(max_examples=30, deadline=None)
@given(
    index=st.lists(st.integers(0, len(STRINGS) - 1), min_size=1, max_size=12),
    n_distractors=st.integers(0, 20),
)
def test_a_batch_holds_what_belongs_together(index, n_distractors):
    index = np.array(index)
    batch = make_pairs(n_distractors=n_distractors)[index]
    assert len(batch) == len(index)
    views, targets = batch
    assert views["x"].dtype == torch.float32
    assert (views["x"] == torch.from_numpy(index)[:, None, None]).all()
    np.testing.assert_allclose(targets["attributes"][:, 0], index / 10, rtol=1e-6)
    strings = read_back(views["y"])
    assert strings[: len(index)] == [STRINGS[i] for i in index]
    assert len(strings) == len(index) + n_distractors
    assert set(strings[len(index) :]) <= set(POOL)
    expected = EditDistance().cdist(strings[: len(index)], strings)
    np.testing.assert_array_equal(targets["edits"], expected)
    np.testing.assert_array_equal(targets["same"], expected == 0)
    assert targets["edits"].dtype == torch.float32


def test_every_string_of_the_pool_becomes_a_distractor_about_as_often():
    pairs = make_pairs(n_distractors=700)
    torch.manual_seed(0)
    views, _ = pairs[np.array([0])]
    _, observed = np.unique(read_back(views["y"][1:]), return_counts=True)
    assert len(observed) == len(POOL)
    assert stats.chisquare(observed).pvalue > 1e-3


def test_several_strings_of_an_image_are_as_many_pairs():
    rows = np.array([0, 0, 1, 2, 2, 2, 3, 4, 4])
    views, targets = make_pairs(rows=rows)[np.arange(9)]
    np.testing.assert_array_equal(views["x"][:, 0, 0], rows)
    np.testing.assert_allclose(targets["attributes"][:, 0], np.arange(9) / 10)


def test_strings_may_come_as_vectors():
    vectors, pool_vectors = np.eye(9), -np.eye(7, 9)
    pairs = make_pairs(
        items=vectors, pool_items=pool_vectors, take_items=take_features
    )  # fmt: skip
    views, _ = pairs[np.array([3, 1])]
    np.testing.assert_array_equal(views["y"][:2], vectors[[3, 1]])
    assert (views["y"][2:] <= 0).all()
    assert views["y"].dtype == torch.float32


def test_distances_are_those_asked_for():
    cdist = EditDistance("indel").cdist
    _, targets = make_pairs(cdist=cdist, n_distractors=0)[np.array([0, 3])]
    assert targets["edits"].tolist() == [[0, 4], [4, 0]]  # "ab" and "hg"


# --- How training varies images -----------------------------------------------------


def draw_images(n=6, height=16, width=32, seed=0):
    """Draw smooth images with a wide margin of paper."""
    rng = np.random.default_rng(seed)
    inner = torch.from_numpy(rng.random((n, 1, 4, 8), dtype=np.float32))
    inner = functional.interpolate(inner, (height // 2, width // 2), mode="bilinear")
    pad = (width // 4, width // 4, height // 4, height // 4)
    return functional.pad(inner, pad)


def test_no_strength_changes_nothing():
    images = draw_images()
    torch.testing.assert_close(vary(images, 0.0), images, rtol=0, atol=1e-5)


def test_variations_follow_the_generator_of_torch():
    images = draw_images()
    before = images.clone()
    varied = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        varied.append(vary(images, 1.0))
    assert torch.equal(varied[0], varied[1])
    assert not torch.equal(varied[0], varied[2])
    assert torch.equal(images, before)
    assert varied[0].shape == images.shape
    assert varied[0].isfinite().all()


def test_each_image_varies_in_its_own_way():
    image = draw_images(1)
    torch.manual_seed(0)
    varied = vary(image.expand(8, -1, -1, -1), 1.0)
    smooth = functional.avg_pool2d(varied, 4)  # beside grain
    differences = torch.cdist(smooth.flatten(1), smooth.flatten(1))
    grain = functional.avg_pool2d(torch.randn(8, 1, 16, 32) * 0.05, 4).flatten(1)
    others = ~torch.eye(8, dtype=bool)
    assert differences[others].min() > torch.cdist(grain, grain).max()


@pytest.mark.parametrize("size", [(16, 32), (32, 128), (40, 20)])
def test_ink_stays_about_as_much_and_about_where_it_was(size):
    images = draw_images(200, *size)
    torch.manual_seed(0)
    varied = vary(images, 1.0)
    # Stretching changes the ink, and so does fading; on average little.
    assert varied.mean() == pytest.approx(images.mean().item(), rel=0.1)
    for axis, side in ((2, size[0]), (3, size[1])):
        places = torch.arange(side) / side
        centres = [
            (z.sum(dim=(1, 5 - axis)) * places).sum(1) / z.sum(dim=(1, 2, 3))
            for z in (images, varied)
        ]
        moved = centres[1] - centres[0]
        assert abs(moved.mean()) < 0.02
        assert abs(moved).max() < 0.2
        assert moved.std() > 0.01


def test_more_strength_is_more_change():
    images = draw_images(50)
    changes = []
    for strength in (0.25, 0.5, 1.0, 2.0):
        torch.manual_seed(0)
        changes.append((vary(images, strength) - images).square().mean().item())
    assert changes == sorted(changes)
    assert changes[0] > 0


# --- Towers -------------------------------------------------------------------------

SETTINGS = {
    "channels": [4, 4, 8, 8],
    "columns": [4, 2, 1],
    "hidden_layer_sizes": [16],
    "dropout": 0.0,
    "augmentation": 0.0,
    "bfloat16": False,
}
STRING_SETTINGS = {
    "n_ids": 2 + len(ALPHABET), "n_components": 5, "n_filters": None, "filter_size": 3,
    "pooling": "soft_positions", "n_positions": 3, "hidden_layer_sizes": [7],
}  # fmt: skip


def make_tower(**changed):
    torch.manual_seed(0)
    return WordImageTower(5, **{**SETTINGS, **changed})


def pixels(n=6, height=16, width=32):
    return 255 * draw_images(n, height, width)[:, 0]


@torch.no_grad()
def test_training_varies_images_only_with_augmentation_and_only_in_training():
    images = pixels()
    tower = make_tower(augmentation=0.0).train()
    state = torch.get_rng_state()
    assert torch.equal(tower(images), tower(images))
    assert torch.equal(torch.get_rng_state(), state)  # and draws nothing
    tower = make_tower(augmentation=1.0).train()
    assert not torch.equal(tower(images), tower(images))
    tower.eval()
    assert torch.equal(tower(images), tower(images))


@torch.no_grad()
def test_embedding_does_not_depend_on_the_batch():
    tower = make_tower(augmentation=1.0, dropout=0.5, bfloat16=True)
    tower(pixels(20))  # batch norm has seen something
    tower.eval()
    images = pixels()
    together = tower(images)
    alone = torch.cat([tower(image[None]) for image in images])
    turned = tower(images.flip(0)).flip(0)
    torch.testing.assert_close(alone, together)
    torch.testing.assert_close(turned, together)
    assert together.dtype == torch.float32
    assert together.std(dim=0).min() > 0


@torch.no_grad()
@pytest.mark.parametrize("size", [(8, 8), (8, 100), (32, 8), (17, 33), (9, 15)])
@pytest.mark.parametrize("columns", [[1], [16, 8, 4, 2, 1], [3]])
def test_any_size_of_at_least_eight_goes_through(size, columns):
    tower = make_tower(columns=columns).eval()
    embedded = tower(pixels(2, *size)[:, : size[0], : size[1]])
    assert embedded.shape == (2, 5)
    assert embedded.isfinite().all()


@torch.no_grad()
def test_one_column_does_not_see_where_and_four_do():
    image = torch.zeros(1, 16, 256)
    image[0, 4:12, 96:104] = 255  # far from the sides, which convolutions see
    moved = image.roll(64, dims=2)  # by a multiple of what they shrink
    for columns, alike in (([1], True), ([4], False)):
        tower = make_tower(columns=columns).eval()
        assert torch.allclose(tower(image), tower(moved), atol=1e-5) == alike


@torch.no_grad()
def test_layers_asked_for():
    tower = make_tower(hidden_layer_sizes=[], channels=[1, 2, 3, 4], columns=[2, 1])
    shapes = [tuple(p.shape) for n, p in tower.named_parameters() if p.ndim > 1]
    assert shapes == [
        (1, 1, 5, 5), (2, 1, 3, 3), (3, 2, 3, 3), (3, 3, 3, 3), (4, 3, 3, 3),
        (4, 4, 3, 3), (5, 12),
    ]  # fmt: skip


def test_convolutions_in_bfloat16_are_close():
    images = pixels(20)
    exact, low = (make_tower(bfloat16=b).train()(images) for b in (False, True))
    assert exact.dtype == low.dtype == torch.float32
    scale = exact.std().item()
    assert 0 < (exact - low).abs().max() < 0.2 * scale
    # Gradients too are float32, for weights in float32.
    tower = make_tower(bfloat16=True).train()
    tower(images).square().sum().backward()
    for parameter in tower.parameters():
        assert parameter.dtype == parameter.grad.dtype == torch.float32


def test_bfloat16_is_asked_of_the_processor():
    assert isinstance(computes_bfloat16(torch.device("cpu")), bool)
    assert not computes_bfloat16(torch.device("meta"))


def test_strings_of_one_group_are_the_same():
    pairs = make_pairs(n_distractors=2)
    pairs.groups = np.zeros(len(STRINGS), dtype=int)
    index = np.array([0, len(STRINGS) - 1])
    assert STRINGS[index[0]] != STRINGS[index[1]]
    _, targets = pairs[index]
    assert targets["same"][:, :2].all()
    np.testing.assert_array_equal(targets["same"][:, 2:], targets["edits"][:, 2:] == 0)


@torch.no_grad()
@pytest.mark.parametrize("similarity", ["euclidean", "cosine"])
@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize("n_attributes", [0, 3])
def test_both_towers(bounded, n_attributes, similarity):
    torch.manual_seed(0)
    towers = WordImageTowers(
        5, n_attributes=n_attributes, strings=STRING_SETTINGS, bounded=bounded,
        similarity=similarity, **SETTINGS,
    ).eval()  # fmt: skip
    images, ids = pixels(), torch.from_numpy(as_ids(STRINGS).astype(np.int64))
    out = towers(images, ids)
    assert out["x"].shape == (6, 5)
    assert out["attributes"].shape == (6, n_attributes)
    together = torch.cat([out["x"], out["attributes"]], dim=1)
    assert torch.equal(together, towers.image(images))
    # Training takes logits; what is embedded is between 0 and 1.
    expected = out["x"].sigmoid() if bounded else out["x"], out["y"]
    if similarity == "cosine":
        expected = [z / z.norm(dim=1, keepdim=True) for z in expected]
    torch.testing.assert_close(towers.embed_x(images), expected[0])
    torch.testing.assert_close(towers.embed_y(ids), expected[1])


def test_strings_that_come_as_vectors_are_passed_on():
    towers = WordImageTowers(
        5, n_attributes=0, strings=None, bounded=False, similarity="euclidean",
        **SETTINGS,
    )  # fmt: skip
    vectors = torch.randn(4, 5)
    assert towers.embed_y(vectors) is vectors
    assert not any(name.startswith("strings") for name, _ in towers.named_parameters())
