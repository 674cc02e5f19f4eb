"""The transfer report against scikit-learn's own search, and by hand."""

from pathlib import Path
from statistics import median_low

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning, UndefinedMetricWarning
from sklearn.metrics import average_precision_score
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.random_projection import GaussianRandomProjection
from sklearn.svm import LinearSVC

from sklearn_crossmodal.metrics import transfer_report
from sklearn_crossmodal.metrics._transfer import _eleven_points
from sklearn_crossmodal.metrics._transfer_labels import BinaryTasks

DATA = Path(__file__).parents[2].parent / "shared" / "data"
GRID = [1e-4, 1e-3, 1e-2, 1e-1]


def classes(n=150, d=6, n_classes=3, seed=0, noise=1.5):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    centres = 2 * rng.normal(size=(n_classes, d))
    return centres[y] + noise * rng.normal(size=(n, d)) * np.arange(1, d + 1), y


def halves(X, y, n=90):
    return X[:n], y[:n], X[n:], y[n:]


# ------------------------------------------------------------- average precision


def slow_eleven_points(y, scores):
    points = []
    for tenths in range(11):
        best = 0.0
        for threshold in set(scores):
            found = [
                label for label, s in zip(y, scores, strict=True) if s >= threshold
            ]
            if 10 * sum(found) >= tenths * sum(y):
                best = max(best, sum(found) / len(found))
        points.append(best)
    return sum(points) / 11


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 6)), min_size=1, max_size=25
    ).filter(lambda pairs: any(label for label, _ in pairs))
)
def test_eleven_points_match_their_definition(pairs):
    y, scores = (np.array(column) for column in zip(*pairs, strict=True))
    expected = slow_eleven_points(y.tolist(), scores.tolist())
    assert _eleven_points(y, scores.astype(float)) == pytest.approx(expected)


def test_eleven_points_by_hand():
    # Precision 1 up to recall 1/2, then 2/3 up to 1: six points and five.
    value = _eleven_points(np.array([1, 0, 1, 0]), np.array([4.0, 3, 2, 1]))
    assert value == pytest.approx((6 + 5 * 2 / 3) / 11)


@pytest.mark.parametrize("average", ["area", "voc07"])
def test_constant_features_are_at_chance(average):
    y = np.arange(40) % 4
    report = transfer_report(
        np.ones((40, 2)), y, np.ones((40, 2)), y, average=average, C=[0.1, 1]
    )
    np.testing.assert_allclose(report.average_precision["features"], 0.25)
    np.testing.assert_allclose(report.chance, 0.25)
    assert report.map["features"] == pytest.approx(0.25)


# --------------------------------------------------------- scikit-learn's search


def middle_of_best(results):
    values = results["mean_test_score"]
    return median_low(np.flatnonzero(values == values.max()).tolist())


def searched(X_train, y_train, X_test, y_test, validation):
    """The same by GridSearchCV over a Pipeline, for one class."""
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LinearSVC(max_iter=10_000)),
        {"linearsvc__C": GRID},
        scoring="average_precision",
        cv=PredefinedSplit(np.where(validation, 0, -1)),
        refit=middle_of_best,
    ).fit(X_train, y_train)
    value = average_precision_score(y_test, search.decision_function(X_test))
    return search.best_params_["linearsvc__C"], value


def test_each_class_is_searched_and_fitted_as_by_scikit_learn():
    X_train, y_train, X_test, y_test = halves(*classes())
    validation = np.random.default_rng(1).random(90) < 0.3
    report = transfer_report(
        X_train, y_train, X_test, y_test, C=GRID, validation=validation
    )
    for i in range(3):
        C, value = searched(  # noqa: N806
            X_train, y_train == i, X_test, y_test == i, validation
        )
        assert report.C["features"][i] == C
        assert report.average_precision["features"][i] == pytest.approx(value)
    assert report.map["features"] == pytest.approx(
        np.mean(report.average_precision["features"])
    )


def test_voc07_chooses_and_judges_by_eleven_points():
    X_train, y_train, X_test, y_test = halves(*classes(seed=3))
    report = transfer_report(X_train, y_train, X_test, y_test, C=[1e-2],
                             average="voc07")  # fmt: skip
    model = make_pipeline(StandardScaler(), LinearSVC(C=1e-2))
    for i, value in enumerate(report.average_precision["features"]):
        scores = model.fit(X_train, y_train == i).decision_function(X_test)
        expected = slow_eleven_points((y_test == i).tolist(), scores.tolist())
        assert value == pytest.approx(expected)


def test_scale_and_offset_of_features_make_no_difference():
    X, y = classes()
    moved = X * [1, 10, 0.1, 1000, 3, 1] + [5, 0, 0, -7, 1e3, 0]
    one, other = (
        transfer_report(*halves(features, y), C=GRID).average_precision["features"]
        for features in (X, moved)
    )
    np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    ("grid", "middle"), [([1.0, 0.01, 0.1], 0.1), ([1.0, 0.01, 0.1, 0.001], 0.01)]
)
def test_of_equally_good_values_the_middle_one_is_taken(grid, middle):
    X = np.eye(2)[[0, 1] * 20]
    y = np.array([0, 1] * 20)
    report = transfer_report(X, y, X, y, C=grid)
    assert report.C["features"].tolist() == [middle, middle]


# -------------------------------------------------------------------- the parts


@given(st.integers(2, 30), st.integers(2, 30), st.floats(0.01, 0.99))
def test_validation_has_its_share_of_each_class_and_never_all(n_pos, n_neg, fraction):
    y = np.r_[np.ones(n_pos), np.zeros(n_neg), -np.ones(3)].astype(int)[:, None]
    tasks = BinaryTasks.of(y, y, None)
    (mask,) = tasks.drawn_parts(fraction, 0)
    for value, n in ((1, n_pos), (0, n_neg)):
        n_held_out = np.count_nonzero(mask & (y[:, 0] == value))
        assert n_held_out == min(max(round(fraction * n), 1), n - 1)
    assert not mask[-3:].any()


def test_the_same_rows_validate_all_kinds_of_features():
    X, y = classes()
    kinds = {"one": X, "again": X.copy()}
    train = {name: X[:90] for name, X in kinds.items()}
    test = {name: X[90:] for name, X in kinds.items()}
    report = transfer_report(train, y[:90], test, y[90:], C=GRID)
    np.testing.assert_array_equal(report.C["one"], report.C["again"])
    np.testing.assert_array_equal(
        report.average_precision["one"], report.average_precision["again"]
    )
    alone = transfer_report(*halves(X, y), C=GRID)
    np.testing.assert_array_equal(alone.C["features"], report.C["one"])


def test_the_seed_decides_and_processes_do_not():
    X, y = classes(noise=3)
    one, again, other = (
        transfer_report(*halves(X, y), C=np.logspace(-5, 0, 20), **options).C
        for options in ({}, {"n_jobs": 2}, {"random_state": 1})
    )
    np.testing.assert_array_equal(one["features"], again["features"])
    assert (one["features"] != other["features"]).any()


# ------------------------------------------------------------------------ labels


def test_labels_and_indicators_say_the_same():
    X, y = classes()
    names = np.array(["ant", "bee", "cat"])
    by_label = transfer_report(*halves(X, names[y]), C=GRID)
    by_column = transfer_report(
        *halves(X, np.eye(3)[y]), C=GRID, class_names=list(names)
    )
    assert by_label.classes == by_column.classes == list(names)
    np.testing.assert_array_equal(
        by_label.average_precision["features"], by_column.average_precision["features"]
    )
    sparse_ = transfer_report(*halves(X, sparse.csr_array(np.eye(3)[y])), C=GRID)
    assert sparse_.map == by_column.map
    series = transfer_report(*halves(X, pd.Series(names[y])), C=GRID)
    assert series.classes == list(names)


def test_a_row_may_be_of_several_classes():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    y = (X @ rng.normal(size=(4, 3)) > 0).astype(int)
    report = transfer_report(*halves(X, y), C=[1.0])
    assert report.map["features"] > 0.95
    np.testing.assert_array_equal(report.n_positive, y[90:].sum(axis=0))


def test_difficult_labels_are_as_if_the_rows_were_not_there():
    X, labels = classes()
    y = np.eye(3, dtype=int)[labels]
    rng = np.random.default_rng(0)
    y[rng.permutation(150)[:30], 0] = -1
    X_train, y_train, X_test, y_test = halves(X, y)
    report = transfer_report(X_train, y_train, X_test, y_test, C=[1e-2])
    sure, judged = y_train[:, 0] >= 0, y_test[:, 0] >= 0
    expected = transfer_report(
        X_train[sure], y_train[sure], X_test[judged], y_test[judged], C=[1e-2]
    )
    value = report.average_precision["features"][0]
    assert value == expected.average_precision["features"][0]
    assert report.chance[0] == (y_test[judged, 0] == 1).mean()
    assert report.n_difficult == ((~sure).sum(), (~judged).sum())
    # As negative they would have counted.
    negative = transfer_report(
        X_train, np.maximum(y_train, 0), X_test, np.maximum(y_test, 0), C=[1e-2]
    )
    assert negative.average_precision["features"][0] != value
    text = str(report)
    assert f"{(~sure).sum()} training labels, {(~judged).sum()} test labels" in text


def test_a_class_without_a_positive_test_row_is_left_out_of_the_mean():
    X, y = classes()
    X_train, y_train, X_test, y_test = halves(X, y)
    some = y_test != 1
    with pytest.warns(UndefinedMetricWarning, match=r"1 of 3 classes .*: '1'\."):
        report = transfer_report(X_train, y_train, X_test[some], y_test[some], C=[0.1])
    values = report.average_precision["features"]
    assert np.isnan(values[1]) and np.isnan(report.chance[1])
    assert report.map["features"] == np.mean(values[[0, 2]])
    assert "nan" not in str(report)


def test_classifiers_that_do_not_converge_are_counted():
    X, y = classes()
    with pytest.warns(ConvergenceWarning, match="3 on 'features'. Raise max_iter"):
        transfer_report(*halves(X, y), C=[1.0, 10.0], max_iter=1)


GIVEN = dict(
    zip(("X_train", "y_train", "X_test", "y_test"), halves(*classes()), strict=True)
)
INDICATOR = np.eye(3)[GIVEN["y_train"]]


def changed(array, value, *place):
    array = np.array(array, dtype=float)
    array[place] = value
    return array


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"X_train": GIVEN["X_train"][:80]}, ValueError,
         "'features' has 80 rows in X_train and y_train has 90"),
        ({"y_test": GIVEN["y_test"][:9]}, ValueError, "60 rows in X_test .* has 9"),
        ({"X_test": GIVEN["X_test"][:, :4]}, ValueError,
         "6 columns in X_train and 4 in X_test"),
        ({"X_train": changed(GIVEN["X_train"], np.nan, 3, 1)}, ValueError,
         r"X_train \(features\) contains NaN"),
        ({"X_test": changed(GIVEN["X_test"], np.inf, 3, 1)}, ValueError, "X_test"),
        ({"X_train": sparse.csr_array(GIVEN["X_train"])}, TypeError, "[Ss]parse"),
        ({"X_train": {"a": GIVEN["X_train"]}, "X_test": {"b": GIVEN["X_test"]}},
         ValueError, r"the features \['a'\] and X_test has \['b'\]"),
        ({"X_train": {}, "X_test": {}}, ValueError, "one at least"),
        ({"y_test": np.r_[GIVEN["y_test"][:-1], 7]}, ValueError,
         "y_test has 7 in row 59, which y_train has not"),
        ({"y_train": changed(GIVEN["y_train"], np.nan, 2)}, ValueError, "row 2"),
        ({"y_train": np.r_[5, GIVEN["y_train"][1:]]}, ValueError,
         "Class '5' has one positive row .* or give a single C"),
        ({"y_train": np.zeros(90), "y_test": np.zeros(60)}, ValueError,
         "Class '0.0' has no negative row"),
        ({"y_train": changed(INDICATOR, 2, 4, 1)}, ValueError,
         "y_train has 2.0 in row 4, column 1"),
        ({"y_train": INDICATOR}, ValueError, r"y_test has shape \(60,\)"),
        ({"y_train": INDICATOR, "y_test": np.ones((60, 2))}, ValueError,
         "3 columns and y_test has 2"),
        ({"y_train": INDICATOR, "y_test": np.zeros((60, 3))}, ValueError,
         "no positive row of any class"),
        ({"class_names": ["a", "b"]}, ValueError, "2 different .* 3 classes"),
        ({"class_names": ["a", "b", "b"]}, ValueError, "2 different .* 3 classes"),
        ({"C": []}, ValueError, "C is empty"),
        ({"C": [1, 0]}, ValueError, "C has 0"),
        ({"C": [np.nan]}, ValueError, "C has nan"),
        ({"C": ["1"]}, ValueError, "C has '1'"),
        ({"validation_fraction": 1.0}, ValueError, "validation_fraction is 1.0"),
        ({"validation": np.ones(90)}, ValueError, r"shape \(90,\) and dtype float64"),
        ({"validation": np.ones(60, bool)}, ValueError, "each of 90 training rows"),
        ({"validation": np.ones(90, bool)}, ValueError,
         "No positive row of class '0' is left to fit"),
        ({"validation": GIVEN["y_train"] == 0}, ValueError,
         "No positive row of class '1' is held out"),
        ({"average": "macro"}, ValueError, "average is 'macro'"),
        ({"max_iter": 0}, ValueError, "max_iter is 0"),
    ],
)  # fmt: skip
def test_bad_input_says_what_is_wrong(change, error, message):
    with pytest.raises(error, match=message):
        transfer_report(**GIVEN | change)


def test_one_value_of_c_needs_no_validation():
    y = np.r_[5, GIVEN["y_train"][1:]]
    with pytest.warns(UndefinedMetricWarning, match="'5'"):
        report = transfer_report(**GIVEN | {"y_train": y}, C=[0.1])
    assert report.C["features"].tolist() == [0.1] * 4


def test_the_tables():
    X, y = classes()
    train = {"learned": X[:90], "raw": X[:90, :3]}
    test = {"learned": X[90:], "raw": X[90:, :3]}
    report = transfer_report(train, y[:90], test, y[90:], C=[0.01])
    lines = str(report).splitlines()
    assert [line.split()[:2] for line in lines[1:3]] == [["learned", "6"], ["raw", "3"]]
    assert lines[3].split() == ["chance", *["0.333"] * 3]
    rows = [line.split() for line in report.by_class().splitlines()]
    assert rows[0] == ["positive", "learned", "raw", "chance"]
    assert [row[0] for row in rows[1:]] == ["0", "1", "2", "mean"]
    assert rows[-1][2:4] == [f"{report.map[name]:.3f}" for name in ("learned", "raw")]


def test_network_features_are_above_their_random_projection():
    path = DATA / "caltech101" / "caltech101_mobilenet075.npz"
    if not path.exists():
        pytest.skip("needs ../shared/data/caltech101")
    with np.load(path) as data:
        labels, features = data["label"], data["features"]
    some = np.flatnonzero(np.isin(labels, np.unique(labels)[10:16]))
    rows = np.concatenate([some[labels[some] == c][:24] for c in set(labels[some])])
    X = features[rows].astype(np.float32)
    projected = GaussianRandomProjection(16, random_state=0).fit_transform(X)
    first = np.arange(len(rows)) % 2 == 0
    kinds = {"network": X, "projected": projected}
    report = transfer_report(
        {name: X[first] for name, X in kinds.items()}, labels[rows][first],
        {name: X[~first] for name, X in kinds.items()}, labels[rows][~first],
    )  # fmt: skip
    chance = np.mean(report.chance)
    assert report.map["network"] > report.map["projected"] > chance
    assert report.map["network"] > 0.9
