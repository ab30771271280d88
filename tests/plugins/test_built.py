"""Whatever a factory makes, an error in its use names the component, its plugin, version and entry point."""

import functools
import sys
from types import ModuleType

import pytest
from torch import nn

from icereco.errors import IcerecoError
from icereco.plugins.built import build
from icereco.plugins.component import Component
from icereco.plugins.options import NoOptions
from icereco.plugins.registry import Declaration, Plugin

MODULE = "made_in_tests"
NAMED = "reconstructor 'my-fit' of icereco-my-fit 1.2"
HINT = "ICERECO_DISABLE_PLUGINS=my-fit-entry"


def fails(*_arguments):
    raise ValueError("no light")


class Failing(nn.Module):
    def forward(self, *_inputs):
        return fails()


MADE = {
    "function": lambda options: fails,
    "lambda": lambda options: lambda batch: fails(batch),
    "partial": lambda options: functools.partial(fails, options),
    "sequential": lambda options: nn.Sequential(nn.Identity(), Failing()),
    "bound method": lambda options: Failing().forward,
    "partial that makes it": functools.partial(lambda more, options: fails, 1),
}


@pytest.fixture
def declare(monkeypatch):
    def declaration(factory) -> Declaration:
        module = ModuleType(MODULE)
        module.factory = factory
        monkeypatch.setitem(sys.modules, MODULE, module)
        component = Component("my-fit", f"{MODULE}:factory", "icereco.plugins.options:NoOptions", "a fit")
        return Declaration("reconstructor", component, Plugin("my-fit-entry", "icereco-my-fit", "1.2"))

    return declaration


@pytest.mark.parametrize("factory", MADE.values(), ids=MADE)
def test_an_error_in_use_names_the_component_its_plugin_version_and_entry(declare, factory):
    built = build(declare(factory), NoOptions())
    with pytest.raises(IcerecoError) as caught, built.attributing("when it was given events"):
        built.component("events")
    assert str(caught.value).startswith(f"{NAMED} failed when it was given events: ValueError: no light\n")
    assert str(caught.value).endswith(HINT)


@pytest.mark.parametrize(
    "factory",
    [fails, functools.partial(fails, 1), lambda options: fails(), Failing()],
    ids=["function", "partial", "lambda", "module"],
)
def test_an_error_when_it_is_built_names_them_too(declare, factory):
    with pytest.raises(IcerecoError) as caught:
        build(declare(factory), NoOptions())
    assert str(caught.value).startswith(f"{NAMED} failed when it was built: ValueError: no light\n")
    assert str(caught.value).endswith(HINT)


@pytest.mark.parametrize("error", [IcerecoError("damaged"), MemoryError("full"), ValueError("mine")])
def test_errors_that_the_caller_handles_pass(declare, error):
    def factory(options):
        raise error

    with pytest.raises(type(error)) as caught:
        build(declare(factory), NoOptions(), passing=(ValueError,))
    assert caught.value is error
