"""Checks of a two-view estimator inside pipelines, searches and metadata routing."""

import numpy as np
from sklearn import config_context
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from ..base import embed_y
from ..metrics import RetrievalScorer, make_retrieval_scorer
from ._checks_containers import with_feature_names, y_containers
from ._checks_helpers import (
    N_SAMPLES,
    embed,
    has_parameter,
    must,
    must_be_close,
    must_be_equal,
    must_raise,
    unfitted,
)
from ._checks_views import row_keys, transformer_for


def check_pipeline_last_step(name, estimator_orig, make_data):
    """Check that the last step of a Pipeline sees transformed X and y as given."""
    X, y = make_data(N_SAMPLES, 0)
    changed = transformer_for(X).fit_transform(X)
    expected = unfitted(estimator_orig).fit(changed, y)
    pipe = make_pipeline(transformer_for(X), unfitted(estimator_orig)).fit(X, y)
    must_be_equal(
        pipe.transform(X),
        expected.transform(changed),
        f"{name} as the last step must embed X as it does the transformed X",
    )
    must_be_equal(
        embed_y(pipe, y),
        expected.transform_y(y),
        f"{name} as the last step must be found by embed_y",
    )
    must_be_close(
        [pipe.score(X, y), make_retrieval_scorer("mrr")(pipe, X, y)],
        [expected.score(changed, y)] * 2,
        f"{name} as the last step must score as on its own",
    )


def check_pipeline_first_step(name, estimator_orig, make_data):
    """Check that, as the first step, later steps apply to both views."""
    X, y = make_data(N_SAMPLES, 0)
    expected = unfitted(estimator_orig).fit(X, y)
    later = StandardScaler().fit(expected.transform(X))
    pipe = make_pipeline(unfitted(estimator_orig), StandardScaler()).fit(X, y)
    views = zip(
        (pipe.transform(X), embed_y(pipe, y)), embed(expected, X, y), strict=True
    )
    for view, (actual, embedded) in zip("Xy", views, strict=True):
        must_be_close(
            actual,
            later.transform(embedded),
            f"{name} as the first step: later steps must apply to {view} too",
            atol=1e-4,
        )
    must(
        0 <= make_retrieval_scorer("mrr")(pipe, X, y) <= 1,
        f"{name} as the first step must be scored by a retrieval scorer.",
    )


def check_two_two_view_steps(name, estimator_orig, make_data):
    """Check that two two-view steps in one Pipeline are an error."""
    X, y = make_data(N_SAMPLES, 0)
    pipe = make_pipeline(unfitted(estimator_orig), unfitted(estimator_orig)).fit(X, y)
    for use in (embed_y, lambda p, y: make_retrieval_scorer("mrr")(p, X, y)):
        with must_raise(
            TypeError, f"{name}: two two-view steps must be refused", match="two-view"
        ):
            use(pipe, y)


def check_grid_search(name, estimator_orig, make_data):
    """Check that `GridSearchCV` splits both views by row, with ``n_jobs=2`` as with 1.

    Scores come from several metrics, and the search is itself a two-view estimator. A
    surrounding `joblib.parallel_config` decides on the backend.
    """
    X, y = make_data(N_SAMPLES, 0)
    searches = [
        GridSearchCV(
            unfitted(estimator_orig),
            grid_for(estimator_orig),
            scoring=make_retrieval_scorer(["recall@5", "mrr"]),
            refit="mrr",
            cv=2,
            n_jobs=n_jobs,
            error_score="raise",
        ).fit(X, y)
        for n_jobs in (1, 2)
    ]
    for metric in ("recall@5", "mrr"):
        alone, parallel = (s.cv_results_[f"mean_test_{metric}"] for s in searches)
        must(
            np.isfinite(alone).all() and (0 <= alone).all() and (alone <= 1).all(),
            f"{name} in GridSearchCV: {metric} must be in [0, 1]; got {alone}.",
        )
        must_be_close(
            parallel,
            alone,
            f"{name} in GridSearchCV: {metric} with n_jobs=2 must equal n_jobs=1",
            atol=0.02,  # a worker's number of threads may change the last bits
        )
    best = fit_chosen(name, estimator_orig, searches[0], X, y)
    found = searches[0].transform(X), embed_y(searches[0], y)
    for view, actual, expected in zip("Xy", found, embed(best, X, y), strict=True):
        must_be_equal(
            actual,
            expected,
            f"{name} in GridSearchCV must embed {view} as the best one",
        )


def grid_for(estimator):
    """Return a grid of what can be searched over: `n_components`, or nothing."""
    return {"n_components": [2, 3]} if has_parameter(estimator, "n_components") else {}


def fit_chosen(name, estimator_orig, search, *views):
    """Return a clone fitted with what a search has chosen; its width must be that."""
    chosen = search.best_params_
    best = unfitted(estimator_orig, **chosen).fit(*views)
    widths = {len(e.transform(views[0])[0]) for e in (search, best)}
    widths.add(chosen.get("n_components", max(widths)))
    must(
        len(widths) == 1,
        f"{name} in GridSearchCV must have the n_components that was chosen: {chosen}.",
    )
    return best


def check_cross_validate(name, estimator_orig, make_data):
    """Check `cross_validate` with several metrics and two jobs, and with `score`.

    X may be a DataFrame, or a Series of bags or images, and y any container.
    """
    X, y = make_data(N_SAMPLES, 0)
    scorers = {"several": make_retrieval_scorer(["recall@5", "mrr"]), "score": None}
    results = {
        how: cross_validate(
            unfitted(estimator_orig), X, y, scoring=scorer, cv=2, n_jobs=2,
            error_score="raise",
        )
        for how, scorer in scorers.items()
    }  # fmt: skip
    mrr = results["several"]["test_mrr"]
    must_be_close(
        results["score"]["test_score"],
        mrr,
        f"{name} in cross_validate: score must equal the scorer's mrr",
        atol=1e-3,
    )
    given = with_feature_names(X)
    for container, same_y in y_containers(y):
        result = cross_validate(
            unfitted(estimator_orig), given, same_y, cv=2, error_score="raise"
        )
        must_be_close(
            result["test_score"],
            mrr,
            f"{name} in cross_validate with y as {container} must score as with a list "
            "or array",
            atol=0.02,
        )


def check_routing_on(name, estimator_orig, make_data):
    """Check that with metadata routing ``groups`` reach splitter, `fit` and scorer."""
    with config_context(enable_metadata_routing=True):
        seen, X = _search(
            estimator_orig, make_data, lambda part: part.requests_groups()
        )
    _must_split_by_group(name, seen, X)
    for method in ("fit", "score", "scorer"):
        for X_seen, groups in seen[method]:
            must(
                groups is not None,
                f"{name}: with routing on, set_{method}_request(groups=True) must have "
                f"the groups passed to {method}.",
            )
            must_be_equal(
                groups,
                _groups_of(X_seen, X),
                f"{name}: with routing on, {method} must get the groups of its rows",
            )


def check_routing_off(name, estimator_orig, make_data):
    """Check that without metadata routing ``groups`` reach the splitter only."""
    seen, X = _search(estimator_orig, make_data, lambda part: part)
    _must_split_by_group(name, seen, X)
    for method in ("fit", "score", "scorer"):
        given = [groups for _, groups in seen[method] if groups is not None]
        must(
            not given,
            f"{name}: with routing off, scikit-learn gives {method} no groups, yet it "
            f"got {given[:1]}.",
        )


def _search(estimator_orig, make_data, request):
    """Search by a scorer and by `score`; return the calls that were recorded.

    With routing on, scikit-learn's `Pipeline.score` takes only last steps whose `score`
    has a sample_weight: the search by `score` is one of the bare estimator.
    """
    X, y = make_data(N_SAMPLES, 0)
    groups = _groups_of(X, X)
    seen = {"fit": [], "score": [], "scorer": []}
    estimator = request(_recording(unfitted(estimator_orig), seen))
    pipe = make_pipeline(FunctionTransformer(), estimator)
    options = {"cv": GroupKFold(2), "error_score": "raise"}
    scorer = request(_recording_scorer(seen))
    GridSearchCV(pipe, {}, scoring=scorer, **options).fit(X, y, groups=groups)
    GridSearchCV(estimator, {}, **options).fit(X, y, groups=groups)
    return seen, X


def _groups_of(X_seen, X):
    """Return the group of each row: two or three that follow each other in `X`."""
    known = {key: row for row, key in enumerate(row_keys(X))}
    return np.array([f"group {2 * known[key] // 5}" for key in row_keys(X_seen)])


def _recording(estimator, seen):
    """Return the estimator with a class that records the calls of `fit` and `score`."""

    class Recording(type(estimator)):
        def fit(self, X, y, groups=None):
            seen["fit"].append((X, groups))
            return super().fit(X, y, groups=groups)

        def score(self, X, y, groups=None):
            seen["score"].append((X, groups))
            return super().score(X, y, groups=groups)

        def requests_groups(self):
            return self.set_fit_request(groups=True).set_score_request(groups=True)

    estimator.__class__ = Recording
    return estimator


def _recording_scorer(seen):
    class Recording(RetrievalScorer):
        def score(self, estimator, X, y, groups=None, labels=None):
            seen["scorer"].append((X, groups))
            return super().score(estimator, X, y, groups=groups, labels=labels)

        def requests_groups(self):
            return self.set_score_request(groups=True)

    return Recording("mrr")


def _must_split_by_group(name, seen, X):
    """Fail unless `fit` saw whole groups, as the splitter makes them."""
    groups = _groups_of(X, X)
    for X_fit, _ in seen["fit"]:
        inside = np.isin(groups, _groups_of(X_fit, X))
        must(
            len(X_fit) == inside.sum(),
            f"{name}: groups must reach the splitter; a group was split.",
        )
