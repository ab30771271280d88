"""The screen of trained models: cards, and jobs with a model."""

import shutil
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList
from tui_driver import drive, make_run, notified, text_of, until

from icereco.runs.jobs import JobFolder
from icereco.trained.library import Library
from icereco.tui.common.ask import AskScreen, ConfirmScreen
from icereco.tui.common.dialogs import AskPath
from icereco.tui.runs.launch_screen import LaunchScreen


def test_models_are_listed_with_their_cards_and_found_by_name(own_model):
    async def scenario(pilot):
        pilot.app.open_in("models", "go_to_model", own_model)
        await until(pilot, lambda: "built in: 2 · yours: 1" in text_of(pilot))
        await until(pilot, lambda: f"─ {own_model} ─" in text_of(pilot))
        for words in ("1,200,000", "Apache-2.0", "muons of air showers", "through track", "12.00", "51.0%"):
            assert words in text_of(pilot)
        await pilot.press("up", "up")
        await until(pilot, lambda: "600,000 events" in text_of(pilot))

    drive(scenario, (200, 60))


@pytest.mark.usefixtures("models")
def test_a_model_reconstructs_events_in_a_job(tmp_path, event_table, monkeypatch):
    import pyarrow.parquet as pq

    pq.write_table(event_table[:12], tmp_path / "events.parquet")
    jobs = JobFolder(tmp_path / "runs")
    monkeypatch.setattr(JobFolder, "_start_worker", lambda _self, _job: None)

    async def scenario(pilot):
        await pilot.press("7")
        await until(pilot, lambda: "sha256" in text_of(pilot))
        await pilot.press("down", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskPath) and pilot.app.screen.query(Input))
        await pilot.press(*"events.parquet", "enter")
        await until(pilot, jobs.all)
        [job] = jobs.all()
        assert job.arguments == ("reconstruct", "events.parquet", "--model", "swift", "-o", "events-swift.reco.parquet")  # fmt: skip
        shutil.copyfile(tmp_path / "events.parquet", tmp_path / "events-swift.reco.parquet")
        await pilot.press("6", "t")
        await until(
            pilot, lambda: "events-swift.reco" in text_of(pilot) and pilot.app.current_mode == "events"
        )

    drive(scenario)


@pytest.mark.usefixtures("models")
def test_the_end_of_a_job_with_a_model_is_reported(tmp_path):
    async def scenario(pilot):
        await pilot.press("7")
        await until(pilot, lambda: "sha256" in text_of(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskPath) and pilot.app.screen.query(Input))
        await pilot.press(*"nowhere", "enter")
        await until(pilot, lambda: "there is no" in notified(pilot), 30.0)

    drive(scenario)


@pytest.mark.usefixtures("models")
def test_a_training_goes_on_from_a_model_and_a_wrong_name_is_reported():
    async def scenario(pilot):
        await pilot.press("7")
        await until(pilot, lambda: "sha256" in text_of(pilot))
        await pilot.press("down", "n")
        await until(pilot, lambda: "--profile quick" in text_of(pilot) and "--from swift" in text_of(pilot))
        form = pilot.app.screen
        assert isinstance(form, LaunchScreen)
        form.query_one("#begin-from", Input).value = "swfit"
        await until(pilot, lambda: "did you mean 'swift'?" in text_of(pilot))

    drive(scenario, (160, 40))


@pytest.mark.usefixtures("own_model")
def test_a_run_is_added_and_a_model_removed(tmp_path, monkeypatch):
    run = make_run(tmp_path / "runs", "calm-muon")
    run.best.parent.mkdir(exist_ok=True)
    run.best.write_bytes(b"weights")
    jobs = JobFolder(tmp_path / "runs")
    monkeypatch.setattr(JobFolder, "_start_worker", lambda _self, _job: None)

    async def scenario(pilot):
        await pilot.press("7")
        await until(pilot, lambda: "yours: 1" in text_of(pilot))
        await pilot.press("a")
        await until(
            pilot, lambda: isinstance(pilot.app.screen, AskPath) and pilot.app.screen.query(OptionList)
        )
        assert "calm-muon  run" in text_of(pilot)
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskScreen) and pilot.app.screen.query(Input))
        await pilot.press("enter")
        await until(pilot, jobs.all)
        assert jobs.all()[0].arguments == (
            "models",
            "add",
            str(Path("runs/calm-muon")),
            "--name",
            "calm-muon",
        )
        await pilot.press("D")
        assert not isinstance(pilot.app.screen, ConfirmScreen), "a model that comes with icereco stays"
        await pilot.press("down", "down", "D")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        assert "tuned" in text_of(pilot)
        await pilot.press("y")
        await until(pilot, lambda: "yours: 0" in text_of(pilot))
        assert Library.of_user().names() == ["steady", "swift"]

    drive(scenario)


def test_a_damaged_card_is_reported_under_the_others(own_model):
    (Library.of_user().own / own_model / "card.toml").write_text("name = 3\n")

    async def scenario(pilot):
        await pilot.press("7")
        await until(pilot, lambda: "this card of a model cannot be used" in text_of(pilot))
        assert "built in: 2 · yours: 0" in text_of(pilot)

    drive(scenario)
