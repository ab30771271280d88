"""All that is known of one run, and notes on it."""

import json

from textual.widgets import Input
from tui_driver import answer, drive, make_run, text_of, until, with_runs

from icereco.runs.notes import read_notes
from icereco.tui.common.ask import AskScreen
from icereco.tui.runs.about_screen import AboutRunScreen

PROVENANCE = {
    "icereco": "0.2.0",
    "python": "3.11.7",
    "libraries": {"torch": "2.13.0"},
    "machine": {"host": "summit", "processor": "x86_64", "cpus": 2},
    "device": "cuda:1",
    "command": "/somewhere/icereco/__main__.py train --profile quick",
    "data": "/data/tracks.parquet",
    "train_events": 48_000,
    "start": {"from": "fast"},
}


async def about(pilot) -> AboutRunScreen:
    await with_runs(pilot, 1)
    await until(pilot, lambda: pilot.app.overviews.whole)
    await pilot.press("i")
    await until(
        pilot, lambda: isinstance(pilot.app.screen, AboutRunScreen) and pilot.app.screen.query("#settings")
    )
    return pilot.app.screen


def test_a_run_is_shown_with_its_figures_provenance_and_settings(tmp_path):
    run = make_run(tmp_path / "runs", "calm-muon")
    (run.path / "provenance.json").write_text(json.dumps(PROVENANCE))
    (run.path / "report.html").write_text("")

    async def scenario(pilot):
        await about(pilot)
        await until(pilot, lambda: "(of 4 validations)" in text_of(pilot))
        for words in ("median 40.00°", "/data/tracks.parquet", "48,000 train", "cuda:1 on summit", "torch 2.13.0",
                      "icereco train --profile quick", "goes on from", "report.html", 'use = "flex-attention"'):  # fmt: skip
            assert words in text_of(pilot), words

    drive(scenario, (180, 50))


def test_notes_are_written_kept_and_their_tags_shown(tmp_path):
    run = make_run(tmp_path / "runs", "calm-muon")

    async def scenario(pilot):
        screen = await about(pilot)
        await answer(pilot, "e", "diverges #bad")
        await until(pilot, lambda: read_notes(run) == "diverges #bad")
        await until(pilot, lambda: pilot.app.screen is screen and "tags" in text_of(pilot))
        await pilot.press("e")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskScreen) and pilot.app.screen.query(Input))
        assert pilot.app.screen.query_one(Input).value == "diverges #bad"

    drive(scenario)


def test_of_a_damaged_run_is_shown_what_can_be_read(tmp_path):
    run = make_run(tmp_path / "runs", "calm-muon")
    run.profile.unlink()
    (run.path / "provenance.json").write_text("{")
    (run.path / "notes.txt").write_bytes(b"\xff")

    async def scenario(pilot):
        await about(pilot)
        await until(pilot, lambda: "cannot be read" in text_of(pilot))
        assert "(of 4 validations)" in text_of(pilot)

    drive(scenario)


def test_with_read_only_notes_are_not_written(tmp_path):
    run = make_run(tmp_path / "runs", "calm-muon")

    async def scenario(pilot):
        screen = await about(pilot)
        await pilot.press("e")
        await pilot.pause(0.1)
        assert pilot.app.screen is screen
        assert not (run.path / "notes.txt").exists()

    drive(scenario, read_only=True)
