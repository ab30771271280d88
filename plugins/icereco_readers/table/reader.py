"""The reader of tables whose columns the user names."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from icereco.detector.detector import Detector
from icereco.errors import IcerecoError, did_you_mean
from icereco.tables.from_columns import own_batch, times_ns
from icereco_readers.foreign import FINDER_EVENTS
from icereco_readers.options import TableOptions
from icereco_readers.table.carried import carried_names
from icereco_readers.table.events import Rows, rows_of
from icereco_readers.table.files import TableFile, is_table, open_table, table_files
from icereco_readers.table.mapping import Mapping
from icereco_readers.table.sensors import Sensors, sensor_names, sensors_for
from icereco_readers.table.suggestion import suggested
from icereco_readers.table.truth import TruthTable, own_truth

__all__ = ["TableReader"]


class TableReader:
    """Reads a table, or the tables of a folder by name; never without options that name its columns.

    Events come in the order of the table, those of rows of pulses in that of their first pulse. Memory is bounded by the truth and the
    ids of one file (8 bytes a row) and a stretch of it; only where the rows of an event are not contiguous, one file is held whole.
    """

    def __init__(self, options: TableOptions | None = None) -> None:
        self.options = options or TableOptions()
        self._truth: tuple[object, TruthTable] | None = None

    def sniff(self, path: Path) -> bool:
        """Return whether it is a table, or a folder of them, with a column that the options name; also True if it cannot be opened."""
        try:
            return any(self._is_meant(part) for part in self.parts(path) if is_table(part))
        except OSError:
            return False

    def _is_meant(self, part: Path) -> bool:
        named = {text for value in self.options.model_dump().values() for text in str(value).split("+")}
        try:
            return bool(named & set(self._opened(part).schema.names))
        except pa.ArrowException:
            return False
        except IcerecoError:
            return bool(self.options.model_fields_set)

    def suggest(self, path: Path) -> str | None:
        """Return the options, as text, that would read a table with usual names of columns; None if it has none."""
        return suggested(path)

    def files(self, path: Path) -> list[Path]:
        """The tables, and the table of truth."""
        parts = self.parts(path)
        return list(
            dict.fromkeys([*parts, *(file for part in parts[:1] if (file := self._truth_file(part)))])
        )

    def parts(self, path: Path) -> list[Path]:
        """The tables but that of truth, each of which can be read separately."""
        files = table_files(path)
        return files if not path.is_dir() else [file for file in files if file != self._truth_file(file)]

    def count(self, path: Path) -> int:
        """The number of events, from the column of their numbers."""
        mapping = Mapping.of(self.options)
        return sum(len(rows_of(self._opened(part), mapping, ()).event_id) for part in self.parts(path))

    def read(self, path: Path, detector: Detector, rows_per_batch: int = 4096) -> Iterator[pa.RecordBatch]:
        """Yield the events of one table after the other.

        Raises:
            IcerecoError: a column is missing or holds what it should not, the truth is not of these events, or the sensors are of
                another detector.
        """
        mapping = Mapping.of(self.options)
        for part in self.parts(path):
            truth = self._truth_table(part, mapping)
            table = self._opened(part)
            carried = self._carried(table, mapping)
            of_events = () if truth else tuple(mapping.truth.values())
            events = rows_of(table, mapping, (*of_events, *carried))
            if truth:
                truth.require_some(events.event_id, part)
            sensors: Sensors | None = None
            if mapping.sensor and (first := next(events.read(FINDER_EVENTS), None)):
                sensors = sensors_for(mapping.sensor, first.pulses, detector, part)
            for rows in events.read(rows_per_batch):
                assert sensors is not None, "there are events"
                known = (
                    truth.of(rows.event_id)
                    if truth
                    else own_truth(rows.events, mapping.truth, self._sign, part)
                )
                pulses, names = _pulses(rows, mapping, sensors), sensor_names(mapping.sensor, rows.pulses)
                batch = own_batch(rows.event_id, rows.offsets, pulses, known, part, names)
                for name, new in carried.items():
                    batch = batch.append_column(new, rows.events.as_given(name))
                yield batch

    def schema(self, path: Path) -> pa.Schema:
        """The columns of events of a table that are carried, by the names that they are given."""
        table = self._opened(path)
        carried = self._carried(table, Mapping.of(self.options))
        return pa.schema([table.schema.field(name).with_name(new) for name, new in carried.items()])

    def _carried(self, table: TableFile, mapping: Mapping) -> dict[str, str]:
        in_table = self._truth_file(table.path) is None
        return carried_names(table, mapping, mapping.truth.values() if in_table else ())

    @property
    def _sign(self) -> int:
        return 1 if self.options.direction == "origin" else -1

    def _opened(self, part: Path) -> TableFile:
        return open_table(part, self.options.table)

    def _truth_file(self, part: Path) -> Path | None:
        if self.options.truth is not None:
            return part.parent / self.options.truth.expanduser()
        return part if self.options.truth_table else None

    def _truth_table(self, part: Path, mapping: Mapping) -> TruthTable | None:
        file = self._truth_file(part)
        if file is None:
            return None
        if not file.is_file():
            near = did_you_mean(
                file.name, [one.name for one in file.parent.iterdir()] if file.parent.is_dir() else []
            )
            here = (
                f"; {self.options.truth} in the current folder must be given by its whole path"
                if self.options.truth and self.options.truth.is_file()
                else ""
            )
            raise IcerecoError(
                f"{file}: there is no such file of truth, which truth= names from the folder of the events{near}{here}"
            )
        if not mapping.truth:
            raise IcerecoError(
                f"{file}: name the columns of truth: zenith=COLUMN,azimuth=COLUMN,energy=COLUMN, …"
            )
        status = file.stat()
        state = (file, status.st_mtime_ns, status.st_size)
        if self._truth is None or self._truth[0] != state:
            event = tuple(self.options.truth_event.split("+")) if self.options.truth_event else mapping.event
            table = open_table(file, self.options.truth_table)
            self._truth = state, TruthTable.read(table, event, mapping, self._sign)
        return self._truth[1]


def _pulses(rows: Rows, mapping: Mapping, sensors: Sensors) -> dict[str, np.ndarray]:
    """The columns of pulses in the own layout."""
    names, values = mapping.pulses, rows.pulses
    own = {"sensor_id": sensors(values), "time": times_ns(values.times(names["time"]), rows.offsets)}
    if "charge" in names:
        own["charge"] = values.numbers(names["charge"])
    if "auxiliary" in names:
        own["auxiliary"] = values.flags(names["auxiliary"]) == 1
    if "hlc" in names:
        own["auxiliary"] = values.flags(names["hlc"]) == 0
    return own
