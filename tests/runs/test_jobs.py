"""Jobs: detached from who asked, one after the other, each with a state that is true."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from icereco.errors import IcerecoError
from icereco.runs.jobs import Job, JobFolder


@pytest.fixture
def jobs(tmp_path):
    return JobFolder(tmp_path / "runs")


def wait_for(jobs, *states, seconds=90.0):
    deadline = time.monotonic() + seconds
    while (found := tuple(job.state for job in jobs.all())) != states:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_a_job_runs_and_what_it_printed_is_kept(jobs, tmp_path):
    job = jobs.submit(["--version"], "one", tmp_path, queued=False)
    wait_for(jobs, "done")
    assert "icereco, version" in jobs.output(job).read_text()
    assert jobs.all()[0].exit_code == 0


def test_a_queue_goes_on_after_a_job_that_failed(jobs, tmp_path):
    first = jobs.submit(["trian"], "one", tmp_path, queued=True)
    jobs.submit(["--version"], "two", tmp_path, queued=True)
    wait_for(jobs, "failed", "done")
    assert "did you mean 'train'?" in jobs.output(first).read_text()
    failed, done = jobs.all()
    assert failed.ended <= done.began


def test_jobs_outlive_the_terminal_and_the_process_that_submitted_them(jobs, tmp_path):
    script = f"""
import os, pathlib, signal, time
from icereco.runs.jobs import JobFolder
folder = pathlib.Path({str(tmp_path)!r})
JobFolder(folder / "runs").submit(["--version"], "one", folder, queued=True)
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # `nohup` would have it ignored
os.killpg(0, signal.SIGHUP)
time.sleep(60)
"""
    submitter = subprocess.run([sys.executable, "-c", script], start_new_session=True, check=False)
    assert submitter.returncode == -signal.SIGHUP
    wait_for(jobs, "done")


def test_a_job_whose_process_is_gone_is_lost(jobs, tmp_path):
    jobs.path.mkdir(parents=True)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    facts = {"identity": "1-a", "arguments": ["runs"], "folder": str(tmp_path), "run": "a", "queued": True}
    for name, pid in (("1-a", gone.pid), ("2-b", os.getpid())):
        document = facts | {"identity": name, "state": "running", "pid": pid}
        (jobs.path / f"{name}.json").write_text(json.dumps(document))
    (jobs.path / "3-c.json").write_text("{ not a job")
    assert [job.state for job in jobs.all()] == ["lost", "running"]


def test_a_waiting_job_is_cancelled_and_a_running_one_is_not(jobs, tmp_path):
    jobs.path.mkdir(parents=True)
    waiting = Job("1-a", ("runs",), str(tmp_path), "a", queued=True)
    running = Job("2-b", ("runs",), str(tmp_path), "b", queued=True, state="running", pid=os.getpid())
    for job in (waiting, running):
        jobs._write(job)
    jobs.cancel(waiting)
    with pytest.raises(IcerecoError, match="stop its run: icereco runs stop b"):
        jobs.cancel(running)
    assert [job.identity for job in jobs.all()] == ["2-b"]


def test_a_folder_that_is_gone_fails_the_job_with_a_message(jobs, tmp_path):
    job = jobs.submit(["--version"], "one", tmp_path / "nowhere", queued=False)
    wait_for(jobs, "failed")
    assert "no such file" in jobs.output(job).read_text().lower()


# Files of others


def planted(jobs, tmp_path, name="1-a", **changes):
    facts = {
        "identity": "1-a",
        "arguments": ["--version"],
        "folder": str(tmp_path),
        "run": "a",
        "queued": True,
    }
    jobs.path.mkdir(parents=True, exist_ok=True)
    path = jobs.path / f"{name}.json"
    path.write_text(json.dumps(facts | {"state": "waiting"} | changes))
    return path


@pytest.mark.parametrize("identity", ["../../victim", "2-b", "/victim", ""])
def test_a_job_whose_file_names_another_place_is_none(jobs, tmp_path, identity):
    victim = tmp_path / "victim.json"
    victim.write_text("private")
    planted(jobs, tmp_path, identity=identity)
    assert jobs.all() == []
    jobs.work()  # and ends
    assert victim.read_text() == "private"
    assert not (tmp_path / "victim.txt").exists()


@pytest.mark.parametrize(
    "changes",
    [
        *(
            {"began": "x"},
            {"ended": []},
            {"run": 5},
            {"run": "../a"},
            {"folder": None},
            {"arguments": "train"},
        ),
        *({"arguments": [1]}, {"pid": "1"}, {"pid": True}, {"exit_code": 10**4000}, {"queued": "yes"}),
        *({"state": "odd"}, {"began": float("nan")}, {"run": "\ud800"}, {"more": 1}),
    ],
    ids=str,
)
def test_a_job_file_with_values_of_other_types_is_no_job(jobs, tmp_path, changes):
    planted(jobs, tmp_path, "2-a", identity="2-a")
    planted(jobs, tmp_path, **changes)
    assert [job.identity for job in jobs.all()] == ["2-a"]


@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="only root gives files away")
def test_a_job_of_another_user_is_shown_but_not_run(jobs, tmp_path):
    os.chown(planted(jobs, tmp_path), 65534, 65534)
    jobs.work()
    jobs.work("1-a")
    assert [job.state for job in jobs.all()] == ["waiting"]


def test_a_job_imports_nothing_from_its_folder(jobs, tmp_path):
    for module in ("click", "random", "struct"):
        (tmp_path / f"{module}.py").write_text("open('imported', 'w')\nraise SystemExit(7)\n")
    jobs.submit(["profiles"], "one", tmp_path, queued=False)
    wait_for(jobs, "done")
    assert not (tmp_path / "imported").exists()
