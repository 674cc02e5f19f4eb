"""LevenshteinStringEmbedder: what it learns, what it refuses, what it leaves alone."""

import copy
import inspect
import io
import itertools
import lzma
import pickle
import re
import textwrap
import warnings
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA, Indel, Levenshtein
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr
from sklearn import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.cluster import AgglomerativeClustering
from sklearn.exceptions import NotFittedError
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from sklearn_crossmodal import LevenshteinStringEmbedder
from sklearn_crossmodal import levenshtein as levenshtein_module
from sklearn_crossmodal.losses import EDIT_DISTANCE_LOSSES
from sklearn_crossmodal.preprocessing import PHOC, DCToW
from sklearn_crossmodal.utils._edit_distance import EditDistance

DATA = Path(__file__).parents[1].parent / "shared" / "data"
WORDS = ["deliver", "great", "honour", "a", "recruits", "", "order", "orders", "border",
         "captain", "letter", "later"]  # fmt: skip
PARAMS = {
    "n_components": 8,
    "distance": "euclidean",
    "hidden_layer_sizes": (16,),
    "batch_size": 4,
    "epoch_size": 16,
    "max_epochs": 2,
    "lr_schedule": "constant",
    "device": "cpu",
    "random_state": 0,
}
DISTANCES = ["euclidean", "sqeuclidean"]
by_distance = pytest.mark.parametrize("distance", DISTANCES)


def make(**params):
    return LevenshteinStringEmbedder(**{**PARAMS, **params})


def draw_words(n_words, seed, alphabet="abcde", shortest=3, longest=8):
    """Draw distinct strings."""
    rng = np.random.default_rng(seed)
    words = {}
    while len(words) < n_words:
        length = rng.integers(shortest, longest + 1)
        words["".join(rng.choice(list(alphabet), length))] = None
    return list(words)


DRAWN = draw_words(450, seed=0)
TRAIN, TEST = DRAWN[:300], DRAWN[300:]


def learner(**params):
    return make(**{
        "alphabet": "abcde", "n_components": 16, "hidden_layer_sizes": (64,),
        "batch_size": 128, "epoch_size": 1280, "max_epochs": 8,
        "lr_schedule": "one_cycle", **params,
    })  # fmt: skip


def untrained(**params):
    """Return parameters of a fit that changes next to nothing."""
    return {"max_epochs": 1, "epoch_size": 2, "optimizer": "sgd", "lr": 1e-12, **params}


def learned(embedder):
    """Return weights, optimizer state and what was recorded, but how long it took."""
    net = embedder.net_
    weights = {k: v.numpy().copy() for k, v in net.module_.state_dict().items()}
    moments = net.optimizer_.state_dict()["state"]
    history = [
        {k: v for k, v in row.items() if k != "dur" and not k.endswith("_best")}
        for row in embedder.history_
    ]
    return {
        "weights": weights,
        "moments": {
            (i, k): v.numpy().copy() for i, values in moments.items()
            for k, v in values.items() if v is not None
        },
        "history": history,
        "alphabet": embedder.alphabet_,
        "max_len": embedder.max_len_,
    }  # fmt: skip


def assert_same_bits(one, other):
    np.testing.assert_equal(learned(one), learned(other))
    assert one.n_iter_ == other.n_iter_ == len(one.net_.history)


def differ(one, other):
    weights = [learned(embedder)["weights"] for embedder in (one, other)]
    return any((weights[0][name] != weights[1][name]).any() for name in weights[0])


def fitted_attributes(embedder):
    return [name for name in vars(embedder) if name.endswith("_")]


class Batches(Callback):
    """Give each batch to a function: its strings, and their distances."""

    def __init__(self, note, alphabet=levenshtein_module.ALPHANUMERIC):
        self.note = note
        self.alphabet = alphabet

    def on_batch_begin(self, net, batch, training=False, **kwargs):
        views, distances = batch
        letters = "\0?" + self.alphabet
        texts = ["".join(letters[i] for i in row if i) for row in views["ids"].tolist()]
        self.note(len(batch), texts, distances.numpy().copy())


class At(Callback):
    """Call a function in the last batch of an epoch."""

    def __init__(self, epoch, action):
        self.epoch = epoch
        self.action = action

    def on_grad_computed(self, net, **kwargs):
        if len(net.history) == self.epoch:
            self.action(net)


@pytest.fixture(scope="module")
def embedder():
    """One fitted on a dozen words: don't change it."""
    return make().fit(WORDS)


@pytest.fixture(scope="module")
def trained():
    """One that has learnt something: don't change it."""
    return learner().fit(TRAIN)


# --- It learns ----------------------------------------------------------------------


def baselines(strings, distances):
    """Return the rank correlation of lengths alone with edit distances."""
    lengths = np.array(list(map(len, strings)))
    i, j = np.triu_indices(len(strings), 1)
    return {
        "difference": spearmanr(abs(lengths[i] - lengths[j]), distances).statistic,
        "longer": spearmanr(np.maximum(lengths[i], lengths[j]), distances).statistic,
    }


def edits(strings, distance=Levenshtein.distance):
    """Return the edit distances of all pairs, in the order of `pdist`."""
    return [distance(a, b) for a, b in itertools.combinations(strings, 2)]


@pytest.mark.parametrize(
    "params",
    [
        *(
            {"loss": loss, "distance": distance}
            for loss in EDIT_DISTANCE_LOSSES
            for distance in DISTANCES
        ),
        {"n_filters": 16},
        {"pooling": "flatten"},
        {"pooling": "flatten", "n_filters": 16, "filter_size": 2},
        {"hidden_layer_sizes": ()},
        {"n_mutations": 0},
        {"optimizer": "sgd", "lr": 0.03, "loss": "squared_error"},
        {"optimizer": torch.optim.RAdam, "lr": 1e-2, "lr_schedule": "cosine"},
    ],
    ids=lambda params: "-".join(map(str, params.values())),
)
def test_it_ranks_unseen_words_better_than_their_lengths_and_a_fresh_net(params):
    fitted = learner(**params).fit(TRAIN)
    fresh = learner(**{**params, **untrained()}).fit(TRAIN)
    losses = [row["train_loss"] for row in fitted.history_]
    assert losses[-1] < losses[0]
    score = fitted.score(TEST)
    lengths = baselines(TEST, edits(TEST))
    assert score > max(lengths.values()) + 0.05
    assert score > fresh.score(TEST) + 0.1


@by_distance
def test_distances_of_vectors_become_edit_distances(distance):
    fitted = learner(distance=distance).fit(TRAIN)
    a, b = zip(*itertools.combinations(TEST, 2), strict=True)
    expected = np.array(edits(TEST))
    predicted = fitted.predict_distance(a, b)
    errors = np.abs(predicted - expected) / expected
    # Guessing the mean of all pairs does so well.
    guess = np.abs(expected.mean() - expected) / expected
    assert errors.mean() < 0.75 * guess.mean()
    assert predicted.mean() == pytest.approx(expected.mean(), rel=0.1)


@by_distance
@pytest.mark.parametrize("n_components", [4, 512])
def test_a_fresh_net_starts_at_the_mean_edit_distance(distance, n_components):
    fresh = make(**untrained(distance=distance, n_components=n_components)).fit(WORDS)
    metric = "sqeuclidean" if distance == "sqeuclidean" else "euclidean"
    mean = pdist(fresh.transform(WORDS), metric).mean()
    assert mean == pytest.approx(np.mean(edits(WORDS)), rel=0.01)


# --- The metric ---------------------------------------------------------------------


def weighted(a, b, **weights):
    return Levenshtein.distance(a, b, weights=(1, 1, 2))


def same_length(a, b, unit=1):
    return unit * abs(len(a) - len(b))


@pytest.mark.parametrize(
    "params, distance",
    [
        ({}, Levenshtein.distance),
        ({"metric": "osa"}, OSA.distance),
        ({"metric": "indel"}, Indel.distance),
        ({"metric_params": {"weights": (1, 1, 2)}}, weighted),
        ({"metric_params": {"weights": [2, 2, 3]}},
         lambda a, b: Levenshtein.distance(a, b, weights=(2, 2, 3))),
        ({"metric": same_length}, same_length),
        ({"metric": same_length, "metric_params": {"unit": 2.5}},
         lambda a, b: same_length(a, b, 2.5)),
    ],
)  # fmt: skip
def test_the_distances_learnt_are_those_of_the_metric(params, distance):
    batches = []
    note = Batches(lambda *batch: batches.append(batch[1:]))
    fitted = make(callbacks=[note], n_mutations=2, **params).fit(WORDS)
    assert len(batches) == 8
    for texts, distances in batches:
        assert len(texts) == 4 * 3
        assert set(texts[:4]) <= set(WORDS)
        expected = [[distance(a, b) for b in texts] for a in texts]
        np.testing.assert_array_equal(distances, expected)
    by_metric = [fitted.edit_distance().cdist([a], [b])[0, 0]
                 for a, b in itertools.combinations(WORDS, 2)]  # fmt: skip
    assert by_metric == edits(WORDS, distance)
    expected = spearmanr(pdist(fitted.transform(WORDS)), by_metric).statistic
    assert fitted.score(WORDS) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("metric", ["damerau_levenshtein", "osa"])
def test_swapped_neighbours_are_near_where_a_swap_is_one_edit(metric):
    words = ["".join(letters) for letters in itertools.permutations("abcde")]
    swapped = [f"{w[:i]}{w[i + 1]}{w[i]}{w[i + 2 :]}" for w in words for i in range(4)]
    originals = np.repeat(words, 4)
    far, near = (
        learner(metric=m, n_mutations=0)
        .fit(words)
        .predict_distance(originals, swapped)
        .mean()
        for m in ("levenshtein", metric)
    )
    assert near < 0.9 * far


def test_weights_say_whether_a_replacement_is_near():
    inserted = [w[:i] + "a" + w[i:] for w in TEST for i in range(len(w))]
    replaced = [w[:i] + ("b" if w[i] == "a" else "a") + w[i + 1 :]
                for w in TEST for i in range(len(w))]  # fmt: skip
    originals = [w for w in TEST for _ in w]
    ratios = []
    for weights in ((3, 3, 1), (1, 1, 1), (1, 1, 2)):
        fitted = learner(metric_params={"weights": weights}).fit(TRAIN)
        distances = [fitted.predict_distance(originals, changed).mean()
                     for changed in (replaced, inserted)]  # fmt: skip
        ratios.append(distances[0] / distances[1])
    assert ratios[0] < 1 < ratios[1] < ratios[2]


# --- predict_distance and score -----------------------------------------------------


@by_distance
def test_predicted_distances_are_those_of_the_vectors(distance):
    fitted = make(distance=distance).fit(WORDS)
    a, b = WORDS[:8], WORDS[::-1][:8]
    x, y = (fitted.transform(words).astype(np.float64) for words in (a, b))
    squared = ((x - y) ** 2).sum(axis=1)
    expected = squared if distance == "sqeuclidean" else np.sqrt(squared)
    predicted = fitted.predict_distance(a, b)
    assert predicted.dtype == np.float32
    np.testing.assert_allclose(predicted, expected, rtol=1e-4)
    np.testing.assert_allclose(fitted.predict_distance(b, a), predicted, rtol=1e-4)
    assert not fitted.predict_distance(WORDS, WORDS).any()


def test_distances_need_as_many_strings_on_either_side(embedder):
    with pytest.raises(ValueError, match="one length; got 2 and 1 strings.*transform"):
        embedder.predict_distance(["a", "b"], ["a"])


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_bad_entry_of_either_side_is_named(embedder, name):
    sides = {"a": ["x", "y"], "b": ["x", "y"], name: ["x", None]}
    with pytest.raises(TypeError, match=f"Entry 1 of {name} is None"):
        embedder.predict_distance(**sides)
    short = make(max_len=8).fit(WORDS)
    sides[name] = ["x", "ninecharacters"]
    with pytest.raises(ValueError, match=f"first is entry 1 of {name}, with 14 char"):
        short.predict_distance(**sides)


def test_score_is_the_rank_correlation_over_all_pairs_of_different_strings(trained):
    expected = spearmanr(pdist(trained.transform(TEST)), edits(TEST)).statistic
    assert trained.score(TEST) == pytest.approx(expected, abs=1e-6)
    assert trained.score(TEST + TEST[::-1]) == trained.score(TEST)
    assert isinstance(trained.score(TEST), float)


@by_distance
def test_score_of_many_strings_is_that_of_a_fixed_sample(distance):
    words = draw_words(1300, seed=1)
    fitted = learner(distance=distance, max_epochs=1).fit(TRAIN)
    distances = pdist(fitted.transform(words))
    expected = spearmanr(distances, edits(words)).statistic
    score = fitted.score(words)
    assert score == pytest.approx(expected, abs=0.02)
    assert score != pytest.approx(expected, abs=1e-9)
    state = np.random.get_state()
    assert fitted.score(words) == score
    np.testing.assert_equal(np.random.get_state(), state)


@pytest.mark.parametrize(
    "strings, match",
    [
        (["a", "b"], "at least 3 different strings.*got 2"),
        (["a", "b", "A", "b"], "got 2"),
        (["a", "b", "c"], "3 strings, such as 'a' and 'b', have edit distance 1"),
    ],
)
def test_score_needs_pairs_to_rank(embedder, strings, match):
    with pytest.raises(ValueError, match=match):
        embedder.score(strings)


# --- What comes in ------------------------------------------------------------------


@pytest.mark.parametrize(
    "convert",
    [tuple, np.array, lambda w: np.array(w, dtype=object), pd.Series, pd.Index,
     lambda w: pd.Series(w, index=range(len(w))[::-1], dtype="string"),
     lambda w: list(map(np.str_, w))],
    ids=["tuple", "array", "objects", "Series", "Index", "string Series", "np.str_"],
)  # fmt: skip
def test_containers_of_strings(embedder, convert):
    fitted = make().fit(convert(WORDS))
    assert_same_bits(fitted, embedder)
    np.testing.assert_array_equal(
        fitted.transform(convert(WORDS)), embedder.transform(WORDS)
    )
    assert fitted.score(convert(WORDS)) == embedder.score(WORDS)


def test_copies_count_once(embedder):
    assert_same_bits(make().fit([*WORDS, *WORDS[::-1], "Deliver"]), embedder)


BAD_ENTRIES = {
    "None": None,
    "NaN": np.nan,
    "pandas NA": pd.NA,
    "bytes": b"order",
    "a number": 7,
    "a list": ["order"],
    "an array": np.array(["order"]),
}


@pytest.mark.parametrize("name", list(BAD_ENTRIES))
@pytest.mark.parametrize("container", [list, tuple, pd.Series])
def test_entries_that_are_no_strings_are_named(embedder, name, container):
    strings = container([*WORDS[:3], BAD_ENTRIES[name], *WORDS[3:]])
    for call in (
        make().fit, make().partial_fit, make().fit_transform,
        embedder.transform, embedder.score,
    ):  # fmt: skip
        with pytest.raises(TypeError, match="Entry 3 of strings is"):
            call(strings)


@pytest.mark.parametrize(
    "strings, error, match",
    [
        ([], ValueError, "empty"),
        ("order", TypeError, "Wrap it"),
        (None, TypeError, "NoneType"),
        (np.array([["a", "b"]]), TypeError, r"shape \(1, 2\)"),
        ({"a", "b"}, TypeError, "set"),
        (iter(["a", "b"]), TypeError, "one-shot"),
        (pd.DataFrame({"w": WORDS}), TypeError, "shape"),
    ],
)
def test_what_is_no_list_of_strings(embedder, strings, error, match):
    for call in (make().fit, embedder.transform):
        with pytest.raises(error, match=match):
            call(strings)


def test_case_and_accents_are_folded():
    fitted = make(strip_accents="unicode").fit(WORDS)
    np.testing.assert_array_equal(
        fitted.transform(["ORDER", "dÉlivër"]), fitted.transform(["order", "deliver"])
    )
    assert fitted.predict_distance(["ÄÖ"], ["ao"]) == 0
    # Folded copies are copies.
    assert_same_bits(make(strip_accents="ascii").fit([*WORDS, "Hönöur"]), fitted)


def test_case_is_kept_where_asked_for():
    cased = make(lowercase=False, alphabet="abAB").fit(["ab", "AB", "aB", "bbb"])
    assert cased.predict_distance(["ab"], ["AB"]) > 0.1
    with pytest.warns(UserWarning, match="2 characters are outside the alphabet"):
        cased.transform(["abcC"])


@pytest.mark.parametrize(
    "alphabet, strings, expected",
    [
        (None, ["βa", "", "aγ😀"], "aβγ😀"),
        ("αβγ", ["αβ", "ΑΓ", "γγβ"], "αβγ"),
        ("😀😁z", ["😀", "😁😁", "z"], "😀😁z"),
    ],
)
def test_alphabets(alphabet, strings, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted = make(alphabet=alphabet).fit(strings)
        embedded = fitted.transform([*expected, ""])
    assert fitted.alphabet_ == expected
    assert pdist(embedded).min() > 0.01  # no two characters are one


@pytest.mark.parametrize(
    "alphabet, error, match",
    [
        ("abca", ValueError, "alphabet has 'a' more than once"),
        ("", ValueError, "alphabet is empty"),
        (["a", "b"], ValueError, "'alphabet' parameter"),
    ],
)
def test_bad_alphabets(alphabet, error, match):
    bare = make(alphabet=alphabet)
    with pytest.raises(error, match=match):
        bare.fit(WORDS)
    assert not fitted_attributes(bare)


def test_an_alphabet_cannot_be_learnt_from_nothing():
    with pytest.raises(ValueError, match="all strings are empty"):
        make(alphabet=None).fit(["", ""])


def test_unknown_characters_are_one_and_are_told_of_once(embedder):
    strings = ["naïve", "na★ve", "order", "ïï☃"]
    match = r"^5 characters are outside the alphabet in 3 of 4 strings, e.g. 'ï' \(3\)"
    for call in (embedder.transform, embedder.score, make().fit, make().partial_fit):
        with pytest.warns(UserWarning, match=match) as caught:
            result = call(strings)
        assert len(caught) == 1
        if call == embedder.transform:
            np.testing.assert_allclose(result[0], result[1], rtol=1e-5)
            assert np.abs(result[0] - result[2]).max() > 0.01
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        embedder.transform(WORDS)


@by_distance
@pytest.mark.parametrize(
    "params, strings, match",
    [
        ({}, ["é", "ü"], "'é' and 'ü', differ only in characters outside the alphabet"),
        ({"metric": lambda a, b: 0}, WORDS, "12 training .* are all at distance 0"),
        ({"metric_params": {"weights": (0, 0, 0)}}, WORDS, "are all at distance 0"),
        ({}, ["same"] * 5, "All strings are equal: 'same'"),
        ({}, ["Same", "same"], "All strings are equal: 'same'"),
        ({}, ["alone"], "All strings are equal: 'alone'"),
        ({}, [""], "All strings are equal: ''"),
        ({"max_len": 1, "too_long": "truncate"}, ["ab", "ac"],
         "All strings are equal: 'a'"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_there_must_be_something_to_learn(distance, params, strings, match):
    bare = make(distance=distance, **params)
    for fit in (bare.fit, bare.partial_fit):
        with pytest.raises(ValueError, match=match):
            fit(strings)
        assert not fitted_attributes(bare)


@pytest.mark.parametrize("n_filters", [None, 4])
@pytest.mark.parametrize("pooling", ["soft_positions", "flatten"])
def test_the_empty_string_has_a_vector(n_filters, pooling):
    params = {"n_filters": n_filters, "pooling": pooling}
    seen, unseen = make(**params).fit(WORDS), make(**params).fit(WORDS[:4])
    for fitted in (seen, unseen):
        alone, among = fitted.transform([""]), fitted.transform(["great", "", "a"])
        assert np.isfinite(alone).all()
        np.testing.assert_allclose(alone[0], among[1], rtol=1e-4, atol=1e-5)
        assert np.abs(among[1] - among[2]).max() > 1e-3


@settings(max_examples=25)
@given(st.lists(st.text(max_size=12), min_size=1, max_size=6))
def test_any_strings_have_finite_vectors_of_their_own(embedder, strings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        together = embedder.transform(strings)
        alone = np.vstack([embedder.transform([text]) for text in strings])
    assert together.shape == (len(strings), 8)
    assert together.dtype == np.float32
    assert np.isfinite(together).all()
    np.testing.assert_allclose(together, alone, rtol=1e-3, atol=1e-4)


# --- Length -------------------------------------------------------------------------


@pytest.mark.parametrize("pooling", ["soft_positions", "flatten"])
def test_strings_longer_than_max_len_are_an_error(pooling):
    bare = make(max_len=7, pooling=pooling)
    match = (
        "^1 of 12 strings are longer than max_len=7; the first is entry 4 of strings, "
        "with 8 characters: 'recruits'. Give a larger max_len, or"
    )
    with pytest.raises(ValueError, match=match):
        bare.fit(WORDS)
    assert not fitted_attributes(bare)
    fitted = make(max_len=8, pooling=pooling).fit(WORDS)
    with pytest.raises(ValueError, match="^2 of 3 .*max_len=8; the first is entry 1"):
        fitted.transform(["order", "recruiting", "recruitment"])


@pytest.mark.parametrize("pooling", ["soft_positions", "flatten"])
def test_strings_longer_than_max_len_are_cut_with_a_warning(pooling):
    cutting = make(max_len=5, pooling=pooling, too_long="truncate")
    match = "7 of 12 .* max_len=5.*They are cut"
    with pytest.warns(UserWarning, match=match) as caught:
        cutting.fit(WORDS)
    assert len(caught) == 1
    cut = [word[:5] for word in WORDS]
    assert_same_bits(cutting, make(max_len=5, pooling=pooling).fit(cut))
    with pytest.warns(UserWarning, match="They are cut"):
        embedded = cutting.transform(["recruitment"])
    np.testing.assert_array_equal(embedded, cutting.transform(["recru"]))
    with pytest.warns(UserWarning, match="They are cut"):
        assert cutting.predict_distance(["recruits"], ["recruitment"]) == 0


def test_flattened_strings_may_be_as_long_as_the_longest_seen():
    fitted = make(pooling="flatten").fit(WORDS)
    assert fitted.max_len_ == 8
    fitted.transform(["12345678"])
    with pytest.raises(ValueError, match="longer than max_len=8"):
        fitted.transform(["123456789"])
    # Another fit forgets it.
    assert fitted.fit(["a", "bb"]).max_len_ == 2


def test_by_default_strings_may_be_of_any_length(embedder):
    assert embedder.max_len_ is None
    lengths = [1, 3000, 2, 2999, 100_000]
    strings = ["order"[i % 5] * length for i, length in enumerate(lengths)]
    embedded = embedder.transform(strings)
    assert np.isfinite(embedded).all()
    assert pdist(embedded).min() > 0.1


@pytest.mark.parametrize("n_filters", [None, 4])
def test_order_and_company_do_not_matter_whatever_the_lengths(n_filters):
    fitted = make(n_filters=n_filters).fit(WORDS)
    rng = np.random.default_rng(0)
    lengths = [3000, 1, 0, 1500, *rng.integers(20, size=600)]
    strings = ["".join(rng.choice(list("abcxyz"), length)) for length in lengths]
    embedded = fitted.transform(strings)
    order = rng.permutation(len(strings))
    shuffled = fitted.transform([strings[i] for i in order])
    np.testing.assert_allclose(shuffled, embedded[order], rtol=1e-3, atol=1e-4)
    for i in (0, 1, 2, 3, 300):
        alone = fitted.transform([strings[i]])
        np.testing.assert_allclose(alone[0], embedded[i], rtol=1e-3, atol=1e-4)


def test_blocks_are_bounded():
    fitted = make().fit(WORDS)
    shapes = []
    fitted.net_.module_.register_forward_pre_hook(
        lambda module, inputs: shapes.append(tuple(inputs[0].shape))
    )
    strings = ["a" * length for length in [40_000, 1, *[9] * 1200, *[5000] * 8]]
    fitted.transform(strings)
    assert sum(n for n, _ in shapes) == len(strings)
    for n, width in shapes:
        assert n <= 512
        assert n == 1 or n * width <= 2**15
    # Two of 512 and the rest of the short ones, those of 5,000 by six, and the longest.
    assert len(shapes) == 3 + 2 + 1


# --- The net as asked for -----------------------------------------------------------


def recipe():
    """Return the estimator that the Notes print, as they print it."""
    doc = inspect.getdoc(LevenshteinStringEmbedder)
    notes = doc.split("this is the recipe")[1]
    printed = re.search(
        r"::\n\n(    LevenshteinStringEmbedder\(.*?\))\n\n", notes, re.S
    )[1]
    return eval(
        textwrap.dedent(printed),
        {"LevenshteinStringEmbedder": LevenshteinStringEmbedder},
    )


def test_the_recipe_is_the_papers():
    paper = recipe().set_params(max_epochs=1, epoch_size=32, batch_size=16,
                                device="cpu", random_state=0)  # fmt: skip
    paper.fit(WORDS)
    weights = paper.net_.module_.state_dict()
    assert weights["convolution.weight"].shape[::2] == (256, 3)
    (fully_connected,) = [w for name, w in weights.items()
                          if w.ndim == 2]  # fmt: skip
    assert fully_connected.shape == (4096, 256 * 20)
    assert (paper.distance, paper.loss) == ("sqeuclidean", "squared_error")
    # Scaled, it starts where edit distances are, and not some thousandfold above.
    assert paper.history_[0]["train_loss"] < 1000
    assert np.isfinite(paper.transform(WORDS)).all()
    assert isinstance(paper.net_.criterion_, EDIT_DISTANCE_LOSSES["squared_error"])


@pytest.mark.parametrize(
    "params, shapes",
    [
        ({"hidden_layer_sizes": ()}, [(8, 37 * 8 + 2)]),
        ({"hidden_layer_sizes": [5, 4]}, [(5, 298), (4, 5), (8, 4), (8, 298)]),
        ({"n_positions": 3}, [(16, 37 * 3 + 2), (8, 16), (8, 113)]),
        ({"n_positions": 1}, [(16, 37 + 2), (8, 16), (8, 39)]),
        ({"n_filters": 6, "filter_size": 5}, [(16, 6 * 8 + 2), (8, 16), (8, 50)]),
        ({"pooling": "flatten"}, [(16, 37 * 8), (8, 16), (8, 296)]),
        ({"pooling": "flatten", "max_len": 11, "n_filters": 6},
         [(16, 66), (8, 16), (8, 66)]),
    ],
)  # fmt: skip
def test_layers(params, shapes):
    fitted = make(**params).fit(WORDS)
    weights = fitted.net_.module_.state_dict().values()
    assert [tuple(w.shape) for w in weights if w.ndim == 2] == shapes
    assert np.isfinite(fitted.transform(WORDS)).all()


@pytest.mark.parametrize(
    "epoch_size, sizes",
    [(16, [4] * 4), (17, [4, 4, 4, 5]), (18, [4, 4, 4, 4, 2]), (2, [2]), (5, [5])],
)
def test_an_epoch_draws_so_many_strings(epoch_size, sizes):
    batches = []
    note = Batches(lambda *batch: batches.append(batch))
    make(epoch_size=epoch_size, max_epochs=1, callbacks=[note]).fit(WORDS)
    assert [n for n, *_ in batches] == sizes
    drawn = [text for n, texts, _ in batches for text in texts[:n]]
    assert len(set(drawn[:12])) == min(12, epoch_size)  # each once before any twice


@pytest.mark.parametrize("n_mutations", [0, 1])
def test_two_strings_are_enough(n_mutations):
    fitted = make(n_mutations=n_mutations, batch_size=2).fit(["a", "b"])
    assert np.isfinite(fitted.transform(["a", "b", "c"])).all()
    assert {type(value) for row in fitted.history_ for value in row.values()} <= {
        int, float, bool
    }  # fmt: skip


def test_flattened_copies_are_no_longer_than_what_the_net_reads():
    batches = []
    note = Batches(lambda *batch: batches.append(batch[1:]))
    make(pooling="flatten", epoch_size=80, callbacks=[note]).fit(["abc", "xyz", "foo"])
    for texts, distances in batches:
        expected = [[Levenshtein.distance(a, b) for b in texts] for a in texts]
        np.testing.assert_array_equal(distances, expected)


# --- Early stopping -----------------------------------------------------------------


def test_early_stopping_restores_the_epoch_of_the_best_score():
    seen = set()
    note = Batches(lambda n, texts, _: seen.update(texts), "abcde")
    stopped = learner(
        early_stopping=True, validation_fraction=0.2, n_iter_no_change=3, n_mutations=0,
        lr=0.02, lr_schedule="constant", max_epochs=40, epoch_size=256, batch_size=32,
        callbacks=[note],
    ).fit(TRAIN)  # fmt: skip
    held_out = [word for word in TRAIN if word not in seen]
    assert len(held_out) == 60
    scores = [row["valid_score"] for row in stopped.history_]
    best = int(np.argmax(scores))
    assert 0 < best < len(scores) - 1  # else there is nothing to restore
    assert stopped.n_iter_ == len(scores) == best + 1 + 3
    # Of the same strings, in another order: the last digits may differ.
    assert stopped.score(held_out) == pytest.approx(scores[best], abs=1e-5)
    assert stopped.score(held_out) != pytest.approx(scores[-1], abs=1e-5)


@pytest.mark.parametrize(
    "strings, fraction, match",
    [
        (WORDS, 0.1, "holds out 1 of 12 different strings; validation needs 3 and"),
        ([*WORDS, *WORDS], 0.1, "holds out 1 of 12"),
        (WORDS, 0.95, "holds out 11 of 12"),
        (list("abcdefgh"), 0.5, "have edit distance 1: there is no order"),
    ],
)
def test_early_stopping_needs_strings_to_hold_out(strings, fraction, match):
    bare = make(early_stopping=True, validation_fraction=fraction)
    with pytest.raises(ValueError, match=match):
        bare.fit(strings)
    assert not fitted_attributes(bare)


# --- Resuming -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"pooling": "flatten", "n_filters": 4, "distance": "sqeuclidean"},
        {"alphabet": None, "optimizer": "sgd", "lr": 1e-4, "n_mutations": 0,
         "net_params": {"optimizer__momentum": 0.9}},
    ],
)  # fmt: skip
def test_a_warm_start_goes_on(params):
    halves = make(warm_start=True, **params).fit(WORDS)
    first = halves.net_
    halves.fit(WORDS)
    whole = make(max_epochs=4, **params).fit(WORDS)
    assert_same_bits(halves, whole)
    assert len(first.history) == 2  # it was left as it was
    passes = make(**params)
    for _ in range(4):
        passes.partial_fit(WORDS)
    assert_same_bits(passes, whole)


def test_fit_starts_afresh_without_warm_start(embedder):
    again = make().fit(["other", "words", "than", "these", "12345"])
    assert_same_bits(again.fit(WORDS), embedder)
    assert_same_bits(clone(again).fit(WORDS), embedder)
    assert not fitted_attributes(clone(again))


def test_partial_fit_takes_other_strings_in_the_same_alphabet():
    passes = make(alphabet=None, pooling="flatten").partial_fit(["ab", "abc", "ca"])
    with pytest.warns(UserWarning, match="3 characters are outside the alphabet"):
        passes.partial_fit(["xa", "yb", "zc", "a"])
    assert (passes.alphabet_, passes.max_len_, passes.n_iter_) == ("abc", 3, 2)
    with pytest.raises(ValueError, match="longer than max_len=3"):
        passes.partial_fit(["abcd", "a"])
    assert passes.n_iter_ == 2


def test_partial_fit_has_nothing_to_stop_early():
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping"):
        make(early_stopping=True).partial_fit(WORDS)


@pytest.mark.parametrize(
    "name, value",
    [
        ("n_components", 5),
        ("n_filters", 4),
        ("filter_size", 5),
        ("pooling", "flatten"),
        ("n_positions", 3),
        ("hidden_layer_sizes", (6,)),
    ],
)
def test_a_warm_start_refuses_another_net(name, value):
    warm = make(warm_start=True).fit(WORDS)
    before = learned(warm)
    warm.set_params(**{name: value})
    for fit in (warm.fit, warm.partial_fit):
        with pytest.raises(ValueError, match=f"{name}.* changed since the towers were"):
            fit(WORDS)
    np.testing.assert_equal(learned(warm), before)
    warm.set_params(warm_start=False).fit(WORDS)
    assert_same_bits(warm, make(**{name: value}).fit(WORDS))


@pytest.mark.parametrize(
    "params",
    [{"loss": "poisson"}, {"distance": "sqeuclidean"}, {"metric": "indel"},
     {"lr": 1e-4}, {"n_mutations": 3}, {"max_edits": 1}, {"optimizer": "sgd"},
     {"batch_size": 8}, {"hidden_layer_sizes": [16]}],
    ids=str,
)  # fmt: skip
def test_a_warm_start_takes_another_way_to_train(params):
    warm = make(warm_start=True).fit(WORDS).set_params(**params).fit(WORDS)
    assert warm.n_iter_ == 4
    same = params == {"hidden_layer_sizes": [16]}  # a list is as good as a tuple
    assert differ(warm, make(max_epochs=4).fit(WORDS)) != same


# --- Failures and interrupts --------------------------------------------------------

BAD_FITS = {
    "entry": (["a", None], {}, TypeError, "Entry 1"),
    "equal": (["a", "a"], {}, ValueError, "All strings are equal"),
    "long": (["a", "bbb"], {"max_len": 2}, ValueError, "max_len=2"),
    "asymmetric": (WORDS, {"metric_params": {"weights": (1, 2, 1)}}, ValueError,
                   "insertion costs 1 and a deletion 2"),
    "metric": (WORDS, {"metric": "soundex"}, ValueError, "'metric' parameter"),
    "metric_params": (WORDS, {"metric_params": {"weight": 1}}, ValueError,
                      "metric_params has 'weight'"),
    "weights": (WORDS, {"metric_params": {"weights": (1, 1, 0.5)}}, ValueError,
                "Scale fractions up"),
    "osa": (WORDS, {"metric": "osa", "metric_params": {"weights": (1, 1, 1)}},
            ValueError, "'osa' takes no parameters"),
    "callable": (WORDS, {"metric": lambda a, b: "far"}, ValueError, "returned 'far'"),
    "negative": (WORDS, {"metric": lambda a, b: -1}, ValueError, "returned -1"),
    "nan": (WORDS, {"metric": lambda a, b: np.nan}, ValueError, "returned nan"),
    "layers": (WORDS, {"hidden_layer_sizes": (0,)}, ValueError,
               "hidden_layer_sizes must hold"),
    "loss": (WORDS, {"loss": "mse"}, ValueError, "'loss' parameter"),
    "distance": (WORDS, {"distance": "cosine"}, ValueError, "'distance' parameter"),
    "pooling": (WORDS, {"pooling": "max"}, ValueError, "'pooling' parameter"),
    "max_len": (WORDS, {"max_len": 0}, ValueError, "'max_len' parameter"),
    "max_edits": (WORDS, {"max_edits": 0}, ValueError, "'max_edits' parameter"),
    "n_mutations": (WORDS, {"n_mutations": -1}, ValueError, "'n_mutations' parameter"),
    "epoch_size": (WORDS, {"epoch_size": 1}, ValueError, "'epoch_size' parameter"),
    "batch_size": (WORDS, {"batch_size": 1}, ValueError, "'batch_size' parameter"),
    "n_positions": (WORDS, {"n_positions": 0}, ValueError, "'n_positions' parameter"),
    "too_long": (WORDS, {"too_long": "drop"}, ValueError, "'too_long' parameter"),
    "device": (WORDS, {"device": "gpu please"}, ValueError, "not a torch device"),
    "rate": (WORDS, {"optimizer": "sgd", "lr": 1e30}, ValueError, "epoch 1"),
    "net_params": (WORDS, {"net_params": {"lr": 1}}, ValueError, "net_params has lr"),
}  # fmt: skip


@pytest.mark.parametrize("name", list(BAD_FITS))
def test_a_failed_fit_says_why_and_leaves_no_trace(name, embedder):
    strings, params, error, match = BAD_FITS[name]
    bare = make(**params)
    with pytest.raises(error, match=match):
        bare.fit(strings)
    assert vars(bare).keys() == bare.get_params(deep=False).keys()
    fitted = make().fit(WORDS)
    attributes = dict(vars(fitted))
    with pytest.raises(error, match=match):
        fitted.set_params(**params).fit(strings)
    assert all(vars(fitted)[key] is value for key, value in attributes.items()
               if key.endswith("_"))  # fmt: skip
    fitted.set_params(**make().get_params())
    assert_same_bits(fitted, embedder)
    np.testing.assert_array_equal(fitted.transform(WORDS), embedder.transform(WORDS))


def interrupt(net):
    raise KeyboardInterrupt


def poison(net):
    for parameter in net.module_.parameters():
        parameter.data.fill_(np.nan)


@pytest.mark.parametrize(
    "stop, error", [(interrupt, KeyboardInterrupt), (poison, ValueError)]
)
def test_what_cuts_training_short_leaves_the_last_complete_epoch(stop, error):
    cut = make(max_epochs=6, warm_start=True, callbacks=[At(3, stop)])
    with pytest.raises(error):
        cut.fit(WORDS)
    assert_same_bits(cut, make().fit(WORDS))
    cut.set_params(callbacks=None, max_epochs=1).fit(WORDS)
    assert_same_bits(cut, make(max_epochs=3).fit(WORDS))
    first = make(callbacks=[At(1, stop)])
    with pytest.raises(error):
        first.fit(WORDS)
    assert not fitted_attributes(first)


def test_an_interrupt_with_early_stopping_leaves_the_best_epoch():
    params = {"early_stopping": True, "validation_fraction": 0.4, "lr": 0.02}
    cut = make(max_epochs=9, callbacks=[At(6, interrupt)], **params)
    with pytest.raises(KeyboardInterrupt):
        cut.fit(WORDS)
    assert_same_bits(cut, make(max_epochs=5, **params).fit(WORDS))
    assert cut.n_iter_ == 5


def test_not_fitted():
    bare = make()
    for call in (
        lambda: bare.transform(WORDS),
        lambda: bare.score(WORDS),
        lambda: bare.predict_distance(WORDS, WORDS),
    ):
        with pytest.raises(NotFittedError):
            call()


# --- Seeds and devices --------------------------------------------------------------


def test_one_seed_gives_the_same_bits_and_leaves_global_states_alone(embedder):
    torch.manual_seed(1)
    np.random.seed(1)
    states = torch.get_rng_state(), np.random.get_state()
    one = make().fit(WORDS)
    one.partial_fit(WORDS)
    one.transform(WORDS)
    one.score(WORDS)
    make(early_stopping=True, validation_fraction=0.4).fit(WORDS)
    assert torch.equal(torch.get_rng_state(), states[0])
    np.testing.assert_equal(np.random.get_state(), states[1])
    torch.manual_seed(2)
    np.random.seed(2)
    assert_same_bits(make().fit(WORDS), embedder)
    assert differ(make(random_state=1).fit(WORDS), embedder)


def test_a_random_state_moves_on_and_none_is_new_each_time():
    state = np.random.RandomState(0)
    one, other = (make(random_state=state).fit(WORDS) for _ in range(2))
    assert differ(one, other)
    again = make(random_state=np.random.RandomState(0)).fit(WORDS)
    assert_same_bits(again, one)
    assert one.seed_ != other.seed_ and again.seed_ == one.seed_
    assert_same_bits(make(random_state=one.seed_).fit(WORDS), make(
        random_state=np.int64(one.seed_)).fit(WORDS))  # fmt: skip
    one, other = (make(random_state=None).fit(WORDS) for _ in range(2))
    assert differ(one, other)


@pytest.mark.parametrize("device", ["cuda", torch.device("cuda", 1)])
def test_cuda_without_cuda_is_an_error(monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    bare = make(device=device)
    with pytest.raises(ValueError, match="torch finds no CUDA device.*device='auto'"):
        bare.fit(WORDS)
    assert not fitted_attributes(bare)
    assert bare.set_params(device="auto").fit(WORDS).net_.device == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("pooling", ["soft_positions", "flatten"])
def test_on_a_gpu(monkeypatch, pooling):
    params = {"pooling": pooling, "n_filters": 4, "warm_start": True}
    on_gpu = make(device="auto", **params).fit(WORDS)
    assert {p.device.type for p in on_gpu.net_.module_.parameters()} == {"cuda"}
    embedded = on_gpu.transform(WORDS)
    on_cpu = make(**params).fit(WORDS)
    np.testing.assert_allclose(embedded, on_cpu.transform(WORDS), atol=1e-2)
    back = pickle.loads(pickle.dumps(on_gpu))
    np.testing.assert_array_equal(back.transform(WORDS), embedded)
    assert back.fit(WORDS).n_iter_ == 4
    dumped = pickle.dumps(on_gpu)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    loaded = pickle.loads(dumped)
    np.testing.assert_allclose(loaded.transform(WORDS), embedded, atol=1e-3)


# --- Saving -------------------------------------------------------------------------


def by_joblib(embedder):
    file = io.BytesIO()
    joblib.dump(embedder, file)
    file.seek(0)
    return joblib.load(file)


def by_skops(embedder):
    skops = pytest.importorskip("skops.io")
    dumped = skops.dumps(embedder)
    own = {"sklearn_crossmodal.levenshtein.LevenshteinStringEmbedder"}
    assert set(skops.get_untrusted_types(data=dumped)) == own
    return skops.loads(dumped, trusted=sorted(own))


@pytest.mark.parametrize(
    "route",
    [lambda embedder: pickle.loads(pickle.dumps(embedder)), by_joblib, by_skops,
     copy.deepcopy, copy.copy],
    ids=["pickle", "joblib", "skops", "deepcopy", "copy"],
)  # fmt: skip
@pytest.mark.parametrize(
    "params",
    [{}, {"pooling": "flatten", "n_filters": 4, "alphabet": None,
          "hidden_layer_sizes": (), "distance": "sqeuclidean", "loss": "poisson"}],
    ids=["default", "flatten"],
)  # fmt: skip
def test_what_comes_back_is_the_same_and_trains_on(route, params):
    fitted = make(warm_start=True, **params).fit(WORDS)
    back = route(fitted)
    assert_same_bits(back, fitted)
    np.testing.assert_array_equal(back.transform(WORDS), fitted.transform(WORDS))
    assert back.score(WORDS) == fitted.score(WORDS)
    back.fit(WORDS)
    assert fitted.n_iter_ == 2
    assert_same_bits(back, fitted.fit(WORDS))


def test_pickles_hold_no_torch_and_no_strings():
    strings = draw_words(500, seed=3, alphabet="qwz", shortest=8)
    fitted = make().fit(strings)
    dumped = pickle.dumps(fitted)
    assert b"torch" not in dumped
    assert not any(word.encode() in dumped for word in strings)


# --- Company ------------------------------------------------------------------------


class Recorder:
    """Note each epoch's score on the training data; stop after so many."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.scores = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.data = X

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        if context.task_name == "epoch":
            self.scores.append(fitted_estimator.score(X))
        return len(self.scores) == self.stop_after


def test_callbacks_see_epochs_and_change_nothing():
    recorder, monitor = Recorder(), ScoringMonitor(scoring=None)
    watched = make(max_epochs=3).set_callbacks(recorder, monitor).fit(WORDS)
    assert_same_bits(watched, make(max_epochs=3).fit(WORDS))
    assert recorder.data is WORDS
    expected = [make(max_epochs=n).fit(WORDS).score(WORDS) for n in (1, 2, 3)]
    assert recorder.scores == expected
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert [row["task_id"] for row in rows] == [0, 1, 2]
    stopped = make(max_epochs=9).set_callbacks(Recorder(stop_after=2)).fit(WORDS)
    assert_same_bits(stopped, make().fit(WORDS))


def test_a_progress_bar_shows_epochs(capsys):
    pytest.importorskip("rich")
    make().set_callbacks(ProgressBar()).fit(WORDS)
    printed = capsys.readouterr().out
    assert "LevenshteinStringEmbedder - fit" in printed and "100%" in printed


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_grid_search_by_its_own_score(n_jobs):
    # In threads, which share torch's generator: each fit has its own bits all the same.
    with joblib.parallel_config("threading"):
        search = GridSearchCV(
            make(), {"n_components": [2, 8], "distance": DISTANCES}, cv=KFold(2),
            n_jobs=n_jobs, error_score="raise",
        ).fit(WORDS)  # fmt: skip
    for candidate, params in enumerate(search.cv_results_["params"]):
        for fold, (train, test) in enumerate(KFold(2).split(WORDS)):
            one = make(**params).fit([WORDS[i] for i in train])
            score = one.score([WORDS[i] for i in test])
            assert search.cv_results_[f"split{fold}_test_score"][candidate] == score
    best = make(**search.best_params_).fit(WORDS)
    np.testing.assert_array_equal(search.transform(WORDS), best.transform(WORDS))


def test_a_clusterer_behind_finds_misspellings():
    bases = ["abcdeabc", "eeedda", "cbb"]
    strings = [base[:i] + base[i + 1 :] for base in bases for i in range(len(base))]
    truth = [k for k, base in enumerate(bases) for _ in base]
    pipe = make_pipeline(learner(max_epochs=4), AgglomerativeClustering(3))
    assert adjusted_rand_score(truth, pipe.fit_predict(strings)) == 1


def test_set_output_names_columns_and_keeps_the_index(embedder):
    columns = [f"levenshteinstringembedder{i}" for i in range(8)]
    framed = make().set_output(transform="pandas").fit(WORDS)
    assert framed.get_feature_names_out().tolist() == columns
    series = pd.Series(WORDS, index=[f"row {i}" for i in range(len(WORDS))])
    for frame in (framed.transform(series), framed.fit_transform(series)):
        assert isinstance(frame, pd.DataFrame)
        assert frame.columns.tolist() == columns
        assert frame.index.tolist() == series.index.tolist()
        np.testing.assert_array_equal(frame, embedder.transform(WORDS))


def test_neighbours_by_embedding_are_neighbours_by_edits(trained):
    # By how many edits more than the nearest word is the one that is found away?
    true = EditDistance().cdist(TEST, TEST).astype(float)
    np.fill_diagonal(true, np.inf)
    found = squareform(pdist(trained.transform(TEST)))
    np.fill_diagonal(found, np.inf)
    nearest = true[np.arange(len(TEST)), found.argmin(axis=1)]
    excess = nearest - true.min(axis=1)
    finite = np.isfinite(true)
    chance = true[finite].mean() - true.min(axis=1).mean()
    assert excess.mean() < 0.5 * chance


# --- Real words ---------------------------------------------------------------------


def test_a_short_training_beats_phoc_and_dctow_on_the_george_washington_words():
    manuscript = DATA / "gw_words" / "gw_words_half.npz"
    wikipedia = DATA / "enwiki_17m" / "enwiki_17m.txt.xz"
    for path in (manuscript, wikipedia):
        if not path.exists():
            pytest.skip(f"needs {path.name} in ../shared/data")
    with np.load(manuscript) as data:
        words = sorted(set(data["word"].tolist()))
    with lzma.open(wikipedia, "rt") as text:
        others = set(text.read(500_000).split()) - set(words)
    lexicon = sorted(word for word in others if len(word) <= 20)
    fitted = LevenshteinStringEmbedder(
        hidden_layer_sizes=(256,), epoch_size=3200, max_epochs=4, device="cpu",
        random_state=0,
    ).fit(lexicon)  # fmt: skip
    distances = EditDistance().cdist(words, words)[np.triu_indices(len(words), 1)]
    features = {
        "embedder": fitted.transform(words),
        "PHOC": PHOC(n_bigrams=0).fit_transform(words),
        "DCToW": DCToW().fit_transform(words),
    }
    spearman = {
        name: spearmanr(pdist(vectors), distances).statistic
        for name, vectors in features.items()
    }
    assert spearman["PHOC"] == pytest.approx(0.872, abs=0.001)
    assert spearman["embedder"] > max(spearman["PHOC"], spearman["DCToW"]) + 0.05
