"""`icereco sweep`: a small grid of trainings, one after the other or several at once, and their ranking."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from icereco.cli import completion
from icereco.cli.compute import device_option, threads_option
from icereco.cli.console import Console
from icereco.cli.drop_option import drop_unknown_option
from icereco.cli.echo import echo
from icereco.system.devices import find_device
from icereco.system.log import get_logger
from icereco.system.signals import interrupted_by_signals

if TYPE_CHECKING:
    from icereco.training.data_choice import DataChoice
    from icereco.training.sweep import Cell, Ranked
    from icereco.training.sweep_runner import TrainingArguments

__all__ = ["command"]

logger = get_logger(__name__)


@click.command("sweep")
@click.argument("profile", shell_complete=completion.profiles)
@click.option(
    "-o",
    "overrides",
    multiple=True,
    required=True,
    metavar="ROLE.KEY=[VALUE,…]",
    help="Values to try; with one value and no brackets the same for all. May be repeated.",
    shell_complete=completion.overrides,
)
@click.option(
    "--data",
    multiple=True,
    metavar="NAME|PATH[=WEIGHT]",
    help="As for icereco train  [default: simulated].",
    shell_complete=completion.data,
)
@click.option("--reader", metavar="READER", help="As for icereco train.", shell_complete=completion.readers)
@click.option("--skip-bad", is_flag=True, help="As for icereco train.")
@drop_unknown_option
@click.option("--where", metavar="CONDITION", help="As for icereco train.")
@click.option("--name", metavar="NAME", help="The runs' names begin with it  [default: sweep-PROFILE].")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Trainings at once.")
@click.option("--wandb", type=click.Choice(["online", "offline", "disabled"]), help="As for icereco train.")
@device_option
@threads_option
@click.option("--json", "as_json", is_flag=True, help="Write the ranking as JSON for programs.")
def command(
    profile: str,
    overrides: tuple[str, ...],
    data: tuple[str, ...],
    reader: str | None,
    skip_bad: bool,
    drop_unknown_sensors: bool,
    where: str | None,
    name: str | None,
    jobs: int,
    wandb: str | None,
    device: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Train PROFILE with every combination of values, and rank the results.

    Each combination is a run of its own in runs/, to be inspected like any other. Ctrl-C stops and saves those that
    train; the same command continues: what has finished is kept, what was stopped is resumed.

    \b
    icereco sweep quick -o encoder.layers=[1,2,4] -o train.learning_rate=[3e-4,1e-3]
    icereco sweep quick -o aggregator.use=[deepsets,flex-attention] --jobs 2
    """  # noqa: D301 -- \b is click's
    from icereco.cli.train import chosen_data, cut_data
    from icereco.runs.folder import runs_dir
    from icereco.training.data_choice import declared_detector
    from icereco.training.sweep import grid
    from icereco.training.sweep_runner import TrainingArguments

    chosen = chosen_data(data, reader, skip_bad=skip_bad, drop_unknown_sensors=drop_unknown_sensors)
    chosen = cut_data(chosen, where)
    overrides = (*declared_detector(chosen, overrides), *overrides)
    cells = grid(profile, overrides, name or f"sweep-{Path(profile).stem}", runs_dir())
    data_options = [word for text in data for word in ("--data", text)]
    data_options += ["--reader", reader] if reader else []
    data_options += ["--skip-bad"] if skip_bad else []
    data_options += ["--drop-unknown-sensors"] if drop_unknown_sensors else []
    data_options += ["--where", where] if where is not None else []
    always = ["--wandb", wandb] if wandb else []
    always += [
        *(["--device", _checked(device)] if device else []),
        *(["--threads", str(threads)] if threads else []),
    ]
    failures = _train(cells, chosen, TrainingArguments(profile, jobs, data_options, always))
    _report(cells, failures, as_json=as_json)
    if failures:
        raise click.exceptions.Exit(1)


def _checked(device: str) -> str:
    find_device(device)
    return device


def _train(
    cells: "Sequence[Cell]", data: "Sequence[DataChoice]", arguments: "TrainingArguments"
) -> "dict[str, str]":
    """Train what is not trained yet; return the error message of each run that failed."""
    from icereco.training.sweep import prepare_cell
    from icereco.training.sweep_runner import train_side_by_side

    todo = {cell.run.name: (cell, prepare_cell(cell, data)) for cell in cells}
    waiting = [(cell, action) for cell, action in todo.values() if action in ("begin", "resume")]
    logger.info("%d trainings, %d of them to do; watch them with: icereco runs", len(cells), len(waiting))
    if arguments.jobs > 1:
        _prepare_data([cell for cell, _ in waiting], data)
    with interrupted_by_signals():
        return train_side_by_side(waiting, arguments)


def _prepare_data(cells: "Sequence[Cell]", data: "Sequence[DataChoice]") -> None:
    """Simulate and sort once what all trainings read: started together, each would do it for itself."""
    from icereco.detector.detector import load_detector
    from icereco.training.datasets import gather

    for cell in cells:
        detector = load_detector(cell.profile.detector)
        with gather(cell.profile, detector, data, lambda _: lambda _done, _total: None):
            pass


def _report(cells: "Sequence[Cell]", failures: "dict[str, str]", *, as_json: bool) -> None:
    from icereco.training.sweep import ranking

    ranked = ranking(cells)
    finished = {result.cell.run.name for result in ranked}
    unfinished = [cell for cell in cells if cell.run.name not in finished]
    if as_json:
        document = [_document(result) for result in ranked]
        document += [
            {
                "run": cell.run.name,
                "settings": cell.settings,
                "state": "failed" if cell.run.name in failures else cell.run.state(),
                "message": failures.get(cell.run.name),
            }
            for cell in unfinished
        ]
        echo(json.dumps(document, indent=2, allow_nan=False))
        return
    console = Console(highlight=False)
    if ranked:
        console.print(_table(ranked))
    for cell in unfinished:
        problem = failures.get(cell.run.name, _state(cell))
        console.print(f"[red]no result[/]  {escape(cell.label)}: {escape(problem)}", soft_wrap=True)
    if len(ranked) > 1:
        console.print(
            f"next: icereco compare {ranked[0].cell.run.name} {ranked[1].cell.run.name}", soft_wrap=True
        )


def _state(cell: "Cell") -> str:
    if not cell.run.exists:
        return "not trained"
    return (
        f"its run is {cell.run.state()}; look at {cell.run.log}, or remove {cell.run.path} to train it again"
    )


def _table(ranked: "Sequence[Ranked]") -> Table:
    caption = "degrees; [95 % of resamples]; = no significant difference"
    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1), show_edge=False, caption=caption, caption_justify="left"
    )
    table.add_column("", justify="right")
    table.add_column("settings", overflow="fold")
    for heading in ("min", "median", "mean", "median - best"):
        table.add_column(heading, justify="right", no_wrap=True)
    for place, result in enumerate(ranked, start=1):
        table.add_row(
            str(place),
            escape(result.cell.label),
            "" if result.seconds is None else f"{result.seconds / 60:.1f}",
            f"{result.median_deg:.2f}",
            f"{result.mean_deg:.2f}",
            _behind(result),
        )
    return table


def _behind(result: "Ranked") -> str:
    if result.behind is None:
        return ""
    median = result.behind.median
    mark = " " if median.significant else "="
    return escape(f"{median.value_deg:+.2f} [{median.low_deg:.2f}, {median.high_deg:.2f}]") + mark


def _document(result: "Ranked") -> dict[str, Any]:
    median = result.behind.median if result.behind else None
    return {
        "run": result.cell.run.name,
        "settings": result.cell.settings,
        "state": "finished",
        "median_deg": result.median_deg,
        "mean_deg": result.mean_deg,
        "seconds": result.seconds,
        "median_behind_best": asdict(median) | {"significant": median.significant} if median else None,
    }
