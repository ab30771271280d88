"""The list of events: moving through it, its order, its filter; opening data and adding reconstructions."""

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from event_driver import play, problem, shown_id, until
from textual.widgets import Input, OptionList, Static

from icereco.data.catalog import DataSet, add
from icereco.testing.random_events import random_events
from icereco.tui.common.ask import AskScreen
from icereco.tui.common.dialogs import AskPath
from icereco.tui.common.list_panel import FilterLine, ListPanel
from icereco.tui.events.event_list import EventList
from icereco.tui.events.screen import EventScreen
from icereco.tui.events.welcome import Welcome
from icereco.tui.settings import Settings


def test_keys_move_through_the_events_and_the_list_follows(screen, table):
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


def test_a_filter_counts_events_and_shows_what_is_wrong_while_it_is_typed(screen):
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
        assert screen.body.state.shown.row == 3  # the event shown before does not pass the filter
        await pilot.press("slash", "escape")
        await pilot.pause()
        assert len(screen.session.listed) == 5
        assert isinstance(screen.focused, EventList)

    play(screen, act)


def test_the_text_of_the_filter_is_visible(screen):
    async def act(pilot, screen):
        await pilot.press("slash", *"pulses > 1")
        await pilot.pause()
        line = screen.query_one(FilterLine)
        assert line.content_size.height == 1
        assert "pulses > 1" in line.render_line(0).text

    play(screen, act)


def test_an_event_is_found_by_its_id_also_outside_of_the_filter(screen, table):
    ids = table["event_id"].to_pylist()

    async def ask(pilot):
        await pilot.press("G")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskScreen) and pilot.app.screen.query(Input))
        return pilot.app.screen

    async def act(pilot, screen):
        asked = await ask(pilot)
        await pilot.press(*str(ids[3]), "enter")
        await until(pilot, lambda: shown_id(screen) == ids[3])
        assert screen.query_one(EventList).cursor == 3
        await pilot.press("slash", *"pulses>500", "enter")
        asked = await ask(pilot)
        await pilot.press("x", "enter")
        await pilot.pause()
        problem_there = str(asked.query_one(".problem", Static).content)
        assert problem_there == f"no event has this id; ids go from {ids[0]} to {ids[-1]}"
        await pilot.press("backspace", *str(ids[1]), "enter")
        await until(pilot, lambda: shown_id(screen) == ids[1])
        assert screen.query_one(EventList).cursor == -1
        await pilot.press("n")
        await until(pilot, lambda: shown_id(screen) == ids[4])

    play(screen, act)


def test_the_listed_events_are_written_in_order(screen, tmp_path):
    async def ask(pilot):
        await pilot.press("E")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskScreen) and pilot.app.screen.query(Input))
        return pilot.app.screen

    async def act(pilot, screen):
        await pilot.press("slash", *"pulses>50", "enter", "b")
        await pilot.pause()
        await ask(pilot)
        await pilot.press("enter")
        file = tmp_path / "events-list.csv"
        await until(pilot, file.exists)
        await until(pilot, lambda: pilot.app.screen is screen)
        written = pl.read_csv(file)
        assert written["pulses"].to_list() == screen.session.listed["pulses"].to_list() == [700, 300, 90]
        assert {"event_id", "charge", "span", "zenith", "energy"} <= set(written.columns)
        asked = await ask(pilot)
        await pilot.press("enter")  # nothing is overwritten
        await until(pilot, lambda: "exists" in str(asked.query_one(".problem", Static).content))
        asked.query_one(Input).value = "nowhere/list.csv"
        await pilot.press("enter")
        await until(pilot, lambda: "nowhere/list.csv: cannot be written" in problem(screen))

    play(screen, act)


def test_read_only_the_list_is_not_written(screen):
    async def act(pilot, screen):
        assert screen.check_action("export", ())
        pilot.app.settings = Settings(Path("runs"), read_only=True)
        assert not screen.check_action("export", ())
        assert screen.check_action("go_to_event", ())

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
        assert len(screen.session.listed) == 2  # the filter of the other file is cleared
        await pilot.press("O")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskPath))
        pilot.app.screen.query_one(Input).value = "fi"
        await pilot.pause()
        await pilot.press("down", "enter")
        await until(pilot, lambda: pilot.app.screen is screen)
        await pilot.pause()
        assert {"mpe", "linefit"} <= {estimate.name for estimate in screen.session.estimates(0)} | {"mpe"}
        assert problem(screen) == ""

    play(screen, act)


def test_a_data_set_chosen_by_name_is_shown_in_its_detector(tmp_path, file, monkeypatch):
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


def test_without_data_the_screen_offers_files_to_open(tmp_path, file, detector, monkeypatch):
    monkeypatch.setenv("ICERECO_CACHE", str(tmp_path / "cache"))  # without simulated events of other tests
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


def test_real_events_are_shown_with_their_official_fits(shared_data: Path, tmp_path, detector):
    screen = EventScreen(shared_data / "icecube_real" / "pulses.parquet", detector=detector, runs=tmp_path)

    async def act(pilot, screen):
        assert screen.session.total == 38
        assert len(screen.body.state.estimates) > 3
        await pilot.press("slash", *"event_id = 9", "enter")
        await pilot.press("down", "up")
        await until(pilot, lambda: shown_id(screen) == 9)
        assert screen.body.state.shown.truth is not None  # from the table next to the pulses

    play(screen, act)
