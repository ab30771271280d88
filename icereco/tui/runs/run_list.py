"""The list of runs: two lines each, of which only the visible ones are drawn."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.segment import Segment
from rich.style import Style
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from icereco.draw.canvas.names import telling_names
from icereco.runs.status import age
from icereco.tui.themes import background, cursor_ground, text_on, themed_on
from icereco.watch.runs import RunView

__all__ = ["STALLED", "STATE_SIGNS", "RunList", "state_line"]

STATE_SIGNS = {
    "running": ("●", "success"),
    "finished": ("✔", "primary"),
    "stopped": ("■", "warning"),
    "failed": ("✖", "error"),
    "crashed": ("✖", "error"),
}
"""A sign for each state and the theme's colour for it: the sign is enough where there are no colours."""

STALLED = ("◌", "error")


def state_line(run: RunView, room: int = 80) -> str:
    """The state of a run in as many words as there is room for.

    Of a running run it is the phase, such as paused or validating, or how long the run has been silent.
    """
    words = list(_state_words(run))
    while len(words) > 1 and len(" ".join(words)) > room:
        words.pop()
    return " ".join(words)


def _state_words(run: RunView) -> Iterator[str]:
    status, silent = run.status, age(run.silent_seconds).removesuffix(" ago")
    if status is None:
        yield "no status"
    elif run.stalls:
        yield f"silent {silent}"
    elif run.state == "running":
        yield "running" if status.phase == "training" else status.phase
        if run.progress is not None:
            yield f"{run.progress:.0%}"
    else:
        yield run.state
        if status.best_median_deg is not None:
            yield f"{status.best_median_deg:.1f}°"
        yield silent


class RunList(ScrollView, can_focus=True, inherit_bindings=False):
    """The runs; one is under the cursor, several may be overlaid, one may be the baseline."""

    LINES = 2

    runs: reactive[tuple[RunView, ...]] = reactive(())
    cursor: reactive[int] = reactive(0)
    curve_marks: reactive[Mapping[Path, tuple[str, int]]] = reactive({})
    baseline: reactive[Path | None] = reactive(None)
    overlaid: reactive[frozenset[Path]] = reactive(frozenset())

    _names: tuple[str, ...] = ()

    @dataclass
    class Moved(Message):
        """Another run is under the cursor."""

        run: RunView | None

    @property
    def current(self) -> RunView | None:
        """The run under the cursor."""
        return self.runs[self.cursor] if self.cursor < len(self.runs) else None

    def watch_runs(self, before: tuple[RunView, ...], now: tuple[RunView, ...]) -> None:
        """Keep the cursor on its run, wherever that is in the new list."""
        self._names = tuple(run.name for run in now)
        self.virtual_size = Size(self.size.width, len(now) * self.LINES)
        self.border_subtitle = f"{len(now)}" if len(now) > 3 else ""
        old = before[self.cursor].path if self.cursor < len(before) else None
        places = [run.path for run in now]
        index = places.index(old) if old in places else min(self.cursor, max(len(now) - 1, 0))
        if index != self.cursor:
            self.cursor = index
        elif (places[index] if places else None) != old:
            self.post_message(self.Moved(self.current))
        self.refresh()

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor within the list."""
        return min(max(cursor, 0), max(len(self.runs) - 1, 0))

    def watch_cursor(self) -> None:
        """Scroll to the cursor, and report its run."""
        self.scroll_to_region(
            Region(0, self.cursor * self.LINES, self.size.width, self.LINES), animate=False, force=True
        )
        self.refresh()
        self.post_message(self.Moved(self.current))

    def watch_curve_marks(self) -> None:
        """Draw the signs of the curves again."""
        self.refresh()

    def watch_overlaid(self) -> None:
        """Draw the signs of the runs that stay on the charts again."""
        self.refresh()

    def watch_baseline(self) -> None:
        """Draw the sign of the baseline again."""
        self.refresh()

    def go_to(self, path: Path) -> bool:
        """Put the cursor on a run; return False where it is not in the list."""
        for index, run in enumerate(self.runs):
            if run.path == path:
                self.cursor = index
                return True
        return False

    def render_line(self, y: int) -> Strip:
        """Draw one of the two lines of a run."""
        index, part = divmod(y + self.scroll_offset.y, self.LINES)
        width = self.size.width
        if index >= len(self.runs):
            return Strip.blank(width, self.rich_style)
        run, style = self.runs[index], self.rich_style
        ground = background(self)
        if index == self.cursor:
            ground = cursor_ground(self)
            style += Style(bgcolor=f"#{ground:06x}")
        segments = (
            self._name_line(index, style, ground) if part == 0 else self._state_line(run, style, ground)
        )
        return (
            Strip([segment for segment in segments if segment.text])
            .adjust_cell_length(width, style)
            .simplify()
        )

    def _name_line(self, place: int, style: Style, ground: int) -> list[Segment]:
        run, sign = self.runs[place], Segment("  ", style)
        if (mark := self.curve_marks.get(run.path)) is not None:
            color = text_on(mark[1], ground)
            sign = Segment(f"{mark[0]} ", style + Style(color=f"#{color:06x}", bold=True))
        pinned = "⚑ " * (run.path == self.baseline) + "◆ " * (run.path in self.overlaid)
        room = self.size.width - 3 - len(pinned)
        name = telling_names(self._names, room)[place]
        return [sign, Segment(pinned, style + Style(bold=True)), Segment(name, style + Style(bold=True))]

    def _state_line(self, run: RunView, style: Style, ground: int) -> list[Segment]:
        sign, color = STALLED if run.stalls else STATE_SIGNS[run.state]
        colored = style + Style(color=themed_on(self.app, color, ground))
        return [Segment(f"  {sign} ", colored), Segment(state_line(run, self.size.width - 4), colored)]

    def on_click(self, event: Click) -> None:
        """Choose the run that was clicked."""
        index = (event.y - self.gutter.top + self.scroll_offset.y) // self.LINES
        if index < len(self.runs):
            self.cursor = index
