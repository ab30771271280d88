"""Frames with titles around the parts of a figure."""

from collections.abc import Callable

from rich.segment import Segment
from rich.style import Style

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.palette import Palette, palette_on

__all__ = ["DARK", "LIGHT", "Lines", "framed"]

DARK, LIGHT = 0x0B0E14, 0xFFFFFF
"""Backgrounds."""

Lines = list[list[Segment]]


def framed(
    title: tuple[str, str],
    draw: Callable[[Canvas, Palette], None],
    marker: str,
    size: tuple[int, int],
    background: int,
) -> Lines:
    """Return the lines of a drawing in a frame.

    Args:
        title: above, and below.
        draw: draws what is within.
        marker: name of how dots are drawn.
        size: columns and rows, with the frame.
        background: colour of the picture.
    """
    columns, rows = size
    palette = palette_on(background)
    canvas = Canvas(columns - 4, rows - 2, marker)
    draw(canvas, palette)
    edge, word = _style(palette.faint, background), _style(palette.label, background)
    side = [Segment("│ ", edge)], [Segment(" │", edge)]
    middle = [[*side[0], *row, *side[1]] for row in canvas.segments(background)]
    return [
        _rim("╭╮", title[0], columns, edge, word),
        *middle,
        _rim("╰╯", title[1], columns, edge, word, right=True),
    ]


def _rim(
    corners: str, text: str, columns: int, edge: Style, word: Style, *, right: bool = False
) -> list[Segment]:
    text = f" {text[: columns - 6]} " if text else ""
    line = Segment("─" * (columns - 4 - len(text)), edge)
    parts = [line, Segment(text, word)] if right else [Segment(text, word), line]
    return [Segment(corners[0] + "─", edge), *parts, Segment("─" + corners[1], edge)]


def _style(color: int, background: int) -> Style:
    return Style(color=f"#{color:06x}", bgcolor=f"#{background:06x}")
