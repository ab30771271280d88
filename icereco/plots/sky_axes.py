"""Contours of a posterior and marks on the sky, around a direction or on the whole sphere, on axes of any figure."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.draw.canvas.degrees import degrees
from icereco.evaluation.calibration import CONTOURS
from icereco.events.posterior import Posterior
from icereco.events.sky_frame import SkyFrame
from icereco.physics.sphere import opening_angle
from icereco.plots.graticule import Graticule, label, meridian, parallel
from icereco.plots.projection import Around, Projection, WholeSky
from icereco.plots.style import COLOURS, INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

__all__ = [
    "CONTOUR_COLOUR",
    "CONTOUR_DASHES",
    "LARGEST_ZOOM_DEG",
    "Mark",
    "Sky",
    "draw_whole",
    "draw_zoom",
    "middle_deg",
    "zoom_deg",
]

LARGEST_ZOOM_DEG = 35.0
"""Up to how large a view is around the direction; where the contours are larger, the whole sky is shown."""

CONTOUR_DASHES: Any = ("solid", (0, (4, 2)))

CONTOUR_COLOUR = COLOURS[0]

_SMALLEST_ZOOM_DEG = 0.002
_MARGIN = 1.25
_MOST_STRETCH = 3.0
"""By how much the view may grow to show the truth and other methods."""

_DEPTH = 50.0
"""Log densities so far below the outer contour are all the same."""

_FILLS = ("#deebf7", "#9ecae1")
_MARK = 7.0


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """A direction on the sky.

    Attributes:
        label: what a legend calls it.
        direction: `[3]`, to where the neutrino came from.
        shape: a marker of matplotlib.
        colour: of the marker.
    """

    label: str
    direction: Float[ndarray, "3"]
    shape: str
    colour: str

    def handle(self) -> "Line2D":
        """Return what a legend shows."""
        from matplotlib.lines import Line2D

        look: Any = {"marker": self.shape, "linestyle": "none", "fillstyle": "none", "markersize": _MARK}
        return Line2D([], [], color=self.colour, **look)


@dataclass(frozen=True, slots=True, eq=False)
class Sky:
    """What is drawn of the sky; directions are in the coordinates of `frame`.

    Attributes:
        direction: `[3]`, in the middle of what is shown.
        frame: of directions, posterior and map.
        marks: directions, later ones on top.
        posterior: density of the direction of one event, or None.
        reach_deg: how far from the direction the outer contour goes; 0 without a posterior.
        cells: of the grid on which contours are found, for each half of the picture's width.
    """

    direction: Float[ndarray, "3"]
    frame: SkyFrame
    marks: tuple[Mark, ...]
    posterior: Posterior | None = None
    reach_deg: float = 0.0
    cells: int = 420

    def away_deg(self, direction: Float[ndarray, "*n 3"]) -> Float[ndarray, "*n"]:
        """Return how far directions are from that in the middle."""
        return np.asarray(np.degrees(opening_angle(direction, self.direction)))


def zoom_deg(sky: Sky) -> float:
    """Return how far from the direction the outer contour reaches, and a bit more for marks that are near; without contours, for all marks."""
    away = [float(sky.away_deg(mark.direction)) for mark in sky.marks]
    if sky.posterior is None:
        return _MARGIN * max(away, default=0.0)
    near = [angle for angle in away if angle < min(_MOST_STRETCH * sky.reach_deg, LARGEST_ZOOM_DEG / _MARGIN)]
    return _MARGIN * max([sky.reach_deg, *near, _SMALLEST_ZOOM_DEG])


def draw_zoom(axes: "Axes", sky: Sky, radius_deg: float) -> None:
    """Draw what is around the direction, with lines of equal longitude and latitude that are named at the edges."""
    view = Around(sky.direction)
    axes.set(xlim=(-radius_deg, radius_deg), ylim=(-radius_deg, radius_deg), aspect="equal")
    axes.set_xticks([])
    axes.set_yticks([])
    side = np.linspace(-radius_deg, radius_deg, sky.cells)
    _draw_contours(axes, sky, view, side, side)
    letters = Graticule.around(sky.direction, sky.frame, radius_deg).draw(axes, view, radius_deg)
    _draw_marks(axes, sky, view)
    longitude, latitude = sky.frame.axes
    axes.set_xlabel(longitude, labelpad=16)
    axes.set_ylabel(latitude, labelpad=10 + 5 * letters)


def draw_whole(axes: "Axes", sky: Sky, *, labels: bool) -> None:
    """Draw the whole sky, with its middle near the direction."""
    middle = middle_deg(sky)
    view = WholeSky(middle)
    axes.set(xlim=(-2.02, 2.02), ylim=(-1.02, 1.02), aspect="equal")
    axes.axis("off")
    turn = np.linspace(0, 2 * np.pi, 361)
    axes.fill(2 * np.cos(turn), np.sin(turn), facecolor="white", edgecolor=INK, linewidth=0.8, zorder=0)
    _draw_contours(axes, sky, view, np.linspace(-2, 2, 2 * sky.cells), np.linspace(-1, 1, sky.cells))
    for east in range(-120, 121, 60):
        points = view.points(meridian(middle + east, np.linspace(-89.9, 89.9, 91)))
        axes.plot(*points.T, color=MUTED, linewidth=0.4, alpha=0.6, zorder=1)
        if labels:
            label(axes, points[45] - [0, 0.05], f"{(middle + east) % 360:.0f}°")
    for latitude in range(-60, 61, 30):
        points = view.points(parallel(latitude, middle + np.linspace(-179.999, 179.999, 181)))
        axes.plot(*points.T, color=MUTED, linewidth=0.4, alpha=0.6, zorder=1)
        if labels:
            text = degrees(sky.frame.latitude_deg(latitude), 1.0)
            label(axes, points[-1] - [0.03, 0], text, ha="right")
    if labels:
        longitude_name, latitude_name = sky.frame.axes
        axes.text(0.0, -1.06, longitude_name, ha="center", va="top")
        axes.annotate(
            latitude_name,
            (-2.0, 0.0),
            (-26, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            rotation=90,
        )
    _draw_marks(axes, sky, view, 1.0 if labels else 0.6)


def middle_deg(sky: Sky) -> float:
    """Return the longitude in the middle of the whole sky, a multiple of 60° near the direction, so that no contour is cut in two."""
    return float(np.round(np.degrees(np.arctan2(sky.direction[1], sky.direction[0])) / 60.0) * 60.0 % 360.0)


def _draw_contours(
    axes: "Axes", sky: Sky, view: Projection, x: Float[ndarray, "x"], y: Float[ndarray, "y"]
) -> None:
    """Fill and outline the regions, but for those between two points of the picture, or of a uniform density."""
    if sky.posterior is None:
        return
    places = view.directions(np.stack(np.meshgrid(x, y), -1))
    shown = np.isfinite(places[..., 0])
    inner, outer = (float(sky.posterior.contour_level(contour)[0]) for contour in CONTOURS)
    density = np.full(shown.shape, np.nan)
    density[shown] = np.maximum(sky.posterior.log_density(places[shown][None])[0], outer - _DEPTH)
    highest = float(np.nanmax(density))
    if not outer < highest:
        return
    levels = [outer, inner, highest + 1.0] if outer < inner < highest else [outer, highest + 1.0]
    drawn = np.ma.masked_invalid(density)
    axes.contourf(x, y, drawn, levels=levels, colors=_FILLS[: len(levels) - 1], zorder=0.5)
    for level, dash in zip((inner, outer), CONTOUR_DASHES, strict=True):
        if np.nanmin(density) < level < highest:
            axes.contour(
                x,
                y,
                drawn,
                levels=[level],
                colors=[CONTOUR_COLOUR],
                linestyles=[dash],
                linewidths=1.4,
                zorder=2,
            )


def _draw_marks(axes: "Axes", sky: Sky, view: Projection, size: float = 1.0) -> None:
    for mark in sky.marks:
        x, y = view.points(mark.direction)
        axes.plot(
            x, y, mark.shape, color=mark.colour, markersize=size * _MARK, markeredgewidth=1.3 * size,
            fillstyle="none", clip_on=True, zorder=3,
        )  # fmt: skip
