"""Ragged sequences in blocks of tokens: attention in operations whose number does not depend on the data, to be exported.

The kernels of `icereco.nn.kernels` take the lengths of the sequences as numbers of Python. A graph that torch.export or ONNX
holds has the same operations for all events, so here the tokens are cut, in their order, into blocks of `BLOCK`, and each pair of
blocks that share a sequence is one small dense product. The softmax of a query goes over all of its block's pairs.
Most sequences are shorter than a block, so that there are few more pairs than blocks; memory grows with the square of the
length of one sequence, never with that of the batch.
"""

from dataclasses import dataclass
from typing import Self, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.compiler import is_exporting

from icereco.nn.ragged import Sequences
from icereco.nn.segments import Size, segment_extreme, segment_of, segment_sum

__all__ = ["AnySequences", "Blocks", "block_attention", "sequences_of"]

BLOCK = 32
"""Tokens in a block. Larger ones waste products between short sequences, smaller ones cost more rows of sums."""


@dataclass(frozen=True, slots=True)
class Blocks:
    """`S` sequences of `N` tokens in their own order, in `B` blocks with `X` pairs that attend to each other.

    Attributes:
        token_order: int64 `[N]`, the order itself; `Sequences` has another.
        offsets: int64 `[S+1]` of the sequences.
        rows: int64 `[B, BLOCK]`, tokens of each block; the last block repeats the last token.
        pair_offsets: int64 `[B+1]`, pairs of a block of queries.
        query, key: int64 `[X]`, blocks of each pair.
        seen: bool `[X, 1, BLOCK, BLOCK]`, which tokens are of one sequence.
    """

    token_order: Int[Tensor, "token"]
    offsets: Int[Tensor, "sequence_plus_1"]
    rows: Int[Tensor, "block place"]
    pair_offsets: Int[Tensor, "block_plus_1"]
    query: Int[Tensor, "pair"]
    key: Int[Tensor, "pair"]
    seen: Bool[Tensor, "pair 1 place place"]

    @classmethod
    def from_offsets(cls, offsets: Int[Tensor, "sequence_plus_1"], tokens: Size) -> Self:
        """Cut `tokens` tokens of the sequences `offsets[i]:offsets[i+1]` into blocks."""
        document = segment_of(offsets, tokens)
        order = torch.arange(tokens, device=offsets.device)
        blocks = (tokens + BLOCK - 1) // BLOCK
        first = torch.arange(blocks, device=offsets.device) * BLOCK
        place = first[:, None] + torch.arange(BLOCK, device=offsets.device)
        rows = place.clamp(max=tokens - 1)
        # Sequences are contiguous, so the keys that a block may see are one run of blocks.
        least = offsets[document[rows[:, 0]]] // BLOCK
        most = (offsets[document[rows[:, -1]] + 1] - 1) // BLOCK
        pair_offsets = torch.nn.functional.pad((most - least + 1).cumsum(0), (1, 0))
        pairs = cast("int", pair_offsets[-1].item())
        query = segment_of(pair_offsets, pairs)
        key = least[query] + torch.arange(pairs, device=offsets.device) - pair_offsets[query]
        of_key = torch.where(place < tokens, document[rows], -1)
        seen = document[rows][query][:, None, :, None] == of_key[key][:, None, None, :]
        return cls(order, offsets, rows, pair_offsets, query, key, seen)

    def restore(self, per_sequence: Float[Tensor, "sequence width"]) -> Float[Tensor, "sequence width"]:
        """Rows of the sequences, which have kept their order."""
        return per_sequence

    def mean(self, tokens: Float[Tensor, "token width"]) -> Float[Tensor, "sequence width"]:
        """The mean of each sequence's tokens; zero for a sequence without tokens."""
        return segment_sum(tokens, self.offsets) / self.offsets.diff().clamp(min=1)[:, None]


AnySequences = Sequences | Blocks
"""What the layers of a transformer take: sorted for the kernels, or in blocks to be exported."""


def sequences_of(offsets: Int[Tensor, "sequence_plus_1"], tokens: Size) -> AnySequences:
    """Return the sequences `offsets[i]:offsets[i+1]` of `tokens` tokens in the form that can be computed with here."""
    return Blocks.from_offsets(offsets, tokens) if is_exporting() else Sequences.from_offsets(offsets)


def block_attention(
    qkv: Float[Tensor, "token 3 head channel"], blocks: Blocks
) -> Float[Tensor, "token head channel"]:
    """Softmax attention inside each sequence, as the kernels of `icereco.nn.kernels`."""
    query, key, value = qkv[blocks.rows].permute(2, 0, 3, 1, 4)
    scores = query[blocks.query] @ key[blocks.key].mT * query.shape[-1] ** -0.5
    scores = scores.masked_fill(~blocks.seen, float("-inf"))
    largest = segment_extreme(scores.amax(-1), blocks.pair_offsets, "max")
    weights = torch.exp(scores - largest[blocks.query][..., None])
    total = segment_sum(weights.sum(-1), blocks.pair_offsets)
    attended = segment_sum(weights @ value[blocks.key], blocks.pair_offsets) / total[..., None]
    return attended.transpose(1, 2).flatten(0, 1)[blocks.token_order]
