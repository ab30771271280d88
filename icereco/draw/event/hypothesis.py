"""What may have shone in an event: a track or a cascade at a place and, where it is known, a time."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.events.reconstruction import Estimate
from icereco.events.truth import EVENT_KINDS, EventTruth
from icereco.physics.direct_light import DirectLight

__all__ = ["TRUE", "Hypothesis"]

TRUE = "true"
"""The name of the truth."""

_CASCADE = EVENT_KINDS.index("cascade")


@dataclass(frozen=True, slots=True, eq=False)
class Hypothesis:
    """An infinite track, or a cascade, at a place.

    Attributes:
        name: of the method, or `TRUE`.
        position_m: `[3]`, of the cascade, or a point of the track.
        travel: unit vector `[3]` along the track; None for a cascade, whose light comes from one point.
        time_ns: when the particle was there, as times of pulses count; None where that is not known.
        placed: whether the place is the method's own, and not the centre of the charge.
    """

    name: str
    position_m: Float[ndarray, "3"]
    travel: Float[ndarray, "3"] | None
    time_ns: float | None
    placed: bool

    @classmethod
    def of_estimate(cls, estimate: Estimate, centre_m: Float[ndarray, "3"]) -> Self | None:
        """What a method says, at the centre of the charge where it gives no place; None without a direction and a place."""
        anchor, own = estimate.anchor, estimate.vertex_m
        if anchor is not None:
            own = anchor.position_m
        cascade = anchor.cascade if anchor is not None else _is_cascade(estimate)
        if estimate.direction is None and own is None:
            return None
        travel = None if cascade or estimate.direction is None else -estimate.direction
        place = centre_m if own is None else own
        return cls(estimate.name, place, travel, None if anchor is None else anchor.time_ns, own is not None)

    @classmethod
    def of_truth(cls, truth: EventTruth, centre_m: Float[ndarray, "3"]) -> Self:
        """The truth, at the centre of the charge where its vertex is not known."""
        cascade = truth.kind is not None and "cascade" in truth.kind
        place = centre_m if truth.vertex_m is None else truth.vertex_m
        return cls(TRUE, place, None if cascade else -truth.direction, None, truth.vertex_m is not None)

    def delay_ns(self, place_m: Float[ndarray, "place 3"], light: DirectLight) -> Float[ndarray, "place"]:
        """When direct light arrives at places, ns after the time at `position_m`."""
        way = place_m.astype(np.float64) - self.position_m
        square = (way**2).sum(1)
        if self.travel is None:
            return np.asarray(light.of_point(np.sqrt(square)))
        along = way @ self.travel
        return np.asarray(light.of_track(along, np.sqrt(np.maximum(square - along**2, 0.0))))

    @property
    def facts(self) -> list[str]:
        """What it is, and where its place and its time come from."""
        return [
            "cascade" if self.travel is None else "track",
            "own vertex" if self.placed else "charge centre",
            "time of early hits" if self.time_ns is None else "own time",
        ]


def _is_cascade(estimate: Estimate) -> bool:
    """Whether a cascade is the most probable kind."""
    probability = estimate.kind_probability
    return probability is not None and int(np.argmax(probability)) == _CASCADE
