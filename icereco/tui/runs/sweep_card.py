"""The sweep of the run under the cursor: its settings against the result by which the table is sorted."""

from collections.abc import Sequence
from typing import Any

from textual.strip import Strip

from icereco.draw.canvas.braille import Canvas
from icereco.draw.sweep import Sweep, SweepInk, SweepRun, draw_sweep
from icereco.tui.common.strips import strips_of
from icereco.tui.events.drawing import Drawing
from icereco.tui.runs.difference_card import short_value
from icereco.tui.runs.run_rows import RunRow
from icereco.tui.themes import ink
from icereco.watch.run_filter import settings_that_differ

__all__ = ["SweepCard", "sweep_of"]

RESULTS = {"median": "median [°]", "loss": "loss", "rate": "events/s"}
"""What a sweep can be shown against, by the names of columns; the first where the table is sorted by something else."""

_HIGHER = frozenset({"rate"})


def sweep_of(rows: Sequence[RunRow], current: RunRow | None, column: str) -> Sweep | None:
    """The sweep of a run, or the first one in the table; None where no settings differ in it.

    Args:
        rows: of the table.
        current: the row under the cursor.
        column: by which the table is sorted.
    """
    swept = [row for row in rows if row.sweep]
    if not swept:
        return None
    name = current.sweep if current is not None and current.sweep else swept[0].sweep
    members = [row for row in swept if row.sweep == name]
    settings = settings_that_differ(row.run.settings for row in members)
    if not settings:
        return None
    result = column if column in RESULTS else next(iter(RESULTS))
    runs = tuple(
        SweepRun(
            tuple(short_value(row.run.settings.get(setting)) for setting in settings),
            row.values[result],
            row is current,
        )
        for row in members
    )
    values = tuple(_values([row.run.settings.get(setting) for row in members]) for setting in settings)
    names = tuple(setting.rpartition(".")[2] for setting in settings)
    return Sweep(names, values, RESULTS[result], runs, result in _HIGHER)


def _values(values: Sequence[Any]) -> tuple[str, ...]:
    """The different values, numbers by size and before words."""
    different = {short_value(value): value for value in values}

    def order(text: str) -> tuple[bool, float, str]:
        value = different[text]
        number = isinstance(value, int | float)
        return not number, float(value) if number else 0.0, text

    return tuple(sorted(different, key=order))


class SweepCard(Drawing):
    """Draws a sweep."""

    def __init__(self, marker: str, id: str) -> None:  # noqa: A002 -- Textual's own name
        super().__init__(id=id)
        self.marker = marker
        self.sweep: Sweep | None = None

    def show(self, sweep: Sweep | None) -> None:
        """Show a sweep, or none."""
        if sweep != self.sweep:
            self.sweep = sweep
            self.redraw()

    def draw(self, columns: int, rows: int, background: int) -> list[Strip]:
        """Draw the sweep in the colours of the theme."""
        canvas, colors = Canvas(columns, rows, self.marker), ink(self.app, background)
        if self.sweep is not None:
            draw_sweep(canvas, self.sweep, SweepInk(colors.cursor, colors.text, colors.cursor, background))
        return strips_of(canvas, background)
