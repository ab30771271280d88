"""`icereco tui`: the terminal app."""

import os
from pathlib import Path

import click

from icereco.cli import completion
from icereco.data.catalog import DEFAULT_DETECTOR
from icereco.errors import IcerecoError, did_you_mean
from icereco.runs.folder import RunFolder, resolve, runs_dir

__all__ = ["command"]


@click.command("tui")
@click.argument("what", required=False, metavar="[RUN|NAME|FILE]", shell_complete=completion.data_or_runs)
@click.option(
    "--runs-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=runs_dir,
    show_default="runs",
    help="Folder of the runs.",
)
@click.option(
    "--with", "reconstructions", type=click.Path(path_type=Path), multiple=True, metavar="FILE",
    help="Reconstructions to show with the events; may be repeated.",
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
    "--session", metavar="NAME", shell_complete=completion.sessions,
    help="Begin as a session that was kept under this name (F4)  [default: as the last one with these runs].",
)  # fmt: skip
@click.option(
    "--theme",
    metavar="NAME",
    help="Colour theme  [default: that of the last session with these runs, or icereco-dark; "
    "ansi-dark in a terminal with 16 colours].",
)
@click.option(
    "--marker",
    type=click.Choice(["braille", "quadrant", "block", "ascii"]),
    help="What dots are drawn with; ascii keeps frames and signs to ASCII, too  "
    "[default: that of the last session, or braille; ascii where the terminal has no Unicode].",
)
@click.option(
    "--picture", type=click.Path(path_type=Path), metavar="OUT",
    help="Write what the app shows as PNG or SVG, without a terminal, and exit.",
)  # fmt: skip
@click.option("--size", default="120x40", show_default=True, help="With --picture: columns and rows.")
@click.option(
    "--press", default="", metavar="KEYS", help="With --picture: keys to press before, such as 'b,j,wait'."
)
@click.option("--no-mouse", is_flag=True, help="Leave the mouse to the terminal.")
@click.option(
    "--read-only", is_flag=True,
    help="Only look: nothing is started, ordered, deleted, edited or written.",
)  # fmt: skip
@click.option(
    "--serve", is_flag=True, help="Serve the app to a browser instead, to those who have its address."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="With --serve: where to listen.")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="With --serve.")
def command(
    what: str | None,
    runs_dir: Path,
    reconstructions: tuple[Path, ...],
    detector: str | None,
    reader: str | None,
    session: str | None,
    theme: str | None,
    marker: str | None,
    picture: Path | None,
    size: str,
    press: str,
    no_mouse: bool,
    read_only: bool,
    serve: bool,
    host: str,
    port: int,
) -> None:
    """Watch trainings live, give them orders, and look at events.

    Trainings are processes of their own: quitting the app, or losing the connection, never ends one.

    \b
    icereco tui                       the runs of ./runs
    icereco tui RUN                   one run, also of another folder
    icereco tui tracks                a data set, as icereco data add calls it
    icereco tui events.parquet        events, or reconstructions
    icereco tui --serve --read-only   in a browser, only to look
    """  # noqa: D301 -- \b is click's mark for lines to keep
    if session is not None:
        from icereco.tui.memory import Sessions

        Sessions.of(runs_dir).read(session)  # reports a wrong name before the app fills the terminal
    if serve:
        chosen = {"--runs-dir": runs_dir, "--theme": theme, "--marker": marker or "braille", "--detector": detector,
                  "--reader": reader, "--session": session}  # fmt: skip
        arguments = [part for name, value in chosen.items() if value for part in (name, str(value))]
        arguments += [part for file in reconstructions for part in ("--with", str(file))]
        arguments += ["--read-only"] if read_only else []
        from icereco.tui.serve import serve_app

        serve_app([*arguments, *([what] if what else [])], host, port)
        return
    if detector is not None:
        from icereco.detector.detector import load_detector

        load_detector(detector)  # reports a wrong name before the app fills the terminal
    if reader is not None:
        from icereco.data.sources.reader_choice import choices

        choices(reader)  # likewise
    run, events = _what(what, runs_dir)
    if picture is None:
        from icereco.tui.terminal import require_terminal

        require_terminal()
    else:
        os.environ["COLORTERM"] = "truecolor"  # a picture has all colours, whatever this terminal has
    from icereco.tui.app import IcerecoApp
    from icereco.tui.settings import Settings

    chosen_marker = marker or ("braille" if picture else _marker(runs_dir, session))
    how = (reconstructions, detector, reader, read_only, picture is None, session)
    app = IcerecoApp(Settings(runs_dir, run, events, chosen_marker, theme, *how))
    if marker is not None:
        app.memory.keep("marker", marker)
    if picture is None:
        from icereco.tui.terminal import watch_for_end

        watch_for_end(lambda: app.call_from_thread(app.exit))
        app.run(mouse=not no_mouse)
        return
    from icereco.draw.export.screen import picture_of_app, size_named

    picture_of_app(app, picture, size_named(size), [key.strip() for key in press.split(",") if key.strip()])
    click.echo(f"wrote {picture}")


def _marker(runs: Path, session: str | None) -> str:
    """The marker of a session with a folder of runs, by default of the last one, if the terminal can show it."""
    from icereco.draw.canvas.markers import MARKERS
    from icereco.tui.memory import Memory, Sessions, memory_of
    from icereco.tui.terminal import marker_for_terminal

    last = memory_of(runs, writes=False) if session is None else Memory(Sessions.of(runs).read(session))
    usual, kept = marker_for_terminal(), last.text("marker")
    return kept if usual != "ascii" and kept in MARKERS else usual


def _what(what: str | None, root: Path) -> tuple[Path | None, str | None]:
    """A run, or a data set or file of events; a run comes before a data set of the same name."""
    if what is None:
        return None, None
    is_run = RunFolder(root / what).exists or RunFolder(Path(what)).exists
    from icereco.data.catalog import data_sets

    if not is_run and (what in data_sets() or Path(what).exists()):
        return None, what
    try:
        return resolve(what, root).path, None
    except IcerecoError as error:
        hint = did_you_mean(what, list(data_sets()))
        raise IcerecoError(f"{error}, and there is no data set or file {what}{hint}") from None
