"""Locks on files, for what only one process may do at a time; a lock ends with its process, however that ends.

They are those of the `filelock` package: flock on Linux and macOS, LockFileEx on Windows. Some file systems have none, such
as Lustre without `-o flock` and NFS without lockd. There work continues without a lock, and a warning is logged once per
folder.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO

from icereco.system.log import get_logger

__all__ = ["NoLocksError", "locked", "locked_if_free", "process_with", "take"]

logger = get_logger(__name__)

_LOCKED_PART = " "
"""Windows locks the first byte of a file, which no other process can read then; what is behind it can be read."""

_WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


class NoLocksError(OSError):
    """The file system locks no files."""


@contextmanager
def locked(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock `path` in this block; while another process holds it, log `busy` and wait.

    Raises:
        OSError: the file cannot be written to.
    """
    with path.open("a", encoding="ascii") as file:
        if not _is_taken(file, wait=False):
            logger.info(busy)
            _is_taken(file, wait=True)
        _sign(file)
        yield


@contextmanager
def locked_if_free(path: Path) -> Iterator[bool]:
    """Hold the lock `path` in this block; False, without waiting, while another process holds it.

    Raises:
        OSError: the file cannot be written to.
    """
    with path.open("a", encoding="ascii") as file:
        if taken := _is_taken(file, wait=False):
            _sign(file)
        yield taken


def process_with(path: Path) -> int | None:
    """The id of the process that took the lock `path` last; None where the file does not say."""
    with suppress(OSError, ValueError), path.open("rb", buffering=0) as file:
        file.seek(len(_LOCKED_PART))
        return int(file.read())
    return None


def take(descriptor: int, *, wait: bool) -> bool:
    """Take the lock of an open file, which ends with its descriptor; False while another process holds it.

    Raises:
        NoLocksError: files cannot be locked there.
        OSError: the file system reports another error.
    """
    from filelock import lock_descriptor  # not at the top: few commands lock

    try:
        return lock_descriptor(descriptor, blocking=wait)
    except OSError as error:
        if error.errno in _WITHOUT_LOCKS:
            raise NoLocksError(error.errno, error.strerror or str(error)) from error
        raise


def _is_taken(file: IO[str], *, wait: bool) -> bool:
    """Take the lock; True also where there are no locks."""
    try:
        return take(file.fileno(), wait=wait)
    except NoLocksError as error:
        _warn(Path(file.name).parent, error.strerror)
        return True


def _sign(file: IO[str]) -> None:
    file.truncate(0)
    file.write(f"{_LOCKED_PART}{os.getpid()}")
    file.flush()


@cache
def _warn(folder: Path, reason: str) -> None:
    logger.warning(
        "files in %s cannot be locked (%s); continuing without: do not start two commands at once that write there",
        folder,
        reason,
    )
