"""Are the sensor ids those of the detector card, in its order?"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.detector.detector import LIGHT_M_PER_NS, Detector
from icereco.doctor.finding import Finding, cannot_tell, good
from icereco.doctor.sample import Sample

__all__ = ["check_order", "check_sensors", "check_shift"]

_WITHIN_NS = 1000.0
_SHIFTS = (-2, -1, 1, 2)
_SURE = 5.0
_RANDOM_RATIO = 0.85
_MANY_PAIRS = 300
_SIGMAS = 3.0


def check_sensors(sample: Sample) -> Finding:
    """Every id must be a row of the sensor table."""
    sensor, count = sample.lists["sensor_id"].values, len(sample.detector.position_m)
    if not len(sensor):
        return cannot_tell("sensors", "no pulses")
    evidence = f"ids {sensor.min()} to {sensor.max()}; {sample.detector.name} has 0 to {count - 1}"
    unknown = int(np.count_nonzero(~sample.known_sensor))
    if not unknown:
        return good("sensors", f"all sensors are modules of {sample.detector.name}", evidence)
    shifted = sensor.min() == 1 and sensor.max() == count
    return Finding(
        "sensors",
        "error",
        f"{unknown:,} pulses are of sensors that {sample.detector.name} does not have",
        evidence,
        "ids that count from 1" if shifted else "a file of another detector, or ids in another numbering",
        "subtract 1 from sensor_id"
        if shifted
        else "name the detector with --detector (see icereco plugins), or match sensors by position",
    )


def check_shift(sample: Sample) -> Finding:
    """Light hits neighbours on a string together, but never the last module of one string with the first of the next."""
    string = sample.detector.string
    borders = np.flatnonzero(string[1:] != string[:-1])
    together = _together(sample, _window_ns(sample.detector, borders))
    inside = np.ones(len(together), bool)
    inside[borders] = False
    expected = float(together[inside].mean()) * len(borders) if inside.any() else 0.0
    if len(borders) < 2 or expected < 20:
        return cannot_tell("numbering", "too few neighbouring modules hit together to see where strings end")
    counts = {shift: int(together[_moved(borders, shift, len(together))].sum()) for shift in (0, *_SHIFTS)}
    best = min(counts, key=lambda shift: (counts[shift], abs(shift)))
    evidence = (
        f"modules i and i+1 hit together across the ends of strings: {counts[0]:,} times, where {expected:,.0f} are "
        "usual inside a string"
    )
    sure = counts[0] - counts[best] > _SURE * np.sqrt(counts[0] + counts[best] + 1)
    if best and sure and counts[best] < 0.5 * expected:
        return Finding(
            "numbering",
            "error",
            f"sensor ids are off by {best:+d}",
            f"{evidence}; only {counts[best]:,} times if the ids are lowered by {best}",
            "sensors counted from 1 instead of 0, or a table with a row more or less at its head",
            f"{'subtract' if best > 0 else 'add'} {abs(best)} {'from' if best > 0 else 'to'} sensor_id",
        )
    if counts[0] > 0.5 * expected:
        return Finding(
            "numbering",
            "error",
            f"strings do not end where {sample.detector.name} says",
            evidence,
            "sensors in another order, such as module by module instead of string by string, or another detector",
            "name the detector with --detector, or renumber sensor_id by position",
        )
    return good("numbering", "strings end where they should", evidence)


def _moved(borders: Int[ndarray, "border"], shift: int, count: int) -> Int[ndarray, "some"]:
    moved = borders + shift
    chosen: ndarray = moved[(moved >= 0) & (moved < count)]
    return chosen


def _window_ns(detector: Detector, borders: Int[ndarray, "border"]) -> float:
    """A time within which no light gets from the end of a string to the beginning of the next."""
    apart = np.linalg.norm(detector.position_m[borders + 1] - detector.position_m[borders], axis=1)
    return min(_WITHIN_NS, 0.5 * float(np.median(apart)) / LIGHT_M_PER_NS) if len(borders) else _WITHIN_NS


def _together(sample: Sample, within_ns: float) -> Int[ndarray, "pair"]:
    """How often modules i and i+1 of an event are first hit within this time of each other, for each i; not by noise."""
    batch, chosen = sample.events, ~_lone(sample)
    event = batch.event_of_dom[chosen]
    sensor, first = batch.sensor_id[chosen], batch.time_ns[batch.pulse_offsets[:-1]][chosen]
    pair = (np.diff(event) == 0) & (np.diff(sensor) == 1) & (np.abs(np.diff(first)) < within_ns)
    return np.bincount(sensor[:-1][pair], minlength=len(sample.detector.position_m) - 1)


def check_order(sample: Sample) -> Finding:
    """Modules that are hit one after the other lie near each other; in a wrong order of ids they do not."""
    judged = [one for one in _closeness(sample) if one.pairs >= _MANY_PAIRS]
    if not judged:
        return cannot_tell("geometry", "too few hits on several modules")
    words = "mean distance of modules hit one after the other: " + ", ".join(one.words for one in judged)
    apart = [one for one in judged if one.ratio > _RANDOM_RATIO and one.lead < _SURE]
    scrambled = [one.name for one in apart if one.ratio - _SIGMAS * one.error > _RANDOM_RATIO]
    if scrambled:
        return Finding(
            "geometry",
            "error",
            f"the hit modules do not lie together ({' and '.join(scrambled)}): positions do not fit the ids",
            words,
            f"sensors in another order than in the card {sample.detector.name}, or another detector",
            "name the detector with --detector, or renumber sensor_id by position",
        )
    if apart:
        limit = f"{100 * _RANDOM_RATIO:.0f} %"
        return cannot_tell(
            "geometry", f"{words}; too few to say that it is above {limit}, as in a wrong order"
        )
    return good("geometry", f"hits lie together in {sample.detector.name}", words)


class _Closeness(NamedTuple):
    """Distance of modules that are hit one after the other.

    Attributes:
        name: of which modules.
        ratio: their mean distance, in units of that of two modules at random.
        error: standard error of the ratio; pairs of an event are not independent.
        lead: how much nearer they are than modules of the same events in any order, in standard errors.
        pairs: their number.
    """

    name: str
    ratio: float
    error: float
    lead: float
    pairs: int

    @property
    def words(self) -> str:
        return (
            f"{self.name} {100 * self.ratio:.0f} ± {100 * self.error:.0f} % of that of two modules at random "
            f"({self.pairs:,} pairs)"
        )


def _closeness(sample: Sample) -> Iterator[_Closeness]:
    """Horizontally between strings and vertically on strings: distance against random, and against unordered pairs."""
    batch, detector = sample.events, sample.detector
    chosen = ~_lone(sample)
    event = batch.event_of_dom[chosen]
    sensor, first = batch.sensor_id[chosen], batch.time_ns[batch.pulse_offsets[:-1]][chosen]
    order = np.lexsort((first, event))
    event, sensor = event[order], sensor[order]
    random = np.random.default_rng(0)
    mixed = sensor[np.lexsort((random.random(len(sensor)), event))]
    same_event = event[1:] == event[:-1]
    pairs, mixed_pairs = (np.stack([one[:-1], one[1:]])[:, same_event] for one in (sensor, mixed))
    random_pairs = random.integers(0, len(detector.position_m), (2, 200_000))
    for name, axes, same_string in (("between strings", (0, 1), False), ("along strings", (2,), True)):
        of_string = _on_string(detector, random_pairs, same_string, random)
        kept, *others = (_differ(detector, some, same_string) for some in (pairs, mixed_pairs, of_string))
        if not (kept.any() and all(other.any() for other in others)):
            continue
        ordered, unordered, usual = (
            _distances(detector, some[:, which], axes)
            for some, which in zip((pairs, mixed_pairs, of_string), (kept, *others), strict=True)
        )
        error = np.hypot(ordered.std() / np.sqrt(len(ordered)), unordered.std() / np.sqrt(len(unordered)))
        lead = (unordered.mean() - ordered.mean()) / max(float(error), 1e-9)
        mean = float(usual.mean())
        yield _Closeness(
            name,
            float(ordered.mean()) / mean,
            _error_of_mean(ordered, event[1:][same_event][kept]) / mean,
            float(lead),
            len(ordered),
        )


def _error_of_mean(values: Float[ndarray, "pair"], event: Int[ndarray, "pair"]) -> float:
    """Standard error of a mean over pairs, in which those of an event may all differ from it together."""
    of_event = np.bincount(event, values - values.mean())
    return float(np.sqrt((of_event**2).sum()) / len(values))


def _lone(sample: Sample) -> Bool[ndarray, "dom"]:
    """Modules whose pulses are all auxiliary, as noise is; none where this is true of every module or of none."""
    batch = sample.events
    flagged = np.minimum.reduceat(batch.auxiliary, batch.pulse_offsets[:-1])
    return flagged if flagged.any() and not flagged.all() else np.zeros(len(flagged), bool)


def _on_string(
    detector: Detector, pair: Int[ndarray, "2 pair"], same_string: bool, random: np.random.Generator
) -> Int[ndarray, "2 pair"]:
    """Random pairs of modules; of the same string if `same_string`."""
    if not same_string:
        return pair
    order = np.argsort(detector.string, kind="stable")
    ends = np.searchsorted(detector.string[order], detector.string[pair[0]], side="right")
    starts = np.searchsorted(detector.string[order], detector.string[pair[0]], side="left")
    return np.stack([pair[0], order[starts + (random.random(len(ends)) * (ends - starts)).astype(np.int64)]])


def _differ(detector: Detector, pair: Int[ndarray, "2 pair"], same_string: bool) -> Bool[ndarray, "pair"]:
    """Which pairs are of two modules, of the same string or not."""
    string = detector.string[pair]
    which: ndarray = ((string[0] == string[1]) == same_string) & (pair[0] != pair[1])
    return which


def _distances(
    detector: Detector, pair: Int[ndarray, "2 pair"], axes: tuple[int, ...]
) -> Float[ndarray, "pair"]:
    place = detector.position_m[:, list(axes)].astype(np.float64)
    distance: ndarray = np.linalg.norm(place[pair[0]] - place[pair[1]], axis=1)
    return distance
