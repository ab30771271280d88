"""The log of a run: only the visible lines are drawn, whatever its length."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from icereco.tui.themes import background, themed_on
from icereco.watch.log import LogLine

__all__ = ["LogView", "step_problem"]

_COLORS = {"WARNING": "warning", "ERROR": "error", "CRITICAL": "error", "DEBUG": "foreground"}


class LogView(ScrollView, can_focus=True):
    """A log that stays scrolled to its end, unless the user has scrolled up.

    Attributes:
        wanted: only lines that contain this text are shown, in upper or lower case.
    """

    wanted: reactive[str] = reactive("")

    def __init__(self, id: str | None = None) -> None:  # noqa: A002 -- Textual's own name
        super().__init__(id=id)
        self._lines: Sequence[LogLine] = ()
        self._shown: Sequence[LogLine] = ()
        self._rows: list[tuple[int, int, int]] = []
        self._marked: LogLine | None = None
        self._step_at: Callable[[float], int | None] = lambda _time: None

    def show(self, lines: Sequence[LogLine], step_at: Callable[[float], int | None]) -> None:
        """Show other lines; `step_at` returns the step of the training at a time in Unix seconds."""
        self._lines, self._step_at = lines, step_at
        self._filter()

    def watch_wanted(self) -> None:
        """Show only lines with the new text."""
        self.border_subtitle = f"only {self.wanted!r}" if self.wanted else ""
        self._filter()

    def go_to(self, time: float) -> bool:
        """Show and mark the first line from a time on; return False where there is none."""
        times = np.maximum.accumulate([line.time or 0.0 for line in self._shown] or [0.0])
        index = int(np.searchsorted(times, time))
        if index >= len(self._shown):
            return False
        self._marked = self._shown[index]
        row = next(at for at, (number, _, _) in enumerate(self._rows) if number == index)
        self.scroll_to(y=max(row - self.size.height // 2, 0), animate=False)
        self.refresh()
        return True

    def _filter(self) -> None:
        at_end = self.scroll_offset.y >= self.max_scroll_y
        wanted = self.wanted.casefold()
        self._shown = [line for line in self._lines if wanted in f"{line.level} {line.message}".casefold()]
        self._wrap()
        if at_end:
            self.scroll_end(animate=False)
        self.refresh()

    def on_resize(self) -> None:
        """Wrap long lines at the new width."""
        self._filter()

    def _wrap(self) -> None:
        """Split lines that are too long: for each row the number of its line, and the part of it that it shows."""
        room = max(self._room, 10)
        self._rows = [
            (number, start, end)
            for number, line in enumerate(self._shown)
            for start, end in _parts(_text(line), room)
        ]
        self.virtual_size = Size(self.size.width, len(self._rows))

    @property
    def _room(self) -> int:
        """Columns for the message."""
        return self.scrollable_content_region.width - (17 if self._with_steps else 9)

    @property
    def _with_steps(self) -> bool:
        return self.size.width >= 70

    def render_line(self, y: int) -> Strip:
        """Draw one row of the log, with the training's step at its time."""
        index, width = y + self.scroll_offset.y, self.size.width
        style = self.rich_style
        if index >= len(self._rows):
            return Strip.blank(width, style)
        number, start, end = self._rows[index]
        line = self._shown[number]
        if line is self._marked:
            style += Style(reverse=True)
        color = _COLORS.get(line.level)
        colored = style + Style(color=themed_on(self.app, color, background(self))) if color else style
        text = _text(line)[start:end]
        segments = [
            Segment(self._prefix(line, start), style + Style(dim=True)),
            Segment(text or " ", colored),
        ]
        return Strip(segments).adjust_cell_length(width, style)

    def _prefix(self, line: LogLine, start: int) -> str:
        """The time and the step before the first row of a line; blanks before the others."""
        if start:
            return " " * (17 if self._with_steps else 9)
        step = self._step_at(line.time) if line.time and self._with_steps else None
        return f"{line.clock} {'' if step is None else step:>7} " if self._with_steps else f"{line.clock} "


def step_problem(text: str) -> str | None:
    """What is wrong with a step to go to; None where nothing is."""
    return None if text.strip().isdigit() else "a step is a whole number"


def _text(line: LogLine) -> str:
    """A message, preceded by its level if that is not INFO."""
    return f"{line.level.lower()} {line.message}" if line.level in _COLORS else line.message


def _parts(text: str, room: int) -> Iterator[tuple[int, int]]:
    """Begin and end of each row of a text, broken between words where possible."""
    start = 0
    while len(text) - start > room:
        space = text.rfind(" ", start + 1, start + room + 1)
        end = space if space > 0 else start + room
        yield start, end
        start = end + (space > 0)
    yield start, len(text)
