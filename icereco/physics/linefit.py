"""Stenger's line fit.

A plane of light that moves through the detector with velocity v passes the position r at r = r̄ + v (t − t̄). Least
squares over the pulses gives v = Σ (r − r̄)(t − t̄) / Σ (t − t̄)²; the particle travels along v and came from −v (V. J.
Stenger, "Track fitting for DUMAND-II Octagon Array", HDC-1-90, University of Hawaii 1990; AMANDA, astro-ph/0407044).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

__all__ = ["LineMoments", "line_moments"]

Array = TypeVar("Array", bound=Any)
"""An array of NumPy or a tensor of torch; the formula is the same."""


@dataclass(frozen=True, slots=True)
class LineMoments(Generic[Array]):
    """The moments from which each event's fit is computed: v = covariance / variance.

    Attributes:
        centre: r̄ `[E, 3]`.
        covariance: mean of (r − r̄)(t − t̄) `[E, 3]`, along the velocity, and of a length that grows with the light.
        variance: mean of (t − t̄)² `[E, 1]`.
    """

    centre: Array
    covariance: Array
    variance: Array


def line_moments(
    position: Array, time: Array, event: Array, mean: Callable[[Array], Array]
) -> LineMoments[Array]:
    """Compute the moments of the pulses of each event.

    Args:
        position: `[P, 3]`, of each pulse.
        time: `[P, 1]`, in any unit, best from a zero within the event.
        event: integers `[P]`, the event of each pulse.
        mean: gives the weighted mean over the pulses of each event, `[P, C]` to `[E, C]`.
    """
    centre = mean(position)
    late = time - mean(time)[event]
    return LineMoments(centre, mean(late * (position - centre[event])), mean(late * late))
