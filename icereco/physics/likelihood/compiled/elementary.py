"""Exponential and logarithm of numbers and of lanes, which the library has of single numbers only.

Polynomials after the range is reduced, as in the library of FreeBSD (fdlibm).
"""

import math
from typing import Any

from llvmlite import ir
from numba.extending import intrinsic

from icereco.physics.likelihood.compiled.lanes import LANES, chosen
from icereco.physics.likelihood.compiled.machine import compiled

__all__ = ["exponential", "exponential_less_one", "logarithm"]

_PER_LOG_2 = 1.0 / math.log(2.0)
_LOG_2_HIGH, _LOG_2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
"""log 2 in two parts, the first with so few digits that its products with small integers are exact."""

_TO_INTEGER = 6755399441055744.0
"""1.5 · 2⁵²: added to a number, it leaves the nearest integer in the lowest bits."""

_BIAS = 4503599627370496.0 + 1023.0
"""2⁵² and what is added to exponents."""

_LEAST, _MOST = -708.0, 709.0
"""Beyond these, exponentials are not normal numbers."""


@intrinsic
def _power_of_two(_context: Any, shifted: Any) -> Any:
    """2 to the power of the integer in the lowest bits of a number."""

    def generated(_context: Any, builder: ir.IRBuilder, _signature: Any, values: Any) -> ir.Value:
        wide = isinstance(values[0].type, ir.VectorType)
        bits = builder.bitcast(values[0], _integers(wide))
        raised = builder.shl(builder.add(bits, _constant(1023, wide)), _constant(52, wide))
        return builder.bitcast(raised, values[0].type)

    return shifted(shifted), generated


@intrinsic
def _exponent(_context: Any, number: Any) -> Any:
    """The exponent of the power of two below a number."""

    def generated(_context: Any, builder: ir.IRBuilder, _signature: Any, values: Any) -> ir.Value:
        wide, kind = isinstance(values[0].type, ir.VectorType), values[0].type
        bits = builder.lshr(builder.bitcast(values[0], _integers(wide)), _constant(52, wide))
        # As the lowest bits of 2⁵², the exponent with its bias is added to it.
        biased = builder.bitcast(builder.or_(bits, _constant(0x4330000000000000, wide)), kind)
        return builder.fsub(biased, ir.Constant(kind, [_BIAS] * LANES if wide else _BIAS))

    return number(number), generated


@intrinsic
def _mantissa(_context: Any, number: Any) -> Any:
    """A number over the power of two below it."""

    def generated(_context: Any, builder: ir.IRBuilder, _signature: Any, values: Any) -> ir.Value:
        wide, kind = isinstance(values[0].type, ir.VectorType), values[0].type
        bits = builder.and_(builder.bitcast(values[0], _integers(wide)), _constant(0xFFFFFFFFFFFFF, wide))
        return builder.bitcast(builder.or_(bits, _constant(0x3FF0000000000000, wide)), kind)

    return number(number), generated


def _integers(wide: bool) -> ir.Type:
    return ir.VectorType(ir.IntType(64), LANES) if wide else ir.IntType(64)


def _constant(value: int, wide: bool) -> ir.Constant:
    return ir.Constant(_integers(wide), [value] * LANES if wide else value)


@compiled
def _small(x: float) -> float:
    """e^x − 1 between −log(2)/2 and log(2)/2, by its series."""
    square = x * x
    even = 1.0 / 2.0 + square * (
        1.0 / 24.0
        + square
        * (1.0 / 720.0 + square * (1.0 / 40320.0 + square * (1.0 / 3628800.0 + square * (1.0 / 479001600.0))))
    )
    odd = 1.0 / 6.0 + square * (
        1.0 / 120.0 + square * (1.0 / 5040.0 + square * (1.0 / 362880.0 + square * (1.0 / 39916800.0 + square * (1.0 / 6227020800.0))))
    )
    return x + square * (even + x * odd)


@compiled
def exponential(x: float) -> float:
    """e^x, of numbers beyond −708 and 709 as of these."""
    x = chosen(x < _LEAST, _LEAST, x)
    x = chosen(x > _MOST, _MOST, x)
    shifted = x * _PER_LOG_2 + _TO_INTEGER
    power = shifted - _TO_INTEGER
    rest = (x - power * _LOG_2_HIGH) - power * _LOG_2_LOW
    return (1.0 + _small(rest)) * _power_of_two(shifted)


@compiled
def exponential_less_one(x: float) -> float:
    """e^x − 1 between −log 2 and log 2."""
    half = _small(0.5 * x)
    return half * (half + 2.0)


@compiled
def logarithm(x: float) -> float:
    """log x of a normal number; not a number where there is none."""
    mantissa = _mantissa(x)
    large = mantissa > 1.4142135623730951
    mantissa = chosen(large, 0.5 * mantissa, mantissa)
    power = _exponent(x) + chosen(large, 1.0, 0.0)
    f = mantissa - 1.0
    s = f / (2.0 + f)
    square = s * s
    fourth = square * square
    odd = square * (
        6.666666666666735130e-01
        + fourth * (2.857142874366239149e-01 + fourth * (1.818357216161805012e-01 + fourth * 1.479819860511658591e-01))
    )
    even = fourth * (
        3.999999999940941908e-01 + fourth * (2.222219843214978396e-01 + fourth * 1.531383769920937332e-01)
    )
    half = 0.5 * f * f
    value = power * _LOG_2_HIGH - ((half - (s * (half + odd + even) + power * _LOG_2_LOW)) - f)
    return chosen(x > 0.0, value, math.nan)
