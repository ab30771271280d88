"""The pulses of an event in the form that pictures need: by time, and summed per DOM up to a moment."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.events.batch import Event
from icereco.physics.weighted_mean import weighted_mean

__all__ = ["DomState", "Hits", "hits_of", "light_ns"]

_EARLY, _LATE = 0.02, 0.98
"""The colours cover at most the times between these shares of the charge."""

_CORE, _AROUND = 0.8, 0.5
"""And at most the shortest time with this share of the charge, and half as much on either side: noise and late pulses
that are few but far away do not use up the colours."""


@dataclass(frozen=True, slots=True, eq=False)
class DomState:
    """The hit DOMs at a moment; of one with pulses of both sorts only those count that are not auxiliary.

    Attributes:
        charge_pe: float64 `[D]`, seen so far.
        first_ns: float64 `[D]`, time of the first pulse, +inf before it.
    """

    charge_pe: Float[ndarray, "dom"]
    first_ns: Float[ndarray, "dom"]


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """Pulses in order of (DOM, time), and properties of each hit DOM.

    Attributes:
        sensor_id: int32 `[D]`, of the hit DOMs; position_m: float32 `[D, 3]`.
        auxiliary: bool `[D]`, True where all pulses of the DOM are.
        time_ns: float64 `[P]`; charge_pe: float64 `[P]`; pulse_auxiliary: bool `[P]`.
        dom: int64 `[P]`, the DOM of each pulse.
        offsets: int64 `[D+1]`, the pulses of each DOM.
        first: int64 `[D]`, the first pulse of each DOM that counts.
        counted_pe: float64 `[P]`, the charge of pulses that count: all but auxiliary ones of DOMs with others.
        colors_ns: where the colours begin and end.
    """

    sensor_id: Int[ndarray, "dom"]
    position_m: Float[ndarray, "dom 3"]
    auxiliary: Bool[ndarray, "dom"]
    time_ns: Float[ndarray, "pulse"]
    charge_pe: Float[ndarray, "pulse"]
    pulse_auxiliary: Bool[ndarray, "pulse"]
    dom: Int[ndarray, "pulse"]
    offsets: Int[ndarray, "dom_plus_1"]
    first: Int[ndarray, "dom"]
    counted_pe: Float[ndarray, "pulse"]
    colors_ns: tuple[float, float]

    @property
    def span_ns(self) -> tuple[float, float]:
        """Times of the first and the last pulse; (0, 1) without any."""
        finite = self.time_ns[np.isfinite(self.time_ns)]
        return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)

    @property
    def center_m(self) -> Float[ndarray, "3"]:
        """The charge-weighted mean position, of pulses that are not auxiliary if there are any; 0 without pulses."""
        return _center_m(self)

    @property
    def first_ns(self) -> Float[ndarray, "dom"]:
        """The time of the first pulse of each DOM that counts."""
        first: ndarray = self.time_ns[self.first]
        return first

    def until(self, time_ns: float | None) -> DomState:
        """The DOMs at a moment; None = at the end."""
        if time_ns is None:
            return _end(self)
        first = np.where(self.first_ns <= time_ns, self.first_ns, np.inf)
        return DomState(_summed(self, self.counted_pe * (self.time_ns <= time_ns)), first)


@lru_cache(maxsize=4)  # every picture of a whole event needs it
def _end(hits: Hits) -> DomState:
    return DomState(_summed(hits, hits.counted_pe), hits.first_ns)


@lru_cache(maxsize=4)  # lines go through it in every picture
def _center_m(hits: Hits) -> Float[ndarray, "3"]:
    weight = _summed(hits, hits.charge_pe * ~hits.pulse_auxiliary)
    if not weight.sum() > 0:
        weight = _summed(hits, hits.charge_pe)
    if not weight.sum() > 0:
        return hits.position_m.mean(0).astype(np.float64) if len(hits.position_m) else np.zeros(3)
    middle: ndarray = weighted_mean(hits.position_m, weight, np.zeros(len(weight), np.int64), 1)[0]
    return middle


def _summed(hits: Hits, charge_pe: Float[ndarray, "pulse"]) -> Float[ndarray, "dom"]:
    """Charges summed per DOM; without any pulse bincount returns integers."""
    return np.bincount(hits.dom, charge_pe, len(hits.sensor_id)).astype(np.float64)


def hits_of(event: Event) -> Hits:
    """The hits of an event; a charge or a time that is not finite counts as 0."""
    batch = event.batch
    offsets, count = batch.pulse_offsets, len(batch.sensor_id)
    dom = batch.dom_of_pulse
    time = np.nan_to_num(batch.time_ns.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    charge = np.clip(np.nan_to_num(batch.charge_pe.astype(np.float64), posinf=0.0, neginf=0.0), 0.0, None)
    auxiliary = np.bincount(dom, ~batch.auxiliary, count) == 0
    counts = ~batch.auxiliary | auxiliary[dom]
    return Hits(
        sensor_id=batch.sensor_id,
        position_m=batch.position_m,
        auxiliary=auxiliary,
        time_ns=time,
        charge_pe=charge,
        pulse_auxiliary=batch.auxiliary,
        dom=dom,
        offsets=offsets,
        first=_first(counts, dom, count),
        counted_pe=charge * counts,
        colors_ns=light_ns(time, charge if auxiliary.all() else charge * ~batch.auxiliary),
    )


def _first(counts: Bool[ndarray, "pulse"], dom: Int[ndarray, "pulse"], doms: int) -> Int[ndarray, "dom"]:
    """The first pulse of each DOM that counts; pulses are in order of DOM, and each has one."""
    counted = np.flatnonzero(counts)
    return counted[np.searchsorted(dom[counted], np.arange(doms))]


def light_ns(time_ns: Float[ndarray, "pulse"], weight: Float[ndarray, "pulse"]) -> tuple[float, float]:
    """The times between which most of the light arrived, by its weight; noise far from the event has no influence."""
    if not weight.sum() > 0:
        return (float(time_ns.min()), float(time_ns.max()) + 1.0) if time_ns.size else (0.0, 1.0)
    order = np.argsort(time_ns)
    times, share = time_ns[order], np.cumsum(weight[order]) / weight.sum()
    low, high = (float(times[np.searchsorted(share, part)]) for part in (_EARLY, _LATE))
    begin, end = _core(times, share)
    margin = _AROUND * (end - begin)
    low, high = max(low, begin - margin), min(high, end + margin)
    return low, max(high, low + 1.0)


def _core(times: Float[ndarray, "pulse"], share: Float[ndarray, "pulse"]) -> tuple[float, float]:
    """The shortest time, from one pulse to another, in which the core's share of the charge arrived."""
    before = np.concatenate([[0.0], share[:-1]])
    last = np.searchsorted(share, before + _CORE - 1e-9)
    first = np.flatnonzero(last < len(times))
    shortest = first[np.argmin(times[last[first]] - times[first])]
    return float(times[shortest]), float(times[last[shortest]])
