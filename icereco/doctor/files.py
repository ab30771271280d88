"""What the doctor does with every file, as units of work: count its events, read some of them, compare its checksums."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import pyarrow as pa

from icereco.data.sources.source import Source
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.protocols import Checksummed
from icereco.system.work.executor import Executor, Job, Outcome, Report, in_order

__all__ = ["FileWork", "first_batches", "own_batches"]

Result = TypeVar("Result")

_MOST_PULSES = 10_000_000
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class _Read:
    """Events of a file.

    Attributes:
        streams: each batch as an Arrow IPC stream.
        seconds: that reading them took.
        problem: the error that ended it, or None.
    """

    streams: list[bytes]
    seconds: float
    problem: IcerecoError | None

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The batches, and then the error."""
        for stream in self.streams:
            yield next(iter(pa.ipc.open_stream(stream)))
        if self.problem is not None:
            raise self.problem


@dataclass(frozen=True, slots=True)
class FileWork:
    """What is done with several files at once.

    Attributes:
        executor: does it.
        progress: called with what is done, and how many of how many files are.
    """

    executor: Executor
    progress: Callable[[str, int, int], object] = lambda *_: None

    def counts(self, parts: Sequence[Source]) -> list[int]:
        """The events of each file.

        Raises:
            IcerecoError: of the first that is damaged.
        """
        return [outcome.value() for outcome in self._done("counting", _count, parts)]

    def damaged_places(self, parts: Sequence[Source]) -> list[str]:
        """What differs from its checksum in files whose reader is `icereco.protocols.Checksummed`.

        Raises:
            IcerecoError: of the first file that is cut.
        """
        found = (outcome.value() for outcome in self._done("checksums", _damaged, parts))
        return [place for places in found for place in places]

    def readings(
        self, parts: Sequence[Source], detector: Detector, each: int, spent: Callable[[float], object]
    ) -> Iterator[Iterator[pa.RecordBatch]]:
        """The first events of each file, one file after the other.

        Args:
            parts: the files.
            detector: of the events.
            each: how many of each file.
            spent: called with the time that reading a file took, s.
        """
        for outcome in self._done("reading", partial(_first_events, detector, each), parts):
            read = outcome.value()
            spent(read.seconds)
            yield read.batches()

    def _done(
        self, stage: str, work: Callable[[Source, Report], Result], parts: Sequence[Source]
    ) -> Iterator[Outcome[Result]]:
        """What comes of each file, in their order."""
        job = Job(
            "icereco-doctor", partial(_begin, work), _name, "process that reads files", "try fewer --workers"
        )
        with closing(self.executor.outcomes(job, parts, _untold, threading.Event())) as outcomes:
            yield from in_order(self._counted(stage, outcomes, len(parts)))

    def _counted(
        self, stage: str, outcomes: Iterator[Outcome[Result]], total: int
    ) -> Iterator[Outcome[Result]]:
        for done, outcome in enumerate(outcomes, 1):
            self.progress(stage, done, total)
            yield outcome


def first_batches(files: Iterable[Iterator[pa.RecordBatch]], each: int) -> Iterator[pa.RecordBatch]:
    """Up to so many events of each file; once there are many pulses, only a batch of each file."""
    pulses = 0
    for batches in files:
        left = each
        for batch in batches:
            some = batch.slice(0, left)
            yield some
            left -= some.num_rows
            pulses += int(some.column("sensor_id").offsets[-1].as_py()) if some.num_rows else 0
            if left <= 0 or pulses > _MOST_PULSES:
                break


def own_batches(part: Source, detector: Detector, each: int) -> Iterator[pa.RecordBatch]:
    """The batches of a file."""
    return part.shaped(detector, min(_ROWS_AT_ONCE, each))


def _begin(work: Callable[[Source, Report], Result]) -> Callable[[Source, Report], Result]:
    return work


def _count(part: Source, _report: Report) -> int:
    return part.count()


def _damaged(part: Source, _report: Report) -> list[str]:
    reader = part.reader
    return list(reader.damaged(part.path)) if isinstance(reader, Checksummed) else []


def _first_events(detector: Detector, each: int, part: Source, _report: Report) -> _Read:
    started, streams, problem = time.perf_counter(), list[bytes](), None
    try:
        for batch in first_batches([own_batches(part, detector, each)], each):
            streams.append(_packed(batch))
    except IcerecoError as error:
        problem = error
    return _Read(streams, time.perf_counter() - started, problem)


def _packed(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def _name(part: Source) -> str:
    return str(part.path)


def _untold(_number: int, _done: int) -> None:
    """A file is done as a whole."""
