"""Schedulers of Dask clusters, by address, by file, or started here."""

import json
import logging
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from icereco.errors import IcerecoError
from icereco.system.signals import interrupts_kept_from_children
from icereco.system.work.dask_cluster import DaskCluster
from icereco.system.worker_processes import importing_safely

__all__ = ["LOCAL", "dask_cluster"]

LOCAL = "local"
"""The scheduler that is started here."""

_CONNECT_SECONDS = 5.0
_ADDRESS = re.compile(r"\w+://.+|[\w.-]+:\d+")


@contextmanager
def dask_cluster(scheduler: str, workers: int) -> Iterator[DaskCluster]:
    """Connect to a cluster.

    Args:
        scheduler: the address of a scheduler, the file that one writes, or "local" for a cluster of processes that are
            started here.
        workers: the number of those.

    Raises:
        IcerecoError: Dask is not installed, or there is no such scheduler.
    """
    try:
        import distributed
    except ImportError as error:
        raise IcerecoError(f"--scheduler needs Dask: pip install 'icereco[dask]' ({error})") from error
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        if scheduler == LOCAL:
            place = stack.enter_context(_local(distributed, workers))
        else:
            place = _address(scheduler)
        yield DaskCluster(stack.enter_context(_connected(distributed, place)), scheduler)


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask's client logs the tracebacks of what is one message here."""
    log = logging.getLogger("distributed.client")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


@contextmanager
def _local(distributed: Any, workers: int) -> Iterator[Any]:
    with importing_safely(), interrupts_kept_from_children():
        cluster = distributed.LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",  # None would be the usual port, which another may have
            scheduler_kwargs={"dashboard": False},
            memory_limit=0,  # as for processes without Dask
            silence_logs=logging.CRITICAL,
        )
    with cluster:
        yield cluster


@contextmanager
def _connected(distributed: Any, address: Any) -> Iterator[Any]:
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise IcerecoError(
            f"no scheduler answers at {address} within {_CONNECT_SECONDS:g} s; start one: dask scheduler, and workers: "
            f"dask worker {address} --nthreads 1 ({error})"
        ) from error
    with client:
        yield client


def _address(scheduler: str) -> str:
    path = Path(scheduler)
    if path.is_file():
        return _address_in(path)
    if _ADDRESS.fullmatch(scheduler):
        return scheduler
    raise IcerecoError(
        f"--scheduler {scheduler}: neither the address of a scheduler, such as tcp://host:8786, nor {LOCAL}, nor a file "
        "that a scheduler has written (dask scheduler --scheduler-file FILE)"
    )


def _address_in(path: Path) -> str:
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["address"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise IcerecoError(
            f"{path} is not a file that a scheduler has written (dask scheduler --scheduler-file FILE)"
        ) from error
