"""One event: detector, timeline and list on the left; numbers, skies and pulses on the right."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.reactive import var

from icereco.detector.detector import Detector
from icereco.draw.canvas.camera import Camera
from icereco.draw.canvas.colormap import COLORMAPS
from icereco.draw.canvas.markers import MARKERS
from icereco.draw.canvas.scene import GRIDS, frame_of
from icereco.draw.event.residuals import residuals_of
from icereco.draw.event.state import COLORINGS, POSTERIORS, EventState, Style, after
from icereco.tui.common.list_panel import ListPanel
from icereco.tui.events.event_view import EventView
from icereco.tui.events.numbers import Numbers
from icereco.tui.events.pulse_table import PulseTable
from icereco.tui.events.residual_card import ResidualCard
from icereco.tui.events.sky import SkyMap
from icereco.tui.events.timeline import Timeline
from icereco.tui.events.waveform import Waveform
from icereco.tui.host import may
from icereco.tui.keys import Key, bindings
from icereco.tui.ssh import over_ssh

__all__ = ["BODY_KEYS", "EventBody"]

BODY_KEYS: tuple[Key, ...] = (
    Key("space", "play", "Play", "Time", shown=True),
    Key("comma", "hurry(0.5)", "Slower", "Time"),
    Key("full_stop", "hurry(2.0)", "Faster", "Time"),
    Key("left_square_bracket", "stretch(0.8)", "Colours for less time", "Time"),
    Key("right_square_bracket", "stretch(1.25)", "Colours for more time", "Time"),
    Key("plus,equals_sign", "zoom(1.25)", "Zoom in", "Detector"),
    Key("minus", "zoom(0.8)", "Zoom out", "Detector"),
    Key("a", "pan(-1, 0)", "Move left", "Detector"),
    Key("d", "pan(1, 0)", "Move right", "Detector"),
    Key("w", "pan(0, 1)", "Move up", "Detector"),
    Key("s", "pan(0, -1)", "Move down", "Detector"),
    Key("0", "reset_view", "Whole detector", "Detector"),
    Key("f", "focus", "Near the hits, near the module", "Detector"),
    Key("F", "flatten", "Without perspective", "Detector"),
    Key("x", "look_along('x')", "From the side, x", "Detector"),
    Key("y", "look_along('y')", "From the side, y", "Detector"),
    Key("z", "look_along('z')", "From above", "Detector"),
    Key("r", "spin", "Spin", "Detector", shown=True),
    Key("j", "next_dom(1)", "Next hit", "Detector"),
    Key("k", "next_dom(-1)", "Previous hit", "Detector"),
    Key("M", "keep_dom", "Keep the module beside others", "Detector"),
    Key("Z", "forget_doms", "Forget the modules kept", "Detector"),
    Key("u", "switch('auxiliary')", "Auxiliary pulses", "Looks"),
    Key("L", "front", "Light front while time runs", "Looks"),
    Key("t", "switch('lines_on_top')", "Lines or hits on top", "Looks"),
    Key("c", "next_colormap", "Colours", "Looks"),
    Key("C", "next_coloring", "Colours by time, residual, light", "Looks"),
    Key("T", "next_residuals", "Residuals to method or truth", "Methods"),
    Key("X", "expect", "Expected light", "Methods"),
    Key("A", "next_posteriors", "Contours of all or one", "Methods"),
    Key("m", "next_marker", "Marker", "Looks"),
    Key("S", "next_grid", "Modules without hits", "Looks"),
)

_FRAMES_PER_SECOND, _FRAMES_OVER_SSH = 20, 6
_SPIN = 0.5  # rad/s
_PAN = 0.1  # of what is seen
_SLOWEST, _FASTEST = 1 / 64, 4.0


class EventBody(Horizontal):
    """Holds the state that its parts draw, and changes it by keys, the mouse and the clock.

    Attributes:
        state: what is shown.
        playing, spinning: whether time runs, and whether the detector turns.
        speed: of time, as the part of the timeline that passes in a second.
    """

    BINDINGS = bindings(BODY_KEYS)

    state: var[EventState] = var(None, init=False)  # type: ignore[arg-type]  # set before anything reads it

    class Changed(Message):
        """The titles in the frames may have changed."""

    def __init__(self, detector: Detector, marker: str = "braille") -> None:
        """Show a detector without an event; `marker` is how dots are drawn."""
        super().__init__()
        self.detector = detector
        self.playing = self.spinning = False
        self.speed = 0.25
        self._over_ssh = over_ssh()
        self._ticked = self._turned = 0.0
        self._titled: tuple[object, ...] = ()
        style = Style(marker=marker, lean=self._over_ssh)
        if "NO_COLOR" in os.environ:  # times are shown by brightness alone
            style = Style("gray", marker, lean=True)
        self.set_reactive(
            EventBody.state, EventState(frame_of(detector), Camera.around(detector.position_m), style=style)
        )

    def compose(self) -> ComposeResult:
        """Show all parts; the style sheet hides those for which there is no room."""
        with Vertical(id="left"):
            yield EventView(id="view", classes="card")
            yield Timeline(id="timeline", classes="card")
            yield ListPanel(id="list-panel", classes="card")
        with Vertical(id="right"):
            yield Numbers(id="numbers", classes="card")
            yield SkyMap(id="sky", classes="card")
            yield SkyMap(zoomed=True, id="zoom", classes="card")
            yield Waveform(id="waveform", classes="card")
            yield ResidualCard(id="residuals", classes="card")
            yield PulseTable(self.detector, id="pulses", classes="card")

    def on_mount(self) -> None:
        """Prepare the animation, and show the detector without an event."""
        rate = _FRAMES_OVER_SSH if self._over_ssh else _FRAMES_PER_SECOND
        self._ticker = self.set_interval(1 / rate, self._tick, pause=True)
        if self.app.console.color_system in ("standard", "windows") and "NO_COLOR" not in os.environ:
            self._restyle(lambda style: replace(style, colormap="sixteen"))
        self.watch_state(self.state)

    def watch_state(self, state: EventState) -> None:
        """Pass the state to the parts that draw it."""
        for widget in self.query(".card"):
            if isinstance(
                widget, EventView | Timeline | Numbers | SkyMap | Waveform | ResidualCard | PulseTable
            ):
                widget.state = state
        titled = (state.shown, state.estimates, state.colors_ns, state.doms, state.picked, state.expected,
                  state.scan, state.style)  # fmt: skip
        if titled != self._titled:
            self._titled = titled
            self.post_message(self.Changed())

    def take(self, detector: Detector) -> None:
        """Show a detector without an event."""
        if detector is not self.detector:
            self.detector = self.query_one(PulseTable).detector = detector
            self._change(frame=frame_of(detector), camera=Camera.around(detector.position_m))
        self.state = self.state.showing(None, ())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action is possible now: they change the picture of the detector, which the list may cover."""
        del parameters
        return may(self, action) and self.query_one("#view").display

    def title(self, titles: dict[str, tuple[str, str]]) -> None:
        """Set the titles and subtitles in the frames of the parts."""
        for name, (title, subtitle) in titles.items():
            part = self.query_one(f"#{name}")
            part.border_title, part.border_subtitle = title, subtitle

    def rest(self, *, resting: bool) -> None:
        """Stop the animation while the screen is hidden (`resting`), and resume it if there is one."""
        self._ticked = time.monotonic()
        if resting or not (self.playing or self.spinning):
            self._ticker.pause()
        else:
            self._ticker.resume()

    @on(EventView.CameraMoved)
    def _look(self, event: EventView.CameraMoved) -> None:
        self._change(camera=event.camera)

    @on(EventView.DomPicked)
    def _pick_dom(self, event: EventView.DomPicked) -> None:
        if event.beside and event.index is not None:
            self._change(kept=self.state.doms)
        self._pick(event.index)

    @on(PulseTable.PulsePicked)
    def _pick_pulse(self, event: PulseTable.PulsePicked) -> None:
        if self.state.shown is not None:
            self._change(picked=int(self.state.shown.hits.dom[event.pulse]), pulse=event.pulse)

    @on(Timeline.TimeMoved)
    def _go_to_time(self, event: Timeline.TimeMoved) -> None:
        self._change(time_ns=event.time_ns)

    @on(Timeline.ColorsMoved)
    def _color_between(self, event: Timeline.ColorsMoved) -> None:
        self._change(colors_ns=event.colors_ns)

    def _pick(self, dom: int | None) -> None:
        if self.state.shown is not None:
            first = None if dom is None else int(self.state.shown.hits.first[dom])
            self._change(picked=dom, pulse=first)

    def _change(self, **values: Any) -> None:
        self.state = replace(self.state, **values)

    def action_next_dom(self, by: int) -> None:
        """Pick the next DOM that was hit, or the one before, in order of time."""
        if (dom := self.state.dom_after(by)) is not None:
            self._pick(dom)

    def action_keep_dom(self) -> None:
        """Keep the picked DOM beside those that are picked next, or no longer."""
        picked, shown = self.state.picked, self.state.shown
        if picked is None or shown is None:
            self.notify("pick a module first, with j, k or the mouse")
            return
        self.state = self.state.kept_or_not(picked)
        name = self.state.frame.name(int(shown.hits.sensor_id[picked]))
        kept = f"{name} is kept; pick others" if picked in self.state.kept else f"{name} is no longer kept"
        self.notify(kept, title="modules", timeout=2)

    def action_forget_doms(self) -> None:
        """Look at the picked DOM alone again."""
        self._change(kept=())

    def _tick(self) -> None:
        """Advance by the time that has passed: a slow terminal shows fewer pictures, not a slower event."""
        now = time.monotonic()
        passed, self._ticked = min(now - self._ticked, 0.5), now
        state = self.state
        if self.spinning:
            state = replace(state, camera=state.camera.turned(_SPIN * passed, 0))
            self._turned += _SPIN * passed
            # Over SSH a spin ends by itself, so that it does not send data for hours.
            self.spinning = not (self._over_ssh and self._turned >= 2 * np.pi)
        if self.playing:
            state = state.later(passed * self.speed)
            self.playing = state.time_ns is not None
        self.state = state
        if not (self.playing or self.spinning):
            self.rest(resting=False)

    def action_play(self) -> None:
        """Let time run from the moment that is shown, or stop it."""
        self.playing = not self.playing
        if self.playing and self.state.time_ns is None:
            self._change(time_ns=self.state.window_ns[0])
        self.rest(resting=False)

    def action_spin(self) -> None:
        """Turn the detector, or stop it; over SSH it makes one turn."""
        self.spinning, self._turned = not self.spinning, 0.0
        self.rest(resting=False)

    def action_hurry(self, factor: float) -> None:
        """Let time run faster or slower."""
        self.speed = min(max(self.speed * factor, _SLOWEST), _FASTEST)
        self.notify(f"the event takes {1 / self.speed:g} s", title="play", timeout=2)

    def action_stretch(self, factor: float) -> None:
        """Let the colours cover more time, or less."""
        self.state = self.state.stretched(factor)

    def action_zoom(self, factor: float) -> None:
        """Bring the camera nearer to the detector, or farther away."""
        self._move(lambda camera: camera.zoomed(factor))

    def action_pan(self, right: float, up: float) -> None:
        """Move the camera sideways or up and down."""
        self._move(lambda camera: camera.panned(right * _PAN, up * _PAN))

    def action_look_along(self, axis: str) -> None:
        """Look along an axis of the detector."""
        self._move(lambda camera: camera.seen_from(axis))

    def action_reset_view(self) -> None:
        """Show the whole detector, as at the start."""
        parallel = self.state.camera.parallel
        self._move(lambda _: replace(Camera.around(self.detector.position_m), parallel=parallel))

    def action_focus(self) -> None:
        """Bring the camera near to the hits, then to the picked module if there is one, then back to the whole detector."""
        camera, shown = self.state.camera, self.state.shown
        places = [self.state.light_m] if len(self.state.light_m) else []
        if shown is not None and self.state.picked is not None:
            places.append(shown.hits.position_m[self.state.picked][None])
        views = [camera.focused(place) for place in places]
        whole = Camera.around(self.detector.position_m)
        views.append(replace(whole, yaw=camera.yaw, pitch=camera.pitch, parallel=camera.parallel))
        number = views.index(camera) + 1 if camera in views else 0
        self._change(camera=views[number % len(views)])

    def action_flatten(self) -> None:
        """Look without perspective, or with it again."""
        self._move(lambda camera: replace(camera, parallel=not camera.parallel))

    def _move(self, change: Callable[[Camera], Camera]) -> None:
        self._change(camera=change(self.state.camera))

    def action_switch(self, what: str) -> None:
        """Switch a property of the style: auxiliary pulses, or lines on top of hits."""
        change: dict[str, Any] = {what: not getattr(self.state.style, what)}
        self._restyle(lambda style: replace(style, **change))

    def action_front(self) -> None:
        """Draw the front of direct light at the moment that is shown, or no longer."""
        self._restyle(lambda style: replace(style, front=not style.front))
        self.notify(
            "shown at any moment" if self.state.style.front else "hidden", title="light front", timeout=2
        )

    def action_next_colormap(self) -> None:
        """Colour the hits by the next colour map."""
        self._restyle(lambda style: replace(style, colormap=after(style.colormap, COLORMAPS)))

    def action_next_coloring(self) -> None:
        """Colour the hits by their times, their time residuals, or the light that is expected."""
        known = {
            "residual": residuals_of(self.state) is not None,
            "light": self.state.style.expected,
        }
        choices = [name for name in COLORINGS if known.get(name, True)]
        if len(choices) == 1:
            self.notify("there is no track or cascade to take residuals to")
        now = self.state.style.color_by if self.state.style.color_by in choices else choices[0]
        self._restyle(lambda style: replace(style, color_by=after(now, choices)))

    def action_expect(self) -> None:
        """Let expected light be computed and colour the hits, or no longer."""
        on = not self.state.style.expected
        self._restyle(lambda style: replace(style, expected=on, color_by="light" if on else COLORINGS[0]))

    def action_next_posteriors(self) -> None:
        """Draw the contours of all methods on the sky, of the main one alone, or none."""
        self._restyle(lambda style: replace(style, posteriors=after(style.posteriors, POSTERIORS)))
        self.notify(POSTERIORS[self.state.style.posteriors], title="sky", timeout=2)

    def action_next_residuals(self) -> None:
        """Take residuals to the truth, or to the main method again."""
        self._restyle(lambda style: replace(style, against_truth=not style.against_truth))
        residuals, wanted = residuals_of(self.state), self.state.style.against_truth
        if wanted and (self.state.shown is None or self.state.shown.truth is None):
            self.notify("the truth of this event is not known", title="residuals", timeout=3)
        elif residuals is not None:
            self.notify(f"to {residuals.hypothesis.name}", title="residuals", timeout=2)

    def action_next_marker(self) -> None:
        """Draw dots with the next marker."""
        self._restyle(lambda style: replace(style, marker=after(style.marker, MARKERS)))

    def action_next_grid(self) -> None:
        """Show other modules without hits: fewer where they are dense, all, those of strings with hits, none."""
        self._restyle(lambda style: replace(style, grid=after(style.grid, GRIDS)))
        self.notify(GRIDS[self.state.style.grid], title="modules without hits", timeout=2)

    def _restyle(self, change: Callable[[Style], Style]) -> None:
        self._change(style=change(self.state.style))
