"""Random event tables, made quickly by NumPy: the shape of real data without its physics."""

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from numpy import ndarray

from icereco.tables.schema import SCHEMA

__all__ = ["likely_pulse_counts", "random_events"]


def likely_pulse_counts(events: int, seed: int = 0) -> Int[ndarray, "event"]:
    """Draw numbers of pulses per event with about the percentiles of IceCube data: P50 63, P90 144, P99 1,200; mean about 150."""
    random = np.random.default_rng([seed, 1])
    dim = np.exp(random.normal(np.log(60), 0.55, events))
    bright = 8 * dim * random.pareto(1.3, events)
    return np.clip(np.where(random.random(events) < 0.07, bright, dim), 8, 180_000).astype(np.int64)


def random_events(
    pulse_counts: Int[ndarray, "event"],
    seed: int = 0,
    *,
    sensors: int = 5160,
    truth: bool = True,
    by_time: bool = True,
) -> pa.Table:
    """Make a table of the own layout with the given number of pulses in each event.

    Args:
        pulse_counts: `[E]`, may hold zeros.
        seed: of everything.
        sensors: sensor ids are below this; an event of n pulses hits about n/2 of them.
        truth: with the truth columns.
        by_time: pulses in order of time, as in most files, instead of random order.
    """
    random = np.random.default_rng([seed, 2])
    counts = np.asarray(pulse_counts, np.int64)
    total, offsets = int(counts.sum()), np.concatenate([[0], np.cumsum(counts)])
    event = np.repeat(np.arange(len(counts)), counts)
    time = random.uniform(5_000, 20_000, total).round(1)
    if by_time:
        time = time[np.lexsort((time, event))]
    # Neighbouring sensors around a random place, about two pulses in each.
    spread = np.maximum(counts[event] // 2, 1)
    place = random.integers(0, sensors, len(counts))[event]
    values = {
        "sensor_id": ((place + (random.random(total) * spread).astype(np.int64)) % sensors).astype(np.int32),
        "time": time,
        "charge": random.gamma(2.0, 0.6, total).astype(np.float32),
        "auxiliary": random.random(total) < 0.7,
    }
    lists = {
        name: pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(column))
        for name, column in values.items()
    }
    event_id = pa.array(np.arange(len(counts), dtype=np.int64) + 1_000 * (seed + 1))
    columns = {"event_id": event_id, **lists, **(_truth(len(counts), random) if truth else {})}
    return pa.table(columns, schema=pa.schema([SCHEMA.field(name) for name in columns]))


def _truth(events: int, random: np.random.Generator) -> dict[str, pa.Array]:
    kinds = np.array(["through_track", "starting_track", "cascade"], object)
    vertices = {f"vertex_{axis}": random.uniform(-500, 500, events) for axis in "xyz"}
    values = {
        "azimuth": random.uniform(0, 2 * np.pi, events),
        "zenith": np.arccos(random.uniform(-1, 1, events)),
        "energy": 10 ** random.uniform(2, 5, events),
        "kind": random.choice(kinds, events),
        **vertices,
        "inelasticity": random.beta(0.9, 1.6, events),
    }
    return {name: pa.array(column) for name, column in values.items()}
