"""The time residuals of the pulses to the main method or the truth."""

from textual.reactive import var
from textual.strip import Strip

from icereco.draw.event.residual_card import draw_residuals
from icereco.draw.event.residuals import residuals_of
from icereco.draw.event.state import EventState
from icereco.tui.events.drawing import Drawing, drawn

__all__ = ["ResidualCard"]


class ResidualCard(Drawing):
    """A histogram under the counts of early, direct, late and auxiliary pulses."""

    state: var[EventState | None] = var(None)

    def watch_state(self, before: EventState | None, now: EventState | None) -> None:
        """Draw again if the event, the hypothesis or the style have changed."""
        if before is None or now is None or _seen(before) != _seen(now):
            self.redraw()

    def draw(self, columns: int, rows: int, background: int) -> list[Strip]:
        """Draw counts, bars and an axis."""
        return drawn(draw_residuals, self.state, columns, rows, background)


def _seen(state: EventState) -> tuple[object, ...]:
    return state.shown, residuals_of(state), state.style
