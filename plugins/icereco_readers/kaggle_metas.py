"""Meta tables of the Kaggle competition, which are larger than memory: only the rows of a few batches are ever held."""

from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

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


class MetaTables:
    """Rows of meta tables by batch."""

    def __init__(self) -> None:
        self._counts: dict[State, dict[int, int]] = {}
        self._rows: dict[tuple[State, int], pa.Table] = {}

    def count(self, meta: Path, batch_id: int) -> int:
        """The number of events of a batch.

        Raises:
            IcerecoError: a column is missing.
        """
        return self._counts_of(meta).get(batch_id, 0)

    def rows(self, meta: Path, batch_id: int) -> pa.Table:
        """The rows of a batch, with the columns that are read.

        Raises:
            IcerecoError: a column is missing.
        """
        state, counts = _state(meta), self._counts_of(meta)
        if (state, batch_id) not in self._rows:
            following = sorted(number for number in counts if number > batch_id)[: _BATCHES_AT_ONCE - 1]
            wanted = {number: counts.get(number, 0) for number in (batch_id, *following)}
            self._rows = {(state, number): rows for number, rows in meta_rows(meta, wanted).items()}
        return self._rows[state, batch_id]

    def _counts_of(self, meta: Path) -> dict[int, int]:
        state = _state(meta)
        if state not in self._counts:
            self._counts[state] = events_per_batch(meta)
        return self._counts[state]


def _state(meta: Path) -> State:
    status = meta.stat()
    return meta, status.st_mtime_ns, status.st_size


def _opened(meta: Path) -> pq.ParquetFile:
    return pq.ParquetFile(meta, pre_buffer=False, buffer_size=_BUFFER_BYTES, page_checksum_verification=True)


def meta_rows(meta: Path, counts: Mapping[int, int]) -> dict[int, pa.Table]:
    """Read the rows of some batches, `counts` of each, found in one pass that ends when all are.

    The competition's meta table has row groups of tens of millions of rows, so it must be read in small pieces.
    """
    with _opened(meta) as opened:
        names = opened.schema_arrow.names
        columns = [*META_COLUMNS, *(name for name in META_TRUTH if name in names)]
        schema = pa.schema([opened.schema_arrow.field(name) for name in columns])
        kept: dict[int, list[pa.RecordBatch]] = {number: [] for number in counts}
        missing = dict(counts)
        groups = [group for group in range(opened.num_row_groups) if _may_hold(opened, group, counts)]
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


def _may_hold(opened: pq.ParquetFile, group: int, numbers: Collection[int]) -> bool:
    """Return whether a row group may hold one of these batches, judged from its statistics."""
    described = opened.metadata.row_group(group)
    column = described.column(opened.schema_arrow.get_field_index("batch_id")).statistics
    if column is None or not column.has_min_max:
        return True
    return any(column.min <= number <= column.max for number in numbers)


def events_per_batch(meta: Path) -> dict[int, int]:
    """Count the events of each batch in a meta table, holding only a small piece of it in memory.

    Raises:
        IcerecoError: it has no batch_id.
    """
    with _opened(meta) as opened:
        require_columns(opened.schema_arrow.names, meta, META_COLUMNS)
        events: Counter[int] = Counter()
        for batch in opened.iter_batches(batch_size=_ROWS_AT_ONCE, columns=["batch_id"]):
            ids = int_column(batch.column(0), "batch_id", meta)
            numbers, counts = np.unique(ids, return_counts=True)
            events.update(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
    return dict(events)
