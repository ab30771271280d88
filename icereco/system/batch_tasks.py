"""Tasks of a batch system or of torchrun that run the same command side by side."""

import os
from typing import NamedTuple

__all__ = ["BatchTask", "batch_task"]

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


def _number(variable: str) -> int:
    text = os.environ.get(variable, "")
    return int(text) if text.isdecimal() else 0
