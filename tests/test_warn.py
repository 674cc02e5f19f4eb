"""Warnings point at the line of the caller, whatever stands between."""

import importlib.util

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_crossmodal import SemanticProjector
from sklearn_crossmodal.preprocessing import LDAVectorizer
from sklearn_crossmodal.utils._warn import UnknownTextWarning

X = np.random.default_rng(0).normal(size=(12, 3))
Y = ["dogs run", "", "cats sleep"] * 4


def cross_validate(X=X, y=Y):
    model = SemanticProjector(LDAVectorizer(2, max_iter=1), max_epochs=1, device="cpu")
    return cross_val_score(make_pipeline(StandardScaler(), model), X, y, cv=2)


def test_of_pipelines_and_cross_validation():
    with pytest.warns(UnknownTextWarning) as caught:
        cross_validate()
    assert {warning.filename for warning in caught} == {__file__}


@pytest.mark.parametrize("folder", ["sklearn", "sklearn_crossmodal_study"])
def test_of_code_in_a_folder_called_like_a_library(tmp_path, folder):
    path = tmp_path / folder / "script.py"
    path.parent.mkdir()
    path.write_text("def call(f, x):\n    return f(x)\n")
    spec = importlib.util.spec_from_file_location("script", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    vectorizer = LDAVectorizer(2, max_iter=1).fit(Y)
    with pytest.warns(UnknownTextWarning) as caught:
        script.call(vectorizer.transform, Y)
    assert [warning.filename for warning in caught] == [str(path)]
