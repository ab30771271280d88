"""Attention inside each of many sequences, and its gradient, as machine code.

The weights of a sequence are never kept: the forward pass has four rows of them at a time, the backward pass computes `BLOCK` rows at a
time again, from their sums (T. Dao et al., arXiv:2205.14135). So memory grows with the number of tokens
whatever the lengths of their sequences, and a length costs no operations of its own.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int16, Int64
from numpy import ndarray

from icereco.nn.compiled.operations import (
    ROWS,
    add_tile,
    add_wide_tile,
    copy_row,
    fill,
    pull_back_weights,
    tile,
    transpose,
    weigh,
    wide_tile,
)
from icereco.nn.compiled.vectors import LANES
from icereco.system.machine_code import compiled, kept, sources_digest

__all__ = ["Heads", "attend", "pull_back"]

BLOCK = 64
"""Rows of weights that the backward pass has at a time. Many fill the cache; with few, sums over rows are fetched more often."""

_ONE, _ZERO, _HIGHEST = np.float32(1.0), np.float32(0.0), np.float32(1e30)
_ADDS = True

_LOG2_E = np.float32(1.4426950408889634)
"""Queries are multiplied by it, so that weights are powers of two instead of e: 2ˢ takes fewer operations than eˢ."""

_Numbers = Float32[ndarray, "number"]
_Given = _Numbers | Int16[ndarray, "number"]
"""Numbers of torch: float32, or bfloat16 as int16."""


class Heads(NamedTuple):
    """Heads of attention: how many, numbers of each, a multiple of 16, and the factor on products of queries and keys."""

    number: int
    channels: int
    scale: np.float32


class _Room(NamedTuple):
    """Memory for one head of one sequence; `columns` have a token in each column, the others a token in each row."""

    query: _Numbers
    key: _Numbers
    key_columns: _Numbers
    value: _Numbers
    value_columns: _Numbers
    gradient: _Numbers
    weights: _Numbers
    of_scores: _Numbers
    of_key: _Numbers
    of_value: _Numbers
    four_rows: _Numbers
    sums: _Numbers


@compiled
def _up(count: int, step: int) -> int:
    """The next multiple of a step."""
    return (count + step - 1) // step * step


@compiled
def _room(longest: int, channels: int, block: int) -> _Room:
    """Memory for sequences up to a length; what is in it may be multiplied by zero, so it is a number from the beginning."""
    of_tokens, of_rows = _up(longest, LANES) * channels, _up(block, ROWS) * _up(longest, LANES)
    return _Room(
        np.zeros(of_tokens, np.float32),
        np.zeros(of_tokens, np.float32),
        np.zeros(of_tokens, np.float32),
        np.zeros(of_tokens, np.float32),
        np.zeros(of_tokens, np.float32),
        np.zeros(of_tokens, np.float32),
        np.zeros(of_rows, np.float32),
        np.zeros(of_rows, np.float32),
        np.zeros(of_tokens, np.float32),
        np.zeros(of_tokens, np.float32),
        np.zeros(ROWS * channels, np.float32),
        np.zeros(2 * ROWS, np.float32),
    )


@compiled
def _multiply(
    left: _Numbers,
    left_at: int,
    left_row: int,
    left_step: int,
    right: _Numbers,
    right_at: int,
    columns: int,
    count: int,
    out: _Numbers,
    out_at: int,
    adds: bool = False,
) -> None:
    """Put the product of four rows, see `tile`, and all columns into an array, or add it to what is there."""
    column = 0
    while column < columns:
        there, here = right_at + column, out_at + column
        wide = columns - column >= 2 * LANES
        if wide and adds:
            add_wide_tile(
                left, left_at, left_row, left_step, right, there, columns, count, out, here, columns
            )
        elif wide:
            wide_tile(left, left_at, left_row, left_step, right, there, columns, count, out, here, columns)
        elif adds:
            add_tile(left, left_at, left_row, left_step, right, there, columns, count, out, here, columns)
        else:
            tile(left, left_at, left_row, left_step, right, there, columns, count, out, here, columns)
        column += 2 * LANES if wide else LANES


@compiled
def _attend_sequence(
    qkv: _Given,
    at: int,
    length: int,
    heads: Heads,
    attended: _Given,
    attended_at: int,
    sums: _Numbers,
    sums_at: int,
    room: _Room,
) -> None:
    """Compute one head of one sequence, whose first numbers are at these places."""
    channels, width, padded = heads.channels, heads.number * heads.channels, _up(length, LANES)
    groups = channels // LANES
    for token in range(length):
        row = at + token * 3 * width
        copy_row(qkv, row, room.query, token * channels, groups, heads.scale * _LOG2_E)
        copy_row(qkv, row + 2 * width, room.value, token * channels, groups, _ONE)
    transpose(qkv, at + width, 3 * width, length, room.key_columns, padded, groups)
    for first in range(0, length, ROWS):
        here = first * channels
        _multiply(room.query, here, channels, 1, room.key_columns, 0, padded, channels, room.weights, 0)
        weigh(room.weights, 0, padded, length, room.sums)
        _multiply(room.weights, 0, padded, 1, room.value, 0, channels, length, room.four_rows, 0)
        for row in range(min(ROWS, length - first)):
            of_row = sums_at + (first + row) * heads.number * 2
            sums[of_row], sums[of_row + 1] = room.sums[row], _ONE / room.sums[ROWS + row]
            there = attended_at + (first + row) * width
            copy_row(room.four_rows, row * channels, attended, there, groups, sums[of_row + 1])


@compiled
def _fetch(
    qkv: _Given, at: int, gradient: _Given, gradient_at: int, length: int, heads: Heads, room: _Room
) -> None:
    """Bring what the gradient of one head of one sequence needs into order."""
    channels, width, padded = heads.channels, heads.number * heads.channels, _up(length, LANES)
    groups = channels // LANES
    for token in range(length):
        row, here = at + token * 3 * width, token * channels
        copy_row(qkv, row, room.query, here, groups, heads.scale * _LOG2_E)
        copy_row(qkv, row + width, room.key, here, groups, heads.scale)
        copy_row(gradient, gradient_at + token * width, room.gradient, here, groups, _ONE)
    transpose(qkv, at + width, 3 * width, length, room.key_columns, padded, groups)
    transpose(qkv, at + 2 * width, 3 * width, length, room.value_columns, padded, groups)
    fill(room.of_key, 0, _up(length, ROWS) * channels, _ZERO)
    fill(room.of_value, 0, _up(length, ROWS) * channels, _ZERO)


@compiled
def _sums_of_rows(sums: _Numbers, sums_at: int, heads: int, rows: int, room: _Room) -> None:
    """Bring the sums of four rows into order; rows after those of the sequence get weights of zero."""
    for row in range(ROWS):
        of_row = sums_at + row * heads * 2
        room.sums[row] = sums[of_row] if row < rows else _HIGHEST
        room.sums[ROWS + row] = sums[of_row + 1] if row < rows else _ZERO


@compiled
def _pull_back_sequence(
    qkv: _Given,
    at: int,
    length: int,
    heads: Heads,
    gradient: _Given,
    gradient_at: int,
    sums: _Numbers,
    sums_at: int,
    gradients: _Given,
    room: _Room,
) -> None:
    """With weights W = softmax(S), S = Q Kᵀ and output W V: dV = Wᵀ dO, dW = dO Vᵀ, dQ = dS K, dK = dSᵀ Q, for one head."""
    channels, width, padded = heads.channels, heads.number * heads.channels, _up(length, LANES)
    groups = channels // LANES
    _fetch(qkv, at, gradient, gradient_at, length, heads, room)
    for first in range(0, length, BLOCK):
        last = min(first + BLOCK, length)
        for four in range(first, last, ROWS):
            here, there = four * channels, (four - first) * padded
            rows = min(ROWS, length - four)
            _multiply(
                room.query, here, channels, 1, room.key_columns, 0, padded, channels, room.weights, there
            )
            _multiply(
                room.gradient,
                here,
                channels,
                1,
                room.value_columns,
                0,
                padded,
                channels,
                room.of_scores,
                there,
            )
            _sums_of_rows(sums, sums_at + four * heads.number * 2, heads.number, rows, room)
            pull_back_weights(room.weights, room.of_scores, there, padded, length, room.sums)
            _multiply(room.of_scores, there, padded, 1, room.key, 0, channels, length, room.four_rows, 0)
            for row in range(rows):
                of_query = at + (four + row) * 3 * width
                copy_row(room.four_rows, row * channels, gradients, of_query, groups, _ONE)
        for four in range(0, length, ROWS):
            here, rows, there = first * channels, last - first, four * channels
            _multiply(
                room.of_scores, four, 1, padded, room.query, here, channels, rows, room.of_key, there, _ADDS
            )
            _multiply(
                room.weights,
                four,
                1,
                padded,
                room.gradient,
                here,
                channels,
                rows,
                room.of_value,
                there,
                _ADDS,
            )
    for token in range(length):
        of_query = at + token * 3 * width
        copy_row(room.of_key, token * channels, gradients, of_query + width, groups, _ONE / _LOG2_E)
        copy_row(room.of_value, token * channels, gradients, of_query + 2 * width, groups, _ONE)


@compiled
def _longest(offsets: Int64[ndarray, "sequence_plus_1"], first: int, last: int, heads: int) -> int:
    """The length of the longest sequence of some jobs."""
    longest = 0
    for sequence in range(first // heads, (last + heads - 1) // heads):
        longest = max(longest, offsets[sequence + 1] - offsets[sequence])
    return longest


def _kept_attend(digest: str) -> Callable[..., None]:
    """Compile `attend`, or take what a program with the same sources compiled."""

    @kept
    def attend(
        qkv: _Given,
        offsets: Int64[ndarray, "sequence_plus_1"],
        first: int,
        last: int,
        heads: Heads,
        attended: _Given,
        sums: _Numbers,
    ) -> None:
        _ = digest  # in the closure
        width = heads.number * heads.channels
        room = _room(_longest(offsets, first, last, heads.number), heads.channels, ROWS)
        for job in range(first, last):
            sequence, head = job // heads.number, job % heads.number
            token, length = offsets[sequence], offsets[sequence + 1] - offsets[sequence]
            if length == 0:
                continue
            _attend_sequence(
                qkv,
                token * 3 * width + head * heads.channels,
                length,
                heads,
                attended,
                token * width + head * heads.channels,
                sums,
                (token * heads.number + head) * 2,
                room,
            )

    return attend


def _kept_pull_back(digest: str) -> Callable[..., None]:
    """The same for `pull_back`."""

    @kept
    def pull_back(
        qkv: _Given,
        offsets: Int64[ndarray, "sequence_plus_1"],
        first: int,
        last: int,
        heads: Heads,
        gradient: _Given,
        sums: _Numbers,
        gradients: _Given,
    ) -> None:
        _ = digest  # in the closure
        width = heads.number * heads.channels
        longest = _longest(offsets, first, last, heads.number)
        room = _room(longest, heads.channels, min(BLOCK, longest))
        for job in range(first, last):
            sequence, head = job // heads.number, job % heads.number
            token, length = offsets[sequence], offsets[sequence + 1] - offsets[sequence]
            if length == 0:
                continue
            _pull_back_sequence(
                qkv,
                token * 3 * width + head * heads.channels,
                length,
                heads,
                gradient,
                token * width + head * heads.channels,
                sums,
                (token * heads.number + head) * 2,
                gradients,
                room,
            )

    return pull_back


_DIGEST = sources_digest(Path(__file__).parent)

attend = _kept_attend(_DIGEST)
"""Compute attention of some heads of some sequences.

Args:
    qkv: float32, or bfloat16 as int16, `[N · 3 · heads · channels]`, queries, keys and values of all tokens.
    offsets: int64 `[S+1]` of all sequences.
    first, last: the jobs to do, without the last: one for each head of each sequence.
    heads: of each token.
    attended: the same, `[N · heads · channels]`, is written.
    sums: float32 `[N · heads · 2]`, is written: the highest score times log₂ e, and the inverse of the sum of weights of which the largest is 1.
"""

pull_back = _kept_pull_back(_DIGEST)
"""Compute the gradient of `attend`.

Args:
    qkv, offsets, first, last, heads, sums: as for `attend`.
    gradient: float32, or bfloat16 as int16, `[N · heads · channels]`, that of what is attended.
    gradients: the same, `[N · 3 · heads · channels]`, is written.
"""
