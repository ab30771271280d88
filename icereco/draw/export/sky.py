"""The figure of a map of the sky: the whole sphere, and the part that holds the probability."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.markers import MARKERS
from icereco.draw.canvas.palette import Palette
from icereco.draw.canvas.sky import AllSky, Zoom
from icereco.draw.event.sky import (
    draw_contours,
    draw_density,
    write_mark,
    write_size,
    write_truth,
)
from icereco.draw.event.sky_grid import draw_grid
from icereco.draw.export.frame import DARK, Lines, framed
from icereco.evaluation.calibration import CONTOURS
from icereco.events.sky_map import SkyMap
from icereco.physics.sphere import opening_angle

__all__ = ["sky_figure"]

_WIDE, _NARROW, _ROWS = 100, 52, 27
_LEAST_RADIUS, _MOST_RADIUS = np.radians(0.5), np.radians(60.0)


def sky_figure(
    sky: SkyMap, title: str, truth: Float[ndarray, "3"] | None, background: int = DARK
) -> tuple[Lines, int]:
    """Return the lines of a figure with the contours of 50 and 90 %, and how many columns they take."""
    marker = next(iter(MARKERS))
    marks = "+ best pixel" + ("" if truth is None else "  × true")

    def all_sky(canvas: Canvas, palette: Palette) -> None:
        _draw(canvas, AllSky(canvas.width, canvas.height, canvas.marker.dot_aspect), sky, truth, palette)

    def zoom(canvas: Canvas, palette: Palette) -> None:
        place = Zoom(sky.mode[0], _radius(sky, truth), canvas.width, canvas.height, canvas.marker.dot_aspect)
        _draw(canvas, place, sky, truth, palette)
        write_size(canvas, place, palette)

    left = framed((title, marks), all_sky, marker, (_WIDE, _ROWS), background)
    right = framed(("around the best pixel", _areas(sky)), zoom, marker, (_NARROW, _ROWS), background)
    return [a + b for a, b in zip(left, right, strict=True)], _WIDE + _NARROW


def _draw(
    canvas: Canvas, place: AllSky | Zoom, sky: SkyMap, truth: Float[ndarray, "3"] | None, palette: Palette
) -> None:
    draw_density(canvas, place, sky, palette)
    draw_grid(canvas, place, palette)
    draw_contours(canvas, place, sky, palette.main)
    write_mark(canvas, place, sky.mode[0], "+", palette.main)
    write_truth(canvas, place, truth, palette)


def _radius(sky: SkyMap, truth: Float[ndarray, "3"] | None) -> float:
    """Return the radius that shows the outer contour, and the truth if it is near, rad."""
    shown = sky.direction[sky.region(CONTOURS[-1])]
    angles = opening_angle(shown if truth is None else np.concatenate([shown, truth[None]]), sky.mode)
    reach = 1.3 * angles[angles < _MOST_RADIUS].max(initial=0.0)
    return float(np.clip(reach, _LEAST_RADIUS, _MOST_RADIUS))


def _areas(sky: SkyMap) -> str:
    areas = ((contour, sky.area_square_deg(contour)) for contour in CONTOURS)
    return "  ".join(f"{contour:.0%}: {area:,.{1 if area < 100 else 0}f} deg²" for contour, area in areas)
