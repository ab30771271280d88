# ruff: noqa: TID253 -- writes Arrow tables; imported only by commands that simulate
"""Writing events: the own layout, and that of the Kaggle competition. Files appear whole or not at all."""

import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from icereco.atomic import replacing, unwritable
from icereco.data.columns import ragged
from icereco.data.table import PULSE_COLUMNS, SCHEMA, TRUTH_COLUMNS
from icereco.detector import Detector

__all__ = ["PROVENANCE_KEY", "EventWriter", "KaggleWriter", "OwnWriter"]

PROVENANCE_KEY = b"icereco.provenance"
"""Schema metadata: JSON of what the events were made with."""

_EVENTS_PER_ROW_GROUP = 4096
_EVENTS_PER_KAGGLE_BATCH = 200_000
_COMPRESSION = "zstd"

_KAGGLE_PULSES = pa.schema(
    {
        "event_id": pa.int64(),
        "sensor_id": pa.int16(),
        "time": pa.int64(),
        "charge": pa.float32(),
        "auxiliary": pa.bool_(),
    }
)


class EventWriter(Protocol):
    """A context manager that writes events one batch after the other; nothing is left behind when it fails."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Append events, as `icereco.data.table.SCHEMA` with truth."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class _Parquet:
    """A parquet file under a temporary name, with row groups of a size that does not depend on the batches."""

    def __init__(self, path: Path, schema: pa.Schema, rows_per_group: int) -> None:
        self._path, self._schema, self._rows_per_group = path, schema, rows_per_group
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            temporary = stack.enter_context(replacing(self._path))
            self._file = stack.enter_context(
                pq.ParquetWriter(temporary, self._schema, compression=_COMPRESSION)
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            try:
                self._flush(everything=True)
            except BaseException as failed:
                self._stack.__exit__(type(failed), failed, failed.__traceback__)
                raise
        self._stack.__exit__(kind, error, trace)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= self._rows_per_group:
            self._flush(everything=False)

    def _flush(self, *, everything: bool) -> None:
        table = pa.Table.from_batches(self._waiting, self._schema)
        end = self._rows if everything else self._rows - self._rows % self._rows_per_group
        try:
            for start in range(0, end, self._rows_per_group):
                group = table.slice(start, min(self._rows_per_group, end - start))
                self._file.write_table(group.combine_chunks(), row_group_size=self._rows_per_group)
        except OSError as error:
            raise unwritable(self._path, error) from error
        self._waiting = table.slice(end).to_batches()
        self._rows -= end


class OwnWriter(_Parquet):
    """One parquet file with one row per event, and the provenance in the schema's metadata.

    `schema` is that of the batches; it may lack truth, or have further columns (`icereco.data.columns.own_fields`).
    """

    def __init__(self, path: Path, provenance: dict[str, Any], schema: pa.Schema = SCHEMA) -> None:
        note = json.dumps(provenance, sort_keys=True)
        super().__init__(path, schema.with_metadata({PROVENANCE_KEY: note.encode()}), _EVENTS_PER_ROW_GROUP)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append events."""
        super().write(batch.replace_schema_metadata(self._schema.metadata))


class KaggleWriter:
    """The folder layout of the competition: `train/batch_N.parquet`, `train_meta.parquet`, `sensor_geometry.csv`.

    The meta table has energy, kind and vertex besides the competition's columns; `last_pulse_index` is inclusive.
    Times are rounded to whole nanoseconds. Columns beside `icereco.data.table.SCHEMA` have no place here.
    """

    def __init__(self, folder: Path, detector: Detector, provenance: dict[str, Any]) -> None:
        self._folder, self._detector = folder, detector
        self._note = {PROVENANCE_KEY: json.dumps(provenance, sort_keys=True).encode()}
        self._stack = ExitStack()
        self._meta: list[pa.RecordBatch] = []
        self._batch_id, self._events, self._pulses = 0, 0, 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            # The meta table is entered first, so that it takes its name last.
            self._meta_path = stack.enter_context(replacing(self._folder / "train_meta.parquet"))
            self._write_geometry(stack.enter_context(replacing(self._folder / "sensor_geometry.csv")))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as stack:
            stack.push(self._stack)
            if error is None:
                self._write_meta()
            else:
                stack.pop_all()
                self._stack.__exit__(kind, error, trace)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append events."""
        start = 0
        while start < batch.num_rows:
            if self._events % _EVENTS_PER_KAGGLE_BATCH == 0:
                self._next_file()
            room = _EVENTS_PER_KAGGLE_BATCH - self._events
            self._append(batch.slice(start, room))
            start += room

    def _next_file(self) -> None:
        self._batch_id, self._events, self._pulses = self._batch_id + 1, 0, 0
        path = self._folder / "train" / f"batch_{self._batch_id}.parquet"
        schema = _KAGGLE_PULSES.with_metadata(self._note)
        self._file = self._stack.enter_context(_Parquet(path, schema, 1 << 20))

    def _append(self, events: pa.RecordBatch) -> None:
        lists = {name: ragged(events.column(name)) for name in PULSE_COLUMNS}
        offsets = lists["time"].offsets
        columns = {name: one.values for name, one in lists.items()}
        columns["time"] = np.rint(columns["time"]).astype(np.int64)
        columns["sensor_id"] = columns["sensor_id"].astype(np.int16)
        columns["event_id"] = np.repeat(events.column("event_id").to_numpy(), np.diff(offsets))
        arrays = [pa.array(columns[field.name], field.type) for field in _KAGGLE_PULSES]
        self._file.write(pa.RecordBatch.from_arrays(arrays, schema=_KAGGLE_PULSES.with_metadata(self._note)))
        self._meta.append(self._meta_rows(events, offsets + self._pulses))
        self._events += events.num_rows
        self._pulses += int(offsets[-1])

    def _meta_rows(self, events: pa.RecordBatch, offsets: np.ndarray) -> pa.RecordBatch:
        columns: dict[str, Any] = {
            "batch_id": pa.array(np.full(events.num_rows, self._batch_id, np.int64)),
            "event_id": events.column("event_id"),
            "first_pulse_index": pa.array(offsets[:-1]),
            "last_pulse_index": pa.array(offsets[1:] - 1),
        }
        columns |= {name: events.column(name) for name in TRUTH_COLUMNS}
        return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))

    def _write_meta(self) -> None:
        table = pa.Table.from_batches(self._meta).replace_schema_metadata(self._note)
        try:
            pq.write_table(table, self._meta_path, compression=_COMPRESSION)
        except OSError as error:
            raise unwritable(self._folder / "train_meta.parquet", error) from error

    def _write_geometry(self, path: Path) -> None:
        rows = (
            f"{i},{x:.2f},{y:.2f},{z:.2f}\n" for i, (x, y, z) in enumerate(self._detector.position_m.tolist())
        )
        path.write_text("sensor_id,x,y,z\n" + "".join(rows), encoding="utf-8")
