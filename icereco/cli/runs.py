"""`icereco runs`: the trainings in a folder, how they stand, and orders to them."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from icereco.control import Order, give_order, wait_for_answer
from icereco.run_status import State, Status
from icereco.runs import RunFolder, list_runs, resolve, runs_dir

__all__ = ["command"]

_COLOURS: dict[State, str] = {
    "running": "green",
    "finished": "blue",
    "stopped": "yellow",
    "failed": "red",
    "crashed": "red",
}


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
    """List trainings, the one that was active last first; or give one an order.

    A training obeys after its step, and answers; that works on any machine that sees its folder.
    """
    context.obj = runs_dir
    if context.invoked_subcommand is not None:
        return
    runs = list_runs(runs_dir)
    if as_json:
        click.echo(json.dumps([_document(run) for run in runs], indent=2))
    elif not runs:
        click.echo(f"no runs in {runs_dir}; train one with: icereco train")
    else:
        Console().print(_table(runs))


@command.command("stop")
@click.argument("name")
@click.pass_obj
def stop(root: Path, name: str) -> None:
    """Finish the step, save and end; `icereco train --resume` goes on."""
    _order(root, name, "stop")


@command.command("pause")
@click.argument("name")
@click.pass_obj
def pause(root: Path, name: str) -> None:
    """Wait after this step, keeping memory and device."""
    _order(root, name, "pause")


@command.command("resume")
@click.argument("name")
@click.pass_obj
def resume(root: Path, name: str) -> None:
    """Go on after a pause."""
    _order(root, name, "resume")


@command.command("checkpoint")
@click.argument("name")
@click.pass_obj
def checkpoint(root: Path, name: str) -> None:
    """Save now."""
    _order(root, name, "checkpoint")


@command.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def delete(root: Path, name: str, yes: bool) -> None:
    """Delete a run, with its weights, for good."""
    run = resolve(name, root)
    if not yes:
        click.confirm(f"delete {run.path} with everything in it?", abort=True)
    run.delete()
    click.echo(f"{run.path} is deleted")


def _order(root: Path, name: str, order: Order) -> None:
    receipt = give_order(resolve(name, root), order)
    click.echo(f"{receipt.run.name}: {wait_for_answer(receipt, ANSWER_SECONDS)}")


def _document(run: RunFolder) -> dict[str, Any]:
    status = run.status()
    facts = {"name": run.name, "path": str(run.path), "state": run.state(), "profile": run.profile_name()}
    return facts | {"status": asdict(status) if status else None}


def _table(runs: list[RunFolder]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("name", overflow="fold")
    for heading in ("state", "profile"):
        table.add_column(heading, no_wrap=True)
    for heading in ("step", "epoch", "best median", "active"):
        table.add_column(heading, no_wrap=True, justify="right")
    for run in runs:
        state, status = run.state(), run.status()
        colour = _COLOURS[state]
        figures = _figures(status) if status else ("",) * 4
        table.add_row(
            f"[bold]{escape(run.name)}[/]",
            f"[{colour}]{state}[/]",
            escape(run.profile_name() or "?"),
            *figures,
        )
    return table


def _figures(status: Status) -> tuple[str, str, str, str]:
    step = f"{status.step:,}" + (f" / {status.steps:,}" if status.steps else "")
    epoch = f"{status.epoch:.1f}" + (f" / {status.epochs}" if status.epochs else "")
    best = "" if status.best_median_deg is None else f"{status.best_median_deg:.2f}°"
    return step, epoch, best, age(time.time() - status.heartbeat)


def age(seconds: float) -> str:
    """How long ago, in one unit.

    >>> age(7300.0)
    '2 h ago'
    """
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit} ago"
    return "now" if seconds < 5 else f"{seconds:.0f} s ago"
