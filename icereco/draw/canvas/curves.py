"""A chart of curves: bands, means, axes and a cursor, on a canvas."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy import ndarray

from icereco.draw.canvas.bins import Bins, Points, bin_curve, edges_of, smoothed
from icereco.draw.canvas.braille import BOLD, Canvas
from icereco.draw.canvas.markers import Marker
from icereco.draw.canvas.scale import by_weight, compact, log_ticks, placed, span_of, ticks

__all__ = ["Curve", "Ink", "Level", "Plot", "Sign", "View", "draw", "reading"]

GUTTER = 7
"""Columns left of the curves, for the numbers of the vertical axis."""

_REACH = 0.5  # a level so far outside, in heights of the curves, is drawn as well
_LEVEL_DASH = 3
_MARKS_APART = 16  # columns between two marks of a curve


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve; `band` shows the range of its values behind the mean.

    Where there are several runs, `run` is the curve's, and `mark` a letter that is written on the curve.
    """

    label: str
    points: Points
    color: int
    band: int | None = None
    dash: int = 0
    run: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Level:
    """A value to compare curves with, as a dashed line; beyond the range of the curves only its name and number are written."""

    label: str
    value: float
    color: int


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign above a place on the horizontal axis."""

    place: float
    text: str
    color: int


@dataclass(frozen=True, slots=True)
class View:
    """How curves are shown; the same for all charts of a screen.

    Attributes:
        first, last: the part of the horizontal axis that is shown.
        weight: of the past in the moving average, 0 = none.
        tight: whether the vertical axis is fitted to the means, so that spikes are cut off.
        cursor: a place on the horizontal axis, None without a cursor.
    """

    first: float = 0.0
    last: float = 1.0
    log_x: bool = False
    log_y: bool = False
    weight: float = 0.0
    tight: bool = False
    cursor: float | None = None

    def zoomed(self, factor: float, whole: tuple[float, float]) -> "View":
        """The view of a part `factor` times as wide, around the cursor or the middle, within the whole."""
        center = (self.first + self.last) / 2 if self.cursor is None else self.cursor
        width = min((self.last - self.first) * factor, whole[1] - whole[0])
        first = min(max(center - width / 2, whole[0]), whole[1] - width)
        return replace(self, first=first, last=first + width)


@dataclass(frozen=True, slots=True)
class Ink:
    """The colours of numbers, grid lines and the cursor."""

    text: int
    faint: int
    cursor: int


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawn chart, with what is needed to find the place under the mouse."""

    canvas: Canvas
    view: View
    columns: int

    def place(self, column: int) -> float:
        """The place on the horizontal axis under a column of the chart."""
        edges = edges_of(self.view.first, self.view.last, max(self.columns, 1), log=self.view.log_x)
        return float(edges[int(np.clip(column - GUTTER, 0, self.columns - 1))])


def draw(
    curves: Sequence[Curve],
    view: View,
    size: tuple[int, int],
    ink: Ink,
    marker: str | Marker,
    unit: str,
    levels: Sequence[Level] = (),
    signs: Sequence[Sign] = (),
) -> Plot:
    """Draw curves in `size` = (columns, rows) cells; `unit` names the horizontal axis."""
    view = _drawable(view, curves)
    canvas = Canvas(*size, marker)
    columns, rows = size[0] - GUTTER, size[1] - 1
    if columns < 4 or rows < 2:
        return Plot(canvas, view, max(columns, 1))
    across, down = canvas.marker.across, canvas.marker.down
    edges = edges_of(view.first, view.last, columns * across, log=view.log_x)
    binned = [bin_curve(curve.points, edges) for curve in curves]
    lines = [smoothed(bins, view.weight) for bins in binned]
    low, high = _with_levels(_range(binned, lines, view), levels, view)
    height = rows * down
    left = np.arange(columns * across) + GUTTER * across

    def upright(values: ndarray) -> ndarray:
        return height - 1 - placed(values, low, high, height, log=view.log_y)

    _axes(canvas, view, (low, high), (columns, rows), ink, unit)
    for curve, bins in zip(curves, binned, strict=True):
        if curve.band is not None:
            _band(canvas, left, upright(bins.high), upright(bins.low), curve.band, height)
    _draw_levels(canvas, levels, upright(np.array([level.value for level in levels])), rows)
    marked = np.cumsum([bool(curve.mark) for curve in curves])
    for layer, (curve, line) in enumerate(zip(curves, lines, strict=True), start=2):
        finite = np.flatnonzero(np.isfinite(line))
        y = upright(line[finite])
        keep = (y >= 0) & (y < height)
        canvas.path(left[finite], np.where(keep, y, np.nan), curve.color, layer, curve.dash)
        if len(finite) <= columns * across // 8:  # so few that each can be seen separately
            canvas.discs(left[finite], np.where(keep, y, np.nan), 1.0, curve.color, layer)
        if curve.mark:
            places = _mark_places(
                finite[keep] // across, int(marked[layer - 2]) - 1, int(marked[-1]), columns
            )
            _write_marks(canvas, curve, (finite[keep], y[keep]), places)
    if view.cursor is not None and view.first <= view.cursor <= view.last:
        column = int(np.searchsorted(edges, view.cursor, side="right")) - 1
        top = np.arange(0, height, 2)
        canvas.points(np.full(len(top), left[min(column, len(left) - 1)]), top, ink.cursor, 1)
    for sign in signs:
        if view.first <= sign.place <= view.last:
            column = int(np.searchsorted(edges, sign.place, side="right")) - 1
            canvas.text(GUTTER + min(column // across, columns - 1), 0, sign.text, sign.color | BOLD)
    return Plot(canvas, view, columns)


def reading(curve: Curve, view: View, columns: int) -> tuple[float, float, float, float] | None:
    """Place, mean, lowest and highest value of the column at the cursor, or of the nearest column with values.

    The place is that of the last value in the column. None without a cursor or values, or where the cursor is
    farther from the curve's ends than its values are from each other.
    """
    cursor, points = view.cursor, curve.points
    if cursor is None or not _reaches(points, cursor):
        return None
    view = _drawable(view, [curve])
    edges = edges_of(view.first, view.last, max(columns, 1), log=view.log_x)
    wanted = int(np.searchsorted(edges, cursor, side="right")) - 1
    cuts = points.cuts(edges)
    filled = np.flatnonzero(np.diff(cuts))
    for column in filled[np.argsort(np.abs(filled - wanted), kind="stable")].tolist():  # the nearest first
        values = points.value[cuts[column] : cuts[column + 1]]
        values = values[np.isfinite(values)]
        if len(values):
            place = points.place(int(cuts[column + 1]) - 1)
            return place, float(values.mean()), float(values.min()), float(values.max())
    return None


def _reaches(points: Points, place: float) -> bool:
    if not len(points):
        return False
    first, last = points.place(0), points.place(len(points) - 1)
    between = (last - first) / (len(points) - 1) if len(points) > 1 else abs(first)
    return first - between <= place <= last + between


def _drawable(view: View, curves: Sequence[Curve]) -> View:
    """A view without an empty or, on a log axis, a negative range."""
    first, last = view.first, view.last
    if view.log_x and first <= 0:
        positive = [float(x[x > 0][0]) for curve in curves if len(x := curve.points.x) and x[-1] > 0]
        first = min(positive, default=1.0)
    return replace(view, first=first, last=last if last > first else first + 1)


def _range(binned: Sequence[Bins], lines: Sequence[ndarray], view: View) -> tuple[float, float]:
    """The vertical range; on a log axis only what is positive counts."""
    shown = [*lines] if view.tight else [*lines, *(b.low for b in binned), *(b.high for b in binned)]
    values = np.concatenate(shown) if shown else np.empty(0)
    if not view.log_y:
        return span_of(values, margin=0.02)
    values = values[np.isfinite(values) & (values > 0)]
    if not len(values):
        return 1.0, 10.0
    low, high = float(values.min()), float(values.max())
    return (low, high) if low < high else (low / 2, high * 2)


def _with_levels(span: tuple[float, float], levels: Sequence[Level], view: View) -> tuple[float, float]:
    """The vertical range with the levels that are not far outside it."""
    low, high = span
    reach = _REACH * (high - low)
    near = [level.value for level in levels if low - reach <= level.value <= high + reach]
    if view.tight or not near or (view.log_y and min(near) <= 0):
        return span
    return min(low, *near), max(high, *near)


def _draw_levels(canvas: Canvas, levels: Sequence[Level], heights: ndarray, rows: int) -> None:
    """Draw levels, with the name of the first at the right; those beyond the range are written at the edges."""
    down, left, named = canvas.marker.down, GUTTER * canvas.marker.across, False
    edges = {True: 1, False: rows - 1}  # above the curves and below them; signs are in the first row
    for level, y in zip(levels, heights.tolist(), strict=True):
        if 0 <= y < rows * down:
            canvas.lines([left], [y], [canvas.width - 1], [y], level.color, 1, _LEVEL_DASH)
            if not named:
                row = int(y) // down
                _write_right(canvas, row - 1 if row > 1 else row + 1, level.label, level.color)
            named = True
        elif 0 < edges[y < 0] < rows:
            text = f"{level.label} {compact(level.value)} {'▴' if y < 0 else '▾'}"
            _write_right(canvas, edges[y < 0], text, level.color)
            edges[y < 0] += 1 if y < 0 else -1


def _write_right(canvas: Canvas, row: int, text: str, color: int) -> None:
    if len(text) < canvas.columns - GUTTER:
        canvas.text(canvas.columns - len(text), row, text, color)


def _band(canvas: Canvas, left: ndarray, top: ndarray, bottom: ndarray, color: int, height: int) -> None:
    """Draw a band, cut off at the edges of the chart."""
    top, bottom = np.clip(top, 0, height - 1), np.clip(bottom, 0, height - 1)
    canvas.spans(left, top, bottom, color, layer=1)


def _mark_places(filled: ndarray, number: int, count: int, columns: int) -> list[int]:
    """Where to mark a curve: at its end and at some columns of those with values, other ones than those of other curves."""
    if not len(filled):
        return []
    apart = max(_MARKS_APART, 4 * count)
    wanted = np.arange((number + 0.5) / count * apart, columns, apart)
    nearest = np.abs(filled[None, :] - wanted[:, None]).argmin(axis=1)
    inside = nearest[filled[nearest] < filled[-1] - _MARKS_APART // 4]
    return sorted({*inside.tolist(), len(filled) - 1})


def _write_marks(canvas: Canvas, curve: Curve, line: tuple[ndarray, ndarray], places: Sequence[int]) -> None:
    x, y = line
    for place in places:
        column, row = int(x[place]) // canvas.marker.across, int(y[place]) // canvas.marker.down
        canvas.text(GUTTER + column, row, curve.mark, curve.color | BOLD)


def _axes(
    canvas: Canvas,
    view: View,
    span: tuple[float, float],
    size: tuple[int, int],
    ink: Ink,
    unit: str,
) -> None:
    columns, rows = size
    marks = _marks(*span, 3 if rows < 9 else 5, log=view.log_y)
    for value, text in zip(marks, _labels(marks), strict=True):
        row = round((rows - 1) * (1 - float(placed(value, *span, 2, log=view.log_y))))
        canvas.text(0, row, f"{text:>{GUTTER - 1}}", ink.text)
        dots = np.arange(GUTTER * canvas.marker.across, canvas.width, 4)
        canvas.points(dots, np.full(len(dots), (row + 0.5) * canvas.marker.down), ink.faint, 0)
    _horizontal_axis(canvas, view, columns, rows, ink, unit)


def _labels(values: Sequence[float]) -> list[str]:
    """Numbers as short texts, long enough to be distinct."""
    texts: list[str] = []
    for digits in (3, 4, 5):
        texts = [_label(value, digits) for value in values]
        if len(set(texts)) == len(texts):
            break
    return texts


def _label(value: float, digits: int) -> str:
    text = compact(value, digits)
    if len(text) < GUTTER:
        return text
    return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e").replace(".0e", "e")


def _horizontal_axis(canvas: Canvas, view: View, columns: int, row: int, ink: Ink, unit: str) -> None:
    taken = np.zeros(canvas.columns, dtype=bool)
    end = canvas.columns - len(unit) - 1
    canvas.text(end + 1, row, unit, ink.text)
    marks = (
        by_weight(view.first, view.last) if view.log_x else ticks(view.first, view.last, max(columns // 8, 3))
    )
    for value in marks:
        text = compact(value, 4)
        column = GUTTER + int(placed(value, view.first, view.last, columns, log=view.log_x)) - len(text) // 2
        column = max(column, 0)
        around = slice(max(column - 1, 0), column + len(text) + 1)
        if not taken[around].any() and column + len(text) <= end:
            canvas.text(column, row, text, ink.text)
            taken[around] = True


def _marks(low: float, high: float, count: int, *, log: bool) -> list[float]:
    return (log_ticks if log else ticks)(low, high, count)
