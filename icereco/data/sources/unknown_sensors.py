"""Leaving out pulses of sensors that the detector lacks, such as tanks on the surface, with their number in the log."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Bool
from numpy import ndarray

from icereco.data.sources.source import Source
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.protocols import Divisible, Reader, Tabular
from icereco.system.log import get_logger
from icereco.tables.columns import conform, file_of, lengths, pulse_columns, ragged, unknown_sensors

__all__ = ["without_unknown_sensors"]

logger = get_logger(__name__)

_MOST = 0.5
"""Of the pulses of a file; where more are unknown, the events are of another detector."""


def without_unknown_sensors(source: Source) -> Source:
    """Return the same source without pulses of sensors that the detector lacks; their events stay, with what is left."""
    skips = f"{source.skips} without unknown sensors"
    dropping = _DroppingTabular if isinstance(source.reader, Tabular) else _Dropping
    return replace(source, reader=dropping(source.reader, source.path), skips=skips)


@dataclass(frozen=True, slots=True)
class _Dropping:
    """A reader that leaves out pulses of unknown sensors."""

    reader: Reader
    path: Path

    def sniff(self, path: Path) -> bool:
        return self.reader.sniff(path)

    def files(self, path: Path) -> list[Path]:
        return list(self.reader.files(path))

    def parts(self, path: Path) -> list[Path]:
        return list(self.reader.parts(path)) if isinstance(self.reader, Divisible) else [path]

    def count(self, path: Path) -> int:
        return self.reader.count(path)

    def read(self, path: Path, detector: Detector, rows_per_batch: int = 4096) -> Iterator[pa.RecordBatch]:
        tally = _Tally(path, detector.name)
        for batch in self.reader.read(path, detector, rows_per_batch):
            own = conform(batch, file_of(batch, path), as_given=True)
            known = _known(own, len(detector.position_m))
            if known is None or known.all():
                yield own
                continue
            tally.add(own, known)
            yield _with_pulses(own, known)
        tally.report()


class _DroppingTabular(_Dropping):
    """The same of a reader that is `Tabular`."""

    def schema(self, path: Path) -> pa.Schema:
        assert isinstance(self.reader, Tabular), "made only for such a reader"
        return self.reader.schema(path)


def _known(batch: pa.RecordBatch, sensors: int) -> Bool[ndarray, "pulse"] | None:
    """Whether the sensor of each pulse is one of the detector; None for what is no table of pulses, to be refused later."""
    columns = [batch.column(name) for name in pulse_columns(batch.schema)]
    if any(column.null_count or column.flatten().null_count for column in columns):
        return None
    if any(not np.array_equal(lengths(column), lengths(columns[0])) for column in columns):
        return None
    sensor = ragged(batch.column("sensor_id")).values
    known: Bool[ndarray, pulse] = (sensor >= 0) & (sensor < sensors)
    return known


def _with_pulses(batch: pa.RecordBatch, kept: Bool[ndarray, "pulse"]) -> pa.RecordBatch:
    """Only some of the pulses of a batch."""
    offsets = ragged(batch.column("sensor_id")).offsets
    fewer = pa.array(np.concatenate([[0], np.cumsum(kept)])[offsets], pa.int32())
    for name in pulse_columns(batch.schema):
        place = batch.schema.get_field_index(name)
        values = batch.column(name).flatten().filter(pa.array(kept))
        field = batch.schema.field(place)
        batch = batch.set_column(place, field, pa.ListArray.from_arrays(fewer, values).cast(field.type))
    return batch


@dataclass(slots=True)
class _Tally:
    """Counts what is left out of one file."""

    path: Path
    detector: str
    pulses: int = 0
    dropped: int = 0
    events: int = 0
    example: str = ""

    def add(self, batch: pa.RecordBatch, known: Bool[ndarray, "pulse"]) -> None:
        sensor = ragged(batch.column("sensor_id"))
        rows = np.unique(np.searchsorted(sensor.offsets, np.flatnonzero(~known), side="right") - 1)
        event_id = batch.column("event_id")[int(rows[0])].as_py()
        number = f"with sensor_id {sensor.values[np.argmin(known)]}"
        self.example = (
            self.example or f"{unknown_sensors(batch.schema).get(event_id, number)} in event_id {event_id}"
        )
        self.dropped += int(np.count_nonzero(~known))
        self.events += len(rows)
        self.pulses += len(known)

    def report(self) -> None:
        """Say how many pulses were left out.

        Raises:
            IcerecoError: most, so that these are events of another detector.
        """
        if not self.dropped:
            return
        what = f"{self.dropped:,} of {self.pulses:,} pulses of {self.events:,} events"
        where = f"of sensors that {self.detector} lacks, the first {self.example}"
        if self.dropped > _MOST * self.pulses:
            raise IcerecoError(f"{self.path}: {what} are {where}: these events are of another detector")
        logger.warning("%s: left out %s, %s", self.path, what, where)
