"""The app in plain ASCII."""

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from icereco.draw.canvas.ascii import ascii_segments

__all__ = ["AsciiFilter"]


class AsciiFilter(LineFilter):
    """Replaces every other character where lines are drawn."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return the segments in ASCII."""
        del background
        return ascii_segments(segments)
