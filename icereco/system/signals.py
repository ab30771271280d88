"""What Ctrl-C and SIGTERM do to a command, and to the processes that it starts."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from threading import current_thread, main_thread

__all__ = ["interrupted_by_sigterm", "interrupts_kept_from_children"]


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Let SIGTERM interrupt as Ctrl-C does, so that unfinished files are removed then, too."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def interrupts_kept_from_children() -> Iterator[None]:
    """Processes that are started in this block never see Ctrl-C; here it, and SIGTERM, wait until the block ends.

    A child that is interrupted while it starts prints a traceback, and so does one whose parent is interrupted before
    it has sent the child its work.
    """
    # Started by the first child otherwise, which lets signals in again.
    resource_tracker.ensure_running()
    with _put_off() if current_thread() is main_thread() else _blocked():
        yield


@contextmanager
def _put_off() -> Iterator[None]:
    """The mask alone is not enough: the kernel hands the signal to another thread, and Python acts in this one."""
    caught: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, lambda it, _frame: caught.append(it)) for number in numbers}
    try:
        with _blocked():
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if caught:
            signal.raise_signal(caught[0])


@contextmanager
def _blocked() -> Iterator[None]:
    """Children inherit the mask; Windows has none."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
