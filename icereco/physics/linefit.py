"""Stenger's line fit, and the Huber penalty that makes it robust.

A plane of light that moves through the detector with velocity v passes the position r at r = r̄ + v (t − t̄). Least
squares over the pulses gives v = Σ (r − r̄)(t − t̄) / Σ (t − t̄)²; the particle travels along v and came from −v (V. J.
Stenger, "Track fitting for DUMAND-II Octagon Array", HDC-1-90, University of Hawaii 1990; AMANDA, astro-ph/0407044).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from jaxtyping import Float
from numpy import ndarray

__all__ = ["LineMoments", "huber_weight", "line_moments"]

Array = TypeVar("Array", bound=Any)
"""An array of NumPy or a tensor of torch; the formula is the same."""


@dataclass(frozen=True, slots=True)
class LineMoments(Generic[Array]):
    """The moments from which each event's fit is computed: v = covariance / variance.

    Attributes:
        centre: r̄ `[E, 3]`.
        time: t̄ `[E, 1]`.
        covariance: mean of (r − r̄)(t − t̄) `[E, 3]`, along the velocity, and of a length that grows with the light.
        variance: mean of (t − t̄)² `[E, 1]`.
    """

    centre: Array
    time: Array
    covariance: Array
    variance: Array

    def residual(self, position: Array, time: Array, event: Array) -> Array:
        """Return r − r̄ − v (t − t̄) `[P, 3]`, from the place that the line has reached at the time of each pulse."""
        velocity = self.covariance / self.variance
        residual: Array = position - self.centre[event] - velocity[event] * (time - self.time[event])
        return residual


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
    centre, mean_time = mean(position), mean(time)
    late = time - mean_time[event]
    return LineMoments(centre, mean_time, mean(late * (position - centre[event])), mean(late * late))


def huber_weight(distance: Float[ndarray, "row"], limit: float) -> Float[ndarray, "row"]:
    """Return the weights with which least squares minimize Huber's penalty, limit / distance and at most 1.

    The penalty is distance² up to the limit and limit · (2 distance − limit) beyond it (P. J. Huber, Ann. Math.
    Statist. 35 (1964) 73).

    >>> huber_weight(np.array([0.0, 10.0, 40.0]), 10.0)
    array([1.  , 1.  , 0.25])
    """
    weight: ndarray = limit / np.maximum(distance, limit)
    return weight
