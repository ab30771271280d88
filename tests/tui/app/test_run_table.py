"""The table of runs: order, sweeps, filter, and the comparison on the same events."""

import json
import re

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tui_driver import answer, drive, make_run, notified, text_of, until, with_runs

from icereco.runs.folder import RunFolder
from icereco.runs.notes import write_notes
from icereco.testing.random_events import random_events
from icereco.tui.command_palette import KeyCommands
from icereco.tui.runs.run_rows import sweep_names
from icereco.tui.runs.table_screen import RUN_TABLE_KEYS, RunTableScreen
from icereco.tui.runs.train_screen import TrainScreen

SWEEP = {
    "grid-rate-0.002-layers-2": 20.0,
    "grid-rate-0.002-layers-4": 30.0,
    "grid-rate-0.010-layers-2": 10.0,
}


def make_sweep(root) -> None:
    """A sweep whose best run is its last, and two other runs."""
    for name, median in SWEEP.items():
        run = make_run(root, name)
        rate, layers = float(name.split("-")[2]), int(name[-1])
        run.write_profile(f"[train]\nrate = {rate}\n[encoder]\nlayers = {layers}\n")
        run.append_metrics({"step": 210, "validation/loss": median / 100, "validation/median_deg": median,
                            "validation/inside_90": 0.875})  # fmt: skip
        (run.path / "provenance.json").write_text(json.dumps({"sweep": True}))
    make_run(root, "calm-muon")
    make_run(root, "pale-kaon", "stopped", steps=40)


async def with_table(pilot, count: int = 5) -> RunTableScreen:
    await with_runs(pilot, count)
    await until(pilot, lambda: len(pilot.app.overviews.of) == count and pilot.app.overviews.whole)
    await pilot.press("t")
    await until(pilot, lambda: isinstance(pilot.app.screen, RunTableScreen) and pilot.app.screen.is_mounted)
    await until(pilot, lambda: len(pilot.app.screen.rows) == count)
    return pilot.app.screen


def names(screen: RunTableScreen) -> list[str]:
    return [row.run.name for row in screen.rows]


def test_runs_are_sorted_by_every_column_and_sweeps_stay_together(tmp_path):
    make_sweep(tmp_path / "runs")

    async def scenario(pilot):
        screen = await with_table(pilot)
        best_first = sorted(SWEEP, key=SWEEP.__getitem__)
        assert names(screen) == [*best_first, "calm-muon", "pale-kaon"]
        shown = text_of(pilot)
        assert "sweeps: grid (3)" in shown
        assert re.search(r"0\.010\S* ✔ finished +10\.00 +0\.1 +87\.5% +grid +0\.01 +2\b", shown)
        await pilot.press("o")
        await until(pilot, lambda: names(screen)[:3] == best_first[::-1])
        await pilot.press("g")
        await until(pilot, lambda: names(screen)[0] == "calm-muon")  # the greatest median of all
        assert names(screen)[-1] == "pale-kaon"  # without a validation: last in either order
        while (column := screen.sorting.column) != "encoder.layers":
            await pilot.press("s")
            await until(pilot, lambda column=column: screen.sorting.column != column)
        assert [row.values["encoder.layers"] for row in screen.rows] == [2, 2, 4, None, None]
        await pilot.press("S")
        await until(pilot, lambda: screen.sorting.column != "encoder.layers")

    drive(scenario, (160, 40))


def test_the_name_of_a_sweep_is_what_comes_before_its_settings(tmp_path):
    make_sweep(tmp_path / "runs")

    async def scenario(pilot):
        await with_runs(pilot, 5)
        runs = [run for run in pilot.app.runs if run.name in SWEEP]
        assert set(sweep_names(runs).values()) == {"grid"}
        assert set(sweep_names(runs[:1]).values()) == {runs[0].name.split("-")[0]}

    drive(scenario)


def test_runs_that_are_selected_in_the_table_are_on_the_charts_afterwards(tmp_path):
    make_sweep(tmp_path / "runs")

    async def scenario(pilot):
        screen = await with_table(pilot)
        await pilot.press("home", "space", "space", "b")
        chosen, pinned = names(screen)[:2], names(screen)[2]
        await until(pilot, lambda: len(re.findall("◆", text_of(pilot))) == 2 and "⚑" in text_of(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, TrainScreen))
        train = pilot.app.screen
        await until(pilot, lambda: [path.name for path in train.overlaid] == chosen)
        await until(pilot, lambda: train.list.current.name == pinned)
        assert train.list.baseline.name == pinned
        await until(pilot, lambda: len(train.overlay.runs) == 3)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunTableScreen) and pilot.app.screen.rows)
        await pilot.press("home", "space", "escape")
        await until(pilot, lambda: [path.name for path in train.overlaid] == chosen[1:])

    drive(scenario)


def test_a_choice_of_component_has_the_name_of_its_role_as_heading(tmp_path):
    for name, aggregator, encoder in (("a-run", "deepsets", "edge-conv"), ("b-run", "hybrid", "transformer")):
        profile = f'[aggregator]\nuse = "{aggregator}"\n[encoder]\nuse = "{encoder}"\nlayers = 2\n'
        make_run(tmp_path / "runs", name).write_profile(profile)

    async def scenario(pilot):
        await with_table(pilot, 2)
        head = text_of(pilot).splitlines()[2]
        assert re.search(r" aggregator +encoder ", head + " "), head

    drive(scenario, (160, 40))


def test_tags_are_a_column_and_filter_the_table_and_the_curves(tmp_path):
    make_sweep(tmp_path / "runs")

    async def scenario(pilot):
        screen = await with_table(pilot)
        assert "tags" not in text_of(pilot)
        write_notes(RunFolder(tmp_path / "runs" / "calm-muon"), "as published #good #long")
        await until(pilot, lambda: "#good #long" in text_of(pilot))
        await answer(pilot, "f", "#good")
        await until(pilot, lambda: names(screen) == ["calm-muon"])
        assert "1 of 5 runs: #good" in text_of(pilot)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(pilot.app.screen, TrainScreen))
        await until(pilot, lambda: [run.name for run in pilot.app.screen.list.runs] == ["calm-muon"])

    drive(scenario, (160, 40))


def test_a_filter_understands_settings_and_is_kept_for_the_curves(tmp_path):
    make_sweep(tmp_path / "runs")

    async def scenario(pilot):
        screen = await with_table(pilot)
        await answer(pilot, "f", "rate=0.002 layers<4")
        await until(pilot, lambda: names(screen) == ["grid-rate-0.002-layers-2"])
        assert "1 of 5 runs: rate=0.002 layers<4" in text_of(pilot)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(pilot.app.screen, TrainScreen))
        train = pilot.app.screen
        await until(pilot, lambda: [run.name for run in train.list.runs] == ["grid-rate-0.002-layers-2"])
        await pilot.press("f")
        await until(pilot, lambda: pilot.app.screen.query("Input"))
        await pilot.press("z", "=", "1")
        await until(pilot, lambda: "no run has a setting" in text_of(pilot))

    drive(scenario)


def write_validation(path, spread: float) -> None:
    """Reconstructed events whose azimuths are off by a normal deviation of `spread` rad."""
    events = random_events(np.full(200, 5), seed=3)
    azimuth, zenith = (events[name].to_numpy() for name in ("azimuth", "zenith"))
    off = np.random.default_rng(1).normal(0, spread, len(events))
    pq.write_table(pa.table({
        "event_id": events["event_id"], "azimuth": azimuth + off, "zenith": zenith, "kappa": np.full(len(events), 10.0),
        "true_azimuth": azimuth, "true_zenith": zenith, "pulses_total": np.full(len(events), 5), "pulses_used": np.full(len(events), 5),
    }), path)  # fmt: skip


def test_selected_runs_are_compared_on_the_same_events_with_intervals(tmp_path):
    root = tmp_path / "runs"
    for name, spread in (("a-wide", 0.5), ("b-narrow", 0.1)):
        write_validation(make_run(root, name).validation, spread)
    make_run(root, "c-without")

    async def scenario(pilot):
        screen = await with_table(pilot, 3)
        await pilot.press("c")  # the run under the cursor alone
        await until(pilot, lambda: "select runs with space" in notified(pilot))
        for name, key in (("a-wide", "b"), ("b-narrow", "space"), ("c-without", "space")):
            screen.table.point(names(screen).index(name))
            await pilot.press(key)
        await pilot.press("c")
        await until(pilot, lambda: "the first" in text_of(pilot))
        pane = text_of(pilot).partition("on the same events")[2]
        assert re.search(r"a-wide +\d+\.\d\d° +the first", pane)
        assert re.search(r"b-narrow +200 +\d+\.\d\d° +-\d+\.\d\d° \[-\d+\.\d\d, -\d+\.\d\d\] \*", pane)
        assert re.search(r"c-without +c-without has no events yet", pane)
        await pilot.press("space")
        await until(pilot, lambda: "on the same events" not in text_of(pilot))

    drive(scenario, (120, 40))


def test_its_keys_are_in_the_help_the_palette_and_the_footer(tmp_path):
    make_sweep(tmp_path / "runs")

    async def scenario(pilot):
        screen = await with_table(pilot)
        titles = [str(hit.display) async for hit in KeyCommands(screen).discover()]
        assert {f"{key.group}: {key.description}" for key in RUN_TABLE_KEYS} <= set(titles)
        for words in ("t Curves", "space Select", "c Compare"):
            assert words in text_of(pilot).splitlines()[-1]
        await pilot.press("question_mark")
        await until(pilot, lambda: "Sort by the next column" in text_of(pilot))

    drive(scenario)


@pytest.mark.parametrize("marker", ["braille", "ascii"])
def test_a_sweep_is_shown_against_its_result_by_the_column_that_sorts(tmp_path, marker):
    make_sweep(tmp_path / "runs")

    async def scenario(pilot):
        screen = await with_table(pilot)
        star = "*" if marker == "ascii" else "★"
        await until(pilot, lambda: "by rate, layers" in text_of(pilot))
        assert f"{star}10" in text_of(pilot)
        assert text_of(pilot).isascii() == (marker == "ascii")
        await pilot.press("s")
        await until(pilot, lambda: "loss by rate, layers" in text_of(pilot))
        await pilot.press("m")
        await until(pilot, lambda: "by rate, layers" not in text_of(pilot))
        await pilot.resize_terminal(80, 24)
        await pilot.press("m")
        await until(pilot, lambda: "by rate, layers" in text_of(pilot))
        assert len(screen.rows) == 5

    drive(scenario, marker=marker)


def test_of_three_settings_parallel_coordinates_are_shown(tmp_path):
    for number in range(8):
        run = make_run(tmp_path / "runs", f"cube-a-{number % 2}-b-{number // 2 % 2}-c-{number // 4}")
        run.write_profile(f"[train]\na = {number % 2}\nb = {number // 2 % 2}\nc = {number // 4}\n")
        run.append_metrics({"step": 210, "validation/loss": 0.1 + number, "validation/median_deg": 3.0})
        (run.path / "provenance.json").write_text(json.dumps({"sweep": True}))

    async def scenario(pilot):
        await with_table(pilot, 8)
        await until(pilot, lambda: "by a, b, c" in text_of(pilot))
        assert "┤★3" in text_of(pilot)
        assert "┤ 40" in text_of(pilot)

    drive(scenario, (160, 50))


def test_without_a_sweep_the_map_says_what_makes_one(tmp_path):
    make_run(tmp_path / "runs", "calm-muon")

    async def scenario(pilot):
        await with_table(pilot, 1)
        await pilot.press("m")
        await until(pilot, lambda: "icereco sweep makes one" in notified(pilot))

    drive(scenario)
