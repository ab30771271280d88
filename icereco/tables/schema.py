"""The event table: one row per event, list columns for pulses. Everything that is read or simulated becomes this."""

from collections.abc import Mapping

import pyarrow as pa

from icereco.events.truth import Target

__all__ = [
    "EXTRA_PULSE_FIELDS",
    "IDENTITY_FIELDS",
    "PULSE_COLUMNS",
    "SCHEMA",
    "STORE_COLUMNS",
    "TARGET_COLUMNS",
    "TRUTH_COLUMNS",
]


def _field(name: str, kind: pa.DataType, unit: str, meaning: str) -> pa.Field:
    return pa.field(name, kind, metadata={"unit": unit, "meaning": meaning})


PULSE_COLUMNS = ("sensor_id", "time", "charge", "auxiliary")
TRUTH_COLUMNS = ("azimuth", "zenith", "energy", "kind", "vertex_x", "vertex_y", "vertex_z", "inelasticity")
TARGET_COLUMNS: Mapping[Target, tuple[str, ...]] = {
    "direction": ("azimuth", "zenith"),
    "energy_gev": ("energy",),
    "vertex_m": ("vertex_x", "vertex_y", "vertex_z"),
    "kind": ("kind",),
    "inelasticity": ("inelasticity",),
}
"""The truth columns that each target is made from."""
STORE_COLUMNS = ("dom_sensor_id", "dom_pulses", "pulse_count", "dom_count")
"""Columns that stores add (the counts: those before format 3), which are not properties of the events."""

SCHEMA = pa.schema(
    [
        _field("event_id", pa.int64(), "", "identifies the event, unique in a data set"),
        _field(
            "sensor_id",
            pa.list_(pa.int32()),
            "",
            "sensor of each pulse: a row of the detector's sensor table",
        ),
        _field("time", pa.list_(pa.float64()), "ns", "time of each pulse; only differences mean something"),
        _field("charge", pa.list_(pa.float32()), "p.e.", "charge of each pulse in photo-electrons"),
        _field("auxiliary", pa.list_(pa.bool_()), "", "True = not in local coincidence, noisier"),
        _field("azimuth", pa.float64(), "rad", "true azimuth of the origin, in [0, 2π)"),
        _field("zenith", pa.float64(), "rad", "true zenith of the origin, in [0, π]"),
        _field("energy", pa.float64(), "GeV", "true energy"),
        _field("kind", pa.string(), "", "true kind: through_track, starting_track, cascade"),
        _field("vertex_x", pa.float64(), "m", "true interaction vertex, or where the track enters"),
        _field("vertex_y", pa.float64(), "m", "see vertex_x"),
        _field("vertex_z", pa.float64(), "m", "see vertex_x"),
        _field(
            "inelasticity", pa.float64(), "", "part of the neutrino's energy that the hadrons get, 0 to 1"
        ),
    ]
)
"""The own layout. The truth columns (azimuth and after) may be absent.

A file may have more: each further list of numbers is a value per pulse (float32), each further column of numbers a
value per event (float64), such as `fit_<name>_azimuth` and `fit_<name>_zenith` of an official reconstruction.
"""

EXTRA_PULSE_FIELDS = {
    field.name: field
    for field in (
        _field("pmt_x", pa.list_(pa.float32()), "", "unit vector along which the photomultiplier looks"),
        _field("pmt_y", pa.list_(pa.float32()), "", "see pmt_x"),
        _field("pmt_z", pa.list_(pa.float32()), "", "see pmt_x"),
        _field("time_over_threshold", pa.list_(pa.float32()), "ns", "how long the pulse was above threshold"),
    )
}
"""Names, units and meanings of further columns of pulses that several detectors have."""

IDENTITY_FIELDS = {
    field.name: field
    for field in (
        _field("run", pa.int64(), "", "number of the run; of simulations often that of the data set"),
        _field("subrun", pa.int64(), "", "number of the file in the run"),
        _field("event", pa.int64(), "", "number of the event in the run"),
        _field("subevent", pa.int64(), "", "number of the sub-event in the event and its stream"),
        _field("subevent_stream", pa.string(), "", "what split the event, such as InIceSplit"),
        _field("start_mjd", pa.float64(), "d", "when the event begins: modified Julian day, UTC"),
    )
}
"""What identifies an event in IceCube's own files; as it is read, so it is written with its reconstruction."""
