"""The files of a folder that is converted to: what they are called, which are done, and how one is written."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int
from numpy import ndarray

from icereco.data.write.kaggle import KaggleBatch, geometry_csv, write_meta
from icereco.data.write.parquet import COMPRESSION, OwnWriter
from icereco.detector.detector import Detector
from icereco.system.files import explaining, replacing, write_text
from icereco.tables.schema import SCHEMA

__all__ = ["META", "ConvertedFiles", "Layout", "event_ids"]

Layout = Literal["icereco", "kaggle"]

META = ".meta"
"""Folder of the pieces of Kaggle's meta table, until all of them are there."""


@dataclass(frozen=True, slots=True)
class ConvertedFiles:
    """The files with events, numbered from 0.

    Attributes:
        folder: of all.
        layout: of the events.
    """

    folder: Path
    layout: Layout

    def leading(self) -> list[Path]:
        """What has the event ids of the files that are done, in order, as far as there is no gap."""
        files: list[Path] = []
        while (path := self.with_ids(len(files))) is not None:
            files.append(path)
        return files

    def with_ids(self, number: int) -> Path | None:
        """What has the event ids of a file, or None if it is not done."""
        if self.layout == "icereco":
            return self._own(number) if self._own(number).is_file() else None
        batch = (self._batch(number, truth=truth) for truth in (True, False))
        piece = self._meta_piece(number)
        return piece if piece.is_file() and any(file.is_file() for file in batch) else None

    def remove(self, number: int) -> None:
        """Remove a file, which then is not done."""
        files = [self._own(number), self._meta_piece(number)]
        for path in (*files, *(self._batch(number, truth=truth) for truth in (True, False))):
            path.unlink(missing_ok=True)

    def write(
        self,
        number: int,
        batches: Iterator[pa.RecordBatch],
        facts: dict[str, Any],
        advance: Callable[[int], object],
    ) -> tuple[str, ...]:
        """Write a file, whole or not at all.

        Args:
            number: of the file.
            batches: its events.
            facts: its provenance.
            advance: called with the number of events whenever some are done.

        Returns:
            Further columns, for which the layout has no place.
        """
        first = next(batches)
        with self._open(number, first, facts) as writer:
            for batch in chain([first], batches):
                writer.write(batch)
                advance(batch.num_rows)
            if isinstance(writer, KaggleBatch):  # the file with the event ids takes its name first
                piece = self._meta_piece(number)
                with replacing(piece) as temporary, explaining(piece):
                    write_meta(temporary, writer.meta, facts)
        left_out = (name for name in first.schema.names if name not in SCHEMA.names)
        return tuple(left_out) if self.layout == "kaggle" else ()

    def finish_kaggle(self, detector: Detector) -> None:
        """Write the files of Kaggle's layout that need all events."""
        write_text(self.folder / "sensor_geometry.csv", geometry_csv(detector))
        pieces = self.leading()
        schema = pq.read_schema(pieces[0])
        path = self.folder / f"{'train' if 'azimuth' in schema.names else 'test'}_meta.parquet"
        with (
            replacing(path) as temporary,
            explaining(path),
            pq.ParquetWriter(temporary, schema, compression=COMPRESSION, write_page_checksum=True) as whole,
        ):
            for piece in pieces:
                whole.write_table(pq.read_table(piece, page_checksum_verification=True))

    def _open(self, number: int, first: pa.RecordBatch, facts: dict[str, Any]) -> OwnWriter | KaggleBatch:
        if self.layout == "icereco":
            return OwnWriter(self._own(number), facts, first.schema)
        return KaggleBatch(self._batch(number, truth="azimuth" in first.schema.names), number + 1, facts)

    def _own(self, number: int) -> Path:
        return self.folder / f"events-{number:05d}.parquet"

    def _batch(self, number: int, *, truth: bool) -> Path:
        return self.folder / ("train" if truth else "test") / f"batch_{number + 1}.parquet"

    def _meta_piece(self, number: int) -> Path:
        return self.folder / META / f"batch_{number + 1}.parquet"


def event_ids(path: Path) -> Int[ndarray, "event"]:
    """Of the events in a file that has them."""
    ids: ndarray = np.asarray(pq.read_table(path, columns=["event_id"]).column(0))
    return ids
