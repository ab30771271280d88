"""What the terminal app follows: files that grow, are damaged or disappear, and runs, also on other machines."""

import json
import math
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from icereco.draw.canvas.bins import Points, bin_curve, edges_of, smoothed
from icereco.runs.folder import RunFolder
from icereco.runs.status import SILENT_SECONDS
from icereco.watch.alerts import run_alerts
from icereco.watch.log import Log
from icereco.watch.metrics import MetricsFeed
from icereco.watch.runs import STALL_SECONDS, RunsFeed, differences
from icereco.watch.series import BULK_BYTES, THROUGHPUT, Series
from icereco.watch.tail import Tail


@pytest.fixture
def run(tmp_path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", "one")


def line(step: int, **figures: float) -> str:
    row = {"step": step, "epoch": step / 100, "events": step * 32, "seconds": step * 0.5, "time": 1e9 + step}
    return json.dumps(row | figures) + "\n"


def edit_status(run: RunFolder, **changes) -> None:
    path = run.path / "status.json"
    document = json.loads(path.read_text()) | changes
    path.with_suffix(".new").write_text(json.dumps(document))
    path.with_suffix(".new").replace(path)


# Files that grow


def test_a_tail_yields_each_whole_line_once(tmp_path):
    path = tmp_path / "lines"
    tail = Tail(path)
    assert tail.read() is None
    path.write_bytes(b"one\ntw")
    assert tail.read().lines == b"one\n"
    assert tail.read() is None
    with path.open("ab") as file:
        file.write(b"o\n")
    assert tail.read().lines == b"two\n"


@pytest.mark.parametrize("how", ["replaced", "truncated"])
def test_a_tail_starts_again_with_another_file(tmp_path, how):
    path = tmp_path / "lines"
    path.write_bytes(b"a long first line\n")
    tail = Tail(path)
    tail.read()
    if how == "replaced":
        path.with_suffix(".new").write_bytes(b"a long other line, longer\n")
        path.with_suffix(".new").replace(path)
    else:
        path.write_bytes(b"short\n")
    tailed = tail.read()
    assert tailed.restarted
    assert tailed.lines == path.read_bytes()


def test_the_end_of_a_long_file_begins_with_a_whole_line(tmp_path):
    path = tmp_path / "lines"
    path.write_bytes(b"".join(b"%d\n" % number for number in range(10_000)))
    lines = Tail(path, last_bytes=1_000).read().lines.splitlines()
    assert lines == [b"%d" % number for number in range(10_000 - len(lines), 10_000)]


# Metrics


def test_metrics_become_columns_and_those_of_validations_have_their_own_rows(run):
    series = Series()
    text = (
        line(10, **{"train/loss": 2.0})
        + line(20, **{"validation/loss": 3.0})
        + line(30, **{"train/loss": 1.0})
    )
    series.append(text.encode())
    loss = series.curve("train/loss", "step")
    assert loss.x.tolist() == [10, 30]
    assert loss.value.tolist() == [2.0, 1.0]
    assert series.curve("validation/loss", "events").x.tolist() == [640]
    assert len(series.curve("nothing", "step")) == 0


@pytest.mark.parametrize(
    "damage",
    [b"\x00\xff\xfe\n", b'{"step": 1, "train/l\n', b"[1, 2]\n", b"null\n", b'{"step": "many"}\n', b"\n"],
)
def test_damaged_lines_are_counted_and_left_out(damage):
    series = Series()
    series.append(line(1, loss=1.0).encode() + damage + line(2, loss=2.0).encode())
    assert series.curve("loss", "step").value.tolist() == [1.0, 2.0]
    assert series.damaged + series.rows == 3


@pytest.mark.parametrize(
    "late", [{"validation/loss": 7.0}, {"train/loss": "a text"}, {"tag": "a text"}, {"on": True}]
)
def test_lines_read_in_bulk_give_the_same_as_lines_read_one_by_one(late):
    lines = [line(n, **{"train/loss": 1 / (n + 1)}) for n in range(8_000)]
    lines[6_500] = line(6_500, **late)
    halves = ["".join(half).encode() for half in (lines[:4_000], lines[4_000:])]
    assert all(len(half) > BULK_BYTES for half in halves)
    bulk, single = Series(), Series()
    for half in halves:  # the second half knows what the first held
        bulk.append(half)
    for text in lines:
        single.append(text.encode())
    assert sorted(bulk.names()) == sorted(single.names())
    for name in single.names():
        actual, expected = bulk.curve(name, "time"), single.curve(name, "time")
        np.testing.assert_array_equal(actual.x, expected.x)
        np.testing.assert_array_equal(actual.value, expected.value)


def test_a_damaged_line_in_bulk_does_not_lose_others():
    lines = [line(n, loss=float(n)) for n in range(4_000)]
    lines[1_000] = '{"step": 1000, "lo\n'
    series = Series()
    series.append("".join(lines).encode())
    assert (series.rows, series.damaged) == (3_999, 1)


def test_null_is_not_a_number():
    series = Series()
    series.append(line(1, loss=1.0).encode() + b'{"step": 2, "loss": null}\n')
    assert math.isnan(series.last("loss"))


def test_a_clock_that_is_set_back_does_not_make_a_curve_run_backwards():
    series = Series()
    series.append(b'{"step": 1, "time": 100, "loss": 1}\n{"step": 2, "time": 50, "loss": 2}\n{"loss": 3}\n')
    assert series.curve("loss", "time").x.tolist() == [100, 100, 100]


def test_throughput_is_events_per_second_of_training():
    series = Series()
    series.append((line(2) + line(4) + line(4)).encode())
    rate = series.curve(THROUGHPUT, "step")
    assert rate.x.tolist() == [4]
    assert rate.value.tolist() == [64.0]


def test_a_resumed_run_whose_metrics_were_rewound_is_read_again(run):
    feed = MetricsFeed()
    feed.follow([run.path])
    for step in (1, 2, 3):
        run.append_metrics({"step": step, "train/loss": float(step)})
    feed.look()
    run.rewind_metrics(1)
    run.append_metrics({"step": 2, "train/loss": 9.0})
    assert run.path in feed.look().changed
    assert feed.series(run.path).curve("train/loss", "step").value.tolist() == [1.0, 9.0]


def test_metrics_of_a_deleted_run_stay_as_they_were_read(run):
    feed = MetricsFeed()
    feed.follow([run.path])
    run.append_metrics({"step": 1, "train/loss": 1.0})
    feed.look()
    run.metrics.unlink()
    assert feed.look() is None
    assert feed.series(run.path).rows == 1
    assert feed.series(Path("elsewhere")).rows == 0


# Binning


def points(x, y) -> Points:
    return Points(x, np.arange(len(x)), y)


def test_a_curve_with_gaps_is_binned_by_its_own_rows():
    position, row = np.arange(10.0) * 60 + 1e9, np.array([1, 4, 5, 9])
    curve = Points(position, row, np.array([1.0, 4.0, 5.0, 9.0]), zero=1e9, scale=60.0)
    assert curve.x.tolist() == [1, 4, 5, 9]
    assert bin_curve(curve, edges_of(0, 9, 3)).mean.tolist() == [1.0, 4.5, 9.0]


@settings(max_examples=60)
@given(
    arrays.arrays(np.float64, st.integers(1, 200), elements=st.floats(-1e6, 1e6)),
    st.integers(1, 40),
    st.integers(0, 2**32 - 1),
)
def test_every_value_is_in_a_column(y, columns, seed):
    x = np.sort(np.random.default_rng(seed).uniform(0, 100, len(y)))
    bins = bin_curve(points(x, y), edges_of(0, 100, columns))
    assert bins.count.sum() == len(y)
    assert np.nanmax(bins.high) == y.max()
    assert np.nanmin(bins.low) == y.min()
    filled = bins.count > 0
    slack = 1e-6 + 1e-9 * np.abs(y).max()
    assert (bins.low[filled] - slack <= bins.mean[filled]).all()
    assert (bins.mean[filled] <= bins.high[filled] + slack).all()


def test_nan_and_infinity_are_left_out_of_the_columns():
    x = np.arange(6.0)
    y = np.array([1.0, np.nan, 3.0, np.inf, 5.0, 6.0])
    bins = bin_curve(points(x, y), edges_of(0, 5, 3))
    assert bins.count.tolist() == [1, 1, 2]
    assert bins.mean.tolist() == [1.0, 3.0, 5.5]


def test_smoothing_by_columns_is_the_moving_average_of_the_values():
    y = np.random.default_rng(1).normal(size=50)
    average, past, expected = 0.0, 0.0, []
    for value in y:
        average, past = 0.9 * average + 0.1 * value, 0.9 * past + 0.1
        expected.append(average / past)
    bins = bin_curve(points(np.arange(50.0), y), np.arange(51.0))
    np.testing.assert_allclose(smoothed(bins, 0.9), expected)
    np.testing.assert_array_equal(smoothed(bins, 0.0), y)


# Logs


def test_a_log_is_split_into_times_levels_and_continued_lines(run):
    run.log.write_text(
        "2026-01-02 03:04:05,678 WARNING icereco.training.trainer steep\n  and more\n\x1b[31mred\x1b[0m\n"
    )
    log = Log(run.log)
    assert log.look()
    first, second, third = log.lines
    assert (first.level, first.message, first.clock) == ("WARNING", "steep", "03:04:05")
    assert (second.time, second.message) == (None, "  and more")
    assert "\x1b" not in third.message
    assert not log.look()


# Runs


def test_a_run_is_in_the_state_of_its_process(run):
    feed = RunsFeed(run.path.parent)
    assert feed.look() == ()
    run.write_status("training")
    assert feed.look()[0].state == "running"
    edit_status(run, pid=2**22 + 1, started="gone")
    assert feed.look()[0].state == "crashed"
    assert run_alerts(feed.look())[0].kind == "crash"


@pytest.mark.parametrize("ahead_seconds", [-4_000.0, 4_000.0])
def test_a_heartbeat_that_changes_counts_whatever_the_clock_of_its_machine(run, ahead_seconds):
    run.write_status("training")
    edit_status(run, host="cluster", heartbeat=time.time() + ahead_seconds)
    feed = RunsFeed(run.path.parent)
    feed.look()
    edit_status(run, heartbeat=time.time() + ahead_seconds + 1)
    view = feed.look()[0]
    assert view.state == "running"
    assert view.silent_seconds < 10
    assert view.skew_seconds == pytest.approx(ahead_seconds, abs=30)
    assert [alert.kind for alert in run_alerts([view])] == ["clock"]


def test_a_run_without_a_heartbeat_for_too_long_has_crashed(run):
    run.write_status("training")
    then = time.time() - 2 * SILENT_SECONDS
    edit_status(run, host="cluster", heartbeat=then)
    os.utime(run.path / "status.json", (then, then))
    view = RunsFeed(run.path.parent).look()[0]
    assert view.state == "crashed"
    assert view.silent_seconds == pytest.approx(2 * SILENT_SECONDS, abs=30)
    assert "no heartbeat from cluster" in run_alerts([view])[0].text


def test_a_heartbeat_in_the_future_that_does_not_change_counts_no_longer_than_any_other(run, monkeypatch):
    run.write_status("training")
    edit_status(run, host="cluster", heartbeat=time.time() + 10_000)
    feed = RunsFeed(run.path.parent)
    assert feed.look()[0].state == "running"
    begun = time.monotonic()
    for seconds, state in ((STALL_SECONDS + 1, "running"), (SILENT_SECONDS + 1, "crashed")):
        monkeypatch.setattr("time.monotonic", lambda seconds=seconds: begun + seconds)
        assert feed.look()[0].state == state
        assert feed.look()[0].stalls == (state == "running")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "damaged"),
        ("{", "damaged"),
        ("\x00" * 100, "damaged"),
        ("[]", "unknown version"),
        ('{"phase": "dreaming"}', "unknown version (phase: dreaming)"),
        (None, "missing"),
    ],
)
def test_a_damaged_status_is_reported_and_the_settings_are_still_read(run, content, problem):
    run.write_profile("[train]\nepochs = 3\n")
    if content is not None:
        (run.path / "status.json").write_text(content)
    view = RunsFeed(run.path.parent).look()[0]
    assert (view.state, view.status) == ("crashed", None)
    assert "status.json" in run_alerts([view])[0].text
    assert problem in run_alerts([view])[0].text
    assert view.settings == {"train.epochs": 3}


def test_runs_and_their_folder_may_disappear(run):
    run.write_status("finished")
    feed = RunsFeed(run.path.parent)
    assert len(feed.look()) == 1
    run.delete()
    assert feed.look() == ()
    os.rmdir(run.path.parent)  # noqa: PTH106 -- so that nothing else can be in it
    assert feed.look() == ()


def test_a_run_of_another_folder_can_be_attached(run, tmp_path):
    run.write_status("stopped")
    assert [view.name for view in RunsFeed(tmp_path / "none", run.path).look()] == ["one"]


def test_running_runs_come_first_then_the_last_active(tmp_path):
    for name, phase, heartbeat in (("old", "finished", 10), ("new", "stopped", 20), ("live", "training", 5)):
        run = RunFolder.create(tmp_path, name)
        run.write_status(phase)
        edit_status(run, heartbeat=heartbeat)
    assert [view.name for view in RunsFeed(tmp_path).look()] == ["live", "new", "old"]


def test_only_settings_that_differ_are_reported():
    settings = {"train.epochs": 2, "encoder.layers": 4, "loss.use": "vmf"}
    baseline = {"train.epochs": 1, "encoder.layers": 4, "loss.margin": 1.0}
    expected = [("train.epochs", 2, 1), ("loss.use", "vmf", None), ("loss.margin", None, 1.0)]
    assert differences(settings, baseline) == expected
