"""Directions through an event: lines with arrows, cones and names, some of them with a start and a stop."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.draw.canvas.braille import BOLD, Canvas
from icereco.draw.canvas.camera import Camera, Projected
from icereco.draw.canvas.names import short_names
from icereco.draw.canvas.sky import ring

__all__ = ["START", "STOP", "Line", "draw_lines", "write_ends", "write_labels"]

_REACH = 1.15  # of the lines from the middle of the event, in sizes of the detector
_HEAD = 0.06  # of an arrow, likewise
_LABEL = 16  # characters of a name
START, STOP = "◆", "■"
"""Marks of the ends of tracks."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A direction through the event.

    Attributes:
        name: written at its end.
        direction: unit vector `[3]` to where the neutrino came from.
        through_m: a point on it.
        color: of the line.
        dashed: whether it is drawn dashed, as the truth is.
        cone: opening angle of an uncertainty cone, rad; NaN = none.
        starts: whether it starts at that point, and does not only go through it.
        length_m: from that point to where it stops.
    """

    name: str
    direction: Float[ndarray, "3"]
    through_m: Float[ndarray, "3"]
    color: int
    dashed: bool = False
    cone: float = float("nan")
    starts: bool = False
    length_m: float = float("inf")

    def ends_m(self, reach_m: float) -> Float[ndarray, "2 3"]:
        """Where it comes from and where it goes to, at most `reach_m` from its point."""
        behind, ahead = 0.0 if self.starts else reach_m, min(self.length_m, reach_m)
        return np.asarray(self.through_m + np.array([[behind], [-ahead]]) * self.direction)


def draw_lines(canvas: Canvas, lines: Sequence[Line], camera: Camera, layer: int) -> None:
    """Draw lines with arrows and cones, the first on top."""
    for line in reversed(lines):
        _draw_line(canvas, line, camera, layer)


def _project(canvas: Canvas, camera: Camera, points_m: ndarray) -> Projected:
    return camera.project(points_m, canvas.width, canvas.height, canvas.marker.dot_aspect)


def _draw_line(canvas: Canvas, line: Line, camera: Camera, layer: int) -> None:
    reach = _REACH * camera.radius_m
    ends = line.ends_m(reach)
    seen = _project(canvas, camera, ends)
    canvas.lines(*_segment(seen, 0, 1), line.color, layer, dash=3 if line.dashed else 0)
    _draw_head(canvas, line, ends[1], camera, layer)
    if np.isfinite(line.cone):
        _draw_cone(canvas, line, reach, camera, layer)


def _segment(seen: Projected, first: int, last: int) -> tuple[float, float, float, float]:
    return seen.x[first], seen.y[first], seen.x[last], seen.y[last]


def _draw_head(canvas: Canvas, line: Line, tip_m: ndarray, camera: Camera, layer: int) -> None:
    """Draw an arrow head at the end towards which the particle went."""
    size = _HEAD * camera.radius_m
    barbs = tip_m + size * (line.direction + 0.5 * ring(line.direction, np.pi / 2, 9)[:8])
    seen = _project(canvas, camera, np.concatenate([tip_m[None], barbs]))
    across = _away_from_axis(
        canvas, seen.x[1:], seen.y[1:], _project(canvas, camera, tip_m + np.outer([0, size], line.direction))
    )
    for barb in (int(np.argmax(across)) + 1, int(np.argmin(across)) + 1):
        canvas.lines(*_segment(seen, 0, barb), line.color, layer)


def _draw_cone(canvas: Canvas, line: Line, reach: float, camera: Camera, layer: int) -> None:
    rim = line.through_m + reach * ring(line.direction, line.cone, 120)
    seen = _project(canvas, camera, np.concatenate([rim, line.through_m[None]]))
    canvas.path(seen.x[:-1:2], seen.y[:-1:2], line.color, layer, dash=1)
    axis = _project(canvas, camera, np.stack([line.through_m, line.through_m + reach * line.direction]))
    across = _away_from_axis(canvas, seen.x[:-1], seen.y[:-1], axis)
    if np.isfinite(across).all():
        for side in (int(np.argmax(across)), int(np.argmin(across))):
            canvas.lines(*_segment(seen, -1, side), line.color, layer, dash=2)


def _away_from_axis(canvas: Canvas, x: ndarray, y: ndarray, axis: Projected) -> Float[ndarray, "point"]:
    """Signed distances of points from the line through the two points of an axis."""
    aspect = canvas.marker.dot_aspect
    dx, dy = axis.x[1] - axis.x[0], (axis.y[1] - axis.y[0]) * aspect
    away: ndarray = (x - axis.x[0]) * dy - (y - axis.y[0]) * aspect * dx
    return away


def write_labels(
    canvas: Canvas, lines: Sequence[Line], camera: Camera, used: Sequence[tuple[int, int, int]] = ()
) -> None:
    """Write names next to the visible ends of their lines, or in another row where something is already.

    `used` has row, first and last column of what was written before.
    """
    taken = [*used]
    for line, name in zip(lines, short_names([line.name for line in lines], _LABEL), strict=True):
        seen = _project(canvas, camera, line.ends_m(_REACH * camera.radius_m))
        end = _visible_end(canvas, *_segment(seen, 1, 0))
        if end is None:
            continue
        column = int(np.clip(end[0] / canvas.marker.across + 1, 0, max(canvas.columns - len(name), 0)))
        near = int(np.clip(end[1] / canvas.marker.down, 0, canvas.rows - 1))
        for row in sorted(range(canvas.rows), key=lambda row: abs(row - near)):
            place = row, column, column + len(name)
            if not any(row == other and first <= place[2] and column <= last for other, first, last in taken):
                taken.append(place)
                canvas.text(column, row, name, line.color | BOLD)
                break


def write_ends(canvas: Canvas, lines: Sequence[Line], camera: Camera) -> list[tuple[int, int, int]]:
    """Write a mark where a track starts, and another where it stops, as far as that is within reach; return row, first and last column of each."""
    marks = []
    for line in reversed(lines):
        ends, reach = line.ends_m(_REACH * camera.radius_m), _REACH * camera.radius_m
        seen = _project(canvas, camera, ends)
        for end, mark, known in ((0, START, line.starts), (1, STOP, line.length_m < reach)):
            x, y = seen.x[end] // canvas.marker.across, seen.y[end] // canvas.marker.down
            if known and 0 <= x < canvas.columns and 0 <= y < canvas.rows:
                canvas.text(int(x), int(y), mark, line.color | BOLD)
                marks.append((int(y), int(x), int(x)))
    return marks


def _visible_end(canvas: Canvas, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float] | None:
    """The last point of a segment, in dots, that is on the canvas; None where none is (after Liang and Barsky, 1984)."""
    if not np.isfinite([x0, y0, x1, y1]).all():
        return None
    enters, leaves = 0.0, 1.0
    for start, step, size in ((x0, x1 - x0, canvas.width - 1), (y0, y1 - y0, canvas.height - 1)):
        if step == 0:
            if not 0 <= start <= size:
                return None
            continue
        near, far = sorted((-start / step, (size - start) / step))
        enters, leaves = max(enters, near), min(leaves, far)
    return None if enters > leaves else (x0 + leaves * (x1 - x0), y0 + leaves * (y1 - y0))
