"""The event in numbers: angles of truth and reconstructions, how far apart they are, and how sure they say to be."""

import numpy as np

from icereco.directions import angles_from_direction
from icereco.tui.event_state import EventState, sigma_of
from icereco.tui.feeds.reconstructions import Estimate
from icereco.tui.render.braille import BOLD, Canvas
from icereco.tui.render.palette import Palette
from icereco.tui.render.scale import compact

__all__ = ["draw_numbers", "numbers_height"]

_NAMES, _WIDTHS = ("zenith", "azimuth", "error", "σ", "pull"), (7, 8, 8, 7, 6)
_SHORTEST_NAME = 7
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
    columns = _columns(lines, canvas.columns)
    _write(canvas, 0, ("", *(_NAMES[column] for column in columns)), columns, palette.label)
    for row, (cells, color) in enumerate(lines[:room], start=1):
        _write(canvas, row, (cells[0], *(cells[1 + column] for column in columns)), columns, color)
    facts = _wrapped(_facts(state), canvas.columns)
    for row, text in enumerate(facts, start=min(len(lines), room) + 1):
        canvas.text(0, row, text, palette.text)


def _columns(lines: list[tuple[tuple[str, ...], int]], width: int) -> list[int]:
    """The columns that say something, the first ones of them if not all have room."""
    telling = [column for column in range(len(_NAMES)) if any(cells[1 + column] for cells, _ in lines)]
    while telling and width - sum(_WIDTHS[column] for column in telling) < _SHORTEST_NAME:
        telling.pop()
    return telling


def _write(canvas: Canvas, row: int, cells: tuple[str, ...], columns: list[int], color: int) -> None:
    """A name, and numbers at the right."""
    place = canvas.columns - sum(_WIDTHS[column] for column in columns)
    name = cells[0] if len(cells[0]) < place else f"{cells[0][: place - 2]}…"
    canvas.text(0, row, name, color | BOLD)
    for column, text in zip(columns, cells[1:], strict=True):
        canvas.text(place, row, text.rjust(_WIDTHS[column]), color)
        place += _WIDTHS[column]


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
    main = state.estimates[0] if state.estimates else None
    used = main.pulses_used if main and main.pulses_used is not None else len(hits.time_ns)
    part = "" if used == len(hits.time_ns) else f"{used:,} used of "
    facts = [
        truth.kind.replace("_", " ") if truth and truth.kind else "",
        _energy(truth.energy_gev if truth else None),
        f"{part}{len(hits.time_ns):,} pulses",
        f"{len(hits.sensor_id):,} DOMs",
        f"{compact(hits.charge_pe.sum())} p.e.",
    ]
    return [fact for fact in facts if fact]


def _wrapped(facts: list[str], width: int) -> list[str]:
    lines = [""]
    for fact in facts:
        longer = f"{lines[-1]} · {fact}" if lines[-1] else fact
        if len(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(fact)
    return lines


def _energy(energy_gev: float | None) -> str:
    if energy_gev is None or not np.isfinite(energy_gev):
        return ""
    for unit, size in (("PeV", 1e6), ("TeV", 1e3)):
        if energy_gev >= size:
            return f"{energy_gev / size:.3g} {unit}"
    return f"{energy_gev:.3g} GeV"
