"""What needs a look: a run that stalls, breaks or dies, and a disk that fills up."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from icereco.runs.jobs import JobFolder
from icereco.runs.status import age
from icereco.watch.runs import RunView
from icereco.watch.series import Series
from icereco.watch.system import SystemView

__all__ = ["Alert", "disk_alerts", "how_it_died", "job_alerts", "metric_alerts", "run_alerts"]

LEAST_FREE_BYTES = 2 << 30
LEAST_FREE_PART = 0.03


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing; `subject` is a run, also one that never began, or the disk.

    Two alerts of the same subject and kind are the same news.
    """

    subject: str
    kind: Literal["stall", "not a number", "crash", "failure", "disk", "clock"]
    text: str


def run_alerts(runs: Iterable[RunView]) -> list[Alert]:
    """Of runs that failed, died, stand still, or live by another clock; the graver ones first."""
    found = [alert for run in runs for alert in (*_troubles(run), *_clocks(run))]
    return sorted(found, key=lambda alert: alert.kind == "clock")


def _troubles(run: RunView) -> Iterator[Alert]:
    if run.state == "failed":
        message = (run.status.message if run.status else None) or "failed without a word"
        yield Alert(run.name, "not a number" if "not finite" in message else "failure", message)
    elif run.state == "crashed":
        yield Alert(run.name, "crash", how_it_died(run))
    elif run.stalls:
        yield Alert(run.name, "stall", f"no sign of life for {run.silent_seconds:.0f} s")


def _clocks(run: RunView) -> Iterator[Alert]:
    if run.state == "running" and run.skew_seconds and run.status is not None:
        side = "ahead of" if run.skew_seconds > 0 else "behind"
        difference = age(abs(run.skew_seconds)).removesuffix(" ago")
        yield Alert(
            run.name, "clock", f"the clock of {run.status.host} is {difference} {side} that of its files"
        )


def how_it_died(run: RunView) -> str:
    """What is known of the end of a run that said nothing itself, and how it goes on."""
    if run.status is None:
        return run.problem or "it says nothing"
    whose = "its process died" if run.status.local else f"nothing is heard from {run.status.host}"
    return f"{whose} at step {run.status.step:,}; go on with r, or: icereco train --resume {run.name}"


def job_alerts(jobs: JobFolder) -> tuple[Alert, ...]:
    """Of jobs that failed before there was a run to say so."""
    newest = {job.run: job for job in jobs.all()}
    return tuple(
        Alert(job.run, "failure", f"{jobs.complaint(job)} (6 Jobs has all that it printed, and forgets it)")
        for job in newest.values()
        if job.state == "failed" and not job.left_run and not (jobs.runs / job.run).is_dir()
    )


def metric_alerts(name: str, series: Series) -> list[Alert]:
    """Of metrics whose newest value is no number."""
    broken = [
        metric for metric in series.names() if (last := series.last(metric)) is not None and math.isnan(last)
    ]
    return [Alert(name, "not a number", f"{', '.join(broken)} is not a number")] if broken else []


def disk_alerts(system: SystemView) -> Sequence[Alert]:
    """Where the runs are kept."""
    free, total = system.disk_free_bytes, system.disk_total_bytes
    if total == 0 or (free > LEAST_FREE_BYTES and free > LEAST_FREE_PART * total):
        return []
    return [Alert("disk", "disk", f"nearly full: {_size(free)} of {_size(total)} left")]


def _size(count: int) -> str:
    return f"{count / 1e9:,.3g} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
