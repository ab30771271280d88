"""What curves have at the cursor where there are several runs, and names of curves in little room."""

from collections.abc import Sequence
from dataclasses import dataclass

from icereco.draw.canvas.braille import BOLD, Canvas
from icereco.draw.canvas.curves import GUTTER, Curve
from icereco.draw.canvas.names import short_names
from icereco.draw.canvas.scale import compact

__all__ = ["RunReading", "fitting_names", "runs_read", "write_readings"]

_LEAST = 3  # characters of a name
_VALUE = 6
_WIDE = 60  # columns of a chart in which names of curves are written in full

Read = tuple[float, float, float, float]
"""Place, mean, lowest and highest value."""


@dataclass(frozen=True, slots=True)
class RunReading:
    """The values of one run at the cursor, by the names of its curves."""

    run: str
    color: int
    values: dict[str, str]


def fitting_names(names: Sequence[str], room: int) -> tuple[list[str], int]:
    """Names shortened to fit in a line with a blank between them, and how many there is no room for.

    >>> fitting_names(["cascade", "starting"], 20), fitting_names(["cascade", "starting"], 15)
    ((['cascade', 'starting'], 0), (['cascade', 'sta…ing'], 0))
    """
    for width in range(max([_LEAST, *map(len, names)]), _LEAST - 1, -1):
        short = short_names(names, width)
        if len(" ".join(short)) <= room:
            return short, 0
    kept = max((room - 3) // (_LEAST + 1), 0)  # a sign for the others needs three
    return short_names(names, _LEAST)[:kept], len(names) - kept


def runs_read(read: Sequence[tuple[Curve, Read | None]]) -> list[RunReading]:
    """The values by run, the run that was drawn last first; a run that does not reach the cursor has dashes."""
    runs: dict[str, RunReading] = {}
    for curve, value in reversed(read):
        run = runs.setdefault(curve.run, RunReading(curve.run, curve.color, {}))
        run.values[curve.label] = "–" if value is None else compact(value[1], 4)
    return list(runs.values())


def write_readings(canvas: Canvas, runs: Sequence[RunReading], *, at_left: bool) -> None:
    """Write a table into a chart: a row for each run, under the names of the curves."""
    labels = list(dict.fromkeys(label for run in runs for label in reversed(run.values)))
    room, rows = canvas.columns - GUTTER, canvas.rows - 2
    cell = max(_VALUE, *map(len, labels)) if room > _WIDE else _VALUE
    labels = labels[: max((room - _LEAST - 1) // (cell + 1), 1)]
    width = min(max(len(run.run) for run in runs), room - len(labels) * (cell + 1) - 1)
    names = short_names([run.run for run in runs], max(width, _LEAST))
    column = GUTTER if at_left else max(canvas.columns - width - len(labels) * (cell + 1) - 1, GUTTER)
    heads = [f"{head:>{cell}}" for head in short_names(labels, cell)]
    canvas.text(column, 0, " ".join(["".ljust(width), *heads]), runs[0].color)
    for row, (run, name) in enumerate(zip(runs, names, strict=True), start=1):
        if row >= rows and row < len(runs):
            canvas.text(column, row, f"+{len(runs) - row + 1} more", run.color)
            return
        cells = [f"{run.values.get(label, '–'):>{cell}}" for label in labels]
        canvas.text(column, row, " ".join([name.ljust(width), *cells]), run.color | BOLD)
