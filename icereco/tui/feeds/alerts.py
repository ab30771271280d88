"""What somebody should look at: a run that stalls, breaks or dies, and a disk that fills up."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from icereco.tui.feeds.runs import RunView
from icereco.tui.feeds.series import Series
from icereco.tui.feeds.system import SystemView

__all__ = ["Alert", "disk_alerts", "metric_alerts", "run_alerts"]

STALL_SECONDS = 60.0
LEAST_FREE_BYTES = 2 << 30
LEAST_FREE_PART = 0.03


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing; `subject` is a run or the disk. Two alerts of the same subject and kind are the same news."""

    subject: str
    kind: Literal["stall", "not a number", "crash", "failure", "disk", "clock"]
    text: str


def run_alerts(runs: Iterable[RunView]) -> list[Alert]:
    """Of runs that failed, died, stand still, or live by another clock."""
    found = []
    for run in runs:
        message = (run.status.message if run.status else None) or ""
        if run.state == "failed":
            kind: Literal["not a number", "failure"] = (
                "not a number" if "not finite" in message else "failure"
            )
            found.append(Alert(run.name, kind, message or "failed without a word"))
        elif run.state == "crashed":
            found.append(Alert(run.name, "crash", _how_it_died(run)))
        elif run.state == "running" and run.silent_seconds > STALL_SECONDS:
            found.append(Alert(run.name, "stall", f"no sign of life for {run.silent_seconds:.0f} s"))
        if run.state == "running" and run.skew_seconds:
            side = "ahead of" if run.skew_seconds > 0 else "behind"
            host = run.status.host if run.status else "?"
            text = f"the clock of {host} is {abs(run.skew_seconds):.0f} s {side} that of its files"
            found.append(Alert(run.name, "clock", text))
    return found


def _how_it_died(run: RunView) -> str:
    if run.status is None:
        return "its status.json is missing or damaged"
    return f"its process died at step {run.status.step:,}; go on with: icereco train --resume {run.name}"


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
    return [Alert("disk", "disk", f"nearly full: {free / 1e9:.1f} GB of {total / 1e9:.0f} GB left")]
