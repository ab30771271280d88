"""Follows a file of events: reads it once in a thread, keeps its events for access in any order, and summarizes them.

A reader yields the events of a file one after the other, but the user looks at them in any order. They are therefore
kept in temporary Arrow files, which are mapped into memory when an event is shown: memory holds only one row per
event, and the events shown stay valid when the file itself is replaced.
"""

import tempfile
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int
from numpy import ndarray

from icereco.data.catalog import DataSet
from icereco.data.sources.skip_bad import skip_bad
from icereco.data.sources.source import Source
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.events.batch import Event
from icereco.events.segments import segment_of
from icereco.system.scratch import ScratchFolder
from icereco.tables.assembly import event_batch
from icereco.tables.columns import ragged
from icereco.tables.conditions import named_values
from icereco.tables.mapped import open_mapped
from icereco.tables.schema import PULSE_COLUMNS, SCHEMA, TRUTH_COLUMNS
from icereco.watch.watch import Signature, signature

__all__ = ["MOST_EVENTS", "EventFeed", "summary_of"]

MOST_EVENTS = 500_000
"""Of a larger data set only the first so many events are shown."""

_ROWS = 512
_WATCH_SECONDS = 2.0

Changed = Callable[[], object]


@dataclass
class _Kept:
    """The events so far: a temporary file for each batch, and where its first row is."""

    folder: Path
    starts: list[int] = field(default_factory=lambda: [0])
    frames: list[pl.DataFrame] = field(default_factory=list)
    opened: tuple[int, pa.RecordBatch] | None = None
    joined: tuple[int, pl.DataFrame] | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        with (
            pa.OSFile(str(self._file(len(self.frames))), "wb") as sink,
            pa.ipc.new_file(sink, batch.schema) as file,
        ):
            file.write_batch(batch)
        self.frames.append(summary_of(batch, self.starts[-1]))
        self.starts.append(self.starts[-1] + batch.num_rows)

    def row(self, row: int) -> pa.RecordBatch:
        number = int(np.searchsorted(self.starts, row, side="right")) - 1
        if self.opened is None or self.opened[0] != number:
            mapped = open_mapped(self._file(number))
            self.opened = number, pa.ipc.open_file(mapped).get_batch(0)
        return self.opened[1].slice(row - self.starts[number], 1)

    def summary(self) -> pl.DataFrame:
        """The rows of all batches; only batches added since the last call are appended."""
        count = len(self.frames)
        done, frame = self.joined or (0, summary_of(_no_events(), 0))
        if done < count:
            new = self.frames[done:count]
            frame = pl.concat([frame, *new] if done else new, how="diagonal_relaxed")
            self.joined = count, frame
        return frame

    def _file(self, number: int) -> Path:
        return self.folder / f"{number}.arrow"


class EventFeed:
    """A data set that is being read, and read again when its files are replaced.

    Attributes:
        data: the file or folder, and how it is read.
        detector: the detector that recorded the events.
        problem: why the last reading failed, as a message; None if it did not.
        reading: whether there may be more events to come.
        generation: counts how often the file was read from its start.
    """

    def __init__(
        self,
        data: DataSet,
        detector: Detector,
        changed: Changed,
        only: Collection[int] | None = None,
        *,
        skip_bad: bool = False,
    ) -> None:
        """Prepare a feed; nothing is read before `start`.

        Args:
            data: what to read.
            detector: the detector that recorded the events.
            changed: called from the thread that reads, when there is something new.
            only: the event_ids to keep; None = all.
            skip_bad: whether to leave out bad events, and the rest of damaged files; reads the data once more.
        """
        self.data, self.detector, self._skip_bad = data, detector, skip_bad
        self.problem: str | None = None
        self.reading = True
        self.generation = 0
        self._only = None if only is None else pa.array(sorted(only), pa.int64())
        self._changed = changed
        self._source: Source | None = None
        self._stop = threading.Event()
        self._temporary = ScratchFolder("icereco-events-")
        self._kept = _Kept(self._temporary.path)
        self._thread = threading.Thread(target=self._follow, name=f"events of {data.label}", daemon=True)

    def start(self) -> None:
        """Start reading in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop reading, and remove the temporary files."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)
        self._temporary.close()

    @property
    def summary(self) -> pl.DataFrame:
        """A row per event read so far; see `summary_of`."""
        return self._kept.summary()

    def event(self, row: int) -> Event:
        """The event in this row of the file.

        Raises:
            IcerecoError: the event does not fit the detector, or there is no such row.
        """
        kept = self._kept
        if not 0 <= row < kept.starts[-1]:
            raise IcerecoError(
                f"{self.data.label}: there is no event {row}; {kept.starts[-1]} have been read"
            )
        return event_batch(kept.row(row), self.detector)[0]

    def table(self, row: int) -> pa.RecordBatch:
        """The event in this row of the file, as a table in icereco's layout of one row."""
        return self._kept.row(row)

    def _follow(self) -> None:
        last: Signature | None = None
        while not self._stop.is_set():
            # While a file is being written, its signature keeps changing: it is read again until it does not.
            if self._signature() != last:
                last = self._read()
            self._stop.wait(_WATCH_SECONDS)

    def _signature(self) -> Signature:
        source = self._source
        return signature([self.data.path] if source is None else source.reader.files(self.data.path))

    def _read(self) -> Signature:
        """Read everything; return the signature of the files from before, so that later changes are noticed."""
        self.reading, problem = True, None
        kept = _Kept(Path(tempfile.mkdtemp(dir=self._temporary.path)))
        before = self._signature()
        try:
            self._source = self._opened()
            before = self._signature()
            self._read_into(kept, self._source)
        except IcerecoError as error:
            problem = str(error)
        except (pa.ArrowException, OSError, ValueError) as error:
            problem = f"{self.data.path}: {str(error).splitlines()[0]}"
        # If the file cannot be read any more, the events of its previous version stay.
        if kept.frames or not self._kept.frames:
            self._take(kept)
        self.problem, self.reading = problem, False
        self._notify()
        return before

    def _opened(self) -> Source:
        source = self.data.open()
        return skip_bad(source, self.detector)[0] if self._skip_bad else source

    def _read_into(self, kept: _Kept, source: Source) -> None:
        for batch in source.shaped(self.detector, _ROWS):
            if self._only is not None:
                batch = batch.filter(pc.is_in(batch.column("event_id"), self._only))
            if self._stop.is_set() or kept.starts[-1] >= MOST_EVENTS:
                return
            if batch.num_rows:
                kept.add(batch)
                self._take(kept)
                self._notify()

    def _take(self, kept: _Kept) -> None:
        if kept is not self._kept:
            self._kept = kept
            self.generation += 1

    def _notify(self) -> None:
        if not self._stop.is_set():
            self._changed()


def summary_of(batch: pa.RecordBatch, first_row: int) -> pl.DataFrame:
    """A row for each event of a table in icereco's layout.

    Columns: row, event_id, pulses, doms, charge (p.e.), auxiliary (share of pulses), span (ns, first to last pulse),
    and the columns of the truth that the table has: azimuth and zenith (degrees), energy (GeV), kind, vertex_x,
    vertex_y, vertex_z (m), inelasticity.
    """
    sensor, time, charge, flag = (ragged(batch.column(name)) for name in PULSE_COLUMNS)
    offsets, counts = sensor.offsets, np.diff(sensor.offsets)
    event = segment_of(offsets)
    doms = np.unique(event * (int(sensor.values.max(initial=0)) + 1) + sensor.values)
    owner = doms // (int(sensor.values.max(initial=0)) + 1)
    columns = {
        "row": np.arange(first_row, first_row + batch.num_rows),
        "event_id": batch.column("event_id").to_numpy(),
        "pulses": counts,
        "doms": np.bincount(owner, minlength=len(counts)),
        "charge": np.bincount(event, charge.values, len(counts)),
        "auxiliary": np.bincount(event, flag.values, len(counts)) / np.maximum(counts, 1),
        "span": _spans(time.values, offsets),
    }
    return pl.DataFrame(columns | _truth(batch))


def _spans(values: ndarray, offsets: Int[ndarray, "event_plus_1"]) -> ndarray:
    """Highest minus lowest value of each event; 0 where there are none."""
    filled = np.diff(offsets) > 0
    spans = np.zeros(len(filled))
    if filled.any():
        starts = offsets[:-1][filled]
        spans[filled] = np.maximum.reduceat(values, starts) - np.minimum.reduceat(values, starts)
    return spans


def _truth(batch: pa.RecordBatch) -> dict[str, pl.Series]:
    columns = {}
    for name in TRUTH_COLUMNS:
        if name in batch.schema.names:
            columns[name] = named_values(name, batch.column(name))
    return columns


def _no_events() -> pa.RecordBatch:
    needed = [SCHEMA.field(name) for name in ("event_id", *PULSE_COLUMNS)]
    return pa.RecordBatch.from_pylist([], schema=pa.schema(needed))
