"""`icereco view`: one event as a picture of characters, or as a figure for papers."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from icereco.cli import completion
from icereco.cli.echo import echo
from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.errors import IcerecoError, did_you_mean

if TYPE_CHECKING:
    from PIL.Image import Image
    from rich.segment import Segment

    from icereco.draw.canvas.camera import Camera
    from icereco.draw.event.state import Style
    from icereco.watch.event_session import EventSession

__all__ = ["command"]

_COLORMAPS = ("ember", "rainbow", "viridis", "cividis", "gray")
_MOTIONS = ("play", "spin", "both")
_MARKERS = ("braille", "quadrant", "block", "ascii")


@click.command("view")
@click.argument("file", metavar="NAME|FILE", shell_complete=completion.data)
@click.argument("event", type=int)
@click.option(
    "-o", "--output", "figures", type=click.Path(path_type=Path), multiple=True, metavar="OUT",
    help="Write a figure for papers: OUT.pdf, OUT.svg or OUT.png; may be repeated.",
)  # fmt: skip
@click.option(
    "--png", type=click.Path(path_type=Path), metavar="OUT", help="Write the picture of the terminal as PNG."
)
@click.option(
    "--svg", type=click.Path(path_type=Path), metavar="OUT", help="Write the picture of the terminal as SVG."
)
@click.option(
    "--movie", type=click.Path(path_type=Path), metavar="OUT",
    help="Write the picture of the terminal as a movie: OUT.gif, or OUT.mp4 where ffmpeg is installed.",
)  # fmt: skip
@click.option(
    "--motion", type=click.Choice(_MOTIONS), default=_MOTIONS[0], show_default=True,
    help="With --movie: time runs, the detector turns, or both.",
)  # fmt: skip
@click.option(
    "--seconds", type=click.FloatRange(0.1, 60.0), default=6.0, show_default=True,
    help="With --movie: how long the motion takes.",
)  # fmt: skip
@click.option(
    "--run", "runs", multiple=True, metavar="RUN|MODEL|FILE",
    help="Reconstruct the event with a run, a trained model or a checkpoint, and draw that too; may be repeated, the first is the main one.",
    shell_complete=completion.runs_or_models,
)  # fmt: skip
@click.option(
    "--with", "reconstructions", type=click.Path(exists=True, path_type=Path), multiple=True, metavar="FILE",
    help="Reconstructions to draw too; may be repeated. Those in the same folder are found automatically.",
)  # fmt: skip
@click.option(
    "--detector",
    metavar="NAME",
    help=f"Detector of the events  [default: as declared, or {DEFAULT_DETECTOR}].",
    shell_complete=completion.detectors,
)
@click.option(
    "--reader",
    metavar="READER",
    help="What reads the events, such as km3net:uncalibrated=true  [default: as declared, or detected automatically].",
    shell_complete=completion.readers,
)
@click.option(
    "--turn",
    type=float,
    default=None,
    metavar="DEG",
    help="Azimuth of the viewpoint; 0 is from +x, 90 from +y.",
)
@click.option(
    "--tilt", type=float, default=None, metavar="DEG", help="Elevation of the viewpoint; 90 is from above."
)
@click.option("--zoom", type=float, default=1.0, show_default=True, help="Magnification.")
@click.option(
    "--colors",
    type=click.Choice(_COLORMAPS),
    default=_COLORMAPS[0],
    show_default=True,
    help="Colour map of the times.",
)
@click.option(
    "--marker",
    type=click.Choice(_MARKERS),
    default=_MARKERS[0],
    show_default=True,
    help="How dots are drawn in the terminal; with ascii, everything is ASCII.",
)
@click.option(
    "--light",
    is_flag=True,
    help="The picture of the terminal on a white background; figures are always on white.",
)
def command(
    file: str,
    event: int,
    figures: tuple[Path, ...],
    png: Path | None,
    svg: Path | None,
    movie: Path | None,
    motion: str,
    seconds: float,
    runs: tuple[str, ...],
    reconstructions: tuple[Path, ...],
    detector: str | None,
    reader: str | None,
    turn: float | None,
    tilt: float | None,
    zoom: float,
    colors: str,
    marker: str,
    light: bool,
) -> None:
    """Draw the event with this event_id: the detector, time, the sky and the numbers.

    FILE is a data set (by its name or path), an output of icereco reconstruct, or the folder of a run. The picture goes to the terminal,
    or with --png or --svg to a file. With -o it is a figure for papers instead, as vectors: modules as discs, directions with their
    angles to the truth, and the sky around them.

    \b
    icereco view events.parquet 50
    icereco view events.reco.parquet 50 -o event.pdf --turn 20 --tilt 10
    icereco view events.parquet 50 --png event.png --light
    icereco view events.parquet 50 --movie event.gif --motion both --run my-run
    """  # noqa: D301 -- \b is click's
    _check(figures, movie)
    from icereco.detector.detector import load_detector
    from icereco.draw.canvas.camera import Camera
    from icereco.draw.event.state import Style
    from icereco.reconstruction.methods import comparison_methods
    from icereco.watch.event_session import EventSession

    card = load_detector(detector) if detector else None
    session = EventSession(card, comparison_methods(), lambda: None)
    try:
        session.open(file, reconstructions, reader)
        row = _row_of(session, event)
        _reconstruct(session, row, event, runs)
        camera = Camera.around(session.detector.position_m).zoomed(zoom).looking(turn, tilt)
        for path in figures:
            _save_figure(path, session, row, camera, colors)
        pictures = [path for path in (png, svg) if path is not None]
        style = Style(colormap=colors, marker=marker)
        if movie is not None:
            _draw_movie(movie, session, row, camera, style, motion, seconds, light=light)
        if pictures or not (figures or movie):
            _draw_picture(pictures, session, row, camera, style, light=light)
    finally:
        session.close()


def _check(figures: tuple[Path, ...], movie: Path | None) -> None:
    """Refuse names of figures and of a movie before anything is read.

    Raises:
        IcerecoError: a name has a suffix that is not written.
    """
    from icereco.draw.export.movie import require_movie
    from icereco.plots.style import FIGURE_SUFFIXES

    if movie is not None:
        require_movie(movie)
    for path in figures:
        if path.suffix.lower() not in FIGURE_SUFFIXES:
            raise IcerecoError(
                f"{path}: a figure is not written as {path.suffix or 'a file without suffix'!r}"
                f"{did_you_mean(path.suffix.lower(), FIGURE_SUFFIXES)} (allowed: {', '.join(FIGURE_SUFFIXES)})"
            )


def _reconstruct(session: "EventSession", row: int, event: int, names: tuple[str, ...]) -> None:
    """Reconstruct an event with runs or trained models; the first is the main one.

    Raises:
        IcerecoError: there is none of that name, it has no weights yet, or it cannot reconstruct the event.
    """
    from dataclasses import replace
    from queue import SimpleQueue

    from icereco.reconstruction.models import weights_of
    from icereco.watch.worker import Answer, ReconstructionWorker

    weights = {name: weights_of(name) for name in names if not _is_table(name)}
    for name, found in weights.items():
        answers: SimpleQueue[Answer] = SimpleQueue()
        worker = ReconstructionWorker(name, lambda found=found: found.path, answers.put)  # type: ignore[misc]  # of a loop
        try:
            worker.ask(event, session.table(row))
            answer = answers.get()
        finally:
            worker.close()
        if answer.estimate is None:
            raise IcerecoError(answer.problem or f"{name} has no answer")
        session.keep(event, replace(answer.estimate, name=name))
    if names:
        session.prefer(names[0])


def _is_table(name: str) -> bool:
    """Whether it is a table, which is refused: it may hold reconstructions, but reconstructs nothing.

    Raises:
        IcerecoError: it is.
    """
    if Path(name).suffix.lower() in (".parquet", ".arrow", ".csv") and Path(name).is_file():
        raise IcerecoError(
            f"--run {name}: this is a table, not a model; to draw the reconstructions that it holds: --with {name}"
        )
    return False


def _save_figure(path: Path, session: "EventSession", row: int, camera: "Camera", colors: str) -> None:
    from icereco.plots.event import EventDisplay, event_figure
    from icereco.plots.style import save_figure

    shown, estimates = session.shown(row)
    display = EventDisplay(session.event(row), session.detector, estimates, shown.truth, session.title)
    save_figure(path, event_figure(display, camera, colors))
    echo(f"wrote {path}")


def _draw_picture(
    paths: Sequence[Path], session: "EventSession", row: int, camera: "Camera", style: "Style", *, light: bool
) -> None:
    """Draw what the event screen shows, to files or else to the terminal."""
    from icereco.draw.canvas.ascii import ascii_segments
    from icereco.draw.canvas.scene import frame_of
    from icereco.draw.event.state import EventState
    from icereco.draw.event.titles import titles_of
    from icereco.draw.export.event import DARK, LIGHT, event_figure
    from icereco.draw.export.save import save_picture

    state = EventState(frame_of(session.detector), camera, style=style).showing(*session.shown(row))
    background = LIGHT if light else DARK
    lines, columns = event_figure(state, titles_of(state, session.title, session.detector), background)
    for path in paths:
        save_picture(path, lines, columns, background)
        echo(f"wrote {path}")
    if not paths:
        _print(lines if style.marker != "ascii" else [ascii_segments(line) for line in lines], columns)


def _draw_movie(
    path: Path, session: "EventSession", row: int, camera: "Camera", style: "Style", motion: str, seconds: float, *,
    light: bool,
) -> None:  # fmt: skip
    """Draw what the event screen shows while time runs or the detector turns."""
    from icereco.draw.canvas.scene import frame_of
    from icereco.draw.event.state import EventState
    from icereco.draw.event.titles import titles_of
    from icereco.draw.export.event import DARK, LIGHT, event_figure
    from icereco.draw.export.movie import save_movie, states_of
    from icereco.draw.export.png import image_of
    from icereco.draw.export.shapes import shapes_of

    background = LIGHT if light else DARK
    first = EventState(frame_of(session.detector), camera, style=style).showing(*session.shown(row))

    def picture(state: EventState) -> "Image":
        titles = titles_of(state, session.title, session.detector)
        return image_of(shapes_of(*event_figure(state, titles, background), background))

    save_movie(path, states_of(first, motion, seconds), picture)
    echo(f"wrote {path}")


def _row_of(session: "EventSession", event_id: int) -> int:
    """Return the row of the event, reading the file until it is found.

    Raises:
        IcerecoError: the file cannot be read, or has no such event.
    """
    row = session.wait_for(event_id)
    if row is not None:
        return row
    if session.problem is not None:
        raise IcerecoError(session.problem)
    ids = session.listed["event_id"]
    known = (
        f"its {len(ids):,} events are {min(ids)} to {max(ids)}, such as {ids[0]}"
        if len(ids)
        else "it holds no events"
    )
    raise IcerecoError(f"{session.title}: there is no event_id {event_id}; {known}")


def _print(lines: "list[list[Segment]]", columns: int) -> None:
    """Print the figure in the colours of the terminal, without wrapping its lines."""
    from rich.segment import Segment, Segments

    from icereco.cli.console import Console

    console = Console(width=columns, soft_wrap=True, highlight=False)
    for line in lines:
        console.print(Segments([*line, Segment.line()]), end="")
