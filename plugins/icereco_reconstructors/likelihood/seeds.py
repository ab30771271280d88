"""Starting points of the fits: directions on a grid and around first guesses, vertices and times that follow from them."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor

from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Reconstruction
from icereco.events.vmf_mixture import VmfMixture
from icereco.physics.likelihood.likelihood import Likelihood
from icereco.physics.likelihood.observation import Observation
from icereco.physics.likelihood.sources import STARTING, Hypothesis, Sources
from icereco.physics.likelihood.timing import leading_quantile, timed
from icereco.physics.sphere import tangents
from icereco_reconstructors.linefit import LineFit
from icereco_reconstructors.options import LineFitOptions

__all__ = ["first_directions", "given_directions", "starting_points"]

_CONES = ((15.0, 4), (35.0, 6))
"""Angles of cones around the line fit, degrees, and how many directions there are on each."""


def first_directions(batch: EventBatch, count: int) -> Float[ndarray, "event seed 3"]:
    """Return directions of origin to start from: the robust line fit, two cones around it, and a grid over the sky."""
    line = LineFit(LineFitOptions(weight_by_charge=False, robust=True))(batch).direction
    line = np.where(np.isnan(line), [0.0, 0.0, 1.0], line)
    cones = [_cone(line, angle, number) for angle, number in _CONES]
    grid = np.broadcast_to(_grid(count), (len(line), count, 3))
    return np.concatenate([line[:, None], *cones, grid], axis=1)


def given_directions(
    seeds: Sequence[Reconstruction], samples: int, events: int
) -> tuple[Float[ndarray, "event seed 3"], Bool[ndarray, "event"]]:
    """Return directions of origin from other reconstructions, and which events have any.

    A direction comes with samples of its posterior, or else with a cone around it. Where a seed has no direction, another one
    of the event takes its place.
    """
    parts = [np.empty((events, 0, 3))]
    for seed in seeds:
        parts.append(seed.direction[:, None])
        if seed.posterior is None:
            parts.append(_cone(seed.direction, *_CONES[0]))
        else:
            parts.append(_samples(seed.posterior.as_mixture(), samples))
    directions = np.concatenate(parts, axis=1)
    known = np.asarray(np.isfinite(directions).all(axis=2))
    if not directions.shape[1]:
        return directions, np.zeros(events, bool)
    first = directions[np.arange(events), known.argmax(1)]
    return np.where(known[..., None], directions, first[:, None]), np.asarray(known.any(axis=1))


def _samples(posterior: VmfMixture, count: int) -> Float[ndarray, "event sample 3"]:
    """Return samples of each event, drawn as if it were alone, so that a fit does not depend on others."""
    rows = np.arange(len(posterior))[:, None]
    return np.concatenate([posterior.take(row).sample(count) for row in rows])


def _grid(count: int) -> Float[ndarray, "direction 3"]:
    """Return directions that cover the sphere evenly (González, Math. Geosci. 42 (2010) 49)."""
    index = np.arange(count)
    z = 1.0 - (2.0 * index + 1.0) / count
    azimuth = index * (np.pi * (3.0 - np.sqrt(5.0)))
    radius = np.sqrt(1.0 - z * z)
    return np.stack([radius * np.cos(azimuth), radius * np.sin(azimuth), z], axis=1)


def _cone(
    direction: Float[ndarray, "event 3"], angle_deg: float, count: int
) -> Float[ndarray, "event count 3"]:
    """Return directions around each direction, all at one angle to it."""
    angle, azimuth = np.radians(angle_deg), np.arange(count) * (2 * np.pi / count)
    first, second = tangents(direction)
    side = np.cos(azimuth)[:, None] * first[:, None] + np.sin(azimuth)[:, None] * second[:, None]
    return np.asarray(np.cos(angle) * direction[:, None] + np.sin(angle) * side)


def starting_points(
    likelihood: Likelihood,
    hypothesis: Hypothesis,
    travel: Float[Tensor, "job 3"],
    centre_m: Float[Tensor, "job 3"],
    seen: Observation,
) -> Sources:
    """Return sources along given directions that roughly explain times and light of the leading pulses.

    Args:
        likelihood: of the detector.
        hypothesis: of all jobs.
        travel: unit vectors, float64.
        centre_m: centre of the light, float64.
        seen: observation of each job.
    """
    place = seen.of_pulses(seen.module_m).double()
    along = ((place - centre_m[:, None]) * travel[:, None]).sum(2)
    leading = seen.leading > 0
    position, end = centre_m, torch.full_like(along[:, 0], 700.0)
    if hypothesis is STARTING:
        first, last = (leading_quantile(along, leading, q) for q in (0.1, 0.95))
        position = centre_m + (first - 20.0)[:, None] * travel
        end = (last - first + 40.0).clamp(min=50.0)
    zeros = torch.zeros_like(end)
    guess = Sources(travel, position, zeros, zeros + 1.0, zeros + 7.0, end)
    return likelihood.brightened(hypothesis, timed(likelihood.light, hypothesis, guess, seen), seen)
