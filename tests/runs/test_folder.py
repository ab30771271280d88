"""The run folder: files are complete, and the state of the run is reported correctly."""

import json
import math
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from icereco.cli import main
from icereco.errors import IcerecoError
from icereco.runs.folder import RunFolder
from icereco.runs.names import default_name
from icereco.runs.provenance import provenance
from icereco.runs.status import SILENT_SECONDS
from icereco.system.locks import process_with
from icereco.system.process_identity import birth_mark, is_alive

TRAINER = """
import sys, time
from pathlib import Path
from icereco.runs.folder import RunFolder
run = RunFolder(Path(sys.argv[1]))
with run.lock():
    run.write_status("training", step=3, epoch=0.5)
    print("ready", flush=True)
    sys.stdin.read()
    run.write_status("finished")
"""


@pytest.fixture
def run(tmp_path):
    return RunFolder.create(tmp_path, "one")


@pytest.fixture
def trainer(run):
    """A process that trains in `run` until its input closes."""
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINER, str(run.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def edit_status(run, **changes):
    path = run.path / "status.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


# Creating


def test_a_new_run_has_a_place_for_checkpoints_and_no_more(run):
    assert [path.name for path in run.path.iterdir()] == ["checkpoints"]
    assert not run.exists


def test_a_folder_with_something_in_it_is_refused_with_the_way_on(run, tmp_path):
    run.write_status("training")
    with pytest.raises(IcerecoError, match="not empty; continue it with: icereco train --resume one"):
        RunFolder.create(tmp_path, "one")


def test_a_folder_left_empty_is_taken(run, tmp_path):
    with run.lock():
        pass
    assert RunFolder.create(tmp_path, "one") == run


def test_what_a_training_left_that_was_killed_at_once_makes_room_and_a_log_of_others_does_not(tmp_path):
    for name in ("killed", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log.txt").write_text("begun\n")
    (tmp_path / "killed" / ".lock").touch()
    assert not (RunFolder.create(tmp_path, "killed").path / "log.txt").exists()
    with pytest.raises(IcerecoError, match="not empty"):
        RunFolder.create(tmp_path, "other")


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "-o", "white space"])
def test_names_that_are_no_folder_names_are_refused(tmp_path, name):
    with pytest.raises(IcerecoError, match="cannot be the name of a run"):
        RunFolder.create(tmp_path, name)


def test_a_root_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(IcerecoError, match="cannot write"):
        RunFolder.create(tmp_path / "runs", "one")


def test_default_names_count_versions(tmp_path):
    first = default_name(tmp_path, "hierarchical", "simulated")
    RunFolder.create(tmp_path, first)
    assert first.startswith("hierarchical-simulated-v1-")
    assert default_name(tmp_path, "hierarchical", "simulated").startswith("hierarchical-simulated-v2-")
    assert default_name(tmp_path, "hierarchical", "My Data.parquet").startswith(
        "hierarchical-my-data-parquet-v1-"
    )


# What it keeps


def test_profile_and_provenance_are_kept(run):
    run.write_profile('name = "quick"\n')
    run.write_provenance(provenance(data={"fingerprint": "abc"}, detector="icecube86", path=Path("x")))
    facts = run.provenance()
    assert run.profile_name() == "quick"
    assert facts["data"] == {"fingerprint": "abc"}
    assert facts["path"] == "x"
    assert facts["libraries"]["torch"]
    assert facts["plugins"]["icereco:losses"] == facts["icereco"]
    assert facts["machine"]["host"] == platform.node()


def test_broken_profile_and_provenance_are_as_if_missing(run):
    run.profile.write_text("= nonsense")
    (run.path / "provenance.json").write_text("{")
    assert run.profile_name() is None
    assert run.provenance() == {}


def test_metrics_come_back_in_order_while_the_file_grows(run):
    assert run.read_metrics() == []
    for step in range(5):
        run.append_metrics({"step": step, "train/loss": 1.5})
        assert [row["step"] for row in run.read_metrics()] == list(range(step + 1))


def test_metrics_are_strict_json_whatever_the_numbers(run):
    run.append_metrics(
        {"loss": math.nan, "peak": math.inf, "mean": np.float32(0.5), "count": np.int64(3), "ok": True}
    )
    (line,) = run.metrics.read_text().splitlines()
    assert json.loads(line) == {"loss": None, "peak": None, "mean": 0.5, "count": 3, "ok": True}
    (row,) = run.read_metrics()
    assert math.isnan(row["loss"])


def test_a_line_cut_short_is_left_out_and_does_not_spoil_the_next(run):
    run.append_metrics({"step": 1})
    with run.metrics.open("a") as file:
        file.write('{"step": 2, "los')
    assert run.read_metrics() == [{"step": 1}]
    run.append_metrics({"step": 3})
    assert run.read_metrics() == [{"step": 1}, {"step": 3}]


def test_garbage_among_the_metrics_is_left_out(run):
    run.metrics.write_bytes(b'{"step": 1}\n\xff\xfe\n[1]\nnull\n\n{"step": 2}\n')
    assert run.read_metrics() == [{"step": 1}, {"step": 2}]


def test_resuming_drops_metrics_written_after_the_checkpoint(run):
    for step in (1, 2, 3, 4):
        run.append_metrics({"step": step})
    run.rewind_metrics(2)
    run.append_metrics({"step": 3})
    assert [row["step"] for row in run.read_metrics()] == [1, 2, 3]


def test_a_full_disk_is_a_clear_error(run):
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    run.metrics.symlink_to("/dev/full")
    with pytest.raises(IcerecoError, match=r"cannot write .*No space left"):
        run.append_metrics({"step": 1})


# Status


def test_status_keeps_what_is_not_said_again_except_the_message(run):
    run.write_status("failed", step=10, steps=100, best_median_deg=3.5, message="boom")
    begun = run.status().begun
    run.write_status("training", step=11)
    status = run.status()
    assert (status.step, status.steps, status.best_median_deg, status.message) == (11, 100, 3.5, None)
    assert status.begun == begun
    assert status.heartbeat >= begun
    assert (status.pid, status.host) == (os.getpid(), platform.node())


def test_status_of_a_number_that_is_not_finite_is_readable(run):
    run.write_status("training", eta_seconds=math.inf)
    assert run.status().eta_seconds is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"phase": "training"}', '{"phase": "odd", "pid": 1}']
)
def test_a_broken_status_is_no_status(run, text):
    (run.path / "status.json").write_text(text)
    assert run.status() is None
    assert run.state() == "crashed"


def test_fields_of_later_versions_are_ignored(run):
    run.write_status("training")
    edit_status(run, colour="green")
    assert run.state() == "running"


def test_readers_never_see_half_a_status(run):
    writer = (
        "import sys; from pathlib import Path; from icereco.runs.folder import RunFolder\n"
        "run = RunFolder(Path(sys.argv[1]))\n"
        "for step in range(400): run.write_status('training', step=step, message='x' * 20000)\n"
    )
    run.write_status("training")
    with subprocess.Popen([sys.executable, "-c", writer, str(run.path)]) as process:
        while process.poll() is None:
            assert run.status() is not None
    assert process.returncode == 0
    assert run.status().step == 399


@pytest.mark.parametrize("phase", ["finished", "stopped", "failed"])
def test_a_final_phase_is_kept_whether_or_not_the_process_lives(run, phase):
    run.write_status(phase)
    assert run.state() == phase
    edit_status(run, pid=2**22 + 1)
    assert run.state() == phase


def test_a_live_process_is_running_and_then_finished(run, trainer):
    assert run.state() == "running"
    assert run.status().pid == trainer.pid
    trainer.communicate()
    assert run.state() == "finished"


@pytest.mark.parametrize("reaped", [False, True], ids=["zombie", "reaped"])
def test_a_killed_process_has_crashed(run, trainer, reaped):
    os.kill(trainer.pid, signal.SIGKILL)
    if reaped:
        trainer.wait()
    else:  # its parent, this process, has not asked for it yet: it still has an entry in the process table
        os.waitid(os.P_PID, trainer.pid, os.WEXITED | os.WNOWAIT)
    assert run.state() == "crashed"
    assert run.status().phase == "training"


def test_another_process_with_the_same_number_is_not_the_run(run, trainer):
    edit_status(run, started="another boot:1")
    assert run.state() == "crashed"


def test_a_run_of_another_machine_is_judged_by_its_heartbeat(run):
    run.write_status("training")
    edit_status(run, host="elsewhere", pid=1)
    assert run.state() == "running"
    edit_status(run, heartbeat=time.time() - SILENT_SECONDS - 1)
    written_ago(run, SILENT_SECONDS + 1)
    assert run.state() == "crashed"


@pytest.mark.parametrize("ahead_seconds", [-10_000, 10_000])
def test_a_machine_with_a_wrong_clock_is_judged_by_the_clock_of_the_disk(run, ahead_seconds):
    run.write_status("training")
    edit_status(run, host="elsewhere", pid=1, heartbeat=time.time() + ahead_seconds)
    assert run.state() == "running"
    written_ago(run, SILENT_SECONDS + 1)
    assert run.state() == "crashed"


def test_birth_marks_set_processes_apart(trainer):
    assert birth_mark() == birth_mark(os.getpid())
    assert birth_mark() != birth_mark(trainer.pid)
    assert is_alive(os.getpid(), birth_mark())
    assert not is_alive(2**22 + 1, None)


def written_ago(run: RunFolder, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(run.path / "status.json", (then, then))


# Locking


def test_a_run_in_use_by_a_live_process_is_refused(run, trainer):
    with pytest.raises(IcerecoError, match=f"in use by process {trainer.pid} on"), run.lock():
        pass


def test_the_lock_of_a_killed_process_is_free(run, trainer):
    trainer.kill()
    trainer.wait()
    with run.lock():
        assert process_with(run.path / ".lock") == os.getpid()


def test_one_process_cannot_have_the_lock_twice(run):
    with run.lock(), pytest.raises(IcerecoError, match=f"in use by process {os.getpid()}"), run.lock():
        pass
    with run.lock():
        pass


def test_a_run_in_use_on_another_machine_is_refused(run):
    run.write_status("training")
    edit_status(run, host="elsewhere", pid=77)
    with pytest.raises(IcerecoError, match="process 77 on elsewhere"), run.lock():
        pass


@pytest.mark.parametrize(
    "changes",
    [
        *(
            {"best_median_deg": "x"},
            {"step": "1"},
            {"epoch": None},
            {"pid": True},
            {"heartbeat": float("inf")},
        ),
        *(
            {"steps": 10**4000},
            {"message": ["a"]},
            {"phase": ["training"]},
            {"host": 5},
            {"message": "\udc80"},
        ),
    ],
    ids=str,
)
def test_a_status_with_values_of_other_types_is_none_and_other_runs_are_listed(tmp_path, changes):
    for name in ("bad", "good"):
        RunFolder.create(tmp_path, name).write_status("finished")
    edit_status(RunFolder(tmp_path / "bad"), **changes)
    assert RunFolder(tmp_path / "bad").status() is None
    result = CliRunner().invoke(main, ["runs", "--runs-dir", str(tmp_path)])
    assert result.exit_code == 0, result.exception
    assert "good" in result.stdout
