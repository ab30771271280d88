# ruff: noqa: TID253 -- drives the app
"""The terminal app's frame and its training side: state and keys by a pilot, a few pictures as text."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, OptionList, Static, TextArea

from icereco.jobs import JobFolder
from icereco.runs import RunFolder
from icereco.tui.app import IcerecoApp
from icereco.tui.feeds.series import THROUGHPUT
from icereco.tui.feeds.system import SystemFeed, SystemView
from icereco.tui.form import Entry, arguments_of, command_line, fields_of, judge
from icereco.tui.keys import APP_KEYS, Key, read_keymap
from icereco.tui.modes import MODES, all_keys
from icereco.tui.panels import panels_of
from icereco.tui.screens.ask import AskScreen, ConfirmScreen
from icereco.tui.screens.help import HelpScreen
from icereco.tui.screens.launch import LaunchScreen
from icereco.tui.screens.tiny import TinyScreen
from icereco.tui.screens.train import TrainScreen
from icereco.tui.settings import Settings
from icereco.tui.widgets.chart import Chart
from icereco.tui.widgets.chart_grid import ChartGrid
from icereco.tui.widgets.log_view import LogView
from icereco.tui.widgets.progress import ProgressCard
from icereco.tui.widgets.run_list import RunList

SIZES = ((80, 24), (120, 40), (200, 60))
SNAPSHOTS = Path(__file__).parent / "snapshots"

Scenario = Callable[[Pilot[None]], Awaitable[None]]


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    """No user's files, and a machine that is always the same."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TEXTUAL_ANIMATIONS", "none")
    still = SystemView(0.25, 8, 4 * 10**9, 16 * 10**9, 0.0, 0.0, 50 * 10**9, 100 * 10**9)
    monkeypatch.setattr(SystemFeed, "look", lambda _self: still)


def make_run(root: Path, name: str, phase: str = "finished", steps: int = 200, **status) -> RunFolder:
    """A run that left the same figures every time, two hours ago."""
    run = RunFolder.create(root, name)
    run.write_status(phase, step=steps, epoch=1.0, epochs=2, best_median_deg=12.5)
    path = run.path / "status.json"
    begun = time.time() - 10_000
    if phase in ("finished", "stopped", "failed"):
        status = {"heartbeat": begun + 2_800.0} | status
    path.write_text(json.dumps(json.loads(path.read_text()) | {"begun": begun} | status))
    run.write_profile(f'[aggregator]\nuse = "flex-attention"\n[train]\nepochs = {len(name)}\n')
    for step in range(10, steps + 1, 10):
        row = {
            "step": step,
            "epoch": step / 100,
            "events": step * 32,
            "seconds": step * 0.5,
            "time": 1e9 + step,
        }
        run.append_metrics(
            row | {"train/loss": 3.0 / step**0.2, "train/learning_rate": 1e-3 * (1 - step / 300)}
        )
        if step % 50 == 0:
            found = {"loss": 3.1 / step**0.2, "median_deg": 60 - step / 10, "mean_deg": 80 - step / 10}
            slices = {f"median_deg/{name}": 70 - step / 10 for name in ("<200", "200-999", "cascade")}
            run.append_metrics(row | {f"validation/{key}": value for key, value in (found | slices).items()})
    run.log.write_text("2026-01-02 03:04:05,678 INFO    icereco.training.session begun\n")
    return run


def drive(scenario: Scenario, size: tuple[int, int] = (120, 40), **settings) -> None:
    """Run the app without a terminal, and a scenario in it."""

    async def run() -> None:
        app = IcerecoApp(Settings(**({"runs": Path("runs")} | settings)))
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(pilot, lambda: isinstance(app.screen, TrainScreen) or app.screen.id != "_default")
            await scenario(pilot)

    asyncio.run(run())


async def until(pilot: Pilot[None], true: Callable[[], object], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it does not come true"
        await pilot.pause(0.02)


async def with_runs(pilot: Pilot[None], count: int) -> TrainScreen:
    """The training screen once it shows so many runs and their curves."""
    screen = pilot.app.screen
    assert isinstance(screen, TrainScreen)
    await until(pilot, lambda: len(screen.query_one(RunList).runs) == count)
    await until(pilot, lambda: len(list(screen.query(Chart))) > 0)
    return screen


async def answer(pilot: Pilot[None], key: str, text: str) -> None:
    """Press a key, and answer its question."""
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, AskScreen) and pilot.app.screen.query(Input))
    await pilot.press(*text, "enter")


def text_of(pilot: Pilot[None]) -> str:
    """What the screen shows, without colours."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


def told(pilot: Pilot[None]) -> str:
    return "\n".join(f"{one.title}: {one.message}" for one in pilot.app._notifications)


# Start


def test_without_runs_it_shows_the_way():
    async def scenario(pilot):
        await until(pilot, lambda: "No runs yet" in text_of(pilot))
        assert "icereco train --profile quick" in text_of(pilot)

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


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_cut_off(size, tmp_path):
    make_run(tmp_path / "runs", "one")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        for mode in ("train", "profiles", "components", "data", "jobs"):
            pilot.app.action_mode(mode)
            await pilot.pause(0.1)
            screen = pilot.app.screen
            for widget in screen.query("*"):
                if widget.display and widget.region.area and not widget.parent.is_scrollable:
                    assert screen.region.contains_region(widget.region), (widget, widget.region)

    drive(scenario, size)


@pytest.mark.parametrize("size", SIZES)
def test_it_looks_as_it_did(size, tmp_path):
    """Set ICERECO_UPDATE_SNAPSHOTS=1 to take what it looks like now, and look at the difference."""
    make_run(tmp_path / "runs", "pale-kaon", "stopped", steps=120)
    make_run(tmp_path / "runs", "calm-muon")

    async def scenario(pilot):
        screen = await with_runs(pilot, 2)
        await pilot.press("b", "down")
        await until(
            pilot, lambda: len(screen.overlay.panels()) > 3 and screen.overlay.runs[-1].series.rows > 20
        )
        await until(pilot, lambda: "step 120" in text_of(pilot).split("progress")[1])
        await pilot.pause(0.3)
        path = SNAPSHOTS / f"train_{size[0]}x{size[1]}.txt"
        if os.environ.get("ICERECO_UPDATE_SNAPSHOTS"):
            SNAPSHOTS.mkdir(exist_ok=True)
            path.write_text(text_of(pilot) + "\n")
        assert text_of(pilot) + "\n" == path.read_text()

    drive(scenario, size)


@pytest.mark.parametrize("size", [(20, 5), (59, 40), (1, 1)])
def test_a_terminal_too_small_says_so_and_lives_on(size, tmp_path):
    make_run(tmp_path / "runs", "one")

    async def scenario(pilot):
        await with_runs(pilot, 1)
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
        assert pilot.app.screen.keys == (*TrainScreen.KEYS, *APP_KEYS)
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


def test_a_users_keymap_is_taken_and_its_mistakes_are_told(tmp_path):
    path = tmp_path / "config" / "icereco" / "keys.toml"
    path.parent.mkdir(parents=True)
    path.write_text('"runs.bsaeline" = "B"\n[charts]\naxis = "A"\nlog = 3\n')
    make_run(tmp_path / "runs", "one")

    async def scenario(pilot):
        screen = await with_runs(pilot, 1)
        assert "did you mean 'runs.baseline'" in told(pilot)
        assert "charts.log = 3" in told(pilot)
        await pilot.press("A")
        assert screen.axis == "epoch"

    drive(scenario)
    assert read_keymap(tmp_path / "nothing.toml", all_keys()) == ({}, [])
    path.write_text("= broken")
    assert len(read_keymap(path, all_keys())[1]) == 1


def test_a_key_is_named_by_its_group_and_words():
    assert Key("x", "zoom(2)", "Zoom in", "Charts").identity == "charts.zoom-in"


@pytest.mark.parametrize("theme", ["icereco-light", "icereco-contrast", "ansi-dark"])
def test_every_theme_draws(theme, tmp_path):
    make_run(tmp_path / "runs", "one")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        pilot.app.theme = theme
        await pilot.pause(0.2)
        assert "loss" in text_of(pilot)

    drive(scenario)


def test_without_colours_it_draws_too(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    make_run(tmp_path / "runs", "one")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        assert "✔ finished" in text_of(pilot)

    drive(scenario)


# Runs and curves


def test_states_are_told_by_a_sign_and_a_word(tmp_path):
    make_run(tmp_path / "runs", "a-done")
    make_run(tmp_path / "runs", "b-stopped", "stopped")
    make_run(tmp_path / "runs", "c-broken", "failed", message="the loss is not finite at step 3")
    make_run(tmp_path / "runs", "d-live", "training")
    make_run(tmp_path / "runs", "e-dead", "training", pid=2**22 + 1, started="gone")

    async def scenario(pilot):
        await with_runs(pilot, 5)
        text = text_of(pilot)
        for words in ("● running", "✔ finished", "■ stopped", "✖ failed", "✖ crashed"):
            assert words in text
        assert {alert.kind for alert in pilot.app.alerts} == {"not a number", "crash"}
        assert "▲" in text.splitlines()[0]

    drive(scenario)


def test_a_run_that_dies_while_one_watches_is_told_at_once(tmp_path):
    run = make_run(tmp_path / "runs", "one", "training")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        path = run.path / "status.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": 2**22 + 1, "started": "gone"}))
        pilot.app.look()
        await until(pilot, lambda: "one: crash" in told(pilot))
        assert "icereco train --resume one" in told(pilot)

    drive(scenario)


def test_training_and_validation_share_a_chart():
    names = ["train/loss", "validation/loss", "validation/median_deg", "validation/mean_deg",
             "validation/median_deg/<200", "validation/median_deg/cascade", "train/learning_rate", THROUGHPUT]  # fmt: skip
    panels = panels_of(names)
    assert [curve.metric for curve in panels[0].curves] == ["train/loss", "validation/loss"]
    assert [panel.title for panel in panels] == [
        "loss", "angular error [°]", "median [°] by pulses", "median [°] by kind",
        "throughput [events/s]", "learning rate",
    ]  # fmt: skip
    shown = {curve.metric for panel in panels for curve in panel.curves}
    assert shown == set(names)


def test_keys_change_how_curves_are_looked_at(tmp_path):
    make_run(tmp_path / "runs", "one")

    async def scenario(pilot):
        screen = await with_runs(pilot, 1)
        await until(pilot, lambda: screen.view.last == 200)
        await pilot.press("y", "e", "o", "left", "left", "plus")
        view = screen.view
        assert (view.log_y, view.weight, view.tight) == (True, 0.6, True)
        assert view.cursor == pytest.approx(200 - 190 / 60)
        assert view.last - view.first == pytest.approx(95)
        assert "zoomed" in text_of(pilot)
        await pilot.press("0", "x", "x", "x")
        assert (screen.axis, screen.view.cursor) == ("events", None)
        assert screen.view.last == 200 * 32
        await pilot.press("X")
        assert screen.view.log_x

    drive(scenario)


def test_charts_have_pages_and_one_can_be_large(tmp_path):
    make_run(tmp_path / "runs", "one")

    async def scenario(pilot):
        screen = await with_runs(pilot, 1)
        grid = screen.query_one(ChartGrid)
        assert (len(grid.shown), grid.pages) == (2, 3)
        await pilot.press("right_square_bracket")
        assert list(grid.shown) == [2, 3]
        await pilot.press("left_square_bracket", "z")
        await until(pilot, lambda: len(list(screen.query(Chart))) == 1)
        assert screen.query_one(Chart).size.width > 50
        await pilot.press("z")
        await until(pilot, lambda: len(list(screen.query(Chart))) == 2)

    drive(scenario, (80, 24))


def test_runs_are_overlaid_and_compared(tmp_path):
    make_run(tmp_path / "runs", "one")
    make_run(tmp_path / "runs", "three")

    async def scenario(pilot):
        screen = await with_runs(pilot, 2)
        await pilot.press("b", "down", "space")
        await until(pilot, lambda: len(screen.overlay.runs) == 2)
        assert len(screen.query_one(RunList).curve_colors) == 2
        await until(
            pilot, lambda: "train.epochs 5 (3)" in text_of(pilot) or "train.epochs 3 (5)" in text_of(pilot)
        )
        await pilot.press("d")
        await until(pilot, lambda: "settings that differ" in text_of(pilot))
        assert "train.epochs" in text_of(pilot)
        assert "aggregator.use" not in text_of(pilot)

    drive(scenario)


def test_metrics_that_grow_are_drawn(tmp_path):
    run = make_run(tmp_path / "runs", "one", "training")

    async def scenario(pilot):
        screen = await with_runs(pilot, 1)
        run.append_metrics(
            {"step": 990, "epoch": 1.5, "events": 9, "seconds": 9, "time": 2e9, "train/loss": 1.0}
        )
        with run.metrics.open("ab") as file:
            file.write(b"garbage\n")
        await until(pilot, lambda: screen.view.last == 990)
        await until(pilot, lambda: "1 damaged lines left out" in text_of(pilot))

    drive(scenario)


def test_a_run_deleted_while_it_is_shown_goes_from_the_list(tmp_path):
    run = make_run(tmp_path / "runs", "one")
    make_run(tmp_path / "runs", "two")

    async def scenario(pilot):
        screen = await with_runs(pilot, 2)
        run.delete()
        pilot.app.look()
        await until(pilot, lambda: [one.name for one in screen.query_one(RunList).runs] == ["two"])

    drive(scenario)


def test_runs_and_log_are_filtered(tmp_path):
    make_run(tmp_path / "runs", "calm")
    run = make_run(tmp_path / "runs", "pale", "stopped")
    with run.log.open("a") as file:
        file.write("2026-01-02 03:04:06,000 WARNING icereco.training.loop steep\n")

    async def scenario(pilot):
        screen = await with_runs(pilot, 2)
        await answer(pilot, "f", "stopped")
        await until(pilot, lambda: [one.name for one in screen.query_one(RunList).runs] == ["pale"])
        await until(pilot, lambda: len(screen.query_one(LogView)._shown) == 2)
        await answer(pilot, "slash", "STEEP")
        await until(pilot, lambda: len(screen.query_one(LogView)._shown) == 1)

    drive(scenario)


def test_the_log_goes_to_a_step(tmp_path):
    run = make_run(tmp_path / "runs", "one")
    lines = [
        f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(1e9 + n))},000 INFO    a.b line {n}\n"
        for n in range(0, 200, 2)
    ]
    run.log.write_text("".join(lines))

    async def scenario(pilot):
        screen = await with_runs(pilot, 1)
        log = screen.query_one(LogView)
        await until(pilot, lambda: len(log._shown) == 100)
        await answer(pilot, "g", "50")
        await until(pilot, lambda: log._marked is log._shown[25])
        assert screen.view.cursor == 50
        await answer(pilot, "g", "9999")
        await until(pilot, lambda: "last step with metrics is 200" in told(pilot))
        await answer(pilot, "g", "many")
        await pilot.pause(0.1)
        assert isinstance(pilot.app.screen, AskScreen)

    drive(scenario)


def test_many_runs_are_listed(tmp_path):
    for number in range(200):
        run = RunFolder.create(tmp_path / "runs", f"run{number}")
        run.write_status("finished")

    async def scenario(pilot):
        screen = pilot.app.screen
        await until(pilot, lambda: len(screen.query_one(RunList).runs) == 200)
        for _ in range(5):
            await pilot.press("down")
        assert screen.query_one(RunList).cursor == 5

    drive(scenario)


# Orders


def test_nothing_is_ordered_without_a_yes(tmp_path):
    run = make_run(tmp_path / "runs", "one", "training")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        for key in ("s", "p", "c"):
            await pilot.press(key)
            await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
            await pilot.press("n")
        await pilot.press("D")
        await until(pilot, lambda: "stop it first" in told(pilot))
        assert not run.control.exists()

    drive(scenario)


def test_an_order_is_written_and_the_answer_is_told(tmp_path):
    run = make_run(tmp_path / "runs", "one", "training")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        await pilot.press("c", "y")
        await until(pilot, run.control.exists)
        assert json.loads(run.control.read_text())["order"] == "checkpoint"
        await until(pilot, lambda: "waiting for the step to end" in told(pilot))
        run.write_status("training", answered=run.control.stat().st_size, answer="saved at step 7")
        await until(pilot, lambda: "one: saved at step 7" in told(pilot))

    drive(scenario)


def test_a_run_is_deleted_after_a_yes(tmp_path):
    run = make_run(tmp_path / "runs", "one")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        await pilot.press("D")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        assert pilot.app.screen.query_one("#no", Button).has_focus
        await pilot.press("y")
        await until(pilot, lambda: not run.path.exists())

    drive(scenario)


# A new training


def test_the_form_makes_the_command_line_that_one_would_type(tmp_path):
    entry = Entry("quick", {"train.epochs": "3", "encoder.use": "transformer"}, "my-run", "some data.parquet")
    words = command_line(arguments_of(entry, Path("runs")))
    assert words == (
        "icereco train --profile quick --name my-run --data 'some data.parquet' "
        "-o train.epochs=3 -o encoder.use=transformer"
    )


@pytest.mark.parametrize(
    ("changes", "name", "data", "field"),
    [
        ({"train.epochs": "many"}, "a", "", "train.epochs"),
        ({"train.learning_rate": "7"}, "a", "", "train.learning_rate"),
        ({"aggregator.use": "magic"}, "a", "", "aggregator.use"),
        ({}, "no name", "", "name"),
        ({}, "taken", "", "name"),
        ({}, "a", "nowhere.parquet", "data"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(tmp_path, changes, name, data, field):
    (tmp_path / "taken").mkdir()
    verdict = judge(Entry("quick", changes, name, data), tmp_path)
    assert list(verdict.problems) == [field]
    assert verdict.profile is None


def test_every_option_of_a_profile_is_a_field():
    profile = judge(Entry("hierarchical", {}, "a"), Path("runs")).profile
    fields = {field.key: field for field in fields_of(profile)}
    assert fields["train.optimizer"].choices == ("adamw", "muon")
    assert fields["train.events"].text == "24000"
    assert "flex-attention" in fields["aggregator.use"].choices
    assert all(field.description for field in fields.values())
    defaults = {key: field.text for key, field in fields.items() if field.text and not key.endswith(".use")}
    assert judge(Entry("hierarchical", defaults, "a"), Path("runs")).problems == {}


def test_the_form_checks_while_one_types(tmp_path):
    async def scenario(pilot):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, LaunchScreen))
        form = pilot.app.screen
        await until(pilot, lambda: form.query("#field-train-epochs"))
        form.query_one("#field-train-epochs", Input).value = "none"
        await until(pilot, lambda: form.query_one("#start", Button).disabled)
        assert form.query_one("#field-train-epochs").has_class("-wrong")
        await pilot.press("f5")
        assert isinstance(pilot.app.screen, LaunchScreen)
        form.query_one("#field-train-epochs", Input).value = "4"
        await until(pilot, lambda: not form.query_one("#start", Button).disabled)
        assert "-o train.epochs=4" in str(form.query_one("#command", Static).render())

    drive(scenario)


TINY = {
    "aggregator.width": "16", "aggregator.layers": "1", "aggregator.heads": "2", "encoder.layers": "1",
    "encoder.heads": "2", "train.events": "96", "train.validation_events": "20", "train.epochs": "30",
    "train.events_per_batch": "8", "train.log_every_steps": "1",
}  # fmt: skip


@pytest.mark.slow
def test_a_real_training_is_started_watched_stopped_and_resumed(tmp_path):
    """Everything through the app; the app is closed in between, and the training goes on."""
    name = "through-the-app"
    run = RunFolder(tmp_path / "runs" / name)

    async def start(pilot):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, LaunchScreen))
        form = pilot.app.screen
        await until(pilot, lambda: form.query("#field-train-epochs"))
        form.query_one("#name", Input).value = name
        for key, text in TINY.items():
            form.query_one(f"#field-{key.replace('.', '-')}", Input).value = text
        await until(pilot, lambda: len(form.changes) == len(TINY))
        await pilot.press("f5")
        await until(pilot, lambda: run.state() == "running", 60)

    async def stop(pilot):
        screen = await with_runs(pilot, 1)
        await until(pilot, lambda: "train/loss" in screen.feed.series(screen.list.current.path).names(), 60)
        await pilot.press("s", "y")
        await until(pilot, lambda: "stopping after step" in told(pilot), 60)
        await until(pilot, lambda: run.state() == "stopped", 30)

    async def resume(pilot):
        screen = await with_runs(pilot, 1)
        await until(pilot, lambda: screen.list.current.state == "stopped")
        stopped_at = run.status().step
        await pilot.press("r")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: run.state() == "running" and run.status().step > stopped_at, 60)
        await until(pilot, lambda: screen.query_one(ProgressCard).run.state == "running")
        await pilot.press("s", "y")
        await until(pilot, lambda: run.state() == "stopped", 60)

    drive(start)
    assert run.state() == "running"
    drive(stop)
    drive(resume)
    jobs = JobFolder(tmp_path / "runs")
    deadline = time.monotonic() + 20
    while any(job.state == "running" for job in jobs.all()) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [job.state for job in jobs.all()] == ["done", "done"]


# The other screens


def test_a_profile_is_copied_edited_checked_and_saved(tmp_path):
    async def scenario(pilot):
        await pilot.press("3")
        await until(pilot, lambda: pilot.app.screen.query("#text"))
        screen = pilot.app.screen
        await until(pilot, lambda: "extends" in screen.query_one("#text", TextArea).text)
        assert screen.text.read_only
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskScreen))
        await pilot.press("enter")
        await until(pilot, lambda: pilot.app.screen is screen and not screen.text.read_only)
        assert (tmp_path / "my-quick.toml").is_file()
        screen.text.load_text(screen.text.text.replace("layers = 2", "layres = 2", 1))
        problems = screen.query_one("#problems", OptionList)
        await until(pilot, lambda: problems.option_count == 1)
        assert "did you mean 'layers'" in str(problems.get_option_at_index(0).prompt)
        line = screen.text.text.splitlines().index("layres = 2")
        problems.highlighted = 0
        problems.action_select()
        await until(pilot, lambda: screen.text.cursor_location[0] == line)
        await pilot.press("f5")
        assert "layres" in (tmp_path / "my-quick.toml").read_text()
        assert [path.name for path in tmp_path.glob("*.draft*")] == []

    drive(scenario)


def test_components_are_listed_with_their_options():
    async def scenario(pilot):
        await pilot.press("4")
        await until(pilot, lambda: "flex-attention" in text_of(pilot))
        await answer(pilot, "slash", "vmf")
        await until(pilot, lambda: 'use = "vmf"' in text_of(pilot))

    drive(scenario)


def test_a_broken_plugin_is_listed_with_its_reason(monkeypatch):
    from icereco.plugins import registry

    real = registry()
    broken = replace(
        real.plugins[0], entry="sick", distribution="sick-plugin", error="ImportError: no module"
    )
    monkeypatch.setattr(
        "icereco.tui.screens.components.registry", lambda: replace(real, plugins=(broken, *real.plugins))
    )

    async def scenario(pilot):
        await pilot.press("4")
        await until(pilot, lambda: "sick-plugin" in text_of(pilot))
        assert "ImportError: no module" in text_of(pilot)

    drive(scenario)


def test_detectors_and_files_are_listed(tmp_path, event_table):
    import pyarrow.parquet as pq

    pq.write_table(event_table, tmp_path / "mine.parquet")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")

    async def scenario(pilot):
        await pilot.press("5")
        await until(pilot, lambda: "mine.parquet" in text_of(pilot))
        assert "icecube86" in text_of(pilot)
        assert "300" in text_of(pilot)
        assert "damaged" in text_of(pilot)

    drive(scenario)


def test_jobs_are_listed_with_what_they_printed_and_forgotten(tmp_path):
    jobs = JobFolder(tmp_path / "runs")
    jobs.submit(["trian"], "wrong", tmp_path, queued=True)

    async def scenario(pilot):
        await pilot.press("6")
        await until(pilot, lambda: "✖ failed" in text_of(pilot))
        await until(pilot, lambda: "did you mean 'train'?" in text_of(pilot))
        await pilot.press("D", "y")
        await until(pilot, lambda: jobs.all() == [])

    drive(scenario)


def test_a_long_line_of_the_log_goes_on_between_words(tmp_path):
    run = make_run(tmp_path / "runs", "one")
    words = " ".join(f"word{number}" for number in range(40))
    run.log.write_text(f"2026-01-02 03:04:05,678 INFO    a.b {words} {'x' * 90}\n")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        await pilot.press("l")
        await until(pilot, lambda: "word39" in text_of(pilot))
        for number in range(40):
            assert re.search(rf"\bword{number}\b", text_of(pilot))
        assert sum(map(len, re.findall("x{2,}", text_of(pilot)))) == 90

    drive(scenario, (80, 24))


def test_trainings_wait_in_a_queue_and_can_be_taken_out(tmp_path, monkeypatch):
    monkeypatch.setattr(JobFolder, "_start_worker", lambda _self, _job: None)  # nothing is trained here
    jobs = JobFolder(tmp_path / "runs")

    async def scenario(pilot):
        for count in (1, 2):
            await pilot.press("n")
            await until(pilot, lambda: isinstance(pilot.app.screen, LaunchScreen))
            await until(pilot, lambda: pilot.app.screen.query("#field-train-epochs"))
            await pilot.press("f6")
            await until(pilot, lambda count=count: len(jobs.all()) == count)
        assert [job.state for job in jobs.all()] == ["waiting", "waiting"]
        assert jobs.all()[0].arguments[:3] == ("train", "--profile", "quick")
        await pilot.press("6")
        await until(pilot, lambda: text_of(pilot).count("… waiting") == 2)
        await pilot.press("D", "y")
        await until(pilot, lambda: len(jobs.all()) == 1)

    drive(scenario)
