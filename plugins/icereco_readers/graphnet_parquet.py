"""GraphNeT's parquet: a folder for each table with numbered files, or one file with a struct column for each table."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
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
from icereco.tables.from_columns import float_column, int_column, time_column
from icereco_readers.convention import SAMPLE_EVENTS, Conventions
from icereco_readers.dialects import EVENT, Dialect, dialect_of
from icereco_readers.foreign import FINDER_EVENTS, ForeignEvents
from icereco_readers.kaggle_meta import EventIndex, index_from_pulses
from icereco_readers.nested import NestedFile, is_nested
from icereco_readers.options import GraphnetOptions
from icereco_readers.pulse_maps import MapPulses, chosen_maps, join_maps, require_same_columns
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
        """The files of the pulse tables and those of the truth table."""
        opened = [self._file(part) for part in self.parts(path)]
        return [file for one in opened for file in one.files]

    def parts(self, path: Path) -> list[Path]:
        """The files of the pulse table, the first of several."""
        if not path.is_dir():
            return [path]
        tables = _pulse_tables(path)
        first, *more = chosen_maps(self.options.pulse_map, tables, path, "graphnet-parquet")
        for name in more:
            if list(map(_number, tables[name])) != list(map(_number, tables[first])):
                raise IcerecoError(
                    f"{path}: {first} and {name} cannot be joined: they are cut into files differently"
                )
        return tables[first]

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
        own, *more = (self.options.pulse_map or "").split("+")
        return _FlatFile(part, self.options.truth_table, tuple(more) if own == _table_of(part) else ())


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


def _table_of(file: Path) -> str:
    return file.resolve().parent.name


def _numbered_as(file: Path, folder: Path) -> Path:
    """The file of another table, in its folder, with the number of this one."""
    return folder / file.name.replace(_table_of(file), folder.name)


@dataclass(frozen=True)
class _FlatFile:
    """One numbered file of a pulse table, the same of others that are joined to it, and its truth."""

    path: Path
    truth_table: str | None
    further: tuple[str, ...] = ()

    @cached_property
    def maps(self) -> tuple[Path, ...]:
        """The files of the pulse tables."""
        root = self.path.resolve().parent.parent
        others = [_numbered_as(self.path, root / name) for name in self.further]
        for file in others:
            if not file.is_file():
                raise IcerecoError(f"{self.path}: {file} is missing, whose pulses are to be joined to it")
        return (self.path, *others)

    @cached_property
    def truth(self) -> tuple[Path, ...]:
        """The truth of this file: the one with the same number, or all where truth and pulses are cut differently."""
        folder = self._truth_folder
        if folder is None:
            return ()
        return (_numbered_as(self.path, folder),) if self.is_paired else tuple(_numbered(folder))

    @cached_property
    def _truth_folder(self) -> Path | None:
        root = self.path.resolve().parent.parent
        names = (self.truth_table,) if self.truth_table else _TRUTH
        folder = next((root / name for name in names if _numbered(root / name)), None)
        if folder is None and self.truth_table:
            missing = _numbered_as(self.path, root / self.truth_table)
            raise IcerecoError(
                f"{self.path}: no table {self.truth_table!r} next to it ({missing} is missing)"
            )
        return folder

    @cached_property
    def is_paired(self) -> bool:
        """Whether each file of the pulse table has a file of truth with the same number."""
        folder = self._truth_folder
        return folder is not None and all(_numbered_as(file, folder).is_file() for file in _beside(self.path))

    @property
    def files(self) -> list[Path]:
        return [*self.maps, *self.truth]

    @cached_property
    def columns(self) -> list[str]:
        return list(pq.read_schema(self.path).names)

    @cached_property
    def dialect(self) -> Dialect:
        dialect = dialect_of(self.columns, pq.read_schema(self.truth[0]).names if self.truth else [])
        if dialect is None or EVENT not in self.columns:
            raise IcerecoError(f"{self.path}: no pulse table of GraphNeT; found: {', '.join(self.columns)}")
        columns = {_table_of(file): pq.read_schema(file).names for file in self.maps}
        require_same_columns(dialect, columns, self.path)
        return dialect

    @cached_property
    def indices(self) -> tuple[EventIndex, ...]:
        """The same events in each pulse table: those of the truth table, then those that it lacks."""
        maps = [_index(file) for file in self.maps]
        if not self.truth and len(maps) == 1:
            return tuple(maps)
        known = _all_ids(maps)
        ids, truth = self._truth_rows() if self.truth else (known, {})
        if self.truth and not self.is_paired:
            ids, truth = _of_events(known, ids, truth)
        return tuple(_joined(ids, truth, pulses, known) for pulses in maps)

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
        return len(self.indices[0].event_id)

    def sample(self, count: int) -> ForeignEvents | None:
        return next(self._events([index.slice(0, count) for index in self.indices], count, 1), None)

    def events(self, rows: int, sign: int) -> Iterator[ForeignEvents]:
        yield from self._events(self.indices, rows, sign)

    def _events(self, indices: Sequence[EventIndex], rows_at_once: int, sign: int) -> Iterator[ForeignEvents]:
        columns = (EVENT, *self.dialect.pulse_names(self.columns))
        with ExitStack() as opened:
            maps = [
                opened.enter_context(PulseRows(file, columns, in_order=index.in_order))
                for file, index in zip(self.maps, indices, strict=True)
            ]
            for start in range(0, len(indices[0].event_id), rows_at_once):
                parts = [index.slice(start, start + rows_at_once) for index in indices]
                yield self._some(maps, parts, sign)

    def _some(self, maps: Sequence[PulseRows], parts: Sequence[EventIndex], sign: int) -> ForeignEvents:
        """Some events, whose rows in each pulse table are `parts`."""
        joined = join_maps([self._pulses(*one) for one in zip(self.maps, maps, parts, strict=True)])
        truth = {name: float_column(column, name, self.path) for name, column in parts[0].truth.items()}
        return ForeignEvents(
            event_id=parts[0].event_id,
            offsets=joined.offsets,
            place_m=self.dialect.place_m(joined.columns),
            pulses=self.dialect.pulses(joined.columns, joined.offsets),
            truth=self.dialect.own_truth(truth, sign),
            interactions=self.dialect.interactions(truth),
        )

    def _pulses(self, file: Path, pulses: PulseRows, part: EventIndex) -> MapPulses:
        rows = event_rows(pulses, EventIndex(part.event_id, part.first, part.end))
        columns = {
            name: (time_column if name == self.dialect.time else float_column)(
                rows.column(name).flatten(), name, file
            )
            for name in self.dialect.pulse_names(self.columns)
        }
        return MapPulses(np.concatenate([[0], np.cumsum(part.pulse_count)]), columns)


def _index(file: Path) -> EventIndex:
    """The events of a pulse table."""
    pulses = index_from_pulses(file, EVENT)
    if len(repeated := _repeated(pulses.event_id)):
        raise IcerecoError(
            f"{file}: the pulses of event_no {repeated[0]} are not contiguous; sort the file by event_no"
        )
    return pulses


def _all_ids(maps: Sequence[EventIndex]) -> Int[ndarray, "event"]:
    """The ids of the first pulse table, then those that others have besides."""
    ids = np.concatenate([pulses.event_id for pulses in maps])
    return ids[np.sort(np.unique(ids, return_index=True)[1])]


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


def _joined(
    ids: Int[ndarray, "event"],
    truth: Mapping[str, ndarray],
    pulses: EventIndex,
    known: Int[ndarray, "pulsed"],
) -> EventIndex:
    """Join pulses to the events of the truth table, followed by events that it lacks, whose truth is NaN.

    Args:
        ids: of the events of the truth table.
        truth: its columns.
        pulses: of one pulse table.
        known: ids of the events of all pulse tables.
    """
    lacking = known[~np.isin(known, ids)]
    everything = np.concatenate([ids, lacking])
    row = np.full(len(everything), -1)
    _, at, in_pulses = np.intersect1d(everything, pulses.event_id, return_indices=True)
    row[at] = in_pulses
    # An event without pulses is an empty range after the previous event, so that a sorted file stays sorted.
    behind = np.maximum.accumulate(np.where(row >= 0, np.append(pulses.end, 0)[row], 0))
    first, end = (np.where(row >= 0, np.append(part, 0)[row], behind) for part in (pulses.first, pulses.end))
    blank = np.full(len(lacking), np.nan)
    columns = {name: pa.array(np.concatenate([column, blank])) for name, column in truth.items()}
    return EventIndex(everything, first, end, columns)
