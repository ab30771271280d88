"""Hit cleaning: pulses of noise are left out before anything is computed from an event."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from icereco.events.tensors import TensorBatch
from icereco.nn.segments import segment_extreme, segment_of
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
    other, seed = _pairs(batch, seeds)
    # Times first, as they are one number each and most pairs end here.
    soon = (_first_ns(batch)[other] - _first_coincident_ns(batch)[seed]).abs() <= window_ns
    other, seed = other[soon], seed[soon]
    near = (batch.position_m[other] - batch.position_m[seed]).square().sum(-1) <= radius_m**2
    without_seeds = _seeds_before(batch, seeds).diff() == 0
    kept = seeds.long().index_add(0, other, near.long()) > 0
    return kept | without_seeds[segment_of(batch.dom_offsets, seeds.shape[0])]


def _pairs(batch: TensorBatch, seeds: Bool[Tensor, "dom"]) -> tuple[Int[Tensor, "pair"], Int[Tensor, "pair"]]:
    """Return every other DOM with every seed of its event, as rows of DOMs."""
    others, before = torch.nonzero(~seeds)[:, 0], _seeds_before(batch, seeds)
    event = segment_of(batch.dom_offsets, seeds.shape[0])[others]
    pair_offsets = running(before.diff()[event])
    of_pair = segment_of(pair_offsets)
    place = torch.arange(of_pair.shape[0], device=seeds.device) - pair_offsets[of_pair]
    return others[of_pair], torch.nonzero(seeds)[:, 0][before[event][of_pair] + place]


def _seeds_before(batch: TensorBatch, seeds: Bool[Tensor, "dom"]) -> Int[Tensor, "event_plus_1"]:
    return running(seeds.long())[batch.dom_offsets]


def _first_ns(batch: TensorBatch) -> Float[Tensor, "dom"]:
    return segment_extreme(batch.time_ns, batch.pulse_offsets, "min")


def _first_coincident_ns(batch: TensorBatch) -> Float[Tensor, "dom"]:
    coincident = torch.where(batch.auxiliary, torch.inf, batch.time_ns)
    return segment_extreme(coincident, batch.pulse_offsets, "min")
