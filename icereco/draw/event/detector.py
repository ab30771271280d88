"""The detector with the event in it."""

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.palette import Palette
from icereco.draw.canvas.scene import draw_scene
from icereco.draw.event.state import EventState, look_of, scene_of

__all__ = ["draw_detector"]


def draw_detector(canvas: Canvas, state: EventState, palette: Palette) -> None:
    """Draw the detector, hits, lines and the picked DOM."""
    draw_scene(canvas, scene_of(state, palette), state.camera, look_of(state), palette)
