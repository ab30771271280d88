"""`icereco plugins new`: write the package of a new plugin."""

from pathlib import Path

import click

from icereco.cli.echo import echo
from icereco.plugins.scaffold import PLUGIN_KINDS, PluginKind, write_plugin

__all__ = ["command"]


@click.command("new")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(PLUGIN_KINDS),
    required=True,
    help="What it provides: a component of a kind, or the card of a detector.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    show_default="here",
    metavar="DIR",
    help="Folder to create the package's folder in.",
)
def command(name: str, kind: PluginKind, output: Path) -> None:
    """Write the package icereco-NAME with a component called NAME.

    It can be installed, works, and passes its own tests as it is: change it from there.

    \b
    icereco plugins new mean-charge --kind aggregator
    """  # noqa: D301 -- \b is click's
    folder = write_plugin(name, kind, output)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        echo(f"  {path}")
    last = f"detectors show {name}" if kind == "detector" else f"plugins check {folder.name}"
    echo(f"next:\n  cd {folder}\n  pip install -e '.[test]'\n  pytest\n  icereco {last}")
