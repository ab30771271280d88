"""The events that the doctor looks at, unchecked as they are in the files."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.data.sources.detector_of import detector_of
from icereco.data.sources.source import Source
from icereco.detector.detector import Detector, load_detector
from icereco.doctor.files import FileWork, first_batches, own_batches
from icereco.errors import IcerecoError
from icereco.events.batch import EventBatch
from icereco.tables.assembly import event_batch
from icereco.tables.columns import Ragged, one_batch, ragged
from icereco.tables.schema import PULSE_COLUMNS, SCHEMA

__all__ = ["Sample", "detector_for", "some_parts", "take_sample"]

_MOST_PARTS = 8


@dataclass(frozen=True, eq=False)
class Sample:
    """Events from all over a data set.

    Attributes:
        source: the data set.
        detector: the detector that the events should be of.
        table: the events, as their reader gives them.
        total: number of events of the whole data set.
        seconds: the time that reading the sample took.
        problem: the error that stopped the reading, or None.
    """

    source: Source
    detector: Detector
    table: pa.RecordBatch
    total: int
    seconds: float
    problem: IcerecoError | None = None

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @cached_property
    def event_id(self) -> Int[ndarray, "event"]:
        """Ids, int64 `[E]`."""
        ids: ndarray = self.table.column("event_id").to_numpy()
        return ids

    @cached_property
    def lists(self) -> dict[str, Ragged]:
        """The pulse columns that every file has."""
        return {name: ragged(self.table.column(name)) for name in PULSE_COLUMNS}

    @cached_property
    def offsets(self) -> Int[ndarray, "event_plus_1"]:
        """Where the pulses of each event begin."""
        return self.lists["sensor_id"].offsets

    def column(self, name: str) -> Float[ndarray, "event"] | None:
        """Return a truth column of numbers, NaN where it is null; None if it is absent or has only nulls."""
        if name not in self.table.schema.names:
            return None
        values = np.asarray(self.table.column(name).to_numpy(zero_copy_only=False), np.float64)
        return None if np.isnan(values).all() else values

    @cached_property
    def known_sensor(self) -> Bool[ndarray, "pulse"]:
        """Whether the sensor of each pulse is one of the detector."""
        sensor = self.lists["sensor_id"].values
        known: ndarray = (sensor >= 0) & (sensor < len(self.detector.position_m))
        return known

    @cached_property
    def usable(self) -> Bool[ndarray, "event"]:
        """Events that have pulses, all with known sensors and finite numbers."""
        good = self.known_sensor.copy()
        for name in ("time", "charge"):
            good &= np.isfinite(self.lists[name].values)
        bad = np.add.accumulate(np.concatenate([[0], ~good]))[self.offsets]
        usable: ndarray = (np.diff(bad) == 0) & (np.diff(self.offsets) > 0)
        return usable

    @cached_property
    def events(self) -> EventBatch:
        """The usable events."""
        return event_batch(self.table.filter(pa.array(self.usable)), self.detector)

    @cached_property
    def direction(self) -> Float[ndarray, "event 3"] | None:
        """The true direction of each usable event, NaN where it is not known; None without truth."""
        return None if self.events.truth is None else self.events.truth.direction


def detector_for(source: Source, named: str | None) -> Detector:
    """The detector that is named, or that of the events; the default one where none fits, which the checks report.

    Raises:
        IcerecoError: there is no detector of that name.
    """
    if named:
        return load_detector(named)
    try:
        return detector_of(source)
    except IcerecoError:
        return load_detector(DEFAULT_DETECTOR)


def take_sample(source: Source, detector: Detector, events: int, work: FileWork | None = None) -> Sample:
    """Read up to `events` events from up to eight files; an error ends the reading and is kept as `problem`.

    Args:
        source: the data set.
        detector: the detector that the events should be of.
        events: how many.
        work: reads the files; None for this process.
    """
    batches, total, seconds = list[pa.RecordBatch](), 0, list[float]()
    problem: IcerecoError | None = None
    try:
        total = source.count() if work is None else sum(work.counts(source.parts()))
        batches.extend(_batches(source, detector, events, work, seconds.append, everywhere=total <= events))
    except IcerecoError as error:
        problem = error
    if not batches:
        problem = problem or IcerecoError(f"{source.path}: holds no events; at least one is needed")
        batches.append(pa.RecordBatch.from_pylist([], schema=SCHEMA))
    names = [name for name in batches[0].schema.names if all(name in batch.schema.names for batch in batches)]
    table = pa.Table.from_batches([batch.select(names).replace_schema_metadata(None) for batch in batches])
    return Sample(source, detector, one_batch(table), max(total, table.num_rows), sum(seconds), problem)


def some_parts(source: Source) -> list[Source]:
    """Up to eight of the parts of a source, from all over it."""
    parts = source.parts()
    return parts[:: max(-(-len(parts) // _MOST_PARTS), 1)]


def _batches(
    source: Source,
    detector: Detector,
    events: int,
    work: FileWork | None,
    spent: Callable[[float], object],
    *,
    everywhere: bool,
) -> Iterator[pa.RecordBatch]:
    chosen = source.parts() if everywhere else some_parts(source)
    if everywhere:
        events *= len(chosen)
    each = -(-events // max(len(chosen), 1))
    if work is not None:
        yield from first_batches(work.readings(chosen, detector, each, spent), each)
        return
    started = time.perf_counter()
    try:
        yield from first_batches((own_batches(part, detector, each) for part in chosen), each)
    finally:
        spent(time.perf_counter() - started)
