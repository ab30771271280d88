"""Converting a source to the own layout or to Kaggle's: a folder of files that appear one by one, so that it can be continued.

The files themselves show what is done. `.conversion.json` says what is being converted, and how; a folder with
another conversion, or with other files, is refused. One parquet file in place of a folder appears at the end.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from shutil import rmtree
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int
from numpy import ndarray

from icereco.data.sources.source import Source
from icereco.data.write.kaggle import KaggleBatch, geometry_csv, require_small_ids, write_meta
from icereco.data.write.parquet import COMPRESSION, OwnWriter
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.runs.provenance import provenance
from icereco.system.documents import parse_json
from icereco.system.files import clear_left_over, explaining, replacing, write_text
from icereco.tables.columns import file_of
from icereco.tables.schema import SCHEMA
from icereco.tables.validation import EventChecker

__all__ = ["EVENTS_PER_FILE", "Conversion", "Layout", "Outcome", "convert"]

Layout = Literal["icereco", "kaggle"]

EVENTS_PER_FILE = 200_000
_PLAN = ".conversion.json"
_META = ".meta"
_ROWS = 4096
_OTHER_FORMATS = (".arrow", ".feather", ".ipc", ".csv", ".db", ".sqlite", ".root", ".h5")


@dataclass(frozen=True, slots=True)
class Conversion:
    """What is converted, and how.

    Attributes:
        output: a folder to write into, or one parquet file (own layout only).
        events_per_file: but for the last.
    """

    source: Source
    detector: Detector
    output: Path
    layout: Layout = "icereco"
    events_per_file: int = EVENTS_PER_FILE

    @staticmethod
    def require_output(output: Path) -> None:
        """Check that what is written will be what its name says.

        Raises:
            IcerecoError: the name is that of a file of another format.
        """
        if output.suffix in _OTHER_FORMATS:
            raise IcerecoError(
                f"{output}: events are written as parquet: give a name that ends in .parquet, or that of a folder"
            )

    @property
    def to_one_file(self) -> bool:
        """Whether everything goes into one file."""
        return self.output.suffix in (".parquet", ".pq")

    def plan(self) -> dict[str, Any]:
        """Return what must be the same for a conversion to be continued."""
        return {
            "layout": self.layout,
            "source": str(self.source.path.resolve()),
            "source_fingerprint": self.source.fingerprint(),
            "reader": self.source.reader_text,
            "detector": self.detector.fingerprint,
            "events_per_file": self.events_per_file,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a conversion did.

    Attributes:
        events: in the folder at the end.
        kept: those of them that were there before.
        files: with events.
        left_out: further columns, for which Kaggle's layout has no place.
    """

    events: int
    kept: int
    files: int
    left_out: tuple[str, ...] = ()


def convert(conversion: Conversion, advance: Callable[[int], object] = lambda _: None) -> Outcome:
    """Write all events of a source; what an interrupted conversion finished is kept.

    Memory holds a few thousand events, and 8 bytes for each event id.

    Args:
        conversion: what is converted, and how.
        advance: called with the number of events whenever some are done.

    Raises:
        IcerecoError: a bad event (see `icereco.tables.validation`), no events, a folder with something else in it, or one
            that cannot be written.
    """
    if conversion.to_one_file:
        return _convert_to_file(conversion, advance)
    target = _Target(conversion)
    if (finished := target.begin()) is not None:
        advance(finished.events)
        return finished
    kept = target.event_ids()
    advance(len(kept))
    events = _Events(conversion.source, conversion.detector, kept)
    for number, batches in enumerate(_in_files(events, conversion.events_per_file), len(target.done())):
        target.write(number, batches, advance)
    outcome = Outcome(events.total(), len(kept), len(target.done()), target.left_out)
    target.finish(outcome)
    return outcome


def _convert_to_file(conversion: Conversion, advance: Callable[[int], object]) -> Outcome:
    if conversion.layout != "icereco":
        raise IcerecoError(f"{conversion.output}: Kaggle's layout is a folder; give the name of one")
    if conversion.output.exists():
        raise IcerecoError(f"{conversion.output} already exists; give another name, or remove it")
    events = _Events(conversion.source, conversion.detector, np.empty(0, np.int64))
    stream = iter(events)
    first = next(stream, None)
    if first is not None:
        with OwnWriter(
            conversion.output, provenance(converted_from=conversion.plan()), first.schema
        ) as writer:
            for batch in chain([first], stream):
                writer.write(batch)
                advance(batch.num_rows)
    return Outcome(events.total(), 0, 1)


class _Events:
    """The checked events that are not written yet, all with the columns of the first."""

    def __init__(self, source: Source, detector: Detector, kept: Int[ndarray, "event"]) -> None:
        self._source, self._detector, self._skip = source, detector, len(kept)
        self.checker = EventChecker(detector, source.path)
        self.checker.remember(kept)

    def total(self) -> int:
        """How many events there were, with those that were kept.

        Raises:
            IcerecoError: none.
        """
        if not self.checker.total:
            raise IcerecoError(f"{self._source.path}: holds no events; at least one is needed")
        return self.checker.total

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        schema: pa.Schema | None = None
        for batch in self._unwritten():
            self.checker.check(batch)
            plain = batch.replace_schema_metadata(None)
            schema = schema or plain.schema
            if plain.schema.names != schema.names:
                differs = ", ".join(sorted(set(plain.schema.names) ^ set(schema.names)))
                raise IcerecoError(
                    f"{self.checker.file}: differs in columns ({differs}) from what was read before; convert them separately"
                )
            yield plain

    def _unwritten(self) -> Iterator[pa.RecordBatch]:
        """Whole files that are written already are not even read."""
        skip = self._skip
        for part in self._source.parts():
            if skip and (count := part.count()) <= skip:
                skip -= count
                continue
            for batch in part.batches(self._detector, _ROWS):
                over = min(skip, batch.num_rows)
                if over:  # checked before
                    skip -= over
                    self.checker.file = file_of(batch, part.path)
                    self.checker.next_row += over
                if over < batch.num_rows:
                    yield batch.slice(over)


def _in_files(events: "_Events", events_per_file: int) -> Iterator[Iterator[pa.RecordBatch]]:
    """The batches of one file after the other; each must be used up before the next."""
    waiting: list[pa.RecordBatch] = []
    stream = iter(events)

    def one_file() -> Iterator[pa.RecordBatch]:
        room = events_per_file
        while room and (batch := waiting.pop() if waiting else next(stream, None)) is not None:
            yield batch.slice(0, room)
            if batch.num_rows > room:
                waiting.append(batch.slice(room))
            room -= min(room, batch.num_rows)

    while True:
        if not waiting:
            first = next(stream, None)
            if first is None:
                return
            waiting.append(first)
        yield one_file()


class _Target:
    """The folder that is written."""

    def __init__(self, conversion: Conversion) -> None:
        self._conversion, self._folder = conversion, conversion.output
        self._kaggle = conversion.layout == "kaggle"
        self._plan = conversion.plan()
        self.left_out: tuple[str, ...] = ()

    def begin(self) -> Outcome | None:
        """Begin a new folder, or continue that of an interrupted conversion of the same source.

        Returns:
            What was done, if it is finished.
        """
        if self._kaggle:
            require_small_ids(self._conversion.detector)
        if (self._folder / _PLAN).is_file():
            noted = self._noted()
            differs = [key for key in self._plan if noted["plan"].get(key) != self._plan[key]]
            if not differs and (finished := noted["finished"]):
                return Outcome(
                    finished["events"], finished["events"], finished["files"], tuple(finished["left_out"])
                )
            if differs and any(entry.name != _PLAN for entry in self._folder.iterdir()):
                raise IcerecoError(
                    f"{self._folder} holds another conversion (of another {', '.join(differs)}); "
                    "give another folder, or remove this one"
                )
        elif self._folder.exists() and (not self._folder.is_dir() or any(self._folder.iterdir())):
            raise IcerecoError(f"{self._folder} already exists and holds something else; give a new folder")
        self._note(None)
        for folder in (self._folder, *(self._folder / name for name in ("train", "test", _META))):
            clear_left_over(folder)
        return None

    def _noted(self) -> dict[str, Any]:
        file = self._folder / _PLAN
        try:
            document: dict[str, Any] = parse_json(file.read_text(encoding="utf-8"))
            return {"plan": dict(document["plan"]), "finished": document["finished"]}
        except (ValueError, LookupError, TypeError) as error:
            raise IcerecoError(f"{file}: damaged; remove {self._folder}, or give another folder") from error

    def _note(self, outcome: Outcome | None) -> None:
        finished = None if outcome is None else asdict(outcome)
        write_text(self._folder / _PLAN, json.dumps({"plan": self._plan, "finished": finished}, indent=1))

    def done(self) -> list[Path]:
        """The files with events, in order, as far as there is no gap."""
        files: list[Path] = []
        while (path := self._ids_file(len(files))) is not None:
            files.append(path)
        return files

    def event_ids(self) -> Int[ndarray, "event"]:
        """Of all events that are written."""
        parts = [np.asarray(pq.read_table(path, columns=["event_id"]).column(0)) for path in self.done()]
        ids: ndarray = np.concatenate([np.empty(0, np.int64), *parts])
        return ids

    def write(self, number: int, batches: Iterator[pa.RecordBatch], advance: Callable[[int], object]) -> None:
        """The file of this number, whole or not at all."""
        first = next(batches)
        facts = provenance(converted_from=self._plan)
        if self._kaggle:
            self.left_out = tuple(name for name in first.schema.names if name not in SCHEMA.names)
        with self._open(number, first, facts) as writer:
            for batch in chain([first], batches):
                writer.write(batch)
                advance(batch.num_rows)
            if isinstance(writer, KaggleBatch):  # the file with the event ids takes its name first
                piece = self._meta_piece(number)
                with replacing(piece) as temporary, explaining(piece):
                    write_meta(temporary, writer.meta, facts)

    def finish(self, outcome: Outcome) -> None:
        """Write the files that need all events, and note that the conversion is finished."""
        if self._kaggle:
            self._finish_kaggle()
        self._note(outcome)
        rmtree(self._folder / _META, ignore_errors=True)

    def _finish_kaggle(self) -> None:
        write_text(self._folder / "sensor_geometry.csv", geometry_csv(self._conversion.detector))
        pieces = [self._meta_piece(number) for number in range(len(self.done()))]
        schema = pq.read_schema(pieces[0])
        path = self._folder / f"{'train' if 'azimuth' in schema.names else 'test'}_meta.parquet"
        with (
            replacing(path) as temporary,
            explaining(path),
            pq.ParquetWriter(temporary, schema, compression=COMPRESSION, write_page_checksum=True) as whole,
        ):
            for piece in pieces:
                whole.write_table(pq.read_table(piece, page_checksum_verification=True))

    def _open(self, number: int, first: pa.RecordBatch, facts: dict[str, Any]) -> "OwnWriter | KaggleBatch":
        if not self._kaggle:
            return OwnWriter(self._own_file(number), facts, first.schema)
        return KaggleBatch(self._batch_file(number, truth="azimuth" in first.schema.names), number + 1, facts)

    def _ids_file(self, number: int) -> Path | None:
        """The file that has the event ids of a finished file, or None."""
        if not self._kaggle:
            return self._own_file(number) if self._own_file(number).is_file() else None
        batch = (self._batch_file(number, truth=truth) for truth in (True, False))
        piece = self._meta_piece(number)
        return piece if piece.is_file() and any(file.is_file() for file in batch) else None

    def _own_file(self, number: int) -> Path:
        return self._folder / f"events-{number:05d}.parquet"

    def _batch_file(self, number: int, *, truth: bool) -> Path:
        return self._folder / ("train" if truth else "test") / f"batch_{number + 1}.parquet"

    def _meta_piece(self, number: int) -> Path:
        return self._folder / _META / f"batch_{number + 1}.parquet"
