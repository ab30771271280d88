"""The list of events that pass the filter, sorted by a column."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import polars as pl
from textual import on
from textual.message import Message

from icereco.draw.canvas.names import short_names
from icereco.draw.canvas.scale import compact
from icereco.tui.common.row_table import Column, RowTable
from icereco.watch.choose import Order

__all__ = ["EventList"]

# The most important come first: where there is little room, the last ones are not visible.
_COLUMNS = {
    column.name: column
    for column in (
        Column("event_id", "event", 10),
        Column("kind", "kind", 14, left=True),
        Column("energy", "GeV", 5, compact),
        Column("error", "error°", 7, "{:.2f}".format),
        Column("sigma", "σ°", 5, "{:.2f}".format),
        Column("pull", "pull", 6, "{:.2f}".format),
        Column("pulses", "pulses", 7, "{:,}".format),
        Column("charge", "p.e.", 6, compact),
        Column("doms", "DOMs", 5, "{:,}".format),
    )
}

_FURTHER = {
    column.name: column
    for column in (
        Column("content", "contour", 8, "{:.0%}".format),
        Column("zenith", "zen°", 6, "{:.1f}".format),
        Column("azimuth", "azi°", 6, "{:.1f}".format),
        Column("span", "span ns", 7, compact),
        Column("auxiliary", "aux", 4, "{:.0%}".format),
        Column("reco_zenith", "reco zen°", 9, "{:.1f}".format),
        Column("reco_azimuth", "reco azi°", 9, "{:.1f}".format),
    )
}

_OTHERS, _NAME = (
    3,
    12,
)  # number of methods besides the main one that come before angles, and characters of their names


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
        """List events, with the cursor on the one of this row in the file, if it is among them."""
        columns = [_COLUMNS[name] for name in _COLUMNS if name in listed.columns]
        if "event_id" in listed.columns:
            columns[0] = replace(columns[0], width=max(len(str(listed["event_id"].max() or 0)), 6))
        errors = [name for name in listed.columns if name.startswith("error_")]
        errors = sorted(errors, key=lambda name: listed[name].null_count())
        titles = short_names([name.removeprefix("error_") for name in errors], _NAME)
        others = [
            Column(name, f"{title}°", max(len(title) + 2, 6), "{:.2f}".format)
            for name, title in zip(errors, titles, strict=True)
        ]
        further = [_FURTHER[name] for name in _FURTHER if name in listed.columns]
        columns += [*others[:_OTHERS], *further, *others[_OTHERS:]]
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
    def _point(self, event: RowTable.Pointed | RowTable.Chosen) -> None:
        event.stop()
        row = self.row_at(event.row)
        if row is not None:
            self.post_message(self.EventPointed(row))

    @on(RowTable.HeadClicked)
    def _sort(self, event: RowTable.HeadClicked) -> None:
        event.stop()
        self.post_message(self.SortAsked(event.column))
