"""Pooling over ragged sequences: mean, maximum and count of each, in a fixed order of summation."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.compiler import is_exporting

from icereco.nn.segments import segment_extreme, segment_sum

__all__ = ["pooled"]


def pooled(
    values: Float[Tensor, "pulse width"], pulse_offsets: Int[Tensor, "dom_plus_1"]
) -> Float[Tensor, "dom pooled"]:
    """Mean, maximum and log(1 + count) of each DOM's pulses, `[D, 2 width + 1]`.

    `segment_reduce` and no scatter: its order of summation is fixed, on CUDA too.
    """
    counts = pulse_offsets.diff()[:, None]
    mean = _mean(values, pulse_offsets)
    largest = segment_extreme(values, pulse_offsets, "max")
    return torch.cat([mean, torch.where(counts > 0, largest, 0.0), torch.log1p(counts.to(values.dtype))], -1)


def _mean(
    values: Float[Tensor, "pulse width"], offsets: Int[Tensor, "dom_plus_1"]
) -> Float[Tensor, "dom width"]:
    if is_exporting():
        return segment_sum(values, offsets) / offsets.diff().clamp(min=1)[:, None]
    return torch.segment_reduce(values, "mean", offsets=offsets, initial=0.0)
