"""Runs, their curves and their logs, and orders to runs."""

import json
import re
import time
from pathlib import Path

import pytest
from textual.widgets import Button
from tui_driver import answer, drive, make_run, notified, text_of, until, with_runs

from icereco.runs.folder import RunFolder
from icereco.tui.common.ask import AskScreen, ConfirmScreen
from icereco.tui.runs.chart import Chart
from icereco.tui.runs.chart_grid import ChartGrid
from icereco.tui.runs.log_view import LogView
from icereco.tui.runs.panels import panels_of
from icereco.tui.runs.run_list import RunList
from icereco.watch.series import THROUGHPUT


def test_states_are_shown_by_a_sign_and_a_word(tmp_path):
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


def test_a_run_that_crashes_while_it_is_shown_is_reported_at_once(tmp_path):
    run = make_run(tmp_path / "runs", "one", "training")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        path = run.path / "status.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"pid": 2**22 + 1, "started": "gone"}))
        pilot.app.look()
        await until(pilot, lambda: "one: crash" in notified(pilot))
        assert "icereco train --resume one" in notified(pilot)

    drive(scenario)


def test_what_went_wrong_is_shown_with_the_progress_and_in_the_list_of_alerts(tmp_path):
    runs = tmp_path / "runs"
    make_run(runs, "a-broken", "failed", message="the loss is not finite [3] " + "word " * 30 + "end")
    make_run(runs, "b-dead", "training", pid=2**22 + 1, started="gone")
    make_run(runs, "c-silent", "training", heartbeat=time.time() - 100)
    (make_run(runs, "d-mute").path / "status.json").unlink()

    async def scenario(pilot):
        screen = await with_runs(pilot, 4)
        shown = {
            "c-silent": "silent ━",
            "b-dead": "resume it with r",
            "a-broken": "end",
            "d-mute": "is missing",
        }
        for name, words in shown.items():
            assert screen.list.go_to(runs.absolute() / name) or screen.list.go_to(Path("runs") / name)
            await until(pilot, lambda words=words: words in text_of(pilot).split("progress")[1])
        assert "◌ silent" in text_of(pilot)
        await pilot.press("a")
        await until(pilot, lambda: "alerts" in text_of(pilot))
        for words in ("not a number", "crash", "stall", "its status.json is missing", "not finite [3]"):
            assert words in text_of(pilot)

    drive(scenario, (120, 40))


def test_training_and_validation_share_a_chart():
    names = ["train/loss", "validation/loss", "validation/median_deg", "validation/mean_deg",
             "validation/median_deg/<200", "validation/median_deg/cascade", "train/learning_rate", THROUGHPUT, "train/loss/energy", "validation/loss/energy",
             "train/events_per_second/10", "train/events_per_second/2", "train/skipped_batches"]  # fmt: skip
    panels = panels_of(names)
    assert [curve.metric for curve in panels[0].curves] == ["train/loss", "validation/loss"]
    assert [panel.title for panel in panels] == [
        "loss", "loss: energy", "angular error [°]", "median [°] by pulses", "median [°] by kind",
        "skipped batches", "throughput [events/s]", "throughput of processes [events/s]", "learning rate",
    ]  # fmt: skip
    assert [curve.label for curve in panels[-2].curves] == ["process 2", "process 10"]
    shown = {curve.metric for panel in panels for curve in panel.curves}
    assert shown == set(names)


def test_keys_change_the_view_of_the_curves(tmp_path):
    make_run(tmp_path / "runs", "one")

    async def scenario(pilot):
        screen = await with_runs(pilot, 1)
        await until(pilot, lambda: screen.view.last == 200)
        await pilot.press("y", "e", "o", "left", "left", "plus")
        view = screen.view
        assert (view.log_y, view.weight, view.tight) == (True, 0.6, True)
        assert view.cursor == pytest.approx(200 - 190 / screen.query_one(ChartGrid).chart_columns)
        assert view.last - view.first == pytest.approx(95)
        assert "zoomed" in text_of(pilot)
        await pilot.press("0", "x", "x", "x")
        assert (screen.axis, screen.view.cursor) == ("events", None)
        assert screen.view.last == 200 * 32
        await pilot.press("X")
        assert screen.view.log_x

    drive(scenario)


def test_the_cursor_shows_the_place_and_values_of_a_row(tmp_path):
    make_run(tmp_path / "runs", "one")

    async def scenario(pilot):
        screen = await with_runs(pilot, 1)
        await until(pilot, lambda: screen.view.last == 200)
        await pilot.press("left", "left", "left")
        await until(pilot, lambda: re.search(r"─ (190|200) [\d.]+ [\d.]+ ─╯", text_of(pilot)))
        await pilot.press("z")
        await until(
            pilot,
            lambda: re.search(
                r"─ (180|190|200) step train [\d.]+( \([\d.…]+\))? validation [\d.]+ ─╯", text_of(pilot)
            ),
        )
        await pilot.press("y", "X")
        await until(pilot, lambda: "log y · log x" in text_of(pilot))

    drive(scenario)


def test_the_legend_of_several_runs_lists_every_curve_once(tmp_path):
    make_run(tmp_path / "runs", "young", "training", steps=40)  # which has not validated yet
    make_run(tmp_path / "runs", "old")

    async def scenario(pilot):
        screen = await with_runs(pilot, 2)
        assert screen.list.current.name == "young"
        await pilot.press("down", "space", "up")
        await until(pilot, lambda: len(screen.overlay.runs) == 2)
        await until(pilot, lambda: "validation · loss" in text_of(pilot))
        await pilot.press("m", "m")
        await until(pilot, lambda: "━ train ╍ validation ─╯" in text_of(pilot))

    drive(scenario)


def test_without_metrics_there_is_a_hint_in_place_of_curves(tmp_path):
    RunFolder.create(tmp_path / "runs", "fresh").write_status("preparing", message="simulated events: 5%")

    async def scenario(pilot):
        await until(pilot, lambda: "no metrics yet" in text_of(pilot))
        assert "simulated events: 5%" in text_of(pilot)

    drive(scenario)


def test_charts_have_pages_and_one_can_be_enlarged(tmp_path):
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
        assert len(screen.query_one(RunList).curve_marks) == 2
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


def test_a_run_deleted_while_it_is_shown_disappears_from_the_list(tmp_path):
    run = make_run(tmp_path / "runs", "one")
    make_run(tmp_path / "runs", "two")

    async def scenario(pilot):
        screen = await with_runs(pilot, 2)
        run.delete()
        pilot.app.look()
        await until(pilot, lambda: [run.name for run in screen.query_one(RunList).runs] == ["two"])

    drive(scenario)


def test_runs_and_log_are_filtered(tmp_path):
    make_run(tmp_path / "runs", "calm")
    run = make_run(tmp_path / "runs", "pale", "stopped")
    with run.log.open("a") as file:
        file.write("2026-01-02 03:04:06,000 WARNING icereco.training.trainer steep\n")

    async def scenario(pilot):
        screen = await with_runs(pilot, 2)
        await answer(pilot, "f", "stopped")
        await until(pilot, lambda: [run.name for run in screen.query_one(RunList).runs] == ["pale"])
        await until(pilot, lambda: len(screen.query_one(LogView)._shown) == 2)
        await answer(pilot, "slash", "STEEP")
        await until(pilot, lambda: len(screen.query_one(LogView)._shown) == 1)

    drive(scenario)


def test_the_log_and_the_charts_go_to_a_step(tmp_path):
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
        await until(pilot, lambda: "last step with metrics is 200" in notified(pilot))
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


def test_a_long_line_of_the_log_is_wrapped_between_words(tmp_path):
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


def test_no_order_is_given_without_confirmation(tmp_path):
    run = make_run(tmp_path / "runs", "one", "training")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        for key in ("s", "p", "c"):
            await pilot.press(key)
            await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
            await pilot.press("n")
        await pilot.press("D")
        await until(pilot, lambda: "stop it first" in notified(pilot))
        assert not run.control.exists()

    drive(scenario)


def test_an_order_is_written_and_its_answer_is_reported(tmp_path):
    run = make_run(tmp_path / "runs", "one", "training")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        await pilot.press("c", "y")
        await until(pilot, run.control.exists)
        assert json.loads(run.control.read_text())["order"] == "checkpoint"
        await until(pilot, lambda: "waiting for the step to end" in notified(pilot))
        run.write_status("training", answered=run.control.stat().st_size, answer="saved at step 7")
        await until(pilot, lambda: "one: saved at step 7" in notified(pilot))

    drive(scenario)


def test_a_run_is_deleted_after_confirmation(tmp_path):
    run = make_run(tmp_path / "runs", "one")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        await pilot.press("D")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        assert pilot.app.screen.query_one("#no", Button).has_focus
        await pilot.press("y")
        await until(pilot, lambda: not run.path.exists())

    drive(scenario)
