"""`icereco plugins new`: the package of a plugin to begin with."""

from pathlib import Path

import click

from icereco.components import KINDS, Kind

__all__ = ["command"]


@click.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What the component does.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    show_default="here",
    metavar="DIR",
    help="The folder in which the package's folder is made.",
)
def command(name: str, kind: Kind, output: Path) -> None:
    """Write the package icereco-NAME with a component called NAME.

    It can be installed, works, and passes its own tests as it is: change it from there.

    \b
    icereco plugins new mean-charge --kind aggregator
    """  # noqa: D301 -- \b is click's
    from icereco.scaffold import write_plugin

    folder = write_plugin(name, kind, output)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        click.echo(f"  {path}")
    click.echo(
        f"next:\n  cd {folder}\n  pip install -e '.[test]'\n  pytest\n  icereco plugins check {folder.name}"
    )
