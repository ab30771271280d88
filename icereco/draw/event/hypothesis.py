"""What may have shone in an event: a track, whole or from its start to its stop, or a cascade, and when, where that is known."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.detector.detector import LIGHT_M_PER_NS
from icereco.events.reconstruction import Estimate
from icereco.events.truth import EVENT_KINDS, EventTruth
from icereco.physics.direct_light import DirectLight
from icereco.physics.muon_range import mean_range_m

__all__ = ["TRUE", "Hypothesis"]

TRUE = "true"
"""The name of the truth."""

_CASCADE, _STARTING = EVENT_KINDS.index("cascade"), EVENT_KINDS.index("starting_track")


@dataclass(frozen=True, slots=True, eq=False)
class Hypothesis:
    """A track through or from a place, or a cascade there.

    Attributes:
        name: of the method, or `TRUE`.
        position_m: `[3]`, of the cascade, or a point of the track.
        travel: unit vector `[3]` along the track; None for a cascade, whose light comes from one point.
        time_ns: when the particle was there, as times of pulses count; None where that is not known.
        placed: whether the place is the method's own, and not the centre of the charge.
        starts: whether the track starts there.
        length_m: from there to where it stops; None where it does not, or that is not known.
        by_energy: whether that is the mean range of muons of the energy, and not a length of the track's own.
    """

    name: str
    position_m: Float[ndarray, "3"]
    travel: Float[ndarray, "3"] | None
    time_ns: float | None
    placed: bool
    starts: bool = False
    length_m: float | None = None
    by_energy: bool = False

    @classmethod
    def of_estimate(cls, estimate: Estimate, centre_m: Float[ndarray, "3"]) -> Self | None:
        """What a method says, at the centre of the charge where it gives no place; None without a direction and a place."""
        anchor, own = estimate.anchor, estimate.vertex_m
        if anchor is not None:
            own = anchor.position_m
        cascade = anchor.cascade if anchor is not None else _most_probable(estimate) == _CASCADE
        if estimate.direction is None and own is None:
            return None
        travel = None if cascade or estimate.direction is None else -estimate.direction
        place = centre_m if own is None else own
        time_ns = None if anchor is None else anchor.time_ns
        known = cls(estimate.name, place, travel, time_ns, own is not None)
        if anchor is not None:
            starts = anchor.starts and travel is not None
            return replace(known, starts=starts, length_m=anchor.length_m if starts else None)
        starts = own is not None and _most_probable(estimate) == _STARTING
        return known._started(estimate.energy_gev, estimate.inelasticity) if starts else known

    @classmethod
    def of_truth(cls, truth: EventTruth, centre_m: Float[ndarray, "3"]) -> Self:
        """The truth, at the centre of the charge where its vertex is not known."""
        cascade = truth.kind is not None and "cascade" in truth.kind
        place = centre_m if truth.vertex_m is None else truth.vertex_m
        known = cls(TRUE, place, None if cascade else -truth.direction, None, truth.vertex_m is not None)
        starts = known.placed and truth.kind is not None and "starting" in truth.kind
        return known._started(truth.energy_gev, truth.inelasticity) if starts else known

    def _started(self, energy_gev: float | None, inelasticity: float | None) -> Self:
        """The track from its vertex, for as long as muons of its energy go on average, where that is known."""
        if self.travel is None or energy_gev is None or inelasticity is None:
            return replace(self, starts=self.travel is not None)
        length = mean_range_m(energy_gev * (1.0 - inelasticity))
        return replace(self, starts=True, length_m=length, by_energy=True)

    def delay_ns(self, place_m: Float[ndarray, "place 3"], light: DirectLight) -> Float[ndarray, "place"]:
        """When direct light arrives at places, ns after the time at `position_m`."""
        way = place_m.astype(np.float64) - self.position_m
        square = (way**2).sum(1)
        if self.travel is None:
            return np.asarray(light.of_point(np.sqrt(square)))
        along = way @ self.travel
        across = np.sqrt(np.maximum(square - along**2, 0.0))
        delay = np.asarray(light.of_track(along, across))
        emitted = along - across * (light.cosine / light.sine)
        if self.starts:  # modules that no Cherenkov light of the track reaches see that of its ends first
            delay = np.where(emitted < 0.0, light.of_point(np.sqrt(square)), delay)
        if self.length_m is not None and not self.by_energy:
            beyond = np.hypot(along - self.length_m, across)
            stopped = self.length_m / LIGHT_M_PER_NS + light.of_point(beyond)
            delay = np.where(emitted > self.length_m, stopped, delay)
        return delay

    @property
    def facts(self) -> list[str]:
        """What it is, and where its place and its time come from."""
        return [
            "cascade" if self.travel is None else "starting track" if self.starts else "track",
            "own vertex" if self.placed else "charge centre",
            "time of early hits" if self.time_ns is None else "own time",
        ]


def _most_probable(estimate: Estimate) -> int | None:
    """The index of the most probable kind."""
    probability = estimate.kind_probability
    return None if probability is None else int(np.argmax(probability))
