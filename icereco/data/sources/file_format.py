"""The format of a file that no reader recognises, from its first bytes, and what to do with it."""

import bz2
import gzip
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

__all__ = ["foreign_format", "is_root"]

_HEADER = 512
"""Bytes that tell formats apart: a tar archive names itself at byte 257."""

_OWN = "one row per event with lists of pulses (docs/data.md)"
_NAMED = "say which is which: --reader table:event=COLUMN,time=COLUMN,… (docs/data.md)"
_ARRAYS = f"write its columns to a parquet file, {_OWN}"
_PICKLE = (
    "a Python pickle, which can run code when it is opened, so icereco opens none; open it where you trust it and write a "
    f"parquet file, {_OWN}"
)
_UTF_16 = "text in UTF-16; save it in UTF-8, which spreadsheets call CSV UTF-8"

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x89HDF\r\n\x1a\n", f"an HDF5 file; tables of pulses in it are read by --reader table:… (docs/data.md), and else give the files that it was made from (.root, .i3), or {_ARRAYS}"),
    (b"[i3]", "an IceTray file that the reader icetray did not accept; see it with: icereco plugins --kind reader"),
    (b"\x93NUMPY", f"a NumPy array (npy); {_ARRAYS}"),
    (b"\xff\xfe", _UTF_16),
    (b"\xfe\xff", _UTF_16),
    (b"\xff\xff\xff\xff", "a stream of Arrow IPC, not a file; write it as a file, as pyarrow.ipc.new_file does"),
    (b"FEA1", "a Feather file of version 1; write it again with pyarrow.feather.write_feather, which makes version 2"),
    (b"ORC", f"an ORC file; {_ARRAYS}"),
    (
        b"start_run:",
        "simulated light in KM3NeT's .evt format, before the response of the detector; make offline files (.root) of it with KM3NeT's Jpp",
    ),
)  # fmt: skip

_READABLE = (b"PAR1", b"ARROW1", b"SQLite format 3")
_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*?size (\d+)")
_HTML = re.compile(rb"\s*<(!doctype html|html|head|\?xml)", re.IGNORECASE)
_SEPARATORS = {",": ".csv", ";": ".csv", "\t": ".tsv", " ": ".csv"}
_TEXT = {".csv", ".tsv"}


def is_root(header: bytes) -> bool:
    """Whether a file that begins so is a ROOT file: its data begin at byte 100 at the latest, which no text says."""
    return header[:4] == b"root" and 0 < int.from_bytes(header[8:12], "big") <= 100


def foreign_format(file: Path) -> str | None:
    """What a file is that is neither parquet, Arrow, SQLite nor ROOT, and the next step; None if it is not known.

    Raises:
        OSError: it cannot be read.
    """
    with file.open("rb") as opened:
        header = opened.read(_HEADER)
    if not header:
        return "the file is empty; make it or copy it again"
    if header.startswith(_READABLE) or is_root(header):
        return None
    checks = (_by_magic, _detector, _pointer_or_page, _archive, _compressed, _database, _pickle, _text)
    return next((said for check in checks if (said := check(file, header))), None)


def _by_magic(_file: Path, header: bytes) -> str | None:
    return next((said for magic, said in _MAGIC if header.startswith(magic)), None)


def _detector(file: Path, _header: bytes) -> str | None:
    if file.suffix not in (".detx", ".datx", ".geo"):
        return None
    return (
        f"the geometry of a detector, not events; give it with events (--detector {file.name}), or make a card of it: "
        f"icereco detectors import {file.name} -o FOLDER"
    )


def _pointer_or_page(_file: Path, header: bytes) -> str | None:
    if pointer := _POINTER.match(header):
        return f"a Git LFS pointer, which stands for the file of {int(pointer[1]):,} bytes; get it with: git lfs pull"
    if _HTML.match(header):
        return (
            "an HTML page, as a download without a login or with a wrong link gives; download the file again"
        )
    return None


def _archive(file: Path, header: bytes) -> str | None:
    if header[257:262] == b"ustar":
        return f"a tar archive; unpack it with: tar xf {file.name}"
    if header[:4] != b"PK\x03\x04":
        return None
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        return "a zip archive that is truncated or damaged; copy it again"
    arrays = [name.removesuffix(".npy") for name in names if name.endswith(".npy")]
    if arrays:
        return f"NumPy arrays (npz): {_some(arrays)}; {_ARRAYS}"
    return f"a zip archive with {_some(names)}; unpack it with: unzip {file.name}"


def _zstandard(file: Path) -> Any:
    return pa.input_stream(str(file), compression="zstd")


_COMPRESSIONS: tuple[tuple[bytes, str, str, Callable[[Path], Any]], ...] = (
    (b"\x1f\x8b", "gzip", "gunzip -k", gzip.open),
    (b"BZh", "bzip2", "bunzip2 -k", bz2.open),
    (b"\xfd7zXZ\x00", "xz", "unxz -k", lzma.open),
    (b"\x28\xb5\x2f\xfd", "zstd", "unzstd", _zstandard),
)


def _compressed(file: Path, header: bytes) -> str | None:
    for magic, name, command, opening in _COMPRESSIONS:
        if header.startswith(magic):
            inner = _begin(file, opening)
            if inner[257:262] == b"ustar":
                return f"a tar archive, compressed with {name}; unpack it with: tar xf {file.name}"
            what = "a parquet file" if inner[:4] == b"PAR1" else "a file"
            return f"{what} compressed with {name}; decompress it with: {command} {file.name}"
    return None


def _begin(file: Path, opening: Callable[[Path], Any]) -> bytes:
    try:
        with opening(file) as opened:
            begin: bytes = opened.read(_HEADER)
            return begin
    except (OSError, EOFError, lzma.LZMAError, zlib.error):  # truncated: the command to decompress it says so
        return b""


def _database(_file: Path, header: bytes) -> str | None:
    if header[16:20] in (b"\xde\xc0\xef\xbe", b"\xbe\xef\xc0\xde"):
        return f"an LMDB database, which icereco does not read; give the SQLite or parquet files of the same events, or {_ARRAYS}"
    return None


def _pickle(file: Path, header: bytes) -> str | None:
    named = file.suffix in (".pkl", ".pickle", ".p")
    return _PICKLE if named or (header[:1] == b"\x80" and header[1] in range(2, 6)) else None


def _text(file: Path, header: bytes) -> str | None:
    """JSON or a table of text; None for other text and for bytes."""
    try:
        text = header.decode("utf-8-sig", errors="strict" if len(header) < _HEADER else "ignore")
    except UnicodeDecodeError:
        return None
    if text.lstrip()[:1] in ("{", "[") and file.suffix not in (".toml", ".ini"):
        return f"a JSON file that no reader recognises; {_ARRAYS}"
    lines = text.splitlines()
    return _table_of_text(file, lines) if len(lines) > 1 else None


def _table_of_text(file: Path, lines: list[str]) -> str | None:
    separator = next((one for one in _SEPARATORS if _has_columns(lines, one)), None)
    if separator is None:
        return None
    columns = lines[0].split(separator)
    if all(map(_is_number, columns)):
        return f"a table of text without names of its columns; write them into its first line, and {_NAMED}"
    if separator == " ":
        return f"a table of text with the columns {_some(columns)}, separated by spaces; write it with commas as {file.with_suffix('.csv').name} and {_NAMED}"
    rename = (
        ""
        if _TEXT & set(file.suffixes)
        else f"rename it to {file.with_suffix(_SEPARATORS[separator]).name} and "
    )
    return f"a table of text (CSV) with the columns {_some(columns)}; {rename}{_NAMED}"


def _has_columns(lines: list[str], separator: str) -> bool:
    """Whether the first lines are rows of a table; of words in two lines of prose they are not."""
    columns, values = lines[0].split(separator), lines[1].split(separator)
    fits = len(columns) > 1 and len(values) >= len(columns)
    return fits and (separator != " " or (len(values) == len(columns) and all(map(_is_number, values))))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
