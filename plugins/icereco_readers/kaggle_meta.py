"""The rows of each event in a Kaggle batch file: from the meta table, or from the pulses themselves."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int
from numpy import ndarray

from icereco.errors import IcerecoError
from icereco.tables.from_columns import int_column
from icereco.tables.schema import TRUTH_COLUMNS
from icereco_readers.bounds import require_few_pulses

__all__ = ["META_COLUMNS", "META_TRUTH", "EventIndex", "index_from_meta", "index_from_pulses"]

META_COLUMNS = ("batch_id", "event_id", "first_pulse_index", "last_pulse_index")
META_TRUTH = (*TRUTH_COLUMNS, "energy_gev")
"""Columns of a meta table that are truth: the competition has the angles alone, files of our own have all."""
_NEW_NAMES = {"energy_gev": "energy"}


@dataclass(frozen=True, slots=True, eq=False)
class EventIndex:
    """Events of one batch file, in input order.

    Attributes:
        event_id: int64 `[E]`.
        first: int64 `[E]`, row of the event's first pulse.
        end: int64 `[E]`, row after its last pulse; equal to `first` for an event without pulses.
        truth: columns in the names of the own layout, `[E]` each.
    """

    event_id: Int[ndarray, "event"]
    first: Int[ndarray, "event"]
    end: Int[ndarray, "event"]
    truth: dict[str, pa.Array] = field(default_factory=dict)

    @property
    def pulse_count(self) -> Int[ndarray, "event"]:
        """Pulses of each event."""
        count: ndarray = self.end - self.first
        return count

    @property
    def in_order(self) -> bool:
        """Whether the events are in the order of their pulses, so that one pass over the file is enough."""
        return bool((self.first[1:] >= self.end[:-1]).all())

    def slice(self, start: int, stop: int) -> "EventIndex":
        """Events `start` to `stop`."""
        rows = slice(start, stop)
        truth = {name: column.slice(start, stop - start) for name, column in self.truth.items()}
        return EventIndex(self.event_id[rows], self.first[rows], self.end[rows], truth)

    def require_within(self, pulses: int, file: Path) -> None:
        """Check the row numbers against a file of so many pulses.

        Raises:
            IcerecoError: an event's rows are not in the file.
        """
        counts = self.end - self.first
        if len(counts):
            require_few_pulses(int(counts.max()), int(self.event_id[np.argmax(counts)]), file)
        bad = (self.first < 0) | (self.end < self.first) | (self.end > pulses)
        if bad.any():
            row = int(np.argmax(bad))
            raise IcerecoError(
                f"{file}: the meta table gives event_id {self.event_id[row]} the pulses {self.first[row]} to "
                f"{self.end[row] - 1} (inclusive), but the file has {pulses} pulses"
            )


def index_from_meta(rows: pa.Table, batch_id: int, meta: Path, file: Path) -> EventIndex:
    """The events of one batch.

    Args:
        rows: of the meta table, those of this batch.
        batch_id: of the batch, for the message.
        meta: the meta table, for the message.
        file: the batch file.

    Raises:
        IcerecoError: the meta has no event of this batch, though it has pulses.
    """
    if not rows.num_rows and pq.read_metadata(file).num_rows:
        raise IcerecoError(f"{file}: {meta.name} has no event of batch_id {batch_id}")
    event_id, first, last = (int_column(rows[name], name, meta) for name in META_COLUMNS[1:])
    names = [name for name in rows.column_names if name not in META_COLUMNS]
    truth = {_NEW_NAMES.get(name, name): rows[name].combine_chunks() for name in names}
    return EventIndex(event_id, first, last + 1, truth)


def index_from_pulses(file: Path, event: str = "event_id") -> EventIndex:
    """The events of a file without meta table, in order of first appearance; `event` is the column of their ids.

    An event whose pulses are not contiguous gives several events of the same id, which the validation of
    event ids refuses.
    """
    with pq.ParquetFile(file, page_checksum_verification=True) as opened:
        batches = opened.iter_batches(batch_size=1 << 20, columns=[event])
        runs = _Runs()
        for batch in batches:
            runs.add(int_column(batch.column(0), event, file))
    return runs.index()


class _Runs:
    """Runs of equal event ids, collected chunk by chunk."""

    def __init__(self) -> None:
        self._ids: list[ndarray] = []
        self._firsts: list[ndarray] = []
        self._count = 0
        self._last: int | None = None

    def add(self, ids: Int[ndarray, "pulse"]) -> None:
        """Add the ids of the next pulses."""
        begins = np.ones(len(ids), bool)
        np.not_equal(ids[1:], ids[:-1], out=begins[1:])
        begins[:1] = self._last is None or ids[:1] != self._last
        first = np.flatnonzero(begins)
        self._ids.append(ids[first])
        self._firsts.append(first + self._count)
        self._count += len(ids)
        self._last = int(ids[-1]) if len(ids) else self._last

    def index(self) -> EventIndex:
        """Return all runs so far."""
        first = np.concatenate([np.empty(0, np.int64), *self._firsts])
        event_id = np.concatenate([np.empty(0, np.int64), *self._ids])
        return EventIndex(event_id, first, np.append(first[1:], self._count)[: len(first)])
