"""Converts drawings, which know nothing of Textual, to Textual's strips."""

from textual.strip import Strip

from icereco.draw.canvas.braille import Canvas

__all__ = ["strips_of"]


def strips_of(canvas: Canvas, background: int) -> list[Strip]:
    """A canvas as the lines of a widget, on a background colour."""
    return [Strip(row, canvas.columns) for row in canvas.segments(background)]
