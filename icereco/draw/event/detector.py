"""The detector with the event in it."""

from dataclasses import replace

import numpy as np

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.colormap import COLORMAPS
from icereco.draw.canvas.front import Front
from icereco.draw.canvas.palette import Palette
from icereco.draw.canvas.picks import Silent
from icereco.draw.canvas.scene import Scene, draw_scene
from icereco.draw.event.coloring import colored_by, dom_shade
from icereco.draw.event.hypothesis import TRUE
from icereco.draw.event.light_facts import light_facts
from icereco.draw.event.numbers import wrapped
from icereco.draw.event.residuals import residuals_of
from icereco.draw.event.state import EventState, lines_of, look_of

__all__ = ["draw_detector", "front_of", "scene_of"]

_MOST_WORDS = 4  # rows of what is said of the expected light


def draw_detector(canvas: Canvas, state: EventState, palette: Palette) -> None:
    """Draw the detector, hits, lines and the picked DOM; in the corner is what light is expected of what, or why none is."""
    words = _words(state, canvas.columns - 2)
    rows = [*range(len(words)), canvas.rows - 1] if words else []
    used = [(row, 0, canvas.columns) for row in rows]
    scene = replace(scene_of(state, palette), used=used)
    draw_scene(canvas, scene, state.camera, look_of(state), palette)
    for row, line in enumerate(words):
        canvas.text(1, row, line, palette.label)
    if colored_by(state) == "light":
        _write_colors(canvas, state, palette)


def _words(state: EventState, width: int) -> list[str]:
    if state.shown is None or not state.style.expected:
        return []
    if state.expected is None:
        return ["expected light: computing …"]
    facts = light_facts(state.expected, state.shown.hits, state.frame)
    return [line[: max(width, 0)] for line in wrapped(facts, width)[:_MOST_WORDS]]


def _write_colors(canvas: Canvas, state: EventState, palette: Palette) -> None:
    """Write what the colours mean, in the corner: ten times as much light as expected, as much, a tenth."""
    first, last, bar = "seen/expected 10 ", " 1/10", 9
    column = canvas.columns - len(first) - bar - len(last) - 1
    if column < 0:
        return
    colors = COLORMAPS[state.style.colormap](np.linspace(0.0, 1.0, bar), palette.background)
    canvas.text(column, canvas.rows - 1, first, palette.label)
    for place, color in enumerate(colors.tolist(), start=column + len(first)):
        canvas.text(place, canvas.rows - 1, "█", color)
    canvas.text(column + len(first) + bar, canvas.rows - 1, last, palette.label)


def scene_of(state: EventState, palette: Palette) -> Scene:
    """The scene that a state describes."""
    return Scene(
        state.frame,
        None if state.shown is None else state.shown.hits,
        state.moment,
        lines_of(state, palette),
        state.doms,
        dom_shade(state),
        front_of(state, palette),
        _silent(state, palette),
    )


def _silent(state: EventState, palette: Palette) -> Silent | None:
    """The modules without pulses that should have some, where colours are those of light."""
    if state.shown is None or state.expected is None or colored_by(state) != "light":
        return None
    sensors = state.expected.silent(state.shown.hits)
    color = int(COLORMAPS[state.style.colormap](np.array(1.0), palette.background))
    return Silent(state.frame.position_m[sensors], state.expected.photo_electrons[sensors], color)


def front_of(state: EventState, palette: Palette) -> Front | None:
    """The direct light of the main method, or of the truth where residuals are to it, at the moment that is shown, if one is."""
    if state.time_ns is None or not state.style.front:
        return None
    residuals = residuals_of(state)
    if residuals is None:
        return None
    color = palette.truth if residuals.hypothesis.name == TRUE else palette.method(0)
    return residuals.front(state.time_ns, state.frame.light, color)
