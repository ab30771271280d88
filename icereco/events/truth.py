"""The simulated truth of events: each target by its name, with NaN or None where a single value is unknown."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, overload

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.physics.sphere import angles_from_direction

__all__ = ["EVENT_KINDS", "TARGETS", "EventTruth", "Target", "Truth"]

Target = Literal["direction", "energy_gev", "vertex_m", "kind", "inelasticity"]
TARGETS: tuple[Target, ...] = get_args(Target)
"""The quantities whose truth a file may hold, and that a loss can estimate."""

EVENT_KINDS = ("through_track", "starting_track", "cascade")
"""The kinds of events that icereco itself assigns; files may hold others."""


@dataclass(frozen=True, slots=True, eq=False)
class EventTruth:
    """The simulated truth of one event; None for unknown quantities.

    Attributes:
        direction: unit vector `[3]`, float64, to where the neutrino came from.
        energy_gev: of the neutrino.
        kind: such as "cascade".
        vertex_m: `[3]`, where it interacted, or where its track enters the simulated volume.
        inelasticity: the fraction of the neutrino's energy that goes to hadrons, 0 to 1.
    """

    direction: Float[ndarray, "3"]
    energy_gev: float | None = None
    kind: str | None = None
    vertex_m: Float[ndarray, "3"] | None = None
    inelasticity: float | None = None

    @property
    def angles(self) -> tuple[float, float]:
        """Azimuth in [0, 2π) and zenith in [0, π], rad."""
        azimuth, zenith = angles_from_direction(self.direction)
        return float(azimuth), float(zenith)

    def __str__(self) -> str:
        return ", ".join(self._parts())

    def _parts(self) -> Iterator[str]:
        if self.kind is not None:
            yield self.kind
        if self.energy_gev is not None:
            yield f"{self.energy_gev:,.{0 if self.energy_gev >= 100 else 1}f} GeV"
        if self.inelasticity is not None:
            yield f"y {self.inelasticity:.2f}"
        if np.isfinite(self.direction).all():
            azimuth, zenith = np.degrees(self.angles)
            yield f"azimuth {azimuth:.1f}°, zenith {zenith:.1f}°"
        if self.vertex_m is not None:
            x, y, z = self.vertex_m
            yield f"vertex ({x:.0f}, {y:.0f}, {z:.0f}) m"


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """The simulated truth of `E` events; None for targets that are missing for all events.

    Attributes:
        direction: unit vectors `[E, 3]`, float64, to where the neutrino came from; NaN where unknown.
        energy_gev: `[E]` float64, of the neutrino; NaN where unknown.
        kind: `[E]` object array of str, such as those of `EVENT_KINDS`; None where unknown.
        vertex_m: `[E, 3]` float64, where it interacted, or where its track enters the simulated volume; NaN where
            unknown.
        inelasticity: `[E]` float64, the fraction of the neutrino's energy that goes to hadrons; NaN where unknown.
    """

    direction: Float[ndarray, "event 3"]
    energy_gev: Float[ndarray, "event"] | None = None
    kind: ndarray | None = None
    vertex_m: Float[ndarray, "event 3"] | None = None
    inelasticity: Float[ndarray, "event"] | None = None

    @property
    def targets(self) -> tuple[Target, ...]:
        """The available targets, in the order of `TARGETS`."""
        return tuple(target for target in TARGETS if getattr(self, target) is not None)

    def known(self, target: Target) -> Bool[ndarray, "event"]:
        """Return which events have a known value of a target.

        Raises:
            KeyError: the target is missing for all events.
        """
        values: ndarray | None = getattr(self, target)
        if values is None:
            raise KeyError(target)
        if values.dtype == object:
            return np.array([value is not None for value in values], bool)
        return np.asarray(np.isfinite(values).all(axis=tuple(range(1, values.ndim))))

    @overload
    def __getitem__(self, index: int) -> EventTruth: ...
    @overload
    def __getitem__(self, index: slice) -> "Truth": ...
    def __getitem__(self, index: int | slice) -> "EventTruth | Truth":
        columns: dict[str, Any] = {target: getattr(self, target) for target in self.targets}
        if isinstance(index, slice):
            return Truth(**{target: values[index] for target, values in columns.items()})
        known = {target: columns[target][index] for target in self.targets if self.known(target)[index]}
        return EventTruth(**known | {"direction": self.direction[index]})
