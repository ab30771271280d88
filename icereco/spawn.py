"""Worker processes that run while a block lasts, and leave Ctrl-C to the process that started them."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

from icereco.signals import interrupts_kept_from_children

__all__ = ["CONTEXT", "working"]

# Spawned, not forked: a fork would copy the threads' locks of a parent that has loaded torch.
CONTEXT = multiprocessing.get_context("spawn")


@contextmanager
def working(
    name: str, target: Callable[..., None], calls: Sequence[tuple[Any, ...]]
) -> Iterator[Sequence[BaseProcess]]:
    """A process for each call of `target`; what still runs at the end of the block is terminated."""
    workers = [CONTEXT.Process(target=target, args=call, name=name, daemon=True) for call in calls]
    try:
        with interrupts_kept_from_children():
            for worker in workers:
                worker.start()
        yield workers
    finally:
        for worker in workers:
            if worker.pid is not None:
                worker.terminate()
                worker.join()
