"""The pulses of one DOM against time."""

from textual.reactive import var
from textual.strip import Strip

from icereco.draw.event.state import EventState
from icereco.draw.event.waveform import draw_waveform
from icereco.tui.events.drawing import Drawing, drawn

__all__ = ["Waveform"]


class Waveform(Drawing):
    """A stem for each pulse, as tall as its charge, under a curve of their sum; auxiliary pulses are dashed."""

    state: var[EventState | None] = var(None)

    def watch_state(self, before: EventState | None, now: EventState | None) -> None:
        """Draw again if the event, the picked DOM or pulse, the colours or the style have changed."""
        if before is None or now is None or _seen(before) != _seen(now):
            self.redraw()

    def draw(self, columns: int, rows: int, background: int) -> list[Strip]:
        """Draw stems, a curve and an axis; a hint while no DOM is picked."""
        return drawn(draw_waveform, self.state, columns, rows, background)


def _seen(state: EventState) -> tuple[object, ...]:
    return state.shown, state.picked, state.pulse, state.colors_ns, state.style
