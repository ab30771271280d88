"""The posterior of one event as a sky map: small pixels where the probability is, and along the borders of its contours."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.events.posterior import Posterior
from icereco.events.sky_map import SkyMap
from icereco.physics import healpix

__all__ = ["density_map"]

_FIRST_ORDER, _LAST_ORDER = 3, 18
"""All pixels are at most 7.3° wide, and none below 0.8″."""

_SAMPLES, _MOST_SAMPLES = 4096, 8
"""Random directions from the posterior, and how many may lie in a pixel: 0.2 % of the probability."""

_MOST_ERROR = 5e-6
"""How much the probability of a pixel may change when it is the mean over its four parts."""

_BORDER_PIXELS = 2000
"""Pixels on a border are smaller than the region within by this factor, so that it is some 45 pixels across."""

_MOST_ROUNDS = 8

LogDensity = Callable[[Float[ndarray, "place 3"]], Float[ndarray, "place"]]


def density_map(posterior: Posterior, contours: tuple[float, ...]) -> SkyMap:
    """Return a map of the posterior of one event, of which the density is taken at the centre of each pixel.

    Args:
        posterior: of one event, which has a density.
        contours: probabilities of the regions whose borders are to be smooth.
    """

    def log_density(direction: Float[ndarray, "place 3"]) -> Float[ndarray, "place"]:
        return np.asarray(posterior.log_density(direction[None])[0])

    order, pixel = healpix.whole_sphere(_FIRST_ORDER)
    sky = SkyMap(order, pixel, log_density(healpix.centres(order, pixel)), 1.0)
    samples = posterior.sample(_SAMPLES)[0]
    while (full := _is_full(sky, samples)).any():
        sky = sky.divided(full, log_density)
    for _ in range(_MOST_ROUNDS):
        if not (rough := _is_rough(sky, log_density)).any():
            break
        sky = sky.divided(rough, log_density)
    for _ in range(_MOST_ROUNDS):
        coarse = np.any([_is_coarse_border(sky, contour) for contour in contours], axis=0)
        if not coarse.any():
            break
        sky = sky.divided(coarse, log_density)
    return sky


def _is_full(sky: SkyMap, samples: Float[ndarray, "sample 3"]) -> Bool[ndarray, "pixel"]:
    count = np.bincount(sky.rows_at(samples), minlength=len(sky))
    return np.asarray((count > _MOST_SAMPLES) & (sky.order < _LAST_ORDER))


def _is_rough(sky: SkyMap, log_density: LogDensity) -> Bool[ndarray, "pixel"]:
    parts = healpix.centres(np.repeat(sky.order + 1, 4), healpix.parts(sky.pixel).ravel())
    mean = np.exp(log_density(parts)).reshape(-1, 4).mean(axis=1)
    error = healpix.area_sr(sky.order) * np.abs(mean - np.exp(sky.log_likelihood))
    return np.asarray((error > _MOST_ERROR) & (sky.order < _LAST_ORDER))


def _is_coarse_border(sky: SkyMap, contour: float) -> Bool[ndarray, "pixel"]:
    """Return which pixels are large and touch others that are on the other side of the border of a region."""
    inside, area = sky.region(contour), healpix.area_sr(sky.order)
    large = (area * _BORDER_PIXELS > area[inside].sum()) & (sky.order < _LAST_ORDER)
    border = np.zeros(len(sky), bool)
    for order in np.unique(sky.order):
        here = np.flatnonzero(sky.order == order)
        near = healpix.neighbours(int(order), sky.pixel[here])
        there = sky.rows_at(healpix.centres(np.full(near.size, order), np.maximum(near, 0).ravel()))
        other = (inside[there].reshape(near.shape) != inside[here]) & (near >= 0)
        border[here] = other.any(axis=0)
        border[there.reshape(near.shape)[other]] = True  # a larger one, which its smaller neighbours find
    return np.asarray(border & large)
