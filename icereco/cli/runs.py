"""`icereco runs`: the trainings in a folder, their states, and orders to them."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from icereco.cli import completion
from icereco.cli.console import Console
from icereco.cli.echo import echo
from icereco.errors import IcerecoError
from icereco.runs.folder import RunFolder, is_run_name, list_runs, resolve, runs_dir
from icereco.runs.orders import Order, give_order, wait_for_answer
from icereco.runs.status import State, Status, age

if TYPE_CHECKING:
    from rich.console import JustifyMethod

__all__ = ["command"]

_COLOURS: dict[State, str] = {
    "running": "green",
    "finished": "blue",
    "stopped": "yellow",
    "failed": "red",
    "crashed": "red",
}

_COLUMNS: "dict[str, JustifyMethod]" = {
    "name": "left",
    "state": "left",
    "profile": "left",
    "step": "right",
    "epoch": "right",
    "best median": "right",
    "active": "right",
}
_DROPPED_FIRST = ("profile", "epoch", "step", "active", "best median")
"""Columns left out of a narrow terminal, in this order, so that a name can be copied whole."""


ANSWER_SECONDS = 60.0


@click.group("runs", invoke_without_command=True)
@click.option(
    "--runs-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=runs_dir,
    show_default="runs",
    help="Folder of the runs.",
)
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
@click.pass_context
def command(context: click.Context, runs_dir: Path, as_json: bool) -> None:
    """List trainings, the most recently active first; or give one an order.

    A training obeys after its present step, and answers; this works on any machine that shares its folder.
    """
    context.obj = runs_dir
    if context.invoked_subcommand is not None:
        return
    runs = list_runs(runs_dir)
    if as_json:
        echo(json.dumps([_document(run) for run in runs], indent=2))
    elif not runs:
        echo(f"no runs in {runs_dir}; train one with: icereco train")
    else:
        _print(runs, Console())


@command.command("stop")
@click.argument("name", shell_complete=completion.runs)
@click.pass_obj
def stop(root: Path, name: str) -> None:
    """Finish the step, save and end; `icereco train --resume` continues."""
    _order(root, name, "stop")


@command.command("pause")
@click.argument("name", shell_complete=completion.runs)
@click.pass_obj
def pause(root: Path, name: str) -> None:
    """Wait after the present step, keeping memory and device."""
    _order(root, name, "pause")


@command.command("resume")
@click.argument("name", shell_complete=completion.runs)
@click.pass_obj
def resume(root: Path, name: str) -> None:
    """Continue after a pause."""
    _order(root, name, "resume")


@command.command("checkpoint")
@click.argument("name", shell_complete=completion.runs)
@click.pass_obj
def checkpoint(root: Path, name: str) -> None:
    """Save a checkpoint after the present step."""
    _order(root, name, "checkpoint")


@command.command("delete")
@click.argument("name", shell_complete=completion.runs)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_obj
def delete(root: Path, name: str, yes: bool) -> None:
    """Delete a run, with its weights, for good."""
    run = _to_delete(name, root)
    if not yes:
        click.confirm(f"delete {run.path} with everything in it?", abort=True)
    run.delete()
    echo(f"{run.path} is deleted")


def _to_delete(name: str, root: Path) -> RunFolder:
    """The run of this name; a path such as `.` may be a slip, and never names what is deleted."""
    if not is_run_name(name):
        raise IcerecoError(f"{name!r} is not the name of a run; list them with: icereco runs")
    run = resolve(name, root)
    if run.path != root / name:
        raise IcerecoError(f"{run.path} is not in {root}; give its folder with --runs-dir")
    return run


def _order(root: Path, name: str, order: Order) -> None:
    receipt = give_order(resolve(name, root), order)
    echo(f"{receipt.run.name}: {wait_for_answer(receipt, ANSWER_SECONDS)}")


def _document(run: RunFolder) -> dict[str, Any]:
    status = run.status()
    facts = {"name": run.name, "path": str(run.path), "state": run.state(), "profile": run.profile_name()}
    return facts | {"status": asdict(status) if status else None}


def _print(runs: list[RunFolder], console: Console) -> None:
    """Print whole names and as many columns as there is room for; all columns if this is not a terminal."""
    rows = [_row(run) for run in runs]
    columns = list(_COLUMNS)
    if not console.is_terminal:
        console.width = max(console.width, _width(_table(rows, columns)))
    for column in _DROPPED_FIRST:
        if _width(_table(rows, columns)) > console.width:
            columns.remove(column)
    console.print(_table(rows, columns))


def _width(table: Table) -> int:
    wide = Console(width=1_000)
    return wide.measure(table).maximum


def _table(rows: list[dict[str, str]], columns: list[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=True, justify=_COLUMNS[column])
    for row in rows:
        table.add_row(*(row[column] for column in columns))
    return table


def _row(run: RunFolder) -> dict[str, str]:
    state, status = run.state(), run.status()
    cells = (
        f"[bold]{escape(run.name)}[/]",
        f"[{_COLOURS[state]}]{state}[/]",
        escape(run.profile_name() or "?"),
        *(_figures(status) if status else ("",) * 4),
    )
    return dict(zip(_COLUMNS, cells, strict=True))


def _figures(status: Status) -> tuple[str, str, str, str]:
    step = f"{status.step:,}" + (f" / {status.steps:,}" if status.steps else "")
    epoch = f"{status.epoch:.1f}" + (f" / {status.epochs}" if status.epochs else "")
    best = "" if status.best_median_deg is None else f"{status.best_median_deg:.2f}°"
    return step, epoch, best, age(time.time() - status.heartbeat)
