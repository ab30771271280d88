"""Rows of the event table to an `EventBatch`: pulses sorted by (event, DOM, time), DOMs with their positions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.events.segments import segment_of
from icereco.events.truth import Truth
from icereco.physics.sphere import direction_from_angles
from icereco.tables.columns import event_columns, is_sorted, one_batch, pulse_columns, ragged
from icereco.tables.dom_level import DomLevel, dom_level
from icereco.tables.schema import PULSE_COLUMNS

__all__ = ["assemble", "event_batch", "pulse_order", "truth_of"]

_VERTEX = ("vertex_x", "vertex_y", "vertex_z")
_NUMBERS = ("energy", *_VERTEX, "inelasticity")


def event_batch(table: pa.RecordBatch | pa.Table, detector: Detector) -> EventBatch:
    """The events of a table of the own layout, in its order; nothing is dropped.

    An event without pulses keeps its place, with 0 DOMs. Columns and values are taken as they are: what a `Source`
    gives is in the types of the own layout (`icereco.tables.columns.conform` casts any other table), and
    `icereco.tables.validation.check_events` is what finds bad values.

    Args:
        table: rows of `icereco.tables.schema.SCHEMA`; the truth columns may be absent, further ones present.
        detector: gives the position of each sensor.

    Raises:
        IcerecoError: a sensor is outside the detector, or the list columns of an event differ in length.
    """
    batch = one_batch(table)
    lists = {name: ragged(batch.column(name)) for name in pulse_columns(batch.schema)}
    offsets = lists["sensor_id"].offsets
    if any(not np.array_equal(offsets, other.offsets) for other in lists.values()):
        raise IcerecoError(f"event table: the lists {', '.join(lists)} of an event differ in length")
    parts = {name: part.values for name, part in lists.items()}
    if not is_sorted(batch.schema):
        order = pulse_order(parts["sensor_id"], parts["time"], offsets)
        parts = {name: values[order] for name, values in parts.items()}
    return assemble(batch, dom_level(parts.pop("sensor_id"), offsets), parts, detector)


def assemble(
    events: pa.RecordBatch, doms: DomLevel, pulses: Mapping[str, ndarray], detector: Detector
) -> EventBatch:
    """A batch from sorted pulses.

    Args:
        events: `[E]` rows with event_id and, where known, the truth columns and further ones.
        doms: where the DOMs of each event and the pulses of each DOM begin.
        pulses: time, charge, auxiliary and further columns, `[P]` each, by (event, sensor_id, time).
        detector: gives positions.

    Raises:
        IcerecoError: a sensor is outside the detector.
    """
    return EventBatch(
        event_id=events.column("event_id").to_numpy(),
        dom_offsets=doms.dom_offsets,
        sensor_id=doms.sensor_id,
        position_m=_positions(doms.sensor_id, detector),
        pulse_offsets=doms.pulse_offsets,
        time_ns=pulses["time"],
        charge_pe=pulses["charge"],
        auxiliary=pulses["auxiliary"],
        truth=truth_of(events),
        pulse_extras={name: values for name, values in pulses.items() if name not in PULSE_COLUMNS},
        event_extras={name: _numbers(events.column(name)) for name in event_columns(events.schema)},
    )


def pulse_order(
    sensor_id: Int[ndarray, "pulse"],
    time_ns: Float[ndarray, "pulse"],
    event_offsets: Int[ndarray, "event_plus_1"],
) -> Int[ndarray, "pulse"]:
    """The order `[P]` that sorts pulses by (event, sensor_id, time); equal pulses keep their order."""
    count = len(sensor_id)
    event = segment_of(event_offsets)
    if not _sorted_within(time_ns, event_offsets):
        return np.lexsort((time_ns, sensor_id, event))
    # Times already ascend in each event, as most files have them: the position breaks ties, so that one
    # packed integer sorts everything, which NumPy does several times faster than an indirect sort.
    sensors = int(sensor_id.max(initial=0)) + 1
    index_bits = max(count - 1, 1).bit_length()
    if sensor_id.min(initial=0) < 0 or (len(event_offsets) * sensors).bit_length() + index_bits > 63:
        return np.lexsort((sensor_id, event))
    key = ((event * sensors + sensor_id) << index_bits) | np.arange(count)
    key.sort()
    order: ndarray = key & ((1 << index_bits) - 1)
    return order


def _sorted_within(values: ndarray, offsets: Int[ndarray, "event_plus_1"]) -> bool:
    falls = values[1:] < values[:-1]
    borders = offsets[1:-1]
    falls[borders[(borders > 0) & (borders < len(values))] - 1] = False
    return not falls.any()


def _positions(sensor_id: Int[ndarray, "dom"], detector: Detector) -> Float[ndarray, "dom 3"]:
    count = len(detector.position_m)
    if sensor_id.size and not (sensor_id.min() >= 0 and sensor_id.max() < count):
        wrong = int(sensor_id[(sensor_id < 0) | (sensor_id >= count)][0])
        raise IcerecoError(f"sensor_id {wrong} is outside {detector.name}, which has 0 to {count - 1}")
    position: ndarray = detector.position_m.take(sensor_id, axis=0, mode="clip")
    return position


def truth_of(batch: pa.RecordBatch) -> Truth | None:
    """The truth columns of a table in the own layout; None without angles. Absent values become NaN and None."""
    names = batch.schema.names
    if "azimuth" not in names or "zenith" not in names:
        return None
    azimuth, zenith = (_numbers(batch.column(name)) for name in ("azimuth", "zenith"))
    numbers = {name: _numbers(batch.column(name)) for name in _NUMBERS if name in names}
    vertex = [numbers[name] for name in _VERTEX if name in numbers]
    return Truth(
        direction_from_angles(azimuth, zenith),
        energy_gev=numbers.get("energy"),
        kind=batch.column("kind").to_numpy(zero_copy_only=False) if "kind" in names else None,
        vertex_m=np.stack(vertex, -1) if len(vertex) == len(_VERTEX) else None,
        inelasticity=numbers.get("inelasticity"),
    )


def _numbers(column: Any) -> Float[ndarray, "event"]:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
