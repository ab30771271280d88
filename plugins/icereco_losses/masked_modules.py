"""Pre-training without truth: some DOMs of each event are hidden, and their light is predicted from the others.

The idea is that of masked tokens (Devlin et al., arXiv:1810.04805), here with a continuous density: what a DOM must have seen
depends on where the light came from.
"""

import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy import ndarray
from torch import Tensor, nn
from torch.nn.functional import gelu, softplus

from icereco.data.split.hashing import hash_ids
from icereco.events.batch import EventBatch
from icereco.events.reconstruction import Estimates
from icereco.events.selection import select_doms
from icereco.events.tensors import TensorBatch
from icereco.events.truth import Target
from icereco.nn.segments import segment_repeat, segment_sum
from icereco_losses.options import MaskedModulesOptions
from icereco_losses.sphere import full_precision

__all__ = ["MaskedModulesLoss"]

LENGTH_M, TIME_NS = 500.0, 1000.0
"""Positions and times of DOMs are of order one in these."""

NOISE_NS = 3000.0
"""Width of the times of noise around the event."""

_SHARPEST_NS, _SHARPEST_DECADES = 5.0, 0.02
"""Predictions are not narrower than these."""

_OCTAVES = 5
"""Waves in each coordinate, the longest 4 `LENGTH_M` long, the shortest a sixteenth of that: the distance of two strings."""


class MaskedModulesLoss(nn.Module):
    """−log of the density of the light on hidden DOMs, the mean over those of each event.

    Of each hidden DOM: log₁₀ of its charge in p.e. as a Gaussian with a learned width, and the time of its first pulse in
    units of `TIME_NS` after the median first pulse of the visible ones, as a logistic density with a learned width plus a
    wide one for noise, with learned shares. All are computed from the outputs for the event and the position of the DOM.
    """

    targets: tuple[Target, ...] = ()

    def __init__(self, options: MaskedModulesOptions) -> None:
        super().__init__()
        self.fraction = options.fraction
        self.output_count = options.outputs
        self.event = nn.Linear(options.outputs, options.width)
        self.place = nn.Linear(3 * (1 + 2 * _OCTAVES), options.width, bias=False)
        self.hidden = nn.Linear(options.width, options.width)
        self.out = nn.Linear(options.width, 5)

    def hide(self, batch: EventBatch, draw: int) -> tuple[EventBatch, EventBatch]:
        """Hide a fraction of the DOMs of each event, at least one of several, and never all."""
        hidden = _hidden(batch, draw, self.fraction)
        return select_doms(batch, ~hidden), select_doms(batch, hidden)

    def of_hidden(
        self, outputs: Float[Tensor, "event output"], visible: TensorBatch, hidden: TensorBatch
    ) -> Float[Tensor, "event"]:
        """Compute −log p `[E]` per decade of charge and `TIME_NS`, at least float32; 0 where nothing is hidden."""
        outputs = full_precision(outputs)
        event = torch.repeat_interleave(hidden.dom_offsets.diff(), output_size=len(hidden.sensor_id))
        of_event = segment_repeat(self.event(outputs), hidden.dom_offsets, event)
        predicted = self._predict(of_event, hidden.position_m.to(outputs.dtype))
        zero = _median(_first_times(visible), visible.dom_offsets)
        time = ((_first_times(hidden) - zero[event]) / TIME_NS).to(outputs.dtype)
        values = -_log_time(time, predicted[:, :3]) - _log_charge(_charges(hidden), predicted[:, 3:])
        return segment_sum(values, hidden.dom_offsets) / hidden.dom_offsets.diff().clamp(min=1)

    def decode(self, outputs: Float[Tensor, "event output"]) -> Estimates:
        """Estimate nothing: directions are NaN."""
        return Estimates(direction=full_precision(outputs).new_full((len(outputs), 3), math.nan))

    def _predict(
        self, of_event: Float[Tensor, "hidden width"], position_m: Float[Tensor, "hidden 3"]
    ) -> Float[Tensor, "hidden 5"]:
        both = of_event + self.place(_waves(position_m / LENGTH_M))
        return self.out(gelu(self.hidden(gelu(both))))  # type: ignore[no-any-return]  # modules return Any


def _hidden(batch: EventBatch, draw: int, fraction: float) -> Bool[ndarray, "dom"]:
    """Which DOMs are hidden: each by a hash of event, sensor and draw, so that company does not matter."""
    count = batch.dom_count
    if not count.any():
        return np.zeros(0, bool)
    of_event = hash_ids(batch.event_id, draw).view(np.int64)
    number = hash_ids(of_event[batch.event_of_dom] + batch.sensor_id, 0) / 2.0**64
    starts, lengths = batch.dom_offsets[:-1][count > 0], count[count > 0]
    least = np.repeat(np.minimum.reduceat(number, starts), lengths)
    most = np.repeat(np.maximum.reduceat(number, starts), lengths)
    chosen: ndarray = ((number < fraction) | (number == least)) & (number < most)
    return chosen


def _waves(place: Float[Tensor, "hidden 3"]) -> Float[Tensor, "hidden wave"]:
    """Coordinates, and sines and cosines of them (Tancik et al., arXiv:2006.10739)."""
    octave = 2.0 ** torch.arange(_OCTAVES, dtype=place.dtype, device=place.device)
    phase = (place[:, :, None] * (math.pi / 2 * octave)).flatten(1)
    return torch.cat([place, phase.sin(), phase.cos()], 1)


def _first_times(batch: TensorBatch) -> Float[Tensor, "dom"]:
    """Time in ns of each DOM's first pulse, float64; every DOM here has pulses."""
    return batch.time_ns[batch.pulse_offsets[:-1]]


def _median(values: Float[Tensor, "dom"], offsets: Int[Tensor, "event_plus_1"]) -> Float[Tensor, "event"]:
    """Return the median of the DOMs of each event, the lower one of two; 0 without any."""
    event = torch.repeat_interleave(offsets.diff(), output_size=len(values))
    order = torch.argsort(values, stable=True)
    ordered = values[order[torch.argsort(event[order], stable=True)]]
    middle = offsets[:-1] + (offsets.diff() - 1).clamp(min=0) // 2
    padded = torch.cat([ordered, ordered.new_zeros(1)])
    return torch.where(offsets.diff() > 0, padded[middle], 0.0)


def _charges(batch: TensorBatch) -> Float[Tensor, "dom"]:
    """log₁₀ of the charge of each DOM in p.e."""
    total = torch.segment_reduce(
        batch.charge_pe.double(), "sum", offsets=batch.pulse_offsets, axis=0, initial=0
    )
    return total.clamp(min=1e-3).log10()


def _log_charge(
    decades: Float[Tensor, "hidden"], predicted: Float[Tensor, "hidden 2"]
) -> Float[Tensor, "hidden"]:
    mean, width = predicted.unbind(-1)
    sigma = softplus(width) + _SHARPEST_DECADES
    return -(((decades.to(mean.dtype) - mean) / sigma).square() / 2 + sigma.log() + math.log(2 * math.pi) / 2)


def _log_time(time: Float[Tensor, "hidden"], predicted: Float[Tensor, "hidden 3"]) -> Float[Tensor, "hidden"]:
    place, width, share = predicted.unbind(-1)
    light = _log_logistic(time - place, softplus(width) + _SHARPEST_NS / TIME_NS) - softplus(-share)
    noise = _log_logistic(time, torch.full_like(time, NOISE_NS / TIME_NS)) - softplus(share)
    return torch.logaddexp(light, noise)


def _log_logistic(away: Float[Tensor, "hidden"], scale: Float[Tensor, "hidden"]) -> Float[Tensor, "hidden"]:
    far = (away / scale).abs()
    return -far - 2 * torch.log1p(torch.exp(-far)) - scale.log()
