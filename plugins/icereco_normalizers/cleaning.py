"""Hit cleaning: pulses of noise are left out before anything is computed from an event."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from icereco.events.tensors import TensorBatch
from icereco.nn.segments import segment_of
from icereco_normalizers.options import CleaningOptions
from icereco_normalizers.zero import running

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
    seeds = running((~batch.auxiliary).long())[batch.pulse_offsets].diff() > 0
    kept = seeds | (_seeds_before(batch, seeds).diff() == 0)[segment_of(batch.dom_offsets)]
    other, seed = _pairs(batch, seeds)
    # Times first, as they are one number each and most pairs end here.
    soon = (_first_ns(batch)[other] - _first_coincident_ns(batch)[seed]).abs() <= window_ns
    other, seed = other[soon], seed[soon]
    near = (batch.position_m[other] - batch.position_m[seed]).square().sum(-1) <= radius_m**2
    kept[other[near]] = True
    return kept


def _pairs(batch: TensorBatch, seeds: Bool[Tensor, "dom"]) -> tuple[Int[Tensor, "pair"], Int[Tensor, "pair"]]:
    """Return every other DOM with every seed of its event, as rows of DOMs."""
    others, before = torch.nonzero(~seeds)[:, 0], _seeds_before(batch, seeds)
    event = segment_of(batch.dom_offsets)[others]
    counts = before.diff()[event]
    shift = before[event] - running(counts)[:-1]
    rank = torch.arange(int(counts.sum()), device=seeds.device) + shift.repeat_interleave(counts)
    return others.repeat_interleave(counts), torch.nonzero(seeds)[:, 0][rank]


def _seeds_before(batch: TensorBatch, seeds: Bool[Tensor, "dom"]) -> Int[Tensor, "event_plus_1"]:
    return running(seeds.long())[batch.dom_offsets]


def _first_ns(batch: TensorBatch) -> Float[Tensor, "dom"]:
    return torch.segment_reduce(batch.time_ns, "min", offsets=batch.pulse_offsets, initial=torch.inf)


def _first_coincident_ns(batch: TensorBatch) -> Float[Tensor, "dom"]:
    coincident = torch.where(batch.auxiliary, torch.inf, batch.time_ns)
    return torch.segment_reduce(coincident, "min", offsets=batch.pulse_offsets, initial=torch.inf)
