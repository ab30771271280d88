"""Records of tensors, one row per job or event, handled column by column."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from torch import Tensor

__all__ = ["each"]

Record = TypeVar("Record")


def each(function: Callable[..., Tensor], first: Record, *others: Record) -> Record:
    """Apply a function to the columns of the same name of one or more records, records within records included.

    >>> from dataclasses import dataclass
    >>> import torch
    >>> @dataclass
    ... class Point:
    ...     x: torch.Tensor
    >>> each(lambda a, b: a + b, Point(torch.tensor([1.0])), Point(torch.tensor([2.0]))).x
    tensor([3.])
    """
    return type(first)(*(_one(function, first, others, field.name) for field in fields(first)))  # type: ignore[arg-type]


def _one(function: Callable[..., Tensor], first: Any, others: tuple[Any, ...], name: str) -> Any:
    columns = [getattr(record, name) for record in (first, *others)]
    return each(function, *columns) if is_dataclass(columns[0]) else function(*columns)
