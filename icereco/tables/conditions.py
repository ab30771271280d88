"""Conditions on events in SQL, run by Polars, and columns of events as conditions name them."""

import math
from collections.abc import Callable, Sequence

import polars as pl
import pyarrow as pa

from icereco.errors import IcerecoError, did_you_mean

__all__ = ["columns_used", "filtered", "named_values"]

_WORDS = {
    "unable to parse": "cannot read",
    " as Expr": " as a condition (is it complete?)",
    "sql parser error: ": "",
}
"""Phrases of Polars' messages, and what replaces them in ours."""

_ANGLES = ("azimuth", "zenith")

Hint = Callable[[str], str | None]
"""Maps the name of a column that is not there to what to say of it, if there is more to say than the nearest name."""


def filtered(frame: pl.DataFrame, expression: str, hint: Hint = lambda _: None) -> pl.DataFrame:
    """The events for which an SQL expression is true, such as `pulses > 100 and kind = 'cascade'`.

    Raises:
        IcerecoError: the expression is not valid SQL, names an unknown column, or is not a condition.
    """
    if not expression.strip():
        return frame
    try:
        condition = pl.sql_expr(expression)
        _require_columns(condition.meta.root_names(), frame.columns, hint)
        return frame.filter(condition)
    except pl.exceptions.PolarsError as error:
        if "predicate" in str(error):
            raise IcerecoError("this is a value, not a condition; compare it, as in pulses > 100") from None
        raise IcerecoError(_first_line(error)) from None


def columns_used(expression: str, known: Sequence[str]) -> list[str]:
    """The columns that an expression names, each once.

    Raises:
        IcerecoError: the expression is not valid SQL, or names a column that is not among those known.
    """
    try:
        used = list(dict.fromkeys(pl.sql_expr(expression).meta.root_names()))
    except pl.exceptions.PolarsError as error:
        raise IcerecoError(_first_line(error)) from None
    _require_columns(used, known, lambda _: None)
    return used


def named_values(name: str, column: pa.Array | pa.ChunkedArray) -> pl.Series:
    """A column with a value per event as conditions see it: true angles in degrees, and null for what is not known.

    In Polars NaN is greater than every number, so that an unknown energy would be above any limit.
    """
    series = pl.Series(name, column)
    if series.dtype.is_float():
        series = series.fill_nan(None)
    return series * math.degrees(1.0) if name in _ANGLES else series


def _require_columns(used: Sequence[str], known: Sequence[str], hint: Hint) -> None:
    for name in used:
        if name not in known:
            nearest = did_you_mean(name.lower(), known) or f"; a text needs quotes: '{name}'"
            raise IcerecoError(f"no column {name!r}{hint(name) or nearest} (columns: {', '.join(known)})")


def _first_line(error: Exception) -> str:
    line = str(error).splitlines()[0]
    for phrase, replacement in _WORDS.items():
        line = line.replace(phrase, replacement)
    return line
