"""Plain lines of output. Every command prints through this or `icereco.cli.console`, so that text from files is harmless."""

import os
import sys
from contextlib import suppress

import click

from icereco.system.terminal_text import printable

__all__ = ["discard_output", "echo", "open_missing_streams", "write_what_can_be_encoded"]


def echo(text: str, *, end_line: bool = True, err: bool = False) -> None:
    """Print to standard output, or to standard error."""
    click.echo(printable(text), nl=end_line, err=err)


def discard_output() -> None:
    """Let the rest of the output go nowhere, whose reader has left: Python writes at its end what is still in its buffers."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # it has no number, as in a test
            try:
                stream.flush()
            except BrokenPipeError:
                os.dup2(nowhere, stream.fileno())


def open_missing_streams() -> None:
    """Let output that was closed (`>&-`) go nowhere: the first files to be opened would take its place."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 -- as long as the process


def write_what_can_be_encoded() -> None:
    """Print ? for what the encoding of the output lacks, such as ° in ASCII, in place of a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and not (stream.encoding or "").lower().startswith("utf"):
            stream.reconfigure(errors="replace")
