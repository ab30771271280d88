"""Tables in files of several formats, all seen as named columns of rows."""

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from icereco.errors import IcerecoError
from icereco.tables.csv_dialect import CsvDialect
from icereco.tables.mapped import open_mapped
from icereco_readers.bounds import bounded_parquet
from icereco_readers.pandas_index import RangeIndex, range_index

__all__ = ["TableFile", "is_table", "open_table", "table_files"]

_PARQUET = (".parquet", ".pq")
_ARROW = (".arrow", ".feather", ".ipc")
_CSV = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".csv.bz2", ".csv.zst")
_HDF5 = (".h5", ".hdf5", ".hdf", ".hd5")
_SUFFIXES = (*_PARQUET, *_ARROW, *_CSV, *_HDF5)

_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_CSV_BLOCK_BYTES = 1 << 22
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_CSV_COLUMN = re.compile(r"In CSV column #(\d+): ")


@dataclass(frozen=True)
class TableFile(ABC):
    """A table: what its columns are, and its rows from front to back.

    Attributes:
        path: the file.
    """

    path: Path

    @property
    @abstractmethod
    def schema(self) -> pa.Schema:
        """Names and types of all columns."""

    @abstractmethod
    def batches(self, names: Sequence[str], whole: Collection[str], rows: int) -> Iterator[pa.RecordBatch]:
        """Yield some columns, about `rows` rows at once; of those named `whole` the values are whole numbers."""


def is_table(path: Path) -> bool:
    """Return whether a file is of a format that holds tables, by its name and its first bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as opened:
        magic = opened.read(8)
    text = bool(magic) and b"\0" not in magic[:1] and not magic.startswith(_UTF_16)
    named = path.name.lower().endswith(_CSV) and text
    return magic[:4] == b"PAR1" or magic[:6] == b"ARROW1" or magic == _HDF5_MAGIC or named


def table_files(path: Path) -> list[Path]:
    """The file itself, or the tables of a folder by name."""
    if not path.is_dir():
        return [path]
    files = (
        file for file in path.iterdir() if file.name.lower().endswith(_SUFFIXES) and file.name[0] not in "._"
    )
    return sorted(file for file in files if file.is_file())


def open_table(path: Path, table: str | None = None) -> TableFile:
    """Open a table; `table` is its name in a file that holds several.

    Raises:
        IcerecoError: the file holds no table, or none of that name.
    """
    with path.open("rb") as opened:
        magic = opened.read(8)
    if magic == _HDF5_MAGIC:
        from icereco_readers.table.hdf5 import open_hdf5

        return open_hdf5(path, table)
    if table is not None:
        raise IcerecoError(f"{path}: holds a single table, and none called {table!r}: leave table= out")
    if magic[:4] == b"PAR1":
        return ParquetTable(path)
    if magic[:6] == b"ARROW1":
        return ArrowTable(path)
    if path.name.lower().endswith(_CSV):
        return CsvTable(path)
    raise IcerecoError(f"{path}: is no table in parquet, Arrow IPC, CSV or HDF5")


@dataclass(frozen=True)
class ParquetTable(TableFile):
    """A parquet file; an index of pandas that it only describes is a column, too."""

    @cached_property
    def schema(self) -> pa.Schema:
        schema = pq.read_schema(self.path)
        return self._index.schema(schema) if self._index else schema

    @cached_property
    def _index(self) -> RangeIndex | None:
        return range_index(pq.read_schema(self.path))

    def batches(
        self,
        names: Sequence[str],
        whole: Collection[str],  # noqa: ARG002 -- the file has types
        rows: int,
    ) -> Iterator[pa.RecordBatch]:
        stored = [name for name in names if self._index is None or name != self._index.name]
        row = 0
        with bounded_parquet(self.path) as opened:
            for batch in opened.iter_batches(batch_size=rows, columns=stored):
                yield batch if len(stored) == len(names) else self._with_index(batch, row)
                row += batch.num_rows

    def _with_index(self, batch: pa.RecordBatch, row: int) -> pa.RecordBatch:
        assert self._index is not None, "called only where there is an index"
        return self._index.with_column(batch, row)


@dataclass(frozen=True)
class ArrowTable(TableFile):
    """An Arrow IPC file, such as Feather."""

    @cached_property
    def schema(self) -> pa.Schema:
        with open_mapped(self.path) as source:
            return pa.ipc.open_file(source).schema

    def batches(
        self,
        names: Sequence[str],
        whole: Collection[str],  # noqa: ARG002 -- the file has types
        rows: int,
    ) -> Iterator[pa.RecordBatch]:
        with open_mapped(self.path) as source:
            reader = pa.ipc.open_file(source)
            for index in range(reader.num_record_batches):
                batch = reader.get_batch(index).select(list(names))
                batch.validate(full=True)  # offsets of a damaged file may point outside its buffers
                for start in range(0, batch.num_rows, rows):
                    yield batch.slice(start, rows)


@dataclass(frozen=True)
class CsvTable(TableFile):
    """A CSV file with a header, maybe compressed; separated by commas, semicolons (then maybe with decimal commas) or tabs."""

    @cached_property
    def schema(self) -> pa.Schema:
        try:
            with pa.csv.open_csv(self.path, *self._how(), self._dialect.convert()) as reader:
                return reader.schema
        except pa.ArrowInvalid as error:
            raise IcerecoError(
                f"{self.path}: {str(error).splitlines()[0]}; the first line, which has to name the columns, is "
                f"{self._dialect.header[:80]!r}"
            ) from error

    @cached_property
    def _dialect(self) -> CsvDialect:
        return CsvDialect.of(self.path)

    def _how(self) -> tuple[pa.csv.ReadOptions, pa.csv.ParseOptions]:
        return pa.csv.ReadOptions(block_size=_CSV_BLOCK_BYTES), self._dialect.parse()

    def batches(
        self,
        names: Sequence[str],
        whole: Collection[str],
        rows: int,  # noqa: ARG002 -- its blocks have a size of their own
    ) -> Iterator[pa.RecordBatch]:
        convert = self._dialect.convert(include_columns=list(names), column_types=self._types(names, whole))
        try:
            with pa.csv.open_csv(self.path, *self._how(), convert) as reader:
                yield from reader
        except pa.ArrowInvalid as error:
            raise IcerecoError(f"{self.path}: {self._named(str(error).splitlines()[0])}") from error

    def _types(self, names: Sequence[str], whole: Collection[str]) -> dict[str, pa.DataType]:
        """The types of columns: what the first block shows, but numbers may have decimals further down."""
        types = {name: pa.int64() if name in whole else self.schema.field(name).type for name in names}
        return {
            name: pa.float64() if _may_be_numbers(kind) and name not in whole else kind
            for name, kind in types.items()
        }

    def _named(self, problem: str) -> str:
        """Name the column, which Arrow numbers."""
        return _CSV_COLUMN.sub(lambda match: f"column {self.schema.names[int(match[1])]}: ", problem)


def _may_be_numbers(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind))
