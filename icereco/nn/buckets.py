"""Attention inside sequences of equal length: one dense attention for each length, nothing padded, nothing masked."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from icereco.nn.ragged import Sequences

__all__ = ["bucketed", "dense"]


def bucketed(
    qkv: Float[Tensor, "token 3 head channel"], sequences: Sequences
) -> Float[Tensor, "token head channel"]:
    """Compute one dense attention for each length that occurs."""
    parts = [dense(part).flatten(0, 1) for part in sequences.split(qkv)]
    return torch.cat(parts) if parts else qkv[:, 2]


def dense(
    qkv: Float[Tensor, "sequence token 3 head channel"],
) -> Float[Tensor, "sequence token head channel"]:
    """Attention inside sequences of one length, by torch's fused kernel."""
    if qkv.shape[1] <= 1:  # the softmax over a single score is 1
        return qkv[:, :, 2]
    query, key, value = qkv.permute(2, 0, 3, 1, 4)
    return scaled_dot_product_attention(query, key, value).transpose(1, 2)
