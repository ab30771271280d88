"""Checks events before they are used. The first bad value is reported, with its place."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.detector.sensor_finder import UNKNOWN
from icereco.errors import IcerecoError
from icereco.events.segments import segment_of
from icereco.events.truth import EVENT_KINDS, Target
from icereco.system.log import get_logger
from icereco.tables.columns import Ragged, file_of, pulse_columns, ragged, require_columns, unknown_sensors
from icereco.tables.schema import PULSE_COLUMNS, SCHEMA, TARGET_COLUMNS
from icereco.tables.units import (
    LEAST_EVENTS,
    coarse_times,
    speeds_m_per_ns,
    strange_angles,
    strange_fits,
    strange_times,
)

__all__ = ["BadEventError", "EventChecker", "bad_truth", "check_truth"]

logger = get_logger(__name__)


class BadEventError(IcerecoError):
    """One event is wrong, not the file.

    Attributes:
        event_id: of the event, None where it has none.
        problem: what is wrong with it, without saying where.
    """

    def __init__(self, place: str, event_id: int | None, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.event_id = event_id
        self.problem = problem
        self._place = place

    def __reduce__(self) -> tuple[type[Self], tuple[str, int | None, str]]:
        """Pickle by the arguments: workers send their errors to another process."""
        return type(self), (self._place, self.event_id, self.problem)


@dataclass(slots=True)
class EventChecker:
    """Checks a file batch by batch, in order, and remembers the event ids it has seen (8 bytes an event).

    Attributes:
        detector: what `sensor_id` must be in.
        source: the file, for messages.
        next_row: row number in the file of the next batch's first event.
        total: events checked so far, over all files.
        file: the file of the last batch.
        quiet: whether what is no error is not reported, as where the same events are read again.
        sensor_advice: what to do about sensors that the detector lacks.
    """

    detector: Detector
    source: Path
    next_row: int = 0
    total: int = 0
    file: Path = field(init=False)
    quiet: bool = False
    sensor_advice: str = "give another detector, or leave such pulses out with --drop-unknown-sensors"
    _names: tuple[str, ...] = ()
    _unit_known: bool = False
    _reported: set[str] = field(default_factory=set)
    _seen: "_SeenIds" = field(default_factory=lambda: _SeenIds([]))

    def __post_init__(self) -> None:
        self.file = self.source

    def check(self, batch: pa.RecordBatch) -> None:
        """Check the next rows, of the own layout (see `icereco.tables.columns.conform`).

        Raises:
            IcerecoError: a null, lists of different length, a sensor outside the detector, a time or charge that is
                NaN or infinite, a negative charge, or an event_id that occurs twice. Names file, row and event_id.
        """
        rows, pulses = self._shape(batch)
        rows.require_sensors(pulses["sensor_id"], self.detector, self.sensor_advice)
        rows.require_finite("time", pulses["time"], "ns")
        rows.require_finite("charge", pulses["charge"], "p.e.")
        self._look_at(batch, pulses)
        rows.refuse(
            "charge", pulses["charge"], pulses["charge"].values < 0, "negative charge; allowed: ≥ 0 p.e."
        )
        for name in pulses.keys() - set(PULSE_COLUMNS):
            rows.require_finite(name, pulses[name])
        self._require_new_ids(rows, batch.column("event_id").to_numpy())
        self.next_row += batch.num_rows
        self.total += batch.num_rows

    def _look_at(self, batch: pa.RecordBatch, pulses: dict[str, Ragged]) -> None:
        """Report once what makes results worse without being an error: times without digits, values in other units."""
        if self.quiet:
            return
        latest = float(np.abs(pulses["time"].values).max(initial=0))
        problems = {
            "digits": coarse_times(latest),
            "truth": strange_angles(batch),
            "fits": strange_fits(batch),
        }
        if not self._unit_known:
            problems["unit"] = self._other_unit(pulses)
        for name, problem in problems.items():
            if problem and name not in self._reported:
                self._reported.add(name)
                logger.warning("%s: %s", self.file, problem)

    def _other_unit(self, pulses: dict[str, Ragged]) -> str | None:
        times, kept = pulses["time"], ~pulses["auxiliary"].values.astype(bool)
        event = segment_of(times.offsets)[kept]
        place_m = self.detector.position_m[pulses["sensor_id"].values[kept]]
        speeds = speeds_m_per_ns(event, place_m, times.values[kept], len(times.offsets) - 1)
        self._unit_known = len(speeds) >= LEAST_EVENTS  # a file has one unit: further events are not examined
        return strange_times(speeds, without_noise=not kept.all())

    def check_shape(self, batch: pa.RecordBatch) -> None:
        """Check the next rows only for what makes them events at all: no nulls, and lists of equal length.

        Raises:
            IcerecoError: as `check`.
        """
        self._shape(batch)
        self.next_row += batch.num_rows
        self.total += batch.num_rows

    def _shape(self, batch: pa.RecordBatch) -> tuple["_Rows", dict[str, Ragged]]:
        file = file_of(batch, self.source)
        if file != self.file and self.total:
            self.next_row = 0  # the reader went on to the next file of a folder
        self.file = file
        rows = _Rows(batch, file, self.next_row)
        rows.require_no_nulls()
        pulses = {name: ragged(batch.column(name)) for name in self._pulse_columns(batch.schema, file)}
        rows.require_equal_lengths(pulses)
        return rows, pulses

    def remember(self, event_id: Int[ndarray, "event"]) -> int | None:
        """Ids of events that were checked before, such as by an earlier run that this one continues.

        Returns:
            One that occurs twice; None if there is none.
        """
        self.total += len(event_id)
        return self._seen.add(event_id)

    def _pulse_columns(self, schema: pa.Schema, file: Path) -> tuple[str, ...]:
        """The pulse columns, which are the same from the first batch to the last: a model is made for them."""
        names = pulse_columns(schema)
        expected = self._names or names
        if set(names) != set(expected):
            raise IcerecoError(
                f"{file}: has the pulse columns {', '.join(names)}, but what was read before has "
                f"{', '.join(expected)}; read them separately, or leave the further columns out"
            )
        self._names = expected
        return expected

    def _require_new_ids(self, rows: "_Rows", event_id: Int[ndarray, "event"]) -> None:
        duplicate = self._seen.add(event_id)
        if duplicate is not None:
            row = int(np.flatnonzero(event_id == duplicate)[-1])
            raise rows.error(
                row,
                "this event_id occurs more than once; event ids must be unique in all files that are read together",
            )


def check_truth(
    batch: pa.RecordBatch, source: Path, first_row: int = 0, targets: Sequence[Target] = ("direction",)
) -> None:
    """Check that every event has each of these targets, in range, as training and evaluation need.

    Args:
        batch: the rows.
        source: the file, for the message.
        first_row: row number of the batch's first event in the file, counted from 0.
        targets: what is needed.

    Raises:
        IcerecoError: a column is missing, or a value is null, NaN or out of range. Names file, row and event_id.
    """
    needed = [name for target in targets for name in TARGET_COLUMNS[target]]
    _require_truth_columns(batch.schema.names, needed, source)
    rows = _Rows(batch, source, first_row)
    for name in needed:
        bad = _bad_values(batch, name)
        if bad.any():
            row = int(np.argmax(bad))
            value = batch.column(name)[row].as_py()
            said = value if isinstance(value, str) else "unknown" if value is None else f"{value:g}"
            remedy = strange_angles(batch)
            hint = f"; {remedy}" if remedy and name in _RANGES else ""
            raise rows.error(row, f"{name} is {said}; allowed: {_allowed(name)}{hint}")


def bad_truth(batch: pa.RecordBatch) -> Bool[ndarray, "event"]:
    """Which events have no true direction in range."""
    if not set(TARGET_COLUMNS["direction"]) <= set(batch.schema.names):
        return np.ones(batch.num_rows, bool)
    bad: Bool[ndarray, event] = np.any(
        [_bad_values(batch, name) for name in TARGET_COLUMNS["direction"]], axis=0
    )
    return bad


def _require_truth_columns(present: Sequence[str], needed: Sequence[str], source: Path) -> None:
    missing = [name for name in needed if name not in present]
    if missing:
        units = {name: (SCHEMA.field(name).metadata or {}).get(b"unit", b"").decode() for name in missing}
        named = ", ".join(f"{name} ({unit})" if unit else name for name, unit in units.items())
        raise IcerecoError(
            f"{source}: truth is needed here: column{'s' if len(missing) > 1 else ''} {named} missing; "
            f"found: {', '.join(present)}"
        )


_INFINITY = float("inf")
_RANGES = {
    "azimuth": (0.0, 2 * np.pi, "[0, 2π] rad, and not NaN"),
    "zenith": (0.0, np.pi, "[0, π] rad, and not NaN"),
    "energy": (0.0, _INFINITY, "above 0 GeV, finite, and not NaN"),
    "inelasticity": (0.0, 1.0, "[0, 1], and not NaN"),
}
_SLACK = 1e-6  # float32 angles may end a rounding above the limit


def _allowed(name: str) -> str:
    if name == "kind":
        return ", ".join(EVENT_KINDS)
    return _RANGES[name][2] if name in _RANGES else "finite numbers of m"


def _bad_values(batch: pa.RecordBatch, name: str) -> Bool[ndarray, "event"]:
    """Which values of a truth column are unknown or out of range."""
    column = batch.column(name).to_numpy(zero_copy_only=False)
    if name == "kind":
        return ~np.isin(column.astype(str), EVENT_KINDS)
    values = np.asarray(column, np.float64)
    low, high, _ = _RANGES.get(name, (-_INFINITY, _INFINITY, ""))
    good: ndarray = np.isfinite(values) & (values >= low - _SLACK) & (values <= high + _SLACK)
    if name == "energy":
        good &= values > 0
    return ~good


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows of a file, which can say where something is wrong."""

    batch: pa.RecordBatch
    source: Path
    first_row: int

    def error(self, row: int, problem: str) -> BadEventError:
        known = "event_id" in self.batch.schema.names
        event_id = self.batch.column("event_id")[row].as_py() if known else None
        place = f"{self.source}: row {self.first_row + row}, event_id {event_id if known else '?'}"
        return BadEventError(place, event_id, problem)

    def require_no_nulls(self) -> None:
        require_columns(self.batch.schema.names, self.source)
        for name in ("event_id", *pulse_columns(self.batch.schema)):
            column = self.batch.column(name)
            if column.null_count:
                raise self.error(_first_null(column), f"{name} is null")
            if name == "event_id":
                continue
            values = column.flatten()
            if values.null_count:
                row = _row_of(_first_null(values), ragged_offsets(column))
                raise self.error(row, f"{name} has a null among its values")

    def require_equal_lengths(self, pulses: dict[str, Ragged]) -> None:
        counts = {name: np.diff(part.offsets) for name, part in pulses.items()}
        for name in counts.keys() - {"sensor_id"}:
            differs = counts[name] != counts["sensor_id"]
            if differs.any():
                row = int(np.argmax(differs))
                lengths = f"sensor_id has {counts['sensor_id'][row]} values, {name} has {counts[name][row]}"
                advice = f"; if {name} is not of pulses, leave it out: --reader icereco:without={name}"
                extra = "" if name in PULSE_COLUMNS else advice
                raise self.error(row, f"lists of different length: {lengths}{extra}")

    def require_sensors(self, sensor: Ragged, detector: Detector, advice: str) -> None:
        count = len(detector.position_m)
        outside = (sensor.values < 0) | (sensor.values >= count)
        if not outside.any():
            return
        known = unknown_sensors(self.batch.schema)
        first = int(np.argmax(outside))
        if sensor.values[first] == UNKNOWN and known:
            row = _row_of(first, sensor.offsets)
            place = known.get(self.batch.column("event_id")[row].as_py(), "without a place")
            raise self.error(
                row,
                f"pulse {first - int(sensor.offsets[row])} is of a sensor {place}, which {detector.name} lacks: {advice}",
            )
        problem = f"outside {detector.name}; allowed: 0 to {count - 1}: {advice}"
        self.refuse("sensor_id", sensor, outside, problem)

    def require_finite(self, name: str, part: Ragged, unit: str = "") -> None:
        allowed = f"not finite; allowed: finite numbers{f' of {unit}' if unit else ''}"
        self.refuse(name, part, ~np.isfinite(part.values), allowed)

    def refuse(self, name: str, part: Ragged, bad: Bool[ndarray, "pulse"], problem: str) -> None:
        if bad.any():
            index = int(np.argmax(bad))
            row = _row_of(index, part.offsets)
            place = index - int(part.offsets[row])
            raise self.error(row, f"{name}[{place}] is {part.values[index]:g}: {problem}")


def ragged_offsets(column: pa.Array) -> Int[ndarray, "row_plus_1"]:
    """Offsets of a list column, beginning with 0."""
    offsets: ndarray = column.offsets.to_numpy().astype(np.int64)
    offsets -= offsets[0]
    return offsets


def _first_null(column: pa.Array) -> int:
    return int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))


def _row_of(index: int, offsets: Int[ndarray, "row_plus_1"]) -> int:
    return int(np.searchsorted(offsets, index, side="right")) - 1


@dataclass(slots=True)
class _SeenIds:
    """A set of event ids as sorted runs, merged as they grow to equal size: cheap to add to, 8 bytes an id."""

    runs: list[Int[ndarray, "id"]]

    def add(self, event_id: Int[ndarray, "event"]) -> int | None:
        """Add ids; return one that occurs twice, or None."""
        fresh = np.sort(event_id)
        repeated = np.flatnonzero(fresh[1:] == fresh[:-1])
        if len(repeated):
            return int(fresh[repeated[0]])
        for run in self.runs:
            clash = self._clash(run, fresh)
            if clash is not None:
                return clash
        self._keep(fresh)
        return None

    @staticmethod
    def _clash(run: Int[ndarray, "id"], fresh: Int[ndarray, "event"]) -> int | None:
        if not (len(fresh) and len(run)) or fresh[0] > run[-1] or fresh[-1] < run[0]:
            return None
        at = np.minimum(np.searchsorted(run, fresh), len(run) - 1)
        repeated = run[at] == fresh
        return int(fresh[np.argmax(repeated)]) if repeated.any() else None

    def _keep(self, fresh: Int[ndarray, "event"]) -> None:
        self.runs.append(fresh)
        while len(self.runs) > 1 and len(self.runs[-1]) * 2 > len(self.runs[-2]):
            last = self.runs.pop()
            self.runs[-1] = np.sort(np.concatenate([self.runs[-1], last]), kind="stable")
