"""Event batches as tensors on a device."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.events.batch import EventBatch

if TYPE_CHECKING:
    import torch
    from torch import Tensor
else:  # torch is slow to import and most commands never need it
    Tensor = Any

__all__ = ["TensorBatch", "to_tensors"]


@dataclass(frozen=True, slots=True)
class TensorBatch:
    """An `EventBatch` as tensors on one device; the same names, shapes and units."""

    dom_offsets: Int[Tensor, "event_plus_1"]
    sensor_id: Int[Tensor, "dom"]
    position_m: Float[Tensor, "dom 3"]
    pulse_offsets: Int[Tensor, "dom_plus_1"]
    time_ns: Float[Tensor, "pulse"]
    charge_pe: Float[Tensor, "pulse"]
    auxiliary: Bool[Tensor, "pulse"]
    pulse_extras: Mapping[str, Float[Tensor, "pulse"]] = field(default_factory=dict)


_COLUMNS = tuple(field.name for field in dataclasses.fields(TensorBatch) if field.name != "pulse_extras")


def to_tensors(batch: EventBatch, device: "torch.device") -> TensorBatch:
    """The same columns as tensors; on the CPU without a copy where the array can be written to."""
    columns = {name: _tensor(getattr(batch, name), device) for name in _COLUMNS}
    extras = {name: _tensor(column, device) for name, column in batch.pulse_extras.items()}
    return TensorBatch(**columns, pulse_extras=extras)


def _tensor(column: ndarray, device: "torch.device") -> Tensor:
    import torch

    # Arrays that map a file cannot be written to, and torch warns of sharing those.
    writeable = column if column.flags.writeable else column.copy()
    return torch.from_numpy(writeable).to(device, non_blocking=True)
