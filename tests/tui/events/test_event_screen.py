"""The event screen as a whole: sizes, themes, keys, and bad input."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from event_driver import SIZES, play, problem, until

from icereco.testing.random_events import random_events
from icereco.tui.common.list_panel import FilterLine
from icereco.tui.events.event_body import EventBody
from icereco.tui.events.event_list import EventList
from icereco.tui.events.event_view import EventView
from icereco.tui.events.keys import EVENT_KEYS
from icereco.tui.events.pulse_table import PulseTable
from icereco.tui.events.screen import EventScreen
from icereco.tui.events.timeline import Timeline


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_off_and_every_part_can_be_reached(screen, size):
    async def act(pilot, screen):
        seen = set()
        for _ in range(4):
            for part in screen.query(".card"):
                if part.display and part.region.height:
                    seen.add(part.id)
                    assert screen.region.contains_region(part.region), part.id
                    assert part.content_size.width > 20, part.id
                    if isinstance(part, PulseTable):
                        assert len(part._shown()) == len(part._columns) == 5
            await pilot.press("h")
            await pilot.pause()
        await pilot.press("l")
        await pilot.pause()
        seen |= {part.id for part in screen.query(".card") if part.region.height}
        assert seen == {
            "view",
            "timeline",
            "list-panel",
            "numbers",
            "sky",
            "zoom",
            "waveform",
            "residuals",
            "pulses",
        }

    play(screen, act, size)


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
        await pilot.press("n", "space", "b", "v", "plus")  # none of these may fail without events
        await pilot.pause()
        screen.open(tmp_path / "events.parquet")
        await until(pilot, lambda: screen.session.total == 5 and problem(screen) == "")

    play(screen, act)


def test_unusual_events_are_shown_or_explained(tmp_path, monkeypatch, detector):
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


def test_the_terminal_may_have_any_size(screen):
    async def act(pilot, screen):
        for size in ((20, 5), (1, 1), (300, 10), (30, 90), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.press("j", "h")
        await pilot.pause()
        assert screen.query_one(EventView).content_size.width > 40

    play(screen, act)


def test_every_key_has_its_own_name_and_an_action_that_exists():
    owners = {"Detector": (EventView,), "Tables": (EventList,), "Time": (Timeline,), "Filter": (FilterLine,)}
    for key in EVENT_KEYS:
        name = f"action_{key.action.partition('(')[0]}"
        assert any(hasattr(owner, name) for owner in (EventScreen, EventBody, *owners.get(key.group, ()))), (
            key
        )
    identities = [key.identity for key in EVENT_KEYS]
    assert len(identities) == len(set(identities))


def test_the_screen_does_not_import_torch():
    code = "import sys, icereco.tui.events.screen; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("no_color", [False, True])
def test_every_theme_can_be_drawn_with_and_without_color(screen, monkeypatch, no_color):
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")

    async def act(pilot, screen):
        for theme in ("textual-light", "ansi-dark"):
            pilot.app.theme = theme
            await pilot.press("j")

    play(screen, act)
