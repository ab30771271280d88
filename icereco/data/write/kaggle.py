"""Writing events in the layout of the Kaggle competition: `train/batch_N.parquet`, `train_meta.parquet`, `sensor_geometry.csv`.

The meta table has all targets besides the competition's columns, where they are known; `last_pulse_index`
is inclusive. Times are rounded to whole nanoseconds. Columns other than `icereco.tables.schema.SCHEMA` have no place here.
"""

import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from icereco.data.write.parquet import COMPRESSION, PROVENANCE_KEY, ParquetFile
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.system.files import explaining, replacing
from icereco.tables.columns import ragged
from icereco.tables.schema import PULSE_COLUMNS, TRUTH_COLUMNS

__all__ = [
    "EVENTS_PER_BATCH",
    "KaggleBatch",
    "KaggleWriter",
    "geometry_csv",
    "require_small_ids",
    "write_meta",
]

EVENTS_PER_BATCH = 200_000

_PULSES_PER_ROW_GROUP = 1 << 20
_PULSES = pa.schema(
    {
        "event_id": pa.int64(),
        "sensor_id": pa.int16(),
        "time": pa.int64(),
        "charge": pa.float32(),
        "auxiliary": pa.bool_(),
    }
)


class KaggleBatch:
    """One batch file, and the rows of the meta table that belong to it.

    Attributes:
        meta: those rows, for the events that were written so far.
        events: how many these are.
    """

    def __init__(self, path: Path, batch_id: int, provenance: dict[str, Any]) -> None:
        note = {PROVENANCE_KEY: json.dumps(provenance, sort_keys=True).encode()}
        self._file = ParquetFile(path, _PULSES.with_metadata(note), _PULSES_PER_ROW_GROUP)
        self._batch_id, self._pulses = batch_id, 0
        self.meta: list[pa.RecordBatch] = []
        self.events = 0

    def __enter__(self) -> Self:
        self._file.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.__exit__(kind, error, trace)

    def write(self, events: pa.RecordBatch) -> None:
        """Append events of the own layout."""
        lists = {name: ragged(events.column(name)) for name in PULSE_COLUMNS}
        offsets = lists["time"].offsets
        columns = {name: one.values for name, one in lists.items()}
        columns["time"] = np.rint(columns["time"]).astype(np.int64)
        columns["event_id"] = np.repeat(events.column("event_id").to_numpy(), np.diff(offsets))
        arrays = [pa.array(columns[field.name]).cast(field.type) for field in _PULSES]
        self._file.write(pa.RecordBatch.from_arrays(arrays, schema=self._file.schema))
        self.meta.append(self._meta_rows(events, offsets + self._pulses))
        self.events += events.num_rows
        self._pulses += int(offsets[-1])

    def _meta_rows(self, events: pa.RecordBatch, offsets: np.ndarray) -> pa.RecordBatch:
        columns: dict[str, Any] = {
            "batch_id": pa.array(np.full(events.num_rows, self._batch_id, np.int64)),
            "event_id": events.column("event_id"),
            "first_pulse_index": pa.array(offsets[:-1]),
            "last_pulse_index": pa.array(offsets[1:] - 1),
        }
        columns |= {name: events.column(name) for name in TRUTH_COLUMNS if name in events.schema.names}
        return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


class KaggleWriter:
    """Writes the whole folder, of which every file appears at the end, or none; the meta table is held in memory until then."""

    def __init__(self, folder: Path, detector: Detector, provenance: dict[str, Any]) -> None:
        require_small_ids(detector)
        self._folder, self._detector, self._provenance = folder, detector, provenance
        self._meta_path = folder / "train_meta.parquet"
        self._stack = ExitStack()
        self._batches: list[KaggleBatch] = []

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            # The meta table is entered first, so that it takes its name last.
            self._meta = stack.enter_context(replacing(self._meta_path))
            path = self._folder / "sensor_geometry.csv"
            with explaining(path):
                stack.enter_context(replacing(path)).write_text(
                    geometry_csv(self._detector), encoding="utf-8"
                )
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as stack:
            stack.push(self._stack)
            if error is None:
                rows = [part for batch in self._batches for part in batch.meta]
                with explaining(self._meta_path):
                    write_meta(self._meta, rows, self._provenance)
            else:
                stack.pop_all()
                self._stack.__exit__(kind, error, trace)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append events."""
        start = 0
        while start < batch.num_rows:
            if not self._batches or self._batches[-1].events == EVENTS_PER_BATCH:
                self._next_file()
            room = EVENTS_PER_BATCH - self._batches[-1].events
            self._batches[-1].write(batch.slice(start, room))
            start += room

    def _next_file(self) -> None:
        number = len(self._batches) + 1
        path = self._folder / "train" / f"batch_{number}.parquet"
        self._batches.append(self._stack.enter_context(KaggleBatch(path, number, self._provenance)))


def require_small_ids(detector: Detector) -> None:
    """Check that the layout's 16 bits suffice for the sensor ids.

    Raises:
        IcerecoError: they do not.
    """
    largest = len(detector.alive) - 1
    if largest > np.iinfo(np.int16).max:
        raise IcerecoError(
            f"Kaggle's layout has room for sensor ids up to 32,767, and {detector.name} goes up to {largest:,}; "
            "write icereco's own layout"
        )


def write_meta(path: Path, rows: list[pa.RecordBatch], provenance: dict[str, Any]) -> None:
    """Write rows of the meta table as one file.

    Raises:
        OSError: it cannot be written; the caller knows the name it is to have.
    """
    note = {PROVENANCE_KEY: json.dumps(provenance, sort_keys=True).encode()}
    table = pa.Table.from_batches(rows).replace_schema_metadata(note)
    pq.write_table(table, path, compression=COMPRESSION, write_page_checksum=True)


def geometry_csv(detector: Detector) -> str:
    """The positions of the sensors, as `sensor_geometry.csv` has them."""
    places = enumerate(detector.position_m.tolist())
    rows = (f"{i},{x:.2f},{y:.2f},{z:.2f}\n" for i, (x, y, z) in places)
    return "sensor_id,x,y,z\n" + "".join(rows)
