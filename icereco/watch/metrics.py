"""Follows the metrics and logs of the runs that are shown."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from icereco.runs.folder import RunFolder
from icereco.watch.log import Log
from icereco.watch.references import reference_of
from icereco.watch.series import Series
from icereco.watch.tail import Tail

__all__ = ["Followed", "MetricsFeed"]

LOOK_SECONDS = 0.25
"""A look at long files ends after so long, so that what has been read is shown; the next look reads on."""

KEPT_RUNS = 8
KEPT_ROWS = 50_000
"""Runs that are no longer shown are kept, to be shown again at once: at most so many, of fewer rows than this."""


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
        self.looked = False

    def look(self, deadline: float) -> tuple[bool, bool]:
        """Read what is new; return whether there was anything, and whether there is more to read already."""
        changed, more = self.log.look() or not self.looked, False
        while (tailed := self.metrics.read()) is not None:
            if tailed.restarted:
                self.series = Series()
            self.series.append(tailed.lines)
            changed, more = True, tailed.more
            if not more or time.monotonic() > deadline:
                break
        self.looked = True
        return changed, more


class MetricsFeed:
    """The runs that are shown; `look` runs in a follower's thread, the rest in the app's."""

    def __init__(self) -> None:
        self._runs: dict[Path, _Run] = {}
        self._left: dict[Path, _Run] = {}
        self._references: dict[Path, Mapping[str, float]] = {}

    def follow(self, paths: list[Path]) -> None:
        """Follow these runs and no others."""
        known = self._left | self._runs
        self._runs = {path: known.get(path) or _Run(path) for path in paths}
        left = {path: run for path, run in known.items() if path not in self._runs}
        small = [path for path, run in left.items() if run.looked and run.series.rows < KEPT_ROWS]
        self._left = {path: known[path] for path in small[-KEPT_RUNS:]}

    def is_read(self, path: Path) -> bool:
        """Whether a run is followed and has been read at least once."""
        return path in self._runs and self._runs[path].looked

    def series(self, path: Path) -> Series:
        """The metrics of a run so far; empty where it is not followed."""
        run = self._runs.get(path)
        return run.series if run else Series()

    def log(self, path: Path) -> Log | None:
        """The log of a run; None where it is not followed."""
        run = self._runs.get(path)
        return run.log if run else None

    def reference(self, path: Path) -> Mapping[str, float]:
        """What a quick method reaches on the run's validation events, by metric; empty where that is not known yet."""
        return self._references.get(path, {})

    def look(self) -> Followed | None:
        """Read what is new; None where nothing is. References are read while nothing else is new."""
        deadline = time.monotonic() + LOOK_SECONDS
        looks = {path: run.look(deadline) for path, run in self._runs.items()}
        changed = frozenset(path for path, (new, _) in looks.items() if new) or self._refer()
        return Followed(changed, any(more for _, more in looks.values())) if changed else None

    def _refer(self) -> frozenset[Path]:
        """Read the reference of one run that has none yet."""
        for path in self._runs:
            if path not in self._references and (found := reference_of(path)) is not None:
                self._references[path] = found
                return frozenset({path})
        return frozenset()
