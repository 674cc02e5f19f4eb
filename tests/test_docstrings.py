"""Every public name is documented, parameter by parameter."""

import importlib
import inspect

import pytest
from numpydoc.validate import validate

HOMES = (
    "sklearn_crossmodal",
    "sklearn_crossmodal.base",
    "sklearn_crossmodal.datasets",
    "sklearn_crossmodal.losses",
    "sklearn_crossmodal.metrics",
    "sklearn_crossmodal.preprocessing",
    "sklearn_crossmodal.training",
    "sklearn_crossmodal.utils.estimator_checks",
)
# No docstring; no summary; parameters missing, unknown, in another order, or without
# type or description; returns, yields or attributes undescribed.
ERRORS = {
    "GL08",
    "SS01",
    "SS03",
    "PR01",
    "PR02",
    "PR03",
    "PR04",
    "PR07",
    "RT01",
    "RT03",
}


def public_names():
    for home in HOMES:
        module = importlib.import_module(home)
        for name in module.__all__:
            thing = getattr(module, name)
            if not (inspect.isclass(thing) or inspect.isfunction(thing)):
                continue
            yield f"{home}.{name}"
            if inspect.isclass(thing):
                for method, value in vars(thing).items():
                    if not method.startswith("_") and inspect.isfunction(value):
                        yield f"{home}.{name}.{method}"


@pytest.mark.parametrize("name", sorted(set(public_names())))
def test_numpydoc(name):
    errors = [error for error in validate(name)["errors"] if error[0] in ERRORS]
    assert not errors, "\n".join(": ".join(error) for error in errors)


def public_functions():
    for home in HOMES:
        module = importlib.import_module(home)
        for name in module.__all__:
            if inspect.isfunction(getattr(module, name)):
                yield getattr(module, name)


@pytest.mark.parametrize("function", list(public_functions()), ids=lambda f: f.__name__)
def test_public_functions_have_an_example(function):
    assert ">>> " in inspect.getdoc(function)
