"""The sky of one event as a figure: contours of its posterior with degrees, the truth, other methods."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.evaluation.calibration import CONTOURS
from icereco.physics.sphere import opening_angle
from icereco.plots.graticule import Graticule, degrees, label, meridian, parallel
from icereco.plots.projection import Around, Projection, WholeSky
from icereco.plots.style import COLOURS, INK, MARKERS, MUTED, styled
from icereco.reconstruction.event_sky import EventSky

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["sky_figure"]

_LARGEST_ZOOM_DEG, _SMALLEST_ZOOM_DEG = 35.0, 0.002
"""Up to how large a view is around the direction; where the contours are larger, the whole sky is shown."""

_MARGIN = 1.25
_MOST_STRETCH = 3.0
"""By how much the view may grow to show the truth and other methods."""

_CELLS = 420
_UNIFORM = 1e-6
_DEPTH = 50.0
"""Log densities so far below the outer contour are all the same."""

_FILLS = ("#deebf7", "#9ecae1")
_LINES: Any = ("solid", (0, (4, 2)))
_MARK = 7.0


def sky_figure(sky: EventSky, title: str) -> "Figure":
    """Draw contours of 50 and 90 %: around the direction with the whole sky in a corner, or the whole sky where they are large."""
    with styled():
        from matplotlib.figure import Figure

        radius = _zoom_deg(sky)
        zoomed = radius <= _LARGEST_ZOOM_DEG
        figure = Figure(figsize=(6.4, 4.3) if zoomed else (6.4, 4.6))
        if zoomed:
            axes = figure.add_axes((0.125, 0.12, 0.51, 0.76))
            _draw_zoom(axes, sky, radius)
            inset = figure.add_axes((0.66, 0.13, 0.33, 0.25))
            _draw_whole(inset, sky, labels=False)
            text = f"whole sky, {sky.frame.axes[0]} {_middle_deg(sky):.0f}° in the middle"
            figure.text(0.825, 0.11, text, ha="center", va="top", fontsize=7, color=MUTED)
            handles, labels = _legend(sky)
            axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.03, 1.0), borderaxespad=0.0)
        else:
            axes = figure.add_axes((0.09, 0.24, 0.86, 0.64))
            _draw_whole(axes, sky, labels=True)
            if np.ptp(sky.map.log_likelihood) < _UNIFORM:
                axes.text(0.0, 0.4, "all directions are equally likely", ha="center")
            handles, labels = _legend(sky)
            axes.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)
        figure.text(0.02, 0.975, title, ha="left", va="top", fontsize=9, weight="bold")
        figure.text(0.02, 0.93, _subtitle(sky), ha="left", va="top", fontsize=8, color=MUTED)
        return figure


def _subtitle(sky: EventSky) -> str:
    angles = sky.frame.angles_deg(sky.direction)
    place = ", ".join(f"{name.removesuffix('_deg')} {degrees(value, 0.01)}" for name, value in angles.items())
    if sky.start_mjd is None:
        return place
    time = datetime(1858, 11, 17, tzinfo=UTC) + timedelta(days=sky.start_mjd)
    return f"{place}   {time:%Y-%m-%d %H:%M:%S} UTC"


def _zoom_deg(sky: EventSky) -> float:
    """How far from the direction the outer contour reaches, and a bit more for marks that are near."""
    region = sky.map.direction[sky.map.region(CONTOURS[-1])]
    reach = np.degrees(opening_angle(region, sky.direction).max())
    marks = [one for one in (sky.truth, *sky.others.values()) if one is not None]
    away = [float(np.degrees(opening_angle(sky.direction, one))) for one in marks]
    near = [angle for angle in away if angle < min(_MOST_STRETCH * reach, _LARGEST_ZOOM_DEG / _MARGIN)]
    return float(_MARGIN * max([reach, *near, _SMALLEST_ZOOM_DEG]))


def _draw_zoom(axes: "Axes", sky: EventSky, radius_deg: float) -> None:
    view = Around(sky.direction)
    axes.set(xlim=(-radius_deg, radius_deg), ylim=(-radius_deg, radius_deg), aspect="equal")
    axes.set_xticks([])
    axes.set_yticks([])
    side = np.linspace(-radius_deg, radius_deg, _CELLS)
    _draw_contours(axes, sky, view, side, side)
    letters = Graticule.around(sky, radius_deg).draw(axes, view, radius_deg)
    _draw_marks(axes, sky, view)
    longitude, latitude = sky.frame.axes
    axes.set_xlabel(longitude, labelpad=16)
    axes.set_ylabel(latitude, labelpad=10 + 5 * letters)


def _draw_whole(axes: "Axes", sky: EventSky, *, labels: bool) -> None:
    middle = _middle_deg(sky)
    view = WholeSky(middle)
    axes.set(xlim=(-2.02, 2.02), ylim=(-1.02, 1.02), aspect="equal")
    axes.axis("off")
    turn = np.linspace(0, 2 * np.pi, 361)
    axes.fill(2 * np.cos(turn), np.sin(turn), facecolor="white", edgecolor=INK, linewidth=0.8, zorder=0)
    _draw_contours(axes, sky, view, np.linspace(-2, 2, 2 * _CELLS), np.linspace(-1, 1, _CELLS))
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
        axes.text(-2.26, 0.0, latitude_name, ha="right", va="center", rotation=90)
    _draw_marks(axes, sky, view, 1.0 if labels else 0.6)


def _middle_deg(sky: EventSky) -> float:
    """The longitude in the middle of the whole sky, a multiple of 60° near the direction, so that no contour is cut in two."""
    return float(np.round(np.degrees(np.arctan2(sky.direction[1], sky.direction[0])) / 60.0) * 60.0 % 360.0)


def _draw_contours(
    axes: "Axes", sky: EventSky, view: Projection, x: Float[ndarray, "x"], y: Float[ndarray, "y"]
) -> None:
    """Fill and outline the regions, but for those between two points of the picture, or of a uniform density."""
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
    for level, dash in zip((inner, outer), _LINES, strict=True):
        if np.nanmin(density) < level < highest:
            axes.contour(
                x, y, drawn, levels=[level], colors=[COLOURS[0]], linestyles=[dash], linewidths=1.4, zorder=2
            )


def _draw_marks(axes: "Axes", sky: EventSky, view: Projection, size: float = 1.0) -> None:
    for mark in _marks(sky):
        x, y = view.points(mark.direction)
        axes.plot(
            x, y, mark.shape, color=mark.colour, markersize=size * _MARK, markeredgewidth=1.3 * size,
            fillstyle="none", clip_on=True, zorder=3,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Mark:
    label: str
    direction: Float[ndarray, "3"]
    shape: str
    colour: str


def _marks(sky: EventSky) -> list[_Mark]:
    """The direction, the truth and other methods, with how far they are from it."""
    marks = [_Mark(sky.method, sky.direction, "+", COLOURS[0])]
    if sky.truth is not None:
        marks.append(_Mark(f"true direction{_away(sky, sky.truth)}", sky.truth, "x", INK))
    looks = zip(sky.others.items(), COLOURS[1:], MARKERS, strict=False)
    return marks + [
        _Mark(f"{name}{_away(sky, other)}", other, shape, colour) for (name, other), colour, shape in looks
    ]


def _away(sky: EventSky, direction: Float[ndarray, "3"]) -> str:
    return f"\n{float(np.degrees(opening_angle(sky.direction, direction))):.3g}° away"


def _legend(sky: EventSky) -> "tuple[Sequence[Line2D], Sequence[str]]":
    from matplotlib.lines import Line2D

    handles, labels = [], []
    for contour, dash in zip(CONTOURS, _LINES, strict=True):
        handles.append(Line2D([], [], color=COLOURS[0], linestyle=dash))
        labels.append(f"{contour:.0%}: {_area(sky.map.area_square_deg(contour))}")
    for mark in _marks(sky):
        handles.append(
            Line2D(
                [],
                [],
                color=mark.colour,
                marker=mark.shape,
                linestyle="none",
                fillstyle="none",
                markersize=_MARK,
            )
        )
        labels.append(mark.label)
    return handles, labels


def _area(square_deg: float) -> str:
    return f"{square_deg:,.0f} deg²" if square_deg >= 100 else f"{square_deg:.3g} deg²"
