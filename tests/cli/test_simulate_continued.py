"""`icereco simulate` goes on after a kill with the blocks that are made, and with those of the same simulation alone."""

import hashlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.data import simulated
from icereco.data.simulated import Simulation

EVENTS = ("simulate", "--events", "1200", "--workers", "1", "--layout", "both", "--seed", "3")

# A command in which every block is kept at once, with some time after that for a kill.
SLOW = """
import sys, time
from icereco.cli import main
from icereco.data.simulated_blocks import KeptBlocks
def add_slowly(kept, key, block, add=KeptBlocks.add):
    add(kept, key, block)
    kept.save()
    time.sleep(0.5)
KeptBlocks.add = add_slowly
if __name__ == "__main__":
    main(sys.argv[1:])
"""


def content(folder: Path) -> dict[str, str]:
    """The hash of each file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("whole") / "out"
    assert CliRunner().invoke(main, [*EVENTS, "-o", str(folder)]).exit_code == 0
    return content(folder)


@pytest.fixture
def begun_with(monkeypatch) -> list[int]:
    """The number of the first block that each start makes."""
    numbers = []
    blocks = Simulation._blocks

    def noted(self, executor, first=0):
        numbers.append(first)
        return blocks(self, executor, first)

    monkeypatch.setattr(Simulation, "_blocks", noted)
    return numbers


def killed(folder: Path, with_signal: signal.Signals) -> str:
    """End the command once two blocks are kept; what it said."""
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *EVENTS, "-o", str(folder)], stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while len(list(unfinished(folder).glob("*.blocks"))) < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(with_signal)
    return process.communicate(timeout=60)[1]


def unfinished(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.unfinished")


def test_the_same_command_goes_on_after_a_kill_with_the_same_bytes(tmp_path, whole, begun_with):
    folder = tmp_path / "out"
    killed(folder, signal.SIGKILL)
    assert not (folder / "events.parquet").exists()
    done = CliRunner().invoke(main, [*EVENTS, "-o", str(folder)])
    assert done.exit_code == 0, done.output
    assert begun_with[0] >= 2
    assert content(folder) == whole
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_interrupted_command_says_how_to_go_on(tmp_path):
    said = killed(tmp_path / "out", signal.SIGINT)
    assert "the same command continues" in " ".join(said.split())
    assert unfinished(tmp_path / "out").is_dir()


@pytest.mark.parametrize("change", ["seed", "option", "light model", "damage"])
def test_nothing_of_another_simulation_is_taken(tmp_path, whole, begun_with, monkeypatch, change):
    folder = tmp_path / "out"
    killed(folder, signal.SIGKILL)
    more = {"seed": ["--seed", "4"], "option": ["--option", "minimum_energy_gev=2000"]}.get(change, [])
    if change == "light model":
        monkeypatch.setattr(simulated, "LIGHT_MODEL_VERSION", "another")
    elif change == "damage":
        for file in unfinished(folder).glob("*.blocks"):
            file.write_bytes(file.read_bytes()[:-1] + b"?")
    done = CliRunner().invoke(main, [*EVENTS, *more, "-o", str(folder)])
    assert done.exit_code == 0, done.output
    assert begun_with[0] == 0
    assert (content(folder) == whole) == (change == "damage")


def test_more_events_go_on_from_fewer(tmp_path, begun_with):
    folder = tmp_path / "out"
    killed(folder, signal.SIGKILL)
    line = [*EVENTS, "--events", "1500", "-o"]
    assert CliRunner().invoke(main, [*line, str(folder)]).exit_code == 0
    assert begun_with[0] >= 2
    assert CliRunner().invoke(main, [*line, str(tmp_path / "at once")]).exit_code == 0
    assert content(folder) == content(tmp_path / "at once")
