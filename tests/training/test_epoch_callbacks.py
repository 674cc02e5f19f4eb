"""Epochs as tasks of scikit-learn's callback protocol, alone and in meta-estimators."""

import pickle

import numpy as np
import pytest
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_crossmodal import make_retrieval_scorer
from sklearn_crossmodal.training._trainer import Stage

SCORING = {"mrr": make_retrieval_scorer("mrr")}


class Recorder:
    """Note each hook; stop after the epochs given."""

    def __init__(self, stop_after=None, error=None):
        self.stop_after = stop_after
        self.error = error
        self.calls = []
        self.scores = []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None):
        self.calls.append(f"begin {context.task_name} {context.task_id}")
        self.data = X, y

    def on_fit_task_end(self, estimator, context, *, X, y, fitted_estimator):
        self.calls.append(f"end {context.task_name} {context.task_id}")
        self.max_subtasks = context.max_subtasks
        self.scores.append(fitted_estimator.score(X, y))
        self.embedded = fitted_estimator.transform(X)
        if context.task_name == "epoch" and context.task_id + 1 == self.stop_after:
            if self.error is not None:
                raise self.error
            return True
        return False


def epochs_of(monitor):
    return [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]


def test_hooks_come_in_order_and_see_the_data(tiny, X, y):
    recorder = Recorder()
    ranker = tiny(max_epochs=2).set_callbacks(recorder).fit(X, y)
    epochs = [f"{what} epoch {i}" for i in range(2) for what in ("begin", "end")]
    assert recorder.calls == ["setup", "begin fit 0", *epochs, "end fit 0", "teardown"]
    assert recorder.data[0] is X and recorder.data[1] is y
    assert recorder.max_subtasks == 2
    assert recorder.scores[-1] == recorder.scores[-2] == ranker.score(X, y)
    np.testing.assert_array_equal(recorder.embedded, ranker.transform(X))


def test_each_epoch_is_seen_as_a_fit_of_so_many_epochs(tiny, X, y):
    recorder = Recorder()
    tiny(max_epochs=4).set_callbacks(recorder).fit(X, y)
    expected = [tiny(max_epochs=n).fit(X, y).score(X, y) for n in (1, 2, 3, 4, 4)]
    assert recorder.scores == expected


def test_callbacks_change_no_bit(tiny, X, y, assert_same):
    params = {"early_stopping": True, "validation_fraction": 0.3, "max_epochs": 5}
    watched = tiny(**params).set_callbacks(Recorder(), ScoringMonitor(scoring=SCORING))
    assert_same(watched.fit(X, y), tiny(**params).fit(X, y))


def test_a_callback_may_stop_after_an_epoch(tiny, X, y, assert_same):
    recorder = Recorder(stop_after=2)
    ranker = tiny(max_epochs=9).set_callbacks(recorder).fit(X, y)
    assert_same(ranker, tiny(max_epochs=2).fit(X, y))
    assert recorder.calls[-2:] == ["end fit 0", "teardown"]


@pytest.mark.parametrize("stop_after", [2, 4])
def test_a_callback_stops_all_stages(tiny, X, y, monkeypatch, stop_after):
    ranker = tiny().set_callbacks(Recorder(stop_after=stop_after))
    stages = [Stage(ranker.loss, 3, ranker.lr)] * 2
    monkeypatch.setattr(type(ranker), "_stages", lambda self: stages)
    assert ranker.fit(X, y).n_iter_ == stop_after


def test_ctrl_c_in_a_callback_keeps_the_complete_epochs(tiny, X, y, assert_same):
    recorder = Recorder(stop_after=2, error=KeyboardInterrupt())
    ranker = tiny(max_epochs=9).set_callbacks(recorder)
    with pytest.raises(KeyboardInterrupt):
        ranker.fit(X, y)
    assert_same(ranker, tiny(max_epochs=2).fit(X, y))
    assert recorder.calls[-1] == "teardown"


def test_an_error_in_a_callback_fits_nothing(tiny, X, y):
    recorder = Recorder(stop_after=2, error=ZeroDivisionError("mine"))
    ranker = tiny(max_epochs=9).set_callbacks(recorder)
    with pytest.raises(ZeroDivisionError, match="^mine$"):
        ranker.fit(X, y)
    assert recorder.calls[-1] == "teardown"
    assert not [name for name in vars(ranker) if name.endswith("_")]
    assert not [name for name in vars(ranker) if "callback_fit_ctx" in name]


def test_early_stopping_ends_the_tasks(tiny, more):
    X, y = more(60, 0)
    recorder = Recorder()
    ranker = tiny(max_epochs=40, early_stopping=True, validation_fraction=0.3, lr=0.03)
    ranker.set_callbacks(recorder).fit(X, y)
    n_epochs = sum(call.startswith("end epoch") for call in recorder.calls)
    assert n_epochs == ranker.n_iter_ < 40
    # The last epoch is scored as it was; the fit, with the best weights back.
    assert recorder.scores[-1] == ranker.score(X, y) != recorder.scores[-2]


def test_partial_fit_is_one_epoch(tiny, X, y):
    recorder = Recorder()
    ranker = tiny(max_epochs=7).set_callbacks(recorder)
    ranker.partial_fit(X, y).partial_fit(X, y)
    assert recorder.calls.count("end epoch 0") == 2
    assert recorder.calls.count("teardown") == recorder.calls.count("setup") == 2


# --- scikit-learn's own -------------------------------------------------------------


def test_scoring_monitor(tiny, X, y):
    monitor = ScoringMonitor(scoring=SCORING)
    ranker = tiny(max_epochs=4).set_callbacks(monitor).fit(X, y)
    rows = epochs_of(monitor)
    assert [row["task_id"] for row in rows] == [0, 1, 2, 3]
    expected = [tiny(max_epochs=n).fit(X, y).score(X, y) for n in (1, 2, 3, 4)]
    assert [row["mrr"] for row in rows] == expected
    assert {row["task_name"] for row in monitor.get_logs().data} == {"epoch", "fit"}
    # A warm start is another run.
    ranker.set_params(warm_start=True, max_epochs=2).fit(X, y)
    assert len(epochs_of(monitor)) == 2 and len(monitor.get_logs(select="all")) == 2


def test_scoring_monitor_with_several_metrics(tiny, X, y):
    scorer = make_retrieval_scorer(["recall@1", "mrr"])
    monitor = ScoringMonitor(scoring=scorer)
    ranker = tiny().set_callbacks(monitor).fit(X, y)
    final = epochs_of(monitor)[-1]
    expected = scorer(ranker, X, y)
    assert {name: final[name] for name in expected} == expected


def test_scoring_monitor_in_a_pipeline(tiny, X, y):
    monitor = ScoringMonitor(scoring=SCORING)
    ranker = tiny(max_epochs=4).set_callbacks(monitor)
    pipe = make_pipeline(StandardScaler(), ranker).fit(X, y)
    rows = epochs_of(monitor)
    assert len(rows) == 4 and rows[-1]["mrr"] == pipe.score(X, y)


def test_scoring_monitor_in_a_search(tiny, X, y):
    monitor = ScoringMonitor(scoring=SCORING)
    ranker = tiny(max_epochs=4).set_callbacks(monitor)
    search = GridSearchCV(ranker, {"n_components": [4, 8]}, cv=2).fit(X, y)
    rows = epochs_of(monitor)
    assert len(rows) == 5 * 4  # two candidates in two folds, and the refit
    assert len({row["task_id_path"][:-1] for row in rows}) == 5
    last = [row["mrr"] for row in rows if row["task_id"] == 3]
    assert search.best_estimator_.score(X, y) in last


def test_progress_bar_shows_epochs(tiny, X, y, capsys):
    pytest.importorskip("rich")
    ranker = tiny(max_epochs=4).set_callbacks(ProgressBar()).fit(X, y)
    printed = capsys.readouterr().out
    assert "CaptionRanker - fit" in printed and "100%" in printed
    pipe = make_pipeline(StandardScaler(), tiny(max_epochs=4))
    pipe.set_callbacks(ProgressBar()).fit(X, y)
    assert "CaptionRanker - fit" in capsys.readouterr().out
    loaded = pickle.loads(pickle.dumps(ranker.set_callbacks()))
    np.testing.assert_array_equal(loaded.transform(X), ranker.transform(X))


def test_both_in_a_search_with_two_workers(tiny, X, y, capsys):
    pytest.importorskip("rich")
    monitor = ScoringMonitor(scoring=SCORING)
    ranker = tiny(max_epochs=4).set_callbacks(monitor)
    search = GridSearchCV(
        make_pipeline(StandardScaler(), ranker),
        {"captionranker__n_components": [4, 8]},
        cv=2,
        n_jobs=2,
    )
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
    rows = epochs_of(monitor)
    assert len(rows) == 5 * 4
    assert len({row["task_id_path"][:-1] for row in rows}) == 5
    assert search.best_estimator_.score(X, y) in [
        row["mrr"] for row in rows if row["task_id"] == 3
    ]
    printed = capsys.readouterr().out
    assert printed.count("| CaptionRanker - fit") == 5
