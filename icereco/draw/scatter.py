"""Two quantities of many events against each other, on logarithmic axes, with the medians of one over the other."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.scale import compact, log_ticks, placed, span_of

__all__ = ["Scatter", "ScatterInk", "draw_scatter"]

_GUTTER = 7  # columns left of the points, for numbers
_BINS = 12
_LEAST = 3  # events of which a median is drawn
_POINTS, _MEDIANS = range(2)  # layers


@dataclass(frozen=True, slots=True, eq=False)
class Scatter:
    """Events by two quantities above 0; others are left out.

    Attributes:
        across, up: values `[N]`.
        titles: of both quantities, with their units.
    """

    across: Float[ndarray, "event"]
    up: Float[ndarray, "event"]
    titles: tuple[str, str]

    def __post_init__(self) -> None:
        with np.errstate(invalid="ignore"):
            kept = (self.across > 0) & (self.up > 0) & np.isfinite(self.across) & np.isfinite(self.up)
        object.__setattr__(self, "across", self.across[kept])
        object.__setattr__(self, "up", self.up[kept])

    def medians(self) -> tuple[Float[ndarray, "bin"], Float[ndarray, "bin"]]:
        """The middles of bins across, of equal width in the logarithm, and the medians in them; only bins with a few events."""
        if not len(self.across):
            return np.zeros(0), np.zeros(0)
        edges = np.geomspace(self.across.min(), self.across.max() * (1 + 1e-9), _BINS + 1)
        number = np.clip(np.searchsorted(edges, self.across, side="right") - 1, 0, _BINS - 1)
        filled = [place for place in range(_BINS) if (number == place).sum() >= _LEAST]
        middles = np.sqrt(edges[1:] * edges[:-1])[filled]
        return middles, np.array([float(np.median(self.up[number == place])) for place in filled])


@dataclass(frozen=True, slots=True)
class ScatterInk:
    """The colours of points, of the medians, and of numbers."""

    points: int
    medians: int
    text: int


def draw_scatter(canvas: Canvas, scatter: Scatter, ink: ScatterInk) -> None:
    """Draw a point for each event, a line through the medians, and axes."""
    rows, columns = canvas.rows - 2, canvas.columns - _GUTTER
    if rows < 1 or columns < 1:
        return
    canvas.text(0, 0, scatter.titles[1][: canvas.columns], ink.text)
    canvas.text(max(canvas.columns - len(scatter.titles[0]), 0), canvas.rows - 1, scatter.titles[0], ink.text)
    if not len(scatter.across):
        canvas.text(_GUTTER, 1, "no events", ink.text)
        return
    ends = [np.exp(span_of(np.log(values), 0.02)) for values in (scatter.across, scatter.up)]
    across, up = ((float(low), float(high)) for low, high in ends)
    width, height = columns * canvas.marker.across, rows * canvas.marker.down

    def places(x: ndarray, y: ndarray) -> tuple[ndarray, ndarray]:
        left, top = _GUTTER * canvas.marker.across, canvas.marker.down
        return left + placed(x, *across, width, log=True), top + height - 1 - placed(y, *up, height, log=True)

    canvas.points(*places(scatter.across, scatter.up), ink.points, _POINTS)
    canvas.path(*places(*scatter.medians()), ink.medians, _MEDIANS)
    _write_axes(canvas, scatter, (across, up), (columns, rows), ink)


def _write_axes(
    canvas: Canvas,
    scatter: Scatter,
    ends: tuple[tuple[float, float], tuple[float, float]],
    size: tuple[int, int],
    ink: ScatterInk,
) -> None:
    (columns, rows), (across, up) = size, ends
    for value in log_ticks(*up, max(rows // 3, 2)):
        row = rows - round(float(placed(value, *up, rows, log=True)))
        canvas.text(0, row, compact(value).rjust(_GUTTER - 1), ink.text)
    room = canvas.columns - len(scatter.titles[0]) - 1
    for value in log_ticks(*across, max(columns // 10, 2)):
        text = compact(value)
        column = _GUTTER + round(float(placed(value, *across, columns, log=True))) - len(text) // 2
        if column + len(text) < room:
            canvas.text(column, canvas.rows - 1, text, ink.text)
