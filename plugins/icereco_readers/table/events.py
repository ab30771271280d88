"""Events gathered from a table: rows of pulses by the number of their event, or rows of events with lists."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.events.segments import segment_of
from icereco.system.log import get_logger
from icereco.tables.columns import LARGEST_EXACT
from icereco_readers.bounds import require_few_pulses
from icereco_readers.table.files import TableFile
from icereco_readers.table.mapping import Mapping, require_names
from icereco_readers.table.values import Values

__all__ = ["Rows", "is_list", "rows_of"]

logger = get_logger(__name__)

_ROWS_AT_ONCE = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some events.

    Attributes:
        event_id: `[E]`.
        offsets: `[E+1]`; pulses of event `i` are `offsets[i]:offsets[i+1]`.
        pulses: `[P]` columns of pulses.
        events: `[E]` columns of events.
    """

    event_id: Int[ndarray, "event"]
    offsets: Int[ndarray, "event_plus_1"]
    pulses: Values
    events: Values


def rows_of(file: TableFile, mapping: Mapping, of_events: Sequence[str]) -> "PulseRows | EventRows":
    """The events of a table; `of_events` are the columns of it with a value per event.

    Raises:
        IcerecoError: it lacks a column, or only some columns of pulses are lists.
    """
    require_names([*mapping.event, *mapping.pulses.values(), *of_events], file.schema, file.path)
    lists = {name: is_list(file.schema.field(name).type) for name in mapping.pulses.values()}
    if len(set(lists.values())) > 1:
        single = ", ".join(name for name, listed in lists.items() if not listed)
        raise IcerecoError(
            f"{file.path}: {single} has one value in a row, where other columns of pulses have lists"
        )
    return (EventRows if all(lists.values()) else PulseRows)(file, mapping, tuple(of_events))


@dataclass(frozen=True)
class _Events:
    """The events of a table.

    Attributes:
        file: the table.
        mapping: its columns.
        of_events: those that have a value per event.
    """

    file: TableFile
    mapping: Mapping
    of_events: tuple[str, ...]

    @property
    def _columns(self) -> list[str]:
        return list(dict.fromkeys([*self.mapping.event, *self.mapping.pulses.values(), *self.of_events]))

    @property
    def _whole(self) -> list[str]:
        """The columns that hold whole numbers, where a file has text."""
        carried = [
            name
            for name in self.mapping.carried or ()
            if pa.types.is_integer(self.file.schema.field(name).type)
        ]
        return [*self.mapping.event, *carried, *self._absolute_times]

    @cached_property
    def _absolute_times(self) -> list[str]:
        """The column of times if they are whole numbers, the first of which float64 does not hold."""
        name = self.mapping.pulses["time"]
        if not pa.types.is_integer(self.file.schema.field(name).type):
            return []
        first = next(iter(self.file.batches([name], [name], 1)), None)
        if first is None or not first.num_rows or first.column(0)[0].as_py() is None:
            return []
        return [name] if abs(first.column(0)[0].as_py()) > LARGEST_EXACT else []

    @cached_property
    def _row_ids(self) -> Int[ndarray, "row"]:
        """The id of the event in every row."""
        parts, row = [np.zeros(0, np.int64)], 0
        names = self.mapping.event
        for batch in self.file.batches(names, names, _ROWS_AT_ONCE):
            parts.append(self._values(batch, row).event_ids(names))
            row += batch.num_rows
        return np.concatenate(parts)

    def _values(self, batch: pa.RecordBatch | pa.Table, row: int | Int[ndarray, "row"]) -> Values:
        columns = {name: _one_array(batch.column(name)) for name in batch.schema.names}
        rows = row + np.arange(batch.num_rows) if isinstance(row, int) else row
        return Values(columns, self.file.path, rows)


class EventRows(_Events):
    """A row per event, whose pulses are lists of one length."""

    @property
    def event_id(self) -> Int[ndarray, "event"]:
        """Ids of all events, in order."""
        return self._row_ids

    def read(self, rows: int) -> Iterator[Rows]:
        """Yield all events, at most `rows` at once."""
        row = 0
        for whole in self.file.batches(self._columns, self._whole, rows):
            for start in range(0, whole.num_rows, rows):
                batch = whole.slice(start, rows)
                yield self._rows(batch, row)
                row += batch.num_rows

    def _rows(self, batch: pa.RecordBatch, row: int) -> Rows:
        names = list(dict.fromkeys(self.mapping.pulses.values()))
        events = self._values(batch.select([n for n in batch.schema.names if n not in names]), row)
        lists = {name: self._list(batch.column(name), name, row) for name in names}
        counts = self._counts(lists, row)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        pulses = {name: pc.list_flatten(column) for name, column in lists.items()}
        return Rows(
            event_id=events.event_ids(self.mapping.event),
            offsets=offsets,
            pulses=Values(pulses, self.file.path, row + segment_of(offsets)),
            events=events,
        )

    def _list(self, column: pa.Array, name: str, row: int) -> pa.Array:
        if column.null_count:
            bad = row + int(np.argmax(np.asarray(column.is_null())))
            raise IcerecoError(
                f"{self.file.path}: row {bad}: column {name} is null; a list is needed, maybe an empty one"
            )
        return column

    def _counts(self, lists: dict[str, pa.Array], row: int) -> Int[ndarray, "event"]:
        first, *more = lists
        counts = {name: np.asarray(pc.list_value_length(column), np.int64) for name, column in lists.items()}
        for name in more:
            differs = np.flatnonzero(counts[name] != counts[first])
            if len(differs):
                bad = differs[0]
                raise IcerecoError(
                    f"{self.file.path}: row {row + bad}: lists of different length: {first} has {counts[first][bad]} values, "
                    f"{name} has {counts[name][bad]}"
                )
        return counts[first]


class PulseRows(_Events):
    """A row per pulse. Events come in order of their first pulse, wherever the others are."""

    @cached_property
    def _first_rows(self) -> Int[ndarray, "run_plus_1"]:
        """The rows where another event begins than that of the row before, and the number of rows."""
        ids = self._row_ids
        begins = np.flatnonzero(np.append(True, ids[1:] != ids[:-1])[: len(ids)])
        return np.append(begins, len(ids))

    @cached_property
    def event_id(self) -> Int[ndarray, "event"]:
        """Ids of all events, in order of their first pulse."""
        runs = self._row_ids[self._first_rows[:-1]]
        _, first = np.unique(runs, return_index=True)
        ids: ndarray = runs[np.sort(first)]
        return ids

    @property
    def _contiguous(self) -> bool:
        return len(self.event_id) == len(self._first_rows) - 1

    def read(self, rows: int) -> Iterator[Rows]:
        """Yield all events, at most `rows` at once; a table in which events are not contiguous is held in memory."""
        if not len(self._row_ids):
            return
        stretches = self._in_pieces() if self._contiguous else iter([self._sorted])
        held, ends = next(stretches), self._ends
        for start in range(0, len(self.event_id), rows):
            offsets = ends[start : start + rows + 1]
            require_few_pulses(int(np.diff(offsets).max()), int(self.event_id[start]), self.file.path)
            while held.end < offsets[-1]:
                held = held.after(int(offsets[0])).joined(next(stretches))
            yield self._rows(held.between(int(offsets[0]), int(offsets[-1])), start, offsets - offsets[0])

    @cached_property
    def _ends(self) -> Int[ndarray, "event_plus_1"]:
        if self._contiguous:
            return self._first_rows
        _, first, count = np.unique(self._row_ids, return_index=True, return_counts=True)
        return np.concatenate([[0], np.cumsum(count[np.argsort(first)])])

    def _in_pieces(self) -> Iterator["_Stretch"]:
        row = 0
        for batch in self.file.batches(self._columns, self._whole, _ROWS_AT_ONCE):
            yield _Stretch(pa.Table.from_batches([batch]), row + np.arange(batch.num_rows), row)
            row += batch.num_rows

    @cached_property
    def _sorted(self) -> "_Stretch":
        """The whole table, its events in order of their first pulse, and their pulses in the order of the file."""
        logger.warning(
            "%s: the rows of an event are not contiguous, so all %d pulses are held in memory; sorted by %s it needs little",
            self.file.path, len(self._row_ids), "+".join(self.mapping.event),
        )  # fmt: skip
        table = pa.Table.from_batches(self.file.batches(self._columns, self._whole, _ROWS_AT_ONCE))
        _, first, event = np.unique(self._row_ids, return_index=True, return_inverse=True)
        order = np.argsort(first[event], kind="stable")
        return _Stretch(table.take(order), order, 0)

    def _rows(self, part: "_Stretch", start: int, offsets: Int[ndarray, "event_plus_1"]) -> Rows:
        pulses = self._values(part.table, part.row)
        first = self._values(part.table.take(offsets[:-1]), part.row[offsets[:-1]])
        self._require_constant(part, pulses, offsets)
        return Rows(self.event_id[start : start + len(offsets) - 1], offsets, pulses, first)

    def _require_constant(
        self, part: "_Stretch", pulses: Values, offsets: Int[ndarray, "event_plus_1"]
    ) -> None:
        """What is true of an event is the same in all of its rows."""
        event = segment_of(offsets)
        for name in self.of_events:
            encoded = _one_array(part.table[name]).dictionary_encode(null_encoding="encode")
            codes = np.asarray(encoded.indices)
            pulses.require(
                name, codes == codes[offsets[:-1]][event], "it differs from that of the event's first row"
            )


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Consecutive rows, from `start` on, and where they are in the file."""

    table: pa.Table
    row: Int[ndarray, "row"]
    start: int

    @property
    def end(self) -> int:
        return int(self.start + self.table.num_rows)

    def between(self, start: int, end: int) -> "_Stretch":
        rows = slice(start - self.start, end - self.start)
        return _Stretch(self.table.slice(rows.start, end - start), self.row[rows], start)

    def after(self, start: int) -> "_Stretch":
        return self.between(start, self.end)

    def joined(self, following: "_Stretch") -> "_Stretch":
        table = pa.concat_tables([self.table, following.table])
        return _Stretch(table, np.concatenate([self.row, following.row]), self.start)


def _one_array(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):
        return whole.chunk(0) if whole.num_chunks else pa.array([], whole.type)
    return whole


def is_list(kind: pa.DataType) -> bool:
    """Whether a column has lists: a value for each pulse of an event."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))
