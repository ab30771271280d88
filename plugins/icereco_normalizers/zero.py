"""What time counts as zero in each event."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.compiler import is_exporting

from icereco.events.tensors import TensorBatch
from icereco.nn.segments import segment_extreme
from icereco_normalizers.options import ZeroName

__all__ = ["central_time", "counted_pulses", "first_time", "running", "time_zero"]


def time_zero(batch: TensorBatch, event: Int[Tensor, "pulse"], zero: ZeroName) -> Float[Tensor, "event"]:
    """The time in ns, float64, that `zero` names; 0 for an event without pulses."""
    return central_time(batch, event) if zero == "charge-median" else first_time(batch, event)


def first_time(batch: TensorBatch, event: Int[Tensor, "pulse"]) -> Float[Tensor, "event"]:
    """Time of the first pulse in local coincidence, of the first of all where there is none."""
    offsets = batch.event_offsets
    counted = torch.where(counted_pulses(batch, event), batch.time_ns, float("inf"))
    first = segment_extreme(counted, offsets, "min")
    return torch.where(offsets.diff() > 0, first, 0.0)


def counted_pulses(batch: TensorBatch, event: Int[Tensor, "pulse"]) -> Bool[Tensor, "pulse"]:
    """The pulses in local coincidence; all pulses of an event that has none."""
    coincident = running((~batch.auxiliary).long())[batch.event_offsets].diff()
    return ~batch.auxiliary | (coincident == 0)[event]


def central_time(batch: TensorBatch, event: Int[Tensor, "pulse"]) -> Float[Tensor, "event"]:
    """Charge-weighted median time in ns `[E]`, float64; of pulses in local coincidence where an event has any.

    It is the time of the first pulse with which at least half of the charge has arrived; 0 for an event without pulses.
    """
    offsets = batch.event_offsets
    if not is_exporting() and len(event) == 0:
        return batch.time_ns.new_zeros(len(offsets) - 1)
    by_time = torch.argsort(batch.time_ns, stable=True)
    order = by_time[torch.argsort(event[by_time], stable=True)]
    weights = _weights(batch.charge_pe, batch.auxiliary, offsets, event)[order]
    arrived = running(weights)
    before, total = arrived[offsets[:-1]], arrived[offsets].diff()
    # Counted and not searched for, as ONNX has no binary search.
    missing = running((arrived[1:] < (before + (total + 1) // 2)[event]).long())[offsets].diff()
    pick = (offsets[:-1] + missing).clamp(max=event.shape[0] - 1)
    return torch.where(total > 0, batch.time_ns[order[pick]], 0.0)


def _weights(
    charge_pe: Float[Tensor, "pulse"],
    auxiliary: Bool[Tensor, "pulse"],
    offsets: Int[Tensor, "event_plus_1"],
    event: Int[Tensor, "pulse"],
) -> Int[Tensor, "pulse"]:
    """Charges as whole numbers of 0.001 p.e., at least one.

    Whole numbers add up to the same sum in any batch and on any device, so an event's zero never depends on its neighbours.
    """
    charge = (charge_pe.double().clamp(0.0, 1e6) * 1e3).round().long() + 1
    coincident = running((~auxiliary).long())[offsets].diff() > 0
    return torch.where(auxiliary & coincident[event], 0, charge)


def running(values: Int[Tensor, "row"]) -> Int[Tensor, "row_plus_1"]:
    """The sum of all values before each row, and of all."""
    return torch.nn.functional.pad(values.cumsum(0), (1, 0))
