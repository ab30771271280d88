"""Modules that stand out: those that are picked, and those that are dark although light is expected."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.draw.canvas.braille import BOLD, Canvas
from icereco.draw.canvas.camera import Camera, Projected
from icereco.draw.canvas.hits import Hits
from icereco.draw.canvas.palette import Palette

__all__ = ["DISC_POWER", "Silent", "draw_picks", "draw_silent"]

DISC_POWER = 0.3
"""Of the charge, for the radii of discs: ten times the light is twice the radius."""


@dataclass(frozen=True, slots=True, eq=False)
class Silent:
    """Modules without pulses.

    Attributes:
        position_m: `[N, 3]`.
        expected_pe: `[N]`, photo-electrons.
        color: of their crosses.
    """

    position_m: Float[ndarray, "module 3"]
    expected_pe: Float[ndarray, "module"]
    color: int


def _project(canvas: Canvas, camera: Camera, points_m: ndarray) -> Projected:
    return camera.project(points_m, canvas.width, canvas.height, canvas.marker.dot_aspect)


def draw_picks(
    canvas: Canvas, hits: Hits, picked: Sequence[int], camera: Camera, palette: Palette, layer: int
) -> None:
    """Draw a ring around each picked DOM, and its number where there are several."""
    if not picked:
        return
    seen = _project(canvas, camera, hits.position_m[list(picked)])
    radius = np.maximum(0.035 * camera.radius_m * seen.scale, 4.0)
    canvas.rings(seen.x, seen.y, radius, palette.selection, layer)
    if len(picked) == 1:
        return
    columns, rows = (seen.x + radius) // canvas.marker.across + 1, seen.y // canvas.marker.down
    for number, (column, row) in enumerate(zip(columns, rows, strict=True), start=1):
        if 0 <= column < canvas.columns and 0 <= row < canvas.rows:
            canvas.text(int(column), int(row), f"{number}", palette.selection | BOLD)


def draw_silent(canvas: Canvas, silent: Silent, camera: Camera, one_pe_m: float, layer: int) -> None:
    """Draw crosses, as large as the discs of hits with the expected light would be; `one_pe_m` is the radius of that of one photo-electron."""
    seen = _project(canvas, camera, silent.position_m)
    arm = np.maximum(one_pe_m * seen.scale * silent.expected_pe**DISC_POWER, 1.0)
    across, down = arm, arm / canvas.marker.dot_aspect
    for turn in (1, -1):
        ends = (seen.x - across, seen.y - turn * down, seen.x + across, seen.y + turn * down)
        canvas.lines(*ends, silent.color, layer)
