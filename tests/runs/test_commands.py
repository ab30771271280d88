"""Processes of this program: the command line that starts them, and what they are started with."""

import os
from pathlib import Path

import pytest

from icereco.runs.commands import program, resume_arguments, start, train_arguments
from icereco.runs.folder import RunFolder, runs_dir

REPORT = "import os, sys; print(os.getcwd(), os.getsid(0), os.environ.get('OMP_NUM_THREADS'), repr(sys.stdin.read()))"


@pytest.fixture
def reported(tmp_path, monkeypatch):
    """What a process that is started with some options says of itself."""
    (tmp_path / "reporter.py").write_text(REPORT)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    def report(**options):
        process = start(program(module="reporter"), tmp_path / "output", **options)
        assert process.wait() == 0
        folder, session, threads, read = (tmp_path / "output").read_text().splitlines()[-1].split()
        assert read == "''"
        return folder, int(session) == process.pid, threads

    return report


def test_a_training_in_the_usual_folder_is_begun_by_its_name_alone():
    run = RunFolder(runs_dir() / "one")
    assert train_arguments("quick", run) == ["train", "--profile", "quick", "--name", "one"]


def test_a_training_says_where_its_run_is_what_it_reads_and_what_differs(tmp_path):
    words = train_arguments("quick", RunFolder(tmp_path / "one"), data=["a", "b=2"], overrides=["loss.use=x"])
    assert words[-8:] == ["--runs-dir", str(tmp_path), "--data", "a", "--data", "b=2", "-o", "loss.use=x"]


def test_a_run_is_resumed_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = resume_arguments(RunFolder(Path("runs/one")))
    assert words == ["train", "--runs-dir", str(tmp_path / "runs"), "--resume", "one"]


def test_a_process_is_detached_unless_it_is_looked_after(reported, tmp_path):
    assert reported() == (str(Path.cwd()), True, "None")
    assert reported(folder=tmp_path, detached=False) == (str(tmp_path), False, "None")


def test_threads_are_as_the_user_set_them_before_all(reported, monkeypatch):
    assert reported(threads=3)[2] == "3"
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert reported(threads=3)[2] == "5"
