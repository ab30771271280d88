"""A line through the pulses of each event."""

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from icereco.nn.segments import segment_mean, segment_of
from icereco.physics.linefit import line_moments

__all__ = ["Line", "fit_line"]

FASTEST = 2.0
"""Limit of the speed, in units of position over time; light in vacuum has 0.6 in the units of `relative-time`."""


@dataclass(frozen=True, slots=True)
class Line:
    """r = centre − origin · speed · t for each of `E` events; origin and speed are zero where there is no line."""

    centre: Float[Tensor, "event 3"]
    origin: Float[Tensor, "event 3"]
    speed: Float[Tensor, "event"]


def fit_line(
    position: Float[Tensor, "pulse 3"],
    time: Float[Tensor, "pulse"],
    counted: Bool[Tensor, "pulse"],
    offsets: Int[Tensor, "event_plus_1"],
) -> Line:
    """Least squares over the `counted` pulses of each event (`icereco.physics.linefit`).

    Sums run over one event after another, so that an event's line never depends on its neighbours.
    """
    weight = counted[:, None].to(position.dtype)
    mean = partial(segment_mean, weight=weight, offsets=offsets)
    moments = line_moments(position, time[:, None], segment_of(offsets, time.shape[0]), mean)
    length = torch.linalg.vector_norm(moments.covariance, dim=-1)
    known = length > 1e-6
    origin = torch.where(known[:, None], -moments.covariance / length.clamp(min=1e-6)[:, None], 0.0)
    speed = length / moments.variance[:, 0].clamp(min=1e-6)
    return Line(moments.centre, origin, torch.where(known, speed, 0.0).clamp(max=FASTEST))
