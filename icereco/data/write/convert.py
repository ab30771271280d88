"""Converting a source to the own layout or to Kaggle's: a folder of files that appear one by one, so that it can be continued.

The files themselves show what is done. `.conversion.json` says what is being converted, and how; a folder with
another conversion, or with other files, is refused. One parquet file in place of a folder appears at the end.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from shutil import rmtree
from typing import Any

import numpy as np
import pyarrow as pa
from numpy import ndarray

from icereco.data.sources.source import Source
from icereco.data.write.added_fit import FitFile
from icereco.data.write.convert_work import FileTask, run_tasks, stretches
from icereco.data.write.converted_files import META, ConvertedFiles, Layout, event_ids
from icereco.data.write.event_stream import EventStream
from icereco.data.write.kaggle import require_small_ids
from icereco.data.write.parquet import OwnWriter
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.runs.provenance import provenance
from icereco.system.documents import parse_json
from icereco.system.files import clear_left_over, write_text
from icereco.system.log import get_logger
from icereco.system.work.executor import Executor
from icereco.tables.validation import EventChecker

__all__ = ["EVENTS_PER_FILE", "Conversion", "Layout", "Outcome", "convert"]

logger = get_logger(__name__)

EVENTS_PER_FILE = 200_000
_PLAN = ".conversion.json"
_OTHER_FORMATS = (".arrow", ".feather", ".ipc", ".csv", ".db", ".sqlite", ".root", ".h5")


@dataclass(frozen=True, slots=True)
class Conversion:
    """What is converted, and how.

    Attributes:
        output: a folder to write into, or one parquet file (own layout only).
        events_per_file: but for the last.
        fits: the results of which each event gets as further columns (own layout only).
    """

    source: Source
    detector: Detector
    output: Path
    layout: Layout = "icereco"
    events_per_file: int = EVENTS_PER_FILE
    fits: tuple[FitFile, ...] = ()

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
            "fits": [fit.fingerprint() for fit in self.fits] or None,
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


def convert(
    conversion: Conversion,
    advance: Callable[[int], object] = lambda _: None,
    executor: Executor | None = None,
) -> Outcome:
    """Write all events of a source; what an interrupted conversion finished is kept.

    Memory holds a few thousand events, and 8 bytes for each event id.

    Args:
        conversion: what is converted, and how.
        advance: called with the number of events whenever some are done.
        executor: writes the files of a folder; None for this process, which writes one file that is no folder in any case.

    Raises:
        IcerecoError: a bad event (see `icereco.tables.validation`), no events, a folder with something else in it, or one
            that cannot be written.
    """
    if conversion.fits and conversion.layout != "icereco":
        raise IcerecoError(
            "Kaggle's layout has no place for the results of a fit: leave --fit out, or --layout kaggle"
        )
    if conversion.to_one_file:
        return _convert_to_file(conversion, advance)
    target = _Target(conversion)
    if (finished := target.begin()) is not None:
        advance(finished.events)
        return finished
    if executor is not None and (tasks := _tasks(conversion, target)) is not None:
        outcome = _convert_by(executor, tasks, conversion, target, advance)
    else:
        outcome = _convert_here(conversion, target, advance)
    target.finish(outcome)
    return outcome


def _convert_here(conversion: Conversion, target: "_Target", advance: Callable[[int], object]) -> Outcome:
    """One file after the other."""
    done = [np.empty(0, np.int64), *map(event_ids, target.files.leading())]
    kept: ndarray = np.concatenate(done)
    advance(len(kept))
    events = _events(conversion, len(kept))
    events.checker.remember(kept)
    for number, batches in enumerate(_in_files(events, conversion.events_per_file), len(done) - 1):
        target.write(number, batches, advance)
    return Outcome(events.total(), len(kept), len(target.files.leading()), target.left_out)


def _tasks(conversion: Conversion, target: "_Target") -> list[FileTask] | None:
    """The files that are not done; None if workers would not be quicker, as each reads a part from its beginning."""
    source, parts = conversion.source, conversion.source.parts()
    counts = [part.count() for part in parts]
    if not sum(counts):
        raise IcerecoError(f"{source.path}: holds no events; at least one is needed")
    cut = list(stretches(counts, conversion.events_per_file))
    if sum(skip for _, skip, _ in cut) > sum(counts):
        logger.info(
            "%s: its files are long, and each worker would read one from its beginning; this process converts them alone",
            source.path,
        )
        return None
    names, facts, kept = _names(parts, conversion.detector), target.facts(), set(target.kept())
    return [
        FileTask(
            target.files, number, tuple(parts[i] for i in which), skip, events, source.path, conversion.detector, names, facts,
            conversion.fits,
        )
        for number, (which, skip, events) in enumerate(cut)
        if number not in kept
    ]  # fmt: skip


def _names(parts: Sequence[Source], detector: Detector) -> tuple[str, ...]:
    """The columns of the first part that can be read; the others are named as their files are converted."""
    for part in parts:
        with suppress(IcerecoError):
            if (first := next(part.batches(detector, 1), None)) is not None:
                return tuple(first.schema.names)
    return ()


def _convert_by(
    executor: Executor,
    tasks: Sequence[FileTask],
    conversion: Conversion,
    target: "_Target",
    advance: Callable[[int], object],
) -> Outcome:
    """Several files at once; that no event id occurs twice is known at the end."""
    total = conversion.source.count()
    kept = total - sum(task.events for task in tasks)
    advance(kept)
    left_out = run_tasks(tasks, executor, advance)
    _require_unique(conversion, target.files)
    return Outcome(total, kept, len(target.files.leading()), left_out)


def _require_unique(conversion: Conversion, files: ConvertedFiles) -> None:
    """Check the ids of all files, and remove those from the first on that repeats one.

    Raises:
        IcerecoError: with the place where an id is repeated.
    """
    checker = EventChecker(conversion.detector, conversion.source.path)
    written = files.leading()
    for number, path in enumerate(written):
        if checker.remember(event_ids(path)) is not None:
            for later in range(number, len(written)):
                files.remove(later)
            for _ in _events(conversion, 0):  # finds the place
                pass
            raise IcerecoError(f"{path}: an event_id of it occurs more than once; event ids must be unique")


def _events(conversion: Conversion, skip: int) -> EventStream:
    source = conversion.source
    return EventStream(source.parts(), source.path, conversion.detector, skip, fits=conversion.fits)


def _convert_to_file(conversion: Conversion, advance: Callable[[int], object]) -> Outcome:
    if conversion.layout != "icereco":
        raise IcerecoError(f"{conversion.output}: Kaggle's layout is a folder; give the name of one")
    if conversion.output.exists():
        raise IcerecoError(f"{conversion.output} already exists; give another name, or remove it")
    events = _events(conversion, 0)
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


def _in_files(events: EventStream, events_per_file: int) -> Iterator[Iterator[pa.RecordBatch]]:
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
        self.files = ConvertedFiles(self._folder, conversion.layout)
        self._plan = conversion.plan()
        self.left_out: tuple[str, ...] = ()

    def begin(self) -> Outcome | None:
        """Begin a new folder, or continue that of an interrupted conversion of the same source.

        Returns:
            What was done, if it is finished.
        """
        if self._conversion.layout == "kaggle":
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
        for folder in (self._folder, *(self._folder / name for name in ("train", "test", META))):
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

    def kept(self) -> list[int]:
        """The files that are done already, whatever their order."""
        count = -(-self._conversion.source.count() // self._conversion.events_per_file)
        return [number for number in range(count) if self.files.with_ids(number)]

    def write(self, number: int, batches: Iterator[pa.RecordBatch], advance: Callable[[int], object]) -> None:
        """The file of this number, whole or not at all."""
        self.left_out = self.files.write(number, batches, self.facts(), advance)

    def facts(self) -> dict[str, Any]:
        """The provenance of a file."""
        return provenance(converted_from=self._plan)

    def finish(self, outcome: Outcome) -> None:
        """Write the files that need all events, and note that the conversion is finished."""
        if self._conversion.layout == "kaggle":
            self.files.finish_kaggle(self._conversion.detector)
        self._note(outcome)
        rmtree(self._folder / META, ignore_errors=True)
