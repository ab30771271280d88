"""Follows the metrics and logs of the runs that are shown."""

import time
from dataclasses import dataclass
from pathlib import Path

from icereco.runs import RunFolder
from icereco.tui.feeds.log import Log
from icereco.tui.feeds.series import Series
from icereco.tui.feeds.tail import Tail

__all__ = ["Followed", "MetricsFeed"]

LOOK_SECONDS = 0.25
"""A look at a long file ends after so long, shows what it has, and goes on."""


@dataclass(frozen=True, slots=True)
class Followed:
    """What is new since the last look.

    Attributes:
        changed: runs whose metrics or logs have grown.
        more: whether there is more to read already.
    """

    changed: frozenset[Path]
    more: bool


class _Run:
    """One run that is followed."""

    def __init__(self, path: Path) -> None:
        run = RunFolder(path)
        self.metrics = Tail(run.metrics)
        self.series = Series()
        self.log = Log(run.log)

    def look(self, deadline: float) -> tuple[bool, bool]:
        """Whether something is new, and whether there is more to read already."""
        changed = self.log.look()
        while (tailed := self.metrics.read()) is not None:
            if tailed.anew:
                self.series = Series()
            self.series.append(tailed.lines)
            changed = True
            if not tailed.more:
                break
            if time.monotonic() > deadline:
                return True, True
        return changed, False


class MetricsFeed:
    """The runs that are shown; `look` runs in a follower's thread, the rest in the app's."""

    def __init__(self) -> None:
        self._runs: dict[Path, _Run] = {}

    def follow(self, paths: list[Path]) -> None:
        """Follow these and no others."""
        self._runs = {path: self._runs.get(path) or _Run(path) for path in paths}

    def series(self, path: Path) -> Series:
        """The metrics of a run so far; empty where it is not followed."""
        run = self._runs.get(path)
        return run.series if run else Series()

    def log(self, path: Path) -> Log | None:
        """The log of a run; None where it is not followed."""
        run = self._runs.get(path)
        return run.log if run else None

    def look(self) -> Followed | None:
        """Read what is new."""
        deadline = time.monotonic() + LOOK_SECONDS
        looks = {path: run.look(deadline) for path, run in self._runs.items()}
        changed = frozenset(path for path, (new, _) in looks.items() if new)
        return Followed(changed, any(more for _, more in looks.values())) if changed else None
