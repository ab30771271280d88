"""A table that is never wider than the space for it."""

from collections.abc import Sequence

from rich.text import Text
from textual.events import Resize
from textual.widgets import DataTable

__all__ = ["FitTable", "fitted"]

LEAST = 12  # characters of a column that is narrowed; with fewer it is left out


def fitted(natural: Sequence[int], room: int, giving: Sequence[int]) -> list[int]:
    """Widths of columns that fit into `room`, 0 for one that is left out.

    The columns in `giving` are narrowed or left out in this order; the last of them is never left out.

    >>> fitted([5, 20, 20], 60, [2, 1]), fitted([5, 20, 20], 42, [2, 1]), fitted([5, 20, 20], 30, [2, 1])
    ([5, 20, 20], [5, 20, 17], [5, 20, 0])
    """
    widths = list(natural)
    for column in giving:
        left = widths[column] - max(sum(widths) - room, 0)
        widths[column] = left if left >= min(LEAST, natural[column]) else 0
        if column == giving[-1]:
            widths[column] = max(left, 1)
    return widths


class FitTable(DataTable[Text]):
    """Rows of text under headings; some columns are narrowed, so that nothing has to be scrolled sideways.

    Args:
        headings: of the columns.
        giving: the columns that are narrowed, in this order.
    """

    def __init__(self, headings: Sequence[str], giving: Sequence[str], **settings: str) -> None:
        super().__init__(cursor_type="row", id=settings.get("id"))
        self._headings = list(headings)
        self._giving = [self._headings.index(heading) for heading in giving]
        self._cells: list[tuple[Text, ...]] = []

    def fill(self, rows: Sequence[tuple[Text, ...]]) -> None:
        """Replace the rows, and put the cursor on the first."""
        self._cells = list(rows)
        self._lay_out()

    def on_resize(self, event: Resize) -> None:
        """Fit the columns to the new width; the cursor stays, and no message is sent."""
        del event
        row, top = self.cursor_row, self.scroll_y
        with self.prevent(DataTable.RowHighlighted):
            self._lay_out()
            self.move_cursor(row=row, scroll=False)
        self.scroll_to(y=top, animate=False, force=True)

    def _lay_out(self) -> None:
        self.clear(columns=True)
        natural = [
            max([len(heading), *(row[place].cell_len for row in self._cells)])
            for place, heading in enumerate(self._headings)
        ]
        # A column has a blank on either side, and the scrollbar on the right needs its space.
        room = self.size.width - 2 * len(natural) - self.styles.scrollbar_size_vertical
        widths = fitted(natural, room, self._giving)
        shown = [place for place, width in enumerate(widths) if width]
        for place in shown:
            self.add_column(self._headings[place], width=widths[place])
        for row in self._cells:
            self.add_row(*(_cut(row[place], widths[place]) for place in shown))


def _cut(text: Text, width: int) -> Text:
    cut = text.copy()
    cut.truncate(width, overflow="ellipsis")
    return cut
