"""Filters of events that are kept under names."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from textual.widgets import OptionList
from tui_driver import drive, notified, text_of, until

from icereco.errors import IcerecoError
from icereco.settings import settings_file
from icereco.testing.random_events import random_events
from icereco.tui.common.ask import AskScreen
from icereco.tui.common.dialogs import Choose
from icereco.tui.common.list_panel import FilterLine
from icereco.tui.events.kept_filters import keep_filter, kept_filter, kept_filters

BRIGHT = "pulses > 80 and kind in ('cascade', '[b]', 'through_track', 'starting_track')"


@pytest.fixture
def events(tmp_path) -> str:
    pq.write_table(random_events(np.array([60, 400, 150, 40, 90]), seed=2), tmp_path / "events.parquet")
    return "events.parquet"


async def find(pilot, words: str) -> None:
    await pilot.press("ctrl+p")
    await until(pilot, lambda: "Search" in text_of(pilot))
    await pilot.press(*["space" if letter == " " else letter for letter in words])
    await until(pilot, lambda: text_of(pilot).count(words) > 1)
    await pilot.pause(0.2)
    await pilot.press("enter")


def test_a_filter_is_kept_under_a_name_and_chosen_from_there_and_from_the_palette(events):
    async def scenario(pilot):
        screen = pilot.app.screen
        line = screen.query_one(FilterLine)
        await until(pilot, lambda: "5 events" in text_of(pilot))
        await pilot.press("K")
        await until(pilot, lambda: "write one first" in notified(pilot))
        line.value = BRIGHT
        await until(pilot, lambda: "3 of 5 events" in text_of(pilot))
        await pilot.press("K")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choose) and "keep this one" in text_of(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskScreen))
        await pilot.press(*"bright", "enter")
        await until(pilot, lambda: kept_filters() == {"bright": BRIGHT})
        keep_filter("dim", "pulses < 50")

        await pilot.press("K")
        await until(pilot, lambda: isinstance(pilot.app.screen, Choose) and "dim" in text_of(pilot))
        assert "keep this one" not in text_of(pilot), "it is kept already"
        assert "'[b]'" in text_of(pilot)
        pilot.app.screen.query_one(OptionList).highlighted = 1
        await pilot.press("enter")
        await until(pilot, lambda: line.value == "pulses < 50" and "1 of 5 events" in text_of(pilot))

        pilot.app.action_mode("jobs")
        await until(pilot, lambda: pilot.app.screen is not screen)
        await find(pilot, "Filter: bright")
        await until(pilot, lambda: pilot.app.screen is screen and line.value == BRIGHT)
        await find(pilot, "Delete filter: dim")
        await until(pilot, lambda: list(kept_filters()) == ["bright"])

    drive(scenario, events=events)


def test_the_list_is_shown_with_the_filter_where_it_was_hidden(events):
    keep_filter("bright", "pulses > 80")

    async def scenario(pilot):
        screen = pilot.app.screen
        await until(pilot, lambda: screen.body.state.shown is not None)
        assert not screen.query_one(FilterLine).region.area
        screen.use_filter("bright")
        await until(pilot, lambda: "3 of 5 events" in text_of(pilot))
        assert screen.query_one(FilterLine).region.area

    drive(scenario, (80, 24), events=events)


def test_without_events_a_filter_waits_for_them():
    keep_filter("bright", "pulses > 80")

    async def scenario(pilot):
        await until(pilot, lambda: "No runs yet" in text_of(pilot))
        await find(pilot, "Filter: bright")
        await until(pilot, lambda: "open events first" in notified(pilot))

    drive(scenario)


def test_with_read_only_nothing_is_kept(events):
    async def scenario(pilot):
        await until(pilot, lambda: "5 events" in text_of(pilot))
        pilot.app.screen.query_one(FilterLine).value = "pulses > 80"
        await until(pilot, lambda: "3 of 5 events" in text_of(pilot))
        await pilot.press("K")
        await until(pilot, lambda: "write one first" in notified(pilot))
        assert not settings_file().exists()

    drive(scenario, events=events, read_only=True)


def test_a_filter_that_is_not_there_is_reported_with_the_nearest():
    keep_filter("bright", "pulses > 80")
    with pytest.raises(IcerecoError, match=r"no filter 'brigt'; did you mean 'bright'\? \(known: bright\)"):
        kept_filter("brigt")


def test_entries_of_another_form_are_left_out():
    keep_filter("bright", 'kind = "a" or "b\\c" > 1')
    with settings_file().open("a") as file:
        file.write("\n[filters.wrong]\nwhere = 3\n")
    assert kept_filters() == {"bright": 'kind = "a" or "b\\c" > 1'}
