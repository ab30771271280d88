# ruff: noqa: TID253 -- reads Arrow files; imported only when a file is read
"""Which rows of a Kaggle batch file are which event: from the meta table, or from the pulses themselves."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int
from numpy import ndarray

from icereco.data.columns import require_columns
from icereco.errors import IcerecoError

__all__ = ["EventIndex", "events_per_batch", "index_from_meta", "index_from_pulses"]

_NEEDED = ("batch_id", "event_id", "first_pulse_index", "last_pulse_index")
_TRUTH = ("azimuth", "zenith", "energy", "energy_gev", "kind", "vertex_x", "vertex_y", "vertex_z")
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
        bad = (self.first < 0) | (self.end < self.first) | (self.end > pulses)
        if bad.any():
            row = int(np.argmax(bad))
            raise IcerecoError(
                f"{file}: the meta table gives event_id {self.event_id[row]} the pulses {self.first[row]} to "
                f"{self.end[row] - 1} (inclusive), but the file has {pulses} pulses"
            )


def index_from_meta(meta: Path, batch_id: int, file: Path) -> EventIndex:
    """The events of one batch; of the meta table, only the row groups that hold this batch are read.

    Raises:
        IcerecoError: a column is missing, or the meta has no event of this batch.
    """
    found = pq.read_schema(meta).names
    require_columns(found, meta, _NEEDED)
    columns = [*_NEEDED, *(name for name in _TRUTH if name in found)]
    table = pq.read_table(meta, columns=columns, filters=[("batch_id", "=", batch_id)]).combine_chunks()
    if not table.num_rows and pq.read_metadata(file).num_rows:
        raise IcerecoError(f"{file}: {meta.name} has no event of batch_id {batch_id}")
    event_id, first, last = (np.asarray(table[name], np.int64) for name in _NEEDED[1:])
    truth = {_NEW_NAMES.get(name, name): _whole(table[name]) for name in columns[len(_NEEDED) :]}
    return EventIndex(event_id, first, last + 1, truth)


def events_per_batch(meta: Path) -> dict[int, int]:
    """Events of each batch in a meta table, without holding more than a piece of it.

    Raises:
        IcerecoError: it has no batch_id.
    """
    with pq.ParquetFile(meta) as opened:
        require_columns(opened.schema_arrow.names, meta, _NEEDED)
        found: Counter[int] = Counter()
        for batch in opened.iter_batches(batch_size=1 << 20, columns=["batch_id"]):
            numbers, counts = np.unique(np.asarray(batch.column(0), np.int64), return_counts=True)
            found.update(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
    return dict(found)


def index_from_pulses(file: Path, event: str = "event_id") -> EventIndex:
    """The events of a file without meta table, in order of first appearance; `event` is the column of their ids.

    An event whose pulses are not in one piece comes out as several events of the same id, which the check of
    event ids refuses.
    """
    with pq.ParquetFile(file) as opened:
        batches = opened.iter_batches(batch_size=1 << 20, columns=[event])
        runs = _Runs()
        for batch in batches:
            runs.add(np.asarray(batch.column(0), np.int64))
    return runs.index()


class _Runs:
    """Stretches of equal event ids, found piece by piece."""

    def __init__(self) -> None:
        self._ids: list[ndarray] = []
        self._firsts: list[ndarray] = []
        self._count = 0
        self._last: int | None = None

    def add(self, ids: Int[ndarray, "pulse"]) -> None:
        """The ids of the next pulses."""
        begins = np.ones(len(ids), bool)
        np.not_equal(ids[1:], ids[:-1], out=begins[1:])
        begins[:1] = self._last is None or ids[:1] != self._last
        first = np.flatnonzero(begins)
        self._ids.append(ids[first])
        self._firsts.append(first + self._count)
        self._count += len(ids)
        self._last = int(ids[-1]) if len(ids) else self._last

    def index(self) -> EventIndex:
        """All stretches so far."""
        first = np.concatenate([np.empty(0, np.int64), *self._firsts])
        event_id = np.concatenate([np.empty(0, np.int64), *self._ids])
        return EventIndex(event_id, first, np.append(first[1:], self._count)[: len(first)])


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
