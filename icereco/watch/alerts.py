"""Alerts: a run that stalls, fails, crashes or learns no more, and a disk that is nearly full."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from icereco.runs.jobs import JobFolder
from icereco.runs.status import age
from icereco.watch.overview import Overview
from icereco.watch.runs import RunView
from icereco.watch.system import SystemView

__all__ = ["Alert", "disk_alerts", "how_it_died", "job_alerts", "run_alerts", "trend_alerts"]

LEAST_FREE_BYTES = 2 << 30
LEAST_FREE_PART = 0.03


@dataclass(frozen=True, slots=True)
class Alert:
    """One problem; `subject` is the name of a run, also of one that never began, or "disk".

    Two alerts with the same subject and kind report the same problem.
    """

    subject: str
    kind: Literal[
        "stall",
        "not a number",
        "crash",
        "failure",
        "disk",
        "clock",
        "skipped",
        "spike",
        "plateau",
        "overfitting",
    ]
    text: str

    @property
    def is_warning(self) -> bool:
        """Whether the training goes on all the same."""
        return self.kind in ("clock", "spike", "plateau", "overfitting")


def run_alerts(runs: Iterable[RunView]) -> list[Alert]:
    """Alerts of runs that failed, crashed, stall, or whose clock is wrong; those about clocks come last."""
    alerts = [alert for run in runs for alert in (*_troubles(run), *_clocks(run))]
    return sorted(alerts, key=lambda alert: alert.kind == "clock")


def _troubles(run: RunView) -> Iterator[Alert]:
    if run.state == "failed":
        message = (run.status.message if run.status else None) or "failed without a message"
        yield Alert(run.name, "not a number" if "not finite" in message else "failure", message)
    elif run.state == "crashed":
        yield Alert(run.name, "crash", how_it_died(run))
    elif run.stalls:
        yield Alert(run.name, "stall", f"no heartbeat for {run.silent_seconds:.0f} s")


def _clocks(run: RunView) -> Iterator[Alert]:
    if run.state == "running" and run.skew_seconds and run.status is not None:
        side = "ahead of" if run.skew_seconds > 0 else "behind"
        difference = age(abs(run.skew_seconds)).removesuffix(" ago")
        yield Alert(
            run.name, "clock", f"the clock of {run.status.host} is {difference} {side} that of its files"
        )


def how_it_died(run: RunView) -> str:
    """What is known of the end of a run that did not report it, and the command that resumes the run."""
    if run.status is None:
        return run.problem or "it has no status"
    cause = "its process died at" if run.status.local else f"no heartbeat from {run.status.host} since"
    return f"{cause} step {run.status.step:,}; resume it with r, or: icereco train --resume {run.name}"


def job_alerts(jobs: JobFolder) -> tuple[Alert, ...]:
    """Alerts of jobs that failed before there was a run that could report it."""
    newest = {job.run: job for job in jobs.all()}
    return tuple(
        Alert(job.run, "failure", f"{jobs.complaint(job)} (see its output, or remove it, in 6 Jobs)")
        for job in newest.values()
        if job.state == "failed" and not job.left_run and not (jobs.runs / job.run).is_dir()
    )


def trend_alerts(runs: Iterable[RunView], overviews: Mapping[Path, Overview]) -> list[Alert]:
    """Alerts about the curves of runs; of one that does not run only that a value is not a number, as nothing can be done about the rest."""
    return [
        Alert(run.name, finding.kind, finding.text)
        for run in runs
        if (overview := overviews.get(run.path)) is not None
        for finding in overview.findings
        if run.state == "running" or finding.kind == "not a number"
    ]


def disk_alerts(system: SystemView) -> Sequence[Alert]:
    """An alert if the disk that holds the runs is nearly full: less than 2 GiB or 3 % are free."""
    free, total = system.disk_free_bytes, system.disk_total_bytes
    if total == 0 or (free > LEAST_FREE_BYTES and free > LEAST_FREE_PART * total):
        return []
    return [Alert("disk", "disk", f"nearly full: {_size(free)} of {_size(total)} left")]


def _size(count: int) -> str:
    return f"{count / 1e9:,.3g} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
