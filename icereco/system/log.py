"""Logging: every module asks for its logger here, and only the command line decides where messages go."""

import logging
import os
import sys

from icereco.system.terminal_text import printable

__all__ = ["configure", "get_logger"]

_ROOT = "icereco"
_COLOURS = {logging.DEBUG: 34, logging.INFO: 32, logging.WARNING: 33, logging.ERROR: 31, logging.CRITICAL: 31}


def get_logger(name: str) -> logging.Logger:
    """The logger of a module, called as `get_logger(__name__)`.

    >>> get_logger("icereco.training.trainer").name
    'icereco.training.trainer'
    >>> get_logger("my_plugin").name
    'icereco.plugin.my_plugin'
    """
    ours = name == _ROOT or name.startswith(f"{_ROOT}.")
    return logging.getLogger(name if ours else f"{_ROOT}.plugin.{name}")


def configure(*, verbose: bool = False) -> None:
    """Send messages to standard error, in colour on a terminal unless `NO_COLOR` is set.

    Args:
        verbose: also debug messages, with the time and the module of each.
    """
    colour = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    handler = _StandardError()
    handler.setFormatter(_Formatter(colour=colour, verbose=verbose))
    root = logging.getLogger(_ROOT)
    root.handlers = [handler]
    root.propagate = False
    root.setLevel(logging.DEBUG if verbose else logging.INFO)


class _StandardError(logging.Handler):
    """Looks up `sys.stderr` at each message: a progress bar replaces it to keep itself at the bottom."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # standard error is closed
            self.handleError(record)


class _Formatter(logging.Formatter):
    def __init__(self, *, colour: bool, verbose: bool) -> None:
        details = "%(asctime)s %(name)s " if verbose else ""
        super().__init__(f"%(levelname)-7s {details}%(message)s", datefmt="%H:%M:%S")
        self.colour = colour

    def format(self, record: logging.LogRecord) -> str:
        text = printable(super().format(record))
        if not self.colour:
            return text
        level = record.levelname
        return text.replace(level, f"\033[{_COLOURS.get(record.levelno, 0)}m{level}\033[0m", 1)
