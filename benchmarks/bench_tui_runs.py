"""The terminal app over runs: first paint, a metrics file of a million lines that grows, 200 runs; without and with a pty.

Run: python benchmarks/bench_tui_runs.py [LINES]
Baselines: `polars.read_ndjson` alone over the same file is the ceiling; Python's own JSON, line by line, is the plain way.
The lag is how late a timer of 10 ms comes in the app's own loop: what one feels under the keys.
"""

import asyncio
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from pathlib import Path

import numpy as np
import psutil
from rich.console import Console
from textual.pilot import Pilot

from icereco.runs.folder import RunFolder
from icereco.tui.app import IcerecoApp
from icereco.tui.settings import Settings
from icereco.watch.overview import OverviewFeed

LINES = 1_000_000
LINES_PER_SECOND = 100
FOLLOW_SECONDS = 15.0
SIZE = (120, 40)

console = Console()


def line(step: int) -> str:
    """One line as a training writes it; each 5,000th is a validation."""
    row: dict[str, float] = {
        "step": step, "epoch": step / 1e5, "events": step * 32, "seconds": step * 0.5, "time": 1.7e9 + step,
    }  # fmt: skip
    if step % 5_000 == 4_999:
        row |= {
            "validation/loss": 1.0 + 1e-7 * step,
            "validation/median_deg": 20.0,
            "validation/mean_deg": 30.0,
        }
    else:
        row |= {"train/loss": 2.5 + 0.5 * np.sin(step), "train/learning_rate": 1e-4}
    return json.dumps(row) + "\n"


def make_long_run(root: Path, lines: int) -> RunFolder:
    """A run with a very long file of metrics."""
    run = RunFolder.create(root, "long")
    run.write_status("finished", step=lines)
    with run.metrics.open("w") as file:
        file.writelines(line(step) for step in range(lines))
    return run


def make_many_runs(root: Path, count: int) -> None:
    """Runs with a little of everything."""
    for number in range(count):
        run = RunFolder.create(root, f"run-{number:03}")
        run.write_profile("[train]\nepochs = 3\n")
        run.write_status("finished", step=100, best_median_deg=20.0)
        run.append_metrics(json.loads(line(number)))


# Inside the app


async def measured(pilot: Pilot[None], seconds: float, done: list[bool]) -> list[float]:
    """Lags in ms of a timer of 10 ms, until `done` holds something or the time is over."""
    del pilot
    lags, ends = [], time.perf_counter() + seconds
    while not done and time.perf_counter() < ends:
        before = time.perf_counter()
        await asyncio.sleep(0.01)
        lags.append((time.perf_counter() - before) * 1e3 - 10)
    return lags


def figures(lags: list[float]) -> dict[str, float]:
    """Quantiles in ms."""
    p50, p99 = np.percentile(lags, [50, 99])
    return {"p50": float(p50), "p99": float(p99), "max": max(lags)}


async def follow(pilot: Pilot[None], began: float, lines: int) -> dict[str, object]:
    """Load, then follow."""
    done: list[bool] = []
    loading = asyncio.create_task(measured(pilot, 120, done))
    screen = pilot.app.screen_stack[0]
    while screen.overlay.runs == [] or screen.overlay.runs[0].series.rows < lines:
        await asyncio.sleep(0.02)
        screen = pilot.app.screen_stack[0]
    ready = time.time() - began
    done.append(True)
    found = {"ready_s": ready, "loading": figures(await loading)}
    process = psutil.Process()
    spent, started = process.cpu_times(), time.perf_counter()
    found["following"] = figures(await measured(pilot, FOLLOW_SECONDS, []))
    now, wall = process.cpu_times(), time.perf_counter() - started
    found["cpu"] = (now.user + now.system - spent.user - spent.system) / wall
    found["rows"] = screen.overlay.runs[0].series.rows
    found["rss_mb"] = process.memory_info().rss / 1e6
    return found


async def browse(pilot: Pilot[None], began: float, runs: int) -> dict[str, object]:
    """Go down a long list."""
    while len(pilot.app.runs) < runs:
        await asyncio.sleep(0.02)
    found: dict[str, object] = {"ready_s": time.time() - began}
    done: list[bool] = []
    lags = asyncio.create_task(measured(pilot, 60, done))
    for _ in range(40):
        await pilot.press("down")
        await asyncio.sleep(0.05)
    done.append(True)
    return found | {"browsing": figures(await lags)}


def child(what: str, root: Path, count: int, report: Path, *, headless: bool) -> None:
    """The app, in this process; writes what it measured."""
    began = time.time()

    async def scenario(pilot: Pilot[None]) -> None:
        found = await (follow if what == "follow" else browse)(pilot, began, count)
        report.write_text(json.dumps(found))
        pilot.app.exit()

    IcerecoApp(Settings(root)).run(headless=headless, size=SIZE if headless else None, auto_pilot=scenario)


# Outside


def in_terminal(command: list[str], until: bytes | None = None) -> tuple[float, int]:
    """Run a command in a pseudo-terminal; seconds until it ended (or showed a text), and bytes that it wrote."""
    began, written, seen = time.perf_counter(), 0, b""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLORTERM="truecolor")
        os.execv(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
    try:
        while True:
            if select.select([terminal], [], [], 180)[0]:
                chunk = os.read(terminal, 1 << 16)
                written, seen = written + len(chunk), (seen + chunk)[-(1 << 16) :]
                if not chunk or (until is not None and until in seen):
                    break
    except OSError:  # the other end has closed
        pass
    seconds = time.perf_counter() - began
    if until is not None:
        os.kill(pid, 9)
    os.waitpid(pid, 0)
    os.close(terminal)
    return seconds, written


def run_child(what: str, root: Path, count: int, *, terminal: bool) -> dict[str, object]:
    """Measure in a process of its own."""
    report = root.parent / "report.json"
    mode = "terminal" if terminal else "headless"
    command = [sys.executable, __file__, "--child", what, str(root), str(count), str(report), mode]
    written = 0
    if terminal:
        _, written = in_terminal(command)
    else:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads(report.read_text()) | ({"bytes": written} if terminal else {})


class Writer:
    """Adds lines to a file, as a training would."""

    def __init__(self, run: RunFolder, step: int) -> None:
        self.run, self.step, self.going = run, step, True
        self.thread = threading.Thread(target=self._write, daemon=True)

    def _write(self) -> None:
        while self.going:
            with self.run.metrics.open("a") as file:
                file.write("".join(line(self.step + n) for n in range(LINES_PER_SECOND // 10)))
            self.step += LINES_PER_SECOND // 10
            time.sleep(0.1)


def ceilings(path: Path) -> tuple[float, float]:
    """Seconds of polars alone, and of Python's own JSON (of a tenth of the file, times ten)."""
    script = "import polars, sys; polars.read_ndjson(sys.argv[1], infer_schema_length=None)"
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
    bulk = time.perf_counter() - began
    with path.open() as file:
        lines = [next(file) for _ in range(LINES // 10)]
    began = time.perf_counter()
    for one in lines:
        json.loads(one)
    return bulk, (time.perf_counter() - began) * 10


def read_all(root: Path) -> tuple[float, float]:
    """Seconds to read the metrics of all runs of a folder for alerts and the table; and of a look where nothing is new."""
    feed, began = OverviewFeed(root), time.perf_counter()
    while (seen := feed.look()) is not None and not seen.whole:
        pass
    read = time.perf_counter() - began
    feed.look()
    return read, time.perf_counter() - began - read


def main(lines: int) -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        empty, long, many = (Path(folder) / name / "runs" for name in ("empty", "long", "many"))
        paint = [in_terminal([sys.executable, "-m", "icereco", "tui", "--runs-dir", str(empty)], b"No runs yet")[0]
                 for _ in range(3)]  # fmt: skip
        console.print(f"first paint in a pty: {', '.join(f'{one:.2f}' for one in paint)} s")
        run = make_long_run(long, lines)
        bulk, plain = ceilings(run.metrics)
        console.print(f"{lines:,} lines, {run.metrics.stat().st_size / 1e6:.0f} MB")
        console.print(
            f"polars alone {bulk:.2f} s; Python's JSON alone {plain:.2f} s, all of it in the way of keys"
        )
        for terminal in (False, True):
            writer = Writer(run, lines)
            writer.thread.start()
            found = run_child("follow", long, lines, terminal=terminal)
            writer.going = False
            writer.thread.join()
            console.print("pty     " if terminal else "headless", found)
        console.print(f"overview of the long run: {read_all(long)[0]:.2f} s")
        make_many_runs(many, 200)
        console.print("overview of 200 runs: {:.2f} s, then {:.3f} s a look".format(*read_all(many)))
        for terminal in (False, True):
            console.print(
                "pty     " if terminal else "headless", run_child("browse", many, 200, terminal=terminal)
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        what, root, count, report, mode = sys.argv[2:]
        child(what, Path(root), int(count), Path(report), headless=mode == "headless")
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else LINES)
