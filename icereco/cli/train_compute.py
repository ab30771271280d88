"""Where a training computes: on which device, with how many processes, and threads of each."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import click

from icereco.errors import IcerecoError
from icereco.system.batch_tasks import BatchTask, batch_task, torchrun_task
from icereco.system.devices import device_names, find_device
from icereco.system.log import get_logger
from icereco.system.processors import available_processors, use_threads

if TYPE_CHECKING:
    import torch

    from icereco.training.division import Division

__all__ = [
    "device_of_task",
    "dismiss_torchrun",
    "follow_torchrun",
    "leading_ranks",
    "number_of_processes",
    "processes_option",
    "require_one_task",
    "shard_option",
    "threads_of_training",
    "wants_shards",
]

logger = get_logger(__name__)

processes_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes of this machine that share the events of each step, one for each GPU; or start it with torchrun  "
    "[default: 1, or as many as the run that is resumed].",
)


shard_option: Callable[[Callable[..., Any]], Callable[..., Any]] = click.option(
    "--shard/--no-shard",
    "shard",
    default=None,
    help="Divide weights, gradients and moments over the processes, for models that are too large for each  "
    "[default: no, or as the run that is resumed].",
)


def number_of_processes(wanted: int | None, resumed: Mapping[str, Any]) -> int:
    """Return how many processes train: as torchrun has started, as wanted, or as many as a resumed run began with.

    Args:
        wanted: by the user; None for the default.
        resumed: the provenance of the run that is resumed; empty for a new one.

    Raises:
        IcerecoError: torchrun has started some, and others are wanted.
    """
    task = torchrun_task()
    if task is not None and wanted is not None:
        raise IcerecoError(
            f"torchrun has started {task.tasks} processes: leave --processes {wanted} out, or start without torchrun"
        )
    if task is not None or wanted is not None:
        return task.tasks if task is not None else wanted or 1
    recorded = resumed.get("processes")
    return recorded if isinstance(recorded, int) and recorded > 0 else 1


def require_one_task(name: str | None) -> None:
    """Several tasks of a batch system, without torchrun, would train the same again, unless they have other names."""
    task = batch_task()
    if task.tasks == 1 or torchrun_task() is not None:
        return
    what = f"{task.tasks} tasks of this command run side by side, and each is a training of its own"
    advice = (
        "start one task a node, of torchrun if one training is to use them all, or give each another --name"
    )
    if name is None and task.rank > 0:
        raise IcerecoError(f"{what}; {advice}")
    logger.warning("%s: %s", what, advice)


def device_of_task(device: str | None) -> "torch.device":
    """Return where this process computes; each that torchrun has started on a machine has a GPU of its own."""
    own = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    if torchrun_task() is not None and device in (None, "cuda") and own in device_names():
        return find_device(own)
    return find_device(device)


def threads_of_training(wanted: int | None, resumed: Mapping[str, Any], processes: int) -> int:
    """Let torch compute with so many threads in each process, and return how many.

    Args:
        wanted: by the user; by default as many as a resumed run began with, as sums have other roundings with others, or as
            processors are free.
        resumed: the provenance of the run that is resumed; empty for a new one.
        processes: that share this machine.
    """
    available = available_processors()
    count = wanted if wanted is not None else _recorded(resumed, available)
    if count is None and processes > 1 and not os.environ.get("OMP_NUM_THREADS"):
        count = max(available // processes, 1)
    used = use_threads(count)
    if count is None and used < available and not os.environ.get("OMP_NUM_THREADS"):
        logger.info(
            "computing with %d of %d processors, as the others are busy; --threads %d takes them all",
            used,
            available,
            available,
        )
    return used


def _recorded(resumed: Mapping[str, Any], available: int) -> int | None:
    threads = resumed.get("threads")
    if os.environ.get("OMP_NUM_THREADS") or not isinstance(threads, int) or threads < 1:
        return None
    return min(threads, available)


def wants_shards(wanted: bool | None, resumed: Mapping[str, Any], processes: int) -> bool:
    """Return whether the processes divide the weights, as wanted or as a resumed run began.

    Raises:
        IcerecoError: it is wanted of one process alone.
    """
    if wanted and processes == 1:
        raise IcerecoError(
            "--shard divides the weights over several processes: add --processes N, or start it with torchrun"
        )
    return (resumed.get("shard") is True if wanted is None else wanted) and processes > 1


@contextmanager
def leading_ranks(
    processes: int, threads: int, device: "torch.device", shard: bool = False
) -> "Iterator[Division]":
    """Lead the processes of a training, which are started here unless torchrun has, and divide the weights if that is wanted."""
    from icereco.training.division import Division
    from icereco.training.processes import joined_torchrun, leading

    task = torchrun_task()
    with leading(processes, threads, device) if task is None else joined_torchrun(task, device) as ranks:
        yield Division(ranks, shard)


def dismiss_torchrun(device: "torch.device") -> None:
    """Tell the others that torchrun has started that there is nothing to train: they would wait for ever."""
    from icereco.training.processes import joined_torchrun

    if (task := torchrun_task()) is not None:
        with joined_torchrun(task, device) as ranks:
            ranks.of_leader(None)


def follow_torchrun(task: BatchTask, device: str | None, threads: int | None) -> NoReturn:
    """Take part in the training of the first process that torchrun has started; what there is to say, that one says."""
    from icereco.training.follower import follow, leave
    from icereco.training.processes import joined_torchrun
    from icereco.training.ranks import RankLostError
    from icereco.training.stop_request import stop_on_signals

    used = device_of_task(device)
    use_threads(threads)
    try:
        with stop_on_signals() as stop, joined_torchrun(task, used) as ranks:
            follow(ranks, used, stop)
    except RankLostError:
        leave(1)
    leave(0)
