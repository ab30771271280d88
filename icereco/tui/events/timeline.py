"""The charge of an event against time, with the moment that is shown and the ends of the colours."""

from dataclasses import dataclass, replace

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
_GRIP = 1.0  # columns from an end of the colours at which the mouse takes hold of it


class Timeline(Drawing, can_focus=True):
    """Bars of charge in the colours of their times; keys and mouse move the moment that is shown."""

    BINDINGS = bindings(TIMELINE_KEYS)

    state: var[EventState | None] = var(None)

    @dataclass
    class TimeMoved(Message):
        """The user has moved to another moment; None = after the last pulse."""

        time_ns: float | None

    @dataclass
    class ColorsMoved(Message):
        """The user has moved an end of the colours."""

        colors_ns: tuple[float, float]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 -- Textual's word
        super().__init__(id=id, classes=classes)
        self._held = False
        self._end: int | None = None  # of the colours, 0 or 1, that the mouse holds
        self._end_ns = 0.0

    def watch_state(self, before: EventState | None, now: EventState | None) -> None:
        """Draw again if the event, the moment, the colours or the style have changed."""
        if before is None or now is None or _seen(before) != _seen(now):
            self.redraw()

    def draw(self, columns: int, rows: int, background: int) -> list[Strip]:
        """Draw bars above an axis."""
        state = self.state
        if state is not None and self._end is not None:  # the line of the moment follows the mouse
            state = replace(state, time_ns=self._end_ns)
        return drawn(draw_timeline, state, columns, rows, background)

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
        """Take hold of the end of the colours under the mouse, or show the moment there."""
        self._held = True
        self.capture_mouse()
        self._end = self._end_at(event)
        self._go(event)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Show the moment under the pressed mouse, or move the end of the colours that it holds."""
        if self._held:
            self._go(event)

    def on_mouse_up(self) -> None:
        """Keep the moment, or the end of the colours, where the mouse was released."""
        if self._end is not None and self.state is not None:
            ends = [*self.state.colors_ns]
            ends[self._end] = self._end_ns
            self._end = None
            self.redraw()
            if ends[1] - ends[0] >= 1.0:  # ns; the other way round, or nearly nothing, is a mistake
                self.post_message(self.ColorsMoved((ends[0], ends[1])))
        self._held = False
        self.release_mouse()

    def _end_at(self, event: events.MouseEvent) -> int | None:
        """The number of the end of the colours under the mouse, if one is."""
        if self.state is None or self.state.shown is None:
            return None
        column = event.x - self.gutter.left + 0.5
        away = [abs(self.state.place(end) * self.content_size.width - column) for end in self.state.colors_ns]
        nearest = away.index(min(away))
        return nearest if away[nearest] <= _GRIP else None

    def _go(self, event: events.MouseEvent) -> None:
        if self.state is None or self.state.shown is None:
            return
        low, high = self.state.window_ns
        part = (event.x - self.gutter.left + 0.5) / max(self.content_size.width, 1)
        time_ns = low + min(max(part, 0.0), 1.0) * (high - low)
        if self._end is None:
            self.post_message(self.TimeMoved(time_ns))
        else:
            self._end_ns = time_ns
            self.redraw()


def _seen(state: EventState) -> tuple[object, ...]:
    return state.shown, state.time_ns, state.colors_ns, state.style
