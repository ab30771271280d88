"""Maps of the sphere to the plane: around a direction, and the whole."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.physics.sphere import angles_from_direction, direction_from_angles, tangents

__all__ = ["Around", "Projection", "WholeSky"]

_NEWTON_STEPS = 30


@runtime_checkable
class Projection(Protocol):
    """A map of directions to points of the plane, and back; longitude increases to the left, as seen from inside."""

    def points(self, direction: Float[ndarray, "*n 3"]) -> Float[ndarray, "*n 2"]:
        """Return points; NaN for directions that are not shown."""
        ...

    def directions(self, point: Float[ndarray, "*n 2"]) -> Float[ndarray, "*n 3"]:
        """Return directions; NaN for points that show none."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Around:
    """Azimuthal equidistant: degrees from a centre to the right and up; the whole sphere is within 180°.

    Attributes:
        centre: the direction in the middle, `[3]`.
    """

    centre: Float[ndarray, "3"]

    def points(self, direction: Float[ndarray, "*n 3"]) -> Float[ndarray, "*n 2"]:
        """See `Projection`."""
        right, up = tangents(self.centre)
        across = np.stack([direction @ right, direction @ up], -1)
        length = np.linalg.norm(across, axis=-1)
        angle = np.arctan2(length, direction @ self.centre)
        return np.asarray(np.degrees(angle)[..., None] * across / np.maximum(length, 1e-300)[..., None])

    def directions(self, point: Float[ndarray, "*n 2"]) -> Float[ndarray, "*n 3"]:
        """See `Projection`."""
        right, up = tangents(self.centre)
        angle = np.radians(np.linalg.norm(point, axis=-1))[..., None]
        turned = np.radians(point) / np.maximum(angle, 1e-300)
        across = turned[..., :1] * right + turned[..., 1:] * up
        return np.where(angle <= np.pi, np.cos(angle) * self.centre + np.sin(angle) * across, np.nan)


@dataclass(frozen=True, slots=True)
class WholeSky:
    """Mollweide's projection of the sphere to an ellipse twice as wide as high: |x| up to 2, |y| up to 1; areas are kept.

    Attributes:
        longitude_deg: in the middle.
    """

    longitude_deg: float = 180.0

    def points(self, direction: Float[ndarray, "*n 3"]) -> Float[ndarray, "*n 2"]:
        """See `Projection`."""
        longitude, polar = angles_from_direction(direction)
        latitude = np.pi / 2 - polar
        angle = latitude.copy()
        for _ in range(
            _NEWTON_STEPS
        ):  # 2 angle + sin 2 angle = π sin latitude, whose root is double at the poles
            slope = np.maximum(2 + 2 * np.cos(2 * angle), 1e-9)
            angle -= (2 * angle + np.sin(2 * angle) - np.pi * np.sin(latitude)) / slope
        angle = np.clip(angle, -np.pi / 2, np.pi / 2)
        east = (longitude - np.radians(self.longitude_deg) + np.pi) % (2 * np.pi) - np.pi
        return np.stack([-2 / np.pi * east * np.cos(angle), np.sin(angle)], -1)

    def directions(self, point: Float[ndarray, "*n 2"]) -> Float[ndarray, "*n 3"]:
        """See `Projection`."""
        x, y = point[..., 0], point[..., 1]
        inside = (x / 2) ** 2 + y**2 <= 1
        angle = np.arcsin(np.clip(y, -1, 1))
        east = -np.pi / 2 * x / np.maximum(np.cos(angle), 1e-9)
        latitude = np.arcsin(np.clip((2 * angle + np.sin(2 * angle)) / np.pi, -1, 1))
        direction = direction_from_angles(east + np.radians(self.longitude_deg), np.pi / 2 - latitude)
        return np.where((inside & (np.abs(east) <= np.pi))[..., None], direction, np.nan)
