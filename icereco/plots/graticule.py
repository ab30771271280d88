"""Lines of equal longitude and latitude, and their names in degrees."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.draw.canvas.degrees import degrees, multiples, round_step_deg
from icereco.events.sky_frame import SkyFrame
from icereco.physics.sphere import direction_from_angles
from icereco.plots.projection import Projection
from icereco.plots.style import MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Graticule", "label", "meridian", "parallel"]

_LETTER = 4.6
"""Points that a letter is wide."""


def meridian(longitude_deg: float, latitude_deg: Float[ndarray, "point"]) -> Float[ndarray, "point 3"]:
    """Return directions at one longitude."""
    return direction_from_angles(
        np.full_like(latitude_deg, np.radians(longitude_deg)), np.radians(90 - latitude_deg)
    )


def parallel(latitude_deg: float, longitude_deg: Float[ndarray, "point"]) -> Float[ndarray, "point 3"]:
    """Return directions at one latitude."""
    return direction_from_angles(
        np.radians(longitude_deg), np.full_like(longitude_deg, np.radians(90 - latitude_deg))
    )


@dataclass(frozen=True, slots=True, eq=False)
class Graticule:
    """Lines of equal longitude and latitude around a direction, by the texts that name them.

    Attributes:
        meridians, parallels: the lines.
        inline: whether parallels are named where they are, as they are closed around a pole.
    """

    meridians: Mapping[str, Float[ndarray, "along 3"]]
    parallels: Mapping[str, Float[ndarray, "around 3"]]
    inline: bool

    @classmethod
    def around(cls, direction: Float[ndarray, "3"], frame: SkyFrame, radius_deg: float) -> "Graticule":
        """Return lines for a view that reaches so far from a direction, at round steps."""
        longitude = float(np.degrees(np.arctan2(direction[1], direction[0])) % 360)
        latitude = float(np.degrees(np.arcsin(np.clip(direction[2], -1, 1))))
        reach, step = 1.5 * radius_deg, round_step_deg(radius_deg / 2)
        low, high = max(latitude - reach, -90.0), min(latitude + reach, 90.0)
        heights = multiples(low, high, step)
        near_pole = 90.0 - abs(latitude) <= reach
        shrink = np.cos(np.radians(max(abs(low), abs(high))))
        wide = 180.0 if near_pole else min(reach / shrink, 180.0)
        across = 30.0 if near_pole else round_step_deg(radius_deg / np.cos(np.radians(latitude)) / 1.5)
        sides = multiples(longitude - wide, longitude + wide, across)
        along, around = np.linspace(low, high, 400), np.linspace(longitude - wide, longitude + wide, 1600)
        return cls(
            {degrees(side % 360, across): meridian(side, along) for side in sides},
            {degrees(frame.latitude_deg(height), step): parallel(height, around) for height in heights},
            near_pole,
        )

    def draw(self, axes: "Axes", view: Projection, radius_deg: float) -> float:
        """Draw the lines, each with its name where it leaves the frame below or on the left; return how wide the names are there."""
        for lines, edge in ((self.meridians, 1), (self.parallels, 0)):
            named = np.inf  # where the last name stands
            for text, line in lines.items():
                points = view.points(line)
                points[(np.abs(points) > 1.01 * radius_deg).any(axis=1)] = np.nan
                axes.plot(*points.T, color=MUTED, linewidth=0.5, alpha=0.7, zorder=1)
                seen = points[(np.abs(points) <= radius_deg).all(axis=1)]
                if not len(seen):
                    continue
                last = seen[seen[:, edge].argmin()]
                if last[edge] < -0.96 * radius_deg:
                    if edge == 0 or abs(last[0] - named) > _width(axes, text) * radius_deg:
                        named = last[0]
                        _name(axes, last, text, edge, radius_deg)
                elif edge == 0 and self.inline:
                    label(axes, seen[len(seen) // 2], text)
        return max(map(len, self.parallels), default=0)


def _name(axes: "Axes", last: Float[ndarray, "2"], text: str, edge: int, radius_deg: float) -> None:
    """Write a name below a place, or on the left of it."""
    place = last.copy()
    place[edge] = -1.03 * radius_deg
    horizontal, vertical = ("right", "center") if edge == 0 else ("center", "top")
    axes.text(place[0], place[1], text, ha=horizontal, va=vertical, fontsize=8)


def _width(axes: "Axes", text: str) -> float:
    """How much room a name takes, of half the width of the frame."""
    width = float(axes.bbox.width) * 72 / axes.figure.dpi
    return 2 * (len(text) + 1) * _LETTER / width


def label(axes: "Axes", place: Float[ndarray, "2"], text: str, ha: str = "center") -> None:
    """Write a small text among lines, legible on them."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.0, foreground="white")]
    axes.text(
        place[0], place[1], text, ha=ha, va="center", fontsize=7, color=MUTED, path_effects=halo, zorder=2.5
    )
