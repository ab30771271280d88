"""A card with the values of several runs at the cursor."""

from collections.abc import Sequence

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from icereco.draw.canvas.names import short_names, telling_names
from icereco.draw.canvas.scale import compact
from icereco.tui.runs.readings import RunReading, place_text

__all__ = ["ReadingCard"]

_CELL = 7  # characters of a value
_LONGEST_HEADING = 14
_NAMES = 0.4  # the part of the width that names may take


class ReadingCard(Widget):
    """A table: a row for each run, a column for each figure that is charted.

    Attributes:
        readings: what to show.
        unit: of the places.
    """

    readings: reactive[tuple[RunReading, ...]] = reactive((), layout=True)
    unit: reactive[str] = reactive("")

    def render(self) -> Text:
        """Return the rows that there is room for, with a sign for others."""
        if not self.readings:
            return Text()
        width, height = self.content_size
        room = max(int(width * _NAMES), 8)
        names = telling_names([reading.name for reading in self.readings], room)
        lines = [self._line(reading, name, names) for reading, name in zip(self.readings, names, strict=True)]
        shown = [self._head(max(map(len, names))), *lines]
        if height and len(shown) > height:
            hidden = len(shown) - height + 1
            shown = [*shown[: height - 1], Text(f"+{hidden} more", style="dim")]
        return Text("\n", no_wrap=True, overflow="crop").join(shown)

    def _columns(self, name_width: int) -> tuple[list[tuple[str, int]], int]:
        """The figures that there is room for with the widths of their columns, and how many others there are."""
        figures = list(dict.fromkeys(figure for reading in self.readings for figure in reading.values))
        left = self.content_size.width - 2 - name_width - 1 - _CELL
        shown: list[tuple[str, int]] = []
        for figure in figures:
            width = min(max(_CELL, len(figure)), _LONGEST_HEADING)
            needed = width + 1 + (4 if figure != figures[-1] else 0)
            if left < needed:
                break
            shown.append((figure, width))
            left -= width + 1
        return shown, len(figures) - len(shown)

    def _head(self, name_width: int) -> Text:
        figures, more = self._columns(name_width)
        head = f"  {'':{name_width}} {self.unit:>{_CELL}}"
        for figure, width in figures:
            head += f" {short_names([figure], width)[0]:>{width}}"
        return Text(head + (f" +{more}" if more else ""), style="dim")

    def _line(self, reading: RunReading, name: str, names: Sequence[str]) -> Text:
        name_width = max(map(len, names))
        figures, _ = self._columns(name_width)
        place = "–" if reading.place is None else place_text(reading.place)
        line = Text(f"{reading.letter} ", style=f"bold #{reading.color:06x}")
        line.append(f"{name:{name_width}}").append(f" {place:>{_CELL}}", style="not bold")
        for figure, width in figures:
            value = reading.values.get(figure)
            line.append(f" {'–' if value is None else compact(value, 4):>{width}}", style="not bold")
        return line
