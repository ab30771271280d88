"""Writes TOML: values, and flat tables with a comment behind each value."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["format_key", "format_table", "format_value"]

_COMMENT_COLUMN = 40


def format_value(value: Any) -> str:
    """Format a value on one line.

    >>> format_value(["a", 1, 2.5, True])
    '["a", 1, 2.5, true]'

    Raises:
        TypeError: TOML has no such value.
    """
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case Mapping():
            return (
                "{"
                + ", ".join(f"{format_key(key)} = {format_value(one)}" for key, one in value.items())
                + "}"
            )
        case Iterable():
            return f"[{', '.join(map(format_value, value))}]"
    raise TypeError(f"TOML has no {type(value).__name__}")


def format_key(key: str) -> str:
    """Format a bare key where that is allowed, else a quoted one."""
    bare = key.isascii() and key.replace("-", "").replace("_", "").isalnum()
    return key if bare else format_value(key)


def format_table(name: str, rows: Iterable[tuple[str, Any, str]]) -> str:
    """Format a table of (key, value, comment); None, which TOML lacks, is written as a comment.

    The keys at the top of a file have an empty table name; a nested table's is dotted.
    """
    lines = [(_assignment(key, value), comment) for key, value, comment in rows]
    width = max((len(left) for left, _ in lines if len(left) <= _COMMENT_COLUMN), default=0)
    body = [f"{left:<{width}}  # {comment}" for left, comment in lines]
    header = ".".join(map(format_key, name.split(".")))
    return "\n".join([f"[{header}]", *body] if name else body)


def _assignment(key: str, value: Any) -> str:
    return (
        f"# {format_key(key)} is not set" if value is None else f"{format_key(key)} = {format_value(value)}"
    )
