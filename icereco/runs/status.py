"""What a run says of itself, and whether that is still true."""

import json
import platform
import time
from contextlib import suppress
from dataclasses import dataclass, fields
from typing import Literal, Self, TypedDict, get_args

from icereco.system.process_identity import is_alive

__all__ = ["Phase", "Progress", "State", "Status", "age"]

Phase = Literal["starting", "preparing", "training", "validating", "paused", "finished", "stopped", "failed"]
"""What a run says of itself; the last three are its last word."""

State = Literal["running", "finished", "stopped", "failed", "crashed"]
"""What is true of a run: one that still says "training" after its process has died has crashed."""

SILENT_SECONDS = 300.0
"""A process on another machine, which we cannot ask, is taken for dead after so long without a heartbeat."""


class Progress(TypedDict, total=False):
    """What a training reports with its status; every field is one of `Status`."""

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
        answered: orders in `control.jsonl` are obeyed up to this byte; answer: what the last one came to.
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
        """None for text that is not a status; keys of later versions are ignored."""
        with suppress(ValueError, TypeError, AttributeError):
            known = {field.name for field in fields(cls)}
            status = cls(**{key: value for key, value in json.loads(text).items() if key in known})
            numbers = type(status.pid) is int and type(status.answered) is int
            if status.phase in get_args(Phase) and numbers and status.heartbeat > 0:
                return status
        return None

    @property
    def state(self) -> State:
        """What is true now, as far as the status itself says."""
        return self.state_of(self.heartbeat)

    def state_of(self, written: float) -> State:
        """What is true now of a status that the file system says was written at a Unix time.

        The clock of another machine may be wrong by hours; that of the disk that we share with it hardly is.
        """
        if self.phase in ("finished", "stopped", "failed"):
            return self.phase
        return "running" if self._process_lives(written) else "crashed"

    @property
    def local(self) -> bool:
        """Whether its process is one of this machine."""
        return self.host == platform.node()

    def _process_lives(self, written: float) -> bool:
        if not self.local:
            now = time.time()
            return min(abs(now - self.heartbeat), abs(now - written)) < SILENT_SECONDS
        return is_alive(self.pid, self.started)


def age(seconds: float) -> str:
    """How long ago, in one unit.

    >>> age(7300.0)
    '2 h ago'
    """
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return "now" if seconds < 5 else f"{seconds:.0f} s ago"
