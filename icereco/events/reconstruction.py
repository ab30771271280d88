"""A reconstruction: what a model or a fit says of each event."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from numpy import ndarray

__all__ = ["Reconstruction", "Estimate"]


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """Directions of a batch of events, in the order of the events.

    Attributes:
        direction: unit vectors `[E, 3]` that point to where the neutrino came from; NaN where nothing could be fitted.
        kappa: concentration `[E]` of a von Mises-Fisher density around the direction, or None.
        pulses_used: how many pulses of each event `[E]` the method looked at; None = all.
    """

    direction: Float[ndarray, "event 3"]
    kappa: Float[ndarray, "event"] | None = None
    pulses_used: Int[ndarray, "event"] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What one method says of one event.

    Attributes:
        name: of the method, as people see it.
        direction: unit vector `[3]` to where the neutrino came from, or None where the method gave none.
        kappa: von Mises-Fisher concentration, or None.
        pulses_used: or None where unknown.
    """

    name: str
    direction: Float[ndarray, "3"] | None
    kappa: float | None = None
    pulses_used: int | None = None
