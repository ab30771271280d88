"""The list of events under a line to filter it with."""

from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from icereco.tui.event_session import EventSession
from icereco.tui.widgets.event_list import EventList

__all__ = ["ListPanel"]


class ListPanel(Vertical):
    """A filter, how many events it leaves or what is wrong with it, and those events."""

    DEFAULT_CSS: ClassVar[str] = """
    ListPanel { height: 12; padding: 0; }
    ListPanel EventList { background: transparent; }
    ListPanel #filter-line { height: 1; background: $panel; }
    ListPanel Input { width: 1fr; border: none; height: 1; padding: 0 1; background: $panel; }
    ListPanel #count { width: auto; max-width: 70%; height: 1; padding: 0 1; color: $text-muted; }
    ListPanel #count.-bad { color: $text-error; }
    """

    @dataclass
    class Filtered(Message):
        """The user has written another filter."""

        expression: str

    def compose(self) -> ComposeResult:
        """The filter above the list."""
        with Horizontal(id="filter-line"):
            yield Input(placeholder="/ to filter, such as: pulses > 100 and kind = 'cascade'")
            yield Static(id="count", markup=False)
        yield EventList()

    @property
    def events(self) -> EventList:
        """The list alone."""
        return self.query_one(EventList)

    def focus_filter(self) -> None:
        """Write in the filter."""
        self.query_one(Input).focus()

    def clear_filter(self) -> None:
        """List all events."""
        self.query_one(Input).value = ""

    def show_session(self, session: EventSession, row: int | None) -> None:
        """List what a session lists, pointing at an event."""
        self.events.show_events(session.listed, session.order, row)
        shown, total = len(session.listed), session.total
        part = f"{shown:,} of {total:,}" if session.expression else f"{total:,}"
        self.border_title = f"{part} events{' · reading …' if session.reading else ''}"
        self.say(part if session.expression else "")

    def say(self, text: str, *, bad: bool = False) -> None:
        """How many events the filter leaves, or what is wrong with it."""
        count = self.query_one("#count", Static)
        count.update(text)
        count.set_class(bad, "-bad")

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        self.post_message(self.Filtered(event.value))

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.events.focus()
