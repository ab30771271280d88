"""Which column of a table is what, as the options of the reader say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from icereco.errors import IcerecoError, did_you_mean
from icereco_readers.options import TableOptions

__all__ = ["SENSOR_ROLES", "Mapping", "require_names"]

SENSOR_ROLES = (("sensor",), ("string", "om"), ("x", "y", "z"))
"""The three ways to say which sensor a pulse is of."""

_PULSE_ROLES = ("time", "charge", "auxiliary", "hlc")
_TRUTH_ROLES = ("zenith", "azimuth", "energy", "kind", "inelasticity")
_TRIPLES = {"vector": ("vector_x", "vector_y", "vector_z"), "vertex": ("vertex_x", "vertex_y", "vertex_z")}


@dataclass(frozen=True, slots=True)
class Mapping:
    """Columns by role.

    Attributes:
        event: of the number of the event, one or several.
        sensor: of what says which sensor a pulse is of: one of `SENSOR_ROLES`.
        pulses: of every value of a pulse, those of `sensor` included.
        truth: of the truth, by the names of the own layout, and vector_x, vector_y, vector_z.
        carried: further columns of events that are kept as they are; None where it is not said which.
    """

    event: tuple[str, ...]
    sensor: dict[str, str]
    pulses: dict[str, str]
    truth: dict[str, str]
    carried: tuple[str, ...] | None = None

    @classmethod
    def of(cls, options: TableOptions) -> "Mapping":
        """The mapping that options give.

        Raises:
            IcerecoError: what every table needs is not given, or given twice.
        """
        given = {key: value for key, value in options.model_dump().items() if isinstance(value, str)}
        _require(given, "event", "number of the event")
        _require(given, "time", "time of the pulse in ns")
        if "auxiliary" in given and "hlc" in given:
            raise IcerecoError("reader table: auxiliary and hlc are opposites: give one of them")
        sensor = _sensor(given)
        pulses = sensor | {role: given[role] for role in _PULSE_ROLES if role in given}
        carried = tuple(given["carry"].split("+")) if "carry" in given else None
        return cls(tuple(given["event"].split("+")), sensor, pulses, _truth(given), carried)


def require_names(names: Iterable[str], schema: pa.Schema, file: Path) -> None:
    """Check that a table has these columns.

    Raises:
        IcerecoError: it lacks one, with the nearest and all that it has.
    """
    for name in names:
        if name not in schema.names:
            raise IcerecoError(
                f"{file}: no column {name!r}{did_you_mean(name, schema.names)} (its columns: {', '.join(schema.names)})"
            )


def _require(given: dict[str, str], role: str, meaning: str) -> None:
    if role not in given:
        raise IcerecoError(f"reader table: {role}=COLUMN is missing, the {meaning}")


def _sensor(given: dict[str, str]) -> dict[str, str]:
    ways = [roles for roles in SENSOR_ROLES if any(role in given for role in roles)]
    if len(ways) != 1 or any(role not in given for role in ways[0]):
        raise IcerecoError(
            "reader table: which sensor a pulse is of must be given in one way: sensor=COLUMN, or string=COLUMN,om=COLUMN, or "
            f"x=COLUMN,y=COLUMN,z=COLUMN; given: {', '.join(r for w in ways for r in w if r in given) or 'none of them'}"
        )
    return {role: given[role] for role in ways[0]}


def _truth(given: dict[str, str]) -> dict[str, str]:
    if ("zenith" in given) != ("azimuth" in given) or ("vector" in given and "zenith" in given):
        raise IcerecoError(
            "reader table: the true direction is zenith=COLUMN,azimuth=COLUMN or vector=COLUMN+COLUMN+COLUMN, one of the two"
        )
    truth = {role: given[role] for role in _TRUTH_ROLES if role in given}
    for role, parts in _TRIPLES.items():
        if role in given:
            truth |= zip(parts, _three(role, given[role].split("+")), strict=True)
    return truth


def _three(role: str, columns: Sequence[str]) -> Sequence[str]:
    if len(columns) != 3:
        raise IcerecoError(f"reader table: {role} must be three columns, X+Y+Z, not {'+'.join(columns)}")
    return columns
