"""Every key and every command of the palette does something, on every screen and after a change of the terminal's size."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widget import Widget
from tui_driver import drive, make_run, text_of, until

from icereco.runs.jobs import JobFolder
from icereco.testing.random_events import random_events
from icereco.tui.command_palette import KeyCommands, owner_of
from icereco.tui.common.key_bar import KeyBar
from icereco.tui.keys import APP_KEYS, Key
from icereco.tui.modes import MODES
from icereco.tui.runs.table_screen import RunTableScreen

SIZES = ((80, 24), (120, 40), (80, 24))

READY = {
    "train": "best 12.50°",
    "events": "pulses",
    "profiles": "extends",
    "components": "flex-attention",
    "data": "icecube86",
    "jobs": "waiting",
    "models": "built in",
}
"""What a screen shows as soon as its keys can be pressed."""

OFTEN = {"train", "events"}
"""Screens that are gone through whenever tests run: they have the most keys."""

BEFORE = {
    "runs.run-above": ["down"],
    "runs.run-below": ["pageup"],
    "runs.ten-runs-up": ["pagedown"],
    "runs.ten-runs-down": ["pageup"],
    "charts.zoom-out": ["plus"],
    "charts.whole-range-no-cursor": ["left"],
    "charts.cursor-right": ["left", "left", "left"],
    "detector.whole-detector": ["plus"],
    "detector.near-the-hits-near-the-module": ["0"],
    "detector.from-the-side-x": ["0"],
    "detector.from-the-side-y": ["0"],
    "detector.from-above": ["0"],
    "detector.tilt-up": ["0"],
    "detector.tilt-down": ["0"],
    "time.earlier": ["enter"],
    "time.later": ["left", "left", "left"],
    "time.whole-event": ["left"],
    "events.as-in-the-file": ["b"],
    "detector.next-hit": ["0"],
    "detector.previous-hit": ["0"],
    "detector.forget-the-modules-kept": ["j", "M", "j", "M"],
    "looks.lines-or-hits-on-top": ["0", "b", "n", "p"],  # the whole of the brightest event
    "events.next": ["p"],
    "events.previous": ["n"],
    "tables.row-up": ["down"],
    "tables.row-down": ["home"],
    "tables.page-up": ["end"],
    "tables.page-down": ["home"],
    "tables.first-row": ["end"],
    "tables.last-row": ["home"],
    "filter.all-events": ["0"],
    "models.remove-yours": ["down", "down"],
    "profiles.save": ["end"],
    "profiles.back-to-the-list": ["enter"],
}
"""Keys that are pressed before one that does nothing at the end of a list, or where there is nothing to undo."""

AFTER = {
    "detector.spin": ["r"],
    "time.play": ["space"],
    "methods.expected-light": ["X"],
    "methods.scan-the-likelihood-or-stop": ["R"],
    "events.filter": ["escape"],
    "log.larger-log": ["l"],
}
"""Keys that end what a key has begun."""

MOVING = {"detector.spin", "time.play"}
"""Keys after which the picture does not come to rest."""

WITHOUT_CHANGE = {
    "tables.scroll-left": "the tables are not wider than their space",
    "tables.scroll-right": "the tables are not wider than their space",
    "tables.choose": "the event in the row under the cursor is shown already",
}
"""Keys that are not expected to change anything here, each with the reason; the footer offers none of them."""


class Watched:
    """A screen of the app whose keys are pressed one after the other."""

    def __init__(self, pilot: Pilot[None], mode: str) -> None:
        self.pilot, self.app, self.mode = pilot, pilot.app, mode
        self.screen = self.app.screen
        self.ended: list[bool] = []
        self.effective: set[str] = set()
        self.dead: list[str] = []
        self.app.exit = lambda *_args, **_more: self.ended.append(True)

    def seen(self) -> tuple[object, ...]:
        """Everything that a user can see or hear of the app."""
        picture = [list(strip) for strip in self.app.screen._compositor.render_strips()]
        notes = [note.message for note in self.app._notifications]
        return self.app.screen, self.app.theme, len(self.ended), notes, picture

    async def settle(self) -> tuple[object, ...]:
        """Wait until nothing changes any more."""
        before = None
        for _ in range(200):
            await self.pilot.pause()
            if (now := self.seen()) == before:
                return now
            before = now
        raise AssertionError(f"{self.mode} does not come to rest")

    async def changes(self, before: tuple[object, ...], seconds: float = 2.0) -> bool:
        for _ in range(int(seconds / 0.02)):
            await asyncio.sleep(0.02)
            assert self.app._exception is None
            if self.seen() != before:
                return True
        return False

    async def ignores(self, name: str) -> bool:
        """Whether a key changes nothing; in one of a few tries, as the app may have been about to change by itself."""
        for _ in range(5):
            before = await self.settle()
            await self.pilot.press(name)
            if not await self.changes(before, 0.1):
                return True
        return False

    async def tried(self, key: Key, how: str, act: Callable[[], Awaitable[object]]) -> None:
        """Prepare for a key, act, note whether that has changed anything, and return to the screen."""
        await self.pilot.press(*BEFORE.get(key.identity, []))
        if (owner := owner_of(key, self.screen)) is None:
            return  # it is neither offered nor in the palette now
        if isinstance(owner, Widget) and owner.can_focus and not owner.has_focus and owner is not self.screen:
            owner.focus()
            await self.pilot.press(*BEFORE.get(key.identity, []))
        before = await self.settle()
        while self.app.screen is not self.screen:  # a key before has opened something after its first change
            await self.restore()
            before = await self.settle()
        await act()
        if await self.changes(before, 0.05 if key.identity in WITHOUT_CHANGE else 2.0):
            self.effective.add(key.identity)
        elif key.identity not in WITHOUT_CHANGE:
            self.dead.append(f"{self.mode} at {self.app.size.width} columns: {how} ({key.description})")
            assert len(self.dead) < 5, self.dead
        if key.identity in AFTER:
            if key.identity not in MOVING:
                await self.settle()  # what the key has begun may not have the focus yet
            await self.pilot.press(*AFTER[key.identity])
        await self.restore()

    async def restore(self) -> None:
        while isinstance(self.app.screen, ModalScreen | RunTableScreen):
            await self.settle()  # the window may still be made
            self.app.screen.dismiss()
            await self.pilot.pause()
        if self.app.screen is not self.screen:
            self.app.action_mode(self.mode)
            await self.pilot.pause()
        if self.app.theme != "icereco-dark":
            self.app.theme = "icereco-dark"
        if self.screen.has_class("-flip-list"):
            await self.pilot.press("l")
        if len(self.app._notifications):
            self.app.clear_notifications()

    @property
    def known(self) -> list[Key]:
        """The keys of the screen and of the app, but for the one that leads here."""
        return [key for key in (*self.screen.KEYS, *APP_KEYS) if key.action != f"mode('{self.mode}')"]

    async def press_all(self, only: Collection[str] | None = None) -> None:
        for key in self.known:
            if only is not None and key.identity not in only:
                continue
            for name in key.keys.split(","):
                await self.tried(key, f"key {name}", partial(self.pilot.press, name))

    async def run_all_commands(self) -> None:
        """Those that lead to other screens are the app's own, and need be run from one screen only."""
        for key in self.known:
            if key.group == "Screens" and self.mode != "train":
                continue
            title = f"{key.group}: {key.description}"
            await self.tried(key, f"command {title}", partial(self.run_command, title))

    async def run_command(self, title: str) -> None:
        commands = [hit async for hit in KeyCommands(self.screen).discover()]
        (command,) = [hit.command for hit in commands if str(hit.display) == title]
        await command()

    def offered(self) -> set[str]:
        bar = self.app.screen.query_one(KeyBar)
        return {entry.binding.id for entry in bar._active()}


@pytest.fixture
def prompt(monkeypatch) -> None:
    """A key is pressed once the messages of the one before are dealt with; `Watched` waits for what it does later."""

    async def go_on(*_seconds: float) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr("textual.app.wait_for_idle", go_on)


@pytest.fixture
def content(tmp_path, monkeypatch) -> None:
    """Runs, events and jobs, so that every key has something to do."""
    monkeypatch.setattr(JobFolder, "_start_worker", lambda _self, _job: None)
    for name in ("a-run", "b-run", "c-run"):
        make_run(tmp_path / "runs", name)
    for name in ("d-run", "e-run"):
        JobFolder(tmp_path / "runs").submit(["train"], name, tmp_path, queued=True)
    (tmp_path / "mine.toml").write_text('schema = 1\nextends = "quick"\n')
    events = random_events(np.array([60, 400, 150, 40, 90]), seed=2)
    pq.write_table(events, tmp_path / "events.parquet")
    angles = {"fit_azimuth": np.linspace(0, 6, len(events)), "fit_zenith": np.linspace(0, 3, len(events))}
    pq.write_table(pa.table({"event_id": events["event_id"], **angles}), tmp_path / "fits.parquet")


@pytest.mark.parametrize(
    "mode", [mode if mode in OFTEN else pytest.param(mode, marks=pytest.mark.slow) for mode in MODES]
)
@pytest.mark.usefixtures("content", "own_model", "prompt")
def test_every_key_and_command_does_something_at_every_size(mode):
    async def scenario(pilot):
        pilot.app.action_mode(mode)
        await until(pilot, lambda: READY[mode] in text_of(pilot), 60.0)
        watched = Watched(pilot, mode)
        offered: set[str] = set()
        for number, size in enumerate(SIZES):
            await pilot.resize_terminal(*size)
            assert await watched.ignores("f12"), "a key without a meaning changes something"
            offered |= watched.offered()
            if size == SIZES[1]:
                await watched.run_all_commands()
            else:  # after the change of size every key, before it those of the footer
                await watched.press_all(watched.offered() if number == 0 else None)
        assert not watched.dead, watched.dead
        assert not offered & WITHOUT_CHANGE.keys()
        assert offered <= watched.effective
        declared = {key.identity for key in watched.known}
        assert declared <= watched.effective | WITHOUT_CHANGE.keys()

    opened = {"events": "events.parquet", "beside": (Path("fits.parquet"),)} if mode == "events" else {}
    drive(scenario, SIZES[0], **opened)
