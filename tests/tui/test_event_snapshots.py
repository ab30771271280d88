"""The event screen as text at three sizes, compared with snapshots; ICERECO_UPDATE_SNAPSHOTS=1 rewrites these."""

import asyncio
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from textual.app import App

from icereco.testing.random_events import random_events
from icereco.tui.events.screen import EventScreen

FOLDER = Path(__file__).parent / "snapshots"
SAME = 0.99  # of the characters: the last digit of a sine may light another dot on another machine


async def text_of(path: Path, detector, size: tuple[int, int]) -> list[str]:
    app = App()
    async with app.run_test(size=size) as pilot:
        screen = EventScreen(path, detector=detector, runs=path.parent / "runs")
        await app.push_screen(screen)
        while screen.session.reading or screen.body.state.shown is None:
            await pilot.pause(0.01)
        await pilot.press("b", "j")
        await pilot.pause(0.1)
        return [strip.text.rstrip() for strip in screen._compositor.render_strips()]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids="{0[0]}x{0[1]}".format)
def test_the_event_screen_matches_its_snapshot(tmp_path, monkeypatch, detector, size):
    monkeypatch.chdir(tmp_path)
    pq.write_table(random_events(np.array([60, 400, 150]), seed=2), tmp_path / "events.parquet")
    lines = asyncio.run(text_of(tmp_path / "events.parquet", detector, size))
    file = FOLDER / f"events-{size[0]}x{size[1]}.txt"
    if os.environ.get("ICERECO_UPDATE_SNAPSHOTS"):
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    before = file.read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(before) == size[1]
    pairs = [
        pair
        for now, then in zip(lines, before, strict=True)
        for pair in zip(now.ljust(size[0]), then.ljust(size[0]), strict=True)
    ]
    assert np.mean([now == then for now, then in pairs]) >= SAME, "\n".join(lines)
