"""What curves have at the cursor, run by run, and names of curves in little room."""

from collections.abc import Sequence
from dataclasses import dataclass

from icereco.draw.canvas.curves import Curve, View, reading
from icereco.draw.canvas.names import short_names
from icereco.draw.canvas.scale import compact
from icereco.tui.runs.overlay import Overlay
from icereco.tui.runs.panels import CurveOf, Panel
from icereco.tui.themes import curve_color

__all__ = ["RunReading", "fitting_names", "place_text", "readings_of"]

_LEAST = 3  # characters of a name
_PARTS = ("train", "validation", "events/s")
"""Names of curves that say less than the title of their chart."""


@dataclass(frozen=True, slots=True)
class RunReading:
    """The values of one run at the cursor.

    Attributes:
        name: of the run.
        letter: of its curves; empty where there is one run.
        color: of its curves.
        place: where the values were read on the horizontal axis; None where the run does not reach the cursor.
        values: by figure; None where there is none at the cursor.
    """

    name: str
    letter: str
    color: int
    place: float | None
    values: dict[str, float | None]


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


def place_text(place: float) -> str:
    """A place on the horizontal axis."""
    return f"{place:,.0f}" if place.is_integer() else compact(place, 4)


def readings_of(
    overlay: Overlay, panels: Sequence[Panel], view: View, columns: int, under: int
) -> list[RunReading]:
    """The values of each run at the cursor, each at the place nearest to it where the run has a value.

    Args:
        overlay: the runs.
        panels: the charts whose figures are read.
        view: with the cursor.
        columns: of a chart: values are means over a column, as they are drawn.
        under: the background.
    """
    figures = [(_heading(panel, curve), curve) for panel in panels for curve in overlay.shown(panel)]
    return [_of_run(overlay, number, figures, view, columns, under) for number in range(len(overlay.runs))]


def _of_run(
    overlay: Overlay,
    number: int,
    figures: Sequence[tuple[str, CurveOf]],
    view: View,
    columns: int,
    under: int,
) -> RunReading:
    run = overlay.runs[number]
    values: dict[str, float | None] = {}
    places: list[float] = []
    for heading, figure in figures:
        points = overlay.points(run, figure.metric)
        read = reading(Curve(heading, points, 0), view, columns)
        values[heading] = None if read is None else read[1]
        places += [] if read is None else [read[0]]
    letter = "" if overlay.alone else run.badge.letter
    return RunReading(
        run.path.name,
        letter,
        curve_color(run.badge.color, under),
        places[0] if places else None,
        values,
    )


def _heading(panel: Panel, curve: CurveOf) -> str:
    """What a figure is called in a table: the chart where the curve is only a part of it."""
    title = panel.title.partition(" [")[0]
    if curve.label not in _PARTS:
        return curve.label
    return title if curve.label != "train" or len(panel.curves) == 1 else f"train {title}"
