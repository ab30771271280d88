"""The table of reconstructions as CSV or Arrow IPC, written from the finished parquet file: the same columns and rows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from icereco.system.files import explaining, replacing
from icereco.system.log import get_logger
from icereco.tables.reconstructions import ReconstructionTable, reconstruction_writer

__all__ = ["TableForm", "converted_writer"]

logger = get_logger(__name__)

TableForm = Literal["csv", "arrow"]


@contextmanager
def converted_writer(
    path: Path, form: TableForm, provenance: Mapping[str, Any]
) -> Iterator[ReconstructionTable]:
    """Open a table that appears, whole, as CSV (without its lists) or Arrow IPC when the block ends.

    Raises:
        IcerecoError: the file cannot be written.
    """
    with explaining(path), TemporaryDirectory(prefix=".icereco-", dir=path.parent) as folder:
        whole = Path(folder) / "whole.parquet"
        with reconstruction_writer(whole, provenance) as table:
            yield table
        with replacing(path) as temporary, pq.ParquetFile(whole) as finished:
            _copy(finished, temporary, path, form)


def _copy(finished: pq.ParquetFile, temporary: Path, path: Path, form: TableForm) -> None:
    schema = finished.schema_arrow
    lists = [field.name for field in schema if pa.types.is_list(field.type)] if form == "csv" else []
    if lists:
        logger.warning("%s: CSV has no place for the lists %s", path, ", ".join(lists))
    kept = pa.schema([field for field in schema if field.name not in lists], schema.metadata)
    opened = csv.CSVWriter(temporary, kept) if form == "csv" else pa.ipc.new_file(temporary, kept)
    with opened as writer:
        for batch in finished.iter_batches(columns=kept.names):
            writer.write_batch(batch)
