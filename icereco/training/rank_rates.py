"""How fast each of the processes of a training works."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from icereco.training.ranks import Ranks

__all__ = ["RankRates"]


class RankRates:
    """Events of each process over the seconds in which it loads them and computes their losses.

    What follows, the gradients, is left out: there a process waits for the slowest, so that all would be equally slow.
    """

    def __init__(self, ranks: Ranks) -> None:
        self._ranks = ranks
        self._events, self._seconds = 0, 0.0

    @contextmanager
    def working(self, events: int = 0) -> Iterator[None]:
        """Count the time of this block as work, in which the losses of so many events are computed."""
        begun = time.perf_counter()
        yield
        self._seconds += time.perf_counter() - begun
        self._events += events

    def taken(self) -> dict[str, float]:
        """The rates since the last call, in events/s, by the keys of metrics; empty with one process. All must call it at once."""
        if self._ranks.count == 1:
            return {}
        rates = [0.0] * self._ranks.count
        rates[self._ranks.number] = self._events / max(self._seconds, 1e-9)
        self._events, self._seconds = 0, 0.0
        known = enumerate(self._ranks.total(rates))
        return {f"train/events_per_second/{number}": round(rate, 2) for number, rate in known if rate > 0}
