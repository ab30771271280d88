"""Tells whether files have changed, also when they were replaced by others of the same name."""

from collections.abc import Iterable
from pathlib import Path

__all__ = ["Signature", "signature"]

Signature = tuple[tuple[str, int, int, int], ...]
"""Name, time of change, size and inode of each file that is there."""


def signature(paths: Iterable[Path]) -> Signature:
    """What identifies the present contents of files, at the cost of a `stat` each."""
    return tuple(part for path in paths if (part := _one(path)))


def _one(path: Path) -> tuple[str, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return str(path), found.st_mtime_ns, found.st_size, found.st_ino
