"""A widget that shows a drawing, which is made again only when something has changed."""

from collections.abc import Callable

from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.palette import Palette, palette_on
from icereco.draw.event.state import EventState
from icereco.tui.common.strips import strips_of
from icereco.tui.themes import background

__all__ = ["Drawing", "drawn"]


def drawn(
    draw: Callable[[Canvas, EventState, Palette], None],
    state: EventState | None,
    columns: int,
    rows: int,
    background: int,
) -> list[Strip]:
    """The lines that a function draws of an event's state; empty lines without a state."""
    canvas = Canvas(columns, rows, state.style.marker if state else "braille")
    if state is not None:
        draw(canvas, state, palette_on(background))
    return strips_of(canvas, background)


class Drawing(Widget):
    """A drawing; subclasses make it in `draw`, and call `redraw` when it has changed."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 -- Textual's word
        super().__init__(id=id, classes=classes)
        self._strips: list[Strip] = []
        self._drawn: Size | None = None

    @property
    def background(self) -> int:
        """The background colour, 0xRRGGBB."""
        return background(self)

    def draw(self, columns: int, rows: int, background: int) -> list[Strip]:
        """The lines of a drawing of that size."""
        raise NotImplementedError

    def redraw(self, *, layout: bool = False) -> None:
        """Draw again; with `layout`, the height may have changed too."""
        self._drawn = None
        self.refresh(layout=layout)

    def notify_style_update(self) -> None:
        """Draw again, as the theme and with it the background may have changed."""
        self._drawn = None
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """Return one line; all are drawn when the first is needed."""
        if self._drawn != self.content_size:
            self._drawn = self.content_size
            self._strips = self.draw(*self._drawn, self.background)
        return self._strips[y] if y < len(self._strips) else Strip.blank(self._drawn.width)
