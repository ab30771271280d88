"""Histograms of some events of a file."""

from collections.abc import Sequence

from textual.strip import Strip

from icereco.draw.canvas.braille import Canvas
from icereco.draw.histograms import Histogram, draw_histograms
from icereco.tui.common.strips import strips_of
from icereco.tui.events.drawing import Drawing
from icereco.tui.themes import CURVES, curve_color, ink

__all__ = ["HistogramCard"]


class HistogramCard(Drawing):
    """Draws histograms of pulses, energy and zenith."""

    def __init__(self, marker: str, id: str) -> None:  # noqa: A002 -- Textual's own name
        super().__init__(id=id)
        self.marker = marker
        self.histograms: Sequence[Histogram] = ()

    def show(self, histograms: Sequence[Histogram]) -> None:
        """Show other histograms."""
        self.histograms = histograms
        self.redraw()

    def draw(self, columns: int, rows: int, background: int) -> list[Strip]:
        """Draw the histograms in the colours of the theme."""
        canvas, colors = Canvas(columns, rows, self.marker), ink(self.app, background)
        bars = [curve_color(number, background) for number in range(len(CURVES))]
        draw_histograms(canvas, self.histograms, bars, colors.cursor, colors.text)
        return strips_of(canvas, background)
