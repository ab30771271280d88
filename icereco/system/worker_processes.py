"""Worker processes that run while a block lasts, and leave Ctrl-C to the process that started them."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from icereco.system.signals import interrupts_kept_from_children

__all__ = ["CONTEXT", "SAFE_PATH", "importing_safely", "working"]

SAFE_PATH = {"PYTHONSAFEPATH": "1"}
"""Environment of every process that is started here: none imports from the working folder, nor do those it starts."""

# Spawned, not forked: a fork would copy the threads' locks of a parent that has loaded torch.
CONTEXT = multiprocessing.get_context("spawn")


@contextmanager
def importing_safely() -> Iterator[None]:
    """Processes that are started in this block import nothing from the working folder; see `SAFE_PATH`."""
    before = {name: os.environ.get(name) for name in SAFE_PATH}
    os.environ.update(SAFE_PATH)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def working(
    name: str, target: Callable[..., None], count: int, *arguments: Any
) -> Iterator[list[tuple[BaseProcess, Connection]]]:
    """Start `count` processes that run `target(pipe, *arguments)`; yield each with this end of its pipe.

    Those that still run at the end of the block are terminated. The arguments must be few and small: a start waits
    until the worker has read them, and waits for ever for one that has died, if they fill a pipe. Send large data
    through the pipe.
    """
    pipes = [CONTEXT.Pipe() for _ in range(count)]
    workers = [
        CONTEXT.Process(target=target, args=(worker_end, *arguments), name=name, daemon=True)
        for _, worker_end in pipes
    ]
    try:
        with importing_safely(), interrupts_kept_from_children():
            for worker in workers:
                worker.start()
        for _, worker_end in pipes:
            worker_end.close()  # the worker alone has it now, so that its end is noticed
        yield list(zip(workers, (own_end for own_end, _ in pipes), strict=True))
    finally:
        for worker in workers:
            if worker.pid is not None:
                worker.terminate()
                worker.join()
