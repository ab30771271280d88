"""What is logged where the work is done, for the log of the process that asked for it."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from icereco.system.work.executor import Note, Outcome

__all__ = ["log_notes", "noting"]

_LOGGER = logging.getLogger("icereco")


class _Notes(logging.Handler):
    """Keeps what one thread logs: another may do another unit."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.notes: list[Note] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.notes.append((record.name, record.levelno, record.getMessage()))


@contextmanager
def noting() -> Iterator[list[Note]]:
    """Collect the warnings of this thread in this block."""
    handler = _Notes()
    _LOGGER.addHandler(handler)
    try:
        yield handler.notes
    finally:
        _LOGGER.removeHandler(handler)


def log_notes(outcome: Outcome[Any]) -> None:
    """Log what was noted of a unit, as if it had been done here."""
    for name, level, message in outcome.notes:
        logging.getLogger(name).log(level, "%s", message)
