"""The detector with an event in it, as a camera sees it, on axes whose units are points of print (1/72 inch)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.draw.canvas.camera import Camera
from icereco.draw.canvas.scale import round_length
from icereco.plots.event_hits import ModuleHits, disc_radius
from icereco.plots.style import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

__all__ = ["Track", "View", "draw_detector", "draw_hits", "draw_scale", "draw_tracks"]

_STRING, _SILENT = "#d9d9d9", "#b3b3b3"
_MOST_VECTORS = 20_000
"""Modules without light beyond so many are pixels, as each one adds to the size of the file."""

_DOT = 0.1
_SIZE_STEP = 1.1
"""Radii of discs are rounded to powers of this, so that a file describes each size once."""

_REACH = 1.3  # of directions from the middle of the detector, in its sizes
_STEPS = 2049
_TAIL = 10.0
"""Shorter lines have no visible direction."""

_START, _STOP = "D", "s"
"""Marks of the ends of tracks: matplotlib's diamond and square."""

_MARGIN = 5.0
_HALO = 2.4
_ARM = 20.0  # of the axes x, y and z
_SHORTEST_ARM = 0.2
_BAR = 0.22
"""The longest scale bar, of the width."""


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A direction through the event.

    Attributes:
        direction: `[3]`, to where the neutrino came from; the arrow points to where it went.
        through_m: `[3]`, a point on it.
        colour, dash: of the line.
        starts: whether it starts at that point, and does not only go through it.
        length_m: from that point to where it stops.
    """

    direction: Float[ndarray, "3"]
    through_m: Float[ndarray, "3"]
    colour: str
    dash: Any = "solid"
    starts: bool = False
    length_m: float = float("inf")

    @property
    def ends_m(self) -> Iterator[tuple[str, Float[ndarray, "3"]]]:
        """Where it starts and where it stops, as far as it does, each with its mark."""
        if self.starts:
            yield _START, self.through_m
        if np.isfinite(self.length_m):
            yield _STOP, self.through_m - self.length_m * self.direction


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Axes through which a camera looks.

    Attributes:
        axes: from 0 to `width` and 0 to `height`, in points.
        camera: the viewpoint.
    """

    axes: "Axes"
    camera: Camera
    width: int
    height: int

    @classmethod
    def fitting(cls, axes: "Axes", camera: Camera, detector: Detector, width: int, height: int) -> "View":
        """Return a view that the detector fills, unless the camera is nearer or farther."""
        seen = replace(camera, zoom=1.0).project(detector.position_m, width, height)
        across = np.abs(np.stack([seen.x - width / 2, seen.y - height / 2], -1)).max(axis=0)
        room = np.array([width, height]) / 2 - _MARGIN
        return cls(axes, camera.zoomed(float((room / np.maximum(across, 1.0)).min())), width, height)

    def points(self, position_m: Float[ndarray, "place 3"]) -> Float[ndarray, "place 2"]:
        """Return places on the axes; NaN behind the eye. Tenths of a point are as fine as print, and short in files."""
        seen = self.camera.project(position_m, self.width, self.height)
        return np.round(np.stack([seen.x, self.height - seen.y], -1), 1)

    def shows(self, point: Float[ndarray, "place 2"]) -> Any:
        """Return which points are within the axes."""
        return ((point > _MARGIN) & (point < np.array([self.width, self.height]) - _MARGIN)).all(axis=1)


def draw_detector(view: View, detector: Detector, hits: ModuleHits) -> None:
    """Draw strings as lines, and modules without light as dots."""
    ends = view.points(_string_ends(detector)).reshape(-1, 2, 2)
    broken = np.concatenate([ends, np.full((len(ends), 1, 2), np.nan)], axis=1).reshape(-1, 2)
    view.axes.plot(*broken.T, color=_STRING, linewidth=0.4, zorder=1)
    silent = detector.alive.copy()
    silent[hits.sensor_id] = False
    _draw_dots(view.axes, view.points(detector.position_m[silent]))


def _draw_dots(axes: "Axes", point: Float[ndarray, "place 2"]) -> None:
    """Draw thousands of dots as one path of short lines with round ends, a fifth of the size of as many markers."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    ends = np.stack([point, point + np.array([_DOT, 0.0])], axis=1).reshape(-1, 2)
    path = Path(ends, np.tile([Path.MOVETO, Path.LINETO], len(point)))
    path.should_simplify = False
    axes.add_patch(
        PathPatch(
            path, fill=False, edgecolor=_SILENT, linewidth=0.9, capstyle="round", zorder=1.1,
            rasterized=len(point) > _MOST_VECTORS,
        )
    )  # fmt: skip


def _string_ends(detector: Detector) -> Float[ndarray, "end 3"]:
    """The highest and the lowest module of each string, one after the other."""
    order = np.lexsort((detector.position_m[:, 2], detector.string))
    first = np.flatnonzero(np.diff(detector.string[order], prepend=detector.string[order][:1] - 1))
    last = np.append(first[1:], len(order)) - 1
    return np.asarray(detector.position_m[order[np.stack([first, last], 1).ravel()]])


def draw_hits(view: View, hits: ModuleHits, times: "ScalarMappable") -> None:
    """Draw a disc for each hit module, the largest below, and rings around those with auxiliary pulses alone."""
    faint = view.points(hits.position_m[hits.auxiliary])
    view.axes.plot(
        *faint.T,
        "o",
        fillstyle="none",
        color=MUTED,
        alpha=0.7,
        markersize=2.2,
        markeredgewidth=0.35,
        zorder=1.5,
    )
    point, colour = view.points(hits.position_m), times.to_rgba(hits.first_ns)
    radius = disc_radius(hits.charge_pe)
    step = np.round(np.log(radius) / np.log(_SIZE_STEP)).astype(int)
    for number in np.unique(step[~hits.auxiliary])[::-1]:
        chosen = (step == number) & ~hits.auxiliary
        view.axes.scatter(
            point[chosen, 0], point[chosen, 1], s=(2 * _SIZE_STEP**number) ** 2, facecolors=colour[chosen],
            linewidths=0.25, edgecolors=INK, zorder=2,
        )  # fmt: skip


def draw_tracks(view: View, tracks: Sequence[Track]) -> None:
    """Draw directions as lines with an arrow to where the neutrino went, and with marks at their ends, the first on top."""
    for track in reversed(tracks):
        for mark, end_m in track.ends_m:
            view.axes.plot(
                *view.points(end_m[None]).T, mark, color=track.colour, markersize=3.4, markeredgecolor="white",
                markeredgewidth=0.4, zorder=2.2,
            )  # fmt: skip
        line = view.points(_through(view.camera, track))
        line = line[view.shows(line)]
        if (
            len(line) < 2
            or not (tail := np.flatnonzero(np.linalg.norm(line - line[-1], axis=1) > _TAIL)).size
        ):
            continue
        view.axes.plot(
            *line[[0, -1]].T,
            color=track.colour,
            linestyle=track.dash,
            linewidth=1.1,
            path_effects=_halo(),
            zorder=1.8,
        )
        arrow = _arrow(track.colour, 1.1, 9)
        view.axes.annotate("", line[-1], line[tail[-1]], arrowprops=arrow, zorder=1.8)


def _arrow(colour: str, width: float, head: float) -> dict[str, Any]:
    look = {"arrowstyle": "-|>", "color": colour, "linewidth": width, "mutation_scale": head}
    return look | {"shrinkA": 0, "shrinkB": 0}


def _halo() -> list[Any]:
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=_HALO, foreground="white", alpha=0.8)]


def _through(camera: Camera, track: Track) -> Float[ndarray, "along 3"]:
    """Points on a direction around the detector, from where the neutrino came, or its track starts, to where that goes or stops."""
    nearest = float((np.array(camera.center_m) - track.through_m) @ track.direction)
    reach_m = _REACH * camera.radius_m
    first = min(nearest + reach_m, 0.0 if track.starts else np.inf)
    along = np.linspace(first, max(min(nearest - reach_m, first), -track.length_m), _STEPS)
    return np.asarray(track.through_m + along[:, None] * track.direction)


def draw_scale(view: View) -> None:
    """Draw a scale bar, true in the middle of what the camera looks at, and how the axes lie."""
    center = np.array([view.camera.center_m])
    per_m = float(view.camera.project(center, view.width, view.height).scale[0])
    length_m = round_length(_BAR * view.width / per_m)
    right = 6.0 + length_m * per_m
    view.axes.plot([6, 6, right, right], [8, 5, 5, 8], color=INK, linewidth=0.8, zorder=4)
    view.axes.text(
        (6 + right) / 2, 9, f"{length_m:g} m", ha="center", va="bottom", fontsize=8, path_effects=_halo()
    )
    step = 1e-3 * view.camera.radius_m
    seen = view.camera.project(center + step * np.eye(3), view.width, view.height)
    start = view.camera.project(center, view.width, view.height)
    for name, x, y in zip("xyz", (seen.x - start.x).tolist(), (start.y - seen.y).tolist(), strict=True):
        arm = np.array([x, y]) / (step * per_m)
        if np.linalg.norm(arm) > _SHORTEST_ARM:
            _draw_arm(view, name, np.array([30.0, 45.0]), arm)


def _draw_arm(view: View, name: str, start: Float[ndarray, "2"], arm: Float[ndarray, "2"]) -> None:
    view.axes.annotate("", tuple(start + _ARM * arm), tuple(start), arrowprops=_arrow(INK, 0.7, 5))
    beyond = start + _ARM * arm + 5 * arm / np.linalg.norm(arm)
    view.axes.text(
        float(beyond[0]),
        float(beyond[1]),
        name,
        ha="center",
        va="center",
        fontsize=8,
        style="italic",
        path_effects=_halo(),
    )
