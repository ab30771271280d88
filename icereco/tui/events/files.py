"""Runs to reconstruct with, and pictures of events as files."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from icereco.draw.event.state import EventState
from icereco.draw.event.titles import titles_of
from icereco.draw.export.event import DARK, event_figure
from icereco.draw.export.save import save_picture
from icereco.runs.folder import RunFolder, list_runs
from icereco.watch.event_session import EventSession

__all__ = ["event_picture", "runs_to_use", "save_event"]


def runs_to_use(runs: Path, used: Sequence[str]) -> list[tuple[str, str]]:
    """The runs of a folder that have weights, each with a line about it; `used` are those that reconstruct already."""
    return [(run.name, _about(run, used)) for run in list_runs(runs) if run.best.is_file()]


def _about(run: RunFolder, used: Sequence[str]) -> str:
    status = run.status()
    median = f", median {status.best_median_deg:.1f}°" if status and status.best_median_deg else ""
    return f"{run.state()}{median}{' · in use' if run.name in used else ''}"


def save_event(path: Path, state: EventState, session: EventSession) -> None:
    """Write a picture of the event that is shown.

    Raises:
        IcerecoError: the file cannot be written.
    """
    titles = titles_of(state, session.title, session.detector)
    save_picture(path, *event_figure(state, titles), DARK)


def event_picture(state: EventState, session: EventSession) -> BytesIO:
    """The same picture in memory, as SVG."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "event.svg"
        save_event(path, state, session)
        return BytesIO(path.read_bytes())
