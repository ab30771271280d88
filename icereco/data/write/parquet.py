"""Writing events in the own layout. Files appear whole or not at all."""

import json
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

import pyarrow as pa
import pyarrow.parquet as pq

from icereco.system.files import explaining, replacing
from icereco.tables.schema import SCHEMA

__all__ = ["COMPRESSION", "PROVENANCE_KEY", "EventWriter", "OwnWriter", "ParquetFile"]

PROVENANCE_KEY = b"icereco.runs.provenance"
"""Schema metadata: JSON of what the events were made with."""

_EVENTS_PER_ROW_GROUP = 4096
COMPRESSION = "zstd"


@runtime_checkable
class EventWriter(Protocol):
    """A context manager that writes events one batch after the other; nothing is left behind when it fails."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Append events, as `icereco.tables.schema.SCHEMA` with truth."""
        ...

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class ParquetFile:
    """A parquet file under a temporary name, with row groups of a size that does not depend on the batches.

    Attributes:
        schema: of the file.
    """

    def __init__(self, path: Path, schema: pa.Schema, rows_per_group: int) -> None:
        self.schema = schema
        self._path, self._rows_per_group = path, rows_per_group
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            temporary = stack.enter_context(replacing(self._path))
            with explaining(self._path):
                self._file = pq.ParquetWriter(
                    temporary, self.schema, compression=COMPRESSION, write_page_checksum=True
                )
            stack.callback(self._abandon)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            try:
                self._flush(everything=True)
                with explaining(self._path):
                    self._file.close()
            except BaseException as failed:
                self._stack.__exit__(type(failed), failed, failed.__traceback__)
                raise
        self._stack.__exit__(kind, error, trace)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append rows."""
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= self._rows_per_group:
            self._flush(everything=False)

    def _abandon(self) -> None:
        with suppress(OSError):  # the disk may be full; the first error is raised already
            self._file.close()

    def _flush(self, *, everything: bool) -> None:
        table = pa.Table.from_batches(self._waiting, self.schema)
        end = self._rows if everything else self._rows - self._rows % self._rows_per_group
        with explaining(self._path):
            for start in range(0, end, self._rows_per_group):
                group = table.slice(start, min(self._rows_per_group, end - start))
                self._file.write_table(group.combine_chunks(), row_group_size=self._rows_per_group)
        self._waiting = table.slice(end).to_batches()
        self._rows -= end


class OwnWriter(ParquetFile):
    """One parquet file with one row per event, and the provenance in the schema's metadata.

    `schema` is that of the batches; it may lack truth, or have further columns (`icereco.tables.columns.own_fields`).
    """

    def __init__(self, path: Path, provenance: dict[str, Any], schema: pa.Schema = SCHEMA) -> None:
        note = json.dumps(provenance, sort_keys=True)
        super().__init__(path, schema.with_metadata({PROVENANCE_KEY: note.encode()}), _EVENTS_PER_ROW_GROUP)

    def write(self, batch: pa.RecordBatch) -> None:
        """Append events."""
        super().write(batch.replace_schema_metadata(self.schema.metadata))
