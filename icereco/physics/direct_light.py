"""When light that is not scattered arrives from tracks and points, and time residuals to it.

A particle with the speed of light in vacuum, c, emits light at the Cherenkov angle θ, cos θ = 1 / n. At a module it arrives

    t = along / c + across · (n_group − cos θ) / (c sin θ)

after the particle has passed a point of its line; `along` leads from there to the point that is closest to the module,
`across` from that one to the module (AMANDA Collaboration, NIM A 524 (2004) 169, section 3, here with the speed
of light pulses in the medium). Formulas take arrays of NumPy and tensors of torch.
"""

import math
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.detector.detector import LIGHT_M_PER_NS, Medium

__all__ = ["DIRECT_NS", "DirectLight", "hits_by_class", "time_zero_ns"]

Array = TypeVar("Array", bound=Any)
"""An array of NumPy or a tensor of torch."""

DIRECT_NS = (-15.0, 75.0)
"""Residuals of direct hits: those before are early, those after late. A usual window for counting direct hits
(AMANDA Collaboration, "Muon track reconstruction and data selection techniques in AMANDA", NIM A 524 (2004) 169,
doi:10.1016/j.nima.2004.01.065): −15 ns for the jitter of times, 75 ns for light that is hardly scattered."""

_CORE, _EARLY = 0.5, 0.1


@dataclass(frozen=True, slots=True)
class DirectLight:
    """Light in a medium.

    Attributes:
        cosine, sine: of the Cherenkov angle.
        slowness: time that light takes, ns/m.
        delay: time after the passing of a particle at which its Cherenkov light arrives, ns per metre of distance.
    """

    cosine: float
    sine: float
    slowness: float
    delay: float

    @classmethod
    def of(cls, medium: Medium) -> Self:
        """The light in a medium by its refractive indices."""
        cosine, slowness = 1.0 / medium.refractive_index_phase, medium.refractive_index_group / LIGHT_M_PER_NS
        sine = math.sqrt(1.0 - cosine**2)
        return cls(cosine, sine, slowness, (slowness - cosine / LIGHT_M_PER_NS) / sine)

    def of_track(self, along_m: Array, across_m: Array) -> Array:
        """When light of an infinite track arrives, ns after the particle's passing of the point from which `along_m` counts."""
        time: Array = along_m / LIGHT_M_PER_NS + across_m * self.delay
        return time

    def of_point(self, distance_m: Array) -> Array:
        """When light of a cascade arrives, ns after it."""
        time: Array = distance_m * self.slowness
        return time


def time_zero_ns(delay_ns: Float[ndarray, "hit"]) -> float:
    """The time of a source by times of first pulses minus the ways of direct light to them: the median of early hits.

    Early are the first fifth of the hits in the shortest time that holds half of all: noise is elsewhere, scattered
    light after them. NaN without hits.
    """
    ordered = np.sort(delay_ns[np.isfinite(delay_ns)])
    if not len(ordered):
        return float("nan")
    held = max(int(np.ceil(_CORE * len(ordered))), 1)
    first = int(np.argmin(ordered[held - 1 :] - ordered[: len(ordered) - held + 1]))
    return float(np.quantile(ordered[first : first + held], _EARLY))


def hits_by_class(residual_ns: Float[ndarray, "pulse"]) -> Int[ndarray, "pulse"]:
    """0 for early hits, 1 for direct ones, 2 for late ones, by `DIRECT_NS`; −1 without a residual."""
    low, high = DIRECT_NS
    group = (residual_ns >= low).astype(np.int64) + (residual_ns > high)
    return np.where(np.isfinite(residual_ns), group, -1)
