"""Processes that prepare the parts of a source, each one part at a time."""

import multiprocessing
import os
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Any

from icereco.data.store.part_writer import PartTask, prepare_part
from icereco.errors import IcerecoError
from icereco.system.worker_processes import CONTEXT, working

__all__ = ["KilledError", "run_tasks"]

Report = Callable[[int, int], None]
"""Called with (part, events of it that are done)."""

_LOOK_SECONDS = 0.5
_REPORT_EVERY = 4096


class KilledError(IcerecoError):
    """A process that prepares events was killed."""


def run_tasks(tasks: Sequence[PartTask], processes: int, report: Report, stop: threading.Event) -> None:
    """Prepare parts in their order, until they are done or `stop` is set.

    Raises:
        IcerecoError: the first that a part raised.
        KilledError: a process was killed.
    """
    if processes > 1:
        _in_processes(tasks, processes, report, stop)
    else:
        _here(tasks, report, stop)


class _StoppedError(Exception):
    """The caller has asked to stop."""


def _here(tasks: Iterable[PartTask], report: Report, stop: threading.Event) -> None:
    def on_progress(task: PartTask, events: int) -> None:
        if stop.is_set():
            raise _StoppedError
        if events < task.events:
            report(task.number, events)

    with suppress(_StoppedError):
        for task in tasks:
            prepare_part(task, partial(on_progress, task))
            report(task.number, task.events)


def _in_processes(tasks: Sequence[PartTask], processes: int, report: Report, stop: threading.Event) -> None:
    taken, results = CONTEXT.Value("q", 0), CONTEXT.Queue()
    # Files are written under temporary names: a worker that is terminated leaves none half done.
    with working("icereco-prepare", _work, processes, taken, results) as workers:
        with suppress(ConnectionError):  # a worker is dead, which is reported below
            for _, pipe in workers:
                pipe.send(tasks)
        _listen(len(tasks), [worker for worker, _ in workers], results, report, stop)


def _listen(left: int, workers: Sequence[Any], results: Any, report: Report, stop: threading.Event) -> None:
    while left and not stop.is_set():
        try:
            part, events, last = results.get(timeout=_LOOK_SECONDS)
        except queue.Empty:
            if any(worker.exitcode for worker in workers):
                raise KilledError(
                    "a process that prepares events was killed, perhaps for lack of memory; start again: what is "
                    "done is kept. A script of your own must run it under if __name__ == '__main__'"
                ) from None
            continue
        if isinstance(events, BaseException):
            raise events
        left -= last
        report(part, events)


def _work(pipe: Connection, taken: Any, results: Any) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    tasks: Sequence[PartTask] = pipe.recv()
    while (number := _next(taken)) < len(tasks):
        task = tasks[number]
        try:
            prepare_part(task, partial(_on_progress, results, task))
            results.put((task.number, task.events, True))
        except (IcerecoError, OSError) as error:
            results.put((task.number, error, True))


def _on_progress(results: Any, task: PartTask, events: int) -> None:
    if events < task.events and events % _REPORT_EVERY == 0:
        results.put((task.number, events, False))


def _next(taken: Any) -> int:
    with taken.get_lock():
        number: int = taken.value
        taken.value += 1
    return number


def _end_with_parent() -> None:
    """End this worker with its parent: one that is killed cannot end its workers."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
