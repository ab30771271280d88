"""The runs of a folder and the state of each, also of those on another machine with another clock."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from icereco.runs.folder import RunFolder
from icereco.runs.notes import NOTES, read_notes, tags_of
from icereco.runs.status import SILENT_SECONDS, State, Status
from icereco.system.documents import parse_json, parse_toml

__all__ = ["RunView", "RunsFeed", "differences", "flat_settings"]

STALL_SECONDS = 60.0
"""A run without a heartbeat for so long stalls: training reports once a second, validation and saving take longer."""

CLOCK_SECONDS = 30.0
"""A larger difference between the clocks of two machines is reported."""


@dataclass(frozen=True, slots=True)
class RunView:
    """One run as it is now.

    Attributes:
        state: what the run does, judged from its status and the age of its heartbeat.
        status: what the run itself reported last, None where that is missing or damaged.
        silent_seconds: time since its heartbeat was last seen to change, by the clock of this machine.
        skew_seconds: how far the clock of its machine is ahead of that of its files, where that is known.
        settings: its profile, flat: "encoder.layers" to a value.
        tags: what the user has noted with a # before it, without that.
        problem: what is wrong with its status, None if nothing is.
    """

    folder: RunFolder
    state: State
    status: Status | None
    silent_seconds: float
    skew_seconds: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict, compare=False)
    problem: str | None = None
    tags: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the run, which is that of its folder."""
        return self.folder.name

    @property
    def path(self) -> Path:
        """The folder of the run."""
        return self.folder.path

    @property
    def stalls(self) -> bool:
        """Whether it should be running, but has not changed its heartbeat for `STALL_SECONDS`."""
        return self.state == "running" and self.silent_seconds > STALL_SECONDS

    @property
    def progress(self) -> float | None:
        """The part of the training that is done, 0 to 1."""
        if self.status is None or not self.status.epochs:
            return None
        return min(self.status.epoch / self.status.epochs, 1.0)


class _Watched:
    """What is known of one run from earlier looks."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.status: Status | None = None
        self.settings: Mapping[str, Any] = {}
        self.tags: tuple[str, ...] = ()
        self._stamps: dict[Path, int] = {}
        self._moved: float | None = None
        self._looked = time.monotonic()

    def look(self) -> RunView:
        now = time.monotonic()
        if self._touched(self.folder.path / "status.json"):
            before, self.status = self.status, self.folder.status()
            if before and self.status and before.heartbeat != self.status.heartbeat:
                self._moved = now
        if self._touched(self.folder.profile):
            self.settings = flat_settings(self.folder.profile)
        if self._touched(self.folder.path / NOTES):
            self.tags = tuple(tags_of(read_notes(self.folder)))
        state = self._state(now)
        silence, skew = self._silence(now, state), self._skew()
        known = (self.settings, self._problem(), self.tags)
        return RunView(self.folder, state, self.status, silence, skew, *known)

    def _problem(self) -> str | None:
        if self.status is not None:
            return None
        try:
            document = parse_json((self.folder.path / "status.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return "its status.json is missing"
        except (OSError, ValueError):
            return "its status.json is damaged"
        phase = document.get("phase") if isinstance(document, dict) else None
        return f"its status.json is of an unknown version (phase: {phase!s:.20})"

    def _touched(self, path: Path) -> bool:
        try:
            stamp = path.stat().st_mtime_ns
        except OSError:
            stamp = -1
        changed = self._stamps.get(path) != stamp
        self._stamps[path] = stamp
        return changed

    def _state(self, now: float) -> State:
        """The state; a heartbeat that was seen to change, or waited for in vain, counts more than any clock."""
        if self.status is None:
            return "crashed"
        state = self.status.state_of(self._stamp)
        if state not in ("running", "crashed") or self.status.local:
            return state
        if self._moved is not None or now - self._looked >= SILENT_SECONDS:
            return "running" if now - (self._moved or self._looked) < SILENT_SECONDS else "crashed"
        return state

    def _silence(self, now: float, state: State) -> float:
        if self._moved is not None:
            return now - self._moved
        if self.status is None:
            return 0.0
        if self.status.local:
            return max(time.time() - self.status.heartbeat, 0.0)
        return now - self._looked if state == "running" else max(time.time() - self._stamp, 0.0)

    @property
    def _stamp(self) -> float:
        """When the status was written, by the clock of the file system, in Unix seconds."""
        return self._stamps[self.folder.path / "status.json"] / 1e9

    def _skew(self) -> float:
        """How far the heartbeat is from the time at which the file system says that it was written."""
        if self.status is None or self.status.local:
            return 0.0
        difference = self.status.heartbeat - self._stamp
        return difference if abs(difference) > CLOCK_SECONDS else 0.0


class RunsFeed:
    """All runs of a folder, and one elsewhere (`extra`); files that did not change are not read again."""

    def __init__(self, root: Path, extra: Path | None = None) -> None:
        self.root = root
        self.extra = extra
        self._watched: dict[Path, _Watched] = {}

    def look(self) -> tuple[RunView, ...]:
        """All runs as they are now: first those that are running, then the others, the last active first."""
        folders = [RunFolder(path) for path in self._paths()]
        self._watched = {
            folder.path: self._watched.get(folder.path) or _Watched(folder)
            for folder in folders
            if folder.exists
        }
        return tuple(sorted((watched.look() for watched in self._watched.values()), key=_order))

    def _paths(self) -> list[Path]:
        try:
            paths = [path for path in self.root.iterdir() if path.is_dir()]
        except OSError:  # the folder does not exist yet, or any more
            paths = []
        return [*paths, self.extra] if self.extra and self.extra not in paths else paths


def _order(run: RunView) -> tuple[bool, float, str]:
    # By their start while they run: an order by heartbeats would change every second.
    running = run.state == "running"
    active = 0.0 if run.status is None else run.status.begun if running else run.status.heartbeat
    return not running, -active, run.name


def flat_settings(path: Path) -> dict[str, Any]:
    """A resolved profile, flat, without its own name and summary; empty where it is missing or damaged."""
    try:
        document = parse_toml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    tables = {name: table for name, table in document.items() if isinstance(table, dict)}
    return {f"{name}.{key}": value for name, table in tables.items() for key, value in table.items()}


def differences(settings: Mapping[str, Any], baseline: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """The settings that differ: name, value, baseline's value; None where one has no such setting."""
    names = [*settings, *(name for name in baseline if name not in settings)]
    return [
        (name, settings.get(name), baseline.get(name))
        for name in names
        if settings.get(name) != baseline.get(name)
    ]
