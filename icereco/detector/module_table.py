"""Tables of modules as people have them: CSV and other text, also compressed by gzip, with or without a header, and parquet.

Each meaning has the names that files give it: GraphNeT's geometry tables, Kaggle's, IceTray's, PPC's geo-f2k and Prometheus' geofiles.
"""

import csv
import gzip
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from icereco.detector.modules import Modules
from icereco.errors import IcerecoError

__all__ = ["GEOFILE_NAMES", "TextTable", "read_module_table", "read_text", "text_table"]

_NAMES: Mapping[str, tuple[str, ...]] = {
    "x": ("x", "x_m", "dom_x", "sensor_pos_x", "sensor_x", "pos_x", "om_x"),
    "y": ("y", "y_m", "dom_y", "sensor_pos_y", "sensor_y", "pos_y", "om_y"),
    "z": ("z", "z_m", "dom_z", "sensor_pos_z", "sensor_z", "pos_z", "om_z"),
    "string": ("string", "string_id", "sensor_string_id", "du"),
    "om": ("om", "om_id", "dom", "dom_number", "floor"),
    "sensor": ("sensor_id",),
    "dom_id": ("dom_id",),
    "quantum_efficiency": ("quantum_efficiency", "rde"),
    "alive": ("alive",),
}
_OF_EVENTS = ("event_id", "event_no", "event", "time", "t", "dom_time")
"""Columns that tables of pulses have and tables of modules have not."""

GEOFILE_NAMES = ("x", "y", "z", "string", "om")
"""Columns of Prometheus' geofiles, whose last ones may be missing."""
_WITHOUT_HEADER = {
    5: ("string", "om", "x", "y", "z"),
    7: ("hardware", "serial", "x", "y", "z", "string", "om"),
}
"""Columns of tables without a header by their number: IceTray's and PPC's geo-f2k."""

_LARGEST = 256 << 20
"""Bytes of text; a detector of 200,000 modules has a tenth of that."""
_LARGEST_WHOLE = 2**31
"""Of strings, modules and KM3NeT's numbers of modules, which its files hold in 32 bits."""
_SAME_STRING_M = 2.0
"""Horizontal distance from one module of a string to the next, which hang from a cable; strings are farther apart."""
_SAME_MODULE_M = 1.0
"""Distance of the photomultipliers of a module."""
_FARTHEST_M = 100_000.0
"""Distance from the origin at which float32 resolves 8 mm."""
_WIDEST_M = 30_000.0
"""Extent that no planned detector has; in cm IceCube has 100,000."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """The rows of a table of text.

    Attributes:
        names: of the columns.
        rows: the words of each row.
        line: the number of each row in the file.
    """

    names: Sequence[str]
    rows: Sequence[Sequence[str]]
    line: Sequence[int]


def read_module_table(path: Path) -> Modules:
    """Read a parquet file, or a table of text.

    Raises:
        IcerecoError: it cannot be read, is no table of modules, or a value is wrong (with its line); says which columns are needed.
    """
    with path.open("rb") as opened:
        if opened.read(4) == b"PAR1":
            return _modules(*_of_parquet(path), path)
    return text_table(_parsed(read_text(path), path), path)


def read_text(path: Path) -> str:
    """The text of a file, which may be compressed by gzip.

    Raises:
        IcerecoError: it is no text, too large, or cannot be read.
    """
    with path.open("rb") as opened:
        compressed = opened.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if compressed else path.open("rb") as opened:
            content = opened.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise IcerecoError(f"{path}: has more than {_LARGEST >> 20} MB of text, which no detector needs")
        return content.decode("utf-8-sig")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise IcerecoError(f"{path}: is truncated or damaged ({error}); copy it again") from None
    except UnicodeDecodeError:
        raise IcerecoError(
            f"{path}: is not text, nor a parquet file, so not the geometry of a detector"
        ) from None


def text_table(table: TextTable, path: Path) -> Modules:
    """The modules of a table of text.

    Raises:
        IcerecoError: as `read_module_table`.
    """
    columns = {
        name: _numbers(table, number, path)
        for number, name in enumerate(map(_plain, table.names))
        if name in _MEANT
    }
    _require_columns([_plain(name) for name in table.names], columns, path)
    return _modules(columns, [f"line {line}" for line in table.line], path)


_MEANT = {name for names in _NAMES.values() for name in names}


def _plain(name: str) -> str:
    """A name of a column without its unit: `X [m]` is x."""
    return re.sub(r"\s*[\[(]m[\])]$", "", name.strip().lower())


def _parsed(text: str, path: Path) -> TextTable:
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    header = [line.lstrip("# ") for _, line in lines[:1] if line.startswith("#")]
    lines = [(number, line) for number, line in lines if not line.startswith("#")]
    if not lines:
        raise IcerecoError(f"{path}: lists no module")
    separator = next((mark for mark in (",", ";", "\t") if mark in lines[0][1]), None)
    try:
        words = [_words(line, separator) for _, line in lines]
    except csv.Error as error:
        raise IcerecoError(f"{path}: is not a table of modules: {error}") from None
    if not _is_number(words[0][-1]):
        return TextTable(words[0], words[1:], [number for number, _ in lines[1:]])
    names: Sequence[str] = _words(header[0], separator) if header else []
    if not {"x", "y", "z"} <= {_plain(name) for name in names}:
        names = _names_by_number(words, path)
    return TextTable(names, words, [number for number, _ in lines])


def _words(line: str, separator: str | None) -> list[str]:
    if separator is None:
        return line.split()
    return [word.strip() for word in next(csv.reader([line], delimiter=separator))]


def _names_by_number(words: Sequence[Sequence[str]], path: Path) -> Sequence[str]:
    """The names of columns without a header; string and om are whole numbers, places are not all."""
    count = len(words[0])
    if count == len(GEOFILE_NAMES) and not all(_is_whole(word) for row in words for word in row[:2]):
        return GEOFILE_NAMES
    if count not in _WITHOUT_HEADER:
        raise IcerecoError(
            f"{path}: has {count} columns and no header; without one, string om x y z, x y z string om and PPC's geo-f2k (hardware "
            "serial x y z string om) are known; write a first line with the names of the columns, such as string,om,x,y,z"
        )
    return _WITHOUT_HEADER[count]


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _is_whole(word: str) -> bool:
    return _is_number(word) and float(word).is_integer()


def _numbers(table: TextTable, column: int, path: Path) -> Float[ndarray, "row"]:
    values = []
    for line, row in zip(table.line, table.rows, strict=True):
        if len(row) != len(table.names):
            raise IcerecoError(
                f"{path}: line {line}: {len(row)} values where there are {len(table.names)} columns"
            )
        try:
            values.append(_number(row[column]))
        except ValueError:
            raise IcerecoError(
                f"{path}: line {line}: {table.names[column]} must be a number, not {row[column][:40]!r}"
            ) from None
    return np.array(values, np.float64)


def _number(word: str) -> float:
    return {"true": 1.0, "false": 0.0}[word.lower()] if word.lower() in ("true", "false") else float(word)


def _of_parquet(path: Path) -> tuple[dict[str, Float[ndarray, "row"]], list[str]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(path).names
        wanted = [name for name in names if _plain(name) in _MEANT]
        table = pq.read_table(path, columns=wanted, page_checksum_verification=True)
        columns = {
            _plain(name): table[name].cast(pa.float64()).to_numpy().astype(np.float64) for name in wanted
        }
    except (pa.ArrowException, OSError, ValueError) as error:
        raise IcerecoError(f"{path}: cannot be read as a table of modules: {error}") from None
    _require_columns(names, columns, path)
    return columns, [f"row {row}" for row in range(table.num_rows)]


def _require_columns(names: Sequence[str], columns: Mapping[str, ndarray], path: Path) -> None:
    places = [any(name in columns for name in _NAMES[axis]) for axis in "xyz"]
    of_events = [name for name in names if name in _OF_EVENTS]
    if of_events:
        raise IcerecoError(
            f"{path}: holds events (column {of_events[0]}), not the modules of a detector; see the detectors: icereco detectors"
        )
    if not all(places):
        raise IcerecoError(
            f"{path}: a table of modules needs the columns x, y, z (or dom_x, …; sensor_pos_x, …), in m, and should have string and "
            f"om; found: {', '.join(name[:40] for name in names[:12])}{', …' if len(names) > 12 else ''}"
        )


def _modules(columns: Mapping[str, Float[ndarray, "row"]], places: Sequence[str], path: Path) -> Modules:
    """The modules of a table, in the order of its sensor ids, or else of its rows."""
    column = {
        meaning: columns[name]
        for meaning, names in _NAMES.items()
        for name in reversed(names)
        if name in columns
    }
    if not len(column["x"]):
        raise IcerecoError(f"{path}: lists no module")
    for meaning, values in column.items():
        if meaning not in ("alive", "quantum_efficiency"):
            _require(np.isfinite(values), f"{meaning} must be a finite number", places, path)
    order = _order(column.get("sensor"), len(places))
    ordered = {meaning: values[order] for meaning, values in column.items()}
    where = [places[row] for row in order]
    position_m = np.stack([ordered[axis] for axis in "xyz"], axis=1)
    if (extent := float(np.ptp(position_m, axis=0).max())) > _WIDEST_M:
        raise IcerecoError(f"{path}: its modules extend over {extent:,.0f} m; places must be in m")
    _require(
        np.abs(position_m).max(axis=1) < _FARTHEST_M,
        "places must be in m, from an origin near the detector",
        where,
        path,
    )
    string = _whole(ordered, "string", where, path) if "string" in ordered else _strings(position_m)
    om = _whole(ordered, "om", where, path) if "om" in ordered else _numbered(string)
    first = _first_of_module(string, om, position_m, where, path)
    dom_id = _whole(ordered, "dom_id", where, path)[first] if "dom_id" in ordered else None
    return Modules(
        string[first],
        om[first],
        position_m[first],
        dom_id,
        ordered["quantum_efficiency"][first] if "quantum_efficiency" in ordered else None,
        ordered["alive"][first] > 0 if "alive" in ordered else None,
    )


def _order(sensor: Float[ndarray, "row"] | None, count: int) -> Int[ndarray, "row"]:
    """The rows in the order of sensor ids that count all of them from 0; else as they are."""
    if sensor is None or not np.array_equal(np.sort(sensor), np.arange(count)):
        return np.arange(count)
    return np.argsort(sensor)


def _whole(
    columns: Mapping[str, Float[ndarray, "row"]], name: str, places: Sequence[str], path: Path
) -> Int[ndarray, "row"]:
    values = columns[name]
    whole = (values == np.rint(values)) & (np.abs(values) < _LARGEST_WHOLE)
    _require(whole, f"{name} must be a whole number below 2^31", places, path)
    return values.astype(np.int64)


def _require(good: Bool[ndarray, "row"], wanted: str, places: Sequence[str], path: Path) -> None:
    bad = np.flatnonzero(~good)
    if bad.size:
        raise IcerecoError(f"{path}: {places[int(bad[0])]}: {wanted}")


def _strings(position_m: Float[ndarray, "row 3"]) -> Int[ndarray, "row"]:
    """Strings counted from 1: modules below each other that follow in the table."""
    apart = np.linalg.norm(np.diff(position_m[:, :2], axis=0), axis=1) > _SAME_STRING_M
    string: ndarray = np.concatenate([[1], 1 + np.cumsum(apart)]).astype(np.int64)
    return string


def _numbered(string: Int[ndarray, "row"]) -> Int[ndarray, "row"]:
    """Modules counted from 1 on each string, in the order of the table."""
    order = np.argsort(string, kind="stable")
    ordered = string[order]
    om = np.empty(len(string), np.int64)
    om[order] = np.arange(len(string)) - np.searchsorted(ordered, ordered) + 1
    return om


def _first_of_module(
    string: Int[ndarray, "row"],
    om: Int[ndarray, "row"],
    position_m: Float[ndarray, "row 3"],
    places: Sequence[str],
    path: Path,
) -> Int[ndarray, "module"]:
    """The first row of each module; further ones are of its photomultipliers, which are at the same place."""
    _, first, of_module = np.unique(
        np.stack([string, om], axis=1), axis=0, return_index=True, return_inverse=True
    )
    of_module = of_module.reshape(-1)
    away = np.linalg.norm(position_m - position_m[first[of_module]], axis=1)
    if (away > _SAME_MODULE_M).any():
        row = int(np.argmax(away > _SAME_MODULE_M))
        raise IcerecoError(
            f"{path}: {places[row]}: string {string[row]}, om {om[row]} is elsewhere in {places[first[of_module[row]]]}; each module "
            "needs its own string and om"
        )
    kept: ndarray = np.sort(first)
    return kept
