"""The palette on the event screen, what the footer offers, and what stays usable when the terminal changes."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from textual.widgets import OptionList, TextArea
from tui_driver import answer, drive, make_run, notified, text_of, until, with_runs

from icereco.data.catalog import DataSet, add
from icereco.draw.canvas.colormap import luminance, packed
from icereco.runs.jobs import JobFolder
from icereco.testing.random_events import random_events
from icereco.tui.app import IcerecoApp
from icereco.tui.common.dialogs import AskPath
from icereco.tui.common.key_bar import KeyBar
from icereco.tui.common.list_panel import FilterLine
from icereco.tui.common.mode_bar import ModeBar
from icereco.tui.events.event_list import EventList
from icereco.tui.events.screen import EventScreen
from icereco.tui.keys import APP_KEYS, Key, clashes
from icereco.tui.modes import MODES
from icereco.tui.profiles.screen import ProfilesScreen
from icereco.tui.runs.run_list import RunList
from icereco.tui.runs.train_screen import TrainScreen


@pytest.fixture
def events(tmp_path):
    pq.write_table(random_events(np.array([60, 400, 150]), seed=2), tmp_path / "events.parquet")
    return "events.parquet"


async def with_events(pilot) -> EventScreen:
    await until(pilot, lambda: isinstance(pilot.app.screen, EventScreen) and pilot.app.screen.is_mounted)
    await until(pilot, lambda: pilot.app.screen.body.state.shown is not None)
    return pilot.app.screen


def footer(pilot) -> str:
    return text_of(pilot).splitlines()[-1]


def test_the_palette_runs_actions_of_the_parts_of_the_event_screen(events):
    async def scenario(pilot):
        body = (await with_events(pilot)).body
        for words in ("Looks: Colours", "Spin", "Detector: Zoom in", "Time: Earlier"):
            before = (body.state.style.colormap, body.spinning, body.state.camera, body.state.time_ns)
            await pilot.press("ctrl+p")
            await until(pilot, lambda: "Search" in text_of(pilot))
            await pilot.press(*["space" if letter == " " else letter for letter in words.replace(":", "")])
            await until(pilot, lambda words=words: text_of(pilot).count(words) > 0)
            await pilot.pause(0.2)
            await pilot.press("enter")
            await until(
                pilot,
                lambda before=before: (
                    before
                    != (body.state.style.colormap, body.spinning, body.state.camera, body.state.time_ns)
                ),
            )

    drive(scenario, events=events)


@pytest.mark.parametrize(
    ("words", "key"),
    [("Larger log", "l"), ("Filter the log", "/"), ("Zoom in", "+"), ("Run above", "↑"), ("Axis", "x")],
)
def test_the_palette_names_keys_as_they_are_printed_on_a_keyboard(tmp_path, words, key):
    make_run(tmp_path / "runs", "one")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: "Search" in text_of(pilot))
        await pilot.press(*["space" if letter == " " else letter for letter in words])
        await until(pilot, lambda: re.search(rf"{words} *\n *key {re.escape(key)} *\n", text_of(pilot)))

    drive(scenario)


async def find(pilot, words: str) -> None:
    """Open the palette, type, and take what is found first."""
    await pilot.press("ctrl+p")
    await until(pilot, lambda: "Search" in text_of(pilot))
    await pilot.press(*["space" if letter == " " else letter for letter in words])
    await until(pilot, lambda: text_of(pilot).count(words) > 1)
    await pilot.pause(0.2)
    await pilot.press("enter")


def test_the_palette_finds_runs_profiles_data_and_themes_by_name(tmp_path, monkeypatch, events):
    monkeypatch.chdir(tmp_path)
    add(DataSet(path=tmp_path / "events.parquet", name="numu"))
    for name in ("calm-muon", "bold-pion"):
        make_run(tmp_path / "runs", name)

    async def scenario(pilot):
        await with_runs(pilot, 2)
        for name in ("calm-muon", "bold-pion"):
            await find(pilot, name)
            await until(pilot, lambda name=name: pilot.app.screen.query_one(RunList).current.name == name)
        await find(pilot, "complete")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProfilesScreen))
        await until(pilot, lambda: pilot.app.screen.current.name == "complete")
        await find(pilot, "icereco-light")
        await until(pilot, lambda: pilot.app.theme == "icereco-light")
        await find(pilot, "numu")
        await with_events(pilot)

    drive(scenario)


def test_the_palette_finds_an_event_by_its_id(events):
    async def scenario(pilot):
        screen = await with_events(pilot)
        last = screen.session.ids[1]
        assert screen.body.state.shown.event_id != last
        await find(pilot, str(last))
        await until(pilot, lambda: screen.body.state.shown.event_id == last)

    drive(scenario, events=events)


def test_keys_work_after_the_part_with_the_focus_was_hidden_by_a_change_of_size(events):
    async def scenario(pilot):
        screen = await with_events(pilot)
        await pilot.press("l")
        await until(pilot, lambda: isinstance(screen.focused, EventList))
        for size in ((120, 40), (80, 24), (120, 40)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: screen.focused is not None and screen.focused.region.area)
            await pilot.pause(0.1)
            assert not isinstance(screen.focused, FilterLine)
            before = screen.body.state
            await pilot.press("plus", "c", "u")
            await until(pilot, lambda before=before: screen.body.state.camera != before.camera)
            assert screen.body.state.style.auxiliary != before.style.auxiliary
            assert "Play" in footer(pilot)

    drive(scenario, (80, 24), events=events)


def test_the_footer_shows_every_method_key_at_80_columns_and_the_same_after_a_window(events):
    make_run_of = {"events": events}

    async def scenario(pilot):
        await with_events(pilot)
        for words in (
            "n Next",
            "/ Filter",
            "l List",
            "o Open",
            "g Reco",
            "h Cards",
            "Play",
            "? Help",
            "q Quit",
        ):
            assert words in footer(pilot), footer(pilot)
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: "g Reconstruct" in footer(pilot))
        wide = footer(pilot)
        await pilot.press("question_mark")
        await pilot.resize_terminal(80, 24)
        await pilot.press("escape")
        await until(pilot, lambda: "g Reco " in footer(pilot))
        await pilot.resize_terminal(120, 40)
        await until(pilot, lambda: footer(pilot) == wide)

    drive(scenario, (80, 24), **make_run_of)


def test_the_modes_are_all_shown_at_the_least_width():
    async def scenario(pilot):
        await until(pilot, lambda: "6 Jobs" in text_of(pilot).splitlines()[0])

    drive(scenario, (60, 18))


def test_what_the_first_and_the_last_line_name_can_be_clicked_as_on_a_phone(events):
    async def scenario(pilot):
        body = (await with_events(pilot)).body
        await pilot.click(KeyBar, offset=(footer(pilot).index("Spin"), 0))
        await until(pilot, lambda: body.spinning)
        await pilot.click(ModeBar, offset=(text_of(pilot).splitlines()[0].index("Jobs"), 0))
        await until(pilot, lambda: pilot.app.current_mode == "jobs")

    drive(scenario, events=events, size=(120, 40))


def test_the_footer_follows_the_theme():
    async def scenario(pilot):
        await until(pilot, lambda: "n New" in text_of(pilot))
        colors = set()
        for theme in ("icereco-dark", "icereco-light", "icereco-contrast"):
            pilot.app.theme = theme
            await pilot.pause(0.1)
            strips = pilot.app.screen._compositor.render_strips()
            segment = next(segment for segment in strips[-1] if "n" in segment.text)
            colors.add(segment.style.color.name)
            assert segment.style.color.name == pilot.app.theme_variables["footer-key-foreground"].lower()
        assert len(colors) == 3
        pilot.app.theme = "solarized-light"  # which has white keys on a light ground
        await pilot.pause(0.1)
        segment = next(one for one in pilot.app.screen._compositor.render_strips()[-1] if "n" in one.text)
        over, under = (
            float(luminance(packed(color.get_truecolor()))) + 0.05
            for color in (segment.style.color, segment.style.bgcolor)
        )
        assert max(over, under) / min(over, under) >= 4.5

    drive(scenario)


@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light"])
def test_frames_and_screens_are_visible_in_the_terminals_own_colours(tmp_path, theme):
    make_run(tmp_path / "runs", "one")

    async def scenario(pilot):
        screen = await with_runs(pilot, 1)
        ground = screen.query_one("#progress").styles.background
        for name in ("progress", "log", "gauges"):
            _, color = screen.query_one(f"#{name}").styles.border_top
            assert color.ansi not in (None, -1, 0), color
            assert color != ground
        variables = pilot.app.theme_variables
        assert theme != "ansi-dark" or variables["primary"] != "ansi_blue"

    drive(scenario, theme=theme)


def test_an_error_on_opening_leaves_no_empty_frames_and_offers_only_what_is_possible(tmp_path):
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")

    async def scenario(pilot):
        await until(
            pilot, lambda: "torn.parquet" in text_of(pilot) and "No events are open" in text_of(pilot)
        )
        await until(pilot, lambda: "o Open" in footer(pilot) and "Play" not in footer(pilot))
        for word in ("Play", "Spin", "Filter", "Next"):
            assert word not in footer(pilot)
        assert "charge against time" not in text_of(pilot)

    drive(scenario, events="torn.parquet")


def test_one_key_for_two_actions_is_reported(tmp_path):
    path = tmp_path / "config" / "icereco" / "keys.toml"
    path.parent.mkdir(parents=True)
    path.write_text('[runs]\npause = "s"\n')

    async def scenario(pilot):
        await until(pilot, lambda: "the key s of runs.pause is also that of runs.stop" in notified(pilot))

    drive(scenario)


def test_the_keys_that_ship_and_those_moved_out_of_the_way_do_not_clash():
    screens = [(*mode.bound_keys(), *APP_KEYS) for mode in MODES.values()]
    assert clashes({}, screens) == []
    assert clashes({"runs.pause": "s", "runs.stop": "ctrl+x"}, screens) == []
    two = (Key("a", "x", "One", "Keys"), Key("b", "y", "Two", "Keys"))
    assert len(clashes({"keys.one": "c,b"}, [two])) == 1


def offered(pilot) -> list[str]:
    return [
        str(option.prompt) for options in pilot.app.screen.query(OptionList) for option in options.options
    ]


def test_what_can_be_opened_are_events_and_not_pictures(tmp_path, monkeypatch, events):
    (tmp_path / "event.svg").write_text("<svg/>")
    (tmp_path / "event.png").write_bytes(b"")
    kept = tmp_path / "cache" / "simulated"
    kept.mkdir(parents=True)
    pq.write_table(random_events(np.array([9]), seed=1), kept / "simulated-events.parquet")

    async def scenario(pilot):
        await pilot.press("2")
        await until(pilot, lambda: any("simulated-events.parquet" in name for name in offered(pilot)))
        await pilot.press("o")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskPath))
        await until(pilot, lambda: offered(pilot))
        names = offered(pilot)
        assert "events.parquet" in names
        assert not [name for name in names if name.startswith("event.")]

    drive(scenario)


def test_a_reader_given_on_the_command_line_reads_the_events(tmp_path, events):
    async def scenario(pilot):
        await until(pilot, lambda: "no-such-option" in text_of(pilot).replace("\n", " "))

    drive(scenario, events=events, reader="icereco:no-such-option=1")


def letters_shown(pilot) -> set[str]:
    return set(text_of(pilot).replace("? Help", "").replace("? f1", ""))


def test_with_the_ascii_marker_every_screen_and_window_is_ascii(tmp_path, events):
    for name in ("one", "two"):
        make_run(tmp_path / "runs", name)

    async def scenario(pilot):
        await until(pilot, lambda: "best" in text_of(pilot))
        windows = {
            "train": ("t", "n", "a", "d", "l", "question_mark", "ctrl+p"),
            "events": ("c", "slash", "o"),
            "profiles": ("v", "e"),
        }
        for mode in MODES:
            pilot.app.action_mode(mode)
            for key in ("escape", *windows.get(mode, ())):
                await pilot.press(key)
                await pilot.pause(0.25)
                strange = {
                    letter for letter in letters_shown(pilot) if not " " <= letter <= "~" or letter == "?"
                }
                assert strange <= {"\n"}, (mode, key, strange)
                if pilot.app.screen.is_modal or key == "t":
                    pilot.app.pop_screen()
                    await pilot.pause()

    drive(scenario, marker="ascii")


def test_the_row_under_the_cursor_looks_the_same_in_all_lists_of_a_theme(tmp_path):
    make_run(tmp_path / "runs", "one")

    def grounds(pilot) -> set[str]:
        strips = pilot.app.screen._compositor.render_strips()
        return {segment.style.bgcolor.name for strip in strips for segment in strip if segment.style.bgcolor}

    async def scenario(pilot):
        for theme in ("icereco-dark", "icereco-light", "icereco-contrast", "gruvbox"):
            pilot.app.theme = theme
            for mode, words in (("train", "one"), ("profiles", "quick"), ("data", "arca")):
                pilot.app.action_mode(mode)
                await until(pilot, lambda words=words: words in text_of(pilot))
                ground = pilot.app.theme_variables["cursor"]
                await until(pilot, lambda ground=ground: ground in grounds(pilot))

    drive(scenario)


def test_read_only_offers_and_does_nothing_that_changes_anything(tmp_path, monkeypatch):
    monkeypatch.setattr(JobFolder, "_start_worker", lambda _self, _job: None)
    JobFolder(tmp_path / "runs").submit(["train"], "waits", tmp_path, queued=True)
    (tmp_path / "mine.toml").write_text('schema = 1\nextends = "quick"\n')
    run = make_run(tmp_path / "runs", "one", "training")
    files = {
        path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"
    }

    async def scenario(pilot):
        screen = pilot.app.screen
        await until(pilot, lambda: len(screen.query_one(RunList).runs) == 1)
        for keys in (
            "s y",
            "p y",
            "c y",
            "D y",
            "n",
            "f3",
            "6",
            "D y",
            "r y",
            "n",
            "3",
            "e enter",
            "n",
            "f5",
        ):
            await pilot.press(*keys.split())
            await pilot.pause(0.1)
        assert not run.control.exists()
        await pilot.press("end", "enter", "x")
        await pilot.pause(0.2)
        assert pilot.app.screen.query_one("#text", TextArea).read_only
        await pilot.press("escape", "1")
        await until(pilot, lambda: isinstance(pilot.app.screen, TrainScreen))
        for word in ("New", "Stop", "Pause", "Resume", "Save"):
            assert word not in footer(pilot)
        await answer(pilot, "f", "nothing")  # what changes only the picture still works
        await until(pilot, lambda: len(screen.query_one(RunList).runs) == 0)

    drive(scenario, read_only=True)
    now = {
        path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"
    }
    assert now == files


def test_in_a_browser_pictures_go_to_its_user_and_not_to_the_servers_folder(tmp_path, monkeypatch, events):
    delivered = []
    monkeypatch.setattr(IcerecoApp, "is_web", True)

    def deliver(_app, file, save_filename, **_more):
        delivered.append((save_filename, file.read()))

    monkeypatch.setattr(IcerecoApp, "deliver_text", deliver)
    monkeypatch.setattr(IcerecoApp, "deliver_binary", deliver)

    async def scenario(pilot):
        await with_events(pilot)
        await pilot.press("f3", "P")
        await until(pilot, lambda: len(delivered) == 2)
        (screen, shown), (event, picture) = delivered
        assert screen.endswith(".svg")
        assert "<svg" in shown
        assert event.endswith(".svg")
        assert b"<svg" in picture

    drive(scenario, events=events)
    assert not list(tmp_path.glob("*.svg"))


def test_the_key_for_the_next_method_is_offered_only_where_there_is_another(tmp_path, events):
    async def scenario(pilot):
        await with_events(pilot)
        offered = "Method" in footer(pilot)
        assert offered == (len(pilot.app.screen.body.state.estimates) > 1)

    drive(scenario, (80, 24), events=events)
    table = pq.read_table("events.parquet")
    angles = {"fit_azimuth": np.linspace(0, 6, len(table)), "fit_zenith": np.linspace(0, 3, len(table))}
    pq.write_table(pa.table({"event_id": table["event_id"], **angles}), "fits.parquet")
    drive(scenario, (80, 24), events=events, beside=(tmp_path / "fits.parquet",))
