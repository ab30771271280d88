"""The screen for a terminal that is too small for the others."""

from textual.app import ComposeResult
from textual.events import Resize
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

__all__ = ["LEAST", "TinyScreen", "is_tiny"]

LEAST = Size(60, 18)


def is_tiny(size: Size) -> bool:
    """Whether a terminal is too small for the other screens."""
    return size.width < LEAST.width or size.height < LEAST.height


class TinyScreen(ModalScreen[None]):
    """Shows the size that is needed, and closes as soon as the terminal has it."""

    def compose(self) -> ComposeResult:
        """Show one sentence that asks for a larger terminal."""
        yield Static()

    def on_mount(self) -> None:
        """Show the present size."""
        self._say(self.app.size)

    def on_resize(self, event: Resize) -> None:
        """Close if the terminal is large enough, or show the new size."""
        if is_tiny(event.size):
            self._say(event.size)
        elif self.is_current:
            self.dismiss()

    def _say(self, size: Size) -> None:
        text = f"{size.width}×{size.height} is too small: icereco needs {LEAST.width}×{LEAST.height}"
        self.query_one(Static).update(text)
