"""The sky of one event as a figure: contours of its posterior with degrees, the truth, other methods."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.draw.canvas.degrees import degrees
from icereco.evaluation.calibration import CONTOURS
from icereco.physics.sphere import opening_angle
from icereco.plots.sky_axes import (
    CONTOUR_COLOUR,
    CONTOUR_DASHES,
    LARGEST_ZOOM_DEG,
    Mark,
    Sky,
    draw_whole,
    draw_zoom,
    middle_deg,
    zoom_deg,
)
from icereco.plots.style import COLOURS, INK, MARKERS, MUTED, styled
from icereco.reconstruction.event_sky import EventSky

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["area_text", "sky_figure", "utc"]

_UNIFORM = 1e-6


def sky_figure(sky: EventSky, title: str) -> "Figure":
    """Draw contours of 50 and 90 %: around the direction with the whole sky in a corner, or the whole sky where they are large."""
    with styled():
        from matplotlib.figure import Figure

        drawn = Sky(sky.direction, sky.frame, _marks(sky), sky.posterior, _reach_deg(sky))
        radius = zoom_deg(drawn)
        zoomed = radius <= LARGEST_ZOOM_DEG
        figure = Figure(figsize=(6.4, 4.3) if zoomed else (6.4, 4.6))
        if zoomed:
            axes = figure.add_axes((0.125, 0.12, 0.51, 0.76))
            draw_zoom(axes, drawn, radius)
            inset = figure.add_axes((0.66, 0.13, 0.33, 0.25))
            draw_whole(inset, drawn, labels=False)
            text = f"whole sky, {sky.frame.axes[0]} {middle_deg(drawn):.0f}° in the middle"
            figure.text(0.825, 0.11, text, ha="center", va="top", fontsize=7, color=MUTED)
            handles, labels = _legend(sky, drawn.marks)
            axes.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.03, 1.0), borderaxespad=0.0)
        else:
            axes = figure.add_axes((0.09, 0.24, 0.86, 0.64))
            draw_whole(axes, drawn, labels=True)
            if np.ptp(sky.map.log_likelihood) < _UNIFORM:
                axes.text(0.0, 0.4, "all directions are equally likely", ha="center")
            handles, labels = _legend(sky, drawn.marks)
            axes.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)
        figure.text(0.02, 0.975, title, ha="left", va="top", fontsize=9, weight="bold")
        figure.text(0.02, 0.93, _subtitle(sky), ha="left", va="top", fontsize=8, color=MUTED)
        return figure


def _reach_deg(sky: EventSky) -> float:
    region = sky.map.direction[sky.map.region(CONTOURS[-1])]
    return float(np.degrees(opening_angle(region, sky.direction)).max())


def _subtitle(sky: EventSky) -> str:
    angles = sky.frame.angles_deg(sky.direction)
    place = ", ".join(f"{name.removesuffix('_deg')} {degrees(value, 0.01)}" for name, value in angles.items())
    return place if sky.start_mjd is None else f"{place}   {utc(sky.start_mjd)}"


def utc(mjd: float) -> str:
    """Write a modified Julian day (UTC) as date and time."""
    time = datetime(1858, 11, 17, tzinfo=UTC) + timedelta(days=mjd)
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def _marks(sky: EventSky) -> tuple[Mark, ...]:
    """The direction, the truth and other methods, with how far they are from it."""
    marks = [Mark(sky.method, sky.direction, "+", COLOURS[0])]
    if sky.truth is not None:
        marks.append(Mark(f"true direction{_away(sky, sky.truth)}", sky.truth, "x", INK))
    looks = zip(sky.others.items(), COLOURS[1:], MARKERS, strict=False)
    marks += [
        Mark(f"{name}{_away(sky, other)}", other, shape, colour) for (name, other), colour, shape in looks
    ]
    return tuple(marks)


def _away(sky: EventSky, direction: Float[ndarray, "3"]) -> str:
    return f"\n{float(np.degrees(opening_angle(sky.direction, direction))):.3g}° away"


def _legend(sky: EventSky, marks: Sequence[Mark]) -> "tuple[Sequence[Line2D], Sequence[str]]":
    from matplotlib.lines import Line2D

    handles, labels = [], []
    for contour, dash in zip(CONTOURS, CONTOUR_DASHES, strict=True):
        handles.append(Line2D([], [], color=CONTOUR_COLOUR, linestyle=dash))
        labels.append(f"{contour:.0%}: {area_text(sky.map.area_square_deg(contour))}")
    return handles + [mark.handle() for mark in marks], labels + [mark.label for mark in marks]


def area_text(square_deg: float) -> str:
    """Write an area on the sky with as many digits as are worth it."""
    return f"{square_deg:,.0f} deg²" if square_deg >= 100 else f"{square_deg:.3g} deg²"
