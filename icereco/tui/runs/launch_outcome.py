"""The outcome of starting a training in its own process."""

import time

from icereco.runs.folder import RunFolder
from icereco.runs.jobs import Job, JobFolder

__all__ = ["outcome"]

PATIENCE_SECONDS = 120.0


def outcome(jobs: JobFolder, job: Job, run: RunFolder) -> tuple[bool, str]:
    """Wait until a run trains or its job has failed; return whether it trains, and a message."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        now = next((listed for listed in jobs.all() if listed.identity == job.identity), None)
        if now is None:
            return False, "the job was removed from the queue"
        if now.state in ("failed", "lost"):
            return False, jobs.complaint(now)
        status = run.status()
        if now.state == "done" or (
            status and status.state == "running" and status.heartbeat > (now.began or 0)
        ):
            return True, f"{run.name} is {status.phase if status else 'done'}"
        time.sleep(0.2)
    return True, f"{run.name} has not started yet; see Jobs (6)"
