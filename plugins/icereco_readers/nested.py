"""Parquet files with one row per event and a struct column for each table, whose pulses are lists."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.physics.sphere import angles_from_direction, direction_from_angles
from icereco.system.documents import parse_json
from icereco.system.log import get_logger
from icereco.tables.columns import Ragged
from icereco.tables.from_columns import float_column, int_column, time_column
from icereco_readers.bounds import bounded_parquet
from icereco_readers.convention import SAMPLE_EVENTS
from icereco_readers.dialects import EVENT, Dialect, dialect_of
from icereco_readers.final_state import contradicting, summed_direction
from icereco_readers.foreign import ForeignEvents
from icereco_readers.pulse_maps import MapPulses, chosen_maps, join_maps, require_same_columns

__all__ = ["NestedFile", "is_nested", "lacks_photons"]

logger = get_logger(__name__)

_IDS_PER_RUN = 1_000_000


def is_nested(file: Path, event: str | None) -> bool:
    """Return whether a parquet file has a struct of lists of pulses at positions: GraphNeT's with the event's number, or Prometheus'.

    Raises:
        pyarrow.ArrowException, OSError: it is not a parquet file.
    """
    for fields in _structs(pq.read_schema(file)).values():
        dialect = _dialect(fields)
        if dialect is not None and (
            EVENT in fields if event else EVENT not in fields and not dialect.always_origin
        ):
            return True
    return False


def lacks_photons(file: Path) -> bool:
    """Return whether a parquet file has Prometheus' truth of interactions and no photons.

    Raises:
        pyarrow.ArrowException, OSError: it is not a parquet file.
    """
    structs = _structs(pq.read_schema(file))
    truth = any(
        {"initial_state_azimuth", "initial_state_zenith"} <= set(fields) for fields in structs.values()
    )
    return truth and not any(map(_dialect, structs.values()))


@dataclass(frozen=True)
class NestedFile:
    """One parquet file with struct columns.

    Attributes:
        path: the file.
        pulse_map: the structs of pulses, A+B; None for the only one.
        truth_table: the struct of truth; None for the first that is named in
        truth_names: its usual names.
    """

    path: Path
    pulse_map: str | None
    truth_table: str | None
    truth_names: Sequence[str]

    @property
    def files(self) -> list[Path]:
        """The file alone: it has no companions."""
        return [self.path]

    @cached_property
    def tables(self) -> dict[str, dict[str, pa.DataType]]:
        """Fields of each struct column."""
        return _structs(pq.read_schema(self.path))

    @cached_property
    def pulses(self) -> tuple[str, ...]:
        """The structs of pulses."""
        maps = {name: fields for name, fields in self.tables.items() if _dialect(fields)}
        return chosen_maps(self.pulse_map, maps, self.path, "graphnet-parquet")

    @cached_property
    def truth(self) -> str | None:
        """The struct of truth, if there is one."""
        if self.truth_table is not None and self.truth_table not in self.tables:
            names = ", ".join(self.tables)
            raise IcerecoError(f"{self.path}: no table {self.truth_table!r}; found: {names}")
        return self.truth_table or next((name for name in self.truth_names if name in self.tables), None)

    @cached_property
    def dialect(self) -> Dialect:
        """The dialect of the column names."""
        dialect = dialect_of(self.tables[self.pulses[0]], self.tables[self.truth] if self.truth else ())
        assert dialect is not None, "structs of pulses are selected by their columns"
        require_same_columns(dialect, {name: self._lists_of(name) for name in self.pulses}, self.path)
        return dialect

    def _lists_of(self, pulses: str) -> list[str]:
        return [name for name, kind in self.tables[pulses].items() if _is_list(kind)]

    @cached_property
    def first_id(self) -> int:
        """The id of the first event in files without event numbers: Prometheus' run number in millions."""
        try:
            config = parse_json((pq.read_schema(self.path).metadata or {}).get(b"config_prometheus", b"{}"))
            return int(config["run"]["run number"]) * _IDS_PER_RUN
        except (ValueError, KeyError, TypeError):
            return 0

    def count(self) -> int:
        """The number of events."""
        return int(pq.read_metadata(self.path).num_rows)

    def sample(self, count: int) -> ForeignEvents | None:
        """The first events, up to `count`, with angles as stored in the file; None if there are no events."""
        return next(self.events(count, 1), None)

    def events(self, rows: int, sign: int) -> Iterator[ForeignEvents]:
        """Yield all events, at most `rows` at once; `sign` is -1 where the file's angles are of travel.

        Raises:
            IcerecoError: lists differ in length, or a column does not hold numbers.
        """
        row = 0
        with bounded_parquet(self.path) as opened:
            columns = [name for name in (*self.pulses, self.truth) if name]
            for batch in opened.iter_batches(batch_size=rows, columns=columns):
                yield self._events(batch, row, sign)
                row += batch.num_rows

    def _events(self, batch: pa.RecordBatch, row: int, sign: int) -> ForeignEvents:
        offsets, values = join_maps([self._map(batch.column(name), name, row) for name in self.pulses])
        truth = self._truth_columns(batch)
        return ForeignEvents(
            event_id=self._ids(batch, row),
            offsets=offsets,
            place_m=self.dialect.place_m(values),
            pulses=self.dialect.pulses(values, offsets),
            truth=self.dialect.own_truth(truth, sign),
            interactions=self.dialect.interactions(truth),
        )

    def _ids(self, batch: pa.RecordBatch, row: int) -> Int[ndarray, "event"]:
        first = self.pulses[0]
        if EVENT in self.tables[first]:
            return int_column(_field(batch.column(first), EVENT), EVENT, self.path)
        return np.arange(batch.num_rows, dtype=np.int64) + self.first_id + row

    def _map(self, table: pa.Array, pulses: str, row: int) -> MapPulses:
        """The pulses of one struct."""
        names = self.dialect.pulse_names(self._lists_of(pulses))
        lists = {name: self._list(table, f"{pulses}.{name}", row) for name in names}
        offsets = lists[names[0]].offsets
        for name, part in lists.items():
            if not np.array_equal(part.offsets, offsets):
                bad = row + int(np.argmax(np.diff(part.offsets) != np.diff(offsets)))
                raise IcerecoError(
                    f"{self.path}: row {bad}: lists of different length: {names[0]} and {name}"
                )
        return MapPulses(offsets, {name: part.values for name, part in lists.items()})

    def _list(self, table: pa.Array, path: str, row: int) -> Ragged:
        name = path.rpartition(".")[2]
        column = _field(table, name)
        missing = np.asarray(table.is_null()) | np.asarray(column.is_null())
        if missing.any():
            raise IcerecoError(f"{self.path}: row {row + int(np.argmax(missing))}: {path} is null")
        convert = time_column if name == self.dialect.time else float_column
        return _list_values(column, path, self.path, convert)

    def _truth_columns(self, batch: pa.RecordBatch) -> dict[str, ndarray]:
        if self.truth is None:
            return {}
        table, names = batch.column(self.truth), self.dialect.truth_names(self.tables[self.truth])
        known = ~np.asarray(table.is_null())
        columns = {
            name: float_column(_field(table, name), f"{self.truth}.{name}", self.path) for name in names
        }
        columns = {name: np.where(known, column, np.nan) for name, column in columns.items()}
        return columns | self._final_angles(table) if self._takes_final_state else columns

    @cached_property
    def _takes_final_state(self) -> bool:
        """Whether the initial states contradict the final ones, of the first events; says so."""
        if self.truth is None or not set(self.dialect.final_state) <= set(self.tables[self.truth]):
            return False
        if not self.dialect.final_state:
            return False
        with bounded_parquet(self.path) as opened:
            batch = next(opened.iter_batches(batch_size=SAMPLE_EVENTS, columns=[self.truth]), None)
        if batch is None:
            return False
        table, angles = batch.column(self.truth), [self.dialect.truth[name] for name in ("azimuth", "zenith")]
        initial = [float_column(_field(table, name), name, self.path) for name in angles]
        final = self._final_angles(table)
        apart, compared = contradicting(
            direction_from_angles(*initial), direction_from_angles(*(final[name] for name in angles))
        )
        if apart:
            logger.warning(
                "%s: initial and final state contradict each other in %d of %d events (%s, for example, is %.0f° from that of "
                "the outgoing particles): takes the direction of the outgoing particles, weighted with their energy",
                self.path,
                apart,
                compared,
                angles[0],
                np.degrees(np.median(np.abs((initial[0] - final[angles[0]] + np.pi) % (2 * np.pi) - np.pi))),
            )
        return apart > 0

    def _final_angles(self, table: pa.Array) -> dict[str, ndarray]:
        """Azimuth and zenith of the final states, by the names of the columns of the initial ones."""
        lists = [_list_values(_field(table, name), name, self.path) for name in self.dialect.final_state]
        angles = angles_from_direction(summed_direction(*lists))
        return {
            self.dialect.truth[name]: angle for name, angle in zip(("azimuth", "zenith"), angles, strict=True)
        }


def _structs(schema: pa.Schema) -> dict[str, dict[str, pa.DataType]]:
    kinds = {field.name: _plain_type(field.type) for field in schema}
    return {
        name: {field.name: _plain_type(field.type) for field in kind}
        for name, kind in kinds.items()
        if pa.types.is_struct(kind)
    }


def _dialect(fields: dict[str, pa.DataType]) -> Dialect | None:
    return dialect_of([name for name, kind in fields.items() if _is_list(kind)])


def _list_values(
    column: pa.Array, name: str, file: Path, convert: Callable[[pa.Array, str, Path], ndarray] = float_column
) -> Ragged:
    column.validate(full=True)
    start, end = (column.offsets[index].as_py() for index in (0, -1))
    values = _plain(column.values).slice(start, end - start)
    return Ragged(convert(values, name, file), np.asarray(column.offsets, np.int64) - start)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def _field(table: pa.Array, name: str) -> pa.Array:
    return _plain(_plain(table).field(name))


# Both simulations write with awkward; once it is imported, its types wrap Arrow's at each level.
def _plain(column: pa.Array) -> pa.Array:
    return column.storage if isinstance(column, pa.ExtensionArray) else column


def _plain_type(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
