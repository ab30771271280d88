"""Follows a file that grows: yields its new whole lines, and starts again where the file was replaced or truncated."""

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CHUNK_BYTES", "Tail", "Tailed"]

CHUNK_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Tailed:
    """New whole lines, each with its newline.

    Attributes:
        restarted: whether the file was replaced or truncated, so that these are its first lines.
        more: whether there is more to read already.
    """

    lines: bytes
    restarted: bool
    more: bool


class Tail:
    """One file, from the start or, with `last_bytes`, from near its end."""

    def __init__(self, path: Path, last_bytes: int | None = None) -> None:
        self.path = path
        self.last_bytes = last_bytes
        self._file: tuple[int, int] | None = None
        self._offset = 0

    def read(self) -> Tailed | None:
        """Read at most `CHUNK_BYTES` of new lines; None where there are none, or no file."""
        try:
            with self.path.open("rb") as file:
                return self._read(file.fileno())
        except OSError:
            return None

    def _read(self, file: int) -> Tailed | None:
        facts = os.fstat(file)
        identity = facts.st_dev, facts.st_ino
        restarted = identity != self._file or facts.st_size < self._offset
        if restarted:
            self._file, self._offset = identity, 0
            self._skip(file, facts.st_size)
        if facts.st_size <= self._offset:
            return Tailed(b"", restarted, False) if restarted else None
        whole, newline, _ = _bytes_at(file, self._offset, CHUNK_BYTES).rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        if not newline and not restarted:
            return None
        return Tailed(whole + newline, restarted, newline != b"" and facts.st_size > self._offset)

    def _skip(self, file: int, size: int) -> None:
        """Go to the first line that begins within the last bytes."""
        if self.last_bytes is None or size <= self.last_bytes:
            return
        start = size - self.last_bytes
        cut = _bytes_at(file, start, min(self.last_bytes, 1 << 16)).find(b"\n")
        self._offset = start + cut + 1 if cut >= 0 else start


def _bytes_at(file: int, offset: int, most: int) -> bytes:
    os.lseek(file, offset, os.SEEK_SET)  # Windows has no pread
    return os.read(file, most)
