"""The groups of events in which estimates of energy, vertex and inelasticity are evaluated: all, by kind, by true energy."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.evaluation.curves import LEAST_EVENTS
from icereco.events.truth import Truth

__all__ = ["energy_edges", "energy_label", "target_groups"]

_BINS_PER_DECADE = 2


def target_groups(
    truth: Truth, evaluated: Bool[ndarray, "event"]
) -> Iterator[tuple[str, Bool[ndarray, "event"]]]:
    """Yield the groups of the evaluated events by display name: all, true kinds, half decades of true energy.

    Groups without events, and half decades with fewer than twenty, are left out.
    """
    if evaluated.any():
        yield "all", evaluated
    kind = truth.kind
    if kind is not None:
        for name in sorted({str(one) for one in kind[evaluated] if one is not None}):
            yield name, evaluated & (kind == name)
    if truth.energy_gev is not None:
        edges = energy_edges(truth.energy_gev[evaluated])
        for low, high in pairwise(edges):
            chosen = evaluated & (truth.energy_gev >= low) & (truth.energy_gev < high)
            if chosen.sum() >= LEAST_EVENTS:
                yield energy_label(low, high), chosen


def energy_edges(energy_gev: Float[ndarray, "event"]) -> Float[ndarray, "edge"]:
    """Return edges of half decades that hold all known energies; none without any."""
    known = energy_gev[np.isfinite(energy_gev) & (energy_gev > 0)]
    if not len(known):
        return np.empty(0)
    first, last = (np.floor(np.log10(edge) * _BINS_PER_DECADE) for edge in (known.min(), known.max()))
    return np.asarray(10.0 ** (np.arange(first, last + 2) / _BINS_PER_DECADE))


def energy_label(low_gev: float, high_gev: float) -> str:
    """Return a display name for a range of energies.

    >>> energy_label(10, 10**1.5), energy_label(10**2.5, 1000)
    ('10-31.6 GeV', '0.316-1 TeV')
    """
    unit, size = next(
        (one for one in (("PeV", 1e6), ("TeV", 1e3)) if high_gev >= one[1] * (1 - 1e-9)), ("GeV", 1.0)
    )
    return f"{low_gev / size:.3g}-{high_gev / size:.3g} {unit}"
