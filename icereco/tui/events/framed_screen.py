"""The event screen within the app: with the mode bar above it and the key bar below."""

from textual.app import ComposeResult

from icereco.detector.detector import load_detector
from icereco.tui.common.key_bar import KeyBar
from icereco.tui.common.mode_bar import ModeBar
from icereco.tui.events.keys import EVENT_KEYS
from icereco.tui.events.screen import EventScreen
from icereco.tui.keys import Key
from icereco.tui.settings import Settings

__all__ = ["KEYS", "FramedEventScreen"]

KEYS: tuple[Key, ...] = EVENT_KEYS


class FramedEventScreen(EventScreen):
    """The event screen as one of the app's screens."""

    KEYS = KEYS

    def __init__(self, settings: Settings) -> None:
        detector = load_detector(settings.detector) if settings.detector else None
        super().__init__(
            settings.events, settings.beside, detector, settings.runs, settings.marker, settings.reader
        )

    def compose(self) -> ComposeResult:
        """Show the events between both bars."""
        yield ModeBar()
        yield from super().compose()
        yield KeyBar()
