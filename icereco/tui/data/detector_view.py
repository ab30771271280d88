"""A detector from above and from the side."""

import numpy as np
from textual.events import Resize
from textual.strip import Strip
from textual.widget import Widget

from icereco.detector.detector import Detector
from icereco.draw.canvas.braille import Canvas
from icereco.tui.common.strips import strips_of
from icereco.tui.themes import background, curve_color, ink

__all__ = ["DetectorView"]


class DetectorView(Widget):
    """Draws every sensor as a dot: x and y on the left, x and z on the right."""

    def __init__(self, marker: str, id: str) -> None:  # noqa: A002 -- Textual's own name
        super().__init__(id=id)
        self.marker = marker
        self._detector: Detector | None = None
        self._strips: list[Strip] = []

    def show(self, detector: Detector | None) -> None:
        """Show a detector, or none."""
        self._detector = detector
        self._redraw()

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
        canvas = Canvas(size.width, size.height, self.marker)
        if self._detector is not None:
            position, alive = self._detector.position_m, self._detector.alive
            text = ink(self.app, under).text
            color = np.where(alive, curve_color(0, under), curve_color(5, under))
            half = size.width // 2
            for first, axes, name in ((0, (0, 1), "from above"), (half, (0, 2), "from the side")):
                _scatter(canvas, position[:, axes], color, first, half - 1)
                canvas.text(first, 0, name, text)
        self._strips = strips_of(canvas, under)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Return one line of the drawing."""
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width, self.rich_style)


def _scatter(canvas: Canvas, places: np.ndarray, color: np.ndarray, first: int, columns: int) -> None:
    """Points in some columns of a canvas, at the same scale both ways."""
    across, down = canvas.marker.across, canvas.marker.down
    low, high = places.min(0), places.max(0)
    span = np.maximum(high - low, 1.0)
    width, height = columns * across - 1, (canvas.rows - 1) * down - 1
    scale = min(width / span[0], height * canvas.marker.dot_aspect / span[1])
    x = first * across + width / 2 + (places[:, 0] - (low[0] + high[0]) / 2) * scale
    y = down + height / 2 - (places[:, 1] - (low[1] + high[1]) / 2) * scale / canvas.marker.dot_aspect
    canvas.points(x, y, color)
