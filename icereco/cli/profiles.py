"""`icereco profiles`: list, show and check."""

import click
from rich import box
from rich.markup import escape
from rich.table import Table

from icereco.cli import completion
from icereco.cli.console import Console
from icereco.cli.echo import echo
from icereco.errors import IcerecoError
from icereco.profiles import load_profile, profile_comment, profile_names, read_profile
from icereco.system.resources import data_dir

__all__ = ["command"]


@click.group("profiles", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """List the profiles that ship with icereco, show one, or check your own."""
    if context.invoked_subcommand is not None:
        return
    table = Table("profile", "extends", "summary", box=box.SIMPLE_HEAD)
    for name in profile_names():
        top = read_profile(data_dir("profiles") / f"{name}.toml").top
        cells = [str(top[key].value) if key in top else "" for key in ("extends", "summary")]
        table.add_row(f"[bold]{escape(name)}[/]", *map(escape, cells))
    Console().print(table)


@command.command("show")
@click.argument("name", shell_complete=completion.profiles)
@click.option(
    "-o",
    "overrides",
    multiple=True,
    metavar="ROLE.KEY=VALUE",
    help="Change a value.",
    shell_complete=completion.overrides,
)
def show(name: str, overrides: tuple[str, ...]) -> None:
    """Print the resolved profile NAME (or file): its comment, and each value with its origin."""
    text = load_profile(name, overrides).resolved_toml()
    comment = "".join(f"# {line}".rstrip() + "\n" for line in profile_comment(name).splitlines())
    echo(comment + text, end_line=False)


@command.command("check")
@click.argument("names", nargs=-1, metavar="[NAME|FILE]...", shell_complete=completion.profiles)
def check(names: tuple[str, ...]) -> None:
    """Report every problem of profiles at once; without a name, check those that ship with icereco."""
    failures = []
    for name in names or profile_names():
        try:
            load_profile(name)
        except IcerecoError as error:
            failures.append(str(error))
        else:
            echo(f"{name}: ok")
    if failures:
        raise IcerecoError("\n".join(failures))
