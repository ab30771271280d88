"""The middle level of an event, its hit DOMs: found once among sorted pulses, and kept in two columns of a store."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from numpy import ndarray

from icereco.tables.columns import ragged
from icereco.tables.schema import SCHEMA

__all__ = ["DOM_FIELDS", "DomLevel", "dom_columns", "dom_level", "has_dom_columns", "with_sensor_ids"]

DOM_FIELDS = (
    pa.field(
        "dom_sensor_id", pa.list_(pa.int32()), metadata={"meaning": "sensor of each hit DOM, ascending"}
    ),
    pa.field("dom_pulses", pa.list_(pa.int32()), metadata={"meaning": "pulses of each hit DOM, at least 1"}),
)
"""What a store has in place of a sensor_id for each pulse."""


@dataclass(frozen=True, slots=True, eq=False)
class DomLevel:
    """The middle level of the hierarchy, as in `EventBatch`: offsets int64, sensor_id int32 `[D]`."""

    dom_offsets: Int[ndarray, "event_plus_1"]
    sensor_id: Int[ndarray, "dom"]
    pulse_offsets: Int[ndarray, "dom_plus_1"]


def dom_level(sensor_id: Int[ndarray, "pulse"], event_offsets: Int[ndarray, "event_plus_1"]) -> DomLevel:
    """DOMs from the sensors of sorted pulses: a DOM begins where the sensor changes or an event begins."""
    begins = np.empty(len(sensor_id), bool)
    begins[:1] = True
    np.not_equal(sensor_id[1:], sensor_id[:-1], out=begins[1:])
    starts = event_offsets[:-1]
    begins[starts[starts < len(sensor_id)]] = True
    first_pulse = np.flatnonzero(begins)
    return DomLevel(
        dom_offsets=np.searchsorted(first_pulse, event_offsets),
        sensor_id=sensor_id[first_pulse],
        pulse_offsets=np.append(first_pulse, len(sensor_id)),
    )


def dom_columns(doms: DomLevel) -> dict[str, pa.Array]:
    """The columns `DOM_FIELDS`, `[E]` lists each."""
    offsets = pa.array(doms.dom_offsets, pa.int32())
    values = (doms.sensor_id, np.diff(doms.pulse_offsets))
    return {
        field.name: pa.ListArray.from_arrays(offsets, pa.array(column, pa.int32()))
        for field, column in zip(DOM_FIELDS, values, strict=True)
    }


def has_dom_columns(schema: pa.Schema) -> bool:
    """Whether a table has the columns `DOM_FIELDS`, as those of a store do."""
    return all(field.name in schema.names for field in DOM_FIELDS)


def with_sensor_ids(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Rows of a store with a sensor_id for each pulse in place of the DOM columns, as the own layout has it.

    Raises:
        ValueError: the DOMs of an event have more or fewer pulses than the event.
    """
    sensor, pulses = (ragged(batch.column(field.name)) for field in DOM_FIELDS)
    offsets = ragged(batch.column("time")).offsets
    pulse_offsets = np.concatenate([[0], np.cumsum(pulses.values, dtype=np.int64)])
    if not np.array_equal(pulse_offsets[pulses.offsets], offsets):
        raise ValueError("the DOMs of an event do not have as many pulses as the event")
    values = pa.array(np.repeat(sensor.values, pulses.values))
    lists = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)
    rest = batch.drop_columns([field.name for field in DOM_FIELDS])
    return rest.append_column(SCHEMA.field("sensor_id"), lists)
