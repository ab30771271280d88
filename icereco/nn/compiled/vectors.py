"""Sixteen float32 numbers at once, in the language of the compiler (LLVM): what functions of machine code are written with.

A processor whose registers hold fewer takes several instructions for one of these. Arrays of int16 are taken for bfloat16, which NumPy does
not know: the upper half of a float32.
"""

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils

__all__ = [
    "LANES",
    "LONG",
    "added_product",
    "address",
    "chosen",
    "folded",
    "larger",
    "loaded",
    "power_of_two",
    "repeated",
    "same",
    "spread",
    "stored",
    "transposed",
]

LANES = 16

LONG = ir.IntType(64)
_SHORT, _INT, _FLOAT = ir.IntType(16), ir.IntType(32), ir.FloatType()
_VECTOR, _INTEGERS = ir.VectorType(_FLOAT, LANES), ir.VectorType(_INT, LANES)
_SHORTS = ir.VectorType(_SHORT, LANES)

_SMALLEST = -126.0
"""Two to this power is still a normal number."""

_POWERS = (
    1.535336188319500e-4,
    1.339887440266574e-3,
    9.618437357674640e-3,
    5.550332471162809e-2,
    2.402264791363012e-1,
    6.931472028550421e-1,
)
"""Factors of x⁶ to x in 2ˣ for |x| < 1/2 (S. L. Moshier's Cephes library, exp2f)."""


def same(number: float) -> ir.Constant:
    """Sixteen times a number that is known when the function is compiled."""
    return ir.Constant(_VECTOR, [number] * LANES)


def spread(builder: ir.IRBuilder, number: ir.Value) -> ir.Value:
    """Sixteen times a number."""
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    one = builder.insert_element(nothing, number, _INT(0))
    return builder.shuffle_vector(one, nothing, _integers(0))


def address(builder: ir.IRBuilder, array: ir.Value, *places: ir.Value) -> ir.Value:
    """Where the number of an array lies whose place is the sum of `places`."""
    first, *others = places
    for other in others:
        first = builder.add(first, other)
    return builder.gep(array, [first])


def loaded(builder: ir.IRBuilder, pointer: ir.Value) -> ir.Value:
    """Sixteen numbers from an array of float32 or bfloat16."""
    if pointer.type.pointee == _FLOAT:
        return builder.load(builder.bitcast(pointer, _VECTOR.as_pointer()), align=4)
    halves = builder.load(builder.bitcast(pointer, _SHORTS.as_pointer()), align=2)
    bits = builder.shl(builder.zext(halves, _INTEGERS), _integers(16))
    return builder.bitcast(bits, _VECTOR)


def stored(builder: ir.IRBuilder, vector: ir.Value, pointer: ir.Value) -> None:
    """Put sixteen numbers into an array of float32, or of bfloat16, for which they are rounded to the nearest, ties to even."""
    if pointer.type.pointee == _FLOAT:
        builder.store(vector, builder.bitcast(pointer, _VECTOR.as_pointer()), align=4)
        return
    bits = builder.bitcast(vector, _INTEGERS)
    odd = builder.and_(builder.lshr(bits, _integers(16)), _integers(1))
    nearest = builder.add(bits, builder.add(odd, _integers(0x7FFF)))
    halves = builder.trunc(builder.lshr(nearest, _integers(16)), _SHORTS)
    builder.store(halves, builder.bitcast(pointer, _SHORTS.as_pointer()), align=2)


def _integers(number: int) -> ir.Constant:
    return ir.Constant(_INTEGERS, [number] * LANES)


def added_product(builder: ir.IRBuilder, one: ir.Value, other: ir.Value, addend: ir.Value) -> ir.Value:
    """The product of two vectors plus a third, rounded once where the processor can."""
    return builder.fadd(builder.fmul(one, other, flags=("contract",)), addend, flags=("contract",))


def larger(builder: ir.IRBuilder, one: ir.Value, other: ir.Value) -> ir.Value:
    """The larger of two numbers in each place; the other one if they cannot be compared."""
    return builder.select(builder.fcmp_ordered(">", one, other), one, other)


def chosen(builder: ir.IRBuilder, vector: ir.Value, first: ir.Value, end: ir.Value, other: float) -> ir.Value:
    """The numbers whose places, counted from that of the first, are before the end; `other` in the remaining ones."""
    places = ir.Constant(_INTEGERS, list(range(LANES)))
    before = builder.trunc(builder.sub(end, first), _INT)
    nothing = ir.Constant(_INTEGERS, ir.Undefined)
    ends = builder.shuffle_vector(builder.insert_element(nothing, before, _INT(0)), nothing, _integers(0))
    return builder.select(builder.icmp_signed("<", places, ends), vector, same(other))


def folded(builder: ir.IRBuilder, vector: ir.Value, join: Callable[..., ir.Value]) -> ir.Value:
    """One number from sixteen: halves are joined until one is left."""
    width = LANES
    while width > 1:
        width //= 2
        nothing = ir.Constant(vector.type, ir.Undefined)
        halves = [
            builder.shuffle_vector(vector, nothing, ir.Constant(ir.VectorType(_INT, width), list(places)))
            for places in (range(width), range(width, 2 * width))
        ]
        vector = join(builder, *halves)
    return builder.extract_element(vector, _INT(0))


def power_of_two(builder: ir.IRBuilder, vector: ir.Value) -> ir.Value:
    """Two to the power of numbers below 128; below -126 that of -126. Relative errors are below 2e-7.

    2ˣ = 2ᵏ 2ʳ with the integer k nearest to x and |r| < 1/2.
    """
    vector = larger(builder, same(_SMALLEST), vector)  # in this order: what is not a number stays that
    floor = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_VECTOR, [_VECTOR]), f"llvm.floor.v{LANES}f32"
    )
    power = builder.call(floor, [builder.fadd(vector, same(0.5))])
    rest = builder.fsub(vector, power)
    series = same(_POWERS[0])
    for factor in (*_POWERS[1:], 1.0):
        series = added_product(builder, series, rest, same(factor))
    exponent = builder.add(builder.fptosi(power, _INTEGERS), _integers(127))
    return builder.fmul(series, builder.bitcast(builder.shl(exponent, _integers(23)), _VECTOR))


def transposed(builder: ir.IRBuilder, rows: Sequence[ir.Value]) -> list[ir.Value]:
    """The columns of sixteen vectors: blocks of eight, then four, two and one change places across the diagonal."""
    vectors, lanes = list(rows), range(LANES)
    for block in (8, 4, 2, 1):
        above = [lane if not lane & block else LANES + lane - block for lane in lanes]
        below = [lane + block if not lane & block else LANES + lane for lane in lanes]
        for row in (row for row in lanes if not row & block):
            pair = vectors[row], vectors[row + block]
            vectors[row], vectors[row + block] = (
                builder.shuffle_vector(*pair, ir.Constant(_INTEGERS, places)) for places in (above, below)
            )
    return vectors


def repeated(
    builder: ir.IRBuilder,
    count: ir.Value,
    start: Sequence[ir.Value],
    body: Callable[[ir.Value, Sequence[ir.Value]], Sequence[ir.Value]],
) -> Sequence[ir.Value]:
    """Write a loop of at least one turn.

    Args:
        builder: writes.
        count: turns, int64, one or more.
        start: values that the first turn is given.
        body: writes a turn from its number and the values of the turn before, and returns those for the next.

    Returns:
        the values of the last turn.
    """
    before, turn = builder.block, builder.append_basic_block("turn")
    builder.branch(turn)
    builder.position_at_end(turn)
    number = builder.phi(LONG)
    number.add_incoming(LONG(0), before)
    given: list[Any] = [builder.phi(value.type) for value in start]
    found = body(number, given)
    following = builder.add(number, LONG(1))
    end, after = builder.block, builder.append_basic_block("after")
    builder.cbranch(builder.icmp_signed("<", following, count), turn, after)
    number.add_incoming(following, end)
    for value, first, last in zip(given, start, found, strict=True):
        value.add_incoming(first, before)
        value.add_incoming(last, end)
    builder.position_at_end(after)
    return found
