"""Meta tables of the Kaggle competition, which are larger than memory: only the rows of a few batches are ever held."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from icereco.errors import IcerecoError
from icereco.tables.columns import require_columns
from icereco.tables.from_columns import int_column
from icereco_readers.kaggle_meta import META_COLUMNS, META_TRUTH

__all__ = ["MetaTables"]

_ROWS_AT_ONCE = 1 << 18
_BUFFER_BYTES = 1 << 20
# One pass finds the rows of this many batches: files are mostly read in the order of their numbers.
_BATCHES_AT_ONCE = 8

State = tuple[Path, int, int]
"""The state of a file, to detect changes: its name, time of modification, size."""

Events = Mapping[int, Mapping[int, int]]
"""How many events there are of each batch in each row group that has some."""


class MetaTables:
    """Rows of meta tables by batch."""

    def __init__(self) -> None:
        self._events: dict[State, Events] = {}
        self._rows: dict[tuple[State, int], pa.Table] = {}

    def count(self, meta: Path, batch_id: int) -> int:
        """The number of events of a batch.

        Raises:
            IcerecoError: a column is missing.
        """
        return sum(self._events_of(meta).get(batch_id, {}).values())

    def rows(self, meta: Path, batch_id: int) -> pa.Table:
        """The rows of a batch, with the columns that are read.

        Raises:
            IcerecoError: a column is missing.
        """
        state, events = _state(meta), self._events_of(meta)
        if (state, batch_id) not in self._rows:
            following = sorted(number for number in events if number > batch_id)[: _BATCHES_AT_ONCE - 1]
            wanted = {number: events.get(number, {}) for number in (batch_id, *following)}
            self._rows = {(state, number): rows for number, rows in meta_rows(meta, wanted).items()}
        return self._rows[state, batch_id]

    def _events_of(self, meta: Path) -> Events:
        state = _state(meta)
        if state not in self._events:
            self._events[state] = events_per_batch(meta)
        return self._events[state]


def _state(meta: Path) -> State:
    status = meta.stat()
    return meta, status.st_mtime_ns, status.st_size


@contextmanager
def _opened(meta: Path) -> Iterator[pq.ParquetFile]:
    """Open a meta table; an error names it, not the file of pulses whose reader asked for it."""
    try:
        with pq.ParquetFile(
            meta, pre_buffer=False, buffer_size=_BUFFER_BYTES, page_checksum_verification=True
        ) as opened:
            yield opened
    except (pa.ArrowException, OSError) as error:
        raise IcerecoError(f"{meta}: cannot be read to its end: {error}") from error


def meta_rows(meta: Path, events: Events) -> dict[int, pa.Table]:
    """Read the rows of some batches in one pass over the row groups that hold them, which ends when all are read.

    The competition's meta table has row groups of tens of millions of rows, so it must be read in small pieces.
    """
    with _opened(meta) as opened:
        names = opened.schema_arrow.names
        columns = [*META_COLUMNS, *(name for name in META_TRUTH if name in names)]
        schema = pa.schema([opened.schema_arrow.field(name) for name in columns])
        kept: dict[int, list[pa.RecordBatch]] = {number: [] for number in events}
        missing = {number: sum(groups.values()) for number, groups in events.items()}
        groups = sorted(set().union(*events.values()))
        for batch in opened.iter_batches(batch_size=_ROWS_AT_ONCE, row_groups=groups, columns=columns):
            ids = int_column(batch.column("batch_id"), "batch_id", meta)
            low, high = int(ids.min()), int(ids.max())
            for number in (one for one in missing if low <= one <= high):
                rows = batch.filter(pa.array(ids == number))
                kept[number].append(rows)
                missing[number] -= rows.num_rows
            if not any(missing.values()):
                break
    return {number: pa.Table.from_batches(rows, schema) for number, rows in kept.items()}


def events_per_batch(meta: Path) -> Events:
    """Count the events of each batch in a meta table, holding only a small piece of it in memory.

    The statistics in the file would say which row groups a batch is in, but pyarrow ends the process where they are
    damaged.

    Raises:
        IcerecoError: it has no batch_id.
    """
    events: defaultdict[int, Counter[int]] = defaultdict(Counter)
    with _opened(meta) as opened:
        require_columns(opened.schema_arrow.names, meta, META_COLUMNS)
        for group in range(opened.num_row_groups):
            for batch in opened.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=["batch_id"]):
                ids = int_column(batch.column(0), "batch_id", meta)
                for number, count in zip(*np.unique(ids, return_counts=True), strict=True):
                    events[int(number)][group] += int(count)
    return dict(events)
