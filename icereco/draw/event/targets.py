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
        "vertex": _prefixed("vertex", _vertex(estimate.vertex_m, estimate.vertex_covariance_m2)),
        "kind": [text.replace(" track", "") for text in estimated_kinds(estimate)],
        "inelasticity": _prefixed(
            "inelasticity", _number(estimate.inelasticity, estimate.inelasticity_sigma)
        ),
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
    """Return the energy with its interval of 68 %, or else of one sigma; empty without one.

    >>> estimated_energy(Estimate("a", None, energy_gev=2e3, energy_log10_sigma=0.3))
    '2 TeV (1-3.99)'
    >>> estimated_energy(Estimate("a", None, energy_gev=2e3, energy_interval_gev=np.array([8e2, 3e3])))
    '2 TeV (800 GeV-3 TeV)'
    """
    energy, interval = estimate.energy_gev, _interval(estimate)
    if energy is None or interval is None:
        return energy_text(energy)
    texts = [energy_text(edge) for edge in (energy, *interval)]
    numbers, units = zip(*(text.split(" ") for text in texts), strict=True)
    low, high = numbers[1:] if len(set(units)) == 1 else texts[1:]
    return f"{texts[0]} ({low}-{high})"


def _interval(estimate: Estimate) -> tuple[float, float] | None:
    if estimate.energy_interval_gev is not None:
        low, high = estimate.energy_interval_gev.tolist()
        return low, high
    if estimate.energy_gev is None or estimate.energy_log10_sigma is None:
        return None
    ratio = 10.0**estimate.energy_log10_sigma
    return estimate.energy_gev / ratio, estimate.energy_gev * ratio


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


def _vertex(vertex_m: Float[ndarray, "3"] | None, covariance_m2: Float[ndarray, "3 3"] | None = None) -> str:
    """A vertex, with one sigma of a coordinate: the root of the mean of the three variances."""
    if vertex_m is None:
        return ""
    place = f"({', '.join(f'{one:.0f}' for one in vertex_m)})"
    return (
        f"{place} m" if covariance_m2 is None else f"{place} ± {np.sqrt(np.trace(covariance_m2) / 3):.0f} m"
    )


def _number(value: float | None, sigma: float | None = None) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if sigma is None else f"{value:.2f} ± {sigma:.2f}"
