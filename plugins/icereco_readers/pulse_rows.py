"""Rows of a flat pulse table, gathered into one row per event with lists."""

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from numpy import ndarray

from icereco.tables.columns import require_columns
from icereco_readers.bounds import bounded_parquet
from icereco_readers.kaggle_meta import EventIndex

__all__ = ["PulseRows", "event_rows"]

_ROWS_AT_ONCE = 1 << 18


class PulseRows:
    """A parquet file of pulses, read once from front to back, or held in memory if events are not in order."""

    def __init__(self, file: Path, columns: tuple[str, ...], *, in_order: bool) -> None:
        self._opened = bounded_parquet(file)
        require_columns(self._opened.schema_arrow.names, file, columns)
        self.count: int = self._opened.metadata.num_rows
        size = _ROWS_AT_ONCE if in_order else max(self.count, 1)
        self._batches = self._opened.iter_batches(batch_size=size, columns=list(columns))
        self._schema = pa.schema([self._opened.schema_arrow.field(name) for name in columns])
        self._held: list[pa.RecordBatch] = []
        self._start = 0
        self._end = 0
        self._in_order = in_order

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def rows(self, start: int, end: int) -> pa.Table:
        """Return rows `start` to `end`; with `in_order`, calls must be in ascending order."""
        while self._end < end:
            self._forget_before(start)
            batch = next(self._batches)
            self._held.append(batch)
            self._end += batch.num_rows
        self._forget_before(start)
        table = pa.Table.from_batches(self._held, schema=self._schema)
        return table.slice(start - self._start, end - start)

    def _forget_before(self, row: int) -> None:
        while self._in_order and self._held and self._start + self._held[0].num_rows <= row:
            self._start += self._held.pop(0).num_rows


def event_rows(pulses: PulseRows, index: EventIndex) -> pa.RecordBatch:
    """Gather one row per event of `index`: its id, lists of its pulses, its truth; `pulse_event_id` is the id in each pulse."""
    filled = index.pulse_count > 0
    low = int(index.first[filled].min(initial=pulses.count))
    high = int(index.end[filled].max(initial=low))
    table = pulses.rows(low, high)
    offsets = np.concatenate([[0], np.cumsum(index.pulse_count)])
    if offsets[-1] != high - low or not index.in_order:
        table = table.take(_row_numbers(index.first - low, offsets))
    names = ["pulse_event_id" if name == "event_id" else name for name in table.column_names]
    lists = [_lists(column, offsets) for column in table.combine_chunks().columns]
    columns = {"event_id": pa.array(index.event_id), **dict(zip(names, lists, strict=True)), **index.truth}
    return pa.RecordBatch.from_pydict(columns)


def _lists(column: pa.ChunkedArray, offsets: Int[ndarray, "event_plus_1"]) -> pa.ListArray:
    values = column.chunk(0) if column.num_chunks else pa.array([], column.type)
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), values)


def _row_numbers(
    first: Int[ndarray, "event"], offsets: Int[ndarray, "event_plus_1"]
) -> Int[ndarray, "pulse"]:
    """`first[i], first[i]+1, …` for each event, one after the other."""
    counts = np.diff(offsets)
    numbers: ndarray = np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], counts)
    return numbers
