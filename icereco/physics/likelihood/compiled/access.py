"""Lanes from arrays, and back."""

from typing import Any

from jaxtyping import Float
from llvmlite import ir
from numba.core import types
from numpy import ndarray

from icereco.physics.likelihood.compiled.lanes import DOUBLE, INT, LANES, LONG, NUMBERS, VECTOR, is_lanes
from icereco.system.machine_code import written_by

__all__ = ["look", "look_four", "put", "take"]

Numbers = Float[ndarray, "*number"]

_FOUR = ir.VectorType(DOUBLE, 4)


def _element(context: Any, builder: ir.IRBuilder, given: Any, values: Any, place: ir.Value) -> ir.Value:
    """A pointer into the array that is the first argument."""
    array = context.make_array(given.args[0])(context, builder, values[0])
    return builder.gep(array.data, [place])


def _places(builder: ir.IRBuilder, numbers: ir.Value) -> list[ir.Value]:
    """The places that are given as numbers, of one or of each lane."""
    if not isinstance(numbers.type, ir.VectorType):
        return [builder.fptosi(numbers, LONG)]
    whole = builder.fptosi(numbers, ir.VectorType(INT, LANES))
    return [builder.sext(builder.extract_element(whole, INT(lane)), LONG) for lane in range(LANES)]


def _write_look(_context: Any, table: Any, place: Any) -> Any:
    def of_one(context: Any, builder: ir.IRBuilder, given: Any, values: Any) -> ir.Value:
        (at,) = _places(builder, values[1])
        return builder.load(_element(context, builder, given, values, at))

    def of_lanes(context: Any, builder: ir.IRBuilder, given: Any, values: Any) -> ir.Value:
        found = ir.Constant(VECTOR, ir.Undefined)
        for lane, at in enumerate(_places(builder, values[1])):
            number = builder.load(_element(context, builder, given, values, at))
            found = builder.insert_element(found, number, INT(lane))
        return found

    if is_lanes(place):
        return NUMBERS(table, NUMBERS), of_lanes
    return types.float64(table, types.float64), of_one


@written_by(_write_look)
def look(table: Numbers, place: float) -> float:  # type: ignore[empty-body]  # written above
    """The number of a table at a place, which is given as a number itself and has to be within."""


def _write_look_four(_context: Any, table: Any, place: Any) -> Any:
    def of_one(context: Any, builder: ir.IRBuilder, given: Any, values: Any) -> ir.Value:
        (at,) = _places(builder, values[1])
        places = [builder.add(at, LONG(step)) for step in range(4)]
        found = [builder.load(_element(context, builder, given, values, one)) for one in places]
        return context.make_tuple(builder, given.return_type, found)

    def of_lanes(context: Any, builder: ir.IRBuilder, given: Any, values: Any) -> ir.Value:
        starts = [_element(context, builder, given, values, at) for at in _places(builder, values[1])]
        rows = [builder.load(builder.bitcast(start, _FOUR.as_pointer()), align=8) for start in starts]
        return context.make_tuple(builder, given.return_type, _columns(builder, rows))

    kind = NUMBERS if is_lanes(place) else types.float64
    return types.UniTuple(kind, 4)(table, kind), of_lanes if is_lanes(place) else of_one


def _columns(builder: ir.IRBuilder, rows: list[ir.Value]) -> list[ir.Value]:
    """Turn eight rows of four numbers into four columns of eight."""
    while len(rows) > 1:
        width = 2 * rows[0].type.count
        rows = [
            builder.shuffle_vector(first, second, _order(range(width)))
            for first, second in zip(rows[::2], rows[1::2], strict=True)
        ]
    (every,) = rows  # one row behind the other
    return [builder.shuffle_vector(every, every, _order(range(step, 4 * LANES, 4))) for step in range(4)]


def _order(places: range) -> ir.Constant:
    return ir.Constant(ir.VectorType(INT, len(places)), list(places))


@written_by(_write_look_four)
def look_four(table: Numbers, place: float) -> tuple[float, float, float, float]:  # type: ignore[empty-body]  # written above
    """Four numbers of a table, from a place on; see `look`."""


def _write_take(_context: Any, array: Any, _start: Any) -> Any:
    def generated(context: Any, builder: ir.IRBuilder, given: Any, values: Any) -> ir.Value:
        start = _element(context, builder, given, values, values[1])
        return builder.load(builder.bitcast(start, VECTOR.as_pointer()), align=8)

    return NUMBERS(array, types.intp), generated


@written_by(_write_take)
def take(array: Numbers, start: int) -> float:  # type: ignore[empty-body]  # written above
    """Eight numbers that lie one after another in an array, as lanes; rows of a matrix follow each other."""


def _write_put(_context: Any, array: Any, _start: Any, _numbers: Any) -> Any:
    def generated(context: Any, builder: ir.IRBuilder, given: Any, values: Any) -> ir.Value:
        start = _element(context, builder, given, values, values[1])
        builder.store(values[2], builder.bitcast(start, VECTOR.as_pointer()), align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, NUMBERS), generated


@written_by(_write_put)
def put(array: Numbers, start: int, numbers: float) -> None:
    """Write lanes into an array, one after another."""
