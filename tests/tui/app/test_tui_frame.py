"""The terminal app's frame: its start, keys, themes and sizes."""

import subprocess
import sys

import pytest
from rich.console import Console
from textual.events import Key as KeyEvent
from textual.screen import ModalScreen
from tui_driver import SIZES, drive, make_run, notified, text_of, until, with_runs

from icereco.tui.common.help import HelpScreen
from icereco.tui.common.tiny import TinyScreen
from icereco.tui.keys import APP_KEYS, Key, read_keymap
from icereco.tui.modes import MODES, all_keys
from icereco.tui.runs.train_screen import TrainScreen
from icereco.tui.themes import TERMINAL_THEMES, THEMES


def test_without_runs_the_first_steps_are_shown():
    async def scenario(pilot):
        await until(pilot, lambda: "No runs yet" in text_of(pilot))
        assert "icereco train --profile quick" in text_of(pilot)

    drive(scenario)


@pytest.mark.parametrize(
    "keys", ["s n", "down D n", "n escape", "n f5 escape", "a escape", "d escape", "f escape", "slash x escape",
             "g 1 enter", "question_mark escape", "6 n escape 1", "z l x e minus"]
)  # fmt: skip
def test_keys_may_come_faster_than_windows_open(tmp_path, keys):
    """Over a slow connection many keys arrive at once."""
    make_run(tmp_path / "runs", "one", "training")
    make_run(tmp_path / "runs", "two")

    async def scenario(pilot):
        await with_runs(pilot, 2)
        for _ in range(2):
            for key in keys.split():
                pilot.app.post_message(KeyEvent(key, None))
        await pilot.pause(0.5)
        while isinstance(pilot.app.screen, ModalScreen):  # a window that opened after its escape
            await pilot.press("escape")
        await pilot.press("1")
        await until(pilot, lambda: isinstance(pilot.app.screen, TrainScreen))

    drive(scenario)


def test_the_app_starts_without_torch():
    script = """
import asyncio, sys
from pathlib import Path
from icereco.tui.app import IcerecoApp
from icereco.tui.settings import Settings
async def main():
    app = IcerecoApp(Settings(Path("runs")))
    async with app.run_test() as pilot:
        for key in ("2", "3", "4", "5", "6", "1", "n"):
            await pilot.press(key)
            await pilot.pause(0.2)
asyncio.run(main())
print(sorted({"torch", "wandb"} & set(sys.modules)))
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ended.stdout.strip() == "[]", ended.stderr


def test_nothing_is_cut_off(tmp_path):
    make_run(tmp_path / "runs", "one")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        for mode in ("train", "profiles", "components", "data", "jobs"):
            pilot.app.action_mode(mode)
            for size in SIZES:
                await pilot.resize_terminal(*size)
                await pilot.pause(0.1)
                screen = pilot.app.screen
                for widget in screen.query("*"):
                    if widget.display and widget.region.area and not widget.parent.is_scrollable:
                        assert screen.region.contains_region(widget.region), (size, widget, widget.region)

    drive(scenario)


def test_a_terminal_that_is_too_small_is_reported_until_it_is_enlarged(tmp_path):
    make_run(tmp_path / "runs", "one")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        for size in ((20, 5), (59, 40), (1, 1)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda: isinstance(pilot.app.screen, TinyScreen))
            await pilot.resize_terminal(120, 40)
            await until(pilot, lambda: isinstance(pilot.app.screen, TrainScreen))

    drive(scenario)


def test_every_mode_has_its_key(tmp_path):
    async def scenario(pilot):
        for number, name in enumerate(MODES, start=1):
            await pilot.press(str(number))
            await until(pilot, lambda name=name: pilot.app.current_mode == name)
            await until(pilot, lambda: pilot.app.screen.query("ModeBar"))
            assert pilot.app.screen.query("KeyBar")

    drive(scenario)


def test_the_help_names_every_key_of_the_screen():
    async def scenario(pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        assert pilot.app.screen.keys == [*TrainScreen.KEYS, *APP_KEYS]
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, TrainScreen)

    drive(scenario)


def test_every_key_names_an_action_and_no_two_share_a_name():
    for mode in MODES.values():
        keys, screen = mode.bound_keys(), mode.load()
        names = [key.identity for key in (*keys, *APP_KEYS)]
        assert len(names) == len(set(names))
        if mode.title == "Events":  # its widgets have actions of their own
            continue
        for key in keys:
            assert hasattr(screen, f"action_{key.action.partition('(')[0]}"), key


def test_a_users_keymap_is_applied_and_its_mistakes_are_reported(tmp_path):
    path = tmp_path / "config" / "icereco" / "keys.toml"
    path.parent.mkdir(parents=True)
    path.write_text('"runs.bsaeline" = "B"\n[charts]\naxis = "A"\nlog = 3\n')
    make_run(tmp_path / "runs", "one")

    async def scenario(pilot):
        screen = await with_runs(pilot, 1)
        assert "did you mean 'runs.baseline'" in notified(pilot)
        assert "charts.log = 3" in notified(pilot)
        await pilot.press("A")
        assert screen.axis == "epoch"
        await pilot.press("question_mark")
        axis = next(key for key in pilot.app.screen.keys if key.identity == "charts.axis")
        assert axis.keys == "A"

    drive(scenario)
    assert read_keymap(tmp_path / "nothing.toml", all_keys()) == ({}, [])
    path.write_text("= broken")
    assert len(read_keymap(path, all_keys())[1]) == 1


def test_a_key_is_identified_by_its_group_and_description():
    assert Key("x", "zoom(2)", "Zoom in", "Charts").identity == "charts.zoom-in"


@pytest.mark.parametrize(
    ("system", "theme"), [("standard", "ansi-dark"), ("256", "icereco-dark"), (None, "icereco-dark")]
)
def test_a_terminal_with_16_colours_begins_with_its_own(monkeypatch, system, theme):
    monkeypatch.setattr(Console, "color_system", property(lambda _self: system))

    async def scenario(pilot):
        assert pilot.app.theme == theme

    drive(scenario)


def test_a_key_goes_through_all_themes_of_icereco_and_back():
    async def scenario(pilot):
        seen = [pilot.app.theme]
        for _ in range(7):
            await pilot.press("f2")
            seen.append(pilot.app.theme)
        assert {theme.name for theme in (*THEMES, *TERMINAL_THEMES)} <= set(seen)
        assert seen[0] == seen[-1]

    drive(scenario)


def test_every_theme_can_be_drawn(tmp_path):
    make_run(tmp_path / "runs", "one")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        for theme in ("icereco-light", "icereco-contrast", "ansi-dark"):
            pilot.app.theme = theme
            await pilot.pause(0.1)
            assert "loss" in text_of(pilot)

    drive(scenario)


def test_the_app_can_be_drawn_without_colours(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    make_run(tmp_path / "runs", "one")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        assert "✔ finished" in text_of(pilot)

    drive(scenario)
