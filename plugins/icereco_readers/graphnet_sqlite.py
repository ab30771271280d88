"""GraphNeT's SQLite databases: a table of pulses per pulse map, and a table of truth, joined by event_no."""

import shlex
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.detector.sensor_finder import finder_for
from icereco.errors import IcerecoError
from icereco.system.log import get_logger
from icereco.tables.columns import LARGEST_EXACT
from icereco_readers.convention import SAMPLE_EVENTS, Conventions
from icereco_readers.dialects import EVENT, KAGGLE, Dialect, dialect_of
from icereco_readers.foreign import FINDER_EVENTS, ForeignEvents
from icereco_readers.options import GraphnetOptions
from icereco_readers.pulse_maps import MapPulses, chosen_maps, join_maps, require_same_columns

__all__ = ["GraphnetSqliteReader"]

logger = get_logger(__name__)

_MAGIC = b"SQLite format 3\0"
_TRUTH = ("truth", "mc_truth", "meta_table")
_IN_WAL_MODE = b"\2\2"
_WAIT_SECONDS = 1.0
_STEPS_BETWEEN_SIGNALS = 1_000_000


class GraphnetSqliteReader:
    """Reads a database, or a folder of them by name; events in ascending order of event_no.

    Nothing is ever written to the database; one that another program holds locked is refused.
    """

    def __init__(self, options: GraphnetOptions | None = None) -> None:
        self.options = options or GraphnetOptions()
        self._conventions = Conventions(self.options.direction, self._sample)
        self._without_truth: set[Path] = set()
        self._examined: set[Path] = set()

    def sniff(self, path: Path) -> bool:
        """Return whether it is a database with pulses at positions; also True if it cannot be opened, as reading reports why."""
        return any(_is_ours(file) for file in _databases(path))

    def files(self, path: Path) -> list[Path]:
        """The databases of the folder, or the one that was given."""
        return _databases(path)

    parts = files

    def count(self, path: Path) -> int:
        """The number of events that have truth or pulses."""
        total = 0
        for part in _databases(path):
            with _opened(part) as database:
                tables = self._tables(database, part)
                total += int(database.execute(f"SELECT COUNT(*) FROM ({tables.ids})").fetchone()[0])
        return total

    def read(self, path: Path, detector: Detector, rows_per_batch: int = 4096) -> Iterator[pa.RecordBatch]:
        """Yield the events of one database after the other.

        Raises:
            IcerecoError: a database is locked or malformed, a table or column is missing, or the events are of
                another detector.
        """
        for part in _databases(path):
            with _opened(part) as database:
                tables = self._tables(database, part)
                if part not in self._examined:
                    self._examined.add(part)
                    tables.warn_without_index()
                if not (sample := next(tables.events(FINDER_EVENTS, 1), None)):
                    continue
                finder = finder_for(sample.place_m, detector, part, tables.dialect.origin)
                sign = 1 if tables.dialect.always_origin else self._conventions.sign(part, [part])
                for events in tables.events(rows_per_batch, sign):
                    yield events.own(finder, part)

    def _sample(self, part: Path) -> ForeignEvents | None:
        with _opened(part) as database:
            return next(self._tables(database, part).events(SAMPLE_EVENTS, 1), None)

    def _tables(self, database: sqlite3.Connection, file: Path) -> "_Tables":
        columns, views = _columns(database), _columns(database, "view")
        maps = [name for name, names in columns.items() if _holds_pulses(names)]
        wanted = self.options.pulse_map.split("+") if self.options.pulse_map else []
        view = next((name for name in wanted if name in views), None)
        if view or (not maps and any(map(_holds_pulses, views.values()))):
            raise IcerecoError(
                f"{file}: {view or next(iter(views))!r} is a view, a query that may never end; make it a table: "
                "CREATE TABLE … AS SELECT * FROM …"
            )
        pulses = chosen_maps(self.options.pulse_map, maps, file, "graphnet-sqlite")
        tables = _Tables(database, file, columns, pulses, self._truth(columns, file))
        require_same_columns(tables.dialect, {name: columns[name] for name in pulses}, file)
        if tables.truth is not None and tables.event not in columns.get(tables.truth, ()):
            raise IcerecoError(
                f"{file}: no table {tables.truth!r} with {tables.event}; found: {', '.join(columns)}"
            )
        return tables

    def _truth(self, columns: dict[str, list[str]], file: Path) -> str | None:
        """The table of truth; files without one are reported once."""
        truth = self.options.truth_table or next((name for name in _TRUTH if name in columns), None)
        if truth is None and file not in self._without_truth:
            self._without_truth.add(file)
            logger.info("%s: has no table of truth (%s)", file, ", ".join(_TRUTH))
        return truth


@dataclass(frozen=True)
class _Tables:
    """The tables of an open database: one or several of pulses, and that of truth."""

    database: sqlite3.Connection
    file: Path
    columns: dict[str, list[str]]
    pulses: tuple[str, ...]
    truth: str | None

    @property
    def event(self) -> str:
        return self.dialect.event

    @property
    def ids(self) -> str:
        """The query for the ids of all events."""
        tables = [*self.pulses, *([self.truth] if self.truth else [])]
        return " UNION ".join(f"SELECT DISTINCT {self.event} FROM {_quoted(table)}" for table in tables)

    @cached_property
    def dialect(self) -> Dialect:
        dialect = _dialect(self.columns[self.pulses[0]], self.columns.get(self.truth or "", []))
        assert dialect is not None, "tables of pulses are selected by their columns"
        return dialect

    def warn_without_index(self) -> None:
        for name in self.pulses:
            self._warn_without_index(name)

    def _warn_without_index(self, name: str) -> None:
        table = _quoted(name)
        indices = self.database.execute(f"PRAGMA index_list({table})").fetchall()
        leading = [
            self.database.execute(f"PRAGMA index_info({_quoted(row[1])})").fetchone() for row in indices
        ]
        if not any(row and row[2] == self.event for row in leading):
            statement = f"CREATE INDEX by_event ON {table} ({self.event})"
            logger.warning(
                "%s: %s has no index on %s, so every batch scans the whole table; create one with: %s",
                self.file,
                name,
                self.event,
                shlex.join(["sqlite3", str(self.file), statement]),
            )

    def events(self, rows: int, sign: int) -> Iterator[ForeignEvents]:
        cursor = self.database.execute(f"{self.ids} ORDER BY {self.event}")
        while some := cursor.fetchmany(rows):
            ids = _whole([row[0] for row in some], self.event, self.file)
            yield self._events(ids, sign)

    def _events(self, ids: Int[ndarray, "event"], sign: int) -> ForeignEvents:
        offsets, columns = self._pulses(ids)
        at, truth = self._truth(ids)
        blank = {name: np.full(len(ids), np.nan) for name in truth}
        for name, column in truth.items():
            blank[name][at] = column
        return ForeignEvents(
            event_id=ids,
            offsets=offsets,
            place_m=self.dialect.place_m(columns),
            pulses=self.dialect.pulses(columns, offsets),
            truth=self.dialect.own_truth(blank, sign),
            interactions=self.dialect.interactions(blank),
        )

    def _pulses(self, ids: Int[ndarray, "event"]) -> MapPulses:
        """The pulses of all pulse maps."""
        names = self.dialect.pulse_names(self.columns[self.pulses[0]])
        parts = []
        for table in self.pulses:
            event, columns = self._between(table, names, ids)
            parts.append(MapPulses(np.append(np.searchsorted(event, ids), len(event)), columns))
        return join_maps(parts)

    def _truth(self, ids: Int[ndarray, "event"]) -> tuple[Int[ndarray, "row"], dict[str, ndarray]]:
        """Return the columns of the truth table, and the event of each row."""
        if self.truth is None:
            return np.zeros(0, np.int64), {}
        names = self.dialect.truth_names(self.columns[self.truth])
        event, columns = self._between(self.truth, names, ids)
        repeated = event[1:][event[1:] == event[:-1]]
        if len(repeated):
            raise IcerecoError(
                f"{self.file}: {self.event} {repeated[0]} occurs more than once in {self.truth}"
            )
        return np.searchsorted(ids, event), columns

    def _between(
        self, table: str, names: Sequence[str], ids: Int[ndarray, "event"]
    ) -> tuple[Int[ndarray, "row"], dict[str, ndarray]]:
        """Rows of the events from the first to the last id, ascending, in the order in which they were written."""
        source, limits = (
            f"FROM {_quoted(table)} WHERE {self.event} BETWEEN ? AND ?",
            (int(ids[0]), int(ids[-1])),
        )
        counted = self.database.execute(
            f"SELECT {self.event}, COUNT(*) {source} GROUP BY {self.event} ORDER BY {self.event}", limits
        ).fetchall()
        event, count = (_whole([row[part] for row in counted], self.event, self.file) for part in (0, 1))
        rows = self.database.execute(
            f"SELECT {', '.join(map(_quoted, names))} {source} ORDER BY {self.event}, rowid", limits
        )
        columns = _numbers(rows, names, self.dialect.time, f"{self.file}: {table}")
        if len(columns[names[0]]) != count.sum():
            raise IcerecoError(
                f"{self.file}: {table} was changed while it was read; read it again when it is finished"
            )
        return np.repeat(event, count), columns


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    """Open the database read-only.

    Raises:
        IcerecoError: it is locked, malformed, or not a database; also for errors while it is read.
    """
    try:
        _require_whole(file)
        address = f"file:{quote(str(file.resolve()))}?mode=ro{_immutable(file)}"
        with closing(sqlite3.connect(address, uri=True, timeout=_WAIT_SECONDS)) as database:
            database.execute("PRAGMA trusted_schema = OFF")
            # A query that runs long returns to Python every so often, so that a signal can end it.
            database.set_progress_handler(lambda: 0, _STEPS_BETWEEN_SIGNALS)
            yield database
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from error  # what was raised in the progress handler
        raise IcerecoError(
            f"{file}: cannot be read as an SQLite database: {error}; {_advice(file, error)}"
        ) from error


def _advice(file: Path, error: Exception) -> str:
    if "locked" in str(error):
        return "close the program that writes to it"
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return f"copy it, with {_log_of(file).name} if that is there, into a folder that you may write to"
    return "it may be truncated or damaged: copy it again"


def _immutable(file: Path) -> str:
    """What lets a database in WAL mode be read where nothing can be written: without a log nobody is writing to it.

    Otherwise SQLite makes the log and an index of it next to the file (https://www.sqlite.org/wal.html#readonly).
    """
    with file.open("rb") as opened:
        modes = opened.read(20)[18:20]
    log = _log_of(file)
    quiet = not log.is_file() or not log.stat().st_size
    return "&immutable=1" if modes == _IN_WAL_MODE and quiet else ""


def _log_of(file: Path) -> Path:
    """The log of a database in WAL mode."""
    return file.with_name(f"{file.name}-wal")


def _require_whole(file: Path) -> None:
    """Refuse a database that is shorter than its header says: SQLite reads what is left of it, with other truth.

    The header has the size of a page and the number of pages (https://www.sqlite.org/fileformat2.html#the_database_header).
    """
    with file.open("rb") as opened:
        header = opened.read(100)
    if len(header) < 100 or header[24:28] != header[92:96]:  # the number of pages is valid only then
        return
    page = int.from_bytes(header[16:18], "big")
    needed = (65536 if page == 1 else page) * int.from_bytes(header[28:32], "big")
    if file.stat().st_size < needed:
        raise IcerecoError(
            f"{file}: has {file.stat().st_size:,} of {needed:,} bytes: it is truncated; copy it again"
        )


def _databases(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(
        file for file in path.iterdir() if file.name[0] != "." and file.is_file() and _is_sqlite(file)
    )


def _is_sqlite(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return opened.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def _is_ours(file: Path) -> bool:
    if not _is_sqlite(file):
        return False
    try:
        with _opened(file) as database:
            found = _columns(database) | _columns(database, "view")  # reading explains why views are refused
            return any(map(_holds_pulses, found.values()))
    except IcerecoError:
        return True


def _columns(database: sqlite3.Connection, kind: str = "table") -> dict[str, list[str]]:
    names = database.execute("SELECT name FROM sqlite_master WHERE type = ?", (kind,)).fetchall()
    tables = [name for (name,) in names]
    return {
        name: [row[1] for row in database.execute(f"PRAGMA table_info({_quoted(name)})")] for name in tables
    }


def _holds_pulses(columns: Sequence[str]) -> bool:
    return _dialect(columns) is not None


def _dialect(pulses: Sequence[str], truth: Sequence[str] = ()) -> Dialect | None:
    """The dialect of a table of pulses and one of truth; None if it holds none."""
    if EVENT in pulses:
        return dialect_of(pulses, truth)
    return KAGGLE if {KAGGLE.event, "sensor_id", *KAGGLE.needed} <= set(pulses) else None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _numbers(rows: sqlite3.Cursor, names: Sequence[str], time: str, table: str) -> dict[str, ndarray]:
    """The columns of all rows as float64, NaN for NULL; times that are whole numbers and too large for it as int64."""
    values = list(chain.from_iterable(rows))
    try:
        numbers = np.array(values, np.float64).reshape(-1, len(names))
    except (ValueError, TypeError):
        index, wrong = next((index, one) for index, one in enumerate(values) if not _is_number(one))
        raise IcerecoError(
            f"{table}.{names[index % len(names)]} must hold numbers: it holds {wrong!r}"
        ) from None
    columns = dict(zip(names, numbers.T, strict=True))
    if time in columns and np.abs(columns[time]).max(initial=0) > LARGEST_EXACT:
        exact = values[list(names).index(time) :: len(names)]
        if all(isinstance(one, int) for one in exact):
            columns[time] = np.array(exact, np.int64)
    return columns


def _is_number(value: object) -> bool:
    return value is None or isinstance(value, int | float)


def _whole(values: Sequence[object], name: str, file: Path) -> Int[ndarray, "row"]:
    numbers = np.array(values) if values else np.zeros(0, np.int64)
    if numbers.dtype.kind == "i" or (numbers.dtype.kind == "f" and (numbers == np.rint(numbers)).all()):
        return numbers.astype(np.int64)
    raise IcerecoError(f"{file}: {name} must hold whole numbers, without NULL")
