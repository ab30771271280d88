"""Several runs on the charts: which is which, and what the cursor reads of each."""

import json
import re
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tui_driver import drive, make_run, text_of, until, with_runs

from icereco.draw.canvas.bins import Points
from icereco.draw.canvas.curves import Curve, View, reading
from icereco.tui.runs.overlay import Numbering
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


PATHS = st.lists(st.sampled_from([Path(letter) for letter in "abcdef"]), unique=True, max_size=5)


@given(st.lists(PATHS, max_size=6))
def test_a_run_keeps_its_number_while_it_is_shown_and_no_two_share_one(shown):
    numbering, before = Numbering(), {}
    for paths in shown:
        now = numbering.of(paths)
        assert list(now) == paths
        assert len(set(now.values())) == len(paths)
        assert all(now[path] == before[path] for path in paths if path in before)
        before = now


def test_the_cursor_reads_nothing_of_a_run_that_ended_long_before():
    x = np.arange(0.0, 60.0, 10.0)
    curve = Curve("loss", Points(x, np.arange(len(x), dtype=np.int32), x), 0xFFFFFF)
    assert reading(curve, View(0, 300, cursor=50), 40) is not None
    assert reading(curve, View(0, 300, cursor=59), 40) is not None
    assert reading(curve, View(0, 300, cursor=260), 40) is None
    assert reading(curve, View(0, 300), 40) is None


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
        assert screen.list.curve_marks == before
        assert text_of(pilot).count("━ ◆ ") == 3

    drive(scenario)


def test_the_cursor_reads_each_run_by_its_name(tmp_path):
    make_run(tmp_path / "runs", "a-long", steps=200)
    make_run(tmp_path / "runs", "b-short", "stopped", steps=40)

    async def scenario(pilot):
        screen = await with_runs(pilot, 2)
        await pilot.press("pageup")
        if screen.list.current.name == "a-long":
            await pilot.press("down")
        await pilot.press("b")
        await pilot.press("up" if screen.list.cursor else "down")
        await until(pilot, lambda: len(screen.overlay.runs) == 2 and screen.overlay.runs[1].series.rows)
        assert screen.list.current.name == "a-long"
        await pilot.press("left", "left", "left", "z")
        await until(pilot, lambda: "b-short" in text_of(pilot).partition(" loss ")[2])
        chart = text_of(pilot).partition(" loss ")[2]
        assert re.search(r"\btrain +validation\b", chart)
        assert re.search(r"\ba-long +1\.\d+ +1\.\d+", chart)
        assert re.search(r"\bb-short +– +– ", chart)

    drive(scenario)


@pytest.mark.parametrize("colored", [True, False])
def test_runs_differ_in_colour_or_without_colours_in_their_dashes(tmp_path, monkeypatch, colored):
    if not colored:
        monkeypatch.setenv("NO_COLOR", "1")
    for name in ("one", "three"):
        make_run(tmp_path / "runs", name)

    async def scenario(pilot):
        screen = await with_runs(pilot, 2)
        await pilot.press("space", "down")
        await until(pilot, lambda: len(screen.overlay.runs) == 2 and screen.overlay.runs[1].series.rows)
        signs = {sign for sign, _ in screen.list.curve_marks.values()}
        assert len(signs) == (1 if colored else 2)
        panel = screen.overlay.panels()[0]
        dashes = {curve.run: curve.dash for curve in screen.overlay.curves(panel, 0)}
        assert colored or len(set(dashes.values())) == 2

    drive(scenario)
