"""Drives the event screen alone."""

import asyncio
from collections.abc import Awaitable, Callable

from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Static

from icereco.tui.events.screen import EventScreen

SIZES = [(80, 24), (120, 40), (200, 60)]


class Alone(App[None]):
    """The event screen without the rest of the app."""

    def __init__(self, screen: EventScreen) -> None:
        super().__init__()
        self.events = screen

    def on_mount(self) -> None:
        self.push_screen(self.events)


Act = Callable[[Pilot, EventScreen], Awaitable[None]]


def play(screen: EventScreen, act: Act, size: tuple[int, int] = (120, 40)) -> None:
    """Run the screen, wait until its data are read, and act."""

    async def run() -> None:
        async with Alone(screen).run_test(size=size) as pilot:
            await until(pilot, lambda: screen.is_mounted and not screen.session.reading)
            await pilot.pause()
            await act(pilot, screen)

    asyncio.run(run())


async def until(pilot: Pilot, condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError("the condition did not become true in time")


def shown_id(screen: EventScreen) -> int | None:
    shown = screen.body.state.shown
    return None if shown is None else shown.event_id


def problem(screen: EventScreen) -> str:
    return str(screen.query_one("#problem", Static).content)
