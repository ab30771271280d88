"""Ctrl-C and the other signals that end programs request a stop; training finishes its step and saves."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from icereco.system.signals import ending_signals

__all__ = ["StopRequest", "stop_on_signals"]


class StopRequest:
    """Whether a stop was requested, and by which signal or order."""

    def __init__(self) -> None:
        self.reason: str | None = None

    def __bool__(self) -> bool:
        return self.reason is not None


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Turn the first signal of `ending_signals` into a request; a second SIGINT interrupts at once."""
    request = StopRequest()

    def request_stop(number: int, _frame: FrameType | None) -> None:
        if request and number == signal.SIGINT:
            raise KeyboardInterrupt
        request.reason = signal.Signals(number).name

    previous = {number: signal.signal(number, request_stop) for number in ending_signals()}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
