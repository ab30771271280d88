"""What can be said of every run of a folder without drawing it: its best validation, and what goes wrong in it."""

import math
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from icereco.runs.folder import RunFolder
from icereco.runs.metrics import POSITIONS, numbers_of
from icereco.system.json_lines import row_of
from icereco.watch.tail import Tail
from icereco.watch.trends import RECENT, Finding, Validation, findings_of

__all__ = ["Overview", "OverviewFeed", "Overviews"]

LOOK_SECONDS = 0.25
"""A look ends after so long; the next one reads on."""

READ_LINES = 50
"""Lines of training that are read between two validations: a file of a million lines would take seconds else."""

_READ_BYTES = 16_384
_VALIDATION = b'"validation/'


@dataclass(frozen=True, slots=True)
class Overview:
    """One run.

    Attributes:
        best: the validation with the lowest loss, None before the first.
        validations: so far.
        findings: what is wrong with its curves.
        sweep: whether a sweep has started it.
    """

    best: Validation | None = None
    validations: int = 0
    findings: tuple[Finding, ...] = ()
    sweep: bool = False


@dataclass(slots=True)
class _Read:
    """What has been read of the metrics of one run."""

    tail: Tail
    sweep: bool
    validations: list[Validation] = field(default_factory=list)
    train: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    between: list[float] = field(default_factory=list)
    newest: dict[str, float] = field(default_factory=dict)
    stamp: tuple[int, int] = (-1, -1)
    overview: Overview = field(default_factory=Overview)

    def look(self, deadline: float) -> tuple[bool, bool]:
        """Read what is new; return whether there was anything, and whether there is more."""
        stamp = _stamp(self.tail.path)
        if stamp == self.stamp:
            return False, False
        changed = more = False
        while (tailed := self.tail.read()) is not None:
            if tailed.restarted:
                self._forget()
            for line in _chosen(tailed.lines):
                self._take(line)
            changed, more = True, tailed.more
            if not more or time.monotonic() > deadline:
                break
        if not more:
            self.stamp = stamp
        if changed:
            self._conclude()
        return changed, more

    def _forget(self) -> None:
        for one in (self.validations, self.train, self.between):
            one.clear()
        self.newest.clear()

    def _take(self, line: bytes) -> None:
        if (row := row_of(line)) is None:
            return
        numbers = numbers_of(row)
        self.newest |= {name: value for name, value in numbers.items() if name not in POSITIONS}
        if (loss := numbers.get("train/loss")) is not None and math.isfinite(loss):
            self.train.append(loss)
            self.between.append(loss)
        if "validation/loss" in numbers:
            train = sum(self.between) / len(self.between) if self.between else None
            self.between.clear()
            self.validations.append(Validation.of(numbers, train))

    def _conclude(self) -> None:
        known = [one for one in self.validations if math.isfinite(one.loss)]
        best = min(known, key=lambda one: one.loss, default=None)
        findings = findings_of(self.newest, list(self.train), self.validations)
        self.overview = Overview(best, len(self.validations), findings, self.sweep)


@dataclass(frozen=True, slots=True)
class Overviews:
    """All runs of a folder.

    Attributes:
        of: the overview of each run, by its path.
        whole: whether all files have been read to their ends; before that, what is found is old.
    """

    of: Mapping[Path, Overview] = field(default_factory=dict)
    whole: bool = False


class OverviewFeed:
    """Reads the metrics of all runs of a folder; `look` runs in a follower's thread."""

    def __init__(self, root: Path, extra: Path | None = None) -> None:
        self.root = root
        self.extra = extra
        self._runs: dict[Path, _Read] = {}
        self._whole = False

    def look(self) -> Overviews | None:
        """Every run as far as it has been read; None where nothing is new."""
        deadline = time.monotonic() + LOOK_SECONDS
        paths = self._paths()
        changed, whole = set(paths) != set(self._runs) or not self._whole, True
        self._runs = {path: self._runs.get(path) or _opened(path) for path in paths}
        for run in self._runs.values():
            if time.monotonic() > deadline:
                whole = False
                break
            new, more = run.look(deadline)
            changed, whole = changed or new, whole and not more
        self._whole = whole
        return Overviews({path: run.overview for path, run in self._runs.items()}, whole) if changed else None

    def _paths(self) -> Sequence[Path]:
        try:
            paths = [path for path in self.root.iterdir() if RunFolder(path).exists]
        except OSError:
            paths = []
        return [*paths, self.extra] if self.extra and self.extra not in paths else paths


def _opened(path: Path) -> _Read:
    run = RunFolder(path)
    sweep = bool(run.provenance().get("sweep"))
    return _Read(Tail(run.metrics), sweep, overview=Overview(sweep=sweep))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        facts = path.stat()
    except OSError:
        return -1, -1
    return facts.st_mtime_ns, facts.st_size


def _chosen(lines: bytes) -> Iterator[bytes]:
    """The lines of validations, and before each of them and at the end the last few of training."""
    start = 0
    while (found := lines.find(_VALIDATION, start)) >= 0:
        begin, end = lines.rfind(b"\n", start, found) + 1 or start, lines.find(b"\n", found)
        yield from _last_lines(lines, start, begin)
        yield lines[begin:end]
        start = end + 1
    yield from _last_lines(lines, start, len(lines))


def _last_lines(lines: bytes, start: int, end: int) -> list[bytes]:
    part = lines[max(start, end - _READ_BYTES) : end].splitlines()
    whole = part if end - _READ_BYTES <= start else part[1:]
    return whole[-READ_LINES:]
