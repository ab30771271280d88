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
from numba.core.typeconv.castgraph import Conversion
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, lower_cast, models, register_model

from icereco.system.machine_code import written_by

__all__ = ["DOUBLE", "INT", "LANES", "LONG", "NUMBERS", "VECTOR", "chosen", "floored", "is_lanes", "total"]

LANES = 8
"""How many numbers are worked on at once."""

DOUBLE, LONG, INT = ir.DoubleType(), ir.IntType(64), ir.IntType(32)
"""Types of numbers in the language of the compiler."""


class Lanes(types.Type):
    """Eight numbers; a single number stands for eight equal ones."""

    def __init__(self) -> None:
        super().__init__(name="icereco.Lanes")

    def can_convert_from(self, _context: Any, other: types.Type) -> Any:
        """Say that numbers become lanes by themselves."""
        return Conversion.safe if isinstance(other, types.Number) else None


class Mask(types.Type):
    """Eight truth values."""

    def __init__(self) -> None:
        super().__init__(name="icereco.Mask")


NUMBERS, _TRUTHS = Lanes(), Mask()
VECTOR, _BITS = ir.VectorType(DOUBLE, LANES), ir.VectorType(ir.IntType(1), LANES)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, VECTOR)  # type: ignore[no-untyped-call]  # numba's own


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, numba_type: Any) -> None:
        super().__init__(manager, numba_type, _BITS)  # type: ignore[no-untyped-call]  # numba's own


def _spread(builder: ir.IRBuilder, number: ir.Value) -> ir.Value:
    """Eight times the same number."""
    one = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), number, INT(0))
    zeros = ir.Constant(ir.VectorType(INT, LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(VECTOR, ir.Undefined), zeros)


def _number_to_lanes(
    context: Any, builder: ir.IRBuilder, from_type: Any, _to: Any, value: ir.Value
) -> ir.Value:
    return _spread(builder, context.cast(builder, value, from_type, types.float64))


lower_cast(types.Number, Lanes)(_number_to_lanes)


def _defines(function: object, outcome: types.Type, count: int, build: Callable[..., ir.Value]) -> None:
    """Define an operator of lanes, and of lanes and numbers."""

    class _Typed(AbstractTemplate):
        def generic(self, given: tuple[Any, ...], _keywords: Any) -> Any:
            of_lanes = any(isinstance(one, Lanes) for one in given)
            if of_lanes and all(isinstance(one, Lanes | types.Number) for one in given):
                return signature(outcome, *[NUMBERS] * count)
            return None

    infer_global(function)(_Typed)

    def generated(_context: Any, builder: ir.IRBuilder, _signature: Any, values: Any) -> ir.Value:
        return build(builder, *values)

    lower_builtin(function, *[Lanes] * count)(generated)


def _comparison(sign: str) -> Callable[..., ir.Value]:
    return lambda builder, left, right: builder.fcmp_ordered(sign, left, right)


def _library(name: str) -> Callable[..., ir.Value]:
    """Call an instruction of the processor by its name in LLVM."""

    def build(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
        kind = value.type
        full_name = f"{name}.v{LANES}f64" if isinstance(kind, ir.VectorType) else f"{name}.f64"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind]), full_name)
        return builder.call(function, [value])

    return build


_defines(operator.add, NUMBERS, 2, ir.IRBuilder.fadd)
_defines(operator.sub, NUMBERS, 2, ir.IRBuilder.fsub)
_defines(operator.mul, NUMBERS, 2, ir.IRBuilder.fmul)
_defines(operator.truediv, NUMBERS, 2, ir.IRBuilder.fdiv)
_defines(operator.neg, NUMBERS, 1, ir.IRBuilder.fneg)
_defines(operator.lt, _TRUTHS, 2, _comparison("<"))
_defines(operator.gt, _TRUTHS, 2, _comparison(">"))
_defines(abs, NUMBERS, 1, _library("llvm.fabs"))
_defines(math.sqrt, NUMBERS, 1, _library("llvm.sqrt"))


def is_lanes(*given: types.Type) -> bool:
    """Say whether any type is that of lanes."""
    return any(isinstance(one, Lanes) for one in given)


def _write_chosen(_context: Any, condition: Any, one: Any, other: Any) -> Any:
    truth = _TRUTHS if isinstance(condition, Mask) else types.boolean
    kind = NUMBERS if truth is _TRUTHS or is_lanes(one, other) else types.float64

    def generated(_context: Any, builder: ir.IRBuilder, _signature: Any, values: Any) -> ir.Value:
        return builder.select(*values)

    return kind(truth, kind, kind), generated


@written_by(_write_chosen)
def chosen(condition: bool, one: float, other: float) -> float:  # type: ignore[empty-body]  # written above
    """One number where a condition holds, elsewhere the other; both are computed."""


def _write_floored(_context: Any, number: Any) -> Any:
    def generated(_context: Any, builder: ir.IRBuilder, _signature: Any, values: Any) -> ir.Value:
        return _library("llvm.floor")(builder, values[0])

    kind = NUMBERS if is_lanes(number) else types.float64
    return kind(kind), generated


@written_by(_write_floored)
def floored(number: float) -> float:  # type: ignore[empty-body]  # written above
    """The next lower integer, as a number."""


def _write_total(_context: Any, _numbers: Any) -> Any:
    def generated(_context: Any, builder: ir.IRBuilder, _signature: Any, values: Any) -> ir.Value:
        added, *others = [builder.extract_element(values[0], INT(lane)) for lane in range(LANES)]
        for other in others:
            added = builder.fadd(added, other)
        return added

    return types.float64(NUMBERS), generated


@written_by(_write_total)
def total(numbers: float) -> float:  # type: ignore[empty-body]  # written above
    """The sum of eight numbers, from the first to the last."""
