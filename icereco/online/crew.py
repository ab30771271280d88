"""What reconstructs the calls of a replay: this process itself, or several of this machine, each with one call at a time."""

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Protocol, runtime_checkable

import pyarrow as pa

from icereco.errors import IcerecoError
from icereco.online.computing import Computing
from icereco.reconstruction.methods import Method
from icereco.system.processors import use_threads
from icereco.system.work.executor import KilledError
from icereco.system.worker_processes import working

__all__ = ["Answer", "Crew", "Here", "Processes", "processes"]

Compute = Callable[[Sequence[pa.RecordBatch]], Sequence[pa.RecordBatch | IcerecoError]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A call that is done.

    Attributes:
        call: the number that it was given.
        failed: events with which the method failed.
    """

    call: int
    failed: int


@runtime_checkable
class Crew(Protocol):
    """Takes calls, and answers them later."""

    @property
    def count(self) -> int:
        """How many calls it can have at once."""
        ...

    @property
    def is_free(self) -> bool:
        """Whether it takes another call now."""
        ...

    def send(self, call: int, rows: Sequence[pa.RecordBatch]) -> None:
        """Begin a call: events, a row each. It must be free."""
        ...

    def answers(self, most_s: float) -> list[Answer]:
        """What is done, after waiting for it for at most so long."""
        ...


class Here:
    """This process, which does nothing else meanwhile."""

    count = 1

    def __init__(self, compute: Compute, sleep: Callable[[float], None] = time.sleep) -> None:
        self._compute, self._sleep = compute, sleep
        self._done: list[Answer] = []

    @property
    def is_free(self) -> bool:
        """See `Crew`."""
        return not self._done

    def send(self, call: int, rows: Sequence[pa.RecordBatch]) -> None:
        """See `Crew`."""
        answers = self._compute(rows)
        self._done.append(Answer(call, sum(isinstance(answer, IcerecoError) for answer in answers)))

    def answers(self, most_s: float) -> list[Answer]:
        """See `Crew`."""
        if not self._done and most_s > 0:
            self._sleep(most_s)
        done, self._done = self._done, []
        return done


class Processes:
    """Processes of this machine; made by `processes`."""

    def __init__(self, pipes: Sequence[Connection]) -> None:
        self._idle, self._busy = list(pipes), dict[Connection, int]()

    @property
    def count(self) -> int:
        """See `Crew`."""
        return len(self._idle) + len(self._busy)

    @property
    def is_free(self) -> bool:
        """See `Crew`."""
        return bool(self._idle)

    def send(self, call: int, rows: Sequence[pa.RecordBatch]) -> None:
        """See `Crew`."""
        pipe = self._idle.pop()
        self._busy[pipe] = call
        with _listened_to():
            pipe.send_bytes(_packed(pa.concat_batches(rows)))

    def answers(self, most_s: float) -> list[Answer]:
        """See `Crew`.

        Raises:
            KilledError: a process was killed.
        """
        if not self._busy:
            time.sleep(max(most_s, 0.0))
        ready = wait([*self._busy], max(most_s, 0.0)) if self._busy else []
        return [self._answer(pipe) for pipe in list(self._busy) if pipe in ready]

    def _answer(self, pipe: Connection) -> Answer:
        with _listened_to():
            failed, _rows = pipe.recv()
        self._idle.append(pipe)
        return Answer(self._busy.pop(pipe), failed)


@contextmanager
def processes(method: Method, count: int, threads: int | None) -> Iterator[Processes]:
    """Processes that have loaded the method, with so many threads each, as long as the block lasts.

    Raises:
        IcerecoError: the method cannot be made in other processes.
    """
    if method.again is None:
        raise IcerecoError(f"{method.name!r} cannot be sent to other processes; leave out --workers")
    with working("icereco-certify", _work, count) as started, _listened_to():
        pipes = [pipe for _, pipe in started]
        for pipe in pipes:
            pipe.send((method.again, threads))
        for pipe in pipes:
            if isinstance(answer := pipe.recv(), IcerecoError):
                raise answer
        yield Processes(pipes)


@contextmanager
def _listened_to() -> Iterator[None]:
    try:
        yield
    except (EOFError, ConnectionError) as error:
        raise KilledError(
            "a process that reconstructs events was killed, perhaps for lack of memory (try fewer --workers)"
        ) from error


def _work(pipe: Connection) -> None:
    """Reconstruct the calls that come through the pipe, until the parent is gone."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, ConnectionError):
        again, threads = pipe.recv()
        try:
            compute = Computing(again())
        except IcerecoError as error:
            pipe.send(error)
            return
        use_threads(threads)
        pipe.send(None)
        while True:
            rows = next(iter(pa.ipc.open_stream(pipe.recv_bytes())))
            pipe.send(_computed(compute, rows))


def _computed(compute: Compute, rows: pa.RecordBatch) -> tuple[int, list[bytes]]:
    """How many of these events fail, and the rows of all others: if any fails, each is done alone."""
    answers = compute([rows])
    if isinstance(answers[0], IcerecoError):
        answers = compute([rows.slice(row, 1) for row in range(rows.num_rows)])
    made = [_packed(answer) for answer in answers if not isinstance(answer, IcerecoError)]
    return sum(isinstance(answer, IcerecoError) for answer in answers), made


def _packed(rows: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_batch(rows)
    made: bytes = sink.getvalue().to_pybytes()
    return made


def _end_with_parent() -> None:
    """One that is killed cannot end its workers."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
