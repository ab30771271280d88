"""The detector with the event in it, to be turned, tilted, moved and zoomed."""

from dataclasses import dataclass

import numpy as np
from textual import events
from textual.geometry import Offset
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip

from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.camera import Camera
from icereco.draw.canvas.scene import nearest_dom
from icereco.draw.event.detector import draw_detector
from icereco.draw.event.state import EventState
from icereco.tui.events.drawing import Drawing, drawn
from icereco.tui.keys import Key, bindings

__all__ = ["VIEW_KEYS", "EventView"]

VIEW_KEYS: tuple[Key, ...] = (
    Key("left", "turn_left", "Turn left", "Detector"),
    Key("right", "turn_right", "Turn right", "Detector"),
    Key("up", "tilt_up", "Tilt up", "Detector"),
    Key("down", "tilt_down", "Tilt down", "Detector"),
)
_TURN = np.pi / 36  # of one press
_DRAG = 0.025  # rad per cell
_WHEEL = 1.15
_PICK_DOTS = 8.0


class EventView(Drawing, can_focus=True):
    """Draws the detector with the event; keys and mouse move the camera and pick DOMs."""

    BINDINGS = bindings(VIEW_KEYS)

    state: var[EventState | None] = var(None)

    @dataclass
    class CameraMoved(Message):
        """The user has moved the camera."""

        camera: Camera

    @dataclass
    class DomPicked(Message):
        """The user has picked a hit DOM, or none; `beside` others, or in place of the one that was picked."""

        index: int | None
        beside: bool = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 -- Textual's word
        super().__init__(id=id, classes=classes)
        self._button: int | None = None  # the mouse button that is held down
        self._dragged = False
        self._last = Offset()

    def watch_state(self, before: EventState | None, now: EventState | None) -> None:
        """Draw again, unless only the picked pulse has changed."""
        if before is None or now is None or _seen(before) != _seen(now):
            self.redraw()

    def draw(self, columns: int, rows: int, background: int) -> list[Strip]:
        """Draw the detector, hits, lines and the picked DOM."""
        return drawn(draw_detector, self.state, columns, rows, background)

    def action_turn_left(self) -> None:
        """Move the camera around the detector, towards smaller azimuth."""
        self._move(self.camera.turned(-_TURN, 0))

    def action_turn_right(self) -> None:
        """Move the camera around the detector, towards larger azimuth."""
        self._move(self.camera.turned(_TURN, 0))

    def action_tilt_up(self) -> None:
        """Look from higher up."""
        self._move(self.camera.turned(0, _TURN))

    def action_tilt_down(self) -> None:
        """Look from lower down."""
        self._move(self.camera.turned(0, -_TURN))

    @property
    def camera(self) -> Camera:
        """The camera, or a default one without a state."""
        return self.state.camera if self.state else Camera((0.0, 0.0, 0.0), 1.0)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Bring the camera nearer."""
        event.stop()
        self._move(self.camera.zoomed(_WHEEL))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move the camera away."""
        event.stop()
        self._move(self.camera.zoomed(1 / _WHEEL))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin a drag or a click."""
        self._button, self._dragged, self._last = event.button, False, event.screen_offset
        self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Turn the camera with the left button, move it with another button or with ctrl."""
        right, down = event.screen_offset - self._last
        if self._button is None or not (right or down):
            return
        self._dragged, self._last = True, event.screen_offset
        if self._button == 1 and not event.ctrl:
            self._move(self.camera.turned(-right * _DRAG, down * 2 * _DRAG))
        else:
            per_row = 2 / max(self.content_size.height, 1)
            self._move(self.camera.panned(-right * per_row / 2, down * per_row))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Pick the nearest hit DOM if the mouse has not been dragged."""
        if self._button is not None and not self._dragged:
            place = event.get_content_offset(self)
            if place is not None:
                self.post_message(self.DomPicked(self.dom_at(place.x, place.y), event.ctrl))
        self._button = None
        self.release_mouse()

    def dom_at(self, column: int, row: int) -> int | None:
        """The index of the visible hit DOM nearest to a cell; None if none is near."""
        state = self.state
        if state is None or state.shown is None or state.moment is None:
            return None
        shown = np.isfinite(state.moment.first_ns) & (state.style.auxiliary | ~state.shown.hits.auxiliary)
        canvas = Canvas(*self.content_size, state.style.marker)
        marker = canvas.marker
        x, y = (column + 0.5) * marker.across, (row + 0.5) * marker.down
        index = np.flatnonzero(shown)
        return nearest_dom(state.shown.hits, index, state.camera, canvas, x, y, _PICK_DOTS)

    def _move(self, camera: Camera) -> None:
        self.post_message(self.CameraMoved(camera))


def _seen(state: EventState) -> tuple[object, ...]:
    """What the picture depends on."""
    names = ("frame", "camera", "shown", "estimates", "time_ns", "colors_ns", "doms", "expected", "style")
    return tuple(getattr(state, name) for name in names)
