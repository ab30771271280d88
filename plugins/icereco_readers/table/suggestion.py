"""The mapping that would read a table, from usual names of columns."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa

from icereco.errors import IcerecoError
from icereco_readers.table.files import is_table, open_table, table_files

__all__ = ["suggested"]

_EVENT = ("event_id", "event_no", "event", "eventid", "event_number", "event_nr", "evt", "evt_id")
_USUAL = {
    "time": ("time", "t", "dom_time", "hit_time", "pulse_time", "time_ns"),
    "charge": ("charge", "q", "dom_charge", "charge_pe", "npe", "pe"),
    "auxiliary": ("auxiliary", "aux"),
    "hlc": ("hlc",),
}


def _place(prefix: str) -> dict[str, tuple[str, ...]]:
    return {axis: (f"{prefix}{axis}",) for axis in "xyz"}


_SENSOR: list[dict[str, tuple[str, ...]]] = [
    {"sensor": ("sensor_id", "sensor")},
    {
        "string": ("string", "string_id", "string_no", "str"),
        "om": ("om", "dom", "om_id", "dom_no", "dom_number", "pmt"),
    },
    *map(_place, ("dom_", "sensor_pos_", "sensor_", "pos_", "")),
]
_DIRECTION = ("zenith", "azimuth")
_ENERGY = ("energy", "energy_gev")
_KIND, _INELASTICITY = "kind", "inelasticity"
_VERTEX = ("vertex_", "position_")


def suggested(path: Path) -> str | None:
    """The options that would read a table, or the tables of a folder; None if the names of its columns do not say enough."""
    try:
        files = [file for file in table_files(path) if is_table(file)]
        readable = ((file, _pulses(open_table(file).schema)) for file in files)
        file, roles = next((one for one in readable if one[1]), (path, None))
        return None if roles is None else _text(roles | _truth_of(file, roles["event"]))
    except (pa.ArrowException, OSError, IcerecoError):
        return None


def _text(roles: dict[str, str]) -> str:
    return ",".join(f"{role}={name}" for role, name in roles.items())


def _pulses(schema: pa.Schema) -> dict[str, str] | None:
    event, time = _named(schema.names, _EVENT), _named(schema.names, _USUAL["time"])
    sensor = next((found for way in _SENSOR if (found := _all_named(schema.names, way))), None)
    if not (event and time and sensor):
        return None
    named = {role: _named(schema.names, usual) for role, usual in _USUAL.items()}
    return {"event": event, **sensor, **{role: name for role, name in named.items() if name}}


def _truth_of(file: Path, event: str) -> dict[str, str]:
    """The roles of truth in the file itself, or else in a table beside it with a column for the same event."""
    if own := _truth(open_table(file).schema.names):
        return own
    for beside in (one for one in table_files(file.parent) if one != file and is_table(one)):
        names = open_table(beside).schema.names
        number = event if event in names else _named(names, _EVENT)
        if number and _pulses(open_table(beside).schema) is None and (found := _truth(names)):
            return {"truth": beside.name, **({} if number == event else {"truth_event": number}), **found}
    return {}


def _truth(names: Sequence[str]) -> dict[str, str]:
    """The direction, and what has the same prefix: MCPrimary_zenith, MCPrimary_azimuth, MCPrimary_energy."""
    for zenith in (name for name in names if name.lower().endswith(_DIRECTION[0])):
        prefix = zenith[: -len(_DIRECTION[0])]
        if azimuth := _named(names, (f"{prefix}{_DIRECTION[1]}",)):
            return {"zenith": zenith, "azimuth": azimuth, **_further(names, prefix)}
    return {}


def _further(names: Sequence[str], prefix: str) -> dict[str, str]:
    energy = _named(names, [f"{prefix}{name}" for name in _ENERGY])
    own = {role: _named(names, (f"{prefix}{role}",)) for role in (_KIND, _INELASTICITY)}
    vertex = next(
        (v for p in _VERTEX if None not in (v := [_named(names, (f"{prefix}{p}{a}",)) for a in "xyz"])), []
    )
    named = {"energy": energy, "vertex": "+".join(map(str, vertex)), **own}
    return {role: name for role, name in named.items() if name}


def _named(names: Iterable[str], usual: Sequence[str]) -> str | None:
    """The column with the first of the usual names that is there, in any case."""
    lower = {name.lower(): name for name in names}
    return next((lower[name.lower()] for name in usual if name.lower() in lower), None)


def _all_named(names: Sequence[str], way: dict[str, tuple[str, ...]]) -> dict[str, str] | None:
    found = {role: _named(names, usual) for role, usual in way.items()}
    return {role: name for role, name in found.items() if name} if all(found.values()) else None
