"""The detector with the event in it."""

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.front import Front
from icereco.draw.canvas.palette import Palette
from icereco.draw.canvas.scene import Scene, draw_scene
from icereco.draw.event.hypothesis import TRUE
from icereco.draw.event.residuals import residual_shade, residuals_of
from icereco.draw.event.state import EventState, lines_of, look_of

__all__ = ["draw_detector", "front_of", "scene_of"]


def draw_detector(canvas: Canvas, state: EventState, palette: Palette) -> None:
    """Draw the detector, hits, lines and the picked DOM."""
    draw_scene(canvas, scene_of(state, palette), state.camera, look_of(state), palette)


def scene_of(state: EventState, palette: Palette) -> Scene:
    """The scene that a state describes."""
    hits = None if state.shown is None else state.shown.hits
    residuals = residuals_of(state) if state.style.by_residual else None
    shade = None if residuals is None or hits is None else residual_shade(residuals.time_ns[hits.first])
    front = front_of(state, palette)
    return Scene(state.frame, hits, state.moment, lines_of(state, palette), state.picked, shade, front)


def front_of(state: EventState, palette: Palette) -> Front | None:
    """The direct light of the main method, or of the truth where residuals are to it, at the moment that is shown, if one is."""
    if state.time_ns is None or not state.style.front:
        return None
    residuals = residuals_of(state)
    if residuals is None:
        return None
    color = palette.truth if residuals.hypothesis.name == TRUE else palette.method(0)
    return residuals.front(state.time_ns, state.frame.light, color)
