"""The own layout: one row per event, pulses in list columns; parquet or Arrow IPC, one file or a folder of them.

The files of a prepared store can be read as well: they hold the hit DOMs of each event instead of a sensor for each pulse.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from icereco.detector.detector import Detector
from icereco.tables.columns import FILE_KEY, is_own_layout, require_columns, with_metadata
from icereco.tables.dom_level import has_dom_columns, with_sensor_ids
from icereco.tables.mapped import open_mapped
from icereco_readers.bounds import bounded_parquet
from icereco_readers.options import OwnOptions
from icereco_readers.pandas_index import range_index

__all__ = ["OwnReader"]

_PARQUET = (".parquet", ".pq")
_ARROW = (".arrow", ".feather", ".ipc")


class OwnReader:
    """Reads files in the layout of `icereco.tables.schema.SCHEMA`; a folder's files in order of their names."""

    def __init__(self, options: OwnOptions | None = None) -> None:
        self.options = options or OwnOptions()

    def sniff(self, path: Path) -> bool:
        """Return whether it is a parquet or Arrow file with event_id and list columns, or a folder of such files."""
        try:
            return any(_is_own(file) for file in own_files(path))
        except OSError:
            return False

    def files(self, path: Path) -> list[Path]:
        """The file itself, or the parquet and Arrow files of a folder by name."""
        return own_files(path)

    def parts(self, path: Path) -> list[Path]:
        """The files, each of which can be read separately."""
        return own_files(path)

    def schema(self, path: Path) -> pa.Schema:
        """The columns of a file, but for those that the options leave out."""
        unwanted = self._unwanted
        return pa.schema([field for field in _schema(path) if field.name not in unwanted])

    def count(self, path: Path) -> int:
        """The number of events, from the files' footers."""
        return sum(_count(file) for file in own_files(path))

    def read(
        self,
        path: Path,
        detector: Detector,  # noqa: ARG002 -- sensor ids are rows of its table already
        rows_per_batch: int = 4096,
    ) -> Iterator[pa.RecordBatch]:
        """Yield events in input order, in the types of the file; sensor ids are already those of the detector.

        Raises:
            IcerecoError: a column is missing.
        """
        for file in own_files(path):
            for batch in _batches(file, rows_per_batch):
                batch = self._without(batch, file)
                if batch.num_rows:
                    yield with_metadata(batch, FILE_KEY, str(file).encode())

    def _without(self, batch: pa.RecordBatch, file: Path) -> pa.RecordBatch:
        """Leave out the columns that the options name."""
        require_columns(batch.schema.names, file, self._unwanted)
        return batch.drop_columns(list(self._unwanted))

    @property
    def _unwanted(self) -> tuple[str, ...]:
        return tuple(self.options.without.split("+")) if self.options.without else ()


def own_files(path: Path) -> list[Path]:
    """The file itself, or the parquet and Arrow files of a folder by name."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if _is_named(file) and file.is_file())


def _is_named(file: Path) -> bool:
    """Whether a file of a folder is meant; `._events.parquet` is what macOS leaves beside a file on other file systems."""
    return file.suffix in (*_PARQUET, *_ARROW) and not file.name.startswith(".")


def _is_own(file: Path) -> bool:
    try:
        schema = _schema(file)
        return has_dom_columns(schema) or is_own_layout(schema)
    except (pa.ArrowException, OSError):
        return False


def _is_arrow(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(6) == b"ARROW1"


def _schema(file: Path) -> pa.Schema:
    if _is_arrow(file):
        with open_mapped(file) as source:
            return pa.ipc.open_file(source).schema
    schema = pq.read_schema(file)
    index = range_index(schema)
    return index.schema(schema) if index else schema


def _count(file: Path) -> int:
    if not _is_arrow(file):
        return int(pq.read_metadata(file).num_rows)
    with open_mapped(file) as source:
        reader = pa.ipc.open_file(source)
        return sum(reader.get_batch(index).num_rows for index in range(reader.num_record_batches))


def _batches(file: Path, rows: int) -> Iterator[pa.RecordBatch]:
    schema = _schema(file)
    if has_dom_columns(schema):
        yield from map(with_sensor_ids, _as_they_are(file, rows))
    else:
        require_columns(schema.names, file)
        yield from _as_they_are(file, rows)


def _as_they_are(file: Path, rows: int) -> Iterator[pa.RecordBatch]:
    if not _is_arrow(file):
        yield from _of_parquet(file, rows)
        return
    with open_mapped(file) as source:
        reader = pa.ipc.open_file(source)
        for index in range(reader.num_record_batches):
            batch = reader.get_batch(index)
            batch.validate(full=True)  # offsets of a damaged file may point outside its buffers
            for start in range(0, batch.num_rows, rows):
                yield batch.slice(start, rows)


def _of_parquet(file: Path, rows: int) -> Iterator[pa.RecordBatch]:
    with bounded_parquet(file) as opened:
        index, row = range_index(opened.schema_arrow), 0
        for batch in opened.iter_batches(batch_size=rows):
            yield index.with_column(batch, row) if index else batch
            row += batch.num_rows
