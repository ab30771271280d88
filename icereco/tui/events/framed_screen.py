"""The event screen within the app: with the mode bar above it and the key bar below."""

from collections.abc import Mapping
from typing import Any

from textual.app import ComposeResult

from icereco.detector.detector import load_detector
from icereco.tui.common.key_bar import KeyBar
from icereco.tui.common.list_panel import FilterLine
from icereco.tui.common.mode_bar import ModeBar
from icereco.tui.events.event_body import EventBody
from icereco.tui.events.keys import EVENT_KEYS
from icereco.tui.events.remembered import restored, table_of
from icereco.tui.events.screen import EventScreen
from icereco.tui.host import host_of
from icereco.tui.keys import Key
from icereco.tui.settings import Settings

__all__ = ["KEYS", "FramedEventScreen"]

KEYS: tuple[Key, ...] = EVENT_KEYS

_REMEMBER_SECONDS = 2.0


class FramedEventScreen(EventScreen):
    """The event screen as one of the app's screens."""

    KEYS = KEYS

    def __init__(self, settings: Settings) -> None:
        detector = load_detector(settings.detector) if settings.detector else None
        super().__init__(
            settings.events, settings.beside, detector, settings.runs, settings.marker, settings.reader
        )
        self._seen: EventBody | None = None  # once it looks as it was remembered

    def on_mount(self) -> None:
        """See events as they were seen in the last session, with its filter."""
        self.call_later(lambda: self.restore(host_of(self).memory.table("events")))
        self.set_interval(_REMEMBER_SECONDS, self.remember)

    def restore(self, table: Mapping[str, Any]) -> None:
        """Look at events as it was remembered."""
        self.body.state = restored(self.body.state, table)
        self.show_cards(table["cards"] if isinstance(table.get("cards"), int) else 0)
        expression = table.get("filter")
        if isinstance(expression, str) and self.session.opened is not None:
            self.query_one(FilterLine).value = expression
        self._seen = self.body

    def remember(self) -> None:
        """Remember how events are looked at."""
        if self._seen is not None:
            looks = {"cards": self.card_set, "filter": self.session.expression}
            host_of(self).memory.keep("events", table_of(self._seen.state) | looks)

    def on_screen_suspend(self) -> None:
        """Remember, as the screen is left."""
        self.remember()

    def on_unmount(self) -> None:
        """Remember, as the app ends."""
        self.remember()

    def compose(self) -> ComposeResult:
        """Show the events between both bars."""
        yield ModeBar()
        yield from super().compose()
        yield KeyBar()
