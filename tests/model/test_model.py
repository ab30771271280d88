"""A model names the component that fails, and knows when it is built what its components can do."""

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from icereco.detector.detector import load_detector
from icereco.errors import IcerecoError
from icereco.model.model import Model, build_model
from icereco.plugins.component import ROLES, Component, Kind
from icereco.plugins.options import NoOptions
from icereco.plugins.registry import Declaration, Plugin
from icereco.profiles import Choice, load_profile
from icereco.tables.assembly import event_batch
from icereco.testing.random_events import random_events

PROFILE = load_profile("quick")


class Failing(nn.Module):
    def forward(self, *_inputs):
        raise IndexError("off by one")


def sequential(_options, *_needs):
    """Neither its type nor its module says which plugin it is of."""
    made = nn.Sequential(Failing())
    made.feature_count = made.width = made.output_count = 8
    made.targets = ("direction",)
    made.forward = made[0].forward
    made.decode = made.forward
    return made


def model_with(role: Kind, factory, monkeypatch) -> Model:
    module = ModuleType("made_in_tests")
    module.factory = factory
    monkeypatch.setitem(sys.modules, "made_in_tests", module)
    component = Component(
        "brittle", "made_in_tests:factory", "icereco.plugins.options:NoOptions", "fails in use"
    )
    declaration = Declaration(role, component, Plugin("brittle-entry", "icereco-brittle", "2.5"))
    roles = {**PROFILE.roles, role: Choice(declaration, NoOptions())}
    return build_model(replace(PROFILE, roles=roles), load_detector(PROFILE.detector))


def events():
    return event_batch(random_events(np.array([30, 4]), seed=1), load_detector(PROFILE.detector))


@pytest.mark.parametrize("role", ROLES)
def test_a_part_that_raises_in_use_is_named_with_its_plugin(role, monkeypatch):
    model = model_with(role, sequential, monkeypatch)
    with pytest.raises(IcerecoError, match="IndexError: off by one") as caught:
        model.reconstruct(events())
    assert str(caught.value).startswith(f"{role} 'brittle' of icereco-brittle 2.5 failed when it ")
    assert str(caught.value).endswith("ICERECO_DISABLE_PLUGINS=brittle-entry")


@pytest.mark.parametrize("role", ROLES)
def test_a_part_that_refuses_its_neighbours_is_named(role, monkeypatch):
    def factory(_options, *_needs):
        raise ValueError("a width of 64 is not a multiple of 7 heads")

    with pytest.raises(IcerecoError, match="does not fit together") as caught:
        model_with(role, factory, monkeypatch)
    assert f"{role} 'brittle' of icereco-brittle 2.5: a width of 64" in str(caught.value)


@pytest.mark.parametrize(
    ("role", "size"),
    [
        ("normalizer", "feature_count"),
        ("aggregator", "width"),
        ("encoder", "width"),
        ("loss", "output_count"),
        ("loss", "targets"),
    ],
)
def test_a_part_that_does_not_say_its_size_is_named(role, size, monkeypatch):
    others = {"output_count": 3} if size == "targets" else {}
    with pytest.raises(IcerecoError) as caught:
        model_with(role, lambda *_needs: SimpleNamespace(**others), monkeypatch)
    assert str(caught.value).startswith(f"{role} 'brittle' of icereco-brittle 2.5 does not say its {size}")


class Counting(nn.Module):
    """An encoder that takes the raw batch: what it gives is the number of pulses of each event."""

    width = 8

    def forward(self, dom_vectors, positions, dom_offsets, batch):
        pulses = batch.pulse_offsets[dom_offsets[1:]] - batch.pulse_offsets[dom_offsets[:-1]]
        self.seen = pulses
        return pulses[:, None].float().expand(-1, self.width)


def test_an_encoder_that_names_batch_is_given_the_raw_batch(monkeypatch):
    model = model_with("encoder", lambda options, input_width: Counting(), monkeypatch)
    model.reconstruct(events())
    assert model.encoder.seen.tolist() == [30, 4]


class OnlyFirst(nn.Module):
    """An aggregator that looks at three pulses of a DOM."""

    width, pulse_limit = 8, 3

    def forward(self, features, pulse_offsets):
        return torch.zeros(len(pulse_offsets) - 1, self.width)


def test_pulses_beyond_the_limit_of_an_aggregator_are_not_said_to_be_used(monkeypatch):
    model = model_with("aggregator", lambda options, feature_count: OnlyFirst(), monkeypatch)
    batch = events()
    per_dom = np.minimum(np.diff(batch.pulse_offsets), OnlyFirst.pulse_limit)
    expected = np.add.reduceat(per_dom, batch.dom_offsets[:-1])
    assert per_dom.max() == OnlyFirst.pulse_limit
    np.testing.assert_array_equal(model.reconstruct(batch).pulses_used, expected)
