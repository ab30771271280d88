"""The files of a detector card: how they are found, and how their entries and tables are read."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from icereco.errors import IcerecoError, did_you_mean
from icereco.plugins.discovery import CARD, registry
from icereco.system.documents import parse_toml
from icereco.system.resources import data_dir

__all__ = [
    "CARD",
    "Card",
    "detector_names",
    "find_card",
    "is_card",
    "is_card_folder",
    "read_table",
    "require",
]


_OF_FILES = (".detx", ".datx", ".geo", ".csv", ".tsv", ".txt", ".parquet", ".gz")
"""Usual suffixes of geometry files."""


class Card:
    """The TOML of a card, with entries accessed by their dotted path."""

    def __init__(self, folder: Path, name: str = CARD) -> None:
        self.folder, self.path = folder, folder / name
        try:
            self._entries = parse_toml(self.path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise IcerecoError(f"{self.path}: not valid TOML: {error}") from None

    def require_known(self, allowed: Sequence[str], key: str = "") -> None:
        """Check the names in a table (in the whole card if `key` is empty).

        Raises:
            IcerecoError: a name is not known; suggests the nearest.
        """
        for name in self.keys(key):
            if name not in allowed:
                where = f"{key}.{name}" if key else name
                raise IcerecoError(
                    f"{self.path}: {where} is not part of a detector card{did_you_mean(name, allowed)} "
                    f"(known: {', '.join(allowed)})"
                )

    def has(self, key: str) -> bool:
        """Return whether the card has this entry."""
        return self._find(key) is not None

    def text(self, key: str) -> str:
        """Return an entry that is a text.

        Raises:
            IcerecoError: it is missing, or has another type.
        """
        value = self._entry(key)
        if not isinstance(value, str):
            raise IcerecoError(f"{self.path}: {key} must be a text, not {value!r}")
        return value

    def file(self, key: str) -> Path:
        """Return the file that an entry names, in the card's folder or in that of a card beside it; no other is read.

        Raises:
            IcerecoError: as `text`, or it is elsewhere.
        """
        name, folder = self.text(key), self.folder.absolute()
        path = Path(os.path.normpath(folder / name))
        beside = path.parents[1:2] == folder.parents[:1] and is_card_folder(path.parent)
        if path.parent != folder and not beside:
            raise IcerecoError(
                f"{self.path}: {key} must be a file in the card's folder, or in that of a card beside it, not {name!r}"
            )
        return self.folder / name

    def number(self, key: str) -> float:
        """Return an entry that is a number; raises as `text`."""
        return self._as_number(key, self._entry(key))

    def place(self, key: str) -> tuple[float, float, float]:
        """Return an entry that is a list of three numbers; raises as `text`."""
        value = self._entry(key)
        if not isinstance(value, list) or len(value) != 3:
            raise IcerecoError(f"{self.path}: {key} must be a list [x, y, z] in m, not {value!r}")
        x, y, z = (self._as_number(key, part) for part in value)
        return x, y, z

    def keys(self, key: str) -> list[str]:
        """Return the names in a table (in the whole card, for ""); empty if there is no such table."""
        table = self._find(key) if key else self._entries
        return list(table) if isinstance(table, dict) else []

    def _as_number(self, key: str, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise IcerecoError(f"{self.path}: {key} must be a number, not {value!r}")
        return float(value)

    def _entry(self, key: str) -> object:
        value = self._find(key)
        if value is None:
            raise IcerecoError(f"{self.path}: {key} is missing")
        return value

    def _find(self, key: str) -> object:
        entry: object = self._entries
        for part in key.split("."):
            if not isinstance(entry, dict) or part not in entry:
                return None
            entry = entry[part]
        return entry


def detector_names() -> list[str]:
    """List the names of all cards: those that ship with icereco, and those of plugins."""
    return sorted({*_shipped(), *registry().card_names()})


def is_card_folder(name: str | Path) -> bool:
    """Return whether it is a folder with a user's own card."""
    return (Path(name) / CARD).is_file()


def is_card(name: str) -> bool:
    """Return whether there is such a card: one that ships, of a plugin (also as "distribution/name"), or in a folder."""
    return is_card_folder(name) or name in detector_names() or registry().card_folder(name) is not None


def find_card(name: str | Path) -> Card:
    """Find the card `name`, one that ships or a plugin's, or the card in a user's folder.

    Raises:
        IcerecoError: there is none (with the nearest name), plugins disagree about it, or it is not valid TOML.
    """
    own = Path(name)
    if is_card_folder(own):
        return Card(own)
    if own.is_dir():
        raise IcerecoError(f"{own}: this folder holds no {CARD}, so it is not a detector card")
    if str(name) in _shipped():
        return Card(data_dir("geometry") / name)
    folder = registry().card_folder(str(name))
    if folder is not None:
        return Card(folder)
    if own.suffix in _OF_FILES:
        raise IcerecoError(f"{own}: no such file, from which to take the geometry of a detector")
    known = detector_names()
    raise IcerecoError(
        f"no detector called {str(name)!r}{did_you_mean(str(name), known)} "
        f"(known: {', '.join(known)}; or give the folder of a card of your own, or a geometry file: .detx, .datx, .geo, "
        "or a table of modules)"
    )


def read_table(
    path: Path, columns: Sequence[str], optional: Sequence[str] = ()
) -> dict[str, Float[ndarray, "row"]]:
    """Read a CSV file of numbers, column by column, as float64; optional columns are absent if the file lacks them.

    Raises:
        IcerecoError: unreadable, a column is missing or not known, or a value is not a finite number (with its line).
    """
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            header, *rows = csv.reader(lines)
    except (OSError, ValueError, csv.Error) as error:
        raise IcerecoError(f"{path}: cannot read this table of the detector card: {error}") from None
    if not rows or any(name not in header for name in columns):
        raise IcerecoError(
            f"{path}:1: needs rows and the columns {', '.join(columns)}; found {', '.join(header)}"
        )
    for name in header:
        if name not in (*columns, *optional):
            known = (*columns, *optional)
            raise IcerecoError(
                f"{path}:1: no column is called {name!r}{did_you_mean(name, known)} (known: {', '.join(known)})"
            )
    table = dict(zip(header, _numbers(path, header, rows).T, strict=True))
    for name, column in table.items():
        require(path, name, np.isfinite(column), "a finite number")
    return table


def require(path: Path, name: str, good: Bool[ndarray, "row"], wanted: str) -> None:
    """Check a column of a table.

    Raises:
        IcerecoError: a value is not good; the message gives its line.
    """
    bad = np.flatnonzero(~good)
    if bad.size:
        raise IcerecoError(f"{path}:{bad[0] + 2}: {name} must be {wanted}")


def _shipped() -> list[str]:
    return [path.parent.name for path in data_dir("geometry").glob(f"*/{CARD}")]


def _numbers(path: Path, header: list[str], rows: list[list[str]]) -> Float[ndarray, "row column"]:
    try:
        return np.array(rows, dtype=np.float64)
    except ValueError:
        raise IcerecoError(_first_fault(path, header, rows)) from None


def _first_fault(path: Path, header: list[str], rows: list[list[str]]) -> str:
    for line, row in enumerate(rows, start=2):
        if len(row) != len(header):
            return f"{path}:{line}: {len(row)} values where the header names {len(header)} columns"
        for name, value in zip(header, row, strict=True):
            try:
                float(value)
            except ValueError:
                return f"{path}:{line}: {name} must be a number, not {value!r}"
    return f"{path}: cannot be read as a table of numbers"
