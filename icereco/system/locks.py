"""Locks on files, for what only one process may do at a time; a lock ends with its process, however that ends.

Windows has none, nor have some file systems, such as Lustre without `-o flock` and NFS without lockd. There work continues
without a lock, and a warning is logged once per folder.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO

from icereco.system.log import get_logger

__all__ = ["locked", "locked_if_free", "process_with"]

logger = get_logger(__name__)

_WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


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
    with suppress(OSError, ValueError):
        return int(path.read_text(encoding="ascii"))
    return None


def _is_taken(file: IO[str], *, wait: bool) -> bool:
    """Take the lock; True also where there are no locks."""
    try:
        _flock(file, wait=wait)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _WITHOUT_LOCKS:
            raise
        _warn(Path(file.name).parent, error.strerror or str(error))
    return True


def _flock(file: IO[str], *, wait: bool) -> None:
    try:
        from fcntl import LOCK_EX, LOCK_NB, flock
    except ImportError as error:  # Windows
        raise OSError(errno.ENOSYS, "this system has no fcntl") from error
    flock(file, LOCK_EX if wait else LOCK_EX | LOCK_NB)


def _sign(file: IO[str]) -> None:
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()


@cache
def _warn(folder: Path, reason: str) -> None:
    logger.warning(
        "files in %s cannot be locked (%s); continuing without: do not start two commands at once that write there",
        folder,
        reason,
    )
