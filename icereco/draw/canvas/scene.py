"""The detector with an event in it, drawn on a canvas as a camera sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.draw.canvas.bearings import draw_bearings
from icereco.draw.canvas.braille import BOLD, Canvas
from icereco.draw.canvas.camera import Camera, Projected
from icereco.draw.canvas.colormap import Colormap
from icereco.draw.canvas.front import Front, draw_front
from icereco.draw.canvas.hits import DomState, Hits
from icereco.draw.canvas.names import short_names
from icereco.draw.canvas.palette import Palette
from icereco.draw.canvas.sky import ring
from icereco.physics.direct_light import DirectLight

__all__ = [
    "GRIDS",
    "START",
    "STOP",
    "Frame",
    "Line",
    "Look",
    "Scene",
    "draw_scene",
    "frame_of",
    "nearest_dom",
]

_DOM, _FRAME, _AUXILIARY, _HIT, _LINE, _PICK, _BEARINGS = range(7)  # layers
_ONE_PE = 0.0075  # radius of a hit of one photo-electron, in sizes of the detector
_POWER = 0.3  # of the charge: ten times the light is twice the radius
_REACH = 1.15  # of the lines from the middle of the event, in sizes of the detector
_HEAD = 0.06  # of an arrow, likewise
_LABEL = 16  # characters of a name
_DENSE = 1.5  # modules to a cell of the picture
START, STOP = "◆", "■"
"""Marks of the ends of tracks."""

GRIDS = {
    "automatic": "fewer where they are dense",
    "all": "all",
    "hit strings": "those of strings with hits",
    "none": "none",
}
"""Which modules without hits are drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What is drawn of a detector.

    Attributes:
        position_m: float32 `[S, 3]`.
        string: int32 `[S]`.
        edges_m: float64 `[K, 2, 3]`, lines around its top and its bottom.
        light: in its medium.
    """

    position_m: Float[ndarray, "sensor 3"]
    string: Int[ndarray, "sensor"]
    edges_m: Float[ndarray, "edge 2 3"]
    light: DirectLight


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A direction through the event.

    Attributes:
        name: written at its end.
        direction: unit vector `[3]` to where the neutrino came from.
        through_m: a point on it.
        color: of the line.
        dashed: whether it is drawn dashed, as the truth is.
        cone: opening angle of an uncertainty cone, rad; NaN = none.
        starts: whether it starts at that point, and does not only go through it.
        length_m: from that point to where it stops.
    """

    name: str
    direction: Float[ndarray, "3"]
    through_m: Float[ndarray, "3"]
    color: int
    dashed: bool = False
    cone: float = float("nan")
    starts: bool = False
    length_m: float = float("inf")

    def ends_m(self, reach_m: float) -> Float[ndarray, "2 3"]:
        """Where it comes from and where it goes to, at most `reach_m` from its point."""
        behind, ahead = 0.0 if self.starts else reach_m, min(self.length_m, reach_m)
        return self.through_m + np.array([[behind], [-ahead]]) * self.direction


@dataclass(frozen=True, slots=True)
class Look:
    """How a scene is drawn.

    Attributes:
        colormap: of the times.
        colors_ns: times of the first and of the last colour.
        auxiliary: whether DOMs with only auxiliary pulses are shown.
        lines_on_top: whether lines hide hits, or hits hide lines.
        labels: whether the names of lines are written at their ends.
        lean: whether few colours are used, for a slow connection.
        grid: one of `GRIDS`.
    """

    colormap: Colormap
    colors_ns: tuple[float, float]
    auxiliary: bool = True
    lines_on_top: bool = True
    labels: bool = True
    lean: bool = False
    grid: str = next(iter(GRIDS))


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Everything that is drawn.

    Attributes:
        frame: the detector.
        hits: the pulses; None without an event.
        state: the hit DOMs at the moment that is shown.
        lines: directions.
        picked: index of a hit DOM, or None.
        shade: `[D]`, places of the hit DOMs in the colour map, 0 to 1; None = by their times.
        front: direct light at the moment that is shown, or None.
    """

    frame: Frame
    hits: Hits | None = None
    state: DomState | None = None
    lines: Sequence[Line] = ()
    picked: int | None = None
    shade: Float[ndarray, "dom"] | None = None
    front: Front | None = None


def frame_of(detector: Detector) -> Frame:
    """The detector with its outline."""
    rims = _rims(detector.position_m, detector.string)
    edges = [np.stack([rim, np.roll(rim, -1, axis=0)], axis=1) for rim in rims]
    light = DirectLight.of(detector.medium)
    return Frame(detector.position_m, detector.string, np.concatenate(edges).astype(np.float64), light)


def _rims(position: Float[ndarray, "sensor 3"], string: Int[ndarray, "sensor"]) -> tuple[ndarray, ndarray]:
    """The highest and the lowest sensor of each string on the outside."""
    order = np.lexsort((position[:, 2], string))
    begins = np.flatnonzero(np.diff(string[order], prepend=string[order][:1] - 1))
    lowest, highest = position[order[begins]], position[order[np.append(begins[1:], len(order)) - 1]]
    outside = _hull(highest[:, :2].astype(np.float64))
    return highest[outside], lowest[outside]


def _hull(points: Float[ndarray, "point 2"]) -> list[int]:
    """Indices of the points around the others, in order (Andrew's monotone chain, 1979)."""

    def half(order: Sequence[int]) -> list[int]:
        chain: list[int] = []
        for index in order:
            while len(chain) > 1 and _turn(points[chain[-2]], points[chain[-1]], points[index]) <= 0:
                chain.pop()
            chain.append(index)
        return chain[:-1]

    order = np.lexsort((points[:, 1], points[:, 0])).tolist()
    return half(order) + half(order[::-1]) if len(order) > 2 else order


def _turn(first: ndarray, second: ndarray, third: ndarray) -> float:
    (ax, ay), (bx, by) = second - first, third - first
    return float(ax * by - ay * bx)


def draw_scene(canvas: Canvas, scene: Scene, camera: Camera, look: Look, palette: Palette) -> None:
    """Draw the detector, the hits up to the moment that is shown, the lines and the picked DOM."""
    _draw_modules(canvas, scene, camera, look, palette)
    _draw_outline(canvas, scene.frame, camera, look, palette)
    if scene.hits is not None and scene.state is not None:
        _draw_hits(canvas, scene, camera, look, palette)
        if scene.picked is not None:
            _draw_pick(canvas, scene.hits, scene.picked, camera, palette)
    if scene.front is not None:
        draw_front(canvas, scene.front, camera, _FRAME)
    for line in reversed(scene.lines):
        _draw_line(canvas, line, camera, look)
    if look.labels:
        draw_bearings(canvas, camera, palette, _BEARINGS)
        _write_labels(canvas, scene.lines, camera)
    _write_ends(canvas, scene.lines, camera)


def _project(canvas: Canvas, camera: Camera, points_m: ndarray) -> Projected:
    return camera.project(points_m, canvas.width, canvas.height, canvas.marker.dot_aspect)


def _draw_modules(canvas: Canvas, scene: Scene, camera: Camera, look: Look, palette: Palette) -> None:
    """Draw the modules without hits; where they are dense and there are hits, those of strings without hits hardly."""
    if look.grid == "none":
        return
    seen = _project(canvas, camera, scene.frame.position_m)
    if look.grid == "all" or scene.hits is None or (look.grid == "automatic" and not _dense(canvas, seen)):
        color = np.where(seen.depth < 0.5, palette.near, palette.far)
        shown = np.arange(len(color))
    else:
        lit = _on_hit_strings(scene.frame, scene.hits)
        color = np.where(lit, palette.far, palette.ghost)
        shown = np.flatnonzero(lit | ((look.grid == "automatic") and not look.lean))
    if look.lean:
        canvas.points(seen.x[shown], seen.y[shown], palette.far, _DOM)
        return
    order = shown[np.argsort(-seen.depth[shown], kind="stable")]
    canvas.points(seen.x[order], seen.y[order], color[order], _DOM)


@lru_cache(maxsize=4)  # the same from every side
def _on_hit_strings(frame: Frame, hits: Hits) -> Bool[ndarray, "sensor"]:
    """Which modules are on strings with hits that are not auxiliary."""
    return np.isin(frame.string, frame.string[hits.sensor_id[~hits.auxiliary]])


def _dense(canvas: Canvas, seen: Projected) -> bool:
    """Whether there are more modules than the picture can hold as single dots."""
    marker = canvas.marker
    inside = (seen.x >= 0) & (seen.x < canvas.width) & (seen.y >= 0) & (seen.y < canvas.height)
    x, y = seen.x[inside], seen.y[inside]
    if not len(x):
        return False
    cells = max(np.ptp(x) / marker.across, 1.0) * max(np.ptp(y) / marker.down, 1.0)
    return bool(len(x) > _DENSE * cells)


def _draw_outline(canvas: Canvas, frame: Frame, camera: Camera, look: Look, palette: Palette) -> None:
    ends = _project(canvas, camera, frame.edges_m.reshape(-1, 3))
    x, y = ends.x.reshape(-1, 2), ends.y.reshape(-1, 2)
    canvas.lines(x[:, 0], y[:, 0], x[:, 1], y[:, 1], palette.far if look.lean else palette.faint, _FRAME - 1)


def _draw_hits(canvas: Canvas, scene: Scene, camera: Camera, look: Look, palette: Palette) -> None:
    hits, state = scene.hits, scene.state
    assert hits is not None
    assert state is not None
    shown = np.isfinite(state.first_ns)
    if not look.auxiliary:
        shown &= ~hits.auxiliary
    index = np.flatnonzero(shown)
    seen = _project(canvas, camera, hits.position_m[index])
    color, outside = _hit_colors(scene, index, look, palette)
    # Discs grow less than distances when the camera comes near, so that neighbours become distinct.
    one_pe = _ONE_PE * camera.radius_m * seen.scale / max(camera.zoom, 1.0) ** 0.5
    radius = one_pe * np.maximum(state.charge_pe[index], 0.05) ** _POWER
    auxiliary = hits.auxiliary[index]
    radii = np.maximum(radius[auxiliary], 1.0)
    # Most auxiliary pulses far from the event are noise: their colours would hide those of the light.
    rings = np.where(outside, palette.far, color)[auxiliary]
    canvas.rings(seen.x[auxiliary], seen.y[auxiliary], radii, rings, _AUXILIARY)
    order = np.argsort(-seen.depth, kind="stable")
    order = order[~auxiliary[order]]
    canvas.discs(seen.x[order], seen.y[order], np.maximum(radius[order], 0.75), color[order], _HIT)


def _hit_colors(
    scene: Scene, index: Int[ndarray, "shown"], look: Look, palette: Palette
) -> tuple[Int[ndarray, "shown"], Bool[ndarray, "shown"]]:
    """Colours of hit DOMs, and whether they are outside of the map, by more than a quarter of it in time."""
    assert scene.state is not None
    if scene.shade is not None:
        part, margin = scene.shade[index], 0.0
    else:
        low, high = look.colors_ns
        part, margin = (scene.state.first_ns[index] - low) / max(high - low, 1e-9), 0.25
    color = look.colormap(part, palette.background, steps=8 if look.lean else None)
    return color, (part < -margin) | (part > 1 + margin)


def _draw_pick(canvas: Canvas, hits: Hits, picked: int, camera: Camera, palette: Palette) -> None:
    seen = _project(canvas, camera, hits.position_m[picked : picked + 1])
    radius = 0.035 * camera.radius_m * seen.scale
    canvas.rings(seen.x, seen.y, np.maximum(radius, 4.0), palette.selection, _PICK)


def _draw_line(canvas: Canvas, line: Line, camera: Camera, look: Look) -> None:
    reach = _REACH * camera.radius_m
    layer = _LINE if look.lines_on_top else _FRAME
    ends = line.ends_m(reach)
    seen = _project(canvas, camera, ends)
    canvas.lines(*_segment(seen, 0, 1), line.color, layer, dash=3 if line.dashed else 0)
    _draw_head(canvas, line, ends[1], camera, layer)
    if np.isfinite(line.cone):
        _draw_cone(canvas, line, reach, camera, layer)


def _segment(seen: Projected, first: int, last: int) -> tuple[float, float, float, float]:
    return seen.x[first], seen.y[first], seen.x[last], seen.y[last]


def _draw_head(canvas: Canvas, line: Line, tip_m: ndarray, camera: Camera, layer: int) -> None:
    """Draw an arrow head at the end towards which the particle went."""
    size = _HEAD * camera.radius_m
    barbs = tip_m + size * (line.direction + 0.5 * ring(line.direction, np.pi / 2, 9)[:8])
    seen = _project(canvas, camera, np.concatenate([tip_m[None], barbs]))
    across = _away_from_axis(
        canvas, seen.x[1:], seen.y[1:], _project(canvas, camera, tip_m + np.outer([0, size], line.direction))
    )
    for barb in (int(np.argmax(across)) + 1, int(np.argmin(across)) + 1):
        canvas.lines(*_segment(seen, 0, barb), line.color, layer)


def _draw_cone(canvas: Canvas, line: Line, reach: float, camera: Camera, layer: int) -> None:
    rim = line.through_m + reach * ring(line.direction, line.cone, 120)
    seen = _project(canvas, camera, np.concatenate([rim, line.through_m[None]]))
    canvas.path(seen.x[:-1:2], seen.y[:-1:2], line.color, layer, dash=1)
    axis = _project(canvas, camera, np.stack([line.through_m, line.through_m + reach * line.direction]))
    across = _away_from_axis(canvas, seen.x[:-1], seen.y[:-1], axis)
    if np.isfinite(across).all():
        for side in (int(np.argmax(across)), int(np.argmin(across))):
            canvas.lines(*_segment(seen, -1, side), line.color, layer, dash=2)


def _away_from_axis(canvas: Canvas, x: ndarray, y: ndarray, axis: Projected) -> Float[ndarray, "point"]:
    """Signed distances of points from the line through the two points of an axis."""
    aspect = canvas.marker.dot_aspect
    dx, dy = axis.x[1] - axis.x[0], (axis.y[1] - axis.y[0]) * aspect
    away: ndarray = (x - axis.x[0]) * dy - (y - axis.y[0]) * aspect * dx
    return away


def _write_labels(canvas: Canvas, lines: Sequence[Line], camera: Camera) -> None:
    """Write names next to the visible ends of their lines, or in another row where a name is already."""
    taken: list[tuple[int, int, int]] = []
    for line, name in zip(lines, short_names([line.name for line in lines], _LABEL), strict=True):
        seen = _project(canvas, camera, line.ends_m(_REACH * camera.radius_m))
        end = _visible_end(canvas, *_segment(seen, 1, 0))
        if end is None:
            continue
        column = int(np.clip(end[0] / canvas.marker.across + 1, 0, max(canvas.columns - len(name), 0)))
        near = int(np.clip(end[1] / canvas.marker.down, 0, canvas.rows - 1))
        for row in sorted(range(canvas.rows), key=lambda row: abs(row - near)):
            place = row, column, column + len(name)
            if not any(row == other and first <= place[2] and column <= last for other, first, last in taken):
                taken.append(place)
                canvas.text(column, row, name, line.color | BOLD)
                break


def _write_ends(canvas: Canvas, lines: Sequence[Line], camera: Camera) -> None:
    """Write a mark where a track starts, and another where it stops, as far as that is within reach."""
    for line in reversed(lines):
        ends, reach = line.ends_m(_REACH * camera.radius_m), _REACH * camera.radius_m
        seen = _project(canvas, camera, ends)
        for end, mark, known in ((0, START, line.starts), (1, STOP, line.length_m < reach)):
            x, y = seen.x[end] // canvas.marker.across, seen.y[end] // canvas.marker.down
            if known and 0 <= x < canvas.columns and 0 <= y < canvas.rows:
                canvas.text(int(x), int(y), mark, line.color | BOLD)


def _visible_end(canvas: Canvas, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float] | None:
    """The last point of a segment, in dots, that is on the canvas; None where none is (after Liang and Barsky, 1984)."""
    if not np.isfinite([x0, y0, x1, y1]).all():
        return None
    enters, leaves = 0.0, 1.0
    for start, step, size in ((x0, x1 - x0, canvas.width - 1), (y0, y1 - y0, canvas.height - 1)):
        if step == 0:
            if not 0 <= start <= size:
                return None
            continue
        near, far = sorted((-start / step, (size - start) / step))
        enters, leaves = max(enters, near), min(leaves, far)
    return None if enters > leaves else (x0 + leaves * (x1 - x0), y0 + leaves * (y1 - y0))


def nearest_dom(
    hits: Hits,
    shown: Int[ndarray, "index"],
    camera: Camera,
    canvas: Canvas,
    x: float,
    y: float,
    within: float,
) -> int | None:
    """The index of the hit DOM, of those shown, nearest to a dot; None if none is `within` so many widths of a dot."""
    if not len(shown):
        return None
    seen = _project(canvas, camera, hits.position_m[shown])
    distance = np.hypot(seen.x - x, (seen.y - y) * canvas.marker.dot_aspect)
    best = int(np.nanargmin(np.nan_to_num(distance, nan=np.inf)))
    return int(shown[best]) if distance[best] <= within else None
