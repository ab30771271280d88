"""The option of every command that reads events: to leave out pulses of sensors that the detector lacks."""

import click

__all__ = ["drop_unknown_option"]

drop_unknown_option = click.option(
    "--drop-unknown-sensors",
    is_flag=True,
    help="Leave out pulses of sensors that the detector lacks, and log how many.",
)
