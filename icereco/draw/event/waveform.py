"""The pulses of one DOM against time."""

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.colormap import COLORMAPS
from icereco.draw.canvas.palette import Palette
from icereco.draw.canvas.scale import compact
from icereco.draw.event.residuals import pulse_shade
from icereco.draw.event.state import EventState

__all__ = ["draw_waveform"]

_SHAPE_NS = 10.0  # standard deviation of the bell that a pulse is drawn as
_CURVE, _STEM, _PICK = range(3)  # layers


def draw_waveform(canvas: Canvas, state: EventState, palette: Palette) -> None:
    """Draw a stem for each pulse under a curve of their sum, and an axis; a hint while no DOM is picked."""
    if state.shown is None or state.picked is None:
        canvas.text(0, 0, "click a hit, or press j or k", palette.label)
    elif canvas.rows > 1:
        _draw_pulses(canvas, state, palette)


def _draw_pulses(canvas: Canvas, state: EventState, palette: Palette) -> None:
    assert state.shown is not None
    assert state.picked is not None
    hits, picked = state.shown.hits, state.picked
    rows = slice(int(hits.offsets[picked]), int(hits.offsets[picked + 1]))
    time, charge, auxiliary = hits.time_ns[rows], hits.charge_pe[rows], hits.pulse_auxiliary[rows]
    low, high = _window(time)
    height = (canvas.rows - 1) * canvas.marker.down
    top = max(float(charge.max(initial=0.0)), 1e-9)
    x = (time - low) / (high - low) * (canvas.width - 1)
    stem = np.clip((1 - charge / top) * (height - 1), 0, height - 1)
    color = COLORMAPS[state.style.colormap](pulse_shade(state)[rows], palette.background)
    for dash, part in ((0, ~auxiliary), (2, auxiliary)):
        canvas.lines(x[part], height - 1, x[part], stem[part], color[part], _STEM, dash=dash)
    curve = _curve(np.linspace(low, high, canvas.width), time, charge)
    canvas.path(
        np.arange(canvas.width), (1 - curve / max(top, curve.max())) * (height - 1), palette.near, _CURVE
    )
    if state.pulse is not None and rows.start <= state.pulse < rows.stop:
        at = x[state.pulse - rows.start]
        canvas.lines(at, 0, at, height - 1, palette.selection, _PICK, dash=2)
    _write_axis(canvas, low, high, top, palette)


def _window(time_ns: Float[ndarray, "pulse"]) -> tuple[float, float]:
    low, high = float(time_ns.min()), float(time_ns.max())
    margin = max(0.08 * (high - low), 3 * _SHAPE_NS)
    return low - margin, high + margin


def _curve(
    at_ns: Float[ndarray, "place"], time_ns: Float[ndarray, "pulse"], charge_pe: Float[ndarray, "pulse"]
) -> Float[ndarray, "place"]:
    """The sum of the pulses as Gaussian bells; a bell is at least as wide as a dot, so that none is missed."""
    width = max(_SHAPE_NS, float(at_ns[1] - at_ns[0]) if len(at_ns) > 1 else _SHAPE_NS)
    total = np.zeros(len(at_ns))
    for start in range(0, len(time_ns), 512):
        part = slice(start, start + 512)
        total += np.exp(-0.5 * ((at_ns[:, None] - time_ns[part]) / width) ** 2) @ charge_pe[part]
    return total


def _write_axis(canvas: Canvas, low: float, high: float, top: float, palette: Palette) -> None:
    row, right = canvas.rows - 1, f"{high:,.0f} ns"
    canvas.text(0, row, f"{low:,.0f}", palette.label)
    canvas.text(canvas.columns - len(right), row, right, palette.label)
    canvas.text(0, 0, f"{compact(top)} p.e.", palette.label)
