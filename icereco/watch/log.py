"""The end of a run's log, line by line."""

import re
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from icereco.system.terminal_text import printable
from icereco.watch.tail import Tail

__all__ = ["Log", "LogLine"]

KEPT_LINES = 5_000
KEPT_BYTES = 1 << 20

_FORM = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\S* (\w+)\s+(\S+) (.*)")


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line; `time` in Unix seconds, None where the line continues the one before it."""

    time: float | None
    level: str
    message: str

    @property
    def clock(self) -> str:
        """The time of day, eight characters wide; blank where the line has no time."""
        return datetime.fromtimestamp(self.time).strftime("%H:%M:%S") if self.time else " " * 8


class Log:
    """The last lines of one log."""

    def __init__(self, path: Path) -> None:
        self._tail = Tail(path, KEPT_BYTES)
        self._lines: deque[LogLine] = deque(maxlen=KEPT_LINES)

    @property
    def lines(self) -> list[LogLine]:
        """The last lines, the oldest first; at most `KEPT_LINES`."""
        return list(self._lines)

    def look(self) -> bool:
        """Read what is new; return whether there was anything."""
        if (tailed := self._tail.read()) is None:
            return False
        lines = deque(() if tailed.restarted else self._lines, maxlen=KEPT_LINES)
        lines.extend(map(_line, tailed.lines.decode(errors="replace").splitlines()))
        self._lines = lines  # in one step: the app may be reading the old lines in another thread
        return True


def _line(text: str) -> LogLine:
    text = printable(text).expandtabs(4)
    if form := _FORM.match(text):
        with suppress(ValueError):
            when = datetime.strptime(form[1], "%Y-%m-%d %H:%M:%S").timestamp()
            return LogLine(when, form[2], form[4])
    return LogLine(None, "", text)
