"""The parts of a source, prepared by an executor: several at once, each by one process."""

import threading
from collections.abc import Callable, Sequence

from icereco.data.store.part_writer import PartRecord, PartTask, prepare_part
from icereco.errors import IcerecoError
from icereco.system.work.executor import Executor, Job
from icereco.system.work.failures import together

__all__ = ["Finished", "Progress", "run_tasks"]

Progress = Callable[[int, int], None]
"""Called with (part, events of it that are done)."""

Finished = Callable[[int, PartRecord], None]
"""Called with (part, its record)."""


def run_tasks(
    tasks: Sequence[PartTask],
    executor: Executor,
    progress: Progress,
    finished: Finished,
    stop: threading.Event,
    *,
    go_on: bool,
) -> None:
    """Prepare parts in their order, until they are done or `stop` is set.

    Args:
        tasks: the parts.
        executor: does them.
        progress: called meanwhile.
        finished: called when a part is done.
        stop: ends it early.
        go_on: whether other parts are prepared after one that cannot be, so that all of these are named.

    Raises:
        IcerecoError: of the part, or of the parts, that cannot be prepared.
        KilledError: what prepared them was killed.
    """
    errors: list[IcerecoError] = []

    def report(number: int, events: int) -> None:
        if events < tasks[number].events:
            progress(tasks[number].number, events)

    for outcome in executor.outcomes(_JOB, tasks, report, stop):
        if go_on and isinstance(outcome.error, IcerecoError):
            errors.append(outcome.error)
        else:
            finished(tasks[outcome.number].number, outcome.value())
    if errors:
        raise together(errors, f"of {len(tasks):,} files cannot be prepared")


def _begin() -> Callable[[PartTask, Callable[[int], None]], PartRecord]:
    return prepare_part


def _name(task: PartTask) -> str:
    return str(task.source.path)


_JOB = Job(
    "icereco-prepare", _begin, _name, "process that prepares events", "start again: what is done is kept"
)
