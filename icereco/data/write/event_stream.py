"""The checked events of parts of a source, from a certain one on, all with the same columns."""

from collections.abc import Iterator, Sequence
from functools import reduce
from pathlib import Path

import pyarrow as pa

from icereco.data.sources.source import Source
from icereco.data.write.added_fit import FitFile
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.tables.columns import file_of
from icereco.tables.validation import EventChecker

__all__ = ["ROWS", "EventStream"]

ROWS = 4096


class EventStream:
    """Events as they are converted.

    Attributes:
        checker: of the events.
    """

    def __init__(
        self,
        parts: Sequence[Source],
        path: Path,
        detector: Detector,
        skip: int = 0,
        most: int | None = None,
        *,
        names: Sequence[str] = (),
        fits: Sequence[FitFile] = (),
        quiet: bool = False,
    ) -> None:
        """Read parts one after the other.

        Args:
            parts: of the source.
            path: of the source.
            detector: of the events.
            skip: how many events are left out before the first.
            most: how many follow; None for all.
            names: of the columns; empty for those of the first event.
            fits: the results of which each event gets as further columns.
            quiet: whether nothing but errors is reported.
        """
        self._parts, self._path, self._detector, self._skip = parts, path, detector, skip
        self._left = most
        self._names = list(names)
        self._fits = fits
        self.checker = EventChecker(detector, path, quiet=quiet)

    def total(self) -> int:
        """How many events there were, with those that the checker remembers.

        Raises:
            IcerecoError: none.
        """
        if not self.checker.total:
            raise IcerecoError(f"{self._path}: holds no events; at least one is needed")
        return self.checker.total

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        fits = [fit.read() for fit in self._fits]
        for batch in self._wanted():
            self.checker.check(batch)
            plain = batch.replace_schema_metadata(None)
            self._names = self._names or plain.schema.names
            if plain.schema.names != self._names:
                differs = ", ".join(sorted(set(plain.schema.names) ^ set(self._names)))
                raise IcerecoError(
                    f"{self.checker.file}: differs in columns ({differs}) from what was read before; convert them separately"
                )
            yield reduce(lambda events, fit: fit.add(events), fits, plain)

    def _wanted(self) -> Iterator[pa.RecordBatch]:
        """Whole files that are left out are not even read, and no event after the last is checked."""
        for batch in self._after_skipped():
            some = batch if self._left is None else batch.slice(0, self._left)
            yield some
            if self._left is not None:
                self._left -= some.num_rows
                if not self._left:
                    return

    def _after_skipped(self) -> Iterator[pa.RecordBatch]:
        skip = self._skip
        for part in self._parts:
            if skip and (count := part.count()) <= skip:
                skip -= count
                continue
            for batch in part.batches(self._detector, ROWS):
                over = min(skip, batch.num_rows)
                if over:
                    skip -= over
                    self.checker.file = file_of(batch, part.path)
                    self.checker.next_row += over
                if over < batch.num_rows:
                    yield batch.slice(over)
