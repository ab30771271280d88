"""What Ctrl-C and the signals that end programs do to a command, and to the processes that it starts.

Besides Ctrl-C (SIGINT) and SIGTERM these are SIGHUP, when the terminal or its connection is closed, and SIGUSR1 and
SIGUSR2, which batch systems send some time before they kill a job (SLURM: `--signal=USR1@90`).
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from threading import Timer, current_thread, main_thread

__all__ = ["ending_signals", "interrupted_by_signals", "interrupts_kept_from_children"]

_AGAIN_SECONDS = 0.01
"""Long enough for Python to be out of the callback."""

_ENDING = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")


def ending_signals() -> list[signal.Signals]:
    """Those that this system has, without a SIGHUP that is ignored, as under `nohup`."""
    known = [getattr(signal, name) for name in _ENDING if hasattr(signal, name)]
    return [one for one in known if one.name != "SIGHUP" or signal.getsignal(one) is not signal.SIG_IGN]


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Let every signal that ends programs interrupt as Ctrl-C does, so that unfinished files are removed then, too."""
    others = [number for number in ending_signals() if number != signal.SIGINT]
    before = {number: signal.signal(number, signal.default_int_handler) for number in others}
    try:
        with _not_swallowed():
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _not_swallowed() -> Iterator[None]:
    """Interrupt once more where Python ignores an interruption, as in the callbacks that run while a module is imported."""
    before = sys.unraisablehook

    def again(unraisable: "sys.UnraisableHookArgs") -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            Timer(_AGAIN_SECONDS, _interrupt).start()
        else:
            before(unraisable)

    sys.unraisablehook = again
    try:
        yield
    finally:
        sys.unraisablehook = before


def _interrupt() -> None:
    """Send the main thread the signal of Ctrl-C, which ends its waiting, too, where the system can address a thread."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main_thread().ident or 0, signal.SIGINT)
    else:  # Windows
        signal.raise_signal(signal.SIGINT)


@contextmanager
def interrupts_kept_from_children() -> Iterator[None]:
    """Processes that are started in this block never see Ctrl-C; here it, and what ends programs, wait until the block ends.

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
    before = {
        number: signal.signal(number, lambda it, _frame: caught.append(it)) for number in ending_signals()
    }
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
