"""What the app remembers of a folder of runs from one session to the next, and sessions that are kept under a name."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from icereco.errors import IcerecoError, did_you_mean
from icereco.runs.folder import is_run_name
from icereco.system.cache import config_dir
from icereco.system.documents import parse_json
from icereco.system.files import write_text

__all__ = ["Memory", "Sessions", "memory_of"]

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
        self._write()

    def take(self, values: Mapping[str, Any]) -> None:
        """Remember these values, as those of a session that was kept, instead of all others."""
        self.values = dict(values)
        self._write()

    def _write(self) -> None:
        if self.path is not None:
            with suppress(IcerecoError, OSError):  # looks are not worth a message
                _write(self.path, self.folder, self.values)

    def table(self, name: str) -> Mapping[str, Any]:
        """A remembered table; empty where there is none."""
        value = self.values.get(name)
        return value if isinstance(value, dict) else {}

    def text(self, name: str) -> str | None:
        """A remembered text; None where there is none."""
        value = self.values.get(name)
        return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class Sessions:
    """What was remembered of a folder of runs at some time, kept under names: a file each.

    Attributes:
        path: the folder of these files; None where the user has no place for settings.
        folder: of the runs.
    """

    path: Path | None
    folder: str

    @classmethod
    def of(cls, folder: Path) -> Self:
        """The sessions of a folder of runs."""
        place = str(folder.resolve())
        try:
            return cls(_file_of(place).with_suffix(""), place)
        except IcerecoError:
            return cls(None, place)

    def names(self) -> list[str]:
        """The names of all sessions that are kept."""
        return [] if self.path is None else sorted(file.stem for file in self.path.glob("*.json"))

    def read(self, name: str) -> dict[str, Any]:
        """What a session remembers.

        Raises:
            IcerecoError: there is none of that name, or its file is damaged or of another version.
        """
        file = self._file(name)
        if (values := _read(file)) is None:
            raise IcerecoError(
                f"the session {name!r} cannot be read: {file} is damaged or of another version"
            )
        return values

    def keep(self, name: str, values: Mapping[str, Any]) -> None:
        """Keep what is remembered now under a name, also instead of what had that name.

        Raises:
            IcerecoError: it cannot be written.
        """
        if self.path is None:
            raise IcerecoError("this user has no home folder for settings; set ICERECO_CONFIG to a folder")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise IcerecoError(f"{self.path} cannot be made: {error.strerror}") from None
        _write(self.path / f"{name}.json", self.folder, values)

    def delete(self, name: str) -> None:
        """Delete a session.

        Raises:
            IcerecoError: there is none of that name, or it cannot be deleted.
        """
        file = self._file(name)
        try:
            file.unlink()
        except OSError as error:
            raise IcerecoError(f"{file} cannot be deleted: {error.strerror}") from None

    @staticmethod
    def problem_of(name: str) -> str | None:
        """What is wrong with a name for a session; None if nothing is."""
        return None if is_run_name(name) else "a name has letters, digits, '.', '_' and '-'"

    def _file(self, name: str) -> Path:
        names = self.names()
        if self.path is None or name not in names:
            known = ", ".join(names) or "none yet; F4 in the app keeps one"
            raise IcerecoError(
                f"no session of {self.folder} is called {name!r}{did_you_mean(name, names)} (known: {known})"
            )
        return self.path / f"{name}.json"


def memory_of(folder: Path, *, writes: bool = True) -> Memory:
    """The memory of a folder of runs; empty where there is none, or it is damaged or of another version.

    Args:
        folder: of runs.
        writes: whether what is new is written.
    """
    place = str(folder.resolve())
    try:
        path = _file_of(place)
    except IcerecoError:
        return Memory()
    return Memory(_read(path) or {}, path if writes else None, place)


def _file_of(place: str) -> Path:
    return config_dir() / "folders" / f"{sha256(place.encode()).hexdigest()[:16]}.json"


def _read(path: Path) -> dict[str, Any] | None:
    with suppress(OSError, ValueError):
        document = parse_json(path.read_text(encoding="utf-8"))
        if isinstance(document, dict) and document.pop("version", None) == VERSION:
            return {name: value for name, value in document.items() if name != "folder"}
    return None


def _write(path: Path, folder: str, values: Mapping[str, Any]) -> None:
    document = {"version": VERSION, "folder": folder} | dict(values)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(document, indent=1) + "\n", durable=False)
