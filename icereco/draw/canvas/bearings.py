"""Which way the axes of the detector lie in a picture, and how long a length is in it."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.camera import Camera
from icereco.draw.canvas.palette import Palette
from icereco.draw.canvas.scale import round_length

__all__ = ["draw_bearings"]

_LEAST_COLUMNS, _LEAST_ROWS = 30, 9
_ARM = 0.075  # of the height of the picture
_SHORTEST_ARM = 0.3  # of an arm across the picture, to have a name
_BAR = 0.16  # of the width of the picture, at most


def draw_bearings(canvas: Canvas, camera: Camera, palette: Palette, layer: int) -> None:
    """Draw arms along x, y and z above a scale bar, true at the middle of what the camera looks at, where there is room."""
    if canvas.columns >= _LEAST_COLUMNS and canvas.rows >= _LEAST_ROWS:
        lines = np.concatenate([_bar(canvas, camera, palette), _arms(canvas, camera, palette)], axis=1)
        x0, y0, x1, y1 = lines
        canvas.lines(x0, y0, x1, y1, palette.label, layer)


def _bar(canvas: Canvas, camera: Camera, palette: Palette) -> Float[ndarray, "4 line"]:
    """Write the length of the scale bar; return its lines, from x, y to x, y."""
    marker = canvas.marker
    center = np.array([camera.center_m])
    per_m = float(camera.project(center, canvas.width, canvas.height, marker.dot_aspect).scale[0])
    length_m = round_length(_BAR * canvas.width / per_m)
    left, right, y = marker.across, marker.across + length_m * per_m, canvas.height - (marker.down + 1) // 2
    half = max(marker.down // 4, 1) if marker.down > 1 else 0
    text = f"{length_m:,.0f} m" if length_m >= 1 else f"{length_m:g} m"
    canvas.text(int(right / marker.across) + 2, canvas.rows - 1, text, palette.label)
    return np.array(
        [[left, left, right], [y, y - half, y - half], [right, left, right], [y, y + half, y + half]]
    )


def _arms(canvas: Canvas, camera: Camera, palette: Palette) -> Float[ndarray, "4 line"]:
    """Write the names of the axes; return their lines."""
    marker = canvas.marker
    aspect = marker.dot_aspect
    arm = max(_ARM * canvas.height * aspect, 2.0 * marker.across)
    x = arm + 2 * marker.across
    y = canvas.height - 1.5 * marker.down - arm / aspect - marker.down
    across, up = camera.on_picture(np.eye(3))
    taken: list[tuple[int, int]] = []
    for index in np.argsort(up):  # the lowest name first: the next one moves up where it would be beside it
        size = np.hypot(across[index], up[index])
        if size < _SHORTEST_ARM:
            continue
        beyond = arm + marker.across / size
        column = int((x + beyond * across[index]) // marker.across)
        row = int((y - beyond * up[index] / aspect) // marker.down)
        while any(abs(column - other) < 2 and row == line for other, line in taken):
            row -= 1
        taken.append((column, row))
        canvas.text(column, row, "xyz"[index], palette.label)
    return np.stack([np.full(3, x), np.full(3, y), x + arm * across, y - arm * up / aspect])
