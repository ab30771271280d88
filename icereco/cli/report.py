"""`icereco report`: what a training or a file of reconstructions is worth, in one page."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from icereco.cli import completion
from icereco.cli.console import Console
from icereco.cli.echo import echo
from icereco.cli.evaluate import reconstructions_of
from icereco.cli.weights_option import weights_option
from icereco.errors import IcerecoError

if TYPE_CHECKING:
    from icereco.report.document import Document
    from icereco.runs.folder import RunFolder

__all__ = ["command", "write_report"]

_SHOWN = 2
"""Events of each sort that are drawn."""


@click.command("report")
@click.argument(
    "what", nargs=-1, required=True, metavar="RUN|FILE...", shell_complete=completion.runs_or_files
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="OUT.html",
    help="The page to write  [default: report.html in the folder of the run, or FILE.report.html here].",
)  # fmt: skip
@weights_option
@click.option("--text", is_flag=True, help="Print it in the terminal instead.")
@click.option("--no-events", is_flag=True, help="Leave the drawings of single events out.")
def command(
    what: tuple[str, ...], output: Path | None, weights: str | None, text: bool, no_events: bool
) -> None:
    """Write a report of a training, or of a file that `icereco reconstruct` wrote, as one HTML page.

    It has the resolution by slice beside other methods, with intervals; figures; how far the uncertainty can be trusted; the worst, the
    brightest and some typical events; and how to do it again. The page fetches nothing and needs no scripts; the numbers behind its
    figures are in a folder beside it. Further files of the same events are compared with the first.

    Every training writes one at its end, to report.html in its folder.

    \\b
    icereco report quick
    icereco report events.reco.parquet other.reco.parquet -o comparison.html
    icereco report events.reco.parquet --text
    """  # noqa: D301 -- \\b is click's
    document = _document(what[0], what[1:], events=not no_events and not text, weights=weights)
    if text:
        from icereco.report.text import text_of

        console = Console(highlight=False)
        for part in text_of(document):
            console.print(part)
        return
    target = output or _default(what[0])
    if target.suffix.lower() not in (".html", ".htm"):
        raise IcerecoError(f"a report is an HTML page, and {target} does not end in .html")
    _save(document, target)
    echo(f"wrote {target}")


def write_report(run: "RunFolder") -> Path:
    """Write the report of a training into its folder."""
    target = run.path / "report.html"
    _save(_document(str(run.path), (), events=True), target)
    return target


def _document(what: str, more: Sequence[str], *, events: bool, weights: str | None = None) -> "Document":
    from icereco.cli.evaluate_plots import directions_of
    from icereco.report.build import report_of
    from icereco.report.events import chosen_events, drawings
    from icereco.report.made import training_of
    from icereco.tables.saved_reconstructions import read_reconstructions

    path = reconstructions_of(what)
    saved = read_reconstructions(path, weights=weights)
    run = _run_of(what)
    others = directions_of(saved, [read_reconstructions(reconstructions_of(other)) for other in more])
    opened = path if run is None else run.path
    pictures = drawings(opened, chosen_events(saved, _SHOWN)) if events else []
    training = [] if run is None else training_of(run)
    return report_of(saved, others, training, pictures, None if run is None else run.profile_text())


def _run_of(what: str) -> "RunFolder | None":
    from icereco.runs.folder import resolve, runs_dir

    path = Path(what)
    return None if path.is_file() or path.suffix == ".parquet" else resolve(what, runs_dir())


def _default(what: str) -> Path:
    run = _run_of(what)
    return Path(f"{Path(what).stem}.report.html") if run is None else run.path / "report.html"


def _save(document: "Document", target: Path) -> None:
    """Write the page, and the numbers behind its figures into a folder beside it."""
    import pyarrow.parquet as pq

    from icereco.report.document import Picture
    from icereco.report.html import html_of
    from icereco.system.files import replacing, write_text

    write_text(target, html_of(document))
    pictures = [
        block for section in document.sections for block in section.blocks if isinstance(block, Picture)
    ]
    for one in pictures:
        if one.data is not None:
            folder = target.with_name(f"{target.stem}_data")
            folder.mkdir(exist_ok=True)
            with replacing(folder / f"{one.name}.parquet") as temporary:
                pq.write_table(one.data, temporary)
