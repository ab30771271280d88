"""The drawn event: effects of keys and the mouse on the detector, time, pulses and style."""

from dataclasses import replace

import numpy as np
import pytest
from event_driver import play, until

from icereco.tui.common.dialogs import AskPath
from icereco.tui.events.event_body import EventBody
from icereco.tui.events.event_list import EventList
from icereco.tui.events.event_view import EventView
from icereco.tui.events.pulse_table import PulseTable
from icereco.tui.events.timeline import Timeline


def test_the_detector_turns_tilts_zooms_and_is_reset(screen):
    async def act(pilot, screen):
        first = screen.body.state.camera
        await pilot.press("left", "up", "plus", "d", "w")
        moved = screen.body.state.camera
        assert moved.yaw != first.yaw
        assert moved.pitch > first.pitch
        assert moved.zoom > 1
        assert moved.pan_m[0] > 0 < moved.pan_m[1]
        await pilot.press("z")
        assert screen.body.state.camera.pitch == pytest.approx(np.pi / 2)
        await pilot.press("0")
        assert screen.body.state.camera == first

    play(screen, act)


def test_the_camera_goes_to_the_hits_to_the_picked_module_and_back(screen):
    async def act(pilot, screen):
        whole = screen.body.state.camera
        await pilot.press("f")
        hits = screen.body.state.camera
        assert hits.zoom > 1
        await pilot.press("f")
        assert screen.body.state.camera == whole
        await pilot.press("j", "left", "f", "f")
        module, picked = screen.body.state.camera, screen.body.state.picked
        assert module.center_m == pytest.approx(screen.body.state.shown.hits.position_m[picked], abs=1e-3)
        assert module.yaw != whole.yaw  # the side from which one looks stays
        await pilot.press("f")
        assert screen.body.state.camera.zoom == 1
        await pilot.press("F", "f", "0")
        assert screen.body.state.camera == replace(whole, parallel=True)

    play(screen, act)


def test_turning_draws_only_the_detector(screen, monkeypatch):
    drawn = []
    for widget in (EventView, Timeline, EventList, PulseTable):
        original = widget.render_line
        monkeypatch.setattr(
            widget,
            "render_line",
            lambda self, y, original=original: (drawn.append(type(self)), original(self, y))[1],
        )

    async def act(pilot, screen):
        await pilot.pause(0.1)
        drawn.clear()
        await pilot.press("left")
        await pilot.pause(0.1)
        assert set(drawn) == {EventView}

    play(screen, act)


def test_the_mouse_turns_zooms_and_picks(screen):
    async def act(pilot, screen):
        view, first = screen.query_one(EventView), screen.body.state.camera
        await pilot.mouse_down(view, offset=(20, 8))
        await pilot.hover(view, offset=(26, 8))
        await pilot.mouse_up(view, offset=(26, 8))
        assert screen.body.state.camera.yaw != first.yaw
        assert screen.body.state.picked is None
        place = next(
            (column, row)
            for row in range(view.content_size.height)
            for column in range(view.content_size.width)
            if view.dom_at(column, row) is not None
        )
        await pilot.click(view, offset=(place[0] + view.gutter.left, place[1] + view.gutter.top))
        await pilot.pause()
        assert screen.body.state.picked == view.dom_at(*place)

    play(screen, act)


def test_a_picked_dom_and_the_table_of_pulses_follow_each_other(screen):
    async def act(pilot, screen):
        hits = screen.body.state.shown.hits
        await pilot.press("j")
        await pilot.pause()
        picked = screen.body.state.picked
        assert hits.first_ns[picked] == hits.time_ns[~hits.pulse_auxiliary].min()
        table = screen.query_one(PulseTable)
        assert table.cursor == (hits.time_ns < hits.first_ns[picked]).sum()
        table.focus()
        await pilot.press("end")
        await pilot.pause()
        pulse = screen.body.state.pulse
        assert hits.time_ns[pulse] == hits.time_ns.max()
        assert screen.body.state.picked == hits.dom[pulse]
        assert str(screen.query_one("#waveform").border_title).startswith("string ")

    play(screen, act)


def test_the_ends_of_the_colours_can_be_dragged(screen):
    async def act(pilot, screen):
        line, state = screen.query_one(Timeline), screen.body.state
        width, left = line.content_size.width, line.gutter.left
        first, last = (int(state.place(end) * width) + left for end in state.colors_ns)
        middle = (first + last) // 2
        await pilot.mouse_down(line, (last, 1))
        await pilot.hover(line, (middle, 1))
        assert screen.body.state.time_ns is None
        await pilot.mouse_up(line, (middle, 1))
        await until(pilot, lambda: screen.body.state.colors_ns != state.colors_ns)
        colors = screen.body.state.colors_ns
        assert colors[0] == state.colors_ns[0]
        assert state.place(colors[1]) * width == pytest.approx(middle - left + 0.5)
        last = int(screen.body.state.place(colors[1]) * width) + left
        await pilot.mouse_down(line, (last, 1))
        await pilot.hover(line, (left, 1))
        await pilot.mouse_up(line, (left, 1))  # before the first colour: nothing is changed
        await pilot.pause(0.1)
        assert screen.body.state.colors_ns == colors

    play(screen, act)


def test_time_can_be_stepped_through_and_played_to_its_end(screen):
    async def act(pilot, screen):
        low, high = screen.body.state.window_ns
        screen.query_one(Timeline).focus()
        await pilot.press("left")
        assert screen.body.state.time_ns == pytest.approx(high - 0.01 * (high - low))
        await pilot.press("enter")
        assert screen.body.state.time_ns is None
        screen.body.speed = 1e-6
        await pilot.press("space")
        assert screen.body.playing
        screen.body.speed = 20.0
        await until(pilot, lambda: not screen.body.playing)
        assert screen.body.state.time_ns is None

    play(screen, act)


def test_spinning_stops_while_another_screen_is_in_front(screen):
    async def act(pilot, screen):
        await pilot.press("r")
        first = screen.body.state.camera.yaw
        await until(pilot, lambda: screen.body.state.camera.yaw != first)
        await pilot.press("o")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskPath))
        stopped = screen.body.state.camera.yaw
        await pilot.pause(0.15)
        assert screen.body.state.camera.yaw == stopped
        await pilot.press("escape")
        await until(pilot, lambda: screen.body.state.camera.yaw != stopped)

    play(screen, act)


def test_the_style_can_be_changed(screen):
    async def act(pilot, screen):
        before = screen.body.state.style
        await pilot.press("c", "m", "u", "t", "right_square_bracket")
        style = screen.body.state.style
        assert (style.colormap, style.marker) != (before.colormap, before.marker)
        assert (style.auxiliary, style.lines_on_top) == (False, False)
        assert screen.body.state.colors_ns != screen.body.state.shown.hits.colors_ns
        for _ in range(4):
            await pilot.press("c", "m")
        assert (screen.body.state.style.colormap, screen.body.state.style.marker) != (
            before.colormap,
            before.marker,
        )

    play(screen, act)


def test_a_figure_is_saved(screen, tmp_path):
    async def act(pilot, screen):
        await pilot.press("P")
        await pilot.pause()
        (saved,) = tmp_path.glob("event-*.svg")
        assert saved.read_text().startswith("<svg")

    play(screen, act)


def test_over_ssh_a_spin_is_one_turn(screen, monkeypatch):
    monkeypatch.setenv("SSH_CONNECTION", "1.2.3.4 5 6.7.8.9 22")
    body = EventBody(screen.session.detector)
    assert body.state.style.lean

    async def act(pilot, screen):
        screen.body._over_ssh = True
        await pilot.press("r")
        screen.body._turned = 6.25
        await until(pilot, lambda: not screen.body.spinning)

    play(screen, act)
