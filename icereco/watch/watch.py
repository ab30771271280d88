"""Detects whether files have changed, also when they were replaced by others of the same name."""

from collections.abc import Iterable
from pathlib import Path

__all__ = ["Signature", "signature"]

Signature = tuple[tuple[str, int, int, int], ...]
"""Name, time of change (ns), size (bytes) and inode of each file that exists."""


def signature(paths: Iterable[Path]) -> Signature:
    """A value that changes when any of the files does, at the cost of a `stat` each."""
    return tuple(part for path in paths if (part := _file_signature(path)))


def _file_signature(path: Path) -> tuple[str, int, int, int] | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return str(path), facts.st_mtime_ns, facts.st_size, facts.st_ino
