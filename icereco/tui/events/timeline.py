"""The charge of an event against time, with the moment that is shown and the ends of the colours."""

from dataclasses import dataclass

from textual import events
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip

from icereco.draw.event.state import EventState
from icereco.draw.event.timeline import draw_timeline
from icereco.tui.events.drawing import Drawing, drawn
from icereco.tui.keys import Key, bindings

__all__ = ["TIMELINE_KEYS", "Timeline"]

TIMELINE_KEYS: tuple[Key, ...] = (
    Key("left", "earlier", "Earlier", "Time"),
    Key("right", "later", "Later", "Time"),
    Key("enter", "whole", "Whole event", "Time"),
)

_STEP = 0.01  # of the time that is shown, per key press


class Timeline(Drawing, can_focus=True):
    """Bars of charge in the colours of their times; keys and mouse move the moment that is shown."""

    BINDINGS = bindings(TIMELINE_KEYS)

    state: var[EventState | None] = var(None)

    @dataclass
    class TimeMoved(Message):
        """The user has moved to another moment; None = after the last pulse."""

        time_ns: float | None

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 -- Textual's word
        super().__init__(id=id, classes=classes)
        self._held = False

    def watch_state(self, before: EventState | None, now: EventState | None) -> None:
        """Draw again if the event, the moment, the colours or the style have changed."""
        if before is None or now is None or _seen(before) != _seen(now):
            self.redraw()

    def draw(self, columns: int, rows: int, background: int) -> list[Strip]:
        """Draw bars above an axis."""
        return drawn(draw_timeline, self.state, columns, rows, background)

    def action_earlier(self) -> None:
        """Show the event a little earlier."""
        self.step(-1)

    def action_later(self) -> None:
        """Show the event a little later."""
        self.step(1)

    def action_whole(self) -> None:
        """Show the whole event, as after its last pulse."""
        self.post_message(self.TimeMoved(None))

    def step(self, steps: int) -> None:
        """Move the moment by hundredths of the time that is shown."""
        if self.state is None or self.state.shown is None:
            return
        low, high = self.state.window_ns
        now = high if self.state.time_ns is None else self.state.time_ns
        moved = now + steps * _STEP * (high - low)
        self.post_message(self.TimeMoved(None if moved >= high else max(moved, low)))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Show the moment under the mouse."""
        self._held = True
        self.capture_mouse()
        self._go(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Show the moment under the pressed mouse."""
        if self._held:
            self._go(event)

    def on_mouse_up(self) -> None:
        """Keep the moment where the mouse was released."""
        self._held = False
        self.release_mouse()

    def _go(self, event: events.MouseEvent) -> None:
        if self.state is None or self.state.shown is None:
            return
        low, high = self.state.window_ns
        part = (event.x - self.gutter.left + 0.5) / max(self.content_size.width, 1)
        self.post_message(self.TimeMoved(low + min(max(part, 0.0), 1.0) * (high - low)))


def _seen(state: EventState) -> tuple[object, ...]:
    return state.shown, state.time_ns, state.colors_ns, state.style
