"""The options `--workers` and `--scheduler`, the same for every command whose work is done in units."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from icereco.cli import completion
from icereco.errors import IcerecoError
from icereco.system.processors import available_processors

if TYPE_CHECKING:
    from icereco.system.work.executor import Executor

__all__ = ["executor_of", "scheduler_executor", "scheduler_option"]

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

scheduler_option: _Decorator = click.option(
    "--scheduler",
    metavar="ADDRESS|local|FILE",
    help="Let a Dask cluster do the work: the address of its scheduler, such as tcp://host:8786, or the file that the scheduler "
    "wrote; local starts one of --workers processes here. Needs the extra dask.",
    shell_complete=completion.schedulers,
)


@contextmanager
def scheduler_executor(scheduler: str | None, workers: int | None) -> "Iterator[Executor | None]":
    """The cluster of `--scheduler`, as long as the block lasts; None without one.

    Raises:
        IcerecoError: there is no such scheduler, or `--workers` is given for one that has its own.
    """
    if scheduler is None:
        yield None
        return
    from icereco.system.work.schedulers import LOCAL, dask_cluster

    if workers is not None and scheduler != LOCAL:
        raise IcerecoError(
            f"--workers {workers} starts processes on this machine, and the scheduler {scheduler} has workers of its own; "
            f"leave it out, or give --scheduler {LOCAL}"
        )
    with dask_cluster(scheduler, workers or available_processors()) as cluster:
        yield cluster


@contextmanager
def executor_of(scheduler: str | None, workers: int | None) -> "Iterator[Executor | None]":
    """The cluster of `--scheduler`, or `--workers` processes if there are several; None where this process does the work.

    Raises:
        IcerecoError: as `scheduler_executor`.
    """
    from icereco.system.work.processes import LocalProcesses

    with scheduler_executor(scheduler, workers) as cluster:
        yield cluster or (LocalProcesses(workers) if workers is not None and workers > 1 else None)
