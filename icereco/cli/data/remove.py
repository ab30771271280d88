"""`icereco data remove`: forget a data set."""

import click

from icereco.cli import completion
from icereco.cli.echo import echo
from icereco.data.catalog import remove

__all__ = ["command"]


@click.command("remove")
@click.argument("name", shell_complete=completion.data)
def command(name: str) -> None:
    """Take the data set NAME out of your settings. Its events stay where they are."""
    removed = remove(name)
    echo(f"{name} is forgotten; its events are still in {removed.path}")
