"""Maps of the sky: the whole sphere, and a tangent plane around a direction; densities and contours on them.

Directions point to where the neutrino came from. The all-sky map is Hammer's equal-area projection in detector
coordinates: zenith 0 on top, azimuth 0 in the middle and growing to the left, as the sky is seen from inside.
The zoom is the azimuthal equal-area (Lambert) projection: up is towards smaller zenith.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.physics.sphere import angles_from_direction, direction_from_angles, tangents

__all__ = ["AllSky", "Zoom", "ring"]


def ring(mean: Float[ndarray, "3"], angle: float, count: int = 180) -> Float[ndarray, "point 3"]:
    """Directions at an opening angle (rad) from a direction; the last repeats the first."""
    first, second = tangents(mean)
    turn = np.linspace(0, 2 * np.pi, count)
    around = np.cos(turn)[:, None] * first + np.sin(turn)[:, None] * second
    directions: ndarray = np.cos(angle) * mean + np.sin(angle) * around
    return directions


@dataclass(frozen=True, slots=True)
class AllSky:
    """The sphere on a canvas of `width` × `height` dots, each `aspect` times as high as wide."""

    width: int
    height: int
    aspect: float = 1.0

    @property
    def _scale(self) -> float:
        """Dots across per unit of the projection, whose ellipse is 4√2 wide and 2√2 high."""
        return float(min(self.width / (4 * np.sqrt(2)), self.height * self.aspect / (2 * np.sqrt(2))) * 0.99)

    def place(self, direction: Float[ndarray, "point 3"]) -> tuple[ndarray, ndarray]:
        """Positions of directions on the canvas, x and y in dots."""
        azimuth, zenith = angles_from_direction(np.asarray(direction, dtype=np.float64))
        longitude, latitude = (azimuth + np.pi) % (2 * np.pi) - np.pi, np.pi / 2 - zenith
        root = np.sqrt(1 + np.cos(latitude) * np.cos(longitude / 2))
        u = 2 * np.sqrt(2) * np.cos(latitude) * np.sin(longitude / 2) / root
        v = np.sqrt(2) * np.sin(latitude) / root
        return self.width / 2 - u * self._scale, self.height / 2 - v * self._scale / self.aspect

    def directions(self, x: Float[ndarray, "*n"], y: Float[ndarray, "*n"]) -> Float[ndarray, "*n 3"]:
        """Directions at dots; NaN outside the sphere."""
        u = (self.width / 2 - x) / self._scale
        v = (self.height / 2 - y) * self.aspect / self._scale
        with np.errstate(invalid="ignore"):
            z = np.sqrt(1 - (u / 4) ** 2 - (v / 2) ** 2)
            z = np.where(2 * z**2 >= 1, z, np.nan)  # beyond the rim the formula yields directions again
            longitude = 2 * np.arctan2(z * u, 2 * (2 * z**2 - 1))
            latitude = np.arcsin(np.clip(z * v, -1, 1))
        return direction_from_angles(longitude % (2 * np.pi), np.pi / 2 - latitude)

    def grid(self) -> list[Float[ndarray, "point 3"]]:
        """Lines of equal zenith every 30° and of equal azimuth every 60°, and the rim."""
        fine = np.linspace(1e-3, np.pi - 1e-3, 90)
        around = np.linspace(-np.pi + 1e-6, np.pi - 1e-6, 180)
        zeniths = [
            direction_from_angles(around, np.full_like(around, zen)) for zen in np.pi / 6 * np.arange(1, 6)
        ]
        meridians = [-np.pi + 1e-6, *(np.pi / 3 * np.arange(-2, 3)), np.pi - 1e-6]
        return zeniths + [direction_from_angles(np.full_like(fine, azi), fine) for azi in meridians]


@dataclass(frozen=True, slots=True)
class Zoom:
    """The sky around a direction on a canvas of dots; `radius` rad from the centre to the nearer edge."""

    center: Float[ndarray, "3"]
    radius: float
    width: int
    height: int
    aspect: float = 1.0

    @property
    def _scale(self) -> float:
        return float(
            min(self.width, self.height * self.aspect) / 2 / (2 * np.sin(min(self.radius, np.pi) / 2))
        )

    def place(self, direction: Float[ndarray, "point 3"]) -> tuple[ndarray, ndarray]:
        """Positions of directions on the canvas, x and y in dots."""
        right, up = tangents(self.center)
        direction = np.asarray(direction, dtype=np.float64)
        # √(2 / (1 + cos θ)), with the opposite point sent outside.
        stretch = np.sqrt(2 / np.maximum(1 + direction @ self.center, 1e-12))
        x = self.width / 2 + direction @ right * stretch * self._scale
        return x, self.height / 2 - direction @ up * stretch * self._scale / self.aspect

    def directions(self, x: Float[ndarray, "*n"], y: Float[ndarray, "*n"]) -> Float[ndarray, "*n 3"]:
        """Directions at dots; NaN beyond the opposite point."""
        right, up = tangents(self.center)
        u = (x - self.width / 2) / self._scale
        v = (self.height / 2 - y) * self.aspect / self._scale
        square = u**2 + v**2
        with np.errstate(invalid="ignore"):
            shrink = np.sqrt(1 - square / 4)
        across = (u * shrink)[..., None] * right + (v * shrink)[..., None] * up
        directions: ndarray = across + (1 - square / 2)[..., None] * self.center
        return directions
