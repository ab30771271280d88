"""Attention inside sequences of equal length: one dense attention for each length, nothing padded, nothing masked."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from icereco.nn.ragged import Sequences

__all__ = ["bucketed", "dense"]

SHORT = 256
"""Up to this length attention on a CPU is spelled out: the fused kernel is prepared again for each length, which takes longer than
the attention itself, and few lengths occur twice. For longer sequences the memory that it saves matters."""


def bucketed(
    qkv: Float[Tensor, "token 3 head channel"], sequences: Sequences
) -> Float[Tensor, "token head channel"]:
    """Compute one dense attention for each length that occurs."""
    parts = [
        (_spelled_out if qkv.device.type == "cpu" and part.shape[1] <= SHORT else dense)(part).flatten(0, 1)
        for part in sequences.split(qkv)
    ]
    return torch.cat(parts) if parts else qkv[:, 2]


def dense(
    qkv: Float[Tensor, "sequence token 3 head channel"],
) -> Float[Tensor, "sequence token head channel"]:
    """Attention inside sequences of one length, by torch's fused kernel."""
    if qkv.shape[1] <= 1:  # the softmax over a single score is 1
        return qkv[:, :, 2]
    query, key, value = qkv.permute(2, 0, 3, 1, 4)
    return scaled_dot_product_attention(query, key, value).transpose(1, 2)


def _spelled_out(
    qkv: Float[Tensor, "sequence token 3 head channel"],
) -> Float[Tensor, "sequence token head channel"]:
    """The same in products of small matrices, in float32 or better: for matrices this small bfloat16 is slower."""
    count, length, _, heads, channels = qkv.shape
    with torch.autocast("cpu", enabled=False):
        precise = qkv.to(torch.promote_types(qkv.dtype, torch.float32))
        query, key, value = precise.permute(2, 0, 3, 1, 4).contiguous().flatten(1, 2)
        scores = torch.baddbmm(query.new_empty(()), query, key.mT, beta=0, alpha=channels**-0.5)
        attended: Tensor = torch.softmax(scores, dim=-1) @ value
        return attended.view(count, heads, length, channels).transpose(1, 2).to(qkv.dtype)
