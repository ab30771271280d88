"""A plane wavefront of fixed speed: the direction that fits the times of the first pulses best.

A wavefront that comes from n, |n| = 1, reaches r at t = t₀ − n·r / c. With u = −n, A the mean of ρρᵀ, ρ = r − r̄, and b
that of c (t − t̄) ρ, least squares under the constraint asks for (A + λ) u = b, |u| = 1. Of the solutions, that with λ ≥ −a₁,
a₁ the smallest eigenvalue of A, is the minimum, and there |u| falls with λ (the trust-region subproblem: J. J. Moré and D. C.
Sorensen, SIAM J. Sci. Stat. Comput. 4 (1983) 553).
"""

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco_reconstructors.first_light import FirstLight, first_light
from icereco_reconstructors.options import PlaneWaveOptions
from icereco_reconstructors.pulses import coincident_then_all, fit_narrowest

__all__ = ["PlaneWave"]

_FLAT_M = 1e-3
"""An extent below this is rounding of positions: a wavefront's direction across it cannot be seen."""
_LEAST_SEEN = 0.999
"""Where u is shorter than this along the other axes, it has a part across them whose sign is unknown."""
_HALVINGS = 60


class PlaneWave:
    """The reconstructor `plane-wave`.

    Auxiliary pulses are left out, unless an event has no direction without them.
    """

    def __init__(self, options: PlaneWaveOptions) -> None:
        self.options = options

    def __call__(self, batch: EventBatch) -> Reconstruction:
        """Directions float64 `[E, 3]`, NaN where two fit equally well, as if all DOMs lie in a plane."""
        return fit_narrowest(batch, coincident_then_all(batch), lambda chosen: self._origin(batch, chosen))

    def _origin(self, batch: EventBatch, chosen: Bool[ndarray, "pulse"]) -> Float[ndarray, "event 3"]:
        light = first_light(batch, chosen, np.ones(len(batch.sensor_id)))
        along = _travel_along_axes(light, self.options.speed_m_per_ns)
        return np.asarray(-np.einsum("eij,ej->ei", light.axes, along))


def _travel_along_axes(light: FirstLight, speed_m_per_ns: float) -> Float[ndarray, "event 3"]:
    """Return the components of u along the axes, NaN where the times do not determine all of it."""
    pull = speed_m_per_ns * light.along_axes(light.line.covariance)
    stiffness = light.extent_m**2 - light.extent_m[:, :1] ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        travel = pull / (stiffness + _multiplier(pull, stiffness)[:, None])
        seen = np.where(light.extent_m > _FLAT_M, travel, 0.0)
        length = np.linalg.norm(seen, axis=1)
        return np.where((length > _LEAST_SEEN)[:, None], seen / length[:, None], np.nan)


def _multiplier(
    pull: Float[ndarray, "event 3"], stiffness: Float[ndarray, "event 3"]
) -> Float[ndarray, "event"]:
    """Return μ = λ + a₁ ≥ 0 with |u| = |pull / (stiffness + μ)| = 1, by bisection.

    |u| falls with μ; it is at least 1 at |pull₁|, the stiffness of the first axis being 0, and at most 1 at |pull|.
    """
    low, high = np.abs(pull[:, 0]), np.linalg.norm(pull, axis=1)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        with np.errstate(invalid="ignore", divide="ignore"):
            long = np.linalg.norm(pull / (stiffness + middle[:, None]), axis=1) > 1
        low, high = np.where(long, middle, low), np.where(long, high, middle)
    return np.asarray(high)
