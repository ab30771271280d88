"""Temporary folders that do not stay when their process was killed: the next of the same kind removes them."""

import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from icereco.system.locks import NoLocksError, take

__all__ = ["ScratchFolder"]

_LOCK = ".lock"
_SETTLED_SECONDS = 5.0
"""A younger folder may not be locked yet."""


class ScratchFolder:
    """A folder in the system's place for temporary files, for this user alone, locked until it is closed.

    Attributes:
        path: the folder.
    """

    def __init__(self, prefix: str) -> None:
        _clear_left_over(prefix)
        self._folder = tempfile.TemporaryDirectory(prefix=prefix)
        self.path = Path(self._folder.name)
        self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        with suppress(NoLocksError):  # then it stays, if this process is killed
            take(self._lock, wait=False)

    def close(self) -> None:
        """Remove the folder with everything in it."""
        with suppress(OSError):  # is closed already
            os.close(self._lock)
        self._folder.cleanup()


def _clear_left_over(prefix: str) -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with suppress(OSError):  # another user's, or gone
            if not folder.is_symlink() and time.time() - folder.stat().st_mtime > _SETTLED_SECONDS:
                _remove_if_free(folder)


def _remove_if_free(folder: Path) -> None:
    descriptor = os.open(folder / _LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        is_free = take(descriptor, wait=False)
    finally:
        os.close(descriptor)  # before it is removed: Windows removes no open file
    if is_free:
        shutil.rmtree(folder, ignore_errors=True)
