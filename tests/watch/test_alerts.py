"""Alerts of runs, jobs and the disk; and the follower that looks for them."""

import json
import os
import time
from dataclasses import asdict, replace
from itertools import chain, repeat

import pytest

from icereco.runs.folder import RunFolder
from icereco.runs.jobs import Job, JobFolder
from icereco.watch.alerts import disk_alerts, job_alerts, run_alerts
from icereco.watch.follower import Follower
from icereco.watch.runs import STALL_SECONDS, RunsFeed
from icereco.watch.system import SystemFeed, SystemView


@pytest.fixture
def run(tmp_path) -> RunFolder:
    return RunFolder.create(tmp_path / "runs", "one")


def test_a_run_that_stalls_is_reported(run):
    run.write_status("training")
    view = RunsFeed(run.path.parent).look()[0]
    assert run_alerts([view]) == []
    assert run_alerts([replace(view, silent_seconds=STALL_SECONDS + 1)])[0].kind == "stall"


@pytest.mark.parametrize(
    ("message", "kind"), [("the loss is not finite at step 3", "not a number"), ("disk full", "failure")]
)
def test_a_failure_is_reported_with_its_message(run, message, kind):
    run.write_status("failed", message=message)
    alert = run_alerts(RunsFeed(run.path.parent).look())[0]
    assert (alert.kind, alert.text) == (kind, message)


def machine(**changes) -> SystemView:
    return replace(SystemView(0.1, 2, 1, 2, 0.0, 0.0, 50 * 10**9, 100 * 10**9), **changes)


def test_a_disk_that_is_nearly_full_is_reported():
    assert disk_alerts(machine()) == []
    assert "100 MB of 100 GB left" in disk_alerts(machine(disk_free_bytes=10**8))[0].text


def test_the_machine_and_a_process_are_measured(tmp_path):
    feed = SystemFeed(tmp_path / "not" / "there", lambda: [os.getpid(), 2**22 + 1])
    feed.look()
    view = feed.look()
    assert 0 < view.memory_bytes < view.memory_total_bytes
    assert 0 < view.disk_free_bytes <= view.disk_total_bytes
    assert list(view.loads) == [os.getpid()]


def test_a_follower_looks_when_poked_and_ends():
    seen: list[int] = []
    looks = chain([1, None, 2], repeat(None))
    follower = Follower(lambda: next(looks), seen.append)
    follower.start()
    for count in (1, 1, 2):
        deadline = time.monotonic() + 10
        while len(seen) < count and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(0.02)
        follower.poke()
        time.sleep(0.02)
    follower.stop()
    assert seen[:2] == [1, 2]


@pytest.mark.parametrize(("left_run", "subjects"), [(False, ["it"]), (True, [])])
def test_a_job_that_failed_is_reported_unless_its_run_reports_it(tmp_path, left_run, subjects):
    jobs = JobFolder(tmp_path)
    job = Job("1-it", ("train",), str(tmp_path), "it", False, "failed", exit_code=2, left_run=left_run)
    jobs.path.mkdir()
    (jobs.path / "1-it.json").write_text(json.dumps(asdict(job)))
    jobs.output(job).write_text("INFO    training\nerror: no truth\n")
    alerts = job_alerts(jobs)
    assert [alert.subject for alert in alerts] == subjects
    assert all(alert.text.startswith("no truth (see its output") for alert in alerts)
