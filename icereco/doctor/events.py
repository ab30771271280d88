"""Are there events that occur twice, have no pulses, or contain a pulse of the next event?"""

from itertools import combinations

import numpy as np
from jaxtyping import Int, UInt
from numpy import ndarray

from icereco.data.split.hashing import hash_ids
from icereco.doctor.finding import Finding, cannot_tell, good
from icereco.doctor.sample import Sample
from icereco.events.segments import segment_of

__all__ = ["check_borders", "check_empty", "check_ids", "check_leakage", "contents", "shared_events"]

_LEAST_PULSES = 5


def check_ids(sample: Sample) -> Finding:
    """Event ids must be unique."""
    ids, counts = np.unique(sample.event_id, return_counts=True)
    repeated = ids[counts > 1]
    if not len(repeated):
        return good("event ids", "every event id occurs once", f"{len(ids):,} ids")
    shown = ", ".join(map(str, repeated[:5].tolist()))
    return Finding(
        "event ids",
        "error",
        f"{len(repeated):,} event ids occur more than once",
        f"for example {shown}",
        "joined files that number their events alike, a repeated file, or ids made of run and event numbers that "
        "collide",
        "give every event a unique id, or read the files as separate data sets",
    )


def check_empty(sample: Sample) -> Finding:
    """An event without pulses has nothing to reconstruct."""
    pulses = np.diff(sample.offsets)
    empty, few = int(np.count_nonzero(pulses == 0)), int(np.count_nonzero(pulses < _LEAST_PULSES))
    evidence = f"{empty:,} of {len(pulses):,} events have no pulse, {few:,} fewer than {_LEAST_PULSES}"
    if not empty:
        return good("empty events", "every event has pulses", evidence)
    return Finding(
        "empty events",
        "warning",
        f"{empty:,} events have no pulses",
        evidence,
        "a cut on pulses without the same cut on events, or a pulse map that is not filled for all",
        "leave these events out; reconstruct gives them no direction, and training learns nothing from them",
    )


def check_borders(sample: Sample) -> Finding:
    """Pulses in order of time except for an early last one: that is the first pulse of the next event."""
    times, offsets = sample.lists["time"].values, sample.offsets
    event = segment_of(offsets)
    falls = np.flatnonzero((times[1:] < times[:-1]) & (event[1:] == event[:-1])) + 1
    count = np.bincount(event[falls], minlength=len(sample))
    at_end = np.bincount(event[falls[np.isin(falls, offsets[1:] - 1)]], minlength=len(sample))
    several = np.diff(offsets) >= _LEAST_PULSES
    if several.sum() < 10:
        return cannot_tell("event borders", "fewer than 10 events with five pulses")
    stolen = int(np.count_nonzero(several & (count == 1) & (at_end == 1)))
    evidence = (
        f"{stolen:,} of {int(several.sum()):,} events are in order of time except for an early last pulse"
    )
    if stolen < 0.3 * several.sum():
        return good("event borders", "events do not take pulses of their neighbours", evidence)
    return Finding(
        "event borders",
        "error",
        "the last pulse of many events belongs to the next event",
        evidence,
        "an index of last pulses that is exclusive was read as inclusive (Kaggle's last_pulse_index is inclusive)",
        "take pulses first:last instead of first:last+1",
    )


def contents(sample: Sample) -> UInt[ndarray, "event"]:
    """A hash of each event's pulses, whatever their order."""
    sensor, times = sample.lists["sensor_id"].values, sample.lists["time"].values
    bits = np.ascontiguousarray(times, np.float64).view(np.int64) ^ (sensor.astype(np.int64) << 40)
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(hash_ids(bits, 1))])
    totals: ndarray = sums[sample.offsets[1:]] - sums[sample.offsets[:-1]]
    return totals


def check_leakage(sample: Sample) -> Finding:
    """The same pulses under another id would be in training and validation: the split is by id."""
    filled = np.diff(sample.offsets) > 0
    hashed, ids = contents(sample)[filled], sample.event_id[filled]
    order = np.argsort(hashed, kind="stable")
    again = np.flatnonzero((hashed[order][1:] == hashed[order][:-1]) & (ids[order][1:] != ids[order][:-1]))
    evidence = f"{len(again):,} of {len(ids):,} events have exactly the pulses of another"
    if not len(again):
        return good("leakage", "no event occurs under two ids", evidence)
    first, second = ids[order][again[0]], ids[order][again[0] + 1]
    return Finding(
        "leakage",
        "error",
        "the same events occur under several ids, so that training sees what it is validated with",
        f"{evidence}, such as event_id {first} and {second}",
        "a file that is in the folder twice, oversampled events, or events renumbered after a merge",
        "keep one of each",
    )


def shared_events(samples: list[Sample]) -> list[Finding]:
    """Return a finding for each pair of data sets: the events that they share."""
    return [_shared(first, second) for first, second in combinations(samples, 2)]


def _shared(first: Sample, second: Sample) -> Finding:
    names = f"{first.source.path} and {second.source.path}"
    same = _common(contents(first), contents(second))
    ids = _common(first.event_id, second.event_id)
    evidence = f"{same:,} events with equal pulses, {ids:,} equal event ids, among {len(first):,} and {len(second):,} events"
    if not same:
        return good("leakage", f"{names} share no event", evidence)
    return Finding(
        "leakage",
        "error",
        f"{names} share events: a model trained on one is not tested by the other",
        evidence,
        "splits drawn separately, or a file that is in both",
        "split once, by event id or by file",
    )


def _common(first: Int[ndarray, "event"] | UInt[ndarray, "event"], second: ndarray) -> int:
    return len(np.intersect1d(first, second))
