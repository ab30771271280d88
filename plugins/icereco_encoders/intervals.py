"""The space-time interval between the first light on two DOMs, sorted into classes."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from icereco.detector.detector import LIGHT_M_PER_NS
from icereco.events.tensors import TensorBatch

__all__ = ["first_times", "interval_bins", "signed_interval_m"]

FARTHEST_M = 2000.0
"""Larger intervals, time-like or space-like, share the last class on their side."""


def first_times(batch: TensorBatch) -> Float[Tensor, "dom"]:
    """Time in ns of each DOM's first pulse, float64; 0 for a DOM without pulses."""
    if len(batch.time_ns) == 0:
        return batch.time_ns.new_zeros(len(batch.sensor_id))
    first = batch.time_ns[batch.pulse_offsets[:-1].clamp(max=len(batch.time_ns) - 1)]
    return torch.where(batch.pulse_offsets.diff() > 0, first, 0.0)


def signed_interval_m(
    time_ns: Float[Tensor, "*event dom"], position_m: Float[Tensor, "*event dom 3"]
) -> Float[Tensor, "*event dom dom"]:
    """±√|c²Δt² − Δx²| in m of all pairs, float32: above 0 light can have gone from one to the other, below it cannot.

    As in IceMix (github.com/DrHB/icecube-2nd-place), with the speed in vacuum.
    """
    apart = (time_ns.unsqueeze(-1) - time_ns.unsqueeze(-2)).float() * LIGHT_M_PER_NS
    square = apart.square_()
    for axis in position_m.unbind(-1):
        square -= (axis.unsqueeze(-1) - axis.unsqueeze(-2)).square_()
    return square.sign() * square.abs_().sqrt_()


def interval_bins(
    time_ns: Float[Tensor, "*event dom"],
    position_m: Float[Tensor, "*event dom 3"],
    bins: int,
    resolution_m: float,
) -> Int[Tensor, "*event dom dom"]:
    """The class of each pair, int32, 0 to bins − 1: equal steps in asinh(interval/resolution)."""
    scaled = signed_interval_m(time_ns, position_m).div_(resolution_m).asinh_()
    farthest = math.asinh(FARTHEST_M / resolution_m)
    place = scaled.add_(farthest).mul_(bins / (2 * farthest))
    return place.clamp_(0, bins - 1).to(torch.int32)
