"""Jobs with trained models: what to run, under which name, and how it ended."""

import asyncio
import re
from pathlib import Path

from icereco.data.catalog import data_sets
from icereco.errors import IcerecoError
from icereco.runs.folder import list_runs
from icereco.runs.jobs import Job, JobFolder

__all__ = ["adding", "end_of", "job_name", "reconstructing", "runs_to_add"]

_LOOK_EVERY = 0.5  # seconds


def reconstructing(model: str, events: str | Path) -> tuple[list[str], str]:
    """The arguments of `icereco` that reconstruct events with a model, and the file that these write.

    Args:
        model: its name.
        events: a data set by its name, or a path.
    """
    stem = str(events) if _is_name(events) else Path(events).resolve().name.split(".")[0]
    output = f"{stem}-{model}.reco.parquet"
    return ["reconstruct", str(events), "--model", model, "-o", output], output


def _is_name(events: str | Path) -> bool:
    try:
        return isinstance(events, str) and events in data_sets()
    except IcerecoError:  # the command reports a damaged settings file
        return False


def runs_to_add(runs: Path) -> list[str]:
    """The names of the runs that have saved weights, the newest first."""
    return [run.name for run in list_runs(runs) if run.best.is_file()]


def adding(chosen: str | Path, name: str, runs: Path) -> list[str]:
    """The arguments of `icereco` that keep a run, by name or folder, or a checkpoint as a model."""
    run = runs / chosen if isinstance(chosen, str) and (runs / chosen).is_dir() else Path(chosen)
    return ["models", "add", str(run), "--name", name]


def job_name(*words: str) -> str:
    """The name of a job, which has only characters that the name of a run may have."""
    return re.sub("[^A-Za-z0-9._-]+", "-", "-".join(words)).lstrip("._-") or "job"


async def end_of(jobs: JobFolder, job: Job) -> str | None:
    """Wait until a job has ended; return why it failed, or None."""
    while True:
        listed = await asyncio.to_thread(jobs.all)
        now = next((one for one in listed if one.identity == job.identity), None)
        if now is None:
            return "the job was removed"
        if now.state not in ("waiting", "running"):
            return None if now.state == "done" else jobs.complaint(now)
        await asyncio.sleep(_LOOK_EVERY)
