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
    exponential,
    folded,
    larger,
    loaded,
    repeated,
    same,
    spread,
    stored,
)
from icereco.system.machine_code import written_by

__all__ = [
    "ROWS",
    "add_tile",
    "add_wide_tile",
    "copy_row",
    "exponentials",
    "fill",
    "inner_product",
    "largest",
    "pull_back_softmax",
    "spread_row",
    "tile",
    "wide_tile",
]

ROWS = 4
"""Rows of a tile: their sums stay in registers while the tile is computed."""


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
def spread_row(
    builder: ir.IRBuilder,
    source: ir.Value,
    source_at: ir.Value,
    target: ir.Value,
    target_at: ir.Value,
    step: ir.Value,
    groups: ir.Value,
) -> None:
    """Copy numbers to places that are a step apart: a row becomes a column."""

    def turn(number: ir.Value, _: Any) -> list[ir.Value]:
        vector = loaded(builder, _group(builder, source, source_at, number))
        first = builder.mul(number, LONG(LANES))
        for lane in range(LANES):
            place = builder.mul(step, builder.add(first, LONG(lane)))
            one = builder.extract_element(vector, ir.IntType(32)(lane))
            builder.store(one, address(builder, target, target_at, place))
        return []

    repeated(builder, groups, [], turn)


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


@_operation(types.float32)
def largest(builder: ir.IRBuilder, row: ir.Value, row_at: ir.Value, groups: ir.Value) -> ir.Value:
    """The largest number of a row."""

    def turn(number: ir.Value, given: Any) -> list[ir.Value]:
        return [larger(builder, loaded(builder, _group(builder, row, row_at, number)), given[0])]

    (found,) = repeated(builder, groups, [same(float("-inf"))], turn)
    return folded(builder, found, larger)


@_operation(types.float32)
def exponentials(
    builder: ir.IRBuilder, row: ir.Value, row_at: ir.Value, groups: ir.Value, zero: ir.Value
) -> ir.Value:
    """Replace each number x by e to the power of x - `zero`, and return their sum."""
    zeros = spread(builder, zero)

    def turn(number: ir.Value, given: Any) -> list[ir.Value]:
        place = _group(builder, row, row_at, number)
        vector = exponential(builder, builder.fsub(loaded(builder, place), zeros))
        stored(builder, vector, place)
        return [builder.fadd(given[0], vector)]

    (found,) = repeated(builder, groups, [same(0.0)], turn)
    return folded(builder, found, ir.IRBuilder.fadd)


@_operation(types.float32)
def inner_product(
    builder: ir.IRBuilder,
    one: ir.Value,
    one_at: ir.Value,
    other: ir.Value,
    other_at: ir.Value,
    groups: ir.Value,
) -> ir.Value:
    """The sum of the products of two rows."""

    def turn(number: ir.Value, given: Any) -> list[ir.Value]:
        left, right = _group(builder, one, one_at, number), _group(builder, other, other_at, number)
        return [added_product(builder, loaded(builder, left), loaded(builder, right), given[0])]

    (found,) = repeated(builder, groups, [same(0.0)], turn)
    return folded(builder, found, ir.IRBuilder.fadd)


@_operation(types.void)
def pull_back_softmax(
    builder: ir.IRBuilder,
    gradient: ir.Value,
    gradient_at: ir.Value,
    weights: ir.Value,
    weights_at: ir.Value,
    groups: ir.Value,
    mean: ir.Value,
) -> None:
    """Turn the gradient of weights W into that of their scores, W (gradient - mean), with the mean Σ W gradient."""
    means = spread(builder, mean)

    def turn(number: ir.Value, _: Any) -> list[ir.Value]:
        place = _group(builder, gradient, gradient_at, number)
        weight = loaded(builder, _group(builder, weights, weights_at, number))
        stored(builder, builder.fmul(builder.fsub(loaded(builder, place), means), weight), place)
        return []

    repeated(builder, groups, [], turn)


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
