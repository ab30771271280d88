"""Axes: round numbers to mark, places of numbers on them, and numbers as short text."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.typing import ArrayLike

__all__ = ["by_weight", "compact", "log_ticks", "placed", "round_length", "span_of", "ticks"]

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def ticks(low: float, high: float, count: int) -> list[float]:
    """At most `count` round numbers from `low` to `high`; none where the ends are not finite.

    >>> ticks(0, 97, 5)
    [0.0, 20.0, 40.0, 60.0, 80.0]
    """
    if count < 1 or not (np.isfinite(low) and np.isfinite(high)) or high <= low:
        return []
    power = 10.0 ** np.floor(np.log10((high - low) / count))
    for step in (factor * power for factor in (*_STEPS, 20.0, 50.0)):
        first, last = np.ceil(low / step), np.floor(high / step)
        if last - first + 1 <= count:
            return [float(number * step) for number in np.arange(first, last + 1)]
    return []


def log_ticks(low: float, high: float, count: int) -> list[float]:
    """At most `count` marks for a logarithmic axis: decades where there are enough, else round numbers.

    >>> log_ticks(0.5, 2000, 5), log_ticks(3, 70, 5), log_ticks(20, 31, 5)
    ([1.0, 10.0, 100.0, 1000.0], [5.0, 10.0, 20.0, 50.0], [20.0, 22.5, 25.0, 27.5, 30.0])
    """
    if not 0 < low < high < np.inf:
        return []
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for factors in ((1.0, 2.0, 5.0), (1.0,)):
        marks = [factor * 10.0**power for power in powers for factor in factors]
        inside = [mark for mark in marks if low <= mark <= high]
        if len(inside) <= count:
            return inside if len(inside) > 2 else ticks(low, high, count)
    every = -(-len(inside) // count)
    return inside[::every]


def by_weight(low: float, high: float) -> list[float]:
    """Marks for a logarithmic axis, those first that are to be written where there is no room for all.

    >>> by_weight(5, 200)
    [10.0, 100.0, 5.0, 20.0, 50.0, 200.0]
    >>> by_weight(21, 29)
    [22.0, 24.0, 26.0, 28.0]
    """
    if not 0 < low < high < np.inf:
        return []
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    marks = [
        factor * 10.0**power for factors in ((1.0,), (2.0, 5.0)) for power in powers for factor in factors
    ]
    inside = [mark for mark in marks if low <= mark <= high]
    return inside if len(inside) > 1 else ticks(low, high, 5)


def placed(
    values: ArrayLike, low: float, high: float, size: int, *, log: bool = False
) -> Float[ndarray, "*n"]:
    """Positions of numbers on an axis of `size` dots from `low` to `high`: 0 to size − 1; NaN where log is undefined."""
    numbers = np.asarray(values, dtype=np.float64)
    if log:
        with np.errstate(divide="ignore", invalid="ignore"):
            numbers, low, high = np.log10(numbers), float(np.log10(low)), float(np.log10(high))
    width = high - low
    part = (numbers - low) / width if width > 0 else np.full_like(numbers, 0.5)
    return np.asarray(part * max(size - 1, 0))


def span_of(values: Sequence[float] | Float[ndarray, "n"], margin: float = 0.0) -> tuple[float, float]:
    """The lowest and highest finite number, with a margin as part of the difference; (0, 1) without any."""
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if not finite.size:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if low == high:
        low, high = low - 0.5, high + 0.5
    pad = (high - low) * margin
    return low - pad, high + pad


def round_length(most: float) -> float:
    """The greatest of 1, 2, 5, 10, … that is not longer.

    >>> [round_length(most) for most in (0.3, 7.0, 130.0)]
    [0.2, 5.0, 100.0]
    """
    decade = 10.0 ** np.floor(np.log10(most))
    return float(decade * max(part for part in (1, 2, 5) if part * decade <= most))


def compact(value: float, digits: int = 3) -> str:
    """A number in few characters.

    >>> [compact(number) for number in (0.0, 0.000123, 0.25, 1234567, 97, 999.7)]
    ['0', '1.23e-04', '0.25', '1.23M', '97', '1k']
    """
    if not np.isfinite(value):
        return "–"
    value = float(f"{value:.{digits}g}")  # 999.7 is 1k
    size = abs(value)
    if value == 0:
        return "0"
    if size < 1e-3:
        return f"{value:.{digits - 1}e}"
    for limit, prefix in _PREFIXES:
        if size >= limit:
            return f"{value / limit:.{digits}g}{prefix}" if size < 1e15 else f"{value:.{digits - 1}e}"
    return f"{value:.{digits}g}"
