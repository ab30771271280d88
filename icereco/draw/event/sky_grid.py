"""Lines of equal zenith and azimuth on maps of the sky, with their names in degrees."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.degrees import degrees, multiples, round_step_deg
from icereco.draw.canvas.palette import Palette
from icereco.draw.canvas.sky import AllSky, Zoom
from icereco.physics.sphere import angles_from_direction, direction_from_angles

__all__ = ["draw_grid"]

_GRID = 0  # layer
_LEAST_ROWS = 6
_NEAR_POLE_STEP_DEG = 30.0
_POINTS = 240


def draw_grid(canvas: Canvas, sky: AllSky | Zoom, palette: Palette) -> None:
    """Draw lines of equal zenith and azimuth with their degrees; the horizon is brighter."""
    if isinstance(sky, AllSky):
        _draw_whole(canvas, sky, palette)
    else:
        _draw_zoom(canvas, sky, palette)


def _draw_whole(canvas: Canvas, sky: AllSky, palette: Palette) -> None:
    for line in sky.grid():
        canvas.path(*_joined(*sky.place(line), canvas), palette.faint, _GRID)
    around = np.linspace(-np.pi + 1e-6, np.pi - 1e-6, 4 * canvas.columns + 2)
    horizon = direction_from_angles(around, np.full_like(around, np.pi / 2))
    canvas.path(*_joined(*sky.place(horizon), canvas), palette.label, _GRID)
    if canvas.rows < _LEAST_ROWS:
        return
    places = []
    for azimuth_deg in (90.0, 0.0, 270.0):
        column, row = _cell(canvas, sky, azimuth_deg, 90.0)
        places.append((row + 1, column - len(f"{azimuth_deg:.0f}") // 2, f"{azimuth_deg:.0f}°"))
    for zenith_deg in (90.0, 60.0, 30.0, 120.0, 150.0):
        column, row = _cell(canvas, sky, 180.0 - 1e-6, zenith_deg)
        text = f"{zenith_deg:.0f}°"
        places.append((row, max(column - len(text), 0), text))
    _write(canvas, places, palette)


def _write(canvas: Canvas, places: list[tuple[int, int, str]], palette: Palette) -> None:
    """Write names at rows and columns, but none that would touch one before."""
    taken: list[tuple[int, int, int]] = []
    for row, first, text in places:
        last = first + len(text)
        if not any(row == line and first <= end and begin <= last for line, begin, end in taken):
            taken.append((row, first, last))
            canvas.text(first, row, text, palette.label, alone=True)


def _cell(canvas: Canvas, sky: AllSky, azimuth_deg: float, zenith_deg: float) -> tuple[int, int]:
    angles = (np.radians(np.array([value])) for value in (azimuth_deg, zenith_deg))
    x, y = sky.place(direction_from_angles(*angles))
    return int(x[0] // canvas.marker.across), int(y[0] // canvas.marker.down)


def _draw_zoom(canvas: Canvas, sky: Zoom, palette: Palette) -> None:
    """Draw lines at round angles, those of azimuth named on top, those of zenith on the left, where there is room."""
    if canvas.rows < _LEAST_ROWS:
        return
    azimuth, zenith = (float(np.degrees(angle)) for angle in angles_from_direction(sky.center))
    radius, reach = float(np.degrees(sky.radius)), _reach_deg(canvas, sky)
    low, high = max(zenith - reach, 0.0), min(zenith + reach, 180.0)
    near_pole = low <= 0 or high >= 180
    flat = np.sin(np.radians(zenith))
    wide = 180.0 if near_pole else min(reach / min(np.sin(np.radians([low, high]))), 180.0)
    across = _NEAR_POLE_STEP_DEG if near_pole else round_step_deg(radius / flat)
    step = round_step_deg(radius)
    along, around = np.linspace(low, high, _POINTS), np.linspace(azimuth - wide, azimuth + wide, _POINTS)
    names = [
        _drawn(
            canvas, sky, _directions(np.full_like(along, value), along), degrees(value % 360, across), palette
        )
        for value in multiples(azimuth - wide, azimuth + wide, across)
    ]
    _write_above(canvas, names, palette)
    for value in multiples(low, high, step):
        line = _directions(around, np.full_like(around, value))
        name = _drawn(canvas, sky, line, degrees(value, step), palette, bright=value == 90)
        _write_left(canvas, name, palette)


def _reach_deg(canvas: Canvas, sky: Zoom) -> float:
    """More than the angle from the middle to the corners."""
    sides = canvas.width, canvas.height * canvas.marker.dot_aspect
    return min(float(np.degrees(sky.radius)) * (1 + max(sides) / min(sides)), 180.0)


def _directions(
    azimuth_deg: Float[ndarray, "point"], zenith_deg: Float[ndarray, "point"]
) -> Float[ndarray, "point 3"]:
    return direction_from_angles(np.radians(azimuth_deg), np.radians(zenith_deg))


@dataclass(frozen=True, slots=True, eq=False)
class _Name:
    """A name, and the visible part of its line in dots."""

    text: str
    x: Float[ndarray, "point"]
    y: Float[ndarray, "point"]


def _drawn(
    canvas: Canvas,
    sky: Zoom,
    line: Float[ndarray, "point 3"],
    text: str,
    palette: Palette,
    *,
    bright: bool = False,
) -> _Name:
    """Draw a line; return its name, which is still to be written."""
    x, y = sky.place(line)
    color = palette.label if bright else palette.faint
    canvas.path(*_joined(x, y, canvas), color, _GRID, dash=0 if bright else 1)
    seen = (x >= 0) & (x < canvas.width) & (y >= 0) & (y < canvas.height)
    return _Name(text, x[seen], y[seen])


def _write_above(canvas: Canvas, names: list[_Name], palette: Palette) -> None:
    """Write names where their lines leave the picture on top, from left to right, as far as there is room."""
    marker, end = canvas.marker, -1
    tops = [
        (int(name.x[np.argmin(name.y)]), name.text)
        for name in names
        if name.y.min(initial=np.inf) < 2 * marker.down
    ]
    for x, text in sorted(tops):
        column = min(max(x // marker.across - len(text) // 2, 0), canvas.columns - len(text))
        if column > end:
            canvas.text(column, 0, text, palette.label, alone=True)
            end = column + len(text)


def _write_left(canvas: Canvas, name: _Name, palette: Palette) -> None:
    """Write a name where its line leaves the picture on the left, below the first row."""
    if name.x.min(initial=np.inf) < 4 * canvas.marker.across:
        row = int(name.y[np.argmin(name.x)]) // canvas.marker.down
        if row > 0:
            canvas.text(0, row, name.text, palette.label, alone=True)


def _joined(x: ndarray, y: ndarray, canvas: Canvas) -> tuple[ndarray, ndarray]:
    """A curve, cut where it leaves the map on one side and re-enters it on the other."""
    jump = np.hypot(np.diff(x, prepend=x[:1]), np.diff(y, prepend=y[:1])) > canvas.width / 4
    return np.where(jump, np.nan, x), y
