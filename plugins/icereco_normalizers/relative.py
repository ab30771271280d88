# ruff: noqa: TID253 -- tensor code, imported only when the normalizer is built
"""Times relative to each event's own light."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from icereco.detector import Detector
from icereco.roles import Features, TensorBatch
from icereco_normalizers.columns import auxiliary_feature, charge_feature, constant, dom_of_pulse
from icereco_normalizers.line import fit_line
from icereco_normalizers.options import RelativeTimeOptions

__all__ = ["RelativeTimeNormalizer", "central_time", "soften"]

LINEAR_UP_TO = 3.0
FINE = 0.1


class RelativeTimeNormalizer(nn.Module):
    """Sixteen features per pulse, float32, of order one.

    | features | what |
    |---|---|
    | 2 | time from the event's time zero: linear to ±3,000 ns then logarithmic, and magnified around zero |
    | 2 | log10 of the charge, auxiliary ±0.5 |
    | 3 | position of its DOM |
    | 3 | position from the event's centre |
    | 2 | that position along the event's line, and its distance from the line |
    | 4 | the line: where it comes from (a unit vector, or zero), and its speed |

    Time zero is the charge-weighted median time of the event's pulses in local coincidence (of all its pulses where
    it has none), as in the Neptune and ml-common models: a trigger may stand anywhere in the readout, and an early
    noise pulse, which would move a first-pulse zero by microseconds, hardly moves a median. In units of 1,000 ns light
    crosses the detector in a few units, so a direction is visible as a slope of order one. Noise from the rest of a
    readout of tens of microseconds is compressed by a logarithm: it needs to be told from signal, not timed. The
    second time feature resolves nanoseconds around the median.

    The line is a line fit (Stenger 1990) to the same pulses with the compressed times. It is a guess for the network
    to start from: without it the first thousands of events go into discovering the product of position and time.
    """

    feature_count = 16
    time_scale_ns: Tensor
    position_scale_m: Tensor

    def __init__(self, options: RelativeTimeOptions, detector: Detector) -> None:  # noqa: ARG002 -- the role's signature
        super().__init__()
        self.options = options
        self.register_buffer("time_scale_ns", constant(options.time_scale_ns))
        self.register_buffer("position_scale_m", constant(options.position_scale_m))

    def forward(self, batch: TensorBatch) -> Features:
        """Features `[P, 16]` and positions `[D, 3]`, float32."""
        positions = (batch.position_m / self.position_scale_m).float()
        event = event_of_pulse(batch)
        time = soften(((batch.time_ns - central_time(batch, event)[event]) / self.time_scale_ns).float())
        position = positions[dom_of_pulse(batch)]
        line = fit_line(position, time, counted_pulses(batch, event), batch.pulse_offsets[batch.dom_offsets])
        offset = position - line.centre[event]
        origin = line.origin[event]
        along = (offset * origin).sum(-1, keepdim=True)
        columns = [
            time[:, None],
            torch.asinh(time / FINE)[:, None],
            charge_feature(batch.charge_pe, floor_pe=1e-2)[:, None],
            auxiliary_feature(batch.auxiliary)[:, None],
            position,
            offset,
            along,
            torch.linalg.vector_norm(offset - along * origin, dim=-1, keepdim=True),
            origin,
            line.speed[event, None],
        ]
        return Features(pulses=torch.cat(columns, -1), positions=positions)


def counted_pulses(batch: TensorBatch, event: Int[Tensor, "pulse"]) -> Bool[Tensor, "pulse"]:
    """The pulses in local coincidence; all pulses of an event that has none."""
    coincident = _running((~batch.auxiliary).long())[batch.pulse_offsets[batch.dom_offsets]].diff()
    return ~batch.auxiliary | (coincident == 0)[event]


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
