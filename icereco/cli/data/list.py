"""`icereco data list`: the data sets in the user's settings file."""

import json
from typing import Any

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from icereco.cli.console import Console
from icereco.cli.echo import echo
from icereco.data.catalog import DataSet, data_sets
from icereco.settings import settings_file
from icereco.system.files import is_there

__all__ = ["command", "show_list"]


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
def command(as_json: bool) -> None:
    """List the data sets, and where their settings are kept."""
    show_list(as_json=as_json)


def show_list(*, as_json: bool) -> None:
    """Print the data sets."""
    known = data_sets()
    if as_json:
        echo(json.dumps([_document(one) for one in known.values()], indent=2))
    elif not known:
        echo(f"no data sets in {settings_file()}; add one with: icereco data add NAME PATH")
    else:
        Console().print(_table(known))
        Console(highlight=False).print(f"kept in {escape(str(settings_file()))}", soft_wrap=True)


def _table(known: dict[str, DataSet]) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("name", no_wrap=True)
    table.add_column("path", overflow="fold")
    for heading in ("reader", "detector", "split"):
        table.add_column(heading)
    for name, data_set in known.items():
        there = is_there(data_set.path)
        path = escape(str(data_set.path)) if there else f"[red]{escape(str(data_set.path))} (missing)[/]"
        split = data_set.split.short if data_set.split else ""
        table.add_row(
            f"[bold]{escape(name)}[/]", path, data_set.reader or "", data_set.detector or "", escape(split)
        )
    return table


def _document(data_set: DataSet) -> dict[str, Any]:
    return {"name": data_set.name, **data_set.table(), "there": is_there(data_set.path)}
