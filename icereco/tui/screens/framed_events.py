"""The event screen within the app: the line of modes above it, the keys below."""

from textual.app import ComposeResult

from icereco.detector import load_detector
from icereco.tui.keys import Key
from icereco.tui.screens.event_keys import EVENT_KEYS
from icereco.tui.screens.events import EventScreen
from icereco.tui.settings import Settings
from icereco.tui.widgets.key_bar import KeyBar
from icereco.tui.widgets.mode_bar import ModeBar

__all__ = ["KEYS", "FramedEventScreen"]

KEYS: tuple[Key, ...] = EVENT_KEYS


class FramedEventScreen(EventScreen):
    """Events, as one of the app's screens."""

    KEYS = KEYS

    def __init__(self, settings: Settings) -> None:
        detector = load_detector(settings.detector) if settings.detector else None
        super().__init__(settings.events, settings.beside, detector, settings.runs, settings.marker)

    def compose(self) -> ComposeResult:
        """The frame around the events."""
        yield ModeBar()
        yield from super().compose()
        yield KeyBar()
