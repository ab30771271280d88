"""A thread that looks for changes on request: requests never pile up, however slow a disk is."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Generic, TypeVar

__all__ = ["Follower"]

T = TypeVar("T")


class Follower(Generic[T]):
    """Calls `look` in its own thread each time it is poked, and passes the result to `report`.

    Args:
        look: may take long; returns None where nothing is new.
        report: called in the follower's thread: a widget's `post_message`, never a widget's other methods.
    """

    def __init__(self, look: Callable[[], T | None], report: Callable[[T], object]) -> None:
        self._look = look
        self._report = report
        self._poked = Event()
        self._ended = False
        self._thread = Thread(target=self._run, name=f"follower of {look}", daemon=True)

    def start(self) -> None:
        """Start the thread: it looks once, and then whenever it is poked."""
        self._poked.set()
        self._thread.start()

    def poke(self) -> None:
        """Look again, as soon as the present look has ended."""
        self._poked.set()

    def stop(self) -> None:
        """End the thread after the present look; returns at once."""
        self._ended = True

    def _run(self) -> None:
        while not self._ended:
            if not self._poked.wait(1.0):
                continue
            self._poked.clear()
            if (news := self._look()) is not None:
                self._report(news)
