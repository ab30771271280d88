"""What is shown in a terminal too small for anything else."""

from textual.app import ComposeResult
from textual.events import Resize
from textual.geometry import Size
from textual.screen import ModalScreen
from textual.widgets import Static

__all__ = ["LEAST", "TinyScreen", "is_tiny"]

LEAST = Size(60, 18)


def is_tiny(size: Size) -> bool:
    """Whether the screens do not fit."""
    return size.width < LEAST.width or size.height < LEAST.height


class TinyScreen(ModalScreen[None]):
    """Says what it needs, and goes as soon as that is there."""

    def compose(self) -> ComposeResult:
        """Show one sentence that asks for a larger terminal."""
        yield Static()

    def on_mount(self) -> None:
        """With the size as it is."""
        self._say(self.app.size)

    def on_resize(self, event: Resize) -> None:
        """Go, or say it again."""
        if is_tiny(event.size):
            self._say(event.size)
        elif self.is_current:
            self.dismiss()

    def _say(self, size: Size) -> None:
        text = f"{size.width}×{size.height} is too small: icereco needs {LEAST.width}×{LEAST.height}"
        self.query_one(Static).update(text)
