"""Starts the other processes of a training on this machine, or joins those that torchrun has started."""

import gc
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import distributed

from icereco.system.batch_tasks import BatchTask
from icereco.system.signals import interrupts_kept_from_children
from icereco.training.ranks import ALONE, RankLostError, Ranks

__all__ = ["joined", "joined_torchrun", "leading"]

_PATIENCE = timedelta(days=365)
"""A training may be paused, or prepare its events, for as long as it likes; that a process has ended is noticed at once."""

_POLL_SECONDS, _END_SECONDS = 0.05, 20.0


@contextmanager
def leading(count: int, threads: int, device: torch.device) -> Iterator[Ranks]:
    """Lead `count` processes on this machine, each with so many threads, for as long as the block lasts.

    Raises:
        RankLostError: a process ended before the others, with how.
    """
    if count == 1:
        yield ALONE
        return
    with TemporaryDirectory(prefix="icereco-train-") as folder:
        with interrupts_kept_from_children():  # this process gets them, and all stop together
            others = [_start(Path(folder), number, count, threads, device) for number in range(1, count)]
        try:
            _wait_until_here(Path(folder), others)
            with joined(Path(folder), 0, count, device) as ranks:
                yield ranks
        except RankLostError as error:
            raise RankLostError(f"{_how(others)}{error}") from error
        finally:
            _end(others)


@contextmanager
def joined(folder: Path, number: int, count: int, device: torch.device) -> Iterator[Ranks]:
    """Be one of the processes that meet in a folder."""
    (folder / f"here-{number}").touch()
    meeting = f"file://{folder.absolute() / 'meeting'}"
    with _connected(device, init_method=meeting, rank=number, world_size=count):
        yield Ranks(number, count)


@contextmanager
def joined_torchrun(task: BatchTask, device: torch.device) -> Iterator[Ranks]:
    """Be one of the processes that torchrun has started, on one machine or several."""
    with _connected(device, init_method="env://"):
        yield Ranks(task.rank, task.tasks)


@contextmanager
def _connected(device: torch.device, **meeting: str | int) -> Iterator[None]:
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group(backend, timeout=_PATIENCE, **meeting)  # type: ignore[arg-type]  # by name
    try:
        yield
    finally:
        gc.collect()  # what still knows the group, so that its threads end here and not while Python does
        distributed.destroy_process_group()


def _start(
    folder: Path, number: int, count: int, threads: int, device: torch.device
) -> subprocess.Popen[bytes]:
    own = f"cuda:{number}" if device.type == "cuda" else device.type
    words = ["-m", "icereco.training.follower", folder, number, count, threads, own]
    return subprocess.Popen([sys.executable, *map(str, words)], stdin=subprocess.DEVNULL)


def _wait_until_here(folder: Path, others: Sequence[subprocess.Popen[bytes]]) -> None:
    """Wait until all have imported what they need: who waits in torch does not notice that another has ended."""
    while not all((folder / f"here-{number}").exists() for number in range(1, len(others) + 1)):
        if any(one.poll() is not None for one in others):
            raise RankLostError("a process of this training ended before it began")
        time.sleep(_POLL_SECONDS)


def _how(others: Sequence[subprocess.Popen[bytes]]) -> str:
    """Say how the first of those ended that have ended."""
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline and all(one.poll() is None for one in others):
        time.sleep(_POLL_SECONDS)
    ended = [(number, one.returncode) for number, one in enumerate(others, 1) if one.poll()]
    if not ended:
        return ""
    number, code = ended[0]
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
    return f"process {number} ended {how}: "


def _end(others: Sequence[subprocess.Popen[bytes]]) -> None:
    """Wait for all to end, as they do once the connection is closed, and end those that do not."""
    deadline = time.monotonic() + _END_SECONDS
    for one in others:
        try:
            one.wait(max(deadline - time.monotonic(), _POLL_SECONDS))
        except subprocess.TimeoutExpired:
            one.kill()
            one.wait()
