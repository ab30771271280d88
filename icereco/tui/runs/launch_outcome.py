"""Starts trainings that outlive the app, and tells what became of the start."""

import time
from pathlib import Path

from icereco.runs.folder import RunFolder
from icereco.runs.jobs import Job, JobFolder

__all__ = ["last_line", "outcome", "resume_arguments"]

PATIENCE_SECONDS = 120.0


def resume_arguments(run: RunFolder) -> list[str]:
    """The command line, behind `icereco`, that goes on with a run wherever it is."""
    return ["train", "--runs-dir", str(run.path.resolve().parent), "--resume", run.name]


def outcome(jobs: JobFolder, job: Job, run: RunFolder) -> tuple[bool, str]:
    """Wait until a run trains, or its job has failed; whether it went well, and a sentence."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        now = next((one for one in jobs.all() if one.identity == job.identity), None)
        if now is None:
            return False, "the job was taken out of the queue"
        if now.state in ("failed", "lost"):
            return False, last_line(jobs.output(now)) or f"the job {now.state}"
        status = run.status()
        if now.state == "done" or (
            status and status.state == "running" and status.heartbeat > (now.began or 0)
        ):
            return True, f"{run.name} is {status.phase if status else 'done'}"
        time.sleep(0.2)
    return True, f"{run.name} has not begun yet; see Jobs"


def last_line(path: Path) -> str:
    """The last line of what a job printed, which says what was wrong."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    errors = [line for line in lines if line.startswith("error:")]
    return (errors or lines or [""])[-1]
