"""The event screen: time of a picture, headless and in a pseudo-terminal.

Run: python benchmarks/bench_tui_events.py [--seconds 8]

Headless: CPU time to turn the detector by one step, for 5,160 DOMs and an event of 500 hits, and for one of 36,000
pulses: of the drawing alone (from the camera to bytes), and of the screen in Textual's hands. The floor is the same
screen with drawings that were made before, which is Textual's own share. In a pseudo-terminal: the whole screen,
spinning at 20 pictures/s.
"""

import argparse
import asyncio
import fcntl
import os
import pty
import select
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Awaitable
from itertools import cycle
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table
from textual.app import App

from icereco.detector.detector import load_detector
from icereco.draw.canvas.braille import Canvas
from icereco.draw.canvas.camera import Camera
from icereco.draw.canvas.colormap import COLORMAPS
from icereco.draw.canvas.hits import hits_of
from icereco.draw.canvas.lines import Line
from icereco.draw.canvas.palette import palette_on
from icereco.draw.canvas.scene import Look, Scene, draw_scene, frame_of
from icereco.draw.event.state import EventState, Shown, Style
from icereco.tables.assembly import event_batch
from icereco.testing.random_events import random_events
from icereco.tui.app import IcerecoApp
from icereco.tui.common.strips import strips_of
from icereco.tui.events.event_view import EventView
from icereco.tui.events.screen import EventScreen
from icereco.tui.settings import Settings
from icereco.tui.ssh import sparing_driver

SIZES = ((120, 40), (200, 60))
PULSES = {"500 hits": 1_000, "36,000 pulses": 36_000}
BACKGROUND = 0x0B0E14
TICKS = os.sysconf("SC_CLK_TCK")

console = Console(width=110, highlight=False)


class Spinning(App[None]):
    """The event screen alone; counts its pictures of the detector."""

    def __init__(self, path: Path, report: Path, seconds: float) -> None:
        super().__init__(driver_class=sparing_driver())
        self.path, self.report, self.seconds = path, report, seconds
        self.began = time.monotonic()
        self.painted: float | None = None
        self.drawn = 0

    def on_mount(self) -> None:
        """Open the events, and soon turn."""
        counted = EventView.draw

        def draw(view: EventView, *size: int) -> list:
            self.drawn += 1
            if self.painted is None and view.state is not None and view.state.shown is not None:
                self.painted = time.monotonic()
            return counted(view, *size)

        EventView.draw = draw
        self.push_screen(EventScreen(self.path))
        self.set_timer(2.0, self.turn)

    def turn(self) -> None:
        """Measure from now on."""
        self.screen.body.action_spin()
        self.start = time.monotonic(), time.process_time(), self.drawn
        self.set_timer(self.seconds, self.finish)

    def finish(self) -> None:
        """Print what was measured, and exit."""
        wall, cpu = time.monotonic() - self.start[0], time.process_time() - self.start[1]
        first = self.painted - self.began if self.painted else float("nan")
        self.report.write_text(f"{wall} {cpu} {self.drawn - self.start[2]} {first}")
        self.exit()


def in_terminal(path: Path, columns: int, rows: int, seconds: float, ssh: bool) -> tuple[float, ...]:
    """Pictures/s, CPU share, kB a picture, and seconds to the first event, of a child in a pseudo-terminal."""
    report = Path(tempfile.mkdtemp()) / "report"
    child, terminal = pty.fork()
    if child == 0:
        os.environ |= {"COLORTERM": "truecolor", "TERM": "xterm-256color"}
        os.environ.pop("SSH_CONNECTION", None)
        if ssh:
            os.environ["SSH_CONNECTION"] = "measured"
        os.execv(sys.executable, [sys.executable, __file__, "--child", str(path), str(report), str(seconds)])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    sent = []
    while True:
        ready, _, _ = select.select([terminal], [], [], 1.0)
        try:
            if ready:
                sent.append((time.monotonic(), len(os.read(terminal, 1 << 16))))
        except OSError:
            break
    os.waitpid(child, 0)
    wall, cpu, drawn, first = map(float, report.read_text().split())
    end = sent[-1][0]
    bytes_sent = sum(count for at, count in sent if at > end - wall)
    return drawn / wall, cpu / wall, bytes_sent / max(drawn, 1) / 1e3, first


def scene_of(pulses: int) -> tuple[EventState, Look, Scene]:
    """A random event with two lines and everything else that the screen draws."""
    detector = load_detector("icecube86")
    hits = hits_of(event_batch(random_events(np.array([pulses]), seed=1), detector)[0])
    state = EventState(frame_of(detector), Camera.around(detector.position_m), style=Style())
    state = state.showing(Shown(0, 1, hits), ())
    lines = [
        Line(name, np.array([0.6, 0.0, 0.8]), hits.center_m, color, cone=0.1)
        for name, color in (("a", 1), ("b", 2))
    ]
    scene = Scene(state.frame, hits, hits.until(None), lines, (0,))
    return state, Look(COLORMAPS["ember"], hits.colors_ns), scene


def draw(columns: int, rows: int, state: EventState, look: Look, scene: Scene) -> None:
    """One picture, to the bytes."""
    canvas = Canvas(columns, rows)
    draw_scene(canvas, scene, state.camera, look, palette_on(BACKGROUND))
    for strip in strips_of(canvas, BACKGROUND):
        strip.render(RENDERER)


RENDERER = Console(color_system="truecolor", force_terminal=True)


def cpu_ms(columns: int, rows: int, scene: tuple[EventState, Look, Scene], repeats: int = 20) -> float:
    """Least CPU time of a picture."""
    state, look, what = scene
    best = float("inf")
    for number in range(repeats):
        turned = EventState(state.frame, state.camera.turned(0.05 * number, 0), style=state.style)
        start = time.process_time()
        draw(columns, rows, turned, look, what)
        best = min(best, time.process_time() - start)
    return best * 1e3


async def screen_ms(path: Path, columns: int, rows: int, *, ready: bool = False, pictures: int = 40) -> float:
    """CPU time of a picture of the whole screen without a terminal; `ready` repeats two drawings made before."""
    app = App()
    async with app.run_test(size=(columns, rows)) as pilot:
        screen = EventScreen(path)
        await app.push_screen(screen)
        while screen.session.reading or screen.body.state.shown is None:
            await pilot.pause(0.02)
        await pilot.pause(0.3)
        view = screen.query_one(EventView)
        if ready:
            made = cycle([view.draw(*view.content_size, view.background) for _ in range(2)])
            view.draw = lambda *_: next(made)
        start = time.process_time()
        for _ in range(pictures):
            view.action_turn_right()
            await asyncio.sleep(0.03)
        return (time.process_time() - start) / pictures * 1e3


async def beat(lags: list[float]) -> None:
    """How late a timer of 10 ms comes, again and again."""
    while True:
        began = time.monotonic()
        await asyncio.sleep(0.01)
        lags.append((time.monotonic() - began - 0.01) * 1e3)


async def lags_ms(path: Path, columns: int, rows: int) -> dict[str, list[float]]:
    """The lags of the whole app while it reads, turns, plays, and while keys are pressed."""
    app = IcerecoApp(Settings(path.parent / "runs", events=str(path)))
    lags: dict[str, list[float]] = {}
    async with app.run_test(size=(columns, rows)) as pilot:

        async def during(what: str, work: Awaitable[None]) -> None:
            task = asyncio.create_task(beat(lags.setdefault(what, [])))
            await work
            task.cancel()

        async def read() -> None:
            while not isinstance(app.screen, EventScreen) or app.screen.session.reading:
                await asyncio.sleep(0.02)

        async def press(*keys: str) -> None:
            for key in keys:
                await pilot.press(key)
                await asyncio.sleep(0.03)

        await during("reading", read())
        app.screen.body.action_spin()
        app.screen.body.action_play()
        await during("turning, playing", asyncio.sleep(4))
        await press("r")
        await during("events, modules", press(*["n"] * 30, *["j"] * 30))
        await during("filter, order", press("slash", *"pulses>50", "enter", "b", "i"))
    return lags


def print_lags(folder: Path) -> None:
    """Print the lags with a file of 100,000 events, and with one bright event."""
    many = folder / "many.parquet"
    few = random_events(np.random.default_rng(1).integers(20, 120, 100_000), seed=1)
    pq.write_table(few, many, row_group_size=5_000)
    table = Table(title="lag of the app's loop, ms: median / p99 / most", show_edge=False)
    for heading in ("file", "size", "while", "lag"):
        table.add_column(heading, justify="right")
    for name, path in (("36,000 pulses", folder / "36000.parquet"), ("100,000 events", many)):
        for columns, rows in SIZES:
            for what, lags in asyncio.run(lags_ms(path, columns, rows)).items():
                if len(lags) < 50:  # read before there was anything to count
                    continue
                middle, late, most = np.percentile(lags, (50, 99, 100))
                table.add_row(name, f"{columns}x{rows}", what, f"{middle:.1f} / {late:.0f} / {most:.0f}")
    console.print(table)


def main(seconds: float) -> None:
    """Measure and print."""
    table = Table(title="CPU time of a picture, ms", show_edge=False)
    for heading in ("event", "size", "drawing", "screen", "floor", "screen / floor"):
        table.add_column(heading, justify="right")
    folder = Path(tempfile.mkdtemp())
    for name, pulses in PULSES.items():
        path = folder / f"{pulses}.parquet"
        pq.write_table(random_events(np.array([pulses]), seed=1), path)
        for columns, rows in SIZES:
            view = columns - 50, rows - 20
            scene = scene_of(pulses)
            drawing = cpu_ms(*view, scene)
            whole, floor = (
                asyncio.run(screen_ms(path, columns, rows, ready=ready)) for ready in (False, True)
            )
            figures = (f"{figure:.1f}" for figure in (drawing, whole, floor, whole / floor))
            table.add_row(name, f"{columns}x{rows}", *figures)
    console.print(table)
    live = Table(title="spinning at 20 pictures/s in a pseudo-terminal", show_edge=False)
    for heading in ("event", "size", "line", "pictures/s", "of one core", "kB a picture", "first event, s"):
        live.add_column(heading, justify="right")
    for name, pulses in PULSES.items():
        for columns, rows in SIZES:
            for ssh in (False, True):
                rate, share, size, first = in_terminal(
                    folder / f"{pulses}.parquet", columns, rows, seconds, ssh
                )
                live.add_row(
                    name,
                    f"{columns}x{rows}",
                    "ssh" if ssh else "local",
                    f"{rate:.1f}",
                    f"{share:.0%}",
                    f"{size:.0f}",
                    f"{first:.2f}",
                )
    console.print(live)
    print_lags(folder)


if __name__ == "__main__":
    if "--child" in sys.argv:
        path, report, seconds = sys.argv[2:5]
        Spinning(Path(path), Path(report), float(seconds)).run()
    else:
        parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
        parser.add_argument("--seconds", type=float, default=8.0)
        main(parser.parse_args().seconds)
