"""Softmax attention inside each of many sequences: five ways that give the same numbers.

| kernel | how | where it is good |
|---|---|---|
| `compiled` | machine code that goes from sequence to sequence, in float32 | training on a CPU |
| `bucketed` | one dense attention for each length; nothing padded, nothing masked | CPU without gradients, float64 |
| `flex` | one FlexAttention over all tokens with a block mask | CUDA; on the CPU it has no backward |
| `packed` | rows of 512 tokens with a dense document mask | the common method; kept for comparison |
| `reference` | a loop over the sequences | tests |

A kernel takes queries, keys and values `[N, 3, heads, channels]` of the sorted tokens, and gives `[N, heads, channels]`.
"""

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from typing import Any, no_type_check

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.nn.functional import pad, scaled_dot_product_attention

from icereco.nn.blocks import AnySequences, Blocks, block_attention
from icereco.nn.buckets import bucketed, dense
from icereco.nn.kernel_names import KernelName
from icereco.nn.ragged import Sequences
from icereco.nn.segments import segment_of

__all__ = ["Kernel", "attend", "bucketed", "flex", "packed", "reference"]

Kernel = Callable[[Float[Tensor, "token 3 head channel"], Sequences], Float[Tensor, "token head channel"]]

ROW = 512
"""Tokens in a row of `packed`."""

BLOCK = 128
"""Tokens in a block of FlexAttention's mask."""


def attend(
    name: KernelName, qkv: Float[Tensor, "row 3 head channel"], sequences: AnySequences
) -> Float[Tensor, "row head channel"]:
    """Compute attention with the kernel `name`; `auto` selects the fastest for the device; blocks have one of their own.

    Rows after those of the tokens give zeros.
    """
    if isinstance(sequences, Blocks):
        return block_attention(qkv, sequences)
    name = _fastest(qkv) if name == "auto" else name
    if name == "compiled":
        return _compiled(qkv, sequences)
    attended = _KERNELS[name](qkv[: sequences.tokens], sequences)
    return pad(attended, (0, 0, 0, 0, 0, len(qkv) - sequences.tokens))


def _fastest(qkv: Float[Tensor, "row 3 head channel"]) -> KernelName:
    """Machine code pays where there is much to do: fetching it takes half a second, and without gradients it is little faster."""
    if qkv.is_cuda:
        return "flex"
    known = qkv.device.type == "cpu" and qkv.dtype in (torch.float32, torch.bfloat16)
    return "compiled" if known and qkv.requires_grad and torch.is_grad_enabled() else "bucketed"


def _compiled(
    qkv: Float[Tensor, "row 3 head channel"], sequences: Sequences
) -> Float[Tensor, "row head channel"]:
    # Not at the top: its compiler is needed for processors only.
    from icereco.nn.compiled.attention import compiled

    return compiled(qkv, sequences)


def reference(
    qkv: Float[Tensor, "token 3 head channel"], sequences: Sequences
) -> Float[Tensor, "token head channel"]:
    """The definition: softmax(q·kᵀ/√channels)·v, one sequence after another."""
    pieces = []
    for start, end in pairwise(sequences.offsets.tolist()):
        query, key, value = qkv[start:end].permute(1, 2, 0, 3)
        weights = torch.softmax(query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5, dim=-1)
        pieces.append((weights @ value).transpose(0, 1))
    return torch.cat(pieces)


def packed(
    qkv: Float[Tensor, "token 3 head channel"], sequences: Sequences
) -> Float[Tensor, "token head channel"]:
    """Rows of `ROW` tokens, filled with whole sequences, and a dense mask that keeps them apart.

    A sequence longer than a row gets a row of its own length, so that nothing is cut.
    """
    rows, columns, row_count, short = _row_plan(sequences)
    padded = qkv.new_zeros(row_count, ROW, *qkv.shape[1:])
    padded[rows, columns] = qkv[:short]
    document = torch.full((row_count, ROW), -1, device=qkv.device)
    document[rows, columns] = segment_of(sequences.offsets)[:short]
    mask = (document.unsqueeze(1) == document.unsqueeze(2)).unsqueeze(1)
    query, key, value = padded.permute(2, 0, 3, 1, 4)
    filled = scaled_dot_product_attention(query, key, value, attn_mask=mask).transpose(1, 2)
    longer = [dense(part).flatten(0, 1) for part in sequences.split(qkv) if part.shape[1] > ROW]
    return torch.cat([filled[rows, columns], *longer])


def _row_plan(sequences: Sequences) -> tuple[Tensor, Tensor, int, int]:
    """Row and column of each token that fits a row, the number of rows, and of such tokens; first fit in order."""
    rows, columns = [], []
    row, filled = 0, 0
    for length, count in sequences.groups:
        if length > ROW:
            break
        for _ in range(count):
            if filled + length > ROW:
                row, filled = row + 1, 0
            rows.append(torch.full((length,), row))
            columns.append(torch.arange(filled, filled + length))
            filled += length
    device = sequences.offsets.device
    if not rows:
        empty = torch.empty(0, dtype=torch.int64, device=device)
        return empty, empty, 0, 0
    flat = torch.cat(rows)
    return flat.to(device), torch.cat(columns).to(device), row + 1, len(flat)


def flex(
    qkv: Float[Tensor, "token 3 head channel"], sequences: Sequences
) -> Float[Tensor, "token head channel"]:
    """FlexAttention over all tokens at once; blocks of the mask that hold no pair are skipped.

    Raises:
        RuntimeError: gradients are required on the CPU, where FlexAttention has no backward.
    """
    if qkv.requires_grad and torch.is_grad_enabled() and not qkv.is_cuda:
        raise RuntimeError("FlexAttention has no backward on the CPU; use the kernel 'bucketed' or 'auto'")
    tokens = len(qkv)
    total = padded_total(tokens)
    query, key, value = pad(qkv, (0, 0, 0, 0, 0, 0, 0, total - tokens)).permute(1, 2, 0, 3).unsqueeze(1)
    run = _compiled_flex() if qkv.is_cuda else flex_attention
    attended: Tensor = run(query, key, value, block_mask=document_block_mask(sequences, total))
    return attended[0].transpose(0, 1)[:tokens]


def padded_total(tokens: int) -> int:
    """The next of a few sizes (at most an eighth larger, whole blocks), since each new size costs a compilation."""
    step = max(BLOCK, 1 << max((tokens - 1).bit_length() - 3, 0))
    return max(-(-tokens // step) * step, BLOCK)


@cache
def _compiled_flex() -> Any:
    # Automatic dynamic shapes are a known source of wrong guards; `padded_total` keeps the number of shapes small.
    return torch.compile(flex_attention, dynamic=False)


def document_block_mask(sequences: Sequences, total: int) -> BlockMask:
    """Which blocks of keys each block of queries may see, straight from the offsets.

    Documents are contiguous, so the keys of a block of queries are one run of blocks. Building this takes O(blocks)
    work; evaluating the mask for all N² pairs, as `create_block_mask` does, takes seconds and gigabytes.

    Args:
        sequences: the sorted sequences.
        total: number of tokens including padding, a multiple of `BLOCK`.
    """
    offsets, tokens = sequences.offsets, len(sequences.token_order)
    document = torch.full((total,), -1, dtype=torch.int64, device=offsets.device)
    document[:tokens] = segment_of(sequences.offsets)
    first_token = torch.arange(0, total, BLOCK, device=offsets.device)
    last_token = first_token + BLOCK - 1
    start = torch.where(first_token < tokens, offsets[document[first_token]], first_token) // BLOCK
    last_document = document[last_token.clamp(max=max(tokens - 1, 0))]
    end = torch.where(last_token < tokens, offsets[last_document + 1] - 1, last_token) // BLOCK
    end = torch.maximum(end, start)
    counts = (end - start + 1).to(torch.int32)
    columns = torch.arange(total // BLOCK, device=offsets.device)
    indices = (start.unsqueeze(1) + columns).clamp(max=total // BLOCK - 1).to(torch.int32)

    @no_type_check  # torch traces it, which fails on beartype's wrapper
    def same_document(
        _batch: Tensor, _head: Tensor, query: Int[Tensor, "..."], key: Int[Tensor, "..."]
    ) -> Bool[Tensor, "..."]:
        return document[query] == document[key]

    return BlockMask.from_kv_blocks(
        counts[None, None], indices[None, None], BLOCK_SIZE=BLOCK, mask_mod=same_document
    )


_KERNELS: dict[str, Kernel] = {"flex": flex, "bucketed": bucketed, "packed": packed, "reference": reference}
