"""The table of reconstructions: one row per event, in input order, with provenance in the schema's metadata."""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from icereco.errors import IcerecoError
from icereco.system.files import explaining, replacing, require_name
from icereco.system.log import get_logger
from icereco.tables.reconstruction_columns import rows_without_events

__all__ = [
    "CONTENT",
    "METADATA_KEY",
    "TABLE_VERSION",
    "ReconstructionTable",
    "provenance_of",
    "reconstruction_writer",
]

logger = get_logger(__name__)

METADATA_KEY = b"icereco"
CONTENT = "reconstruction"
TABLE_VERSION = 2
"""Of the columns. Files of version 1, which do not say so, have the truth's energy and kind as energy and kind."""

_COLUMNS, _CHECKSUM = "columns", "crc32"
_ROWS_PER_GROUP = 1 << 16


@contextmanager
def reconstruction_writer(path: Path, provenance: Mapping[str, Any]) -> Iterator["ReconstructionTable"]:
    """A parquet file of reconstructions that appears, whole, when the block ends.

    Args:
        path: the file.
        provenance: JSON-able facts of how the reconstructions are made.

    Raises:
        IcerecoError: the file cannot be written.
    """
    with replacing(path) as temporary:
        table = ReconstructionTable(
            path, temporary, {"content": CONTENT, "table": TABLE_VERSION, **provenance}
        )
        try:
            yield table
            table.finish()
        finally:
            table.abandon()


class ReconstructionTable:
    """A growing table. The rows that are written first, many at once, fix the columns; a row that lacks one gets null."""

    def __init__(self, path: Path, temporary: Path, provenance: Mapping[str, Any]) -> None:
        self._path = path
        self._temporary = temporary
        self._provenance = json.loads(json.dumps(provenance))  # as it is read back
        self._writer: pq.ParquetWriter | None = None
        self._held: list[pa.RecordBatch] = []
        self._late: set[str] = set()

    def write(self, rows: pa.RecordBatch) -> None:
        """Append rows of `icereco.tables.reconstruction_columns.reconstruction_rows`.

        Raises:
            IcerecoError: the file cannot be written.
        """
        with explaining(self._path):
            self._held.append(rows)
            if sum(part.num_rows for part in self._held) >= _ROWS_PER_GROUP:
                self._flush()

    def finish(self) -> None:
        """Write what is still held back, also of a table without rows.

        Raises:
            IcerecoError: the file cannot be written.
        """
        if self._writer is None and not self._held:
            self._held.append(rows_without_events())
        with explaining(self._path):
            self._flush()
            self._close()

    def abandon(self) -> None:
        """Close the file, finished or not."""
        with suppress(OSError):
            self._close()

    def _flush(self) -> None:
        if not self._held:
            return
        if self._writer is None:
            fields = _every_field(self._held)
            facts = self._provenance | {_COLUMNS: [field.name for field in fields]}
            schema = pa.schema(fields, {METADATA_KEY: json.dumps(facts | {_CHECKSUM: _checksum(facts)})})
            self._writer = pq.ParquetWriter(
                self._temporary, schema, compression="zstd", write_page_checksum=True
            )
        self._warn_of_late_columns()
        conforming = [_conform(rows, self._writer.schema) for rows in self._held]
        self._writer.write_table(pa.Table.from_batches(conforming))
        self._held.clear()

    def _warn_of_late_columns(self) -> None:
        assert self._writer is not None, "called with columns"
        known = self._late.union(self._writer.schema.names)
        late = [field.name for field in _every_field(self._held) if field.name not in known]
        if late:
            logger.warning(
                "%s: leaves out %s, as the columns are those of the first events; give a file that has it first",
                self._path, ", ".join(late),
            )  # fmt: skip
        self._late.update(late)

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()


def _every_field(batches: Sequence[pa.RecordBatch]) -> list[pa.Field]:
    """The columns of all batches in order; those of events without pulses may be fewer."""
    return list({field.name: field for rows in batches for field in rows.schema}.values())


def _conform(rows: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    present = set(rows.schema.names)
    arrays = [
        rows.column(field.name) if field.name in present else pa.nulls(rows.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def provenance_of(path: Path) -> dict[str, Any] | None:
    """How the reconstructions in a file were made; None where it is no such file.

    Raises:
        IcerecoError: no such file, or not a parquet file.
    """
    require_name(path)
    try:
        schema = pq.read_schema(path)
    except FileNotFoundError:
        raise IcerecoError(f"there is no file {path}") from None
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise IcerecoError(f"{path} is damaged or not a parquet file: {reason}") from error
    try:
        facts = json.loads((schema.metadata or {}).get(METADATA_KEY, b"null"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(facts, dict) or facts.get("content") != CONTENT:
        return None
    _require_undamaged(facts, schema.names, path)
    return {name: value for name, value in facts.items() if name not in (_COLUMNS, _CHECKSUM)}


def _require_undamaged(facts: Mapping[str, Any], names: Sequence[str], path: Path) -> None:
    """Compare the checksum of the facts, and the names of the columns: parquet has no checksum of its footer.

    Other programs may have added or removed columns, but not both.
    """
    said = {name: value for name, value in facts.items() if name != _CHECKSUM}
    if _CHECKSUM in facts and facts[_CHECKSUM] != _checksum(said):
        raise IcerecoError(f"{path} is damaged: its provenance is not what was written; copy it again")
    written = said.get(_COLUMNS, [])
    lost, new = (sorted(set(one) - set(other)) for one, other in ((written, names), (names, written)))
    if written and lost and new:
        raise IcerecoError(
            f"{path} is damaged: it was written with the column {lost[0]}, and has {new[0]}; copy it again"
        )


def _checksum(facts: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(facts, sort_keys=True).encode())
