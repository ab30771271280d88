"""A table of any number of rows, of which only the visible ones are formatted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from icereco.draw.canvas.palette import palette_on
from icereco.tui.keys import Key, bindings
from icereco.tui.themes import background, cursor_ground, text_on

__all__ = ["TABLE_KEYS", "Column", "RowTable"]


TABLE_KEYS: tuple[Key, ...] = (
    Key("up", "row_up", "Row up", "Tables"),
    Key("down", "row_down", "Row down", "Tables"),
    Key("pageup", "page_up", "Page up", "Tables"),
    Key("pagedown", "page_down", "Page down", "Tables"),
    Key("home", "first_row", "First row", "Tables"),
    Key("end", "last_row", "Last row", "Tables"),
    Key("left", "scroll_left", "Scroll left", "Tables"),
    Key("right", "scroll_right", "Scroll right", "Tables"),
    Key("enter", "choose", "Choose", "Tables"),
)


@runtime_checkable
class Values(Protocol):
    """The values of a column: a list, an array or a Polars series."""

    def __len__(self) -> int: ...
    def __getitem__(self, row: int, /) -> Any: ...


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: of the values.
        title: in the header.
        width: in cells.
        text: formats a value.
        left: whether it is aligned to the left, as words are.
        color: returns the colour of a value, or None for the table's own.
    """

    name: str
    title: str
    width: int
    text: Callable[[Any], str] = str
    left: bool = False
    color: Callable[[Any], int | None] | None = None


class RowTable(ScrollView, can_focus=True):
    """Rows of values with a header and a cursor.

    Attributes:
        cursor: the row under the cursor, −1 if there is none.
    """

    BINDINGS = bindings(TABLE_KEYS)
    DEFAULT_CSS: ClassVar[str] = """
    RowTable { height: 1fr; overflow-x: auto; overflow-y: auto; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 1; scrollbar-background: $background; scrollbar-color: $panel; }
    """

    cursor: reactive[int] = reactive(-1)

    @dataclass
    class Pointed(Message):
        """The user has moved the cursor to a row."""

        table: "RowTable"
        row: int

    @dataclass
    class Chosen(Message):
        """The user has pressed enter on a row, or clicked it."""

        table: "RowTable"
        row: int

    @dataclass
    class HeadClicked(Message):
        """The user has clicked the header of a column."""

        table: "RowTable"
        column: str

    def __init__(self, *, empty: str = "", id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 -- Textual's word
        super().__init__(id=id, classes=classes)
        self.empty = empty
        self.marked = ""  # the column by which the rows are sorted, with an arrow
        self._columns: Sequence[Column] = ()
        self._values: list[Values] = []
        self._count = 0

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return self._count

    def fill(self, columns: Sequence[Column], values: Sequence[Values], cursor: int = -1) -> None:
        """Replace the rows, given column by column."""
        self._columns, self._values = columns, list(values)
        self._count = len(values[0]) if values else 0
        width = sum(column.width + 1 for column in columns)
        self.virtual_size = Size(width, self._count + 1)
        self.set_reactive(RowTable.cursor, min(cursor, self._count - 1))
        self.show_cursor()
        self.refresh()

    def point(self, row: int) -> None:
        """Move the cursor to a row, without a message."""
        self.cursor = max(min(row, self._count - 1), -1)
        self.show_cursor()

    def move(self, by: int) -> None:
        """Move the cursor by so many rows, and post `Pointed`."""
        if self._count:
            self.point(max(self.cursor + by, 0))
            self.post_message(self.Pointed(self, self.cursor))

    def choose(self) -> None:
        """Post `Chosen` for the row under the cursor."""
        if 0 <= self.cursor < self._count:
            self.post_message(self.Chosen(self, self.cursor))

    def show_cursor(self) -> None:
        """Scroll so far that the cursor's row is visible below the header."""
        height = self.scrollable_content_region.height
        if self.cursor < 0 or height < 2:
            return
        top = int(self.scroll_y)
        wanted = min(max(top, self.cursor - height + 2), self.cursor)
        if wanted != top:
            self.scroll_to(y=wanted, animate=False)

    def action_row_up(self) -> None:
        """Move the cursor one row up."""
        self.move(-1)

    def action_row_down(self) -> None:
        """Move the cursor one row down."""
        self.move(1)

    def action_page_up(self) -> None:
        """Move the cursor a screenful up."""
        self.move(-self._page)

    def action_page_down(self) -> None:
        """Move the cursor a screenful down."""
        self.move(self._page)

    def action_first_row(self) -> None:
        """Move the cursor to the first row."""
        self.move(-self._count)

    def action_last_row(self) -> None:
        """Move the cursor to the last row."""
        self.move(self._count)

    @property
    def _page(self) -> int:
        return max(self.scrollable_content_region.height - 2, 1)

    def action_choose(self) -> None:
        """Choose the row under the cursor."""
        self.choose()

    def watch_cursor(self) -> None:
        """Draw the cursor in its new place."""
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw the header, or a row."""
        width = self.scrollable_content_region.width
        under = background(self)
        if not self._count and y == 1 and self.empty:
            strip = Strip([Segment(f" {self.empty}", _style(palette_on(under).label, under))])
        elif y == 0:
            strip = self._head(under)
        else:
            strip = self._row(int(self.scroll_offset.y) + y - 1, under)
        left = int(self.scroll_offset.x)
        last = next(reversed(list(strip)), Segment("", _style(palette_on(under).text, under)))
        return strip.crop_extend(left, left + width, last.style)

    def _head(self, under: int) -> Strip:
        style = _style(palette_on(under).label, under, bold=True)
        return Strip([Segment(_fit(self._title(column), column), style) for column in self._shown()])

    def _shown(self) -> Sequence[Column]:
        """The columns up to the last one that is wholly visible."""
        room, ends = int(self.scroll_offset.x) + self.scrollable_content_region.width, 0
        for number, column in enumerate(self._columns):
            ends += column.width
            if ends > room:
                return self._columns[:number]
            ends += 1
        return self._columns

    def _title(self, column: Column) -> str:
        return f"{column.title}{self.marked[-1]}" if self.marked[:-1] == column.name else column.title

    def _row(self, row: int, under: int) -> Strip:
        if not 0 <= row < self._count:
            return Strip([])
        palette, pointed = palette_on(under), row == self.cursor
        ground = cursor_ground(self) if pointed else under
        segments = []
        for column, values in zip(self._shown(), self._values, strict=False):
            value = values[row]
            color = column.color(value) if column.color else None
            text = "" if value is None or value != value else column.text(value)
            shade = palette.text if color is None else color
            shade = text_on(shade, ground) if pointed or color is not None else shade
            segments.append(Segment(_fit(text, column), _style(shade, ground, bold=pointed)))
        return Strip(segments)

    def on_click(self, event: events.Click) -> None:
        """Choose a row, or a column by its header."""
        place = event.get_content_offset(self)
        if place is None:
            return
        if place.y == 0:
            self._click_head(place.x + int(self.scroll_offset.x))
            return
        row = int(self.scroll_offset.y) + place.y - 1
        if row < self._count:
            self.point(row)
            self.choose()

    def _click_head(self, x: int) -> None:
        for column in self._columns:
            x -= column.width + 1
            if x < 0:
                self.post_message(self.HeadClicked(self, column.name))
                return

    def on_focus(self) -> None:
        """Draw the cursor brighter."""
        self.refresh(Region(0, 0, *self.size))

    def on_blur(self) -> None:
        """Draw the cursor darker."""
        self.refresh(Region(0, 0, *self.size))


def _fit(text: str, column: Column) -> str:
    """Text in the width of its column, followed by a blank."""
    text = text if len(text) <= column.width else text[: column.width - 1] + "…"
    return (text.ljust(column.width) if column.left else text.rjust(column.width)) + " "


def _style(color: int, under: int, *, bold: bool = False) -> Style:
    return Style(color=f"#{color:06x}", bgcolor=f"#{under:06x}", bold=bold)
