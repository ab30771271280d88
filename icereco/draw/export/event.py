"""The figure of an event for papers and scripts: the parts of the event screen, drawn without a terminal."""

from collections.abc import Callable

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.palette import Palette
from icereco.draw.event.detector import draw_detector
from icereco.draw.event.numbers import draw_numbers, numbers_height, targets_height
from icereco.draw.event.sky import draw_all_sky, draw_sky_zoom
from icereco.draw.event.state import EventState
from icereco.draw.event.timeline import draw_timeline
from icereco.draw.export.frame import DARK, LIGHT, Lines, framed

__all__ = ["DARK", "LIGHT", "event_figure"]

_WIDE, _NARROW = 92, 48  # columns of the detector, and of the numbers next to it
_ROWS, _TIMELINE, _NUMBERS, _SKY = 44, 7, 11, 15
_FRAME, _RIMS = 4, 2  # columns and rows of a card that its frame takes

Draw = Callable[[Canvas, EventState, Palette], None]


def event_figure(
    state: EventState, titles: dict[str, tuple[str, str]], background: int = DARK
) -> tuple[Lines, int]:
    """The lines of a figure, and how many columns they take; `titles` are those of `icereco.draw.event.titles`."""

    def card(name: str, draw: Draw, columns: int, rows: int) -> Lines:
        def drawn(canvas: Canvas, palette: Palette) -> None:
            draw(canvas, state, palette)

        return framed(titles[name], drawn, state.style.marker, (columns, rows), background)

    left = card("view", draw_detector, _WIDE, _ROWS - _TIMELINE) + card(
        "timeline", draw_timeline, _WIDE, _TIMELINE
    )
    width = _NARROW - _FRAME
    most = _NUMBERS + targets_height(state, width)
    numbers = max(_NUMBERS, min(numbers_height(state, width) + _RIMS, most))
    right = (
        card("numbers", draw_numbers, _NARROW, numbers)
        + card("sky", draw_all_sky, _NARROW, _SKY)
        + card("zoom", draw_sky_zoom, _NARROW, _ROWS - numbers - _SKY)
    )
    return [a + b for a, b in zip(left, right, strict=True)], _WIDE + _NARROW
