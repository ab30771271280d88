"""Events and detectors that checks need."""

import dataclasses
from functools import cache

import numpy as np
import pyarrow as pa

from icereco.detector.detector import Detector, load_detector
from icereco.events.batch import EventBatch
from icereco.tables.assembly import event_batch
from icereco.testing.random_events import random_events

__all__ = ["detector", "event_table", "events", "track_events", "turned"]

_COUNTS = (12, 1, 200, 7, 45, 3, 90, 30)


@cache
def detector() -> Detector:
    """IceCube with 86 strings."""
    return load_detector("icecube86")


@cache
def event_table(seed: int = 5) -> pa.Table:
    """Eight random events with truth, none of them empty."""
    return random_events(np.array(_COUNTS), seed=seed)


@cache
def events() -> EventBatch:
    """The same as a batch."""
    return event_batch(event_table(), detector())


@cache
def track_events() -> EventBatch:
    """Six events whose pulses follow a line with the speed of light, with truth and a little noise."""
    random = np.random.default_rng(3)
    origin = random.normal(size=(6, 3))
    origin /= np.linalg.norm(origin, axis=1, keepdims=True)
    position = detector().position_m.astype(np.float64)
    table: dict[str, list[object]] = {name: [] for name in ("sensor_id", "time", "charge", "auxiliary")}
    for one in origin:
        distance = np.linalg.norm(position - (position @ one)[:, None] * one, axis=1)
        near = np.argsort(distance)[:40]
        table["sensor_id"].append(near.astype(np.int32))
        table["time"].append(10_000 - position[near] @ one / 0.2998 + random.normal(0, 20, len(near)))
        table["charge"].append(random.gamma(2.0, 0.6, len(near)).astype(np.float32))
        table["auxiliary"].append(np.zeros(len(near), bool))
    ids = np.arange(len(origin))
    azimuth = np.arctan2(origin[:, 1], origin[:, 0]) % (2 * np.pi)
    truth = {"azimuth": azimuth, "zenith": np.arccos(origin[:, 2])}
    return event_batch(pa.table({"event_id": ids, **table, **truth}), detector())


def turned(batch: EventBatch, rotation: np.ndarray) -> EventBatch:
    """The same events in a detector that is turned by a rotation matrix."""
    return dataclasses.replace(batch, position_m=(batch.position_m @ rotation.T).astype(np.float32))
