"""Work done by processes of this machine, or by this process alone."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from icereco.errors import IcerecoError
from icereco.system.work.executor import Job, KilledError, Outcome, Progress, Queue, Report
from icereco.system.work.notes import log_notes, noting
from icereco.system.worker_processes import working

__all__ = ["LocalProcesses", "at_intervals"]

Unit = TypeVar("Unit")
Result = TypeVar("Result")

_LOOK_SECONDS = 0.5
_REPORT_SECONDS = 0.1


class LocalProcesses:
    """An executor: processes that are started for the work, each with one unit at a time.

    One process, or one unit, needs no other: this one does it.
    """

    def __init__(self, count: int) -> None:
        self._count = count

    def outcomes(
        self,
        job: Job[Unit, Result],
        units: Iterable[Unit],
        progress: Progress,
        stop: threading.Event,
        ahead: int | None = None,
    ) -> Generator[Outcome[Result], None, None]:
        """See `icereco.system.work.executor.Executor`."""
        rest = iter(units)
        first = list(islice(rest, self._count))
        if len(first) < 2:
            yield from _here(job, chain(first, rest), progress, stop)
            return
        most = None if ahead is None else ahead * len(first)
        with working(job.label, _work, len(first)) as started:
            crew = _Crew(job, [pipe for _, pipe in started])
            yield from crew.outcomes(Queue(chain(first, rest), most), progress, stop)


class _StoppedError(Exception):
    """The caller has asked to stop."""


def _here(
    job: Job[Unit, Result], units: Iterable[Unit], progress: Progress, stop: threading.Event
) -> Generator[Outcome[Result], None, None]:
    def report(number: int, done: int) -> None:
        if stop.is_set():
            raise _StoppedError
        progress(number, done)

    work: Callable[[Unit, Report], Result] | None = None
    for number, unit in enumerate(units):
        if stop.is_set():
            return
        try:
            work = work or job.begin()
            outcome = Outcome(number, work(unit, partial(report, number)))
        except _StoppedError:
            return
        except (IcerecoError, OSError) as error:
            outcome = Outcome(number, error=error)
        yield outcome


class _Crew:
    """The processes at work, by this process's ends of their pipes."""

    def __init__(self, job: Job[Any, Any], pipes: Sequence[Connection]) -> None:
        self._job, self._pipes, self._idle = job, pipes, list(pipes)
        for pipe in pipes:
            self._send(pipe, job)

    def outcomes(
        self, queue: Queue[Any], progress: Progress, stop: threading.Event
    ) -> Generator[Outcome[Any], None, None]:
        while not stop.is_set():
            while self._idle and (taken := queue.take()) is not None:
                self._send(self._idle.pop(), taken)
            if queue.is_done:
                return
            for pipe in self._ready():
                message = self._receive(pipe)
                if isinstance(message, Outcome):
                    self._idle.append(pipe)
                    queue.done(message.number)
                    log_notes(message)
                    yield message
                else:
                    progress(*message)

    def _ready(self) -> list[Connection]:
        ready = wait(self._pipes, _LOOK_SECONDS)
        return [pipe for pipe in self._pipes if pipe in ready]

    def _send(self, pipe: Connection, message: object) -> None:
        try:
            pipe.send(message)
        except OSError as error:
            raise self._killed() from error

    def _receive(self, pipe: Connection) -> Any:
        try:
            return pipe.recv()
        except (EOFError, OSError) as error:
            raise self._killed() from error

    def _killed(self) -> KilledError:
        return KilledError(
            f"a {self._job.worker} was killed, perhaps for lack of memory ({self._job.advice}); a script of your own "
            "must run it under if __name__ == '__main__'"
        )


def _work(pipe: Connection) -> None:
    """Do the units that come through the pipe, until the parent is gone or there is no memory."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, ConnectionError, MemoryError):
        job: Job[Any, Any] = pipe.recv()
        work = None
        while True:
            number, unit = pipe.recv()
            report = at_intervals(partial(_tell, pipe, number), _REPORT_SECONDS)
            with noting() as notes:
                try:
                    work = work or job.begin()
                    outcome = Outcome(number, work(unit, report))
                except (IcerecoError, OSError) as error:
                    outcome = Outcome(number, error=error)
            pipe.send(replace(outcome, notes=tuple(notes)))


def _tell(pipe: Connection, number: int, done: int) -> None:
    pipe.send((number, done))


def at_intervals(report: Report, seconds: float) -> Report:
    """The report at most once in so many seconds, as each takes some time; the first at once."""
    last = -seconds

    def sometimes(done: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= seconds:
            last = now
            report(done)

    return sometimes


def _end_with_parent() -> None:
    """End this worker with its parent: one that is killed cannot end its workers."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
