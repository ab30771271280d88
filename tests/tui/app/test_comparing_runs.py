"""Several runs on the charts: which is which, and what the cursor reads of each."""

import json
import re
from itertools import permutations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.text import Text
from tui_driver import drive, make_run, text_of, until, with_runs

from icereco.draw.canvas.bins import Points
from icereco.draw.canvas.curves import Curve, View, reading
from icereco.draw.canvas.names import least_width, telling_names
from icereco.evaluation.angular_figures import ENERGY_SLICES, ZENITH_SLICES
from icereco.testing.random_events import random_events
from icereco.tui.runs.badges import Badges
from icereco.tui.runs.chart import Chart
from icereco.tui.runs.overlay import BEST, SAVED
from icereco.tui.runs.panels import panels_of
from icereco.tui.runs.readings import fitting_names
from icereco.watch.series import BULK_BYTES, Series


def line(step: int, **metrics: float) -> bytes:
    place = {
        "step": step,
        "epoch": step / 100,
        "events": step * 32,
        "seconds": step * 0.1,
        "time": 1e9 + step,
    }
    return json.dumps(place | metrics).encode() + b"\n"


def loss_curves(text: bytes) -> list[tuple[str, int]]:
    series = Series()
    series.append(text)
    (panel,) = [panel for panel in panels_of(series.names()) if panel.title == "loss"]
    return [(curve.label, curve.color) for curve in panel.curves]


def test_training_and_validation_have_the_same_colours_whichever_comes_first():
    train, validation = {"train/loss": 2.0}, {"validation/loss": 2.1}
    first = line(10, **train) + line(12, **validation)
    later = line(5, **validation) + line(10, **train)
    bulk = b"".join(line(step, **train) for step in range(20, 10 * BULK_BYTES // 100)) + line(
        10**6, **validation
    )
    assert len(bulk) > BULK_BYTES
    for text in (first, later, bulk):
        assert loss_curves(text) == [("train", 0), ("validation", 1)]
    assert loss_curves(line(5, **validation)) == [("validation", 1)]


def test_slices_of_the_truth_have_charts_of_their_own_in_their_order():
    metrics = [
        f"validation/median_deg/{name}" for name in (*reversed(ENERGY_SLICES), *reversed(ZENITH_SLICES))
    ]
    energy, zenith = panels_of([*metrics, "validation/median_deg/<200", "validation/median_deg/cascade"])[2:]
    assert [curve.label for curve in energy.curves] == ["<1", "1-10", "10-100", ">=100"]
    assert [curve.label for curve in zenith.curves] == ["<60", "60-120", ">=120"]
    assert (energy.title, zenith.title) == ("median [°] by energy [TeV]", "median [°] by zenith [°]")


def test_charts_do_not_depend_on_the_order_of_metrics():
    names = [
        "validation/median_deg",
        "validation/containment68_deg",
        "validation/mean_deg",
        "validation/loss",
    ]
    slices = [f"validation/median_deg/{name}" for name in ("≥1000", "<200", "200-999", "cascade")]
    assert len({str(panels_of([*some, *slices])) for some in permutations(names)}) == 1
    (pulses,) = [panel for panel in panels_of(slices) if panel.title.endswith("by pulses")]
    assert [curve.label for curve in pulses.curves] == ["<200", "200-999", "≥1000"]


PATHS = st.lists(st.sampled_from([Path(letter) for letter in "abcdefgh"]), unique=True, max_size=8)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # the machine may be busy
@given(st.lists(PATHS, max_size=6))
def test_a_run_keeps_its_badge_for_good_and_no_two_share_a_letter_or_a_colour(shown):
    badges, before = Badges(), {}
    for paths in shown:
        now = badges.of(paths)
        assert list(now) == paths
        if len(paths) < 2:
            continue
        before |= now
        assert all(now[path] == before[path] for path in paths)
        assert Badges(badges.given).of(paths) == now
        assert len({badge.letter for badge in now.values()}) == len(paths)
        assert len({badge.color for badge in now.values()}) == len(paths)


def test_a_run_that_is_compared_after_hundreds_of_others_differs_from_those_shown_with_it():
    badges, pinned = Badges(), Path("pinned")
    before = badges.of([pinned, Path("first")])[pinned]
    for number in range(300):
        here = badges.of([pinned, Path(f"run{number}")])
        letters, colors = {one.letter for one in here.values()}, {one.color for one in here.values()}
        assert (len(letters), len(colors)) == (2, 2)
    assert badges.of([pinned])[pinned] == before


NAMES = ("sweep-rate-0.001-layers-2", "sweep-rate-0.002-layers-2", "sweep-rate-0.001-layers-4")


@pytest.mark.parametrize("width", [30, 20, 14, 12])
def test_names_of_a_sweep_keep_the_words_in_which_they_differ(width):
    assert least_width(NAMES) <= 12
    for name, told in zip(NAMES, telling_names(NAMES, width), strict=True):
        assert len(told) <= width
        assert name.split("-")[2] in told
        assert told.endswith(name[-1])


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(st.text("ab-", min_size=1, max_size=14), unique=True, min_size=1, max_size=6), st.integers(1, 16)
)
def test_short_names_are_never_longer_than_the_room(names, width):
    told = telling_names(names, width)
    assert max(map(len, told)) <= width
    assert width < max(map(len, names)) or told == names


def test_the_cursor_reads_nothing_of_a_run_that_ended_long_before():
    x = np.arange(0.0, 60.0, 10.0)
    curve = Curve("loss", Points(x, np.arange(len(x), dtype=np.int32), x), 0xFFFFFF)
    assert reading(curve, View(0, 300, cursor=50), 40) is not None
    assert reading(curve, View(0, 300, cursor=59), 40) is not None
    assert reading(curve, View(0, 300, cursor=260), 40) is None
    assert reading(curve, View(0, 300), 40) is None


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.lists(st.text("abcdef ", min_size=1, max_size=14), unique=True, min_size=1, max_size=6),
    st.integers(4, 60),
)
def test_names_fit_and_none_is_left_out_without_a_sign(names, room):
    short, more = fitting_names(names, room)
    assert len(short) + more == len(names)
    assert len(" ".join(short)) + (3 if more else 0) <= room


def test_three_names_fit_below_a_narrow_chart():
    short, more = fitting_names(["cascade", "starting", "through"], 21)
    assert more == 0
    assert len(set(short)) == 3


def test_colours_stay_when_the_cursor_moves(tmp_path):
    for name in ("one", "three", "fourth"):
        make_run(tmp_path / "runs", name)

    async def scenario(pilot):
        screen = await with_runs(pilot, 3)
        await pilot.press("space", "down", "space", "down", "space")
        await until(pilot, lambda: len(screen.list.curve_marks) == 3)
        before = dict(screen.list.curve_marks)
        assert len({color for _, color in before.values()}) == 3
        await pilot.press("up", "up")
        await until(pilot, lambda: screen.list.cursor == 0)
        assert screen.list.curve_marks == before
        assert re.findall(r"([A-Z]) ◆ ", text_of(pilot)) == ["A", "B", "C"]

    drive(scenario)


async def compared(pilot, *names: str):
    """Put the first run under the cursor, with the others on the charts."""
    screen = await with_runs(pilot, len(names))
    places = {run.name: run.path for run in screen.list.runs}
    for name in names[1:]:
        assert screen.list.go_to(places[name])
        await pilot.press("space")
    assert screen.list.go_to(places[names[0]])
    await until(pilot, lambda: [run.path.name for run in screen.overlay.runs] == list(names))
    await until(pilot, lambda: all(run.series.rows for run in screen.overlay.runs))
    return screen


def test_the_cursor_reads_each_run_by_its_name_where_it_has_values(tmp_path):
    make_run(tmp_path / "runs", "a-long", steps=200)
    make_run(tmp_path / "runs", "b-short", "stopped", steps=120)

    async def scenario(pilot):
        screen = await compared(pilot, "a-long", "b-short")
        await pilot.press("left", "left", "left")
        await until(pilot, lambda: "at the cursor" in text_of(pilot))
        card = text_of(pilot).partition(" at the cursor ")[2]
        assert re.search(r"\bstep +loss +median\b", card)
        assert re.search(r"\b[A-Z] a-long +200 +1\.\d+ +40\b", card)
        assert re.search(r"\b[A-Z] b-short +– +– +– ", card)
        screen.look(cursor=100.0)
        await until(pilot, lambda: re.search(r"\b[A-Z] b-short +100 +1\.\d+ +50\b", text_of(pilot)))
        await pilot.press("0")
        await until(pilot, lambda: "at the cursor" not in text_of(pilot))

    drive(scenario)


def test_more_runs_than_the_card_has_rows_are_counted(tmp_path):
    names = [f"run-{letter}" for letter in "abcdefghijkl"]
    for name in names:
        make_run(tmp_path / "runs", name)

    async def scenario(pilot):
        await compared(pilot, *names)
        await pilot.press("left")
        await until(pilot, lambda: re.search(r"\+\d+ more", text_of(pilot)))
        card = text_of(pilot).partition(" at the cursor ")[2]
        more = int(re.search(r"\+(\d+) more", card)[1])
        assert len(re.findall(r"\b[A-Z] run-[a-l] ", card)) + more == len(names)

    drive(scenario, (80, 24))


def test_of_several_runs_a_chart_shows_one_figure_and_a_key_shows_the_next(tmp_path):
    make_run(tmp_path / "runs", "one")
    make_run(tmp_path / "runs", "three")

    async def scenario(pilot):
        screen = await compared(pilot, "one", "three")
        loss = screen.overlay.panels()[0]
        seen = []
        for _ in range(4):
            await until(pilot, lambda: screen.overlay.title(loss) in text_of(pilot))
            seen.append([(curve.run, curve.label) for curve in screen.overlay.curves(loss, 0)])
            before = screen.overlay.title(loss)
            await pilot.press("m")
            await until(pilot, lambda before=before: screen.overlay.title(loss) != before)
        assert seen[0] == [("three", "validation"), ("one", "validation")] == seen[3]
        assert seen[1] == [("three", "train"), ("one", "train")]
        assert len(seen[2]) == 4

    drive(scenario)


def test_the_next_figure_of_a_chart_with_the_focus_is_its_own(tmp_path):
    make_run(tmp_path / "runs", "one")
    make_run(tmp_path / "runs", "three")

    async def scenario(pilot):
        screen = await compared(pilot, "one", "three")
        list(screen.query(Chart))[1].focus()
        await pilot.press("m")
        await until(pilot, lambda: screen.figures)
        assert set(screen.figures) == {screen.overlay.panels()[1].title}

    drive(scenario)


@pytest.mark.parametrize("colored", [True, False])
def test_runs_differ_by_letters_on_their_curves_and_without_colours_also_in_dashes(
    tmp_path, monkeypatch, colored
):
    if not colored:
        monkeypatch.setenv("NO_COLOR", "1")
    make_run(tmp_path / "runs", "one", steps=100)
    make_run(tmp_path / "runs", "three")

    async def scenario(pilot):
        screen = await compared(pilot, "one", "three")
        letters = {path.name: mark for path, (mark, _) in screen.list.curve_marks.items()}
        assert len(set(letters.values())) == 2
        curves = screen.overlay.curves(screen.overlay.panels()[0], 0)
        assert {curve.run: curve.mark for curve in curves} == letters
        assert len({curve.dash for curve in curves}) == (1 if colored else 2)
        chart = screen.query(Chart).first()
        await until(pilot, lambda: set(letters.values()) <= set("".join(line.text for line in chart._strips)))

    drive(scenario)


def test_a_legend_without_room_for_the_names_shows_letters_and_counts_those_left_out(tmp_path):
    names = [f"run-{letter}" for letter in "abcdefghijklmnop"]
    for name in names:
        make_run(tmp_path / "runs", name, steps=50)

    async def scenario(pilot):
        screen = await compared(pilot, *names)
        chart = screen.query(Chart).first()
        await until(pilot, lambda: " +" in str(chart.border_subtitle))
        letters, _, more = Text.from_markup(str(chart.border_subtitle)).plain.partition(" +")
        assert len(letters.split()) + int(more) == len(names)

    drive(scenario, (80, 24))


def test_the_best_validation_and_the_newest_checkpoint_are_marked_on_every_axis(tmp_path):
    run = make_run(tmp_path / "runs", "one", saved_step=180)
    run.append_metrics(
        {"step": 210, "time": 1e9 + 210, "events": 6720, "epoch": 2.1, "validation/loss": 99.0}
    )

    async def scenario(pilot):
        screen = await with_runs(pilot, 1)
        await until(pilot, lambda: screen.overlay.runs[0].saved_step == 180)
        await until(pilot, lambda: {"★", "▾"} <= set(text_of(pilot).partition("loss")[2]))
        for axis, best, saved in (("step", 200, 180), ("events", 6400, 5760), ("epoch", 2.0, 1.8)):
            screen.axis = axis
            places = {sign.text: sign.place for sign in screen.overlay.signs(0, 0)}
            assert places == {BEST: best, SAVED: saved}

    drive(scenario)


def test_what_the_line_fit_reaches_is_drawn_in_the_charts_of_errors(tmp_path):
    run = make_run(tmp_path / "runs", "one")
    events = random_events(np.full(60, 5), seed=3)
    azimuth, zenith = (events[name].to_numpy() for name in ("azimuth", "zenith"))
    count = len(events)
    pq.write_table(pa.table({
        "event_id": events["event_id"], "azimuth": azimuth, "zenith": zenith, "kappa": np.full(count, 10.0),
        "linefit_azimuth": azimuth, "linefit_zenith": np.abs(zenith - np.radians(45)), "true_azimuth": azimuth,
        "true_zenith": zenith, "pulses_total": np.full(count, 5), "pulses_used": np.full(count, 5),
    }), run.validation)  # fmt: skip

    async def scenario(pilot):
        screen = await with_runs(pilot, 1)
        await until(pilot, lambda: "linefit" in text_of(pilot))
        levels = {panel.title: screen.overlay.levels(panel, 0) for panel in screen.overlay.panels()}
        assert round(levels["angular error [°]"][0].value) == 45
        assert levels["loss"] == []
        assert screen.overlay.runs[0].reference["validation/median_deg/<200"] == pytest.approx(45, abs=1)

    drive(scenario)
