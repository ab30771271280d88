"""Attention in machine code as an operation of torch, on as many threads as torch has."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy import ndarray
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from icereco.nn.compiled.sequences import Heads, attend, pull_back
from icereco.nn.compiled.vectors import LANES
from icereco.nn.ragged import Sequences

__all__ = ["compiled"]

_WORK_OF_A_THREAD = 30_000
"""Pairs of tokens, roughly, below which another thread costs more time than it saves."""


def compiled(
    qkv: Float[Tensor, "row 3 head channel"], sequences: Sequences
) -> Float[Tensor, "row head channel"]:
    """Compute attention inside sequences on the CPU, in float32 whatever the precision of its numbers.

    Args:
        qkv: float32 or bfloat16, of the tokens; rows after those are taken for zeros.
        sequences: of the tokens.

    Returns:
        what is attended, in the precision of `qkv`.

    Raises:
        TypeError: the numbers are neither.
    """
    if qkv.dtype not in (torch.float32, torch.bfloat16):
        raise TypeError(f"attention is compiled for float32 and bfloat16, not for {qkv.dtype}")
    channels = qkv.shape[-1]
    full = pad(qkv, (0, -channels % LANES)) if channels % LANES else qkv
    attended: Tensor = _Attention.apply(full, sequences.offsets.numpy(), channels**-0.5)  # type: ignore[no-untyped-call]  # torch's own
    return attended[..., :channels] if channels % LANES else attended


class _Attention(torch.autograd.Function):
    """Attention of heads whose channels are a multiple of 16."""

    @staticmethod
    def forward(
        ctx: Any,
        qkv: Float[Tensor, "row 3 head channel"],
        offsets: Int64[ndarray, "sequence_plus_1"],
        scale: float,
    ) -> Float[Tensor, "row head channel"]:
        given, heads = qkv.contiguous(), Heads(qkv.shape[2], qkv.shape[3], np.float32(scale))
        attended = _rows(given[:, 0], offsets)
        sums = torch.empty(len(qkv), heads.number, 2)
        _share(attend, _numbers(given), offsets, heads, _numbers(attended), _numbers(sums))
        ctx.save_for_backward(given, sums)
        ctx.offsets, ctx.heads = offsets, heads
        return attended

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, gradient: Float[Tensor, "row head channel"]
    ) -> tuple[Float[Tensor, "row 3 head channel"], None, None]:
        qkv, sums = ctx.saved_tensors
        gradients = _rows(qkv, ctx.offsets)
        given = _numbers(gradient.to(qkv.dtype).contiguous()), _numbers(sums)
        _share(pull_back, _numbers(qkv), ctx.offsets, ctx.heads, *given, _numbers(gradients))
        return gradients, None, None


def _rows(like: Tensor, offsets: Int64[ndarray, "sequence_plus_1"]) -> Tensor:
    """Memory for the rows of tokens, and zeros after them."""
    rows = torch.empty(like.shape, dtype=like.dtype)
    rows[offsets[-1] :] = 0.0
    return rows


def _numbers(tensor: Tensor) -> ndarray:
    """The same memory for machine code, bfloat16 as int16."""
    flat = tensor.view(-1)
    return (flat.view(torch.int16) if flat.dtype == torch.bfloat16 else flat).numpy()


def _share(
    work: Callable[..., None],
    qkv: ndarray,
    offsets: Int64[ndarray, "sequence_plus_1"],
    heads: Heads,
    *others: ndarray,
) -> None:
    """Let each thread compute some heads of some sequences, of about the same work; none depends on another."""
    lengths = np.diff(offsets)
    until = np.repeat(lengths * (lengths + LANES), heads.number).cumsum()
    total = int(until[-1]) if len(until) else 0
    threads = max(min(torch.get_num_threads(), total // (_WORK_OF_A_THREAD * heads.number)), 1)
    bounds = np.searchsorted(until, np.linspace(0, total, threads + 1)[1:-1]).tolist()
    first, *further = pairwise([0, *bounds, len(until)])
    begun = [
        _pool(os.getpid(), threads - 1).submit(work, qkv, offsets, *jobs, heads, *others) for jobs in further
    ]
    work(qkv, offsets, *first, heads, *others)
    for one in begun:
        one.result()


@cache
def _pool(_process: int, threads: int) -> ThreadPoolExecutor:
    """Threads that wait for work; a process that was forked has none of its parent's."""
    return ThreadPoolExecutor(threads, "icereco-attention")
