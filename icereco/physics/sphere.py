"""Directions on the sphere: angles, unit vectors, opening angles.

A direction is the unit vector that points **to where the neutrino came from**:
(cos azimuth sin zenith, sin azimuth sin zenith, cos zenith), azimuth in [0, 2π), zenith in [0, π], rad.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

__all__ = ["angles_from_direction", "direction_from_angles", "opening_angle", "tangents"]


def direction_from_angles(
    azimuth: Float[ndarray, "*n"], zenith: Float[ndarray, "*n"]
) -> Float[ndarray, "*n 3"]:
    """Unit vectors `[..., 3]` from azimuth and zenith in rad.

    >>> direction_from_angles(np.array([0.0]), np.array([0.0]))
    array([[0., 0., 1.]])
    """
    with np.errstate(invalid="ignore"):  # an infinite angle gives NaN, as an unknown one does
        sine = np.sin(zenith)
        return np.stack([np.cos(azimuth) * sine, np.sin(azimuth) * sine, np.cos(zenith)], axis=-1)


def angles_from_direction(
    direction: Float[ndarray, "*n 3"],
) -> tuple[Float[ndarray, "*n"], Float[ndarray, "*n"]]:
    """Azimuth in [0, 2π) and zenith in [0, π], rad; the vectors need not be of unit length."""
    x, y, z = direction[..., 0], direction[..., 1], direction[..., 2]
    azimuth = np.arctan2(y, x) % (2 * np.pi)
    # A tiny negative angle rounds up to 2π itself, which is outside the range.
    azimuth = np.where(azimuth >= 2 * np.pi, 0.0, azimuth)
    return azimuth, np.asarray(np.arctan2(np.hypot(x, y), z))


def opening_angle(first: Float[ndarray, "*#n 3"], second: Float[ndarray, "*#n 3"]) -> Float[ndarray, "*#n"]:
    """The angle between two directions in rad, as atan2(|a×b|, a·b).

    arccos(a·b) loses all digits below 1e-4 rad in float32, where the errors of bright events lie.

    >>> float(opening_angle(np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])))
    1.5707963267948966
    """
    cross = np.linalg.norm(np.cross(first, second), axis=-1)
    return np.asarray(np.arctan2(cross, np.sum(first * second, axis=-1)))


def tangents(direction: Float[ndarray, "*n 3"]) -> tuple[Float[ndarray, "*n 3"], Float[ndarray, "*n 3"]]:
    """Two unit vectors across each direction: towards smaller azimuth (to the right, seen from inside), and up."""
    length = np.hypot(direction[..., 0], direction[..., 1])[..., None]
    right = np.stack([direction[..., 1], -direction[..., 0], np.zeros_like(direction[..., 0])], -1)
    right = np.where(length > 1e-9, right / np.maximum(length, 1e-9), [0.0, -1.0, 0.0])
    return right, np.cross(right, direction)
