"""What the main screens look like at three sizes, as text."""

import os
from pathlib import Path

from tui_driver import SIZES, answer, drive, make_run, text_of, until, with_runs

from icereco.data.catalog import DataSet, add

SNAPSHOTS = Path(__file__).parent.parent / "snapshots"
UPDATE = "ICERECO_UPDATE_SNAPSHOTS"


def compare(pilot, name: str, size: tuple[int, int]) -> None:
    """Set ICERECO_UPDATE_SNAPSHOTS=1 to take what it looks like now, and look at the difference."""
    path = SNAPSHOTS / f"{name}_{size[0]}x{size[1]}.txt"
    if os.environ.get(UPDATE):
        path.write_text(text_of(pilot) + "\n")
    assert text_of(pilot) + "\n" == path.read_text()


def test_the_training_screen_looks_as_it_did(tmp_path):
    make_run(tmp_path / "runs", "pale-kaon", "stopped", steps=120)
    make_run(tmp_path / "runs", "calm-muon")

    async def scenario(pilot):
        screen = await with_runs(pilot, 2)
        await pilot.press("b", "down")
        await until(
            pilot, lambda: len(screen.overlay.panels()) > 3 and screen.overlay.runs[-1].series.rows > 20
        )
        await until(pilot, lambda: "step 120" in text_of(pilot).split("progress")[1])
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await pilot.pause(0.3)
            compare(pilot, "train", size)

    drive(scenario)


def test_the_first_start_looks_as_it_did():
    async def scenario(pilot):
        await until(pilot, lambda: "No runs yet" in text_of(pilot) and "50G free" in text_of(pilot))
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await pilot.pause(0.3)
            compare(pilot, "first", size)

    drive(scenario)


def test_the_other_screens_look_as_they_did(tmp_path, monkeypatch):
    monkeypatch.setattr("icereco.tui.runs.launch_screen.two_words", lambda: "calm-muon")
    add(DataSet(name="tracks", path=Path("/data/tracks"), detector="icecube86"))
    run = make_run(tmp_path / "runs", "calm-muon")
    (run.path / "profile.toml").unlink()  # no profiles but the installed ones

    async def scenario(pilot):
        for mode, words in (
            ("profiles", "extends"),
            ("components", "flex-attention"),
            ("data", "tracks"),
            ("jobs", "jobs"),
        ):
            pilot.app.action_mode(mode)
            await until(pilot, lambda words=words: words in text_of(pilot))
            if mode == "components":  # a few of them: those of a third party, too, are listed
                await answer(pilot, "slash", "encoder")
            for size in SIZES:
                await pilot.resize_terminal(*size)
                await pilot.pause(0.3)
                compare(pilot, mode, size)
        pilot.app.action_mode("train")
        await pilot.press("n")
        await until(pilot, lambda: pilot.app.screen.query("#field-train-epochs"))
        for size in SIZES:
            await pilot.resize_terminal(*size)
            await pilot.pause(0.3)
            compare(pilot, "form", size)

    drive(scenario)
