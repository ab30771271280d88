"""What a method says of energy, vertex, kind and inelasticity of an event, in words, beside the truth."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.events.reconstruction import Estimate
from icereco.events.truth import EVENT_KINDS, EventTruth

__all__ = ["energy_text", "estimated_energy", "estimated_kinds", "target_facts"]


def target_facts(estimate: Estimate, truth: EventTruth | None) -> dict[str, list[str]]:
    """Return facts of each quantity that the method gives, by its name: the estimate, then the truth where it is known."""
    facts = {
        "energy": _prefixed("energy", estimated_energy(estimate)),
        "vertex": _prefixed("vertex", _vertex(estimate.vertex_m)),
        "kind": [text.replace(" track", "") for text in estimated_kinds(estimate)],
        "inelasticity": _prefixed("inelasticity", _number(estimate.inelasticity)),
    }
    known = _true(truth)
    return {
        name: [*texts, f"true {known[name]}"] if known.get(name) else texts
        for name, texts in facts.items()
        if texts
    }


def _true(truth: EventTruth | None) -> dict[str, str]:
    if truth is None:
        return {}
    return {
        "energy": energy_text(truth.energy_gev),
        "vertex": _vertex(truth.vertex_m),
        "kind": "" if truth.kind is None else truth.kind.replace("_", " "),
        "inelasticity": _number(truth.inelasticity),
    }


def estimated_energy(estimate: Estimate) -> str:
    """Return the energy with its interval of one sigma; empty without one.

    >>> estimated_energy(Estimate("a", None, energy_gev=2e3, energy_log10_sigma=0.3))
    '2 TeV (1-3.99)'
    >>> estimated_energy(Estimate("a", None, energy_gev=2e3, energy_log10_sigma=0.4))
    '2 TeV (796 GeV-5.02 TeV)'
    """
    energy, sigma = estimate.energy_gev, estimate.energy_log10_sigma
    if energy is None or sigma is None:
        return energy_text(energy)
    texts = [energy_text(energy * 10.0**shift) for shift in (0.0, -sigma, sigma)]
    numbers, units = zip(*(text.split(" ") for text in texts), strict=True)
    low, high = numbers[1:] if len(set(units)) == 1 else texts[1:]
    return f"{texts[0]} ({low}-{high})"


def estimated_kinds(estimate: Estimate) -> Iterator[str]:
    """Yield the kinds with their probabilities, the most probable one first."""
    if estimate.kind_probability is None:
        return
    for place in np.argsort(-estimate.kind_probability, kind="stable").tolist():
        name = EVENT_KINDS[place].replace("_", " ")
        yield f"{name} {estimate.kind_probability[place]:.0%}"


def energy_text(energy_gev: float | None) -> str:
    """Return an energy with its unit; empty where it is not known."""
    if energy_gev is None or not np.isfinite(energy_gev):
        return ""
    for unit, size in (("PeV", 1e6), ("TeV", 1e3)):
        if energy_gev >= size:
            return f"{energy_gev / size:.3g} {unit}"
    return f"{energy_gev:.3g} GeV"


def _prefixed(name: str, text: str) -> list[str]:
    return [f"{name} {text}"] if text else []


def _vertex(vertex_m: Float[ndarray, "3"] | None) -> str:
    if vertex_m is None:
        return ""
    return f"({', '.join(f'{one:.0f}' for one in vertex_m)}) m"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
