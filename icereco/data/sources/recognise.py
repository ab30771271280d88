"""Detects which reader a file is for, and describes a file that no reader can read."""

import shlex
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from icereco.data.sources.file_format import foreign_format, is_root
from icereco.data.sources.reader_choice import ReaderChoice
from icereco.errors import IcerecoError, did_you_mean
from icereco.protocols import Suggesting
from icereco.system.files import is_there, require_name
from icereco.tables.mapped import open_mapped

__all__ = ["first_line", "not_recognised", "recognises", "require_exists"]

_TABLES = (".parquet", ".arrow", ".feather")
_LOOKED_AT = 20
"""Files of a folder."""
_HEADER = 12
"""Bytes that tell formats apart."""


def recognises(choice: ReaderChoice, path: Path, failures: list[str]) -> bool:
    """Whether the file is of this reader; a reader that fails is left out, so that the other readers still work."""
    try:
        with choice.built.attributing(f"when it checked the format of {path}"):
            return choice.built.component.sniff(path)
    except IcerecoError as error:
        failures.append(f"reader {choice.component.name!r} is left out: {error}")
        return False


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or its type."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def require_exists(path: Path) -> None:
    """Check that there is such a file or folder (`icereco.system.files.is_there`).

    Raises:
        IcerecoError: there is none (with the nearest name), its name is not UTF-8, or it is a pipe or a device, which would be waited for.
    """
    require_name(path)
    if is_there(path) and (path.is_file() or path.is_dir() or not path.exists()):
        return
    if path.exists():
        raise IcerecoError(
            f"{path}: is a pipe or a device, and events are read from files; write them to one first"
        )
    if path.is_symlink():
        raise IcerecoError(f"{path}: is a link to {path.readlink()}, which is not there")
    parent = path.parent
    if not parent.is_dir():
        raise IcerecoError(f"{path}: no such file, nor is there a folder {parent}")
    hint = did_you_mean(path.name, [entry.name for entry in parent.iterdir()])
    raise IcerecoError(f"{path}: no such file or folder{hint}")


def not_recognised(path: Path, readers: list[ReaderChoice]) -> IcerecoError:
    """Return the error for a file that no reader recognises: what it is and the next step, or what each reader needs."""
    what, is_known_format = _what_it_is(path)
    lines = [f"{path}: {what}"]
    if not is_known_format:
        lines += [f"  {reader.component.name} needs: {reader.component.summary}" for reader in readers]
    if not readers:
        lines.append("  no reader is installed: see icereco plugins")
    if suggestions := _suggestions(path, readers):
        lines += ["by the names of its columns, this reads it:"]
        lines += [f"  --reader {shlex.quote(text)}" for text in suggestions]
    return IcerecoError("\n".join(lines))


def _suggestions(path: Path, readers: list[ReaderChoice]) -> list[str]:
    """Return readers with the options that would read the file, by the names of its columns."""
    found = ((reader, _suggested(path, reader)) for reader in readers)
    return [f"{reader.component.name}:{options}" for reader, options in found if options]


def _suggested(path: Path, reader: ReaderChoice) -> str | None:
    component = reader.built.component
    if not isinstance(component, Suggesting):
        return None
    try:
        with reader.built.attributing(f"when it looked at the columns of {path}"):
            return component.suggest(path)
    except IcerecoError:  # of a damaged file; what it is is reported anyway
        return None


def _what_it_is(path: Path) -> tuple[str, bool]:
    """What a file or folder is, and whether its format was found, so that what each reader needs is beside the point."""
    if not path.is_dir():
        said = _readable_format(path)
        return said or _what_file_is(path), said is not None
    files = sorted(entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith("."))
    tables = [file for file in files if file.suffix in _TABLES]
    beginning = "no reader recognises this folder;"
    for file in (tables or files)[:_LOOKED_AT]:
        if (said := _readable_format(file)) is not None:
            return f"{beginning} {file.name} is {said}", True
    if tables:
        return f"{beginning} {tables[0].name}: {_what_file_is(tables[0])}", False
    return f"{beginning} it holds {len(files)} files, none of them parquet or Arrow", False


def _readable_format(file: Path) -> str | None:
    try:
        return foreign_format(file)
    except OSError:
        return None


def _what_file_is(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            magic = opened.read(_HEADER)
        if magic[:4] == b"PAR1":
            return _columns(pq.read_schema(file))
        if magic[:6] == b"ARROW1":
            with open_mapped(file) as source:
                return _columns(pa.ipc.open_file(source).schema)
    except Exception as error:  # Arrow names damage in many ways
        return f"truncated or damaged, it cannot be opened ({first_line(error)}); copy or make it again"
    if magic[:6] == b"SQLite":
        return "an SQLite database, in whose tables no reader finds pulses"
    if is_root(magic):
        return "a ROOT file, in which no reader finds events"
    return "neither a parquet nor an Arrow file"


def _columns(schema: pa.Schema) -> str:
    names = ", ".join(f"{field.name} ({field.type})" for field in schema) or "none"
    return f"no reader recognises its columns; found: {names}"
