"""One chart: curves of a panel, drawn with dots."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.events import Click, MouseScrollDown, MouseScrollUp, Resize
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from icereco.draw.canvas.curves import Curve, Plot, View, draw, reading
from icereco.draw.canvas.scale import compact
from icereco.tui.common.strips import strips_of
from icereco.tui.themes import background, ink

__all__ = ["Chart"]


_SIGNS = {0: "━", 1: "┈", 2: "╍", 4: "╌"}
"""What a curve's dashes look like in the legend."""


def _place(place: float) -> str:
    return f"{place:,.0f}" if place.is_integer() else compact(place, 4)


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
        self._curves: Sequence[Curve] = ()
        self._view = View()
        self._unit = ""
        self._title = ""
        self._plot: Plot | None = None
        self._strips: list[Strip] = []

    def show(self, title: str, curves: Sequence[Curve], view: View, unit: str) -> None:
        """Show other curves, or another view of them."""
        self._title, self._curves, self._view, self._unit = title, curves, view, unit
        self.call_next(self._redraw)  # chart by chart, so that keys are handled between two charts

    def clear(self) -> None:
        """Show no curves, until others follow."""
        self.show(self._title, (), self._view, self._unit)

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
        self._plot = draw(
            self._curves, self._view, (size.width, size.height), colors, self.marker, self._unit
        )
        self._strips = strips_of(self._plot.canvas, under)
        self.border_title = Text(self._title)
        self.border_subtitle = self._reading() or self._legend()
        self.refresh()

    def _legend(self) -> Text:
        """The names of the curves in their colours, with signs for their dashes if there are any and room for them."""
        named = [curve for curve in self._curves if curve.label]
        room = self.size.width - 6
        signed = [f"{_SIGNS[curve.dash]} {curve.label}" for curve in named]
        plain = [curve.label for curve in named]
        dashed = any(curve.dash for curve in self._curves) and len(" ".join(signed)) <= room
        line = Text()
        for curve, name in zip(named, signed if dashed else plain, strict=True):
            if line.cell_len + len(name) + 1 > room + 1:
                break
            line.append(f"{' ' if line else ''}{name}", style=f"#{curve.color:06x}")
        return line

    def _reading(self) -> Text:
        """The values of the curves at the cursor."""
        line, room = Text(), self.size.width - 6
        if self._view.cursor is None or self._plot is None:
            return line
        for curve in self._curves:
            if (values := reading(curve, self._view, self._plot.columns)) is None:
                continue
            place, mean, low, high = values
            if not line:
                line.append(f"{_place(place)}{'' if room < 40 else f' {self._unit}'}", style="dim")
            text = f" {compact(mean, 4)}"
            if curve.band is not None and high > low and room - line.cell_len > 30:
                text += f" ({compact(low)}…{compact(high)})"
            if line.cell_len + len(text) > room:
                break
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
