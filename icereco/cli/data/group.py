"""`icereco data`: the data sets of this machine by name."""

import click

from icereco.cli.group import LazyGroup

__all__ = ["command"]

COMMANDS = {
    "add": ("icereco.cli.data.add", "Give a file or folder a name, and say how it is split."),
    "list": ("icereco.cli.data.list", "List the data sets."),
    "prepare": ("icereco.cli.data.prepare", "Sort and check events once, for training at full speed."),
    "show": ("icereco.cli.data.show", "Look into a data set: pulses, truth, size, a few events."),
    "remove": ("icereco.cli.data.remove", "Forget a data set; its files stay."),
    "convert": ("icereco.cli.data.convert", "Write events in icereco's own layout, or in Kaggle's."),
}


@click.group("data", cls=LazyGroup, lazy_commands=COMMANDS, invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Data sets by name: where they are, how they are read, how they are split.

    They are kept in your own settings file, never in a profile. Wherever icereco reads events, it takes such a
    name in place of a path.
    """
    if context.invoked_subcommand is None:
        from icereco.cli.data.list import show_list

        show_list(as_json=False)
