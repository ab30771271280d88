"""Temporary folders of killed processes are removed by the next; those of live ones stay."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from icereco.system.scratch import ScratchFolder

HOLD = "import sys; from icereco.system.scratch import ScratchFolder; held = ScratchFolder('it-'); print(held.path, flush=True); sys.stdin.read()"


@pytest.fixture(autouse=True)
def own_place(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


@pytest.fixture
def holder():
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process, Path(process.stdout.readline().strip())
        process.kill()


def grow_old(folder):
    os.utime(folder, (time.time() - 60, time.time() - 60))


def test_the_folder_of_a_killed_process_is_removed(holder, tmp_path):
    process, left = holder
    process.kill()
    process.wait()
    grow_old(left)
    folder = ScratchFolder("it-")
    assert [path for path in tmp_path.iterdir() if path.name.startswith("it-")] == [folder.path]
    folder.close()
    folder.close()
    assert not folder.path.exists()


def test_the_folder_of_a_live_process_and_others_of_that_name_stay(holder, tmp_path):
    _, other = holder
    (tmp_path / "it-is-mine").mkdir()
    grow_old(other)
    grow_old(tmp_path / "it-is-mine")
    ScratchFolder("it-").close()
    assert other.is_dir()
    assert (tmp_path / "it-is-mine").is_dir()
