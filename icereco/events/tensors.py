# ruff: noqa: TID253 -- tensors are this module's business
"""Event batches as tensors on a device."""

import dataclasses

import torch
from numpy import ndarray

from icereco.events.batch import EventBatch
from icereco.protocols import TensorBatch

__all__ = ["to_tensors"]

_FIELDS = tuple(field.name for field in dataclasses.fields(TensorBatch) if field.name != "pulse_extras")


def to_tensors(batch: EventBatch, device: torch.device) -> TensorBatch:
    """The same columns as tensors; on the CPU without a copy where the array can be written to."""
    columns = {name: _tensor(getattr(batch, name), device) for name in _FIELDS}
    extras = {name: _tensor(column, device) for name, column in batch.pulse_extras.items()}
    return TensorBatch(**columns, pulse_extras=extras)


def _tensor(column: ndarray, device: torch.device) -> torch.Tensor:
    # Arrays that map a file cannot be written to, and torch warns of sharing those.
    writeable = column if column.flags.writeable else column.copy()
    return torch.from_numpy(writeable).to(device, non_blocking=True)
