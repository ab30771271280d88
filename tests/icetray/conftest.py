import logging
from pathlib import Path

import pytest
from click.testing import CliRunner
from i3_files import Pulse, event_frames, frame, write

from icereco.cli import main


def pulses(shift: float = 0.0) -> dict[tuple[int, int, int], list[Pulse]]:
    """Three modules, the second with a pulse in local coincidence."""
    return {
        (1, 1, 0): [(10_000.0 + shift, 1.0, 8.0, 4)],
        (21, 30, 0): [(10_010.5 + shift, 0.5, 8.0, 7), (10_500.0 + shift, 2.0, 8.0, 4)],
        (86, 60, 0): [(9_990.25 + shift, 0.25, 8.0, 4)],
    }


@pytest.fixture
def three_pulses() -> dict[tuple[int, int, int], list[Pulse]]:
    return pulses()


@pytest.fixture
def small_file(tmp_path) -> Path:
    """Six events after a frame that no reader may look into."""
    frames = [frame("I", {"2016-01-01": ("I3TrayInfo", b"who ran what where")})]
    for number in range(6):
        frames += event_frames(pulses(100.0 * number), run=7, event=number)
    return write(tmp_path / "small.i3.zst", frames)


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *args: CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture
def messages(caplog, monkeypatch):
    """What is logged, also after the command line has taken the log over."""
    monkeypatch.setattr(logging.getLogger("icereco"), "propagate", True)
    caplog.set_level(logging.INFO, logger="icereco")
    return caplog
