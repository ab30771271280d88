"""Events as a detector sends them, one after the other at random times, and how long each waits for its reconstruction."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, pairwise

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.tables.columns import lengths

__all__ = ["Replay", "Stream", "ceiling", "poisson_arrivals", "replay"]

_SHORTEST_WAIT_S = 1e-6
"""No clock and no sleep is finer."""

Compute = Callable[[Sequence[pa.RecordBatch]], Sequence[pa.RecordBatch | IcerecoError]]


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
        busy_s: how long the method was at work.
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
    compute: Compute,
    pulses_per_call: int,
    patience_s: float,
    advance: Callable[[float], None] = lambda _: None,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> Replay:
    """Send the events at their times, and reconstruct together whatever waits, as `icereco serve` does.

    Args:
        stream: the events.
        compute: what reconstructs some of them.
        pulses_per_call: the most pulses of a call; an event counts as a pulse, too, and one alone may have more.
        patience_s: how long after the last arrival it ends, whatever still waits.
        advance: called with the seconds since the start after each call.
        clock: seconds.
        sleep: waits for some seconds.
    """
    latency_s = np.full(len(stream.order), np.inf)
    began, busy_s, longest, failed = clock(), 0.0, 0, 0
    done, last = 0, stream.arrival_s[-1] + patience_s
    while done < len(latency_s) and (now := clock() - began) <= last:
        arrived = int(np.searchsorted(stream.arrival_s, now + _SHORTEST_WAIT_S, "right"))
        if arrived == done:
            sleep(float(stream.arrival_s[done]) - now)
            continue
        longest = max(longest, arrived - done)
        call = slice(done, _end_of_call(stream, done, arrived, pulses_per_call))
        started = clock()
        answers = compute([stream.events[event] for event in stream.order[call]])
        busy_s += clock() - started
        latency_s[call] = clock() - began - stream.arrival_s[call]
        failed += sum(isinstance(answer, IcerecoError) for answer in answers)
        done = call.stop
        advance(clock() - began)
    return Replay(latency_s, longest, busy_s, clock() - began, failed)


def ceiling(
    stream: Stream,
    compute: Compute,
    pulses_per_call: int,
    seconds: float,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Events a second where as many wait as fit into a call, measured for so long after a first call."""
    calls = _whole_calls(stream, pulses_per_call)
    compute(next(calls))
    began, events = clock(), 0
    while clock() - began < seconds:
        rows = next(calls)
        compute(rows)
        events += len(rows)
    return events / (clock() - began)


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
