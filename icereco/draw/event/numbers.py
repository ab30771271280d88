"""The event in numbers: directions of truth and reconstructions, their errors, σ and pulls, and further estimates of the main method."""

from dataclasses import dataclass

import numpy as np

from icereco.draw.canvas.braille import BOLD, Canvas
from icereco.draw.canvas.names import short_names
from icereco.draw.canvas.palette import Palette, palette_on
from icereco.draw.canvas.scale import compact
from icereco.draw.event.sky import mark_of
from icereco.draw.event.state import MOST_LINES, EventState, sigma_of
from icereco.draw.event.targets import energy_text, target_facts
from icereco.events.reconstruction import Estimate
from icereco.physics.sphere import angles_from_direction

__all__ = ["draw_numbers", "numbers_height", "targets_height", "wrapped"]

_NAMES, _WIDTHS = ("zenith", "azimuth", "error°", "σ°", "pull"), (7, 8, 7, 6, 6)
_ERROR = 2  # the first column after the angles of the direction
_SHORTEST_NAME = 7
_MARKED_NAME = 10  # a name with its mark on the sky before it


def numbers_height(state: EventState, width: int) -> int:
    """The number of rows that the table and the facts need."""
    if state.shown is None:
        return 1
    lines = _lines(state, palette_on(0))
    facts = wrapped(_facts(state, _columns(lines, width)), width)
    return 1 + len(lines) + len(facts) + targets_height(state, width)


def targets_height(state: EventState, width: int) -> int:
    """The number of rows that the further estimates of the main method need."""
    return len(_target_lines(state, width))


def _target_lines(state: EventState, width: int) -> list[str]:
    return [line for facts in _targets(state).values() for line in wrapped(facts, width)]


def _targets(state: EventState) -> dict[str, list[str]]:
    """Facts about energy, vertex, kind and inelasticity, as far as the main method gives them."""
    if state.shown is None or not state.estimates:
        return {}
    return target_facts(state.estimates[0], state.shown.truth)


def draw_numbers(canvas: Canvas, state: EventState, palette: Palette) -> None:
    """Draw a line for the truth and for each method, in their colours, and facts about the event below."""
    if state.shown is None:
        return
    lines = _lines(state, palette)
    columns = _columns(lines, canvas.columns)
    facts = _target_lines(state, canvas.columns) + wrapped(_facts(state, columns), canvas.columns)
    room = max(canvas.rows - 1 - len(facts), 1)
    _write(canvas, 0, ["", *(_NAMES[column] for column in columns)], columns, palette.label)
    width = canvas.columns - sum(_WIDTHS[column] for column in columns)
    names = _names([line.name for line in lines], [line.mark for line in lines], width)
    for row, (name, line) in enumerate(zip(names, lines[:room], strict=False), start=1):
        _write(canvas, row, [name, *(line.cells[column] for column in columns)], columns, line.color)
    for row, text in enumerate(facts, start=min(len(lines), room) + 1):
        canvas.text(0, row, text, palette.text)


@dataclass(frozen=True, slots=True)
class _Line:
    """The truth or a method: its mark on the sky, its name, and its values in the columns."""

    mark: str
    name: str
    cells: tuple[str, ...]
    color: int


def _columns(lines: list[_Line], width: int) -> list[int]:
    """The columns that have values; only the first of them if there is no room for all."""
    filled = [column for column in range(len(_NAMES)) if any(line.cells[column] for line in lines)]
    while filled and width - sum(_WIDTHS[column] for column in filled) < _SHORTEST_NAME:
        filled.pop()
    return filled


def _names(names: list[str], marks: list[str], width: int) -> list[str]:
    """Names with their marks where there is room, so that the sky can be read without colours."""
    if width < _MARKED_NAME:
        return short_names(names, width)
    return [f"{mark} {name}" for mark, name in zip(marks, short_names(names, width - 2), strict=True)]


def _write(canvas: Canvas, row: int, cells: list[str], columns: list[int], color: int) -> None:
    """Write a name, and numbers on the right."""
    place = canvas.columns - sum(_WIDTHS[column] for column in columns)
    canvas.text(0, row, cells[0], color | BOLD)
    for column, text in zip(columns, cells[1:], strict=True):
        canvas.text(place, row, text.rjust(_WIDTHS[column]), color)
        place += _WIDTHS[column]


def _lines(state: EventState, palette: Palette) -> list[_Line]:
    assert state.shown is not None
    truth = state.shown.truth
    lines = (
        [] if truth is None else [_Line("×", "true", (*_angles(truth.direction), "", "", ""), palette.truth)]
    )
    return lines + [
        _Line(
            mark_of(number) if number < MOST_LINES and estimate.direction is not None else " ",
            estimate.name,
            _cells(state, estimate),
            palette.method(number),
        )
        for number, estimate in enumerate(state.estimates)
    ]


def _cells(state: EventState, estimate: Estimate) -> tuple[str, ...]:
    error, sigma = state.error(estimate), sigma_of(estimate)
    angles = ("–", "–") if estimate.direction is None else _angles(estimate.direction)
    return *angles, _degrees(error), _degrees(sigma), _pull(error, sigma)


def _angles(direction: np.ndarray) -> tuple[str, str]:
    azimuth, zenith = angles_from_direction(direction)
    return f"{np.degrees(zenith):.2f}", f"{np.degrees(azimuth):.2f}"


def _degrees(angle: float | None) -> str:
    return "" if angle is None else f"{np.degrees(angle):.2f}"


def _pull(error: float | None, sigma: float | None) -> str:
    if error is None or not sigma:
        return ""
    return f"{error / sigma:.2f}" if error < 100 * sigma else f"{error / sigma:.0f}"


def _facts(state: EventState, columns: list[int]) -> list[str]:
    """Facts that are not in a column, or whose column has no room."""
    assert state.shown is not None
    hits, truth, targets = state.shown.hits, state.shown.truth, _targets(state)
    main = state.estimates[0] if state.estimates else None
    used = main.pulses_used if main and main.pulses_used is not None else len(hits.time_ns)
    part = "" if used == len(hits.time_ns) else f"{used:,} used of "
    facts = [
        *_hidden(state, main, columns),
        truth.kind.replace("_", " ") if truth and truth.kind and "kind" not in targets else "",
        energy_text(truth.energy_gev) if truth and "energy" not in targets else "",
        f"{part}{len(hits.time_ns):,} pulses",
        f"{len(hits.sensor_id):,} DOMs",
        f"{compact(hits.charge_pe.sum())} p.e.",
    ]
    return [fact for fact in facts if fact]


def _hidden(state: EventState, main: Estimate | None, columns: list[int]) -> list[str]:
    """The main method's values in columns for which there is no room."""
    if main is None:
        return []
    cells = _cells(state, main)
    return [
        f"{_NAMES[column].rstrip('°')} {cells[column]}{'°' * _NAMES[column].endswith('°')}"
        for column in range(_ERROR, len(_NAMES))
        if cells[column] and column not in columns
    ]


def wrapped(facts: list[str], width: int) -> list[str]:
    """Facts in lines of at most `width` characters, where none is longer."""
    lines = [""]
    for fact in facts:
        longer = f"{lines[-1]} · {fact}" if lines[-1] else fact
        if len(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(fact)
    return lines
