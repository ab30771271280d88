"""A camera that looks at the detector: turned, tilted, moved and zoomed, with or without perspective."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from jaxtyping import Float
from numpy import ndarray

__all__ = ["VIEWS", "Camera", "Projected"]

_DISTANCE = 3.0  # from the centre, in sizes of the scene: near enough to tell front from back
_NEAREST = 0.15  # points nearer than this part of the distance count as behind the eye
_ZOOM_RANGE = (0.2, 200.0)
_AROUND = 1.2  # size of what is seen, in sizes of what is brought near
_CLOSEST = 0.15  # smallest ball that is brought near, in sizes of the scene
_FILL = 1.05  # size of the ball around the scene relative to the canvas: few detectors fill their ball


@dataclass(frozen=True, slots=True)
class Projected:
    """Points on a canvas.

    Attributes:
        x, y: float64 `[N]`, in dots; NaN for points behind the eye.
        depth: float64 `[N]`, 0 for the nearest point of the scene to 1 for the farthest.
        scale: float64 `[N]`, dots (across) per metre at each point.
    """

    x: Float[ndarray, "point"]
    y: Float[ndarray, "point"]
    depth: Float[ndarray, "point"]
    scale: Float[ndarray, "point"]


@dataclass(frozen=True, slots=True)
class Camera:
    """The position of the eye, and the magnification.

    Attributes:
        center_m: the point `(x, y, z)` about which it turns.
        radius_m: of the ball around that point that contains the scene.
        yaw: azimuth of the eye, rad; 0 looks from +x, π/2 from +y.
        pitch: tilt, rad; 0 looks horizontally, π/2 from above.
        zoom: 1 shows the whole scene.
        pan_m: shift across the picture, to the right and upwards.
        parallel: whether it sees without perspective, as from very far away: lengths are the same at any distance.
    """

    center_m: tuple[float, float, float]
    radius_m: float
    yaw: float = -0.55
    pitch: float = 0.22
    zoom: float = 1.0
    pan_m: tuple[float, float] = (0.0, 0.0)
    parallel: bool = False

    @classmethod
    def around(cls, position_m: Float[ndarray, "sensor 3"]) -> Self:
        """A camera that sees all of these points."""
        if not len(position_m):
            return cls((0.0, 0.0, 0.0), 1.0)
        center, radius = _ball(position_m)
        return cls(center, max(radius, 1.0))

    def focused(self, position_m: Float[ndarray, "point 3"]) -> Self:
        """The camera brought near to at least one point, around which it turns from now on; the whole scene stays in front of it."""
        center, radius = _ball(position_m)
        zoom = self.radius_m / max(_AROUND * radius, _CLOSEST * self.radius_m)
        return replace(self, center_m=center, zoom=float(np.clip(zoom, *_ZOOM_RANGE)), pan_m=(0.0, 0.0))

    def turned(self, yaw: float, pitch: float) -> Self:
        """The camera turned and tilted further (rad), at most to straight above or below."""
        tilt = float(np.clip(self.pitch + pitch, -np.pi / 2, np.pi / 2))
        return replace(self, yaw=(self.yaw + yaw) % (2 * np.pi), pitch=tilt)

    def zoomed(self, factor: float) -> Self:
        """The camera magnified further (factor above 1) or less."""
        return replace(self, zoom=float(np.clip(self.zoom * factor, *_ZOOM_RANGE)))

    def panned(self, right: float, up: float) -> Self:
        """The camera moved by parts of the radius that is visible."""
        step = self.radius_m / self.zoom
        return replace(self, pan_m=(self.pan_m[0] + right * step, self.pan_m[1] + up * step))

    def seen_from(self, view: str) -> Self:
        """The camera turned to one of `VIEWS`."""
        yaw, pitch = VIEWS[view]
        return replace(self, yaw=yaw, pitch=pitch)

    def looking(self, turn_deg: float | None, tilt_deg: float | None) -> Self:
        """The camera turned and tilted to angles in degrees; None = as it is."""
        yaw = self.yaw if turn_deg is None else float(np.radians(turn_deg))
        pitch = self.pitch if tilt_deg is None else float(np.radians(np.clip(tilt_deg, -90, 90)))
        return replace(self, yaw=yaw, pitch=pitch)

    def project(
        self, points_m: Float[ndarray, "point 3"], width: int, height: int, aspect: float = 1.0
    ) -> Projected:
        """Project points of the detector onto a canvas of `width` × `height` dots, each `aspect` times as high as wide."""
        right, up, toward = self._axes()
        offset = np.asarray(points_m, dtype=np.float64) - self.center_m
        distance = _DISTANCE * self.radius_m
        away = distance - offset @ toward
        seen = away > _NEAREST * distance
        shrink = (
            np.ones(len(away))
            if self.parallel
            else np.where(seen, distance / np.where(seen, away, 1.0), np.nan)
        )
        scale = _FILL * min(width, height * aspect) / (2 * self.radius_m) * self.zoom * shrink
        x = width / 2 + (offset @ right - self.pan_m[0]) * scale
        y = height / 2 - (offset @ up - self.pan_m[1]) * scale / aspect
        depth = np.clip((away / self.radius_m - _DISTANCE + 1) / 2, 0, 1)
        return Projected(x, y, depth, scale)

    def on_picture(self, direction: Float[ndarray, "point 3"]) -> tuple[ndarray, ndarray]:
        """The parts of vectors to the right and upwards in the picture."""
        right, up, _ = self._axes()
        return direction @ right, direction @ up

    def _axes(self) -> tuple[ndarray, ndarray, ndarray]:
        """Unit vectors to the right, upwards, and towards the eye."""
        sin_yaw, cos_yaw = np.sin(self.yaw), np.cos(self.yaw)
        sin_pitch, cos_pitch = np.sin(self.pitch), np.cos(self.pitch)
        right = np.array([-sin_yaw, cos_yaw, 0.0])
        toward = np.array([cos_yaw * cos_pitch, sin_yaw * cos_pitch, sin_pitch])
        return right, np.cross(toward, right), toward


def _ball(position_m: Float[ndarray, "point 3"]) -> tuple[tuple[float, float, float], float]:
    """The middle of the box around points, and the distance of the farthest from it."""
    low, high = position_m.min(0).astype(float), position_m.max(0).astype(float)
    center = (low + high) / 2
    radius = float(np.linalg.norm(position_m - center, axis=1).max())
    return (float(center[0]), float(center[1]), float(center[2])), radius


VIEWS = {"x": (0.0, 0.0), "y": (-np.pi / 2, 0.0), "z": (-np.pi / 2, np.pi / 2)}
"""Along an axis: x and y horizontally, z from above, with x to the right; yaw and pitch in rad."""
