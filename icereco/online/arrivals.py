"""Files that arrive in a folder, told from those that are still being written."""

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from stat import S_ISREG

__all__ = ["Arrival", "Arrivals", "is_temporary"]

_TEMPORARY = (
    ".part",
    ".partial",
    ".filepart",
    ".tmp",
    ".temp",
    ".incomplete",
    ".crdownload",
    ".swp",
    "~",
)
"""Endings of names that writers and copying programs use until a file is whole."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file as it was when it was looked at.

    Attributes:
        path: the file.
        size: in bytes.
        modified_ns: when it was last written, in ns since 1970.
        inode: which file of that name it is.
    """

    path: Path
    size: int
    modified_ns: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> "Arrival | None":
        """Look at a file; None where it is gone, or no file."""
        try:
            status = path.stat()
        except OSError:
            return None
        return (
            cls(path, status.st_size, status.st_mtime_ns, status.st_ino) if S_ISREG(status.st_mode) else None
        )

    def has_changed(self) -> bool:
        """Whether it is gone now, or another, or was written since."""
        return Arrival.of(self.path) != self


@dataclass(slots=True)
class Arrivals:
    """The files of a folder, without those in its folders.

    Attributes:
        folder: what they arrive in.
        pattern: of their names, such as `*.i3.zst`.
        unsettled: how many were still being written, or had just come, at the last look.
    """

    folder: Path
    pattern: str = "*"
    unsettled: int = 0
    _before: set[Arrival] = field(default_factory=set)

    def settled(self) -> list[Arrival]:
        """Look; return the files that are as they were at the look before, the oldest first.

        Raises:
            OSError: the folder is gone, or may not be read.
        """
        names = [path for path in self.folder.iterdir() if self._is_meant(path.name)]
        now = {arrival for path in names if (arrival := Arrival.of(path)) is not None}
        same = sorted(now & self._before, key=lambda one: (one.modified_ns, one.path.name))
        self._before, self.unsettled = now, len(now) - len(same)
        return same

    def _is_meant(self, name: str) -> bool:
        return not is_temporary(name) and fnmatchcase(name, self.pattern)


def is_temporary(name: str) -> bool:
    """Return whether a name is one of those that files have until they are whole.

    >>> [is_temporary(name) for name in (".run7.i3.zst.Xa31", "run7.i3.zst.part", "run7.i3.zst")]
    [True, True, False]
    """
    return name.startswith(".") or name.lower().endswith(_TEMPORARY)
