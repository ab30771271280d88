"""The main screens as text at three sizes, compared with snapshots."""

import os
import time
from pathlib import Path

import pytest
from tui_driver import SIZES, answer, drive, make_run, text_of, until, with_runs

from icereco.data.catalog import DataSet, add

SNAPSHOTS = Path(__file__).parent.parent / "snapshots"
UPDATE = "ICERECO_UPDATE_SNAPSHOTS"


async def compare(pilot, name: str, size: tuple[int, int]) -> None:
    """Compare the screen at a size with its snapshot; ICERECO_UPDATE_SNAPSHOTS=1 rewrites the snapshot."""
    path = SNAPSHOTS / f"{name}_{size[0]}x{size[1]}.txt"
    await pilot.resize_terminal(*size)
    if os.environ.get(UPDATE):
        await pilot.pause(1.0)
        path.write_text(text_of(pilot) + "\n")
    wanted, deadline = path.read_text(), time.monotonic() + 5.0
    while text_of(pilot) + "\n" != wanted and time.monotonic() < deadline:  # a busy machine draws late
        await pilot.pause(0.05)
    assert text_of(pilot) + "\n" == wanted


def test_the_training_screen_matches_its_snapshots(tmp_path):
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
            await compare(pilot, "train", size)

    drive(scenario)


def test_the_first_start_matches_its_snapshots():
    async def scenario(pilot):
        await until(pilot, lambda: "No runs yet" in text_of(pilot) and "50G free" in text_of(pilot))
        for size in SIZES:
            await compare(pilot, "first", size)

    drive(scenario)


@pytest.mark.usefixtures("models")
def test_the_other_screens_match_their_snapshots(tmp_path, monkeypatch):
    monkeypatch.setattr("icereco.tui.runs.launch_screen.two_words", lambda: "calm-muon")
    add(DataSet(name="tracks", path=Path("/data/tracks"), detector="icecube86"))
    run = make_run(tmp_path / "runs", "calm-muon")
    (run.path / "profile.toml").unlink()  # so that only installed profiles are listed

    async def scenario(pilot):
        for mode, words in (
            ("profiles", "extends"),
            ("components", "flex-attention"),
            ("data", "tracks"),
            ("jobs", "jobs"),
            ("models", "sha256"),
        ):
            pilot.app.action_mode(mode)
            await until(pilot, lambda words=words: words in text_of(pilot))
            if (
                mode == "components"
            ):  # only some of them, as those of installed third-party plugins are listed too
                await answer(pilot, "slash", "encoder")
            for size in SIZES:
                await compare(pilot, mode, size)
        pilot.app.action_mode("train")
        await pilot.press("n")
        await until(pilot, lambda: pilot.app.screen.query("#field-train-epochs"))
        for size in SIZES:
            await compare(pilot, "form", size)

    drive(scenario)
