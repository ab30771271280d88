"""The files of a folder, converted by an executor: several at once, each by one process."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa

from icereco.data.sources.source import Source
from icereco.data.write.added_fit import FitFile
from icereco.data.write.converted_files import ConvertedFiles
from icereco.data.write.event_stream import EventStream
from icereco.detector.detector import Detector
from icereco.errors import IcerecoError
from icereco.system.work.executor import Executor, Job, Report
from icereco.system.work.failures import together

__all__ = ["FileTask", "run_tasks", "stretches"]


@dataclass(frozen=True, slots=True)
class FileTask:
    """A file and all it takes to write it, in any process.

    Attributes:
        number: of the file.
        parts: of the source that its events are in.
        skip: events of the first of these that are before it.
        events: it must have.
        source: path of the source.
        names: of the columns that every event has.
        facts: its provenance.
        fits: added to the events.
    """

    files: ConvertedFiles
    number: int
    parts: tuple[Source, ...]
    skip: int
    events: int
    source: Path
    detector: Detector
    names: tuple[str, ...]
    facts: dict[str, Any]
    fits: tuple[FitFile, ...] = ()


def stretches(counts: Sequence[int], events_per_file: int) -> Iterator[tuple[range, int, int]]:
    """The parts of each file, how many events of the first of these are before it, and how many it has.

    >>> list(stretches([3, 0, 4], 5))
    [(range(0, 3), 0, 5), (range(2, 3), 2, 2)]

    Args:
        counts: events of each part.
        events_per_file: but for the last.
    """
    first, skip, left = 0, 0, sum(counts)
    while left:
        size = min(events_per_file, left)
        while skip >= counts[first]:
            skip, first = skip - counts[first], first + 1
        last, reached = first, counts[first] - skip
        while reached < size:
            last += 1
            reached += counts[last]
        yield range(first, last + 1), skip, size
        skip, left = skip + size, left - size


def run_tasks(
    tasks: Sequence[FileTask], executor: Executor, advance: Callable[[int], object]
) -> tuple[str, ...]:
    """Write files, in any order.

    Args:
        tasks: the files.
        executor: writes them.
        advance: called with the number of events whenever some are done, and a negative one where a worker died.

    Returns:
        The columns for which the layout has no place.

    Raises:
        IcerecoError: of the file, or of the files, that cannot be written; the others are.
        KilledError: what wrote them was killed.
    """
    told, left_out, errors = [0] * len(tasks), tuple[str, ...](), list[IcerecoError]()

    def tell(number: int, done: int) -> None:
        advance(done - told[number])
        told[number] = done

    for outcome in executor.outcomes(_JOB, tasks, tell, Event()):
        if isinstance(outcome.error, IcerecoError):
            errors.append(outcome.error)
        else:
            left_out = outcome.value()
            tell(outcome.number, tasks[outcome.number].events)
    if errors:
        raise together(errors, f"of {len(tasks):,} files cannot be converted, and the others are")
    return left_out


def _begin() -> Callable[[FileTask, Report], tuple[str, ...]]:
    return _write


def _write(task: FileTask, report: Report) -> tuple[str, ...]:
    # What a part has of strange things is reported with the file that its first event is in.
    quiet = task.skip > 0
    stream = EventStream(
        task.parts,
        task.source,
        task.detector,
        task.skip,
        task.events,
        names=task.names,
        fits=task.fits,
        quiet=quiet,
    )
    done = 0

    def advance(events: int) -> None:
        nonlocal done
        done += events
        report(done)

    return task.files.write(task.number, _exactly(stream, task), task.facts, advance)


def _exactly(stream: EventStream, task: FileTask) -> Iterator[pa.RecordBatch]:
    """As many events as the file must have.

    Raises:
        IcerecoError: there are fewer.
    """
    yield from stream
    if (lacking := task.events - stream.checker.total) > 0:
        raise IcerecoError(
            f"{task.parts[-1].path}: holds {lacking:,} events fewer than it says; did it change while it was read? Start again"
        )


def _name(task: FileTask) -> str:
    return f"file {task.number} of {task.files.folder}"


_JOB = Job(
    "icereco-convert", _begin, _name, "process that converts events", "start again: what is done is kept"
)
