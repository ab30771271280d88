"""Layered ice: the properties that light meets between two depths."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.detector.detector import Medium

__all__ = ["LayeredIce"]

_GRID_M = 5.0
_LOCAL_M = 1.0


@dataclass(frozen=True, slots=True)
class LayeredIce:
    """Integrals of the scattering and absorption coefficients over z, on a regular grid.

    Attributes:
        bottom_m: z of the first grid point.
        coefficient_per_m: float32 `[G, 2]`, effective scattering and absorption coefficients.
        integral: float64 `[G, 2]`, their integrals from the bottom.
    """

    bottom_m: float
    coefficient_per_m: Float[ndarray, "grid 2"]
    integral: Float[ndarray, "grid 2"]

    @classmethod
    def of(cls, medium: Medium, absorption_scale: float = 1.0) -> "LayeredIce":
        """From the layers of a detector card; beyond them their ends are continued for 2 km."""
        z = np.arange(medium.z_m[0] - 2000.0, medium.z_m[-1] + 2000.0, _GRID_M)
        scattering, absorption = medium.lengths_m()
        layers = (scattering, absorption / absorption_scale)
        coefficient = np.stack([np.interp(z, medium.z_m, 1.0 / length) for length in layers], axis=1)
        between = 0.5 * (coefficient[1:] + coefficient[:-1]) * _GRID_M
        integral = np.concatenate([np.zeros((1, 2)), np.cumsum(between, axis=0)])
        return cls(float(z[0]), coefficient.astype(np.float32), integral)

    def mean_coefficients(
        self, first_z_m: Float[ndarray, "*n"], second_z_m: Float[ndarray, "*n"]
    ) -> tuple[Float[ndarray, "*n"], Float[ndarray, "*n"]]:
        """Mean effective scattering and absorption coefficient, 1/m, on the straight way between two depths."""
        height = second_z_m - first_z_m
        level = np.abs(height) < _LOCAL_M
        inverse = (1.0 / np.where(level, 1.0, height)).astype(np.float32)
        first, second = self._at(first_z_m), self._at(second_z_m)
        local = self.coefficient_per_m[np.clip(second[0], 0, len(self.integral) - 1)]
        mean = [
            np.where(level, local[..., k], (self._integral(second, k) - self._integral(first, k)) * inverse)
            for k in (0, 1)
        ]
        return mean[0].astype(np.float32), mean[1].astype(np.float32)

    def _at(self, z_m: Float[ndarray, "*n"]) -> tuple[ndarray, ndarray]:
        place = (np.asarray(z_m, np.float64) - self.bottom_m) / _GRID_M
        place = np.clip(place, 0.0, len(self.integral) - 1.001)
        cell = place.astype(np.int64)
        return cell, place - cell

    def _integral(self, at: tuple[ndarray, ndarray], column: int) -> Float[ndarray, "*n"]:
        cell, part = at
        low = self.integral[:, column][cell]
        result: ndarray = low + part * (self.integral[:, column][cell + 1] - low)
        return result
