"""Scorers and reports: what they compute, of which embeddings, inside what."""

import numpy as np
import pytest
import sklearn
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_crossmodal.base import TwoViewEmbedder
from sklearn_crossmodal.metrics import (
    make_retrieval_scorer,
    mean_reciprocal_rank,
    recall_at_k,
    retrieval_metrics,
    retrieval_report,
)


class Given(TwoViewEmbedder):
    """Both views are embeddings already; remembers the groups that `fit` was given."""

    def __init__(self, scale=1.0, similarity="cosine"):
        self.scale = scale
        self.similarity = similarity

    def fit(self, X, y, groups=None):
        self.groups_ = groups
        self._n_features_out = np.shape(X)[1]
        return self

    def transform(self, X):
        return np.asarray(X, dtype=np.float32)

    def transform_y(self, y):
        return self.scale * np.asarray(y, dtype=np.float32)


class GivenTexts(Given):
    """Texts are numbers in words: "1 0 2"."""

    def transform_y(self, y):
        return np.array([[float(v) for v in text.split()] for text in y], np.float32)


@pytest.fixture
def views():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 6))
    return X, X + rng.normal(size=(40, 6))


def test_single_metric_is_the_metric(views):
    X, y = views
    score = make_retrieval_scorer("recall@5", direction="x_to_y")(
        Given().fit(X, y), X, y
    )
    assert score == recall_at_k(
        X.astype(np.float32), y.astype(np.float32), 5, direction="x_to_y"
    )


def test_several_metrics_are_a_dict_in_order(views):
    X, y = views
    names = ["recall@10", "mrr", "neg_median_rank"]
    values = make_retrieval_scorer(names)(Given().fit(X, y), X, y)
    assert list(values) == names
    assert values["mrr"] == pytest.approx(Given().fit(X, y).score(X, y), abs=1e-12)
    assert values["neg_median_rank"] < 0


def test_scorer_uses_the_similarity_of_the_estimator(views):
    X, y = views
    y = y * np.linspace(0.1, 10, len(y))[:, None]
    scorer = make_retrieval_scorer("mrr")
    dot = scorer(Given(similarity="dot").fit(X, y), X, y)
    cosine = scorer(Given().fit(X, y), X, y)
    assert dot != cosine
    forced = make_retrieval_scorer("mrr", similarity="cosine")
    assert forced(Given(similarity="dot").fit(X, y), X, y) == cosine


def test_texts_of_a_row_are_entries_of_their_own():
    X = np.array([[1.0, 0.0], [0.0, 1.0]])
    y = [["1 0", "0 2"], ["0 1"]]
    estimator = GivenTexts().fit(X, y)
    values = make_retrieval_scorer(["recall@1"], direction="y_to_x")(estimator, X, y)
    # "0 2" belongs to row 0 but finds row 1.
    assert values["recall@1"] == pytest.approx(2 / 3)


def test_labels_of_items_are_not_those_of_rows(views):
    X, y = views
    labels = [["a"] * (1 + row % 2) for row in range(len(X))]
    with pytest.raises(ValueError, match=r"labels holds \['a'\] in row 0.*one id"):
        make_retrieval_scorer("map")(Given().fit(X, y), X, y, labels=labels)


def test_labels_make_the_class_relevant(views):
    X, y = views
    labels = np.arange(len(X)) % 4
    scorer = make_retrieval_scorer("map")
    score = scorer(Given().fit(X, y), X, y, labels=labels)
    expected = retrieval_metrics(
        X.astype(np.float32), y.astype(np.float32), ["map"], labels=labels
    )
    assert score == expected["map"]


@pytest.mark.parametrize("name", ["median_rank", "mean_rank"])
def test_metrics_that_are_better_when_lower_are_refused(name):
    with pytest.raises(ValueError, match=f"use neg_{name}"):
        make_retrieval_scorer(name)


def test_unknown_metric_lists_the_valid_ones():
    with pytest.raises(ValueError, match=r"recall@K.*mrr"):
        make_retrieval_scorer("accuracy")


def test_no_second_view_is_a_clear_error(views):
    X, y = views
    with pytest.raises(TypeError, match="transform_y"):
        make_retrieval_scorer("mrr")(PCA(2).fit(X), X, y)


def test_in_a_search_through_a_pipeline_with_later_steps(views):
    X, y = views
    pipe = make_pipeline(StandardScaler(), Given(), PCA(3, random_state=0))
    search = GridSearchCV(
        pipe,
        {"pca__n_components": [2, 3]},
        scoring=make_retrieval_scorer("mrr"),
        cv=2,
    ).fit(X, y)
    best = search.best_estimator_
    expected = mean_reciprocal_rank(best.transform(X), best[-1].transform(y))
    assert search.score(X, y) == pytest.approx(expected, abs=1e-6)


def test_routing_on_passes_groups_to_splitter_fit_and_scorer(views):
    X, y = views
    groups = np.repeat(np.arange(10), 4)
    seen = []

    class Recording(type(make_retrieval_scorer("mrr"))):
        def score(self, estimator, X, y, groups=None, labels=None):
            seen.append(groups)
            return super().score(estimator, X, y, groups=groups, labels=labels)

    with sklearn.config_context(enable_metadata_routing=True):
        result = cross_validate(
            Given().set_fit_request(groups=True),
            X,
            y,
            params={"groups": groups},
            cv=GroupKFold(2),
            scoring=Recording("mrr").set_score_request(groups=True),
            return_estimator=True,
        )
    for estimator, tested in zip(result["estimator"], seen, strict=True):
        trained = set(estimator.groups_)
        assert len(estimator.groups_) + len(tested) == len(X)
        assert trained.isdisjoint(tested), "the splitter kept groups together"


def test_routing_off_passes_groups_to_the_splitter_only(views):
    X, y = views
    groups = np.repeat(np.arange(10), 4)
    search = GridSearchCV(
        Given(), {"scale": [1.0]}, cv=GroupKFold(2), scoring=make_retrieval_scorer()
    )
    search.fit(X, y, groups=groups)
    assert search.best_estimator_.groups_ is None


def test_scorer_clones_and_prints():
    scorer = make_retrieval_scorer(["recall@1", "mrr"], direction="y_to_x")
    assert clone(scorer).get_params() == scorer.get_params()
    assert "recall@1" in repr(scorer)


def test_report_agrees_with_the_metrics_and_states_chance(views):
    X, y = views
    report = retrieval_report(None, X, y, metrics=["recall@10", "median_rank"])
    expected = retrieval_metrics(X, y, ["recall@10", "median_rank"], direction="x_to_y")
    assert report.scores["x_to_y"] == expected
    assert report.chance["x_to_y"] == {"recall@10": 10 / 40, "median_rank": 20.5}
    line = next(line for line in str(report).splitlines() if line.startswith("X -> y"))
    assert line.split()[3:5] == ["40", "40"]
    assert f"{expected['recall@10']:.3f}" in line


def test_report_of_an_estimator_equals_that_of_its_embeddings():
    X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    y = [["1 0", "0 2"], ["0 1"], ["2 2", "1 0"]]
    bags = [np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[0.0, 1.0]])]
    bags.append(np.array([[2.0, 2.0], [1.0, 0.0]]))
    of_estimator = retrieval_report(GivenTexts().fit(X, y), X, y, names=("i", "t"))
    of_embeddings = retrieval_report(None, X, bags, names=("i", "t"))
    assert of_estimator.scores == of_embeddings.scores
    assert of_estimator.n_gallery == {"x_to_y": 5, "y_to_x": 3}
    assert str(of_estimator) == str(of_embeddings)


def test_report_of_given_bags_as_rows_compares_their_means():
    X = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    bags = [np.array([[1.0, 0.0], [1.0, 2.0]]), X[1:2], np.array([[2.0, 2.0]] * 3)]
    means = np.array([[1.0, 1.0], [0.0, 1.0], [2.0, 2.0]])
    for similarity in ("cosine", "dot", "euclidean"):
        report = retrieval_report(None, X, bags, level="row", similarity=similarity)
        expected = retrieval_report(None, X, means, similarity=similarity)
        assert report.scores == expected.scores
        assert report.n_gallery == {"x_to_y": 3, "y_to_x": 3}


class OfOneText(GivenTexts):
    """Rows of one text are right answers for each other."""

    def _groups_of(self, y):
        return list(y)


@pytest.mark.parametrize("wrap", [FrozenEstimator, make_pipeline])
def test_groups_that_an_estimator_finds_reach_the_scorer_through_wrappers(wrap):
    X, y = np.eye(3)[[0, 0, 1, 2]], ["1 0 0", "1 0 0", "0 1 0", "0 0 1"]
    score = make_retrieval_scorer("map")
    estimator = OfOneText().fit(X, y)
    assert score(wrap(estimator), X, y) == score(estimator, X, y) == 1
    assert score(GivenTexts().fit(X, y), X, y) < 1
