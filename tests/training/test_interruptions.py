"""A loss that is not finite, Ctrl-C, and callbacks that stop: what is left is whole."""

import signal
import threading

import numpy as np
import pytest
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, cross_validate
from skorch.callbacks import Callback, EarlyStopping

# --- Ways to end an epoch -----------------------------------------------------------


def poison_weights(net):
    for parameter in net.module_.parameters():
        parameter.data.fill_(np.nan)


def poison_rate(net):
    for group in net.optimizer_.param_groups:
        group["lr"] = 1e38


def interrupt(net):
    raise KeyboardInterrupt


def press_ctrl_c(net):
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def python_handles_ctrl_c():
    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals are delivered to the main thread only")
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


def fitted_attributes(ranker):
    return {name for name in vars(ranker) if name.endswith("_")}


def assert_unfitted(ranker):
    assert not fitted_attributes(ranker)
    assert set(vars(ranker)) == set(ranker.get_params(deep=False))


SPLIT = {"early_stopping": True, "validation_fraction": 0.4}
ways_to_interrupt = pytest.mark.parametrize("stop", [interrupt, press_ctrl_c])


# --- A loss that is not finite ------------------------------------------------------


def test_nan_in_the_first_epoch_fits_nothing_and_says_what_to_do(tiny, X, y):
    ranker = tiny(similarity="dot", loss="sum_of_violations", optimizer="sgd", lr=1e20)
    message = r"loss became (nan|inf) in epoch 1, batch \d\. .*lr.*max_grad_norm.*Stand"
    with pytest.raises(ValueError, match=message):
        ranker.fit(X, y)
    assert_unfitted(ranker)
    ranker.set_params(lr=1e-3).fit(X, y)
    assert np.isfinite(ranker.transform(X)).all()


@pytest.mark.parametrize("poison", [poison_weights, poison_rate])
@pytest.mark.parametrize("hook", ["on_epoch_begin", "on_batch_begin"])
@pytest.mark.parametrize("params", [{}, SPLIT])
def test_nan_later_keeps_the_last_complete_epoch(
    tiny, X, y, at, assert_same, poison, hook, params
):
    ranker = tiny(max_epochs=6, callbacks=[at(3, poison, hook)], **params)
    with pytest.raises(ValueError, match="loss became nan in epoch 3"):
        ranker.fit(X, y)
    assert len(ranker.history_) == len(ranker.net_.history) == ranker.n_iter_ == 2
    two = tiny(max_epochs=2, **params).fit(X, y)
    assert_same(ranker, two)
    np.testing.assert_array_equal(ranker.transform(X), two.transform(X))
    np.testing.assert_array_equal(ranker.caption_embeddings_, two.caption_embeddings_)
    assert ranker.captions_ == two.captions_


def test_nan_in_a_warm_start_keeps_what_was_fitted(tiny, X, y, at, assert_same):
    ranker = tiny(warm_start=True).fit(X, y)
    attributes = fitted_attributes(ranker)
    ranker.set_params(callbacks=[at(4, poison_weights, "on_epoch_begin")])
    with pytest.raises(ValueError, match="loss became nan in epoch 4"):
        ranker.fit(X, y)
    assert fitted_attributes(ranker) == attributes
    assert_same(ranker, tiny().fit(X, y))


def test_nan_in_a_partial_fit_keeps_what_was_fitted(tiny, X, y, at, assert_same):
    ranker = tiny().partial_fit(X, y).partial_fit(X, y)
    ranker.set_params(callbacks=[at(3, poison_weights, "on_batch_begin")])
    with pytest.raises(ValueError, match="loss became nan in epoch 3"):
        ranker.partial_fit(X, y)
    assert_same(ranker, tiny(max_epochs=2).fit(X, y))
    ranker.set_params(callbacks=None).partial_fit(X, y)
    assert_same(ranker, tiny(max_epochs=3).fit(X, y))


def test_nan_in_the_first_epoch_of_a_refit_keeps_the_earlier_fit(
    tiny, X, y, more, at, assert_same
):
    ranker = tiny().fit(*more(30))
    ranker.set_params(callbacks=[at(1, poison_weights, "on_epoch_begin")])
    with pytest.raises(ValueError, match="loss became nan in epoch 1"):
        ranker.fit(X, y)
    assert_same(ranker, tiny().fit(*more(30)))
    assert ranker.captions_ == more(30)[1]


@pytest.mark.parametrize("epoch", [2, 3])
def test_an_update_that_ends_an_epoch_with_nan_weights(
    tiny, X, y, at, assert_same, epoch
):
    # One batch an epoch: the loss of epoch `epoch` is fine, the update after it isn't.
    params = {"batch_size": 24, "max_epochs": 3}
    ranker = tiny(callbacks=[at(epoch, poison_weights)], **params)
    with pytest.raises(ValueError, match="NaN|nan|finite"):
        ranker.fit(X, y)
    assert_same(ranker, tiny(batch_size=24, max_epochs=epoch - 1).fit(X, y))


@pytest.mark.parametrize(
    "stop, error", [(poison_weights, ValueError), (interrupt, KeyboardInterrupt)]
)
def test_nothing_hides_what_stopped_the_first_epoch(tiny, X, y, at, stop, error):
    stopping = EarlyStopping(monitor="train_loss", load_best=True)
    ranker = tiny(callbacks=[stopping, at(1, stop, "on_batch_begin")])
    with pytest.raises(error):
        ranker.fit(X, y)
    assert_unfitted(ranker)


def test_a_search_goes_on_after_nan(tiny, X, y):
    search = GridSearchCV(
        tiny(similarity="dot", loss="sum_of_violations", optimizer="sgd"),
        {"lr": [1e20, 1e-3]},
        cv=2,
    )
    with (
        pytest.warns(FitFailedWarning, match="The loss became"),
        pytest.warns(UserWarning, match="scores are non-finite"),
    ):
        search.fit(X, y)
    assert search.best_params_ == {"lr": 1e-3}


# --- Ctrl-C -------------------------------------------------------------------------


@ways_to_interrupt
@pytest.mark.parametrize(
    "hook", ["on_epoch_begin", "on_batch_begin", "on_grad_computed", "on_batch_end"]
)
@pytest.mark.parametrize("params", [{}, SPLIT])
def test_ctrl_c_keeps_the_last_complete_epoch_and_is_raised_again(
    tiny, X, y, at, assert_same, stop, hook, params
):
    ranker = tiny(max_epochs=6, callbacks=[at(3, stop, hook)], **params)
    with pytest.raises(KeyboardInterrupt):
        ranker.fit(X, y)
    two = tiny(max_epochs=2, **params).fit(X, y)
    assert_same(ranker, two)
    np.testing.assert_array_equal(ranker.transform(X), two.transform(X))
    np.testing.assert_array_equal(ranker.caption_embeddings_, two.caption_embeddings_)
    assert ranker.captions_ == two.captions_


def test_ctrl_c_at_the_end_of_an_epoch_drops_it(tiny, X, y, at, assert_same):
    ranker = tiny(max_epochs=6, callbacks=[at(3, interrupt, "on_epoch_end")])
    with pytest.raises(KeyboardInterrupt):
        ranker.fit(X, y)
    assert_same(ranker, tiny(max_epochs=2).fit(X, y))


@pytest.mark.parametrize(
    "seed",
    [
        0,  # the third epoch is not the best
        2,  # it is
    ],
)
def test_ctrl_c_after_the_validation_score_drops_the_epoch(
    tiny, X, y, at, assert_same, seed
):
    params = {**SPLIT, "lr": 3e-3, "random_state": seed}
    ranker = tiny(max_epochs=6, callbacks=[at(3, interrupt, "on_epoch_end")], **params)
    with pytest.raises(KeyboardInterrupt):
        ranker.fit(X, y)
    assert_same(ranker, tiny(max_epochs=2, **params).fit(X, y))


@ways_to_interrupt
def test_ctrl_c_in_the_first_epoch_fits_nothing(tiny, X, y, at, stop):
    ranker = tiny(callbacks=[at(1, stop)])
    with pytest.raises(KeyboardInterrupt):
        ranker.fit(X, y)
    assert_unfitted(ranker)


def test_ctrl_c_before_training_fits_nothing(tiny, X, y):
    class Interrupts(list):
        def __iter__(self):
            raise KeyboardInterrupt

    ranker = tiny()
    with pytest.raises(KeyboardInterrupt):
        ranker.fit(X, Interrupts(y))
    assert_unfitted(ranker)


def test_training_goes_on_after_ctrl_c(tiny, X, y, at, assert_same):
    ranker = tiny(warm_start=True, max_epochs=6, callbacks=[at(3, interrupt)])
    with pytest.raises(KeyboardInterrupt):
        ranker.fit(X, y)
    ranker.set_params(callbacks=None, max_epochs=4).fit(X, y)
    assert_same(ranker, tiny(max_epochs=6).fit(X, y))


def test_ctrl_c_in_a_warm_start(tiny, X, y, at, assert_same):
    ranker = tiny(warm_start=True).fit(X, y)
    with pytest.raises(KeyboardInterrupt):
        ranker.set_params(callbacks=[at(4, interrupt)]).fit(X, y)
    assert_same(ranker, tiny(max_epochs=3).fit(X, y))
    with pytest.raises(KeyboardInterrupt):
        ranker.set_params(callbacks=[at(6, interrupt)]).fit(X, y)
    assert_same(ranker, tiny(max_epochs=5).fit(X, y))


@ways_to_interrupt
@pytest.mark.parametrize("routine", ["search", "cross_validate"])
def test_ctrl_c_stops_a_search(tiny, X, y, at, stop, routine):
    begun = []
    callbacks = [at(1, lambda net: begun.append(1), "on_epoch_begin"), at(2, stop)]
    ranker = tiny(callbacks=callbacks)
    search = GridSearchCV(ranker, {"n_components": [4, 8]}, cv=2)
    with pytest.raises(KeyboardInterrupt):
        if routine == "search":
            search.fit(X, y)
        else:
            cross_validate(ranker, X, y, cv=2)
    assert begun == [1]
    assert not hasattr(search, "best_estimator_")


def test_ctrl_c_is_not_taken_for_skorchs_early_stopping(tiny, X, y, at, assert_same):
    stopping = EarlyStopping(monitor="train_loss", patience=3)
    ranker = tiny(max_epochs=6, callbacks=[stopping, at(3, press_ctrl_c)])
    with pytest.raises(KeyboardInterrupt):
        ranker.fit(X, y)
    assert_same(ranker, tiny(max_epochs=2).fit(X, y))


# --- Other ends ---------------------------------------------------------------------


@pytest.mark.parametrize("load_best", [False, True])
def test_skorchs_early_stopping_ends_fit_as_usual(tiny, X, y, assert_same, load_best):
    # No epoch is better by 90 %, so that the first one stays the best.
    stopping = EarlyStopping(
        monitor="train_loss", patience=2, threshold=0.9, load_best=load_best
    )
    ranker = tiny(max_epochs=30, callbacks=[stopping])
    assert ranker.fit(X, y) is ranker
    assert ranker.n_iter_ == len(ranker.history_) == 3
    expected = tiny(max_epochs=1 if load_best else 3).fit(X, y)
    np.testing.assert_array_equal(ranker.transform(X), expected.transform(X))
    np.testing.assert_array_equal(
        ranker.caption_embeddings_, expected.caption_embeddings_
    )
    if not load_best:
        assert_same(ranker, expected)


def test_skorchs_early_stopping_sees_the_validation_score(tiny, X, y):
    stopping = EarlyStopping(
        monitor="valid_score", lower_is_better=False, patience=2, threshold=10
    )
    ranker = tiny(max_epochs=30, callbacks=[stopping], n_iter_no_change=30, **SPLIT)
    assert ranker.fit(X, y).n_iter_ == 3


def test_skorchs_early_stopping_does_not_stop_a_search(tiny, X, y):
    stopping = EarlyStopping(monitor="train_loss", patience=1, threshold=0.9)
    ranker = tiny(max_epochs=30, callbacks=[stopping])
    search = GridSearchCV(ranker, {"n_components": [4, 8]}, cv=2).fit(X, y)
    assert search.best_estimator_.n_iter_ == 2


def test_other_errors_of_callbacks_are_raised_as_they_are(tiny, X, y, at, assert_same):
    def fail(net):
        raise ZeroDivisionError("mine")

    ranker = tiny(callbacks=[at(3, fail)])
    with pytest.raises(ZeroDivisionError, match="^mine$"):
        ranker.fit(X, y)
    assert_unfitted(ranker)
    ranker = tiny(warm_start=True).fit(X, y).set_params(callbacks=[at(5, fail)])
    with pytest.raises(ZeroDivisionError, match="^mine$"):
        ranker.fit(X, y)
    assert_same(ranker, tiny().fit(X, y))


def test_callbacks_hear_the_end_of_an_interrupted_training(tiny, X, y, at):
    heard = []

    class Hears(Callback):
        def on_train_begin(self, net, **kwargs):
            heard.append("begin")

        def on_train_end(self, net, **kwargs):
            heard.append(f"end after {len(net.history)}")

    with pytest.raises(KeyboardInterrupt):
        tiny(callbacks=[Hears(), at(3, interrupt)]).fit(X, y)
    assert heard == ["begin", "end after 2"]
