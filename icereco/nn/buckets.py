"""Attention inside sequences of equal length: one dense attention for each length, nothing padded, nothing masked."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import scaled_dot_product_attention

from icereco.nn.ragged import Sequences, split_groups

__all__ = ["bucketed", "dense"]

SHORT = 256
"""Up to this length attention on a CPU computes all weights and keeps them for the backward pass.

For longer sequences the memory that the fused kernel saves matters. For shorter ones it is slower: it is prepared again
for each length, which takes longer than the attention itself, and few lengths occur twice.
"""


def bucketed(
    qkv: Float[Tensor, "token 3 head channel"], sequences: Sequences
) -> Float[Tensor, "token head channel"]:
    """Compute one dense attention for each length that occurs."""
    if qkv.is_cuda:
        return torch.cat([dense(part).flatten(0, 1) for part in sequences.split(qkv)])
    groups = tuple(group for group in sequences.groups if group[0] <= SHORT)
    tokens = sum(length * count for length, count in groups)
    attended: Tensor = _ShortAttention.apply(qkv[:tokens], groups)  # type: ignore[no-untyped-call]  # torch's own
    if tokens == len(qkv):
        return attended
    longer = _fused(qkv[tokens:], sequences.groups[len(groups) :])
    return torch.cat([attended, longer.to(qkv.dtype)])


def _fused(
    qkv: Float[Tensor, "token 3 head channel"], groups: tuple[tuple[int, int], ...]
) -> Float[Tensor, "token head channel"]:
    """In float32 where gradients are wanted: the fused backward pass in bfloat16 is slower, or no faster, on a CPU."""
    if qkv.requires_grad and torch.is_grad_enabled():
        qkv = qkv.to(_precise(qkv.dtype))
    with torch.autocast("cpu", enabled=False):
        return torch.cat([dense(part).flatten(0, 1) for part in split_groups(qkv, groups)])


def dense(
    qkv: Float[Tensor, "sequence token 3 head channel"],
) -> Float[Tensor, "sequence token head channel"]:
    """Attention inside sequences of one length, by torch's fused kernel."""
    if qkv.shape[1] <= 1:  # the softmax over a single score is 1
        return qkv[:, :, 2]
    query, key, value = qkv.permute(2, 0, 3, 1, 4)
    return scaled_dot_product_attention(query, key, value).transpose(1, 2)


class _ShortAttention(torch.autograd.Function):
    """Attention whose backward pass is written out, with the weights kept from the forward pass.

    A batch has dozens of lengths and a model several layers. Left to automatic differentiation, each of these costs some sixty
    small operations, which take longer than the arithmetic; written out there are thirteen. Products are taken in float32:
    for matrices this small bfloat16 is slower.
    """

    @staticmethod
    @torch.autocast("cpu", enabled=False)  # type: ignore[untyped-decorator]  # torch's own
    def forward(
        ctx: Any, qkv: Float[Tensor, "token 3 head channel"], groups: tuple[tuple[int, int], ...]
    ) -> Float[Tensor, "token head channel"]:
        attended = qkv.new_empty(qkv.shape[0], *qkv.shape[2:])
        kept = []
        for part, out in zip(split_groups(qkv, groups), split_groups(attended, groups), strict=True):
            matrices = _matrices(part.permute(2, 0, 3, 1, 4))
            query, key, value = matrices.flatten(1, 2)
            weights = torch.softmax(_product(query, key.mT, _scale(query)), dim=-1)
            out.transpose(1, 2).copy_((weights @ value).view(matrices.shape[1:]))
            kept += [matrices, weights] if ctx.needs_input_grad[0] else []
        ctx.save_for_backward(*kept)
        ctx.groups, ctx.dtype = groups, qkv.dtype
        return attended

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, gradient: Float[Tensor, "token head channel"]
    ) -> tuple[Float[Tensor, "token 3 head channel"], None]:
        """With weights W = softmax(S), S = Q Kᵀ / √channels and output W V: dV = Wᵀ dO, dW = dO Vᵀ, dQ ∝ dS K, dK ∝ dSᵀ Q."""
        shape = (gradient.shape[0], 3, *gradient.shape[1:])
        gradients = torch.empty(shape, dtype=ctx.dtype, device=gradient.device)
        kept = iter(ctx.saved_tensors)
        for part, out in zip(
            split_groups(gradient, ctx.groups), split_groups(gradients, ctx.groups), strict=True
        ):
            matrices, weights = next(kept), next(kept)
            query, key, value = matrices.flatten(1, 2)
            of_output = _matrices(part.transpose(1, 2)).flatten(0, 1)
            of_scores = torch._softmax_backward_data(of_output @ value.mT, weights, -1, weights.dtype)
            scale = _scale(query)
            each = (
                _product(of_scores, key, scale),
                _product(of_scores.mT, query, scale),
                weights.mT @ of_output,
            )
            for target, source in zip(out.permute(2, 0, 3, 1, 4), each, strict=True):
                target.copy_(source.view(target.shape))
        return gradients, None


def _matrices(tensor: Tensor) -> Tensor:
    """A copy in which the matrices of the last two axes lie one after another, in float32 or better."""
    return torch.empty(tensor.shape, dtype=_precise(tensor.dtype)).copy_(tensor)


def _precise(dtype: torch.dtype) -> torch.dtype:
    return torch.promote_types(dtype, torch.float32)


def _product(left: Tensor, right: Tensor, scale: float) -> Tensor:
    """The product scale · left · right for stacks of matrices, in one operation."""
    return torch.baddbmm(left.new_empty(()), left, right, beta=0, alpha=scale)


def _scale(query: Tensor) -> float:
    return float(query.shape[-1] ** -0.5)
