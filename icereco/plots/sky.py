"""The sky of one event as a figure: contours of its posterior with degrees, the truth, other methods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.evaluation.calibration import CONTOURS
from icereco.physics.sphere import direction_from_angles, opening_angle
from icereco.plots.projection import Around, Projection, WholeSky
from icereco.plots.style import COLOURS, INK, MARKERS, MUTED, styled
from icereco.reconstruction.event_sky import EventSky

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["sky_figure"]

_LARGEST_ZOOM_DEG, _SMALLEST_ZOOM_DEG = 35.0, 0.002
"""Up to how large a view is around the direction; where the contours are larger, the whole sky is shown."""

_MARGIN = 1.25
_MOST_STRETCH = 3.0
"""By how much the view may grow to show the truth and other methods."""

_STEPS_DEG = (30, 20, 15, 10, 5, 2, 1)
_CELLS = 420
_DEPTH = 50.0
"""Log densities so far below the outer contour are all the same."""

_FILLS = ("#deebf7", "#9ecae1")
_LINES = ("solid", (0, (4, 2)))
_MARK = 7.0


def sky_figure(sky: EventSky, title: str) -> "Figure":
    """Draw contours of 50 and 90 %: around the direction with the whole sky in a corner, or the whole sky where they are large.

    Raises:
        IcerecoError: matplotlib is not installed.
    """
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
            axes.legend(*_legend(sky), loc="upper left", bbox_to_anchor=(1.03, 1.0), borderaxespad=0.0)
        else:
            axes = figure.add_axes((0.09, 0.24, 0.86, 0.64))
            _draw_whole(axes, sky, labels=True)
            axes.legend(*_legend(sky), loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)
        figure.text(0.02, 0.975, title, ha="left", va="top", fontsize=9, weight="bold")
        figure.text(0.02, 0.93, _subtitle(sky), ha="left", va="top", fontsize=8, color=MUTED)
        return figure


def _subtitle(sky: EventSky) -> str:
    angles = sky.frame.angles_deg(sky.direction)
    place = ", ".join(f"{name.removesuffix('_deg')} {value:.2f}°" for name, value in angles.items())
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
    letters = _Graticule.around(sky, radius_deg).draw(axes, view, radius_deg)
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
        points = view.points(_meridian(middle + east, np.linspace(-89.9, 89.9, 91)))
        axes.plot(*points.T, color=MUTED, linewidth=0.4, alpha=0.6, zorder=1)
        if labels:
            _label(axes, points[45] - [0, 0.05], f"{(middle + east) % 360:.0f}°")
    for latitude in range(-60, 61, 30):
        points = view.points(_parallel(latitude, middle + np.linspace(-179.999, 179.999, 181)))
        axes.plot(*points.T, color=MUTED, linewidth=0.4, alpha=0.6, zorder=1)
        if labels:
            text = _degrees(sky.frame.latitude_deg(latitude), 1.0)
            _label(axes, points[-1] - [0.03, 0], text, ha="right")
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
    """Fill and outline the regions; a uniform density has none."""
    places = view.directions(np.stack(np.meshgrid(x, y), -1))
    shown = np.isfinite(places[..., 0])
    inner, outer = (float(sky.posterior.contour_level(contour)[0]) for contour in CONTOURS)
    density = np.full(shown.shape, np.nan)
    density[shown] = np.maximum(sky.posterior.log_density(places[shown][None])[0], outer - _DEPTH)
    highest = float(np.nanmax(density))
    if not outer < highest:
        axes.text(0.5, 0.55, "all directions are equally likely", ha="center", transform=axes.transAxes)
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
    return f", {float(np.degrees(opening_angle(sky.direction, direction))):.3g}° away"


def _legend(sky: EventSky) -> tuple[Sequence[object], Sequence[str]]:
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


def _meridian(longitude_deg: float, latitude_deg: Float[ndarray, "point"]) -> Float[ndarray, "point 3"]:
    return direction_from_angles(
        np.full_like(latitude_deg, np.radians(longitude_deg)), np.radians(90 - latitude_deg)
    )


def _parallel(latitude_deg: float, longitude_deg: Float[ndarray, "point"]) -> Float[ndarray, "point 3"]:
    return direction_from_angles(
        np.radians(longitude_deg), np.full_like(longitude_deg, np.radians(90 - latitude_deg))
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Graticule:
    """Lines of equal longitude and latitude around a direction, by the texts that name them.

    Attributes:
        meridians, parallels: the lines.
        inline: whether parallels are named where they are, as they are closed around a pole.
    """

    meridians: Mapping[str, Float[ndarray, "point 3"]]
    parallels: Mapping[str, Float[ndarray, "point 3"]]
    inline: bool

    @classmethod
    def around(cls, sky: EventSky, radius_deg: float) -> "_Graticule":
        longitude = float(np.degrees(np.arctan2(sky.direction[1], sky.direction[0])) % 360)
        latitude = float(np.degrees(np.arcsin(np.clip(sky.direction[2], -1, 1))))
        reach, step = 1.5 * radius_deg, _step_deg(radius_deg / 2)
        low, high = max(latitude - reach, -90.0), min(latitude + reach, 90.0)
        heights = _multiples(low, high, step)
        near_pole = 90.0 - abs(latitude) <= reach
        shrink = np.cos(np.radians(max(abs(low), abs(high))))
        wide = 180.0 if near_pole else min(reach / shrink, 180.0)
        across = 30.0 if near_pole else _step_deg(radius_deg / np.cos(np.radians(latitude)) / 1.5)
        sides = _multiples(longitude - wide, longitude + wide, across)
        along, around = np.linspace(low, high, 400), np.linspace(longitude - wide, longitude + wide, 1600)
        return cls(
            {_degrees(side % 360, across): _meridian(side, along) for side in sides},
            {_degrees(sky.frame.latitude_deg(height), step): _parallel(height, around) for height in heights},
            near_pole,
        )

    def draw(self, axes: "Axes", view: Projection, radius_deg: float) -> float:
        """Draw the lines, each with its name where it leaves the frame below or on the left; return how wide the names are there."""
        for lines, edge in ((self.meridians, 1), (self.parallels, 0)):
            for text, line in lines.items():
                points = view.points(line)
                points[(np.abs(points) > 1.01 * radius_deg).any(axis=1)] = np.nan
                axes.plot(*points.T, color=MUTED, linewidth=0.5, alpha=0.7, zorder=1)
                seen = points[(np.abs(points) <= radius_deg).all(axis=1)]
                if len(seen):
                    self._name(axes, seen, text, edge, radius_deg)
        return max(map(len, self.parallels), default=0)

    def _name(
        self, axes: "Axes", seen: Float[ndarray, "point 2"], text: str, edge: int, radius_deg: float
    ) -> None:
        last = seen[seen[:, edge].argmin()]
        if last[edge] < -0.96 * radius_deg:
            place = last.copy()
            place[edge] = -1.03 * radius_deg
            horizontal, vertical = ("right", "center") if edge == 0 else ("center", "top")
            axes.text(*place, text, ha=horizontal, va=vertical, fontsize=8)
        elif edge == 0 and self.inline:
            _label(axes, seen[len(seen) // 2], text)


def _label(axes: "Axes", place: Float[ndarray, "2"], text: str, ha: str = "center") -> None:
    """Write a small text among lines, legible on them."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.0, foreground="white")]
    axes.text(*place, text, ha=ha, va="center", fontsize=7, color=MUTED, path_effects=halo, zorder=2.5)


def _step_deg(wanted_deg: float) -> float:
    """The greatest round step up to one that is wanted."""
    scale = 1.0
    while wanted_deg < 1:
        wanted_deg, scale = wanted_deg * 10, scale / 10
    return scale * next(step for step in _STEPS_DEG if step <= wanted_deg)


def _multiples(low: float, high: float, step: float) -> list[float]:
    return [step * number for number in range(int(np.ceil(low / step)), int(np.floor(high / step)) + 1)]


def _degrees(value: float, step: float) -> str:
    decimals = max(0, int(np.ceil(-np.log10(step) - 1e-9)))
    return f"{value:.{decimals}f}°".replace("-", "−")
