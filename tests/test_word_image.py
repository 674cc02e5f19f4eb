"""WordImageEmbedder: what it learns from images of words, and what it refuses."""

import copy
import itertools
import pickle
import warnings

import joblib
import numpy as np
import pytest
import torch
from rapidfuzz.distance import Levenshtein
from scipy.stats import spearmanr
from sklearn import clone
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler
from skorch.callbacks import Callback

from sklearn_crossmodal import (
    LevenshteinStringEmbedder,
    WordImageEmbedder,
    make_retrieval_scorer,
    word_image,
)
from sklearn_crossmodal.datasets import make_word_images
from sklearn_crossmodal.losses import EDIT_DISTANCE_LOSSES
from sklearn_crossmodal.preprocessing import PHOC, DCToW
from sklearn_crossmodal.utils._checks_data import make_two_views

STRINGS = LevenshteinStringEmbedder(
    n_components=8, n_filters=16, hidden_layer_sizes=(16,), epoch_size=64,
    batch_size=32, max_epochs=2, device="cpu", random_state=0,
)  # fmt: skip
PARAMS = {
    "image_size": (16, 32),
    "channels": (4, 4, 8, 8),
    "columns": (4, 2, 1),
    "hidden_layer_sizes": (16,),
    "n_distractors": 10,
    "fine_tune_epochs": 0,
    "precision": "float32",
    "lr_schedule": "constant",
    "batch_size": 8,
    "max_epochs": 2,
    "device": "cpu",
    "random_state": 0,
}
COSINE = {"y_transformer": PHOC(), "similarity": "cosine"}

N = 24
X, Y = make_two_views("word_images", N, 0)
X_NEW, Y_NEW = make_two_views("word_images", 10, 1)


def make(y_transformer=STRINGS, **params):
    return WordImageEmbedder(y_transformer, **{**PARAMS, **params})


def weights_of(embedder):
    state = embedder.net_.module_.state_dict()
    return {name: value.numpy().copy() for name, value in state.items()}


def learned(embedder):
    """Return the weights and what was recorded, but how long it took."""
    history = [
        {k: v for k, v in row.items() if k != "dur" and not k.endswith("_best")}
        for row in embedder.history_
    ]
    loss = embedder.net_.criterion_.state_dict()
    loss = {name: value.numpy().copy() for name, value in loss.items()}
    return {"towers": weights_of(embedder), "loss": loss, "history": history}


def assert_same_bits(one, other):
    np.testing.assert_equal(learned(one), learned(other))
    np.testing.assert_array_equal(one.transform(X_NEW), other.transform(X_NEW))
    np.testing.assert_array_equal(one.transform_y(Y_NEW), other.transform_y(Y_NEW))


class At(Callback):
    """Call a function when the batches of an epoch begin, or when training does."""

    def __init__(self, epoch, action):
        self.epoch = epoch
        self.action = action

    def on_train_begin(self, net, X, **kwargs):
        if self.epoch is None:
            self.action(X)

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            self.action(net)


def interrupt(net):
    raise KeyboardInterrupt


def training_pairs(embedder, *args, **kwargs):
    """Fit, and return the dataset that was trained on."""
    seen = []
    embedder.set_params(callbacks=[At(None, seen.append)]).fit(*args, **kwargs)
    return seen[0]


@pytest.fixture(scope="module")
def embedder():
    """One fitted: don't change it."""
    return make().fit(X, Y)


@pytest.fixture(scope="module")
def cosine_embedder():
    """One fitted on PHOC: don't change it."""
    return make(**COSINE).fit(X, Y)


@pytest.fixture(scope="module")
def strings():
    """Return a fitted embedder of strings: don't change it."""
    return clone(STRINGS).fit(Y)


# --- It learns ----------------------------------------------------------------------

SYLLABLES = "ba co du fe gi lo mu ne po ra si te".split()
ALPHABET = "".join(sorted(set("".join(SYLLABLES))))
N_TEST = 40


@pytest.fixture(scope="module")
def drawn():
    """Draw 120 words to train with, and 40 others."""
    pytest.importorskip("matplotlib")
    words = [
        "".join(word) for n in (2, 3) for word in itertools.permutations(SYLLABLES, n)
    ]
    words = [words[i] for i in np.random.default_rng(0).permutation(len(words))]
    fonts = ["DejaVuSans", "DejaVuSerif"]
    train = make_word_images(words[:120], 360, fonts=fonts, random_state=0)
    test = make_word_images(
        words[120 : 120 + N_TEST], N_TEST, fonts=fonts, random_state=1
    )
    return train, test


LEARNER = {
    **PARAMS, "image_size": (16, 64), "channels": (8, 16, 24, 32),
    "columns": (8, 4, 2, 1), "hidden_layer_sizes": (64,), "n_distractors": 60,
    "lr_schedule": "one_cycle", "max_epochs": 14, "lr": 5e-3, "batch_size": 24,
    "dropout": 0.0, "augmentation": 0.5,
}  # fmt: skip
TARGETS = {
    "LSDE": {},
    "LSDE, tuned together": {"max_epochs": 10, "fine_tune_epochs": 4},
    "PHOC": {"y_transformer": PHOC(alphabet=ALPHABET), "similarity": "cosine",
             "loss": "cross_entropy"},
    "DCToW": {"y_transformer": DCToW(alphabet=ALPHABET), "similarity": "cosine"},
}  # fmt: skip


@pytest.fixture(scope="module")
def lsde(drawn):
    """Return an embedder of strings that has learned: don't change it."""
    return LevenshteinStringEmbedder(
        24, alphabet=ALPHABET, hidden_layer_sizes=(64,), epoch_size=1280,
        batch_size=64, max_epochs=15, device="cpu", random_state=0,
    ).fit(drawn[0].strings)  # fmt: skip


@pytest.fixture(scope="module", params=list(TARGETS))
def learner(request, drawn, lsde):
    """One that has learned: don't change it."""
    train, _ = drawn
    params = {"y_transformer": FrozenEstimator(lsde), **TARGETS[request.param]}
    return WordImageEmbedder(**{**LEARNER, **params}).fit(train.images, train.strings)


def test_words_never_seen_are_found_and_read(learner, drawn):
    _, test = drawn
    # Chance is the mean of 1/rank over 40 ranks, a tenth.
    assert learner.score(test.images, test.strings) > 0.5
    found, _ = learner.search(test.strings, test.images, n=1)
    assert np.mean(found[:, 0] == np.arange(N_TEST)) > 0.5
    lexicon = [*test.strings, *drawn[0].strings[:60]]
    ranked, _ = learner.rank(test.images, lexicon, n=1)
    right = [row == [word] for row, word in zip(ranked, test.strings, strict=True)]
    assert np.mean(right) > 0.3  # of a hundred


def test_larger_images_are_read_alike(learner, drawn):
    _, test = drawn
    larger = [np.kron(image, np.ones((2, 2), dtype=np.uint8)) for image in test.images]
    assert learner.score(larger, test.strings) > 0.5


def test_losses_fall(learner):
    losses = [row["train_loss"] for row in learner.history_]
    n_first = learner.max_epochs
    assert losses[n_first - 1] < 0.6 * losses[0]
    assert losses[-1] <= losses[min(n_first, len(losses) - 1)]


def test_in_the_space_of_lsde_distances_follow_edit_distances(learner, drawn):
    if learner.similarity == "cosine":
        pytest.skip("that is what LSDE is for")
    _, test = drawn
    images, strings = learner.transform(test.images), learner.transform_y(test.strings)
    edits = [[Levenshtein.distance(a, b) for b in test.strings] for a in test.strings]
    upper = np.triu_indices(N_TEST, 1)
    # Over 780 pairs, that of chance is 0 with a standard deviation of 0.04.
    for a, b in ((images, strings), (images, images), (strings, strings)):
        distances = np.linalg.norm(a[:, None] - b, axis=2)
        assert spearmanr(distances[upper], np.array(edits)[upper]).statistic > 0.25


# --- The string side ----------------------------------------------------------------


def test_the_default_is_an_embedder_of_strings(monkeypatch):
    # The same, but for a fraction of a second.
    defaults = LevenshteinStringEmbedder.__init__.__kwdefaults__
    monkeypatch.setitem(defaults, "max_epochs", 1)
    monkeypatch.setitem(defaults, "epoch_size", 64)
    embedder = make(None).fit(X, Y)
    fitted = embedder.y_transformer_
    assert isinstance(fitted, LevenshteinStringEmbedder)
    assert fitted.random_state == embedder.seed_
    assert embedder.transform(X).shape == (N, 128)
    assert embedder.y_transformer is None
    assert_same_bits(embedder, make(LevenshteinStringEmbedder()).fit(X, Y))


@pytest.mark.parametrize("y_transformer", [STRINGS, PHOC(), DCToW()])
def test_what_is_given_is_cloned_and_its_vectors_are_the_space(y_transformer):
    before = copy.deepcopy(vars(y_transformer))
    embedder = make(y_transformer).fit(X, Y)
    assert vars(y_transformer).keys() == before.keys()
    assert embedder.y_transformer_ is not y_transformer
    np.testing.assert_allclose(
        embedder.transform_y(Y_NEW), embedder.y_transformer_.transform(Y_NEW), atol=1e-5
    )


def test_vectors_may_come_from_any_transformer():
    pipeline = make_pipeline(PHOC(), MinMaxScaler())
    assert_same_bits(make(pipeline).fit(X, Y), make(pipeline).fit(X, Y))
    sparse = make(TfidfVectorizer(analyzer="char"), loss="cross_entropy").fit(X, Y)
    np.testing.assert_allclose(
        sparse.transform_y(Y), sparse.y_transformer_.transform(Y).toarray(), rtol=1e-6
    )
    images = sparse.transform(X)  # like the strings, between 0 and 1
    assert (images > 0).all()
    assert (images < 1).all()


@pytest.mark.parametrize("fine_tune_epochs", [0, 2])
def test_a_frozen_embedder_is_used_as_it_is(strings, fine_tune_epochs):
    before = {k: v.clone() for k, v in strings.net_.module_.state_dict().items()}
    vectors = strings.transform(Y_NEW)
    frozen = FrozenEstimator(strings)
    # With a lexicon of which it has never heard.
    embedder = make(frozen, lexicon=["zzz"], fine_tune_epochs=fine_tune_epochs)
    embedder.fit(X, Y)
    assert embedder.y_transformer_.estimator is strings
    for name, value in strings.net_.module_.state_dict().items():
        assert torch.equal(value, before[name])
    moved = abs(embedder.transform_y(Y_NEW) - vectors).max()
    assert moved > 1e-3 if fine_tune_epochs else moved < 1e-5
    np.testing.assert_array_equal(strings.transform(Y_NEW), vectors)


def test_frozen_vectors(strings):
    phoc = PHOC(alphabet="abdor").fit(Y)
    embedder = make(FrozenEstimator(phoc), **{"similarity": "cosine"}).fit(X, Y)
    vectors = phoc.transform(Y)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(embedder.transform_y(Y), unit, rtol=1e-6)


def test_a_frozen_embedder_has_to_be_fitted():
    for y_transformer in (STRINGS, PHOC()):
        with pytest.raises(NotFittedError, match=type(y_transformer).__name__):
            make(FrozenEstimator(y_transformer)).fit(X, Y)


def test_an_unseeded_embedder_is_seeded():
    unseeded = clone(STRINGS).set_params(random_state=None)
    one, other = (make(unseeded).fit(X, Y) for _ in range(2))
    assert_same_bits(one, other)
    assert unseeded.random_state is None
    different = make(unseeded, random_state=1).fit(X, Y)
    assert (different.transform_y(Y) != one.transform_y(Y)).any()


class Vectors(BaseEstimator):
    """Gives what it is told to."""

    def __init__(self, function):
        self.function = function

    def fit(self, strings, y=None):
        return self

    def transform(self, strings):
        return self.function(strings)


@pytest.mark.parametrize(
    "function, error, match",
    [
        (lambda s: [["a"]] * len(s), TypeError, "one vector of real numbers of each"),
        (lambda s: np.zeros(len(s)), TypeError, r"got shape \(\d+,\)"),
        (lambda s: np.zeros((len(s), 2, 2)), TypeError, r"got shape \(\d+, 2, 2\)"),
        (lambda s: np.zeros((len(s), 2)) * 1j, TypeError, "complex128"),
        (lambda s: np.full((len(s), 2), np.nan), ValueError, "NaN"),
        (lambda s: np.full((len(s), 2), 1e39), ValueError, "infinity"),
        (lambda s: np.zeros((len(s) - 1, 2)), ValueError, r"returned \d+ rows for \d+"),
    ],
)
def test_what_makes_no_vectors(function, error, match):
    with pytest.raises(error, match=match):
        make(Vectors(function)).fit(X, Y)


def test_cross_entropy_takes_vectors_between_0_and_1():
    match = "loss='cross_entropy' takes strings .* between 0 and 1, as those of PHOC"
    for y_transformer in (STRINGS, None, DCToW()):
        embedder = make(y_transformer, loss="cross_entropy")
        with pytest.raises(ValueError, match=match):
            embedder.fit(X, Y)
        assert not hasattr(embedder, "net_")
    embedder = make(PHOC(), loss="cross_entropy", similarity="cosine").fit(X, Y)
    assert ((embedder.transform(X) > 0) & (embedder.transform(X) < 1)).all()


# --- Tuned together -----------------------------------------------------------------


def test_tuning_together_moves_the_strings_and_adds_epochs():
    one, two = make().fit(X, Y), make(fine_tune_epochs=3).fit(X, Y)
    assert (one.n_iter_, two.n_iter_) == (2, 5)
    assert len(two.history_) == len(two.net_.history) == 5
    np.testing.assert_array_equal(
        one.y_transformer_.transform(Y), two.y_transformer_.transform(Y)
    )
    assert abs(two.transform_y(Y) - two.y_transformer_.transform(Y)).max() > 1e-3
    assert learned(two)["history"][:2] == learned(one)["history"]


def test_tuning_together_has_a_learning_rate_of_its_own():
    embedder = make(lr=1e-3, fine_tune_epochs=1, fine_tune_lr=1e-4).fit(X, Y)
    assert embedder.net_.optimizer_.param_groups[0]["lr"] == 1e-4
    frugal = make(lr=1e-3, fine_tune_epochs=1, fine_tune_lr=1e-12).fit(X, Y)
    for view in ("transform_y", "transform"):
        start, slow, fast = (
            getattr(e, view)(X if view == "transform" else Y)
            for e in (make(lr=1e-3).fit(X, Y), frugal, embedder)
        )
        if view == "transform_y":  # images also have statistics of batches
            np.testing.assert_allclose(slow, start, atol=1e-5)
        assert abs(fast - start).max() > abs(slow - start).max()


def test_strings_without_a_net_are_not_tuned():
    for y_transformer in (PHOC(), DCToW(), FrozenEstimator(PHOC().fit(Y))):
        one, other = (
            make(y_transformer, fine_tune_epochs=n, random_state=3).fit(X, Y)
            for n in (0, 5)
        )
        assert_same_bits(one, other)


@pytest.mark.parametrize("loss", ["relative_error", "squared_error", "poisson"])
@pytest.mark.parametrize("distance", ["euclidean", "sqeuclidean"])
def test_the_joint_loss_is_that_of_the_strings(loss, distance):
    strings = clone(STRINGS).set_params(loss=loss, distance=distance)
    embedder = make(strings, fine_tune_epochs=1, edit_weight=0.7).fit(X, Y)
    criterion = embedder.net_.criterion_
    assert type(criterion.loss) is EDIT_DISTANCE_LOSSES[loss]
    assert criterion.loss.distance == distance
    assert criterion.weights == (0.7, 1.0)


@pytest.mark.parametrize("pooling", ["soft_positions", "flatten"])
@pytest.mark.parametrize("metric", ["indel", "osa"])
def test_strings_of_any_kind_are_tuned(pooling, metric):
    strings = clone(STRINGS).set_params(pooling=pooling, metric=metric)
    embedder = make(strings, lexicon=["dro", "drodrodro"], fine_tune_epochs=1)
    embedder.fit(X, Y)
    assert np.isfinite(embedder.transform_y(["a", "", "drobadro"])).all()


# --- Cut short ----------------------------------------------------------------------


def test_ctrl_c_in_the_first_epoch_fits_nothing():
    embedder = make(callbacks=[At(1, interrupt)], fine_tune_epochs=2)
    with pytest.raises(KeyboardInterrupt):
        embedder.fit(X, Y)
    assert not [name for name in vars(embedder) if name.endswith("_")]


@pytest.mark.parametrize(
    "epoch, params",
    [(2, {"max_epochs": 1}),
     (3, {"max_epochs": 2}),
     (4, {"max_epochs": 2, "fine_tune_epochs": 1})],
    ids=["images", "first joint epoch", "second joint epoch"],
)  # fmt: skip
def test_ctrl_c_keeps_the_last_complete_epoch(epoch, params):
    embedder = make(fine_tune_epochs=3, callbacks=[At(epoch, interrupt)])
    with pytest.raises(KeyboardInterrupt):
        embedder.fit(X, Y)
    whole = make(**params).fit(X, Y)
    for one in (embedder, pickle.loads(pickle.dumps(embedder))):
        assert one.n_iter_ == len(one.history_) == epoch - 1
        np.testing.assert_equal(weights_of(one), weights_of(whole))
        np.testing.assert_array_equal(one.transform(X_NEW), whole.transform(X_NEW))
    embedder.set_params(callbacks=None, warm_start=True).fit(X, Y)
    assert embedder.n_iter_ == epoch - 1 + 5


def test_early_stopping_holds_out_words_and_restores_the_best():
    params = {"early_stopping": True, "validation_fraction": 0.4, "max_epochs": 12,
              "n_iter_no_change": 3, "lr": 0.01}  # fmt: skip
    embedder = make(**params)
    pairs = training_pairs(embedder, X, Y)
    held_out = [i for i, word in enumerate(Y) if word not in pairs.strings]
    assert len(pairs) == N - len(held_out)  # all of a word, or none
    assert 2 <= len(held_out) < N / 2 + 2
    scores = [row["valid_score"] for row in embedder.history_]
    best = int(np.argmax(scores))
    assert len(scores) == min(12, best + 1 + 3)
    score = embedder.score([X[i] for i in held_out], [Y[i] for i in held_out])
    assert score == pytest.approx(max(scores), abs=1e-9)


def test_early_stopping_of_both_stages():
    embedder = make(
        early_stopping=True, validation_fraction=0.4, fine_tune_epochs=2
    ).fit(X, Y)
    assert embedder.n_iter_ == 4
    assert all("valid_score" in row for row in embedder.history_)


# --- Going on -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "params", [{}, COSINE, {"balance": 0.0, "attributes": None}], ids=str
)
def test_two_epochs_and_two_more_are_four_to_the_bit(params):
    going_on = make(warm_start=True, **params).fit(X, Y)
    assert_same_bits(going_on, make(**params).fit(X, Y))
    going_on.fit(X, Y)
    assert_same_bits(going_on, make(max_epochs=4, **params).fit(X, Y))


def test_a_warm_start_keeps_what_was_tuned():
    embedder = make(warm_start=True, fine_tune_epochs=1).fit(X, Y)
    tuned = embedder.transform_y(Y)
    embedder.set_params(fine_tune_epochs=0).fit(X, Y)
    np.testing.assert_array_equal(embedder.transform_y(Y), tuned)
    embedder.set_params(fine_tune_epochs=1).fit(X, Y)
    assert (embedder.transform_y(Y) != tuned).any()
    assert embedder.n_iter_ == 3 + 2 + 3


def test_passes_one_by_one_are_epochs_to_the_bit():
    passes = make().partial_fit(X, Y).partial_fit(X, Y)
    assert_same_bits(passes, make().fit(X, Y))
    passes.partial_fit(X_NEW, Y_NEW)
    assert passes.n_iter_ == 3
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping"):
        make(early_stopping=True).partial_fit(X, Y)


@pytest.mark.parametrize(
    "changed, match",
    [({"channels": (4, 4, 8, 16)}, "channels changed since"),
     ({"columns": (4, 1)}, "columns changed since"),
     ({"loss": "cross_entropy"}, "loss changed to or from 'cross_entropy' since")],
)  # fmt: skip
def test_going_on_with_other_towers_is_refused(changed, match):
    embedder = make(warm_start=True, **COSINE).fit(X, Y)
    before = learned(embedder)
    embedder.set_params(**changed)
    with pytest.raises(ValueError, match=match):
        embedder.fit(X, Y)
    np.testing.assert_equal(learned(embedder), before)


# --- Lexicon ------------------------------------------------------------------------


def test_a_lexicon_teaches_strings_and_distracts():
    lexicon = ["zebu", "quoll", "zebu", Y[0]]
    learning = clone(STRINGS).set_params(alphabet=None)
    embedder = make(learning, lexicon=lexicon)
    pairs = training_pairs(embedder, X, Y)
    assert set("zebuqoll") <= set(embedder.y_transformer_.alphabet_)
    assert set(pairs.pool) == {*Y, *lexicon}
    assert set(pairs.strings) == set(Y)
    without = training_pairs(make(), X, Y)
    assert set(without.pool) == set(Y)
    # What attributes there are, images tell.
    assert set(embedder.attributes_.bigrams_) <= {
        a + b for word in Y for a, b in itertools.pairwise(word)
    }


def test_a_large_lexicon_is_sampled(monkeypatch):
    monkeypatch.setattr(word_image, "_MAX_POOL", 5)
    lexicon = [f"word{i}" for i in range(50)]
    pools = [
        training_pairs(make(PHOC(), lexicon=lexicon, random_state=seed), X, Y).pool
        for seed in (0, 0, 1)
    ]
    words = set(Y)
    assert words <= set(pools[0])
    assert len(pools[0]) == len(words) + 5
    assert len(set(pools[0]) - words) == 5
    assert pools[0] == pools[1] != pools[2]


@pytest.mark.parametrize("convert", [list, tuple, np.array])
def test_a_lexicon_is_shared_by_clones(convert):
    lexicon = convert(["zebu", "quoll"])
    embedder = make(lexicon=lexicon)
    cloned = clone(embedder)
    assert cloned.lexicon is embedder.lexicon is lexicon
    assert cloned.y_transformer is not embedder.y_transformer
    assert_same_bits(cloned.fit(X, Y), make(lexicon=["zebu", "quoll"]).fit(X, Y))


@pytest.mark.parametrize(
    "lexicon, error, match",
    [(["zebu", None], TypeError, "Entry 1 of lexicon is None"),
     (["zebu", 3], TypeError, "Entry 1 of lexicon is 3 .int.; expected a str"),
     ([b"zebu"], TypeError, "Entry 0 of lexicon is b'zebu' .bytes"),
     ([], ValueError, "lexicon is empty"),
     ("zebu", ValueError, "'lexicon' parameter of WordImageEmbedder must be"),
     (7, ValueError, "'lexicon' parameter of WordImageEmbedder must be")],
)  # fmt: skip
def test_a_lexicon_that_is_none(lexicon, error, match):
    with pytest.raises(error, match=match):
        make(lexicon=lexicon).fit(X, Y)


# --- Attributes ---------------------------------------------------------------------


def n_outputs(embedder):
    weights = weights_of(embedder)
    return weights[[name for name in weights if name.startswith("image.head")][-1]].size


def test_attributes_are_predicted_beside_and_not_used():
    plain, beside = make(attributes=None).fit(X, Y), make().fit(X, Y)
    assert plain.attributes_ is None
    assert isinstance(beside.attributes_, PHOC)
    assert beside.attributes_.alphabet_ == beside.y_transformer_.alphabet_
    n_attributes = beside.attributes_.transform(Y).shape[1]
    assert n_outputs(plain) == 8
    assert n_outputs(beside) == 8 + n_attributes
    assert plain.transform(X).shape == beside.transform(X).shape == (N, 8)
    assert (plain.transform(X) != beside.transform(X)).any()


def test_default_attributes_fold_as_the_strings_do():
    strings = clone(STRINGS).set_params(
        alphabet=None, lowercase=False, strip_accents="unicode"
    )
    attributes = make(strings).fit(X, Y).attributes_
    assert attributes.lowercase is False
    assert attributes.strip_accents == "unicode"
    assert set(attributes.alphabet_) == set("".join(Y))
    assert make(DCToW(alphabet="abdor")).fit(X, Y).attributes_.alphabet_ == "abdor"


def test_phoc_is_not_predicted_twice(cosine_embedder):
    assert cosine_embedder.attributes_ is None
    frozen = make(FrozenEstimator(PHOC().fit(Y))).fit(X, Y)
    assert frozen.attributes_ is None
    assert make(PHOC(), attributes=PHOC()).fit(X, Y).attributes_ is not None


@pytest.mark.parametrize(
    "attributes, n_attributes",
    [(TfidfVectorizer(analyzer="char"), len(set("".join(Y)))),
     (Vectors(lambda s: np.array([["b" in w, "d" in w] for w in s])), 2),
     (FunctionTransformer(lambda s: [[len(w) / 20] for w in s]), 1),
     (FrozenEstimator(PHOC(alphabet="ab", levels=[2], n_bigrams=0).fit(Y)), 4)],
)  # fmt: skip
def test_attributes_of_ones_own(attributes, n_attributes):
    embedder = make(attributes=attributes).fit(X, Y)
    assert n_outputs(embedder) == 8 + n_attributes
    assert_same_bits(embedder, clone(embedder).fit(X, Y))


@pytest.mark.parametrize(
    "attributes, match",
    [(DCToW(), "attributes must be numbers between 0 and 1; DCToW gave numbers from"),
     (Vectors(lambda s: np.full((len(s), 2), np.nan)), "between 0 and 1; Vectors gave"),
     (Vectors(lambda s: np.zeros(len(s))), r"a vector; Vectors gave shape \(24,\)"),
     (Vectors(lambda s: np.zeros((3, 2))), r"of 24 strings a vector; .*\(3, 2\)")],
)  # fmt: skip
def test_attributes_that_are_none(attributes, match):
    with pytest.raises(ValueError, match=match):
        make(attributes=attributes).fit(X, Y)


# --- Characters ---------------------------------------------------------------------


def test_other_alphabets():
    greek = dict(zip("abdor", "αβδορ", strict=True))
    y = ["".join(map(greek.get, word)) for word in Y]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for y_transformer in (
            clone(STRINGS).set_params(alphabet=None), PHOC(alphabet="αβδορ"),
            DCToW(alphabet=None),
        ):  # fmt: skip
            embedder = make(y_transformer, fine_tune_epochs=1).fit(X, y)
            embedded = embedder.transform_y(["αβ", "βα"])
            assert (embedded[0] != embedded[1]).any()
    assert_same_greek = make(clone(STRINGS).set_params(alphabet="αβδορ")).fit(X, y)
    latin = make(clone(STRINGS).set_params(alphabet="abdor")).fit(X, Y)
    np.testing.assert_equal(weights_of(assert_same_greek), weights_of(latin))


def test_unknown_characters_are_told_of_and_share_a_row(embedder):
    with pytest.warns(UserWarning, match="2 characters are outside the alphabet in 2"):
        embedded = embedder.transform_y(["ba!", "ba?", "ba"])
    np.testing.assert_allclose(embedded[0], embedded[1], atol=1e-6)
    with pytest.warns(UserWarning, match="outside the alphabet"):
        make().fit(X, [f"{word}?" for word in Y])


def test_the_empty_string_has_a_place():
    y = ["" if i % 3 == 0 else word for i, word in enumerate(Y)]
    for y_transformer in (STRINGS, PHOC(), DCToW()):
        for similarity in ("euclidean", "cosine"):
            embedder = make(
                y_transformer, similarity=similarity, fine_tune_epochs=1
            ).fit(X, y)
            assert np.isfinite(embedder.transform_y(["", "ba"])).all()
            assert np.isfinite(embedder.score(X, y))


CASES = [word.upper() if i % 2 else word.title() for i, word in enumerate(Y)]


@pytest.mark.parametrize("y_transformer", [STRINGS, PHOC(), DCToW()])
def test_case_is_folded_in_training_and_in_the_score(y_transformer):
    lower, mixed = (make(y_transformer).fit(X, y) for y in (Y, CASES))
    assert_same_bits(lower, mixed)
    assert lower.score(X, CASES) == lower.score(X, Y)
    both = [*X, *X], [*Y, *CASES]
    folded = [word.lower() for word in both[1]]
    assert lower.score(*both) == lower.score(*both, groups=folded)
    assert lower.score(*both) != lower.score(*both, groups=both[1])


def test_case_is_told_apart_where_the_strings_tell_it_apart():
    strings = clone(STRINGS).set_params(alphabet=None, lowercase=False)
    both = [*X, *X], [*Y, *CASES]
    embedder = make(strings)
    pairs = training_pairs(embedder, *both)
    assert set(pairs.strings) == {*Y, *CASES}
    assert embedder.score(*both) == embedder.score(*both, groups=both[1])


def test_accents_are_folded_where_the_strings_fold_them():
    accented = [word.replace("a", "á") for word in Y]
    strings = clone(STRINGS).set_params(strip_accents="unicode")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same_bits(make(strings).fit(X, accented), make(strings).fit(X, Y))


# --- Words, groups and scores -------------------------------------------------------


def test_rows_of_one_word_are_one_group_unless_groups_are_given(embedder):
    assert len(set(Y)) < N
    assert embedder.score(X, Y) == embedder.score(X, Y, groups=Y)
    assert embedder.score(X, Y) > embedder.score(X, Y, groups=np.arange(N))
    held_out = {"early_stopping": True, "validation_fraction": 0.4}
    by_word, by_default = (
        training_pairs(make(**held_out), X, Y, groups=groups) for groups in (Y, None)
    )
    assert by_word.strings == by_default.strings
    own = training_pairs(make(**held_out), X, Y, groups=np.arange(N) // 3)
    assert own.strings != by_default.strings
    assert all(np.bincount(own.groups[own.rows])[list(set(own.groups[own.rows]))] == 3)


def test_mean_average_precision_is_by_words(embedder):
    for metrics in ("map", ["map", "mrr", "recall@5"]):
        scorer = make_retrieval_scorer(metrics)
        assert scorer(embedder, X, Y) == scorer(embedder, X, Y, labels=Y)
    for direction in ("x_to_y", "y_to_x"):
        scorer = make_retrieval_scorer("map", direction=direction)
        assert scorer(embedder, X, Y) == scorer(embedder, X, Y, labels=Y)
        assert scorer(embedder, X, Y) != scorer(embedder, X, Y, groups=np.arange(N))


def test_one_search_compares_the_strings():
    search = GridSearchCV(
        make(random_state=1),
        [{"y_transformer": [STRINGS]},
         {"y_transformer": [PHOC(), DCToW()], "similarity": ["cosine"]}],
        scoring=make_retrieval_scorer("map"), cv=2, error_score="raise",
    ).fit(X, Y)  # fmt: skip
    assert len(search.cv_results_["params"]) == 3
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    found = type(search.best_estimator_.y_transformer_)
    assert found is type(search.best_params_["y_transformer"])
    assert search.transform(X_NEW).shape[0] == len(X_NEW)


def test_cross_validation_by_words():
    _, codes = np.unique(Y, return_inverse=True)
    result = cross_validate(
        make(), X, Y, groups=codes, cv=GroupKFold(3), error_score="raise",
        scoring=make_retrieval_scorer(["map", "mrr"]),
    )  # fmt: skip
    assert (result["test_map"] > 0).all()


# --- Retrieval ----------------------------------------------------------------------


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def brute_force(queries, gallery, similarity):
    if similarity == "cosine":
        return unit(queries) @ unit(gallery).T
    return -np.sqrt(((queries[:, None] - gallery) ** 2).sum(axis=2))


@pytest.mark.parametrize("similarity", ["euclidean", "cosine"])
@pytest.mark.parametrize("n", [1, 4, N])
def test_search_and_rank_equal_brute_force(embedder, cosine_embedder, similarity, n):
    one = embedder if similarity == "euclidean" else cosine_embedder
    queries = ["ba", "drobra", "dodo"]
    images = one.transform(X).astype(float)
    words = one.transform_y(queries).astype(float)
    found, similarities = one.search(queries, X, n=n)
    check_best(found, similarities, brute_force(words, images, similarity), n)
    lexicon = list(dict.fromkeys(Y))
    ranked, similarities = one.rank(X_NEW, lexicon, n=n)
    n = min(n, len(lexicon))
    found = np.array([[lexicon.index(word) for word in row] for row in ranked])
    scores = brute_force(
        one.transform(X_NEW).astype(float), one.transform_y(lexicon).astype(float),
        similarity,
    )  # fmt: skip
    check_best(found, similarities, scores, n)


def check_best(found, similarities, scores, n):
    assert found.shape == similarities.shape == (len(scores), n)
    assert found.dtype == np.int64
    assert similarities.dtype == np.float32
    np.testing.assert_allclose(
        similarities, np.take_along_axis(scores, found, axis=1), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        similarities, -np.sort(-scores, axis=1)[:, :n], rtol=1e-4, atol=1e-5
    )
    assert all(len(set(row)) == n for row in found.tolist())


def test_no_more_is_found_than_there_is(embedder):
    found, similarities = embedder.search(["ba"], X[:3], n=100)
    assert sorted(found[0]) == [0, 1, 2]
    assert similarities.shape == (1, 3)
    ranked, similarities = embedder.rank(X[:2], ["ba"], n=100)
    assert ranked == [["ba"], ["ba"]]
    assert similarities.shape == (2, 1)


@pytest.mark.parametrize("n", [0, -1, 2.5, None, "3"])
def test_how_many_has_to_be_a_number(embedder, n):
    with pytest.raises(ValueError, match="n must be an integer of at least 1; got"):
        embedder.search(["ba"], X, n=n)
    with pytest.raises(ValueError, match="n must be an integer of at least 1; got"):
        embedder.rank(X, ["ba"], n=n)


def test_what_is_searched_for_has_to_be_a_list_of_strings(embedder):
    for method in (lambda s: embedder.search(s, X), lambda s: embedder.rank(X, s)):
        with pytest.raises(TypeError, match="strings is one str, 'ba'"):
            method("ba")
        with pytest.raises(TypeError, match="Entry 1 of strings is None"):
            method(["ba", None])
        with pytest.raises(ValueError, match="strings is empty"):
            method([])


def test_retrieval_with_pandas_output():
    pd = pytest.importorskip("pandas")
    plain = make().fit(X, Y)
    pandas = make().set_output(transform="pandas").fit(X, Y)
    frame = pandas.transform(X)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == [f"wordimageembedder{i}" for i in range(8)]
    series = pd.Series(Y_NEW, index=range(5, 15))
    assert list(pandas.transform_y(series).index) == list(range(5, 15))
    np.testing.assert_array_equal(frame.to_numpy(), plain.transform(X))
    for one, other in zip(
        pandas.search(Y_NEW, X), plain.search(Y_NEW, X), strict=True
    ):  # fmt: skip
        np.testing.assert_array_equal(one, other)


# --- Several transcriptions ---------------------------------------------------------


def test_an_image_may_have_several_transcriptions():
    y = [[word, f"{word}s"] if i % 2 else [word] for i, word in enumerate(Y)]
    embedder = make(fine_tune_epochs=1)
    pairs = training_pairs(embedder, X, y)
    assert len(pairs) == N + N // 2
    assert pairs.strings == [word for row in y for word in row]
    np.testing.assert_array_equal(
        pairs.rows, [i for i, row in enumerate(y) for _ in row]
    )
    words = embedder.transform_y([f"{Y[1]}s", Y[1]])
    np.testing.assert_allclose(
        embedder.transform_y([y[1]])[0], words.mean(axis=0), atol=1e-5
    )
    assert 0 < embedder.score(X, y) < 1


def test_lists_of_one_transcription_are_transcriptions():
    assert_same_bits(make().fit(X, [[word] for word in Y]), make().fit(X, Y))


# --- Precision and determinism ------------------------------------------------------


def test_training_in_bfloat16_is_close():
    exact, low = (
        make(precision=precision, lr=1e-4).fit(X, Y)
        for precision in ("float32", "bfloat16")
    )
    assert (exact.transform(X) != low.transform(X)).any()
    for one in (exact, low):
        assert one.transform(X).dtype == np.float32
        assert all(w.dtype != torch.bfloat16 for w in one.net_.module_.parameters())
    losses = [[row["train_loss"] for row in one.history_] for one in (exact, low)]
    np.testing.assert_allclose(*losses, rtol=0.02)
    spread = exact.transform(X).std()
    assert abs(exact.transform(X) - low.transform(X)).max() < 0.1 * spread


def test_an_image_is_embedded_alike_in_any_company():
    embedder = make(precision="bfloat16").fit(X, Y)
    together = embedder.transform(X)
    alone = np.concatenate([embedder.transform([image]) for image in X])
    np.testing.assert_allclose(alone, together, atol=1e-5)
    turned = embedder.transform(X[::-1])[::-1]
    np.testing.assert_allclose(turned, together, atol=1e-5)
    words = np.concatenate([embedder.transform_y([word]) for word in Y])
    np.testing.assert_allclose(words, embedder.transform_y(Y), atol=1e-5)


def test_seeds():
    one = make().fit(X, Y)
    assert_same_bits(one, make(random_state=np.int64(0)).fit(X, Y))
    other = make(random_state=1).fit(X, Y)
    assert (one.transform(X) != other.transform(X)).any()
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()
    make().fit(X, Y)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)
    assert torch.equal(torch.get_rng_state(), torch_state)


@pytest.mark.parametrize("params", [{}, {"fine_tune_epochs": 1}, COSINE], ids=str)
def test_what_is_saved_comes_back(params, tmp_path):
    embedder = make(**params, lexicon=["zebu"]).fit(X, Y)
    joblib.dump(embedder, tmp_path / "embedder.joblib")
    for loaded in (
        pickle.loads(pickle.dumps(embedder)), copy.deepcopy(embedder),
        joblib.load(tmp_path / "embedder.joblib"),
    ):  # fmt: skip
        assert_same_bits(loaded, embedder)
        assert (
            loaded.search(["ba"], X)[0].tolist()
            == embedder.search(["ba"], X)[0].tolist()
        )
        # And it goes on from there.
        again = copy.deepcopy(embedder).partial_fit(X, Y)
        np.testing.assert_equal(weights_of(loaded.partial_fit(X, Y)), weights_of(again))


# --- Images -------------------------------------------------------------------------


def test_contrast_dtype_and_size_of_images_hardly_matter(embedder):
    expected = embedder.transform(X)
    spread = expected.std()
    for changed in (
        [3.5 * image.astype(float) - 7 for image in X],
        [image.astype(np.float32) / 255 for image in X],
        [np.repeat(image[:, :, None], 4, axis=2) for image in X],
    ):
        assert abs(embedder.transform(changed) - expected).max() < 0.05 * spread


def test_light_ink():
    dark = make().fit(X, Y)
    light = make(ink="light").fit([255 - image for image in X], Y)
    spread = dark.transform(X).std()
    difference = light.transform([255 - image for image in X]) - dark.transform(X)
    assert abs(difference).max() < 0.1 * spread


def test_containers_of_images_and_strings(tmp_path):
    pd = pytest.importorskip("pandas")
    images = np.random.default_rng(0).integers(256, size=(N, 20, 30))
    expected = make().fit(images, Y)
    np.save(tmp_path / "images.npy", images)
    objects = np.empty(N, dtype=object)
    objects[:] = list(images)
    for X_same, y_same in (
        (list(images), np.array(Y)), (np.load(tmp_path / "images.npy", mmap_mode="r"),
        tuple(Y)), (objects, pd.Series(Y, index=np.arange(N)[::-1])),
        (pd.Series(list(images)), np.array(Y, dtype=object)),
    ):  # fmt: skip
        assert_same_bits(make().fit(X_same, y_same), expected)


@pytest.mark.parametrize(
    "image, error, match",
    [(np.zeros((0, 5)), ValueError, "Image 3 of X is empty"),
     (np.full((2, 2), np.nan), ValueError, "Image 3 of X has pixels that are NaN"),
     (np.zeros(4), ValueError, r"Image 3 of X must have shape .*got shape \(4,\)"),
     (None, TypeError, "Image 3 of X must be an array of real numbers; got NoneType"),
     ("page.png", TypeError, "Image 3 of X must be an array of real numbers; got str")],
)  # fmt: skip
def test_an_image_that_is_none(embedder, image, error, match):
    images = [*X[:3], image, *X[4:]]
    for call in (
        lambda: make().fit(images, Y), lambda: embedder.transform(images),
        lambda: embedder.score(images, Y), lambda: embedder.search(["ba"], images),
        lambda: embedder.rank(images, ["ba"]),
    ):  # fmt: skip
        with pytest.raises(error, match=match):
            call()


def test_one_bare_image(embedder):
    with pytest.raises(ValueError, match="Wrap a single image in a list"):
        embedder.transform(X[0])
    with pytest.raises(ValueError, match="Wrap a single image in a list"):
        make().fit(np.zeros((N, 20)), Y)


# --- Strings ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry, match",
    [(None, "Row 2 of y must be a str or a list of str; got None"),
     (np.nan, "Row 2 of y must be a str or a list of str; got nan"),
     (b"ba", "Row 2 of y must be .* Decode it first"),
     (3, "Row 2 of y must be .* y must be all text or all numbers"),
     (["ba", None], "Row 2 of y must be a str or a list of str; got None")],
)  # fmt: skip
def test_a_transcription_that_is_none(embedder, entry, match):
    y = [*Y[:2], entry, *Y[3:]]
    for call in (
        lambda: make().fit(X, y), lambda: embedder.transform_y(y),
        lambda: embedder.score(X, y),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=match):
            call()


@pytest.mark.parametrize(
    "y",
    [np.arange(N), np.zeros((N, 3)), [0.5] * N, [np.nan] * N,
     [np.zeros((1 + i % 2, 3)) for i in range(N)]],
    ids=["integers", "vectors", "floats", "nan", "bags"],
)  # fmt: skip
def test_numbers_are_no_transcriptions(embedder, y):
    match = "WordImageEmbedder reads strings, the transcriptions of the images, and y"
    for call in (
        lambda: make().fit(X, y), lambda: embedder.transform_y(y),
        lambda: embedder.score(X, y),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=match):
            call()


def test_as_many_images_as_strings(embedder):
    for y in (Y[:-1], [*Y, "ba"]):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            make().fit(X, y)
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            embedder.score(X, y)
    with pytest.raises(ValueError, match="requires y to be passed"):
        make().fit(X, None)
    with pytest.raises(ValueError, match="at least 2 images to fit; got 1"):
        make().fit(X[:1], Y[:1])
    with pytest.raises(ValueError, match="row|Row"):
        make().fit(X, [[], *[[word] for word in Y[1:]]])


def test_images_of_one_word_have_nothing_to_tell_apart(strings):
    one_word = [Y[0], Y[0].upper()] * (N // 2)
    with pytest.raises(ValueError, match="All strings are equal: "):
        make().fit(X, one_word)
    match = f"All images are of one word, '{Y[0]}': there is nothing to tell apart"
    for y_transformer in (PHOC(), DCToW(), FrozenEstimator(strings)):
        with pytest.raises(ValueError, match=match):
            make(y_transformer).fit(X, one_word)


# --- Parameters ---------------------------------------------------------------------


def test_nothing_is_embedded_before_fit():
    for call in (
        lambda: make().transform(X), lambda: make().transform_y(Y),
        lambda: make().score(X, Y), lambda: make().search(["ba"], X),
        lambda: make().rank(X, ["ba"]),
    ):  # fmt: skip
        with pytest.raises(NotFittedError, match="WordImageEmbedder"):
            call()


@pytest.mark.parametrize(
    "params, match",
    [({"image_size": (32,)}, "image_size must be two integers of at least 8"),
     ({"image_size": (4, 32)}, "image_size must be two integers of at least 8"),
     ({"channels": (4, 4, 8)}, r"channels must hold 4 integers; got \(4, 4, 8\)"),
     ({"channels": (4, 4, 8, 0)}, "channels must hold integers of at least 1"),
     ({"columns": ()}, "columns is empty"),
     ({"columns": (4, 0)}, "columns must hold integers of at least 1"),
     ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes must hold integers of at"),
     ({"ink": "blue"}, "'ink' parameter"),
     ({"loss": "euclidean"}, "'loss' parameter"),
     ({"similarity": "dot"}, "'similarity' parameter"),
     ({"attributes": "letters"}, "'attributes' parameter"),
     ({"y_transformer": "phoc"}, "'y_transformer' parameter"),
     ({"precision": "float16"}, "'precision' parameter"),
     ({"dropout": 1.0}, "'dropout' parameter"),
     ({"balance": -1}, "'balance' parameter"),
     ({"augmentation": -0.1}, "'augmentation' parameter"),
     ({"fine_tune_epochs": -1}, "'fine_tune_epochs' parameter"),
     ({"fine_tune_lr": 0.0}, "'fine_tune_lr' parameter"),
     ({"edit_weight": -1}, "'edit_weight' parameter"),
     ({"n_distractors": 2.5}, "'n_distractors' parameter"),
     ({"batch_size": 1}, "'batch_size' parameter"),
     ({"device": "warp"}, "device='warp' is not a torch device")],
    ids=str,
)  # fmt: skip
def test_parameters_out_of_range(params, match):
    embedder = make(**params)
    with pytest.raises(ValueError, match=match):
        embedder.fit(X, Y)
    assert not [name for name in vars(embedder) if name.endswith("_")]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there():
    with pytest.raises(ValueError, match="torch finds no CUDA device"):
        make(device="cuda").fit(X, Y)


@pytest.mark.parametrize(
    "params",
    [{"softmax_weight": 0.0}, {"loss_weight": 0.0}, {"n_distractors": 0},
     {"attribute_weight": 0.0}, {"loss": "cosine"}, {"balance": 2.0},
     {"hidden_layer_sizes": ()}, {"columns": (30, 1)}, {"image_size": [8, 8]},
     {"lr_schedule": "cosine"}, {"optimizer": "sgd", "weight_decay": 0.0},
     {"augmentation": 0}, {"augmentation": 3.0}, {"batch_size": 23},
     {"batch_size": 1000}, {"max_grad_norm": None}, {"precision": "auto"}],
    ids=str,
)  # fmt: skip
def test_parameters_at_the_edges_change_what_is_learned(params, embedder):
    other = make(**params, fine_tune_epochs=1).fit(X, Y)
    assert np.isfinite(other.transform(X)).all()
    plain = make(fine_tune_epochs=1).fit(X, Y)
    exact = params == {"precision": "auto"}  # where the processor has no bfloat16
    assert exact or (other.transform(X) != plain.transform(X)).any()


def test_without_a_softmax_nothing_is_drawn_to_distract():
    pairs = training_pairs(make(softmax_weight=0.0), X, Y)
    views, targets = pairs[np.arange(4)]
    assert len(views["y"]) == targets["edits"].shape[1] == 4
