"""The sky with the truth, the reconstructions, and contours of their posteriors."""

from textual.reactive import var
from textual.strip import Strip

from icereco.draw.event.sky import draw_all_sky, draw_sky_zoom
from icereco.draw.event.state import EventState
from icereco.tui.events.drawing import Drawing, drawn

__all__ = ["SkyMap"]


class SkyMap(Drawing):
    """The whole sky, or the sky around the main reconstruction."""

    state: var[EventState | None] = var(None)

    def __init__(self, *, zoomed: bool = False, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 -- Textual's word
        super().__init__(id=id, classes=classes)
        self.zoomed = zoomed

    def watch_state(self, before: EventState | None, now: EventState | None) -> None:
        """Draw again if the event, its estimates or the style have changed."""
        if before is None or now is None or _seen(before) != _seen(now):
            self.redraw()

    def draw(self, columns: int, rows: int, background: int) -> list[Strip]:
        """Draw the density, a grid, contours, and a character for each direction."""
        return drawn(draw_sky_zoom if self.zoomed else draw_all_sky, self.state, columns, rows, background)


def _seen(state: EventState) -> tuple[object, ...]:
    return state.shown, state.estimates, state.scan, state.style
