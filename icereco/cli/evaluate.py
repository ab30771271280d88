"""`icereco evaluate`: how good a file of reconstructions is."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from icereco.cli import completion
from icereco.cli.agreement import show_agreement
from icereco.cli.calibration_table import print_calibration
from icereco.cli.compute import threads_option
from icereco.cli.console import Console
from icereco.cli.echo import echo
from icereco.cli.over_bound import compared_with_bound, print_over_bound
from icereco.cli.target_tables import print_targets
from icereco.cli.weights_option import weights_option
from icereco.errors import IcerecoError, only_pretrained

if TYPE_CHECKING:
    import pyarrow as pa
    from jaxtyping import Float
    from numpy import ndarray

    from icereco.evaluation.evaluate import Evaluation
    from icereco.evaluation.resolution import Resolution, Summary
    from icereco.tables.saved_reconstructions import SavedReconstructions

__all__ = ["command", "reconstructions_of", "show"]

_HEADINGS = ("median", "mean", "68 %")
_MOST_IN_FULL = 2
"""Methods beside the file's own whose figures are all shown."""


@click.command("evaluate")
@click.argument("what", metavar="OUT|RUN", shell_complete=completion.runs_or_files)
@click.option(
    "--bound", is_flag=True,
    help="Compare with the smallest error that the light of each event allows: the Cramér-Rao bound, which needs the events "
    "and a detector whose medium is known.",
)  # fmt: skip
@click.option(
    "--truth", metavar="NAME|FILE",
    help="Take the truth from these events, or from a meta table of Kaggle's layout; a CSV or table of event_id, azimuth, zenith "
    "of any program can then be scored.",
)  # fmt: skip
@click.option(
    "--reader", metavar="READER", help="What reads --truth  [default: as declared, or detected automatically].",
    shell_complete=completion.readers,
)  # fmt: skip
@click.option(
    "--calibration", is_flag=True,
    help="Show how often the truth lies inside contours of 10 to 99 % of the posterior, and how large errors are beside those that "
    "posteriors expect, by pulses, energy, zenith and kind.",
)  # fmt: skip
@click.option(
    "--plot", "folder", type=click.Path(path_type=Path), metavar="DIR",
    help="Draw figures into this folder: errors by energy, zenith, pulses and kind, their distribution, their map, the calibration; with "
    "captions, and the numbers behind each figure in parquet.",
)  # fmt: skip
@click.option("--by", metavar="NAME,NAME", help="With --plot: only by these of energy, zenith, pulses, kind.")
@click.option(
    "--with", "others", multiple=True, metavar="FILE",
    help="With --plot, or where there is no truth: reconstructions of the same events by another method; may be repeated.",
)  # fmt: skip
@click.option(
    "--plot-format", "form", type=click.Choice(["pdf", "svg", "png"]), default="pdf", show_default=True,
    help="With --plot: of the figures.",
)  # fmt: skip
@weights_option
@threads_option
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
def command(
    what: str,
    bound: bool,
    truth: str | None,
    reader: str | None,
    calibration: bool,
    folder: Path | None,
    by: str | None,
    others: tuple[str, ...],
    form: str,
    weights: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Measure the errors of a reconstruction against the truth: of the direction, and of energy, vertex, kind and inelasticity where it has them.

    OUT is a file that `icereco reconstruct` wrote; RUN is the name or folder of a training run, whose validation
    events are evaluated. Where there is no truth, it shows how far the methods in the file, and those of --with, agree.
    """
    from icereco.evaluation.evaluate import evaluate_saved, has_truth
    from icereco.tables.saved_reconstructions import read_reconstructions

    if folder is None and by is not None:
        raise IcerecoError("--by says what figures show; add --plot DIR, or leave it out")
    path = reconstructions_of(what)
    saved = read_reconstructions(path, _truth_table(truth, reader, weights), weights)
    if not has_truth(saved) and folder is None and not (bound or calibration):
        show_agreement(saved, _others(saved, others), as_json=as_json)
        return
    if folder is None and others:
        raise IcerecoError("--with says what figures show; add --plot DIR, or leave it out")
    evaluation = evaluate_saved(saved, with_calibration=calibration)
    figures = [] if folder is None else _figures(saved, folder, form, by, others)
    compared = compared_with_bound(what, path, threads) if bound else None
    if as_json:
        document = evaluation.to_json() | ({} if compared is None else {"bound": compared.to_json()})
        document |= {"figures": [str(figure) for figure in figures]} if folder is not None else {}
        echo(json.dumps(document, indent=2, allow_nan=False))
        return
    console = Console(highlight=False)
    _print(evaluation, console)
    if calibration:
        print_calibration(evaluation.calibration, console)
    if compared is not None:
        print_over_bound(compared, console)
    for figure in figures:
        console.print(str(figure), markup=False, soft_wrap=True)


def _figures(
    saved: "SavedReconstructions", folder: Path, form: str, by: str | None, others: tuple[str, ...]
) -> list[Path]:
    from icereco.cli.evaluate_plots import plot
    from icereco.evaluation.curves import QUANTITIES

    names = list(QUANTITIES) if by is None else [name.strip() for name in by.split(",")]
    return plot(saved, folder, form, names, _others(saved, others))


def _others(saved: "SavedReconstructions", others: tuple[str, ...]) -> "dict[str, Float[ndarray, 'event 3']]":
    """The directions of other files for the same events, by a name for each."""
    from icereco.cli.evaluate_plots import directions_of
    from icereco.tables.saved_reconstructions import read_reconstructions

    read = [read_reconstructions(reconstructions_of(other)) for other in others]
    return dict(directions_of(saved, read)) if read else {}


def _truth_table(text: str | None, reader: str | None, weights: str | None) -> "pa.Table | None":
    from icereco.reconstruction.given_truth import given_truth

    if text is None and reader is not None:
        raise IcerecoError(f"--reader {reader} says how --truth is read; add --truth, or leave out --reader")
    return None if text is None else given_truth(text, reader, () if weights is None else (weights,))


def show(path: Path) -> None:
    """Print the evaluation of a file of reconstructions."""
    from icereco.evaluation.evaluate import evaluate

    _print(evaluate(path), Console(highlight=False))


def reconstructions_of(what: str) -> Path:
    """Return the file that a name or path means: itself, or the validation of a run.

    Raises:
        IcerecoError: there is neither, or the run has validated nothing yet.
    """
    path = Path(what)
    if path.is_file() or path.suffix == ".parquet":
        return path
    from icereco.runs.folder import resolve, runs_dir

    try:
        run = resolve(what, runs_dir())
    except IcerecoError as error:
        raise IcerecoError(f"there is no file {what}, and {error}") from None
    if not run.validation.is_file():
        if run.provenance().get("self_supervised"):
            raise only_pretrained(run.name)
        raise IcerecoError(f"run {run.name!r} has no validated events yet ({run.validation} is missing)")
    return run.validation


def _print(evaluation: "Evaluation", console: Console) -> None:
    run = evaluation.provenance.get("run")
    name = f"{run} ({evaluation.method})" if run else evaluation.method
    console.print(f"[bold]{escape(name)}[/]  {escape(str(evaluation.path))}", soft_wrap=True)
    for table in _tables(evaluation):
        console.print(table)
    if evaluation.coverage:
        inside = ", ".join(f"{name} contour holds {value:.1%}" for name, value in evaluation.coverage.items())
        console.print(f"truth inside the contours of the posterior: {inside}", soft_wrap=True)
    for note in _notes(evaluation):
        console.print(f"[yellow]{escape(note)}[/]", soft_wrap=True)
    if evaluation.targets:
        print_targets(evaluation.targets, console)


def _tables(evaluation: "Evaluation") -> list[Table]:
    """The figures of each group; with many other methods, their medians in a table of their own."""
    if len(evaluation.comparisons) <= _MOST_IN_FULL:
        return [_table(evaluation, evaluation.comparisons)]
    return [_table(evaluation, {}), _medians(evaluation)]


def _table(evaluation: "Evaluation", comparisons: "Mapping[str, Summary]") -> Table:
    from icereco.evaluation.resolution import by_label

    weighted = evaluation.weights is not None  # whose column more leaves no room for edges in 80
    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
        show_edge=not weighted,
        caption="angular error in degrees",
        caption_justify="left",
    )
    table.add_column("\ngroup", no_wrap=True)
    table.add_column("\nevents", justify="right")
    headings = [f"\n{heading}" for heading in _HEADINGS]
    headings += [f"{name}\n{heading}" for name in comparisons for heading in _HEADINGS]
    if weighted:
        headings.insert(0, "\nworth")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    compared = [by_label(summary) for summary in comparisons.values()]
    for label, part in by_label(evaluation.resolution).items():
        compared_cells = [cell for groups in compared for cell in _cells(groups[label])]
        table.add_row(
            label,
            f"{part['events']:,}",
            *([f"{part['effective_events']:,.0f}"] if weighted else []),
            *_cells(part),
            *compared_cells,
            end_section=label == "all",
        )
    return table


def _medians(evaluation: "Evaluation") -> Table:
    """A row for each method, as files with official fits have many with long names."""
    from icereco.evaluation.resolution import by_label

    table = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 0, 0, 1),
        caption="median angular error in degrees",
        caption_justify="left",
    )
    table.add_column("\nmethod", overflow="fold")
    for label in by_label(evaluation.resolution):
        table.add_column(label.replace(" ", "\n").replace("_", "\n"), justify="right", no_wrap=True)
    for name, summary in {evaluation.method: evaluation.resolution, **evaluation.comparisons}.items():
        medians = [_cells(part)[0] for part in by_label(summary).values()]
        table.add_row(name, *medians, end_section=name == evaluation.method)
    return table


def _cells(part: "Resolution") -> list[str]:
    figures = part["median_deg"], part["mean_deg"], part["containment68_deg"]
    return ["-" if figure is None else f"{figure:.2f}" for figure in figures]


def _notes(evaluation: "Evaluation") -> list[str]:
    notes = []
    if evaluation.weights is not None:
        notes.append(
            f"weighted by {evaluation.weights}; the events are worth {evaluation.resolution['effective_events']:,.0f} of equal weights"
        )
    if evaluation.without_truth:
        notes.append(f"{evaluation.without_truth:,} events have no known truth and are left out")
    missing = evaluation.resolution["without_direction"]
    if missing:
        notes.append(f"{missing:,} events got no direction; the angles leave them out")
    for name, summary in evaluation.comparisons.items():
        if count := summary["without_direction"]:
            notes.append(f"{name} gives no direction for {count:,} events; its angles leave them out")
    return notes
