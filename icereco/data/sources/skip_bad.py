"""Leaving out bad events: they are found first, and then the source is read without them."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Int
from numpy import ndarray

from icereco.data.sources.source import Source
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.protocols import Reader, Tabular
from icereco.system.files import write_text
from icereco.system.json_lines import plain
from icereco.system.log import get_logger
from icereco.tables.validation import BadEventError, EventChecker, check_truth

__all__ = ["Skipped", "skip_bad", "write_skipped"]

logger = get_logger(__name__)

_ROWS = 1024


@dataclass(frozen=True, slots=True)
class Skipped:
    """An event that is left out, or all that follows in a file.

    Attributes:
        file: where it is.
        row: of the event in the file, from 0; or the first row that cannot be read.
        event_id: of the event, if it has one.
        reason: what is wrong.
        rest: whether all that follows in the file is left out, too.
    """

    file: str
    row: int
    event_id: int | None
    reason: str
    rest: bool = False


def skip_bad(source: Source, detector: Detector, *, need_truth: bool = False) -> tuple[Source, list[Skipped]]:
    """Return the same source without its bad events, and a list of them; the whole source is read once to find them.

    Args:
        source: what to read.
        detector: what sensor ids are checked against.
        need_truth: whether an event without a true direction is bad.

    Raises:
        IcerecoError: nothing is left.
    """
    checker, skipped = EventChecker(detector, source.path), list[Skipped]()
    kept: dict[Path, _Kept] = {}
    for part in source.parts():
        inspection = _Inspection(checker, part, need_truth)
        inspection.run(detector)
        skipped += inspection.skipped
        kept[part.path] = inspection.kept()
    if not sum(part.events for part in kept.values()):
        first = f", the first because: {skipped[0].reason}" if skipped else ""
        raise IcerecoError(f"{source.path}: without its bad events nothing is left{first}")
    if not skipped:
        return replace(source, reported=True), []
    mark = hashlib.sha256(json.dumps([asdict(one) for one in skipped]).encode()).hexdigest()
    reader = _SkippingTabular if isinstance(source.reader, Tabular) else _Skipping
    skipping = reader(source.reader, source.path, kept)
    return replace(source, reader=skipping, skips=f"{source.skips}{mark}", reported=True), skipped


def write_skipped(path: Path, skipped: Sequence[Skipped]) -> None:
    """List what was skipped, a JSON object a line, and say so in the log; nothing is written where nothing was.

    Raises:
        IcerecoError: the file cannot be written.
    """
    if not skipped:
        return
    write_text(path, "".join(json.dumps(plain(asdict(one))) + "\n" for one in skipped))
    cut = sum(one.rest for one in skipped)
    rest = f" and what follows in {cut} damaged file{'s' if cut > 1 else ''}" if cut else ""
    logger.warning("skipped %d bad events%s; they are listed in %s", len(skipped) - cut, rest, path)


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """Which rows of a part are read: the first `rows`, but for `dropped`."""

    rows: int
    dropped: Int[ndarray, "dropped"]

    @property
    def events(self) -> int:
        return self.rows - len(self.dropped)

    def of(self, batch: pa.RecordBatch, start: int) -> pa.RecordBatch:
        """What is read of a batch that begins with row `start`."""
        batch = batch.slice(0, max(self.rows - start, 0))
        bad = self.dropped[(self.dropped >= start) & (self.dropped < start + batch.num_rows)]
        if not len(bad):
            return batch
        good = np.ones(batch.num_rows, bool)
        good[bad - start] = False
        return batch.filter(pa.array(good))


@dataclass(slots=True)
class _Inspection:
    """Looks for the bad events of one part."""

    checker: EventChecker
    part: Source
    need_truth: bool
    skipped: list[Skipped] = field(default_factory=list)
    _row: int = 0

    def run(self, detector: Detector) -> None:
        try:
            for batch in self.part.batches(detector, _ROWS):
                self._inspect(batch, self._row)
                self._row += batch.num_rows
        except IcerecoError as error:
            self.skipped.append(Skipped(str(self.part.path), self._row, None, str(error), rest=True))

    def kept(self) -> _Kept:
        dropped = [one.row for one in self.skipped if not one.rest]
        return _Kept(self._row, np.array(dropped, np.int64))

    def _inspect(self, batch: pa.RecordBatch, row: int) -> None:
        """Halve what is bad until single events are left: quick where few are."""
        try:
            if self.need_truth:
                check_truth(batch, self.part.path, row)
            self.checker.next_row = row
            self.checker.check(batch)
        except BadEventError as error:
            if batch.num_rows == 1:
                self.skipped.append(Skipped(str(self.part.path), row, error.event_id, error.problem))
                return
            half = batch.num_rows // 2
            self._inspect(batch.slice(0, half), row)
            self._inspect(batch.slice(half), row + half)


@dataclass(frozen=True, slots=True)
class _Skipping:
    """A reader that leaves out the bad events."""

    reader: Reader
    path: Path
    kept: dict[Path, _Kept]

    def sniff(self, path: Path) -> bool:
        return self.reader.sniff(path)

    def files(self, path: Path) -> list[Path]:
        return [file for part in self.parts(path) for file in self.reader.files(part)]

    def parts(self, path: Path) -> list[Path]:
        parts = list(self.kept) if path == self.path else [path]
        return [part for part in parts if self.kept[part].events]

    def count(self, path: Path) -> int:
        return sum(self.kept[part].events for part in self.parts(path))

    def read(self, path: Path, detector: Detector, rows_per_batch: int = 4096) -> Iterator[pa.RecordBatch]:
        for part in self.parts(path):
            kept, row = self.kept[part], 0
            # As many rows at once as when it was inspected: a damaged file fails at the same place.
            for batch in self.reader.read(part, detector, _ROWS):
                good = kept.of(batch, row)
                for start in range(0, good.num_rows, rows_per_batch):
                    yield good.slice(start, rows_per_batch)
                row += batch.num_rows
                if row >= kept.rows:
                    break


class _SkippingTabular(_Skipping):
    """The same of a reader that is `Tabular`."""

    def schema(self, path: Path) -> pa.Schema:
        assert isinstance(self.reader, Tabular), "made only for such a reader"
        return self.reader.schema(path)
