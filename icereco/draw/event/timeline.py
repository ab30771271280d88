"""The charge of an event against time, with the moment that is shown and the ends of the colours."""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.draw.canvas.braille import BOLD, Canvas
from icereco.draw.canvas.colormap import COLORMAPS, blended
from icereco.draw.canvas.palette import Palette
from icereco.draw.canvas.scale import ticks
from icereco.draw.event.coloring import colored_by
from icereco.draw.event.state import EventState

__all__ = ["draw_timeline"]

_BARS, _ENDS, _CURSOR = range(3)  # layers


def draw_timeline(canvas: Canvas, state: EventState, palette: Palette) -> None:
    """Draw bars in the colours of their times, above an axis."""
    if state.shown is not None and not len(state.shown.hits.time_ns):
        canvas.text(0, 0, "no pulses", palette.label)
    elif state.shown is not None and canvas.rows > 1:
        _draw_bars(canvas, state, palette)
        _draw_axis(canvas, state.window_ns, palette)
        _draw_marks(canvas, state, palette)


def _draw_bars(canvas: Canvas, state: EventState, palette: Palette) -> None:
    assert state.shown is not None
    low, high = state.window_ns
    hits, height = state.shown.hits, (canvas.rows - 1) * canvas.marker.down
    edges = np.linspace(low, high, canvas.width + 1)
    counted = hits.charge_pe * (state.style.auxiliary | ~hits.pulse_auxiliary)
    charge = np.histogram(hits.time_ns, edges, weights=counted)[0]
    # Logarithmic, as the brightest moment of an event has thousands of times the light of its dim ends.
    tall = np.log1p(charge) / max(np.log1p(charge.max(initial=0.0)), 1e-9) * height
    middle = (edges[1:] + edges[:-1]) / 2
    color = _bar_colors(state, middle, palette)
    if state.time_ns is not None:
        color = np.where(middle <= state.time_ns, color, blended(color, palette.background, 0.3))
    top = np.where(charge > 0, height - np.maximum(tall, 1.0), np.nan)
    canvas.spans(np.arange(canvas.width), top, height - 1, color, _BARS)


def _bar_colors(state: EventState, middle_ns: Float[ndarray, "bar"], palette: Palette) -> Int[ndarray, "bar"]:
    """The colours of the times; grey where colours are those of residuals, of which a bar has many."""
    if colored_by(state) == "residual":
        return np.full(len(middle_ns), palette.label)
    first, last = state.colors_ns
    return COLORMAPS[state.style.colormap]((middle_ns - first) / (last - first), palette.background)


def _draw_marks(canvas: Canvas, state: EventState, palette: Palette) -> None:
    """Mark the ends of the colours, and the moment that is shown."""
    height = (canvas.rows - 1) * canvas.marker.down
    for end in state.colors_ns:
        x = state.place(end) * canvas.width
        canvas.lines(x, 0, x, height - 1, palette.label, _ENDS, dash=1)
    if state.time_ns is not None:
        x = min(state.place(state.time_ns) * canvas.width, canvas.width - 1)
        canvas.lines(x, 0, x, height - 1, palette.selection, _CURSOR)
        text = f"{state.time_ns:,.0f} ns"
        column = int(x / canvas.marker.across) + 1
        column = column if column + len(text) < canvas.columns else column - len(text) - 2
        canvas.text(column, 0, text, palette.selection | BOLD)


def _draw_axis(canvas: Canvas, window_ns: tuple[float, float], palette: Palette) -> None:
    low, high = window_ns
    for value in ticks(low, high, max(canvas.columns // 14, 1)):
        if value != round(value):  # less than a nanosecond apart
            continue
        text = f"{value:,.0f}"
        column = int((value - low) / (high - low) * canvas.columns) - len(text) // 2
        if column + len(text) < canvas.columns - 3:
            canvas.text(max(column, 0), canvas.rows - 1, text, palette.label)
    canvas.text(canvas.columns - 2, canvas.rows - 1, "ns", palette.label)
