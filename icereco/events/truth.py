"""What a simulation knows of events."""

from dataclasses import dataclass
from typing import overload

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.physics.sphere import angles_from_direction

__all__ = ["Truth", "EventTruth"]


@dataclass(frozen=True, slots=True, eq=False)
class EventTruth:
    """What a simulation knows of one event.

    Attributes:
        direction: unit vector `[3]`, float64, to where the neutrino came from.
        energy_gev: or None.
        kind: such as "cascade", or None.
    """

    direction: Float[ndarray, "3"]
    energy_gev: float | None = None
    kind: str | None = None

    @property
    def angles(self) -> tuple[float, float]:
        """Azimuth in [0, 2π) and zenith in [0, π], rad."""
        azimuth, zenith = angles_from_direction(self.direction)
        return float(azimuth), float(zenith)

    def __str__(self) -> str:
        azimuth, zenith = np.degrees(self.angles)
        parts = [self.kind, f"{self.energy_gev:,.0f} GeV" if self.energy_gev is not None else None]
        return ", ".join([*filter(None, parts), f"azimuth {azimuth:.1f}°", f"zenith {zenith:.1f}°"])


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What a simulation knows of `E` events.

    Attributes:
        direction: unit vectors `[E, 3]`, float64, to where the neutrino came from.
        energy_gev: `[E]` float64, or None.
        kind: `[E]` object array of str ("through_track", "starting_track", "cascade", …), or None.
    """

    direction: Float[ndarray, "event 3"]
    energy_gev: Float[ndarray, "event"] | None = None
    kind: ndarray | None = None

    @overload
    def __getitem__(self, index: int) -> EventTruth: ...
    @overload
    def __getitem__(self, index: slice) -> "Truth": ...
    def __getitem__(self, index: int | slice) -> "EventTruth | Truth":
        if isinstance(index, slice):
            energies = None if self.energy_gev is None else self.energy_gev[index]
            return Truth(self.direction[index], energies, None if self.kind is None else self.kind[index])
        energy = (
            None
            if self.energy_gev is None or np.isnan(self.energy_gev[index])
            else float(self.energy_gev[index])
        )
        return EventTruth(self.direction[index], energy, None if self.kind is None else self.kind[index])
