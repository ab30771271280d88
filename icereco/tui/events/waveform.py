"""The pulses of one DOM, or of several, against time."""

from textual.reactive import var
from textual.strip import Strip

from icereco.draw.event.state import EventState
from icereco.draw.event.waveform import draw_waveform, waveform_height
from icereco.tui.events.drawing import Drawing, drawn

__all__ = ["Waveform"]

_USUAL_ROWS = 8  # with the frame, for one DOM


class Waveform(Drawing):
    """A stem for each pulse, as tall as its charge, under a curve of their sum; auxiliary pulses are dashed."""

    state: var[EventState | None] = var(None)

    def watch_state(self, before: EventState | None, now: EventState | None) -> None:
        """Draw again if the event, the picked DOM or pulse, the colours or the style have changed."""
        if before is None or now is None or _seen(before) != _seen(now):
            self.redraw()
        if now is not None:
            self._make_room(now)

    def _make_room(self, state: EventState) -> None:
        """Be higher while several DOMs are looked at, at most as high as two fifths of the screen."""
        frame = self.gutter.height
        wanted = waveform_height(state, _USUAL_ROWS - frame) + frame
        height = max(min(wanted, self.screen.size.height * 2 // 5), _USUAL_ROWS)
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height

    def draw(self, columns: int, rows: int, background: int) -> list[Strip]:
        """Draw stems, a curve and an axis; a hint while no DOM is picked."""
        return drawn(draw_waveform, self.state, columns, rows, background)


def _seen(state: EventState) -> tuple[object, ...]:
    return state.shown, state.picked, state.kept, state.pulse, state.colors_ns, state.expected, state.style
