"""Commands that are killed at any moment: what is continued as documented equals what was never interrupted."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from icereco.model.checkpoint import read_tensors
from icereco.runs.folder import RunFolder
from icereco.testing.random_events import random_events

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

KILLS = 17
"""Of each command, in a whole session; 100 and more in all."""

EVENTS = 240
TINY = (
    *(
        "aggregator.width=16",
        "aggregator.layers=1",
        "aggregator.heads=2",
        "encoder.layers=1",
        "encoder.heads=2",
    ),
    *(
        "train.epochs=2",
        "train.events_per_batch=8",
        "train.validation_events=40",
        "train.validations_per_epoch=3",
    ),
    "train.log_every_steps=1",
)
OVERRIDES = [word for override in TINY for word in ("-o", override)]
SIGNALS = (*(signal.SIGKILL,) * 4, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
_TIMES = ("time", "seconds")


@dataclass(frozen=True)
class Case:
    """A command, how it is continued after it was killed, and what it leaves.

    Attributes:
        command: the arguments of `icereco`.
        again: the arguments that continue it in a folder; None where nothing is left to do.
        outcome: what must be equal, of a folder.
    """

    command: tuple[str, ...]
    again: Callable[[Path], tuple[str, ...] | None]
    outcome: Callable[[Path], object]


def files(folder: Path) -> dict[str, bytes]:
    """Every file but locks, byte for byte."""
    paths = [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (".lock", ".conversion.json")
    ]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def rows(folder: Path) -> dict[str, list]:
    """Every parquet file, as its provenance has the command line."""
    return {
        str(path.relative_to(folder)): pq.read_table(path).to_pylist() for path in folder.rglob("*.parquet")
    }


def run_outcome(run: RunFolder) -> object:
    tensors = {
        path.name: {name: value.numpy().tobytes() for name, value in read_tensors(path)[0].items()}
        for path in (run.best, run.last, run.training_state)
    }
    lines = [{key: value for key, value in row.items() if key not in _TIMES} for row in run.read_metrics()]
    return run.state(), tensors, lines, pq.read_table(run.validation).to_pylist()


def resumed(folder: Path) -> tuple[str, ...] | None:
    run = RunFolder(folder / "runs" / "mine")
    if run.exists and run.state() == "finished":
        return None
    return ("train", "--resume", "mine", *ONE_THREAD) if run.training_state.is_file() else TRAIN


ONE_THREAD = ("--threads", "1")  # sums of several threads depend on how many processors are free
TRAIN = ("train", "--profile", "quick", "--data", "events.parquet", "--name", "mine", *ONE_THREAD, *OVERRIDES)
SWEEP = (
    "sweep",
    "quick",
    "--data",
    "events.parquet",
    "--name",
    "it",
    *ONE_THREAD,
    *OVERRIDES,
    "-o",
    "train.seed=[1,2]",
)

CASES = {
    "train": Case(TRAIN, resumed, lambda folder: run_outcome(RunFolder(folder / "runs" / "mine"))),
    "sweep": Case(
        SWEEP,
        lambda _: SWEEP,
        lambda folder: [run_outcome(RunFolder(folder / "runs" / f"it-seed-{seed}")) for seed in (1, 2)],
    ),
    "prepare": Case(
        command := ("data", "prepare", "events.parquet"),
        lambda _, command=command: command,
        lambda folder: [path.read_bytes() for path in sorted(folder.rglob("cache/stores/*/*.arrow"))],
    ),
    "convert": Case(
        command := (
            "data",
            "convert",
            "events.parquet",
            "converted",
            "--layout",
            "kaggle",
            "--events-per-file",
            "50",
        ),
        lambda _, command=command: command,
        lambda folder: rows(folder / "converted"),
    ),
    "simulate": Case(
        command := ("simulate", "--events", "60", "--layout", "both", "-o", "made"),
        lambda folder, command=command: None if (folder / "made" / "events.parquet").is_file() else command,
        lambda folder: files(folder / "made"),
    ),
    "reconstruct": Case(
        command := ("reconstruct", "events.parquet", "--method", "linefit", "-o", "out.parquet"),
        lambda _, command=command: command,
        lambda folder: rows(folder),
    ),
    "follow": Case(
        command := (
            "follow",
            ".",
            "-o",
            "out",
            "--match",
            "*.parquet",
            "--method",
            "linefit",
            "--once",
            "--poll-seconds",
            "0.05",
        ),
        lambda _, command=command: command,
        lambda folder: rows(folder),
    ),
}


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {"ICERECO_CACHE": str(folder / "cache"), "ICERECO_CONFIG": str(folder / "config")}


def begin(folder: Path, arguments: tuple[str, ...]) -> subprocess.Popen:
    command = [sys.executable, "-P", "-m", "icereco", *arguments]
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment(folder),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(folder: Path, arguments: tuple[str, ...]) -> None:
    with begin(folder, arguments) as process:
        _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said.decode()
    assert b"Traceback" not in said, said.decode()


def wait_for_orphans(folder: Path) -> None:
    """A killed sweep's training goes on by itself, even if it has not begun its run yet."""
    deadline = time.monotonic() + 120
    while works_in(folder):
        assert time.monotonic() < deadline, "a training hangs"
        time.sleep(0.1)


def works_in(folder: Path) -> bool:
    """Whether a process has this working folder."""
    for process in Path("/proc").glob("[0-9]*/cwd"):
        with suppress(OSError):  # it has ended, or is not ours
            if process.readlink() == folder:
                return True
    return False


@pytest.fixture(scope="module")
def events(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("events") / "events.parquet"
    pq.write_table(random_events(np.full(EVENTS, 12), seed=3), path)
    return path


@pytest.fixture
def folder(tmp_path, events) -> Callable[[str], Path]:
    def make(name: str) -> Path:
        (tmp_path / name).mkdir()
        shutil.copy(events, tmp_path / name / "events.parquet")
        return tmp_path / name

    return make


def kill(process: subprocess.Popen, chance: random.Random, seconds: float) -> bytes:
    """Send a signal at a random moment, to the process or to its group; return what it said."""
    time.sleep(chance.uniform(0.3, 1.0) * seconds)
    if process.poll() is None:
        number, everyone = chance.choice(SIGNALS), chance.random() < 0.5
        os.killpg(process.pid, number) if everyone else process.send_signal(number)
    _, said = process.communicate(timeout=120)
    return said


@pytest.mark.parametrize("name", CASES)
def test_what_was_killed_and_continued_equals_what_was_not(folder, budget, name):
    case, whole = CASES[name], folder("whole")
    started = time.monotonic()
    finish(whole, case.command)
    seconds, expected = time.monotonic() - started, case.outcome(whole)
    for number in budget.cases(KILLS):
        chance, place = random.Random(f"{name} {number}"), folder(str(number))
        command: tuple[str, ...] | None = case.command
        for _ in range(chance.choice((1, 1, 2))):  # also a continued command is killed
            if command is not None:
                said = kill(begin(place, command), chance, seconds)
                assert b"Traceback" not in said, f"{number}: {said.decode()}"
            wait_for_orphans(place)
            command = case.again(place)
        if command is not None:
            finish(place, command)
        assert case.outcome(place) == expected, f"{number}: not equal"
        left = [path.name for path in place.rglob(".*.partial")]
        assert not left, f"{number}: {left}"
        shutil.rmtree(place)
