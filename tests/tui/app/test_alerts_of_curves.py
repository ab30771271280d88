"""Alerts about the curves of runs that are not on the charts, and the user's own command for alerts."""

import json
import shlex
import sys

import pytest
from tui_driver import drive, make_run, notified, text_of, until, with_runs

from icereco.settings import settings_file

WRITER = """
import os, sys
with open(sys.argv[1] + ".part", "w") as file:
    file.write("|".join([sys.argv[2], sys.argv[3], os.environ["ICERECO_ALERT_KIND"]]))
os.replace(sys.argv[1] + ".part", sys.argv[1])
"""


def settings(text: str) -> None:
    settings_file().parent.mkdir(parents=True, exist_ok=True)
    settings_file().write_text(text)


def begin_spike(run) -> None:
    for step in range(60):
        run.append_metrics({"step": 300 + step, "train/loss": 2.0 + 0.01 * (step % 7)})
    run.append_metrics({"step": 400, "train/loss": 50.0})


async def read_all(pilot):
    await until(pilot, lambda: pilot.app.overviews.whole)
    await until(pilot, lambda: not pilot.app._unseen)


def test_a_run_that_is_not_on_the_charts_alerts_of_a_spike_and_the_command_is_told(tmp_path):
    told = tmp_path / "told.txt"
    (tmp_path / "tell.py").write_text(WRITER)
    command = shlex.join([sys.executable, str(tmp_path / "tell.py"), str(told)])
    settings(f"[tui]\nnotify = {json.dumps(command)}\n")
    make_run(tmp_path / "runs", "a-shown", "training")
    run = make_run(tmp_path / "runs", "b-other", "training", begun=1.0)

    async def scenario(pilot):
        screen = await with_runs(pilot, 2)
        assert screen.list.current.name == "a-shown"
        await read_all(pilot)
        assert not pilot.app.alerts
        begin_spike(run)
        await until(pilot, lambda: "b-other: spike" in notified(pilot))
        assert "b-other: spike" in text_of(pilot).splitlines()[0]
        await until(pilot, told.exists)
        title, text, kind = told.read_text().split("|")
        assert (title, kind) == ("b-other: spike", "spike")
        assert "rose to 50" in text

    drive(scenario)


def test_what_was_wrong_before_the_app_started_is_in_the_bar_but_does_not_ring(tmp_path):
    run = make_run(tmp_path / "runs", "a-shown")
    other = make_run(tmp_path / "runs", "b-other")
    with other.metrics.open("a") as file:
        file.write('{"step": 210, "train/loss": null}\n')

    async def scenario(pilot):
        await with_runs(pilot, 2)
        await read_all(pilot)
        await until(pilot, lambda: "b-other: not a number" in text_of(pilot).splitlines()[0])
        assert "not a number" not in notified(pilot)
        with run.metrics.open("a") as file:
            file.write('{"step": 210, "train/loss": null}\n')
        await until(pilot, lambda: "a-shown: not a number" in notified(pilot))

    drive(scenario)


FAILING = shlex.join([sys.executable, "-c", "import sys; sys.exit('no mail today')"])


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ('"no-such-program"', "no-such-program: "),
        ('["a", "b"]', "must be a command"),
        ('"\'"', "must be a command"),
        (json.dumps(FAILING), "code 1: no mail today"),
    ],
    ids=["missing", "list", "quote", "failing"],
)
def test_a_command_that_cannot_be_run_is_reported(tmp_path, command, complaint):
    settings(f"[tui]\nnotify = {command}\n")
    run = make_run(tmp_path / "runs", "one", "training")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        await read_all(pilot)
        begin_spike(run)
        await until(pilot, lambda: "one: spike" in notified(pilot))
        await until(pilot, lambda: complaint in notified(pilot))

    drive(scenario)


def test_nothing_is_run_when_the_app_may_only_look(tmp_path):
    told = tmp_path / "told.txt"
    settings(f"[tui]\nnotify = {json.dumps(shlex.join(['touch', str(told)]))}\n")
    run = make_run(tmp_path / "runs", "one", "training")

    async def scenario(pilot):
        await with_runs(pilot, 1)
        await read_all(pilot)
        begin_spike(run)
        await until(pilot, lambda: "one: spike" in notified(pilot))
        assert pilot.app._notifier is None
        assert not told.exists()

    drive(scenario, read_only=True)
