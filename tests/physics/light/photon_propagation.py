"""Light propagated photon by photon through a homogeneous medium: slow, and without any of the light model's formulas."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

MEAN_COSINE = 0.9
LIU_SHARE = 0.45
"""Mean cosine of a scattering in ice, and the share of Liu's phase function beside Henyey and Greenstein's (PPC)."""

_LEAST_LEFT = 1e-3


@dataclass(frozen=True)
class Medium:
    """Effective scattering length and absorption length, metres."""

    scattering_m: float
    absorption_m: float


@dataclass(frozen=True)
class Passages:
    """Points on the ways of photons, one on each free way: `[N]` and `[N, 3]`.

    Attributes:
        position_m: a point at random on the free way.
        direction: of the photon there.
        path_m: from where the photon was emitted.
        weight_m: length of the free way times the chance to come so far; a sum of them over the passages in a volume,
            divided by the volume and the number of photons, is the fluence per photon.
    """

    position_m: Float[ndarray, "passage 3"]
    direction: Float[ndarray, "passage 3"]
    path_m: Float[ndarray, "passage"]
    weight_m: Float[ndarray, "passage"]


def propagate(
    rng: np.random.Generator, direction: Float[ndarray, "photon 3"], medium: Medium
) -> Iterator[Passages]:
    """Follow photons from the origin until absorption has left one in a thousand."""
    free_m = medium.scattering_m * (1.0 - MEAN_COSINE)
    position, path = np.zeros_like(direction), np.zeros(len(direction))
    while len(direction):
        step = rng.exponential(free_m, len(direction))
        part = step * rng.random(len(direction))
        weight = step * np.exp(-(path + part) / medium.absorption_m)
        yield Passages(position + part[:, None] * direction, direction, path + part, weight)
        position, path = position + step[:, None] * direction, path + step
        left = np.exp(-path / medium.absorption_m) > _LEAST_LEFT
        position, path = position[left], path[left]
        direction = turned(rng, direction[left], _scattering_cosine(rng, left.sum()))


def turned(
    rng: np.random.Generator, direction: Float[ndarray, "photon 3"], cosine: Float[ndarray, "photon"]
) -> Float[ndarray, "photon 3"]:
    """Unit vectors at an angle to others, at a random azimuth around them."""
    side = np.cross(direction, np.where(np.abs(direction[:, 2:]) < 0.9, (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)))
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    azimuth = rng.uniform(0.0, 2 * np.pi, (len(direction), 1))
    across = np.cos(azimuth) * side + np.sin(azimuth) * np.cross(direction, side)
    result = cosine[:, None] * direction + np.sqrt(1.0 - cosine[:, None] ** 2) * across
    unit: ndarray = result / np.linalg.norm(result, axis=1, keepdims=True)
    return unit


def _scattering_cosine(rng: np.random.Generator, count: int) -> Float[ndarray, "photon"]:
    g = MEAN_COSINE
    liu = 2.0 * rng.random(count) ** ((1.0 - g) / (1.0 + g)) - 1.0
    henyey_greenstein = (1.0 + g**2 - ((1.0 - g**2) / (1.0 + g * rng.uniform(-1.0, 1.0, count))) ** 2) / (
        2 * g
    )
    cosine: ndarray = np.where(rng.random(count) < LIU_SHARE, liu, henyey_greenstein)
    return cosine
