"""Scenes are made of what was given, and only together say which name is whose."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_crossmodal.datasets import make_scenes

SEEN = np.arange(12.0).reshape(12, 1)
HEARD = 100 + np.arange(24.0).reshape(24, 1)
SEEN_TYPES = np.repeat(list("abcd"), 3)
HEARD_TYPES = np.tile(list("abcd"), 6)
SPEAKERS = np.repeat(["ann", "bob"], 12)


def make(**params):
    defaults = {"n_scenes": 50, "n_objects": 3, "random_state": 0}
    return make_scenes(SEEN, HEARD, SEEN_TYPES, HEARD_TYPES, **{**defaults, **params})


@given(n_objects=st.integers(1, 4), seed=st.integers(0, 100))
def test_a_scene_names_the_things_that_it_shows(n_objects, seed):
    scenes = make(n_objects=n_objects, random_state=seed)
    for shown, named in zip(scenes.fragment_types, scenes.types, strict=True):
        assert len(set(shown)) == n_objects
        assert sorted(shown) == sorted(named)


def test_bags_hold_the_items_that_the_indices_say():
    scenes = make()
    np.testing.assert_array_equal(scenes.data, SEEN[scenes.fragment_index])
    np.testing.assert_array_equal(scenes.words, HEARD[scenes.token_index])
    np.testing.assert_array_equal(
        scenes.fragment_types, SEEN_TYPES[scenes.fragment_index]
    )
    np.testing.assert_array_equal(scenes.types, HEARD_TYPES[scenes.token_index])


def test_one_speaker_names_all_things_of_a_scene():
    speakers = SPEAKERS[make(speakers=SPEAKERS).token_index]
    assert all(len(set(scene)) == 1 for scene in speakers)
    assert set(speakers.ravel()) == {"ann", "bob"}
    mixed = SPEAKERS[make().token_index]
    assert any(len(set(scene)) == 2 for scene in mixed)


def test_the_order_of_names_says_nothing():
    scenes = make(n_scenes=3000)
    in_place = (scenes.fragment_types == scenes.types).mean()
    # One of three names stands in its place by chance; 3.5 standard deviations.
    assert abs(in_place - 1 / 3) < 3.5 * np.sqrt(1 / 3 / 3000)


def test_every_item_is_used_and_the_seed_decides():
    scenes = make(n_scenes=1000)
    assert set(scenes.fragment_index.ravel()) == set(range(12))
    assert set(scenes.token_index.ravel()) == set(range(24))
    again, other = make(n_scenes=1000), make(n_scenes=1000, random_state=1)
    np.testing.assert_array_equal(scenes.token_index, again.token_index)
    assert (scenes.token_index != other.token_index).any()


def test_types_without_a_partner_and_speakers_with_too_few_are_left_out():
    seen_types = np.where(SEEN_TYPES == "d", "x", SEEN_TYPES)
    speakers = np.where(HEARD_TYPES == "c", "ann", SPEAKERS)
    scenes = make_scenes(
        SEEN, HEARD, seen_types, HEARD_TYPES, speakers=speakers, n_objects=3
    )
    assert set(scenes.types.ravel()) == set("abc")
    assert set(speakers[scenes.token_index].ravel()) == {"ann"}


@pytest.mark.parametrize(
    "params, message",
    [
        ({"n_objects": 5}, "n_objects=5.*4 types"),
        ({"n_objects": 0}, "n_objects must be an int of at least 1"),
        ({"n_scenes": 0}, "n_scenes must be an int of at least 1"),
        ({"speakers": SPEAKERS[:-1]}, "speakers has 23 entries and tokens has 24"),
    ],
)
def test_bad_input_is_told(params, message):
    with pytest.raises(ValueError, match=message):
        make(**params)


def test_types_that_do_not_match_are_told_by_the_names_of_the_parameters():
    with pytest.raises(ValueError, match="fragment_types has 11 .* fragments has 12"):
        make_scenes(SEEN, HEARD, SEEN_TYPES[:-1], HEARD_TYPES)
    with pytest.raises(ValueError, match="token_types has 23 .* tokens has 24"):
        make_scenes(SEEN, HEARD, SEEN_TYPES, HEARD_TYPES[:-1])
