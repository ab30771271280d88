"""Work done by processes of this machine, or by this process alone."""

import multiprocessing
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, suppress
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

_MOST_KILLS = 3
"""Of processes by one unit."""

_BEGUN = "begun"
"""What a process says first."""


class LocalProcesses:
    """An executor: processes that are started for the work, each with one unit at a time.

    One process, or one unit, needs no other: this one does it. Another takes the place of one that is killed.
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
        with ExitStack() as stack:
            crew = _Crew(job, len(first), stack)
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

    def __init__(self, job: Job[Any, Any], count: int, stack: ExitStack) -> None:
        self._job, self._stack = job, stack
        self._idle: list[Connection] = []
        self._begun: set[Connection] = set()
        self._doing: dict[Connection, tuple[int, Any]] = {}
        self._again: list[tuple[int, Any]] = []
        self._kills: Counter[int] = Counter()
        self._start(count)

    def outcomes(
        self, queue: Queue[Any], progress: Progress, stop: threading.Event
    ) -> Generator[Outcome[Any], None, None]:
        while not stop.is_set():
            self._hand_out(queue)
            if queue.is_done:
                return
            for pipe in self._ready():
                message = self._receive(pipe)
                if isinstance(message, Outcome):
                    queue.done(message.number)
                    log_notes(message)
                    yield message
                elif message is not None:
                    progress(*message)

    def _start(self, count: int) -> None:
        started = self._stack.enter_context(working(self._job.label, _work, count))
        for _, pipe in started:
            self._idle.append(pipe)
            with suppress(OSError):  # that it is gone is noticed where it is listened to
                pipe.send(self._job)

    def _hand_out(self, queue: Queue[Any]) -> None:
        while self._idle and (taken := self._again.pop() if self._again else queue.take()) is not None:
            pipe = self._idle.pop()
            self._doing[pipe] = taken
            with suppress(OSError):
                pipe.send(taken)

    def _ready(self) -> list[Connection]:
        ready = wait([*self._doing], _LOOK_SECONDS)
        return [pipe for pipe in self._doing if pipe in ready]

    def _receive(self, pipe: Connection) -> Outcome[Any] | tuple[int, int] | None:
        """What a process says; None for what is of no interest to others."""
        try:
            message = pipe.recv()
        except (EOFError, OSError) as error:
            return self._lost(pipe, error)
        if isinstance(message, Outcome):
            del self._doing[pipe]
            self._idle.append(pipe)
        elif message == _BEGUN:
            self._begun.add(pipe)
            return None
        return message  # type: ignore[no-any-return]

    def _lost(self, pipe: Connection, error: Exception) -> Outcome[Any] | None:
        """Start another process for one that was killed, which repeats its unit unless that has killed several.

        Raises:
            KilledError: it has not even begun, as the next would not.
        """
        number, unit = self._doing.pop(pipe)
        pipe.close()
        what = f"a {self._job.worker} was killed"
        if pipe not in self._begun:
            raise KilledError(
                f"{what} when it started, perhaps for lack of memory ({self._job.advice}); a script of your own must run it under "
                "if __name__ == '__main__'"
            ) from error
        self._start(1)
        self._kills[number] += 1
        if self._kills[number] < _MOST_KILLS:
            self._again.append((number, unit))
            return None
        reason = f"{what} {_MOST_KILLS} times while it did this, perhaps for lack of memory"
        return Outcome(number, error=KilledError(f"{self._job.name(unit)}: {reason} ({self._job.advice})"))


def _work(pipe: Connection) -> None:
    """Do the units that come through the pipe, until the parent is gone or there is no memory."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, ConnectionError, MemoryError):
        job: Job[Any, Any] = pipe.recv()
        pipe.send(_BEGUN)
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
