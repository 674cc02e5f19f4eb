"""Copies, pickles, skops and safetensors: the same bits, and training goes on."""

import copy
import io
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_crossmodal import CaptionRanker


def by_joblib(ranker):
    file = io.BytesIO()
    joblib.dump(ranker, file)
    file.seek(0)
    return joblib.load(file)


def by_skops(ranker):
    skops = pytest.importorskip("skops.io")
    dumped = skops.dumps(ranker)
    return skops.loads(dumped, trusted=skops.get_untrusted_types(data=dumped))


ROUTES = {
    "pickle": lambda ranker: pickle.loads(pickle.dumps(ranker)),
    "oldest pickle": lambda ranker: pickle.loads(pickle.dumps(ranker, protocol=2)),
    "joblib": by_joblib,
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
    "skops": by_skops,
}
routes = pytest.mark.parametrize("route", ROUTES.values(), ids=list(ROUTES))

PARAMS = [
    {},
    {"optimizer": "sgd", "net_params": {"optimizer__momentum": 0.9}},
    {"optimizer": torch.optim.RMSprop, "loss": "random_negative"},
    {"early_stopping": True, "validation_fraction": 0.3, "lr_schedule": "cosine"},
    {
        "word_vectors": {"one": np.ones(5)},
        "hidden_layer_sizes": (4,),
        "loss": "sigmoid",
    },
]
param_sets = pytest.mark.parametrize("params", PARAMS)


@routes
@param_sets
def test_what_comes_back_is_the_same(tiny, X, y, assert_same, route, params):
    ranker = tiny(**params).fit(X, y)
    back = route(ranker)
    assert_same(back, ranker)
    assert back.history_ == ranker.history_
    assert back.captions_ == ranker.captions_
    np.testing.assert_array_equal(back.caption_embeddings_, ranker.caption_embeddings_)
    np.testing.assert_array_equal(back.transform(X), ranker.transform(X))
    np.testing.assert_array_equal(back.transform_y(y), ranker.transform_y(y))
    np.testing.assert_array_equal(back.predict(X), ranker.predict(X))
    assert back.score(X, y) == ranker.score(X, y)


@routes
@param_sets
def test_training_goes_on_as_if_nothing_had_happened(
    tiny, X, y, assert_same, route, params
):
    ranker = tiny(warm_start=True, **params).fit(X, y)
    back = route(ranker).fit(X, y)
    assert ranker.n_iter_ == 3  # it did not train along
    assert_same(back, ranker.fit(X, y))
    partial = {"early_stopping": False}
    back = route(ranker).set_params(**partial).partial_fit(X, y)
    assert_same(back, ranker.set_params(**partial).partial_fit(X, y))


def test_a_copy_of_a_copy(tiny, X, y, assert_same):
    ranker = tiny().fit(X, y)
    back = ranker
    for route in (*ROUTES.values(), *ROUTES.values()):
        back = route(back)
    assert_same(back, ranker)


def test_a_deep_copy_shares_no_weights(tiny, X, y, snapshot):
    ranker = tiny().fit(X, y)
    before = snapshot(ranker)
    copied = copy.deepcopy(ranker)
    with torch.no_grad():
        for parameter in copied.net_.module_.parameters():
            parameter.zero_()
    np.testing.assert_equal(snapshot(ranker), before)


@routes
def test_an_unfitted_estimator(tiny, X, y, assert_same, route):
    ranker = tiny()
    back = route(ranker)
    assert vars(back).keys() == vars(ranker).keys()
    assert not hasattr(back, "net_")
    assert_same(back.fit(X, y), ranker.fit(X, y))


@routes
def test_feature_names_and_output_containers_come_back(tiny, X, y, route):
    X = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(12)])
    ranker = tiny().set_output(transform="pandas").fit(X, y)
    back = route(ranker)
    pd.testing.assert_frame_equal(back.transform(X), ranker.transform(X))
    assert list(back.feature_names_in_) == list(X.columns)
    with pytest.raises(ValueError, match="feature names"):
        back.transform(X[X.columns[::-1]])


def test_loading_leaves_the_random_states_alone(tiny, X, y):
    dumped = pickle.dumps(tiny().fit(X, y))
    before = np.random.get_state(), torch.get_rng_state()
    pickle.loads(dumped)
    np.testing.assert_equal(np.random.get_state(), before[0])
    assert torch.equal(torch.get_rng_state(), before[1])


def test_the_state_holds_arrays_and_no_tensors(tiny, X, y):
    def leaves(value):
        if isinstance(value, dict):
            value = list(value.values())
        if isinstance(value, list | tuple):
            return [leaf for item in value for leaf in leaves(item)]
        return [value]

    state = tiny().fit(X, y).__getstate__()
    types = {type(leaf) for leaf in leaves(state)}
    assert np.ndarray in types
    assert not [kind for kind in types if kind.__module__.split(".")[0] == "torch"]
    assert b"torch" not in pickle.dumps(state)


# --- skops --------------------------------------------------------------------------

OWN = {
    "sklearn_crossmodal.caption_ranker.CaptionRanker",
    "sklearn_crossmodal.preprocessing._captions.CaptionTokenizer",
}


@pytest.mark.parametrize(
    "params, forced",
    [
        ({}, set()),
        ({"word_vectors": "skip_gram", "loss": "sigmoid", "optimizer": "sgd"}, set()),
        ({"early_stopping": True, "validation_fraction": 0.3}, set()),
        ({"random_state": np.random.RandomState(0)}, set()),
        ({"optimizer": torch.optim.RMSprop}, {"torch.optim.rmsprop.RMSprop"}),
        ({"device": torch.device("cpu")}, {"torch.device"}),
    ],
)
def test_skops_needs_trust_in_our_own_classes_only(tiny, X, y, params, forced):
    skops = pytest.importorskip("skops.io")
    ranker = tiny(**params).fit(X, y)
    dumped = skops.dumps(ranker)
    assert set(skops.get_untrusted_types(data=dumped)) == OWN | forced
    back = skops.loads(dumped, trusted=sorted(OWN | forced))
    np.testing.assert_array_equal(back.transform(X), ranker.transform(X))


# --- safetensors --------------------------------------------------------------------


def test_weights_go_through_safetensors(tiny, X, y, more, tmp_path, assert_same):
    pytest.importorskip("safetensors")
    ranker = tiny().fit(X, y)
    files = {"f_params": tmp_path / "towers", "f_criterion": tmp_path / "loss"}
    ranker.net_.save_params(use_safetensors=True, **files)
    assert all(file.stat().st_size > 0 for file in files.values())
    other = tiny(random_state=1).fit(X, y)
    assert not np.array_equal(other.transform(X), ranker.transform(X))
    other.net_.load_params(use_safetensors=True, **files)
    np.testing.assert_array_equal(other.transform(X), ranker.transform(X))
    np.testing.assert_array_equal(other.transform_y(y), ranker.transform_y(y))
    loss, expected = other.net_.criterion_, ranker.net_.criterion_
    assert torch.equal(loss.log_scale, expected.log_scale)


# --- Devices ------------------------------------------------------------------------


@pytest.mark.parametrize("device", ["cuda", "cuda:1", torch.device("cuda")])
def test_cuda_without_cuda_is_an_error_at_fit(tiny, X, y, monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    ranker = tiny(device=device)
    with pytest.raises(ValueError, match="torch finds no CUDA device.*device='auto'"):
        ranker.fit(X, y)
    assert not [name for name in vars(ranker) if name.endswith("_")]
    ranker.set_params(device="auto").fit(X, y)
    assert ranker.net_.device == "cpu"


def test_an_unknown_device_is_an_error_at_fit(tiny, X, y):
    ranker = tiny(device="gpu please")
    with pytest.raises(ValueError, match="'gpu please' is not a torch device"):
        ranker.fit(X, y)
    assert not hasattr(ranker, "net_")


@pytest.mark.parametrize("device", ["cuda", "cuda:3"])
def test_a_state_from_a_gpu_loads_on_a_cpu(
    tiny, X, y, monkeypatch, assert_same, device
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    ranker = tiny(warm_start=True).fit(X, y)
    state = ranker.__getstate__()
    assert state["net_"]["device"] == "cpu"
    state["net_"]["device"] = device  # as a GPU would have left it
    back = CaptionRanker.__new__(CaptionRanker)
    back.__setstate__(pickle.loads(pickle.dumps(state)))
    assert back.net_.device == "cpu"
    assert {p.device.type for p in back.net_.module_.parameters()} == {"cpu"}
    np.testing.assert_array_equal(back.transform(X), ranker.transform(X))
    assert_same(back.fit(X, y), ranker.fit(X, y))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu(tiny, X, y, monkeypatch):
    ranker = tiny(device="auto", warm_start=True, dropout=0.0, word_dropout=0.0)
    ranker.set_params(word_vectors="skip_gram").fit(X, y)
    assert {p.device.type for p in ranker.net_.module_.parameters()} == {"cuda"}
    embedded = ranker.transform(X)
    on_cpu = tiny(dropout=0.0, word_dropout=0.0, word_vectors="skip_gram").fit(X, y)
    np.testing.assert_allclose(embedded, on_cpu.transform(X), atol=1e-2)
    back = pickle.loads(pickle.dumps(ranker))
    np.testing.assert_array_equal(back.transform(X), embedded)
    assert back.fit(X, y).n_iter_ == 6
    dumped = pickle.dumps(ranker)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    loaded = pickle.loads(dumped)
    assert loaded.net_.device == "cpu"
    np.testing.assert_allclose(loaded.transform(X), embedded, atol=1e-4)
