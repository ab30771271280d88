"""What a worker of a Dask cluster does: one unit of a job, with what the job began kept for the next."""

import ctypes
import os
import pickle
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from icereco import __version__
from icereco.errors import IcerecoError
from icereco.system.work.executor import Job, Outcome, Report
from icereco.system.work.notes import noting
from icereco.system.work.processes import at_intervals

__all__ = ["Parcel", "do_unit"]

_REPORT_SECONDS = 0.5
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGEST_KEPT_BYTES = 32 << 20
"""The most that glibc comes to by itself (mallopt(3): DEFAULT_MMAP_THRESHOLD_MAX)."""

_KEPT = threading.local()
"""The parcel that this thread has opened, and what does its units: a model that is loaded, for example."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A job on its way to the workers, once to each.

    Attributes:
        job: pickled, so that no scheduler has to know what it is.
        version: of icereco there.
        folder: the working folder there, in which paths are meant.
        topic: of the messages that say how much is done.
    """

    job: bytes
    version: str
    folder: str
    topic: str

    def key(self, number: int) -> str:
        """Dask's name for a unit."""
        return f"{self.topic}-{number}"


def do_unit(parcel: Parcel, number: int, unit: bytes) -> Outcome[Any]:
    """Do one unit."""
    report = at_intervals(partial(_tell, parcel, number), _REPORT_SECONDS)
    with noting() as notes:
        try:
            outcome = Outcome(number, _begun(parcel)(pickle.loads(unit), report))
        except (IcerecoError, OSError) as error:
            outcome = Outcome(number, error=error)
    return replace(outcome, notes=tuple(notes))


def _begun(parcel: Parcel) -> Callable[[Any, Report], Any]:
    if parcel.version != __version__:
        raise IcerecoError(
            f"a worker has icereco {__version__}, and here it is {parcel.version}; install the same version everywhere"
        )
    with suppress(OSError):  # a machine that does not see the folder may need no file
        if Path.cwd() != Path(parcel.folder):
            os.chdir(parcel.folder)
    _allocate_as_usual()
    if getattr(_KEPT, "topic", None) != parcel.topic:
        _KEPT.work = None  # of another job, which need not be in memory together with this one
        job: Job[Any, Any] = pickle.loads(parcel.job)
        _KEPT.work, _KEPT.topic = job.begin(), parcel.topic
    work: Callable[[Any, Report], Any] = _KEPT.work
    return work


@cache
def _allocate_as_usual() -> None:
    """Keep freed memory for the next unit, as a process without Dask does.

    Dask's nanny sets MALLOC_TRIM_THRESHOLD_, with which glibc gives every large array back at once: simulating took three times as long.
    """
    if "MALLOC_TRIM_THRESHOLD_" not in os.environ:
        return
    with suppress(OSError, AttributeError, TypeError):  # a system without glibc
        allocator = ctypes.CDLL(None)
        allocator.mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
        allocator.mallopt(_M_TRIM_THRESHOLD, 2 * _LARGEST_KEPT_BYTES)


def _tell(parcel: Parcel, number: int, done: int) -> None:
    """Say how much of a unit is done; end it where nobody waits for it any more.

    Raises:
        IcerecoError: it was cancelled, as whoever wanted it is gone.
    """
    from distributed import get_worker

    worker = get_worker()
    task = worker.state.tasks.get(parcel.key(number))
    if task is None or task.state in ("cancelled", "resumed"):
        raise IcerecoError("nobody waits for this any more")
    worker.log_event(parcel.topic, [number, done])
