"""Direct light of a particle or a cascade at a moment: where it has got to, and where the particle is."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.camera import Camera
from icereco.draw.canvas.sky import ring

__all__ = ["Front", "draw_front"]

_AXES = np.eye(3)
_AROUND = 73  # points of a circle
_WIDE = 0.4  # of the cone at its rim, in sizes of the scene: light is hardly seen at greater distances
_FAR = 1.5  # at which the particle has left the scene, and light on a sphere is weak, likewise
_SIDES = 4  # straight lines along the cone
_DASH = 1


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """Light that left a source and was not scattered.

    Attributes:
        place_m: `[3]`, of the particle at the moment, or of the cascade.
        travel: unit vector `[3]` along which the particle goes; None for a cascade.
        lag: metres by which the front is behind the particle for each metre from its line; 0 for a cascade.
        radius_m: of the sphere that the light of a cascade fills; 0 for a particle.
        color: of what is drawn.
    """

    place_m: Float[ndarray, "3"]
    travel: Float[ndarray, "3"] | None
    lag: float
    radius_m: float
    color: int


def draw_front(canvas: Canvas, front: Front, camera: Camera, layer: int) -> None:
    """Draw a cone behind a particle, or a sphere around a cascade, in dashes; nothing where they are far from the scene."""
    if front.travel is not None:
        _draw_cone(canvas, front, front.travel, camera, layer)
    elif 0 < front.radius_m < _FAR * camera.radius_m:
        circles = [front.place_m + front.radius_m * ring(axis, np.pi / 2, _AROUND) for axis in _AXES]
        for circle in circles:
            _draw_path(canvas, circle, front.color, camera, layer)


def _draw_cone(canvas: Canvas, front: Front, travel: ndarray, camera: Camera, layer: int) -> None:
    if np.linalg.norm(front.place_m - camera.center_m) > _FAR * camera.radius_m:
        return
    across = _WIDE * camera.radius_m * ring(travel, np.pi / 2, _AROUND)
    rim = front.place_m + across - front.lag * _WIDE * camera.radius_m * travel
    for part in (0.5, 1.0):
        _draw_path(canvas, front.place_m + part * (rim - front.place_m), front.color, camera, layer)
    ends = _seen(canvas, np.concatenate([front.place_m[None], rim[: -1 : (_AROUND - 1) // _SIDES]]), camera)
    tip_x, tip_y = np.full(_SIDES, ends[0][0]), np.full(_SIDES, ends[1][0])
    canvas.lines(tip_x, tip_y, ends[0][1:], ends[1][1:], front.color, layer, dash=_DASH)
    canvas.discs(ends[0][:1], ends[1][:1], 2.0, front.color, layer)


def _draw_path(canvas: Canvas, points_m: ndarray, color: int, camera: Camera, layer: int) -> None:
    x, y = _seen(canvas, points_m, camera)
    canvas.lines(x[:-1:2], y[:-1:2], x[1::2], y[1::2], color, layer)


def _seen(canvas: Canvas, points_m: ndarray, camera: Camera) -> tuple[ndarray, ndarray]:
    seen = camera.project(points_m, canvas.width, canvas.height, canvas.marker.dot_aspect)
    return seen.x, seen.y
