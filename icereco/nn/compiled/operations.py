"""Operations on rows of float32 numbers as machine code, on sixteen numbers at once.

Arrays have one axis. An argument `…_at` is the place of the first number; places are not checked. `groups` says how many times sixteen
numbers a row has, at least one.
"""

import inspect
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types

from icereco.nn.compiled.vectors import (
    LANES,
    LONG,
    added_product,
    address,
    chosen,
    folded,
    larger,
    loaded,
    power_of_two,
    repeated,
    same,
    spread,
    stored,
    transposed,
)
from icereco.system.machine_code import written_by

__all__ = [
    "ROWS",
    "add_tile",
    "add_wide_tile",
    "copy_row",
    "fill",
    "pull_back_weights",
    "tile",
    "transpose",
    "weigh",
    "wide_tile",
]

ROWS = 4
"""Rows of a tile: their sums stay in registers while the tile is computed."""

_LOWEST = -1e30


def _operation(result: types.Type) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function of machine code of one that writes it from pointers, int64 and float32 numbers."""

    def made(write: Callable[..., Any]) -> Callable[..., Any]:
        def typed(_context: Any, *given: Any) -> Any:
            kinds = [_argument(one) for one in given]

            def generated(context: Any, builder: ir.IRBuilder, _signature: Any, values: Any) -> Any:
                found = write(
                    builder,
                    *[
                        context.make_array(kind)(context, builder, value).data
                        if isinstance(kind, types.Array)
                        else value
                        for kind, value in zip(kinds, values, strict=True)
                    ],
                )
                return context.get_dummy_value() if found is None else found

            return result(*kinds), generated

        # Numba takes the names of arguments from here: the context stands where `write` has the builder.
        typed.__signature__ = inspect.signature(write)  # type: ignore[attr-defined]  # functions may have one
        return written_by(typed)(write)

    return made


def _argument(given: types.Type) -> types.Type:
    if isinstance(given, types.Array):
        return given
    return types.float32 if isinstance(given, types.Float) else types.int64


def _group(builder: ir.IRBuilder, array: ir.Value, at: ir.Value, number: ir.Value) -> ir.Value:
    """Where a group of sixteen numbers of a row lies."""
    return address(builder, array, at, builder.mul(number, LONG(LANES)))


@_operation(types.void)
def copy_row(
    builder: ir.IRBuilder,
    source: ir.Value,
    source_at: ir.Value,
    target: ir.Value,
    target_at: ir.Value,
    groups: ir.Value,
    factor: ir.Value,
) -> None:
    """Copy numbers, times a factor."""
    factors = spread(builder, factor)

    def turn(number: ir.Value, _: Any) -> list[ir.Value]:
        vector = loaded(builder, _group(builder, source, source_at, number))
        stored(builder, builder.fmul(vector, factors), _group(builder, target, target_at, number))
        return []

    repeated(builder, groups, [], turn)


@_operation(types.void)
def transpose(
    builder: ir.IRBuilder,
    source: ir.Value,
    source_at: ir.Value,
    source_row: ir.Value,
    length: ir.Value,
    target: ir.Value,
    target_row: ir.Value,
    groups: ir.Value,
) -> None:
    """Copy rows so that they become columns, from the beginning of an array; the last is repeated up to the next sixteen columns.

    `source_row` and `target_row` are what lies between two rows there.
    """

    def block(number: ir.Value, _: Any) -> list[ir.Value]:
        first = builder.mul(number, LONG(LANES))
        starts = [
            builder.mul(
                source_row, _smaller(builder, builder.add(first, LONG(lane)), builder.sub(length, LONG(1)))
            )
            for lane in range(LANES)
        ]

        def group(channels: ir.Value, _: Any) -> list[ir.Value]:
            channel = builder.mul(channels, LONG(LANES))
            rows = [loaded(builder, address(builder, source, source_at, start, channel)) for start in starts]
            for lane, column in enumerate(transposed(builder, rows)):
                there = builder.mul(target_row, builder.add(channel, LONG(lane)))
                stored(builder, column, address(builder, target, there, first))
            return []

        repeated(builder, groups, [], group)
        return []

    repeated(builder, _groups(builder, length), [], block)


def _smaller(builder: ir.IRBuilder, one: ir.Value, other: ir.Value) -> ir.Value:
    return builder.select(builder.icmp_signed("<", one, other), one, other)


@_operation(types.void)
def fill(
    builder: ir.IRBuilder, target: ir.Value, target_at: ir.Value, count: ir.Value, number: ir.Value
) -> None:
    """Set some numbers, which may be none."""

    def turn(place: ir.Value, _: Any) -> list[ir.Value]:
        builder.store(number, address(builder, target, target_at, place))
        return []

    with builder.if_then(builder.icmp_signed(">", count, LONG(0))):
        repeated(builder, count, [], turn)


@_operation(types.void)
def weigh(
    builder: ir.IRBuilder,
    scores: ir.Value,
    at: ir.Value,
    row: ir.Value,
    length: ir.Value,
    sums: ir.Value,
) -> None:
    """Replace four rows of scores by two to the power of them less the highest of the row, from `length` up to the next sixteen by zeros.

    The highest of the four rows and then the sums of the powers are put into `sums`.
    """
    places = [builder.add(at, builder.mul(row, LONG(number))) for number in range(ROWS)]
    groups = _groups(builder, length)

    def compare(number: ir.Value, given: Any) -> list[ir.Value]:
        first = builder.mul(number, LONG(LANES))
        return [
            larger(
                builder,
                chosen(
                    builder, loaded(builder, address(builder, scores, place, first)), first, length, _LOWEST
                ),
                most,
            )
            for place, most in zip(places, given, strict=True)
        ]

    found = repeated(builder, groups, [same(_LOWEST)] * ROWS, compare)
    highest = [folded(builder, vector, larger) for vector in found]
    zeros = [spread(builder, one) for one in highest]

    def turn(number: ir.Value, given: Any) -> list[ir.Value]:
        first = builder.mul(number, LONG(LANES))
        following = []
        for place, zero, total in zip(places, zeros, given, strict=True):
            here = address(builder, scores, place, first)
            weights = power_of_two(builder, builder.fsub(loaded(builder, here), zero))
            weights = chosen(builder, weights, first, length, 0.0)
            stored(builder, weights, here)
            following.append(builder.fadd(total, weights))
        return following

    totals = repeated(builder, groups, [same(0.0)] * ROWS, turn)
    numbers = [*highest, *(folded(builder, total, ir.IRBuilder.fadd) for total in totals)]
    for place, number in enumerate(numbers):
        builder.store(number, address(builder, sums, LONG(place)))


@_operation(types.void)
def pull_back_weights(
    builder: ir.IRBuilder,
    scores: ir.Value,
    gradient: ir.Value,
    at: ir.Value,
    row: ir.Value,
    length: ir.Value,
    sums: ir.Value,
) -> None:
    """Replace four rows of scores by their weights W, and the gradient of these by that of the scores, W (gradient - Σ W gradient).

    `sums` holds what `weigh` put there, but the inverse of the sums. Rows end as those of `weigh` do.
    """
    places = [builder.add(at, builder.mul(row, LONG(number))) for number in range(ROWS)]
    groups = _groups(builder, length)
    numbers = [
        spread(builder, builder.load(address(builder, sums, LONG(place)))) for place in range(2 * ROWS)
    ]
    zeros, factors = numbers[:ROWS], numbers[ROWS:]

    def weighed(number: ir.Value, given: Any) -> list[ir.Value]:
        first = builder.mul(number, LONG(LANES))
        following = []
        for place, zero, factor, mean in zip(places, zeros, factors, given, strict=True):
            here = address(builder, scores, place, first)
            weights = builder.fmul(power_of_two(builder, builder.fsub(loaded(builder, here), zero)), factor)
            weights = chosen(builder, weights, first, length, 0.0)
            stored(builder, weights, here)
            of_weights = loaded(builder, address(builder, gradient, place, first))
            following.append(added_product(builder, weights, of_weights, mean))
        return following

    found = repeated(builder, groups, [same(0.0)] * ROWS, weighed)
    means = [spread(builder, folded(builder, one, ir.IRBuilder.fadd)) for one in found]

    def turn(number: ir.Value, _: Any) -> list[ir.Value]:
        first = builder.mul(number, LONG(LANES))
        for place, mean in zip(places, means, strict=True):
            here = address(builder, gradient, place, first)
            weights = loaded(builder, address(builder, scores, place, first))
            stored(builder, builder.fmul(builder.fsub(loaded(builder, here), mean), weights), here)
        return []

    repeated(builder, groups, [], turn)


def _groups(builder: ir.IRBuilder, length: ir.Value) -> ir.Value:
    """How many times sixteen numbers hold a number of them."""
    return builder.sdiv(builder.add(length, LONG(LANES - 1)), LONG(LANES))


def _tile(vectors: int, adds: bool) -> Callable[..., Any]:
    """A product of `ROWS` rows and sixteen or more columns; `adds`: it is added to what is there."""

    def write(
        builder: ir.IRBuilder,
        left: ir.Value,
        left_at: ir.Value,
        left_row: ir.Value,
        left_step: ir.Value,
        right: ir.Value,
        right_at: ir.Value,
        right_step: ir.Value,
        count: ir.Value,
        out: ir.Value,
        out_at: ir.Value,
        out_row: ir.Value,
    ) -> None:
        places = [
            address(builder, out, out_at, builder.mul(out_row, LONG(row)), LONG(LANES * vector))
            for row in range(ROWS)
            for vector in range(vectors)
        ]

        def turn(number: ir.Value, given: Any) -> list[ir.Value]:
            below, along = builder.mul(number, right_step), builder.mul(number, left_step)
            columns = [
                loaded(builder, address(builder, right, right_at, below, LONG(LANES * vector)))
                for vector in range(vectors)
            ]
            rows = [
                address(builder, left, left_at, along, builder.mul(left_row, LONG(row)))
                for row in range(ROWS)
            ]
            factors = [spread(builder, builder.load(row)) for row in rows]
            pairs = [(factor, column) for factor in factors for column in columns]
            return [added_product(builder, *pair, sum_) for pair, sum_ in zip(pairs, given, strict=True)]

        start = [loaded(builder, place) if adds else same(0.0) for place in places]
        for vector, place in zip(repeated(builder, count, start, turn), places, strict=True):
            stored(builder, vector, place)

    write.__name__ = "tile"
    write.__doc__ = _tile.__doc__
    return _operation(types.void)(write)


tile, wide_tile, add_tile, add_wide_tile = (
    _tile(1, adds=False),
    _tile(2, adds=False),
    _tile(1, adds=True),
    _tile(2, adds=True),
)
"""Products of four rows and sixteen columns, or thirty-two, put or added into an array.

Args:
    left, left_at, left_row, left_step: of the four rows, what lies between two of them, and between two numbers of one.
    right, right_at, right_step: of the columns, what lies between two rows of them.
    count: numbers that are multiplied for a sum, at least one.
    out, out_at, out_row: of the product, what lies between two of its rows.
"""
