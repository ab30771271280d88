"""The event in numbers: angles of truth and reconstructions, how far apart they are, and how sure they say to be."""

import numpy as np

from icereco.directions import angles_from_direction
from icereco.tui.event_state import EventState, sigma_of
from icereco.tui.feeds.reconstructions import Estimate
from icereco.tui.render.braille import BOLD, Canvas
from icereco.tui.render.palette import Palette
from icereco.tui.render.scale import compact

__all__ = ["draw_numbers", "numbers_height"]

_WIDTHS = (("zenith", 7), ("azimuth", 8), ("error", 7), ("σ", 7), ("pull", 6))
_FACTS = 2  # lines below the table


def numbers_height(state: EventState) -> int:
    """The rows that everything takes."""
    return 1 + _FACTS + len(state.estimates) + (state.shown is not None and state.shown.truth is not None)


def draw_numbers(canvas: Canvas, state: EventState, palette: Palette) -> None:
    """A line for the truth and for each method, in the colours of their lines, and facts about the event below."""
    if state.shown is None:
        return
    lines = _lines(state, palette)
    room = max(canvas.rows - 1 - _FACTS, 1)
    hidden = len(lines) - room
    _write(canvas, 0, ("", *(name for name, _ in _WIDTHS)), palette.label)
    for row, (cells, color) in enumerate(lines[:room], start=1):
        _write(canvas, row, cells, color)
    facts = _facts(state)
    if hidden > 0:
        facts[0] = f"{facts[0]} · {hidden} more methods (v)"
    for row, text in enumerate(facts, start=min(len(lines), room) + 1):
        canvas.text(0, row, text, palette.text)


def _write(canvas: Canvas, row: int, cells: tuple[str, ...], color: int) -> None:
    """A name, and as many numbers as there is room for, at the right."""
    kept = list(_WIDTHS)
    while kept and canvas.columns - sum(width for _, width in kept) < 6:
        kept.pop()
    column = canvas.columns - sum(width for _, width in kept)
    name = cells[0] if len(cells[0]) < column else cells[0][: column - 2] + "…"
    canvas.text(0, row, name, color | BOLD)
    for (_, width), text in zip(kept, cells[1:], strict=False):
        canvas.text(column, row, text.rjust(width), color)
        column += width


def _lines(state: EventState, palette: Palette) -> list[tuple[tuple[str, ...], int]]:
    assert state.shown is not None
    truth = state.shown.truth
    lines = [] if truth is None else [(("true", *_angles(truth.direction), "", "", ""), palette.truth)]
    return lines + [
        (_cells(state, one), palette.method(number)) for number, one in enumerate(state.estimates)
    ]


def _cells(state: EventState, one: Estimate) -> tuple[str, ...]:
    error, sigma = state.error(one), sigma_of(one)
    pull = error / sigma if error is not None and sigma else None
    angles = ("–", "–") if one.direction is None else _angles(one.direction)
    return one.name, *angles, _degrees(error), _degrees(sigma), "" if pull is None else f"{pull:.2f}"


def _angles(direction: np.ndarray) -> tuple[str, str]:
    azimuth, zenith = angles_from_direction(direction)
    return f"{np.degrees(zenith):.2f}", f"{np.degrees(azimuth):.2f}"


def _degrees(angle: float | None) -> str:
    return "" if angle is None else f"{np.degrees(angle):.2f}°"


def _facts(state: EventState) -> list[str]:
    assert state.shown is not None
    hits, truth = state.shown.hits, state.shown.truth
    known = [
        truth.kind.replace("_", " ") if truth and truth.kind else "",
        _energy(truth.energy_gev if truth else None),
    ]
    main = state.estimates[0] if state.estimates else None
    used = main.pulses_used if main and main.pulses_used is not None else len(hits.time_ns)
    part = "" if used == len(hits.time_ns) else f"{used:,} used of "
    counts = f"{part}{len(hits.time_ns):,} pulses · {len(hits.sensor_id):,} DOMs · {compact(hits.charge_pe.sum())} p.e."
    return [line for line in (" · ".join(filter(None, known)), counts) if line]


def _energy(energy_gev: float | None) -> str:
    if energy_gev is None or not np.isfinite(energy_gev):
        return ""
    for unit, size in (("PeV", 1e6), ("TeV", 1e3)):
        if energy_gev >= size:
            return f"{energy_gev / size:.3g} {unit}"
    return f"{energy_gev:.3g} GeV"
