"""Work done by the workers of a Dask cluster: each unit is a task, which goes to another worker if one dies."""

import pickle
import queue
import threading
import time
import uuid
from collections.abc import Generator, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from icereco import __version__
from icereco.errors import IcerecoError
from icereco.system.log import get_logger
from icereco.system.work.dask_worker import Parcel, do_unit
from icereco.system.work.executor import Job, KilledError, Outcome, Progress, Queue
from icereco.system.work.notes import log_notes

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["DaskCluster"]

logger = get_logger(__name__)

Unit = TypeVar("Unit")
Result = TypeVar("Result")

_LOOK_SECONDS = 0.5
_COUNT_SECONDS = 2.0
_PATIENCE_SECONDS = 10.0
_LEAST_AT_ONCE = 8
"""Tasks that wait where there are no workers yet, so that a cluster that grows with its work sees that there is some."""

_FOR_EACH_THREAD = 4
"""Tasks: one that is being done, and others that are there when that is finished, as news travels for some 20 ms."""


class DaskCluster:
    """An executor: the cluster of a client of `dask.distributed`.

    Args:
        client: connected to the scheduler.
        where: what messages call the scheduler.
    """

    def __init__(self, client: "Client", where: str) -> None:
        self._client, self._where = client, where

    def outcomes(
        self,
        job: Job[Unit, Result],
        units: Iterable[Unit],
        progress: Progress,
        stop: threading.Event,
        ahead: int | None = None,
    ) -> Generator[Outcome[Result], None, None]:
        """See `icereco.system.work.executor.Executor`."""
        run = _Run(self._client, self._where, job, Queue(units, None), ahead)
        try:
            yield from run.outcomes(progress, stop)
        finally:
            run.end()


class _Run:
    """The units of one job, as tasks."""

    def __init__(
        self, client: "Client", where: str, job: Job[Any, Any], units: Queue[Any], ahead: int | None
    ) -> None:
        self._client, self._where, self._job, self._units, self._ahead = client, where, job, units, ahead
        self._parcel = Parcel(
            pickle.dumps(job), __version__, str(Path.cwd()), f"{job.label}-{uuid.uuid4().hex[:12]}"
        )
        # A task, not data: if the worker that has it dies, the scheduler makes it again.
        self._sent = client.submit(_given, self._parcel, key=f"{self._parcel.topic}-job")
        self._futures: dict[int, Future[Any]] = {}
        self._news: queue.SimpleQueue[tuple[int, int | None]] = queue.SimpleQueue()
        self._counted_s = self._begun_s = time.monotonic()
        self._waits = False
        self._at_once = _LEAST_AT_ONCE
        client.subscribe_topic(self._parcel.topic, lambda event: self._news.put(tuple(event[1])))

    def outcomes(self, progress: Progress, stop: threading.Event) -> Generator[Outcome[Any], None, None]:
        self._count()
        while not stop.is_set():
            self._submit()
            if self._units.is_done:
                return
            try:
                number, done = self._news.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                self._look()
                continue
            if done is None:
                yield self._outcome(number)
            elif self._units.begun(number) is not None:
                progress(number, done)

    def end(self) -> None:
        """Cancel what is not done, as far as there is still a scheduler."""
        if self._client.status == "running":
            with suppress(Exception):
                self._client.unsubscribe_topic(self._parcel.topic)
                self._client.cancel([*self._futures.values(), self._sent])

    def _submit(self) -> None:
        while len(self._units) < self._at_once and (taken := self._units.take()) is not None:
            number, unit = taken
            future = self._client.submit(
                do_unit, self._sent, number, pickle.dumps(unit), key=self._parcel.key(number), pure=False
            )
            self._futures[number] = future
            future.add_done_callback(lambda _, number=number: self._news.put((number, None)))

    def _outcome(self, number: int) -> Outcome[Any]:
        future, unit = self._futures.pop(number), self._units.done(number)
        if future.status == "finished":
            outcome: Outcome[Any] = future.result()
            log_notes(outcome)
            return outcome
        if future.status == "error":
            return Outcome(number, error=self._failure(unit, future.exception()))
        raise self._gone()

    def _failure(self, unit: Any, error: BaseException | None) -> IcerecoError:
        from distributed import KilledWorker

        name = self._job.name(unit)
        if isinstance(error, KilledWorker):
            return KilledError(
                f"{name}: {error.allowed_failures + 1} workers died while they did it, perhaps for lack of memory; "
                "their logs may say why"
            )
        missing = isinstance(error, ImportError)
        advice = "; install the same packages for the scheduler and its workers as here" if missing else ""
        return IcerecoError(f"{name}: {type(error).__name__}: {error}{advice}")

    def _look(self) -> None:
        """Look after the cluster while nothing is heard from it."""
        if self._client.status != "running":
            raise self._gone()
        if time.monotonic() - self._counted_s > _COUNT_SECONDS:
            self._count()

    def _count(self) -> None:
        """Count the threads of the workers, which may come and go."""
        threads = sum(self._client.nthreads().values())
        self._counted_s = time.monotonic()
        self._at_once = _FOR_EACH_THREAD * threads or _LEAST_AT_ONCE
        if self._ahead is not None:
            self._units.ahead = self._ahead * threads or _LEAST_AT_ONCE
        if threads:
            self._begun_s, self._waits = self._counted_s, False
        elif not self._waits and self._counted_s - self._begun_s > _PATIENCE_SECONDS:
            self._waits = True
            logger.info("the scheduler %s has no workers yet; waiting for them", self._where)

    def _gone(self) -> KilledError:
        return KilledError(f"the scheduler {self._where} is gone; start it again, and then the same command")


def _given(parcel: Parcel) -> Parcel:
    return parcel
