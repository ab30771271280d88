"""The conformance kit finds what it is for: a fault of each sort, planted in a sound component, fails its check."""

import dataclasses
import sys
from importlib import import_module
from pathlib import Path

import pytest

from icereco.errors import IcerecoError
from icereco.plugins.component import KINDS, Component
from icereco.plugins.discovery import Declaration, Plugin, registry
from icereco.testing.conformance import BrokenPromiseError, Example, checks, checks_of
from icereco.testing.conformance.samples import event_table

NETWORKS = ("aggregator", "encoder")


def promise_names(module):
    promises = [*module.PROMISES, *getattr(module, "WITH_EXAMPLE", ())]
    return [promise.__name__.replace("_", "-") for promise in promises]


FAULTS = [
    (kind, name)
    for kind in KINDS
    for name in promise_names(import_module(f"icereco.testing.conformance.{kind}"))
]


@pytest.fixture(autouse=True)
def planted_modules(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "planted"))


def write_example(folder):
    import pyarrow.parquet as pq

    pq.write_table(event_table(), folder / "events.parquet")
    return folder / "events.parquet"


def planted(kind, fault, options="Good", **changes):
    """A declaration whose component has one fault, by the name of the promise that it breaks."""
    factory = getattr(import_module("planted_networks" if kind in NETWORKS else "planted_parts"), kind)(fault)
    sys.modules["planted_parts"].__dict__["made"] = factory
    module = changes.pop("module", "planted_options")
    component = Component("planted", "planted_parts:made", f"{module}:{options}", "planted", **changes)
    return Declaration(kind, component, Plugin("planted", "icereco-planted", "1.0"))


def check_named(declaration, name):
    example = Example(write_example, event_table()) if declaration.kind == "reader" else None
    (found,) = [check for check in checks_of(declaration, example) if check.name == name]
    return found


@pytest.fixture(autouse=True)
def _loaded(planted_modules):
    import_module("planted_parts")


@pytest.mark.parametrize(("kind", "fault"), FAULTS)
def test_a_planted_fault_fails_its_check(kind, fault):
    with pytest.raises(BrokenPromiseError):
        check_named(planted(kind, fault), fault)()


SPOILT = [
    ("log-energy", "energy_interval_gev", lambda interval: interval.flip(-1), "not around the energy"),
    ("energy-quantiles", "energy_log10_sigma", lambda sigma: -sigma, "not positive"),
    ("vertex", "vertex_covariance_m2", lambda covariance: -covariance, "not positive definite"),
    ("vertex", "vertex_covariance_m2", lambda covariance: covariance.triu(), "not symmetric"),
    ("kind", "kind_probability", lambda probability: 2 * probability, "do not sum to one"),
    ("inelasticity", "inelasticity", lambda part: part + 1, "not between 0 and 1"),
    ("inelasticity", "inelasticity_sigma", lambda sigma: 0 * sigma, "not positive"),
]


@pytest.mark.parametrize(("name", "field", "spoil", "complaint"), SPOILT)
def test_an_estimate_out_of_its_range_is_named(monkeypatch, name, field, spoil, complaint):
    loss = registry().get("loss", name).load_factory()
    sound = loss.decode

    def decode(self, outputs):
        estimates = sound(self, outputs)
        return dataclasses.replace(estimates, **{field: spoil(getattr(estimates, field))})

    monkeypatch.setattr(loss, "decode", decode)
    (within,) = [check for check in checks("loss", name) if check.name == "decodes-within-range"]
    with pytest.raises(BrokenPromiseError, match=complaint):
        within()


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_component_passes_every_check(kind):
    declaration = planted(kind, None)
    example = Example(write_example, event_table()) if kind == "reader" else None
    for check in checks_of(declaration, example):
        check()


@pytest.mark.parametrize(
    ("name", "changes", "complaint"),
    [
        ("light-to-declare", {"module": "planted_heavy"}, "imports polars"),
        ("options-refuse-typos", {"options": "TakesAnything"}, "takes any option"),
        ("options-are-described", {"options": "Undescribed"}, "no description of width"),
        ("options-survive-toml", {"options": "NotInToml"}, "TOML has no complex"),
        ("described-in-one-line", {"summary": ""}, "must be one line"),
        ("waives-what-it-may", {"waives": ("doms-do-not-leak",)}, "cannot be waived"),
    ],
)
def test_a_faulty_declaration_fails_its_check(name, changes, complaint):
    from dataclasses import replace

    summary = changes.pop("summary", None) if "summary" in changes else None
    declaration = planted("aggregator", None, **changes)
    if summary is not None:
        declaration = replace(declaration, component=replace(declaration.component, summary=summary))
    with pytest.raises(BrokenPromiseError, match=complaint):
        check_named(declaration, name)()


def test_every_promise_of_a_declaration_has_a_planted_fault():
    (marker,) = test_a_faulty_declaration_fails_its_check.pytestmark
    assert {row[0] for row in marker.args[1]} == set(
        promise_names(import_module("icereco.testing.conformance.declaration"))
    )


def test_a_waived_promise_is_not_checked():
    declaration = planted("aggregator", "pulse-order", waives=("pulse-order",))
    assert check_named(declaration, "pulse-order").waived
    assert not check_named(declaration, "dom-order").waived


def test_an_unknown_component_or_kind_names_the_nearest():
    with pytest.raises(IcerecoError, match="did you mean 'aggregator'"):
        checks("agregator", "deepsets")
    with pytest.raises(IcerecoError, match="did you mean 'deepsets'"):
        checks("aggregator", "deepset")


def test_a_check_says_what_it_looks_at():
    for check in checks("aggregator", "deepsets"):
        assert str(check).startswith("deepsets: ")
        assert check.meaning.endswith(".")
