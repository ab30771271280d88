"""Runs and trained models to reconstruct with; pictures of events and lists of them as files."""

import re
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from icereco.draw.event.state import EventState
from icereco.draw.event.titles import titles_of
from icereco.draw.export.event import DARK, event_figure
from icereco.draw.export.save import save_picture
from icereco.errors import IcerecoError
from icereco.runs.folder import RunFolder, list_runs
from icereco.trained.library import Library, TrainedModel
from icereco.watch.event_session import EventSession

__all__ = ["event_picture", "list_name", "models_to_use", "save_event", "save_list", "weights_of"]


def models_to_use(runs: Path, library: Library, used: Sequence[str]) -> list[tuple[str, str]]:
    """The runs of a folder that have weights and the trained models, each with a line about it; `used` are those in use."""
    about = {model.name: _about_model(model) for model in library.models()}
    of_runs = {run.name: _about(run) for run in list_runs(runs) if run.best.is_file()}
    in_order = of_runs | {name: line for name, line in about.items() if name not in of_runs}
    return [(name, f"{line}{' · in use' if name in used else ''}") for name, line in in_order.items()]


def weights_of(name: str, runs: Path, library: Library) -> Callable[[], Path]:
    """What returns the checkpoint of a run or, if there is no run of that name, of a trained model.

    Raises:
        IcerecoError: there is neither.
    """
    run = RunFolder(runs / name)
    return run.best_weights if run.exists else library.find(name).weights


def _about(run: RunFolder) -> str:
    status = run.status()
    median = f", median {status.best_median_deg:.1f}°" if status and status.best_median_deg else ""
    return f"{run.state()}{median}"


def _about_model(model: TrainedModel) -> str:
    origin = "comes with icereco" if model.origin == "built in" else "a model of yours"
    overall = model.card.overall
    return f"{origin}, {model.card.detector}" + (f", median {overall.median_deg:.1f}°" if overall else "")


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


def list_name(session: EventSession) -> str:
    """The usual name of the file of a session's list."""
    stem = re.sub(r"[^\w.-]+", "-", session.title.partition(".")[0]).strip("-")
    return f"{stem or 'events'}-list.csv"


def save_list(path: Path, session: EventSession) -> Path:
    """Write the listed events, in order, with all their columns, as CSV; return where.

    Raises:
        IcerecoError: the file cannot be written.
    """
    try:
        session.listed.write_csv(path)
    except OSError as error:
        raise IcerecoError(f"{path}: cannot be written: {error.strerror or error}") from None
    return path.resolve()
