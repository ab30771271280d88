"""Which files have been reconstructed, and by what: a line of JSON for each, which is on the disk before the next file is begun."""

from collections.abc import Iterator
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from icereco.online.arrivals import Arrival
from icereco.runs.metrics import append_line, read_lines
from icereco.system.files import explaining, sync
from icereco.system.typed_fields import has_declared_types

__all__ = ["Entry", "Ledger"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What became of a file.

    Attributes:
        file: its name.
        size: in bytes.
        modified_ns: when it was last written, in ns since 1970.
        state: whether there are reconstructions of it.
        reason: why not.
        output: the file with the reconstructions.
        events: how many there are.
        model: what they are made with, in words.
        model_id: what tells that from any other.
        seconds: how long it took.
        time: when it ended, in s since 1970.
    """

    file: str
    size: int
    modified_ns: int
    state: Literal["done", "failed"]
    reason: str = ""
    output: str = ""
    events: int = 0
    model: str = ""
    model_id: str = ""
    seconds: float = 0.0
    time: float = 0.0

    def is_of(self, arrival: Arrival) -> bool:
        """Whether the file is still the one that this was said of."""
        return (self.file, self.size, self.modified_ns) == (
            arrival.path.name,
            arrival.size,
            arrival.modified_ns,
        )


class Ledger:
    """The newest entry of each file.

    Attributes:
        path: of the file with the lines.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries = {entry.file: entry for row in read_lines(path) for entry in _entries(row)}

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def entry_of(self, arrival: Arrival) -> Entry | None:
        """What became of a file; None where it is new, or has changed since."""
        entry = self._entries.get(arrival.path.name)
        return entry if entry is not None and entry.is_of(arrival) else None

    def add(self, entry: Entry) -> None:
        """Write an entry; it survives a power cut.

        Raises:
            IcerecoError: the disk is full, or the folder is gone or cannot be written to.
        """
        append_line(self.path, asdict(entry))
        with explaining(self.path):
            sync(self.path)
        self._entries[entry.file] = entry


_NAMES = tuple(field.name for field in fields(Entry))
_NEEDED = {field.name for field in fields(Entry) if field.default is MISSING}


def _entries(row: dict[str, Any]) -> Iterator[Entry]:
    """The entry in a line; none where it is not one of ours."""
    if row.keys() >= _NEEDED:
        entry = Entry(**{name: row[name] for name in _NAMES if name in row})
        if has_declared_types(entry):
            yield entry
