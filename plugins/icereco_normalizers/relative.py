# ruff: noqa: TID253 -- tensor code, imported only when the normalizer is built
"""Times relative to each event's own light."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from icereco.detector import Detector
from icereco.roles import Features, TensorBatch
from icereco_normalizers.columns import auxiliary_feature, charge_feature, constant, dom_of_pulse
from icereco_normalizers.options import RelativeTimeOptions

__all__ = ["RelativeTimeNormalizer", "central_time", "soften"]

LINEAR_UP_TO = 3.0
FINE = 0.1
MOMENT = 4.0
"""Brings the products to order one: light is rarely more than 500 m and 1,000 ns from the centre."""


class RelativeTimeNormalizer(nn.Module):
    """Thirteen features per pulse: two of time, charge, auxiliary, x, y, z, then x, y, z from the centre, and these by time.

    Time zero is the charge-weighted median time of the event's pulses in local coincidence (of all its pulses where
    it has none), as in the Neptune and ml-common models: a trigger may stand anywhere in the readout, and an early
    noise pulse, which would move a first-pulse zero by microseconds, hardly moves a median. In units of 1,000 ns light
    crosses the detector in a few units, so a direction is visible as a slope of order one. Noise from the rest of a
    readout of tens of microseconds is compressed by a logarithm: it needs to be told from signal, not timed. The
    second time feature resolves nanoseconds around the median.

    The centre is the mean position of the same pulses. Position from the centre times time, zero for auxiliary pulses,
    are the sums of a line fit (Stenger 1990) before summing: a network would otherwise spend its first thousands of
    events on discovering that product.
    """

    feature_count = 13
    time_scale_ns: Tensor
    position_scale_m: Tensor

    def __init__(self, options: RelativeTimeOptions, detector: Detector) -> None:  # noqa: ARG002 -- the role's signature
        super().__init__()
        self.options = options
        self.register_buffer("time_scale_ns", constant(options.time_scale_ns))
        self.register_buffer("position_scale_m", constant(options.position_scale_m))

    def forward(self, batch: TensorBatch) -> Features:
        """Features `[P, 13]` and positions `[D, 3]`, float32."""
        positions = (batch.position_m / self.position_scale_m).float()
        event = event_of_pulse(batch)
        time = soften(((batch.time_ns - central_time(batch, event)[event]) / self.time_scale_ns).float())
        position = positions[dom_of_pulse(batch)]
        offset = position - central_position(batch, position, event)[event]
        columns = [
            time[:, None],
            torch.asinh(time / FINE)[:, None],
            charge_feature(batch.charge_pe, floor_pe=1e-2)[:, None],
            auxiliary_feature(batch.auxiliary)[:, None],
            position,
            offset,
            MOMENT * offset * (time * ~batch.auxiliary)[:, None],
        ]
        return Features(pulses=torch.cat(columns, -1), positions=positions)


def central_position(
    batch: TensorBatch, position: Float[Tensor, "pulse 3"], event: Int[Tensor, "pulse"]
) -> Float[Tensor, "event 3"]:
    """Mean position `[E, 3]` of the pulses in local coincidence, of all pulses where an event has none."""
    offsets = batch.pulse_offsets[batch.dom_offsets]
    coincident = _running((~batch.auxiliary).long())[offsets].diff()
    counted = ~batch.auxiliary | (coincident == 0)[event]
    # One event after another, so that an event's centre never depends on its neighbours.
    total = torch.segment_reduce(position * counted[:, None], "sum", offsets=offsets, axis=0, initial=0)
    number = torch.where(coincident > 0, coincident, offsets.diff()).clamp(min=1)
    return total / number[:, None]


def soften(time: Float[Tensor, "pulse"]) -> Float[Tensor, "pulse"]:
    """The identity up to ±3, then logarithmic, without a kink: 10⁶ becomes 16.8."""
    beyond = torch.log1p((time.abs() - LINEAR_UP_TO).clamp(min=0))
    return time.clamp(-LINEAR_UP_TO, LINEAR_UP_TO) + time.sign() * beyond


def event_of_pulse(batch: TensorBatch) -> Int[Tensor, "pulse"]:
    """The row of each pulse's event."""
    counts = batch.pulse_offsets[batch.dom_offsets].diff()
    rows = torch.arange(len(counts), device=counts.device)
    return torch.repeat_interleave(rows, counts, output_size=len(batch.time_ns))


def central_time(batch: TensorBatch, event: Int[Tensor, "pulse"]) -> Float[Tensor, "event"]:
    """Charge-weighted median time in ns `[E]`, float64; of pulses in local coincidence where an event has any.

    It is the time of the first pulse with which at least half of the charge has arrived; 0 for an event without pulses.
    """
    offsets = batch.pulse_offsets[batch.dom_offsets]
    if len(event) == 0:
        return batch.time_ns.new_zeros(len(offsets) - 1)
    by_time = torch.argsort(batch.time_ns, stable=True)
    order = by_time[torch.argsort(event[by_time], stable=True)]
    weights = _weights(batch.charge_pe, batch.auxiliary, offsets, event)[order]
    arrived = _running(weights)
    before, total = arrived[offsets[:-1]], arrived[offsets].diff()
    pick = torch.searchsorted(arrived[1:], before + (total + 1) // 2).clamp(max=len(event) - 1)
    return torch.where(total > 0, batch.time_ns[order[pick]], 0.0)


def _weights(
    charge_pe: Float[Tensor, "pulse"],
    auxiliary: Bool[Tensor, "pulse"],
    offsets: Int[Tensor, "event+1"],
    event: Int[Tensor, "pulse"],
) -> Int[Tensor, "pulse"]:
    """Charges as whole numbers of 0.001 p.e., at least one.

    Whole numbers add up to the same sum in any batch and on any device, so an event's zero never depends on its neighbours.
    """
    charge = (charge_pe.double().clamp(0, 1e6) * 1e3).round().long() + 1
    coincident = _running((~auxiliary).long())[offsets].diff() > 0
    return torch.where(auxiliary & coincident[event], 0, charge)


def _running(values: Int[Tensor, "pulse"]) -> Int[Tensor, "pulse+1"]:
    return torch.nn.functional.pad(values.cumsum(0), (1, 0))
