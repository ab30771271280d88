"""What the app remembers of a folder from one session to the next."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_run_table import names, with_table
from tui_driver import answer, drive, make_run, notified, text_of, until, with_runs

from icereco.cli.tui import command
from icereco.detector.detector import load_detector
from icereco.draw.canvas.camera import Camera
from icereco.draw.canvas.scene import frame_of
from icereco.draw.event.state import EventState
from icereco.errors import IcerecoError
from icereco.runs.folder import RunFolder
from icereco.system.cache import config_dir
from icereco.testing.random_events import random_events
from icereco.tui.common.list_panel import FilterLine
from icereco.tui.events.remembered import restored
from icereco.tui.memory import Memory, Sessions, memory_of
from icereco.tui.named_things import NamedThings
from icereco.tui.runs.chart import Chart
from icereco.tui.runs.run_rows import Sorting


@pytest.fixture
def runs(tmp_path):
    for name in ("one", "three", "fourth"):
        make_run(tmp_path / "runs", name)
    return tmp_path / "runs"


def remembered(folder: Path) -> dict:
    return memory_of(folder, writes=False).values


def test_a_session_begins_as_the_last_one_ended(runs):
    seen = {}

    async def first(pilot):
        screen = await with_runs(pilot, 3)
        await pilot.press("space", "down", "b", "down")
        await until(pilot, lambda: len(screen.overlay.runs) == 3)
        await until(
            pilot, lambda: all(run.series.rows for run in screen.overlay.runs) and screen.query(Chart)
        )
        await pilot.press("x", "y", "e", "m", "l", "f2")
        await until(pilot, lambda: screen.figures and pilot.app.theme == "icereco-light")
        await answer(pilot, "f", "epochs<6")
        await until(pilot, lambda: len(screen.list.runs) == 2)
        seen.update(
            screen=screen.choice, figures=screen.figures, letters=screen.badges.given, theme=pilot.app.theme
        )

    async def second(pilot):
        screen = await with_runs(pilot, 2)
        assert "runs: epochs<6" in text_of(pilot)
        assert (screen.axis, screen.view.log_y, screen.view.weight) == ("epoch", True, 0.6)
        assert screen.has_class("-large-log")
        assert screen.choice.baseline.name == seen["screen"].baseline.name
        assert [path.name for path in screen.overlaid] == [path.name for path in seen["screen"].overlaid]
        assert (screen.figures, screen.badges.given) == (seen["figures"], seen["letters"])
        assert pilot.app.theme == seen["theme"] == "icereco-light"

    drive(first, remembers=True)
    drive(second, remembers=True)
    drive(second, runs=runs, remembers=True)  # the same folder by another path


def test_overlaid_runs_come_back_and_those_that_are_gone_do_not(runs):
    async def first(pilot):
        screen = await with_runs(pilot, 3)
        await pilot.press("space", "down", "space", "down")
        await until(pilot, lambda: len(screen.overlay.runs) == 3)

    async def second(pilot):
        screen = await with_runs(pilot, 2)
        await until(pilot, lambda: len(screen.overlaid) == 1)

    drive(first, remembers=True)
    (gone, _) = remembered(runs)["runs"]["overlaid"]
    RunFolder(runs / gone).delete()
    drive(second, remembers=True)


def test_the_order_of_the_table_is_remembered(runs):
    async def first(pilot):
        await with_table(pilot, 3)
        await pilot.press("S", "o", "g")
        await until(pilot, lambda: pilot.app.memory.table("table").get("grouped") is False)

    async def second(pilot):
        screen = await with_table(pilot, 3)
        assert screen.sorting == Sorting("state", True, False)
        assert len(names(screen)) == 3

    drive(first, remembers=True)
    drive(second, remembers=True)


def test_a_theme_of_the_command_line_comes_before_the_remembered_one(runs):
    memory_of(runs).keep("theme", "icereco-contrast")

    async def scenario(pilot):
        assert pilot.app.theme == "icereco-light"

    drive(scenario, remembers=True, theme="icereco-light")


@pytest.mark.parametrize("chosen", [{"remembers": True, "read_only": True}, {"remembers": False}])
@pytest.mark.usefixtures("runs")
def test_nothing_is_written_when_the_app_may_only_look_or_makes_a_picture(chosen):
    async def scenario(pilot):
        await with_runs(pilot, 3)
        await pilot.press("y", "f2")
        await until(pilot, lambda: pilot.app.memory.text("theme") == "icereco-light")

    drive(scenario, **chosen)
    assert not (config_dir() / "folders").exists()


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = (
    "axis",
    "smoothed",
    "figures",
    "overlaid",
    "baseline",
    "filter",
    "large_log",
    "badges",
    "log_x",
    "tight",
)


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.fixed_dictionaries(dict.fromkeys(KEYS, JSON)), JSON, JSON)
def test_a_memory_that_makes_no_sense_does_not_keep_the_app_from_starting(runs, state, theme, table):
    memory = memory_of(runs)
    for name, value in {"runs": state, "theme": theme, "table": table}.items():
        memory.keep(name, value)

    async def scenario(pilot):
        await until(pilot, lambda: len(pilot.app.runs) == 3)
        await pilot.press("t")
        await until(pilot, lambda: "runs" in text_of(pilot))

    drive(scenario, remembers=True)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 99, "theme": "icereco-light"}', "\x00"])
def test_a_damaged_file_or_one_of_another_version_is_as_none(tmp_path, content):
    memory = memory_of(tmp_path)
    memory.keep("theme", "icereco-light")
    memory.path.write_text(content)
    assert remembered(tmp_path) == {}
    memory_of(tmp_path).keep("axis", "time")
    assert json.loads(memory.path.read_text())["axis"] == "time"


def test_what_cannot_be_written_is_remembered_as_long_as_the_app_runs(tmp_path):
    (tmp_path / "file").write_text("")
    memory = Memory(path=tmp_path / "file" / "below.json")
    memory.keep("theme", "icereco-light")
    assert memory.text("theme") == "icereco-light"


async def run_command(screen, title: str) -> None:
    provider = NamedThings(screen)
    await provider.startup()
    [command] = [hit.command async for hit in provider.search(title) if str(hit.match_display) == title]
    command()


def test_sessions_are_kept_restored_and_deleted_by_name(runs):
    async def scenario(pilot):
        screen = await with_runs(pilot, 3)
        await pilot.press("x", "f2")
        await until(pilot, lambda: screen.axis == "epoch" and pilot.app.theme == "icereco-light")
        await answer(pilot, "f4", "for talks")
        await until(pilot, lambda: "a name has letters" in text_of(pilot))
        await pilot.press("escape")
        await answer(pilot, "f4", "talks")
        await until(pilot, lambda: "icereco tui --session talks" in notified(pilot))
        assert Sessions.of(runs).names() == ["talks"]
        await pilot.press("x", "f2")
        await until(pilot, lambda: screen.axis != "epoch" and pilot.app.theme == "icereco-contrast")
        await run_command(screen, "Session: talks")
        await until(pilot, lambda: screen.axis == "epoch" and pilot.app.theme == "icereco-light")
        await run_command(screen, "Delete session: talks")
        assert Sessions.of(runs).names() == []

    drive(scenario, remembers=True)


def test_the_app_begins_with_a_session_and_keeps_it_as_it_was(runs):
    Sessions.of(runs).keep("talks", {"theme": "icereco-light", "runs": {"axis": "epoch"}})

    async def scenario(pilot):
        screen = await with_runs(pilot, 3)
        assert (screen.axis, pilot.app.theme) == ("epoch", "icereco-light")
        await pilot.press("f2")
        await until(pilot, lambda: pilot.app.theme != "icereco-light")

    drive(scenario, remembers=True, session="talks")
    assert Sessions.of(runs).read("talks")["theme"] == "icereco-light"
    assert remembered(runs)["theme"] != "icereco-light"


def test_a_wrong_name_of_a_session_is_reported_with_the_nearest(runs):
    Sessions.of(runs).keep("talks", {})
    done = CliRunner().invoke(command, ["--session", "tlaks", "--picture", "out.svg"])
    assert "did you mean 'talks'?" in str(done.exception)
    assert isinstance(done.exception, IcerecoError)
    (Sessions.of(runs).path / "broken.json").write_text("{")
    with pytest.raises(IcerecoError, match="damaged"):
        Sessions.of(runs).read("broken")


def test_a_wrong_name_of_a_theme_is_reported_with_the_nearest(tmp_path):
    done = CliRunner().invoke(command, ["--theme", "icereco-lihgt", "--picture", str(tmp_path / "out.svg")])
    assert isinstance(done.exception, IcerecoError)
    assert "did you mean 'icereco-light'?" in str(done.exception)


def test_events_are_seen_as_in_the_last_session(tmp_path):
    pq.write_table(random_events(np.array([60, 400, 150]), seed=2), tmp_path / "events.parquet")
    seen = []

    async def first(pilot):
        await until(pilot, lambda: "3 events" in text_of(pilot))
        screen = pilot.app.screen
        await pilot.press("z", "F", "c", "u", "h")
        screen.query_one(FilterLine).value = "pulses > 100"
        await until(pilot, lambda: "2 of 3 events" in text_of(pilot))
        seen.append((screen.body.state.camera, screen.body.state.style, screen.card_set))

    async def second(pilot):
        await until(pilot, lambda: "2 of 3 events" in text_of(pilot))
        screen = pilot.app.screen
        assert (screen.body.state.camera, screen.body.state.style, screen.card_set) == seen[0]

    drive(first, remembers=True, events="events.parquet")
    drive(second, remembers=True, events="events.parquet")


@pytest.mark.parametrize("table", [{"yaw": "east", "pitch": 3}, {"grid": ["all"], "colormap": "none"}, {"cards": "x", "filter": 7, "auxiliary": 1}])  # fmt: skip
def test_looks_that_make_no_sense_are_left_out(table):
    detector = load_detector("orca")
    state = EventState(frame_of(detector), Camera.around(detector.position_m))
    after = restored(state, table)
    assert (after.camera, after.style) == (state.camera, state.style)
