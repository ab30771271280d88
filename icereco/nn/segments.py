"""Sums and attention inside the segments of a ragged array; results never depend on neighbouring segments.

While torch.export follows a model, sums are scatters: `segment_reduce` has no counterpart in ONNX, and the number of rows has to
come from the shape of a tensor, not from the value of an offset.
"""

from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.compiler import is_exporting

__all__ = [
    "Size",
    "segment_attention",
    "segment_extreme",
    "segment_mean",
    "segment_of",
    "segment_repeat",
    "segment_softmax",
    "segment_sum",
]


if TYPE_CHECKING:
    Size = int  # which torch's own annotations ask for
else:
    Size = int | torch.SymInt
"""A number of rows: while torch.export follows a model it is a symbol."""


def segment_of(offsets: Int[Tensor, "segment_plus_1"], rows: Size | None = None) -> Int[Tensor, "row"]:
    """Return the index of each row's segment; `rows`, how many there are, where the caller knows it from a shape."""
    if is_exporting():
        count = cast("int", offsets[-1].item()) if rows is None else rows
        starts = offsets.new_zeros(count + 1).index_add(0, offsets[1:], torch.ones_like(offsets[1:]))
        return starts.cumsum(0)[:-1]
    segments = torch.arange(len(offsets) - 1, device=offsets.device)
    return segments.repeat_interleave(offsets.diff())


def segment_sum(
    values: Float[Tensor, "row *column"], offsets: Int[Tensor, "segment_plus_1"]
) -> Float[Tensor, "segment *column"]:
    """The sum of each segment, zero for an empty one.

    `segment_reduce` adds up one segment after another in a fixed order, on CUDA too; a scatter does not.
    """
    if is_exporting():
        total = values.new_zeros(offsets.shape[0] - 1, *values.shape[1:])
        return total.index_add(0, segment_of(offsets, values.shape[0]), values)
    return torch.segment_reduce(values, "sum", offsets=offsets, axis=0, initial=0)


def segment_extreme(
    values: Float[Tensor, "row *column"], offsets: Int[Tensor, "segment_plus_1"], how: Literal["max", "min"]
) -> Float[Tensor, "segment *column"]:
    """The largest or smallest value of each segment, −∞ or ∞ for an empty one."""
    if is_exporting():
        limit = float("-inf") if how == "max" else float("inf")
        nothing = values.new_full((offsets.shape[0] - 1, *values.shape[1:]), limit)
        segment = segment_of(offsets, values.shape[0])
        index = segment.view(-1, *[1] * (values.dim() - 1)).expand(values.shape)
        return nothing.scatter_reduce(0, index, values, "a" + how)
    return torch.segment_reduce(values, how, offsets=offsets, axis=0)


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
    if is_exporting():
        return values[segment]
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
    largest = segment_extreme(scores.detach(), offsets, "max")
    weights = torch.exp(scores - largest[segment])
    return weights / segment_repeat(segment_sum(weights, offsets), offsets, segment)


def segment_attention(
    query: Float[Tensor, "segment head channel"],
    key: Float[Tensor, "row head channel"],
    value: Float[Tensor, "row head channel"],
    offsets: Int[Tensor, "segment_plus_1"],
) -> Float[Tensor, "segment head channel"]:
    """Softmax attention of one query for each segment to the rows of that segment, taken in float32."""
    segment = segment_of(offsets, key.shape[0])
    scores = (segment_repeat(query.float(), offsets, segment) * key).sum(-1) * query.shape[-1] ** -0.5
    weights = segment_softmax(scores, offsets, segment)
    return segment_sum(weights.unsqueeze(-1) * value, offsets).to(value.dtype)
