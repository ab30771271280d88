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

Tell = Callable[[int, int], None]
"""Called with (part, events of it that are done)."""

_LOOK_SECONDS = 0.5
_TELL_EVERY = 4096


class KilledError(IcerecoError):
    """A process that prepares events was killed."""


def run_tasks(tasks: Sequence[PartTask], processes: int, tell: Tell, stop: threading.Event) -> None:
    """Prepare parts in their order, until they are done or `stop` is set.

    Raises:
        IcerecoError: the first that a part raised.
        KilledError: a process was killed.
    """
    if processes > 1:
        _in_processes(tasks, processes, tell, stop)
    else:
        _here(tasks, tell, stop)


class _StoppedError(Exception):
    """An end has been asked for."""


def _here(tasks: Iterable[PartTask], tell: Tell, stop: threading.Event) -> None:
    def on_progress(task: PartTask, events: int) -> None:
        if stop.is_set():
            raise _StoppedError
        if events < task.events:
            tell(task.number, events)

    with suppress(_StoppedError):
        for task in tasks:
            prepare_part(task, partial(on_progress, task))
            tell(task.number, task.events)


def _in_processes(tasks: Sequence[PartTask], processes: int, tell: Tell, stop: threading.Event) -> None:
    taken, told = CONTEXT.Value("q", 0), CONTEXT.Queue()
    # Files are written beside their place: a worker that is ended leaves nothing half done.
    with working("icereco-prepare", _work, processes, taken, told) as workers:
        with suppress(ConnectionError):  # of a worker that is dead, which is reported below
            for _, pipe in workers:
                pipe.send(tasks)
        _listen(len(tasks), [worker for worker, _ in workers], told, tell, stop)


def _listen(left: int, workers: Sequence[Any], told: Any, tell: Tell, stop: threading.Event) -> None:
    while left and not stop.is_set():
        try:
            part, events, last = told.get(timeout=_LOOK_SECONDS)
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
        tell(part, events)


def _work(pipe: Connection, taken: Any, told: Any) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    tasks: Sequence[PartTask] = pipe.recv()
    while (number := _next(taken)) < len(tasks):
        task = tasks[number]
        try:
            prepare_part(task, partial(_on_progress, told, task))
            told.put((task.number, task.events, True))
        except (IcerecoError, OSError) as error:
            told.put((task.number, error, True))


def _on_progress(told: Any, task: PartTask, events: int) -> None:
    if events < task.events and events % _TELL_EVERY == 0:
        told.put((task.number, events, False))


def _next(taken: Any) -> int:
    with taken.get_lock():
        number: int = taken.value
        taken.value += 1
    return number


def _end_with_parent() -> None:
    """A parent that is killed cannot end its workers."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
