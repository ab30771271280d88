"""The list of events under a line for a filter."""

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from icereco.tui.events.event_list import EventList
from icereco.tui.keys import Key, bindings
from icereco.watch.event_session import EventSession

__all__ = ["FILTER_KEYS", "FilterLine", "ListPanel"]

FILTER_KEYS: tuple[Key, ...] = (Key("escape", "clear_filter", "All events", "Filter", shown=True),)


class FilterLine(Input):
    """A filter expression; escape clears it."""

    BINDINGS = bindings(FILTER_KEYS)

    def action_clear_filter(self) -> None:
        """Clear the filter, and move the focus to the list."""
        self.value = ""
        self.post_message(self.Submitted(self, self.value))


class ListPanel(Vertical):
    """A filter, how many events pass it or what is wrong with it, and these events."""

    DEFAULT_CSS: ClassVar[str] = """
    ListPanel { height: 12; padding: 0; }
    ListPanel EventList { background: transparent; }
    ListPanel #filter-line { height: 1; background: $panel; }
    ListPanel FilterLine, ListPanel FilterLine:focus { width: 1fr; border: none; height: 1; padding: 0 1; background: $panel; }
    ListPanel #count { width: auto; height: 1; padding: 0 1; color: $text-muted; }
    ListPanel #wrong { height: auto; max-height: 3; padding: 0 1; color: $text-error; display: none; }
    ListPanel #wrong.-shown { display: block; }
    """

    @dataclass
    class Filtered(Message):
        """The user has changed the filter."""

        expression: str

    def compose(self) -> ComposeResult:
        """Show the filter above the list."""
        with Horizontal(id="filter-line"):
            yield FilterLine(placeholder="/ to filter, such as: pulses > 100 and kind = 'cascade'")
            yield Static(id="count", markup=False)
        yield Static(id="wrong", markup=False)
        yield EventList()

    @property
    def events(self) -> EventList:
        """The list without the filter."""
        return self.query_one(EventList)

    def focus_filter(self) -> None:
        """Move the focus to the filter."""
        self.query_one(FilterLine).focus()

    def clear_filter(self) -> None:
        """Drop the filter and list all events."""
        self.query_one(FilterLine).value = ""

    def show_session(self, session: EventSession, row: int | None) -> None:
        """Show the list of a session, with the cursor on the event of this row in the file."""
        self.events.show_events(session.listed, session.order, row)
        shown, total = len(session.listed), session.total
        part = f"{shown:,} of {total:,}" if session.expression else f"{total:,}"
        self.border_title = f"{part} event{'s' * (total != 1)}{' · reading …' if session.reading else ''}"
        self.query_one("#count", Static).update(part if session.expression else "")

    def complain(self, problem: str) -> None:
        """Show what is wrong with the filter; empty = nothing is."""
        wrong = self.query_one("#wrong", Static)
        wrong.update(problem)
        wrong.set_class(bool(problem), "-shown")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Filtered(event.value))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.events.focus()
        if self.events.cursor < 0:  # the event that is shown is not in the list
            self.events.move(1)
