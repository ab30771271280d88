"""Artificial runs, and functions that drive the app with them."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from icereco.runs.folder import RunFolder
from icereco.tui.app import IcerecoApp
from icereco.tui.common.ask import AskScreen
from icereco.tui.runs.chart import Chart
from icereco.tui.runs.run_list import RunList
from icereco.tui.runs.train_screen import TrainScreen
from icereco.tui.settings import Settings

SIZES = ((80, 24), (120, 40), (200, 60))

Scenario = Callable[[Pilot[None]], Awaitable[None]]


def make_run(root: Path, name: str, phase: str = "finished", steps: int = 200, **status) -> RunFolder:
    """A run of two hours ago with the same figures every time."""
    run = RunFolder.create(root, name)
    run.write_status(phase, step=steps, epoch=1.0, epochs=2, best_median_deg=12.5)
    path = run.path / "status.json"
    begun = time.time() - 10_000
    if phase in ("finished", "stopped", "failed"):
        status = {"heartbeat": begun + 2_800.0} | status
    path.write_text(json.dumps(json.loads(path.read_text()) | {"begun": begun} | status))
    run.write_profile(f'[aggregator]\nuse = "flex-attention"\n[train]\nepochs = {len(name)}\n')
    for step in range(10, steps + 1, 10):
        row = {
            "step": step,
            "epoch": step / 100,
            "events": step * 32,
            "seconds": step * 0.5,
            "time": 1e9 + step,
        }
        run.append_metrics(
            row | {"train/loss": 3.0 / step**0.2, "train/learning_rate": 1e-3 * (1 - step / 300)}
        )
        if step % 50 == 0:
            overall = {"loss": 3.1 / step**0.2, "median_deg": 60 - step / 10, "mean_deg": 80 - step / 10}
            slices = {f"median_deg/{name}": 70 - step / 10 for name in ("<200", "200-999", "cascade")}
            run.append_metrics(
                row | {f"validation/{key}": value for key, value in (overall | slices).items()}
            )
    run.log.write_text("2026-01-02 03:04:05,678 INFO    icereco.training.session begun\n")
    return run


def drive(scenario: Scenario, size: tuple[int, int] = (120, 40), **settings) -> None:
    """Run a scenario in the app, without a terminal."""

    async def run() -> None:
        app = IcerecoApp(Settings(**({"runs": Path("runs")} | settings)))
        async with app.run_test(size=size, notifications=True) as pilot:
            await until(pilot, lambda: isinstance(app.screen, TrainScreen) or app.screen.id != "_default")
            await scenario(pilot)

    asyncio.run(run())


async def until(pilot: Pilot[None], true: Callable[[], object], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        await pilot.pause(0.02)


async def with_runs(pilot: Pilot[None], count: int) -> TrainScreen:
    """Wait until the training screen shows so many runs and their curves."""
    screen = pilot.app.screen
    assert isinstance(screen, TrainScreen)
    await until(pilot, lambda: len(screen.query_one(RunList).runs) == count)
    await until(pilot, lambda: len(list(screen.query(Chart))) > 0)
    return screen


async def answer(pilot: Pilot[None], key: str, text: str) -> None:
    """Press a key, and answer its question."""
    await pilot.press(key)
    await until(pilot, lambda: isinstance(pilot.app.screen, AskScreen) and pilot.app.screen.query(Input))
    await pilot.press(*text, "enter")


def text_of(pilot: Pilot[None]) -> str:
    """What the screen shows, without colours."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


def notified(pilot: Pilot[None]) -> str:
    return "\n".join(f"{note.title}: {note.message}" for note in pilot.app._notifications)
