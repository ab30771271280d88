"""A histogram of the time residuals, with the counts of direct, early, late and auxiliary pulses."""

import numpy as np

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.colormap import COLORMAPS
from icereco.draw.canvas.palette import Palette
from icereco.draw.canvas.scale import compact, ticks
from icereco.draw.event.numbers import wrapped
from icereco.draw.event.residuals import CLASSES, Residuals, residual_shade, residuals_of
from icereco.draw.event.state import EventState
from icereco.physics.direct_light import DIRECT_NS

__all__ = ["draw_residuals"]

_RANGE_NS = (-150.0, 600.0)
_AUXILIARY_BARS, _BARS, _ENDS = range(3)  # layers
_TICK_COLUMNS = 8
_LEAST_BARS = 2  # rows


def draw_residuals(canvas: Canvas, state: EventState, palette: Palette) -> None:
    """Draw how many pulses have which residual, under their counts; auxiliary ones are grey."""
    residuals = residuals_of(state)
    if residuals is None:
        canvas.text(0, 0, "no track or cascade to compare with", palette.label)
        return
    counts, facts = (
        wrapped(words, canvas.columns) for words in (_counts(residuals), residuals.hypothesis.facts)
    )
    lines = [*counts, *facts][: max(canvas.rows - _LEAST_BARS - 1, 1)]
    for row, text in enumerate(lines):
        canvas.text(0, row, text, palette.text if row < len(counts) else palette.label)
    if canvas.rows > len(lines) + 1:
        _draw_bars(canvas, state, residuals, len(lines), palette)
        _draw_axis(canvas, palette)


def _counts(residuals: Residuals) -> list[str]:
    counts = np.bincount(residuals.group[residuals.group >= 0], minlength=len(CLASSES))
    early, direct, late, auxiliary = counts.tolist()
    return [
        f"{compact(direct)} direct in {residuals.direct_doms:,} DOMs",
        f"{compact(early)} early",
        f"{compact(late)} late",
        f"{compact(auxiliary)} aux",
    ]


def _draw_bars(canvas: Canvas, state: EventState, residuals: Residuals, top: int, palette: Palette) -> None:
    down = canvas.marker.down
    height, floor = (canvas.rows - 1 - top) * down, (canvas.rows - 1) * down - 1
    edges = np.linspace(*_RANGE_NS, canvas.width + 1)
    auxiliary = residuals.group == CLASSES.index("auxiliary")
    plain = np.histogram(residuals.time_ns[~auxiliary], edges)[0]
    other = np.histogram(residuals.time_ns[auxiliary], edges)[0] * state.style.auxiliary
    most = max(int((plain + other).max(initial=0)), 1)
    color = COLORMAPS[state.style.colormap](residual_shade((edges[1:] + edges[:-1]) / 2), palette.background)
    for count, bars, layer in ((plain + other, palette.near, _AUXILIARY_BARS), (plain, color, _BARS)):
        tall = np.maximum(count / most * height, 1.0)
        canvas.spans(
            np.arange(canvas.width), np.where(count > 0, floor + 1 - tall, np.nan), floor, bars, layer
        )
    for end in DIRECT_NS:
        x = _place(end) * canvas.width
        canvas.lines(x, top * down, x, floor, palette.label, _ENDS, dash=1)


def _draw_axis(canvas: Canvas, palette: Palette) -> None:
    row = canvas.rows - 1
    for value in ticks(*_RANGE_NS, max(canvas.columns // _TICK_COLUMNS, 1)):
        text = f"{value:g}" if value else "0"
        column = int(_place(value) * canvas.columns) - len(text) // 2
        if column + len(text) < canvas.columns - 3:
            canvas.text(max(column, 0), row, text, palette.label)
    canvas.text(canvas.columns - 2, row, "ns", palette.label)


def _place(time_ns: float) -> float:
    """0 at the beginning of the range, 1 at its end."""
    low, high = _RANGE_NS
    return (time_ns - low) / (high - low)
