"""The checks of losses without truth find what they are for: a fault of each sort, planted in a sound loss."""

import dataclasses

import numpy as np
import pytest
import torch

from icereco.events.selection import select_doms
from icereco.plugins.discovery import registry
from icereco.testing.conformance import BrokenPromiseError, checks, self_supervised

NAME = "masked-modules"


def estimates_something(loss, _):
    loss.decode = lambda _, outputs: dataclasses.replace(
        registry_decode(outputs), direction=torch.ones(len(outputs), 3)
    )


def registry_decode(outputs):
    from icereco.events.reconstruction import Estimates

    return Estimates(direction=torch.full((len(outputs), 3), torch.nan))


def hides_all(loss, hide):
    loss.hide = lambda _self, batch, _draw: (
        select_doms(batch, np.zeros(len(batch.sensor_id), bool)),
        batch,
    )


def hides_the_same_always(loss, hide):
    loss.hide = lambda self, batch, _draw: hide(self, batch, 0)


def hides_by_row(loss, hide):
    loss.hide = lambda self, batch, draw: hide(
        self, dataclasses.replace(batch, event_id=np.arange(len(batch))), draw
    )


def changes(**how):
    """The values of the loss, changed."""

    def plant(loss, _):
        sound = loss.of_hidden
        loss.of_hidden = lambda self, outputs, visible, hidden: how["value"](
            sound(self, outputs, visible, hidden), outputs, hidden
        )

    return plant


FAULTS = {
    "estimates-nothing": estimates_something,
    "divides-the-doms": hides_all,
    "draws-differ": hides_the_same_always,
    "events-do-not-leak": hides_by_row,
    "nothing-hidden-costs-nothing": changes(value=lambda value, _outputs, _hidden: value + 1),
    "finite-everywhere": changes(value=lambda value, outputs, _: value + outputs.square().sum(-1).sqrt()),
    "gradient-is-right": changes(value=lambda value, outputs, _: value + outputs.detach().square().sum(-1)),
    "half-precision": changes(value=lambda value, _outputs, _hidden: value.bfloat16()),
}


def test_every_promise_has_a_planted_fault():
    assert list(FAULTS) == [promise.__name__.replace("_", "-") for promise in self_supervised.PROMISES]


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_fails_its_check(monkeypatch, name):
    loss = registry().get("loss", NAME).load_factory()
    for attribute in ("decode", "hide", "of_hidden"):
        monkeypatch.setattr(loss, attribute, getattr(loss, attribute))  # undone at the end
    FAULTS[name](loss, loss.hide)
    (check,) = [one for one in checks("loss", NAME) if one.name == name]
    with pytest.raises(BrokenPromiseError):
        check()
