"""Events as a likelihood needs them: photo-electrons of hit modules, silent modules near by, times of pulses."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.events.batch import EventBatch
from icereco.physics.likelihood.observation import Observation
from icereco.physics.photomultiplier import (
    AFTERPULSE_DELAY_NS,
    AFTERPULSE_SPREAD,
    AFTERPULSES_PER_PE,
    FINE_NS,
    SATURATION_PE,
)

__all__ = ["MOST_PULSES", "Observer", "Observed"]

MOST_PULSES = 1500
"""Pulses of an event whose times are used: the first of every module, then the largest."""

_CHARGE_PE = 0.97
"""Mean charge of a photo-electron."""

_AFTER_FINE_NS, _AFTER_COARSE_NS = 4.0, 17.0
"""Half a bin of the digitizers: a pulse has the time of its first photo-electron, and the others arrive so much later."""

_PAIRS_AT_ONCE = 1 << 20
"""Pairs of pulses of one module, which bounds the memory however many pulses a module has."""

_UNKNOWN_NOISE_HZ = 100.0
"""Rate in detectors whose card gives none: a stray pulse must stay possible."""

_CLOSE_M, _NEAR_M = 80.0, 250.0
_CLOSE_THINNING, _NEAR_THINNING = 1, 8
"""Of the silent modules within each distance of coincident hits, one in so many is used, in place of the others."""

_LADDER = 2.0
_LEAST_SIZE = 16


@dataclass(frozen=True, slots=True)
class Observed:
    """Events of similar size.

    Attributes:
        event: their rows in the batch `[E]`.
        observation: of each of them.
        reference_ns: the time that the observation counts from `[E]`.
        centre_m: charge-weighted mean of the hit modules, float64 `[E, 3]`.
    """

    event: Int[ndarray, "event"]
    observation: Observation
    reference_ns: Float[ndarray, "event"]
    centre_m: Float[ndarray, "event 3"]


@dataclass(frozen=True, slots=True)
class _Ragged:
    """Columns of modules or of pulses, sorted by event; `row` is the row of each one's event."""

    row: Int[ndarray, "item"]
    columns: dict[str, ndarray]

    def padded(self, event: Int[ndarray, "chosen"], offsets: ndarray, size: int) -> dict[str, ndarray]:
        count = offsets[event + 1] - offsets[event]
        place = np.arange(size)
        index = offsets[event][:, None] + np.minimum(place, np.maximum(count - 1, 0)[:, None])
        absent = place >= count[:, None]
        filled = {}
        for name, column in self.columns.items():
            values = column[index]
            if name in _FILLING:
                values[absent] = _FILLING[name]
            filled[name] = values
        return filled


_FILLING = {
    "weight": 0.0,
    "count": 0.0,
    "efficiency": 0.0,
    "noise": 1.0,
    "pulse_weight": 0.0,
    "noise_per_ns": 1.0,
    "later": 0.0,
    "later_noise": 1.0,
    "leading": 0.0,
}
"""Values that make padding count for nothing."""


class Observer:
    """Turns batches of one detector into observations.

    Args:
        detector: with noise rates if the card has them.
        time_error: how much the times of bright modules are trusted: pulses of a module with n photo-electrons count
            1/(1 + time_error² n) each. It says nothing of first pulses alone, which count in full.
        first_only: whether only the time of the first pulse of each module is used.
    """

    def __init__(self, detector: Detector, time_error: float, first_only: bool = False) -> None:
        self._detector = detector
        self._time_error = time_error
        self._first_only = first_only
        self._position_m = detector.position_m.astype(np.float64)
        self._nearness = _nearness(self._position_m)
        known = detector.noise_rate_hz
        rate = np.full(len(detector.alive), _UNKNOWN_NOISE_HZ) if known is None else known
        self._noise_per_ns = np.maximum(rate, 1.0).astype(np.float64) * 1e-9

    def __call__(self, batch: EventBatch) -> Iterator[Observed]:
        """Yield the events of a batch, each with at least one pulse, in groups of similar size."""
        reference, centre = _reference(batch)
        pulses = self._pulses(batch, reference)
        modules = self._modules(batch)
        offsets = [np.searchsorted(part.row, np.arange(len(batch) + 1)) for part in (modules, pulses)]
        sizes = np.stack([_ladder(np.diff(offset)) for offset in offsets], 1)
        for size in np.unique(sizes, axis=0):
            event = np.flatnonzero((sizes == size).all(1))
            padded = modules.padded(event, offsets[0], int(size[0])) | pulses.padded(
                event, offsets[1], int(size[1])
            )
            tensors = {name: torch.from_numpy(column) for name, column in padded.items()}
            observation = Observation(*(tensors[field.name] for field in fields(Observation)))
            yield Observed(event, observation, reference[event], centre[event])

    def _modules(self, batch: EventBatch) -> _Ragged:
        """Return hit modules in the order of the batch, then silent ones, of each event."""
        window_ns = _window(batch)
        count = np.add.reduceat(_photo_electrons(batch), batch.pulse_offsets[:-1])
        row, sensor, weight = self._silent(batch)
        rows = np.concatenate([batch.event_of_dom, row])
        order = np.argsort(rows, kind="stable")
        rows = rows[order]
        sensor = np.concatenate([batch.sensor_id.astype(np.int64), sensor])[order]
        counts = np.concatenate([count, np.zeros(len(row))])[order]
        alive = self._detector.alive[sensor]
        columns = {
            "module_m": self._position_m[sensor],
            "efficiency": self._detector.quantum_efficiency[sensor].astype(np.float64) * alive,
            "count": counts,
            "weight": np.concatenate([np.ones(len(batch.sensor_id)), weight])[order] * alive,
            "noise": self._noise_per_ns[sensor] * window_ns[rows] + AFTERPULSES_PER_PE * counts,
        }
        return _Ragged(rows, columns)

    def _silent(
        self, batch: EventBatch
    ) -> tuple[Int[ndarray, "silent"], Int[ndarray, "silent"], Float[ndarray, "silent"]]:
        """Return event, sensor and weight of the silent modules near coincident hits."""
        rows, sensors, weights = [], [], []
        coincident = _coincident_doms(batch)
        thinning = np.array([0, _NEAR_THINNING, _CLOSE_THINNING])
        for event in range(len(batch)):
            doms = slice(*batch.dom_offsets[event : event + 2].tolist())
            hit = batch.sensor_id[doms]
            near = self._nearness[hit[coincident[doms]]].max(axis=0)
            near[hit] = 0
            near[~self._detector.alive] = 0
            every = thinning[near]
            sensor = np.flatnonzero((every > 0) & (np.arange(len(every)) % np.maximum(every, 1) == 0))
            rows.append(np.full(len(sensor), event))
            sensors.append(sensor)
            weights.append(every[sensor].astype(np.float64))
        return np.concatenate(rows), np.concatenate(sensors), np.concatenate(weights)

    def _pulses(self, batch: EventBatch, reference_ns: Float[ndarray, "event"]) -> _Ragged:
        """Return the entries of pulses: one at each pulse's time, and one after it for further photo-electrons."""
        dom = batch.dom_of_pulse
        row = batch.event_of_dom[dom]
        number = _photo_electrons(batch)
        per_dom = np.add.reduceat(number, batch.pulse_offsets[:-1])
        chosen = _chosen(batch, number)
        kept = np.flatnonzero(chosen & _first(batch) if self._first_only else chosen)
        more = kept[:0] if self._first_only else kept[number[kept] > 1]
        index = np.concatenate([kept, more])
        later = np.concatenate([np.zeros(len(kept)), _later(batch, dom)[more]])
        times = np.concatenate([np.ones(len(kept)), number[more] - 1.0])
        order = np.lexsort((later > 0, index))
        index, later, times = index[order], later[order], times[order]
        sensor = batch.sensor_id[dom[index]]
        count = per_dom[dom[index]]
        trust = 1.0 if self._first_only else 1.0 / (1.0 + self._time_error**2 * count)
        noise = self._noise_per_ns[sensor] + _afterpulses(batch, number, index, later)
        return _Ragged(
            row[index],
            {
                "module_of_pulse": dom[index] - batch.dom_offsets[row[index]],
                "time_ns": batch.time_ns[index] - reference_ns[row[index]] + later,
                "pulse_weight": times * trust * self._detector.alive[sensor],
                "noise_per_ns": noise,
                "later": count - 1.0 if self._first_only else np.zeros(len(index)),
                "later_noise": self._noise_per_ns[sensor] * _left(batch)[index] + AFTERPULSES_PER_PE * count,
                "leading": (
                    (index == batch.pulse_offsets[dom[index]])
                    & (later == 0)
                    & _coincident_doms(batch)[dom[index]]
                ).astype(np.float64),
            },
        )


def _photo_electrons(batch: EventBatch) -> Float[ndarray, "pulse"]:
    """Return the number of photo-electrons of each pulse, with the saturation of the photomultiplier undone."""
    charge = np.clip(batch.charge_pe.astype(np.float64), 0.0, 0.95 * SATURATION_PE)
    linear = charge / (1.0 - charge / SATURATION_PE)
    return np.asarray(np.maximum(np.rint(linear / _CHARGE_PE), 1.0))


def _coincident_doms(batch: EventBatch) -> Bool[ndarray, "dom"]:
    """Return which DOMs have a pulse in local coincidence; all DOMs of an event that has none."""
    coincident: ndarray = np.maximum.reduceat(~batch.auxiliary, batch.pulse_offsets[:-1])
    some = np.maximum.reduceat(coincident, batch.dom_offsets[:-1])
    return np.asarray(coincident | ~some[batch.event_of_dom])


def _reference(batch: EventBatch) -> tuple[Float[ndarray, "event"], Float[ndarray, "event 3"]]:
    """Return the mean time and position of the first pulses of coincident DOMs."""
    chosen = _coincident_doms(batch)
    first = batch.time_ns[batch.pulse_offsets[:-1]]
    charge = np.add.reduceat(batch.charge_pe.astype(np.float64), batch.pulse_offsets[:-1])
    starts = batch.dom_offsets[:-1]
    base = first[starts]
    late = np.add.reduceat((first - base[batch.event_of_dom]) * chosen, starts)
    number = np.add.reduceat(chosen.astype(np.float64), starts)
    weight = np.sqrt(np.maximum(charge, 0.25)) * chosen
    place = np.add.reduceat(weight[:, None] * batch.position_m, starts)
    return base + late / number, place / np.add.reduceat(weight, starts)[:, None]


def _window(batch: EventBatch) -> Float[ndarray, "event"]:
    """Return the time from the first to the last pulse of each event, at least a microsecond."""
    starts = batch.pulse_offsets[batch.dom_offsets[:-1]]
    length = np.maximum.reduceat(batch.time_ns, starts) - np.minimum.reduceat(batch.time_ns, starts)
    return np.asarray(np.maximum(length, 1000.0))


def _chosen(batch: EventBatch, number: Float[ndarray, "pulse"]) -> Bool[ndarray, "pulse"]:
    """Return which pulses are used of events with more than `MOST_PULSES`."""
    chosen = np.ones(len(number), bool)
    first = _first(batch)
    edges = batch.pulse_offsets[batch.dom_offsets]
    for event in np.flatnonzero(np.diff(edges) > MOST_PULSES):
        pulses = slice(*edges[event : event + 2].tolist())
        rank = np.lexsort((-number[pulses], ~first[pulses]))
        chosen[pulses] = False
        chosen[pulses.start + rank[:MOST_PULSES]] = True
    return chosen


def _first(batch: EventBatch) -> Bool[ndarray, "pulse"]:
    """Return which pulses are the first ones of their modules."""
    first = np.zeros(len(batch.time_ns), bool)
    first[batch.pulse_offsets[:-1]] = True
    return first


def _left(batch: EventBatch) -> Float[ndarray, "pulse"]:
    """Return how much of the window of the event is left after each pulse, ns."""
    begin = np.minimum.reduceat(batch.time_ns, batch.pulse_offsets[batch.dom_offsets[:-1]])
    end = begin + _window(batch)
    return np.asarray(end[batch.event_of_dom[batch.dom_of_pulse]] - batch.time_ns)


def _later(batch: EventBatch, dom: Int[ndarray, "pulse"]) -> Float[ndarray, "pulse"]:
    """Return how long after a pulse, whose time is that of the first, its further photo-electrons arrive."""
    since = batch.time_ns - batch.time_ns[batch.pulse_offsets[:-1]][dom]
    return np.where(since < FINE_NS, _AFTER_FINE_NS, _AFTER_COARSE_NS)


def _afterpulses(
    batch: EventBatch,
    number: Float[ndarray, "pulse"],
    index: Int[ndarray, "entry"],
    later: Float[ndarray, "entry"],
) -> Float[ndarray, "entry"]:
    """Return the expected rate, 1/ns, of afterpulses of earlier pulses of the same module.

    Args:
        batch: the events.
        number: photo-electrons of each pulse.
        index: the pulse of each entry.
        later: how long after its pulse the entry is, ns.
    """
    earlier = index - batch.pulse_offsets[batch.dom_of_pulse[index]]
    rate = np.empty(len(index))
    step = np.cumsum(earlier) // _PAIRS_AT_ONCE
    edges = np.flatnonzero(np.diff(step, prepend=-1, append=-1))
    for first, last in pairwise(edges.tolist()):
        part = slice(first, last)
        rate[part] = _rate_after(batch.time_ns, number, index[part], later[part], earlier[part])
    return rate


def _rate_after(
    time_ns: Float[ndarray, "pulse"],
    number: Float[ndarray, "pulse"],
    index: Int[ndarray, "entry"],
    later: Float[ndarray, "entry"],
    earlier: Int[ndarray, "entry"],
) -> Float[ndarray, "entry"]:
    """Return the rate at entries, each with so many earlier pulses in its module, which are those before it."""
    entry = np.repeat(np.arange(len(index)), earlier)
    cause = np.arange(len(entry)) - np.repeat(np.cumsum(earlier) - index, earlier)
    delay = (time_ns[index] + later)[entry] - time_ns[cause]
    rate = np.zeros(len(entry))
    for mean in AFTERPULSE_DELAY_NS:
        width = AFTERPULSE_SPREAD * mean
        rate += np.exp(-0.5 * ((delay - mean) / width) ** 2) / (width * np.sqrt(2 * np.pi))
    rate *= number[cause] * (AFTERPULSES_PER_PE / len(AFTERPULSE_DELAY_NS))
    return np.bincount(entry, rate, len(index)).astype(np.float64)


def _nearness(position_m: Float[ndarray, "sensor 3"]) -> UInt8[ndarray, "sensor sensor"]:
    """Return 2 for pairs of modules that are close, 1 for near ones, else 0."""
    square = (position_m**2).sum(1)
    near = np.empty((len(square), len(square)), np.uint8)
    for row in range(0, len(square), 512):
        part = slice(row, row + 512)
        distance = square[part, None] + square - 2.0 * position_m[part] @ position_m.T
        near[part] = (distance < _NEAR_M**2).astype(np.uint8) + (distance < _CLOSE_M**2)
    return near


def _ladder(size: Int[ndarray, "n"]) -> Int[ndarray, "n"]:
    """Round sizes up to a geometric series, so that the padding of an event does not depend on others."""
    step = np.ceil(np.log(np.maximum(size, _LEAST_SIZE) / _LEAST_SIZE) / np.log(_LADDER) - 1e-9)
    return np.asarray(np.ceil(_LEAST_SIZE * _LADDER**step)).astype(np.int64)
