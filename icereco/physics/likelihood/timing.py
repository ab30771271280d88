"""Rough times of sources, from the first pulses of modules in local coincidence."""

import math
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from icereco.physics.light.light import LightModel
from icereco.physics.likelihood.observation import Observation
from icereco.physics.likelihood.sources import CASCADE, Hypothesis, Sources

__all__ = ["leading_quantile", "timed"]

_EARLY = 0.2
"""Quantile of the residuals of leading pulses at which direct light is assumed."""


def timed(light: LightModel, hypothesis: Hypothesis, sources: Sources, seen: Observation) -> Sources:
    """Return sources at the time that makes the earliest leading pulses direct light."""
    place = seen.of_pulses(seen.module_m).double()
    delay = seen.time_ns.double() - _direct_ns(light, hypothesis, sources, place)
    return replace(sources, time_ns=leading_quantile(delay, seen.leading > 0, _EARLY))


def _direct_ns(
    light: LightModel, hypothesis: Hypothesis, sources: Sources, place_m: Float[Tensor, "job pulse 3"]
) -> Float[Tensor, "job pulse"]:
    """Return the time of direct light at places, after the time of the sources."""
    way = place_m - sources.position_m[:, None]
    if hypothesis is CASCADE:
        distance: Tensor = way.norm(dim=2)
        return light.direct.of_point(distance)
    along = (way * sources.travel[:, None]).sum(2)
    across = (way.square().sum(2) - along.square()).clamp(min=0.0).sqrt()
    return light.direct.of_track(along, across)


def leading_quantile(
    values: Float[Tensor, "job pulse"], chosen: Bool[Tensor, "job pulse"], quantile: float
) -> Float[Tensor, "job"]:
    """Return a quantile of the chosen values of each job, of which there is at least one."""
    ordered = torch.where(chosen, values, math.inf).sort(1).values
    index = (quantile * (chosen.sum(1) - 1)).round().long().clamp(min=0)
    return ordered.gather(1, index[:, None])[:, 0]
