"""Hit cleaning: pulses of noise are left out before anything is computed from an event."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from icereco.events.tensors import TensorBatch
from icereco.nn.segments import segment_of
from icereco_normalizers.options import CleaningOptions

__all__ = ["cleaned", "near_coincidences"]


def cleaned(batch: TensorBatch, options: CleaningOptions) -> TensorBatch:
    """Return the same events without the DOMs that `options` cleans away; an event with pulses keeps some."""
    if options.cleaning == "none":
        return batch
    return batch.with_doms(near_coincidences(batch, options.cleaning_radius_m, options.cleaning_window_ns))


def near_coincidences(batch: TensorBatch, radius_m: float, window_ns: float) -> Bool[Tensor, "dom"]:
    """Return which DOMs have a pulse in local coincidence, or are near one that has, in place and in time.

    This is one round of IceCube's seeded RT cleaning, with the DOMs with pulses in local coincidence as seeds: the first pulse
    of a DOM is within `radius_m` (R) and `window_ns` (T) of the first coincident pulse of a seed. In an event without seeds
    all DOMs stay.
    """
    seeds = _running((~batch.auxiliary).long())[batch.pulse_offsets].diff() > 0
    event = segment_of(batch.dom_offsets)
    seeds_before = _running(seeds.long())[batch.dom_offsets]
    others = torch.nonzero(~seeds)[:, 0]
    pairs = seeds_before.diff()[event[others]]
    other = torch.repeat_interleave(others, pairs)
    rank = torch.arange(len(other), device=other.device) - torch.repeat_interleave(
        _running(pairs)[:-1], pairs
    )
    seed = torch.nonzero(seeds)[:, 0][seeds_before[event[other]] + rank]
    near = (batch.position_m[other] - batch.position_m[seed]).square().sum(-1) <= radius_m**2
    near &= (_first_ns(batch)[other] - _first_coincident_ns(batch)[seed]).abs() <= window_ns
    kept = seeds | (seeds_before.diff() == 0)[event]
    kept[others] |= _running(near.long())[_running(pairs)].diff() > 0
    return kept


def _first_ns(batch: TensorBatch) -> Float[Tensor, "dom"]:
    return torch.segment_reduce(batch.time_ns, "min", offsets=batch.pulse_offsets, initial=torch.inf)


def _first_coincident_ns(batch: TensorBatch) -> Float[Tensor, "dom"]:
    coincident = torch.where(batch.auxiliary, torch.inf, batch.time_ns)
    return torch.segment_reduce(coincident, "min", offsets=batch.pulse_offsets, initial=torch.inf)


def _running(values: Int[Tensor, "value"]) -> Int[Tensor, "value_plus_1"]:
    return torch.nn.functional.pad(values.cumsum(0), (1, 0))
