"""JSON that any reader understands: no NaN."""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

__all__ = ["plain", "row_of"]


def plain(value: Any) -> Any:
    """Convert to JSON's own types: NumPy and torch scalars as numbers, null for what is not finite, text for the rest."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if not isinstance(value, float | int | str | bool | None) and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value if isinstance(value, int | str | bool | None) else str(value)


def row_of(line: str | bytes) -> dict[str, Any] | None:
    """One line as a row, with NaN for null; None for a line that is cut or damaged."""
    with suppress(ValueError, RecursionError):
        row = json.loads(line)
        if isinstance(row, dict):
            return {key: math.nan if value is None else value for key, value in row.items()}
    return None
