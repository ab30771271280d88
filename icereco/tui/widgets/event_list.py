"""The events of a data set: those that a filter leaves, in an order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import polars as pl
from textual import on
from textual.message import Message

from icereco.tui.feeds.choose import Order
from icereco.tui.render.scale import compact
from icereco.tui.widgets.row_table import Column, RowTable

__all__ = ["EventList"]

_COLUMNS = {
    one.name: one
    for one in (
        Column("event_id", "event", 10),
        Column("kind", "kind", 14, left=True),
        Column("energy", "E [GeV]", 7, compact),
        Column("pulses", "pulses", 7, lambda value: f"{value:,}"),
        Column("doms", "DOMs", 5, lambda value: f"{value:,}"),
        Column("charge", "q [p.e.]", 9, lambda value: f"{value:,.0f}"),
        Column("error", "error°", 7, lambda value: f"{value:.2f}"),
        Column("sigma", "σ°", 6, lambda value: f"{value:.2f}"),
        Column("pull", "pull", 6, lambda value: f"{value:.2f}"),
    )
}


_OTHERS = 3  # methods beside the main one


class EventList(RowTable):
    """A row per event."""

    DEFAULT_CSS: ClassVar[str] = "EventList { scrollbar-size-horizontal: 0; }"

    @dataclass
    class EventPointed(Message):
        """The user has moved to an event, given by its row in the file."""

        row: int

    @dataclass
    class SortAsked(Message):
        """The user wants the events in order of a column."""

        column: str

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 -- Textual's word
        super().__init__(empty="no events", id=id)
        self._rows = pl.Series("row", [], dtype=pl.Int64)

    def show_events(self, listed: pl.DataFrame, order: Order, row: int | None) -> None:
        """List other events, pointing at the one of this row in the file, if it is among them."""
        columns = [_COLUMNS[name] for name in _COLUMNS if name in listed.columns]
        others = [name for name in listed.columns if name.startswith("error_")][:_OTHERS]
        columns += [
            Column(name, name.removeprefix("error_")[:9] + "°", 10, "{:.2f}".format) for name in others
        ]
        self.marked = order.column + ("▾" if order.descending else "▴")
        self._rows = listed["row"] if "row" in listed.columns else self._rows.clear()
        place = None if row is None else self._rows.index_of(row)
        values: list[Sequence[Any]] = [listed[column.name] for column in columns]  # type: ignore[misc]  # a Series is one in all but name
        self.fill(columns, values, cursor=-1 if place is None else place)

    def row_at(self, place: int) -> int | None:
        """The row in the file of the event at a place in the list."""
        return int(self._rows[place]) if 0 <= place < len(self._rows) else None

    @on(RowTable.Pointed)
    @on(RowTable.Chosen)
    def _tell(self, event: RowTable.Pointed | RowTable.Chosen) -> None:
        event.stop()
        row = self.row_at(event.row)
        if row is not None:
            self.post_message(self.EventPointed(row))

    @on(RowTable.HeadClicked)
    def _sort(self, event: RowTable.HeadClicked) -> None:
        event.stop()
        self.post_message(self.SortAsked(event.column))
