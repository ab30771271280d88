"""A page of as many charts as there is room for; the others are on further pages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from textual.containers import Grid
from textual.events import Resize
from textual.geometry import Size
from textual.message import Message

from icereco.draw.canvas.curves import View
from icereco.tui.runs.chart import Chart, Charted

__all__ = ["ChartGrid", "shape_of"]


def shape_of(size: Size, count: int) -> tuple[int, int]:
    """Columns and rows of charts that are still readable."""
    least_width, least_height = (27, 9) if size.width < 130 else (42, 12)
    columns = max(min(size.width // least_width, 4), 1)
    rows = max(size.height // least_height, 1)
    if columns * rows >= count > 0:
        columns = min(columns, math.ceil(count / math.ceil(count / columns)))
        rows = math.ceil(count / columns)
    return columns, rows


class ChartGrid(Grid):
    """Charts in rows and columns.

    Attributes:
        page: from 0.
        large: whether there is one chart alone on the page.
    """

    page = 0
    large = False

    @dataclass
    class Reshaped(Message):
        """The number of charts that fit may have changed."""

    def __init__(self, marker: str, id: str) -> None:  # noqa: A002 -- Textual's own name
        super().__init__(id=id)
        self.marker = marker
        self.count = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Columns and rows of charts at the present size."""
        return (1, 1) if self.large else shape_of(self.size, self.count)

    @property
    def pages(self) -> int:
        """The number of pages."""
        columns, rows = self.shape
        return max(math.ceil(self.count / (columns * rows)), 1)

    @property
    def shown(self) -> range:
        """The numbers of the charts on this page."""
        columns, rows = self.shape
        self.page = min(max(self.page, 0), self.pages - 1)
        first = self.page * columns * rows
        return range(first, min(first + columns * rows, self.count))

    @property
    def chart_columns(self) -> int:
        """Columns of dots' cells of a chart, by which a cursor moves visibly."""
        columns = [chart.columns for chart in self.query(Chart)]
        return max([*columns[:1], 1])

    def focused_number(self) -> int | None:
        """The number of the chart that has the focus."""
        charts = list(self.query(Chart))
        for number, chart in zip(self.shown, charts, strict=False):
            if chart.has_focus:
                return number
        return None

    def enlarge(self, number: int) -> None:
        """Show one chart alone on the page, or several again."""
        self.large = not self.large
        columns, rows = self.shape
        self.page = number // (columns * rows)

    def show(self, charts: Sequence[Charted], view: View, unit: str) -> None:
        """Show the charts of this page, in their order."""
        columns, _ = self.shape
        self.styles.grid_size_columns = columns
        widgets = list(self.query(Chart))
        for widget in widgets[len(charts) :]:
            widget.remove()
        for _ in range(len(charts) - len(widgets)):
            self.mount(Chart(self.marker))
        for widget, chart in zip(self.query(Chart), charts, strict=False):
            widget.show(chart, view, unit)

    def clear(self) -> None:
        """Keep the charts in place without their curves, as others are about to follow."""
        for widget in self.query(Chart):
            widget.clear()

    def on_resize(self, event: Resize) -> None:
        """Report that the number of charts that fit may have changed."""
        del event
        self.post_message(self.Reshaped())
