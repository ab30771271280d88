"""What the app remembers of a folder of runs from one session to the next."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from icereco.errors import IcerecoError
from icereco.system.cache import config_dir
from icereco.system.documents import parse_json
from icereco.system.files import write_text

__all__ = ["Memory", "memory_of"]

VERSION = 1


@dataclass(slots=True)
class Memory:
    """Looks and choices by name; what cannot be written is remembered as long as the app runs.

    Attributes:
        values: what is remembered now.
        path: the file, None where nothing is written.
        folder: whose memory it is; the file says so to people.
    """

    values: dict[str, Any] = field(default_factory=dict)
    path: Path | None = None
    folder: str = ""

    def keep(self, name: str, value: Any) -> None:
        """Remember a value that JSON can hold, and write it if it is new."""
        if self.values.get(name) == value:
            return
        self.values[name] = value
        if self.path is not None:
            document = {"version": VERSION, "folder": self.folder} | self.values
            with suppress(IcerecoError, OSError):  # looks are not worth a message
                self.path.parent.mkdir(parents=True, exist_ok=True)
                write_text(self.path, json.dumps(document, indent=1) + "\n", durable=False)

    def table(self, name: str) -> Mapping[str, Any]:
        """A remembered table; empty where there is none."""
        value = self.values.get(name)
        return value if isinstance(value, dict) else {}

    def text(self, name: str) -> str | None:
        """A remembered text; None where there is none."""
        value = self.values.get(name)
        return value if isinstance(value, str) else None


def memory_of(folder: Path, *, writes: bool = True) -> Memory:
    """The memory of a folder of runs; empty where there is none, or it is damaged or of another version.

    Args:
        folder: of runs.
        writes: whether what is new is written.
    """
    place = str(folder.resolve())
    try:
        path = config_dir() / "folders" / f"{sha256(place.encode()).hexdigest()[:16]}.json"
    except IcerecoError:
        return Memory()
    values: dict[str, Any] = {}
    with suppress(OSError, ValueError):
        document = parse_json(path.read_text(encoding="utf-8"))
        if isinstance(document, dict) and document.pop("version", None) == VERSION:
            values = {name: value for name, value in document.items() if name != "folder"}
    return Memory(values, path if writes else None, place)
