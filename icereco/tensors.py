# ruff: noqa: TID253 -- tensors are this module's business
"""Event batches as tensors on a device."""

import dataclasses

import torch

from icereco.events import EventBatch
from icereco.roles import TensorBatch

__all__ = ["to_tensors"]

_FIELDS = tuple(field.name for field in dataclasses.fields(TensorBatch))


def to_tensors(batch: EventBatch, device: torch.device) -> TensorBatch:
    """The same columns as tensors; on the CPU without a copy where the array can be written to."""
    columns = {}
    for name in _FIELDS:
        column = getattr(batch, name)
        # Arrays that map a file cannot be written to, and torch warns of sharing those.
        tensor = torch.from_numpy(column if column.flags.writeable else column.copy())
        columns[name] = tensor.to(device, non_blocking=True)
    return TensorBatch(**columns)
