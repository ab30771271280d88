"""Eight numbers at once: a type of machine code, for what is done alike with many modules or pulses.

Processors work on several numbers with one instruction. Functions of this package are compiled for numbers and, without a change,
for these eight; the results are the same.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typeconv import Conversion
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, lower_cast, models, register_model

__all__ = ["LANES", "chosen", "floored", "look", "look_four", "put", "take", "total"]

LANES = 8
"""How many numbers are worked on at once."""

_Builder = ir.IRBuilder
_DOUBLE, _LONG, _INT, _BIT = ir.DoubleType(), ir.IntType(64), ir.IntType(32), ir.IntType(1)


class Lanes(types.Type):  # type: ignore[misc]  # numba has no types of its own
    """Eight numbers; a single number stands for eight equal ones."""

    def __init__(self) -> None:
        super().__init__(name="icereco.Lanes")

    def can_convert_from(self, _context: Any, other: types.Type) -> Any:
        """Say that numbers become lanes by themselves."""
        return Conversion.safe if isinstance(other, types.Number) else None


class Mask(types.Type):  # type: ignore[misc]  # numba has no types of its own
    """Eight truth values."""

    def __init__(self) -> None:
        super().__init__(name="icereco.Mask")


_lanes, _mask = Lanes(), Mask()
_VECTOR, _BITS = ir.VectorType(_DOUBLE, LANES), ir.VectorType(_BIT, LANES)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]  # numba has no types of its own
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _VECTOR)


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):  # type: ignore[misc]  # numba has no types of its own
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _BITS)


def _spread(builder: _Builder, number: ir.Value) -> ir.Value:
    """Eight times the same number."""
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, _INT(0))
    zeros = ir.Constant(ir.VectorType(_INT, LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), zeros)


@lower_cast(types.Number, Lanes)
def _number_to_lanes(context: Any, builder: _Builder, from_type: Any, _to: Any, value: ir.Value) -> ir.Value:
    return _spread(builder, context.cast(builder, value, from_type, types.float64))


def _defines(function: object, outcome: types.Type, count: int, build: Callable[..., ir.Value]) -> None:
    """Define an operator of lanes, and of lanes and numbers."""

    class _Typed(AbstractTemplate):  # type: ignore[misc]  # numba has no types of its own
        def generic(self, given: tuple[Any, ...], _keywords: Any) -> Any:
            of_lanes = any(isinstance(one, Lanes) for one in given)
            if of_lanes and all(isinstance(one, Lanes | types.Number) for one in given):
                return signature(outcome, *[_lanes] * count)
            return None

    infer_global(function)(_Typed)

    def generated(_context: Any, builder: _Builder, _signature: Any, values: Any) -> ir.Value:
        return build(builder, *values)

    lower_builtin(function, *[Lanes] * count)(generated)


def _comparison(sign: str) -> Callable[..., ir.Value]:
    return lambda builder, left, right: builder.fcmp_ordered(sign, left, right)


def _library(name: str) -> Callable[..., ir.Value]:
    """Call an instruction of the processor by its name in LLVM."""

    def build(builder: _Builder, value: ir.Value) -> ir.Value:
        kind = value.type
        full_name = f"{name}.v{LANES}f64" if isinstance(kind, ir.VectorType) else f"{name}.f64"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind]), full_name)
        return builder.call(function, [value])

    return build


_defines(operator.add, _lanes, 2, _Builder.fadd)
_defines(operator.sub, _lanes, 2, _Builder.fsub)
_defines(operator.mul, _lanes, 2, _Builder.fmul)
_defines(operator.truediv, _lanes, 2, _Builder.fdiv)
_defines(operator.neg, _lanes, 1, _Builder.fneg)
_defines(operator.lt, _mask, 2, _comparison("<"))
_defines(operator.gt, _mask, 2, _comparison(">"))
_defines(abs, _lanes, 1, _library("llvm.fabs"))
_defines(math.sqrt, _lanes, 1, _library("llvm.sqrt"))


def _is_lanes(*given: types.Type) -> bool:
    return any(isinstance(one, Lanes) for one in given)


@intrinsic
def chosen(_context: Any, condition: Any, one: Any, other: Any) -> Any:
    """One number where a condition holds, elsewhere the other; both are computed."""
    kind = _lanes if _is_lanes(condition, one, other) or isinstance(condition, Mask) else types.float64

    def generated(_context: Any, builder: _Builder, _signature: Any, values: Any) -> ir.Value:
        return builder.select(*values)

    return kind(_mask if isinstance(condition, Mask) else types.boolean, kind, kind), generated


@intrinsic
def floored(_context: Any, number: Any) -> Any:
    """The next lower integer, as a number."""

    def generated(_context: Any, builder: _Builder, _signature: Any, values: Any) -> ir.Value:
        return _library("llvm.floor")(builder, values[0])

    kind = _lanes if _is_lanes(number) else types.float64
    return kind(kind), generated


def _data(context: Any, builder: _Builder, array_type: Any, array: ir.Value) -> ir.Value:
    return context.make_array(array_type)(context, builder, array).data


@intrinsic
def look(_context: Any, table: Any, place: Any) -> Any:
    """The numbers of a table at places that are given as numbers."""

    def of_one(context: Any, builder: _Builder, given: Any, values: Any) -> ir.Value:
        at = builder.fptosi(values[1], _LONG)
        return builder.load(builder.gep(_data(context, builder, given.args[0], values[0]), [at]))

    def of_lanes(context: Any, builder: _Builder, given: Any, values: Any) -> ir.Value:
        data = _data(context, builder, given.args[0], values[0])
        found = ir.Constant(_VECTOR, ir.Undefined)
        places = builder.fptosi(values[1], ir.VectorType(_INT, LANES))
        for lane in range(LANES):
            which = _INT(lane)
            at = builder.sext(builder.extract_element(places, which), _LONG)
            found = builder.insert_element(found, builder.load(builder.gep(data, [at])), which)
        return found

    if _is_lanes(place):
        return _lanes(table, _lanes), of_lanes
    return types.float64(table, types.float64), of_one


@intrinsic
def look_four(_context: Any, table: Any, place: Any) -> Any:
    """Four numbers of a table each, the first at places that are given as numbers."""

    def of_one(context: Any, builder: _Builder, given: Any, values: Any) -> ir.Value:
        data = _data(context, builder, given.args[0], values[0])
        at = builder.fptosi(values[1], _LONG)
        found = [builder.load(builder.gep(data, [builder.add(at, _LONG(step))])) for step in range(4)]
        return context.make_tuple(builder, given.return_type, found)

    def of_lanes(context: Any, builder: _Builder, given: Any, values: Any) -> ir.Value:
        data, four = _data(context, builder, given.args[0], values[0]), ir.VectorType(_DOUBLE, 4)
        places = builder.fptosi(values[1], ir.VectorType(_INT, LANES))
        rows = []
        for lane in range(LANES):
            at = builder.gep(data, [builder.sext(builder.extract_element(places, _INT(lane)), _LONG)])
            rows.append(builder.load(builder.bitcast(at, four.as_pointer()), align=8))
        while len(rows) > 1:  # one behind the other, so that what is apart by four is one column
            width = 2 * rows[0].type.count
            order = ir.Constant(ir.VectorType(_INT, width), list(range(width)))
            rows = [builder.shuffle_vector(*rows[pair : pair + 2], order) for pair in range(0, len(rows), 2)]
        columns = [
            builder.shuffle_vector(
                rows[0], rows[0], ir.Constant(ir.VectorType(_INT, LANES), [4 * lane + step for lane in range(LANES)])
            )
            for step in range(4)
        ]
        return context.make_tuple(builder, given.return_type, columns)

    if _is_lanes(place):
        return types.UniTuple(_lanes, 4)(table, _lanes), of_lanes
    return types.UniTuple(types.float64, 4)(table, types.float64), of_one


@intrinsic
def take(_context: Any, array: Any, start: Any) -> Any:
    """Eight numbers that lie one after another in an array."""

    def generated(context: Any, builder: _Builder, given: Any, values: Any) -> ir.Value:
        at = builder.gep(_data(context, builder, given.args[0], values[0]), [values[1]])
        return builder.load(builder.bitcast(at, _VECTOR.as_pointer()), align=8)

    return _lanes(array, types.intp), generated


@intrinsic
def put(_context: Any, array: Any, start: Any, numbers: Any) -> Any:
    """Write eight numbers into an array, one after another."""

    def generated(context: Any, builder: _Builder, given: Any, values: Any) -> ir.Value:
        at = builder.gep(_data(context, builder, given.args[0], values[0]), [values[1]])
        builder.store(values[2], builder.bitcast(at, _VECTOR.as_pointer()), align=8)
        return context.get_dummy_value()

    return types.void(array, types.intp, _lanes), generated


@intrinsic
def total(_context: Any, numbers: Any) -> Any:
    """The sum of eight numbers, the first first."""

    def generated(_context: Any, builder: _Builder, _signature: Any, values: Any) -> ir.Value:
        parts = [
            builder.extract_element(values[0], _INT(lane)) for lane in range(LANES)
        ]
        added = parts[0]
        for part in parts[1:]:
            added = builder.fadd(added, part)
        return added

    return types.float64(_lanes), generated
