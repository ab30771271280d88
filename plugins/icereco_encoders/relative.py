"""Attention with a bias for the space-time interval between two DOMs, as in IceMix."""

from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding, gelu, scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint

from icereco.events.tensors import TensorBatch
from icereco.nn.length_groups import Group, length_groups, ungrouped
from icereco_encoders.attention import AttentionEncoder
from icereco_encoders.intervals import first_times, interval_bins
from icereco_encoders.options import RelativeTransformerOptions, TransformerOptions

__all__ = ["RelativeTransformerEncoder"]

MOST_SCORES = 1 << 24
"""Attention scores (pairs × heads) at once; more are computed in pieces, and again in the backward pass."""


class RelativeLayer(nn.Module):
    """A transformer layer whose attention scores get a learned bias for the class of each pair's interval."""

    def __init__(self, width: int, heads: int, dropout: float, bins: int, *, biases: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=biases)
        self.bias = nn.Parameter(torch.zeros(bins, heads))
        self.attention_out = nn.Linear(width, width, bias=biases)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp_in = nn.Linear(width, 4 * width, bias=biases)
        self.mlp_out = nn.Linear(4 * width, width, bias=biases)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        tokens: Float[Tensor, "dom width"],
        groups: list[Group],
        classes: list[Int[Tensor, "_ _ _"]],
    ) -> Float[Tensor, "dom width"]:
        """DOM vectors in and out."""
        qkv = self.qkv(self.attention_norm(tokens)).unflatten(-1, (3, self.heads, -1))
        recompute = torch.is_grad_enabled() and sum(one.pairs for one in groups) * self.heads > MOST_SCORES
        parts = [
            self._group(qkv[group.index], group, kinds, recompute=recompute)
            for group, kinds in zip(groups, classes, strict=True)
        ]
        attended = ungrouped(parts, groups, len(tokens)) if parts else tokens
        tokens = tokens + self.dropout(self.attention_out(attended))
        return tokens + self.dropout(self.mlp_out(gelu(self.mlp_in(self.mlp_norm(tokens)))))  # type: ignore[no-any-return]  # modules return Any

    def _group(
        self, qkv: Tensor, group: Group, kinds: Int[Tensor, "event dom dom"], *, recompute: bool
    ) -> Float[Tensor, "event dom width"]:
        """Attention inside the events of a group, over some rows of queries at a time."""
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        rows = max(MOST_SCORES // (self.heads * key.shape[0] * key.shape[2]), 1)
        run = partial(checkpoint, _attend, use_reentrant=False) if recompute else _attend
        pieces = [
            run(some, key, value, self.bias, some_kinds, group.real)
            for some, some_kinds in zip(query.split(rows, 2), kinds.split(rows, 1), strict=True)
        ]
        return torch.cat(pieces, 2).transpose(1, 2).flatten(2)


def _attend(
    query: Float[Tensor, "event head row channel"],
    key: Float[Tensor, "event head dom channel"],
    value: Float[Tensor, "event head dom channel"],
    bias: Float[Tensor, "bin head"],
    kinds: Int[Tensor, "event row dom"],
    real: Tensor,
) -> Float[Tensor, "event head row channel"]:
    added = embedding(kinds, bias).permute(0, 3, 1, 2).to(query.dtype)
    added = added.masked_fill(~real[:, None, None, :], float("-inf"))
    return scaled_dot_product_attention(query, key, value, attn_mask=added)


class RelativeTransformerEncoder(nn.Module):
    """DOM vectors and positions → layers that know the intervals → the encoder `transformer`.

    The interval is that between the first pulses of two DOMs: along a muon's path it is near zero, and it separates light
    that can have a common cause from light that cannot. Memory is bounded: an event of 5,160 DOMs needs 0.1 GB for
    the classes of its pairs, and scores are held for a part of the pairs at a time.
    """

    def __init__(self, options: RelativeTransformerOptions, input_width: int) -> None:
        super().__init__()
        if input_width % options.heads:
            raise ValueError(
                f"the width of T1, {input_width}, is not a multiple of encoder.heads = {options.heads}"
            )
        self.width = input_width
        self.bins, self.resolution_m = options.bins, options.resolution_m
        self.position = nn.Sequential(
            nn.Linear(3, input_width), nn.GELU(), nn.Linear(input_width, input_width)
        )
        self.layers = nn.ModuleList(
            RelativeLayer(input_width, options.heads, options.dropout, options.bins, biases=options.biases)
            for _ in range(options.layers)
        )
        plain = TransformerOptions(
            layers=options.plain_layers,
            heads=options.heads,
            dropout=options.dropout,
            kernel="auto",
            biases=options.biases,
            last_norm=options.last_norm,
        )
        self.plain = AttentionEncoder(plain, input_width)

    def forward(
        self,
        dom_vectors: Float[Tensor, "dom width"],
        positions: Float[Tensor, "dom 3"],
        dom_offsets: Int[Tensor, "event_plus_1"],
        batch: TensorBatch,
    ) -> Float[Tensor, "event width"]:
        """One vector per event; an event without DOMs gets the summary token's own."""
        groups, time_ns = length_groups(dom_offsets), first_times(batch)
        classes = [
            interval_bins(time_ns[one.index], batch.position_m[one.index], self.bins, self.resolution_m)
            for one in groups
        ]
        tokens = dom_vectors + self.position(positions)
        for layer in self.layers:
            tokens = layer(tokens, groups, classes)
        return self.plain(tokens, positions, dom_offsets)  # type: ignore[no-any-return]  # modules return Any
