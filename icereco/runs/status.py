"""The status that a run writes, and the actual state of its process."""

import platform
import time
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Literal, Self, TypedDict

from icereco.system.documents import parse_json
from icereco.system.process_identity import is_alive
from icereco.system.typed_fields import has_declared_types

__all__ = ["SILENT_SECONDS", "Phase", "Progress", "State", "Status", "age"]

Phase = Literal["starting", "preparing", "training", "validating", "paused", "finished", "stopped", "failed"]
"""The phase that a run writes; the last three are final."""

FINAL: tuple[Phase, ...] = ("finished", "stopped", "failed")

State = Literal["running", "finished", "stopped", "failed", "crashed"]
"""The actual state of a run: one whose status is "training" although its process has died has crashed."""

SILENT_SECONDS = 300.0
"""A process on another machine, which cannot be queried, is assumed dead after this time without a heartbeat."""


class Progress(TypedDict, total=False):
    """The fields of `Status` that a training reports."""

    step: int
    steps: int | None
    epoch: float
    epochs: int | None
    eta_seconds: float | None
    events_per_second: float | None
    best_median_deg: float | None
    saved_step: int | None
    answered: int
    answer: str | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Status:
    """The content of `status.json`.

    Attributes:
        pid: of the process that trains; started: its birth mark (`icereco.system.process_identity`), or None; host: its machine.
        begun: Unix time of the first status; heartbeat: of this one.
        epoch: may be fractional.
        saved_step: the step of the last checkpoint.
        answered: byte of `control.jsonl` up to which orders have been carried out; answer: to the last one.
        message: why it failed, or what to do next.
    """

    phase: Phase
    pid: int
    started: str | None
    host: str
    begun: float
    heartbeat: float
    step: int = 0
    steps: int | None = None
    epoch: float = 0.0
    epochs: int | None = None
    eta_seconds: float | None = None
    events_per_second: float | None = None
    best_median_deg: float | None = None
    saved_step: int | None = None
    answered: int = 0
    answer: str | None = None
    message: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Parse a status file; None if the text is not a status. Keys of later versions are ignored."""
        with suppress(ValueError, TypeError, AttributeError):
            known = {field.name for field in fields(cls)}
            status = cls(**{key: value for key, value in parse_json(text).items() if key in known})
            if has_declared_types(status) and status.heartbeat > 0:
                return status
        return None

    @property
    def state(self) -> State:
        """Return the state as judged from the status alone."""
        return self.state_of(self.heartbeat)

    def state_of(self, written: float) -> State:
        """Return the state of a status that, by the file system, was written at a Unix time.

        The clock of another machine may be wrong by hours; that of the shared file system hardly is.
        """
        if self.phase in ("finished", "stopped", "failed"):  # not `FINAL`, by which mypy cannot narrow
            return self.phase
        return "running" if self._process_lives(written) else "crashed"

    @property
    def local(self) -> bool:
        """Return whether its process runs on this machine."""
        return self.host == platform.node()

    def _process_lives(self, written: float) -> bool:
        if not self.local:
            now = time.time()
            return min(abs(now - self.heartbeat), abs(now - written)) < SILENT_SECONDS
        return is_alive(self.pid, self.started)


def age(seconds: float) -> str:
    """Format how long ago something happened, in one unit.

    >>> age(7300.0)
    '2 h ago'
    """
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return "now" if seconds < 5 else f"{seconds:.0f} s ago"
