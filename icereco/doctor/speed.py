"""Are events read as fast as a model takes them?"""

import time
from collections.abc import Callable

from icereco.doctor.finding import Finding, cannot_tell, good
from icereco.doctor.sample import Sample
from icereco.events.batch import EventBatch

__all__ = ["check_speed", "compare_rates"]

_BATCH = 32
_SECONDS = 3.0


def check_speed(sample: Sample, step: Callable[[EventBatch], object] | None) -> Finding:
    """Compare the rates of reading and of training steps, both measured now on this machine.

    Args:
        sample: the events, with the time that reading them took.
        step: one training step; None to leave this out.
    """
    if step is None or len(sample.events) < _BATCH:
        return cannot_tell("speed", "too few events to measure")
    return compare_rates(len(sample) / max(sample.seconds, 1e-9), _rate(sample.events, step))


def compare_rates(reading: float, training: float) -> Finding:
    """Report whether reading keeps up with training; both rates in events/s."""
    evidence = (
        f"reading {reading:,.0f} events/s in one process; a training step takes {training:,.0f} events/s"
    )
    if reading > 2 * training:
        return good("speed", "reading is faster than training", evidence)
    return Finding(
        "speed",
        "warning",
        "reading these files takes as long as training on them",
        evidence,
        "a slow disk, strong compression, or a format that is read row by row",
        "nothing for training, which prepares the events once; to reconstruct, convert them or prepare them first: "
        "icereco data prepare",
    )


def _rate(events: EventBatch, step: Callable[[EventBatch], object]) -> float:
    step(events[:_BATCH])
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < _SECONDS and done < 8 * len(events):
        first = done % max(len(events) - _BATCH, 1)
        part = events[first : first + _BATCH]
        step(part)
        done += len(part)
    return done / (time.perf_counter() - started)
