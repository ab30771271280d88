"""The list of runs: two lines each, only those on the screen are drawn."""

from collections.abc import Mapping
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

from icereco.run_status import age
from icereco.tui.feeds.runs import RunView
from icereco.tui.themes import themed

__all__ = ["RunList", "STATE_SIGNS", "state_line"]

STATE_SIGNS = {
    "running": ("●", "success"),
    "finished": ("✔", "primary"),
    "stopped": ("■", "warning"),
    "failed": ("✖", "error"),
    "crashed": ("✖", "error"),
}
"""A sign for each state and the theme's colour of it: the sign tells it without colour too."""


def state_line(run: RunView) -> str:
    """How a run stands, in a few words.

    A paused or validating run is running, but says which.
    """
    status = run.status
    if status is None:
        return "no status"
    if run.state == "running":
        phase = "running" if status.phase == "training" else status.phase
        part = f" {run.progress:.0%}" if run.progress is not None else ""
        return f"{phase}{part}"
    best = f" {status.best_median_deg:.1f}°" if status.best_median_deg is not None else ""
    return f"{run.state}{best} {age(run.silent_seconds).removesuffix(' ago')}"


class RunList(ScrollView, can_focus=True, inherit_bindings=False):
    """Runs under each other; one is under the cursor, several may be overlaid, one is the baseline."""

    LINES = 2

    runs: reactive[tuple[RunView, ...]] = reactive(())
    cursor: reactive[int] = reactive(0)
    curve_colors: reactive[Mapping[Path, int]] = reactive({})
    baseline: reactive[Path | None] = reactive(None)

    @dataclass
    class Moved(Message):
        """Another run is under the cursor."""

        run: RunView | None

    @property
    def current(self) -> RunView | None:
        """The run under the cursor."""
        return self.runs[self.cursor] if self.cursor < len(self.runs) else None

    def watch_runs(self, before: tuple[RunView, ...], now: tuple[RunView, ...]) -> None:
        """Keep the cursor on its run, wherever that has gone."""
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
        """Within the list."""
        return min(max(cursor, 0), max(len(self.runs) - 1, 0))

    def watch_cursor(self) -> None:
        """Show it, and tell."""
        self.scroll_to_region(
            Region(0, self.cursor * self.LINES, self.size.width, self.LINES), animate=False, force=True
        )
        self.refresh()
        self.post_message(self.Moved(self.current))

    def watch_curve_colors(self) -> None:
        """Draw the signs of the curves anew."""
        self.refresh()

    def watch_baseline(self) -> None:
        """Draw the sign of the baseline anew."""
        self.refresh()

    def go_to(self, path: Path) -> bool:
        """Put the cursor on a run; False where it is not in the list."""
        for index, run in enumerate(self.runs):
            if run.path == path:
                self.cursor = index
                return True
        return False

    def render_line(self, y: int) -> Strip:
        """Half a run."""
        index, part = divmod(y + self.scroll_offset.y, self.LINES)
        width = self.size.width
        if index >= len(self.runs):
            return Strip.blank(width, self.rich_style)
        run, style = self.runs[index], self.rich_style
        if index == self.cursor:
            style += Style(bgcolor=themed(self.app, "panel"))
        segments = self._name_line(run, style) if part == 0 else self._state_line(run, style)
        return Strip([one for one in segments if one.text]).adjust_cell_length(width, style).simplify()

    def _name_line(self, run: RunView, style: Style) -> list[Segment]:
        color = self.curve_colors.get(run.path)
        sign = Segment("━ " if color is not None else "  ", style)
        if color is not None:
            sign = Segment("━ ", style + Style(color=f"#{color:06x}", bold=True))
        pinned = "⚑ " if run.path == self.baseline else ""
        room = self.size.width - 3 - len(pinned)
        name = run.name if len(run.name) <= room else f"{run.name[: room - 1]}…"
        return [sign, Segment(pinned, style + Style(bold=True)), Segment(name, style + Style(bold=True))]

    def _state_line(self, run: RunView, style: Style) -> list[Segment]:
        sign, color = STATE_SIGNS[run.state]
        colored = style + Style(color=themed(self.app, color))
        return [Segment(f"  {sign} ", colored), Segment(state_line(run), colored)]

    def on_click(self, event: Click) -> None:
        """Choose by mouse."""
        index = (event.y - self.gutter.top + self.scroll_offset.y) // self.LINES
        if index < len(self.runs):
            self.cursor = index
