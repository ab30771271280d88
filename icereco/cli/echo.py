"""Plain lines of output. Every command prints through this or `icereco.cli.console`, so that text from files is harmless."""

import sys

import click

from icereco.system.terminal_text import printable

__all__ = ["echo", "write_what_can_be_encoded"]


def echo(text: str, *, end_line: bool = True, err: bool = False) -> None:
    """Print to standard output, or to standard error."""
    click.echo(printable(text), nl=end_line, err=err)


def write_what_can_be_encoded() -> None:
    """Print ? for what the encoding of the output lacks, such as ° in ASCII, in place of a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and not (stream.encoding or "").lower().startswith("utf"):
            stream.reconfigure(errors="replace")
