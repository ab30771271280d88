"""`icereco likelihood`: what the likelihood of an event says beyond the best fit."""

import click

from icereco.cli.group import LazyGroup

__all__ = ["command"]

COMMANDS = {
    "scan": ("icereco.cli.likelihood.scan", "Map the profile likelihood of one event over the sky."),
}


@click.group("likelihood", cls=LazyGroup, lazy_commands=COMMANDS)
def command() -> None:
    """Examine the likelihood of single events.

    Fits of whole files are made by icereco reconstruct --method likelihood.
    """
