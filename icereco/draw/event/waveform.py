"""The pulses of one DOM, or of several below each other, against time."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from icereco.draw.canvas.braille import BOLD, Canvas
from icereco.draw.canvas.colormap import COLORMAPS
from icereco.draw.canvas.palette import Palette
from icereco.draw.canvas.scale import compact
from icereco.draw.event.residuals import pulse_shade
from icereco.draw.event.state import EventState

__all__ = ["draw_waveform", "waveform_height"]

_SHAPE_NS = 10.0  # standard deviation of the bell that a pulse is drawn as
_CURVE, _STEM, _PICK = range(3)  # layers
_LEAST_ROWS, _USUAL_ROWS = 2, 3  # of a DOM


@dataclass(frozen=True, slots=True)
class _Strip:
    """The room of one DOM: rows of the canvas in dots, and the times from its left to its right."""

    dom: int
    top: int
    height: int
    window_ns: tuple[float, float]


def waveform_height(state: EventState, usual: int) -> int:
    """The rows that are wanted: the usual ones for one DOM, and more where several are looked at."""
    return max(usual, _USUAL_ROWS * len(state.doms) + 1)


def draw_waveform(canvas: Canvas, state: EventState, palette: Palette) -> None:
    """Draw a stem for each pulse under a curve of their sum, and an axis; a hint while no DOM is picked."""
    if state.shown is None or not state.doms:
        canvas.text(0, 0, "click a hit, or press j or k", palette.label)
    elif canvas.rows > 1:
        _draw_doms(canvas, state, palette)


def _draw_doms(canvas: Canvas, state: EventState, palette: Palette) -> None:
    """Draw as many DOMs as there is room for, the last ones, on one axis of time."""
    assert state.shown is not None
    rows = canvas.rows - 1
    shown = state.doms[-max(rows // _LEAST_ROWS, 1) :]
    hits, down = state.shown.hits, canvas.marker.down
    rows_of = [slice(*hits.offsets[dom : dom + 2].tolist()) for dom in shown]
    window = _window(np.concatenate([hits.time_ns[part] for part in rows_of]))
    edges = np.linspace(0, rows, len(shown) + 1).astype(int).tolist()
    first = len(state.doms) - len(shown) + 1
    for number, (dom, top, end) in enumerate(zip(shown, edges, edges[1:], strict=False), start=first):
        _draw_pulses(canvas, state, _Strip(dom, top * down, (end - top) * down, window), palette)
        _write_name(canvas, state, top, dom, number, palette)
    _write_axis(canvas, *window, palette)
    if first > 1:
        text = f"+{first - 1} more"
        canvas.text((canvas.columns - len(text)) // 2, canvas.rows - 1, text, palette.label)


def _draw_pulses(canvas: Canvas, state: EventState, strip: _Strip, palette: Palette) -> None:
    assert state.shown is not None
    hits, (low, high) = state.shown.hits, strip.window_ns
    rows = slice(*hits.offsets[strip.dom : strip.dom + 2].tolist())
    time, charge, auxiliary = hits.time_ns[rows], hits.charge_pe[rows], hits.pulse_auxiliary[rows]
    height, floor = strip.height, strip.top + strip.height - 1
    top = max(float(charge.max(initial=0.0)), 1e-9)
    x = (time - low) / (high - low) * (canvas.width - 1)
    stem = strip.top + np.clip((1 - charge / top) * (height - 1), 0, height - 1)
    color = COLORMAPS[state.style.colormap](pulse_shade(state)[rows], palette.background)
    for dash, part in ((0, ~auxiliary), (2, auxiliary)):
        canvas.lines(x[part], floor, x[part], stem[part], color[part], _STEM, dash=dash)
    curve = _curve(np.linspace(low, high, canvas.width), time, charge)
    tall = (1 - curve / max(top, curve.max())) * (height - 1)
    canvas.path(np.arange(canvas.width), strip.top + tall, palette.near, _CURVE)
    if state.pulse is not None and rows.start <= state.pulse < rows.stop:
        at = x[state.pulse - rows.start]
        canvas.lines(at, strip.top, at, floor, palette.selection, _PICK, dash=2)


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


def _write_name(canvas: Canvas, state: EventState, row: int, dom: int, number: int, palette: Palette) -> None:
    """Write the largest charge; where there are several DOMs, each with its number in the picture of the detector and its name."""
    assert state.shown is not None
    hits = state.shown.hits
    charge = hits.charge_pe[slice(*hits.offsets[dom : dom + 2].tolist())]
    if len(state.doms) == 1:
        canvas.text(0, row, f"{compact(float(charge.max(initial=0.0)))} p.e.", palette.label)
        return
    mark = f"{number} "
    canvas.text(0, row, mark, palette.selection | BOLD)
    text = f"{state.frame.name(int(hits.sensor_id[dom]))}  {compact(float(charge.sum()))} p.e.{_of_expected(state, dom)}"
    canvas.text(len(mark), row, text, palette.text if dom == state.picked else palette.label)


def _of_expected(state: EventState, dom: int) -> str:
    if not state.style.expected or state.expected is None or state.shown is None or state.expected.problem:
        return ""
    return f" of {compact(float(state.expected.of(state.shown.hits)[dom]))}"


def _write_axis(canvas: Canvas, low: float, high: float, palette: Palette) -> None:
    row, right = canvas.rows - 1, f"{high:,.0f} ns"
    canvas.text(0, row, f"{low:,.0f}", palette.label)
    canvas.text(canvas.columns - len(right), row, right, palette.label)
