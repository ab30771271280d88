"""One chart: curves of a panel, drawn with dots."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.events import Click, MouseScrollDown, MouseScrollUp, Resize
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from icereco.draw.canvas.curves import Curve, Level, Plot, Sign, View, draw, reading
from icereco.draw.canvas.names import least_width, short_names, telling_names
from icereco.draw.canvas.scale import compact
from icereco.tui.common.strips import strips_of
from icereco.tui.runs.overlay import SIGNS
from icereco.tui.runs.readings import fitting_names, place_text
from icereco.tui.themes import background, ink

__all__ = ["Chart", "Charted"]


_VALUE = 7  # characters of a value and the blank before it


@dataclass(frozen=True, slots=True)
class Charted:
    """The content of one chart."""

    title: str
    curves: Sequence[Curve]
    levels: Sequence[Level] = ()
    signs: Sequence[Sign] = ()


def _fitting_title(title: str, room: int) -> str:
    """A title without its unit, and then without its middle, where there is no room for it."""
    if len(title) > room:
        title = re.sub(r" \[[^]]*\]", "", title)
    return short_names([title], max(room, 1))[0]


def _line(names: Sequence[str], curves: Sequence[Curve], more: int, between: str = " ") -> Text:
    """Names in the colours of their curves, and how many others there are."""
    words = [Text(name, f"#{curve.color:06x}") for curve, name in zip(curves, names, strict=False)]
    return Text(between).join(words).append(f" +{more}" if more else "", style="dim")


class Chart(Widget, can_focus=True):
    """Draws curves, and reports clicks and turns of the mouse wheel."""

    @dataclass
    class Pointed(Message):
        """A place on the horizontal axis was clicked."""

        place: float

    @dataclass
    class Wheeled(Message):
        """The wheel was turned: the part shown is to become `factor` times as wide."""

        factor: float

    def __init__(self, marker: str) -> None:
        super().__init__()
        self.marker = marker
        self._charted = Charted("", ())
        self._view = View()
        self._unit = ""
        self._plot: Plot | None = None
        self._strips: list[Strip] = []

    @property
    def columns(self) -> int:
        """The width of the curves in characters."""
        return self._plot.columns if self._plot else 1

    @property
    def _curves(self) -> Sequence[Curve]:
        return self._charted.curves

    def show(self, charted: Charted, view: View, unit: str) -> None:
        """Show other curves, or another view of them."""
        self._charted, self._view, self._unit = charted, view, unit
        self.call_next(self._redraw)  # chart by chart, so that keys are handled between two charts

    def clear(self) -> None:
        """Show no curves, until others follow."""
        self.show(Charted(self._charted.title, ()), self._view, self._unit)

    def on_resize(self, event: Resize) -> None:
        """Draw at the new size."""
        del event
        self._redraw()

    def notify_style_update(self) -> None:
        """Draw in the colours of another theme."""
        super().notify_style_update()
        self._redraw()

    def _redraw(self) -> None:
        size = self.content_size
        if not size.area or not self.is_attached:
            return
        under = background(self)
        colors = ink(self.app, under)
        charted, size_in_cells = self._charted, (size.width, size.height)
        self._plot = draw(
            charted.curves,
            self._view,
            size_in_cells,
            colors,
            self.marker,
            self._unit,
            charted.levels,
            charted.signs,
        )
        self.border_title = Text(_fitting_title(self._charted.title, self._room))
        self.border_subtitle = self._reading(self._plot) or self._legend()
        self._strips = strips_of(self._plot.canvas, under)
        self.refresh()

    def _legend(self) -> Text:
        """The names of the curves in their colours; those that there is no room for are counted."""
        if self._several:
            return self._legend_of_runs()
        named = {curve.label: curve for curve in self._curves}
        names, more = fitting_names(list(named), self._room)
        return _line(names, list(named.values()), more)

    def _legend_of_runs(self) -> Text:
        """The letters of the runs, with their names where there is room, or what the dashes mean where they differ."""
        runs = list({curve.run: curve for curve in reversed(self._curves)}.values())
        figures = list({curve.label: curve for curve in self._curves}.values())
        if len(figures) > 1:
            signed = [f"{SIGNS[curve.dash]} {curve.label}" for curve in figures]
            names, more = fitting_names(signed, self._room)
            return Text(" ").join(map(Text, names)).append(f" +{more}" if more else "", style="dim")
        names = [run.run for run in runs]
        for width in range(max(map(len, names), default=0), least_width(names) - 1, -1):
            told = telling_names(names, width)
            named = [f"{run.mark} {name}" for run, name in zip(runs, told, strict=True)]
            if len("  ".join(named)) <= self._room:
                return _line(named, runs, 0, between="  ")
        kept = len(runs) if 2 * len(runs) - 1 <= self._room else max((self._room - 3) // 2, 0)
        return _line([run.mark for run in runs[:kept]], runs, len(runs) - kept)

    @property
    def _several(self) -> bool:
        return any(curve.run for curve in self._curves)

    @property
    def _room(self) -> int:
        """Columns of a text in the frame."""
        return self.size.width - 6

    def _reading(self, plot: Plot) -> Text:
        """The values of the curves of one run at the cursor, by name where there is room; those of several runs are in a card."""
        read = [(curve, reading(curve, self._view, plot.columns)) for curve in self._curves]
        values = [(curve, value) for curve, value in read if value is not None]
        if self._several or self._view.cursor is None or not values:
            return Text()
        room = self._room
        unit = "" if room < 40 else f" {self._unit}"
        line = Text(f"{place_text(values[0][1][0])}{unit}", style="dim")
        names = sum(len(curve.label) + 1 + _VALUE for curve, _ in values) <= room - line.cell_len
        for curve, (_, mean, low, high) in values:
            text = f" {curve.label} {compact(mean, 4)}" if names else f" {compact(mean, 4)}"
            if curve.band is not None and high > low and room - line.cell_len > 30 + len(text):
                text += f" ({compact(low)}…{compact(high)})"
            if line.cell_len + len(text) > room:
                return line.append(" …", style="dim")
            line.append(text, style=f"#{curve.color:06x}")
        return line

    def render_line(self, y: int) -> Strip:
        """Return one line of the drawing."""
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)

    def on_click(self, event: Click) -> None:
        """Report the place that was clicked."""
        if self._plot is not None and (at := event.get_content_offset(self)) is not None:
            self.post_message(self.Pointed(self._plot.place(at.x)))

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Zoom in around the mouse."""
        event.stop()
        self.post_message(self.Wheeled(0.7))

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Zoom out around the mouse."""
        event.stop()
        self.post_message(self.Wheeled(1 / 0.7))
