"""The event in numbers: directions of truth and reconstructions, their errors, σ and pulls, and further estimates."""

from textual.geometry import Size
from textual.reactive import var
from textual.strip import Strip

from icereco.draw.event.numbers import draw_numbers, numbers_height, targets_height
from icereco.draw.event.state import EventState
from icereco.tui.events.drawing import Drawing, drawn

__all__ = ["Numbers"]

_TALLEST = 9  # rows, or a quarter of the screen where that is more, besides those of energy, vertex, kind and inelasticity


class Numbers(Drawing):
    """A table of as many methods as there is room for, the main one first."""

    state: var[EventState | None] = var(None)

    def watch_state(self, before: EventState | None, now: EventState | None) -> None:
        """Draw again if the event or its estimates have changed."""
        if before is None or now is None or (before.shown, before.estimates) != (now.shown, now.estimates):
            self.redraw(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 -- Textual's signature
        """Return the rows that the lines need, within limits."""
        if self.state is None:
            return 3
        tallest = max(_TALLEST, viewport.height // 4) + targets_height(self.state, width)
        return min(numbers_height(self.state, width), tallest)

    def draw(self, columns: int, rows: int, background: int) -> list[Strip]:
        """Draw the table, and facts about the event below it."""
        return drawn(draw_numbers, self.state, columns, rows, background)
