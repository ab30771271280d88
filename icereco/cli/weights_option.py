"""The option --weights, of commands that measure errors."""

import click

__all__ = ["weights_option"]

weights_option = click.option(
    "--weights", metavar="COLUMN",
    help="How much each event counts: a column of the file, as its events came with it, or of --truth where there is one.",
)  # fmt: skip
