"""A thread that looks when it is poked: polls never pile up, however slow a disk is."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Generic, TypeVar

__all__ = ["Follower"]

T = TypeVar("T")


class Follower(Generic[T]):
    """Calls `look` in a thread of its own each time it is poked, and hands on to `tell` what that found.

    Args:
        look: takes as long as it takes; None where nothing is new.
        tell: called in the follower's thread: a widget's `post_message`, never a widget's other methods.
    """

    def __init__(self, look: Callable[[], T | None], tell: Callable[[T], object]) -> None:
        self._look = look
        self._tell = tell
        self._poked = Event()
        self._ended = False
        self._thread = Thread(target=self._run, name=f"follower of {look}", daemon=True)

    def start(self) -> None:
        """Look once, and then whenever poked."""
        self._poked.set()
        self._thread.start()

    def poke(self) -> None:
        """Look again, as soon as the look that goes on has ended."""
        self._poked.set()

    def stop(self) -> None:
        """End after the look that goes on; does not wait for it."""
        self._ended = True

    def _run(self) -> None:
        while not self._ended:
            if not self._poked.wait(1.0):
                continue
            self._poked.clear()
            if (found := self._look()) is not None:
                self._tell(found)
