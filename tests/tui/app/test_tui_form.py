"""The form for a new training, and a real training through the app."""

import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from textual.widgets import Button, Input, Static
from tui_driver import drive, notified, text_of, until, with_runs

from icereco.data.catalog import DataSet, add
from icereco.runs.folder import RunFolder
from icereco.runs.jobs import JobFolder
from icereco.testing.random_events import random_events
from icereco.tui.common.ask import ConfirmScreen
from icereco.tui.data.data_rows import DataRows
from icereco.tui.runs.form import Entry, arguments_of, command_line, fields_of, judge
from icereco.tui.runs.launch_screen import LaunchScreen
from icereco.tui.runs.progress import ProgressCard


def test_the_form_gives_the_command_line_that_a_user_would_type(tmp_path):
    entry = Entry(
        "quick", {"train.epochs": "3", "encoder.use": "transformer"}, "my-run", ("some data.parquet", "b=0.3")
    )
    words = command_line(arguments_of(entry, Path("runs")))
    assert words == (
        "icereco train --profile quick --name my-run --data 'some data.parquet' --data b=0.3 "
        "-o train.epochs=3 -o encoder.use=transformer"
    )


@pytest.fixture
def tracks(tmp_path):
    """A data set named tracks, of a few events of IceCube-86."""
    path = tmp_path / "tracks.parquet"
    pq.write_table(random_events(np.array([20, 30]), seed=1), path)
    add(DataSet(name="tracks", path=path))
    return path


@pytest.mark.parametrize(
    ("changes", "name", "data", "field"),
    [
        ({"train.epochs": "many"}, "a", (), "train.epochs"),
        ({"train.learning_rate": "7"}, "a", (), "train.learning_rate"),
        ({"aggregator.use": "magic"}, "a", (), "aggregator.use"),
        ({"aggregator.width": "10"}, "a", (), ""),
        ({}, "no name", (), "name"),
        ({}, "-a", (), "name"),
        ({}, "taken", (), "name"),
        ({}, "waiting", (), "name"),
        ({}, "a", ("nowhere.parquet",), "data 1"),
        ({}, "a", ("tracks", "trakcs"), "data 2"),
        ({}, "a", ("tracks=200",), "data 1"),
        ({}, "a", ("tracks", "notes.txt"), "data 2"),
        ({}, "a", ("elsewhere",), "data 1"),
    ],
)
def test_what_is_wrong_is_reported_at_its_field(tmp_path, monkeypatch, tracks, changes, name, data, field):
    monkeypatch.setattr(JobFolder, "_start_worker", lambda _self, _job: None)
    (tmp_path / "taken").mkdir()
    (tmp_path / "notes.txt").write_text("no events")
    add(DataSet(name="elsewhere", path=tracks, detector="orca"))
    JobFolder(tmp_path).submit(["train"], "waiting", tmp_path, queued=True)
    if "elsewhere" in data:
        changes = {"detector.use": "icecube86"}
    verdict = judge(Entry("quick", changes, name, data), tmp_path)
    assert list(verdict.problems) == [field]
    assert not verdict.problems[field].startswith(f"{field} = ")  # the form already names the field
    assert verdict.profile is None


def test_data_sets_are_named_and_weighted_as_on_the_command_line(tmp_path, tracks):
    entry = Entry("quick", {}, "mine", ("tracks=0.5", str(tracks)))
    assert judge(entry, tmp_path / "runs").problems == {}
    assert f"--data tracks=0.5 --data {tracks}" in command_line(arguments_of(entry, tmp_path / "runs"))


def test_every_option_of_a_profile_is_a_field():
    profile = judge(Entry("hierarchical", {}, "a"), Path("runs")).profile
    fields = {field.key: field for field in fields_of(profile)}
    assert fields["train.optimizer"].choices == ("adamw", "muon")
    assert fields["train.events"].text == str(profile.train.events)
    assert "flex-attention" in fields["aggregator.use"].choices
    assert all(field.description for field in fields.values())
    defaults = {key: field.text for key, field in fields.items() if field.text and not key.endswith(".use")}
    assert judge(Entry("hierarchical", defaults, "a"), Path("runs")).problems == {}


def test_the_form_is_checked_while_it_is_filled_in(tmp_path):
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


def test_several_data_sets_are_entered_row_by_row(tmp_path, tracks):
    async def scenario(pilot):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, LaunchScreen))
        form = pilot.app.screen
        await until(pilot, lambda: form.query("#field-train-epochs"))
        rows, command = form.query_one(DataRows), form.query_one("#command", Static)
        assert rows.choices == ()
        await pilot.press("down", *"tracks", "down", *"0.5")
        await until(pilot, lambda: len(rows.query(".what")) == 2)
        await pilot.press("down", *"nowhere")
        await until(pilot, lambda: "data 2: no data set is called 'nowhere'" in text_of(pilot))
        wrong = [line.has_class("-wrong") for line in rows.query(".what").results(Input)]
        assert wrong == [False, True, False]
        for _ in "nowhere":
            await pilot.press("backspace")
        await until(pilot, lambda: "all is well" in text_of(pilot))
        assert "--data tracks=0.5" in str(command.render())
        assert form.query_one("#name", Input).value.startswith("quick-tracks-v1-")

    drive(scenario)


def test_an_emptied_option_has_the_value_of_the_profile(tmp_path):
    async def scenario(pilot):
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, LaunchScreen))
        form = pilot.app.screen
        await until(pilot, lambda: form.query("#field-train-epochs"))
        for text, changes in (("3", {"train.epochs": "3"}), ("", {})):
            form.query_one("#field-train-epochs", Input).value = text
            await until(pilot, lambda changes=changes: form.changes == changes)
        form.query_one("#name", Input).value = "mine"
        await until(pilot, lambda: "--name mine" in text_of(pilot))
        form.query_one(".what", Input).value = "somewhere.parquet"
        await until(pilot, lambda: "--data somewhere.parquet" in text_of(pilot))
        assert form.query_one("#name", Input).value == "mine"

    drive(scenario)


TINY = {
    "aggregator.width": "16", "aggregator.layers": "1", "aggregator.heads": "2", "encoder.layers": "1",
    "encoder.heads": "2", "train.events": "96", "train.validation_events": "20", "train.epochs": "30",
    "train.events_per_batch": "8", "train.log_every_steps": "1",
}  # fmt: skip


@pytest.mark.slow
def test_a_real_training_is_started_watched_stopped_and_resumed(tmp_path):
    """Everything through the app; the app is closed in between, and the training continues."""
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
        await until(pilot, lambda: "stopping after step" in notified(pilot), 60)
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


def test_trainings_wait_in_a_queue_and_can_be_removed(tmp_path, monkeypatch):
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
