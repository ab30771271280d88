"""TOML and JSON of any origin, with one kind of error for all that can be wrong with them."""

import json
import tomllib
from typing import Any

__all__ = ["parse_json", "parse_toml"]

_LARGEST = 1 << 63
"""TOML and most readers of JSON know integers of 64 bits."""
_DEEPEST = 64


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        ValueError: it is not valid TOML, nested too deeply, or has a number that is too large.
    """
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise ValueError("tables or lists are nested too deeply") from None
    _require_bounded(document, _DEEPEST)
    return document


def parse_json(text: str | bytes) -> Any:
    """Parse JSON.

    Raises:
        ValueError: it is not valid JSON, nested too deeply, or has a number that is too large.
    """
    try:
        document = json.loads(text)
    except RecursionError:
        raise ValueError("objects or lists are nested too deeply") from None
    _require_bounded(document, _DEEPEST)
    return document


def _require_bounded(value: Any, depth: int) -> None:
    if depth == 0:
        raise ValueError("tables or lists are nested too deeply")
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        raise ValueError("a number is too large")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _require_bounded(inner, depth - 1)
