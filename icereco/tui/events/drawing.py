"""A widget that is a drawing: made when it has changed, and kept until then."""

from collections.abc import Callable

from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.colormap import packed
from icereco.draw.canvas.palette import Palette, palette_on
from icereco.draw.event.state import EventState
from icereco.tui.common.strips import strips_of

__all__ = ["Drawing", "drawn"]


def drawn(
    how: Callable[[Canvas, EventState, Palette], None],
    state: EventState | None,
    columns: int,
    rows: int,
    background: int,
) -> list[Strip]:
    """The lines of a drawing of an event's state; empty ones without a state."""
    canvas = Canvas(columns, rows, state.style.marker if state else "braille")
    if state is not None:
        how(canvas, state, palette_on(background))
    return strips_of(canvas, background)


class Drawing(Widget):
    """Subclasses say in `draw` what they look like; `redraw` has them asked again."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 -- Textual's word
        super().__init__(id=id, classes=classes)
        self._strips: list[Strip] = []
        self._drawn: Size | None = None

    @property
    def background(self) -> int:
        """The colour it lies on."""
        return packed(self.background_colors[1].rgb)

    def draw(self, columns: int, rows: int, background: int) -> list[Strip]:
        """The lines of a drawing of that size."""
        raise NotImplementedError

    def redraw(self, *, layout: bool = False) -> None:
        """Something has changed, perhaps also how much room it takes."""
        self._drawn = None
        self.refresh(layout=layout)

    def notify_style_update(self) -> None:
        """The theme, and with it the background, may be another."""
        self._drawn = None
        super().notify_style_update()

    def render_line(self, y: int) -> Strip:
        """One line; the first to be asked for has all of them drawn."""
        if self._drawn != self.content_size:
            self._drawn = self.content_size
            self._strips = self.draw(*self._drawn, self.background)
        return self._strips[y] if y < len(self._strips) else Strip.blank(self._drawn.width)
