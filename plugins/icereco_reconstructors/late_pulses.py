"""Pulses of light that was scattered on its way, recognized by earlier pulses nearby.

The filter of IceCube's improved line fit (M. G. Aartsen et al., NIM A 736 (2014) 143, arXiv:1308.5501).
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.events.batch import EventBatch
from icereco_reconstructors.pulses import first_time_of_dom

__all__ = ["late_pulses"]

NEIGHBOURHOOD_M = 156.0
LATENESS_NS = 778.0

_PAIRS = 1 << 18
"""Pairs of DOMs in one step, which bounds the memory however many DOMs an event has."""


def late_pulses(batch: EventBatch, chosen: Bool[ndarray, "pulse"]) -> Bool[ndarray, "pulse"]:
    """Mark chosen pulses that come more than 778 ns after another one in the same DOM or in one within 156 m."""
    first = first_time_of_dom(batch, chosen)
    hit = np.isfinite(first)
    count = np.bincount(batch.event_of_dom[hit], minlength=len(batch))
    earliest = np.full(len(first), np.inf)
    earliest[hit] = _earliest_nearby(batch.position_m[hit].astype(np.float64), first[hit], count)
    return chosen & (batch.time_ns > np.repeat(earliest, np.diff(batch.pulse_offsets)) + LATENESS_NS)


def _earliest_nearby(
    position: Float[ndarray, "hit_dom 3"], first: Float[ndarray, "hit_dom"], count: Int[ndarray, "event"]
) -> Float[ndarray, "hit_dom"]:
    """Return the earliest first time within the neighbourhood of each DOM, itself included.

    Args:
        position: of the DOMs, one event after another.
        first: time in ns of their first pulses.
        count: how many of the DOMs each event has.
    """
    neighbours, start = np.repeat(count, count), np.repeat(np.cumsum(count) - count, count)
    earliest = np.empty(len(first))
    for rows in _steps(neighbours):
        begin = np.cumsum(neighbours[rows]) - neighbours[rows]
        dom = np.repeat(np.arange(rows.start, rows.stop), neighbours[rows])
        other = np.arange(len(dom)) + np.repeat(start[rows] - begin, neighbours[rows])
        apart = position[dom] - position[other]
        near = np.einsum("ij,ij->i", apart, apart) < NEIGHBOURHOOD_M**2
        earliest[rows] = np.minimum.reduceat(np.where(near, first[other], np.inf), begin)
    return earliest


def _steps(neighbours: Int[ndarray, "hit_dom"]) -> Iterator[slice]:
    """Cut the DOMs into steps of at most `_PAIRS` pairs, or of one DOM that has more."""
    total, start = np.cumsum(neighbours), 0
    while start < len(total):
        before = total[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(total, before + _PAIRS, side="right")))
        yield slice(start, stop)
        start = stop
