"""Whether what was read from a file has the types that a dataclass declares: files of others hold anything."""

import math
from dataclasses import fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

__all__ = ["has_declared_types"]

_LARGEST = 1 << 63
"""Integers beyond are none of ours, and may have millions of digits."""


def has_declared_types(instance: Any) -> bool:
    """Whether every field of a dataclass has its declared type: numbers finite, texts in Unicode, literals among theirs."""
    declared: type = type(instance)
    return all(_fits(getattr(instance, name), kind) for name, kind in _declared(declared).items())


@cache
def _declared(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _fits(value: Any, kind: Any) -> bool:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if origin in (list, tuple, dict):
        return isinstance(value, origin) and _fits_inside(value, inner)
    if kind is NoneType:
        return value is None
    return _is_plain(value, kind)


def _fits_inside(value: Any, inner: tuple[Any, ...]) -> bool:
    if isinstance(value, dict):
        return all(_fits(key, inner[0]) and _fits(one, inner[1]) for key, one in value.items())
    if isinstance(value, tuple) and inner[-1] is not Ellipsis:
        return len(value) == len(inner) and all(map(_fits, value, inner))
    return all(_fits(one, inner[0]) for one in value)


def _is_plain(value: Any, kind: Any) -> bool:
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    if isinstance(value, int):
        return kind in (int, float) and abs(value) < _LARGEST
    if isinstance(value, float):
        return kind is float and math.isfinite(value)
    return isinstance(value, str) and kind is str and not any("\ud800" <= sign <= "\udfff" for sign in value)
