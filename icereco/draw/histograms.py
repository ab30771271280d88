"""Histograms of numbers, each with its name, its median and its ends, one next to the other or one above the other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.scale import compact

__all__ = ["Histogram", "draw_histograms"]

_LEAST_COLUMNS, _LEAST_ROWS = 14, 5
_TALL = 12
"""Rows from which on more of them show nothing more: there are rather more columns then."""
_GAP = 2
_LINES = 2  # of text: above, and below


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """Numbers to be counted.

    Attributes:
        name: what they are, with their unit.
        values: finite numbers `[N]`.
        log: whether the axis is logarithmic; numbers that are not positive are left out then.
    """

    name: str
    values: Float[ndarray, "value"]
    log: bool = False

    def __post_init__(self) -> None:
        kept = np.isfinite(self.values) & ((self.values > 0) if self.log else True)
        object.__setattr__(self, "values", self.values[kept])

    def counts(self, bins: int) -> tuple[Int[ndarray, "bin"], float, float]:
        """How many numbers are in each of so many bins of equal width on the axis, and where these begin and end."""
        low, high = (float(self.values.min()), float(self.values.max())) if len(self.values) else (0.0, 1.0)
        if low == high:
            low, high = (low / 2, high * 2) if self.log else (low - 0.5, high + 0.5)
        low = max(low, np.finfo(np.float64).tiny) if self.log else low
        ends = np.log10([low, high]) if self.log else np.array([low, high])
        counts = np.histogram(np.log10(self.values) if self.log else self.values, bins, tuple(ends))[0]
        return counts, low, high


def draw_histograms(
    canvas: Canvas, histograms: Sequence[Histogram], colors: Sequence[int], text: int, label: int
) -> None:
    """Draw histograms into equal parts of a canvas; what there is no room for is left out.

    Args:
        canvas: to draw on.
        histograms: in order.
        colors: of their bars.
        text: colour of names.
        label: colour of numbers.
    """
    if not histograms:
        return
    tall = max(canvas.rows // _TALL, 1)
    across = max(min(-(-len(histograms) // tall), (canvas.columns + _GAP) // (_LEAST_COLUMNS + _GAP)), 1)
    down = max(min(-(-len(histograms) // across), canvas.rows // _LEAST_ROWS), 1)
    columns, rows = (canvas.columns + _GAP) // across - _GAP, canvas.rows // down
    for place, histogram in enumerate(histograms[: across * down]):
        row, column = divmod(place, across)
        corner = (column * (columns + _GAP), row * rows)
        _draw(canvas, histogram, corner, (columns, rows), colors[place % len(colors)], (text, label))


def _draw(
    canvas: Canvas,
    histogram: Histogram,
    corner: tuple[int, int],
    size: tuple[int, int],
    color: int,
    inks: tuple[int, int],
) -> None:
    (left, top), (columns, rows), label = corner, size, inks[1]
    if columns < 1 or rows <= _LINES:
        return
    counts, low, high = histogram.counts(columns)
    _write_title(canvas, histogram, left, top, columns, inks)
    begins, ends = compact(low), compact(high)
    scale = "log" if histogram.log else ""
    canvas.text(left, top + rows - 1, begins, label)
    canvas.text(left + columns - len(ends), top + rows - 1, ends, label)
    if len(begins) + len(ends) + len(scale) + 2 < columns:
        canvas.text(left + (columns - len(scale)) // 2, top + rows - 1, scale, label)
    dots, base = (rows - _LINES) * canvas.marker.down, (top + rows - 1) * canvas.marker.down - 1
    heights = np.ceil(counts / max(counts.max(), 1) * dots)
    for dot in range(canvas.marker.across):
        x = (left + np.arange(columns)) * canvas.marker.across + dot
        canvas.spans(
            x, np.where(heights > 0, base - heights + 1, np.nan), np.full(columns, float(base)), color
        )


def _write_title(
    canvas: Canvas, histogram: Histogram, left: int, top: int, columns: int, inks: tuple[int, int]
) -> None:
    text, label = inks
    canvas.text(left, top, histogram.name[:columns], text)
    middle = f"median {compact(float(np.median(histogram.values)))}" if len(histogram.values) else "none"
    if len(histogram.name) + len(middle) + 2 <= columns:
        canvas.text(left + columns - len(middle), top, middle, label)
