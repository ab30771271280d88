"""Sums and attention inside the segments of a ragged array; results never depend on neighbouring segments."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = [
    "segment_attention",
    "segment_mean",
    "segment_of",
    "segment_repeat",
    "segment_softmax",
    "segment_sum",
]


def segment_of(offsets: Int[Tensor, "segment_plus_1"]) -> Int[Tensor, "row"]:
    """Return the index of each row's segment."""
    segments = torch.arange(len(offsets) - 1, device=offsets.device)
    return segments.repeat_interleave(offsets.diff())


def segment_sum(
    values: Float[Tensor, "row *column"], offsets: Int[Tensor, "segment_plus_1"]
) -> Float[Tensor, "segment *column"]:
    """The sum of each segment, zero for an empty one.

    `segment_reduce` adds up one segment after another in a fixed order, on CUDA too; a scatter does not.
    """
    return torch.segment_reduce(values, "sum", offsets=offsets, axis=0, initial=0)


class _Repeat(torch.autograd.Function):
    """Rows of segments given to the rows inside them, with a gradient that is added up in the order of the rows.

    The gradient of indexing adds with atomic operations from several threads: its last bits depend on their timing.
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, offsets: Tensor, segment: Tensor) -> Tensor:
        ctx.save_for_backward(offsets)
        return values[segment]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (offsets,) = ctx.saved_tensors
        return segment_sum(gradient.contiguous(), offsets), None, None


def segment_repeat(
    values: Float[Tensor, "segment *column"],
    offsets: Int[Tensor, "segment_plus_1"],
    segment: Int[Tensor, "row"],
) -> Float[Tensor, "row *column"]:
    """The value of its segment for each row, `values[segment]` with the gradient of `segment_sum`'s order."""
    repeated: Tensor = _Repeat.apply(values, offsets, segment)  # type: ignore[no-untyped-call]
    return repeated


def segment_mean(
    values: Float[Tensor, "row column"],
    weight: Float[Tensor, "row 1"],
    offsets: Int[Tensor, "segment_plus_1"],
) -> Float[Tensor, "segment column"]:
    """The weighted mean of each segment, zero for one without weight; with positions and charges the centre of charge."""
    return segment_sum(values * weight, offsets) / segment_sum(weight, offsets).clamp(min=1e-6)


def segment_softmax(
    scores: Float[Tensor, "row head"], offsets: Int[Tensor, "segment_plus_1"], segment: Int[Tensor, "row"]
) -> Float[Tensor, "row head"]:
    """The softmax of each column inside each segment."""
    largest = torch.segment_reduce(scores.detach(), "max", offsets=offsets, axis=0)
    weights = torch.exp(scores - largest[segment])
    return weights / segment_repeat(segment_sum(weights, offsets), offsets, segment)


def segment_attention(
    query: Float[Tensor, "segment head channel"],
    key: Float[Tensor, "row head channel"],
    value: Float[Tensor, "row head channel"],
    offsets: Int[Tensor, "segment_plus_1"],
) -> Float[Tensor, "segment head channel"]:
    """Softmax attention of one query for each segment to the rows of that segment, taken in float32."""
    segment = segment_of(offsets)
    scores = (segment_repeat(query.float(), offsets, segment) * key).sum(-1) * query.shape[-1] ** -0.5
    weights = segment_softmax(scores, offsets, segment)
    return segment_sum(weights.unsqueeze(-1) * value, offsets).to(value.dtype)
