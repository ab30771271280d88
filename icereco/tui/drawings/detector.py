"""The detector with the event in it."""

from icereco.tui.event_state import EventState, look_of, scene_of
from icereco.tui.render.braille import Canvas
from icereco.tui.render.palette import Palette
from icereco.tui.render.scene import draw_scene

__all__ = ["draw_detector"]


def draw_detector(canvas: Canvas, state: EventState, palette: Palette) -> None:
    """The detector, hits, lines and what is picked."""
    draw_scene(canvas, scene_of(state, palette), state.camera, look_of(state), palette)
