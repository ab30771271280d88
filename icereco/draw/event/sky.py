"""The sky with the truth, reconstructions, and contours of their posteriors."""

from functools import lru_cache

import numpy as np

from icereco.draw.canvas.braille import BOLD, Canvas
from icereco.draw.canvas.colormap import heat
from icereco.draw.canvas.palette import Palette
from icereco.draw.canvas.sky import AllSky, Zoom
from icereco.draw.event.sky_grid import draw_grid
from icereco.draw.event.state import MOST_LINES, EventState, radius_of
from icereco.evaluation.calibration import CONTOURS
from icereco.events.posterior import Density
from icereco.events.reconstruction import Estimate
from icereco.events.sky_map import SkyMap
from icereco.physics import healpix
from icereco.physics.sphere import opening_angle

__all__ = [
    "SCAN",
    "draw_all_sky",
    "draw_contours",
    "draw_density",
    "draw_sky_zoom",
    "mark_of",
    "with_contours",
    "write_mark",
    "write_size",
    "write_truth",
    "zoom_center",
    "zoom_radius",
]

SCAN = "*"
"""The mark of the likelihood around the fit."""

_CONTOUR = 1  # layer, above the grid
_TURN = 2 * np.pi / MOST_LINES
_SMALLEST = np.radians(0.5)
_FARTHEST = np.radians(60.0)
_NEAR_CONTOUR = 15.0  # reaches of the contour within which directions of other methods are near


def draw_all_sky(canvas: Canvas, state: EventState, palette: Palette) -> None:
    """Draw the whole sphere with truth, reconstructions and contours."""
    if state.shown is not None and canvas.width and canvas.height:
        sky = AllSky(canvas.width, canvas.height, canvas.marker.dot_aspect)
        _draw_sky(canvas, sky, state, palette)


def draw_sky_zoom(canvas: Canvas, state: EventState, palette: Palette) -> None:
    """Draw the sky around a scan, around the main reconstruction, or around the truth where there is neither."""
    center = zoom_center(state)
    if center is None:
        canvas.text(0, 0, "no direction", palette.label)
    elif canvas.width and canvas.height:
        sky = Zoom(center, zoom_radius(state), canvas.width, canvas.height, canvas.marker.dot_aspect)
        _draw_sky(canvas, sky, state, palette)
        write_size(canvas, sky, palette)


def zoom_center(state: EventState) -> np.ndarray | None:
    """The middle of the zoomed map; None where no direction is known."""
    if state.scan is not None:
        mode: np.ndarray = state.scan.mode[0]
        return mode
    estimates = _estimates(state)
    return estimates[0].direction if estimates else _truth(state)


def _estimates(state: EventState) -> list[Estimate]:
    return [estimate for estimate in state.estimates[:MOST_LINES] if estimate.direction is not None]


def _truth(state: EventState) -> np.ndarray | None:
    return None if state.shown is None or state.shown.truth is None else state.shown.truth.direction


def with_contours(state: EventState) -> list[tuple[int, Estimate]]:
    """The methods whose contours are drawn, with their numbers."""
    methods = {"all": MOST_LINES, "main": 1, "none": 0}[state.style.posteriors]
    return [
        (number, estimate)
        for number, estimate in enumerate(state.estimates[:methods])
        if estimate.direction is not None and estimate.posterior is not None
    ]


def _contoured(state: EventState) -> list[tuple[int | None, Density]]:
    """The densities whose contours are drawn, with the numbers of their methods; the scan, which has none, comes last."""
    shown: list[tuple[int | None, Density]] = []
    for number, estimate in with_contours(state):
        assert estimate.posterior is not None
        shown.append((number, estimate.posterior))
    return shown if state.scan is None else [*shown, (None, state.scan)]


def zoom_radius(state: EventState) -> float:
    """The radius of the zoomed map, rad: for the 90 % contours that are drawn, for the truth, and for directions of methods near by."""
    center, estimates, true = zoom_center(state), _estimates(state), _truth(state)
    if center is None or not (estimates or state.scan is not None):
        return float(np.radians(10.0))
    own = _own_reach(state, center)
    near = _FARTHEST if own is None else max(_NEAR_CONTOUR * own, _SMALLEST)
    angles = [_angle(center, estimate) for estimate in estimates]
    reaches = [1.2 * angle for angle in angles if angle < near]
    reaches += [] if true is None else [1.2 * float(opening_angle(center, true))]
    reaches += [_reach(center, estimate) for number, estimate in with_contours(state) if number]
    reach = max(angle for angle in (*reaches, _SMALLEST) if angle < _FARTHEST)
    return float(min(reach if own is None else max(reach, own), np.pi / 2))


def _own_reach(state: EventState, center: np.ndarray) -> float | None:
    """How far the 90 % contour around the middle reaches, rad; None where there is none."""
    if state.scan is not None:
        return 1.2 * float(opening_angle(center, _inside(state.scan)).max())
    main = next(iter(_estimates(state)), None)
    return None if main is None or main.posterior is None else _reach(center, main)


def _reach(center: np.ndarray, estimate: Estimate) -> float:
    """How far the 90 % contour of a method reaches from the middle, with a margin, rad."""
    contour = np.nan_to_num(1.3 * radius_of(estimate, CONTOURS[1]))
    inside = [] if estimate.posterior is None else opening_angle(center, _inside(estimate.posterior)).tolist()
    return float(max(_angle(center, estimate) + float(contour), *inside, 0.0))


def _angle(center: np.ndarray, estimate: Estimate) -> float:
    return np.pi if estimate.direction is None else float(opening_angle(center, estimate.direction))


@lru_cache(maxsize=1)
def _coarse() -> np.ndarray:
    """Directions 3.7° apart, to find how far contours reach."""
    return healpix.centres(*healpix.whole_sphere(4))


def _inside(density: Density) -> np.ndarray:
    """Directions `[N, 3]` within the 90 % contour: its mode, and centres of pixels."""
    if isinstance(density, SkyMap):
        inside = density.direction[density.region(CONTOURS[1])]
    else:
        coarse = _coarse()
        inside = coarse[_log_density(density, coarse) > density.contour_level(CONTOURS[1])[0]]
    return np.concatenate([density.mode, inside])


def _draw_sky(canvas: Canvas, sky: AllSky | Zoom, state: EventState, palette: Palette) -> None:
    numbered = enumerate(state.estimates[:MOST_LINES])
    known = [(number, estimate) for number, estimate in numbered if estimate.direction is not None]
    main = known[0][1].posterior if known and state.style.posteriors != "none" else None
    if (density := main if state.scan is None else state.scan) is not None:
        draw_density(canvas, sky, density, palette)
    draw_grid(canvas, sky, palette)
    for place, posterior in _contoured(state):
        _draw_posterior(canvas, sky, place, posterior, palette)
    for number, estimate in reversed(known):
        write_mark(canvas, sky, estimate.direction, mark_of(number), palette.method(number))
    write_truth(canvas, sky, _truth(state), palette)


def _draw_posterior(
    canvas: Canvas, sky: AllSky | Zoom, number: int | None, posterior: Density, palette: Palette
) -> None:
    """Draw contours; around the main method also the mark on the outer one, on a side of its own."""
    color = palette.selection if number is None else palette.method(number)
    x, y = draw_contours(canvas, sky, posterior, color)
    if len(x) and isinstance(sky, Zoom) and number != 0:
        turn = 0.0 if number is None else _TURN * number
        out = int(np.argmax(x * np.sin(turn) - y * np.cos(turn)))
        place = (int(x[out] // canvas.marker.across), int(y[out] // canvas.marker.down))
        canvas.text(*place, SCAN if number is None else mark_of(number), color | BOLD, alone=True)


def mark_of(number: int) -> str:
    """The mark of a method on the sky; the main method is number 0."""
    return "+" if number == 0 else str(number + 1)


def draw_density(canvas: Canvas, sky: AllSky | Zoom, posterior: Density, palette: Palette) -> None:
    """Draw the density relative to its maximum, two pixels to a cell."""
    marker = canvas.marker
    column, row = np.meshgrid(np.arange(canvas.columns) + 0.5, (np.arange(2 * canvas.rows) + 0.5) / 2)
    direction = sky.directions(column * marker.across, row * marker.down)
    mode = posterior.mode[0]
    density = np.exp(_log_density(posterior, direction) - posterior.log_density(mode[None, None])[0, 0])
    if isinstance(sky, AllSky):  # a narrow density is a single bright pixel, not none
        reach = np.pi / canvas.columns
        near = np.sqrt(np.sum((direction - mode) ** 2, axis=-1)) < reach
        density = np.maximum(density, 0.5 * near)
    shown = np.isfinite(density) & (density > 0.02)
    canvas.image(np.where(shown, heat(density, palette.background), -1))


def draw_contours(
    canvas: Canvas, sky: AllSky | Zoom, posterior: Density, color: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the borders of the smallest regions of 50 % and, with gaps, of 90 %; return the dots of the latter."""
    column, row = np.meshgrid(np.arange(canvas.width) + 0.5, np.arange(canvas.height) + 0.5)
    height = _log_density(posterior, sky.directions(column, row))
    for contour, sparse in zip(CONTOURS, (False, True), strict=True):
        border = _border(height > posterior.contour_level(contour)[0], np.isfinite(height))
        y, x = np.nonzero(border & ((column + row) % 3 < 2) if sparse else border)
        canvas.points(x + 0.5, y + 0.5, color, _CONTOUR)
    return x, y


def _log_density(posterior: Density, directions: np.ndarray) -> np.ndarray:
    """The logarithm of one event's density on a map; NaN outside the sphere."""
    height: np.ndarray = posterior.log_density(directions.reshape(1, -1, 3))[0].reshape(directions.shape[:-1])
    return height


def _border(inside: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The dots inside a region that have a neighbour outside it; the end of the map is not a border."""
    outside = known & ~inside
    neighbour = np.zeros_like(inside)
    neighbour[1:] |= outside[:-1]
    neighbour[:-1] |= outside[1:]
    neighbour[:, 1:] |= outside[:, :-1]
    neighbour[:, :-1] |= outside[:, 1:]
    border: np.ndarray = inside & neighbour
    return border


def write_truth(canvas: Canvas, sky: AllSky | Zoom, direction: np.ndarray | None, palette: Palette) -> None:
    """Write the mark of the true direction, if it is known and within the picture."""
    write_mark(canvas, sky, direction, "×" if canvas.marker.name != "ascii" else "x", palette.truth)


def write_mark(
    canvas: Canvas, sky: AllSky | Zoom, direction: np.ndarray | None, mark: str, color: int
) -> None:
    """Write a letter at a direction, if there is one and it is within the picture; legible also where the density is bright."""
    if direction is None:
        return
    x, y = (float(part[0]) for part in sky.place(direction[None]))
    if 0 <= x < canvas.width and 0 <= y < canvas.height:
        canvas.text(
            int(x // canvas.marker.across), int(y // canvas.marker.down), mark, color | BOLD, alone=True
        )


def write_size(canvas: Canvas, sky: Zoom, palette: Palette) -> None:
    """Write the radius of a zoom into its corner."""
    text = f"±{np.degrees(sky.radius):.3g}°"
    canvas.text(canvas.columns - len(text), canvas.rows - 1, text, palette.label, alone=True)
