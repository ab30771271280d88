"""Tasks of a batch system or of torchrun that run the same command side by side."""

import os
from typing import NamedTuple

__all__ = ["BatchTask", "batch_task", "torchrun_task"]

_COUNTS_AND_RANKS = (("WORLD_SIZE", "RANK"), ("SLURM_NTASKS", "SLURM_PROCID"))


class BatchTask(NamedTuple):
    """Which of several tasks this process is: `rank` of `tasks`."""

    rank: int
    tasks: int


def batch_task() -> BatchTask:
    """Return the task that the environment says, 0 of 1 if it says nothing."""
    for count, rank in _COUNTS_AND_RANKS:
        if (tasks := _number(count)) > 1:
            return BatchTask(_number(rank), tasks)
    return BatchTask(0, 1)


def torchrun_task() -> BatchTask | None:
    """Return which process of one training this is, where torchrun has started several; None elsewhere."""
    meeting = all(os.environ.get(name) for name in ("MASTER_ADDR", "MASTER_PORT", "RANK"))
    tasks = _number("WORLD_SIZE")
    return BatchTask(_number("RANK"), tasks) if meeting and tasks > 1 else None


def _number(variable: str) -> int:
    text = os.environ.get(variable, "")
    return int(text) if text.isdecimal() else 0
