"""Events as a detector sends them, one after the other at random times, and how long each waits for its reconstruction."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice, pairwise, takewhile

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.online.crew import Crew
from icereco.tables.columns import lengths

__all__ = ["Replay", "Stream", "ceiling", "poisson_arrivals", "replay"]

_SHORTEST_WAIT_S = 1e-6
"""No clock and no sleep is finer."""

_LONG_S = 3_600.0
"""To wait for what is at work."""


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Events in the order in which they arrive.

    Attributes:
        events: some events, a row each, in the own layout.
        pulses: int64, of each of them.
        order: int64 `[A]`, which of them arrives.
        arrival_s: float64 `[A]`, when, ascending, in seconds from the start.
    """

    events: Sequence[pa.RecordBatch]
    pulses: Int[ndarray, "event"]
    order: Int[ndarray, "arrival"]
    arrival_s: Float[ndarray, "arrival"]

    @classmethod
    def drawn(cls, rows: pa.RecordBatch, rate_hz: float, seconds: float, seed: int) -> "Stream":
        """Arrivals of a Poisson process, of events drawn at random among these; the brightest is one of them."""
        random = np.random.default_rng(seed)
        arrival_s = poisson_arrivals(rate_hz, seconds, random)
        pulses = np.asarray(lengths(rows.column("sensor_id")), np.int64)
        order = random.integers(rows.num_rows, size=len(arrival_s))
        order[random.integers(len(order))] = int(np.argmax(pulses))
        return cls([rows.slice(row, 1) for row in range(rows.num_rows)], pulses, order, arrival_s)


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """What came of a stream.

    Attributes:
        latency_s: float64 `[A]`, from each arrival to its answer; infinite for what was not answered.
        longest_queue: the most events that waited at once.
        busy_s: how long the method was at work, of several processes in the mean.
        elapsed_s: how long it all took.
        failed: events with which the method failed.
    """

    latency_s: Float[ndarray, "arrival"]
    longest_queue: int
    busy_s: float
    elapsed_s: float
    failed: int

    @property
    def answered(self) -> int:
        """Events that were answered."""
        return int(np.isfinite(self.latency_s).sum())

    def latency_quantile_s(self, share: float) -> float:
        """The time within which this share of all events was answered; infinite if fewer were."""
        ordered = np.sort(self.latency_s)
        return float(ordered[min(int(np.ceil(share * len(ordered))), len(ordered)) - 1])


def poisson_arrivals(
    rate_hz: float, seconds: float, random: np.random.Generator
) -> Float[ndarray, "arrival"]:
    """Times of a Poisson process, at least one, however short it lasts."""
    count = max(int(random.poisson(rate_hz * seconds)), 1)
    return np.sort(random.uniform(0.0, seconds, count))


def replay(
    stream: Stream,
    crew: Crew,
    pulses_per_call: int,
    patience_s: float,
    advance: Callable[[float], None] = lambda _: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Replay:
    """Send the events at their times, and reconstruct together whatever waits, as `icereco serve` does.

    Args:
        stream: the events.
        crew: what reconstructs some of them at once.
        pulses_per_call: the most pulses of a call; an event counts as a pulse, too, and one alone may have more.
        patience_s: how long after the last arrival it ends, whatever still waits.
        advance: called with the seconds since the start after each call.
        clock: seconds.
    """
    latency_s = np.full(len(stream.order), np.inf)
    calls, begun_s = list[slice](), list[float]()
    began, busy_s, longest, failed, done, sent = clock(), 0.0, 0, 0, 0, 0
    last = stream.arrival_s[-1] + patience_s
    while done < len(latency_s) and (now := clock() - began) <= last:
        arrived = int(np.searchsorted(stream.arrival_s, now + _SHORTEST_WAIT_S, "right"))
        longest = max(longest, arrived - sent)
        if crew.is_free and arrived > sent:
            calls.append(slice(sent, _end_of_call(stream, sent, arrived, pulses_per_call)))
            begun_s.append(now)
            sent = calls[-1].stop
            crew.send(len(calls) - 1, [stream.events[event] for event in stream.order[calls[-1]]])
        until = float(stream.arrival_s[sent]) if crew.is_free and sent < len(latency_s) else last
        for answer in crew.answers(until - (clock() - began)):
            now, call = clock() - began, calls[answer.call]
            latency_s[call] = now - stream.arrival_s[call]
            busy_s += now - begun_s[answer.call]
            failed += answer.failed
            done += call.stop - call.start
            advance(now)
    return Replay(latency_s, longest, busy_s / crew.count, clock() - began, failed)


def ceiling(
    stream: Stream,
    crew: Crew,
    pulses_per_call: int,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Events a second where as many wait as fit into a call, measured for so long after a first call of each process."""
    calls = _whole_calls(stream, pulses_per_call)
    _answered(crew, islice(calls, crew.count))
    began = clock()
    events = _answered(crew, takewhile(lambda _: clock() - began < seconds, calls))
    return events / (clock() - began)


def _answered(crew: Crew, calls: Iterator[list[pa.RecordBatch]]) -> int:
    """Have all of these calls reconstructed, as many at once as can be; how many events they had."""
    waiting, events = dict[int, int](), 0
    for number, rows in enumerate(calls):
        crew.send(number, rows)
        waiting[number] = len(rows)
        while not crew.is_free:
            events += sum(waiting.pop(answer.call) for answer in crew.answers(_LONG_S))
    while waiting:
        events += sum(waiting.pop(answer.call) for answer in crew.answers(_LONG_S))
    return events


def _whole_calls(stream: Stream, pulses_per_call: int) -> Iterator[list[pa.RecordBatch]]:
    bounds, count = [0], len(stream.order)
    while bounds[-1] < count:
        bounds.append(_end_of_call(stream, bounds[-1], count, pulses_per_call))
    for first, end in cycle(list(pairwise(bounds))):
        yield [stream.events[event] for event in stream.order[first:end]]


def _end_of_call(stream: Stream, first: int, arrived: int, pulses_per_call: int) -> int:
    """Where the call that begins with `first` ends: as many as have arrived and fit, at least one."""
    weights = np.cumsum(stream.pulses[stream.order[first:arrived]] + 1)
    return first + max(int(np.searchsorted(weights, pulses_per_call, "right")), 1)
