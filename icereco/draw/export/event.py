"""The figure of an event for papers and scripts: the parts of the event screen, drawn without a terminal."""

from collections.abc import Callable

from rich.segment import Segment
from rich.style import Style

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.palette import Palette, palette_on
from icereco.draw.event.detector import draw_detector
from icereco.draw.event.numbers import draw_numbers
from icereco.draw.event.sky import draw_all_sky, draw_sky_zoom
from icereco.draw.event.state import EventState
from icereco.draw.event.timeline import draw_timeline

__all__ = ["DARK", "LIGHT", "event_figure"]

DARK, LIGHT = 0x0B0E14, 0xFFFFFF

_WIDE, _NARROW = 92, 48  # columns of the detector, and of the numbers next to it
_ROWS, _TIMELINE, _NUMBERS, _SKY = 44, 7, 11, 15

Draw = Callable[[Canvas, EventState, Palette], None]
Lines = list[list[Segment]]


def event_figure(
    state: EventState, titles: dict[str, tuple[str, str]], background: int = DARK
) -> tuple[Lines, int]:
    """The lines of a figure, and how many columns they take; `titles` are those of `icereco.draw.event.titles`."""

    def card(name: str, draw: Draw, columns: int, rows: int) -> Lines:
        return _framed(titles[name], draw, state, (columns, rows), background)

    left = card("view", draw_detector, _WIDE, _ROWS - _TIMELINE) + card(
        "timeline", draw_timeline, _WIDE, _TIMELINE
    )
    right = (
        card("numbers", draw_numbers, _NARROW, _NUMBERS)
        + card("sky", draw_all_sky, _NARROW, _SKY)
        + card("zoom", draw_sky_zoom, _NARROW, _ROWS - _NUMBERS - _SKY)
    )
    return [a + b for a, b in zip(left, right, strict=True)], _WIDE + _NARROW


def _framed(
    title: tuple[str, str], draw: Draw, state: EventState, size: tuple[int, int], background: int
) -> Lines:
    columns, rows = size
    palette = palette_on(background)
    canvas = Canvas(columns - 4, rows - 2, state.style.marker)
    draw(canvas, state, palette)
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
