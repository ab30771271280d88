"""Exponential and logarithm of numbers and of lanes, which the library has of single numbers only.

Polynomials after the range is reduced, as in the library of FreeBSD (fdlibm).
"""

import math
from typing import Any

from llvmlite import ir

from icereco.physics.likelihood.compiled.lanes import LANES, LONG, chosen
from icereco.system.machine_code import compiled, written_by

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


def _write_power_of_two(_context: Any, shifted: Any) -> Any:
    def generated(_context: Any, builder: ir.IRBuilder, _signature: Any, values: Any) -> ir.Value:
        kind, integer = values[0].type, _integer_like(values[0])
        raised = builder.shl(
            builder.add(builder.bitcast(values[0], integer), _all(integer, 1023)), _all(integer, 52)
        )
        return builder.bitcast(raised, kind)

    return shifted(shifted), generated


@written_by(_write_power_of_two)
def _power_of_two(shifted: float) -> float:  # type: ignore[empty-body]  # written above
    """2 to the power of the integer in the lowest bits of a number."""


def _write_exponent(_context: Any, number: Any) -> Any:
    def generated(_context: Any, builder: ir.IRBuilder, _signature: Any, values: Any) -> ir.Value:
        kind, integer = values[0].type, _integer_like(values[0])
        bits = builder.lshr(builder.bitcast(values[0], integer), _all(integer, 52))
        # In the lowest bits of 2⁵², the exponent is added to it.
        biased = builder.bitcast(builder.or_(bits, _all(integer, 0x4330000000000000)), kind)
        return builder.fsub(biased, _all(kind, _BIAS))

    return number(number), generated


@written_by(_write_exponent)
def _exponent(number: float) -> float:  # type: ignore[empty-body]  # written above
    """The exponent of the power of two below a number."""


def _write_mantissa(_context: Any, number: Any) -> Any:
    def generated(_context: Any, builder: ir.IRBuilder, _signature: Any, values: Any) -> ir.Value:
        kind, integer = values[0].type, _integer_like(values[0])
        bits = builder.and_(builder.bitcast(values[0], integer), _all(integer, 0xFFFFFFFFFFFFF))
        return builder.bitcast(builder.or_(bits, _all(integer, 0x3FF0000000000000)), kind)

    return number(number), generated


@written_by(_write_mantissa)
def _mantissa(number: float) -> float:  # type: ignore[empty-body]  # written above
    """A number over the power of two below it."""


def _integer_like(value: ir.Value) -> ir.Type:
    """The type of integers with as many bits."""
    return ir.VectorType(LONG, LANES) if isinstance(value.type, ir.VectorType) else LONG


def _all(kind: ir.Type, value: float) -> ir.Constant:
    return ir.Constant(kind, [value] * LANES if isinstance(kind, ir.VectorType) else value)


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
        1.0 / 120.0
        + square
        * (
            1.0 / 5040.0
            + square * (1.0 / 362880.0 + square * (1.0 / 39916800.0 + square * (1.0 / 6227020800.0)))
        )
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
    """Natural logarithm of a positive, normal number; not a number of others."""
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
        + fourth
        * (2.857142874366239149e-01 + fourth * (1.818357216161805012e-01 + fourth * 1.479819860511658591e-01))
    )
    even = fourth * (
        3.999999999940941908e-01 + fourth * (2.222219843214978396e-01 + fourth * 1.531383769920937332e-01)
    )
    half = 0.5 * f * f
    value = power * _LOG_2_HIGH - ((half - (s * (half + odd + even) + power * _LOG_2_LOW)) - f)
    return chosen(x > 0.0, value, math.nan)
