"""The detector with an event in it, drawn on a canvas as a camera sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.detector.detector import Detector
from icereco.draw.canvas.bearings import draw_bearings
from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.camera import Camera, Projected
from icereco.draw.canvas.colormap import Colormap
from icereco.draw.canvas.front import Front, draw_front
from icereco.draw.canvas.hits import DomState, Hits
from icereco.draw.canvas.lines import Line, draw_lines, write_ends, write_labels
from icereco.draw.canvas.palette import Palette
from icereco.draw.canvas.picks import DISC_POWER, Silent, draw_picks, draw_silent
from icereco.physics.direct_light import DirectLight

__all__ = [
    "GRIDS",
    "Frame",
    "Look",
    "Scene",
    "draw_scene",
    "frame_of",
    "nearest_dom",
]

_DOM, _FRAME, _AUXILIARY, _HIT, _LINE, _PICK, _BEARINGS = range(7)  # layers
_ONE_PE = 0.0075  # radius of a hit of one photo-electron, in sizes of the detector
_DENSE = 1.5  # modules to a cell of the picture

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
        string: int32 `[S]`; om: int32 `[S]`, number on the string.
        edges_m: float64 `[K, 2, 3]`, lines around its top and its bottom.
        light: in its medium.
    """

    position_m: Float[ndarray, "sensor 3"]
    string: Int[ndarray, "sensor"]
    om: Int[ndarray, "sensor"]
    edges_m: Float[ndarray, "edge 2 3"]
    light: DirectLight

    def name(self, sensor: int) -> str:
        """String and number of a module, such as 36-22."""
        return f"{self.string[sensor]}-{self.om[sensor]}"


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
        picked: indices of hit DOMs, the last one with a wider ring; numbered where there are several.
        shade: `[D]`, places of the hit DOMs in the colour map, 0 to 1; None = by their times.
        front: direct light at the moment that is shown, or None.
        silent: modules without pulses, although light is expected there.
        used: row, first and last column of cells that names are not written into.
    """

    frame: Frame
    hits: Hits | None = None
    state: DomState | None = None
    lines: Sequence[Line] = ()
    picked: Sequence[int] = ()
    shade: Float[ndarray, "dom"] | None = None
    front: Front | None = None
    silent: Silent | None = None
    used: Sequence[tuple[int, int, int]] = ()


def frame_of(detector: Detector) -> Frame:
    """The detector with its outline."""
    rims = _rims(detector.position_m, detector.string)
    edges = [np.stack([rim, np.roll(rim, -1, axis=0)], axis=1) for rim in rims]
    light = DirectLight.of(detector.medium)
    joined = np.concatenate(edges).astype(np.float64)
    return Frame(detector.position_m, detector.string, detector.om, joined, light)


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
        draw_picks(canvas, scene.hits, scene.picked, camera, palette, _PICK)
    if scene.silent is not None:
        one_pe = _ONE_PE * camera.radius_m / max(camera.zoom, 1.0) ** 0.5
        draw_silent(canvas, scene.silent, camera, one_pe, _HIT)
    if scene.front is not None:
        draw_front(canvas, scene.front, camera, _FRAME)
    draw_lines(canvas, scene.lines, camera, _LINE if look.lines_on_top else _FRAME)
    marks = write_ends(canvas, scene.lines, camera)
    if look.labels:
        draw_bearings(canvas, camera, palette, _BEARINGS)
        write_labels(canvas, scene.lines, camera, [*scene.used, *marks])


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
    radius = one_pe * np.maximum(state.charge_pe[index], 0.05) ** DISC_POWER
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
