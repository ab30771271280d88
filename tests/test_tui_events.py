# ruff: noqa: TID253 -- makes Arrow tables and runs the app's screen
"""The event screen: what keys and the mouse do, at several sizes, with good and with bad input."""

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from icereco.data.catalog import DataSet, add
from icereco.testing.random_events import random_events
from icereco.tui.screens.dialogs import AskPath, Choose
from icereco.tui.screens.event_keys import EVENT_KEYS
from icereco.tui.screens.events import EventScreen
from icereco.tui.widgets.event_list import EventList
from icereco.tui.widgets.event_view import EventView
from icereco.tui.widgets.list_panel import FilterLine, ListPanel
from icereco.tui.widgets.pulse_table import PulseTable
from icereco.tui.widgets.timeline import Timeline
from icereco.tui.widgets.welcome import Welcome

SIZES = [(80, 24), (120, 40), (200, 60)]


class Alone(App[None]):
    """The event screen without the rest of the app."""

    def __init__(self, screen: EventScreen) -> None:
        super().__init__()
        self.events = screen

    def on_mount(self) -> None:
        self.push_screen(self.events)


Act = Callable[[Pilot, EventScreen], Awaitable[None]]


def play(screen: EventScreen, act: Act, size: tuple[int, int] = (120, 40)) -> None:
    """Run the screen, wait until its data are read, and act."""

    async def run() -> None:
        async with Alone(screen).run_test(size=size) as pilot:
            await until(pilot, lambda: screen.is_mounted and not screen.session.reading)
            await pilot.pause()
            await act(pilot, screen)

    asyncio.run(run())


async def until(pilot: Pilot, condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError("it did not happen")


@pytest.fixture(scope="module")
def table():
    return random_events(np.array([40, 300, 0, 90, 700]), seed=5)


@pytest.fixture
def file(tmp_path, table, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(table, tmp_path / "events.parquet")
    return tmp_path / "events.parquet"


@pytest.fixture
def screen(file, tmp_path, detector):
    return EventScreen(file, detector=detector, runs=tmp_path / "runs")


def shown_id(screen: EventScreen) -> int | None:
    shown = screen.body.state.shown
    return None if shown is None else shown.event_id


def problem(screen: EventScreen) -> str:
    return str(screen.query_one("#problem", Static).content)


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_off_and_every_part_can_be_reached(screen, size):
    async def act(pilot, screen):
        seen = set()
        for _ in range(3):
            for part in screen.query(".card"):
                if part.display and part.region.height:
                    seen.add(part.id)
                    assert screen.region.contains_region(part.region), part.id
                    assert part.content_size.width > 20, part.id
            await pilot.press("h")
            await pilot.pause()
        await pilot.press("l")
        await pilot.pause()
        seen |= {part.id for part in screen.query(".card") if part.region.height}
        assert seen == {"view", "timeline", "list-panel", "numbers", "sky", "zoom", "waveform", "pulses"}

    play(screen, act, size)


def test_keys_go_through_the_events_and_the_list_follows(screen, table):
    ids = table["event_id"].to_pylist()

    async def act(pilot, screen):
        assert shown_id(screen) == ids[0]
        await pilot.press("n", "n", "n")
        await pilot.pause()
        assert shown_id(screen) == ids[3]
        assert screen.query_one(EventList).cursor == 3
        await pilot.press("p", "b")
        await pilot.pause()
        assert shown_id(screen) == ids[4]  # the brightest
        assert screen.query_one(EventList).cursor == 0
        await pilot.press("i")
        await pilot.pause()
        assert shown_id(screen) == ids[0]

    play(screen, act)


def test_worst_first_needs_reconstructions(screen, tmp_path, table):
    ids, azimuth, zenith = (table[name].to_pylist() for name in ("event_id", "azimuth", "zenith"))
    off = np.add(zenith, [0.1, 0.3, 0.0, 0.2, 0.05])
    errors = pl.DataFrame({"event_id": ids, "mine_azimuth": azimuth, "mine_zenith": off})
    errors.write_parquet(tmp_path / "mine.parquet")

    async def act(pilot, screen):
        await pilot.press("e")
        await pilot.pause()
        assert screen.session.order.column == "row"
        screen.session.add(tmp_path / "mine.parquet")
        await pilot.press("e")
        await pilot.pause()
        assert shown_id(screen) == table["event_id"][1].as_py()
        assert screen.body.state.estimates[0].name == "mine"
        assert screen.body.state.error(screen.body.state.estimates[0]) == pytest.approx(0.3, abs=1e-6)

    play(screen, act)


def test_a_filter_counts_as_one_types_and_says_what_is_wrong(screen):
    async def act(pilot, screen):
        panel = screen.query_one(ListPanel)
        count, wrong = (panel.query_one(name, Static) for name in ("#count", "#wrong"))
        await pilot.press("slash", *"pulses>50")
        await pilot.pause()
        assert str(count.content) == "3 of 5"
        await pilot.press(*" and puls")
        await pilot.pause()
        assert "no column 'puls'; did you mean 'pulses'?" in str(wrong.content)
        assert wrong.region.height
        assert len(screen.session.listed) == 3
        await pilot.press(*"es<100", "enter")
        await pilot.pause()
        assert str(count.content) == "1 of 5"
        assert not wrong.region.height
        assert isinstance(screen.focused, EventList)
        assert screen.body.state.shown.row == 3  # what was shown is not among them
        await pilot.press("slash", "escape")
        await pilot.pause()
        assert len(screen.session.listed) == 5
        assert isinstance(screen.focused, EventList)

    play(screen, act)


def test_what_one_types_into_the_filter_is_seen(screen):
    async def act(pilot, screen):
        await pilot.press("slash", *"pulses > 1")
        await pilot.pause()
        line = screen.query_one(FilterLine)
        assert line.content_size.height == 1
        assert "pulses > 1" in line.render_line(0).text

    play(screen, act)


def test_the_detector_turns_tilts_zooms_and_comes_back(screen):
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


def test_turning_draws_the_detector_alone(screen, monkeypatch):
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


def test_a_dom_picked_by_key_is_in_the_table_and_one_in_the_table_is_picked(screen):
    async def act(pilot, screen):
        hits = screen.body.state.shown.hits
        await pilot.press("j")
        await pilot.pause()
        picked = screen.body.state.picked
        assert hits.time_ns[hits.offsets[picked]] == hits.time_ns[hits.offsets[:-1]][~hits.auxiliary].min()
        table = screen.query_one(PulseTable)
        assert table.cursor == (hits.time_ns < hits.time_ns[hits.offsets[picked]]).sum()
        table.focus()
        await pilot.press("end")
        await pilot.pause()
        pulse = screen.body.state.pulse
        assert hits.time_ns[pulse] == hits.time_ns.max()
        assert screen.body.state.picked == hits.dom[pulse]
        assert str(screen.query_one("#waveform").border_title).startswith("string ")

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


def test_looks_can_be_changed(screen):
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


def test_another_file_can_be_opened_and_added(screen, tmp_path, table):
    pq.write_table(random_events(np.array([11, 12]), seed=8), tmp_path / "second.parquet")
    pl.DataFrame({"event_id": [9000], "mpe_azimuth": [1.0], "mpe_zenith": [1.0]}).write_parquet(
        tmp_path / "fit.parquet"
    )

    async def act(pilot, screen):
        await pilot.press("slash", *"pulses>50", "enter", "o")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskPath))
        pilot.app.screen.query_one(Input).value = "second.parquet"
        await pilot.press("enter")
        await until(pilot, lambda: screen.session.title == "second.parquet" and screen.session.total == 2)
        assert len(screen.session.listed) == 2  # the filter was of the other file
        await pilot.press("O")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskPath))
        pilot.app.screen.query_one(Input).value = "fi"
        await pilot.pause()
        await pilot.press("down", "enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        await pilot.pause()
        assert {"mpe", "linefit"} <= {one.name for one in screen.session.estimates(0)} | {"mpe"}
        assert problem(screen) == ""

    play(screen, act)


def test_a_data_set_is_chosen_by_name_and_brings_its_detector(tmp_path, file, monkeypatch):
    monkeypatch.setenv("ICERECO_CONFIG", str(tmp_path / "config"))
    add(DataSet(name="tracks", path=file, detector="upgrade"))

    async def act(pilot, screen):
        await pilot.press("o")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskPath))
        await pilot.press(*"tr", "down", "enter")
        await until(pilot, lambda: screen.session.title == "tracks" and screen.session.total)
        assert screen.session.detector.name == screen.body.detector.name == "upgrade"
        assert len(screen.body.state.frame.position_m) == len(screen.session.detector.position_m)

    play(EventScreen(runs=tmp_path / "runs"), act)


def test_without_a_file_the_screen_shows_the_way(tmp_path, file, detector):
    screen = EventScreen(detector=detector, runs=tmp_path / "runs")

    async def act(pilot, screen):
        welcome = screen.query_one(Welcome)
        assert welcome.display
        assert welcome.query_one(OptionList).option_count == 1
        welcome.query_one(OptionList).focus()
        await pilot.press("enter")
        await until(pilot, lambda: shown_id(screen) is not None)
        assert not welcome.display

    play(screen, act)


def test_a_file_that_cannot_be_read_is_explained_in_place(screen, tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1junk")
    (tmp_path / "empty.parquet").write_bytes(b"")
    reasons = {
        "gone.parquet": "no such file",
        "broken.parquet": "broken.parquet",
        "empty.parquet": "the file is empty",
    }

    async def act(pilot, screen):
        for name, words in reasons.items():
            screen.open(tmp_path / name)
            await until(pilot, lambda words=words: words in problem(screen))
        assert screen.session.total == 0
        await pilot.press("n", "space", "b", "v", "plus")  # nothing of this may fail without events
        await pilot.pause()
        screen.open(tmp_path / "events.parquet")
        await until(pilot, lambda: screen.session.total == 5 and problem(screen) == "")

    play(screen, act)


def test_strange_events_are_shown_or_explained(tmp_path, monkeypatch, detector):
    monkeypatch.chdir(tmp_path)
    table = random_events(np.array([5160, 0, 3, 3]), seed=4)
    sensors = table["sensor_id"].to_pylist()
    sensors[0], sensors[3] = list(range(5160)), [1, 2, 6000]
    times = table["time"].to_pylist()
    times[2] = [float("nan")] * 3
    table = table.set_column(1, "sensor_id", pa.array(sensors, pa.list_(pa.int32())))
    table = table.set_column(2, "time", pa.array(times, pa.list_(pa.float64())))
    pq.write_table(table, tmp_path / "strange.parquet")
    screen = EventScreen(tmp_path / "strange.parquet", detector=detector, runs=tmp_path / "runs")

    async def act(pilot, screen):
        assert len(screen.body.state.shown.hits.sensor_id) == 5160
        await pilot.press("n", "j", "space", "space")
        await pilot.pause()
        assert len(screen.body.state.shown.hits.sensor_id) == 0
        await pilot.press("n", "j")
        await pilot.pause()
        assert len(screen.body.state.shown.hits.time_ns) == 3
        await pilot.press("n")
        await pilot.pause()
        assert "sensor_id 6000 is outside icecube86" in problem(screen)
        await pilot.press("p")
        await pilot.pause()
        assert problem(screen) == ""

    play(screen, act)


def test_any_size_of_the_terminal_is_survived(screen):
    async def act(pilot, screen):
        for size in ((20, 5), (1, 1), (300, 10), (30, 90), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.press("j", "h")
        await pilot.pause()
        assert screen.query_one(EventView).content_size.width > 40

    play(screen, act)


def test_no_run_no_reconstruction(screen):
    async def act(pilot, screen):
        await pilot.press("g")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, Choose)
        assert screen.reconstructors.names == ()

    play(screen, act)


def test_a_figure_is_saved(screen, tmp_path):
    async def act(pilot, screen):
        await pilot.press("P")
        await pilot.pause()
        (saved,) = tmp_path.glob("event-*.svg")
        assert saved.read_text().startswith("<svg")

    play(screen, act)


def test_every_key_has_its_own_name_and_an_action_that_exists():
    owners = {"Detector": (EventView,), "Tables": (EventList,), "Time": (Timeline,), "Filter": (FilterLine,)}
    from icereco.tui.widgets.event_body import EventBody

    for key in EVENT_KEYS:
        name = f"action_{key.action.partition('(')[0]}"
        assert any(hasattr(owner, name) for owner in (EventScreen, EventBody, *owners.get(key.group, ()))), (
            key
        )
    identities = [key.identity for key in EVENT_KEYS]
    assert len(identities) == len(set(identities))


def test_the_screen_imports_no_torch():
    code = "import sys, icereco.tui.screens.events; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("no_color", [False, True])
def test_every_theme_and_no_color_at_all(screen, monkeypatch, no_color):
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")

    async def act(pilot, screen):
        for theme in ("textual-light", "ansi-dark"):
            pilot.app.theme = theme
            await pilot.press("j")

    play(screen, act)


def test_real_events_beside_their_official_fits(shared_data: Path, tmp_path, detector):
    screen = EventScreen(shared_data / "icecube_real" / "pulses.parquet", detector=detector, runs=tmp_path)

    async def act(pilot, screen):
        assert screen.session.total == 38
        assert len(screen.body.state.estimates) > 3
        await pilot.press("slash", *"event_id = 9", "enter")
        await pilot.press("down", "up")
        await until(pilot, lambda: shown_id(screen) == 9)
        assert screen.body.state.shown.truth is not None  # from the table beside the pulses

    play(screen, act)
