"""Error types of matching: rules by hand, shares against a loop."""

import warnings

import numpy as np
import pytest
from gensim.models import KeyedVectors
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_crossmodal.metrics import matching_error_report, word_matching_report

TYPES = ("sparsity", "synonym", "confusion", "other")


def close(values):
    return pytest.approx(values, abs=1e-10, nan_ok=True)


def keyed(vectors, counts):
    result = KeyedVectors(len(next(iter(vectors.values()))))
    result.add_vectors(list(vectors), np.array(list(vectors.values()), np.float32))
    for word, count in counts.items():
        result.set_vecattr(word, "count", count)
    return result


def unit(rows):
    rows = np.asarray(rows, dtype=float)
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


# --- By hand -------------------------------------------------------------------------

WORDS = {"ketch": [1, 0, 0, 0], "schooner": [0, 1, 0, 0],
         "pizza": [0, 0, 1, 0], "watch": [0, 0, 0, 1]}  # fmt: skip
COUNTS = {"ketch": 10, "schooner": 1000, "pizza": 1000, "watch": 1000}
# In text ketch and schooner are near each other; on photos pizza and watch are.
TEXT = {"ketch": [1, 0.2], "schooner": [1, 0.1], "pizza": [-1, 0], "watch": [0, 1]}
FEATURES = {"ketch": [1, 0, 0], "schooner": [0, 1, 0], "pizza": [0, 0.1, 1],
            "watch": [0, 0, 1]}  # fmt: skip


def shown(pairs, **options):
    """Report on images that are named by the first word and embedded as the second."""
    y = [word for word, _ in pairs]
    # One image of each word that is matched, so that the features are known.
    X = [WORDS[seen] for _, seen in pairs]
    features = [FEATURES[word] for word in y]
    options = {
        "sparsity": 100,
        "synonym": 0.9,
        "confusion": 0.9,
        "text_vectors": TEXT,
        "image_features": features,
        "words": list(WORDS),
    } | options
    return matching_error_report(
        None, X, y, word_vectors=keyed(WORDS, COUNTS), **options
    )


def test_each_rule():
    right = [(word, word) for word in WORDS]
    wrong = [
        ("ketch", "schooner"),  # rare, and a synonym too
        ("schooner", "ketch"),
        ("pizza", "watch"),
        ("watch", "schooner"),
    ]
    report = shown(right + wrong)
    errors = report.errors["image_to_word"]
    assert [e.row for e in errors] == [4, 5, 6, 7]
    assert [(e.word, *e.found) for e in errors] == wrong
    assert [e.type for e in errors] == list(TYPES)
    assert report.shares["image_to_word"] == dict.fromkeys(TYPES, 0.25)
    assert report.any_shares["image_to_word"] == close(
        {"sparsity": 0.25, "synonym": 0.5, "confusion": 0.25, "other": 0.25}
    )
    assert report.n_errors["image_to_word"] == 4
    assert report.n_pairs == 8
    assert report.thresholds == {"sparsity": 100, "synonym": 0.9, "confusion": 0.9}
    assert "less than 100 times" in str(report)


def test_words_that_find_images():
    # The word watch finds the image of the pizza, and the other way round.
    report = shown([("ketch", "ketch"), ("schooner", "schooner"),
                    ("pizza", "watch"), ("watch", "pizza")])  # fmt: skip
    errors = report.errors["word_to_image"]
    assert [(e.word, e.found, e.type) for e in errors] == [
        ("pizza", ("watch",), "confusion"),
        ("watch", ("pizza",), "confusion"),
    ]
    assert [e.row for e in errors] == [2, 3]  # the images that should be found
    assert report.n_errors == {"image_to_word": 2, "word_to_image": 2}


def test_without_errors():
    report = shown([(word, word) for word in WORDS])
    assert report.n_errors == {"image_to_word": 0, "word_to_image": 0}
    assert np.isnan(list(report.shares["image_to_word"].values())).all()
    assert "nan" in str(report)


def test_found_images_of_several_words():
    y = [["pizza", "ketch"], ["watch"], ["schooner"]]
    X = [WORDS["watch"], WORDS["pizza"], WORDS["schooner"]]
    report = matching_error_report(
        None,
        X,
        y,
        word_vectors=keyed(WORDS, COUNTS),
        text_vectors=TEXT | {"watch": [1, 0.2]},
        image_features=np.eye(3),
        sparsity=0,
        synonym=0.9,
        confusion=0.9,
    )
    # The word watch finds the image of pizza and ketch, and ketch is its synonym here.
    assert [e for e in report.errors["word_to_image"] if e.word == "watch"] == [
        (1, "watch", ("pizza", "ketch"), "synonym")
    ]


def test_words_without_text_vector_or_image():
    text = {w: v for w, v in TEXT.items() if w != "schooner"}
    pairs = [("ketch", "schooner"), ("pizza", "schooner")]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = shown(pairs, text_vectors=text, synonym=-1.0, confusion=-1.0)
    # No image is a schooner: neither rule can hold with any threshold.
    assert [e.type for e in report.errors["image_to_word"]] == ["sparsity", "other"]


def test_thresholds_that_are_not_given():
    rng = np.random.default_rng(0)
    X, y, vectors = world(rng)
    report = matching_error_report(None, X, y, word_vectors=vectors)
    words = sorted(set(y))
    counts = [vectors.get_vecattr(w, "count") for w in words]
    assert report.thresholds["sparsity"] == close(np.quantile(counts, 0.25))
    above = np.triu_indices(len(words), 1)
    text = unit(vectors[words])
    assert report.thresholds["synonym"] == pytest.approx(
        np.quantile((text @ text.T)[above], 0.95), abs=1e-6
    )
    means = unit([X[[w == word for w in y]].mean(axis=0) for word in words])
    assert report.thresholds["confusion"] == pytest.approx(
        np.quantile((means @ means.T)[above], 0.95), abs=1e-6
    )


# --- Against a loop ------------------------------------------------------------------


def world(rng, n_images=60, n_words=9, noise=1.0):
    words = [f"w{i}" for i in range(n_words)]
    vectors = keyed(
        dict(zip(words, rng.normal(size=(n_words, 4)), strict=True)),
        {word: 10 * i for i, word in enumerate(words, 1)},
    )
    y = [*words, *rng.choice(words, size=n_images - n_words).tolist()]
    return vectors[y] + noise * rng.normal(size=(n_images, 4)), y, vectors


def slow_errors(X, y, vectors, limits):
    """Return (direction, row, word, found words, types that hold) of each error."""
    words = list(dict.fromkeys(w for row in y for w in row))
    score = {
        (i, w): float(unit(image) @ unit(vectors[w]))
        for i, image in enumerate(X)
        for w in words
    }
    mean_of = {
        w: unit(np.mean([x for x, row in zip(X, y, strict=True) if w in row], axis=0))
        for w in words
    }

    def types(word, found):
        hold = [
            vectors.get_vecattr(word, "count") < limits[0],
            any(unit(vectors[word]) @ unit(vectors[f]) >= limits[1] for f in found),
            any(mean_of[word] @ mean_of[f] >= limits[2] for f in found),
        ]
        return [*hold, not any(hold)]

    for i, row in enumerate(y):
        for word in row:
            best = max((w for w in words if w not in row), key=lambda w: score[i, w])  # noqa: B023
            if score[i, best] > score[i, word]:
                yield "image_to_word", i, word, (best,), types(word, [best])
            others = [j for j, other in enumerate(y) if word not in other]
            best = max(others, key=lambda j: score[j, word])  # noqa: B023
            if score[best, word] > score[i, word]:
                found = tuple(sorted(y[best], key=words.index))
                yield "word_to_image", i, word, found, types(word, found)


@pytest.mark.parametrize("seed", range(4))
def test_against_a_loop(seed):
    rng = np.random.default_rng(seed)
    X, y, vectors = world(rng)
    rows = [
        sorted({word, y[i - 1]}) if i % 4 == 0 else [word] for i, word in enumerate(y)
    ]
    limits = (25, 0.5, 0.6)
    report = matching_error_report(
        None,
        X,
        rows,
        word_vectors=vectors,
        n_candidates=1000,
        **dict(zip(TYPES, limits, strict=False)),
    )
    expected = list(slow_errors(X, rows, vectors, limits))
    for direction, listed in report.errors.items():
        own = [e[1:] for e in expected if e[0] == direction]
        assert sorted(e[:3] for e in listed) == sorted(e[:3] for e in own)
        assert report.n_errors[direction] == len(own)
        hold = np.array([e[3] for e in own])
        first = np.eye(4)[hold.argmax(axis=1)]
        assert list(report.shares[direction].values()) == close(
            list(first.mean(axis=0))
        )
        assert list(report.any_shares[direction].values()) == close(
            list(hold.mean(axis=0))
        )
        assert sum(report.shares[direction].values()) == close(1)


def test_errors_are_those_of_the_matching_report():
    X, y, vectors = world(np.random.default_rng(0), n_images=40)
    errors = matching_error_report(None, X, y, word_vectors=vectors)
    report = word_matching_report(None, X, y, word_vectors=vectors)
    for direction, name in (
        ("image_to_word", "image_to_label_word"),
        ("word_to_image", "word_to_image"),
    ):
        share = 1 - errors.n_errors[direction] / errors.n_pairs
        assert report.scores[name]["P@1"] == close(share)


def test_drawn_candidates_give_the_expected_number_of_errors():
    rng = np.random.default_rng(0)
    X, y, vectors = world(rng, n_images=400)
    n_errors = [
        matching_error_report(
            None, X, y, word_vectors=vectors, n_candidates=5, random_state=seed
        ).n_errors["word_to_image"]
        for seed in range(10)
    ]
    report = word_matching_report(
        None, X, y, word_vectors=vectors, n_candidates=5, n_draws=500
    )
    expected = 400 * (1 - report.scores["word_to_image"]["P@1"])
    error = np.std(n_errors, ddof=1) / 10**0.5
    assert abs(np.mean(n_errors) - expected) <= 5 * error


@settings(max_examples=15)
@given(st.integers(0, 999))
def test_ties_are_broken_at_random(seed):
    _, y, vectors = world(np.random.default_rng(0), n_images=400)
    vectors.vectors[:] = 1
    report = matching_error_report(
        None, np.ones((400, 4)), y, word_vectors=vectors, random_state=seed
    )
    # One of 9 words and of 100 images is right by chance: the odds of fewer than 8 or
    # more than 90 of 400 are below one in a billion.
    assert 400 - 90 <= report.n_errors["image_to_word"] <= 400 - 8
    assert report.n_errors["word_to_image"] >= 400 - 30


def test_seed():
    X, y, vectors = world(np.random.default_rng(0), n_images=200)
    options = {"word_vectors": vectors, "n_candidates": 10}
    reports = [
        matching_error_report(None, X, y, random_state=seed, **options).errors
        for seed in (0, 0, 1)
    ]
    assert reports[0] == reports[1] != reports[2]


def test_penalty_of_seen_words():
    X, y, vectors = world(np.random.default_rng(0))
    report = matching_error_report(
        None, X, y, word_vectors=vectors, seen_words=["w1", "w2"], seen_penalty=9.0
    )
    found = [word for e in report.errors["image_to_word"] for word in e.found]
    assert found
    assert not {"w1", "w2"} & set(found)


# --- Hostile input -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"y": ["w1"]}, ValueError, "X has 60 rows and y has 1"),
        ({"y": ["unheard"] * 60}, ValueError, "0 images"),
        ({"n_candidates": 0}, ValueError, "n_candidates is 0"),
        ({"n_candidates": 1}, ValueError, "n_candidates is 1"),
        ({"sparsity": "rare"}, ValueError, "sparsity is 'rare'"),
        ({"synonym": np.nan}, ValueError, "synonym is nan"),
        ({"confusion": True}, ValueError, "confusion is True"),
        ({"text_vectors": 3}, TypeError, "text_vectors is int"),
        ({"image_features": np.ones((3, 2))}, ValueError, "image_features has 3 rows"),
        ({"image_features": ["a"] * 60}, ValueError, "image_features has shape"),
        ({"word_vectors": None}, TypeError, "word_vectors is missing"),
        ({"similarity": "l2"}, ValueError, "similarity is"),
        ({"block_size": 0}, ValueError, "block_size is 0"),
    ],
)
def test_errors(change, error, match):
    X, y, vectors = world(np.random.default_rng(0))
    arguments = {"X": X, "y": y, "word_vectors": vectors} | change
    with pytest.raises(error, match=match):
        matching_error_report(None, **arguments)


def test_counts_are_needed():
    X, y, vectors = world(np.random.default_rng(0))
    vectors = {word: vectors[word] for word in vectors.index_to_key}
    with pytest.raises(ValueError, match="how often words occur"):
        matching_error_report(None, X, y, word_vectors=vectors)


def test_nan_warns():
    X, y, vectors = world(np.random.default_rng(0))
    X[50] = np.nan
    with pytest.warns(UserWarning, match="NaN"):
        report = matching_error_report(None, X, y, word_vectors=vectors)
    assert all(np.isfinite(list(report.shares["word_to_image"].values())))
