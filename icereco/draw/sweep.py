"""The settings of a sweep against its result: a grid for one or two settings, parallel coordinates for more."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

import numpy as np

from icereco.draw.canvas.braille import BOLD, Canvas
from icereco.draw.canvas.colormap import heat, readable
from icereco.draw.canvas.scale import compact

__all__ = ["Sweep", "SweepInk", "SweepRun", "draw_sweep"]

_HEAD = 2  # rows above the cells
_CELL, _LARGEST = (14, 1), (60, 14)  # columns and rows of a cell: at least, at most
_NUMBER = 9  # columns of a number, where its bar is beside it
_LEAST_AXIS = 12  # columns from one axis to the next
_LEVELS = 16  # of colours
_COLORS = (0.35, 0.8)  # of the heat map, for the worst and the best


@dataclass(frozen=True, slots=True)
class SweepRun:
    """One run of a sweep.

    Attributes:
        values: of the settings, in their order.
        result: None before there is one.
        here: whether it is the one that is looked at.
    """

    values: tuple[str, ...]
    result: float | None
    here: bool = False


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep.

    Attributes:
        settings: their names.
        values: of each setting, in order.
        result: its name.
        runs: that have been started.
        higher_is_better: whether the best result is the highest.
        ends: the lowest and the highest result.
    """

    settings: tuple[str, ...]
    values: tuple[tuple[str, ...], ...]
    result: str
    runs: tuple[SweepRun, ...]
    higher_is_better: bool = False
    ends: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        known = [run.result for run in self.runs if run.result is not None]
        object.__setattr__(self, "ends", (min(known), max(known)) if known else (0.0, 0.0))

    def goodness(self, result: float | None) -> float:
        """0 for the worst result, 1 for the best; NaN where there is none."""
        if result is None:
            return float("nan")
        low, high = self.ends
        part = (result - low) / (high - low) if high > low else 1.0
        return part if self.higher_is_better or high == low else 1.0 - part


@dataclass(frozen=True, slots=True)
class SweepInk:
    """The colours of titles, of labels, of the run that is looked at, and of the background."""

    text: int
    label: int
    here: int
    background: int


def draw_sweep(canvas: Canvas, sweep: Sweep, ink: SweepInk) -> None:
    """Draw a sweep in the whole canvas; what there is no room for is counted.

    Args:
        canvas: to draw on.
        sweep: with one setting at least.
        ink: the colours.
    """
    if len(sweep.settings) <= len(("rows", "columns")):
        _draw_grid(canvas, sweep, ink)
    else:
        _draw_parallel(canvas, sweep, ink)


def _color(sweep: Sweep, result: float | None, ink: SweepInk) -> int:
    goodness = sweep.goodness(result)
    return ink.label if np.isnan(goodness) else _shade(round(goodness * _LEVELS), ink.background)


@lru_cache(maxsize=64)  # a sweep may have hundreds of runs
def _shade(level: int, background: int) -> int:
    low, high = _COLORS
    return int(readable(heat(np.array(low + level / _LEVELS * (high - low)), background), background))


# One or two settings


@dataclass(frozen=True, slots=True)
class _Grid:
    """Where the cells are: of settings `down` and `across` (None with one setting), each with its values that have room."""

    down: int
    across: int | None
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    left: int
    cell: tuple[int, int]

    @classmethod
    def of(cls, canvas: Canvas, sweep: Sweep) -> Self:
        """The setting with more values goes down, as there is more room for rows."""
        down, across = 0, 1 if len(sweep.settings) > 1 else None
        if across is not None and len(sweep.values[1]) > len(sweep.values[0]):
            down, across = across, down
        rows, columns = sweep.values[down], ("",) if across is None else sweep.values[across]
        left = max(len(sweep.settings[down]), *map(len, rows)) + 2
        wide, high = canvas.columns - left, canvas.rows - _HEAD
        width = min(max(wide // len(columns), _CELL[0]), _LARGEST[0])
        height = min(max(high // len(rows), 1), _LARGEST[1])
        kept_rows = rows[: max(high // height, 0)] if len(rows) * height <= high else rows[: max(high - 1, 0)]
        return cls(down, across, kept_rows, columns[: max(wide // width, 0)], left, (width, height))


def _draw_grid(canvas: Canvas, sweep: Sweep, ink: SweepInk) -> None:
    grid = _Grid.of(canvas, sweep)
    (width, height), across = grid.cell, grid.across
    canvas.text(0, 1, sweep.settings[grid.down], ink.text)
    if across is not None:
        canvas.text(grid.left, 0, f"{sweep.settings[across]} →", ink.text)
        if missing := len(sweep.values[across]) - len(grid.columns):
            canvas.text(max(canvas.columns - 8, 0), 0, f"+{missing} more", ink.label)
    for place, other in enumerate(grid.columns):
        canvas.text(grid.left + place * width + 1, 1, other[: width - 2], ink.label)
    for line, value in enumerate(grid.rows):
        canvas.text(0, _HEAD + line * height, value[: grid.left - 1], ink.label)
        for place, other in enumerate(grid.columns):
            wanted = {grid.down: value} | ({} if across is None else {across: other})
            runs = [run for run in sweep.runs if all(run.values[at] == value for at, value in wanted.items())]
            corner = grid.left + place * width, _HEAD + line * height
            _draw_cell(canvas, sweep, runs, corner, grid.cell, ink)
    if missing := len(sweep.values[grid.down]) - len(grid.rows):
        canvas.text(0, canvas.rows - 1, f"+{missing} more", ink.label)


def _draw_cell(
    canvas: Canvas,
    sweep: Sweep,
    runs: Sequence[SweepRun],
    corner: tuple[int, int],
    size: tuple[int, int],
    ink: SweepInk,
) -> None:
    """The best result of the runs of a cell, how many runs these are, a star at the best of all, and a bar that is longer if it is better."""
    (left, top), (width, height) = corner, size
    goodness = {run.result: sweep.goodness(run.result) for run in runs if run.result is not None}
    if not goodness:
        canvas.text(left + 1, top, "…" if runs else "-", ink.label)
        return
    best = max(goodness, key=lambda result: goodness[result])
    star, count = "★" if goodness[best] == 1.0 else "", f"×{len(runs)}" if len(runs) > 1 else ""
    here = any(run.here for run in runs)
    number = f"{star}{compact(best, 4)}{count}"
    words = f"‹{number}›" if here else number if star else f" {number}"
    canvas.text(left, top, words[: width - 1], (ink.here | BOLD) if here else ink.text)
    first, line = (left + 1, top + 1) if height > 1 else (left + _NUMBER, top)
    room = left + width - 2 - first
    _draw_bar(canvas, first, line, goodness[best] * room, max(height - 2, 1), _color(sweep, best, ink))


def _draw_bar(canvas: Canvas, left: int, top: int, length: float, height: int, color: int) -> None:
    across, down = canvas.marker.across, canvas.marker.down
    x = left * across + np.arange(max(round(length * across), 1))
    first, last = float(top * down), float((top + height) * down - 1)
    canvas.spans(x, np.full(len(x), first), np.full(len(x), last), color)


# Three settings and more


def _draw_parallel(canvas: Canvas, sweep: Sweep, ink: SweepInk) -> None:
    """An axis for each setting, and one for the result with the best on top; a line for each run, solid for the best."""
    names = [*sweep.settings, sweep.result]
    axes = min(len(names), max(canvas.columns // _LEAST_AXIS, 2))
    kept = [*range(axes - 1), len(names) - 1]  # the result is always there
    step = canvas.columns // axes
    places = [number * step for number in range(axes)]
    if canvas.rows < len(("name", "top", "bottom")):
        return
    runs = sorted(sweep.runs, key=lambda run: (run.here, np.nan_to_num(sweep.goodness(run.result), nan=-1.0)))
    for run in runs:
        _draw_run(canvas, sweep, run, kept, places, ink)
    for place, axis in zip(places, kept, strict=True):
        _draw_axis(canvas, sweep, axis, place, step, ink)
    if axes < len(names):
        canvas.text(max(canvas.columns - 18, 0), 0, f"+{len(names) - axes} settings", ink.label)


def _height(sweep: Sweep, run: SweepRun, axis: int) -> float:
    """Where a run is on an axis: 0 at its bottom, 1 at its top; NaN without a result."""
    if axis == len(sweep.settings):
        return sweep.goodness(run.result)
    values = sweep.values[axis]
    return values.index(run.values[axis]) / max(len(values) - 1, 1)


def _row(canvas: Canvas, height: float) -> float:
    """The row of a cell at a height."""
    return 1 + (1 - height) * (canvas.rows - 2)


def _draw_run(
    canvas: Canvas, sweep: Sweep, run: SweepRun, kept: Sequence[int], places: Sequence[int], ink: SweepInk
) -> None:
    heights = np.array([_height(sweep, run, axis) for axis in kept])
    x = np.array(places, dtype=np.float64) * canvas.marker.across
    y = (np.array([_row(canvas, height) for height in heights]) + 0.5) * canvas.marker.down
    best = sweep.goodness(run.result) == 1.0
    color = ink.here if run.here else _color(sweep, run.result, ink)
    dash, layer = 0 if best or run.here else 2, 2 if run.here else int(best)
    canvas.lines(x[:-1], y[:-1], x[1:], y[1:], color, layer, dash)


def _draw_axis(canvas: Canvas, sweep: Sweep, axis: int, place: int, step: int, ink: SweepInk) -> None:
    is_result = axis == len(sweep.settings)
    canvas.text(place, 0, (sweep.result if is_result else sweep.settings[axis])[: step - 1], ink.text)
    for row in range(1, canvas.rows):
        canvas.text(place, row, "│", ink.label)
    if not is_result:
        for number, value in enumerate(sweep.values[axis]):
            row = round(_row(canvas, number / max(len(sweep.values[axis]) - 1, 1)))
            canvas.text(place, row, f"┤{value}"[: step - 2], ink.label)
        return
    known = sorted(
        (run for run in sweep.runs if run.result is not None), key=lambda run: sweep.goodness(run.result)
    )
    for run in [*known[:1], *known[-1:], *(run for run in known if run.here)]:
        star = "★" if run is known[-1] else " "
        text = f"┤{star}{compact(run.result or 0.0, 4)}"
        canvas.text(
            place, round(_row(canvas, sweep.goodness(run.result))), text, ink.here if run.here else ink.text
        )
