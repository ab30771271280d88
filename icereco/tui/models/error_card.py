"""The errors of all trained models on the events on which the chosen one was measured."""

from collections.abc import Sequence

from textual.strip import Strip

from icereco.draw.canvas.braille import Canvas
from icereco.draw.error_bars import ErrorBar, ErrorGroup, draw_error_bars
from icereco.trained.library import TrainedModel
from icereco.tui.common.strips import strips_of
from icereco.tui.events.drawing import Drawing
from icereco.tui.themes import CURVES, curve_color, ink

__all__ = ["ErrorCard", "groups_for"]


def groups_for(chosen: TrainedModel, models: Sequence[TrainedModel]) -> list[ErrorGroup]:
    """For each group of events of the chosen model, the errors of all models that have figures of events by that name.

    Models of other detectors are left out, as "validation events" of theirs are others.
    """
    same = [model for model in models if model.card.detector == chosen.card.detector]
    return [
        ErrorGroup(
            f"{row.kind.replace('_', ' ')}, {row.data}",
            tuple(
                ErrorBar(model.name, other.median_deg, other.containment68_deg)
                for model in same
                for other in model.card.figures
                if (other.data, other.kind, other.events) == (row.data, row.kind, row.events)
            ),
        )
        for row in chosen.card.figures
    ]


class ErrorCard(Drawing):
    """Draws bars of the median and the 68 % of angular errors, by kind of event."""

    def __init__(self, marker: str, id: str) -> None:  # noqa: A002 -- Textual's own name
        super().__init__(id=id)
        self.marker = marker
        self.groups: Sequence[ErrorGroup] = ()

    def show(self, groups: Sequence[ErrorGroup]) -> None:
        """Show other figures."""
        self.groups = groups
        self.redraw()

    def draw(self, columns: int, rows: int, background: int) -> list[Strip]:
        """Draw the bars in the colours of the theme."""
        canvas, colors = Canvas(columns, rows, self.marker), ink(self.app, background)
        bars = [curve_color(number, background) for number in range(len(CURVES))]
        draw_error_bars(canvas, self.groups, bars, colors.cursor, colors.text)
        return strips_of(canvas, background)
