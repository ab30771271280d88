"""Scans of the sky: the profile likelihood of one event on pixels that become small where the probability is."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.events.reconstruction import Reconstruction
from icereco.events.sky_map import SkyMap
from icereco.physics import healpix
from icereco.physics.sphere import opening_angle
from icereco.protocols import Peaks, ProfileLikelihood

__all__ = ["Scan", "scan"]

_FIRST_NSIDE = 8
"""All pixels of this size are fitted, 7.3° wide."""

_MOST_CONTENT = 0.01
"""A pixel that holds more of the probability is divided, together with the pixels around it."""

_POLISHED = 0.99
"""Within the region of this content each pixel is fitted once more, from what its neighbours found."""

_PIXELS_PER_CALL = 192
_LEAST_MISSED = 1.0

Progress = Callable[[str, int, int], object]
"""Receives what is being done, how many directions are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Scan:
    """The map of one event, and the ordinary fit to compare with.

    Attributes:
        sky: the map.
        fitted: the ordinary reconstruction.
        peak: direction of the highest maximum that the ordinary fit reached, in the likelihood of the map.
        peak_log_likelihood: its log likelihood.
        missed: by how much the map stays below it, beyond what the size of the pixel explains; 0 if it does not.
        seconds: wall time.
    """

    sky: SkyMap
    fitted: Reconstruction
    peak: Float[ndarray, "3"]
    peak_log_likelihood: float
    missed: float
    seconds: float


def scan(
    profile: Callable[[], ProfileLikelihood],
    nside: int,
    progress: Progress = lambda *_: None,
    first_nside: int | None = None,
) -> Scan:
    """Scan the sky: all pixels of a first nside, then again and again the parts of those that hold the probability.

    Args:
        profile: makes the profile likelihood, which fits the event.
        nside: of the smallest pixels; a power of 2, at least 8.
        progress: called after each step.
        first_nside: of the first pixels, 8 if None; where they are large, maxima that the ordinary fit has not found may be missed.
    """
    begun = time.perf_counter()
    progress("ordinary fit", 0, 1)
    made = profile()
    first = first_nside or _FIRST_NSIDE
    order, pixel = healpix.whole_sphere(int(np.log2(first)))
    values = _values(made, healpix.centres(order, pixel), f"nside {first}", progress)
    sky = SkyMap(order, pixel, values, made.temperature)
    while (divided := _to_divide(sky, made.peaks, int(np.log2(nside)))).any():
        what = f"nside {2 ** (int(sky.order[divided].max()) + 1)}"
        sky = sky.divided(divided, partial(_values, made, what=what, progress=progress))
    sky = _polished(sky, made, progress)
    best = int(made.peaks.log_likelihood.argmax())
    return Scan(
        sky=sky,
        fitted=made.fitted,
        peak=made.peaks.direction[best],
        peak_log_likelihood=float(made.peaks.log_likelihood[best]),
        missed=_missed(sky, made.peaks, best),
        seconds=time.perf_counter() - begun,
    )


def _values(
    profile: ProfileLikelihood, direction: Float[ndarray, "pixel 3"], what: str, progress: Progress
) -> Float[ndarray, "pixel"]:
    values = []
    for first in range(0, len(direction), _PIXELS_PER_CALL):
        progress(what, first, len(direction))
        values.append(profile(direction[first : first + _PIXELS_PER_CALL]))
    progress(what, len(direction), len(direction))
    return np.concatenate(values)


def _to_divide(sky: SkyMap, peaks: Peaks, most_order: int) -> Bool[ndarray, "pixel"]:
    """Return which pixels hold too much, and their neighbours that are not smaller: a peak may lie at the edge."""
    large = sky.order < most_order
    heavy = large & (_content(sky, peaks) > _MOST_CONTENT)
    divided = heavy.copy()
    for order in np.unique(sky.order[heavy]).tolist():
        near = np.unique(healpix.neighbours(order, sky.pixel[heavy & (sky.order == order)]))
        near = near[near >= 0]
        rows = sky.rows_at(healpix.centres(np.full_like(near, order), near))
        divided[rows[sky.order[rows] <= order]] = True
    return divided & large


def _content(sky: SkyMap, peaks: Peaks) -> Float[ndarray, "pixel"]:
    """Return the probability of each pixel with the density of the highest peak in it, where that is above the centre's."""
    highest = sky.log_likelihood.copy()
    np.maximum.at(highest, sky.rows_at(peaks.direction), peaks.log_likelihood)
    return replace(sky, log_likelihood=highest).probability


def _polished(sky: SkyMap, profile: ProfileLikelihood, progress: Progress) -> SkyMap:
    rows = np.flatnonzero(sky.region(_POLISHED))
    values = sky.log_likelihood.copy()
    again = _values(profile, sky.direction[rows], "neighbours", progress)
    values[rows] = np.maximum(values[rows], again)
    return replace(sky, log_likelihood=values)


def _missed(sky: SkyMap, peaks: Peaks, best: int) -> float:
    """Return how far the best pixel is below the peak, less what a Gaussian falls from there to the pixel's centre."""
    row = sky.rows_at(peaks.direction[best : best + 1])
    away = opening_angle(sky.direction[row], peaks.direction[best : best + 1])[0]
    explained = 0.5 * sky.temperature * (away / peaks.sigma_rad[best]) ** 2
    missed = float(peaks.log_likelihood[best] - sky.log_likelihood.max() - explained)
    return missed if missed > _LEAST_MISSED else 0.0
