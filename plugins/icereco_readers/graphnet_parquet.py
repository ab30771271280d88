"""GraphNeT's parquet: a folder for each table with numbered files, or one file with a struct column for each table."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.detector.sensor_finder import finder_for
from icereco.errors import IcerecoError
from icereco.system.log import get_logger
from icereco.tables.columns import require_columns
from icereco.tables.from_columns import float_column, int_column
from icereco_readers.convention import SAMPLE_EVENTS, Conventions
from icereco_readers.dialects import EVENT, Dialect, dialect_of, require_one
from icereco_readers.foreign import FINDER_EVENTS, ForeignEvents
from icereco_readers.kaggle_meta import EventIndex, index_from_pulses
from icereco_readers.nested import NestedFile, is_nested
from icereco_readers.options import GraphnetOptions
from icereco_readers.pulse_rows import PulseRows, event_rows

__all__ = ["GraphnetParquetReader"]

logger = get_logger(__name__)

_TRUTH = ("truth", "mc_truth")
_OF_OTHERS = {"azimuth", "zenith", "auxiliary"}
"""Columns that no pulse table of GraphNeT has; a table that has them would lose them here."""


class GraphnetParquetReader:
    """Reads a folder of tables, the file of a pulse table (with its truth table next to it), or a file of struct columns.

    Events come in the order of the truth table, then those that have pulses but no truth.
    """

    def __init__(self, options: GraphnetOptions | None = None) -> None:
        self.options = options or GraphnetOptions()
        self._conventions = Conventions(self.options.direction, self._sample)
        self._reported: set[Path] = set()

    def sniff(self, path: Path) -> bool:
        """Return whether there are tables with event_no and pulses at positions."""
        try:
            if path.is_dir():
                return bool(_pulse_tables(path))
            return _is_flat(path) or is_nested(path, EVENT)
        except (pa.ArrowException, OSError):
            return False

    def files(self, path: Path) -> list[Path]:
        """The files of the pulse table and those of the truth table."""
        opened = [self._file(part) for part in self.parts(path)]
        return [file for one in opened for file in one.files]

    def parts(self, path: Path) -> list[Path]:
        """The files of the pulse table."""
        if not path.is_dir():
            return [path]
        tables = _pulse_tables(path)
        wanted = self.options.pulse_map
        if wanted is not None and wanted not in tables:
            raise IcerecoError(f"{path}: no pulse map {wanted!r}; found: {', '.join(sorted(tables))}")
        return tables[wanted or require_one("pulse map", "pulse_map", tables, path)]

    def count(self, path: Path) -> int:
        """The number of events."""
        return sum(self._file(part).count() for part in self.parts(path))

    def read(self, path: Path, detector: Detector, rows_per_batch: int = 4096) -> Iterator[pa.RecordBatch]:
        """Yield the events of one file after the other.

        Raises:
            IcerecoError: a table or column is missing, or the events are of another detector.
        """
        for part in self.parts(path):
            file = self._file(part)
            self._report_cut(file)
            if not (sample := file.sample(FINDER_EVENTS)):
                continue
            finder = finder_for(sample.place_m, detector, part, file.dialect.origin)
            sign = 1 if file.dialect.always_origin else self._conventions.sign(part, _beside(part))
            for events in file.events(rows_per_batch, sign):
                yield events.own(finder, part)

    def _report_cut(self, file: "_FlatFile | NestedFile") -> None:
        """Say once for a table that its files and those of the truth hold different events."""
        if (
            isinstance(file, _FlatFile)
            and file.truth
            and not file.is_paired
            and file.path.parent not in self._reported
        ):
            self._reported.add(file.path.parent)
            logger.info(
                "%s: truth and pulses are cut into files differently, so they are joined by event_no; events without pulses are "
                "left out",
                file.path.parent,
            )

    def _sample(self, part: Path) -> ForeignEvents | None:
        return self._file(part).sample(SAMPLE_EVENTS)

    def _file(self, part: Path) -> "_FlatFile | NestedFile":
        if is_nested(part, EVENT):
            return NestedFile(part, self.options.pulse_map, self.options.truth_table, _TRUTH)
        return _FlatFile(part, self.options.truth_table)


def _pulse_tables(folder: Path) -> dict[str, list[Path]]:
    """The files of each pulse table, by its name."""
    root = folder / "merged" if (folder / "merged").is_dir() else folder
    tables = {table.name: _numbered(table) for table in sorted(root.iterdir()) if table.is_dir()}
    return {name: files for name, files in tables.items() if any(map(_is_flat, files))}


def _numbered(table: Path) -> list[Path]:
    return sorted(table.glob("[!.]*.parquet"), key=lambda file: (_number(file), file.name))


def _beside(part: Path) -> list[Path]:
    """The files of the same table."""
    return [file for file in _numbered(part.parent) if _is_flat(file)] or [part]


def _number(file: Path) -> int:
    digits = re.search(r"(\d+)$", file.stem)
    return int(digits[1]) if digits else -1


def _is_flat(file: Path) -> bool:
    try:
        names = pq.read_schema(file).names
    except (pa.ArrowException, OSError):
        return False
    return EVENT in names and dialect_of(names) is not None and not _OF_OTHERS & set(names)


@dataclass(frozen=True)
class _FlatFile:
    """One numbered file of a pulse table, and its truth."""

    path: Path
    truth_table: str | None

    @cached_property
    def truth(self) -> tuple[Path, ...]:
        """The truth of this file: the one with the same number, or all where truth and pulses are cut differently."""
        folder = self._truth_folder
        if folder is None:
            return ()
        return (self._numbered_as(self.path, folder),) if self.is_paired else tuple(_numbered(folder))

    @cached_property
    def _truth_folder(self) -> Path | None:
        root = self.path.resolve().parent.parent
        names = (self.truth_table,) if self.truth_table else _TRUTH
        folder = next((root / name for name in names if _numbered(root / name)), None)
        if folder is None and self.truth_table:
            missing = self._numbered_as(self.path, root / self.truth_table)
            raise IcerecoError(
                f"{self.path}: no table {self.truth_table!r} next to it ({missing} is missing)"
            )
        return folder

    @cached_property
    def is_paired(self) -> bool:
        """Whether each file of the pulse table has a file of truth with the same number."""
        folder = self._truth_folder
        return folder is not None and all(
            self._numbered_as(file, folder).is_file() for file in _beside(self.path)
        )

    @staticmethod
    def _numbered_as(file: Path, folder: Path) -> Path:
        return folder / file.name.replace(file.resolve().parent.name, folder.name)

    @property
    def files(self) -> list[Path]:
        return [self.path, *self.truth]

    @cached_property
    def columns(self) -> list[str]:
        return list(pq.read_schema(self.path).names)

    @cached_property
    def dialect(self) -> Dialect:
        dialect = dialect_of(self.columns, pq.read_schema(self.truth[0]).names if self.truth else [])
        if dialect is None or EVENT not in self.columns:
            raise IcerecoError(f"{self.path}: no pulse table of GraphNeT; found: {', '.join(self.columns)}")
        return dialect

    @cached_property
    def index(self) -> EventIndex:
        """Return the events of the truth table, then those that it lacks."""
        pulses = index_from_pulses(self.path, EVENT)
        if len(repeated := _repeated(pulses.event_id)):
            raise IcerecoError(
                f"{self.path}: the pulses of event_no {repeated[0]} are not contiguous; sort the file by event_no"
            )
        if not self.truth:
            return pulses
        ids, truth = self._truth_rows()
        if not self.is_paired:
            ids, truth = _of_events(pulses.event_id, ids, truth)
        return _joined(ids, truth, pulses)

    def _truth_rows(self) -> tuple[Int[ndarray, "event"], dict[str, ndarray]]:
        """The ids and columns of the truth files."""
        parts = []
        for file in self.truth:
            schema = pq.read_schema(file)
            require_columns(schema.names, file, (EVENT,))
            names = self.dialect.truth_names(schema.names)
            table = pq.read_table(file, columns=[EVENT, *names], page_checksum_verification=True)
            columns = {name: float_column(table[name], name, file) for name in names}
            parts.append((int_column(table[EVENT], EVENT, file), columns))
        ids = np.concatenate([one for one, _ in parts])
        if len(repeated := _repeated(ids)):
            raise IcerecoError(f"{self.truth[0]}: event_no {repeated[0]} occurs more than once")
        return ids, {name: np.concatenate([columns[name] for _, columns in parts]) for name in parts[0][1]}

    def count(self) -> int:
        return len(self.index.event_id)

    def sample(self, count: int) -> ForeignEvents | None:
        return next(self._events(self.index.slice(0, count), count, 1), None)

    def events(self, rows: int, sign: int) -> Iterator[ForeignEvents]:
        yield from self._events(self.index, rows, sign)

    def _events(self, index: EventIndex, rows_at_once: int, sign: int) -> Iterator[ForeignEvents]:
        names = self.dialect.pulse_names(self.columns)
        with PulseRows(self.path, (EVENT, *names), in_order=index.in_order) as pulses:
            for start in range(0, len(index.event_id), rows_at_once):
                part = index.slice(start, start + rows_at_once)
                rows = event_rows(pulses, EventIndex(part.event_id, part.first, part.end))
                columns = {name: float_column(rows.column(name).flatten(), name, self.path) for name in names}
                truth = {name: float_column(column, name, self.path) for name, column in part.truth.items()}
                yield ForeignEvents(
                    event_id=part.event_id,
                    offsets=np.concatenate([[0], np.cumsum(part.pulse_count)]),
                    place_m=self.dialect.place_m(columns),
                    pulses=self.dialect.pulses(columns),
                    truth=self.dialect.own_truth(truth, sign),
                    interactions=self.dialect.interactions(truth),
                )


def _repeated(ids: Int[ndarray, "event"]) -> Int[ndarray, "repeated"]:
    ordered = np.sort(ids)
    repeated: ndarray = ordered[1:][ordered[1:] == ordered[:-1]]
    return repeated


def _of_events(
    event_id: Int[ndarray, "event"], ids: Int[ndarray, "row"], truth: Mapping[str, ndarray]
) -> tuple[Int[ndarray, "known"], dict[str, ndarray]]:
    """The truth of some events, in their order, as far as there is any."""
    _, at, row = np.intersect1d(event_id, ids, return_indices=True)
    chosen = row[np.argsort(at)]
    return ids[chosen], {name: column[chosen] for name, column in truth.items()}


def _joined(ids: Int[ndarray, "event"], truth: Mapping[str, ndarray], pulses: EventIndex) -> EventIndex:
    """Join pulses to the events of the truth table, followed by events that it lacks, whose truth is NaN."""
    row = np.full(len(ids), -1)
    _, in_truth, in_pulses = np.intersect1d(ids, pulses.event_id, return_indices=True)
    row[in_truth] = in_pulses
    # An event without pulses is an empty range after the previous event, so that a sorted file stays sorted.
    behind = np.maximum.accumulate(np.where(row >= 0, np.append(pulses.end, 0)[row], 0))
    first, end = (np.where(row >= 0, np.append(part, 0)[row], behind) for part in (pulses.first, pulses.end))
    lacking = ~np.isin(pulses.event_id, ids)
    blank = np.full(int(lacking.sum()), np.nan)
    return EventIndex(
        event_id=np.concatenate([ids, pulses.event_id[lacking]]),
        first=np.concatenate([first, pulses.first[lacking]]),
        end=np.concatenate([end, pulses.end[lacking]]),
        truth={name: pa.array(np.concatenate([column, blank])) for name, column in truth.items()},
    )
