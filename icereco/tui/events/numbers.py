"""The event in numbers: angles of truth and reconstructions, how far apart they are, and how sure they say to be."""

from textual.geometry import Size
from textual.reactive import var
from textual.strip import Strip

from icereco.draw.event.numbers import draw_numbers, numbers_height
from icereco.draw.event.state import EventState
from icereco.tui.events.drawing import Drawing, drawn

__all__ = ["Numbers"]

_TALLEST = 9  # of a low screen; of a tall one a quarter


class Numbers(Drawing):
    """As many methods as there is room for, the main one first."""

    state: var[EventState | None] = var(None)

    def watch_state(self, before: EventState | None, now: EventState | None) -> None:
        """Draw again if it matters here."""
        if before is None or now is None or (before.shown, before.estimates) != (now.shown, now.estimates):
            self.redraw(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 -- Textual's signature
        """As high as the lines need, within limits."""
        if self.state is None:
            return 3
        return min(numbers_height(self.state, width), max(_TALLEST, viewport.height // 4))

    def draw(self, columns: int, rows: int, background: int) -> list[Strip]:
        """The table and the facts."""
        return drawn(draw_numbers, self.state, columns, rows, background)
